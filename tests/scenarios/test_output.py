"""What is printed: nothing raw out of the DNS, parsable performance data, the drawn chain."""

from __future__ import annotations

import contextlib
import re

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone

# What could hurt a shell, HTML, a terminal, or the scheduler that parses the output.
HOSTILE = {
    "pipe": "a|b",
    "script": "<script>alert(1)</script>",
    "quotes": "\"'`",
    "newline": "a\nb",
    "backslash": "a\\b",
    "substitution": "$(reboot)",
    "ampersand": "a&b;c",
    "escape": "\x1b[31m",
    "non-ascii": "\xc3\xbc\xff",
    "nul": "a\0b",
    "macro": "$HOSTADDRESS$",
    "percent": "%s%n{0}",
    "48-octets": "\xff" * 48,
    "63-octets": "<" * 63,
}


def escaped(octets: str) -> str:
    return "".join(
        c if c.isascii() and (c.isalnum() or c == "/") else f"\\{ord(c):03d}" for c in octets
    )


PERFDATUM = re.compile(r"[a-z_]{1,19}=-?\d+(\.\d+)?s?(;[-@~:.\d]*){0,3}(;[-.\d]+)?")


def assert_safe(output: Output, ascii_only: bool = True) -> None:
    """Assert what holds for whatever the DNS says."""
    assert output.code in (0, 1, 2, 3)
    assert output.stderr == ""
    text, bar, perfdata = output.stdout.partition("|")
    assert bar
    assert all(PERFDATUM.fullmatch(datum) for datum in perfdata.split())
    # The strings of a TXT record that the plugin advises have quotes around them.
    text = re.sub(r'(?m)(?<= TXT )"(.*)"$', lambda strings: strings[1].replace('" "', ""), text)
    assert not re.search(r"[<>&\"'`$\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert text.isascii() or not ascii_only
    assert re.match(r"REVERSE_MX (OK|WARNING|CRITICAL|UNKNOWN) - ", text)
    assert len(output.status) < 500


POSITIONS = {
    "mx-target": "example.com. MX 10 {name}.example.com.",
    "mx-target-with-address": """
        example.com. MX 10 {name}.example.com.
        {name}.example.com. A 192.0.2.25
        192.0.2.25 PTR {name}.example.com.
        """,
    "mx-alias": """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME {name}.example.com.
        """,
    "ptr-name": """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 192.0.2.25
        192.0.2.25 PTR {name}.example.com.
        """,
    "mixed-ptr-names": """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 192.0.2.25
        192.0.2.25 PTR mail.example.com.
        192.0.2.25 PTR {name}.example.com.
        192.0.2.25 PTR other.example.com.
        """,
    "referral": """
        example.com. MX 10 mail.example.com.
        ! mail.example.com. * referral {name}.example.com.
        """,
}


@pytest.mark.parametrize("position", POSITIONS)
def test_nothing_raw_from_a_hostile_name(plugin: Plugin, position: str) -> None:
    for octets in HOSTILE.values():
        text = POSITIONS[position].format(name=escaped(octets))
        with NameServer(zone(text)) as server:
            for verbosity in ((), ("-vvv",)):
                output = plugin.ask(server, "-d", "example.com", *verbosity)
                assert_safe(output)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_ptr_is_shown_escaped(plugin: Plugin, kind: str) -> None:
    name = escaped(HOSTILE[kind])
    with NameServer(zone(POSITIONS["ptr-name"].format(name=name))) as server:
        output = plugin.ask(server, "-d", "example.com", env={"LC_ALL": "C"})
    assert_safe(output)
    assert output.status == (
        f"REVERSE_MX CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR"
        f" {name}.example.com, which is no host name [invalid-ptr]"
    )
    assert output.code == 2


def test_name_of_255_octets_is_counted_not_cut(plugin: Plugin) -> None:
    name = ".".join(["\\255" * 63] * 3 + ["\\255" * 61])
    with NameServer(zone(f"{POSITIONS['ptr-name']}").replace("{name}.example.com", name)) as server:
        output = plugin.ask(server, "-d", "example.com", "-v")
    assert_safe(output)
    head = "REVERSE_MX CRITICAL - example.com: 192.0.2.25 (mail.example.com) has PTR \\255"
    assert re.fullmatch(re.escape(head) + r"(\.?\\255)+\.\.\. \[invalid-ptr\]", output.status)
    assert 490 > len(output.status) > 440
    assert output.long[-1] == f"    [CRITICAL] 192.0.2.25 PTR {name} (no host name)"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"a|b <script> \"'`$(x) & c", id="metacharacters"),
        pytest.param(r"two\nlines\x1b[31m\x00", id="control-characters"),
        pytest.param(r"b\xfccher \u202e \U0001f4a9", id="non-ascii"),
        pytest.param(r"\udcff\udc80", id="no-utf-8"),
        pytest.param("x" * 900, id="long"),
    ],
)
def test_nothing_raw_from_hostile_ede_text(plugin: Plugin, text: str) -> None:
    with NameServer(f"! * MX rcode SERVFAIL 0 {text}") as server:
        output = plugin.ask(server, "-d", "example.com", "-vv")
    assert_safe(output)
    assert "[dns-failure]" in output.status
    assert "SERVFAIL" in output.status


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        pytest.param("bücher.example", "xn--bcher-kva.example", id="unicode-argument"),
        pytest.param("xn--bcher-kva.example", "xn--bcher-kva.example", id="punycode-argument"),
    ],
)
def test_punycode_where_the_output_is_ascii(plugin: Plugin, domain: str, shown: str) -> None:
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"}
    with NameServer("xn--bcher-kva.example. MX 0 .") as server:
        output = plugin.ask(server, "-d", domain, "-v", env=env)
    assert_safe(output)
    assert output.status == f"REVERSE_MX WARNING - {shown}: takes no mail (null MX) [null-mx]"


def test_argument_that_the_output_cannot_encode(plugin: Plugin) -> None:
    output = plugin("-d", "bü cher.example", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert output.code == 3
    assert output.stdout.isascii()


def test_invalid_punycode_is_shown_as_it_is(plugin: Plugin) -> None:
    with NameServer("xn--zzzzzz-999999.example. MX 0 .") as server:
        output = plugin.ask(server, "-d", "xn--zzzzzz-999999.example")
    assert output.status == (
        "REVERSE_MX WARNING - xn--zzzzzz-999999.example: takes no mail (null MX) [null-mx]"
    )


# The status line has room for 500 characters.


def test_what_does_not_fit_is_counted(plugin: Plugin) -> None:
    hosts = [f"mail-host-number-{number:02d}.example.com." for number in range(30)]
    text = "".join(f"example.com. MX 10 {host}\n" for host in hosts)
    with NameServer(text) as server:
        output = plugin.ask(server, "-d", "example.com")
    named = re.findall(r"(\S+) does not exist \(NXDOMAIN\) \[no-address\]", output.status)
    counted = re.search(r"; (\d+) more problems, see -v$", output.status)
    assert counted
    assert len(named) + int(counted[1]) == 30
    assert 400 < len(output.status) < 500
    assert output.perfdata["mail_hosts"] == "30;;;0"


# The long output.

BROKEN = zone(
    """
    example.com. MX 10 mail.example.com.
    example.com. MX 20 mx2.example.com.
    example.com. MX 30 mx3.example.com.
    mail.example.com. A 192.0.2.25
    mail.example.com. A 192.0.2.26
    mx2.example.com. CNAME real.example.net.
    real.example.net. A 192.0.2.27
    mx3.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    192.0.2.27 PTR a.example.net.
    192.0.2.27 PTR b.example.net.
    192.0.2.27 PTR c.example.net.
    192.0.2.27 PTR -.example.net.
    b.example.net. A 192.0.2.28
    b.example.net. A 192.0.2.29
    c.example.net. A 192.0.2.27
    c.example.net. A 192.0.2.99
    """
)
LONG = [
    "[CRITICAL] missing-ptr: 192.0.2.26 (mail.example.com) has no PTR record (NXDOMAIN)",
    "[WARNING] mx-is-alias: mx2.example.com is an MX target and an alias of real.example.net"
    " (CNAME)",
    "[WARNING] mixed-ptr: 192.0.2.27 (mx2.example.com) has 4 PTR names, of which -.example.net,"
    " a.example.net, b.example.net do not resolve back to it",
    "[WARNING] name-mismatch: 192.0.2.27 (mx2.example.com) has PTR -.example.net, a.example.net,"
    " b.example.net, c.example.net, not the name of the mail host",
    "example.com",
    "  MX 10 mail.example.com",
    "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
    "    [CRITICAL] 192.0.2.26 (no PTR, NXDOMAIN)",
    "  MX 20 mx2.example.com CNAME real.example.net",
    "    [WARNING] 192.0.2.27 PTR -.example.net (no host name); PTR a.example.net (no A, NXDOMAIN);"
    " PTR b.example.net A 192.0.2.28, 192.0.2.29; PTR c.example.net A 192.0.2.27",
    "  MX 30 mx3.example.com, 192.0.2.25 as above",
]


def without_advice(lines: list[str]) -> list[str]:
    """Return the long output without what hangs below a problem."""
    kept: list[str] = []
    below = False
    for line in lines:
        if not line.startswith(" "):
            below = line.startswith("[")
            kept.append(line)
        elif not below:
            kept.append(line)
    return kept


def test_one_v_says_what_to_do_and_draws_the_chain(plugin: Plugin) -> None:
    with NameServer(BROKEN) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "example.com")
    assert output.status.startswith("REVERSE_MX CRITICAL - example.com: 192.0.2.26 ")
    assert without_advice(output.long) == LONG


def test_chain_shows_each_alias_on_the_way(plugin: Plugin) -> None:
    text = zone(
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME www.example.com.
        www.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        real.example.net. A 192.0.2.26
        192.0.2.25 CNAME 25.0-31.2.0.192.in-addr.arpa.
        25.0-31.2.0.192.in-addr.arpa. CNAME 25.isp.example.
        25.isp.example. PTR real.example.net.
        192.0.2.26 CNAME 26.isp.example.
        """
    )
    with NameServer(text) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "example.com")
    assert without_advice(output.long)[2:] == [
        "example.com",
        "  MX 10 mail.example.com CNAME www.example.com CNAME real.example.net",
        "    [OK] 192.0.2.25 CNAME 25.0-31.2.0.192.in-addr.arpa CNAME 25.isp.example"
        " PTR real.example.net A 192.0.2.25",
        "    [CRITICAL] 192.0.2.26 CNAME 26.isp.example (no PTR, NXDOMAIN)",
    ]


def test_chain_names_four_and_counts_the_others(plugin: Plugin) -> None:
    names = "".join(f"\n192.0.2.25 PTR n{number}.example.net." for number in range(5))
    back = "".join(f"\nn0.example.net. A 198.51.100.{number}" for number in range(6))
    text = "example.com. MX 10 mail.example.com.\nmail.example.com. A 192.0.2.25"
    with NameServer(zone(text + names + back)) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "example.com")
    assert output.long[-1] == (
        "    [CRITICAL] 192.0.2.25 PTR n0.example.net A 198.51.100.0, 198.51.100.1, 198.51.100.2,"
        " 198.51.100.3, 2 more; PTR n1.example.net (no A, NXDOMAIN); PTR n2.example.net"
        " (no A, NXDOMAIN); PTR n3.example.net (no A, NXDOMAIN); 1 more"
    )


def test_two_v_list_every_lookup_in_the_order_of_the_chain(plugin: Plugin) -> None:
    with NameServer(BROKEN) as server:
        output = plugin.ask(server, "-4", "-vv", "-d", "example.com")
    long = without_advice(output.long)
    lookups = [re.sub(r"[0-9.]+ ms", "N ms", line) for line in long[len(LONG) :]]
    advice = [line for line in lookups if "SOA " in line or "NS " in line]
    at = f"from 127.0.0.1#{server.port}, N ms"
    assert long[: len(LONG)] == LONG
    assert lookups[: -len(advice)] == [
        "lookups",
        f"  MX example.com: 3 records, {at}",
        f"  A mail.example.com: 2 records, {at}",
        f"  PTR 25.2.0.192.in-addr.arpa: 1 record, {at}",
        f"  PTR 26.2.0.192.in-addr.arpa: NXDOMAIN, {at}",
        f"  A mx2.example.com: 1 record, alias of real.example.net, {at}",
        f"  PTR 27.2.0.192.in-addr.arpa: 4 records, {at}",
        f"  A a.example.net: NXDOMAIN, {at}",
        f"  A b.example.net: 2 records, {at}",
        f"  A c.example.net: 2 records, {at}",
        f"  A mx3.example.com: 1 record, {at}",
    ]


def test_three_v_add_what_the_libraries_log(plugin: Plugin) -> None:
    with NameServer(BROKEN) as server:
        output = plugin.ask(server, "-4", "-vvv", "-d", "example.com")
    assert without_advice(output.long)[: len(LONG)] == LONG
    assert "MX example.com: found, tries: 1" in output.long


def test_perfdata_come_last_with_v(plugin: Plugin) -> None:
    with NameServer(BROKEN) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "example.com")
    assert output.stdout.splitlines()[-1].startswith("| time=")
    assert output.counts == (
        "time mx_time address_time ptr_time confirm_time mail_hosts=3 addresses=3 missing_ptr=1"
        " unconfirmed_ptr=0 name_mismatch=1 dns_errors=0"
    )


# Notes on those who were asked.

GOOD = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
"""
SOUND = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
CHAIN = [
    "example.com",
    "  MX 10 mail.example.com",
    "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
]
OTHER = "127.0.0.9"


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "closed"])
def test_silent_resolver_that_was_passed_over_is_a_note(plugin: Plugin, silent: bool) -> None:
    with NameServer(zone(GOOD)) as server, contextlib.ExitStack() as stack:
        if silent:
            stack.enter_context(NameServer("! * * drop", OTHER, server.port))
        where = ("-s", OTHER, "-s", server.address, "-p", str(server.port))
        output = plugin(*where, "-d", "example.com", "-v")
    note = f"note: resolver {OTHER}#{server.port} does not answer; the next outage is there"
    assert output.status == SOUND
    assert output.long == [note, *CHAIN]


def test_resolver_that_was_not_needed_is_none(plugin: Plugin) -> None:
    with NameServer(zone(GOOD)) as server, NameServer("! * * drop", OTHER, server.port):
        output = plugin.ask(server, "-s", OTHER, "-d", "example.com", "-v")
    assert (output.status, output.long) == (SOUND, CHAIN)


@pytest.mark.parametrize(
    ("fault", "noted"),
    [
        pytest.param("dropedns", True, id="dropped"),
        pytest.param("noedns", False, id="not-understood"),
        pytest.param("once drop", False, id="lost"),
    ],
)
def test_server_that_drops_edns_is_a_note(plugin: Plugin, fault: str, noted: bool) -> None:
    with NameServer(zone(f"{GOOD}\n! * * {fault}")) as server:
        output = plugin.ask(server, "-d", "example.com", "-v")
    note = [
        f"note: {server.address}#{server.port} is silent with EDNS (RFC 6891), so it takes a"
        " second",
        "  longer; is a firewall in the way?",
    ]
    assert (output.status, output.long) == (SOUND, [*note * noted, *CHAIN])
