"""Which server is asked when, and each question once."""

from __future__ import annotations

import collections
import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns.rdatatype import RdataType

from reverse_mx.answer import Answer, ExtendedError, Failure, Outcome, Question, read_answer
from reverse_mx.exchange import Exchange, Server
from reverse_mx.loop import Loop, Promise, most_at_once
from reverse_mx.names import Name
from reverse_mx.text import show_name

_log = logging.getLogger("nagiosplugin.check_reverse_mx")

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
# Lookups under way at once, each with a socket for every server it had to try.
MOST_AT_ONCE = 128

# What a lookup ends with that tells more than another does, the weakest first.
_TELLING = (Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.REFERRAL, Outcome.FAILURE)


class Lookup:
    """One question on its way: tries the servers in turn until one of them gives an answer.

    What a server says about itself (it refuses, it fails, it does not recurse) sends the question
    to the next one; only an answer about the name ends the lookup.
    """

    def __init__(self, question: Question, servers: Sequence[Server], loop: Loop) -> None:
        self.promise: Promise[Answer] = Promise()
        self._question = question
        self._loop = loop
        # The servers that answered earlier questions come first.
        self._exchanges = [
            Exchange(question, server, loop, self._received, self._failed)
            for server in sorted(servers, key=lambda server: server.silent_tries)
        ]
        self._last: Optional[Exchange] = None
        self._patience = MOST_TRIES_OF_AUTHORITY if question.at else MOST_TRIES
        self._tries = 0
        self._started = 0.0
        self._next_try = 0.0
        self._authoritative = False
        self._authority: tuple[dns.rrset.RRset, ...] = ()

    def start(self) -> None:
        self._started = self._loop.now()
        self._try_next()

    def _silence(self) -> None:
        """Ask the next server because the last one was silent, unless it has been asked since."""
        if self._last is not None and self._next_try <= self._loop.now():
            self._last.server.silent_tries += 1
            self._try_next()

    def _try_next(self) -> None:
        willing = [exchange for exchange in self._exchanges if exchange.failure is None]
        # A server that is not there says nothing about the question.
        if any(f.outcome is not Outcome.UNREACHABLE for f in self._failures):
            self._patience = MOST_TRIES_AFTER_FAILURE
        if not willing or self._tries >= self._patience:
            self.give_up(cut_off=False)
            return
        self._next_try = self._loop.now() + TRY_SECONDS
        self._loop.at(self._next_try, self._silence)
        self._last = willing[self._tries % len(willing)]
        self._tries += 1
        patient = self._tries <= EDNS_TRIES * len(self._exchanges)
        self._last.ask(edns=self._last.server.takes_edns and patient)

    @property
    def _failures(self) -> tuple[Failure, ...]:
        return tuple(e.failure for e in self._exchanges if e.failure is not None)

    def give_up(self, cut_off: bool = True) -> None:
        """End the lookup without an answer: with the failures met, or as a timeout.

        ``cut_off`` is whether the time is up.
        """
        silent = tuple(str(e.server) for e in self._exchanges if e.failure is None)
        outcomes = {failure.outcome for failure in self._failures}
        outcomes |= {Outcome.TIMEOUT} if silent else set()
        self._end(
            max(outcomes, key=_TELLING.index),
            failures=self._failures,
            silent=silent,
            misfits=sum(exchange.misfits for exchange in self._exchanges),
            cut_off=cut_off,
        )

    def _received(self, exchange: Exchange, response: dns.message.Message, had_edns: bool) -> None:
        exchange.server.silent_tries = 0
        self._authoritative = bool(response.flags & dns.flags.AA)
        # With an answer it is a courtesy that nobody here needs, and memory.
        self._authority = tuple(response.authority) if not response.answer else ()
        unknown = (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS)
        if had_edns and response.rcode() in unknown:
            # RFC 6891, 7: this server is to be asked without EDNS.
            exchange.server.takes_edns = False
            if not exchange.asked_without_edns:
                exchange.ask(edns=False)
            return
        reading = read_answer(response, self._question, str(exchange.server))
        if isinstance(reading, Failure):
            self._failed(exchange, reading)
        else:
            self._end(
                reading.outcome,
                reading.records,
                reading.aliases,
                reading.remarks,
                str(exchange.server),
            )

    def _failed(self, exchange: Exchange, failure: Failure) -> None:
        exchange.failure = failure
        exchange.close()
        self._try_next()

    def _end(
        self,
        outcome: Outcome,
        records: tuple[Any, ...] = (),
        aliases: tuple[Name, ...] = (),
        remarks: tuple[ExtendedError, ...] = (),
        server: str = "",
        failures: tuple[Failure, ...] = (),
        silent: tuple[str, ...] = (),
        misfits: int = 0,
        cut_off: bool = False,
    ) -> None:
        servers = len(self._exchanges)
        for exchange in self._exchanges:
            exchange.close()
        # An exchange refers to its lookup: without this both would wait for the garbage collector.
        self._exchanges.clear()
        self._last = None
        kind, name = self._question.rdtype.name, show_name(self._question.name)
        _log.debug("%s %s: %s, tries: %d", kind, name, outcome.value, self._tries)
        self.promise.settle(
            Answer(
                question=self._question,
                outcome=outcome,
                records=records,
                aliases=aliases,
                remarks=remarks,
                server=server,
                seconds=self._loop.now() - self._started if self._tries else 0.0,
                tries=self._tries,
                authoritative=self._authoritative,
                authority=self._authority,
                servers=servers,
                failures=failures,
                silent=silent,
                misfits=misfits,
                cut_off=cut_off,
            )
        )


class Lookups:
    """Asks every question once, side by side, and has an answer for all when the time is up."""

    def __init__(
        self, loop: Loop, resolvers: Sequence[str], port: int, other_files: int = 0
    ) -> None:
        """Ask the resolvers at these addresses. Raise ``OSError`` if an address is none."""
        self._loop = loop
        self._port = port
        self._servers: dict[str, Server] = {}
        self._resolvers = [self._server(address) for address in resolvers]
        self._inside = {str(server) for server in self._resolvers if server.is_inside}
        self._promises: dict[object, Promise[Answer]] = {}
        self._queue: collections.deque[Lookup] = collections.deque()
        # Without values it is a set that keeps its order.
        self._under_way: dict[Lookup, None] = {}
        # Up to two sockets for each resolver, UDP and TCP.
        self._most_at_once = most_at_once(MOST_AT_ONCE, 2 * len(resolvers), other_files)
        loop.when_time_is_up(self._give_up)

    def ask(
        self, name: Name, rdtype: RdataType, at: str = "", unchecked: bool = False
    ) -> Promise[Answer]:
        """Return the answer to come: of the resolvers, or of the server ``at`` an address."""
        # dnspython hashes a name octet by octet in Python; its labels are hashed by C.
        labels = tuple(map(bytes.lower, name.labels))
        # The labels themselves, if they are the same: a copy of each would be memory.
        key = (name.labels if labels == name.labels else labels, rdtype, at, unchecked)
        promise = self._promises.get(key)
        if promise is None:
            question = Question(name, rdtype, at, unchecked)
            servers = [self._server(at)] if at else self._resolvers
            lookup = Lookup(question, servers, self._loop)
            promise = self._promises[key] = lookup.promise
            self._queue.append(lookup)
            self._loop.soon(self._fill)
        return promise

    def is_from_inside(self, answer: Answer) -> bool:
        """Tell whether an answer comes from a resolver in a private network, or on this machine."""
        return answer.server in self._inside

    @property
    def answers(self) -> Iterator[Answer]:
        """All answers so far, in the order in which they were asked for."""
        return (promise.value for promise in self._promises.values() if promise.settled)

    def _server(self, address: str) -> Server:
        if address not in self._servers:
            self._servers[address] = Server(address, self._port)
        return self._servers[address]

    def _fill(self) -> None:
        while self._queue and len(self._under_way) < self._most_at_once:
            lookup = self._queue.popleft()
            self._under_way[lookup] = None
            lookup.promise.then(functools.partial(self._ended, lookup))
            lookup.start()

    def _ended(self, lookup: Lookup) -> None:
        del self._under_way[lookup]
        if self._queue:
            self._loop.soon(self._fill)

    def _give_up(self) -> None:
        for lookup in [*self._under_way]:
            lookup.give_up()
        while self._queue:
            self._queue.popleft().give_up()
