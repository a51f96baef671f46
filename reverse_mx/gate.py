r"""The gate that every output of a check passes, in the one write: nothing raw, nothing endless.

What comes from outside is made safe to print by its type, in ``text``. Here it does not matter what
a writer of a line remembered: characters that mean something to a shell, to HTML or to a scheduler,
and those that a terminal obeys, become ``\DDD`` whoever put them there, in JSON ``\uXXXX``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Octets of text, as UTF-8, that are written at the most. Performance data are never cut.
MOST_TEXT = 65536

_RAW = re.compile(r"[|<>&`$]|\\(?!\d{3})|[^ -~]")
# All of these stand in strings only, if they stand in JSON.
_RAW_JSON = re.compile(r"[|<>&`$']|[^ -~\n]")
# Guidelines, "Performance data": labels and numbers of this plugin's own form, and nothing else.
_PERFDATA = re.compile(r"(?:^| )\| (?:[a-z_]+=-?[\d.]+s?(?:;[-@~:\d.]*)*(?: |$))+$")


def gate(text: str) -> str:
    """Return the output of a check as it may be written; what is no check's is the help."""
    if text.startswith("{"):
        return _RAW_JSON.sub(_escaped_json, text)
    if not text.startswith("REVERSE_MX "):
        return text
    lines: list[str] = []
    perfdata = ""
    for line in text.removesuffix("\n").split("\n"):
        found = _PERFDATA.search(line)
        perfdata = found[0] if found else perfdata
        if found is None or found.start():
            lines.append(line[: found.start()] if found else line)
    status, *long = passed(lines)
    if perfdata.startswith("|"):
        long.append(perfdata)
    else:
        status += perfdata
    return "\n".join([status, *long]) + "\n"


def passed(lines: Iterable[str]) -> list[str]:
    """Return lines of text as they may be written, those that are too much counted."""
    kept: list[str] = []
    size = left_out = 0
    for line in lines:
        said = _RAW.sub(_escaped, line)
        size += len(said.encode("utf-8", "surrogatepass")) + 1
        if size <= MOST_TEXT:
            kept.append(said)
        else:
            left_out += 1
    if left_out:
        kept.append(f"... {left_out} line{'s' * (left_out > 1)} more")
    return kept


def _escaped_json(raw: re.Match[str]) -> str:
    octets = raw[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{octets[at : at + 2].hex()}" for at in range(0, len(octets), 2))


def _escaped(raw: re.Match[str]) -> str:
    character = raw[0]
    if character > "~" and character.isprintable():
        return character
    return "".join(f"\\{octet:03d}" for octet in character.encode("utf-8", "surrogatepass"))
