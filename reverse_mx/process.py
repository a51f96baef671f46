"""The process: its signals and timers, the one write, the exit. Who sets what, and when:

==============  ==============================  ====================================================
signal mask     ``heed()``, first of all        none: who started the process may have blocked some
SIGINT SIGTERM  the same, if not ignored        end at once, as UNKNOWN
SIGHUP SIGXCPU  the same                        the same
SIGTTOU         the same                        ignored: it would stop a job in the background
ITIMER_REAL     the same, again by ``give()``   SIGALRM: writes what is known, then ends
ITIMER_PROF     the same                        off: it may have been inherited
ITIMER_VIRTUAL  the same                        off, likewise
ITIMER_VIRTUAL  ``answer.read_message()``       SIGVTALRM: ``ValueError`` out of one long message
==============  ==============================  ====================================================

No exception ends a run, as libraries swallow some: handlers write, and leave by ``os._exit()``.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Callable, NoReturn, Optional

from reverse_mx.gate import gate, passed

INTERRUPTS = (signal.SIGHUP, signal.SIGXCPU, signal.SIGINT, signal.SIGTERM)
# Seconds that a run takes at the most, unless -t says otherwise.
TIMEOUT = 10.0
# Seconds after -t when what is known is written, if nothing else is by then, and when the process
# ends whether or not anybody reads that. In between it looks at the clock again and again: a
# signal that comes just before the process begins to wait does not wake it.
WRITES_AFTER = 0.15
ENDS_AFTER = 0.24
LOOKS_EVERY = 0.03


Document = Callable[[str, int, str, str], str]


class GivenUp(Exception):
    """Why a run comes to nothing, in words that are safe to print."""


class Ending:
    """The end of a run: when it has to come, and what is written then.

    ``own`` is whether the process is the check's own, and not that of who called ``main``: one that
    is lent keeps its signals and has no timer, and a run in it ends when all is done. ``document``
    makes the JSON of a run that came to less than it should: of a status line, an exit code,
    performance data, and the reason. None is for lines of text.
    """

    def __init__(self, own: bool, document: Optional[Document] = None) -> None:
        self.document = document
        self.started = time.monotonic()
        self._own = own
        self._heeds = False
        self._end = self.started + TIMEOUT
        self._next = "the libraries were loaded: a busy machine"
        self._verdict: Optional[tuple[str, int, str]] = None
        self._output: Optional[str] = None
        self._begun = False
        self._code = 3
        self._encoding = ""

    def heed(self) -> None:
        """Take over the signals, and have the process end in time, as its arguments say.

        The time is counted from here, less what the start before it computed. How long the process
        had to wait by then, or what other programs did in it, is not the check's.
        """
        self._heeds = True
        # Without a standard output there is none, nor a need for one.
        self._encoding = getattr(sys.stdout, "encoding", "ascii")
        self.started = time.monotonic() - time.process_time()
        for number in INTERRUPTS:
            # A shell has its jobs in the background ignore SIGINT, and that is to stay.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupted)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGALRM, self._time_may_be_up)
        self.give(timeout_in(sys.argv[1:]))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def give(self, seconds: float) -> None:
        """Have the run end within so many seconds from its start."""
        self._end = self.started + seconds
        if self._own:
            first = max(self._end + WRITES_AFTER - time.monotonic(), 0.001)
            signal.setitimer(signal.ITIMER_REAL, first, LOOKS_EVERY)

    def before(self, what: str) -> None:
        """Take the words for what comes next, if the time should be up before it."""
        self._next = what

    def know(self, status: str, code: int, perfdata: str = "") -> None:
        """Take the verdict that stands from now on, whatever becomes of the rest."""
        self._verdict = status, code, perfdata

    def deliver(self, run: Callable[[bool], None]) -> NoReturn:
        """Collect what ``run`` prints, write it at once, and exit with the code that it exits with.

        ``run`` is told whether the output can have every letter. UNKNOWN is also a check whose
        output nobody could read: a scheduler would take Python's own exit code 1 for a WARNING.
        """
        if sys.stdout is None:
            sys.exit(3)
        if self._own:
            # A full collection of a large run takes a second in which no handler is called.
            gc.disable()
            if not self._heeds:
                self.heed()
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        every_letter = (sys.stdout.encoding or "").lower().startswith("utf")
        output = io.StringIO()
        text, code = "", 3
        try:
            with contextlib.redirect_stdout(output):
                run(every_letter)
        except SystemExit as ended:
            text, code = output.getvalue(), int(ended.code or 0)
        except GivenUp as reason:
            text, code = self._broken_off(str(reason))
        except Exception as error:
            text, code = self._broken_off(fault(error))
        self._write(text, code)

    def _broken_off(self, reason: str) -> tuple[str, int]:
        """Return what is known, and why it is not more."""
        known = self._verdict or (f"REVERSE_MX UNKNOWN - {reason}", 3, "")
        status, code, perfdata = known
        if self.document is not None:
            (status,) = passed([status])
            return self.document(status, code, perfdata, reason), code
        more = [reason] if self._verdict is not None else []
        return "\n".join([status, *more, *[f"| {perfdata}"] * bool(perfdata), ""]), code

    def _time_may_be_up(self, *_: object) -> None:
        late = time.monotonic() - self._end
        if self._output is not None:
            if late > ENDS_AFTER:
                self._say_in_short(self._output)
                os._exit(self._code)
        elif late > 0:
            self._write(*self._broken_off(f"the time was up before {self._next}"))

    def _interrupted(self, *_: object) -> None:
        # There is never a second status line, nor a part of one.
        if self._output is None:
            self.give(time.monotonic() - self.started)
            self._verdict = None
            self._write(*self._broken_off("interrupted"))

    def _write(self, text: str, code: int) -> NoReturn:
        """Write the output, as it leaves the gate, and end.

        Into what nobody empties it goes on until the time is up; then the exit code is all.
        """
        self._code = code
        self._output = text
        text = gate(text)
        if not self._own:
            print(text, end="", flush=True)
            sys.exit(code)
        unwritten = text.encode(self._encoding, "backslashreplace")
        self._begun = True
        try:
            while unwritten:
                try:
                    unwritten = unwritten[os.write(1, unwritten) :]
                except BlockingIOError:  # it was made so by who reads it
                    select.select((), (1,), ())
            if len(text) > 1024:  # a character is four octets at the most
                _let_be_read()
        except OSError:
            self._code = 3
        finally:
            # To take down the interpreter piece by piece would cost time, with nothing to save.
            os._exit(self._code)

    def _say_in_short(self, text: str) -> None:
        """Write the status line alone, where nothing else was yet and that need not wait.

        On a machine that is too busy to put the output together nothing else would be left of it.
        """
        if not self._begun:
            short = text.partition("\n")[0] + "\n"
            if self.document is not None:
                short, _ = self._broken_off("the time was up before all was written")
            with contextlib.suppress(OSError, ValueError):
                if select.select((), (1,), (), 0)[1]:
                    os.write(1, gate(short).encode(self._encoding, "backslashreplace"))


def _let_be_read() -> None:
    """Wait until a reader of standard output can get the rest of it, if it is a pipe.

    Of a process that has ended, Nagios 4 and Naemon read once more, up to 4096 octets, and leave
    what is behind them: details, and the performance data (``gather_output`` in their worker.c).
    A reader that takes more than a second has something else to do.
    """
    end = time.monotonic() + 1
    with contextlib.suppress(ImportError, OSError):  # of a standard output of another kind
        import fcntl
        import termios

        while time.monotonic() < end:
            unread = fcntl.ioctl(1, termios.FIONREAD, bytes(4))
            if int.from_bytes(unread, sys.byteorder) <= 4096:
                break
            time.sleep(0.001)


def timeout_in(arguments: Sequence[str]) -> float:
    """Return the seconds that -t gives, before the libraries are there that can tell if it may."""
    seconds = TIMEOUT
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        found = re.fullmatch(r"(?s)(?:-[46v]*t=?|--timeout(?:=|$))(.*)", argument)
        with contextlib.suppress(ValueError):
            given = float(found[1] or following) if found else 0.0
            seconds = given if 0 < given < 1e6 else seconds
    return seconds


def fault(error: Exception) -> str:
    """Return what an exception that nobody foresaw says of its cause, without words of others."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        file = os.path.basename(trace.tb_frame.f_code.co_filename)
        place = f" in {file}, line {trace.tb_lineno}"
    return f"a fault of the plugin, please report it: {type(error).__name__}{place}"
