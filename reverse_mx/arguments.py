"""The types of the arguments: what each takes, and what it says of a wrong value."""

from __future__ import annotations

import argparse
import ipaddress
import re
from typing import Optional, Union

import dns.exception
import dns.name
import nagiosplugin
from nagiosplugin.state import ServiceState

from reverse_mx.exchange import Server
from reverse_mx.facts import Sender
from reverse_mx.findings import FINDINGS, STATES
from reverse_mx.names import ROOT, Address, Name, Network, parse_address
from reverse_mx.text import idna_codec, printable


def _wrong(value: str, expected: str) -> argparse.ArgumentTypeError:
    # A blank at an end would not be seen, and may be all that is wrong.
    shown = re.sub(r"^ +| +$", lambda blanks: r"\032" * len(blanks[0]), printable(value, 60))
    shown = shown or "an empty value"
    return argparse.ArgumentTypeError(f"{shown} {expected}")


def domain_argument(text: str) -> Name:
    """Return a mail domain, in Unicode or punycode, as an absolute name.

    Raise ``argparse.ArgumentTypeError`` for what is none (RFC 1035, 2.3.4; RFC 5891).
    """
    expected = "expected a mail domain such as example.com"
    if not _address_of(text):
        return _name_argument(text, expected)
    raise _wrong(text, f"is an address, not a mail domain; {expected}, or --sender {text}")


def _address_of(text: str) -> Optional[Address]:
    """Return the address that a text is, by itself or as a literal (RFC 5321, 4.1.3).

    With a final dot, as a name may have one, it is no other.
    """
    text = text.removesuffix(".")
    literal = re.fullmatch(r"(?i)\[(?:IPv6:)?(.*)\]", text)
    return parse_address(literal[1] if literal else text)


def _name_argument(text: str, expected: str) -> Name:
    if not text:
        raise _wrong(text, f"is no name; {expected}")
    if "://" in text:
        raise _wrong(text, f"is a URL; {expected}")
    if "@" in text:
        raise _wrong(text, f"is a mail address; {expected}, what comes after the @")
    if re.search(r"\s", text):
        raise _wrong(text, f"has a blank in it; {expected}")
    wrong = re.search(r"[\x00-\x7f]", re.sub(r"[A-Za-z0-9._-]", "", text))
    if wrong:
        raise _wrong(text, f"has {printable(wrong[0])} in it; {expected}")
    try:
        name = Name(dns.name.from_unicode(text, idna_codec=idna_codec()).labels)
    except dns.name.EmptyLabel:
        raise _wrong(text, f"has an empty label; {expected}") from None
    except dns.name.LabelTooLong:
        raise _wrong(text, f"has a label of more than 63 octets; {expected}") from None
    except dns.name.NameTooLong:
        raise _wrong(text, f"is longer than 255 octets; {expected}") from None
    except dns.name.NoIDNA2008:
        hint = "needs the Python package idna (Debian: python3-idna); or give it in punycode"
        raise _wrong(text, hint) from None
    except (dns.exception.DNSException, UnicodeError) as error:
        raise _wrong(text, f"is no valid name ({printable(str(error))}); {expected}") from None
    if name == ROOT:
        raise _wrong(text, f"has an empty label; {expected}")
    return name


def sender_argument(text: str) -> Sender:
    """Return a sender, with the name that it gives in EHLO (RFC 5321, 4.1.1.1)."""
    of, has_name, helo = text.partition("=")
    if not has_name:
        return Sender(_host_argument(of))
    expected = "expected the name that the host gives in EHLO, such as mail.example.com"
    if _address_of(helo):
        raise _wrong(text, f"has an address for a name; {expected}")
    name = _name_argument(helo, expected)
    if len(name.labels) < 3:
        raise _wrong(text, f"has a name without a dot; {expected}")
    return Sender(_host_argument(of), name)


def _host_argument(text: str) -> Union[Name, Address]:
    expected = "expected a host or an address, such as out.example.com"
    return _address_of(text) or _name_argument(text, expected)


def ignore_argument(text: str) -> Union[str, Network]:
    try:
        if parse_address(text.partition("/")[0]):
            return ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]+", text):
        hint = "expected a host such as '*.example.com' or a network such as 192.0.2.0/24"
        raise _wrong(text, f"is neither a host pattern nor a network; {hint}")
    return text


def server_argument(text: str) -> str:
    try:
        Server(text, 53)
    except (OSError, ValueError):
        hint = "is no IP address; expected a resolver's, such as 192.0.2.53 (its port with -p)"
        raise _wrong(text, hint) from None
    return text


def port_argument(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise _wrong(text, "is no port; expected a number from 1 to 65535")
    return int(text)


def range_argument(text: str) -> nagiosplugin.Range:
    """Return a threshold range (Monitoring plugin guidelines, "Threshold and ranges")."""
    number = r"(\d+(\.\d*)?|\.\d+)"
    expected = "is no range of seconds; expected one such as 0.5 or @1:2"
    if not re.fullmatch(rf"(@?((~|-?{number})?:)?(-?{number})?)", text):
        raise _wrong(text, expected)
    try:
        threshold = nagiosplugin.Range(text)
    except ValueError:
        raise _wrong(text, f"begins above its end, so it {expected}") from None
    # Python writes such a number with an exponent, and perfdata has none.
    if "e" in str(threshold):
        raise _wrong(text, "is too fine a range of seconds; expected 0.0001 or more")
    return threshold


def hides(warning: nagiosplugin.Range, critical: nagiosplugin.Range) -> bool:
    """Tell whether every latency that is WARNING is CRITICAL too, of two ranges that differ."""
    ends = {0.0, warning.start, warning.end, critical.start, critical.end}
    marks = sorted(end for end in ends if 0 <= end < float("inf"))
    between = [(low + high) / 2 for low, high in zip(marks, [*marks[1:], marks[-1] + 2])]
    values = [*marks, *between]
    warned = [value for value in values if not warning.match(value)]
    return (
        warning != critical and bool(warned) and not any(critical.match(value) for value in warned)
    )


def timeout_argument(text: str) -> float:
    if not re.fullmatch(r"(\d{1,6}(\.\d*)?|\.\d+)", text) or not float(text):
        raise _wrong(text, "is no timeout; expected seconds above 0, such as 10 or 2.5")
    return float(text)


def state_argument(text: str) -> tuple[str, ServiceState]:
    finding, _, state = text.partition("=")
    if finding not in FINDINGS:
        raise _wrong(text, f"names no finding; expected one of {', '.join(FINDINGS)}")
    if state not in STATES:
        raise _wrong(text, f"names no state; expected {finding}= and one of {', '.join(STATES)}")
    return finding, STATES[state]
