"""What was learnt of a domain, a mail host and an address: frozen values, no prose, no verdict."""

from __future__ import annotations

import enum
import errno
import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import AAAA, MX, TXT, A

from reverse_mx.answer import Answer, Content, Outcome, Question
from reverse_mx.names import NOBODY, ROOT, Address, Name, is_related, rdtype_of, reverse_name
from reverse_mx.smtp_reply import Greeting
from reverse_mx.spf_record import SpfError, SpfLarge, SpfLeftOut, SpfSource
from reverse_mx.values import Value


class Edge(NamedTuple):
    """A lookup as a step of the walk: ``stage`` is what it was made for, and is timed under.

    One answer may be several edges' own, as each question is asked once.
    """

    stage: str
    answer: Answer


class PtrName(Value):
    """A name that an address has, and what it resolves to in the family of the address.

    ``forward`` is None for what is no host name: receivers throw it away, so it is not asked for.
    """

    name: Name
    forward: Optional[Answer]

    @property
    def canonical(self) -> Name:
        return (self.name, *(self.forward.aliases if self.forward else ()))[-1]

    def confirms(self, address: Address) -> bool:
        return self.forward is not None and address in self.forward.addresses

    def refuted(self, address: Address) -> bool:
        """Whether it is certain that the name does not hold."""
        return self.forward is None or not (self.forward.failed or self.confirms(address))


class Iprev(Value):
    """The way from an address over its PTR names back to it (RFC 8601, 2.7.3), whoever's it is.

    ``ptr`` is None for an address at which no mail can arrive. ``left_out`` PTR names were not
    followed. ``zone_answers`` are what the servers of the zones say themselves, if they were asked:
    of the reverse name, and of each name that it is an alias of.
    """

    address: Address
    ptr: Optional[Answer]
    names: tuple[PtrName, ...] = ()
    left_out: int = 0
    zone_answers: tuple[ZoneAnswers, ...] = ()

    @property
    def owner(self) -> Name:
        """The owner of its PTR records: its reverse name, or that one's alias (RFC 2317)."""
        return (reverse_name(self.address), *(self.ptr.aliases if self.ptr else ()))[-1]

    @property
    def edges(self) -> Iterator[Edge]:
        if self.ptr is not None:
            yield Edge("ptr", self.ptr)
        for name in self.names:
            if name.forward is not None:
                yield Edge("confirm", name.forward)

    @property
    def missing(self) -> bool:
        return self.ptr is not None and self.ptr.missing

    @property
    def whole(self) -> bool:
        """Whether there are names and none was left out, which could be other than those."""
        return bool(self.names) and not self.left_out

    @property
    def invalid(self) -> bool:
        return self.whole and all(name.forward is None for name in self.names)

    @property
    def confirmed(self) -> bool:
        return any(name.confirms(self.address) for name in self.names)

    @property
    def refuted(self) -> tuple[PtrName, ...]:
        return tuple(name for name in self.names if name.refuted(self.address))

    @property
    def unconfirmed(self) -> bool:
        """Whether every name was followed to its end and none leads back."""
        return self.whole and not self.invalid and len(self.refuted) == len(self.names)


class MailAddress(Value):
    """An address as that of a mail host, ``host``, the first that has it.

    ``host`` is None for a bare address; ``canonical`` is the name behind its aliases. ``expected``
    are the names that the address may well have: its mail hosts', with their canonical names.
    ``greeting`` is that of its SMTP server, if it was connected to. ``helo`` is the name that the
    host gives in EHLO, if that is known; then it is what the address is expected to be called.
    """

    iprev: Iprev
    host: Optional[Name]
    canonical: Optional[Name]
    expected: tuple[Name, ...]
    greeting: Optional[Greeting] = None
    helo: Optional[MailHost] = None

    @property
    def address(self) -> Address:
        return self.iprev.address

    @property
    def edges(self) -> Iterator[Edge]:
        return self.iprev.edges

    @property
    def helo_is_ptr(self) -> bool:
        """Whether the name in EHLO is a PTR name of the address; also if that is not certain."""
        if self.helo is None or self.iprev.ptr is None or not self.iprev.ptr.records:
            return True
        named = self.helo.name in [name.name for name in self.iprev.names]
        return named or not self.iprev.whole

    @property
    def helo_leads_back(self) -> bool:
        """Whether the name in EHLO resolves to the address; also if that is not certain.

        A name without any address is not certain in this sense: that is told of the name itself.
        """
        if self.helo is None or not self.helo.all_addresses:
            return True
        family = [a for a in self.helo.answers if a.question.rdtype == rdtype_of(self.address)]
        return any(a.failed or self.address in a.addresses for a in family)

    @property
    def mismatched(self) -> bool:
        names = {name.name for name in self.iprev.names}
        fits = not self.expected or not names.isdisjoint(self.expected)
        return self.iprev.whole and self.iprev.confirmed and not fits


class Role(enum.Enum):
    """What makes a host one of a subject's."""

    MX = enum.auto()
    IMPLICIT_MX = enum.auto()
    SENDER = enum.auto()
    HELO = enum.auto()
    SPF = enum.auto()


class Sender(NamedTuple):
    """A host or an address that mail leaves from, and the name that it gives in EHLO, if known."""

    of: Union[Name, Address]
    helo: Optional[Name] = None


class Target(NamedTuple):
    """Where mail goes to or comes from, before its addresses are known.

    ``name`` is None where only addresses are ``given``. ``preference`` is that of an MX record,
    ``term`` the one of an SPF record that allows the addresses.
    """

    role: Role
    name: Optional[Name]
    preference: int = 0
    given: tuple[Address, ...] = ()
    term: Optional[SpfSource] = None

    @property
    def receives(self) -> bool:
        """Whether mail arrives there, and not only leaves from it."""
        return self.role in (Role.MX, Role.IMPLICIT_MX)


class MailHost(Value):
    """A host that mail goes to or comes from; ``domain`` is the owner of the MX records, if any.

    ``answers`` are those of its address lookups, none for a target that is no name. ``shared`` are
    addresses that an earlier mail host has too. ``zone_answers`` are what the servers of its zone
    say of them themselves, if they were asked.
    """

    domain: Optional[Name]
    target: Target
    answers: tuple[Answer, ...]
    addresses: tuple[MailAddress, ...] = ()
    shared: tuple[Address, ...] = ()
    zone_answers: tuple[ZoneAnswers, ...] = ()

    @property
    def name(self) -> Optional[Name]:
        return self.target.name

    @property
    def is_helo(self) -> bool:
        """Whether it is only the name that a sender gives in EHLO."""
        return self.target.role is Role.HELO

    @property
    def edges(self) -> Iterator[Edge]:
        return (Edge("address", answer) for answer in self.answers)

    @property
    def aliases(self) -> tuple[Name, ...]:
        return max((answer.aliases for answer in self.answers), key=len, default=())

    @property
    def names(self) -> tuple[Name, ...]:
        """Its name and what that is an alias of, the canonical name last."""
        return () if self.name is None else (self.name, *self.aliases)

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        looked_up = (address for answer in self.answers for address in answer.addresses)
        return (*self.target.given, *looked_up)


class Subject(Value):
    """A mail domain or a sender, and all that hangs from it.

    ``of`` is a domain with its ``mx`` lookup, or the name or address of a sender without.
    ``left_out_*`` were too many to follow, ``ignored_*`` are those that the user wants ignored.
    ``zone_answers`` is what the domain's own servers say of its MX, and ``spf`` what its SPF record
    allows, if that was asked.
    """

    of: Union[Name, Address]
    mx: Optional[Answer] = None
    hosts: tuple[MailHost, ...] = ()
    left_out_hosts: int = 0
    left_out_addresses: int = 0
    ignored_hosts: int = 0
    ignored_addresses: int = 0
    zone_answers: Optional[ZoneAnswers] = None
    spf: Optional[SpfFacts] = None

    def owns(self, host: Name) -> bool:
        """Whether a host is the user's own: a sender, or the domain, below it or above it."""
        return self.mx is None or is_related(host, self.of)

    @property
    def mail_hosts(self) -> tuple[MailHost, ...]:
        """The hosts that have a name, or are the bare address that was asked about.

        Several MX records may have one host for their target.
        """
        named = (host for host in self.hosts if host.name is not None or self.mx is None)
        hosts = (host for host in named if not host.is_helo)
        return tuple({host.name: host for host in hosts}.values())

    @property
    def null_mx(self) -> bool:
        """Whether its only MX is "." (RFC 7505, 3)."""
        records = self.mx.records if self.mx is not None else ()
        return [record.exchange for record in records] == [ROOT]

    @property
    def addresses(self) -> tuple[MailAddress, ...]:
        return tuple(address for host in self.hosts for address in host.addresses)

    @property
    def facts(self) -> Iterator[tuple[str, Any]]:
        """Every fact that can be judged, in the order of the chain, with the kind that it is."""
        yield "subject", self
        if self.zone_answers is not None:
            yield "mx-zone", self.zone_answers
        if self.spf is not None:
            yield "spf", self.spf
        for host in self.hosts:
            yield "host", host
            for answers in host.zone_answers:
                yield "host-zone", answers
            for address in host.addresses:
                yield "address", address
                if address.greeting is not None:
                    yield "greeting", address
                for answers in address.iprev.zone_answers:
                    yield "ptr-zone", answers

    @property
    def edges(self) -> Iterator[Edge]:
        """Every lookup that was made for it, in the order of the chain."""
        if self.mx is not None:
            yield Edge("mx", self.mx)
        if self.zone_answers is not None:
            yield from self.zone_answers.edges
        for host in self.hosts:
            yield from host.edges
            for answers in host.zone_answers:
                yield from answers.edges
            for address in host.addresses:
                yield from address.edges
                for answers in address.iprev.zone_answers:
                    yield from answers.edges
        if self.spf is not None:
            yield from self.spf.edges


class SpfFacts(Value):
    """What a domain's SPF record allows to send, as far as a finite list can say.

    ``addresses`` come in ascending order, each with the first term that gives it; ``large`` are
    networks of more than 16 addresses, ``left_out`` terms that depend on the sender ("ptr", some
    macros) or have no effect. To a receiver one error is the end of the whole record
    ("permerror", RFC 7208, 2.6.7); the addresses are those of the terms that are fine nevertheless.
    ``further`` addresses and networks of an overlong record were not kept. ``costs`` are the
    lookups that each term of the domain's own record needs, where there are too many. A lookup
    that failed is no error, but is in ``answers``, which are all that were made, in the record's
    order.
    """

    domain: Name
    answers: tuple[Answer, ...]
    addresses: tuple[tuple[Address, SpfSource], ...] = ()
    large: tuple[SpfLarge, ...] = ()
    left_out: tuple[SpfLeftOut, ...] = ()
    errors: tuple[SpfError, ...] = ()
    further: int = 0
    costs: tuple[tuple[SpfSource, int], ...] = ()

    @property
    def edges(self) -> Iterator[Edge]:
        stages = {TXT: "spf", MX: "mx"}
        return (Edge(stages.get(a.question.rdtype, "address"), a) for a in self.answers)


class NameServer(NamedTuple):
    """A name server that a zone lists; ``answers`` are those of its address lookups."""

    name: Name
    answers: tuple[Answer, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(address for answer in self.answers for address in answer.addresses)

    @property
    def missing(self) -> bool:
        """Whether it is certain that it has no address, of whichever family."""
        denied = {answer.question.rdtype for answer in self.answers if answer.missing}
        gone = any(answer.outcome is Outcome.NXDOMAIN for answer in self.answers)
        return gone or denied == {A, AAAA}


class Zone(NamedTuple):
    """A zone and who is in charge of it.

    ``soa`` is None for a zone that nobody answers for: one that is known from its delegation only,
    or, without ``servers``, a name whose zone could not be found. ``left_out`` name servers were
    too many.
    """

    name: Name
    soa: Optional[Any]
    servers: tuple[NameServer, ...]
    left_out: int = 0

    @property
    def built_in(self) -> bool:
        """Whether it is one of the empty zones that resolvers come with (RFC 6303).

        Their contact is ".", with the zone itself for its primary, or nobody.invalid.
        """
        if self.soa is None:
            return False
        mname, rname = self.soa.mname, self.soa.rname
        return bool(rname == NOBODY or (rname == ROOT and mname == self.name))


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
    address: Optional[Address] = None
    answer: Optional[Answer] = None
    soa: Optional[Answer] = None
    unasked: Optional[Unasked] = None

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
        # With an alias older servers leave it out, as of its target they are none.
        zone = self.soa is not None and self.soa.authoritative and bool(self.soa.records)
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
            (server.name, sorted(glue), sorted(answer.addresses))
            for server in self.zone.servers
            for answer in server.answers
            if not answer.failed
            for glue in [self._glue(server.name, answer.question.rdtype)]
            if glue and glue != set(answer.addresses)
        ]

    @property
    def differs(self) -> bool:
        named = bool(self.names) and not self.zone.left_out
        return named and bool(self.further or self.lacking or self.stale_glue)

    def _glue(self, name: Name, rdtype: Any) -> set[Address]:
        records = (r for r in self.answer.authority if (r.owner, r.rdtype) == (name, rdtype))
        return {ipaddress.ip_address(record.rdata.address) for record in records}


class ZoneAnswers(Value):
    """What the authoritative servers of a zone say themselves to one question.

    ``lookups`` are those that the zone was looked for with. ``left_out`` of its servers, or of
    their addresses, were too many to be asked. ``delegation`` is what the parent zone says.
    """

    question: Question
    zone: Zone
    answers: tuple[ServerAnswer, ...]
    lookups: tuple[Answer, ...] = ()
    left_out: int = 0
    delegation: Optional[Delegation] = None

    @property
    def edges(self) -> Iterator[Edge]:
        """The lookups that it took to find the servers, but for those that none was missed by."""
        answers = [answer for server in self.zone.servers for answer in server.answers]
        if not self.contents:
            answers = [*self.lookups, *answers]
        return (Edge("zone", answer) for answer in answers)

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
        groups = [(group[0].content, group) for group in self._groups]
        ranked = sorted(groups, key=lambda item: (item[0] != right, -len(item[1])))
        return {content: group for content, group in ranked if content is not None}

    @property
    def right(self) -> Optional[Content]:
        """What the primary holds (MNAME; RFC 1035, 3.3.13), or else the newest serial.

        None if neither tells: how many servers hold something does not.
        """
        groups = self._groups
        deciding = [g for g in groups if any(a.server == self.primary for a in g)]
        newest = self.newest
        if len(deciding) != 1 and newest is not None:
            deciding = [g for g in groups if any(a.serial == newest for a in g)]
        return deciding[0][0].content if len(deciding) == 1 else None

    @property
    def primary(self) -> Optional[Name]:
        """The name server that the zone is changed on, if its servers agree on that."""
        soas = [a.soa.records[0] for a in self.answers if a.soa is not None and a.soa.records]
        names = {soa.mname for soa in soas or filter(None, [self.zone.soa])}
        return names.pop() if len(names) == 1 else None

    @property
    def newest(self) -> Optional[int]:
        """The serial that no other is newer than, if there is one (RFC 1982, 3.2)."""
        held = [a.serial for group in self._groups for a in group if a.serial is not None]
        return next((s for s in held if all(s == o or is_newer(s, o) for o in held)), None)

    @property
    def _groups(self) -> list[list[ServerAnswer]]:
        """The servers that hold the same; which way they have none of it (RFC 2308) is the same."""
        groups: dict[Content, list[ServerAnswer]] = {}
        for answer in self.answers:
            content = answer.content
            if content is not None and not answer.lame:
                lacking = content._replace(missing=Outcome.NODATA)
                key = lacking if content.missing is not None else content
                groups.setdefault(key, []).append(answer)
        return list(groups.values())


def is_newer(serial: int, other: int) -> bool:
    """Tell whether a serial is newer than another; half the circle away neither is (RFC 1982)."""
    return 0 < (serial - other) % (1 << 32) < 1 << 31
