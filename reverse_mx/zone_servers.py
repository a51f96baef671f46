"""Who is in charge of a name, and what they say themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from dns.rdatatype import NS, SOA, RdataType

from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.facts import NameServer, ServerAnswer, Zone, ZoneAnswers
from reverse_mx.lookups import Lookups
from reverse_mx.loop import side_by_side
from reverse_mx.names import Address, Name


class ZoneServers:
    """Finds out who is in charge of a name, and asks them themselves.

    ``rdtypes`` are A, AAAA or both: the addresses at which name servers are asked.
    """

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType]) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes

    async def zone(self, name: Name) -> Optional[Zone]:
        """Return the zone that a name is in, or the nearest above it that anybody answers for.

        After an alias it is the zone of its target, which is the one to edit (RFC 2317). DNSSEC
        is not asked to agree: it may be what is broken.
        """
        while True:
            answer = await self._lookups.ask(name, SOA, unchecked=True)
            if not answer.failed or not answer.tries or len(name.labels) <= 2:
                break
            name = name.parent()
        if answer.soa is None:
            return None
        apex, soa = answer.soa
        listed = await self._lookups.ask(apex, NS, unchecked=True)
        return Zone(apex, soa, await self._servers(record.target for record in listed.records))

    async def ask(
        self, name: Name, rdtype: RdataType, alias: bool = False
    ) -> Optional[ZoneAnswers]:
        """Put a question to every server of the name's zone, or None if none can be found.

        Of an ``alias`` it is the zone that has the CNAME. A zone that nobody answers for is found
        through the delegation to it.
        """
        zone = await self.zone(name.parent() if alias else name)
        while zone is not None:
            answers = await side_by_side(
                self._ask_server(server.name, address, zone.name, name, rdtype)
                for server in zone.servers
                for address in server.addresses or (None,)
            )
            said = ZoneAnswers(Question(name, rdtype), zone, tuple(answers))
            below = [
                delegation
                for answer in answers
                if answer.answer is not None
                and answer.answer.outcome is Outcome.REFERRAL
                and (delegation := answer.answer.delegation) is not None
                and delegation[0].is_subdomain(zone.name)
                and delegation[0] != zone.name
            ]
            if said.contents or not below:
                return said
            zone = Zone(below[0][0], None, await self._servers(below[0][1]))
        return None

    async def reaches(self, address: Address, name: Name, rdtype: RdataType) -> bool:
        """Tell whether a name server says anything at all."""
        return not (await self._lookup(name, rdtype, str(address))).silence

    async def _servers(self, names: Iterable[Name]) -> tuple[NameServer, ...]:
        async def server(name: Name) -> NameServer:
            answers = await side_by_side(self._lookup(name, rdtype) for rdtype in self._rdtypes)
            return NameServer(name, tuple(a for answer in answers for a in answer.addresses))

        return tuple(await side_by_side(server(name) for name in sorted(set(names))))

    async def _lookup(self, name: Name, rdtype: RdataType, at: str = "") -> Answer:
        return await self._lookups.ask(name, rdtype, at, unchecked=not at)

    async def _ask_server(
        self,
        server: Name,
        address: Optional[Address],
        apex: Name,
        name: Name,
        rdtype: RdataType,
    ) -> ServerAnswer:
        if address is None:
            return ServerAnswer(server, None, None, None)
        answer, soa = await side_by_side(
            (self._lookup(name, rdtype, str(address)), self._lookup(apex, SOA, str(address)))
        )
        serial = soa.records[0].serial if soa.records else None
        return ServerAnswer(server, address, answer, serial)
