"""What an SMTP server says before anybody says anything to it (RFC 5321)."""

from __future__ import annotations

import enum
import re
from typing import NamedTuple, Optional

import dns.exception

from reverse_mx.names import Name, is_host_name
from reverse_mx.values import Value

# RFC 5321, 4.2: a code alone, with a blank and text, or with a hyphen where more lines follow.
_LINE = rb"(?s)([2-5][0-9][0-9])(?:([ -])(.*))?"
# A first word with a dot in it, and all of it: what may follow a name is punctuation.
_HOST = rb"[ \t]*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\.*(?![^\s,:;()/])"


class ReplyLine(NamedTuple):
    """A line of a reply; ``last`` is whether the reply ends with it."""

    code: int
    last: bool
    text: bytes


def read_reply_line(line: bytes) -> Optional[ReplyLine]:
    """Return what a line says, None if it has no code: it is no part of the reply, nor its end."""
    match = re.fullmatch(_LINE, line.rstrip(b"\r\n"))
    return ReplyLine(int(match[1]), match[2] != b"-", match[3] or b"") if match else None


class ReplyReader:
    """Collects the octets of a reply up to its end, each looked at once."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self._line = 0

    def feed(self, octets: bytes) -> bool:
        """Take what came, and tell whether the reply is whole; what is behind it is let go."""
        seen = len(self.octets)
        self.octets += octets
        while end := self.octets.find(b"\n", seen) + 1:
            line = read_reply_line(bytes(self.octets[self._line : end]))
            self._line = seen = end
            if line is not None and line.last:
                del self.octets[end:]
                return True
        return False


class GreetingEnd(enum.Enum):
    """What ended the wait for an SMTP greeting.

    ``NO_WAY`` is a lack of the host that waits: it has no route, or none that it may use.
    """

    WHOLE = enum.auto()
    SILENCE = enum.auto()
    CLOSED = enum.auto()
    ERROR = enum.auto()
    NO_WAY = enum.auto()
    TOO_LONG = enum.auto()


class Greeting(Value):
    """How the SMTP server at an address greeted (RFC 5321, 3.1).

    ``octets`` are what came. ``error`` is the system's errno. ``seconds`` count from the start of
    the connection, None if it could not be tried, or not in time.
    """

    connected: bool
    octets: bytes
    ending: GreetingEnd
    error: int
    seconds: Optional[float]

    @property
    def lines(self) -> tuple[ReplyLine, ...]:
        lines = map(read_reply_line, self.octets.split(b"\n"))
        return tuple(line for line in lines if line is not None)

    @property
    def garbled(self) -> bool:
        """Whether lines came without the code that each has to begin with."""
        whole = self.octets.split(b"\n")[:-1]
        return any(line.strip() and read_reply_line(line) is None for line in whole)

    @property
    def silent(self) -> bool:
        """Whether the connection was established and then nothing came."""
        return self.connected and not self.octets.strip() and self.ending is not GreetingEnd.ERROR

    @property
    def ready(self) -> bool:
        """Whether the server is ready for mail: it says so in every line."""
        return self.ending is GreetingEnd.WHOLE and {line.code for line in self.lines} == {220}

    @property
    def refusal(self) -> int:
        """The code by which the server refuses whoever connects, or 0."""
        return next((line.code for line in self.lines if line.code >= 400), 0)

    @property
    def names(self) -> tuple[Name, ...]:
        """The host names that it greets with, in whichever of its lines."""
        names = []
        for match in filter(None, (re.match(_HOST, line.text) for line in self.lines)):
            try:
                names.append(Name([*match[1].split(b"."), b""]))
            except dns.exception.DNSException:
                continue
        return tuple(dict.fromkeys(name for name in names if is_host_name(name)))
