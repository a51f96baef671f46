"""Facts and findings in words, all of them safe to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional, Union

import dns.edns
import dns.rcode
from dns.rdatatype import MX, NS, PTR, SOA

from reverse_mx.addresses import behind_translation, kind_of, private_by, unusable_as
from reverse_mx.answer import Answer, Content, Edge, Failure, Fault, Outcome, Question
from reverse_mx.causes import Newer
from reverse_mx.cures import Cure, Delegate, Greet, Hint, Reload
from reverse_mx.facts import MailAddress, MailHost, PtrName, Role, SpfFacts, Subject, Target
from reverse_mx.findings import LeftOut, Problem
from reverse_mx.generic import why_generic
from reverse_mx.message import Defect, ExtendedError
from reverse_mx.names import (
    ARPA,
    ROOT,
    Address,
    Name,
    address_in_letters,
    has_domain_twice,
)
from reverse_mx.smtp import MOST_GREETING
from reverse_mx.smtp_reply import Ending, Greeting
from reverse_mx.spf_cures import SpfAdvice, SpfStep
from reverse_mx.spf_record import (
    MOST_SPF_LOOKUPS,
    MOST_SPF_TERMS,
    MOST_SPF_VOIDS,
    SpfError,
    SpfFault,
    SpfLarge,
    SpfLeftOut,
    SpfSource,
    SpfSyntax,
)
from reverse_mx.text import in_line, os_reason, printable, show_name, show_octets
from reverse_mx.zone_facts import Delegation, Lameness, ServerAnswer, Unasked, ZoneAnswers


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


class Wording:
    """Words for facts and findings. ``idn`` is whether names may be shown in Unicode."""

    def __init__(self, idn: bool) -> None:
        self._idn = idn
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

    def name(self, name: Name) -> str:
        return show_name(name, self._idn)

    def names(self, names: Sequence[PtrName]) -> str:
        return in_line(names, ", ", lambda name: self.name(name.name))

    def of(self, of: Union[Name, Address]) -> str:
        return self.name(of) if isinstance(of, Name) else str(of)

    def server(self, answer: ServerAnswer) -> str:
        known = [str(answer.address)] if answer.address else []
        known += [f"serial {answer.serial}"] if answer.serial is not None else []
        return f"{self.name(answer.server)}{' (' + ', '.join(known) + ')' if known else ''}"

    def newer(self, newer: Newer) -> str:
        """Return that something is mended already, and how long a resolver does not know."""
        (content,) = newer.held.contents
        held = in_line(in_words(content), ", ")
        said = f"changed already: the servers of {self.name(newer.held.zone.name)} have {held}"
        seconds = newer.old.denied_for
        until = f"for up to {seconds} s" if seconds is not None else "until its TTL ends"
        return f"{said}; the resolver keeps its old answer {until}"

    def cure(self, cure: Cure) -> str:
        """Return what is to be done, and with which record."""
        what = str(cure.what)
        if isinstance(cure.what, Reload):
            what = self._reload(cure.what)
        elif isinstance(cure.what, Delegate):
            servers = ", ".join(map(self.name, cure.what.servers))
            zone, parent = self.name(cure.what.zone), self.name(cure.what.parent)
            what = f"have {parent} delegate {zone} to {servers}, with their addresses as glue"
        elif isinstance(cure.what, Greet):
            name = self.name(cure.what.name)
            what = f"have it greet as {name} (Postfix: myhostname = {name})"
        elif isinstance(cure.what, SpfStep):
            what = self._spf_step(cure.what)
        elif isinstance(cure.what, Hint):
            what = _HINTS[cure.what]
        return f"{cure.action}: {what}"

    def _reload(self, reload: Reload) -> str:
        zone, servers = self.name(reload.zone), ", ".join(map(self.name, reload.servers))
        if reload.primary is None and reload.undecided:
            return (
                f"find out which of {servers} is right, and have {zone} loaded anew on the others"
            )
        if reload.primary is None:
            return f"have the zone {zone} loaded anew on {servers}"
        above = f" above {reload.above}" if reload.above is not None else ""
        raised = f"raise the serial of the zone {zone} on"
        if reload.undecided:
            return f"{raised} its primary {self.name(reload.primary)}{above}"
        why = (
            "it was changed without that"
            if reload.back is None
            else f"it went back to {reload.back}"
        )
        then = f"and have it loaded anew on {servers}"
        return f"{raised} {self.name(reload.primary)}{above} ({why}), {then}"

    def target(self, target: Target) -> str:
        """Return what makes a host one of a subject's."""
        if target.role is Role.MX:
            return f"MX {target.preference}"
        if target.term is not None:
            return f"SPF {self.spf_source(target.term)}"
        return _ROLES[target.role]

    def spf_source(self, source: SpfSource) -> str:
        of = f" of {show_name(source.domain)}" if source.domain is not None else ""
        return f"{_term(source)}{of}"

    def spf_left_out(self, left_out: Union[SpfLarge, SpfLeftOut]) -> str:
        source = self.spf_source(left_out.source)
        if isinstance(left_out, SpfLeftOut):
            if left_out.without_effect:
                meant = SpfSource(left_out.source.text.replace("=", ":", 1))
                remark = "= where : belongs, so it has no effect: write"
                return f"{source} ({remark} {self.spf_source(meant)})"
            return source
        if left_out.network is None:
            return f"{source} (any address)"
        found = f": {left_out.network}" if left_out.found else ""
        return f"{source}{found} ({_power(left_out.network.num_addresses)} addresses)"

    def _spf_step(self, step: SpfStep) -> str:
        record = f"the TXT record of {self.name(step.owner)}"
        term = _term(step.term) if step.term is not None else ""
        costs = in_line([f"{_term(source)} {cost}" for source, cost in step.costs], ", ")
        total = sum(cost for _, cost in step.costs)
        assert step.advice is not None
        return {
            SpfAdvice.CORRECT: f"{term} in {record}",
            SpfAdvice.MERGE: f"{record}, made one of all",
            SpfAdvice.SHORTEN: f"{record}, with fewer terms",
            SpfAdvice.FEWER_LOOKUPS: f"{record}, without what is not needed: of {total} lookups"
            f" {costs}",
            SpfAdvice.FEWER_HOSTS: f"{record}, with the hosts that send in place of {term}",
            SpfAdvice.FEWER_VOIDS: f"{record}, without names that do not exist",
            SpfAdvice.LIST_SENDERS: "put what else sends mail before ?all, and make it -all",
        }[step.advice]

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
        term = _term(error.term)
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
        if greeting.ending is Ending.WHOLE:
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
            text = f"has {fact.iprev.left_out} PTR names that were left out"
            return Sentence(self._address(fact), text)
        if isinstance(fact, SpfFacts):
            subject = f"SPF of {self.name(fact.domain)}"
            return Sentence(subject, f"allows {fact.further} networks more that were left out")
        assert isinstance(fact, Subject)
        if left_out is LeftOut.HOSTS:
            return Sentence("", f"{fact.left_out_hosts} mail hosts were left out")
        return Sentence("", f"{fact.left_out_addresses} addresses were left out")

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


_ROLES = {Role.IMPLICIT_MX: "no MX,", Role.SENDER: "sender", Role.HELO: "EHLO"}


def show_question(question: Question) -> str:
    return f"{question.rdtype.name} {show_name(question.name)}"


def denial(answer: Answer) -> str:
    """Return in which way there is no record, and of several servers which one said so."""
    return answer.outcome.value + (f" from {answer.server}" if answer.servers > 1 else "")


def reason(answer: Answer) -> str:
    """Return why there is no answer, or what the server remarked."""
    if not answer.failed:
        return remarks(answer.remarks).strip()
    if not answer.tries:
        return "not asked, the time was up"
    at = answer.question.at
    reasons = [failure(one) + ("" if at else f" from {one.server}") for one in answer.failures]
    if answer.silent:
        reasons.append(f"no answer from {', '.join(answer.silent)} in {answer.seconds:.1f} s")
    if answer.misfits:
        reasons.append(f"{answer.misfits} answers that did not fit the question were ignored")
    return "; ".join(reasons)


_DEFECTS = {
    Defect.SHORT: "it ends too early",
    Defect.NAME: "a name in it is none",
    Defect.RECORD: "a record in it is none of its type",
    Defect.OPTIONS: "its EDNS options are none",
    Defect.COSTLY: "takes too long to read",
}


def failure(failure: Failure) -> str:
    """Return what kept one server from answering."""
    if failure.fault is Fault.UNREACHABLE:
        return os_reason(failure.error)
    if failure.fault is Fault.MALFORMED:
        assert failure.defect is not None
        return f"malformed answer ({_DEFECTS[failure.defect]})"
    if failure.fault is Fault.TRUNCATED:
        return "truncated answer, even over TCP"
    if failure.fault is Fault.NO_TCP:
        why = os_reason(failure.error) if failure.error else "connection closed"
        return f"truncated answer, and over TCP {why}"
    if failure.fault is Fault.RCODE:
        said = dns.rcode.to_text(dns.rcode.Rcode.make(failure.rcode))
    elif failure.fault is Fault.ALIASES:
        said = f"CNAME loop or too long a chain ({', '.join(map(show_name, failure.names))})"
    elif failure.fault is Fault.CONTRADICTORY:
        said = "contradictory answer (NXDOMAIN, and records)"
    elif failure.fault is Fault.BESIDE:
        said = "records of other names"
    elif failure.names:
        said = f"referral to {show_name(failure.names[0])} (no recursion)"
    else:
        said = "neither records nor their denial (no recursion)"
    return said + remarks(failure.remarks)


def remarks(remarks: Sequence[ExtendedError]) -> str:
    """Return Extended DNS Errors in words (RFC 8914)."""
    return "".join(
        f" (EDE {remark.code} {_meaning(remark.code)}"
        f"{': ' + show_octets(remark.text) if remark.text else ''})"
        for remark in remarks
    )


def _meaning(code: int) -> str:
    try:
        words = dns.edns.EDECode(code).name.split("_")
    except ValueError:
        return "unknown code"
    if words[0].isdigit():  # dnspython from 2.7 on names an unknown code by its number
        return "unknown code"
    acronyms = ("DNSKEY", "DNSSEC", "DS", "NSEC", "NSEC3", "NXDOMAIN", "RRSIGS")
    return " ".join(word if word in acronyms else word.capitalize() for word in words)


def in_words(content: Content) -> list[str]:
    """Return what a server holds: the alias, or the records in order, or why there is none."""
    if content.alias is not None:
        return [f"CNAME {show_name(content.alias)}"]
    kind = content.rdtype.name
    if content.missing is not None:
        return [f"no {kind} ({content.missing.value})"]
    return sorted(f"{kind} {_record(record)}" for record in content.records)


def _record(record: Any) -> str:
    if record.rdtype == MX:
        return f"{record.preference} {show_name(record.exchange)}"
    if record.rdtype == PTR:
        return show_name(record.target)
    return printable(record.to_text())


def lameness(answer: ServerAnswer) -> str:
    """Return what is wrong with a name server, "" if nothing is."""
    if answer.lame is None:
        return ""
    why = f" {reason(answer.answer)}" if answer.answer is not None else ""
    return {
        Lameness.NO_ADDRESS: "has no address",
        Lameness.SILENT: "does not answer",
        Lameness.CLOSED: f"does not answer ({why.strip()})",
        Lameness.FAILS: f"answers{why}",
        Lameness.NOT_AUTHORITATIVE: "is not authoritative",
    }[answer.lame]


def unasked(answer: ServerAnswer) -> str:
    """Return why a name server was not asked, "" if it was or is lame for that."""
    if answer.unasked is Unasked.UNKNOWN_ADDRESS:
        return "no address is known"
    if answer.unasked is Unasked.INSIDE:
        assert answer.address is not None
        return f"{kind_of(behind_translation(answer.address)).nature} address"
    return ""


def show_greeting(greeting: Greeting) -> str:
    """Return what an SMTP server said, its lines with a slash between them."""
    if not greeting.octets.strip():
        return "not tried" if greeting.seconds is None else "no greeting"
    said = show_octets(greeting.octets.strip(), 120)
    return said.replace("\\013\\010", " / ")


_HINTS = {
    Hint.PAUSE: "a longer -t may do, if the server pauses before it greets (Postfix's postscreen,"
    " a greet pause) or waits for the reverse DNS of this host",
    Hint.TLS: "the port may expect TLS from the first octet on, as 465 does, and greets after it",
    Hint.LISTEN: "have an SMTP server listen there, or the firewall let the port through",
    Hint.WAY: "is the host up, and the port open all the way? Many providers close port 25"
    " on the way out: the same from elsewhere tells",
    Hint.CLOSES: "the server's log says why it closes the connection: an access or block list,"
    " too many connections",
    Hint.REFUSES: "let the monitoring host in; the server's log says why it does not (reverse DNS,"
    " an access or block list). Others may well get in",
    Hint.REFUSES_FOR_NOW: "let the monitoring host in; the server's log says why it does not for"
    " now (reverse DNS, a block list, too many connections). Others may well get in",
    Hint.REWRITTEN: "have the firewall's inspection of SMTP turned off, or whatever else rewrites"
    " the greeting: each of its lines begins with a code (RFC 5321, 4.2)",
    Hint.NO_SMTP: "what listens there does not speak SMTP: each line of a greeting begins with 220"
    " (RFC 5321, 4.2)",
    Hint.NO_IPV6: "-4 leaves IPv6 addresses out, if this host is to have none",
}


def untried(greeting: Greeting) -> str:
    """Return why nothing was learnt of an SMTP server."""
    if greeting.ending is Ending.NO_WAY:
        return f"as there is no way to it from here ({ending(greeting)})"
    return "the time was up"


def ending(greeting: Greeting) -> str:
    """Return why there is no whole greeting."""
    return {
        Ending.WHOLE: "",
        Ending.SILENCE: f"waited {greeting.seconds or 0.0:.1f} s",
        Ending.CLOSED: "it closed the connection",
        Ending.ERROR: os_reason(greeting.error),
        Ending.NO_WAY: os_reason(greeting.error),
        Ending.TOO_LONG: f"the greeting has more than {MOST_GREETING} octets",
    }[greeting.ending]


def _term(source: SpfSource) -> str:
    return show_octets(source.text.encode("latin-1"))


def _step(step: tuple[str, Name]) -> str:
    term, target = step
    return f"{'includes' if term == 'include' else 'redirects to'} {show_name(target)}"


def _power(count: int) -> str:
    """Return a number of addresses, as a power of 2 where its digits say nothing."""
    return str(count) if count < 1 << 32 else f"2^{count.bit_length() - 1}"
