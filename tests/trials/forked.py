"""Runs the plugin in a process forked from this, in surroundings as hostile as the answers."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import resource
import signal
import sys
import termios
import threading
import time
import traceback
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

import check_reverse_mx
from tests.trials.drawn import HARMLESS, INTERRUPTS, Setting


@dataclass(frozen=True)
class Result:
    """What a run gave, with the seconds that it took when it had the machine, and ``in_all``."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    in_all: float


def starved(pid: int) -> float:
    """Return how long a process was ready to compute and others had the machine (proc(5))."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9


def run_plugin(arguments: Sequence[str], encoding: str, setting: Setting) -> Result:
    """Run the plugin in a process of its own, which need not load it again."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(Stream(setting.stdout))
        errors = stack.enter_context(Stream(setting.stderr))
        started, waited = time.monotonic(), starved(os.getpid())
        # What comes before the plugin heeds them waits until it does.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS + HARMLESS)
        pid = os.fork()
        if pid == 0:
            become_plugin(arguments, encoding, setting, (output.theirs, errors.theirs))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        output.begin()
        errors.begin()
        sender = threading.Timer(setting.after, os.kill, (pid, setting.signal))
        sender.start()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        in_all = time.monotonic() - started
        seconds = in_all - (starved(os.getpid()) - waited) - starved(pid)
        sender.cancel()
        sender.join()
        _, status = os.waitpid(pid, 0)
        printed, complained = (s.end().decode(encoding, "replace") for s in (output, errors))
    return Result(os.waitstatus_to_exitcode(status), printed, complained, seconds, in_all)


class Stream:
    """What standard output or standard error of a process is, and what came there."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._ours = -1
        self._octets = b""
        self._reader = threading.Thread(target=self._read)
        if kind.startswith("pipe"):
            self._ours, self.theirs = os.pipe()
            os.set_blocking(self.theirs, kind != "pipe-nonblocking")
            fcntl.fcntl(self.theirs, fcntl.F_SETPIPE_SZ, 4096)
        elif kind.startswith("terminal"):
            self._ours, self.theirs = pty.openpty()
            tty.setraw(self.theirs)
        else:
            self.theirs = (
                os.open("/dev/full", os.O_WRONLY) if kind == "full" else os.memfd_create("")
            )
        if kind == "terminal-stopped":
            termios.tcflow(self.theirs, termios.TCOOFF)
        self._open = {self.theirs, self._ours} - {-1}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._open:
            os.close(opened)

    def _close(self, opened: int) -> None:
        self._open.discard(opened)
        os.close(opened)

    def begin(self) -> None:
        """Take what comes from now on."""
        if self._kind == "terminal-gone":
            self._close(self._ours)
        if self._kind.startswith("pipe"):
            self._close(self.theirs)
            if self._kind != "pipe-unread":
                self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # a terminal of which nobody has the other end
            while octets := os.read(self._ours, 65536):
                self._octets += octets

    def end(self) -> bytes:
        """Return all that came."""
        if self._kind == "file":
            return os.pread(self.theirs, 1 << 24, 0)
        if self._kind in ("terminal", "terminal-stopped"):
            if self._kind == "terminal-stopped":
                termios.tcflow(self.theirs, termios.TCOON)
            self._close(self.theirs)
            self._read()
        elif self._kind == "pipe-unread":
            self._read()
        elif self._kind.startswith("pipe"):
            self._reader.join()
        return self._octets


def become_plugin(
    arguments: Sequence[str], encoding: str, setting: Setting, outputs: tuple[int, int]
) -> NoReturn:
    """Be a process that a scheduler started in these surroundings."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
        os.closerange(3, 4096)
        streams = [io.TextIOWrapper(io.FileIO(number, "w"), encoding) for number in (1, 2)]
        sys.stdout, sys.stderr = streams
        if setting.stderr == "closed":
            os.close(2)
            sys.stderr = None
        for _ in range(setting.taken):
            os.dup(0)
        if setting.limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (setting.limit, setting.limit))
        if setting.ignored:
            for ignored in (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGPIPE):
                signal.signal(ignored, signal.SIG_IGN)
        if setting.timer is not None:
            signal.setitimer(setting.timer, 0.3, 0.3)
        if setting.blocked:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        sys.argv[1:] = arguments
        check_reverse_mx.main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)
