"""Signals, timers, the one write and the exit of the process. Who sets what, and when:

==============  =====================================================  =========================
SIGINT SIGTERM  ``heed_interrupts()``, before the libraries are loaded  end at once, as UNKNOWN
both, blocked   ``deliver()``, for the write                            never half a status line
ITIMER_REAL     ``arm()``, at the end that ``-t`` sets                  starts ITIMER_PROF
ITIMER_PROF     SIGALRM, for what the process then still computes       raises ``OutOfTime``
ITIMER_VIRTUAL  ``answer.read_message()``, for one long message         raises ``ValueError``
==============  =====================================================  =========================
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
import warnings
from typing import Callable, NoReturn

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


def arm(end: float) -> None:
    """Have the check broken off soon after ``end``, a ``time.monotonic()`` value."""
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.signal(signal.SIGPROF, break_off)
    signal.setitimer(signal.ITIMER_REAL, max(end - time.monotonic(), 0.001))


def _time_is_up(*_: object) -> None:
    signal.setitimer(signal.ITIMER_PROF, BACKSTOP_SECONDS)


def break_off(*_: object) -> NoReturn:
    # Of a chain not yet started Python would say on standard error that nobody awaited it.
    warnings.simplefilter("ignore")
    raise OutOfTime


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.setitimer(signal.ITIMER_PROF, 0)


def started() -> float:
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


def _let_be_read() -> None:
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


def deliver(run: Callable[[bool], None], own: bool) -> NoReturn:
    """Collect what ``run`` prints, write it at once, and exit with the code that it exits with.

    ``run`` is told whether the output can have every letter. ``own`` is whether the process is the
    check's own, and not that of who called ``main``. UNKNOWN is also a check whose output nobody
    could read: a scheduler would take Python's own exit code 1 for a WARNING.
    """
    if sys.stdout is None:
        sys.exit(3)
    if own:
        heed_interrupts()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    every_letter = (sys.stdout.encoding or "").lower().startswith("utf")
    code: object = 3
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            run(every_letter)
    except SystemExit as ended:
        code = ended.code
    except OutOfTime:
        output = io.StringIO(
            "REVERSE_MX UNKNOWN - the time was up before all was judged:"
            " very many records, or a busy machine\n"
        )
    finally:
        _disarm()
    if own:
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        print(output.getvalue(), end="", flush=True)
    except OSError:
        # What is still in the buffer would fail once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 3
    if own:
        # A character is four octets at the most.
        if len(output.getvalue()) > 1024:
            _let_be_read()
        # To take down the interpreter piece by piece would cost time, and nothing is left to save.
        os._exit(code)  # type: ignore[arg-type]
    sys.exit(code)  # type: ignore[arg-type]
