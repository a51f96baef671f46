"""The status line and the long output."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Optional, TextIO, Union

import nagiosplugin
from nagiosplugin.state import Ok, ServiceState

from reverse_mx.addresses import translated_by
from reverse_mx.advice import Advisor, Line
from reverse_mx.answer import Answer, Outcome, unique
from reverse_mx.facts import (
    Delegation,
    Edge,
    MailAddress,
    MailHost,
    PtrName,
    ServerAnswer,
    SpfFacts,
    Subject,
    ZoneAnswers,
)
from reverse_mx.findings import FINDINGS, PERFDATA, WORST_FIRST, Judgement, Problem
from reverse_mx.lookups import Lookups
from reverse_mx.names import Address
from reverse_mx.process import Ending, fault
from reverse_mx.spf_record import SpfError, SpfLarge, SpfLeftOut
from reverse_mx.text import counted, in_line, shortened, show_name, wrap
from reverse_mx.values import Value
from reverse_mx.wording import (
    Sentence,
    Wording,
    denial,
    reason,
    show_greeting,
    show_question,
    unasked,
)

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500
# What one step deeper in the long output is indented by.
STEP = "  "


class WorstFirst(nagiosplugin.Results):
    """Results of which a proven fault outranks a lookup that did not end.

    The worst so far is the verdict if the time is up before all is judged.
    """

    def __init__(self, ending: Ending, wording: Wording) -> None:
        super().__init__()
        self._ending = ending
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
        fact = _fact(judgement)
        if isinstance(fact, Subject):
            self._of = self._wording.of(fact.of)
        if WORST_FIRST.index(judgement.state) < WORST_FIRST.index(self._worst):
            self._worst = judgement.state
            problem = next(p for p in judgement.problems if p.state is self._worst)
            text = shortened(str(self._wording.problem(problem)), STATUS_LINE // 2)
            status = _status(self._worst, f"{self._of}: {text} [{problem.finding}]")
            self._ending.know(status, int(self._worst))

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


def _status(state: ServiceState, text: str) -> str:
    return f"REVERSE_MX {str(state).upper()} - {text}"


class Counsel:
    """What an advisor says, who may fail: the verdict stands without."""

    def __init__(self, advisor: Advisor) -> None:
        self.failure = ""
        self._advisor = advisor

    def inquire(self, problems: Iterable[Problem], subjects: Iterable[Subject]) -> None:
        try:
            self._advisor.inquire(problems, subjects)
        except Exception as error:
            self.failure = fault(error)

    def lines(self, problem: Problem) -> list[Line]:
        try:
            return list(self._advisor.lines(problem))
        except Exception as error:
            # What failed first may be the cause of this.
            self.failure = self.failure or fault(error)
            return []


class Check(nagiosplugin.Check):
    """A check that asks for advice on its problems, if it was given somebody to ask.

    Its performance data keep their documented order.
    """

    def __init__(self, ending: Ending, counsel: Optional[Counsel], *objects: Any) -> None:
        super().__init__(*objects)
        self._ending = ending
        self._counsel = counsel

    def __call__(self) -> None:
        super().__call__()
        self.perfdata.sort(key=lambda datum: PERFDATA.index(datum.partition("=")[0]))
        if self._counsel is None:
            return
        problems = (entry.problem for entry in _entries(self.results))
        bad = [problem for problem in problems if problem.state is not Ok]
        if bad:
            status = _status(self.state, self.summary_str)
            self._ending.know(status, self.exitcode, " ".join(self.perfdata))
            self._ending.before("there was advice")
            self._counsel.inquire(bad, _subjects(self.results))


class ChainSummary(nagiosplugin.Summary):
    """The status line names the problems, worst first; the long output draws the chain.

    The long output begins with what to do: Icinga Web shows five lines of it until it is unfolded.
    ``verbosity`` is the number of ``-v``: from 2 on every lookup is listed.
    """

    def __init__(
        self, verbosity: int, wording: Wording, lookups: Lookups, counsel: Optional[Counsel]
    ) -> None:
        self._verbosity = verbosity
        self._wording = wording
        self._lookups = lookups
        self._counsel = counsel
        self._chain = Chain(wording)

    def ok(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        of = self._wording.of(subjects[0].of)
        of = of if len(subjects) == 1 else f"{len(subjects)} {_kind(subjects)}"
        size = _size(_count(results, "mail_hosts"), _count(results, "addresses"))
        accepted = [e for e in _entries(results) if FINDINGS[e.problem.finding].default is not Ok]
        if accepted:
            return self._fit(f"{of}: {size}, accepted: ", accepted, len(subjects) > 1)
        reverse = "matches" if "missing_ptr" in results else "not checked"
        if not _count(results, "addresses"):
            reverse = "not checked, as all is ignored"
        elif all(translated_by(a.address) for subject in subjects for a in subject.addresses):
            reverse = "not checked, as all is translated"
        return f"{of}: {size}, reverse DNS {reverse}"

    def problem(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        bad = [entry for entry in _entries(results) if entry.problem.state is not Ok]
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

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        subjects = _subjects(results)
        lines = [line for entry in _entries(results) for line in self._entry(entry, len(subjects))]
        if self._counsel is not None and self._counsel.failure:
            lines.append(f"the advice failed: {self._counsel.failure}")
        lookups: list[Answer] = []
        many = sum(subject.mx is not None for subject in subjects) > 1
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

    def _draw(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        """Yield the links of a chain, an address with its state."""
        drawn: set[str] = set()
        for judgement in judgements:
            kind = _kind_of(judgement)
            depth, lines = self._chain.link(kind, _fact(judgement))
            if kind == "host-zone":
                # Mostly it is the domain's, and the same for each host and family.
                lines = [line for line in lines if line not in drawn]
            drawn.update(lines)
            state = f"{_ball(judgement.state)} " if kind == "address" else ""
            yield from (f"{STEP * depth}{state}{line}" for line in lines)


def _ball(state: ServiceState) -> str:
    """Return a state as Icinga Web draws it: a coloured ball."""
    return f"[{str(state).upper()}]"


class Entry(Value):
    """A problem with the subjects that have it, none for a threshold of the whole run."""

    problem: Problem
    subjects: list[Subject]
    addresses: set[Address]

    @property
    def further(self) -> int:
        """How many addresses besides that of the problem it is said of."""
        return max(0, len(self.addresses) - 1)

    def label(self, wording: Wording) -> str:
        """Return whose problem it is."""
        if len(self.subjects) > 1:
            return f"{len(self.subjects)} {_kind(self.subjects)}"
        return wording.of(self.subjects[0].of) if self.subjects else ""


def _entries(results: nagiosplugin.Results) -> list[Entry]:
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


class Chain:
    """Draws the links of the chain, each as it is known from its facts."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording

    def sound(self, subject: Subject) -> str:
        """Return a subject without problems in one line."""
        size = _size(len(subject.mail_hosts), len(subject.addresses))
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
        zone = f"zone {self._wording.name(fact.zone.name)}, {what} asked{more}"
        return [zone, *passed_over, *aliases, *varies]


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
    """Shows on a terminal how far a long run is, and leaves nothing of it behind.

    A terminal that is stopped, or went away, stops nothing: what it does not take is left out.
    """

    def __init__(self, stream: TextIO, total: int, is_sound: Callable[[Subject], bool]) -> None:
        self._terminal = _terminal(stream)
        self._total = total
        self._is_sound = is_sound
        self._done = 0
        self._problems = 0
        # A run of less than a second shows nothing.
        self._next = time.monotonic() + 1
        self._shown = False

    def done(self, subject: Subject) -> None:
        if self._terminal is not None:
            self._done += 1
            self._problems += not self._is_sound(subject)

    def show(self) -> None:
        if self._terminal is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            self._shown = True
            self._write(
                f"{self._done} of {self._total} done, {self._problems} with problems so far"
            )

    def clear(self) -> None:
        if self._shown:
            self._write("")
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _write(self, text: str) -> None:
        assert self._terminal is not None
        with contextlib.suppress(OSError):
            os.write(self._terminal, f"\r{text}\x1b[K".encode())


def _terminal(stream: Optional[TextIO]) -> Optional[int]:
    """Open the terminal that a stream writes to once more, so that writing to it does not wait.

    What the stream has open is shared with the shell that started the check.
    """
    if stream is None or not stream.isatty():
        return None
    with contextlib.suppress(OSError):
        name = os.ttyname(stream.fileno())
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    return None
