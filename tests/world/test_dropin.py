"""The one file that is dropped into a plugin directory, alone there, on Debian's own libraries."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess, Output, Program, zone
from tests.helpers.pythons import FOUND
from tests.helpers.realservers import FOLDER
from tests.process.test_same import ask
from tests.scenarios.test_scenarios import SCENARIOS, Scenario

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
ALL_SCENARIOS = pytest.mark.parametrize("scenario", [pytest.param(s, id=s.id) for s in SCENARIOS])
ALL_PYTHONS = pytest.mark.parametrize(
    "python", [pytest.param(path, id=version) for version, path in FOUND.items()]
)


def make(file: Path, python: Path = DEBIAN_PYTHON, seed: str = "random") -> Path:
    """Make the one file for a Python, with a seed for its hashes."""
    env = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([python, ROOT / "tools" / "one_file.py", file], env=env, check=True)
    return file


@dataclass(frozen=True)
class OnDebian(Program):
    """A program under Debian's Python, or another, with Debian's libraries."""

    python: Path = DEBIAN_PYTHON
    packages: Path = PACKAGES

    def __call__(self, *arguments: str, **options: object) -> Output:
        env = {"PYTHONPATH": str(self.packages)}
        return super().__call__(*arguments, env=env, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file for Debian's Python, in a directory with nothing else."""
    return make(tmp_path_factory.mktemp("plugins") / "check_reverse_mx")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's Python without any library beside its own, whatever the machine has."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([DEBIAN_PYTHON, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


@ALL_SCENARIOS
def test_does_with_debians_libraries_what_the_sources_do(
    one_file: Path, scenario: Scenario
) -> None:
    assert ask(OnDebian(file=one_file), scenario) == ask(InProcess(), scenario)


@ALL_PYTHONS
def test_runs_under_every_python_from_its_sources(one_file: Path, python: Path) -> None:
    for scenario in SCENARIOS[::20]:
        assert ask(OnDebian(python, one_file), scenario) == ask(InProcess(), scenario)


@ALL_PYTHONS
def test_same_sources_and_python_make_the_same_octets(python: Path, tmp_path: Path) -> None:
    first, second = make(tmp_path / "one", python, "1"), make(tmp_path / "new" / "two", python, "2")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("left_out", [".py", ".pyc"])
def test_has_sources_and_bytecode_of_which_either_is_enough(
    one_file: Path, left_out: str, tmp_path: Path
) -> None:
    half = tmp_path / "check_reverse_mx"
    with zipfile.ZipFile(one_file) as whole, zipfile.ZipFile(half, "w") as archive:
        for name in whole.namelist():
            if not name.endswith(left_out):
                archive.writestr(name, whole.read(name))
    assert OnDebian(file=half)("-V").stdout == OnDebian(file=one_file)("-V").stdout != ""


def test_runs_as_a_program_under_the_python_that_it_was_made_for(one_file: Path) -> None:
    """Another Python, the first in the PATH, may not have the libraries."""
    env = {"PATH": "/nonexistent", "PYTHONPATH": str(PACKAGES)}
    ended = subprocess.run([one_file, "-V"], env=env, capture_output=True, text=True, check=False)
    assert one_file.read_bytes().splitlines()[0] == b"#!/usr/bin/python3"
    assert (ended.returncode, ended.stdout[:17], ended.stderr) == (3, "check_reverse_mx ", "")


def test_missing_library_is_named_with_its_package(one_file: Path, bare_python: Path) -> None:
    output = Program(bare_python, one_file)("-d", "example.com")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - No module named nagiosplugin: install nagiosplugin and dnspython"
        " (Debian: python3-nagiosplugin python3-dnspython)\n"
    )
    assert (output.code, output.stderr) == (3, "")


def test_source_copied_alone_says_what_it_lacks(bare_python: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(ROOT / "check_reverse_mx.py", tmp_path / "check_reverse_mx"))
    output = Program(bare_python, alone)("-d", "example.com")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - No module named reverse_mx: check_reverse_mx.py needs the folder"
        " reverse_mx beside it; make plugin makes one file of both\n"
    )
    assert (output.code, output.stderr) == (3, "")


def test_unicode_domain_without_idna_says_what_to_do(one_file: Path, tmp_path: Path) -> None:
    # A module that cannot be imported stands in for a machine that lacks it.
    (tmp_path / "idna.py").write_text("raise ImportError('no idna here')")
    dropped_in = OnDebian(file=one_file, packages=Path(f"{tmp_path}:{PACKAGES}"))
    with NameServer(ZONE) as server:
        readable = dropped_in.ask(server, "-d", "bücher.example")
        punycode = dropped_in.ask(server, "-d", "xn--bcher-kva.example")
    assert readable.code == 3
    assert readable.stdout.startswith("REVERSE_MX UNKNOWN - argument -d/--domain: ")
    assert readable.stdout.endswith(
        " needs the Python package idna (Debian: python3-idna); or give it in punycode\n"
    )
    assert punycode.status == f"REVERSE_MX OK - xn--bcher-kva.example: {OK}"
