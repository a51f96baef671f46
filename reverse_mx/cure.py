"""What a cure is: what to do with which record, or what else to do, and whose zone that is in."""

from __future__ import annotations

import enum
from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple, Optional, Union

from dns.rdatatype import MX, PTR, TXT, RdataType

from reverse_mx.names import ROOT, Address, Name
from reverse_mx.spf_cures import SpfStep
from reverse_mx.text import MOST_IN_LINE, show_name, show_octets

# What only the reader can fill in.
NAME = "NAME-OF-THE-HOST."
ADDRESS = "ADDRESS-OF-THE-HOST"


class ZoneRecord(NamedTuple):
    """A resource record, to be pasted into a zone file; ``data`` in text is a place to fill in."""

    owner: Name
    rdtype: RdataType
    data: Union[Name, Address, str]
    preference: int = 0

    def __str__(self) -> str:
        data = _strings(self.value) if self.rdtype == TXT else self.value
        preference = f"{self.preference} " if self.rdtype == MX else ""
        return f"{absolute(self.owner)} {self.rdtype.name} {preference}{data}"

    @property
    def value(self) -> str:
        """The name, the address or the text that the record has, as it is."""
        return absolute(self.data) if isinstance(self.data, Name) else str(self.data)


class Reload(NamedTuple):
    """A zone that some of its name servers have an old version of.

    They take no new one from the ``primary`` before the serial there is raised ``above`` theirs,
    if that is given; it may have gone ``back``. The server that is ``right`` has what they are
    to have, under its ``serial``; None if that is unknown.
    """

    zone: Name
    servers: tuple[Name, ...]
    right: Optional[Name] = None
    serial: Optional[int] = None
    primary: Optional[Name] = None
    above: Optional[int] = None
    back: Optional[int] = None


class Greet(NamedTuple):
    """The name that an SMTP server is to greet with."""

    name: Name


class Hint(enum.Enum):
    """What helps with an SMTP server, or may: no record does."""

    PAUSE = enum.auto()
    TLS = enum.auto()
    LISTEN = enum.auto()
    WAY = enum.auto()
    CLOSES = enum.auto()
    REFUSES = enum.auto()
    REFUSES_FOR_NOW = enum.auto()
    REWRITTEN = enum.auto()
    NO_SMTP = enum.auto()
    NO_IPV6 = enum.auto()


class Glue(NamedTuple):
    """The addresses that a parent is to have for a name server, in place of ``old`` ones."""

    records: tuple[ZoneRecord, ...]
    old: tuple[Address, ...]


class Delegate(NamedTuple):
    """The delegation that a zone's own records ask of its parent: its ``servers``, or ``glue``."""

    zone: Name
    parent: Name
    servers: tuple[Name, ...]
    glue: tuple[Glue, ...] = ()


class Change(enum.Enum):
    """What becomes of the record that a cure names."""

    ADD = enum.auto()
    REPLACE = enum.auto()
    REMOVE = enum.auto()
    CORRECT = enum.auto()


class Cure(NamedTuple):
    """A change that mends a problem: what to do with what, and whose zone that is in.

    ``what`` is the record ready to paste, or what to do where none can be. ``owner`` is None where
    it is in no zone. ``instead`` is whether it is another way than what comes before it; ``guess``
    whether it names a host that is good for something only if it has an address.
    """

    action: str
    what: Union[ZoneRecord, Reload, Delegate, Greet, Hint, SpfStep, str]
    owner: Optional[Name]
    instead: bool = False
    guess: bool = False

    @property
    def change(self) -> Optional[Change]:
        """What becomes of the record, None if there is none; to correct one takes thought.

        A domain has one SPF record (RFC 7208, 3.2), so it is put in place of what there is.
        """
        if not isinstance(self.what, ZoneRecord):
            return None
        if self.what.rdtype == TXT:
            return Change.REPLACE
        return _CHANGES.get(self.action, Change.CORRECT)


# Makes the cures of a finding, from the fact and what of it is found.
Maker = Callable[[Any, Any], list[Cure]]

# What the action says of a record; of any other the record is one that is to be mended.
_CHANGES = {
    "fix": Change.ADD,
    "fix, if it is to take mail": Change.ADD,
    "fix, unless the other name is wanted": Change.ADD,
    "add": Change.ADD,
    "remove": Change.REMOVE,
    "in place of": Change.REMOVE,
}


def instead(cures: Sequence[Cure]) -> list[Cure]:
    """Return cures as another way than those before them."""
    return [cure._replace(instead=number == 0) for number, cure in enumerate(cures)]


def possible(cures: Sequence[Cure], barred: Sequence[Cure], by_any_name: bool) -> list[Cure]:
    """Return the cures that are left where something keeps anybody from those that are barred.

    Where a name cannot be had, an address is not to be given it: then there is another way or, if
    that is a cure too, another name.
    """
    gone = {cure.what.owner for cure in barred if isinstance(cure.what, ZoneRecord)}
    ways: list[list[Cure]] = [[]]
    for cure in cures:
        ways += [[]] if cure.instead else []
        ways[-1] += [cure] if cure not in barred else []
    left = [way for way in ways if all(_with_another_name(cure, gone) == cure for cure in way)]
    if not any(left) and by_any_name:
        left = [[_with_another_name(cure, gone) for cure in way] for way in ways]
    chosen = [cure for way in left for cure in way]
    return [cure._replace(instead=cure.instead and n > 0) for n, cure in enumerate(chosen)]


def _with_another_name(cure: Cure, gone: Container[object]) -> Cure:
    """Return a cure with a place to fill in where it gives an address a name that is none."""
    record = cure.what
    if not isinstance(record, ZoneRecord) or record.rdtype != PTR or record.data not in gone:
        return cure
    return cure._replace(what=record._replace(data=NAME)) if cure.change is Change.ADD else cure


def in_place_of(old: ZoneRecord, new: ZoneRecord, guess: bool = False) -> list[Cure]:
    return [Cure("fix", new, new.owner, guess=guess), Cure("in place of", old, old.owner)]


def in_short(cures: Sequence[Sequence[Cure]], more: str) -> list[Cure]:
    """Return the cures of as many as fit, and that it goes for so many ``more`` (in the plural).

    Where only some were mended the problem would stay, or come to the others: what is left out is
    said. One that is left takes no more room than that.
    """
    left = len(cures) - MOST_IN_LINE
    if left < 2:
        return [cure for own in cures for cure in own]
    first, *others = {cure.owner for own in cures for cure in own}
    rest = Cure(cures[-1][0].action, f"{left} more {more}", None if others else first)
    return [*(cure for own in cures[:MOST_IN_LINE] for cure in own), rest]


def _strings(text: str) -> str:
    """Return a text of ASCII as the strings of a TXT record, of at most 255 octets each."""
    octets = text.encode("ascii")
    parts = [octets[start : start + 255] for start in range(0, len(octets), 255)]
    return " ".join(f'"{show_octets(part, 255)}"' for part in parts)


def absolute(name: Name) -> str:
    return show_name(name) if name == ROOT else f"{show_name(name)}."
