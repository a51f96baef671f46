"""What the table of findings says of Postfix, Exim and OpenSMTPD is what they do."""

from __future__ import annotations

import os
import subprocess

import pytest

from reverse_mx.findings import FINDINGS, Finding, Reaction
from tests.helpers.realservers import FOLDER
from tests.helpers.receivers import NAMESPACES, SETTINGS, STATES, Replies, State, play

ACCEPTS, REFUSES, DEFERS = "accepts", "refuses", "defers"
CHANCE = "decides by chance"
DELIVERS, RETURNS, KEEPS = "delivers mail to it", "returns mail to it", "keeps mail to it"
BECOMES = {"sent": DELIVERS, "bounced": RETURNS, "deferred": KEEPS}

ROWS = [
    (finding, reaction)
    for finding in FINDINGS.values()
    for reaction in finding.reactions
    if reaction.receiver in SETTINGS
]

OF_STATES = {when for state in STATES for when in state.when}

# What no row can say, as it is no finding or more hangs on than the finding; the verdicts are in
# the order of SETTINGS: Exim, Postfix with each of its restrictions, OpenSMTPD with each condition.
BESIDE_THE_TABLE = {
    "control-confirmed": (ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS),
    "control-ipv6": (ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS),
    "control-rfc2317": (ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS),
    "control-two-names": (ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS),
    "control-helo-is-ptr": (ACCEPTS, ACCEPTS, ACCEPTS),
    "control-helo-without-dot": (REFUSES, REFUSES, REFUSES),
    "no-address-helo-nodata": (REFUSES, REFUSES, ACCEPTS),
    "no-address-helo-mx": (REFUSES, ACCEPTS, ACCEPTS),
    "control-mx": (ACCEPTS, ACCEPTS),
    "slash-ptr-confirmed": (ACCEPTS, REFUSES, REFUSES, REFUSES, REFUSES),
    "forward-servfail": (DEFERS, DEFERS, ACCEPTS, ACCEPTS, REFUSES),
    "forward-bogus": (DEFERS, DEFERS, ACCEPTS, ACCEPTS, REFUSES),
    "forward-lame": (DEFERS, DEFERS, ACCEPTS, ACCEPTS, REFUSES),
    "forward-silent": (DEFERS, DEFERS, ACCEPTS, ACCEPTS, REFUSES),
    "forward-first-fails": (DEFERS, DEFERS, ACCEPTS, ACCEPTS, REFUSES),
    "forward-last-fails": (DEFERS, ACCEPTS, ACCEPTS, ACCEPTS, ACCEPTS),
    "mixed-ptr-good-last": (ACCEPTS, REFUSES, ACCEPTS, ACCEPTS, REFUSES),
    "mixed-ptr-invalid-first": (ACCEPTS, REFUSES, REFUSES, ACCEPTS, ACCEPTS),
    "invalid-ptr-root": (REFUSES, REFUSES, REFUSES, ACCEPTS, REFUSES),
    "invalid-ptr-numeric": (REFUSES, REFUSES, REFUSES, REFUSES, ACCEPTS),
    "invalid-ptr-blank": (REFUSES, REFUSES, REFUSES, REFUSES, REFUSES),
    "invalid-ptr-hyphen-first": (REFUSES, REFUSES, REFUSES, REFUSES, REFUSES),
    "invalid-ptr-hyphen-last": (REFUSES, REFUSES, REFUSES, ACCEPTS, ACCEPTS),
    "invalid-ptr-hyphen-inside": (REFUSES, REFUSES, REFUSES, ACCEPTS, ACCEPTS),
    "invalid-ptr-asterisk": (REFUSES, REFUSES, REFUSES, REFUSES, REFUSES),
    "invalid-ptr-utf8": (REFUSES, REFUSES, REFUSES, REFUSES, REFUSES),
    "invalid-mx-address": (REFUSES, ACCEPTS),
    "invalid-mx-address-beside": (ACCEPTS, ACCEPTS),
    "invalid-mx-root-beside": (ACCEPTS, REFUSES),
    "no-address-beside-another": (ACCEPTS, ACCEPTS),
    "neither-mx-nor-address": (REFUSES, REFUSES),
    "first-servfail": (ACCEPTS, ACCEPTS),
    "last-servfail": (ACCEPTS, ACCEPTS),
    "aaaa-servfail": (ACCEPTS, ACCEPTS),
    "dns-failure-host-servfail": (DEFERS, ACCEPTS),
    "dns-timeout-host-silent": (DEFERS, ACCEPTS),
}

# Exim's and Postfix's for mail to a domain. A name that is none may be one to either of them.
SENDING = ("exim", "postfix")
BESIDE_THE_TABLE_TO_IT = {
    "control-mx": (DELIVERS, DELIVERS),
    "no-such-domain-nxdomain": (RETURNS, RETURNS),
    "null-mx-alone": (RETURNS, RETURNS),
    "invalid-mx-address-beside": (DELIVERS, DELIVERS),
    "invalid-mx-root-first": (DELIVERS, RETURNS),
    "invalid-mx-roots": (RETURNS, RETURNS),
    "invalid-mx-underscore": (DELIVERS, DELIVERS),
    "invalid-mx-hyphen": (RETURNS, RETURNS),
    "invalid-mx-hyphen-beside": (DELIVERS, DELIVERS),
    "neither-mx-nor-address": (RETURNS, RETURNS),
    "dns-failure-host-servfail": (KEEPS, KEEPS),
    "first-servfail": (DELIVERS, DELIVERS),
    "first-unreachable": (DELIVERS, DELIVERS),
}
SENT_TO_SILENT = {"smtp-silent-alone": KEEPS, "smtp-silent-before-another": DELIVERS}


def states_of(finding: Finding, reaction: Reaction) -> list[State]:
    states = SETTINGS[reaction.receiver].get(reaction.setting, ())
    return [
        state
        for state in states
        if state.finding == finding.name and OF_STATES.intersection(reaction.when) <= {*state.when}
    ]


def name(reaction: Reaction, state: str) -> str:
    # Exim's settings tell clients from senders, as the states do.
    setting = [] if reaction.receiver == "Exim" or not reaction.setting else [reaction.setting]
    words = (reaction.receiver.lower(), *setting, state, reaction.verdict)
    return "-".join(words).replace(" ", "-")


def given_by(reaction: Reaction, replies: dict[str, Replies]) -> Replies:
    return replies[reaction.setting or reaction.receiver.lower()]


def verdict(replies: Replies) -> str:
    status = replies.usual.split()[1]
    if status in BECOMES:
        return BECOMES[status]
    if replies.usual.startswith("2"):
        return ACCEPTS
    return REFUSES if replies.strict.startswith("5") else DEFERS


def has_code(replies: Replies, reaction: Reaction) -> bool:
    if not reaction.code:
        # OpenSMTPD has none of its own.
        return reaction.verdict != REFUSES or reaction.receiver == "OpenSMTPD"
    return replies.usual.startswith(f"{reaction.code} ")


@pytest.fixture(scope="module")
def replies() -> dict[str, dict[str, Replies]]:
    trial = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if trial.returncode:
        reason = f"real receivers need Linux namespaces: {trial.stderr.strip()}"
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
    given = given_by(reaction, replies[state.name])
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
    receivers = {r.receiver for finding in FINDINGS.values() for r in finding.reactions}
    assert receivers - set(SETTINGS) == {"Gmail", "Rspamd", "SpamAssassin", "senders"}
    assert [row for row in ROWS if not states_of(*row)] == []


@pytest.mark.parametrize("state", BESIDE_THE_TABLE)
def test_beside_the_table(state: str, replies: dict[str, dict[str, Replies]]) -> None:
    given = {setting: it for setting, it in replies[state].items() if setting not in SENDING}
    assert tuple(map(verdict, given.values())) == BESIDE_THE_TABLE[state], given


@pytest.mark.parametrize("state", BESIDE_THE_TABLE_TO_IT)
def test_mail_to_it_beside_the_table(state: str, replies: dict[str, dict[str, Replies]]) -> None:
    given = [replies[state][program] for program in SENDING]
    assert tuple(map(verdict, given)) == BESIDE_THE_TABLE_TO_IT[state], given


@pytest.mark.parametrize("state", SENT_TO_SILENT)
def test_postfix_tries_a_silent_server_again_or_the_next(
    state: str, replies: dict[str, dict[str, Replies]]
) -> None:
    given = replies[state]["postfix"]
    assert verdict(given) == SENT_TO_SILENT[state], given
    assert given.usual.startswith("4.4.2 " if verdict(given) == KEEPS else "2.0.0 "), given
