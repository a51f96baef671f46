"""What facts say of themselves where no output shows it yet."""

from __future__ import annotations

import ipaddress

import pytest
from dns.rdatatype import AAAA, NS, A

from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.facts import Iprev, MailHost, Role, Target
from reverse_mx.message import Record
from reverse_mx.names import Name, address_in_letters, name_of
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


APEX, PARENT, SERVER = map(name_of, ("example.com", "com", "ns1.example.com"))
OLD, NEW = map(ipaddress.ip_address, ("192.0.2.1", "192.0.2.2"))


def delegation(
    lookup: Answer, of: str = "example.com", records: tuple[object, ...] = ()
) -> Delegation:
    """What com says of example.com, whose one server a lookup was for."""
    authority = (Record(name_of(of), NS, 60, SERVER), Record(SERVER, A, 60, OLD))
    said = Answer(Question(APEX, NS), Outcome.REFERRAL, records, authority=authority)
    zone = Zone(APEX, None, (NameServer(SERVER, (lookup,)),), 0)
    return Delegation(zone, PARENT, SERVER, OLD, said)


HAS_NEW = Answer(Question(SERVER, A), Outcome.FOUND, (NEW,))


@pytest.mark.parametrize(
    ("said", "names", "stale"),
    [
        pytest.param(delegation(HAS_NEW), {SERVER}, [(SERVER, [OLD], [NEW])], id="another-address"),
        pytest.param(
            delegation(Answer(Question(SERVER, A), Outcome.FAILURE)), {SERVER}, [], id="not-known"
        ),
        pytest.param(delegation(HAS_NEW, of="com"), set(), ..., id="of-another-zone"),
        pytest.param(delegation(HAS_NEW, records=(SERVER,)), set(), ..., id="the-zone-itself"),
    ],
)
def test_delegation_is_of_the_zone_and_glue_is_stale_where_the_addresses_are_known(
    said: Delegation, names: set[Name], stale: object
) -> None:
    assert said.names == names
    assert said.differs is bool(names and stale)
    assert stale in (..., said.stale_glue)


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
