"""The vocabulary: what can be wrong, and how bad that is by default."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, NamedTuple

import nagiosplugin
from nagiosplugin.state import Critical, Ok, ServiceState, Unknown, Warn

from reverse_mx.filters import HFILTER_HOSTNAME, RDNS_DYNAMIC
from reverse_mx.values import Value


class When(enum.Enum):
    """What a reaction hangs on besides the finding: which lookup failed, which address or name.

    An address is public if anybody outside can see mail from it. ``SOME_NAMES`` stands in the
    table of what ``filters`` says more exactly of each name.
    """

    MX = "if the mx lookup fails"
    NO_ADDRESS = "if an address lookup fails and no mail host of the domain has an address"
    MX_ADDRESS = "if the MX target is an address in letters"
    MX_ROOT = 'if the MX target is "."'
    HAS_ADDRESS = "if the mail host has an address"
    ALONE = "if no mail host of the domain has an address"
    OTHERS = "if another mail host of the domain has an address"
    PTR = "if the ptr lookup fails"
    PTR_OR_CONFIRM = "if the ptr or confirm lookup fails"
    PTR_OR_ONLY_CONFIRM = "if the ptr lookup fails, or the confirm lookup of its only name"
    PUBLIC = "for a public address"
    BAD_LETTERS = "if each name begins with a hyphen or has a character that no host name has"
    SOME_NAMES = "for some names"
    EHLO_RESOLVES = "if the name in EHLO resolves"
    EHLO_LEADS_BACK = "if the name in EHLO resolves to the address"
    EHLO_ELSEWHERE = "if the name in EHLO resolves to others"
    EHLO_NOWHERE = "if it is the name in EHLO and does not exist"
    EHLO_WITHOUT_WORDS = "and has no word that is scored"


class Reaction(NamedTuple):
    """What one receiver does about a finding, with which setting, in which SMTP reply.

    It does so where all of ``when`` holds.
    """

    receiver: str
    setting: str
    verdict: str
    code: str = ""
    when: tuple[When, ...] = ()

    def __str__(self) -> str:
        setting = f" with {self.setting}" if self.setting else ""
        code = f" ({self.code})" if self.code else ""
        when = "".join(f" {when.value}" for when in self.when)
        return f"{self.receiver} {self.verdict}{setting}{code}{when}"


DELIVERS, RETURNS = "delivers mail to it", "returns mail to it"
POSTFIX_CLIENT = "reject_unknown_client_hostname"
POSTFIX_REVERSE = "reject_unknown_reverse_client_hostname"
POSTFIX_SENDER = "reject_unknown_sender_domain"
EXIM_CLIENT = "verify = reverse_host_lookup"
EXIM_SENDER = "verify = sender"
POSTFIX_EHLO = "reject_unknown_helo_hostname"
POSTFIX_EHLO_DOT = "reject_non_fqdn_helo_hostname"
EXIM_EHLO = "verify = helo"
OPENSMTPD_REVERSE = "match !rdns"
OPENSMTPD_CLIENT = "match !fcrdns"

# It limits the rate first, and then refuses.
GMAIL = (
    Reaction("Gmail", "", "refuses", "550-5.7.25", (When.PUBLIC,)),
    Reaction("Gmail", "", "defers", "421-4.7.23", (When.PUBLIC,)),
)
NO_REVERSE_NAME = (
    Reaction("Postfix", POSTFIX_CLIENT, "refuses", "450 4.7.25"),
    Reaction("Postfix", POSTFIX_REVERSE, "refuses", "450 4.7.1"),
    Reaction("Exim", EXIM_CLIENT, "refuses", "550"),
)
# What a filter takes for a client without a name is what the mail server tells it.
NO_CONFIRMED_NAME = (
    Reaction("Rspamd", "", "scores HFILTER_HOSTNAME_UNKNOWN (2.5)", when=(When.PUBLIC,)),
    Reaction(
        "SpamAssassin",
        "Postfix's Received lines",
        "scores RDNS_NONE (0.8 to 2.4)",
        when=(When.PUBLIC,),
    ),
)
ANY_CONFIRMED_NAME = (
    Reaction("Postfix", POSTFIX_CLIENT, "accepts"),
    Reaction("Exim", EXIM_CLIENT, "accepts"),
    Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "accepts"),
)
TO_HOST = (
    Reaction("Postfix", "", DELIVERS, when=(When.HAS_ADDRESS,)),
    Reaction("Exim", "", DELIVERS, when=(When.HAS_ADDRESS,)),
)
RETRY = "RFC 5321, 4.5.4.1"
HOSTS = "RFC 5321, 5.1"
FAILED_LOOKUP = (
    Reaction("Postfix", POSTFIX_CLIENT, "defers", "450 4.7.25", (When.PTR_OR_ONLY_CONFIRM,)),
    Reaction("Postfix", POSTFIX_REVERSE, "defers", "450 4.7.1", (When.PTR,)),
    Reaction("Exim", EXIM_CLIENT, "defers", "451", (When.PTR_OR_CONFIRM,)),
    Reaction("Postfix", POSTFIX_SENDER, "defers", "450 4.1.8", (When.MX,)),
    Reaction("Exim", EXIM_SENDER, "defers", "451", (When.MX,)),
    Reaction("Exim", EXIM_SENDER, "defers", "451", (When.NO_ADDRESS,)),
    Reaction("OpenSMTPD", OPENSMTPD_REVERSE, "refuses", when=(When.PTR,)),
    Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "refuses", when=(When.PTR_OR_ONLY_CONFIRM,)),
)


class Finding(NamedTuple):
    """One thing that can be found: its name, its default state, when it is reported.

    ``option`` is the one that it is looked for with only. ``reactions`` are what receivers do
    meanwhile. Those of a program are proven by tests against the real one.
    """

    name: str
    default: ServiceState
    sentence: str
    reactions: tuple[Reaction, ...] = ()
    option: str = ""

    @property
    def when(self) -> str:
        """When it is reported, in a sentence or two."""
        return f"With --{self.option}: {self.sentence}" if self.option else self.sentence


FINDINGS = {
    finding.name: finding
    for finding in (
        Finding(
            "no-such-domain",
            Critical,
            "The domain does not exist (NXDOMAIN).",
            (
                Reaction("Postfix", POSTFIX_SENDER, "refuses", "450 4.1.8"),
                Reaction("Exim", EXIM_SENDER, "refuses", "550"),
            ),
        ),
        Finding(
            "implicit-mx",
            Warn,
            "The domain has no MX record: receivers fall back to its own addresses"
            " (RFC 5321, 5.1); those are checked.",
            TO_HOST,
        ),
        Finding(
            "null-mx",
            Warn,
            'The domain declares with "MX 0 ." that it takes no mail (RFC 7505); nothing to check.',
            (
                Reaction("Postfix", POSTFIX_SENDER, "refuses", "550 5.7.27"),
                Reaction("Exim", EXIM_SENDER, "refuses", "550"),
            ),
        ),
        Finding(
            "invalid-mx",
            Critical,
            'An MX target is an IP address in letters, "." beside other MX records,'
            " or no host name.",
            (
                Reaction("Postfix", "", RETURNS, "5.1.0", (When.MX_ROOT,)),
                Reaction("Postfix", "", DELIVERS, when=(When.MX_ADDRESS,)),
                Reaction("Exim", "", RETURNS, when=(When.MX_ADDRESS, When.ALONE)),
            ),
        ),
        Finding(
            "mx-is-alias",
            Warn,
            "An MX target is a CNAME (RFC 2181, 10.3); the chain is followed.",
            TO_HOST,
        ),
        Finding(
            "no-address",
            Critical,
            "A mail host has neither A nor AAAA record, or does not exist.",
            (
                Reaction("Postfix", "", RETURNS, "5.4.4", (When.ALONE,)),
                Reaction("Exim", "", RETURNS, when=(When.ALONE,)),
                Reaction("Postfix", "", DELIVERS, when=(When.OTHERS,)),
                Reaction("Exim", "", DELIVERS, when=(When.OTHERS,)),
                Reaction("Postfix", POSTFIX_EHLO, "refuses", "450 4.7.1", (When.EHLO_NOWHERE,)),
                Reaction("Exim", EXIM_EHLO, "refuses", "550", (When.EHLO_NOWHERE,)),
                Reaction(
                    "Rspamd",
                    "",
                    "scores HFILTER_HELO_IP_A (1.0) and HFILTER_HELO_NORES_A_OR_MX (0.3)",
                    when=(When.EHLO_NOWHERE, When.EHLO_WITHOUT_WORDS, When.PUBLIC),
                ),
            ),
        ),
        Finding(
            "private-address",
            Ok,
            "The address is private (RFC 1918, RFC 4193, RFC 6598); it is checked like any other.",
        ),
        Finding(
            "unusable-address",
            Critical,
            "Loopback, unspecified, link-local, multicast, broadcast or reserved address:"
            " no mail can arrive there.",
        ),
        Finding(
            "missing-ptr",
            Critical,
            "The address has no PTR record.",
            (
                *GMAIL,
                *NO_REVERSE_NAME,
                Reaction("OpenSMTPD", OPENSMTPD_REVERSE, "refuses"),
                Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "refuses"),
                Reaction(
                    "Rspamd",
                    "",
                    "scores RDNS_NONE (1.0) and HFILTER_HOSTNAME_UNKNOWN (2.5)",
                    when=(When.PUBLIC,),
                ),
                Reaction("SpamAssassin", "", "scores RDNS_NONE (0.8 to 2.4)", when=(When.PUBLIC,)),
            ),
        ),
        Finding(
            "unconfirmed-ptr",
            Critical,
            "No PTR name resolves back to the address: forward-confirmed reverse DNS"
            " (iprev, RFC 8601) fails.",
            (
                *GMAIL,
                Reaction("Postfix", POSTFIX_CLIENT, "refuses", "450 4.7.25"),
                Reaction("Postfix", POSTFIX_REVERSE, "accepts"),
                Reaction("Exim", EXIM_CLIENT, "refuses", "550"),
                Reaction("OpenSMTPD", OPENSMTPD_REVERSE, "accepts"),
                Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "refuses"),
                *NO_CONFIRMED_NAME,
            ),
        ),
        Finding(
            "invalid-ptr",
            Critical,
            "No PTR name is a host name; most receivers throw such names away unseen.",
            (
                *NO_REVERSE_NAME,
                Reaction("OpenSMTPD", OPENSMTPD_REVERSE, "refuses", when=(When.BAD_LETTERS,)),
                Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "refuses", when=(When.BAD_LETTERS,)),
                *NO_CONFIRMED_NAME,
            ),
        ),
        Finding(
            "mixed-ptr",
            Warn,
            "Some PTR names confirm the address and some do not:"
            " receivers that look at one of them decide by chance.",
            (
                Reaction("Postfix", POSTFIX_CLIENT, "decides by chance", "450 4.7.25"),
                Reaction("Exim", EXIM_CLIENT, "accepts"),
                Reaction("OpenSMTPD", OPENSMTPD_CLIENT, "decides by chance"),
            ),
        ),
        Finding(
            "name-mismatch",
            Warn,
            "The address is confirmed, but no PTR name is the mail host, which is your own: the"
            " domain, below or above it, or a --sender.",
            ANY_CONFIRMED_NAME,
        ),
        Finding(
            "provider-name",
            Ok,
            "The same of any other mail host: whoever runs it names it as they like, and no"
            " receiver minds. A hoster sets --state provider-name=warning.",
            ANY_CONFIRMED_NAME,
        ),
        Finding(
            "helo-mismatch",
            Warn,
            "With --sender ADDRESS=NAME: the name that a sender gives in EHLO does not resolve to"
            " the address, or is no PTR name of it. It stands in place of name-mismatch there.",
            (
                Reaction("Exim", EXIM_EHLO, "refuses", "550", (When.EHLO_ELSEWHERE,)),
                Reaction("Postfix", POSTFIX_EHLO, "accepts", when=(When.EHLO_RESOLVES,)),
                Reaction("Postfix", POSTFIX_EHLO_DOT, "accepts", when=(When.EHLO_RESOLVES,)),
                Reaction("Exim", EXIM_EHLO, "accepts", when=(When.EHLO_LEADS_BACK,)),
            ),
        ),
        Finding(
            "underscore-ptr",
            Warn,
            "A PTR name that confirms has an underscore: no host name by RFC 1123.",
            ANY_CONFIRMED_NAME,
        ),
        Finding(
            "generic-ptr",
            Warn,
            "A PTR name that confirms spells out its address, as those of dial-up pools do, or has"
            " a word for a kind of line (dynamic, pool, dsl, ...) that a spam filter scores.",
            (
                *ANY_CONFIRMED_NAME,
                *(
                    Reaction(score.filter, "", f"scores {score}", when=(When.SOME_NAMES,))
                    for score in (HFILTER_HOSTNAME, RDNS_DYNAMIC)
                ),
            ),
        ),
        Finding(
            "dns-failure",
            Critical,
            "A name server answered that it could not (SERVFAIL, REFUSED, a CNAME loop, ...).",
            FAILED_LOOKUP,
        ),
        Finding(
            "dns-timeout", Unknown, "No name server answered in the time allowed.", FAILED_LOOKUP
        ),
        Finding(
            "inconsistent-ptr",
            Critical,
            "the name servers of the reverse zone give different PTR records,"
            " or one lacks them; the odd one is named.",
            option="authoritative",
        ),
        Finding(
            "inconsistent-mx",
            Warn,
            "the name servers of the domain give different MX records.",
            option="authoritative",
        ),
        Finding(
            "inconsistent-address",
            Critical,
            "the name servers of a mail host of your own give different addresses, with different"
            " serials, or one lacks them.",
            option="authoritative",
        ),
        Finding(
            "inconsistent-ns",
            Warn,
            "the parent zone delegates to other name servers, or with other glue,"
            " than the zone itself lists.",
            option="authoritative",
        ),
        Finding(
            "lame-server",
            Warn,
            "a name server that a zone lists does not answer, refuses, or is not authoritative.",
            option="authoritative",
        ),
        Finding(
            "spf-error",
            Warn,
            "the SPF record is missing, double, malformed or over its limits (RFC 7208).",
            option="spf",
        ),
        Finding(
            "smtp-silent",
            Critical,
            "the connection was established and then nothing came.",
            (Reaction("senders", "", "wait, try again for days, then return the mail", RETRY),),
            option="smtp",
        ),
        Finding(
            "smtp-failure",
            Critical,
            "no connection, or a greeting that is not 220.",
            (Reaction("senders", "", "try the domain's other mail hosts, if it has any", HOSTS),),
            option="smtp",
        ),
        Finding(
            "banner-mismatch",
            Warn,
            "the host name in the greeting is not a PTR name of the address.",
            (Reaction("senders", "", "deliver nevertheless"),),
            option="smtp",
        ),
        Finding(
            "too-many",
            Warn,
            "More mail hosts, addresses or PTR names than are followed, or lookups than are made;"
            " the number left out is given.",
        ),
    )
}
STATES = {"ok": Ok, "warning": Warn, "critical": Critical, "unknown": Unknown}

# A proven fault outranks a lookup that did not end, so UNKNOWN must not hide CRITICAL.
WORST_FIRST = (Critical, Warn, Unknown, Ok)

# The stages of the walk, whose lookups are timed apart, and how a threshold names them.
STAGES = {
    "mx": "MX lookup",
    "address": "address lookup",
    "ptr": "PTR lookup",
    "confirm": "confirming lookup",
    "spf": "SPF lookup",
    "smtp": "SMTP greeting",
}

# The performance data, in the order of the output.
PERFDATA = (
    "time",
    *(f"{stage}_time" for stage in STAGES),
    "mail_hosts",
    "addresses",
    "missing_ptr",
    "unconfirmed_ptr",
    "name_mismatch",
    "dns_errors",
)


class LeftOut(enum.Enum):
    """Of what there was too much in a domain to follow it."""

    HOSTS = enum.auto()
    ADDRESSES = enum.auto()
    LOOKUPS = enum.auto()


class Problem(Value):
    """A finding made of a fact, and how bad it is.

    ``finding`` is "" for a latency outside its range, of which ``about`` is the text. Else that is
    the part of the fact that the finding is about, if not the whole: an ``Edge`` whose lookup
    failed, a ``PtrName``, a ``ServerAnswer``, an ``SpfError``, a ``LeftOut``.
    """

    finding: str
    state: ServiceState
    fact: Any
    about: Any


class Judgement(nagiosplugin.Result):
    """The findings made of one fact; its state is that of the worst."""

    problems: tuple[Problem, ...]

    @classmethod
    def on(cls, metric: nagiosplugin.Metric, problems: Iterable[Problem]) -> Judgement:
        problems = tuple(problems)
        state = min((p.state for p in problems), key=WORST_FIRST.index, default=Ok)
        judgement = cls(state, None, metric)
        judgement.problems = problems
        return judgement
