"""From addresses over their names back to them, each way walked once in a run, within bounds."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple, Optional

from dns.rdatatype import PTR, RdataType

from reverse_mx.addresses import has_reverse
from reverse_mx.answer import Answer
from reverse_mx.facts import Iprev, PtrName
from reverse_mx.lines import Shared
from reverse_mx.lookups import Lookups
from reverse_mx.loop import Promise, side_by_side, start
from reverse_mx.names import Address, Name, is_host_name, rdtype_of, reverse_name
from reverse_mx.zone_facts import ZoneAnswers
from reverse_mx.zone_servers import ZoneServers


class Bounds(NamedTuple):
    """How much of one domain is followed, so that none can make the check work without end.

    Several MX ``records`` may have one of the ``hosts`` for their target. ``names`` are those of an
    address; of a domain's addresses together so many more than ``first_names`` of each are followed
    as ``further_names`` says.
    """

    hosts: int = 100
    records: int = 200
    addresses: int = 500
    names: int = 100
    first_names: int = 4
    further_names: int = 1000


class Iprevs:
    """The ways from addresses back to them, each walked once in a run however many hosts have it.

    Without ``reverse`` none is walked: an address is all that is learnt of it. ``zone_servers`` are
    asked for the PTR records too if given.
    """

    def __init__(
        self,
        lookups: Lookups,
        zone_servers: Optional[ZoneServers],
        bounds: Bounds,
        reverse: bool = True,
    ) -> None:
        self._lookups = lookups
        self._zone_servers = zone_servers
        self._bounds = bounds
        self._reverse = reverse
        self._first: dict[Address, Shared[Iprev]] = {}
        self._whole: dict[tuple[Iprev, tuple[Name, ...], int], Shared[Iprev]] = {}

    def first(self, address: Address) -> Promise[Iprev]:
        """Follow the first names of an address."""
        if address not in self._first:
            self._first[address] = Shared(functools.partial(self._walk, address))
        return self._first[address].wanted()

    def further(self, first: Iprev, own: tuple[Name, ...], count: int) -> Promise[Iprev]:
        """Follow so many names more of an address, its mail hosts' ``own`` before the others."""
        key = (first, own, count)
        if key not in self._whole:
            self._whole[key] = Shared(functools.partial(self._walk_on, first, own, count))
        return self._whole[key].wanted()

    async def _walk(self, address: Address) -> Iprev:
        if not has_reverse(address) or not self._reverse:
            return Iprev(address, None, (), 0, ())
        ptr = await self._lookups.ask(reverse_name(address), PTR)
        zone_answers = start(self._ask_zones(ptr))
        targets = ptr_targets(ptr)
        names = await self._names(address, targets[: self._bounds.first_names])
        left_out = len(targets) - len(names)
        return Iprev(address, ptr, names, left_out, await zone_answers)

    async def _walk_on(self, first: Iprev, own: tuple[Name, ...], count: int) -> Iprev:
        assert first.ptr is not None
        others = ptr_targets(first.ptr)[len(first.names) :]
        others.sort(key=lambda name: name not in own)
        more = await self._names(first.address, others[:count])
        return first.replace(names=(*first.names, *more), left_out=first.left_out - len(more))

    async def _ask_zones(self, ptr: Answer) -> tuple[ZoneAnswers, ...]:
        if self._zone_servers is None:
            return ()
        owners = (ptr.question.name, *ptr.aliases)
        answers = await side_by_side(
            self._zone_servers.inquire(owner, PTR, alias=owner != owners[-1]) for owner in owners
        )
        return tuple(answer for answer in answers if answer.answers or not ptr.unknown)

    async def _names(self, address: Address, names: Iterable[Name]) -> tuple[PtrName, ...]:
        rdtype = rdtype_of(address)
        return tuple(await side_by_side(self._name(name, rdtype) for name in names))

    async def _name(self, name: Name, rdtype: RdataType) -> PtrName:
        if not is_host_name(name):
            return PtrName(name, None)
        return PtrName(name, await self._lookups.ask(name, rdtype))


def ptr_targets(ptr: Answer) -> list[Name]:
    return sorted(set(ptr.records))
