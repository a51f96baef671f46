"""What holds of every zone: the verdict is that of an oracle that sees only the zone's data.

hypothesis makes up the zones, with the same ones in every run of ``make test``, and the plugin
runs in this process against a name server that holds them.
``python -m tests.scenarios.test_properties 1000`` tries others each time, so many for each
property, and writes into the documentation what came out.
"""

from __future__ import annotations

import collections
import ipaddress
import os
import random
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from tests.helpers.alone import be_alone
from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess, Output
from tests.trials.fuzz import STATES

# What the libraries have a part in, the tables show.
pytestmark = pytest.mark.newest

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "80"))
PROPERTY = settings(
    max_examples=EXAMPLES,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

DOMAIN = "domain.test."
HOSTS = ["m1.example.net.", "m2.example.net.", "m_3.example.net.", "host-192-0-2-1.example.net."]
ALIASES = ["alias1.example.net.", "alias2.example.net."]
NO_HOST_NAMES = ["-m.example.net.", "192.0.2.1.", ".", r"m\032x.example.net."]
LITERALS = [".", "192.0.2.9."]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "10.0.0.1", "127.0.0.1", "224.0.0.1"]
ADDRESSES6 = ["2001:db8::1", "2001:db8::2", "fd00::1", "fe80::1"]
GONE = "gone.example.net."

CRITICAL = {
    *("no-such-domain", "invalid-mx", "no-address", "unusable-address", "missing-ptr"),
    *("unconfirmed-ptr", "invalid-ptr", "dns-failure"),
}
NOTES = {"private-address"}
WORST_FIRST = ["CRITICAL", "WARNING", "UNKNOWN", "OK"]

Data = dict[tuple[str, str], list[str]]
Questions = frozenset[tuple[str, str]]


# What the runs gave, by property: states, and findings.
tried: dict[str, collections.Counter[str]] = {}


def reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer + "."


def subsets(of: list[str], most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(of), unique=True, max_size=most)


@st.composite
def zones(draw: st.DrawFn) -> Data:
    """About a third is sound, a third but for a blemish or a name or two, a third anything."""
    kinds = ["sound", "sound", "blemished", "blemished", "faulty", "wild", "wild"]
    kind = draw(st.sampled_from(kinds))
    zone = draw(wild_zones() if kind == "wild" else sound_zones())
    if kind == "blemished":
        return draw(blemished(zone))
    if kind == "faulty":
        wild = draw(wild_zones())
        owners = sorted({owner for owner, _ in zone})
        faulty = draw(st.lists(st.sampled_from(owners), unique=True, min_size=1, max_size=2))
        zone = {question: data for question, data in zone.items() if question[0] not in faulty}
        zone |= {question: data for question, data in wild.items() if question[0] in faulty}
    return zone


@st.composite
def blemished(draw: st.DrawFn, zone: Data) -> Data:
    """What only warnings come of: an MX that is an alias, or a further PTR name."""
    host = zone[DOMAIN, "MX"][0].split()[1]
    address = zone[host, "A"][0]
    names = (owner_of_ptr(zone, address), "PTR")
    kind = draw(st.sampled_from(["alias", "unconfirmed", "underscore"]))
    if kind == "alias":
        return {**zone, (DOMAIN, "MX"): [f"10 {ALIASES[1]}"], (ALIASES[1], "CNAME"): [host]}
    if kind == "unconfirmed":
        return {**zone, names: [*zone[names], GONE]}
    return {**zone, names: [*zone[names], HOSTS[2]], (HOSTS[2], "A"): [address]}


def delegations(address: str) -> st.SearchStrategy[Data]:
    """In one of six cases an alias where the PTR records of an address are looked for."""
    owner = reverse(address)
    alias: Data = {(owner, "CNAME"): [f"classless.{owner}"]}
    return st.integers(0, 5).map(lambda number: alias if number == 0 else {})


def owner_of_ptr(zone: Data, address: str) -> str:
    return zone.get((reverse(address), "CNAME"), [reverse(address)])[0]


@st.composite
def sound_zones(draw: st.DrawFn) -> Data:
    """A domain with one or two mail hosts; each of their addresses has the name of one or both."""
    mail_hosts = draw(st.lists(st.sampled_from(HOSTS[:2]), unique=True, min_size=1))
    zone: Data = {(DOMAIN, "MX"): [f"10 {host}" for host in mail_hosts]}
    holders: dict[str, list[str]] = {}
    for host in HOSTS[:2]:
        zone[host, "A"] = draw(st.lists(st.sampled_from(ADDRESSES[:3]), unique=True, min_size=1))
        zone[host, "AAAA"] = draw(subsets(ADDRESSES6[:3]))
        for address in zone[host, "A"] + zone[host, "AAAA"]:
            holders.setdefault(address, []).append(host)
    for address, hosts in holders.items():
        names = [host for host in hosts if host in mail_hosts] or hosts
        zone |= draw(delegations(address))
        owner = owner_of_ptr(zone, address)
        zone[owner, "PTR"] = draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    return {question: records for question, records in zone.items() if records}


@st.composite
def wild_zones(draw: st.DrawFn) -> Data:
    """A domain, mail hosts that share addresses, aliases, and PTR names of every kind."""
    zone: Data = {}
    targets = [*HOSTS[:2], *HOSTS, *ALIASES, GONE, *LITERALS]
    chosen = draw(subsets(targets))
    zone[DOMAIN, "MX"] = [f"{draw(st.sampled_from([0, 10, 20]))} {target}" for target in chosen]
    zone[DOMAIN, "TXT"] = draw(subsets(["here"]))
    for host in [*HOSTS, DOMAIN]:
        zone[host, "A"] = draw(subsets(ADDRESSES[:2]) | subsets(ADDRESSES))
        zone[host, "AAAA"] = draw(st.just([]) | subsets(ADDRESSES6))
    for number, alias in enumerate(ALIASES):
        zone[alias, "CNAME"] = [draw(st.sampled_from([*HOSTS, GONE, *ALIASES[number + 1 :]]))]
    names = [*HOSTS, *ALIASES, GONE, *NO_HOST_NAMES]
    for address in ADDRESSES + ADDRESSES6:
        zone |= draw(delegations(address))
        owner = owner_of_ptr(zone, address)
        holders = [host for host in HOSTS if address in (*zone[host, "A"], *zone[host, "AAAA"])]
        zone[owner, "PTR"] = draw(st.just(holders) | subsets(HOSTS) | subsets(names))
    return {question: records for question, records in zone.items() if records}


# The oracle.


class Found(NamedTuple):
    state: str
    findings: set[str]


def oracle(zone: Data, failing: Questions = frozenset(), failure: str = "dns-failure") -> Found:
    """Decide from the data alone, of which the ``failing`` questions cannot be had."""
    found: set[str] = set()
    expected: dict[str, set[str]] = {}

    def look(name: str, rdtype: str) -> tuple[list[str], list[str] | None]:
        """The chain of aliases, and the records at its end; None if the lookup fails."""
        if (name, rdtype) in failing:
            found.add(failure)
            return [name], None
        chain = [name]
        while (chain[-1], "CNAME") in zone:
            chain += zone[chain[-1], "CNAME"]
        return chain, zone.get((chain[-1], rdtype), [])

    mx = look(DOMAIN, "MX")[1]
    exists = any(owner == DOMAIN for owner, _ in zone)
    targets = [record.split()[1] for record in mx or ()]
    if mx == []:
        found.add("implicit-mx" if exists else "no-such-domain")
    if targets == ["."]:
        found.add("null-mx")
        targets = []
    for target in targets or [DOMAIN] * (mx == [] and exists):
        if target in LITERALS:
            found.add("invalid-mx")
            continue
        lookups = [look(target, rdtype) for rdtype in ("A", "AAAA")]
        chain = max((chain for chain, _ in lookups), key=len)
        found |= {"mx-is-alias"} if len(chain) > 1 else set()
        found |= {"no-address"} if [records for _, records in lookups] == [[], []] else set()
        for address in (address for _, records in lookups for address in records or ()):
            expected.setdefault(address, set()).update(chain)
    for address, hosts in expected.items():
        found |= {"private-address"} if address in ("10.0.0.1", "fd00::1") else set()
        if address in ("127.0.0.1", "224.0.0.1", "fe80::1"):
            found.add("unusable-address")
            continue
        names = look(reverse(address), "PTR")[1]
        family = "AAAA" if ":" in address else "A"
        good = [name for name in names or () if name not in NO_HOST_NAMES]
        forward = {name: look(name, family)[1] for name in good}
        unknown = [name for name in good if forward[name] is None]
        holding = [name for name in good if address in (forward[name] or ())]
        if names == []:
            found.add("missing-ptr")
        elif names and not good:
            found.add("invalid-ptr")
        elif names and not holding and not unknown:
            found.add("unconfirmed-ptr")
        elif names and holding and len(holding) + len(unknown) < len(names):
            found.add("mixed-ptr")
        found |= {"name-mismatch"} if holding and hosts.isdisjoint(names or ()) else set()
        found |= {"underscore-ptr"} if any("_" in name for name in holding) else set()
        found |= {"generic-ptr"} if address == "192.0.2.1" and HOSTS[3] in holding else set()
    return Found(worst(found - NOTES), found)


def worst(problems: set[str]) -> str:
    if problems & CRITICAL:
        return "CRITICAL"
    if problems - {"dns-timeout"}:
        return "WARNING"
    return "UNKNOWN" if problems else "OK"


# What the plugin says.


def text_of(zone: Data, faults: str = "", order: random.Random | None = None) -> str:
    lines = [f"{name} {rdtype} {data}\n" for (name, rdtype), all_ in zone.items() for data in all_]
    if order is not None:
        order.shuffle(lines)
    return "".join(lines) + faults


def run(text: str, *arguments: str) -> Output:
    with NameServer(text) as server:
        output = InProcess().ask(server, "-d", DOMAIN, "-v", *arguments)
    assert output.stderr == ""
    return output


def said(output: Output) -> Found:
    state = re.match("REVERSE_MX ([A-Z]+) - ", output.stdout)
    assert state
    assert STATES.index(state[1]) == output.code
    named = re.findall(r"(?m)^\[[A-Z]+\] ([a-z-]+): ", output.stdout)
    return Found(state[1], set(named))


@pytest.fixture(scope="module", autouse=True)
def every_verdict_is_met() -> Iterator[None]:
    """So that no property becomes empty: one in 20 zones at least had each possible verdict."""
    yield
    for prop, counts in tried.items():
        possible = STATES if "silence" in prop else STATES[:3]
        zones = sum(counts[state] for state in STATES)
        rare = [state for state in possible if counts[state] < zones / 20]
        assert not rare or "PROPERTY_EXAMPLES" in os.environ, f"{prop}: hardly ever {rare}"


def count(prop: str, found: Found) -> None:
    tried.setdefault(prop, collections.Counter()).update([found.state, *found.findings])


@PROPERTY
@given(zone=zones())
def test_verdict_is_that_of_the_oracle(zone: Data) -> None:
    expected = oracle(zone)
    assert said(run(text_of(zone))) == expected
    count("the verdict is that of the oracle", expected)


def questions(zone: Data) -> st.SearchStrategy[Questions]:
    """Some of the questions that the plugin may ask of a zone."""
    names = [DOMAIN, *HOSTS, *ALIASES, GONE]
    asked = [(name, rdtype) for name in names for rdtype in ("A", "AAAA")]
    asked += [(reverse(address), "PTR") for address in ADDRESSES + ADDRESSES6]
    asked += [(DOMAIN, "MX")] * 2
    return st.frozensets(st.sampled_from(asked), min_size=1, max_size=8)


@PROPERTY
@given(data=st.data())
def test_failed_lookup_is_never_a_missing_record(data: st.DataObject) -> None:
    zone = data.draw(zones())
    failing = data.draw(questions(zone))
    rcode = data.draw(st.sampled_from(["SERVFAIL", "REFUSED", "NOTIMP"]))
    faults = "".join(f"! {name} {rdtype} rcode {rcode}\n" for name, rdtype in failing)
    expected = oracle(zone, failing)
    assert said(run(text_of(zone, faults))) == expected
    count("a failed lookup is never a missing record", expected)


@settings(PROPERTY, max_examples=EXAMPLES // 5)  # each takes as long as -t
@given(data=st.data())
def test_silence_is_never_a_missing_record(data: st.DataObject) -> None:
    zone = data.draw(zones())
    silent = data.draw(questions(zone))
    expected = oracle(zone, silent, "dns-timeout")
    faults = "".join(f"! {name} {rdtype} drop\n" for name, rdtype in silent)
    waits = "dns-timeout" in expected.findings
    found = said(run(text_of(zone, faults), "-t", "0.6" if waits else "10"))
    # What comes after a silence is not found any more.
    assert found.findings <= expected.findings
    assert found == expected or waits
    assert ("dns-timeout" in found.findings) is waits
    assert found.state == worst(found.findings - NOTES)
    count("silence is never a missing record", found)


@PROPERTY
@given(zone=zones(), seed=st.integers(0, 2**16))
def test_order_of_records_changes_nothing(zone: Data, seed: int) -> None:
    first, second = (run(text_of(zone, order=order)) for order in (None, random.Random(seed)))
    assert first.stdout.rpartition("| ")[0] == second.stdout.rpartition("| ")[0]
    count("the order of the records changes nothing", said(first))


@PROPERTY
@given(data=st.data())
def test_correct_ptr_never_worsens_it(data: st.DataObject) -> None:
    zone = data.draw(zones())
    host = data.draw(st.sampled_from(HOSTS[:2]))
    addresses = [a for rdtype in ("A", "AAAA") for a in zone.get((host, rdtype), ())]
    better: dict[tuple[str, str], Any] = dict(zone)
    for address in addresses:
        owner = owner_of_ptr(zone, address)
        better[owner, "PTR"] = list(dict.fromkeys([*zone.get((owner, "PTR"), ()), host]))
    before, after = said(run(text_of(zone))), said(run(text_of(better)))
    assert WORST_FIRST.index(after.state) >= WORST_FIRST.index(before.state)
    count("a correct PTR never worsens it", before)


def main(examples: str) -> None:
    seed = random.randrange(1_000_000)
    # This file has imported hypothesis, whose plugin pytest would have rewritten.
    quiet = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    os.environ["PROPERTY_EXAMPLES"] = examples
    code = pytest.main([__file__, "--quiet", *quiet, f"--hypothesis-seed={seed}"])
    if code:
        sys.exit(code)
    from tests.scenarios.test_properties import tried  # what pytest imported, not what is run here

    rows = [(prop, *(counts[state] for state in STATES)) for prop, counts in tried.items()]
    findings = sorted(set().union(*tried.values()) - set(WORST_FIRST))
    text = table(("property", "zones that are OK", *STATES[1:]), rows)
    text += f"\nFindings met: {', '.join(f'`{finding}`' for finding in findings)}.\n"
    text += f"\nSeed {seed}, on {machine()}.\n"
    write_block(DOCS / "reliability.md", "properties", text)


if __name__ == "__main__":
    be_alone("tests.scenarios.test_properties")
    main(*sys.argv[1:])
