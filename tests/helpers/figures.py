"""Parts of the documentation that are made, not typed: what stands between two markers.

``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` stand around them. What is measured is written
there by the run that measured it, with the machine that it ran on.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tests import ROOT

DOCS = ROOT / "docs"

BLOCK = re.compile(
    r"(?P<begin><!-- (?P<name>\w+):begin -->\n)(?P<text>.*?)(?=<!-- (?P=name):end)", re.S
)


def blocks(file: Path) -> dict[str, str]:
    """Return the parts of a file that are made, by their names."""
    return {block["name"]: block["text"] for block in BLOCK.finditer(file.read_text("utf-8"))}


def write_block(file: Path, name: str, text: str) -> None:
    """Put a text between the markers of that name. Raise ``KeyError`` if the file has none."""
    old = file.read_text("utf-8")
    if name not in blocks(file):
        raise KeyError(f"{file} has no <!-- {name}:begin -->")

    def renew(block: re.Match[str]) -> str:
        return block["begin"] + (text if block["name"] == name else block["text"])

    file.write_text(BLOCK.sub(renew, old), "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def machine() -> str:
    """Return in one line what the figures were measured on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("nagiosplugin", "dnspython"))
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {python}, {libraries}"
