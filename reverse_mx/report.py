"""The long output: the problems with the advice on them, the chain, the lookups."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional, Union

import nagiosplugin
from nagiosplugin.state import Ok, ServiceState

from reverse_mx.addresses import translated_by
from reverse_mx.answer import Answer, Outcome, unique
from reverse_mx.facts import MailAddress, MailHost, PtrName, SpfFacts, Subject
from reverse_mx.findings import PERFDATA, Judgement, Problem
from reverse_mx.lookups import Lookups
from reverse_mx.names import Address
from reverse_mx.process import Ending, fault
from reverse_mx.sentences import Sentences
from reverse_mx.spf_record import SpfLarge, SpfLeftOut
from reverse_mx.status import (
    Entry,
    StatusLine,
    chains_of,
    entries_of,
    fact_of,
    show_size,
    status_line,
    subjects_of,
)
from reverse_mx.text import counted, in_line, show_name, wrap
from reverse_mx.wording import (
    Wording,
    denial,
    reason,
    show_greeting,
    show_question,
    unasked,
)
from reverse_mx.zone_facts import ZoneAnswers

if TYPE_CHECKING:
    from reverse_mx.advice import Advice, AdviceLine, Advisor

# What one step deeper in the long output is indented by.
STEP = "  "


class Counsel:
    """What an advisor says, who may fail, or not be there: the verdict stands without."""

    def __init__(self, advisor: Callable[[], Advisor]) -> None:
        """``advisor`` gives one, when there is a problem."""
        self.failure = ""
        self._find = advisor
        self._advisor: Optional[Advisor] = None

    def inquire(
        self, problems: Iterable[tuple[Optional[Subject], Problem]], subjects: Iterable[Subject]
    ) -> None:
        try:
            self._advisor = self._find()
            self._advisor.inquire(problems, subjects)
        except Exception as error:
            self._fail(error)

    @property
    def left_out(self) -> int:
        """How many lookups were left out, at least."""
        return self._advisor.left_out if self._advisor is not None else 0

    def anew(self) -> Counsel:
        """Return one that knows the same, and has told nothing yet."""
        other = copy.copy(self)
        if self._advisor is not None:
            other._advisor = self._advisor.anew()
        return other

    def of(self, problem: Problem) -> Optional[Advice]:
        """Return what helps with a problem, None if that is not known."""
        try:
            return self._advisor.of(problem) if self._advisor is not None else None
        except Exception as error:
            self._fail(error)
            return None

    def helps(self, problem: Problem) -> bool:
        """Tell whether anything can be done about a problem."""
        advice = self.of(problem) if problem.state is not Ok else None
        return advice is not None and bool(
            advice.cures or advice.newer or advice.barriers or advice.opinion
        )

    def lines(self, problem: Problem) -> list[AdviceLine]:
        try:
            return list(self._advisor.lines(problem)) if self._advisor is not None else []
        except Exception as error:
            self._fail(error)
            return []

    def _fail(self, error: Exception) -> None:
        # What failed first may be the cause of this.
        self.failure = self.failure or f"the advice failed: {fault(error)}"


class Check(nagiosplugin.Check):
    """A check whose performance data keep their documented order."""

    def __call__(self) -> None:
        super().__call__()
        self.perfdata.sort(key=lambda datum: PERFDATA.index(datum.partition("=")[0]))

    @property
    def status(self) -> str:
        """The status line, without performance data."""
        return status_line(self.state, self.summary_str)

    @property
    def performance_data(self) -> str:
        return " ".join(self.perfdata)


class AdvisedCheck(Check):
    """A check that asks for advice on its problems, if it was given somebody to ask."""

    def __init__(self, ending: Ending, counsel: Optional[Counsel], *objects: Any) -> None:
        super().__init__(*objects)
        self._ending = ending
        self._counsel = counsel

    def __call__(self) -> None:
        super().__call__()
        if self._counsel is None:
            return
        bad = [
            (entry.subjects[0] if entry.subjects else None, entry.problem)
            for entry in entries_of(self.results)
            if entry.problem.state is not Ok
        ]
        if bad:
            self._ending.know(self.status, self.exitcode, self.performance_data)
            self._ending.before("there was advice")
            self._counsel.inquire(bad, subjects_of(self.results))


class ChainSummary(StatusLine):
    """Below the status line the long output says what to do, and draws the chain.

    It begins with what to do: Icinga Web shows five lines of it until it is unfolded.
    ``verbosity`` is the number of ``-v``: from 2 on every lookup is listed.
    """

    def __init__(
        self, verbosity: int, wording: Sentences, lookups: Lookups, counsel: Optional[Counsel]
    ) -> None:
        super().__init__(wording)
        self._verbosity = verbosity
        self._lookups = lookups
        self._counsel = counsel
        self._chain = Chain(wording)

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        subjects = subjects_of(results)
        entries = self._mendable_first(entries_of(results))
        lines = [line for entry in entries for line in self._entry(entry, len(subjects))]
        if self._counsel is not None and self._counsel.failure:
            lines.append(self._counsel.failure)
        if self._counsel is not None and self._counsel.left_out:
            left_out = counted(self._counsel.left_out, "lookup", "lookups")
            lines.append(f"the advice leaves out at least {left_out}, which are too many")
        lines += self._notes()
        lookups: list[Answer] = []
        many = sum(subject.mx is not None for subject in subjects) > 1
        for judgements in chains_of(results):
            subject = fact_of(judgements[0])
            sound = all(judgement.state is Ok for judgement in judgements)
            lines += [self._chain.sound(subject)] if many and sound else self._draw(judgements)
            lookups += [edge.answer for edge in subject.edges]
        if self._verbosity > 1:
            lookups += [answer for answer in self._lookups.answers if answer.tries]
            lines.append("lookups")
            lines += [f"{STEP}{_lookup_line(answer)}" for answer in unique(lookups)]
        return lines

    def _mendable_first(self, entries: list[Entry]) -> list[Entry]:
        """Return the problems, of those that are worst first one that something can be done about.

        What nothing can be done about may have more lines than are seen at once.
        """
        if self._counsel is None:
            return entries
        worst = [entry for entry in entries if entry.problem.state is entries[0].problem.state]
        first = next((entry for entry in worst if self._counsel.helps(entry.problem)), None)
        return sorted(entries, key=lambda entry: entry is not first)

    def _entry(self, entry: Entry, subjects: int) -> Iterator[str]:
        """Yield a problem, and what to do about it."""
        problem = entry.problem
        label = f"{entry.label(self._wording)}: " if subjects > 1 and entry.subjects else ""
        name = f"{problem.finding}: " if problem.finding else ""
        said = f"{_ball(problem.state)} {name}{label}{self._wording.problem(problem)}"
        if entry.further:
            said += f" (so too {counted(entry.further, 'more address', 'more addresses')})"
        yield said + "; nothing to do" * (problem.finding == "provider-name")
        if self._counsel is not None and problem.state is not Ok:
            for line in self._counsel.lines(problem):
                indent = STEP * (1 + line.depth)
                yield from wrap(line.text, indent, STEP) if line.prose else [indent + line.text]

    def _notes(self) -> Iterator[str]:
        """Yield what is no problem yet of those who were asked."""
        for server in self._lookups.passed_over:
            note = f"resolver {server} does not answer; the next outage is there"
            yield from wrap(f"note: {note}", "", STEP)
        for server in self._lookups.without_edns:
            note = f"{server} is silent with EDNS (RFC 6891), so it takes a second longer;"
            yield from wrap(f"note: {note} is a firewall in the way?", "", STEP)

    def _draw(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        """Yield the links of a chain, an address with its state."""
        drawn: set[str] = set()
        for judgement in judgements:
            kind = kind_of(judgement)
            depth, lines = self._chain.link(kind, fact_of(judgement))
            if kind == "host-zone":
                # Mostly it is the domain's, and the same for each host and family.
                lines = [line for line in lines if line not in drawn]
            drawn.update(lines)
            state = f"{_ball(judgement.state)} " if kind == "address" else ""
            yield from (f"{STEP * depth}{state}{line}" for line in lines)


def _ball(state: ServiceState) -> str:
    """Return a state as Icinga Web draws it: a coloured ball."""
    return f"[{str(state).upper()}]"


class Chain:
    """Draws the links of the chain, each as it is known from its facts."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def sound(self, subject: Subject) -> str:
        """Return a subject without problems in one line."""
        size = show_size(len(subject.mail_hosts), len(subject.addresses))
        return f"{_ball(Ok)} {self._subject(subject)}: {size}"

    def link(self, kind: str, fact: Any) -> tuple[int, list[str]]:
        """Return how deep a fact hangs in the chain, and the lines that show it."""
        if kind == "subject":
            return 0, [self._subject(fact)]
        if kind == "spf":
            return 1, self._spf(fact)
        if kind == "host":
            return 1, [self._host(fact)]
        if kind == "address":
            return 2, [self._address(fact)]
        if kind == "greeting":
            return 3, [f"SMTP: {show_greeting(fact.greeting)}"]
        return {"mx-zone": 1, "host-zone": 2, "ptr-zone": 3}[kind], self._zone(fact)

    def _subject(self, fact: Subject) -> str:
        ignored = [
            counted(fact.ignored_hosts, "mail host", "mail hosts") * bool(fact.ignored_hosts),
            counted(fact.ignored_addresses, "address", "addresses") * bool(fact.ignored_addresses),
        ]
        said = f" ({' and '.join(filter(None, ignored))} ignored)" if any(ignored) else ""
        return f"{self._wording.of(fact.of)}{said}"

    def _spf(self, fact: SpfFacts) -> list[str]:
        parts: list[Union[SpfLarge, SpfLeftOut]] = [*fact.large, *fact.left_out]
        left_out = [f"SPF left out: {self._wording.spf_left_out(part)}" for part in parts]
        return left_out or ["SPF"]

    def _host(self, fact: MailHost) -> str:
        way = " CNAME ".join(map(self._wording.name, fact.names))
        shared = [f"{address} as above" for address in fact.shared]
        return ", ".join([f"{self._wording.target(fact.target)} {way}".rstrip(), *shared])

    def _address(self, fact: MailAddress) -> str:
        iprev = fact.iprev
        if iprev.ptr is None:
            rfc = translated_by(iprev.address)
            return f"{iprev.address}{f' is translated, as by DNS64 ({rfc})' if rfc else ''}"
        # A classless delegation shows, as it is the alias's zone that has the record (RFC 2317).
        way_there = "".join(f" CNAME {show_name(alias)}" for alias in iprev.ptr.aliases)
        if not iprev.names:
            return f"{iprev.address}{way_there} {_no_record(iprev.ptr)}"
        names = in_line(iprev.names, "; ", lambda name: self._name(name, iprev.address))
        return f"{iprev.address}{way_there} {names}"

    def _name(self, name: PtrName, address: Address) -> str:
        if name.forward is None:
            back = "(no host name)"
        elif name.confirms(address):
            back = f"{name.forward.question.rdtype.name} {address}"
        elif name.forward.addresses:
            others = in_line(name.forward.addresses, ", ")
            back = f"{name.forward.question.rdtype.name} {others}"
        else:
            back = _no_record(name.forward)
        aliases = name.forward.aliases if name.forward is not None else ()
        return f"PTR {' CNAME '.join(map(self._wording.name, (name.name, *aliases)))} {back}"

    def _zone(self, fact: ZoneAnswers) -> list[str]:
        asked = [answer for answer in fact.answers if answer.answer is not None]
        what = counted(len(asked), "name server address", "name server addresses")
        more = f", {fact.left_out} left out" if fact.left_out else ""
        passed_over = [
            f"{STEP}{self._wording.server(answer)} was not asked: {unasked(answer)}"
            for answer in fact.answers
            if unasked(answer)
        ]
        question = show_question(fact.question)
        varies = [f"{STEP}{question} varies between them, as it may with one serial"] * fact.varies
        aliases = [
            f"{STEP}{self._wording.name(server.name)} is an alias (CNAME; RFC 2181, 10.3)"
            for server in fact.zone.servers
            if any(answer.aliases for answer in server.answers)
        ]
        undelegated = [
            f"{STEP}not delegated by {self._wording.name(said.parent)}, says"
            f" {self._wording.name(said.server)} ({said.address})"
            for said in filter(None, [fact.delegation])
            if said.is_none
        ]
        zone = f"zone {self._wording.name(fact.zone.name)}, {what} asked{more}"
        return [zone, *undelegated, *passed_over, *aliases, *varies]


def _no_record(answer: Answer) -> str:
    kind = answer.question.rdtype.name
    if answer.unknown:
        return f"({kind} lookup {'failed' if answer.failed else 'left out'})"
    return f"(no {kind}, {denial(answer)})"


def kind_of(judgement: Judgement) -> str:
    assert judgement.metric is not None
    return judgement.metric.name


def _lookup_line(answer: Answer) -> str:
    outcome = answer.outcome.value
    if answer.outcome is Outcome.FOUND:
        outcome = f"{len(answer.records)} record{'s' * (len(answer.records) > 1)}"
    parts = [f"{show_question(answer.question)}: {outcome}"]
    parts += [f"alias of {show_name(name)}" for name in answer.aliases]
    parts += ["checking disabled"] * answer.question.unchecked
    said = reason(answer)
    parts += [said] * bool(said)
    server = answer.server or answer.question.at
    parts += [f"from {server}"] * bool(server)
    parts += [f"{answer.seconds * 1000:.1f} ms"]
    parts += [f"{answer.tries} tries"] * (answer.tries > 1)
    return ", ".join(parts)
