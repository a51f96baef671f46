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


KEEPS = (
    "what was asked is no resolver, but serves its own zones only fix: -s or"
    " /etc/resolv.conf names a resolver"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "! 192.0.2.25 PTR rcode REFUSED 18",
            "the resolver refuses this host fix: whoever runs it lets this host ask (access list),"
            " or -s names another",
            id="resolver-refuses-this-host",
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
            "the answer does not fit into a datagram, and TCP port 53 of the resolver does not get"
            " through fix: whoever runs the firewall on the way, or the resolver, lets TCP through",
            id="tcp-does-not-get-through",
        ),
        pytest.param(
            "! * SOA rcode SERVFAIL\n! . NS rcode SERVFAIL\n! 192.0.2.25 PTR rcode SERVFAIL",
            "the resolver cannot resolve the root either, so it is cut off from the Internet fix:"
            " whoever runs it lets it ask name servers, on UDP and TCP port 53",
            id="resolver-is-cut-off",
        ),
        pytest.param(
            "! * SOA rcode SERVFAIL\n! 192.0.2.25 PTR rcode SERVFAIL",
            "not found; excluded: the resolver, which answers for the root, DNSSEC, as it is the"
            " same with checking disabled",
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
            "the copies of 2.0.192.in-addr.arpa have expired, or the like (SERVFAIL):"
            " ns.isp.example (192.0.2.53) fix: its owner (noc@isp.example) has it transferred from"
            " its primary again",
            id="copies-have-expired",
        ),
        pytest.param(
            "rcode REFUSED",
            "no name server that 2.0.192.in-addr.arpa is delegated to serves it: ns.isp.example"
            " (192.0.2.53) fix: its owner (noc@isp.example) changes 2.0.192.in-addr.arpa. NS in"
            " its parent, or they serve it again",
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
            "no name server that example.net is delegated to serves it: ns.example.net"
            " (192.0.2.54) fix: its owner (dns@example.net) changes example.net. NS in its parent,"
            " or they serve it again",
            id="looked-for-behind-the-alias",
        ),
        pytest.param(
            "! * SOA authority\n25.example.net. PTR mail.example.com.",
            "the name servers that answer agree, so the trouble is the resolver's fix: whoever"
            " runs the resolver has it forget 2.0.192.in-addr.arpa (flush its cache) or reach these"
            " servers; -s names another",
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
