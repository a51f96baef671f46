"""What is behind a lookup that failed, from what others say to the question."""

from __future__ import annotations

import enum
from typing import Optional

from reverse_mx.answer import Answer, Content, Outcome
from reverse_mx.facts import Lameness, ZoneAnswers
from reverse_mx.lookups import Lookups
from reverse_mx.names import Name
from reverse_mx.values import Value
from reverse_mx.zone_servers import ZoneServers

# Aliases followed to the servers that fail.
MOST_ALIASES = 8


class Cause(enum.Enum):
    """What is behind a lookup that failed."""

    UNKNOWN = enum.auto()
    NO_TIME = enum.auto()
    BOGUS = enum.auto()
    BOGUS_SAYS_RESOLVER = enum.auto()
    RESOLVER = enum.auto()
    SILENT_SERVERS = enum.auto()
    USELESS_SERVERS = enum.auto()
    ALIAS_CIRCLE = enum.auto()


class Opinion(Value):
    """What others say to a question that failed, and whose fault it is.

    ``asked`` are the zones' own servers, behind each alias those of its target, ``names`` are the
    aliases. ``unchecked`` is what the resolver says without validating.
    """

    cause: Cause
    asked: tuple[ZoneAnswers, ...]
    names: tuple[Name, ...]
    unchecked: Optional[Content] = None


class Causes:
    """Asks others than the resolvers what a lookup that failed would have given."""

    def __init__(self, lookups: Lookups, zone_servers: ZoneServers) -> None:
        self._lookups = lookups
        self._zone_servers = zone_servers

    async def opinion(self, failed: Answer) -> Opinion:
        """Ask others what a lookup that failed would have given, and conclude whose fault it is."""
        question = failed.question
        unchecked = self._lookups.ask(question.name, question.rdtype, unchecked=True)
        asked: list[ZoneAnswers] = []
        names = [question.name]
        while True:
            answers = await self._zone_servers.ask(names[-1], question.rdtype)
            asked += [answers] if answers is not None and answers.answers else []
            alias = answers.alias if answers is not None else None
            if alias is None:
                word = await unchecked
                cause = _cause(failed, word, answers)
                return Opinion(cause, tuple(asked), tuple(names), word.content)
            names.append(alias)
            if alias in names[:-1] or len(names) > MOST_ALIASES:
                return Opinion(Cause.ALIAS_CIRCLE, tuple(asked), tuple(names))


def _cause(failed: Answer, unchecked: Answer, answers: Optional[ZoneAnswers]) -> Cause:
    if not unchecked.tries:
        return Cause.NO_TIME
    if not unchecked.failed and failed.outcome is Outcome.FAILURE:
        return Cause.BOGUS
    if failed.bogus:
        return Cause.BOGUS_SAYS_RESOLVER
    if answers is None or not answers.answers:
        return Cause.UNKNOWN
    if len(answers.contents) == 1:
        return Cause.RESOLVER
    if not answers.all_lame:
        return Cause.UNKNOWN
    silent = {Lameness.SILENT, Lameness.CLOSED}
    if {answer.lame for answer in answers.answers} <= silent:
        return Cause.SILENT_SERVERS
    return Cause.USELESS_SERVERS
