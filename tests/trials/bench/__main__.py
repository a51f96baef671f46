"""What the plugin costs: python -m tests.trials.bench [--short]

It prints a table, and writes it into docs/performance.md.

The short form prints how many times worse than its goal each figure is, as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.loopback import bring_up
from tests.trials.bench.measures import MEASURES, Measure
from tests.trials.bench.responder import ADDRESS, PORT, Responder
from tests.trials.bench.runs import (
    CHECK_DIG,
    DEBIAN,
    PEERS,
    ROUNDS,
    SHORT_ROUNDS,
    Command,
    Cost,
    Costs,
    commands,
    make_zone,
    run,
)

NAMESPACE = ("unshare", "--map-root-user", "--net", "--mount")
INSIDE = "BENCH_IN_ITS_NAMESPACE"


def main() -> int:
    if sys.argv[1:] not in ([], ["--short"]):
        sys.exit("usage: python -m tests.trials.bench [--short]")
    short = sys.argv[1:] == ["--short"]
    if INSIDE not in os.environ:
        command = [*NAMESPACE, sys.executable, "-m", "tests.trials.bench", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        furnish(folder)
        zone = make_zone()
        with Responder(zone) as responder:
            trip = round_trip()
            costs = measure(commands(zone, folder), responder, short)
    if short:
        worse = {measure.name: measure.worse(costs) for measure in MEASURES if measure.goal}
        print(json.dumps(worse))
    else:
        text = report(costs, trip)
        print(text)
        write_block(DOCS / "performance.md", "figures", text)
    return 0


def furnish(folder: Path) -> None:
    """Have the mail hosts' IPv4 addresses, the responder as resolver, and dig where it is sought.

    check_dig wants that where Debian has it.
    """
    bring_up("127.0.0.1", "10.0.0.1")
    resolvers = folder / "resolv.conf"
    resolvers.write_text(f"nameserver {ADDRESS}\n")
    subprocess.run(["mount", "--bind", resolvers, "/etc/resolv.conf"], check=True)
    libraries = next((DEBIAN / "root").glob("usr/lib/*-linux-gnu"))
    for unpacked in (DEBIAN / "root/usr/bin", libraries):
        place = Path("/", unpacked.relative_to(DEBIAN / "root"))
        layers = f"lowerdir={unpacked}:{place}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, place], check=True)


def round_trip() -> float:
    """Return the seconds that an answer takes, as a client sees it that does nothing else."""
    query = bytes([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + b"\1d\7example\0\0\1\0\1"
    seconds = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((ADDRESS, PORT))
        for _ in range(ROUNDS):
            started = time.monotonic()
            sock.send(query)
            sock.recv(512)
            seconds.append(time.monotonic() - started)
    return statistics.median(seconds)


def measure(what: dict[str, Command], responder: Responder, short: bool) -> Costs:
    """Return what a run of each command costs: the median, or in the short form the least.

    In each round every command is run, so that whatever the machine does meanwhile meets all.
    """
    runs: dict[str, list[Cost]] = {name: [] for name in what}
    for number in range(SHORT_ROUNDS if short else ROUNDS):
        print(f"round {number + 1}", file=sys.stderr, flush=True)
        for name, command in what.items():
            if number < (command.short_rounds if short else command.rounds):
                runs[name] += [run(command, responder) for _ in range(command.times)]
    pick: Callable[[Iterable[float]], float] = min if short else statistics.median
    return {name: Cost(*map(pick, zip(*costs))) for name, costs in runs.items() if costs}


def report(costs: Costs, trip: float) -> str:
    """Return the table, with what it was measured on."""
    version = "from importlib.metadata import version as v; print('checkdmarc', v('checkdmarc'))"
    beside = [
        first_line(PEERS / "python", "-c", version),
        first_line("dig", "-v"),
        first_line(CHECK_DIG, "-V"),
    ]
    head = ("what", "goal", "measured", "", "from", "responder's CPU")
    return (
        f"Measured on {machine()}, beside {', '.join(beside)}; median of {ROUNDS} rounds.\n"
        f"The round trip took {1000 * trip:.1f} ms, the CPU of the import of the two libraries"
        f" {1000 * costs['import'].cpu:.0f} ms.\n\n"
        + table(head, [row(measure, costs) for measure in MEASURES])
    )


def first_line(*argv: object) -> str:
    """Return the first line of a command that tells its version, whatever its exit code."""
    words = list(map(str, argv))
    ended = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return ended.stdout.splitlines()[0]


def row(measure: Measure, costs: Costs) -> tuple[str, ...]:
    of, show = measure.of(costs), measure.unit.show
    by = measure.by(costs) if measure.by else None
    cost = costs[measure.command]
    return (
        measure.what,
        measure.goal,
        show(of) if by is None else f"{measure.figure(costs):.3g}",
        measure.verdict(costs),
        "" if by is None else f"{show(of)} ÷ {show(by)}",
        f"{1000 * cost.responder:.1f} ms, {cost.responder / cost.wall:.1%}",
    )


if __name__ == "__main__":
    sys.exit(main())
