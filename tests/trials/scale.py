"""How many checks one machine carries: an Icinga 2 with 1,000 services of the plugin, measured.

`make scale` runs this, in some seven minutes, and writes what it measured into docs/scale.md. A
name server on loopback answers for the domains, so the figures have no network in them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests import ROOT
from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.realservers import FOLDER
from tests.helpers.schedulers import (
    BARE_ICINGA2_CONF,
    ICINGA_CONF,
    MARK,
    PLUGIN,
    RESULT_SECONDS,
    Icinga,
    wait_for,
)
from tests.trials import scale_feed
from tests.trials.scale_feed import Fed

SCALE = DOCS / "scale.md"
SERVICES = 1000
# Of contrib/icinga2.conf.
INTERVAL = 300
RATE = SERVICES / INTERVAL
RATE_SECONDS = 90
# Times RATE, until Icinga does not keep up.
MULTIPLES = (2, 3, 4, 6, 8, 12, 16)
MULTIPLE_SECONDS = 15
# A check that is done so long after it was due is late.
LATE = 1.0
CORES = os.cpu_count() or 1
# Icinga's own MaxConcurrentChecks, and that of docs/scale.md.
ICINGAS_CHECKS_AT_ONCE = 512
CHECKS_AT_ONCE = 16 * CORES
DOMAINS_A_RUN = (1, 10, 50)
DOMAINS_FED = (100, 1000, 4000)
RUNS = 20

SCRIPT = Path(sys.executable).with_name("check_reverse_mx")

# Nothing of the tests is in the plugin's environment, and a dash more is all that it costs. The
# first checks wait until somebody listens to their results.
WRAPPER = """\
#!/bin/sh
until [ -e {listening} ]; do sleep 0.05; done
exec env -i PATH=/usr/bin:/bin LC_ALL=C {mark}="${mark}" {script} "$@"
"""
ZONES_CONF = """\
object Endpoint NodeName { }
object Zone ZoneName {
  endpoints = [ NodeName ]
}
"""


def zone(domains: int) -> str:
    """Of each domain two mail hosts with an IPv4 and an IPv6 address each, all as it should be."""
    lines = []
    for number in range(domains):
        for network, host in ((18, "mx1"), (19, "mx2")):
            name = f"{host}.d{number}.example."
            high, low = divmod(number, 250)
            nibbles = ".".join(f"{network}{number:06d}"[::-1])
            lines += [
                f"d{number}.example. MX 10 {name}",
                f"{name} A 10.{network}.{high}.{low}",
                f"{low}.{high}.{network}.10.in-addr.arpa. PTR {name}",
                f"{name} AAAA 2001:db8::{network}{number // 10000:02d}:{number % 10000:04d}",
                f"{nibbles}.{'0.' * 16}8.b.d.0.1.0.0.2.ip6.arpa. PTR {name}",
            ]
    return "\n".join(lines)


@dataclass(frozen=True)
class Checked:
    """A check that Icinga has run, in seconds."""

    service: str
    due: float
    began: float
    ended: float
    latency: float  # as Icinga has it: what passed from due to the result without the run itself
    state: int


class Cpu(NamedTuple):
    """Seconds of CPU: the plugin's in runs that have ended, Icinga's own, and the machine's."""

    plugin: float
    icinga: float
    machine: float
    clock: float

    @classmethod
    def between(cls, before: Cpu, after: Cpu) -> Cpu:
        return cls(*(new - old for old, new in zip(before, after)))


@dataclass(frozen=True)
class Load:
    """What Icinga did with checks that fell due within a time."""

    offered: float  # a second
    checks: Sequence[Checked]
    cpu: Cpu

    @property
    def seconds(self) -> float:
        """From when the first was due until the last had ended."""
        return max(check.ended for check in self.checks) - min(check.due for check in self.checks)

    @property
    def rate(self) -> float:
        """Checks done a second."""
        return len(self.checks) / self.seconds

    @property
    def latency(self) -> tuple[float, float]:
        latencies = [check.latency for check in self.checks]
        return mean(latencies), max(latencies)

    @property
    def duration(self) -> tuple[float, float]:
        durations = [check.ended - check.began for check in self.checks]
        return mean(durations), max(durations)

    @property
    def busy(self) -> tuple[float, float]:
        """The parts of the machine's processors that plugin and Icinga took, and all else."""
        ours = self.cpu.plugin + self.cpu.icinga
        there_was = self.cpu.clock * CORES
        return ours / there_was, (self.cpu.machine - ours) / there_was

    @property
    def unknown(self) -> int:
        return sum(check.state == 3 for check in self.checks)


def mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


class LoadedIcinga(Icinga):
    """An Icinga with a service for each domain, which runs the plugin as it is installed."""

    def __init__(
        self,
        nameserver: NameServer,
        services: int,
        interval: float = INTERVAL,
        checks_at_once: int = CHECKS_AT_ONCE,
    ) -> None:
        domains = "".join(f'vars.mail_domains["d{n}.example"] = {{ }}\n' for n in range(services))
        host = f"""
            object Host "mail-domains" {{
              check_command = "dummy"
              enable_active_checks = false
              vars.reverse_mx_server = "{nameserver.address}"
              vars.reverse_mx_port = {nameserver.port}
              {domains}
            }}
            """
        rules = ICINGA_CONF.read_text("utf-8").replace("_interval = 5m", f"_interval = {interval}")
        files = {
            "icinga2.conf": BARE_ICINGA2_CONF + 'include "check_reverse_mx.conf"\n',
            "zones.conf": ZONES_CONF,
            "check_reverse_mx.conf": rules + host,
        }
        python = Path(sys.executable)
        super().__init__(FOLDER, python, files, checks_at_once=checks_at_once)
        self.number = services
        self.interval = interval
        self.checked: list[Checked] = []

    def prepare(self) -> None:
        super().prepare()
        self.listening = self.directory / "listening"
        wrapper = self.plugins / "check_reverse_mx"
        places = {"listening": self.listening, "script": SCRIPT}
        quoted = {name: shlex.quote(str(place)) for name, place in places.items()}
        wrapper.write_text(WRAPPER.format(mark=MARK, **quoted))

    def __enter__(self) -> LoadedIcinga:
        super().__enter__()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def _listen(self) -> None:
        """Take note of every check until Icinga ends."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            events = self.open("events", {"queue": "scale", "types": ["CheckResult"]}, None)
            self.listening.touch()
            for line in events:
                event = json.loads(line)
                result = event["check_result"]
                began, ended = result["execution_start"], result["execution_end"]
                passed = result["schedule_end"] - result["schedule_start"]
                latency = max(0.0, passed - (ended - began))
                check = Checked(
                    event["service"],
                    result["schedule_start"],
                    began,
                    ended,
                    latency,
                    int(result["state"]),
                )
                self.checked.append(check)

    def cpu(self) -> Cpu:
        """What was spent so far."""
        icinga, plugin = self.spent()
        fields = Path("/proc/stat").read_text().split()
        machine = sum(int(field) for field in fields[1:4] + fields[6:8])  # without idle and iowait
        return Cpu(plugin, icinga, machine / os.sysconf("SC_CLK_TCK"), time.monotonic())

    def first_checks(self) -> Load:
        """What follows a start: Icinga has all checked within a minute, or an interval if less."""
        seconds = min(self.interval, 60)
        cpu = self.cpu()

        def all_checked() -> bool:
            return len({check.service for check in self.checked}) == self.number

        wait_for(all_checked, "Icinga has not checked all services", 5 * seconds + RESULT_SECONDS)
        return self._load(self.number / seconds, 0, cpu)

    def offer(self, rate: float, seconds: float) -> Load:
        """Let so many checks a second fall due, evenly."""
        due = round(rate * seconds)
        assert due <= self.number
        later = time.time() + 3600
        self._script(f"for (service in get_objects(Service)) {{ service.next_check = {later} }}")
        wait_for(lambda: not self._running(), "the checks before do not end")
        begin = time.time() + 1
        self._script(
            f"""
            var number = 0
            for (service in get_objects(Service)) {{
              if (number < {due}) {{
                service.next_check = {begin} + number / {rate}
              }}
              number += 1
            }}
            """
        )
        since = begin - 0.5
        time.sleep(max(0.0, begin - time.time()))
        cpu = self.cpu()
        wait_for(
            lambda: sum(check.due > since for check in self.checked) >= due,
            f"Icinga has not run {due} checks",
            5 * seconds + RESULT_SECONDS,
        )
        return self._load(rate, since, cpu)

    def _load(self, offered: float, since: float, cpu: Cpu) -> Load:
        # Not what fell due again meanwhile, on a slow machine.
        first: dict[str, Checked] = {}
        for check in self.checked:
            if check.due > since:
                first.setdefault(check.service, check)
        return Load(offered, list(first.values()), Cpu.between(cpu, self.cpu()))

    def _running(self) -> int:
        status = self.ask("status/CIB")["results"][0]["status"]
        return int(status["current_concurrent_checks"])

    def _script(self, text: str) -> None:
        answer = self.ask("console/execute-script", {"command": text, "session": self.identity})
        if answer["results"][0]["code"] != 200:
            raise RuntimeError(answer["results"][0]["status"])


def cost(nameserver: NameServer, command: Sequence[str | Path], domains: int, runs: int) -> float:
    """The CPU seconds of one run that checks so many domains."""
    where = ["--server", nameserver.address, "--port", str(nameserver.port), "--domain"]
    names = [f"d{number}.example" for number in range(domains)]
    spent = [scale_feed.run([*command, *where, *names])[0] for _ in range(runs + 1)]
    return mean(spent[1:])  # the first read the files from the disk


@dataclass(frozen=True)
class Figures:
    services: int
    interval: float
    starts: dict[int, Load]  # by MaxConcurrentChecks
    steady: Load
    more: list[Load]
    costs: dict[tuple[str, int], float]  # by how it is installed, and domains
    fed: list[Fed]


def kept_up(load: Load) -> bool:
    return all(check.ended < check.due + LATE for check in load.checks)


def measure(
    services: int = SERVICES,
    interval: float = INTERVAL,
    steady_seconds: float = RATE_SECONDS,
    more_seconds: float = MULTIPLE_SECONDS,
    multiples: Sequence[float] = MULTIPLES,
    limits: Sequence[int] = (ICINGAS_CHECKS_AT_ONCE, CHECKS_AT_ONCE),
    runs: int = RUNS,
    domains_fed: Sequence[int] = DOMAINS_FED,
) -> Figures:
    rate = services / interval
    starts = {}
    more: list[Load] = []
    with NameServer(zone(max(services, *DOMAINS_A_RUN, *domains_fed))) as nameserver:
        costs = {
            ("installed with pip", domains): cost(nameserver, [SCRIPT], domains, runs)
            for domains in DOMAINS_A_RUN
        }
        with tempfile.TemporaryDirectory() as folder:
            one_file = Path(folder) / "check_reverse_mx"
            subprocess.run([sys.executable, ROOT / "tools" / "one_file.py", one_file], check=True)
            costs["the one file", 1] = cost(nameserver, [sys.executable, one_file], 1, runs)
        fed = [scale_feed.feed(nameserver, SCRIPT, count, ZONES_CONF) for count in domains_fed]
        for limit in limits:
            with LoadedIcinga(nameserver, services, interval, limit) as icinga:
                starts[limit] = icinga.first_checks()
                if limit != limits[-1]:
                    continue
                steady = icinga.offer(rate, steady_seconds)
                for multiple in multiples:
                    more.append(icinga.offer(multiple * rate, more_seconds))
                    if not kept_up(more[-1]):
                        break
    return Figures(services, interval, starts, steady, more, costs, fed)


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def pair(average_and_most: tuple[float, float]) -> str:
    return "{:.2f} s, {:.2f} s".format(*average_and_most)


def parts(that_and_else: tuple[float, float]) -> str:
    return "{:.0%}, {:.0%}".format(*that_and_else)


def render(figures: Figures) -> dict[str, str]:
    """The blocks of docs/scale.md."""
    return {
        "scale_machine": f"Measured on: {machine()}; Icinga, plugin and name server together.\n",
        "scale_rate": rate_block(figures),
        "scale_start": start_block(figures),
        "scale_limit": limit_block(figures),
        "scale_cost": cost_block(figures),
        "scale_feed": scale_feed.block(figures.fed, figures.interval),
    }


def rate_block(figures: Figures) -> str:
    load = figures.steady
    number = len(load.checks)
    return table(
        ["", f"{figures.services} services every {figures.interval:g} s, for {load.seconds:.0f} s"],
        [
            ["checks due a second", f"{load.offered:.2f}"],
            ["checks done a second", f"{load.rate:.2f}"],
            ["CPU of the plugin a check", milliseconds(load.cpu.plugin / number)],
            ["CPU of Icinga itself a check", milliseconds(load.cpu.icinga / number)],
            ["processors busy with that, with all else", parts(load.busy)],
            ["check latency, average and most", pair(load.latency)],
            ["execution time, average and most", pair(load.duration)],
        ],
    )


def start_block(figures: Figures) -> str:
    head = [
        "MaxConcurrentChecks",
        "seconds until all were checked",
        "latency, average and most",
        "execution time, average and most",
        "checks UNKNOWN",
    ]
    rows = [
        [
            limit,
            f"{load.seconds:.0f}",
            pair(load.latency),
            pair(load.duration),
            f"{load.unknown} of {len(load.checks)}",
        ]
        for limit, load in figures.starts.items()
    ]
    return table(head, rows)


def limit_block(figures: Figures) -> str:
    head = [
        "due a second",
        f"services at {figures.interval:g} s",
        "done a second",
        "latency, average and most",
        "execution time, average and most",
        "processors busy with that, with all else",
    ]
    rows = [
        [
            f"{load.offered:.1f}",
            f"{load.offered * figures.interval:.0f}",
            f"{load.rate:.1f}",
            pair(load.latency),
            pair(load.duration),
            parts(load.busy),
        ]
        for load in (figures.steady, *figures.more)
    ]
    return table(head, rows)


def cost_block(figures: Figures) -> str:
    head = [
        "plugin",
        "domains a service",
        "CPU a check",
        "CPU a domain",
        f"domains every {figures.interval:g} s for half of the processors",
    ]
    rows = [
        [
            how,
            domains,
            milliseconds(seconds),
            f"{1000 * seconds / domains:.1f} ms",
            f"{CORES / 2 * figures.interval / (seconds / domains):.0f}",
        ]
        for (how, domains), seconds in figures.costs.items()
    ]
    return table(head, rows)


def main() -> None:
    installed = Path(sysconfig.get_path("purelib")) / PLUGIN.name
    if installed.read_bytes() != PLUGIN.read_bytes():
        sys.exit(f"{installed} is not this plugin: make scale installs it")
    for name, text in render(measure()).items():
        print(text)
        write_block(SCALE, name, text)


if __name__ == "__main__":
    main()
