"""``--json``, however the process ends: one document with the exit code in it, or none."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Program, wait_for
from tests.process.test_on_time import (
    CRITICAL,
    FOR_EVER,
    MANY_HOSTS,
    NO_PTR,
    NOT_JUDGED,
    NOT_READ,
    ONE_HOST,
    TIME_WAS_UP,
    broken,
    command,
    ends_in_time,
    run,
    small_pipe,
)
from tests.process.test_process import INTERRUPTS, is_caught, start, start_command
from tests.scenarios.test_json import document

# What has to do with no library.
pytestmark = pytest.mark.newest


def short(output: Output) -> tuple[str, Any]:
    """The status line of a document without results, and why it has none."""
    whole = document(output)
    assert whole["results"] == []
    assert whole["settings"] is None
    return whole["status"], whole["failure"]


def unknown(reason: str) -> tuple[str, str]:
    return f"REVERSE_MX UNKNOWN - {reason}", reason


@INTERRUPTS
def test_interrupted(program: Program, number: signal.Signals) -> None:
    with NameServer("! * * drop") as server:
        process = start(program, server, "-d", "example.com", "--json")
        wait_for(server, "MX")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=10)
    output = Output(process.returncode, stdout, stderr, 0)
    assert (output.code, short(output)) == (3, unknown("interrupted"))


def test_interrupt_at_any_moment_gives_one_document_or_none(program: Program) -> None:
    endings = set()
    with NameServer(ONE_HOST + "! * * delay 0.02") as server:
        run_it = command(program, server, "--json")
        for moment in range(10):
            process = start_command(run_it)
            time.sleep(0.1 * moment)
            caught = is_caught(process)
            process.terminate()
            stdout, stderr = process.communicate(timeout=30)
            if stdout or caught:
                whole = document(Output(process.returncode, stdout, stderr, 0))
                endings.add(whole["failure"])
            else:
                assert process.returncode == -signal.SIGTERM
    assert endings <= {None, "interrupted"}
    assert "interrupted" in endings


def test_what_was_learnt_when_time_ran_out_is_told(program: Program) -> None:
    with NameServer(ONE_HOST + "! * PTR drop") as server:
        output = program.ask(server, "-d", "example.com", "-t", "3", "--json")
    (result,) = document(output)["results"]
    assert [finding["finding"] for finding in result["findings"]] == ["dns-timeout"]
    assert result["chains"][0]["hosts"][0]["addresses"][0]["confirmation"] == "unknown"
    assert ends_in_time(output, 3)


def test_what_takes_for_ever_is_broken_off(program: Program, tmp_path: Path) -> None:
    slow = broken(program, tmp_path, FOR_EVER + "plugin.ReverseMX.probe = for_ever")
    output = slow("-d", "example.com", "-t", "4", "--json")
    assert (output.code, short(output)) == (3, unknown(NOT_JUDGED))
    assert ends_in_time(output, 4)


def test_verdict_does_not_wait_for_the_results(program: Program, tmp_path: Path) -> None:
    change = "import reverse_mx.document as document\ndocument.Results.add = for_ever"
    with NameServer(NO_PTR) as server:
        output = broken(program, tmp_path, FOR_EVER + change).ask(
            server, "-d", "example.com", "-t", "4", "--json"
        )
    reason = f"{TIME_WAS_UP} the document was put together: very many domains, or a busy machine"
    assert (output.code, short(output)) == (2, (CRITICAL, reason))
    assert "missing_ptr=1;;;0" in document(output)["performance_data"]
    assert ends_in_time(output, 4)


def test_status_line_does_not_wait_for_the_writing(program: Program, tmp_path: Path) -> None:
    """As if others had the machine from the end of the time on."""
    change = (
        "import time, reverse_mx.process as process\n"
        "def gate(text, gate=process.gate):\n"
        "    time.sleep(60 if 'findings' in text else 0)\n"
        "    return gate(text)\n"
        "process.gate = gate"
    )
    with NameServer(NO_PTR) as server:
        output = broken(program, tmp_path, change).ask(
            server, "-d", "example.com", "-t", "3", "--json"
        )
    reason = f"{TIME_WAS_UP} all was written"
    assert (output.code, short(output)) == (2, (CRITICAL, reason))
    assert ends_in_time(output, 3)


def test_arguments_that_nobody_writes(program: Program, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    output = program("--json", "-t", "2", "-d", f"@{pipe}")
    assert short(output) == unknown(NOT_READ)


def test_fault_of_the_plugin(program: Program, tmp_path: Path) -> None:
    change = "def fail(*_): raise ValueError('a|b')\nplugin.ReverseMX.probe = fail"
    output = broken(program, tmp_path, change)("-d", "example.com", "--json")
    reason = "a fault of the plugin, please report it: ValueError in check_reverse_mx, line 4"
    assert (output.code, short(output)) == (3, unknown(reason))


@pytest.mark.parametrize("what", ["inquire", "of"])
def test_results_stand_without_advice_that_fails(
    program: Program, tmp_path: Path, what: str
) -> None:
    change = (
        "def fail(*_): raise ValueError('a|b')\n"
        f"from reverse_mx.advice import Advisor\nAdvisor.{what} = fail"
    )
    with NameServer(NO_PTR) as server:
        output = broken(program, tmp_path, change).ask(server, "-d", "example.com", "--json")
    whole = document(output)
    reason = "a fault of the plugin, please report it: ValueError in check_reverse_mx, line 4"
    assert (output.code, whole["failure"]) == (2, f"the advice failed: {reason}")
    (finding,) = whole["results"][0]["findings"]
    assert (finding["finding"], finding["cures"]) == ("missing-ptr", [])


def test_verdict_stands_without_a_room_that_cannot_be_loaded(
    program: Program, tmp_path: Path
) -> None:
    failing = broken(program, tmp_path, 'sys.modules["reverse_mx.document"] = None')
    with NameServer(NO_PTR) as server:
        output = failing.ask(server, "-d", "example.com", "--json")
    status, reason = short(output)
    assert (output.code, status) == (2, CRITICAL)
    assert "ModuleNotFoundError" in reason


@pytest.mark.parametrize(
    ("what", "fails", "said"),
    [
        ("nagiosplugin.py", "raise ImportError('<a|b>')", "?a?b?: install nagiosplugin"),
        ("reverse_mx/process.py", "1 +", "SyntaxError while the plugin was loaded"),
        ("reverse_mx/gate.py", "raise OSError(24, 'a|b')", "too many open files"),
    ],
)
def test_what_cannot_be_loaded(
    program: Program, tmp_path: Path, what: str, fails: str, said: str
) -> None:
    alone = Path(shutil.copy(program.file, tmp_path / "check_reverse_mx"))
    shutil.copytree(ROOT / "reverse_mx", tmp_path / "reverse_mx")
    shutil.rmtree(tmp_path / "reverse_mx" / "__pycache__", ignore_errors=True)
    (tmp_path / what).write_text(fails)
    output = Program(program.python, alone)("-d", "example.com", "--json")
    status, reason = short(output)
    assert output.code == 3
    assert status == f"REVERSE_MX UNKNOWN - {reason}"
    assert reason.startswith(said)


def test_plugin_without_its_rooms(program: Program, tmp_path: Path) -> None:
    alone = Path(shutil.copy(program.file, tmp_path / "check_reverse_mx"))
    # Without what is installed beside Python.
    output = run([str(program.python), "-S", str(alone), "-d", "example.com", "--json"])
    assert output.code == 3
    assert "needs the folder reverse_mx beside it" in short(output)[1]


@pytest.mark.parametrize("arguments", [("-d", "example.com"), ("-d", "")])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param('exec "$@" >/dev/full', id="full-disk"),
        pytest.param('set -o pipefail; { sleep 0.2; "$@"; } | :', id="closed-pipe"),
        pytest.param('exec "$@" >&-', id="closed-descriptor"),
    ],
)
def test_document_that_nobody_can_read_is_unknown(
    program: Program, arguments: tuple[str, ...], script: str
) -> None:
    with NameServer(ONE_HOST) as server:
        output = program.ask(server, *arguments, "--json", within=("bash", "-c", script, "bash"))
    assert (output.code, output.stdout, output.stderr) == (3, "", "")


def test_pipe_that_nobody_empties_gets_the_exit_code(program: Program) -> None:
    with NameServer(MANY_HOSTS) as server, small_pipe() as (_, writer):
        output = run(command(program, server, "--json", "-t", "6"), stdout=writer)
    assert (output.code, output.stderr) == (2, "")
    assert ends_in_time(output, 6)
