"""Real Icinga 2 and Nagios 4 that run the plugin, from the packages that debian.py unpacked.

    with Icinga(FOLDER, PYTHON, {"conf.d/check_reverse_mx.conf": ..., ...}) as icinga:
        icinga.check_now()
        icinga.wait_until_checked()
        result = icinga.result("host!service")

An Icinga is a master, or a satellite or agent of one. Each scheduler has the configuration of its
package, changed only where it must be to run in a directory of its own as any user, and the file of
contrib/ beside it. Every run of the plugin is recorded, so that what the scheduler has can be held
against what the plugin printed.
"""

from __future__ import annotations

import base64
import contextlib
import grp
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, TypeVar

from tests import ROOT
from tests.helpers.debian import binary, environment
from tests.helpers.realservers import Server

PLUGIN = ROOT / "check_reverse_mx.py"
ICINGA_CONF = ROOT / "contrib" / "icinga2.conf"
NAGIOS_CFG = ROOT / "contrib" / "nagios.cfg"
# Longer than any check may take.
RESULT_SECONDS = 60
# Of Icinga, so that the processor is there for each of them in time.
CHECKS_AT_ONCE = 6

AnyScheduler = TypeVar("AnyScheduler", bound="Scheduler")

# By this in its environment a process is known to be of a scheduler, or of its checks.
MARK = "CHECK_REVERSE_MX_SCHEDULER"

# The plugin as the schedulers find it: with an environment that has nothing of the tests in it.
COMMAND = 'env -i PATH=/usr/bin:/bin LC_ALL=C {mark}="${mark}" {python} {plugin} "$@"'

# What it was given and gave is complete once its code is there.
WRAPPER = f"""\
#!/bin/sh
run=$(mktemp {{runs}}/XXXXXX)
[ $# = 0 ] || printf '%s\\0' "$@" > "$run.arguments"
{COMMAND} > "$run.output"
code=$?
cat "$run.output"
echo $code > "$run.new"
mv "$run.new" "$run.code"
exit $code
"""


@dataclass(frozen=True)
class Run:
    """One run of the plugin: what it was given, and what it gave."""

    arguments: list[str]
    output: str
    code: int

    @property
    def text(self) -> str:
        """The output without the performance data, which end it."""
        return self.output.partition("| ")[0].rstrip()

    @property
    def perfdata(self) -> list[str]:
        return self.output.partition("| ")[2].split()


@dataclass(frozen=True)
class Result:
    """What a scheduler has of a check."""

    code: int
    text: str
    perfdata: list[str]

    @property
    def status(self) -> str:
        return self.text.partition("\n")[0]


class Scheduler(Server):
    """A scheduler, its plugins in a directory of its own."""

    wrapper = WRAPPER

    def __init__(
        self, folder: Path, python: Path, address: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(folder, address, port)
        self.python = python

    def __enter__(self: AnyScheduler) -> AnyScheduler:
        super().__enter__()
        return self

    def prepare(self) -> None:
        """Make what stays the same when the port changes."""
        self.runs_directory = self.directory / "runs"
        self.runs_directory.mkdir()
        self.plugins = self.directory / "plugins"
        self.plugins.mkdir()
        places = {
            "runs": self.runs_directory,
            "python": self.python,
            "plugin": PLUGIN,
            "mark": MARK,
        }
        quoted = {name: shlex.quote(str(place)) for name, place in places.items()}
        wrapper = self.plugins / "check_reverse_mx"
        wrapper.write_text(self.wrapper.format(**quoted))
        wrapper.chmod(0o755)

    def configure(self) -> Sequence[str | Path]:
        if not (self.directory / "plugins").exists():
            self.prepare()
        return ["env", f"{MARK}={self.identity}", *self.command()]

    def command(self) -> Sequence[str | Path]:
        """Write the configuration for self.port, return the command."""
        raise NotImplementedError

    def runs(self) -> list[Run]:
        """The runs of the plugin that have ended."""
        runs = []
        for code in self.runs_directory.glob("*.code"):
            output = code.with_suffix(".output").read_text(errors="surrogateescape")
            given = code.with_suffix(".arguments")
            arguments = given.read_text().split("\0")[:-1] if given.exists() else []
            runs.append(Run(arguments, output, int(code.read_text())))
        return runs

    def processes(self) -> dict[int, str]:
        """The scheduler's processes and those of its checks: number -> command line."""
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            # Others' are not to be read, or end meanwhile.
            with contextlib.suppress(OSError):
                if f"{MARK}={self.identity}".encode() in (directory / "environ").read_bytes():
                    line = (directory / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(directory.name)] = line.decode(errors="replace")
        return found

    def _stop(self) -> None:
        super()._stop()
        # A scheduler leaves it to its helpers and checks to end by themselves.
        self.kill()

    def kill(self) -> None:
        """End all of its processes at once, as if its machine had lost its power."""
        end = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < end:
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.02)

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of the package to its end."""
        with open(self.directory / "command.log", "w+") as log:
            done = subprocess.run(
                command,
                cwd=self.directory,
                env={**os.environ, **environment(self.folder), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            log.seek(0)
            done.stdout = log.read()
        return done


def wait_for(condition: Callable[[], bool], what: str, seconds: float = RESULT_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


class Icinga(Scheduler):
    """Icinga 2 with Debian's configuration, and files in it: path in its ConfigDir -> text."""

    def __init__(
        self,
        folder: Path,
        python: Path,
        files: Mapping[str, str],
        name: str = "master.example.com",
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        master: Icinga | None = None,
        checks_at_once: int = CHECKS_AT_ONCE,
    ) -> None:
        super().__init__(folder, python, address, port)
        self.files = files
        self.name = name
        self.master = master
        self.checks_at_once = checks_at_once

    def prepare(self) -> None:
        super().prepare()
        config = self.directory / "config"
        shutil.copytree(self.folder / "root/etc/icinga2", config)
        constants = config / "constants.conf"
        text = constants.read_text()
        text = re.sub(r"(?m)^const (\w*Plugin\w*Dir) = .*", rf'const \1 = "{self.plugins}"', text)
        text = re.sub(r"(?m)^//(const NodeName) = .*", rf'\1 = "{self.name}"', text)
        constants.write_text(text + f"const MaxConcurrentChecks = {self.checks_at_once}\n")
        for path, text in self.files.items():
            (config / path).parent.mkdir(parents=True, exist_ok=True)
            (config / path).write_text(text)
        for name in ("data/certs", "logs", "cache", "spool", "run", "config/features-enabled"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self._make_certificates()

    def _make_certificates(self) -> None:
        certificates = self.directory / "data/certs"
        key, csr, crt = (str(certificates / f"{self.name}.{end}") for end in ("key", "csr", "crt"))
        if self.master is None:
            self._pki("new-ca")
        self._pki("new-cert", "--cn", self.name, "--key", key, "--csr", csr)
        authority = self.master or self
        authority._pki("sign-csr", "--csr", csr, "--cert", crt)
        shutil.copy(authority.directory / "data/ca/ca.crt", certificates / "ca.crt")

    def _pki(self, command: str, *options: str) -> None:
        done = self._run(*self.icinga("pki", command, *options))
        if done.returncode:
            raise RuntimeError(f"icinga2 pki {command}: {done.stdout}")

    def icinga(self, *command: str) -> list[str | Path]:
        """The command line of a subcommand."""
        # What /usr/sbin/icinga2 execs.
        icinga2 = next(self.folder.absolute().glob("root/usr/lib/*/icinga2/sbin/icinga2"))
        constants = {
            "ConfigDir": self.directory / "config",
            "ZonesDir": self.directory / "config/zones.d",
            "DataDir": self.directory / "data",
            "LogDir": self.directory / "logs",
            "CacheDir": self.directory / "cache",
            "SpoolDir": self.directory / "spool",
            "InitRunDir": self.directory / "run",
            "RunAsUser": pwd.getpwuid(os.geteuid()).pw_name,
            "RunAsGroup": grp.getgrgid(os.getegid()).gr_name,
        }
        defined = [part for item in constants.items() for part in ("-D", "{}={}".format(*item))]
        return [icinga2, *command, *defined]

    def daemon(self, *options: str) -> list[str | Path]:
        """The command line of the daemon."""
        include = self.folder.absolute() / "root/usr/share/icinga2/include"
        config = self.directory / "config/icinga2.conf"
        return [*self.icinga("daemon"), "-I", include, "-c", config, *options]

    def command(self) -> Sequence[str | Path]:
        accept = str(self.master is not None).lower()
        (self.directory / "config/features-enabled/test.conf").write_text(
            f"""
            object CheckerComponent "checker" {{ }}
            object ApiListener "api" {{
              bind_host = "{self.address}"
              bind_port = {self.port}
              accept_config = {accept}
              accept_commands = {accept}
            }}
            object ApiUser "test" {{
              password = "{self.identity}"
              permissions = [ "*" ]
            }}
            """
        )
        return self.daemon()

    def spent(self) -> tuple[float, float]:
        """Seconds of CPU that its processes took, and what they ran and waited for."""
        own, run = 0, 0
        for number, line in self.processes().items():
            if "/icinga2 " in line.partition(" -")[0] + " ":
                _, _, stat = Path(f"/proc/{number}/stat").read_text().rpartition(")")
                user, system, runs_user, runs_system = map(int, stat.split()[11:15])
                own += user + system
                run += runs_user + runs_system
        ticks = os.sysconf("SC_CLK_TCK")
        return own / ticks, run / ticks

    def objects(self) -> dict[str, str]:
        """What the configuration makes, without a daemon: name -> type and attributes."""
        with tempfile.TemporaryDirectory(prefix="icinga-") as temporary:
            self.directory = Path(temporary)
            self.configure()
            options = ["-C"]
            if "--dump-objects" in self._run(*self.icinga("daemon", "--help")).stdout:
                options.append("--dump-objects")  # since Icinga 2.14
            for command in (self.daemon(*options), self.icinga("object", "list")):
                done = self._run(*command)
                if done.returncode:
                    raise RuntimeError(done.stdout)
        listed = re.split(r"(?m)^Object '(.*?)' of type ", done.stdout)
        return dict(zip(listed[1::2], listed[2::2]))

    def ask(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """Ask the API: POST if there are data, else GET."""
        with self.open(path, data) as response:
            return json.load(response)

    def open(
        self, path: str, data: dict[str, Any] | None = None, timeout: float | None = 10
    ) -> HTTPResponse:
        authority = self.directory / "data/certs/ca.crt"
        context = ssl.create_default_context(cafile=str(authority))
        context.check_hostname = False  # the certificate is for the name, not the address
        password = base64.b64encode(f"test:{self.identity}".encode()).decode()
        request = urllib.request.Request(
            f"https://{self.address}:{self.port}/v1/{path}",
            data=None if data is None else json.dumps(data).encode(),
            headers={"Accept": "application/json", "Authorization": f"Basic {password}"},
        )
        # Past any proxy that the environment names.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        response: HTTPResponse = opener.open(request, timeout=timeout)
        return response

    def _answers(self) -> bool:
        try:
            return bool(self.ask("status/IcingaApplication"))
        except (OSError, ValueError):
            return False

    def services(self) -> dict[str, dict[str, Any]]:
        """The services that contrib/icinga2.conf made: HOST!SERVICE -> attributes."""
        found = self.ask("objects/services")["results"]
        return {
            service["name"]: service["attrs"]
            for service in found
            if service["attrs"]["check_command"] in ("reverse_mx", "dummy")
        }

    def services_by_feed(self) -> dict[str, dict[str, Any]]:
        """The services that contrib/icinga2-feed.conf made: HOST!SERVICE -> attributes."""
        fed = urllib.parse.quote('regex("^rdns-|^reverse-mx-feed$", service.name)')
        found = self.ask(f"objects/services?attrs=last_check_result&filter={fed}")["results"]
        return {service["name"]: service["attrs"] for service in found}

    def restart(self) -> None:
        """End it at once, and start it anew at the same port."""
        self.kill()
        super()._stop()
        self._start()
        wait_for(self._answers, "Icinga has not come back")

    def check_now(self) -> None:
        """Have each of them checked, now. wait_until_checked waits for that."""
        self.began = time.time()
        everything = {
            "type": "Service",
            "filter": 'service.check_command in [ "reverse_mx", "dummy" ]',
            "force": True,
        }
        self.ask("actions/reschedule-check", everything)

    def wait_until_checked(self) -> None:
        def checked() -> bool:
            results = [service["last_check_result"] for service in self.services().values()]
            return all(result and result["execution_start"] > self.began for result in results)

        wait_for(checked, "Icinga has not checked all services")

    def result(self, name: str) -> Result:
        last = self.services()[name]["last_check_result"]
        return Result(int(last["state"]), last["output"].rstrip(), last["performance_data"])


# No more than contrib/icinga2.conf needs. There is no conf.d, as "icinga2 node setup" leaves it.
BARE_ICINGA2_CONF = """\
include "constants.conf"
include "zones.conf"
include <itl>
include "features-enabled/*.conf"
"""


def commented(text: str, mark: str) -> str:
    """The text that stands in comments, five characters in."""
    return "".join(re.findall(rf"(?m)^{re.escape(mark)} {{5}}(.*\n)", text))


def zone_layout() -> tuple[str, str]:
    """The zones.conf and the hosts.conf that the comments of contrib/icinga2.conf have."""
    _, _, layout = ICINGA_CONF.read_text("utf-8").partition(" * zones.conf on the master")
    zones, _, hosts = layout.partition(" * zones.d/satellites/hosts.conf")
    return commented(zones, " *"), commented(hosts, " *")


class Nagios(Scheduler):
    """Nagios 4 with Debian's configuration, contrib/nagios.cfg, and services."""

    def __init__(
        self, folder: Path, python: Path, services: str, settings: Sequence[str] = ()
    ) -> None:
        super().__init__(folder, python)
        self.objects = services
        self.settings = settings

    def prepare(self) -> None:
        super().prepare()
        samples = self.folder / "root/etc/nagios4"
        objects = self.directory / "objects"
        objects.mkdir()
        for name in ("commands", "contacts", "timeperiods", "templates"):
            shutil.copy(samples / f"objects/{name}.cfg", objects)
        shutil.copy(NAGIOS_CFG, objects / "check_reverse_mx.cfg")
        (objects / "test.cfg").write_text(self.objects)
        (self.directory / "resource.cfg").write_text(f"$USER1$={self.plugins}\n")
        for name in ("archives", "rw", "results"):
            (self.directory / name).mkdir()
        ours = [
            f"cfg_dir={objects}",
            f"resource_file={self.directory}/resource.cfg",
            f"log_file={self.directory}/nagios.log",
            f"object_cache_file={self.directory}/objects.cache",
            f"precached_object_file={self.directory}/objects.precache",
            f"status_file={self.status_file}",
            f"command_file={self.directory}/rw/nagios.cmd",
            f"lock_file={self.directory}/nagios.pid",
            f"temp_file={self.directory}/nagios.tmp",
            f"temp_path={self.directory}",
            f"log_archive_path={self.directory}/archives",
            f"check_result_path={self.directory}/results",
            f"state_retention_file={self.directory}/retention.dat",
            f"debug_file={self.directory}/nagios.debug",
            f"query_socket={self.directory}/rw/nagios.qh",
            f"nagios_user={pwd.getpwuid(os.geteuid()).pw_name}",
            f"nagios_group={grp.getgrgid(os.getegid()).gr_name}",
            # It would ask the makers for a newer one; mail would be sent.
            "check_for_updates=0",
            "enable_notifications=0",
            "use_syslog=0",
            # Seconds from one first check to the next: soon, but not all at once.
            "service_inter_check_delay_method=0.4",
            "max_service_check_spread=1",
            "check_result_reaper_frequency=1",
            "status_update_interval=1",
            "check_workers=2",
            "process_performance_data=1",
            f"service_perfdata_file={self.perfdata_file}",
            "service_perfdata_file_template=$HOSTNAME$!$SERVICEDESC$\\t$SERVICEPERFDATA$",
            "service_perfdata_file_mode=a",
            *self.settings,
        ]
        keys = {line.partition("=")[0] for line in ours} | {"cfg_file"}
        stock = (samples / "nagios.cfg").read_text().splitlines()
        kept = [line for line in stock if line.partition("=")[0] not in keys]
        (self.directory / "nagios.cfg").write_text("\n".join([*kept, *ours, ""]))

    @property
    def status_file(self) -> Path:
        return self.directory / "status.dat"

    @property
    def perfdata_file(self) -> Path:
        return self.directory / "perfdata"

    def command(self) -> Sequence[str | Path]:
        return [binary(self.folder, "nagios4"), self.directory / "nagios.cfg"]

    def _answers(self) -> bool:
        return self.status_file.exists()

    def services(self) -> dict[str, dict[str, str]]:
        """HOST!SERVICE -> what status.dat has of it."""
        found = {}
        for block in re.findall(
            r"(?ms)^servicestatus \{\n(.*?)^\t\}", self.status_file.read_text()
        ):
            attributes = dict(re.findall(r"(?m)^\t(\w+)=(.*)$", block))
            name = f"{attributes['host_name']}!{attributes['service_description']}"
            found[name] = attributes
        return found

    def wait_until_checked(self) -> None:
        def checked() -> bool:
            services = self.services().values()
            return bool(services) and all(service["last_check"] != "0" for service in services)

        wait_for(checked, "Nagios has not checked all services")

    def result(self, name: str) -> Result:
        return self.results()[name]

    def results(self) -> dict[str, Result]:
        found = {}
        for name, service in self.services().items():
            long = service["long_plugin_output"].replace("\\n", "\n")
            text = f"{service['plugin_output']}\n{long}".rstrip()
            perfdata = service["performance_data"].split()
            found[name] = Result(int(service["current_state"]), text, perfdata)
        return found

    def perfdata(self, name: str) -> list[list[str]]:
        """The performance data that were written for a service, check by check."""
        lines = [line.partition("\t") for line in self.perfdata_file.read_text().splitlines()]
        return [data.split() for service, _, data in lines if service == name]


# For what shall not keep the tests' own name servers from answering.
NICE = ("nice", "-n", "10")


class DirectNagios(Nagios):
    """A Nagios that reads from the plugin itself: how a run ends is the plugin's own end."""

    wrapper = f"#!/bin/sh\nexec {COMMAND}\n"

    def command(self) -> Sequence[str | Path]:
        return [*NICE, *super().command()]
