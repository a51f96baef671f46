"""What was learnt of a domain, a mail host and an address, without a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

import dns.exception
import dns.name

from reverse_mx.answer import Answer, Outcome, Question, unique
from reverse_mx.lookups import MOST_TRIES_OF_AUTHORITY
from reverse_mx.names import IN_ADDR, IP6, ROOT, Address, Name, reverse_name
from reverse_mx.text import printable, show_name, show_record


@dataclass(frozen=True, eq=False)
class PtrName:
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


@dataclass(frozen=True, eq=False)
class WayBack:
    """The way from an address over its PTR names back to it, whoever's address it is.

    ``ptr`` is None for an address at which no mail can arrive. ``left_out`` PTR names were not
    followed. ``authorities`` are what the servers of the zones say themselves, if they were asked:
    of the reverse name, and of each name that it is an alias of.
    """

    address: Address
    ptr: Optional[Answer]
    names: tuple[PtrName, ...] = ()
    left_out: int = 0
    authorities: tuple[Authority, ...] = ()

    @property
    def owner(self) -> Name:
        """The owner of its PTR records: its reverse name, or that one's alias (RFC 2317)."""
        return (reverse_name(self.address), *(self.ptr.aliases if self.ptr else ()))[-1]

    @property
    def lookups(self) -> Iterator[Answer]:
        if self.ptr is not None:
            yield self.ptr
        yield from (name.forward for name in self.names if name.forward is not None)

    @property
    def missing(self) -> bool:
        return self.ptr is not None and self.ptr.outcome in (Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def invalid(self) -> bool:
        return bool(self.names) and all(name.forward is None for name in self.names)

    @property
    def confirmed(self) -> bool:
        return any(name.confirms(self.address) for name in self.names)

    @property
    def refuted(self) -> tuple[PtrName, ...]:
        return tuple(name for name in self.names if name.refuted(self.address))

    @property
    def unconfirmed(self) -> bool:
        """Whether every name was followed to its end and none leads back."""
        return bool(self.names) and not self.invalid and len(self.refuted) == len(self.names)


@dataclass(frozen=True, eq=False)
class MailAddress:
    """An address as that of a mail host, ``host``, the first that has it.

    ``host`` is None for a bare address; ``canonical`` is the name behind its aliases. ``expected``
    are the names that the address may well have: its mail hosts', with their canonical names.
    """

    way: WayBack
    host: Optional[Name]
    canonical: Optional[Name]
    expected: tuple[Name, ...]

    @property
    def mismatched(self) -> bool:
        names = {name.name for name in self.way.names}
        return self.way.confirmed and bool(self.expected) and names.isdisjoint(self.expected)


class Target(NamedTuple):
    """Where mail goes to or comes from, before its addresses are known.

    ``role`` is how the chain calls it. ``name`` is None where only addresses are ``given``.
    ``preference`` is that of an MX record, None for everything else.
    """

    role: str
    name: Optional[Name]
    preference: Optional[int] = None
    given: tuple[Address, ...] = ()


@dataclass(frozen=True, eq=False)
class MailHost:
    """A host that mail goes to or comes from; ``domain`` is the owner of the MX records, if any.

    ``lookups`` are those of its addresses, none for a target that is no name. ``shared`` are
    addresses that an earlier mail host has too.
    """

    domain: Optional[Name]
    target: Target
    lookups: tuple[Answer, ...]
    addresses: tuple[MailAddress, ...] = ()
    shared: tuple[Address, ...] = ()

    @property
    def name(self) -> Optional[Name]:
        return self.target.name

    @property
    def aliases(self) -> tuple[Name, ...]:
        return max((answer.aliases for answer in self.lookups), key=len, default=())

    @property
    def names(self) -> tuple[Name, ...]:
        """Its name and what that is an alias of, the canonical name last."""
        return () if self.name is None else (self.name, *self.aliases)

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        looked_up = (address for answer in self.lookups for address in answer.addresses)
        return (*self.target.given, *looked_up)


@dataclass(frozen=True, eq=False)
class Greeting:
    """How the SMTP server at an address greeted (RFC 5321, 3.1).

    ``text`` is the reply line, safe to print, "" if none came. ``failure`` says why there is no
    whole greeting. ``seconds`` count from the start of the connection, None if it was not tried in
    time. ``names`` are the PTR names of the address.
    """

    address: Address
    host: Name
    names: tuple[Name, ...]
    connected: bool
    text: str
    failure: str
    seconds: Optional[float]

    @property
    def silent(self) -> bool:
        """Whether the connection was established and then nothing came."""
        return self.connected and not self.text

    @property
    def banner(self) -> Optional[Name]:
        """The host name in the greeting, if there is one."""
        match = re.match(r"220[ -]([A-Za-z0-9._-]+)", self.text)
        try:
            return dns.name.from_text(match[1]) if match else None
        except dns.exception.DNSException:
            return None


@dataclass(frozen=True, eq=False)
class Subject:
    """A mail domain or a sender, and all that hangs from it.

    ``of`` is a domain with its ``mx`` lookup, or the name or address of a sender without.
    ``left_out_*`` were too many to follow, ``ignored_*`` are those that the user wants ignored.
    ``authority`` is what the domain's own servers say of its MX, and ``spf`` what its SPF record
    allows, if that was asked.
    """

    of: Union[Name, Address]
    mx: Optional[Answer] = None
    hosts: tuple[MailHost, ...] = ()
    left_out_hosts: int = 0
    left_out_addresses: int = 0
    ignored_hosts: int = 0
    ignored_addresses: int = 0
    authority: Optional[Authority] = None
    spf: Optional[SpfFacts] = None

    @property
    def mail_hosts(self) -> tuple[MailHost, ...]:
        """The hosts that have a name, or are the bare address that was asked about."""
        return tuple(host for host in self.hosts if host.name is not None or self.mx is None)

    @property
    def null_mx(self) -> bool:
        """Whether its only MX is "." (RFC 7505, 3)."""
        records = self.mx.records if self.mx is not None else ()
        return [record.exchange for record in records] == [ROOT]

    @property
    def addresses(self) -> tuple[MailAddress, ...]:
        return tuple(address for host in self.hosts for address in host.addresses)

    @property
    def lookups(self) -> tuple[Answer, ...]:
        """Every lookup in the order of the chain, each once."""
        lookups = [self.mx] if self.mx is not None else []
        for host in self.hosts:
            lookups += host.lookups
            for address in host.addresses:
                lookups += address.way.lookups
        return unique([*lookups, *(self.spf.lookups if self.spf is not None else ())])


class NameServer(NamedTuple):
    """A name server that a zone lists, with its addresses, none if it cannot be found."""

    name: Name
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Zone:
    """A zone and who is in charge of it.

    ``soa`` is None for a zone that is known from its delegation only, as nobody answers for it.
    """

    name: Name
    soa: Optional[Any]
    servers: tuple[NameServer, ...]

    @property
    def contact(self) -> str:
        """The mail address of the zone's contact, "" if it has none (RFC 1035, 3.3.13, 8)."""
        if self.soa is None or len(self.soa.rname.labels) < 3:
            return ""
        local, *domain = self.soa.rname.labels
        text = printable(local.decode("ascii", "replace"))
        return f"{text}@{show_name(Name(domain))}"

    @property
    def classless(self) -> bool:
        """Whether it is a part of a /24 (RFC 2317), whose first label is no octet."""
        return self.name.is_subdomain(IN_ADDR) and not self.name.labels[0].isdigit()

    @property
    def providers(self) -> bool:
        """Whether it is the reverse zone of more than a /24 or a /48, so a provider's."""
        labels = len(self.name.labels) - len(IN_ADDR.labels)
        return (self.name.is_subdomain(IN_ADDR) and labels < 3) or (
            self.name.is_subdomain(IP6) and labels < 12
        )


@dataclass(frozen=True, eq=False)
class Testimony:
    """What one address of an authoritative server says to a question, and its zone's serial.

    ``address`` and ``answer`` are None for a server whose name has no address.
    """

    server: Name
    address: Optional[Address]
    answer: Optional[Answer]
    serial: Optional[int]

    @property
    def lame(self) -> str:
        """Why the server is lame (RFC 8499, 7), "" if it is not or could not be asked."""
        if self.answer is None:
            return "has no address"
        if self.answer.outcome is Outcome.TIMEOUT:
            return "" if self.late else "does not answer"
        if self.answer.outcome is Outcome.UNREACHABLE:
            # No way to an address is the machine's own lack, mostly of IPv6; a closed port is not.
            refused = "refused" in self.answer.reason
            return f"does not answer ({self.answer.reason})" if refused else ""
        if self.answer.outcome is Outcome.FAILURE:
            return f"answers {self.answer.reason}"
        if self.answer.outcome is Outcome.REFERRAL or not self.answer.authoritative:
            return "is not authoritative"
        return ""

    @property
    def late(self) -> bool:
        """Whether the time was up before it was certain that the server does not answer."""
        return (
            self.answer is not None
            and self.answer.outcome is Outcome.TIMEOUT
            and self.answer.tries < MOST_TRIES_OF_AUTHORITY
        )

    @property
    def content(self) -> tuple[str, ...]:
        """What it holds, comparable; nothing if it did not say."""
        return content_of(self.answer) if self.answer is not None else ()


def content_of(answer: Answer) -> tuple[str, ...]:
    """Return the alias, or the records in order, or why there is none; nothing after a failure."""
    if answer.failed:
        return ()
    if answer.aliases:
        return (f"CNAME {show_name(answer.aliases[0])}",)
    kind = answer.question.rdtype.name
    if not answer.records:
        return (f"no {kind} ({answer.outcome.value})",)
    return tuple(sorted(f"{kind} {show_record(record)}" for record in answer.records))


@dataclass(frozen=True, eq=False)
class Authority:
    """What the authoritative servers of a zone say themselves to one question."""

    question: Question
    zone: Zone
    testimonies: tuple[Testimony, ...]

    @property
    def all_lame(self) -> bool:
        return bool(self.testimonies) and all(t.lame for t in self.testimonies)

    @property
    def alias(self) -> Optional[Name]:
        """What the name is an alias of, if its servers agree on that and know no more."""
        if len(self.contents) != 1:
            return None
        (answer, *_) = (t.answer for t in self.testimonies if t.content and not t.lame)
        assert answer is not None
        return answer.aliases[-1] if answer.aliases and not answer.records else None

    @property
    def contents(self) -> dict[tuple[str, ...], list[Testimony]]:
        """The servers by what they hold, that of most of them, or of the highest serial, first."""
        contents: dict[tuple[str, ...], list[Testimony]] = {}
        for testimony in self.testimonies:
            if testimony.content and not testimony.lame:
                contents.setdefault(testimony.content, []).append(testimony)

        def rank(item: tuple[object, list[Testimony]]) -> tuple[int, int]:
            return -len(item[1]), -max(testimony.serial or 0 for testimony in item[1])

        return dict(sorted(contents.items(), key=rank))


@dataclass(frozen=True, eq=False)
class SpfFacts:
    """What a domain's SPF record allows to send, as far as a finite list can say.

    ``addresses`` come in ascending order, each with the first term that gives it; ``large`` are
    networks of more than 16 addresses, ``left_out`` terms that depend on the sender (macros,
    "exists", "ptr") or have no effect. All texts are safe to print, and ``errors`` go on after "SPF
    of DOMAIN". To a receiver one error is the end of the whole record ("permerror", RFC 7208,
    2.6.7); the addresses are those of the terms that are fine nevertheless. ``further`` addresses
    and networks of an overlong record were not kept. A lookup that failed is no error, but is in
    ``lookups``, which are all that were made, in the record's order.
    """

    domain: Name
    lookups: tuple[Answer, ...]
    addresses: tuple[tuple[Address, str], ...] = ()
    large: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    further: int = 0
