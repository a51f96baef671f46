"""Cures, from facts: the records that mend a problem, and whose zone they are in.

A cure that is followed to the letter must not do harm: it makes no finding that is as bad as the
one that it mends. So it is made in view of all that a run found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional

from dns.rdatatype import CNAME, MX, PTR, TXT

from reverse_mx.addresses import unusable_as
from reverse_mx.answer import Outcome
from reverse_mx.cure import ADDRESS, NAME, Cure, Greet, ZoneRecord
from reverse_mx.facts import Iprev, MailAddress, MailHost, PtrName, Role, SpfFacts, Subject
from reverse_mx.findings import Problem
from reverse_mx.generic import why_generic
from reverse_mx.names import (
    ARPA,
    ROOT,
    Address,
    Name,
    is_host_name,
    is_nobodys,
    is_related,
    meant_host,
    rdtype_of,
    reverse_name,
)
from reverse_mx.server_cures import (
    dns_timeout,
    inconsistent,
    inconsistent_ns,
    lame_server,
    smtp_failure,
    smtp_silent,
)
from reverse_mx.spf_cures import spf_steps
from reverse_mx.spf_record import SpfError
from reverse_mx.text import MOST_IN_LINE, show_name


class Cures:
    """Makes the cures for the problems of a run, of whose subjects it knows the hosts."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._holders: dict[Address, list[MailHost]] = {}
        self._records: dict[Name, list[MailHost]] = {}
        self._targets: dict[Name, list[ZoneRecord]] = {}
        self._iprevs: dict[Address, Iprev] = {}
        # What is said in EHLO from an address.
        self._said: dict[Address, set[Name]] = {}
        # Domains that say of themselves that they take no mail, beside other MX records.
        self._null: set[Name] = set()
        # Names of hosts that mail leaves from, which no change of an MX record helps.
        self._senders: set[Name] = set()
        subjects = list(subjects)
        for mx in (subject.mx for subject in subjects if subject.mx is not None):
            if any(record.exchange == ROOT and not record.preference for record in mx.records):
                self._null.add(mx.owner)
        for host in (host for subject in subjects for host in subject.hosts):
            if host.target.role in (Role.SENDER, Role.HELO) and host.name is not None:
                self._senders.add(host.name)
            if host.target.role is Role.MX and host.domain is not None:
                self._records.setdefault(host.domain, []).append(host)
                if host.name is not None:
                    self._targets.setdefault(host.name, []).append(_mx_record(host))
            for held in host.all_addresses if host.name is not None else ():
                self._holders.setdefault(held, []).append(host)
            for address in host.addresses:
                self._iprevs[address.address] = address.iprev
                if address.helo is not None:
                    self._said.setdefault(address.address, set()).add(address.helo.names[0])
        self._makers: dict[str, Callable[[Any, Any], list[Cure]]] = {
            "no-such-domain": _no_such_domain,
            "implicit-mx": self._implicit_mx,
            "null-mx": _null_mx,
            "invalid-mx": self._invalid_mx,
            "mx-is-alias": self._mx_is_alias,
            "no-address": self._no_address,
            "unusable-address": self._unusable_address,
            "missing-ptr": self._missing_ptr,
            "unconfirmed-ptr": self._unconfirmed_ptr,
            "invalid-ptr": self._invalid_ptr,
            "mixed-ptr": self._mixed_ptr,
            "name-mismatch": self._name_mismatch,
            "helo-mismatch": self._helo_mismatch,
            "underscore-ptr": self._unwanted_ptr,
            "generic-ptr": self._unwanted_ptr,
            "inconsistent-ptr": inconsistent,
            "inconsistent-mx": inconsistent,
            "inconsistent-address": inconsistent,
            "inconsistent-ns": inconsistent_ns,
            "lame-server": lame_server,
            "spf-error": _spf_error,
            "smtp-silent": smtp_silent,
            "smtp-failure": smtp_failure,
            "banner-mismatch": self._banner_mismatch,
            "dns-timeout": dns_timeout,
        }

    def of(self, problem: Problem) -> list[Cure]:
        """Return the ways to mend a problem, the best first."""
        maker = self._makers.get(problem.finding)
        return maker(problem.fact, problem.about) if maker is not None else []

    # The MX records.

    def _implicit_mx(self, fact: Subject, _: None) -> list[Cure]:
        assert fact.mx is not None
        domain = fact.mx.owner
        if not any(not unusable_as(address.address) for address in fact.addresses):
            return [Cure("fix", ZoneRecord(domain, MX, NAME, 10), domain)]
        record = Cure("fix", ZoneRecord(domain, MX, domain, 10), domain)
        names = [name.name for address in fact.addresses for name in address.iprev.names]
        if domain not in names or len(domain.labels) < 4:
            return [record]
        looks = "it looks like a host and no mail domain; check it with"
        return [
            Cure("fix", f"{looks} --sender {show_name(domain)}", None),
            record._replace(instead=True),
        ]

    def _invalid_mx(self, fact: MailHost, _: None) -> list[Cure]:
        record = _mx_record(fact)
        assert fact.name is not None
        assert fact.domain is not None
        if fact.name == ROOT:
            # Of several that say that there is no mail, one is to be left (RFC 7505, 3).
            first = record == _mx_record(self._records[fact.domain][0])
            first = first and fact.domain not in self._null
            if first and all(host.name == ROOT for host in self._records[fact.domain]):
                return _in_place_of(record, record._replace(preference=0))
            return [Cure("remove", record, record.owner)]
        meant = meant_host(fact.name, fact.domain)
        if meant is None and self._is_superfluous(fact):
            return [Cure("remove", record, record.owner)]
        return _in_place_of(record, record._replace(data=meant or NAME), guess=meant is not None)

    def _mx_is_alias(self, fact: MailHost, _: None) -> list[Cure]:
        addresses = fact.all_addresses
        if not addresses:
            return self._no_address(fact, None)
        alias, real = fact.names[0], fact.names[-1]
        possible = is_host_name(real) and not is_nobodys(real) and real != ROOT
        kept = min([real, alias] if possible else [alias], key=lambda n: self._burden(n, fact))
        if kept == real:
            record = _mx_record(fact)
            cures = _in_place_of(record, record._replace(data=real))
        else:
            own = [ZoneRecord(alias, rdtype_of(a), a) for a in addresses]
            cures = [Cure("fix", r, alias.parent()) for r in own[:MOST_IN_LINE]]
            old = ZoneRecord(alias, CNAME, fact.names[1])
            cures.append(Cure("in place of", old, alias.parent()))
        missing = [i for i in self._lacking(kept, fact) if _is_good(kept, i.address)]
        added = [Cure("add", ZoneRecord(i.owner, PTR, kept), i.owner) for i in missing]
        return [*cures, *added[:MOST_IN_LINE]]

    def _burden(self, name: Name, fact: MailHost) -> tuple[int, int]:
        """Return how many addresses would lose their name for this one: for good, and in all."""
        lacking = self._lacking(name, fact)
        return sum(not _is_good(name, iprev.address) for iprev in lacking), len(lacking)

    def _lacking(self, name: Name, fact: MailHost) -> list[Iprev]:
        """Return the ways of the addresses that have another of the host's names, and not this."""
        iprevs = (self._iprevs[a] for a in fact.all_addresses if a in self._iprevs)
        named = ((iprev, {name.name for name in iprev.names}) for iprev in iprevs)
        return [i for i, names in named if name not in names and not names.isdisjoint(fact.names)]

    def _no_address(self, fact: MailHost, _: None) -> list[Cure]:
        assert fact.name is not None
        rdtypes = [answer.question.rdtype for answer in fact.answers]
        host = [Cure("fix", ZoneRecord(fact.name, rdtypes[0], ADDRESS), fact.name)]
        if fact.aliases:
            # Asked about the alias, the servers would speak of its target's zone.
            alias = Cure(
                "in place of", ZoneRecord(fact.name, CNAME, fact.names[1]), fact.name.parent()
            )
            host = [host[0]._replace(owner=fact.name.parent()), alias]
        if fact.target.role is Role.IMPLICIT_MX:
            assert fact.domain is not None
            return [Cure("fix", ZoneRecord(fact.domain, MX, NAME, 10), fact.domain)]
        exists = all(answer.outcome is Outcome.NODATA for answer in fact.answers)
        # With -4 or -6 it may well have an address of the other family.
        sends = fact.target.role is not Role.MX or fact.name in self._senders
        if sends or (exists and len(rdtypes) == 1):
            return host
        records = self._targeting(fact.name)
        assert fact.domain is not None
        meant = meant_host(fact.name, fact.domain)
        if meant is not None and not exists:
            return [cure for r in records for cure in _in_place_of(r, r._replace(data=meant), True)]
        if self._is_superfluous(fact) and len({record.owner for record in records}) == 1:
            remove = [Cure("correct or remove", record, record.owner) for record in records]
            return [*remove, *_or(host)]
        correct = [Cure("correct", record, record.owner) for record in records]
        return [*host, *_or(correct)]

    def _targeting(self, name: Name) -> list[ZoneRecord]:
        """Return the MX records that have a host for their target, as many as fit."""
        return [*dict.fromkeys(self._targets.get(name, ()))][:MOST_IN_LINE]

    def _is_superfluous(self, fact: MailHost) -> bool:
        """Tell whether the domain has another MX that mail can be brought to."""
        return any(
            not unusable_as(address)
            for host in self._records.get(fact.domain or ROOT, ())
            for address in host.all_addresses
            if host.name != fact.name
        )

    def _unusable_address(self, fact: MailAddress, _: None) -> list[Cure]:
        hosts = {host.names[-1]: host for host in self._holders.get(fact.address, ())}
        cures = []
        for name, host in [*hosts.items()][:MOST_IN_LINE]:
            if is_nobodys(name):
                cures += [Cure("correct", r, r.owner) for r in self._targeting(name)]
                continue
            others = any(not unusable_as(address) for address in host.all_addresses)
            action = "remove" if others else "replace by a public address"
            record = ZoneRecord(name, rdtype_of(fact.address), fact.address)
            cures.append(Cure(action, record, name))
        return cures

    # The PTR records.

    def _best_name(self, fact: MailAddress) -> Optional[Name]:
        """Return the name that an address is best given: the same for all domains that share it."""
        names = (host.names[-1] for host in self._holders.get(fact.address, ()))
        return next((name for name in names if _is_good(name, fact.address)), None)

    def _better(self, fact: MailAddress, action: str = "fix") -> list[Cure]:
        """Return the PTR record that the address should have."""
        owner = fact.iprev.owner
        best = self._best_name(fact)
        record = Cure(action, ZoneRecord(owner, PTR, best or NAME), owner)
        if best is None and fact.canonical is not None:
            return [Cure("first", _rename(fact.canonical), None), record]
        return [record]

    def _missing_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        assert fact.iprev.ptr is not None
        if not is_nobodys(fact.iprev.owner):
            return self._better(fact)
        # It is an alias of what nobody can give a record.
        reverse = reverse_name(fact.address)
        alias = ZoneRecord(reverse, CNAME, fact.iprev.ptr.aliases[0])
        own = ZoneRecord(reverse, PTR, self._best_name(fact) or NAME)
        return [Cure("fix", own, reverse.parent()), Cure("in place of", alias, reverse.parent())]

    def _invalid_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        return [*self._better(fact), *_remove(fact, fact.iprev.names)]

    def _unconfirmed_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        # The forward records that would make the PTR names lead back.
        forward = [
            Cure("fix", ZoneRecord(name.canonical, name.forward.question.rdtype, fact.address), of)
            for name in fact.iprev.names[:MOST_IN_LINE]
            for of in (name.canonical,)
            # A name with another address is another host's, and a generated one its provider's.
            if name.forward is not None
            and name.forward.missing
            and _is_good(name.name, fact.address)
            and _is_good(of, fact.address)
        ]
        mended = [*self._better(fact), *_remove(fact, fact.iprev.names)]
        single = (n.name for n in fact.iprev.names if len(n.name.labels) == 2)
        if not all(map(is_nobodys, single)):
            mended.insert(0, Cure("hint", _ROUTER, None))
        if self._best_name(fact) is None and forward:
            return [*forward, *_or(mended)]
        return [*mended, *(cure._replace(instead=True) for cure in forward)]

    def _mixed_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        said = self._said.get(fact.address, set())
        gone = [n for n in fact.iprev.refuted if n.forward is not None and n.forward.missing]
        kept = [n for n in gone if n.name in said and _is_good(n.canonical)]
        own = [ZoneRecord(n.canonical, rdtype_of(fact.address), fact.address) for n in kept]
        others = [name for name in fact.iprev.refuted if name not in kept]
        return [*(Cure("add", r, r.owner) for r in own), *_remove(fact, others)]

    def _name_mismatch(self, fact: MailAddress, _: None) -> list[Cure]:
        holders = self._holders.get(fact.address, ())
        names = [name.name for name in fact.iprev.names if name.confirms(fact.address)]
        taken = [host for name in names for host in holders if name in host.names]
        if taken:
            # The address is named after another host of the run, whose name it has to keep.
            return self._as_well(fact, taken[0])
        # Another host may well have this address and be named so.
        wanted = self._better(fact, "fix, unless the other name is wanted")
        return [*wanted, *_remove(fact, fact.iprev.names, "in place of")]

    def _fits_without(self, fact: MailAddress, old: Name, new: Sequence[Name]) -> bool:
        """Tell whether each domain that a PTR name fits is left one after a change of them."""
        names = {name.name for name in fact.iprev.names}
        left = (names - {old}) | set(new)
        own: dict[Optional[Name], set[Name]] = {}
        for host in self._holders.get(fact.address, ()):
            own.setdefault(host.domain, set()).update(host.names)
        return not any(names & hosts and not left & hosts for hosts in own.values())

    def _as_well(self, fact: MailAddress, other: MailHost) -> list[Cure]:
        """Return what makes up for a host at an address that is named after another host."""
        own = [host for host in self._holders[fact.address] if host.name == fact.host]
        mx = [_mx_record(host) for host in own if host.target.role is Role.MX]
        alike = {frozenset(host.all_addresses) for host in [*own, other]}
        if mx and other.name is not None and not other.aliases and len(alike) == 1:
            return [c for r in mx for c in _in_place_of(r, r._replace(data=other.name))]
        if fact.canonical is not None and _is_good(fact.canonical, fact.address):
            owner = fact.iprev.owner
            return [Cure("add", ZoneRecord(owner, PTR, fact.canonical), owner)]
        return [Cure("fix", _rename(fact.canonical or other.names[0]), None)]

    def _helo_mismatch(self, fact: MailAddress, _: None) -> list[Cure]:
        assert fact.helo is not None
        assert fact.helo.name is not None
        said, name, owner = fact.helo.name, fact.helo.names[-1], fact.iprev.owner
        hosts = [host for host in self._holders.get(fact.address, ()) if not host.is_helo]
        others = [*dict.fromkeys(host.names[-1] for host in hosts if said not in host.names)]
        cures = []
        gone = all(answer.missing for answer in fact.helo.answers)
        leads_back = fact.helo_leads_back and not gone
        if not leads_back and _is_good(name, fact.address):
            cures.append(Cure("add", ZoneRecord(name, rdtype_of(fact.address), fact.address), name))
        if not fact.helo_is_ptr and _is_good(said, fact.address) and (leads_back or cures):
            cures.append(Cure("fix", ZoneRecord(owner, PTR, said), owner))
            # Mail hosts at the address keep a name of their own.
            cures += [Cure("add", ZoneRecord(owner, PTR, n), owner) for n in others[:MOST_IN_LINE]]
            cures += _remove(fact, fact.iprev.names, "in place of")
        sound = [other.name for other in fact.iprev.names if other.confirms(fact.address)]
        # It is to be the name of the host itself (RFC 5321, 2.3.5).
        alias = name != said and _is_good(name, fact.address)
        sound = sound or [name] * alias
        # Postfix: smtp_helo_name; Exim: helo_data of the transport.
        say = [Cure("fix", f"have the host say {show_name(n)} in EHLO", owner) for n in sound[:1]]
        nameless = [n for n in others if not _is_good(n, fact.address)]
        if nameless and not say:
            return [Cure("fix", _rename(nameless[0]), owner)]
        taken = any(n in host.names for n in sound for host in hosts)
        first = taken or nameless or alias
        return [*say, *_or(cures)] if first else [*cures, *_or(say)]

    def _unwanted_ptr(self, fact: MailAddress, name: PtrName) -> list[Cure]:
        good = [
            other.name
            for other in fact.iprev.names
            if other.confirms(fact.address) and _is_good(other.name, fact.address)
        ]
        if good and self._fits_without(fact, name.name, ()):
            return _remove(fact, [name])
        best = self._best_name(fact)
        lost = best is not None and not self._fits_without(fact, name.name, (best,))
        if lost or best in good or (best is None and fact.canonical is not None):
            return [Cure("fix", _rename(name.name), fact.iprev.owner)]
        return [*self._better(fact), *_remove(fact, [name], "in place of")]

    def _banner_mismatch(self, fact: MailAddress, _: None) -> list[Cure]:
        assert fact.greeting is not None
        holders = self._holders.get(fact.address, ())
        if not any(host.name and is_related(host.name, host.domain) for host in holders):
            return []  # a provider's server is named as the provider likes
        # A name that does not lead back has its own finding, and one no better is none to take.
        sound = [
            name.name
            for name in fact.iprev.names
            if name.confirms(fact.address) and not why_generic(name.name, fact.address)
        ]
        meant = [name for name in sound if name in fact.expected]
        named_so = [name for name in fact.greeting.names if name in fact.expected]
        if sound and named_so and not meant and fact.canonical in named_so:
            return self._name_mismatch(fact, None)
        return [Cure("fix", Greet(name), None) for name in (meant or sound)[:1]]


_ROUTER = "a router's resolver, or a split view, gives such names: -s asks another"


def _rename(name: Name) -> str:
    how = "without an underscore" if b"_" in b"".join(name.labels) else "after its task"
    return f"name the host {how} in its MX, address and PTR records"


def _is_good(name: Name, address: Optional[Address] = None) -> bool:
    """Tell whether a name is one that a mail host may well have."""
    return (
        len(name.labels) > 2
        and is_host_name(name)
        and not any(b"_" in label for label in name.labels)
        and not name.is_subdomain(ARPA)
        and not is_nobodys(name)
        and not (address is not None and why_generic(name, address))
    )


def _or(cures: Sequence[Cure]) -> list[Cure]:
    """Return cures as another way than those before them."""
    return [cure._replace(instead=number == 0) for number, cure in enumerate(cures)]


def _in_place_of(old: ZoneRecord, new: ZoneRecord, guess: bool = False) -> list[Cure]:
    return [Cure("fix", new, new.owner, guess=guess), Cure("in place of", old, old.owner)]


def _no_such_domain(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    return [
        Cure("fix", "the name, if it is misspelt", None),
        Cure("add", ZoneRecord(domain, MX, NAME, 10), domain, instead=True),
    ]


def _null_mx(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    (record,) = fact.mx.records
    return [
        Cure("fix, if it is to take mail", ZoneRecord(domain, MX, NAME, 10), domain),
        Cure("in place of", ZoneRecord(domain, MX, ROOT, record.preference), domain),
    ]


def _mx_record(fact: MailHost) -> ZoneRecord:
    assert fact.domain is not None
    assert fact.name is not None
    return ZoneRecord(fact.domain, MX, fact.name, fact.target.preference)


def _remove(fact: MailAddress, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
    owner = fact.iprev.owner
    cures = [
        Cure(action, ZoneRecord(owner, PTR, name.name), owner) for name in names[:MOST_IN_LINE]
    ]
    if len(names) > MOST_IN_LINE:
        more = len(names) - MOST_IN_LINE
        cures.append(Cure(action, f"{more} more PTR records of {show_name(owner)}", owner))
    return cures


def _spf_error(fact: SpfFacts, error: SpfError) -> list[Cure]:
    return [
        Cure(step.action, ZoneRecord(step.owner, TXT, step.text) if step.text else step, step.owner)
        for step in spf_steps(fact, error)
    ]
