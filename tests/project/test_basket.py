"""The baskets of contrib/ for Icinga Director: a field for each option, as the parser has it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from check_reverse_mx import __version__
from reverse_mx.options import make_parser
from tests import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import basket

# Each option by what the fields call it, and the type that a person fills in.
TYPES = {
    "authoritative": "Boolean",
    "critical": "String",
    "domain": "Array",
    "ignore": "Array",
    "ipv4": "Boolean",
    "ipv6": "Boolean",
    "no_reverse": "Boolean",
    "port": "Number",
    "sender": "Array",
    "server": "Array",
    "smtp": "Boolean",
    "smtp_port": "Number",
    "spf": "Boolean",
    "state": "Array",
    "timeout": "String",
    "verbose": "Datalist",
    "warning": "String",
}
NOT_OF_SERVICES = {"-h", "-V", "--findings", "--json"}


@pytest.mark.parametrize("file", basket.BASKETS, ids=lambda file: file.stem)
def test_basket_is_what_the_parser_and_the_icinga_configuration_say(file: Path) -> None:
    assert file.read_text("utf-8") == basket.basket(basket.BASKETS[file])


@pytest.fixture
def objects() -> dict[str, Any]:
    return dict(json.loads(basket.basket("Command")))


def test_each_option_has_a_field_of_its_type(objects: dict[str, Any]) -> None:
    found = {
        field["varname"]: field["datatype"].rpartition("DataType")[2]
        for field in objects["Datafield"].values()
    }
    assert found == {f"reverse_mx_{name}": kind for name, kind in TYPES.items()}
    options = [
        action
        for action in make_parser(__version__)._actions
        if not NOT_OF_SERVICES & {*action.option_strings}
    ]
    assert len(found) == len(options)


def test_each_field_says_in_words_what_it_is_for(objects: dict[str, Any]) -> None:
    fields = objects["Datafield"].values()
    captions = [field["caption"] for field in fields]
    assert len({*captions}) == len(captions)
    for field in fields:
        assert "_" not in field["caption"]
        assert field["description"].endswith(".")
        assert field["category"] in objects["DatafieldCategory"]


def test_each_field_is_on_the_command_and_of_one_argument(objects: dict[str, Any]) -> None:
    command = objects["Command"]["reverse_mx"]
    assert {str(field["datafield_id"]) for field in command["fields"]} == {*objects["Datafield"]}
    used = [
        argument.get("value") or argument["set_if"] for argument in command["arguments"].values()
    ]
    assert sorted(used) == sorted(f"${one['varname']}$" for one in objects["Datafield"].values())


def test_details_are_chosen_from_what_the_option_takes(objects: dict[str, Any]) -> None:
    (details,) = objects["DataList"].values()
    assert [entry["entry_name"] for entry in details["entries"]] == ["-v", "-vv", "-vvv"]
    chosen = objects["ServiceTemplate"]["mail-reverse-dns"]["vars"]
    assert chosen == {"reverse_mx_verbose": "-v"}


def test_kinds_differ_in_the_kind_of_the_command_alone() -> None:
    inner, external = (json.loads(basket.basket(kind)) for kind in basket.BASKETS.values())
    assert inner["Command"]["reverse_mx"].pop("object_type") == "object"
    assert external["ExternalCommand"]["reverse_mx"].pop("object_type") == "external_object"
    external["Command"] = external.pop("ExternalCommand")
    assert inner == external
