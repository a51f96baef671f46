"""Cures, from facts: the records that mend a problem, and whose zone they are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Union

from dns.rdatatype import AAAA, MX, NS, PTR, A, RdataType

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
from reverse_mx.names import ARPA, ROOT, Address, Name, address_in_letters, spells_address
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


class Cure(NamedTuple):
    """A change that mends a problem: what to do with what, and whose zone that is in.

    ``what`` is the record ready to paste, or what to do where none can be.
    """

    action: str
    what: Union[Record, Reload, str]
    owner: Name


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
    rdtype = A if fact.address.version == 4 else AAAA
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


def _absolute(name: Name) -> str:
    return show_name(name) if name == ROOT else f"{show_name(name)}."


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
    "underscore-ptr": _underscore_ptr,
    "generic-ptr": _generic_ptr,
    "inconsistent-ptr": _inconsistent,
    "inconsistent-mx": _inconsistent,
    "lame-server": _lame_server,
    "spf-error": _spf_error,
}
