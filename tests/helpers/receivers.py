"""Real Postfix, Exim and OpenSMTPD, receiving mail from clients and senders whose DNS has faults.

    replies = play(FOLDER)
    replies["missing-ptr-nxdomain"]["verify = reverse_host_lookup"].usual

All of it runs in namespaces with a loopback, client addresses and accounts of their own: it needs
no root, reaches nothing of the machine, and nothing outlives it.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import itertools
import json
import os
import re
import smtplib
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Union

from reverse_mx.findings import When
from tests import ROOT
from tests.helpers.debian import binary, environment
from tests.helpers.nameserver import NameServer
from tests.helpers.opensmtpd import opensmtpd
from tests.helpers.realservers import Bind, Unbound, sign_zone

NAMESPACES = ("unshare", "--map-root-user", "--net", "--mount", "--pid", "--kill-child")
# OpenSMTPD waits 75 s for each silent name server.
SECONDS = 300


class State(NamedTuple):
    """A client's reverse DNS, what it says in EHLO, or a sender's domain, and the finding it is.

    ``when`` is what a reaction hangs on besides, of what else it can be.

    ``zone`` holds records of ``{domain}``, which is the state's own as ``{address}`` is, and
    ``reverse`` records for the address, which is ``{owner}`` there. Either can be at ``fault``:

    garbage  a zone that the name server cannot load
    bogus    signatures that have expired
    lame     a name server that refuses the zone
    A, AAAA  SERVFAIL to lookups of this type; the zone has absolute names
    silent   no answer
    """

    finding: str
    case: str
    reverse: str = ""
    zone: str = ""
    reverse_fault: str = ""
    zone_fault: str = ""
    ipv6: bool = False
    helo: str = "client"
    when: tuple[When, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.finding}-{self.case}"

    @property
    def domain(self) -> str:
        return f"{self.name}.example"

    @property
    def address(self) -> Address:
        number = 1 + STATES.index(self)
        text = f"2001:db8::{number:x}" if self.ipv6 else f"192.0.2.{number}"
        return ipaddress.ip_address(text)

    def records(self, text: str) -> str:
        return text.format(
            owner=f"{self.address.reverse_pointer}.",
            address=self.address,
            dashed=str(self.address).replace(".", "-"),
            domain=self.domain,
        )


class Replies(NamedTuple):
    """The answer to RCPT with default reply codes, and with 550 for what is refused for good."""

    usual: str
    strict: str


Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
PTR = "{owner} PTR mail.{domain}."
TWO_PTRS = "{owner} PTR first.{domain}.\n{owner} PTR second.{domain}."
CLASSLESS = "{domain}.0-127.2.0.192.in-addr.arpa."
MAIL = "mail A {address}"
MX = "@ MX 10 mail\nmail A {address}"
ABSOLUTE = "{domain}. MX 10 mail.{domain}.\nmail.{domain}. TXT none"
FAILS = "mail.dns-failure-mx-servfail.example."
CLIENTS = (
    State("control", "confirmed", PTR, MAIL),
    State("control", "ipv6", PTR, "mail AAAA {address}", ipv6=True),
    State("control", "rfc2317", f"{{owner}} CNAME {CLASSLESS}\n{CLASSLESS} {PTR[8:]}", MAIL),
    State("control", "two-names", TWO_PTRS, "first A {address}\nsecond A {address}"),
    State("missing-ptr", "nxdomain"),
    State("missing-ptr", "nodata", "{owner} TXT none"),
    State("missing-ptr", "rfc2317", f"{{owner}} CNAME {CLASSLESS}"),
    State("missing-ptr", "ipv6", ipv6=True),
    State("unconfirmed-ptr", "other-address", PTR, "mail A 192.0.2.200"),
    State("unconfirmed-ptr", "other-family", PTR, "mail AAAA 2001:db8::200"),
    State("unconfirmed-ptr", "nodata", PTR, "mail TXT none"),
    State("unconfirmed-ptr", "nxdomain", PTR, "other A {address}"),
    State("unconfirmed-ptr", "two-names", TWO_PTRS, "first A 192.0.2.200"),
    State("invalid-ptr", "root", "{owner} PTR ."),
    State("invalid-ptr", "numeric", "{owner} PTR {address}."),
    State("invalid-ptr", "hyphen-last", "{owner} PTR mail-.{domain}.", "mail- A {address}"),
    State("invalid-ptr", "hyphen-inside", "{owner} PTR mail.-x.{domain}.", "mail.-x A {address}"),
    *(
        State(
            *("invalid-ptr", case, f"{{owner}} PTR {name}.{{domain}}.", f"{name} A {{address}}"),
            when=(When.BAD_LETTERS,),
        )
        for case, name in (
            ("blank", r"ma\032il"),
            ("hyphen-first", "-mail"),
            ("asterisk", "ma*il"),
            ("utf8", r"m\195\164il"),
        )
    ),
    State("mixed-ptr", "good-first", TWO_PTRS, "first A {address}\nsecond A 192.0.2.200"),
    State("mixed-ptr", "good-last", TWO_PTRS, "first A 192.0.2.200\nsecond A {address}"),
    State("mixed-ptr", "nxdomain-first", TWO_PTRS, "second A {address}"),
    State("mixed-ptr", "invalid-first", "{owner} PTR -m.{domain}.\n" + PTR, MAIL),
    State("name-mismatch", "confirmed", "{owner} PTR other.{domain}.", "other A {address}"),
    # To a receiver it is the same as name-mismatch: it does not know whose host it is.
    State("provider-name", "confirmed", "{owner} PTR host1.{domain}.", "host1 A {address}"),
    State("underscore-ptr", "inside", "{owner} PTR ma_il.{domain}.", "ma_il A {address}"),
    State("underscore-ptr", "first", "{owner} PTR _mail.{domain}.", "_mail A {address}"),
    State("generic-ptr", "dashes", "{owner} PTR {dashed}.{domain}.", "{dashed} A {address}"),
    State("generic-ptr", "dots", "{owner} PTR {address}.{domain}.", "{address} A {address}"),
    State("dns-failure", "servfail", PTR, MAIL, reverse_fault="garbage"),
    State("dns-failure", "bogus", PTR, MAIL, reverse_fault="bogus"),
    State("dns-failure", "lame", PTR, MAIL, reverse_fault="lame"),
    State("dns-timeout", "silent", PTR, MAIL, reverse_fault="silent"),
    # These are findings only in part, or more than one.
    State("slash-ptr", "confirmed", "{owner} PTR ma/il.{domain}.", "ma/il A {address}"),
    State("forward", "servfail", PTR, MAIL, zone_fault="garbage"),
    State("forward", "bogus", PTR, MAIL, zone_fault="bogus"),
    State("forward", "lame", PTR, MAIL, zone_fault="lame"),
    State("forward", "silent", PTR, MAIL, zone_fault="silent"),
    State("forward", "first-fails", "{owner} PTR a.forward-servfail.example.\n" + PTR, MAIL),
    State("forward", "last-fails", PTR + "\n{owner} PTR zzzzz.forward-servfail.example.", MAIL),
)
SENDERS = (
    State("control", "mx", zone=MX),
    State("no-such-domain", "nxdomain"),
    State("null-mx", "alone", zone="@ MX 0 ."),
    State("null-mx", "beside-address", zone="@ MX 0 .\n@ A {address}"),
    State("no-address", "nodata", zone="@ MX 10 mail\nmail TXT none", when=(When.ALONE,)),
    State("no-address", "nxdomain", zone="@ MX 10 mail", when=(When.ALONE,)),
    State("no-address", "beside-address", zone="@ MX 10 mail\n@ A {address}", when=(When.ALONE,)),
    State("mx-is-alias", "confirmed", zone="@ MX 10 alias\nalias CNAME mail\n" + MAIL),
    State("implicit-mx", "ipv4", zone="@ A {address}"),
    State("implicit-mx", "ipv6", zone="@ AAAA 2001:db8::1"),
    State("dns-failure", "mx-servfail", zone=MX, zone_fault="garbage", when=(When.MX,)),
    State("dns-failure", "mx-bogus", zone=MX, zone_fault="bogus", when=(When.MX,)),
    State("dns-failure", "mx-lame", zone=MX, zone_fault="lame", when=(When.MX,)),
    State("dns-timeout", "mx-silent", zone=MX, zone_fault="silent", when=(When.MX,)),
    State("dns-failure", "host-servfail", zone=f"@ MX 10 {FAILS}", when=(When.NO_ADDRESS,)),
    State("dns-failure", "host-a", zone=ABSOLUTE, zone_fault="A", when=(When.NO_ADDRESS,)),
    State("dns-failure", "host-aaaa", zone=ABSOLUTE, zone_fault="AAAA", when=(When.NO_ADDRESS,)),
    State(
        *("dns-failure", "domain-a"),
        zone="{domain}. TXT none",
        zone_fault="A",
        when=(When.NO_ADDRESS,),
    ),
    State(
        *("dns-failure", "host-beside-none"),
        zone=f"@ MX 5 gone\n@ MX 10 {FAILS}",
        when=(When.NO_ADDRESS,),
    ),
    State(
        *("dns-failure", "host-before-none"),
        zone=f"@ MX 5 {FAILS}\n@ MX 10 gone",
        when=(When.NO_ADDRESS,),
    ),
    State(
        *("dns-timeout", "host-silent"),
        zone="@ MX 10 mail.dns-timeout-mx-silent.example.",
        when=(When.NO_ADDRESS,),
    ),
    # These are findings only in part, or receivers differ within one finding.
    State("neither", "mx-nor-address", zone="@ TXT none"),
    State("no-address", "beside-another", zone="@ MX 5 other\n" + MX, when=(When.OTHERS,)),
    State(
        *("invalid-mx", "address"),
        zone="@ MX 10 192.0.2.1.",
        when=(When.MX_ADDRESS, When.ALONE),
    ),
    State(
        *("invalid-mx", "address-beside"),
        zone="@ MX 5 192.0.2.1.\n" + MX,
        when=(When.MX_ADDRESS, When.OTHERS),
    ),
    State("invalid-mx", "root-beside", zone="@ MX 50 .\n" + MX, when=(When.MX_ROOT,)),
    State("invalid-mx", "root-first", zone="@ MX 5 .\n" + MX, when=(When.MX_ROOT,)),
    State("invalid-mx", "roots", zone="@ MX 5 .\n@ MX 10 .", when=(When.MX_ROOT,)),
    State("invalid-mx", "underscore", zone="@ MX 10 ma_il\nma_il A {address}"),
    State("invalid-mx", "hyphen", zone="@ MX 10 -mail\n-mail A {address}"),
    State("invalid-mx", "hyphen-beside", zone="@ MX 5 -mail\n-mail A {address}\n" + MX),
    State("first", "unreachable", zone="@ MX 5 first\nfirst A 198.51.100.1\n" + MX),
    State("first", "servfail", zone=f"@ MX 5 {FAILS}\n{MX}"),
    State("last", "servfail", zone=f"@ MX 50 {FAILS}\n{MX}"),
    State(
        "aaaa", "servfail", zone=f"{ABSOLUTE}\nmail.{{domain}}. A {{address}}", zone_fault="AAAA"
    ),
)
HELO = "helo.{domain}"
HELOS = (
    State("control", "helo-is-ptr", PTR, MAIL, helo="mail.{domain}"),
    State("control", "helo-without-dot", PTR, MAIL),
    State(
        *("helo-mismatch", "leads-back", PTR, f"{MAIL}\nhelo A {{address}}"),
        helo=HELO,
        when=(When.EHLO_LEADS_BACK,),
    ),
    State(
        *("helo-mismatch", "elsewhere", PTR, f"{MAIL}\nhelo A 192.0.2.200"),
        helo=HELO,
        when=(When.EHLO_ELSEWHERE,),
    ),
    State(
        *("helo-mismatch", "ptr-elsewhere", f"{{owner}} PTR {HELO}.\n{PTR}"),
        f"{MAIL}\nhelo A 192.0.2.200",
        helo=HELO,
        when=(When.EHLO_ELSEWHERE,),
    ),
    State("no-address", "helo-nxdomain", PTR, MAIL, helo=HELO, when=(When.EHLO_NOWHERE,)),
    State("no-address", "helo-nodata", PTR, f"{MAIL}\nhelo TXT none", helo=HELO),
    State("no-address", "helo-mx", PTR, f"{MAIL}\nhelo MX 10 mail", helo=HELO),
)
# Mail hosts that say nothing, to those who send to them.
SILENT = (
    State("smtp-silent", "alone", zone="@ MX 10 mail\nmail AAAA {address}", ipv6=True),
    State(
        *("smtp-silent", "before-another"),
        zone="@ MX 5 mail\nmail AAAA {address}\n@ MX 10 other\nother A 192.0.2.200",
        ipv6=True,
    ),
)
STATES = CLIENTS + SENDERS + HELOS + SILENT
GOOD_CLIENT, GOOD_SENDER = CLIENTS[0], SENDERS[0]
PARENTS = ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")

# What becomes of mail to a sender; its own server has an IPv4 address.
TO_IT = ""
SENT = [state for state in SENDERS if state.case != "ipv6"]
# The states that are tried under each setting.
Tries = dict[str, Sequence[State]]
EXIM: Tries = {
    "verify = reverse_host_lookup": CLIENTS,
    "verify = sender": SENDERS,
    "verify = helo": HELOS,
    TO_IT: SENT,
}
POSTFIX: Tries = {
    "reject_unknown_client_hostname": CLIENTS,
    "reject_unknown_reverse_client_hostname": CLIENTS,
    "reject_unknown_sender_domain": SENDERS,
    "reject_unknown_helo_hostname": HELOS,
    "reject_non_fqdn_helo_hostname": HELOS,
    TO_IT: [*SENT, *SILENT],
}
OPENSMTPD: Tries = {"match !rdns": CLIENTS, "match !fcrdns": CLIENTS}
SETTINGS = {"Exim": EXIM, "Postfix": POSTFIX, "OpenSMTPD": OPENSMTPD}
STRICT = tuple(f"unknown_{what}_reject_code=550" for what in ("client", "address", "hostname"))

ACCOUNTS = {
    **dict.fromkeys(("root", "opensmtpd", "opensmtpq"), 0),
    "postfix": 101,
    "Debian-exim": 102,
    "postdrop": 103,
    "nobody": 65534,
}
ETC = {
    "passwd": "".join(f"{name}:x:{uid}:{uid}::/:/bin/false\n" for name, uid in ACCOUNTS.items()),
    "group": "".join(f"{name}:x:{gid}:\n" for name, gid in ACCOUNTS.items()),
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "search .\nnameserver 127.0.0.1\noptions timeout:2 attempts:2\n",
    "services": "smtp 25/tcp\n",
}
EXIM_CONF = """
primary_hostname = mx.receiver.example
spool_directory = {directory}
log_file_path = {directory}/%slog
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  require {setting}
  accept
begin routers
dnslookup:
  driver = dnslookup
  transport = smtp
  ignore_target_hosts = <; 0.0.0.0 ; 127.0.0.0/8 ; ::1
begin transports
smtp:
  driver = smtp
"""
POSTFIX_CONF = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}
maillog_file = {directory}/maillog
maillog_file_prefixes = {directory}
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {root}/etc/postfix
myhostname = mx.receiver.example
mydestination = mx.receiver.example
mynetworks = 127.0.0.1
alias_maps =
local_recipient_maps =
smtpd_client_connection_count_limit = 0
inet_interfaces = 127.0.0.1
smtp_tcp_port = {sink}
smtp_connection_cache_on_demand = no
smtp_helo_timeout = 3s
fast_flush_domains =
max_use = 10000
"""


SINK = 2499
QUEUE = ("active", "bounce", "defer", "deferred", "incoming", "pid", "private", "public", "trace")


def play(folder: Path) -> dict[str, dict[str, Replies]]:
    """The replies to every state of its clients or senders, under every setting."""
    with tempfile.TemporaryDirectory(prefix="receivers-") as temporary:
        directory = Path(temporary)
        run_in_namespaces("tests.helpers.receivers", folder, directory)
        replies = json.loads((directory / "replies").read_text())
    return {
        state: {setting: Replies(*texts) for setting, texts in by_setting.items()}
        for state, by_setting in replies.items()
    }


def run_in_namespaces(module: str, folder: Path, directory: Path, seconds: float = SECONDS) -> None:
    """Run the Python module on the folder and the directory; if it fails raise what was logged."""
    with open(directory / "output", "ab") as output:
        done = subprocess.run(
            [*NAMESPACES, sys.executable, "-m", module, folder, directory],
            cwd=ROOT,
            # Measuring coverage would write to the repository from within.
            env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    if done.returncode:
        logs = [directory / "output", directory / "maillog"]
        raise RuntimeError("\n".join(log.read_text() for log in logs if log.exists()))


def main(folder: Path, directory: Path) -> None:
    hide_the_machine(directory)
    add_addresses()
    numbers = itertools.count(2500)
    ports = {each: (next(numbers), next(numbers)) for each in POSTFIX if each != TO_IT}
    servers = {
        port: (f"smtpd_client_restrictions={restriction}", *codes)
        for restriction, both in ports.items()
        for port, codes in zip(both, ((), STRICT))
    }
    filters = dict(zip(numbers, OPENSMTPD))
    with contextlib.ExitStack() as stack:
        stack.enter_context(name_servers(folder))
        stack.enter_context(postfix(folder, directory, servers))
        stack.enter_context(opensmtpd(folder, directory, filters))
        stack.enter_context(sink(folder))
        # Connections to it are established, and nobody accepts them.
        silent = socket.create_server(("::", SINK), family=socket.AF_INET6)
        stack.enter_context(silent)
        pool = stack.enter_context(ThreadPoolExecutor(64))
        jobs: dict[tuple[State, str], list[Future[str]]] = {}
        for setting, states in EXIM.items():
            for state in states:
                exim = exim_routes if setting == TO_IT else exim_reply
                job = pool.submit(exim, folder, directory, setting, state)
                jobs[state, setting] = [job, job]
        sent = pool.submit(postfix_sends, next(iter(ports.values()))[0], directory)
        for setting, both in ports.items():
            for state in POSTFIX[setting]:
                jobs[state, setting] = [pool.submit(postfix_reply, port, state) for port in both]
        for port, condition in filters.items():
            for state in OPENSMTPD[condition]:
                job = pool.submit(opensmtpd_reply, port, state)
                jobs[state, condition] = [job, job]
    replies: dict[str, dict[str, list[str]]] = {state.name: {} for state in STATES}
    for (state, setting), given in jobs.items():
        # Both programs have it, and what Exim says of mail to a domain is no reply.
        name = "exim" if setting == TO_IT else setting
        replies[state.name][name] = [job.result() for job in given]
    for state, said in sent.result().items():
        replies[state.name]["postfix"] = [said, said]
    (directory / "replies").write_text(json.dumps(replies))


def hide_the_machine(directory: Path) -> None:
    """Have an /etc with nothing but what resolves names, and /run, /var/lib, /var/spool empty."""
    for name, files in {"etc": ETC, "run": {}, "var/lib": {}, "var/spool": {}}.items():
        (directory / name).mkdir(parents=True)
        for file, text in files.items():
            (directory / name / file).write_text(text)
        subprocess.run(["mount", "--bind", directory / name, f"/{name}"], check=True)


def add_addresses() -> None:
    set_flags, set_address, set_netmask, up = 0x8914, 0x8916, 0x891C, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, set_flags, struct.pack("16sH14x", b"lo", up))
        # With the netmask all of the network is the machine's own, as 127.0.0.0/8 is.
        for request, text in ((set_address, "192.0.2.1"), (set_netmask, "255.255.255.0")):
            packed = struct.pack("16sHxx4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(text))
            fcntl.ioctl(sock, request, packed)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        loopback = socket.if_nametoindex("lo")
        for address in (state.address for state in STATES if state.ipv6):
            fcntl.ioctl(sock, set_address, struct.pack("16sIi", address.packed, 128, loopback))


@contextlib.contextmanager
def name_servers(folder: Path) -> Iterator[None]:
    """All zones on BIND, behind an Unbound on port 53 that validates."""
    zones = dict.fromkeys(PARENTS, "")
    lame, silent, anchors = [], [], []
    failing: list[tuple[str, str]] = []
    for state in STATES:
        reverse_name = state.address.reverse_pointer
        if not state.reverse_fault:
            parent = next(name for name in PARENTS if reverse_name.endswith(name))
            zones[parent] += state.records(state.reverse) + "\n"
        for name, text, fault in (
            (reverse_name, state.reverse if state.reverse_fault else "", state.reverse_fault),
            (state.domain, state.zone, state.zone_fault),
        ):
            if fault == "lame":
                lame.append(name)
            elif fault == "silent":
                silent.append(name)
            elif fault in ("A", "AAAA"):
                faults = f"! {name}. {fault} rcode SERVFAIL\n! *.{name}. {fault} rcode SERVFAIL"
                failing.append((name, f"{state.records(text)}\n! * * authority\n{faults}"))
            elif fault == "garbage":
                zones[name] = "( what is this"
            elif fault == "bogus":
                zones[name], anchor = sign_zone(folder, name, state.records(text), expired=True)
                anchors.append(anchor)
            elif text:
                zones[name] = state.records(text)
    # Receivers shall get the PTR records in the order that the state's name promises.
    extra = "    rrset-roundrobin: no\n"
    extra += "".join(f'    local-zone: "{name}" deny\n' for name in silent)
    in_order = "rrset-order { order none; };"
    with contextlib.ExitStack() as stack:
        bind = stack.enter_context(Bind(folder, zones, recursion=False, options=in_order))
        stranger = stack.enter_context(Bind(folder, {}, recursion=False))
        stubs = dict.fromkeys(zones, (bind.address, bind.port))
        stubs.update(dict.fromkeys(lame, (stranger.address, stranger.port)))
        for name, text in failing:
            server = stack.enter_context(NameServer(text))
            stubs[name] = server.address, server.port
        stack.enter_context(Unbound(folder, stubs, anchors, port=53, extra=extra))
        yield


def as_user(name: str, environ: Mapping[str, str]) -> list[str | Path]:
    """A command that runs another as that user, with the environment."""
    number = ACCOUNTS[name]
    variables = [f"{key}={value}" for key, value in environ.items()]
    # A user of a namespace below this one, as this one has root only.
    return ["unshare", "--user", f"--map-user={number}", f"--map-group={number}", "env", *variables]


def exim_reply(folder: Path, directory: Path, setting: str, state: State) -> str:
    client, sender = client_and_sender(state)
    with tempfile.TemporaryDirectory(dir=directory) as own:
        (conf := Path(own, "conf")).write_text(EXIM_CONF.format(directory=own, setting=setting))
        exim: list[str | Path] = [binary(folder, "exim4"), "-C", conf, "-bh", str(client.address)]
        hello = client.records(client.helo)
        lines = (
            f"EHLO {hello}",
            f"MAIL FROM:<user@{sender.domain}>",
            "RCPT TO:<a@example>",
            "QUIT",
        )
        done = subprocess.run(
            [*as_user("Debian-exim", environment(folder)), *exim],
            input="".join(f"{line}\r\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
        )
    # The greeting, and a reply to each line; of a reply its last line is taken.
    replies = re.findall(r"(?m)^\d{3} .*", done.stdout)
    if len(replies) != 5 or not replies[2].startswith("250"):
        raise RuntimeError(f"{state.name}, {setting}: {done.stdout}{done.stderr}")
    reply: str = replies[3]
    return reply


def exim_routes(folder: Path, directory: Path, _: str, state: State) -> str:
    """What becomes of mail to a domain, which its exit status tells."""
    with tempfile.TemporaryDirectory(dir=directory) as own:
        conf = EXIM_CONF.format(directory=own, setting="verify = sender")
        (path := Path(own, "conf")).write_text(conf)
        exim: list[str | Path] = [binary(folder, "exim4"), "-C", path, "-bt"]
        exim.append(f"user@{state.domain}")
        done = subprocess.run(
            [*as_user("Debian-exim", environment(folder)), *exim],
            capture_output=True,
            text=True,
            check=False,
        )
    return f"- {('sent', 'deferred', 'bounced')[done.returncode]} {done.stdout}"


@contextlib.contextmanager
def sink(folder: Path) -> Iterator[None]:
    """A server on all addresses that takes any mail."""
    command: list[str | Path] = [binary(folder, "smtp-sink"), f"0.0.0.0:{SINK}", "100"]
    process = subprocess.Popen(
        [*as_user("postfix", environment(folder)), *command], stdin=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def postfix_sends(port: int, directory: Path) -> dict[State, str]:
    """What becomes of mail to each domain, with the status code (RFC 3463) before it."""
    domains = {state.domain: state for state in POSTFIX[TO_IT]}
    with smtplib.SMTP("127.0.0.1", port, "client", timeout=60) as smtp:
        for domain in domains:
            smtp.sendmail("a@mx.receiver.example", f"user@{domain}", "Subject: hello\n\nhello\n")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = re.findall(
            r"to=<user@([^>]+)>, .*, dsn=(\S+), status=(.*)", (directory / "maillog").read_text()
        )
        said = {domains[domain]: f"{code} {status}" for domain, code, status in found}
        if len(said) == len(domains):
            return said
        time.sleep(0.1)
    raise RuntimeError("Postfix did not try all mail")


def postfix_reply(port: int, state: State) -> str:
    client, sender = client_and_sender(state)
    server = "::1" if client.ipv6 else "127.0.0.1"
    source = str(client.address), 0
    hello = client.records(client.helo)
    with smtplib.SMTP(server, port, hello, timeout=60, source_address=source) as smtp:
        smtp.ehlo_or_helo_if_needed()
        smtp.mail(f"user@{sender.domain}")
        code, text = smtp.rcpt("a@mx.receiver.example")
    return f"{code} {text.decode()}"


def opensmtpd_reply(port: int, state: State) -> str:
    """The greeting, or what stands in its place."""
    server, source = "::1" if state.ipv6 else "127.0.0.1", (str(state.address), 0)
    with socket.create_connection((server, port), SECONDS, source_address=source) as sock:
        return sock.makefile().readline()


def client_and_sender(state: State) -> tuple[State, State]:
    return (GOOD_CLIENT, state) if state in SENDERS else (state, GOOD_SENDER)


@contextlib.contextmanager
def postfix(folder: Path, directory: Path, servers: Mapping[int, Sequence[str]]) -> Iterator[None]:
    """Postfix on the ports, on each with settings of its own; the log is directory/maillog.

    Mail that it sends it sends to port ``SINK``.

    Its master insists on root and on several users, and an ordinary user has neither. What
    receives mail does without: each daemon finds its listening socket at descriptor 6, and pipes
    to the master at 3 (read), 4 and 5 (write), and runs as the mail owner.
    """
    root = folder.absolute() / "root"
    (directory / "main.cf").write_text(
        POSTFIX_CONF.format(directory=directory, root=root, sink=SINK)
    )
    queue = directory / "queue"
    for name in QUEUE:
        (queue / name).mkdir(parents=True)
    environ = {
        **environment(folder),
        "MAIL_CONFIG": str(directory),
        "POSTLOG_SERVICE": "postlog",
        "POSTLOG_HOSTNAME": "mx",
    }
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(directory / "output", "ab"))
        pipe = os.pipe()
        # An empty pipe makes daemons wait for the master.
        os.set_blocking(pipe[0], False)
        daemons: list[subprocess.Popen[bytes]] = []

        def start(
            program: str, service: str, kind: str, sock: socket.socket, *options: str
        ) -> None:
            # dup2 must not hit a descriptor that is yet to be copied.
            sources = (pipe[0], pipe[1], pipe[1], sock.fileno())
            copies = [fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 10) for source in sources]

            def place() -> None:
                for copy, target in zip(copies, (3, 4, 5, 6)):
                    os.dup2(copy, target)

            daemon = root / "usr/lib/postfix/sbin" / program
            command = [*as_user("postfix", environ), daemon, "-n", service, "-t", kind, *options]
            daemons.append(
                subprocess.Popen(
                    command,
                    cwd=queue,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(3, 4, 5, 6),
                    preexec_fn=place,
                )
            )
            for copy in copies:
                os.close(copy)

        def unix(name: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
            sock = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            sock.bind(str(queue / name))
            if kind == socket.SOCK_STREAM:
                sock.listen(100)
            return sock

        try:
            datagrams = unix("public/postlog", socket.SOCK_DGRAM)
            start("postlogd", "postlog", "unix-dgram", datagrams, "-l")
            start("trivial-rewrite", "rewrite", "unix", unix("private/rewrite"))
            start("cleanup", "cleanup", "unix", unix("public/cleanup"), "-z")
            start("qmgr", "qmgr", "unix", unix("public/qmgr"), "-l")
            for service in ("bounce", "defer", "trace"):
                start("bounce", service, "unix", unix(f"private/{service}"), "-z")
            for service in ("error", "retry"):
                start("error", service, "unix", unix(f"private/{service}"))
            deliveries = unix("private/smtp")
            for _ in range(4):
                start("smtp", "smtp", "unix", deliveries)
            for port, settings in servers.items():
                sock = socket.create_server(
                    ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=100
                )
                stack.enter_context(sock)
                options = itertools.chain.from_iterable(("-o", setting) for setting in settings)
                start("smtpd", str(port), "inet", sock, *options)
            yield
        finally:
            for daemon in daemons:
                daemon.terminate()
            for daemon in daemons:
                daemon.wait()
            os.close(pipe[0])
            os.close(pipe[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
