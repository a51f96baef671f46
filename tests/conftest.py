"""The plugin as the tests have it."""

from __future__ import annotations

import pytest

from tests.helpers.plugin import InProcess, Program


@pytest.fixture
def plugin() -> InProcess:
    return InProcess()


@pytest.fixture
def program() -> Program:
    """The plugin as a process, for what only a process shows."""
    return Program()
