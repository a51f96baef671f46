"""From a domain to its hosts, addresses and PTR names and back, within bounds."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import AAAA, PTR, A, RdataType

from reverse_mx.answer import Answer
from reverse_mx.facts import (
    Authority,
    MailAddress,
    MailHost,
    PtrName,
    SpfFacts,
    Subject,
    Target,
    WayBack,
)
from reverse_mx.lookups import Lookups
from reverse_mx.loop import Promise, side_by_side, start
from reverse_mx.names import (
    ROOT,
    Address,
    Name,
    Network,
    address_in_letters,
    is_host_name,
    reverse_name,
    unusable_as,
)
from reverse_mx.text import show_name
from reverse_mx.zone_servers import Authorities


class Bounds(NamedTuple):
    """How much of one domain is followed, so that none can make the check work without end.

    ``names`` are those of an address; of a run's addresses together so many more than
    ``first_names`` of each are followed as ``further_names`` says.
    """

    hosts: int = 100
    addresses: int = 500
    names: int = 100
    first_names: int = 4
    further_names: int = 1000


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


async def spf_targets(spf: Promise[Optional[SpfFacts]]) -> list[Target]:
    """Return the addresses that an SPF record allows, by the term that gives them."""
    facts = await spf
    given: dict[str, list[Address]] = {}
    for address, term in facts.addresses if facts is not None else ():
        given.setdefault(term, []).append(address)
    return [Target(f"SPF {term}", None, given=tuple(own)) for term, own in given.items()]


class Walk:
    """The walk of one subject from its targets to their addresses and back, within bounds."""

    def __init__(
        self,
        lookups: Lookups,
        rdtypes: Sequence[RdataType],
        ways_back: WaysBack,
        ignored: Ignored,
        bounds: Bounds,
    ) -> None:
        """``rdtypes`` are A, AAAA or both."""
        self._lookups = lookups
        self._rdtypes = rdtypes
        self._ways_back = ways_back
        self._ignored = ignored
        self._bounds = bounds
        self._ways: dict[Address, Promise[WayBack]] = {}
        self._left_out_addresses: set[Address] = set()
        self._ignored_addresses: set[Address] = set()

    async def subject(
        self,
        subject: Subject,
        targets: Sequence[Target],
        further: Optional[Coroutine[Any, Any, list[Target]]] = None,
    ) -> Subject:
        """Return the subject with its hosts and their addresses, ``further`` targets last."""
        wanted = [t for t in targets if t.name is None or not self._ignored.host(t.name)]
        followed = wanted[: self._bounds.hosts]
        looked_up = start(side_by_side(self._host(target) for target in followed))
        more = await further if further is not None else []
        lookups = [*await looked_up, *await side_by_side(self._host(target) for target in more)]
        domain = None if subject.mx is None else subject.mx.owner
        hosts = [
            MailHost(domain, target, tuple(answers))
            for target, answers in zip([*followed, *more], lookups)
        ]
        ways = {address: await way for address, way in self._ways.items()}
        return dataclasses.replace(
            subject,
            hosts=_with_addresses(hosts, ways),
            left_out_hosts=len(wanted) - len(followed),
            left_out_addresses=len(self._left_out_addresses),
            ignored_hosts=len(targets) - len(wanted),
            ignored_addresses=len(self._ignored_addresses),
        )

    async def _host(self, target: Target) -> list[Answer]:
        for address in target.given:
            self._take(address)
        if target.name is None or target.name == ROOT or address_in_letters(target.name):
            return []
        name = target.name
        return await side_by_side(self._family(name, rdtype) for rdtype in self._rdtypes)

    async def _family(self, name: Name, rdtype: RdataType) -> Answer:
        answer = await self._lookups.ask(name, rdtype, "address")
        for address in answer.addresses:
            self._take(address)
        return answer

    def _take(self, address: Address) -> None:
        if self._ignored.address(address):
            self._ignored_addresses.add(address)
        elif address in self._ways:
            pass
        elif len(self._ways) < self._bounds.addresses:
            self._ways[address] = self._ways_back.walk(address)
        else:
            self._left_out_addresses.add(address)


class WaysBack:
    """The ways back from addresses, each walked once in a run however many hosts have it.

    Without ``reverse`` none is walked: an address is all that is learnt of it.
    """

    def __init__(
        self,
        lookups: Lookups,
        bounds: Bounds,
        authorities: Optional[Authorities],
        reverse: bool = True,
    ) -> None:
        self._reverse = reverse
        self._lookups = lookups
        self._bounds = bounds
        self._authorities = authorities
        self._promises: dict[Address, Promise[WayBack]] = {}
        self._further_names = bounds.further_names

    def walk(self, address: Address) -> Promise[WayBack]:
        if address not in self._promises:
            self._promises[address] = start(self._walk(address))
        return self._promises[address]

    async def _walk(self, address: Address) -> WayBack:
        if unusable_as(address) or not self._reverse:
            return WayBack(address, None)
        ptr = await self._lookups.ask(reverse_name(address), PTR, "ptr")
        targets = sorted({record.target for record in ptr.records})
        followed = targets[
            : min(self._bounds.names, self._bounds.first_names + self._further_names)
        ]
        self._further_names -= max(0, len(followed) - self._bounds.first_names)
        rdtype = A if address.version == 4 else AAAA
        authorities = start(self._ask_authorities((reverse_name(address), *ptr.aliases)))
        names = await side_by_side(self._name(target, rdtype) for target in followed)
        left_out = len(targets) - len(followed)
        return WayBack(address, ptr, tuple(names), left_out, await authorities)

    async def _ask_authorities(self, owners: Sequence[Name]) -> tuple[Authority, ...]:
        if self._authorities is None:
            return ()
        answers = await side_by_side(
            self._authorities.ask(owner, PTR, alias=owner != owners[-1]) for owner in owners
        )
        return tuple(answer for answer in answers if answer is not None)

    async def _name(self, name: Name, rdtype: RdataType) -> PtrName:
        if not is_host_name(name):
            return PtrName(name, None)
        return PtrName(name, await self._lookups.ask(name, rdtype, "confirm"))


def _with_addresses(
    hosts: Sequence[MailHost], ways: Mapping[Address, WayBack]
) -> tuple[MailHost, ...]:
    """Return the hosts with their addresses, each under the first host that has it."""
    having: dict[Address, list[MailHost]] = {}
    for host in hosts:
        for address in host.all_addresses:
            having.setdefault(address, []).append(host)
    expected = {
        address: tuple(name for owner in owners for name in owner.names)
        for address, owners in having.items()
    }
    return tuple(
        dataclasses.replace(
            host,
            addresses=tuple(
                MailAddress(
                    ways[address], host.name, (host.names or (None,))[-1], expected[address]
                )
                for address in host.all_addresses
                if address in ways and having[address][0] is host
            ),
            shared=tuple(a for a in host.all_addresses if a in ways and having[a][0] is not host),
        )
        for host in hosts
    )
