"""A mail host with an SMTP server as bad as one likes.

A test in a network namespace has it by ``mail_host``. For one that needs a namespace of its own it
is run as ``unshare --map-root-user --net PYTHON smtp_trial.py BEHAVIOUR PLUGIN...``: the command of
the plugin is completed by the name server, and what it printed and said to the SMTP server is
written as JSON. The address is one of documentation's, because no mail can arrive at those of the
loopback network.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from tests.helpers.loopback import bring_up
from tests.helpers.nameserver import NameServer

ADDRESS = "192.0.2.25"
SILENT = range(100, 160)
ZONE = """
example.com. MX 10 mail.example.com.
mail.example.com. A 192.0.2.25
25.2.0.192.in-addr.arpa. PTR mail.example.com.
"""

Behaviour = Callable[[socket.socket], None]


def greet(*lines: str, encoding: str = "utf-8") -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall("".join(f"{line}\r\n" for line in lines).encode(encoding))

    return behave


def close_at_once(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def greet_and_close(*lines: str) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        greet(*lines)(connection)
        connection.shutdown(socket.SHUT_WR)

    return behave


def end_within_a_line(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.com")
    connection.shutdown(socket.SHUT_WR)


def stay_silent(connection: socket.socket) -> None:
    pass


def greet_at_one_address(connection: socket.socket) -> None:
    if connection.getsockname()[0] == ADDRESS:
        greet("220 mail.example.com ESMTP")(connection)


def greet_after_three_seconds(connection: socket.socket) -> None:
    number = connection.getsockname()[0].rpartition(".")[2]

    def speak() -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            greet(f"220 silent{number}.example.net ESMTP")(connection)

    threading.Timer(3, speak).start()


def pause(connection: socket.socket) -> None:
    """Greet as Postfix's postscreen does, which has a client wait for the rest."""
    connection.sendall(b"220-mail.example.com ESMTP\r\n")
    time.sleep(1)
    connection.sendall(b"220 mail.example.com ESMTP\r\n")


def octet_a_second(connection: socket.socket) -> None:
    for octet in b"220 mail.example.com ESMTP\r\n":
        connection.sendall(bytes([octet]))
        time.sleep(1)


def megabyte(connection: socket.socket) -> None:
    for _ in range(1 << 14):
        connection.sendall(b"220-" + b"x" * 58 + b"\r\n")


def so_many_octets(octets: int) -> Behaviour:
    """Return what greets with so many octets in lines of 64, the last one longer."""
    lines = ["220-" + "x" * 58] * (octets // 64 - 1)
    return greet(*lines, f"220 mail.example.com {'x' * (41 + octets % 64)}")


class SmtpServer:
    """An SMTP server as bad as one likes; ``heard`` is what its clients said."""

    def __init__(self, behave: Behaviour) -> None:
        self.heard = b""
        self._behave = behave
        self._listening = socket.create_server(("0.0.0.0", 0), backlog=100)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> SmtpServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        talks = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                talks.append(threading.Thread(target=self._talk, args=(connection,)))
                talks[-1].start()
        for talk in talks:
            talk.join()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(8)
            try:
                self._behave(connection)
                while octets := connection.recv(4096):
                    self.heard += octets
            except OSError:
                pass


BEHAVIOURS: dict[str, Behaviour] = {
    "greets": greet("220 mail.example.com ESMTP"),
    "greets-late-dns": greet("220 mail.example.com ESMTP"),
    "greets-in-lines": greet("220-mail.example.com ESMTP", "220-no spam", "220 please"),
    "greets-in-upper-case": greet("220 MAIL.Example.COM ESMTP"),
    "greets-as-another": greet("220 other.example.net ESMTP"),
    "greets-as-another-at-a-provider": greet("220 other.example.net ESMTP"),
    "greets-in-vain-without-a-route": greet("220 mail.example.com ESMTP"),
    "greets-in-vain-without-a-neighbour": greet("220 mail.example.com ESMTP"),
    "greets-behind-a-shared-alias": greet("220 mail.example.com ESMTP"),
    "greets-as-another-than-both": greet("220 other.example.net ESMTP"),
    "greets-as-another-than-a-hundred": greet("220 other.example.net ESMTP"),
    "greets-with-an-empty-label": greet("220 mail..example.com ESMTP"),
    "greets-as-nobody": greet("220 <script>|$(x)"),
    "refuses": greet("554 no mail from you"),
    "refuses-for-now": greet("421-busy", "421 come back"),
    "says-nonsense": greet_and_close("hello\x1b[31m|"),
    "greets-in-the-last-line": greet("220-This is ours", "220-", "220 mail.example.com ESMTP"),
    "greets-with-a-line-without-code": greet("220-mail.example.com", "", "hi", "220 please"),
    "greets-with-codes-alone": greet("220-mail.example.com", "220"),
    "greets-as-an-address": greet("220-192.0.2.25 ESMTP", "220 [192.0.2.25] first.last@a.b"),
    "greets-as-two": greet("220-a.example.net ESMTP", "220-b.example.net", "220 c"),
    "greets-and-goes-on": greet("220 mail.example.com ESMTP", "521 not for you"),
    "greets-with-a-dot-behind": greet("220 mail.example.com., at your service"),
    "greets-after-a-pause": pause,
    "greets-of-a-domain-after-three-seconds": greet_after_three_seconds,
    "greets-without-ipv6": greet("220 mail.example.com ESMTP"),
    "greets-one-domain-of-two": greet_at_one_address,
    "teases-and-refuses": greet("220-mail.example.com ESMTP", "521 not for you"),
    "refuses-and-greets": greet("554-not for you", "220 mail.example.com ESMTP"),
    "says-2200": greet_and_close("2200 mail.example.com"),
    "says-octets": greet("250 \xfc\xe9", encoding="latin-1"),
    "says-250": greet("250 mail.example.com"),
    "loses-its-code": greet_and_close("220-" + "*" * 20, "*" * 24),
    "ends-within-a-line": end_within_a_line,
    "resets": reset,
    "closes-at-once": close_at_once,
    "stays-silent": stay_silent,
    "octet-a-second": octet_a_second,
    "megabyte": megabyte,
    "greets-in-8192-octets": so_many_octets(8192),
    "says-8193-octets": so_many_octets(8193),
}


# The domain that comes before the other, of which nobody says anything, or says it late.
MANY = "".join(
    f"""
    a.example.net. MX 10 silent{number}.example.net.
    silent{number}.example.net. A 192.0.2.{number}
    {number}.2.0.192.in-addr.arpa. PTR silent{number}.example.net.
    """
    for number in SILENT
)
# What the zone has beside the mail host, or does.
FURTHER = {
    "greets-late-dns": "! * PTR drop",
    "greets-without-ipv6": f"""
    mail.example.com. AAAA 2001:db8::25
    {ip_address("2001:db8::25").reverse_pointer}. PTR mail.example.com.
    """,
    "greets-one-domain-of-two": MANY,
    "greets-of-a-domain-after-three-seconds": MANY,
    # One more than are followed.
    "greets-as-another-than-a-hundred": "".join(
        f"25.2.0.192.in-addr.arpa. PTR n{number}.example.com.\n"
        f"n{number}.example.com. A 192.0.2.25\n"
        for number in range(100)
    ),
    "greets-as-another-than-both": """
    25.2.0.192.in-addr.arpa. PTR www.example.com.
    www.example.com. A 192.0.2.25
    """,
}
# What it has in place of the PTR record.
INSTEAD = {
    "greets-behind-a-shared-alias": """
    25.2.0.192.in-addr.arpa. CNAME both.example.com.
    26.2.0.192.in-addr.arpa. CNAME both.example.com.
    both.example.com. PTR relay.example.com.
    relay.example.com. A 192.0.2.25
    relay.example.com. A 192.0.2.26
    example.com. MX 20 mx2.example.com.
    mx2.example.com. A 192.0.2.26
    """,
}


# How the host cannot reach the server: it knows by itself, or learns that nobody is there.
AWAY = {
    "greets-in-vain-without-a-route": ["route add unreachable 198.51.100.0/24"],
    "greets-in-vain-without-a-neighbour": [
        "link add near type veth peer name far",
        "link set far up",
        "link set near up",
        "address add 198.51.100.1/24 dev near",
    ],
}


@contextlib.contextmanager
def mail_host(behaviour: str) -> Iterator[tuple[list[str], SmtpServer | None]]:
    """Give the arguments of the plugin for a mail host, and its server unless nothing listens."""
    zone = ZONE + FURTHER.get(behaviour, "")
    if behaviour in INSTEAD:
        zone = zone.replace("25.2.0.192.in-addr.arpa. PTR mail.example.com.", INSTEAD[behaviour])
    if behaviour.endswith("-at-a-provider"):
        zone = zone.replace("mail.example.com.", "mail.example.net.")
    if behaviour in AWAY:
        zone = zone.replace(ADDRESS, "198.51.100.25").replace("25.2.0.192", "25.100.51.198")
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(NameServer(zone))
        where = ["-s", dns.address, "-p", str(dns.port), "-d", "example.com", "--smtp"]
        where += ["-4"] * (behaviour != "greets-without-ipv6")
        smtp = None
        if behaviour != "nothing-listens":
            smtp = stack.enter_context(SmtpServer(BEHAVIOURS[behaviour]))
            where.append(f"--smtp-port={smtp.port}")
        yield where, smtp


def main(behaviour: str, *command: str) -> None:
    silent = [f"192.0.2.{number}" for number in SILENT]
    bring_up("127.0.0.1", ADDRESS, *silent)
    for command_line in AWAY.get(behaviour, []):
        subprocess.run(["ip", *command_line.split()], check=True)
    with mail_host(behaviour) as (where, smtp):
        started = time.monotonic()
        ended = subprocess.run([*command, *where], stdout=subprocess.PIPE, check=False)
        seconds = time.monotonic() - started
    result = {
        "code": ended.returncode,
        "stdout": ended.stdout.decode("utf-8", "backslashreplace"),
        "heard": smtp.heard.decode("latin-1") if smtp else "",
        "seconds": seconds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
