"""Debian packages, unpacked but not installed: python3 debian.py FOLDER PACKAGE...

Downloads each named package with all that it depends on, but for what is essential on a Debian, and
unpacks them under FOLDER/root, whatever the machine has installed. It needs no root, and changes
nothing outside FOLDER.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

STATUS = Path("/var/lib/dpkg/status")
OS_RELEASE = Path("/etc/os-release")
BINARIES = ("usr/sbin", "usr/bin", "sbin", "bin")

# The machine's hooks would act on the machine, hence #clear. For apt nothing is installed here.
APT_CONFIG = """\
#clear APT::Update;
#clear AptCli::Hooks;
#clear Acquire::Languages;
Acquire::Languages {{ "none"; }};
APT::Sandbox::User "root";
Debug::NoLocking "true";
Dir::State "{apt}";
Dir::State::lists "{apt}/lists";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}";
Dir::Cache::archives "{apt}/archives";
Dir::Cache::pkgcache "{apt}/pkgcache.bin";
Dir::Cache::srcpkgcache "{apt}/srcpkgcache.bin";
Dir::Log "{apt}/log";
"""


if TYPE_CHECKING:
    Run = subprocess.CompletedProcess[str]


class Unavailable(Exception):
    """What cannot be had and why, one line each."""


def get(folder: Path, packages: Sequence[str]) -> None:
    """Have the packages under folder/root, or raise Unavailable."""
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise Unavailable(
                f"cannot get {', '.join(packages)}: there is no {tool} here (not a Debian?)"
            )
    folder = folder.absolute()
    release = OS_RELEASE.read_text()

    def wanted() -> list[str]:
        return [name for name in packages if _stamp(folder, "had", name) != release]

    if not wanted():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        todo = wanted()
        if not todo:
            return
        _configure(folder)
        # A source that is down matters only if a package cannot be had for it.
        update = _complaint(_apt(folder, "update"))
        failures = []
        for name in todo:
            try:
                _get_one(folder, name)
                _write_stamp(folder, "had", name, release)
            except Unavailable as error:
                failures.append(f"cannot get {name}: {error}")
        if failures and update:
            failures.append(f"apt-get update: {update}")
        if failures:
            raise Unavailable("\n".join(failures))


def machine_apt(folder: Path) -> tuple[str, list[str], list[str]]:
    """The machine's release, its sources of Debian's own packages, and how apt reaches them."""
    folder = folder.absolute()
    _configure(folder)  # with its own place in it, and it may have been moved
    columns = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    only = ("Created-By: Packages", "Origin: Debian")
    sources = _apt(folder, "indextargets", "--format", columns, *only).stdout.splitlines()
    dump = _run("apt-config", "dump", "--no-empty", "Acquire").stdout
    options = re.findall(r"^Acquire::(?:https?|Retries|Check-Valid-Until)\b.*", dump, re.MULTILINE)
    release = re.search(r"^VERSION_CODENAME=(.*)", OS_RELEASE.read_text(), re.M)
    if not sources or not release:
        raise Unavailable("this machine has no apt sources of Debian")
    return release[1], [f"deb {source}" for source in sources], options


def environment(folder: Path) -> dict[str, str]:
    """PATH and LD_LIBRARY_PATH for the programs under folder/root."""
    root = folder.absolute() / "root"
    path = [str(root / directory) for directory in BINARIES]
    path.append(os.environ.get("PATH", os.defpath))
    # Some packages keep libraries in directories of their own, usr/lib/postfix for one.
    found = {file.parent for lib in ("usr/lib", "lib") for file in root.glob(lib + "/**/lib*.so*")}
    libraries = [str(lib) for lib in sorted(found, key=lambda lib: (len(lib.parts), lib))]
    if os.environ.get("LD_LIBRARY_PATH"):
        libraries.append(os.environ["LD_LIBRARY_PATH"])
    return {"PATH": ":".join(path), "LD_LIBRARY_PATH": ":".join(libraries)}


def binary(folder: Path, name: str) -> Path:
    """The program of that name under folder/root."""
    for directory in BINARIES:
        path = folder.absolute() / "root" / directory / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"there is no {name} under {folder}/root: `make test-world` gets it")


def _get_one(folder: Path, package: str) -> None:
    # Alone, so that packages which conflict with each other can both be had.
    run = _apt(folder, "install", "--simulate", "--yes", "--no-install-recommends", package)
    plan = dict(re.findall(r"^Inst (\S+) (?:\[.*?\] )?\((\S+)", run.stdout, re.MULTILINE))
    if run.returncode or package not in plan:
        raise Unavailable(_complaint(run) or "apt-get finds no version to download")
    # libc6 works only with the loader of its own version.
    there = {"libc6", *_essential()}
    missing = {
        n: v for n, v in plan.items() if n not in there and _stamp(folder, "unpacked", n) != v
    }
    if not missing:
        return
    downloads = folder / "apt/downloads"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir()
    run = _apt(folder, "download", *(f"{n}={v}" for n, v in missing.items()), cwd=downloads)
    if run.returncode:
        raise Unavailable(_complaint(run) or "apt-get download failed")
    for deb in downloads.glob("*.deb"):
        run = _run("dpkg", "-x", str(deb), str(folder / "root"))
        if run.returncode:
            raise Unavailable(_complaint(run) or f"dpkg -x {deb.name} failed")
    shutil.rmtree(downloads)
    _drop_setuid(folder / "root")
    for name, version in missing.items():
        _write_stamp(folder, "unpacked", name, version)
        print(f"unpacked {name} {version}", flush=True)


def _essential() -> list[str]:
    return re.findall(r"^Package: (\S+)\nEssential: yes", STATUS.read_text("utf-8"), re.MULTILINE)


def _configure(folder: Path) -> None:
    apt = folder / "apt"
    for directory in ("apt/lists/partial", "apt/archives/partial", "root"):
        (folder / directory).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    (apt / "apt.conf").write_text(APT_CONFIG.format(apt=apt))


def _apt(folder: Path, *arguments: str, cwd: Path | None = None) -> Run:
    return _run("apt-get", "-q", "-c", str(folder / "apt/apt.conf"), *arguments, cwd=cwd)


def _run(*command: str, cwd: Path | None = None) -> Run:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _complaint(run: Run) -> str:
    """What apt-get or dpkg gave as reasons, in one line."""
    unmet = re.findall(r"^(?: \S+ :|Reinstallation of) .*", run.stdout, re.MULTILINE)
    errors = re.findall(r"^(?:[EW]|dpkg.*): .*", run.stderr, re.MULTILINE)
    return "; ".join(line.strip() for line in unmet + errors)


def _drop_setuid(root: Path) -> None:
    """Unpacked by root they would be setuid programs that no update ever reaches."""
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                os.chmod(path, mode & 0o777)


def _stamp(folder: Path, kind: str, name: str) -> str | None:
    try:
        return (folder / "root/.stamps" / kind / name).read_text()
    except FileNotFoundError:
        return None


def _write_stamp(folder: Path, kind: str, name: str, text: str) -> None:
    path = folder / "root/.stamps" / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    new = folder / "stamp.new"
    new.write_text(text)
    new.replace(path)


def main() -> int:
    if len(sys.argv) < 3:
        print("usage: python3 debian.py FOLDER PACKAGE...", file=sys.stderr)
        return 2
    try:
        get(Path(sys.argv[1]), sys.argv[2:])
    except (Unavailable, OSError) as error:
        for line in str(error).splitlines():
            print(f"debian.py: {line}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
