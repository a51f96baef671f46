"""The chain on real name servers: BIND, and Unbound in front of it."""

from __future__ import annotations

import re
import socket
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.helpers.plugin import Output, Plugin
from tests.helpers.realservers import FOLDER, Bind, Server, Unbound, free_port, sign_zone

INDENTED_ZONES = {
    "example.com": """
        @ MX 10 mail
        @ MX 20 mx2
        mail A 192.0.2.25
        mail AAAA 2001:db8::25
        mx2 A 192.0.2.26
        """,
    "broken.example": """
        missing MX 10 missing.host
        missing.host A 192.0.2.31
        unconfirmed MX 10 unconfirmed.host
        unconfirmed.host A 192.0.2.32
        mixed MX 10 mixed.host
        mixed.host A 192.0.2.33
        mismatch MX 10 mail.mismatch
        mail.mismatch A 192.0.2.34
        other.host A 192.0.2.34
        classless MX 10 classless.host
        classless.host A 192.0.2.35
        alias MX 10 alias.host
        alias.host CNAME mail.example.com.
        null MX 0 .
        implicit A 192.0.2.36
        nowhere MX 10 nowhere.host
        lame MX 10 lame.host
        lame.host A 198.51.100.25
        bogus MX 10 bogus.host
        bogus.host A 203.0.113.25
        dead MX 10 dead.host
        dead.host A 10.9.8.7
        """,
    "2.0.192.in-addr.arpa": """
        25 PTR mail.example.com.
        26 PTR MX2.Example.Com.
        32 PTR other.host.broken.example.
        33 PTR mixed.host.broken.example.
        33 PTR gone.host.broken.example.
        34 PTR other.host.broken.example.
        35 CNAME 35.32-63.2.0.192.in-addr.arpa.
        36 PTR implicit.broken.example.
        """,
    "32-63.2.0.192.in-addr.arpa": "35 PTR classless.host.broken.example.",
    "8.b.d.0.1.0.0.2.ip6.arpa": "5.2" + 22 * ".0" + " PTR mail.example.com.",
}
# A blank before the owner would mean the owner of the line above.
ZONES = {name: textwrap.dedent(text) for name, text in INDENTED_ZONES.items()}
LAME = "100.51.198.in-addr.arpa"
BOGUS = "113.0.203.in-addr.arpa"
DEAD = "8.9.10.in-addr.arpa"

# What each domain must give, whichever server is asked.
VERDICTS = [
    pytest.param(
        "example.com", 0, "2 mail hosts, 3 addresses, reverse DNS matches", id="ok-two-hosts"
    ),
    pytest.param(
        "missing.broken.example",
        2,
        "192.0.2.31 (missing.host.broken.example) has no PTR record (NXDOMAIN) [missing-ptr]",
        id="crit-missing-ptr",
    ),
    pytest.param(
        "unconfirmed.broken.example",
        2,
        "192.0.2.32 (unconfirmed.host.broken.example) has PTR other.host.broken.example,"
        " which does not resolve back to it [unconfirmed-ptr]",
        id="crit-unconfirmed-ptr",
    ),
    pytest.param(
        "mixed.broken.example",
        1,
        "192.0.2.33 (mixed.host.broken.example) has 2 PTR names, of which"
        " gone.host.broken.example does not resolve back to it [mixed-ptr]",
        id="warn-mixed-ptr",
    ),
    pytest.param(
        "mismatch.broken.example",
        1,
        "192.0.2.34 (mail.mismatch.broken.example) has PTR other.host.broken.example,"
        " not the name of the mail host [name-mismatch]",
        id="warn-name-mismatch",
    ),
    pytest.param(
        "classless.broken.example",
        0,
        "1 mail host, 1 address, reverse DNS matches",
        id="ok-rfc2317-delegation",
    ),
    pytest.param(
        "alias.broken.example",
        1,
        "alias.host.broken.example is an MX target and an alias of mail.example.com (CNAME)"
        " [mx-is-alias]",
        id="warn-mx-is-alias",
    ),
    pytest.param("null.broken.example", 1, "takes no mail (null MX) [null-mx]", id="warn-null-mx"),
    pytest.param(
        "implicit.broken.example",
        1,
        "no MX record (NODATA), mail goes to the domain's own addresses [implicit-mx]",
        id="warn-implicit-mx",
    ),
    pytest.param(
        "nowhere.broken.example",
        2,
        "nowhere.host.broken.example does not exist (NXDOMAIN) [no-address]",
        id="crit-no-address",
    ),
    pytest.param(
        "gone.broken.example",
        2,
        "the domain does not exist (NXDOMAIN) [no-such-domain]",
        id="crit-no-such-domain",
    ),
]


@pytest.fixture(scope="module")
def bind() -> Iterator[Server]:
    with Bind(FOLDER, ZONES, recursion=True) as server:
        yield server


@pytest.fixture(scope="module")
def unbound() -> Iterator[Server]:
    """A validating resolver: one reverse zone is lame, one bogus, and one server is dead."""
    with ExitStack() as stack:
        signed, anchor = sign_zone(FOLDER, BOGUS, "25 PTR bogus.host.broken.example.")
        # The PTR has changed since it was signed.
        tampered = signed.replace("bogus.host.broken.example.", "forged.host.broken.example.")
        assert tampered != signed
        zones = {**ZONES, BOGUS: tampered}
        authority = stack.enter_context(Bind(FOLDER, zones, recursion=False))
        stubs = dict.fromkeys([*zones, LAME], (authority.address, authority.port))
        stubs[DEAD] = ("127.0.0.1", free_port("127.0.0.1"))
        yield stack.enter_context(Unbound(FOLDER, stubs, [anchor]))


def ask(plugin: Plugin, server: Server, *arguments: str) -> Output:
    return plugin("-s", server.address, "-p", str(server.port), *arguments)


def assert_verdict(output: Output, domain: str, code: int, text: str) -> None:
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[code]
    assert output.status == f"REVERSE_MX {word} - {domain}: {text}"
    assert (output.code, output.stderr) == (code, "")


@pytest.mark.parametrize(("domain", "code", "text"), VERDICTS)
def test_bind(plugin: Plugin, bind: Server, domain: str, code: int, text: str) -> None:
    assert_verdict(ask(plugin, bind, "-d", domain), domain, code, text)


@pytest.mark.parametrize(("domain", "code", "text"), VERDICTS)
def test_unbound(plugin: Plugin, unbound: Server, domain: str, code: int, text: str) -> None:
    assert_verdict(ask(plugin, unbound, "-d", domain), domain, code, text)


def test_authority_that_does_not_recurse_is_no_missing_record(plugin: Plugin) -> None:
    zones = {"example.com": ZONES["example.com"], "child.example": "x NS ns.elsewhere.example."}
    with Bind(FOLDER, zones, recursion=False) as server:
        delegated = ask(plugin, server, "-d", "x.child.example")
        elsewhere = ask(plugin, server, "-d", "example.com")
    at = f"from 127.0.0.1#{server.port}"
    assert delegated.status == (
        "REVERSE_MX CRITICAL - x.child.example: MX lookup failed: referral to"
        f" ns.elsewhere.example (no recursion) {at} [dns-failure]"
    )
    # Its own zone it knows, the reverse zone it refuses (EDE 20 from newer versions).
    assert re.match(
        r"REVERSE_MX CRITICAL - example\.com: PTR lookup of 192\.0\.2\.25 \(mail\.example\.com\)"
        rf" failed: REFUSED( \(EDE \d+ [^)]*\))? {at} \[dns-failure\]",
        elsewhere.status,
    )
    assert elsewhere.perfdata["missing_ptr"] == "0;;;0"


def test_lame_reverse_zone(plugin: Plugin, unbound: Server) -> None:
    output = ask(plugin, unbound, "-d", "lame.broken.example")
    assert re.fullmatch(
        r"REVERSE_MX CRITICAL - lame\.broken\.example: PTR lookup of 198\.51\.100\.25"
        r" \(lame\.host\.broken\.example\) failed: SERVFAIL( \(EDE \d+ [^)]*\))? from"
        rf" 127\.0\.0\.1#{unbound.port} \[dns-failure\]",
        output.status,
    )
    assert output.code == 2


def test_bogus_reverse_zone_has_ede_6(plugin: Plugin, unbound: Server) -> None:
    output = ask(plugin, unbound, "-d", "bogus.broken.example")
    assert re.fullmatch(
        r"REVERSE_MX CRITICAL - bogus\.broken\.example: PTR lookup of 203\.0\.113\.25"
        r" \(bogus\.host\.broken\.example\) failed: SERVFAIL \(EDE 6 DNSSEC Bogus[^)]*\) from"
        rf" 127\.0\.0\.1#{unbound.port} \[dns-failure\]",
        output.status,
    )
    assert output.code == 2


def test_dead_server_of_the_reverse_zone(plugin: Plugin, unbound: Server) -> None:
    output = ask(plugin, unbound, "-t", "5", "-d", "dead.broken.example")
    assert re.fullmatch(
        r"REVERSE_MX (CRITICAL|UNKNOWN) - dead\.broken\.example: PTR lookup of 10\.9\.8\.7"
        r" \(dead\.host\.broken\.example\) (failed: SERVFAIL( \(EDE \d+ [^)]*\))? from"
        rf" 127\.0\.0\.1#{unbound.port} \[dns-failure\]|timed out: no answer .* \[dns-timeout\])",
        output.status,
    )
    assert output.perfdata["dns_errors"] == "1;;;0"
    assert output.perfdata["missing_ptr"] == "0;;;0"


def test_dead_resolver_beside_a_living_one(plugin: Plugin, bind: Server) -> None:
    # Nothing listens on the same port of another loopback address.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.9", bind.port))
        output = plugin(
            *("-s", "127.0.0.9", "-s", bind.address, "-p", str(bind.port), "-d", "example.com")
        )
    assert_verdict(output, "example.com", 0, "2 mail hosts, 3 addresses, reverse DNS matches")
