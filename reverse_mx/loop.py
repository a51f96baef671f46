"""Promises, and the chains that wait for them."""

from __future__ import annotations

import resource
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


# Files that the process has open besides those sockets.
OTHER_FILES = 24


class Promise(Generic[T]):
    """A value to come. ``await`` it in a chain, which then goes on as soon as it is there."""

    value: T

    def __init__(self) -> None:
        self.settled = False
        self._waiting: list[Callable[[], None]] = []

    def settle(self, value: T) -> None:
        self.value = value
        self.settled = True
        # What waited is let go of: in a run of many domains the chains are most of the memory.
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
            resume()

    def then(self, resume: Callable[[], None]) -> None:
        self._waiting.append(resume)

    def __await__(self) -> Generator[Promise[T], None, T]:
        if not self.settled:
            yield self
        return self.value


def start(chain: Coroutine[Any, Any, T]) -> Promise[T]:
    """Run a chain up to its first unanswered question; the promise is of what it returns.

    Promises and this function stand in for asyncio, whose import costs a ninth of a whole check
    and whose loop a storm of datagrams starves.
    """
    promise: Promise[T] = Promise()

    def resume() -> None:
        try:
            awaited = chain.send(None)
        except StopIteration as end:
            promise.settle(end.value)
        else:
            awaited.then(resume)

    resume()
    return promise


async def side_by_side(chains: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run chains side by side and return their results in the order given."""
    promises = [start(chain) for chain in chains]
    return [await promise for promise in promises]


def most_at_once(most: int, files: int) -> int:
    """Return how many of ``most`` things, of so many files each, the process can have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, (limit - OTHER_FILES) // files))
