"""One question to one server, over UDP and TCP."""

from __future__ import annotations

import ipaddress
import os
import selectors
import socket
from collections.abc import Callable
from typing import Optional

import dns.exception
import dns.flags
import dns.message

from reverse_mx.addresses import is_inside
from reverse_mx.answer import Failure, Fault, Question, in_words, read_message
from reverse_mx.loop import Loop

# What fits into every path's MTU unfragmented (dnsflagday.net/2020).
EDNS_PAYLOAD = 1232
# So many datagrams with a wrong id or question are forgeries: one in 65,536 would hit (RFC 5452).
MOST_MISFITS = 10


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
        self.takes_edns = True
        self.silent_tries = 0

    def __str__(self) -> str:
        return self._text


class Exchange:
    """One question put to one server: over UDP, and over TCP when the answer is truncated.

    ``received(exchange, response, had_edns)`` is called with every message that answers this
    question, ``broken(exchange, failure)`` when none can come. The UDP socket has a port
    of its own and is connected, so the kernel drops what comes from elsewhere and reports a
    closed port at once; it stays open while further tries go out, so that a late answer counts.
    """

    def __init__(
        self,
        question: Question,
        server: Server,
        loop: Loop,
        received: Callable[[Exchange, dns.message.Message, bool], None],
        broken: Callable[[Exchange, Failure], None],
    ) -> None:
        self.server = server
        self.failure: Optional[Failure] = None
        self.asked_without_edns = False
        self.misfits = 0
        self._question = question
        self._loop = loop
        self._received = received
        self._broken = broken
        self._queries: dict[bool, dns.message.QueryMessage] = {}
        self._udp: Optional[socket.socket] = None
        self._tcp: Optional[socket.socket] = None
        self._unsent = b""
        self._stream = bytearray()

    def ask(self, edns: bool) -> None:
        """Send the question, unless TCP is already at work on it."""
        self.asked_without_edns |= not edns
        if self._tcp is not None:
            return
        # The two forms have an id each, so that it is known which one an answer belongs to.
        if edns not in self._queries:
            query = dns.message.make_query(
                self._question.name,
                self._question.rdtype,
                use_edns=0 if edns else False,
                payload=EDNS_PAYLOAD,
            )
            if self._question.at:
                query.flags &= ~dns.flags.RD
            if self._question.unchecked:
                query.flags |= dns.flags.CD
            self._queries[edns] = query
        try:
            if self._udp is None:
                self._udp = self._open(socket.SOCK_DGRAM, selectors.EVENT_READ, self._udp_ready)
                self._udp.connect(self.server.endpoint)
            self._udp.send(self._queries[edns].to_wire())
        except BlockingIOError:
            pass  # a full send buffer is a lost datagram, and the next try follows
        except OSError as error:
            self._fail(Fault.UNREACHABLE, error=error.errno)

    def close(self) -> None:
        for opened in (self._udp, self._tcp):
            if opened is not None:
                self._loop.close(opened)
        self._udp = self._tcp = None

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
        else:
            self._understand(wire, over_tcp=False)

    def _understand(self, wire: bytes, over_tcp: bool) -> None:
        identity = int.from_bytes(wire[:2], "big")
        asked = [(edns, query) for edns, query in self._queries.items() if query.id == identity]
        if not asked:
            self._misfit()
            return
        had_edns, query = asked[0]
        try:
            response = read_message(wire)
        except (dns.exception.DNSException, ValueError) as error:
            # What came over TCP had its OPT record understood over UDP before.
            if had_edns and not self.asked_without_edns and not over_tcp:
                self.ask(edns=False)
            else:
                self._fail(Fault.MALFORMED, text=in_words(error))
            return
        if not query.is_response(response):
            self._misfit()
        elif not response.flags & dns.flags.TC:
            self._received(self, response, had_edns)
        elif over_tcp:
            self._fail(Fault.TRUNCATED)
        elif self._tcp is None:
            self._ask_over_tcp(query)

    def _misfit(self) -> None:
        """Take a stream of wrong answers for forgeries, and ask where they are harder to make."""
        self.misfits += 1
        if self.misfits == MOST_MISFITS and self._udp is not None and self._tcp is None:
            self._loop.close(self._udp)
            self._udp = None
            self._ask_over_tcp(next(reversed(self._queries.values())))

    def _ask_over_tcp(self, query: dns.message.QueryMessage) -> None:
        wire = query.to_wire()
        self._unsent = len(wire).to_bytes(2, "big") + wire
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
        assert self._tcp is not None
        try:
            octets = self._tcp.recv(65535)
        except OSError as error:
            self._tcp_broken(error.errno)
            return
        self._stream += octets
        length = int.from_bytes(self._stream[:2], "big")
        if not octets:
            self._tcp_broken(None)
        elif len(self._stream) >= 2 + length > 2:
            wire = bytes(self._stream[2 : 2 + length])
            del self._stream[: 2 + length]
            self._understand(wire, over_tcp=True)

    def _tcp_broken(self, error: Optional[int]) -> None:
        self._fail(Fault.NO_TCP, error=error, forged=self.misfits >= MOST_MISFITS)

    def _fail(
        self, fault: Fault, error: Optional[int] = None, text: str = "", forged: bool = False
    ) -> None:
        failure = Failure(fault, str(self.server), error or 0, text=text, forged=forged)
        self._broken(self, failure)
