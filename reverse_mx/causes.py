"""What is behind a lookup that failed, from what others say, and on which answers problems rest."""

from __future__ import annotations

import enum
import errno
from collections.abc import Iterator, Mapping
from typing import Optional

import dns.rcode
from dns.rdatatype import NS, SOA

from reverse_mx.answer import Answer, Content, Edge, Fault, Outcome
from reverse_mx.facts import MailAddress, MailHost, Subject
from reverse_mx.findings import Problem
from reverse_mx.lookups import Lookups
from reverse_mx.loop import start
from reverse_mx.message import ExtendedError
from reverse_mx.names import ROOT, Address, Name
from reverse_mx.spf_record import SpfError, SpfFault
from reverse_mx.values import Value
from reverse_mx.zone_facts import Lameness, ServerAnswer, ZoneAnswers
from reverse_mx.zone_servers import ZoneServers

# Aliases followed to the servers that fail, and addresses of a top-level domain's servers that are
# asked whether anybody can be reached.
MOST_ALIASES = 8
MOST_CONTROLS = 3
# The Extended DNS Error of a server that does not serve the zone (RFC 8914, 4.21).
NOT_AUTHORITATIVE = 20
# So many unanswered tries are enough to call a server silent, if the time is up.
ENOUGH_TRIES = 3
# How a connection ends that reached somebody; 0 is that it was closed without an answer.
_REFUSED = (0, errno.ECONNREFUSED, errno.ECONNRESET)


class Cause(enum.Enum):
    """What is behind a lookup that failed."""

    UNKNOWN = enum.auto()
    NO_TIME = enum.auto()
    TOO_MANY = enum.auto()
    SILENT_RESOLVER = enum.auto()
    WITHHELD = enum.auto()
    REFUSES = enum.auto()
    NO_RESOLVER = enum.auto()
    NO_TCP = enum.auto()
    TCP_REFUSED = enum.auto()
    CUT_OFF = enum.auto()
    BOGUS = enum.auto()
    BOGUS_SAYS_RESOLVER = enum.auto()
    RESOLVER = enum.auto()
    BLOCKED = enum.auto()
    SILENT_SERVERS = enum.auto()
    FAILING_SERVERS = enum.auto()
    USELESS_SERVERS = enum.auto()
    NO_GLUE = enum.auto()
    ALIAS_CIRCLE = enum.auto()

    @property
    def is_near(self) -> bool:
        """Whether it is the resolver's, so that nothing is known of what others get to hear."""
        return self in _NEAR


_NEAR = {
    Cause.SILENT_RESOLVER,
    Cause.WITHHELD,
    Cause.REFUSES,
    Cause.NO_RESOLVER,
    Cause.NO_TCP,
    Cause.TCP_REFUSED,
    Cause.CUT_OFF,
    Cause.RESOLVER,
}


class Excluded(enum.Enum):
    """What is known not to be behind it."""

    RESOLVER = enum.auto()
    DNSSEC = enum.auto()
    SERVERS = enum.auto()


class Opinion(Value):
    """What others say to a question that failed, and whose fault it is.

    ``asked`` are the zones' own servers, behind each alias those of its target, ``names`` are the
    aliases. ``unchecked`` is what the resolver says without validating, ``remarks`` are its own on
    the failure. ``excluded`` is what was found not to be the cause.
    """

    cause: Cause
    asked: tuple[ZoneAnswers, ...]
    names: tuple[Name, ...]
    unchecked: Optional[Content] = None
    excluded: tuple[Excluded, ...] = ()
    remarks: tuple[ExtendedError, ...] = ()

    @property
    def rcode(self) -> Optional[int]:
        """With what all of the last zone's servers fail, None if it is not one code."""
        codes = {_rcode(said) for asked in self.asked[-1:] for said in asked.answers}
        return codes.pop() if len(codes) == 1 else None


class Newer(Value):
    """What a zone's own servers have in place of a resolver's old answer, some or all of them."""

    old: Answer
    held: ZoneAnswers

    @property
    def content(self) -> Content:
        """What is right, which is what all have if they do not differ."""
        return next(iter(self.held.contents))

    @property
    def differs(self) -> bool:
        return len(self.held.contents) > 1


class Causes:
    """Asks others than the resolvers what a lookup that failed would have given.

    Before a resolver is blamed it is asked for the root; before a zone's servers are called dead, a
    server of the top-level domain is asked: where port 53 does not get out nothing is said of them.
    """

    def __init__(self, lookups: Lookups, zone_servers: ZoneServers) -> None:
        self._lookups = lookups
        self._zone_servers = zone_servers

    async def opinion(self, failed: Answer) -> Opinion:
        """Ask others what a lookup that failed would have given, and conclude whose fault it is."""
        question = failed.question
        root = self._lookups.ask(ROOT, NS)
        unchecked = self._lookups.ask(question.name, question.rdtype, unchecked=True)
        asked: list[ZoneAnswers] = []
        names = [question.name]
        own = self._own_cause(failed)
        if own is not None:
            return Opinion(own, (), tuple(names))
        # Where the resolver was silent there is no time left to ask one after the other.
        early = start(self._reached(question.name)) if failed.silence else None
        while True:
            answers = await self._zone_servers.trace(names[-1], question.rdtype)
            asked += [answers] if answers.answers else []
            alias = answers.alias
            if alias is None:
                break
            names.append(alias)
            if alias in names[:-1] or len(names) > MOST_ALIASES:
                return Opinion(Cause.ALIAS_CIRCLE, tuple(asked), tuple(names))
        word, top = await unchecked, await root
        cause = _cause(failed, word, top, answers)
        # Who refers to silent servers has been reached.
        if cause is Cause.SILENT_SERVERS and answers.zone.parent is None:
            reached = await (early if early is not None else self._reached(names[-1]))
            if not any(reached):
                cause = Cause.BLOCKED if reached else Cause.UNKNOWN
        excluded = tuple(_excluded(failed, word, top, answers))
        remarks = tuple(remark for failure in failed.failures for remark in failure.remarks)
        return Opinion(cause, tuple(asked), tuple(names), word.content, excluded, remarks)

    async def newer(self, old: Answer) -> Optional[Newer]:
        """Return what the zone's own servers have, if it is known what is right and is another."""
        held = await self._zone_servers.ask(old.owner, old.question.rdtype)
        if len(held.contents) != 1 and held.right is None:
            return None
        newer = Newer(old=old, held=held)
        known = newer.content.records and newer.content.records != frozenset(old.records)
        return newer if known else None

    def _own_cause(self, failed: Answer) -> Optional[Cause]:
        """Return the cause if what the resolvers said themselves is the whole story."""
        faults = {failure.fault for failure in failed.failures}
        if failed.withheld:
            return Cause.WITHHELD
        if failed.outcome is Outcome.REFERRAL:
            return Cause.NO_RESOLVER
        if faults == {Fault.NO_TCP} or (failed.truncated and not faults):
            refused = all(failure.error in _REFUSED for failure in failed.failures)
            return Cause.TCP_REFUSED if refused and faults and not failed.silent else Cause.NO_TCP
        rcodes = {failure.rcode for failure in failed.failures}
        if faults != {Fault.RCODE} or rcodes != {dns.rcode.REFUSED} or failed.silent:
            return None
        strangers = (
            self._lookups.keeps_to_its_zones(failure)
            or any(remark.code == NOT_AUTHORITATIVE for remark in failure.remarks)
            for failure in failed.failures
        )
        return Cause.NO_RESOLVER if all(strangers) else Cause.REFUSES

    async def _reached(self, name: Name) -> list[bool]:
        """Tell of some servers of the name's top-level domain whether they say anything."""
        top = await self._zone_servers.zone(Name(name.labels[-2:]))
        servers = top.servers if top is not None else ()
        addresses = [a for server in servers for a in self._zone_servers.askable(server)]
        controls = [
            start(self._zone_servers.reaches(address, ROOT, SOA))
            for address in addresses[:MOST_CONTROLS]
        ]
        reached = [await control for control in controls]
        return [said for said in reached if said is not None]


def _cause(failed: Answer, unchecked: Answer, root: Answer, answers: ZoneAnswers) -> Cause:
    if unchecked.left_out:
        return Cause.TOO_MANY
    if not unchecked.tries:
        return Cause.NO_TIME
    if root.silence and failed.silence:
        return Cause.SILENT_RESOLVER
    # What failed only once may have failed by chance.
    again = failed.bogus or failed.tries > 1
    if not unchecked.failed and failed.outcome is Outcome.FAILURE and again:
        return Cause.BOGUS
    if failed.bogus:
        return Cause.BOGUS_SAYS_RESOLVER
    if not answers.answers:
        return Cause.CUT_OFF if root.failed else Cause.UNKNOWN
    if len(answers.contents) == 1:
        return Cause.RESOLVER
    lame = {_lameness(answer) for answer in answers.answers}
    if answers.left_out or None in lame:
        return Cause.CUT_OFF if root.failed else Cause.UNKNOWN
    if lame == {Lameness.NO_ADDRESS}:
        return Cause.NO_GLUE
    if lame <= {Lameness.SILENT, Lameness.CLOSED, Lameness.NO_ADDRESS}:
        return Cause.SILENT_SERVERS
    # They have no zone to answer from, as after its expiry (RFC 1034, 4.3.5).
    if {_rcode(answer) for answer in answers.answers} == {dns.rcode.SERVFAIL}:
        return Cause.FAILING_SERVERS
    return Cause.USELESS_SERVERS


def _lameness(said: ServerAnswer) -> Optional[Lameness]:
    """Return in which way a server is lame, as far as the time allowed to find out."""
    tried = said.answer is not None and said.answer.tries >= ENOUGH_TRIES
    return Lameness.SILENT if said.late and tried else said.lame


def _rcode(said: ServerAnswer) -> Optional[int]:
    """Return with which code a server fails, None if it does not, or otherwise."""
    failures = said.answer.failures if said.answer is not None else ()
    codes = {f.rcode if f.fault is Fault.RCODE else None for f in failures}
    return codes.pop() if len(codes) == 1 else None


def _excluded(
    failed: Answer, unchecked: Answer, root: Answer, answers: ZoneAnswers
) -> Iterator[Excluded]:
    if not root.unknown:
        yield Excluded.RESOLVER
    if failed.outcome is Outcome.FAILURE and unchecked.failed and unchecked.tries:
        yield Excluded.DNSSEC
    if answers.contents:
        yield Excluded.SERVERS


def rests_on(problem: Problem) -> tuple[Answer, ...]:
    """Return the answers that a problem would not be there without."""
    fact = problem.fact
    if problem.finding == "no-address" and isinstance(fact, MailHost):
        return fact.answers
    if isinstance(fact, MailAddress) and fact.iprev.ptr is not None:
        of_ptr = ("missing-ptr", "unconfirmed-ptr", "invalid-ptr", "mixed-ptr", "name-mismatch")
        return (fact.iprev.ptr,) if problem.finding in of_ptr else ()
    return ()


def withheld_by(problem: Problem, given: Mapping[Address, Answer]) -> tuple[ExtendedError, ...]:
    """Return by which remarks a resolver put what it likes in place of what there is.

    ``given`` are the answers of that kind that have addresses.
    """
    fact = problem.fact
    if isinstance(problem.about, Edge):
        return ()  # it has a cause
    answers = rests_on(problem)
    if isinstance(fact, MailAddress) and problem.finding == "unusable-address":
        answers = tuple(filter(None, [given.get(fact.address)]))
    if isinstance(fact, MailAddress) and problem.finding in ("unconfirmed-ptr", "mixed-ptr"):
        answers += tuple(filter(None, (name.forward for name in fact.iprev.refuted)))
    if isinstance(fact, Subject) and fact.mx is not None:
        answers = (fact.mx,)
    if isinstance(problem.about, SpfError) and problem.about.fault is SpfFault.NO_RECORD:
        owner = [fact.domain, *(name for _, name in problem.about.chain)][-1]
        answers = tuple(answer for answer in fact.answers if answer.question.name == owner)
    return next((answer.withheld for answer in answers if answer.withheld), ())
