"""Real Rspamd and SpamAssassin, which score mail from clients with the reverse DNS of a test.

    scores = judge(FOLDER, [Client("192.0.2.1", "dynamic-1.example.net"), Client("192.0.2.2")])
    scores[0]["Rspamd"]["HFILTER_HOSTNAME_5"]  # [3.0]

They run in namespaces as the receivers do, beside the name servers of these.
"""

from __future__ import annotations

import contextlib
import email
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.helpers.debian import binary, environment
from tests.helpers.receivers import add_addresses, hide_the_machine, name_servers, run_in_namespaces

PORT = 11333
SECONDS = 300  # for a thousand mails; a machine of its own takes 40
HELO = "mx.sender.example"


class Client(NamedTuple):
    """A client, and its name as a mail server has it: none if the PTR name is not confirmed."""

    address: str
    name: str = ""
    helo: str = HELO


# Of each filter the rules that a message meets, and the points that they give: of SpamAssassin in
# each of its four sets, without network tests and with them, then both with Bayes as well.
Scores = dict[str, dict[str, list[float]]]

RSPAMD_CONF = """
lua = "{share}/rules/rspamd.lua"
.include "{etc}/metrics.conf"
.include "{etc}/actions.conf"
.include "{etc}/groups.conf"
.include "{etc}/modules.d/hfilter.conf"
.include "{etc}/modules.d/once_received.conf"
modules {{ path = "{share}/plugins"; }}
lang_detection {{ languages = "{share}/languages"; }}
options {{
  .include "{etc}/options.inc"
  .include(priority=10) "{directory}/options"
}}
logging {{ type = "console"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""
RSPAMD_OPTIONS = """
filters = "";
pidfile = "{directory}/rspamd.pid";
hs_cache_dir = "{directory}";
url_tld = "{directory}/tld";
dns {{ nameserver = ["127.0.0.1"]; }}
"""
MESSAGE = """\
Received: from {helo} ({name} [{address}])
\tby mx.receiver.example (Postfix) with ESMTP id 4ABCDEF12
\tfor <a@receiver.example>; Wed, 25 Nov 2026 22:00:00 +0000 (UTC)
From: user@sender.example
To: a@receiver.example
Subject: hello
Message-ID: <{number}@sender.example>
Date: Wed, 25 Nov 2026 22:00:00 +0000

hello there
"""
SPAMASSASSIN_CONF = """
report_safe 0
fold_headers 0
add_header all Rules _TESTSSCORES(,)_
use_bayes {bayes}
bayes_path {directory}/bayes
bayes_min_ham_num 1
bayes_min_spam_num 1
bayes_auto_learn 0
use_auto_welcomelist 0
dns_available no
"""
PERL = (
    "usr/share/perl5",
    "usr/share/perl/5.*",
    "usr/lib/*/perl5/5.*",
    "usr/lib/*/perl/5.*",
)


def judge(folder: Path, clients: Sequence[Client]) -> list[Scores]:
    """What each filter scores for each client."""
    with tempfile.TemporaryDirectory(prefix="filters-") as temporary:
        directory = Path(temporary)
        (directory / "clients").write_text(json.dumps(clients))
        run_in_namespaces("tests.helpers.filters", folder, directory, SECONDS)
        scores: list[Scores] = json.loads((directory / "scores").read_text())
    return scores


def main(folder: Path, directory: Path) -> None:
    clients = [Client(*client) for client in json.loads((directory / "clients").read_text())]
    hide_the_machine(directory)
    add_addresses()
    with name_servers(folder), rspamd(folder, directory), ThreadPoolExecutor(16) as pool:
        by_rspamd = list(pool.map(rspamd_scores, clients))
    by_spamassassin = spamassassin_scores(folder, directory, clients)
    scores = [{"Rspamd": r, "SpamAssassin": s} for r, s in zip(by_rspamd, by_spamassassin)]
    (directory / "scores").write_text(json.dumps(scores))


@contextlib.contextmanager
def rspamd(folder: Path, directory: Path) -> Iterator[None]:
    root = folder.absolute() / "root"
    share, etc = root / "usr/share/rspamd", root / "etc/rspamd"
    conf = RSPAMD_CONF.format(share=share, etc=etc, directory=directory, port=PORT)
    (directory / "rspamd.conf").write_text(conf)
    (directory / "options").write_text(RSPAMD_OPTIONS.format(directory=directory))
    (directory / "tld").write_text("com\nnet\nexample\n")  # the whole list takes half a minute
    places = {
        "CONFDIR": etc,
        "LOCAL_CONFDIR": directory,
        "DBDIR": directory,
        "RUNDIR": directory,
        "LOGDIR": directory,
        "SHAREDIR": share,
        "PLUGINSDIR": share / "plugins",
        "RULESDIR": share / "rules",
        "LUALIBDIR": share / "lualib",
    }
    variables = {name: str(place) for name, place in places.items()}
    process = subprocess.Popen(
        [
            binary(folder, "rspamd"),
            *("--no-fork", "--insecure", "--config", directory / "rspamd.conf"),
            *(f"--var={name}={place}" for name, place in variables.items()),
        ],
        env={**environment(folder), **variables},
        stdin=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while not answers():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("Rspamd did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def answers() -> bool:
    try:
        return ask("GET", "/ping") == b"pong\r\n"
    except OSError:
        return False


def ask(method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        return connection.getresponse().read()


def rspamd_scores(client: Client) -> dict[str, list[float]]:
    headers = {
        "IP": client.address,
        "Helo": client.helo,
        "From": "user@sender.example",
        "Rcpt": "a@receiver.example",
        # A milter is told "unknown", which Rspamd takes for no name.
        **({"Hostname": client.name} if client.name else {}),
    }
    message = MESSAGE.partition("\nFrom:")[2]
    answer = json.loads(ask("POST", "/checkv2", f"From:{message}".format(number=1), headers))
    return {name: [symbol["score"]] for name, symbol in answer["symbols"].items()}


def spamassassin_scores(
    folder: Path, directory: Path, clients: Sequence[Client]
) -> list[dict[str, list[float]]]:
    """The points of each rule without and with network tests, then both with Bayes as well."""
    mails = [mail(client, number) for number, client in enumerate(clients)]
    for bayes in (0, 1):
        site = directory / f"site{bayes}"
        site.mkdir()
        for file in (folder / "root/etc/spamassassin").glob("*.pre"):
            shutil.copy(file, site)
        conf = SPAMASSASSIN_CONF.format(directory=directory, bayes=bayes)
        (site / "local.cf").write_text(conf)
    for kind, learnt in zip(("ham", "spam"), mails):
        (directory / kind).write_text(learnt.replace("hello", kind))
        perl(folder, directory, "sa-learn", 1, f"--{kind}", "--mbox", kind)

    def rules(bayes: int, given: Iterable[str], *options: str) -> list[dict[str, float]]:
        (directory / "mails").write_text("".join(given))
        options = (*options, "--mbox", "mails")
        return rules_of(perl(folder, directory, "spamassassin", bayes, *options))

    met = rules(0, mails, "--local")
    # What a rule gives is the same for all mails, so one of each kind will do.
    kinds: dict[frozenset[str], str] = {}
    for each, text in zip(met, mails):
        kinds.setdefault(frozenset(each), text)
    some = kinds.values()
    sets = [rules(0, some, "--local"), rules(0, some), rules(1, some, "--local"), rules(1, some)]
    of_kind = dict(zip(kinds, zip(*sets)))
    return [
        {rule: [s.get(rule, 0.0) for s in of_kind[frozenset(each)]] for rule in each}
        for each in met
    ]


def mail(client: Client, number: int) -> str:
    name = client.name or "unknown"
    message = MESSAGE.format(helo=client.helo, name=name, address=client.address, number=number)
    return f"From user@sender.example Wed Nov 25 22:00:00 2026\n{message}\n"


def perl(folder: Path, directory: Path, program: str, bayes: int, *options: str) -> str:
    root = folder.absolute() / "root"
    libraries = [path for pattern in PERL for path in root.glob(pattern)]
    own = ("-C", str(root / "usr/share/spamassassin"), f"--siteconfigpath={directory}/site{bayes}")
    done = subprocess.run(
        [
            *("perl", "-T", *(f"-I{path}" for path in libraries)),
            *(str(binary(folder, program)), *own, "-p", os.devnull, *options),
        ],
        cwd=directory,
        env={**environment(folder), "HOME": str(directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def rules_of(mails: str) -> list[dict[str, float]]:
    """The rules that SpamAssassin put into the headers of each mail, in the order of their ids."""
    rules = {}
    for text in re.split(r"(?m)^From user@.*\n", mails)[1:]:
        message = email.message_from_string(text)
        (number,) = re.findall(r"^<(\d+)@", message["Message-ID"])
        found = re.findall(r"(\w+)=(-?[\d.]+)", message["X-Spam-Rules"])
        rules[int(number)] = {rule: float(points) for rule, points in found}
    return [rules[number] for number in sorted(rules)]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
