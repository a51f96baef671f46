"""The tables have in each row what their columns say, and no more."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import pytest

from reverse_mx.addresses import _KINDS, Kind, Use
from reverse_mx.findings import FINDINGS, Finding, Reaction


def rows() -> Iterator[Any]:
    for finding in FINDINGS.values():
        yield finding
        yield from finding.reactions
    yield from (kind for _, kind in _KINDS)


@pytest.mark.parametrize("column", [Finding, Reaction, Kind])
def test_values_are_of_the_types_that_are_declared(column: type[Any]) -> None:
    hints = typing.get_type_hints(column)
    for row in rows():
        for name, hint in hints.items() if isinstance(row, column) else ():
            kind = typing.get_origin(hint) or hint
            assert isinstance(getattr(row, name), kind), (row, name)


def test_kind_of_address_has_the_words_that_outputs_tell_of_it() -> None:
    for networks, kind in _KINDS:
        assert bool(kind.nature) is (kind.use in (Use.PRIVATE, Use.UNUSABLE)), networks
        assert bool(kind.rfc) is (kind.use in (Use.PRIVATE, Use.TRANSLATED)), networks
