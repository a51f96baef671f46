"""Senders, what is ignored, and runs without reverse lookups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone
from tests.scenarios.test_scenarios import CODES, GOOD, Scenario

OUT = "out.example.com. A 192.0.2.40\n    192.0.2.40 PTR out.example.com."
OUT6 = "out.example.com. AAAA 2001:db8::40\n    2001:db8::40 PTR out.example.com."

SCENARIOS = [
    Scenario(
        "ok-sender-of-the-family-that-is-not-asked-for",
        OUT + "\n    " + OUT6,
        "OK - 2001:db8::40: 1 mail host, 1 address, reverse DNS matches",
        "address ptr confirm",
        arguments="-4 --sender 2001:db8::40=out.example.com",
    ),
    Scenario(
        "ok-sender-host",
        OUT + "\n    " + OUT6,
        "OK - out.example.com: 1 mail host, 2 addresses, reverse DNS matches",
        "address ptr confirm",
        "1 2 0 0 0 0",
        "--sender out.example.com",
    ),
    Scenario(
        "ok-sender-address",
        OUT,
        "OK - 192.0.2.40: 1 mail host, 1 address, reverse DNS matches",
        "ptr confirm",
        arguments="--sender 192.0.2.40",
    ),
    Scenario(
        "ok-sender-ipv6-address",
        OUT6,
        "OK - 2001:db8::40: 1 mail host, 1 address, reverse DNS matches",
        "ptr confirm",
        arguments="--sender 2001:db8::40",
    ),
    *(
        Scenario(
            f"ok-sender-{address}",
            f"{OUT}\n    {OUT6}",
            f"OK - {shown}: 1 mail host, 1 address, reverse DNS matches",
            "ptr confirm",
            arguments=f"--sender {address}",
        )
        for address, shown in (
            ("[192.0.2.40]", "192.0.2.40"),
            ("192.0.2.40.", "192.0.2.40"),
            ("[IPv6:2001:db8::40]", "2001:db8::40"),
            ("[ipv6:2001:DB8::40]", "2001:db8::40"),
        )
    ),
    Scenario(
        "crit-sender-address-missing-ptr",
        "",
        "CRITICAL - 192.0.2.40: 192.0.2.40 has no PTR record (NXDOMAIN) [missing-ptr]",
        "ptr",
        "1 1 1 0 0 0",
        "--sender 192.0.2.40",
    ),
    Scenario(
        "crit-sender-address-unusable",
        "",
        "CRITICAL - 127.0.0.1: 127.0.0.1 is a loopback address [unusable-address]",
        "",
        "1 1 0 0 0 0",
        "--sender 127.0.0.1",
    ),
    Scenario(
        "crit-sender-address-unusable-with-a-name-in-ehlo",
        "out.example.com. A 192.0.2.40",
        "CRITICAL - 127.0.0.1: 127.0.0.1 is a loopback address [unusable-address], says"
        " out.example.com in EHLO, which does not resolve to it [helo-mismatch]",
        "address",
        "1 1 0 0 0 0",
        "--sender 127.0.0.1=out.example.com -v",
    ),
    # The name in EHLO.
    Scenario(
        "ok-helo",
        "192.0.2.40 PTR out.example.com.\nout.example.com. A 192.0.2.40",
        "OK - 192.0.2.40: 1 mail host, 1 address, reverse DNS matches",
        "address ptr confirm",
        arguments="--sender 192.0.2.40=Out.Example.COM.",
    ),
    Scenario(
        "warn-helo-mismatch-is-no-ptr",
        """
        192.0.2.40 PTR out.example.com.
        out.example.com. A 192.0.2.40
        mail.example.com. A 192.0.2.40
        """,
        "WARNING - 192.0.2.40: 192.0.2.40 says mail.example.com in EHLO, which is not its PTR"
        " out.example.com [helo-mismatch]",
        "address ptr confirm",
        arguments="--sender 192.0.2.40=mail.example.com",
    ),
    Scenario(
        "warn-helo-mismatch-does-not-resolve-to-the-address",
        """
        192.0.2.40 PTR out.example.com.
        192.0.2.40 PTR mail.example.com.
        out.example.com. A 192.0.2.40
        mail.example.com. A 192.0.2.41
        """,
        "WARNING - 192.0.2.40: 192.0.2.40 has 2 PTR names, of which mail.example.com does not"
        " resolve back to it [mixed-ptr], says mail.example.com in EHLO, which does not"
        " resolve to it [helo-mismatch]",
        "address ptr confirm",
        arguments="--sender 192.0.2.40=mail.example.com",
    ),
    Scenario(
        "warn-helo-mismatch-of-one-of-a-hosts-addresses-in-place-of-name-mismatch",
        """
        out.example.com. A 192.0.2.40
        out.example.com. A 192.0.2.41
        192.0.2.40 PTR mail.example.com.
        192.0.2.41 PTR other.example.com.
        mail.example.com. A 192.0.2.40
        other.example.com. A 192.0.2.41
        """,
        "WARNING - out.example.com: 192.0.2.41 says mail.example.com in EHLO, which does not"
        " resolve to it and is not its PTR other.example.com [helo-mismatch]",
        "address ptr confirm",
        "1 2 0 0 0 0",
        "--sender out.example.com=mail.example.com",
    ),
    Scenario(
        "crit-helo-that-does-not-exist",
        "192.0.2.40 PTR out.example.com.\nout.example.com. A 192.0.2.40",
        "CRITICAL - 192.0.2.40: gone.example.com does not exist (NXDOMAIN) [no-address];"
        " 192.0.2.40 says gone.example.com in EHLO, which is not its PTR out.example.com"
        " [helo-mismatch]",
        "address ptr confirm",
        arguments="--sender 192.0.2.40=gone.example.com",
    ),
    Scenario(
        "crit-helo-whose-lookup-fails-is-no-mismatch",
        """
        192.0.2.40 PTR helo.example.com.
        ! helo.example.com. A rcode REFUSED
        """,
        "CRITICAL - 192.0.2.40: A lookup of helo.example.com, PTR of 192.0.2.40, failed: REFUSED"
        " from 127.0.0.1#PORT [dns-failure]; A lookup of helo.example.com failed: REFUSED from"
        " 127.0.0.1#PORT [dns-failure]",
        "address ptr confirm",
        "1 1 0 0 0 1",
        "--sender 192.0.2.40=helo.example.com",
    ),
    Scenario(
        "crit-helo-of-an-address-without-ptr",
        "helo.example.com. A 192.0.2.40",
        "CRITICAL - 192.0.2.40: 192.0.2.40 has no PTR record (NXDOMAIN) [missing-ptr]",
        "address ptr",
        "1 1 1 0 0 0",
        "--sender 192.0.2.40=helo.example.com",
    ),
    Scenario(
        "crit-sender-host-missing-ptr",
        "out.example.com. A 192.0.2.40",
        "CRITICAL - out.example.com: 192.0.2.40 (out.example.com) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
        "address ptr",
        "1 1 1 0 0 0",
        "--sender out.example.com",
    ),
    Scenario(
        "crit-sender-host-does-not-exist",
        "",
        "CRITICAL - out.example.com: out.example.com does not exist (NXDOMAIN) [no-address]",
        "address",
        "1 0 0 0 0 0",
        "--sender out.example.com",
    ),
    Scenario(
        "warn-sender-host-name-mismatch",
        """
        out.example.com. A 192.0.2.40
        192.0.2.40 PTR other.example.net.
        other.example.net. A 192.0.2.40
        """,
        "WARNING - out.example.com: 192.0.2.40 (out.example.com) has PTR other.example.net,"
        " not the name of the mail host [name-mismatch]",
        "address ptr confirm",
        "1 1 0 0 1 0",
        "--sender out.example.com",
    ),
    Scenario(
        "ok-sender-host-is-an-alias",
        OUT + "\n    smtp.example.com. CNAME out.example.com.",
        "OK - smtp.example.com: 1 mail host, 1 address, reverse DNS matches",
        "address ptr confirm",
        arguments="--sender smtp.example.com",
    ),
    Scenario(
        "crit-domain-and-sender",
        GOOD,
        "CRITICAL - 1 of 2 domains and senders has problems: 192.0.2.40: 192.0.2.40 has no PTR"
        " record (NXDOMAIN) [missing-ptr]",
        "mx address ptr confirm",
        "2 2 1 0 0 0",
        "-d example.com --sender 192.0.2.40",
    ),
    Scenario(
        "ok-several-senders",
        OUT + "\n    192.0.2.41 PTR out1.example.com.\n    out1.example.com. A 192.0.2.41",
        "OK - 2 senders: 2 mail hosts, 2 addresses, reverse DNS matches",
        "address ptr confirm",
        "2 2 0 0 0 0",
        "--sender out.example.com 192.0.2.41 --sender out.example.com",
    ),
    # What is to be ignored.
    Scenario(
        "ok-ignored-host",
        GOOD + "\n    example.com. MX 5 example-com.mail.protection.outlook.com.",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-d example.com --ignore *.Protection.outlook.com",
    ),
    Scenario(
        "ok-ignored-network",
        GOOD + "\n    mail.example.com. A 198.51.100.1\n    mail.example.com. A 198.51.100.2",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-d example.com --ignore 198.51.100.0/24",
    ),
    Scenario(
        "ok-ignored-address",
        GOOD + "\n    mail.example.com. AAAA 2001:db8::1",
        "OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "mx address ptr confirm",
        arguments="-d example.com --ignore 2001:db8::1",
    ),
    Scenario(
        "ok-all-ignored-says-so",
        GOOD,
        "OK - example.com: 0 mail hosts, 0 addresses, reverse DNS not checked, as all is ignored",
        "mx",
        "0 0 0 0 0 0",
        "-d example.com --ignore *",
    ),
    # Without reverse lookups.
    Scenario(
        "ok-no-reverse",
        "example.com. MX 10 mail.example.com.\nmail.example.com. A 192.0.2.25",
        "OK - example.com: 1 mail host, 1 address, reverse DNS not checked",
        "mx address",
        arguments="-d example.com --no-reverse",
    ),
    Scenario(
        "crit-no-reverse-still-sees-addresses",
        "example.com. MX 10 mail.example.com.\nmail.example.com. A 127.0.0.1",
        "CRITICAL - example.com: 127.0.0.1 (mail.example.com) is a loopback address"
        " [unusable-address]",
        "mx address",
        arguments="-d example.com --no-reverse",
    ),
]


@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.id) for s in SCENARIOS])
def test_scenario(plugin: Plugin, scenario: Scenario) -> None:
    with NameServer(zone(scenario.zone)) as server:
        output = plugin.ask(server, *scenario.arguments.split())
    perfdata = scenario.perfdata
    if "--no-reverse" in scenario.arguments:
        perfdata = replace(scenario, counts="1 1 0 0 0 0").perfdata
        perfdata = perfdata.replace("missing_ptr=0 unconfirmed_ptr=0 name_mismatch=0 ", "")
    assert output.status == "REVERSE_MX " + scenario.status.replace("#PORT", f"#{server.port}")
    assert output.counts == perfdata
    assert (output.code, output.stderr) == (CODES[scenario.status.split()[0]], "")


def test_ignored_is_not_looked_up_and_is_counted_with_v(plugin: Plugin) -> None:
    text = (
        GOOD + "\n    mail.example.com. A 198.51.100.1\n    example.com. MX 5 filter.example.net."
    )
    with NameServer(zone(text)) as server:
        arguments = ("--ignore", "filter.*", "198.51.100.0/24")
        output = plugin.ask(server, "-v", "-4", "-d", "example.com", *arguments)
        asked = {query.name for query in server.queries}
    assert asked == {"example.com.", "mail.example.com.", "25.2.0.192.in-addr.arpa."}
    assert output.long == [
        "example.com (1 mail host and 1 address ignored)",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
    ]


def test_several_that_are_ignored_are_counted(plugin: Plugin) -> None:
    text = (
        GOOD + "\n    example.com. MX 5 a.filter.example.\n    example.com. MX 6 b.filter.example."
    )
    for address in ("198.51.100.1", "198.51.100.2"):
        text += f"\n    mail.example.com. A {address}"
    with NameServer(zone(text)) as server:
        arguments = ("--ignore", "*.filter.example", "198.51.100.0/24")
        output = plugin.ask(server, "-v", "-4", "-d", "example.com", *arguments)
    assert output.long[0] == "example.com (2 mail hosts and 2 addresses ignored)"


@pytest.mark.parametrize("more", [(), ("-v",), ("--authoritative",), ("--smtp", "--smtp-port=9")])
def test_not_one_ptr_query_without_reverse(plugin: Plugin, more: tuple[str, ...]) -> None:
    text = GOOD + "\n    example.com. MX 20 gone.example.com."
    with NameServer(zone(text)) as server:
        plugin.ask(server, "-d", "example.com", "--no-reverse", "--ignore", "192.0.2.0/24", *more)
        plugin.ask(server, "--sender", "out.example.com", "--no-reverse", *more)
        assert "PTR" not in {query.rdtype for query in server.queries}


def test_chain_of_a_sender_and_what_to_do(plugin: Plugin) -> None:
    text = """
    2.0.192.in-addr.arpa. SOA ns1.isp.example. noc.isp.example. 3 3600 600 86400 60
    2.0.192.in-addr.arpa. NS ns1.isp.example.
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "--sender", "192.0.2.40", "-v")
    assert output.long == [
        "[CRITICAL] missing-ptr: 192.0.2.40 has no PTR record (NXDOMAIN)",
        "  fix: 40.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.",
        "  in: zone 2.0.192.in-addr.arpa, contact noc@isp.example",
        "    a reverse zone: as a rule the address's provider changes it",
        "    name servers: ns1.isp.example (?)",
        "  meanwhile: refused by Gmail (550-5.7.25, 421-4.7.23), Postfix (450 4.7.25,",
        "    450 4.7.1), Exim (550), OpenSMTPD; Rspamd scores RDNS_NONE (1.0) and",
        "    HFILTER_HOSTNAME_UNKNOWN (2.5); SpamAssassin scores RDNS_NONE (0.8 to 2.4)",
        "192.0.2.40",
        "  sender",
        "    [CRITICAL] 192.0.2.40 (no PTR, NXDOMAIN)",
    ]
