"""Build the Debian package into dist/, in a small Debian of its own: python3 deb.py"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import generate  # noqa: E402

from tests.helpers.chroot import Chroot, Failed  # noqa: E402
from tests.helpers.debian import Unavailable  # noqa: E402

FOLDER = (ROOT / ".debian").resolve()
DIST = ROOT / "dist"
TOOLS = ("build-essential", "lintian")
MADE = {
    "changelog": generate.changelog,
    "check_reverse_mx.1": generate.man,
    "check_reverse_mx.bash": generate.completion,
}
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info")
# Seconds after which somebody who waits would ask whether it goes on.
SILENCE = 8


def build(source: Path, folder: Path) -> Path:
    """Return the package of a source tree, made in a folder and without a complaint of lintian."""
    with contextlib.ExitStack() as stack:
        with told("making the Debian to build in"):
            chroot = stack.enter_context(Chroot(FOLDER, (*TOOLS, *build_depends())))
        copy = chroot.root / "root" / "source"
        shutil.copytree(source, copy, ignore=LEFT_OUT)
        for name, make in MADE.items():
            (copy / "debian" / name).write_text(make(), "utf-8")
        with told("building the package"):
            chroot.run("sh", "-ec", "cd source && dpkg-buildpackage --build=binary --no-sign")
        lintian = "lintian --allow-root --info --fail-on=error,warning"
        with told("having lintian examine it"):
            examined = chroot.run("sh", "-ec", f"{lintian} --version; {lintian} *.changes")
        print(examined.stdout, end="")
        (built,) = (chroot.root / "root").glob("*.deb")
        folder.mkdir(exist_ok=True)
        for old in folder.glob("check-reverse-mx_*.deb"):
            old.unlink()
        return Path(shutil.copy(built, folder))


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Say what is done, and again and again for how long it has been."""
    print(what, flush=True)
    ended = threading.Event()

    def go_on(began: float) -> None:
        while not ended.wait(SILENCE):
            print(f"  for {time.monotonic() - began:.0f} s", flush=True)

    thread = threading.Thread(target=go_on, args=(time.monotonic(),))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def build_depends() -> list[str]:
    """Return the packages that debian/control needs for the build."""
    control = (ROOT / "debian" / "control").read_text("utf-8")
    field = re.search(r"^Build-Depends:(.*(?:\n .*)*)", control, re.MULTILINE)
    assert field, "debian/control has no Build-Depends"
    return re.findall(r"[a-z0-9][a-z0-9.+-]+(?=[ ,(])", re.sub(r"\(.*?\)", "", field[1]))


def main() -> int:
    try:
        print(build(ROOT, DIST).relative_to(ROOT))
    except (Unavailable, Failed) as error:
        print(f"deb.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
