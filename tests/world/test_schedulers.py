"""contrib/ in the real Icinga 2 and Nagios 4: what the plugin printed is what they have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests import ROOT
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import PYTHONS, Program, without_times
from tests.helpers.realservers import FOLDER
from tests.helpers.schedulers import (
    BARE_ICINGA2_CONF,
    NICE,
    DirectNagios,
    Icinga,
    Nagios,
    Result,
    Run,
    Scheduler,
    commented,
    wait_for,
    zone_layout,
)

ICINGA_CONF = (ROOT / "contrib" / "icinga2.conf").read_text("utf-8")
NAGIOS_CFG = (ROOT / "contrib" / "nagios.cfg").read_text("utf-8")
NEWEST = PYTHONS["newest"]

ZONE = """\
ok.example.             MX   10 mail.ok.example.
mail.ok.example.        A    192.0.2.1
1.2.0.192.in-addr.arpa. PTR  mail.ok.example.
warning.example.        MX   10 mail.warning.example.
mail.warning.example.   A    192.0.2.2
2.2.0.192.in-addr.arpa. PTR  other.warning.example.
other.warning.example.  A    192.0.2.2
critical.example.       MX   10 mail.critical.example.
mail.critical.example.  A    192.0.2.3
! unknown.example. MX drop
silent.example.         MX   10 mail.silent.example.
mail.silent.example.    A    192.0.2.3
mail.silent.example.    A    192.0.2.4
! 4.2.0.192.in-addr.arpa. PTR drop
"""
# With -v more than the 8 KB at which older schedulers cut, of few lookups.
LONG = ".".join(letter * 60 for letter in "abc") + ".example"
ZONE += "".join(
    f"{LONG}. MX 10 m{n}.{LONG}.\nm{n}.{LONG}. A 192.0.2.{n}\n" for n in range(100, 120)
)

STATES = {
    "ok.example": (0, "REVERSE_MX OK - ok.example: 1 mail host, 1 address, reverse DNS matches"),
    "warning.example": (
        1,
        "REVERSE_MX WARNING - warning.example: 192.0.2.2 (mail.warning.example) has PTR"
        " other.warning.example, not the name of the mail host [name-mismatch]",
    ),
    "critical.example": (
        2,
        "REVERSE_MX CRITICAL - critical.example: 192.0.2.3 (mail.critical.example) has no PTR"
        " record (NXDOMAIN) [missing-ptr]",
    ),
    "unknown.example": (3, "REVERSE_MX UNKNOWN - unknown.example: MX lookup timed out"),
}
# The plugin's own time, so that nobody waits for what shall not be answered.
SECONDS = {"unknown.example": 5}
KNOWN = "192.0.2.3 (mail.silent.example) has no PTR record (NXDOMAIN) [missing-ptr]"


def delivered(scheduler: Scheduler, result: Result) -> bool:
    """Whether that is what a run of the plugin gave."""
    return result in [Result(run.code, run.text, run.perfdata) for run in scheduler.runs()]


@pytest.fixture(scope="module")
def nameserver() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


# Icinga 2

# By case: the variables of a domain that does not exist, and the arguments that they make.
FLAGS = {
    "ipv4": "-4",
    "ipv6": "-6",
    "no_reverse": "--no-reverse",
    "spf": "--spf",
    "smtp": "--smtp",
    "authoritative": "--authoritative",
}
ARGUMENTS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "domain": ('domain = "a.test"', {"--domain": ["a.test"]}),
    "domains": ('domain = [ "a.test", "b.test" ]', {"--domain": ["a.test", "b.test"]}),
    "servers": (
        'server = [ "127.0.0.1", "127.0.0.2" ]',
        {"--server": ["127.0.0.1", "127.0.0.2"]},
    ),
    "fraction": ("warning = 0.5", {"--warning": ["0.500000"]}),
    "integer": ("warning = 5", {"--warning": ["5"]}),
    "small": ("warning = 0.05", {"--warning": ["0.050000"]}),
    "range": ('warning = "0.01:2"', {"--warning": ["0.01:2"]}),
    "critical": ("critical = 2.25", {"--critical": ["2.250000"]}),
    "timeout": ("timeout = 7.5", {"--timeout": ["7.500000"]}),
    "state": ('state = "spf-error=ok"', {"--state": ["spf-error=ok"]}),
    "states": (
        'state = [ "spf-error=ok", "too-many=ok" ]',
        {"--state": ["spf-error=ok", "too-many=ok"]},
    ),
    "sender": ('sender = "mail.ok.example"', {"--sender": ["mail.ok.example"]}),
    "senders": (
        'sender = [ "mail.ok.example", "192.0.2.1=mail.ok.example" ]',
        {"--sender": ["mail.ok.example", "192.0.2.1=mail.ok.example"]},
    ),
    "sender-helo": (
        'sender = "mail.ok.example=mail.ok.example"',
        {"--sender": ["mail.ok.example=mail.ok.example"]},
    ),
    "ignore": ('ignore = "*.a.test"', {"--ignore": ["*.a.test"]}),
    "ignored": ('ignore = [ "*.a.test", "10.0.0.0/8" ]', {"--ignore": ["*.a.test", "10.0.0.0/8"]}),
    "smtp-port": ("smtp_port = 2525", {"--smtp-port": ["2525"]}),
    "verbose": ('verbose = "-vv"', {"--verbose": ["-vv"]}),
    "verbose-number": ("verbose = 3", {"--verbose": ["-v", "-v", "-v"]}),
    "verbose-true": ("verbose = true", {"--verbose": ["-v"]}),
    "verbose-false": ("verbose = false", {"--verbose": []}),
    "dropped": ("verbose = []", {"--verbose": []}),
    "macros": (
        'port = "$host.vars.own_port$", reverse_mx_spf = "$host.vars.own_switch$",'
        ' reverse_mx_sender = {{ "mail.ok.example" }}',
        {"--spf": [""], "--sender": ["mail.ok.example"]},
    ),
    **{f"{flag}": (f"{flag} = true", {option: [""]}) for flag, option in FLAGS.items()},
    **{f"no-{flag}": (f"{flag} = false", {}) for flag in FLAGS},
}


# Typing mistakes. Of each value what the text shows of it, by how it stands in a configuration.
VALUES = {
    '"yes"': '"yes"',
    "5": "5",
    "true": "true",
    "null": "null",
    '[ "a", "b" ]': "an array",
    "[ 5 ]": "an array",
    "[ [] ]": "an array",
    '{ "a" = "b" }': "a dictionary",
    '[ { "a" = "b" } ]': "an array",
}
# By type of option: which of them are mistakes, and what is expected.
TYPES = {
    "strings": (set(VALUES) - {'"yes"', '[ "a", "b" ]'}, "a string, or an array of strings"),
    "number": (set(VALUES) - {"5"}, "a number"),
    "range": (set(VALUES) - {'"yes"', "5"}, "a number, or a range in quotes"),
    "switch": (set(VALUES) - {"true"}, "true or false, without quotes"),
    "verbosity": (
        set(VALUES) - {"true"},
        'true or false, a number from 0 to 3, or "-v", "-vv" or "-vvv"',
    ),
    "endpoint": (set(VALUES), "an endpoint of the host's zone, or of one right below it"),
}
OPTIONS = dict(
    re.findall(
        r'(?m)^  (reverse_mx_\w+) = \{\n(?:    argument.*\n)?    type = "(\w+)"', ICINGA_CONF
    )
)
ALL = ", ".join(sorted(OPTIONS))
OWN = "variables of your own go into vars = {}"
QUOTES = 'a domain stands in quotes: vars.mail_domains["example.com"]'
SINGLE_DOLLAR = " has a single $; expected $$, or a macro as in $address$"
NO_DOMAIN = "this is no domain; expected one, or a name without ! and with reverse_mx_domain"


class Mistake(NamedTuple):
    """What is typed, the domain or variable whose service tells it, and what it tells."""

    typed: str
    of: str
    told: str


def in_settings(settings: str, *told: str) -> Mistake:
    return Mistake(f'vars.mail_domains["a.test"] = {settings}', "a.test", "\n".join(told))


def of_domain(domain: str) -> Mistake:
    return Mistake(f'vars.mail_domains["{domain}"] = {{}}', domain, NO_DOMAIN)


def of_variable(name: str, expected: str, value: str = '"a"') -> Mistake:
    return Mistake(f'vars["{name}"] = {value}', name, f"{name} is unknown; expected {expected}")


def of_domains(value: str, shown: str) -> Mistake:
    told = (
        f'mail_domains is {shown}; expected a dictionary: vars.mail_domains["example.com"] = {{}}'
    )
    return Mistake(f"vars.mail_domains = {value}", "mail_domains", told)


def settings_are(value: str, shown: str) -> Mistake:
    return in_settings(value, f"its settings are {shown}; expected a dictionary, {{}} for none")


# By case, which is also the name of the host.
MISTAKES: dict[str, Mistake] = {
    "domains-string": of_domains('"a.test"', '"a.test"'),
    "domains-array": of_domains('[ "a.test" ]', "an array"),
    "domains-true": of_domains("true", "true"),
    "domains-number": of_domains("1", "1"),
    "domains-function": of_domains("{{ 1 }}", "a function"),
    **{
        f"near-{name}": of_variable(name, "mail_domains", "{}")
        for name in (
            "mail_domain",
            "maildomains",
            "maildomain",
            "mail-domains",
            "mail domains",
            "Mail_Domains",
            "MAIL_DOMAINS",
            "mail_domian",
            "mail_domians",
            "mial_domains",
            "mal_domains",
            "mails_domains",
            "mail_doamins",
            "mail_domainss",
            "mail_domains ",
        )
    },
    "unknown-variable": of_variable("reverse_mx_stat", "reverse_mx_state"),
    "unknown-plural": of_variable("reverse_mx_servers", "reverse_mx_server"),
    "unknown-case": of_variable("Reverse_MX_Server", "reverse_mx_server"),
    "unknown-dashes": of_variable("reverse-mx-no-reverse", "reverse_mx_no_reverse"),
    "unknown-dollar": of_variable("reverse_mx_x$", ALL),
    "unknown-mark": of_variable("reverse_mx_x!", ALL),
    "unknown-altogether": of_variable("reverse_mx_foo", ALL),
    "settings-true": settings_are("true", "true"),
    "settings-string": settings_are('"a"', '"a"'),
    "settings-number": settings_are("0.5", "0.5"),
    "settings-null": settings_are("null", "null"),
    "settings-array": settings_are("[ 1 ]", "an array"),
    "settings-function": settings_are("{{ 1 }}", "a function"),
    "unprefixed": in_settings(
        '{ state = "spf-error=ok" }', f"state is unknown; expected reverse_mx_state; {OWN}"
    ),
    "unknown-setting": in_settings(
        "{ reverse_mx_timeouts = 1 }",
        f"reverse_mx_timeouts is unknown; expected reverse_mx_timeout; {OWN}",
    ),
    "unknown-word": in_settings("{ keys = 1 }", f"keys is unknown; expected {ALL}; {OWN}"),
    "own-variables": in_settings("{ vars = 1 }", f"vars is 1; expected a dictionary; {OWN}"),
    "two-at-once": in_settings(
        '{ reverse_mx_smtp = "on", ipv = 4 }',
        f"ipv is unknown; expected reverse_mx_ipv4, reverse_mx_ipv6; {OWN}",
        'reverse_mx_smtp is "on"; expected true or false, without quotes',
    ),
    "single-dollar": in_settings(
        '{ reverse_mx_sender = "a$.test" }', f"reverse_mx_sender{SINGLE_DOLLAR}"
    ),
    "single-dollar-of-several": in_settings(
        '{ reverse_mx_state = [ "a=ok", "$" ] }', f"reverse_mx_state{SINGLE_DOLLAR}"
    ),
    "single-dollar-of-ones-own": in_settings(
        '{ vars = { a = "$", b = { c = "$" }, d = "$$" } }',
        f"in vars, a{SINGLE_DOLLAR}",
        f"in vars, b{SINGLE_DOLLAR}",
    ),
    "single-dollar-of-a-domain": of_domain("a$.test"),
    "option-among-ones-own": in_settings(
        '{ vars = { reverse_mx_timeout = "90s" } }',
        'in vars, reverse_mx_timeout is "90s"; expected a number',
    ),
    # Icinga leaves out all services of a host whose rule meets an error, without a word.
    **{
        f"name-of-a-method-{name}": in_settings(
            f"{{ {name} = 1 }}", f"{name} is unknown; expected {ALL}; {OWN}"
        )
        for name in ("keys", "values", "remove")
    },
    "no-quotes": Mistake(
        "vars.mail_domains.a.test = {}", "a", f"test is unknown; expected {ALL}; {QUOTES}"
    ),
    "no-domain": of_domain(""),
    "blank-before": of_domain(" a.test"),
    "blank-behind": of_domain("a.test "),
    "two-domains": of_domain("a.test b.test"),
    "exclamation-mark": of_domain("a.test!"),
    "unit": in_settings(
        '{ reverse_mx_timeout = "90s" }', 'reverse_mx_timeout is "90s"; expected a number'
    ),
    "verbosity": in_settings(
        "{ reverse_mx_verbose = 4 }", f"reverse_mx_verbose is 4; expected {TYPES['verbosity'][1]}"
    ),
    "endpoint": in_settings(
        '{ reverse_mx_endpoint = "agent.example" }',
        f'reverse_mx_endpoint is "agent.example"; expected {TYPES["endpoint"][1]}',
    ),
    "endpoint-elsewhere": in_settings(
        '{ reverse_mx_endpoint = "elsewhere.example" }',
        f'reverse_mx_endpoint is "elsewhere.example"; expected {TYPES["endpoint"][1]}',
    ),
}
# The same mistakes of type in the settings of a domain and in a variable of a host.
for option, of_type in OPTIONS.items():
    for number, value in enumerate(sorted(TYPES[of_type][0])):
        told = f"{option} is {VALUES[value]}; expected {TYPES[of_type][1]}"
        MISTAKES[f"{option}-{number}"] = in_settings(f"{{ {option} = {value} }}", told)
        MISTAKES[f"{option}-{number}-host"] = Mistake(f"vars.{option} = {value}", option, told)

ELSEWHERE = """\
object Endpoint "elsewhere.example" {
}
object Zone "elsewhere" {
  endpoints = [ "elsewhere.example" ]
}
"""


# Each check once, when check_now asks for it.
BY_HAND = """
object IcingaApplication "app" {
  enable_host_checks = false
  enable_service_checks = false
}
"""


# What is right beside mistakes, and what is the user's own.
RIGHT = """\
vars.mail_domains["a.test"] = { vars.reverse_mx_team = "mail", vars.sla = "gold" }
vars.mail_domains["b.test"] = true
vars.mail_domains["c.test"] = { vars = { keys = 1, values = {{ 1 }}, remove = "$name$" } }
vars.mail_domains["$d"] = { reverse_mx_domain = "d.test" }
vars.reverse_mx_stat = "spf-error=ok"
vars.mail_admins = "root"
vars.mail_domains_of = "a.test"
vars.main_domain = "a.test"
vars.reverse_mx = { "a.test" = true }
"""


def icinga_files(hosts: str) -> dict[str, str]:
    return {
        "conf.d/app.conf": BY_HAND,
        "conf.d/check_reverse_mx.conf": ICINGA_CONF,
        "conf.d/test.conf": hosts,
    }


def icinga_host(server: NameServer, name: str, domains: Mapping[str, str], more: str = "") -> str:
    lines = [
        f'object Host "{name}" {{',
        'check_command = "dummy"',
        f'vars.reverse_mx_server = "{server.address}"',
        f"vars.reverse_mx_port = {server.port}",
        *(f'vars.mail_domains["{domain}"] = {{ {text} }}' for domain, text in domains.items()),
        more,
        "}",
    ]
    return "\n".join(lines) + "\n"


def bare_host(name: str, text: str) -> str:
    return f'object Host "{name}" {{\ncheck_command = "dummy"\n{text}\n}}\n'


def make_icinga(nameserver: NameServer) -> Icinga:
    states = {d: f"reverse_mx_timeout = {SECONDS[d]}" if d in SECONDS else "" for d in STATES}
    arguments = {f"{case}.test": f"reverse_mx_{text}" for case, (text, _) in ARGUMENTS.items()}
    own = f"vars.own_port = {nameserver.port}\nvars.own_switch = true"
    silent = 'reverse_mx_domain = "silent.example", '
    times = {
        "time-30.test": "reverse_mx_timeout = 30",
        "time-90.test": "reverse_mx_timeout = 90",
        "numbers.test": 'reverse_mx_domain = "ok.example", reverse_mx_warning = 0.5,'
        " reverse_mx_critical = 2.25, reverse_mx_timeout = 9.5",
        "plain.test": f'reverse_mx_domain = "{LONG}", reverse_mx_verbose = []',
    }
    impatient = {
        "shorter": silent + "reverse_mx_timeout = 6",
        "longer": silent + "reverse_mx_timeout = 30",
    }
    rule = (
        'apply Service "impatient-" for (domain => settings in host.vars.impatient) {\n'
        'import "reverse-mx"\nvars += settings\ncheck_timeout = 10\nassign where true\n}\n'
    )
    more = "".join(f'vars.impatient["{name}"] = {{ {text} }}\n' for name, text in impatient.items())
    example = commented(ICINGA_CONF.partition("object CheckCommand")[0], " *").replace(
        '"192.0.2.53"', f'"{nameserver.address}"\nvars.reverse_mx_port = {nameserver.port}'
    )
    hosts = (
        icinga_host(nameserver, "states", {**states, "silent.example": "", LONG: ""})
        + icinga_host(nameserver, "arguments", arguments, own)
        + icinga_host(nameserver, "times", times, more)
        + icinga_host(nameserver, "slow", {"a.test": ""}, "vars.reverse_mx_timeout = 120")
        + icinga_host(nameserver, "talkative", {"a.test": ""}, "vars.reverse_mx_verbose = 2")
        + icinga_host(nameserver, "right", {}, RIGHT)
        + "".join(bare_host(name, mistake.typed) for name, mistake in MISTAKES.items())
        + bare_host("without-variables", "")
        + bare_host("unset", "vars.mail_domains = null")
        + ELSEWHERE
        + rule
        + example
    )
    return Icinga(FOLDER, NEWEST, icinga_files(hosts))


class Schedulers(NamedTuple):
    icinga: Icinga
    nagios: Nagios
    impatient: Nagios


@pytest.fixture(scope="module")
def schedulers(nameserver: NameServer, shell_trap: Path) -> Iterator[Schedulers]:
    """All at once, because each has a check that takes ten seconds."""
    with make_impatient_nagios(nameserver) as impatient, make_icinga(nameserver) as icinga:
        icinga.check_now()
        with make_nagios(nameserver, shell_trap) as nagios:
            for scheduler in (impatient, icinga, nagios):
                scheduler.wait_until_checked()
            yield Schedulers(icinga, nagios, impatient)


@pytest.fixture(scope="module")
def icinga(schedulers: Schedulers) -> Icinga:
    return schedulers.icinga


@pytest.fixture(scope="module")
def nagios(schedulers: Schedulers) -> Nagios:
    return schedulers.nagios


@pytest.fixture(scope="module")
def services(icinga: Icinga) -> dict[str, dict[str, Any]]:
    return icinga.services()


@pytest.mark.parametrize("domain", STATES)
def test_icinga_has_what_the_plugin_printed(icinga: Icinga, domain: str) -> None:
    result = icinga.result(f"states!reverse-mx-{domain}")
    code, status = STATES[domain]
    assert result.code == code
    assert result.status.startswith(status)
    assert "time" in [datum.partition("=")[0] for datum in result.perfdata]
    assert delivered(icinga, result)


@pytest.mark.parametrize(
    "name",
    [f"states!reverse-mx-{LONG}", "times!reverse-mx-plain.test"],
    ids=["all-details", "no-details"],
)
def test_icinga_has_all_of_a_long_output(icinga: Icinga, name: str) -> None:
    result = icinga.result(name)
    assert "missing_ptr=20;;;0" in result.perfdata
    assert (len(result.text) > 1 << 13) == (LONG in name)
    assert delivered(icinga, result)


@pytest.mark.parametrize("case", ARGUMENTS)
def test_icinga_passes_a_variable(
    services: dict[str, dict[str, Any]], nameserver: NameServer, case: str
) -> None:
    last = services[f"arguments!reverse-mx-{case}.test"]["last_check_result"]
    options = {
        "--domain": [f"{case}.test"],
        "--port": [str(nameserver.port)],
        "--server": [nameserver.address],
        "--verbose": ["-v"],
        **ARGUMENTS[case][1],
    }
    expected = []
    for option in sorted(options):
        for value in options[option]:
            expected += [option] if option != "--verbose" else []
            expected += [value] if value else []
    assert last["command"][1:] == expected
    assert last["exit_status"] == 2, last["output"]  # as the domain does not exist


def test_every_variable_has_a_case() -> None:
    used = {text.partition(" ")[0] for text, _ in ARGUMENTS.values()} | {"port"}
    assert used | {"server", "endpoint"} == {name.removeprefix("reverse_mx_") for name in OPTIONS}


def test_icinga_numbers_are_the_same_to_the_plugin(icinga: Icinga) -> None:
    result = icinga.result("times!reverse-mx-numbers.test")
    assert result.code == 0
    limits = [re.sub("=.*?;", "=;", datum) for datum in result.perfdata[1:4]]
    assert limits == ["mx_time=;0.5;2.25;0", "address_time=;0.5;2.25;0", "ptr_time=;0.5;2.25;0"]
    assert delivered(icinga, result)


def test_icinga_service_speaks_for_itself(services: dict[str, dict[str, Any]]) -> None:
    service = services["states!reverse-mx-ok.example"]
    assert service["display_name"] == "rDNS ok.example"
    assert service["notes"].endswith("All findings: check_reverse_mx --findings")


def test_icinga_host_says_how_much_is_told(services: dict[str, dict[str, Any]]) -> None:
    """Although the command has a value of its own."""
    last = services["talkative!reverse-mx-a.test"]["last_check_result"]
    assert last["command"][-2:] == ["-v", "-v"]


@pytest.mark.parametrize("case", MISTAKES)
def test_icinga_tells_a_mistake(services: dict[str, dict[str, Any]], case: str) -> None:
    typed, of, told = MISTAKES[case]
    service = of.replace("!", "")
    (name,) = (name for name in services if name.startswith(f"{case}!"))
    assert name == f"{case}!reverse-mx-{service}"
    assert services[name]["display_name"] == f"rDNS {service}"
    where = f', domain "{of}"' if re.match(r"vars\.mail_domains[.[]", typed) else ""
    expected = Result(3, f'REVERSE_MX UNKNOWN - host "{case}"{where}: {told}', [])
    last = services[name]["last_check_result"]
    assert Result(last["state"], last["output"], last["performance_data"]) == expected


def test_icinga_mistakes_stop_nothing_that_is_right(services: dict[str, dict[str, Any]]) -> None:
    commands = {
        name.removeprefix("right!"): service["check_command"]
        for name, service in services.items()
        if name.startswith("right!")
    }
    assert commands == {
        "reverse-mx-a.test": "reverse_mx",
        "reverse-mx-b.test": "dummy",
        "reverse-mx-c.test": "reverse_mx",
        "reverse-mx-$d": "reverse_mx",
        "reverse-mx-reverse_mx_stat": "dummy",
    }
    right = services["right!reverse-mx-a.test"]
    own = {"reverse_mx_team": "mail", "sla": "gold"}
    assert right["vars"] == {"reverse_mx_domain": "a.test", **own}
    assert right["last_check_result"]["exit_status"] == 2


def test_icinga_makes_no_service_without_domains(services: dict[str, dict[str, Any]]) -> None:
    assert {"without-variables", "unset"} & {name.partition("!")[0] for name in services} == set()


def test_icinga_example_works_as_written(services: dict[str, dict[str, Any]]) -> None:
    host = "mail.example.com!reverse-mx-"
    first, second = services[f"{host}example.com"], services[f"{host}example.net"]
    assert first["vars"] == {"reverse_mx_domain": "example.com"}
    command = second["last_check_result"]["command"]
    assert command[-5:] == ["--state", "name-mismatch=ok", "-v", "--warning", "0.500000"]
    assert "no-such-domain" in first["last_check_result"]["output"]


def test_icinga_delivers_what_is_known_of_a_silent_name_server(icinga: Icinga) -> None:
    """With the times of the file as it is."""
    result = icinga.result("states!reverse-mx-silent.example")
    assert result.code == 2
    assert KNOWN in result.status
    assert "[dns-timeout]" in result.text
    assert delivered(icinga, result)


def test_icinga_throws_away_the_output_of_what_it_kills(icinga: Icinga) -> None:
    """Hence the two timeouts: here the scheduler's is 10 s for both."""
    in_time = icinga.result("times!impatient-shorter")
    assert in_time.code == 2
    assert KNOWN in in_time.status
    killed = icinga.result("times!impatient-longer")
    assert "Timeout exceeded" in killed.text
    assert (KNOWN in killed.text, killed.perfdata) == (False, [])


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("states!reverse-mx-ok.example", None),
        ("times!reverse-mx-time-30.test", None),
        ("times!reverse-mx-time-90.test", 100),
        ("slow!reverse-mx-a.test", 130),
    ],
)
def test_icinga_waits_longer_than_the_plugin(
    services: dict[str, dict[str, Any]], name: str, seconds: float | None
) -> None:
    assert services[name]["check_timeout"] == seconds


def test_icinga_takes_the_zone_layout_as_written() -> None:
    """And the file needs nothing but the ITL."""
    zones, hosts = zone_layout()
    files = {
        "icinga2.conf": BARE_ICINGA2_CONF,
        "zones.conf": zones,
        "zones.d/satellites/hosts.conf": hosts,
        "zones.d/global-templates/check_reverse_mx.conf": ICINGA_CONF,
    }
    objects = Icinga(FOLDER, NEWEST, files).objects()
    services = {name: text for name, text in objects.items() if "!reverse-mx-" in name}
    assert sorted(services) == [
        "mail-domains!reverse-mx-example.com",
        "mail.example.com!reverse-mx-example.net",
    ]
    by_satellites, by_agent = (services[name] for name in sorted(services))
    assert '* zone = "satellites"' in by_satellites
    assert '* command_endpoint = ""' in by_satellites
    assert '* zone = "satellites"' in by_agent
    assert '* command_endpoint = "mail.example.com"' in by_agent


# Nagios 4

NAGIOS_OPTIONS = {
    "shell": (
        r"--ignore '*.a.test' --ignore 'b\;c\!d$$e&f|g<h' --state spf-error=ok",
        ["--ignore", "*.a.test", "--ignore", "b;c!d$e&f|g<h", "--state", "spf-error=ok"],
    ),
    "number": ("-w 0.5 -c 0.25:2", ["-w", "0.5", "-c", "0.25:2"]),
    "domains": ("--domain b.test c.test", ["--domain", "b.test", "c.test"]),
}
# Values for _MAIL_DOMAIN, and what the plugin is given.
NAGIOS_DOMAINS = {
    "quotes": ("a.test' $(touch {file}) 'b", "a.test (touch {file}) b"),
    "substitution": ("$(touch {file})`touch {file}`", "(touch {file})touch {file}"),
    "pipes": ('a.test" && touch {file} | touch {file}', "a.test  touch {file}  touch {file}"),
    "comment": ("a.test ; touch {file}", "a.test"),
    "semicolon": (r"a.test \; touch {file}", "a.test ; touch {file}"),
    "unset": ("", "$_SERVICEMAIL_DOMAIN$"),
}


def nagios_host() -> str:
    return (
        "define host {\nhost_name mail.example.com\naddress 127.0.0.1\nmax_check_attempts 1\n"
        "active_checks_enabled 0\ncontact_groups admins\n}\n"
    )


def nagios_service(server: NameServer, name: str, domain: str, options: str = "") -> str:
    lines = [
        "define service {",
        "use reverse-mx",
        "host_name mail.example.com",
        f"service_description {name}",
        f"_MAIL_DOMAIN {domain}" if domain else "",
        f"check_command check_reverse_mx!--server {server.address} --port {server.port} {options}",
        "}",
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def shell_trap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is there once a shell took a domain for a command."""
    return tmp_path_factory.mktemp("nagios") / "touched"


def make_nagios(nameserver: NameServer, shell_trap: Path) -> Nagios:
    services = [
        nagios_service(nameserver, d, d, f"-t {SECONDS[d]}" if d in SECONDS else "")
        for d in ["silent.example", *STATES]
    ]
    services += [
        nagios_service(nameserver, name, f"{name}.test", options)
        for name, (options, _) in NAGIOS_OPTIONS.items()
    ]
    services += [
        nagios_service(nameserver, name, domain.format(file=shell_trap))
        for name, (domain, _) in NAGIOS_DOMAINS.items()
    ]
    where = f"check_reverse_mx!--server {nameserver.address} --port {nameserver.port} "
    example = commented(NAGIOS_CFG, "#").replace("check_reverse_mx!", where)
    return Nagios(FOLDER, NEWEST, nagios_host() + "".join(services) + example)


def make_impatient_nagios(nameserver: NameServer) -> Nagios:
    """A Nagios with a short timeout, which it has for all services."""
    services = nagios_service(nameserver, "shorter", "silent.example", "-t 6")
    services += nagios_service(nameserver, "longer", "silent.example", "-t 30")
    settings = ["service_check_timeout=10"]
    return Nagios(FOLDER, NEWEST, nagios_host() + services, settings)


def nagios_run(nagios: Nagios, *last: str) -> Run:
    """The run whose arguments end so."""
    return next(run for run in nagios.runs() if run.arguments[-len(last) :] == list(last))


def for_nagios(run: Run) -> Result:
    """What Nagios makes of a run."""
    first, newline, rest = run.text.partition("\n")
    # It takes no semicolon in the first line.
    return Result(run.code, first.replace(";", ":") + newline + rest, run.perfdata)


def nagios_has(nagios: Nagios, service: str) -> Result:
    """The result of a service, which must be what the plugin printed."""
    result = nagios.result(f"mail.example.com!{service}")
    assert result in [for_nagios(run) for run in nagios.runs()]
    return result


@pytest.mark.parametrize("domain", STATES)
def test_nagios_has_what_the_plugin_printed(nagios: Nagios, domain: str) -> None:
    result = nagios_has(nagios, domain)
    code, status = STATES[domain]
    assert result.code == code
    assert result.status.startswith(status)
    assert "time" in [datum.partition("=")[0] for datum in result.perfdata]


@pytest.mark.parametrize("domain", [*STATES, "silent.example"])
def test_nagios_writes_the_performance_data(nagios: Nagios, domain: str) -> None:
    name = f"mail.example.com!{domain}"
    assert nagios.result(name).perfdata in nagios.perfdata(name)


def test_nagios_has_all_of_a_long_output_on_a_busy_machine(
    nameserver: NameServer, program: Program
) -> None:
    """Nagios leaves what it has not read when a plugin ends, but for 4 KB."""
    printed = program.ask(nameserver, "-v", "-d", LONG)
    expected = for_nagios(Run([], without_times(printed.stdout), 2))
    assert "missing_ptr=20;;;0" in expected.perfdata
    assert len(expected.text) > 1 << 13
    names = [str(n) for n in range(20)]
    # The name server has its part of the processors, and the checks have time.
    services = "".join(nagios_service(nameserver, name, LONG, "-t 50") for name in names)
    busy = [
        subprocess.Popen([*NICE, sys.executable, "-c", "while True: pass"])
        for _ in range(3 * (os.cpu_count() or 1))
    ]
    try:
        with DirectNagios(FOLDER, NEWEST, nagios_host() + services) as nagios:
            nagios.wait_until_checked()
            for name in names:
                result = nagios.result(f"mail.example.com!{name}")
                data = without_times(" ".join(result.perfdata)).split()
                assert Result(result.code, without_times(result.text), data) == expected
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", NAGIOS_OPTIONS)
def test_nagios_passes_options(nagios: Nagios, name: str) -> None:
    expected = NAGIOS_OPTIONS[name][1]
    run = nagios_run(nagios, *expected)
    assert run.arguments[:5] == ["--timeout", "10", "--verbose", "--domain", f"{name}.test"]
    assert len(run.arguments) == 9 + len(expected)
    assert nagios_has(nagios, name).code == run.code


@pytest.mark.parametrize("name", NAGIOS_DOMAINS)
def test_nagios_takes_no_domain_for_a_command(
    nagios: Nagios, nameserver: NameServer, shell_trap: Path, name: str
) -> None:
    given = NAGIOS_DOMAINS[name][1].format(file=shell_trap)
    where = ("--server", nameserver.address, "--port", str(nameserver.port))
    run = nagios_run(nagios, "--domain", given, *where)
    assert run.code == (2 if name == "comment" else 3)
    assert not shell_trap.exists()


def test_nagios_example_works_as_written(nagios: Nagios) -> None:
    run = nagios_run(nagios, "--warning", "0.5", "--ignore", "*.outlook.com")
    assert run.arguments[4] == "example.com"
    assert nagios_has(nagios, "Reverse DNS of example.com").code == 2


def test_nagios_delivers_what_is_known_of_a_silent_name_server(nagios: Nagios) -> None:
    """With the times of the files as they are."""
    result = nagios_has(nagios, "silent.example")
    assert result.code == 2
    assert KNOWN in result.status
    assert "[dns-timeout]" in result.text


def test_nagios_waits_longer_than_the_plugin() -> None:
    settings = (FOLDER / "root/etc/nagios4/nagios.cfg").read_text()
    its = re.search(r"(?m)^service_check_timeout=(\d+)", settings)
    ours = re.search(r"(?m)^  command_line .* --timeout (\d+) ", NAGIOS_CFG)
    assert its
    assert ours
    assert int(ours[1]) + 1 < int(its[1])


def test_nagios_throws_away_the_output_of_what_it_kills(schedulers: Schedulers) -> None:
    """Hence the two timeouts: here the scheduler's is 10 s for both."""
    assert KNOWN in nagios_has(schedulers.impatient, "shorter").status
    killed = schedulers.impatient.result("mail.example.com!longer")
    assert "timed out" in killed.status
    assert (KNOWN in killed.text, killed.perfdata) == (False, [])


# Both


@pytest.mark.parametrize("kind", ["icinga", "nagios"])
def test_nothing_is_left_of_a_test_that_fails(nameserver: NameServer, kind: str) -> None:
    scheduler: Scheduler
    if kind == "icinga":
        hosts = icinga_host(nameserver, "host", {"silent.example": "reverse_mx_timeout = 30"})
        scheduler = Icinga(FOLDER, NEWEST, icinga_files(hosts))
    else:
        objects = nagios_host() + nagios_service(nameserver, "silent", "silent.example")
        scheduler = Nagios(FOLDER, NEWEST, objects)
    with pytest.raises(ZeroDivisionError), scheduler:  # noqa: PT012
        if isinstance(scheduler, Icinga):
            scheduler.check_now()
        wait_for(lambda: "--timeout" in str(scheduler.processes()), "no check has begun")
        raise ZeroDivisionError
    assert not scheduler.processes()
    assert not scheduler.directory.exists()
