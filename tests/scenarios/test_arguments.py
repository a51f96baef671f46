"""Wrong arguments end in one line on standard output and exit code 3; right ones are taken."""

from __future__ import annotations

import contextlib
import io
import random
import re
import time
from pathlib import Path

import pytest

from reverse_mx.findings import FINDINGS
from reverse_mx.options import MOST_ARGUMENTS, parse
from reverse_mx.process import GivenUp
from reverse_mx.text import UNSAFE
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Plugin, zone

MAIL = "expected a mail domain such as example.com"
LONG_LABEL = "a" * 64
LONG_NAME = ".".join(["a" * 60] * 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            (), "-d/--domain: none given; expected a mail domain, or --sender", id="nothing"
        ),
        pytest.param(
            ("-d", "192.0.2.25"),
            f"-d/--domain: 192.0.2.25 is an address, not a mail domain; {MAIL},"
            " or --sender 192.0.2.25",
            id="address-as-domain",
        ),
        pytest.param(
            ("-d", "2001:db8::25"),
            f"-d/--domain: 2001:db8::25 is an address, not a mail domain; {MAIL},"
            " or --sender 2001:db8::25",
            id="ipv6-address-as-domain",
        ),
        pytest.param(
            ("-d", "192.0.2.25."),
            f"-d/--domain: 192.0.2.25. is an address, not a mail domain; {MAIL},"
            " or --sender 192.0.2.25.",
            id="address-with-a-final-dot-as-domain",
        ),
        pytest.param(
            ("-H", "[192.0.2.25]"),
            f"-d/--domain: [192.0.2.25] is an address, not a mail domain; {MAIL},"
            " or --sender [192.0.2.25]",
            id="address-literal-as-domain",
        ),
        pytest.param(
            ("-d", "[IPv6:2001:db8::25]"),
            f"-d/--domain: [IPv6:2001:db8::25] is an address, not a mail domain; {MAIL},"
            " or --sender [IPv6:2001:db8::25]",
            id="ipv6-address-literal-as-domain",
        ),
        pytest.param(
            ("-d", ""), f"-d/--domain: an empty value is no name; {MAIL}", id="empty-domain"
        ),
        pytest.param(
            ("-d", "."), f"-d/--domain: . has an empty label; {MAIL}", id="root-as-domain"
        ),
        pytest.param(
            ("-d", "example..com"),
            f"-d/--domain: example..com has an empty label; {MAIL}",
            id="empty-label",
        ),
        pytest.param(
            ("-d", ".example.com"),
            f"-d/--domain: .example.com has an empty label; {MAIL}",
            id="empty-first-label",
        ),
        pytest.param(
            ("-d", f"{LONG_LABEL}.com"),
            f"-d/--domain: {'a' * 60}... has a label of more than 63 octets; {MAIL}",
            id="long-label",
        ),
        pytest.param(
            ("-d", LONG_NAME),
            f"-d/--domain: {LONG_NAME[:60]}... is longer than 255 octets; {MAIL}",
            id="long-name",
        ),
        pytest.param(
            ("-d", "exam ple.com"),
            f"-d/--domain: exam ple.com has a blank in it; {MAIL}",
            id="blank",
        ),
        pytest.param(
            ("-d", "example.com\n"),
            rf"-d/--domain: example.com\010 has a blank in it; {MAIL}",
            id="newline",
        ),
        pytest.param(
            ("-d", "postmaster@example.com"),
            f"-d/--domain: postmaster@example.com is a mail address; {MAIL},"
            " what comes after the @",
            id="mail-address",
        ),
        pytest.param(
            ("-d", "example.com|x"),
            rf"-d/--domain: example.com\124x has \124 in it; {MAIL}",
            id="metacharacter",
        ),
        pytest.param(
            ("-d", "http://example.com/"),
            f"-d/--domain: http://example.com/ is a URL; {MAIL}",
            id="url",
        ),
        pytest.param(
            ("--sender", "out example.com"),
            "--sender: out example.com has a blank in it; expected a host or an address,"
            " such as out.example.com",
            id="sender-with-a-blank",
        ),
        pytest.param(
            ("--sender", "192.0.2.40=[192.0.2.40]"),
            "--sender: 192.0.2.40=[192.0.2.40] has an address for a name; expected the name"
            " that the host gives in EHLO, such as mail.example.com",
            id="helo-that-is-an-address-literal",
        ),
        pytest.param(
            ("--sender", "192.0.2.40=[IPv6:2001:db8::40]"),
            "--sender: 192.0.2.40=[IPv6:2001:db8::40] has an address for a name; expected the name"
            " that the host gives in EHLO, such as mail.example.com",
            id="helo-that-is-an-ipv6-literal",
        ),
        pytest.param(
            ("--sender", "192.0.2.40=localhost"),
            "--sender: 192.0.2.40=localhost has a name without a dot; expected the name"
            " that the host gives in EHLO, such as mail.example.com",
            id="helo-that-is-without-a-dot",
        ),
        pytest.param(
            ("--sender", "192.0.2.40="),
            "--sender: an empty value is no name; expected the name that the host gives in EHLO,"
            " such as mail.example.com",
            id="helo-that-is-empty",
        ),
        pytest.param(
            ("--sender", "2001:db8::1%eth0"),
            "--sender: 2001:db8::1%eth0 has : in it; expected a host or an address,"
            " such as out.example.com",
            id="sender-with-a-scope",
        ),
        pytest.param(
            ("-d", "::1%<b>"),
            r"-d/--domain: ::1%\060b\062 has : in it; expected a mail domain such as example.com",
            id="domain-that-is-no-scoped-address",
        ),
        pytest.param(
            ("-d", "example.com", "--ignore", "fe80::1%x/64"),
            "--ignore: fe80::1%x/64 is neither a host pattern nor a network; expected a host"
            " such as '*.example.com' or a network such as 192.0.2.0/24",
            id="ignored-network-with-a-scope",
        ),
        pytest.param(
            ("-d", "example.com", "--ignore", "a b"),
            "--ignore: a b is neither a host pattern nor a network; expected a host such as"
            " '*.example.com' or a network such as 192.0.2.0/24",
            id="ignore-with-a-blank",
        ),
        pytest.param(
            ("-d", "example.com", "-w", "fast"),
            "-w/--warning: fast is no range of seconds; expected one such as 0.5 or @1:2",
            id="bad-range",
        ),
        pytest.param(
            ("--sender", "192.0.2.25", "--smtp"),
            "--smtp: needs -d DOMAIN; with --sender alone there is none",
            id="smtp-without-domain",
        ),
        pytest.param(
            ("--sender", "192.0.2.25", "--spf"),
            "--spf: needs -d DOMAIN; with --sender alone there is none",
            id="spf-without-domain",
        ),
        pytest.param(
            ("-d", "example.com", "-c", "5:1"),
            "-c/--critical: 5:1 begins above its end, so it is no range of seconds; expected one"
            " such as 0.5 or @1:2",
            id="range-upside-down",
        ),
        *(
            pytest.param(
                ("-d", "example.com", "-w", warning, "-c", critical),
                f"-w/--warning: whatever is WARNING by {warning} is CRITICAL by -c {critical}, so"
                " there would never be a WARNING; expected it to warn earlier",
                id=f"warning-hidden-by-critical-{id}",
            )
            for id, warning, critical in (
                ("above", "2", "1"),
                ("inverted", "@1:2", "@0.5:3"),
                ("below", "5:", "10:"),
                ("mixed", "@4:5", "3"),
            )
        ),
        pytest.param(
            ("-d", "example.com", "-c", "0.00001"),
            "-c/--critical: 0.00001 is too fine a range of seconds; expected 0.0001 or more",
            id="range-that-prints-with-an-exponent",
        ),
        pytest.param(
            ("-d", "example.com", "--state", "gone-ptr=ok"),
            f"--state: gone-ptr=ok names no finding; expected one of {', '.join(FINDINGS)}",
            id="unknown-finding",
        ),
        pytest.param(
            ("-d", "example.com", "--state", "missing-ptr=bad"),
            "--state: missing-ptr=bad names no state; expected missing-ptr= and one of ok,"
            " warning, critical, unknown",
            id="unknown-state",
        ),
        pytest.param(
            ("-4", "-6", "-d", "example.com"),
            "-6: not allowed with argument -4",
            id="both-families",
        ),
        pytest.param(
            ("-d", "example.com", "-s", "a..b"),
            "-s/--server: a..b is no IP address; expected a resolver's,"
            " such as 192.0.2.53 (its port with -p)",
            id="server-no-name-either",
        ),
        pytest.param(
            ("-d", "example.com", "-s", "ns.example.com"),
            "-s/--server: ns.example.com is no IP address; expected a resolver's,"
            " such as 192.0.2.53 (its port with -p)",
            id="server-is-a-name",
        ),
        pytest.param(
            ("-d", "example.com", "-s", " 192.0.2.53"),
            r"-s/--server: \032192.0.2.53 is no IP address; expected a resolver's,"
            " such as 192.0.2.53 (its port with -p)",
            id="server-behind-a-blank",
        ),
        pytest.param(
            ("-d", "example.com", "-p", "53  "),
            r"-p/--port: 53\032\032 is no port; expected a number from 1 to 65535",
            id="port-before-blanks",
        ),
        pytest.param(
            ("-d", "example.com", "-p", "0"),
            "-p/--port: 0 is no port; expected a number from 1 to 65535",
            id="port-zero",
        ),
        pytest.param(
            ("-d", "example.com", "-p", "65536"),
            "-p/--port: 65536 is no port; expected a number from 1 to 65535",
            id="port-too-high",
        ),
        *(
            pytest.param(
                ("-d", "example.com", "-t", value),
                f"-t/--timeout: {value} is no timeout; expected seconds above 0, such as 10 or 2.5",
                id=f"timeout-{kind}",
            )
            for kind, value in (
                ("zero", "0"),
                ("zero-with-a-fraction", "0.0"),
                ("negative", "-1"),
                ("a-word", "soon"),
                ("infinite", "inf"),
                ("not-a-number", "nan"),
            )
        ),
        pytest.param(
            ("@/nonexistent/domains",),
            "@/nonexistent/domains: cannot read this file: no such file or directory",
            id="file-that-is-not-there",
        ),
        pytest.param(("@/",), "@/: cannot read this file: is a directory", id="file-is-a-folder"),
    ],
)
def test_wrong_argument(plugin: Plugin, arguments: tuple[str, ...], message: str) -> None:
    output = plugin(*arguments)
    assert output.stdout == f"REVERSE_MX UNKNOWN - argument {message}\n"
    assert (output.code, output.stderr) == (3, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("--domain", "example.com", "--lenient"),
            "unrecognized arguments: --lenient",
            id="unknown-option",
        ),
        pytest.param(
            ("--dom", "example.com"),
            "unrecognized arguments: --dom example.com",
            id="abbreviated-option",
        ),
        pytest.param(
            ("example.com",), "unrecognized arguments: example.com", id="positional-argument"
        ),
    ],
)
def test_unknown_argument(plugin: Plugin, arguments: tuple[str, ...], message: str) -> None:
    output = plugin(*arguments)
    assert output.stdout == (
        f"REVERSE_MX UNKNOWN - {message}; expected -d DOMAIN and options, see -h\n"
    )
    assert (output.code, output.stderr) == (3, "")


def test_domain_that_no_registry_could_have_is_refused(plugin: Plugin) -> None:
    output = plugin("-d", "\N{SNOWMAN}.example", env={"PYTHONUTF8": "1"})
    assert re.fullmatch(
        r"REVERSE_MX UNKNOWN - argument -d/--domain: \\226\\152\\131\.example is no valid name"
        r" \(.*\); expected a mail domain such as example\.com\n",
        output.stdout,
    )
    assert (output.code, output.stderr) == (3, "")


def test_endless_file_is_refused(plugin: Plugin) -> None:
    output = plugin("-d", "@/dev/zero")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - argument @/dev/zero: cannot read this file: file too large\n"
    )
    assert output.code == 3


@pytest.mark.newest
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("-d d{}.example", id="domains"),
        pytest.param("--state missing-ptr=ok", id="states"),
        pytest.param("-s 127.0.0.1", id="servers"),
        pytest.param("-v", id="flags"),
    ],
)
def test_time_grows_with_the_lines_of_a_file_and_not_with_their_square(
    plugin: Plugin, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "arguments"
    path.write_text("".join(line.format(number) + "\n" for number in range(50_000)))
    began = time.process_time()
    # What stands last is read last.
    output = plugin(f"@{path}", "-p", "0")
    assert time.process_time() - began < 5
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - argument -p/--port: 0 is no port; expected a number from 1 to 65535\n"
    )


@pytest.mark.newest
def test_as_many_arguments_as_may_be_are_taken_and_one_more_is_not(
    plugin: Plugin, tmp_path: Path
) -> None:
    path = tmp_path / "arguments"
    path.write_text("-v\n" * MOST_ARGUMENTS)
    whole = plugin(f"@{path}", "-p", "0")
    assert "-p/--port: 0 is no port" in whole.stdout
    path.write_text("-v\n" * (MOST_ARGUMENTS // 2))
    output = plugin(f"@{path}", "-v", f"@{path}")
    assert output.stdout.startswith("REVERSE_MX UNKNOWN - argument @")
    assert output.stdout.endswith(": more than 200000 arguments; split the check\n")
    assert output.code == 3


def test_option_that_excludes_another_is_found_however_far_apart_they_are(plugin: Plugin) -> None:
    output = plugin("-4", *["-v"] * 1000, "-6", "-d", "example.com")
    assert output.stdout == ("REVERSE_MX UNKNOWN - argument -6: not allowed with argument -4\n")


HOSTILE = [
    *("-", "--", "d", "4", "6", "v", "foo", "=", "|", "<", ">", "&", '"', "'", "`", "$", "\\"),
    *("\x1b", "\n", "\u202e", "\udcff", "\xe9", "\0", "1", "%", ":", "/", ".", "@", "domain"),
    *("spf", "state", "-t", "-w", "missing-ptr=ok", "ptr", " ", "a.b", "::1", "xn--", "*", "["),
]
OPTIONS = [
    *("-d", "--domain", "-s", "--sender", "--spf", "--ignore", "-t", "-w", "-c", "--state"),
    *("-4", "-6", "-v", "-p", "--smtp", "-V"),
]
OWN_APOSTROPHES = re.compile(r"\b(resolver|script)'s\b|'\*\.example\.com'")


@pytest.mark.newest
def test_no_argument_reaches_the_output_raw() -> None:
    chance = random.Random(1)
    for _ in range(5_000):
        arguments: list[str] = []
        for _ in range(chance.randrange(5)):
            value = "".join(chance.choices(HOSTILE, k=chance.randrange(1, 6)))
            option = chance.choice(OPTIONS)
            arguments += chance.choice([[option], [option, value], [f"{option}={value}"], [value]])
        said = ""
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                parse(arguments, "1", lambda _: None)
        except GivenUp as reason:
            said = str(reason)
        line = OWN_APOSTROPHES.sub("", said)
        assert not {c for c in line if not " " <= c <= "~" or c in UNSAFE - {"\\"}}, arguments


def test_unknown_argument_is_shown_safe_to_print(plugin: Plugin) -> None:
    output = plugin("--foo|x=1", "-d", "example.com")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - unrecognized arguments: --foo\\124x=1; expected -d DOMAIN and"
        " options, see -h\n"
    )


def test_unknown_arguments_without_end_are_cut_off(plugin: Plugin) -> None:
    output = plugin("-d", "example.com", "--foo" * 1000)
    assert len(output.stdout) < 320


def test_value_of_an_option_that_takes_none(plugin: Plugin) -> None:
    output = plugin("--spf=<b>", "-d", "example.com")
    assert output.stdout == (
        "REVERSE_MX UNKNOWN - argument --spf: takes no value, and has \\060b\\062\n"
    )


def test_file_that_is_no_text(plugin: Plugin, tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_bytes(b"\xff\xfe\x00")
    output = plugin(f"@{path}")
    assert output.code == 3
    assert output.stdout.startswith("REVERSE_MX UNKNOWN - argument @")
    assert output.stdout.endswith(": cannot read this file: is not UTF-8 text\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_unknown_fits_on_two_screens_and_ends_with_examples(
    plugin: Plugin, option: str
) -> None:
    output = plugin(option, env={"COLUMNS": "80"})
    lines = output.stdout.splitlines()
    assert (output.code, output.stderr) == (3, "")
    assert output.stdout.startswith("usage: check_reverse_mx ")
    assert lines[-3:] == [
        "examples:",
        "  check_reverse_mx -d example.com -v",
        "  check_reverse_mx -d example.com --sender 192.0.2.40=mail.example.com --spf",
    ]
    assert max(len(line) for line in lines) <= 80
    assert len(lines) <= 2 * 40


def test_findings_are_shown_with_what_receivers_do(plugin: Plugin) -> None:
    output = plugin("--findings")
    assert (output.code, output.stderr) == (3, "")
    told = " ".join(output.stdout.split())
    for finding in FINDINGS.values():
        assert f"{finding.name} {finding.default} {finding.when}" in told
        assert "; ".join(map(str, finding.reactions)) in told


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_is_unknown(plugin: Plugin, option: str) -> None:
    output = plugin(option)
    assert (output.code, output.stderr) == (3, "")
    assert output.stdout.startswith("check_reverse_mx ")


ZONE = zone(
    """
    example.com. MX 10 mail.example.com.
    example.net. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-d\nexample.com\n-d\nexample.net\n", id="an-argument-a-line"),
        pytest.param("\ufeff-d\nexample.com\n-d\nexample.net\n", id="byte-order-mark"),
        pytest.param("-d example.com\r\n-d example.net\r\n", id="carriage-returns"),
        pytest.param("-d example.com\n-d example.net", id="an-option-with-its-value-a-line"),
        pytest.param("--domain=example.com\n--domain=example.net\n", id="long-options"),
        pytest.param(
            "# ours\n\n--domain\n  example.com  \nexample.net\n", id="comments-and-blanks"
        ),
    ],
)
def test_arguments_from_a_file(plugin: Plugin, tmp_path: Path, text: str) -> None:
    path = tmp_path / "arguments"
    path.write_bytes(text.encode())
    with NameServer(ZONE) as server:
        output = plugin.ask(server, f"@{path}")
    assert output.status == (
        "REVERSE_MX OK - 2 domains: 2 mail hosts, 2 addresses, reverse DNS matches"
    )


def test_domains_from_a_file(plugin: Plugin, tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\nexample.net\n")
    with NameServer(ZONE) as server:
        output = plugin.ask(server, "-d", f"@{path}")
    assert output.code == 0


def test_inverted_range_is_no_file(plugin: Plugin) -> None:
    with NameServer(ZONE) as server:
        output = plugin.ask(server, "-d", "example.com", "-w", "@10:20", "--critical", "@20:")
    assert output.code == 0
