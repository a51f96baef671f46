"""What facts say of themselves where no output shows it yet."""

from __future__ import annotations

import ipaddress

import pytest

from reverse_mx.facts import Iprev
from reverse_mx.names import address_in_letters, name_of


def test_owner_of_an_address_that_was_not_looked_up_is_its_reverse_name() -> None:
    address = ipaddress.ip_address("127.0.0.1")
    assert Iprev(address, None).owner == name_of(address.reverse_pointer)


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
