"""Findings in words: what a problem says of what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import NS, SOA

from reverse_mx.addresses import private_by, unusable_as
from reverse_mx.answer import Edge, Outcome, Question
from reverse_mx.facts import MailAddress, MailHost, PtrName, SpfFacts, Subject
from reverse_mx.findings import LeftOut, Problem
from reverse_mx.generic import why_generic
from reverse_mx.names import ARPA, ROOT, Name, address_in_letters, has_domain_twice
from reverse_mx.smtp_reply import GreetingEnd
from reverse_mx.spf_record import (
    MOST_SPF_LOOKUPS,
    MOST_SPF_TERMS,
    MOST_SPF_VOIDS,
    SpfError,
    SpfFault,
    SpfSyntax,
)
from reverse_mx.text import counted, in_line, show_name
from reverse_mx.wording import (
    Wording,
    denial,
    ending,
    in_words,
    lameness,
    reason,
    show_greeting,
    show_question,
    show_term,
    untried,
)
from reverse_mx.zone_facts import Delegation, ServerAnswer, ZoneAnswers


class Sentence(NamedTuple):
    """What a problem says of what.

    ``ptr`` is the PTR name that it speaks of. What two sentences have in common, the subject or
    the PTR name as well, need not be said twice.
    """

    subject: str
    text: str
    ptr: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.subject, self.predicate)))

    @property
    def predicate(self) -> str:
        return f"has PTR {self.ptr}, {self.text}" if self.ptr else self.text


class Sentences(Wording):
    """Words for findings, beside those for the facts that they are made of."""

    def __init__(self, idn: bool) -> None:
        super().__init__(idn)
        self._sentences: dict[str, Callable[[Any, Any], Sentence]] = {
            "no-such-domain": self._no_such_domain,
            "implicit-mx": self._implicit_mx,
            "null-mx": self._null_mx,
            "invalid-mx": self._invalid_mx,
            "mx-is-alias": self._mx_is_alias,
            "no-address": self._no_address,
            "private-address": self._private_address,
            "unusable-address": self._unusable_address,
            "missing-ptr": self._missing_ptr,
            "unconfirmed-ptr": self._unconfirmed_ptr,
            "invalid-ptr": self._invalid_ptr,
            "mixed-ptr": self._mixed_ptr,
            "name-mismatch": self._name_mismatch,
            "provider-name": self._provider_name,
            "helo-mismatch": self._helo_mismatch,
            "underscore-ptr": self._underscore_ptr,
            "generic-ptr": self._generic_ptr,
            "dns-failure": self._failed_lookup,
            "dns-timeout": self._timeout,
            "inconsistent-ptr": self._inconsistent,
            "inconsistent-mx": self._inconsistent,
            "inconsistent-address": self._inconsistent,
            "inconsistent-ns": self._inconsistent_ns,
            "lame-server": self._lame_server,
            "spf-error": self._spf_error,
            "smtp-silent": self._smtp_silent,
            "smtp-failure": self._smtp_failure,
            "banner-mismatch": self._banner_mismatch,
            "too-many": self._too_many,
        }

    def problem(self, problem: Problem) -> Sentence:
        """Return what a problem says."""
        if not problem.finding:
            return Sentence("", str(problem.about))
        return self._sentences[problem.finding](problem.fact, problem.about)

    # The sentences, in the order of the findings.

    def _no_such_domain(self, fact: Subject, _: None) -> Sentence:
        assert fact.mx is not None
        return Sentence("", f"the domain does not exist ({denial(fact.mx)})")

    def _implicit_mx(self, fact: Subject, _: None) -> Sentence:
        assert fact.mx is not None
        where = "mail goes to the domain's own addresses"
        return Sentence("", f"no MX record ({denial(fact.mx)}), {where}")

    def _null_mx(self, *_: object) -> Sentence:
        return Sentence("", "takes no mail (null MX)")

    def _invalid_mx(self, fact: MailHost, _: None) -> Sentence:
        assert fact.name is not None
        address = address_in_letters(fact.name)
        if address:
            return Sentence("MX target", f"{address} is an IP address, not a host name")
        if fact.name == ROOT:
            return Sentence("MX target", ". is the root domain, not a host name")
        return Sentence("MX target", f"{self.name(fact.name)} is no host name")

    def _mx_is_alias(self, fact: MailHost, _: None) -> Sentence:
        text = f"is an MX target and an alias of {self.name(fact.names[-1])} (CNAME)"
        return Sentence(self._host(fact), text)

    def _no_address(self, fact: MailHost, _: None) -> Sentence:
        assert fact.name is not None
        outcomes = {answer.outcome for answer in fact.answers}
        kinds = " or ".join(answer.question.rdtype.name for answer in fact.answers)
        what = Outcome.NXDOMAIN if Outcome.NXDOMAIN in outcomes else Outcome.NODATA
        denials = (denial(answer) for answer in fact.answers if answer.outcome is what)
        denied = ", ".join(dict.fromkeys(denials))
        text = f"has no {kinds} record ({denied})"
        if what is Outcome.NXDOMAIN:
            text = f"does not exist ({denied})"
            if fact.domain is not None and has_domain_twice(fact.name, fact.domain):
                text += " (is a final dot missing in the zone?)"
        elif len(fact.answers) == 1:
            # With -4 or -6 it may well have an address of the other family.
            text += ", and nothing else was asked for"
        return Sentence(self._host(fact), text)

    def _private_address(self, fact: MailAddress, _: None) -> Sentence:
        return Sentence(self._address(fact), f"is private ({private_by(fact.address)})")

    def _unusable_address(self, fact: MailAddress, _: None) -> Sentence:
        return Sentence(self._address(fact), f"is {unusable_as(fact.address)} address")

    def _missing_ptr(self, fact: MailAddress, _: None) -> Sentence:
        assert fact.iprev.ptr is not None
        return Sentence(self._address(fact), f"has no PTR record ({denial(fact.iprev.ptr)})")

    def _unconfirmed_ptr(self, fact: MailAddress, _: None) -> Sentence:
        names = fact.iprev.names
        which = "which does not resolve" if len(names) == 1 else "none of which resolves"
        text = f"{which} back to it"
        if any(name.name.is_subdomain(ARPA) for name in names):
            text += " (is a final dot missing in the zone?)"
        return Sentence(self._address(fact), text, self.names(names))

    def _invalid_ptr(self, fact: MailAddress, _: None) -> Sentence:
        names = fact.iprev.names
        which = "which is no" if len(names) == 1 else "none of which is a"
        return Sentence(self._address(fact), f"{which} host name", self.names(names))

    def _mixed_ptr(self, fact: MailAddress, _: None) -> Sentence:
        refuted = fact.iprev.refuted
        do = "does" if len(refuted) == 1 else "do"
        number = len(fact.iprev.names) + fact.iprev.left_out
        some = f"has {number} PTR names, of which {self.names(refuted)}"
        return Sentence(self._address(fact), f"{some} {do} not resolve back to it")

    def _name_mismatch(self, fact: MailAddress, _: None) -> Sentence:
        names = self.names(fact.iprev.names)
        return Sentence(self._address(fact), "not the name of the mail host", names)

    def _provider_name(self, fact: MailAddress, _: None) -> Sentence:
        text = "not the name of the mail host, which is its provider's to choose"
        return Sentence(self._address(fact), text, self.names(fact.iprev.names))

    def _helo_mismatch(self, fact: MailAddress, _: None) -> Sentence:
        assert fact.helo is not None
        assert fact.helo.name is not None
        wrong = ["does not resolve to it"] * (not fact.helo_leads_back)
        wrong += [f"is not its PTR {self.names(fact.iprev.names)}"] * (not fact.helo_is_ptr)
        text = f"says {self.name(fact.helo.name)} in EHLO, which {' and '.join(wrong)}"
        return Sentence(str(fact.address), text)

    def _underscore_ptr(self, fact: MailAddress, name: PtrName) -> Sentence:
        return Sentence(self._address(fact), "with an underscore", self.name(name.name))

    def _generic_ptr(self, fact: MailAddress, name: PtrName) -> Sentence:
        why = why_generic(name.name, fact.address)
        assert why is not None
        kinds = ", ".join(why.words)
        says = "spells out the address" if why.spells else f"names a kind of line ({kinds})"
        return Sentence(self._address(fact), f"which {says}", self.name(name.name))

    def _failed_lookup(self, fact: object, edge: Edge) -> Sentence:
        return Sentence(self._lookup(fact, edge), f"failed: {reason(edge.answer)}")

    def _timeout(self, fact: Any, about: Union[Edge, ServerAnswer, None]) -> Sentence:
        if isinstance(about, ServerAnswer):
            return Sentence(self._name_server(fact, about), "did not answer in time")
        if about is None:
            return Sentence(self._smtp_server(fact), f"was not tried, {untried(fact.greeting)}")
        how = "timed out" if about.answer.outcome is Outcome.TIMEOUT else "got no answer"
        return Sentence(self._lookup(fact, about), f"{how}: {reason(about.answer)}")

    def _inconsistent(self, fact: ZoneAnswers, _: None) -> Sentence:
        sides = [
            f"{in_line([self.server(answer) for answer in answers], ', ')}"
            f" {'has' if len(answers) == 1 else 'have'} {in_line(in_words(held), ', ')}"
            for held, answers in fact.contents.items()
        ]
        subject = f"{fact.question.rdtype.name} of {self.name(fact.question.name)}"
        zone = self.name(fact.zone.name)
        return Sentence(subject, f"differs between the name servers of {zone}: {'; '.join(sides)}")

    def _inconsistent_ns(self, fact: ZoneAnswers, delegation: Delegation) -> Sentence:
        said = []
        if delegation.further:
            said.append(f"has {in_line(delegation.further, ', ', self.name)} too")
        if delegation.lacking:
            said.append(f"lacks {in_line(delegation.lacking, ', ', self.name)}")
        for name, glue, own in delegation.stale_glue:
            addresses = in_line(glue, ", "), in_line(own, ", ") or "none"
            said.append(f"has {addresses[0]} for {self.name(name)}, not {addresses[1]}")
        server = f"{self.name(delegation.server)} ({delegation.address})"
        zone, parent = self.name(fact.zone.name), self.name(delegation.parent)
        text = f"is delegated otherwise than it lists: {server} of {parent} {', '.join(said)}"
        return Sentence(f"zone {zone}", text)

    def _lame_server(self, fact: ZoneAnswers, answer: ServerAnswer) -> Sentence:
        return Sentence(self._name_server(fact, answer), lameness(answer))

    def _spf_error(self, fact: SpfFacts, error: SpfError) -> Sentence:
        chain, last = error.chain, ""
        if error.fault is SpfFault.LOOP:
            chain, last = error.chain[:-1], f"{_step(error.chain[-1])} again (a loop)"
        # The limit of lookups is of the whole record, wherever it strikes.
        chain = () if error.fault is SpfFault.LOOKUPS else chain
        via = "".join(f"{_step(step)}, which " for step in chain[-1:])
        return Sentence(f"SPF of {self.name(fact.domain)}", via + (last or self._fault(error)))

    def _fault(self, error: SpfError) -> str:
        limits = {
            SpfFault.NO_RECORD: "has no SPF record",
            SpfFault.RECORDS: f"has {error.number} SPF records",
            SpfFault.TWICE: f"has {error.form} more than once",
            SpfFault.TERMS: f"has {error.number} terms, of which {MOST_SPF_TERMS} were looked at",
        }
        if error.fault in limits:
            return limits[error.fault]
        if error.fault is SpfFault.VOIDS:
            whom = f" for IPv{error.family} senders" if error.family else ""
            first = ", ".join(map(show_question, error.questions))
            return f"has more than {MOST_SPF_VOIDS} void lookups{whom}: {first}"
        assert error.term is not None
        term = show_term(error.term)
        if error.fault is SpfFault.EXCHANGES:
            return f"has {error.number} MX records in {term}: 10 are allowed"
        if error.fault is SpfFault.LOOKUPS:
            source = self.spf_source(error.term)
            return f"needs more than {MOST_SPF_LOOKUPS} lookups: {source} is one too many"
        expected = {
            SpfSyntax.UNKNOWN: "no such mechanism",
            SpfSyntax.QUALIFIED: "a modifier has no qualifier",
            SpfSyntax.FORM: f"expected {error.form}",
            SpfSyntax.DOMAIN: "no valid domain name",
        }
        assert error.syntax is not None
        return f"has a syntax error in {term} ({expected[error.syntax]})"

    def _smtp_silent(self, fact: MailAddress, _: None) -> Sentence:
        assert fact.greeting is not None
        said = "established the connection and then said nothing"
        return Sentence(self._smtp_server(fact), f"{said} ({ending(fact.greeting)})")

    def _smtp_failure(self, fact: MailAddress, _: None) -> Sentence:
        greeting = fact.greeting
        assert greeting is not None
        text = show_greeting(greeting)
        if greeting.ending is GreetingEnd.WHOLE:
            said = f"{'refuses this client' if greeting.refusal else 'greets'} with {text}"
        elif greeting.octets.strip():
            said = f"said {text}, no whole greeting ({ending(greeting)})"
        elif greeting.connected:
            said = f"established the connection and then broke it off ({ending(greeting)})"
        else:
            said = f"cannot be connected to ({ending(greeting)})"
        return Sentence(self._smtp_server(fact), said)

    def _banner_mismatch(self, fact: MailAddress, _: None) -> Sentence:
        assert fact.greeting is not None
        greets = in_line(fact.greeting.names, ", ", self.name) or "no name"
        text = f"greets as {greets}, but its PTR is {self.names(fact.iprev.names)}"
        return Sentence(self._smtp_server(fact), text)

    def _too_many(self, fact: Any, left_out: Optional[LeftOut]) -> Sentence:
        if isinstance(fact, MailAddress):
            names = counted(fact.iprev.left_out, "PTR name that was", "PTR names that were")
            return Sentence(self._address(fact), f"has {names} left out")
        if isinstance(fact, SpfFacts):
            subject = f"SPF of {self.name(fact.domain)}"
            networks = counted(fact.further, "network more that was", "networks more that were")
            return Sentence(subject, f"allows {networks} left out")
        assert isinstance(fact, Subject)
        if left_out is LeftOut.HOSTS:
            said = counted(fact.left_out_hosts, "mail host was", "mail hosts were")
        elif left_out is LeftOut.LOOKUPS:
            said = "at least " + counted(fact.left_out_lookups, "lookup was", "lookups were")
        else:
            said = counted(fact.left_out_addresses, "address was", "addresses were")
        return Sentence("", f"{said} left out")

    # What the sentences speak of.

    def _host(self, fact: MailHost) -> str:
        assert fact.name is not None
        return self.name(fact.name)

    def _address(self, fact: MailAddress) -> str:
        return f"{fact.address} ({self.name(fact.host)})" if fact.host else str(fact.address)

    def _smtp_server(self, fact: MailAddress) -> str:
        return f"SMTP server {self._address(fact)}"

    def _name_server(self, fact: ZoneAnswers, answer: ServerAnswer) -> str:
        return f"{self.server(answer)}, name server of {self.name(fact.zone.name)},"

    def _zone_lookup(self, fact: ZoneAnswers, question: Question) -> str:
        lookup = f"{question.rdtype.name} lookup of {self.name(question.name)}"
        if question.rdtype in (NS, SOA):
            return lookup
        return f"{lookup}, name server of {self.name(fact.zone.name)},"

    def _lookup(self, fact: object, edge: Edge) -> str:
        question = edge.answer.question
        if isinstance(fact, Subject):
            return "MX lookup"
        if isinstance(fact, ZoneAnswers):
            return self._zone_lookup(fact, question)
        of = f"{question.rdtype.name} lookup of"
        if isinstance(fact, MailAddress):
            subject = self._address(fact)
            if edge.stage == "ptr":
                return f"{of} {subject}"
            return f"{of} {self.name(question.name)}, PTR of {subject},"
        return f"{of} {self.name(question.name)}"


def _step(step: tuple[str, Name]) -> str:
    term, target = step
    return f"{'includes' if term == 'include' else 'redirects to'} {show_name(target)}"
