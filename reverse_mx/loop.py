"""Promises, the chains that wait for them, and the one thread that runs them.

It stands in for asyncio, whose import costs a ninth of a whole check and whose loop a storm of
datagrams starves.
"""

from __future__ import annotations

import collections
import contextvars
import functools
import heapq
import itertools
import math
import os
import resource
import selectors
import socket
import time
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, Optional, TypeVar

T = TypeVar("T")

# Files that the process has open besides its sockets.
OTHER_FILES = 24
FILES_TO_COME = 12


class Promise(Generic[T]):
    """A value to come. ``await`` it in a chain, which then goes on as soon as it is there."""

    __slots__ = ("_waiting", "settled", "value")

    value: T

    def __init__(self) -> None:
        self.settled = False
        self._waiting: list[Callable[[], None]] = []

    def settle(self, value: T) -> None:
        self.value = value
        self.settled = True
        # What waited is let go of: in a run of many domains the chains are most of the memory.
        waiting = self._waiting
        del self._waiting
        for resume in waiting:
            resume()

    def then(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` as soon as the value is there."""
        if self.settled:
            resume()
        else:
            self._waiting.append(resume)

    def __await__(self) -> Generator[Promise[T], None, T]:
        if not self.settled:
            yield self
        return self.value


def start(chain: Coroutine[Any, Any, T]) -> Promise[T]:
    """Run a chain up to its first unanswered question; the promise is of what it returns.

    It runs in the context of the chain that starts it.
    """
    promise: Promise[T] = Promise()
    _go_on(chain, contextvars.copy_context(), promise)
    return promise


def _go_on(
    chain: Coroutine[Any, Any, T], context: contextvars.Context, promise: Promise[T]
) -> None:
    try:
        awaited = context.run(chain.send, None)
    except StopIteration as end:
        promise.settle(end.value)
    else:
        # What would call itself again would be there until garbage is collected, and never is.
        awaited.then(functools.partial(_go_on, chain, context, promise))


async def side_by_side(chains: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run chains side by side and return their results in the order given."""
    promises = [start(chain) for chain in chains]
    return [await promise for promise in promises]


class Loop:
    """Lets sockets, timers and chains speak in turn until a chain has ended or the time is up.

    Nothing outlives the run, and however fast datagrams arrive the clock is read between any two
    of them. ``now()`` is in seconds, as are all times that it takes, and the ``deadline`` of what
    it runs.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        selector: Optional[selectors.BaseSelector] = None,
    ) -> None:
        """``selector`` is by which to wait, for a test whose time does not pass by itself."""
        self.now = clock
        self.deadline = math.inf
        self.while_waiting: Callable[[], None] = lambda: None
        self._selector = selector or selectors.DefaultSelector()
        # The selector would say it, too, with a text for each socket that it does not know.
        self._watched: set[socket.socket] = set()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._soon: collections.deque[Callable[[], None]] = collections.deque()
        self._give_up: list[Callable[[], None]] = []

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_: object) -> None:
        for watched in [*self._watched]:
            self.close(watched)
        self._selector.close()

    def watch(self, watched: socket.socket, events: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` whenever one of the selector's ``events`` is there, and for no other."""
        if watched in self._watched:
            self._selector.modify(watched, events, ready)
        else:
            self._watched.add(watched)
            self._selector.register(watched, events, ready)

    def close(self, watched: socket.socket) -> None:
        self._watched.remove(watched)
        self._selector.unregister(watched)
        watched.close()

    def at(self, when: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._numbers), then))

    def soon(self, then: Callable[[], None]) -> None:
        """Call ``then`` in the next turn, which keeps chains from growing into each other."""
        self._soon.append(then)

    def when_time_is_up(self, give_up: Callable[[], None]) -> None:
        """Have ``give_up`` settle every promise that its owner has open at a deadline."""
        self._give_up.append(give_up)

    def run(self, chain: Coroutine[Any, Any, T], deadline: float) -> T:
        """Return what ``chain`` returns, at the deadline at the latest."""
        self.deadline = deadline
        whole = start(chain)
        while not whole.settled:
            self.while_waiting()
            if self.now() >= deadline:
                self._soon.clear()
                for give_up in self._give_up:
                    give_up()
            else:
                self._turn()
        return whole.value

    def _turn(self) -> None:
        until = min(self.deadline, self._timers[0][0]) if self._timers else self.deadline
        wait = 0.0 if self._soon else max(0.0, until - self.now())
        for key, _ in self._selector.select(wait):
            # An earlier event of this round may have closed the socket.
            if key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                key.data()
            # Each of many long answers takes its time to read.
            if self.now() >= self.deadline:
                break
        # The waiting comes first, as what follows may settle what the run is for.
        while self._timers and self._timers[0][0] <= self.now():
            heapq.heappop(self._timers)[2]()
        while self._soon:
            self._soon.popleft()()


def most_at_once(most: int, files: int, taken: int = 0) -> int:
    """Return how many of ``most`` things, of so many files each, the process can have open.

    ``taken`` files are for other things.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return most
    others = max(OTHER_FILES, _inherited() + FILES_TO_COME)
    return max(1, min(most, (limit - others - taken) // files))


def _inherited() -> int:
    """Return how many files are open already; who started the process may have left some."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:  # no Linux
        return 0
