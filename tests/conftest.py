"""The plugin as the tests have it. ``make test`` runs them with the newest and oldest libraries."""

from __future__ import annotations

import pytest
from plugin import InProcess, Program


@pytest.fixture
def plugin() -> InProcess:
    return InProcess()


@pytest.fixture
def program() -> Program:
    """The plugin as a process, for what only a process shows."""
    return Program()
