"""The parser: which options there are, and where their arguments come from."""

from __future__ import annotations

import argparse
import contextlib
import errno
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable, NoReturn, Optional

from dns.rdatatype import AAAA, A

from reverse_mx.arguments import (
    domain_argument,
    hides,
    ignore_argument,
    port_argument,
    range_argument,
    sender_argument,
    server_argument,
    state_argument,
    timeout_argument,
)
from reverse_mx.exchange import Server
from reverse_mx.findings import FINDINGS, STAGES
from reverse_mx.lookups import MOST_SILENCE, SILENCE_SHARE
from reverse_mx.process import TIMEOUT, GivenUp
from reverse_mx.text import os_reason, printable, wrap


class Parser(argparse.ArgumentParser):
    """An argument parser that speaks as a plugin does: on standard output, with exit code 3.

    Monitoring plugin guidelines, "Plugin Return Codes": a wrong argument, help and version are
    UNKNOWN. A scheduler shows nothing but standard output.
    """

    def error(self, message: str) -> NoReturn:
        # argparse names an option by all its strings, and echoes two kinds of argument raw.
        message = message.replace("-d/-H/--domain", "-d/--domain")
        unknown = re.fullmatch("(?s)(unrecognized arguments: )(.*)", message)
        valued = re.fullmatch("(?s)(argument [^:]+: )ignored explicit argument .(.*).", message)
        if unknown:
            expected = "expected -d DOMAIN and options, see -h"
            message = f"{unknown[1]}{printable(unknown[2])}; {expected}"
        elif valued:
            message = f"{valued[1]}takes no value, and has {printable(valued[2], 60)}"
        raise GivenUp(" ".join(message.split()))

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        print(message or "", end="")
        sys.exit(3)


class Extend(argparse.Action):
    """Adds to the values of an option; argparse's own actions copy those before, each time."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: Optional[str] = None,
    ) -> None:
        getattr(namespace, self.dest).extend(values if self.nargs else [values])


def parse(
    arguments: Sequence[str], version: str, told: Callable[[str], None]
) -> argparse.Namespace:
    """Return the options that the arguments give; a wrong one ends the program.

    ``told`` hears each argument, also of a file, before the next file is read.
    """
    parser = make_parser(version)
    options: Optional[argparse.Namespace] = None
    read = []
    for argument in expand_files(arguments, parser):
        told(argument)
        read.append(argument)
    expanded = with_values(read)
    if {"-4", "-6"} <= set(expanded):
        parser.error("argument -6: not allowed with argument -4")
    for part in in_parts(expanded):
        options = parser.parse_args(part, options)
    assert options is not None
    if not options.domains and not options.senders:
        parser.error("argument -d/--domain: none given; expected a mail domain, or --sender")
    for option in ("spf", "smtp"):
        if getattr(options, option) and not options.domains:
            parser.error(f"argument --{option}: needs -d DOMAIN; with --sender alone there is none")
    if hides(options.warning, options.critical):
        parser.error(
            f"argument -w/--warning: whatever is WARNING by {options.warning} is CRITICAL by -c"
            f" {options.critical}, so there would never be a WARNING; expected it to warn earlier"
        )
    options.system = not options.servers
    options.servers = options.servers or system_servers(parser)
    return options


def make_parser(version: str) -> Parser:
    """Return the parser; its help fits on two screens and ends with two examples."""
    parser = Parser(
        prog="check_reverse_mx",
        description="Check that the mail hosts of a domain have matching reverse DNS.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-d",
        "-H",
        "--domain",
        dest="domains",
        metavar="DOMAIN",
        type=domain_argument,
        nargs="+",
        action=Extend,
        default=[],
        help="mail domain; repeatable; @FILE reads arguments from a file, one a line",
    )
    parser.add_argument(
        "-s",
        "--server",
        dest="servers",
        metavar="ADDRESS",
        type=server_argument,
        action=Extend,
        default=[],
        help="resolver to ask instead of the system's; repeatable",
    )
    parser.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=port_argument,
        default=53,
        help="port of the resolvers (%(default)s), and with --authoritative of all name servers",
    )
    family = parser.add_mutually_exclusive_group()
    family.add_argument(
        "-4",
        dest="rdtypes",
        action="store_const",
        const=(A,),
        default=(A, AAAA),
        help="IPv4 addresses only",
    )
    family.add_argument(
        "-6", dest="rdtypes", action="store_const", const=(AAAA,), help="IPv6 addresses only"
    )
    for short, name in (("-w", "warning"), ("-c", "critical")):
        parser.add_argument(
            short,
            f"--{name}",
            metavar="RANGE",
            type=range_argument,
            default="",
            help=f"{name} unless the slowest lookup of each stage"
            f" ({', '.join(f'{stage}_time' for stage in STAGES)}) is in this range of seconds",
        )
    parser.add_argument(
        "-t",
        "--timeout",
        metavar="SECONDS",
        type=timeout_argument,
        default=TIMEOUT,
        help="the whole check has ended by then (%(default)g; fractions allowed); a lookup gives up"
        f" after {SILENCE_SHARE:g} of it in silence, or after {MOST_SILENCE:g} s",
    )
    parser.add_argument(
        "--state",
        dest="states",
        metavar="FINDING=STATE",
        type=state_argument,
        action=Extend,
        default=[],
        help="override a finding's state (ok, warning, critical, unknown); repeatable",
    )
    parser.add_argument(
        "--sender",
        dest="senders",
        metavar="HOST|ADDRESS[=NAME]",
        type=sender_argument,
        nargs="+",
        action=Extend,
        default=[],
        help="outbound host or address to hold to the same check, with the NAME that it gives in"
        " EHLO;"
        " repeatable; needs no -d",
    )
    parser.add_argument(
        "--spf",
        action="store_true",
        help="also the addresses that the domain's SPF record allows (networks up to 16 addresses)",
    )
    parser.add_argument(
        "--ignore",
        metavar="HOST|NETWORK",
        type=ignore_argument,
        nargs="+",
        action=Extend,
        default=[],
        help="leave out a host (shell pattern) or network, such as a provider's filter; repeatable",
    )
    parser.add_argument(
        "--no-reverse",
        dest="reverse",
        action="store_false",
        help="MX and addresses only, no PTR lookup",
    )
    parser.add_argument(
        "--smtp",
        action="store_true",
        help="also connect to port 25 of each address of the MX hosts and wait for the greeting",
    )
    parser.add_argument(
        "--smtp-port",
        metavar="PORT",
        type=port_argument,
        default=25,
        help="another port than %(default)s (for trials)",
    )
    parser.add_argument(
        "--authoritative",
        action="store_true",
        help="ask every authoritative server of the MX and reverse zones itself too, at PORT",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="-v the chain, -vv every lookup with its server, outcome and time, -vvv debugging",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document in place of the lines, with a result for each domain (for scripts)",
    )
    parser.add_argument(
        "--findings",
        action=FindingsAction,
        nargs=0,
        help="show the findings, their default states and what receivers do meanwhile, and exit",
    )
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {version}")
    return parser


def _os_reason(error: OSError) -> str:
    return os_reason(error.errno) if error.errno else type(error).__name__.lower()


EPILOG = """\
exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; 3 too for -h, -V, --findings
or a wrong argument

examples:
  check_reverse_mx -d example.com -v
  check_reverse_mx -d example.com --sender 192.0.2.40=mail.example.com --spf
"""


class FindingsAction(argparse.Action):
    """Prints the table of findings, and ends the program as the help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.exit(0, _findings_table() + "\n")


def _findings_table() -> str:
    """Return the findings with what receivers do."""
    lines = ["findings, with their default states, and what receivers do meanwhile:"]
    for finding in FINDINGS.values():
        lines.append(f"  {finding.name:<20} {finding.default}")
        texts = [finding.when]
        if finding.reactions:
            texts.append(f"Meanwhile: {'; '.join(str(r) for r in finding.reactions)}.")
        for text in texts:
            lines += wrap(text, " " * 6)
    return "\n".join(lines)


# Characters that a file of arguments may have, and arguments that all files of a run may give.
MOST_CHARACTERS = 1 << 24
MOST_ARGUMENTS = 200_000
# Arguments that argparse is given at once: its time grows with the square of their number.
AT_ONCE = 200


def expand_files(arguments: Iterable[str], parser: Parser) -> Iterator[str]:
    """Yield the arguments, in place of each ``@FILE`` those in the file, one a line.

    Blank lines and lines that start with ``#`` are passed over; ``-o VALUE`` may stand in one.
    """
    last, number = "", 0
    for argument in arguments:
        found = [argument]
        # An inverted range starts with @ too.
        is_range = last in ("-w", "--warning", "-c", "--critical")
        if argument.startswith("@") and not is_range:
            found = []
            shown = f"argument {printable(argument, 60)}"
            for line in _lines(argument[1:], shown, parser):
                if line and not line.startswith("#"):
                    found += line.split(None, 1) if line.startswith("-") else [line]
            if number + len(found) > MOST_ARGUMENTS:
                parser.error(f"{shown}: more than {MOST_ARGUMENTS} arguments; split the check")
        yield from found
        number += len(found)
        last = found[-1] if found else last


def _lines(path: str, shown: str, parser: Parser) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8") as file:
            # Windows' editors begin a file with a byte order mark.
            text = file.read(MOST_CHARACTERS + 1).removeprefix("\ufeff")
    except (OSError, ValueError) as error:
        reason = _os_reason(error) if isinstance(error, OSError) else "is not UTF-8 text"
        parser.error(f"{shown}: cannot read this file: {reason}")
    lines = text.removesuffix("\n").split("\n", MOST_ARGUMENTS)
    if len(text) > MOST_CHARACTERS or len(lines) > MOST_ARGUMENTS:
        parser.error(f"{shown}: cannot read this file: {os_reason(errno.EFBIG)}")
    return map(str.strip, lines)


def with_values(arguments: Iterable[str]) -> list[str]:
    """Join negative numbers to their options.

    argparse would take one for an option, as there is an option -4.
    """
    joined: list[str] = []
    for argument in arguments:
        option = joined[-1] if joined else ""
        is_number = re.match(r"-[\d.]", argument) and argument not in ("-4", "-6")
        if is_number and re.fullmatch(r"-[A-Za-z]|--[a-z-]+", option):
            joined[-1] += f"={argument}" if option.startswith("--") else argument
        else:
            joined.append(argument)
    return joined


def in_parts(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield the arguments in parts, each of which begins with an option."""
    part: list[str] = []
    for argument in arguments:
        if len(part) >= AT_ONCE and argument.startswith("-"):
            yield part
            part = []
        part.append(argument)
    yield part


def system_servers(parser: Parser) -> list[str]:
    """Return the addresses of the system's resolvers, as resolv.conf(5) names them.

    What makes no sense in it is passed over, as by the system itself; dnspython would refuse the
    whole file for it.
    """
    without = "argument -s/--server: none given, and /etc/resolv.conf"
    try:
        with open("/etc/resolv.conf", encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError as error:
        parser.error(f"{without} cannot be read: {_os_reason(error)}")
    servers = []
    for words in lines:
        if words[:1] == ["nameserver"] and len(words) > 1:
            with contextlib.suppress(OSError, ValueError):
                Server(words[1], 53)
                servers.append(words[1])
    if not servers:
        parser.error(f"{without} names no resolver")
    return servers
