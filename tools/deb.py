"""Build the Debian package into dist/, in a small Debian of its own: python3 deb.py"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import generate  # noqa: E402

from tests.helpers.chroot import Chroot, Failed  # noqa: E402
from tests.helpers.debian import Unavailable  # noqa: E402

FOLDER = ROOT / ".debian"
DIST = ROOT / "dist"
TOOLS = ("build-essential", "lintian")
MADE = {
    "changelog": generate.changelog,
    "check_reverse_mx.1": generate.man,
    "check_reverse_mx.bash": generate.completion,
}
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info")


def build() -> Path:
    """Return the package, built and without a complaint of lintian."""
    with Chroot(FOLDER, (*TOOLS, *build_depends())) as chroot:
        source = chroot.root / "root" / "source"
        shutil.copytree(ROOT, source, ignore=LEFT_OUT)
        for name, make in MADE.items():
            (source / "debian" / name).write_text(make(), "utf-8")
        chroot.run("sh", "-ec", "cd source && dpkg-buildpackage --build=binary --no-sign")
        lintian = "lintian --allow-root --info --fail-on=error,warning"
        print(chroot.run("sh", "-ec", f"{lintian} --version; {lintian} *.changes").stdout, end="")
        (built,) = (chroot.root / "root").glob("*.deb")
        DIST.mkdir(exist_ok=True)
        for old in DIST.glob("check-reverse-mx_*.deb"):
            old.unlink()
        return Path(shutil.copy(built, DIST))


def build_depends() -> list[str]:
    """Return the packages that debian/control needs for the build."""
    control = (ROOT / "debian" / "control").read_text("utf-8")
    field = re.search(r"^Build-Depends:(.*(?:\n .*)*)", control, re.MULTILINE)
    assert field, "debian/control has no Build-Depends"
    return re.findall(r"[a-z0-9][a-z0-9.+-]+(?=[ ,(])", re.sub(r"\(.*?\)", "", field[1]))


def main() -> int:
    try:
        print(build().relative_to(ROOT))
    except (Unavailable, Failed) as error:
        print(f"deb.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
