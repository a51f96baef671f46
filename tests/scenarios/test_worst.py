"""What a domain can make the plugin send, at most, whatever its owner makes of it."""

from __future__ import annotations

import functools
import gc
import math
import re

import pytest

import reverse_mx.lines as lines_module
from reverse_mx.advice import MOST_FAILED
from reverse_mx.lines import OWN_LOOKUPS, Budget, Lines, Shared
from reverse_mx.loop import Loop, side_by_side
from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone
from tests.helpers.worst import DOMAIN, Worst

SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
SENT = re.findall(r"(?m)^\| `(.*)` \| ([0-9,]+) \| ([0-9,]+) \|$", SECURITY)


def ask(plugin: Plugin, server: Worst, *arguments: str) -> Output:
    where = ("-s", "127.0.0.1", "-p", str(server.port))
    smtp = ("--smtp-port", str(server.smtp.getsockname()[1])) * ("--smtp" in arguments)
    output = plugin(*where, *smtp, *arguments)
    # It is much, and would be cleared away at another test's expense.
    gc.collect()
    return output


def test_security_md_has_every_set_of_options() -> None:
    assert len(SENT) == 6


@pytest.mark.newest
@pytest.mark.parametrize(("options", "lookups", "connections"), SENT)
def test_so_much_is_sent_at_most(
    plugin: Plugin, options: str, lookups: str, connections: str
) -> None:
    with Worst() as server:
        ask(plugin, server, *options.split(), DOMAIN)
        sent = server.lookups, server.connections
    assert [f"{number:,}" for number in sent] == [lookups, connections]


@pytest.mark.newest
def test_so_much_is_sent_at_most_where_lookups_fail(plugin: Plugin) -> None:
    with Worst(fails=True) as server:
        ask(plugin, server, "--authoritative", "-v", "-d", DOMAIN)
        assert f"it is {server.lookups:,} with `--authoritative -v`" in SECURITY


def test_what_is_left_out_is_told_and_is_neither_missing_nor_a_failure(plugin: Plugin) -> None:
    with Worst() as server:
        output = ask(plugin, server, "--authoritative", "--no-reverse", "-v", "-d", DOMAIN)
    assert re.findall(r"(?m)^\[WARNING\] (\S+): ", output.stdout) == ["inconsistent-mx", "too-many"]
    assert re.search(r"(?m)too-many: at least [0-9]+ lookups were left out$", output.stdout)
    assert output.perfdata["dns_errors"] == "0;;;0"


def test_cause_is_looked_for_of_so_many_failed_lookups_only(plugin: Plugin) -> None:
    addresses = [f"192.0.2.{number}" for number in range(1, 103)]
    text = "example.com. MX 10 mail.example.com.\n" + "".join(
        f"mail.example.com. A {address}\n! {address} PTR rcode REFUSED\n" for address in addresses
    )
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "example.com")
    causes = [line for line in output.long if line.startswith("  cause: ")]
    too_many = "  cause: not looked for, as too much was to be looked up"
    assert [cause == too_many for cause in causes] == [False] * MOST_FAILED + [True] * 2
    assert "the advice leaves out at least 2 lookups, which are too many" in output.long


def of_five_addresses(host: str, first: int) -> str:
    numbers = range(first, first + 5)
    return zone("".join(f"{host} A 192.0.2.{n}\n192.0.2.{n} PTR {host}\n" for n in numbers))


@pytest.mark.parametrize(
    ("room", "domains", "status"),
    [
        pytest.param(12, ["a.example"], "OK - a.example: 2 mail hosts, 10 addresses", id="at-it"),
        pytest.param(
            11,
            ["a.example"],
            "WARNING - a.example: at least 1 lookup was left out [too-many]",
            id="one-over",
        ),
        # The other has room for what they share.
        pytest.param(11, ["a.example", "b.example"], "OK - 2 domains: ", id="for-another"),
    ],
)
def test_no_more_records_of_a_domain_are_kept_than_there_is_room_for(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch, room: int, domains: list[str], status: str
) -> None:
    monkeypatch.setattr(lines_module, "MOST_KEPT", room)
    text = (
        "a.example. MX 10 mail.a.example.\na.example. MX 20 mail.b.example.\n"
        "b.example. MX 20 mail.b.example.\n! mail.b.example. A delay 0.1\n"
    )
    text += of_five_addresses("mail.a.example.", 1) + of_five_addresses("mail.b.example.", 11)
    with NameServer(text) as server:
        output = plugin.ask(server, "-4", "--no-reverse", "-d", *domains)
    assert output.status.startswith(f"REVERSE_MX {status}")


# What a domain has of its own, and what it shares.


async def look_up(lines: Lines, number: int, of_zone: bool = True) -> int:
    """Pay for so many lookups, and return of how many that was possible."""
    made = 0
    for lookup in range(number):
        payer = lines.payer(lookup, of_zone)
        if payer is not None:
            payer.pay(of_zone)
            made += 1
    return made


def test_zones_take_nothing_from_the_walk() -> None:
    async def walk() -> tuple[int, int, int]:
        zones = await look_up(lines, 10, of_zone=True)
        return zones, await look_up(lines, 10, of_zone=False), lines.left_out()

    with Loop() as loop:
        lines = Lines(loop)
        assert loop.run(lines.queue(walk(), Budget(walk=7, zones=5)), math.inf) == (5, 7, 5)


def test_each_domain_has_lookups_of_its_own_whatever_others_had() -> None:
    with Loop() as loop:
        lines = Lines(loop)
        lines.common = 70
        chains = [lines.queue(look_up(lines, 1000), Budget(0, 250)) for _ in range(3)]
        made = loop.run(side_by_side(chains), math.inf)
    assert made == [OWN_LOOKUPS + 50, OWN_LOOKUPS + 20, OWN_LOOKUPS]


def test_what_was_too_much_for_one_domain_is_looked_up_for_another() -> None:
    async def want() -> int:
        if not shared:
            shared.append(Shared(functools.partial(look_up, lines, 300)))
        return await shared[0].wanted()

    shared: list[Shared[int]] = []
    with Loop() as loop:
        lines = Lines(loop)
        chains = [lines.queue(want(), Budget(0, budget)) for budget in (200, 400, 10)]
        assert loop.run(side_by_side(chains), math.inf) == [200, 300, 300]
