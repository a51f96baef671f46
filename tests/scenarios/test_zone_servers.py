"""Who is in charge of a zone, who of them is asked, and what their answers are taken for.

Name servers have an address each; those of the reverse zone and of the domain's are the same two.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from reverse_mx.zone_facts import is_newer
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone

RESOLVER, FIRST, SECOND = "127.0.0.1", "192.0.2.51", "192.0.2.52"
REVERSE = "2.0.192.in-addr.arpa"
CHAIN = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
"""
ZONES = f"""
    example.com. SOA ns1.isp.example. noc.isp.example. 7 3600 600 86400 60
    {REVERSE}. SOA ns1.isp.example. noc.isp.example. 7 3600 600 86400 60
"""
SERVERS = f"""
    example.com. NS ns1.isp.example.
    example.com. NS ns2.isp.example.
    {REVERSE}. NS ns1.isp.example.
    {REVERSE}. NS ns2.isp.example.
    ns1.isp.example. A {FIRST}
    ns2.isp.example. A {SECOND}
"""
GOOD = CHAIN + ZONES + SERVERS
AUTHORITY = "\n! * * authority\n"


def ask(plugin: Plugin, servers: Mapping[str, str], *arguments: str) -> Output:
    """Run it with these name servers, of which the first is the resolver, at a port of theirs."""
    zones = {address: zone(text) for address, text in servers.items()}
    with contextlib.ExitStack() as stack:
        resolver, *others = zones
        asked = stack.enter_context(NameServer(zones[resolver], resolver))
        for address in others:
            stack.enter_context(NameServer(zones[address], address, asked.port))
        output = plugin.ask(asked, "-d", "example.com", "--authoritative", *arguments)
        return replace(output, stdout=output.stdout.replace(f"#{asked.port}", ""))


def both(text: str) -> dict[str, str]:
    """The resolver with a zone, and both servers with what is right."""
    return {RESOLVER: text, FIRST: GOOD + AUTHORITY, SECOND: GOOD + AUTHORITY}


SOUND = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"


def test_all_agree(plugin: Plugin) -> None:
    output = ask(plugin, both(GOOD), "-v")
    assert output.status == SOUND
    assert output.long == [
        "example.com",
        "  zone example.com, 2 name server addresses asked",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        f"      zone {REVERSE}, 2 name server addresses asked",
    ]


# A lookup that failed is not agreement.


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(
            "! example.com. NS rcode SERVFAIL",
            "NS lookup of example.com failed: SERVFAIL from 127.0.0.1 [dns-failure]",
            id="crit-ns-servfail",
        ),
        pytest.param(
            f"! {REVERSE}. NS rcode REFUSED",
            f"NS lookup of {REVERSE} failed: REFUSED from 127.0.0.1 [dns-failure]",
            id="crit-ns-of-the-reverse-zone-refused",
        ),
        pytest.param(
            "! ns2.isp.example. A rcode SERVFAIL",
            "A lookup of ns2.isp.example, name server of example.com, failed: SERVFAIL from"
            " 127.0.0.1 [dns-failure]",
            id="crit-address-of-a-name-server-servfail",
        ),
        pytest.param(
            "! example.com. SOA rcode SERVFAIL\n! com. SOA rcode SERVFAIL",
            "SOA lookup of example.com failed: SERVFAIL from 127.0.0.1 [dns-failure]",
            id="crit-soa-servfail",
        ),
    ],
)
def test_failed_lookup_of_a_zone_stays_failed(plugin: Plugin, fault: str, says: str) -> None:
    output = ask(plugin, both(f"{GOOD}\n{fault}"))
    assert output.status == f"REVERSE_MX CRITICAL - example.com: {says}"
    assert (output.code, output.perfdata["dns_errors"]) == (2, "1;;;0")


def test_silent_lookup_of_a_zone_is_no_agreement(plugin: Plugin) -> None:
    output = ask(plugin, both(f"{GOOD}\n! example.com. NS drop"), "-t", "3")
    assert output.status == (
        "REVERSE_MX UNKNOWN - example.com: NS lookup of example.com timed out:"
        " no answer from 127.0.0.1 in 1.8 s [dns-timeout]"
    )
    assert output.code == 3


def test_servers_of_a_zone_that_the_resolver_cannot_find_are_found_by_delegation(
    plugin: Plugin,
) -> None:
    """They were asked, so that nothing is left out."""
    resolver = f"""{GOOD}
        com. SOA ns2.isp.example. noc.isp.example. 1 60 60 60 60
        com. NS ns2.isp.example.
        ! example.com. SOA rcode SERVFAIL
    """
    parent = f"{GOOD}{AUTHORITY}! example.com. MX delegation example.com. ns1.isp.example."
    servers = {RESOLVER: resolver, FIRST: GOOD + AUTHORITY, SECOND: parent}
    output = ask(plugin, servers, "-v")
    assert output.status == SOUND
    assert output.long[1] == "  zone example.com, 1 name server address asked"


def test_failed_lookup_on_the_way_to_a_zone_that_answers_is_not_missed(plugin: Plugin) -> None:
    """The host has no zone of its own, but that of the domain."""
    output = ask(plugin, both(f"{GOOD}\n! mail.example.com. SOA rcode SERVFAIL"))
    assert output.status == SOUND


# Whom the plugin asks is up to whoever runs a zone, but for what is inside.


@pytest.mark.parametrize(
    ("record", "nature"),
    [
        pytest.param("A 127.0.0.1", "a loopback", id="loopback"),
        pytest.param("A 127.0.0.53", "a loopback", id="loopback-of-another-program"),
        pytest.param("A 0.0.0.0", "an unspecified", id="unspecified"),
        pytest.param("A 169.254.169.254", "a link-local", id="link-local"),
        pytest.param("A 224.0.0.251", "a multicast", id="multicast"),
        pytest.param("A 255.255.255.255", "the broadcast", id="broadcast"),
        pytest.param("AAAA ::1", "a loopback", id="loopback-ipv6"),
        pytest.param("AAAA fe80::1", "a link-local", id="link-local-ipv6"),
        pytest.param("AAAA ::ffff:7f00:1", "an IPv4-mapped", id="mapped"),
        pytest.param("AAAA 64:ff9b::7f00:1", "a loopback", id="translated-loopback"),
    ],
)
def test_name_server_inside_is_not_asked(plugin: Plugin, record: str, nature: str) -> None:
    text = GOOD.replace(f"ns2.isp.example. A {SECOND}", f"ns2.isp.example. {record}")
    output = ask(plugin, both(text), "-v")
    passed_over = f"ns2.isp.example ({record.split()[1]}) was not asked: {nature} address"
    assert output.status == SOUND
    assert output.long == [
        "example.com",
        "  zone example.com, 1 name server address asked",
        f"    {passed_over}",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        f"      zone {REVERSE}, 1 name server address asked",
        f"        {passed_over}",
    ]


PRIVATE = GOOD.replace(SECOND, "10.0.0.52")


@pytest.mark.parametrize(
    ("resolver", "note"),
    [
        pytest.param(RESOLVER, [], id="asked-as-loopback-resolver-says"),
        pytest.param("10.0.0.1", [], id="asked-as-private-resolver-says"),
        pytest.param(
            "198.51.100.1",
            ["    ns2.isp.example (10.0.0.52) was not asked: a private address"],
            id="not-asked-as-public-resolver-says",
        ),
    ],
)
def test_private_name_server_is_asked_if_the_resolver_is_inside(
    plugin: Plugin, resolver: str, note: list[str]
) -> None:
    servers = {resolver: PRIVATE, FIRST: PRIVATE + AUTHORITY, "10.0.0.52": PRIVATE + AUTHORITY}
    output = ask(plugin, servers, "-v")
    asked = "1 name server address" if note else "2 name server addresses"
    assert output.status == SOUND
    assert output.long[1 : 2 + len(note)] == [f"  zone example.com, {asked} asked", *note]


@pytest.mark.parametrize(
    ("record", "nature"),
    [
        pytest.param("A 10.0.0.52", "a private", id="rfc-1918"),
        pytest.param("A 100.64.0.52", "a shared", id="rfc-6598"),
        pytest.param("AAAA fd00::52", "a unique local", id="rfc-4193"),
    ],
)
def test_private_name_server_is_called_what_it_is(plugin: Plugin, record: str, nature: str) -> None:
    text = GOOD.replace(f"A {SECOND}", record)
    output = ask(plugin, {"198.51.100.1": text, FIRST: text + AUTHORITY}, "-v")
    said = f"    ns2.isp.example ({record.split()[1]}) was not asked: {nature} address"
    assert output.long[1:3] == ["  zone example.com, 1 name server address asked", said]


def test_only_so_many_servers_and_addresses_of_a_zone_are_asked(plugin: Plugin) -> None:
    """There is no way to the others, which is no fault of theirs."""
    more = "".join(
        f"example.com. NS x{number}.isp.example.\n"
        + "".join(f"x{number}.isp.example. A 203.0.113.{address}\n" for address in range(1, 7))
        for number in range(10, 24)
    )
    output = ask(plugin, both(f"{GOOD}\n{more}"), "-v")
    assert output.status == SOUND
    # 2 with one address, 11 with 4 of 6; 3 servers, and 2 addresses of each of 11, are too many.
    assert output.long[1] == "  zone example.com, 46 name server addresses asked, 25 left out"


@pytest.mark.parametrize(
    ("delegation", "asked"),
    [
        pytest.param("victim.example.", "com", id="not-sideways"),
        pytest.param("com.", "com", id="not-to-the-zone-itself"),
        pytest.param(".", "com", id="not-upwards"),
        pytest.param("other.com.", "com", id="not-past-the-name"),
    ],
)
def test_referrals_lead_downwards_to_the_name_only(
    plugin: Plugin, delegation: str, asked: str
) -> None:
    resolver = f"""{GOOD}
        com. SOA ns1.isp.example. noc.isp.example. 1 60 60 60 60
        com. NS ns1.isp.example.
        ! example.com. SOA rcode SERVFAIL
    """
    parent = f"{GOOD}{AUTHORITY}! example.com. MX delegation {delegation} ns2.isp.example."
    output = ask(plugin, {RESOLVER: resolver, FIRST: parent, SECOND: GOOD + AUTHORITY}, "-v")
    assert f"  zone {asked}, 1 name server address asked" in output.long


def test_only_so_many_referrals_are_followed(plugin: Plugin) -> None:
    """Each server refers to the next one, for a zone that is one label longer."""
    zones = [".".join("abcdefghijkl"[-n:]) + ".example.com" for n in range(1, 11)]
    hosts = [f"192.0.2.{number}" for number in range(60, 70)]
    names = "".join(f"n{number}.isp.example. A {host}\n" for number, host in enumerate(hosts))
    text = f"""{names}{GOOD}
        {zones[-1]}. MX 10 mail.example.com.
        example.com. NS n0.isp.example.
        ! {zones[-1]}. SOA rcode SERVFAIL
    """
    servers = {RESOLVER: text.replace("example.com. NS ns", "nothing. NS ns")}
    for number, host in enumerate(hosts):
        to = f"! {zones[-1]}. MX delegation {zones[number]}. n{number + 1}.isp.example."
        servers[host] = f"{text}{AUTHORITY}{to}"
    output = ask(plugin, servers, "-v", "--domain", zones[-1])
    assert f"  zone {zones[7]}, 1 name server address asked" in output.long


# What servers hold, compared.


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            "192.0.2.25 PTR mail.example.com.\n example.com. MX 10 mail.example.com.",
            "192.0.2.25 PTR MAIL.example.COM.\n example.com. MX 10 Mail.Example.Com.",
            id="names-in-other-case",
        ),
        pytest.param(
            "192.0.2.25 CNAME a.example.net.\n a.example.net. PTR mail.example.com.",
            "192.0.2.25 CNAME A.Example.NET.",
            id="alias-in-other-case",
        ),
        pytest.param("192.0.2.25 TXT here", "", id="nxdomain-and-nodata"),
    ],
)
def test_servers_that_hold_the_same_do_not_differ(plugin: Plugin, first: str, second: str) -> None:
    base = f"mail.example.com. A 192.0.2.25\n{ZONES}{SERVERS}\n"
    mx = "" if " MX " in first else "example.com. MX 10 mail.example.com.\n"
    servers = {
        RESOLVER: f"{base}{mx}{first}",
        FIRST: f"{base}{mx}{first}{AUTHORITY}",
        SECOND: f"{base}{mx}{second}{AUTHORITY}",
    }
    output = ask(plugin, servers)
    assert "inconsistent" not in output.status
    assert "lame-server" not in output.status


@pytest.mark.parametrize(
    ("faults", "apex", "lame"),
    [
        pytest.param(f"! 25.{REVERSE}. PTR noaa", REVERSE, False, id="only-with-the-alias"),
        pytest.param(f"! *.{REVERSE}. * noaa\n! {REVERSE}. * noaa", REVERSE, True, id="always"),
        pytest.param(f"! 25.{REVERSE}. PTR noaa", f"0.{REVERSE}", True, id="without-an-soa"),
    ],
)
def test_server_that_leaves_aa_out_with_an_alias_is_not_lame(
    plugin: Plugin, faults: str, apex: str, lame: bool
) -> None:
    alias = "192.0.2.25 CNAME a.example.net.\n a.example.net. PTR mail.example.com.\n"
    text = GOOD.replace("192.0.2.25 PTR mail.example.com.\n", alias)
    second = text.replace(f"{REVERSE}. SOA", f"{apex}. SOA") + AUTHORITY + faults
    output = ask(plugin, {RESOLVER: text, FIRST: text + AUTHORITY, SECOND: second})
    serial = ", serial 7" * (apex == REVERSE)
    said = (
        f"REVERSE_MX WARNING - example.com: ns2.isp.example (192.0.2.52{serial}), name server of"
        f" {REVERSE}, is not authoritative [lame-server]"
    )
    assert output.status == (said if lame else SOUND)


def test_alias_that_is_the_root_is_no_crash(plugin: Plugin) -> None:
    text = GOOD.replace("192.0.2.25 PTR mail.example.com.", "192.0.2.25 CNAME .\n . CNAME x.test.")
    output = ask(plugin, both(text))
    assert output.stderr == ""
    assert "[missing-ptr]" in output.status


def test_name_server_that_is_an_alias_is_a_note(plugin: Plugin) -> None:
    alias = f"ns2.isp.example. CNAME real.isp.example.\n real.isp.example. A {SECOND}"
    output = ask(plugin, both(GOOD.replace(f"ns2.isp.example. A {SECOND}", alias)), "-v")
    assert output.status == SOUND
    assert output.long[1:3] == [
        "  zone example.com, 2 name server addresses asked",
        "    ns2.isp.example is an alias (CNAME; RFC 2181, 10.3)",
    ]


# The addresses of the user's own mail hosts.


@pytest.mark.parametrize(
    ("second", "code", "says"),
    [
        pytest.param(
            GOOD.replace("mail.example.com. A 192.0.2.25", "mail.example.com. TXT gone"),
            2,
            "ns2.isp.example (192.0.2.52, serial 7) has no A (NODATA) [inconsistent-address]",
            id="crit-one-lacks-the-record",
        ),
        pytest.param(
            GOOD.replace("A 192.0.2.25", "A 192.0.2.99").replace(
                "example.com. SOA ns1.isp.example. noc.isp.example. 7",
                "example.com. SOA ns1.isp.example. noc.isp.example. 6",
            ),
            2,
            "ns2.isp.example (192.0.2.52, serial 6) has A 192.0.2.99 [inconsistent-address]",
            id="crit-one-has-the-old-address",
        ),
    ],
)
def test_addresses_of_own_host_that_differ(
    plugin: Plugin, second: str, code: int, says: str
) -> None:
    output = ask(plugin, {**both(GOOD), SECOND: second + AUTHORITY})
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: A of mail.example.com differs between the name servers"
        " of example.com: ns1.isp.example (192.0.2.51, serial 7) has A 192.0.2.25; " + says
    )
    assert output.code == code


def test_ipv6_addresses_of_own_host_that_differ(plugin: Plugin) -> None:
    text = f"""{GOOD}
        mail.example.com. AAAA 2001:db8::25
        2001:db8::25 PTR mail.example.com.
    """
    lacking = {RESOLVER: text, FIRST: text + AUTHORITY, SECOND: GOOD + AUTHORITY}
    assert ask(plugin, lacking, "--state", "lame-server=ok").status == (
        "REVERSE_MX CRITICAL - example.com: AAAA of mail.example.com differs between the name"
        " servers of example.com: ns1.isp.example (192.0.2.51, serial 7) has AAAA 2001:db8::25;"
        " ns2.isp.example (192.0.2.52, serial 7) has no AAAA (NODATA) [inconsistent-address]"
    )


def test_addresses_that_rotate_are_a_note(plugin: Plugin) -> None:
    second = GOOD.replace("A 192.0.2.25", "A 192.0.2.99")
    output = ask(plugin, {**both(GOOD), SECOND: second + AUTHORITY}, "-v")
    assert output.status == SOUND
    assert "      A mail.example.com varies between them, as it may with one serial" in output.long


def test_addresses_of_a_providers_host_are_not_compared(plugin: Plugin) -> None:
    texts = [
        text.replace("mail.example.com.", "mx.isp.example.")
        + "\nisp.example. SOA ns1.isp.example. noc.isp.example. 1 60 60 60 60"
        + "\nisp.example. NS ns1.isp.example.\nisp.example. NS ns2.isp.example.\n"
        for text in (GOOD, GOOD.replace("A 192.0.2.25", "A 192.0.2.99"))
    ]
    servers = {RESOLVER: texts[0], FIRST: texts[0] + AUTHORITY, SECOND: texts[1] + AUTHORITY}
    assert ask(plugin, servers).status == SOUND


# The parent's word.


def of_parent(plugin: Plugin, says: str) -> Output:
    """Run it while the only server of com says something of example.com."""
    com = """
        com. SOA ns2.isp.example. noc.isp.example. 1 60 60 60 60
        com. NS ns3.isp.example.
        ns3.isp.example. A 192.0.2.53
    """
    told = f"{GOOD}{com}{AUTHORITY}! example.com. NS {says}"
    return ask(plugin, {**both(GOOD + com), "192.0.2.53": told}, "-v")


def delegated(plugin: Plugin, *servers: str) -> Output:
    return of_parent(plugin, f"delegation example.com. {' '.join(servers)}")


def test_parent_that_delegates_as_the_zone_lists(plugin: Plugin) -> None:
    output = delegated(plugin, "ns2.isp.example.=192.0.2.52", "NS1.isp.example.")
    assert output.status == SOUND


def test_parent_that_does_not_delegate_is_a_note(plugin: Plugin) -> None:
    """As that of an internal zone."""
    output = of_parent(plugin, "nxdomain")
    assert output.status == SOUND
    zone = output.long.index("  zone example.com, 2 name server addresses asked")
    assert output.long[zone + 1] == "    not delegated by com, says ns3.isp.example (192.0.2.53)"


BOTH = "example.com. NS in com to ns1.isp.example and ns2.isp.example"


@pytest.mark.parametrize(
    ("servers", "says", "fix"),
    [
        pytest.param(
            ["ns1.isp.example.", "ns2.isp.example.", "old.isp.example."],
            "has old.isp.example too",
            BOTH,
            id="one-more",
        ),
        pytest.param(["ns1.isp.example."], "lacks ns2.isp.example", BOTH, id="one-less"),
        pytest.param(
            ["ns1.isp.example.=192.0.2.99", "ns2.isp.example.=192.0.2.52"],
            "has 192.0.2.99 for ns1.isp.example, not 192.0.2.51",
            "the glue in com: ns1.isp.example. A 192.0.2.51 in place of 192.0.2.99",
            id="other-glue",
        ),
    ],
)
def test_parent_that_delegates_otherwise(
    plugin: Plugin, servers: list[str], says: str, fix: str
) -> None:
    output = delegated(plugin, *servers)
    assert output.status == (
        "REVERSE_MX WARNING - example.com: zone example.com is delegated otherwise than it lists:"
        f" ns3.isp.example (192.0.2.53) of com {says} [inconsistent-ns]"
    )
    told = " ".join(" ".join(output.long).split())
    assert f" fix: the registrar changes {fix} example.com zone example.com, " in told
    assert output.code == 1


# Which of them is right, and what mends the others.


def holding(mx: str, primary: str = "ns1", serial: int = 7, fault: str = "") -> str:
    """What a server holds whose domain has another MX record and SOA."""
    text = GOOD.replace("MX 10 mail.example.com.", f"MX 10 {mx}.example.com.").replace(
        "example.com. SOA ns1.isp.example. noc.isp.example. 7",
        f"example.com. SOA {primary}.isp.example. noc.isp.example. {serial}",
    )
    return f"{text}{AUTHORITY}{fault}"


NO_SOA = "! * SOA rcode REFUSED"
ANEW = "have the zone example.com loaded anew on"


@pytest.mark.parametrize(
    ("servers", "sides", "fix"),
    [
        pytest.param(
            (holding("mail"), holding("old")),
            ("ns1 (51, serial 7) mail", "ns2 (52, serial 7) old"),
            "raise the serial of the zone example.com on ns1.isp.example above 7 (it was changed"
            " without that), and have it loaded anew on ns2.isp.example",
            id="what-the-primary-has",
        ),
        pytest.param(
            (holding("old", "ns2"), holding("mail", "ns2")),
            ("ns2 (52, serial 7) mail", "ns1 (51, serial 7) old"),
            "raise the serial of the zone example.com on ns2.isp.example above 7 (it was changed"
            " without that), and have it loaded anew on ns1.isp.example",
            id="what-the-primary-has-though-it-is-the-second",
        ),
        pytest.param(
            (holding("old", "ns2", 8), holding("mail", "ns2")),
            ("ns2 (52, serial 7) mail", "ns1 (51, serial 8) old"),
            "raise the serial of the zone example.com on ns2.isp.example above 8 (it went back to"
            " 7), and have it loaded anew on ns1.isp.example",
            id="what-the-primary-has-though-its-serial-is-older",
        ),
        pytest.param(
            (holding("old", fault=NO_SOA), holding("mail", fault=NO_SOA)),
            ("ns1 (51) old", "ns2 (52) mail"),
            f"{ANEW} ns2.isp.example transferred by whoever runs it: ns1.isp.example is right",
            id="what-the-primary-has-that-the-resolver-names",
        ),
        pytest.param(
            (holding("old", "hidden"), holding("mail", "hidden", 8)),
            ("ns2 (52, serial 8) mail", "ns1 (51, serial 7) old"),
            f"{ANEW} ns1.isp.example transferred by whoever runs it:"
            " ns2.isp.example (serial 8) is right",
            id="newest-with-a-hidden-primary",
        ),
        pytest.param(
            (holding("old", "hidden", (1 << 32) - 1), holding("mail", "hidden", 1)),
            ("ns2 (52, serial 1) mail", "ns1 (51, serial 4294967295) old"),
            f"{ANEW} ns1.isp.example transferred by whoever runs it:"
            " ns2.isp.example (serial 1) is right",
            id="newest-after-the-serial-went-round",
        ),
        pytest.param(
            (holding("old", "hidden", fault=NO_SOA), holding("mail", "hidden")),
            ("ns2 (52, serial 7) mail", "ns1 (51) old"),
            f"{ANEW} ns1.isp.example transferred by whoever runs it:"
            " ns2.isp.example (serial 7) is right",
            id="newest-is-the-only-serial",
        ),
        pytest.param(
            (holding("old", "ns1"), holding("mail", "ns2", 8)),
            ("ns2 (52, serial 8) mail", "ns1 (51, serial 7) old"),
            f"{ANEW} ns1.isp.example transferred by whoever runs it:"
            " ns2.isp.example (serial 8) is right",
            id="newest-if-each-calls-itself-the-primary",
        ),
        pytest.param(
            (holding("old", "hidden"), holding("mail", "hidden")),
            ("ns1 (51, serial 7) old", "ns2 (52, serial 7) mail"),
            "raise the serial of the zone example.com on its primary hidden.isp.example above 7",
            id="none-with-one-serial-and-a-hidden-primary",
        ),
        pytest.param(
            (holding("old", "hidden", 1), holding("mail", "hidden", 1 + (1 << 31))),
            ("ns1 (51, serial 1) old", "ns2 (52, serial 2147483649) mail"),
            "raise the serial of the zone example.com on its primary hidden.isp.example",
            id="none-with-serials-half-the-circle-apart",
        ),
        pytest.param(
            (holding("old", "ns1"), holding("mail", "ns2")),
            ("ns1 (51, serial 7) old", "ns2 (52, serial 7) mail"),
            "find out which of ns1.isp.example, ns2.isp.example is right, and have the zone"
            " example.com loaded anew on the others",
            id="none-if-each-calls-itself-the-primary",
        ),
    ],
)
def test_who_is_right(
    plugin: Plugin, servers: tuple[str, str], sides: tuple[str, str], fix: str
) -> None:
    output = ask(plugin, {RESOLVER: GOOD, FIRST: servers[0], SECOND: servers[1]}, "-v")
    held = "; ".join(
        re.sub(r"(\w+) \((.*)\) (\w+)", r"\1.isp.example (192.0.2.\2) has MX 10 \3.example.com", s)
        for s in sides
    )
    said = f"MX of example.com differs between the name servers of example.com: {held}"
    assert output.status == f"REVERSE_MX WARNING - example.com: {said} [inconsistent-mx]"
    assert output.long[0] == f"[WARNING] inconsistent-mx: {said}"
    told = " ".join(" ".join(output.long[1:]).split())
    assert told.startswith(f"fix: {fix} in: zone example.com, ")


def test_most_servers_come_first_after_the_right_one(plugin: Plugin) -> None:
    """Three hold the same, one holds what the resolver has, and the primary is hidden."""
    more = "".join(
        f"example.com. NS ns{n}.isp.example.\n ns{n}.isp.example. A 192.0.2.5{n}\n" for n in (3, 4)
    )
    held = ("one", "two", "two", "three")
    servers = {f"192.0.2.5{n}": holding(mx, "hidden") for n, mx in enumerate(held, 1)}
    assert ask(plugin, {RESOLVER: GOOD + more, **servers}).status == (
        "REVERSE_MX WARNING - example.com: MX of example.com differs between the name servers of"
        " example.com: ns2.isp.example (192.0.2.52, serial 7), ns3.isp.example (192.0.2.53, serial"
        " 7) have MX 10 two.example.com; ns1.isp.example (192.0.2.51, serial 7) has MX 10"
        " one.example.com; ns4.isp.example (192.0.2.54, serial 7) has MX 10 three.example.com"
        " [inconsistent-mx]"
    )


# A server that is of no use.

SERIAL = "192.0.2.52, serial 7"


@pytest.mark.parametrize(
    ("second", "says"),
    [
        pytest.param(None, "(192.0.2.52) does not answer (connection refused)", id="closed"),
        pytest.param("! * * drop", "(192.0.2.52) does not answer", id="silent"),
        pytest.param("! * MX rcode SERVFAIL", f"({SERIAL}) answers SERVFAIL", id="fails"),
        pytest.param("! example.com. MX noaa", f"({SERIAL}) is not authoritative", id="without-aa"),
        pytest.param(
            "! example.com. MX delegation example.com. ns1.isp.example.",
            f"({SERIAL}) is not authoritative",
            id="refers",
        ),
    ],
)
def test_lame_server(plugin: Plugin, second: str | None, says: str) -> None:
    """The reverse zone, of which it is lame too if it says nothing at all, is another's here."""
    text = GOOD.replace(f"{REVERSE}. NS ns2", f"{REVERSE}. NS ns1")
    servers = {RESOLVER: text, FIRST: text + AUTHORITY, SECOND: f"{text}{AUTHORITY}{second}"}
    if second is None:
        del servers[SECOND]
    output = ask(plugin, servers, "-v")
    address, _, what = says.partition(") ")
    said = f"ns2.isp.example {address}), name server of example.com, {what}"
    assert output.status == f"REVERSE_MX WARNING - example.com: {said} [lame-server]"
    assert output.long[:2] == [
        f"[WARNING] lame-server: {said}",
        "  have it mended, or remove: example.com. NS ns2.isp.example.",
    ]


def test_zone_all_of_whose_servers_are_lame_is_to_keep_them(plugin: Plugin) -> None:
    text = f"{GOOD}{AUTHORITY}! example.com. MX noaa"
    output = ask(plugin, {RESOLVER: GOOD, FIRST: text, SECOND: text}, "-v")
    cures = [line for line in output.long if "have it mended" in line]
    assert cures == [f"  have it mended: example.com. NS ns{n}.isp.example." for n in (1, 2)]


def test_name_server_without_address_is_lame(plugin: Plugin) -> None:
    text = GOOD.replace(f"ns2.isp.example. A {SECOND}", "")
    assert ask(plugin, {RESOLVER: text, FIRST: GOOD + AUTHORITY}).status == (
        "REVERSE_MX WARNING - example.com: ns2.isp.example, name server of example.com, has no"
        f" address [lame-server]; ns2.isp.example, name server of {REVERSE}, has no address"
        " [lame-server]"
    )


def test_server_that_there_is_no_way_to_is_not_lame(plugin: Plugin) -> None:
    text = GOOD.replace(SECOND, "203.0.113.52")
    assert ask(plugin, {RESOLVER: text, FIRST: GOOD + AUTHORITY}).status == SOUND


def test_server_that_may_yet_answer_is_not_lame(plugin: Plugin) -> None:
    silent = f"{GOOD}{AUTHORITY}! * * drop"
    output = ask(plugin, {**both(GOOD), SECOND: silent}, "-t", "0.8")
    assert (output.code, output.status) == (
        3,
        "REVERSE_MX UNKNOWN - example.com: ns2.isp.example (192.0.2.52), name server of"
        " example.com, did not answer in time [dns-timeout]; ns2.isp.example (192.0.2.52), name"
        f" server of {REVERSE}, did not answer in time [dns-timeout]",
    )


# RFC 1982, 3.2, in its own words, for serials of 32 bits.


def is_newer_by_rfc(serial: int, other: int) -> bool:
    return (other < serial and serial - other < 2**31) or (
        other > serial and other - serial > 2**31
    )


def test_serials_are_compared_as_rfc_1982_has_it() -> None:
    serials = [at + step for at in (1, 2**31, 2**32 - 3) for step in (-1, 0, 1, 2)]
    for serial, other in itertools.product(serials, repeat=2):
        assert is_newer(serial, other) is is_newer_by_rfc(serial, other), (serial, other)
