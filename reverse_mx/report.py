"""The status line and the long output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Optional, TextIO

import nagiosplugin
from nagiosplugin.state import Ok, ServiceState

from reverse_mx.advice import Advisor
from reverse_mx.answer import Answer, Outcome, unique
from reverse_mx.facts import Authority, MailAddress, Subject
from reverse_mx.findings import FINDINGS, PERFDATA, WORST_FIRST, Judgement, Problem
from reverse_mx.lookups import Lookups
from reverse_mx.text import counted, show_name, wrap

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500


class WorstFirst(nagiosplugin.Results):
    """Results of which a proven fault outranks a lookup that did not end."""

    @property
    def most_significant_state(self) -> ServiceState:
        if not self.by_state:
            raise ValueError("no results")
        return min(self.by_state, key=WORST_FIRST.index)


class Check(nagiosplugin.Check):
    """A check that asks for advice on its problems, if it was given somebody to ask.

    Its performance data keep their documented order.
    """

    def __init__(self, advisor: Optional[Advisor], *objects: Any) -> None:
        super().__init__(*objects)
        self._advisor = advisor

    def __call__(self) -> None:
        super().__call__()
        self.perfdata.sort(key=lambda datum: PERFDATA.index(datum.partition("=")[0]))
        if self._advisor is not None:
            problems = (problem for _, problem in _problems(self.results))
            self._advisor.inquire(problem for problem in problems if problem.state is not Ok)


class ChainSummary(nagiosplugin.Summary):
    """The status line names the problems, worst first; the long output draws the chain.

    ``verbosity`` is the number of ``-v``: from 2 on every lookup is listed.
    """

    def __init__(self, verbosity: int, lookups: Lookups, advisor: Optional[Advisor]) -> None:
        self._verbosity = verbosity
        self._lookups = lookups
        self._advisor = advisor

    def ok(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        of = _named(subjects[0]) if len(subjects) == 1 else f"{len(subjects)} {_kind(subjects)}"
        hosts = counted(_count(results, "mail_hosts"), "mail host", "mail hosts")
        addresses = counted(_count(results, "addresses"), "address", "addresses")
        accepted = [
            str(problem)
            for _, problem in _problems(results)
            if FINDINGS[problem.finding].default is not Ok
        ]
        if accepted:
            return _fit(f"{of}: {hosts}, {addresses}, accepted: ", accepted)
        reverse = "matches" if "missing_ptr" in results else "not checked"
        if not _count(results, "addresses"):
            reverse = "not checked, as all is ignored"
        return f"{of}: {hosts}, {addresses}, reverse DNS {reverse}"

    def problem(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        bad = [pair for pair in _problems(results) if pair[1].state is not Ok]
        bad.sort(key=lambda pair: WORST_FIRST.index(pair[1].state))
        if len(subjects) == 1:
            return _fit(f"{_named(subjects[0])}: ", [str(problem) for _, problem in bad])
        having = len({subject for subject, _ in bad if subject})
        return _fit(
            f"{having} of {len(subjects)} {_kind(subjects)}"
            f" {'has' if having == 1 else 'have'} problems: ",
            [f"{subject}: {problem}" if subject else str(problem) for subject, problem in bad],
        )

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        lines: list[str] = []
        lookups: list[Answer] = []
        many = sum(_fact(subject).mx is not None for subject in _subjects(results)) > 1
        for judgements in _chains(results):
            sound = all(judgement.state is Ok for judgement in judgements)
            lines += self._sound_line(judgements[0]) if many and sound else self._chain(judgements)
            lookups += _fact(judgements[0]).lookups
        if self._verbosity > 1:
            lookups += [answer for answer in self._lookups.answers if answer.tries]
            lines.append("lookups")
            lines += [f"  {_lookup_line(answer)}" for answer in unique(lookups)]
        return lines

    def _sound_line(self, judgement: Judgement) -> list[str]:
        subject: Subject = _fact(judgement)
        hosts = counted(len(subject.mail_hosts), "mail host", "mail hosts")
        addresses = counted(len(subject.addresses), "address", "addresses")
        return [f"{_line(judgement)}: {hosts}, {addresses}   OK"]

    def _chain(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        told: set[str] = set()
        for judgement in judgements:
            line = _line(judgement)
            is_end = isinstance(_fact(judgement), MailAddress)
            yield f"{line}   {str(judgement.state).upper()}" if is_end else line
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            for problem in judgement.problems:
                # The zone of several addresses has the same lame server each time.
                if str(problem) not in told or not isinstance(_fact(judgement), Authority):
                    told.add(str(problem))
                    yield from self._problem_lines(problem, indent)

    def _problem_lines(self, problem: Problem, indent: str) -> Iterator[str]:
        state = "NOTE" if problem.state is Ok else str(problem.state).upper()
        text = f"{problem.subject} {problem.text}" if problem.apart else problem.text
        yield f"{indent}{state} [{problem.finding}] {text}"
        if self._advisor is not None and problem.state is not Ok:
            for line in self._advisor.lines(problem):
                deeper = indent + "  " + " " * (len(line) - len(line.lstrip()))
                if line.startswith(("meanwhile: ", "cause: ")):
                    yield from wrap(line, deeper, "  ")
                else:
                    yield deeper + line.lstrip()


def _in_order(results: nagiosplugin.Results) -> Iterator[nagiosplugin.Result]:
    """Yield the results in the order of their metrics, which is that of the chain."""
    return (results[index] for index in range(len(results)))


def _fact(judgement: Judgement) -> Any:
    assert judgement.metric is not None
    return judgement.metric.value


def _line(judgement: Judgement) -> str:
    assert judgement.metric is not None
    return judgement.metric.description or ""


def _chains(results: nagiosplugin.Results) -> Iterator[list[Judgement]]:
    """Yield the judgements of each subject, that on the subject itself first."""
    chain: list[Judgement] = []
    for result in _in_order(results):
        if isinstance(result, Judgement):
            if isinstance(_fact(result), Subject) and chain:
                yield chain
                chain = []
            chain.append(result)
    yield chain


def _subjects(results: nagiosplugin.Results) -> list[Judgement]:
    return [chain[0] for chain in _chains(results)]


def _named(judgement: Judgement) -> str:
    """Return the name of a subject, without what the chain says of it besides."""
    return _line(judgement).partition(" ")[0]


def _kind(subjects: Iterable[Judgement]) -> str:
    kinds = {"domains" if _fact(subject).mx is not None else "senders" for subject in subjects}
    return " and ".join(sorted(kinds))


def _problems(results: nagiosplugin.Results) -> Iterator[tuple[str, Problem]]:
    """Yield every problem with the subject that has it, or "" for a threshold of the whole run."""
    for chain in _chains(results):
        subject = _named(chain[0])
        yield from ((subject, problem) for judgement in chain for problem in judgement.problems)
    for result in _in_order(results):
        if not isinstance(result, Judgement) and result.state is not Ok:
            yield "", Problem("", result.state, "", str(result))


def _count(results: nagiosplugin.Results, name: str) -> int:
    metric = results[name].metric
    return int(metric.value) if metric is not None else 0


def _fit(head: str, parts: Iterable[str]) -> str:
    """Join the parts that fit into the status line, and count the others."""
    parts = list(dict.fromkeys(parts))
    room = STATUS_LINE - len("REVERSE_MX CRITICAL - ") - len("; 99999 more problems, see -v")
    line = head
    left_out = 0
    for part in parts:
        if len(line) + len(part) + 2 < room:
            line += part if line == head else f"; {part}"
        else:
            left_out += 1
    if left_out:
        more = f"{left_out} {'more ' if line != head else ''}problem{'s' * (left_out > 1)}, see -v"
        line += more if line == head else f"; {more}"
    return line


def _lookup_line(answer: Answer) -> str:
    outcome = answer.outcome.value
    if answer.outcome is Outcome.FOUND:
        outcome = f"{len(answer.records)} record{'s' * (len(answer.records) > 1)}"
    parts = [f"{answer.question}: {outcome}"]
    parts += [f"alias of {show_name(name)}" for name in answer.aliases]
    parts += ["checking disabled"] * answer.question.unchecked
    parts += [answer.reason] * bool(answer.reason)
    server = answer.server or answer.question.at
    parts += [f"from {server}"] * bool(server)
    parts += [f"{answer.seconds * 1000:.1f} ms"]
    parts += [f"{answer.tries} tries"] * (answer.tries > 1)
    return ", ".join(parts)


class Progress:
    """Shows on a terminal how far a long run is, and leaves nothing of it behind."""

    def __init__(self, stream: TextIO, total: int, is_sound: Callable[[Subject], bool]) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._total = total
        self._is_sound = is_sound
        self._done = 0
        self._problems = 0
        # A run of less than a second shows nothing.
        self._next = time.monotonic() + 1
        self._shown = False

    def done(self, subject: Subject) -> None:
        if self._stream is not None:
            self._done += 1
            self._problems += not self._is_sound(subject)

    def show(self) -> None:
        if self._stream is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            self._shown = True
            text = f"{self._done} of {self._total} done, {self._problems} with problems so far"
            print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        if self._stream is not None and self._shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
