#!/usr/bin/env python3
"""Nagios/Icinga check that the mail hosts of a domain have matching reverse DNS.

It walks the chain that a receiving mail server walks in its head::

    domain --MX--> mail hosts --A/AAAA--> addresses --PTR--> names --A/AAAA--> back?

and the module reads in the order in which the data flows:

Findings      the vocabulary: what can be wrong, and how bad that is by default
Lookups       the only part that talks DNS; every way a lookup can end becomes an ``Answer``
Facts         what was learnt of a domain, a mail host and an address, without a verdict
SPF           finds out which addresses a domain's SPF record allows to send
Resource      gathers the facts, every chain going on as soon as its own answers are there
Contexts      turn facts into findings, and findings into states under the user's policy
Advice        what to do about problems, whose zone it is, and what receivers do meanwhile
Summary       the status line and the long output
Command line  the parser, and ``main``
"""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def end_interrupted(*_: object) -> None:
    """Say that the check was interrupted, and end there and then, whatever it is at.

    No exception is raised, as libraries swallow some. The output proper is collected, and written
    with these signals blocked, so there is never a second status line, nor a part of one.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        os.write(1, b"REVERSE_MX UNKNOWN - interrupted\n")
    finally:
        os._exit(3)


def heed_interrupts() -> None:
    for number in INTERRUPTS:
        # A shell has its jobs in the background ignore SIGINT, and that is to stay.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end_interrupted)


# The libraries take longer to load than a check to run. Who imports this module for another
# purpose than to run it keeps the handlers.
if __name__ == "__main__" or os.path.basename(sys.argv[0]) == "check_reverse_mx":
    heed_interrupts()

import argparse
import collections
import contextlib
import dataclasses
import enum
import errno
import fnmatch
import functools
import gc
import heapq
import io
import ipaddress
import itertools
import logging
import re
import resource
import selectors
import socket
import struct
import textwrap
import time
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NoReturn, Optional, TextIO, TypeVar, Union

# Loading makes no garbage, but so many objects that looking for it costs a tenth of a check.
gc.disable()
try:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rrset
    import nagiosplugin
    from dns.rdatatype import AAAA, CNAME, MX, NS, PTR, SOA, TXT, A, RdataType
    from nagiosplugin.state import Critical, Ok, ServiceState, Unknown, Warn
except ImportError as missing:
    # A traceback would end with exit code 1, which a scheduler takes for a WARNING.
    print(
        f"REVERSE_MX UNKNOWN - {missing}: install nagiosplugin and dnspython"
        " (Debian: python3-nagiosplugin python3-dnspython)"
    )
    sys.exit(3)
gc.freeze()
gc.enable()

__version__ = "0.1.0"

_log = logging.getLogger("nagiosplugin.check_reverse_mx")

T = TypeVar("T")
Name = dns.name.Name
ROOT = dns.name.root
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


# ---------------------------------------------------------------------------------------------
# Findings
# ---------------------------------------------------------------------------------------------


class Reaction(NamedTuple):
    """What one receiver does about a finding, with which setting, in which SMTP reply.

    ``stages`` are those of the failed lookups that it does it for, all if there are none.
    """

    receiver: str
    setting: str
    verdict: str
    code: str = ""
    stages: tuple[str, ...] = ()

    def __str__(self) -> str:
        setting = f" with {self.setting}" if self.setting else ""
        code = f" ({self.code})" if self.code else ""
        when = f" if the {' or '.join(self.stages)} lookup fails" if self.stages else ""
        return f"{self.receiver} {self.verdict}{setting}{code}{when}"


POSTFIX_CLIENT = "reject_unknown_client_hostname"
POSTFIX_REVERSE = "reject_unknown_reverse_client_hostname"
POSTFIX_SENDER = "reject_unknown_sender_domain"
EXIM_CLIENT = "verify = reverse_host_lookup"
EXIM_SENDER = "verify = sender"

NO_REVERSE_NAME = (
    Reaction("Postfix", POSTFIX_CLIENT, "refuses", "450 4.7.25"),
    Reaction("Postfix", POSTFIX_REVERSE, "refuses", "450 4.7.1"),
    Reaction("Exim", EXIM_CLIENT, "refuses", "550"),
)
ANY_CONFIRMED_NAME = (
    Reaction("Postfix", POSTFIX_CLIENT, "accepts"),
    Reaction("Exim", EXIM_CLIENT, "accepts"),
)
FAILED_LOOKUP = (
    Reaction("Postfix", POSTFIX_CLIENT, "defers", "450 4.7.25", ("ptr", "confirm")),
    Reaction("Postfix", POSTFIX_REVERSE, "defers", "450 4.7.1", ("ptr",)),
    Reaction("Exim", EXIM_CLIENT, "defers", "451", ("ptr", "confirm")),
    Reaction("Postfix", POSTFIX_SENDER, "defers", "450 4.1.8", ("mx",)),
    Reaction("Exim", EXIM_SENDER, "defers", "451", ("mx", "address")),
)


class Finding(NamedTuple):
    """One thing that can be found: its name, its default state, when it is reported.

    ``reactions`` are what receivers do meanwhile. Those of Postfix and Exim are proven by tests
    against the real servers.
    """

    name: str
    default: ServiceState
    sentence: str
    reactions: tuple[Reaction, ...] = ()


FINDINGS = {
    finding.name: finding
    for finding in (
        Finding(
            "no-such-domain",
            Critical,
            "The domain does not exist (NXDOMAIN).",
            (
                Reaction("Postfix", POSTFIX_SENDER, "refuses", "450 4.1.8"),
                Reaction("Exim", EXIM_SENDER, "refuses", "550"),
            ),
        ),
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
            (
                Reaction("Postfix", POSTFIX_SENDER, "refuses", "550 5.7.27"),
                Reaction("Exim", EXIM_SENDER, "refuses", "550"),
            ),
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
        Finding(
            "missing-ptr",
            Critical,
            "The address has no PTR record.",
            (
                Reaction("Gmail", "", "refuses", "550-5.7.25"),
                *NO_REVERSE_NAME,
                Reaction("OpenSMTPD", "rdns or fcrdns", "refuses"),
                Reaction("SpamAssassin", "", "scores RDNS_NONE"),
            ),
        ),
        Finding(
            "unconfirmed-ptr",
            Critical,
            "No PTR name resolves back to the address: forward-confirmed reverse DNS"
            " (iprev, RFC 8601) fails.",
            (
                Reaction("Gmail", "", "refuses", "550-5.7.25"),
                Reaction("Postfix", POSTFIX_CLIENT, "refuses", "450 4.7.25"),
                Reaction("Postfix", POSTFIX_REVERSE, "accepts"),
                Reaction("Exim", EXIM_CLIENT, "refuses", "550"),
                Reaction("OpenSMTPD", "fcrdns", "refuses"),
            ),
        ),
        Finding(
            "invalid-ptr",
            Critical,
            "No PTR name is a host name; most receivers throw such names away unseen.",
            NO_REVERSE_NAME,
        ),
        Finding(
            "mixed-ptr",
            Warn,
            "Some PTR names confirm the address and some do not:"
            " receivers that look at one of them decide by chance.",
            (
                Reaction("Postfix", POSTFIX_CLIENT, "decides by chance", "450 4.7.25"),
                Reaction("Exim", EXIM_CLIENT, "accepts"),
                Reaction("OpenSMTPD", "fcrdns", "decides by chance"),
            ),
        ),
        Finding(
            "name-mismatch",
            Warn,
            "The address is confirmed, but no PTR name is the mail host.",
            ANY_CONFIRMED_NAME,
        ),
        Finding(
            "underscore-ptr",
            Warn,
            "A PTR name that confirms has an underscore: no host name by RFC 1123.",
            ANY_CONFIRMED_NAME,
        ),
        Finding(
            "generic-ptr",
            Warn,
            "A PTR name spells out its address, as those of dial-up pools do.",
            (*ANY_CONFIRMED_NAME, Reaction("SpamAssassin", "", "scores RDNS_DYNAMIC")),
        ),
        Finding(
            "dns-failure",
            Critical,
            "A name server answered that it could not (SERVFAIL, REFUSED, a CNAME loop, ...).",
            FAILED_LOOKUP,
        ),
        Finding(
            "dns-timeout", Unknown, "No name server answered in the time allowed.", FAILED_LOOKUP
        ),
        Finding(
            "inconsistent-ptr",
            Critical,
            "With --authoritative: the name servers of the reverse zone give different PTR records,"
            " or one lacks them; the odd one is named.",
        ),
        Finding(
            "inconsistent-mx",
            Warn,
            "With --authoritative: the name servers of the domain give different MX records.",
        ),
        Finding(
            "lame-server",
            Warn,
            "With --authoritative: a name server that a zone lists does not answer, refuses, or is"
            " not authoritative.",
        ),
        Finding(
            "spf-error",
            Warn,
            "With --spf: the SPF record is missing, double, malformed or over its limits"
            " (RFC 7208).",
        ),
        Finding(
            "smtp-silent",
            Critical,
            "With --smtp: the connection was established and then nothing came.",
        ),
        Finding(
            "smtp-failure",
            Critical,
            "With --smtp: no connection, or a greeting that is not 220.",
        ),
        Finding(
            "banner-mismatch",
            Warn,
            "With --smtp: the host name in the greeting is not a PTR name of the address.",
        ),
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
STAGES = {
    "mx": "MX lookup",
    "address": "address lookup",
    "ptr": "PTR lookup",
    "confirm": "confirming lookup",
    "spf": "SPF lookup",
    "smtp": "SMTP greeting",
}

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
# An authoritative server has nobody to ask, so it is known sooner whether it answers.
MOST_TRIES_OF_AUTHORITY = 5
# Some middleboxes drop queries with EDNS: after this many silent tries it is left out.
EDNS_TRIES = 2
# What fits into every path's MTU unfragmented (dnsflagday.net/2020).
EDNS_PAYLOAD = 1232
# So many datagrams with a wrong id or question are forgeries: one in 65,536 would hit (RFC 5452).
MOST_MISFITS = 10
# Seconds of CPU that one message may cost to parse, and octets below which it cannot cost that.
READ_SECONDS = 0.5
CHEAP_TO_READ = 4096
# Lookups under way at once, each with a socket for every server it had to try.
MOST_AT_ONCE = 128
# Files that the process has open besides those sockets.
OTHER_FILES = 24

# SMTP connections open at once, and octets of a greeting (RFC 5321, 4.5.3.1.5 has 512 a line).
MOST_CONNECTIONS = 50
MOST_GREETING = 65536

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
        # What waited is let go of: in a run of many domains the chains are most of the memory.
        waiting, self._waiting = self._waiting, []
        for resume in waiting:
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


class Server:
    """A name server, and what this run has learnt of its manners."""

    def __init__(self, address: str, port: int) -> None:
        """Raise ``OSError`` if ``address`` is not an IPv4 or IPv6 address."""
        octets = os.fsencode(address)  # as text it would be taken for an IDN and be encoded
        found = socket.getaddrinfo(
            octets, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
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
            query = dns.message.make_query(
                self._question.name,
                self._question.rdtype,
                use_edns=0 if edns else False,
                payload=EDNS_PAYLOAD,
            )
            if self._question.at:
                query.flags &= ~dns.flags.RD
            if self._question.unchecked:
                query.flags |= dns.flags.CD
            self._queries[edns] = query
        try:
            if self._udp is None:
                self._udp = self._open(socket.SOCK_DGRAM, selectors.EVENT_READ, self._udp_ready)
                self._udp.connect(self.server.endpoint)
            self._udp.send(self._queries[edns].to_wire())
        except BlockingIOError:
            pass  # a full send buffer is a lost datagram, and the next try follows
        except OSError as error:
            self._broken(self, Outcome.UNREACHABLE, _os_reason(error))

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
            self._broken(self, Outcome.UNREACHABLE, _os_reason(error))
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
            # What came over TCP had its OPT record understood over UDP before.
            if had_edns and not self.asked_without_edns and not over_tcp:
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
    # asyncio writes texts of its own over those of the system.
    return (os.strerror(error.errno) if error.errno else type(error).__name__).lower()


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
        self._patience = MOST_TRIES_OF_AUTHORITY if question.at else MOST_TRIES
        self._tries = 0
        self._started = 0.0
        self._authoritative = False
        self._authority: tuple[dns.rrset.RRset, ...] = ()

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
        # A server that is not there says nothing about the question.
        failures = [exchange.failure[0] for exchange in self._exchanges if exchange.failure]
        if any(outcome is not Outcome.UNREACHABLE for outcome in failures):
            self._patience = MOST_TRIES_AFTER_FAILURE
        if not willing or self._tries >= self._patience:
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
                at = "" if self._question.at else f" from {exchange.server}"
                reasons.append(f"{exchange.failure[1]}{at}")
        if not self._tries:
            reasons = ["not asked, the time was up"]
        elif silent:
            elapsed = time.monotonic() - self._started
            reasons.append(f"no answer from {', '.join(silent)} in {elapsed:.1f} s")
        misfits = sum(exchange.misfits for exchange in self._exchanges)
        if misfits:
            reasons.append(f"{misfits} answers that did not fit the question were ignored")
        outcome = Outcome.TIMEOUT if silent or not outcomes else Outcome.UNREACHABLE
        for worse in (Outcome.TIMEOUT, Outcome.REFERRAL, Outcome.FAILURE):
            outcome = worse if worse in outcomes else outcome
        self._end(outcome, reason="; ".join(reasons))

    def _received(self, exchange: Exchange, response: dns.message.Message, had_edns: bool) -> None:
        exchange.server.silent_tries = 0
        self._authoritative = bool(response.flags & dns.flags.AA)
        # With an answer it is a courtesy that nobody here needs, and memory.
        self._authority = tuple(response.authority) if not response.answer else ()
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
            links = [show_name(r.name) for r in response.answer if r.rdtype == CNAME][:4]
            reason = f"CNAME loop or too long a chain ({', '.join(links)})"
            self._failed(exchange, Outcome.FAILURE, reason + remarks)
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
        elif _is_referral(response, aliases) and not (self._question.at and aliases):
            self._failed(exchange, Outcome.REFERRAL, _referral_reason(response) + remarks)
            return
        elif _is_beside_the_question(response, self._question.rdtype):
            self._failed(exchange, Outcome.FAILURE, "records of other names" + remarks)
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
        servers = len(self._exchanges)
        for exchange in self._exchanges:
            exchange.close()
        # An exchange refers to its lookup: without this both would wait for the garbage collector.
        self._exchanges.clear()
        self._last = None
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
                authoritative=self._authoritative,
                authority=self._authority,
                servers=servers,
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


def _is_beside_the_question(response: dns.message.Message, rdtype: RdataType) -> bool:
    """Tell records of other names from a denial, which has the zone's SOA (RFC 2308, 2.2)."""
    answered = {rrset.rdtype for rrset in response.answer}
    return rdtype in answered and SOA not in {rrset.rdtype for rrset in response.authority}


def _referral_reason(response: dns.message.Message) -> str:
    for rrset in response.authority:
        if rrset.rdtype == NS:
            return f"referral to {show_name(rrset[0].target)} (no recursion)"
    return "neither records nor their denial (no recursion)"


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
    try:
        words = dns.edns.EDECode(code).name.split("_")
    except ValueError:  # dnspython 2.3; later versions name an unknown code by its number
        return "unknown code"
    if words[0].isdigit():
        return "unknown code"
    acronyms = ("DNSKEY", "DNSSEC", "DS", "NSEC", "NSEC3", "NXDOMAIN", "RRSIGS")
    return " ".join(word if word in acronyms else word.capitalize() for word in words)


def most_at_once(most: int, files: int) -> int:
    """Return how many of ``most`` things, of so many files each, the process can have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, (limit - OTHER_FILES) // files))


class Lookups:
    """Asks every question once, side by side, and has an answer for all when the time is up.

    One thread and one selector: nothing outlives the run, and however fast datagrams arrive the
    clock is read between any two of them.
    """

    def __init__(self, resolvers: Sequence[str], port: int, deadline: float) -> None:
        """Ask the resolvers at these addresses. ``deadline`` is a ``time.monotonic()`` value.

        Raise ``OSError`` if an address is none.
        """
        self.while_waiting: Callable[[], None] = lambda: None
        self._port = port
        self._servers: dict[str, Server] = {}
        self._resolvers = [self._server(address) for address in resolvers]
        self._deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._promises: dict[object, Promise[Answer]] = {}
        self._queue: collections.deque[Lookup] = collections.deque()
        self._under_way = 0
        self._timers: list[tuple[float, int, Lookup]] = []
        self._numbers = itertools.count()
        # Up to two sockets for each resolver, UDP and TCP.
        self._most_at_once = most_at_once(MOST_AT_ONCE, 2 * len(resolvers))

    def __enter__(self) -> Lookups:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    def ask(
        self, name: Name, rdtype: RdataType, stage: str, at: str = "", unchecked: bool = False
    ) -> Promise[Answer]:
        """Return the answer to come. ``stage`` is what its latency is counted under."""
        # dnspython hashes a name octet by octet in Python; its labels are hashed by C.
        labels = tuple(map(bytes.lower, name.labels))
        # The labels themselves, if they are the same: a copy of each would be memory.
        key = (name.labels if labels == name.labels else labels, rdtype, at, unchecked)
        promise = self._promises.get(key)
        if promise is None:
            question = Question(name, rdtype, at, unchecked)
            servers = [self._server(at)] if at else self._resolvers
            lookup = Lookup(question, stage, servers, self._selector)
            promise = self._promises[key] = lookup.promise
            self._queue.append(lookup)
        return promise

    @property
    def answers(self) -> Iterator[Answer]:
        """All answers so far, in the order in which they were asked for."""
        return (promise.value for promise in self._promises.values() if promise.settled)

    def run(self, chain: Coroutine[Any, Any, T]) -> T:
        """Return what ``chain`` returns, at the deadline at the latest."""
        whole = start(chain)
        while not whole.settled:
            self.while_waiting()
            now = time.monotonic()
            if now >= self._deadline:
                self._give_up()
            else:
                self._fill()
                self._wait(now)
        return whole.value

    def _server(self, address: str) -> Server:
        if address not in self._servers:
            self._servers[address] = Server(address, self._port)
        return self._servers[address]

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
            # Each of many long answers takes its time to read.
            if time.monotonic() >= self._deadline:
                break

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


@dataclass(frozen=True, eq=False)
class PtrName:
    """A name that an address has, and what it resolves to in the family of the address.

    ``forward`` is None for what is no host name: receivers throw it away, so it is not asked for.
    """

    name: Name
    forward: Optional[Answer]

    @property
    def canonical(self) -> Name:
        return (self.name, *(self.forward.aliases if self.forward else ()))[-1]

    def confirms(self, address: Address) -> bool:
        return self.forward is not None and address in self.forward.addresses

    def refuted(self, address: Address) -> bool:
        """Whether it is certain that the name does not hold."""
        return self.forward is None or not (self.forward.failed or self.confirms(address))


@dataclass(frozen=True, eq=False)
class WayBack:
    """The way from an address over its PTR names back to it, whoever's address it is.

    ``ptr`` is None for an address at which no mail can arrive. ``left_out`` PTR names were not
    followed. ``authorities`` are what the servers of the zones say themselves, if they were asked:
    of the reverse name, and of each name that it is an alias of.
    """

    address: Address
    ptr: Optional[Answer]
    names: tuple[PtrName, ...] = ()
    left_out: int = 0
    authorities: tuple[Authority, ...] = ()

    @property
    def owner(self) -> Name:
        """The owner of its PTR records: its reverse name, or that one's alias (RFC 2317)."""
        return (reverse_name(self.address), *(self.ptr.aliases if self.ptr else ()))[-1]

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


@dataclass(frozen=True, eq=False)
class MailAddress:
    """An address as that of a mail host, ``host``, the first that has it.

    ``host`` is None for a bare address; ``canonical`` is the name behind its aliases. ``expected``
    are the names that the address may well have: its mail hosts', with their canonical names.
    """

    way: WayBack
    host: Optional[Name]
    canonical: Optional[Name]
    expected: tuple[Name, ...]

    @property
    def mismatched(self) -> bool:
        names = {name.name for name in self.way.names}
        return self.way.confirmed and bool(self.expected) and names.isdisjoint(self.expected)


class Target(NamedTuple):
    """Where mail goes to or comes from, before its addresses are known.

    ``role`` is how the chain calls it. ``name`` is None where only addresses are ``given``.
    ``preference`` is that of an MX record, None for everything else.
    """

    role: str
    name: Optional[Name]
    preference: Optional[int] = None
    given: tuple[Address, ...] = ()


@dataclass(frozen=True, eq=False)
class MailHost:
    """A host that mail goes to or comes from; ``domain`` is the owner of the MX records, if any.

    ``lookups`` are those of its addresses, none for a target that is no name. ``shared`` are
    addresses that an earlier mail host has too.
    """

    domain: Optional[Name]
    target: Target
    lookups: tuple[Answer, ...]
    addresses: tuple[MailAddress, ...] = ()
    shared: tuple[Address, ...] = ()

    @property
    def name(self) -> Optional[Name]:
        return self.target.name

    @property
    def aliases(self) -> tuple[Name, ...]:
        return max((answer.aliases for answer in self.lookups), key=len, default=())

    @property
    def names(self) -> tuple[Name, ...]:
        """Its name and what that is an alias of, the canonical name last."""
        return () if self.name is None else (self.name, *self.aliases)

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        looked_up = (address for answer in self.lookups for address in answer.addresses)
        return (*self.target.given, *looked_up)


@dataclass(frozen=True, eq=False)
class Greeting:
    """How the SMTP server at an address greeted (RFC 5321, 3.1).

    ``text`` is the reply line, safe to print, "" if none came. ``failure`` says why there is no
    whole greeting. ``seconds`` count from the start of the connection, None if it was not tried in
    time. ``names`` are the PTR names of the address.
    """

    address: Address
    host: Name
    names: tuple[Name, ...]
    connected: bool
    text: str
    failure: str
    seconds: Optional[float]

    @property
    def silent(self) -> bool:
        """Whether the connection was established and then nothing came."""
        return self.connected and not self.text

    @property
    def banner(self) -> Optional[Name]:
        """The host name in the greeting, if there is one."""
        match = re.match(r"220[ -]([A-Za-z0-9._-]+)", self.text)
        try:
            return dns.name.from_text(match[1]) if match else None
        except dns.exception.DNSException:
            return None


@dataclass(frozen=True, eq=False)
class Subject:
    """A mail domain or a sender, and all that hangs from it.

    ``of`` is a domain with its ``mx`` lookup, or the name or address of a sender without.
    ``left_out_*`` were too many to follow, ``ignored_*`` are those that the user wants ignored.
    ``authority`` is what the domain's own servers say of its MX, and ``spf`` what its SPF record
    allows, if that was asked.
    """

    of: Union[Name, Address]
    mx: Optional[Answer] = None
    hosts: tuple[MailHost, ...] = ()
    left_out_hosts: int = 0
    left_out_addresses: int = 0
    ignored_hosts: int = 0
    ignored_addresses: int = 0
    authority: Optional[Authority] = None
    spf: Optional[SpfFacts] = None

    @property
    def mail_hosts(self) -> tuple[MailHost, ...]:
        """The hosts that have a name, or are the bare address that was asked about."""
        return tuple(host for host in self.hosts if host.name is not None or self.mx is None)

    @property
    def null_mx(self) -> bool:
        """Whether its only MX is "." (RFC 7505, 3)."""
        records = self.mx.records if self.mx is not None else ()
        return [record.exchange for record in records] == [ROOT]

    @property
    def addresses(self) -> tuple[MailAddress, ...]:
        return tuple(address for host in self.hosts for address in host.addresses)

    @property
    def lookups(self) -> tuple[Answer, ...]:
        """Every lookup in the order of the chain, each once."""
        lookups = [self.mx] if self.mx is not None else []
        for host in self.hosts:
            lookups += host.lookups
            for address in host.addresses:
                lookups += address.way.lookups
        return unique([*lookups, *(self.spf.lookups if self.spf is not None else ())])


class NameServer(NamedTuple):
    """A name server that a zone lists, with its addresses, none if it cannot be found."""

    name: Name
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Zone:
    """A zone and who is in charge of it.

    ``soa`` is None for a zone that is known from its delegation only, as nobody answers for it.
    """

    name: Name
    soa: Optional[Any]
    servers: tuple[NameServer, ...]

    @property
    def contact(self) -> str:
        """The mail address of the zone's contact, "" if it has none (RFC 1035, 3.3.13, 8)."""
        if self.soa is None or len(self.soa.rname.labels) < 3:
            return ""
        local, *domain = self.soa.rname.labels
        text = printable(local.decode("ascii", "replace"))
        return f"{text}@{show_name(Name(domain))}"

    @property
    def classless(self) -> bool:
        """Whether it is a part of a /24 (RFC 2317), whose first label is no octet."""
        return self.name.is_subdomain(IN_ADDR) and not self.name.labels[0].isdigit()

    @property
    def providers(self) -> bool:
        """Whether it is the reverse zone of more than a /24 or a /48, so a provider's."""
        labels = len(self.name.labels) - len(IN_ADDR.labels)
        return (self.name.is_subdomain(IN_ADDR) and labels < 3) or (
            self.name.is_subdomain(IP6) and labels < 12
        )


@dataclass(frozen=True, eq=False)
class Testimony:
    """What one address of an authoritative server says to a question, and its zone's serial.

    ``address`` and ``answer`` are None for a server whose name has no address.
    """

    server: Name
    address: Optional[Address]
    answer: Optional[Answer]
    serial: Optional[int]

    @property
    def lame(self) -> str:
        """Why the server is lame (RFC 8499, 7), "" if it is not or could not be asked."""
        if self.answer is None:
            return "has no address"
        if self.answer.outcome is Outcome.TIMEOUT:
            return "" if self.late else "does not answer"
        if self.answer.outcome is Outcome.UNREACHABLE:
            # No way to an address is the machine's own lack, mostly of IPv6; a closed port is not.
            refused = "refused" in self.answer.reason
            return f"does not answer ({self.answer.reason})" if refused else ""
        if self.answer.outcome is Outcome.FAILURE:
            return f"answers {self.answer.reason}"
        if self.answer.outcome is Outcome.REFERRAL or not self.answer.authoritative:
            return "is not authoritative"
        return ""

    @property
    def late(self) -> bool:
        """Whether the time was up before it was certain that the server does not answer."""
        return (
            self.answer is not None
            and self.answer.outcome is Outcome.TIMEOUT
            and self.answer.tries < MOST_TRIES_OF_AUTHORITY
        )

    @property
    def content(self) -> tuple[str, ...]:
        """What it holds, comparable; nothing if it did not say."""
        return _content(self.answer) if self.answer is not None else ()


def _content(answer: Answer) -> tuple[str, ...]:
    """Return the alias, or the records in order, or why there is none; nothing after a failure."""
    if answer.failed:
        return ()
    if answer.aliases:
        return (f"CNAME {show_name(answer.aliases[0])}",)
    kind = answer.question.rdtype.name
    if not answer.records:
        return (f"no {kind} ({answer.outcome.value})",)
    return tuple(sorted(f"{kind} {show_record(record)}" for record in answer.records))


@dataclass(frozen=True, eq=False)
class Authority:
    """What the authoritative servers of a zone say themselves to one question."""

    question: Question
    zone: Zone
    testimonies: tuple[Testimony, ...]

    @property
    def all_lame(self) -> bool:
        return bool(self.testimonies) and all(t.lame for t in self.testimonies)

    @property
    def alias(self) -> Optional[Name]:
        """What the name is an alias of, if its servers agree on that and know no more."""
        if len(self.contents) != 1:
            return None
        (answer, *_) = (t.answer for t in self.testimonies if t.content and not t.lame)
        assert answer is not None
        return answer.aliases[-1] if answer.aliases and not answer.records else None

    @property
    def contents(self) -> dict[tuple[str, ...], list[Testimony]]:
        """The servers by what they hold, that of most of them, or of the highest serial, first."""
        contents: dict[tuple[str, ...], list[Testimony]] = {}
        for testimony in self.testimonies:
            if testimony.content and not testimony.lame:
                contents.setdefault(testimony.content, []).append(testimony)

        def rank(item: tuple[object, list[Testimony]]) -> tuple[int, int]:
            return -len(item[1]), -max(testimony.serial or 0 for testimony in item[1])

        return dict(sorted(contents.items(), key=rank))


ARPA = dns.name.from_text("arpa.")
IN_ADDR = dns.name.from_text("in-addr.arpa.")
IP6 = dns.name.from_text("ip6.arpa.")


def show_record(record: Any) -> str:
    """Return the data of a record, safe to print."""
    if record.rdtype == MX:
        return f"{record.preference} {show_name(record.exchange)}"
    if record.rdtype == PTR:
        return show_name(record.target)
    return printable(record.to_text())


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


def reverse_name(address: Address) -> Name:
    """Return the name of an address in in-addr.arpa or ip6.arpa (RFC 1035, 3.5; RFC 3596, 2.5)."""
    return dns.name.from_text(address.reverse_pointer)


def is_private_reverse(name: Name) -> bool:
    """Tell whether a name is the reverse name of private addresses, or of a part of them."""
    octets = [label.decode("latin-1") for label in reversed(name.labels[:-3])]
    if name.is_subdomain(IP6):
        return octets[:2] in (["f", "c"], ["f", "d"])
    return name.is_subdomain(IN_ADDR) and (
        octets[:1] == ["10"]
        or octets[:2] == ["192", "168"]
        or octets[:2] in [["172", str(number)] for number in range(16, 32)]
    )


def address_in_letters(name: Name) -> Optional[Address]:
    """Return the IP address that a name spells, if it is one and no name."""
    try:
        return ipaddress.ip_address(b".".join(name.labels[:-1]).decode("latin-1").strip("[]"))
    except ValueError:
        return None


def spells_address(name: Name, address: Address) -> bool:
    """Tell whether a name spells out an address, as the names of dial-up pools do.

    Decimal octets in either order with dots or dashes between them, hexadecimal digits in either
    order with or without, or the groups of an IPv6 address, also compressed.
    """
    text = b".".join(name.labels).decode("latin-1").lower()
    pairs = [f"{octet:02x}" for octet in address.packed]
    if address.version == 4:
        octets = list(address.packed)
        for run in re.findall(r"[0-9.-]+", text):
            numbers = [int(number) for number in re.findall(r"[0-9]+", run)]
            if _has_slice(numbers, octets) or _has_slice(numbers, octets[::-1]):
                return True
        spellings = {"".join(pairs), "".join(reversed(pairs))}
    else:
        spellings = {"".join(pairs), "".join(pairs)[::-1]}
    groups = list(struct.unpack("!8H", address.packed)) if address.version == 6 else []
    compressed = address.compressed.replace(":", "-")
    for run in re.findall(r"[0-9a-f.-]+", text):
        parts = re.findall(r"[0-9a-f]+", run)
        if address.version == 6 and (
            compressed in run.strip("-.").split(".")
            or _has_slice([int(p, 16) for p in parts], groups)
        ):
            return True
        if any(_has_whole_parts(parts, spelling) for spelling in spellings):
            return True
    return False


def _has_whole_parts(parts: Sequence[str], spelling: str) -> bool:
    """Tell whether some neighbouring parts, whole, make the spelling."""
    joined = "".join(parts)
    if spelling not in joined:  # so for nearly every name; there may be many, and long ones
        return False
    ends = {0, *itertools.accumulate(map(len, parts))}
    return any(
        end - len(spelling) in ends and joined[end - len(spelling) : end] == spelling
        for end in ends
    )


def _has_slice(numbers: Sequence[int], wanted: Sequence[int]) -> bool:
    return any(
        numbers[start : start + len(wanted)] == wanted
        for start in range(len(numbers) - len(wanted) + 1)
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
# SPF
# ---------------------------------------------------------------------------------------------

# The limits of RFC 7208, 4.6.4, beyond which receivers end with a "permerror".
MOST_SPF_LOOKUPS = 10
MOST_SPF_EXCHANGES = 10
MOST_SPF_VOIDS = 2
# Networks up to this size are checked address by address.
MOST_SPF_NETWORK = 16
# No RFC limits these, and a record may have 64 KiB: terms of a record, networks of a domain.
MOST_SPF_TERMS = 500
MOST_SPF_SPANS = 1000

# The terms that count as lookups (4.6.4), and those of them that have a meaning without a sender.
SPF_ASKING = ("include", "a", "mx", "ptr", "exists", "redirect=")
SPF_FOLLOWED = ("include", "a", "mx", "redirect=")

# The grammar of RFC 7208, 7.1 and 12. The macros c, r and t are for explanations only (7.2).
_MACRO = r"%(?:[%_-]|\{[slodiphv](?:0*[1-9][0-9]*)?r?[-.+,/_=]*\})"
_MACRO_STRING = rf"(?:[!-$&-~]|{_MACRO})*"
_TOP_LABEL = r"(?![0-9]+(?![a-z0-9-]))[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = rf"(?P<domain>{_MACRO_STRING}(?:\.{_TOP_LABEL}\.?|{_MACRO}))"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_LENGTH4 = r"(?:3[0-2]|[12]?[0-9])"
_LENGTH6 = r"(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"
_LENGTHS = rf"(?:/(?P<length4>{_LENGTH4}))?(?://(?P<length6>{_LENGTH6}))?"

# The terms: how each is written, and what follows its name.
SPF_TERMS = {
    "all": ("all", r""),
    "include": ("include:DOMAIN", rf":{_DOMAIN}"),
    "a": ("a[:DOMAIN][/0-32][//0-128]", rf"(?::{_DOMAIN})?{_LENGTHS}"),
    "mx": ("mx[:DOMAIN][/0-32][//0-128]", rf"(?::{_DOMAIN})?{_LENGTHS}"),
    "ptr": ("ptr[:DOMAIN]", rf"(?::{_DOMAIN})?"),
    "ip4": ("ip4:ADDRESS[/0-32]", rf":(?P<ip>{_OCTET}(?:\.{_OCTET}){{3}}(?:/{_LENGTH4})?)"),
    "ip6": ("ip6:ADDRESS[/0-128]", rf":(?P<ip>[0-9a-f:.]+(?:/{_LENGTH6})?)"),
    "exists": ("exists:DOMAIN", rf":{_DOMAIN}"),
    "redirect=": ("redirect=DOMAIN", _DOMAIN),
    "exp=": ("exp=DOMAIN", _DOMAIN),
}


@dataclass(frozen=True, eq=False)
class SpfTerm:
    """A term of an SPF record (RFC 7208, 4.6.1), whose ``name`` has a "=" if it is a modifier.

    ``text`` is the term, safe to print. ``target`` is the domain to look up, None if it is the
    record's own. A term with a macro is not ``followed``. ``lengths`` are the prefix lengths around
    an IPv4 and an IPv6 address.
    """

    text: str
    name: str
    passes: bool
    target: Optional[Name] = None
    followed: bool = False
    network: Optional[Network] = None
    lengths: tuple[int, int] = (32, 128)


@dataclass(frozen=True, eq=False)
class SpfFacts:
    """What a domain's SPF record allows to send, as far as a finite list can say.

    ``addresses`` come in ascending order, each with the first term that gives it; ``large`` are
    networks of more than 16 addresses, ``left_out`` terms that depend on the sender (macros,
    "exists", "ptr") or have no effect. All texts are safe to print, and ``errors`` go on after "SPF
    of DOMAIN". To a receiver one error is the end of the whole record ("permerror", RFC 7208,
    2.6.7); the addresses are those of the terms that are fine nevertheless. ``further`` addresses
    and networks of an overlong record were not kept. A lookup that failed is no error, but is in
    ``lookups``, which are all that were made, in the record's order.
    """

    domain: Name
    lookups: tuple[Answer, ...]
    addresses: tuple[tuple[Address, str], ...] = ()
    large: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    further: int = 0


def spf_texts(answer: Answer) -> list[str]:
    """Return the SPF records among TXT records, strings joined (RFC 7208, 3.3 and 4.5)."""
    texts = (b"".join(record.strings) for record in answer.records)
    return [
        text.decode("utf-8", "replace") for text in texts if re.match(rb"(?i)v=spf1( |\Z)", text)
    ]


def read_spf_record(text: str) -> tuple[list[SpfTerm], list[str]]:
    """Return the terms of a record in the order that counts, and its errors, safe to print.

    Nothing is behind "all"; else the redirect is last, wherever it stands (RFC 7208, 5.1, 6.1).
    """
    words = [word for word in text.split(" ")[1:] if word]
    terms = []
    errors = []
    for word in words[:MOST_SPF_TERMS]:
        try:
            terms.append(read_spf_term(word))
        except ValueError as error:
            errors.append(f"has a syntax error in {printable(word)} ({error})")
    names = [term.name for term in terms]
    for name in ("redirect=", "exp="):
        if names.count(name) > 1:
            errors.append(f"has {name} more than once")
    if len(words) > MOST_SPF_TERMS:
        errors.append(f"has {len(words)} terms, of which {MOST_SPF_TERMS} were looked at")
    if "all" in names:
        del terms[names.index("all") + 1 :]
    redirects = [term for term in terms if term.name == "redirect="]
    directives = [term for term in terms if term.name != "redirect="]
    return directives + ([] if "all" in names else redirects[:1]), errors


def read_spf_term(word: str) -> SpfTerm:
    """Read one term. Raise ``ValueError``, with what was expected, if the grammar forbids it."""
    flags = re.ASCII | re.IGNORECASE
    parts = re.fullmatch(r"([+?~-]?)([a-z][a-z0-9_.-]*=?)(.*)", word, flags | re.DOTALL)
    qualifier, name, rest = parts.groups() if parts else ("", "", "")
    name = name.lower()
    if not parts or (name not in SPF_TERMS and not name.endswith("=")):
        raise ValueError("no such mechanism")
    if qualifier and name.endswith("="):
        raise ValueError("a modifier has no qualifier")
    form, pattern = SPF_TERMS.get(name, ("NAME=TEXT", _MACRO_STRING))
    match = re.fullmatch(pattern, rest, flags)
    if not match:
        raise ValueError(f"expected {form}")
    found = match.groupdict()
    domain = found.get("domain") or ""
    network: Optional[Network] = None
    if "ip" in found:
        kind = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
        try:
            network = kind(found["ip"], strict=False)
        except ValueError:
            raise ValueError(f"expected {form}") from None
    return SpfTerm(
        printable(word),
        name,
        qualifier in ("", "+"),
        _spf_target(domain) if name in SPF_FOLLOWED and domain and "%" not in domain else None,
        name in SPF_FOLLOWED and "%" not in domain,
        network,
        (int(found.get("length4") or 32), int(found.get("length6") or 128)),
    )


def _spf_target(text: str) -> Name:
    # Not by dnspython's from_text(), to which a backslash begins an escape.
    labels = text.encode("ascii").split(b".")
    try:
        return Name(labels if not labels[-1] else [*labels, b""])
    except dns.exception.DNSException:
        raise ValueError("no valid domain name") from None


class Span(NamedTuple):
    """A range of addresses: many are compared, for which networks of ``ipaddress`` are slow."""

    version: int
    first: int
    last: int

    def covers(self, other: Span) -> bool:
        return (
            self.version == other.version and self.first <= other.first and other.last <= self.last
        )


class Spf:
    """Finds out what SPF records allow, in the families of ``rdtypes`` (A, AAAA or both)."""

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType]) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes

    async def allowed(self, domain: Name) -> SpfFacts:
        return await SpfWalk(self._lookups, self._rdtypes, domain).facts()


class SpfWalk:
    """One walk through a domain's SPF record and all that it includes, in the order of a receiver.

    What a record will need is asked for all at once, ahead of the walk, which alone decides: so
    the limits strike at the same term in every run. As no sender is given, every term is walked
    to, as for a sender that none before it fits.
    """

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType], domain: Name) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes
        self._domain = domain
        self._answers: list[Answer] = []
        # Without values these are sets that keep their order.
        self._left_out: dict[str, None] = {}
        self._errors: dict[str, None] = {}
        self._ahead = 0
        self._asked = 0
        # A receiver counts those in the sender's family only.
        self._voids: dict[RdataType, list[str]] = {rdtype: [] for rdtype in rdtypes}
        self._barred: set[RdataType] = set()
        self._made = 0
        self._further = 0

    async def facts(self) -> SpfFacts:
        start(self._read_ahead(self._domain))
        spans = await self._record((self._domain,), "")
        singles = sorted((span, text) for span, text in spans.items() if span.first == span.last)
        return SpfFacts(
            self._domain,
            unique(self._answers),
            tuple((_address(span), text) for span, text in singles),
            tuple(dict.fromkeys(text for span, text in spans.items() if span.first != span.last)),
            tuple(self._left_out),
            (*self._errors, *self._void_errors()),
            self._further,
        )

    async def _read_ahead(self, domain: Name) -> None:
        """Ask for what a record and all that it includes needs, as far as the limit allows."""
        answer = await self._lookups.ask(domain, TXT, "spf")
        texts = spf_texts(answer)
        terms = read_spf_record(texts[0])[0] if len(texts) == 1 else []
        for term in terms:
            if term.followed and self._ahead < MOST_SPF_LOOKUPS:
                self._ahead += 1
                target = term.target or domain
                hosts = term.name in ("a", "mx")
                start(self._look_up(term.name, target) if hosts else self._read_ahead(target))

    async def _look_up(self, name: str, target: Name) -> list[Answer]:
        """Ask for the addresses of an "a" or "mx" term (5.3, 5.4), side by side."""
        mx = [await self._lookups.ask(target, MX, "mx")] if name == "mx" else []
        hosts = _exchanges(mx[0])[:MOST_SPF_EXCHANGES] if mx else [target]
        promises = [
            self._lookups.ask(host, rdtype, "address") for host in hosts for rdtype in self._rdtypes
        ]
        return [*mx, *[await promise for promise in promises]]

    async def _record(self, chain: tuple[Name, ...], via: str) -> dict[Span, str]:
        """Return what the record of the last domain of a chain allows, and by which terms.

        ``via`` leads from the first domain to the last in the text of an error.
        """
        answer = await self._lookups.ask(chain[-1], TXT, "spf")
        self._note((answer,), counts=len(chain) > 1)
        texts = spf_texts(answer)
        if len(texts) != 1:
            if not answer.failed:
                self._error(f"{via}has {len(texts) or 'no'} SPF record{'s' * bool(texts)}")
            return {}
        terms, errors = read_spf_record(texts[0])
        for error in errors:
            self._error(f"{via}{error}")
        allowed: dict[Span, str] = {}
        denied: list[Span] = []
        for term in terms:
            spans = await self._spans(term, chain, via)
            if not term.passes:
                denied += spans
                continue
            for span, text in spans.items():
                # The first term that fits a sender decides (4.6.2).
                if not any(other.covers(span) for other in denied):
                    allowed.setdefault(span, text)
        return allowed

    async def _spans(self, term: SpfTerm, chain: tuple[Name, ...], via: str) -> dict[Span, str]:
        """Return what a term fits, whatever its qualifier."""
        domain = chain[-1]
        text = term.text + (f" of {show_name(domain)}" if domain != self._domain else "")
        if term.network is not None:
            return self._network(term.network, text)
        if term.name == "all" and term.passes:
            return {
                span: f"{text} (any address)"
                for network in ("0.0.0.0/0", "::/0")
                for span in self._network(ipaddress.ip_network(network), text)
            }
        asks = term.name in SPF_ASKING
        if asks:
            self._asked += 1
            if self._asked == MOST_SPF_LOOKUPS + 1:
                self._error(f"needs more than {MOST_SPF_LOOKUPS} lookups: {text} is one too many")
            if self._asked > MOST_SPF_LOOKUPS:
                return {}
        if asks and not term.followed:
            self._left_out[text] = None
        elif term.name[:-1] in SPF_TERMS:
            self._left_out[f"{text} (= where : belongs, so it has no effect)"] = None
        if not term.followed:
            return {}
        target = term.target or domain
        if term.name in ("a", "mx"):
            answers = await self._look_up(term.name, target)
            return self._networks(term, text, answers, via)
        step = "includes" if term.name == "include" else "redirects to"
        if target in chain:
            self._error(f"{via}{step} {show_name(target)} again (a loop)")
            return {}
        return await self._record((*chain, target), f"{step} {show_name(target)}, which ")

    def _networks(
        self, term: SpfTerm, text: str, answers: Sequence[Answer], via: str
    ) -> dict[Span, str]:
        """Return the addresses, or the networks around them, that an "a" or "mx" term fits."""
        self._note(answers)
        spans: dict[Span, str] = {}
        for answer in answers:
            if answer.question.rdtype == MX:
                count = len(answer.records)
                if count > MOST_SPF_EXCHANGES:
                    self._error(f"{via}has {count} MX records in {term.text}: 10 are allowed")
                continue
            for address in answer.addresses:
                length = term.lengths[address.version == 6]
                network = ipaddress.ip_network(f"{address}/{length}", strict=False)
                spans.update(self._network(network, text, f"{text}: {network}"))
        return spans

    def _network(self, network: Network, text: str, large: str = "") -> dict[Span, str]:
        """Return the addresses of a network, or the network as a whole if it is large."""
        rdtype = A if network.version == 4 else AAAA
        if rdtype not in self._rdtypes:
            return {}
        if len(self._voids[rdtype]) > MOST_SPF_VOIDS:
            self._barred.add(rdtype)
        whole = Span(network.version, int(network[0]), int(network[-1]))
        count = network.num_addresses
        spans = {whole: f"{large or text} ({_power(count)} addresses)"}
        if count <= MOST_SPF_NETWORK:
            numbers = range(whole.first, whole.last + 1)
            spans = {Span(network.version, number, number): text for number in numbers}
        kept = dict(itertools.islice(spans.items(), MOST_SPF_SPANS - self._made))
        self._made += len(kept)
        self._further += len(spans) - len(kept)
        return kept

    def _note(self, answers: Sequence[Answer], counts: bool = True) -> None:
        """Remember the lookups of a term, and which of them were void."""
        self._answers += answers
        for answer in answers:
            question = answer.question
            if counts and answer.outcome in (Outcome.NODATA, Outcome.NXDOMAIN):
                for rdtype, voids in self._voids.items():
                    if question.rdtype in (rdtype, TXT, MX):
                        voids.append(str(question))

    def _error(self, text: str) -> None:
        self._errors[text] = None

    def _void_errors(self) -> Iterator[str]:
        """Yield an error for the void lookups if a sender that the record is for meets it (4.6.4).

        A host without AAAA is void to receivers from IPv6 senders: a reproach only where such a
        sender is allowed after it.
        """
        over = [rdtype for rdtype in self._rdtypes if len(self._voids[rdtype]) > MOST_SPF_VOIDS]
        everybody = len(over) == len(self._rdtypes)
        for rdtype in over[:1] if everybody else over:
            if everybody or rdtype in self._barred:
                whom = "" if everybody else f" for IPv{4 if rdtype == A else 6} senders"
                first = ", ".join(self._voids[rdtype][: MOST_SPF_VOIDS + 1])
                yield f"has more than {MOST_SPF_VOIDS} void lookups{whom}: {first}"


def _exchanges(mx: Answer) -> list[Name]:
    """Return the mail hosts of an MX answer that are names, by preference."""
    records = sorted(mx.records, key=lambda record: (record.preference, record.exchange))
    names = dict.fromkeys(record.exchange for record in records)
    return [name for name in names if name != ROOT and not address_in_letters(name)]


def _address(span: Span) -> Address:
    return (ipaddress.IPv4Address if span.version == 4 else ipaddress.IPv6Address)(span.first)


def _power(count: int) -> str:
    """Return a number of addresses, as a power of 2 where its digits say nothing."""
    return str(count) if count < 1 << 32 else f"2^{count.bit_length() - 1}"


# ---------------------------------------------------------------------------------------------
# Resource
# ---------------------------------------------------------------------------------------------


class Bounds(NamedTuple):
    """How much of one domain is followed, so that none can make the check work without end.

    ``names`` are those of an address; of a run's addresses together so many more than
    ``first_names`` of each are followed as ``further_names`` says.
    """

    hosts: int = 100
    addresses: int = 500
    names: int = 100
    first_names: int = 4
    further_names: int = 1000


class Ignored:
    """What the user wants left out: hosts by shell patterns, addresses by networks."""

    def __init__(self, patterns: Sequence[Union[str, Network]]) -> None:
        self._networks = [pattern for pattern in patterns if not isinstance(pattern, str)]
        self._hosts = [
            re.compile(fnmatch.translate(pattern.lower().rstrip(".")))
            for pattern in patterns
            if isinstance(pattern, str)
        ]

    def host(self, name: Name) -> bool:
        return any(host.match(show_name(name).lower()) for host in self._hosts)

    def address(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


class ReverseMX(nagiosplugin.Resource):
    """The mail domains and senders with their mail hosts, addresses and PTR names.

    ``probe()`` yields the facts as metrics in the order of the chain (contexts ``subject``,
    ``host``, ``address`` and ``authority``), then the latency of the stages in seconds and the
    counts.
    """

    name = "REVERSE_MX"

    def __init__(
        self,
        domains: Sequence[Name],
        senders: Sequence[Union[Name, Address]],
        walks: Callable[[], Walk],
        lookups: Lookups,
        authorities: Optional[Authorities],
        spf: Optional[Spf],
        smtp: Optional[Smtp],
        reverse: bool,
        progress: Progress,
    ) -> None:
        """``walks`` gives each subject a walk.

        ``authorities`` are asked, ``spf`` records followed and ``smtp`` servers connected to if
        given. ``reverse`` is whether the walks go back.
        """
        self._spf = spf
        self._smtp = smtp
        self._reverse = reverse
        self._progress = progress
        self._domains = domains
        self._senders = senders
        self._walks = walks
        self._lookups = lookups
        self._authorities = authorities

    def probe(self) -> Generator[nagiosplugin.Metric, None, None]:
        started = time.monotonic()
        subjects = self._lookups.run(
            side_by_side(
                [
                    *(self._domain(name, self._walks()) for name in self._domains),
                    *(self._sender(sender, self._walks()) for sender in self._senders),
                ]
            )
        )
        greetings = {} if self._smtp is None else self._smtp.greet(_receivers(subjects))
        seconds = time.monotonic() - started
        self._progress.clear()
        for subject in subjects:
            yield from _chain_metrics(subject, greetings)
        lookups = unique(answer for subject in subjects for answer in subject.lookups)
        yield from _latencies(seconds, lookups, greetings.values())
        for name, count in _counts(subjects, lookups, self._reverse).items():
            yield nagiosplugin.Metric(name, count, min=0, context="count")

    async def _domain(self, name: Name, walk: Walk) -> Subject:
        spf = start(self._allowed(name))
        mx = await self._lookups.ask(name, MX, "mx")
        domain = Subject(name, mx)
        authority = start(self._ask_authority(mx))
        targets: dict[Name, Target] = {}
        if not domain.null_mx:
            for record in sorted(mx.records, key=lambda mx: (mx.preference, mx.exchange)):
                role = f"MX {record.preference}"
                target = Target(role, record.exchange, record.preference)
                targets.setdefault(record.exchange, target)
        if mx.outcome is Outcome.NODATA:
            targets[name] = Target("no MX,", name)
        walked = await walk.subject(domain, list(targets.values()), _spf_targets(spf))
        whole = dataclasses.replace(walked, authority=await authority, spf=await spf)
        self._progress.done(whole)
        return whole

    async def _allowed(self, domain: Name) -> Optional[SpfFacts]:
        return None if self._spf is None else await self._spf.allowed(domain)

    async def _sender(self, sender: Union[Name, Address], walk: Walk) -> Subject:
        if isinstance(sender, Name):
            target = Target("sender", sender)
        else:
            target = Target("sender", None, given=(sender,))
        whole = await walk.subject(Subject(sender), [target])
        self._progress.done(whole)
        return whole

    async def _ask_authority(self, mx: Answer) -> Optional[Authority]:
        # A domain that does not exist is in its registry's zone, which is not at fault.
        if self._authorities is None or mx.outcome is Outcome.NXDOMAIN:
            return None
        return await self._authorities.ask(mx.owner, MX)


async def _spf_targets(spf: Promise[Optional[SpfFacts]]) -> list[Target]:
    """Return the addresses that an SPF record allows, by the term that gives them."""
    facts = await spf
    given: dict[str, list[Address]] = {}
    for address, term in facts.addresses if facts is not None else ():
        given.setdefault(term, []).append(address)
    return [Target(f"SPF {term}", None, given=tuple(own)) for term, own in given.items()]


class Walk:
    """The walk of one subject from its targets to their addresses and back, within bounds."""

    def __init__(
        self,
        lookups: Lookups,
        rdtypes: Sequence[RdataType],
        ways_back: WaysBack,
        ignored: Ignored,
        bounds: Bounds,
    ) -> None:
        """``rdtypes`` are A, AAAA or both."""
        self._lookups = lookups
        self._rdtypes = rdtypes
        self._ways_back = ways_back
        self._ignored = ignored
        self._bounds = bounds
        self._ways: dict[Address, Promise[WayBack]] = {}
        self._left_out_addresses: set[Address] = set()
        self._ignored_addresses: set[Address] = set()

    async def subject(
        self,
        subject: Subject,
        targets: Sequence[Target],
        further: Optional[Coroutine[Any, Any, list[Target]]] = None,
    ) -> Subject:
        """Return the subject with its hosts and their addresses, ``further`` targets last."""
        wanted = [t for t in targets if t.name is None or not self._ignored.host(t.name)]
        followed = wanted[: self._bounds.hosts]
        looked_up = start(side_by_side(self._host(target) for target in followed))
        more = await further if further is not None else []
        lookups = [*await looked_up, *await side_by_side(self._host(target) for target in more)]
        domain = None if subject.mx is None else subject.mx.owner
        hosts = [
            MailHost(domain, target, tuple(answers))
            for target, answers in zip([*followed, *more], lookups)
        ]
        ways = {address: await way for address, way in self._ways.items()}
        return dataclasses.replace(
            subject,
            hosts=_with_addresses(hosts, ways),
            left_out_hosts=len(wanted) - len(followed),
            left_out_addresses=len(self._left_out_addresses),
            ignored_hosts=len(targets) - len(wanted),
            ignored_addresses=len(self._ignored_addresses),
        )

    async def _host(self, target: Target) -> list[Answer]:
        for address in target.given:
            self._take(address)
        if target.name is None or target.name == ROOT or address_in_letters(target.name):
            return []
        name = target.name
        return await side_by_side(self._family(name, rdtype) for rdtype in self._rdtypes)

    async def _family(self, name: Name, rdtype: RdataType) -> Answer:
        answer = await self._lookups.ask(name, rdtype, "address")
        for address in answer.addresses:
            self._take(address)
        return answer

    def _take(self, address: Address) -> None:
        if self._ignored.address(address):
            self._ignored_addresses.add(address)
        elif address in self._ways:
            pass
        elif len(self._ways) < self._bounds.addresses:
            self._ways[address] = self._ways_back.walk(address)
        else:
            self._left_out_addresses.add(address)


class Authorities:
    """Finds out who is in charge of a name, and asks them themselves.

    ``rdtypes`` are A, AAAA or both: the addresses at which name servers are asked.
    """

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType]) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes

    async def zone(self, name: Name) -> Optional[Zone]:
        """Return the zone that a name is in, or the nearest above it that anybody answers for.

        After an alias it is the zone of its target, which is the one to edit (RFC 2317). DNSSEC
        is not asked to agree: it may be what is broken.
        """
        while True:
            answer = await self._lookups.ask(name, SOA, "zone", unchecked=True)
            if not answer.failed or not answer.tries or len(name.labels) <= 2:
                break
            name = name.parent()
        if answer.soa is None:
            return None
        apex, soa = answer.soa
        listed = await self._lookups.ask(apex, NS, "zone", unchecked=True)
        return Zone(apex, soa, await self._servers(record.target for record in listed.records))

    async def ask(self, name: Name, rdtype: RdataType, alias: bool = False) -> Optional[Authority]:
        """Put a question to every server of the name's zone, or None if none can be found.

        Of an ``alias`` it is the zone that has the CNAME. A zone that nobody answers for is found
        through the delegation to it.
        """
        zone = await self.zone(name.parent() if alias else name)
        while zone is not None:
            answers = await side_by_side(
                self._testify(server.name, address, zone.name, name, rdtype)
                for server in zone.servers
                for address in server.addresses or (None,)
            )
            authority = Authority(Question(name, rdtype), zone, tuple(answers))
            below = [
                delegation
                for testimony in answers
                if testimony.answer is not None
                and testimony.answer.outcome is Outcome.REFERRAL
                and (delegation := testimony.answer.delegation) is not None
                and delegation[0].is_subdomain(zone.name)
                and delegation[0] != zone.name
            ]
            if authority.contents or not below:
                return authority
            zone = Zone(below[0][0], None, await self._servers(below[0][1]))
        return None

    async def _servers(self, names: Iterable[Name]) -> tuple[NameServer, ...]:
        async def server(name: Name) -> NameServer:
            answers = await side_by_side(self._lookup(name, rdtype) for rdtype in self._rdtypes)
            return NameServer(name, tuple(a for answer in answers for a in answer.addresses))

        return tuple(await side_by_side(server(name) for name in sorted(set(names))))

    async def _lookup(self, name: Name, rdtype: RdataType, at: str = "") -> Answer:
        return await self._lookups.ask(name, rdtype, "zone", at, unchecked=not at)

    async def _testify(
        self,
        server: Name,
        address: Optional[Address],
        apex: Name,
        name: Name,
        rdtype: RdataType,
    ) -> Testimony:
        if address is None:
            return Testimony(server, None, None, None)
        answer, soa = await side_by_side(
            (self._lookup(name, rdtype, str(address)), self._lookup(apex, SOA, str(address)))
        )
        serial = soa.records[0].serial if soa.records else None
        return Testimony(server, address, answer, serial)


class WaysBack:
    """The ways back from addresses, each walked once in a run however many hosts have it.

    Without ``reverse`` none is walked: an address is all that is learnt of it.
    """

    def __init__(
        self,
        lookups: Lookups,
        bounds: Bounds,
        authorities: Optional[Authorities],
        reverse: bool = True,
    ) -> None:
        self._reverse = reverse
        self._lookups = lookups
        self._bounds = bounds
        self._authorities = authorities
        self._promises: dict[Address, Promise[WayBack]] = {}
        self._further_names = bounds.further_names

    def walk(self, address: Address) -> Promise[WayBack]:
        if address not in self._promises:
            self._promises[address] = start(self._walk(address))
        return self._promises[address]

    async def _walk(self, address: Address) -> WayBack:
        if unusable_as(address) or not self._reverse:
            return WayBack(address, None)
        ptr = await self._lookups.ask(reverse_name(address), PTR, "ptr")
        targets = sorted({record.target for record in ptr.records})
        followed = targets[
            : min(self._bounds.names, self._bounds.first_names + self._further_names)
        ]
        self._further_names -= max(0, len(followed) - self._bounds.first_names)
        rdtype = A if address.version == 4 else AAAA
        authorities = start(self._ask_authorities((reverse_name(address), *ptr.aliases)))
        names = await side_by_side(self._name(target, rdtype) for target in followed)
        left_out = len(targets) - len(followed)
        return WayBack(address, ptr, tuple(names), left_out, await authorities)

    async def _ask_authorities(self, owners: Sequence[Name]) -> tuple[Authority, ...]:
        if self._authorities is None:
            return ()
        answers = await side_by_side(
            self._authorities.ask(owner, PTR, alias=owner != owners[-1]) for owner in owners
        )
        return tuple(answer for answer in answers if answer is not None)

    async def _name(self, name: Name, rdtype: RdataType) -> PtrName:
        if not is_host_name(name):
            return PtrName(name, None)
        return PtrName(name, await self._lookups.ask(name, rdtype, "confirm"))


def _with_addresses(
    hosts: Sequence[MailHost], ways: Mapping[Address, WayBack]
) -> tuple[MailHost, ...]:
    """Return the hosts with their addresses, each under the first host that has it."""
    having: dict[Address, list[MailHost]] = {}
    for host in hosts:
        for address in host.all_addresses:
            having.setdefault(address, []).append(host)
    expected = {
        address: tuple(name for owner in owners for name in owner.names)
        for address, owners in having.items()
    }
    return tuple(
        dataclasses.replace(
            host,
            addresses=tuple(
                MailAddress(
                    ways[address], host.name, (host.names or (None,))[-1], expected[address]
                )
                for address in host.all_addresses
                if address in ways and having[address][0] is host
            ),
            shared=tuple(a for a in host.all_addresses if a in ways and having[a][0] is not host),
        )
        for host in hosts
    )


class Smtp:
    """Connects to the SMTP servers at addresses and reads their greetings, side by side."""

    def __init__(self, port: int, deadline: float) -> None:
        """``deadline`` is a ``time.monotonic()`` value."""
        self._port = port
        self._deadline = deadline

    def greet(self, addresses: Iterable[MailAddress]) -> dict[Address, Greeting]:
        """Return the greetings that came by the deadline, and what came of the others."""
        import asyncio  # only here, as it costs a ninth of a check to load

        unique = {
            address.way.address: address
            for address in addresses
            if not unusable_as(address.way.address)
        }

        async def all_greetings() -> list[Greeting]:
            places = asyncio.Semaphore(most_at_once(MOST_CONNECTIONS, 1))
            return await asyncio.gather(*(self._greet(a, places) for a in unique.values()))

        return {greeting.address: greeting for greeting in asyncio.run(all_greetings())}

    async def _greet(self, mail: MailAddress, places: Any) -> Greeting:
        import asyncio

        assert mail.host is not None  # mail arrives at hosts, not at bare addresses
        address = mail.way.address
        received = bytearray()
        connected = False
        failure = ""
        started: Optional[float] = None

        async def talk() -> None:
            nonlocal connected, started
            async with places:
                started = time.monotonic()
                reader, writer = await asyncio.open_connection(str(address), self._port)
                connected = True
                try:
                    await _read_greeting(reader, received)
                    writer.write(b"QUIT\r\n")
                finally:
                    writer.close()

        try:
            await asyncio.wait_for(talk(), max(0.0, self._deadline - time.monotonic()))
        except asyncio.TimeoutError:
            failure = f"waited {time.monotonic() - (started or time.monotonic()):.1f} s"
        except EOFError:
            failure = "it closed the connection"
        except OSError as error:
            failure = _os_reason(error)
        except ValueError:
            failure = f"the greeting has more than {MOST_GREETING} octets"
        return Greeting(
            address,
            mail.host,
            tuple(name.name for name in mail.way.names),
            connected,
            printable(received.decode("latin-1").strip(), 120).replace("\\013\\010", " / "),
            failure,
            None if started is None else time.monotonic() - started,
        )


async def _read_greeting(reader: Any, received: bytearray) -> None:
    """Read a reply of one or more lines (RFC 5321, 4.2.1) octet-wise bounded.

    Raise ``EOFError`` if the connection ends before it, ``ValueError`` if it has no end.
    """
    while not re.search(rb"(?m)^(?!\d{3}-).*\n", received):
        octets = await reader.read(4096)
        if not octets:
            raise EOFError
        received += octets
        if len(received) > MOST_GREETING:
            raise ValueError


def _chain_metrics(
    subject: Subject, greetings: Mapping[Address, Greeting]
) -> Iterator[nagiosplugin.Metric]:
    yield nagiosplugin.Metric(_text(subject.of), subject, context="subject")
    if subject.authority is not None:
        yield _authority_metric(subject.authority)
    if subject.spf is not None:
        yield nagiosplugin.Metric(_text(subject.of), subject.spf, context="spf")
    for host in subject.hosts:
        yield nagiosplugin.Metric(host.target.role, host, context="host")
        for address in host.addresses:
            yield nagiosplugin.Metric(str(address.way.address), address, context="address")
            greeting = greetings.get(address.way.address)
            if greeting is not None and subject.mx is not None and host.name is not None:
                yield nagiosplugin.Metric(str(greeting.address), greeting, context="greeting")
            for authority in address.way.authorities:
                yield _authority_metric(authority)


def _text(of: Union[Name, Address], idn: bool = False) -> str:
    return show_name(of, idn) if isinstance(of, Name) else str(of)


def _receivers(subjects: Iterable[Subject]) -> Iterator[MailAddress]:
    """Yield the addresses that mail arrives at: those of MX records."""
    for subject in subjects:
        for host in subject.hosts:
            if subject.mx is not None and host.name is not None:
                yield from host.addresses


def _counts(
    subjects: Sequence[Subject], lookups: Iterable[Answer], reverse: bool
) -> dict[str, int]:
    addresses = [address for subject in subjects for address in subject.addresses]
    counts = {
        "mail_hosts": sum(len(subject.mail_hosts) for subject in subjects),
        "addresses": len(addresses),
    }
    if reverse:
        counts["missing_ptr"] = sum(address.way.missing for address in addresses)
        counts["unconfirmed_ptr"] = sum(address.way.unconfirmed for address in addresses)
        counts["name_mismatch"] = sum(address.mismatched for address in addresses)
    counts["dns_errors"] = sum(answer.failed for answer in lookups)
    return counts


def _authority_metric(authority: Authority) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(show_name(authority.zone.name), authority, context="authority")


def _latencies(
    seconds: float, lookups: Iterable[Answer], greetings: Iterable[Greeting]
) -> Iterator[nagiosplugin.Metric]:
    """Yield the time of the whole walk, and of the slowest of each stage that asked."""
    slowest: dict[str, float] = {}
    for greeting in greetings:
        if greeting.seconds is not None:
            slowest["smtp"] = max(greeting.seconds, slowest.get("smtp", 0.0))
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


class Cure(NamedTuple):
    """A change that mends a problem: what to do, the record ready to paste, and whose zone."""

    action: str
    record: str
    owner: Name


def _has_domain_twice(name: Name, domain: Name) -> bool:
    """Tell whether a name ends in the domain twice, as one without a final dot in its zone."""
    twice = [label.lower() for label in (*domain.labels[:-1], *domain.labels)]
    return [label.lower() for label in name.labels[-len(twice) :]] == twice


def _absolute(name: Name) -> str:
    return show_name(name) if name == ROOT else f"{show_name(name)}."


def paste_mx(owner: Name, preference: Optional[int], target: Name) -> str:
    return f"{_absolute(owner)} MX {preference} {_absolute(target)}"


def paste(owner: Name, rdtype: RdataType, data: object) -> str:
    """Return a record as a zone file takes it, safe to print; ``data`` is a name or an address."""
    text = _absolute(data) if isinstance(data, Name) else data
    return f"{_absolute(owner)} {rdtype.name} {text}"


@dataclass(frozen=True, eq=False)
class Problem:
    """A finding made of something: what it was made of, in what words, and how bad it is.

    ``finding`` is "" for a latency outside its range. ``cures`` are ways to mend it, ``failed`` the
    lookup that did not end well. ``apart`` is whether the subject is another than the link of the
    chain that the problem hangs from.
    """

    finding: str
    state: ServiceState
    subject: str
    text: str
    cures: tuple[Cure, ...] = ()
    failed: Optional[Answer] = None
    apart: bool = False

    def __str__(self) -> str:
        name = f"[{self.finding}]" if self.finding else ""
        return " ".join(part for part in (self.subject, self.text, name) if part)


class Judgement(nagiosplugin.Result):
    """The findings made of one fact; its state is that of the worst."""

    problems: tuple[Problem, ...]

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

    def problem(
        self,
        finding: str,
        subject: str,
        text: str,
        *cures: Cure,
        failed: Optional[Answer] = None,
        apart: bool = False,
    ) -> Problem:
        state = self._overrides.get(finding, FINDINGS[finding].default)
        return Problem(finding, state, subject, text, cures, failed, apart)

    def failed_lookup(self, answer: Answer, subject: str) -> Problem:
        if answer.silence:
            how = "timed out" if answer.outcome is Outcome.TIMEOUT else "got no answer"
            text = f"{how}: {answer.reason}"
            return self.problem("dns-timeout", subject, text, failed=answer, apart=True)
        text = f"failed: {answer.reason}"
        return self.problem("dns-failure", subject, text, failed=answer, apart=True)


# So many PTR names, or addresses of one of them, are enumerated in a line, or servers one a line.
MOST_IN_LINE = 4
MOST_LINES = 13


def _enumerate(parts: Sequence[T], separator: str, show: Callable[[T], str] = str) -> str:
    # What is not shown need not be made: punycode takes its time.
    more = [f"{len(parts) - MOST_IN_LINE} more"] if len(parts) > MOST_IN_LINE else []
    return separator.join([*map(show, parts[:MOST_IN_LINE]), *more])


def _number(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


def _no_record(answer: Answer) -> str:
    kind = answer.question.rdtype.name
    return f"({kind} lookup failed)" if answer.failed else f"(no {kind}, {answer.denial})"


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

    def show_all(self, names: Sequence[PtrName]) -> str:
        return _enumerate(names, ", ", lambda name: self.show(name.name))


class SubjectContext(FindingsContext):
    """Judges the MX record set of a domain; of a sender there is nothing to judge."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: Subject = metric.value
        ignored = [
            _number(fact.ignored_hosts, "mail host", "mail hosts") * bool(fact.ignored_hosts),
            _number(fact.ignored_addresses, "address", "addresses") * bool(fact.ignored_addresses),
        ]
        said = f" ({' and '.join(filter(None, ignored))} ignored)" if any(ignored) else ""
        return f"{_text(fact.of, self._idn)}{said}"

    def problems(self, fact: Subject) -> Iterator[Problem]:
        found = self._policy.problem
        if fact.mx is not None:
            yield from self._mx_problems(fact, fact.mx.owner, fact.mx)
        if fact.left_out_hosts:
            yield found("too-many", "", f"{fact.left_out_hosts} mail hosts were left out")
        if fact.left_out_addresses:
            yield found("too-many", "", f"{fact.left_out_addresses} addresses were left out")

    def _mx_problems(self, fact: Subject, domain: Name, mx: Answer) -> Iterator[Problem]:
        found = self._policy.problem
        if mx.failed:
            yield self._policy.failed_lookup(mx, "MX lookup")
        if mx.outcome is Outcome.NXDOMAIN:
            what = f"the name, if it is misspelt, or have {show_name(domain)} registered"
            cure = Cure("fix", what, domain)
            yield found("no-such-domain", "", f"the domain does not exist ({mx.denial})", cure)
        if mx.outcome is Outcome.NODATA:
            text = f"no MX record ({mx.denial}), mail goes to the domain's own addresses"
            cures = [Cure("fix", paste_mx(domain, 10, domain), domain)] if fact.addresses else []
            yield found("implicit-mx", "", text, *cures)
        if fact.null_mx:
            cure = Cure("remove, if it is to take mail", paste_mx(domain, 0, ROOT), domain)
            yield found("null-mx", "", "takes no mail (null MX)", cure)


class HostContext(FindingsContext):
    """Judges a mail host: its name, and whether it has addresses."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        host: MailHost = metric.value
        way = " CNAME ".join(self.show(name) for name in host.names)
        shared = [f"{address} as above" for address in host.shared]
        return "  " + ", ".join([f"{host.target.role} {way}".rstrip(), *shared])

    def problems(self, fact: MailHost) -> Iterator[Problem]:
        if fact.name is None:
            return
        if fact.domain is not None and fact.target.preference is not None:
            record = paste_mx(fact.domain, fact.target.preference, fact.name)
            if not fact.lookups:
                yield self._invalid(fact.name, fact.domain, record)
            elif fact.aliases:
                text = f"is an MX target and an alias of {self.show(fact.names[-1])} (CNAME)"
                better = paste_mx(fact.domain, fact.target.preference, fact.names[-1])
                cures = [Cure("fix", better, fact.domain)] if fact.all_addresses else []
                yield self._policy.problem("mx-is-alias", self.show(fact.name), text, *cures)
            yield from self._addresses(
                fact, fact.name, Cure("correct or remove", record, fact.domain)
            )
        else:
            yield from self._addresses(fact, fact.name)

    def _invalid(self, name: Name, domain: Name, record: str) -> Problem:
        address = address_in_letters(name)
        text = f"{address} is an IP address" if address else ". is the root domain"
        cures = [Cure("remove", record, domain)]
        if address:
            what = f"an MX with the name of the host that has {address}"
            cures.append(Cure("add", what, domain))
        found = self._policy.problem
        return found("invalid-mx", "MX target", f"{text}, not a host name", *cures)

    def _addresses(self, fact: MailHost, name: Name, *cures: Cure) -> Iterator[Problem]:
        subject = self.show(name)
        outcomes = {answer.outcome for answer in fact.lookups}
        kinds = [answer.question.rdtype.name for answer in fact.lookups]
        if outcomes and outcomes <= {Outcome.NXDOMAIN, Outcome.NODATA}:
            record = f"{_absolute(fact.names[-1])} {kinds[0]} ADDRESS-OF-THE-HOST"
            action = "or fix" if cures else "fix"
            what = Outcome.NXDOMAIN if Outcome.NXDOMAIN in outcomes else Outcome.NODATA
            denials = (answer.denial for answer in fact.lookups if answer.outcome is what)
            denied = ", ".join(dict.fromkeys(denials))
            text = f"has no {' or '.join(kinds)} record ({denied})"
            if what is Outcome.NXDOMAIN:
                text = f"does not exist ({denied})"
                if fact.domain is not None and _has_domain_twice(name, fact.domain):
                    text += " (is a final dot missing in the zone?)"
            elif len(kinds) == 1:
                # With -4 or -6 it may well have an address of the other family.
                text = f"{text}, and nothing else was asked for"
                action, cures = "fix", ()
            fix = Cure(action, record, fact.names[-1])
            yield self._policy.problem("no-address", subject, text, *cures, fix)
        for answer in fact.lookups:
            if answer.failed:
                lookup = f"{answer.question.rdtype.name} lookup of {subject}"
                yield self._policy.failed_lookup(answer, lookup)


class AddressContext(FindingsContext):
    """Judges an address: its kind, its PTR names, and whether they lead back."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        way: WayBack = metric.value.way
        if way.ptr is None:
            return f"    {way.address}"
        # A classless delegation shows, as it is the alias's zone that has the record (RFC 2317).
        way_there = "".join(f" CNAME {show_name(alias)}" for alias in way.ptr.aliases)
        if not way.names:
            return f"    {way.address}{way_there} {_no_record(way.ptr)}"
        names = _enumerate(way.names, "; ", lambda name: self._name(name, way.address))
        return f"    {way.address}{way_there} {names}"

    def _name(self, name: PtrName, address: Address) -> str:
        if name.forward is None:
            back = "(no host name)"
        elif name.confirms(address):
            back = f"{name.forward.question.rdtype.name} {address}"
        elif name.forward.addresses:
            others = _enumerate(name.forward.addresses, ", ")
            back = f"{name.forward.question.rdtype.name} {others}"
        else:
            back = _no_record(name.forward)
        aliases = name.forward.aliases if name.forward is not None else ()
        return f"PTR {' CNAME '.join(map(self.show, (name.name, *aliases)))} {back}"

    def problems(self, fact: MailAddress) -> Iterator[Problem]:
        found = self._policy.problem
        way = fact.way
        subject = f"{way.address} ({self.show(fact.host)})" if fact.host else str(way.address)
        better = Cure(
            "fix", paste(way.owner, PTR, fact.canonical or "NAME-OF-THE-HOST."), way.owner
        )
        yield from self._kind(fact, subject)
        if way.ptr is not None and way.ptr.failed:
            yield self._policy.failed_lookup(way.ptr, f"PTR lookup of {subject}")
        if way.missing:
            assert way.ptr is not None
            text = f"has no PTR record ({way.ptr.denial})"
            yield found("missing-ptr", subject, text, better)
        for name in way.names:
            if name.forward is not None and name.forward.failed:
                lookup = f"{name.forward.question.rdtype.name} lookup of {self.show(name.name)}"
                yield self._policy.failed_lookup(name.forward, f"{lookup}, PTR of {subject},")
        if way.invalid:
            which = "which is no" if len(way.names) == 1 else "none of which is a"
            text = f"has PTR {self.show_all(way.names)}, {which} host name"
            yield found("invalid-ptr", subject, text, better, *self._remove(way, way.names))
        if way.unconfirmed:
            which = "which does not resolve" if len(way.names) == 1 else "none of which resolves"
            text = f"has PTR {self.show_all(way.names)}, {which} back to it"
            if any(name.name.is_subdomain(ARPA) for name in way.names):
                text += " (is a final dot missing in the zone?)"
            old = self._remove(way, way.names)
            yield found("unconfirmed-ptr", subject, text, better, *old, *self._confirm(way))
        if way.confirmed and way.refuted:
            text = (
                f"has {len(way.names)} PTR names, of which {self.show_all(way.refuted)}"
                f" {'does' if len(way.refuted) == 1 else 'do'} not resolve back to it"
            )
            yield found("mixed-ptr", subject, text, *self._remove(way, way.refuted))
        if fact.mismatched:
            text = f"has PTR {self.show_all(way.names)}, not the name of the mail host"
            # Another host may well have this address and be named so.
            wanted = better._replace(action="fix, unless the other name is wanted")
            instead = self._remove(way, way.names, "in place of")
            yield found("name-mismatch", subject, text, wanted, *instead)
        yield from self._spelling(fact, subject, better)
        if way.left_out:
            yield found("too-many", subject, f"has {way.left_out} PTR names that were left out")

    def _remove(self, way: WayBack, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
        return [
            Cure(action, paste(way.owner, PTR, name.name), way.owner)
            for name in names[:MOST_IN_LINE]
        ]

    def _confirm(self, way: WayBack) -> list[Cure]:
        """Return the forward records that would make the PTR names lead back."""
        return [
            Cure(
                "or fix",
                paste(name.canonical, name.forward.question.rdtype, way.address),
                name.canonical,
            )
            for name in way.names[:MOST_IN_LINE]
            # Nobody can add an address to "localhost", or wants one in a reverse zone.
            if name.forward is not None
            and len(name.canonical.labels) > 2
            and not name.canonical.is_subdomain(ARPA)
        ]

    def _kind(self, fact: MailAddress, subject: str) -> Iterator[Problem]:
        address = fact.way.address
        kind = unusable_as(address)
        if kind:
            rdtype = A if address.version == 4 else AAAA
            cures = [
                Cure("replace by a public address", paste(name, rdtype, address), name)
                for name in (fact.canonical,)
                # Nobody can edit "localhost".
                if name is not None and len(name.labels) > 2
            ]
            yield self._policy.problem("unusable-address", subject, f"is {kind} address", *cures)
        for network, rfc in PRIVATE_NETWORKS:
            if address in network:
                yield self._policy.problem("private-address", subject, f"is private ({rfc})")

    def _spelling(self, fact: MailAddress, subject: str, better: Cure) -> Iterator[Problem]:
        way = fact.way
        for name in way.names:
            if name.confirms(way.address) and any(b"_" in label for label in name.name.labels):
                text = f"has PTR {self.show(name.name)}, with an underscore"
                what = "name the host without an underscore in its MX, address and PTR records"
                cure = Cure("fix", what, way.owner) if "_" in better.record else better
                yield self._policy.problem("underscore-ptr", subject, text, cure)
            if name.forward is not None and spells_address(name.name, way.address):
                text = f"has PTR {self.show(name.name)}, which spells out the address"
                what = "name the host after its task in its MX, address and PTR records"
                same = fact.canonical is None or spells_address(fact.canonical, way.address)
                cure = Cure("fix", what, way.owner) if same else better
                yield self._policy.problem("generic-ptr", subject, text, cure)


class SpfContext(FindingsContext):
    """Judges the SPF record of a domain; what it allows is judged as addresses."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: SpfFacts = metric.value
        left_out = [f"  SPF left out: {text}" for text in (*fact.large, *fact.left_out)]
        return "\n".join(left_out or ["  SPF"])

    def problems(self, fact: SpfFacts) -> Iterator[Problem]:
        subject = f"SPF of {self.show(fact.domain)}"
        for error in fact.errors:
            cure = Cure("fix", f"the TXT record of {show_name(fact.domain)}", fact.domain)
            yield self._policy.problem("spf-error", subject, error, cure)
        for answer in fact.lookups:
            if answer.failed:
                kind = answer.question.rdtype.name
                lookup = f"{kind} lookup of {self.show(answer.question.name)}"
                yield self._policy.failed_lookup(answer, lookup)
        if fact.further:
            text = f"allows {fact.further} networks more that were left out"
            yield self._policy.problem("too-many", subject, text)


class GreetingContext(FindingsContext):
    """Judges how an SMTP server greeted."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        greeting: Greeting = metric.value
        return f"      SMTP: {greeting.text or 'no greeting'}"

    def problems(self, fact: Greeting) -> Iterator[Problem]:
        found = self._policy.problem
        subject = f"SMTP server {fact.address} ({self.show(fact.host)})"
        if fact.seconds is None:
            yield found("dns-timeout", subject, "was not tried, the time was up")
        elif fact.silent:
            text = f"established the connection and then said nothing ({fact.failure})"
            yield found("smtp-silent", subject, text)
        elif fact.failure and fact.text:
            yield found(
                "smtp-failure", subject, f"said {fact.text}, no whole greeting ({fact.failure})"
            )
        elif fact.failure:
            yield found("smtp-failure", subject, f"cannot be connected to ({fact.failure})")
        elif not fact.text.startswith("220"):
            how = "refuses this client with" if fact.text[:1] in ("4", "5") else "greets with"
            yield found("smtp-failure", subject, f"{how} {fact.text}")
        elif fact.names and fact.banner not in fact.names:
            names = _enumerate([self.show(name) for name in fact.names], ", ")
            banner = self.show(fact.banner) if fact.banner is not None else "no name"
            text = f"greets as {banner}, but its PTR is {names}"
            yield found("banner-mismatch", subject, text)


class AuthorityContext(FindingsContext):
    """Judges the authoritative servers of a zone: whether they answer, and agree."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: Authority = metric.value
        indent = "  " if fact.question.rdtype == MX else "      "
        asked = _number(len(fact.testimonies), "name server address", "name server addresses")
        return f"{indent}zone {self.show(fact.zone.name)}, {asked} asked"

    def problems(self, fact: Authority) -> Iterator[Problem]:
        zone = self.show(fact.zone.name)
        # Not all of them are to be removed, and it may be this host that cannot reach them.
        action = "have it mended" + ("" if fact.all_lame else ", or remove")
        for testimony in fact.testimonies:
            subject = f"{_witness(testimony, self._idn)}, name server of {zone},"
            if testimony.lame:
                record = paste(fact.zone.name, NS, testimony.server)
                cure = Cure(action, record, fact.zone.name)
                lame = testimony.lame
                yield self._policy.problem("lame-server", subject, lame, cure, apart=True)
            if testimony.late:
                text = "did not answer in time"
                yield self._policy.problem("dns-timeout", subject, text, apart=True)
        contents = fact.contents
        if len(contents) > 1:
            sides = [
                f"{_enumerate([_witness(witness, self._idn) for witness in witnesses], ', ')}"
                f" {'has' if len(witnesses) == 1 else 'have'} {_enumerate(content, ', ')}"
                for content, witnesses in contents.items()
            ]
            kind = fact.question.rdtype.name
            others = [t.server for group in [*contents.values()][1:] for t in group]
            odd = ", ".join(self.show(server) for server in dict.fromkeys(others))
            yield self._policy.problem(
                f"inconsistent-{kind.lower()}",
                f"{kind} of {self.show(fact.question.name)}",
                f"differs between the name servers of {zone}: {'; '.join(sides)}",
                Cure("fix", f"have the zone {zone} loaded anew on {odd}", fact.zone.name),
            )


def _witness(testimony: Testimony, idn: bool) -> str:
    known = [str(testimony.address)] if testimony.address else []
    known += [f"serial {testimony.serial}"] if testimony.serial is not None else []
    return f"{show_name(testimony.server, idn)}{' (' + ', '.join(known) + ')' if known else ''}"


def _said(testimony: Testimony) -> str:
    if testimony.lame:
        return testimony.lame
    return f"has {_enumerate(testimony.content, ', ')}" if testimony.content else "was not asked"


# ---------------------------------------------------------------------------------------------
# Advice
# ---------------------------------------------------------------------------------------------


# Aliases followed to the servers that fail, and the Extended DNS Errors of a validator (RFC 8914,
# 4.2, 4.3 and 4.6 to 4.13), as the lookups write them.
MOST_ALIASES = 8
DNSSEC_ERRORS = r"\(EDE (?:[1256789]|1[012]) "


class Advisor:
    """Says what to do about problems: the record, whose zone it is in, what receivers do meanwhile.

    ``inquire()`` makes the lookups that this takes, in what is left of the time; then ``lines()``
    tells of one problem after the other, and of each zone and finding once.
    """

    def __init__(self, lookups: Lookups, authorities: Authorities, idn: bool) -> None:
        self._lookups = lookups
        self._authorities = authorities
        self._idn = idn
        self._zones: dict[Name, Optional[Zone]] = {}
        self._opinions: dict[Question, list[str]] = {}
        self._told: set[object] = set()
        self._deaf = False

    def inquire(self, problems: Iterable[Problem]) -> None:
        self._deaf = all(answer.silence for answer in self._lookups.answers)
        owners: dict[Name, None] = {}
        failed: dict[Question, Answer] = {}
        for problem in problems:
            owners.update((cure.owner, None) for cure in problem.cures)
            if problem.failed is not None:
                failed[problem.failed.question] = problem.failed

        async def both() -> None:
            zones = start(side_by_side(self._authorities.zone(owner) for owner in owners))
            opinions = start(side_by_side(self._opinion(answer) for answer in failed.values()))
            self._zones.update(zip(owners, await zones))
            self._opinions.update(zip(failed, await opinions))

        self._lookups.run(both())

    def lines(self, problem: Problem) -> Iterator[str]:
        cures = problem.cures
        for number, cure in enumerate(cures):
            if cure in self._told:
                yield f"{cure.action}: as above"
                continue
            self._told.add(cure)
            yield f"{cure.action}: {cure.record}"
            zone = self._zones.get(cure.owner)
            following = cures[number + 1 : number + 2]
            if zone is not None and zone not in [self._zones.get(c.owner) for c in following]:
                yield from self._zone_lines(zone)
        if problem.failed is not None and self._deaf:
            if "deaf" not in self._told:
                yield "cause: no resolver answered any question: is it right, running, reachable?"
            self._told.add("deaf")
            return
        if problem.failed is not None:
            yield from self._opinions.get(problem.failed.question, ())
        stage = problem.failed.stage if problem.failed is not None else ""
        if problem.finding and (problem.finding, stage) not in self._told:
            self._told.add((problem.finding, stage))
            private = any(is_private_reverse(cure.owner) for cure in cures)
            reactions = [
                str(reaction._replace(stages=()))
                for reaction in FINDINGS[problem.finding].reactions
                if not reaction.stages or stage in reaction.stages
                # No private address ever reaches a public receiver.
                if not (private and reaction.receiver == "Gmail")
            ]
            if reactions:
                yield f"meanwhile: {'; '.join(reactions)}"

    def _zone_lines(self, zone: Zone) -> Iterator[str]:
        name = show_name(zone.name, self._idn)
        if zone.name == ROOT:
            yield "in: the root zone, which has no such name: is it misspelt?"
            return
        if zone.name in self._told:
            yield f"in: zone {name}, see above"
            return
        self._told.add(zone.name)
        contact = f", contact {zone.contact}" if zone.contact else ""
        yield f"in: zone {name}{contact}"
        if is_private_reverse(zone.name):
            yield "  the zone of a private network, so your own"
        elif zone.classless:
            yield "  delegated (RFC 2317): whoever runs its name servers changes it"
        elif zone.providers:
            yield "  nothing below it is delegated: the address's provider changes it"
        elif zone.name.is_subdomain(ARPA):
            yield "  a reverse zone: as a rule the address's provider changes it"
        servers = [
            f"{show_name(server.name, self._idn)} ({', '.join(map(str, server.addresses)) or '?'})"
            for server in zone.servers
        ]
        if servers:
            yield f"  name servers: {_enumerate(servers, ', ')}"

    async def _opinion(self, failed: Answer) -> list[str]:
        """Ask others what a lookup that failed would have given, and conclude whose fault it is."""
        question = failed.question
        unchecked = start(self._unchecked(question))
        lines: list[str] = []
        names = [question.name]
        while True:
            authority = await self._authorities.ask(names[-1], question.rdtype)
            lines += self._asked(authority)
            alias = authority.alias if authority is not None else None
            if alias is None:
                return lines + self._conclusion(failed, await unchecked, authority)
            names.append(alias)
            if alias in names[:-1] or len(names) > MOST_ALIASES:
                chain = " CNAME ".join(show_name(name, self._idn) for name in names)
                return [*lines, f"cause: the aliases lead in a circle, or too far: {chain}"]

    def _asked(self, authority: Optional[Authority]) -> list[str]:
        if authority is None or not authority.testimonies:
            return []
        said = [f"  {_witness(t, self._idn)} {_said(t)}" for t in authority.testimonies]
        zone = show_name(authority.zone.name, self._idn)
        more = ["  ..."] * (len(said) > MOST_LINES)
        return [f"asked themselves, the servers of {zone}:", *said[:MOST_LINES], *more]

    async def _unchecked(self, question: Question) -> Answer:
        return await self._lookups.ask(question.name, question.rdtype, "zone", unchecked=True)

    def _conclusion(
        self, failed: Answer, unchecked: Answer, authority: Optional[Authority]
    ) -> list[str]:
        if not unchecked.tries:
            return ["cause: not looked for, as the time was up; a longer --timeout leaves some"]
        if not unchecked.failed and failed.outcome is Outcome.FAILURE:
            return [
                "cause: DNSSEC validation fails; with checking disabled the resolver answers"
                f" {_enumerate(_content(unchecked), ', ')}"
            ]
        if re.search(DNSSEC_ERRORS, failed.reason):
            return [
                "cause: DNSSEC validation fails, says the resolver; the owner of the zone can help"
            ]
        if authority is None or not authority.testimonies:
            return []
        if len(authority.contents) == 1:
            return ["cause: the name servers that answer agree, so the trouble is the resolver's"]
        if not authority.all_lame:
            return []
        if all(testimony.lame.startswith("does not answer") for testimony in authority.testimonies):
            return [
                "cause: no name server of the zone answers: its owner can help, unless port 53 is"
                " blocked on the way from here"
            ]
        return ["cause: no name server of the zone gives an answer of use; its owner can help"]


# ---------------------------------------------------------------------------------------------
# Summary
# ---------------------------------------------------------------------------------------------

# Most schedulers' lists and messages cut off longer lines.
STATUS_LINE = 500
# Prose in the long output is wrapped for a terminal; what is to be pasted is not.
LINE = 79


class WorstFirst(nagiosplugin.Results):
    """Results of which a proven fault outranks a lookup that did not end."""

    @property
    def most_significant_state(self) -> ServiceState:
        if not self.by_state:
            raise ValueError("no results")
        return min(self.by_state, key=WORST_FIRST.index)


class Check(nagiosplugin.Check):
    """A check that asks for advice on its problems, if it was given somebody to ask.

    Its performance data keep their documented order.
    """

    def __init__(self, advisor: Optional[Advisor], *objects: Any) -> None:
        super().__init__(*objects)
        self._advisor = advisor

    def __call__(self) -> None:
        super().__call__()
        self.perfdata.sort(key=lambda datum: PERFDATA.index(datum.partition("=")[0]))
        if self._advisor is not None:
            problems = (problem for _, problem in _problems(self.results))
            self._advisor.inquire(problem for problem in problems if problem.state is not Ok)


class ChainSummary(nagiosplugin.Summary):
    """The status line names the problems, worst first; the long output draws the chain.

    ``verbosity`` is the number of ``-v``: from 2 on every lookup is listed.
    """

    def __init__(self, verbosity: int, lookups: Lookups, advisor: Optional[Advisor]) -> None:
        self._verbosity = verbosity
        self._lookups = lookups
        self._advisor = advisor

    def ok(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        of = _named(subjects[0]) if len(subjects) == 1 else f"{len(subjects)} {_kind(subjects)}"
        hosts = _number(_count(results, "mail_hosts"), "mail host", "mail hosts")
        addresses = _number(_count(results, "addresses"), "address", "addresses")
        accepted = [
            str(problem)
            for _, problem in _problems(results)
            if FINDINGS[problem.finding].default is not Ok
        ]
        if accepted:
            return _fit(f"{of}: {hosts}, {addresses}, accepted: ", accepted)
        reverse = "matches" if "missing_ptr" in results else "not checked"
        if not _count(results, "addresses"):
            reverse = "not checked, as all is ignored"
        return f"{of}: {hosts}, {addresses}, reverse DNS {reverse}"

    def problem(self, results: nagiosplugin.Results) -> str:
        subjects = _subjects(results)
        bad = [pair for pair in _problems(results) if pair[1].state is not Ok]
        bad.sort(key=lambda pair: WORST_FIRST.index(pair[1].state))
        if len(subjects) == 1:
            return _fit(f"{_named(subjects[0])}: ", [str(problem) for _, problem in bad])
        having = len({subject for subject, _ in bad if subject})
        return _fit(
            f"{having} of {len(subjects)} {_kind(subjects)}"
            f" {'has' if having == 1 else 'have'} problems: ",
            [f"{subject}: {problem}" if subject else str(problem) for subject, problem in bad],
        )

    def verbose(self, results: nagiosplugin.Results) -> list[str]:
        lines: list[str] = []
        lookups: list[Answer] = []
        many = sum(_fact(subject).mx is not None for subject in _subjects(results)) > 1
        for judgements in _chains(results):
            sound = all(judgement.state is Ok for judgement in judgements)
            lines += self._sound_line(judgements[0]) if many and sound else self._chain(judgements)
            lookups += _fact(judgements[0]).lookups
        if self._verbosity > 1:
            lookups += [answer for answer in self._lookups.answers if answer.tries]
            lines.append("lookups")
            lines += [f"  {_lookup_line(answer)}" for answer in unique(lookups)]
        return lines

    def _sound_line(self, judgement: Judgement) -> list[str]:
        subject: Subject = _fact(judgement)
        hosts = _number(len(subject.mail_hosts), "mail host", "mail hosts")
        addresses = _number(len(subject.addresses), "address", "addresses")
        return [f"{_line(judgement)}: {hosts}, {addresses}   OK"]

    def _chain(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        told: set[str] = set()
        for judgement in judgements:
            line = _line(judgement)
            is_end = isinstance(_fact(judgement), MailAddress)
            yield f"{line}   {str(judgement.state).upper()}" if is_end else line
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            for problem in judgement.problems:
                # The zone of several addresses has the same lame server each time.
                if str(problem) not in told or not isinstance(_fact(judgement), Authority):
                    told.add(str(problem))
                    yield from self._problem_lines(problem, indent)

    def _problem_lines(self, problem: Problem, indent: str) -> Iterator[str]:
        state = "NOTE" if problem.state is Ok else str(problem.state).upper()
        text = f"{problem.subject} {problem.text}" if problem.apart else problem.text
        yield f"{indent}{state} [{problem.finding}] {text}"
        if self._advisor is not None and problem.state is not Ok:
            for line in self._advisor.lines(problem):
                deeper = indent + "  " + " " * (len(line) - len(line.lstrip()))
                if line.startswith(("meanwhile: ", "cause: ")):
                    yield from wrap(line, deeper, "  ")
                else:
                    yield deeper + line.lstrip()


def wrap(text: str, indent: str, hanging: str = "") -> list[str]:
    """Return prose in lines that fit a terminal."""
    return textwrap.wrap(
        text,
        LINE,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _in_order(results: nagiosplugin.Results) -> Iterator[nagiosplugin.Result]:
    """Yield the results in the order of their metrics, which is that of the chain."""
    return (results[index] for index in range(len(results)))


def _fact(judgement: Judgement) -> Any:
    assert judgement.metric is not None
    return judgement.metric.value


def _line(judgement: Judgement) -> str:
    assert judgement.metric is not None
    return judgement.metric.description or ""


def _chains(results: nagiosplugin.Results) -> Iterator[list[Judgement]]:
    """Yield the judgements of each subject, that on the subject itself first."""
    chain: list[Judgement] = []
    for result in _in_order(results):
        if isinstance(result, Judgement):
            if isinstance(_fact(result), Subject) and chain:
                yield chain
                chain = []
            chain.append(result)
    yield chain


def _subjects(results: nagiosplugin.Results) -> list[Judgement]:
    return [chain[0] for chain in _chains(results)]


def _named(judgement: Judgement) -> str:
    """Return the name of a subject, without what the chain says of it besides."""
    return _line(judgement).partition(" ")[0]


def _kind(subjects: Iterable[Judgement]) -> str:
    kinds = {"domains" if _fact(subject).mx is not None else "senders" for subject in subjects}
    return " and ".join(sorted(kinds))


def _problems(results: nagiosplugin.Results) -> Iterator[tuple[str, Problem]]:
    """Yield every problem with the subject that has it, or "" for a threshold of the whole run."""
    for chain in _chains(results):
        subject = _named(chain[0])
        yield from ((subject, problem) for judgement in chain for problem in judgement.problems)
    for result in _in_order(results):
        if not isinstance(result, Judgement) and result.state is not Ok:
            yield "", Problem("", result.state, "", str(result))


def _count(results: nagiosplugin.Results, name: str) -> int:
    metric = results[name].metric
    return int(metric.value) if metric is not None else 0


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
    parts += ["checking disabled"] * answer.question.unchecked
    parts += [answer.reason] * bool(answer.reason)
    server = answer.server or answer.question.at
    parts += [f"from {server}"] * bool(server)
    parts += [f"{answer.seconds * 1000:.1f} ms"]
    parts += [f"{answer.tries} tries"] * (answer.tries > 1)
    return ", ".join(parts)


class Progress:
    """Shows on a terminal how far a long run is, and leaves nothing of it behind."""

    def __init__(self, stream: TextIO, total: int, is_sound: Callable[[Subject], bool]) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._total = total
        self._is_sound = is_sound
        self._done = 0
        self._problems = 0
        # A run of less than a second shows nothing.
        self._next = time.monotonic() + 1
        self._shown = False

    def done(self, subject: Subject) -> None:
        if self._stream is not None:
            self._done += 1
            self._problems += not self._is_sound(subject)

    def show(self) -> None:
        if self._stream is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            self._shown = True
            text = f"{self._done} of {self._total} done, {self._problems} with problems so far"
            print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        if self._stream is not None and self._shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


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
        if message.startswith("unrecognized"):
            message += "; expected -d DOMAIN and options, see -h"
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
        default=[],
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
        help="port of the resolvers (%(default)s), and with --authoritative of all name servers",
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
            help=f"{name} unless the slowest lookup of each stage"
            f" ({', '.join(f'{stage}_time' for stage in STAGES)}) is in this range of seconds",
        )
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=timeout_argument,
        default=10.0,
        help="the whole check has ended by then (%(default)g; fractions allowed); a lookup gives up"
        f" after {MOST_TRIES * TRY_SECONDS:g} s of silence",
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
        "--sender",
        dest="senders",
        metavar="HOST|ADDRESS",
        type=sender_argument,
        nargs="+",
        action="extend",
        default=[],
        help="outbound host or address to hold to the same check; repeatable; needs no -d",
    )
    parser.add_argument(
        "--spf",
        action="store_true",
        help="also the addresses that the domain's SPF record allows (networks up to 16 addresses)",
    )
    parser.add_argument(
        "--ignore",
        metavar="HOST|NETWORK",
        type=ignore_argument,
        nargs="+",
        action="extend",
        default=[],
        help="leave out a host (shell pattern) or network, such as a provider's filter; repeatable",
    )
    parser.add_argument(
        "--no-reverse",
        dest="reverse",
        action="store_false",
        help="MX and addresses only, no PTR lookup",
    )
    parser.add_argument(
        "--smtp",
        action="store_true",
        help="also connect to port 25 of each address of the MX hosts and wait for the greeting",
    )
    parser.add_argument(
        "--smtp-port",
        metavar="PORT",
        type=port_argument,
        default=25,
        help="another port than %(default)s (for trials)",
    )
    parser.add_argument(
        "--authoritative",
        action="store_true",
        help="ask every authoritative server of the MX and reverse zones itself too, at PORT",
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
    """Return the exit codes, and the findings with what receivers do, for the help."""
    lines = [
        "exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, -h, -V or a wrong argument",
        "",
        "findings, with their default states, and what receivers do meanwhile:",
    ]
    for finding in FINDINGS.values():
        lines.append(f"  {finding.name:<17} {finding.default}")
        texts = [finding.sentence]
        if finding.reactions:
            texts.append(f"Meanwhile: {'; '.join(str(r) for r in finding.reactions)}.")
        for text in texts:
            lines += wrap(text, " " * 6)
    return "\n".join(lines)


def _wrong(value: str, expected: str) -> argparse.ArgumentTypeError:
    shown = printable(value, 60) if value else "an empty value"
    return argparse.ArgumentTypeError(f"{shown} {expected}")


def domain_argument(text: str) -> Name:
    """Return a mail domain, in Unicode or punycode, as an absolute name.

    Raise ``argparse.ArgumentTypeError`` for what is none (RFC 1035, 2.3.4; RFC 5891).
    """
    expected = "expected a mail domain such as example.com"
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return _name_argument(text, expected)
    raise _wrong(text, f"is an address, not a mail domain; {expected}, or --sender {text}")


def _name_argument(text: str, expected: str) -> Name:
    if not text:
        raise _wrong(text, f"is no name; {expected}")
    if "://" in text:
        raise _wrong(text, f"is a URL; {expected}")
    if "@" in text:
        raise _wrong(text, f"is a mail address; {expected}, what comes after the @")
    if re.search(r"\s", text):
        raise _wrong(text, f"has a blank in it; {expected}")
    wrong = re.search(r"[\x00-\x7f]", re.sub(r"[A-Za-z0-9._-]", "", text))
    if wrong:
        raise _wrong(text, f"has {printable(wrong[0])} in it; {expected}")
    try:
        name = dns.name.from_unicode(text, idna_codec=_idna_codec())
    except dns.name.EmptyLabel:
        raise _wrong(text, f"has an empty label; {expected}") from None
    except dns.name.LabelTooLong:
        raise _wrong(text, f"has a label of more than 63 octets; {expected}") from None
    except dns.name.NameTooLong:
        raise _wrong(text, f"is longer than 255 octets; {expected}") from None
    except dns.name.NoIDNA2008:
        hint = "needs the Python package idna (Debian: python3-idna); or give it in punycode"
        raise _wrong(text, hint) from None
    except (dns.exception.DNSException, UnicodeError) as error:
        raise _wrong(text, f"is no valid name ({printable(str(error))}); {expected}") from None
    if name == ROOT:
        raise _wrong(text, f"has an empty label; {expected}")
    return name


def sender_argument(text: str) -> Union[Name, Address]:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return _name_argument(text, "expected a host or an address, such as out.example.com")


def ignore_argument(text: str) -> Union[str, Network]:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]+", text):
        hint = "expected a host such as '*.example.com' or a network such as 192.0.2.0/24"
        raise _wrong(text, f"is neither a host pattern nor a network; {hint}")
    return text


def server_argument(text: str) -> str:
    try:
        Server(text, 53)
    except OSError:
        hint = "is no IP address; expected a resolver's, such as 192.0.2.53 (its port with -p)"
        raise _wrong(text, hint) from None
    return text


def port_argument(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise _wrong(text, "is no port; expected a number from 1 to 65535")
    return int(text)


def range_argument(text: str) -> nagiosplugin.Range:
    """Return a threshold range (Monitoring plugin guidelines, "Threshold and ranges")."""
    number = r"(\d+(\.\d*)?|\.\d+)"
    threshold: Optional[nagiosplugin.Range] = None
    with contextlib.suppress(ValueError):
        threshold = nagiosplugin.Range(text)
    if threshold is None or not re.fullmatch(rf"(@?((~|-?{number})?:)?(-?{number})?)", text):
        raise _wrong(text, "is no range of seconds; expected one such as 0.5 or @1:2")
    # Python writes such a number with an exponent, and perfdata has none.
    if "e" in str(threshold):
        raise _wrong(text, "is too fine a range of seconds; expected 0.0001 or more")
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


# Characters of arguments that a file may have: some 300,000 domains.
MOST_ARGUMENTS = 1 << 24


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
                text = file.read(MOST_ARGUMENTS + 1)
            if len(text) > MOST_ARGUMENTS:
                raise OSError(errno.EFBIG, "")
            lines = [line.strip() for line in text.splitlines()]
        except (OSError, ValueError) as error:
            reason = _os_reason(error) if isinstance(error, OSError) else "is not UTF-8 text"
            parser.error(f"argument {printable(argument, 60)}: cannot read this file: {reason}")
        for line in lines:
            if line and not line.startswith("#"):
                expanded += line.split(None, 1) if line.startswith("-") else [line]
    return expanded


# Seconds of its own CPU after which the check is broken off once -t has passed. On a busy machine
# a result that comes late is better than none, and one that had no CPU is not to blame.
BACKSTOP_SECONDS = 0.2


class OutOfTime(BaseException):
    """The check took longer than it may: there was more to judge than a deadline foresees."""


def _time_is_up(*_: object) -> None:
    signal.setitimer(signal.ITIMER_PROF, BACKSTOP_SECONDS)


def _out_of_time(*_: object) -> NoReturn:
    # Of a chain not yet started Python would say on standard error that nobody awaited it.
    warnings.simplefilter("ignore")
    raise OutOfTime


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
    """Return the addresses of the system's resolvers, as resolv.conf(5) names them.

    What makes no sense in it is passed over, as by the system itself; dnspython would refuse the
    whole file for it.
    """
    without = "argument -s/--server: none given, and /etc/resolv.conf"
    try:
        with open("/etc/resolv.conf", encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError as error:
        parser.error(f"{without} cannot be read: {_os_reason(error)}")
    servers = []
    for words in lines:
        if words[:1] == ["nameserver"] and len(words) > 1:
            with contextlib.suppress(OSError):
                Server(words[1], 53)
                servers.append(words[1])
    if not servers:
        parser.error(f"{without} names no resolver")
    return servers


def let_be_read() -> None:
    """Wait until a reader of standard output can get the rest of it, if it is a pipe.

    Of a process that has ended, Nagios 4 and Naemon read once more, up to 4096 octets, and leave
    what is behind them: details, and the performance data (``gather_output`` in their worker.c).
    A reader that takes more than a second has something else to do.
    """
    import fcntl
    import termios

    end = time.monotonic() + 1
    with contextlib.suppress(OSError):  # of a standard output of another kind
        while time.monotonic() < end:
            unread = fcntl.ioctl(1, termios.FIONREAD, bytes(4))
            if int.from_bytes(unread, sys.byteorder) <= 4096:
                break
            time.sleep(0.001)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the check and exit with its state, 0 to 3 (Monitoring plugin guidelines).

    Without ``argv`` the process's own arguments are taken, ``-t`` counts from its start, and an
    interrupt ends it as UNKNOWN. UNKNOWN is also a check whose output nobody could read: a
    scheduler would take Python's own exit code 1 for a WARNING.
    """
    if sys.stdout is None:
        sys.exit(3)
    if argv is None:
        heed_interrupts()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    idn = (sys.stdout.encoding or "").lower().startswith("utf")
    # nagiosplugin 1.3.2 would hold on to the standard output that it found when imported.
    nagiosplugin.runtime.Runtime.stdout = None  # type: ignore[assignment]
    code: object = 3
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            run(argv, idn)
    except SystemExit as ended:
        code = ended.code
    except OutOfTime:
        output = io.StringIO(
            "REVERSE_MX UNKNOWN - the time was up before all was judged:"
            " very many records, or a busy machine\n"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    if argv is None:
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        print(output.getvalue(), end="", flush=True)
    except OSError:
        # What is still in the buffer would fail once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 3
    if argv is None:
        # A character is four octets at the most.
        if len(output.getvalue()) > 1024:
            let_be_read()
        # To take down the interpreter piece by piece would cost time, and nothing is left to save.
        os._exit(code)  # type: ignore[arg-type]
    sys.exit(code)  # type: ignore[arg-type]


@nagiosplugin.guarded(verbose=0)  # type: ignore[call-arg, arg-type]
def run(argv: Optional[Sequence[str]], idn: bool) -> None:
    """Do what ``main`` says; ``idn`` is whether the output can have every letter."""
    started = process_started() if argv is None else time.monotonic()
    parser = make_parser()
    options = parser.parse_args(expand_files(sys.argv[1:] if argv is None else argv, parser))
    if not options.domains and not options.senders:
        parser.error("argument -d/--domain: none given; expected a mail domain, or --sender")
    for option in ("spf", "smtp"):
        if getattr(options, option) and not options.domains:
            parser.error(f"argument --{option}: needs -d DOMAIN; with --sender alone there is none")
    servers = options.servers or system_servers(parser)
    # A tenth is kept back for putting the output together.
    deadline = started + options.timeout - min(0.2, options.timeout / 10)
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.signal(signal.SIGPROF, _out_of_time)
    left = started + options.timeout - time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
    policy = Policy(dict(options.states))
    lookups = Lookups(servers, options.port, deadline)
    authorities = Authorities(lookups, options.rdtypes)
    asked = authorities if options.authoritative else None
    bounds = Bounds()
    ways_back = WaysBack(lookups, bounds, asked, options.reverse)
    ignored = Ignored(options.ignore)
    contexts = {
        Subject: SubjectContext("subject", policy, idn),
        SpfFacts: SpfContext("spf", policy, idn),
        MailHost: HostContext("host", policy, idn),
        MailAddress: AddressContext("address", policy, idn),
        Greeting: GreetingContext("greeting", policy, idn),
        Authority: AuthorityContext("authority", policy, idn),
    }

    def is_sound(subject: Subject) -> bool:
        facts = [subject, *subject.hosts, *subject.addresses]
        facts += [subject.spf] if subject.spf is not None else []
        problems = (p for fact in facts for p in contexts[type(fact)].problems(fact))
        return all(problem.state is Ok for problem in problems)

    domains = list(dict.fromkeys(options.domains))
    senders = list(dict.fromkeys(options.senders))
    advisor = Advisor(lookups, authorities, idn) if options.verbose else None
    progress = Progress(sys.stderr, len(domains) + len(senders), is_sound)
    lookups.while_waiting = progress.show
    check = Check(
        advisor,
        ReverseMX(
            domains,
            senders,
            lambda: Walk(lookups, options.rdtypes, ways_back, ignored, bounds),
            lookups,
            asked,
            Spf(lookups, options.rdtypes) if options.spf else None,
            Smtp(options.smtp_port, deadline) if options.smtp else None,
            options.reverse,
            progress,
        ),
        *contexts.values(),
        nagiosplugin.ScalarContext("time"),
        *(
            nagiosplugin.ScalarContext(
                f"{stage}_time",
                options.warning,
                options.critical,
                fmt_metric=f"slowest {what} took {{valueunit}}",
            )
            for stage, what in STAGES.items()
        ),
        nagiosplugin.ScalarContext("count"),
        ChainSummary(options.verbose, lookups, advisor),
        WorstFirst(),
    )
    with lookups:
        check.main(options.verbose, timeout=0)


if __name__ == "__main__":
    main()
