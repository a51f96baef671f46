"""contrib/feed with the real Icinga 2 and Nagios 4: a thousand results out of one run."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import PYTHONS
from tests.helpers.realservers import FOLDER
from tests.helpers.schedulers import Icinga, Nagios, Result, wait_for

FEED = ROOT / "contrib" / "feed"
HOST, OWN = "mail.example.com", "reverse-mx-feed"
PASSWORD = "correct horse"
COUNT, HOSTS = 1000, 20
DOMAINS = [f"d{number}.example" for number in range(COUNT)]
# Of the hosts every fourth has no PTR record.
ZONE = "".join(
    f"m{host}.isp.test. A 192.0.2.{host}\n"
    + f"{host}.2.0.192.in-addr.arpa. PTR m{host}.isp.test.\n" * bool(host % 4)
    for host in range(HOSTS)
) + "".join(f"{name} MX 10 m{n % HOSTS}.isp.test.\n" for n, name in enumerate(DOMAINS)).replace(
    ".example MX", ".example. MX"
)
FED = f"REVERSE_MX_FEED OK - {COUNT} results of 1 runs fed | results={COUNT} refused=0"

ICINGA = {
    "conf.d/feed.conf": (ROOT / "contrib" / "icinga2-feed.conf").read_text("utf-8"),
    "conf.d/feed-host.conf": f"""
        const ReverseMxFeedPassword = "{PASSWORD}"
        object Host "{HOST}" {{
          import "generic-host"
          check_command = "dummy"
          vars.fed_mail_domains = {json.dumps(DOMAINS)}
        }}
        """,
}
SERVICE = "define service {{\nuse {}\nhost_name {}\nservice_description {}\n}}\n"
NAGIOS = (
    f"define host {{\nuse generic-host\nhost_name {HOST}\nmax_check_attempts 1\n}}\n"
    + (ROOT / "contrib" / "nagios-feed.cfg").read_text("utf-8")
    + SERVICE.format("reverse-mx-feed", HOST, OWN)
    + "".join(SERVICE.format("reverse-mx-fed", HOST, f"rdns-{domain}") for domain in DOMAINS)
    + f"define servicedependency {{\nhost_name {HOST}\nservice_description {OWN}\n"
    f"dependent_servicegroup_name reverse-mx-fed\n"
    "notification_failure_criteria c,u\n}\n"
)


class Feeder:
    """contrib/feed with a configuration, and a plugin whose last document is kept."""

    def __init__(self, folder: Path, nameserver: NameServer, target: str) -> None:
        self.folder = folder
        (folder / "domains").write_text("".join(f"{domain}\n" for domain in DOMAINS))
        (folder / "credentials").write_text(f"{OWN}:{PASSWORD}\n")
        (folder / "credentials").chmod(0o600)
        plugin = folder / "plugin"
        words = shlex.join([str(PYTHONS["newest"]), str(ROOT / "check_reverse_mx.py")])
        document = shlex.quote(str(folder / "document"))
        plugin.write_text(f'#!/bin/sh\n{words} "$@" > {document}\ncode=$?\ncat {document}\n')
        plugin.chmod(0o755)
        asks = f"-s 127.0.0.1 -p {nameserver.port}"
        self.text = (
            f"[feed]\nplugin = {plugin}\nhost = {HOST}\nservice = {OWN}\n{target}"
            f"[group:all]\ndomains = @{folder / 'domains'}\narguments = {asks}\n"
        )

    def command(self) -> list[str]:
        (self.folder / "feed.ini").write_text(self.text)
        return [sys.executable, "-I", str(FEED), str(self.folder / "feed.ini")]

    def run(self) -> tuple[int, str]:
        ended = subprocess.run(
            self.command(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not ended.stderr
        assert ended.stdout.count("\n") == 1
        return ended.returncode, ended.stdout.rstrip("\n")

    def given(self) -> dict[str, Result]:
        """What the plugin said last, by service."""
        document = json.loads((self.folder / "document").read_text())
        return {
            f"{HOST}!rdns-{said['domain']}": Result(
                said["exit_code"],
                f"{said['status']}\n{said['long_output']}".rstrip(),
                said["performance_data"].split(),
            )
            for said in document["results"]
        }


@pytest.fixture(scope="module")
def nameserver() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


@pytest.fixture(scope="module")
def icinga() -> Iterator[Icinga]:
    with Icinga(FOLDER, PYTHONS["newest"], ICINGA, "localhost") as scheduler:
        yield scheduler


@pytest.fixture
def feeder(tmp_path: Path, nameserver: NameServer, icinga: Icinga) -> Feeder:
    authority = icinga.directory / "data/certs/ca.crt"
    return Feeder(
        tmp_path,
        nameserver,
        f"url = https://localhost:{icinga.port}\nca = {authority}\n"
        f"credentials = {tmp_path / 'credentials'}\n",
    )


def results(icinga: Icinga) -> dict[str, Result]:
    found = {}
    for name, service in icinga.services_by_feed().items():
        last = service["last_check_result"]
        if last is not None:
            text = last["output"].rstrip()
            found[name] = Result(int(last["state"]), text, last["performance_data"])
    return found


# By host: its list of domains, the services that come of it, and whether one tells of a mistake.
LISTS = {
    "right": ('[ "a.test", "b.test" ]', {"rdns-a.test", "rdns-b.test"}, False),
    "twice": ('[ "a.test", "A.test ", "a.test" ]', {"rdns-a.test"}, False),
    "string": ('"a.test"', set(), True),
    "dictionary": ('{ "a.test" = {} }', set(), True),
    "true": ("true", set(), True),
    "mark": ('[ "a.test", "b!", 5, "", [ "c.test" ] ]', {"rdns-a.test"}, True),
}


def test_mistakes_in_the_list_of_domains_are_told_and_stop_nothing_else() -> None:
    hosts = "".join(
        f'object Host "{host}" {{\ncheck_command = "dummy"\nvars.fed_mail_domains = {typed}\n}}\n'
        for host, (typed, _, _) in LISTS.items()
    )
    files = {**ICINGA, "conf.d/lists.conf": hosts}
    objects = Icinga(FOLDER, PYTHONS["newest"], files, "localhost").objects()
    for host, (_, services, told) in LISTS.items():
        of_host = {name.partition("!")[2] for name in objects if name.startswith(f"{host}!rdns-")}
        made = {name for name in of_host if not name.endswith("!reverse-mx-feed")}
        assert made == services | ({"rdns-fed_mail_domains"} if told else set())
        if told:
            assert (
                f'"REVERSE_MX UNKNOWN - host "{host}": fed_mail_domains is no array of domains;'
                ' expected [ "example.com", ... ]"'
            ) in objects[f"{host}!rdns-fed_mail_domains"]


def test_each_domain_has_its_result_in_icinga(feeder: Feeder, icinga: Icinga) -> None:
    assert feeder.run() == (0, FED)
    given = feeder.given()
    assert len(given) == COUNT
    assert sorted({result.code for result in given.values()}) == [0, 2]
    found = results(icinga)
    assert {name: found[name] for name in given} == given
    own = found[f"{HOST}!{OWN}"]
    assert own == Result(0, FED.partition(" |")[0], [f"results={COUNT}", "refused=0"])


def test_service_that_icinga_has_not_is_named_and_the_others_are_fed(
    feeder: Feeder, icinga: Icinga
) -> None:
    feeder.text += f"[group:other]\ndomains = other.example\narguments = {asked_of(feeder)}\n"
    text = f"Icinga has no service {HOST}!rdns-other.example; {COUNT} results of 2 runs fed"
    line = f"REVERSE_MX_FEED WARNING - {text}"
    assert feeder.run() == (1, f"{line} | results={COUNT} refused=1")
    assert results(icinga)[f"{HOST}!{OWN}"].status == line


def asked_of(feeder: Feeder) -> str:
    return feeder.text.rpartition("arguments = ")[2].strip()


def test_wrong_password_is_said(feeder: Feeder, icinga: Icinga) -> None:
    (feeder.folder / "credentials").write_text(f"{OWN}:wrong\n")
    url = f"https://localhost:{icinga.port}"
    assert feeder.run() == (
        2,
        f"REVERSE_MX_FEED CRITICAL - {url} does not take the user and the password;"
        " 0 results of 1 runs fed | results=0 refused=0",
    )


def test_credentials_that_others_can_read_are_refused(feeder: Feeder) -> None:
    credentials = feeder.folder / "credentials"
    credentials.chmod(0o644)
    assert feeder.run() == (
        2,
        f"REVERSE_MX_FEED CRITICAL - {credentials} can be read by others; chmod 600 it;"
        " 0 results of 0 runs fed | results=0 refused=0",
    )


def test_closed_port_is_said(feeder: Feeder, icinga: Icinga) -> None:
    feeder.text = feeder.text.replace(f"localhost:{icinga.port}", "localhost:1")
    assert feeder.run() == (
        2,
        "REVERSE_MX_FEED CRITICAL - https://localhost:1: connection refused;"
        " 0 results of 1 runs fed | results=0 refused=0",
    )


def test_certificate_of_another_name_is_refused(feeder: Feeder, icinga: Icinga) -> None:
    feeder.text = feeder.text.replace("https://localhost", "https://127.0.0.1")
    code, line = feeder.run()
    assert code == 2
    assert f"https://127.0.0.1:{icinga.port}: its certificate is not valid (" in line


def test_plugin_that_is_not_there_is_said_and_own_service_knows(
    feeder: Feeder, icinga: Icinga
) -> None:
    feeder.text = feeder.text.replace("/plugin\n", "/none\n")
    plugin = feeder.folder / "none"
    line = (
        f"REVERSE_MX_FEED CRITICAL - group all: {plugin}: no such file or directory;"
        " 0 results of 1 runs fed"
    )
    assert feeder.run() == (2, f"{line} | results=0 refused=0")
    assert results(icinga)[f"{HOST}!{OWN}"].status == line


def test_wrong_argument_of_a_group_is_said(feeder: Feeder) -> None:
    feeder.text = feeder.text.replace("arguments = ", "arguments = --no-such-option ")
    assert feeder.run() == (
        2,
        "REVERSE_MX_FEED CRITICAL - group all: unrecognized arguments: --no-such-option; expected"
        " -d DOMAIN and options, see -h; 0 results of 1 runs fed | results=0 refused=0",
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_next_run_feeds_what_a_feeder_that_was_ended_did_not(
    feeder: Feeder, icinga: Icinga, number: int
) -> None:
    began = time.time()
    with open(feeder.folder / "output", "w+") as output:
        process = subprocess.Popen(feeder.command(), stdout=output, stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: since(icinga, began) > 50, "nothing was fed")
        finally:
            process.send_signal(number)
            code = process.wait()
        output.seek(0)
        line = output.read()
    assert since(icinga, began, f"{HOST}!{OWN}") == 0
    ends = {
        signal.SIGKILL: (-9, ""),
        signal.SIGTERM: (3, "REVERSE_MX_FEED UNKNOWN - interrupted\n"),
    }
    assert (code, line) == ends[signal.Signals(number)]
    began = time.time()
    assert feeder.run() == (0, FED)
    assert since(icinga, began) == COUNT + 1


def since(icinga: Icinga, began: float, name: str = "") -> int:
    """How many services, or whether one, have a result of the feeder's since a moment."""
    services = icinga.services_by_feed()
    wanted = [services[name]] if name else [*services.values()]
    return sum(
        service["last_check_result"] is not None
        and service["last_check_result"]["check_source"] == "REVERSE_MX_FEED"
        and service["last_check_result"]["execution_end"] >= began
        for service in wanted
    )


def test_feeder_waits_for_an_icinga_that_is_restarted(feeder: Feeder, icinga: Icinga) -> None:
    began = time.time()
    with open(feeder.folder / "output", "w+") as output:
        process = subprocess.Popen(feeder.command(), stdout=output, stdin=subprocess.DEVNULL)
        try:
            wait_for(lambda: since(icinga, began) > 50, "nothing was fed")
            icinga.restart()
            code = process.wait(timeout=90)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        assert (code, output.read()) == (0, f"{FED}\n")
    assert results(icinga)[f"{HOST}!{OWN}"].code == 0


def test_dead_feeder_is_one_alert_in_icinga(nameserver: NameServer) -> None:
    """Its own service turns CRITICAL, and those of the domains are not reachable."""
    files = {**ICINGA, "conf.d/feed.conf": ICINGA["conf.d/feed.conf"].replace("15m", "2s")}
    with Icinga(FOLDER, PYTHONS["newest"], files, "localhost") as icinga:
        own = f"{HOST}!{OWN}"
        wait_for(lambda: own in results(icinga), "the feeder's service was not checked")
        assert results(icinga)[own].code == 2
        assert results(icinga)[own].status.startswith(
            "REVERSE_MX_FEED CRITICAL - no results, or none for 15 minutes:"
        )
        service = icinga.services_by_feed()[f"{HOST}!rdns-{DOMAINS[0]}"]
        assert service["last_check_result"] is None
        reached = icinga.ask("objects/dependencies?attrs=parent_service_name&attrs=states")
        assert len(reached["results"]) == COUNT


def test_each_domain_has_its_result_in_nagios(tmp_path: Path, nameserver: NameServer) -> None:
    with Nagios(FOLDER, PYTHONS["newest"], NAGIOS) as nagios:
        feeder = Feeder(tmp_path, nameserver, f"results = {nagios.directory / 'results'}\n")
        assert feeder.run() == (0, FED)
        nagios.wait_until_checked()
        given = feeder.given()
        found = nagios.results()
        assert {name: found[name] for name in given} == given
        assert found[f"{HOST}!{OWN}"].code == 0


def test_full_disk_is_said_and_leaves_nothing(tmp_path: Path, nameserver: NameServer) -> None:
    results = tmp_path / "results"
    results.mkdir()
    feeder = Feeder(tmp_path, nameserver, f"results = {results}\n")
    small = f"mount -t tmpfs -o size=64k none {shlex.quote(str(results))}"
    script = f"{small} && {shlex.join(feeder.command())}; code=$?; ls -A {results}; exit $code"
    mapped = ["--map-root-user"] if os.geteuid() else []
    ended = subprocess.run(
        ["unshare", *mapped, "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    line = (
        f"REVERSE_MX_FEED CRITICAL - {results}: no space left on device;"
        " 0 results of 1 runs fed | results=0 refused=0\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, line, "")
