"""What -v says is behind a lookup that failed, and what was found not to be."""

from __future__ import annotations

import pytest

from tests.helpers.alone import AUTHORITY
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone

MAIL = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
"""


def cause(output: Output) -> list[str]:
    """Return the conclusions, each in a line."""
    told = " ".join(line.strip() for line in output.long)
    ends = ("meanwhile: ", "asked themselves, ", "example.com", "[CRITICAL] ", "[UNKNOWN] ")
    causes = []
    for text in told.split("cause: ")[1:]:
        causes.append(text[: min(text.find(end) % (len(text) + 1) for end in ends)].strip())
    return causes


KEEPS = "the server asked is no resolver: it serves its own zones only fix: name a resolver with -s"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "! 192.0.2.25 PTR rcode REFUSED 18",
            "the resolver refuses this monitoring host fix: whoever runs the resolver lets this"
            " host ask (access list); or name another with -s",
            id="resolver-refuses-this-host",
        ),
        *(
            pytest.param(
                f"! 192.0.2.25 PTR rcode {rcode}",
                "the resolver keeps the answer back, by a list of its own fix: whoever runs the"
                " resolver takes the name off its list; or name another with -s",
                id=f"withheld-{number}",
            )
            for number, rcode in enumerate(("REFUSED 17", "SERVFAIL 15 by policy"))
        ),
        pytest.param(
            "! 192.0.2.25 PTR rcode REFUSED 20",
            KEEPS,
            id="asked-does-not-serve-the-zone",
        ),
        pytest.param(
            "! * MX authority\n! 192.0.2.25 PTR rcode REFUSED",
            KEEPS,
            id="asked-serves-another-zone",
        ),
        pytest.param(
            "! 192.0.2.25 PTR referral ns.example.",
            KEEPS,
            id="asked-is-no-resolver",
        ),
        pytest.param(
            "! 192.0.2.25 PTR notcp",
            "the answer does not fit into a datagram, and the resolver refuses TCP fix: whoever"
            " runs the resolver has it answer over TCP, too",
            id="tcp-is-refused",
        ),
        pytest.param(
            "! * SOA rcode SERVFAIL\n! . NS rcode SERVFAIL\n! 192.0.2.25 PTR rcode SERVFAIL",
            "the resolver cannot resolve the root either, so it is cut off from the Internet fix:"
            " whoever runs the resolver lets it ask name servers (UDP and TCP port 53)",
            id="resolver-is-cut-off",
        ),
        pytest.param(
            "! * SOA rcode SERVFAIL\n! 192.0.2.25 PTR rcode SERVFAIL",
            "not found; excluded: the resolver, which answers for the root, DNSSEC, as it is the"
            " same with checking disabled ask: whoever runs the resolver, whose log may tell more",
            id="cannot-be-told-is-not-guessed",
        ),
    ],
)
def test_cause(plugin: Plugin, text: str, said: str) -> None:
    with NameServer(zone(MAIL + text)) as server:
        output = plugin.ask(server, "-d", "example.com", "-v", "-4")
    assert "[dns-failure]" in output.status
    assert cause(output) == [said]


# Mended, and still red.

ZONE = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    2.0.192.in-addr.arpa. SOA ns.isp.example. noc.isp.example. 3 3600 600 86400 900
    2.0.192.in-addr.arpa. NS ns.isp.example.
    ns.isp.example. A 192.0.2.53
"""


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(
            "",
            "192.0.2.25 PTR mail.example.com.",
            "the servers of 2.0.192.in-addr.arpa have PTR mail.example.com; the resolver keeps its"
            " old answer for up to 300 s",
            id="missing-ptr",
        ),
        pytest.param(
            "192.0.2.25 PTR old.example.com.",
            "192.0.2.25 PTR mail.example.com.",
            "the servers of 2.0.192.in-addr.arpa have PTR mail.example.com; the resolver keeps its"
            " old answer until its TTL ends",
            id="unconfirmed-ptr",
        ),
        pytest.param("", "", "", id="not-mended"),
    ],
)
def test_what_is_mended_at_the_zones_own_servers(
    plugin: Plugin, before: str, after: str, said: str
) -> None:
    with (
        NameServer(zone(ZONE + before)) as resolver,
        NameServer(zone(ZONE + after + "\n! * * authority"), AUTHORITY, resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert output.code == 2
    told = " ".join(" ".join(output.long).split())
    assert said in told
    assert told.count("changed already") == bool(said)
    # What is done already need not be done.
    assert told.count(" fix: ") == (not said)


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        pytest.param(
            "rcode SERVFAIL",
            "all its name servers answer SERVFAIL for 2.0.192.in-addr.arpa fix: whoever runs"
            " ns.isp.example (192.0.2.53) has an expired copy transferred again, or mends the zone"
            " file",
            id="copies-have-expired",
        ),
        pytest.param(
            "rcode REFUSED",
            "all its name servers answer REFUSED for 2.0.192.in-addr.arpa fix: whoever runs"
            " ns.isp.example (192.0.2.53) serves it again, or the zone's owner (noc@isp.example)"
            " changes 2.0.192.in-addr.arpa. NS in its parent",
            id="servers-no-longer-serve-the-zone",
        ),
    ],
)
def test_cause_with_the_zones_own_servers(plugin: Plugin, answered: str, said: str) -> None:
    failing = "\n! 192.0.2.25 PTR rcode SERVFAIL"
    with (
        NameServer(zone(ZONE + failing)) as resolver,
        NameServer(f"! * * {answered}", AUTHORITY, resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert cause(output) == [said]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        pytest.param(
            "! * * authority",
            "all its name servers answer REFUSED for example.net fix: whoever runs ns.example.net"
            " (192.0.2.54) (dns@example.net) serves it again, or the registrar changes example.net."
            " NS and glue in net",
            id="looked-for-behind-the-alias",
        ),
        pytest.param(
            "! * SOA authority\n25.example.net. PTR mail.example.com.",
            "the name servers that answer agree, so the trouble is the resolver's fix: whoever"
            " runs the resolver flushes 2.0.192.in-addr.arpa from its cache, or has it reach these"
            " servers; or name another with -s",
            id="not-behind-an-alias-whose-servers-know-its-target",
        ),
    ],
)
def test_cause_with_an_alias(plugin: Plugin, held: str, said: str) -> None:
    """The servers of its zone agree on it; the one of its target's refuses."""
    target = """
        example.net. SOA ns.example.net. dns.example.net. 3 3600 600 86400 900
        example.net. NS ns.example.net.
        ns.example.net. A 192.0.2.54
    """
    failing = "\n! 192.0.2.25 PTR rcode SERVFAIL"
    alias = "192.0.2.25 CNAME 25.example.net.\n"
    with (
        NameServer(zone(ZONE + target + failing)) as resolver,
        NameServer(zone(f"{ZONE}{alias}{held}"), AUTHORITY, resolver.port),
        NameServer("! * * rcode REFUSED", "192.0.2.54", resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert cause(output) == [said]


# What the registry delegates to, where the servers are in the zone that fails.

PARENT = "192.0.2.52"
REGISTRY = f"""
    com. SOA a.nic.example. registry.nic.example. 1 3600 600 86400 60
    com. NS a.nic.example.
    a.nic.example. A {PARENT}
"""
FAILING = (
    REGISTRY
    + """
    ! example.com. * rcode SERVFAIL
    ! *.example.com. * rcode SERVFAIL
"""
)


@pytest.mark.parametrize(
    ("glue", "manners", "told"),
    [
        pytest.param(
            "=192.0.2.51",
            "rcode REFUSED",
            [
                "  cause: all its name servers answer REFUSED for example.com",
                "  fix: whoever runs ns.example.com (192.0.2.51) serves it again, or the",
                "    registrar changes example.com. NS and glue in com",
                "  asked themselves, the servers of example.com:",
                "    ns.example.com (192.0.2.51) answers REFUSED",
            ],
            id="servers-refuse",
        ),
        pytest.param(
            "=192.0.2.51",
            "drop",
            [
                "  cause: other name servers answer, but none of example.com",
                "  fix: whoever runs ns.example.com (192.0.2.51) has it answer, or the registrar",
                "    changes example.com. NS and glue in com",
                "  asked themselves, the servers of example.com:",
                "    ns.example.com (192.0.2.51) does not answer",
            ],
            id="glue-leads-nowhere",
        ),
        pytest.param(
            "",
            "drop",
            [
                "  cause: no address is known of any name server of example.com",
                "  fix: the registrar adds ns.example.com. A ADDRESS-OF-THE-HOST to com (glue),",
                "    or names other servers there",
                "  asked themselves, the servers of example.com:",
                "    ns.example.com has no address",
            ],
            id="no-glue",
        ),
    ],
)
def test_cause_below_the_registry(plugin: Plugin, glue: str, manners: str, told: list[str]) -> None:
    registry = f"! * * authority\n! example.com. * delegation example.com. ns.example.com.{glue}"
    with (
        NameServer(zone(FAILING)) as resolver,
        NameServer(zone(REGISTRY + registry), PARENT, resolver.port),
        NameServer(f"! * * {manners}", "192.0.2.51", resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    said = "MX lookup failed: SERVFAIL from 127.0.0.1"
    assert output.stdout.replace(f"#{resolver.port}", "").splitlines()[:-1] == [
        f"REVERSE_MX CRITICAL - example.com: {said} [dns-failure]",
        f"[CRITICAL] dns-failure: {said}",
        *told,
        "  meanwhile: deferred by Postfix (450 4.1.8), Exim (451)",
        "example.com",
    ]


def test_servers_that_do_not_serve_the_zone_in_several_ways_are_named(plugin: Plugin) -> None:
    """One refuses, one is silent, and one serves another zone."""
    resolver_text = (
        ZONE
        + """
    2.0.192.in-addr.arpa. NS ns2.isp.example.
    2.0.192.in-addr.arpa. NS ns3.isp.example.
    ns2.isp.example. A 192.0.2.54
    ns3.isp.example. A 192.0.2.55
    ! 192.0.2.25 PTR rcode SERVFAIL
    """
    )
    with (
        NameServer(zone(resolver_text)) as resolver,
        NameServer("! * * rcode REFUSED", AUTHORITY, resolver.port),
        NameServer("! * * drop", "192.0.2.54", resolver.port),
        NameServer("! * * rcode SERVFAIL", "192.0.2.55", resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert output.long[1:4] == [
        "  cause: none of its name servers serves 2.0.192.in-addr.arpa",
        "  fix: whoever runs ns.isp.example and 2 more serves it again, or the zone's",
        "    owner (noc@isp.example) changes 2.0.192.in-addr.arpa. NS in its parent",
    ]


def test_server_outside_its_zone_has_no_glue(plugin: Plugin) -> None:
    """Its address is in its own zone, and what the registry has is the NS record."""
    registry = "! * * authority\n! example.com. * delegation example.com. ns.example.net."
    gone = "example.net. SOA ns.example.net. dns.example.net. 3 3600 600 86400 900"
    with (
        NameServer(zone(FAILING + gone)) as resolver,
        NameServer(zone(REGISTRY + registry), PARENT, resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert output.long[1:6] == [
        "  cause: no address is known of any name server of example.com",
        "  fix: whoever has the name adds ns.example.net. A ADDRESS-OF-THE-HOST, or the",
        "    registrar changes example.com. NS in com",
        "  asked themselves, the servers of example.com:",
        "    ns.example.net has no address",
    ]


def test_cause_of_aliases_in_a_circle(plugin: Plugin) -> None:
    circle = """
    example.net. SOA ns.isp.example. dns.example.net. 3 3600 600 86400 900
    example.net. NS ns.isp.example.
    192.0.2.25 CNAME a.example.net.
    a.example.net. CNAME b.example.net.
    b.example.net. CNAME a.example.net.
    """
    with (
        NameServer(zone(ZONE + circle)) as resolver,
        NameServer(zone(f"{ZONE}{circle}\n! * * authority"), AUTHORITY, resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert output.long[1:] == [
        "  cause: the aliases lead in a circle, or too far",
        "  fix: the owner of example.net (dns@example.net) changes b.example.net. CNAME",
        "    to a name that is no alias",
        "  the aliases: 25.2.0.192.in-addr.arpa CNAME a.example.net CNAME b.example.net",
        "    CNAME a.example.net",
        "  asked themselves, the servers of 2.0.192.in-addr.arpa:",
        "    ns.isp.example (192.0.2.53, serial 3) has CNAME a.example.net",
        "  asked themselves, the servers of example.net:",
        "    ns.isp.example (192.0.2.53, serial 3) has CNAME b.example.net",
        "  asked themselves, the servers of example.net:",
        "    ns.isp.example (192.0.2.53, serial 3) has CNAME a.example.net",
        "  meanwhile: deferred by Postfix (450 4.7.25, 450 4.7.1), Exim (451); refused",
        "    by OpenSMTPD",
        "example.com",
        "  MX 10 mail.example.com",
        "    [CRITICAL] 192.0.2.25 (PTR lookup failed)",
    ]


NIBBLES = "9." * 14 + "8.b.d.0.1.0.0.2.ip6.arpa."


@pytest.mark.parametrize(
    ("rcode", "cause", "fix"),
    [
        pytest.param(
            "SERVFAIL",
            "all its name servers answer SERVFAIL for",
            "whoever runs",
            id="expired",
        ),
        pytest.param(
            "REFUSED",
            "all its name servers answer REFUSED for",
            "whoever runs",
            id="refuse",
        ),
    ],
)
def test_who_mends_it_is_in_the_first_five_lines_however_long_the_names_are(
    plugin: Plugin, rcode: str, cause: str, fix: str
) -> None:
    long = ".".join(["name-of-a-name-server-that-is-as-long-as-some-are"] * 3)
    text = f"""
    example.com. MX 10 mail.example.com.
    mail.example.com. AAAA 2001:db8:9999:9999:9999:9999:9999:25
    {NIBBLES} SOA ns.isp.example. noc.isp.example. 3 3600 600 86400 900
    ! *.{NIBBLES} PTR rcode SERVFAIL
    """
    for number in range(13):
        text += f"\n{NIBBLES} NS n{number}.{long}.example.\nn{number}.{long}.example. A {AUTHORITY}"
    with (
        NameServer(text) as resolver,
        NameServer(f"! * * rcode {rcode}", AUTHORITY, resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert output.long[1:4] == [f"  cause: {cause}", f"    {NIBBLES[:-1]}", f"  fix: {fix}"]


def test_cause_is_not_guessed_where_port_53_does_not_get_out(plugin: Plugin) -> None:
    """Neither the zone's server answers nor the registry's."""
    failing = (
        "\n! 192.0.2.25 PTR rcode SERVFAIL\narpa. SOA a. b. 1 1 1 1 1\narpa. NS a.nic.example."
    )
    with (
        NameServer(zone(f"{ZONE}{failing}\na.nic.example. A {PARENT}")) as resolver,
        NameServer("! * * drop", PARENT, resolver.port),
        NameServer("! * * drop", "192.0.2.53", resolver.port),
    ):
        output = plugin.ask(resolver, "-d", "example.com", "-v")
    assert cause(output) == [
        "not found; port 53 does not get out from this monitoring host, so no name server can be"
        " asked itself ask: whoever runs the resolver, whose log may tell more"
    ]


def test_tcp_that_a_firewall_drops_is_the_cause(plugin: Plugin) -> None:
    with NameServer(zone(MAIL + "! 192.0.2.25 PTR stall")) as server:
        output = plugin.ask(server, "-d", "example.com", "-v")
    at = f"{server.address}#{server.port}"
    assert output.status == (
        "REVERSE_MX UNKNOWN - example.com: PTR lookup of 192.0.2.25 (mail.example.com) timed out:"
        f" no answer from {at} in 6.0 s over TCP, after a truncated one [dns-timeout]"
    )
    assert cause(output) == [
        "the answer does not fit into a datagram, and TCP does not get through to the resolver"
        " fix: whoever runs the firewall on the way, or the resolver, lets TCP through"
    ]


@pytest.mark.parametrize("seconds", [2, 10, 20])
def test_silence_is_borne_as_long_with_v_as_without(plugin: Plugin, seconds: int) -> None:
    """So that the verdict is the same, and time for the cause is left."""
    with NameServer(zone(MAIL + "! 192.0.2.25 PTR drop")) as server:
        runs = [
            plugin.ask(server, "-d", "example.com", "-t", str(seconds), *verbose)
            for verbose in ([], ["-v"])
        ]
    borne = min(0.6 * seconds, 6.0)
    said = f"no answer from {server.address}#{server.port} in {borne:.1f} s [dns-timeout]"
    assert [run.status for run in runs] == [
        "REVERSE_MX UNKNOWN - example.com: PTR lookup of 192.0.2.25 (mail.example.com) timed out:"
        f" {said}"
    ] * 2
