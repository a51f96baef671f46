"""What `make scale` does, in small: that it counts right, not how fast the machine is."""

from __future__ import annotations

import re

import pytest

from tests.helpers.figures import blocks
from tests.trials import scale


@pytest.fixture(scope="module")
def figures() -> scale.Figures:
    """Four checks a second, which one at a time can do, and then eighty, which it cannot."""
    return scale.measure(
        services=40,
        interval=10,
        steady_seconds=3,
        more_seconds=0.5,
        multiples=(20, 40),
        limits=(1,),
        runs=2,
        domains_fed=(20,),
    )


def test_start_has_every_service_checked(figures: scale.Figures) -> None:
    checks = figures.starts[1].checks
    assert {check.service for check in checks} == {f"reverse-mx-d{n}.example" for n in range(40)}
    assert {check.state for check in checks} == {0}


def test_checks_fall_due_at_the_rate_asked_for(figures: scale.Figures) -> None:
    checks = sorted(figures.steady.checks, key=lambda check: check.due)
    assert len({check.service for check in checks}) == len(checks) == 12
    assert {check.state for check in checks} == {0}
    gaps = [after.due - before.due for before, after in zip(checks, checks[1:])]
    assert gaps == pytest.approx([0.25] * 11, abs=0.01)


def test_too_many_checks_are_late_and_the_last_to_be_tried(figures: scale.Figures) -> None:
    assert [len(load.checks) for load in figures.more] == [40]
    assert not scale.kept_up(figures.more[0])
    assert figures.more[0].rate < figures.more[0].offered


def test_cpu_that_icinga_saw_is_what_the_plugin_takes(figures: scale.Figures) -> None:
    alone = figures.costs["installed with pip", 1]
    assert 0.5 < figures.steady.cpu.plugin / len(figures.steady.checks) / alone < 2
    assert figures.steady.cpu.plugin + figures.steady.cpu.icinga <= figures.steady.cpu.machine
    assert figures.costs["installed with pip", 50] < 50 / 2 * alone


def test_feeder_costs_less_a_domain_than_a_check_of_one(figures: scale.Figures) -> None:
    (fed,) = figures.fed
    assert fed.domains == 20
    assert 0 < fed.each < figures.costs["installed with pip", 1] / 2
    assert 0 < fed.icinga < fed.feeder


def test_document_has_the_tables_that_are_made(figures: scale.Figures) -> None:
    written, made = blocks(scale.SCALE), scale.render(figures)
    assert written.keys() == made.keys()
    for name, text in made.items():
        assert beginning(written[name]) == beginning(text)


def beginning(text: str) -> str:
    """The head of a table, or the words before a colon, without its numbers."""
    return re.sub(r"\d+", "N", re.split(r"[\n:]", text)[0])
