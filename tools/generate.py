"""What is made from the program and never written by hand: python3 generate.py man > FILE

``man``         the man page, from the parser and the table of findings, by argparse-manpage
``completion``  the completion for bash, from the same, by shtab
``changelog``   Debian's changelog, from the version and CHANGELOG.md
"""

from __future__ import annotations

import argparse
import configparser
import datetime
import email.utils
import os
import re
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import shtab
from argparse_manpage.manpage import Manpage

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from check_reverse_mx import __version__  # noqa: E402
from reverse_mx.findings import FINDINGS, STATES  # noqa: E402
from reverse_mx.options import make_parser  # noqa: E402

# Bash makes a word of its own of a "=", and completes only what comes after it. shtab calls this
# from a command of its own, which cannot tell bash to put no blank after a "=": so that there is
# none, a finding is offered with each of its states.
COMPLETE_STATE = """\
_check_reverse_mx_state() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD - 1]}}"
  if [[ $word == = ]]; then
    compgen -W "{states}"
  elif [[ $before == = ]]; then
    compgen -W "{states}" -- "$word"
  elif [[ $before == --state ]]; then
    compgen -W "$(printf '%s\\n' {{{findings}}}={{{either}}})" -- "$word"
  else
    compgen -W "${{_shtab_check_reverse_mx_option_strings[*]}}" -- "$word"
  fi
}}
"""
BULLET: Any = {
    "initial_indent": "  * ",
    "subsequent_indent": "    ",
    "break_long_words": False,
    "break_on_hyphens": False,
}


def man() -> str:
    parser = make_parser(__version__)
    parser.epilog = None
    page = Manpage(parser)
    page.description = _metadata("description")
    page.manual = "Monitoring plugins"
    page.source = f"check_reverse_mx {__version__}"
    head, _, body = str(page).partition("\n")
    # Options stay in one piece and are not drawn out.
    return "\n".join([head, ".ad l", ".nh", body.rstrip(), *_man_findings(), ""])


def _man_findings() -> list[str]:
    lines = [".SH FINDINGS", "With their default states, and what receivers do meanwhile:"]
    for finding in FINDINGS.values():
        lines += [".TP", rf"\fB{_roff(finding.name)}\fR ({finding.default})"]
        lines.append(_roff(finding.when))
        if finding.reactions:
            lines += [".br", _roff(f"Meanwhile: {'; '.join(map(str, finding.reactions))}.")]
    return lines


def _roff(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")


def completion() -> str:
    parser = make_parser(__version__)
    for action in parser._actions:
        if action.metavar == "FINDING=STATE":
            # To shtab it is three words.
            action.nargs = "+"
            action.complete = {"bash": "_check_reverse_mx_state"}  # type: ignore[attr-defined]
    complete_state = COMPLETE_STATE.format(
        states=" ".join(STATES), either=",".join(STATES), findings=",".join(FINDINGS)
    )
    return str(shtab.complete(parser, "bash", preamble=complete_state)).rstrip() + "\n"


def changelog() -> str:
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    date = email.utils.format_datetime(
        datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    )
    entries = []
    for release in (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1:]:
        title, _, text = release.partition("\n")
        head = f"check-reverse-mx ({title.split()[0]}) unstable; urgency=medium"
        changes = [
            textwrap.fill(" ".join(change.split()), 78, **BULLET)
            for change in text.strip().removeprefix("- ").split("\n- ")
        ]
        entries.append("\n".join([head, "", *changes, "", f" -- {_maintainer()}  {date}", ""]))
    if not entries[0].startswith(f"check-reverse-mx ({__version__})"):
        raise SystemExit(f"CHANGELOG.md does not begin with version {__version__}")
    return "\n".join(entries)


def _maintainer() -> str:
    control = (ROOT / "debian" / "control").read_text("utf-8")
    found = re.search(r"^Maintainer: (.*)", control, re.MULTILINE)
    assert found, "debian/control names no maintainer"
    return found[1]


def _metadata(key: str) -> str:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    return config["metadata"][key]


def main() -> None:
    makers = {"man": man, "completion": completion, "changelog": changelog}
    parser = argparse.ArgumentParser(description="Write one of these to standard output.")
    parser.add_argument("what", choices=makers)
    sys.stdout.write(makers[parser.parse_args().what]())


if __name__ == "__main__":
    main()
