"""Whose turn it is, and who pays: each domain has its share of what is under way, and a budget."""

from __future__ import annotations

import collections
import contextvars
import functools
import math
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, Generic, NamedTuple, Optional, Protocol, TypeVar

from reverse_mx.loop import Loop, Promise, start

T = TypeVar("T")


class Budget(NamedTuple):
    """How many lookups may be made: those that a receiver makes, and of zones and their servers.

    The latter, of which there can be any number, take nothing from the former.
    """

    walk: int
    zones: int


# What is looked up for one domain or sender, and then to advise on what was found.
WALK_BUDGET = Budget(4_500, 5_500)
ADVICE_BUDGET = Budget(1_000, 3_000)
# So many of them it has in any case; the others come out of so many that a run has.
OWN_LOOKUPS = 200
RUN_LOOKUPS = 100_000
# Once a line has borne silence to the end, and has lookups that waited for that, all of them have
# this part of what is left of the time: the rest is for what is asked next.
HURRY_SHARE = 0.3
# So many lines are open at once, and more only as one is opened after each so many lookups: twice
# as many as a domain usually has.
OPEN_AT_ONCE = 256
OPENED_AFTER = 16
# Records that the answers of a line may keep; of as few as these any answer may.
MOST_KEPT = 100_000
ALWAYS_KEPT = 4
# Of the lookups that were left out so many are told apart.
MOST_LEFT_OUT = 10_000


class Waiting(Protocol):
    """What waits for a place until it is started, and has one until its promise is settled."""

    promise: Promise[Any]
    of_zone: bool

    @property
    def waits(self) -> bool: ...

    def start(self, queue: Queue) -> None: ...


class Line:
    """A domain or a sender, for whom things wait in the order in which they were asked for.

    ``left_out`` are the first of the lookups that its budget did not allow.
    """

    def __init__(self, lines: Lines, budget: Budget) -> None:
        self.left_out: set[Hashable] = set()
        self._lines = lines
        self._left = {False: budget.walk, True: budget.zones}
        self._own = OWN_LOOKUPS
        self._room = MOST_KEPT

    def can_pay(self, of_zone: bool) -> bool:
        return self._left[of_zone] > 0 and (self._own > 0 or self._lines.common > 0)

    def pay(self, of_zone: bool) -> None:
        self._left[of_zone] -= 1
        if self._own:
            self._own -= 1
        else:
            self._lines.common -= 1

    def keep(self, records: int) -> bool:
        """Take the room for so many records. Return whether there is that much."""
        if records > max(self._room, ALWAYS_KEPT):
            return False
        self._room -= records
        return True

    def leave_out(self, lookup: Hashable) -> None:
        if len(self.left_out) < MOST_LEFT_OUT:
            self.left_out.add(lookup)


class Party:
    """Those for whom a chain runs: one line, or all that want the same.

    What it asks for waits in all of their lines, and goes with the first that has a place. One of
    them pays for it. ``lacks`` is what was left out as none could, by whether it is of a zone.
    """

    __slots__ = ("_asked", "lacks", "lines")

    def __init__(self, lines: Iterable[Line]) -> None:
        # Without values it is a set that keeps its order.
        self.lines = dict.fromkeys(lines)
        self.lacks: set[bool] = set()
        self._asked: list[tuple[Places, Waiting]] = []

    def payer(self, of_zone: bool) -> Optional[Line]:
        """Return who can pay for one lookup more."""
        return next((line for line in self.lines if line.can_pay(of_zone)), None)

    def leave_out(self, lookup: Hashable, of_zone: bool) -> None:
        self.lacks.add(of_zone)
        for line in self.lines:
            line.leave_out(lookup)

    def wait(self, places: Places, asked: Waiting) -> None:
        self._asked.append((places, asked))
        for line in self.lines:
            places.add(line, asked)

    def join(self, others: Party) -> None:
        """Have what waits wait for others too."""
        self._asked = [(places, asked) for places, asked in self._asked if asked.waits]
        for line in others.lines:
            if line not in self.lines:
                self.lines[line] = None
                for places, asked in self._asked:
                    places.add(line, asked)


_PARTY: contextvars.ContextVar[Party] = contextvars.ContextVar("party")


class Shared(Generic[T]):
    """A chain that is run once for all whose lines want what it returns.

    It is run anew for those who can pay for what was left out of it for others.
    """

    __slots__ = ("_chain", "_party", "_promise")

    def __init__(self, chain: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._chain = chain
        self._party: Optional[Party] = None
        self._run()

    def wanted(self) -> Promise[T]:
        """Return the value to come, in whose line the chain that runs is."""
        party = _PARTY.get()
        if self._party is not None:
            if self._party.lacks and all(map(party.payer, self._party.lacks)):
                self._run()
            elif not self._promise.settled:
                self._party.join(party)
        return self._promise

    def _run(self) -> None:
        party = self._party = Party(_PARTY.get().lines)
        own = _PARTY.set(party)
        self._promise = start(self._chain())
        _PARTY.reset(own)
        self._promise.then(functools.partial(self._ended, party))

    def _ended(self, party: Party) -> None:
        """Let go of what is not needed again, which in a run of many domains is much."""
        if self._party is party and not party.lacks:
            self._party = None
            del self._chain


class Lines:
    """The lines of a run, and how many of them are open: between these the places are shared.

    ``common`` is how many lookups they can still have together, besides their own. A line that is
    not open yet takes little memory: one is opened for each that ends, and after some lookups, so
    that it does not depend on what those that are open ask when the next one comes to its turn.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.open = 0
        self.common = RUN_LOOKUPS
        self._places: list[Places] = []
        self._unopened: collections.deque[Promise[None]] = collections.deque()
        self._started = 0
        loop.when_time_is_up(self._open_all)

    async def queue(self, chain: Coroutine[Any, Any, T], budget: Budget) -> T:
        """Run a chain, and all that it starts, in a line of its own. To be started itself."""
        if self.open >= OPEN_AT_ONCE:
            turn: Promise[None] = Promise()
            self._unopened.append(turn)
            await turn
        line = Line(self, budget)
        _PARTY.set(Party([line]))
        self.open += 1
        value = await chain
        self.open -= 1
        if self.open < OPEN_AT_ONCE:
            self._open_next()
        for places in self._places:
            places.close(line)
        return value

    def has_started(self) -> None:
        """Note that something has got a place."""
        self._started += 1
        if self._started % OPENED_AFTER == 0:
            self._open_next()

    def _open_next(self) -> None:
        if self._unopened:
            self._unopened.popleft().settle(None)

    def _open_all(self) -> None:
        while self._unopened:
            self._open_next()

    @staticmethod
    def party() -> Party:
        """Return those for whom the chain runs that calls this."""
        return _PARTY.get()

    @staticmethod
    def payer(lookup: Hashable, of_zone: bool) -> Optional[Line]:
        """Return who can pay for a lookup that the running chain wants; without, it is left out."""
        party = _PARTY.get()
        payer = party.payer(of_zone)
        if payer is None:
            party.leave_out(lookup, of_zone)
        return payer

    @staticmethod
    def left_out() -> int:
        """Return how many lookups were left out of those for whom the chain that asks runs."""
        return sum(len(line.left_out) for line in _PARTY.get().lines)

    def places(self, most: int, most_of_one: Optional[int] = None) -> Places:
        """Return so many places, of which one line has so many at most."""
        self._places.append(Places(self, most, most_of_one or most))
        return self._places[-1]


class Queue:
    """What waits for a place in a line, and what has one.

    Questions to zones come last, and have half of the line's places: how many of them there are is
    up to who runs the zones, and what a receiver asks waits for none of their servers.
    """

    def __init__(self) -> None:
        self._waiting: dict[bool, collections.deque[Waiting]] = {
            of_zone: collections.deque() for of_zone in (False, True)
        }
        self._held = {False: 0, True: 0}
        self._patient = {False: math.inf, True: math.inf}

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def add(self, asked: Waiting) -> None:
        self._waiting[asked.of_zone].append(asked)

    def next(self, share: int) -> Optional[Waiting]:
        """Return what is to have the next place of so many, if one is free."""
        for of_zone, waiting in self._waiting.items():
            while waiting and not waiting[0].waits:
                waiting.popleft()
            free = sum(self._held.values()) < share
            if waiting and free and (not of_zone or self._held[True] < max(1, share // 2)):
                self._held[of_zone] += 1
                return waiting.popleft()
        return None

    def ended(self, asked: Waiting) -> None:
        self._held[asked.of_zone] -= 1

    def until(self, of_zone: bool) -> float:
        """Return how long silence is borne, in the loop's time."""
        return self._patient[of_zone]

    def hurry(self, of_zone: bool, now: float, deadline: float) -> None:
        """Bear silence not much longer, as it was borne to the end, if others wait for a place."""
        if any(asked.waits for asked in self._waiting[of_zone]):
            end = now + HURRY_SHARE * (deadline - now)
            self._patient[of_zone] = min(self._patient[of_zone], end)


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
        self._queues: collections.defaultdict[Line, Queue] = collections.defaultdict(Queue)
        # Those that may get a place: the line whose turn it is comes first. One that has its share
        # is not among them, until it has less of it, or the share is larger.
        self._turns: collections.OrderedDict[Line, Queue] = collections.OrderedDict()
        self._share = most
        self._taken = 0

    def wait(self, asked: Waiting) -> None:
        """Have something wait in the lines of those for whom the chain that asks for it runs."""
        _PARTY.get().wait(self, asked)

    def add(self, line: Line, asked: Waiting) -> None:
        self._queues[line].add(asked)
        self._turns.setdefault(line, self._queues[line])
        self.refill()

    def close(self, line: Line) -> None:
        """Let go of a line; those that are left have its share."""
        self._queues.pop(line, None)
        if self._share_of_one() > self._share:
            for other, queue in self._queues.items():
                if queue:
                    self._turns.setdefault(other, queue)
        self.refill()

    def refill(self) -> None:
        if self._turns:
            self._lines.loop.soon(self._fill)

    def _share_of_one(self) -> int:
        return max(1, min(self._most_of_one, self._most // max(1, self._lines.open)))

    def _fill(self) -> None:
        self._share = self._share_of_one()
        while self._turns and self._taken < self._most:
            line, queue = self._turns.popitem(last=False)
            while self._taken < self._most:
                asked = queue.next(self._share)
                if asked is None:
                    break
                self._start(asked, line, queue)
            else:
                self._turns[line] = queue

    def _start(self, asked: Waiting, line: Line, queue: Queue) -> None:
        self._taken += 1
        self._lines.has_started()
        asked.promise.then(functools.partial(self._ended, asked, line, queue))
        asked.start(queue)

    def _ended(self, asked: Waiting, line: Line, queue: Queue) -> None:
        self._taken -= 1
        queue.ended(asked)
        if queue:
            self._turns.setdefault(line, queue)
        self.refill()
