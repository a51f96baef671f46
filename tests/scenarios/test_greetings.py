"""--smtp against servers that misbehave: what they greet with, and what is said of that."""

from __future__ import annotations

import re

import pytest

from reverse_mx.names import name_of
from reverse_mx.smtp_reply import Greeting, GreetingEnd, ReplyLine, read_reply_line
from tests.helpers.plugin import InProcess, Output
from tests.helpers.smtp_trial import mail_host

SOUND = "1 mail host, 1 address, reverse DNS matches"
MAIL = "SMTP server 192.0.2.25 (mail.example.com)"
SERVER = r"SMTP server 192\.0\.2\.25 \(mail\.example\.com\)"


def trial(behaviour: str, *arguments: str) -> tuple[Output, str]:
    """Return what the plugin printed, and what it said to the SMTP server."""
    with mail_host(behaviour) as (where, smtp):
        output = InProcess(real_clock=True)(*arguments, *where)
    return output, smtp.heard.decode("latin-1") if smtp else ""


@pytest.mark.parametrize(
    ("behaviour", "code", "status"),
    [
        pytest.param("greets", 0, SOUND, id="ok-greets"),
        pytest.param(
            "greets-in-lines",
            0,
            SOUND,
            id="ok-greets-in-several-lines",
        ),
        pytest.param(
            "greets-in-upper-case",
            0,
            SOUND,
            id="ok-case-of-the-banner",
        ),
        pytest.param(
            "greets-as-another",
            1,
            rf"{SERVER} greets as other\.example\.net, but its PTR is mail\.example\.com"
            r" \[banner-mismatch\]",
            id="warn-banner-mismatch",
        ),
        pytest.param(
            "greets-as-nobody",
            1,
            rf"{SERVER} greets as no name, but its PTR is mail\.example\.com \[banner-mismatch\]",
            id="warn-banner-without-name",
        ),
        pytest.param(
            "greets-with-an-empty-label",
            1,
            rf"{SERVER} greets as no name, but its PTR is mail\.example\.com \[banner-mismatch\]",
            id="warn-banner-that-is-no-name",
        ),
        pytest.param(
            "greets-as-an-address",
            1,
            rf"{SERVER} greets as no name, but its PTR is mail\.example\.com \[banner-mismatch\]",
            id="warn-banner-with-an-address",
        ),
        pytest.param(
            "greets-as-two",
            1,
            rf"{SERVER} greets as a\.example\.net, b\.example\.net, but its PTR is"
            r" mail\.example\.com \[banner-mismatch\]",
            id="warn-banner-with-two-names",
        ),
        pytest.param("greets-in-the-last-line", 0, SOUND, id="ok-name-in-the-last-line"),
        pytest.param("greets-with-a-line-without-code", 0, SOUND, id="ok-line-without-code"),
        pytest.param("greets-with-codes-alone", 0, SOUND, id="ok-end-without-blank"),
        pytest.param("greets-with-a-dot-behind", 0, SOUND, id="ok-name-with-a-final-dot"),
        pytest.param("greets-and-goes-on", 0, SOUND, id="ok-nothing-counts-behind-the-end"),
        pytest.param("greets-after-a-pause", 0, SOUND, id="ok-pause-before-the-end"),
        pytest.param(
            "teases-and-refuses",
            2,
            rf"{SERVER} refuses this client with 220-mail\.example\.com ESMTP / 521 not for you"
            r" \[smtp-failure\]",
            id="crit-521-in-the-last-line",
        ),
        pytest.param(
            "refuses-and-greets",
            2,
            rf"{SERVER} refuses this client with 554-not for you / 220 mail\.example\.com ESMTP"
            r" \[smtp-failure\]",
            id="crit-554-in-the-first-line",
        ),
        pytest.param(
            "says-2200",
            2,
            rf"{SERVER} said 2200 mail\.example\.com, no whole greeting \(it closed the"
            r" connection\) \[smtp-failure\]",
            id="crit-code-of-four-digits",
        ),
        pytest.param(
            "says-250",
            2,
            rf"{SERVER} greets with 250 mail\.example\.com \[smtp-failure\]",
            id="crit-250",
        ),
        pytest.param(
            "says-octets",
            2,
            rf"{SERVER} greets with 250 \\252\\233 \[smtp-failure\]",
            id="crit-octets-as-they-are",
        ),
        pytest.param(
            "loses-its-code",
            2,
            rf"{SERVER} said 220-\*+ / \*+, no whole greeting \(it closed the connection\)"
            r" \[smtp-failure\]",
            id="crit-end-without-code",
        ),
        pytest.param(
            "ends-within-a-line",
            2,
            rf"{SERVER} said 220 mail\.example\.com, no whole greeting \(it closed the"
            r" connection\) \[smtp-failure\]",
            id="crit-line-without-end",
        ),
        pytest.param(
            "resets",
            2,
            rf"{SERVER} established the connection and then broke it off \(connection reset by"
            r" peer\) \[smtp-failure\]",
            id="crit-reset",
        ),
        pytest.param(
            "refuses",
            2,
            rf"{SERVER} refuses this client with 554 no mail from you \[smtp-failure\]",
            id="crit-554",
        ),
        pytest.param(
            "refuses-for-now",
            2,
            rf"{SERVER} refuses this client with 421-busy / 421 come back \[smtp-failure\]",
            id="crit-421-in-several-lines",
        ),
        pytest.param(
            "says-nonsense",
            2,
            rf"{SERVER} said hello\\027\[31m\\124, no whole greeting \(it closed the connection\)"
            r" \[smtp-failure\]",
            id="crit-no-smtp-escaped",
        ),
        pytest.param(
            "closes-at-once",
            2,
            rf"{SERVER} established the connection and then said nothing \(it closed the"
            r" connection\) \[smtp-silent\]",
            id="crit-closed-at-once",
        ),
        pytest.param(
            "nothing-listens",
            2,
            rf"{SERVER} cannot be connected to \(connection refused\) \[smtp-failure\]",
            id="crit-connection-refused",
        ),
        pytest.param(
            "megabyte",
            2,
            rf"{SERVER} said 220-x+ / 220-x+\.\.\., no whole greeting \(the greeting has more than"
            r" 8192 octets\) \[smtp-failure\]",
            id="crit-a-megabyte-of-greeting",
        ),
        pytest.param("greets-in-8192-octets", 0, SOUND, id="ok-as-many-octets-as-may-be"),
        pytest.param(
            "says-8193-octets",
            2,
            rf"{SERVER} said 220-x+ / 220-x+\.\.\., no whole greeting \(the greeting has more than"
            r" 8192 octets\) \[smtp-failure\]",
            id="crit-one-octet-more-than-may-be",
        ),
    ],
)
def test_greeting(behaviour: str, code: int, status: str) -> None:
    output, heard = trial(behaviour)
    word = ("OK", "WARNING", "CRITICAL")[code]
    assert re.fullmatch(rf"REVERSE_MX {word} - example\.com: {status}", output.status)
    assert (output.code, output.stderr) == (code, "")
    assert heard in ("", "QUIT\r\n")
    if behaviour.startswith("greets"):
        assert heard == "QUIT\r\n"
    assert output.counts == (
        "time mx_time address_time ptr_time confirm_time smtp_time mail_hosts=1 addresses=1"
        " missing_ptr=0 unconfirmed_ptr=0 name_mismatch=0 dns_errors=0"
    )


def test_greeting_is_shown_with_v() -> None:
    output, _ = trial("greets", "-v")
    assert output.long == [
        "example.com",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        "      SMTP: 220 mail.example.com ESMTP",
    ]


@pytest.mark.parametrize(
    ("behaviour", "arguments", "lines"),
    [
        pytest.param(
            "closes-at-once",
            (),
            [
                f"[CRITICAL] smtp-silent: {MAIL} "
                "established the connection and then said nothing (it closed the connection)",
                "  hint: the server's log says why it closes the connection: an access or block",
                "    list, too many connections",
                "  meanwhile: senders (RFC 5321, 4.5.4.1) wait, try again for days, then return",
                "    the mail",
            ],
            id="closed",
        ),
        pytest.param(
            "stays-silent",
            ("-t", "1"),
            [
                f"[CRITICAL] smtp-silent: {MAIL} "
                "established the connection and then said nothing (waited N s)",
                "  hint: a longer -t may do, if the server pauses before it greets (Postfix's",
                "    postscreen, a greet pause) or waits for the reverse DNS of this host",
                "  hint: the port may expect TLS from the first octet on, as 465 does, and",
                "    greets after it",
                "  meanwhile: senders (RFC 5321, 4.5.4.1) wait, try again for days, then return",
                "    the mail",
            ],
            id="silent",
        ),
        pytest.param(
            "greets-after-a-pause",
            ("-t", "1"),
            [
                f"[CRITICAL] smtp-failure: {MAIL} "
                "said 220-mail.example.com ESMTP, no whole greeting (waited N s)",
                "  hint: a longer -t may do, if the server pauses before it greets (Postfix's",
                "    postscreen, a greet pause) or waits for the reverse DNS of this host",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="unfinished",
        ),
        pytest.param(
            "loses-its-code",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} "
                "said 220-******************** / ************************, no whole greeting"
                " (it closed the connection)",
                "  fix: have the firewall's inspection of SMTP turned off, or whatever else",
                "    rewrites the greeting: each of its lines begins with a code (RFC 5321, 4.2)",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="rewritten-by-a-firewall",
        ),
        pytest.param(
            "says-nonsense",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} "
                "said hello\\027[31m\\124, no whole greeting (it closed the connection)",
                "  hint: what listens there does not speak SMTP: each line of a greeting begins",
                "    with 220 (RFC 5321, 4.2)",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="no-smtp",
        ),
        pytest.param(
            "resets",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} "
                "established the connection and then broke it off (connection reset by peer)",
                "  hint: the server's log says why it closes the connection: an access or block",
                "    list, too many connections",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="reset",
        ),
        pytest.param(
            "refuses",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} refuses this client with 554 no mail from you",
                "  fix: let the monitoring host in; the server's log says why it does not",
                "    (reverse DNS, an access or block list). Others may well get in",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="refused-for-good",
        ),
        pytest.param(
            "refuses-for-now",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} "
                "refuses this client with 421-busy / 421 come back",
                "  fix: let the monitoring host in; the server's log says why it does not for",
                "    now (reverse DNS, a block list, too many connections). Others may well get",
                "    in",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="refused-for-now",
        ),
        pytest.param(
            "nothing-listens",
            (),
            [
                f"[CRITICAL] smtp-failure: {MAIL} cannot be connected to (connection refused)",
                "  fix: have an SMTP server listen there, or the firewall let the port through",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="connection-refused",
        ),
        pytest.param(
            "greets-as-another",
            (),
            [
                f"[WARNING] banner-mismatch: {MAIL} "
                "greets as other.example.net, but its PTR is mail.example.com",
                "  fix: have it greet as mail.example.com (Postfix: myhostname = mail.example.com)",
                "  meanwhile: senders deliver nevertheless",
            ],
            id="banner",
        ),
    ],
)
def test_what_to_do(behaviour: str, arguments: tuple[str, ...], lines: list[str]) -> None:
    output, _ = trial(behaviour, "-v", *arguments)
    said = [re.sub(r"(?<=waited )\S+", "N", line) for line in output.long]
    assert said[: said.index("example.com")] == lines


def test_what_a_provider_greets_with_is_not_the_users_to_change() -> None:
    output, _ = trial("greets-as-another-at-a-provider", "-v")
    assert output.long[:3] == [
        "[WARNING] banner-mismatch: SMTP server 192.0.2.25 (mail.example.net) greets as"
        " other.example.net, but its PTR is mail.example.net",
        "  meanwhile: senders deliver nevertheless",
        "example.com",
    ]


def test_server_that_greets_as_its_host_needs_a_ptr_of_its_own_behind_a_shared_alias() -> None:
    output, _ = trial("greets-behind-a-shared-alias", "-v")
    assert output.long[:7] == [
        "[WARNING] name-mismatch: 192.0.2.25 (mail.example.com) has PTR relay.example.com, not the"
        " name of the mail host",
        "  fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.",
        "  in place of: 25.2.0.192.in-addr.arpa. CNAME both.example.com.",
        "  meanwhile: accepted by Postfix, Exim, OpenSMTPD",
        f"[WARNING] banner-mismatch: {MAIL} greets as mail.example.com, but its PTR is"
        " relay.example.com",
        "  fix: as above",
        "  meanwhile: senders deliver nevertheless",
    ]


def test_banner_is_compared_with_every_ptr_name() -> None:
    output, _ = trial("greets-as-another-than-both")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: SMTP server 192.0.2.25 (mail.example.com) greets as"
        " other.example.net, but its PTR is mail.example.com, www.example.com [banner-mismatch]"
    )


def test_banner_differs_from_no_ptr_name_while_some_were_left_out() -> None:
    output, _ = trial("greets-as-another-than-a-hundred")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: 192.0.2.25 (mail.example.com) has 1 PTR name that was"
        " left out [too-many]"
    )


def test_threshold_on_the_greeting() -> None:
    output, _ = trial("greets", "-c", "@0:5")
    assert output.code == 2
    assert re.search(r"slowest SMTP greeting took \S+ \(outside range @0:5\)", output.status)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        pytest.param(b"220 a b\r\n", ReplyLine(220, True, b"a b"), id="with-text"),
        pytest.param(b"220-a b\r\n", ReplyLine(220, False, b"a b"), id="more-to-come"),
        pytest.param(b"220\r\n", ReplyLine(220, True, b""), id="code-alone"),
        pytest.param(b"220 a \t\r\n", ReplyLine(220, True, b"a \t"), id="blanks-at-the-end"),
        pytest.param(b"220 X\r\n", ReplyLine(220, True, b"X"), id="letter-at-the-end"),
        pytest.param(b"220 a\rb\n", ReplyLine(220, True, b"a\rb"), id="return-within"),
        pytest.param(b"200 a", ReplyLine(200, True, b"a"), id="first-code"),
        pytest.param(b"599 a", ReplyLine(599, True, b"a"), id="last-code"),
        pytest.param(b"199 a", None, id="code-too-low"),
        pytest.param(b"600 a", None, id="code-too-high"),
        pytest.param(b"2200 a", None, id="code-too-long"),
        pytest.param(b"22 a", None, id="code-too-short"),
        pytest.param(b" 220 a", None, id="blank-before"),
        pytest.param(b"220_a", None, id="neither-blank-nor-hyphen"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_line_of_a_reply(line: bytes, read: ReplyLine | None) -> None:
    """RFC 5321, 4.2."""
    assert read_reply_line(line) == read


def greeting(octets: bytes) -> Greeting:
    return Greeting(True, octets, GreetingEnd.WHOLE, 0, 0.1)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        pytest.param(b"220 a", 0, id="greets"),
        pytest.param(b"399 a", 0, id="below-400"),
        pytest.param(b"400 a", 400, id="for-now"),
        pytest.param(b"220-a\r\n521-b\r\n421 c", 521, id="first-of-two"),
    ],
)
def test_code_that_refuses(octets: bytes, code: int) -> None:
    assert greeting(octets).refusal == code


@pytest.mark.parametrize(
    ("octets", "names"),
    [
        pytest.param(b"220 a.example.com x.y", ["a.example.com"], id="first-word-alone"),
        pytest.param(b"220 \t a.example.com", ["a.example.com"], id="behind-blanks"),
        pytest.param(b"220 a_b-1.Example.com;", ["a_b-1.example.com"], id="every-letter"),
        pytest.param(
            b"220-%b.a\r\n220 b.c\r\n" % (b"a" * 64), ["b.c"], id="behind-one-that-is-no-name"
        ),
        pytest.param(
            b"220-b.c\r\n220-a.b\r\n220 B.C\r\n", ["b.c", "a.b"], id="each-once-in-its-order"
        ),
        *(
            pytest.param(b"220 a.b%b x" % mark, ["a.b"], id=f"before-{mark.decode()!r}")
            for mark in (b" ", b".", b",", b":", b";", b"(", b")", b"/")
        ),
        *(
            pytest.param(b"220 a.b%bx" % mark, [], id=f"not-before-{mark.decode()!r}")
            for mark in (b"@", b"!", b"[", b"<")
        ),
        *(
            pytest.param(b"220 a.b.c%bx" % mark, [], id=f"no-part-before-{mark.decode()!r}")
            for mark in (b"@", b"|", b"\0", b"..")
        ),
        pytest.param(b"220 ab", [], id="no-dot"),
        pytest.param(b"220 192.0.2.25", [], id="address"),
    ],
)
def test_names_in_a_greeting(octets: bytes, names: list[str]) -> None:
    assert [*greeting(octets).names] == [*map(name_of, names)]
