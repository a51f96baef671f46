"""What to do about problems, whose zone it is, and what receivers do meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Optional

from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.facts import Authority, Testimony, Zone, content_of
from reverse_mx.findings import FINDINGS, Problem
from reverse_mx.lookups import Lookups
from reverse_mx.loop import side_by_side, start
from reverse_mx.names import ARPA, ROOT, Name, is_private_reverse
from reverse_mx.text import in_line, show_name
from reverse_mx.zone_servers import Authorities

MOST_LINES = 13


def show_witness(testimony: Testimony, idn: bool) -> str:
    known = [str(testimony.address)] if testimony.address else []
    known += [f"serial {testimony.serial}"] if testimony.serial is not None else []
    return f"{show_name(testimony.server, idn)}{' (' + ', '.join(known) + ')' if known else ''}"


def _said(testimony: Testimony) -> str:
    if testimony.lame:
        return testimony.lame
    return f"has {in_line(testimony.content, ', ')}" if testimony.content else "was not asked"


# Aliases followed to the servers that fail, and the Extended DNS Errors of a validator (RFC 8914,
# 4.2, 4.3 and 4.6 to 4.13), as the lookups write them.
MOST_ALIASES = 8


DNSSEC_ERRORS = r"\(EDE (?:[1256789]|1[012]) "


class Advisor:
    """Says what to do about problems: the record, whose zone it is in, what receivers do meanwhile.

    ``inquire()`` makes the lookups that this takes, in what is left of the time; then ``lines()``
    tells of one problem after the other, and of each zone and finding once.
    """

    def __init__(self, lookups: Lookups, authorities: Authorities, idn: bool) -> None:
        self._lookups = lookups
        self._authorities = authorities
        self._idn = idn
        self._zones: dict[Name, Optional[Zone]] = {}
        self._opinions: dict[Question, list[str]] = {}
        self._told: set[object] = set()
        self._deaf = False

    def inquire(self, problems: Iterable[Problem]) -> None:
        self._deaf = all(answer.silence for answer in self._lookups.answers)
        owners: dict[Name, None] = {}
        failed: dict[Question, Answer] = {}
        for problem in problems:
            owners.update((cure.owner, None) for cure in problem.cures)
            if problem.failed is not None:
                failed[problem.failed.question] = problem.failed

        async def both() -> None:
            zones = start(side_by_side(self._authorities.zone(owner) for owner in owners))
            opinions = start(side_by_side(self._opinion(answer) for answer in failed.values()))
            self._zones.update(zip(owners, await zones))
            self._opinions.update(zip(failed, await opinions))

        self._lookups.run(both())

    def lines(self, problem: Problem) -> Iterator[str]:
        cures = problem.cures
        for number, cure in enumerate(cures):
            if cure in self._told:
                yield f"{cure.action}: as above"
                continue
            self._told.add(cure)
            yield f"{cure.action}: {cure.record}"
            zone = self._zones.get(cure.owner)
            following = cures[number + 1 : number + 2]
            if zone is not None and zone not in [self._zones.get(c.owner) for c in following]:
                yield from self._zone_lines(zone)
        if problem.failed is not None and self._deaf:
            if "deaf" not in self._told:
                yield "cause: no resolver answered any question: is it right, running, reachable?"
            self._told.add("deaf")
            return
        if problem.failed is not None:
            yield from self._opinions.get(problem.failed.question, ())
        stage = problem.failed.stage if problem.failed is not None else ""
        if problem.finding and (problem.finding, stage) not in self._told:
            self._told.add((problem.finding, stage))
            private = any(is_private_reverse(cure.owner) for cure in cures)
            reactions = [
                str(reaction._replace(stages=()))
                for reaction in FINDINGS[problem.finding].reactions
                if not reaction.stages or stage in reaction.stages
                # No private address ever reaches a public receiver.
                if not (private and reaction.receiver == "Gmail")
            ]
            if reactions:
                yield f"meanwhile: {'; '.join(reactions)}"

    def _zone_lines(self, zone: Zone) -> Iterator[str]:
        name = show_name(zone.name, self._idn)
        if zone.name == ROOT:
            yield "in: the root zone, which has no such name: is it misspelt?"
            return
        if zone.name in self._told:
            yield f"in: zone {name}, see above"
            return
        self._told.add(zone.name)
        contact = f", contact {zone.contact}" if zone.contact else ""
        yield f"in: zone {name}{contact}"
        if is_private_reverse(zone.name):
            yield "  the zone of a private network, so your own"
        elif zone.classless:
            yield "  delegated (RFC 2317): whoever runs its name servers changes it"
        elif zone.providers:
            yield "  nothing below it is delegated: the address's provider changes it"
        elif zone.name.is_subdomain(ARPA):
            yield "  a reverse zone: as a rule the address's provider changes it"
        servers = [
            f"{show_name(server.name, self._idn)} ({', '.join(map(str, server.addresses)) or '?'})"
            for server in zone.servers
        ]
        if servers:
            yield f"  name servers: {in_line(servers, ', ')}"

    async def _opinion(self, failed: Answer) -> list[str]:
        """Ask others what a lookup that failed would have given, and conclude whose fault it is."""
        question = failed.question
        unchecked = start(self._unchecked(question))
        lines: list[str] = []
        names = [question.name]
        while True:
            authority = await self._authorities.ask(names[-1], question.rdtype)
            lines += self._asked(authority)
            alias = authority.alias if authority is not None else None
            if alias is None:
                return lines + self._conclusion(failed, await unchecked, authority)
            names.append(alias)
            if alias in names[:-1] or len(names) > MOST_ALIASES:
                chain = " CNAME ".join(show_name(name, self._idn) for name in names)
                return [*lines, f"cause: the aliases lead in a circle, or too far: {chain}"]

    def _asked(self, authority: Optional[Authority]) -> list[str]:
        if authority is None or not authority.testimonies:
            return []
        said = [f"  {show_witness(t, self._idn)} {_said(t)}" for t in authority.testimonies]
        zone = show_name(authority.zone.name, self._idn)
        more = ["  ..."] * (len(said) > MOST_LINES)
        return [f"asked themselves, the servers of {zone}:", *said[:MOST_LINES], *more]

    async def _unchecked(self, question: Question) -> Answer:
        return await self._lookups.ask(question.name, question.rdtype, "zone", unchecked=True)

    def _conclusion(
        self, failed: Answer, unchecked: Answer, authority: Optional[Authority]
    ) -> list[str]:
        if not unchecked.tries:
            return ["cause: not looked for, as the time was up; a longer --timeout leaves some"]
        if not unchecked.failed and failed.outcome is Outcome.FAILURE:
            return [
                "cause: DNSSEC validation fails; with checking disabled the resolver answers"
                f" {in_line(content_of(unchecked), ', ')}"
            ]
        if re.search(DNSSEC_ERRORS, failed.reason):
            return [
                "cause: DNSSEC validation fails, says the resolver; the owner of the zone can help"
            ]
        if authority is None or not authority.testimonies:
            return []
        if len(authority.contents) == 1:
            return ["cause: the name servers that answer agree, so the trouble is the resolver's"]
        if not authority.all_lame:
            return []
        if all(testimony.lame.startswith("does not answer") for testimony in authority.testimonies):
            return [
                "cause: no name server of the zone answers: its owner can help, unless port 53 is"
                " blocked on the way from here"
            ]
        return ["cause: no name server of the zone gives an answer of use; its owner can help"]
