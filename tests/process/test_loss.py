"""Datagrams that are lost, doubled, reordered, late or forged: the verdict stays the same.

``python -m tests.process.test_loss RUNS`` is the long form; it writes what it measured to
docs/reliability.md.
"""

from __future__ import annotations

import collections
import itertools
import random
import re
import socket
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from tests.helpers.figures import DOCS, machine, table, write_block
from tests.helpers.nameserver import OTHER, Connection, Datagram, NameServer, forge, wrong_id
from tests.helpers.plugin import Output, Program, zone

LOSS = 0.3
SEED = 20261124
RUNS = 400
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


@dataclass(frozen=True)
class Manners:
    """What a network does to datagrams: it may lose, double, hold or forge them."""

    loss: float = 0
    doubles: bool = False
    holds: tuple[float, float] = (0, 0)
    forges: tuple[str, ...] = ()


class Network(NameServer):
    """A name server behind a network with such manners.

    What becomes of a datagram depends on the seed, the question, and how often that was asked,
    not on what else is under way. ``sent`` and ``lost`` count the datagrams of both directions.
    """

    def __init__(self, text: str, manners: Manners, seed: object) -> None:
        self.manners = manners
        self.sent = self.lost = 0
        self._seed = seed
        self._times_asked: collections.Counter[bytes] = collections.Counter()
        self._other_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        super().__init__(text)

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._other_port.close()

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        if isinstance(asker, Datagram):
            self._times_asked[wire[2:]] += 1
            fate = random.Random(f"{self._seed} {self._times_asked[wire[2:]]} {wire[2:].hex()}")
            if self.loses(fate):
                return
            asker = Way(self, fate, wire, asker)
        super().handle(wire, asker)

    def loses(self, fate: random.Random) -> bool:
        self.sent += 1
        lost = fate.random() < self.manners.loss
        self.lost += lost
        return lost

    def hold(self, seconds: float, datagram: bytes, asker: Datagram) -> None:
        self._after(seconds, asker.send, datagram)

    def forge(self, query: bytes, asker: Datagram) -> None:
        """Send false answers of which each has one thing wrong, that it is known by."""
        asked = self._asked[query[2:]]
        of_the_name = query[:2] + forge(asked, asked.name)[2:]
        for thing in self.manners.forges:
            if thing == "id":
                asker.send(wrong_id(of_the_name))
            elif thing == "question":
                asker.send(query[:2] + forge(asked, OTHER)[2:])
            else:
                assert thing == "port"
                self._other_port.sendto(of_the_name, asker.sender)


class Way(Datagram):
    """The way back to who sent a query, through the network."""

    def __init__(
        self, network: Network, fate: random.Random, query: bytes, asker: Datagram
    ) -> None:
        super().__init__(asker.sock, asker.sender)
        self._network, self._fate, self._query, self._asker = network, fate, query, asker

    def send(self, wire: bytes) -> None:
        manners = self._network.manners
        self._network.forge(self._query, self._asker)
        for _ in range(2 if manners.doubles else 1):
            if not self._network.loses(self._fate):
                self._network.hold(self._fate.uniform(*manners.holds), wire, self._asker)


# Loss


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


def walk(program: Program, number: int) -> Walked:
    chain = CHAINS[number % len(CHAINS)]
    seed = f"{SEED}/{number}"
    with Network(ZONE, Manners(loss=LOSS), seed) as network:
        output = program.ask(network, "-d", chain.domain, *TIMEOUT)
    return Walked(chain, seed, output, network.sent, network.lost)


def walk_all(program: Program, runs: int) -> list[Walked]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(walk, itertools.repeat(program), range(runs)))


@pytest.mark.parametrize("chain", [pytest.param(chain, id=chain.domain) for chain in CHAINS])
def test_without_loss_the_verdict_is_the_expected_one(program: Program, chain: Chain) -> None:
    with Network(ZONE, Manners(), SEED) as network:
        output = program.ask(network, "-d", chain.domain)
    assert (output.code, output.status) == (chain.code, f"REVERSE_MX {chain.status}")
    assert (output.stderr, network.lost) == ("", 0)


def test_with_30_percent_loss_400_verdicts_stay_the_same(program: Program) -> None:
    walks = walk_all(program, RUNS)
    other = [walk for walk in walks if not walk.is_same]
    print(f"seed {SEED};", *((walk.seed, walk.output.status) for walk in other))
    assert all(walk.is_timeout for walk in other), other
    assert len(other) <= 0.005 * RUNS
    assert {walk.output.stderr for walk in walks} == {""}
    share = sum(walk.lost for walk in walks) / sum(walk.sent for walk in walks)
    assert share == pytest.approx(LOSS, abs=0.03)


# Whatever else networks do to datagrams

EVERY_DATAGRAM = ("id", "question", "port")


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Manners(doubles=True), id="duplicated"),
        pytest.param(Manners(holds=(0, 0.3)), id="reordered"),
        pytest.param(Manners(holds=(0.6, 1.2)), id="late-and-overtaken-by-the-next-try"),
        pytest.param(Manners(holds=(0.02, 0.02), forges=("id",)), id="wrong-id"),
        pytest.param(Manners(holds=(0.02, 0.02), forges=("question",)), id="wrong-question"),
        pytest.param(Manners(holds=(0.02, 0.02), forges=("port",)), id="wrong-port"),
        pytest.param(
            Manners(doubles=True, holds=(0.02, 1.2), forges=EVERY_DATAGRAM), id="all-mixed"
        ),
        pytest.param(
            Manners(LOSS, doubles=True, holds=(0.02, 1.2), forges=EVERY_DATAGRAM),
            id="all-mixed-and-lost",
        ),
    ],
)
def test_what_happens_to_datagrams_changes_no_line(program: Program, manners: Manners) -> None:
    arguments = ("-t", "30", "-v", "-d", *(chain.domain for chain in CHAINS))
    print(f"seed {SEED}")
    with Network(ZONE, Manners(), SEED) as network:
        undisturbed = program.ask(network, *arguments)
    with Network(ZONE, manners, SEED) as network:
        output = program.ask(network, *arguments)
    assert undisturbed.code == 2
    assert (output.code, output.status, output.long, output.counts, output.stderr) == (
        undisturbed.code,
        undisturbed.status,
        undisturbed.long,
        undisturbed.counts,
        "",
    )


# The long form


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
    text = report(walk_all(Program(), int(sys.argv[1])))
    print(text)
    write_block(DOCS / "reliability.md", "loss", text)
