"""The status line: the problems of all results, worst first, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Optional

import nagiosplugin
from nagiosplugin.state import Ok, ServiceState

from reverse_mx.addresses import translated_by
from reverse_mx.answer import Edge
from reverse_mx.facts import MailAddress, MailHost, PtrName, SpfFacts, Subject
from reverse_mx.findings import FINDINGS, WORST_FIRST, Judgement, Problem
from reverse_mx.names import Address
from reverse_mx.sentences import Sentence, Sentences
from reverse_mx.spf_record import SpfError
from reverse_mx.text import counted, shortened
from reverse_mx.values import Value
from reverse_mx.zone_facts import Delegation, ServerAnswer, ZoneAnswers

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500

# What takes a status line that stands from now on, and its exit code.
Know = Callable[[str, int], None]


class WorstFirst(nagiosplugin.Results):
    """Results of which a proven fault outranks a lookup that did not end.

    The worst so far is the verdict if the time is up before all is judged: ``know`` is told of it.
    """

    def __init__(self, know: Know, wording: Sentences) -> None:
        super().__init__()
        self._know = know
        self._wording = wording
        self._of = ""
        self._worst: ServiceState = Ok
        self._entries: Optional[list[Entry]] = None

    def add(self, *results: nagiosplugin.Result) -> nagiosplugin.Results:
        self._entries = None
        for result in results:
            if isinstance(result, Judgement):
                self._remember(result)
        return super().add(*results)

    def _remember(self, judgement: Judgement) -> None:
        fact = fact_of(judgement)
        if isinstance(fact, Subject):
            self._of = self._wording.of(fact.of)
        if WORST_FIRST.index(judgement.state) < WORST_FIRST.index(self._worst):
            self._worst = judgement.state
            problem = next(p for p in judgement.problems if p.state is self._worst)
            text = shortened(str(self._wording.problem(problem)), STATUS_LINE // 2)
            status = status_line(self._worst, f"{self._of}: {text} [{problem.finding}]")
            self._know(status, int(self._worst))

    @property
    def entries(self) -> list[Entry]:
        """The problems, worst first, gathered once; one that many subjects share is one."""
        if self._entries is None:
            self._entries = _gather(self)
        return self._entries

    @property
    def most_significant_state(self) -> ServiceState:
        if not self.by_state:
            raise ValueError("no results")
        return min(self.by_state, key=WORST_FIRST.index)


def status_line(state: ServiceState, text: str) -> str:
    return f"REVERSE_MX {str(state).upper()} - {text}"


class StatusLine(nagiosplugin.Summary):
    """Names the problems, worst first, or says how much was found to be sound."""

    def __init__(self, wording: Sentences) -> None:
        self._wording = wording

    def ok(self, results: nagiosplugin.Results) -> str:
        subjects = subjects_of(results)
        of = self._wording.of(subjects[0].of)
        of = of if len(subjects) == 1 else f"{len(subjects)} {_kind(subjects)}"
        size = show_size(_count(results, "mail_hosts"), _count(results, "addresses"))
        accepted = [e for e in entries_of(results) if FINDINGS[e.problem.finding].default is not Ok]
        if accepted:
            return self._fit(f"{of}: {size}, accepted: ", accepted, len(subjects) > 1)
        reverse = "matches" if "missing_ptr" in results else "not checked"
        if not _count(results, "addresses"):
            reverse = "not checked, as all is ignored"
        elif all(translated_by(a.address) for subject in subjects for a in subject.addresses):
            reverse = "not checked, as all is translated"
        return f"{of}: {size}, reverse DNS {reverse}"

    def problem(self, results: nagiosplugin.Results) -> str:
        subjects = subjects_of(results)
        bad = [entry for entry in entries_of(results) if entry.problem.state is not Ok]
        if len(subjects) == 1:
            return self._fit(f"{self._wording.of(subjects[0].of)}: ", bad, False)
        having = len({subject for entry in bad for subject in entry.subjects})
        have = "has" if having == 1 else "have"
        head = f"{having} of {len(subjects)} {_kind(subjects)} {have} problems: "
        return self._fit(head, bad, True)

    def _fit(self, head: str, entries: Sequence[Entry], many: bool) -> str:
        """Join the problems that fit into the status line, and count the others.

        The text of the first may be cut, so that what is worst is always named with its finding.
        An address, or a PTR name, is not named again for the next thing that is wrong with it.
        """
        room = STATUS_LINE - len("REVERSE_MX CRITICAL - ") - len("; 99999 more problems, see -v")
        alike: dict[object, list[tuple[Entry, Sentence]]] = {}
        for entry in entries:
            sentence = self._wording.problem(entry.problem)
            key = (entry.label(self._wording), sentence.subject) if sentence.subject else entry
            alike.setdefault(key, []).append((entry, sentence))
        line = head
        left_out = 0
        for group in alike.values():
            before: Optional[Sentence] = None
            for entry, sentence in group:
                if before is None:
                    label = f"{entry.label(self._wording)}: " if many and entry.subjects else ""
                    part = f"{'; ' * (line != head)}{label}{sentence}"
                elif sentence.ptr and sentence.ptr == before.ptr:
                    part = f", {sentence.text}"
                else:
                    part = f", {sentence.predicate}"
                name = f" [{entry.problem.finding}]" * bool(entry.problem.finding)
                if line == head:
                    part = shortened(part, room - len(line) - len(name) - 1)
                part += name
                if len(line) + len(part) < room:
                    line += part
                    before = sentence
                else:
                    left_out += 1
        if left_out:
            more = f"{left_out} more problem{'s' * (left_out > 1)}, see -v"
            line += f"; {more}"
        return line


class Entry(Value):
    """A problem with the subjects that have it, none for a threshold of the whole run."""

    problem: Problem
    subjects: list[Subject]
    addresses: set[Address]

    @property
    def further(self) -> int:
        """How many addresses besides that of the problem it is said of."""
        return max(0, len(self.addresses) - 1)

    def label(self, wording: Sentences) -> str:
        """Return whose problem it is."""
        if len(self.subjects) > 1:
            return f"{len(self.subjects)} {_kind(self.subjects)}"
        return wording.of(self.subjects[0].of) if self.subjects else ""


def entries_of(results: nagiosplugin.Results) -> list[Entry]:
    assert isinstance(results, WorstFirst)
    return results.entries


def _gather(results: nagiosplugin.Results) -> list[Entry]:
    entries: dict[object, Entry] = {}
    for subject, problem in _problems(results):
        entry = entries.setdefault(_fault(subject, problem), Entry(problem, [], set()))
        if isinstance(problem.fact, MailAddress):
            entry.addresses.add(problem.fact.address)
        if subject is not None and subject not in entry.subjects[-1:]:
            entry.subjects.append(subject)
    return sorted(entries.values(), key=lambda entry: WORST_FIRST.index(entry.problem.state))


def _fault(subject: Optional[Subject], problem: Problem) -> object:
    """Return what is the same of problems that are one fault, however many subjects have it."""
    fact, about = problem.fact, problem.about
    if problem.finding == "provider-name" and problem.state is Ok:
        return problem.finding
    if isinstance(about, Edge):
        return problem.finding, about.stage, about.answer
    if isinstance(fact, MailAddress):
        return problem.finding, fact.address, about.name if isinstance(about, PtrName) else None
    if isinstance(fact, ZoneAnswers):
        # The zone of several addresses has the same lame server each time.
        server = (about.server, about.address) if isinstance(about, ServerAnswer) else None
        if isinstance(about, Delegation):
            return problem.finding, fact.zone.name
        return problem.finding, fact.zone.name, server or fact.question
    if isinstance(fact, MailHost) and problem.finding == "no-address":
        return problem.finding, fact.name
    if isinstance(fact, SpfFacts) and isinstance(about, SpfError) and about.chain:
        return problem.finding, about._replace(chain=about.chain[-1:])
    return subject, problem.finding, fact, about


def show_size(mail_hosts: int, addresses: int) -> str:
    hosts = counted(mail_hosts, "mail host", "mail hosts")
    return f"{hosts}, {counted(addresses, 'address', 'addresses')}"


def _in_order(results: nagiosplugin.Results) -> Iterator[nagiosplugin.Result]:
    """Yield the results in the order of their metrics, which is that of the chain."""
    return (results[index] for index in range(len(results)))


def fact_of(judgement: Judgement) -> Any:
    assert judgement.metric is not None
    return judgement.metric.value


def chains_of(results: nagiosplugin.Results) -> Iterator[list[Judgement]]:
    """Yield the judgements of each subject, that on the subject itself first."""
    chain: list[Judgement] = []
    for result in _in_order(results):
        if isinstance(result, Judgement):
            if isinstance(fact_of(result), Subject) and chain:
                yield chain
                chain = []
            chain.append(result)
    yield chain


def subjects_of(results: nagiosplugin.Results) -> list[Subject]:
    return [fact_of(chain[0]) for chain in chains_of(results)]


def _kind(subjects: Iterable[Subject]) -> str:
    kinds = {"domains" if subject.mx is not None else "senders" for subject in subjects}
    return " and ".join(sorted(kinds))


def _problems(results: nagiosplugin.Results) -> Iterator[tuple[Optional[Subject], Problem]]:
    """Yield every problem with the subject that has it, None for a threshold of the whole run."""
    for chain in chains_of(results):
        subject = fact_of(chain[0])
        yield from ((subject, problem) for judgement in chain for problem in judgement.problems)
    for result in _in_order(results):
        if not isinstance(result, Judgement) and result.state is not Ok:
            yield None, Problem("", result.state, None, str(result))


def _count(results: nagiosplugin.Results, name: str) -> int:
    metric = results[name].metric
    return int(metric.value) if metric is not None else 0
