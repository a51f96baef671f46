"""DNS messages (RFC 1035, 4): a question composed, an answer read; pure, and within bounds.

dnspython would read every record of every section, which takes it up to 18 s for 64 KiB. Here what
no question of this program needs is passed over, and what it reads costs less than 0.2 s.
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from typing import Any, NamedTuple, Optional

import dns.exception
import dns.rdata
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, DNAME, MX, NS, OPT, PTR, RRSIG, SOA, A, RdataType

from reverse_mx.names import ROOT, Name

# Header flags (RFC 1035, 4.1.1; RFC 4035, 3.2.2).
QR, AA, TC, RD, RA, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010
OPCODE, RCODE = 0x7800, 0x000F
# What fits into every path's MTU unfragmented (dnsflagday.net/2020).
EDNS_PAYLOAD = 1232
OPT_RECORD = struct.pack("!BHHIH", 0, OPT, EDNS_PAYLOAD, 0, 0)
EDE = 15

# The length of a label (RFC 1035, 2.3.4).
MOST_OCTETS = 63

# What is read of one message at most: labels of names (64 KiB of names as the DNS has them have
# half of that), and Extended DNS Errors with so many octets of their texts.
MOST_LABELS = 65536
MOST_REMARKS = 8
MOST_REMARK_OCTETS = 512


class Defect(enum.Enum):
    """What makes a message no DNS message, or one that is not read."""

    SHORT = enum.auto()
    NAME = enum.auto()
    RECORD = enum.auto()
    OPTIONS = enum.auto()
    COSTLY = enum.auto()


class Malformed(Exception):
    """A message that makes no sense."""

    def __init__(self, defect: Defect) -> None:
        super().__init__(defect)
        self.defect = defect


class ExtendedError(NamedTuple):
    """An Extended DNS Error (RFC 8914); ``text`` are the first octets of free text."""

    code: int
    text: bytes = b""

    @property
    def dnssec(self) -> bool:
        """Whether it is a validator that says so (RFC 8914, 4.2, 4.3 and 4.6 to 4.13)."""
        return self.code in (1, 2, *range(5, 13))

    @property
    def withholds(self) -> bool:
        """Whether a list has the server say other than the DNS (RFC 8914, 4.5, 4.16 to 4.18)."""
        return self.code in (4, 15, 16, 17)


class MailExchange(NamedTuple):
    """What an MX record holds (RFC 1035, 3.3.9)."""

    preference: int
    exchange: Name


class StartOfAuthority(NamedTuple):
    """What an SOA record holds (RFC 1035, 3.3.13); the times are in seconds."""

    mname: Name
    rname: Name
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


class Record(NamedTuple):
    """One record of class IN; ``ttl`` is in seconds.

    ``rdata`` is an address for A and AAAA, a name for CNAME, NS and PTR, one of the above for MX
    and SOA, and dnspython's for other types. Of an OPT record they are flags, and options in octets
    (RFC 6891, 6.1.3).
    """

    owner: Name
    rdtype: RdataType
    ttl: int
    rdata: Any


class Message(NamedTuple):
    """What a message has to say to a question.

    ``answer`` has the records of the question's type and the aliases; ``strangers`` is whether
    there are such as no answer to it has. ``authority`` says in which zone the name is (SOA), or to
    whom it is delegated (NS), with the glue (A, AAAA) if that was asked or is all that is said.
    """

    flags: int
    rcode: int
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    remarks: tuple[ExtendedError, ...] = ()
    strangers: bool = False


class Query(NamedTuple):
    """A question on the wire; ``question`` are the octets of the section of that name."""

    wire: bytes
    question: bytes
    name: Name
    rdtype: RdataType

    @property
    def has_edns(self) -> bool:
        return len(self.wire) > 12 + len(self.question)

    def is_answered_by(self, wire: bytes) -> bool:
        """Tell whether a message has the id and the question, whatever it says (RFC 5452, 9.1).

        Who could not read the question or does not want to need not repeat it.
        """
        if len(wire) < 12 or wire[:2] != self.wire[:2]:
            return False
        flags, questions = struct.unpack_from("!HH", wire, 2)
        if not flags & QR or flags & OPCODE:
            return False
        if not questions:
            return flags & RCODE not in (0, 3)
        end = 12 + len(self.question)
        return (
            questions == 1
            and wire[12 : end - 4].lower() == self.question[:-4].lower()
            and wire[end - 4 : end] == self.question[-4:]
        )


def compose(identity: int, flags: int, name: Name, rdtype: RdataType, edns: bool) -> Query:
    """Return a question, without compression since nothing in it repeats."""
    header = struct.pack("!6H", identity, flags, 1, 0, 0, edns)
    question = b"".join(bytes([len(label)]) + label for label in name.labels)
    question += struct.pack("!HH", rdtype, IN)
    return Query(header + question + OPT_RECORD * edns, question, name, rdtype)


def is_truncated(wire: bytes) -> bool:
    return bool(wire[2] & TC >> 8)


def read(wire: bytes, query: Query) -> Message:
    """Read what a message says to a question that it is an answer to.

    Raise ``Malformed`` if it makes no sense.
    """
    _, flags, questions, *counts = struct.unpack_from("!6H", wire)
    rdtype = query.rdtype
    reader = _Reader(wire, query if questions else None)
    answer, passed = reader.records(counts[0], (rdtype, CNAME))
    authority, _ = reader.records(counts[1], (NS, SOA))
    delegates = rdtype == NS or not (counts[0] or flags & (AA | RA))
    wanted = (OPT, A, AAAA) if delegates else (OPT,)
    additional, _ = reader.records(counts[2], wanted)
    authority += [record for record in additional if record.rdtype != OPT]
    additional = [record for record in additional if record.rdtype == OPT]
    if len(additional) > 1:  # RFC 6891, 6.1.1
        raise Malformed(Defect.OPTIONS)
    rcode = flags & RCODE
    remarks: tuple[ExtendedError, ...] = ()
    for opt in additional:
        rcode |= opt.ttl >> 24 << 4  # RFC 6891, 6.1.3
        remarks = _extended_errors(opt.rdata)
    strangers = not passed <= {DNAME, RRSIG}
    return Message(flags, rcode, tuple(answer), tuple(authority), remarks, strangers)


def load(rdtype: RdataType) -> None:
    """Load what reads records of a type of which dnspython makes its own rdata.

    It does so at the first record, when the sockets may have taken all descriptors.
    """
    dns.rdata.get_rdata_class(IN, rdtype)  # type: ignore[no-untyped-call]


_ADDRESSES: dict[int, Any] = {A: ipaddress.IPv4Address, AAAA: ipaddress.IPv6Address}


class _Reader:
    """Reads a message from its first octet to its last."""

    def __init__(self, wire: bytes, repeated: Optional[Query]) -> None:
        """``repeated`` is the question that the message repeats, if it does."""
        self._wire = wire
        self._at = 12
        self._labels = 0
        # Most records have one owner, to which they point.
        self._names: dict[int, Name] = {}
        if repeated is not None:
            self._names[12] = repeated.name
            self._at += len(repeated.question)

    def take(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        if self._at > len(self._wire):
            raise Malformed(Defect.SHORT)
        return self._wire[start : self._at]

    def pass_name(self) -> None:
        wire, at, end = self._wire, self._at, len(self._wire)
        while at < end and 0 < wire[at] <= MOST_OCTETS:
            at += 1 + wire[at]
        if at < end and MOST_OCTETS < wire[at] < 0xC0:
            raise Malformed(Defect.NAME)
        self._at = at
        self.take(2 if at < end and wire[at] else 1)

    def records(self, count: int, wanted: tuple[RdataType, ...]) -> tuple[list[Record], set[int]]:
        """Read the records of a section that are of these types, and which types others are of."""
        records = []
        others = set()
        for _ in range(count):
            start = self._at
            self.pass_name()
            rdtype, rdclass, ttl, length = struct.unpack("!HHIH", self.take(10))
            end = self._at + length
            if rdtype == OPT and OPT in wanted:
                records.append(Record(ROOT, OPT, ttl, self.take(length)))
            elif rdtype in wanted and rdclass == IN:
                owner = self._name(start)
                kind = wanted[wanted.index(rdtype)]
                records.append(Record(owner, kind, ttl, self._rdata(kind, end)))
            else:
                others.add(rdtype)
                self.take(length)
        return records, others

    def _rdata(self, rdtype: RdataType, end: int) -> Any:
        rdata: Any
        if rdtype in (CNAME, NS, PTR):
            rdata = self._next_name()
        elif rdtype == MX:
            rdata = MailExchange(int.from_bytes(self.take(2), "big"), self._next_name())
        elif rdtype == SOA:
            names = self._next_name(), self._next_name()
            rdata = StartOfAuthority(*names, *struct.unpack("!5I", self.take(20)))
        else:
            octets = self.take(end - self._at)
            try:
                if rdtype in _ADDRESSES:
                    return _ADDRESSES[rdtype](octets)
                return dns.rdata.from_wire(IN, rdtype, octets, 0, len(octets))
            except (dns.exception.DNSException, ValueError):
                raise Malformed(Defect.RECORD) from None
        if self._at != end:
            raise Malformed(Defect.RECORD)
        return rdata

    def _next_name(self) -> Name:
        start = self._at
        self.pass_name()
        return self._name(start)

    def _name(self, start: int) -> Name:
        """Return the name that begins at an octet; pointers lead backwards (RFC 1035, 4.1.4)."""
        wire = self._wire
        labels: list[bytes] = []
        at = lowest = start
        while at not in self._names:
            self._labels += 1
            if self._labels > MOST_LABELS:
                raise Malformed(Defect.COSTLY)
            length = wire[at] if at < len(wire) else 0xFF
            if length >= 0xC0 and at + 1 < len(wire):
                at = int.from_bytes(wire[at : at + 2], "big") & 0x3FFF
                if at >= lowest:
                    raise Malformed(Defect.NAME)
                lowest = at
                continue
            if length > MOST_OCTETS:
                raise Malformed(Defect.NAME)
            at += 1 + length
            labels.append(wire[at - length : at])
            if not length:
                break
        else:
            if not labels:
                return self._names[at]
            labels += self._names[at].labels
            self._labels += len(self._names[at].labels)
        try:
            name = Name(labels)
        except dns.exception.DNSException:
            raise Malformed(Defect.NAME) from None
        self._names[start] = name
        if wire[start] >= 0xC0:
            self._names[int.from_bytes(wire[start : start + 2], "big") & 0x3FFF] = name
        return name


def _extended_errors(options: bytes) -> tuple[ExtendedError, ...]:
    """Return the first Extended DNS Errors among the options of an OPT record (RFC 6891, 6.1.2)."""
    found: list[ExtendedError] = []
    at = 0
    while at < len(options):
        if at + 4 > len(options):
            raise Malformed(Defect.OPTIONS)
        code, length = struct.unpack_from("!HH", options, at)
        option, at = options[at + 4 : at + 4 + length], at + 4 + length
        if at > len(options) or (code == EDE and length < 2):
            raise Malformed(Defect.OPTIONS)
        if code == EDE and len(found) < MOST_REMARKS:
            text = option[2 : 2 + MOST_REMARK_OCTETS].rstrip(b"\0")
            found.append(ExtendedError(int.from_bytes(option[:2], "big"), text))
    return tuple(found)
