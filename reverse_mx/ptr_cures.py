"""What mends the names of an address, in view of all that a run found: PTR, EHLO, greeting."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Optional, Union

from dns.rdatatype import CNAME, PTR

from reverse_mx.addresses import has_reverse, unusable_as
from reverse_mx.cure import NAME, Cure, Greet, Maker, ZoneRecord, in_place_of, in_short, instead
from reverse_mx.facts import MailAddress, MailHost, PtrName, Role, Subject
from reverse_mx.generic import why_generic
from reverse_mx.mx_cures import is_good, mx_record
from reverse_mx.names import Address, Name, is_nobodys, is_related, rdtype_of, reverse_name
from reverse_mx.text import MOST_IN_LINE, in_line, show_name


class PtrCures:
    """Makes the cures for what is wrong with the names that an address has, or gives itself."""

    def __init__(
        self, subjects: Sequence[Subject], holders: Mapping[Address, Sequence[MailHost]]
    ) -> None:
        """``holders`` are the hosts that have each address."""
        self._holders = holders
        # Each address as that of a subject, whose claim on its names is what is expected of them.
        self._facts: dict[Address, list[MailAddress]] = {}
        # Each sender that says a name in EHLO, with its addresses; each name with those of all.
        self._senders: dict[tuple[object, Name], list[MailAddress]] = {}
        self._saying: dict[Name, list[MailAddress]] = {}
        # The addresses whose reverse names lead to one owner of PTR records.
        self._led: dict[Name, list[MailAddress]] = {}
        for fact in (fact for subject in subjects for fact in subject.addresses):
            self._facts.setdefault(fact.address, []).append(fact)
            self._led.setdefault(fact.iprev.owner, []).append(fact)
            if fact.helo is not None:
                self._senders.setdefault(_sender(fact), []).append(fact)
                self._saying.setdefault(fact.helo.names[0], []).append(fact)
        # Of the records where they are: at the reverse name, or behind an alias that is to stay.
        in_place: dict[str, Maker] = {
            "missing-ptr": self._missing_ptr,
            "unconfirmed-ptr": self._unconfirmed_ptr,
            "invalid-ptr": self._invalid_ptr,
            "mixed-ptr": self._mixed_ptr,
            "name-mismatch": self._name_mismatch,
            "underscore-ptr": self._unwanted_ptr,
            "generic-ptr": self._unwanted_ptr,
        }
        self.makers: dict[str, Maker] = {
            **{finding: self._unless_apart(maker) for finding, maker in in_place.items()},
            # What is said is changed where the record is not.
            "helo-mismatch": self._helo_mismatch,
            "banner-mismatch": self._banner_mismatch,
        }

    def _best_name(self, fact: MailAddress) -> Optional[Name]:
        """Return the name that an address is best given: the same for all domains that share it."""
        said = {_sender(f)[0] for f in self._facts.get(fact.address, ()) if f.helo is not None}
        names = [
            host.names[-1]
            for host in self._holders.get(fact.address, ())
            # A sender that says another name in EHLO needs none of its own.
            if not (host.target.role is Role.SENDER and host.name in said)
        ]
        return next((name for name in names if is_good(name, fact.address)), None)

    def _unless_apart(self, maker: Maker) -> Maker:
        """Return what makes the cures of a finding where the reverse name is to stay an alias."""
        return lambda fact, about: self._apart(fact) or maker(fact, about)

    def _apart(self, fact: MailAddress) -> list[Cure]:
        """Return what gives an address PTR records of its own, in place of an alias that is wrong.

        Nobody can give its target records; or that is the host itself, and a PTR record was meant;
        or another address has those records too, and needs another name.
        """
        aliases = fact.iprev.ptr.aliases if fact.iprev.ptr is not None else ()
        chain = [reverse_name(fact.address), *aliases]
        for owner, target in zip(chain, chain[1:]):
            shared = target == fact.iprev.owner and self._is_shared(target)
            if is_nobodys(target) or target in fact.expected or shared:
                names = self._new_names(fact)
                # Whoever has a name there that fits keeps it, or needs another.
                old = fact.iprev.names
                names += [n for n in self._losing(fact, old, names) if is_good(n, fact.address)]
                others = self._losing(fact, old, names)
                zone = owner.parent()
                cures = _given(owner, names or [NAME], zone)
                alias = Cure("in place of", ZoneRecord(owner, CNAME, target), zone)
                rename = [Cure("first", _rename(n, show_name(n)), None) for n in others[:1]]
                first = _renaming(fact, names) or rename
                return [*first, *self._forward(fact, names), *cures, alias]
        return []

    def _is_shared(self, owner: Name) -> bool:
        """Tell whether addresses have an owner's PTR records that need names of their own."""
        addresses = {fact.address for fact in self._led[owner]}
        names = {self._best_name(fact) for fact in self._led[owner]}
        return len(addresses) > 1 and (len(names) > 1 or None in names)

    def _new_names(self, fact: MailAddress) -> list[Name]:
        """Return the names that an address is best given: one, and what is said there in EHLO."""
        best = self._best_name(fact)
        said = [
            helo.names[0]
            for helo in self._helos(fact)
            if helo.names[0] == helo.names[-1] and self._suits(helo.names[0], helo.names[0])
        ]
        return [*dict.fromkeys([*([best] if best is not None else []), *said])]

    def _suits(self, name: Name, said: Name) -> bool:
        """Tell whether all addresses at which a name is said in EHLO may well have this one.

        If it spells one of them it is generic there, and so no name to give to the others.
        """
        return all(is_good(name, fact.address) for fact in self._saying[said])

    def _helos(self, fact: MailAddress) -> list[MailHost]:
        """Return the names that are said in EHLO at an address, but those of another address."""
        here = self._facts.get(fact.address, ())
        return [
            f.helo for f in here if f.helo is not None and (f.helo_may_lead_back or f.helo_is_free)
        ]

    def _is_claimed(self, name: Name, fact: MailAddress) -> bool:
        """Tell whether it is expected of an address, by anybody, to have a name."""
        return any(name in f.expected for f in self._facts.get(fact.address, ()))

    def _better(self, fact: MailAddress, action: str = "fix") -> list[Cure]:
        """Return the PTR records that the address should have, and what makes them lead back."""
        owner = fact.iprev.owner
        names = self._new_names(fact)
        there = {name.name for name in fact.iprev.names}
        lacking = [name for name in names if name not in there]
        cures = _given(owner, lacking if names else [NAME], owner, action)
        return [*_renaming(fact, names), *self._forward(fact, names), *cures]

    def _forward(self, fact: MailAddress, names: Sequence[Name]) -> list[Cure]:
        """Return what makes those names that are said in EHLO lead back to an address."""
        return [
            cure
            for helo in self._helos(fact)
            if helo.names[0] in names and fact.address not in helo.all_addresses
            for cure in self._lead_back(helo.names[0], helo.names[0], fact.address)
        ]

    def _lead_back(self, said: Name, name: Name, address: Address) -> list[Cure]:
        """Return what makes a name lead to an address at which that, or an alias, is said in EHLO.

        One that had no address leads to all at which it is said from then on.
        """
        facts = self._saying[said]
        gone = not any(fact.helo.all_addresses for fact in facts if fact.helo is not None)
        addresses = [address, *(fact.address for fact in facts if gone)]
        usable = filter(has_reverse, dict.fromkeys(addresses))
        more = f"addresses of {show_name(name)}, at which it is said in EHLO"
        records = [ZoneRecord(name, rdtype_of(a), a) for a in usable]
        return in_short([[Cure("add", record, name)] for record in records], more)

    def _missing_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        return self._better(fact)

    def _invalid_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        return [*self._better(fact), *_remove(fact, fact.iprev.names)]

    def _unconfirmed_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        new = self._new_names(fact)
        # The forward records that would make the PTR names lead back.
        forward = [
            Cure("fix", ZoneRecord(name.canonical, name.forward.question.rdtype, fact.address), of)
            for name in fact.iprev.names[:MOST_IN_LINE]
            # A name with another address is another host's, and a generated one its provider's.
            if name.forward is not None and name.forward.missing
            for of in (name.canonical,)
            if is_good(name.name, fact.address)
            and is_good(of, fact.address)
            and name.name not in new
        ]
        # What is said in EHLO has its own cure if it is another address's name.
        others = [name for name in fact.iprev.names if name.name not in new]
        mended = [*self._better(fact), *_remove(fact, others)]
        single = (n.name for n in fact.iprev.names if len(n.name.labels) == 2)
        if not all(map(is_nobodys, single)):
            mended.insert(0, Cure("hint", _ROUTER, None))
        if not new and forward:
            return [*forward, *instead(mended)]
        return [*mended, *(cure._replace(instead=True) for cure in forward)]

    def _mixed_ptr(self, fact: MailAddress, _: None) -> list[Cure]:
        said = [name for name in fact.iprev.refuted if self._is_claimed(name.name, fact)]
        # The canonical name of an alias is another host's.
        own = [n for n in said if is_good(n.name, fact.address) and n.canonical == n.name]
        kept = [n for n in own if n.forward is not None and n.forward.missing]
        others = [name for name in fact.iprev.refuted if name not in kept]
        own_name = [Cure("fix", _OWN_NAME, None)]
        named = len({f.helo.name for f in self._facts[fact.address] if f.helo is not None}) > 1
        better = [self._say(fact, n.name, named)[:1] or own_name for n in said if n not in kept]
        say = dict.fromkeys(itertools.chain(*better))
        back = [cure for n in kept for cure in self._lead_back(n.name, n.name, fact.address)]
        return [*say, *back, *_remove(fact, others)]

    def _name_mismatch(self, fact: MailAddress, _: None) -> list[Cure]:
        holders = self._holders.get(fact.address, ())
        names = [name.name for name in fact.iprev.names if name.confirms(fact.address)]
        taken = [host for name in names for host in holders if name in host.names]
        if taken:
            # The address is named after another host of the run, whose name it has to keep.
            return self._as_well(fact, taken[0])
        # Another host may well have this address and be named so.
        wanted = self._better(fact, "fix, unless the other name is wanted")
        new, owner, own = self._new_names(fact), fact.iprev.owner, fact.canonical
        # A domain with another host there may be content with its name, the same host alone not.
        alike = (f for f in self._facts.get(fact.address, ()) if f.host == fact.host)
        if new and own is not None and any({*new}.isdisjoint(f.expected) for f in alike):
            if not is_good(own, fact.address):
                return [Cure("fix", _rename(own), owner)]
            wanted.append(Cure("add", ZoneRecord(owner, PTR, own), owner))
        others = [name for name in fact.iprev.names if not self._is_claimed(name.name, fact)]
        return [*wanted, *_remove(fact, others, "in place of")]

    def _say(self, fact: MailAddress, said: Name, named: bool = False) -> list[Cure]:
        """Return what could be said in EHLO in place of a name that is said at an address.

        ``named`` is whether it takes that name to tell which host there is meant.
        """
        names = [name.name for name in fact.iprev.names if name.confirms(fact.address)]
        names.sort(key=lambda name: not is_good(name, fact.address))
        here = (f for f in self._facts.get(fact.address, ()) if f.helo and f.helo.name == said)
        for other in (other for f in here for other in self._senders[_sender(f)]):
            sound = {name.name for name in other.iprev.names if name.confirms(other.address)}
            names = [name for name in names if name in sound]
        return [_in_ehlo(name, said if named else None) for name in names]

    def _losing(self, fact: MailAddress, old: Sequence[PtrName], new: Sequence[Name]) -> list[Name]:
        """Return those of old names that lead back and fit whoever has none with the new ones."""
        left = {*new, *(name.name for name in fact.iprev.names if name not in old)}
        claims = (f.expected for f in self._facts.get(fact.address, ()))
        lost = {name for claim in claims if left.isdisjoint(claim) for name in claim}
        return [n.name for n in old if n.confirms(fact.address) and n.name in lost]

    def _as_well(self, fact: MailAddress, other: MailHost) -> list[Cure]:
        """Return what makes up for a host at an address that is named after another host."""
        own = [host for host in self._holders[fact.address] if host.name == fact.host]
        alike = {frozenset(host.all_addresses) for host in [*own, other]}
        # A host that sends has its name from elsewhere than an MX record.
        receives = all(host.target.role is Role.MX for host in own)
        if receives and other.name is not None and not other.aliases and len(alike) == 1:
            records = map(mx_record, own)
            return in_short(
                [in_place_of(r, r._replace(data=other.name)) for r in records],
                f"MX records to {show_name(own[0].names[0])}",
            )
        if fact.canonical is not None and is_good(fact.canonical, fact.address):
            owner = fact.iprev.owner
            return [Cure("add", ZoneRecord(owner, PTR, fact.canonical), owner)]
        return [Cure("fix", _rename(fact.canonical or other.names[0]), None)]

    def _helo_mismatch(self, fact: MailAddress, _: None) -> list[Cure]:
        assert fact.helo is not None
        if not has_reverse(fact.address):
            # No name is to lead there; one that a host has and cannot use is mended as that.
            given = fact.host is None or not unusable_as(fact.address)
            return [Cure("fix", _SEEN, None)] * given
        said, name = fact.helo.names[0], fact.helo.names[-1]
        others = [f for f in self._facts[fact.address] if f.expected[:1] != (said,)]
        nameless = [
            f.canonical
            for f in others
            if f.canonical is not None and f.helo is None and not is_good(f.canonical, fact.address)
        ]
        say = self._say(fact, said)[:1]
        if nameless and not say:
            return [Cure("fix", _rename(nameless[0]), fact.iprev.owner)]
        cures = self._named_after_ehlo(fact, others)
        if not say and not cures:
            return [Cure("fix", _OWN_NAME, None)]
        if say == cures:
            return say
        sound = [other.name for other in fact.iprev.names if other.confirms(fact.address)]
        taken = any(n in f.expected for n in sound for f in others)
        first = taken or nameless or name != said
        return [*say, *instead(cures)] if first and say else [*cures, *instead(say)]

    def _named_after_ehlo(self, fact: MailAddress, others: Sequence[MailAddress]) -> list[Cure]:
        """Return what gives an address the name that is said in EHLO, [] if it cannot have it."""
        assert fact.helo is not None
        said, name, owner = fact.helo.names[0], fact.helo.names[-1], fact.iprev.owner
        leads_back = fact.helo_may_lead_back
        alias = name != said
        if not self._suits(name, said) or (alias and not leads_back and not fact.helo_is_free):
            return []
        if self._apart(fact):
            return []  # others would be given the name, too
        elsewhere = [f for f in self._senders[_sender(fact)] if f is not fact]
        if alias and any(name not in {n.name for n in f.iprev.names} for f in elsewhere):
            return []
        # It is to be the name of the host itself (RFC 5321, 2.3.5).
        cures = [_in_ehlo(name)] if alias else []
        if not leads_back or not fact.helo_was_asked:
            cures += self._lead_back(said, name, fact.address)
        names = {other.name for other in fact.iprev.names}
        if name not in names:
            cures.append(Cure("fix", ZoneRecord(owner, PTR, name), owner))
        if alias or not fact.helo_is_ptr:
            # Who else is at the address keeps a name of their own.
            kept = {name, *(n for n in names for f in others if n in f.expected)}
            lacking = [
                f.canonical
                for f in others
                if f.canonical is not None and kept.isdisjoint(f.expected)
                if f.helo is None or f.helo_may_lead_back
            ]
            added = [n for n in dict.fromkeys(lacking) if is_good(n, fact.address)]
            records = [[Cure("add", ZoneRecord(owner, PTR, n), owner)] for n in added]
            more = f"PTR records of {show_name(owner)}, for the other hosts there"
            cures += in_short(records, more)
            old = [other for other in fact.iprev.names if other.name not in kept]
            cures += _remove(fact, old, "in place of")
        return cures

    def _unwanted_ptr(self, fact: MailAddress, name: PtrName) -> list[Cure]:
        good = [
            other.name
            for other in fact.iprev.names
            if other.confirms(fact.address) and is_good(other.name, fact.address)
        ]
        if good and not self._losing(fact, [name], ()):
            return _remove(fact, [name])
        new = self._new_names(fact)
        lost = self._losing(fact, [name], new)
        if lost or not {*new}.isdisjoint(good) or (not new and fact.canonical is not None):
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
            return self.makers["name-mismatch"](fact, None)
        return [Cure("fix", Greet(name), None) for name in (meant or sound)[:1]]


_ROUTER = "a router's resolver, or a split view, gives such names: -s asks another"

_SEEN = "give --sender the address that receivers see"

_OWN_NAME = "give the host a name of its own, in its address and PTR records and in EHLO"


def _rename(name: Name, host: str = "the host") -> str:
    how = "without an underscore" if b"_" in b"".join(name.labels) else "after its task"
    return f"name {host} {how} in its MX, address and PTR records"


def _renaming(fact: MailAddress, names: Sequence[Name]) -> list[Cure]:
    """Return what comes first where there is none of the names that an address is best given."""
    if names or fact.canonical is None:
        return []
    rename = _OWN_NAME if fact.helo is not None else _rename(fact.canonical)
    return [Cure("first", rename, None)]


def _sender(fact: MailAddress) -> tuple[object, Name]:
    """Return who says which name in EHLO."""
    assert fact.helo is not None
    return fact.host or fact.address, fact.helo.names[0]


def _given(
    owner: Name, names: Sequence[Union[Name, str]], zone: Name, action: str = "fix"
) -> list[Cure]:
    """Return what gives the owner of PTR records these, the first of them by an action."""
    records = (ZoneRecord(owner, PTR, name) for name in names)
    return [Cure("add" if n else action, record, zone) for n, record in enumerate(records)]


def _in_ehlo(name: Name, said: Optional[Name] = None) -> Cure:
    # Postfix: smtp_helo_name; Exim: helo_data of the transport.
    host = "the host" if said is None else f"the host that says {show_name(said)}"
    return Cure("fix", f"have {host} say {show_name(name)} in EHLO", None)


def _remove(fact: MailAddress, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
    owner = fact.iprev.owner
    kept = [show_name(name.name) for name in fact.iprev.names if name not in names]
    but = f", all but {in_line(kept, ', ')}" if kept else ""
    cures = [[Cure(action, ZoneRecord(owner, PTR, name.name), owner)] for name in names]
    return in_short(cures, f"PTR records of {show_name(owner)}{but}")
