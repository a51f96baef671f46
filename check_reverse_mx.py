#!/usr/bin/env python3
"""Nagios/Icinga check that the mail hosts of a domain have matching reverse DNS.

It walks the chain that a receiving mail server walks in its head::

    domain --MX--> mail hosts --A/AAAA--> addresses --PTR--> names --A/AAAA--> back?

This is the plugin itself: the Resource that gathers the facts, the Contexts that judge them, and
``main``. What they use has its rooms in the package ``reverse_mx``, which has a map of them.
"""

from __future__ import annotations

import os
import signal
import sys

from reverse_mx.process import INTERRUPTS, heed_interrupts

# The libraries take longer to load than a check to run. Who imports this module for another
# purpose than to run it keeps the handlers.
if __name__ == "__main__" or os.path.basename(sys.argv[0]) == "check_reverse_mx":
    heed_interrupts()

import contextlib
import dataclasses
import gc
import io
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional, Union

# Loading makes no garbage, but so many objects that looking for it costs a tenth of a check.
gc.disable()
try:
    import nagiosplugin
    from dns.rdatatype import AAAA, MX, NS, PTR, A
    from nagiosplugin.state import Ok, ServiceState

    from reverse_mx.advice import Advisor, show_witness
    from reverse_mx.answer import Answer, Outcome, unique
    from reverse_mx.facts import (
        Authority,
        Greeting,
        MailAddress,
        MailHost,
        PtrName,
        SpfFacts,
        Subject,
        Target,
        WayBack,
    )
    from reverse_mx.findings import FINDINGS, STAGES, Cure, Judgement, Problem
    from reverse_mx.lookups import Lookups
    from reverse_mx.loop import side_by_side, start
    from reverse_mx.names import (
        ARPA,
        PRIVATE_NETWORKS,
        ROOT,
        Address,
        Name,
        address_in_letters,
        has_domain_twice,
        spells_address,
        unusable_as,
    )
    from reverse_mx.options import expand_files, make_parser, system_servers
    from reverse_mx.process import (
        INTERRUPTS,
        OutOfTime,
        heed_interrupts,
        let_be_read,
        out_of_time,
        process_started,
        time_is_up,
    )
    from reverse_mx.report import ChainSummary, Check, Progress, WorstFirst
    from reverse_mx.smtp import Smtp
    from reverse_mx.spf import Spf
    from reverse_mx.text import (
        MOST_IN_LINE,
        absolute,
        counted,
        in_line,
        paste,
        paste_mx,
        show_name,
        show_subject,
    )
    from reverse_mx.walk import Bounds, Ignored, Walk, WaysBack, spf_targets
    from reverse_mx.zone_servers import Authorities
except ImportError as missing:
    # A traceback would end with exit code 1, which a scheduler takes for a WARNING.
    print(
        f"REVERSE_MX UNKNOWN - {missing}: install nagiosplugin and dnspython"
        " (Debian: python3-nagiosplugin python3-dnspython)"
    )
    sys.exit(3)
gc.freeze()
gc.enable()

__version__ = "0.1.0"


class ReverseMX(nagiosplugin.Resource):
    """The mail domains and senders with their mail hosts, addresses and PTR names.

    ``probe()`` yields the facts as metrics in the order of the chain (contexts ``subject``,
    ``host``, ``address`` and ``authority``), then the latency of the stages in seconds and the
    counts.
    """

    name = "REVERSE_MX"

    def __init__(
        self,
        domains: Sequence[Name],
        senders: Sequence[Union[Name, Address]],
        walks: Callable[[], Walk],
        lookups: Lookups,
        authorities: Optional[Authorities],
        spf: Optional[Spf],
        smtp: Optional[Smtp],
        reverse: bool,
        progress: Progress,
    ) -> None:
        """``walks`` gives each subject a walk.

        ``authorities`` are asked, ``spf`` records followed and ``smtp`` servers connected to if
        given. ``reverse`` is whether the walks go back.
        """
        self._spf = spf
        self._smtp = smtp
        self._reverse = reverse
        self._progress = progress
        self._domains = domains
        self._senders = senders
        self._walks = walks
        self._lookups = lookups
        self._authorities = authorities

    def probe(self) -> Generator[nagiosplugin.Metric, None, None]:
        started = time.monotonic()
        subjects = self._lookups.run(
            side_by_side(
                [
                    *(self._domain(name, self._walks()) for name in self._domains),
                    *(self._sender(sender, self._walks()) for sender in self._senders),
                ]
            )
        )
        greetings = {} if self._smtp is None else self._smtp.greet(_receivers(subjects))
        seconds = time.monotonic() - started
        self._progress.clear()
        for subject in subjects:
            yield from _chain_metrics(subject, greetings)
        lookups = unique(answer for subject in subjects for answer in subject.lookups)
        yield from _latencies(seconds, lookups, greetings.values())
        for name, count in _counts(subjects, lookups, self._reverse).items():
            yield nagiosplugin.Metric(name, count, min=0, context="count")

    async def _domain(self, name: Name, walk: Walk) -> Subject:
        spf = start(self._allowed(name))
        mx = await self._lookups.ask(name, MX, "mx")
        domain = Subject(name, mx)
        authority = start(self._ask_authority(mx))
        targets: dict[Name, Target] = {}
        if not domain.null_mx:
            for record in sorted(mx.records, key=lambda mx: (mx.preference, mx.exchange)):
                role = f"MX {record.preference}"
                target = Target(role, record.exchange, record.preference)
                targets.setdefault(record.exchange, target)
        if mx.outcome is Outcome.NODATA:
            targets[name] = Target("no MX,", name)
        walked = await walk.subject(domain, list(targets.values()), spf_targets(spf))
        whole = dataclasses.replace(walked, authority=await authority, spf=await spf)
        self._progress.done(whole)
        return whole

    async def _allowed(self, domain: Name) -> Optional[SpfFacts]:
        return None if self._spf is None else await self._spf.allowed(domain)

    async def _sender(self, sender: Union[Name, Address], walk: Walk) -> Subject:
        if isinstance(sender, Name):
            target = Target("sender", sender)
        else:
            target = Target("sender", None, given=(sender,))
        whole = await walk.subject(Subject(sender), [target])
        self._progress.done(whole)
        return whole

    async def _ask_authority(self, mx: Answer) -> Optional[Authority]:
        # A domain that does not exist is in its registry's zone, which is not at fault.
        if self._authorities is None or mx.outcome is Outcome.NXDOMAIN:
            return None
        return await self._authorities.ask(mx.owner, MX)


def _chain_metrics(
    subject: Subject, greetings: Mapping[Address, Greeting]
) -> Iterator[nagiosplugin.Metric]:
    yield nagiosplugin.Metric(show_subject(subject.of), subject, context="subject")
    if subject.authority is not None:
        yield _authority_metric(subject.authority)
    if subject.spf is not None:
        yield nagiosplugin.Metric(show_subject(subject.of), subject.spf, context="spf")
    for host in subject.hosts:
        yield nagiosplugin.Metric(host.target.role, host, context="host")
        for address in host.addresses:
            yield nagiosplugin.Metric(str(address.way.address), address, context="address")
            greeting = greetings.get(address.way.address)
            if greeting is not None and subject.mx is not None and host.name is not None:
                yield nagiosplugin.Metric(str(greeting.address), greeting, context="greeting")
            for authority in address.way.authorities:
                yield _authority_metric(authority)


def _receivers(subjects: Iterable[Subject]) -> Iterator[MailAddress]:
    """Yield the addresses that mail arrives at: those of MX records."""
    for subject in subjects:
        for host in subject.hosts:
            if subject.mx is not None and host.name is not None:
                yield from host.addresses


def _counts(
    subjects: Sequence[Subject], lookups: Iterable[Answer], reverse: bool
) -> dict[str, int]:
    addresses = [address for subject in subjects for address in subject.addresses]
    counts = {
        "mail_hosts": sum(len(subject.mail_hosts) for subject in subjects),
        "addresses": len(addresses),
    }
    if reverse:
        counts["missing_ptr"] = sum(address.way.missing for address in addresses)
        counts["unconfirmed_ptr"] = sum(address.way.unconfirmed for address in addresses)
        counts["name_mismatch"] = sum(address.mismatched for address in addresses)
    counts["dns_errors"] = sum(answer.failed for answer in lookups)
    return counts


def _authority_metric(authority: Authority) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(show_name(authority.zone.name), authority, context="authority")


def _latencies(
    seconds: float, lookups: Iterable[Answer], greetings: Iterable[Greeting]
) -> Iterator[nagiosplugin.Metric]:
    """Yield the time of the whole walk, and of the slowest of each stage that asked."""
    slowest: dict[str, float] = {}
    for greeting in greetings:
        if greeting.seconds is not None:
            slowest["smtp"] = max(greeting.seconds, slowest.get("smtp", 0.0))
    for answer in lookups:
        if answer.tries:
            slowest[answer.stage] = max(answer.seconds, slowest.get(answer.stage, 0.0))
    # Four decimals: Python writes anything smaller with an exponent, and perfdata may not.
    yield nagiosplugin.Metric("time", round(seconds, 4), "s", min=0)
    for stage in STAGES:
        if stage in slowest:
            yield nagiosplugin.Metric(f"{stage}_time", round(slowest[stage], 4), "s", min=0)


class Policy:
    """How bad each finding is: the defaults, and what the user overrode."""

    def __init__(self, overrides: dict[str, ServiceState]) -> None:
        self._overrides = overrides

    def problem(
        self,
        finding: str,
        subject: str,
        text: str,
        *cures: Cure,
        failed: Optional[Answer] = None,
        apart: bool = False,
    ) -> Problem:
        state = self._overrides.get(finding, FINDINGS[finding].default)
        return Problem(finding, state, subject, text, cures, failed, apart)

    def failed_lookup(self, answer: Answer, subject: str) -> Problem:
        if answer.silence:
            how = "timed out" if answer.outcome is Outcome.TIMEOUT else "got no answer"
            text = f"{how}: {answer.reason}"
            return self.problem("dns-timeout", subject, text, failed=answer, apart=True)
        text = f"failed: {answer.reason}"
        return self.problem("dns-failure", subject, text, failed=answer, apart=True)


def _no_record(answer: Answer) -> str:
    kind = answer.question.rdtype.name
    return f"({kind} lookup failed)" if answer.failed else f"(no {kind}, {answer.denial})"


class FindingsContext(nagiosplugin.Context):
    """Judges the facts of one kind. ``idn`` is whether names may be shown in Unicode."""

    def __init__(self, name: str, policy: Policy, idn: bool) -> None:
        super().__init__(name)
        self._policy = policy
        self._idn = idn

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        return Judgement.on(metric, self.problems(metric.value))

    def problems(self, fact: Any) -> Iterator[Problem]:
        """Yield what is found of a fact."""
        raise NotImplementedError

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """Return the line that draws a fact in the chain, indented as deep as it hangs."""
        raise NotImplementedError

    def show(self, name: Name) -> str:
        return show_name(name, self._idn)

    def show_all(self, names: Sequence[PtrName]) -> str:
        return in_line(names, ", ", lambda name: self.show(name.name))


class SubjectContext(FindingsContext):
    """Judges the MX record set of a domain; of a sender there is nothing to judge."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: Subject = metric.value
        ignored = [
            counted(fact.ignored_hosts, "mail host", "mail hosts") * bool(fact.ignored_hosts),
            counted(fact.ignored_addresses, "address", "addresses") * bool(fact.ignored_addresses),
        ]
        said = f" ({' and '.join(filter(None, ignored))} ignored)" if any(ignored) else ""
        return f"{show_subject(fact.of, self._idn)}{said}"

    def problems(self, fact: Subject) -> Iterator[Problem]:
        found = self._policy.problem
        if fact.mx is not None:
            yield from self._mx_problems(fact, fact.mx.owner, fact.mx)
        if fact.left_out_hosts:
            yield found("too-many", "", f"{fact.left_out_hosts} mail hosts were left out")
        if fact.left_out_addresses:
            yield found("too-many", "", f"{fact.left_out_addresses} addresses were left out")

    def _mx_problems(self, fact: Subject, domain: Name, mx: Answer) -> Iterator[Problem]:
        found = self._policy.problem
        if mx.failed:
            yield self._policy.failed_lookup(mx, "MX lookup")
        if mx.outcome is Outcome.NXDOMAIN:
            what = f"the name, if it is misspelt, or have {show_name(domain)} registered"
            cure = Cure("fix", what, domain)
            yield found("no-such-domain", "", f"the domain does not exist ({mx.denial})", cure)
        if mx.outcome is Outcome.NODATA:
            text = f"no MX record ({mx.denial}), mail goes to the domain's own addresses"
            cures = [Cure("fix", paste_mx(domain, 10, domain), domain)] if fact.addresses else []
            yield found("implicit-mx", "", text, *cures)
        if fact.null_mx:
            cure = Cure("remove, if it is to take mail", paste_mx(domain, 0, ROOT), domain)
            yield found("null-mx", "", "takes no mail (null MX)", cure)


class HostContext(FindingsContext):
    """Judges a mail host: its name, and whether it has addresses."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        host: MailHost = metric.value
        way = " CNAME ".join(self.show(name) for name in host.names)
        shared = [f"{address} as above" for address in host.shared]
        return "  " + ", ".join([f"{host.target.role} {way}".rstrip(), *shared])

    def problems(self, fact: MailHost) -> Iterator[Problem]:
        if fact.name is None:
            return
        if fact.domain is not None and fact.target.preference is not None:
            record = paste_mx(fact.domain, fact.target.preference, fact.name)
            if not fact.lookups:
                yield self._invalid(fact.name, fact.domain, record)
            elif fact.aliases:
                text = f"is an MX target and an alias of {self.show(fact.names[-1])} (CNAME)"
                better = paste_mx(fact.domain, fact.target.preference, fact.names[-1])
                cures = [Cure("fix", better, fact.domain)] if fact.all_addresses else []
                yield self._policy.problem("mx-is-alias", self.show(fact.name), text, *cures)
            yield from self._addresses(
                fact, fact.name, Cure("correct or remove", record, fact.domain)
            )
        else:
            yield from self._addresses(fact, fact.name)

    def _invalid(self, name: Name, domain: Name, record: str) -> Problem:
        address = address_in_letters(name)
        text = f"{address} is an IP address" if address else ". is the root domain"
        cures = [Cure("remove", record, domain)]
        if address:
            what = f"an MX with the name of the host that has {address}"
            cures.append(Cure("add", what, domain))
        found = self._policy.problem
        return found("invalid-mx", "MX target", f"{text}, not a host name", *cures)

    def _addresses(self, fact: MailHost, name: Name, *cures: Cure) -> Iterator[Problem]:
        subject = self.show(name)
        outcomes = {answer.outcome for answer in fact.lookups}
        kinds = [answer.question.rdtype.name for answer in fact.lookups]
        if outcomes and outcomes <= {Outcome.NXDOMAIN, Outcome.NODATA}:
            record = f"{absolute(fact.names[-1])} {kinds[0]} ADDRESS-OF-THE-HOST"
            action = "or fix" if cures else "fix"
            what = Outcome.NXDOMAIN if Outcome.NXDOMAIN in outcomes else Outcome.NODATA
            denials = (answer.denial for answer in fact.lookups if answer.outcome is what)
            denied = ", ".join(dict.fromkeys(denials))
            text = f"has no {' or '.join(kinds)} record ({denied})"
            if what is Outcome.NXDOMAIN:
                text = f"does not exist ({denied})"
                if fact.domain is not None and has_domain_twice(name, fact.domain):
                    text += " (is a final dot missing in the zone?)"
            elif len(kinds) == 1:
                # With -4 or -6 it may well have an address of the other family.
                text = f"{text}, and nothing else was asked for"
                action, cures = "fix", ()
            fix = Cure(action, record, fact.names[-1])
            yield self._policy.problem("no-address", subject, text, *cures, fix)
        for answer in fact.lookups:
            if answer.failed:
                lookup = f"{answer.question.rdtype.name} lookup of {subject}"
                yield self._policy.failed_lookup(answer, lookup)


class AddressContext(FindingsContext):
    """Judges an address: its kind, its PTR names, and whether they lead back."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        way: WayBack = metric.value.way
        if way.ptr is None:
            return f"    {way.address}"
        # A classless delegation shows, as it is the alias's zone that has the record (RFC 2317).
        way_there = "".join(f" CNAME {show_name(alias)}" for alias in way.ptr.aliases)
        if not way.names:
            return f"    {way.address}{way_there} {_no_record(way.ptr)}"
        names = in_line(way.names, "; ", lambda name: self._name(name, way.address))
        return f"    {way.address}{way_there} {names}"

    def _name(self, name: PtrName, address: Address) -> str:
        if name.forward is None:
            back = "(no host name)"
        elif name.confirms(address):
            back = f"{name.forward.question.rdtype.name} {address}"
        elif name.forward.addresses:
            others = in_line(name.forward.addresses, ", ")
            back = f"{name.forward.question.rdtype.name} {others}"
        else:
            back = _no_record(name.forward)
        aliases = name.forward.aliases if name.forward is not None else ()
        return f"PTR {' CNAME '.join(map(self.show, (name.name, *aliases)))} {back}"

    def problems(self, fact: MailAddress) -> Iterator[Problem]:
        found = self._policy.problem
        way = fact.way
        subject = f"{way.address} ({self.show(fact.host)})" if fact.host else str(way.address)
        better = Cure(
            "fix", paste(way.owner, PTR, fact.canonical or "NAME-OF-THE-HOST."), way.owner
        )
        yield from self._kind(fact, subject)
        if way.ptr is not None and way.ptr.failed:
            yield self._policy.failed_lookup(way.ptr, f"PTR lookup of {subject}")
        if way.missing:
            assert way.ptr is not None
            text = f"has no PTR record ({way.ptr.denial})"
            yield found("missing-ptr", subject, text, better)
        for name in way.names:
            if name.forward is not None and name.forward.failed:
                lookup = f"{name.forward.question.rdtype.name} lookup of {self.show(name.name)}"
                yield self._policy.failed_lookup(name.forward, f"{lookup}, PTR of {subject},")
        if way.invalid:
            which = "which is no" if len(way.names) == 1 else "none of which is a"
            text = f"has PTR {self.show_all(way.names)}, {which} host name"
            yield found("invalid-ptr", subject, text, better, *self._remove(way, way.names))
        if way.unconfirmed:
            which = "which does not resolve" if len(way.names) == 1 else "none of which resolves"
            text = f"has PTR {self.show_all(way.names)}, {which} back to it"
            if any(name.name.is_subdomain(ARPA) for name in way.names):
                text += " (is a final dot missing in the zone?)"
            old = self._remove(way, way.names)
            yield found("unconfirmed-ptr", subject, text, better, *old, *self._confirm(way))
        if way.confirmed and way.refuted:
            text = (
                f"has {len(way.names)} PTR names, of which {self.show_all(way.refuted)}"
                f" {'does' if len(way.refuted) == 1 else 'do'} not resolve back to it"
            )
            yield found("mixed-ptr", subject, text, *self._remove(way, way.refuted))
        if fact.mismatched:
            text = f"has PTR {self.show_all(way.names)}, not the name of the mail host"
            # Another host may well have this address and be named so.
            wanted = better._replace(action="fix, unless the other name is wanted")
            instead = self._remove(way, way.names, "in place of")
            yield found("name-mismatch", subject, text, wanted, *instead)
        yield from self._spelling(fact, subject, better)
        if way.left_out:
            yield found("too-many", subject, f"has {way.left_out} PTR names that were left out")

    def _remove(self, way: WayBack, names: Sequence[PtrName], action: str = "remove") -> list[Cure]:
        return [
            Cure(action, paste(way.owner, PTR, name.name), way.owner)
            for name in names[:MOST_IN_LINE]
        ]

    def _confirm(self, way: WayBack) -> list[Cure]:
        """Return the forward records that would make the PTR names lead back."""
        return [
            Cure(
                "or fix",
                paste(name.canonical, name.forward.question.rdtype, way.address),
                name.canonical,
            )
            for name in way.names[:MOST_IN_LINE]
            # Nobody can add an address to "localhost", or wants one in a reverse zone.
            if name.forward is not None
            and len(name.canonical.labels) > 2
            and not name.canonical.is_subdomain(ARPA)
        ]

    def _kind(self, fact: MailAddress, subject: str) -> Iterator[Problem]:
        address = fact.way.address
        kind = unusable_as(address)
        if kind:
            rdtype = A if address.version == 4 else AAAA
            cures = [
                Cure("replace by a public address", paste(name, rdtype, address), name)
                for name in (fact.canonical,)
                # Nobody can edit "localhost".
                if name is not None and len(name.labels) > 2
            ]
            yield self._policy.problem("unusable-address", subject, f"is {kind} address", *cures)
        for network, rfc in PRIVATE_NETWORKS:
            if address in network:
                yield self._policy.problem("private-address", subject, f"is private ({rfc})")

    def _spelling(self, fact: MailAddress, subject: str, better: Cure) -> Iterator[Problem]:
        way = fact.way
        for name in way.names:
            if name.confirms(way.address) and any(b"_" in label for label in name.name.labels):
                text = f"has PTR {self.show(name.name)}, with an underscore"
                what = "name the host without an underscore in its MX, address and PTR records"
                cure = Cure("fix", what, way.owner) if "_" in better.record else better
                yield self._policy.problem("underscore-ptr", subject, text, cure)
            if name.forward is not None and spells_address(name.name, way.address):
                text = f"has PTR {self.show(name.name)}, which spells out the address"
                what = "name the host after its task in its MX, address and PTR records"
                same = fact.canonical is None or spells_address(fact.canonical, way.address)
                cure = Cure("fix", what, way.owner) if same else better
                yield self._policy.problem("generic-ptr", subject, text, cure)


class SpfContext(FindingsContext):
    """Judges the SPF record of a domain; what it allows is judged as addresses."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: SpfFacts = metric.value
        left_out = [f"  SPF left out: {text}" for text in (*fact.large, *fact.left_out)]
        return "\n".join(left_out or ["  SPF"])

    def problems(self, fact: SpfFacts) -> Iterator[Problem]:
        subject = f"SPF of {self.show(fact.domain)}"
        for error in fact.errors:
            cure = Cure("fix", f"the TXT record of {show_name(fact.domain)}", fact.domain)
            yield self._policy.problem("spf-error", subject, error, cure)
        for answer in fact.lookups:
            if answer.failed:
                kind = answer.question.rdtype.name
                lookup = f"{kind} lookup of {self.show(answer.question.name)}"
                yield self._policy.failed_lookup(answer, lookup)
        if fact.further:
            text = f"allows {fact.further} networks more that were left out"
            yield self._policy.problem("too-many", subject, text)


class GreetingContext(FindingsContext):
    """Judges how an SMTP server greeted."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        greeting: Greeting = metric.value
        return f"      SMTP: {greeting.text or 'no greeting'}"

    def problems(self, fact: Greeting) -> Iterator[Problem]:
        found = self._policy.problem
        subject = f"SMTP server {fact.address} ({self.show(fact.host)})"
        if fact.seconds is None:
            yield found("dns-timeout", subject, "was not tried, the time was up")
        elif fact.silent:
            text = f"established the connection and then said nothing ({fact.failure})"
            yield found("smtp-silent", subject, text)
        elif fact.failure and fact.text:
            yield found(
                "smtp-failure", subject, f"said {fact.text}, no whole greeting ({fact.failure})"
            )
        elif fact.failure:
            yield found("smtp-failure", subject, f"cannot be connected to ({fact.failure})")
        elif not fact.text.startswith("220"):
            how = "refuses this client with" if fact.text[:1] in ("4", "5") else "greets with"
            yield found("smtp-failure", subject, f"{how} {fact.text}")
        elif fact.names and fact.banner not in fact.names:
            names = in_line([self.show(name) for name in fact.names], ", ")
            banner = self.show(fact.banner) if fact.banner is not None else "no name"
            text = f"greets as {banner}, but its PTR is {names}"
            yield found("banner-mismatch", subject, text)


class AuthorityContext(FindingsContext):
    """Judges the authoritative servers of a zone: whether they answer, and agree."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        fact: Authority = metric.value
        indent = "  " if fact.question.rdtype == MX else "      "
        asked = counted(len(fact.testimonies), "name server address", "name server addresses")
        return f"{indent}zone {self.show(fact.zone.name)}, {asked} asked"

    def problems(self, fact: Authority) -> Iterator[Problem]:
        zone = self.show(fact.zone.name)
        # Not all of them are to be removed, and it may be this host that cannot reach them.
        action = "have it mended" + ("" if fact.all_lame else ", or remove")
        for testimony in fact.testimonies:
            subject = f"{show_witness(testimony, self._idn)}, name server of {zone},"
            if testimony.lame:
                record = paste(fact.zone.name, NS, testimony.server)
                cure = Cure(action, record, fact.zone.name)
                lame = testimony.lame
                yield self._policy.problem("lame-server", subject, lame, cure, apart=True)
            if testimony.late:
                text = "did not answer in time"
                yield self._policy.problem("dns-timeout", subject, text, apart=True)
        contents = fact.contents
        if len(contents) > 1:
            sides = [
                f"{in_line([show_witness(witness, self._idn) for witness in witnesses], ', ')}"
                f" {'has' if len(witnesses) == 1 else 'have'} {in_line(content, ', ')}"
                for content, witnesses in contents.items()
            ]
            kind = fact.question.rdtype.name
            others = [t.server for group in [*contents.values()][1:] for t in group]
            odd = ", ".join(self.show(server) for server in dict.fromkeys(others))
            yield self._policy.problem(
                f"inconsistent-{kind.lower()}",
                f"{kind} of {self.show(fact.question.name)}",
                f"differs between the name servers of {zone}: {'; '.join(sides)}",
                Cure("fix", f"have the zone {zone} loaded anew on {odd}", fact.zone.name),
            )


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the check and exit with its state, 0 to 3 (Monitoring plugin guidelines).

    Without ``argv`` the process's own arguments are taken, ``-t`` counts from its start, and an
    interrupt ends it as UNKNOWN. UNKNOWN is also a check whose output nobody could read: a
    scheduler would take Python's own exit code 1 for a WARNING.
    """
    if sys.stdout is None:
        sys.exit(3)
    if argv is None:
        heed_interrupts()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    idn = (sys.stdout.encoding or "").lower().startswith("utf")
    # nagiosplugin 1.3.2 would hold on to the standard output that it found when imported.
    nagiosplugin.runtime.Runtime.stdout = None  # type: ignore[assignment]
    code: object = 3
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            run(argv, idn)
    except SystemExit as ended:
        code = ended.code
    except OutOfTime:
        output = io.StringIO(
            "REVERSE_MX UNKNOWN - the time was up before all was judged:"
            " very many records, or a busy machine\n"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    if argv is None:
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        print(output.getvalue(), end="", flush=True)
    except OSError:
        # What is still in the buffer would fail once more at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 3
    if argv is None:
        # A character is four octets at the most.
        if len(output.getvalue()) > 1024:
            let_be_read()
        # To take down the interpreter piece by piece would cost time, and nothing is left to save.
        os._exit(code)  # type: ignore[arg-type]
    sys.exit(code)  # type: ignore[arg-type]


@nagiosplugin.guarded(verbose=0)  # type: ignore[call-arg, arg-type]
def run(argv: Optional[Sequence[str]], idn: bool) -> None:
    """Do what ``main`` says; ``idn`` is whether the output can have every letter."""
    started = process_started() if argv is None else time.monotonic()
    parser = make_parser(__version__)
    options = parser.parse_args(expand_files(sys.argv[1:] if argv is None else argv, parser))
    if not options.domains and not options.senders:
        parser.error("argument -d/--domain: none given; expected a mail domain, or --sender")
    for option in ("spf", "smtp"):
        if getattr(options, option) and not options.domains:
            parser.error(f"argument --{option}: needs -d DOMAIN; with --sender alone there is none")
    servers = options.servers or system_servers(parser)
    # A tenth is kept back for putting the output together.
    deadline = started + options.timeout - min(0.2, options.timeout / 10)
    signal.signal(signal.SIGALRM, time_is_up)
    signal.signal(signal.SIGPROF, out_of_time)
    left = started + options.timeout - time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
    policy = Policy(dict(options.states))
    lookups = Lookups(servers, options.port, deadline)
    authorities = Authorities(lookups, options.rdtypes)
    asked = authorities if options.authoritative else None
    bounds = Bounds()
    ways_back = WaysBack(lookups, bounds, asked, options.reverse)
    ignored = Ignored(options.ignore)
    contexts = {
        Subject: SubjectContext("subject", policy, idn),
        SpfFacts: SpfContext("spf", policy, idn),
        MailHost: HostContext("host", policy, idn),
        MailAddress: AddressContext("address", policy, idn),
        Greeting: GreetingContext("greeting", policy, idn),
        Authority: AuthorityContext("authority", policy, idn),
    }

    def is_sound(subject: Subject) -> bool:
        facts = [subject, *subject.hosts, *subject.addresses]
        facts += [subject.spf] if subject.spf is not None else []
        problems = (p for fact in facts for p in contexts[type(fact)].problems(fact))
        return all(problem.state is Ok for problem in problems)

    domains = list(dict.fromkeys(options.domains))
    senders = list(dict.fromkeys(options.senders))
    advisor = Advisor(lookups, authorities, idn) if options.verbose else None
    progress = Progress(sys.stderr, len(domains) + len(senders), is_sound)
    lookups.while_waiting = progress.show
    check = Check(
        advisor,
        ReverseMX(
            domains,
            senders,
            lambda: Walk(lookups, options.rdtypes, ways_back, ignored, bounds),
            lookups,
            asked,
            Spf(lookups, options.rdtypes) if options.spf else None,
            Smtp(options.smtp_port, deadline) if options.smtp else None,
            options.reverse,
            progress,
        ),
        *contexts.values(),
        nagiosplugin.ScalarContext("time"),
        *(
            nagiosplugin.ScalarContext(
                f"{stage}_time",
                options.warning,
                options.critical,
                fmt_metric=f"slowest {what} took {{valueunit}}",
            )
            for stage, what in STAGES.items()
        ),
        nagiosplugin.ScalarContext("count"),
        ChainSummary(options.verbose, lookups, advisor),
        WorstFirst(),
    )
    with lookups:
        check.main(options.verbose, timeout=0)


if __name__ == "__main__":
    main()
