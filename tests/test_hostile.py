"""Hostile answers: fuzzed ones with fixed seeds, what once failed, and what was thought out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).with_name("fuzz.py")
CORPUS = Path(__file__).with_name("corpus")


def test_two_thousand_answers_from_hell() -> None:
    command = [sys.executable, str(FUZZ), "--answers", "2000", "--seed", "1"]
    kept = sorted(map(str, CORPUS.glob("*.json")))
    replay = ["--replay", *kept] if kept else []
    ended = subprocess.run(
        [*command, *replay], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for file in kept:
        assert f"{Path(file).name}: holds" in ended.stdout
