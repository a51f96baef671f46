"""What ``--json`` gives: of each domain a result, as a run with it alone would have it, in values.

The words are those of the status line and the long output, and the values are what those are made
of. docs/result.schema.json has the form.
"""

from __future__ import annotations

import argparse
from typing import Optional

from dns.rdatatype import MX
from nagiosplugin.state import Ok

from reverse_mx.advice import Advice
from reverse_mx.advice_wording import AdviceWording, contact_of
from reverse_mx.answer import Edge
from reverse_mx.causes import Opinion
from reverse_mx.cure import ADDRESS, NAME, Cure, ZoneRecord, absolute
from reverse_mx.facts import MailAddress, MailHost, PtrName
from reverse_mx.findings import PERFDATA
from reverse_mx.gate import passed
from reverse_mx.names import ROOT, is_reverse_registrys
from reverse_mx.plain_facts import (
    Plain,
    plain_enum,
    plain_lookup,
    plain_of,
    plain_server,
    plain_state,
    plain_subject,
    plain_zone,
)
from reverse_mx.report import Check, Counsel, kind_of
from reverse_mx.sentences import Sentences
from reverse_mx.status import Entry, chains_of, entries_of, fact_of
from reverse_mx.text import show_name
from reverse_mx.zone_facts import ServerAnswer, Zone, ZoneAnswers


def settings(options: argparse.Namespace) -> Plain:
    """Return what was set beside the domains and senders."""
    return {
        "servers": options.servers,
        "port": options.port,
        "families": [{"A": "IPv4", "AAAA": "IPv6"}[rdtype.name] for rdtype in options.rdtypes],
        "warning": str(options.warning) or None,
        "critical": str(options.critical) or None,
        "timeout": options.timeout,
        "states": {finding: plain_state(state) for finding, state in options.states},
        "ignore": list(map(str, options.ignore)),
        "spf": options.spf,
        "reverse": options.reverse,
        "smtp": options.smtp,
        "smtp_port": options.smtp_port,
        "authoritative": options.authoritative,
    }


class Results:
    """The results: one of each domain, and one of the senders together.

    ``failure`` is why there is no more advice, if there could be.
    """

    def __init__(self, sentences: Sentences, wording: AdviceWording) -> None:
        self._sentences = sentences
        self._wording = wording
        self.all: list[Plain] = []
        self.failure = ""

    def add(self, check: Check, counsel: Counsel) -> None:
        """Add the result of a check of one domain, or of senders."""
        self.all.append(self._result(check, counsel))
        self.failure = self.failure or counsel.failure

    def _result(self, check: Check, counsel: Counsel) -> Plain:
        chains = list(chains_of(check.results))
        subjects = [fact_of(chain[0]) for chain in chains]
        states = {id(fact_of(j)): j.state for c in chains for j in c if kind_of(j) == "address"}
        metrics = [result.metric for result in check.results if result.metric is not None]
        measured = {metric.name: metric.value for metric in metrics}
        status, *long = passed([check.status, *check.verbose_str])
        return {
            "domain": next((plain_of(s.of) for s in subjects if s.mx is not None), None),
            "state": plain_state(check.state),
            "exit_code": check.exitcode,
            "status": status,
            "long_output": "\n".join(long),
            "performance_data": check.performance_data,
            "metrics": {label: measured[label] for label in PERFDATA if label in measured},
            "findings": [self._finding(e, counsel) for e in entries_of(check.results)],
            "chains": [plain_subject(subject, states) for subject in subjects],
        }

    def _finding(self, entry: Entry, counsel: Counsel) -> Plain:
        problem = entry.problem
        advice = counsel.of(problem) if problem.state is not Ok else None
        return {
            "finding": problem.finding or None,
            "state": plain_state(problem.state),
            "text": str(self._sentences.problem(problem)),
            "subject": _subject(entry),
            **self._advice(advice or NO_ADVICE),
        }

    def _advice(self, advice: Advice) -> Plain:
        cures = zip(advice.cures, advice.zones)
        opinion = advice.opinion
        return {
            "mended": [self._wording.newer(newer) for newer in advice.newer],
            "cures": [self._cure(cure, zone) for cure, zone in cures],
            "barriers": list(advice.barriers),
            "cause": self._cause(opinion) if opinion is not None else None,
            "receivers": [
                {
                    "receiver": reaction.receiver,
                    "verdict": reaction.verdict,
                    "setting": reaction.setting or None,
                    "code": reaction.code or None,
                }
                for reaction in advice.reactions
            ],
        }

    def _cure(self, cure: Cure, zone: Optional[Zone]) -> Plain:
        record = cure.what if isinstance(cure.what, ZoneRecord) else None
        return {
            "action": cure.action,
            "change": plain_enum(cure.change),
            "text": self._wording.what(cure),
            "record": _record(record) if record is not None else None,
            "instead": cure.instead,
            "zone": _zone(zone) if zone is not None and zone.name != ROOT else None,
        }

    def _cause(self, opinion: Opinion) -> Plain:
        words = self._wording
        said = [of(opinion) for of in (words.cause, words.mends, words.asks, words.evidence)]
        return {
            "cause": plain_enum(opinion.cause),
            "text": "; ".join(filter(None, said)) or None,
            "excluded": list(map(plain_enum, opinion.excluded)),
            "asked": [
                {
                    "zone": _zone(asked.zone),
                    "servers": list(map(plain_server, asked.answers)),
                }
                for asked in opinion.asked
            ],
        }


NO_ADVICE = Advice((), (), (), (), None, ())


def _zone(zone: Zone) -> Plain:
    # A registry of addresses edits no PTR records.
    registrys = zone.soa is not None and is_reverse_registrys(zone.name, zone.soa.rname)
    return plain_zone(zone, "" if registrys else contact_of(zone))


def _record(record: ZoneRecord) -> Plain:
    return {
        "owner": absolute(record.owner),
        "type": record.rdtype.name,
        "preference": record.preference if record.rdtype == MX else None,
        "value": record.value,
        "placeholder": record.data in (NAME, ADDRESS),
        "text": str(record),
    }


def _subject(entry: Entry) -> Plain:
    """Return what a problem is one of: whose, and of what."""
    fact, about = entry.problem.fact, entry.problem.about
    host = address = server = None
    if isinstance(fact, MailHost):
        host = fact.name
    elif isinstance(fact, MailAddress):
        host, address = fact.host, fact.address
    if isinstance(about, ServerAnswer):
        server = plain_server(about)
    return {
        "of": [plain_of(subject.of) for subject in entry.subjects],
        "host": show_name(host) if host is not None else None,
        "address": str(address) if address is not None else None,
        "further_addresses": entry.further,
        "ptr": show_name(about.name) if isinstance(about, PtrName) else None,
        "zone": show_name(fact.zone.name) if isinstance(fact, ZoneAnswers) else None,
        "server": server,
        "lookup": plain_lookup(about.answer) if isinstance(about, Edge) else None,
    }
