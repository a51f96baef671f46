"""PTR names that say nothing of mail, and names that only a filter takes for such."""

from __future__ import annotations

import re

import pytest

from reverse_mx.generic import why_generic
from reverse_mx.names import reverse_name
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone
from tests.helpers.ptr_names import DISAGREEMENTS, NAMES, Judged


def ask(plugin: Plugin, row: Judged) -> Output:
    rdtype = "A" if row.address.version == 4 else "AAAA"
    text = f"{row.address} PTR {row.text}.\n{row.text}. {rdtype} {row.address}"
    with NameServer(zone(text)) as server:
        return plugin.ask(server, "-v", "--sender", str(row.address))


def scores(row: Judged) -> str:
    rules = {"0.5": 1, "1.0": 2, "2.0": 3, "2.5": 4, "3.0": 5}
    rspamd, spamassassin = row.rspamd != "-", row.spamassassin == "yes"
    return (
        f"; Rspamd scores HFILTER_HOSTNAME_{rules.get(row.rspamd)} ({row.rspamd})" * rspamd
        + "; SpamAssassin scores RDNS_DYNAMIC (0.4 to 2.6)" * spamassassin
    )


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"warn-{row.text}") for row in NAMES if row.why != "-"]
)
def test_generic_name(plugin: Plugin, row: Judged) -> None:
    output = ask(plugin, row)
    kinds = row.why.replace(",", ", ")
    why = "spells out the address" if row.why == "address" else f"names a kind of line ({kinds})"
    owner = reverse_name(row.address)
    said = f"{row.address} has PTR {row.text}, which {why}"
    assert f"{row.address} has PTR {row.text}, " in output.status
    assert f", which {why} [generic-ptr]" in output.status
    fix = f"fix: {owner} PTR NAME-OF-THE-HOST. in place of: {owner} PTR {row.text}."
    if "_" in row.text:  # which is a finding of its own
        fix = "fix: as above"
    long = " ".join(" ".join(output.long).split())
    assert re.findall(r"\[WARNING\] (generic-ptr: .*?) (?:\[|[\da-f.:]+ sender)", long) == [
        f"generic-ptr: {said} {fix} meanwhile: accepted by Postfix, Exim, OpenSMTPD{scores(row)}"
    ]


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"ok-{row.text}") for row in NAMES if row.why == "-"]
)
def test_sound_name(plugin: Plugin, row: Judged) -> None:
    output = ask(plugin, row)
    assert output.status == (
        f"REVERSE_MX OK - {row.address}: 1 mail host, 1 address, reverse DNS matches"
    )
    assert len(output.long) == 3


def test_scores_of_each_generic_name_are_told(plugin: Plugin) -> None:
    text = "192.0.2.25 PTR dsl-1.isp.example.\ndsl-1.isp.example. A 192.0.2.25\n"
    text += "192.0.2.26 PTR a1.user.isp.example.\na1.user.isp.example. A 192.0.2.26\n"
    text += "192.0.2.27 PTR dsl-2.isp.example.\ndsl-2.isp.example. A 192.0.2.27\n"
    with NameServer(zone(text)) as server:
        output = plugin.ask(
            server, "-v", "--sender", "192.0.2.25", "192.0.2.26", "--sender", "192.0.2.27"
        )
    # What does not differ is not said again, and neither is what was said of another name.
    assert output.long == [
        "[WARNING] generic-ptr: 192.0.2.25: 192.0.2.25 has PTR dsl-1.isp.example, which names a"
        " kind of line (dsl)",
        "  fix: 25.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.",
        "  in place of: 25.2.0.192.in-addr.arpa. PTR dsl-1.isp.example.",
        "  meanwhile: accepted by Postfix, Exim, OpenSMTPD; Rspamd scores",
        "    HFILTER_HOSTNAME_4 (2.5)",
        "[WARNING] generic-ptr: 192.0.2.26: 192.0.2.26 has PTR a1.user.isp.example, which names a"
        " kind of line (user)",
        "  fix: 26.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.",
        "  in place of: 26.2.0.192.in-addr.arpa. PTR a1.user.isp.example.",
        "  Rspamd scores HFILTER_HOSTNAME_1 (0.5)",
        "[WARNING] generic-ptr: 192.0.2.27: 192.0.2.27 has PTR dsl-2.isp.example, which names a"
        " kind of line (dsl)",
        "  fix: 27.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.",
        "  in place of: 27.2.0.192.in-addr.arpa. PTR dsl-2.isp.example.",
        "192.0.2.25",
        "  sender",
        "    [WARNING] 192.0.2.25 PTR dsl-1.isp.example A 192.0.2.25",
        "192.0.2.26",
        "  sender",
        "    [WARNING] 192.0.2.26 PTR a1.user.isp.example A 192.0.2.26",
        "192.0.2.27",
        "  sender",
        "    [WARNING] 192.0.2.27 PTR dsl-2.isp.example A 192.0.2.27",
    ]


def test_table_is_large_and_has_each_name_once() -> None:
    assert len({row.name for row in NAMES if row.text.islower()}) >= 150
    assert len({row.text for row in NAMES}) == len(NAMES)


def test_every_disagreement_with_both_filters_has_a_reason() -> None:
    generic = {row.text for row in NAMES if why_generic(row.name, row.address)}
    scored = {row.text for row in NAMES if row.scored}
    listed = [text for texts in DISAGREEMENTS.values() for text in texts]
    assert sorted(listed) == sorted(generic ^ scored)
