"""The plugin and its rooms, copied, with Debian's own Python and libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Program, zone
from tests.helpers.realservers import FOLDER

PACKAGES = FOLDER / "root" / "usr" / "lib" / "python3" / "dist-packages"
DEBIAN_PYTHON = Path("/usr/bin/python3")
ZONE = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    xn--bcher-kva.example. MX 10 mail.example.com.
    """
)
OK = "1 mail host, 1 address, reverse DNS matches"


@pytest.fixture
def dropped_in(tmp_path: Path) -> Program:
    assert DEBIAN_PYTHON.exists(), "Debian's python3 is missing"
    shutil.copytree(ROOT / "reverse_mx", tmp_path / "reverse_mx")
    return Program(DEBIAN_PYTHON, Path(shutil.copy(ROOT / "check_reverse_mx.py", tmp_path)))


def test_runs_on_debians_packages(dropped_in: Program) -> None:
    with NameServer(ZONE) as server:
        output = dropped_in.ask(server, "-d", "example.com", env={"PYTHONPATH": str(PACKAGES)})
    assert (output.status, output.code) == (f"REVERSE_MX OK - example.com: {OK}", 0)


def test_runs_as_a_program(dropped_in: Program) -> None:
    """The copy keeps its executable bit, and needs no .py at its end."""
    program = dropped_in.file.rename(dropped_in.file.with_suffix(""))
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PACKAGES)}
    ended = subprocess.run([program, "-V"], env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout[:17]) == (3, "check_reverse_mx ")


def test_missing_library_is_named_with_its_package(dropped_in: Program) -> None:
    output = dropped_in("-d", "example.com", within=("env", "PYTHONPATH=/nonexistent"))
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - No module named 'dns': install nagiosplugin and dnspython"
        " (Debian: python3-nagiosplugin python3-dnspython)\n"
    )
    assert (output.code, output.stderr) == (3, "")


def test_unicode_domain_without_idna_says_what_to_do(dropped_in: Program, tmp_path: Path) -> None:
    # A module that cannot be imported stands in for a machine that lacks it.
    (tmp_path / "idna.py").write_text("raise ImportError('no idna here')")
    env = {"PYTHONPATH": f"{tmp_path}:{PACKAGES}"}
    with NameServer(ZONE) as server:
        readable = dropped_in.ask(server, "-d", "bücher.example", env=env)
        punycode = dropped_in.ask(server, "-d", "xn--bcher-kva.example", env=env)
    assert readable.code == 3
    assert readable.stdout.startswith("REVERSE_MX UNKNOWN - argument -d/--domain: ")
    assert readable.stdout.endswith(
        " needs the Python package idna (Debian: python3-idna); or give it in punycode\n"
    )
    assert punycode.status == f"REVERSE_MX OK - xn--bcher-kva.example: {OK}"
