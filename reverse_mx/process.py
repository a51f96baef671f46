"""Signals, timers, the write and the exit of the process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import warnings
from typing import NoReturn

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def end_interrupted(*_: object) -> None:
    """Say that the check was interrupted, and end there and then, whatever it is at.

    No exception is raised, as libraries swallow some. The output proper is collected, and written
    with these signals blocked, so there is never a second status line, nor a part of one.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        os.write(1, b"REVERSE_MX UNKNOWN - interrupted\n")
    finally:
        os._exit(3)


def heed_interrupts() -> None:
    for number in INTERRUPTS:
        # A shell has its jobs in the background ignore SIGINT, and that is to stay.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end_interrupted)


# Seconds of its own CPU after which the check is broken off once -t has passed. On a busy machine
# a result that comes late is better than none, and one that had no CPU is not to blame.
BACKSTOP_SECONDS = 0.2


class OutOfTime(BaseException):
    """The check took longer than it may: there was more to judge than a deadline foresees."""


def time_is_up(*_: object) -> None:
    signal.setitimer(signal.ITIMER_PROF, BACKSTOP_SECONDS)


def out_of_time(*_: object) -> NoReturn:
    # Of a chain not yet started Python would say on standard error that nobody awaited it.
    warnings.simplefilter("ignore")
    raise OutOfTime


def process_started() -> float:
    """Return the ``time.monotonic()`` at which this process started.

    Loading Python and the two libraries is most of a small check, and on a busy machine takes
    longer than it computes; ``-t`` is for all of it.
    """
    age = time.process_time()
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])  # proc(5), starttime
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        age = max(age, since_boot - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, IndexError, ValueError):
        pass  # no Linux: what it computed is the least that it has lived
    return time.monotonic() - age


def let_be_read() -> None:
    """Wait until a reader of standard output can get the rest of it, if it is a pipe.

    Of a process that has ended, Nagios 4 and Naemon read once more, up to 4096 octets, and leave
    what is behind them: details, and the performance data (``gather_output`` in their worker.c).
    A reader that takes more than a second has something else to do.
    """
    import fcntl
    import termios

    end = time.monotonic() + 1
    with contextlib.suppress(OSError):  # of a standard output of another kind
        while time.monotonic() < end:
            unread = fcntl.ioctl(1, termios.FIONREAD, bytes(4))
            if int.from_bytes(unread, sys.byteorder) <= 4096:
                break
            time.sleep(0.001)
