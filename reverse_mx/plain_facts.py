"""Facts as plain values, for JSON: text, numbers, lists; names as they are, without final dot.

docs/result.schema.json says what each of them means. Seconds have six decimals at the most.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from dns.rdatatype import AAAA, A
from nagiosplugin.state import ServiceState

from reverse_mx.addresses import kind_of
from reverse_mx.answer import Answer, Question
from reverse_mx.facts import Iprev, MailAddress, MailHost, PtrName, SpfFacts, Subject
from reverse_mx.generic import Generic, why_generic
from reverse_mx.names import Address, Name
from reverse_mx.smtp_reply import Greeting
from reverse_mx.spf_record import SpfSource
from reverse_mx.text import os_reason, show_name
from reverse_mx.wording import in_words, reason
from reverse_mx.zone_facts import Delegation, ServerAnswer, Zone, ZoneAnswers

Plain = dict[str, Any]


def plain_of(of: Union[Name, Address]) -> str:
    return show_name(of) if isinstance(of, Name) else str(of)


def plain_names(names: Iterable[Name]) -> list[str]:
    return list(map(show_name, names))


def plain_enum(value: Optional[enum.Enum]) -> Optional[str]:
    return value.name.lower().replace("_", "-") if value is not None else None


def plain_state(state: ServiceState) -> str:
    return str(state).upper()


def plain_question(question: Question) -> Plain:
    return {"type": question.rdtype.name, "name": show_name(question.name)}


def plain_lookup(answer: Answer) -> Plain:
    of_address = answer.question.rdtype in (A, AAAA)
    return {
        **plain_question(answer.question),
        "outcome": plain_enum(answer.outcome),
        "aliases": plain_names(answer.aliases),
        "addresses": list(map(str, answer.addresses)) if of_address else [],
        "reason": reason(answer) or None,
        "server": answer.server or answer.question.at or None,
        "tries": answer.tries,
        "seconds": _seconds(answer.seconds),
    }


def _lookup(answer: Optional[Answer]) -> Optional[Plain]:
    return plain_lookup(answer) if answer is not None else None


def _seconds(seconds: float) -> float:
    return round(seconds, 6)


def plain_zone(zone: Zone, contact: str) -> Plain:
    return {
        "name": show_name(zone.name),
        "contact": contact or None,
        "servers": [
            {"name": show_name(server.name), "addresses": list(map(str, server.addresses))}
            for server in zone.servers
        ],
    }


def plain_server(answer: ServerAnswer) -> Plain:
    content = answer.content
    return {
        "name": show_name(answer.server),
        "address": str(answer.address) if answer.address is not None else None,
        "serial": answer.serial,
        "lame": plain_enum(answer.lame),
        "unasked": plain_enum(answer.unasked),
        "has": in_words(content) if content is not None and not answer.lame else [],
    }


def plain_zone_answers(fact: ZoneAnswers) -> Plain:
    return {
        "zone": show_name(fact.zone.name),
        "question": plain_question(fact.question),
        "servers": list(map(plain_server, fact.answers)),
        "left_out": fact.left_out,
        "delegation": _delegation(fact.delegation) if fact.delegation is not None else None,
    }


def _delegation(fact: Delegation) -> Plain:
    return {
        "parent": show_name(fact.parent),
        "server": show_name(fact.server),
        "address": str(fact.address),
        "further": plain_names(fact.further),
        "lacking": plain_names(fact.lacking),
        "stale_glue": [
            {
                "name": show_name(name),
                "glue": list(map(str, glue)),
                "addresses": list(map(str, addresses)),
            }
            for name, glue, addresses in fact.stale_glue
        ],
    }


def plain_subject(fact: Subject, states: Mapping[int, ServiceState]) -> Plain:
    """Return a domain or a sender with all that hangs from it; ``states`` are those of facts."""
    return {
        "of": plain_of(fact.of),
        "mx": _lookup(fact.mx),
        "zone": _zone_answers(fact.zone_answers),
        "hosts": [_host(host, states) for host in fact.hosts],
        "spf": _spf(fact.spf) if fact.spf is not None else None,
        "left_out_hosts": fact.left_out_hosts,
        "left_out_addresses": fact.left_out_addresses,
        "left_out_lookups": fact.left_out_lookups,
        "ignored_hosts": fact.ignored_hosts,
        "ignored_addresses": fact.ignored_addresses,
    }


def _zone_answers(fact: Optional[ZoneAnswers]) -> Optional[Plain]:
    return plain_zone_answers(fact) if fact is not None else None


def _host(fact: MailHost, states: Mapping[int, ServiceState]) -> Plain:
    target = fact.target
    return {
        "role": plain_enum(target.role),
        "name": show_name(fact.name) if fact.name is not None else None,
        "preference": target.preference if fact.domain is not None else None,
        "term": _term(target.term) if target.term is not None else None,
        "aliases": plain_names(fact.aliases),
        "lookups": list(map(plain_lookup, fact.answers)),
        "addresses": [_address(address, states) for address in fact.addresses],
        "addresses_above": list(map(str, fact.shared)),
        "zones": list(map(plain_zone_answers, fact.zone_answers)),
    }


def _address(fact: MailAddress, states: Mapping[int, ServiceState]) -> Plain:
    iprev = fact.iprev
    return {
        "address": str(fact.address),
        "state": plain_state(states[id(fact)]),
        "kind": plain_enum(kind_of(fact.address).use),
        "confirmation": _confirmation(iprev),
        "ptr": _lookup(iprev.ptr),
        "owner": show_name(iprev.owner),
        "names": [_ptr_name(name, fact.address) for name in iprev.names],
        "left_out_names": iprev.left_out,
        "expected": plain_names(fact.expected),
        "ehlo": show_name(fact.helo.name) if fact.helo and fact.helo.name else None,
        "greeting": _greeting(fact.greeting) if fact.greeting is not None else None,
        "zones": list(map(plain_zone_answers, iprev.zone_answers)),
    }


def _confirmation(iprev: Iprev) -> str:
    if iprev.ptr is None:
        return "not-checked"
    if iprev.missing:
        return "missing"
    if iprev.confirmed:
        return "confirmed"
    if iprev.invalid:
        return "invalid"
    return "unconfirmed" if iprev.unconfirmed else "unknown"


def _ptr_name(fact: PtrName, address: Address) -> Plain:
    confirms = fact.confirms(address)
    why = why_generic(fact.name, address) if confirms else None
    return {
        "name": show_name(fact.name),
        "confirms": confirms if confirms or fact.refuted(address) else None,
        "forward": _lookup(fact.forward),
        "generic": _generic(why) if why is not None else None,
    }


def _generic(why: Generic) -> Plain:
    scores = [{"filter": s.filter, "rule": s.rule, "points": s.points} for s in why.scores]
    return {"spells_address": why.spells, "words": list(why.words), "scores": scores}


def _greeting(fact: Greeting) -> Plain:
    return {
        "connected": fact.connected,
        "ready": fact.ready,
        "ending": plain_enum(fact.ending),
        "error": os_reason(fact.error) if fact.error else None,
        "lines": [{"code": line.code, "text": line.text.decode("latin-1")} for line in fact.lines],
        "names": plain_names(fact.names),
        "seconds": _seconds(fact.seconds) if fact.seconds is not None else None,
    }


def _spf(fact: SpfFacts) -> Plain:
    return {
        "lookups": list(map(plain_lookup, fact.answers)),
        "addresses": [
            {"address": str(address), "term": _term(term)} for address, term in fact.addresses
        ],
        "networks": [
            {
                "network": str(large.network) if large.network is not None else None,
                "term": _term(large.source),
            }
            for large in fact.large
        ],
        "left_out": [_term(left_out.source) for left_out in fact.left_out],
        "further": fact.further,
    }


def _term(term: SpfSource) -> Plain:
    of = show_name(term.domain) if term.domain is not None else None
    return {"text": term.text, "domain": of}
