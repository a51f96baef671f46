"""What is to be done about an error of an SPF record: whose it is, and what it should say."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple, Optional

from dns.rdatatype import AAAA, MX, TXT, A, RdataType

from reverse_mx.answer import Answer, Outcome
from reverse_mx.facts import SpfFacts
from reverse_mx.names import Address, Name
from reverse_mx.spf_mending import (
    almost,
    choices,
    in_order,
    mended,
    merged,
    respelt,
    shortened,
    without,
)
from reverse_mx.spf_record import (
    MOST_SPF_EXCHANGES,
    MOST_SPF_LOOKUPS,
    MOST_SPF_VOIDS,
    SpfError,
    SpfFault,
    SpfSource,
    SpfTerm,
    read_spf_record,
    spf_texts,
)


class SpfAdvice(enum.Enum):
    """What helps where the whole record cannot be given."""

    CORRECT = enum.auto()
    MERGE = enum.auto()
    SHORTEN = enum.auto()
    FEWER_LOOKUPS = enum.auto()
    FEWER_HOSTS = enum.auto()
    FEWER_VOIDS = enum.auto()
    LIST_SENDERS = enum.auto()


class SpfStep(NamedTuple):
    """A change of the record of ``owner``: its whole ``text``, or advice, maybe on a term.

    ``costs`` are the lookups that the terms of a record need, the most first. ``instead`` is
    whether it is another way than the step before it.
    """

    action: str
    owner: Name
    text: str = ""
    advice: Optional[SpfAdvice] = None
    term: Optional[SpfSource] = None
    costs: tuple[tuple[SpfSource, int], ...] = ()
    instead: bool = False


def spf_steps(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    """Return the ways to mend an error, the best first.

    Several records may lead to a name that has none: that is one fault, mended in each of them.
    """
    errors = [error]
    if error.fault in (SpfFault.NO_RECORD, SpfFault.LOOP):
        alike = (error.fault, error.chain[-1:])
        errors = [e for e in facts.errors if (e.fault, e.chain[-1:]) == alike]
    steps = (step for each in errors for step in _STEPS[error.fault](facts, each))
    return [*dict.fromkeys(steps)]


def _owners(facts: SpfFacts, error: SpfError) -> list[Name]:
    """Return the owners of the records from the domain's own to the one at fault."""
    return [facts.domain, *(name for _, name in error.chain)]


def _answer(facts: SpfFacts, name: Name, rdtype: RdataType = TXT) -> Optional[Answer]:
    questions = ((answer.question, answer) for answer in facts.answers)
    return next((a for q, a in questions if q.name == name and q.rdtype == rdtype), None)


def _text(facts: SpfFacts, name: Name) -> tuple[Name, str]:
    """Return the SPF record that a name has, and its owner: the name may be an alias."""
    answer = _answer(facts, name)
    texts = spf_texts(answer) if answer is not None else []
    return (answer.owner if answer is not None else name), (texts or [""])[0]


def _syntax(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    name = _owners(facts, error)[-1]
    owner, text = _text(facts, name)
    better = mended(text, name)
    if better is not None and _leads_back(better, name):
        better = without(text, name, lambda term: _leads_to(term, name))
    if better is not None:
        return [SpfStep("fix", owner, better)]
    if error.fault is SpfFault.TERMS:
        return [SpfStep("fix", owner, advice=SpfAdvice.SHORTEN)]
    if error.fault is SpfFault.TWICE:
        first = "fix, if this redirect is meant"
        possible = [choice for choice in choices(text, name) if not _leads_back(choice, name)]
        return [
            SpfStep("fix" if number else first, owner, choice, instead=number > 0)
            for number, choice in enumerate(possible[:9])
        ]
    return [SpfStep("fix", owner, advice=SpfAdvice.CORRECT, term=error.term)]


def _leads_to(term: SpfTerm, name: Name) -> bool:
    return term.name in ("include", "redirect=") and term.target == name


def _leads_back(text: str, owner: Name) -> bool:
    """Tell whether a record leads to itself."""
    return any(_leads_to(term, owner) for term in read_spf_record(text, owner)[0])


def _several(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    name = _owners(facts, error)[-1]
    answer = _answer(facts, name)
    assert answer is not None
    one = merged(spf_texts(answer), name)
    if one is None:
        return [SpfStep("fix", answer.owner, advice=SpfAdvice.MERGE)]
    return [SpfStep(f"fix, in place of the {error.number}", answer.owner, one)]


def _none(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    name = _owners(facts, error)[-1]
    answer = _answer(facts, name)
    assert answer is not None
    meant = [record for text in almost(answer) for record in [mended(text, name)] if record]
    steps = [SpfStep("fix, in place of what is almost one", answer.owner, r) for r in meant[:1]]
    if error.chain:
        return steps or _not_followed(facts, error)
    if not steps and answer.outcome is not Outcome.NXDOMAIN:
        # It says of nobody that they may not send.
        hosts = " mx" if 0 < error.number <= MOST_SPF_EXCHANGES else ""
        steps = [
            SpfStep("fix", answer.owner, f"v=spf1{hosts} ?all"),
            SpfStep("then", answer.owner, advice=SpfAdvice.LIST_SENDERS),
        ]
    return steps


def _not_followed(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    """Return how a record is rid of a term that leads to none, or back."""
    name = _owners(facts, error)[-2]
    owner, text = _text(facts, name)
    kind, target = error.chain[-1]

    def leads_there(term: SpfTerm) -> bool:
        return term.name == kind and term.target == target

    terms = [term for term in read_spf_record(text, name)[0] if leads_there(term)]
    spelt = respelt(text, name, terms[0].text) if terms else None
    if spelt is not None:
        return [SpfStep("fix", owner, spelt)]
    rest = without(text, name, leads_there)
    term = SpfSource(terms[0].text) if terms else None
    correct = SpfStep("fix", owner, advice=SpfAdvice.CORRECT, term=term)
    if rest is None:
        return [correct]
    unless = "" if error.fault is SpfFault.LOOP else ", unless another name is meant"
    return [SpfStep(f"fix{unless}", owner, rest)]


def _lookups(facts: SpfFacts, _: SpfError) -> list[SpfStep]:
    owner, text = _text(facts, facts.domain)
    excess = sum(cost for _, cost in facts.costs) - MOST_SPF_LOOKUPS
    less = shortened(text, facts.domain, excess, _listed(facts, text))
    costs = tuple(sorted(facts.costs, key=lambda cost: -cost[1]))
    dear = SpfStep("fix", owner, advice=SpfAdvice.FEWER_LOOKUPS, costs=costs)
    return [dear] if less is None else [SpfStep("fix", owner, less), dear._replace(instead=True)]


def _exchanges(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    owner, _ = _text(facts, _owners(facts, error)[-1])
    return [SpfStep("fix", owner, advice=SpfAdvice.FEWER_HOSTS, term=error.term)]


def _voids(facts: SpfFacts, error: SpfError) -> list[SpfStep]:
    name = facts.domain
    owner, text = _text(facts, name)
    own = [term for term in read_spf_record(text, name)[0] if _is_void(facts, term)]
    rest = without(text, name, lambda term: term.text in [one.text for one in own])
    if error.family:
        # The networks come first then, but what hosts and other records give stays behind.
        allowed = [(address.version, source) for address, source in facts.addresses]
        allowed += [(own.network.version, own.source) for own in facts.large if own.network]
        given = [source for version, source in allowed if version == error.family]
        moved = all(source.domain is None and _is_network(source) for source in given)
        rest = in_order(text, name) if moved else None
    enough = error.family or error.number - len(own) <= MOST_SPF_VOIDS
    advice = SpfStep("fix", owner, advice=SpfAdvice.FEWER_VOIDS)
    return [SpfStep("fix", owner, rest)] if enough and rest is not None else [advice]


def _is_network(source: SpfSource) -> bool:
    return source.text.lstrip("+").lower().startswith(("ip4:", "ip6:"))


def _listed(facts: SpfFacts, text: str) -> dict[str, list[Address]]:
    """Return the addresses that terms of the own record stand for, where all are known."""
    terms = read_spf_record(text, facts.domain)[0]
    found = {term.text: _addresses(facts, term) for term in terms if term.name in ("a", "mx")}
    return {term: addresses for term, addresses in found.items() if addresses}


def _addresses(facts: SpfFacts, term: SpfTerm) -> list[Address]:
    target = term.target or facts.domain
    mx = _answer(facts, target, MX) if term.name == "mx" else None
    hosts = [record.exchange for record in mx.records] if mx is not None else [target]
    answers = [_answer(facts, host, rdtype) for host in hosts for rdtype in (A, AAAA)]
    whole = term.lengths == (32, 128) and not any(a is None or a.unknown for a in answers)
    return [address for a in answers if whole and a is not None for address in a.addresses]


def _is_void(facts: SpfFacts, term: SpfTerm) -> bool:
    """Whether a term of the domain's own record is known to stand for nothing."""
    rdtypes = {"a": (A, AAAA), "exists": (A,), "mx": (MX,)}.get(term.name, ())
    target = term.target or facts.domain
    answers = [_answer(facts, target, rdtype) for rdtype in rdtypes]
    return bool(answers) and all(answer is not None and answer.missing for answer in answers)


_STEPS: dict[SpfFault, Callable[[SpfFacts, SpfError], list[SpfStep]]] = {
    SpfFault.NO_RECORD: _none,
    SpfFault.RECORDS: _several,
    SpfFault.SYNTAX: _syntax,
    SpfFault.TWICE: _syntax,
    SpfFault.TERMS: _syntax,
    SpfFault.LOOKUPS: _lookups,
    SpfFault.EXCHANGES: _exchanges,
    SpfFault.LOOP: _not_followed,
    SpfFault.VOIDS: _voids,
}
