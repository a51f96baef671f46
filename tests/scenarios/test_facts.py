"""What facts say of themselves where no output shows it yet."""

from __future__ import annotations

import ipaddress

import pytest
from dns.rdatatype import AAAA, NS, A

from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.facts import Iprev, MailHost, Role, Target
from reverse_mx.message import Record
from reverse_mx.names import address_in_letters, name_of
from reverse_mx.zone_facts import Delegation, NameServer, Zone


def test_owner_of_an_address_that_was_not_looked_up_is_its_reverse_name() -> None:
    address = ipaddress.ip_address("127.0.0.1")
    assert Iprev(address, None, (), 0, ()).owner == name_of(address.reverse_pointer)


def test_longer_chain_of_aliases_is_the_whole_one() -> None:
    """A lookup that failed on the way has but a part of it."""
    name, first, other, last = map(name_of, ("mx.example", "z.example", "a.example", "b.example"))
    answers = (
        Answer(Question(name, A), Outcome.FAILURE, aliases=(first,)),
        Answer(Question(name, AAAA), Outcome.FOUND, aliases=(other, last)),
    )
    host = MailHost(name, Target(Role.MX, name), answers, (), (), ())
    assert host.names == (name, other, last)


@pytest.mark.parametrize(
    ("of", "in_the_zone", "known", "names", "stale"),
    [
        pytest.param("example.com", False, True, True, True, id="another-address"),
        pytest.param("example.com", False, False, True, False, id="address-not-known"),
        pytest.param("com", False, True, False, False, id="of-another-zone"),
        pytest.param("example.com", True, True, False, False, id="the-zone-itself"),
    ],
)
def test_delegation_is_of_the_zone_and_glue_is_stale_where_the_addresses_are_known(
    of: str, in_the_zone: bool, known: bool, names: bool, stale: bool
) -> None:
    apex, parent, server = map(name_of, ("example.com", "com", "ns1.example.com"))
    old, new = map(ipaddress.ip_address, ("192.0.2.1", "192.0.2.2"))
    found = Answer(Question(server, A), Outcome.FOUND, (new,))
    lookup = found if known else Answer(Question(server, A), Outcome.FAILURE)
    said = Answer(
        Question(apex, NS),
        Outcome.FOUND if in_the_zone else Outcome.REFERRAL,
        (server,) if in_the_zone else (),
        authority=(Record(name_of(of), NS, 60, server), Record(server, A, 60, old)),
    )
    zone = Zone(apex, None, (NameServer(server, (lookup,)),), 0)
    delegation = Delegation(zone, parent, server, old, said)
    assert delegation.names == ({server} if names else set())
    assert delegation.stale_glue == ([(server, [old], [new])] if known else [])
    assert delegation.differs is stale


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("192.0.2.25", "192.0.2.25"),
        ("[192.0.2.25]", "192.0.2.25"),
        ("X192.0.2.25X", None),
        ("192.0.2", None),
    ],
)
def test_address_in_letters(name: str, address: str | None) -> None:
    assert address_in_letters(name_of(name)) == (address and ipaddress.ip_address(address))
