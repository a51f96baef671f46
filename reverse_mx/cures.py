"""Cures, from facts: the records that mend a problem, and whose zone they are in."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import MX, NS, PTR, RdataType

from reverse_mx.answer import Outcome
from reverse_mx.facts import (
    MailAddress,
    MailHost,
    PtrName,
    Role,
    ServerAnswer,
    SpfFacts,
    Subject,
    ZoneAnswers,
)
from reverse_mx.findings import Problem
from reverse_mx.names import (
    ARPA,
    ROOT,
    Address,
    Name,
    address_in_letters,
    rdtype_of,
    spells_address,
)
from reverse_mx.smtp_reply import Ending
from reverse_mx.text import MOST_IN_LINE, show_name


class Record(NamedTuple):
    """A resource record, to be pasted into a zone file; ``data`` in text is a place to fill in."""

    owner: Name
    rdtype: RdataType
    data: Union[Name, Address, str]
    preference: int = 0

    def __str__(self) -> str:
        data = _absolute(self.data) if isinstance(self.data, Name) else str(self.data)
        preference = f"{self.preference} " if self.rdtype == MX else ""
        return f"{_absolute(self.owner)} {self.rdtype.name} {preference}{data}"


class Reload(NamedTuple):
    """A zone that some of its name servers have an old version of."""

    zone: Name
    servers: tuple[Name, ...]


class Greet(NamedTuple):
    """The name that an SMTP server is to greet with."""

    name: Name


class Hint(enum.Enum):
    """What helps with an SMTP server, or may: no record does."""

    PAUSE = enum.auto()
    TLS = enum.auto()
    LISTEN = enum.auto()
    WAY = enum.auto()
    CLOSES = enum.auto()
    REFUSES = enum.auto()
    REFUSES_FOR_NOW = enum.auto()
    REWRITTEN = enum.auto()
    NO_SMTP = enum.auto()
    NO_IPV6 = enum.auto()


class Cure(NamedTuple):
    """A change that mends a problem: what to do with what, and in whose zone that is.

    ``what`` is the record ready to paste, or what to do where none can be. ``owner`` is None for
    what is in no zone.
    """

    action: str
    what: Union[Record, Reload, Greet, Hint, str]
    owner: Optional[Name]


def cures(problem: Problem) -> list[Cure]:
    """Return the ways to mend a problem, the best first."""
    known = _CURES.get(problem.finding)
    return known(problem.fact, problem.about) if known is not None else []


def _no_such_domain(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    what = f"the name, if it is misspelt, or have {show_name(domain)} registered"
    return [Cure("fix", what, domain)]


def _implicit_mx(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    return [Cure("fix", Record(domain, MX, domain, 10), domain)] if fact.addresses else []


def _null_mx(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    return [Cure("remove, if it is to take mail", Record(domain, MX, ROOT, 0), domain)]


def _mx_record(fact: MailHost) -> Record:
    assert fact.domain is not None
    assert fact.name is not None
    return Record(fact.domain, MX, fact.name, fact.target.preference)


def _invalid_mx(fact: MailHost, _: None) -> list[Cure]:
    record = _mx_record(fact)
    cures = [Cure("remove", record, record.owner)]
    address = address_in_letters(fact.names[0])
    if address:
        what = f"an MX with the name of the host that has {address}"
        cures.append(Cure("add", what, record.owner))
    return cures


def _mx_is_alias(fact: MailHost, _: None) -> list[Cure]:
    record = _mx_record(fact)._replace(data=fact.names[-1])
    return [Cure("fix", record, record.owner)] if fact.all_addresses else []


def _no_address(fact: MailHost, _: None) -> list[Cure]:
    owner = fact.names[-1]
    rdtypes = [answer.question.rdtype for answer in fact.answers]
    address = Record(owner, rdtypes[0], "ADDRESS-OF-THE-HOST")
    exists = all(answer.outcome is Outcome.NODATA for answer in fact.answers)
    # With -4 or -6 it may well have an address of the other family.
    if fact.target.role is not Role.MX or (exists and len(rdtypes) == 1):
        return [Cure("fix", address, owner)]
    record = _mx_record(fact)
    return [Cure("correct or remove", record, record.owner), Cure("or fix", address, owner)]


def _unusable_address(fact: MailAddress, _: None) -> list[Cure]:
    rdtype = rdtype_of(fact.address)
    return [
        Cure("replace by a public address", Record(name, rdtype, fact.address), name)
        for name in (fact.canonical,)
        # Nobody can edit "localhost".
        if name is not None and len(name.labels) > 2
    ]


def _better(fact: MailAddress, action: str = "fix") -> Cure:
    """Return the PTR record that the address should have."""
    owner = fact.iprev.owner
    return Cure(action, Record(owner, PTR, fact.canonical or "NAME-OF-THE-HOST."), owner)


def _remove(fact: MailAddress, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
    owner = fact.iprev.owner
    return [Cure(action, Record(owner, PTR, name.name), owner) for name in names[:MOST_IN_LINE]]


def _missing_ptr(fact: MailAddress, _: None) -> list[Cure]:
    return [_better(fact)]


def _invalid_ptr(fact: MailAddress, _: None) -> list[Cure]:
    return [_better(fact), *_remove(fact, fact.iprev.names)]


def _unconfirmed_ptr(fact: MailAddress, _: None) -> list[Cure]:
    # The forward records that would make the PTR names lead back.
    forward = [
        Cure(
            "or fix",
            Record(name.canonical, name.forward.question.rdtype, fact.address),
            name.canonical,
        )
        for name in fact.iprev.names[:MOST_IN_LINE]
        # Nobody can add an address to "localhost", or wants one in a reverse zone.
        if name.forward is not None
        and len(name.canonical.labels) > 2
        and not name.canonical.is_subdomain(ARPA)
    ]
    return [_better(fact), *_remove(fact, fact.iprev.names), *forward]


def _mixed_ptr(fact: MailAddress, _: None) -> list[Cure]:
    return _remove(fact, fact.iprev.refuted)


def _name_mismatch(fact: MailAddress, _: None) -> list[Cure]:
    # Another host may well have this address and be named so.
    wanted = _better(fact, "fix, unless the other name is wanted")
    return [wanted, *_remove(fact, fact.iprev.names, "in place of")]


def _helo_mismatch(fact: MailAddress, _: None) -> list[Cure]:
    assert fact.helo is not None
    assert fact.helo.name is not None
    cures = []
    if not fact.helo_leads_back:
        name = fact.helo.names[-1]
        cures.append(Cure("add", Record(name, rdtype_of(fact.address), fact.address), name))
    if not fact.helo_is_ptr:
        cures += [_better(fact), *_remove(fact, fact.iprev.names, "in place of")]
    sound = [name.name for name in fact.iprev.names if name.confirms(fact.address)]
    # Postfix: smtp_helo_name; Exim: helo_data of the transport.
    what = [f"have the host say {show_name(name)} in EHLO" for name in sound[:1]]
    return [*cures, *(Cure("or fix", said, fact.iprev.owner) for said in what)]


def _underscore_ptr(fact: MailAddress, _: PtrName) -> list[Cure]:
    what = "name the host without an underscore in its MX, address and PTR records"
    better = _better(fact)
    return [Cure("fix", what, fact.iprev.owner) if "_" in str(better.what) else better]


def _generic_ptr(fact: MailAddress, _: PtrName) -> list[Cure]:
    what = "name the host after its task in its MX, address and PTR records"
    same = fact.canonical is None or spells_address(fact.canonical, fact.address)
    return [Cure("fix", what, fact.iprev.owner) if same else _better(fact)]


def _spf_error(fact: SpfFacts, _: object) -> list[Cure]:
    return [Cure("fix", f"the TXT record of {show_name(fact.domain)}", fact.domain)]


def _lame_server(fact: ZoneAnswers, answer: ServerAnswer) -> list[Cure]:
    # Not all of them are to be removed, and it may be this host that cannot reach them.
    action = "have it mended" + ("" if fact.all_lame else ", or remove")
    return [Cure(action, Record(fact.zone.name, NS, answer.server), fact.zone.name)]


def _inconsistent(fact: ZoneAnswers, _: None) -> list[Cure]:
    zone = fact.zone.name
    others = [answer.server for group in [*fact.contents.values()][1:] for answer in group]
    return [Cure("fix", Reload(zone, tuple(dict.fromkeys(others))), zone)]


def _smtp_silent(fact: MailAddress, _: None) -> list[Cure]:
    assert fact.greeting is not None
    waited = fact.greeting.ending is Ending.SILENCE
    return _hints(*((Hint.PAUSE, Hint.TLS) if waited else (Hint.CLOSES,)))


def _smtp_failure(fact: MailAddress, _: None) -> list[Cure]:
    greeting = fact.greeting
    assert greeting is not None
    if greeting.refusal:
        return _hints(Hint.REFUSES if greeting.refusal >= 500 else Hint.REFUSES_FOR_NOW)
    if not greeting.connected:
        refused = greeting.error == errno.ECONNREFUSED
        return _hints(Hint.LISTEN if refused else Hint.WAY)
    if greeting.garbled and greeting.lines:
        return _hints(Hint.REWRITTEN)
    if greeting.lines and greeting.ending is Ending.SILENCE:
        return _hints(Hint.PAUSE)
    return _hints(Hint.CLOSES if greeting.ending is Ending.ERROR else Hint.NO_SMTP)


def _hints(*hints: Hint) -> list[Cure]:
    return [Cure("fix" if hint in _CERTAIN else "hint", hint, None) for hint in hints]


def _banner_mismatch(fact: MailAddress, _: None) -> list[Cure]:
    assert fact.greeting is not None
    # A name that does not lead back has its own finding, and one that is no better is none to take.
    sound = [
        name.name
        for name in fact.iprev.names
        if name.confirms(fact.address) and not spells_address(name.name, fact.address)
    ]
    meant = [name for name in sound if name in fact.expected]
    named_so = [name for name in fact.greeting.names if name in fact.expected]
    if sound and named_so and not meant and fact.canonical in named_so:
        return _name_mismatch(fact, None)
    return [Cure("fix", Greet(name), None) for name in (meant or sound)[:1]]


def _dns_timeout(fact: object, about: object) -> list[Cure]:
    if about is not None:
        return []
    assert isinstance(fact, MailAddress)
    assert fact.greeting is not None
    no_way = fact.greeting.ending is Ending.NO_WAY
    return _hints(Hint.NO_IPV6) if no_way and fact.address.version == 6 else []


def _absolute(name: Name) -> str:
    return show_name(name) if name == ROOT else f"{show_name(name)}."


_CERTAIN = (Hint.LISTEN, Hint.REFUSES, Hint.REFUSES_FOR_NOW, Hint.REWRITTEN)
_CURES: dict[str, Callable[[Any, Any], list[Cure]]] = {
    "no-such-domain": _no_such_domain,
    "implicit-mx": _implicit_mx,
    "null-mx": _null_mx,
    "invalid-mx": _invalid_mx,
    "mx-is-alias": _mx_is_alias,
    "no-address": _no_address,
    "unusable-address": _unusable_address,
    "missing-ptr": _missing_ptr,
    "unconfirmed-ptr": _unconfirmed_ptr,
    "invalid-ptr": _invalid_ptr,
    "mixed-ptr": _mixed_ptr,
    "name-mismatch": _name_mismatch,
    "helo-mismatch": _helo_mismatch,
    "underscore-ptr": _underscore_ptr,
    "generic-ptr": _generic_ptr,
    "inconsistent-ptr": _inconsistent,
    "inconsistent-mx": _inconsistent,
    "lame-server": _lame_server,
    "spf-error": _spf_error,
    "smtp-silent": _smtp_silent,
    "smtp-failure": _smtp_failure,
    "banner-mismatch": _banner_mismatch,
    "dns-timeout": _dns_timeout,
}
