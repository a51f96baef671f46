"""A question, the ways a lookup can end, and what a message says to a question.

Pure: octets in, values out. What is not known is never told as missing, and no value is prose.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import signal
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn, Optional, Union

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
from dns.rdatatype import CNAME, NS, SOA, RdataType

from reverse_mx.names import Address, Name
from reverse_mx.values import Value

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


class ExtendedError(NamedTuple):
    """An Extended DNS Error (RFC 8914); ``text`` is free text from the network."""

    code: int
    text: str = ""

    @property
    def dnssec(self) -> bool:
        """Whether it is a validator that says so (RFC 8914, 4.2, 4.3 and 4.6 to 4.13)."""
        return self.code in (1, 2, *range(5, 13))


class Fault(enum.Enum):
    """What keeps what came from a server, or did not come, from being an answer."""

    UNREACHABLE = enum.auto()
    MALFORMED = enum.auto()
    TRUNCATED = enum.auto()
    NO_TCP = enum.auto()
    RCODE = enum.auto()
    ALIASES = enum.auto()
    CONTRADICTORY = enum.auto()
    REFERRAL = enum.auto()
    BESIDE = enum.auto()


class Failure(NamedTuple):
    """Why one server gave no answer.

    ``error`` is the system's errno, 0 for a connection that was closed. ``text`` is what dnspython
    says of a message that makes no sense. ``names`` are the first links of a CNAME chain without
    end, or the name server that a referral is to. ``forged`` is whether forgeries led to TCP.
    """

    fault: Fault
    server: str = ""
    error: int = 0
    rcode: int = 0
    text: str = ""
    names: tuple[Name, ...] = ()
    forged: bool = False
    remarks: tuple[ExtendedError, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """How a lookup ends of which this is the whole story."""
        outcomes = {Fault.UNREACHABLE: Outcome.UNREACHABLE, Fault.REFERRAL: Outcome.REFERRAL}
        return outcomes.get(self.fault, Outcome.FAILURE)


class Answer(Value):
    """How one lookup ended.

    ``records`` are dnspython's rdata, ``aliases`` the CNAME targets on the way to them.
    ``remarks`` are what the server said besides. ``server`` is the one whose word this is;
    ``seconds`` count from the first try. ``tries`` is 0 for a question that was not asked because
    the time was up. ``authoritative`` is the server's own claim (AA); ``authority`` are the RRsets
    of the section of that name, which say in which zone the name is, or to whom it is delegated.
    ``servers`` is how many there were to ask, of which another might have answered otherwise.

    Without an answer ``failures`` are the servers' own, ``silent`` are those that said nothing, and
    ``misfits`` is how many messages were ignored since they did not fit the question. ``cut_off``
    is whether the time was up before the servers had all the time that they may take.
    """

    question: Question
    outcome: Outcome
    records: tuple[Any, ...] = ()
    aliases: tuple[Name, ...] = ()
    remarks: tuple[ExtendedError, ...] = ()
    server: str = ""
    seconds: float = 0.0
    tries: int = 0
    authoritative: bool = False
    authority: tuple[dns.rrset.RRset, ...] = ()
    servers: int = 1
    failures: tuple[Failure, ...] = ()
    silent: tuple[str, ...] = ()
    misfits: int = 0
    cut_off: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is unknown what the DNS holds. Never true of a missing record."""
        return self.outcome not in (Outcome.FOUND, Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def missing(self) -> bool:
        """Whether it is certain that there is no such record."""
        return self.outcome in (Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def owner(self) -> Name:
        """The name behind all aliases, which owns the records."""
        return (self.question.name, *self.aliases)[-1]

    @property
    def silence(self) -> bool:
        """Whether no server said anything."""
        return self.outcome in (Outcome.TIMEOUT, Outcome.UNREACHABLE)

    @property
    def bogus(self) -> bool:
        """Whether a validating resolver says that DNSSEC is at fault."""
        return any(remark.dnssec for failure in self.failures for remark in failure.remarks)

    @property
    def soa(self) -> Optional[tuple[Name, Any]]:
        """The apex and SOA of the zone that the name is in, from whichever section has it.

        One of another name says nothing of this one.
        """
        if self.question.rdtype == SOA and self.records:
            return self.owner, self.records[0]
        found = [
            rrset
            for rrset in self.authority
            if rrset.rdtype == SOA and self.owner.is_subdomain(rrset.name)
        ]
        return (found[0].name, found[0][0]) if found else None

    @property
    def denied_for(self) -> Optional[int]:
        """The seconds that a resolver may go on denying it (RFC 2308, 5), None if not known."""
        found = [rrset for rrset in self.authority if rrset.rdtype == SOA]
        return min(found[0].ttl, found[0][0].minimum) if found and self.missing else None

    @property
    def delegation(self) -> Optional[tuple[Name, tuple[Name, ...]]]:
        """The zone that a referral is to, and the names of its servers."""
        found = [rrset for rrset in self.authority if rrset.rdtype == NS]
        return (found[0].name, tuple(ns.target for ns in found[0])) if found else None

    @functools.cached_property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of an A or AAAA answer, in ascending order."""
        return tuple(sorted({ipaddress.ip_address(record.address) for record in self.records}))

    @property
    def content(self) -> Optional[Content]:
        """What the server holds, None after a failure."""
        if self.failed:
            return None
        if self.aliases:
            return Content(self.question.rdtype, self.aliases[0])
        missing = None if self.records else self.outcome
        return Content(self.question.rdtype, None, missing, frozenset(self.records))


class Content(NamedTuple):
    """What a name server holds of a name, comparable: an alias, records, or which way none."""

    rdtype: RdataType
    alias: Optional[Name] = None
    missing: Optional[Outcome] = None
    records: frozenset[Any] = frozenset()


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


class Reading(NamedTuple):
    """What a message says to a question: records, or that there are none."""

    outcome: Outcome
    records: tuple[Any, ...]
    aliases: tuple[Name, ...]
    remarks: tuple[ExtendedError, ...]


def read_answer(
    response: dns.message.Message, question: Question, server: str
) -> Union[Reading, Failure]:
    """Tell what a response says to the question that it fits (RFC 1034, 4.3; RFC 2308, 2)."""
    assert isinstance(response, dns.message.QueryMessage)
    remarks = _extended_errors(response)
    rcode = response.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Failure(Fault.RCODE, server, rcode=rcode, remarks=remarks)
    try:
        chain = response.resolve_chaining()
    except dns.message.ChainTooLong:
        links = tuple(rrset.name for rrset in response.answer if rrset.rdtype == CNAME)[:4]
        return Failure(Fault.ALIASES, server, names=links, remarks=remarks)
    except dns.exception.DNSException as error:
        return Failure(Fault.CONTRADICTORY, server, text=in_words(error), remarks=remarks)
    aliases = tuple(rrset[0].target for rrset in chain.cnames)
    if chain.answer is not None:
        outcome = Outcome.FOUND
    elif rcode == dns.rcode.NXDOMAIN:
        outcome = Outcome.NXDOMAIN
    elif _is_referral(response, aliases) and not (question.at and aliases):
        return Failure(Fault.REFERRAL, server, names=_referred_to(response), remarks=remarks)
    elif _is_beside_the_question(response, question.rdtype):
        return Failure(Fault.BESIDE, server, remarks=remarks)
    else:
        outcome = Outcome.NODATA
    return Reading(outcome, tuple(chain.answer or ()), aliases, remarks)


def in_words(error: Exception) -> str:
    """Return what dnspython says of a message that makes no sense; it may quote the message."""
    return str(error) or type(error).__name__


def _is_referral(response: dns.message.Message, aliases: Sequence[Name]) -> bool:
    """Tell a server that does not recurse from one that knows there is no record (RFC 2308, 2.2).

    Without this a referral, or an alias that the server did not follow, reads as NODATA.
    """
    types = {rrset.rdtype for rrset in response.authority}
    if SOA in types:
        return False
    recursive = bool(response.flags & dns.flags.RA)
    authoritative = bool(response.flags & dns.flags.AA) and not aliases
    return NS in types or not (recursive or authoritative)


def _is_beside_the_question(response: dns.message.Message, rdtype: RdataType) -> bool:
    """Tell records of other names from a denial, which has the zone's SOA (RFC 2308, 2.2)."""
    answered = {rrset.rdtype for rrset in response.answer}
    return rdtype in answered and SOA not in {rrset.rdtype for rrset in response.authority}


def _referred_to(response: dns.message.Message) -> tuple[Name, ...]:
    """Return the first name server of a referral, if it has one."""
    return tuple(rrset[0].target for rrset in response.authority if rrset.rdtype == NS)[:1]


def _extended_errors(response: dns.message.Message) -> tuple[ExtendedError, ...]:
    # Message.extended_errors() is not in dnspython 2.3.
    return tuple(
        ExtendedError(int(option.code), option.text or "")
        for option in response.options
        if isinstance(option, dns.edns.EDEOption)
    )
