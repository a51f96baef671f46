"""Domain names, host names, and reverse names."""

from __future__ import annotations

import ipaddress
import itertools
import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional, Union

import dns.exception
import dns.name
from dns.rdatatype import AAAA, A, RdataType


class Name(dns.name.Name):
    """An absolute domain name, whoever chose it.

    dnspython's hashes have no secret: thousands of names that collide would cost seconds in a set.
    ``canonical`` are the labels in lower case, as names are compared (RFC 4343, 3).
    """

    __slots__ = ("canonical",)

    canonical: tuple[bytes, ...]

    def __init__(self, labels: Iterable[bytes]) -> None:
        """Raise dnspython's exceptions if they are too long, or do not end in the root's."""
        super().__init__(labels)
        lower = tuple(map(bytes.lower, self.labels))
        # Most are so already, and there are many.
        object.__setattr__(self, "canonical", self.labels if lower == self.labels else lower)

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and self.canonical == other.canonical

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Name) -> bool:
        """Compare in canonical order, from the last label to the first (RFC 4034, 6.1)."""
        return self.canonical[::-1] < other.canonical[::-1]

    def parent(self) -> Name:
        return Name(self.labels[1:])


def name_of(text: str) -> Name:
    """Return the name that an ASCII text without escapes spells, with a final dot or without."""
    return Name([*text.rstrip(".").encode("ascii").split(b"."), b""])


ROOT = Name([b""])

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

ARPA = name_of("arpa")
IN_ADDR = name_of("in-addr.arpa")
IP6 = name_of("ip6.arpa")
NOBODY = name_of("nobody.invalid")
AS112 = (name_of("prisoner.iana.org"), name_of("blackhole.as112.arpa"))


def is_host_name(name: Name) -> bool:
    """Tell whether receivers take a PTR name for a host name.

    The rule is that of RFC 1123 (2.1) with underscores let pass, as Postfix and Exim have it.
    """
    labels = name.labels[:-1]
    return (
        bool(labels)
        and not all(label.isdigit() for label in labels)
        and all(re.fullmatch(rb"(?!-)[A-Za-z0-9_-]+(?<!-)", label) for label in labels)
    )


def reverse_name(address: Address) -> Name:
    """Return the name of an address in in-addr.arpa or ip6.arpa (RFC 1035, 3.5; RFC 3596, 2.5)."""
    return name_of(address.reverse_pointer)


def is_private_reverse(name: Name) -> bool:
    """Tell whether a name is the reverse name of private addresses, or of a part of them."""
    octets = [label.decode("latin-1") for label in reversed(name.labels[:-3])]
    if name.is_subdomain(IP6):
        return octets[:2] in (["f", "c"], ["f", "d"])
    return name.is_subdomain(IN_ADDR) and (
        octets[:1] == ["10"]
        or octets[:2] == ["192", "168"]
        or octets[:2] in [["172", str(number)] for number in range(16, 32)]
    )


def letters(name: Name) -> str:
    """Return a name as it is written, a letter for each octet, without the final dot."""
    return b".".join(name.labels[:-1]).decode("latin-1")


def address_in_letters(name: Name) -> Optional[Address]:
    """Return the IP address that a name spells, if it is one and no name."""
    return parse_address(letters(name).strip("[]"))


def parse_address(text: str) -> Optional[Address]:
    """Return the IP address that a text is, None if it is none.

    One with a scope (RFC 4007, 11) is none: it says where on one machine it is. To ``ipaddress``
    anything may follow the "%", and comes back as it was.
    """
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def spells_address(name: Name, address: Address) -> bool:
    """Tell whether a name spells out an address, as the names of dial-up pools do.

    Decimal octets in either order with dots, dashes or underscores between them, with three digits
    each without, or the last octet in a label before the others; hexadecimal digits in either order
    with dots or dashes between them or without; the groups of an IPv6 address, also compressed.
    """
    text = letters(name).lower()
    if _spells_decimally(text, address):
        return True
    pairs = [f"{octet:02x}" for octet in address.packed]
    if address.version == 4:
        spellings = {"".join(pairs), "".join(reversed(pairs))}
    else:
        spellings = {"".join(pairs), "".join(pairs)[::-1]}
    groups = list(struct.unpack("!8H", address.packed)) if address.version == 6 else []
    compressed = address.compressed.replace(":", "-")
    for run in re.findall(r"[0-9a-f](?:[0-9a-f.-]*[0-9a-f])?", text):
        parts = re.findall(r"[0-9a-f]+", run)
        if address.version == 6 and (
            compressed in run.split(".") or _has_slice([int(p, 16) for p in parts], groups)
        ):
            return True
        if any(_has_whole_parts(parts, spelling) for spelling in spellings):
            return True
    return False


def _spells_decimally(text: str, address: Address) -> bool:
    """Tell whether a text spells out the octets of an IPv4 address in decimal digits."""
    octets = list(address.packed)
    # So it is of nearly every name, and expressions for one address cost a lot.
    if address.version == 6 or not all(str(octet) in text for octet in octets):
        return False
    for run in re.findall(r"[0-9._-]+", text):
        numbers = [int(number) for number in re.findall(r"[0-9]+", run)]
        if _has_slice(numbers, octets) or _has_slice(numbers, octets[::-1]):
            return True
    first, second, third, last = octets
    split = rf"{last}\.[a-z]*[._-]?{first}[._-]{second}[._-]{third}"
    padded = ["".join(f"{octet:03}" for octet in order) for order in (octets, octets[::-1])]
    return any(re.search(rf"(?<!\d){form}(?!\d)", text) for form in (split, *padded))


def _has_whole_parts(parts: Sequence[str], spelling: str) -> bool:
    """Tell whether some neighbouring parts, whole, make the spelling."""
    joined = "".join(parts)
    ends = {0, *itertools.accumulate(map(len, parts))}
    # In nearly no name is it at all; there may be many, and long ones.
    return spelling in joined and any(
        end - len(spelling) in ends and joined[end - len(spelling) : end] == spelling
        for end in ends
    )


def _has_slice(numbers: Sequence[int], wanted: Sequence[int]) -> bool:
    return any(numbers[start : start + len(wanted)] == wanted for start in range(len(numbers)))


def rdtype_of(address: Address) -> RdataType:
    """Return the type of the records that hold addresses of this family."""
    return A if address.version == 4 else AAAA


def is_related(name: Name, domain: object) -> bool:
    """Tell whether a host is the domain, below it or above it."""
    return isinstance(domain, Name) and (name.is_subdomain(domain) or domain.is_subdomain(name))


def has_domain_twice(name: Name, domain: Name) -> bool:
    """Tell whether a name ends in the domain twice, as one without a final dot in its zone."""
    twice = (*domain.canonical[:-1], *domain.canonical)
    return name.canonical[-len(twice) :] == twice


# Nobody can have a name in these, whatever a resolver says of them (RFC 6761, RFC 7686, RFC 9476).
_NOBODYS = tuple(map(dns.name.from_text, ("alt", "invalid", "localhost", "onion")))
# The domain of hosts that were given none.
_LOCAL = dns.name.from_text("localdomain")


def is_nobodys(name: Name) -> bool:
    return name == ROOT or any(name.is_subdomain(top) for top in _NOBODYS)


# Those that the reverse zones are registered with; what they run themselves they only delegate.
_REGISTRIES = tuple(
    dns.name.from_text(f"{name}.net") for name in ["afrinic", "apnic", "arin", "lacnic", "ripe"]
) + tuple(map(dns.name.from_text, ("iana.org", "icann.org")))


def is_reverse_registrys(zone: Name, contact: Name) -> bool:
    """Tell whether a reverse zone is a registry's, by itself or by its contact (RNAME)."""
    return zone in (ARPA, IN_ADDR, IP6) or (
        zone.is_subdomain(ARPA) and any(contact.is_subdomain(name) for name in _REGISTRIES)
    )


# Below the top-level domain of a country a registry has as a rule some of these.
_SECOND_LEVEL = frozenset(
    b"ac co com edu gob gov go mil ne net nom or org plc ltd sch gen k12".split()
)
# These it has below few, and other domains are so called elsewhere: web.de, id.me.
_SECOND_LEVELS = {
    b"id": frozenset(b"au ir lv ly vn".split()),
    b"web": frozenset(b"bo do gu id lk nf ni pk tr ve za".split()),
}


def is_registrys(zone: Name) -> bool:
    """Tell whether a zone is a registry's, in which anybody can have a name: TLD, or "co.uk"."""
    labels = zone.canonical[:-1]
    if len(labels) != 2:
        return len(labels) == 1 and zone != ARPA
    second, country = labels
    if second in _SECOND_LEVEL:
        return len(country) == 2
    return country in _SECOND_LEVELS.get(second, ())


def meant_host(target: Name, domain: Name) -> Optional[Name]:
    """Return the host that an MX target of a domain is meant to be, if it certainly is another.

    A final dot is missing, so that the domain comes twice, or is too many, so that it does not come
    at all; or a preference, a port, a comma, quotes came into the target.
    """
    labels = target.labels
    if has_domain_twice(target, domain):
        labels = (*labels[: -len(domain.labels)], b"")
    text = b".".join(labels[:-1]).decode("latin-1")
    text = re.sub(r"(?i)^[\s\"'<(\[]*(?:in\s+)?(?:mx\s+)?(?:\d+\s+)?(?:[a-z]+://)?", "", text)
    # What follows a character that no host name has: nothing, a port, or the domain once more.
    host, _, rest = re.split(r"([^A-Za-z0-9_.-]|$)", text, maxsplit=1)
    rest = re.sub(r"^[\W\d]+", "", rest)
    origin = b".".join(domain.labels[:-1]).decode("latin-1")
    host = host.rstrip(".")
    if rest and rest.lower() != origin.lower():
        return None
    if "." not in host:
        host = f"{host}.{origin}"
    elif rest and not host.lower().endswith(f".{origin.lower()}"):
        return None  # whether the domain was to be appended is not certain
    return _host_other_than(host, target)


def _host_other_than(text: str, name: Name) -> Optional[Name]:
    try:
        host = name_of(text)
    except dns.exception.DNSException:
        return None
    return host if is_host_name(host) and not is_nobodys(host) and host != name else None


class Mailbox(NamedTuple):
    """A mail address; ``local`` is what stands before the "@"."""

    local: bytes
    domain: Name


def mailbox_of(rname: Name, apex: Name) -> Optional[Mailbox]:
    """Return the mailbox that the RNAME of a zone is meant to be, None if it is none.

    Its first label is the local part (RFC 1035, 8), unless it was typed with an "@". Without a
    final dot the zone's own name got behind it.
    """
    labels = [label for label in rname.labels if label]
    if any(b"@" in label for label in labels):
        local, _, rest = b".".join(labels).partition(b"@")
        labels = [local, *filter(None, rest.split(b"."))]
    domain = Name([*labels[1:], b""])
    if has_domain_twice(domain, apex) or (apex.is_subdomain(ARPA) and domain.is_subdomain(apex)):
        domain = Name([*domain.relativize(apex).labels, b""])
    nobodys = is_nobodys(domain) or domain.is_subdomain(ARPA) or domain.is_subdomain(_LOCAL)
    return Mailbox(labels[0], domain) if labels and labels[0] and not nobodys else None
