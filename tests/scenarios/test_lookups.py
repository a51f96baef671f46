"""How questions are asked: each once, side by side, from several servers, within the deadline."""

from __future__ import annotations

import collections
import contextlib
import re
import socket
from collections.abc import Iterator

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone

TWO_HOSTS = zone(
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
    """
)
OK = "REVERSE_MX OK - example.com: 2 mail hosts, 4 addresses, reverse DNS matches"
ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)


def milliseconds(output_time: str) -> float:
    return float(output_time.partition("s;")[0]) * 1000


def test_each_question_is_asked_once_with_edns(plugin: Plugin) -> None:
    with NameServer(TWO_HOSTS) as server:
        output = plugin.ask(server, "-d", "example.com", "example.com.")
        asked = collections.Counter((query.name, query.rdtype) for query in server.queries)
        edns = {query.edns for query in server.queries}
    assert output.status == OK
    assert len(asked) == 9
    assert set(asked.values()) == {1}
    assert edns == {True}


@pytest.mark.parametrize("fault", ["noedns", "badvers", "badopt"])
def test_what_one_question_is_put_without_edns_costs_no_other_its_explanation(
    plugin: Plugin, fault: str
) -> None:
    text = f"! example.org. MX {fault}\n! 192.0.2.25 PTR rcode SERVFAIL 6 stale"
    with NameServer(ONE_HOST + zone(text)) as server:
        output = plugin.ask(server, "-d", "example.org", "example.com")
        asked = [(query.rdtype, query.edns) for query in server.queries if query.rdtype != "AAAA"]
    assert output.status == (
        "REVERSE_MX CRITICAL - 2 of 2 domains have problems: example.org: the domain does not exist"
        " (NXDOMAIN) [no-such-domain]; example.com: PTR lookup of 192.0.2.25 (mail.example.com)"
        f" failed: SERVFAIL (EDE 6 DNSSEC Bogus: stale) from 127.0.0.1#{server.port} [dns-failure]"
    )
    assert sorted(asked) == [
        ("A", True),
        *[("MX", False), ("MX", True)],
        ("MX", True),
        ("PTR", True),
    ]


def test_forward_lookup_is_of_the_address_family_only(plugin: Plugin) -> None:
    text = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR other.example.net.
    other.example.net. A 192.0.2.25
    """
    with NameServer(zone(text)) as server:
        plugin.ask(server, "-d", "example.com")
        asked = [query.rdtype for query in server.queries if query.name == "other.example.net."]
    assert asked == ["A"]


def test_two_hosts_and_four_addresses_take_three_round_trips(plugin: Plugin) -> None:
    with NameServer(TWO_HOSTS + "! * * delay 0.2\n") as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.status == OK
    times = {
        label: milliseconds(value) for label, value in output.perfdata.items() if "s;" in value
    }
    stages = [times["mx_time"], times["address_time"], times["ptr_time"]]
    assert times["confirm_time"] == times["address_time"]
    # Ratios in the same run: the walk is its three stages one after the other, and no more.
    assert times["time"] == pytest.approx(sum(stages), rel=0.1)
    assert times["time"] < 3.5 * min(stages)


def test_slow_host_does_not_hold_up_the_others(plugin: Plugin) -> None:
    slow = "! mail.example.com. A delay 1\n! 192.0.2.26 PTR delay 1\n"
    with NameServer(TWO_HOSTS + zone(slow)) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.status == OK
    slowest = milliseconds(output.perfdata["address_time"])
    assert milliseconds(output.perfdata["time"]) < 1.5 * slowest


# Several servers: one port, several loopback addresses.


@contextlib.contextmanager
def servers(*zones: str) -> Iterator[list[NameServer]]:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(NameServer(zones[0], "127.0.0.1"))
        others = [
            stack.enter_context(NameServer(text, f"127.0.0.{number}", first.port))
            for number, text in enumerate(zones[1:], start=2)
        ]
        yield [first, *others]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("! * * drop", id="silent"),
        pytest.param("! * * rcode SERVFAIL", id="servfail"),
        pytest.param("! * * rcode REFUSED", id="refused"),
        pytest.param("! * * garbage", id="garbage"),
        pytest.param("! * * heavy", id="answers-that-take-seconds-to-parse"),
        pytest.param("! * * short", id="short"),
        pytest.param("! * * referral", id="does-not-recurse"),
        pytest.param("! * * notcp", id="truncates-without-tcp"),
        pytest.param("! * * trickle", id="an-octet-a-second-over-tcp"),
        pytest.param("! * * stall", id="silent-over-tcp"),
        pytest.param("! * * storm", id="storm-of-wrong-ids"),
        pytest.param("! * * wrongquestion", id="wrong-question"),
    ],
)
def test_ok_when_the_first_of_two_servers_is_no_good(plugin: Plugin, fault: str) -> None:
    with servers(ONE_HOST + fault, ONE_HOST) as (first, second):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
    )
    assert output.code == 0


def test_silent_server_is_asked_last_from_then_on(plugin: Plugin) -> None:
    with servers(ONE_HOST + "! * * drop", ONE_HOST) as (first, second):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
        asked = {query.rdtype for query in first.queries}
    assert output.code == 0
    assert "PTR" not in asked


def test_closed_port_is_passed_over_at_once(plugin: Plugin) -> None:
    with NameServer(ONE_HOST, "127.0.0.2") as server:
        arguments = ("-s", "127.0.0.1", "-s", "127.0.0.2", "-p", str(server.port))
        output = plugin(*arguments, "-d", "example.com")
    assert output.code == 0
    assert milliseconds(output.perfdata["time"]) < 500  # less than one silent try


def test_every_server_is_named_when_none_helps(plugin: Plugin) -> None:
    with servers("! * * rcode SERVFAIL", "! * * rcode REFUSED") as (first, second):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: MX lookup failed: SERVFAIL from"
        f" 127.0.0.1#{first.port}; REFUSED from 127.0.0.2#{first.port} [dns-failure]"
    )


@pytest.mark.parametrize(
    ("lie", "code", "text"),
    [
        pytest.param(
            "! example.com. MX nxdomain",
            2,
            "CRITICAL - example.com: the domain does not exist (NXDOMAIN from {}) [no-such-domain]",
            id="no-such-domain",
        ),
        pytest.param(
            "! mail.example.com. * nxdomain",
            2,
            "CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN from {})"
            " [no-address]",
            id="no-address",
        ),
        pytest.param(
            "! 192.0.2.25 PTR nxdomain",
            2,
            "CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record"
            " (NXDOMAIN from {}) [missing-ptr]",
            id="missing-ptr",
        ),
    ],
)
def test_server_that_says_nxdomain_is_named_if_there_are_others(
    plugin: Plugin, lie: str, code: int, text: str
) -> None:
    with servers(zone(ONE_HOST + lie), ONE_HOST) as (first, second):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
        alone = plugin.ask(first, "-d", "example.com")
    liar = f"127.0.0.1#{first.port}"
    assert (output.code, output.status) == (code, f"REVERSE_MX {text.format(liar)}")
    assert (alone.code, alone.status) == (code, f"REVERSE_MX {text.replace(' from {}', '')}")


def test_each_server_that_denied_a_host_is_named(plugin: Plugin) -> None:
    text = "example.com. MX 10 mail.example.com.\n"
    with (
        NameServer(text + "! mail.example.com. AAAA rcode REFUSED") as first,
        NameServer(text, "127.0.0.2", first.port) as second,
    ):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: mail.example.com does not exist (NXDOMAIN from"
        f" 127.0.0.1#{first.port}, NXDOMAIN from 127.0.0.2#{first.port}) [no-address]"
    )


def test_chain_names_the_server_that_denies_a_ptr_name(plugin: Plugin) -> None:
    text = zone(
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 192.0.2.25
        192.0.2.25 PTR www.example.com.
        www.example.com. A 192.0.2.25
        """
    )
    with servers(text + "! www.example.com. A nxdomain", text) as (first, second):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com", "-v")
    assert output.code == 2
    assert output.long[-1] == (
        "    [CRITICAL] 192.0.2.25 PTR www.example.com (no A, NXDOMAIN from"
        f" 127.0.0.1#{first.port})"
    )


def test_refused_tcp_after_truncation_is_a_failure(plugin: Plugin) -> None:
    with NameServer(ONE_HOST + "! * * truncate", listens_on_tcp=False) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: MX lookup failed: truncated answer, and over TCP"
        f" connection refused from 127.0.0.1#{server.port} [dns-failure]"
    )
    assert output.code == 2


def test_refused_tcp_after_truncation_sends_to_the_next_server(plugin: Plugin) -> None:
    with (
        NameServer(ONE_HOST + "! * * truncate", listens_on_tcp=False) as first,
        NameServer(ONE_HOST, "127.0.0.2", first.port) as second,
    ):
        output = plugin.ask(first, "-s", second.address, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
    )


def test_thousand_ptr_names_come_over_tcp(plugin: Plugin) -> None:
    text = ONE_HOST + "*.example.net. A 192.0.2.25\n"
    text += zone("".join(f"192.0.2.25 PTR n{n:03d}.example.net.\n" for n in range(999)))
    with NameServer(text) as server:
        output = plugin.ask(server, "-d", "example.com")
        transports = [query.transport for query in server.queries if query.rdtype == "PTR"]
    assert transports == ["udp", "tcp"]
    assert output.status == (
        "REVERSE_MX WARNING - example.com: 192.0.2.25 (mail.example.com) has 900 PTR names that"
        " were left out [too-many]"
    )
    assert output.code == 1


def test_ipv6_server(plugin: Plugin) -> None:
    with NameServer(ONE_HOST, "::1") as server:
        assert plugin.ask(server, "-d", "example.com").code == 0


# The ways a lookup can end have six texts.


def test_six_endings_have_six_texts(plugin: Plugin) -> None:
    text = zone(
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 192.0.2.1
        mail.example.com. A 192.0.2.2
        mail.example.com. A 192.0.2.3
        mail.example.com. A 192.0.2.4
        mail.example.com. A 192.0.2.5
        mail.example.com. A 192.0.2.6
        192.0.2.2 TXT here
        ! 192.0.2.3 PTR rcode SERVFAIL 22
        ! 192.0.2.4 PTR rcode REFUSED
        ! 192.0.2.5 PTR drop
        ! 192.0.2.6 PTR referral ns.example.
        """
    )
    with NameServer(text) as server:
        output = plugin.ask(server, "-vv", "-t", "2", "-d", "example.com")
    at = f"from 127.0.0.1#{server.port}"
    of = [f"PTR lookup of 192.0.2.{number} (mail.example.com)" for number in range(7)]
    assert output.code == 2
    told = "\n".join(re.sub(r"[0-9.]+ (s|ms)\b", r"N \1", line) for line in output.long)
    for line in (
        "[CRITICAL] missing-ptr: 192.0.2.1 (mail.example.com) has no PTR record (NXDOMAIN)\n",
        "[CRITICAL] missing-ptr: 192.0.2.2 (mail.example.com) has no PTR record (NODATA)\n",
        f"[CRITICAL] dns-failure: {of[3]} failed: SERVFAIL (EDE 22 No Reachable Authority) {at}\n",
        f"[CRITICAL] dns-failure: {of[4]} failed: REFUSED {at}\n",
        f"[UNKNOWN] dns-timeout: {of[5]} timed out: no answer {at} in N s\n",
        f"[CRITICAL] dns-failure: {of[6]} failed: referral to ns.example (no recursion) {at}\n",
        "    [CRITICAL] 192.0.2.1 (no PTR, NXDOMAIN)\n"
        "    [CRITICAL] 192.0.2.2 (no PTR, NODATA)\n"
        "    [CRITICAL] 192.0.2.3 (PTR lookup failed)\n"
        "    [CRITICAL] 192.0.2.4 (PTR lookup failed)\n"
        "    [UNKNOWN] 192.0.2.5 (PTR lookup failed)\n"
        "    [CRITICAL] 192.0.2.6 (PTR lookup failed)\n",
        f"  PTR 1.2.0.192.in-addr.arpa: NXDOMAIN, {at}, N ms\n",
        f"  PTR 2.2.0.192.in-addr.arpa: NODATA, {at}, N ms\n",
        f"  PTR 4.2.0.192.in-addr.arpa: failure, REFUSED {at}, N ms\n",
        f"  PTR 6.2.0.192.in-addr.arpa: referral, referral to ns.example (no recursion) {at},",
    ):
        assert line in told
    assert re.search(rf"PTR 5.2.0.192.in-addr.arpa: timeout, no answer {at} in N s, N ms, \d", told)


def test_unknown_when_nothing_listens(plugin: Plugin) -> None:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    output = plugin("-s", "127.0.0.1", "-p", str(port), "-d", "example.com")
    assert output.status == (
        "REVERSE_MX UNKNOWN - example.com: MX lookup got no answer: connection refused from"
        f" 127.0.0.1#{port} [dns-timeout]"
    )
    assert output.code == 3


# Thresholds on the stages.


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        pytest.param(("-w", "0.1"), 1, "WARNING", id="warn-slow-stage"),
        pytest.param(("-w", "0.1", "-c", "0.2"), 2, "CRITICAL", id="crit-slow-stage"),
        pytest.param(("-w", "5", "-c", "0:6.5"), 0, "OK", id="ok-within-range"),
        pytest.param(("-c", "@0:1"), 2, "CRITICAL", id="crit-inverted-range"),
    ],
)
def test_thresholds(plugin: Plugin, arguments: tuple[str, ...], code: int, word: str) -> None:
    with NameServer(ONE_HOST + "! * PTR delay 0.3") as server:
        output = plugin.ask(server, "-d", "example.com", *arguments)
    assert output.code == code
    assert output.status.startswith(f"REVERSE_MX {word} - example.com: ")
    if code:
        assert re.search(r"slowest PTR lookup took 0\.3\d*s \(outside range \S+\)", output.status)
    warning, critical = (
        arguments[arguments.index(o) + 1] if o in arguments else "" for o in ("-w", "-c")
    )
    for label, value in output.perfdata.items():
        ranges = [warning, critical.replace("0:6.5", "6.5").replace("@0:", "@")]
        expected = ranges if label.endswith("_time") else ["", ""]
        assert value.split(";")[1:3] == expected


def test_slow_server_is_waited_for_though_another_is_not_there(plugin: Plugin) -> None:
    with NameServer(zone(ONE_HOST + "! mail.example.com. A delay 3.6")) as server:
        output = plugin.ask(server, "-s", "127.0.0.9", "-d", "example.com")
    assert (output.code, output.status) == (
        0,
        "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches",
    )


@pytest.mark.parametrize(
    ("slow", "stage"),
    [
        pytest.param("example.com. MX", "MX lookup", id="mx"),
        pytest.param("mail.example.com. A", "address lookup", id="address"),
        pytest.param("192.0.2.25 PTR", "PTR lookup", id="ptr"),
        pytest.param("other.example.net. A", "confirming lookup", id="confirm"),
        pytest.param("example.com. TXT", "SPF lookup", id="spf"),
    ],
)
def test_threshold_says_which_stage_was_slow(plugin: Plugin, slow: str, stage: str) -> None:
    text = f"""
    example.com. MX 10 mail.example.com.
    example.com. TXT "v=spf1 mx -all"
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR other.example.net.
    other.example.net. A 192.0.2.25
    ! {slow} delay 1.2
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-d", "example.com", "--spf", "-4", "-c", "1")
    assert output.code == 2
    assert re.match(
        rf"REVERSE_MX CRITICAL - example.com: slowest {stage} took 1\.\d+s \(outside range 0:1\);",
        output.status,
    )
