#!/usr/bin/env python3
"""Nagios/Icinga check that the mail hosts of a domain have matching reverse DNS.

It walks the chain that a receiving mail server walks in its head::

    domain --MX--> mail hosts --A/AAAA--> addresses --PTR--> names --A/AAAA--> back?

This is the plugin itself: the Resource that gathers the facts, the Contexts that judge them, the
policy, and ``main``. What they use has its rooms in the package ``reverse_mx``, which is their map.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn, Optional

__version__ = "1.0.0"


class Document:
    """Writes the one JSON document of a run, whatever becomes of it: docs/result.schema.json.

    What that takes is loaded at once: the handler of a signal is no place to load anything.
    """

    def __init__(self) -> None:
        import json

        self._dumps = json.dumps

    def __call__(
        self,
        status: str,
        code: int,
        perfdata: str = "",
        failure: Optional[str] = None,
        settings: Optional[object] = None,
        results: Sequence[object] = (),
    ) -> str:
        fields = {
            "format": 1,
            "version": __version__,
            "state": ("OK", "WARNING", "CRITICAL", "UNKNOWN")[code],
            "exit_code": code,
            "status": status,
            "performance_data": perfdata,
            "failure": failure,
            "settings": settings,
            "results": results,
        }
        return self._dumps(fields) + "\n"


def document_for(arguments: Sequence[str]) -> Optional[Document]:
    """Return what writes JSON, if the arguments ask for that, be they right or wrong."""
    return Document() if "--json" in arguments else None


def not_loaded(error: Exception, needs: str) -> NoReturn:
    """End with what is wrong: a traceback has exit code 1, which a scheduler takes for a WARNING.

    ``needs`` is what to do if something is not there. An error may quote what comes from outside,
    and the gate may be what is not there.
    """
    if isinstance(error, ImportError):
        said = f"{error}: {needs}"
    elif isinstance(error, OSError) and error.errno:
        said = os.strerror(error.errno).lower()
    else:
        said = f"{type(error).__name__} while the plugin was loaded"
    # Python quotes what it says is not there.
    said = re.sub("[^ -~]|[|<>&`$]", "?", said.replace("'", ""))
    output = f"REVERSE_MX UNKNOWN - {said}\n"
    try:
        document = document_for(sys.argv[1:])
        if document is not None:
            output = document(output.strip(), 3, failure=said)
        os.write(1, output.encode("ascii"))
    finally:
        sys.exit(3)


try:
    from reverse_mx.process import Ending

    DOCUMENT = document_for(sys.argv[1:])
except Exception as missing:
    not_loaded(
        missing,
        "check_reverse_mx.py needs the folder reverse_mx beside it; make plugin makes one file of"
        " both",
    )

# The libraries take longer to load than a check to run. Who imports this module for another
# purpose than to run it keeps the handlers.
ENDING = Ending(True, DOCUMENT)
if __name__ == "__main__" or os.path.basename(sys.argv[0]) == "check_reverse_mx":
    ENDING.heed()

import gc
import logging
from collections.abc import Coroutine, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

# Loading makes no garbage, but so many objects that looking for it costs a tenth of a check.
gc.disable()
try:
    import nagiosplugin
    from dns.rdatatype import AAAA, MX, PTR, A
    from nagiosplugin.state import Ok, ServiceState

    from reverse_mx.addresses import private_by, unusable_as
    from reverse_mx.answer import Edge, Outcome
    from reverse_mx.facts import MailAddress, MailHost, Role, Sender, SpfFacts, Subject, is_null_mx
    from reverse_mx.findings import FINDINGS, STAGES, Judgement, LeftOut, Problem
    from reverse_mx.gate import passed
    from reverse_mx.generic import why_generic
    from reverse_mx.iprevs import Bounds, Iprevs
    from reverse_mx.lines import WALK_BUDGET, Lines
    from reverse_mx.lookups import LOG, MOST_SILENCE, SILENCE_SHARE, Lookups
    from reverse_mx.loop import Loop, side_by_side
    from reverse_mx.measures import counts, latencies
    from reverse_mx.names import Name
    from reverse_mx.options import parse
    from reverse_mx.progress import Progress
    from reverse_mx.report import AdvisedCheck, ChainSummary, Check, Counsel
    from reverse_mx.sentences import Sentences
    from reverse_mx.smtp import Smtp
    from reverse_mx.spf import Spf
    from reverse_mx.status import Know, WorstFirst
    from reverse_mx.walk import Ignored, OwnHosts, Walk
    from reverse_mx.zone_facts import ZoneAnswers
    from reverse_mx.zone_servers import ZoneServers
except Exception as missing:
    not_loaded(
        missing,
        "install nagiosplugin and dnspython (Debian: python3-nagiosplugin python3-dnspython)",
    )
gc.freeze()
gc.enable()
if TYPE_CHECKING:
    from reverse_mx.advice import Advisor

# The part of -t for which greetings are waited for, so that some is left to look for causes. Of the
# 10 s it is more than the 6 s for which Postfix's postscreen has a client wait.
GREETING_SHARE = 0.7


class Policy:
    """How bad each finding is: the defaults, and what the user overrode."""

    def __init__(self, overrides: Mapping[str, ServiceState]) -> None:
        self._overrides = overrides

    def problem(self, finding: str, fact: object, about: object) -> Problem:
        state = self._overrides.get(finding, FINDINGS[finding].default)
        return Problem(finding, state, fact, about)


# What is found of a fact: the finding, and the part of the fact that it is about, if not the whole.
Found = tuple[str, Any]


def failed_lookups(edges: Iterable[Edge]) -> Iterator[Found]:
    for edge in edges:
        if edge.answer.failed:
            yield "dns-timeout" if edge.answer.silence else "dns-failure", edge


class FindingsContext(nagiosplugin.Context):
    """Judges the facts of one kind."""

    def __init__(self, name: str, policy: Policy) -> None:
        super().__init__(name)
        self._policy = policy

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        return Judgement.on(metric, self.problems(metric.value))

    def problems(self, fact: Any) -> Iterator[Problem]:
        """Yield what is wrong with a fact, and how bad that is."""
        return (self._policy.problem(finding, fact, about) for finding, about in self.found(fact))

    def found(self, fact: Any) -> Iterator[Found]:
        """Yield what is found of a fact."""
        raise NotImplementedError


class SubjectContext(FindingsContext):
    """Judges the MX record set of a domain; of a sender there is nothing to judge."""

    def found(self, fact: Subject) -> Iterator[Found]:
        if fact.mx is not None:
            yield from failed_lookups([Edge("mx", fact.mx)])
            if fact.mx.outcome is Outcome.NXDOMAIN:
                yield "no-such-domain", None
            if fact.mx.outcome is Outcome.NODATA:
                yield "implicit-mx", None
            if is_null_mx(fact.mx):
                yield "null-mx", None
        if fact.left_out_hosts:
            yield "too-many", LeftOut.HOSTS
        if fact.left_out_addresses:
            yield "too-many", LeftOut.ADDRESSES
        if fact.left_out_lookups:
            yield "too-many", LeftOut.LOOKUPS


class HostContext(FindingsContext):
    """Judges a mail host: its name, and whether it has addresses."""

    def found(self, fact: MailHost) -> Iterator[Found]:
        if fact.target.role is Role.MX and not fact.answers:
            yield "invalid-mx", None
        if fact.target.role is Role.MX and fact.aliases:
            yield "mx-is-alias", None
        if fact.answers and all(answer.missing for answer in fact.answers):
            yield "no-address", None
        yield from failed_lookups(fact.edges)


class AddressContext(FindingsContext):
    """Judges an address: its kind, its PTR names, and whether they lead back."""

    def __init__(self, name: str, policy: Policy, own: OwnHosts) -> None:
        super().__init__(name, policy)
        self._own = own

    def found(self, fact: MailAddress) -> Iterator[Found]:
        iprev = fact.iprev
        if unusable_as(fact.address):
            yield "unusable-address", None
        if private_by(fact.address):
            yield "private-address", None
        yield from failed_lookups(iprev.edges)
        if iprev.missing:
            yield "missing-ptr", None
        if iprev.invalid:
            yield "invalid-ptr", None
        if iprev.unconfirmed:
            yield "unconfirmed-ptr", None
        if iprev.confirmed and iprev.refuted:
            yield "mixed-ptr", None
        if not (fact.helo_leads_back and fact.helo_is_ptr):
            yield "helo-mismatch", None
        elif fact.helo is None and fact.mismatched:
            yield "name-mismatch" if fact in self._own else "provider-name", None
        for name in iprev.names:
            if name.confirms(fact.address) and any(b"_" in label for label in name.name.labels):
                yield "underscore-ptr", name
            if name.confirms(fact.address) and why_generic(name.name, fact.address):
                yield "generic-ptr", name
        if iprev.left_out:
            yield "too-many", None


class SpfContext(FindingsContext):
    """Judges the SPF record of a domain; what it allows is judged as addresses."""

    def found(self, fact: SpfFacts) -> Iterator[Found]:
        yield from (("spf-error", error) for error in fact.errors)
        yield from failed_lookups(fact.edges)
        if fact.further:
            yield "too-many", None


class GreetingContext(FindingsContext):
    """Judges how the SMTP server at an address greeted."""

    def found(self, fact: MailAddress) -> Iterator[Found]:
        greeting = fact.greeting
        assert greeting is not None
        names = [name.name for name in fact.iprev.names if fact.iprev.whole]
        if greeting.seconds is None:
            yield "dns-timeout", None
        elif greeting.silent:
            yield "smtp-silent", None
        elif not greeting.ready:
            yield "smtp-failure", None
        elif names and set(names).isdisjoint(greeting.names):
            yield "banner-mismatch", None


INCONSISTENT = {
    PTR: "inconsistent-ptr",
    MX: "inconsistent-mx",
    A: "inconsistent-address",
    AAAA: "inconsistent-address",
}


class ZoneContext(FindingsContext):
    """Judges the authoritative servers of a zone: whether they answer, and agree."""

    def found(self, fact: ZoneAnswers) -> Iterator[Found]:
        yield from failed_lookups(fact.edges)
        for answer in fact.answers:
            if answer.lame:
                yield "lame-server", answer
            if answer.late:
                yield "dns-timeout", answer
        if len(fact.contents) > 1 and not fact.varies:
            yield INCONSISTENT[fact.question.rdtype], None
        if fact.delegation is not None and fact.delegation.differs:
            yield "inconsistent-ns", fact.delegation


class Walked(nagiosplugin.Resource):
    """Mail domains and senders as they were found, with their hosts, addresses and PTR names.

    ``probe()`` yields the facts as metrics in the order of the chain, each in the context of its
    kind, then the latency of the stages in seconds and the counts.
    """

    name = "REVERSE_MX"

    def __init__(
        self, subjects: Sequence[Subject], seconds: float, own: OwnHosts, reverse: bool
    ) -> None:
        """``reverse`` is whether the walk, which took so many seconds, went back."""
        self._subjects = subjects
        self._seconds = seconds
        self._own = own
        self._reverse = reverse

    def probe(self) -> Generator[nagiosplugin.Metric, None, None]:
        for subject in self._subjects:
            for kind, fact in subject.facts:
                yield nagiosplugin.Metric(kind, fact, context=kind)
        for name, seconds in latencies(self._seconds, self._subjects):
            # Four decimals: Python writes anything smaller with an exponent, and perfdata may not.
            yield nagiosplugin.Metric(name, round(seconds, 4), "s", min=0)
        for name, count in counts(self._subjects, self._own, self._reverse).items():
            yield nagiosplugin.Metric(name, count, min=0, context="count")


class ReverseMX(nagiosplugin.Resource):
    """The mail domains and senders that are to be walked, in ``probe()``."""

    name = "REVERSE_MX"

    def __init__(
        self,
        domains: Sequence[Name],
        senders: Sequence[Sender],
        walk: Walk,
        lines: Lines,
        deadline: float,
        own: OwnHosts,
        reverse: bool,
        progress: Progress,
    ) -> None:
        """``deadline`` is in the loop's time; ``reverse`` is whether the walk goes back."""
        self._domains = domains
        self._senders = senders
        self._walk = walk
        self._lines = lines
        self._deadline = deadline
        self._own = own
        self._reverse = reverse
        self._progress = progress
        self._walked: list[tuple[Subject, float]] = []

    def probe(self) -> Generator[nagiosplugin.Metric, None, None]:
        started = self._lines.loop.now()
        walks = [
            *(self._walk.domain(domain) for domain in self._domains),
            *(self._walk.sender(sender) for sender in self._senders),
        ]
        whole = side_by_side(self._counted(walk) for walk in walks)
        self._walked = self._lines.loop.run(whole, self._deadline)
        seconds = self._lines.loop.now() - started
        self._progress.clear()
        return self._part(self._walked, seconds).probe()

    def parts(self) -> Iterator[Walked]:
        """Yield each domain by itself, then the senders together, once they were walked."""
        count = len(self._domains)
        for subject, seconds in self._walked[:count]:
            yield self._part([(subject, seconds)], seconds)
        senders = self._walked[count:]
        if senders:
            yield self._part(senders, max(seconds for _, seconds in senders))

    def _part(self, walked: Sequence[tuple[Subject, float]], seconds: float) -> Walked:
        return Walked([subject for subject, _ in walked], seconds, self._own, self._reverse)

    async def _counted(self, walk: Coroutine[Any, Any, Subject]) -> tuple[Subject, float]:
        started = self._lines.loop.now()
        subject = await self._lines.queue(walk, WALK_BUDGET)
        self._own.add(subject)
        self._progress.done(subject)
        return subject, self._lines.loop.now() - started


def main(argv: Optional[Sequence[str]] = None) -> NoReturn:
    """Run the check and exit with its state, 0 to 3 (Monitoring plugin guidelines).

    Without ``argv`` the process's own arguments are taken, and the process ends as ``-t`` or an
    interrupt has it, whatever it is at.
    """
    # nagiosplugin 1.3.2 would hold on to the standard output that it found when imported.
    nagiosplugin.runtime.Runtime.stdout = None  # type: ignore[assignment]
    arguments = sys.argv[1:] if argv is None else argv
    ending = ENDING if argv is None else Ending(own=False)
    ending.document = ending.document or document_for(arguments)
    ending.deliver(lambda idn: run(arguments, idn, ending))


def run(argv: Sequence[str], idn: bool, ending: Ending) -> None:
    """Do what ``main`` says; ``idn`` is whether the output can have every letter."""
    ending.before("the arguments were read: a very long file, or one that nobody writes to")

    def told(argument: str) -> None:
        if argument == "--json" and ending.document is None:
            ending.document = Document()

    options = parse(argv, __version__, told)
    ending.document = document = Document() if options.json else None
    ending.give(options.timeout)
    ending.before("all was judged: very many records, or a busy machine")
    # A tenth is kept back for putting the output together.
    deadline = ending.started + options.timeout - min(0.5, options.timeout / 10)
    # nagiosplugin leaves out what is not to be shown when all of it is made.
    LOG.setLevel(logging.DEBUG if options.verbose > 2 else logging.INFO)
    policy = Policy(dict(options.states))
    own = OwnHosts()
    sentences = Sentences(idn)
    with Loop() as loop:
        lines = Lines(loop)
        domains = list(dict.fromkeys(options.domains))
        senders = list(dict.fromkeys(options.senders))
        smtp = None
        if options.smtp:
            end = ending.started + options.timeout * GREETING_SHARE
            smtp = Smtp(lines, options.smtp_port, end)
        connections = smtp.most_at_once if smtp is not None else 0
        patience = min(MOST_SILENCE, options.timeout * SILENCE_SHARE)
        lookups = Lookups(lines, options.servers, options.port, patience, connections)
        zone_servers = ZoneServers(lookups, options.rdtypes)
        asked = zone_servers if options.authoritative else None
        bounds = Bounds()
        walk = Walk(
            lookups,
            options.rdtypes,
            Iprevs(lookups, asked, bounds, options.reverse),
            Ignored(options.ignore),
            bounds,
            asked,
            Spf(lookups, options.rdtypes) if options.spf else None,
            smtp,
        )
        contexts = {
            "subject": SubjectContext("subject", policy),
            "mx-zone": ZoneContext("mx-zone", policy),
            "spf": SpfContext("spf", policy),
            "host": HostContext("host", policy),
            "host-zone": ZoneContext("host-zone", policy),
            "address": AddressContext("address", policy, own),
            "greeting": GreetingContext("greeting", policy),
            "ptr-zone": ZoneContext("ptr-zone", policy),
        }

        def is_sound(subject: Subject) -> bool:
            problems = (p for kind, fact in subject.facts for p in contexts[kind].problems(fact))
            return all(problem.state is Ok for problem in problems)

        progress = Progress(sys.stderr, len(domains) + len(senders), is_sound)
        loop.while_waiting = progress.show

        def advisor() -> Advisor:
            # Loading it is a twenty-fifth of a check, which most do without.
            from reverse_mx.advice import Advisor
            from reverse_mx.advice_wording import AdviceWording

            wording = AdviceWording(idn, options.system)
            return Advisor(lines, lookups, zone_servers, wording, deadline)

        measures = [
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
        ]

        counsel = Counsel(advisor)
        verbosity = 1 if options.json else options.verbose

        def complete(check: Check, know: Know, counsel: Optional[Counsel]) -> Check:
            """Give a check what it judges by, and what says so."""
            summary = ChainSummary(verbosity, sentences, lookups, counsel)
            check.add(*contexts.values(), *measures, summary, WorstFirst(know, sentences))
            return check

        walked = ReverseMX(domains, senders, walk, lines, deadline, own, options.reverse, progress)
        heard = counsel if options.verbose or options.json else None
        check = complete(AdvisedCheck(ending, heard, walked), ending.know, heard)
        if document is None:
            check.main(options.verbose, timeout=0)
            return
        check()
        ending.know(check.status, check.exitcode, check.performance_data)
        ending.before("the document was put together: very many domains, or a busy machine")

        # What no other run needs.
        from reverse_mx.advice_wording import AdviceWording
        from reverse_mx.document import Results, settings

        results = Results(sentences, AdviceWording(idn, options.system))
        for part in walked.parts():
            own_counsel = counsel.anew()
            own_check = complete(Check(part), lambda *_: None, own_counsel)
            own_check()
            results.add(own_check, own_counsel)
        (status,) = passed([check.status])
        text = document(
            status,
            check.exitcode,
            check.performance_data,
            results.failure or None,
            settings(options),
            results.all,
        )
        print(text, end="")
        sys.exit(check.exitcode)


if __name__ == "__main__":
    main()
