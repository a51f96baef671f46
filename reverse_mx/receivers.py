"""What receivers do about a problem, in view of all that was found of its address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from typing import Optional

from reverse_mx.addresses import private_by, unusable_as
from reverse_mx.answer import Edge, Outcome
from reverse_mx.facts import MailAddress, MailHost, PtrName, Subject
from reverse_mx.filters import rspamd
from reverse_mx.findings import FINDINGS, Problem, Reaction, When
from reverse_mx.generic import why_generic
from reverse_mx.names import ROOT, Address, Name, address_in_letters, letters

# What a filter scores comes on top of what a mail server does.
_SEVERITY = ("accepts", "decides by chance", "defers", "refuses")

# Rspamd scores these in EHLO as it does a word.
_LOCAL = (
    *(".lan", ".local", ".home", ".localdomain", ".intra", "in-addr.arpa"),
    *(".priv", ".user", ".veloxzon"),
)


class Receivers:
    """Says what each receiver does about a problem, if it does nothing worse to the address.

    A name that would do is of no use beside one that fails, and neither is a sound PTR name of a
    host that gives a bad one in EHLO.
    """

    def __init__(self) -> None:
        self._worst: dict[tuple[Address, str], int] = {}
        # The names in EHLO of hosts that the public sees no mail from.
        self._private: set[Optional[Name]] = set()
        # What holds of a mail host among those of its domain.
        self._among: dict[tuple[Optional[Name], Optional[Name]], set[When]] = {}

    def learn(self, subject: Optional[Subject], problem: Problem) -> None:
        """Take note of a problem that a subject has; ``reactions()`` wants all to be known."""
        fact = problem.fact
        if isinstance(fact, MailHost) and subject is not None:
            if fact.target.receives:
                self._among[fact.domain, fact.name] = set(_conditions_among(fact, subject.hosts))
                if subject.left_out_hosts or subject.ignored_hosts:
                    self._among[fact.domain, fact.name] -= {When.ALONE, When.NO_ADDRESS}
            elif fact.is_helo and all(private_by(a.address) for a in subject.addresses):
                self._private.add(fact.name)
        if not problem.finding or not isinstance(fact, MailAddress):
            return
        reactions = [*_reactions(problem)]
        if fact.helo is not None:
            reactions += _reactions(problem.replace(finding="no-address", fact=fact.helo))
        for reaction in reactions:
            key = fact.address, reaction.receiver
            self._worst[key] = max(_severity(reaction), self._worst.get(key, 0))

    def reactions(self, problem: Problem) -> tuple[Reaction, ...]:
        among: Set[When] = frozenset()
        if isinstance(problem.fact, MailHost):
            among = self._among.get((problem.fact.domain, problem.fact.name), among)
        reactions = [*_reactions(problem, among)]
        if isinstance(problem.fact, MailAddress):
            own: dict[str, int] = {}
            for reaction in reactions:
                receiver = reaction.receiver
                own[receiver] = max(_severity(reaction), own.get(receiver, 0))
            at = problem.fact.address
            reactions = [r for r in reactions if own[r.receiver] >= self._worst[at, r.receiver]]
        elif isinstance(problem.fact, MailHost) and problem.fact.name in self._private:
            reactions = [r for r in reactions if When.PUBLIC not in r.when]
        return (*reactions, *_scores(problem))


def _severity(reaction: Reaction) -> int:
    return _SEVERITY.index(reaction.verdict) if reaction.verdict in _SEVERITY else 0


def _reactions(problem: Problem, among: Set[When] = frozenset()) -> Iterator[Reaction]:
    """Yield what receivers do about a finding by itself, of a host that is one among others."""
    reactions = FINDINGS[problem.finding].reactions if problem.finding else ()
    holds = {*_conditions(problem), *among} if reactions else set()
    return (reaction for reaction in reactions if holds.issuperset(reaction.when))


def _scores(problem: Problem) -> Iterator[Reaction]:
    """Yield what filters score a generic name with; a private address they do not look at."""
    if problem.finding == "generic-ptr" and not private_by(problem.fact.address):
        why = why_generic(problem.about.name, problem.fact.address)
        for score in why.scores if why is not None else ():
            yield Reaction(score.filter, "", f"scores {score}")


def _conditions(problem: Problem) -> Iterator[When]:
    """Yield what holds of a problem, of all that a reaction can hang on."""
    fact, about = problem.fact, problem.about
    stage = about.stage if isinstance(about, Edge) else None
    if isinstance(fact, Subject) and stage == "mx":
        yield When.MX
    elif isinstance(fact, Subject):
        if any(map(_takes_mail, fact.hosts)):
            yield When.HAS_ADDRESS
    elif isinstance(fact, MailHost):
        if fact.is_helo:
            yield from _conditions_of_ehlo(fact)
    elif isinstance(fact, MailAddress):
        if not private_by(fact.address):
            yield When.PUBLIC
        if all(map(_has_bad_letters, fact.iprev.names)):
            yield When.BAD_LETTERS
        if stage == "ptr":
            yield from (When.PTR, When.PTR_OR_CONFIRM, When.PTR_OR_ONLY_CONFIRM)
        elif stage == "confirm":
            yield When.PTR_OR_CONFIRM
            if len(fact.iprev.names) == 1:
                yield When.PTR_OR_ONLY_CONFIRM
        if fact.helo is not None and fact.helo.all_addresses:
            yield When.EHLO_RESOLVES
            if fact.address in fact.helo.all_addresses:
                yield When.EHLO_LEADS_BACK
            elif not fact.helo_leads_back:
                yield When.EHLO_ELSEWHERE


def _conditions_among(host: MailHost, hosts: Sequence[MailHost]) -> Iterator[When]:
    """Yield what holds of a mail host of a domain that has these."""
    others = [other for other in hosts if other.target.receives and other.name != host.name]
    # Postfix takes a domain with such a record for one that takes no mail.
    if ROOT in (host.name, *(other.name for other in others)):
        if host.name == ROOT:
            yield When.MX_ROOT
        return
    address = address_in_letters(host.name) if host.name is not None else None
    if address is not None and address.version == 4 and not unusable_as(address):
        yield When.MX_ADDRESS
    if _takes_mail(host):
        yield When.HAS_ADDRESS
    elif any(map(_takes_mail, others)):
        yield When.OTHERS
    elif all(other.answers and not other.all_addresses for other in others):
        if not host.all_addresses:
            yield When.NO_ADDRESS
        # Of one whose lookup failed nobody knows that it has none.
        if all(answer.missing for other in others for answer in other.answers):
            yield When.ALONE


def _has_bad_letters(ptr: PtrName) -> bool:
    text = letters(ptr.name)
    return re.search(r"^-|[^\w.-]", text, re.ASCII) is not None


def _takes_mail(host: MailHost) -> bool:
    return not all(map(unusable_as, host.all_addresses))


def _conditions_of_ehlo(host: MailHost) -> Iterator[When]:
    assert host.name is not None
    if all(answer.outcome is Outcome.NXDOMAIN for answer in host.answers):
        yield When.EHLO_NOWHERE
    text = letters(host.name).lower()
    if not any(True for _ in rspamd(text)) and not text.endswith(_LOCAL):
        yield When.EHLO_WITHOUT_WORDS
    # Unless all that the host sends from is private.
    yield When.PUBLIC
