"""How far a long run is, on a terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Optional, TextIO

from reverse_mx.facts import Subject


class Progress:
    """Shows on a terminal how far a long run is, and leaves nothing of it behind.

    A terminal that is stopped, or went away, stops nothing: what it does not take is left out.
    """

    def __init__(self, stream: TextIO, total: int, is_sound: Callable[[Subject], bool]) -> None:
        self._terminal = _terminal(stream)
        self._total = total
        self._is_sound = is_sound
        self._done = 0
        self._problems = 0
        # A run of less than a second shows nothing.
        self._next = time.monotonic() + 1
        self._shown = False

    def done(self, subject: Subject) -> None:
        if self._terminal is not None:
            self._done += 1
            self._problems += not self._is_sound(subject)

    def show(self) -> None:
        if self._terminal is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            self._shown = True
            self._write(
                f"{self._done} of {self._total} done, {self._problems} with problems so far"
            )

    def clear(self) -> None:
        if self._shown:
            self._write("")
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _write(self, text: str) -> None:
        assert self._terminal is not None
        with contextlib.suppress(OSError):
            os.write(self._terminal, f"\r{text}\x1b[K".encode())


def _terminal(stream: Optional[TextIO]) -> Optional[int]:
    """Open the terminal that a stream writes to once more, so that writing to it does not wait.

    What the stream has open is shared with the shell that started the check.
    """
    if stream is None or not stream.isatty():
        return None
    with contextlib.suppress(OSError):
        name = os.ttyname(stream.fileno())
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    return None
