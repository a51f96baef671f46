"""A network namespace in which addresses are local that elsewhere are somebody else's.

    with Namespace("192.0.2.53", "192.0.2.54") as namespace:
        with Bind(FOLDER, zones, "192.0.2.53", 53, within=namespace):
            Program()("-d", "example.com", within=namespace.command)

It needs no root, and reaches nothing of the machine: the plugin asks no name server at a loopback
address, so tests with several of them need addresses of another kind.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.query

from tests import ROOT
from tests.helpers.loopback import bring_up


class Namespace(contextlib.AbstractContextManager["Namespace"]):
    """A namespace with a loopback interface that has these addresses, while the context lasts."""

    def __init__(self, *addresses: str) -> None:
        self._servers: list[subprocess.Popen[str]] = []
        self._process = subprocess.Popen(
            ["unshare", "--map-root-user", "--net", *module("namespace"), *addresses],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()
        self.command: Sequence[str] = (
            *("nsenter", "--preserve-credentials", "--user", "--net"),
            f"--target={self._process.pid}",
        )

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            with server:
                server.terminate()
        self._process.communicate()

    def identity(self, address: str, port: int) -> str:
        """Return what the server there says that it is, "" if it does not answer."""
        assert self._process.stdin is not None
        print(address, port, file=self._process.stdin, flush=True)
        return self._read()

    def name_server(self, zone: str, address: str) -> None:
        """Start the tests' own name server, on port 53, until the context ends."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(zone)
            file.flush()
            server = subprocess.Popen(
                [*self.command, *module("nameserver"), file.name, address, "53"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._servers.append(server)
            assert server.stdout is not None
            assert server.stdout.readline()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the namespace could not be made"
        return line.strip()


def module(name: str) -> Sequence[str]:
    """Return the command of a helper that is a program too."""
    return sys.executable, "-m", f"tests.helpers.{name}"


def identity(address: str, port: int) -> str:
    """Return what a name server says that it is over TCP and UDP, "" if it does not answer."""
    query = dns.message.make_query("id.server.", "TXT", "CH")
    try:
        answers = [
            str(ask(query, address, timeout=0.5, port=port).answer)
            for ask in (dns.query.tcp, dns.query.udp)
        ]
    except (dns.exception.DNSException, OSError):
        return ""
    return answers[0] if answers[0] == answers[1] else ""


def main(*addresses: str) -> None:
    bring_up("127.0.0.1", *addresses)
    print("ready", flush=True)
    for line in sys.stdin:
        address, port = line.split()
        print(identity(address, int(port)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
