"""The loop that runs the chains."""

from __future__ import annotations

from reverse_mx.loop import Loop, Promise


def test_run_ends_with_the_timer_that_it_waited_for_and_not_at_the_deadline() -> None:
    promise: Promise[str] = Promise()

    async def chain() -> str:
        return await promise

    with Loop() as loop:
        began = loop.now()
        loop.at(began + 0.01, lambda: promise.settle("settled"))
        assert loop.run(chain(), began + 5) == "settled"
        assert loop.now() - began < 1
