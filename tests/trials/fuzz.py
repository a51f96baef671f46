"""Answers from hell: a name server whose every answer is drawn by hypothesis, and what must hold.

    python -m tests.trials.fuzz --answers 100000 --write   a long run with fresh seeds, for the docs
    python -m tests.trials.fuzz --answers 2000 --seed 0    the same answers each time
    python -m tests.trials.fuzz --replay FILE...           what went wrong, as it was answered then

It runs in a network namespace of its own in which every IPv4 address is its own: what the plugin
asks of a name server or an SMTP server anywhere, it asks of this one, and nothing leaves the
machine. The plugin runs in a process forked from this. An example that fails is shrunk, and kept in
the folder corpus with all that was answered, by which it can be replayed whatever becomes of this
file.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import fcntl
import hashlib
import io
import itertools
import json
import os
import random
import re
import selectors
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import hypothesis.strategies as st

import check_reverse_mx
from reverse_mx.findings import FINDINGS
from tests.helpers import perfdata
from tests.helpers.figures import DOCS, machine, table, write_block

CORPUS = Path(__file__).with_name("corpus")
NAMESPACE = ("unshare", "--map-root-user", "--net")
EXAMPLES_OF_A_SEED = 50
# How much longer than -t a run may take; who is late is run twice more.
GRACE = 0.3
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, OPT, DNAME, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 41, 39, 255
IN = 1
TC, RA, AA, QR = 0x200, 0x80, 0x400, 0x8000
SELF = b"\xc0\x0c"  # a compression pointer to the question
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IP_PKTINFO = 0x8914, 0x8916, 0x891C, 8
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


# ---------------------------------------------------------------------------------------------
# What is drawn
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """A record: of the type that is asked for if ``rdtype`` is 0. ``rdata`` overrides the rest."""

    owner: bytes
    rdtype: int
    rdclass: int
    number: int
    name: bytes
    address: bytes
    text: bytes
    rdata: bytes | None
    misstated: int

    def to_wire(self, asked: int) -> bytes:
        rdtype = self.rdtype or asked
        rdata = self.rdata if self.rdata is not None else self._rdata(rdtype)
        length = (len(rdata) + self.misstated) % 65536
        return self.owner + struct.pack("!HHIH", rdtype, self.rdclass, 60, length) + rdata

    def _rdata(self, rdtype: int) -> bytes:
        if rdtype == A:
            return self.address[-4:]
        if rdtype == AAAA:
            return self.address.rjust(16, b"\x20")
        if rdtype == MX:
            return struct.pack("!H", self.number) + self.name
        if rdtype == SOA:
            return self.name + self.name + struct.pack("!5I", self.number, 1, 1, 1, 1)
        if rdtype in (PTR, NS, CNAME, DNAME):
            return self.name
        pieces = [self.text[i : i + 255] for i in range(0, len(self.text), 255)] or [b""]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces)


@dataclass(frozen=True)
class Reply:
    """How questions are answered whose turn it is.

    ``damage`` octets are then mutated at places that depend on ``salt`` and the question, in
    ``before`` datagrams that come before the answer, and in the answer itself if it is ``broken``.
    """

    flags: int
    sections: tuple[tuple[Record, ...], ...]
    options: tuple[tuple[int, bytes], ...] | None
    counts: tuple[int, int, int, int]
    damage: int
    salt: int
    before: int
    broken: bool
    delivery: str


@dataclass(frozen=True)
class Run:
    """The arguments of a run, and what is answered in it."""

    arguments: tuple[str, ...]
    encoding: str
    replies: tuple[Reply, ...]
    greetings: tuple[bytes, ...]


def wire(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


HOSTILE_LABELS = [
    *(b"|", b"a|b=1;2", b"<script>", b'"', b"'", b"`id`", b"$(reboot)", b"$HOSTADDRESS$", b"&lt;"),
    *(b"\n", b"\r\nREVERSE_MX OK - x", b"\x1b[31m", b"\0", b"\x7f", b"\xff" * 63, b"%s%n{0}"),
    *(
        "\u202ebücher\U0001f4a9".encode(),
        b"xn--bcher-kva",
        b"xn--zzzzzz-999999",
        b"xn--",
        b"a" * 63,
    ),
    *(b"_mail", b"-a-", b"*", b"192", b"0", b"a.b", b"\\", b" ", b"[127", b"2001:db8::1"),
]
ORDINARY_NAMES = [
    *(wire(b"mail", b"example", b"com"), wire(b"example", b"com"), wire(b"a", b"example", b"net")),
    *(wire(b"host-192-0-2-1", b"example", b"net"), wire(b"com"), wire(), SELF),
    *(wire(b"192", b"0", b"2", b"1"), wire(b"1", b"2", b"0", b"192", b"in-addr", b"arpa")),
    *(wire(b"1", b"0/25", b"2", b"0", b"192", b"in-addr", b"arpa"), wire(b"in-addr", b"arpa")),
]
LONG_NAMES = [
    wire(*[b"\xff" * 63] * 3, b"\xff" * 61),
    wire(*[b"|" * 63] * 3, b"'" * 61),
    wire(*[b"1"] * 127),
    wire(*[b"xn--a"] * 42),
]
BROKEN_NAMES = [
    *(b"\xc0\x0d", b"\xc0\xff", b"\xff\xff", b"\xc0", b"\x01a\xc0\x0c", b"\x40a", b"\x80", b""),
    *(b"\x3fa", b"\x01a", wire(*[b"a" * 63] * 5), wire(*[b"1"] * 200), b"\xc0\x00"),
]
ADDRESSES = [
    *(
        "192.0.2.1",
        "2001:db8::1",
        "192.0.2.2",
        "198.51.100.7",
        "10.0.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
    ),
    *("255.255.255.255", "169.254.1.1", "2001:db8::2", "::1", "::", "fe80::1"),
    *("ff02::1", "::ffff:127.0.0.1", "fd00::1", "64:ff9b::c000:201"),
]
SPF_TERMS = [
    *("ip4:192.0.2.0/28", "ip4:10.0.0.0/8", "ip6:2001:db8::/124", "ip6:::ffff:1.2.3.4", "a", "mx"),
    *("a:%{d}", "mx:example.net/24//64", "include:example.net", "redirect=example.com", "-all"),
    *("+all", "exists:%{i}._spf.%{d}", "ptr", "ip4:999", "ip6:::::", "exp=a|b", "a:" + "x" * 300),
    *("include:|<&'.example.com", "?mx:\x1b[31m.com", "a:..", "a:a..b", "include:" + "a." * 130),
    *("\u0661p4:1", "a=b", "include:com", "ip4:1.2.3.4/", "a//129", "redirect=redirect=x.com"),
]
GREETINGS = [
    *(b"", b"220 mail.example.com ESMTP\r\n", b"220-a\r\n220 b\r\n", b"554 no\r\n", b"421-x\r\n"),
    *(b"220 a..b\r\n", b"220 " + b"a" * 300 + b"\r\n", b"\xff\0\x1b[31m|<'\r\n", b"22", b"\n"),
    *(b"220 |x;'=1\r\n", b"220-a\r\n" * 9000, b"x" * 70000, b"220 .\r\n", b"220 -\r\n"),
]

hostile_names = st.lists(
    st.sampled_from(HOSTILE_LABELS) | st.binary(min_size=1, max_size=12), min_size=1, max_size=3
).map(lambda labels: wire(*labels, b"example", b"com"))
names = st.one_of(
    st.sampled_from(ORDINARY_NAMES),
    st.sampled_from(ORDINARY_NAMES),
    hostile_names,
    hostile_names,
    st.sampled_from(LONG_NAMES),
)
any_names = st.one_of(names, names, names, st.sampled_from(BROKEN_NAMES))
addresses = st.one_of(
    st.sampled_from([ip_address(address).packed for address in ADDRESSES[:2]]),
    st.sampled_from([ip_address(address).packed for address in ADDRESSES]),
    st.binary(min_size=16, max_size=16),
)
spf = st.lists(st.sampled_from(SPF_TERMS), max_size=12).map(
    lambda terms: " ".join(["v=spf1", *terms]).encode()
)
texts = st.one_of(spf, spf, st.binary(max_size=40), st.just(b"v=spf1 " + b"a " * 2000))
types = st.sampled_from(
    [*(A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, OPT, DNAME, ANY, 0, 33, 46, 47, 50, 64, 65280, 65535)]
)
numbers = st.sampled_from([0, 10, 65535]) | st.integers(0, 65535)


def records(of: st.SearchStrategy[int], sound: bool) -> st.SearchStrategy[Record]:
    wild = st.nothing() if sound else st.binary(max_size=30)
    return st.builds(
        Record,
        owner=st.just(SELF) if sound else any_names,
        rdtype=of,
        rdclass=st.just(IN) if sound else st.sampled_from([IN, IN, 3, 4, 254, 255, 0, 65535]),
        number=numbers,
        name=names if sound else any_names,
        address=addresses,
        text=texts,
        rdata=st.none() | wild,
        misstated=st.just(0) if sound else st.sampled_from([0, 0, 0, 0, 1, -1, 7, 60000]),
    )


def some(of: st.SearchStrategy[Record], most: int) -> st.SearchStrategy[tuple[Record, ...]]:
    return st.lists(of, max_size=most).map(tuple)


NOTHING = st.just(())
asked_for = records(st.just(0), sound=True)
# More mail hosts or PTR names than are followed, each different.
crowds = st.integers(101, 150).map(
    lambda count: tuple(
        Record(
            *(SELF, 0, IN, number, wire(b"m%d" % number, b"example", b"com")),
            *(b"\0" * 10 + b"\x01\x02" + struct.pack("!H", number), b"", None, 0),
        )
        for number in range(count)
    )
)
SECTIONS = {
    "crowd": st.tuples(crowds, NOTHING, NOTHING),
    "answer": st.tuples(st.lists(asked_for, min_size=1, max_size=4).map(tuple), NOTHING, NOTHING),
    "alias": st.tuples(
        some(records(st.sampled_from([CNAME, DNAME, 0]), True), 3), NOTHING, NOTHING
    ),
    "denial": st.tuples(NOTHING, some(records(st.just(SOA), sound=True), 1), NOTHING),
    "referral": st.tuples(NOTHING, some(records(st.just(NS), sound=True), 3), NOTHING),
    "wild": st.tuples(*[some(records(types, sound=False), 3)] * 3),
}
DELIVERIES = [*["datagram"] * 12, *["tcp"] * 3, "tcp-length", "tcp-split", "tcp-cut", "drop"]
options = st.lists(
    st.tuples(
        st.sampled_from([15, 15, 15, 3, 8, 10, 65001]),
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(HOSTILE_LABELS).map(lambda text: b"\0\x06" + text),
            st.just(b"\xff\xff" + b"|x\n" * 200),
        ),
    ),
    max_size=3,
).map(tuple)


@st.composite
def replies(draw: st.DrawFn, tame: bool, crowded: bool = False) -> Reply:
    """``tame`` answers can be read, so that what they hold is gone into."""
    kinds = ["answer"] * 6 + ["alias", "denial", *([] if tame else ["denial", "referral", "wild"])]
    kinds = ["crowd"] if crowded else kinds
    # Authoritative servers that all answer may differ.
    flags = draw(st.sampled_from([QR | RA, QR | AA | RA] * 3 + ([] if tame else [QR, 0, 0xFFFF])))
    rcodes = [0] * 12 + [3, *([] if tame else [1, 2, 3, 4, 5, 6, 11, 15])]
    odd = not tame and draw(st.integers(0, 9)) == 0
    return Reply(
        flags & ~0xF | draw(st.sampled_from(rcodes)),
        draw(SECTIONS[draw(st.sampled_from(kinds))]),
        draw(st.none() | options),
        draw(st.tuples(*[st.sampled_from([0, 0, 1, -1, 65535])] * 4)) if odd else (0, 0, 0, 0),
        draw(st.integers(1, 8)),
        draw(st.integers(0, 65535)),
        draw(st.sampled_from([0, 0, 0, 0, 1, 3, 12])),
        draw(st.integers(0, 19 if tame else 3)) == 0,
        draw(st.sampled_from(DELIVERIES[:15] if tame else DELIVERIES)),
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    count = draw(st.sampled_from([1, 1, 3, 8]))
    arguments = ["-d", *(f"d{number}.example.com" for number in range(count))]
    crowded = count == 1 and draw(st.integers(0, 5)) == 0
    arguments += ["-t", "1" if crowded else draw(st.sampled_from(["0.3", "0.5", "1"]))]
    arguments += draw(st.sampled_from([[], ["--authoritative"]]))
    flags = ["--spf", "--smtp", "--no-reverse", "-v", "-v", "-vv", "-vvv"]
    arguments += draw(st.lists(st.sampled_from(flags), max_size=3, unique=True))
    arguments += draw(st.sampled_from([[], [], ["-4"], ["-6"], ["--state", "missing-ptr=ok"]]))
    arguments += draw(
        st.sampled_from([[], [], ["--sender", "192.0.2.1", "out.example.com", "2001:db8::1"]])
    )
    arguments += draw(st.sampled_from([[], [], [], ["-s", "192.0.2.53"]]))
    arguments += draw(st.sampled_from([[], [], [], ["-w", "0.1", "-c", "@0.2:0.3"]]))
    return Run(
        tuple(arguments),
        draw(st.sampled_from(["utf-8", "utf-8", "ascii"])),
        (
            *draw(st.lists(replies(draw(st.booleans())), min_size=1, max_size=10)),
            *([draw(replies(True, crowded=True))] if crowded else []),
        ),
        tuple(draw(st.lists(st.sampled_from(GREETINGS), min_size=1, max_size=3))),
    )


def mutate(octets: bytes, times: int, chance: random.Random) -> bytes:
    """Flip, cut, double, swap and overwrite octets behind the id."""
    mutated = bytearray(octets)
    for _ in range(times):
        at, length = chance.randrange(2, max(3, len(mutated))), chance.randrange(1, 9)
        how = chance.randrange(7)
        if how <= 1:
            mutated[at : at + 1] = bytes([chance.randrange(256)])
        elif how == 2 and at < len(mutated):
            mutated[at] ^= 1 << chance.randrange(8)
        elif how == 3:
            mutated[at : at + 2] = bytes([0xC0, chance.randrange(len(mutated) + 1) % 256])
        elif how == 4:
            mutated[at:at] = mutated[at : at + 20 * length]
        elif how == 5:
            del mutated[at : at + length]
        elif chance.randrange(3) == 0:
            del mutated[at:]
    return bytes(mutated)


# ---------------------------------------------------------------------------------------------
# What answers
# ---------------------------------------------------------------------------------------------


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
            answer = self._server.answer(query, over_tcp=True)
            with contextlib.suppress(OSError):
                for message in answer.messages:
                    self._send(identify(query, message), answer.delivery)
            if answer.delivery in ("tcp-length", "tcp-cut"):
                self._close()

    def _send(self, message: bytes, delivery: str) -> None:
        stated = len(message) + (97 if delivery == "tcp-length" else 0)
        framed = struct.pack("!H", stated % 65536) + message
        if delivery == "tcp-cut":
            framed = framed[: len(framed) // 2]
        if delivery == "tcp-split":
            self._sock.send(framed[:1])
            framed = framed[1:]
        self._sock.send(framed)

    def _close(self) -> None:
        self._server.selector.unregister(self._sock)
        self._sock.close()


def identify(query: bytes, message: bytes) -> bytes:
    """Return the message with the id of the query, or another."""
    return bytes(mine ^ other for mine, other in zip(query[:2], message)) + message[2:]


class Hell:
    """A name server and SMTP server at every address, in a thread of its own.

    ``begin`` starts a run with its answers and greetings. ``told`` are the answers that it was
    given, by transport and question; ``count`` are all questions answered, ``messages`` all
    messages sent.
    """

    def __init__(self) -> None:
        self.count = 0
        self.messages = 0
        self.distinct: set[int] = set()
        self.selector = selectors.DefaultSelector()
        self._sockets = [
            self._listen(family, kind, port, ready)
            for family in (socket.AF_INET, socket.AF_INET6)
            for kind, port, ready in (
                (socket.SOCK_DGRAM, 53, self._datagram),
                (socket.SOCK_STREAM, 53, self._accept),
                (socket.SOCK_STREAM, 25, self._greet),
            )
        ]
        self.begin(lambda *_: Answer(()), [b""])
        threading.Thread(target=self._serve, name="hell", daemon=True).start()

    def begin(self, answers: Answers, greetings: Sequence[bytes]) -> None:
        self.told: dict[str, list[Answer]] = {}
        self._answers = answers
        self._greetings = greetings

    def answer(self, query: bytes, over_tcp: bool) -> Answer:
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

    def _serve(self) -> None:
        while True:
            for key, _ in self.selector.select():
                key.data()

    def _datagram(self, sock: socket.socket) -> None:
        query, (control,), _, sender = sock.recvmsg(65535, 256)
        level, kind, where = control
        if level == socket.IPPROTO_IP:  # interface, address to send from, address sent to
            where = struct.pack("=I4s4s", 0, where[8:12], b"")
        for message in self.answer(query, over_tcp=False).messages:
            with contextlib.suppress(OSError):  # the asker is gone
                sock.sendmsg([identify(query, message)], [(level, kind, where)], 0, sender)

    def _accept(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            Connection(self, sock.accept()[0])

    def _greet(self, sock: socket.socket) -> None:
        connection, _ = sock.accept()
        connection.setblocking(False)
        address = connection.getsockname()[0]
        greeting = self._greetings[zlib.crc32(address.encode()) % len(self._greetings)]

        def read() -> None:
            octets = b""
            with contextlib.suppress(OSError):
                octets = connection.recv(4096)
            if not octets:
                self.selector.unregister(connection)
                connection.close()

        self.selector.register(connection, selectors.EVENT_READ, read)
        with contextlib.suppress(OSError):
            connection.send(greeting)


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


# ---------------------------------------------------------------------------------------------
# What must hold
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a run gave, with the seconds that it took when it had the machine."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def starved(pid: int) -> float:
    """Return how long a process was ready to compute and others had the machine (proc(5))."""
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[1]) / 1e9


def run_plugin(arguments: Sequence[str], encoding: str) -> Result:
    """Run the plugin in a process of its own, which need not load it again."""
    outputs = os.memfd_create("stdout"), os.memfd_create("stderr")
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        become_plugin(arguments, encoding, outputs)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - started - starved(pid)
    _, status = os.waitpid(pid, 0)
    stdout, stderr = (text_of(output, encoding) for output in outputs)
    return Result(os.waitstatus_to_exitcode(status), stdout, stderr, seconds)


def text_of(output: int, encoding: str) -> str:
    with open(output, "rb") as file:
        file.seek(0)
        return file.read().decode(encoding)


def become_plugin(arguments: Sequence[str], encoding: str, outputs: tuple[int, int]) -> NoReturn:
    try:
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
        streams = [io.TextIOWrapper(io.FileIO(number, "w"), encoding) for number in (1, 2)]
        sys.stdout, sys.stderr = streams
        sys.argv[1:] = arguments
        check_reverse_mx.main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(70)


# What a run says, in its status line or below, that has more to judge than the time allows.
BROKEN_OFF = re.compile(r"(?m)^(REVERSE_MX UNKNOWN - )?the time was up before ")
STATUS = re.compile(
    r"REVERSE_MX (?P<state>OK|WARNING|CRITICAL|UNKNOWN) - [^\n]+?(?P<perfdata> \| [^\n]*)?\n"
)
# The plugin's own words, and Python's in what it logs, that have an apostrophe.
# A TXT record to paste has its strings in quotes (RFC 1035, 5.1).
OWN_QUOTES = re.compile(r'(?<= TXT )("[^"]*" ?)+$')
OWN_APOSTROPHES = re.compile(r"\b(domain|address|provider|resolver|Postfix|zone)'s\b")


def verify(result: Result, verbose: bool, timeout: float) -> str:
    """Assert what holds of every run, and return its state."""
    assert result.code in (0, 1, 2, 3)
    assert result.stderr == "", result.stderr
    assert result.seconds < timeout + GRACE, f"late: {result.seconds:.2f} s"
    assert "fault of the plugin" not in result.stdout, "a fault"
    assert "the advice failed" not in result.stdout
    status = STATUS.match(result.stdout)
    assert status, "no status line"
    assert len(re.findall("(?m)^REVERSE_MX ", result.stdout)) == 1, "more than one status line"
    assert STATES[result.code] == status["state"]
    assert "Traceback" not in result.stdout
    if BROKEN_OFF.search(result.stdout):
        return status["state"]
    long, _, text = result.stdout.partition("| ")
    data = perfdata.parse(text)
    assert {"time", "mail_hosts", "addresses", "dns_errors"} <= data.keys()
    assert len(status[0].partition(" | ")[0]) < 500, "long status line"
    assert bool(status["perfdata"]) is not verbose
    assert long[-1] == ("\n" if verbose else " "), "performance data in the middle of a line"
    assert text.count("\n") == 1
    for line in long.splitlines():
        said = OWN_QUOTES.sub("", OWN_APOSTROPHES.sub("", line))
        wrong = {c for c in said if not allowed(c)}
        assert not wrong, f"raw {wrong} in {line!r}"
    assert long.count("\n") == len(long.splitlines()) - (not verbose), "a line end of another kind"
    return status["state"]


def allowed(character: str) -> bool:
    return character.isprintable() and character not in "|<>&\"'`$"


@dataclass
class Tally:
    """What came of all runs."""

    runs: int = 0
    late: int = 0
    broken_off: int = 0
    failures: int = 0
    states: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    findings: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    slowest: float = 0.0


def attempt(
    hell: Hell,
    tally: Tally,
    arguments: Sequence[str],
    encoding: str,
    answers: Answers,
    greetings: Sequence[bytes],
) -> None:
    """Run the plugin once and assert what must hold; who is late gets two more chances."""
    timeout = float(arguments[arguments.index("-t") + 1])
    verbose = any(argument.startswith("-v") for argument in arguments)
    for chance in range(3):
        hell.begin(answers, greetings)
        result = run_plugin(["-s", "127.0.0.1", *arguments], encoding)
        # Time on a shared machine is noise only if it is not so again.
        if result.seconds < timeout + GRACE or chance == 2:
            break
        tally.late += 1
    state = verify(result, verbose, timeout)
    tally.runs += 1
    tally.broken_off += bool(BROKEN_OFF.search(result.stdout))
    tally.states[state] += 1
    named = re.findall(r"\[([a-z-]+)\]", result.stdout)
    tally.findings.update(set(named) & FINDINGS.keys())
    tally.slowest = max(tally.slowest, result.seconds - timeout)


# ---------------------------------------------------------------------------------------------
# Seeds, and what once failed
# ---------------------------------------------------------------------------------------------


def explore(hell: Hell, tally: Tally, seed: int) -> None:
    """Try the examples that a seed gives. One that fails is shrunk, printed, and kept."""
    failed: dict[str, Any] = {}

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES_OF_A_SEED,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        # So that the last to fail is the smallest, and of the same failure.
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    @hypothesis.given(run=runs())
    def examples(run: Run) -> None:
        try:
            attempt(
                hell,
                tally,
                run.arguments,
                run.encoding,
                draw_answers(run.replies),
                run.greetings,
            )
        except BaseException:
            failed.update(record(run, hell.told))
            raise

    try:
        examples()
    except Exception:
        traceback.print_exc()
        keep(failed)
        tally.failures += 1


def record(run: Run, told: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    return {
        "arguments": run.arguments,
        "encoding": run.encoding,
        "greetings": [greeting.hex() for greeting in run.greetings],
        "answers": {
            question: [
                [answer.delivery, *(message.hex() for message in answer.messages)]
                for answer in answers
            ]
            for question, answers in told.items()
        },
    }


def keep(failed: Mapping[str, Any]) -> None:
    text = json.dumps(failed, indent=1) + "\n"
    file = CORPUS / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    CORPUS.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    print(f"kept as {file}: name it after what it shows", file=sys.stderr)


def replay(hell: Hell, file: Path) -> None:
    """Answer as it was answered when an example failed; assert what must hold."""
    kept = json.loads(file.read_text("utf-8"))

    def answers(question: bytes, times: int, over_tcp: bool) -> Answer:
        told = kept["answers"].get(f"{'tcp' if over_tcp else 'udp'} {question.hex()}", ())
        delivery, *messages = told[times] if times < len(told) else ("drop",)
        return Answer(tuple(map(bytes.fromhex, messages)), delivery)

    greetings = [bytes.fromhex(greeting) for greeting in kept["greetings"]]
    attempt(hell, Tally(), kept["arguments"], kept["encoding"], answers, greetings)


def report(hell: Hell, tally: Tally, seeds: Sequence[int], seconds: float) -> str:
    """Return the figures for the documentation."""
    head = (
        f"{hell.count:,} questions answered with {hell.messages:,} messages"
        f" ({len(hell.distinct):,} different ones) in {tally.runs:,} runs of the plugin, in"
        f" {seconds / 60:.0f} minutes on {machine()}. Seeds {seeds[0]} to {seeds[-1]}. The latest"
        f" run ended {tally.slowest:.2f} s after its `-t`; {tally.late} were later than"
        f" {GRACE} s and in time when run again; {tally.broken_off} were broken off at the end of"
        " their time, with more left to judge. Kept because they once failed:"
        f" {len(list(CORPUS.glob('*.json')))}.\n\n"
    )
    states = [tally.states[state] for state in STATES]
    findings = ", ".join(f"`{name}` {tally.findings[name]}" for name in FINDINGS)
    return f"{head}{table(STATES, [states])}\nFindings: {findings}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer the plugin from hell.")
    parser.add_argument("--answers", type=int, default=0, help="answer at least so many questions")
    parser.add_argument("--seed", type=int, help="the first seed; without, a random one")
    parser.add_argument("--replay", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    options = parser.parse_args()
    if os.environ.get("IN_HELL") is None:
        command = [*NAMESPACE, sys.executable, "-m", "tests.trials.fuzz", *sys.argv[1:]]
        os.execvpe(NAMESPACE[0], command, {**os.environ, "IN_HELL": "1"})
    bring_up_loopback()
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)  # long examples
    hell = Hell()
    for file in options.replay:
        replay(hell, file)
        print(f"{file.name}: holds")
    tally = Tally()
    first = random.randrange(1_000_000) if options.seed is None else options.seed
    started = time.monotonic()
    seeds: list[int] = []
    for seed in itertools.count(first):
        if hell.count >= options.answers:
            break
        seeds.append(seed)
        print(f"seed {seed}: {hell.count} answers, {tally.runs} runs so far", flush=True)
        explore(hell, tally, seed)
    if seeds:
        text = report(hell, tally, seeds, time.monotonic() - started)
        print(text)
        if options.write:
            write_block(DOCS / "reliability.md", "fuzz", text)
    sys.exit(tally.failures > 0)


if __name__ == "__main__":
    main()
