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
BY = (
    "refused by",
    "deferred by",
    "accepted by",
    "mail to it returned by",
    "mail to it delivered by",
)
PROGRAMS = ("Gmail", "Postfix", "Exim", "OpenSMTPD")

# Names in EHLO, of an address that has a sound name or not.
SOUND = "192.0.2.40 PTR out.example.com.\nout.example.com. A 192.0.2.40\n"
GENERIC = "192.0.2.40 PTR dsl-40.example.com.\ndsl-40.example.com. A 192.0.2.40\n"
MIXED = SOUND + "192.0.2.40 PTR gone.example.com.\n"
HERE, ELSEWHERE = "mail.example.com. A 192.0.2.40\n", "mail.example.com. A 192.0.2.41\n"
EXIM_REFUSES = "helo-mismatch: refused by Exim (550); accepted by Postfix"
# Mail hosts of a domain.
MAIL = "example.com. MX 10 mail.example.com."
DELIVERED = "mail to it delivered by Postfix, Exim"
RETURNED = "mail to it returned by Postfix (5.4.4), Exim"
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
        # What is not of an address is of the domain, if there is one.
        of = address[1] if address else "" if len(scenario.arguments.split()) == 2 else block[0]
        for receiver, verdict in verdicts(meanwhile(block)).items():
            of_address[of][receiver].add(verdict)
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
            "A 192.0.2.25",
            None,
            [
                f"implicit-mx: {DELIVERED}",
                "name-mismatch: accepted by Postfix, Exim, OpenSMTPD",
            ],
            id="implicit-mx",
        ),
        pytest.param(
            "MX 5 alias.example.com.\nalias.example.com. CNAME mail.example.com.\n" + MAIL,
            None,
            [f"mx-is-alias: {DELIVERED}"],
            id="mx-is-alias",
        ),
        pytest.param(
            "MX 5 gone.example.com.",
            None,
            [f"no-address: {RETURNED}"],
            id="no-mail-host-has-an-address",
        ),
        pytest.param(
            "MX 5 gone.example.com.\n" + MAIL,
            None,
            [f"no-address: {DELIVERED}"],
            id="another-mail-host-has-an-address",
        ),
        pytest.param(
            "MX 5 gone.example.com.\nexample.com. MX 7 fails.example.com.\n"
            "! fails.example.com. A rcode SERVFAIL",
            None,
            ["dns-failure: deferred by Exim (451)"],
            id="nobody-knows-whether-another-mail-host-has-an-address",
        ),
        pytest.param(
            "MX 0 .\nexample.com. MX 5 gone.example.com.\n" + MAIL,
            None,
            ["invalid-mx: mail to it returned by Postfix (5.1.0)"],
            id="mx-that-postfix-takes-for-a-null-mx",
        ),
        pytest.param(
            "MX 5 192.0.2.25.",
            None,
            ["invalid-mx: mail to it delivered by Postfix; mail to it returned by Exim"],
            id="address-for-an-mx",
        ),
        pytest.param(
            "MX 5 192.0.2.25.\n" + MAIL,
            None,
            ["invalid-mx: mail to it delivered by Postfix"],
            id="address-for-an-mx-beside-a-mail-host",
        ),
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
def test_what_is_said(plugin: Plugin, text: str, said: str | None, told: list[str]) -> None:
    subject = ("-d", "example.com") if said is None else ("--sender", said)
    if said is None:
        text = (
            f"example.com. {text}\n192.0.2.25 PTR mail.example.com.\nmail.example.com. A 192.0.2.25"
        )
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", *subject)
    given = [f"{block[0].split()[1]} {meanwhile(block)}" for block in blocks(output)]
    assert [line for line in given if not line.endswith(": ")] == told
