"""How the tests run the plugin: by argv, and asserted by standard output and exit code.

``InProcess`` calls ``main(argv)``, which takes a twentieth of the time. ``Program`` starts an
interpreter, for what only a process shows; one test holds that both give the same.
"""

from __future__ import annotations

import abc
import contextlib
import gc
import io
import ipaddress
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import time
import unittest.mock
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nagiosplugin.runtime

import check_reverse_mx
from reverse_mx.loop import Loop
from tests import ROOT
from tests.helpers.clock import CLOCK, Selector
from tests.helpers.first_lines import assert_cure_is_seen
from tests.helpers.nameserver import NameServer

# The newest libraries, and the oldest ones supported, which are those of Debian 12.
PYTHONS = {"newest": Path(sys.executable), "oldest": ROOT / ".venv-oldest" / "bin" / "python"}
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_PROF, signal.ITIMER_VIRTUAL)


@dataclass(frozen=True)
class Output:
    """What a run of the plugin gave, with the seconds that it took."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def status(self) -> str:
        """The status line without its performance data."""
        return self.stdout.splitlines()[0].partition(" | ")[0]

    @property
    def perfdata(self) -> dict[str, str]:
        """The performance data by label, wherever they stand."""
        _, _, text = self.stdout.partition("| ")
        return dict(datum.split("=", 1) for datum in text.split())

    @property
    def counts(self) -> str:
        """The labels of the times, then the counts with their values."""
        return " ".join(
            label if value.partition(";")[0].endswith("s") else f"{label}={value.partition(';')[0]}"
            for label, value in self.perfdata.items()
        )

    @property
    def long(self) -> list[str]:
        """The lines of the long output, without the performance data."""
        return [line for line in self.stdout.splitlines()[1:] if not line.startswith("| ")]


class Plugin(abc.ABC):
    """The plugin, run in one way or the other."""

    @abc.abstractmethod
    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Output:
        """Run it, with these variables beside those of the environment."""

    def ask(self, server: NameServer, *arguments: str, **options: object) -> Output:
        """Run it against a name server."""
        where = ("-s", server.address, "-p", str(server.port))
        return self(*where, *arguments, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class InProcess(Plugin):
    """The plugin in this process, each time as if it were the first run in it.

    It goes by the clock that is turned by hand, unless servers are elsewhere (``real_clock``).
    """

    real_clock: bool = False

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Output:
        encoding = (env or {}).get("PYTHONIOENCODING", "utf-8")
        octets = io.BytesIO(), io.BytesIO()
        stdout, stderr = (io.TextIOWrapper(stream, encoding) for stream in octets)
        code: object = None
        started = time.monotonic()
        with (
            unittest.mock.patch.dict(os.environ, env or {}),
            contextlib.nullcontext() if self.real_clock else by_hand(),
            state_restored(),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            try:
                check_reverse_mx.main(arguments)
            except SystemExit as ended:
                code = ended.code
        seconds = time.monotonic() - started
        stdout.flush()
        stderr.flush()
        printed, complained = (
            stream.getvalue().decode("utf-8", "backslashreplace") for stream in octets
        )
        assert isinstance(code, int)
        if "-v" in arguments:
            assert_cure_is_seen(printed)
        return Output(code, printed, complained, seconds)


@contextlib.contextmanager
def by_hand() -> Iterator[None]:
    """Have the plugin go by the clock that is turned by hand."""

    def loop() -> Loop:
        return Loop(CLOCK.now, Selector())

    with CLOCK.held(), unittest.mock.patch.object(check_reverse_mx, "Loop", loop):
        yield


@contextlib.contextmanager
def state_restored() -> Iterator[None]:
    """Leave the process as it was found, for whoever runs the plugin in it next."""
    # The one signal that the plugin handles in a process that is lent to it.
    handler = signal.getsignal(signal.SIGVTALRM)
    # hypothesis has one, in which what a signal's handler raises would be lost.
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    collects = gc.isenabled()
    # So is what it raises while garbage of the tests is cleared away.
    gc.freeze()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        left = [timer for timer in TIMERS if signal.setitimer(timer, 0)[0]]
        signal.signal(signal.SIGVTALRM, handler)
        gc.callbacks[:] = callbacks
        gc.unfreeze()
        if collects:
            gc.enable()
        # nagiosplugin's runtime is a singleton that keeps output, and adds a log handler each time.
        nagiosplugin.runtime.Runtime.instance = None  # type: ignore[assignment]
        logging.getLogger("nagiosplugin").handlers.clear()
        assert not left, "a timer is left"


@dataclass(frozen=True)
class Program(Plugin):
    """The plugin as a process under one interpreter."""

    python: Path = Path(sys.executable)
    file: Path = ROOT / "check_reverse_mx.py"

    def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> Output:
        """Run it, ``within`` a command that takes a command as its arguments."""
        started = time.monotonic()
        ended = subprocess.run(
            [*within, self.python, self.file, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            env={**uncovered(), **(env or {})},
            check=False,
        )
        seconds = time.monotonic() - started
        stdout, stderr = (
            octets.decode("utf-8", "backslashreplace") for octets in (ended.stdout, ended.stderr)
        )
        return Output(ended.returncode, stdout, stderr, seconds)


def uncovered() -> dict[str, str]:
    """The environment in which a process is not measured for coverage, which slows its start."""
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}


def as_by_hand() -> None:
    """Let a process be ended as one that is started by hand.

    A shell has jobs in the background ignore SIGINT, nohup SIGHUP, and they hand that down.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def wait_for(server: NameServer, rdtype: str) -> None:
    """Wait until a run has asked for records of a type: from then on it is under way."""
    end = time.monotonic() + 30
    while all(query.rdtype != rdtype for query in server.queries[:]):
        assert time.monotonic() < end, f"no question for {rdtype}"
        time.sleep(0.01)


def in_time(run: Callable[[], Output], limit: float) -> Output:
    """Return a run that ended within so many seconds, if one of three does.

    On a busy machine one may get no CPU at the moment when it wants to end.
    """
    for _ in range(2):
        output = run()
        if output.seconds < limit:
            return output
    output = run()
    assert output.seconds < limit
    return output


@contextlib.contextmanager
def at_most_cpu(most: float) -> Iterator[None]:
    """Assert how many seconds are computed inside, in processes or by this thread itself.

    The clock would tell of a busy machine.
    """

    def used() -> float:
        usages = map(resource.getrusage, (resource.RUSAGE_CHILDREN, resource.RUSAGE_THREAD))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = used()
    yield
    assert used() - before < most


def without_times(text: str) -> str:
    """An output of the plugin as it is every time that it is run."""
    # On a busy machine a question is asked again before its answer is read.
    return re.sub(r"[0-9.]+(?=s;| m?s\b)", "N", re.sub(r", \d+ tries", "", text))


def zone(text: str) -> str:
    """Return zone text in which an address stands for its name in in-addr.arpa or ip6.arpa."""

    def reverse(match: re.Match[str]) -> str:
        try:
            return match[1] + ipaddress.ip_address(match[2]).reverse_pointer + "."
        except ValueError:
            return match[0]

    return re.sub(r"(?m)^( *(?:! )?)(\S+)", reverse, text)
