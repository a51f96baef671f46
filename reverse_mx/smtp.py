"""How the SMTP servers at addresses greet, asked on the same loop as the DNS."""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
from typing import Optional

from reverse_mx.lines import Lines, Queue
from reverse_mx.loop import Loop, Promise, most_at_once
from reverse_mx.names import Address
from reverse_mx.smtp_reply import Greeting, GreetingEnd, ReplyReader

# SMTP connections open at once, of a run and of one domain, and octets of a greeting (RFC 5321,
# 4.5.3.1.5 has 512 a line).
MOST_CONNECTIONS = 200
MOST_OF_A_DOMAIN = 50
MOST_GREETING = 8192
# Who waited for a connection for more than this part of the time has less than others to greet in.
TURN_SHARE = 0.1

# What the system says by itself, before anything came from outside: this host has no route, or none
# that it may use, or nothing left to connect with.
NO_WAY = frozenset(
    (
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPERM,
        errno.EACCES,
        errno.EINVAL,  # a route that is a black hole
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
    )
)


class Smtp:
    """Connects to the SMTP servers at addresses, each once, and reads their greetings.

    Greetings are waited for until ``end``, in the loop's time.
    """

    def __init__(self, lines: Lines, port: int, end: float) -> None:
        self.most_at_once = most_at_once(MOST_CONNECTIONS, 2)
        self._places = lines.places(self.most_at_once, MOST_OF_A_DOMAIN)
        self._loop = lines.loop
        self._port = port
        self._end = end
        self._conversations: dict[Address, Conversation] = {}
        self._loop.at(end, self._give_up)
        self._loop.when_time_is_up(self._give_up)

    def greet(self, address: Address) -> Promise[Greeting]:
        """Return the greeting to come of the server at an address."""
        if address not in self._conversations:
            self._conversations[address] = Conversation(address, self._port, self._loop)
        conversation = self._conversations[address]
        if conversation.waits and self._loop.now() >= self._end:
            conversation.give_up()
        elif conversation.waits:
            self._places.wait(conversation)
        return conversation.promise

    def _give_up(self) -> None:
        for conversation in self._conversations.values():
            if not conversation.promise.settled:
                conversation.give_up()


class Conversation:
    """A connection to an SMTP server, up to its greeting and a QUIT."""

    of_zone = False

    def __init__(self, address: Address, port: int, loop: Loop) -> None:
        self.promise: Promise[Greeting] = Promise()
        self._endpoint = (str(address), port)
        self._family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self._loop = loop
        self._asked = loop.now()
        self._started: Optional[float] = None
        self._socket: Optional[socket.socket] = None
        self._connected = False
        self._reply = ReplyReader()

    @property
    def waits(self) -> bool:
        return self._started is None and not self.promise.settled

    def start(self, _: Queue) -> None:
        self._started = self._loop.now()
        try:
            self._socket = socket.socket(self._family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            self._loop.watch(self._socket, selectors.EVENT_WRITE, self._writable)
            self._socket.connect(self._endpoint)
        except BlockingIOError:
            pass  # the connection is on its way
        except OSError as error:
            own = error.errno in NO_WAY
            self.end(GreetingEnd.NO_WAY if own else GreetingEnd.ERROR, error.errno or 0)

    def _writable(self) -> None:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # Before a connection is established, a reset is a refusal to the system.
        self._connected = error in (0, errno.ECONNRESET)
        if error:
            # A router's word that it knows no such network says nothing of a mail host in it.
            self.end(GreetingEnd.NO_WAY if error == errno.ENETUNREACH else GreetingEnd.ERROR, error)
            return
        self._loop.watch(self._socket, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            octets = self._socket.recv(MOST_GREETING + 1 - len(self._reply.octets))
        except BlockingIOError:
            return
        except OSError as error:
            self.end(GreetingEnd.ERROR, error.errno or 0)
            return
        if not octets:
            self.end(GreetingEnd.CLOSED)
            return
        whole = self._reply.feed(octets)
        if len(self._reply.octets) > MOST_GREETING:
            self.end(GreetingEnd.TOO_LONG)
        elif whole:
            self._quit()
            self.end(GreetingEnd.WHOLE)

    def _quit(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(OSError):  # it is a courtesy
            self._socket.send(b"QUIT\r\n")

    def give_up(self) -> None:
        """End it as silent, unless it was not tried for as long as others were."""
        if self._started is not None:
            given = self._loop.now() - self._asked
            late = self._started - self._asked > TURN_SHARE * given
            self._started = None if late else self._started
        self.end(GreetingEnd.SILENCE)

    def end(self, ending: GreetingEnd, error: int = 0) -> None:
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None
        tried = self._started is not None and ending is not GreetingEnd.NO_WAY
        seconds = self._loop.now() - self._started if tried and self._started is not None else None
        octets = bytes(self._reply.octets)
        self.promise.settle(Greeting(self._connected, octets, ending, error, seconds))
