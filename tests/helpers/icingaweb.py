"""Icinga Web as Debian has it, in a chroot, with all that stands behind it, and nothing set up.

    with IcingaWeb(FOLDER) as web:
        web.follow_guide()
        page = web.page("icingadb/services", {"limit": "100"}, width=500)

Icinga 2 writes to Icinga DB and to Graphite, the Director is empty but for what its kickstart
wizard takes over from Icinga, and the plugin is installed, from a copy of this repository in the
folder check_reverse_mx. The user of the pages is the administrator; there is no login.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import textwrap
import time
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests import ROOT
from tests.helpers.browser import Browser, Page
from tests.helpers.chroot import Chroot
from tests.helpers.schedulers import wait_for

PACKAGES = (
    "chromium",
    "curl",
    "fonts-dejavu-core",
    "graphite-carbon",
    "graphite-web",
    "gunicorn",
    "icinga2",
    "icingacli",
    "icingadb",
    "icingadb-web",
    "icingaweb2",
    "icingaweb2-module-director",
    "icingaweb2-module-graphite",
    "icingaweb2-module-monitoring",
    "mariadb-server",
    "monitoring-plugins-basic",
    "php-cli",
    "php-curl",
    "php-gd",
    "php-intl",
    "php-mbstring",
    "php-mysql",
    "php-xml",
    "procps",
    "python3-dnspython",
    "python3-nagiosplugin",
    "redis-server",
)
# What the guide has checked: a sound domain, one without a PTR record, and one with many problems.
GUIDE = (ROOT / "docs" / "icinga-web.md").read_text("utf-8")
DOMAINS = ("example.com", "example.net", "example.org")
ZONE = """\
com.                     SOA  ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60
net.                     SOA  ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60
org.                     SOA  ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60
example.                 SOA  ns.nic.example. hostmaster.nic.example. 1 3600 600 86400 60
example.org.             SOA  ns.example.org. hostmaster.example.org. 1 3600 600 86400 60
isp.example.             SOA  ns.isp.example. hostmaster.isp.example. 1 3600 600 86400 60
2.0.192.in-addr.arpa.    SOA  ns.isp.example. hostmaster.isp.example. 7 3600 600 86400 60
2.0.192.in-addr.arpa.    NS   ns.isp.example.
ns.isp.example.          A    198.51.100.53
example.com.             MX   10 mail.example.com.
mail.example.com.        A    192.0.2.10
10.2.0.192.in-addr.arpa. PTR  mail.example.com.
example.net.             MX   10 mail.example.net.
mail.example.net.        A    192.0.2.25
example.org.             MX   10 mx1.example.org.
example.org.             MX   20 mx2.example.org.
example.org.             MX   30 mx3.example.org.
example.org.             MX   40 mx4.example.org.
mx1.example.org.         A    192.0.2.31
mx2.example.org.         A    192.0.2.32
mx3.example.org.         A    192.0.2.33
32.2.0.192.in-addr.arpa. PTR  host32.isp.example.
33.2.0.192.in-addr.arpa. PTR  other.example.org.
other.example.org.       A    192.0.2.33
"""
# Enough for curves, and for hard states.
CHECKS = 8
# For what takes a moment, unless the machine is busy.
LOAD_SECONDS = 180
HARD_STATES = """\
SELECT COUNT(*) FROM service_state JOIN service ON service.id = service_state.service_id
WHERE service.name LIKE 'Reverse DNS of %' AND state_type = 'hard' AND hard_state = soft_state
"""
DEPLOY = ("icingacli", "director", "config", "deploy")
VALID = "Finished validating the configuration"
LAST = "FROM director_deployment_log ORDER BY id DESC LIMIT 1"

MODULES = ("reactbundle", "incubator", "icingadb", "director", "graphite")
WEB = "http://127.0.0.1:8080"
GRAPHITE = "http://127.0.0.1:8081"
API = "https://127.0.0.1:5665/v1"
CURL = ["curl", "--silent", "--fail", "--insecure", "--user", "director:secret"]
CURL += ["--header", "Accept: application/json"]
# While it loads a new configuration Icinga answers nobody.
CURL += ["--retry", "60", "--retry-delay", "1", "--retry-all-errors"]

DATABASES = ("director", "icingadb", "icingaweb2")
RESOURCE = """\
[{name}]
type = "db"
db = "mysql"
host = "localhost"
dbname = "{name}"
username = "root"
password = ""
charset = "{charset}"

"""
ROUTER = """\
<?php
$_SERVER['REMOTE_USER'] = 'admin';
$public = '/usr/share/icingaweb2/public';
$file = $public . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (is_file($file) && substr($file, -4) !== '.php') {
    return false;
}
$_SERVER['SCRIPT_NAME'] = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = "$public/index.php";
require "$public/index.php";
"""
# Path in the chroot -> text. The database asks for no password, and redis has a port of its own.
FILES = {
    "etc/icinga2/conf.d/director.conf": """\
        object ApiUser "director" {
          password = "secret"
          permissions = [ "*" ]
        }
        """,
    "etc/icinga2/features-available/icingadb.conf": """\
        object IcingaDB "icingadb" {
          port = 6380
        }
        """,
    "etc/icingadb/config.yml": """\
        database:
          host: localhost
          database: icingadb
          user: root
          password: none
        redis:
          host: localhost
          port: 6380
        """,
    "etc/icingaweb2/resources.ini": "".join(
        RESOURCE.format(name=name, charset="utf8" if name == "director" else "utf8mb4")
        for name in DATABASES
    ),
    "etc/icingaweb2/config.ini": """\
        [global]
        show_stacktraces = "1"
        config_resource = "icingaweb2"
        module_path = "/usr/share/icingaweb2/modules"
        [logging]
        log = "file"
        level = "WARNING"
        file = "/tmp/icingaweb2.log"
        """,
    "etc/icingaweb2/authentication.ini": '[web server]\nbackend = "external"\n',
    "etc/icingaweb2/roles.ini": '[administrators]\nusers = "admin"\npermissions = "*"\n',
    "etc/icingaweb2/modules/icingadb/config.ini": '[icingadb]\nresource = "icingadb"\n',
    "etc/icingaweb2/modules/icingadb/redis.ini": '[redis1]\nhost = "127.0.0.1"\nport = "6380"\n',
    "etc/icingaweb2/modules/icingadb/commandtransports.ini": """\
        [icinga2]
        transport = "api"
        host = "127.0.0.1"
        port = "5665"
        username = "director"
        password = "secret"
        """,
    "etc/icingaweb2/modules/director/config.ini": '[db]\nresource = "director"\n',
    "etc/icingaweb2/modules/director/kickstart.ini": """\
        [config]
        endpoint = monitoring
        host = 127.0.0.1
        port = 5665
        username = director
        password = secret
        """,
    "etc/icingaweb2/modules/graphite/config.ini": f'[graphite]\nurl = "{GRAPHITE}"\n',
    # A value for each check, however soon the next one comes.
    "etc/carbon/storage-schemas.conf": "[all]\npattern = .*\nretentions = 1s:1h\n",
    "tmp/router.php": ROUTER,
}
DATABASE = """\
install -d -o mysql /run/mysqld
mariadbd --user=mysql --skip-grant-tables --bind-address=127.0.0.1 \
  --innodb-flush-log-at-trx-commit=0 > /tmp/mariadb.log 2>&1 &
redis-server --port 6380 --save '' > /tmp/redis.log 2>&1 &
until mysqladmin ping > /dev/null 2>&1; do sleep 0.2; done
for name in director icingadb icingaweb2; do
  mysql -e "CREATE DATABASE $name CHARACTER SET utf8mb4"
done
mysql icingadb < /usr/share/icingadb/schema/mysql/schema.sql
mysql icingaweb2 < /usr/share/icingaweb2/schema/mysql.schema.sql
"""
GRAPHITE_WEB = f"""\
sed -i 's/^MAX_CREATES_PER_MINUTE.*/MAX_CREATES_PER_MINUTE = inf/; s/0\\.0\\.0\\.0/127.0.0.1/' \
  /etc/carbon/carbon.conf
mkdir -p /var/lib/graphite/whisper
chown -R _graphite: /var/lib/graphite /var/log/graphite
carbon-cache --config=/etc/carbon/carbon.conf start > /tmp/carbon.log 2>&1
echo "SECRET_KEY = 'secret'" >> /etc/graphite/local_settings.py
cd /tmp
setpriv --reuid _graphite --regid _graphite --clear-groups \
  graphite-manage migrate --run-syncdb --noinput > /tmp/graphite-migrate.log 2>&1
GRAPHITE_SETTINGS_MODULE=local_settings PYTHONPATH=/etc/graphite \
  setpriv --reuid _graphite --regid _graphite --clear-groups \
  gunicorn --workers 2 --bind {GRAPHITE.partition("//")[2]} graphite.wsgi \
  > /tmp/graphite.log 2>&1 &
"""
# The folder is copied because what a package has put there cannot be renamed in an overlay.
ICINGA = """\
cp -a /etc/icinga2 /etc/icinga2.copy
rm -rf /etc/icinga2
mv /etc/icinga2.copy /etc/icinga2
icinga2 api setup --cn monitoring
icinga2 feature enable icingadb graphite
icinga2 feature disable notification
"""
SERVERS = """\
service icinga2 start
icingadb --config /etc/icingadb/config.yml > /tmp/icingadb.log 2>&1 &
cd /usr/share/icingaweb2/public
PHP_CLI_SERVER_WORKERS=4 php -S 127.0.0.1:8080 /tmp/router.php > /tmp/php.log 2>&1 &
"""


class IcingaWeb:
    """All of it, while the context lasts; names are looked up with the name server of the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> IcingaWeb:
        with contextlib.ExitStack() as stack:
            self.chroot = stack.enter_context(Chroot(self.folder, PACKAGES))
            stack.enter_context(self.chroot.name_server(ZONE))
            self._copy_repository()
            self.write(FILES)
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(self.run, (DATABASE, GRAPHITE_WEB, ICINGA)))
            self._set_up()
            self._browser = stack.enter_context(Browser(self.chroot))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _copy_repository(self) -> None:
        copy = self.chroot.root / "root/check_reverse_mx"
        for folder in ("contrib", "reverse_mx", "tools"):
            shutil.copytree(ROOT / folder, copy / folder)
        for file in ("check_reverse_mx.py", "Makefile"):
            shutil.copy(ROOT / file, copy)
        self.run(
            "python3 check_reverse_mx/tools/one_file.py /usr/lib/nagios/plugins/check_reverse_mx"
        )

    def _set_up(self) -> None:
        self.run(f"for module in {' '.join(MODULES)}; do icingacli module enable $module; done")
        self.run(SERVERS)
        self.run("icingacli director migration run")
        self.ask("status")
        self.run("icingacli director kickstart run")

    def write(self, files: dict[str, str]) -> None:
        """Write files, which everybody may read: path in the chroot -> text."""
        for path, text in files.items():
            file = self.chroot.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        self.run("chmod -R a+rX /etc/icingaweb2")

    def run(self, commands: str) -> str:
        """Run shell commands, which must succeed, and return what they write."""
        return self.chroot.run("sh", "-ec", commands).stdout

    def sql(self, database: str, query: str) -> list[list[str]]:
        """What a database says."""
        answer = self.chroot.run("mysql", "--skip-column-names", database, "--execute", query)
        return [line.split("\t") for line in answer.stdout.splitlines()]

    def ask(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """Ask Icinga's API: POST if there are data, else GET."""
        post = () if data is None else ("--request", "POST", "--data", json.dumps(data))
        return json.loads(self.chroot.run(*CURL, *post, f"{API}/{path}").stdout)

    def services(self) -> dict[str, dict[str, Any]]:
        """The services with the command of check_reverse_mx: name -> attributes."""
        found = [service["attrs"] for service in self.ask("objects/services")["results"]]
        return {one["name"]: one for one in found if one["check_command"] == "reverse_mx"}

    def check(self) -> None:
        """Check these services now, and wait until they are."""
        began = time.time()
        ours = {"type": "Service", "filter": 'service.check_command == "reverse_mx"'}
        self.ask("actions/reschedule-check", {**ours, "force": True})

        def checked() -> bool:
            results = [service["last_check_result"] for service in self.services().values()]
            return all(result and result["execution_start"] > began for result in results)

        wait_for(checked, "Icinga has not checked all services")

    def deploy(self) -> str:
        """Deploy, and return what the Director's page says of it once Icinga has judged it."""

        def accepted() -> bool:
            # While Icinga loads what was deployed last it takes nothing new.
            return self.chroot.run(*DEPLOY, check=False).returncode == 0

        def restarted() -> bool:
            (status,) = self.ask("status/IcingaApplication")["results"]
            return bool(status["status"]["icingaapplication"]["app"]["program_start"] > began)

        began = time.time()
        wait_for(accepted, "Icinga takes no deployment", LOAD_SECONDS)

        def judged() -> bool:
            self.run("icingacli director config deploymentstatus")
            return self.sql("director", f"SELECT startup_succeeded {LAST}") != [["NULL"]]

        wait_for(judged, "Icinga has not judged the deployment", LOAD_SECONDS)
        ((number,),) = self.sql("director", f"SELECT id {LAST}")
        page = self.page("director/deployment", {"id": number}).text()
        if VALID in page:
            # What is changed before it has read its files again would be in them.
            wait_for(restarted, "Icinga has not loaded the deployment", LOAD_SECONDS)
        return page

    def follow_guide(self) -> None:
        """Do what docs/icinga-web.md says, and have each service checked until it has curves."""
        for commands in re.findall(r"(?ms)^```sh\n(.*?)^```$", GUIDE):
            before, deploy, after = commands.partition(" ".join(DEPLOY))
            self.run(f"cd check_reverse_mx\n{before}")
            if deploy:
                assert VALID in self.deploy()
                assert not after.strip()
        self.run("chmod -R a+rX /etc/icingaweb2")

        def has_services() -> bool:
            return self.services().keys() == {f"Reverse DNS of {domain}" for domain in DOMAINS}

        wait_for(has_services, "Icinga has not the services", LOAD_SECONDS)

        def drawn() -> bool:
            # After it has loaded something Icinga finds Graphite again within ten seconds.
            self.check()
            time.sleep(1.1)  # as Graphite has one value a second
            return all(count >= CHECKS for count in self._points())

        def hard() -> bool:
            return self.sql("icingadb", HARD_STATES) == [[str(len(DOMAINS))]]

        wait_for(drawn, "Graphite does not have the values", LOAD_SECONDS)
        wait_for(hard, "Icinga DB does not have the states", LOAD_SECONDS)

    def _points(self) -> list[int]:
        """How many values Graphite has of each domain."""
        # As Icinga names them: what is no letter, no digit and no hyphen becomes an underscore.
        names = [re.sub("[^A-Za-z0-9-]", "_", f"Reverse DNS of {domain}") for domain in DOMAINS]
        targets = [
            f"target=icinga2.mail-domains.services.{name}.reverse_mx.perfdata.time.value"
            for name in names
        ]
        query = "&".join([*targets, "from=-10min", "format=json"])
        answer = self.chroot.run("curl", "--silent", "--fail", f"{GRAPHITE}/render?{query}").stdout
        series = json.loads(answer)
        counts = [sum(value is not None for value, _ in one["datapoints"]) for one in series]
        return counts if len(counts) == len(names) else [0]

    def page(
        self,
        path: str,
        query: Mapping[str, str],
        width: int = 1280,
        height: int = 900,
    ) -> Page:
        """A page of Icinga Web."""
        return self._browser.open(
            f"{WEB}/{path}?{urllib.parse.urlencode(query, quote_via=urllib.parse.quote)}",
            width=width,
            height=height,
        )
