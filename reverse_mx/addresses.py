"""What an IP address is to mail: public, private, translated, or of no use.

One table says it for every address. It holds what IANA's special-purpose registries (RFC 6890) do
not call globally reachable, what is reserved for multicast and for later, and the exceptions.
Ranges for documentation stand for public addresses and are taken for such.
"""

from __future__ import annotations

import enum
import functools
import ipaddress
from typing import NamedTuple

from reverse_mx.names import Address


class Use(enum.Enum):
    """What mail can do with an address.

    ``TRANSLATED`` is an IPv4 address in an IPv6 one, as a resolver with DNS64 makes them for its
    own network: its owner's is the IPv4 address.
    """

    PUBLIC = enum.auto()
    PRIVATE = enum.auto()
    TRANSLATED = enum.auto()
    UNUSABLE = enum.auto()


class Kind(NamedTuple):
    """A kind of address: what it is called, and who says so, where an output tells that."""

    use: Use
    nature: str = ""
    rfc: str = ""


# The most specific network that an address is in decides.
_KINDS = (
    ("0.0.0.0/0 ::/0", Kind(Use.PUBLIC)),  # public, RFC 4291
    ("192.0.2.0/24", Kind(Use.PUBLIC)),  # documentation, RFC 5737
    ("198.51.100.0/24 203.0.113.0/24", Kind(Use.PUBLIC)),  # documentation, RFC 5737
    ("2001:db8::/32 3fff::/20", Kind(Use.PUBLIC)),  # documentation, RFC 9637
    ("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", Kind(Use.PRIVATE, "a private", "RFC 1918")),
    ("100.64.0.0/10", Kind(Use.PRIVATE, "a shared", "RFC 6598")),
    ("fc00::/7", Kind(Use.PRIVATE, "a unique local", "RFC 4193")),
    ("64:ff9b::/96", Kind(Use.TRANSLATED, rfc="RFC 6052")),
    ("64:ff9b:1::/48", Kind(Use.TRANSLATED, rfc="RFC 8215")),
    ("0.0.0.0/32 ::/128", Kind(Use.UNUSABLE, "an unspecified")),  # RFC 1122
    ("0.0.0.0/8", Kind(Use.UNUSABLE, "a this-network")),  # RFC 1122
    ("127.0.0.0/8 ::1/128", Kind(Use.UNUSABLE, "a loopback")),  # RFC 1122
    ("169.254.0.0/16 fe80::/10", Kind(Use.UNUSABLE, "a link-local")),  # RFC 3927
    ("fec0::/10", Kind(Use.UNUSABLE, "a site-local")),  # RFC 3879
    ("224.0.0.0/4 ff00::/8", Kind(Use.UNUSABLE, "a multicast")),  # RFC 5771
    ("255.255.255.255/32", Kind(Use.UNUSABLE, "the broadcast")),  # RFC 919
    ("240.0.0.0/4", Kind(Use.UNUSABLE, "a reserved")),  # RFC 1112
    ("::ffff:0:0/96", Kind(Use.UNUSABLE, "an IPv4-mapped")),  # RFC 4291
    ("::/96", Kind(Use.UNUSABLE, "an IPv4-compatible")),  # RFC 4291
    ("198.18.0.0/15", Kind(Use.UNUSABLE, "a benchmarking")),  # RFC 2544
    ("2001:2::/48", Kind(Use.UNUSABLE, "a benchmarking")),  # RFC 5180
    ("100::/64", Kind(Use.UNUSABLE, "a discard-only")),  # RFC 6666
    ("100:0:0:1::/64", Kind(Use.UNUSABLE, "a dummy")),  # RFC 9780
    ("192.0.0.8/32", Kind(Use.UNUSABLE, "a dummy")),  # RFC 7600
    ("5f00::/16", Kind(Use.UNUSABLE, "a segment-routing")),  # RFC 9602
    ("192.0.0.0/24", Kind(Use.UNUSABLE, "a protocol")),  # RFC 6890
    ("2001::/23", Kind(Use.UNUSABLE, "a protocol")),  # RFC 2928
    # Anycast of PCP, TURN and DNS-SD, Teredo, AMT, AS112, ORCHIDv2 and DRIP are reachable.
    ("192.0.0.9/32 2001:1::1/128", Kind(Use.PUBLIC)),  # anycast, RFC 7723
    ("192.0.0.10/32 2001:1::2/128", Kind(Use.PUBLIC)),  # anycast, RFC 8155
    ("2001:1::3/128", Kind(Use.PUBLIC)),  # anycast, RFC 9665
    ("2001::/32", Kind(Use.PUBLIC)),  # Teredo, RFC 4380
    ("2001:3::/32", Kind(Use.PUBLIC)),  # AMT, RFC 7450
    ("2001:4:112::/48", Kind(Use.PUBLIC)),  # AS112, RFC 7535
    ("2001:20::/28", Kind(Use.PUBLIC)),  # ORCHIDv2, RFC 7343
    ("2001:30::/28", Kind(Use.PUBLIC)),  # DRIP, RFC 9374
)


@functools.cache
def _prefixes() -> dict[tuple[int, int], dict[int, Kind]]:
    """Return the kinds by prefix, by IP version and length of the rest, the longest first."""
    prefixes: dict[tuple[int, int], dict[int, Kind]] = {}
    for networks, kind in _KINDS:
        for network in map(ipaddress.ip_network, networks.split()):
            rest = network.max_prefixlen - network.prefixlen
            prefix = int(network.network_address) >> rest
            prefixes.setdefault((network.version, rest), {})[prefix] = kind
    return dict(sorted(prefixes.items()))


def kind_of(address: Address) -> Kind:
    number = int(address)
    return next(
        kinds[number >> rest]
        for (version, rest), kinds in _prefixes().items()
        if version == address.version and number >> rest in kinds
    )


def unusable_as(address: Address) -> str:
    """Return what keeps mail from ever arriving at an address, "" if nothing does."""
    kind = kind_of(address)
    return kind.nature if kind.use is Use.UNUSABLE else ""


def private_by(address: Address) -> str:
    """Return the RFC by which an address is private, "" if it is not."""
    kind = kind_of(address)
    return kind.rfc if kind.use is Use.PRIVATE else ""


def translated_by(address: Address) -> str:
    """Return the RFC by which an address is a translated one, "" if it is not."""
    kind = kind_of(address)
    return kind.rfc if kind.use is Use.TRANSLATED else ""


def has_reverse(address: Address) -> bool:
    """Tell whether an address has an owner who could name it."""
    return kind_of(address).use in (Use.PUBLIC, Use.PRIVATE)


def is_inside(address: Address) -> bool:
    """Tell whether an address is one of a private network or of the machine itself."""
    return kind_of(address).use in (Use.PRIVATE, Use.UNUSABLE)


def behind_translation(address: Address) -> Address:
    """Return the IPv4 address that a resolver with DNS64 put into one, or the address itself."""
    if address.version == 6 and kind_of(address).use is Use.TRANSLATED:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address
