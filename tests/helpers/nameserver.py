"""A name server for tests: it answers like a recursive resolver, with faults on demand.

Zone text has one record a line, with absolute names, as in `www.example. A 192.0.2.1`. Lines that
begin with `;` are comments, lines that begin with `!` are faults: `! OWNER TYPE FAULT [ARG...]`.
`*` as OWNER or TYPE means any, `*.x.` as OWNER every name below x. The faults:

    drop [N]             no answer (to the first N times the question is asked)
    delay SECONDS        answer later
    rcode NAME [CODE [TEXT]]  empty answer with that rcode, and an Extended DNS Error if CODE is
                         given; NOERROR keeps the data, even those of a CNAME loop
    ede CODE [TEXT]      an Extended DNS Error in the answer; TEXT knows Python's escapes, and
                         \\udc80 to \\udcff in it are the bare octets 80 to ff
    once FAULT           the fault only the first time the question is asked
    noedns               FORMERR to queries with EDNS
    badvers              BADVERS to queries with EDNS
    dropedns             no answer to queries with EDNS
    ignoreedns           no OPT record in the answer
    badopt               an OPT record with an option that is longer than the record
    twoopts              two OPT records
    truncate             TC=1 over UDP
    notcp                TC=1 over UDP, TCP connections are reset
    trickle              TC=1 over UDP, one octet a second over TCP
    stall                TC=1 over UDP, no answer over TCP
    wrongid              an answer with another id
    wrongquestion        an answer with another question
    spoof                two forged answers over UDP, the true one 50 ms later
    duplicate            the answer twice
    garbage              random octets after the id
    short                five octets
    heavy                an answer of 60 kB that takes seconds to parse
    storm [SECONDS]      3000 answers a second with wrong ids, never the true one (60 s)
    referral [NS]        a referral to the root name server NS, RA=0
    norecursion          RA=0, CNAMEs are not followed, no SOA
    authority            as an authoritative server: AA=1, RA=0, CNAMEs are not followed
    noaa                 with authority, AA=0
    delegation ZONE NS[=ADDRESS]...  a referral to the servers of a zone, with glue, AA=0, RA=0
    otherowner           the records belong to another name
    stranger             records of another name before the true ones
    case                 owner names and question with their case swapped
    nxdomain             NXDOMAIN whatever the data
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import heapq
import itertools
import math
import random
import re
import selectors
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import dns.edns
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
from dns.flags import AA, DO, TC
from dns.opcode import QUERY
from dns.rcode import BADVERS, FORMERR, NOERROR, NXDOMAIN, SERVFAIL, YXDOMAIN, Rcode
from dns.rdataclass import IN
from dns.rdatatype import AAAA, ANY, CNAME, DNAME, NS, SOA, A, RdataType

from tests.helpers.clock import CLOCK

TTL = 300
MAX_LINKS = 20
PAYLOAD = 1232
BUFFER = 4 << 20
STORM_TICK, STORM_SIZE = 0.005, 15
ROOT = dns.name.root
WILD = dns.name.Name(["*"])
OTHER = dns.name.from_text("other.invalid.")
DEFAULT_SOA = "ns.invalid. hostmaster.invalid. 1 3600 600 86400 300"
FALSE_DATA = {
    "A": "192.0.2.66",
    "AAAA": "2001:db8::66",
    "CNAME": "false.invalid.",
    "MX": "10 false.invalid.",
    "PTR": "false.invalid.",
    "TXT": "false",
}
PLAIN_FAULTS = re.compile(
    "noedns|badvers|dropedns|ignoreedns|badopt|twoopts|truncate|notcp|trickle|stall|wrongid|wrongquestion|spoof"
    "|duplicate|garbage|heavy|short|norecursion|authority|noaa|otherowner|stranger|case|nxdomain"
)

Name = dns.name.Name
Node = dict[RdataType, list[Any]]
RRsets = list[dns.rrset.RRset]


class Query(NamedTuple):
    name: str
    rdtype: str
    transport: str
    at: float
    edns: bool


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    times: float = float("inf")
    seconds: float = 0
    rcode: Rcode = NOERROR
    option: dns.edns.Option | None = None
    ns: str = ""


@dataclasses.dataclass
class Asked:
    """What is known about a query, whatever its id."""

    message: dns.message.Message
    name: Name
    rdtype: RdataType
    texts: tuple[str, str]
    edns: bool
    faults: list[Fault]
    answers: dict[str, bytes] = dataclasses.field(default_factory=dict)


def first_word(text: str) -> list[str]:
    return [*text.split(None, 1), "", ""][:2]


def ede_option(text: str) -> dns.edns.Option:
    code, extra = first_word(text)
    extra = extra.encode("latin-1", "backslashreplace").decode("unicode_escape")
    data = struct.pack("!H", int(code)) + extra.encode("utf-8", "surrogateescape")
    return dns.edns.GenericOption(dns.edns.OptionType.EDE, data)


def read_fault(text: str) -> Fault:
    kind, rest = first_word(text)
    if kind == "once":
        return dataclasses.replace(read_fault(rest), times=1)
    if kind == "drop":
        return Fault(kind, times=int(rest) if rest else float("inf"))
    if kind == "delay":
        return Fault(kind, seconds=float(rest))
    if kind == "storm":
        return Fault(kind, seconds=float(rest or 60))
    if kind == "rcode":
        name, rest = first_word(rest)
        option = ede_option(rest) if rest else None
        return Fault(kind, rcode=dns.rcode.from_text(name), option=option)
    if kind == "ede":
        return Fault(kind, option=ede_option(rest))
    if kind == "referral":
        return Fault(kind, ns=absolute(rest or "ns.invalid.").to_text())
    if kind == "delegation":
        return Fault(kind, ns=rest)
    if PLAIN_FAULTS.fullmatch(kind) and not rest:
        return Fault(kind)
    raise ValueError("unknown fault")


def absolute(text: str) -> Name:
    name = dns.name.from_text(text, origin=None)
    if not name.is_absolute():
        raise ValueError(f"{text} has no final dot")
    return name


def record(owner: Name, rdtype: RdataType, text: str) -> dns.rrset.RRset:
    rdata = dns.rdata.from_text(IN, rdtype, text)
    rdata.to_wire()  # fails when a name in it is relative
    return dns.rrset.from_rdata(owner, TTL, rdata)


def false_records(owner: Name, rdtype: RdataType) -> RRsets:
    text = FALSE_DATA.get(dns.rdatatype.to_text(rdtype))
    return [record(owner, rdtype, text)] if text else []


def ancestors(name: Name) -> Iterator[Name]:
    while name != ROOT:
        name = name.parent()
        yield name


@functools.lru_cache(maxsize=4096)  # the zones of a trial differ in a record or two
def read_record(owner: str, rdtype: str, rdata: str) -> tuple[tuple[Name, ...], RdataType, Any]:
    """Return the owner of a record with all above it, the type, and the data."""
    name, number = absolute(owner), dns.rdatatype.from_text(rdtype)
    return (name, *ancestors(name)), number, record(name, number, rdata)[0]


def swap_case(name: Name) -> Name:
    return dns.name.Name([label.swapcase() for label in name.labels])


def heavy(wire: bytes) -> bytes:
    """Return an answer of some 3,500 PTR records, each behind a name of 126 labels."""
    question = wire[12 : wire.index(b"\0", 12) + 5]
    long_name = b"".join(b"\1" + bytes([97 + i % 26]) for i in range(126)) + b"\0"
    at = 12 + len(question)
    records = long_name + struct.pack("!HHIHH", 12, 1, 60, 2, 0xC000 | at)
    count = 1
    while len(records) < 60000:
        records += struct.pack("!HHHIHBBH", 0xC000 | at, 12, 1, 60, 4, 1, count % 256, 0xC002 | at)
        count += 1
    return wire[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0) + question + records


def wrong_id(wire: bytes, number: int = 0) -> bytes:
    wrong = int.from_bytes(wire[:2], "big") ^ (1 + number % 65535)
    return wrong.to_bytes(2, "big") + wire[2:]


def formerr(query: bytes) -> bytes:
    return query[:2] + bytes([0x80 | query[2] & 0x79, FORMERR]) + bytes(8)


class Zone:
    def __init__(self, text: str) -> None:
        self.nodes: dict[Name, Node] = {ROOT: {}}
        self.faults: dict[tuple[Any, Any], list[Fault]] = collections.defaultdict(list)
        for number, line in enumerate(map(str.strip, text.split("\n")), 1):
            try:
                if line.startswith("!"):
                    self._add_fault(*line[1:].split(None, 2))
                elif line and not line.startswith(";"):
                    self._add_record(*line.split(None, 2))
            except Exception as error:
                raise ValueError(f"zone line {number}: {line}: {error}") from error
        self.nodes[ROOT].setdefault(SOA, [record(ROOT, SOA, DEFAULT_SOA)[0]])

    def _add_fault(self, owner: str, rdtype: str, fault: str) -> None:
        name = None if owner == "*" else absolute(owner)
        number = None if rdtype == "*" else dns.rdatatype.from_text(rdtype)
        self.faults[name, number].append(read_fault(fault))

    def _add_record(self, *text: str) -> None:
        names, number, rdata = read_record(*text)
        for name in names:
            self.nodes.setdefault(name, {})
        self.nodes[names[0]].setdefault(number, []).append(rdata)

    def faults_for(self, name: Name, rdtype: RdataType) -> list[Fault]:
        owners = dict.fromkeys([None, name, *(WILD + above for above in ancestors(name))])
        keys = itertools.product(owners, (None, rdtype))
        return [fault for key in keys for fault in self.faults.get(key, ())]

    def soa(self, name: Name) -> dns.rrset.RRset:
        apex = next(n for n in (name, *ancestors(name)) if SOA in self.nodes.get(n, {}))
        return dns.rrset.from_rdata(apex, TTL, self.nodes[apex][SOA][0])

    def _find(self, name: Name) -> tuple[Node | None, RRsets]:
        """The node of a name, and the DNAME that made it."""
        if name in self.nodes:
            return self.nodes[name], []
        above = next(ancestor for ancestor in ancestors(name) if ancestor in self.nodes)
        if DNAME not in self.nodes[above]:
            return self.nodes.get(WILD + above), []
        dname = self.nodes[above][DNAME][0]
        target = name.relativize(above) + dname.target
        cname = record(name, CNAME, target.to_text())
        return {CNAME: list(cname)}, [dns.rrset.from_rdata(above, TTL, dname)]

    def resolve(self, name: Name, rdtype: RdataType, follow: bool) -> tuple[Rcode, RRsets, RRsets]:
        answer: RRsets = []
        seen: set[Name] = set()
        while name not in seen and len(seen) <= MAX_LINKS:
            seen.add(name)
            try:
                node, dname = self._find(name)
            except dns.name.NameTooLong:
                return YXDOMAIN, answer, []
            answer += dname
            if node is None:
                return NXDOMAIN, answer, [self.soa(name)]
            data = list(itertools.chain(*node.values())) if rdtype == ANY else node.get(rdtype)
            found = data or node.get(CNAME, [])
            # an RRset each, as dnspython shuffles within an RRset and drops second CNAMEs
            answer += [dns.rrset.from_rdata(name, TTL, rdata) for rdata in found]
            if data or (found and not follow):
                return NOERROR, answer, []
            if not found:
                return NOERROR, answer, [self.soa(name)]
            name = found[0].target
        return SERVFAIL, answer, []


def respond(zone: Zone, asked: Asked, active: list[Fault], transport: str) -> bytes:
    name, rdtype, query = asked.name, asked.rdtype, asked.message
    faults = {fault.kind: fault for fault in active}
    unfollowed = faults.keys() & {"norecursion", "authority", "delegation"}
    recursion = not unfollowed and "referral" not in faults
    response = dns.message.make_response(query, recursion_available=recursion)
    rcode, answer, authority = zone.resolve(name, rdtype, not unfollowed)
    if "authority" in faults and not faults.keys() & {"noaa", "delegation"}:
        response.flags |= AA
    if "norecursion" in faults:
        authority = []
    if "nxdomain" in faults:
        rcode, answer, authority = NXDOMAIN, [], [zone.soa(name)]
    if "referral" in faults:
        rcode, answer, authority = NOERROR, [], [record(ROOT, NS, faults["referral"].ns)]
    if "delegation" in faults:
        apex, *servers = faults["delegation"].ns.split()
        rcode, answer, authority = NOERROR, [], []
        for server, _, address in (server.partition("=") for server in servers):
            authority.append(record(absolute(apex), NS, server))
            if address:
                kind = AAAA if ":" in address else A
                response.additional.append(record(absolute(server), kind, address))
    if "otherowner" in faults:
        true = [rrset for rrset in answer if rrset.rdtype == rdtype]
        rcode, answer, authority = NOERROR, true or false_records(OTHER, rdtype), []
        for rrset in answer:
            rrset.name = OTHER
    if "stranger" in faults:
        answer = false_records(OTHER, rdtype) + answer
    if "rcode" in faults:
        rcode = faults["rcode"].rcode
    if query.edns > 0 or (asked.edns and "badvers" in faults):
        rcode = BADVERS
    if rcode not in (NOERROR, NXDOMAIN) or (rcode != NOERROR and "rcode" in faults):
        answer, authority = [], []
    if transport == "udp" and faults.keys() & {"truncate", "notcp", "trickle", "stall"}:
        response.flags |= TC
        answer, authority = [], []
    response.answer, response.authority = answer, authority
    if "wrongquestion" in faults:
        response.question = [dns.rrset.RRset(OTHER, IN, rdtype)]
    if "case" in faults:
        response.question = [dns.rrset.RRset(swap_case(name), IN, rdtype)]
        for rrset in answer + authority:
            rrset.name = swap_case(rrset.name)
    if asked.edns and "ignoreedns" not in faults:
        options = [fault.option for fault in active if fault.option]
        if "badopt" in faults:
            options.append(dns.edns.GenericOption(dns.edns.OptionType.NSID, b""))
        response.use_edns(0, query.ednsflags & DO, PAYLOAD, options=options)
    response.set_rcode(rcode)
    limit = max(query.payload, 512) if transport == "udp" else 65535
    try:
        wire = response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.flags |= TC
        response.answer, response.authority = [], []
        wire = response.to_wire(max_size=limit)
    if asked.edns and "badopt" in faults:
        wire = wire[:-2] + b"\xff\xff"  # the length of the last option
    if asked.edns and "twoopts" in faults:
        opt = wire[-11:]
        wire = wire[:10] + struct.pack("!H", 2) + wire[12:] + opt
    return wire


def forge(asked: Asked, question: Name) -> bytes:
    response = dns.message.make_response(asked.message, recursion_available=True)
    response.question = [dns.rrset.RRset(question, IN, asked.rdtype)]
    response.answer = false_records(asked.name, asked.rdtype)
    return response.to_wire()


@dataclasses.dataclass
class Datagram:
    sock: socket.socket
    sender: Any
    transport = "udp"

    def send(self, wire: bytes) -> None:
        with contextlib.suppress(OSError):  # the asker is gone or does not read
            self.sock.sendto(wire, self.sender)


class Connection:
    transport = "tcp"

    def __init__(self, server: NameServer, sock: socket.socket) -> None:
        self.server, self.sock, self.received, self.closed = server, sock, b"", False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.selector.register(sock, selectors.EVENT_READ, self.read)

    def read(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = self.sock.recv(65536)
        if not data:
            self.close()
        self.received += data
        while not self.closed and len(self.received) >= 2:
            end = 2 + int.from_bytes(self.received[:2], "big")
            if len(self.received) < end:
                break
            wire, self.received = self.received[2:end], self.received[end:]
            self.server.handle(wire, self)

    def send(self, wire: bytes) -> None:
        self.write(struct.pack("!H", len(wire)) + wire)

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        # the send buffer holds several of the longest answers: who reads none of them is cut off
        try:
            if self.sock.send(data) < len(data):
                self.close()
        except OSError:
            self.close()

    def close(self) -> None:
        self.closed = True
        self.server.selector.unregister(self.sock)
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class NameServer(contextlib.AbstractContextManager["NameServer"]):
    def __init__(
        self,
        zone_text: str,
        address: str = "127.0.0.1",
        port: int = 0,
        listens_on_tcp: bool = True,
    ) -> None:
        self.queries: list[Query] = []
        self._zone = Zone(zone_text)
        self._asked: dict[bytes, Asked] = {}
        self._times: collections.Counter[tuple[str, str]] = collections.Counter()
        self._timers: list[Any] = []
        self._sequence = itertools.count()
        self._stopping = False
        self._bind(address, port)
        self.address, self.port = self._udp.getsockname()[:2]
        self._settling, self._settled = False, threading.Event()
        self._waker, woken = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self._udp, selectors.EVENT_READ, self._receive)
        if listens_on_tcp:
            self._tcp.listen(512)
            self.selector.register(self._tcp, selectors.EVENT_READ, self._accept)
        self.selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(16))
        self._thread = threading.Thread(target=self._serve, name="nameserver", daemon=True)
        self._thread.start()
        CLOCK.parties.append(self)

    def __exit__(self, *exception: object) -> None:
        CLOCK.parties.remove(self)
        self._stopping = True
        self._waker.close()
        self._thread.join()
        self._tcp.close()
        for key in list(self.selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self.selector.close()

    def _bind(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for attempts_left in reversed(range(20)):
            self._udp = socket.socket(family, socket.SOCK_DGRAM)
            self._tcp = socket.socket(family, socket.SOCK_STREAM)
            for sock in self._udp, self._tcp:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._udp.bind((address, port))
                self._tcp.bind(self._udp.getsockname())
                return
            except OSError:
                self._udp.close()
                self._tcp.close()
                if port or not attempts_left:
                    raise

    def settle(self) -> float:
        self._settled.clear()
        self._settling = True
        self._waker.send(b"!")
        assert self._settled.wait(30), "the name server is stuck"
        return float(self._timers[0][0]) if self._timers else math.inf

    def _serve(self) -> None:
        timers = self._timers
        while not self._stopping:
            timeout = max(0, timers[0][0] - CLOCK.now()) if timers else None
            events = self.selector.select(0 if self._settling else timeout)
            for key, _ in events:
                key.data()
            now = CLOCK.now()
            due = bool(timers) and timers[0][0] <= now
            while timers and timers[0][0] <= now:
                heapq.heappop(timers)[2]()
            if self._settling and not events and not due:
                self._settling = False
                self._settled.set()

    def _after(self, seconds: float, action: Callable[..., None], *args: Any) -> None:
        timer = CLOCK.now() + seconds, next(self._sequence), functools.partial(action, *args)
        heapq.heappush(self._timers, timer)

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(100):
                wire, sender = self._udp.recvfrom(65535)
                self.handle(wire, Datagram(self._udp, sender))

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            Connection(self, self._tcp.accept()[0])

    def _parse(self, wire: bytes) -> Asked | None:
        try:
            message = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if message.opcode() != QUERY or len(message.question) != 1:
            return None
        name, rdtype = message.question[0].name, message.question[0].rdtype
        texts = name.to_text().lower(), dns.rdatatype.to_text(rdtype)
        faults = self._zone.faults_for(name, rdtype)
        return Asked(message, name, rdtype, texts, message.edns >= 0, faults)

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        if len(wire) < 12 or wire[2] & 0x80:
            return
        asked = self._asked.get(wire[2:]) or self._parse(wire)
        if asked is None:
            asker.send(formerr(wire))
            return
        self._asked[wire[2:]] = asked
        transport = asker.transport
        self.queries.append(Query(*asked.texts, transport, CLOCK.now(), asked.edns))
        if asked.faults:
            self._misbehave(asked, wire, asker)
            return
        if transport not in asked.answers:
            asked.answers[transport] = respond(self._zone, asked, [], transport)[2:]
        asker.send(wire[:2] + asked.answers[transport])

    def _misbehave(self, asked: Asked, wire: bytes, asker: Datagram | Connection) -> None:
        self._times[asked.texts] += 1
        active = [fault for fault in asked.faults if self._times[asked.texts] <= fault.times]
        kinds = {fault.kind for fault in active}
        if "drop" in kinds or (asked.edns and "dropedns" in kinds):
            return
        if isinstance(asker, Connection) and "notcp" in kinds:
            asker.reset()
            return
        if isinstance(asker, Connection) and kinds & {"stall", "storm"}:
            return
        delay = sum(fault.seconds for fault in active if fault.kind == "delay")
        answer = wire[:2] + respond(self._zone, asked, active, asker.transport)[2:]
        if asked.edns and "noedns" in kinds:
            answer = formerr(wire)
        if "garbage" in kinds:
            answer = wire[:2] + random.Random(0).randbytes(60)
        if "short" in kinds:
            answer = wire[:5]
        if "heavy" in kinds:
            answer = heavy(wire)
        if "wrongid" in kinds:
            answer = wrong_id(answer)
        if "storm" in kinds:
            seconds = max(fault.seconds for fault in active if fault.kind == "storm")
            self._after(delay, self._storm, asker, answer, CLOCK.now() + delay + seconds, 0)
            return
        if isinstance(asker, Connection) and "trickle" in kinds:
            for second, octet in enumerate(struct.pack("!H", len(answer)) + answer):
                self._after(delay + second, asker.write, bytes([octet]))
            return
        if isinstance(asker, Datagram) and "spoof" in kinds:
            self._after(delay, asker.send, wrong_id(wire[:2] + forge(asked, asked.name)[2:]))
            self._after(delay, asker.send, wire[:2] + forge(asked, OTHER)[2:])
            delay += 0.05
        for _ in range(2 if "duplicate" in kinds else 1):
            self._after(delay, asker.send, answer)

    def _storm(self, asker: Datagram, wire: bytes, end: float, sent: int) -> None:
        for number in range(sent, sent + STORM_SIZE):
            asker.send(wrong_id(wire, number))
        if CLOCK.now() < end:
            self._after(STORM_TICK, self._storm, asker, wire, end, sent + STORM_SIZE)


def main(zone_file: str, address: str = "127.0.0.1", port: str = "0") -> None:
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with open(zone_file, encoding="utf-8") as file:
        zone_text = file.read()
    with NameServer(zone_text, address, int(port)) as server:
        print(f"listening on {server.address}#{server.port}", flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main(*sys.argv[1:])
