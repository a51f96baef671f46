"""Datagrams that are lost, doubled, reordered, late or forged: the verdict stays the same."""

from __future__ import annotations

import pytest

from tests.helpers.network import Manners, Network
from tests.helpers.plugin import Plugin
from tests.trials.loss import CHAINS, LOSS, SEED, ZONE, Chain, walk

RUNS = 400


@pytest.mark.parametrize("chain", [pytest.param(chain, id=chain.domain) for chain in CHAINS])
def test_without_loss_the_verdict_is_the_expected_one(plugin: Plugin, chain: Chain) -> None:
    with Network(ZONE, Manners(), SEED) as network:
        output = plugin.ask(network, "-d", chain.domain)
    assert (output.code, output.status) == (chain.code, f"REVERSE_MX {chain.status}")
    assert (output.stderr, network.lost) == ("", 0)


@pytest.mark.newest
def test_with_30_percent_loss_400_verdicts_stay_the_same(plugin: Plugin) -> None:
    walks = [walk(plugin, number) for number in range(RUNS)]
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
def test_what_happens_to_datagrams_changes_no_line(plugin: Plugin, manners: Manners) -> None:
    arguments = ("-t", "30", "-v", "-d", *(chain.domain for chain in CHAINS))
    print(f"seed {SEED}")
    with Network(ZONE, Manners(), SEED) as network:
        undisturbed = plugin.ask(network, *arguments)
    with Network(ZONE, manners, SEED) as network:
        output = plugin.ask(network, *arguments)
    assert undisturbed.code == 2
    assert (output.code, output.status, output.long, output.counts, output.stderr) == (
        undisturbed.code,
        undisturbed.status,
        undisturbed.long,
        undisturbed.counts,
        "",
    )
