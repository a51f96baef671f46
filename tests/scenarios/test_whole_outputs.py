"""Whole outputs of -v, each for what one kind of fault is told by; they stand in outputs.txt."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone
from tests.scenarios.test_scenarios import CODES


class Case(NamedTuple):
    id: str
    arguments: list[str]
    zones: dict[str, str]
    output: list[str]


def read(text: str) -> Case:
    """Read a case: name, arguments behind "$", zones behind "@ ADDRESS", the output behind ">"."""
    head, _, output = text.partition("\n>\n")
    first, *zones = head.split("\n@ ")
    name, arguments = first.split("\n$ ")
    by_address = dict(part.split("\n", 1) for part in zones)
    return Case(name, arguments.split(), by_address, output.strip("\n").split("\n"))


_, *PARTS = (Path(__file__).parent / "outputs.txt").read_text("utf-8").split("\n=== ")
CASES = [read(part) for part in PARTS]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_whole_output(plugin: Plugin, case: Case) -> None:
    zones = {address: zone(text) for address, text in case.zones.items()}
    with contextlib.ExitStack() as stack:
        resolver, *others = zones
        server = stack.enter_context(NameServer(zones[resolver], resolver))
        for address in others:
            stack.enter_context(NameServer(zones[address], address, server.port))
        output = plugin.ask(server, "-v", *case.arguments)
    lines = [line.replace(f"#{server.port}", "") for line in (output.status, *output.long)]
    assert lines == case.output
    assert output.code == CODES[case.output[0].split()[1]]
    assert case.id.startswith({0: "ok-", 1: "warn-", 2: "crit-", 3: "unknown-"}[output.code])
    assert output.stderr == ""
