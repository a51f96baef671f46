"""However the process ends: one line, exit code 3, no traceback, and nothing left behind."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import json
import re
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import (
    Output,
    Program,
    as_by_hand,
    uncovered,
    wait_for,
    without_times,
    zone,
)

ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
TIME_WAS_UP = "REVERSE_MX UNKNOWN - the time was up before "
INTERRUPTED = "REVERSE_MX UNKNOWN - interrupted\n"
INTERRUPTS = pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, id="int"),
        pytest.param(signal.SIGTERM, id="term"),
        pytest.param(signal.SIGHUP, id="hup", marks=pytest.mark.newest),
    ],
)

# Output, input and settings that are not there


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
    program: Program, arguments: tuple[str, ...], where: str
) -> None:
    redirection = {"full-disk": ">/dev/full", "closed-pipe": "|:", "closed-descriptor": ">&-"}
    script = (
        f'exec "$@" {redirection[where]}'
        if where != "closed-pipe"
        else ('set -o pipefail; { sleep 0.2; "$@"; } | :')
    )
    with NameServer("") as server:
        output = program.ask(server, *arguments, within=("bash", "-c", script, "bash"))
    assert (output.code, output.stdout, output.stderr) == (3, "", "")


@pytest.mark.parametrize(
    ("closed", "status", "code"),
    [
        pytest.param("<&-", OK, 0, id="input"),
        pytest.param("2>&-", OK, 0, id="errors"),
        pytest.param("<&- 2>&-", OK, 0, id="input-and-errors"),
        pytest.param("<&- >&- 2>&-", "", 3, id="all-three"),
    ],
)
def test_closed_descriptors_make_no_difference_but_for_the_output(
    program: Program, closed: str, status: str, code: int
) -> None:
    within = ("bash", "-c", f'"$@" {closed}; code=$?; exit $code', "bash")
    with NameServer(ONE_HOST) as server:
        output = program.ask(server, "-d", "example.com", within=within)
    assert (output.code, output.stdout.partition(" | ")[0], output.stderr) == (code, status, "")


NO_RESOLVER = "REVERSE_MX UNKNOWN - argument -s/--server: none given, and /etc/resolv.conf"
WITHOUT_PRIVILEGES = "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(":", "cannot be read: no such file or directory", id="missing"),
        pytest.param("mkdir {}", "cannot be read: is a directory", id="directory"),
        pytest.param("touch {}; chmod 0 {}", "cannot be read: permission denied", id="unreadable"),
        pytest.param("touch {}", "names no resolver", id="empty"),
        pytest.param("echo nameserver > {}", "names no resolver", id="no-value"),
        pytest.param("echo nameserver localhost > {}", "names no resolver", id="no-address"),
        pytest.param(r"printf 'nameserver \377\0\n' > {}", "names no resolver", id="garbage"),
    ],
)
def test_without_a_resolver_in_resolv_conf_it_says_so(
    program: Program, make: str, reason: str
) -> None:
    within = in_etc_with(make)
    output = program("-d", "example.com", within=within)
    assert (output.code, output.stdout, output.stderr) == (3, f"{NO_RESOLVER} {reason}\n", "")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(r"nameserver 300.1.1.1\n", id="no-address"),
        pytest.param(r"nameserver fe80::1%%nosuch\n", id="no-such-interface"),
        pytest.param(r"search a..b\n", id="empty-label-in-search-list"),
        pytest.param(r"\377\376\n", id="no-text"),
        pytest.param(r"; comment\n#comment\noptions timeout:x ndots\n", id="options"),
    ],
)
def test_resolver_is_found_among_lines_that_make_no_sense(program: Program, lines: str) -> None:
    make = rf"printf '{lines}nameserver 127.0.0.1' > {{}}"
    output = program("-d", "example.com", within=in_etc_with(make))
    assert output.status == (
        "REVERSE_MX UNKNOWN - example.com: MX lookup got no answer: network is unreachable from"
        " 127.0.0.1 [dns-timeout]"
    )
    assert (output.code, output.stderr) == (3, "")


def test_advice_names_resolv_conf_where_it_names_the_resolver(program: Program) -> None:
    make = "echo nameserver 127.0.0.1 > {}"
    output = program("-d", "example.com", "-v", within=in_etc_with(make))
    assert output.long[1:] == [
        "  cause: no resolver answers: is it right, running, reachable?",
        "  ask: whoever runs the resolver; or name another in /etc/resolv.conf of this",
        "    host, or with -s",
        "example.com",
    ]


def in_etc_with(make: str) -> tuple[str, ...]:
    """Return the command that runs another in a namespace with a resolv.conf made like this."""
    script = (
        f"mount -t tmpfs none /etc; {make.format(*['/etc/resolv.conf'] * 2)};"
        f' exec {WITHOUT_PRIVILEGES} "$@"'
    )
    return ("unshare", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh")


# What cannot be loaded

INSTALL = "install nagiosplugin and dnspython (Debian: python3-nagiosplugin python3-dnspython)"
NEEDS = "check_reverse_mx.py needs the folder reverse_mx beside it; make plugin makes one file of"


@pytest.mark.parametrize(
    ("fails", "said", "needs"),
    [
        pytest.param("raise OSError(24, 'a|b')", "too many open files", False, id="no-descriptors"),
        pytest.param(
            "raise MemoryError", "MemoryError while the plugin was loaded", False, id="no-memory"
        ),
        pytest.param("1 +", "SyntaxError while the plugin was loaded", False, id="no-python"),
        pytest.param(
            "raise ImportError('/a|b/c.so: <' + chr(27) + '>')", "/a?b/c.so: ???: ", True, id="raw"
        ),
    ],
)
@pytest.mark.parametrize("what", ["nagiosplugin.py", "reverse_mx/process.py"])
def test_what_cannot_be_loaded_is_said_in_one_line(
    program: Program, tmp_path: Path, what: str, fails: str, said: str, needs: bool
) -> None:
    alone = Path(shutil.copy(program.file, tmp_path / "check_reverse_mx"))
    (tmp_path / "reverse_mx").mkdir()
    for room in (ROOT / "reverse_mx").glob("*.py"):
        shutil.copy(room, tmp_path / "reverse_mx")
    (tmp_path / what).write_text(fails)
    wanted = INSTALL if what == "nagiosplugin.py" else f"{NEEDS} both"
    output = Program(program.python, alone)("-d", "example.com")
    assert (output.stdout, output.code, output.stderr) == (
        f"REVERSE_MX UNKNOWN - {said}{wanted * needs}\n",
        3,
        "",
    )


# Interrupts


def start(program: Program, server: NameServer, *arguments: str) -> subprocess.Popen[str]:
    return start_command(
        [
            *(str(program.python), str(program.file), "-s", server.address),
            *("-p", str(server.port), *arguments),
        ]
    )


def start_command(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_by_hand,
        env=uncovered(),
    )


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        pytest.param("! * * drop", "MX", id="while-it-waits"),
        pytest.param("! * * storm", "MX", id="while-it-receives"),
    ],
)
@INTERRUPTS
def test_interrupted_check_is_unknown(
    program: Program, number: signal.Signals, fault: str, stage: str
) -> None:
    with NameServer(ONE_HOST + fault) as server:
        process = start(program, server, "-d", "example.com")
        wait_for(server, stage)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout, stderr) == (3, INTERRUPTED, "")


def test_ignored_interrupt_stays_ignored(program: Program) -> None:
    within = ("bash", "-c", 'trap "" INT; { sleep 1; kill -INT $$; } & exec "$@"', "bash")
    with NameServer(ONE_HOST + "! * MX delay 2") as server:
        output = program.ask(server, "-d", "example.com", within=within)
    assert (output.code, output.status) == (0, OK)


# With -vv more output than 4096 octets, and less than a pipe holds.
MANY_HOSTS = zone(
    "".join(
        f"example.com. MX 10 h{n}.example.com.\nh{n}.example.com. A 192.0.2.1\n" for n in range(90)
    )
)


def test_run_ends_though_nobody_reads_its_output(program: Program) -> None:
    """It waits for a reader, but not for ever."""
    with NameServer(MANY_HOSTS) as server:
        process = start(program, server, "-d", "example.com", "-vv")
        code = process.wait(30)
    assert process.stdout is not None
    assert octets_in(process.stdout.fileno()) > 4096
    process.communicate()
    assert code == 2


@INTERRUPTS
def test_interrupt_during_the_output_leaves_it_whole(
    program: Program, number: signal.Signals
) -> None:
    with NameServer(MANY_HOSTS) as server:
        whole = program.ask(server, "-d", "example.com", "-vv")
        process = start(program, server, "-d", "example.com", "-vv")
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # less than it writes
        end = time.monotonic() + 20
        while octets_in(process.stdout.fileno()) == 0 and time.monotonic() < end:
            time.sleep(0.01)
        for _ in range(3):
            process.send_signal(number)
            time.sleep(0.02)
        stdout, stderr = process.communicate(timeout=10)
    assert len(stdout) > 4096
    assert (process.returncode, without_times(stdout), stderr) == (
        whole.code,
        without_times(whole.stdout),
        "",
    )


def octets_in(pipe: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0])


# What pip writes for the entry point in setup.cfg.
CONSOLE_SCRIPT = """\
import re
import sys
from check_reverse_mx import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""
FORMS = ("source", "one file", "console script")
# Steps in which the whole run is gone through, until it has ended twice before the interrupt.
MOMENTS = 12


def is_caught(process: subprocess.Popen[str]) -> bool:
    """Whether the process has got as far as to catch SIGTERM, the last that it catches."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.search(r"(?m)^SigCgt:\s*(\w+)", status)
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def command_of(form: str, program: Program, folder: Path) -> list[str]:
    """Return how the plugin is run in that form."""
    file = folder / "check_reverse_mx"
    if form == "source":
        file = program.file
    elif form == "one file":
        subprocess.run([program.python, ROOT / "tools" / "one_file.py", file], check=True)
    else:
        file.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{CONSOLE_SCRIPT}")
    return [str(program.python), str(file)]


# All three are handled by one handler, but that of SIGINT is Python's own until then, and how it
# starts is another thing in each form.
@pytest.mark.parametrize(
    ("number", "form"),
    [
        *(pytest.param(signal.SIGINT, form, id=f"int-{form}") for form in FORMS),
        pytest.param(signal.SIGTERM, "one file", id="term-one file"),
        pytest.param(signal.SIGHUP, "source", id="hup-source", marks=pytest.mark.newest),
    ],
)
def test_interrupt_at_any_moment_gives_one_line(
    program: Program, number: signal.Signals, form: str, tmp_path: Path
) -> None:
    command = command_of(form, program, tmp_path)
    with NameServer(ONE_HOST + "! * * delay 0.02") as server:
        command += ["-s", server.address, "-p", str(server.port), "-d", "example.com"]
        start_command(command).communicate()  # what is compiled only once is compiled now
        step = min(until_caught(command)[1] for _ in range(5)) / MOMENTS
        endings: list[str] = []
        while endings[-2:] != ["ended before"] * 2 and len(endings) < 10 * MOMENTS:
            endings.append(interrupt(command, number, step * len(endings)))
    counts = collections.Counter(endings)
    print(dict(counts))
    assert counts["interrupted"] >= 3, counts
    assert counts["ended before"] >= 2, counts


def interrupt(command: list[str], number: signal.Signals, seconds: float) -> str:
    """Run a command, interrupt it after so many seconds, and say how it ended."""
    process = start_command(command)
    time.sleep(seconds)
    caught = is_caught(process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    ending = process.returncode, stdout.partition(" | ")[0], stderr
    if ending == (3, INTERRUPTED, ""):
        return "interrupted"
    if ending == (0, OK, ""):
        return "ended before"
    # Before its first line Python ends as is its habit, without output.
    assert not caught, ending
    assert stdout == "", ending
    assert process.returncode in (-number, 1, 130), ending
    return "before the first line"


# What is left behind, and what it takes

LEFT_BEHIND = """
import json, os, sys, threading
import check_reverse_mx

def left():
    files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if fd != "3"]
    with open(f"/proc/self/task/{os.getpid()}/children") as children:
        return sorted(files), [t.name for t in threading.enumerate()], children.read()

codes = []
before = left()
for arguments in json.loads(sys.argv[1]):
    try:
        check_reverse_mx.main(arguments)
    except SystemExit as ended:
        codes.append(ended.code)
    check_reverse_mx.nagiosplugin.runtime.Runtime.instance = None
    assert left() == before, (arguments, left(), before)
sys.stderr.write(json.dumps(codes))
"""


def test_no_child_thread_socket_or_file_is_left_behind(program: Program) -> None:
    text = ONE_HOST + zone(
        """
        local.example. MX 10 mail.local.example.
        mail.local.example. A 127.0.0.1
        ! silent.example. MX drop
        ! cut.example. MX notcp
        ! stalled.example. MX stall
        ! long.example. MX truncate
        ! forged.example. MX storm
        ! failing.example. MX rcode SERVFAIL
        """
    )
    ends: dict[int, list[tuple[str, ...]]] = {
        0: [("example.com",), ("example.com", "-v", "--authoritative")],
        2: [
            ("local.example", "-v", "--smtp", "--smtp-port", "1"),
            ("cut.example",),
            ("long.example",),
            ("failing.example", "-vv"),
        ],
        3: [("silent.example",), ("stalled.example",), ("forged.example",), ("a..b",)],
    }
    with NameServer(text) as server:
        where = ("-s", server.address, "-p", str(server.port), "-t", "2", "-d")
        runs = [[*where, *arguments] for group in ends.values() for arguments in group]
        ended = subprocess.run(
            [program.python, "-c", LEFT_BEHIND, json.dumps(runs)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert ended.stderr == json.dumps([code for code, group in ends.items() for _ in group])


def sound_domains(count: int) -> str:
    """Return the zone of so many domains, each on a mail host of its own."""
    return zone(
        "".join(
            f"d{n}.example. MX 10 mail.d{n}.example.\n"
            f"mail.d{n}.example. A 10.0.0.{n}\n10.0.0.{n} PTR mail.d{n}.example.\n"
            for n in range(count)
        )
    )


@pytest.mark.parametrize("resolvers", [1, 3])
@pytest.mark.parametrize("files", [64, 32, 16])
def test_few_descriptors_make_it_slower_not_wrong(
    program: Program, files: int, resolvers: int
) -> None:
    # What is truncated takes a second socket.
    text = sound_domains(200) + "! * PTR truncate"
    arguments = ["-d", *(f"d{number}.example" for number in range(200)), "-t", "30"]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(NameServer(text))
        for number in range(2, resolvers + 1):
            address = f"127.0.0.{number}"
            stack.enter_context(NameServer("! * * drop", address, server.port))
            arguments = ["-s", address, *arguments]
        output = program.ask(server, *arguments, within=("prlimit", f"--nofile={files}"))
    assert (output.status, output.code, output.stderr) == (
        "REVERSE_MX OK - 200 domains: 200 mail hosts, 200 addresses, reverse DNS matches",
        0,
        "",
    )


def test_what_is_loaded_late_does_not_need_the_last_descriptor(program: Program) -> None:
    """Four silent servers and a selector take all that standard output and its like leave."""
    others = [f"127.0.0.{number}" for number in range(2, 6)]
    text = ONE_HOST + '! * MX ede 3 stale\nexample.com. TXT "v=spf1 mx -all"'
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(NameServer(text, "127.0.0.9"))
        for address in others:
            stack.enter_context(NameServer("! * * drop", address, server.port))
        where = [part for address in others for part in ("-s", address)]
        arguments = ("-p", str(server.port), "-s", server.address, "-d", "example.com", "--spf")
        output = program(*where, *arguments, within=("prlimit", "--nofile=9"))
    assert (output.status, output.code, output.stderr) == (OK, 0, "")


LEAVE_OPEN = """\
import os, sys
for number in range(3, 1003):
    os.dup2(0, number)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_files_that_were_left_open_leave_room_for_the_rest(program: Program) -> None:
    """A thousand of the 1,024 that a process may have."""
    domains = [f"d{number}.example" for number in range(40)]
    within = ("prlimit", "--nofile=1024", str(program.python), "-c", LEAVE_OPEN)
    with NameServer(sound_domains(40)) as server:
        output = program.ask(server, "-d", *domains, within=within)
    assert (output.status, output.code, output.stderr) == (
        "REVERSE_MX OK - 40 domains: 40 mail hosts, 40 addresses, reverse DNS matches",
        0,
        "",
    )


def test_as_many_files_as_the_machine_allows(program: Program) -> None:
    names = [f"h{number:02d}.example.com." for number in range(90)]
    text = "".join(
        f"example.com. MX 10 {name}\n{name} A 192.0.2.{number}\n192.0.2.{number} PTR {name}\n"
        for number, name in enumerate(names, start=1)
    )
    with NameServer(zone(text)) as server:
        output = program.ask(server, "-d", "example.com", within=("prlimit", "--nofile=32"))
    assert output.status == (
        "REVERSE_MX OK - example.com: 90 mail hosts, 90 addresses, reverse DNS matches"
    )


def run_side_by_side(program: Program, count: int, timeout: str) -> list[Output]:
    with NameServer(ONE_HOST) as server, ThreadPoolExecutor(count) as pool:
        arguments = ("-d", "example.com", "-t", timeout)
        runs = [pool.submit(program.ask, server, *arguments) for _ in range(count)]
        return [run.result() for run in runs]


@pytest.mark.newest
def test_100_runs_side_by_side_all_end_in_time(program: Program) -> None:
    outputs = run_side_by_side(program, 100, "60")
    assert {(output.code, output.status, output.stderr) for output in outputs} == {(0, OK, "")}
    # From its start, which each waits for, to its end.
    assert max(output.seconds for output in outputs) < 60


@pytest.mark.newest
def test_more_runs_than_the_machine_can_do_in_time_are_unknown(program: Program) -> None:
    outputs = run_side_by_side(program, 50, "0.8")
    endings = collections.Counter((output.code, output.status) for output in outputs)
    del endings[0, OK]
    assert endings
    for code, status in endings:
        assert code == 3
        assert status.startswith(("REVERSE_MX UNKNOWN - example.com: ", TIME_WAS_UP))
        if not status.startswith(TIME_WAS_UP):
            assert set(re.findall(r"\[([a-z-]+)\]", status)) == {"dns-timeout"}
    assert {output.stderr for output in outputs} == {""}


# The long form: what no handler can cover


def until_caught(command: list[str]) -> tuple[float, float]:
    """Return how long a process does not catch SIGTERM yet, and how long it takes in all."""
    begin = time.monotonic()
    process = start_command(command)
    while not is_caught(process):
        time.sleep(0.001)
    caught = time.monotonic() - begin
    process.communicate(timeout=60)
    return caught, time.monotonic() - begin


def report() -> str:
    """Return what was measured, for the documentation."""
    rows = []
    program = Program()
    with NameServer(ONE_HOST) as server, tempfile.TemporaryDirectory() as folder:
        where = ["-s", server.address, "-p", str(server.port), "-d", "example.com"]
        for form in FORMS:
            command = command_of(form, program, Path(folder))
            until_caught([*command, *where])  # what is compiled only once is compiled now
            times = [until_caught([*command, *where]) for _ in range(20)]
            before, total = (statistics.median(column) * 1000 for column in zip(*times))
            rows.append((form, f"{before:.0f} ms", f"{total:.0f} ms", f"{before / total:.0%}"))
    head = ("run as", "before the first line", "whole run", "share")
    return f"Median of 20 runs; {machine()}.\n\n" + table(head, rows)


if __name__ == "__main__":
    text = report()
    print(text)
    write_block(DOCS / "reliability.md", "interrupts", text)
