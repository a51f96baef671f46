"""What was learnt of a zone: its name servers, what each says, how it is delegated."""

from __future__ import annotations

import enum
import errno
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from dns.rdatatype import AAAA, A

from reverse_mx.answer import Answer, Content, Edge, Outcome, Question
from reverse_mx.names import AS112, NOBODY, ROOT, Address, Name
from reverse_mx.values import Value


class NameServer(NamedTuple):
    """A name server that a zone lists; ``answers`` are those of its address lookups.

    ``glue`` are the addresses that a delegation has for one that no lookup finds: as a rule it is
    in the zone that it is to serve. None if the delegation need not have any.
    """

    name: Name
    answers: tuple[Answer, ...]
    glue: Optional[tuple[Address, ...]] = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        found = tuple(address for answer in self.answers for address in answer.addresses)
        return found or self.glue or ()

    @property
    def missing(self) -> bool:
        """Whether it is certain that it has no address, of whichever family."""
        if self.glue is not None:
            return not self.addresses
        denied = {answer.question.rdtype for answer in self.answers if answer.missing}
        gone = any(answer.outcome is Outcome.NXDOMAIN for answer in self.answers)
        return gone or denied == {A, AAAA}


class Zone(NamedTuple):
    """A zone and who is in charge of it.

    ``soa`` is None for a zone that nobody answers for: one that is known from its delegation only,
    or, without ``servers``, a name whose zone could not be found. ``parent`` is the zone that
    delegates one that is known from that only. ``left_out`` name servers were too many.
    """

    name: Name
    soa: Optional[Any]
    servers: tuple[NameServer, ...]
    left_out: int
    parent: Optional[Name] = None

    @property
    def built_in(self) -> bool:
        """Whether it is one of the empty zones that resolvers come with (RFC 6303).

        Their contact is ".", with the zone itself for its primary, or nobody.invalid.
        """
        soa = self.soa
        return soa is not None and bool(
            soa.rname == NOBODY or (soa.rname == ROOT and soa.mname == self.name)
        )

    @property
    def is_sink(self) -> bool:
        """Whether it is one of AS112, where questions for private addresses end (RFC 7534, 3.5)."""
        return self.soa is not None and self.soa.mname in AS112


class Lameness(enum.Enum):
    """Why a name server that a zone lists is lame (RFC 8499, 7)."""

    NO_ADDRESS = enum.auto()
    SILENT = enum.auto()
    CLOSED = enum.auto()
    FAILS = enum.auto()
    NOT_AUTHORITATIVE = enum.auto()


class Unasked(enum.Enum):
    """Why a name server was not asked."""

    NO_ADDRESS = enum.auto()
    UNKNOWN_ADDRESS = enum.auto()
    INSIDE = enum.auto()


class ServerAnswer(Value):
    """What one address of an authoritative server says to a question, and to its zone's SOA.

    ``unasked`` is why it does not, ``address`` None if that is for want of one.
    """

    server: Name
    address: Optional[Address]
    answer: Optional[Answer]
    soa: Optional[Answer]
    unasked: Optional[Unasked]

    @property
    def serial(self) -> Optional[int]:
        return self.soa.records[0].serial if self.soa is not None and self.soa.records else None

    @property
    def late(self) -> bool:
        """Whether the time was up before it was certain that the server does not answer."""
        return (
            self.answer is not None
            and self.answer.outcome is Outcome.TIMEOUT
            and self.answer.cut_off
        )

    @property
    def lame(self) -> Optional[Lameness]:
        """In which way the server is lame, None if it is not or could not be asked."""
        answer = self.answer
        if answer is None:
            return Lameness.NO_ADDRESS if self.unasked is Unasked.NO_ADDRESS else None
        if answer.outcome is Outcome.TIMEOUT:
            return None if self.late else Lameness.SILENT
        if answer.outcome is Outcome.UNREACHABLE:
            # No way to an address is the machine's own lack, mostly of IPv6; a closed port is not.
            closed = any(failure.error == errno.ECONNREFUSED for failure in answer.failures)
            return Lameness.CLOSED if closed else None
        if answer.outcome is Outcome.FAILURE:
            return Lameness.FAILS
        if answer.outcome is Outcome.REFERRAL or not self._authoritative:
            return Lameness.NOT_AUTHORITATIVE
        return None

    @property
    def _authoritative(self) -> bool:
        assert self.answer is not None
        assert self.soa is not None
        # With an alias older servers leave it out, as of its target they are none.
        zone = self.soa.authoritative and bool(self.soa.records)
        return self.answer.authoritative or (zone and bool(self.answer.aliases))

    @property
    def content(self) -> Optional[Content]:
        """What it holds; None if it did not say, or is not to be believed."""
        return self.answer.content if self.answer is not None else None


class Delegation(Value):
    """How one server of the parent zone delegates a zone: NS records and glue (RFC 1034, 4.2.1)."""

    zone: Zone
    parent: Name
    server: Name
    address: Address
    answer: Answer

    @property
    def names(self) -> frozenset[Name]:
        """The servers that it delegates to, none if it does not delegate the zone."""
        delegation = self.answer.delegation
        if delegation is None or self.answer.records or delegation[0] != self.zone.name:
            return frozenset()
        return frozenset(delegation[1])

    @property
    def is_none(self) -> bool:
        """Whether the parent knows of no zone here, as where it is one of a private network."""
        return self.answer.outcome in (Outcome.NXDOMAIN, Outcome.NODATA)

    @property
    def further(self) -> list[Name]:
        """The servers that the zone does not list."""
        return sorted(self.names.difference(server.name for server in self.zone.servers))

    @property
    def lacking(self) -> list[Name]:
        """The servers that the zone lists, and the parent does not."""
        return sorted({server.name for server in self.zone.servers} - self.names)

    @property
    def stale_glue(self) -> list[tuple[Name, list[Address], list[Address]]]:
        """The servers with glue of a family that has other addresses there, and both."""
        return [
            (server.name, [*glue], sorted(answer.addresses))
            for server in self.zone.servers
            for answer in server.answers
            if not answer.unknown
            for glue in [self.answer.glue(server.name, answer.question.rdtype)]
            if glue and set(glue) != set(answer.addresses)
        ]

    @property
    def differs(self) -> bool:
        named = bool(self.names) and not self.zone.left_out
        return named and bool(self.further or self.lacking or self.stale_glue)


class ZoneAnswers(Value):
    """What the authoritative servers of a zone say themselves to one question.

    ``lookups`` are those that the zone was looked for with. ``left_out`` of its servers, or of
    their addresses, were too many to be asked. ``delegation`` is what the parent zone says.
    """

    question: Question
    zone: Zone
    answers: tuple[ServerAnswer, ...]
    lookups: tuple[Answer, ...]
    left_out: int
    delegation: Optional[Delegation]

    @property
    def edges(self) -> Iterator[Edge]:
        """The lookups that it took to find the servers, but for those that none was missed by."""
        answers = [answer for server in self.zone.servers for answer in server.answers]
        if not self.contents:
            answers = [*self.lookups, *answers]
        return (Edge(None, answer) for answer in answers)

    @property
    def all_lame(self) -> bool:
        return bool(self.answers) and not self.left_out and all(a.lame for a in self.answers)

    @property
    def varies(self) -> bool:
        """Whether addresses differ as those do that rotate or follow the asker.

        The servers have the same version of the zone, and none of them lacks the record.
        """
        contents = self.contents
        serials = {answer.serial for group in contents.values() for answer in group}
        lacking = any(content.missing for content in contents)
        kind = self.question.rdtype in (A, AAAA)
        return kind and len(contents) > 1 and len(serials) == 1 and not lacking

    @property
    def alias(self) -> Optional[Name]:
        """What the name is an alias of, if its servers agree on that and know no more."""
        if len(self.contents) != 1:
            return None
        answer = next(a.answer for a in self.answers if a.content is not None and not a.lame)
        assert answer is not None
        return answer.aliases[-1] if answer.aliases and not answer.records else None

    @property
    def contents(self) -> dict[Content, list[ServerAnswer]]:
        """The servers by what they hold: what is right first, then what most of them have."""
        right = self.right
        ranked = sorted(self._groups.items(), key=lambda item: (item[0] != right, -len(item[1])))
        return dict(ranked)

    @property
    def right(self) -> Optional[Content]:
        """What the primary holds (MNAME; RFC 1035, 3.3.13), or else the newest serial.

        None if neither tells: how many servers hold something does not.
        """
        groups = self._groups.items()
        deciding = [held for held, g in groups if any(a.server == self.primary for a in g)]
        newest = self.newest
        if len(deciding) != 1 and newest is not None:
            deciding = [held for held, g in groups if any(a.serial == newest for a in g)]
        return deciding[0] if len(deciding) == 1 else None

    @property
    def primary(self) -> Optional[Name]:
        """The name server that the zone is changed on, if its servers agree on that."""
        soas = [a.soa.records[0] for a in self.answers if a.soa is not None and a.soa.records]
        names = {soa.mname for soa in soas or filter(None, [self.zone.soa])}
        return names.pop() if len(names) == 1 else None

    @property
    def newest(self) -> Optional[int]:
        """The serial that no other is newer than, if there is one (RFC 1982, 3.2)."""
        groups = self._groups.values()
        held = [a.serial for group in groups for a in group if a.serial is not None]
        return next((s for s in held if all(s == o or is_newer(s, o) for o in held)), None)

    @property
    def _groups(self) -> dict[Content, list[ServerAnswer]]:
        """The servers by what they hold; which way it is that they have none (RFC 2308) is one."""
        groups: dict[Content, list[ServerAnswer]] = {}
        for answer in self.answers:
            content = answer.content
            if content is not None and not answer.lame:
                alike = (held for held in groups if held.missing and content.missing)
                groups.setdefault(next(alike, content), []).append(answer)
        return groups


def is_newer(serial: int, other: int) -> bool:
    """Tell whether a serial is newer than another; half the circle away neither is (RFC 1982)."""
    return 0 < (serial - other) % (1 << 32) < 1 << 31
