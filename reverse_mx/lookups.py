"""Which server is asked when, and each question once."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from dns.rcode import BADVERS, FORMERR, NOTIMP, SERVFAIL
from dns.rdatatype import RdataType

from reverse_mx.answer import Answer, Failure, Fault, Outcome, Question, read_answer
from reverse_mx.exchange import Exchange, Server
from reverse_mx.lines import Lines, Party, Queue
from reverse_mx.loop import Loop, Promise, most_at_once
from reverse_mx.message import AA, ExtendedError, Message, Record
from reverse_mx.names import Name
from reverse_mx.text import show_name

LOG = logging.getLogger("nagiosplugin.check_reverse_mx")

# Short tries make a lost datagram cheap. The socket of an earlier try stays open, so an answer
# that is merely slow still counts, however long the resolver took to find it.
TRY_SECONDS = 0.5
# What an answer has to come in that is in a resolver's cache, or not far from there.
MOMENT_SECONDS = 0.3
# Silence is borne for this part of -t, and no longer than is enough, so that time is left to look
# for its cause; the same without -v, so that the verdict is the same.
SILENCE_SHARE = 0.6
MOST_SILENCE = 6.0
# Once one server has failed the others are waited for no longer than this.
SECONDS_AFTER_FAILURE = 3.0
# An authoritative server has nobody to ask, so it is known sooner whether it answers.
SECONDS_OF_AUTHORITY = 2.5
# A resolver fails by chance, too, and keeps that in its cache for a second (Unbound 5, of a zone
# 1); so long after its SERVFAIL it is asked once more.
SECONDS_BETWEEN_FAILURES = 1.1
# Some middleboxes drop queries with EDNS: after this many silent tries it is left out.
EDNS_TRIES = 2
# Lookups under way at once, each with a socket for every server it had to try.
MOST_AT_ONCE = 128

# What a lookup ends with that tells more than another does, the weakest first.
_TELLING = (Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.REFERRAL, Outcome.FAILURE)


class Attempt:
    """What has become of a question at one of the servers.

    ``over`` is whether it is not to be asked, as it has failed. What failed once may be asked
    again: its ``failure`` counts until it has given an answer.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.server = exchange.server
        self.failure: Optional[Failure] = None
        self.over = False
        self.rests = False


class Lookup:
    """One question on its way: tries the servers in turn until one of them gives an answer.

    What a server says about itself (it refuses, it fails, it does not recurse) sends the question
    to the next one; only an answer about the name ends the lookup.
    """

    def __init__(
        self, question: Question, servers: Sequence[Server], loop: Loop, patience: float
    ) -> None:
        """``patience`` is for how many seconds silence is borne."""
        self.promise: Promise[Answer] = Promise()
        self.waits = True
        self.of_zone = question.of_zone
        # Those who want it; without values it is a set that keeps its order.
        self.parties: dict[Party, None] = {}
        self._question = question
        self._loop = loop
        self._patience = SECONDS_OF_AUTHORITY if question.at else patience
        # Those that never answered any question come last.
        self._attempts = {
            exchange: Attempt(exchange)
            for exchange in (
                Exchange(question, server, loop, self._received, self._failed)
                for server in sorted(servers, key=lambda server: server.is_silent)
            )
        }
        self._last: Optional[Attempt] = None
        self._queue: Optional[Queue] = None
        self._tries = 0
        self._started = 0.0
        self._next_try = 0.0
        self._authoritative = False
        self._authority: tuple[Record, ...] = ()

    def start(self, queue: Queue) -> None:
        self.waits = False
        self._queue = queue
        self._started = self._loop.now()
        self._try_next()

    def _silence(self) -> None:
        """Ask the next server because the last one was silent, unless it has been asked since."""
        if self._last is not None and self._next_try <= self._loop.now():
            self._last.server.silent_tries += 1
            self._try_next()

    def _try_next(self) -> None:
        willing = [attempt for attempt in self._attempts.values() if not attempt.over]
        # A server that is not there says nothing about the question.
        if any(f.outcome is not Outcome.UNREACHABLE for f in self._failures):
            self._patience = min(self._patience, SECONDS_AFTER_FAILURE)
        assert self._queue is not None
        now, whole = self._loop.now(), self._started + self._patience
        end = min(whole, self._queue.until(self.of_zone))
        if now >= end or not any(not a.over or a.rests for a in self._attempts.values()):
            if now >= whole and not self._failures:
                self._queue.hurry(self.of_zone, now, self._loop.deadline)
            self.give_up(cut_off=end <= now < whole)
            return
        self._next_try = min(now + TRY_SECONDS, end)
        self._loop.at(self._next_try, self._silence)
        if willing:
            self._last = willing[self._tries % len(willing)]
            self._tries += 1
            self._last.exchange.ask(edns=self._tries <= EDNS_TRIES * len(self._attempts))

    @property
    def _failures(self) -> tuple[Failure, ...]:
        return tuple(a.failure for a in self._attempts.values() if a.failure is not None)

    def give_up(self, cut_off: bool = True) -> None:
        """End the lookup without an answer: with the failures met, or as a timeout.

        ``cut_off`` is whether the time is up.
        """
        silent = tuple(str(a.server) for a in self._attempts.values() if a.failure is None)
        outcomes = {failure.outcome for failure in self._failures}
        outcomes |= {Outcome.TIMEOUT} if silent else set()
        self._end(
            max(outcomes, key=_TELLING.index),
            failures=self._failures,
            silent=silent,
            truncated=any(exchange.truncated for exchange in self._attempts),
            misfits=sum(exchange.misfits for exchange in self._attempts),
            cut_off=cut_off,
        )

    def _received(self, exchange: Exchange, message: Message, had_edns: bool) -> None:
        exchange.server.heard(message, had_edns)
        unknown = had_edns and message.rcode in (FORMERR, NOTIMP, BADVERS)
        if unknown and exchange.ask_without_edns():
            # RFC 6891, 7. Of other questions it says nothing: a resolver may only hand on what a
            # domain's own servers made of this one, and would explain no failure without EDNS.
            return
        self._authoritative = bool(message.flags & AA)
        # With an answer it is a courtesy that nobody here needs, and memory.
        self._authority = message.authority if not message.answer else ()
        reading = read_answer(message, self._question, str(exchange.server))
        if isinstance(reading, Failure):
            self._failed(exchange, reading)
        elif not self._is_kept(len(reading.records) + len(self._authority)):
            self._authority = ()
            self._end(Outcome.LEFT_OUT, server=str(exchange.server))
        else:
            self._end(
                reading.outcome,
                reading.records,
                reading.aliases,
                reading.remarks,
                str(exchange.server),
            )

    def _is_kept(self, records: int) -> bool:
        """Tell whether one of those who want it has room for its records; else it is left out."""
        if any(line.keep(records) for party in self.parties for line in party.lines):
            return True
        for party in self.parties:
            party.leave_out(self._question, self.of_zone)
        return False

    def _failed(self, exchange: Exchange, failure: Failure) -> None:
        exchange.server.silent_tries += failure.fault is Fault.UNREACHABLE
        attempt = self._attempts[exchange]
        exchange.close()
        first = attempt.failure is None
        attempt.failure, attempt.over = failure, True
        if len([f for f in self._failures if f.fault is Fault.RCODE]) > 1:
            for other in self._attempts.values():
                other.rests = False
        if first and self._may_be_chance(failure):
            attempt.rests = True
            again = functools.partial(self._ask_again, attempt)
            self._loop.at(self._loop.now() + SECONDS_BETWEEN_FAILURES, again)
        self._try_next()

    def _may_be_chance(self, failure: Failure) -> bool:
        """Tell whether a resolver may know better in a moment, and no other one says the same.

        Without the time to ask it then, what it says counts at once.
        """
        end = min(self._started + self._patience, self._loop.deadline)
        return (
            failure.rcode == SERVFAIL
            and not self._question.at
            and not any(remark.dnssec for remark in failure.remarks)
            and len([f for f in self._failures if f.fault is Fault.RCODE]) == 1
            and self._loop.now() + SECONDS_BETWEEN_FAILURES < end
        )

    def _ask_again(self, attempt: Attempt) -> None:
        if attempt.rests:
            attempt.rests = attempt.over = False
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
        truncated: bool = False,
        misfits: int = 0,
        cut_off: bool = False,
    ) -> None:
        self.waits = False
        servers = len(self._attempts)
        for exchange, attempt in self._attempts.items():
            attempt.rests = False
            exchange.close()
        # An exchange refers to its lookup: without this both would wait for the garbage collector.
        self._attempts.clear()
        self.parties.clear()
        self._last = None
        if LOG.isEnabledFor(logging.DEBUG):
            kind, name = self._question.rdtype.name, show_name(self._question.name)
            LOG.debug("%s %s: %s, tries: %d", kind, name, outcome.value, self._tries)
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
                truncated=truncated,
                misfits=misfits,
                cut_off=cut_off,
            )
        )


class Lookups:
    """Asks every question once, side by side, and has an answer for all when the time is up."""

    def __init__(
        self,
        lines: Lines,
        resolvers: Sequence[str],
        port: int,
        patience: float,
        other_files: int = 0,
    ) -> None:
        """Ask the resolvers at these addresses, and bear their silence for ``patience`` seconds.

        Raise ``OSError`` if an address is none.
        """
        self._lines = lines
        self._loop = lines.loop
        self._port = port
        self._patience = patience
        self._servers: dict[str, Server] = {}
        self._resolvers = [self._server(address) for address in resolvers]
        self._inside = {str(server) for server in self._resolvers if server.is_inside}
        self._promises: dict[Question, Promise[Answer]] = {}
        self._open: dict[Question, Lookup] = {}
        self._moments: list[Promise[None]] = []
        # Up to two sockets for each resolver, UDP and TCP.
        self._places = lines.places(most_at_once(MOST_AT_ONCE, 2 * len(resolvers), other_files))
        self._loop.when_time_is_up(self._give_up)

    def ask(
        self, name: Name, rdtype: RdataType, at: str = "", unchecked: bool = False
    ) -> Promise[Answer]:
        """Return the answer to come: of the resolvers, or of the server ``at`` an address.

        One that is left out, as those who ask had too many, may be there for others.
        """
        question = Question(name, rdtype, at, unchecked)
        promise = self._promises.get(question)
        if promise is None:
            payer = self._lines.payer(question, question.of_zone)
            if payer is None:
                promise = Promise()
                promise.settle(Answer(question, Outcome.LEFT_OUT))
                return promise
            payer.pay(question.of_zone)
            servers = [self._server(at)] if at else self._resolvers
            lookup = Lookup(question, servers, self._loop, self._patience)
            promise = self._promises[question] = lookup.promise
            self._open[question] = lookup
            promise.then(functools.partial(self._ended, question))
        if not promise.settled:
            lookup = self._open[question]
            lookup.parties[self._lines.party()] = None
            if lookup.waits:
                self._places.wait(lookup)
        return promise

    def _ended(self, question: Question) -> None:
        del self._open[question]
        if self._promises[question].value.left_out:
            del self._promises[question]

    def may_ask_zones(self, wanted: Question) -> bool:
        """Tell whether zones may be asked about still, for which what is wanted is left out."""
        return self._lines.payer(wanted, of_zone=True) is not None

    @property
    def left_out(self) -> int:
        """How many were left out of those whom the chain that asks runs for."""
        return self._lines.left_out()

    def moment(self, unless: Promise[Any]) -> Promise[None]:
        """Return what is settled as soon as that is, or in a moment, or when the time is up."""
        moment: Promise[None] = Promise()
        if unless.settled:
            moment.settle(None)
            return moment
        unless.then(functools.partial(_end_moment, moment))
        self._moments.append(moment)
        self._loop.at(self._loop.now() + MOMENT_SECONDS, functools.partial(_end_moment, moment))
        return moment

    def is_from_inside(self, answer: Answer) -> bool:
        """Tell whether an answer comes from a resolver in a private network, or on this machine."""
        return answer.server in self._inside

    @property
    def answers(self) -> Iterator[Answer]:
        """All answers so far, in the order in which they were asked for."""
        return (promise.value for promise in self._promises.values() if promise.settled)

    def keeps_to_its_zones(self, failure: Failure) -> bool:
        """Tell whether a failure is of a server that answers of its own zones only."""
        return any(s.keeps_to_its_zones for s in self._resolvers if str(s) == failure.server)

    @property
    def passed_over(self) -> list[Server]:
        """The resolvers that said nothing to anything, while another answers."""
        answered = any(server.has_answered for server in self._resolvers)
        return [server for server in self._resolvers if answered and server.is_silent]

    @property
    def without_edns(self) -> list[Server]:
        """The servers, resolvers or not, that are silent of what is asked with EDNS."""
        return [server for server in self._servers.values() if server.drops_edns]

    def _server(self, address: str) -> Server:
        if address not in self._servers:
            self._servers[address] = Server(address, self._port)
        return self._servers[address]

    def _give_up(self) -> None:
        while self._moments:
            _end_moment(self._moments.pop())
        # Who waited for an answer may ask for another.
        while self._open:
            next(iter(self._open.values())).give_up()


def _end_moment(moment: Promise[None]) -> None:
    if not moment.settled:
        moment.settle(None)
