"""How the tests run the plugin: as a process, by argv, stdout and exit code.

Every test that takes ``plugin`` runs twice: with the newest libraries, and with the oldest ones
supported, which are those of Debian 12. ``make test`` makes both environments.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nameserver import NameServer  # noqa: E402

PYTHONS = {"newest": Path(sys.executable), "oldest": ROOT / ".venv-oldest" / "bin" / "python"}


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


@dataclass(frozen=True)
class Plugin:
    """The plugin under one interpreter."""

    python: Path
    file: Path = ROOT / "check_reverse_mx.py"

    def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        covered: bool = True,
        within: Sequence[str] = (),
    ) -> Output:
        """Run it, ``within`` a command that takes a command as its arguments.

        What measures time asks for no coverage, which slows the start.
        """
        variables = {**os.environ, **(env or {})}
        if not covered:
            variables = {k: v for k, v in variables.items() if not k.startswith("COVERAGE")}
        started = time.monotonic()
        ended = subprocess.run(
            [*within, self.python, self.file, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            env=variables,
            check=False,
        )
        seconds = time.monotonic() - started
        stdout, stderr = (
            octets.decode("utf-8", "backslashreplace") for octets in (ended.stdout, ended.stderr)
        )
        return Output(ended.returncode, stdout, stderr, seconds)

    def ask(self, server: NameServer, *arguments: str, **options: object) -> Output:
        """Run it against a name server."""
        where = ("-s", server.address, "-p", str(server.port))
        return self(*where, *arguments, **options)  # type: ignore[arg-type]


@pytest.fixture(params=PYTHONS)
def plugin(request: pytest.FixtureRequest) -> Plugin:
    python = PYTHONS[request.param]
    assert python.exists(), f"{python} is missing: make test makes it"
    return Plugin(python)


@pytest.fixture
def newest() -> Plugin:
    """The plugin with the newest libraries only, for what does not depend on them."""
    return Plugin(PYTHONS["newest"])


@contextlib.contextmanager
def at_most_cpu(most: float) -> Iterator[None]:
    """Assert how many seconds the processes run inside compute: a busy machine slows the clock."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    yield
    assert used() - before < most


def without_times(text: str) -> str:
    """An output of the plugin as it is every time that it is run."""
    # On a busy machine a question is asked again before its answer is read.
    return re.sub(r"[0-9.]+(?=s;| ms\b)", "N", re.sub(r", \d+ tries", "", text))


def zone(text: str) -> str:
    """Return zone text in which an address stands for its name in in-addr.arpa or ip6.arpa."""

    def reverse(match: re.Match[str]) -> str:
        try:
            return match[1] + ipaddress.ip_address(match[2]).reverse_pointer + "."
        except ValueError:
            return match[0]

    return re.sub(r"(?m)^( *(?:! )?)(\S+)", reverse, text)
