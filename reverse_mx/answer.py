"""A question, the ways a lookup can end, and how a message is read."""

from __future__ import annotations

import enum
import functools
import ipaddress
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Optional

import dns.edns
import dns.flags
import dns.message
import dns.rrset
from dns.rdatatype import NS, SOA, RdataType

from reverse_mx.names import Address, Name
from reverse_mx.text import printable, show_name

# Seconds of CPU that one message may cost to parse, and octets below which it cannot cost that.
READ_SECONDS = 0.5


CHEAP_TO_READ = 4096


class Outcome(enum.Enum):
    """The ways a lookup can end. They stay apart all the way to the output."""

    FOUND = "found"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    FAILURE = "failure"
    REFERRAL = "referral"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


class Question(NamedTuple):
    """What is asked: of the resolvers, or ``at`` the address of an authoritative server.

    An authoritative server is asked without recursion. ``unchecked`` asks a validating resolver
    not to validate (RFC 4035, 3.2.2).
    """

    name: Name
    rdtype: RdataType
    at: str = ""
    unchecked: bool = False

    def __str__(self) -> str:
        return f"{self.rdtype.name} {show_name(self.name)}"


@dataclass(frozen=True, eq=False)
class Answer:
    """How one lookup ended.

    ``records`` are dnspython's rdata, ``aliases`` the CNAME targets on the way to them.
    ``reason`` says in safe characters why there is no answer, or what the server remarked.
    ``server`` is the one whose word this is; ``seconds`` count from the first try.
    ``tries`` is 0 for a question that was not asked because the time was up.
    ``authoritative`` is the server's own claim (AA); ``authority`` are the RRsets of the section
    of that name, which say in which zone the name is, or to whom it is delegated.
    ``servers`` is how many there were to ask, of which another might have answered otherwise.
    """

    question: Question
    outcome: Outcome
    stage: str
    records: tuple[Any, ...] = ()
    aliases: tuple[Name, ...] = ()
    reason: str = ""
    server: str = ""
    seconds: float = 0.0
    tries: int = 0
    authoritative: bool = False
    authority: tuple[dns.rrset.RRset, ...] = ()
    servers: int = 1

    @property
    def failed(self) -> bool:
        """Whether it is unknown what the DNS holds. Never true of a missing record."""
        return self.outcome not in (Outcome.FOUND, Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def owner(self) -> Name:
        """The name behind all aliases, which owns the records."""
        return (self.question.name, *self.aliases)[-1]

    @property
    def silence(self) -> bool:
        """Whether no server said anything."""
        return self.outcome in (Outcome.TIMEOUT, Outcome.UNREACHABLE)

    @property
    def denial(self) -> str:
        """In which way there is no record, and of several servers which one said so."""
        return self.outcome.value + (f" from {self.server}" if self.servers > 1 else "")

    @property
    def soa(self) -> Optional[tuple[Name, Any]]:
        """The apex and SOA of the zone that the name is in, from whichever section has it."""
        if self.question.rdtype == SOA and self.records:
            return self.owner, self.records[0]
        found = [rrset for rrset in self.authority if rrset.rdtype == SOA]
        return (found[0].name, found[0][0]) if found else None

    @property
    def delegation(self) -> Optional[tuple[Name, tuple[Name, ...]]]:
        """The zone that a referral is to, and the names of its servers."""
        found = [rrset for rrset in self.authority if rrset.rdtype == NS]
        return (found[0].name, tuple(ns.target for ns in found[0])) if found else None

    @functools.cached_property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of an A or AAAA answer, in ascending order."""
        return tuple(sorted({ipaddress.ip_address(record.address) for record in self.records}))


def unique(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return each answer once; as each question is asked once, there is one object for each."""
    return tuple(dict.fromkeys(answers))


def read_message(wire: bytes) -> dns.message.Message:
    """Parse a message.

    Raise ``dns.exception.DNSException`` or ``ValueError`` if it is malformed, which one is too
    that costs more than ``READ_SECONDS``: 64 KiB can be made of names that take dnspython 18 s.
    """
    if len(wire) > CHEAP_TO_READ:
        signal.signal(signal.SIGVTALRM, _stop_reading)
        signal.setitimer(signal.ITIMER_VIRTUAL, READ_SECONDS)
    try:
        return dns.message.from_wire(wire, ignore_trailing=True)
    finally:
        if len(wire) > CHEAP_TO_READ:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _stop_reading(*_: object) -> NoReturn:
    raise ValueError("takes too long to read")


def is_referral(response: dns.message.Message, aliases: Sequence[Name]) -> bool:
    """Tell a server that does not recurse from one that knows there is no record (RFC 2308, 2.2).

    Without this a referral, or an alias that the server did not follow, reads as NODATA.
    """
    types = {rrset.rdtype for rrset in response.authority}
    if SOA in types:
        return False
    recursive = bool(response.flags & dns.flags.RA)
    authoritative = bool(response.flags & dns.flags.AA) and not aliases
    return NS in types or not (recursive or authoritative)


def is_beside_the_question(response: dns.message.Message, rdtype: RdataType) -> bool:
    """Tell records of other names from a denial, which has the zone's SOA (RFC 2308, 2.2)."""
    answered = {rrset.rdtype for rrset in response.answer}
    return rdtype in answered and SOA not in {rrset.rdtype for rrset in response.authority}


def referral_reason(response: dns.message.Message) -> str:
    for rrset in response.authority:
        if rrset.rdtype == NS:
            return f"referral to {show_name(rrset[0].target)} (no recursion)"
    return "neither records nor their denial (no recursion)"


def extended_errors(response: dns.message.Message) -> list[str]:
    """Return the Extended DNS Errors of a response in words (RFC 8914)."""
    # Message.extended_errors() is not in dnspython 2.3.
    return [
        f"EDE {int(option.code)} {_extended_error_meaning(option.code)}"
        + (f": {printable(option.text)}" if option.text else "")
        for option in response.options
        if isinstance(option, dns.edns.EDEOption)
    ]


def _extended_error_meaning(code: dns.edns.EDECode) -> str:
    try:
        words = dns.edns.EDECode(code).name.split("_")
    except ValueError:  # dnspython 2.3; later versions name an unknown code by its number
        return "unknown code"
    if words[0].isdigit():
        return "unknown code"
    acronyms = ("DNSKEY", "DNSSEC", "DS", "NSEC", "NSEC3", "NXDOMAIN", "RRSIGS")
    return " ".join(word if word in acronyms else word.capitalize() for word in words)
