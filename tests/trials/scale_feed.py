"""What a domain costs whose result contrib/feed gives, in a run of many: measured for scale.py."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT
from tests.helpers.figures import table
from tests.helpers.nameserver import NameServer
from tests.helpers.realservers import FOLDER
from tests.helpers.schedulers import BARE_ICINGA2_CONF, Icinga

FEED = ROOT / "contrib" / "feed"
FEED_CONF = (ROOT / "contrib" / "icinga2-feed.conf").read_text("utf-8")
HOST, PASSWORD = "mail-domains", "scale"
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Fed:
    """A run of the feeder, in seconds: its CPU and the plugin's, Icinga's, and how long it took."""

    domains: int
    feeder: float
    icinga: float
    took: float

    @property
    def each(self) -> float:
        """Seconds of CPU that a domain takes."""
        return (self.feeder + self.icinga) / self.domains


def feed(nameserver: NameServer, script: Path, domains: int, zones: str) -> Fed:
    """Run the feeder twice, with one group, and return what the second run cost."""
    names = [f"d{number}.example" for number in range(domains)]
    host = (
        f'const ReverseMxFeedPassword = "{PASSWORD}"\nobject Host "{HOST}" {{\n'
        f'check_command = "dummy"\nvars.fed_mail_domains = {json.dumps(names)}\n}}\n'
    )
    files = {
        "icinga2.conf": BARE_ICINGA2_CONF + 'include "feed.conf"\n',
        "zones.conf": zones,
        "feed.conf": FEED_CONF + host,
    }
    icinga = Icinga(FOLDER, Path(sys.executable), files, "localhost")
    with icinga, tempfile.TemporaryDirectory() as folder:
        command = configured(Path(folder), nameserver, script, icinga, names)
        run(command)
        before, _ = icinga.spent()
        feeder, took = run(command)
        return Fed(domains, feeder, icinga.spent()[0] - before, took)


def configured(
    folder: Path, nameserver: NameServer, script: Path, icinga: Icinga, names: Sequence[str]
) -> Sequence[str | Path]:
    credentials, config = folder / "credentials", folder / "feed.ini"
    credentials.write_text(f"reverse-mx-feed:{PASSWORD}\n")
    credentials.chmod(0o600)
    config.write_text(
        f"[feed]\nplugin = {script}\nhost = {HOST}\nservice = reverse-mx-feed\n"
        f"url = https://localhost:{icinga.port}\nca = {icinga.directory}/data/certs/ca.crt\n"
        f"credentials = {credentials}\n[group:all]\ndomains = {' '.join(names)}\n"
        f"arguments = -s {nameserver.address} -p {nameserver.port}\n"
    )
    return [sys.executable, "-I", FEED, config]


def run(command: Sequence[str | Path]) -> tuple[float, float]:
    """Return the seconds of CPU that it and the plugin took, and the seconds that passed."""
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode} of {shlex.join(map(str, command))}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began


def block(runs: Sequence[Fed], interval: float) -> str:
    """Return the table of docs/scale.md."""
    head = [
        "domains a run",
        "CPU of feeder and plugin a domain",
        "CPU of Icinga a domain",
        "seconds a run",
        f"domains every {interval:g} s for half of the processors",
    ]
    rows = [
        [
            fed.domains,
            f"{1000 * fed.feeder / fed.domains:.1f} ms",
            f"{1000 * fed.icinga / fed.domains:.1f} ms",
            f"{fed.took:.1f}",
            f"{CORES / 2 * interval / fed.each:.0f}",
        ]
        for fed in runs
    ]
    return table(head, rows)
