"""Cures, from a problem's facts.

A cure that is followed to the letter must not do harm: it makes no finding that is as bad as the
one that it mends. So it is made in view of all that a run found.
"""

from __future__ import annotations

from collections.abc import Iterable

from dns.rdatatype import TXT

from reverse_mx.cure import Cure, Maker, ZoneRecord
from reverse_mx.facts import SpfFacts, Subject
from reverse_mx.findings import Problem
from reverse_mx.mx_cures import MxCures, hosts_by_address
from reverse_mx.ptr_cures import PtrCures
from reverse_mx.server_cures import (
    dns_timeout,
    inconsistent,
    inconsistent_ns,
    lame_server,
    smtp_failure,
    smtp_silent,
)
from reverse_mx.spf_cures import spf_steps
from reverse_mx.spf_record import SpfError


class Cures:
    """Makes the cures for the problems of a run, which found the subjects."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        subjects = list(subjects)
        holders = hosts_by_address(subjects)
        self._makers: dict[str, Maker] = {
            **MxCures(subjects, holders).makers,
            **PtrCures(subjects, holders).makers,
            "inconsistent-ptr": inconsistent,
            "inconsistent-mx": inconsistent,
            "inconsistent-address": inconsistent,
            "inconsistent-ns": inconsistent_ns,
            "lame-server": lame_server,
            "spf-error": _spf_error,
            "smtp-silent": smtp_silent,
            "smtp-failure": smtp_failure,
            "dns-timeout": dns_timeout,
        }

    def of(self, problem: Problem) -> list[Cure]:
        """Return the ways to mend a problem, the best first."""
        maker = self._makers.get(problem.finding)
        return maker(problem.fact, problem.about) if maker is not None else []


def _spf_error(fact: SpfFacts, error: SpfError) -> list[Cure]:
    return [
        Cure(
            step.action,
            ZoneRecord(step.owner, TXT, step.text) if step.text else step,
            step.owner,
            step.instead,
        )
        for step in spf_steps(fact, error)
    ]
