"""What was learnt of a domain, a mail host and an address: frozen values, no prose, no verdict."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import MX, TXT

from reverse_mx.addresses import behind_translation
from reverse_mx.answer import Answer, Edge
from reverse_mx.names import ROOT, Address, Name, is_related, rdtype_of, reverse_name
from reverse_mx.smtp_reply import Greeting
from reverse_mx.spf_record import SpfError, SpfLarge, SpfLeftOut, SpfSource
from reverse_mx.values import Value
from reverse_mx.zone_facts import ZoneAnswers


class PtrName(Value):
    """A name that an address has, and what it resolves to in the family of the address.

    ``forward`` is None for what is no host name: receivers throw it away, so it is not asked for.
    """

    name: Name
    forward: Optional[Answer]

    @property
    def canonical(self) -> Name:
        assert self.forward is not None
        return (self.name, *self.forward.aliases)[-1]

    def confirms(self, address: Address) -> bool:
        return self.forward is not None and address in self.forward.addresses

    def refuted(self, address: Address) -> bool:
        """Whether it is certain that the name does not hold."""
        return self.forward is None or not (self.forward.unknown or self.confirms(address))


class Iprev(Value):
    """The way from an address over its PTR names back to it (RFC 8601, 2.7.3), whoever's it is.

    ``ptr`` is None for an address at which no mail can arrive. ``left_out`` PTR names were not
    followed. ``zone_answers`` are what the servers of the zones say themselves, if they were asked:
    of the reverse name, and of each name that it is an alias of.
    """

    address: Address
    ptr: Optional[Answer]
    names: tuple[PtrName, ...]
    left_out: int
    zone_answers: tuple[ZoneAnswers, ...]

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
    greeting: Optional[Greeting]
    helo: Optional[MailHost]

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
        return self.helo_may_lead_back

    @property
    def helo_may_lead_back(self) -> bool:
        """Whether the name in EHLO resolves to the address, for all that is known of its family.

        What receivers see of a translated one is the IPv4 address behind it (RFC 6052).
        """
        assert self.helo is not None
        seen = behind_translation(self.address)
        family = [a for a in self.helo.answers if a.question.rdtype == rdtype_of(seen)]
        leads = {self.address, seen}.intersection(self.helo.all_addresses)
        return bool(leads) or not family or any(a.unknown for a in family)

    @property
    def helo_was_asked(self) -> bool:
        """Whether the name in EHLO was looked up in the family of the address."""
        assert self.helo is not None
        return rdtype_of(self.address) in {a.question.rdtype for a in self.helo.answers}

    @property
    def helo_is_free(self) -> bool:
        """Whether the name in EHLO is no other host's either, as it leads nowhere."""
        assert self.helo is not None
        return self.helo_was_asked and all(answer.missing for answer in self.helo.answers)

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
    addresses: tuple[MailAddress, ...]
    shared: tuple[Address, ...]
    zone_answers: tuple[ZoneAnswers, ...]

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


def is_null_mx(mx: Answer) -> bool:
    """Tell whether the only MX of a domain is "." (RFC 7505, 3)."""
    return [record.exchange for record in mx.records] == [ROOT]


def is_own(host: Name, of: Union[Name, Address], mx: Optional[Answer]) -> bool:
    """Tell whether a host of a subject is the user's own: a sender's any, a domain's by its name.

    Then it is the domain itself, below it or above it.
    """
    return mx is None or is_related(host, of)


class Subject(Value):
    """A mail domain or a sender, and all that hangs from it.

    ``of`` is a domain with its ``mx`` lookup, or the name or address of a sender without.
    ``left_out_*`` were too many to follow, of lookups at least so many; ``ignored_*`` are those
    that the user wants ignored.
    ``zone_answers`` is what the domain's own servers say of its MX, and ``spf`` what its SPF record
    allows, if that was asked.
    """

    of: Union[Name, Address]
    mx: Optional[Answer]
    hosts: tuple[MailHost, ...]
    left_out_hosts: int
    left_out_addresses: int
    left_out_lookups: int
    ignored_hosts: int
    ignored_addresses: int
    zone_answers: Optional[ZoneAnswers]
    spf: Optional[SpfFacts]

    @property
    def mail_hosts(self) -> tuple[MailHost, ...]:
        """The hosts that have a name, or are the bare address that was asked about.

        Several MX records may have one host for their target.
        """
        named = (host for host in self.hosts if host.name is not None or self.mx is None)
        hosts = (host for host in named if not host.is_helo)
        return tuple({host.name: host for host in hosts}.values())

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
    addresses: tuple[tuple[Address, SpfSource], ...]
    large: tuple[SpfLarge, ...]
    left_out: tuple[SpfLeftOut, ...]
    errors: tuple[SpfError, ...]
    further: int
    costs: tuple[tuple[SpfSource, int], ...]

    @property
    def edges(self) -> Iterator[Edge]:
        stages = {TXT: "spf", MX: "mx"}
        return (Edge(stages.get(a.question.rdtype, "address"), a) for a in self.answers)
