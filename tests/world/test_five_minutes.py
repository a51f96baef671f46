"""README: from nothing to an alert in Icinga 2 and Nagios, with its commands as they are written.

Each has a new Debian of its own; what apt does there has the network, and nothing else.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests import ROOT
from tests.helpers.chroot import Chroot
from tests.helpers.realservers import FOLDER
from tests.helpers.schedulers import wait_for

README = (ROOT / "README.md").read_text("utf-8")
# Three checks, of which the first is within a minute and the others a minute apart.
ALERT_SECONDS = 300
KEPT = FOLDER / "chroot" / "archives"

ZONE = """\
example.com.             MX   10 mail.example.com.
mail.example.com.        A    192.0.2.25
example.net.             MX   10 mail.example.net.
mail.example.net.        A    192.0.2.26
26.2.0.192.in-addr.arpa. PTR  out.example.net.
out.example.net.         A    192.0.2.26
"""
STATUS = (
    "REVERSE_MX CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record"
    " (NXDOMAIN) [missing-ptr]"
)


class Way(NamedTuple):
    """A section of the README, the log that it names, what stands there, and where mail ends up."""

    section: str
    log: str
    notified: str
    mailbox: str


ICINGA = Way(
    "Icinga 2",
    "/var/log/icinga2/icinga2.log",
    "Completed sending 'Problem' notification"
    " 'mail-domains!reverse-mx-example.com!mail-icingaadmin'",
    "/var/mail/mail",  # where Debian's Exim keeps root's mail if root has no other address
)
NAGIOS = Way(
    "Nagios",
    "/var/log/nagios4/nagios.log",
    "SERVICE NOTIFICATION: nagiosadmin;localhost;Reverse DNS of example.com;CRITICAL;"
    f"notify-service-by-email;{STATUS}\n",
    "/var/mail/nagios",
)


def commands(section: str) -> str:
    """The first commands in a section."""
    _, _, text = README.partition(f"\n## {section}\n")
    found = re.search(r"(?s)```sh\n(.*?)```\n", text.partition("\n## ")[0])
    assert found
    return found[1]


def run_as_written(chroot: Chroot, text: str) -> None:
    for lines in re.findall(r"(?m)^apt .*\n|(?:^(?!apt ).*\n)+", text):
        network = lines.startswith("apt ")
        chroot.run("sh", "-ec", f"cd check_reverse_mx\n{lines}", network=network)


@contextlib.contextmanager
def kept_downloads(chroot: Chroot) -> Iterator[None]:
    """Download each package once, not at each run of the tests."""
    settings = chroot.root / "etc/apt/apt.conf.d/keep"
    settings.write_text('Binary::apt::APT::Keep-Downloaded-Packages "true";\n')
    archives = chroot.root / "var/cache/apt/archives"
    KEPT.mkdir(parents=True, exist_ok=True)
    for package in KEPT.glob("*.deb"):
        shutil.copy(package, archives)
    yield
    for package in archives.glob("*.deb"):
        if not (KEPT / package.name).exists():
            new = KEPT / f"{package.name}.{threading.get_ident()}"
            shutil.copy(package, new)
            new.replace(KEPT / package.name)


def alert(way: Way) -> str:
    """Follow the README until there is mail, and return it."""
    with Chroot(FOLDER) as chroot, chroot.name_server(ZONE):
        copy = chroot.root / "root/check_reverse_mx"
        for folder in ("contrib", "reverse_mx", "tools"):
            shutil.copytree(ROOT / folder, copy / folder)
        for file in ("check_reverse_mx.py", "Makefile"):
            shutil.copy(ROOT / file, copy)
        with kept_downloads(chroot):
            run_as_written(chroot, commands("Install"))
            run_as_written(chroot, commands(way.section))

        def text(path: str) -> str:
            return chroot.run("cat", path, check=False).stdout

        def notified() -> bool:
            return "example.com" in text(way.mailbox) and way.notified in text(way.log)

        wait_for(notified, f"{way.section} has sent no mail", ALERT_SECONDS)
        return text(way.mailbox)


@pytest.fixture(scope="module")
def alerts() -> dict[Way, str]:
    """Both at once, because each has two minutes to wait for."""
    ways = (ICINGA, NAGIOS)
    with ThreadPoolExecutor(len(ways)) as pool:
        return dict(zip(ways, pool.map(alert, ways)))


def test_icinga_sends_what_the_plugin_found(alerts: dict[Way, str]) -> None:
    mail = alerts[ICINGA]
    assert "Subject: [PROBLEM] rDNS example.com on mail-domains is CRITICAL!\n" in mail
    problem = "192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)"
    cure = "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com."
    assert f"Info:    {STATUS}\n[CRITICAL] missing-ptr: {problem}\n  {cure}\n" in mail
    assert "\nexample.com\n  MX 10 mail.example.com\n" in mail


def test_nagios_sends_what_the_plugin_found(alerts: dict[Way, str]) -> None:
    mail = alerts[NAGIOS]
    service = "Reverse DNS of example.com"
    assert f"\nSubject: ** PROBLEM Service Alert: localhost/{service} is CRITICAL **\n" in mail
    assert f"\nAdditional Info:\n\n{STATUS}\n" in mail
