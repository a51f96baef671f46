"""Answers from hell: a name server whose every answer is drawn by hypothesis, and what must hold.

    python -m tests.trials.fuzz --answers 100000 --write   a long run with fresh seeds, for the docs
    python -m tests.trials.fuzz --answers 2000 --seed 0    the same answers each time
    python -m tests.trials.fuzz --replay FILE...           what went wrong, as it was answered then

It runs in a network namespace of its own in which every IPv4 address is its own: what the plugin
asks of a name server or an SMTP server anywhere, it asks of this one, and nothing leaves the
machine. The plugin runs in a process forked from this. An example that fails is shrunk, and kept in
the folder corpus with all that was answered, by which it can be replayed whatever becomes of this
file.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import hashlib
import itertools
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import hypothesis

from reverse_mx.findings import FINDINGS
from reverse_mx.process import ENDS_AFTER
from tests.helpers import documents, perfdata
from tests.helpers.figures import DOCS, machine, table, write_block
from tests.trials.drawn import (
    FILE,
    INTERRUPTS,
    TERMINALS,
    File,
    Greeting,
    Run,
    Setting,
    runs,
)
from tests.trials.forked import Result, run_plugin
from tests.trials.hell import Answer, Answers, Hell, bring_up_loopback, draw_answers

CORPUS = Path(__file__).with_name("corpus")
NAMESPACE = ("unshare", "--map-root-user", "--net")
EXAMPLES_OF_A_SEED = 50
# How much longer than -t a run may take; who is late is run twice more.
GRACE = 0.3
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


# ---------------------------------------------------------------------------------------------
# What must hold
# ---------------------------------------------------------------------------------------------


# What a run says, in its status line or below, that has more to judge than the time allows.
BROKEN_OFF = re.compile(r"(?m)^(REVERSE_MX UNKNOWN - )?the time was up before ")
INTERRUPTED = "REVERSE_MX UNKNOWN - interrupted\n"
NO_DESCRIPTORS = "REVERSE_MX UNKNOWN - too many open files\n"
STATUS = re.compile(
    r"REVERSE_MX (?P<state>OK|WARNING|CRITICAL|UNKNOWN) - [^\n]+?(?P<perfdata> \| [^\n]*)?\n"
)
# The plugin's own words that have an apostrophe: nothing that is drawn has it behind a letter.
# A TXT record to paste has its strings in quotes (RFC 1035, 5.1).
OWN_QUOTES = re.compile(r'(?<= TXT )("[^"]*" ?)+$')
OWN_APOSTROPHES = re.compile(r"(?<=[a-z])'s\b|(?<=s)'(?= )")


def verify(result: Result, run: Run, reached: Iterable[str]) -> str:
    """Assert what holds of every run, and return its state."""
    timeout, verbose = run.timeout, run.verbose
    assert result.code in (0, 1, 2, 3)
    shown = r"(\r(\d+ of \d+ done, \d+ with problems so far)?\x1b\[K)*"
    on_terminal = run.setting.stderr in TERMINALS
    assert re.fullmatch(shown if on_terminal else "", result.stderr), result.stderr
    assert result.seconds < timeout + GRACE, f"late: {result.seconds:.2f} s"
    assert "fault of the plugin" not in result.stdout, "a fault"
    assert "the advice failed" not in result.stdout
    assert "Traceback" not in result.stdout
    assert not [address for address in reached if is_out_of_bounds(ip_address(address))]
    if run.setting.stdout == "pipe-unread":
        return STATES[result.code]
    if result.stdout.startswith("{"):
        whole = documents.read(result.stdout, result.code)
        assert "--json" in run.arguments or FILE in run.arguments
        assert bool(whole["results"]) is (whole["settings"] is not None)
        return STATES[result.code]
    assert "--json" not in run.arguments or run.setting.limit, "no document"
    if result.stdout == INTERRUPTED:
        assert run.setting.signal in INTERRUPTS
    status = STATUS.match(result.stdout)
    assert status, f"no status line, exit code {result.code}: {result.stdout[:200]!r}"
    assert len(re.findall("(?m)^REVERSE_MX ", result.stdout)) == 1, "more than one status line"
    assert STATES[result.code] == status["state"]
    if is_broken_off(result, run) or result.stdout == INTERRUPTED:
        return status["state"]
    if result.stdout == NO_DESCRIPTORS:
        assert run.setting.limit
        return status["state"]
    if (
        run.is_odd
        and result.code == 3
        and result.stdout.count("\n") == 1
        and "=" not in (status["perfdata"] or "")
    ):
        assert status[0] == result.stdout
        return status["state"]
    long, _, text = result.stdout.partition("| ")
    data = perfdata.parse(text)
    assert {"time", "mail_hosts", "addresses", "dns_errors"} <= data.keys()
    assert len(status[0].partition(" | ")[0]) < 500, "long status line"
    assert bool(status["perfdata"]) is not verbose
    assert long[-1] == ("\n" if verbose else " "), "performance data in the middle of a line"
    assert text.count("\n") == 1
    for line in long.splitlines():
        said = OWN_QUOTES.sub("", OWN_APOSTROPHES.sub("", line))
        wrong = {c for c in said if not allowed(c)}
        assert not wrong, f"raw {wrong} in {line!r}"
    assert long.count("\n") == len(long.splitlines()) - (not verbose), "a line end of another kind"
    return status["state"]


def is_broken_off(result: Result, run: Run) -> bool:
    """Tell whether the time was up before all was judged, or before all of it was read."""
    cut_off = result.in_all > run.timeout + ENDS_AFTER and "| " not in result.stdout
    return cut_off or BROKEN_OFF.search(result.stdout) is not None


def is_out_of_bounds(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether nobody is to be asked or connected to at an address that a domain gives."""
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


def allowed(character: str) -> bool:
    return character.isprintable() and character not in "|<>&\"'`$"


@dataclass
class Tally:
    """What came of all runs."""

    runs: int = 0
    late: int = 0
    broken_off: int = 0
    failures: int = 0
    states: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    findings: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    ways: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    slowest: float = 0.0


def attempt(hell: Hell, tally: Tally, run: Run, answers: Answers) -> None:
    """Run the plugin once and assert what must hold; who is late gets two more chances."""
    for chance in range(3):
        hell.begin(answers, run.greetings)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "arguments"
            if run.file.octets is None:
                os.mkfifo(file)
            else:
                file.write_bytes(run.file.octets * run.file.times)
            arguments = [f"@{file}" if part == FILE else part for part in run.arguments]
            result = run_plugin(["-s", "127.0.0.1", *arguments], run.encoding, run.setting)
        # Time on a shared machine is noise only if it is not so again.
        if result.seconds < run.timeout + GRACE or chance == 2:
            break
        tally.late += 1
    state = verify(result, run, hell.reached)
    tally.runs += 1
    tally.broken_off += is_broken_off(result, run)
    tally.states[state] += 1
    named = re.findall(r"\[([a-z-]+)\]", result.stdout)
    tally.findings.update(set(named) & FINDINGS.keys())
    tally.ways.update(ways(run))
    tally.slowest = max(tally.slowest, result.seconds - run.timeout)


def ways(run: Run) -> Iterator[str]:
    """Yield in which ways besides the answers a run was attacked."""
    if FILE in run.arguments:
        yield "a file of arguments"
    elif run.is_odd:
        yield "odd arguments"
    if "--smtp" in run.arguments:
        yield "SMTP greetings"
    if "--json" in run.arguments:
        yield "JSON"
    setting = run.setting
    if setting.stdout != "file":
        yield "a pipe"
    if setting.stderr in TERMINALS:
        yield "a terminal"
    elif setting.stderr != "file":
        yield "no standard error"
    if setting.limit:
        yield "few descriptors"
    if setting.blocked or setting.ignored or setting.timer is not None:
        yield "inherited masks, dispositions and timers"
    if setting.signal:
        yield "a signal"


# ---------------------------------------------------------------------------------------------
# Seeds, and what once failed
# ---------------------------------------------------------------------------------------------


def explore(hell: Hell, tally: Tally, seed: int) -> None:
    """Try the examples that a seed gives. One that fails is shrunk, printed, and kept."""
    failed: dict[str, Any] = {}

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES_OF_A_SEED,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        # So that the last to fail is the smallest, and of the same failure.
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    @hypothesis.given(run=runs())
    def examples(run: Run) -> None:
        try:
            attempt(hell, tally, run, draw_answers(run.replies))
        except BaseException:
            failed.update(record(run, hell.told))
            raise

    try:
        examples()
    except Exception:
        traceback.print_exc()
        keep(failed)
        tally.failures += 1


def record(run: Run, told: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    return {
        "arguments": run.arguments,
        "encoding": run.encoding,
        "greetings": [[g.then, *(piece.hex() for piece in g.pieces)] for g in run.greetings],
        "file": [None if run.file.octets is None else run.file.octets.hex(), run.file.times],
        "setting": dataclasses.asdict(run.setting),
        "answers": {
            question: [
                [answer.delivery, *(message.hex() for message in answer.messages)]
                for answer in answers
            ]
            for question, answers in told.items()
        },
    }


def keep(failed: Mapping[str, Any]) -> None:
    text = json.dumps(failed, indent=1) + "\n"
    file = CORPUS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    CORPUS.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    print(f"kept as {file}: name it after what it shows", file=sys.stderr)


def replay(hell: Hell, file: Path) -> None:
    """Answer as it was answered when an example failed; assert what must hold."""
    kept = json.loads(file.read_text("utf-8"))

    def answers(question: bytes, times: int, over_tcp: bool) -> Answer:
        told = kept["answers"].get(f"{'tcp' if over_tcp else 'udp'} {question.hex()}", ())
        delivery, *messages = told[times] if times < len(told) else ("drop",)
        return Answer(tuple(map(bytes.fromhex, messages)), delivery)

    octets, times = kept["file"]
    run = Run(
        tuple(kept["arguments"]),
        kept["encoding"],
        (),
        tuple(
            Greeting(tuple(map(bytes.fromhex, pieces)), then) for then, *pieces in kept["greetings"]
        ),
        File(None if octets is None else bytes.fromhex(octets), times),
        Setting(**kept["setting"]),
    )
    attempt(hell, Tally(), run, answers)


def report(hell: Hell, tally: Tally, seeds: Sequence[int], seconds: float) -> str:
    """Return the figures for the documentation."""
    head = (
        f"{hell.count:,} questions answered with {hell.messages:,} messages"
        f" ({len(hell.distinct):,} different ones) in {tally.runs:,} runs of the plugin, in"
        f" {seconds / 60:.0f} minutes on {machine()}. Seeds {seeds[0]} to {seeds[-1]}. The latest"
        f" run ended {tally.slowest:.2f} s after its `-t`; {tally.late} were later than"
        f" {GRACE} s and in time when run again; {tally.broken_off} were broken off at the end of"
        " their time, with more left to judge. Kept because they once failed:"
        f" {len(list(CORPUS.glob('*.json')))}.\n\n"
    )
    states = [tally.states[state] for state in STATES]
    findings = ", ".join(f"`{name}` {tally.findings[name]}" for name in FINDINGS)
    attacked = ", ".join(f"{way} in {count}" for way, count in sorted(tally.ways.items()))
    return (
        f"{head}{table(STATES, [states])}\nBesides the answers: {attacked} runs.\n\n"
        f"Findings: {findings}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer the plugin from hell.")
    parser.add_argument("--answers", type=int, default=0, help="answer at least so many questions")
    parser.add_argument("--seed", type=int, help="the first seed; without, a random one")
    parser.add_argument("--replay", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    options = parser.parse_args()
    if os.environ.get("IN_HELL") is None:
        command = [*NAMESPACE, sys.executable, "-m", "tests.trials.fuzz", *sys.argv[1:]]
        os.execvpe(NAMESPACE[0], command, {**os.environ, "IN_HELL": "1"})
    bring_up_loopback()
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)  # long examples
    hell = Hell()
    for file in options.replay:
        replay(hell, file)
        print(f"{file.name}: holds")
    tally = Tally()
    first = random.randrange(1_000_000) if options.seed is None else options.seed
    started = time.monotonic()
    seeds: list[int] = []
    for seed in itertools.count(first):
        if hell.count >= options.answers or tally.failures:
            break
        seeds.append(seed)
        print(f"seed {seed}: {hell.count} answers, {tally.runs} runs so far", flush=True)
        explore(hell, tally, seed)
    if seeds:
        text = report(hell, tally, seeds, time.monotonic() - started)
        print(text)
        if options.write and not tally.failures:
            write_block(DOCS / "reliability.md", "fuzz", text)
    sys.exit(tally.failures > 0)


if __name__ == "__main__":
    main()
