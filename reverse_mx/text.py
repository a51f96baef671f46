"""What makes text of names, octets and numbers, safe to print."""

from __future__ import annotations

import contextlib
import os
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import TypeVar

import dns.exception
import dns.name

from reverse_mx.names import Name

T = TypeVar("T")

# Characters that no name or free text from the DNS may bring raw into the output: they mean
# something to a shell, to HTML, or to the scheduler that parses it.
UNSAFE = frozenset("|<>&\"'`$\\")
NAME_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/*")


def printable(text: str, most: int = 200) -> str:
    r"""Return free text from the network made safe to print.

    Whatever is not printable ASCII, or is unsafe, becomes ``\DDD`` per octet of its UTF-8 form,
    as RFC 1035 (5.1) writes octets; more than ``most`` characters are cut off with ``...``.
    """
    safe = "".join(
        character
        if " " <= character <= "~" and character not in UNSAFE
        else "".join(f"\\{octet:03d}" for octet in character.encode("utf-8", "surrogatepass"))
        for character in text[:most]
    )
    return safe + ("..." if len(text) > most else "")


def show_octets(octets: bytes, most: int = 200) -> str:
    r"""Return octets from the network as they are, those that are not safe to print as ``\DDD``."""
    safe = "".join(
        chr(octet) if 32 <= octet <= 126 and chr(octet) not in UNSAFE else f"\\{octet:03d}"
        for octet in octets[:most]
    )
    return safe + ("..." if len(octets) > most else "")


def show_remark(octets: bytes) -> str:
    """Return what a server says in its own words so that it can be read, and is safe to print.

    Names in it stand in round brackets, not in angles or quotes, and what the server escaped as in
    a zone file (RFC 1035, 5.1) is unescaped first.
    """

    def meant(escape: re.Match[bytes]) -> bytes:
        return bytes([int(escape[1])]) if escape[1].isdigit() else escape[1]

    plain = re.sub(rb"(?s)\\([01]\d\d|2[0-4]\d|25[0-5]|[^\d])", meant, octets)
    return show_octets(plain.translate(bytes.maketrans(b"<>", b"()"), b"\"'`"))


def show_name(name: Name, idn: bool = False) -> str:
    r"""Return a domain name as it is safe to print, without the final dot.

    Octets other than letters, digits and ``-_/*`` become ``\DDD`` (RFC 1035, 5.1). With ``idn``, a
    name in punycode is shown in Unicode as well where it is valid (RFC 5891): by that alone, names
    that look alike or run from right to left would deceive.
    """
    octets = ".".join(_show_label(label) for label in name.labels if label) or "."
    if idn and "xn--" in octets.lower():
        readable = ".".join(_readable_label(label) for label in name.labels if label)
        return octets if readable == octets else f"{readable} ({octets})"
    return octets


def _show_label(label: bytes) -> str:
    return "".join(chr(octet) if octet in NAME_CHARACTERS else f"\\{octet:03d}" for octet in label)


def _readable_label(label: bytes) -> str:
    readable = ""
    if label[:4].lower() == b"xn--":
        # It may not be valid, or the idna package not be there, or not to be loaded.
        with contextlib.suppress(dns.exception.DNSException, ImportError, LookupError, OSError):
            readable = idna_codec().decode(label)
    if readable.isprintable() and not UNSAFE.intersection(readable) and readable:
        return readable
    return _show_label(label)


def idna_codec() -> dns.name.IDNA2008Codec:
    # dnspython before 2.9 would take IDNA 2003 by itself, in which "fa\u00df" becomes "fass".
    return dns.name.IDNA2008Codec(uts_46=True, allow_pure_ascii=True, strict_decode=True)


def os_reason(error: int) -> str:
    """Return what the system says of an errno."""
    return os.strerror(error).lower()


# So many PTR names, or addresses of one of them, are enumerated in a line, or servers one a line.
MOST_IN_LINE = 4


def in_line(parts: Sequence[T], separator: str, show: Callable[[T], str] = str) -> str:
    # What is not shown need not be made: punycode takes its time.
    more = [f"{len(parts) - MOST_IN_LINE} more"] if len(parts) > MOST_IN_LINE else []
    return separator.join([*map(show, parts[:MOST_IN_LINE]), *more])


def shortened(text: str, most: int) -> str:
    """Return a text that is safe to print, cut to so many characters, but not within an escape."""
    if len(text) <= most:
        return text
    return re.sub(r"\\\d{0,2}$", "", text[: most - 3]) + "..."


def counted(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


# Prose in the long output is wrapped for a terminal; what is to be pasted is not.
LINE = 79


def wrap(text: str, indent: str, hanging: str = "") -> list[str]:
    """Return prose in lines that fit a terminal."""
    return textwrap.wrap(
        text,
        LINE,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )
