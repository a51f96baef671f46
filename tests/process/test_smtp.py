"""--smtp against servers that misbehave."""

from __future__ import annotations

import collections
import json
import re
import subprocess
import sys

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Program, uncovered, zone

TRIAL = "tests.helpers.smtp_trial"
SOUND = "1 mail host, 1 address, reverse DNS matches"
MAIL = "SMTP server 192.0.2.25 (mail.example.com)"
SERVER = r"SMTP server 192\.0\.2\.25 \(mail\.example\.com\)"


def trial(program: Program, behaviour: str, *arguments: str) -> tuple[Output, str]:
    """Return what the plugin printed, and what it said to the SMTP server."""
    namespace = ("unshare", "--map-root-user", "--net")
    command = [*namespace, sys.executable, "-m", TRIAL, behaviour]
    ended = subprocess.run(
        [*command, str(program.python), str(program.file), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=uncovered(),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    return Output(told["code"], told["stdout"], ended.stderr, told["seconds"]), told["heard"]


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
    ],
)
def test_greeting(program: Program, behaviour: str, code: int, status: str) -> None:
    output, heard = trial(program, behaviour)
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


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        pytest.param(
            "stays-silent",
            rf"{SERVER} established the connection and then said nothing \(waited [01]\.\d s\)"
            r" \[smtp-silent\]",
            id="crit-silent-the-symptom-itself",
        ),
        pytest.param(
            "octet-a-second",
            rf"{SERVER} said 22?0?, no whole greeting \(waited [01]\.\d s\) \[smtp-failure\]",
            id="crit-an-octet-a-second",
        ),
    ],
)
def test_greeting_that_never_ends_is_ended_by_the_deadline(
    program: Program, behaviour: str, status: str
) -> None:
    output, heard = trial(program, behaviour, "-t", "2")
    assert re.fullmatch(rf"REVERSE_MX CRITICAL - example\.com: {status}", output.status)
    assert output.seconds < 2.3
    assert heard == ""


def test_server_is_connected_to_while_the_reverse_name_is_looked_for(program: Program) -> None:
    output, heard = trial(program, "greets-late-dns", "-t", "1.5")
    assert re.fullmatch(
        r"REVERSE_MX UNKNOWN - example\.com: PTR lookup of [^;]* \[dns-timeout\]", output.status
    )
    assert heard == "QUIT\r\n"


def test_greeting_is_shown_with_v(program: Program) -> None:
    output, _ = trial(program, "greets", "-v")
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
def test_what_to_do(
    program: Program, behaviour: str, arguments: tuple[str, ...], lines: list[str]
) -> None:
    output, _ = trial(program, behaviour, "-v", *arguments)
    said = [re.sub(r"(?<=waited )\S+", "N", line) for line in output.long]
    assert said[: said.index("example.com")] == lines


@pytest.mark.parametrize(
    ("behaviour", "lines"),
    [
        pytest.param(
            "greets-in-vain-without-a-route",
            [
                "[UNKNOWN] dns-timeout: SMTP server 198.51.100.25 (mail.example.com) was not tried,"
                " as there is no way to it from here (no route to host)",
            ],
            id="unknown-no-route-from-here",
        ),
        pytest.param(
            "greets-in-vain-without-a-neighbour",
            [
                "[CRITICAL] smtp-failure: SMTP server 198.51.100.25 (mail.example.com) cannot be"
                " connected to (no route to host)",
                "  hint: is the host up, and the port open all the way? Many providers close",
                "    port 25 on the way out: the same from elsewhere tells",
                "  meanwhile: senders (RFC 5321, 5.1) try the domain's other mail hosts, if it",
                "    has any",
            ],
            id="crit-nobody-there",
        ),
    ],
)
def test_no_route_of_its_own_is_told_from_nobody_there(
    program: Program, behaviour: str, lines: list[str]
) -> None:
    output, _ = trial(program, behaviour, "-v")
    assert output.long[: output.long.index("example.com")] == lines


def test_what_a_provider_greets_with_is_not_the_users_to_change(program: Program) -> None:
    output, _ = trial(program, "greets-as-another-at-a-provider", "-v")
    assert output.long[:3] == [
        "[WARNING] banner-mismatch: SMTP server 192.0.2.25 (mail.example.net) greets as"
        " other.example.net, but its PTR is mail.example.net",
        "  meanwhile: senders deliver nevertheless",
        "example.com",
    ]


def test_host_without_a_way_to_the_server_learns_nothing(program: Program) -> None:
    output, _ = trial(program, "greets-without-ipv6", "-v")
    assert (output.code, output.long) == (
        3,
        [
            "[UNKNOWN] dns-timeout: SMTP server 2001:db8::25 (mail.example.com) was not tried, as"
            " there is no way to it from here (network is unreachable)",
            "  hint: -4 leaves IPv6 addresses out, if this host is to have none",
            "example.com",
            "  MX 10 mail.example.com",
            "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
            "      SMTP: 220 mail.example.com ESMTP",
            "    [OK] 2001:db8::25 PTR mail.example.com AAAA 2001:db8::25",
            "      SMTP: not tried",
        ],
    )


def test_silent_servers_of_a_domain_take_no_time_from_those_of_another(program: Program) -> None:
    """Fifty connections are open for a domain; the sound one is told of in a line."""
    output, heard = trial(
        program, "greets-one-domain-of-two", "-v", "-t", "2", "-d", "a.example.net"
    )
    assert output.seconds < 2.3
    assert heard == "QUIT\r\n"
    assert len(re.findall("said nothing .waited", "\n".join(output.long))) == 50
    assert len(re.findall("was not tried, the time was up", "\n".join(output.long))) == 10
    assert output.long[-1] == "[OK] example.com: 1 mail host, 1 address"


def test_server_that_waited_for_its_turn_is_not_called_silent(program: Program) -> None:
    """Ten of sixty get a connection when the others have greeted, and 1.2 s of the 3 s it takes."""
    arguments = ("-v", "-t", "6", "-d", "a.example.net")
    output, _ = trial(program, "greets-of-a-domain-after-three-seconds", *arguments)
    assert "smtp-silent" not in output.stdout
    told = re.findall(r"SMTP: (220|not tried)", "\n".join(output.long))
    assert collections.Counter(told) == {"220": 51, "not tried": 10}


def test_banner_is_compared_with_every_ptr_name(program: Program) -> None:
    output, _ = trial(program, "greets-as-another-than-both")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: SMTP server 192.0.2.25 (mail.example.com) greets as"
        " other.example.net, but its PTR is mail.example.com, www.example.com [banner-mismatch]"
    )


def test_threshold_on_the_greeting(program: Program) -> None:
    output, _ = trial(program, "greets", "-c", "@0:5")
    assert output.code == 2
    assert re.search(r"slowest SMTP greeting took \S+ \(outside range @0:5\)", output.status)


def test_unusable_address_is_never_connected_to(program: Program) -> None:
    text = "example.com. MX 10 mail.example.com.\nmail.example.com. A 127.0.0.1"
    with NameServer(zone(text)) as server:
        output = program.ask(server, "-d", "example.com", "--smtp", "--smtp-port", str(server.port))
    assert "smtp_time" not in output.perfdata
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: 127.0.0.1 (mail.example.com) is a loopback address"
        " [unusable-address]"
    )


def test_without_smtp_no_asyncio_is_loaded(program: Program) -> None:
    """Start-up is paid at every check."""
    code = "import sys, check_reverse_mx; print('asyncio' in sys.modules)"
    ended = subprocess.run(
        [program.python, "-c", code],
        cwd=program.file.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "False\n"
