"""Runs pytest in a network namespace of its own, as in ``python -m tests -k mismatch``."""

from __future__ import annotations

import sys

import pytest

from tests.helpers.alone import be_alone

if __name__ == "__main__":
    be_alone("tests")
    sys.exit(pytest.main(sys.argv[1:] or ["tests/project", "tests/scenarios", "tests/process"]))
