"""The tables have in each row what their columns say, and no more."""

from __future__ import annotations

import ipaddress
import typing
from collections.abc import Iterator
from typing import Any

from reverse_mx.addresses import _KINDS, Use
from reverse_mx.findings import FINDINGS


def rows() -> Iterator[Any]:
    for finding in FINDINGS.values():
        yield finding
        yield from finding.reactions
    yield from (kind for _, kind in _KINDS)


def test_values_are_of_the_types_that_are_declared() -> None:
    for row in rows():
        for name, hint in typing.get_type_hints(type(row)).items():
            kind = typing.get_origin(hint) or hint
            assert isinstance(getattr(row, name), kind), (row, name)


def test_networks_are_written_as_others_write_them_and_each_once() -> None:
    """RFC 5952, 4: in lower case, and as short as can be."""
    written = [network for networks, _ in _KINDS for network in networks.split()]
    assert written == [str(ipaddress.ip_network(network)) for network in written]
    assert len(written) == len({*written})


def test_kind_of_address_has_the_words_that_outputs_tell_of_it() -> None:
    for networks, kind in _KINDS:
        assert bool(kind.nature) is (kind.use in (Use.PRIVATE, Use.UNUSABLE)), networks
        assert bool(kind.rfc) is (kind.use in (Use.PRIVATE, Use.TRANSLATED)), networks
