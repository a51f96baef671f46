"""The parser of performance data takes what the guidelines allow, and nothing else."""

from __future__ import annotations

import pytest

from tests.helpers import perfdata
from tests.helpers.perfdata import Datum


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("time=0.5s", {"time": Datum(0.5, "s", "", "", "", "")}, id="value-alone"),
        pytest.param("a=1;;;0", {"a": Datum(1, "", "", "", "0", "")}, id="empty-fields"),
        pytest.param("a=1;;;0;9;", {"a": Datum(1, "", "", "", "0", "9")}, id="final-semicolon"),
        pytest.param("a=U", {"a": Datum(None, "", "", "", "", "")}, id="undetermined"),
        pytest.param(
            "'a b''c'=-1%;@1:2;~:3 d=2KB",
            {
                "a b'c": Datum(-1, "%", "@1:2", "~:3", "", ""),
                "d": Datum(2, "KB", "", "", "", ""),
            },
            id="quoted-label-and-ranges",
        ),
    ],
)
def test_accepted(text: str, expected: dict[str, Datum]) -> None:
    assert perfdata.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("time", id="no-value"),
        pytest.param("=1", id="no-label"),
        pytest.param("a=", id="empty-value"),
        pytest.param("a=1e-05s", id="exponent"),
        pytest.param("a=nan", id="not-a-number"),
        pytest.param("a=1x", id="unknown-unit"),
        pytest.param("a=1,5", id="decimal-comma"),
        pytest.param("a b=1", id="blank-in-label"),
        pytest.param("a'=1", id="quote-in-label"),
        pytest.param("a=1;x", id="no-range"),
        pytest.param("a=1;3:2", id="range-upside-down"),
        pytest.param("a=1;;;0s", id="unit-of-minimum"),
        pytest.param("a=1;;;0;9;7", id="too-many-fields"),
        pytest.param("a=1 a=2", id="label-twice"),
        pytest.param("a=\uff11", id="digit-beyond-ascii"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"performance data|twice|above its end"):
        perfdata.parse(text)
