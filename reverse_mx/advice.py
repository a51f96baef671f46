"""What to do in lines: cures, whose zone they are in, causes, what receivers do meanwhile."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple, Optional

from dns.rdatatype import AAAA, NS, PTR, SOA, A

from reverse_mx.addresses import unusable_as
from reverse_mx.advice_wording import AdviceWording, contact_of, in_short
from reverse_mx.answer import Answer, Edge, Outcome, Question
from reverse_mx.causes import Cause, Causes, Newer, Opinion, rests_on, withheld_by
from reverse_mx.cure import NAME, Cure, Hint, ZoneRecord, possible
from reverse_mx.cures import Cures
from reverse_mx.facts import Subject
from reverse_mx.findings import Problem, Reaction
from reverse_mx.lines import ADVICE_BUDGET, Lines
from reverse_mx.lookups import Lookups
from reverse_mx.loop import side_by_side, start
from reverse_mx.names import (
    ARPA,
    IN_ADDR,
    IP6,
    ROOT,
    Address,
    Name,
    is_nobodys,
    is_private_reverse,
    is_registrys,
    is_reverse_registrys,
)
from reverse_mx.receivers import Receivers
from reverse_mx.server_cures import inconsistent
from reverse_mx.text import in_line
from reverse_mx.wording import in_words, lameness, unasked
from reverse_mx.zone_facts import ServerAnswer, Zone
from reverse_mx.zone_servers import ZoneServers

# Servers of a zone that are told of, one a line.
MOST_LINES = 13
# Of a domain's failed lookups the cause of so many is looked for.
MOST_FAILED = 100


class AdviceLine(NamedTuple):
    """A line of advice; ``depth`` is how deep it hangs, and ``prose`` what may be wrapped."""

    text: str
    depth: int = 0
    prose: bool = False


class Advice(NamedTuple):
    """What is known to help with one problem.

    ``newer`` is what mends it already, ``zones`` are those of its cures, ``barriers`` what keeps
    anybody from other cures, ``opinion`` is of a failed lookup, ``reactions`` are the receivers'.
    """

    newer: tuple[Newer, ...]
    cures: tuple[Cure, ...]
    zones: tuple[Optional[Zone], ...]
    barriers: tuple[str, ...]
    opinion: Optional[Opinion]
    reactions: tuple[Reaction, ...]


class Advisor:
    """Says what to do about problems: the record, whose zone it is in, what receivers do meanwhile.

    ``inquire()`` makes the lookups that this takes, in what is left of the time; then ``lines()``
    tells of one problem after the other, and of each zone and finding once.
    """

    def __init__(
        self,
        lines: Lines,
        lookups: Lookups,
        zone_servers: ZoneServers,
        wording: AdviceWording,
        deadline: float,
    ) -> None:
        """``deadline`` is in the loop's time."""
        # At least so many lookups were too many.
        self.left_out = 0
        self._lines = lines
        self._lookups = lookups
        self._zone_servers = zone_servers
        self._wording = wording
        self._deadline = deadline
        self._causes = Causes(lookups, zone_servers)
        self._cures = Cures(())
        self._receivers = Receivers()
        self._zones: dict[Name, Zone] = {}
        self._usable: set[Name] = set()
        self._missing: set[Name] = set()
        self._opinions: dict[Question, Opinion] = {}
        self._newer: dict[Question, Newer] = {}
        self._withheld: dict[Address, Answer] = {}
        self._told: set[object] = set()
        self._heard = True

    def inquire(
        self, problems: Iterable[tuple[Optional[Subject], Problem]], subjects: Iterable[Subject]
    ) -> None:
        """Ask what the cures of problems take to be told, in a run that found the subjects.

        With each problem comes a subject that has it, if one has, which it is asked about for.
        """
        self._cures = Cures(subjects)
        self._heard = any(not answer.silence for answer in self._lookups.answers)
        given = [a for a in self._lookups.answers if a.question.rdtype in (A, AAAA) and a.withheld]
        self._withheld = {address: answer for answer in given for address in answer.records}
        # A subject is large to compare, and there is one object for each.
        of_each: dict[int, list[Problem]] = {}
        for subject, problem in problems:
            self._receivers.learn(subject, problem)
            of_each.setdefault(id(subject), []).append(problem)
        inquiries = [self._lines.queue(self._ask(own), ADVICE_BUDGET) for own in of_each.values()]
        self._lines.loop.run(side_by_side(inquiries), self._deadline)

    async def _ask(self, problems: Iterable[Problem]) -> None:
        """Ask what the cures of one subject's problems take to be told."""
        owners: dict[Name, None] = {}
        guesses: dict[Name, None] = {}
        failed: dict[Question, Answer] = {}
        doubted: dict[Answer, None] = {}
        for problem in problems:
            for cure in self._cures.of(problem):
                if cure.owner is not None:
                    owners[cure.owner] = None
                if cure.guess and isinstance(cure.what, ZoneRecord):
                    assert isinstance(cure.what.data, Name)
                    guesses[cure.what.data] = None
            if isinstance(problem.about, Edge):
                failed[problem.about.answer.question] = problem.about.answer
            doubted.update(dict.fromkeys(rests_on(problem)))

        zones = start(side_by_side(self._zone_servers.zone(owner) for owner in owners))
        asked = [*failed.values()][:MOST_FAILED]
        opinions = start(side_by_side(self._causes.opinion(answer) for answer in asked))
        hosts = start(side_by_side(self._is_usable(name) for name in guesses))
        newer = start(side_by_side(self._causes.newer(answer) for answer in doubted))
        # What was too much to ask for one may be known of another.
        self._zones.update({o: zone for o, zone in zip(owners, await zones) if zone is not None})
        for owner in owners:
            answer = await self._lookups.ask(owner, SOA, unchecked=True)
            self._missing |= {owner} if answer.outcome is Outcome.NXDOMAIN else set()
        self._usable.update(name for name, usable in zip(guesses, await hosts) if usable)
        unasked = [_TOO_MANY] * len([*failed][MOST_FAILED:])
        self._opinions.update(zip(failed, [*await opinions, *unasked]))
        self._newer.update({n.old.question: n for n in await newer if n is not None})
        for held in (n.held for n in self._newer.values()):
            self._zones.setdefault(held.zone.name, held.zone)
        self.left_out += len(unasked) + self._lookups.left_out

    def anew(self) -> Advisor:
        """Return one that knows the same, and has told nothing yet."""
        other = copy.copy(self)
        other._told = set()
        return other

    def of(self, problem: Problem) -> Advice:
        withheld = withheld_by(problem, self._withheld)
        if withheld:
            # It is not known what is in the DNS, so neither what to mend there.
            return Advice((), (), (), (self._wording.withheld(withheld),), None, ())
        newer = tuple(
            self._newer[a.question] for a in rests_on(problem) if a.question in self._newer
        )
        wanted = _left_to_do(self._cures.of(problem), newer)
        barred = [cure for cure in wanted if self._barrier(cure)]
        # What is said in EHLO stays wrong by whichever other name.
        left = possible(wanted, barred, problem.finding != "helo-mismatch")
        cures = tuple(map(self._known, left))
        unheard = isinstance(problem.about, Edge) and not self._heard
        opinion = _UNHEARD if unheard else self._opinion(problem)
        # What this host's own resolver does is not known of those of others.
        near = opinion is not None and opinion.cause.is_near
        return Advice(
            newer,
            cures,
            tuple(map(self._zone_of, cures)),
            tuple(dict.fromkeys(map(self._barrier, barred))),
            opinion,
            () if near else self._receivers.reactions(problem),
        )

    def lines(self, problem: Problem) -> Iterator[AdviceLine]:
        advice = self.of(problem)
        # What is to be done comes first, and within the lines that are seen at once.
        yield from self._cure_lines(advice)
        for newer in advice.newer:
            yield AdviceLine(self._wording.newer(newer), prose=True)
        if advice.opinion is _UNHEARD:
            if _UNHEARD not in self._told:
                yield from self._opinion_lines(_UNHEARD)
            self._told.add(_UNHEARD)
            return
        if advice.opinion is not None:
            yield from self._opinion_lines(advice.opinion)
        yield from self._meanwhile(problem.finding, advice.reactions)

    def _meanwhile(self, finding: str, reactions: tuple[Reaction, ...]) -> Iterator[AdviceLine]:
        """Yield what receivers do, of each finding once; later on only what else they do."""
        more = [part for part in in_short(reactions) if (finding, part) not in self._told]
        if more:
            label = "" if (finding, "meanwhile") in self._told else "meanwhile: "
            yield AdviceLine(f"{label}{'; '.join(more)}", prose=True)
            self._told.update((finding, part) for part in ("meanwhile", *more))

    def _opinion(self, problem: Problem) -> Optional[Opinion]:
        edge = problem.about
        return self._opinions.get(edge.answer.question) if isinstance(edge, Edge) else None

    async def _is_usable(self, host: Name) -> bool:
        """Tell whether a host has addresses, and mail can arrive at all of them."""
        answers = [await self._lookups.ask(host, rdtype) for rdtype in (A, AAAA)]
        addresses = [address for answer in answers for address in answer.addresses]
        return bool(addresses) and not any(map(unusable_as, addresses))

    def _cure_lines(self, advice: Advice) -> Iterator[AdviceLine]:
        cures = advice.cures
        if cures and self._told.issuperset(cures):
            if not isinstance(cures[0].what, Hint):
                yield AdviceLine(f"{cures[0].action}: as above")
            return
        for number, (cure, zone) in enumerate(zip(cures, advice.zones)):
            self._told.add(cure)
            text = f"{'or ' * cure.instead}{self._wording.cure(cure)}"
            yield AdviceLine(text, prose=isinstance(cure.what, Hint))
            how = self._wording.how(cure)
            if how:
                yield AdviceLine(how, 1)
            if zone is not None and zone not in advice.zones[number + 1 : number + 2]:
                yield from self._zone_lines(zone)
        for barrier in advice.barriers:
            yield AdviceLine(barrier, prose=True)

    def _zone_of(self, cure: Cure) -> Optional[Zone]:
        return self._zones.get(cure.owner) if cure.owner is not None else None

    def _known(self, cure: Cure) -> Cure:
        """Return a cure with a place to fill in for a host that turned out to have no address."""
        if not cure.guess or not isinstance(cure.what, ZoneRecord):
            return cure
        assert isinstance(cure.what.data, Name)
        usable = cure.what.data in self._usable
        return cure if usable else cure._replace(what=cure.what._replace(data=NAME))

    def _barrier(self, cure: Cure) -> str:
        """Return what keeps anybody from following a cure, "" if nothing does."""
        zone = self._zone_of(cure)
        if zone is not None and zone.built_in:
            shown = self._wording.name(zone.name)
            said = f"the resolver answers out of its own empty zone {shown}, which is not the real"
            return f"{said} one: ask the resolver that knows that, or one outside, with --server"
        if zone is not None and zone.is_sink:
            said = "the answer is that of AS112 (RFC 7534), which knows no private address"
            return f"{said}: ask the resolver of the private network, with --server"
        if not isinstance(cure.what, ZoneRecord) or cure.what.rdtype == NS:
            return ""
        name = cure.what.owner
        if name.is_subdomain(ARPA):
            return ""
        top = Name(name.labels[-2:])
        if name == ROOT:
            return "nobody can add a record to the root zone"
        if is_nobodys(name):
            return f"nobody can have a name below {self._wording.name(top)} (RFC 6761)"
        if zone is None or cure.owner not in self._missing:
            apex = name == top or (zone is not None and name == zone.name)
            own = f"{self._wording.name(name)} is a registry's, which alone adds records to it"
            return own * (apex and is_registrys(name))
        if zone.name == ROOT:
            return f"there is no top-level domain {self._wording.name(top)}: is it misspelt?"
        if is_registrys(zone.name):
            registered = Name(name.labels[-len(zone.name.labels) - 1 :])
            shown = self._wording.name(registered)
            gets = "names the address" if cure.what.rdtype == PTR else "gets its mail"
            return f"{shown} is not registered: whoever registers it {gets}"
        return ""

    def _zone_lines(self, zone: Zone) -> Iterator[AdviceLine]:
        name = self._wording.name(zone.name)
        if zone.name == ROOT:
            return
        if zone.name in self._told:
            yield AdviceLine(f"in: zone {name}, see above")
            return
        self._told.add(zone.name)
        if zone.soa is not None and is_reverse_registrys(zone.name, zone.soa.rname):
            # It edits no PTR records, and has other things to do than to answer mail about them.
            yield AdviceLine(f"in: zone {name}, which is a registry's")
            yield AdviceLine("the address's provider has its part delegated, and changes it", 1)
            return
        contact = contact_of(zone)
        yield AdviceLine(f"in: zone {name}{', contact ' * bool(contact)}{contact}")
        if is_private_reverse(zone.name):
            yield AdviceLine("the zone of a private network, so your own", 1)
        elif _is_classless(zone.name):
            yield AdviceLine("delegated (RFC 2317): whoever runs its name servers changes it", 1)
        elif _is_providers(zone.name):
            yield AdviceLine("nothing below it is delegated: the address's provider changes it", 1)
        elif zone.name.is_subdomain(ARPA):
            yield AdviceLine("a reverse zone: as a rule the address's provider changes it", 1)
        servers = [
            f"{self._wording.name(server.name)} ({', '.join(map(str, server.addresses)) or '?'})"
            for server in zone.servers
        ]
        if servers:
            yield AdviceLine(f"name servers: {in_line(servers, ', ')}", 1)

    def _opinion_lines(self, opinion: Opinion) -> Iterator[AdviceLine]:
        yield AdviceLine(f"cause: {self._wording.cause(opinion)}", prose=True)
        for label, said in (
            ("fix: ", self._wording.mends(opinion)),
            ("ask: ", self._wording.asks(opinion)),
            ("", self._wording.evidence(opinion)),
        ):
            if said:
                yield AdviceLine(f"{label}{said}", prose=True)
        for asked in opinion.asked:
            zone = self._wording.name(asked.zone.name)
            yield AdviceLine(f"asked themselves, the servers of {zone}:")
            for answer in asked.answers[:MOST_LINES]:
                yield AdviceLine(f"{self._wording.server(answer)} {_said(answer)}", 1)
            if len(asked.answers) > MOST_LINES:
                yield AdviceLine("...", 1)


# Of a resolver that said nothing at all.
_UNHEARD = Opinion(Cause.SILENT_RESOLVER, (), ())
# Of one that was not asked about.
_TOO_MANY = Opinion(Cause.TOO_MANY, (), ())


def _left_to_do(cures: list[Cure], newer: Iterable[Newer]) -> list[Cure]:
    """Return what is left of cures in view of what the zone's own servers have already."""
    for known in newer:
        first = itertools.takewhile(lambda cure: not cure.instead, cures)
        if all(_is_done(cure, known.content.records) for cure in first):
            return inconsistent(known.held, None) if known.differs else []
    return cures


def _is_done(cure: Cure, records: Container[object]) -> bool:
    if not isinstance(cure.what, ZoneRecord):
        return False
    # Where there is a place to fill in somebody has filled it in.
    there = cure.what.data in records or isinstance(cure.what.data, str)
    return there != (cure.action in ("remove", "in place of"))


def _said(answer: ServerAnswer) -> str:
    if answer.late:
        return "did not answer in time"
    if answer.lame:
        return lameness(answer)
    if answer.content is None:
        why = unasked(answer)
        return f"was not asked{': ' * bool(why)}{why}"
    return f"has {in_line(in_words(answer.content), ', ')}"


def _is_classless(zone: Name) -> bool:
    """Tell whether a zone is a part of a /24 (RFC 2317), whose first label is no octet."""
    part = len(zone.labels) - len(IN_ADDR.labels) > 3
    return part and zone.is_subdomain(IN_ADDR) and not zone.labels[0].isdigit()


def _is_providers(zone: Name) -> bool:
    """Tell whether a zone is the reverse one of more than a /24 or a /48, so a provider's."""
    labels = len(zone.labels) - len(IN_ADDR.labels)
    return (zone.is_subdomain(IN_ADDR) and labels < 3) or (zone.is_subdomain(IP6) and labels < 12)
