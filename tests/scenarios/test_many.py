"""Many domains in one run: what they share, what they cost, how they are told, and bounds."""

from __future__ import annotations

import collections
import ipaddress
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, Program, at_most_cpu, uncovered, zone
from tests.helpers.realservers import FOLDER, Bind

HOSTS = 20


def reverse(address: str) -> str:
    return f"{ipaddress.ip_address(address).reverse_pointer}."


def shared_hosts(count: int) -> dict[str, str]:
    """Return the zones of so many domains on twenty mail hosts with two addresses each."""
    isp, in_addr, ip6 = [], [], []
    for host in range(HOSTS):
        isp.append(f"m{host} A 10.0.0.{host}\nm{host} AAAA 2001:db8::{host + 1:x}")
        in_addr.append(f"{reverse(f'10.0.0.{host}')} PTR m{host}.isp.example.")
        ip6.append(f"{reverse(f'2001:db8::{host + 1:x}')} PTR m{host}.isp.example.")
    domains = [
        f"d{number} MX 10 m{number % HOSTS}.isp.example.\n"
        f"d{number} MX 20 m{(number + 1) % HOSTS}.isp.example."
        for number in range(count)
    ]
    return {
        "isp.example": "\n".join(isp),
        "0.0.10.in-addr.arpa": "\n".join(in_addr),
        "8.b.d.0.1.0.0.2.ip6.arpa": "\n".join(ip6),
        "many.example": "\n".join(domains),
    }


def own_hosts(count: int) -> dict[str, str]:
    """Return the zones of so many domains, each on two hosts and four addresses of its own."""
    domains, in_addr, ip6 = [], [], []
    for number in range(count):
        for host in (1, 2):
            name = f"m{host}.d{number}"
            v4 = f"10.{host}.{number // 250}.{number % 250}"
            v6 = f"2001:db8::{host}:{number + 1:x}"
            domains += [f"d{number} MX {host} {name}", f"{name} A {v4}", f"{name} AAAA {v6}"]
            in_addr.append(f"{reverse(v4)} PTR {name}.many.example.")
            ip6.append(f"{reverse(v6)} PTR {name}.many.example.")
    return {
        "many.example": "\n".join(domains),
        "10.in-addr.arpa": "\n".join(in_addr),
        "8.b.d.0.1.0.0.2.ip6.arpa": "\n".join(ip6),
    }


class Cost(NamedTuple):
    """What a run cost: CPU and wall time in seconds, peak memory in KiB."""

    code: int
    status: str
    cpu: float
    wall: float
    memory: int


MEASURE = """
import json, resource, subprocess, sys, time
started = time.monotonic()
ended = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
wall = time.monotonic() - started
status = ended.stdout.partition(" | ")[0]
print(json.dumps([ended.returncode, status, used.ru_utime + used.ru_stime, wall, used.ru_maxrss]))
"""


def measured(program: Program, *arguments: str) -> Cost:
    command = [sys.executable, "-c", MEASURE, str(program.python), str(program.file), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=uncovered())
    return Cost(*json.loads(ended.stdout))


def domains_file(folder: Path, count: int) -> str:
    path = folder / f"domains-{count}"
    path.write_text("".join(f"d{number}.many.example\n" for number in range(count)))
    return f"@{path}"


@pytest.mark.parametrize(
    ("zones", "most"),
    [
        pytest.param(shared_hosts, 0.003, id="on-shared-hosts-3-ms-each"),
        pytest.param(own_hosts, 0.012, id="on-their-own-hosts-12-ms-each"),
    ],
)
def test_a_thousand_domains(program: Program, tmp_path: Path, zones: object, most: float) -> None:
    """CPU by domain after start-up, side by side with a run of one domain."""
    text = zones(1000)  # type: ignore[operator]
    with Bind(FOLDER, text) as server:
        where = ("-s", server.address, "-p", str(server.port), "-t", "60", "-d")
        one = measured(program, *where, domains_file(tmp_path, 1))
        few = measured(program, *where, domains_file(tmp_path, 100))
        many = measured(program, *where, domains_file(tmp_path, 1000))
    assert many.status == (
        "REVERSE_MX OK - 1000 domains: 2000 mail hosts, 4000 addresses, reverse DNS matches"
    )
    assert many.wall < 60
    each = (many.cpu - one.cpu) / 999
    # The limit is for a quiet machine; the ratio to start-up is what does not depend on it.
    start_up = one.cpu
    print(f"{each * 1000:.2f} ms a domain, start-up {start_up * 1000:.0f} ms, {many.memory} KiB")
    assert each / start_up < most / 0.12
    assert each < 1.25 * (few.cpu - one.cpu) / 99 + 0.0005
    assert many.memory < 96 * 1024


def test_lookups_are_shared(plugin: Plugin) -> None:
    text = "".join(f"d{number}.example. MX 10 mail.example.com.\n" for number in range(50)) + zone(
        "mail.example.com. A 192.0.2.25\n192.0.2.25 PTR mail.example.com.\n"
    )
    domains = [f"d{number}.example" for number in range(50)]
    with NameServer(text) as server:
        output = plugin.ask(server, "-d", *domains)
        asked = collections.Counter(query.rdtype for query in server.queries)
    assert output.status == (
        "REVERSE_MX OK - 50 domains: 50 mail hosts, 50 addresses, reverse DNS matches"
    )
    assert asked == {"MX": 50, "A": 1, "AAAA": 1, "PTR": 1}


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


def test_worst_domain_is_named_first(plugin: Plugin) -> None:
    with NameServer(MIXED) as server:
        output = plugin.ask(server, "-d", "good.example", "null.example", "bad.example")
    assert output.status == (
        "REVERSE_MX CRITICAL - 2 of 3 domains have problems: bad.example: 192.0.2.26"
        " (mail.bad.example) has no PTR record (NXDOMAIN) [missing-ptr];"
        " null.example: takes no mail (null MX) [null-mx]"
    )


def test_healthy_domain_has_one_line_with_v(plugin: Plugin) -> None:
    with NameServer(MIXED) as server:
        output = plugin.ask(
            server, "-v", "-d", "good.example", "bad.example", "--sender", "192.0.2.25"
        )
    assert output.long[-5:] == [
        "[OK] good.example: 1 mail host, 1 address",
        "bad.example",
        "  MX 10 mail.bad.example",
        "    [CRITICAL] 192.0.2.26 (no PTR, NXDOMAIN)",
        "[OK] 192.0.2.25: 1 mail host, 1 address",
    ]


def test_domains_that_do_not_fit_are_counted(plugin: Plugin) -> None:
    domains = [f"gone{number}.example" for number in range(100)]
    with NameServer("") as server:
        output = plugin.ask(server, "-d", *domains)
    assert output.status.startswith(
        "REVERSE_MX CRITICAL - 100 of 100 domains have problems: gone0."
    )
    assert len(output.status) < 500
    named = output.status.count("[no-such-domain]")
    assert output.status.endswith(f"; {100 - named} more problems, see -v")


# Progress on a terminal.


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
        MIXED + "! slow.example. MX delay 2\n! slower.example. MX delay 2.5\nslow.example. MX 0 ."
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


# A domain cannot make the check work without end.


def test_domain_with_thousands_of_mx_records_is_bounded(program: Program) -> None:
    # The 64 KiB of an answer have room for some 3,000.
    text = "".join(f"example.com. MX {i} h{i}.example.com.\n" for i in range(2000))
    text += zone("*.example.com. A 192.0.2.25\n192.0.2.25 PTR h0.example.com.\n")
    with NameServer(text) as server, at_most_cpu(5):
        output = program.ask(server, "-d", "example.com", "-4")
        assert len({query.name for query in server.queries}) == 102
    assert output.status == (
        "REVERSE_MX WARNING - example.com: 1900 mail hosts were left out [too-many]"
    )
    assert len(output.stdout) < 1000


def test_host_with_thousands_of_addresses_is_bounded(program: Program) -> None:
    text = "example.com. MX 10 mail.example.com.\n"
    text += "".join(f"mail.example.com. A 10.0.{i // 250}.{i % 250}\n" for i in range(2000))
    with NameServer(text) as server, at_most_cpu(5):
        output = program.ask(server, "-d", "example.com", "-4")
        assert len({query.name for query in server.queries if query.rdtype == "PTR"}) == 500
    assert output.perfdata["missing_ptr"] == "500;;;0"
    assert re.search(r"; \d+ more problems, see -v$", output.status)
    assert len(output.status) < 500
