"""The process ends by ``-t`` whatever happens, and prints the verdict that is known by then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import resource
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Program, as_by_hand, uncovered, wait_for, zone

OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
NO_PTR = zone("example.com. MX 10 mail.example.com.\nmail.example.com. A 192.0.2.25\n")
MISSING = "192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN) [missing-ptr]"
CRITICAL = f"REVERSE_MX CRITICAL - example.com: {MISSING}"
TIME_WAS_UP = "the time was up before"
NOT_JUDGED = f"{TIME_WAS_UP} all was judged: very many records, or a busy machine"
NOT_READ = f"{TIME_WAS_UP} the arguments were read: a very long file, or one that nobody writes to"


def nothing() -> None:
    pass


def run(
    command: list[str],
    prepare: Callable[[], object] = nothing,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> Output:
    """Run a command; ``prepare`` is what the parent does to the process before it becomes that."""
    began = time.monotonic()
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        timeout=20,
        preexec_fn=prepare,
        env=uncovered(),
        check=False,
    )
    seconds = time.monotonic() - began
    return Output(ended.returncode, ended.stdout or "", ended.stderr or "", seconds)


def command(program: Program, server: NameServer, *arguments: str) -> list[str]:
    where = ("-s", server.address, "-p", str(server.port), "-d", "example.com")
    return [str(program.python), str(program.file), *where, *arguments]


def broken(program: Program, folder: Path, change: str) -> Program:
    """Return the plugin after a change in it."""
    script = folder / "check_reverse_mx"
    head = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport check_reverse_mx as plugin\n"
    script.write_text(f"{head}{change}\nplugin.main()\n")
    return Program(program.python, script)


def ends_in_time(output: Output, timeout: float) -> bool:
    """Tell whether a run ended; a busy machine lets it wait before it begins, and a bit after."""
    return output.seconds < timeout + 5


# What a run is at

FOR_EVER = "def for_ever(*_):\n    while True: pass\n"
ADVISOR = "from reverse_mx.advice import Advisor\n"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("plugin.ReverseMX.probe = for_ever", id="computes"),
        pytest.param("import time; plugin.ReverseMX.probe = lambda _: time.sleep(60)", id="sleeps"),
        pytest.param(
            "def probe(_):\n"
            "    while True:\n"
            "        try: for_ever()\n"
            "        except BaseException: pass\n"
            "plugin.ReverseMX.probe = probe",
            id="swallows-whatever-is-raised",
        ),
    ],
)
def test_what_takes_for_ever_is_broken_off(program: Program, tmp_path: Path, change: str) -> None:
    output = broken(program, tmp_path, FOR_EVER + change)("-d", "example.com", "-t", "8")
    assert (output.stdout, output.code, output.stderr) == (
        f"REVERSE_MX UNKNOWN - {NOT_JUDGED}\n",
        3,
        "",
    )
    assert ends_in_time(output, 8)


def test_worst_that_was_judged_by_then_is_the_verdict(program: Program, tmp_path: Path) -> None:
    slow = broken(program, tmp_path, FOR_EVER + "plugin.latencies = for_ever")
    with NameServer(NO_PTR) as server:
        output = slow.ask(server, "-d", "example.com", "-t", "3")
    assert (output.stdout, output.code, output.stderr) == (f"{CRITICAL}\n{NOT_JUDGED}\n", 2, "")
    assert ends_in_time(output, 3)


def test_verdict_does_not_wait_for_the_advice(program: Program, tmp_path: Path) -> None:
    slow = broken(program, tmp_path, f"{FOR_EVER}{ADVISOR}Advisor.inquire = for_ever")
    with NameServer(NO_PTR) as server:
        output = slow.ask(server, "-d", "example.com", "-t", "3", "-v")
    assert output.status == CRITICAL
    assert output.counts.endswith(
        "mail_hosts=1 addresses=1 missing_ptr=1 unconfirmed_ptr=0 name_mismatch=0 dns_errors=0"
    )
    assert output.long == [f"{TIME_WAS_UP} there was advice"]
    assert (output.code, output.stderr) == (2, "")
    assert ends_in_time(output, 3)


def test_status_line_does_not_wait_for_the_output_to_be_put_together(
    program: Program, tmp_path: Path
) -> None:
    """As if others had the machine from the end of the time on."""
    change = (
        "import time, reverse_mx.process as process\n"
        "def gate(text, gate=process.gate):\n"
        "    time.sleep(60 if '\\n' in text[:-1] else 0)\n"
        "    return gate(text)\n"
        "process.gate = gate"
    )
    with NameServer(NO_PTR) as server:
        output = broken(program, tmp_path, change).ask(server, "-d", "example.com", "-t", "3", "-v")
    assert (output.stdout, output.code, output.stderr) == (f"{CRITICAL}\n", 2, "")
    assert ends_in_time(output, 3)


@pytest.mark.parametrize("what", ["inquire", "lines"])
def test_verdict_and_chain_stand_without_advice_that_fails(
    program: Program, tmp_path: Path, what: str
) -> None:
    change = f"def fail(*_): raise ValueError('a|b')\n{ADVISOR}Advisor.{what} = fail"
    failing = broken(program, tmp_path, change)
    with NameServer(NO_PTR) as server:
        output = failing.ask(server, "-d", "example.com", "-v")
    assert output.status == CRITICAL
    said = "the advice failed: a fault of the plugin, please report it: ValueError in"
    assert [line for line in output.long if "failed" in line] == [
        f"{said} check_reverse_mx, line 4"
    ]
    assert "  MX 10 mail.example.com" in output.long
    assert (output.code, output.stderr) == (2, "")


def test_verdict_and_chain_stand_without_advice_that_cannot_be_loaded(
    program: Program, tmp_path: Path
) -> None:
    failing = broken(program, tmp_path, 'sys.modules["reverse_mx.advice"] = None')
    with NameServer(NO_PTR) as server:
        output = failing.ask(server, "-d", "example.com", "-v")
    assert output.status == CRITICAL
    said = "the advice failed: a fault of the plugin, please report it: ModuleNotFoundError in"
    assert [line.partition(" check_reverse_mx")[0] for line in output.long if "failed" in line] == [
        said
    ]
    assert "  MX 10 mail.example.com" in output.long
    assert (output.code, output.stderr) == (2, "")


def test_fault_of_the_plugin_is_one_line_without_words_of_others(
    program: Program, tmp_path: Path
) -> None:
    change = "def fail(*_): raise ValueError('a|b')\nplugin.ReverseMX.probe = fail"
    output = broken(program, tmp_path, change)("-d", "example.com", "-vvv")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - a fault of the plugin, please report it:"
        " ValueError in check_reverse_mx, line 4\n"
    )
    assert (output.code, output.stderr) == (3, "")


def test_time_counts_from_the_first_line_and_not_from_the_fork(program: Program) -> None:
    within = ("sh", "-c", 'sleep 4; exec "$@"', "sh")
    with NameServer(ONE_HOST) as server:
        output = program.ask(server, "-d", "example.com", "-t", "3.5", within=within)
    assert (output.status, output.code, output.stderr) == (OK, 0, "")


def test_stopped_process_ends_as_soon_as_it_goes_on(program: Program) -> None:
    with NameServer("! * * drop") as server:
        process = subprocess.Popen(
            command(program, server, "-t", "3"), stdout=subprocess.PIPE, env=uncovered()
        )
        wait_for(server, "MX")
        process.send_signal(signal.SIGSTOP)
        # Until its end has passed, and not only the time in which a lookup may still be told.
        time.sleep(3.5)
        process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        stdout, _ = process.communicate(timeout=10)
        assert time.monotonic() - began < 1
    assert stdout.decode() == f"REVERSE_MX UNKNOWN - {NOT_JUDGED}\n"
    assert process.returncode == 3


# What it inherits

ALL = set(signal.valid_signals())


def test_signals_that_are_blocked_change_nothing(program: Program) -> None:
    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL)

    with NameServer("! * * storm") as server:
        output = run(command(program, server, "-t", "3"), block)
    assert output.code == 3
    assert output.status.endswith("[dns-timeout]")
    assert ends_in_time(output, 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupt_that_was_blocked_ends_it(program: Program, number: signal.Signals) -> None:
    def block() -> None:
        as_by_hand()
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL)

    with NameServer("! * * drop") as server:
        process = subprocess.Popen(
            command(program, server), stdout=subprocess.PIPE, preexec_fn=block, env=uncovered()
        )
        wait_for(server, "MX")
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=10)
    assert (stdout, process.returncode) == (b"REVERSE_MX UNKNOWN - interrupted\n", 3)


@pytest.mark.parametrize(
    ("timer", "seconds"),
    [
        pytest.param(signal.ITIMER_REAL, 1.0, id="alarm"),
        pytest.param(signal.ITIMER_PROF, 0.1, id="prof"),
        pytest.param(signal.ITIMER_VIRTUAL, 0.1, id="virtual"),
    ],
)
def test_timer_that_was_set_before_changes_nothing(
    program: Program, timer: int, seconds: float
) -> None:
    with NameServer(ONE_HOST + "! * MX delay 1.5") as server:
        output = run(command(program, server), lambda: signal.setitimer(timer, seconds, seconds))
    assert (output.status, output.code, output.stderr) == (OK, 0, "")


def test_signals_that_are_ignored_change_nothing(program: Program) -> None:
    def ignore() -> None:
        for number in (signal.SIGALRM, signal.SIGPROF, signal.SIGVTALRM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    with NameServer("! * * storm") as server:
        output = run(command(program, server, "-t", "3"), ignore)
    assert output.code == 3
    assert ends_in_time(output, 3)


def test_hangup_that_is_ignored_stays_ignored(program: Program) -> None:
    within = ("bash", "-c", 'trap "" HUP; { sleep 1; kill -HUP $$; } & exec "$@"', "bash")
    with NameServer(ONE_HOST + "! * MX delay 2") as server:
        output = program.ask(server, "-d", "example.com", within=within)
    assert (output.code, output.status) == (0, OK)


def test_cpu_that_is_used_up_ends_it_as_an_interrupt_does(program: Program, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (1, 5))

    busy = broken(program, tmp_path, FOR_EVER + "plugin.ReverseMX.probe = for_ever")
    output = run([str(busy.python), str(busy.file), "-d", "example.com"], limit)
    assert (output.stdout, output.code) == ("REVERSE_MX UNKNOWN - interrupted\n", 3)


# Files of arguments


@pytest.mark.parametrize("given", [("-t", "3"), ("-t3",), ("-vt", "3"), ("--timeout=3",)])
def test_file_that_nobody_writes_to_is_broken_off(
    program: Program, tmp_path: Path, given: tuple[str, ...]
) -> None:
    os.mkfifo(tmp_path / "fifo")
    output = program(*given, "-d", f"@{tmp_path / 'fifo'}")
    assert (output.stdout, output.code, output.stderr) == (
        f"REVERSE_MX UNKNOWN - {NOT_READ}\n",
        3,
        "",
    )
    assert ends_in_time(output, 3)


def test_standard_input_that_nobody_writes_to_is_broken_off(program: Program) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w"):
        ended = subprocess.run(
            [program.python, program.file, "-t", "3", "-d", "@/dev/stdin"],
            stdin=reader,
            capture_output=True,
            text=True,
            timeout=10,
            env=uncovered(),
            check=False,
        )
    assert (ended.stdout, ended.returncode) == (f"REVERSE_MX UNKNOWN - {NOT_READ}\n", 3)


# Whom it writes to

# With -vv some 20 KiB.
MANY_HOSTS = zone(
    "".join(
        f"example.com. MX 10 h{n}.example.com.\nh{n}.example.com. A 192.0.2.1\n" for n in range(90)
    )
)


@contextlib.contextmanager
def small_pipe() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe that holds 4096 octets."""
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        yield reader, writer
    finally:
        os.close(reader)
        with contextlib.suppress(OSError):
            os.close(writer)


def test_pipe_that_nobody_empties_gets_the_exit_code(program: Program) -> None:
    with NameServer(MANY_HOSTS) as server, small_pipe() as (_, writer):
        output = run(command(program, server, "-vv", "-t", "2"), stdout=writer)
    assert (output.code, output.stderr) == (2, "")
    assert ends_in_time(output, 2)


def test_interrupt_ends_it_though_nobody_empties_the_pipe(program: Program) -> None:
    with NameServer("! * * drop") as server, small_pipe() as (_, writer):
        os.write(writer, bytes(4096))
        process = subprocess.Popen(
            command(program, server, "-t", "15"), stdout=writer, env=uncovered()
        )
        wait_for(server, "MX")
        process.terminate()
        assert process.wait(timeout=10) == 3


def test_pipe_that_does_not_block_gets_all(program: Program) -> None:
    with NameServer(MANY_HOSTS) as server, small_pipe() as (reader, writer):
        whole = program.ask(server, "-d", "example.com", "-vv")
        os.set_blocking(writer, False)
        process = subprocess.Popen(command(program, server, "-vv"), stdout=writer, env=uncovered())
        os.close(writer)
        octets = b"".join(iter(lambda: os.read(reader, 512), b""))
        code = process.wait(timeout=10)
    assert code == 2
    assert octets.count(b"\n") == whole.stdout.count("\n")


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        for end in (ours, theirs):
            with contextlib.suppress(OSError):
                os.close(end)


def test_terminal_that_is_stopped_changes_nothing(program: Program) -> None:
    with NameServer(ONE_HOST + "! * MX delay 2") as server, terminal() as (_, theirs):
        termios.tcflow(theirs, termios.TCOOFF)
        output = run(command(program, server), stderr=theirs)
        assert (output.status, output.code) == (OK, 0)
        assert ends_in_time(output, 2)


def test_terminal_that_nobody_reads_changes_nothing(program: Program) -> None:
    with NameServer(ONE_HOST + "! * MX delay 2") as server, terminal() as (_, theirs):
        os.set_blocking(theirs, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(theirs, b"x" * 1024)
        os.set_blocking(theirs, True)
        output = run(command(program, server), stderr=theirs)
        assert (output.status, output.code) == (OK, 0)
        assert ends_in_time(output, 2)


def test_terminal_that_went_away_changes_nothing(program: Program) -> None:
    with NameServer(ONE_HOST + "! * MX delay 2") as server, terminal() as (ours, theirs):
        process = subprocess.Popen(
            command(program, server), stdout=subprocess.PIPE, stderr=theirs, env=uncovered()
        )
        wait_for(server, "MX")
        os.close(ours)
        stdout, _ = process.communicate(timeout=10)
    assert (stdout.decode().partition(" | ")[0], process.returncode) == (OK, 0)


def test_stopped_terminal_as_standard_output_gets_the_exit_code(program: Program) -> None:
    with NameServer(NO_PTR) as server, terminal() as (_, theirs):
        termios.tcflow(theirs, termios.TCOOFF)
        output = run(command(program, server, "-t", "2"), stdout=theirs)
    assert (output.code, output.stderr) == (2, "")
    assert ends_in_time(output, 2)
