#!/usr/bin/env python3
"""Nagios/Icinga check that the mail hosts of a domain have matching reverse DNS.

It walks the chain that a receiving mail server walks in its head::

    domain --MX--> mail hosts --A/AAAA--> addresses --PTR--> names --A/AAAA--> back?

and the module reads in the order in which the data flows:

Findings      the vocabulary: what can be wrong, and how bad that is by default
Lookups       the only part that talks DNS; every way a lookup can end becomes an ``Answer``
Facts         what was learnt of a domain, a mail host and an address, without a verdict
Resource      gathers the facts, every chain going on as soon as its own answers are there
Contexts      turn facts into findings, and findings into states under the user's policy
Summary       the status line and the long output
Command line  the parser, and ``main``
"""

from __future__ import annotations

import argparse
import collections
import enum
import heapq
import io
import ipaddress
import itertools
import logging
import os
import re
import resource
import selectors
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NoReturn, Optional, TypeVar, Union

try:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import nagiosplugin
    from dns.rdatatype import AAAA, MX, NS, PTR, SOA, A, RdataType
    from nagiosplugin.state import Critical, Ok, ServiceState, Unknown, Warn
except ImportError as missing:
    # A traceback would end with exit code 1, which a scheduler takes for a WARNING.
    print(
        f"REVERSE_MX UNKNOWN - {missing}: install nagiosplugin and dnspython"
        " (Debian: python3-nagiosplugin python3-dnspython)"
    )
    sys.exit(3)

__version__ = "0.1.0"

_log = logging.getLogger("nagiosplugin.check_reverse_mx")

T = TypeVar("T")
Name = dns.name.Name
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


# ---------------------------------------------------------------------------------------------
# Findings
# ---------------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """One thing that can be found: its name, its default state, and when it is reported."""

    name: str
    default: ServiceState
    sentence: str


FINDINGS = {
    finding.name: finding
    for finding in (
        Finding("no-such-domain", Critical, "The domain does not exist (NXDOMAIN)."),
        Finding(
            "implicit-mx",
            Warn,
            "The domain has no MX record: receivers fall back to its own addresses"
            " (RFC 5321, 5.1); those are checked.",
        ),
        Finding(
            "null-mx",
            Warn,
            'The domain declares with "MX 0 ." that it takes no mail (RFC 7505); nothing to check.',
        ),
        Finding(
            "invalid-mx",
            Critical,
            'An MX target is an IP address in letters, or "." beside other MX records.',
        ),
        Finding(
            "mx-is-alias",
            Warn,
            "An MX target is a CNAME (RFC 2181, 10.3); the chain is followed.",
        ),
        Finding(
            "no-address", Critical, "A mail host has neither A nor AAAA record, or does not exist."
        ),
        Finding(
            "private-address",
            Ok,
            "The address is private (RFC 1918, RFC 4193); it is checked like any other.",
        ),
        Finding(
            "unusable-address",
            Critical,
            "Loopback, unspecified, link-local, multicast or broadcast address:"
            " no mail can arrive there.",
        ),
        Finding("missing-ptr", Critical, "The address has no PTR record."),
        Finding(
            "unconfirmed-ptr",
            Critical,
            "No PTR name resolves back to the address: forward-confirmed reverse DNS"
            " (iprev, RFC 8601) fails.",
        ),
        Finding(
            "invalid-ptr",
            Critical,
            "No PTR name is a host name; receivers throw such names away unseen.",
        ),
        Finding(
            "mixed-ptr",
            Warn,
            "Some PTR names confirm the address and some do not:"
            " receivers that look at one of them decide by chance.",
        ),
        Finding(
            "name-mismatch",
            Warn,
            "The address is confirmed, but no PTR name is the mail host.",
        ),
        Finding(
            "underscore-ptr",
            Warn,
            "A PTR name that confirms has an underscore: no host name by RFC 1123.",
        ),
        Finding(
            "generic-ptr",
            Warn,
            "A PTR name spells out its address, as those of dial-up pools do.",
        ),
        Finding(
            "dns-failure",
            Critical,
            "A name server answered that it could not (SERVFAIL, REFUSED, a CNAME loop, ...).",
        ),
        Finding("dns-timeout", Unknown, "No name server answered in the time allowed."),
        Finding(
            "too-many",
            Warn,
            "More mail hosts, addresses or PTR names than are followed;"
            " the number left out is given.",
        ),
    )
}

STATES = {"ok": Ok, "warning": Warn, "critical": Critical, "unknown": Unknown}

# A proven fault outranks a lookup that did not end, so UNKNOWN must not hide CRITICAL.
WORST_FIRST = (Critical, Warn, Unknown, Ok)

# The stages of the walk, whose lookups are timed apart, and how a threshold names them.
STAGES = {"mx": "MX", "address": "address", "ptr": "PTR", "confirm": "confirming"}

# The performance data, in the order of the output.
PERFDATA = (
    "time",
    *(f"{stage}_time" for stage in STAGES),
    "mail_hosts",
    "addresses",
    "missing_ptr",
    "unconfirmed_ptr",
    "name_mismatch",
    "dns_errors",
)


# ---------------------------------------------------------------------------------------------
# Lookups
# ---------------------------------------------------------------------------------------------

# Short tries make a lost datagram cheap. The socket of an earlier try stays open, so an answer
# that is merely slow still counts, however long the resolver took to find it.
TRY_SECONDS = 0.5
# Silence is borne this long, 10 s; once one server has failed the others get less.
MOST_TRIES = 20
MOST_TRIES_AFTER_FAILURE = 6
# Some middleboxes drop queries with EDNS: after this many silent tries it is left out.
EDNS_TRIES = 2
# What fits into every path's MTU unfragmented (dnsflagday.net/2020).
EDNS_PAYLOAD = 1232
# So many datagrams with a wrong id or question are forgeries: one in 65,536 would hit (RFC 5452).
MOST_MISFITS = 10
# Seconds of CPU that one message may cost to parse, and octets below which it cannot cost that.
READ_SECONDS = 0.2
CHEAP_TO_READ = 4096
# Lookups under way at once, each with a socket for every server it had to try.
MOST_AT_ONCE = 128
# Files that the process has open besides those sockets.
OTHER_FILES = 24

# Characters that no name or free text from the DNS may bring raw into the output: they mean
# something to a shell, to HTML, or to the scheduler that parses it.
UNSAFE = frozenset("|<>&\"'`$\\")
NAME_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/*")


def printable(text: str, most: int = 200) -> str:
    r"""Return free text from the network made safe to print.

    Whatever is not printable ASCII, or is unsafe, becomes ``\DDD`` per octet of its UTF-8 form,
    as RFC 1035 (5.1) writes octets; more than ``most`` characters are cut off with ``...``.
    """
    safe = "".join(
        character
        if " " <= character <= "~" and character not in UNSAFE
        else "".join(f"\\{octet:03d}" for octet in character.encode("utf-8", "surrogatepass"))
        for character in text[:most]
    )
    return safe + ("..." if len(text) > most else "")


def show_name(name: Name, idn: bool = False) -> str:
    r"""Return a domain name as it is safe to print, without the final dot.

    Octets other than letters, digits and ``-_/*`` become ``\DDD`` (RFC 1035, 5.1). With ``idn``,
    labels in punycode are shown in Unicode where they are valid (RFC 5891).
    """
    return ".".join(_show_label(label, idn) for label in name.labels if label) or "."


def _show_label(label: bytes, idn: bool) -> str:
    if idn and label[:4].lower() == b"xn--":
        try:
            readable = _idna_codec().decode(label)
        except dns.exception.DNSException:  # not valid, or the idna package is not installed
            readable = ""
        if readable.isprintable() and not UNSAFE.intersection(readable) and readable:
            return readable
    return "".join(chr(octet) if octet in NAME_CHARACTERS else f"\\{octet:03d}" for octet in label)


def _idna_codec() -> dns.name.IDNA2008Codec:
    # dnspython before 2.9 would take IDNA 2003 by itself, in which "fa\u00df" becomes "fass".
    return dns.name.IDNA2008Codec(uts_46=True, allow_pure_ascii=True, strict_decode=True)


class Promise(Generic[T]):
    """A value to come. ``await`` it in a chain, which then goes on as soon as it is there."""

    value: T

    def __init__(self) -> None:
        self.settled = False
        self._waiting: list[Callable[[], None]] = []

    def settle(self, value: T) -> None:
        self.value = value
        self.settled = True
        for resume in self._waiting:
            resume()

    def then(self, resume: Callable[[], None]) -> None:
        self._waiting.append(resume)

    def __await__(self) -> Generator[Promise[T], None, T]:
        if not self.settled:
            yield self
        return self.value


def start(chain: Coroutine[Any, Any, T]) -> Promise[T]:
    """Run a chain up to its first unanswered question; the promise is of what it returns.

    Promises and this function stand in for asyncio, whose import costs a ninth of a whole check
    and whose loop a storm of datagrams starves.
    """
    promise: Promise[T] = Promise()

    def resume() -> None:
        try:
            awaited = chain.send(None)
        except StopIteration as end:
            promise.settle(end.value)
        else:
            awaited.then(resume)

    resume()
    return promise


async def side_by_side(chains: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run chains side by side and return their results in the order given."""
    promises = [start(chain) for chain in chains]
    return [await promise for promise in promises]


class Outcome(enum.Enum):
    """The ways a lookup can end. They stay apart all the way to the output."""

    FOUND = "found"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    FAILURE = "failure"
    REFERRAL = "referral"
    TIMEOUT = "timeout"


class Question(NamedTuple):
    name: Name
    rdtype: RdataType

    def __str__(self) -> str:
        return f"{self.rdtype.name} {show_name(self.name)}"


@dataclass(frozen=True)
class Answer:
    """How one lookup ended.

    ``records`` are dnspython's rdata, ``aliases`` the CNAME targets on the way to them.
    ``reason`` says in safe characters why there is no answer, or what the server remarked.
    ``server`` is the one whose word this is; ``seconds`` count from the first try.
    ``tries`` is 0 for a question that was not asked because the time was up.
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

    @property
    def failed(self) -> bool:
        """Whether it is unknown what the DNS holds. Never true of a missing record."""
        return self.outcome in (Outcome.FAILURE, Outcome.REFERRAL, Outcome.TIMEOUT)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses of an A or AAAA answer, in ascending order."""
        return tuple(sorted({ipaddress.ip_address(record.address) for record in self.records}))


class Server:
    """A name server, and what this run has learnt of its manners."""

    def __init__(self, address: str, port: int) -> None:
        """Raise ``OSError`` if ``address`` is not an IPv4 or IPv6 address."""
        found = socket.getaddrinfo(
            address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
        self.family = found[0][0]
        self.endpoint = found[0][4]
        self._text = address if port == 53 else f"{address}#{port}"
        self.takes_edns = True
        self.silent_tries = 0

    def __str__(self) -> str:
        return self._text


class Exchange:
    """One question put to one server: over UDP, and over TCP when the answer is truncated.

    ``received(exchange, response, had_edns)`` is called with every message that answers this
    question, ``broken(exchange, outcome, reason)`` when none can come. The UDP socket has a port
    of its own and is connected, so the kernel drops what comes from elsewhere and reports a
    closed port at once; it stays open while further tries go out, so that a late answer counts.
    """

    def __init__(
        self,
        question: Question,
        server: Server,
        selector: selectors.BaseSelector,
        received: Callable[[Exchange, dns.message.Message, bool], None],
        broken: Callable[[Exchange, Outcome, str], None],
    ) -> None:
        self.server = server
        self.failure: Optional[tuple[Outcome, str]] = None
        self.asked_without_edns = False
        self.misfits = 0
        self._question = question
        self._selector = selector
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
            self._queries[edns] = dns.message.make_query(
                self._question.name,
                self._question.rdtype,
                use_edns=0 if edns else False,
                payload=EDNS_PAYLOAD,
            )
        try:
            if self._udp is None:
                self._udp = self._open(socket.SOCK_DGRAM, selectors.EVENT_READ, self._udp_ready)
                self._udp.connect(self.server.endpoint)
            self._udp.send(self._queries[edns].to_wire())
        except BlockingIOError:
            pass  # a full send buffer is a lost datagram, and the next try follows
        except OSError as error:
            self._broken(self, Outcome.TIMEOUT, _os_reason(error))

    def close(self) -> None:
        for opened in (self._udp, self._tcp):
            if opened is not None:
                self._selector.unregister(opened)
                opened.close()
        self._udp = self._tcp = None

    def _open(self, kind: int, events: int, ready: Callable[[], None]) -> socket.socket:
        opened = socket.socket(self.server.family, kind)
        opened.setblocking(False)
        self._selector.register(opened, events, ready)
        return opened

    def _udp_ready(self) -> None:
        assert self._udp is not None
        try:
            wire = self._udp.recv(65535)
        except BlockingIOError:
            return  # a datagram with a bad checksum wakes the selector and is then dropped
        except OSError as error:
            self._broken(self, Outcome.TIMEOUT, _os_reason(error))
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
            if had_edns and not self.asked_without_edns:
                self.ask(edns=False)
            else:
                what = printable(str(error)) or type(error).__name__
                self._broken(self, Outcome.FAILURE, f"malformed answer ({what})")
            return
        if not query.is_response(response):
            self._misfit()
        elif not response.flags & dns.flags.TC:
            self._received(self, response, had_edns)
        elif over_tcp:
            self._broken(self, Outcome.FAILURE, "truncated answer, even over TCP")
        elif self._tcp is None:
            self._ask_over_tcp(query)

    def _misfit(self) -> None:
        """Take a stream of wrong answers for forgeries, and ask where they are harder to make."""
        self.misfits += 1
        if self.misfits == MOST_MISFITS and self._udp is not None and self._tcp is None:
            self._selector.unregister(self._udp)
            self._udp.close()
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
            self._tcp_broken(_os_reason(error))

    def _tcp_writable(self) -> None:
        assert self._tcp is not None
        try:
            self._unsent = self._unsent[self._tcp.send(self._unsent) :]
        except OSError as error:
            self._tcp_broken(_os_reason(error))
        else:
            if not self._unsent:
                self._selector.modify(self._tcp, selectors.EVENT_READ, self._tcp_readable)

    def _tcp_readable(self) -> None:
        assert self._tcp is not None
        try:
            octets = self._tcp.recv(65535)
        except OSError as error:
            self._tcp_broken(_os_reason(error))
            return
        self._stream += octets
        length = int.from_bytes(self._stream[:2], "big")
        if not octets:
            self._tcp_broken("connection closed")
        elif len(self._stream) >= 2 + length > 2:
            wire = bytes(self._stream[2 : 2 + length])
            del self._stream[: 2 + length]
            self._understand(wire, over_tcp=True)

    def _tcp_broken(self, reason: str) -> None:
        before = "forged answers" if self.misfits >= MOST_MISFITS else "truncated answer"
        self._broken(self, Outcome.FAILURE, f"{before}, and over TCP {reason}")


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


def _os_reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


class Lookup:
    """One question on its way: tries the servers in turn until one of them gives an answer.

    What a server says about itself (it refuses, it fails, it does not recurse) sends the question
    to the next one; only an answer about the name ends the lookup.
    """

    def __init__(
        self,
        question: Question,
        stage: str,
        servers: Sequence[Server],
        selector: selectors.BaseSelector,
    ) -> None:
        self.promise: Promise[Answer] = Promise()
        self.next_try = 0.0
        self._question = question
        self._stage = stage
        # The servers that answered earlier questions come first.
        self._exchanges = [
            Exchange(question, server, selector, self._received, self._failed)
            for server in sorted(servers, key=lambda server: server.silent_tries)
        ]
        self._last: Optional[Exchange] = None
        self._tries = 0
        self._started = 0.0

    def try_again(self) -> None:
        """Ask the next server because the last one was silent, or be the first to ask."""
        if self._last is not None:
            self._last.server.silent_tries += 1
        self._try_next()

    def _try_next(self) -> None:
        now = time.monotonic()
        self._started = self._started or now
        self.next_try = now + TRY_SECONDS
        willing = [exchange for exchange in self._exchanges if exchange.failure is None]
        patience = MOST_TRIES if len(willing) == len(self._exchanges) else MOST_TRIES_AFTER_FAILURE
        if not willing or self._tries >= patience:
            self.give_up()
            return
        self._last = willing[self._tries % len(willing)]
        self._tries += 1
        patient = self._tries <= EDNS_TRIES * len(self._exchanges)
        self._last.ask(edns=self._last.server.takes_edns and patient)

    def give_up(self) -> None:
        """End the lookup without an answer: with the failures met, or as a timeout."""
        outcomes = set()
        reasons = []
        silent = []
        for exchange in self._exchanges:
            if exchange.failure is None:
                silent.append(str(exchange.server))
            else:
                outcomes.add(exchange.failure[0])
                reasons.append(f"{exchange.failure[1]} from {exchange.server}")
        if not self._tries:
            reasons = ["not asked, the time was up"]
        elif silent:
            elapsed = time.monotonic() - self._started
            reasons.append(f"no answer from {', '.join(silent)} in {elapsed:.1f} s")
        misfits = sum(exchange.misfits for exchange in self._exchanges)
        if misfits:
            reasons.append(f"{misfits} answers that did not fit the question were ignored")
        outcome = Outcome.TIMEOUT
        for worse in (Outcome.REFERRAL, Outcome.FAILURE):
            outcome = worse if worse in outcomes else outcome
        self._end(outcome, reason="; ".join(reasons))

    def _received(self, exchange: Exchange, response: dns.message.Message, had_edns: bool) -> None:
        exchange.server.silent_tries = 0
        rcode = response.rcode()
        remarks = "".join(f" ({remark})" for remark in _extended_errors(response))
        if had_edns and rcode in (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS):
            # RFC 6891, 7: this server is to be asked without EDNS.
            exchange.server.takes_edns = False
            if not exchange.asked_without_edns:
                exchange.ask(edns=False)
            return
        if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            self._failed(exchange, Outcome.FAILURE, dns.rcode.to_text(rcode) + remarks)
            return
        assert isinstance(response, dns.message.QueryMessage)
        try:
            chain = response.resolve_chaining()
        except dns.message.ChainTooLong:
            self._failed(exchange, Outcome.FAILURE, f"CNAME loop or too long a chain{remarks}")
            return
        except dns.exception.DNSException as error:
            what = printable(str(error)) or type(error).__name__
            self._failed(exchange, Outcome.FAILURE, f"contradictory answer ({what}){remarks}")
            return
        aliases = tuple(rrset[0].target for rrset in chain.cnames)
        if chain.answer is not None:
            outcome = Outcome.FOUND
        elif rcode == dns.rcode.NXDOMAIN:
            outcome = Outcome.NXDOMAIN
        elif _is_referral(response, aliases):
            self._failed(exchange, Outcome.REFERRAL, _referral_reason(response) + remarks)
            return
        else:
            outcome = Outcome.NODATA
        self._end(
            outcome, tuple(chain.answer or ()), aliases, remarks.strip(), str(exchange.server)
        )

    def _failed(self, exchange: Exchange, outcome: Outcome, reason: str) -> None:
        exchange.failure = (outcome, reason)
        exchange.close()
        self._try_next()

    def _end(
        self,
        outcome: Outcome,
        records: tuple[Any, ...] = (),
        aliases: tuple[Name, ...] = (),
        reason: str = "",
        server: str = "",
    ) -> None:
        for exchange in self._exchanges:
            exchange.close()
        _log.debug("%s: %s, tries: %d", self._question, outcome.value, self._tries)
        self.promise.settle(
            Answer(
                question=self._question,
                outcome=outcome,
                stage=self._stage,
                records=records,
                aliases=aliases,
                reason=reason,
                server=server,
                seconds=time.monotonic() - self._started if self._tries else 0.0,
                tries=self._tries,
            )
        )


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


def _referral_reason(response: dns.message.Message) -> str:
    for rrset in response.authority:
        if rrset.rdtype == NS:
            return f"does not recurse: a referral to {show_name(rrset[0].target)}"
    return "does not recurse: neither records nor their denial"


def _extended_errors(response: dns.message.Message) -> list[str]:
    """Return the Extended DNS Errors of a response in words (RFC 8914)."""
    # Message.extended_errors() is not in dnspython 2.3.
    return [
        f"EDE {int(option.code)} {_extended_error_meaning(option.code)}"
        + (f": {printable(option.text)}" if option.text else "")
        for option in response.options
        if isinstance(option, dns.edns.EDEOption)
    ]


def _extended_error_meaning(code: dns.edns.EDECode) -> str:
    words = code.name.split("_")
    if words[0].isdigit():
        return "unknown code"
    acronyms = ("DNSKEY", "DNSSEC", "DS", "NSEC", "NSEC3", "NXDOMAIN", "RRSIGS")
    return " ".join(word if word in acronyms else word.capitalize() for word in words)


class Lookups:
    """Asks every question once, side by side, and has an answer for all when the time is up.

    One thread and one selector: nothing outlives the run, and however fast datagrams arrive the
    clock is read between any two of them.
    """

    def __init__(self, servers: Sequence[Server], deadline: float) -> None:
        """``deadline`` is a ``time.monotonic()`` value."""
        self._servers = servers
        self._deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._promises: dict[Question, Promise[Answer]] = {}
        self._queue: collections.deque[Lookup] = collections.deque()
        self._under_way = 0
        self._timers: list[tuple[float, int, Lookup]] = []
        self._numbers = itertools.count()
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = MOST_AT_ONCE if soft_limit < 0 else (soft_limit - OTHER_FILES)
        self._most_at_once = max(1, min(MOST_AT_ONCE, files // (2 * len(servers))))

    def ask(self, name: Name, rdtype: RdataType, stage: str) -> Promise[Answer]:
        """Return the answer to come. ``stage`` is what its latency is counted under."""
        question = Question(name, rdtype)
        promise = self._promises.get(question)
        if promise is None:
            lookup = Lookup(question, stage, self._servers, self._selector)
            promise = self._promises[question] = lookup.promise
            self._queue.append(lookup)
        return promise

    def run(self, chain: Coroutine[Any, Any, T]) -> T:
        """Return what ``chain`` returns, at the deadline at the latest."""
        whole = start(chain)
        with self._selector:
            while not whole.settled:
                now = time.monotonic()
                if now >= self._deadline:
                    self._give_up()
                else:
                    self._fill()
                    self._wait(now)
        return whole.value

    def _fill(self) -> None:
        while self._queue and self._under_way < self._most_at_once:
            self._under_way += 1
            lookup = self._queue.popleft()
            lookup.promise.then(self._one_ended)
            self._try(lookup)

    def _one_ended(self) -> None:
        self._under_way -= 1

    def _try(self, lookup: Lookup) -> None:
        lookup.try_again()
        heapq.heappush(self._timers, (lookup.next_try, next(self._numbers), lookup))

    def _wait(self, now: float) -> None:
        """Let the sockets speak until the next try is due."""
        until = self._deadline
        while self._timers:
            due, _, lookup = self._timers[0]
            if lookup.promise.settled:
                heapq.heappop(self._timers)
            elif due <= now:
                heapq.heappop(self._timers)
                if due < lookup.next_try:  # it has tried again since, after a failure
                    heapq.heappush(self._timers, (lookup.next_try, next(self._numbers), lookup))
                else:
                    self._try(lookup)
            else:
                until = min(until, due)
                break
        if not self._under_way:
            return
        for key, _ in self._selector.select(max(0.0, until - now)):
            # An earlier event of this round may have closed the socket.
            if key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                key.data()

    def _give_up(self) -> None:
        for _, _, lookup in self._timers:
            if not lookup.promise.settled:
                lookup.give_up()
        self._timers.clear()
        while self._queue:
            self._queue.popleft().give_up()


# ---------------------------------------------------------------------------------------------
# Facts
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PtrName:
    """A name that an address has, and what it resolves to in the family of the address.

    ``forward`` is None for what is no host name: receivers throw it away, so it is not asked for.
    """

    name: Name
    forward: Optional[Answer]

    def confirms(self, address: Address) -> bool:
        return self.forward is not None and address in self.forward.addresses

    def refuted(self, address: Address) -> bool:
        """Whether it is certain that the name does not hold."""
        return self.forward is None or not (self.forward.failed or self.confirms(address))


@dataclass(frozen=True)
class MailAddress:
    """An address of one or more mail hosts, and its way back.

    ``expected`` are the names it may well have: its mail hosts', with their canonical names.
    ``ptr`` is None for an address at which no mail can arrive. ``left_out`` PTR names were not
    followed.
    """

    address: Address
    host: Name
    expected: tuple[Name, ...]
    ptr: Optional[Answer]
    names: tuple[PtrName, ...] = ()
    left_out: int = 0

    @property
    def lookups(self) -> Iterator[Answer]:
        if self.ptr is not None:
            yield self.ptr
        yield from (name.forward for name in self.names if name.forward is not None)

    @property
    def missing(self) -> bool:
        return self.ptr is not None and self.ptr.outcome in (Outcome.NODATA, Outcome.NXDOMAIN)

    @property
    def invalid(self) -> bool:
        return bool(self.names) and all(name.forward is None for name in self.names)

    @property
    def confirmed(self) -> bool:
        return any(name.confirms(self.address) for name in self.names)

    @property
    def refuted(self) -> tuple[PtrName, ...]:
        return tuple(name for name in self.names if name.refuted(self.address))

    @property
    def unconfirmed(self) -> bool:
        """Whether every name was followed to its end and none leads back."""
        return bool(self.names) and not self.invalid and len(self.refuted) == len(self.names)

    @property
    def mismatched(self) -> bool:
        return self.confirmed and not any(name.name in self.expected for name in self.names)


@dataclass(frozen=True)
class MailHost:
    """A mail host: an MX target, or the domain itself where there is no MX record.

    ``preference`` is None for the latter. ``lookups`` are those of its addresses, none for a
    target that is no name. ``shared`` are addresses that an earlier mail host has too.
    """

    name: Name
    preference: Optional[int]
    lookups: tuple[Answer, ...]
    addresses: tuple[MailAddress, ...] = ()
    shared: tuple[Address, ...] = ()

    @property
    def aliases(self) -> tuple[Name, ...]:
        return max((answer.aliases for answer in self.lookups), key=len, default=())


@dataclass(frozen=True)
class MailDomain:
    """A mail domain and all that hangs from it. ``left_out_*`` were not followed."""

    name: Name
    mx: Answer
    hosts: tuple[MailHost, ...] = ()
    left_out_hosts: int = 0
    left_out_addresses: int = 0

    @property
    def null_mx(self) -> bool:
        """Whether its only MX is "." (RFC 7505, 3)."""
        return [record.exchange for record in self.mx.records] == [dns.name.root]

    @property
    def addresses(self) -> tuple[MailAddress, ...]:
        return tuple(address for host in self.hosts for address in host.addresses)

    @property
    def lookups(self) -> tuple[Answer, ...]:
        """Every lookup in the order of the chain, each once."""
        lookups = {self.mx.question: self.mx}
        for host in self.hosts:
            lookups.update((answer.question, answer) for answer in host.lookups)
            for address in host.addresses:
                lookups.update((answer.question, answer) for answer in address.lookups)
        return tuple(lookups.values())


def is_host_name(name: Name) -> bool:
    """Tell whether receivers take a PTR name for a host name.

    The rule is that of RFC 1123 (2.1) with underscores let pass, as Postfix and Exim have it.
    """
    labels = name.labels[:-1]
    return (
        bool(labels)
        and not all(label.isdigit() for label in labels)
        and all(re.fullmatch(rb"(?!-)[A-Za-z0-9_-]+(?<!-)", label) for label in labels)
    )


def address_in_letters(name: Name) -> Optional[Address]:
    """Return the IP address that a name spells, if it is one and no name."""
    try:
        return ipaddress.ip_address(b".".join(name.labels[:-1]).decode("latin-1").strip("[]"))
    except ValueError:
        return None


def spells_address(name: Name, address: Address) -> bool:
    """Tell whether a name spells out an address, as the names of dial-up pools do.

    Decimal octets in either order, or hexadecimal digits in either order or as the groups of an
    IPv6 address, with or without dots or dashes between them.
    """
    text = show_name(name).lower()
    octets = [str(octet) for octet in address.packed]
    pairs = [f"{octet:02x}" for octet in address.packed]
    digits = list("".join(pairs))
    hexadecimal = [pairs, pairs[::-1]] if address.version == 4 else [digits, digits[::-1]]
    spellings = [(r"[.-]?".join(part), "0-9a-f") for part in hexadecimal]
    if address.version == 4:
        for part in (octets, octets[::-1]):
            spellings.append((r"[.-]".join(f"0*{octet}" for octet in part), "0-9"))
    else:
        groups = [f"0*{int(group, 16):x}" for group in address.exploded.split(":")]
        compressed = re.escape(address.compressed.replace(":", "-"))
        spellings += [(r"[.-]".join(groups), "0-9a-f"), (compressed, "0-9a-f")]
    return any(
        re.search(rf"(?<![{alphabet}]){spelling}(?![{alphabet}])", text)
        for spelling, alphabet in spellings
    )


def unusable_as(address: Address) -> str:
    """Return what keeps mail from ever arriving at an address, or nothing."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    kinds = {
        "an unspecified": address.is_unspecified,
        "a loopback": address.is_loopback,
        "a link-local": address.is_link_local,
        "a multicast": address.is_multicast,
        "the broadcast": address == ipaddress.IPv4Address("255.255.255.255"),
    }
    return next((kind for kind, applies in kinds.items() if applies), "")


PRIVATE_NETWORKS = tuple(
    (ipaddress.ip_network(network), rfc)
    for network, rfc in (
        ("10.0.0.0/8", "RFC 1918"),
        ("172.16.0.0/12", "RFC 1918"),
        ("192.168.0.0/16", "RFC 1918"),
        ("fc00::/7", "RFC 4193"),
    )
)


# ---------------------------------------------------------------------------------------------
# Resource
# ---------------------------------------------------------------------------------------------


class Bounds(NamedTuple):
    """How much of one domain is followed, so that none can make the check work without end."""

    hosts: int = 100
    addresses: int = 500
    names: int = 100


class ReverseMX(nagiosplugin.Resource):
    """The mail domains with their mail hosts, addresses and PTR names.

    ``probe()`` yields the facts as metrics in the order of the chain (contexts ``domain``,
    ``host`` and ``address``), then the latency of the stages in seconds and the counts.
    """

    name = "REVERSE_MX"

    def __init__(
        self,
        domains: Sequence[Name],
        rdtypes: Sequence[RdataType],
        lookups: Lookups,
        bounds: Bounds,
    ) -> None:
        """``rdtypes`` are A, AAAA or both."""
        self._domains = domains
        self._rdtypes = rdtypes
        self._lookups = lookups
        self._bounds = bounds

    def probe(self) -> Generator[nagiosplugin.Metric, None, None]:
        started = time.monotonic()
        domains = self._lookups.run(side_by_side(self._domain(name) for name in self._domains))
        seconds = time.monotonic() - started
        for domain in domains:
            yield nagiosplugin.Metric(show_name(domain.name), domain, context="domain")
            for host in domain.hosts:
                yield nagiosplugin.Metric(show_name(host.name), host, context="host")
                for address in host.addresses:
                    yield nagiosplugin.Metric(str(address.address), address, context="address")
        lookups = {answer.question: answer for domain in domains for answer in domain.lookups}
        addresses = [address for domain in domains for address in domain.addresses]
        yield from _latencies(seconds, lookups.values())
        counts = {
            "mail_hosts": sum(len(domain.hosts) for domain in domains),
            "addresses": len(addresses),
            "missing_ptr": sum(address.missing for address in addresses),
            "unconfirmed_ptr": sum(address.unconfirmed for address in addresses),
            "name_mismatch": sum(address.mismatched for address in addresses),
            "dns_errors": sum(answer.failed for answer in lookups.values()),
        }
        for name, count in counts.items():
            yield nagiosplugin.Metric(name, count, min=0, context="count")

    async def _domain(self, name: Name) -> MailDomain:
        mx = await self._lookups.ask(name, MX, "mx")
        targets: dict[Name, Optional[int]] = {}
        for record in sorted(mx.records, key=lambda mx: (mx.preference, mx.exchange)):
            targets.setdefault(record.exchange, record.preference)
        if mx.outcome is Outcome.NODATA:
            targets = {name: None}
        followed = list(targets.items())[: self._bounds.hosts]
        domain = MailDomain(name, mx, left_out_hosts=len(targets) - len(followed))
        if domain.null_mx:
            return domain
        walk = _AddressWalk(self._lookups, self._rdtypes, self._bounds)
        lookups = await side_by_side(walk.host(target) for target, _ in followed)
        return MailDomain(
            name,
            mx,
            await walk.hosts(followed, lookups),
            domain.left_out_hosts,
            len(walk.left_out),
        )


class _AddressWalk:
    """The walk from the mail hosts of one domain to their addresses and back."""

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType], bounds: Bounds) -> None:
        self.left_out: set[Address] = set()
        self._lookups = lookups
        self._rdtypes = rdtypes
        self._bounds = bounds
        self._ways_back: dict[Address, Promise[tuple[Optional[Answer], list[PtrName], int]]] = {}

    async def host(self, name: Name) -> tuple[Answer, ...]:
        """Look up the addresses of a host and start the way back of each that is new."""
        if name == dns.name.root or address_in_letters(name):
            return ()
        return tuple(await side_by_side(self._family(name, rdtype) for rdtype in self._rdtypes))

    async def hosts(
        self,
        targets: Iterable[tuple[Name, Optional[int]]],
        lookups: Iterable[tuple[Answer, ...]],
    ) -> tuple[MailHost, ...]:
        """Put together what was learnt, each address under the first host that has it."""
        hosts = [MailHost(*target, answers) for target, answers in zip(targets, lookups)]
        owners: dict[Address, list[MailHost]] = {}
        for host in hosts:
            for answer in host.lookups:
                for address in answer.addresses:
                    owners.setdefault(address, []).append(host)
        whole = []
        for host in hosts:
            own = [a for a, having in owners.items() if having[0] is host and a in self._ways_back]
            shared = [a for a, having in owners.items() if host in having[1:]]
            whole.append(
                MailHost(
                    host.name,
                    host.preference,
                    host.lookups,
                    tuple([await self._address(address, owners[address]) for address in own]),
                    tuple(shared),
                )
            )
        return tuple(whole)

    async def _family(self, name: Name, rdtype: RdataType) -> Answer:
        answer = await self._lookups.ask(name, rdtype, "address")
        for address in answer.addresses:
            if address in self._ways_back:
                continue
            if len(self._ways_back) < self._bounds.addresses:
                self._ways_back[address] = start(self._way_back(address))
            else:
                self.left_out.add(address)
        return answer

    async def _way_back(self, address: Address) -> tuple[Optional[Answer], list[PtrName], int]:
        if unusable_as(address):
            return None, [], 0
        reverse = dns.name.from_text(address.reverse_pointer)
        ptr = await self._lookups.ask(reverse, PTR, "ptr")
        targets = sorted({record.target for record in ptr.records})
        followed = targets[: self._bounds.names]
        rdtype = A if address.version == 4 else AAAA
        names = await side_by_side(self._ptr_name(target, rdtype) for target in followed)
        return ptr, names, len(targets) - len(followed)

    async def _ptr_name(self, name: Name, rdtype: RdataType) -> PtrName:
        if not is_host_name(name):
            return PtrName(name, None)
        return PtrName(name, await self._lookups.ask(name, rdtype, "confirm"))

    async def _address(self, address: Address, owners: Sequence[MailHost]) -> MailAddress:
        ptr, names, left_out = await self._ways_back[address]
        expected = tuple(name for host in owners for name in (host.name, *host.aliases))
        return MailAddress(address, owners[0].name, expected, ptr, tuple(names), left_out)


def _latencies(seconds: float, lookups: Iterable[Answer]) -> Iterator[nagiosplugin.Metric]:
    """Yield the time of the whole walk, and of the slowest lookup of each stage that asked."""
    slowest: dict[str, float] = {}
    for answer in lookups:
        if answer.tries:
            slowest[answer.stage] = max(answer.seconds, slowest.get(answer.stage, 0.0))
    # Four decimals: Python writes anything smaller with an exponent, and perfdata may not.
    yield nagiosplugin.Metric("time", round(seconds, 4), "s", min=0)
    for stage in STAGES:
        if stage in slowest:
            yield nagiosplugin.Metric(f"{stage}_time", round(slowest[stage], 4), "s", min=0)


# ---------------------------------------------------------------------------------------------
# Contexts
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A finding made of something: what it was made of, in what words, and how bad it is.

    ``finding`` is "" for a latency outside its range.
    """

    finding: str
    state: ServiceState
    subject: str
    text: str

    def __str__(self) -> str:
        name = f"[{self.finding}]" if self.finding else ""
        return " ".join(part for part in (self.subject, self.text, name) if part)


class Judgement(nagiosplugin.Result):
    """The findings made of one fact; its state is that of the worst."""

    problems: tuple[Problem, ...] = ()

    @classmethod
    def on(cls, metric: nagiosplugin.Metric, problems: Iterable[Problem]) -> Judgement:
        problems = tuple(problems)
        state = min((p.state for p in problems), key=WORST_FIRST.index, default=Ok)
        judgement = cls(state, None, metric)
        judgement.problems = problems
        return judgement


class Policy:
    """How bad each finding is: the defaults, and what the user overrode."""

    def __init__(self, overrides: dict[str, ServiceState]) -> None:
        self._overrides = overrides

    def problem(self, finding: str, subject: str, text: str) -> Problem:
        state = self._overrides.get(finding, FINDINGS[finding].default)
        return Problem(finding, state, subject, text)

    def failed_lookup(self, answer: Answer, subject: str) -> Problem:
        if answer.outcome is Outcome.TIMEOUT:
            return self.problem("dns-timeout", subject, f"timed out: {answer.reason}")
        return self.problem("dns-failure", subject, f"failed: {answer.reason}")


# So many PTR names, or addresses of one of them, are enumerated in a line.
MOST_IN_LINE = 4


def _enumerate(parts: Sequence[str], separator: str) -> str:
    more = [f"{len(parts) - MOST_IN_LINE} more"] if len(parts) > MOST_IN_LINE else []
    return separator.join([*parts[:MOST_IN_LINE], *more])


def _no_record(answer: Answer) -> str:
    kind = answer.question.rdtype.name
    return f"({kind} lookup failed)" if answer.failed else f"(no {kind}, {answer.outcome.value})"


class FindingsContext(nagiosplugin.Context):
    """Judges the facts of one kind. ``idn`` is whether names may be shown in Unicode."""

    def __init__(self, name: str, policy: Policy, idn: bool) -> None:
        super().__init__(name)
        self._policy = policy
        self._idn = idn

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        return Judgement.on(metric, self.problems(metric.value))

    def problems(self, fact: Any) -> Iterator[Problem]:
        """Yield what is found of a fact."""
        raise NotImplementedError

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """Return the line that draws a fact in the chain, indented as deep as it hangs."""
        raise NotImplementedError

    def show(self, name: Name) -> str:
        return show_name(name, self._idn)

    def show_all(self, names: Iterable[PtrName]) -> str:
        return _enumerate([self.show(name.name) for name in names], ", ")


class DomainContext(FindingsContext):
    """Judges the MX record set of a domain."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        return self.show(metric.value.name)

    def problems(self, fact: MailDomain) -> Iterator[Problem]:
        found = self._policy.problem
        if fact.mx.failed:
            yield self._policy.failed_lookup(fact.mx, "MX lookup")
        if fact.mx.outcome is Outcome.NXDOMAIN:
            yield found("no-such-domain", "", "the domain does not exist (NXDOMAIN)")
        if fact.mx.outcome is Outcome.NODATA:
            text = "no MX record (NODATA), mail goes to the domain's own addresses"
            yield found("implicit-mx", "", text)
        if fact.null_mx:
            yield found("null-mx", "", "takes no mail (null MX)")
        if fact.left_out_hosts:
            text = f"{fact.left_out_hosts} mail hosts were left out"
            yield found("too-many", "", text)
        if fact.left_out_addresses:
            text = f"{fact.left_out_addresses} addresses were left out"
            yield found("too-many", "", text)


class HostContext(FindingsContext):
    """Judges a mail host: its name, and whether it has addresses."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        host: MailHost = metric.value
        kind = "no MX," if host.preference is None else f"MX {host.preference}"
        way = " CNAME ".join(self.show(name) for name in (host.name, *host.aliases))
        shared = [f"{address} as above" for address in host.shared]
        return "  " + ", ".join([f"{kind} {way}", *shared])

    def problems(self, fact: MailHost) -> Iterator[Problem]:
        found = self._policy.problem
        subject = self.show(fact.name)
        if not fact.lookups:
            address = address_in_letters(fact.name)
            text = f"{address} is an IP address" if address else ". is the root domain"
            yield found("invalid-mx", "MX target", f"{text}, not a host name")
            return
        if fact.aliases and fact.preference is not None:
            text = f"is an MX target and an alias of {self.show(fact.aliases[-1])} (CNAME)"
            yield found("mx-is-alias", subject, text)
        outcomes = {answer.outcome for answer in fact.lookups}
        if Outcome.NXDOMAIN in outcomes and outcomes <= {Outcome.NXDOMAIN, Outcome.NODATA}:
            yield found("no-address", subject, "does not exist (NXDOMAIN)")
        elif outcomes == {Outcome.NODATA}:
            kinds = " or ".join(answer.question.rdtype.name for answer in fact.lookups)
            yield found("no-address", subject, f"has no {kinds} record (NODATA)")
        for answer in fact.lookups:
            if answer.failed:
                lookup = f"{answer.question.rdtype.name} lookup of {subject}"
                yield self._policy.failed_lookup(answer, lookup)


class AddressContext(FindingsContext):
    """Judges an address: its kind, its PTR names, and whether they lead back."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: MailAddress = metric.value
        if fact.ptr is None:
            return f"    {fact.address}"
        if not fact.names:
            return f"    {fact.address} {_no_record(fact.ptr)}"
        ways = [self._way(name, fact.address) for name in fact.names]
        return f"    {fact.address} {_enumerate(ways, '; ')}"

    def _way(self, name: PtrName, address: Address) -> str:
        if name.forward is None:
            back = "(no host name)"
        elif name.confirms(address):
            back = f"{name.forward.question.rdtype.name} {address}"
        elif name.forward.addresses:
            others = [str(other) for other in name.forward.addresses]
            back = f"{name.forward.question.rdtype.name} {_enumerate(others, ', ')}"
        else:
            back = _no_record(name.forward)
        return f"PTR {self.show(name.name)} {back}"

    def problems(self, fact: MailAddress) -> Iterator[Problem]:
        found = self._policy.problem
        subject = f"{fact.address} ({self.show(fact.host)})"
        yield from self._kind(fact, subject)
        if fact.ptr is not None and fact.ptr.failed:
            yield self._policy.failed_lookup(fact.ptr, f"PTR lookup of {subject}")
        if fact.missing:
            assert fact.ptr is not None
            yield found("missing-ptr", subject, f"has no PTR record ({fact.ptr.outcome.value})")
        for name in fact.names:
            if name.forward is not None and name.forward.failed:
                lookup = f"{name.forward.question.rdtype.name} lookup of {self.show(name.name)}"
                yield self._policy.failed_lookup(name.forward, f"{lookup}, PTR of {subject},")
        if fact.invalid:
            which = "which is no" if len(fact.names) == 1 else "none of which is a"
            text = f"has PTR {self.show_all(fact.names)}, {which} host name"
            yield found("invalid-ptr", subject, text)
        if fact.unconfirmed:
            which = "which does not resolve" if len(fact.names) == 1 else "none of which resolves"
            text = f"has PTR {self.show_all(fact.names)}, {which} back to it"
            yield found("unconfirmed-ptr", subject, text)
        if fact.confirmed and fact.refuted:
            text = (
                f"has {len(fact.names)} PTR names, of which {self.show_all(fact.refuted)}"
                f" {'does' if len(fact.refuted) == 1 else 'do'} not resolve back to it"
            )
            yield found("mixed-ptr", subject, text)
        if fact.mismatched:
            text = f"has PTR {self.show_all(fact.names)}, not the name of the mail host"
            yield found("name-mismatch", subject, text)
        yield from self._spelling(fact, subject)
        if fact.left_out:
            yield found("too-many", subject, f"has {fact.left_out} PTR names that were left out")

    def _kind(self, fact: MailAddress, subject: str) -> Iterator[Problem]:
        kind = unusable_as(fact.address)
        if kind:
            yield self._policy.problem("unusable-address", subject, f"is {kind} address")
        for network, rfc in PRIVATE_NETWORKS:
            if fact.address in network:
                yield self._policy.problem("private-address", subject, f"is private ({rfc})")

    def _spelling(self, fact: MailAddress, subject: str) -> Iterator[Problem]:
        for name in fact.names:
            shown = self.show(name.name)
            if name.confirms(fact.address) and "_" in shown:
                text = f"has PTR {shown}, with an underscore"
                yield self._policy.problem("underscore-ptr", subject, text)
            if name.forward is not None and spells_address(name.name, fact.address):
                text = f"has PTR {shown}, which spells out the address"
                yield self._policy.problem("generic-ptr", subject, text)


# ---------------------------------------------------------------------------------------------
# Summary
# ---------------------------------------------------------------------------------------------

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500


class WorstFirst(nagiosplugin.Results):
    """Results of which a proven fault outranks a lookup that did not end."""

    @property
    def most_significant_state(self) -> ServiceState:
        if not self.by_state:
            raise ValueError("no results")
        return min(self.by_state, key=WORST_FIRST.index)


class Check(nagiosplugin.Check):
    """A check whose performance data keep their documented order."""

    def __call__(self) -> None:
        super().__call__()
        self.perfdata.sort(key=lambda datum: PERFDATA.index(datum.partition("=")[0]))


class ChainSummary(nagiosplugin.Summary):
    """The status line names the problems, worst first; the long output draws the chain.

    ``verbosity`` is the number of ``-v``: from 2 on every lookup is listed.
    """

    def __init__(self, verbosity: int) -> None:
        self._verbosity = verbosity

    def ok(self, results: nagiosplugin.Results) -> str:
        domains = _domains(results)
        subject = domains[0] if len(domains) == 1 else f"{len(domains)} domains"
        hosts = _count(results, "mail_hosts", "mail host", "mail hosts")
        addresses = _count(results, "addresses", "address", "addresses")
        accepted = [
            str(problem)
            for _, problem in _problems(results)
            if FINDINGS[problem.finding].default is not Ok
        ]
        if accepted:
            return _fit(f"{subject}: {hosts}, {addresses}, accepted: ", accepted)
        return f"{subject}: {hosts}, {addresses}, reverse DNS matches"

    def problem(self, results: nagiosplugin.Results) -> str:
        domains = _domains(results)
        bad = [pair for pair in _problems(results) if pair[1].state is not Ok]
        bad.sort(key=lambda pair: WORST_FIRST.index(pair[1].state))
        if len(domains) == 1:
            return _fit(f"{domains[0]}: ", [str(problem) for _, problem in bad])
        having = len({domain for domain, _ in bad if domain})
        return _fit(
            f"{having} of {len(domains)} domains have problems: ",
            [f"{domain}: {problem}" if domain else str(problem) for domain, problem in bad],
        )

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        lines: list[str] = []
        lookups: list[Answer] = []
        for result in _in_order(results):
            if not isinstance(result, Judgement) or result.metric is None:
                continue
            line = result.metric.description or ""
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            sound = isinstance(result.metric.value, MailAddress) and not result.problems
            lines.append(f"{line}   OK" if sound else line)
            lines += [
                f"{indent}{str(problem.state).upper()} [{problem.finding}] {problem.text}"
                for problem in result.problems
            ]
            if isinstance(result.metric.value, MailDomain):
                lookups += result.metric.value.lookups
        if self._verbosity > 1:
            lines.append("lookups")
            lines += [f"  {_lookup_line(answer)}" for answer in dict.fromkeys(lookups)]
        return lines


def _in_order(results: nagiosplugin.Results) -> Iterator[nagiosplugin.Result]:
    """Yield the results in the order of their metrics, which is that of the chain."""
    return (results[index] for index in range(len(results)))


def _domains(results: nagiosplugin.Results) -> list[str]:
    return [
        result.metric.description or ""
        for result in _in_order(results)
        if result.metric is not None and isinstance(result.metric.value, MailDomain)
    ]


def _problems(results: nagiosplugin.Results) -> Iterator[tuple[str, Problem]]:
    """Yield every problem with the domain that has it, or "" for a threshold of the whole run."""
    domain = ""
    for result in _in_order(results):
        if isinstance(result, Judgement):
            if result.metric is not None and isinstance(result.metric.value, MailDomain):
                domain = result.metric.description or ""
            yield from ((domain, problem) for problem in result.problems)
        elif result.state is not Ok:
            yield "", Problem("", result.state, "", str(result))


def _count(results: nagiosplugin.Results, name: str, singular: str, plural: str) -> str:
    metric = results[name].metric
    number = metric.value if metric is not None else 0
    return f"{number} {singular if number == 1 else plural}"


def _fit(head: str, parts: Iterable[str]) -> str:
    """Join the parts that fit into the status line, and count the others."""
    parts = list(dict.fromkeys(parts))
    room = STATUS_LINE - len("REVERSE_MX CRITICAL - ") - len("; 99999 more problems, see -v")
    line = head
    left_out = 0
    for part in parts:
        if len(line) + len(part) + 2 < room:
            line += part if line == head else f"; {part}"
        else:
            left_out += 1
    if left_out:
        more = f"{left_out} {'more ' if line != head else ''}problem{'s' * (left_out > 1)}, see -v"
        line += more if line == head else f"; {more}"
    return line


def _lookup_line(answer: Answer) -> str:
    outcome = answer.outcome.value
    if answer.outcome is Outcome.FOUND:
        outcome = f"{len(answer.records)} record{'s' * (len(answer.records) > 1)}"
    parts = [f"{answer.question}: {outcome}"]
    parts += [f"alias of {show_name(name)}" for name in answer.aliases]
    parts += [answer.reason] * bool(answer.reason)
    parts += [f"from {answer.server}"] * bool(answer.server)
    parts += [f"{answer.seconds * 1000:.1f} ms"]
    parts += [f"{answer.tries} tries"] * (answer.tries > 1)
    return ", ".join(parts)


# ---------------------------------------------------------------------------------------------
# Command line
# ---------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """An argument parser that speaks as a plugin does: one line on standard output, exit code 3.

    Monitoring plugin guidelines, "Plugin Return Codes": a wrong argument, help and version are
    UNKNOWN. A scheduler shows nothing but standard output.
    """

    def error(self, message: str) -> NoReturn:
        # argparse names an option by all its strings.
        message = message.replace("-d/-H/--domain", "-d/--domain")
        print("REVERSE_MX UNKNOWN -", " ".join(message.split()))
        self.exit()

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        print(message or "", end="")
        sys.exit(3)


def make_parser() -> Parser:
    """Return the parser; its help ends with the table of findings."""
    parser = Parser(
        prog="check_reverse_mx",
        description="Check that the mail hosts of a domain have matching reverse DNS.",
        epilog=_findings_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-d",
        "-H",
        "--domain",
        dest="domains",
        metavar="DOMAIN",
        type=domain_argument,
        nargs="+",
        action="extend",
        help="mail domain; repeatable; @FILE reads arguments from a file, one a line",
    )
    parser.add_argument(
        "-s",
        "--server",
        dest="servers",
        metavar="ADDRESS",
        type=server_argument,
        action="append",
        help="resolver to ask instead of the system's; repeatable",
    )
    parser.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=port_argument,
        default=53,
        help="its port (%(default)s)",
    )
    family = parser.add_mutually_exclusive_group()
    family.add_argument(
        "-4",
        dest="rdtypes",
        action="store_const",
        const=(A,),
        default=(A, AAAA),
        help="IPv4 addresses only",
    )
    family.add_argument(
        "-6", dest="rdtypes", action="store_const", const=(AAAA,), help="IPv6 addresses only"
    )
    for short, name in (("-w", "warning"), ("-c", "critical")):
        parser.add_argument(
            short,
            f"--{name}",
            metavar="RANGE",
            type=range_argument,
            default="",
            help=f"{name} unless the slowest lookup of each stage is in the range, in seconds",
        )
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=timeout_argument,
        default=10.0,
        help="the whole check has ended by then (%(default)g; fractions allowed)",
    )
    parser.add_argument(
        "--state",
        dest="states",
        metavar="FINDING=STATE",
        type=state_argument,
        action="append",
        default=[],
        help="override a finding's state (ok, warning, critical, unknown); repeatable",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="-v the chain, -vv every lookup with its server, outcome and time, -vvv debugging",
    )
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _findings_table() -> str:
    """Return the findings, their default states and when they are reported, for the help."""
    lines = ["findings, with their default states:"]
    for finding in FINDINGS.values():
        lines.append(f"  {finding.name:<17} {finding.default}")
        lines += textwrap.wrap(
            finding.sentence, 78, initial_indent=" " * 6, subsequent_indent=" " * 6
        )
    return "\n".join(lines)


def _wrong(value: str, expected: str) -> argparse.ArgumentTypeError:
    shown = printable(value, 60) if value else "an empty value"
    return argparse.ArgumentTypeError(f"{shown} {expected}")


def domain_argument(text: str) -> Name:
    """Return a mail domain, in Unicode or punycode, as an absolute name.

    Raise ``argparse.ArgumentTypeError`` for what is none (RFC 1035, 2.3.4; RFC 5891).
    """
    example = "expected a mail domain such as example.com"
    if not text:
        raise _wrong(text, f"is no domain; {example}")
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        pass
    else:
        raise _wrong(text, f"is an address, not a mail domain; {example}")
    if "@" in text:
        raise _wrong(text, f"is a mail address; {example}, what comes after the @")
    if re.search(r"\s", text):
        raise _wrong(text, f"has a blank in it; {example}")
    wrong = re.search(r"[\x00-\x7f]", re.sub(r"[A-Za-z0-9._-]", "", text))
    if wrong:
        raise _wrong(text, f"has {printable(wrong[0])} in it; {example}")
    try:
        name = dns.name.from_unicode(text, idna_codec=_idna_codec())
    except dns.name.EmptyLabel:
        raise _wrong(text, f"has an empty label; {example}") from None
    except dns.name.LabelTooLong:
        raise _wrong(text, f"has a label of more than 63 octets; {example}") from None
    except dns.name.NameTooLong:
        raise _wrong(text, f"is longer than 255 octets; {example}") from None
    except dns.name.NoIDNA2008:
        hint = "needs the Python package idna (Debian: python3-idna); or give it in punycode"
        raise _wrong(text, hint) from None
    except (dns.exception.DNSException, UnicodeError) as error:
        raise _wrong(text, f"is no valid domain ({printable(str(error))}); {example}") from None
    if name == dns.name.root:
        raise _wrong(text, f"has an empty label; {example}")
    return name


def server_argument(text: str) -> str:
    try:
        Server(text, 53)
    except OSError:
        hint = "is no IP address; expected a resolver's, such as 192.0.2.53 or 2001:db8::53"
        raise _wrong(text, hint) from None
    return text


def port_argument(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise _wrong(text, "is no port; expected a number from 1 to 65535")
    return int(text)


def range_argument(text: str) -> nagiosplugin.Range:
    """Return a threshold range (Monitoring plugin guidelines, "Threshold and ranges")."""
    number = r"(\d+(\.\d*)?|\.\d+)"
    try:
        threshold = nagiosplugin.Range(text)
        # Python writes such a number with an exponent, and perfdata has none.
        plain = "e" not in str(threshold)
    except ValueError:
        plain = False
    if not plain or not re.fullmatch(rf"(@?((~|-?{number})?:)?(-?{number})?)", text):
        raise _wrong(text, "is no range of seconds; expected one such as 0.5 or @1:2")
    return threshold


def timeout_argument(text: str) -> float:
    if not re.fullmatch(r"(\d{1,6}(\.\d*)?|\.\d+)", text) or not float(text):
        raise _wrong(text, "is no timeout; expected seconds above 0, such as 10 or 2.5")
    return float(text)


def state_argument(text: str) -> tuple[str, ServiceState]:
    finding, _, state = text.partition("=")
    if finding not in FINDINGS:
        raise _wrong(text, f"names no finding; expected one of {', '.join(FINDINGS)}")
    if state not in STATES:
        raise _wrong(text, f"names no state; expected {finding}= and one of {', '.join(STATES)}")
    return finding, STATES[state]


def expand_files(arguments: Iterable[str], parser: Parser) -> list[str]:
    """Replace each ``@FILE`` by the arguments in the file, one a line.

    Blank lines and lines that start with ``#`` are passed over; ``-o VALUE`` may stand in one.
    """
    expanded: list[str] = []
    for argument in arguments:
        option = expanded[-1] if expanded and expanded[-1].startswith("-") else ""
        if option and re.match(r"-[\d.]", argument) and argument not in ("-4", "-6"):
            # argparse would take a negative number for an option, as there is an option -4.
            expanded[-1] += f"={argument}" if option.startswith("--") else argument
            continue
        # An inverted range starts with @ too.
        is_range = option in ("-w", "--warning", "-c", "--critical")
        if not argument.startswith("@") or is_range:
            expanded.append(argument)
            continue
        try:
            with open(argument[1:], encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except (OSError, ValueError) as error:
            reason = _os_reason(error) if isinstance(error, OSError) else "is not UTF-8 text"
            parser.error(f"argument {printable(argument, 60)}: cannot read this file: {reason}")
        for line in lines:
            if line and not line.startswith("#"):
                expanded += line.split(None, 1) if line.startswith("-") else [line]
    return expanded


def process_started() -> float:
    """Return the ``time.monotonic()`` at which this process started.

    Loading Python and the two libraries is most of a small check, and on a busy machine takes
    longer than it computes; ``-t`` is for all of it.
    """
    age = time.process_time()
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])  # proc(5), starttime
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        age = max(age, since_boot - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, AttributeError, IndexError, ValueError):
        pass  # no Linux: what it computed is the least that it has lived
    return time.monotonic() - age


def system_servers(parser: Parser) -> list[str]:
    """Return the addresses of the system's resolvers."""
    import dns.resolver  # with -s this module, the dearest of dnspython's, is not needed

    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except dns.resolver.NoResolverConfiguration:
        parser.error("argument -s/--server: none given, and /etc/resolv.conf names no resolver")


@nagiosplugin.guarded(verbose=0)  # type: ignore[call-arg, arg-type]
def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the check and exit with its state, 0 to 3 (Monitoring plugin guidelines).

    Without ``argv`` the process's own arguments are taken, and ``-t`` counts from its start.
    """
    started = process_started() if argv is None else time.monotonic()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = make_parser()
    options = parser.parse_args(expand_files(sys.argv[1:] if argv is None else argv, parser))
    if not options.domains:
        parser.error("argument -d/--domain: none given; expected a mail domain")
    servers = [Server(a, options.port) for a in options.servers or system_servers(parser)]
    # A tenth is kept back for putting the output together.
    deadline = started + options.timeout - min(0.2, options.timeout / 10)
    idn = (sys.stdout.encoding or "").lower().startswith("utf")
    policy = Policy(dict(options.states))
    lookups = Lookups(servers, deadline)
    check = Check(
        ReverseMX(tuple(dict.fromkeys(options.domains)), options.rdtypes, lookups, Bounds()),
        DomainContext("domain", policy, idn),
        HostContext("host", policy, idn),
        AddressContext("address", policy, idn),
        nagiosplugin.ScalarContext("time"),
        *(
            nagiosplugin.ScalarContext(
                f"{stage}_time",
                options.warning,
                options.critical,
                fmt_metric=f"slowest {what} lookup took {{valueunit}}",
            )
            for stage, what in STAGES.items()
        ),
        nagiosplugin.ScalarContext("count"),
        ChainSummary(options.verbose),
        WorstFirst(),
    )
    check.main(options.verbose, timeout=0)


if __name__ == "__main__":
    main()
