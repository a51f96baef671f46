"""Who is in charge of a name, and what they say themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Optional

from dns.rdatatype import NS, SOA, RdataType

from reverse_mx.addresses import Use, behind_translation, is_inside, kind_of
from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.lookups import Lookups
from reverse_mx.loop import side_by_side, start
from reverse_mx.names import ROOT, Address, Name, is_private_reverse
from reverse_mx.zone_facts import Delegation, NameServer, ServerAnswer, Unasked, Zone, ZoneAnswers

# A zone of more name servers, or one of these with more addresses, has not all of them asked.
MOST_SERVERS = 13
MOST_ADDRESSES = 4
# So many referrals lead from a zone that answers to one below it that does not.
MOST_REFERRALS = 8


class ZoneServers:
    """Finds out who is in charge of a name, and asks them themselves.

    ``rdtypes`` are A, AAAA or both: the addresses at which name servers are asked. Where those are
    is up to whoever runs the zone, so none is asked at an address that is this machine's own, and
    at a private one only if a resolver that is inside itself gave it.
    """

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType]) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes

    async def zone(self, name: Name) -> Optional[Zone]:
        """Return the zone that a name is in, or the nearest above it that anybody answers for.

        After an alias it is the zone of its target, which is the one to edit (RFC 2317). DNSSEC
        is not asked to agree: it may be what is broken.
        """
        zone, _ = await self._find(name)
        return zone if zone.soa is not None else None

    async def ask(self, name: Name, rdtype: RdataType, alias: bool = False) -> ZoneAnswers:
        """Put a question to every server of the name's zone.

        Of an ``alias`` it is the zone that has the CNAME. A zone that nobody answers for is found
        through the delegation to it.
        """
        zone, lookups = await self._find(name.parent() if alias and name != ROOT else name)
        question = Question(name, rdtype)
        return await self._descend(await self._ask_all(question, zone, lookups))

    async def trace(self, name: Name, rdtype: RdataType) -> ZoneAnswers:
        """Put a question that failed to every server of the name's zone, from above downwards."""
        zone, lookups = await self._find_soon(name)
        return await self._descend(await self._ask_all(Question(name, rdtype), zone, lookups))

    async def reaches(self, address: Address, name: Name, rdtype: RdataType) -> Optional[bool]:
        """Tell whether a name server says anything at all, None if it could not be asked."""
        answer = await self._lookup(name, rdtype, str(address))
        return None if answer.left_out else not answer.silence

    async def inquire(self, name: Name, rdtype: RdataType, alias: bool = False) -> ZoneAnswers:
        """Do the same, and ask one server of the parent how it delegates the zone."""
        said = await self.ask(name, rdtype, alias)
        return said.replace(delegation=await self._delegation(said.zone))

    async def _delegation(self, zone: Zone) -> Optional[Delegation]:
        # Zones inside are often not delegated from outside, or to others (RFC 6305).
        inside = all(is_inside(a) for server in zone.servers for a in server.addresses)
        if zone.soa is None or inside or zone.name == ROOT or is_private_reverse(zone.name):
            return None
        parent = await self.zone(zone.name.parent())
        for server in parent.servers if parent is not None else ():
            for address in self.askable(server):
                assert parent is not None
                answer = await self._lookup(zone.name, NS, str(address))
                return Delegation(zone, parent.name, server.name, address, answer)
        return None

    async def _descend(self, said: ZoneAnswers) -> ZoneAnswers:
        """Follow what servers refer to, as far as it leads."""
        for _ in range(MOST_REFERRALS):
            referrals = [] if said.contents else _referrals(said)
            if not referrals:
                break
            zone = await self._delegated(referrals[0], said.zone.name)
            said = await self._ask_all(said.question, zone)
        return said

    async def _find(self, name: Name) -> tuple[Zone, tuple[Answer, ...]]:
        """Return a name's zone, and the lookups that may have kept its servers from being known."""
        lookups: list[Answer] = []
        above = name
        while True:
            answer = await self._lookups.ask(above, SOA, unchecked=True)
            lookups.append(answer)
            if answer.soa is not None or not answer.tries or len(above.labels) <= 2:
                break
            above = above.parent()
        failed = [lookup for lookup in lookups if lookup.failed][:1]
        if answer.soa is None:
            return Zone(name, None, (), 0), tuple(failed)
        apex, soa = answer.soa
        listed = await self._lookups.ask(apex, NS, unchecked=True)
        zone = await self._zone(apex, listed.records, self._server)
        return zone._replace(soa=soa), (*failed, listed)

    async def _find_soon(self, name: Name) -> tuple[Zone, tuple[Answer, ...]]:
        """Do the same, or return the nearest zone above that does not fail, as that may be slow."""
        above = [Name(name.labels[start:]) for start in range(max(1, len(name.labels) - 1))]
        asked = [self._lookups.ask(zone, SOA, unchecked=True) for zone in above]
        await self._lookups.moment(asked[0])
        found = (z for z, a in zip(above, asked) if a.settled and a.value.soa is not None)
        return await self._find(next(found, name))

    async def _delegated(self, referral: Answer, parent: Name) -> Zone:
        """Return the zone that a referral is to, whose servers may be known by their glue alone."""
        assert referral.delegation is not None
        apex, names = referral.delegation

        async def server(name: Name) -> NameServer:
            if name.is_subdomain(apex):
                return self._by_glue(name, referral)
            known, elsewhere = start(self._server(name)), start(self._by_its_zone(name))
            await self._lookups.moment(known)
            if known.settled and (known.value.addresses or known.value.missing):
                return known.value
            return await elsewhere or await known

        zone = await self._zone(apex, names, server)
        return zone._replace(parent=parent)

    async def _by_its_zone(self, name: Name) -> Optional[NameServer]:
        """Return a name server as its own zone or the delegation to that has it, if they do."""
        zone, _ = await self._find_soon(name)
        said = await self._ask_all(Question(name, self._rdtypes[0]), zone)
        for referral in _referrals(said):
            return self._by_glue(name, referral)
        answers = (a.answer for a in said.answers if a.answer is not None and a.answer.records)
        return next((NameServer(name, (answer,)) for answer in answers), None)

    def _by_glue(self, name: Name, referral: Answer) -> NameServer:
        glue = (referral.glue(name, rdtype) for rdtype in self._rdtypes)
        return NameServer(name, (), tuple(itertools.chain(*glue)))

    async def _server(self, name: Name) -> NameServer:
        asked = (self._lookup(name, rdtype) for rdtype in self._rdtypes)
        return NameServer(name, tuple(await side_by_side(asked)))

    async def _zone(
        self,
        apex: Name,
        names: Iterable[Name],
        server: Callable[[Name], Coroutine[Any, Any, NameServer]],
    ) -> Zone:
        listed = sorted(set(names))
        may = self._lookups.may_ask_zones(Question(apex, NS))
        servers = await side_by_side(server(name) for name in listed[: MOST_SERVERS * may])
        return Zone(apex, None, tuple(servers), left_out=len(listed[len(servers) :]))

    async def _ask_all(
        self, question: Question, zone: Zone, lookups: tuple[Answer, ...] = ()
    ) -> ZoneAnswers:
        wanted = [
            (server, address)
            for server in zone.servers
            for address in server.addresses[:MOST_ADDRESSES] or (None,)
        ]
        asked = wanted if self._lookups.may_ask_zones(question) else []
        answers = await side_by_side(
            self._ask_server(server, address, zone.name, question) for server, address in asked
        )
        known = tuple(answer for answer in answers if answer is not None)
        left_out = zone.left_out + len(wanted) - len(known)
        left_out += sum(len(server.addresses[MOST_ADDRESSES:]) for server in zone.servers)
        return ZoneAnswers(question, zone, known, lookups, left_out, None)

    async def _lookup(self, name: Name, rdtype: RdataType, at: str = "") -> Answer:
        return await self._lookups.ask(name, rdtype, at, unchecked=not at)

    async def _ask_server(
        self, server: NameServer, address: Optional[Address], apex: Name, question: Question
    ) -> Optional[ServerAnswer]:
        """Return what an address of a server says, None if it was too much to ask that too."""
        if address is None and any(answer.left_out for answer in server.answers):
            return None
        if address is None:
            why = Unasked.NO_ADDRESS if server.missing else Unasked.UNKNOWN_ADDRESS
            return ServerAnswer(server.name, None, None, None, why)
        if not self._may_be_asked(server, address):
            return ServerAnswer(server.name, address, None, None, Unasked.INSIDE)
        answer, soa = await side_by_side(
            (
                self._lookup(question.name, question.rdtype, str(address)),
                self._lookup(apex, SOA, str(address)),
            )
        )
        if answer.left_out or soa.left_out:
            return None
        return ServerAnswer(server.name, address, answer, soa, None)

    def askable(self, server: NameServer) -> list[Address]:
        """Return the addresses of a name server that may be asked, as many as are."""
        kept = server.addresses[:MOST_ADDRESSES]
        return [address for address in kept if self._may_be_asked(server, address)]

    def _may_be_asked(self, server: NameServer, address: Address) -> bool:
        use = kind_of(behind_translation(address)).use
        if use is Use.PRIVATE:
            given_by = (answer for answer in server.answers if address in answer.addresses)
            return any(self._lookups.is_from_inside(answer) for answer in given_by)
        return use is Use.PUBLIC


def _referrals(said: ZoneAnswers) -> list[Answer]:
    """Return what a zone's servers refer to: downwards, and towards the name that was asked."""

    def leads_on(answer: Answer) -> bool:
        zone = answer.delegation[0] if answer.delegation is not None else said.zone.name
        below = zone != said.zone.name and zone.is_subdomain(said.zone.name)
        return below and said.question.name.is_subdomain(zone)

    answers = (said.answer for said in said.answers if said.answer is not None)
    return [a for a in answers if a.outcome is Outcome.REFERRAL and leads_on(a)]
