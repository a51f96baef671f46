"""Which addresses a domain's SPF record allows to send (RFC 7208)."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dns.rdatatype import AAAA, MX, TXT, A, RdataType

from reverse_mx.answer import Answer, Outcome, unique
from reverse_mx.facts import SpfFacts
from reverse_mx.lookups import Lookups
from reverse_mx.loop import start
from reverse_mx.names import ROOT, Address, Name, Network, address_in_letters
from reverse_mx.spf_record import SPF_TERMS, SpfTerm, read_spf_record, spf_texts
from reverse_mx.text import show_name

# The limits of RFC 7208, 4.6.4, beyond which receivers end with a "permerror".
MOST_SPF_LOOKUPS = 10


MOST_SPF_EXCHANGES = 10


MOST_SPF_VOIDS = 2


# Networks up to this size are checked address by address.
MOST_SPF_NETWORK = 16


MOST_SPF_SPANS = 1000


# The terms that count as lookups (4.6.4), and those of them that have a meaning without a sender.
SPF_ASKING = ("include", "a", "mx", "ptr", "exists", "redirect=")


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
