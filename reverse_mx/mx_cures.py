"""What mends MX records and the address records of mail hosts, in view of all that a run found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Optional

from dns.rdatatype import CNAME, MX, PTR

from reverse_mx.addresses import has_reverse, unusable_as
from reverse_mx.answer import Outcome
from reverse_mx.cure import ADDRESS, NAME, Cure, Maker, ZoneRecord, in_place_of, in_short, instead
from reverse_mx.facts import Iprev, MailAddress, MailHost, Role, Subject
from reverse_mx.generic import why_generic
from reverse_mx.names import (
    ARPA,
    ROOT,
    Address,
    Name,
    is_host_name,
    is_nobodys,
    meant_host,
    rdtype_of,
)
from reverse_mx.spf_cures import SpfAdvice, SpfStep
from reverse_mx.spf_record import SpfSource, read_spf_record
from reverse_mx.text import show_name


class MxCures:
    """Makes the cures for what is wrong with MX records and their targets."""

    def __init__(
        self, subjects: Sequence[Subject], holders: Mapping[Address, Sequence[MailHost]]
    ) -> None:
        """``holders`` are the hosts that have each address."""
        self._holders = holders
        self._records: dict[Name, list[MailHost]] = {}
        self._targets: dict[Name, list[ZoneRecord]] = {}
        self._iprevs: dict[Address, Iprev] = {}
        # The terms of which domains' SPF records allow an address.
        self._allowed: dict[Address, dict[tuple[Name, SpfSource], None]] = {}
        # Domains that say of themselves that they take no mail, beside other MX records.
        self._null: set[Name] = set()
        # Names of hosts that mail leaves from, which no change of an MX record helps.
        self._senders: set[Name] = set()
        # The addresses from which names are said in EHLO.
        self._said: dict[Name, dict[Address, None]] = {}
        for subject in subjects:
            for helo in (host for host in subject.hosts if host.is_helo):
                own = dict.fromkeys(a.address for a in subject.addresses)
                self._said.setdefault(helo.names[0], {}).update(own)
        for mx in (subject.mx for subject in subjects if subject.mx is not None):
            if any(record.exchange == ROOT and not record.preference for record in mx.records):
                self._null.add(mx.owner)
        for host in (host for subject in subjects for host in subject.hosts):
            if host.target.role in (Role.SENDER, Role.HELO) and host.name is not None:
                self._senders.add(host.name)
            if host.target.role is Role.MX and host.domain is not None:
                self._records.setdefault(host.domain, []).append(host)
                if host.name is not None:
                    self._targets.setdefault(host.name, []).append(mx_record(host))
            if host.target.term is not None and host.domain is not None:
                for address in host.target.given:
                    self._allowed.setdefault(address, {})[host.domain, host.target.term] = None
            self._iprevs.update((address.address, address.iprev) for address in host.addresses)
        self.makers: dict[str, Maker] = {
            "no-such-domain": _no_such_domain,
            "implicit-mx": self._implicit_mx,
            "null-mx": _null_mx,
            "invalid-mx": self._invalid_mx,
            "mx-is-alias": self._mx_is_alias,
            "no-address": self._no_address,
            "unusable-address": self._unusable_address,
        }

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
        record = mx_record(fact)
        assert fact.name is not None
        assert fact.domain is not None
        if fact.name == ROOT:
            # Of several that say that there is no mail, one is to be left (RFC 7505, 3).
            first = record == mx_record(self._records[fact.domain][0])
            first = first and fact.domain not in self._null
            if first and all(host.name == ROOT for host in self._records[fact.domain]):
                return in_place_of(record, record._replace(preference=0))
            return [Cure("remove", record, record.owner)]
        meant = meant_host(fact.name, fact.domain)
        if meant is None and self._is_superfluous(fact):
            return [Cure("remove", record, record.owner)]
        return in_place_of(record, record._replace(data=meant or NAME), guess=meant is not None)

    def _mx_is_alias(self, fact: MailHost, _: None) -> list[Cure]:
        addresses = fact.all_addresses
        if not addresses:
            return self._no_address(fact, None)
        alias, real = fact.names[0], fact.names[-1]
        possible = is_host_name(real) and not is_nobodys(real) and real != ROOT
        kept = min([real, alias] if possible else [alias], key=lambda n: self._burden(n, fact))
        if kept == real:
            record = mx_record(fact)
            cures = in_place_of(record, record._replace(data=real))
        else:
            cures = _host_for_alias(fact, fact.names[1])
        missing = [i for i in self._lacking(kept, fact) if is_good(kept, i.address)]
        added = [[Cure("add", ZoneRecord(i.owner, PTR, kept), i.owner)] for i in missing]
        more = f"PTR records to {show_name(kept)}, for its other addresses"
        return [*cures, *in_short(added, more)]

    def _burden(self, name: Name, fact: MailHost) -> tuple[int, int]:
        """Return how many addresses would lose their name for this one: for good, and in all."""
        lacking = self._lacking(name, fact)
        return sum(not is_good(name, iprev.address) for iprev in lacking), len(lacking)

    def _lacking(self, name: Name, fact: MailHost) -> list[Iprev]:
        """Return the ways of the addresses that have another of the host's names, and not this."""
        iprevs = (self._iprevs[a] for a in fact.all_addresses if a in self._iprevs)
        named = ((iprev, {name.name for name in iprev.names}) for iprev in iprevs)
        return [i for i, names in named if name not in names and not names.isdisjoint(fact.names)]

    def _no_address(self, fact: MailHost, _: None) -> list[Cure]:
        assert fact.name is not None
        rdtypes = [answer.question.rdtype for answer in fact.answers]
        host = [Cure("fix", ZoneRecord(fact.name, rdtypes[0], ADDRESS), fact.name)]
        if fact.is_helo:
            said = filter(has_reverse, self._said[fact.name])
            own = [ZoneRecord(fact.name, rdtype_of(a), a) for a in said if rdtype_of(a) in rdtypes]
            more = f"addresses of {show_name(fact.name)}, at which it is said in EHLO"
            host = in_short([[Cure("fix", r, fact.name)] for r in own], more) or host
        if fact.aliases:
            # Asked about the alias, the servers would speak of its target's zone.
            alias = Cure(
                "in place of", ZoneRecord(fact.name, CNAME, fact.names[1]), fact.name.parent()
            )
            host = [*(cure._replace(owner=fact.name.parent()) for cure in host), alias]
            if len(rdtypes) == 1 and is_good(fact.names[-1]):
                # Behind the alias there may well be addresses of the other family.
                real = fact.names[-1]
                host = [Cure("fix", ZoneRecord(real, rdtypes[0], ADDRESS), real)]
        if fact.target.role is Role.IMPLICIT_MX:
            assert fact.domain is not None
            return [Cure("fix", ZoneRecord(fact.domain, MX, NAME, 10), fact.domain)]
        exists = all(answer.outcome is Outcome.NODATA for answer in fact.answers)
        # With -4 or -6 it may well have an address of the other family.
        sends = fact.target.role is not Role.MX or fact.name in self._senders
        if sends or (exists and len(rdtypes) == 1):
            return host
        assert fact.domain is not None
        meant = meant_host(fact.name, fact.domain)
        if meant is not None and not exists:
            new = meant
            return self._targeting(
                fact.name, lambda old: in_place_of(old, old._replace(data=new), True)
            )
        owners = {record.owner for record in self._targets.get(fact.name, ())}
        if self._is_superfluous(fact) and len(owners) == 1:
            remove = self._targeting(fact.name, lambda r: [Cure("correct or remove", r, r.owner)])
            return [*remove, *instead(host)]
        correct = self._targeting(fact.name, _correct)
        # There are no hosts in the reverse zones.
        return correct if fact.name.is_subdomain(ARPA) else [*host, *instead(correct)]

    def _targeting(self, name: Name, mended: Callable[[ZoneRecord], Sequence[Cure]]) -> list[Cure]:
        """Return what mends the MX records that have a host for their target."""
        records = dict.fromkeys(self._targets.get(name, ()))
        return in_short([mended(record) for record in records], f"MX records to {show_name(name)}")

    def _is_superfluous(self, fact: MailHost) -> bool:
        """Tell whether the domain has another MX that mail can be brought to."""
        return any(
            not unusable_as(address)
            for host in self._records.get(fact.domain or ROOT, ())
            for address in host.all_addresses
            if host.name != fact.name
        )

    def _unusable_address(self, fact: MailAddress, _: None) -> list[Cure]:
        holders = self._holders.get(fact.address, ())
        # Each alias of what is nobody's has to become a host; else the host itself is mended.
        hosts = {h.names[-2:] if is_nobodys(h.names[-1]) else h.names[-1]: h for h in holders}
        cures = [self._without(fact.address, host) for host in hosts.values()]
        terms = [
            (domain, term)
            for domain, term in self._allowed.get(fact.address, ())
            if not any(_stands_for(term, domain, host) for host in holders)
        ]
        corrected = [[_spf_term(domain, term)] for domain, term in terms]
        return [
            *in_short([own for own in cures if own], f"records with {fact.address}"),
            *in_short(corrected, f"SPF terms that allow {fact.address}"),
        ]

    def _without(self, address: Address, host: MailHost) -> list[Cure]:
        """Return what rids a host of an address."""
        name = host.names[-1]
        if is_nobodys(name):
            return _host_for_alias(host, name) if host.aliases else self._targeting(name, _correct)
        others = any(not unusable_as(address) for address in host.all_addresses)
        action = "remove" if others else "replace by a public address"
        return [Cure(action, ZoneRecord(name, rdtype_of(address), address), name)]


def _no_such_domain(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    first = Cure("fix", "the name, if it is misspelt", None)
    if fact.mx.aliases:
        # It is spelt as somebody spelt it who made it an alias.
        alias = [fact.mx.question.name, *fact.mx.aliases][-2]
        first = Cure("correct", ZoneRecord(alias, CNAME, domain), alias.parent())
    return [first, Cure("add", ZoneRecord(domain, MX, NAME, 10), domain, instead=True)]


def _host_for_alias(host: MailHost, target: Name) -> list[Cure]:
    """Return the cures that make the alias of a target a host with the addresses that it has."""
    alias = host.names[host.names.index(target) - 1]
    usable = [address for address in host.all_addresses if not unusable_as(address)]
    records = [ZoneRecord(alias, rdtype_of(a), a) for a in usable]
    records = records or [ZoneRecord(alias, rdtype_of(host.all_addresses[0]), ADDRESS)]
    # Asked about the alias, the servers would speak of its target's zone.
    zone = alias.parent()
    own = in_short([[Cure("fix", r, zone)] for r in records], f"addresses of {show_name(target)}")
    return [*own, Cure("in place of", ZoneRecord(alias, CNAME, target), zone)]


def _correct(record: ZoneRecord) -> list[Cure]:
    return [Cure("correct", record, record.owner)]


def _stands_for(source: SpfSource, domain: Name, host: MailHost) -> bool:
    """Tell whether a term of an SPF record stands for a host, by its name or as one of an MX."""
    owner = source.domain or domain
    (term,) = read_spf_record(f"v=spf1 {source.text}", owner)[0]
    target = term.target or owner
    of_mx = host.target.role is Role.MX and host.domain == target
    return (term.name == "a" and target in host.names) or (term.name == "mx" and of_mx)


def _spf_term(domain: Name, term: SpfSource) -> Cure:
    owner = term.domain or domain
    return Cure("correct", SpfStep("correct", owner, advice=SpfAdvice.CORRECT, term=term), owner)


def _null_mx(fact: Subject, _: None) -> list[Cure]:
    assert fact.mx is not None
    domain = fact.mx.owner
    (record,) = fact.mx.records
    return [
        Cure("fix, if it is to take mail", ZoneRecord(domain, MX, NAME, 10), domain),
        Cure("in place of", ZoneRecord(domain, MX, ROOT, record.preference), domain),
    ]


def hosts_by_address(subjects: Iterable[Subject]) -> dict[Address, list[MailHost]]:
    """Return the hosts with a name that have each address."""
    holders: dict[Address, list[MailHost]] = {}
    for host in (host for subject in subjects for host in subject.hosts if host.name is not None):
        for address in host.all_addresses:
            holders.setdefault(address, []).append(host)
    return holders


def mx_record(fact: MailHost) -> ZoneRecord:
    assert fact.domain is not None
    assert fact.name is not None
    return ZoneRecord(fact.domain, MX, fact.name, fact.target.preference)


def is_good(name: Name, address: Optional[Address] = None) -> bool:
    """Tell whether a name is one that a mail host may well have."""
    return (
        len(name.labels) > 2
        and is_host_name(name)
        and not any(b"_" in label for label in name.labels)
        and not name.is_subdomain(ARPA)
        and not is_nobodys(name)
        and not (address is not None and why_generic(name, address))
    )
