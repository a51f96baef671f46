"""Which addresses a domain's SPF record allows to send (RFC 7208)."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Union

from dns.rdatatype import AAAA, MX, TXT, A, RdataType

from reverse_mx.answer import Answer, Question, unique
from reverse_mx.facts import SpfFacts
from reverse_mx.lookups import Lookups
from reverse_mx.loop import start
from reverse_mx.message import load
from reverse_mx.names import ROOT, Address, Name, Network, address_in_letters
from reverse_mx.spf_record import (
    MOST_SPF_EXCHANGES,
    MOST_SPF_LOOKUPS,
    MOST_SPF_VOIDS,
    SPF_ASKING,
    SPF_TERMS,
    SpfError,
    SpfFault,
    SpfLarge,
    SpfLeftOut,
    SpfSource,
    SpfTerm,
    read_spf_record,
    spf_texts,
)

# Networks up to this size are checked address by address.
MOST_SPF_NETWORK = 16
# No RFC limits these, and a record may have 64 KiB: networks of a domain.
MOST_SPF_SPANS = 1000
# Records that are read beyond the limit of lookups, only to count how many are needed.
MOST_SPF_COUNTED = 20


class Span(NamedTuple):
    """A range of addresses: many are compared, for which networks of ``ipaddress`` are slow."""

    version: int
    first: int
    last: int

    def covers(self, other: Span) -> bool:
        return (
            self.version == other.version and self.first <= other.first and other.last <= self.last
        )


Spans = dict[Span, Union[SpfSource, SpfLarge]]
# How each record came to the next: the term, and the owner of the next.
Chain = tuple[tuple[str, Name], ...]


class Spf:
    """Finds out what SPF records allow, in the families of ``rdtypes`` (A, AAAA or both)."""

    def __init__(self, lookups: Lookups, rdtypes: Sequence[RdataType]) -> None:
        self._lookups = lookups
        self._rdtypes = rdtypes
        load(TXT)

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
        self._left_out: dict[SpfLeftOut, None] = {}
        # By what is at fault, and how.
        self._errors: dict[tuple[object, SpfError], SpfError] = {}
        self._ahead = 0
        self._asked = 0
        # A receiver counts those in the sender's family only.
        self._voids: dict[RdataType, list[Question]] = {rdtype: [] for rdtype in rdtypes}
        self._barred: set[RdataType] = set()
        self._made = 0
        self._further = 0

    async def facts(self) -> SpfFacts:
        start(self._read_ahead(self._domain))
        spans = await self._record((), self._domain)
        costs = await self._costs() if self._asked > MOST_SPF_LOOKUPS else ()
        singles = [(span, part) for span, part in spans.items() if isinstance(part, SpfSource)]
        return SpfFacts(
            self._domain,
            unique(self._answers),
            tuple((_address(span), source) for span, source in sorted(singles)),
            tuple(dict.fromkeys(part for part in spans.values() if isinstance(part, SpfLarge))),
            tuple(self._left_out),
            (*self._errors.values(), *self._void_errors()),
            self._further,
            costs,
        )

    async def _costs(self) -> tuple[tuple[SpfSource, int], ...]:
        """Return how many lookups each term of the domain's own record needs, with its includes."""
        counted: dict[Name, int] = {}
        costs = []
        for term in await self._terms(self._domain):
            if term.name in SPF_ASKING:
                costs.append((SpfSource(term.text), 1 + await self._cost(term, counted)))
        return tuple(costs)

    async def _cost(self, term: SpfTerm, counted: dict[Name, int]) -> int:
        """Return the lookups of the record that a term leads to, as far as records are read."""
        target = term.target
        if term.name not in ("include", "redirect=") or target is None:
            return 0
        if target not in counted and len(counted) < MOST_SPF_COUNTED:
            counted[target] = 0  # for one that leads back
            for further in await self._terms(target):
                if further.name in SPF_ASKING:
                    counted[target] += 1 + await self._cost(further, counted)
        return counted.get(target, 0)

    async def _terms(self, domain: Name) -> list[SpfTerm]:
        texts = spf_texts(await self._lookups.ask(domain, TXT))
        return read_spf_record(texts[0], domain)[0] if len(texts) == 1 else []

    async def _read_ahead(self, domain: Name) -> None:
        """Ask for what a record and all that it includes needs, as far as the limit allows."""
        for term in await self._terms(domain):
            if term.followed and self._ahead < MOST_SPF_LOOKUPS:
                self._ahead += 1
                target = term.target or domain
                hosts = term.name in ("a", "mx", "exists")
                start(self._look_up(term.name, target) if hosts else self._read_ahead(target))

    async def _look_up(self, name: str, target: Name) -> list[Answer]:
        """Ask for the addresses of an "a", "mx" or "exists" term (5.3, 5.4, 5.7), side by side."""
        if name == "exists":
            return [await self._lookups.ask(target, A)]
        mx = [await self._lookups.ask(target, MX)] if name == "mx" else []
        hosts = _exchanges(mx[0])[:MOST_SPF_EXCHANGES] if mx else [target]
        promises = [self._lookups.ask(host, rdtype) for host in hosts for rdtype in self._rdtypes]
        return [*mx, *[await promise for promise in promises]]

    async def _record(self, chain: Chain, domain: Name) -> Spans:
        """Return what a domain's record allows, and by which terms.

        ``chain`` leads there from the first domain, without it.
        """
        answer = await self._lookups.ask(domain, TXT)
        if chain:
            self._note((answer,))
        else:
            self._answers.append(answer)
        texts = spf_texts(answer)
        if len(texts) != 1:
            if not answer.unknown:
                fault = SpfFault.RECORDS if texts else SpfFault.NO_RECORD
                number = len(texts) or await self._mail_hosts()
                self._error(SpfError(fault, chain, number=number))
            return {}
        terms, errors = read_spf_record(texts[0], domain)
        for error in errors:
            self._error(error._replace(chain=chain))
        allowed: Spans = {}
        denied: list[Span] = []
        for term in terms:
            spans = await self._spans(term, chain, domain)
            if not term.passes:
                denied += spans
                continue
            for span, part in spans.items():
                # The first term that fits a sender decides (4.6.2).
                if not any(other.covers(span) for other in denied):
                    allowed.setdefault(span, part)
        return allowed

    async def _mail_hosts(self) -> int:
        """Return how many hosts "mx" would stand for, 0 if too many of them have no address."""
        mx, *answers = await self._look_up("mx", self._domain)
        void = [answer.question.rdtype for answer in answers if answer.missing]
        if all(void.count(rdtype) > MOST_SPF_VOIDS for rdtype in self._rdtypes):
            return 0
        return len(_exchanges(mx))

    async def _spans(self, term: SpfTerm, chain: Chain, domain: Name) -> Spans:
        """Return what a term of a domain's record fits, whatever its qualifier."""
        source = SpfSource(term.text, domain if domain != self._domain else None)
        if term.network is not None:
            return self._network(term.network, source, SpfLarge(source, term.network))
        if term.name == "all" and term.passes:
            return self._everybody(source)
        asks = term.name in SPF_ASKING
        if asks:
            self._asked += 1
            if self._asked == MOST_SPF_LOOKUPS + 1:
                self._error(SpfError(SpfFault.LOOKUPS, chain, source))
            if self._asked > MOST_SPF_LOOKUPS:
                return {}
        if asks and not term.followed:
            self._left_out[SpfLeftOut(source, without_effect=False)] = None
        elif term.name[:-1] in SPF_TERMS:
            self._left_out[SpfLeftOut(source, without_effect=True)] = None
        if not term.followed:
            return {}
        target = term.target or domain
        if term.name in ("a", "mx"):
            answers = await self._look_up(term.name, target)
            return self._networks(term, source, answers, chain)
        if term.name == "exists":
            (answer,) = await self._look_up(term.name, target)
            self._note((answer,), self._rdtypes)
            return self._everybody(source) if answer.records else {}
        further = (*chain, (term.name, target))
        if target in (self._domain, *(name for _, name in chain)):
            self._error(SpfError(SpfFault.LOOP, further))
            return {}
        return await self._record(further, target)

    def _networks(
        self, term: SpfTerm, source: SpfSource, answers: Sequence[Answer], chain: Chain
    ) -> Spans:
        """Return the addresses, or the networks around them, that an "a" or "mx" term fits."""
        self._note(answers)
        spans: Spans = {}
        for answer in answers:
            if answer.question.rdtype == MX:
                count = len(answer.records)
                if count > MOST_SPF_EXCHANGES:
                    self._error(SpfError(SpfFault.EXCHANGES, chain, source, number=count))
                continue
            for address in answer.addresses:
                length = term.lengths[address.version == 6]
                network = ipaddress.ip_network(f"{address}/{length}", strict=False)
                spans.update(self._network(network, source, SpfLarge(source, network, True)))
        return spans

    def _everybody(self, source: SpfSource) -> Spans:
        spans: Spans = {}
        for network in ("0.0.0.0/0", "::/0"):
            everybody = SpfLarge(source, None)
            spans.update(self._network(ipaddress.ip_network(network), source, everybody))
        return spans

    def _network(self, network: Network, source: SpfSource, large: SpfLarge) -> Spans:
        """Return the addresses of a network, or the network as a whole if it is large."""
        rdtype = A if network.version == 4 else AAAA
        if rdtype not in self._rdtypes:
            return {}
        if len(self._voids[rdtype]) > MOST_SPF_VOIDS:
            self._barred.add(rdtype)
        whole = Span(network.version, int(network[0]), int(network[-1]))
        spans: Spans = {whole: large}
        if network.num_addresses <= MOST_SPF_NETWORK:
            numbers = range(whole.first, whole.last + 1)
            spans = {Span(network.version, number, number): source for number in numbers}
        kept = dict(itertools.islice(spans.items(), MOST_SPF_SPANS - self._made))
        self._made += len(kept)
        self._further += len(spans) - len(kept)
        return kept

    def _note(self, answers: Sequence[Answer], whom: Sequence[RdataType] = ()) -> None:
        """Remember the lookups of a term, and which of them were void.

        One for an address is made for a sender of its family, if not for that of ``whom``.
        """
        self._answers += answers
        for answer in answers:
            if answer.missing:
                rdtype = answer.question.rdtype
                for family in whom or (self._rdtypes if rdtype in (TXT, MX) else (rdtype,)):
                    self._voids[family].append(answer.question)

    def _error(self, error: SpfError) -> None:
        """Remember an error, once of each record that is at fault, whatever leads to that."""
        leads_on = error.fault in (SpfFault.NO_RECORD, SpfFault.LOOP)
        # Of a term that leads to none, or back, it is the record that has it.
        owners = (self._domain, *(owner for _, owner in error.chain))
        at_fault = (owners[-2], *error.chain[-1:]) if leads_on and error.chain else owners[-1:]
        self._errors.setdefault((at_fault, error._replace(chain=())), error)

    def _void_errors(self) -> Iterator[SpfError]:
        """Yield an error for the void lookups if a sender that the record is for meets it (4.6.4).

        A host without AAAA is void to receivers from IPv6 senders: a reproach only where such a
        sender is allowed after it.
        """
        over = [rdtype for rdtype in self._rdtypes if len(self._voids[rdtype]) > MOST_SPF_VOIDS]
        everybody = len(over) == len(self._rdtypes)
        for rdtype in over[:1] if everybody else over:
            if everybody or rdtype in self._barred:
                family = 0 if everybody else 4 if rdtype == A else 6
                questions = tuple(self._voids[rdtype][: MOST_SPF_VOIDS + 1])
                number = len(self._voids[rdtype])
                yield SpfError(SpfFault.VOIDS, (), None, None, "", number, questions, family)


def _exchanges(mx: Answer) -> list[Name]:
    """Return the mail hosts of an MX answer that are names, by preference."""
    records = sorted(mx.records)
    names = dict.fromkeys(record.exchange for record in records)
    return [name for name in names if name != ROOT and not address_in_letters(name)]


def _address(span: Span) -> Address:
    return (ipaddress.IPv4Address if span.version == 4 else ipaddress.IPv6Address)(span.first)
