"""What an SPF record should say, in place of what its owner seems to have meant (RFC 7208).

Terms are guessed at only where one reading is left: what cannot be told stays as it is, and the
record then has no better form.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

from reverse_mx.answer import Answer
from reverse_mx.names import Address, Name, Network
from reverse_mx.spf_record import (
    MOST_SPF_LOOKUPS,
    SPF_ASKING,
    SPF_TERMS,
    SpfSyntaxError,
    SpfTerm,
    read_spf_record,
    read_spf_term,
    spf_texts,
    txt_texts,
)

# Words of a record and octets of a word that are looked at, readings of words that are none, one
# within the other, and networks that a range of addresses is.
MOST_WORDS = 100
MOST_OF_A_WORD = 500
MOST_READINGS = 500
MOST_STEPS = 6
MOST_NETWORKS = 8
# A longer record does not fit into an answer of 512 octets (RFC 7208, 3.4).
MOST_OF_A_RECORD = 450

# What word processors, web forms and copied pages make of ASCII.
_TYPED = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u02dc\u223c\uff5e\u301c", "~"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000\t\r\n\v\f", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    **dict.fromkeys("\"'`\\\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb", ""),
    "\uff1a": ":",
    "\uff1d": "=",
    "\uff0e": ".",
    "\uff0f": "/",
}
_TABLE = str.maketrans(_TYPED)
# Other names for mechanisms, as they are met.
_MISNAMED = {
    "ip": "ip4",
    "ipv4": "ip4",
    "ip4v": "ip4",
    "ip-4": "ip4",
    "ipv6": "ip6",
    "ip6v": "ip6",
    "ip-6": "ip6",
    "inlcude": "include",
    "incude": "include",
    "inclde": "include",
    "includes": "include",
    "host": "a",
    "exist": "exists",
    "redirect": "redirect=",
    "exp": "exp=",
}
# They are compiled at their first use, which few runs have.
_TERM = r"([+?~-]*)([A-Za-z][A-Za-z0-9-]*)([:=]+)(.*)"
_HOST = r"[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9-]*\.?"
_BOUNDARY = r"(?i)(?<![+?~-])(?=[+?~-]?(?:ip4:|ip6:|include:|exists:|redirect=))|(?=[+?~-]all\Z)"
_ALMOST = r"(?is)[^a-z0-9]*(?:v[\s:=]*)?spf[\s=v]*1(?![0-9.])[\s,;:]*(.*)"


@functools.lru_cache(maxsize=64)  # each of many errors of a record has the same better one
def mended(text: str, owner: Name) -> Optional[str]:
    """Return an owner's record without its errors, None if what is meant cannot be told."""
    words = [word for word in text.split(" ")[1:] if word]
    if len(words) > MOST_WORDS:
        return None
    terms = _Mending(owner, words).words(words, MOST_STEPS)
    # That everybody may send is never guessed.
    if terms is None or not {"all", "+all"}.intersection(map(str.lower, terms)) <= {
        word.lower() for word in words
    }:
        return None
    return _record(_once(terms), owner)


def almost(answer: Answer) -> list[str]:
    """Return TXT records that would be SPF records, were they written as such."""
    proper = spf_texts(answer)
    found = (re.fullmatch(_ALMOST, typed(text)) for text in txt_texts(answer) if text not in proper)
    return [f"v=spf1 {match[1]}" for match in found if match and match[1].strip()]


def merged(texts: Sequence[str], owner: Name) -> Optional[str]:
    """Return one record for what several allow; of what they say of all others, the mildest."""
    records = [mended(text, owner) for text in texts]
    read = [read_spf_record(text, owner)[0] for text in records if text is not None]
    if len(read) < len(records):
        return None
    terms = [term for own in read for term in own]
    targets = dict.fromkeys(t.text.partition("=")[2] for t in terms if t.name == "redirect=")
    words = [term.text for term in terms if term.name not in ("all", "redirect=")]
    said = {
        own[-1].text[0] if own and own[-1].name == "all" else "?"
        for own in read
        if not own or own[-1].name != "redirect="
    }
    if len(targets) == 1 and not words and not said:
        return _record([f"redirect={target}" for target in targets], owner)
    words += [f"include:{target}" for target in targets]
    mildest = next((qualifier for qualifier in "?~-" if qualifier in said), "?")
    one = _record(_once([*words, f"{mildest}all"]), owner)
    asking = [term for term in read_spf_record(one or "", owner)[0] if term.name in SPF_ASKING]
    return one if len(asking) <= MOST_SPF_LOOKUPS else None


def choices(text: str, owner: Name) -> list[str]:
    """Return a record with one redirect, for each of those that it has."""
    words = [word for word in text.split(" ")[1:] if word]
    terms = _Mending(owner, words).words(words, MOST_STEPS) or []
    redirects = dict.fromkeys(t for t in terms if t.lower().startswith("redirect="))
    others = [term for term in terms if term not in redirects]
    records = (_record(_once([*others, redirect]), owner) for redirect in redirects)
    return [record for record in records if record is not None]


def without(text: str, owner: Name, unwanted: Callable[[SpfTerm], bool]) -> Optional[str]:
    """Return an owner's record without some of its terms, and without its errors.

    None if it would allow nobody then: what it allowed is not known, and is not to be denied.
    """
    whole = mended(text, owner)
    words = whole.split(" ")[1:] if whole is not None else []
    terms = [term for term in map(_reader(owner), words) if not unwanted(term)]
    if not any(term.passes and term.name in SPF_TERMS and term.name[-1] != "=" for term in terms):
        return None
    return _record([term.text for term in terms], owner)


def respelt(text: str, owner: Name, word: str) -> Optional[str]:
    """Return a record with one of its terms read anew that leads nowhere, though it may be valid.

    A list with commas, an "all" without the blank before it, a URL: the grammar lets them pass.
    """
    match = re.fullmatch(r"([^:=]+[:=])(?:[a-z]+:/+)?(.+?)([+?~-]all)?/?", word, re.IGNORECASE)
    if match is None:
        return None
    targets = [f"{match[1]}{target}" for target in re.split("[,;]+", match[2]) if target]
    words = [*targets, *([match[3]] if match[3] else [])]
    rest = [w for term in text.split(" ")[1:] for w in (words if term == word else [term])]
    return None if words == [word] else mended(" ".join(["v=spf1", *rest]), owner)


def shortened(
    text: str, owner: Name, excess: int, addresses: Mapping[str, Sequence[Address]]
) -> Optional[str]:
    """Return a record that needs so many lookups less, None if it cannot be told how.

    What a record says twice goes, then its own "a" and "mx" are replaced by their addresses.
    """
    whole = mended(text, owner)
    words = whole.split(" ")[1:] if whole is not None else []
    excess -= len([word for word in text.split(" ")[1:] if word]) - len(words)
    kept: list[str] = []
    for word in words:
        if excess > 0 and word in addresses:
            excess -= 1
            qualifier = word[0] if word[0] in "+?~-" else ""
            kept += [f"{qualifier}ip{one.version}:{one}" for one in addresses[word]]
        else:
            kept.append(word)
    record = _record(_once(kept), owner)
    return (
        record if excess <= 0 and record is not None and len(record) <= MOST_OF_A_RECORD else None
    )


def in_order(text: str, owner: Name) -> Optional[str]:
    """Return a record with what needs no lookup first, None if that would change what it allows."""
    whole = mended(text, owner)
    words = whole.split(" ")[1:] if whole is not None else []
    terms = read_spf_record(whole or "", owner)[0]
    if not words or not all(term.passes for term in terms if term.name not in ("all", "redirect=")):
        return None
    order = ("ip4", "ip6", "include", "a", "mx", "ptr", "exists", "all")
    ranks = {name: rank for rank, name in enumerate(order)}
    return _record([t.text for t in sorted(terms, key=lambda t: ranks.get(t.name, 9))], owner)


class _Mending:
    """Reads the words of an owner's record for the terms that were meant, with so much patience."""

    def __init__(self, owner: Name, written: Sequence[str]) -> None:
        self._owner = owner
        self._written = frozenset(written)
        self._patience = MOST_READINGS

    def words(self, words: Sequence[str], steps: int) -> Optional[list[str]]:
        """Return valid terms for words, each mended in so many steps, None if that cannot be."""
        terms: list[str] = []
        rest = list(words)
        while rest:
            if self._valid(rest[0]):
                terms.append(rest.pop(0))
                continue
            self._patience -= 1
            if not steps or self._patience < 0 or len(rest[0]) > MOST_OF_A_WORD:
                return None
            for used, before, reading in _readings(terms, rest, self._valid):
                meant = self.words(reading, steps - 1)
                if meant is not None:
                    terms = [*terms[: len(terms) - before], *meant]
                    rest = rest[used:]
                    break
            else:
                return None
        return terms

    def _valid(self, word: str) -> bool:
        try:
            term = read_spf_term(word, self._owner)
        except SpfSyntaxError:
            return False
        # "mx=all" is a modifier without effect (RFC 7208, 6), and never what was meant.
        mistaken = term.name not in SPF_TERMS and term.name[:-1] in (*SPF_TERMS, *_MISNAMED)
        return not mistaken or word in self._written


# So many of the words are taken, so many of the terms before them, for which words instead.
_Reading = tuple[int, int, list[str]]


def _readings(
    terms: Sequence[str], rest: Sequence[str], valid: Callable[[str], bool]
) -> Iterator[_Reading]:
    """Yield what a word that is no term may be meant to be, the likeliest first."""
    word = rest[0]
    plain = typed(word)
    if plain != word:
        yield 1, 0, plain.split()
        return
    yield from _joined(terms, rest, valid)
    if re.fullmatch(r"[-+?~.,:;|()]+", word):
        yield 1, 0, []
    for part in (
        word.strip(",;()").rstrip(".:/"),
        re.sub(r"\A([+?~-])\1+", r"\1", word),
        re.sub(r"/0+(?=[1-9])", "/", word),
        re.sub(r"(?<!/)(/[0-9]+)/([0-9]+)\Z", r"\1//\2", word),
    ):
        if part != word:
            yield 1, 0, [part]
    for parts in (_listed(word, valid), [part for part in re.split(_BOUNDARY, word) if part]):
        if len(parts) > 1:
            yield 1, 0, parts
    yield from ((1, 0, reading) for reading in _renamed(word))


def _joined(
    terms: Sequence[str], rest: Sequence[str], valid: Callable[[str], bool]
) -> Iterator[_Reading]:
    """Yield a word with its neighbours: there is a blank too many."""
    word, *following = rest[:2]
    bare = word.lower().lstrip("+?~-")
    for after in following:
        named = re.match(r"[+?~-]?([A-Za-z][A-Za-z0-9-]*)[:=]", after)
        name = named[1].lower() if named else ""
        alone = name in SPF_TERMS or name in _MISNAMED
        if bare and (alone or (valid(after) and valid(word.rstrip(":=/")))):
            continue  # a term of its own belongs to nothing before it
        if word[-1] in ":=/" or not bare or after[0] in ":=/":
            yield 2, 0, [word + after]
        if bare in ("redirect", "exp"):
            yield 2, 0, [f"{bare}={after}"]
        elif bare in SPF_TERMS:
            yield 2, 0, [f"{word}:{after}"]
    if terms and word[0] in ":=/":
        yield 1, 1, [terms[-1] + word]


def _listed(word: str, valid: Callable[[str], bool]) -> list[str]:
    """Return the parts of a list with commas, which share the name of the first."""
    parts = [part for part in re.split(r"[,;]+", word) if part]
    named = re.match(r"[+?~-]?[A-Za-z0-9]+[:=]", parts[0]) if parts else None
    return [
        part
        if named is None or valid(part) or re.match(r"[+?~-]?[A-Za-z]+[0-9]?[:=]", part)
        # An address begins with a digit, and an IPv6 one has colons.
        else named[0] + part
        for part in parts
    ]


def _renamed(word: str) -> Iterator[list[str]]:
    """Yield a term by the name of what its argument is."""
    match = re.fullmatch(_TERM, word) or re.fullmatch("([+?~-]?)()()(.*)", word)
    assert match is not None
    qualifier, name, _, argument = match.groups()
    name = name.lower()
    known = _MISNAMED.get(name, name)
    if known.endswith("="):
        yield [known + argument]
        return
    networks = _networks(argument)
    if networks and (not name or known in SPF_TERMS):
        yield [f"{qualifier}ip{network.version}:{_short(network)}" for network in networks]
        return
    if known in ("ip4", "ip6") and re.fullmatch(_HOST, argument, re.IGNORECASE):
        yield [f"{qualifier}a:{argument}"]
    if known in ("a", "mx") and argument.startswith("/"):
        yield [f"{qualifier}{known}{argument}"]
    cleaned = re.sub(r"\A(?:[a-z]+:/+)?[.@]*|(?<=[a-z]):[0-9]+\Z", "", argument)
    cleaned = re.sub(r"\.{2,}", ".", cleaned)
    if known in SPF_TERMS and f"{qualifier}{known}:{cleaned}" != word:
        yield [f"{qualifier}{known}:{cleaned}"]
    if qualifier and "=" in word:
        yield [word[len(qualifier) :]]


def _networks(text: str) -> list[Network]:
    """Return the networks that a text is meant to be, none if that cannot be told."""
    address, slash, length = text.partition("/")
    first, dash, last = address.partition("-")
    octets = [octet for octet in first.split(".") if octet not in ("*", "")]
    if re.fullmatch(r"(?:[0-9]+\.){1,3}(?:\*\.)*\*", address) and not slash:
        length = str(8 * len(octets))
    if length == str(8 * len(octets)) and len(octets) < 4 and ":" not in first:
        first = ".".join([*octets, "0", "0", "0"][:4])
    first = re.sub(r"\A((?:[0-9]+\.){3}[0-9]+):[0-9]+\Z", r"\1", first).strip("[]")
    length = length.lstrip("/")
    try:
        if dash:
            pair = ipaddress.ip_address(first), ipaddress.ip_address(last)
            summary: Iterator[Any] = ipaddress.summarize_address_range(*pair)
            networks = list(itertools.islice(summary, MOST_NETWORKS + 1))
            return networks if len(networks) <= MOST_NETWORKS else []
        return [ipaddress.ip_network(f"{first}/{length}" if length else first, strict=False)]
    except (TypeError, ValueError):
        return []


def _short(network: Network) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def typed(text: str) -> str:
    """Return a text of octets as it was meant to be typed, in ASCII as far as that is known."""
    try:
        text = text.encode("latin-1").decode("utf-8")
    except UnicodeEncodeError:
        pass  # it was typed anew before
    except UnicodeDecodeError:
        text = text.encode("latin-1").decode("cp1252", "replace")
    return text.replace("\\032", " ").translate(_TABLE)


def _once(words: Sequence[str]) -> list[str]:
    """Return terms without those that say again what one before them says."""
    seen: dict[str, str] = {}
    for word in words:
        seen.setdefault("exp=" if word.lower().startswith("exp=") else word.lower(), word)
    return list(seen.values())


def _record(words: Sequence[str], owner: Name) -> Optional[str]:
    text = " ".join(["v=spf1", *words])
    return None if read_spf_record(text, owner)[1] else text


def _reader(owner: Name) -> Callable[[str], SpfTerm]:
    return lambda word: read_spf_term(word, owner)
