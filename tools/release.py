"""Make all that a release has, into dist/, from what is committed: python3 release.py

The wheel, the sdist, the Debian package and the one file for Debian's Python, and their SHA256SUMS.
One commit makes the same octets each time: all times in them are that of the commit.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import deb
from deb import DIST, ROOT

from tests.helpers.chroot import Failed
from tests.helpers.debian import Unavailable

DEBIANS_PYTHON = "/usr/bin/python3"


class Unclean(Exception):
    """A tree that no release is made from."""


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def release(folder: Path) -> None:
    """Make the files in an empty folder."""
    changed = git("status", "--porcelain")
    if changed:
        raise Unclean(f"a release is made of a commit, and these differ from it:\n{changed}")
    # In all that is made, whatever the machine and its user have.
    os.umask(0o022)
    epoch = git("log", "-1", "--format=%ct").strip()
    os.environ.update(SOURCE_DATE_EPOCH=epoch, TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="0")
    time.tzset()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        tar = source / "source.tar"
        git("-c", "tar.umask=0022", "archive", f"--output={tar}", "HEAD")
        subprocess.run(["tar", "-x", "-f", tar, "-C", source], check=True)
        tar.unlink()
        deb.build(source, folder)
        one_file = source / "tools" / "one_file.py"
        subprocess.run([DEBIANS_PYTHON, one_file, folder / "check_reverse_mx"], check=True)
        with deb.told("building sdist and wheel"):
            subprocess.run(
                [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source],
                stdout=subprocess.DEVNULL,
                check=True,
            )
    for sdist in folder.glob("*.tar.gz"):
        same_each_time(sdist, int(epoch))
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))


def same_each_time(sdist: Path, epoch: int) -> None:
    """Take out of an sdist what setuptools leaves in of the build: times, and who built it."""
    with tarfile.open(sdist) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        new = sdist.with_suffix(".new")
        with (
            gzip.GzipFile(new, "wb", mtime=epoch) as packed,
            tarfile.open(fileobj=packed, mode="w") as rewritten,
        ):
            for member, content in sorted(members, key=lambda pair: pair[0].name):
                member.mtime, member.pax_headers = epoch, {}
                member.uid = member.gid = 0
                member.uname = member.gname = "root"
                rewritten.addfile(member, content)
    new.replace(sdist)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        try:
            release(Path(name))
        except (Unclean, Unavailable, Failed, subprocess.CalledProcessError) as error:
            print(f"release.py: {error}", file=sys.stderr)
            return 1
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(name, DIST)
        DIST.chmod(0o755)
    print((DIST / "SHA256SUMS").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
