"""--smtp where only a process, or a namespace of its own, shows how it ends."""

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
