"""The plugin as real servers meet it: here with both sets of libraries in one run."""

from __future__ import annotations

import pytest

from tests.helpers.plugin import PYTHONS, InProcess, Plugin, Program


@pytest.fixture(params=["newest", "oldest"])
def plugin(request: pytest.FixtureRequest) -> Plugin:
    """The plugin with the newest libraries, which are this process's, and with the oldest."""
    return InProcess(real_clock=True) if request.param == "newest" else Program(PYTHONS["oldest"])
