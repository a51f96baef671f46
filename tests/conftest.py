"""The plugin as the tests have it."""

from __future__ import annotations

import os
import threading
import time

import pytest
from _pytest.runner import runtestprotocol

from tests.helpers.alone import is_alone
from tests.helpers.plugin import InProcess, Program


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asking = ("tests/project", "tests/scenarios")
    if not is_alone() and any(item.nodeid.startswith(asking) for item in items):
        pytest.exit("these tests ask documentation addresses: run them as python -m tests", 4)


class Watch(threading.Thread):
    """Counts how often this machine stood still: a short sleep took far longer than asked."""

    def __init__(self) -> None:
        super().__init__(name="watch", daemon=True)
        self.stalls = 0

    def run(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(0.1)
            self.stalls += time.monotonic() - before > 0.6


WATCH = Watch()
WATCH.start()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and again if it fails on a machine that is busy with other things.

    What ends by ``-t`` is held to real seconds; those in which the machine stood still, or had
    twice as much to do as it can, are no fault of the plugin.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for _ in range(3):
        stalls = WATCH.stalls
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        busy = WATCH.stalls > stalls or os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
        if not busy or not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture
def plugin() -> InProcess:
    return InProcess()


@pytest.fixture
def program() -> Program:
    """The plugin as a process, for what only a process shows."""
    return Program()
