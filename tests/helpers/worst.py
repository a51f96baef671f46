"""A domain that makes the plugin send as much as one can, and who counts what it sends."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address

import dns.name
from dns.rdatatype import CNAME, MX, NS, PTR, SOA, TXT, A, RdataType

from tests.helpers.alone import AUTHORITIES
from tests.helpers.nameserver import Connection, Datagram, NameServer

DOMAIN = "worst.example"
HOSTS, ADDRESSES_OF_A_HOST, LINKS, NAMES = 100, 5, 15, 6
# Addresses that are local, so that a connection to them is one.
ADDRESSES = [f"198.17.{net}.{number}" for net in (0, 1) for number in range(1, 251)]
SPF_TERMS = " ".join(f"mx:m{number}.example" for number in range(10))

Record = tuple[str, RdataType, bytes]


class Worst(NameServer):
    """The resolver, and every name server of every zone, as each name is a zone of its own.

    All has the largest size that is followed. ``fails`` has the names of the addresses end in
    SERVFAIL, so that each is looked up once more; nothing else has more sent.
    """

    def __init__(self, fails: bool = False) -> None:
        self._fails = fails
        self.lookups = self.connections = 0
        self._turn = itertools.count()
        self.smtp = socket.create_server(("0.0.0.0", 0), backlog=512)
        self.smtp.setblocking(False)
        super().__init__("", "0.0.0.0")
        self.selector.register(self.smtp, selectors.EVENT_READ, self._connected)

    def __enter__(self) -> Worst:
        return self

    def _connected(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.smtp.accept()[0].close()
            self.connections += 1

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        self.lookups += 1
        end = wire.index(b"\0", 12) + 5
        question = wire[12:end]
        name = dns.name.from_wire(wire, 12)[0].to_text(omit_final_dot=True)
        recurses = bool(wire[2] & 1)
        if self._fails and name.endswith("names.example") and recurses:
            asker.send(wire[:2] + struct.pack("!5H", 0x8182, 1, 0, 0, 0) + question)
            return
        answer = self._answer(name, RdataType(question[-3]), recurses)
        denial = [] if answer else [soa(name)]
        header = struct.pack("!5H", 0x8180 if recurses else 0x8400, 1, len(answer), len(denial), 0)
        records = b"".join(
            in_octets(owner) + struct.pack("!HHIH", rdtype, 1, 60, len(rdata)) + rdata
            for owner, rdtype, rdata in [*answer, *denial]
        )
        asker.send(wire[:2] + header + question + records)

    def _answer(self, name: str, rdtype: RdataType, recurses: bool) -> list[Record]:
        if rdtype == SOA:
            return [soa(name)]
        if rdtype == NS:
            return [(name, NS, in_octets(f"s{number}.{name}")) for number in range(13)]
        if rdtype == A:
            return [(name, A, IPv4Address(address).packed) for address in addresses_of(name)]
        if rdtype == TXT and name == DOMAIN:
            text = f"v=spf1 {SPF_TERMS} -all".encode()
            return [(name, TXT, bytes([len(text)]) + text)]
        if rdtype == MX and not recurses:
            return [(name, MX, b"\0\1" + in_octets(f"other{next(self._turn)}.{name}"))]
        if rdtype == MX:
            hosts = HOSTS if name == DOMAIN else 10
            return [(name, MX, b"\0\1" + in_octets(f"h{number}.{name}")) for number in range(hosts)]
        if rdtype == PTR and not recurses:
            return [(name, PTR, in_octets(f"other{next(self._turn)}.{name}"))]
        if rdtype == PTR:
            address = "-".join(name.split(".")[:4])
            links = [name, *(f"{number}.{address}.links.example" for number in range(LINKS))]
            names = [f"n{number}.{address}.names.example" for number in range(NAMES)]
            return [
                *((link, CNAME, in_octets(to)) for link, to in zip(links, links[1:])),
                *((links[-1], PTR, in_octets(target)) for target in names),
            ]
        return []


def addresses_of(name: str) -> Sequence[str]:
    first, _, rest = name.partition(".")
    if first[0] == "s":
        return AUTHORITIES[4 * int(first[1:]) :][:4]
    if rest == DOMAIN:
        return ADDRESSES[ADDRESSES_OF_A_HOST * int(first[1:]) :][:ADDRESSES_OF_A_HOST]
    return ["198.18.0.1"]


def soa(name: str) -> Record:
    return name, SOA, in_octets(f"s0.{name}") * 2 + struct.pack("!5I", 1, 60, 60, 60, 60)


def in_octets(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
