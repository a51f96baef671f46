"""Real name servers on loopback, from the packages that debian.py unpacked; no root needed.

    with Bind(FOLDER, {"example.com": "@ MX 10 mx\\nmx A 192.0.2.1"}) as bind:
        with Unbound(FOLDER, {"example.com": (bind.address, bind.port)}) as unbound:
            ...  # ask unbound.address, unbound.port

They answer from what they are given and send nothing beyond loopback: names outside it do not
exist, name servers elsewhere are not asked.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import tests
from tests.helpers.debian import binary, environment
from tests.helpers.namespace import Namespace, identity

FOLDER = Path(os.environ.get("CHECK_REVERSE_MX_DEBIAN") or tests.ROOT / ".debian")
START_SECONDS = 20
# A root that ends all searches. Its name server must have an address in it.
ROOT = "localhost A 127.0.0.1"


class Server:
    """A server process while the context lasts. The subclass writes the configuration.

    It runs ``within`` a namespace if one is given.
    """

    def __init__(
        self, folder: Path, address: str, port: int, within: Namespace | None = None
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port
        self.within = within
        self.identity = secrets.token_hex(8)

    def __enter__(self) -> Server:
        self._temporary = tempfile.TemporaryDirectory(prefix="realserver-")
        self.directory = Path(self._temporary.name)
        self._process: subprocess.Popen[bytes] | None = None
        given = self.port
        try:
            for _ in range(5):
                self.port = given or free_port(self.address)
                self._start()
                if self._wait_until_ready():
                    return self
                if given or not self._port_taken():
                    break
                self._stop()
            raise RuntimeError(f"{type(self).__name__} did not start:\n{self.log()[-3000:]}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._temporary.cleanup()

    def log(self) -> str:
        """What the server wrote so far."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configure(self) -> Sequence[str | Path]:
        """Write the configuration for self.port, return the command."""
        raise NotImplementedError

    def loaded(self) -> bool:
        """Whether a server that answers has also read its zones."""
        return True

    def _start(self) -> None:
        # setpriv: no server outlives tests that are killed. start_new_session: Ctrl-C goes to the
        # tests alone, which then end the servers.
        within = self.within.command if self.within is not None else ()
        command = ["setpriv", "--pdeathsig", "TERM", *within, *self.configure()]
        (self.directory / "log").unlink(missing_ok=True)
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **environment(self.folder), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait_until_ready(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None and not self._port_taken():
            if self.loaded() and self._answers():
                return True
            time.sleep(0.02)
        return False

    def _answers(self) -> bool:
        # Its identity, because another server may have got the same port.
        ask = self.within.identity if self.within is not None else identity
        return self.identity in ask(self.address, self.port)

    def _elsewhere(self) -> list[str]:
        """The networks that it is not to ask anything."""
        return not_loopback() if self.within is None else []

    def _port_taken(self) -> bool:
        return re.search("address (already )?in use", self.log(), re.IGNORECASE) is not None


class Bind(Server):
    """BIND, primary for the zones: name -> master file; SOA and NS are added where missing."""

    def __init__(
        self,
        folder: Path,
        zones: Mapping[str, str],
        address: str = "127.0.0.1",
        port: int = 0,
        recursion: bool = True,
        options: str = "",
        within: Namespace | None = None,
    ) -> None:
        super().__init__(folder, address, port, within)
        self.zones = {".": ROOT, **zones} if recursion else dict(zones)
        self.recursion = recursion
        self.options = options

    def configure(self) -> Sequence[str | Path]:
        v4, v6 = ("none", self.address) if ":" in self.address else (self.address, "none")
        yes = "yes" if self.recursion else "no"
        config = f"""
            controls {{ }};
            options {{
                directory "{self.directory}";
                pid-file none;
                session-keyfile none;
                listen-on {{ {v4}; }};
                listen-on-v6 {{ {v6}; }};
                reuseport no;
                server-id "{self.identity}";
                recursion {yes};
                allow-query {{ any; }};
                allow-recursion {{ any; }};
                allow-query-cache {{ any; }};
                dnssec-validation no;
                empty-zones-enable no;
                notify no;
                check-names primary ignore;
                check-integrity no;
                max-cache-size 16m;
                {self.options}
            }};
            """
        for network in self._elsewhere():
            config += f"server {network} {{ bogus yes; }};\n"
        for number, (name, text) in enumerate(self.zones.items()):
            file = self.directory / f"{number}.zone"
            file.write_text(with_soa(name, text))
            config += f'zone "{name}" {{ type primary; file "{file}"; }};\n'
        file = self.directory / "named.conf"
        file.write_text(config)
        named = binary(self.folder, "named")
        return [named, "-g", "-n", "1", "-p", str(self.port), "-c", file]

    def loaded(self) -> bool:
        return self.log().rstrip().endswith("running")


class Unbound(Server):
    """Unbound, validating; stubs: zone -> address and port of a server for it."""

    def __init__(
        self,
        folder: Path,
        stubs: Mapping[str, tuple[str, int]],
        trust_anchors: Sequence[str] = (),
        address: str = "127.0.0.1",
        port: int = 0,
        extra: str = "",
        within: Namespace | None = None,
    ) -> None:
        super().__init__(folder, address, port, within)
        self.stubs = stubs
        self.trust_anchors = trust_anchors
        self.extra = extra

    def configure(self) -> Sequence[str | Path]:
        config = f"""
server:
    directory: "{self.directory}"
    username: ""
    chroot: ""
    pidfile: ""
    use-syslog: no
    verbosity: 1
    num-threads: 1
    interface: {self.address}
    port: {self.port}
    so-reuseport: no
    identity: "{self.identity}"
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    module-config: "validator iterator"
    ede: yes
    qname-minimisation: no
    unblock-lan-zones: yes
    do-not-query-localhost: no
    outbound-msg-retry: 1
    infra-cache-max-rtt: 1000
    unknown-server-time-limit: 100
"""
        config += "".join(f"    do-not-query-address: {net}\n" for net in self._elsewhere())
        config += "".join(f"    trust-anchor: '{anchor}'\n" for anchor in self.trust_anchors)
        # Against the built-in answers for reverse zones.
        config += "".join(f'    local-zone: "{name}" transparent\n' for name in self.stubs)
        config += self.extra + "\n"
        for name, (address, port) in self.stubs.items():
            config += f'stub-zone:\n    name: "{name}"\n    stub-addr: {address}@{port}\n'
        if "." not in self.stubs:
            root = self.directory / "root.zone"
            root.write_text(with_soa(".", ROOT))
            config += f'auth-zone:\n    name: "."\n    zonefile: "{root}"\n    for-downstream: no\n'
        file = self.directory / "unbound.conf"
        file.write_text(config)
        return [binary(self.folder, "unbound"), "-d", "-p", "-c", file]


class Nsd(Server):
    """NSD with the zones: name -> master file; SOA and NS are added where missing."""

    def __init__(
        self,
        folder: Path,
        zones: Mapping[str, str],
        address: str = "127.0.0.1",
        port: int = 0,
        within: Namespace | None = None,
    ) -> None:
        super().__init__(folder, address, port, within)
        self.zones = zones

    def configure(self) -> Sequence[str | Path]:
        config = f"""
server:
    server-count: 1
    ip-address: {self.address}
    port: {self.port}
    identity: "{self.identity}"
    username: ""
    chroot: ""
    pidfile: ""
    logfile: "{self.directory}/log"
    database: ""
    zonesdir: "{self.directory}"
    zonelistfile: "{self.directory}/zone.list"
    xfrdfile: "{self.directory}/xfrd.state"
    xfrdir: "{self.directory}"
remote-control:
    control-enable: no
"""
        for number, (name, text) in enumerate(self.zones.items()):
            file = self.directory / f"{number}.zone"
            file.write_text(with_soa(name, text))
            config += f'zone:\n    name: "{name}"\n    zonefile: "{file}"\n'
        file = self.directory / "nsd.conf"
        file.write_text(config)
        return [binary(self.folder, "nsd"), "-d", "-c", file]


def sign_zone(folder: Path, name: str, text: str, expired: bool = False) -> tuple[str, str]:
    """The signed zone and the trust anchor for it (a DNSKEY record)."""
    name = name.rstrip(".") + "."
    with tempfile.TemporaryDirectory(prefix="sign-zone-") as temporary:
        directory = Path(temporary)

        def run(program: str, *arguments: str) -> str:
            done = subprocess.run(
                [binary(folder, program), *arguments],
                cwd=directory,
                env={**os.environ, **environment(folder)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
            return done.stdout.strip()

        key = run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", name)
        anchor = re.sub(r";.*\n", "", (directory / f"{key}.key").read_text()).strip()
        (directory / "zone").write_text(f"{with_soa(name, text)}\n{anchor}\n")
        dates = []
        if expired:
            # -X: the keys' own signature stays valid, as it is the data that shall be expired.
            # -P: without the check of the result, which refuses that.
            dates = ["-s", "20200101000000", "-e", "20200201000000", "-X", "now+30d", "-P"]
        run("dnssec-signzone", "-z", "-o", name, "-f", "signed", *dates, "zone", key)
        return (directory / "signed").read_text(), anchor


def with_soa(name: str, text: str) -> str:
    name = name.rstrip(".") + "."
    if re.search(r"\sSOA\s", text, re.IGNORECASE):
        return f"$ORIGIN {name}\n{text}\n"
    soa = "@ SOA localhost. hostmaster.localhost. 1 3600 600 86400 60"
    return f"$ORIGIN {name}\n$TTL 60\n{soa}\n@ NS localhost.\n{text}\n"


def free_port(address: str) -> int:
    """A port that was free for UDP and TCP a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(100):
        with socket.socket(family, socket.SOCK_STREAM) as tcp:
            tcp.bind((address, 0))
            port: int = tcp.getsockname()[1]
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind((address, port))
                    return port
                except OSError:
                    continue
    raise OSError(f"no free port on {address}")


def not_loopback() -> list[str]:
    """All networks but loopback."""
    networks = [
        *ipaddress.IPv4Network("0.0.0.0/0").address_exclude(ipaddress.IPv4Network("127.0.0.0/8")),
        *ipaddress.IPv6Network("::/0").address_exclude(ipaddress.IPv6Network("::1/128")),
    ]
    return [str(network) for network in networks]
