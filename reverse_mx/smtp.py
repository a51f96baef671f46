"""How the SMTP servers at addresses greet, asked on the same loop as the DNS."""

from __future__ import annotations

import collections
import contextlib
import functools
import re
import selectors
import socket
from typing import Optional

from reverse_mx.loop import Loop, Promise, most_at_once
from reverse_mx.names import Address
from reverse_mx.smtp_reply import Ending, Greeting

# SMTP connections open at once, and octets of a greeting (RFC 5321, 4.5.3.1.5 has 512 a line).
MOST_CONNECTIONS = 50
MOST_GREETING = 65536


class Smtp:
    """Connects to the SMTP servers at addresses, each once, and reads their greetings."""

    def __init__(self, loop: Loop, port: int) -> None:
        self.most_at_once = most_at_once(MOST_CONNECTIONS, 2)
        self._loop = loop
        self._port = port
        self._promises: dict[Address, Promise[Greeting]] = {}
        self._queue: collections.deque[Conversation] = collections.deque()
        # Without values it is a set that keeps its order.
        self._under_way: dict[Conversation, None] = {}
        loop.when_time_is_up(self._give_up)

    def greet(self, address: Address) -> Promise[Greeting]:
        """Return the greeting to come of the server at an address."""
        if address not in self._promises:
            conversation = Conversation(address, self._port, self._loop)
            self._promises[address] = conversation.promise
            self._queue.append(conversation)
            self._loop.soon(self._fill)
        return self._promises[address]

    def _fill(self) -> None:
        while self._queue and len(self._under_way) < self.most_at_once:
            conversation = self._queue.popleft()
            self._under_way[conversation] = None
            conversation.promise.then(functools.partial(self._ended, conversation))
            conversation.start()

    def _ended(self, conversation: Conversation) -> None:
        del self._under_way[conversation]
        if self._queue:
            self._loop.soon(self._fill)

    def _give_up(self) -> None:
        for conversation in [*self._under_way, *self._queue]:
            conversation.end(Ending.SILENCE)
        self._queue.clear()


class Conversation:
    """A connection to an SMTP server, up to its greeting and a QUIT."""

    def __init__(self, address: Address, port: int, loop: Loop) -> None:
        self.promise: Promise[Greeting] = Promise()
        self._endpoint = (str(address), port)
        self._family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self._loop = loop
        self._started: Optional[float] = None
        self._socket: Optional[socket.socket] = None
        self._connected = False
        self._received = bytearray()

    def start(self) -> None:
        self._started = self._loop.now()
        try:
            self._socket = socket.socket(self._family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._loop.watch(self._socket, selectors.EVENT_WRITE, self._writable)
            self._socket.connect(self._endpoint)
        except BlockingIOError:
            pass  # the connection is on its way
        except OSError as error:
            self._failed(error)

    def _writable(self) -> None:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.end(Ending.ERROR, error)
            return
        self._connected = True
        self._loop.watch(self._socket, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            octets = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error)
            return
        self._received += octets
        if not octets:
            self.end(Ending.CLOSED)
        elif re.search(rb"(?m)^(?!\d{3}-).*\n", self._received):
            self._quit()
            self.end(Ending.WHOLE)
        elif len(self._received) > MOST_GREETING:
            self.end(Ending.TOO_LONG)

    def _quit(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(OSError):  # it is a courtesy
            self._socket.send(b"QUIT\r\n")

    def _failed(self, error: OSError) -> None:
        self.end(Ending.ERROR, error.errno or 0)

    def end(self, ending: Ending, error: int = 0) -> None:
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None
        seconds = None if self._started is None else self._loop.now() - self._started
        self.promise.settle(
            Greeting(self._connected, bytes(self._received), ending, error, seconds)
        )
