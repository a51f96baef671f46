"""A question, the ways a lookup can end, and what a message says to a question.

Pure: octets in, values out. What is not known is never told as missing, and no value is prose.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional, Union

from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import NS, SOA, RdataType

from reverse_mx.message import AA, RA, Defect, ExtendedError, Message, Record
from reverse_mx.names import Address, Name
from reverse_mx.values import Value

# Resolvers follow about as many (BIND 16, Unbound 11).
MOST_LINKS = 15


class Outcome(enum.Enum):
    """The ways a lookup can end. They stay apart all the way to the output."""

    FOUND = "found"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    FAILURE = "failure"
    REFERRAL = "referral"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    LEFT_OUT = "left out"


class Question(NamedTuple):
    """What is asked: of the resolvers, or ``at`` the address of an authoritative server.

    An authoritative server is asked without recursion. ``unchecked`` asks a validating resolver
    not to validate (RFC 4035, 3.2.2).
    """

    name: Name
    rdtype: RdataType
    at: str = ""
    unchecked: bool = False

    @property
    def of_zone(self) -> bool:
        """Whether it is about a zone and what its servers say, and no receiver asks it."""
        return self.unchecked or bool(self.at)


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

    ``error`` is the system's errno, 0 for a connection that was closed. ``defect`` is that of a
    malformed message. ``names`` are the first links of a CNAME chain without end, or the name
    server that a referral is to.
    """

    fault: Fault
    server: str = ""
    error: int = 0
    rcode: int = 0
    defect: Optional[Defect] = None
    names: tuple[Name, ...] = ()
    remarks: tuple[ExtendedError, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """How a lookup ends of which this is the whole story."""
        outcomes = {Fault.UNREACHABLE: Outcome.UNREACHABLE, Fault.REFERRAL: Outcome.REFERRAL}
        return outcomes.get(self.fault, Outcome.FAILURE)


class Answer(Value):
    """How one lookup ended.

    ``records`` are what ``Record.rdata`` is, ``aliases`` the CNAME targets on the way to them.
    ``remarks`` are what the server said besides. ``server`` is the one whose word this is;
    ``seconds`` count from the first try. ``tries`` is 0 for a question that was not asked because
    the time was up, or that was one too many. ``authoritative`` is the server's own claim (AA);
    ``authority`` are the records of the section of that name, which say in which zone the name is,
    or to whom it is delegated.
    ``servers`` is how many there were to ask, of which another might have answered otherwise.

    Without an answer ``failures`` are the servers' own, ``silent`` are those that said nothing, and
    ``truncated`` is whether one of these sent a part of the answer, and nothing over TCP.
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
    authority: tuple[Record, ...] = ()
    servers: int = 1
    failures: tuple[Failure, ...] = ()
    silent: tuple[str, ...] = ()
    truncated: bool = False
    misfits: int = 0
    cut_off: bool = False

    @property
    def unknown(self) -> bool:
        """Whether it is unknown what the DNS holds. Never true of a missing record."""
        return self.outcome not in (Outcome.FOUND, Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def failed(self) -> bool:
        """Whether it was asked, or was to be, and it is unknown nevertheless."""
        return self.unknown and not self.left_out

    @property
    def left_out(self) -> bool:
        return self.outcome is Outcome.LEFT_OUT

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
    def withheld(self) -> tuple[ExtendedError, ...]:
        """By which remarks the DNS may well hold something else than the server says."""
        said = [*self.remarks, *(remark for failure in self.failures for remark in failure.remarks)]
        return tuple(remark for remark in said if remark.withholds)

    @property
    def soa(self) -> Optional[tuple[Name, Any]]:
        """The apex and SOA of the zone that the name is in, from whichever section has it.

        One of another name says nothing of this one.
        """
        if self.question.rdtype == SOA and self.records:
            return self.owner, self.records[0]
        found = [
            record
            for record in self.authority
            if record.rdtype == SOA and self.owner.is_subdomain(record.owner)
        ]
        return (found[0].owner, found[0].rdata) if found else None

    @property
    def denied_for(self) -> Optional[int]:
        """The seconds that a resolver may go on denying it (RFC 2308, 5), None if not known."""
        found = [record for record in self.authority if record.rdtype == SOA]
        return min(found[0].ttl, found[0].rdata.minimum) if found and self.missing else None

    @property
    def delegation(self) -> Optional[tuple[Name, tuple[Name, ...]]]:
        """The zone that a referral is to, and the names of its servers."""
        found = [record for record in self.authority if record.rdtype == NS]
        if not found:
            return None
        zone = found[0].owner
        return zone, tuple(record.rdata for record in found if record.owner == zone)

    def glue(self, name: Name, rdtype: RdataType) -> tuple[Address, ...]:
        """Return the addresses that a referral has for a name server (RFC 1034, 4.2.1)."""
        records = (r for r in self.authority if (r.owner, r.rdtype) == (name, rdtype))
        return tuple(sorted({record.rdata for record in records}))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of an A or AAAA answer, in ascending order."""
        return self.records if len(self.records) < 2 else tuple(sorted(self.records))

    @property
    def content(self) -> Optional[Content]:
        """What the server holds, None after a failure."""
        if self.unknown:
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


class Edge(NamedTuple):
    """A lookup as a step of the walk: ``stage`` is what it was made for, and is timed under.

    It is None for the lookups that find the servers of a zone, which no receiver makes. One answer
    may be several edges' own, as each question is asked once.
    """

    stage: Optional[str]
    answer: Answer


def unique(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return each answer once; as each question is asked once, there is one object for each."""
    return tuple(dict.fromkeys(answers))


class Reading(NamedTuple):
    """What a message says to a question: records, or that there are none."""

    outcome: Outcome
    records: tuple[Any, ...]
    aliases: tuple[Name, ...]
    remarks: tuple[ExtendedError, ...]


def read_answer(message: Message, question: Question, server: str) -> Union[Reading, Failure]:
    """Tell what a message says to the question that it fits (RFC 1034, 4.3; RFC 2308, 2)."""
    remarks = message.remarks
    if message.rcode not in (NOERROR, NXDOMAIN):
        return Failure(Fault.RCODE, server, rcode=message.rcode, remarks=remarks)
    aliases, records = _follow(message, question)
    if len(aliases) > MOST_LINKS:
        names = tuple(dict.fromkeys((question.name, *aliases)))[:4]
        return Failure(Fault.ALIASES, server, names=names, remarks=remarks)
    if records and message.rcode == NXDOMAIN:
        return Failure(Fault.CONTRADICTORY, server, remarks=remarks)
    if records:
        outcome = Outcome.FOUND
    elif message.rcode == NXDOMAIN:
        outcome = Outcome.NXDOMAIN
    elif _is_referral(message, aliases) and not (question.at and aliases):
        return Failure(Fault.REFERRAL, server, names=_referred_to(message), remarks=remarks)
    elif _is_beside_the_question(message, question.rdtype):
        return Failure(Fault.BESIDE, server, remarks=remarks)
    else:
        outcome = Outcome.NODATA
    return Reading(outcome, records, aliases, remarks)


def _follow(message: Message, question: Question) -> tuple[tuple[Name, ...], tuple[Any, ...]]:
    """Return the aliases from the name asked for, and the records at their end, each once."""
    found: dict[Name, list[Any]] = {}
    links: dict[Name, Name] = {}
    for owner, rdtype, _, rdata in message.answer:
        if rdtype == question.rdtype:
            found.setdefault(owner, []).append(rdata)
        else:
            links.setdefault(owner, rdata)
    owner = question.name
    aliases: list[Name] = []
    while owner not in found and owner in links:
        owner = links[owner]
        aliases.append(owner)
        if len(aliases) > MOST_LINKS:
            break
    records = found.get(owner, [])
    return tuple(aliases), tuple(dict.fromkeys(records))


def _is_referral(message: Message, aliases: Sequence[Name]) -> bool:
    """Tell a server that does not recurse from one that knows there is no record (RFC 2308, 2.2).

    Without this a referral, or an alias that the server did not follow, reads as NODATA.
    """
    types = {record.rdtype for record in message.authority}
    if SOA in types:
        return False
    recursive = bool(message.flags & RA)
    authoritative = bool(message.flags & AA) and not aliases
    return NS in types or not (recursive or authoritative)


def _is_beside_the_question(message: Message, rdtype: RdataType) -> bool:
    """Tell records of other names and types from a denial, which has an SOA (RFC 2308, 2.2)."""
    answered = rdtype in {record.rdtype for record in message.answer} or message.strangers
    return answered and SOA not in {record.rdtype for record in message.authority}


def _referred_to(message: Message) -> tuple[Name, ...]:
    """Return the first name server of a referral, if it has one."""
    return tuple(record.rdata for record in message.authority if record.rdtype == NS)[:1]
