"""How the SMTP servers at addresses greet, asked on the same loop as the DNS."""

from __future__ import annotations

import collections
import contextlib
import errno
import functools
import selectors
import socket
from typing import Optional

from reverse_mx.loop import Loop, Promise, most_at_once
from reverse_mx.names import Address
from reverse_mx.smtp_reply import Ending, Greeting, ReplyReader

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

    Greetings are waited for until ``end``, in the loop's time. Each of so many ``domains`` has its
    share of the connections, and takes its turn: one with many silent servers delays no other.
    """

    def __init__(self, loop: Loop, port: int, end: float, domains: int) -> None:
        self.most_at_once = most_at_once(MOST_CONNECTIONS, 2)
        self._share = max(1, min(MOST_OF_A_DOMAIN, self.most_at_once // max(1, domains)))
        self._loop = loop
        self._port = port
        self._end = end
        self._conversations: dict[Address, Conversation] = {}
        # Those that wait, by the domain that has them, the domain whose turn it is first.
        self._queues: dict[object, collections.deque[Conversation]] = {}
        self._under_way: dict[object, int] = {}
        self._connections = 0
        loop.at(end, self._give_up)
        loop.when_time_is_up(self._give_up)

    def greet(self, address: Address, domain: object) -> Promise[Greeting]:
        """Return the greeting to come of the server at an address, which a domain has."""
        if address not in self._conversations:
            self._conversations[address] = Conversation(address, self._port, self._loop)
        conversation = self._conversations[address]
        if conversation.waits:
            # It may wait in the queue of another domain too, which can be longer.
            self._queues.setdefault(domain, collections.deque()).append(conversation)
            self._loop.soon(self._fill)
        return conversation.promise

    def _fill(self) -> None:
        if self._loop.now() >= self._end:
            self._give_up()
        for domain in [*self._queues]:
            queue = self._queues.pop(domain)
            while queue and self._connections < self.most_at_once and self._may(domain):
                conversation = queue.popleft()
                if conversation.waits:
                    self._connections += 1
                    self._under_way[domain] = self._under_way.get(domain, 0) + 1
                    conversation.promise.then(functools.partial(self._ended, domain))
                    conversation.start()
            if queue:
                self._queues[domain] = queue

    def _may(self, domain: object) -> bool:
        return self._under_way.get(domain, 0) < self._share

    def _ended(self, domain: object) -> None:
        self._connections -= 1
        self._under_way[domain] -= 1
        if self._queues:
            self._loop.soon(self._fill)

    def _give_up(self) -> None:
        self._queues.clear()
        for conversation in self._conversations.values():
            if not conversation.promise.settled:
                conversation.give_up()


class Conversation:
    """A connection to an SMTP server, up to its greeting and a QUIT."""

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
            own = error.errno in NO_WAY
            self.end(Ending.NO_WAY if own else Ending.ERROR, error.errno or 0)

    def _writable(self) -> None:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # Before a connection is established, a reset is a refusal to the system.
        self._connected = error in (0, errno.ECONNRESET)
        if error:
            # A router's word that it knows no such network says nothing of a mail host in it.
            self.end(Ending.NO_WAY if error == errno.ENETUNREACH else Ending.ERROR, error)
            return
        self._loop.watch(self._socket, selectors.EVENT_READ, self._readable)

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            octets = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self.end(Ending.ERROR, error.errno or 0)
            return
        if not octets:
            self.end(Ending.CLOSED)
        elif self._reply.feed(octets):
            self._quit()
            self.end(Ending.WHOLE)
        elif len(self._reply.octets) > MOST_GREETING:
            self.end(Ending.TOO_LONG)

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
        self.end(Ending.SILENCE)

    def end(self, ending: Ending, error: int = 0) -> None:
        if self._socket is not None:
            self._loop.close(self._socket)
            self._socket = None
        tried = self._started is not None and ending is not Ending.NO_WAY
        seconds = self._loop.now() - self._started if tried and self._started is not None else None
        octets = bytes(self._reply.octets)
        self.promise.settle(Greeting(self._connected, octets, ending, error, seconds))
