"""One question to one server, over UDP and TCP."""

from __future__ import annotations

import ipaddress
import os
import selectors
import socket
from collections.abc import Callable
from typing import Optional

from reverse_mx.addresses import is_inside
from reverse_mx.answer import Failure, Fault, Question
from reverse_mx.loop import Loop
from reverse_mx.message import (
    AA,
    CD,
    RA,
    RD,
    Defect,
    Malformed,
    Message,
    Query,
    compose,
    is_truncated,
    read,
)

# So many messages with a wrong id or question are forgeries: one in 65,536 would hit (RFC 5452).
# The question is then asked where they are harder to make, and so is who sends them over TCP.
MOST_MISFITS = 10
# So many at one port, and the question gets another port and another id.
MOST_FORGERIES = 100
# So many messages with the right ones are read, each of which takes its time.
MOST_READ = 4
# Octets that wait on a TCP connection: a message and the two of its length (RFC 1035, 4.2.2).
MOST_WAITING = 65537


class Server:
    """A name server, and what this run has learnt of its manners."""

    def __init__(self, address: str, port: int) -> None:
        """Raise ``OSError`` if ``address`` is not an IPv4 or IPv6 address."""
        octets = os.fsencode(address)  # as text it would be taken for an IDN and be encoded
        found = socket.getaddrinfo(
            octets, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
        self.family = found[0][0]
        self.endpoint = found[0][4]
        host = os.fsdecode(octets).partition("%")[0]
        self.is_inside = is_inside(ipaddress.ip_address(host))
        self._text = address if port == 53 else f"{address}#{port}"
        self.silent_tries = 0
        self.has_answered = False
        # With and without EDNS; what it was asked so since it does not know EDNS is neither.
        self.answers_with_edns = 0
        self.answers_without_edns = 0
        # Whether it answered of a zone of its own, and said that it does not recurse for this host.
        self.keeps_to_its_zones = False

    def heard(self, message: Message, had_edns: bool) -> None:
        """Learn from what it said."""
        self.has_answered = True
        self.answers_with_edns += had_edns
        self.answers_without_edns += not had_edns
        self.keeps_to_its_zones |= message.flags & (AA | RA) == AA

    def __str__(self) -> str:
        return self._text

    @property
    def is_silent(self) -> bool:
        """Whether it said nothing to anything; if it did to some, it is silent of certain names."""
        return self.silent_tries > 0 and not self.has_answered

    @property
    def drops_edns(self) -> bool:
        """Whether it is silent of whatever is asked with EDNS, or what is on the way drops it."""
        return self.answers_without_edns > 1 and not self.answers_with_edns


class Exchange:
    """One question put to one server: over UDP, and over TCP when the answer is truncated.

    ``received(exchange, message, had_edns)`` is called with every message that answers this
    question, ``broken(exchange, failure)`` when none can come. The UDP socket has a port
    of its own and is connected, so the kernel drops what comes from elsewhere and reports a
    closed port at once; it stays open while further tries go out, so that a late answer counts.

    Forgeries lead to TCP too, but are no failure of the server's: whether TCP is refused or
    not, the right answer counts whenever and however it comes.
    """

    def __init__(
        self,
        question: Question,
        server: Server,
        loop: Loop,
        received: Callable[[Exchange, Message, bool], None],
        broken: Callable[[Exchange, Failure], None],
    ) -> None:
        self.server = server
        self.misfits = 0
        self._question = question
        self._loop = loop
        self._received = received
        self._broken = broken
        self._udp: Optional[socket.socket] = None
        # The two forms have an id each, so that it is known which one an answer belongs to.
        self._queries: dict[bool, Query] = {}
        self._udp_misfits = 0
        self._read = 0
        self._tcp: Optional[socket.socket] = None
        self._tcp_query: Optional[Query] = None
        self._tcp_misfits = 0
        self._truncated = False
        self._unsent = b""
        self._stream = bytearray()

    @property
    def truncated(self) -> bool:
        """Whether the answer did not fit into a datagram, and TCP is at work on it."""
        return self._truncated

    def ask(self, edns: bool) -> None:
        """Send the question, unless the answer was truncated and TCP is at work on it.

        Whom it had to be put to without ``edns`` once is asked so from then on.
        """
        if self._truncated:
            return
        edns = edns and False not in self._queries
        if edns not in self._queries:
            self._queries[edns] = self._compose(edns)
        try:
            if self._udp is None:
                self._udp = self._open(socket.SOCK_DGRAM, selectors.EVENT_READ, self._udp_ready)
                self._udp.connect(self.server.endpoint)
            self._udp.send(self._queries[edns].wire)
        except BlockingIOError:
            pass  # a full send buffer is a lost datagram, and the next try follows
        except OSError as error:
            self._fail(Fault.UNREACHABLE, error=error.errno)

    def ask_without_edns(self) -> bool:
        """Ask a server so that understands nothing else (RFC 6891, 7), if that is not done yet.

        Return whether an answer to that may come. After a truncated answer none may, which has
        shown that the OPT record was understood.
        """
        if self._truncated:
            return False
        if False not in self._queries:
            self.ask(edns=False)
        return True

    def close(self) -> None:
        """Let go of the sockets, and of the ids with them."""
        self._close_udp()
        self._close_tcp()

    def _close_udp(self) -> None:
        if self._udp is not None:
            self._loop.close(self._udp)
        self._udp = None
        self._queries = {}
        self._udp_misfits = 0

    def _close_tcp(self) -> None:
        if self._tcp is not None:
            self._loop.close(self._tcp)
        self._tcp = self._tcp_query = None
        self._tcp_misfits = 0
        self._truncated = False
        self._stream.clear()

    def _compose(self, edns: bool) -> Query:
        identity = int.from_bytes(os.urandom(2), "big")
        flags = (0 if self._question.at else RD) | (CD if self._question.unchecked else 0)
        return compose(identity, flags, self._question.name, self._question.rdtype, edns)

    def _open(self, kind: int, events: int, ready: Callable[[], None]) -> socket.socket:
        opened = socket.socket(self.server.family, kind)
        opened.setblocking(False)
        self._loop.watch(opened, events, ready)
        return opened

    def _udp_ready(self) -> None:
        assert self._udp is not None
        try:
            wire = self._udp.recv(65535)
        except BlockingIOError:
            return  # a datagram with a bad checksum wakes the selector and is then dropped
        except OSError as error:
            self._fail(Fault.UNREACHABLE, error=error.errno)
            return
        answered = [query for query in self._queries.values() if query.is_answered_by(wire)]
        if not answered or self._read == MOST_READ:
            self._misfit_over_udp()
        elif not is_truncated(wire):
            self._understand(wire, answered[0])
        elif not self._truncated:
            self._truncated = True
            if self._tcp is None:
                self._ask_over_tcp(answered[0])

    def _understand(self, wire: bytes, query: Query) -> None:
        self._read += 1
        try:
            message = read(wire, query)
        except Malformed as error:
            if not query.has_edns or not self.ask_without_edns():
                self._fail(Fault.MALFORMED, defect=error.defect)
        else:
            self._received(self, message, query.has_edns)

    def _misfit_over_udp(self) -> None:
        self.misfits += 1
        self._udp_misfits += 1
        if self._udp_misfits == MOST_MISFITS and self._tcp is None:
            self._ask_over_tcp(next(reversed(self._queries.values())))
        elif self._udp_misfits == MOST_FORGERIES:
            self._close_udp()

    def _ask_over_tcp(self, query: Query) -> None:
        self._tcp_query = query
        self._unsent = len(query.wire).to_bytes(2, "big") + query.wire
        try:
            self._tcp = self._open(socket.SOCK_STREAM, selectors.EVENT_WRITE, self._tcp_writable)
            self._tcp.connect(self.server.endpoint)
        except BlockingIOError:
            pass  # the connection is on its way
        except OSError as error:
            self._tcp_broken(error.errno)

    def _tcp_writable(self) -> None:
        assert self._tcp is not None
        try:
            self._unsent = self._unsent[self._tcp.send(self._unsent) :]
        except OSError as error:
            self._tcp_broken(error.errno)
        else:
            if not self._unsent:
                self._loop.watch(self._tcp, selectors.EVENT_READ, self._tcp_readable)

    def _tcp_readable(self) -> None:
        """Read on, and keep no more than a message that has not ended yet (RFC 7766, 8)."""
        assert self._tcp is not None
        try:
            octets = self._tcp.recv(MOST_WAITING - len(self._stream))
        except BlockingIOError:
            return
        except OSError as error:
            self._tcp_broken(error.errno)
            return
        if not octets:
            self._tcp_broken(None)
            return
        self._stream += octets
        while self._tcp is not None and len(self._stream) >= 2:
            end = 2 + int.from_bytes(self._stream[:2], "big")
            if len(self._stream) < end:
                break
            wire = bytes(self._stream[2:end])
            del self._stream[:end]
            self._tcp_message(wire)

    def _tcp_message(self, wire: bytes) -> None:
        assert self._tcp_query is not None
        if not self._tcp_query.is_answered_by(wire) or self._read == MOST_READ:
            self.misfits += 1
            self._tcp_misfits += 1
            if self._tcp_misfits == MOST_MISFITS:
                self._tcp_broken(None)
        elif is_truncated(wire):
            self._fail(Fault.TRUNCATED)
        else:
            self._understand(wire, self._tcp_query)

    def _tcp_broken(self, error: Optional[int]) -> None:
        if self._truncated:
            self._fail(Fault.NO_TCP, error=error)
        else:
            self._close_tcp()

    def _fail(
        self, fault: Fault, error: Optional[int] = None, defect: Optional[Defect] = None
    ) -> None:
        self._broken(self, Failure(fault, str(self.server), error or 0, defect=defect))
