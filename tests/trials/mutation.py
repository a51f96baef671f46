"""``make mutation``: whether a test notices when a judgement changes.

A mutant is the plugin with one small change in a section that judges. A test must fail with it, or
``mutation.json`` says why none can: an unexplained survivor ends the run with an error. The figures
go to docs/reliability.md.

The changes are mutmut's, and a few of our own. mutmut's own runner leaves out properties and what
stands outside functions: here that is most of the facts, and the table of findings.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests import ROOT
from tests.helpers.figures import DOCS, machine, table, write_block
from tests.trials.mutation_worker import IMPORT, SURVIVED, TIMEOUT, Mutant

COPIES = ROOT / ".mutation"
VERDICTS = COPIES / "verdicts.json"
PLUGIN = "check_reverse_mx.py"
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs")
COPIED = (PLUGIN, *DOCUMENTS, "Makefile", "setup.cfg", "contrib")
EXPLANATIONS = Path(__file__).with_name("mutation.json")
SECTIONS = ("Findings", "Facts", "Contexts")
# Those that look at judgements. The many of test_spf.py are about the record that is judged.
TESTS = (
    *(f"tests/scenarios/test_{n}.py" for n in ("scenarios", "advice", "senders", "arguments")),
    "tests/world/test_authoritative.py",
    "tests/process/test_smtp.py",
    "tests/project/test_docs.py",
    "tests/scenarios/test_output.py::test_one_v_draws_the_chain",
    "tests/scenarios/test_output.py::test_chain_shows_each_alias_on_the_way",
    "tests/scenarios/test_output.py::test_chain_names_four_and_counts_the_others",
    "tests/scenarios/test_output.py::test_two_v_list_every_lookup_in_the_order_of_the_chain",
    "tests/scenarios/test_output.py::test_what_does_not_fit_is_counted",
    "tests/scenarios/test_lookups.py::test_six_endings_have_six_texts",
    "tests/scenarios/test_lookups.py::test_thresholds",
    "tests/scenarios/test_lookups.py::test_threshold_says_which_stage_was_slow",
    "tests/scenarios/test_lookups.py::test_unknown_when_nothing_listens",
    "tests/scenarios/test_lookups.py::test_each_server_that_denied_a_host_is_named",
    "tests/scenarios/test_spf.py::test_output_of_a_sound_record",
    "tests/scenarios/test_spf.py::test_addresses_are_held_to_the_same_check",
    "tests/scenarios/test_spf.py::test_status_of_an_error",
    "tests/scenarios/test_spf.py::test_lookup_that_failed",
    "tests/scenarios/test_spf.py::test_networks_beyond_those_followed_are_counted",
    "tests/scenarios/test_spf.py::test_what_to_do_about_an_error",
)
Key = tuple[str, str, str]

# How many mutants a worker is given at a time.
SHARE = 50

# A mutant that is none, and so has to survive.
CONTROL = Mutant("", 1, [], [], [])


def mutate_if(node: Any) -> Iterator[Any]:
    """Force an ``if`` down each branch, as mutmut does with a conditional expression."""
    for value in "False", "True":
        yield node.with_changes(
            test=cst.Name(value), whitespace_before_test=cst.SimpleWhitespace(" ")
        )


def mutate_f_string(node: Any) -> Iterator[Any]:
    """Change the text in an f-string, as mutmut does with a plain one."""
    yield node.with_changes(value=f"XX{node.value}XX")


def mutate_state(node: Any) -> Iterator[Any]:
    """Replace a state by another."""
    others = {"Critical": "Warn", "Warn": "Critical", "Unknown": "Critical", "Ok": "Warn"}
    if node.value in others:
        yield node.with_changes(value=others[node.value])


OPERATORS = (
    *mutation_operators,
    (cst.If, mutate_if),
    (cst.CompIf, mutate_if),
    (cst.FormattedStringText, mutate_f_string),
    (cst.Name, mutate_state),
)


def is_left_alone(node: Any) -> bool:
    """Tell whether it is what mutmut leaves as it is, with all in it."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in ("len", "isinstance")
    return isinstance(node, (cst.Annotation, cst.Decorator))


def lines_of_sections(source: str) -> set[int]:
    """Return the numbers of the lines in the sections that are mutated."""
    lines: set[int] = set()
    section = ""
    for number, line in enumerate(source.splitlines(), 1):
        banner = re.fullmatch(r"# ([A-Z][A-Za-z ]+)", line)
        section = banner[1] if banner else section
        if section in SECTIONS:
            lines.add(number)
    return lines


class Mutator:
    """Makes the mutants of a source."""

    def __init__(self, source: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module(source))
        self._source = source
        self._module = wrapper.module
        self._positions = wrapper.resolve(PositionProvider)
        self._wanted = lines_of_sections(source)

    def mutants(self) -> Iterator[Mutant]:
        for statement in self._module.body:
            old = self._module.code_for_node(statement).splitlines()
            # The text of a statement starts with the blank lines and comments above it.
            last = self._positions[statement].end.line
            for place, reached_by, node, new in self._changes(statement, "", range(0)):
                changed = self._module.code_for_node(statement.deep_replace(node, new))
                first, before, after = difference(old, changed.splitlines())
                yield Mutant(place, last - len(old) + 1 + first, before, after, [*reached_by])

    def _changes(
        self, node: Any, place: str, lines: range
    ) -> Iterator[tuple[str, range, Any, Any]]:
        if is_left_alone(node):
            return
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            place = f"{place}.{node.name.value}".lstrip(".")
        if isinstance(node, cst.Assign) and not place:
            place = self._module.code_for_node(node.targets[0].target)
        is_statement = isinstance(node, (cst.SimpleStatementLine, cst.If, cst.For))
        if isinstance(node, cst.FunctionDef) or (lines and is_statement):
            lines = self._lines(node)
        if self._positions[node].start.line in self._wanted:
            for kind, operator in OPERATORS:
                for new in operator(node) if isinstance(node, kind) else ():
                    yield place, lines, node, new
        for child in node.children:
            yield from self._changes(child, place, lines)

    def _lines(self, node: Any) -> range:
        """Return the lines of a statement, those of its head if it has a body."""
        position = self._positions[node]
        if isinstance(node, (cst.If, cst.For)):
            return range(position.start.line, self._positions[node.body].start.line)
        return range(position.start.line, position.end.line + 1)


def alike(old: Iterable[str], new: Iterable[str]) -> int:
    """Return how many lines are the same before the first that differ."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new)))


def difference(old: Sequence[str], new: Sequence[str]) -> tuple[int, list[str], list[str]]:
    """Return where lines differ first, and those from there to where they are the same again."""
    first = alike(old, new)
    same = alike(reversed(old[first:]), reversed(new[first:]))
    return first, [*old[first : len(old) - same]], [*new[first : len(new) - same]]


def make_copy(number: int) -> Path:
    """Return a copy of the project in which a worker can put its mutants."""
    copy = COPIES / str(number)
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name)
        else:
            shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / ".debian").symlink_to(ROOT / ".debian")
    return copy


def work(copy: Path, reach: dict[str, Any], mutants: Sequence[Mutant]) -> Any:
    """Have a worker judge mutants in a copy, or measure the reach of the tests."""
    result = copy / "result.json"
    with open(copy / "log", "a", encoding="utf-8") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.trials.mutation_worker", result, *TESTS],
            cwd=copy,
            input=json.dumps({"reach": reach, "mutants": mutants}),
            text=True,
            stdout=log,
            stderr=log,
            check=True,
        )
    return json.loads(result.read_text("utf-8"))


def key(mutant: Mutant) -> Key:
    """Return what a mutant is known by, whatever changes around it."""
    old, new = (" ".join(line.strip() for line in lines) for lines in (mutant.old, mutant.new))
    return mutant.place, old, new


def explained() -> set[Key]:
    """Return the mutants of which it is said why they survive."""
    told = json.loads(EXPLANATIONS.read_text("utf-8"))
    return {(each["place"], each["old"], each["new"]) for each in told if each["why"]}


def judge(mutants: Sequence[Mutant]) -> list[str]:
    """Return what kills each mutant. Give up if a test fails without."""
    workers = int(os.environ.get("WORKERS") or os.cpu_count() or 1)
    copies = [make_copy(number) for number in range(workers)]
    reach = work(copies[0], {}, [])
    failed = [nodeid for nodeid, values in reach.items() if values is None]
    if failed:
        sys.exit(f"these tests fail without a mutant: {' '.join(failed)}")
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judged(share: Sequence[Mutant]) -> list[str]:
        copy = free.get()
        try:
            return list(work(copy, reach, share))
        finally:
            free.put(copy)

    # Neighbours together, as what killed one is tried first on the next.
    shares = [[CONTROL], *(mutants[at : at + SHARE] for at in range(0, len(mutants), SHARE))]
    with ThreadPoolExecutor(workers) as pool:
        control, *killers = itertools.chain.from_iterable(pool.map(judged, shares))
    if control != SURVIVED:
        sys.exit(f"{control} failed without a mutant")
    return killers


def figures(killers: Sequence[str], seconds: float) -> str:
    """Return the figures of a run as a table."""
    timeouts, imports = killers.count(TIMEOUT), killers.count(IMPORT)
    survived = killers.count(SURVIVED)
    killed = len(killers) - survived
    rows = [
        ("mutants", len(killers)),
        ("killed", f"{killed}, {100 * killed / len(killers):.1f} %"),
        ("of these by the time limit of a test", timeouts),
        ("of these on import", imports),
        ("survived", survived),
        ("minutes", f"{seconds / 60:.0f}"),
    ]
    return f"{table(('', ''), rows)}\nOn {machine()}.\n"


def main() -> None:
    """Judge all mutants, or with ``--explain`` only explain those that survived the last run."""
    started = time.monotonic()
    mutants = [*Mutator((ROOT / PLUGIN).read_text("utf-8")).mutants()]
    if sys.argv[1:] != ["--explain"]:
        killers = judge(mutants)
        VERDICTS.write_text(json.dumps([killers, time.monotonic() - started]), "utf-8")
    killers, seconds = json.loads(VERDICTS.read_text("utf-8"))
    survivors = {key(mutant) for mutant, killer in zip(mutants, killers) if killer == SURVIVED}
    write_block(DOCS / "reliability.md", "mutation", figures(killers, seconds))
    for survivor in survivors - explained():
        print(f"not explained: {json.dumps(survivor, ensure_ascii=False)}")
    for survivor in explained() - survivors:
        print(f"killed, or gone: {json.dumps(survivor, ensure_ascii=False)}")
    if survivors != explained():
        sys.exit(1)


if __name__ == "__main__":
    main()
