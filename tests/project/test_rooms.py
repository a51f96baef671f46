"""The rooms stand on each other as the map in ``reverse_mx/__init__.py`` has them."""

from __future__ import annotations

import ast
import re

import pytest

import reverse_mx
from tests import ROOT

MAP = re.findall(r"(?m)^([a-z_]+)  +\S", reverse_mx.__doc__ or "")


def parsed(room: str) -> ast.Module:
    return ast.parse((ROOT / "reverse_mx" / f"{room}.py").read_text("utf-8"))


def imported(room: str) -> set[str]:
    tree = parsed(room)
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return {module.partition(".")[2] or module for module in modules if "reverse_mx" in module}


def test_the_map_has_every_room() -> None:
    rooms = {file.stem for file in (ROOT / "reverse_mx").glob("*.py")} - {"__init__"}
    assert sorted(MAP) == sorted(rooms)


@pytest.mark.parametrize("room", MAP)
def test_a_room_imports_only_what_stands_below_it(room: str) -> None:
    assert imported(room) <= set(MAP[: MAP.index(room)])


def test_no_two_rooms_have_a_class_of_the_same_name() -> None:
    named = [node.name for r in MAP for node in parsed(r).body if isinstance(node, ast.ClassDef)]
    assert sorted(named) == sorted(set(named))
