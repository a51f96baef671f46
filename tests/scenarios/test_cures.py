"""What the advice promises: followed to the letter it mends the finding and does no harm.

Zones are made up, the same ones in every run of ``make test``. The first cure of each problem is
applied as it is printed, then the plugin is run again: the problem is gone, and none that is as bad
has come. ``python -m tests.scenarios.test_cures 1000`` tries so many others.
"""

from __future__ import annotations

import collections
import ipaddress
import itertools
import random
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

import dns.name
import pytest

from tests.helpers.alone import be_alone
from tests.helpers.figures import DOCS, machine, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess

Zone = dict[tuple[str, str], list[str]]

WORST_FIRST = ["CRITICAL", "WARNING", "UNKNOWN", "OK"]
DOMAINS = ["example.com.", "example.net.", "host.example.org."]
HOSTS = ["mail.example.com.", "mx2.example.com.", "h192-0-2-1.example.com.", "a_b.example.com."]
OTHERS = ["www.example.net.", "mail.example.net.", "192-0-2-2.dyn.isp.example."]
ALIASES = ["alias.example.com.", "alias.example.net."]
BROKEN = [
    *(r"mail.example.com\,.", "mail:25.", r"10\032mail.example.com.", "-mail.example.com."),
    *("192.0.2.1.", ".", "localhost.", "mail.", "mail.example.com.example.com."),
    *("gone.example.com.", "mail.gone.example.", "mail.local.", "mx.invalid."),
]
SENDERS = ["192.0.2.1=mail.example.com", "192.0.2.2=alias.example.net", "mx2.example.com"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.3", "10.0.0.1", "127.0.0.1", "100.64.0.1"]
ADDRESSES6 = ["2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1", "fec0::1", "64:ff9b::c000:201"]
PTR_NAMES = [*HOSTS, *OTHERS, *ALIASES, "-x.example.com.", ".", "gone.example.com.", "localhost."]
ZONES = [
    *("com.", "net.", "org.", "example."),
    *(f"example.{top}." for top in ("com", "net", "org")),
]
ZONES += ["isp.example."]

RECORD = re.compile(r"([a-z ,]+): (\S+) (A|AAAA|MX|PTR|CNAME) (.+)")
REMOVES = ("remove", "in place of", "correct or remove")


def reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer + "."


def address_of(owner: str, zone: Zone) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    aliases = [name for name, rdtype in zone if rdtype == "CNAME" and owner in zone[name, rdtype]]
    owner = next((name for name in aliases if name.endswith(".arpa.")), owner)
    labels = owner.split(".")[::-1][3:]
    if owner.endswith(".in-addr.arpa."):
        return ipaddress.ip_address(".".join(labels[:4]))
    digits = "".join(labels)
    return ipaddress.ip_address(":".join(digits[at : at + 4] for at in range(0, 32, 4)))


def made_up(rng: random.Random) -> Zone:
    """Domains with hosts and addresses in common, and what is commonly wrong with such."""

    def some(of: list[str], most: int = 3) -> list[str]:
        return rng.sample(of, rng.randint(0, min(most, len(of))))

    zone: Zone = {}
    for domain in DOMAINS:
        targets = rng.choice(
            [some(HOSTS[:2]), some([*HOSTS, *OTHERS, *ALIASES]), some(BROKEN + HOSTS)]
        )
        records = [f"{rng.choice([0, 1, 10, 20])} {target}" for target in targets]
        zone[domain, "MX"] = [*records, *(f"30 {target}" for target in some(targets, 1))]
        zone[domain, "TXT"] = ["here"]
        zone[domain, "A"] = rng.choice([[], some(ADDRESSES, 1)])
    for host in [*HOSTS, *OTHERS, "localhost."]:
        zone[host, "A"] = rng.choice([some(ADDRESSES[:2], 2), some(ADDRESSES, 2)])
        zone[host, "AAAA"] = rng.choice([[], some(ADDRESSES6, 2)])
    for alias in ALIASES:
        zone[alias, "CNAME"] = [rng.choice([*HOSTS, *OTHERS, "gone.example.com."])]
    for address in ADDRESSES + ADDRESSES6:
        holders = [host for host in HOSTS if address in (*zone[host, "A"], *zone[host, "AAAA"])]
        names = [holders, some(holders), some(PTR_NAMES, 1), some(PTR_NAMES, 6)]
        owner = reverse(address)
        if rng.random() < 0.15:
            # Delegated to whoever has the address (RFC 2317).
            alias, owner = owner, f"{len(zone)}.rev.example.com."
            zone[alias, "CNAME"] = [owner]
        zone[owner, "PTR"] = rng.choice(names)
    if rng.random() < 0.15:
        zone = {question: data for question, data in zone.items() if question[0] != DOMAINS[2]}
        zone[DOMAINS[2], "CNAME"] = [rng.choice(["example.com.", "www.example.net."])]
    return {question: data for question, data in zone.items() if data}


IPAddress = (ipaddress.IPv4Address, ipaddress.IPv6Address)


def same(data: str) -> object:
    """Return record data as they compare, however they are written."""
    try:
        return ipaddress.ip_address(data)
    except ValueError:
        *preference, name = data.split()
        return preference, dns.name.from_text(name)


class Advised(NamedTuple):
    """A problem of an output, what it is about, and the lines of its advice."""

    state: str
    finding: str
    subject: str
    text: str
    lines: list[str]


def problems(zone: Zone) -> tuple[list[Advised], set[str]]:
    """Return the problems of the domains of a zone, and what hosts and addresses were checked."""
    lines = [f"{name} {rdtype} {data}\n" for (name, rdtype), all_ in zone.items() for data in all_]
    lines += [f"{apex} SOA ns.{apex} dns.{apex} 1 3600 600 86400 60\n" for apex in ZONES]
    with NameServer("".join(lines)) as server:
        output = InProcess().ask(server, "-v", "-d", *DOMAINS, "--sender", *SENDERS)
    assert output.stderr == ""
    found: list[Advised] = []
    for line in output.stdout.splitlines()[1:]:
        head = re.match(r"\[([A-Z]+)\] ([a-z-]+): (?:([^ ]+|\d+ [a-z ]+): )?(.*)", line)
        if head:
            subject = re.sub(r"^(MX target|[A-Z]+ lookup of) ", "", head[4]).split()[0]
            whose = "" if isinstance(same(subject), IPAddress) else head[3]
            found.append(Advised(head[1], head[2], f"{whose} {subject}", head[4], []))
        elif not line.startswith(" "):
            break
        elif not line.startswith("   "):
            found[-1].lines.append(line.strip())
    # An MX target that is an address in letters is not looked at.
    checked = re.findall(r"(?m)^ +(?:\[[A-Z]+\]|MX \d+(?! \d+\.\d)) (\S+)", output.stdout)
    return [problem for problem in found if problem.state != "OK"], set(checked)


class Patient:
    """A zone that cures are applied to."""

    def __init__(self, zone: Zone) -> None:
        self.zone = {question: [*data] for question, data in zone.items()}
        used = {data for all_ in zone.values() for data in all_}
        numbers = itertools.count(10)
        addresses = (f"203.0.{113 + n // 250}.{n % 250}" for n in numbers)
        self._addresses = (address for address in addresses if address not in used)

    def add(self, owner: str, rdtype: str, data: str) -> None:
        records = self.zone.setdefault((owner.lower(), rdtype), [])
        records += [data] if data not in records else []

    def remove(self, owner: str, rdtype: str, data: str) -> None:
        records = self.zone.get((owner.lower(), rdtype), [])
        left = [record for record in records if same(record) != same(data)]
        assert len(left) < len(records), f"there is no {owner} {rdtype} {data}"
        self.zone.pop((owner.lower(), rdtype))
        if left:
            self.zone[owner.lower(), rdtype] = left

    def address(self, owner: str, rdtype: str = "A") -> str:
        """Return a new address that has the owner's name."""
        address = next(self._addresses)
        address = f"2001:db8::{address.replace('.', ':')}" if rdtype == "AAAA" else address
        self.add(reverse(address), "PTR", owner)
        return address

    def host(self, address: str = "") -> str:
        """Return a new host that is sound, or has an address."""
        name = f"new{len(self.zone)}.example.org."
        self.add(name, "AAAA" if ":" in address else "A", address or self.address(name))
        return name

    def take(self, advised: Advised) -> bool:
        """Apply the first cure of a problem; return whether there is one."""
        taken = False
        for line in advised.lines:
            record = RECORD.fullmatch(line)
            if line.startswith("or ") and taken:
                break
            if record is None:
                if not taken and line.startswith("fix:"):
                    return False
                continue
            action, owner, rdtype, data = record.groups()
            taken = True
            if action.startswith(REMOVES):
                self.remove(owner, rdtype, data)
                continue
            if action.startswith(("replace", "correct")):
                self.remove(owner, rdtype, data)
                data = "10 NAME-OF-THE-HOST." if rdtype == "MX" else "ADDRESS-OF-THE-HOST"
            if data.startswith("ADDRESS"):
                data = self.address(owner, rdtype)
            if data.endswith("NAME-OF-THE-HOST."):
                address = str(address_of(owner, self.zone)) if rdtype == "PTR" else ""
                data = data.replace("NAME-OF-THE-HOST.", self.host(address))
            self.add(owner, rdtype, data)
        return taken


def harm(zone: Zone) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the advice for a zone, by kind, or "" for each cure that is good."""
    before, seen = problems(zone)
    known = {(problem.finding, problem.subject) for problem in before}
    for problem in before:
        patient = Patient(zone)
        try:
            if not patient.take(problem):
                yield f"{problem.finding} has no record", f"{problem}"
                continue
        except AssertionError as wrong:
            yield f"{problem.finding} cannot be applied", f"{wrong}: {problem}\n{zone}"
            continue
        after, _ = problems(patient.zone)
        story = f"{problem.text}\n  {problem.lines}\n{zone}\n{patient.zone}\nafter: {after}"
        same = [[p[1:4] for p in found].count(problem[1:4]) for found in (before, after)]
        if same[1] >= same[0]:
            yield f"{problem.finding} stays", story
        # What comes to light as it is checked only now was wrong before.
        new = [p for p in after if (p.finding, p.subject) not in known]
        new = [p for p in new if p.subject.split()[-1].strip(",") in seen]
        # Nor is it harm where something worse was that is gone.
        left = {(p.finding, p.subject) for p in after}
        gone = [p for p in before if (p.finding, p.subject) not in left]
        new = [p for p in new if not any(is_about(p, g) and is_worse(g, p) for g in gone)]
        worse = [p for p in new if WORST_FIRST.index(p.state) <= WORST_FIRST.index(problem.state)]
        for p in worse:
            yield f"{problem.finding} makes {p.finding}", story
        yield "", ""


def is_about(one: Advised, other: Advised) -> bool:
    """Tell whether a problem is about what another is, or names it."""
    return one.subject == other.subject or other.subject.split()[-1] in one.text.split()


def is_worse(one: Advised, other: Advised) -> bool:
    return WORST_FIRST.index(one.state) < WORST_FIRST.index(other.state)


def is_harm(kind: str) -> bool:
    """Tell it from a cure that is good, and from one that is no record."""
    return bool(kind) and "no record" not in kind


@pytest.mark.parametrize("seed", range(40))
def test_first_cure_mends_its_problem_and_makes_none_as_bad(seed: int) -> None:
    said = dict(harm(made_up(random.Random(seed))))
    assert {kind: story for kind, story in said.items() if is_harm(kind)} == {}


def main(number: str) -> None:
    """Try so many zones, other ones each time; write what came of it if none was harmed."""
    first = random.randrange(1_000_000)
    kinds: collections.Counter[str] = collections.Counter()
    for seed in range(first, first + int(number)):
        for kind, story in harm(made_up(random.Random(seed))):
            if is_harm(kind) and kinds[kind] < 2:
                print(f"{seed}: {kind}\n{story}\n")
            kinds[kind] += 1
    harmed = {kind: times for kind, times in kinds.items() if is_harm(kind)}
    in_words = sum(kinds.values()) - sum(harmed.values()) - kinds[""]
    text = (
        f"{int(number):,} zones: {kinds['']:,} cures were applied, {in_words} more are not records;"
        f" {sum(harmed.values())} did harm. Seeds {first} to {seed}, on {machine()}.\n"
    )
    print(text, harmed or "")
    if harmed:
        sys.exit(1)
    write_block(DOCS / "reliability.md", "cures", text)


if __name__ == "__main__":
    be_alone("tests.scenarios.test_cures")
    main(*sys.argv[1:])
