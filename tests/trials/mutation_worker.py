"""Runs the tests on mutants of the plugin, for ``mutation.py``, in a copy of the project.

pytest collects once. Then a child is forked for each mutant, which loads the changed room anew with
all that stand on it, and runs the tests that reach the changed statement, until one fails.

Run as ``mutation_worker.py RESULT TEST...`` with the reach of the tests and the mutants as JSON on
standard input; RESULT is the file for what kills each of them, or, without any, for the reach.
"""

from __future__ import annotations

import collections
import contextlib
import faulthandler
import importlib
import json
import math
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, TypeVar

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests import ROOT
from tests.helpers.alone import be_alone
from tests.project.test_rooms import MAP

# The rooms, and the plugin above them: each is loaded after those that it imports from.
FILES = [*(f"reverse_mx/{room}.py" for room in MAP), "check_reverse_mx.py"]

# Seconds that a test may take with a mutant, beside several times what it took without.
PATIENCE = 20

# How a mutant ends, if no test fails.
IMPORT, TIMEOUT, SURVIVED = "import", "timeout", "survived"

T = TypeVar("T")
R = TypeVar("R")


class Mutant(NamedTuple):
    """A change of a file: the ``old`` lines from ``first`` on become the ``new`` ones.

    ``place`` is the class or function that it is in, ``reached_by`` the lines of which a test must
    run one to meet it, empty where that is on import.
    """

    file: str
    place: str
    first: int
    old: list[str]
    new: list[str]
    reached_by: list[int]

    def apply(self, source: str) -> str:
        lines = source.splitlines()
        changed = slice(self.first - 1, self.first - 1 + len(self.old))
        # The source may have been edited since the mutants were made of it.
        assert lines[changed] == self.old
        lines[changed] = self.new
        return "\n".join(lines) + "\n"


class Reach(NamedTuple):
    """The seconds that a test took with the plugin as it is, and the lines of each file it ran."""

    seconds: float
    lines: dict[str, list[int]]


def in_child(action: Callable[[T], R], argument: T) -> Optional[R]:
    """Return what a function gives in a forked child, None if that was ended by a signal.

    Servers that a test left running end with it.
    """

    def run() -> None:
        os.setpgid(0, 0)
        sender.send(action(argument))

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=run)
    child.start()
    sender.close()
    result: Optional[R] = None
    try:
        with contextlib.suppress(EOFError):
            result = receiver.recv()
        return result
    finally:
        child.join()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid or 0, signal.SIGKILL)


def fails(item: pytest.Item) -> bool:
    return any(report.failed for report in runtestprotocol(item, nextitem=None, log=False))


def module_of(file: str) -> dict[str, Any]:
    # The plugin loads some only where it needs them.
    return vars(importlib.import_module(file.removesuffix(".py").replace("/", ".")))


def rebind(old: Mapping[str, object], new: Mapping[str, object]) -> None:
    """Replace what the tests and their helpers have imported by what now has that name."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "tests":
            held = vars(module)
            held.update({n: new[n] for n, v in old.items() if n in held and held[n] is v})


def load(code: Mapping[str, Any], files: Iterable[str]) -> None:
    """Run files anew in their modules, as if they had been imported so."""
    for file in files:
        module = module_of(file)
        old = {n: v for n, v in module.items() if not n.startswith("__")}
        exec(code[file], module)
        rebind(old, module)


class Worker:
    """A plugin of pytest that does something else with the tests than to run them."""

    result: Any

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.result = self.work({item.nodeid: item for item in session.items})
        return True

    def work(self, items: dict[str, pytest.Item]) -> Any:
        raise NotImplementedError


class Measure(Worker):
    """Finds out what each test takes, and which lines of the mutated files it runs."""

    def __init__(self, files: list[str], part: slice) -> None:
        self._files = {str(ROOT / file): file for file in files}
        self._part = part

    def work(self, items: dict[str, pytest.Item]) -> dict[str, Optional[Reach]]:
        files = self._files
        # As for a mutant: a test that holds a value of the rooms from before would fail for any.
        lowest = min(map(FILES.index, files.values()))
        load({f: compile((ROOT / f).read_bytes(), ROOT / f, "exec") for f in FILES}, FILES[lowest:])
        measured = coverage.Coverage(data_file=None, config_file=False, include=[*files])
        reach: dict[str, Optional[Reach]] = {}
        with measured.collect():
            for nodeid in [*items][self._part]:
                measured.switch_context(nodeid)
                started = time.monotonic()
                # A busy machine breaks a test now and then, and not twice.
                failed = fails(items[nodeid]) and fails(items[nodeid])
                lines: dict[str, list[int]] = {file: [] for file in files.values()}
                reach[nodeid] = None if failed else Reach(time.monotonic() - started, lines)
        data = measured.get_data()
        for path, file in files.items():
            for line, nodeids in data.contexts_by_lineno(path).items():
                for values in filter(None, map(reach.get, nodeids)):
                    values.lines[file].append(line)
        return reach


class Judge(Worker):
    """Finds out which test kills each mutant."""

    def __init__(self, reach: dict[str, Reach], mutants: list[Mutant]) -> None:
        self._reach = reach
        self._mutants = mutants
        # What killed mutants of a place before is likely to kill the next.
        self._kills: dict[str, Counter[str]] = collections.defaultdict(Counter)

    def work(self, items: dict[str, pytest.Item]) -> list[str]:
        sources = {file: (ROOT / file).read_text("utf-8") for file in FILES}
        self._code = {f: compile(source, ROOT / f, "exec") for f, source in sources.items()}
        verdicts = []
        for mutant in self._mutants:
            file, source = ROOT / mutant.file, sources[mutant.file]
            file.write_text(mutant.apply(source), "utf-8")
            tests = [items[nodeid] for nodeid in self._tests(mutant)]
            killer = in_child(self._killer, (mutant, tests)) or TIMEOUT
            file.write_text(source, "utf-8")
            self._kills[mutant.place][killer] += 1
            verdicts.append(killer)
            print(json.dumps([killer, mutant]), file=sys.stderr, flush=True)
        return verdicts

    def _tests(self, mutant: Mutant) -> list[str]:
        lines, kills = set(mutant.reached_by), self._kills[mutant.place]
        tests = [
            nodeid
            for nodeid, reach in self._reach.items()
            if not lines or lines & set(reach.lines[mutant.file])
        ]
        return sorted(tests, key=lambda nodeid: (-kills[nodeid], self._reach[nodeid].seconds))

    def _killer(self, given: tuple[Mutant, list[pytest.Item]]) -> str:
        mutant, tests = given
        try:
            changed = compile((ROOT / mutant.file).read_bytes(), ROOT / mutant.file, "exec")
            load({**self._code, mutant.file: changed}, FILES[FILES.index(mutant.file) :])
        except Exception:
            return IMPORT
        for item in tests:
            # It ends the process, whatever that is at; the plugin has alarms of its own.
            limit = PATIENCE + 5 * math.ceil(self._reach[item.nodeid].seconds)
            faulthandler.dump_traceback_later(limit, exit=True)
            if fails(item):
                return item.nodeid
        return SURVIVED


def main(result: str, *tests: str) -> None:
    """Judge the mutants on standard input, or measure the reach of the tests if there are none."""
    told = json.load(sys.stdin)
    reach = {nodeid: Reach(*values) for nodeid, values in told["reach"].items()}
    mutants = [Mutant(*values) for values in told["mutants"]]
    measure = Measure(told["files"], slice(*told["part"]))
    worker = Judge(reach, mutants) if mutants else measure
    pytest.main(["-p", "no:cacheprovider", "--capture=no", *tests], plugins=[worker])
    Path(result).write_text(json.dumps(worker.result), "utf-8")


if __name__ == "__main__":
    be_alone("tests.trials.mutation_worker")
    main(*sys.argv[1:])
