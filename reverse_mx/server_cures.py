"""What mends a name server or an SMTP server, from what it says; as a rule no record does."""

from __future__ import annotations

import errno
import functools
import itertools
from collections.abc import Iterable
from typing import Optional

from dns.rdatatype import NS

from reverse_mx.cure import Cure, Delegate, Glue, Hint, Reload, ZoneRecord
from reverse_mx.facts import MailAddress
from reverse_mx.names import Name, rdtype_of
from reverse_mx.smtp_reply import GreetingEnd
from reverse_mx.zone_facts import Delegation, ServerAnswer, ZoneAnswers, is_newer


def lame_server(fact: ZoneAnswers, answer: ServerAnswer) -> list[Cure]:
    # Not all of them are to be removed, and it may be this host that cannot reach them.
    action = "have it mended" + ("" if fact.all_lame else ", or remove")
    return [Cure(action, ZoneRecord(fact.zone.name, NS, answer.server), fact.zone.name)]


def inconsistent(fact: ZoneAnswers, _: None) -> list[Cure]:
    zone = fact.zone.name
    current, *others = fact.contents.values()
    if fact.right is None:
        every = _names([*current, *itertools.chain(*others)])
        return [Cure("fix", Reload(zone, every, primary=fact.primary, above=fact.newest), zone)]
    right = next((a for a in current if a.server == fact.primary), current[0])
    given = right.server, right.serial
    serial = next((answer.serial for answer in current if answer.serial is not None), None)
    stale = [*itertools.chain(*others)]
    waiting = [a for a in stale if not _takes_new_one(a, serial)]
    reloads = []
    if waiting:
        later = [answer.serial for answer in waiting if answer.serial is not None]
        above = functools.reduce(lambda a, b: b if is_newer(b, a) else a, later)
        back = serial if serial != above else None
        reloads.append(Reload(zone, _names(waiting), *given, fact.primary, above, back))
    if len(waiting) < len(stale):
        reloads.append(Reload(zone, _names(a for a in stale if a not in waiting), *given))
    return [Cure("fix", reload, zone) for reload in reloads]


def inconsistent_ns(fact: ZoneAnswers, delegation: Delegation) -> list[Cure]:
    listed = tuple(server.name for server in fact.zone.servers)
    glue = tuple(
        Glue(
            tuple(ZoneRecord(name, rdtype_of(address), address) for address in own),
            tuple(address for address in there if address not in own),
        )
        for name, there, own in delegation.stale_glue
        if own
    )
    renamed = delegation.further or delegation.lacking
    what = Delegate(fact.zone.name, delegation.parent, listed, () if renamed else glue)
    return [Cure("fix", what, None)]


def _takes_new_one(answer: ServerAnswer, serial: Optional[int]) -> bool:
    """Tell whether a stale server takes a zone with this serial for a newer one."""
    return serial is None or answer.serial is None or is_newer(serial, answer.serial)


def _names(answers: Iterable[ServerAnswer]) -> tuple[Name, ...]:
    return tuple(dict.fromkeys(answer.server for answer in answers))


def smtp_silent(fact: MailAddress, _: None) -> list[Cure]:
    assert fact.greeting is not None
    waited = fact.greeting.ending is GreetingEnd.SILENCE
    return _hints(*((Hint.PAUSE, Hint.TLS) if waited else (Hint.CLOSES,)))


def smtp_failure(fact: MailAddress, _: None) -> list[Cure]:
    greeting = fact.greeting
    assert greeting is not None
    if greeting.refusal:
        return _hints(Hint.REFUSES if greeting.refusal >= 500 else Hint.REFUSES_FOR_NOW)
    if not greeting.connected:
        refused = greeting.error == errno.ECONNREFUSED
        return _hints(Hint.LISTEN if refused else Hint.WAY)
    if greeting.garbled and greeting.lines:
        return _hints(Hint.REWRITTEN)
    if greeting.lines and greeting.ending is GreetingEnd.SILENCE:
        return _hints(Hint.PAUSE)
    return _hints(Hint.CLOSES if greeting.ending is GreetingEnd.ERROR else Hint.NO_SMTP)


def _hints(*hints: Hint) -> list[Cure]:
    return [Cure("fix" if hint in _CERTAIN else "hint", hint, None) for hint in hints]


def dns_timeout(fact: object, about: object) -> list[Cure]:
    if about is not None:
        return []
    assert isinstance(fact, MailAddress)
    assert fact.greeting is not None
    no_way = fact.greeting.ending is GreetingEnd.NO_WAY
    return _hints(Hint.NO_IPV6) if no_way and fact.address.version == 6 else []


_CERTAIN = (Hint.LISTEN, Hint.REFUSES, Hint.REFUSES_FOR_NOW, Hint.REWRITTEN)
