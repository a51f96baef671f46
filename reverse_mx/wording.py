"""What was learnt in words, all of them safe to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import dns.edns
import dns.rcode
from dns.rdatatype import MX, PTR, RdataType

from reverse_mx.addresses import behind_translation, kind_of
from reverse_mx.answer import Answer, Content, Failure, Fault, Question
from reverse_mx.facts import PtrName, Role, Target
from reverse_mx.message import Defect, ExtendedError
from reverse_mx.names import (
    Address,
    Name,
)
from reverse_mx.smtp import MOST_GREETING
from reverse_mx.smtp_reply import Greeting, GreetingEnd
from reverse_mx.spf_record import (
    SpfLarge,
    SpfLeftOut,
    SpfSource,
)
from reverse_mx.text import (
    in_line,
    os_reason,
    printable,
    show_name,
    show_octets,
    show_remark,
)
from reverse_mx.zone_facts import Lameness, ServerAnswer, Unasked


class Wording:
    """Words for facts. ``idn`` is whether names may be shown in Unicode."""

    def __init__(self, idn: bool) -> None:
        self._idn = idn

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

    def target(self, target: Target) -> str:
        """Return what makes a host one of a subject's."""
        if target.role is Role.MX:
            return f"MX {target.preference}"
        if target.term is not None:
            return f"SPF {self.spf_source(target.term)}"
        return _ROLES[target.role]

    def spf_source(self, source: SpfSource) -> str:
        of = f" of {show_name(source.domain)}" if source.domain is not None else ""
        return f"{show_term(source)}{of}"

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


_ROLES = {Role.IMPLICIT_MX: "no MX,", Role.SENDER: "sender", Role.HELO: "EHLO"}


def show_question(question: Question) -> str:
    return f"{question.rdtype.name} {show_name(question.name)}"


def denial(answer: Answer) -> str:
    """Return in which way there is no record, and of several servers which one said so."""
    return answer.outcome.value + (f" from {answer.server}" if answer.servers > 1 else "")


def reason(answer: Answer) -> str:
    """Return why there is no answer, or what the server remarked."""
    if answer.left_out:
        return "left out, as too much was to be looked up"
    if not answer.failed:
        return remarks(answer.remarks).strip()
    if not answer.tries:
        return "not asked, the time was up"
    at = answer.question.at
    reasons = [failure(one) + ("" if at else f" from {one.server}") for one in answer.failures]
    if answer.silent:
        over_tcp = " over TCP, after a truncated one" * answer.truncated
        seconds = f"{answer.seconds:.1f} s"
        reasons.append(f"no answer from {', '.join(answer.silent)} in {seconds}{over_tcp}")
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
        f"{': ' + show_remark(remark.text) if remark.text else ''})"
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
    return sorted(f"{kind} {_record(content.rdtype, record)}" for record in content.records)


def _record(rdtype: RdataType, record: Any) -> str:
    if rdtype == MX:
        return f"{record.preference} {show_name(record.exchange)}"
    if rdtype == PTR:
        return show_name(record)
    return printable(str(record))


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


def untried(greeting: Greeting) -> str:
    """Return why nothing was learnt of an SMTP server."""
    if greeting.ending is GreetingEnd.NO_WAY:
        return f"as there is no way to it from here ({ending(greeting)})"
    return "the time was up"


def ending(greeting: Greeting) -> str:
    """Return why there is no whole greeting."""
    return {
        GreetingEnd.WHOLE: "",
        GreetingEnd.SILENCE: f"waited {greeting.seconds or 0.0:.1f} s",
        GreetingEnd.CLOSED: "it closed the connection",
        GreetingEnd.ERROR: os_reason(greeting.error),
        GreetingEnd.NO_WAY: os_reason(greeting.error),
        GreetingEnd.TOO_LONG: f"the greeting has more than {MOST_GREETING} octets",
    }[greeting.ending]


def show_term(source: SpfSource) -> str:
    return show_octets(source.text.encode("latin-1"))


def _power(count: int) -> str:
    """Return a number of addresses, as a power of 2 where its digits say nothing."""
    return str(count) if count < 1 << 32 else f"2^{count.bit_length() - 1}"
