"""Advice in words: cures, causes, and what receivers do meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Optional

import dns.rcode

from reverse_mx.answer import Outcome
from reverse_mx.causes import Cause, Excluded, Newer, Opinion
from reverse_mx.cure import Cure, Delegate, Glue, Greet, Hint, Reload
from reverse_mx.findings import DELIVERS, RETURNS, Reaction
from reverse_mx.message import ExtendedError
from reverse_mx.names import ROOT, Name, is_registrys, mailbox_of
from reverse_mx.spf_cures import SpfAdvice, SpfStep
from reverse_mx.text import in_line, show_name, show_octets, wrap
from reverse_mx.wording import Wording, in_words, show_term
from reverse_mx.wording import remarks as show_remarks
from reverse_mx.zone_facts import ServerAnswer, Zone, ZoneAnswers

# So many lines of what mends it are seen at once, below what is wrong and why.
LINES_OF_CURE = 2


class AdviceWording(Wording):
    """Words for what to do, beside those for the facts that it rests on."""

    def __init__(self, idn: bool, system: bool) -> None:
        """``system`` is whether the resolvers are the system's, as none was given."""
        super().__init__(idn)
        self._where = "in /etc/resolv.conf of this host, or with -s" if system else "with -s"

    def newer(self, newer: Newer) -> str:
        """Return that something is mended already, and how long a resolver does not know."""
        held = in_line(in_words(newer.content), ", ")
        if newer.differs:
            right, *others = newer.held.contents.values()
            stale = in_line([*itertools.chain(*others)], ", ", self.server)
            return f"changed already: {in_line(right, ', ', self.server)} has {held}, not {stale}"
        said = f"changed already: the servers of {self.name(newer.held.zone.name)} have {held}"
        seconds = newer.old.denied_for
        until = f"for up to {seconds} s" if seconds is not None else "until its TTL ends"
        return f"{said}; the resolver keeps its old answer {until}"

    def withheld(self, remarks: Sequence[ExtendedError]) -> str:
        """Return that a resolver says by its own remarks what the DNS need not hold."""
        said = f"the resolver says so by a list of its own{show_remarks(remarks)}"
        return f"{said}, and another need not: ask one with --server"

    def cure(self, cure: Cure) -> str:
        """Return what is to be done, and with which record."""
        return f"{cure.action}: {self.what(cure)}"

    def how(self, cure: Cure) -> str:
        """Return who loads a zone anew, and from whom, "" if that is not the cure."""
        reload = cure.what
        if not isinstance(reload, Reload) or reload.right is None or reload.primary is not None:
            return ""
        serial = f" (serial {reload.serial})" if reload.serial is not None else ""
        them = "it" if len(reload.servers) == 1 else "them"
        return f"transferred by whoever runs {them}: {self.name(reload.right)}{serial} is right"

    def what(self, cure: Cure) -> str:
        """Return the record, or what else something is to be done with, or to be done."""
        if isinstance(cure.what, Reload):
            return self._reload(cure.what)
        if isinstance(cure.what, Delegate):
            return self._delegate(cure.what)
        if isinstance(cure.what, Greet):
            name = self.name(cure.what.name)
            return f"have it greet as {name} (Postfix: myhostname = {name})"
        if isinstance(cure.what, SpfStep):
            return self._spf_step(cure.what)
        if isinstance(cure.what, Hint):
            return _HINTS[cure.what]
        return str(cure.what)

    def _delegate(self, delegate: Delegate) -> str:
        zone, parent = self.name(delegate.zone), self.name(delegate.parent)
        who = "the registrar" if is_registrys(delegate.parent) else f"whoever runs {parent}"
        if delegate.glue:
            return f"{who} changes the glue in {parent}: {in_line(delegate.glue, '; ', _glue)}"
        glue = ", with glue" * any(name.is_subdomain(delegate.zone) for name in delegate.servers)
        servers = _listed([*map(self.name, delegate.servers)])
        return f"{who} changes {zone}. NS in {parent} to {servers}{glue}"

    def _reload(self, reload: Reload) -> str:
        own = {
            "zone": f"the zone {self.name(reload.zone)}",
            "servers": ", ".join(map(self.name, reload.servers)),
            "primary": self.name(reload.primary) if reload.primary is not None else "",
            "above": f" above {reload.above}" if reload.above is not None else "",
            "why": "it was changed without that",
        }
        if reload.back is not None:
            own["why"] = f"it went back to {reload.back}"
        return _RELOADS[reload.right is not None, reload.primary is not None].format(**own)

    def _spf_step(self, step: SpfStep) -> str:
        record = f"the TXT record of {self.name(step.owner)}"
        term = show_term(step.term) if step.term is not None else ""
        costs = in_line([f"{show_term(source)} {cost}" for source, cost in step.costs], ", ")
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

    def cause(self, opinion: Opinion) -> str:
        """Return what is behind a lookup that failed."""
        if opinion.cause is Cause.UNKNOWN:
            excluded = ", ".join(_EXCLUDED[part] for part in opinion.excluded)
            return f"not found{'; excluded: ' * bool(excluded)}{excluded}"
        alike = opinion.cause is Cause.USELESS_SERVERS and opinion.rcode is not None
        said = _CAUSES[Cause.FAILING_SERVERS if alike else opinion.cause]
        return said.format(**self._of_zone(opinion))

    def evidence(self, opinion: Opinion) -> str:
        """Return what a cause rests on, where it is too long to be said before what mends it."""
        if opinion.cause is Cause.BOGUS:
            assert opinion.unchecked is not None
            said = "with checking disabled the resolver answers"
            return f"{said} {in_line(in_words(opinion.unchecked), ', ')}"
        if opinion.cause is Cause.ALIAS_CIRCLE:
            return f"the aliases: {' CNAME '.join(map(self.name, opinion.names))}"
        return ""

    def asks(self, opinion: Opinion) -> str:
        """Return who is to be asked about a failed lookup, "" if it is known what mends it."""
        return _ASKS.get(opinion.cause, "").format(where=self._where)

    def mends(self, opinion: Opinion) -> str:
        """Return who mends what is behind a failed lookup, and how, "" if that is not known.

        It names as many servers, and their addresses, as fit into two lines.
        """
        said = _MENDS.get(opinion.cause, "")
        if opinion.cause in (Cause.BOGUS, Cause.BOGUS_SAYS_RESOLVER):
            codes = (remark.code for remark in opinion.remarks if remark.code in _SIGNATURES)
            said = _SIGNATURES[next(codes, DNSSEC_BOGUS)]
        if opinion.cause is Cause.NO_GLUE and not _is_glued(opinion.asked[-1]):
            said = _NO_ADDRESS
        of_zone = self._of_zone(opinion)
        answers: Sequence[ServerAnswer] = ()
        contact = ""
        if opinion.asked:
            answers, zone = opinion.asked[-1].answers, opinion.asked[-1].zone
            contact = _contact_of_servers(zone)
            if contact == contact_of(zone) and not _is_registered(zone):
                contact = ""  # the owner's, which is told
        ways = self._servers(answers, contact)
        return _seen_at_once([said.format(**of_zone, servers=servers) for servers in ways])

    def _servers(self, answers: Sequence[ServerAnswer], contact: str) -> Iterator[str]:
        """Yield name servers, all of them with their addresses first, then ever less.

        The address of a server is below, too; its contact is not.
        """
        full = [self.server(answer) for answer in answers]
        names = [*dict.fromkeys(self.name(answer.server) for answer in answers)]
        ways = [(full, f" ({contact})"), (names, f" ({contact})")] if contact else []
        for most in (len(full), 2, 1):
            for shown, of in (*ways, (full, ""), (names, "")):
                more = len(shown) - most
                yield _listed([*shown[:most], *[f"{more} more"] * (more > 0)]) + of

    def _of_zone(self, opinion: Opinion) -> dict[str, str]:
        """Return what there is to say of the zone that a lookup failed in."""
        known = {"where": self._where}
        if not opinion.asked:
            return {**known, "zone": "the zone", "owner": "the zone's owner", "parent": _PARENT}
        asked = opinion.asked[-1]
        zone, parent = asked.zone, _parent_of(asked.zone)
        contact = contact_of(zone)
        contact = f" ({contact})" * bool(contact)
        return {
            **known,
            "zone": self.name(zone.name),
            "owner": f"the owner of {self.name(zone.name)}{contact}",
            "holder": "the registrar" if _is_registered(zone) else f"the zone's owner{contact}",
            "parent": self.name(parent) if parent is not None else _PARENT,
            "alias": self.name(opinion.names[-2:][0]),
            "server": show_name(asked.answers[0].server),
            "them": "them" if len({answer.server for answer in asked.answers}) > 1 else "it",
            "glue": " and glue" * _is_glued(asked),
            "rcode": dns.rcode.to_text(dns.rcode.Rcode.make(opinion.rcode or 0)),
        }


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


_EXCLUDED = {
    Excluded.RESOLVER: "the resolver, which answers for the root",
    Excluded.DNSSEC: "DNSSEC, as it is the same with checking disabled",
    Excluded.SERVERS: "the zone's servers: some answer",
}


# In two lines at most, however long the name of the zone is: what mends it comes next.
_CAUSES = {
    Cause.NO_TIME: "not looked for, as the time was up; a longer --timeout leaves some",
    Cause.TOO_MANY: "not looked for, as too much was to be looked up",
    Cause.SILENT_RESOLVER: "no resolver answers: is it right, running, reachable?",
    Cause.WITHHELD: "the resolver keeps the answer back, by a list of its own",
    Cause.REFUSES: "the resolver refuses this monitoring host",
    Cause.NO_RESOLVER: "the server asked is no resolver: it serves its own zones only",
    Cause.NO_TCP: "the answer does not fit into a datagram, and TCP does not get through to the"
    " resolver",
    Cause.TCP_REFUSED: "the answer does not fit into a datagram, and the resolver refuses TCP",
    Cause.CUT_OFF: "the resolver cannot resolve the root either, so it is cut off from the"
    " Internet",
    Cause.BLOCKED: "not found; port 53 does not get out from this monitoring host, so no name"
    " server can be asked itself",
    Cause.NO_GLUE: "no address is known of any name server of {zone}",
    Cause.ALIAS_CIRCLE: "the aliases lead in a circle, or too far",
    Cause.BOGUS: "DNSSEC validation fails",
    Cause.BOGUS_SAYS_RESOLVER: "DNSSEC validation fails, says the resolver",
    Cause.RESOLVER: "the name servers that answer agree, so the trouble is the resolver's",
    Cause.SILENT_SERVERS: "other name servers answer, but none of {zone}",
    Cause.FAILING_SERVERS: "all its name servers answer {rcode} for {zone}",
    Cause.USELESS_SERVERS: "none of its name servers serves {zone}",
}

_ASKS = {
    Cause.SILENT_RESOLVER: "whoever runs the resolver; or name another {where}",
    **dict.fromkeys(
        (Cause.UNKNOWN, Cause.BLOCKED), "whoever runs the resolver, whose log may tell more"
    ),
}

# What is done where name servers differ, by whether it is known who of them is right, and whether
# something is to be done about the primary.
_RELOADS = {
    (True, False): "have {zone} loaded anew on {servers}",
    (True, True): "raise the serial of {zone} on {primary}{above} ({why}), and have it loaded anew"
    " on {servers}",
    (False, True): "raise the serial of {zone} on its primary {primary}{above}",
    (False, False): "find out which of {servers} is right, and have {zone} loaded anew on the"
    " others",
}

# Who does what, with which record: servers first, as that is quicker than a registry.
_MENDS = {
    Cause.WITHHELD: "whoever runs the resolver takes the name off its list; or name another"
    " {where}",
    Cause.REFUSES: "whoever runs the resolver lets this host ask (access list); or name another"
    " {where}",
    Cause.NO_RESOLVER: "name a resolver {where}",
    Cause.NO_TCP: "whoever runs the firewall on the way, or the resolver, lets TCP through",
    Cause.TCP_REFUSED: "whoever runs the resolver has it answer over TCP, too",
    Cause.CUT_OFF: "whoever runs the resolver lets it ask name servers (UDP and TCP port 53)",
    Cause.RESOLVER: "whoever runs the resolver flushes {zone} from its cache, or has it reach"
    " these servers; or name another {where}",
    Cause.NO_GLUE: "{holder} adds {server}. A ADDRESS-OF-THE-HOST to {parent} (glue), or names"
    " other servers there",
    Cause.ALIAS_CIRCLE: "{owner} changes {alias}. CNAME to a name that is no alias",
    Cause.SILENT_SERVERS: "whoever runs {servers} has {them} answer, or {holder} changes"
    " {zone}. NS{glue} in {parent}",
    Cause.FAILING_SERVERS: "whoever runs {servers} has an expired copy transferred again, or"
    " mends the zone file",
    Cause.USELESS_SERVERS: "whoever runs {servers} serves it again, or {holder} changes"
    " {zone}. NS{glue} in {parent}",
}
# Of a server that is not in the zone, so that its address is in another.
_NO_ADDRESS = (
    "whoever has the name adds {server}. A ADDRESS-OF-THE-HOST, or {holder} changes {zone}. NS in"
    " {parent}"
)
_PARENT = "its parent"

# By the Extended DNS Error (RFC 8914, 4) that says what is wrong; 6 says that something is.
DNSSEC_BOGUS = 6
_SIGNATURES = {
    DNSSEC_BOGUS: "{owner} signs it anew, or has the DS in {parent} corrected or removed",
    7: "{owner} signs it anew, as the signatures have expired",
    8: "{owner} signs it anew with a clock that is right, as the signatures are not valid yet",
    9: "{owner} has the DS in {parent} made to match the DNSKEY, or removed",
    10: "{owner} signs it, or has the DS in {parent} removed",
}


def _parent_of(zone: Zone) -> Optional[Name]:
    """Return the zone that delegates a zone; a registry's is known without asking it."""
    above = zone.name.parent() if zone.name != ROOT else None
    return above if above is not None and is_registrys(above) else zone.parent


def _is_registered(zone: Zone) -> bool:
    """Tell whether it takes a registrar to change how a zone is delegated, and not its owner."""
    parent = _parent_of(zone)
    return parent is not None and is_registrys(parent)


def _is_glued(asked: ZoneAnswers) -> bool:
    """Tell whether a zone has a server in itself, whose address its parent has to have."""
    return any(answer.server.is_subdomain(asked.zone.name) for answer in asked.answers)


def _seen_at_once(ways: Sequence[str]) -> str:
    """Return the first of several wordings of a cure that is not too long, else the last."""
    fitting = (way for way in ways if len(wrap(f"fix: {way}", "  ", "  ")) <= LINES_OF_CURE)
    return next(fitting, ways[-1])


def _glue(glue: Glue) -> str:
    old = f" in place of {', '.join(map(str, glue.old))}" if glue.old else ""
    return f"{', '.join(map(str, glue.records))}{old}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def in_short(reactions: Sequence[Reaction]) -> Iterator[str]:
    """Yield what receivers do, each named once; ``--findings`` has the settings that make them."""
    worst: dict[str, list[Reaction]] = {}
    for reaction in reactions:
        worst.setdefault(reaction.receiver, []).append(reaction)
    verdicts: dict[str, list[str]] = {}
    for receiver, own in worst.items():
        # With another setting the same receiver may well accept.
        harsh = [reaction for reaction in own if reaction.verdict != "accepts"] or own
        codes = ", ".join(dict.fromkeys(reaction.code for reaction in harsh if reaction.code))
        named = f"{receiver} ({codes})" if codes else receiver
        verdicts.setdefault(harsh[0].verdict, []).append(named)
    for verdict, receivers in verdicts.items():
        yield (
            f"{_BY[verdict]} {', '.join(receivers)}"
            if verdict in _BY
            else (f"{', '.join(receivers)} {verdict}")
        )


_BY = {
    "refuses": "refused by",
    "defers": "deferred by",
    "accepts": "accepted by",
    DELIVERS: "mail to it delivered by",
    RETURNS: "mail to it returned by",
}


def _contact_of_servers(zone: Zone) -> str:
    """Return the contact of the zone that the names of a zone's servers are in, if it is known.

    It comes with the denial of their addresses of one family.
    """
    answers = [answer for server in zone.servers for answer in server.answers]
    known = {a.soa[0]: a.soa[1] for a in answers if a.soa and a.outcome is Outcome.NODATA}
    contacts = [
        contact_of(Zone(apex, soa, (), 0))
        for apex, soa in known.items()
        if not is_registrys(apex) and all(s.name.is_subdomain(apex) for s in zone.servers)
    ]
    return contacts[0] if len(contacts) == 1 else ""


def contact_of(zone: Zone) -> str:
    """Return the mail address of a zone's contact, "" if it has none."""
    mailbox = mailbox_of(zone.soa.rname, zone.name) if zone.soa is not None else None
    if mailbox is None:
        return ""
    return f"{show_octets(mailbox.local)}@{show_name(mailbox.domain)}"
