"""The goals of the benchmark, held to in its short form: ratios, counts and memory, no seconds."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests import ROOT
from tests.helpers.figures import DOCS, blocks
from tests.trials.bench.measures import MEASURES

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
# A machine that is busy with other things shall not fail the tests, and worse code shall.
MOST = 1.25
# One short benchmark of five on a quiet machine had a figure that was twice the goal by chance.
TRIES = 3

Worse = dict[str, float]


@pytest.fixture(scope="module")
def worse() -> Worse:
    """How many times worse than its goal each figure is, at the best: noise only adds."""
    assert PYTHON.exists(), f"{PYTHON} is missing: make test-world makes it"
    least = measure()
    for _ in range(TRIES - 1):
        if max(least.values()) > MOST:
            least = {name: min(times, least[name]) for name, times in measure().items()}
    return least


def measure() -> Worse:
    ended = subprocess.run(
        [str(PYTHON), "-m", "tests.trials.bench", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return {name: times for name, times in json.loads(ended.stdout).items() if times is not None}


@pytest.mark.parametrize(
    "name", [measure.name for measure in MEASURES if measure.goal and measure.lasting]
)
def test_figure_is_not_worse_than_its_goal_by_a_quarter(worse: Worse, name: str) -> None:
    print(f"{name}: {worse[name]:.3f} times its goal")
    assert worse[name] <= MOST


def test_document_has_every_measure_with_its_goal() -> None:
    rows = re.findall(r"(?m)^\| (.*?) \| (.*?) \| ", blocks(DOCS / "performance.md")["figures"])
    assert rows[2:] == [(measure.what, measure.goal) for measure in MEASURES]
