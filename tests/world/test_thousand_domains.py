"""What a run of a thousand domains costs, on a real name server."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.plugin import Program, uncovered
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
