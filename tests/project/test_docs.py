"""The documentation against the code: what stands in both must be the same.

What README.md and docs/ have between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` is made
here, unless it was measured; ``make docs`` makes it anew where it differs.
"""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import check_reverse_mx
from reverse_mx.arguments import range_argument, state_argument
from reverse_mx.findings import FINDINGS, PERFDATA
from reverse_mx.options import Extend, make_parser
from tests import ROOT
from tests.helpers.alone import be_alone
from tests.helpers.figures import DOCS, blocks, write_block
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess
from tests.trials import demo

README = ROOT / "README.md"
DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]
ICINGA = ROOT / "contrib" / "icinga2.conf"

WITHOUT_PTR = """\
example.com.       MX    10 mail.example.com.
mail.example.com.  A     192.0.2.25
mail.example.com.  AAAA  2001:db8::25
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.example.com.
2.0.192.in-addr.arpa.  SOA  ns.isp.example. hostmaster.isp.example. 7 3600 600 86400 60
2.0.192.in-addr.arpa.  NS   ns.isp.example.
ns.isp.example.        A    198.51.100.53
"""
SOUND = WITHOUT_PTR + "25.2.0.192.in-addr.arpa. PTR mail.example.com."

SIX_ENDS = """\
2.0.192.in-addr.arpa.  SOA  ns.isp.example. noc.isp.example. 7 3600 600 86400 60
2.0.192.in-addr.arpa.  NS   ns.isp.example.
example.net.  MX  10 a.example.net.
example.net.  MX  20 b.example.net.
example.net.  MX  30 c.example.net.
example.net.  MX  40 d.example.net.
example.net.  MX  50 e.example.net.
example.net.  MX  60 f.example.net.
a.example.net.  A  192.0.2.1
b.example.net.  A  192.0.2.2
c.example.net.  A  192.0.2.3
d.example.net.  A  192.0.2.4
e.example.net.  A  192.0.2.5
f.example.net.  A  192.0.2.6
2.2.0.192.in-addr.arpa.  TXT  "no PTR here"
! 3.2.0.192.in-addr.arpa. PTR rcode SERVFAIL 6 signature expired
! 4.2.0.192.in-addr.arpa. PTR rcode REFUSED
! 5.2.0.192.in-addr.arpa. PTR referral ns.example.
! 6.2.0.192.in-addr.arpa. PTR drop
"""


# What is generated


def run(zone: str, *arguments: str) -> str:
    """The output of the plugin as with a resolver on 127.0.0.1, port 53."""
    with NameServer(zone) as server:
        # With the real clock, so that the times shown are some.
        output = InProcess(real_clock=True).ask(server, *arguments)
    return output.stdout.replace(f"{server.address}#{server.port}", server.address)


def fenced(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def example(zone: str, *arguments: str) -> str:
    output = re.sub(r"(?<=\|) .*", " ...", run(zone, *arguments))
    return fenced(f"$ check_reverse_mx {shlex.join(arguments)}\n{output}")


def ok_and_critical() -> str:
    """What the README shows first: without the performance data, and in less than 80 columns."""
    runs = ((SOUND, ("-d", "example.com")), (WITHOUT_PTR, ("-d", "example.com", "-v")))
    lines = []
    for zone, arguments in runs:
        output = re.sub(r"\s*\| .*", "", run(zone, *arguments))
        lines += [f"$ check_reverse_mx {shlex.join(arguments)}", *output.splitlines()]
    return fenced("\n".join(textwrap.fill(line, 79) for line in lines))


def lookups(zone: str, *arguments: str, which: str = "") -> str:
    """What -vv has more than -v, or of that the walk's own lookups of one type."""
    _, _, text = run(zone, *arguments, "-vv").partition("lookups\n")
    without = "checking disabled" if which else "^"
    lines = "".join(re.findall(rf"(?m)^  {which}(?!.*{without}).*\n", text))
    return fenced(f"$ check_reverse_mx {shlex.join((*arguments, '-vv'))}\n...\nlookups\n{lines}")


def perfdata() -> str:
    arguments = ("-d", "example.com", "-w", "0.5", "-c", "2")
    _, bar, data = run(SOUND, *arguments).partition("|")
    return fenced(f"$ check_reverse_mx {shlex.join(arguments)}\n... {bar}{data}")


def help_text() -> str:
    return fenced(InProcess()("--help", env={"COLUMNS": "80"}).stdout)


def findings() -> str:
    rows = ["| finding | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{finding.name}` | {finding.default} | {finding.when} |"
        for finding in FINDINGS.values()
    ]
    return "\n".join(rows) + "\n"


def requirements() -> str:
    lines = [f"- Python {in_words(options()['python_requires'])}"]
    lines += [f"- {name} {in_words(versions)}" for name, versions in dependencies().items()]
    return "\n".join(lines) + "\n"


def receivers() -> str:
    alike: dict[str, list[str]] = {}
    for finding in FINDINGS.values():
        if finding.reactions:
            reactions = "; ".join(map(str, finding.reactions))
            alike.setdefault(reactions, []).append(f"`{finding.name}`")
    return "".join(f"- {', '.join(names)}: {reactions}\n" for reactions, names in alike.items())


MADE: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"run": ok_and_critical, "requirements": requirements},
    DOCS / "findings.md": {"findings": findings},
    DOCS / "usage.md": {
        "help": help_text,
        "lookups": lambda: lookups(demo.ZONE + demo.OTHER.ptr, "-d", demo.DOMAIN),
    },
    DOCS / "advice.md": {
        "chain": lambda: example(demo.ZONE + demo.OTHER.ptr, "-d", demo.DOMAIN, "-v"),
        "receivers": receivers,
        "outcomes": lambda: lookups(SIX_ENDS, "-d", "example.net", "-t", "2", which="PTR"),
    },
    DOCS / "performance-data.md": {"perfdata": perfdata},
}
MEASURED = {
    DOCS / "performance.md": {"figures"},
    DOCS / "reliability.md": {"fuzz", "properties", "cures", "loss", "interrupts", "mutation"},
    DOCS / "scale.md": {
        f"scale_{part}" for part in ("machine", "rate", "start", "limit", "cost", "feed")
    },
}


def options() -> configparser.SectionProxy:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config["options"]


def dependencies() -> dict[str, str]:
    """The run-time dependencies with their versions, as setup.cfg has them."""
    lines = options()["install_requires"].split()
    matches = [re.fullmatch(r"(?P<name>\w+)(\[\w+\])?(?P<versions>.*)", line) for line in lines]
    return {match["name"]: match["versions"] for match in matches if match}


def in_words(versions: str) -> str:
    words = versions.replace("!=", " but not ")
    return re.sub(r">=([\d.]+)", r"\1 or later", words).replace(" ,", ",")


def comparable(text: str) -> str:
    """The text without what differs from run to run, and from one Python to the next."""
    # On a busy machine a question is asked again before its answer is read.
    text = re.sub(r", \d+ tries", "", text)
    text = re.sub(r"\d+(\.\d+)?(?=s;| ms\b| s\b)", "N", text)
    # Python 3.9 says "optional arguments:", and before 3.13 repeats the metavar for each option.
    text = text.replace("optional arguments:", "options:")
    text = re.sub(r"(?m)^(  -.*)", lambda line: without_metavars(line[1]), text)
    return " ".join(text.split())


def without_metavars(line: str) -> str:
    return re.sub(r"(-[\w-]+) [A-Z][^,]*, (?=-)", r"\1, ", line)


def write() -> None:
    """Make anew what differs."""
    for file, made in MADE.items():
        for name, make in made.items():
            new = make()
            if comparable(new) != comparable(blocks(file)[name]):
                write_block(file, name, new)


# README.md and docs/


@pytest.mark.parametrize(
    ("file", "name"),
    [pytest.param(file, name, id=name) for file, made in MADE.items() for name in made],
)
def test_block_is_what_the_program_says(file: Path, name: str) -> None:
    assert comparable(blocks(file)[name]) == comparable(MADE[file][name]())


def test_documents_have_the_blocks_that_are_made_and_no_others() -> None:
    expected = {**{file: {*made} for file, made in MADE.items()}, **MEASURED}
    found = {file: {*blocks(file)} for file in DOCUMENTS}
    assert {file: names for file, names in found.items() if names} == expected


def test_readme_shows_on_its_first_screen_what_to_run_and_what_comes_of_it() -> None:
    screen = "".join(README.read_text("utf-8").splitlines(keepends=True)[:45])
    assert re.search(r"(?s)```sh\nmake demo .*\nmake test .*```\n.*<!-- run:end -->\n", screen)


def test_readme_fits_a_terminal_but_for_its_tables() -> None:
    lines = README.read_text("utf-8").splitlines()
    assert [line for line in lines if len(line) >= 80 and not line.startswith("|")] == []


def anchors(file: Path) -> set[str]:
    """The headings of a document, as links name them."""
    headings = re.findall(r"(?m)^#+ (.*)", file.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", file.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("file", [*DOCS.glob("*.png")], ids=lambda file: file.name)
def test_pictures_are_small_and_shown(file: Path) -> None:
    assert file.stat().st_size < 60_000
    shown = "".join(document.read_text("utf-8") for document in DOCUMENTS)
    assert re.search(rf"!\[[^]]+\]\((?:docs/)?{re.escape(file.name)}\)", shown)


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_files_that_are_named_exist(file: Path) -> None:
    path = r"(?<![\w/.])(?:contrib|docs|reverse_mx|tests|tools)/[\w/.-]*\w"
    named = re.findall(path, file.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_readme_leads_to_every_document() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text("utf-8"))
    assert {ROOT / link for link in links} >= {*DOCUMENTS} - {README}


def test_performance_data_are_explained_in_their_order() -> None:
    text = (DOCS / "performance-data.md").read_text("utf-8")
    assert tuple(re.findall(r"(?m)^\| `(\w+)` \|", text)) == PERFDATA


def test_findings_and_states_that_are_named_exist() -> None:
    text = "".join(file.read_text("utf-8") for file in (*DOCUMENTS, ICINGA))
    named = re.findall(r"""(?:--state |reverse_mx_state = \[ ")([a-z-]+=[a-z]+)""", text)
    assert named
    for argument in named:
        state_argument(argument)


def test_contributing_says_what_each_make_target_is_for() -> None:
    phony = re.findall(r"(?m)^\.PHONY: (.*)", (ROOT / "Makefile").read_text("utf-8"))
    rows = re.findall(r"(?m)^\| `make (.*)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    inner = {"check-tools", "deb-needs", "venv-works"}
    assert sorted(" ".join(rows).split()) == sorted({*" ".join(phony).split()} - inner)


# setup.cfg, CHANGELOG.md


def test_dependencies_are_the_two_libraries() -> None:
    assert sorted(dependencies()) == ["dnspython", "nagiosplugin"]
    assert len(dependencies()) == len(options()["install_requires"].split())


def pinned(name: str) -> dict[str, str]:
    """What a file of tests/requirements/ pins: package -> version, and that each has a hash."""
    text = (ROOT / "tests" / "requirements" / f"{name}.txt").read_text("utf-8")
    packages = re.split(r"\n(?! )", text.strip())
    assert all("--hash=sha256:" in package for package in packages)
    found = (re.match(r"([\w.-]+)==([^ ]+)", package) for package in packages)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("name", ["run", "docs", "test", "oldest-test", "mutation", "peers"])
def test_what_is_installed_is_pinned_to_hashes(name: str) -> None:
    assert pinned(name)


def test_tests_have_everything_pinned_that_setup_cfg_names() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extra = re.findall(r"(?m)^([\w-]+)", config["options.extras_require"]["test"])
    assert {*dependencies(), *extra} <= pinned("test").keys()


def test_oldest_libraries_tested_are_the_oldest_allowed() -> None:
    oldest = pinned("oldest-test")
    for name, versions in dependencies().items():
        lowest = re.search(r">=([\d.]+)", versions)
        assert lowest
        assert oldest[name] in (lowest[1], f"{lowest[1]}.0")


def test_changelog_begins_with_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"(?m)^## (\S+)", changelog)[0] == check_reverse_mx.__version__


# contrib/icinga2.conf


def parser_options() -> dict[str, argparse.Action]:
    """The options by their longest name, without those that no scheduler uses."""
    return {
        max(action.option_strings, key=len): action
        for action in make_parser(check_reverse_mx.__version__)._actions
        if not {"-h", "-V", "--findings", "--json"} & set(action.option_strings)
    }


def icinga_options() -> dict[str, dict[str, str]]:
    """The table of options: variable -> attributes."""
    options = re.findall(r"(?ms)^  (reverse_mx_\w+) = \{\n(.*?)^  \}", ICINGA.read_text("utf-8"))
    return {name: dict(re.findall(r'(?m)^    (\w+) = "(.+)"$', body)) for name, body in options}


def icinga_type(action: argparse.Action) -> str:
    """The type that an option should have there."""
    if isinstance(action, argparse._StoreConstAction):
        return "switch"
    if isinstance(action, argparse._CountAction):
        return "verbosity"
    if isinstance(action, Extend):
        return "strings"
    return "range" if action.type is range_argument else "number"


def test_icinga_has_every_option_as_the_parser_takes_it() -> None:
    options = icinga_options()
    assert all(len(attributes.pop("description")) > 10 for attributes in options.values())
    assert options.pop("reverse_mx_endpoint") == {"type": "endpoint"}
    short = {"-4": "ipv4", "-6": "ipv6"}
    assert options == {
        f"reverse_mx_{short.get(name, name[2:].replace('-', '_'))}": {
            "argument": name,
            "type": icinga_type(action),
        }
        for name, action in parser_options().items()
    }


def test_icinga_sets_no_defaults_of_its_own_but_one() -> None:
    command = ICINGA.read_text("utf-8").partition('object CheckCommand "reverse_mx" {\n')[2]
    defaults = re.findall(r"(?m)^  vars\b.*", command.partition("\n}\n")[0])
    assert defaults == ['  vars.reverse_mx_verbose = "-v"']


def test_icinga_lets_the_plugin_end_by_itself() -> None:
    timeout = re.search(r"(?m)^  timeout = (\d+)([sm])$", ICINGA.read_text("utf-8"))
    assert timeout
    seconds = int(timeout[1]) * {"s": 1, "m": 60}[timeout[2]]
    assert seconds > make_parser(check_reverse_mx.__version__).get_default("timeout") + 1


# make demo


def test_demo_ends_as_it_says() -> None:
    command = [sys.executable, "-m", "tests.trials.demo"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    codes = re.findall(r"(?m)^exit code (\d)", ended.stdout)
    assert (ended.returncode, codes) == (0, ["0", "2", "2"]), ended.stdout


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(f"usage: {sys.argv[0]} --write")
    be_alone("tests.project.test_docs")
    write()
