"""The plugin as the tests have it."""

from __future__ import annotations

import pytest

from tests.helpers.alone import is_alone
from tests.helpers.plugin import InProcess, Program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asking = ("tests/project", "tests/scenarios")
    if not is_alone() and any(item.nodeid.startswith(asking) for item in items):
        pytest.exit("these tests ask documentation addresses: run them as python -m tests", 4)


@pytest.fixture
def plugin() -> InProcess:
    return InProcess()


@pytest.fixture
def program() -> Program:
    """The plugin as a process, for what only a process shows."""
    return Program()
