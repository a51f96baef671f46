"""One scenario a case: a zone, and the exit code and whole status line that it must give.

``stages`` are the stages that asked something, ``counts`` are mail_hosts, addresses, missing_ptr,
unconfirmed_ptr, name_mismatch and dns_errors, in the order of the performance data. In a zone an
address as owner stands for its name in in-addr.arpa or ip6.arpa; PORT in a status stands for
the server's.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone

MAIL = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
"""
MAIL6 = """
    example.com. MX 10 mail.example.com.
    mail.example.com. AAAA 2001:db8::25
"""
GOOD = MAIL + "192.0.2.25 PTR mail.example.com."
# Python 3.13 writes it in another way.
MAPPED = str(ipaddress.ip_address("::ffff:192.0.2.25"))
LABELS = (
    "mail_hosts",
    "addresses",
    "missing_ptr",
    "unconfirmed_ptr",
    "name_mismatch",
    "dns_errors",
)


@dataclass(frozen=True)
class Scenario:
    id: str
    zone: str
    status: str
    stages: str = "mx address ptr confirm"
    counts: str = "1 1 0 0 0 0"
    arguments: str = "-d example.com"

    @property
    def perfdata(self) -> str:
        times = [f"{stage}_time" for stage in self.stages.split()]
        counts = [f"{label}={n}" for label, n in zip(LABELS, self.counts.split())]
        return " ".join(["time", *times, *counts])


def aliases(owner: str, links: int) -> str:
    """Return a chain of so many CNAMEs and the owner name of what is at its end."""
    owners = [owner, *(f"c{number}.example." for number in range(1, links + 1))]
    records = [f"{name} CNAME {target}" for name, target in zip(owners, owners[1:])]
    return "\n".join([*records, owners[-1]]) + " "


CODES = {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}

SCENARIOS = [
    # The chain as it should be.
    Scenario(
        "ok-one-host",
        GOOD,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "ok-two-hosts-both-families",
        """
        example.com. MX 10 mail.example.com.
        example.com. MX 20 mx2.example.com.
        mail.example.com. A 192.0.2.25
        mail.example.com. AAAA 2001:db8::25
        mx2.example.com. A 192.0.2.26
        mx2.example.com. AAAA 2001:db8::26
        192.0.2.25 PTR mail.example.com.
        2001:db8::25 PTR mail.example.com.
        192.0.2.26 PTR mx2.example.com.
        2001:db8::26 PTR mx2.example.com.
        """,
        "OK - example.com: 2 mail hosts, 4 addresses, reverse DNS matches",
        "mx address ptr confirm",
        "2 4 0 0 0 0",
    ),
    Scenario(
        "ok-worked-example",
        """
        mycompany.microsoft.com. MX 10 mail.mycompany.microsoft.com.
        mycompany.microsoft.com. NS DNS.mycompany.microsoft.com.
        DNS.mycompany.microsoft.com. A 172.16.0.200
        mail.mycompany.microsoft.com. A 172.16.0.200
        200.0.16.172.in-addr.arpa. PTR mail.mycompany.microsoft.com.
        """,
        "OK - mycompany.microsoft.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-d mycompany.microsoft.com",
    ),
    Scenario(
        "ok-case-and-final-dot",
        """
        example.COM. MX 10 MAIL.Example.com.
        mail.example.com. A 192.0.2.25
        192.0.2.25 PTR Mail.EXAMPLE.com.
        """,
        "OK - Example.Com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-d Example.Com.",
    ),
    Scenario(
        "ok-rfc2317-delegated-ptr",
        MAIL
        + """
        192.0.2.25 CNAME 25.0/25.2.0.192.in-addr.arpa.
        25.0/25.2.0.192.in-addr.arpa. PTR mail.example.com.
        """,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "ok-ptr-name-is-alias",
        MAIL
        + """
        192.0.2.25 PTR mail.example.com.
        192.0.2.25 PTR alias.example.com.
        alias.example.com. CNAME mail.example.com.
        """,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
    ),
    Scenario(
        "ok-shared-address-named-after-one-host",
        """
        example.com. MX 10 mail.example.com.
        example.com. MX 20 mx2.example.com.
        mail.example.com. A 192.0.2.25
        mx2.example.com. A 192.0.2.25
        192.0.2.25 PTR mx2.example.com.
        """,
        "OK - example.com: 2 mail hosts, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        "2 1 0 0 0 0",
    ),
    Scenario(
        "ok-same-host-twice",
        GOOD + "\n    example.com. MX 20 mail.example.com.",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "ok-only-ipv4-asked",
        GOOD + "\n    mail.example.com. AAAA 2001:db8::25",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-4 -d example.com",
    ),
    Scenario(
        "ok-only-ipv6-asked",
        MAIL6 + "\n    mail.example.com. A 192.0.2.25\n    2001:db8::25 PTR mail.example.com.",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-6 -d example.com",
    ),
    Scenario(
        "ok-several-domains",
        GOOD + "\n    example.net. MX 10 mail.example.com.",
        "OK - 2 domains: 2 mail hosts, 2 addresses, reverse DNS matches",
        "mx address ptr confirm",
        "2 2 0 0 0 0",
        arguments="-d example.com -d example.net -d EXAMPLE.net",
    ),
    # International names, in both spellings.
    *(
        Scenario(
            f"ok-idn-{spelling}",
            """
            xn--bcher-kva.example. MX 10 mail.xn--bcher-kva.example.
            mail.xn--bcher-kva.example. A 192.0.2.25
            192.0.2.25 PTR mail.xn--bcher-kva.example.
            """,
            "OK - bücher.example (xn--bcher-kva.example): 1 mail host, 1 address, reverse DNS"
            " matches",
            "mx address ptr confirm",
            arguments=f"-d {domain}",
        )
        for spelling, domain in (
            ("unicode", "bücher.example"),
            ("unicode-upper-case", "BÜCHER.example"),
            ("punycode", "xn--bcher-kva.example"),
        )
    ),
    Scenario(
        "crit-idn-sharp-s-is-its-own-letter",
        "fass.example. MX 0 .",
        "CRITICAL - faß.example (xn--fa-hia.example): the domain does not exist (NXDOMAIN)"
        " [no-such-domain]",
        "mx",
        "0 0 0 0 0 0",
        arguments="-d faß.example",
    ),
    Scenario(
        "crit-idn-mail-host-shown-readably",
        """
        example.com. MX 10 xn--bcher-kva.example.com.
        xn--bcher-kva.example.com. A 192.0.2.25
        """,
        "CRITICAL - example.com: 192.0.2.25 (bücher.example.com (xn--bcher-kva.example.com))"
        " has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    # The domain and its MX records.
    Scenario(
        "crit-no-such-domain",
        "",
        "CRITICAL - example.com: the domain does not exist (NXDOMAIN) [no-such-domain]",
        "mx",
        "0 0 0 0 0 0",
    ),
    Scenario(
        "warn-implicit-mx",
        "example.com. A 192.0.2.25\n192.0.2.25 PTR example.com.",
        "WARNING - example.com: no MX record (NODATA), mail goes to the domain's own addresses"
        " [implicit-mx]",
        "mx address ptr confirm",
    ),
    Scenario(
        "warn-implicit-mx-of-an-alias-is-no-mx-that-is-an-alias",
        """
        example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        192.0.2.25 PTR real.example.net.
        """,
        "WARNING - example.com: no MX record (NODATA), mail goes to the domain's own addresses"
        " [implicit-mx]",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-implicit-mx-without-address",
        "example.com. TXT here",
        "CRITICAL - example.com: example.com has no A or AAAA record (NODATA) [no-address];"
        " no MX record (NODATA), mail goes to the domain's own addresses [implicit-mx]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "warn-null-mx",
        "example.com. MX 0 .",
        "WARNING - example.com: takes no mail (null MX) [null-mx]",
        "mx",
        "0 0 0 0 0 0",
    ),
    Scenario(
        "crit-null-mx-beside-others",
        GOOD + "\n    example.com. MX 0 .",
        "CRITICAL - example.com: MX target . is the root domain, not a host name [invalid-mx]",
        "mx address ptr confirm",
        "2 1 0 0 0 0",
    ),
    Scenario(
        "warn-null-mx-of-another-preference",
        "example.com. MX 1 .",
        "WARNING - example.com: takes no mail (null MX) [null-mx]",
        "mx",
        "0 0 0 0 0 0",
    ),
    Scenario(
        "crit-null-mx-twice",
        "example.com. MX 0 .\nexample.com. MX 1 .",
        "CRITICAL - example.com: MX target . is the root domain, not a host name [invalid-mx]",
        "mx",
        "1 0 0 0 0 0",
    ),
    *(
        Scenario(
            f"crit-mx-is-no-host-name-{kind}",
            f"example.com. MX 10 {target}.\n{target}. A 192.0.2.25",
            f"CRITICAL - example.com: MX target {shown} is no host name [invalid-mx]",
            "mx",
            "1 0 0 0 0 0",
        )
        for kind, target, shown in (
            ("comma", r"mail.example.com\,", r"mail.example.com\044"),
            ("blank", r"10\032mail.example.com", r"10\032mail.example.com"),
            ("port", r"mail.example.com:25", r"mail.example.com\05825"),
            ("hyphen-first", "-mail.example.com", "-mail.example.com"),
            ("hyphen-last", "mail-.example.com", "mail-.example.com"),
            ("all-numeric", "25.2", "25.2"),
            ("wildcard", "*.example.com", "*.example.com"),
            ("not-ascii", r"m\195\164il.example.com", r"m\195\164il.example.com"),
            ("scoped-address", r"::1%<b>", r"\058\0581\037\060b\062"),
        )
    ),
    Scenario(
        "crit-dead-mail-host-of-two-preferences",
        "example.com. MX 10 mail.example.com.\nexample.com. MX 20 mail.example.com.",
        "CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN) [no-address]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-mx-is-ipv4-address",
        "example.com. MX 10 192.0.2.25.",
        "CRITICAL - example.com: MX target 192.0.2.25 is an IP address, not a host name"
        " [invalid-mx]",
        "mx",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-mx-is-address-literal",
        "example.com. MX 10 [192.0.2.25].",
        "CRITICAL - example.com: MX target 192.0.2.25 is an IP address, not a host name"
        " [invalid-mx]",
        "mx",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-mx-is-ipv6-address",
        "example.com. MX 10 2001:db8::25.",
        "CRITICAL - example.com: MX target 2001:db8::25 is an IP address, not a host name"
        " [invalid-mx]",
        "mx",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "warn-mx-is-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        192.0.2.25 PTR real.example.net.
        """,
        "WARNING - example.com: mail.example.com is an MX target and an alias of"
        " real.example.net (CNAME) [mx-is-alias]",
        "mx address ptr confirm",
    ),
    Scenario(
        "warn-mx-is-alias-of-an-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME www.example.com.
        www.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        192.0.2.25 PTR real.example.net.
        """,
        "WARNING - example.com: mail.example.com is an MX target and an alias of"
        " real.example.net (CNAME) [mx-is-alias]",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-mx-is-alias-to-nothing",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME gone.example.net.
        """,
        "CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN) [no-address],"
        " is an MX target and an alias of gone.example.net (CNAME)"
        " [mx-is-alias]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    # Addresses.
    Scenario(
        "crit-no-address-nxdomain",
        "example.com. MX 10 mail.example.com.",
        "CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN) [no-address]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-no-address-nxdomain-and-nodata",
        "example.com. MX 10 mail.example.com.\nmail.example.com. TXT here"
        "\n! mail.example.com. AAAA nxdomain",
        "CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN) [no-address]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-no-address-nodata",
        "example.com. MX 10 mail.example.com.\nmail.example.com. TXT here",
        "CRITICAL - example.com: mail.example.com has no A or AAAA record (NODATA) [no-address]",
        "mx address",
        "1 0 0 0 0 0",
    ),
    Scenario(
        "crit-no-address-of-the-family",
        MAIL,
        "CRITICAL - example.com: mail.example.com has no AAAA record (NODATA), and nothing"
        " else was asked for [no-address]",
        "mx address",
        "1 0 0 0 0 0",
        arguments="-6 -d example.com",
    ),
    *(
        Scenario(
            f"crit-unusable-{kind}",
            f"example.com. MX 10 mail.example.com.\nmail.example.com. {rdtype} {address}",
            f"CRITICAL - example.com: {shown} (mail.example.com) is {text} address"
            " [unusable-address]",
            "mx address",
        )
        for kind, rdtype, address, shown, text in (
            ("loopback", "A", "127.0.0.1", "127.0.0.1", "a loopback"),
            ("loopback6", "AAAA", "::1", "::1", "a loopback"),
            ("unspecified", "A", "0.0.0.0", "0.0.0.0", "an unspecified"),
            ("unspecified6", "AAAA", "::", "::", "an unspecified"),
            ("link-local", "A", "169.254.1.1", "169.254.1.1", "a link-local"),
            ("link-local6", "AAAA", "fe80::1", "fe80::1", "a link-local"),
            ("multicast", "A", "224.0.0.1", "224.0.0.1", "a multicast"),
            ("multicast6", "AAAA", "ff02::1", "ff02::1", "a multicast"),
            ("broadcast", "A", "255.255.255.255", "255.255.255.255", "the broadcast"),
            ("this-network", "A", "0.1.2.3", "0.1.2.3", "a this-network"),
            ("reserved", "A", "240.0.0.1", "240.0.0.1", "a reserved"),
            ("reserved-last", "A", "255.255.255.254", "255.255.255.254", "a reserved"),
            ("protocol", "A", "192.0.0.170", "192.0.0.170", "a protocol"),
            ("protocol6", "AAAA", "2001:100::1", "2001:100::1", "a protocol"),
            ("dummy", "A", "192.0.0.8", "192.0.0.8", "a dummy"),
            ("dummy6", "AAAA", "100:0:0:1::1", "100:0:0:1::1", "a dummy"),
            ("benchmarking", "A", "198.19.0.25", "198.19.0.25", "a benchmarking"),
            ("benchmarking6", "AAAA", "2001:2::25", "2001:2::25", "a benchmarking"),
            ("discard-only", "AAAA", "100::1", "100::1", "a discard-only"),
            ("segment-routing", "AAAA", "5f00::1", "5f00::1", "a segment-routing"),
            ("site-local", "AAAA", "fec0::1", "fec0::1", "a site-local"),
            ("site-local-last", "AAAA", "feff::1", "feff::1", "a site-local"),
            ("mapped", "AAAA", "::ffff:192.0.2.25", MAPPED, "an IPv4-mapped"),
            ("compatible", "AAAA", "::c000:219", "::c000:219", "an IPv4-compatible"),
        )
    ),
    *(
        Scenario(
            f"{'warn' if rfc else 'ok'}-{address}-is-{'private' if rfc else 'not-private'}",
            f"""
            example.com. MX 10 mail.example.com.
            mail.example.com. {"AAAA" if ":" in address else "A"} {address}
            {address} PTR mail.example.com.
            """,
            f"WARNING - example.com: {address} (mail.example.com) is private ({rfc})"
            " [private-address]"
            if rfc
            else "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
            "mx address ptr confirm",
            arguments="-d example.com --state private-address=warning",
        )
        for rfc, addresses in (
            ("RFC 1918", "10.0.0.25 10.255.255.25 172.16.0.25 172.31.255.25 192.168.255.25"),
            ("RFC 6598", "100.64.0.25 100.127.255.25"),
            ("RFC 4193", "fc00::25 fdff::25"),
            ("", "11.0.0.25 172.15.0.25 172.32.0.25 192.169.0.25 fbff::25 fe00::25"),
            ("", "100.63.0.25 100.128.0.25 192.0.0.10 192.0.1.25 198.17.0.25 198.20.0.25"),
            ("", "203.0.113.25 2001:1::2 2001:200::25 3fff::25 64:ff9b:2::25"),
            ("", "192.0.0.9 2001::25 2001:1::1 2001:1::3 2001:3::25 2001:4:112::25"),
            ("", "2001:20::25 2001:30::25"),
        )
        for address in addresses.split()
    ),
    Scenario(
        "ok-address-translated-by-the-resolver-needs-no-ptr",
        GOOD + "\nmail.example.com. AAAA 64:ff9b::192.0.2.25",
        "OK - example.com: 1 mail host, 2 addresses, reverse DNS matches",
        counts="1 2 0 0 0 0",
    ),
    Scenario(
        "ok-address-translated-locally-is-all-that-is-seen",
        GOOD + "\nmail.example.com. AAAA 64:ff9b:1::192.0.2.25",
        "OK - example.com: 1 mail host, 1 address, reverse DNS not checked, as all is translated",
        "mx address",
        arguments="-6 -d example.com",
    ),
    Scenario(
        "ok-private-address-by-default",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 10.0.0.25
        10.0.0.25 PTR mail.example.com.
        """,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    # PTR records.
    Scenario(
        "crit-missing-ptr-nxdomain",
        MAIL,
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    Scenario(
        "crit-missing-ptr-nodata",
        MAIL + "192.0.2.25 TXT here",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record (NODATA)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    Scenario(
        "crit-missing-ptr-ipv6",
        MAIL6,
        "CRITICAL - example.com: 2001:db8::25 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    Scenario(
        "crit-missing-ptr-behind-rfc2317",
        MAIL + "192.0.2.25 CNAME 25.0-127.2.0.192.in-addr.arpa.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    Scenario(
        "crit-one-of-two-addresses",
        GOOD + "\n    mail.example.com. A 192.0.2.26",
        "CRITICAL - example.com: 192.0.2.26 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr confirm",
        "1 2 1 0 0 0",
    ),
    Scenario(
        "crit-unconfirmed-ptr-other-address",
        MAIL + "192.0.2.25 PTR other.example.net.\n    other.example.net. A 192.0.2.99",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR other.example.net,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    Scenario(
        "crit-unconfirmed-ptr-nxdomain",
        MAIL + "192.0.2.25 PTR other.example.net.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR other.example.net,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    Scenario(
        "crit-unconfirmed-ptr-final-dot-missing",
        MAIL + "192.0.2.25 PTR mail.example.com.2.0.192.in-addr.arpa.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR"
        " mail.example.com.2.0.192.in-addr.arpa, which does not resolve back to it (is a final dot"
        " missing in the zone?) [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    Scenario(
        "crit-unconfirmed-ptr-only-other-family",
        MAIL + "192.0.2.25 PTR other.example.net.\n    other.example.net. AAAA 2001:db8::25",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR other.example.net,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    Scenario(
        "crit-unconfirmed-ptr-ipv6",
        MAIL6 + "2001:db8::25 PTR other.example.net.\n    other.example.net. AAAA 2001:db8::26",
        "CRITICAL - example.com: 2001:db8::25 (mail.example.com) has PTR other.example.net,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    *(
        Scenario(
            f"crit-invalid-ptr-{kind}",
            MAIL + f"192.0.2.25 PTR {name}",
            f"CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR {shown},"
            " which is no host name [invalid-ptr]",
            "mx address ptr",
        )
        for kind, name, shown in (
            ("root", ".", "."),
            ("all-numeric", "192.0.2.25.", "192.0.2.25"),
            ("hyphen-first", "-mail.example.com.", "-mail.example.com"),
            ("hyphen-last", "mail-.example.com.", "mail-.example.com"),
            ("hyphen-alone", "-.example.com.", "-.example.com"),
            ("blank", r"ma\032il.example.com.", r"ma\032il.example.com"),
            ("slash", "ma/il.example.com.", "ma/il.example.com"),
            ("non-ascii", r"m\228il.example.com.", r"m\228il.example.com"),
        )
    ),
    Scenario(
        "ok-digits-in-one-label-are-a-host-name",
        """
        example.com. MX 10 25.example.com.
        25.example.com. A 192.0.2.25
        192.0.2.25 PTR 25.example.com.
        """,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-invalid-and-unconfirmed-are-unconfirmed",
        MAIL + "192.0.2.25 PTR .\n    192.0.2.25 PTR gone.example.net.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR ., gone.example.net,"
        " none of which resolves back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    Scenario(
        "crit-invalid-ptr-all-of-several",
        MAIL + "192.0.2.25 PTR .\n    192.0.2.25 PTR -x.example.net.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR ., -x.example.net,"
        " none of which is a host name [invalid-ptr]",
        "mx address ptr",
    ),
    Scenario(
        "warn-mixed-ptr-unconfirmed",
        GOOD + "\n    192.0.2.25 PTR gone.example.net.",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 2 PTR names, of which"
        " gone.example.net does not resolve back to it [mixed-ptr]",
    ),
    Scenario(
        "warn-mixed-ptr-invalid",
        GOOD + "\n    192.0.2.25 PTR -x.example.net.",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 2 PTR names, of which"
        " -x.example.net does not resolve back to it [mixed-ptr]",
        "mx address ptr confirm",
    ),
    Scenario(
        "warn-mixed-ptr-unconfirmed-and-invalid",
        GOOD + "\n    192.0.2.25 PTR gone.example.net.\n    192.0.2.25 PTR .",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 3 PTR names, of which"
        " ., gone.example.net do not resolve back to it [mixed-ptr]",
    ),
    Scenario(
        "warn-mixed-ptr-four-are-named-the-others-counted",
        GOOD + "".join(f"\n    192.0.2.25 PTR n{n}.example.net." for n in range(7)),
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 8 PTR names, of which"
        " n0.example.net, n1.example.net, n2.example.net, n3.example.net, 3 more"
        " do not resolve back to it [mixed-ptr]",
    ),
    Scenario(
        "warn-mixed-ptr-four-are-all-named",
        GOOD + "".join(f"\n    192.0.2.25 PTR n{n}.example.net." for n in range(4)),
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 5 PTR names, of which"
        " n0.example.net, n1.example.net, n2.example.net, n3.example.net"
        " do not resolve back to it [mixed-ptr]",
    ),
    # Whose host it is.
    *(
        Scenario(
            f"{id}",
            f"""
            {domain}. MX 10 {host}.
            {host}. A 192.0.2.25
            192.0.2.25 PTR other.example.net.
            other.example.net. A 192.0.2.25
            """,
            f"WARNING - {domain}: 192.0.2.25 ({host}) has PTR other.example.net, not the name of"
            " the mail host [name-mismatch]",
            counts="1 1 0 0 1 0",
            arguments=f"-d {domain}",
        )
        for id, domain, host in (
            ("warn-name-mismatch-of-a-host-below-the-domain", "example.com", "mx.example.com"),
            ("warn-name-mismatch-of-the-domain-itself", "example.com", "example.com"),
            ("warn-name-mismatch-of-a-host-above-the-domain", "lists.example.com", "example.com"),
        )
    ),
    *(
        Scenario(
            f"{state.lower()[:4]}-provider-name{id}",
            """
            example.com. MX 10 mx.hoster.example.
            mx.hoster.example. A 192.0.2.25
            192.0.2.25 PTR a1.hosts.example.
            a1.hosts.example. A 192.0.2.25
            """,
            f"{state} - example.com: {said}",
            arguments=f"-d example.com{arguments}",
        )
        for id, state, said, arguments in (
            ("", "OK", "1 mail host, 1 address, reverse DNS matches", ""),
            (
                "-where-a-hoster-wants-it",
                "WARNING",
                "192.0.2.25 (mx.hoster.example) has PTR a1.hosts.example, not the name of the mail"
                " host, which is its provider's to choose [provider-name]",
                " --state provider-name=warning",
            ),
        )
    ),
    Scenario(
        "warn-name-mismatch-of-an-own-host-behind-an-alias-of-another-zone",
        """
        example.com. MX 10 mx.hoster.example.
        mx.hoster.example. CNAME mail.example.com.
        mail.example.com. A 192.0.2.25
        192.0.2.25 PTR a1.hosts.example.
        a1.hosts.example. A 192.0.2.25
        """,
        "WARNING - example.com: mx.hoster.example is an MX target and an alias of mail.example.com"
        " (CNAME) [mx-is-alias]; 192.0.2.25 (mx.hoster.example) has PTR a1.hosts.example, not the"
        " name of the mail host [name-mismatch]",
        "mx address ptr confirm",
        "1 1 0 0 1 0",
    ),
    Scenario(
        "warn-name-mismatch-of-a-host-that-another-domain-of-the-run-has-as-its-own",
        """
        example.com. MX 10 mx.hoster.example.
        hoster.example. MX 10 mx.hoster.example.
        mx.hoster.example. A 192.0.2.25
        192.0.2.25 PTR a1.hosts.example.
        a1.hosts.example. A 192.0.2.25
        """,
        "WARNING - 2 of 2 domains have problems: 2 domains: 192.0.2.25 (mx.hoster.example) has PTR"
        " a1.hosts.example, not the name of the mail host [name-mismatch]",
        counts="2 2 0 0 1 0",
        arguments="-d example.com hoster.example",
    ),
    Scenario(
        "warn-mixed-ptr-later-one-confirms-and-mismatches",
        MAIL
        + """
        192.0.2.25 PTR aaa.example.net.
        192.0.2.25 PTR zzz.example.net.
        zzz.example.net. A 192.0.2.25
        """,
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 2 PTR names, of which"
        " aaa.example.net does not resolve back to it [mixed-ptr],"
        " has PTR aaa.example.net, zzz.example.net,"
        " not the name of the mail host [name-mismatch]",
        counts="1 1 0 0 1 0",
    ),
    Scenario(
        "ok-several-ptr-all-confirm",
        GOOD + "\n    192.0.2.25 PTR www.example.com.\n    www.example.com. A 192.0.2.25",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
    ),
    Scenario(
        "crit-one-ptr-name-fails-others-confirm",
        GOOD + "\n    192.0.2.25 PTR broken.example.net.\n! broken.example.net. A rcode SERVFAIL",
        "CRITICAL - example.com: A lookup of broken.example.net, PTR of 192.0.2.25"
        " (mail.example.com), failed: SERVFAIL from 127.0.0.1#PORT [dns-failure]",
        counts="1 1 0 0 0 1",
    ),
    Scenario(
        "crit-forward-servfail-is-no-unconfirmed-ptr",
        MAIL + "192.0.2.25 PTR broken.example.net.\n! broken.example.net. A rcode SERVFAIL",
        "CRITICAL - example.com: A lookup of broken.example.net, PTR of 192.0.2.25"
        " (mail.example.com), failed: SERVFAIL from 127.0.0.1#PORT [dns-failure]",
        counts="1 1 0 0 0 1",
    ),
    Scenario(
        "crit-invalid-beside-failing-is-no-invalid-ptr",
        MAIL
        + """
        192.0.2.25 PTR .
        192.0.2.25 PTR broken.example.net.
        ! broken.example.net. A rcode SERVFAIL
        """,
        "CRITICAL - example.com: A lookup of broken.example.net, PTR of 192.0.2.25"
        " (mail.example.com), failed: SERVFAIL from 127.0.0.1#PORT [dns-failure]",
        counts="1 1 0 0 0 1",
    ),
    Scenario(
        "warn-name-mismatch",
        MAIL + "192.0.2.25 PTR other.example.net.\n    other.example.net. A 192.0.2.25",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has PTR other.example.net,"
        " not the name of the mail host [name-mismatch]",
        counts="1 1 0 0 1 0",
    ),
    Scenario(
        "warn-underscore-ptr",
        """
        example.com. MX 10 mail_1.example.com.
        mail_1.example.com. A 192.0.2.25
        192.0.2.25 PTR mail_1.example.com.
        """,
        "WARNING - example.com: 192.0.2.25 (mail_1.example.com) has PTR mail_1.example.com,"
        " with an underscore [underscore-ptr]",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-underscore-unconfirmed-is-only-unconfirmed",
        MAIL + "192.0.2.25 PTR a_b.example.net.",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR a_b.example.net,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    *(
        Scenario(
            f"warn-generic-ptr-{kind}",
            f"""
            example.com. MX 10 {name}.
            {name}. {rdtype} {address}
            {address} PTR {name}.
            """,
            f"WARNING - example.com: {address} ({name}) has PTR {name},"
            " which spells out the address [generic-ptr]",
            "mx address ptr confirm",
        )
        for kind, name, rdtype, address in (
            ("dashes", "dsl-192-0-2-25.example.net", "A", "192.0.2.25"),
            ("dots", "192.0.2.25.pool.example.net", "A", "192.0.2.25"),
            ("reversed", "25.2.0.192.pool.example.net", "A", "192.0.2.25"),
            ("reversed-dashes", "h25-2-0-192.example.net", "A", "192.0.2.25"),
            ("zero-padded", "ip192-000-002-025.example.net", "A", "192.0.2.25"),
            ("three-digits-each", "host192000002025.example.net", "A", "192.0.2.25"),
            ("last-octet-before", "25.red-192-0-2.example.net", "A", "192.0.2.25"),
            ("last-octet-before-ip", "25.ip-192-0-2.example.net", "A", "192.0.2.25"),
            ("hex", "c0000219.example.net", "A", "192.0.2.25"),
            ("hex-reversed", "190200c0.example.net", "A", "192.0.2.25"),
            ("hex-upper-case", "C0000219.example.net", "A", "192.0.2.25"),
            ("hex-in-parts", "h-c0-00-02-19.example.net", "A", "192.0.2.25"),
            ("after-another-number", "dsl7-192-0-2-25.example.net", "A", "192.0.2.25"),
            ("before-another-number", "dsl-192-0-2-25-7.example.net", "A", "192.0.2.25"),
            ("reversed-beside-a-number", "25-2-0-192-7.example.net", "A", "192.0.2.25"),
            ("ipv6-groups", "h-2001-db8-0-0-0-0-0-25.example.net", "AAAA", "2001:db8::25"),
            ("ipv6-groups-after-a-number", "7-2001-db8-0-0-0-0-0-25.xyz", "AAAA", "2001:db8::25"),
            ("ipv6-high-groups", "2001-db8-0-0-0-0-fe00-25.xyz", "AAAA", "2001:db8::fe00:25"),
            ("ipv6-groups-padded", "2001-0db8-0-0-0-0-0-0025.xyz", "AAAA", "2001:db8::25"),
            ("ipv6-compressed", "2001-db8--25.example.net", "AAAA", "2001:db8::25"),
            ("ipv6-compressed-after-a-dash", "h-2001-db8--25.xyz", "AAAA", "2001:db8::25"),
            (
                "ipv6-nibbles-reversed",
                f"5.2.{'0.' * 22}8.b.d.0.1.0.0.2.xyz",
                "AAAA",
                "2001:db8::25",
            ),
            (
                "ipv6-hex",
                "20010db8000000000000000000000025.example.net",
                "AAAA",
                "2001:db8::25",
            ),
        )
    ),
    *(
        Scenario(
            f"ok-not-generic-{kind}",
            f"""
            example.com. MX 10 {name}.
            {name}. {rdtype} {address}
            {address} PTR {name}.
            """,
            "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
            "mx address ptr confirm",
        )
        for kind, name, rdtype, address in (
            ("part-of-a-longer-number", "h1192-0-2-251.example.net", "A", "192.0.2.25"),
            ("other-address", "h-192-0-2-26.example.net", "A", "192.0.2.25"),
            ("three-octets", "h-0-2-25.example.net", "A", "192.0.2.25"),
            ("octets-of-two-words", "h192-0x2-25.example.net", "A", "192.0.2.25"),
            ("octets-in-another-order", "h0-192-2-25.example.net", "A", "192.0.2.25"),
            ("part-of-longer-hex", "ac0000219f.example.net", "A", "192.0.2.25"),
            ("end-of-longer-hex", "ac0000219.example.net", "A", "192.0.2.25"),
            ("start-of-longer-hex", "c0000219f.example.net", "A", "192.0.2.25"),
            ("hex-of-two-words", "c000x0219.example.net", "A", "192.0.2.25"),
            ("hex-digits-reversed", "9120000c.example.net", "A", "192.0.2.25"),
            ("ipv6-in-part", "2001-db8-0-0-25.xyz", "AAAA", "2001:db8::25"),
            ("ipv6-of-another", "2001-db8--26.xyz", "AAAA", "2001:db8::25"),
            (
                "ipv6-octets-reversed",
                "2500000000000000000000000b80d0120.xyz",
                "AAAA",
                "2001:db8::25",
            ),
        )
    ),
    # Lookups that fail: each in its own words, none as a missing record.
    *(
        Scenario(
            f"{state.lower()[:4]}-mx-{kind}",
            f"{GOOD}\n! example.com. MX {fault}",
            f"{state} - example.com: MX lookup {text}",
            "mx",
            "0 0 0 0 0 1",
            arguments="-d example.com -t 2",
        )
        for kind, fault, state, text in (
            (
                "servfail",
                "rcode SERVFAIL",
                "CRITICAL",
                "failed: SERVFAIL from 127.0.0.1#PORT [dns-failure]",
            ),
            (
                "refused",
                "rcode REFUSED",
                "CRITICAL",
                "failed: REFUSED from 127.0.0.1#PORT [dns-failure]",
            ),
            (
                "formerr",
                "rcode FORMERR",
                "CRITICAL",
                "failed: FORMERR from 127.0.0.1#PORT [dns-failure]",
            ),
            (
                "referral",
                "referral a.root-servers.example.",
                "CRITICAL",
                "failed: referral to a.root-servers.example (no recursion)"
                " from 127.0.0.1#PORT [dns-failure]",
            ),
        )
    ),
    Scenario(
        "crit-ptr-servfail-with-ede",
        MAIL + "! 192.0.2.25 PTR rcode SERVFAIL 22 No reachable authority",
        "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL"
        " (EDE 22 No Reachable Authority: No reachable authority) from 127.0.0.1#PORT"
        " [dns-failure]",
        "mx address ptr",
        "1 1 0 0 0 1",
    ),
    *(
        Scenario(
            f"crit-ptr-servfail-with-ede-{id}",
            MAIL + f"! 192.0.2.25 PTR rcode SERVFAIL 7 {text}",
            "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL"
            f" (EDE 7 Signature Expired: {shown}) from 127.0.0.1#PORT [dns-failure]",
            "mx address ptr",
            "1 1 0 0 0 1",
        )
        for id, text, shown in (
            ("of-unbound", "failure <a.example. A IN>", "failure (a.example. A IN)"),
            ("escaped-by-the-resolver", r'of\\032\\"a.example\\" \\300', r"of a.example \092300"),
        )
    ),
    Scenario(
        "crit-ptr-servfail-with-ede-of-a-later-rfc",
        MAIL + "! 192.0.2.25 PTR rcode SERVFAIL 49999 ask us",
        "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL"
        " (EDE 49999 unknown code: ask us) from 127.0.0.1#PORT [dns-failure]",
        "mx address ptr",
        "1 1 0 0 0 1",
    ),
    Scenario(
        "crit-ptr-refused",
        MAIL + "! 192.0.2.25 PTR rcode REFUSED",
        "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: REFUSED"
        " from 127.0.0.1#PORT [dns-failure]",
        "mx address ptr",
        "1 1 0 0 0 1",
    ),
    Scenario(
        "crit-address-servfail-is-no-missing-address",
        "example.com. MX 10 mail.example.com.\n! mail.example.com. * rcode SERVFAIL",
        "CRITICAL - example.com: A lookup of mail.example.com failed: SERVFAIL from"
        " 127.0.0.1#PORT [dns-failure]; AAAA lookup of mail.example.com failed: SERVFAIL from"
        " 127.0.0.1#PORT [dns-failure]",
        "mx address",
        "1 0 0 0 0 2",
    ),
    Scenario(
        "crit-aaaa-servfail-beside-good-a",
        GOOD + "\n! mail.example.com. AAAA rcode SERVFAIL",
        "CRITICAL - example.com: AAAA lookup of mail.example.com failed: SERVFAIL from"
        " 127.0.0.1#PORT [dns-failure]",
        "mx address ptr confirm",
        "1 1 0 0 0 1",
    ),
    Scenario(
        "crit-cname-loop",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME loop.example.com.
        loop.example.com. CNAME mail.example.com.
        ! mail.example.com. * rcode NOERROR
        """,
        "CRITICAL - example.com: A lookup of mail.example.com failed: CNAME loop or too long a"
        " chain (mail.example.com, loop.example.com) from 127.0.0.1#PORT [dns-failure]; AAAA lookup"
        " of mail.example.com failed: CNAME loop or too long a chain (mail.example.com,"
        " loop.example.com) from 127.0.0.1#PORT [dns-failure]",
        "mx address",
        "1 0 0 0 0 2",
    ),
    Scenario(
        "crit-alias-not-followed-is-no-nodata",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        ! mail.example.com. * norecursion
        """,
        "CRITICAL - example.com: A lookup of mail.example.com failed: neither"
        " records nor their denial (no recursion) from 127.0.0.1#PORT [dns-failure]; AAAA lookup of"
        " mail.example.com failed: neither records nor their denial (no recursion) from"
        " 127.0.0.1#PORT [dns-failure]",
        "mx address",
        "1 0 0 0 0 2",
    ),
    # Servers with odd manners whose answers are good.
    *(
        Scenario(
            f"ok-{kind}",
            f"{GOOD}\n! * * {fault}",
            "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
            "mx address ptr confirm",
        )
        for kind, fault in (
            ("formerr-to-edns", "noedns"),
            ("badvers-to-edns", "badvers"),
            ("edns-ignored", "ignoreedns"),
            ("malformed-opt-falls-back", "badopt"),
            ("two-opts-fall-back", "twoopts"),
            ("records-of-another-name-beside-the-true-ones", "stranger"),
            ("edns-dropped", "dropedns"),
            ("truncated-then-tcp", "truncate"),
            ("spoofed-answers-ignored", "spoof"),
            ("duplicate-answers", "duplicate"),
            ("case-changed", "case"),
            ("first-datagram-lost", "drop 1"),
            ("slower-than-a-try", "delay 0.8"),
            ("ede-beside-answer", "ede 3 served stale"),
        )
    ),
    *(
        Scenario(
            f"{state.lower()[:4]}-{kind}",
            f"{MAIL}\n! 192.0.2.25 PTR {fault}",
            f"{state} - example.com: PTR lookup of 192.0.2.25 (mail.example.com) {text}",
            "mx address ptr",
            "1 1 0 0 0 1",
            "-d example.com -t 1.5",
        )
        for kind, fault, state, text in (
            (
                "tcp-refused-after-truncation",
                "notcp",
                "CRITICAL",
                "failed: truncated answer, and over TCP connection reset by peer"
                " from 127.0.0.1#PORT [dns-failure]",
            ),
        )
    ),
    # Records of other names are no answer.
    Scenario(
        "crit-records-of-another-name-are-no-answer-and-no-nodata",
        GOOD + "\n! 192.0.2.25 PTR otherowner",
        "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: records of"
        " other names from 127.0.0.1#PORT [dns-failure]",
        "mx address ptr",
        "1 1 0 0 0 1",
    ),
    # Other ways to a PTR record.
    *(
        Scenario(
            f"ok-ptr-behind-{links}-aliases",
            MAIL + aliases("192.0.2.25", links) + "PTR mail.example.com.",
            "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
            "mx address ptr confirm",
        )
        for links in (1, 15)
    ),
    # dnspython follows 15; the resolvers in use give up before.
    *(
        Scenario(
            f"crit-ptr-behind-{links}-aliases-is-no-missing-ptr",
            MAIL + aliases("192.0.2.25", links) + "PTR mail.example.com.",
            "CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed: CNAME loop"
            " or too long a chain (25.2.0.192.in-addr.arpa, c1.example, c2.example, c3.example)"
            " from 127.0.0.1#PORT [dns-failure]",
            "mx address ptr",
            "1 1 0 0 0 1",
        )
        for links in (16, 17)
    ),
    Scenario(
        "ok-ptr-name-behind-15-aliases",
        GOOD + "\n192.0.2.25 PTR www.example.\n" + aliases("www.example.", 15) + "A 192.0.2.25",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
    ),
    *(
        Scenario(
            f"crit-ptr-name-behind-{links}-aliases-is-no-unconfirmed-ptr",
            MAIL
            + "192.0.2.25 PTR www.example.\n"
            + aliases("www.example.", links)
            + "A 192.0.2.25",
            "CRITICAL - example.com: A lookup of www.example, PTR of 192.0.2.25 (mail.example.com),"
            " failed: CNAME loop or too long a chain (www.example, c1.example, c2.example,"
            " c3.example) from 127.0.0.1#PORT [dns-failure]",
            counts="1 1 0 0 0 1",
        )
        for links in (16, 17)
    ),
    Scenario(
        "ok-dname-of-the-reverse-zone",
        MAIL
        + """
        2.0.192.in-addr.arpa. DNAME rev.isp.example.
        25.rev.isp.example. PTR mail.example.com.
        """,
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-missing-ptr-behind-dname",
        MAIL + "2.0.192.in-addr.arpa. DNAME rev.isp.example.\nrev.isp.example. TXT here",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
    ),
    Scenario(
        "ok-wildcard-ptr",
        MAIL + "*.2.0.192.in-addr.arpa. PTR mail.example.com.",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
    ),
    Scenario(
        "crit-wildcard-ptr-of-another-host",
        MAIL + "*.192.in-addr.arpa. PTR pool.isp.example.\npool.isp.example. A 192.0.2.99",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR pool.isp.example,"
        " which does not resolve back to it [unconfirmed-ptr]",
        counts="1 1 0 1 0 0",
    ),
    # States as the user wants them.
    Scenario(
        "ok-missing-ptr-accepted",
        MAIL,
        "OK - example.com: 1 mail host, 1 address, accepted: 192.0.2.25 (mail.example.com)"
        " has no PTR record (NXDOMAIN) [missing-ptr]",
        "mx address ptr",
        "1 1 1 0 0 0",
        arguments="-d example.com --state missing-ptr=ok",
    ),
    Scenario(
        "crit-name-mismatch-by-state",
        MAIL + "192.0.2.25 PTR other.example.net.\n    other.example.net. A 192.0.2.25",
        "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR other.example.net,"
        " not the name of the mail host [name-mismatch]",
        counts="1 1 0 0 1 0",
        arguments="-d example.com --state missing-ptr=ok --state name-mismatch=critical",
    ),
    Scenario(
        "unkn-by-state",
        "example.com. MX 0 .",
        "UNKNOWN - example.com: takes no mail (null MX) [null-mx]",
        "mx",
        "0 0 0 0 0 0",
        arguments="-d example.com --state null-mx=unknown",
    ),
    # Several problems, worst first; a proven fault outranks a lookup that did not end.
    Scenario(
        "crit-outranks-unknown",
        MAIL
        + """
        mail.example.com. A 192.0.2.26
        ! 192.0.2.25 PTR rcode SERVFAIL
        ! 192.0.2.26 PTR rcode SERVFAIL
        mail.example.com. A 192.0.2.27
        """,
        "CRITICAL - example.com: 192.0.2.27 (mail.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]; PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL from"
        " 127.0.0.1#PORT [dns-failure]; PTR lookup of 192.0.2.26 (mail.example.com) failed:"
        " SERVFAIL from 127.0.0.1#PORT [dns-failure]",
        "mx address ptr",
        "1 3 1 0 0 2",
        arguments="-d example.com --state dns-failure=unknown",
    ),
    Scenario(
        "warn-outranks-unknown",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.com.
        real.example.com. A 192.0.2.25
        ! 192.0.2.25 PTR rcode SERVFAIL
        """,
        "WARNING - example.com: mail.example.com is an MX target and an alias of"
        " real.example.com (CNAME) [mx-is-alias]; PTR lookup of 192.0.2.25 (mail.example.com)"
        " failed: SERVFAIL from 127.0.0.1#PORT [dns-failure]",
        "mx address ptr",
        "1 1 0 0 0 1",
        arguments="-d example.com --state dns-failure=unknown",
    ),
    Scenario(
        "crit-one-of-three-domains",
        GOOD + "\n    example.net. MX 0 .\n",
        "CRITICAL - 2 of 3 domains have problems: example.org: the domain does not exist"
        " (NXDOMAIN) [no-such-domain]; example.net: takes no mail (null MX) [null-mx]",
        "mx address ptr confirm",
        arguments="-d example.com example.net example.org",
    ),
    # More than the check is willing to follow.
    Scenario(
        "warn-too-many-hosts",
        "\n".join(f"example.com. MX {i} mail.example.com." for i in range(3))
        + "\n".join(f"\nexample.com. MX {i} h{i}.example.com." for i in range(100, 203))
        + "\nmail.example.com. A 192.0.2.25\n*.example.com. A 192.0.2.25"
        + "\n192.0.2.25 PTR mail.example.com.",
        "WARNING - example.com: 4 mail hosts were left out [too-many]",
        "mx address ptr confirm",
        "100 1 0 0 0 0",
    ),
    Scenario(
        "warn-too-many-addresses",
        "example.com. MX 10 mail.example.com.\n"
        + "\n".join(
            f"mail.example.com. A 198.51.{i // 250}.{i % 250}\n"
            f"198.51.{i // 250}.{i % 250} PTR mail.example.com."
            for i in range(507)
        ),
        "WARNING - example.com: 7 addresses were left out [too-many]",
        "mx address ptr confirm",
        "1 500 0 0 0 0",
    ),
    *(
        Scenario(
            f"warn-too-many-ptr-names-to-say-that-none-{id}",
            MAIL
            + "\n".join(f"192.0.2.25 PTR {label}{i:03d}.example.org." for i in range(101))
            + f"\n{forward}",
            "WARNING - example.com: 192.0.2.25 (mail.example.com) has 1 PTR name that was left"
            " out [too-many]",
            "mx address ptr" + " confirm" * (label != "-"),
        )
        for id, label, forward in (
            ("leads-back", "n", "*.example.org. A 192.0.2.99"),
            ("is-a-host-name", "-", ""),
            ("fits", "n", "*.example.org. A 192.0.2.25"),
        )
    ),
    Scenario(
        "warn-too-many-ptr-names-the-hosts-own-is-followed-first",
        MAIL
        + "192.0.2.25 PTR mail.example.com.\n"
        + "\n".join(f"192.0.2.25 PTR a{i:03d}.example.com." for i in range(102))
        + "\n*.example.com. A 192.0.2.99",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 103 PTR names, of which"
        " a000.example.com, a001.example.com, a002.example.com, a003.example.com, 95 more do not"
        " resolve back to it [mixed-ptr], has 3 PTR names that were left out"
        " [too-many]",
    ),
    Scenario(
        "warn-too-many-ptr-names",
        MAIL
        + "192.0.2.25 PTR mail.example.com.\n"
        + "\n".join(f"192.0.2.25 PTR n{i:03d}.example.com." for i in range(102))
        + "\n*.example.com. A 192.0.2.25",
        "WARNING - example.com: 192.0.2.25 (mail.example.com) has 3 PTR names that were left out"
        " [too-many]",
    ),
]


@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.id) for s in SCENARIOS])
def test_scenario(plugin: Plugin, scenario: Scenario) -> None:
    with NameServer(zone(scenario.zone)) as server:
        output = plugin.ask(server, *scenario.arguments.split())
        expected = "REVERSE_MX " + scenario.status.replace("#PORT", f"#{server.port}")
    assert output.status == expected
    assert output.counts == scenario.perfdata
    assert output.code == CODES[scenario.status.split()[0]]
    assert output.stderr == ""
    assert len(output.stdout.splitlines()) == 1
