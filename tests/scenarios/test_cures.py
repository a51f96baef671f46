"""What the advice promises: followed to the letter it mends the finding and does no harm.

Zones are made up, the same ones in every run of ``make test``. Each cure of each problem is applied
as it is printed, the first and those that are offered in its place; then the plugin is run again:
the problem is gone, and none that is as bad has come. ``python -m tests.scenarios.test_cures 1000``
tries so many others.
"""

from __future__ import annotations

import collections
import contextlib
import ipaddress
import itertools
import multiprocessing
import os
import random
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import dns.name
import pytest

from tests.helpers.alone import AUTHORITY, be_alone
from tests.helpers.figures import DOCS, machine, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess

# What the libraries have a part in, the tables show.
pytestmark = pytest.mark.newest

Zone = dict[tuple[str, str], list[str]]

WORST_FIRST = ["CRITICAL", "WARNING", "UNKNOWN", "OK"]
IDN = "xn--bcher-kva.example."
DOMAINS = ["example.com.", "example.net.", "host.example.org.", "sub.example.com.", IDN]
HOSTS = ["mail.example.com.", "mx2.example.com.", "h192-0-2-1.example.com.", "a_b.example.com."]
HOSTS += ["mx.sub.example.com.", f"mail.{IDN}"]
OTHERS = ["www.example.net.", "mail.example.net.", "192-0-2-2.dyn.isp.example."]
OTHERS += ["pool-7.example.net."]
ALIASES = ["alias.example.com.", "alias.example.net.", f"alias.{IDN}"]
BROKEN = [
    *(r"mail.example.com\,.", "mail:25.", r"10\032mail.example.com.", "-mail.example.com."),
    *("192.0.2.1.", ".", "localhost.", "mail.", "mail.example.com.example.com."),
    *("gone.example.com.", "mail.gone.example.", "mail.local.", "mx.invalid."),
    *(
        f"mail.{IDN}{IDN}",
        "mail.example.net.example.net.",
        "2001:db8::1.",
        "1.0.0.127.in-addr.arpa.",
    ),
    *("com.", "co.uk.", "mx.lan.", "localhost.localdomain.", "*.example.com.", "rev.example.com."),
    *("http://mail.example.com.", r"\034mail.example.com\034.", r"\091192.0.2.1\093."),
    *("192.0.2.1.example.com.", r"mail.example.com\032."),
]
NULL_MX = [["0 ."], ["10 ."], ["0 .", "1 ."], ["5 .", "10 ."], ["0 .", "10 mail.example.com."]]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.3", "10.0.0.1", "127.0.0.1", "100.64.0.1"]
ADDRESSES6 = ["2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1", "fec0::1", "64:ff9b::c000:201"]
PTR_NAMES = [*HOSTS, *OTHERS, *ALIASES, "-x.example.com.", ".", "gone.example.com.", "localhost."]
PTR_NAMES += ["com.", "mail.local.", "192.0.2.1.", "1.2.0.192.in-addr.arpa.", "MAIL.example.com."]
PTR_NAMES += ["mail.example.com.2.0.192.in-addr.arpa.", "example.com.", "example.net."]
SPF = [
    ["v=spf1 mx -all"],
    ["v=spf1 a mx:example.net ip4:192.0.2.2 ~all"],
    ["v=spf1 ipv4:192.0.2.1 a:192.0.2.2 include:example.net -all"],
    ["v=spf1 redirect:example.net"],
    [r"v=spf1 mx \226\128\147all"],
    ["v=spf1 mx include:gone.example.com a:www.example.net -all"],
    ["v=spf1 mx", "v=spf1 ip4:198.51.100.3 ~all"],
    ["spf1 mx -all"],
    ["v=spf1mx a -all"],
    ["v=spf1 include:example.com ~all"],
    ["v=spf1 a:gone.example.com mx:gone.example.net exists:x.gone.example a -all"],
    [f"v=spf1 {' '.join(f'a:h{n}.example.net' for n in range(11))} mx -all"],
    [f"v=spf1 {' '.join(f'include:{d[:-1]}' for d in DOMAINS)} -all"],
    ["v=spf1 ptr ip4:10.0.0.1/33 mx:alias.example.com//64 -all"],
    ["v=spf1 mx redirect=example.net redirect=example.com"],
]
SERVERS_OF = [
    *("com.", "net.", "org.", "example.", "uk.", "co.uk."),
    *(f"example.{top}." for top in ("com", "net", "org")),
    *("isp.example.", IDN, "2.0.192.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."),
]
AUTHORITATIVE = "--authoritative"
ARGUMENTS = [[], [], [], ["-4"], ["-6"], ["--spf"], ["--spf"], ["--spf"]]
ARGUMENTS += [[AUTHORITATIVE], [AUTHORITATIVE, "--spf"]]
# With --authoritative: the name servers of all these zones, the primary first.
NAME_SERVERS = {"ns1.isp.example.": AUTHORITY, "ns2.isp.example.": "192.0.2.54"}
# Of a name server, and as many more as there are processes: Linux gives none of them to a client.
PORT = 16000

RECORD = re.compile(r"([a-z0-9 ,]+): (\S*\.) (A|AAAA|MX|PTR|CNAME|TXT) (.+)")
MORE = re.compile(r"[a-z ]+: \d+ more PTR records of (\S+?)(?:, all but (.*))?")
MORE_MX = re.compile(r"([a-z ,]+): \d+ more MX records to (\S+)")
RELOAD = re.compile(r"fix: whoever runs ns\d\.isp\.example ")
OF_ZONE = re.compile(r" between the name servers of (?:\S+ \()?([^ ):]+)")
SAY = re.compile(r"fix: have the host (?:that says (\S+) )?say (\S+) in EHLO")
ACTION = re.compile(r"(fix|add|remove|correct|replace|in place of)[^:]*: ")
_PLACES = {"MX": "10 NAME-OF-THE-HOST.", "CNAME": "NAME-OF-THE-HOST."}
REMOVES = ("remove", "in place of", "correct or remove")


def reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer + "."


def addresses_of(host: str, zone: Zone) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return the addresses of a host, or the address itself."""
    with contextlib.suppress(ValueError):
        return [ipaddress.ip_address(host)]
    for _ in range(9):
        host = zone.get((host, "CNAME"), [host])[0]
    data = [*zone.get((host, "A"), []), *zone.get((host, "AAAA"), [])]
    return [*map(ipaddress.ip_address, data)]


class Made(NamedTuple):
    """What is made up: a zone, what its server fails at, and what is asked about.

    ``stale`` is what the secondary name server lacks, which has an older zone.
    """

    zone: Zone
    faults: list[str]
    domains: list[str]
    senders: list[str]
    options: list[str]
    stale: list[tuple[str, str]]


def made_up(rng: random.Random) -> Made:
    """Domains and senders with hosts and addresses in common, and what is commonly wrong there."""

    def some(of: list[str], most: int = 3) -> list[str]:
        return rng.sample(of, rng.randint(0, min(most, len(of))))

    zone: Zone = {}
    for domain in DOMAINS:
        kinds = [HOSTS[:2], [*HOSTS, *OTHERS, *ALIASES], BROKEN + HOSTS]
        targets = some(rng.choice(kinds))
        records = [f"{rng.choice([0, 1, 10, 20])} {target}" for target in targets]
        records += [f"30 {target}" for target in some(targets, 1)]
        zone[domain, "MX"] = rng.choice([records] * 7 + [rng.choice(NULL_MX)])
        zone[domain, "TXT"] = ["here", *rng.choice([*SPF, []])]
        zone[domain, "A"] = rng.choice([[], some(ADDRESSES, 1)])
    for host in [*HOSTS, *OTHERS, "localhost."]:
        zone[host, "A"] = rng.choice([some(ADDRESSES[:2], 2), some(ADDRESSES, 2)])
        zone[host, "AAAA"] = rng.choice([[], some(ADDRESSES6, 2)])
    for alias in ALIASES:
        zone[alias, "CNAME"] = [rng.choice([*HOSTS, *OTHERS, "gone.example.com.", "localhost."])]
    for address in ADDRESSES + ADDRESSES6:
        holders = [host for host in HOSTS if address in (*zone[host, "A"], *zone[host, "AAAA"])]
        names = [holders, some(holders), some(PTR_NAMES, 1), some(PTR_NAMES, 6)]
        owner = reverse(address)
        if rng.random() < 0.15:
            # Delegated to whoever has the address (RFC 2317), or an alias where a PTR was meant.
            alias, owner = owner, f"{len(zone)}.rev.example.com."
            others = [*HOSTS, "all.rev.example.com.", "x.invalid."]
            targets = rng.choice([[owner], [owner], others])
            if rng.random() < 0.2:
                alias = zone.setdefault((alias, "CNAME"), [f"{len(zone)}.mid.example.com."])[0]
            zone[alias, "CNAME"] = [owner := rng.choice(targets)]
        zone[owner, "PTR"] = rng.choice(names) if owner != "x.invalid." else []
    if rng.random() < 0.15:
        zone = {question: data for question, data in zone.items() if question[0] != DOMAINS[2]}
        zone[DOMAINS[2], "CNAME"] = [rng.choice(["example.com.", "www.example.net."])]
    zone = {question: data for question, data in zone.items() if data}
    faults = [f"! {name} {rdtype} rcode SERVFAIL" for name, rdtype in rng.sample([*zone], 1)]
    senders = [
        f"{of}={name}" if rng.random() < 0.6 else of
        for of in some([*ADDRESSES[:4], *ADDRESSES6[:2], *HOSTS, *OTHERS, *ALIASES], 4)
        for name in rng.sample([*HOSTS, *OTHERS, *ALIASES], 1)
    ]
    # A host that says another name than is said at the address that it is to get is no setup.
    said = {sender.partition("=")[2] for sender in senders}
    senders = [s for s in senders if "=" not in s or s.partition("=")[0] not in said]
    domains = rng.sample(DOMAINS, rng.randint(1, 3))
    options = rng.choice(ARGUMENTS)
    faults *= rng.random() < 0.15
    stale = rng.sample([*zone], 8) if AUTHORITATIVE in options else []
    return Made(zone, faults, domains, senders, options, stale)


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

    @property
    def about(self) -> tuple[str, str]:
        """The finding, and the address, host or domain that it is about."""
        return self.finding, self.subject

    @property
    def exactly(self) -> tuple[str, str]:
        """What of an address's is wrong: as whose, and which name; each error of an SPF record."""
        return self.finding, re.split(r" has (?:\d+ )?PTR | in EHLO", self.text)[0]

    @property
    def records(self) -> set[str]:
        """The owners of the SPF records that are to be mended."""
        return {m[2] for m in map(RECORD.match, self.lines) if m and m[3] == "TXT"}

    def times(self, found: Iterable[Advised]) -> int:
        """Return how often it is among the problems of a run, of the same SPF records if any.

        Another record that has the same error is seen only where there are fewer lookups before it.
        """
        same = [p for p in found if p.exactly == self.exactly]
        return sum(not self.records or not self.records.isdisjoint(p.records) for p in same)


def lines(made: Made, stale: Sequence[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield the lines of what is made up, as a server has them that lacks what is stale."""
    for (name, rdtype), all_ in made.zone.items():
        if (name, rdtype) not in stale:
            yield from (f"{name} {rdtype} {strings(d) if rdtype == 'TXT' else d}" for d in all_)
    servers = NAME_SERVERS if AUTHORITATIVE in made.options else {}
    behind = {zone_of(name) for name, _ in stale}
    for apex in SERVERS_OF:
        primary = next(iter(servers), f"ns.{apex}")
        yield f"{apex} SOA {primary} dns.{apex} {1 + (apex not in behind)} 3600 600 86400 60"
        yield from (f"{apex} NS {name}" for name in servers)
    yield from (f"{name} A {address}" for name, address in servers.items())


def zone_of(name: str) -> str:
    """Return the zone that a name is in, "" if it has no server."""
    apexes = (apex for apex in SERVERS_OF if f".{name}".endswith(f".{apex}"))
    return max(apexes, key=len, default="")


def problems(made: Made) -> tuple[list[Advised], set[str]]:
    """Return the problems of what is made up, and what hosts and addresses were checked."""
    senders = ["--sender", *made.senders] if made.senders else []
    with contextlib.ExitStack() as stack:
        text = "\n".join([*made.faults, *lines(made)])
        server = stack.enter_context(NameServer(text, port=PORT + os.getpid() % PORT))
        if AUTHORITATIVE in made.options:
            for address, stale in zip(NAME_SERVERS.values(), ([], made.stale)):
                text = "\n".join([*lines(made, stale), "! * * authority"])
                stack.enter_context(NameServer(text, address, server.port))
        output = InProcess().ask(server, "-v", "-d", *made.domains, *senders, *made.options)
    assert output.stderr == ""
    found: list[Advised] = []
    for line in output.stdout.splitlines()[1:]:
        head = re.match(
            r"\[([A-Z]+)\] ([a-z-]+): (?:([^ ]+(?: \([^ ]+\))?|\d+ [a-z ]+): )?(.*)", line
        )
        if head:
            subject = (
                re.sub(r"^(MX target|[A-Z]+ (lookup )?of) ", "", head[4]).split()[0].rstrip(",")
            )
            whose = "" if "." in subject or ":" in subject else head[3]
            found.append(Advised(head[1], head[2], f"{whose} {subject}", head[4], []))
        elif not line.startswith(" "):
            break
        elif not line.startswith("   "):
            found[-1].lines.append(line.strip())
    # An MX target that is an address in letters is not looked at.
    checked = re.findall(r"(?m)^ +(?:\[[A-Z]+\]|MX \d+(?! \d+\.\d)) (\S+)", output.stdout)
    return found, set(checked)


class Patient:
    """A zone that cures are applied to, and the senders, which may say another name in EHLO."""

    def __init__(self, made: Made) -> None:
        self.zone = {question: [*data] for question, data in made.zone.items()}
        self.senders = [*made.senders]
        self._made = made
        self._loaded: set[str] = set()
        self._added: set[tuple[str, str, str]] = set()
        used = {data for all_ in made.zone.values() for data in all_}
        numbers = itertools.count(10)
        addresses = (f"203.0.{113 + n // 250}.{n % 250}" for n in numbers)
        self._addresses = (address for address in addresses if address not in used)

    @property
    def stale(self) -> list[tuple[str, str]]:
        """What the secondary name server still lacks: what is changed is transferred to it."""
        old = [q for q in self._made.stale if zone_of(q[0]) not in self._loaded]
        return [
            question for question in old if self._made.zone[question] == self.zone.get(question)
        ]

    def add(self, owner: str, rdtype: str, data: str) -> None:
        records = self.zone.setdefault((owner.lower(), rdtype), [])
        records += [data] if data not in records else []
        self._added.add((owner.lower(), rdtype, data))

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

    def say(self, advised: Advised, name: str, said: str) -> None:
        """Have senders at the address of a problem, who say one name in EHLO, say another."""
        address = ipaddress.ip_address(advised.subject.split()[-1])
        named = re.search(r" says (?:\S+ \()?([^ )]+)\)? in EHLO", advised.text)
        said = named[1] if named else said

        def is_meant(of: str, old: str) -> bool:
            old_fits = address in addresses_of(absolute(old), self.zone)
            right = old.lower() == said.lower() if said else not old_fits
            return right and address in addresses_of(of, self.zone)

        pairs = [sender.partition("=") for sender in self.senders]
        meant = [bool(old) and is_meant(of, old.rstrip(".")) for of, _, old in pairs]
        assert any(meant), "nobody says that"
        self.senders = [
            f"{of}={name}" if is_one else of + equals + old
            for (of, equals, old), is_one in zip(pairs, meant)
        ]

    def correct(self, target: str, action: str) -> None:
        """Mend the MX records that are left which lead to a target."""
        left = [
            (owner, record)
            for (owner, rdtype), records in self.zone.items()
            for record in records
            if rdtype == "MX" and same(record.split()[1]) == same(target)
        ]
        for owner, record in left:
            self.remove(owner, "MX", record)
            if not action.startswith(REMOVES):
                self.add(owner, "MX", f"{record.split()[0]} {self.host()}")

    def take(self, advised: Advised, way: list[str]) -> bool:
        """Apply what is said to be done about a problem; return whether that is anything."""
        taken = False
        for line in way:
            record = RECORD.fullmatch(line)
            more, say = MORE.fullmatch(line), SAY.fullmatch(line)
            if more:
                key = more[1].lower() + ".", "PTR"
                kept = [*map(absolute, (more[2] or ".").split(", "))]
                kept += [data for data in self.zone[key] if (*key, data) in self._added]
                self.zone[key] = [data for data in self.zone[key] if data in kept]
            if more_mx := MORE_MX.fullmatch(line):
                self.correct(absolute(more_mx[2]), more_mx[1])
                taken = True
                continue
            if RELOAD.match(line) and (of_zone := OF_ZONE.search(advised.text)):
                self._loaded.add(absolute(of_zone[1]))
                taken = True
                continue
            if say:
                self.say(advised, say[2], say[1])
                taken = True
            if record is None:
                # What a host is named by other records than those below is in words.
                by_name = ("name-mismatch", "generic-ptr", "underscore-ptr", "mixed-ptr")
                unnamed = line.startswith("first") and advised.finding in by_name
                if unnamed or (ACTION.match(line) and not more and not say):
                    return False
                continue
            action, owner, rdtype, data = record.groups()
            taken = True
            if action.startswith(REMOVES):
                self.remove(owner, rdtype, data)
                continue
            if rdtype == "TXT":
                texts = self.zone.get((owner.lower(), rdtype), [])
                self.zone[owner.lower(), rdtype] = [text for text in texts if "spf" not in text]
                data = data.strip('"').replace('" "', "")
            if action.startswith(("replace", "correct")):
                self.remove(owner, rdtype, data)
                data = _PLACES.get(rdtype, "ADDRESS-OF-THE-HOST")
            if data.startswith("ADDRESS"):
                data = self.address(owner, rdtype)
            if data.endswith("NAME-OF-THE-HOST."):
                address = advised.subject.split()[-1] if rdtype == "PTR" else ""
                data = data.replace("NAME-OF-THE-HOST.", self.host(address))
            self.add(owner, rdtype, data)
        return taken


def absolute(name: str) -> str:
    return name.rstrip(".") + "."


def strings(text: str) -> str:
    """Return a text as the strings of a TXT record."""
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def ways(advised: Advised) -> Iterator[tuple[str, list[str]]]:
    """Yield what the ways to mend a problem are called, and what is to be done in each."""
    starts = [0, *(n for n, line in enumerate(advised.lines) if line.startswith("or ") and n)]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(advised.lines)])):
        lines = [line.removeprefix("or ") for line in advised.lines[start:end]]
        yield f"{advised.finding}{', another way,' * (number > 0)}", lines


def harm(made: Made) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the advice for a zone, by kind, or "" for each cure that is good."""
    before, seen = problems(made)
    for problem in (problem for problem in before if problem.state != "OK"):
        for name, way in ways(problem):
            yield from harm_of(made, before, seen, problem, name, way)


def harm_of(
    made: Made, before: list[Advised], seen: set[str], problem: Advised, name: str, way: list[str]
) -> Iterator[tuple[str, str]]:
    patient = Patient(made)
    # A provider's host that says a name of the user's is taken for the user's.
    known = {p.about for p in before}
    known |= {
        ("name-mismatch", subject) for finding, subject in known if finding == "provider-name"
    }
    try:
        if not patient.take(problem, way):
            yield f"{name} has no record", f"{problem}"
            return
    except AssertionError as wrong:
        yield f"{name} cannot be applied", f"{wrong}: {problem}\n{made}"
        return
    mended = made._replace(zone=patient.zone, senders=patient.senders, stale=patient.stale)
    after, _ = problems(mended)
    story = f"{problem.text}\n  {way}\n{made}\n{patient.zone}\nafter: {after}"
    if problem.times(after) >= problem.times(before):
        yield f"{name} stays", story
    # What comes to light as it is checked only now was wrong before.
    new = [p for p in after if p.about not in known]
    new = [p for p in new if p.subject.split()[-1] in seen]
    # So was what the secondary lacks: no cure changes that. What is said at an address of no use
    # is mended with the address.
    new = [p for p in new if not p.finding.startswith("inconsistent")]
    useless = {subject for finding, subject in known if finding == "unusable-address"}
    new = [p for p in new if p.finding != "helo-mismatch" or p.subject not in useless]
    # Nor is it harm where something worse was that is gone.
    left = {p.about for p in after}
    gone = [p for p in before if p.about not in left]
    new = [p for p in new if not any(is_about(p, g) and is_worse(g, p) for g in gone)]
    for p in new:
        if WORST_FIRST.index(p.state) <= WORST_FIRST.index(problem.state):
            yield f"{name} makes {p.finding}", story
    yield "", ""


def is_about(one: Advised, other: Advised) -> bool:
    """Tell whether a problem is about what another is, or names it."""
    return one.subject == other.subject or other.subject.split()[-1] in re.split("[ ()]+", one.text)


def is_worse(one: Advised, other: Advised) -> bool:
    return WORST_FIRST.index(one.state) < WORST_FIRST.index(other.state)


def is_harm(kind: str) -> bool:
    """Tell it from a cure that is good, and from one that is no record."""
    return bool(kind) and "no record" not in kind


@pytest.mark.parametrize("seed", range(40))
def test_each_cure_mends_its_problem_and_makes_none_as_bad(seed: int) -> None:
    said = dict(harm(made_up(random.Random(seed))))
    assert {kind: story for kind, story in said.items() if is_harm(kind)} == {}


def harm_of_seed(seed: int) -> list[tuple[str, str]]:
    try:
        return [*harm(made_up(random.Random(seed)))]
    except AssertionError as broken:
        return [("an output breaks a promise", str(broken))]


def main(number: str) -> None:
    """Try so many zones, other ones each time; write what came of it if none was harmed."""
    seeds = range(first := random.randrange(1_000_000), first + int(number))
    kinds: collections.Counter[str] = collections.Counter()
    with multiprocessing.Pool() as pool:
        for seed, said in zip(seeds, pool.imap(harm_of_seed, seeds)):
            for kind, story in said:
                if is_harm(kind) and kinds[kind] < 2:
                    print(f"{seed}: {kind}\n{story}\n", flush=True)
                kinds[kind] += 1
    harmed = {kind: times for kind, times in kinds.items() if is_harm(kind)}
    in_words = sum(kinds.values()) - sum(harmed.values()) - kinds[""]
    text = (
        f"{int(number):,} zones: {kinds['']:,} cures were applied, {in_words:,} more are not"
        f" records; {sum(harmed.values())} did harm. Seeds {seeds[0]} to {seeds[-1]}, on"
        f" {machine()}.\n"
    )
    print(text, harmed or "")
    if harmed:
        sys.exit(1)
    write_block(DOCS / "reliability.md", "cures", text)


if __name__ == "__main__":
    be_alone("tests.scenarios.test_cures")
    main(*sys.argv[1:])
