"""docs/icinga-web.md, followed, and what a person then sees in the pages of Icinga Web."""

from __future__ import annotations

import configparser
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.helpers.browser import Page
from tests.helpers.icingaweb import DOMAINS, GUIDE, VALID, IcingaWeb
from tests.helpers.realservers import FOLDER

sys.path.insert(0, str(ROOT / "tools"))

import basket

INNER, EXTERNAL = (Path("check_reverse_mx/contrib") / file.name for file in basket.BASKETS)
STATES = {"example.com": "ok", "example.net": "critical", "example.org": "critical"}
CURES = {
    "example.net": "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.net.",
    "example.org": "fix: 31.2.0.192.in-addr.arpa. PTR mx1.example.org.",
}
# As Icinga Web has them in its own style.
COLOURS = {"ok": "rgb(68, 187, 119)", "warning": "rgb(255, 170, 68)"}
COLOURS["critical"] = "rgb(255, 85, 102)"
GRAPHS = configparser.ConfigParser(interpolation=None)
GRAPHS.read(ROOT / "contrib" / "icingaweb2-graphite.ini")
WIDTHS = pytest.mark.parametrize("width", [1280, 500])


@pytest.fixture(scope="module")
def web() -> Iterator[IcingaWeb]:
    with IcingaWeb(FOLDER) as web:
        web.follow_guide()
        yield web


def assert_no_error(page: Page, width: int) -> None:
    tabs = page.value("[...document.querySelectorAll('.tabs .active')].map(tab => tab.innerText)")
    assert [tab.strip() for tab in tabs] not in ([], ["Error"]), page.text()
    assert "#0 /usr/share" not in page.text()
    # Nothing leaves the window at the side.
    assert page.value("document.documentElement.scrollWidth") <= width


def service_page(web: IcingaWeb, domain: str, width: int) -> Page:
    query = {"name": f"Reverse DNS of {domain}", "host.name": "mail-domains"}
    page = web.page("icingadb/service", {**query, "graph_range": "300"}, width, 1500)
    page.wait_for("document.querySelector('.plugin-output')")
    assert_no_error(page, width)
    return page


# Whether words of the plugin's output are in the part of it that is not folded away.
SEEN = """\
(words => {
  const output = [...document.querySelectorAll('.plugin-output')].at(-1);
  let bottom = innerHeight;
  for (let part = output; part; part = part.parentElement) {
    if (getComputedStyle(part).overflowY != 'visible') {
      bottom = Math.min(bottom, part.getBoundingClientRect().bottom);
    }
  }
  const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const at = texts.currentNode.data.indexOf(words);
    if (at >= 0) {
      const range = document.createRange();
      range.setStart(texts.currentNode, at);
      range.setEnd(texts.currentNode, at + words.length);
      const box = range.getBoundingClientRect();
      return box.height > 0 && box.bottom <= bottom;
    }
  }
  return null;
})(%s)"""


def seen(page: Page, words: str) -> Any:
    """None if the output does not have them at all."""
    return page.value(SEEN % json.dumps(words))


@WIDTHS
def test_list_shows_the_states_and_what_is_wrong(web: IcingaWeb, width: int) -> None:
    page = web.page("icingadb/services", {"limit": "100"}, width)
    assert_no_error(page, width)
    for domain, state in STATES.items():
        item = f"""[...document.querySelectorAll('.list-item')]
            .find(one => one.querySelector('.subject').innerText == 'Reverse DNS of {domain}')"""
        text = page.value(f"{item}.innerText")
        assert re.search(rf"\bis\s+{state}\b", text, re.IGNORECASE), text
        assert f"REVERSE_MX {state.upper()} - {domain}: " in text
        ball = f"{item}.querySelector('.visual .state-ball')"
        style = "borderTopColor" if state == "ok" else "backgroundColor"
        assert page.value(f"getComputedStyle({ball}).{style}") == COLOURS[state]


@pytest.mark.parametrize(
    ("domain", "width"), [("example.net", 1280), ("example.net", 500), ("example.org", 1280)]
)
def test_first_cure_is_seen_without_unfolding(web: IcingaWeb, domain: str, width: int) -> None:
    page = service_page(web, domain, width)
    assert seen(page, f"REVERSE_MX CRITICAL - {domain}: ") is True
    assert seen(page, CURES[domain]) is True
    # The end of it is folded, or this would prove nothing.
    last = {"example.net": "192.0.2.25 (no PTR, NXDOMAIN)", "example.org": "MX 40 mx4.example.org"}
    assert seen(page, last[domain]) is False


def test_many_problems_fill_what_is_not_folded_of_a_narrow_page(web: IcingaWeb) -> None:
    """The status line has them all, the worst first; its cure is behind one click."""
    page = service_page(web, "example.org", 500)
    assert seen(page, "192.0.2.31 (mx1.example.org)") is True
    assert seen(page, "[missing-ptr]") is True
    assert seen(page, CURES["example.org"]) is False


@WIDTHS
def test_states_in_the_output_are_coloured(web: IcingaWeb, width: int) -> None:
    page = service_page(web, "example.org", width)
    balls = """[...[...document.querySelectorAll('.plugin-output')].at(-1)
        .querySelectorAll('.state-ball')].map(ball => getComputedStyle(ball).backgroundColor)"""
    problems = ["critical", "critical", "critical", "warning"]
    addresses = ["critical", "critical", "warning"]
    assert page.value(balls) == [COLOURS[state] for state in problems + addresses]
    assert "[CRITICAL]" not in page.text()


# The colours of a part of a graph, those of more than a few pixels.
PIXELS = """\
(([image, top, bottom]) => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const [first, last] = [top, bottom].map(part => Math.floor(canvas.height * part));
  const {data} = context.getImageData(0, first, canvas.width, last - first);
  const count = {};
  for (let at = 0; at < data.length; at += 4) {
    const colour = '#' + [0, 1, 2].map(n => data[at + n].toString(16).padStart(2, '0')).join('');
    count[colour] = (count[colour] || 0) + 1;
  }
  return Object.keys(count).filter(colour => count[colour] > 20);
})([document.querySelector('img[src*="template=%s"]'), %s])"""
PLOT, LEGEND = "0, 0.7", "0.7, 1"


@WIDTHS
@pytest.mark.parametrize(
    ("graph", "labels", "drawn"),
    [
        # What is as fast as something else may be hidden behind it.
        ("lookups", {"mx", "address", "ptr", "confirm"}, None),
        (
            "problems",
            {"missing", "unconfirmed", "mismatch", "errors"},
            {"missing", "unconfirmed", "mismatch"},
        ),
    ],
)
def test_graphs_have_curves(
    web: IcingaWeb, graph: str, labels: set[str], drawn: set[str] | None, width: int
) -> None:
    page = service_page(web, "example.org", width)
    image = f"document.querySelector('img[src*=\"template=reverse-mx-{graph}\"]')"
    page.wait_for(f"{image} && {image}.complete && {image}.naturalWidth > 300")
    functions = GRAPHS[f"reverse-mx-{graph}.functions"]
    curve_of = {text.split("'")[1]: name.partition(".")[0] for name, text in functions.items()}

    def curves(part: str) -> set[str]:
        found = page.value(PIXELS % (f"reverse-mx-{graph}", part))
        return {curve_of[colour] for colour in found if colour in curve_of}

    assert curves(LEGEND) == labels
    assert curves(PLOT)
    if drawn is not None:
        assert curves(PLOT) == drawn
    # Nobody asked for greetings.
    assert not page.value("document.querySelector('img[src*=\"template=reverse-mx-smtp\"]')")


@WIDTHS
def test_form_has_a_field_for_every_option(web: IcingaWeb, width: int) -> None:
    page = web.page("director/service/edit", {"name": "mail-reverse-dns"}, width)
    assert_no_error(page, width)
    folded = "document.querySelectorAll('fieldset.collapsed')"
    page.wait_for(f"{folded}.length > 3")
    page.value(f"{folded}.forEach(one => one.querySelector('legend').click())")
    page.wait_for(f"{folded}.length == 0")
    headings = page.value(
        "[...document.querySelectorAll('legend')].map(one => one.firstChild.data.trim())"
    )
    objects = json.loads(basket.basket("Command"))
    assert {*objects["DatafieldCategory"]} <= {*headings}
    made_of = {
        "Array": "ul.extensible-set input[type=text]",
        "Boolean": "select:has(option[value=y]):has(option[value=n])",
        "Datalist": "select:has(option[value='-v']:checked):has(option[value='-vv'])",
        "Number": "input[type=text]",
        "String": "input[type=text]",
    }
    for field in objects["Datafield"].values():
        place = f"document.querySelector('#var_{field['varname']}-element')"
        caption = f"document.querySelector('#var_{field['varname']}-label')"
        assert page.value(f"{caption}.innerText").strip() == field["caption"]
        selector = made_of[field["datatype"].rpartition("DataType")[2]]
        assert page.value(f"{place}.querySelector({json.dumps(selector)}).offsetHeight") > 10
        assert page.value(f"{place}.querySelector('.description').textContent").split() == (
            field["description"].split()
        )


def test_services_have_the_states_and_the_arguments(web: IcingaWeb) -> None:
    codes = {"ok": 0, "warning": 1, "critical": 2}
    services = web.services()
    for domain in DOMAINS:
        last = services[f"Reverse DNS of {domain}"]["last_check_result"]
        assert last["state"] == codes[STATES[domain]]
        assert last["command"][1:] == ["--domain", domain, "-v"]


def restore(web: IcingaWeb, file: Path) -> str:
    return web.run(f"icingacli director basket restore < {file}")


def test_basket_restored_again_changes_nothing(web: IcingaWeb) -> None:
    dump = "mysqldump --skip-dump-date --skip-extended-insert director"
    before = web.run(dump)
    assert "reverse_mx_authoritative" in before
    restore(web, INNER)
    assert web.run(dump) == before


def explained(message: str) -> str:
    """A message that the guide explains."""
    assert f"| `{message}` |" in GUIDE
    return message


def deploy_change(web: IcingaWeb, note: str) -> str:
    """Deploy something new, for what is not would not be looked at."""
    web.run(f"icingacli director host set mail-domains --notes '{note}'")
    return web.deploy()


def test_wrong_basket_is_explained_in_the_deployment(web: IcingaWeb) -> None:
    """And the right one then works: in both kinds of Icinga."""
    conf = "/etc/icinga2/conf.d/check_reverse_mx.conf"
    web.run(f"install -m 644 check_reverse_mx/contrib/icinga2.conf {conf}")
    message = "Object 'reverse_mx' of type 'CheckCommand' re-defined"
    assert explained(message) in deploy_change(web, "inner beside contrib")
    restore(web, EXTERNAL)
    assert VALID in deploy_change(web, "external beside contrib")
    web.check()
    test_services_have_the_states_and_the_arguments(web)
    web.run(f"rm {conf}")
    message = "Object 'reverse_mx' of type 'CheckCommand' does not exist"
    assert explained(message) in deploy_change(web, "external without contrib")
    restore(web, INNER)
    assert VALID in deploy_change(web, "inner without contrib")


def test_director_without_its_modules_says_so(web: IcingaWeb) -> None:
    command = ("sh", "-c", f"icingacli director basket restore < {INNER}")
    web.run("icingacli module disable incubator")
    ended = web.chroot.run(*command, check=False)
    assert ended.returncode == 0
    assert explained("Missing dependencies, please check") in ended.stdout + ended.stderr
    web.run("icingacli module enable incubator")
    web.run("icingacli module disable director")
    ended = web.chroot.run(*command, check=False)
    assert "| usage of `icingacli`, exit code 3 |" in GUIDE
    assert ended.returncode == 3
    web.run("icingacli module enable director")


def test_page_of_a_single_service_needs_the_old_module(web: IcingaWeb) -> None:
    """In this version of the Director; the guide says so."""
    page = web.page(
        "director/service", {"name": "Reverse DNS of example.net", "host": "mail-domains"}
    )
    assert explained("Call to a member function select() on null") in page.text()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("director/baskets", ["Configuration Baskets", "Upload"]),
        ("director/hosts/templates", ["Host Templates", "Add"]),
        ("director/hosts", ["Hosts", "Add"]),
        ("director/config/deployments", ["Icinga Director", "Deployments"]),
    ],
)
def test_pages_have_what_the_guide_has_a_person_look_for(
    web: IcingaWeb, path: str, words: list[str]
) -> None:
    text = web.page(path, {}).text()
    for word in words:
        assert word in text
        assert word in GUIDE
