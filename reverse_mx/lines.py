"""Whose turn it is: of the places for what is under way at once each domain has its share."""

from __future__ import annotations

import collections
import contextvars
import functools
from collections.abc import Coroutine, Iterable
from typing import Any, Generic, Optional, Protocol, TypeVar

from reverse_mx.loop import Loop, Promise, start

T = TypeVar("T")


class Waiting(Protocol):
    """What waits for a place until it is started, and has one until its promise is settled."""

    promise: Promise[Any]

    @property
    def waits(self) -> bool: ...

    def start(self) -> None: ...


class Line:
    """A domain or a sender, for whom things wait in the order in which they were asked for."""


class Party:
    """Those for whom a chain runs: one line, or all that want the same.

    What it asks for waits in all of their lines, and goes with the first that has a place.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        # Without values it is a set that keeps its order.
        self._lines = dict.fromkeys(lines)
        self._asked: list[tuple[Places, Waiting]] = []

    def wait(self, places: Places, asked: Waiting) -> None:
        self._asked.append((places, asked))
        for line in self._lines:
            places.add(line, asked)

    def join(self, others: Party) -> None:
        """Have what waits wait for others too."""
        self._asked = [(places, asked) for places, asked in self._asked if asked.waits]
        for line in others._lines:
            if line not in self._lines:
                self._lines[line] = None
                for places, asked in self._asked:
                    places.add(line, asked)


_PARTY: contextvars.ContextVar[Party] = contextvars.ContextVar("party")


class Shared(Generic[T]):
    """A chain that is run once for all whose lines want what it returns."""

    def __init__(self, chain: Coroutine[Any, Any, T]) -> None:
        self._party: Optional[Party] = Party(_PARTY.get()._lines)
        own = _PARTY.set(self._party)
        self._promise = start(chain)
        _PARTY.reset(own)
        self._promise.then(self._ended)

    def wanted(self) -> Promise[T]:
        """Return the value to come, in whose line the chain that runs is."""
        if self._party is not None and not self._promise.settled:
            self._party.join(_PARTY.get())
        return self._promise

    def _ended(self) -> None:
        self._party = None


class Lines:
    """The lines of a run, and how many of them are open: between these the places are shared."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.open = 0
        self._places: list[Places] = []

    async def queue(self, chain: Coroutine[Any, Any, T]) -> T:
        """Run a chain, and all that it starts, in a line of its own. To be started itself."""
        _PARTY.set(Party([Line()]))
        self.open += 1
        value = await chain
        self.open -= 1
        for places in self._places:
            places.refill()
        return value

    def places(self, most: int, most_of_one: Optional[int] = None) -> Places:
        """Return so many places, of which one line has so many at most."""
        self._places.append(Places(self, most, most_of_one or most))
        return self._places[-1]


class Places:
    """Places for what is under way at once, and what waits for one.

    A line has no more of them than its share, however many there are free: what has one may have
    it for long, and then others' come. So as long as there are no more lines than places, each has
    one at any time; with more, each has one in turn.
    """

    def __init__(self, lines: Lines, most: int, most_of_one: int) -> None:
        self._lines = lines
        self._most = most
        self._most_of_one = most_of_one
        # The line whose turn it is comes first.
        self._queues: collections.OrderedDict[Line, collections.deque[Waiting]] = (
            collections.OrderedDict()
        )
        self._held: collections.Counter[Line] = collections.Counter()
        self._taken = 0

    def wait(self, asked: Waiting) -> None:
        """Have something wait in the lines of those for whom the chain that asks for it runs."""
        _PARTY.get().wait(self, asked)

    def add(self, line: Line, asked: Waiting) -> None:
        self._queues.setdefault(line, collections.deque()).append(asked)
        self.refill()

    def refill(self) -> None:
        if self._queues:
            self._lines.loop.soon(self._fill)

    def _fill(self) -> None:
        share = max(1, min(self._most_of_one, self._most // max(1, self._lines.open)))
        for _ in range(len(self._queues)):
            if self._taken >= self._most:
                break
            line, queue = next(iter(self._queues.items()))
            self._queues.move_to_end(line)
            while queue and self._held[line] < share and self._taken < self._most:
                asked = queue.popleft()
                if asked.waits:
                    self._start(asked, line)
            if not queue:
                del self._queues[line]

    def _start(self, asked: Waiting, line: Line) -> None:
        self._held[line] += 1
        self._taken += 1
        asked.promise.then(functools.partial(self._ended, line))
        asked.start()

    def _ended(self, line: Line) -> None:
        self._held[line] -= 1
        self._taken -= 1
        self.refill()
