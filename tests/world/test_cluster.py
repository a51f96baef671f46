"""The zone layout of contrib/icinga2.conf as a real cluster, in which a satellite fails.

A master, two satellites and an agent, each an Icinga 2 of its own with its own certificate and
port. Only the master has the hosts and the CheckCommand; the others get them from it.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import PYTHONS
from tests.helpers.realservers import FOLDER, free_port
from tests.helpers.schedulers import BARE_ICINGA2_CONF, ICINGA_CONF, Icinga, wait_for, zone_layout

DOMAINS = [f"d{number}.example" for number in range(200)]
# Seconds from one check of a service to its next: what they cost together is a third of that.
INTERVAL = 40
# Icinga's own: so often a node looks who else of its zone is there.
DETECTION = 10
# Icinga's own: so long a node that has just started leaves the others theirs.
COLD_START = 30
# For the nodes to connect and to hand on the configuration.
START = 60

VICTIM, SURVIVOR, AGENT = "satellite1.example.com", "satellite2.example.com", "mail.example.com"
BY_AGENT = f"{AGENT}!reverse-mx-example.net"


def zone() -> str:
    """Of every three domains one is right, one has another name's PTR record, one has none."""
    lines = []
    for number, domain in enumerate(DOMAINS):
        address, reverse = f"203.0.113.{number}", f"{number}.113.0.203.in-addr.arpa."
        lines += [f"{domain}. MX 10 mail.{domain}.", f"mail.{domain}. A {address}"]
        if number % 3 == 0:
            lines += [f"{reverse} PTR mail.{domain}."]
        elif number % 3 == 1:
            lines += [f"{reverse} PTR other.{domain}.", f"other.{domain}. A {address}"]
    return "\n".join(lines)


def expected(number: int) -> tuple[int, str]:
    """The state and the status line of a domain."""
    domain = DOMAINS[number]
    host = f"203.0.113.{number} (mail.{domain})"
    return [
        (0, f"REVERSE_MX OK - {domain}: 1 mail host, 1 address, reverse DNS matches"),
        (
            1,
            f"REVERSE_MX WARNING - {domain}: {host} has PTR other.{domain}, not the name of the"
            " mail host [name-mismatch]",
        ),
        (
            2,
            f"REVERSE_MX CRITICAL - {domain}: {host} has no PTR record (NXDOMAIN) [missing-ptr]",
        ),
    ][number % 3]


class Check(NamedTuple):
    """What the master has of the last check of a service."""

    source: str
    at: float
    state: int
    status: str


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def checks(master: Icinga) -> dict[str, Check]:
    """By service, without those that were not checked yet."""
    last = {name: service["last_check_result"] for name, service in master.services().items()}
    return {
        name: Check(
            result["check_source"],
            result["execution_start"],
            int(result["state"]),
            result["output"].partition("\n")[0],
        )
        for name, result in last.items()
        if result
    }


def wait_until_all_checked(master: Icinga, since: float, seconds: float) -> dict[str, Check]:
    last: dict[str, Check] = {}

    def all_checked() -> bool:
        last.update(checks(master))
        return len(last) == len(DOMAINS) + 1 and all(check.at > since for check in last.values())

    wait_for(all_checked, "the master lacks results", seconds)
    return last


class Nodes(NamedTuple):
    master: Icinga
    others: dict[str, Icinga]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with NameServer(zone()) as nameserver, ExitStack() as stack:
        files = configuration(nameserver)
        places: Mapping[str, tuple[str, int]] = {
            name: (address, free_port(address))
            for name, address in ((VICTIM, "127.0.0.11"), (SURVIVOR, "127.0.0.12"))
        }
        for (address, port), documented in zip(places.values(), ("192.0.2.11", "192.0.2.12")):
            old, new = f'host = "{documented}"', f'host = "{address}"\nport = {port}'
            files["zones.conf"] = replaced(files["zones.conf"], old, new)
        node = {name: text for name, text in files.items() if "zones.d" not in name}
        python = PYTHONS["newest"]
        master = stack.enter_context(Icinga(FOLDER, python, files))
        others = {
            name: stack.enter_context(
                Icinga(FOLDER, python, node, name, address=address, port=port, master=master)
            )
            for name, (address, port) in {**places, AGENT: ("127.0.0.1", 0)}.items()
        }
        yield Nodes(master, others)


def configuration(nameserver: NameServer) -> dict[str, str]:
    """The master's: the documented layout, with other intervals, more domains and a resolver."""
    zones, hosts = zone_layout()
    resolver = (
        f'vars.reverse_mx_server = "{nameserver.address}"\n'
        f"vars.reverse_mx_port = {nameserver.port}\n"
    )
    domains = "".join(f'vars.mail_domains["{domain}"] = {{}}\n' for domain in DOMAINS)
    for old, new in (
        ('vars.mail_domains["example.com"] = {}', domains + resolver),
        (
            'vars.mail_domains["example.net"] = {}',
            'vars.mail_domains["example.net"] = {}\n' + resolver,
        ),
    ):
        hosts = replaced(hosts, old, new)
    rules, number = re.subn(
        r"(?m)^  (check|retry)_interval = .*",
        rf"  \1_interval = {INTERVAL}s",
        ICINGA_CONF.read_text(),
    )
    assert number == 2
    return {
        "icinga2.conf": BARE_ICINGA2_CONF,
        "zones.conf": zones,
        "zones.d/satellites/hosts.conf": hosts,
        "zones.d/global-templates/check_reverse_mx.conf": rules,
    }


class Story(NamedTuple):
    """What the master had before one satellite was killed, and after."""

    before: dict[str, Check]
    killed: float
    after: dict[str, Check]
    seconds: float


@pytest.fixture(scope="module")
def story(nodes: Nodes) -> Story:
    def all_take_part() -> bool:
        return nodes.others.keys() <= {check.source for check in checks(nodes.master).values()}

    wait_for(all_take_part, "not all nodes check", START + INTERVAL)
    before = wait_until_all_checked(nodes.master, time.time(), DETECTION + INTERVAL + 20)
    wait_for(lambda: uptime(nodes.others[SURVIVOR]) > COLD_START, "no end of the start")
    nodes.others[VICTIM].kill()
    killed = time.time()
    after = wait_until_all_checked(nodes.master, killed, DETECTION + INTERVAL + 20)
    return Story(before, killed, after, time.time() - killed)


def uptime(icinga: Icinga) -> float:
    status: dict[str, Any] = icinga.ask("status/IcingaApplication")["results"][0]["status"]
    return time.time() - float(status["icingaapplication"]["app"]["program_start"])


def sources(last: Mapping[str, Check]) -> Counter[str]:
    return Counter(check.source for check in last.values())


def states(last: Mapping[str, Check]) -> dict[str, tuple[int, str]]:
    return {name: (check.state, check.status) for name, check in last.items() if name != BY_AGENT}


EXPECTED = {
    f"mail-domains!reverse-mx-{domain}": expected(number) for number, domain in enumerate(DOMAINS)
}


def test_both_satellites_share_the_domains(story: Story) -> None:
    shares = sources(story.before)
    assert shares.keys() == {VICTIM, SURVIVOR, AGENT}
    assert shares[VICTIM] + shares[SURVIVOR] == len(DOMAINS)
    assert states(story.before) == EXPECTED


def test_the_other_satellite_runs_all_within_the_next_interval(
    nodes: Nodes, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not nodes.others[VICTIM].processes()
    assert sources(story.after) == {SURVIVOR: len(DOMAINS), AGENT: 1}
    assert states(story.after) == EXPECTED
    times = [check.at - story.killed for check in story.after.values()]
    assert min(times) > 0
    assert max(times) < DETECTION + INTERVAL
    with capsys.disabled():
        print(account(story))


def account(story: Story) -> str:
    before, after = sources(story.before), sources(story.after)
    seconds = {name: check.at - story.killed for name, check in story.after.items()}
    taken = [seconds[name] for name, check in story.before.items() if check.source == VICTIM]
    fresh = sum(second > 0 for second in seconds.values())
    return f"""
cluster of a master, two satellites and an agent, {len(DOMAINS)} domains every {INTERVAL} s:
  before: {before[VICTIM]} checked by satellite 1, {before[SURVIVOR]} by satellite 2, \
{before[AGENT]} more by the agent
  satellite 1 killed: satellite 2 ran the first of its checks {min(taken):.1f} s later, the last \
{max(taken):.1f} s later
  after: {after[SURVIVOR]} checked by satellite 2, {after[AGENT]} by the agent; the master had \
{fresh} fresh results {story.seconds:.1f} s after the kill"""


def test_an_agent_checks_for_whichever_satellite_is_there(story: Story) -> None:
    for last in (story.before, story.after):
        assert last[BY_AGENT].source == AGENT
        assert last[BY_AGENT].status == (
            "REVERSE_MX CRITICAL - example.net: the domain does not exist (NXDOMAIN)"
            " [no-such-domain]"
        )


def test_what_a_feeder_gives_a_satellite_is_the_masters(nodes: Nodes, story: Story) -> None:
    """As docs/scale.md has it, for more domains than one machine can do."""
    assert story.killed
    service, text = f"mail-domains!reverse-mx-{DOMAINS[0]}", "REVERSE_MX WARNING - fed"
    result = {"type": "Service", "service": service, "exit_status": 1, "plugin_output": text}
    nodes.others[SURVIVOR].ask("actions/process-check-result", result)
    wait_for(lambda: checks(nodes.master)[service].status == text, "the master lacks it")
