"""The plugin as real servers meet it: here with both sets of libraries in one run."""

from __future__ import annotations

import pytest

from tests.helpers.plugin import PYTHONS, InProcess, Plugin, Program
from tests.helpers.pythons import FOUND, VERSIONS


@pytest.fixture(params=["newest", "oldest"])
def plugin(request: pytest.FixtureRequest) -> Plugin:
    """The plugin with the newest libraries, which are this process's, and with the oldest."""
    return InProcess(real_clock=True) if request.param == "newest" else Program(PYTHONS["oldest"])


def pytest_report_header() -> str:
    missing = ", ".join(version for version in VERSIONS if version not in FOUND)
    return (
        f"the one file is tried under Python {', '.join(FOUND)}"
        f"; not on this machine, and not tried: {missing or 'none'}"
    )
