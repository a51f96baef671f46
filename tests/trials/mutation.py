"""``make mutation``: whether a test notices when a judgement changes.

A mutant is the plugin with one small change in what judges, or in the values that are judged. A
test must fail with it, or ``mutation.json`` says why none can: an unexplained survivor ends the run
with an error. One that is explained is not tried again, but counts as a survivor: it would cost as
much as a hundred others. The figures go to docs/reliability.md.

The changes are mutmut's, and a few of our own. mutmut's own runner leaves out properties and what
stands outside functions: here that is most of the facts, and the table of findings.
"""

from __future__ import annotations

import itertools
import json
import os
import random
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
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs")
SOURCES = (
    "check_reverse_mx.py",
    "reverse_mx",
    "tests",
    "tools",
    "contrib",
    "setup.cfg",
    "Makefile",
)
EXPLANATIONS = Path(__file__).with_name("mutation.json")
# What is mutated: the files, and the classes, functions and tables in them where that is not all.
JUDGING: dict[str, tuple[str, ...]] = {
    "reverse_mx/findings.py": (),
    "reverse_mx/zone_facts.py": (),
    "reverse_mx/facts.py": (),
    "reverse_mx/addresses.py": (),
    "reverse_mx/generic.py": (),
    "reverse_mx/smtp_reply.py": ("_LINE", "_HOST", "read_reply_line", "Greeting"),
    "reverse_mx/spf_record.py": ("SpfSource", "SpfError", "SpfLarge", "SpfLeftOut"),
    "reverse_mx/names.py": (
        "is_host_name",
        "reverse_name",
        "address_in_letters",
        "parse_address",
        "spells_address",
        "_spells_decimally",
        "letters",
        "_has_whole_parts",
        "_has_slice",
        "rdtype_of",
        "is_related",
    ),
    "reverse_mx/walk.py": ("OwnHosts",),
    "check_reverse_mx.py": (
        "Policy",
        "failed_lookups",
        "FindingsContext",
        "SubjectContext",
        "HostContext",
        "AddressContext",
        "SpfContext",
        "GreetingContext",
        "INCONSISTENT",
        "ZoneContext",
    ),
}
# Those that look at judgements. Properties and fuzzing take long, and find little else; so do some
# about bounds.
TESTS = (
    *(
        f"tests/scenarios/test_{name}.py"
        for name in (
            "scenarios",
            "advice",
            "senders",
            "lookups",
            "output",
            "spf",
            "arguments",
            "generic",
            "bounds",
            "facts",
            "causes",
            "greetings",
            "zone_servers",
            "whole_outputs",
            "worst",
        )
    ),
    "tests/project/test_docs.py",
    "tests/project/test_tables.py",
)
PASSED_OVER = (
    "not (argument_reaches or as_many_arguments or time_grows or of_64_kilobytes or sent_at_most"
    " or left_out_is_told)"
)
Key = tuple[str, str, str]

# How many mutants a worker is given at a time.
SHARE = 50

# A mutant that is none, and so has to survive the tests that have killed others.
CONTROL = Mutant("check_reverse_mx.py", "", 1, [], [], [])


# A member of an enumeration that is only compared with others.
AUTO = cst.parse_expression("enum.auto()")


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
    if isinstance(node, cst.Assign):
        return bool(node.value.deep_equals(AUTO))
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in ("len", "isinstance")
    return isinstance(node, (cst.Annotation, cst.Decorator))


class Mutator:
    """Makes the mutants of a file."""

    def __init__(self, file: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module((ROOT / file).read_text("utf-8")))
        self._file = file
        self._wanted = JUDGING[file]
        self._module = wrapper.module
        self._positions = wrapper.resolve(PositionProvider)

    def mutants(self) -> Iterator[Mutant]:
        for statement in self._module.body:
            old = self._module.code_for_node(statement).splitlines()
            # The text of a statement starts with the blank lines and comments above it.
            last = self._positions[statement].end.line
            for place, reached_by, node, new in self._changes(statement, "", range(0)):
                if self._wanted and place.partition(".")[0] not in self._wanted:
                    continue
                changed = self._module.code_for_node(statement.deep_replace(node, new))
                first, before, after = difference(old, changed.splitlines())
                at = last - len(old) + 1 + first
                yield Mutant(self._file, place, at, before, after, [*reached_by])

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
    for name in (*SOURCES, *DOCUMENTS):
        if (ROOT / name).is_dir():
            # Bytecode could be taken for that of a mutant of the same second and length.
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy)
    return copy


def work(
    copy: Path, reach: dict[str, Any], mutants: Sequence[Mutant], part: slice = slice(None)
) -> Any:
    """Have a worker judge mutants in a copy, or measure the reach of a part of the tests."""
    result = copy / "result.json"
    with open(copy / "log", "a", encoding="utf-8") as log:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.trials.mutation_worker",
                result,
                "-k",
                PASSED_OVER,
                *TESTS,
            ],
            cwd=copy,
            input=json.dumps(
                {
                    "reach": reach,
                    "mutants": mutants,
                    "files": [*JUDGING],
                    "part": [part.start, part.stop, part.step],
                }
            ),
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
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
    """Return what kills each mutant."""
    workers = int(os.environ.get("WORKERS") or os.cpu_count() or 1)
    copies = [make_copy(number) for number in range(workers)]
    parts = [slice(number, None, workers) for number in range(workers)]
    reach: dict[str, Any] = {}
    with ThreadPoolExecutor(workers) as pool:
        for measured in pool.map(lambda copy, part: work(copy, {}, [], part), copies, parts):
            reach.update(measured)
    # One that fails without a mutant, as it has no time to be measured in, can tell of none.
    failed = [nodeid for nodeid, values in reach.items() if values is None]
    print(f"left out, as they fail without a mutant: {' '.join(failed) or 'none'}", flush=True)
    reach = {nodeid: values for nodeid, values in reach.items() if nodeid not in failed}
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
    told = explained()
    tried = [mutant for mutant in mutants if key(mutant) not in told]
    shares = [tried[at : at + SHARE] for at in range(0, len(tried), SHARE)]
    with ThreadPoolExecutor(workers) as pool:
        killers = [*itertools.chain.from_iterable(pool.map(judged, shares))]
    reach = {nodeid: values for nodeid, values in reach.items() if nodeid in killers}
    (control,) = judged([CONTROL])
    if control != SURVIVED:
        sys.exit(f"{control} failed without a mutant")
    killer = iter(killers)
    return [SURVIVED if key(mutant) in told else next(killer) for mutant in mutants]


def commit() -> str:
    """Return which commit is checked out."""
    told = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.check_output(told, cwd=ROOT, text=True).strip()


def figures(killers: Sequence[str], seconds: float, made: int, of: str) -> str:
    """Return the figures of a run on all the mutants that were made, or on some, as a table."""
    timeouts, imports = killers.count(TIMEOUT), killers.count(IMPORT)
    survived = killers.count(SURVIVED)
    killed = len(killers) - survived
    rows = [
        ("commit", of),
        ("mutants", made),
        ("judged", len(killers) if len(killers) < made else "all"),
        ("killed", f"{killed}, {100 * killed / len(killers):.1f} %"),
        ("of these by the time limit of a test", timeouts),
        ("of these on import", imports),
        ("survived", survived),
        ("minutes", f"{seconds / 60:.0f}"),
    ]
    return f"{table(('', ''), rows)}\nOn {machine()}.\n"


def main() -> None:
    """Judge all mutants, or as many as ``SAMPLE`` says, chosen at random.

    With ``--explain`` only explain those that survived the last run.
    """
    started, of = time.monotonic(), commit()
    mutants = [mutant for file in JUDGING for mutant in Mutator(file).mutants()]
    made = len(mutants)
    size = int(os.environ.get("SAMPLE") or made)
    mutants = [mutants[at] for at in sorted(random.Random(made).sample(range(made), size))]
    if sys.argv[1:] != ["--explain"]:
        killers = judge(mutants)
        VERDICTS.write_text(json.dumps([killers, time.monotonic() - started, of]), "utf-8")
    killers, seconds, of = json.loads(VERDICTS.read_text("utf-8"))
    survivors = {key(mutant) for mutant, killer in zip(mutants, killers) if killer == SURVIVED}
    told = explained() & {key(mutant) for mutant in mutants} if size < made else explained()
    write_block(DOCS / "reliability.md", "mutation", figures(killers, seconds, made, of))
    for survivor in survivors - told:
        print(f"not explained: {json.dumps(survivor, ensure_ascii=False)}")
    for survivor in told - survivors:
        print(f"gone: {json.dumps(survivor, ensure_ascii=False)}")
    if survivors != told:
        sys.exit(1)


if __name__ == "__main__":
    main()
