"""The addresses that a domain's SPF record allows, by the rules of RFC 7208, and its errors.

Most tests are cases: a zone, the addresses whose PTR records the plugin then asks for, and what
it finds wrong with the record. How it says so is known to ``Said`` alone.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import re
from dataclasses import dataclass

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, at_most_cpu, zone
from tests.scenarios.test_output import HOSTILE, assert_safe

# Where mail to the domain goes, which is not what these tests are about.
MAIL = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 203.0.113.25
    203.0.113.25 PTR mail.example.com.
"""
OUT = """
    out.example.com. A 192.0.2.40
    192.0.2.40 PTR out.example.com.
"""


class Said:
    """What a run with ``--spf -v`` says of SPF."""

    def __init__(self, output: Output) -> None:
        text = "\n".join(output.long)
        self.errors = re.findall(r"(?m)^\[[A-Z]+\] spf-error: SPF of \S+ (.*)$", text)
        self.left_out = re.findall(r"(?m)^  SPF left out: (.*)$", text)
        # The lines of the addresses that a term gives.
        self.terms = {
            term: re.findall(r"(?m)^    (\S.*)$", lines)
            for term, lines in re.findall(r"(?m)^  SPF (?!left out)(.*)((?:\n    .*)*)", text)
        }


def spf(*strings: str, of: str = "example.com") -> str:
    """Return the line of zone text for a TXT record of strings, or of more if they are long."""
    octets = [string.encode("latin-1") for string in strings]
    parts = [text[i : i + 255] for text in octets for i in range(0, max(1, len(text)), 255)]
    quoted = ("".join(f"\\{octet:03d}" for octet in part) for part in parts)
    return f"\n{of}. TXT " + " ".join(f'"{text}"' for text in quoted) + "\n"


def asked(server: NameServer, rdtype: str) -> list[str]:
    """Return the names that were asked for, in that order, each try counted."""
    return [query.name for query in server.queries if query.rdtype == rdtype]


def reverse_names(*addresses: str) -> set[str]:
    """Return the names of some addresses, and of all those in some networks."""
    networks = [ipaddress.ip_network(text) for text in " ".join(addresses).split()]
    return {f"{address.reverse_pointer}." for address in itertools.chain(*networks)}


@dataclass(frozen=True)
class Case:
    """Zone text, the addresses and networks that are allowed, and the errors.

    ``mx`` are addresses that are looked at in any case.
    """

    id: str
    zone: str
    allowed: str = ""
    errors: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    mail: str = MAIL
    mx: str = "203.0.113.25"
    arguments: tuple[str, ...] = ()


def check(plugin: Plugin, case: Case) -> None:
    with NameServer(zone(case.mail + case.zone)) as server:
        arguments = ("--spf", "-d", "example.com", "-v", *case.arguments)
        output = plugin.ask(server, *arguments, env={"LC_ALL": "C"})
    assert_safe(output)
    said = Said(output)
    assert tuple(said.errors) == case.errors
    assert tuple(said.left_out) == case.left_out
    assert set(asked(server, "PTR")) == reverse_names(case.allowed, case.mx)
    # Every question is asked once, whoever asks it; but for advice on a failure, once more.
    questions = [(query.name, query.rdtype) for query in server.queries]
    assert len(questions) == len(set(questions)) or "rcode" in case.mail + case.zone


NONE = ("has no SPF record",)

SELECTION = [
    Case("one-record", spf("v=spf1 ip4:192.0.2.40 -all"), "192.0.2.40"),
    Case("strings-joined-without-blanks", spf("v=sp", "f1 ip4:192.0", ".2.40 -all"), "192.0.2.40"),
    Case("blank-at-the-end-of-a-string", spf("v=spf1 ", "ip4:192.0.2.40"), "192.0.2.40"),
    Case("blank-lost-between-strings", spf("v=spf1", "ip4:192.0.2.40 -all"), errors=NONE),
    Case("version-in-capitals", spf("V=SPF1 IP4:192.0.2.40 -ALL"), "192.0.2.40"),
    Case("version-alone", spf("v=spf1")),
    Case("blanks-after-the-version", spf("v=spf1   ")),
    Case("many-blanks", spf("v=spf1   ip4:192.0.2.40    -all  "), "192.0.2.40"),
    Case("blank-before-the-version", spf(" v=spf1 ip4:192.0.2.40 -all"), errors=NONE),
    Case("version-10", spf("v=spf10 ip4:192.0.2.40 -all"), errors=NONE),
    Case("version-2", spf("spf2.0/pra ip4:192.0.2.40 -all"), errors=NONE),
    Case("tab-after-the-version", spf("v=spf1\tip4:192.0.2.40 -all"), errors=NONE),
    Case("no-txt", "", errors=NONE),
    Case("other-txt-only", spf("v=DKIM1; p=") + spf(""), errors=NONE),
    Case(
        "among-other-txt",
        spf("spf is in the other record")
        + spf("v=spf1 ip4:192.0.2.40 -all")
        + spf("v=spf10 ip4:192.0.2.41")
        + spf("\xff"),
        "192.0.2.40",
    ),
    Case(
        "two-records",
        spf("v=spf1 ip4:192.0.2.40 -all") + spf("v=spf1 ip4:192.0.2.41 -all"),
        errors=("has 2 SPF records",),
    ),
    Case(
        "two-records-in-different-case",
        spf("v=spf1 -all") + spf("V=SPF1 -all") + spf("unrelated"),
        errors=("has 2 SPF records",),
    ),
    Case(
        "behind-an-alias",
        "_spf.example.com. CNAME spf.example.net."
        + spf("v=spf1 ip4:192.0.2.40", of="spf.example.net")
        + spf("v=spf1 include:_spf.example.com -all"),
        "192.0.2.40",
    ),
]

HOSTS = """
    a.example.net. A 192.0.2.10
    a.example.net. A 192.0.2.11
    a.example.net. AAAA 2001:db8::a
    v4.example.net. A 192.0.2.14
    alias.example.net. CNAME v4.example.net.
    example.net. MX 10 mx1.example.net.
    example.net. MX 20 mx2.example.net.
    mx1.example.net. A 192.0.2.21
    mx1.example.net. AAAA 2001:db8::21
    mx2.example.net. A 192.0.2.22
    mx2.example.net. AAAA 2001:db8::22
    nomx.example.net. A 192.0.2.30
    nomx.example.net. AAAA 2001:db8::30
    null.example.net. MX 0 .
    letters.example.net. MX 10 192.0.2.31.
    letters.example.net. MX 20 mx1.example.net.
"""
A_HOST = "192.0.2.10 192.0.2.11 2001:db8::a"


def terms(id: str, record: str, allowed: str = "", **rest: object) -> Case:
    """Return a case of terms that speak of the hosts above."""
    return Case(id, HOSTS + spf(f"v=spf1 {record}"), allowed, **rest)  # type: ignore[arg-type]


LARGE = "192.0.2.0/27 (32 addresses)"

MECHANISMS = [
    terms("qualifier-pass", "+ip4:192.0.2.40 -all", "192.0.2.40"),
    terms("other-qualifiers", "-ip4:192.0.2.40 ~ip4:192.0.2.41 ?ip4:192.0.2.42 -all"),
    terms("no-all", "ip4:192.0.2.40", "192.0.2.40"),
    terms("nothing-counts-behind-all", "ip4:192.0.2.40 -all ip4:192.0.2.41", "192.0.2.40"),
    terms("all", "all", left_out=("all (any address)",)),
    terms("pass-all", "+ALL", left_out=("+ALL (any address)",)),
    terms("all-others", "ip4:192.0.2.40 ?all ~all", "192.0.2.40"),
    terms("ip4-of-16", "ip4:192.0.2.0/28", "192.0.2.0/28"),
    terms("ip4-host-bits", "ip4:192.0.2.7/30", "192.0.2.4/30"),
    terms("ip4-32", "ip4:192.0.2.40/32", "192.0.2.40"),
    terms("ip4-of-32", "ip4:192.0.2.9/27", left_out=("ip4:192.0.2.9/27 (32 addresses)",)),
    terms("ip4-0", "ip4:0.0.0.0/0", left_out=("ip4:0.0.0.0/0 (2^32 addresses)",)),
    terms("ip6", "ip6:2001:DB8::40", "2001:db8::40"),
    terms("ip6-of-16", "ip6:2001:db8::1/124", "2001:db8::/124"),
    terms("ip6-of-32", "ip6:2001:db8::/123", left_out=("ip6:2001:db8::/123 (32 addresses)",)),
    terms("ip6-64", "ip6:2001:db8::/64", left_out=("ip6:2001:db8::/64 (2^64 addresses)",)),
    terms("ip6-with-dots", "ip6:2001:db8::192.0.2.40", "2001:db8::c000:228"),
    Case(
        "a",
        spf("v=spf1 a -all") + "example.com. A 192.0.2.50\nexample.com. AAAA 2001:db8::50",
        "192.0.2.50 2001:db8::50",
    ),
    terms("a-of-another", "a:a.example.net", A_HOST),
    terms("a-with-final-dot", "a:a.example.net.", A_HOST),
    terms("a-in-capitals", "A:A.EXAMPLE.NET", A_HOST),
    terms("a-of-an-alias", "a:alias.example.net", "192.0.2.14"),
    terms("a-30", "a:a.example.net/30", "192.0.2.8/30 2001:db8::a"),
    terms("a-126", "a:a.example.net//126", "192.0.2.10 192.0.2.11 2001:db8::8/126"),
    terms("a-30-126", "a:a.example.net/30//126", "192.0.2.8/30 2001:db8::8/126"),
    terms(
        "a-27",
        "a:a.example.net/27",
        "2001:db8::a",
        left_out=("a:a.example.net/27: 192.0.2.0/27 (32 addresses)",),
    ),
    terms(
        "a-0",
        "a:a.example.net/0//0",
        left_out=(
            "a:a.example.net/0//0: 0.0.0.0/0 (2^32 addresses)",
            "a:a.example.net/0//0: ::/0 (2^128 addresses)",
        ),
    ),
    terms("a-0-of-no-host", "a:none.example.net/0//0"),
    Case(
        "a-of-an-odd-name",
        r"a:b/c\\d.example.net. A 192.0.2.50" + spf("v=spf1 a:a:b/c\\d.example.net/31"),
        "192.0.2.50/31",
    ),
    Case(
        "a-under-a-punycode-domain",
        "mail.example.xn--zckzah. A 192.0.2.50" + spf("v=spf1 a:mail.example.xn--zckzah"),
        "192.0.2.50",
    ),
    Case("mx-of-its-own", spf("v=spf1 mx/31 -all"), "203.0.113.24/31"),
    terms("mx", "mx:example.net", "192.0.2.21 192.0.2.22 2001:db8::21 2001:db8::22"),
    terms("mx-30-124", "mx:example.net/30//124", "192.0.2.20/30 2001:db8::20/124"),
    terms("mx-is-not-implicit", "mx:nomx.example.net -all"),
    terms("mx-that-is-null", "mx:null.example.net -all"),
    terms("mx-in-letters", "mx:letters.example.net -all", "192.0.2.21 2001:db8::21"),
    terms(
        "ptr-and-exists",
        "ptr ptr:example.net exists:%{i}.example.net -all",
        left_out=("ptr", "ptr:example.net", "exists:%{i}.example.net"),
    ),
    terms("ipv4", "a:a.example.net ip6:2001:db8::1", "192.0.2.10/31", arguments=("-4",)),
    terms("ipv4-all", "all", left_out=("all (any address)",), arguments=("-4",)),
    terms(
        "ipv6",
        "a:a.example.net mx:example.net ip4:192.0.2.40 ip4:192.0.2.0/24 ip6:2001:db8::/64",
        "2001:db8::a 2001:db8::21 2001:db8::22",
        left_out=("ip6:2001:db8::/64 (2^64 addresses)",),
        arguments=("-6",),
        mx="",
    ),
    terms("exists", "exists:v4.example.net", left_out=("exists:v4.example.net (any address)",)),
    terms("exists-of-nothing", "exists:none.example.net ip4:192.0.2.40", "192.0.2.40"),
    terms("exists-without-ipv4", "exists:null.example.net ip4:192.0.2.40", "192.0.2.40"),
    terms(
        "exists-that-denies", "ip4:192.0.2.40 -exists:v4.example.net ip4:192.0.2.41", "192.0.2.40"
    ),
    terms("exists-that-does-not-pass", "?exists:v4.example.net ip4:192.0.2.41"),
    terms(
        "exists-asks-for-ipv4-whoever-sends",
        "exists:v4.example.net",
        left_out=("exists:v4.example.net (any address)",),
        arguments=("-6",),
        mx="",
    ),
    # The first term that fits a sender decides.
    terms("one-denied", "-ip4:192.0.2.9 ip4:192.0.2.8/30", "192.0.2.8 192.0.2.10/31"),
    terms("one-neutral", "?ip4:192.0.2.9 ip4:192.0.2.8/30", "192.0.2.8 192.0.2.10/31"),
    terms("host-denied", "-a:a.example.net ip4:192.0.2.8/30 ip6:2001:db8::a", "192.0.2.8/31"),
    terms("network-denied", "-ip4:192.0.2.0/24 ip4:192.0.2.9 ip4:198.51.100.9", "198.51.100.9"),
    terms("denied-too-late", "ip4:192.0.2.8/30 -ip4:192.0.2.9", "192.0.2.8/30"),
]


def included(id: str, record: str, other: str, allowed: str = "", **rest: object) -> Case:
    """Return a case of a record that uses another, that of _spf.example.net."""
    return Case(
        id,
        spf(f"v=spf1 {record}") + spf(f"v=spf1 {other}", of="_spf.example.net"),
        allowed,
        **rest,  # type: ignore[arg-type]
    )


def chain(*records: str) -> str:
    """Return records of example.com, 1.example.net, 2.example.net, and so on."""
    owners = ["example.com", *(f"{number}.example.net" for number in range(1, len(records)))]
    return "".join(spf(f"v=spf1 {text}", of=owner) for owner, text in zip(owners, records))


SPF_NET = "_spf.example.net. A 192.0.2.51\n_spf.example.net. MX 1 _spf.example.net."

INCLUDES = [
    included("include", "include:_spf.example.net -all", "ip4:192.0.2.40 -all", "192.0.2.40"),
    included(
        "include-takes-what-passes",
        "include:_spf.example.net",
        "ip4:192.0.2.40 -ip4:192.0.2.41 ?ip4:192.0.2.42 ~all",
        "192.0.2.40",
    ),
    included("include-that-does-not-pass", "?include:_spf.example.net", "ip4:192.0.2.40"),
    included(
        "include-that-denies",
        "-include:_spf.example.net ip4:192.0.2.40/30",
        "-ip4:192.0.2.43 ip4:192.0.2.42/31",
        "192.0.2.40/31 192.0.2.43",
    ),
    included(
        "denied-in-the-include-only",
        "include:_spf.example.net ip4:192.0.2.40",
        "-ip4:192.0.2.40 ip4:192.0.2.40/31 -all",
        "192.0.2.40/31",
    ),
    included(
        "all-ends-the-include-only",
        "include:_spf.example.net ip4:192.0.2.41",
        "ip4:192.0.2.40 -all",
        "192.0.2.40/31",
    ),
    included(
        "include-of-all",
        "include:_spf.example.net -all",
        "+all",
        left_out=("+all of _spf.example.net (any address)",),
    ),
    included(
        "include-twice-is-no-loop",
        "include:_spf.example.net include:_SPF.example.net. -all",
        "ip4:192.0.2.40",
        "192.0.2.40",
    ),
    Case(
        "include-speaks-of-itself",
        SPF_NET
        + spf("v=spf1 include:_spf.example.net")
        + spf("v=spf1 a mx/31", of="_spf.example.net"),
        "192.0.2.50/31",
    ),
    Case(
        "include-chain",
        chain(
            "include:1.example.net ip4:192.0.2.40",
            "ip4:192.0.2.41 include:2.example.net",
            "include:3.example.net ip4:192.0.2.42",
            "ip4:192.0.2.43 -all",
        ),
        "192.0.2.40/30",
    ),
    Case(
        "include-of-a-redirect",
        chain("include:1.example.net -all", "redirect=2.example.net", "ip4:192.0.2.40 -all"),
        "192.0.2.40",
    ),
    included("redirect", "redirect=_spf.example.net", "ip4:192.0.2.40 -all", "192.0.2.40"),
    included("redirect-in-capitals", "REDIRECT=_spf.example.net.", "ip4:192.0.2.40", "192.0.2.40"),
    included(
        "redirect-after-all-terms-wherever-it-stands",
        "redirect=_spf.example.net -ip4:192.0.2.40 ip4:192.0.2.42",
        "ip4:192.0.2.40/31",
        "192.0.2.41 192.0.2.42",
    ),
    included("redirect-before-all", "redirect=_spf.example.net -all", "ip4:192.0.2.40"),
    included("redirect-behind-all", "-all redirect=_spf.example.net", "ip4:192.0.2.40"),
    Case("unused-redirect-to-nowhere", spf("v=spf1 redirect=none.example.net -all")),
    Case(
        "redirect-speaks-of-its-target",
        SPF_NET
        + spf("v=spf1 redirect=_spf.example.net")
        + spf("v=spf1 a -all", of="_spf.example.net"),
        "192.0.2.51",
    ),
    Case(
        "redirect-chain",
        chain("redirect=1.example.net", "redirect=2.example.net", "ip4:192.0.2.40 -all"),
        "192.0.2.40",
    ),
    Case(
        "include-without-record",
        "_spf.example.net. A 192.0.2.51" + spf("v=spf1 include:_spf.example.net ip4:192.0.2.40"),
        "192.0.2.40",
        ("includes _spf.example.net, which has no SPF record",),
    ),
    Case(
        "include-of-nothing",
        spf("v=spf1 ?include:none.example.net ip4:192.0.2.40"),
        "192.0.2.40",
        ("includes none.example.net, which has no SPF record",),
    ),
    Case(
        "include-of-two-records",
        chain("include:1.example.net ip4:192.0.2.40", "all") + spf("v=spf1", of="1.example.net"),
        "192.0.2.40",
        ("includes 1.example.net, which has 2 SPF records",),
    ),
    Case(
        "redirect-without-record",
        spf("v=spf1 ip4:192.0.2.40 redirect=none.example.net"),
        "192.0.2.40",
        ("redirects to none.example.net, which has no SPF record",),
    ),
    Case(
        "errors-of-several-records",
        chain("moo include:1.example.net redirect=2.example.net", "ip4:1 ip4:192.0.2.40", "a:b"),
        "192.0.2.40",
        (
            "has a syntax error in moo (no such mechanism)",
            "includes 1.example.net, which has a syntax error in ip4:1"
            " (expected ip4:ADDRESS[/0-32])",
            "redirects to 2.example.net, which has a syntax error in a:b"
            " (expected a[:DOMAIN][/0-32][//0-128])",
        ),
    ),
    Case(
        "includes-itself",
        spf("v=spf1 include:Example.COM ip4:192.0.2.40 -all"),
        "192.0.2.40",
        ("includes Example.COM again (a loop)",),
    ),
    Case(
        "include-loop",
        chain(
            "include:1.example.net", "include:2.example.net ip4:192.0.2.40", "include:1.example.net"
        ),
        "192.0.2.40",
        ("includes 2.example.net, which includes 1.example.net again (a loop)",),
    ),
    Case(
        "redirects-to-itself",
        spf("v=spf1 ip4:192.0.2.40 redirect=example.com"),
        "192.0.2.40",
        ("redirects to example.com again (a loop)",),
    ),
    Case(
        "redirect-loop",
        chain("include:1.example.net", "redirect=2.example.net", "redirect=example.com"),
        "",
        ("redirects to 2.example.net, which redirects to example.com again (a loop)",),
    ),
]

# Each is left out as it stands.
MACROS = [
    "include:%{o}.example.net",
    "a:%{d}.%{v}.example.net",
    "+a:%{i}._spf.example.net/30//126",
    "~mx:%{l1r+-}.example.net/24",
    "exists:%{ir}.%{v}._spf.%{d2}",
    "exists:%{L005R.-+,/_=}.example.net",
    "ptr:%{p}.example.net",
    "a:%{s}.%{o}.%{h}.example.net",
    "a:mail.%{h}",
    "redirect=%{h}._spf.example.net",
    "ip4=192.0.2.40 (= where : belongs, so it has no effect: write ip4:192.0.2.40)",
    "include=_spf.example.net (= where : belongs, so it has no effect: write"
    " include:_spf.example.net)",
]

# Each is followed to a host: what needs no sender is known.
EXPANDED = {
    "a:%{d}.example.net": "example.com.example.net",
    "a:%{d}": "example.com",
    "a:%{D}": "example.com",
    "a:%{d1}.example.net": "com.example.net",
    "a:%{d2}.example.net": "example.com.example.net",
    "a:%{d3}.example.net": "example.com.example.net",
    f"a:%{{d{'9' * 400}}}.example.net": "example.com.example.net",
    "a:%{d0001}.example.net": "com.example.net",
    "a:%{dr}.example.net": "com.example.example.net",
    "a:%{d1r}.example.net": "example.example.net",
    "a:%{dr-}.example.net": "example.com.example.net",
    "a:x.%{dr.-}.%{d1}": "x.com.example.com",
    "a:%%percent.example.net": r"\037percent.example.net",
    "a:blank%_.example.net": r"blank\032.example.net",
    "a:blank%-blank.example.net": r"blank\03720blank.example.net",
    # Labels are left out from the left until the name has 253 octets.
    f"a:y.{'x' * 62}.{'x' * 62}.{'x' * 62}.{'x' * 49}.%{{d}}.ab": (
        f"{'x' * 62}.{'x' * 62}.{'x' * 62}.{'x' * 49}.example.com.ab"
    ),
}

# Nothing comes of them, nor of names that do not exist.
WELL_FORMED = [
    "exp=explain.example.net",
    "exp=%{i}.explain.example.net",
    "exp=empty..label.example.net",
    "default=pass",
    "rr=",
    "moo.cow-far_out=man:dog/cat",
    "a1=%{l}%%%_%-!$&~",
    "a:none.example.net/0//0",
    "a:none.example.net/9//9",
    "mx:none.example.net/32//128",
    "mx:none.example.net/10//10",
    "a:none.example.net//99",
    "a:none.example.net//100",
    "a:none.example.net//127",
    "a:none.example.0net",
    "a:none.example.n3t",
    "a:none.example.1-2",
    "a:none.1.2a",
    "a:-_!#*.example.net",
    "a:none/24.example.net/24",
    "a:none:25.example.net",
    "ip4:0.0.0.0",
    "ip6:::",
]

A_FORM = "expected a[:DOMAIN][/0-32][//0-128]"
MX_FORM = "expected mx[:DOMAIN][/0-32][//0-128]"
PTR_FORM = "expected ptr[:DOMAIN]"
IP4_FORM = "expected ip4:ADDRESS[/0-32]"
IP6_FORM = "expected ip6:ADDRESS[/0-128]"
INCLUDE_FORM = "expected include:DOMAIN"
EXISTS_FORM = "expected exists:DOMAIN"
REDIRECT_FORM = "expected redirect=DOMAIN"
EXP_FORM = "expected exp=DOMAIN"
OTHER_FORM = "expected NAME=TEXT"
UNKNOWN = "no such mechanism"
UNQUALIFIED = "a modifier has no qualifier"
NO_NAME = "no valid domain name"

MALFORMED = {
    # Terms and directives (RFC 7208, 4.6.1).
    "moo": UNKNOWN,
    "moo:example.net": UNKNOWN,
    "moo/24": UNKNOWN,
    "192.0.2.41": UNKNOWN,
    "example.net": UNKNOWN,
    "ip:192.0.2.41": UNKNOWN,
    "+": UNKNOWN,
    "++a": UNKNOWN,
    "!a": UNKNOWN,
    "a,": A_FORM,
    "/24": UNKNOWN,
    ":example.net": UNKNOWN,
    "a\tmx": A_FORM,
    "a:out.example.net\r": A_FORM,
    "a:out.example.net\0": A_FORM,
    "\xe4": UNKNOWN,
    "\x80a:out.example.net": UNKNOWN,
    "a:out.ex\xe4mple.net": A_FORM,
    "a:\xef\xbb\xbfout.example.net": A_FORM,
    # all (5.1).
    "all:example.net": "expected all",
    "all/8": "expected all",
    "all.": UNKNOWN,
    # include (5.2).
    "include": INCLUDE_FORM,
    "include:": INCLUDE_FORM,
    "include/24": INCLUDE_FORM,
    "include:out.example.net/24": INCLUDE_FORM,
    "include:localhost": INCLUDE_FORM,
    # a (5.3) and the prefix lengths.
    "a:": A_FORM,
    "a:/24": A_FORM,
    "a/": A_FORM,
    "a//": A_FORM,
    "a/33": A_FORM,
    "a/024": A_FORM,
    "a/00": A_FORM,
    "a/-1": A_FORM,
    "a/x": A_FORM,
    "a/24/64": A_FORM,
    "a/24//": A_FORM,
    "a///64": A_FORM,
    "a//64/24": A_FORM,
    "a//129": A_FORM,
    "a//064": A_FORM,
    "a:out.example.net/33": A_FORM,
    "a:out.example.net//129": A_FORM,
    # mx (5.4).
    "mx:": MX_FORM,
    "mx/33": MX_FORM,
    "mx/": MX_FORM,
    "mx//129": MX_FORM,
    "mx:out.example.net/24/64": MX_FORM,
    "mx:localhost": MX_FORM,
    # ptr (5.5).
    "ptr:": PTR_FORM,
    "ptr/24": PTR_FORM,
    "ptr:out.example.net//64": PTR_FORM,
    # ip4 and ip6 (5.6).
    "ip4": IP4_FORM,
    "ip4:": IP4_FORM,
    "ip4/24": IP4_FORM,
    "ip4:192.0.2": IP4_FORM,
    "ip4:192.0.2.256": IP4_FORM,
    "ip4:192.0.2.041": IP4_FORM,
    "ip4:192.0.2.41.1": IP4_FORM,
    "ip4:192.0.2.41.": IP4_FORM,
    "ip4:192.0.2.41:25": IP4_FORM,
    "ip4:192.0.2.41/": IP4_FORM,
    "ip4:192.0.2.41/33": IP4_FORM,
    "ip4:192.0.2.41/032": IP4_FORM,
    "ip4:192.0.2.41//32": IP4_FORM,
    "ip4:192.0.2.41/255.255.255.255": IP4_FORM,
    "ip4:192.0.2.41-192.0.2.42": IP4_FORM,
    "ip4:192.0.2.41,192.0.2.42": IP4_FORM,
    "ip4:2001:db8::41": IP4_FORM,
    "ip4:out.example.net": IP4_FORM,
    "ip4:\xb9\xb2.0.2.41": IP4_FORM,
    "ip6": IP6_FORM,
    "ip6:": IP6_FORM,
    "ip6/64": IP6_FORM,
    "ip6:192.0.2.41": IP6_FORM,
    "ip6:2001:db8::41::1": IP6_FORM,
    "ip6:2001:db8:41": IP6_FORM,
    "ip6:2001:db8::g": IP6_FORM,
    "ip6:2001:db8::12345": IP6_FORM,
    "ip6:[2001:db8::41]": IP6_FORM,
    "ip6:2001:db8::41%eth0": IP6_FORM,
    "ip6:2001:db8::41/": IP6_FORM,
    "ip6:2001:db8::41/129": IP6_FORM,
    "ip6:2001:db8::41/064": IP6_FORM,
    "ip6:2001:db8::41//64": IP6_FORM,
    # exists (5.7).
    "exists": EXISTS_FORM,
    "exists:": EXISTS_FORM,
    "exists/24": EXISTS_FORM,
    "exists:out.example.net/24": EXISTS_FORM,
    # Modifiers (6).
    "redirect=": REDIRECT_FORM,
    "redirect=localhost": REDIRECT_FORM,
    "redirect=out.example.net/24": REDIRECT_FORM,
    "redirect:out.example.net": UNKNOWN,
    "redirect": UNKNOWN,
    "-redirect=out.example.net": UNQUALIFIED,
    "exp=": EXP_FORM,
    "exp=-all": EXP_FORM,
    "exp:out.example.net": UNKNOWN,
    "?exp=out.example.net": UNQUALIFIED,
    "+moo=foo": UNQUALIFIED,
    "=foo": UNKNOWN,
    "1up=foo": UNKNOWN,
    "_a=foo": UNKNOWN,
    "a1/b=c": UNKNOWN,
    "moo=50%": OTHER_FORM,
    "moo=f\xf6o": OTHER_FORM,
    # Domains and macros (7.1).
    "a:museum": A_FORM,
    "a:museum.": A_FORM,
    "a:192.0.2.41": A_FORM,
    "a:out.example.123": A_FORM,
    "a:out.example.-net": A_FORM,
    "a:out.example.net-": A_FORM,
    "a:out.example.n_t": A_FORM,
    "a:out.example.net:25": A_FORM,
    "a:out.example.net..": A_FORM,
    "a:example..net.": NO_NAME,
    "a:.example.net": NO_NAME,
    f"include:{'a' * 64}.example.net": NO_NAME,
    f"redirect={'abc.' * 64}example.net": NO_NAME,
    "exists:%": EXISTS_FORM,
    "exists:%.example.net": EXISTS_FORM,
    "exists:%a.example.net": EXISTS_FORM,
    "exists:%(i).example.net": EXISTS_FORM,
    "exists:%{.example.net": EXISTS_FORM,
    "exists:%{}.example.net": EXISTS_FORM,
    "exists:%{i.example.net": EXISTS_FORM,
    "exists:%{a}.example.net": EXISTS_FORM,
    "exists:%{ii}.example.net": EXISTS_FORM,
    "exists:%{i0}.example.net": EXISTS_FORM,
    "exists:%{ir2}.example.net": EXISTS_FORM,
    "exists:%{i-r}.example.net": EXISTS_FORM,
    "exists:%{i:}.example.net": EXISTS_FORM,
    "exists:%{c}.example.net": EXISTS_FORM,
    "exists:%{r}.example.net": EXISTS_FORM,
    "exists:%{t}.example.net": EXISTS_FORM,
    "exists:%{i}example": EXISTS_FORM,
    "include:%{d": INCLUDE_FORM,
    "mx:%{x}.example.net": MX_FORM,
    "ptr:%{d}/24": PTR_FORM,
    "redirect=%{x}": REDIRECT_FORM,
    "exp=%{r}.example.net": EXP_FORM,
    "moo=%{x}": OTHER_FORM,
}


def printed(term: str) -> str:
    """Return a term as the output has it: octets that could do harm are spelled out."""
    return re.sub(r"[^ -~]|[|<>&\"'`$\\]", lambda octet: f"\\{ord(octet[0]):03d}", term)


def wrong(term: str, reason: str) -> str:
    shown = printed(term[:200]) + "..." * (len(term) > 200)
    return f"has a syntax error in {shown} ({reason})"


SYNTAX = [
    *(
        Case(
            f"left-out-{term}",
            spf(f"v=spf1 ip4:192.0.2.40 {term.partition(' ')[0]}"),
            "192.0.2.40",
            left_out=(term,),
        )
        for term in MACROS
    ),
    *(
        Case(
            f"expanded-{printed(term)[:60]}",
            f"{host}. A 192.0.2.40" + spf(f"v=spf1 {term} -all"),
            "192.0.2.40",
        )
        for term, host in EXPANDED.items()
    ),
    *(
        Case(f"well-formed-{term}", spf(f"v=spf1 ip4:192.0.2.40 {term}"), "192.0.2.40")
        for term in WELL_FORMED
    ),
    *(
        Case(
            f"malformed-{printed(term)[:60]}",
            spf(f"v=spf1 {term} ip4:192.0.2.40 -all"),
            "192.0.2.40",
            (wrong(term, reason),),
        )
        for term, reason in MALFORMED.items()
    ),
    Case(
        "malformed-behind-all",
        spf("v=spf1 ip4:192.0.2.40 -all moo"),
        "192.0.2.40",
        (wrong("moo", UNKNOWN),),
    ),
    Case(
        "several-malformed",
        spf("v=spf1 moo ip4:192.0.2.40 a:b -all foo"),
        "192.0.2.40",
        (wrong("moo", UNKNOWN), wrong("a:b", A_FORM), wrong("foo", UNKNOWN)),
    ),
    Case(
        "redirect-twice",
        chain("redirect=1.example.net redirect=2.example.net", "ip4:192.0.2.40", "ip4:192.0.2.41"),
        "192.0.2.40",
        ("has redirect= more than once",),
    ),
    Case(
        "redirect-twice-beside-all",
        spf("v=spf1 redirect=1.example.net ip4:192.0.2.40 -all Redirect=1.example.net"),
        "192.0.2.40",
        ("has redirect= more than once",),
    ),
    Case(
        "exp-twice",
        spf("v=spf1 exp=1.example.net ip4:192.0.2.40 -all exp=1.example.net"),
        "192.0.2.40",
        ("has exp= more than once",),
    ),
    Case("other-modifier-twice", spf("v=spf1 moo=1 moo=1 ip4:192.0.2.40"), "192.0.2.40"),
]

# The zone of RFC 7208, A, whose hosts are looked at as mail hosts in any case.
RFC_ZONE = """
    example.com. MX 10 mail-a.example.com.
    example.com. MX 20 mail-b.example.com.
    example.com. A 192.0.2.10
    example.com. A 192.0.2.11
    amy.example.com. A 192.0.2.65
    bob.example.com. A 192.0.2.66
    mail-a.example.com. A 192.0.2.129
    mail-b.example.com. A 192.0.2.130
    www.example.com. CNAME example.com.
    example.org. MX 10 mail-c.example.org.
    mail-c.example.org. A 192.0.2.140
    192.0.2.129 PTR mail-a.example.com.
    192.0.2.130 PTR mail-b.example.com.
    192.0.2.140 PTR mail-c.example.org.
"""


def rfc(id: str, record: str, allowed: str = "", others: str = "", *left_out: str) -> Case:
    mx = "192.0.2.129 192.0.2.130"
    return Case(id, spf(f"v=spf1 {record}") + others, allowed, (), left_out, RFC_ZONE, mx)


APPENDIX_A = [
    # A.1, Simple Examples
    rfc("a1-everybody", "+all", "", "", "+all (any address)"),
    rfc("a1-own-addresses", "a -all", "192.0.2.10/31"),
    rfc("a1-alias-of-them", "a:www.example.com -all", "192.0.2.10/31"),
    rfc("a1-name-without-address", "a:example.org -all"),
    rfc("a1-own-mx", "mx -all"),
    rfc("a1-other-mx", "mx:example.org -all", "192.0.2.140"),
    rfc("a1-both-mx", "mx mx:example.org -all", "192.0.2.140"),
    rfc("a1-around-the-mx", "mx/30 mx:example.org/30 -all", "192.0.2.128/30 192.0.2.140/30"),
    rfc("a1-by-reverse-name", "ptr -all", "", "", "ptr"),
    rfc("a1-network", "ip4:192.0.2.128/28 -all", "192.0.2.128/28"),
    # A.2, Multiple Domain Example
    rfc(
        "a2-includes-two",
        "include:one.example.org include:two.example.org -all",
        "192.0.2.10/31 192.0.2.140",
        spf("v=spf1 a:example.com -all", of="one.example.org")
        + spf("v=spf1 mx:example.org -all", of="two.example.org"),
    ),
    rfc(
        "a2-redirect-to-who-includes-two",
        "redirect=main.example.org",
        "192.0.2.10/31 192.0.2.140",
        spf("v=spf1 include:one.example.org include:two.example.org -all", of="main.example.org")
        + spf("v=spf1 a:example.com -all", of="one.example.org")
        + spf("v=spf1 mx:example.org -all", of="two.example.org"),
    ),
    # A.3, DNS Blacklist (DNSBL) Style Example
    rfc(
        "a3-lists-of-users",
        "mx include:mobile._lists.%{d} include:remote._lists.%{d} -all",
        "",
        spf("v=spf1 exists:%{l1r+}.%{d}", of="mobile._lists.example.com")
        + spf("v=spf1 exists:%{ir}.%{l1r+}.%{d}", of="remote._lists.example.com"),
        "exists:%{l1r+}.%{d} of mobile._lists.example.com",
        "exists:%{ir}.%{l1r+}.%{d} of remote._lists.example.com",
    ),
    rfc(
        "a3-list-itself",
        "mx include:mobile._lists.example.com include:remote._lists.example.com -all",
        "",
        spf("v=spf1 exists:%{l1r+}.%{d}", of="mobile._lists.example.com")
        + spf("v=spf1 exists:%{ir}.%{l1r+}.%{d}", of="remote._lists.example.com"),
        "exists:%{l1r+}.%{d} of mobile._lists.example.com",
        "exists:%{ir}.%{l1r+}.%{d} of remote._lists.example.com",
    ),
    # A.4, Multiple Requirements Example
    rfc(
        "a4-both-of-two",
        "-include:net._both.%{d} -include:name._both.%{d} ip4:192.0.2.80/31 +all",
        "192.0.2.80/31",
        spf("v=spf1 -ip4:192.0.2.0/24 ip4:198.51.100.0/24", of="net._both.example.com")
        + spf("v=spf1 -ptr:example.com ip4:203.0.113.0/24", of="name._both.example.com"),
        "+all (any address)",
        "-ptr:example.com of name._both.example.com",
    ),
]

TEN = " ".join(f"a:{n}.example.net" for n in range(10))
TEN_HOSTS = "".join(f"\n{n}.example.net. A 192.0.2.{n}" for n in range(12))
MANY_MX = "".join(f"\nmx.example.org. MX {n} {n}.example.net." for n in range(11))
MANY = "{} MX records in mx:mx.example.org: 10 are allowed"


def too_many(term: str) -> tuple[str]:
    return (f"needs more than 10 lookups: {term} is one too many",)


def void(*questions: str, whom: str = "") -> tuple[str]:
    return (f"has more than 2 void lookups{whom}: {', '.join(questions)}",)


def limited(id: str, record: str, allowed: str = "", **rest: object) -> Case:
    return Case(id, TEN_HOSTS + spf(f"v=spf1 {record}"), allowed, **rest)  # type: ignore[arg-type]


FIRST_TEN = "192.0.2.0/29 192.0.2.8/31"

LIMITS = [
    limited("10-lookups", f"{TEN} -all", FIRST_TEN),
    limited(
        "11-lookups",
        f"{TEN} a:10.example.net ip4:192.0.2.40 a:11.example.net -all",
        f"{FIRST_TEN} 192.0.2.40",
        errors=too_many("a:10.example.net"),
    ),
    limited(
        "same-host-11-times",
        "a:1.example.net " * 11,
        "192.0.2.1",
        errors=too_many("a:1.example.net"),
    ),
    limited("behind-all-is-not-counted", f"{TEN} -all a:10.example.net", FIRST_TEN),
    limited(
        "addresses-are-not-counted", f"{TEN} {'ip4:192.0.2.1 ' * 30} exp=a.b moo=a.b", FIRST_TEN
    ),
    limited(
        "what-is-left-out-is-counted",
        f"ptr ?exists:%{{i}}.example.net -a:%{{h}}.example.net {TEN}",
        "192.0.2.0/30 192.0.2.4/31 192.0.2.6",
        errors=too_many("a:7.example.net"),
        left_out=("ptr", "?exists:%{i}.example.net", "-a:%{h}.example.net"),
    ),
    limited(
        "redirect-is-counted",
        f"{TEN} redirect=mx.example.org",
        FIRST_TEN,
        errors=too_many("redirect=mx.example.org"),
    ),
    Case(
        "10-lookups-in-includes",
        TEN_HOSTS
        + chain(
            "include:1.example.net include:2.example.net a:9.example.net",
            *["a:1.example.net " * 3, "a:2.example.net " * 4],
        ),
        "192.0.2.1 192.0.2.2 192.0.2.9",
    ),
    Case(
        "11-lookups-in-includes",
        TEN_HOSTS
        + chain(
            "include:1.example.net ?include:2.example.net a:9.example.net",
            "a:1.example.net " * 3,
            "a:3.example.net " * 4 + "ip4:192.0.2.40 a:4.example.net",
        ),
        "192.0.2.1",
        too_many("a:9.example.net"),
    ),
    Case(
        "limit-met-in-an-include",
        TEN_HOSTS
        + chain(
            "include:1.example.net a:9.example.net ip4:192.0.2.41",
            f"{TEN} ip4:192.0.2.40 -all",
        ),
        "192.0.2.0/29 192.0.2.8 192.0.2.40/31",
        too_many("a:9.example.net of 1.example.net"),
    ),
    Case(
        "chain-of-11-includes",
        chain(*(f"include:{n}.example.net ip4:192.0.2.{n}" for n in range(1, 12)), "all"),
        "192.0.2.1 192.0.2.2/31 192.0.2.4/30 192.0.2.8/30",
        too_many("include:11.example.net of 10.example.net"),
    ),
    Case(
        "10-mx-records",
        TEN_HOSTS + MANY_MX.rpartition("\n")[0] + spf("v=spf1 mx:mx.example.org"),
        FIRST_TEN,
    ),
    Case(
        "11-mx-records",
        TEN_HOSTS + MANY_MX + spf("v=spf1 mx:mx.example.org ip4:192.0.2.40"),
        f"{FIRST_TEN} 192.0.2.40",
        (f"has {MANY.format(11)}",),
    ),
    Case(
        "11-mx-records-in-an-include",
        TEN_HOSTS + MANY_MX + chain("include:1.example.net", "mx:mx.example.org"),
        FIRST_TEN,
        (f"includes 1.example.net, which has {MANY.format(11)}",),
    ),
    Case(
        "12-addresses-of-a-host",
        "".join(f"\na.example.net. A 192.0.2.{n}" for n in range(16, 28))
        + spf("v=spf1 a:a.example.net"),
        "192.0.2.16/29 192.0.2.24/30",
    ),
    # Void lookups.
    limited("2-void", "a:x.example.org a:y.example.org a:1.example.net -all", "192.0.2.1"),
    limited(
        "3-void",
        "a:x.example.org -a:y.example.org mx:z.example.org a:1.example.net -all",
        "192.0.2.1",
        errors=void("A x.example.org", "A y.example.org", "MX z.example.org"),
    ),
    limited(
        "3-void-without-data",
        "mx:1.example.net mx:2.example.net mx:3.example.net",
        errors=void("MX 1.example.net", "MX 2.example.net", "MX 3.example.net"),
    ),
    limited(
        "same-void-3-times",
        "a:x.example.org a:x.example.org a:x.example.org",
        errors=void("A x.example.org", "A x.example.org", "A x.example.org"),
    ),
    Case(
        "include-of-nothing-is-void",
        chain("include:x.example.org a:y.example.org include:1.example.net", "a:z.example.org"),
        errors=(
            "includes x.example.org, which has no SPF record",
            *void("TXT x.example.org", "A y.example.org", "A z.example.org"),
        ),
    ),
    limited(
        "void-explanation-is-not-counted",
        "a:x.example.org a:y.example.org exp=z.example.org -all",
    ),
    limited(
        "void-exists-is-counted-for-whoever-sends",
        "exists:x.example.org -exists:y.example.org exists:z.example.org ip6:2001:db8::40 -all",
        "2001:db8::40",
        errors=void("A x.example.org", "A y.example.org", "A z.example.org"),
    ),
    # A host without AAAA is void only where the sender has an IPv6 address.
    limited(
        "ipv4-hosts-only",
        "a:1.example.net a:2.example.net a:3.example.net",
        "192.0.2.1 192.0.2.2/31",
    ),
    limited(
        "ipv4-hosts-before-ipv6",
        "a:1.example.net a:2.example.net a:3.example.net ip6:2001:db8::40",
        "192.0.2.1 192.0.2.2/31 2001:db8::40",
        errors=void(
            *(f"AAAA {n}.example.net" for n in (1, 2, 3)),
            whom=" for IPv6 senders",
        ),
    ),
    limited(
        "ipv4-hosts-before-ipv6-that-is-not-wanted",
        "a:1.example.net a:2.example.net a:3.example.net ip6:2001:db8::40",
        "192.0.2.1 192.0.2.2/31",
        arguments=("-4",),
    ),
    limited(
        "ipv4-hosts-behind-ipv6",
        "ip6:2001:db8::40 a:1.example.net a:2.example.net a:3.example.net",
        "192.0.2.1 192.0.2.2/31 2001:db8::40",
    ),
    limited(
        "ipv4-hosts-before-all",
        "a:1.example.net a:2.example.net a:3.example.net all",
        "192.0.2.1 192.0.2.2/31",
        errors=void(
            *(f"AAAA {n}.example.net" for n in (1, 2, 3)),
            whom=" for IPv6 senders",
        ),
        left_out=("all (any address)",),
    ),
    # What is not known is neither void nor an error of the record.
    Case(
        "record-not-known",
        spf("v=spf1 ip4:192.0.2.40") + "! example.com. TXT rcode SERVFAIL",
    ),
    Case(
        "include-not-known",
        spf("v=spf1 include:1.example.net ip4:192.0.2.40") + "! 1.example.net. TXT rcode REFUSED",
        "192.0.2.40",
    ),
    limited(
        "hosts-not-known",
        "a:1.example.net a:x.example.org a:y.example.org mx:z.example.org a:2.example.net -all",
        "192.0.2.1 192.0.2.2",
        mail=f"{MAIL}\n! z.example.org. * rcode SERVFAIL\n",
    ),
]
BULK = [*SELECTION, *MECHANISMS, *INCLUDES, *APPENDIX_A, *LIMITS]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in BULK])
def test_record(plugin: Plugin, case: Case) -> None:
    check(plugin, case)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in SYNTAX])
def test_syntax(plugin: Plugin, case: Case) -> None:
    check(plugin, case)


FOUR = spf("v=spf1 ip4:192.0.2.40 ip4:198.51.100.0/24 include:_spf.example.net exists:%{i}.x ~all")
SOUND = MAIL + OUT + FOUR + spf("v=spf1 a:out.example.com/31 mx:example.com", of="_spf.example.net")


def test_lookups_of_a_term_count_in_their_stages(plugin: Plugin) -> None:
    """The domain takes no mail, so that there are no others."""
    text = "example.com. MX 0 .\nv4.example.net. A 192.0.2.14\n192.0.2.14 PTR v4.example.net.\n"
    with NameServer(zone(text + spf("v=spf1 a:v4.example.net -all"))) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-4")
    assert output.counts == (
        "time mx_time address_time ptr_time confirm_time spf_time mail_hosts=0 addresses=1"
        " missing_ptr=0 unconfirmed_ptr=0 name_mismatch=0 dns_errors=0"
    )


def test_output_of_a_sound_record(plugin: Plugin) -> None:
    text = SOUND + "192.0.2.41 PTR out2.example.com.\nout2.example.com. A 192.0.2.41"
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert output.status.startswith("REVERSE_MX OK - example.com: ")
    assert output.code == 0
    # The mail host is one of them.
    assert output.counts.endswith(
        " mail_hosts=1 addresses=3 missing_ptr=0 unconfirmed_ptr=0 name_mismatch=0 dns_errors=0"
    )
    assert "  MX 10 mail.example.com" in output.long
    said = Said(output)
    assert said.errors == []
    assert said.left_out == ["ip4:198.51.100.0/24 (256 addresses)", "exists:%{i}.x"]
    assert said.terms["ip4:192.0.2.40"] == ["[OK] 192.0.2.40 PTR out.example.com A 192.0.2.40"]
    assert said.terms["a:out.example.com/31 of _spf.example.net"] == [
        "[OK] 192.0.2.41 PTR out2.example.com A 192.0.2.41"
    ]


def test_addresses_are_held_to_the_same_check(plugin: Plugin) -> None:
    with NameServer(zone(SOUND)) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert output.code == 2
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: 192.0.2.41 has no PTR record (NXDOMAIN) [missing-ptr]"
    )
    line = Said(output).terms["a:out.example.com/31 of _spf.example.net"][0]
    assert line == "[CRITICAL] 192.0.2.41 (no PTR, NXDOMAIN)"
    assert output.perfdata["missing_ptr"].partition(";")[0] == "1"


@pytest.mark.parametrize(
    ("arguments", "state", "code"),
    [
        pytest.param((), "WARNING - example.com: ", 1, id="default"),
        pytest.param(
            ("--state", "spf-error=critical"), "CRITICAL - example.com: ", 2, id="critical"
        ),
        pytest.param(("--state", "spf-error=ok"), "OK - example.com: ", 0, id="accepted"),
    ],
)
def test_status_of_an_error(
    plugin: Plugin, arguments: tuple[str, ...], state: str, code: int
) -> None:
    with NameServer(zone(MAIL + OUT + spf("v=spf1 ip4:192.0.2.40 moo"))) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", *arguments)
    assert output.status.startswith(f"REVERSE_MX {state}")
    error = "SPF of example.com has a syntax error in moo (no such mechanism) [spf-error]"
    assert output.status.endswith(error)
    assert output.code == code


def test_lookup_that_failed(plugin: Plugin) -> None:
    text = spf("v=spf1 include:1.example.net") + "! 1.example.net. TXT rcode SERVFAIL"
    with NameServer(zone(MAIL + text)) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    failure = f"failed: SERVFAIL from 127.0.0.1#{server.port}"
    assert output.status == (
        f"REVERSE_MX CRITICAL - example.com: TXT lookup of 1.example.net {failure} [dns-failure]"
    )
    assert output.long[0] == f"[CRITICAL] dns-failure: TXT lookup of 1.example.net {failure}"
    assert output.perfdata["dns_errors"].partition(";")[0] == "1"
    assert output.code == 2


def test_mx_lookup_of_a_term_counts_as_one(plugin: Plugin) -> None:
    text = spf("v=spf1 mx:example.net") + "example.net. MX 10 mail.example.com.\n"
    with NameServer(zone(MAIL + text + "! example.net. MX delay 1")) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-w", "0.5")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: slowest MX lookup took 1s (outside range 0:0.5)"
    )


def test_what_to_do_about_an_error(plugin: Plugin) -> None:
    text = """
    example.com. SOA ns.example.com. dns.example.com. 1 3600 600 86400 60
    example.com. NS ns.example.com.
    """
    with NameServer(zone(MAIL + text + spf("v=spf1 moo"))) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert output.long[-8:] == [
        "[WARNING] spf-error: SPF of example.com has a syntax error in moo (no such mechanism)",
        "  fix: moo in the TXT record of example.com",
        "  in: zone example.com, contact dns@example.com",
        "    name servers: ns.example.com (?)",
        "example.com",
        "  SPF",
        "  MX 10 mail.example.com",
        "    [OK] 203.0.113.25 PTR mail.example.com A 203.0.113.25",
    ]


def test_networks_beyond_those_followed_are_counted(plugin: Plugin) -> None:
    """Each address stands for the sixteen around it, and a thousand are followed."""
    pool = "".join(f"\npool.example.com. A 10.{n // 16}.{n % 16 * 16}.1" for n in range(65))
    with NameServer(zone(MAIL + pool + spf("v=spf1 a:pool.example.com/28"))) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "--ignore", "10.0.0.0/8")
    assert output.status == (
        "REVERSE_MX WARNING - example.com: SPF of example.com allows 40 networks more that were"
        " left out [too-many]"
    )


def test_without_the_option_nobody_asks(plugin: Plugin) -> None:
    with NameServer(zone(MAIL + spf("v=spf1 ip4:192.0.2.40"))) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.code == 0
    assert asked(server, "TXT") == []
    assert set(asked(server, "PTR")) == reverse_names("203.0.113.25")


def test_domains_share_lookups(plugin: Plugin) -> None:
    names = [f"d{number}.example.com" for number in range(20)]
    text = MAIL + OUT + spf("v=spf1 a:out.example.com -all", of="_spf.example.net")
    for name in names:
        text += f"\n{name}. MX 10 mail.example.com."
        text += spf("v=spf1 mx include:_spf.example.net -all", of=name)
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "--spf", "-d", *names)
    assert output.code == 0
    assert sorted(asked(server, "TXT")) == sorted(
        ["_spf.example.net.", *(f"{name}." for name in names)]
    )
    assert len(asked(server, "PTR")) == 2


def test_lookups_side_by_side(plugin: Plugin) -> None:
    record = " ".join(f"include:{number}.example.net" for number in (1, 2, 3))
    text = MAIL + TEN_HOSTS + spf(f"v=spf1 {record} a:1.example.net")
    for number in (1, 2, 3):
        hosts = f"a:{2 * number}.example.net a:{2 * number + 1}.example.net"
        text += spf(f"v=spf1 {hosts}", of=f"{number}.example.net")
    with NameServer(zone(text + "! * * delay 0.3")) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com")
    assert len(asked(server, "PTR")) == 8
    # One record, three, seven hosts, PTR: with each after the other it would be twelve delays.
    assert float(output.perfdata["time"].partition("s")[0]) < 7 * 0.3


def test_limit_strikes_the_same_term_however_late_answers_are(plugin: Plugin) -> None:
    record = " ".join(f"include:{number}.example.net" for number in range(5))
    text = MAIL + TEN_HOSTS + spf(f"v=spf1 {record}")
    for number in range(5):
        text += spf(
            f"v=spf1 a:{number}.example.net a:1{number % 2}.example.net", of=f"{number}.example.net"
        )
    said = set()
    for seed in range(5):
        delay = random.Random(seed).random
        late = "".join(
            f"\n! {number}.example.net. {rdtype} delay {delay() / 5:.3f}"
            for number in range(12)
            for rdtype in ("A", "TXT")
        )
        with NameServer(zone(text + late)) as server:
            output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
        said.add((*Said(output).errors, *sorted(set(asked(server, "PTR")))))
    assert said == {
        (
            *too_many("a:3.example.net of 3.example.net"),
            *sorted(reverse_names("203.0.113.25 192.0.2.0/31 192.0.2.2 192.0.2.10/31")),
        )
    }


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_raw_from_a_hostile_record(plugin: Plugin, kind: str) -> None:
    octets = HOSTILE[kind].replace(" ", "")
    shapes = ["{}", "a:{}.example.net", "ptr:{}.%{{i}}.example.net", "{}=x", "x={}", "ip6:{}"]
    text = MAIL + spf("v=spf1 " + " ".join(shape.format(octets) for shape in shapes))
    text += spf(f"v=spf1 include:{octets}.example.net", of="example.org")
    text += "example.org. MX 10 mail.example.com."
    with NameServer(zone(text)) as server:
        for verbosity in ((), ("-v",), ("-vvv",)):
            output = plugin.ask(server, "--spf", "-d", "example.com", "example.org", *verbosity)
            assert_safe(output)
    assert "[spf-error]" in output.stdout


# Records that would make the check work without end.
ENDLESS = {
    "networks": "ip4:192.0.2.0/28 " * 3500,
    "other-networks": " ".join(f"ip4:10.{n // 16}.{n % 16 * 16}.0/28" for n in range(3000)),
    "denied": " ".join(f"-ip4:10.0.{n // 256}.{n % 256}" for n in range(1500))
    + " ip4:198.51.100.0/28" * 1500,
    "large": " ".join(f"ip4:10.{n // 16}.{n % 16 * 16}.0/24" for n in range(3000)),
    "malformed": "moo " * 14000,
    "lookups": " ".join(f"a:{n}.example.net" for n in range(3000)),
    "expansions": "a:" + "%{d}" * 16000 + ".example.net",
    "macros": "exists:%{i}.a.b " * 3500,
    "labels": "a:" + "a." * 30000,
    "label": "a:" + "a" * 60000,
    "dashes": "a:a." + "a-" * 30000,
    "slashes": "a:a.b" + "/24" * 20000,
    "percent": "a:" + "%%" * 30000 + "%",
    "digits": "a:a." + "1" * 60000,
    "colons": "ip6:" + ":" * 60000,
    "blanks": " " * 60000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_record_of_64_kilobytes_is_bounded(plugin: Plugin, kind: str) -> None:
    with NameServer(zone(MAIL + spf(f"v=spf1 {ENDLESS[kind]}"))) as server, at_most_cpu(5):
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert_safe(output)
    assert len(set(asked(server, "A"))) <= 1 + 10
    assert len(set(asked(server, "PTR"))) <= 500
    assert len(output.stdout) < 300_000


def test_includes_of_includes_are_bounded(plugin: Plugin) -> None:
    owners = [f"{number}.example.net" for number in range(30)]
    text = MAIL + spf(f"v=spf1 {' '.join(f'include:{owner}' for owner in owners[:10])}")
    for owner, shift in zip(owners, itertools.count()):
        others = (owners[(shift + step) % 30] for step in range(1, 11))
        text += spf(f"v=spf1 {' '.join(f'include:{other}' for other in others)}", of=owner)
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert Said(output).errors == list(too_many("include:10.example.net of 9.example.net"))
    assert len(asked(server, "TXT")) <= 1 + 20
