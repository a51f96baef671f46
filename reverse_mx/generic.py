"""Why a PTR name is generic: made of the address, or after the kind of line, not for the host."""

from __future__ import annotations

import functools
import re
from string import ascii_letters
from typing import NamedTuple, Optional

from reverse_mx.filters import WORDS, Score, rspamd, scores, spamassassin
from reverse_mx.names import Address, Name, is_registrys, letters, spells_address

# A host of any kind may be called so; only with a number it is one of many.
_OF_ANY = "host"


class Generic(NamedTuple):
    """What makes a name generic, that it spells the address or words in it, and what that costs."""

    spells: bool
    words: tuple[str, ...]
    scores: tuple[Score, ...]


# A run of many domains judges the same mail hosts once for each of them.
@functools.lru_cache(maxsize=1024)
def why_generic(name: Name, address: Address) -> Optional[Generic]:
    """Return why a name that confirms an address is generic, None if it is not."""
    spells, words = spells_address(name, address), telling_words(name)
    return Generic(spells, words, scores(name)) if spells or words else None


def telling_words(name: Name) -> tuple[str, ...]:
    """Return the words in a name that say what kind of line it is, and that filters score.

    Such a word is whole: there are no letters beside it. The domain that somebody registered is
    called after them, not after a line.
    """
    text = letters(name)
    lower = text.lower()
    if not any(word in lower for word in WORDS):  # so it is of most names
        return ()
    registered = len(text) - len(letters(_registered(name)))
    words: dict[str, None] = {}
    for find in sorted([*rspamd(text), *spamassassin(text)]):
        before = text[: find.start].rstrip(ascii_letters)
        after = text[find.end :].lstrip(ascii_letters)
        end = len(text) - len(after)
        word = text[len(before) : end].lower()
        telling = word != _OF_ANY or _is_numbered(before, after)
        if word in WORDS and telling and end < registered:
            words[word] = None
    return tuple(words)


def _is_numbered(before: str, after: str) -> bool:
    """Tell whether a word between these has a number beside it, and its label no other word."""
    others = before.rpartition(".")[2] + after.partition(".")[0]
    numbered = re.search(r"\d[.-]$", before) or re.match(r"-\d", after)
    return numbered is not None and not re.search("[A-Za-z]", others)


def _registered(name: Name) -> Name:
    """Return the domain of a name that is not a registry's, and what it is below is one's."""
    # From the second level down: a top-level domain is a registry's.
    for start in range(len(name.labels) - 3, 0, -1):
        domain = Name(name.labels[start:])
        if not is_registrys(domain):
            return domain
    return name
