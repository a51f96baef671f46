"""--smtp against servers that misbehave."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nameserver import NameServer
from plugin import Output, Program, uncovered, zone

TRIAL = Path(__file__).with_name("smtp_trial.py")
SERVER = r"SMTP server 192\.0\.2\.25 \(mail\.example\.com\)"


def trial(program: Program, behaviour: str, *arguments: str) -> tuple[Output, str]:
    """Return what the plugin printed, and what it said to the SMTP server."""
    namespace = ("unshare", "--map-root-user", "--net")
    command = [*namespace, sys.executable, str(TRIAL), behaviour]
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
        pytest.param("greets", 0, "1 mail host, 1 address, reverse DNS matches", id="ok-greets"),
        pytest.param(
            "greets-in-lines",
            0,
            "1 mail host, 1 address, reverse DNS matches",
            id="ok-greets-in-several-lines",
        ),
        pytest.param(
            "greets-in-upper-case",
            0,
            "1 mail host, 1 address, reverse DNS matches",
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
            rf"{SERVER} greets with hello\\027\[31m\\124 \[smtp-failure\]",
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
            r" 65536 octets\) \[smtp-failure\]",
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
            rf"{SERVER} established the connection and then said nothing \(waited 1\.\d s\)"
            r" \[smtp-silent\]",
            id="crit-silent-the-symptom-itself",
        ),
        pytest.param(
            "octet-a-second",
            rf"{SERVER} said 22?0?, no whole greeting \(waited 1\.\d s\) \[smtp-failure\]",
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


def test_no_greeting_is_shown_with_v(program: Program) -> None:
    output, _ = trial(program, "closes-at-once", "-v")
    assert output.long == [
        "[CRITICAL] smtp-silent: SMTP server 192.0.2.25 (mail.example.com) established the"
        " connection and then said nothing (it closed the connection)",
        "example.com",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
        "      SMTP: no greeting",
    ]


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
