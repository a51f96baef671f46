"""Runs the plugin in a process forked from this, which need not load it again."""

from __future__ import annotations

import io
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import check_reverse_mx


@dataclass(frozen=True)
class Result:
    """What a run gave, with the seconds that it took when it had the machine."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def starved(pid: int) -> float:
    """Return how long a process was ready to compute and others had the machine (proc(5))."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9


def run_plugin(arguments: Sequence[str], encoding: str) -> Result:
    """Run the plugin in a process of its own, which need not load it again."""
    outputs = os.memfd_create("stdout"), os.memfd_create("stderr")
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        become_plugin(arguments, encoding, outputs)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - started - starved(pid)
    _, status = os.waitpid(pid, 0)
    stdout, stderr = (text_of(output, encoding) for output in outputs)
    return Result(os.waitstatus_to_exitcode(status), stdout, stderr, seconds)


def text_of(output: int, encoding: str) -> str:
    with open(output, "rb") as file:
        file.seek(0)
        return file.read().decode(encoding)


def become_plugin(arguments: Sequence[str], encoding: str, outputs: tuple[int, int]) -> NoReturn:
    try:
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
        streams = [io.TextIOWrapper(io.FileIO(number, "w"), encoding) for number in (1, 2)]
        sys.stdout, sys.stderr = streams
        sys.argv[1:] = arguments
        check_reverse_mx.main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)
