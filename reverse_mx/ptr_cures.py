"""What mends the names of an address, in view of all that a run found: PTR, EHLO, greeting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from dns.rdatatype import CNAME, PTR

from reverse_mx.cure import NAME, Cure, Greet, ZoneRecord, in_place_of, instead
from reverse_mx.facts import MailAddress, MailHost, PtrName, Role, Subject
from reverse_mx.generic import why_generic
from reverse_mx.mx_cures import is_good, mx_record
from reverse_mx.names import Address, Name, is_nobodys, is_related, rdtype_of, reverse_name
from reverse_mx.text import MOST_IN_LINE, show_name


class PtrCures:
    """Makes the cures for what is wrong with the names that an address has, or gives itself."""

    def __init__(
        self, subjects: Sequence[Subject], holders: Mapping[Address, Sequence[MailHost]]
    ) -> None:
        """``holders`` are the hosts that have each address."""
        self._holders = holders
        # What is said in EHLO from an address.
        self._said: dict[Address, set[Name]] = {}
        for address in (address for subject in subjects for address in subject.addresses):
            if address.helo is not None:
                self._said.setdefault(address.address, set()).add(address.helo.names[0])
        self.makers: dict[str, Callable[[Any, Any], list[Cure]]] = {
            "missing-ptr": self._missing_ptr,
            "unconfirmed-ptr": self._unconfirmed_ptr,
            "invalid-ptr": self._invalid_ptr,
            "mixed-ptr": self._mixed_ptr,
            "name-mismatch": self._name_mismatch,
            "helo-mismatch": self._helo_mismatch,
            "underscore-ptr": self._unwanted_ptr,
            "generic-ptr": self._unwanted_ptr,
            "banner-mismatch": self._banner_mismatch,
        }

    def _best_name(self, fact: MailAddress) -> Optional[Name]:
        """Return the name that an address is best given: the same for all domains that share it."""
        names = (host.names[-1] for host in self._holders.get(fact.address, ()))
        return next((name for name in names if is_good(name, fact.address)), None)

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
            and is_good(name.name, fact.address)
            and is_good(of, fact.address)
        ]
        mended = [*self._better(fact), *_remove(fact, fact.iprev.names)]
        single = (n.name for n in fact.iprev.names if len(n.name.labels) == 2)
        if not all(map(is_nobodys, single)):
            mended.insert(0, Cure("hint", _ROUTER, None))
        if self._best_name(fact) is None and forward:
            return [*forward, *instead(mended)]
        return [*mended, *(cure._replace(instead=True) for cure in forward)]

    def _mixed_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        said = self._said.get(fact.address, set())
        gone = [n for n in fact.iprev.refuted if n.forward is not None and n.forward.missing]
        kept = [n for n in gone if n.name in said and is_good(n.canonical)]
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
        mx = [mx_record(host) for host in own if host.target.role is Role.MX]
        alike = {frozenset(host.all_addresses) for host in [*own, other]}
        if mx and other.name is not None and not other.aliases and len(alike) == 1:
            return [c for r in mx for c in in_place_of(r, r._replace(data=other.name))]
        if fact.canonical is not None and is_good(fact.canonical, fact.address):
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
        if not leads_back and is_good(name, fact.address):
            cures.append(Cure("add", ZoneRecord(name, rdtype_of(fact.address), fact.address), name))
        if not fact.helo_is_ptr and is_good(said, fact.address) and (leads_back or cures):
            cures.append(Cure("fix", ZoneRecord(owner, PTR, said), owner))
            # Mail hosts at the address keep a name of their own.
            cures += [Cure("add", ZoneRecord(owner, PTR, n), owner) for n in others[:MOST_IN_LINE]]
            cures += _remove(fact, fact.iprev.names, "in place of")
        sound = [other.name for other in fact.iprev.names if other.confirms(fact.address)]
        # It is to be the name of the host itself (RFC 5321, 2.3.5).
        alias = name != said and is_good(name, fact.address)
        sound = sound or [name] * alias
        # Postfix: smtp_helo_name; Exim: helo_data of the transport.
        say = [Cure("fix", f"have the host say {show_name(n)} in EHLO", owner) for n in sound[:1]]
        nameless = [n for n in others if not is_good(n, fact.address)]
        if nameless and not say:
            return [Cure("fix", _rename(nameless[0]), owner)]
        taken = any(n in host.names for n in sound for host in hosts)
        first = taken or nameless or alias
        return [*say, *instead(cures)] if first else [*cures, *instead(say)]

    def _unwanted_ptr(self, fact: MailAddress, name: PtrName) -> list[Cure]:
        good = [
            other.name
            for other in fact.iprev.names
            if other.confirms(fact.address) and is_good(other.name, fact.address)
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


def _remove(fact: MailAddress, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
    owner = fact.iprev.owner
    cures = [
        Cure(action, ZoneRecord(owner, PTR, name.name), owner) for name in names[:MOST_IN_LINE]
    ]
    if len(names) > MOST_IN_LINE:
        more = len(names) - MOST_IN_LINE
        cures.append(Cure(action, f"{more} more PTR records of {show_name(owner)}", owner))
    return cures
