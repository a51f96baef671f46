"""However the process ends: one line, exit code 3, no traceback."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest
from conftest import Plugin
from nameserver import NameServer


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("-h",), id="help"),
        pytest.param(("-V",), id="version"),
        pytest.param(("-d", "example.com", "-v"), id="check"),
        pytest.param(("-d", ""), id="wrong-argument"),
    ],
)
@pytest.mark.parametrize("where", ["full-disk", "closed-pipe", "closed-descriptor"])
def test_output_that_nobody_can_read_is_unknown(
    plugin: Plugin, arguments: tuple[str, ...], where: str
) -> None:
    redirection = {"full-disk": ">/dev/full", "closed-pipe": "|:", "closed-descriptor": ">&-"}
    script = (
        f'exec "$@" {redirection[where]}'
        if where != "closed-pipe"
        else ('set -o pipefail; { sleep 0.2; "$@"; } | :')
    )
    with NameServer("") as server:
        output = plugin.ask(server, *arguments, within=("bash", "-c", script, "bash"))
    assert (output.code, output.stdout, output.stderr) == (3, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_check_is_unknown(plugin: Plugin, number: signal.Signals) -> None:
    with NameServer("! * * drop") as server:
        process = subprocess.Popen(
            [
                *(str(plugin.python), str(plugin.file), "-s", server.address),
                *("-p", str(server.port), "-d", "example.com"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell has jobs in the background ignore SIGINT, and they hand that down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        end = time.monotonic() + 20
        while not server.queries and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout, stderr) == (3, "REVERSE_MX UNKNOWN - interrupted\n", "")
