"""The baskets for Icinga Director, from the parser and contrib/icinga2.conf: python3 basket.py

contrib/icinga-director-basket.json has the command in it, for an Icinga that does not know it.
contrib/icinga-director-basket-external.json is for one that has it from contrib/icinga2.conf.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from check_reverse_mx import __version__  # noqa: E402
from reverse_mx.arguments import port_argument  # noqa: E402
from reverse_mx.options import Extend, make_parser  # noqa: E402

CONTRIB = ROOT / "contrib"
ICINGA_CONF = CONTRIB / "icinga2.conf"
# A file for each of the kinds that Director has of a command.
BASKETS = {
    CONTRIB / "icinga-director-basket.json": "Command",
    CONTRIB / "icinga-director-basket-external.json": "ExternalCommand",
}
# Another name than that of the template in contrib/icinga2.conf: Icinga may have both.
TEMPLATE = "mail-reverse-dns"
COMMAND = "reverse_mx"

# What the form calls each variable, under a heading for some of them. Director sorts both by the
# captions.
CAPTIONS = {
    "Reverse DNS: what is checked": {
        "spf": "Addresses that SPF allows",
        "domain": "Domains",
        "ignore": "Hosts and networks left out",
        "ipv4": "IPv4 only",
        "ipv6": "IPv6 only",
        "no_reverse": "Only MX and addresses",
        "sender": "Outbound hosts",
        "smtp": "SMTP greetings",
        "smtp_port": "SMTP port",
    },
    "Reverse DNS: how it is looked up": {
        "authoritative": "Authoritative servers, too",
        "port": "Resolver port",
        "server": "Resolvers",
        "timeout": "Seconds for the whole check",
    },
    "Reverse DNS: what comes of it": {
        "critical": "CRITICAL latency",
        "verbose": "Details in the output",
        "state": "States of findings",
        "warning": "WARNING latency",
    },
}
DETAILS = {
    "list_name": "check_reverse_mx: details in the output",
    "owner": "check_reverse_mx",
    "entries": [
        {"entry_name": value, "entry_value": shown, "format": "string", "allowed_roles": None}
        for value, shown in {
            "-v": "Cures and chain (-v)",
            "-vv": "Cures, chain and every lookup (-vv)",
            "-vvv": "Everything, for debugging (-vvv)",
        }.items()
    ],
}


# What an argument has besides its value, by the type of its variable.
FURTHER = {"strings": {"repeat_key": True}, "verbosity": {"skip_key": True}}


class Variable(NamedTuple):
    """A custom variable, and the argument of the CheckCommand that it makes."""

    option: str
    name: str
    attributes: dict[str, Any]
    description: str


def variables(config: str) -> Iterator[Variable]:
    """Yield what the table of contrib/icinga2.conf has of the arguments."""
    for name, body in re.findall(r"(?ms)^  (reverse_mx_\w+) = \{\n(.*?)^  \}", config):
        row = {key: json.loads(text) for key, text in re.findall(r"(?m)^    (\w+) = (.*)$", body)}
        if "argument" in row:
            key = "set_if" if row["type"] == "switch" else "value"
            attributes = {key: f"${name}$", **FURTHER.get(row["type"], {})}
            yield Variable(row["argument"], name, attributes, row["description"])


def data_type(action: argparse.Action) -> tuple[str, dict[str, Any]]:
    """Return the type of an option's field, and its settings."""
    if isinstance(action, Extend):
        return "Array", {}
    if isinstance(action, argparse._StoreConstAction):
        return "Boolean", {}
    if isinstance(action, argparse._CountAction):
        settings = {"datalist": DETAILS["list_name"], "data_type": "string", "behavior": "strict"}
        return "Datalist", settings
    # Director takes whole numbers only for a number.
    if action.type is port_argument:
        return "Number", {}
    return "String", {"visibility": "visible"}


def fields(config: str) -> Iterator[dict[str, Any]]:
    """Yield a field for each variable."""
    actions = make_parser(__version__)._option_string_actions
    headings = {
        f"reverse_mx_{name}": (heading, caption)
        for heading, captions in CAPTIONS.items()
        for name, caption in captions.items()
    }
    for variable in variables(config):
        kind, settings = data_type(actions[variable.option])
        heading, caption = headings[variable.name]
        yield {
            "varname": variable.name,
            "caption": caption,
            "description": variable.description,
            "datatype": rf"Icinga\Module\Director\DataType\DataType{kind}",
            "format": None,
            "settings": settings,
            "category": heading,
        }


def service_template(config: str) -> dict[str, Any]:
    """Return the template of contrib/icinga2.conf, by another name."""
    found = re.search(r'(?ms)^template Service "reverse-mx" \{\n(.*?)^\}', config)
    assert found, f"{ICINGA_CONF} has no template"
    attributes = dict(re.findall(r"(?m)^  (\w+) = (.*)$", found[1]))
    verbose = re.search(r"(?m)^  vars\.reverse_mx_verbose = (.*)$", config)
    assert verbose, f"{ICINGA_CONF} does not say how much is told"

    def seconds(name: str) -> int:
        return int(attributes[name].removesuffix("m")) * 60

    return {
        "object_name": TEMPLATE,
        "object_type": "template",
        "check_command": COMMAND,
        "check_interval": seconds("check_interval"),
        "retry_interval": seconds("retry_interval"),
        "max_check_attempts": int(attributes["max_check_attempts"]),
        "notes": json.loads(attributes["notes"]),
        "vars": {"reverse_mx_verbose": json.loads(verbose[1])},
        "fields": [],
        "imports": [],
    }


def basket(kind: str) -> str:
    """Return a basket with the command as one of that kind."""
    config = ICINGA_CONF.read_text("utf-8")
    of_variables = {str(number): field for number, field in enumerate(fields(config), 1)}
    timeout = re.search(r"(?m)^  timeout = (\d+)m$", config)
    assert timeout, f"{ICINGA_CONF} has no timeout"
    command = {
        "object_name": COMMAND,
        "object_type": {"Command": "object", "ExternalCommand": "external_object"}[kind],
        "methods_execute": "PluginCheck",
        "command": "check_reverse_mx",
        "timeout": int(timeout[1]) * 60,
        "arguments": {
            variable.option: {**variable.attributes, "description": variable.description}
            for variable in variables(config)
        },
        "fields": [
            {"datafield_id": int(number), "is_required": "n", "var_filter": None}
            for number in of_variables
        ],
        "imports": [],
        "vars": {},
    }
    objects = {
        "DataList": {DETAILS["list_name"]: DETAILS},
        "DatafieldCategory": {
            heading: {"category_name": heading, "description": None} for heading in CAPTIONS
        },
        "Datafield": of_variables,
        kind: {COMMAND: command},
        "ServiceTemplate": {TEMPLATE: service_template(config)},
    }
    return json.dumps(objects, indent=2) + "\n"


def main() -> None:
    for file, kind in BASKETS.items():
        file.write_text(basket(kind), "utf-8")


if __name__ == "__main__":
    main()
