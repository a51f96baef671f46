"""From a domain to its hosts, addresses and PTR names and back, within bounds."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Optional, Union

from dns.rdatatype import MX, RdataType

from reverse_mx.addresses import unusable_as
from reverse_mx.answer import Answer, Outcome
from reverse_mx.facts import (
    Iprev,
    MailAddress,
    MailHost,
    Role,
    Sender,
    SpfFacts,
    Subject,
    Target,
    is_null_mx,
    is_own,
)
from reverse_mx.iprevs import Bounds, Iprevs, ptr_targets
from reverse_mx.lookups import Lookups
from reverse_mx.loop import Promise, side_by_side, start
from reverse_mx.names import (
    ROOT,
    Address,
    Name,
    Network,
    is_host_name,
)
from reverse_mx.smtp import Smtp
from reverse_mx.smtp_reply import Greeting
from reverse_mx.spf import Spf
from reverse_mx.spf_record import SpfSource
from reverse_mx.text import show_name
from reverse_mx.zone_facts import ZoneAnswers
from reverse_mx.zone_servers import ZoneServers


class Ignored:
    """What the user wants left out: hosts by shell patterns, addresses by networks."""

    def __init__(self, patterns: Sequence[Union[str, Network]]) -> None:
        self._networks = [pattern for pattern in patterns if not isinstance(pattern, str)]
        self._hosts = [
            re.compile(fnmatch.translate(pattern.lower().rstrip(".")))
            for pattern in patterns
            if isinstance(pattern, str)
        ]

    def host(self, name: Name) -> bool:
        return any(host.match(show_name(name).lower()) for host in self._hosts)

    def address(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


class OwnHosts:
    """The mail hosts of a run that are the user's own, whose names are the user's to choose."""

    def __init__(self) -> None:
        self._names: set[Name] = set()

    def add(self, subject: Subject) -> None:
        for host in subject.hosts:
            if any(is_own(name, subject.of, subject.mx) for name in host.names):
                self._names.update(host.names)

    def __contains__(self, address: MailAddress) -> bool:
        return not self._names.isdisjoint(address.expected)


class Walk:
    """The walk from domains and senders to their addresses and back.

    ``zone_servers`` are asked, ``spf`` records followed and ``smtp`` servers connected to if given.
    ``rdtypes`` are A, AAAA or both.
    """

    def __init__(
        self,
        lookups: Lookups,
        rdtypes: Sequence[RdataType],
        iprevs: Iprevs,
        ignored: Ignored,
        bounds: Bounds,
        zone_servers: Optional[ZoneServers],
        spf: Optional[Spf],
        smtp: Optional[Smtp],
    ) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes
        self._iprevs = iprevs
        self._ignored = ignored
        self._bounds = bounds
        self._zone_servers = zone_servers
        self._spf = spf
        self._smtp = smtp

    async def domain(self, name: Name) -> Subject:
        """Return a mail domain with all that hangs from it."""
        spf = start(self._allowed(name))
        mx = await self._lookups.ask(name, MX)
        targets = [] if is_null_mx(mx) else _mx_targets(mx)
        if mx.outcome is Outcome.NODATA:
            targets = [Target(Role.IMPLICIT_MX, name)]
        return await self._subject(name, mx, targets, spf)

    async def sender(self, sender: Sender) -> Subject:
        """Return an outbound host or address with all that hangs from it."""
        if isinstance(sender.of, Name):
            targets = [Target(Role.SENDER, sender.of)]
        else:
            targets = [Target(Role.SENDER, None, given=(sender.of,))]
        if sender.helo is not None:
            targets.append(Target(Role.HELO, sender.helo))
        return await self._subject(sender.of, None, targets)

    async def _allowed(self, domain: Name) -> Optional[SpfFacts]:
        return None if self._spf is None else await self._spf.allowed(domain)

    async def _ask_zone(self, mx: Optional[Answer]) -> Optional[ZoneAnswers]:
        # A domain that does not exist is in its registry's zone, which is not at fault.
        if self._zone_servers is None or mx is None or mx.outcome is Outcome.NXDOMAIN:
            return None
        answers = await self._zone_servers.inquire(mx.owner, MX)
        # It is said already that the domain cannot be looked up.
        return answers if answers.answers or not mx.unknown else None

    async def _subject(
        self,
        of: Union[Name, Address],
        mx: Optional[Answer],
        targets: Sequence[Target],
        spf: Optional[Promise[Optional[SpfFacts]]] = None,
    ) -> Subject:
        """Return a subject with its hosts and their addresses, those that SPF allows last."""
        zone_answers = start(self._ask_zone(mx))
        addresses = _Addresses(self._iprevs, self._smtp, self._ignored, self._bounds)
        wanted = [t for t in targets if t.name is None or not self._ignored.host(t.name)]
        names = [*dict.fromkeys(target.name for target in wanted)][: self._bounds.hosts]
        followed = [target for target in wanted if target.name in names][: self._bounds.records]
        left_out = {target.name for target in wanted} - {target.name for target in followed}
        looked_up = start(side_by_side(self._look_up(t, addresses) for t in followed))
        asked = start(side_by_side(self._ask_own(of, mx, target) for target in followed))
        spf_facts = await spf if spf is not None else None
        allowed = _spf_targets(spf_facts)
        answers = [
            *await looked_up,
            *await side_by_side(self._look_up(t, addresses) for t in allowed),
        ]
        domain = None if mx is None else mx.owner
        hosts = [
            MailHost(domain, target, tuple(own), (), (), said)
            for target, own, said in zip(
                [*followed, *allowed], answers, [*await asked, *(() for _ in allowed)]
            )
        ]
        iprevs, greetings = await addresses.walked([h for h in hosts if not h.is_helo])
        return Subject(
            of,
            mx,
            hosts=_with_addresses(hosts, iprevs, greetings),
            left_out_hosts=len(left_out),
            left_out_addresses=len(addresses.left_out),
            ignored_hosts=len({t.name for t in targets} - {t.name for t in wanted}),
            ignored_addresses=len(addresses.ignored),
            zone_answers=await zone_answers,
            spf=spf_facts,
            left_out_lookups=self._lookups.left_out,
        )

    async def _ask_own(
        self, of: Union[Name, Address], mx: Optional[Answer], target: Target
    ) -> tuple[ZoneAnswers, ...]:
        """Ask the servers of its zone for the addresses of a host, if it is the user's own."""
        name = target.name
        if self._zone_servers is None or name is None:
            return ()
        if not is_own(name, of, mx) or not is_host_name(name):
            return ()
        answers = [await self._lookups.ask(name, rdtype) for rdtype in self._rdtypes]
        asked = await side_by_side(
            self._zone_servers.inquire(name, answer.question.rdtype, alias=bool(answer.aliases))
            for answer in answers
        )
        return tuple(
            said for said, answer in zip(asked, answers) if said.answers or not answer.unknown
        )

    async def _look_up(self, target: Target, addresses: _Addresses) -> list[Answer]:
        addresses.known(target.given, target)
        # Receivers throw an MX away whose target is no host name, whatever addresses that has.
        if target.name is None or (target.role is Role.MX and not is_host_name(target.name)):
            return []
        return await side_by_side(
            self._family(target, target.name, rdtype, addresses) for rdtype in self._rdtypes
        )

    async def _family(
        self, target: Target, name: Name, rdtype: RdataType, addresses: _Addresses
    ) -> Answer:
        answer = await self._lookups.ask(name, rdtype)
        if target.role is not Role.HELO:
            addresses.known(answer.addresses, target)
        return answer


class _Addresses:
    """The addresses of one subject, each followed as soon as it is known.

    Which of too many are followed in the end depends on the order of the chain alone, and not on
    that in which the answers arrive.
    """

    def __init__(
        self, iprevs: Iprevs, smtp: Optional[Smtp], ignored: Ignored, bounds: Bounds
    ) -> None:
        self.ignored: set[Address] = set()
        self.left_out: set[Address] = set()
        self._iprevs = iprevs
        self._smtp = smtp
        self._ignored = ignored
        self._bounds = bounds
        self._begun: set[Address] = set()
        self._greetings: dict[Address, Promise[Greeting]] = {}

    def known(self, addresses: Iterable[Address], target: Target) -> None:
        """Set out from addresses as far as the bound allows."""
        for address in addresses:
            if self._ignored.address(address):
                self.ignored.add(address)
            elif address in self._begun or len(self._begun) < self._bounds.addresses:
                self._begun.add(address)
                self._iprevs.first(address)
                if self._smtp is not None and target.receives and not unusable_as(address):
                    self._greetings[address] = self._smtp.greet(address)

    async def walked(
        self, hosts: Sequence[MailHost]
    ) -> tuple[dict[Address, Iprev], dict[Address, Greeting]]:
        """Return what was learnt of the addresses of the hosts that are followed."""
        wanted = [
            address
            for address in dict.fromkeys(a for host in hosts for a in host.all_addresses)
            if address not in self.ignored
        ]
        followed = wanted[: self._bounds.addresses]
        self.left_out.update(wanted[len(followed) :])
        first = [await self._iprevs.first(address) for address in followed]
        budget = self._bounds.further_names
        whole = []
        for iprev in first:
            own = _own_names(iprev, hosts) if iprev.left_out else ()
            most = min(self._bounds.names - len(iprev.names), iprev.left_out)
            further = min(most, max(budget, len(own)))
            budget -= min(further, budget)
            whole.append(self._iprevs.further(iprev, own, further) if further else None)
        iprevs = [
            iprev if promise is None else await promise for iprev, promise in zip(first, whole)
        ]
        greetings = {a: await promise for a, promise in self._greetings.items() if a in followed}
        return dict(zip(followed, iprevs)), greetings


def _own_names(iprev: Iprev, hosts: Iterable[MailHost]) -> tuple[Name, ...]:
    """Return the names of the hosts that have an address, as far as they are not followed yet."""
    having = (host for host in hosts if iprev.address in host.all_addresses)
    names = {name for host in having for name in host.names}
    assert iprev.ptr is not None
    return tuple(name for name in ptr_targets(iprev.ptr)[len(iprev.names) :] if name in names)


def _mx_targets(mx: Answer) -> list[Target]:
    """Return the targets of MX records, each record for itself: two may have the same target."""
    records = sorted(mx.records)
    if all(record.exchange == ROOT for record in records):
        # One of them may say that there is no mail (RFC 7505, 3); the others are at fault.
        records = [record for record in records if record.preference] or records
    return [Target(Role.MX, record.exchange, record.preference) for record in records]


def _spf_targets(facts: Optional[SpfFacts]) -> list[Target]:
    """Return the addresses that an SPF record allows, by the term that gives them."""
    given: dict[SpfSource, list[Address]] = {}
    for address, term in facts.addresses if facts is not None else ():
        given.setdefault(term, []).append(address)
    return [Target(Role.SPF, None, given=tuple(own), term=term) for term, own in given.items()]


def _with_addresses(
    hosts: Sequence[MailHost],
    iprevs: Mapping[Address, Iprev],
    greetings: Mapping[Address, Greeting],
) -> tuple[MailHost, ...]:
    """Return the hosts with their addresses, each under the first host that has it."""
    having: dict[Address, list[MailHost]] = {}
    helo = next((host for host in hosts if host.is_helo), None)
    for host in hosts:
        if host.is_helo:
            continue
        for address in host.all_addresses:
            having.setdefault(address, []).append(host)
    expected = {
        address: tuple(name for owner in owners for name in owner.names)
        if helo is None
        else helo.names[:1]
        for address, owners in having.items()
    }
    return tuple(
        host.replace(
            addresses=tuple(
                MailAddress(
                    iprevs[address],
                    host.name,
                    ((helo.names[:1] if helo is not None else host.names) or (None,))[-1],
                    expected[address],
                    greetings.get(address) if host.target.receives else None,
                    helo,
                )
                for address in host.all_addresses
                if address in iprevs and not host.is_helo and having[address][0] is host
            ),
            shared=tuple(
                a
                for a in host.all_addresses
                if a in iprevs and not host.is_helo and having[a][0] is not host
            ),
        )
        for host in hosts
    )
