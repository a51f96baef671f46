"""Performance data as the Monitoring Plugins Development Guidelines define them.

    'label'=value[UOM];[warn];[crit];[min];[max]

Written from the guidelines' text ("Performance data", "Threshold and ranges"), not from what the
plugin prints.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# "label can contain any characters except the equals sign or single quote"; quotes are needed only
# around spaces, and two of them in a row stand for one.
LABEL = r"(?:'(?P<quoted>(?:[^'=]|'')+)'|(?P<plain>[^\s'=]+))"
# "value, min and max in class [-0-9.]", or "U" for a value that could not be determined.
NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
UOM = r"(?:us|ms|s|%|[KMGTPE]?B|c)?"
# "[@]start:end": a start of 0 may be left out with its colon, no end is infinity, ~ is minus that.
RANGE = rf"@?(?:(?:~|{NUMBER})?:)?(?:{NUMBER})?"
DATUM = re.compile(
    rf"{LABEL}=(?P<value>U|{NUMBER})(?P<uom>{UOM})"
    rf"(?:;(?P<warn>{RANGE})(?:;(?P<crit>{RANGE})(?:;(?P<min>(?:{NUMBER})?)(?:;(?P<max>(?:{NUMBER})?)"
    r"(?:;)?)?)?)?)?(?=\s|\Z)",
    re.ASCII,
)


class Datum(NamedTuple):
    value: float | None
    uom: str
    warn: str
    crit: str
    least: str
    most: str


def parse(text: str) -> dict[str, Datum]:
    """Return the performance data by label. Raise ``ValueError`` for what is none."""
    data: dict[str, Datum] = {}
    rest = text.strip()
    while rest:
        match = DATUM.match(rest)
        if not match:
            raise ValueError(f"no performance data: {rest!r}")
        found = {name: group or "" for name, group in match.groupdict().items()}
        label = found["quoted"].replace("''", "'") or found["plain"]
        if label in data:
            raise ValueError(f"label {label!r} is there twice")
        for name in ("warn", "crit"):
            _check_range(found[name])
        value = None if found["value"] == "U" else float(found["value"])
        data[label] = Datum(
            value, found["uom"], found["warn"], found["crit"], found["min"], found["max"]
        )
        rest = rest[match.end() :].lstrip()
    return data


def _check_range(text: str) -> None:
    """Raise ``ValueError`` unless start is not above end."""
    start, _, end = text.lstrip("@").rpartition(":")
    if end and start != "~" and float(start or 0) > float(end):
        raise ValueError(f"range {text!r} starts above its end")
