"""--smtp against real Postfix, as a client whose own address has no reverse DNS.

Postfix, the name servers and the plugin run in namespaces of their own; this file is also the
script that runs there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.plugin import PYTHONS, Output, Program, zone
from tests.helpers.realservers import FOLDER, Bind, Unbound
from tests.helpers.receivers import (
    NAMESPACES,
    add_addresses,
    hide_the_machine,
    postfix,
    run_in_namespaces,
)

ZONES = {
    "example.com": "@ MX 10 mail\nmail A 192.0.2.25",
    # None for 192.0.2.1, which the plugin connects from.
    "2.0.192.in-addr.arpa": zone("192.0.2.25 PTR mail.example.com."),
}
EARLY = ("myhostname=mail.example.com", "smtpd_delay_reject=no")
UNKNOWN = "smtpd_client_restrictions=reject_unknown_client_hostname"
WITHOUT_PTR = "smtpd_client_restrictions=reject_unknown_reverse_client_hostname"
SERVERS = {
    25: ("myhostname=mail.example.com",),
    2501: ("myhostname=mx.example.net",),
    2502: (*EARLY, WITHOUT_PTR),
    2503: (*EARLY, UNKNOWN),
    2504: (*EARLY, UNKNOWN, "unknown_client_reject_code=554"),
    2505: ("myhostname=mail.example.com", UNKNOWN),
}
OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
SERVER = "SMTP server 192.0.2.25 (mail.example.com)"
NO_NAME = "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]"
NO_NAME_554 = "554 5.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]"
NO_PTR = "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]"
CLIENT = "unknown[192.0.2.1]"
SECONDS = 20


class Session(NamedTuple):
    """What the plugin gave, and what the smtpd that it met logged."""

    output: Output
    log: list[str]


# By the name of the interpreter, and the port.
Sessions = dict[tuple[str, int], Session]


def main(folder: Path, directory: Path) -> None:
    """Run the plugin on each server, under each interpreter."""
    hide_the_machine(directory)
    add_addresses()
    sessions = []
    with Bind(folder, ZONES, recursion=False) as bind:
        stubs = dict.fromkeys(ZONES, (bind.address, bind.port))
        with Unbound(folder, stubs, port=53), postfix(folder, directory, SERVERS):
            for name, python in PYTHONS.items():
                for port in SERVERS:
                    smtp = ("--smtp",) if port == 25 else ("--smtp", "--smtp-port", str(port))
                    arguments = ("-s", "127.0.0.1", "-d", "example.com", "-v", "-t", "50")
                    heard = len(smtpd_log(directory))
                    output = Program(python)(*arguments, *smtp)
                    log = wait_for_the_end(directory, heard)
                    sessions.append((name, port, asdict(output), log))
    (directory / "sessions").write_text(json.dumps(sessions))


def smtpd_log(directory: Path) -> list[str]:
    """What the servers said, line by line, without time and process."""
    log = directory / "maillog"
    return re.findall(r"/smtpd\[\d+\]: (.*)\n", log.read_text()) if log.exists() else []


def wait_for_the_end(directory: Path, heard: int) -> list[str]:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        log = smtpd_log(directory)[heard:]
        if log and log[-1].startswith("disconnect from "):
            return log
        time.sleep(0.02)
    raise RuntimeError("smtpd logged no end of the session")


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    trial = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if trial.returncode:
        reason = f"real Postfix needs Linux namespaces: {trial.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="smtp-postfix-") as temporary:
        directory = Path(temporary)
        run_in_namespaces("tests.world.test_smtp_postfix", FOLDER, directory)
        played = json.loads((directory / "sessions").read_text())
    return {(name, port): Session(Output(**output), log) for name, port, output, log in played}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "port",
    [
        pytest.param(25, id="ok-postfix-greets"),
        # By default Postfix refuses a client only after RCPT TO, which --smtp does not say.
        pytest.param(2505, id="ok-postfix-that-delays-its-refusal-greets"),
    ],
)
def test_greets(port: int, python: str, sessions: Sessions) -> None:
    output = sessions[python, port].output
    assert (output.status, output.code, output.stderr) == (OK, 0, "")
    assert output.long[-1] == "      SMTP: 220 mail.example.com ESMTP Postfix"
    assert re.fullmatch(r"\d+\.\d+s;;;0", output.perfdata["smtp_time"])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("port", "finding", "state", "text", "reply"),
    [
        pytest.param(
            2501,
            "banner-mismatch",
            "WARNING",
            "greets as mx.example.net, but its PTR is mail.example.com",
            "220 mx.example.net ESMTP Postfix",
            id="warn-banner-mismatch",
        ),
        pytest.param(
            2502,
            "smtp-failure",
            "CRITICAL",
            f"refuses this client with {NO_PTR}",
            NO_PTR,
            id="crit-postfix-refuses-clients-without-reverse-dns",
        ),
        pytest.param(
            2503,
            "smtp-failure",
            "CRITICAL",
            f"refuses this client with {NO_NAME}",
            NO_NAME,
            id="crit-postfix-refuses-unknown-clients",
        ),
        pytest.param(
            2504,
            "smtp-failure",
            "CRITICAL",
            f"refuses this client with {NO_NAME_554}",
            NO_NAME_554,
            id="crit-postfix-refuses-unknown-clients-for-good",
        ),
    ],
)
def test_finds(
    port: int, finding: str, state: str, text: str, reply: str, python: str, sessions: Sessions
) -> None:
    output = sessions[python, port].output
    status = f"REVERSE_MX {state} - example.com: {SERVER} {text} [{finding}]"
    code = {"WARNING": 1, "CRITICAL": 2}[state]
    assert (output.status, output.code, output.stderr) == (status, code, "")
    assert output.long[0] == f"[{state}] {finding}: {SERVER} {text}"
    assert output.long[-1] == f"      SMTP: {reply}"
    assert re.fullmatch(r"\d+\.\d+s;;;0", output.perfdata["smtp_time"])


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("port", "refusals"),
    [
        pytest.param(25, [], id="quit-alone-after-a-greeting"),
        pytest.param(2501, [], id="quit-alone-after-another-name"),
        pytest.param(2502, [NO_PTR], id="quit-alone-after-no-reverse-dns"),
        pytest.param(2503, [NO_NAME], id="quit-alone-after-unknown-client"),
        pytest.param(2504, [NO_NAME_554], id="quit-alone-after-unknown-client-for-good"),
        pytest.param(2505, [], id="quit-alone-before-a-delayed-refusal"),
    ],
)
def test_says_quit_and_nothing_else(
    port: int, refusals: list[str], python: str, sessions: Sessions
) -> None:
    assert sessions[python, port].log == [
        f"connect from {CLIENT}",
        *(f"NOQUEUE: reject: CONNECT from {CLIENT}: {reply}; proto=SMTP" for reply in refusals),
        f"disconnect from {CLIENT} quit=1 commands=1",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
