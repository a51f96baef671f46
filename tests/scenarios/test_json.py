"""``--json``: every document has the form of the schema, and says what the lines say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reverse_mx.cure
from reverse_mx import answer, causes, facts, smtp_reply, zone_facts
from reverse_mx.findings import FINDINGS, PERFDATA
from tests.helpers.documents import SCHEMA, read
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess, Output, Plugin, without_times, zone
from tests.helpers.smtp_trial import mail_host
from tests.scenarios import test_advice, test_scenarios, test_senders, test_spf, test_zone_servers
from tests.scenarios.test_output import HOSTILE, POSITIONS, escaped

# What the libraries have a part in, the lines show.
pytestmark = pytest.mark.newest

TABLES = [
    *(
        pytest.param(s.zone, s.arguments.replace("-v", "").split(), id=s.id)
        for s in (*test_scenarios.SCENARIOS, *test_senders.SCENARIOS)
    ),
    *(
        pytest.param(
            f"{test_advice.ZONES}{case.values[1]}", ["-d", "example.com"], id=f"cure-{case.id}"
        )
        for case in test_advice.CASES
    ),
    *(
        pytest.param(case.mail + case.zone, ["--spf", "-d", "example.com"], id=f"spf-{case.id}")
        for case in test_spf.BULK
    ),
]


def document(output: Output) -> Any:
    assert output.stderr == ""
    return read(output.stdout, output.code)


def ask(plugin: Plugin, text: str, *arguments: str) -> Output:
    """Return an output in which #PORT stands for the server's."""
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, *arguments, env={"LC_ALL": "C"})
    return replace(output, stdout=output.stdout.replace(f"#{server.port}", "#PORT"))


@pytest.mark.parametrize(("text", "arguments"), TABLES)
def test_says_what_the_lines_say(text: str, arguments: Sequence[str]) -> None:
    plugin = InProcess()
    lines = ask(plugin, text, "-v", *arguments)
    output = ask(plugin, text, "--json", *arguments)
    whole = document(output)
    assert output.code == lines.code
    assert whole["status"] == lines.status
    told = lines.stdout.rpartition("| ")[2].rstrip("\n")
    assert without_times(whole["performance_data"] + ";") == without_times(told + ";")
    assert whole["failure"] is None
    if len(whole["results"]) == 1:
        (result,) = whole["results"]
        assert without_times(result["long_output"]) == without_times("\n".join(lines.long))
        for key in ("state", "status", "performance_data"):
            assert without_times(result[key]) == without_times(whole[key])
        assert list(result["metrics"]) == list(lines.perfdata)


def test_schema_names_all_that_there_is() -> None:
    def names(kind: Any) -> list[str]:
        return [member.name.lower().replace("_", "-") for member in kind]

    defs = {name: part.get("properties", {}) for name, part in SCHEMA["$defs"].items()}
    assert list(defs["result"]["metrics"]["properties"]) == list(PERFDATA)
    assert defs["finding"]["finding"]["enum"] == [*FINDINGS, None]
    assert defs["lookup"]["outcome"]["enum"] == names(answer.Outcome)
    assert defs["cause"]["cause"]["enum"] == names(causes.Cause)
    assert defs["cause"]["excluded"]["items"]["enum"] == names(causes.Excluded)
    assert defs["server"]["lame"]["enum"] == [*names(zone_facts.Lameness), None]
    assert defs["server"]["unasked"]["enum"] == [*names(zone_facts.Unasked), None]
    assert defs["host"]["role"]["enum"] == names(facts.Role)
    assert defs["cure"]["change"]["enum"] == [*names(reverse_mx.cure.Change), None]
    greeting = defs["address"]["greeting"]["anyOf"][0]["properties"]
    assert greeting["ending"]["enum"] == names(smtp_reply.GreetingEnd)


def test_schema_describes_every_field_and_takes_no_other() -> None:
    def objects(part: Any) -> list[dict[str, Any]]:
        parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        own = [part] if isinstance(part, dict) and "additionalProperties" in part else []
        return own + [inner for p in parts for inner in objects(p)]

    for one in objects(SCHEMA):
        assert one["description"]
        if "properties" in one:
            assert one["additionalProperties"] is False
            assert set(one["required"]) <= set(one["properties"])
            for field in one["properties"].values():
                assert "$ref" in field or field["description"].endswith(".") or "--" in str(field)


DOMAINS = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    example.net. MX 10 mx.example.net.
    mx.example.net. A 192.0.2.26
    192.0.2.26 PTR mx.example.net.
    192.0.2.27 PTR out.example.net.
"""


def test_each_domain_has_its_own_result_and_the_senders_one(plugin: Plugin) -> None:
    senders = ("--sender", "192.0.2.26", "192.0.2.27=out.example.net")
    domains = ("-d", "example.com", "gone.example", "example.net")
    whole = document(ask(plugin, DOMAINS, "--json", *domains, *senders))
    assert whole["status"].startswith("REVERSE_MX CRITICAL - 3 of 5 domains and senders have")
    named = [result["domain"] for result in whole["results"]]
    assert named == ["example.com", "gone.example", "example.net", None]
    for result, alone in zip(whole["results"], [["-d", name] for name in named[:3]] + [senders]):
        lines = ask(plugin, DOMAINS, "-v", *alone)
        assert result["exit_code"] == lines.code
        assert result["status"] == lines.status
        assert result["long_output"] == "\n".join(lines.long)
        told = " ".join(f"{label}={value}" for label, value in lines.perfdata.items())
        assert without_times(result["performance_data"]) == without_times(told)


def test_a_finding_has_its_cures_in_values(plugin: Plugin) -> None:
    text = test_advice.ZONES + DOMAINS
    (result,) = document(ask(plugin, text, "--json", "-d", "example.com"))["results"]
    (finding,) = result["findings"]
    assert finding.pop("receivers")[0] == {
        "receiver": "Gmail",
        "verdict": "refuses",
        "setting": None,
        "code": "550-5.7.25",
    }
    assert finding == {
        "finding": "missing-ptr",
        "state": "CRITICAL",
        "text": "192.0.2.25 (mail.example.com) has no PTR record (NXDOMAIN)",
        "subject": {
            "of": ["example.com"],
            "host": "mail.example.com",
            "address": "192.0.2.25",
            "further_addresses": 0,
            "ptr": None,
            "zone": None,
            "server": None,
            "lookup": None,
        },
        "mended": [],
        "cures": [
            {
                "action": "fix",
                "change": "add",
                "text": "25.2.0.192.in-addr.arpa. PTR mail.example.com.",
                "record": {
                    "owner": "25.2.0.192.in-addr.arpa.",
                    "type": "PTR",
                    "preference": None,
                    "value": "mail.example.com.",
                    "placeholder": False,
                    "text": "25.2.0.192.in-addr.arpa. PTR mail.example.com.",
                },
                "instead": False,
                "zone": {
                    "name": "2.0.192.in-addr.arpa",
                    "contact": "noc@isp.example",
                    "servers": [
                        {"name": "ns1.isp.example", "addresses": ["192.0.2.101"]},
                        {"name": "ns2.isp.example", "addresses": ["192.0.2.102"]},
                    ],
                },
            }
        ],
        "barriers": [],
        "cause": None,
    }


def test_a_latency_has_no_name_and_the_settings_are_told(plugin: Plugin) -> None:
    whole = document(
        ask(
            plugin,
            DOMAINS + "! example.net. MX delay 0.3",
            *("--json", "-d", "example.net", "-w", "0.2", "-t", "7.5", "-4"),
            *("--ignore", "*.example.org", "10.0.0.0/8", "--state", "missing-ptr=ok"),
        )
    )
    settings = whole["settings"]
    assert settings.pop("port") != 53
    assert settings == {
        "servers": ["127.0.0.1"],
        "families": ["IPv4"],
        "warning": "0.2",
        "critical": None,
        "timeout": 7.5,
        "states": {"missing-ptr": "OK"},
        "ignore": ["*.example.org", "10.0.0.0/8"],
        "spf": False,
        "reverse": True,
        "smtp": False,
        "smtp_port": 25,
        "authoritative": False,
    }
    (result,) = whole["results"]
    (finding,) = result["findings"]
    assert finding["finding"] is None
    assert re.fullmatch(
        r"slowest MX lookup took 0\.3\d*s \(outside range 0:0\.2\)", finding["text"]
    )


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("position", POSITIONS)
def test_hostile_names(plugin: Plugin, position: str, kind: str) -> None:
    text = POSITIONS[position].format(name=escaped(HOSTILE[kind]))
    document(ask(plugin, text, "--json", "-d", "example.com"))


@pytest.mark.parametrize(
    ("behaviour", "ending", "lines"),
    [
        ("greets", "whole", [(220, "mail.example.com ESMTP")]),
        ("greets-as-nobody", "whole", [(220, "<script>|$(x)")]),
        ("says-octets", "whole", [(250, "\xfc\xe9")]),
        ("refuses", "whole", [(554, "no mail from you")]),
        ("says-nonsense", "closed", []),
        ("closes-at-once", "closed", []),
        ("nothing-listens", "error", []),
    ],
)
def test_greeting_is_told_as_it_is(
    behaviour: str, ending: str, lines: list[tuple[int, str]]
) -> None:
    with mail_host(behaviour) as (where, _):
        whole = document(InProcess(real_clock=True)("--json", *where))
    greeting = whole["results"][0]["chains"][0]["hosts"][0]["addresses"][0]["greeting"]
    assert greeting["ending"] == ending
    assert [(line["code"], line["text"]) for line in greeting["lines"]] == lines


@pytest.mark.parametrize(
    "fault",
    ["", "! 192.0.2.25 PTR rcode SERVFAIL", "192.0.2.25 PTR other.example.com.", "! * SOA drop"],
)
def test_name_servers_that_were_asked_themselves(plugin: Plugin, fault: str) -> None:
    servers = test_zone_servers.both(test_zone_servers.GOOD)
    servers[test_zone_servers.SECOND] += f"\n{fault}"
    whole = document(test_zone_servers.ask(plugin, servers, "--json"))
    (chain,) = whole["results"][0]["chains"]
    asked = chain["hosts"][0]["addresses"][0]["zones"][0]
    assert asked["zone"] == test_zone_servers.REVERSE
    assert [server["address"] for server in asked["servers"]] == ["192.0.2.51", "192.0.2.52"]


WRONG = [
    pytest.param(("-d", "user@example.com"), id="value"),
    pytest.param(("--unknown|<option>",), id="option"),
    pytest.param((), id="no-domain"),
    pytest.param(("-d", "example.com", "--json=yes"), id="takes-no-value"),
    pytest.param(("-d", "@/does/not/exist"), id="file"),
]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments(plugin: Plugin, arguments: Sequence[str]) -> None:
    lines = plugin(*arguments)
    whole = document(plugin(*arguments, "--json"))
    assert f"{whole['status']}\n" == lines.stdout
    assert whole["status"] == f"REVERSE_MX UNKNOWN - {whole['failure']}"
    assert (whole["exit_code"], whole["performance_data"], whole["settings"]) == (3, "", None)
    assert whole["results"] == []


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments_beside_json_in_a_file(
    plugin: Plugin, tmp_path: Path, arguments: Sequence[str]
) -> None:
    (tmp_path / "json").write_text("# For the feeder.\n--json\n")
    in_file = plugin(f"@{tmp_path / 'json'}", *arguments)
    beside = plugin("--json", *arguments)
    assert (in_file.code, in_file.stdout) == (beside.code, beside.stdout)


@pytest.mark.parametrize("option", ["-h", "-V", "--findings"])
def test_what_is_for_people_stays_text(plugin: Plugin, option: str) -> None:
    text, output = plugin(option), plugin("--json", option)
    assert (output.code, output.stdout) == (text.code, text.stdout)
    assert not text.stdout.startswith("{")


def test_many_domains_are_not_cut(plugin: Plugin) -> None:
    text = "".join(f"d{i}.example. MX 10 mail{i}.example.com.\n" for i in range(80))
    text += "*.example.com. A 192.0.2.25\n"
    output = ask(plugin, text, "--json", "-d", *(f"d{i}.example" for i in range(80)))
    whole = document(output)
    assert len(output.stdout) > 2 * 65536
    assert [r["domain"] for r in whole["results"]] == [f"d{i}.example" for i in range(80)]
    assert {r["exit_code"] for r in whole["results"]} == {2}


def test_long_output_of_a_domain_is_bounded(plugin: Plugin) -> None:
    text = "example.com. MX 10 mail.example.com.\n"
    text += "".join(f"mail.example.com. A 198.51.{i // 250}.{i % 250}\n" for i in range(500))
    (result,) = document(ask(plugin, text, "--json", "-d", "example.com"))["results"]
    assert len(result["long_output"]) <= 65536
    assert re.search(r"\n\.\.\. \d+ lines more$", result["long_output"])
    assert result["status"] != ""
    assert len(result["chains"][0]["hosts"][0]["addresses"]) == 500


def test_json_in_a_file_of_arguments(plugin: Plugin, tmp_path: Path) -> None:
    file = tmp_path / "arguments"
    file.write_text("--json\n-d example.net\n")
    assert document(ask(plugin, DOMAINS, f"@{file}"))["state"] == "OK"
