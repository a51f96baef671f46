"""Which server is asked when, and each question once."""

from __future__ import annotations

import collections
import heapq
import itertools
import logging
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Optional

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns.rdatatype import CNAME, RdataType

from reverse_mx.answer import (
    Answer,
    Outcome,
    Question,
    extended_errors,
    is_beside_the_question,
    is_referral,
    referral_reason,
)
from reverse_mx.exchange import Exchange, Server
from reverse_mx.loop import Promise, T, most_at_once, start
from reverse_mx.names import Name
from reverse_mx.text import printable, show_name

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
        remarks = "".join(f" ({remark})" for remark in extended_errors(response))
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
        elif is_referral(response, aliases) and not (self._question.at and aliases):
            self._failed(exchange, Outcome.REFERRAL, referral_reason(response) + remarks)
            return
        elif is_beside_the_question(response, self._question.rdtype):
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
