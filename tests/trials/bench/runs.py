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
SECONDS = 900
ROUNDS, SHORT_ROUNDS = 5, 3

# Nothing of the caller's, and what makes runs alike.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "VALGRIND_LIB": str(VALGRIND),
}

# So many domains in one run. They are "d0.many.example" and so on.
COUNTS = (100, 1000, 10000)
SHARED, HOSTS = 1000, 20
ONE, BIG, SLOW = "d0.many.example", "big.example", "slow.example"
SLOW_SECONDS = 1.0


def make_zone() -> Zone:
    """Return what the commands ask for."""
    zone = Zone()
    for number in range(max(COUNTS)):
        zone.add_domain(f"d{number}.many.example", hosts=2)
    zone.add_domain("hosts.example", hosts=HOSTS)
    for number in range(SHARED):
        of = (f"m{host % HOSTS}.hosts.example" for host in (number, number + 1))
        zone.add_customer(f"c{number}.many.example", *of)
    zone.add_domain(BIG, hosts=50)
    zone.add_domain(SLOW, hosts=2)
    zone.delay(f"m0.{SLOW}", "A", SLOW_SECONDS)
    zone.delay(zone.reverse_name(f"m1.{SLOW}", "A"), "PTR", SLOW_SECONDS)
    return zone


class Command(NamedTuple):
    """What is run, and what it must then print, as a regular expression.

    ``times`` is how often in a round, ``rounds`` in how many rounds at most, and ``short_rounds``
    in how many of the short form.
    """

    argv: tuple[str, ...]
    prints: str
    input: str = ""
    times: int = 1
    rounds: int = ROUNDS
    short_rounds: int = SHORT_ROUNDS


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
        whole = (*valgrind, "--cachegrind-out-file=/dev/null", *argv)
        return Command(whole, prints, rounds=1, short_rounds=1)

    def many(count: int, kind: str = "d") -> Command:
        file = folder / f"{kind}{count}"
        file.write_text("".join(f"{kind}{number}.many.example\n" for number in range(count)))
        counts = sound(f"{count} domains: {2 * count} mail hosts, {4 * count} addresses")
        return Command((plugin, "-t", "600", "-d", f"@{file}"), f"REVERSE_MX OK - {counts}")

    def batch(count: int) -> Command:
        """Return one dig for the nine lookups of each of so many domains."""
        file = folder / f"dig{count}"
        questions, answers = [], []
        for domain in (f"d{number}.many.example" for number in range(count)):
            names = [f"m{host}.{domain}" for host in range(2)]
            questions.append(f"{domain} MX")
            answers += [f"10 {name}." for name in names]
            for name in names:
                for rdtype in ("A", "AAAA"):
                    questions += [f"{name} {rdtype}", f"{zone.reverse_name(name, rdtype)} PTR"]
                    answers += [zone.address(name, rdtype), f"{name}."]
        file.write_text("".join(f"{question}\n" for question in questions))
        prints = re.escape("".join(f"{answer}\n" for answer in answers))
        return Command(("dig", "+short", "-f", str(file)), prints, rounds=1, short_rounds=0)

    one = ours(ONE, "2 mail hosts, 4 addresses")
    whole = ("-t", "120", "-d", ONE)  # valgrind makes it thirty times as long
    two = sound("2 mail hosts, 2 addresses")
    v4 = Command((plugin, "-4", "-d", ONE), f"REVERSE_MX OK - {ONE}: {two}", times=3)
    checkdmarc = (str(PEERS / "python"), str(HERE / "ask_checkdmarc.py"))
    return {
        "one": one._replace(times=3),
        "dig": Command(dig, confirmed),
        "dig, once": Command((*dig, "once"), confirmed),
        "checkdmarc": Command((*checkdmarc, ONE), r"2 hosts, 4 addresses, \[\]\n"),
        "check_dig": check_dig([*walk, *addresses]),
        "check_dig, once": check_dig(walk),
        "big": ours(BIG, "50 mail hosts, 100 addresses"),
        "slow": ours(SLOW, "2 mail hosts, 4 addresses"),
        "import": Command((python, "-c", imports), "", times=3),
        "100": many(100),
        "1000": many(1000)._replace(rounds=3, short_rounds=1),
        "10000": many(10000)._replace(rounds=1, short_rounds=1),
        "shared": many(SHARED, "c")._replace(rounds=3),
        "v4": v4,
        "smtp": v4._replace(argv=(*v4.argv, "--smtp")),
        "checkdmarc, 100": Command(
            (*checkdmarc, *(f"d{number}.many.example" for number in range(100))),
            r"(2 hosts, 4 addresses, \[\]\n){100}",
            rounds=1,
            short_rounds=0,
        ),
        "dig, 100": batch(100),
        **{
            f"{count}, counted": counted(many(count).prints, *many(count).argv)
            for count in (50, 500)
        },
        "import, counted": counted("", python, "-c", imports),
        "one, counted": counted(one.prints, plugin, *whole),
        "with -s, counted": counted(one.prints, plugin, "-s", ADDRESS, *whole),
        "one file, counted": counted(one.prints, python, one_file, *whole),
        "v4, counted": counted(v4.prints, plugin, "-4", *whole),
        "smtp, counted": counted(v4.prints, plugin, "-4", "--smtp", *whole),
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
