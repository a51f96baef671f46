"""The plugin does in this process what it does as one of its own: what most tests rest on."""

from __future__ import annotations

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, Program, without_times, zone
from tests.scenarios.test_scenarios import SCENARIOS, Scenario


def ask(plugin: Plugin, scenario: Scenario) -> Output:
    """Run a scenario; a fault may be for the first question only, so each has its own server."""
    with NameServer(zone(scenario.zone)) as server:
        output = plugin.ask(server, *scenario.arguments.split(), "-v")
        text = without_times(output.stdout).replace(f"#{server.port}", "#PORT")
    return Output(output.code, text, output.stderr, 0)


# With the oldest libraries a part of them is enough, as the scenarios all run with those too.
PARTS = 8


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, id=scenario.id, marks=[pytest.mark.newest] * (number % PARTS > 0))
        for number, scenario in enumerate(SCENARIOS)
    ],
)
def test_same_in_this_process_and_as_a_process(
    plugin: Plugin, program: Program, scenario: Scenario
) -> None:
    assert ask(plugin, scenario) == ask(program, scenario)
