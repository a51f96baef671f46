r"""The gate that every output of a check passes, in the one write: nothing raw, nothing endless.

What comes from outside is made safe to print by its type, in ``text``. Here it does not matter what
a writer of a line remembered: characters that mean something to a shell, to HTML or to a scheduler,
and those that a terminal obeys, become ``\DDD`` whoever put them there.
"""

from __future__ import annotations

import re

# Octets of text, as UTF-8, that are written at the most. Performance data are never cut.
MOST_TEXT = 65536

_RAW = re.compile(r"[|<>&`$]|\\(?!\d{3})|[^ -~]")
# Guidelines, "Performance data": labels and numbers of this plugin's own form, and nothing else.
_PERFDATA = re.compile(r"(?:^| )\| (?:[a-z_]+=-?[\d.]+s?(?:;[-@~:\d.]*)*(?: |$))+$")


def gate(text: str) -> str:
    """Return the output of a check as it may be written; what is no check's is the help."""
    if not text.startswith("REVERSE_MX "):
        return text
    passed: list[str] = []
    size = left_out = 0
    perfdata = ""
    for line in text.removesuffix("\n").split("\n"):
        found = _PERFDATA.search(line)
        perfdata = found[0] if found else perfdata
        if found and not found.start():
            continue
        said = _RAW.sub(_escaped, line[: found.start()] if found else line)
        size += len(said.encode("utf-8", "surrogatepass")) + 1
        if size <= MOST_TEXT:
            passed.append(said + (found[0] if found else ""))
        else:
            left_out += 1
    if left_out:
        passed.append(f"... {left_out} lines more")
    if perfdata and perfdata[0] == "|":
        passed.append(perfdata)
    return "\n".join(passed) + "\n"


def _escaped(raw: re.Match[str]) -> str:
    character = raw[0]
    if character > "~" and character.isprintable():
        return character
    return "".join(f"\\{octet:03d}" for octet in character.encode("utf-8", "surrogatepass"))
