"""``make loss``: how runs of the plugin end while datagrams are lost.

``python -m tests.trials.loss RUNS`` writes what it measures to docs/reliability.md.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.network import Manners, Network
from tests.helpers.plugin import Output, Plugin, Program, zone

LOSS = 0.3
SEED = 20261124
# So many wait for their lookups at once; more would be measured on their start-up.
AT_ONCE = 10
TIMEOUT = ("-t", "10")


class Chain(NamedTuple):
    """A domain, and what the plugin says of it if nothing is lost."""

    domain: str
    zone: str
    code: int
    status: str


CHAINS = [
    Chain(
        "three-stages.example",
        """
        three-stages.example. MX 10 mail.three-stages.example.
        mail.three-stages.example. A 192.0.2.1
        192.0.2.1 PTR mail.three-stages.example.
        """,
        0,
        "OK - three-stages.example: 1 mail host, 1 address, reverse DNS matches",
    ),
    Chain(
        "alias.example",
        """
        alias.example. MX 10 mail.alias.example.
        mail.alias.example. A 192.0.2.2
        192.0.2.2 PTR mail.alias.example.
        192.0.2.2 PTR www.alias.example.
        www.alias.example. CNAME mail.alias.example.
        """,
        0,
        "OK - alias.example: 1 mail host, 1 address, reverse DNS matches",
    ),
    Chain(
        "other-name.example",
        """
        other-name.example. MX 10 mail.other-name.example.
        mail.other-name.example. A 192.0.2.3
        192.0.2.3 PTR host.isp.example.
        host.isp.example. A 192.0.2.3
        """,
        1,
        "WARNING - other-name.example: 192.0.2.3 (mail.other-name.example) has PTR"
        " host.isp.example, not the name of the mail host [name-mismatch]",
    ),
    Chain(
        "no-ptr.example",
        """
        no-ptr.example. MX 10 mail.no-ptr.example.
        mail.no-ptr.example. A 192.0.2.4
        """,
        2,
        "CRITICAL - no-ptr.example: 192.0.2.4 (mail.no-ptr.example) has no PTR record (NXDOMAIN)"
        " [missing-ptr]",
    ),
    Chain(
        "unconfirmed.example",
        """
        unconfirmed.example. MX 10 mail.unconfirmed.example.
        mail.unconfirmed.example. A 192.0.2.5
        192.0.2.5 PTR gone.isp.example.
        """,
        2,
        "CRITICAL - unconfirmed.example: 192.0.2.5 (mail.unconfirmed.example) has PTR"
        " gone.isp.example, which does not resolve back to it [unconfirmed-ptr]",
    ),
]
ZONE = zone("".join(chain.zone for chain in CHAINS))


class Walked(NamedTuple):
    """A run on a chain: what came of it, and how many datagrams there were and were lost."""

    chain: Chain
    seed: str
    output: Output
    sent: int
    lost: int

    @property
    def is_same(self) -> bool:
        return (self.output.code, self.output.status) == (
            self.chain.code,
            f"REVERSE_MX {self.chain.status}",
        )

    @property
    def is_timeout(self) -> bool:
        named = re.findall(r"\[([a-z-]+)\]", self.output.status)
        return self.output.code == 3 and set(named) == {"dns-timeout"}


def walk(plugin: Plugin, number: int) -> Walked:
    chain = CHAINS[number % len(CHAINS)]
    seed = f"{SEED}/{number}"
    with Network(ZONE, Manners(loss=LOSS), seed) as network:
        output = plugin.ask(network, "-d", chain.domain, *TIMEOUT)
    return Walked(chain, seed, output, network.sent, network.lost)


def walk_all(runs: int) -> list[Walked]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(walk, itertools.repeat(Program()), range(runs)))


def report(walks: Sequence[Walked]) -> str:
    """Return what was measured, for the documentation."""
    rows = []
    for chain in CHAINS:
        of_it = [walk for walk in walks if walk.chain is chain]
        seconds = sorted(walk.output.seconds for walk in of_it)
        verdict, _, _ = chain.status.partition(" - ")
        finding = re.findall(r"\[(.*)\]", chain.status)
        rows.append(
            (
                f"{verdict} {''.join(finding)}".strip(),
                len(of_it),
                sum(walk.is_same for walk in of_it),
                sum(walk.is_timeout for walk in of_it),
                sum(not (walk.is_same or walk.is_timeout) for walk in of_it),
                f"{seconds[len(seconds) // 2]:.1f} s",
                f"{seconds[-1]:.1f} s",
            )
        )
    head = ("loss-free verdict", "runs", "the same", "UNKNOWN", "another", "median", "longest")
    sent, lost = sum(walk.sent for walk in walks), sum(walk.lost for walk in walks)
    same = sum(walk.is_same for walk in walks)
    return (
        f"{same} of {len(walks)} runs ({same / len(walks):.2%}) gave the loss-free verdict; {lost}"
        f" of {sent} datagrams ({lost / sent:.1%}) were lost. Seed {SEED}; {machine()}.\n\n"
        + table(head, rows)
    )


if __name__ == "__main__":
    text = report(walk_all(int(sys.argv[1])))
    print(text)
    write_block(DOCS / "reliability.md", "loss", text)
