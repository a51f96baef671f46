"""What an SMTP server says before anybody says anything to it (RFC 5321)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Optional

import dns.exception
import dns.name

from reverse_mx.names import Name


class Ending(enum.Enum):
    """What ended the wait for an SMTP greeting."""

    WHOLE = enum.auto()
    SILENCE = enum.auto()
    CLOSED = enum.auto()
    ERROR = enum.auto()
    TOO_LONG = enum.auto()


@dataclass(frozen=True, eq=False)
class Greeting:
    """How the SMTP server at an address greeted (RFC 5321, 3.1).

    ``octets`` are what came. ``error`` is the system's errno. ``seconds`` count from the start of
    the connection, None if it was not tried in time.
    """

    connected: bool
    octets: bytes
    ending: Ending
    error: int = 0
    seconds: Optional[float] = None

    @property
    def silent(self) -> bool:
        """Whether the connection was established and then nothing came."""
        return self.connected and not self.octets.strip()

    @property
    def ready(self) -> bool:
        """Whether the server is ready for mail."""
        return self.ending is Ending.WHOLE and self.octets.strip().startswith(b"220")

    @property
    def banner(self) -> Optional[Name]:
        """The host name in the greeting, if there is one."""
        match = re.match(rb"220[ -]([A-Za-z0-9._-]+)", self.octets.strip())
        try:
            return dns.name.from_text(match[1].decode("ascii")) if match else None
        except dns.exception.DNSException:
            return None
