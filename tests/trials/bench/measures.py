"""The goals, and how each figure comes from what the runs cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

from tests.trials.bench.responder import GREETS_AFTER, ROUND_TRIP
from tests.trials.bench.runs import HOSTS, SHARED, SLOW_SECONDS, Costs

Figure = Callable[[Costs], float]


class Unit(NamedTuple):
    """How a figure is shown."""

    name: str
    scale: float
    digits: int

    def show(self, figure: float) -> str:
        return f"{self.scale * figure:,.{self.digits}f} {self.name}"


MS = Unit("ms", 1e3, 1)
MIB = Unit("MiB", 1, 1)
MILLION = Unit("M", 1e-6, 0)
MILLION_EACH = Unit("M", 1e-6, 2)


class Measure(NamedTuple):
    """One row: a figure, or the ratio of two, with its goal if it has one.

    ``of`` and ``by`` are what is divided, ``by`` of a plain figure being 1. ``command`` is the
    one whose load on the responder is told. ``lasting`` is whether the figure is much the same on
    any machine, however busy.
    """

    name: str
    what: str
    of: Figure
    by: Optional[Figure]
    unit: Unit
    command: str
    at_most: Optional[float] = None
    at_least: Optional[float] = None
    lasting: bool = True

    @property
    def goal(self) -> str:
        """The goal in words, empty if there is none."""
        limit, sign = (self.at_least, "≥") if self.at_most is None else (self.at_most, "≤")
        if limit is None:
            return ""
        return f"{sign} {limit:g}" if self.by else f"{sign} {self.unit.show(limit)}"

    def figure(self, costs: Costs) -> float:
        return self.of(costs) / (self.by(costs) if self.by else 1)

    def verdict(self, costs: Costs) -> str:
        """Say whether the goal is met, or which part of it is missing or too much."""
        worse = self.worse(costs)
        if worse is None:
            return ""
        missed = worse - 1 if self.at_most is not None else 1 - 1 / worse
        return f"missed by {missed:.0%}" if missed > 0 else "met"

    def worse(self, costs: Costs) -> Optional[float]:
        """Return how many times worse than its goal it is; up to 1 it is met."""
        figure = self.figure(costs)
        if self.at_most is not None:
            return figure / self.at_most
        return self.at_least / figure if self.at_least is not None else None


def cost(command: str, what: str) -> Figure:
    return lambda costs: float(getattr(costs[command], what))


def further(count: int, what: str = "cpu", many: str = "", one: str = "one") -> Figure:
    """Return the CPU, or another cost, of each further domain in a run of so many.

    Start-up, and what the first domain costs once, are in the run for one domain.
    """
    run = many or str(count)
    return lambda costs: (cost(run, what)(costs) - cost(one, what)(costs)) / (count - 1)


def further_counted(count: int) -> Figure:
    return further(count, "instructions", f"{count}, counted", "one, counted")


def against(
    peer: str,
    what: str,
    *,
    wall: Optional[float] = None,
    cpu: Optional[float] = None,
    ours: str = "one",
) -> Measure:
    """Return the wall time or the CPU of a peer by that of our run. 0 stands for no goal."""
    kind, text, goal = ("cpu", "CPU", cpu) if wall is None else ("wall", "wall time", wall)
    name = f"{kind}-{peer}".replace(", ", "-").replace("_", "-")
    of, by = cost(peer, kind), cost(ours, kind)
    what = f"{text} of {what} ÷ ours"
    return Measure(name, what, of, by, MS, peer, at_least=goal or None, lasting=False)


def instructions(name: str, how: str, at_most: Optional[float]) -> Measure:
    what = f"instructions of a whole run, {how} ÷ those of `import nagiosplugin, dns.resolver`"
    of, by = (cost(f"{c}, counted", "instructions") for c in (name, "import"))
    return Measure(
        f"instructions-{name.replace(' ', '-')}", what, of, by, MILLION, f"{name}, counted", at_most
    )


BY_HAND = "the procedure by hand, done with `dig` in a shell loop"
OF_IMPORT = "CPU of `import nagiosplugin, dns.resolver`"

MEASURES = (
    Measure(
        "wall-two-hosts",
        "wall time after start-up ÷ three round trips; 2 hosts, 4 addresses",
        cost("one", "after"),
        lambda _: 3 * ROUND_TRIP,
        MS,
        "one",
        at_most=1.06,
        lasting=False,
    ),
    Measure(
        "wall-fifty-hosts",
        "the same with 50 hosts, 100 addresses",
        cost("big", "after"),
        lambda _: 3 * ROUND_TRIP,
        MS,
        "big",
        at_most=1.3,
        lasting=False,
    ),
    Measure(
        "wall-slow-answers",
        "wall time after start-up ÷ 1 s; one host's A answer takes 1 s, another's PTR answer too",
        cost("slow", "after"),
        lambda _: SLOW_SECONDS,
        MS,
        "slow",
        at_most=1.15,
        lasting=False,
    ),
    Measure(
        "wall-smtp",
        "wall time after start-up with `--smtp`, greetings 100 ms after the connection ÷"
        " (two round trips + 100 ms); 2 hosts, 2 addresses",
        cost("smtp", "after"),
        lambda _: 2 * ROUND_TRIP + GREETS_AFTER,
        MS,
        "smtp",
        at_most=1.15,
        lasting=False,
    ),
    instructions("one", "installed", 1.05),
    instructions("with -s", "installed, the resolver given with `-s`", None),
    instructions("one file", "the one file dropped in", 1.12),
    Measure(
        "instructions-smtp",
        "instructions of a whole run with `--smtp` ÷ without; 2 hosts, 2 addresses",
        cost("smtp, counted", "instructions"),
        cost("v4, counted", "instructions"),
        MILLION,
        "smtp, counted",
        at_most=1.05,
    ),
    against("dig", f"{BY_HAND}, 13 lookups", wall=3.2),
    against("dig", "that shell loop", cpu=1.15),
    against("dig, once", f"{BY_HAND}, no question twice, 9 lookups", wall=0),
    against("dig, once", "that shell loop", cpu=1.3),
    against("checkdmarc", "checkdmarc's MX check", wall=3.2),
    against("checkdmarc", "checkdmarc's MX check", cpu=2.5),
    against("check_dig", "`check_dig` once per lookup, 13 lookups", wall=3.2),
    against("check_dig, once", "`check_dig` once per lookup, 9 lookups", wall=0),
    against("checkdmarc, 100", "checkdmarc's MX check of 100 domains", wall=0, ours="100"),
    against("checkdmarc, 100", "checkdmarc's MX check of 100 domains", cpu=0, ours="100"),
    against("dig, 100", "one `dig -f`, 9 lookups of each of 100 domains", wall=0, ours="100"),
    against("dig, 100", "that `dig -f`", cpu=0, ours="100"),
    Measure(
        "cpu-further-domain",
        f"CPU per further domain, own hosts, 100 in one run ÷ {OF_IMPORT}",
        further(100),
        cost("import", "cpu"),
        MS,
        "100",
        at_most=0.03,
    ),
    Measure(
        "cpu-further-domain-shared",
        f"CPU per further domain on {HOSTS} shared hosts, {SHARED:,} in one run ÷ {OF_IMPORT}",
        further(SHARED, many="shared"),
        cost("import", "cpu"),
        MS,
        "shared",
        at_most=0.006,
    ),
    Measure(
        "cpu-growth",
        "CPU per further domain, own hosts, 10,000 in one run ÷ 100 in one run",
        further(10000),
        further(100),
        MS,
        "10000",
        at_most=1.1,
        # It is the size of the processor's caches that makes it.
        lasting=False,
    ),
    Measure(
        "instructions-growth",
        "instructions per further domain, own hosts, 500 in one run ÷ 50 in one run",
        further_counted(500),
        further_counted(50),
        MILLION_EACH,
        "500, counted",
        at_most=1.1,
    ),
    Measure(
        "memory-one-domain",
        "peak memory, 1 domain",
        cost("one", "memory"),
        None,
        MIB,
        "one",
        at_most=30,
    ),
    Measure(
        "memory-thousand-domains",
        "peak memory, 1,000 domains",
        cost("1000", "memory"),
        None,
        MIB,
        "1000",
        at_most=45,
    ),
    Measure(
        "memory-ten-thousand-domains",
        "peak memory, 10,000 domains",
        cost("10000", "memory"),
        None,
        MIB,
        "10000",
        at_most=200,
    ),
)
