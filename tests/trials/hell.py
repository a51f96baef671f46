"""The name server and SMTP server of the fuzz, at every address, and how it answers."""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import itertools
import random
import selectors
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from tests.trials.drawn import OPT, TC, Greeting, Reply, mutate

SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IP_PKTINFO = 0x8914, 0x8916, 0x891C, 8
RD = 0x01  # in the third octet of a message


@dataclass(frozen=True)
class Answer:
    """Messages in order, each behind what its id is to differ by; how TCP delivers them."""

    messages: tuple[bytes, ...]
    delivery: str = "datagram"


# What answers a question (name, type, class) that was asked so many times before.
Answers = Callable[[bytes, int, bool], Answer]


def draw_answers(replies: Sequence[Reply]) -> Answers:
    """Answer by the replies drawn: which one depends on the question alone, and its repetition."""

    def answers(question: bytes, times: int, over_tcp: bool) -> Answer:
        number = zlib.crc32(question.lower())
        reply = replies[(number + 7 * times) % len(replies)]
        chance = random.Random(number ^ reply.salt ^ times << 8)
        message = b"\0\0" + build(reply, question)
        if reply.delivery == "drop":
            return Answer(())
        damaged = mutate(message, reply.damage, chance) if reply.broken else message
        if over_tcp:
            return Answer((damaged[:65535],), reply.delivery)
        wrong = b"\0\1" if reply.salt % 2 else b"\0\0"
        junk = [wrong + mutate(message, reply.damage, chance)[2:] for _ in range(reply.before)]
        if reply.delivery.startswith("tcp") or len(damaged) > 60000:
            flags = reply.flags | TC
            damaged = b"\0\0" + struct.pack("!5H", flags, 1, 0, 0, 0) + question
        return Answer((*(message[:60000] for message in junk), damaged))

    return answers


def build(reply: Reply, question: bytes) -> bytes:
    """Return the message behind its id."""
    asked = int.from_bytes(question[-4:-2], "big")
    sections = [[record.to_wire(asked) for record in section] for section in reply.sections]
    if reply.options is not None:
        data = b"".join(struct.pack("!HH", code, len(text)) + text for code, text in reply.options)
        sections[2].append(struct.pack("!BHHIH", 0, OPT, 1232, 0, len(data)) + data)
    stated = [
        (count + by) % 65536
        for count, by in zip([1, *(len(section) for section in sections)], reply.counts)
    ]
    body = b"".join(itertools.chain(*sections))
    return struct.pack("!5H", reply.flags & ~TC, *stated) + question + body


class Connection:
    """A TCP connection that a question may come on."""

    def __init__(self, server: Hell, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._received = b""
        sock.setblocking(False)
        server.selector.register(sock, selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        octets = b""
        with contextlib.suppress(OSError):
            octets = self._sock.recv(65536)
        self._received += octets
        if not octets:
            self._close()
        elif len(self._received) >= 2 + int.from_bytes(self._received[:2], "big"):
            query, self._received = self._received[2:], b""
            answer = self._server.answer(query, self._sock.getsockname()[0], over_tcp=True)
            with contextlib.suppress(OSError):
                for message in answer.messages:
                    self._send(identify(query, message), answer.delivery)
            if answer.delivery in ("tcp-length", "tcp-cut", "tcp-reset"):
                self._close()

    def _send(self, message: bytes, delivery: str) -> None:
        stated = len(message) + (97 if delivery == "tcp-length" else 0)
        framed = struct.pack("!H", stated % 65536) + message
        if delivery == "tcp-cut":
            framed = framed[: len(framed) // 2]
        elif delivery == "tcp-split":
            self._sock.send(framed[:1])
            framed = framed[1:]
        elif delivery == "tcp-reset":
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif delivery == "tcp-trickle":
            for number in range(20):
                piece = framed[number : number + 1]
                self._server.after(0.01 * number, partial(send, self._sock, piece))
            self._server.after(0.2, partial(send, self._sock, framed[20:]))
            return
        self._sock.send(BEFORE.get(delivery, b"") + framed)

    def _close(self) -> None:
        self._server.selector.unregister(self._sock)
        self._sock.close()


# What comes over a connection before the answer.
BEFORE = {
    "tcp-empty": b"\0\0" * 300,
    "tcp-small": b"\0\1x\0\2\0\0\0\5abcde",
    "tcp-flood": b"\0\1x" * 100_000,
    "tcp-other": b"\0\x0c\0\1\x81\x80" + bytes(8),
}


def send(sock: socket.socket, octets: bytes) -> None:
    with contextlib.suppress(OSError):  # it may be closed
        sock.send(octets)


def identify(query: bytes, message: bytes) -> bytes:
    """Return the message with the id of the query, or another."""
    return bytes(mine ^ other for mine, other in zip(query[:2], message)) + message[2:]


class Hell:
    """A name server and SMTP server at every address, in a thread of its own.

    ``begin`` starts a run with its answers and greetings. ``told`` are the answers that it was
    given, by transport and question; ``count`` are all questions answered, ``messages`` all
    messages sent. ``reached`` are the addresses at which it was asked as the server of a zone, or
    greeted.
    """

    def __init__(self) -> None:
        self.count = 0
        self.messages = 0
        self.distinct: set[int] = set()
        self.selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._sockets = [
            self._listen(family, kind, port, ready)
            for family in (socket.AF_INET, socket.AF_INET6)
            for kind, port, ready in (
                (socket.SOCK_DGRAM, 53, self._datagram),
                (socket.SOCK_STREAM, 53, self._accept),
                (socket.SOCK_STREAM, 25, self._greet),
            )
        ]
        self.begin(lambda *_: Answer(()), [Greeting((), "wait")])
        threading.Thread(target=self._serve, name="hell", daemon=True).start()

    def begin(self, answers: Answers, greetings: Sequence[Greeting]) -> None:
        self.reached: set[str] = set()
        self.told: dict[str, list[Answer]] = {}
        self._answers = answers
        self._greetings = greetings

    def answer(self, query: bytes, to: str, over_tcp: bool) -> Answer:
        if not query[2] & RD:
            self.reached.add(to)
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        told = self.told.setdefault(f"{'tcp' if over_tcp else 'udp'} {question.hex()}", [])
        answer = self._answers(question, len(told), over_tcp)
        told.append(answer)
        self.count += bool(answer.messages)
        self.messages += len(answer.messages)
        self.distinct.update(map(hash, answer.messages))
        return answer

    def _listen(
        self, family: int, kind: int, port: int, ready: Callable[[socket.socket], None]
    ) -> socket.socket:
        sock = socket.socket(family, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # So that the answer comes from the address that was asked.
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        sock.bind(("", port))
        if kind == socket.SOCK_STREAM:
            sock.listen(512)
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, lambda: ready(sock))
        return sock

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), then))

    def _serve(self) -> None:
        while True:
            wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, _ in self.selector.select(wait):
                key.data()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def _datagram(self, sock: socket.socket) -> None:
        query, (control,), _, sender = sock.recvmsg(65535, 256)
        level, kind, where = control
        to = ip_address(where[8:12] if level == socket.IPPROTO_IP else where[:16])
        if level == socket.IPPROTO_IP:  # interface, address to send from, address sent to
            where = struct.pack("=I4s4s", 0, where[8:12], b"")
        for message in self.answer(query, str(to), over_tcp=False).messages:
            with contextlib.suppress(OSError):  # the asker is gone
                sock.sendmsg([identify(query, message)], [(level, kind, where)], 0, sender)

    def _accept(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            Connection(self, sock.accept()[0])

    def _greet(self, sock: socket.socket) -> None:
        connection, _ = sock.accept()
        connection.setblocking(False)
        address = connection.getsockname()[0]
        self.reached.add(address)
        greeting = self._greetings[zlib.crc32(address.encode()) % len(self._greetings)]

        def read() -> None:
            octets = b""
            with contextlib.suppress(OSError):
                octets = connection.recv(4096)
            if not octets:
                close()

        def close() -> None:
            if connection.fileno() >= 0:
                self.selector.unregister(connection)
                connection.close()

        def reset() -> None:
            with contextlib.suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            close()

        def flood() -> None:
            send(connection, b"220-more\r\n" * 5000)

        self.selector.register(connection, selectors.EVENT_READ, read)
        for number, piece in enumerate(greeting.pieces):
            self.after(0.02 * number, partial(send, connection, piece))
        then = {"close": close, "reset": reset, "flood": flood}.get(greeting.then)
        if then is not None:
            self.after(0.02 * len(greeting.pieces), then)


def bring_up_loopback() -> None:
    """Make every IPv4 address, and the IPv6 addresses that are drawn, this namespace's own."""
    up = 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", up))
        for alias, address in ((b"lo:1", "1.0.0.1"), (b"lo:2", "192.0.0.1")):
            for request, text in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "128.0.0.0")):
                packed = struct.pack("16sHxx4s8x", alias, socket.AF_INET, socket.inet_aton(text))
                fcntl.ioctl(sock, request, packed)
    loopback = socket.if_nametoindex("lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for address in ("2001:db8::1", "2001:db8::2", "fd00::1"):
            packed = socket.inet_pton(socket.AF_INET6, address)
            fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16sIi", packed, 128, loopback))
