"""A resolver that answers from memory, every question one round trip after it came.

At the mail hosts' IPv4 addresses it greets every SMTP client twice that time after the connection.

All answers are made before the first question, so that one costs a look into a dictionary, and
answers wait in a heap until they are due. The process counts what it computes itself: that shows
that it is not what is measured.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import ipaddress
import itertools
import multiprocessing
import select
import socket
import time
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Union

ADDRESS, PORT = "127.0.0.1", 53
ROUND_TRIP = 0.05
SMTP_PORT = 25
GREETS_AFTER = 0.1
TYPES = {"A": 1, "PTR": 12, "MX": 15, "AAAA": 28}
# A question comes after the header, and ends with its type and class, two octets each. A pointer
# to it is the owner of all records (RFC 1035, 4.1.4).
HEADER, TYPE_AND_CLASS, OWNER = 12, 4, b"\xc0\x0c"
# QR, RD and RA, without an error or with NXDOMAIN.
NOERROR, NXDOMAIN = 0x8180, 0x8183
OPT = b"\0" + (41).to_bytes(2, "big") + (1232).to_bytes(2, "big") + bytes(6)


class Zone:
    """Records by question, and the seconds that an answer takes where it is not a round trip."""

    def __init__(self) -> None:
        self.records: dict[bytes, list[bytes]] = {}
        self.delays: dict[bytes, float] = {}
        self.hosts: dict[str, str] = {}
        self._names: set[bytes] = set()
        self._addresses = itertools.count()

    def add_domain(self, domain: str, hosts: int) -> None:
        """Add a domain in order: each of its hosts has an A and an AAAA record, and both a PTR."""
        for host in range(hosts):
            label, number = f"m{host}", next(self._addresses)
            name = f"{label}.{domain}"
            self._add(domain, "MX", (10).to_bytes(2, "big") + wire_label(label) + OWNER)
            for rdtype, address in (
                ("A", ipaddress.ip_address("10.0.0.1") + number),
                ("AAAA", ipaddress.ip_address("2001:db8::1") + number),
            ):
                self._add(name, rdtype, address.packed)
                self._add(address.reverse_pointer, "PTR", wire_name(name))
                self.hosts[str(address)] = name

    def add_customer(self, domain: str, *hosts: str) -> None:
        """Add a domain whose mail hosts are those of another."""
        for host in hosts:
            self._add(domain, "MX", (10).to_bytes(2, "big") + wire_name(host))

    def delay(self, name: str, rdtype: str, seconds: float) -> None:
        self.delays[question(name, rdtype)] = seconds

    def address(self, host: str, rdtype: str) -> str:
        return str(ipaddress.ip_address(self.records[question(host, rdtype)][0]))

    def reverse_name(self, host: str, rdtype: str) -> str:
        return ipaddress.ip_address(self.address(host, rdtype)).reverse_pointer

    def answer(self, asked: bytes) -> tuple[bytes, bytes]:
        """Return flags and counts, all but that of the last section, and the records."""
        rdatas = self.records.get(asked, [])
        rcode = NOERROR if asked[:-TYPE_AND_CLASS] in self._names else NXDOMAIN
        head = b"".join(number.to_bytes(2, "big") for number in (rcode, 1, len(rdatas), 0))
        fixed = OWNER + asked[-TYPE_AND_CLASS:] + (300).to_bytes(4, "big")
        return head, b"".join(fixed + len(rdata).to_bytes(2, "big") + rdata for rdata in rdatas)

    def _add(self, name: str, rdtype: str, rdata: bytes) -> None:
        self.records.setdefault(question(name, rdtype), []).append(rdata)
        self._names.add(wire_name(name))


def wire_label(label: str) -> bytes:
    return bytes([len(label)]) + label.encode()


def wire_name(name: str) -> bytes:
    return b"".join(map(wire_label, name.split("."))) + b"\0"


def question(name: str, rdtype: str) -> bytes:
    return wire_name(name) + TYPES[rdtype].to_bytes(2, "big") + b"\0\1"


class Load(NamedTuple):
    """The questions since it was last asked for, when the first came, and the CPU they cost."""

    questions: int
    first: float
    cpu: float


class Responder:
    """The process while the context lasts. It ends by itself when its parent does."""

    def __init__(self, zone: Zone) -> None:
        self._service = Service(zone)

    def __enter__(self) -> Responder:
        # With fork the zone need not be sent, and the sockets are open when this returns.
        fork = multiprocessing.get_context("fork")
        self._control, theirs = fork.Pipe()
        self._process = fork.Process(
            target=self._service.run, args=(theirs, self._control), daemon=True
        )
        self._process.start()
        theirs.close()
        self._service.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.join()

    def load(self) -> Load:
        """Return what came since the last call."""
        self._control.send(None)
        load = self._control.recv()
        assert isinstance(load, Load)
        return load


class Service:
    """What the process does: one loop over its sockets, and the answers that are not due yet.

    An answer over TCP is due as soon as one over UDP: the connection costs the client nothing.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._answers = {asked: zone.answer(asked) for asked in zone.records}
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._udp.bind((ADDRESS, PORT))
        self._udp.setblocking(False)
        self._tcp = socket.create_server((ADDRESS, PORT))
        self._connections: list[socket.socket] = []
        self._smtp = socket.create_server(("", SMTP_PORT))
        self._clients: list[socket.socket] = []
        self._waiting: list[tuple[float, int, socket.socket, Any, bytes]] = []
        self._came: list[float] = []

    def close(self) -> None:
        self._udp.close()
        self._tcp.close()
        self._smtp.close()

    def run(self, control: Connection, parents_end: Connection) -> None:
        """Serve until the parent closes its end of the pipe, or is gone."""
        parents_end.close()
        gc.freeze()
        gc.disable()
        cpu = time.process_time()
        while True:
            wait = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            # Unlike epoll, select waits by the microsecond; and the sockets are few.
            sockets: list[Union[socket.socket, Connection]]
            sockets = [control, self._udp, self._tcp, self._smtp, *self._connections]
            sockets += self._clients
            ready, _, _ = select.select(sockets, (), (), wait)
            if self._udp in ready:
                self._read_datagrams()
            if self._tcp in ready:
                self._connections.append(self._tcp.accept()[0])
            for connection in [sock for sock in self._connections if sock in ready]:
                self._read_stream(connection)
            if self._smtp in ready:
                self._greet(self._smtp.accept()[0])
            for client in [sock for sock in self._clients if sock in ready]:
                if not client.recv(512):
                    self._clients.remove(client)
                    client.close()
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, sock, client, answer = heapq.heappop(self._waiting)
                with contextlib.suppress(OSError):  # nobody waits for it any more
                    sock.sendto(answer, client) if client else sock.sendall(answer)
            if control in ready:
                try:
                    control.recv()
                except EOFError:
                    return
                spent = time.process_time() - cpu
                control.send(Load(len(self._came), self._came[0] if self._came else 0.0, spent))
                self._came.clear()
                cpu = time.process_time()

    def _read_datagrams(self) -> None:
        while True:
            try:
                query, client = self._udp.recvfrom(512)
            except BlockingIOError:
                return
            self._take(query, self._udp, client)

    def _read_stream(self, connection: socket.socket) -> None:
        """Take the one question that is sent at once over a connection."""
        message = connection.recv(512)
        if message:
            self._take(message[2:], connection, None)
        else:
            self._connections.remove(connection)
            connection.close()

    def _greet(self, client: socket.socket) -> None:
        self._clients.append(client)
        greeting = f"220 {self._zone.hosts[client.getsockname()[0]]} ESMTP\r\n".encode()
        due = time.monotonic() + GREETS_AFTER
        heapq.heappush(self._waiting, (due, -len(self._clients), client, None, greeting))

    def _take(self, query: bytes, sock: socket.socket, client: Any) -> None:
        now = time.monotonic()
        self._came.append(now)
        end = query.index(0, HEADER) + 1 + TYPE_AND_CLASS
        asked = query[HEADER:end]
        key = asked.lower()
        head, records = self._answers.get(key) or self._zone.answer(key)
        # The only additional record that a query has is the one of EDNS.
        additional = query[10:12]
        answer = query[:2] + head + additional + asked + records + (OPT if any(additional) else b"")
        if client is None:
            answer = len(answer).to_bytes(2, "big") + answer
        due = now + self._zone.delays.get(key, ROUND_TRIP)
        heapq.heappush(self._waiting, (due, len(self._came), sock, client, answer))
