"""The status line and the long output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Optional, TextIO, Union

import nagiosplugin
from nagiosplugin.state import Ok, ServiceState

from reverse_mx.addresses import translated_by
from reverse_mx.advice import Advisor
from reverse_mx.answer import Answer, Outcome, unique
from reverse_mx.facts import MailAddress, MailHost, PtrName, SpfFacts, Subject, ZoneAnswers
from reverse_mx.findings import FINDINGS, PERFDATA, WORST_FIRST, Judgement, Problem
from reverse_mx.lookups import Lookups
from reverse_mx.names import Address
from reverse_mx.spf_record import SpfLarge, SpfLeftOut
from reverse_mx.text import counted, in_line, show_name, wrap
from reverse_mx.wording import Wording, denial, reason, show_greeting, show_question

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500
# What one step deeper in the long output is indented by.
STEP = "  "


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

    def __init__(
        self, verbosity: int, wording: Wording, lookups: Lookups, advisor: Optional[Advisor]
    ) -> None:
        self._verbosity = verbosity
        self._wording = wording
        self._lookups = lookups
        self._advisor = advisor
        self._chain = Chain(wording)

    def ok(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        of = self._wording.of(subjects[0].of)
        of = of if len(subjects) == 1 else f"{len(subjects)} {_kind(subjects)}"
        size = _size(_count(results, "mail_hosts"), _count(results, "addresses"))
        accepted = [
            self._problem(problem)
            for _, problem in _problems(results)
            if FINDINGS[problem.finding].default is not Ok
        ]
        if accepted:
            return _fit(f"{of}: {size}, accepted: ", accepted)
        reverse = "matches" if "missing_ptr" in results else "not checked"
        if not _count(results, "addresses"):
            reverse = "not checked, as all is ignored"
        elif all(translated_by(a.address) for subject in subjects for a in subject.addresses):
            reverse = "not checked, as all is translated"
        return f"{of}: {size}, reverse DNS {reverse}"

    def problem(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        bad = [pair for pair in _problems(results) if pair[1].state is not Ok]
        bad.sort(key=lambda pair: WORST_FIRST.index(pair[1].state))
        if len(subjects) == 1:
            head = f"{self._wording.of(subjects[0].of)}: "
            return _fit(head, [self._problem(problem) for _, problem in bad])
        having = len({subject for subject, _ in bad if subject is not None})
        return _fit(
            f"{having} of {len(subjects)} {_kind(subjects)}"
            f" {'has' if having == 1 else 'have'} problems: ",
            [
                f"{self._wording.of(subject.of)}: {self._problem(problem)}"
                if subject is not None
                else self._problem(problem)
                for subject, problem in bad
            ],
        )

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        lines: list[str] = []
        lookups: list[Answer] = []
        many = sum(subject.mx is not None for subject in _subjects(results)) > 1
        for judgements in _chains(results):
            subject = _fact(judgements[0])
            sound = all(judgement.state is Ok for judgement in judgements)
            lines += [self._chain.sound(subject)] if many and sound else self._draw(judgements)
            lookups += [edge.answer for edge in subject.edges]
        if self._verbosity > 1:
            lookups += [answer for answer in self._lookups.answers if answer.tries]
            lines.append("lookups")
            lines += [f"{STEP}{_lookup_line(answer)}" for answer in unique(lookups)]
        return lines

    def _draw(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        told: set[str] = set()
        for judgement in judgements:
            fact = _fact(judgement)
            depth, lines = self._chain.link(_kind_of(judgement), fact)
            state = f"   {str(judgement.state).upper()}"
            is_end = _kind_of(judgement) == "address"
            yield from (f"{STEP * depth}{line}{state * is_end}" for line in lines)
            for problem in judgement.problems:
                # The zone of several addresses has the same lame server each time.
                text = self._problem(problem)
                if text not in told or not isinstance(fact, ZoneAnswers):
                    told.add(text)
                    yield from self._problem_lines(problem, depth + 1)

    def _problem_lines(self, problem: Problem, depth: int) -> Iterator[str]:
        state = "NOTE" if problem.state is Ok else str(problem.state).upper()
        text = self._wording.problem(problem, apart=True)
        yield f"{STEP * depth}{state} [{problem.finding}] {text}"
        if self._advisor is not None and problem.state is not Ok:
            for line in self._advisor.lines(problem):
                indent = STEP * (depth + 1 + line.depth)
                yield from wrap(line.text, indent, STEP) if line.prose else [indent + line.text]

    def _problem(self, problem: Problem) -> str:
        name = f" [{problem.finding}]" if problem.finding else ""
        return f"{self._wording.problem(problem)}{name}"


class Chain:
    """Draws the links of the chain, each as it is known from its facts."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def sound(self, subject: Subject) -> str:
        """Return a subject without problems in one line."""
        size = _size(len(subject.mail_hosts), len(subject.addresses))
        return f"{self._subject(subject)}: {size}   OK"

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
            return 3, [f"SMTP: {show_greeting(fact.greeting) or 'no greeting'}"]
        return 1 if kind == "mx-zone" else 3, [self._zone(fact)]

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

    def _zone(self, fact: ZoneAnswers) -> str:
        asked = counted(len(fact.answers), "name server address", "name server addresses")
        return f"zone {self._wording.name(fact.zone.name)}, {asked} asked"


def _no_record(answer: Answer) -> str:
    kind = answer.question.rdtype.name
    return f"({kind} lookup failed)" if answer.failed else f"(no {kind}, {denial(answer)})"


def _size(mail_hosts: int, addresses: int) -> str:
    hosts = counted(mail_hosts, "mail host", "mail hosts")
    return f"{hosts}, {counted(addresses, 'address', 'addresses')}"


def _in_order(results: nagiosplugin.Results) -> Iterator[nagiosplugin.Result]:
    """Yield the results in the order of their metrics, which is that of the chain."""
    return (results[index] for index in range(len(results)))


def _fact(judgement: Judgement) -> Any:
    assert judgement.metric is not None
    return judgement.metric.value


def _kind_of(judgement: Judgement) -> str:
    assert judgement.metric is not None
    return judgement.metric.name


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


def _subjects(results: nagiosplugin.Results) -> list[Subject]:
    return [_fact(chain[0]) for chain in _chains(results)]


def _kind(subjects: Iterable[Subject]) -> str:
    kinds = {"domains" if subject.mx is not None else "senders" for subject in subjects}
    return " and ".join(sorted(kinds))


def _problems(results: nagiosplugin.Results) -> Iterator[tuple[Optional[Subject], Problem]]:
    """Yield every problem with the subject that has it, None for a threshold of the whole run."""
    for chain in _chains(results):
        subject = _fact(chain[0])
        yield from ((subject, problem) for judgement in chain for problem in judgement.problems)
    for result in _in_order(results):
        if not isinstance(result, Judgement) and result.state is not Ok:
            yield None, Problem("", result.state, about=str(result))


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
