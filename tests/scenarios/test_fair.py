"""One domain's costs take nothing from another: each has its share of the lookups under way."""

from __future__ import annotations

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone

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
