"""What spam filters score in a client's name: Rspamd 3.4 and SpamAssassin 4.0, as Debian has them.

Both look for words that name a kind of line, such as "dynamic", wherever in a name these are, and
for the numbers beside them; SpamAssassin also for numbers alone. Its rules for the names of a
single provider are left out, but for those with a word. A test holds this to the two themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from reverse_mx.names import Name, letters


class Score(NamedTuple):
    """A rule of a filter that a name meets, and the points that it gives."""

    filter: str
    rule: str
    points: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.points})"


class Find(NamedTuple):
    """What a filter scores in a name, from ``start`` to ``end``; of numbers alone it is empty.

    ``level`` is Rspamd's, from 1, very low, to 5, very hard; SpamAssassin has one.
    """

    start: int
    end: int
    level: int = 1


# The points of each level.
RSPAMD_POINTS = {1: "0.5", 2: "1.0", 3: "2.0", 4: "2.5", 5: "3.0"}
HFILTER_HOSTNAME = Score(
    "Rspamd", "HFILTER_HOSTNAME_1 to _5", f"{RSPAMD_POINTS[1]} to {RSPAMD_POINTS[5]}"
)

# The least and the most of its four sets of tests: without Bayes, with the network and without.
RDNS_DYNAMIC = Score("SpamAssassin", "RDNS_DYNAMIC", "0.4 to 2.6")

# Where a word stands. "Apart" is with a dot or a hyphen between; a number has two digits, or is
# apart from what is before it.
ALONE = "apart on both sides"
ALONE_AFTER_DIGIT = "apart on both sides, after a digit"
DIGIT_BEFORE = "after a digit, apart or not"
NUMBER_BEFORE = "after a number, apart or not"
NUMBER_APART_BEFORE = "after a number, apart"
LONG_NUMBER_BEFORE = "after a number of three digits or more, apart or not"
DIGIT_AFTER = "before a digit, apart"
NUMBER_AFTER = "before two digits, or a digit and a separator, apart"
TWO_DIGITS_AFTER = "before two digits, apart"
DIGIT_AFTER_ANYHOW = "before a digit, apart or not"
USUAL = {ALONE, NUMBER_BEFORE, DIGIT_AFTER}

# Which words Rspamd (its hfilter) scores where.
RSPAMD: tuple[tuple[int, set[str], str], ...] = (
    (5, USUAL, "cablemodem catv comcast dial-up dialup dynamic homeuser nat ppp pptp"),
    (5, {ALONE, DIGIT_BEFORE, DIGIT_AFTER}, "broad dhcp wifi"),
    (5, {ALONE, NUMBER_APART_BEFORE, DIGIT_AFTER}, "broadband cdma gprs modem"),
    (5, {ALONE, NUMBER_BEFORE}, "bredband"),
    (5, {ALONE_AFTER_DIGIT, NUMBER_BEFORE, DIGIT_AFTER}, "pppoe"),
    (5, {ALONE_AFTER_DIGIT, NUMBER_APART_BEFORE, DIGIT_AFTER}, "dynip"),
    (5, {NUMBER_APART_BEFORE, NUMBER_AFTER}, "dyn"),
    (5, {DIGIT_AFTER}, "brodband"),
    (5, {ALONE, NUMBER_BEFORE, DIGIT_AFTER_ANYHOW}, "adsl-dynamic dsl-dynamic xdsl-dynamic"),
    (5, {LONG_NUMBER_BEFORE, TWO_DIGITS_AFTER}, "client clients"),
    (4, {ALONE, NUMBER_BEFORE, DIGIT_AFTER_ANYHOW}, "adsl dsl xdsl adsl-line dsl-line xdsl-line"),
    (4, {ALONE, DIGIT_BEFORE, DIGIT_AFTER}, "fbx"),
    (4, USUAL, "fibertel in-addr inaddr pool"),
    (3, {ALONE, DIGIT_BEFORE, DIGIT_AFTER}, "kabel"),
    (3, {ALONE, NUMBER_APART_BEFORE, DIGIT_AFTER}, "cable"),
    (3, USUAL, "unused-addr"),
    (2, USUAL, "host"),
    (1, USUAL, "customer customers peer user"),
    (1, {ALONE}, "client clients"),
)

# SpamAssassin scores no name that has one of these anywhere,
EXCEPTED = ("fix", "static", "dedicated", "mail-mail", "outbound-mail", "smtp")
# else a name with one of these words alone,
SPAMASSASSIN_ALONE = ("catv", "client", "cpe", "dhcp", "docsis", "dyn", "dynamic", "res", "resnet")
# before two numbers, wherever these are,
BEFORE_NUMBERS = ("cable", "catv", "cm", "cpe", "dhcp", "docsis", "dsl", "node")
# or as a label behind two numbers.
BEHIND_NUMBERS = ("adsl", "cable", "cpe", "dhcp", "docsis", "dsl")

# The words of both, and others that mean the same to a reader.
WORDS = frozenset(
    {word for _, _, words in RSPAMD for word in words.split()}.union(
        SPAMASSASSIN_ALONE, BEFORE_NUMBERS, BEHIND_NUMBERS, ("dip", "hdsl", "pools", "sdsl", "vdsl")
    )
)


def scores(name: Name) -> tuple[Score, ...]:
    """Return what the filters score in a client's name, which has to confirm the address."""
    text = letters(name)
    level = max((find.level for find in rspamd(text)), default=0)
    found = [Score("Rspamd", f"HFILTER_HOSTNAME_{level}", RSPAMD_POINTS[level])] if level else []
    return (*found, *[RDNS_DYNAMIC][: any(True for _ in spamassassin(text))])


def rspamd(text: str) -> Iterator[Find]:
    """Yield what Rspamd scores in a name."""
    text = text.lower()
    for level, places, words in RSPAMD:
        for word in words.split():
            for start, end in _occurrences(word, text):
                if not places.isdisjoint(_places(text[:start], text[end:])):
                    yield Find(start, end, level)


def _places(before: str, after: str) -> Iterator[str]:
    """Yield where a word stands that is between these."""
    apart_before, apart_after = before.endswith((".", "-")), after.startswith((".", "-"))
    if apart_before and apart_after:
        yield ALONE
    rest = before[:-1] if apart_before else before
    digits = len(rest) - len(rest.rstrip("0123456789"))
    alone = rest[: len(rest) - digits].endswith((".", "-"))
    if digits:
        yield DIGIT_BEFORE
        if apart_before and apart_after:
            yield ALONE_AFTER_DIGIT
    if digits + alone > 1:
        yield NUMBER_BEFORE
        if apart_before:
            yield NUMBER_APART_BEFORE
    if digits + alone > 3:
        yield LONG_NUMBER_BEFORE
    following = after[1:3] if apart_after else ""
    if following[:1].isdigit():
        yield DIGIT_AFTER
        if re.fullmatch(r"\d[\d.-]", following):
            yield NUMBER_AFTER
        if re.fullmatch(r"\d\d", following):
            yield TWO_DIGITS_AFTER
    if (following or after)[:1].isdigit():
        yield DIGIT_AFTER_ANYHOW


def spamassassin(text: str) -> Iterator[Find]:
    """Yield what SpamAssassin scores in a name, all of it with RDNS_DYNAMIC."""
    first, _, rest = text.partition(".")
    text = text.lower()
    if any(word in text for word in EXCEPTED):
        return
    capitals = first[:1].islower() and first[1:] and set(first[1:]) <= set("0123456789ABCDEF")
    if capitals and rest.startswith("dip."):
        yield Find(len(first) + 1, len(first) + 4)
    numbers = [match.span() for match in re.finditer(r"\d+", text)]
    for word in SPAMASSASSIN_ALONE:
        for start, end in _occurrences(word, text):
            apart = start > 1 and text[start - 1] in ".-"
            dynamic = word.startswith("dyn") and text[end : end + 1].isdigit()
            if apart and (dynamic or text[end : end + 1] in (".", "-")):
                yield Find(start, end)
    for word in BEFORE_NUMBERS:
        for start, end in _occurrences(word, text):
            if sum(number >= end for number, _ in numbers) > 1:
                yield Find(start, end)
    for word in BEHIND_NUMBERS:
        for start, end in _occurrences(f".{word}.", text):
            if sum(number < start for number, _ in numbers) > 1:
                yield Find(start + 1, end - 1)
    if _has_numbers_enough(text):
        yield Find(0, 0)


def _has_numbers_enough(text: str) -> bool:
    """Tell whether SpamAssassin takes the numbers in a name for those of an address."""
    first, _, rest = text.partition(".")
    if any(len(row) > 3 and text.count(".", row[3][1]) > 1 for row in _rows(text)):
        return True
    if first.isdigit() and any(len(row) > 2 for row in _rows(rest[1:])):
        return True
    if len(first) == 10 and first.startswith("0x") and set(first[2:]) <= set("0123456789abcdef"):
        return True
    for row in _rows(text):
        for (start, end), (following, last) in zip(row, row[1:]):
            lettered = start > 2 and text[start - 1].isalpha() and text[start - 2] == "-"
            if lettered and text[end:following] == "-" and text[last : last + 1] == ".":
                return True
    return False


def _rows(text: str) -> list[list[tuple[int, int]]]:
    """Return the numbers in a text, those in one row that have one character between them."""
    rows: list[list[tuple[int, int]]] = []
    for match in re.finditer(r"\d+", text):
        if rows and match.start() - rows[-1][-1][1] == 1:
            rows[-1].append(match.span())
        else:
            rows.append([match.span()])
    return rows


def _occurrences(word: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(word)
    while start >= 0:
        yield start, start + len(word)
        start = text.find(word, start + 1)
