"""One domain's costs take nothing from another: each has its share of the lookups under way."""

from __future__ import annotations

import pytest

from tests.helpers.alone import AUTHORITIES
from tests.helpers.nameserver import Connection, Datagram, NameServer, Zone
from tests.helpers.plugin import Plugin, zone

# Whose turn it is is no matter of the libraries.
pytestmark = pytest.mark.newest

SOUND = [f"d{number}.example" for number in range(50)]
# They are a little slower, so that others have asked for all that they want before them.
SOUND_ZONES = "".join(
    f"d{number}.example. MX 10 mail.d{number}.example.\n"
    f"mail.d{number}.example. A 203.0.113.{number}\n"
    f"203.0.113.{number} PTR mail.d{number}.example.\n"
    f"! d{number}.example. MX delay 0.1\n"
    f"! mail.d{number}.example. A delay 0.1\n"
    for number in range(50)
)
SILENT = "! *.silent.example. * drop\n"
ADDRESSES = [f"{net}.{number}" for net in ("198.51.100", "192.0.2") for number in range(225)]
HAS_ADDRESSES = "".join(f"mail.evil.example. A {address}\n" for address in ADDRESSES)
HAS_NAMES = "".join(
    f"{address} PTR n{name}.{address}.silent.example.\n"
    for address in ADDRESSES
    for name in range(4)
)
HAS_NO_ANSWERS = "! *.100.51.198.in-addr.arpa. * drop\n! *.2.0.192.in-addr.arpa. * drop\n"
EVIL = "evil.example. MX 10 mail.evil.example.\n" + HAS_ADDRESSES
KINDS = {
    "silent-ptrs": EVIL + HAS_NO_ANSWERS,
    "silent-names": EVIL + HAS_NAMES,
    "silent-hosts": "".join(f"evil.example. MX 10 h{n}.silent.example.\n" for n in range(100)),
    # What others need waits in their lines as well, however early it was asked for by this one.
    "hosts-of-others": "".join(
        f"evil.example. MX 10 h{number}.silent.example.\n"
        f"evil.example. MX 20 mail.d{number}.example.\n"
        for number in range(50)
    ),
    "addresses-of-others": EVIL
    + HAS_NO_ANSWERS
    + "".join(f"mail.evil.example. A 203.0.113.{number}\n" for number in range(50)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_silent_lookups_of_one_domain_take_no_verdict_of_others(plugin: Plugin, kind: str) -> None:
    with NameServer(zone(SOUND_ZONES + KINDS[kind] + SILENT)) as server:
        output = plugin.ask(server, "-4", "-d", "evil.example", *SOUND)
    assert " - 1 of 51 domains has problems: evil.example: " in output.status


@pytest.mark.parametrize(
    ("domains", "hosts"),
    [
        pytest.param(60, 100, id="fewer-than-places"),
        # Each of those with silent lookups has one place, the sound ones the rest.
        pytest.param(100, 9, id="with-the-sound-ones-more-than-places"),
    ],
)
def test_many_domains_with_silent_lookups_take_no_verdict_of_others(
    plugin: Plugin, domains: int, hosts: int
) -> None:
    evil = [f"evil{number}.example" for number in range(domains)]
    text = "".join(
        f"{domain}. MX 10 h{n}.{domain}.silent.example.\n" for domain in evil for n in range(hosts)
    )
    with NameServer(zone(SOUND_ZONES + text + SILENT)) as server:
        output = plugin.ask(server, "-4", "-d", *evil, *SOUND)
    counted = f"{domains} of {domains + len(SOUND)} domains have problems"
    assert output.status.startswith(f"REVERSE_MX UNKNOWN - {counted}: evil")


def test_silent_lookups_of_a_sender_take_no_verdict_of_others(plugin: Plugin) -> None:
    with NameServer(zone(SOUND_ZONES + HAS_ADDRESSES + HAS_NO_ANSWERS)) as server:
        output = plugin.ask(server, "-4", "--sender", "mail.evil.example", "-d", *SOUND)
    assert output.status.startswith(
        "REVERSE_MX UNKNOWN - 1 of 51 domains and senders has problems: mail.evil.example: "
    )


# What is asked besides the walk takes nothing from it, nor from what others have asked.

SPF = "".join(f'd{number}.example. TXT "v=spf1 mx -all"\n' for number in range(50))
INCLUDES = " ".join(f"include:i{number}.silent.example" for number in range(9))
MXS = " ".join(f"mx:m{number}.example" for number in range(10))
SILENT_SPF = {
    "includes": f'evil.example. TXT "v=spf1 {INCLUDES} -all"\n',
    "hosts": f'evil.example. TXT "v=spf1 {MXS} -all"\n'
    + "".join(
        f"m{number}.example. MX 10 h{host}.silent.example.\n"
        for number in range(10)
        for host in range(10)
    ),
}


@pytest.mark.parametrize("kind", SILENT_SPF)
def test_silent_spf_records_take_no_verdict_of_others(plugin: Plugin, kind: str) -> None:
    text = zone(SOUND_ZONES + SPF + SILENT_SPF[kind] + KINDS["silent-ptrs"] + SILENT)
    with NameServer(text) as server:
        output = plugin.ask(server, "-4", "--spf", "-d", "evil.example", *SOUND)
    assert " - 1 of 51 domains has problems: evil.example: " in output.status


class Everywhere(NameServer):
    """The resolver, and at every other address the name server of all zones."""

    def __init__(self, resolved: str, held: str) -> None:
        """``held`` is what the name servers have."""
        self._zones = Zone(held + "! * * authority\n"), Zone(resolved)
        super().__init__("", "0.0.0.0")

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        self._zone = self._zones[wire[2] & 1]
        super().handle(wire, asker)


def with_servers(apex: str, names: int, addresses: int) -> str:
    """A zone with so many name servers, of so many addresses each."""
    return f"{apex} SOA ns0.{apex} noc.{apex} 7 3600 600 86400 60\n" + "".join(
        f"{apex} NS ns{name}.{apex}\n"
        + "".join(
            f"ns{name}.{apex} A {AUTHORITIES[name * addresses + number]}\n"
            for number in range(addresses)
        )
        for name in range(names)
    )


HELD = zone(
    SOUND_ZONES
    + "".join(with_servers(f"d{number}.example.", 2, 1) for number in range(50))
    + with_servers("113.0.203.in-addr.arpa.", 2, 1)
)
# Each of its hosts is one whose addresses all its name servers are asked for.
OWN_HOSTS = with_servers("evil.example.", 13, 4) + "".join(
    f"evil.example. MX 10 h{number}.evil.example.\nh{number}.evil.example. A 192.0.2.{number}\n"
    for number in range(100)
)


def authoritative(plugin: Plugin, *domains: str) -> str:
    # Half of what is walked is asked for when the servers of the other half are asked already.
    slow = "".join(f"! h{number}.evil.example. A delay 1\n" for number in range(50))
    silent = "! evil.example. * drop\n! *.evil.example. * drop\n"
    with Everywhere(HELD + OWN_HOSTS + slow, HELD + OWN_HOSTS + silent) as server:
        where = ("-s", "127.0.0.1", "-p", str(server.port), "-4", "--authoritative")
        return plugin(*where, "-d", "evil.example", *domains).stdout


def test_silent_name_servers_of_a_domain_take_no_verdict_of_others(plugin: Plugin) -> None:
    text = authoritative(plugin, *SOUND)
    assert " - 1 of 51 domains has problems: evil.example: " in text


def test_silent_name_servers_of_a_domain_take_nothing_from_its_own_walk(plugin: Plugin) -> None:
    text = authoritative(plugin)
    assert " addresses=100;;;0 missing_ptr=100;;;0 " in text


@pytest.mark.parametrize("addresses", [250, 450])
def test_silent_lookups_take_no_advice_on_other_problems(plugin: Plugin, addresses: int) -> None:
    text = "evil.example. MX 10 mail.evil.example.\n" + HAS_NO_ANSWERS
    text += "".join(f"mail.evil.example. A {address}\n" for address in ADDRESSES[:addresses])
    text += "evil.example. MX 20 gone.evil.example.\n"
    text += "evil.example. SOA ns.isp.example. noc.isp.example. 7 3600 600 86400 60\n"
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "evil.example")
    assert output.long[:4] == [
        "[CRITICAL] no-address: gone.evil.example does not exist (NXDOMAIN)",
        "  correct or remove: evil.example. MX 20 gone.evil.example.",
        "  or fix: gone.evil.example. A ADDRESS-OF-THE-HOST",
        "  in: zone evil.example, contact noc@isp.example",
    ]


def test_silent_lookups_of_a_domain_take_no_advice_on_others(plugin: Plugin) -> None:
    zones = "".join(
        f"d{number}.example. MX 20 gone.d{number}.example.\n"
        f"d{number}.example. SOA ns.isp.example. noc.isp.example. 7 3600 600 86400 60\n"
        for number in range(50)
    )
    with NameServer(zone(SOUND_ZONES + zones + KINDS["silent-ptrs"] + SILENT)) as server:
        output = plugin.ask(server, "-4", "-v", "-d", "evil.example", *SOUND)
    for domain in SOUND:
        assert f"  in: zone {domain}, contact noc@isp.example" in output.long
