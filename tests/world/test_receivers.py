"""What the table of findings says of Postfix and Exim is what they do."""

from __future__ import annotations

import os
import subprocess

import pytest

from reverse_mx.findings import FINDINGS, Finding, Reaction
from tests.helpers.realservers import FOLDER
from tests.helpers.receivers import NAMESPACES, SETTINGS, Replies, State, play

ACCEPTS, REFUSES, DEFERS = "accepts", "refuses", "defers"
CHANCE = "decides by chance"

ROWS = [
    (finding, reaction)
    for finding in FINDINGS.values()
    for reaction in finding.reactions
    if reaction.receiver in SETTINGS
]

# What no row can say, as it is no finding or more hangs on than the finding; the verdicts are in
# the order of SETTINGS: Exim, and Postfix with each of its restrictions.
BESIDE_THE_TABLE = {
    "control-confirmed": (ACCEPTS, ACCEPTS, ACCEPTS),
    "control-ipv6": (ACCEPTS, ACCEPTS, ACCEPTS),
    "control-rfc2317": (ACCEPTS, ACCEPTS, ACCEPTS),
    "control-two-names": (ACCEPTS, ACCEPTS, ACCEPTS),
    "control-mx": (ACCEPTS, ACCEPTS),
    "slash-ptr-confirmed": (ACCEPTS, REFUSES, REFUSES),
    "forward-servfail": (DEFERS, DEFERS, ACCEPTS),
    "forward-bogus": (DEFERS, DEFERS, ACCEPTS),
    "forward-lame": (DEFERS, DEFERS, ACCEPTS),
    "forward-silent": (DEFERS, DEFERS, ACCEPTS),
    "forward-first-fails": (DEFERS, DEFERS, ACCEPTS),
    "forward-last-fails": (DEFERS, ACCEPTS, ACCEPTS),
    "mixed-ptr-good-last": (ACCEPTS, REFUSES, ACCEPTS),
    "mixed-ptr-invalid-first": (ACCEPTS, REFUSES, REFUSES),
    "invalid-mx-address": (REFUSES, ACCEPTS),
    "invalid-mx-address-beside": (ACCEPTS, ACCEPTS),
    "invalid-mx-root-beside": (ACCEPTS, REFUSES),
    "one-of-two-no-address": (ACCEPTS, ACCEPTS),
    "neither-mx-nor-address": (REFUSES, REFUSES),
    "host-servfail": (DEFERS, ACCEPTS),
    "host-silent": (DEFERS, ACCEPTS),
}


def states_of(finding: Finding, reaction: Reaction) -> list[State]:
    states = SETTINGS[reaction.receiver].get(reaction.setting, ())
    return [state for state in states if state.finding == finding.name]


def name(reaction: Reaction, state: str) -> str:
    # Exim's settings tell clients from senders, as the states do.
    setting = [] if reaction.receiver == "Exim" else [reaction.setting]
    words = (reaction.receiver.lower(), *setting, state, reaction.verdict)
    return "-".join(words).replace(" ", "-")


def verdict(replies: Replies) -> str:
    if replies.usual.startswith("2"):
        return ACCEPTS
    return REFUSES if replies.strict.startswith("5") else DEFERS


def has_code(replies: Replies, reaction: Reaction) -> bool:
    if reaction.verdict == ACCEPTS and not reaction.code:
        return True
    return bool(reaction.code) and replies.usual.startswith(f"{reaction.code} ")


@pytest.fixture(scope="module")
def replies() -> dict[str, dict[str, Replies]]:
    trial = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if trial.returncode:
        reason = f"real Postfix and Exim need Linux namespaces: {trial.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return play(FOLDER)


@pytest.mark.parametrize(
    ("reaction", "state"),
    [
        pytest.param(reaction, state, id=name(reaction, state.name))
        for finding, reaction in ROWS
        if reaction.verdict != CHANCE
        for state in states_of(finding, reaction)
    ],
)
def test_row(reaction: Reaction, state: State, replies: dict[str, dict[str, Replies]]) -> None:
    given = replies[state.name][reaction.setting]
    assert verdict(given) == reaction.verdict, given
    assert has_code(given, reaction), given


@pytest.mark.parametrize(
    ("finding", "reaction"),
    [
        pytest.param(finding, reaction, id=name(reaction, finding.name))
        for finding, reaction in ROWS
        if reaction.verdict == CHANCE
    ],
)
def test_row_by_chance(
    finding: Finding, reaction: Reaction, replies: dict[str, dict[str, Replies]]
) -> None:
    states = states_of(finding, reaction)
    given = [replies[state.name][reaction.setting] for state in states]
    assert {verdict(each) for each in given} == {ACCEPTS, REFUSES}
    assert all(has_code(each, reaction) for each in given if verdict(each) == REFUSES)


def test_every_row_is_tried() -> None:
    assert ROWS
    assert [row for row in ROWS if not states_of(*row)] == []


@pytest.mark.parametrize("state", BESIDE_THE_TABLE)
def test_beside_the_table(state: str, replies: dict[str, dict[str, Replies]]) -> None:
    given = replies[state]
    assert tuple(map(verdict, given.values())) == BESIDE_THE_TABLE[state], given
