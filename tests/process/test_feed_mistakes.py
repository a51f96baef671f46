"""contrib/feed without anybody to feed: a mistake is one line, and an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

FEED = ROOT / "contrib" / "feed"
OWN = "[feed]\nhost = a\nservice = b\n"
ICINGA = f"{OWN}credentials = {{credentials}}\nurl = "
KEYS = "ca, credentials, host, plugin, results, service, timeout, url"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param("", "{file} has no section [feed]", id="empty"),
        pytest.param("[groups]\n", "{file} has no section [feed]", id="section-missing"),
        pytest.param(
            "host = a\n",
            "{file}: File contains no section headers. file: '{file}', line: 1 'host = a\\n'",
            id="no-section",
        ),
        pytest.param(
            OWN + "[groups]\n",
            "{file}: [groups] is unknown; expected [feed] or [group:NAME]",
            id="section-unknown",
        ),
        pytest.param(
            "[feed]\nhots = a\n",
            f"{{file}}: hots in [feed] is unknown; expected {KEYS}",
            id="key",
        ),
        pytest.param(
            "[feed]\nhost = a\n", "{file}: [feed] lacks service, the feeder's own", id="own"
        ),
        pytest.param(
            OWN, "[feed] needs either url (Icinga 2) or results (Nagios 4)", id="target-missing"
        ),
        pytest.param("[feed]\nhost = \udce4\n", "{file} is not in UTF-8", id="latin-1"),
        *(
            pytest.param(
                f"{OWN}timeout = {seconds}\n",
                f"{{file}}: timeout is {seconds}; expected seconds",
                id=f"timeout-{seconds}",
            )
            for seconds in ("0", "-1", "nan", "inf", "1m")
        ),
        *(
            pytest.param(
                ICINGA + url, f"url is {url}; expected https://HOST:5665", id=f"url-{kind}"
            )
            for kind, url in {
                "plain": "http://localhost:5665",
                "port-in-words": "https://localhost:api",
                "port-too-large": "https://localhost:70000",
                "bracket": "https://[::1:5665",
                "no-host": "https://:5665",
            }.items()
        ),
        pytest.param(
            f"{OWN}results = /\n[group:a]\n",
            "a fault of the feeder, please report it: KeyError: 'status'",
            id="fault",
        ),
    ],
)
def test_mistake_is_named(tmp_path: Path, text: str, what: str) -> None:
    file, credentials, plugin = (tmp_path / name for name in ("feed.ini", "secret", "plugin"))
    credentials.write_text("user:password\n")
    credentials.chmod(0o600)
    plugin.write_text(
        """#!/bin/sh\necho '{"format": 1, "failure": "", "results": [{"domain": "a"}]}'\n"""
    )
    plugin.chmod(0o755)
    if "[group:a]" in text:
        text = text.replace("results", f"plugin = {plugin}\nresults")
    text = text.format(credentials=credentials)
    file.write_bytes(text.encode("ascii", "surrogateescape"))
    ended = subprocess.run(
        [sys.executable, "-I", FEED, file], capture_output=True, text=True, check=False
    )
    runs = text.count("[group:")
    assert ended.stdout == (
        f"REVERSE_MX_FEED CRITICAL - {what.format(file=file)}; 0 results of {runs} runs fed"
        " | results=0 refused=0\n"
    )
    assert (ended.returncode, ended.stderr) == (2, "")
