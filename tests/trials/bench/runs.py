"""The commands that are compared, and what one run of each cost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests import ROOT
from tests.helpers.debian import binary
from tests.trials.bench.responder import ADDRESS, Responder, Zone

HERE = Path(__file__).resolve().parent
DEBIAN = ROOT / ".debian"
OURS, PEERS = (ROOT / name / "bin" for name in (".venv-bench", ".venv-peers"))
CHECK_DIG = DEBIAN / "root/usr/lib/nagios/plugins/check_dig"
VALGRIND = DEBIAN / "root/usr/libexec/valgrind"
SECONDS = 300

# Nothing of the caller's, and what makes runs alike.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VALGRIND_LIB": str(VALGRIND),
}

# So many domains in one run. They are "d0.many.example" and so on.
COUNTS = (10, 100, 1000)
ONE, BIG, SLOW = "d0.many.example", "big.example", "slow.example"
SLOW_SECONDS = 1.0


def make_zone() -> Zone:
    """Return what the commands ask for."""
    zone = Zone()
    for number in range(max(COUNTS)):
        zone.add_domain(f"d{number}.many.example", hosts=2)
    zone.add_domain(BIG, hosts=50)
    zone.add_domain(SLOW, hosts=2)
    zone.delay(f"m0.{SLOW}", "A", SLOW_SECONDS)
    zone.delay(zone.reverse_name(f"m1.{SLOW}", "A"), "PTR", SLOW_SECONDS)
    return zone


class Command(NamedTuple):
    """What is run, and what it must then print, as a regular expression.

    ``times`` is how often in a round; ``dear`` ones are run in one round only in the short form.
    """

    argv: tuple[str, ...]
    prints: str
    input: str = ""
    times: int = 1
    dear: bool = False


def commands(zone: Zone, folder: Path) -> dict[str, Command]:
    """Return all commands, in the order of a round. ``folder`` is for their files."""
    plugin = str(OURS / "check_reverse_mx")
    python = str(OURS / "python")
    one_file = str(folder / "check_reverse_mx")
    subprocess.run([python, ROOT / "tools" / "one_file.py", one_file], check=True)
    imports = "import nagiosplugin, dns.resolver"
    hosts = [f"m{host}.{ONE}" for host in range(2)]
    addresses = [
        (host, rdtype, zone.address(host, rdtype)) for host in hosts for rdtype in ("A", "AAAA")
    ]
    names = [(zone.reverse_name(host, rdtype), "PTR", host) for host, rdtype, _ in addresses]
    walk = [(ONE, "MX", hosts[0]), *addresses, *names]
    dig = ("bash", str(HERE / "walk_with_dig.sh"), ONE)
    confirmed = "".join(f"{address} {host}\\. {address}\n" for host, _, address in addresses)

    def ours(domain: str, counts: str) -> Command:
        return Command((plugin, "-d", domain), f"REVERSE_MX OK - {domain}: {sound(counts)}")

    def sound(counts: str) -> str:
        return f"{counts}, reverse DNS matches .*\n"

    def check_dig(lookups: Sequence[tuple[str, str, str]]) -> Command:
        return Command(
            ("bash", str(HERE / "walk_with_check_dig.sh"), str(CHECK_DIG), ADDRESS),
            "".join(f"DNS OK - .*{name}.*{expected}.*\n" for name, _, expected in lookups),
            input="".join(f"{' '.join(lookup)}\n" for lookup in lookups),
        )

    def counted(prints: str, *argv: str) -> Command:
        valgrind = (str(binary(DEBIAN, "valgrind")), "--tool=cachegrind", "--cache-sim=no")
        return Command((*valgrind, "--cachegrind-out-file=/dev/null", *argv), prints, dear=True)

    def many(count: int) -> Command:
        file = folder / str(count)
        file.write_text("".join(f"d{number}.many.example\n" for number in range(count)))
        counts = sound(f"{count} domains: {2 * count} mail hosts, {4 * count} addresses")
        return Command((plugin, "-t", "60", "-d", f"@{file}"), f"REVERSE_MX OK - {counts}")

    one = ours(ONE, "2 mail hosts, 4 addresses")
    whole = ("-t", "120", "-d", ONE)  # valgrind makes it thirty times as long
    return {
        "one": one._replace(times=3),
        "dig": Command(dig, confirmed),
        "dig, once": Command((*dig, "once"), confirmed),
        "checkdmarc": Command(
            (str(PEERS / "python"), str(HERE / "ask_checkdmarc.py"), ONE),
            r"2 hosts, 4 addresses, \[\]\n",
        ),
        "check_dig": check_dig([*walk, *addresses]),
        "check_dig, once": check_dig(walk),
        "big": ours(BIG, "50 mail hosts, 100 addresses"),
        "slow": ours(SLOW, "2 mail hosts, 4 addresses"),
        "import": Command((python, "-c", imports), "", times=3),
        "10": many(10)._replace(times=3),
        "100": many(100),
        "1000": many(1000)._replace(dear=True),
        "import, counted": counted("", python, "-c", imports),
        "one, counted": counted(one.prints, plugin, *whole),
        "with -s, counted": counted(one.prints, plugin, "-s", ADDRESS, *whole),
        "one file, counted": counted(one.prints, python, one_file, *whole),
    }


class Cost(NamedTuple):
    """What a run cost, in seconds, MiB and instructions, and what it gave the responder to do.

    ``after`` is the wall time after start-up: from the first question's arrival to the end.
    """

    wall: float
    after: float
    cpu: float
    memory: float
    instructions: float
    questions: float
    responder: float


def run(command: Command, responder: Responder) -> Cost:
    """Run a command. Raise ``RuntimeError`` if it does not print what it must."""
    responder.load()
    launcher = (sys.executable, "-IS", str(HERE / "launcher.py"))
    ended = subprocess.run(
        [*launcher, *command.argv],
        input=command.input,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        env=ENVIRONMENT,
        check=True,
    )
    load = responder.load()
    seen = json.loads(ended.stdout)
    if seen["code"] or not re.fullmatch(command.prints, seen["stdout"]):
        raise RuntimeError(f"{command.argv}: {seen['code']} {seen['stdout']} {seen['stderr']}")
    refs = re.search(r"I\s+refs:\s+([\d,]+)", seen["stderr"])
    return Cost(
        wall=seen["finished"] - seen["started"],
        after=seen["finished"] - load.first,
        cpu=seen["cpu"],
        memory=seen["memory"] / 1024,
        instructions=float(refs[1].replace(",", "")) if refs else 0.0,
        questions=load.questions,
        responder=load.cpu,
    )


Costs = Mapping[str, Cost]
