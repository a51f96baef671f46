"""Every authoritative server asked itself: real BIND and NSD servers that agree, and do not.

Three servers, in a namespace where their addresses are local, are listed for one reverse zone;
Unbound, on the loopback address there, is the resolver and knows the first of them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.helpers.namespace import Namespace
from tests.helpers.plugin import Output, Program
from tests.helpers.realservers import FOLDER, Bind, Nsd, Server, Unbound, sign_zone

REVERSE = "2.0.192.in-addr.arpa"
HOSTS = ["192.0.2.51", "192.0.2.52", "192.0.2.53"]
# Local too, where no server is.
DEAD = "192.0.2.59"
# What is not local: the machine has no way there.
NO_WAY = "2001:db8::59"
NAMES = "".join(f"ns{number} A {host}\n" for number, host in enumerate(HOSTS, 1))


def reverse(serial: int, *records: str) -> str:
    """Return the text of the reverse zone."""
    servers = "".join(f"@ NS ns{number}.isp.example.\n" for number in (1, 2, 3))
    soa = f"@ SOA ns1.isp.example. noc.isp.example. {serial} 3600 600 86400 60\n"
    return f"{soa}{servers}" + "\n".join(records)


def forward(serial: int, *records: str) -> str:
    """Return the text of the domain's zone."""
    soa = f"@ SOA ns1.isp.example. noc.isp.example. {serial} 3600 600 86400 60\n"
    servers = "@ NS ns1.isp.example.\n@ NS ns2.isp.example.\n"
    return f"{soa}{servers}mail A 192.0.2.25\n" + "\n".join(records)


GOOD = reverse(7, "25 PTR mail.example.com.")
MX = forward(3, "@ MX 10 mail")
ISP = "@ SOA ns1 noc 1 3600 600 86400 60\n@ NS ns1\n" + NAMES
COMMON = {"isp.example": ISP, "example.com": MX}


class Farm:
    """The first name server, the others as the test wants them, and the resolver."""

    def __init__(self, stack: ExitStack, zones: dict[str, str], extra: str = "") -> None:
        self.stack = stack
        self.zones = {**COMMON, **zones}
        self.namespace = stack.enter_context(Namespace(*HOSTS, DEAD))
        bind = Bind(FOLDER, self.zones, HOSTS[0], 53, recursion=False, within=self.namespace)
        stack.enter_context(bind)
        self.extra = extra

    def nsd(self, number: int, zones: dict[str, str]) -> None:
        self.stack.enter_context(Nsd(FOLDER, zones, HOSTS[number - 1], 53, within=self.namespace))

    def ask(self, program: Program, *arguments: str, anchors: tuple[str, ...] = ()) -> Output:
        stubs = dict.fromkeys(self.zones, (HOSTS[0], 53))
        resolver: Server = Unbound(
            FOLDER, stubs, anchors, port=53, extra=self.extra, within=self.namespace
        )
        with resolver:
            where = ("-s", "127.0.0.1", "-d", "example.com")
            return program(*where, *arguments, within=self.namespace.command)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_all_agree(program: Program, stack: ExitStack) -> None:
    farm = Farm(stack, {REVERSE: GOOD})
    farm.nsd(2, {REVERSE: GOOD, "example.com": MX})
    farm.nsd(3, {REVERSE: GOOD})
    output = farm.ask(program, "--authoritative", "-v")
    assert output.status == (
        "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
    )
    assert output.long == [
        "example.com",
        "  zone example.com, 2 name server addresses asked",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        f"      zone {REVERSE}, 3 name server addresses asked",
    ]


STALE = reverse(6, "25 PTR old.example.com.")
EMPTY = reverse(5)
WITNESSES = {number: f"ns{number}.isp.example ({HOSTS[number - 1]}" for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("odd", "serial", "has"),
    [
        pytest.param(STALE, 6, "PTR old.example.com", id="stale"),
        pytest.param(EMPTY, 5, "no PTR (NXDOMAIN)", id="lacks-the-record"),
        pytest.param(
            reverse(8, "25 PTR mail.example.com.", "25 PTR www.example.com."),
            8,
            "PTR mail.example.com, PTR www.example.com",
            id="has-one-more",
        ),
    ],
)
def test_odd_one_is_named(
    program: Program, stack: ExitStack, odd: str, serial: int, has: str
) -> None:
    farm = Farm(stack, {REVERSE: GOOD})
    farm.nsd(2, {REVERSE: odd, "example.com": MX})
    farm.nsd(3, {REVERSE: GOOD})
    output = farm.ask(program, "--authoritative")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: PTR of 25.2.0.192.in-addr.arpa differs between the"
        f" name servers of {REVERSE}: {WITNESSES[1]}, serial 7), {WITNESSES[3]}, serial 7) have"
        f" PTR mail.example.com; {WITNESSES[2]}, serial {serial}) has {has} [inconsistent-ptr]"
    )
    assert output.code == 2


@pytest.mark.parametrize(
    ("primary", "serial", "stale", "fix"),
    [
        pytest.param(
            "ns1",
            7,
            6,
            "have the zone {} loaded anew on ns2, ns3 transferred by whoever runs them:"
            " ns1 (serial 7) is right",
            id="two-secondaries-are-behind",
        ),
        pytest.param(
            "ns1",
            7,
            9,
            "raise the serial of the zone {} on ns1 above 9 (it went back to 7), and have it loaded"
            " anew on ns2, ns3",
            id="serial-of-the-primary-went-back",
        ),
        pytest.param(
            "ns1",
            7,
            7,
            "raise the serial of the zone {} on ns1 above 7 (it was changed without that), and have"
            " it loaded anew on ns2, ns3",
            id="primary-was-changed-under-the-same-serial",
        ),
        pytest.param(
            "ns1",
            1,
            4294967295,
            "have the zone {} loaded anew on ns2, ns3 transferred by whoever runs them:"
            " ns1 (serial 1) is right",
            id="serials-go-round-in-a-circle",
        ),
        pytest.param(
            "hidden",
            7,
            6,
            "have the zone {} loaded anew on ns2, ns3 transferred by whoever runs them:"
            " ns1 (serial 7) is right",
            id="newest-if-primary-is-hidden",
        ),
        pytest.param(
            "hidden",
            7,
            7,
            "raise the serial of the zone {} on its primary hidden above 7",
            id="nothing-tells-which-is-stale",
        ),
    ],
)
def test_primary_and_serials_decide_and_not_the_majority(
    program: Program, stack: ExitStack, primary: str, serial: int, stale: int, fix: str
) -> None:
    """The first server is right, and two have old records."""
    soa = f"SOA {primary}.isp.example."
    good = reverse(serial, "25 PTR mail.example.com.").replace("SOA ns1.isp.example.", soa)
    old = reverse(stale, "25 PTR old.example.com.").replace("SOA ns1.isp.example.", soa)
    farm = Farm(stack, {REVERSE: good})
    farm.nsd(2, {REVERSE: old, "example.com": MX})
    farm.nsd(3, {REVERSE: old})
    output = farm.ask(program, "--authoritative", "-v")
    sides = [
        f"{WITNESSES[1]}, serial {serial}) has PTR mail.example.com",
        f"{WITNESSES[2]}, serial {stale}), {WITNESSES[3]}, serial {stale}) have"
        " PTR old.example.com",
    ]
    if serial == stale and primary == "hidden":
        sides.reverse()
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: PTR of 25.2.0.192.in-addr.arpa differs between the"
        f" name servers of {REVERSE}: {'; '.join(sides)} [inconsistent-ptr]"
    )
    shown = re.sub(r"\b(ns\d|hidden)\b", r"\1.isp.example", fix.format(REVERSE))
    told = " ".join(" ".join(output.long[1:]).split())
    assert told.startswith(f"fix: {shown} in: zone {REVERSE}, ")


@pytest.mark.parametrize("serial", [2, 4])
def test_mx_that_differs(program: Program, stack: ExitStack, serial: int) -> None:
    """What the primary has comes first, be the other's serial older or newer."""
    farm = Farm(stack, {REVERSE: GOOD})
    farm.nsd(2, {REVERSE: GOOD, "example.com": forward(serial, "@ MX 20 mail")})
    farm.nsd(3, {REVERSE: GOOD})
    output = farm.ask(program, "--authoritative")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: MX of example.com differs between the name servers of"
        f" example.com: {WITNESSES[1]}, serial 3) has MX 10 mail.example.com;"
        f" {WITNESSES[2]}, serial {serial}) has MX 20 mail.example.com [inconsistent-mx]"
    )
    assert output.code == 1


LAME = f"name server of {REVERSE},"


@pytest.mark.parametrize(
    "kind", ["refuses", "dead", "silent", "not-authoritative", "from-a-cache", "garbage"]
)
def test_lame_server_is_named(program: Program, stack: ExitStack, kind: str) -> None:
    farm = Farm(stack, {REVERSE: GOOD})
    farm.nsd(2, {REVERSE: GOOD, "example.com": MX})
    if kind == "refuses":
        farm.nsd(3, {"other.example": "@ A 192.0.2.1"})
    elif kind == "silent":
        farm.namespace.name_server("! * * drop", HOSTS[2])
    elif kind == "garbage":
        farm.nsd(3, {REVERSE: "( what is this"})
    elif kind == "not-authoritative":
        farm.nsd(3, {"0.192.in-addr.arpa": "2 NS ns1.isp.example."})
    elif kind == "from-a-cache":
        farm.namespace.name_server(f"25.{REVERSE}. PTR mail.example.com.", HOSTS[2])
    says = {
        "refuses": r"answers REFUSED( \(EDE [^)]*\))?",
        "dead": r"does not answer \(connection refused\)",
        "silent": "does not answer",
        "not-authoritative": "is not authoritative",
        "from-a-cache": "is not authoritative",
        "garbage": r"answers SERVFAIL( \(EDE [^)]*\))?",
    }[kind]
    output = farm.ask(program, "--authoritative")
    assert re.fullmatch(
        rf"REVERSE_MX WARNING - example\.com: {re.escape(WITNESSES[3])}\),"
        rf" {re.escape(LAME)} {says} \[lame-server\]",
        output.status,
    )
    assert output.code == 1


def test_what_to_do_about_lame_servers_and_differences(program: Program, stack: ExitStack) -> None:
    """A server that the machine has no way to is neither."""
    isp = f"{ISP}ns4 AAAA {NO_WAY}\n"
    farm = Farm(stack, {REVERSE: f"{GOOD}\n@ NS ns4.isp.example.", "isp.example": isp})
    farm.nsd(2, {REVERSE: STALE, "example.com": MX})
    output = farm.ask(program, "--authoritative", "-v")
    assert output.long == [
        "[CRITICAL] inconsistent-ptr: PTR of 25.2.0.192.in-addr.arpa differs between the name"
        f" servers of {REVERSE}: {WITNESSES[1]}, serial 7) has PTR mail.example.com;"
        f" {WITNESSES[2]}, serial 6) has PTR old.example.com",
        f"  fix: have the zone {REVERSE} loaded anew on ns2.isp.example",
        "    transferred by whoever runs it: ns1.isp.example (serial 7) is right",
        f"  in: zone {REVERSE}, contact noc@isp.example",
        "    a reverse zone: as a rule the address's provider changes it",
        f"    name servers: {WITNESSES[1]}), {WITNESSES[2]}), {WITNESSES[3]}),"
        f" ns4.isp.example ({NO_WAY})",
        f"[WARNING] lame-server: {WITNESSES[3]}), {LAME} does not answer (connection refused)",
        f"  have it mended, or remove: {REVERSE}. NS ns3.isp.example.",
        f"  in: zone {REVERSE}, see above",
        "example.com",
        "  zone example.com, 2 name server addresses asked",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        f"      zone {REVERSE}, 4 name server addresses asked",
    ]


def test_name_servers_in_punycode_can_be_read(program: Program, stack: ExitStack) -> None:
    names = f"xn--bcher-kva A {HOSTS[2]}\nxn--mller-kva A {DEAD}\n"
    servers = "@ NS xn--bcher-kva.isp.example.\n@ NS xn--mller-kva.isp.example."
    good, stale, empty = (
        text.replace("@ NS ns3.isp.example.", servers) for text in (GOOD, STALE, EMPTY)
    )
    farm = Farm(stack, {REVERSE: good, "isp.example": ISP + names})
    farm.nsd(2, {REVERSE: stale, "example.com": MX})
    farm.nsd(3, {REVERSE: empty})
    output = farm.ask(program, "--authoritative", "-v")
    differs, lame = (line for line in output.long if line.startswith("["))
    assert differs == (
        "[CRITICAL] inconsistent-ptr: PTR of 25.2.0.192.in-addr.arpa differs between the name"
        f" servers of {REVERSE}: {WITNESSES[1]}, serial 7) has PTR mail.example.com;"
        f" {WITNESSES[2]}, serial 6) has PTR old.example.com; bücher.isp.example"
        f" (xn--bcher-kva.isp.example) ({HOSTS[2]}, serial 5) has no PTR (NXDOMAIN)"
    )
    assert lame == (
        f"[WARNING] lame-server: müller.isp.example (xn--mller-kva.isp.example) ({DEAD}), {LAME}"
        " does not answer (connection refused)"
    )
    servers = "ns2.isp.example, bücher.isp.example (xn--bcher-kva.isp.example)"
    assert f" loaded anew on {servers} transferred by whoever runs them" in " ".join(
        " ".join(output.long).split()
    )


def test_only_name_server_is_not_to_be_removed(program: Program, stack: ExitStack) -> None:
    """It is lame, and the resolver knows the zone from elsewhere."""
    only = "".join(line for line in GOOD.splitlines(True) if not re.search(" NS ns[12]", line))
    farm = Farm(stack, {REVERSE: only})
    farm.nsd(2, {"example.com": MX})
    output = farm.ask(program, "--authoritative", "-v")
    assert f"  have it mended: {REVERSE}. NS ns3.isp.example." in output.long


def test_name_server_without_address_is_lame(program: Program, stack: ExitStack) -> None:
    farm = Farm(stack, {REVERSE: GOOD + "\n@ NS gone.isp.example."})
    farm.nsd(2, {REVERSE: GOOD, "example.com": MX})
    farm.nsd(3, {REVERSE: GOOD})
    output = farm.ask(program, "--authoritative")
    assert output.status == (
        f"REVERSE_MX WARNING - example.com: gone.isp.example, {LAME} has no address [lame-server]"
    )


def test_dead_server_is_not_called_lame_before_it_is_certain(
    program: Program, stack: ExitStack
) -> None:
    farm = Farm(stack, {REVERSE: GOOD})
    farm.nsd(2, {REVERSE: GOOD, "example.com": MX})
    farm.namespace.name_server("! * * drop", HOSTS[2])
    output = farm.ask(program, "--authoritative", "-t", "2", "-v")
    late = f"{WITNESSES[3]}), {LAME} did not answer in time"
    assert output.status == f"REVERSE_MX UNKNOWN - example.com: {late} [dns-timeout]"
    assert output.long[0] == f"[UNKNOWN] dns-timeout: {late}"
    assert output.code == 3


def test_rfc2317_both_zones_are_asked(program: Program, stack: ExitStack) -> None:
    """The parent's second server lacks the alias; the child is elsewhere."""
    child = "0-63.2.0.192.in-addr.arpa"
    delegation = (f"25 CNAME 25.{child}.", "0-63 NS ns3.isp.example.")
    at_child = (
        "@ SOA ns3.isp.example. dns.example.com. 4 3600 600 86400 60\n"
        "@ NS ns3.isp.example.\n25 PTR mail.example.com."
    )
    parent = reverse(7, *delegation).replace("@ NS ns3.isp.example.\n", "")
    lacking = reverse(6, delegation[1]).replace("@ NS ns3.isp.example.\n", "")
    farm = Farm(stack, {REVERSE: parent})
    farm.nsd(2, {REVERSE: lacking, "example.com": MX})
    farm.nsd(3, {child: at_child})
    stub = f'stub-zone:\n  name: "{child}"\n  stub-addr: {HOSTS[2]}@53\n'
    farm.extra = stub
    output = farm.ask(program, "--authoritative", "-v")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: PTR of 25.2.0.192.in-addr.arpa differs between the"
        f" name servers of {REVERSE}: {WITNESSES[1]}, serial 7) has CNAME 25.{child};"
        f" {WITNESSES[2]}, serial 6) has no PTR (NXDOMAIN) [inconsistent-ptr]"
    )
    assert f"      zone {child}, 1 name server address asked" in output.long


def test_ipv6_reverse_zone(program: Program, stack: ExitStack) -> None:
    zone = "8.b.d.0.1.0.0.2.ip6.arpa"
    owner = "5.2" + 22 * ".0"
    farm = Farm(
        stack,
        {
            "example.com": MX.replace("mail A 192.0.2.25", "mail AAAA 2001:db8::25"),
            zone: reverse(7, f"{owner} PTR mail.example.com."),
        },
    )
    farm.nsd(2, {zone: reverse(6), "example.com": farm.zones["example.com"]})
    farm.nsd(3, {zone: reverse(7, f"{owner} PTR mail.example.com.")})
    output = farm.ask(program, "--authoritative")
    assert output.status == (
        f"REVERSE_MX CRITICAL - example.com: PTR of {owner}.{zone} differs between the name"
        f" servers of {zone}: {WITNESSES[1]}, serial 7), {WITNESSES[3]}, serial 7) have"
        f" PTR mail.example.com; {WITNESSES[2]}, serial 6) has no PTR (NXDOMAIN)"
        " [inconsistent-ptr]"
    )


# A lookup that failed: whose trouble it is.


def cause(output: Output) -> str:
    """Return the conclusion with what mends it, which may take some lines."""
    lines = [line.strip() for line in output.long]
    starts = [number for number, line in enumerate(lines) if line.startswith("cause: ")]
    assert len(starts) == 1
    return " ".join(lines[starts[0] :]).partition(" asked themselves, ")[0]


def test_dnssec_fault_is_told_from_a_broken_zone(program: Program, stack: ExitStack) -> None:
    signed, anchor = sign_zone(FOLDER, REVERSE, GOOD)
    tampered = signed.replace("mail.example.com.", "forged.example.com.")
    assert tampered != signed
    farm = Farm(stack, {REVERSE: tampered})
    farm.nsd(2, {REVERSE: tampered, "example.com": MX})
    farm.nsd(3, {REVERSE: tampered})
    output = farm.ask(program, "-v", anchors=(anchor,))
    assert "[dns-failure]" in output.status
    assert "EDE 6 DNSSEC Bogus" in output.status
    assert cause(output) == (
        f"cause: DNSSEC validation fails fix: the owner of {REVERSE} (noc@isp.example) signs"
        " it anew, or has the DS in its parent corrected or removed with checking disabled the"
        " resolver answers PTR forged.example.com"
    )


# Of a parent zone at the second server.
SOA = "@ SOA ns1.isp.example. noc.isp.example. 1 3600 600 86400 60\n@ NS ns2.isp.example.\n"


AGREE = (
    "cause: the name servers that answer agree, so the trouble is the resolver's fix: whoever runs"
    f" the resolver flushes {REVERSE} from its cache, or has it reach these servers; or name"
    " another with -s"
)


def test_resolvers_own_trouble_is_told_from_the_zones(program: Program, stack: ExitStack) -> None:
    """The resolver cannot reach the reverse zone's servers; the plugin can."""
    parent = "0.192.in-addr.arpa"
    delegation = "".join(f"2 NS ns{number}.isp.example.\n" for number in (1, 2, 3))
    delegation += "2 NS ns4.isp.example.\n"
    farm = Farm(stack, {"isp.example": f"{ISP}ns4 AAAA {NO_WAY}\n"})
    farm.nsd(2, {parent: SOA + delegation, "example.com": MX})
    farm.nsd(3, {REVERSE: f"{GOOD}\n25 PTR www.example.com."})
    farm.extra = "".join(
        f'stub-zone:\n  name: "{name}"\n  stub-addr: {address}@53\n'
        for name, address in ((parent, HOSTS[1]), (REVERSE, DEAD))
    )
    output = farm.ask(program, "-v")
    assert "PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL" in output.status
    told = textwrap.dedent("\n".join(line for line in output.long if "cause" not in line))
    assert f"  ns4.isp.example ({NO_WAY}) was not asked" in told
    assert f"asked themselves, the servers of {REVERSE}:" in told
    assert f"  {WITNESSES[3]}, serial 7) has PTR mail.example.com, PTR www.example.com" in told
    assert f"  {WITNESSES[1]}) answers REFUSED" in told
    assert cause(output) == AGREE


def test_servers_that_agree_on_nothing_are_no_cause(program: Program, stack: ExitStack) -> None:
    """The name has no record, and so no alias to go on from."""
    farm = Farm(stack, {})
    farm.nsd(2, {"0.192.in-addr.arpa": f"{SOA}2 NS ns3.isp.example.\n", "example.com": MX})
    farm.nsd(3, {REVERSE: reverse(7)})
    farm.extra = "".join(
        f'stub-zone:\n  name: "{name}"\n  stub-addr: {address}@53\n'
        for name, address in (("0.192.in-addr.arpa", HOSTS[1]), (REVERSE, DEAD))
    )
    output = farm.ask(program, "-v")
    told = "\n".join(line.strip() for line in output.long)
    assert f"{WITNESSES[3]}, serial 7) has no PTR (NXDOMAIN)" in told
    assert cause(output) == AGREE


def test_lame_zone_has_no_server_that_answers(program: Program, stack: ExitStack) -> None:
    farm = Farm(stack, {REVERSE: "( what is this"})
    parent = "0.192.in-addr.arpa"
    delegation = "2 NS ns1.isp.example.\n2 NS ns3.isp.example.\n"
    soa = "@ SOA ns2.isp.example. noc.isp.example. 1 3600 600 86400 60\n@ NS ns2.isp.example.\n"
    farm.nsd(2, {parent: soa + delegation, "example.com": MX})
    farm.extra = f'stub-zone:\n  name: "{parent}"\n  stub-addr: {HOSTS[1]}@53\n'
    output = farm.ask(program, "-v")
    assert "PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL" in output.status
    assert cause(output) == (
        f"cause: none of its name servers serves {REVERSE} fix: whoever runs ns1.isp.example and"
        f" ns3.isp.example serves it again, or the zone's owner changes {REVERSE}. NS in"
        " 0.192.in-addr.arpa"
    )
    told = "\n".join(line.strip() for line in output.long)
    assert f"{WITNESSES[1]}) answers SERVFAIL" in told
    assert f"{WITNESSES[3]}) does not answer (connection refused)" in told


def test_failure_behind_an_alias_is_looked_for_there(program: Program, stack: ExitStack) -> None:
    """A classless delegation (RFC 2317) to a server that is gone; the parent's servers agree.

    But for the first, which there is no way to.
    """
    child = "0-63.2.0.192.in-addr.arpa"
    parent = reverse(7, f"25 CNAME 25.{child}.", "0-63 NS ns3.isp.example.")
    parent = parent.replace("@ NS ns3.isp.example.\n", "@ NS ns0.isp.example.\n")
    isp = f"{ISP}ns0 AAAA {NO_WAY}\n"
    farm = Farm(stack, {REVERSE: parent, "isp.example": isp, "arpa": SOA})
    farm.nsd(2, {REVERSE: farm.zones[REVERSE], "example.com": MX})
    output = farm.ask(program, "-v")
    assert "PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL" in output.status
    told = [line.strip() for line in output.long]
    asked = told.index(f"asked themselves, the servers of {REVERSE}:")
    assert told[asked + 1 : asked + 6] == [
        f"ns0.isp.example ({NO_WAY}) was not asked",
        f"{WITNESSES[1]}, serial 7) has CNAME 25.{child}",
        f"{WITNESSES[2]}, serial 7) has CNAME 25.{child}",
        f"asked themselves, the servers of {child}:",
        f"{WITNESSES[3]}) does not answer (connection refused)",
    ]
    assert cause(output) == (
        f"cause: other name servers answer, but none of {child} fix: whoever runs ns3.isp.example"
        f" (noc@isp.example) has it answer, or the zone's owner changes {child}. NS in {REVERSE}"
    )
