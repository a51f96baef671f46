"""What receivers do meanwhile: said once, last, briefly, and never two things of one address."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone
from tests.scenarios import test_scenarios, test_senders
from tests.scenarios.test_scenarios import Scenario

SCENARIOS = (*test_scenarios.SCENARIOS, *test_senders.SCENARIOS)
BY = ("refused by", "deferred by", "accepted by")
PROGRAMS = ("Gmail", "Postfix", "Exim", "OpenSMTPD")

# Names in EHLO, of an address that has a sound name or not.
SOUND = "192.0.2.40 PTR out.example.com.\nout.example.com. A 192.0.2.40\n"
GENERIC = "192.0.2.40 PTR dsl-40.example.com.\ndsl-40.example.com. A 192.0.2.40\n"
MIXED = SOUND + "192.0.2.40 PTR gone.example.com.\n"
HERE, ELSEWHERE = "mail.example.com. A 192.0.2.40\n", "mail.example.com. A 192.0.2.41\n"
EXIM_REFUSES = "helo-mismatch: refused by Exim (550); accepted by Postfix"
NOWHERE = "refused by Postfix (450 4.7.1), Exim (550)"
HELO_IP_A = "Rspamd scores HFILTER_HELO_IP_A (1.0) and HFILTER_HELO_NORES_A_OR_MX (0.3)"


def blocks(output: Output) -> list[list[str]]:
    """Each problem of the long output with the lines that hang on it."""
    found: list[list[str]] = []
    for line in output.long:
        if re.match(r"\[[A-Z]+\] [a-z-]+: ", line):
            found.append([line])
        elif not line.startswith(" "):
            break
        elif found:
            found[-1].append(line)
    return found


def meanwhile(block: list[str]) -> str:
    return " ".join(" ".join(block).split()).partition(" meanwhile: ")[2]


def verdicts(told: str) -> dict[str, str]:
    """Which receiver does what with mail; what filters score comes on top of that."""
    of: dict[str, str] = {}
    for part in told.split("; "):
        verdict = next((by for by in BY if part.startswith(by)), part)
        for program in PROGRAMS:
            if program in part:
                assert program not in of, "a receiver is named twice in a line"
                of[program] = verdict
    return of


@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.id) for s in SCENARIOS])
def test_no_two_lines_contradict_each_other(plugin: Plugin, scenario: Scenario) -> None:
    with NameServer(zone(scenario.zone)) as server:
        output = plugin.ask(server, *scenario.arguments.split(), "-v")
    of_address: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for block in blocks(output):
        address = re.search(r": ([\d.]+|[\da-f:]+) ", block[0])
        for receiver, verdict in verdicts(meanwhile(block)).items():
            of_address[address[1] if address else block[0]][receiver].add(verdict)
    assert [each for by in of_address.values() for each in by.items() if len(each[1]) > 1] == []


@pytest.mark.parametrize("scenario", [pytest.param(s, id=s.id) for s in SCENARIOS])
def test_they_come_last_and_once(plugin: Plugin, scenario: Scenario) -> None:
    with NameServer(zone(scenario.zone)) as server:
        output = plugin.ask(server, *scenario.arguments.split(), "-v")
    told = []
    for block in blocks(output):
        starts = [n for n, line in enumerate(block) if line.startswith("  meanwhile: ")]
        for start in starts:
            assert len(block) - start <= 3
            assert all(line.startswith("    ") for line in block[start + 1 :])
            told.append((block[0].split()[1], meanwhile(block)))
        assert len(starts) <= 1
    assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("text", "said", "told"),
    [
        pytest.param(
            SOUND + HERE,
            "192.0.2.40=mail.example.com",
            ["helo-mismatch: accepted by Postfix, Exim"],
            id="leads-back",
        ),
        pytest.param(
            SOUND + ELSEWHERE, "192.0.2.40=mail.example.com", [EXIM_REFUSES], id="leads-elsewhere"
        ),
        pytest.param(
            GENERIC + ELSEWHERE,
            "192.0.2.40=mail.example.com",
            [
                EXIM_REFUSES,
                "generic-ptr: accepted by Postfix, OpenSMTPD; Rspamd scores HFILTER_HOSTNAME_4"
                " (2.5)",
            ],
            id="exim-does-not-accept-what-it-refuses",
        ),
        pytest.param(
            MIXED + ELSEWHERE,
            "192.0.2.40=mail.example.com",
            [
                "mixed-ptr: Postfix (450 4.7.25), OpenSMTPD decides by chance",
                "helo-mismatch: refused by Exim (550)",
            ],
            id="postfix-does-not-accept-what-it-decides-by-chance",
        ),
        pytest.param(
            SOUND,
            "192.0.2.40=gone.example.com",
            [f"no-address: {NOWHERE}; {HELO_IP_A}"],
            id="leads-nowhere",
        ),
        pytest.param(
            SOUND,
            "192.0.2.40=dsl-1.example.com",
            [f"no-address: {NOWHERE}"],
            id="leads-nowhere-and-has-a-word",
        ),
        pytest.param(
            SOUND.replace("192.0.2.40", "10.0.0.40"),
            "10.0.0.40=gone.example.com",
            [f"no-address: {NOWHERE}"],
            id="leads-nowhere-from-a-private-address",
        ),
        pytest.param(
            SOUND + "gone.example.com. MX 10 out.example.com.",
            "192.0.2.40=gone.example.com",
            [],
            id="has-an-mx",
        ),
        pytest.param(
            "192.0.2.40 PTR out.example.com.\n192.0.2.40 PTR gone.example.com.\n"
            "! out.example.com. A rcode SERVFAIL\n",
            "192.0.2.40",
            ["dns-failure: deferred by Exim (451)"],
            id="postfix-may-look-at-the-name-whose-lookup-does-not-fail",
        ),
    ],
)
def test_what_is_said(plugin: Plugin, text: str, said: str, told: list[str]) -> None:
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "--sender", said)
    given = [f"{block[0].split()[1]} {meanwhile(block)}" for block in blocks(output)]
    assert [line for line in given if not line.endswith(": ")] == told
