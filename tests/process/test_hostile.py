"""Hostile answers: fuzzed ones with fixed seeds, what once failed, and what was thought out."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

import check_reverse_mx
from tests import ROOT
from tests.helpers.nameserver import Connection, Datagram, NameServer
from tests.helpers.plugin import Program, at_most_cpu, uncovered
from tests.trials.fuzz import CORPUS

GRACE = 0.3


def fuzz(
    *arguments: str | Path, project: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run that of a project, which is this one or a copy."""
    command = [sys.executable, "-m", "tests.trials.fuzz", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=project, env=env, check=False
    )


@pytest.mark.newest
def test_thousand_answers_from_hell() -> None:
    kept = sorted(CORPUS.glob("*.json"))
    replay: list[str | Path] = ["--replay", *kept] if kept else []
    ended = fuzz("--answers", "1000", "--seed", "1", *replay)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for file in kept:
        assert f"{file.name}: holds" in ended.stdout


@pytest.mark.newest
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        # It goes wrong in every run, so also when the kept one is repeated on a busy machine.
        pytest.param(
            "return (self._policy.problem(",
            "assert not (self._policy.problem(",
            "a fault",
            id="crash",
        ),
        pytest.param(
            '"\\n".join([status, *long]) + "\\n"',
            '"\\n".join([status, *long, status]) + "\\n"',
            "more than one status line",
            id="two-status-lines",
        ),
    ],
)
def test_what_fails_is_kept_and_fails_again_until_it_is_mended(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    for folder in ("reverse_mx", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(check_reverse_mx.__file__, tmp_path)
    sources = {file: file.read_text("utf-8") for file in tmp_path.rglob("*.py")}
    ((file, source),) = (pair for pair in sources.items() if right in pair[1])
    assert source.count(right) == 1
    file.write_text(source.replace(right, wrong), "utf-8")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("corpus"))
    ended = fuzz("--answers", "1", "--seed", "2", project=tmp_path, env=uncovered())
    assert ended.returncode == 1
    (kept,) = (tmp_path / "tests" / "trials" / "corpus").iterdir()
    again = fuzz("--replay", kept, project=tmp_path, env=uncovered())
    assert again.returncode == 1
    assert f"AssertionError: {said}" in again.stderr
    assert fuzz("--replay", kept).stdout == f"{kept.name}: holds\n"


class Flood(NameServer):
    """Domains with 500 addresses, each with 100 PTR names that end in the same labels."""

    def __init__(self, labels: list[bytes], own: bool) -> None:
        """``own`` is whether each address has names of its own."""
        super().__init__("")
        self._tail = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        self._own = own

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        end = wire.index(b"\0", 12) + 5
        question = wire[12:end]
        first, rdtype = question[1 : 1 + question[0]], question[-3]
        records: list[bytes] = []
        if rdtype == 15:
            records = [b"\0\x0a\xc0\x0c"]
        elif rdtype == 1 and first == b"example":
            domain = zlib.crc32(question) % 200
            records = [bytes([20, domain, i // 100, i % 100 + 1]) for i in range(500)]
        elif rdtype == 12:
            own = first + question[5:8].replace(b".", b"") if self._own else b""
            labels = [b"%02d" % i + own.hex().encode() for i in range(100)]
            names = [bytes([len(label)]) + label for label in labels]
            at = 0xC000 | end + 12 + len(names[0])  # the tail of the first name
            records = [name + struct.pack("!H", at) for name in names]
            records[0] = names[0] + self._tail
        answer = b"".join(
            struct.pack("!HHHIH", 0xC00C, rdtype, 1, 60, len(rdata)) + rdata for rdata in records
        )
        flags = 0x8180
        if len(answer) > 1000 and asker.transport == "udp":
            flags, answer, records = flags | 0x200, b"", []
        header = struct.pack("!5H", flags, 1, len(records), 0, 0)
        asker.send(wire[:2] + header + question + answer)


@pytest.mark.newest
@pytest.mark.parametrize("verbosity", [(), ("-vv",)], ids=["", "vv"])
@pytest.mark.parametrize(
    ("labels", "own"),
    [
        pytest.param([b"example", b"net"], True, id="names-of-their-own"),
        pytest.param([b"1"] * 110, False, id="many-labels"),
        pytest.param([b"xn--bcher-kva"] * 15, False, id="punycode"),
    ],
)
def test_fifty_thousand_ptr_names_are_counted_in_time(
    program: Program, labels: list[bytes], own: bool, verbosity: tuple[str, ...]
) -> None:
    # It used to compute for a minute.
    with Flood(labels, own) as server, at_most_cpu(4 + GRACE):
        arguments = ("-d", "example.com", "-4", "-t", "4", *verbosity)
        output = program.ask(server, *arguments, env={"PYTHONUTF8": "1"})
    assert output.code in (1, 2, 3)
    assert output.stderr == ""


class Heap(NameServer):
    """A domain with 250 addresses, each with 2,000 PTR names, none of which exists."""

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        end = wire.index(b"\0", 12) + 5
        question = wire[12:end]
        records: list[bytes] = []
        if question[-3] == 15:
            records = [b"\0\x0a\xc0\x0c"]
        elif question[-3] == 1 and question.startswith(b"\7example"):
            records = [bytes([20, 0, 0, number]) for number in range(250)]
        elif question[-3] == 12:
            own = question[1 : 1 + question[0]]
            records = [b"\x08%04d-%3s\xc0\x0c" % (number, own) for number in range(2000)]
        answer = b"".join(
            struct.pack("!HHHIH", 0xC00C, question[-3], 1, 60, len(rdata)) + rdata
            for rdata in records
        )
        flags = 0x8180
        if len(answer) > 50000 and asker.transport == "udp":
            flags, answer, records = flags | 0x200, b"", []
        asker.send(wire[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0) + question + answer)


@pytest.mark.newest
def test_half_a_million_ptr_records_fit_into_little_memory(program: Program) -> None:
    with Heap("") as server:
        arguments = ("-d", "example.com", "-4", "-t", "50")
        output = program.ask(server, *arguments, within=("prlimit", "--as=120000000"))
    # Without a bound it would need 140 MB and more.
    assert output.status.startswith("REVERSE_MX WARNING - example.com: at least ")
    assert (output.code, output.stderr) == (1, "")
