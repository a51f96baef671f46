"""A clock that is turned by hand, so that what is about waiting waits for nothing.

While a run of the plugin holds it, it stands still until neither the plugin nor a name server of
this process has anything to do, and then goes on to the next time at which one of them has. So a
busy machine changes nothing either, and what is printed of times is the same each time.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Iterator
from typing import Optional, Protocol

# A wait as the difference of two times has lost some of its last digits.
LOST = 1e-9


class Party(Protocol):
    """Who goes by the clock besides the plugin."""

    def settle(self) -> float:
        """Have dealt with all that there is to be done now; return when there is more."""


class Clock:
    """``now()`` is ``time.monotonic()``, but while it is held."""

    def __init__(self) -> None:
        self.parties: list[Party] = []
        self._held: Optional[float] = None

    def now(self) -> float:
        return time.monotonic() if self._held is None else self._held

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        self._held = time.monotonic()
        try:
            yield
        finally:
            self._held = None

    def turn(self, to: float) -> None:
        self._held = to


CLOCK = Clock()


class Selector(selectors.DefaultSelector):
    """Waits by the clock for what the name servers of this process send."""

    def select(self, timeout: Optional[float] = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None
        end = CLOCK.now() + timeout + LOST
        while True:
            ready = super().select(0)
            if ready or timeout == 0:
                return ready
            due = [party.settle() for party in CLOCK.parties]
            ready = super().select(0)
            if ready or CLOCK.now() >= end:
                return ready
            CLOCK.turn(min([end, *due]))
