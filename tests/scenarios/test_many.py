"""Many domains in one run: what they share, what they cost, how they are told, and bounds."""

from __future__ import annotations

import collections
import re
from pathlib import Path

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, at_most_cpu, zone


def test_lookups_are_shared(plugin: Plugin) -> None:
    text = "".join(f"d{number}.example. MX 10 mail.example.com.\n" for number in range(50)) + zone(
        "mail.example.com. A 192.0.2.25\n192.0.2.25 PTR mail.example.com.\n"
    )
    domains = [f"d{number}.example" for number in range(50)]
    with NameServer(text) as server:
        output = plugin.ask(server, "-d", *domains)
        asked = collections.Counter(query.rdtype for query in server.queries)
    assert output.status == (
        "REVERSE_MX OK - 50 domains: 50 mail hosts, 50 addresses, reverse DNS matches"
    )
    assert asked == {"MX": 50, "A": 1, "AAAA": 1, "PTR": 1}


MIXED = zone(
    """
    good.example. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    null.example. MX 0 .
    bad.example. MX 10 mail.bad.example.
    mail.bad.example. A 192.0.2.26
    """
)


def test_worst_domain_is_named_first(plugin: Plugin) -> None:
    with NameServer(MIXED) as server:
        output = plugin.ask(server, "-d", "good.example", "null.example", "bad.example")
    assert output.status == (
        "REVERSE_MX CRITICAL - 2 of 3 domains have problems: bad.example: 192.0.2.26"
        " (mail.bad.example) has no PTR record (NXDOMAIN) [missing-ptr];"
        " null.example: takes no mail (null MX) [null-mx]"
    )


def test_healthy_domain_has_one_line_with_v(plugin: Plugin) -> None:
    with NameServer(MIXED) as server:
        output = plugin.ask(
            server, "-v", "-d", "good.example", "bad.example", "--sender", "192.0.2.25"
        )
    assert output.long[-5:] == [
        "[OK] good.example: 1 mail host, 1 address",
        "bad.example",
        "  MX 10 mail.bad.example",
        "    [CRITICAL] 192.0.2.26 (no PTR, NXDOMAIN)",
        "[OK] 192.0.2.25: 1 mail host, 1 address",
    ]


def test_domains_that_do_not_fit_are_counted(plugin: Plugin) -> None:
    domains = [f"gone{number}.example" for number in range(100)]
    with NameServer("") as server:
        output = plugin.ask(server, "-d", *domains)
    assert output.status.startswith(
        "REVERSE_MX CRITICAL - 100 of 100 domains have problems: gone0."
    )
    assert len(output.status) < 500
    named = output.status.count("[no-such-domain]")
    assert output.status.endswith(f"; {100 - named} more problems, see -v")


# A domain cannot make the check work without end.


def test_fault_that_a_thousand_domains_share_is_one(plugin: Plugin, tmp_path: Path) -> None:
    """The other fault stays visible, and the address is counted once."""
    names = [f"d{number}.example" for number in range(1000)]
    (listed := tmp_path / "domains").write_text("".join(f"-d {name}\n" for name in names))
    text = "".join(f"{name}. MX 10 mail.example.com.\n" for name in names)
    text += "d7.example. MX 20 gone.example.com.\nmail.example.com. A 192.0.2.25\n"
    with NameServer(text) as server:
        output = plugin.ask(server, "-v", f"@{listed}")
    shared = "1000 domains: 192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)"
    other = "d7.example: gone.example.com does not exist (NXDOMAIN)"
    assert output.status == (
        f"REVERSE_MX CRITICAL - 1000 of 1000 domains have problems: {shared} [missing-ptr]; {other}"
        " [no-address]"
    )
    assert output.long[:9] == [
        f"[CRITICAL] missing-ptr: {shared}",
        "  fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.",
        "  meanwhile: refused by Gmail (550-5.7.25, 421-4.7.23), Postfix (450 4.7.25,",
        "    450 4.7.1), Exim (550), OpenSMTPD; Rspamd scores RDNS_NONE (1.0) and",
        "    HFILTER_HOSTNAME_UNKNOWN (2.5); SpamAssassin scores RDNS_NONE (0.8 to 2.4)",
        f"[CRITICAL] no-address: {other}",
        "  correct or remove: d7.example. MX 20 gone.example.com.",
        "  there is no top-level domain com: is it misspelt?",
        "  meanwhile: mail to it delivered by Postfix, Exim",
    ]
    assert sum("no PTR record" in line for line in output.long) == 1
    assert output.perfdata["missing_ptr"] == "1;;;0"


def test_domain_with_thousands_of_mx_records_is_bounded(plugin: Plugin) -> None:
    # The 64 KiB of an answer have room for some 3,000.
    text = "".join(f"example.com. MX {i} h{i}.example.com.\n" for i in range(2000))
    text += zone("*.example.com. A 192.0.2.25\n192.0.2.25 PTR h0.example.com.\n")
    with NameServer(text) as server, at_most_cpu(5):
        output = plugin.ask(server, "-d", "example.com", "-4")
        assert len({query.name for query in server.queries}) == 102
    assert output.status == (
        "REVERSE_MX WARNING - example.com: 1900 mail hosts were left out [too-many]"
    )
    assert len(output.stdout) < 1000


def test_host_with_thousands_of_addresses_is_bounded(plugin: Plugin) -> None:
    text = "example.com. MX 10 mail.example.com.\n"
    text += "".join(f"mail.example.com. A 10.0.{i // 250}.{i % 250}\n" for i in range(2000))
    with NameServer(text) as server, at_most_cpu(5):
        output = plugin.ask(server, "-d", "example.com", "-4")
        assert len({query.name for query in server.queries if query.rdtype == "PTR"}) == 500
    assert output.perfdata["missing_ptr"] == "500;;;0"
    assert re.search(r"; \d+ more problems, see -v$", output.status)
    assert len(output.status) < 500
