"""What ``-v`` advises about the errors of SPF records, and that following it mends them.

Each record that is advised is put into the zone, and the plugin run again: no error is left.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone
from tests.scenarios.test_output import assert_safe
from tests.scenarios.test_spf import MAIL, spf

# By owner, the SPF records that it has.
Records = dict[str, list[str]]
HOSTS = """
    out.example.net. A 192.0.2.40
    out.example.net. AAAA 2001:db8::40
    mail.example.com. AAAA 2001:db8::25
    192.0.2.40 PTR out.example.net.
    2001:db8::40 PTR out.example.net.
    2001:db8::25 PTR mail.example.com.
    example.com. SOA ns.example.com. dns.example.com. 1 3600 600 86400 60
    example.com. NS ns.example.com.
    example.net. SOA ns.example.net. hm.example.net. 1 3600 600 86400 60
    example.net. NS ns.example.net.
"""
OTHERS: Records = {
    f"{name}.example.net": ["v=spf1 ip4:192.0.2.40 -all"] for name in ("_spf", "_spf2")
}


class Advised(NamedTuple):
    """A record that was advised."""

    action: str
    owner: str
    text: str


def ask(plugin: Plugin, records: Records, further: str = "") -> Output:
    text = MAIL + HOSTS + further
    text += "".join(spf(record, of=owner) for owner, own in records.items() for record in own)
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "--spf", "-d", "example.com", "-v")
    assert_safe(output)
    return output


def errors(output: Output) -> list[str]:
    """Return what was found wrong with SPF records, each with what is to be done."""
    return re.findall(
        r"(?m)^\[WARNING\] spf-error: (.*\n(?:  .*\n)*)", "\n".join([*output.long, ""])
    )


def advised(output: Output) -> list[Advised]:
    found = re.findall(r'(?m)^  (\S.*): (\S+)\. TXT ("v=.*")$', "\n".join(output.long))
    return [
        Advised(action, owner, re.sub(r"\\(\d{3})", lambda o: chr(int(o[1])), strings[1:-1]))
        for action, owner, strings in found
    ]


def follow(plugin: Plugin, records: Records, further: str = "") -> Advised:
    """Assert that the first record advised leaves no error, and return it."""
    first = advised(ask(plugin, records, further))[0]
    text = first.text.replace('" "', "")
    after = ask(plugin, {**records, first.owner: [text]}, further)
    assert errors(after) == []
    return first._replace(text=text)


# What was written, in UTF-8, and what is meant by it.
MEANT = {
    # The names of mechanisms and modifiers.
    "ipv4:192.0.2.40": "ip4:192.0.2.40",
    "IPv4:192.0.2.40": "ip4:192.0.2.40",
    "ipv6:2001:db8::40": "ip6:2001:db8::40",
    "ip:192.0.2.40": "ip4:192.0.2.40",
    "ip:2001:db8::/64": "ip6:2001:db8::/64",
    "inlcude:_spf.example.net": "include:_spf.example.net",
    "redirect:_spf.example.net": "redirect=_spf.example.net",
    "-redirect=_spf.example.net": "redirect=_spf.example.net",
    "exp:why.example.net": "exp=why.example.net",
    "+moo=foo": "moo=foo",
    "ip4::192.0.2.40": "ip4:192.0.2.40",
    # The kind of what is named.
    "a:192.0.2.40": "ip4:192.0.2.40",
    "a:2001:db8::40": "ip6:2001:db8::40",
    "?mx:192.0.2.0/24": "?ip4:192.0.2.0/24",
    "include:192.0.2.40": "ip4:192.0.2.40",
    "ip4:2001:db8::40": "ip6:2001:db8::40",
    "ip6:192.0.2.40": "ip4:192.0.2.40",
    "ip4:out.example.net": "a:out.example.net",
    "192.0.2.40": "ip4:192.0.2.40",
    "+192.0.2.0/24": "+ip4:192.0.2.0/24",
    "2001:db8::40": "ip6:2001:db8::40",
    # How addresses and networks are written.
    "ip6:[2001:db8::40]": "ip6:2001:db8::40",
    "ip4:192.0.2.40:25": "ip4:192.0.2.40",
    "ip4:192.0.2.40/": "ip4:192.0.2.40",
    "ip4:192.0.2.40.": "ip4:192.0.2.40",
    "ip4:192.0.2.40//32": "ip4:192.0.2.40",
    "ip6:2001:db8::40//64": "ip6:2001:db8::/64",
    "ip4:192.0.2.0/024": "ip4:192.0.2.0/24",
    "ip4:192.0.2.0/255.255.255.0": "ip4:192.0.2.0/24",
    "ip4:192.0.2.40-192.0.2.43": "ip4:192.0.2.40/30",
    "ip4:192.0.2.40-192.0.2.42": "ip4:192.0.2.40/31 ip4:192.0.2.42",
    "ip4:192.0.2.*": "ip4:192.0.2.0/24",
    "ip4:192.0.2/24": "ip4:192.0.2.0/24",
    # Hosts and prefix lengths.
    "a:": "a",
    "mx:": "mx",
    "mx:/24": "mx/24",
    "mx: include:_spf.example.net": "mx include:_spf.example.net",
    r"ip4:192.0.2.40\032a": "ip4:192.0.2.40 a",
    "mx/024": "mx/24",
    "a/24/64": "a/24//64",
    "a:out.example.net:25": "a:out.example.net",
    "a:out..example.net": "a:out.example.net",
    "a:.out.example.net": "a:out.example.net",
    "a,": "a",
    # A blank too many, or too few.
    "ip4: 192.0.2.40": "ip4:192.0.2.40",
    "ip4 :192.0.2.40": "ip4:192.0.2.40",
    "ip4 192.0.2.40": "ip4:192.0.2.40",
    "ip4 =192.0.2.40": "ip4:192.0.2.40",
    "include =_spf.example.net": "include:_spf.example.net",
    "ip4:192.0.2.0 /24": "ip4:192.0.2.0/24",
    "include: _spf.example.net": "include:_spf.example.net",
    "include _spf.example.net": "include:_spf.example.net",
    "redirect= _spf.example.net": "redirect=_spf.example.net",
    "+ a": "+a",
    "ip4:192.0.2.40ip4:192.0.2.41": "ip4:192.0.2.40 ip4:192.0.2.41",
    "ip4:192.0.2.40include:_spf.example.net": "ip4:192.0.2.40 include:_spf.example.net",
    "ip4:192.0.2.40+ip6:2001:db8::40": "ip4:192.0.2.40 +ip6:2001:db8::40",
    # Lists.
    "ip4:192.0.2.40,192.0.2.41": "ip4:192.0.2.40 ip4:192.0.2.41",
    "ip4:192.0.2.40,ip6:2001:db8::40": "ip4:192.0.2.40 ip6:2001:db8::40",
    "ip6:2001:db8::40,2001:db8::41": "ip6:2001:db8::40 ip6:2001:db8::41",
    "ip4:192.0.2.41,ip4=192.0.2.40": "ip4:192.0.2.41 ip4:192.0.2.40",
    "ip4:192.0.2.40;": "ip4:192.0.2.40",
    "a,mx": "a mx",
    # What word processors and web forms make of it.
    "\u201ca\u201d mx": "a mx",
    "\u2018mx\u2019": "mx",
    "a\u00a0mx": "a mx",
    "a\tmx": "a mx",
    "\ufeffmx": "mx",
    "mx\u200b": "mx",
    'a:"out.example.net"': "a:out.example.net",
    r"ip4\:192.0.2.40": "ip4:192.0.2.40",
    ";": "",
}
FIRST = "ip4:192.0.2.41"
LAST = {
    "- all": "-all",
    "--all": "-all",
    "-all.": "-all",
    "-all;": "-all",
    "\u2013all": "-all",
    "\u2014all": "-all",
    "\u2212all": "-all",
    "\x96all": "-all",
    "\u02dcall": "~all",
    "a-all": "a -all",
    "mx~all": "mx ~all",
    "ip4:192.0.2.40-all": "ip4:192.0.2.40 -all",
    "a:out.example.net~all": "a:out.example.net ~all",
}


def octets(text: str) -> str:
    """Return the octets of a text in UTF-8, a character each; what is an octet stays one."""
    return "".join(c if "\x80" <= c <= "\x9f" else c.encode().decode("latin-1") for c in text)


def record(*terms: str) -> str:
    return " ".join(["v=spf1", *filter(None, terms)])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(pytest.param(f"{w} ?all", f"{m} ?all".strip(), id=ascii(w)) for w, m in MEANT.items()),
        *(pytest.param(f"{FIRST} {w}", f"{FIRST} {m}", id=ascii(w)) for w, m in LAST.items()),
    ],
)
def test_what_is_meant(plugin: Plugin, written: str, meant: str) -> None:
    records = {"example.com": [octets(record(written))], **OTHERS}
    assert follow(plugin, records) == ("fix", "example.com", record(meant))


@pytest.mark.parametrize("seed", range(20))
def test_several_errors_of_a_record_are_mended_in_one(plugin: Plugin, seed: int) -> None:
    chosen = random.Random(seed).sample([w for w in MEANT if not re.match("-?redirect|;", w)], 4)
    meant = dict.fromkeys(word for w in chosen for word in MEANT[w].split())
    last = random.Random(seed).choice([w for w, m in LAST.items() if " " not in m])
    records = {"example.com": [octets(record(*chosen, last))], **OTHERS}
    assert follow(plugin, records).text == record(*meant, LAST[last])


# What cannot be told: the term is named, and whose record it is in.
UNTOLD = [
    "(mx=all)",
    "moo",
    "ip4:192.0.2.300",
    "ip4:192.0.2",
    "ip4:192.0.2.041",
    "ip4:192.0.2.40/33",
    "a/00",
    "a:museum",
    "exists:%{i",
    "include:",
    "ip4:",
    "all:",
]


@pytest.mark.parametrize("term", UNTOLD)
def test_what_cannot_be_told(plugin: Plugin, term: str) -> None:
    output = ask(plugin, {"example.com": [record("ipv4:192.0.2.40", term, "-all")]})
    assert advised(output) == []
    assert f"  fix: {term} in the TXT record of example.com\n" in errors(output)[1]


def test_record_longer_than_a_string(plugin: Plugin) -> None:
    terms = [f"ip4:198.51.100.{number}/32" for number in range(30)]
    records = {"example.com": [record("ipv4:192.0.2.40", *terms, "-all")]}
    output = ask(plugin, records)
    (first,) = advised(output)
    strings = first.text.split('" "')
    assert [len(string) for string in strings[:-1]] == [255, 255]
    assert follow(plugin, records).text == record("ip4:192.0.2.40", *terms, "-all")


def test_record_of_another_is_its_owners_to_mend(plugin: Plugin) -> None:
    records = {
        "example.com": ["v=spf1 include:_spf.example.net -all"],
        "_spf.example.net": ["v=spf1 ipv4:192.0.2.40 ?all"],
    }
    assert errors(ask(plugin, records)) == [
        "SPF of example.com includes _spf.example.net, which has a syntax error in ipv4:192.0.2.40"
        " (no such mechanism)\n"
        '  fix: _spf.example.net. TXT "v=spf1 ip4:192.0.2.40 ?all"\n'
        "  in: zone example.net, contact hm@example.net\n"
        "    name servers: ns.example.net (?)\n"
    ]
    assert follow(plugin, records).owner == "_spf.example.net"


def test_record_behind_an_alias_is_its_owners_to_mend(plugin: Plugin) -> None:
    records = {
        "example.com": ["v=spf1 include:spf.example.com -all"],
        "_spf.example.net": ["v=spf1 ipv4:192.0.2.40 ?all"],
    }
    alias = "\nspf.example.com. CNAME _spf.example.net.\n"
    assert follow(plugin, records, alias).owner == "_spf.example.net"


@pytest.mark.parametrize(
    ("records", "one"),
    [
        pytest.param(["mx -all", "a -all"], "mx a -all", id="of-hosts"),
        pytest.param(["mx -all", "mx  -all"], "mx -all", id="alike"),
        pytest.param(["mx -all", "a ~all"], "mx a ~all", id="the-milder-all"),
        pytest.param(["mx -all", "a"], "mx a ?all", id="one-without-all"),
        pytest.param(["mx -all", "a +all"], "mx a -all", id="never-everybody"),
        pytest.param(["mx -all a", "ip4:192.0.2.40"], "mx ip4:192.0.2.40 ?all", id="behind-all"),
        pytest.param(
            ["mx -all", "redirect=_spf.example.net"],
            "mx include:_spf.example.net -all",
            id="with-a-redirect",
        ),
        pytest.param(
            ["redirect=_spf.example.net", " redirect=_spf.example.net"],
            "redirect=_spf.example.net",
            id="with-the-same-redirect",
        ),
        pytest.param(
            ["ipv4:192.0.2.40 -all", "a -all"], "ip4:192.0.2.40 a -all", id="with-an-error"
        ),
        pytest.param(["mx -all", "a -all", "mx ~all"], "mx a ~all", id="three"),
    ],
)
def test_several_records_are_made_one(plugin: Plugin, records: list[str], one: str) -> None:
    several: Records = {"example.com": [record(text) for text in records], **OTHERS}
    action = f"fix, in place of the {len(records)}"
    assert follow(plugin, several) == (action, "example.com", record(one))


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(["moo -all", "mx -all"], id="what-is-meant-is-not-known"),
        pytest.param(
            [
                " ".join(f"a:{number}.example.net" for number in range(first, first + 6))
                for first in (0, 6)
            ],
            id="more-lookups-than-are-allowed",
        ),
    ],
)
def test_several_records_that_cannot_be_made_one(plugin: Plugin, records: list[str]) -> None:
    output = ask(plugin, {"example.com": [record(text) for text in records]})
    assert advised(output) == []
    assert "  fix: the TXT record of example.com, made one of all\n" in errors(output)[0]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('"v=spf1 mx -all"', id="quoted"),
        pytest.param("\u201cv=spf1 mx -all\u201d", id="quoted-by-a-word-processor"),
        pytest.param(" v=spf1 mx -all", id="blank-before-it"),
        pytest.param("v=spf1\tmx -all", id="tab"),
        pytest.param("v=spf1mx -all", id="blank-missing"),
        pytest.param("v=spf1; mx -all", id="semicolon"),
        pytest.param("v = spf1 mx -all", id="blanks-too-many"),
        pytest.param("spf1 mx -all", id="v-missing"),
        pytest.param("v=spf1,mx,-all", id="commas"),
        pytest.param("v=spf1\u00a0mx \u2013all", id="no-break-space"),
    ],
)
def test_what_is_almost_a_record(plugin: Plugin, text: str) -> None:
    first = follow(plugin, {"example.com": [octets(text)]})
    assert first == ("fix, in place of what is almost one", "example.com", "v=spf1 mx -all")


def test_first_record_denies_nobody(plugin: Plugin) -> None:
    assert errors(ask(plugin, {})) == [
        "SPF of example.com has no SPF record\n"
        '  fix: example.com. TXT "v=spf1 mx ?all"\n'
        "  then: put what else sends mail before ?all, and make it -all\n"
        "  in: zone example.com, contact dns@example.com\n"
        "    name servers: ns.example.com (?)\n"
    ]
    assert follow(plugin, {}).text == "v=spf1 mx ?all"


def test_first_record_names_no_more_mail_hosts_than_receivers_look_up(plugin: Plugin) -> None:
    mx = "".join(f"\nexample.com. MX {number} mx{number}.example.net." for number in range(10))
    assert follow(plugin, {}, mx).text == "v=spf1 ?all"


@pytest.mark.parametrize(
    ("text", "action", "advised"),
    [
        pytest.param(
            "mx include:none.example.net -all",
            "fix, unless another name is meant",
            "mx -all",
            id="include-of-none",
        ),
        pytest.param(
            "mx redirect=none.example.net",
            "fix, unless another name is meant",
            "mx",
            id="redirect-to-none",
        ),
        pytest.param("mx include:example.com -all", "fix", "mx -all", id="loop"),
        pytest.param(
            "mx include:_spf.example.net,_spf2.example.net -all",
            "fix",
            "mx include:_spf.example.net include:_spf2.example.net -all",
            id="list",
        ),
        pytest.param(
            "mx include:_spf.example.net-all",
            "fix",
            "mx include:_spf.example.net -all",
            id="blank-missing",
        ),
        pytest.param(
            "mx include:https://_spf.example.net -all",
            "fix",
            "mx include:_spf.example.net -all",
            id="url",
        ),
        pytest.param(
            "mx redirect=_spf.example.net redirect=_spf2.example.net",
            "fix, if this redirect is meant",
            "mx redirect=_spf.example.net",
            id="two-redirects",
        ),
        pytest.param(
            "redirect=_spf.example.net mx redirect=_spf.example.net",
            "fix",
            "redirect=_spf.example.net mx",
            id="redirect-twice",
        ),
        pytest.param(
            "exp=a.example.net mx exp=b.example.net -all",
            "fix",
            "exp=a.example.net mx -all",
            id="exp-twice",
        ),
    ],
)
def test_term_that_leads_nowhere(plugin: Plugin, text: str, action: str, advised: str) -> None:
    first = follow(plugin, {"example.com": [record(text)], **OTHERS})
    assert first == (action, "example.com", record(advised))


@pytest.mark.parametrize("term", ["include:none.example.net", "include:example.com"])
def test_term_that_leads_nowhere_is_not_taken_out_where_nobody_would_be_left(
    plugin: Plugin, term: str
) -> None:
    output = ask(plugin, {"example.com": [record(term, "-all")]})
    assert advised(output) == []
    assert f"  fix: {term} in the TXT record of example.com\n" in errors(output)[0]


def test_lookups_too_many_are_counted(plugin: Plugin) -> None:
    owners = [f"{number}.example.org" for number in range(3)]
    records = {"example.com": [record(*(f"include:{owner}" for owner in owners), "mx", "-all")]}
    for number, owner in enumerate(owners):
        hosts = [f"exists:%{{i}}.{step}.example.org" for step in range(3 * number + 1)]
        records[owner] = [record(*hosts, "-all")]
    assert errors(ask(plugin, records)) == [
        "SPF of example.com needs more than 10 lookups: exists:%{i}.2.example.org of 2.example.org"
        " is one too many\n"
        "  fix: the TXT record of example.com, without what is not needed: of 16 lookups"
        " include:2.example.org 8, include:1.example.org 5, include:0.example.org 2, mx 1\n"
        "  in: zone example.com, contact dns@example.com\n"
        "    name servers: ns.example.com (?)\n"
    ]


def test_counting_ends_where_includes_lead_back(plugin: Plugin) -> None:
    hosts = [f"exists:%{{i}}.{step}.example.org" for step in range(9)]
    records = {
        "example.com": [record("include:a.example.org", "include:b.example.org", "-all")],
        "a.example.org": [record("include:b.example.org", *hosts)],
        "b.example.org": [record("include:a.example.org")],
    }
    assert "of 14 lookups include:a.example.org 12, include:b.example.org 2" in "".join(
        errors(ask(plugin, records))
    )


def test_lookups_too_many_are_spared_by_addresses(plugin: Plugin) -> None:
    hosts = [f"a:{number}.example.org" for number in range(9)]
    texts = [record("mx mx", *hosts, "include:_spf.example.net", "-all")]
    further = "".join(f"\n{number}.example.org. A 198.51.100.{number}" for number in range(9))
    first = follow(plugin, {"example.com": texts, **OTHERS}, further)
    assert first.text == record(
        "ip4:203.0.113.25 ip6:2001:db8::25", *hosts, "include:_spf.example.net", "-all"
    )


VOID = "a:x.example.org a:y.example.org mx:z.example.org"
V4 = "\nv1.example.net. A 192.0.2.41\nv2.example.net. A 192.0.2.41\nv3.example.net. A 192.0.2.41\n"
V4_HOSTS = "a:v1.example.net a:v2.example.net a:v3.example.net"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param(f"{VOID} a:out.example.net -all", "a:out.example.net -all", id="left-out"),
        pytest.param(
            f"{V4_HOSTS} ip6:2001:db8::40 -all",
            f"ip6:2001:db8::40 {V4_HOSTS} -all",
            id="behind-what-needs-no-lookup",
        ),
    ],
)
def test_void_lookups(plugin: Plugin, text: str, meant: str) -> None:
    assert follow(plugin, {"example.com": [record(text)]}, V4).text == record(meant)


def test_void_lookups_of_all_that_it_has_are_not_left_out(plugin: Plugin) -> None:
    output = ask(plugin, {"example.com": [record(VOID, "-all")]})
    assert advised(output) == []
    said = "  fix: the TXT record of example.com, without names that do not exist\n"
    assert said in errors(output)[0]


def test_mail_hosts_too_many(plugin: Plugin) -> None:
    text = "".join(f"\nmx.example.org. MX {number} mx{number}.example.org." for number in range(11))
    text += "".join(f"\nmx{number}.example.org. A 203.0.113.25" for number in range(11))
    assert errors(ask(plugin, {"example.com": ["v=spf1 mx:mx.example.org -all"]}, text)) == [
        "SPF of example.com has 11 MX records in mx:mx.example.org: 10 are allowed\n"
        "  fix: the TXT record of example.com, with the hosts that send in place of"
        " mx:mx.example.org\n"
        "  in: zone example.com, contact dns@example.com\n"
        "    name servers: ns.example.com (?)\n"
    ]
