"""However the process ends: one line, exit code 3, no traceback, and nothing left behind."""

from __future__ import annotations

import collections
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT, Plugin, zone
from nameserver import NameServer

ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
INTERRUPTED = "REVERSE_MX UNKNOWN - interrupted\n"
INTERRUPTS = pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, id="int"), pytest.param(signal.SIGTERM, id="term")]
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
    plugin: Plugin, closed: str, status: str, code: int
) -> None:
    within = ("bash", "-c", f'"$@" {closed}; code=$?; exit $code', "bash")
    with NameServer(ONE_HOST) as server:
        output = plugin.ask(server, "-d", "example.com", within=within)
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
    plugin: Plugin, make: str, reason: str
) -> None:
    within = in_etc_with(make)
    output = plugin("-d", "example.com", within=within)
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
def test_resolver_is_found_among_lines_that_make_no_sense(plugin: Plugin, lines: str) -> None:
    make = rf"printf '{lines}nameserver 127.0.0.1' > {{}}"
    output = plugin("-d", "example.com", within=in_etc_with(make))
    assert output.status == (
        "REVERSE_MX UNKNOWN - example.com: MX lookup got no answer: connection refused from"
        " 127.0.0.1 [dns-timeout]"
    )
    assert (output.code, output.stderr) == (3, "")


def in_etc_with(make: str) -> tuple[str, ...]:
    """Return the command that runs another in a namespace with a resolv.conf made like this."""
    script = (
        f"ip link set lo up; mount -t tmpfs none /etc; {make.format(*['/etc/resolv.conf'] * 2)};"
        f' exec {WITHOUT_PRIVILEGES} "$@"'
    )
    return ("unshare", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh")


# Interrupts


def start(plugin: Plugin, server: NameServer, *arguments: str) -> subprocess.Popen[str]:
    return start_command(
        [
            *(str(plugin.python), str(plugin.file), "-s", server.address),
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
        # A shell has jobs in the background ignore SIGINT, and they hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
    )


def wait_for(server: NameServer, rdtype: str) -> None:
    end = time.monotonic() + 20
    while rdtype not in {query.rdtype for query in server.queries} and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        pytest.param("! * * drop", "MX", id="while-it-waits"),
        pytest.param("! * * storm", "MX", id="while-it-receives"),
        pytest.param("! * PTR heavy", "PTR", id="while-it-parses"),
    ],
)
@INTERRUPTS
def test_interrupted_check_is_unknown(
    plugin: Plugin, number: signal.Signals, fault: str, stage: str
) -> None:
    with NameServer(ONE_HOST + fault) as server:
        process = start(plugin, server, "-d", "example.com")
        wait_for(server, stage)
        time.sleep(0.1)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout, stderr) == (3, INTERRUPTED, "")


def test_ignored_interrupt_stays_ignored(plugin: Plugin) -> None:
    within = ("bash", "-c", 'trap "" INT; { sleep 1; kill -INT $$; } & exec "$@"', "bash")
    with NameServer(ONE_HOST + "! * MX delay 2") as server:
        output = plugin.ask(server, "-d", "example.com", within=within)
    assert (output.code, output.status) == (0, OK)


@INTERRUPTS
def test_interrupt_during_the_output_leaves_it_whole(
    plugin: Plugin, number: signal.Signals
) -> None:
    names = [f"h{n:02d}.example.com." for n in range(90)]
    text = zone("".join(f"example.com. MX 10 {name}\n{name} A 192.0.2.1\n" for name in names))
    with NameServer(text) as server:
        whole = plugin.ask(server, "-d", "example.com", "-vv")
        process = start(plugin, server, "-d", "example.com", "-vv")
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


def without_times(text: str) -> str:
    return re.sub(r"[0-9.]+(?=s;| ms\b)", "N", text)


# What pip writes for the entry point in setup.cfg.
CONSOLE_SCRIPT = """\
import re
import sys
from check_reverse_mx import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""
MOMENTS = 40


def is_caught(process: subprocess.Popen[str]) -> bool:
    """Whether the process has got as far as to catch SIGTERM, the last that it catches."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.search(r"(?m)^SigCgt:\s*(\w+)", status)
    return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("form", ["file", "console-script"])
@INTERRUPTS
def test_interrupt_at_any_moment_gives_one_line(
    plugin: Plugin, number: signal.Signals, form: str, tmp_path: Path
) -> None:
    command = [str(plugin.python), str(plugin.file)]
    if form == "console-script":
        script = tmp_path / "check_reverse_mx"
        script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{CONSOLE_SCRIPT}")
        command = [str(plugin.python), str(script)]
    with NameServer(ONE_HOST + "! * * delay 0.02") as server:
        command += ["-s", server.address, "-p", str(server.port), "-d", "example.com"]
        start_command(command).communicate()  # what is compiled only once is compiled now
        begin = time.monotonic()
        start_command(command).communicate()
        total = time.monotonic() - begin
        at_once = threading.Semaphore(2)

        def interrupt(moment: int) -> str:
            with at_once:
                process = start_command(command)
                # Two at once take up to twice as long as one.
                time.sleep(2 * total * moment / MOMENTS)
                caught = is_caught(process)
                process.send_signal(number)
                stdout, stderr = process.communicate(timeout=30)
            ending = process.returncode, stdout.partition(" | ")[0], stderr
            if ending == (3, INTERRUPTED, ""):
                return "interrupted"
            if ending == (0, OK, ""):
                return "ended before"
            # Before its first line Python ends as it is its habit, without output.
            assert not caught, ending
            assert (stdout, process.returncode) in (("", -number), ("", 1), ("", 130)), ending
            return "before its first line"

        with ThreadPoolExecutor(MOMENTS) as pool:
            endings = collections.Counter(pool.map(interrupt, range(MOMENTS)))
    print(dict(endings))
    assert endings["interrupted"] >= 5, endings
    assert endings["ended before"] >= 1, endings
