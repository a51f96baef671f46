"""What the gate lets out, whatever a writer of a line has forgotten."""

from __future__ import annotations

import pytest

from reverse_mx.gate import MOST_TEXT, gate

PERFDATA = "time=0.1s;;;0 mx_time=0.05s;@1:2;~:3;0 dns_errors=0;;;0"


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        pytest.param(
            "a|b=1 <c> & `d` $e", r"a\124b=1 \060c\062 \038 \096d\096 \036e", id="meaning"
        ),
        pytest.param("\x1b[31m\x00\x7f\t", r"\027[31m\000\127\009", id="control-characters"),
        pytest.param("\u202e\u200b\udcff", r"\226\128\174\226\128\139\237\179\191", id="unseen"),
        pytest.param("b\u00fccher \\124 \\x", "b\u00fccher \\124 \\092x", id="passes"),
        pytest.param("x | time=1s y", r"x \124 time=1s y", id="no-performance-data"),
        pytest.param("x | Time=1s", r"x \124 Time=1s", id="no-label-of-ours"),
    ],
)
def test_nothing_raw(raw: str, safe: str) -> None:
    for status, long in ((raw, "sound"), ("sound", raw)):
        text = f"REVERSE_MX CRITICAL - {status}\n{long}\n| {PERFDATA}\n"
        assert gate(text) == text.replace(raw, safe)
    assert gate(f"REVERSE_MX OK - {raw} | {PERFDATA}\n") == f"REVERSE_MX OK - {safe} | {PERFDATA}\n"


@pytest.mark.parametrize("letter", ["x", "\u00fc"])
def test_text_is_bounded_and_performance_data_are_not(letter: str) -> None:
    lines = [letter * 1000] * 200
    out = gate("\n".join(["REVERSE_MX OK - sound", *lines, f"| {PERFDATA}"]) + "\n").splitlines()
    kept = len(out) - 3
    assert out == ["REVERSE_MX OK - sound", *lines[:kept], f"... {200 - kept} lines more", out[-1]]
    assert out[-1] == f"| {PERFDATA}"
    assert MOST_TEXT - 3000 < len("\n".join(out[:-2]).encode()) <= MOST_TEXT


def test_text_may_have_as_many_octets_as_its_bound_says_and_not_one_more() -> None:
    status = "REVERSE_MX OK - sound\n"
    line = "x" * (MOST_TEXT - len(status) - 1)
    assert gate(f"{status}{line}\n") == f"{status}{line}\n"
    assert gate(f"{status}{line}x\n") == f"{status}... 1 line more\n"
