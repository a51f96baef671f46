"""What is timed and counted of a run, for the performance data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from reverse_mx.answer import unique
from reverse_mx.facts import Subject
from reverse_mx.findings import STAGES
from reverse_mx.walk import OwnHosts


def latencies(seconds: float, subjects: Iterable[Subject]) -> Iterator[tuple[str, float]]:
    """Yield the seconds of the whole walk, and of the slowest answer of each stage that asked."""
    slowest: dict[Optional[str], float] = {}
    for subject in subjects:
        for stage, answer in subject.edges:
            if answer.tries:
                slowest[stage] = max(answer.seconds, slowest.get(stage, 0.0))
        for address in subject.addresses:
            if address.greeting is not None and address.greeting.seconds is not None:
                slowest["smtp"] = max(address.greeting.seconds, slowest.get("smtp", 0.0))
    yield "time", seconds
    for stage in STAGES:
        if stage in slowest:
            yield f"{stage}_time", slowest[stage]


def counts(subjects: Sequence[Subject], own: OwnHosts, reverse: bool) -> dict[str, int]:
    """Return how much was found, and of how much there is something amiss."""
    addresses = [address for subject in subjects for address in subject.addresses]
    counts = {
        "mail_hosts": sum(len(subject.mail_hosts) for subject in subjects),
        "addresses": len(addresses),
    }
    if reverse:
        # An address that many domains share is one.
        missing = {a.address for a in addresses if a.iprev.missing}
        unconfirmed = {a.address for a in addresses if a.iprev.unconfirmed}
        mismatched = {a.address for a in addresses if a.helo is None and a.mismatched and a in own}
        counts["missing_ptr"] = len(missing)
        counts["unconfirmed_ptr"] = len(unconfirmed)
        counts["name_mismatch"] = len(mismatched)
    answers = unique(edge.answer for subject in subjects for edge in subject.edges)
    counts["dns_errors"] = sum(answer.failed for answer in answers)
    return counts
