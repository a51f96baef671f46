"""How the SMTP servers at addresses greet."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any, Optional

from reverse_mx.facts import Greeting, MailAddress
from reverse_mx.loop import most_at_once
from reverse_mx.names import Address, unusable_as
from reverse_mx.text import os_reason, printable

# SMTP connections open at once, and octets of a greeting (RFC 5321, 4.5.3.1.5 has 512 a line).
MOST_CONNECTIONS = 50


MOST_GREETING = 65536


class Smtp:
    """Connects to the SMTP servers at addresses and reads their greetings, side by side."""

    def __init__(self, port: int, deadline: float) -> None:
        """``deadline`` is a ``time.monotonic()`` value."""
        self._port = port
        self._deadline = deadline

    def greet(self, addresses: Iterable[MailAddress]) -> dict[Address, Greeting]:
        """Return the greetings that came by the deadline, and what came of the others."""
        import asyncio  # only here, as it costs a ninth of a check to load

        unique = {
            address.way.address: address
            for address in addresses
            if not unusable_as(address.way.address)
        }

        async def all_greetings() -> list[Greeting]:
            places = asyncio.Semaphore(most_at_once(MOST_CONNECTIONS, 1))
            return await asyncio.gather(*(self._greet(a, places) for a in unique.values()))

        return {greeting.address: greeting for greeting in asyncio.run(all_greetings())}

    async def _greet(self, mail: MailAddress, places: Any) -> Greeting:
        import asyncio

        assert mail.host is not None  # mail arrives at hosts, not at bare addresses
        address = mail.way.address
        received = bytearray()
        connected = False
        failure = ""
        started: Optional[float] = None

        async def talk() -> None:
            nonlocal connected, started
            async with places:
                started = time.monotonic()
                reader, writer = await asyncio.open_connection(str(address), self._port)
                connected = True
                try:
                    await _read_greeting(reader, received)
                    writer.write(b"QUIT\r\n")
                finally:
                    writer.close()

        try:
            await asyncio.wait_for(talk(), max(0.0, self._deadline - time.monotonic()))
        except asyncio.TimeoutError:
            failure = f"waited {time.monotonic() - (started or time.monotonic()):.1f} s"
        except EOFError:
            failure = "it closed the connection"
        except OSError as error:
            failure = os_reason(error)
        except ValueError:
            failure = f"the greeting has more than {MOST_GREETING} octets"
        return Greeting(
            address,
            mail.host,
            tuple(name.name for name in mail.way.names),
            connected,
            printable(received.decode("latin-1").strip(), 120).replace("\\013\\010", " / "),
            failure,
            None if started is None else time.monotonic() - started,
        )


async def _read_greeting(reader: Any, received: bytearray) -> None:
    """Read a reply of one or more lines (RFC 5321, 4.2.1) octet-wise bounded.

    Raise ``EOFError`` if the connection ends before it, ``ValueError`` if it has no end.
    """
    while not re.search(rb"(?m)^(?!\d{3}-).*\n", received):
        octets = await reader.read(4096)
        if not octets:
            raise EOFError
        received += octets
        if len(received) > MOST_GREETING:
            raise ValueError
