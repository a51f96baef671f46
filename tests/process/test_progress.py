"""A long run shows on a terminal how far it is, and leaves nothing of that behind."""

from __future__ import annotations

import os
import pty
import re
import subprocess

from tests.helpers.nameserver import Connection, Datagram, NameServer
from tests.helpers.plugin import Program, zone

MIXED = zone(
    """
    good.example. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    null.example. MX 0 .
    bad.example. MX 10 mail.bad.example.
    mail.bad.example. A 192.0.2.26
    """
)


def run_on_terminal(command: list[str]) -> tuple[str, str]:
    """Return what a command writes to standard output, and to a terminal as standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    stdout, _ = process.communicate(timeout=60)
    shown = b""
    try:
        while octets := os.read(ours, 4096):
            shown += octets
    except OSError:
        pass  # the terminal is gone
    os.close(ours)
    return stdout, shown.decode()


def test_long_run_shows_progress_and_clears_it(program: Program) -> None:
    text = (
        MIXED + "! slow.example. MX delay 1.2\n! slower.example. MX delay 3\nslow.example. MX 0 ."
    )
    with NameServer(text) as server:
        stdout, shown = run_on_terminal(
            [
                *(str(program.python), str(program.file), "-s", server.address),
                *("-p", str(server.port), "-d", "good.example", "slow.example", "slower.example"),
            ]
        )
    assert "2 of 3 done, 1 with problems so far" in shown
    assert shown.endswith("\r\x1b[K")
    assert stdout.startswith("REVERSE_MX CRITICAL - 2 of 3 domains have problems: ")
    assert "\r" not in stdout


class Listening(NameServer):
    """Keeps every datagram that came."""

    def __init__(self, text: str) -> None:
        self.came: list[bytes] = []
        super().__init__(text)

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        self.came.append(wire)
        super().handle(wire, asker)


def test_nothing_is_shown_while_there_is_advice_nor_sent_to_a_name_server(program: Program) -> None:
    """The sockets of the advice have the number that the terminal had."""
    slow = "! bad.example. MX delay 1.2\n! * SOA delay 0.4\n! * NS delay 0.4\n"
    server = Listening(MIXED + slow)
    with server:
        where = ["-s", server.address, "-p", str(server.port), "-t", "5"]
        command = [str(program.python), str(program.file), *where, "-d", "bad.example", "-v"]
        stdout, shown = run_on_terminal(command)
    assert "  fix: 26.2.0.192.in-addr.arpa. PTR mail.bad.example.\n" in stdout
    assert re.fullmatch(r"(\r0 of 1 done, 0 with problems so far\x1b\[K)+\r\x1b\[K", shown)
    assert [wire for wire in server.came if b" done, " in wire] == []


def test_short_run_shows_nothing(program: Program) -> None:
    with NameServer(MIXED) as server:
        where = ["-s", server.address, "-p", str(server.port)]
        command = [str(program.python), str(program.file), *where, "-d", "good.example"]
        _, shown = run_on_terminal(command)
    assert shown == ""


def test_scheduler_sees_no_progress(program: Program) -> None:
    with NameServer(MIXED + "! slow.example. MX delay 1.5") as server:
        output = program.ask(server, "-d", "good.example", "slow.example")
    assert output.stderr == ""
