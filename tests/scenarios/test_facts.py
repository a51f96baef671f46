"""What facts say of themselves where no output shows it yet."""

from __future__ import annotations

import ipaddress

import pytest
from dns.rdatatype import AAAA, A

from reverse_mx.answer import Answer, Outcome, Question
from reverse_mx.facts import Iprev, MailHost, Role, Target
from reverse_mx.names import address_in_letters, name_of


def test_owner_of_an_address_that_was_not_looked_up_is_its_reverse_name() -> None:
    address = ipaddress.ip_address("127.0.0.1")
    assert Iprev(address, None, (), 0, ()).owner == name_of(address.reverse_pointer)


def test_longer_chain_of_aliases_is_the_whole_one() -> None:
    """A lookup that failed on the way has a part of it, another may have had another on the way."""
    name, first, other, last = map(name_of, ("mx.example", "z.example", "a.example", "b.example"))
    answers = (
        Answer(Question(name, A), Outcome.FAILURE, aliases=(first,)),
        Answer(Question(name, AAAA), Outcome.FOUND, aliases=(other, last)),
    )
    host = MailHost(name, Target(Role.MX, name), answers, (), (), ())
    assert host.names == (name, other, last)


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
