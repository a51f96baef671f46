"""What facts say of themselves where no output shows it yet."""

from __future__ import annotations

import ipaddress

from reverse_mx.facts import Iprev
from reverse_mx.names import name_of


def test_owner_of_an_address_that_was_not_looked_up_is_its_reverse_name() -> None:
    address = ipaddress.ip_address("127.0.0.1")
    assert Iprev(address, None).owner == name_of(address.reverse_pointer)
