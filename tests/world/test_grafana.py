"""contrib/grafana-dashboard.json: Grafana's schema, and its queries on what Icinga wrote.

A real Icinga 2 runs the plugin and writes to a real InfluxDB. Then each query is asked as Grafana
asks it, and gives what the plugin printed.
"""

from __future__ import annotations

import configparser
import enum
import json
import re
import time
import typing
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from reverse_mx.findings import PERFDATA, STAGES
from tests import ROOT
from tests.helpers.debian import binary
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import PYTHONS
from tests.helpers.realservers import FOLDER, Server
from tests.helpers.schedulers import Icinga, Run, wait_for
from tests.world.test_schedulers import SECONDS, STATES, ZONE, icinga_files, icinga_host

DASHBOARD = json.loads((ROOT / "contrib" / "grafana-dashboard.json").read_text("utf-8"))
GUIDE = (ROOT / "docs" / "grafana.md").read_text("utf-8")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {item["name"]: item for item in DASHBOARD["templating"]["list"]}
COLUMNS = 24

# Its PTR record is missing at the first look only; the PTR name is looked up; SPF is asked for.
FLAPPING = """\
flapping.example.       MX   10 mail.flapping.example.
flapping.example.       TXT  "v=spf1 mx -all"
mail.flapping.example.  A    192.0.2.5
5.2.0.192.in-addr.arpa. PTR  out.flapping.example.
out.flapping.example.   A    192.0.2.5
! 5.2.0.192.in-addr.arpa. PTR once rcode NXDOMAIN
"""
DOMAINS = (*STATES, "flapping.example")
ROUNDS = 2


# The schema


def decoded() -> Dashboard:
    register_default_plugins()
    return Dashboard.from_json(DASHBOARD)


def unknown(given: Any, kept: Any, path: str = "") -> list[str]:
    """What a decoded and encoded document no longer has."""
    if isinstance(given, dict) and isinstance(kept, dict):
        lost = [f"{path}.{key}" for key in given if key not in kept]
        common = [key for key in given if key in kept]
        return lost + [
            line for key in common for line in unknown(given[key], kept[key], f"{path}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept))
        return [line for n, (one, other) in pairs for line in unknown(one, other, f"{path}[{n}]")]
    return [] if given == kept else [path]


def wrong(value: Any, kind: Any, path: str = "") -> list[str]:
    """Where a decoded document is not of the type that the schema has."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        found = [wrong(value, one, path) for one in of]
        # What is wrong further in was otherwise right.
        return [] if [] in found else max(found, key=lambda lines: lines[0].find(":"))
    if origin is typing.Literal:
        return [] if value in of else [f"{path}: {value!r}"]
    if origin is list and isinstance(value, list):
        return [line for n, one in enumerate(value) for line in wrong(one, of[0], f"{path}[{n}]")]
    if origin is dict and isinstance(value, dict):
        return [line for key, one in value.items() for line in wrong(one, of[1], f"{path}.{key}")]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [] if value in [member.value for member in kind] else [f"{path}: {value!r}"]
    if kind is float and type(value) is int:
        return []
    if isinstance(value, dict) and hasattr(kind, "from_json"):
        value = kind.from_json(value)  # the decoder leaves some as they are
    if not isinstance(value, origin or kind) or (kind is not bool and type(value) is bool):
        return [] if kind is object else [f"{path}: {value!r}"]
    return members(value, path)


def members(value: Any, path: str) -> list[str]:
    """The same for the attributes of an object of the schema."""
    if not type(value).__module__.startswith("grafana_foundation_sdk.models"):
        return []
    hints = typing.get_type_hints(type(value))
    return [
        line
        for name, hint in hints.items()
        for line in wrong(getattr(value, name), hint, f"{path}.{name}")
    ]


def test_grafana_schema_knows_every_setting() -> None:
    kept = json.loads(json.dumps(decoded(), cls=JSONEncoder))
    assert unknown(DASHBOARD, kept) == []


def test_grafana_schema_has_these_types() -> None:
    assert members(decoded(), "dashboard") == []


def test_schema_checks_find_what_is_wrong() -> None:
    broken = json.loads(json.dumps(DASHBOARD))
    broken["panels"][6]["options"]["mergeVlaues"] = True
    broken["panels"][0]["gridPos"]["w"] = "4"
    broken["panels"][0]["options"]["colorMode"] = "valeu"
    register_default_plugins()
    dashboard = Dashboard.from_json(broken)
    kept = json.loads(json.dumps(dashboard, cls=JSONEncoder))
    assert unknown(broken, kept) == [".panels[6].options.mergeVlaues"]
    assert members(dashboard, "") == [
        ".panels[0].grid_pos.w: '4'",
        ".panels[0].options.color_mode: 'valeu'",
    ]


def test_guide_names_the_schema() -> None:
    (version,) = re.findall(
        r"grafana-foundation-sdk *== *\d+!(\d+\.\d+)\.", (ROOT / "setup.cfg").read_text("utf-8")
    )
    assert f"the schema of Grafana {version}," in GUIDE


# The layout


def test_panels_fill_the_grid_and_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} on {taken[x, y]}"
                taken[x, y] = panel["title"]
    height = max(y for _, y in taken) + 1
    assert set(taken) == {(x, y) for x in range(COLUMNS) for y in range(height)}


def test_panels_have_numbers_titles_and_descriptions_of_their_own() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"].endswith(".") for panel in PANELS)


def test_data_source_is_the_one_that_is_chosen() -> None:
    """So the file can be imported as it is."""
    chosen = {"type": "influxdb", "uid": "${datasource}"}
    assert VARIABLES["datasource"]["query"] == "influxdb"
    for part in (*PANELS, *(panel["targets"][0] for panel in PANELS)):
        assert part["datasource"] == chosen
    assert [VARIABLES[name]["datasource"] for name in ("hostname", "service")] == [chosen, chosen]


# The queries


class Influx(Server):
    """InfluxDB with its data in a directory of its own, and a database that Icinga writes to."""

    database = "icinga2"

    def __enter__(self) -> Influx:
        super().__enter__()
        return self

    def configure(self) -> Sequence[str | Path]:
        config = self.directory / "influxdb.conf"
        config.write_text(
            f"""
            reporting-disabled = true
            bind-address = "{self.address}:0"
            [meta]
              dir = "{self.directory}/meta"
            [data]
              dir = "{self.directory}/data"
              wal-dir = "{self.directory}/wal"
            [monitor]
              store-enabled = false
            [http]
              bind-address = "{self.address}:{self.port}"
            """
        )
        return [binary(self.folder, "influxd"), "run", "-config", config]

    def _answers(self) -> bool:
        try:
            self.ask(f'CREATE DATABASE "{self.database}"', "POST")
        except OSError:
            return False
        return True

    def ask(self, query: str, method: str = "GET") -> list[dict[str, Any]]:
        """The series that a query gives, as Grafana asks for them."""
        words = urllib.parse.urlencode({"db": self.database, "epoch": "ms", "q": query})
        request = urllib.request.Request(
            f"http://{self.address}:{self.port}/query?{words}", method=method
        )
        # Past any proxy that the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, f"{query}: {result['error']}"
        return list(result.get("series", []))


def writer(influx: Influx) -> str:
    """Icinga's feature as the guide has it, for this server."""
    (config,) = re.findall(r"(?s)object InfluxdbWriter .*?\n   \}\n", GUIDE)
    config = config.replace('"127.0.0.1"', f'"{influx.address}"')
    config = config.replace("8086", str(influx.port))
    return str(config.replace("database", "flush_interval = 1s\n     database"))


@pytest.fixture(scope="module")
def written() -> Iterator[tuple[Influx, list[Run]]]:
    """What Icinga wrote of two rounds of checks, and the runs in their order."""
    with NameServer(ZONE + FLAPPING) as server, Influx(FOLDER, "127.0.0.1", 0) as influx:
        domains = {d: f"reverse_mx_timeout = {SECONDS[d]}" if d in SECONDS else "" for d in DOMAINS}
        domains["flapping.example"] = "reverse_mx_spf = true"
        files = {
            **icinga_files(icinga_host(server, "mail-domains", domains)),
            "conf.d/influxdb.conf": writer(influx),
        }
        with Icinga(FOLDER, PYTHONS["newest"], files) as icinga:
            runs: list[Run] = []
            for number in range(1, ROUNDS + 1):
                icinga.check_now()
                icinga.wait_until_checked()
                runs += icinga.runs()
                assert len(runs) == number * len(DOMAINS)
                for file in icinga.runs_directory.iterdir():
                    file.unlink()
                time.sleep(1.1)  # as InfluxDB has one value a second and series

            def arrived() -> bool:
                series = influx.ask('SELECT count("state") FROM "reverse_mx"')
                return [one["values"][0][1] for one in series] == [len(runs)]

            wait_for(arrived, "Icinga has not written everything")
            yield influx, runs


def as_regex(values: Sequence[str]) -> str:
    """The values of a variable as Grafana puts them between slashes."""
    escaped = [re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def interpolate(query: str, **chosen: str) -> str:
    """The query as Grafana sends it."""
    now = int(time.time() * 1000)
    values = {
        "timeFilter": f"time >= {now - 3_600_000}ms and time <= {now}ms",
        "__interval": "1m",
        "hostname": VARIABLES["hostname"]["allValue"],
        "service": VARIABLES["service"]["allValue"],
        **chosen,
    }
    return re.sub(r"\$(\w+)", lambda name: values[name[1]], query)


def shown(influx: Influx, panel: dict[str, Any], **chosen: str) -> dict[str, list[float]]:
    """What a panel shows: its series by their names in the legend."""
    (target,) = panel["targets"]
    found = {}
    for series in influx.ask(interpolate(target["query"], **chosen)):
        assert series["columns"][0] == "time"
        assert len(series["columns"]) == 2
        tags = series.get("tags", {})
        name = re.sub(r"\$tag_(\w+)", lambda tag: tags[tag[1]], target["alias"])  # noqa: B023
        for change in panel.get("transformations", []):
            regex, pattern = (change["options"][key] for key in ("regex", "renamePattern"))
            name = re.sub(regex.strip("/"), pattern.replace("$", "\\"), name)
        assert name not in found
        found[name] = [value for _, value in series["values"]]
    return found


def domain_of(run: Run) -> str:
    return run.arguments[run.arguments.index("--domain") + 1]


def printed(runs: Sequence[Run], label: str) -> dict[str, list[float]]:
    """What the plugin printed under a label: domain -> value, run by run."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for datum in run.perfdata:
            name, _, value = datum.partition(";")[0].partition("=")
            if name == label:
                found.setdefault(domain_of(run), []).append(float(value.rstrip("s")))
    return found


def state_of(runs: Sequence[Run]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in runs:
        found.setdefault(domain_of(run), []).append(run.code)
    return found


def label_of(panel: dict[str, Any]) -> Optional[str]:
    found = re.search(r"\"metric\" = '(\w+)'", panel["targets"][0]["query"])
    return found[1] if found else None


BY_DOMAIN = [p for p in PANELS if p["type"] == "timeseries" and label_of(p)]
SUMS = [panel for panel in PANELS if panel["type"] == "stat" and label_of(panel)]


def by_title(title: str) -> dict[str, Any]:
    titles = [panel["title"] for panel in PANELS]
    return dict(PANELS[titles.index(title)])


Written = tuple[Influx, list[Run]]


@pytest.mark.parametrize("panel", BY_DOMAIN, ids=label_of)
def test_values_by_domain_are_what_the_plugin_printed(
    written: Written, panel: dict[str, Any]
) -> None:
    influx, runs = written
    label = label_of(panel)
    assert label
    found = {name: max(values) for name, values in shown(influx, panel).items()}
    expected = {name: max(values) for name, values in printed(runs, label).items()}
    assert expected
    assert found == expected


def test_latency_by_stage_is_that_of_the_slowest_domain(written: Written) -> None:
    influx, runs = written
    panel = by_title("Slowest lookup, by stage")
    found = {name: max(values) for name, values in shown(influx, panel).items()}
    expected = {}
    for stage in STAGES:
        of_domains = printed(runs, f"{stage}_time")
        if of_domains:
            expected[f"{stage}_time"] = max(max(values) for values in of_domains.values())
    assert {"mx_time", "address_time", "ptr_time", "confirm_time", "spf_time"} <= expected.keys()
    assert found == expected


def test_state_is_the_last_one(written: Written) -> None:
    influx, runs = written
    states = shown(influx, by_title("State of each domain"))
    assert {name: values[-1] for name, values in states.items()} == {
        **{domain: code for domain, (code, _) in STATES.items()},
        "flapping.example": 1,
    }
    assert state_of(runs)["flapping.example"] == [2, 1]


@pytest.mark.parametrize("panel", SUMS, ids=label_of)
def test_sums_are_of_the_last_counts(written: Written, panel: dict[str, Any]) -> None:
    influx, runs = written
    label = label_of(panel)
    assert label
    expected = sum(values[-1] for values in printed(runs, label).values())
    assert shown(influx, panel) == {panel["title"]: [expected]}


@pytest.mark.parametrize(("chosen", "problems"), [(DOMAINS, [4]), (["ok.example"], None)])
def test_domains_are_counted(
    written: Written, chosen: Sequence[str], problems: Optional[list[float]]
) -> None:
    influx, _ = written
    service = as_regex([f"reverse-mx-{name}" for name in chosen])
    checked, wrong = by_title("Domains checked"), by_title("Domains with a problem")
    assert shown(influx, checked, service=service) == {checked["title"]: [len(chosen)]}
    # Of no domain InfluxDB gives no number at all.
    expected = {wrong["title"]: problems} if problems else {}
    assert shown(influx, wrong, service=service) == expected
    assert wrong["fieldConfig"]["defaults"]["noValue"] == "0"


def test_a_fault_between_two_looks_is_shown_but_not_counted_now(written: Written) -> None:
    """The highest count in each step over time, the last one at the top."""
    influx, runs = written
    assert printed(runs, "missing_ptr")["flapping.example"] == [1, 0]
    flapping = {"service": as_regex(["reverse-mx-flapping.example"])}
    over_time = shown(influx, by_title("Addresses without PTR, by domain"), **flapping)
    assert max(over_time["flapping.example"]) == 1
    assert shown(influx, by_title("Addresses without PTR"), **flapping) == {
        "Addresses without PTR": [0]
    }


def options(influx: Influx, name: str, **chosen: str) -> dict[str, str]:
    """The choices of a variable: what is shown -> value."""
    variable = VARIABLES[name]
    (series,) = influx.ask(interpolate(variable["query"], **chosen))
    values = [value for _, value in series["values"]]
    regex = variable["regex"].strip("/").replace("(?<", "(?P<")
    if not regex:
        return {value: value for value in values}
    matches = [re.search(regex, value) for value in values]
    return {match["text"]: match["value"] for match in matches if match}


def test_hosts_and_domains_can_be_chosen(written: Written) -> None:
    influx, _ = written
    assert options(influx, "hostname") == {"mail-domains": "mail-domains"}
    host = as_regex(["mail-domains"])
    choices = options(influx, "service", hostname=host)
    assert choices == {domain: f"reverse-mx-{domain}" for domain in DOMAINS}
    two = ["ok.example", "warning.example"]
    chosen = as_regex([choices[name] for name in two])
    for panel in (*BY_DOMAIN, by_title("State of each domain")):
        found = shown(influx, panel, hostname=host, service=chosen)
        assert found == shown(influx, panel, service=chosen)
        assert set(found) <= set(two)
    assert sorted(found) == two
    for panel in PANELS:
        assert shown(influx, panel, hostname="another", service=chosen) == {}


def test_graph_of_icinga_web_is_a_panel_of_the_dashboard() -> None:
    """Its Grafana module gives a dashboard these variables; it has not been seen with one."""
    graphs = configparser.ConfigParser(interpolation=None)
    graphs.read(ROOT / "contrib" / "icingaweb2-grafana.ini")
    graph = {name: value.strip('"') for name, value in graphs["reverse_mx"].items()}
    assert graph["dashboarduid"] == DASHBOARD["uid"]
    assert graph["panelid"] == str(by_title("Slowest lookup, by stage")["id"])
    assert {"hostname", "service"} <= VARIABLES.keys()
    assert "has not\nbeen seen working" in GUIDE


def test_every_panel_and_every_label_has_its_test() -> None:
    tested = ["Slowest lookup, by stage", "State of each domain", "Domains checked"]
    others = [*map(by_title, tested), by_title("Domains with a problem")]
    assert [panel for panel in PANELS if panel not in (*BY_DOMAIN, *SUMS, *others)] == []
    by_stage = by_title(tested[0])["targets"][0]["query"]
    (regex,) = re.findall(r'"metric" =~ /(.*?)/ ', by_stage)
    of_stages = [label for label in PERFDATA if re.search(regex, label)]
    assert of_stages == [f"{stage}_time" for stage in STAGES]
    optional = {"spf_time", "smtp_time"}  # in the one for all stages only
    assert sorted(map(str, map(label_of, BY_DOMAIN))) == sorted(set(PERFDATA) - optional)
