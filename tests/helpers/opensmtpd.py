"""Real OpenSMTPD, which filters clients as they connect.

    with opensmtpd(FOLDER, directory, {2525: "match !fcrdns"}):

It runs in the receivers' namespaces, where the accounts that it wants are root's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.helpers.debian import environment

CONF = """\
action "any" relay
match from any for any action "any"
"""
LISTENER = """\
filter "{port}" phase connect {condition} disconnect "550 refused"
listen on lo port {port} hostname mx.receiver.example filter "{port}"
"""

# seccomp(2) and bpf(2): load the number of the system call, compare it, return.
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
SUCCEED, ALLOW = 0x00050000, 0x7FFF0000
SETGROUPS = {"x86_64": 116, "aarch64": 159}


@contextlib.contextmanager
def opensmtpd(folder: Path, directory: Path, conditions: Mapping[int, str]) -> Iterator[None]:
    """OpenSMTPD on the ports, which refuses a client on each that meets the condition."""
    os.makedirs("/var/lib/opensmtpd/empty")
    os.mkdir("/var/spool/smtpd")
    os.chmod("/var/spool/smtpd", 0o711)
    listeners = [LISTENER.format(port=port, condition=it) for port, it in conditions.items()]
    (conf := directory / "smtpd.conf").write_text("".join(listeners) + CONF)
    process = subprocess.Popen(
        # Postfix has a daemon of that name, too.
        [folder.absolute() / "root/usr/sbin/smtpd", "-d", "-f", conf],
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        preexec_fn=pretend_to_set_groups,
    )
    try:
        end = time.monotonic() + 30
        while not all(map(listens, conditions)):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("OpenSMTPD did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def pretend_to_set_groups() -> None:
    """Have setgroups(2) succeed, which a namespace of an ordinary user forbids.

    OpenSMTPD insists on it for each of its processes, and starts them with no environment.
    """
    code = (
        (LOAD, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, SETGROUPS[os.uname().machine]),
        (RETURN, 0, 0, SUCCEED),
        (RETURN, 0, 0, ALLOW),
    )
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    libc = ctypes.CDLL(None, use_errno=True)
    pointer = struct.pack("HP", len(code), ctypes.addressof(program))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
