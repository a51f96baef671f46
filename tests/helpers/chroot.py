"""A small Debian of the machine's own release, to install packages in and to throw away.

    with Chroot(FOLDER) as chroot:
        chroot.run("apt-get", "update", network=True)
        chroot.run("apt-get", "install", "--yes", "icinga2", network=True)
        with chroot.name_server("example.com. MX 10 mail.example.com."):
            chroot.run("service", "icinga2", "start")
        (chroot.root / "etc/icinga2/features-enabled").iterdir()

The root is made once under FOLDER/chroot from the machine's own apt sources. Each `Chroot` is a
layer in memory above it, with processes of its own: when the context ends, all that was started
in it is killed and all that was written is gone. No maintainer script starts a service.

It needs root, or else, for an ordinary user, the package uidmap, a range of subordinate ids in
/etc/subuid and /etc/subgid, and Linux 6.6 or newer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests import ROOT
from tests.helpers.debian import Unavailable, binary, get, machine_apt
from tests.helpers.loopback import bring_up

USER_NAMESPACE = ("unshare", "--user", "--map-root-user", "--map-auto")
NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child")

# The first process of a copy: $1 is the root, $2 an empty folder. The shell that stays waits for
# all processes that lost their parent.
FIRST_PROCESS = """\
set -e
read -r pid rest < /proc/self/stat
mount -t tmpfs -o mode=755 tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work$3" overlay "$2/root"
cp -L /etc/resolv.conf /etc/hosts "$2"
cd "$2/root"
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for device in full null random tty urandom zero; do
  : > dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do
  ln -s "/proc/self/fd/${number%%:*}" "dev/${number#*:}"
done
mkdir -p run/machine
mv "$2/resolv.conf" "$2/hosts" run/machine
echo nameserver 127.0.0.1 > etc/resolv.conf
echo "127.0.0.1 localhost $(uname -n)" > etc/hosts
uname -n > etc/hostname
printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod +x usr/sbin/policy-rc.d
pivot_root . mnt
umount -l /mnt
cd /
exec /bin/sh -c 'echo "$1"; exec > /dev/null; sleep infinity & wait' sh "$pid"
"""

# A command that uses the machine's network sees what resolves names there.
WITH_NETWORK = """\
mount --bind /run/machine/resolv.conf /etc/resolv.conf
mount --bind /run/machine/hosts /etc/hosts
exec "$@"
"""

ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
}


class Failed(Exception):
    """A command that failed, with what it wrote."""


class Chroot:
    """A copy while the context lasts; the packages are installed in the root that it is made of."""

    def __init__(self, folder: Path, packages: Sequence[str] = ()) -> None:
        self.folder = folder.absolute()
        self.packages = packages

    def __enter__(self) -> Chroot:
        root = make_root(self.folder, self.packages)
        copy = self.folder / "chroot" / "copy"
        copy.mkdir(exist_ok=True)
        # setpriv: no copy outlives tests that are killed.
        command = ("setpriv", "--pdeathsig", "KILL", *in_user_namespace(), "unshare", *NAMESPACES)
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*command, sys.executable, "-m", __spec__.name, "--first-process", root, copy],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        pid = self._process.stdout.readline().strip()
        if not pid:
            self._errors.seek(0)
            errors = self._errors.read().decode(errors="replace").strip()
            self.__exit__()
            raise Unavailable(f"cannot make a Debian to install in: {errors}")
        self.root = Path("/proc") / pid / "root"
        self._enter: list[str] = ["nsenter", "--target", pid]
        if os.geteuid():
            self._enter.append("--user")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def run(
        self,
        *command: str,
        network: bool = False,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root in the copy, on the machine's network or on one of its own.

        Its own network is a loopback interface, on which /etc/resolv.conf expects a name server.
        """
        variables = {**ENVIRONMENT, **(env or {})}
        where = self._inside(variables, network)
        # To files, because services that the command starts keep them open.
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            done = subprocess.run(
                [*where, *command],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=timeout,
                check=False,
            )
            texts = []
            for file in (stdout, stderr):
                file.seek(0)
                texts.append(file.read().decode("utf-8", "backslashreplace"))
        if check and done.returncode:
            output = "\n".join(texts)
            raise Failed(f"{shlex.join(command)} exited {done.returncode}:\n{output}")
        return subprocess.CompletedProcess(command, done.returncode, *texts)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command as root in the copy, on its own network, with pipes to it and from it."""
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._inside(ENVIRONMENT, False), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def _inside(self, variables: Mapping[str, str], network: bool) -> list[str]:
        """What a command is put behind to run in the copy."""
        where = [*self._enter, "--mount", "--pid", "--ipc", "--uts"]
        if network:
            where += ["unshare", "--mount", "sh", "-ec", WITH_NETWORK, "sh"]
        else:
            where.append("--net")
        settings = [f"{name}={value}" for name, value in variables.items()]
        return [*where, "env", "--ignore-environment", "--chdir=/root", *settings]

    @contextlib.contextmanager
    def name_server(self, zone: str) -> Iterator[None]:
        """The tests' name server, which answers where the copy's /etc/resolv.conf says."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(zone)
            file.flush()
            module = "tests.helpers.nameserver"
            server = [sys.executable, "-m", module, file.name, "127.0.0.1", "53"]
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self._enter, "--net", *server],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert process.stdout is not None
                if not process.stdout.readline().startswith("listening"):
                    raise Failed("the name server did not start")
                yield
            finally:
                process.terminate()
                process.communicate()


def make_root(folder: Path, packages: Sequence[str]) -> Path:
    """Return the root with these packages, made if it is not there yet."""
    get(folder, ["mmdebstrap"])
    release, sources, options = machine_apt(folder)
    mode = "unshare" if os.geteuid() else "root"
    command = [str(binary(folder, "mmdebstrap")), f"--mode={mode}", "--variant=minbase", "--quiet"]
    command += [f"--aptopt={option}" for option in options]
    if packages:
        command.append(f"--include={','.join(packages)}")
    recipe = shlex.join([*command, release, *sources])
    chroots = folder / "chroot"
    chroots.mkdir(exist_ok=True)
    root = chroots / hashlib.sha256(recipe.encode()).hexdigest()[:12]
    with open(chroots / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            tar, new = chroots / "new.tar", chroots / "new"
            as_root = in_user_namespace()
            _run([*as_root, "rm", "-rf", str(new)])
            new.mkdir()
            _run([*command, release, str(tar), *sources], PERL5LIB=perl_modules(folder))
            # Without the devices, which only root can make.
            unpack = ("tar", "--extract", "--numeric-owner", "--exclude=./dev/*")
            _run([*as_root, *unpack, f"--file={tar}", f"--directory={new}"])
            tar.unlink()
            new.rename(root)
    return root


def in_user_namespace() -> Sequence[str]:
    """What a command is put behind to be root, if it is not."""
    if os.geteuid() == 0:
        return ()
    # The first alone because the second, where it is not allowed, never ends.
    _run(["unshare", "--user", "true"])
    _run([*USER_NAMESPACE, "true"])
    return USER_NAMESPACE


def perl_modules(folder: Path) -> str:
    """Where those are that mmdebstrap needs: a minimal Debian's perl has too few."""
    folders = ("usr/lib/*/perl/5.*", "usr/share/perl/5.*")
    return ":".join(str(found) for name in folders for found in (folder / "root").glob(name))


def _run(command: Sequence[str], **environment: str) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        needs = "it needs root, or the package uidmap and a range of ids in /etc/subuid and subgid"
        raise Unavailable(
            f"cannot make a Debian to install in ({needs}): {shlex.join(command)}: "
            + done.stderr.strip()
        )


def first_process(root: str, copy: str) -> None:
    bring_up("127.0.0.1")
    socket.sethostname("monitoring")
    # An ordinary user may not set the attributes that are kept for root.
    owned = "" if Path("/proc/self/uid_map").read_text().split()[1] == "0" else ",userxattr"
    os.execve("/bin/sh", ["sh", "-c", FIRST_PROCESS, "sh", root, copy, owned], ENVIRONMENT)


if __name__ == "__main__" and sys.argv[1] == "--first-process":
    first_process(*sys.argv[2:])
