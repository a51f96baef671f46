"""The grammar of an SPF record (RFC 7208), and what can be said of one."""

from __future__ import annotations

import enum
import ipaddress
import re
from typing import NamedTuple, Optional

import dns.exception

from reverse_mx.answer import Answer, Question
from reverse_mx.names import Name, Network
from reverse_mx.values import Value

# The limits of RFC 7208, 4.6.4, beyond which receivers end with a "permerror".
MOST_SPF_LOOKUPS = 10
MOST_SPF_EXCHANGES = 10
MOST_SPF_VOIDS = 2
# No RFC limits these, and a record may have 64 KiB: terms of a record, networks of a domain.
MOST_SPF_TERMS = 500


# The terms that count as lookups (4.6.4), and those of them that have a meaning without a sender.
SPF_ASKING = ("include", "a", "mx", "ptr", "exists", "redirect=")
SPF_FOLLOWED = ("include", "a", "mx", "exists", "redirect=")


# The grammar of RFC 7208, 7.1 and 12. The macros c, r and t are for explanations only (7.2).
_MACRO = r"%(?:[%_-]|\{[slodiphv](?:0*[1-9][0-9]*)?r?[-.+,/_=]*\})"


# Without a sender only the domain is known, d; o is the sender's, and may be another.
_EXPANDED = r"(?i)%(?:([%_-])|\{(d)([0-9]*)(r?)([-.+,/_=]*)\})"


_MACRO_STRING = rf"(?:[!-$&-~]|{_MACRO})*"


_TOP_LABEL = r"(?![0-9]+(?![a-z0-9-]))[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


_DOMAIN = rf"(?P<domain>{_MACRO_STRING}(?:\.{_TOP_LABEL}\.?|{_MACRO}))"


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"


_LENGTH4 = r"(?:3[0-2]|[12]?[0-9])"


_LENGTH6 = r"(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"


_LENGTHS = rf"(?:/(?P<length4>{_LENGTH4}))?(?://(?P<length6>{_LENGTH6}))?"


# The terms: how each is written, and what follows its name.
SPF_TERMS = {
    "all": ("all", r""),
    "include": ("include:DOMAIN", rf":{_DOMAIN}"),
    "a": ("a[:DOMAIN][/0-32][//0-128]", rf"(?::{_DOMAIN})?{_LENGTHS}"),
    "mx": ("mx[:DOMAIN][/0-32][//0-128]", rf"(?::{_DOMAIN})?{_LENGTHS}"),
    "ptr": ("ptr[:DOMAIN]", rf"(?::{_DOMAIN})?"),
    "ip4": ("ip4:ADDRESS[/0-32]", rf":(?P<ip>{_OCTET}(?:\.{_OCTET}){{3}}(?:/{_LENGTH4})?)"),
    "ip6": ("ip6:ADDRESS[/0-128]", rf":(?P<ip>[0-9a-f:.]+(?:/{_LENGTH6})?)"),
    "exists": ("exists:DOMAIN", rf":{_DOMAIN}"),
    "redirect=": ("redirect=DOMAIN", _DOMAIN),
    "exp=": ("exp=DOMAIN", _DOMAIN),
}


class SpfSource(NamedTuple):
    """A term as it is written, and the owner of its record, None for the domain's own."""

    text: str
    domain: Optional[Name] = None


class SpfFault(enum.Enum):
    """What makes receivers give an SPF record up (permerror; RFC 7208, 2.6.7)."""

    NO_RECORD = enum.auto()
    RECORDS = enum.auto()
    SYNTAX = enum.auto()
    TWICE = enum.auto()
    TERMS = enum.auto()
    LOOKUPS = enum.auto()
    EXCHANGES = enum.auto()
    LOOP = enum.auto()
    VOIDS = enum.auto()


class SpfSyntax(enum.Enum):
    """In which way a term breaks the grammar (RFC 7208, 12)."""

    UNKNOWN = enum.auto()
    QUALIFIED = enum.auto()
    FORM = enum.auto()
    DOMAIN = enum.auto()


class SpfError(NamedTuple):
    """An error of an SPF record.

    ``chain`` leads from the domain to the owner of the record at fault: the term by which each
    record came to the next, "include" or "redirect=", and the owner of the next. ``term`` is the
    one at fault, ``syntax`` in which way and ``form`` how it is written, ``number`` how many there
    are of what is limited, ``questions`` the void lookups, ``family`` the IP version whose senders
    alone meet them, or 0.
    """

    fault: SpfFault
    chain: tuple[tuple[str, Name], ...] = ()
    term: Optional[SpfSource] = None
    syntax: Optional[SpfSyntax] = None
    form: str = ""
    number: int = 0
    questions: tuple[Question, ...] = ()
    family: int = 0


class SpfLarge(NamedTuple):
    """A network too large to be checked, None for any address.

    ``found`` is whether a lookup gave it, and not the term itself.
    """

    source: SpfSource
    network: Optional[Network]
    found: bool = False


class SpfLeftOut(NamedTuple):
    """A term that was not followed: one that depends on the sender, or one without effect."""

    source: SpfSource
    without_effect: bool


class SpfTerm(Value):
    """A term of an SPF record (RFC 7208, 4.6.1), whose ``name`` has a "=" if it is a modifier.

    ``text`` is the term as it is written. ``target`` is the domain to look up, None if it is the
    record's own. A term with a macro that needs a sender is not ``followed``. ``lengths`` are the
    prefix lengths around an IPv4 and an IPv6 address.
    """

    text: str
    name: str
    passes: bool
    target: Optional[Name] = None
    followed: bool = False
    network: Optional[Network] = None
    lengths: tuple[int, int] = (32, 128)


def txt_texts(answer: Answer) -> list[str]:
    """Return TXT records, strings joined (RFC 7208, 3.3).

    SPF records are of ASCII, so a character stands for an octet, whatever its value.
    """
    return [b"".join(record.strings).decode("latin-1") for record in answer.records]


def spf_texts(answer: Answer) -> list[str]:
    """Return the SPF records among TXT records (RFC 7208, 4.5)."""
    return [text for text in txt_texts(answer) if re.match(r"(?i)v=spf1( |\Z)", text)]


class SpfSyntaxError(ValueError):
    """A term that the grammar forbids: in which way, and the ``form`` that it has, if known."""

    def __init__(self, syntax: SpfSyntax, form: str = "") -> None:
        super().__init__(syntax, form)
        self.syntax = syntax
        self.form = form


def read_spf_record(text: str, owner: Name) -> tuple[list[SpfTerm], list[SpfError]]:
    """Return the terms of a record in the order that counts, and its errors.

    Nothing is behind "all"; else the redirect is last, wherever it stands (RFC 7208, 5.1, 6.1).
    """
    words = [word for word in text.split(" ")[1:] if word]
    terms = []
    errors = []
    for word in words[:MOST_SPF_TERMS]:
        try:
            terms.append(read_spf_term(word, owner))
        except SpfSyntaxError as error:
            source = SpfSource(word)
            errors.append(SpfError(SpfFault.SYNTAX, (), source, error.syntax, error.form))
    names = [term.name for term in terms]
    for name in ("redirect=", "exp="):
        if names.count(name) > 1:
            errors.append(SpfError(SpfFault.TWICE, form=name, number=names.count(name)))
    if len(words) > MOST_SPF_TERMS:
        errors.append(SpfError(SpfFault.TERMS, number=len(words)))
    if "all" in names:
        del terms[names.index("all") + 1 :]
    redirects = [term for term in terms if term.name == "redirect="]
    directives = [term for term in terms if term.name != "redirect="]
    return directives + ([] if "all" in names else redirects[:1]), errors


def read_spf_term(word: str, owner: Name) -> SpfTerm:
    """Read one term of an owner's record. Raise ``SpfSyntaxError`` if the grammar forbids it."""
    flags = re.ASCII | re.IGNORECASE
    parts = re.fullmatch(r"([+?~-]?)([a-z][a-z0-9_.-]*=?)(.*)", word, flags | re.DOTALL)
    qualifier, name, rest = parts.groups() if parts else ("", "", "")
    name = name.lower()
    if not parts or (name not in SPF_TERMS and not name.endswith("=")):
        raise SpfSyntaxError(SpfSyntax.UNKNOWN)
    if qualifier and name.endswith("="):
        raise SpfSyntaxError(SpfSyntax.QUALIFIED)
    form, pattern = SPF_TERMS.get(name, ("NAME=TEXT", _MACRO_STRING))
    match = re.fullmatch(pattern, rest, flags)
    if not match:
        raise SpfSyntaxError(SpfSyntax.FORM, form)
    found = match.groupdict()
    domain = _expand(found.get("domain") or "", owner) if name in SPF_FOLLOWED else None
    network: Optional[Network] = None
    if "ip" in found:
        kind = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
        try:
            network = kind(found["ip"], strict=False)
        except ValueError:
            raise SpfSyntaxError(SpfSyntax.FORM, form) from None
    return SpfTerm(
        word,
        name,
        qualifier in ("", "+"),
        _spf_target(domain) if domain else None,
        domain is not None,
        network,
        (int(found.get("length4") or 32), int(found.get("length6") or 128)),
    )


def _expand(text: str, owner: Name) -> Optional[str]:
    """Return a domain with its macros expanded (RFC 7208, 7.3), None if that takes a sender."""
    if "%" not in text:
        return text
    domain = b".".join(owner.labels[:-1]).decode("latin-1")
    needs_sender = "%" in re.sub(_EXPANDED, "", text)

    def expanded(match: re.Match[str]) -> str:
        character, letter, digits, reverse, delimiters = match.groups()
        if character:
            return {"%": "%", "_": " ", "-": "%20"}[character]
        parts = re.split(f"[{re.escape(delimiters or '.')}]", domain)
        parts = parts[::-1] if reverse else parts
        # More digits than a name has labels mean all of it.
        count = int(digits.lstrip("0")[:4] or 0)
        value = ".".join(parts[-count:])
        return value if letter == "d" else re.sub(r"[^A-Za-z0-9._~-]", _escaped, value)

    text = re.sub(_EXPANDED, expanded, text)
    excess = len(text.rstrip(".")) - 253
    if excess > 0:
        # Labels are left out from the left until the rest fits.
        text = text[excess - 1 :].partition(".")[2] or text[excess:]
    return None if needs_sender else text


def _escaped(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _spf_target(text: str) -> Name:
    # Not by dnspython's from_text(), to which a backslash begins an escape.
    labels = text.encode("latin-1").split(b".")
    try:
        return Name(labels if not labels[-1] else [*labels, b""])
    except dns.exception.DNSException:
        raise SpfSyntaxError(SpfSyntax.DOMAIN) from None
