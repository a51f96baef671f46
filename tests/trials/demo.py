"""The worked example: the plugin run on a mail domain whose reverse DNS is right, and is not.

`make demo` runs this. A name server on a free loopback port stands in for the real one.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

from tests import ROOT
from tests.helpers.alone import be_alone
from tests.helpers.nameserver import NameServer

DOMAIN = "mycompany.microsoft.com"
ZONE = """\
mycompany.microsoft.com.        MX   10 mail.mycompany.microsoft.com.
mycompany.microsoft.com.        NS   DNS.mycompany.microsoft.com.
mycompany.microsoft.com.        SOA  DNS.mycompany.microsoft.com. it.microsoft.com. 1 60 60 60 60
DNS.mycompany.microsoft.com.    A    172.16.0.200
mail.mycompany.microsoft.com.   A    172.16.0.200
old.mycompany.microsoft.com.    A    172.16.0.17
0.16.172.in-addr.arpa.          NS   DNS.mycompany.microsoft.com.
0.16.172.in-addr.arpa.          SOA  DNS.mycompany.microsoft.com. it.microsoft.com. 1 60 60 60 60
"""
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class Case(NamedTuple):
    sentence: str
    ptr: str
    code: int


RIGHT = Case(
    "As it should be: the PTR record of the mail host's address gives the mail host's name,"
    " and that name leads back to the address.",
    "200.0.16.172.in-addr.arpa. PTR mail.mycompany.microsoft.com.",
    0,
)
MISSING = Case("The PTR record is missing.", "", 2)
OTHER = Case(
    "The PTR record gives another name, which has another address and so does not lead back"
    " (one that did would be a WARNING only, [name-mismatch]).",
    "200.0.16.172.in-addr.arpa. PTR old.mycompany.microsoft.com.",
    2,
)


def plugin() -> list[str]:
    """The command of the plugin: installed beside this Python, else the file itself."""
    script = Path(sys.executable).with_name("check_reverse_mx")
    if script.exists():
        return [_short(script)]
    return [_short(Path(sys.executable)), _short(ROOT / "check_reverse_mx.py")]


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return str(path)
    return relative if os.sep in relative else os.path.join(".", relative)


def say(text: str) -> None:
    print(textwrap.fill(text, 80, break_on_hyphens=False), end="\n\n")


def show(number: int, case: Case) -> bool:
    """Run one case, and tell whether it ended as it should."""
    say(f"{number}. {case.sentence}")
    with NameServer(ZONE + case.ptr) as server:
        where = ["-s", server.address, "-p", str(server.port)]
        command = [*plugin(), "-d", DOMAIN, *where, "-v"]
        print("$", shlex.join(command), flush=True)
        code = subprocess.run(command, check=False).returncode
    print(f"exit code {code} ({STATES[code] if code in range(4) else 'not a state'})\n")
    if code != case.code:
        print(f"This is wrong: the exit code should have been {case.code}.\n")
    return code == case.code


def main() -> int:
    say(
        f"The mail of {DOMAIN} goes to mail.{DOMAIN} at 172.16.0.200."
        " A small name server on this machine plays its zone in three versions."
    )
    right = [show(number, case) for number, case in enumerate((RIGHT, MISSING, OTHER), 1)]
    print("Now your own domain (-v draws the chain, -h lists the options):\n")
    print("$", shlex.join([*plugin(), "-d"]), "YOUR-DOMAIN -v")
    return 0 if all(right) else 1


if __name__ == "__main__":
    be_alone("tests.trials.demo", where_possible=True)
    sys.exit(main())
