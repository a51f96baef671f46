"""What is said of Rspamd and SpamAssassin is what they do."""

from __future__ import annotations

import re

import pytest

from reverse_mx.filters import WORDS, Score, scores
from reverse_mx.findings import FINDINGS, Reaction
from reverse_mx.names import name_of
from tests.helpers.filters import Client, Scores, judge
from tests.helpers.ptr_names import NAMES, Judged
from tests.helpers.realservers import FOLDER
from tests.helpers.receivers import CLIENTS, GOOD_CLIENT, HELOS, State

NAMELESS = ("missing-ptr", "unconfirmed-ptr", "invalid-ptr")
STATES = [state for state in CLIENTS if state.finding in NAMELESS]
ROWS = [
    (state, reaction)
    for state in STATES
    for reaction in FINDINGS[state.finding].reactions
    if reaction.receiver in ("Rspamd", "SpamAssassin")
]
GOOD = Client(str(GOOD_CLIENT.address), f"mail.{GOOD_CLIENT.domain}")
PRIVATE = [Client("172.16.0.200"), Client("172.16.0.200", "dynamic-1.dyn.example.net")]
HELO = {state.name: state for state in HELOS}
OWN_NAME = Client(str(GOOD_CLIENT.address), "dynamic-1.example.net", "dynamic-1.example.net")
# Where a word can stand: alone, behind a number, before one, between two, each apart or not.
SHAPES = (
    *("a.{}.isp.example", "1.{}.isp.example", "a1{}a.isp.example", "a12{}a.isp.example"),
    *("a1234{}a.isp.example", "a1-{}a.isp.example", "a12-{}a.isp.example", "{}1a.isp.example"),
    *("{}-1a.isp.example", "{}-1-a.isp.example", "{}-12a.isp.example", "{}a10-20.isp.example"),
    *("10-20.{}.isp.example", "a.{}1.isp.example"),
)
SHAPED = [shape.format(word) for word in sorted(WORDS) for shape in SHAPES]


@pytest.fixture(scope="module")
def judged() -> dict[Client, Scores]:
    names = [*(row.text for row in NAMES), *SHAPED]
    clients = [GOOD, *PRIVATE, OWN_NAME, *map(named, names), *map(nameless, STATES)]
    clients += map(greeting, HELOS)
    return dict(zip(clients, judge(FOLDER, clients)))


def named(text: str) -> Client:
    return Client(str(GOOD_CLIENT.address), text)


def greeting(state: State) -> Client:
    """A client whose address has a sound name, and that gives the state's one in EHLO."""
    return Client(str(state.address), f"mail.{state.domain}", state.records(state.helo))


def nameless(state: State) -> Client:
    """A client whose name a mail server throws away, or does not find."""
    return Client(str(state.address))


def points(by_set: list[float]) -> str:
    """SpamAssassin has points for each set of tests: with the network or without, Bayes or not."""
    return f"{min(by_set):.1f} to {max(by_set):.1f}"


def of_names(given: Scores) -> tuple[Score, ...]:
    rspamd = [
        Score("Rspamd", rule, f"{value:.1f}")
        for rule, (value,) in given["Rspamd"].items()
        if re.fullmatch(r"HFILTER_HOSTNAME_\d", rule)
    ]
    spamassassin = [
        Score("SpamAssassin", rule, points(values))
        for rule, values in given["SpamAssassin"].items()
        if rule == "RDNS_DYNAMIC"
    ]
    return (*rspamd, *spamassassin)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.text) for row in NAMES])
def test_name(row: Judged, judged: dict[Client, Scores]) -> None:
    assert scores(row.name) == of_names(judged[named(row.text)])


@pytest.mark.parametrize("word", sorted(WORDS))
def test_word(word: str, judged: dict[Client, Scores]) -> None:
    texts = [shape.format(word) for shape in SHAPES]
    assert {text: scores(name_of(text)) for text in texts} == {
        text: of_names(judged[named(text)]) for text in texts
    }


@pytest.mark.parametrize(
    ("state", "reaction"),
    [pytest.param(*row, id=f"{row[1].receiver.lower()}-{row[0].name}") for row in ROWS],
)
def test_row(state: State, reaction: Reaction, judged: dict[Client, Scores]) -> None:
    given = judged[nameless(state)][reaction.receiver]
    met = {
        rule: points(values) if reaction.receiver == "SpamAssassin" else f"{values[0]:.1f}"
        for rule, values in given.items()
        if re.match("RDNS_|HFILTER_HOSTNAME_", rule)
    }
    assert dict(re.findall(r"(\w+_\w+) \(([^)]*)\)", reaction.verdict)) == met


def test_every_row_is_tried() -> None:
    assert {(state.finding, reaction.receiver) for state, reaction in ROWS} == {
        (finding, filter_) for finding in NAMELESS for filter_ in ("Rspamd", "SpamAssassin")
    }


def helo_rules(state: State, judged: dict[Client, Scores]) -> dict[str, str]:
    given = judged[greeting(state)]["Rspamd"]
    return {rule: f"{value:.1f}" for rule, (value,) in given.items() if "_HELO_" in rule}


def test_row_of_a_name_in_ehlo_that_does_not_exist(judged: dict[Client, Scores]) -> None:
    (reaction,) = [r for r in FINDINGS["no-address"].reactions if r.receiver == "Rspamd"]
    given = helo_rules(HELO["no-address-helo-nxdomain"], judged)
    assert dict(re.findall(r"(\w+_\w+) \(([^)]*)\)", reaction.verdict)) == given


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(HELO["control-helo-is-ptr"], id="ptr"),
        pytest.param(HELO["helo-mismatch-leads-back"], id="another-name-that-leads-back"),
        pytest.param(HELO["helo-mismatch-elsewhere"], id="name-that-leads-elsewhere"),
    ],
)
def test_no_score_of_a_name_in_ehlo(state: State, judged: dict[Client, Scores]) -> None:
    assert helo_rules(state, judged) == {}


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(GOOD, id="confirmed"),
        pytest.param(PRIVATE[0], id="private-address-without-a-name"),
        pytest.param(PRIVATE[1], id="private-address-with-a-generic-name"),
    ],
)
def test_no_score(client: Client, judged: dict[Client, Scores]) -> None:
    rules = {rule for given in judged[client].values() for rule in given}
    assert not [rule for rule in rules if re.match("RDNS_|HFILTER_HOSTNAME_", rule)]


def test_rspamd_scores_the_same_name_in_ehlo_once(judged: dict[Client, Scores]) -> None:
    rules = judged[OWN_NAME]["Rspamd"]
    assert rules["HFILTER_HELO_5"] == [3.0]
    assert not [rule for rule in rules if rule.startswith("HFILTER_HOSTNAME_")]
