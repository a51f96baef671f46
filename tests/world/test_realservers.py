"""The real servers start, answer and end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.helpers import debian
from tests.helpers.realservers import FOLDER, Bind, Nsd, Server, Unbound, sign_zone

ZONES = {
    "example.com": "@ MX 10 mx\nmx A 192.0.2.1\nalias CNAME mx.example.net.\n"
    "elsewhere NS ns.elsewhere\nns.elsewhere A 192.0.2.53\nns.elsewhere AAAA 2001:db8::53",
    "example.net": "mx A 192.0.2.2",
    "2.0.192.in-addr.arpa": "1 PTR mx.example.com.",
    "garbage.example": "( what is this",
}


ADDRESSES = ["127.0.0.1", "::1"]


def ask(server: Server, name: str, kind: str, tcp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0)
    query.flags |= dns.flags.AD
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(query, server.address, timeout=10, port=server.port)


def rcode(server: Server, name: str, kind: str = "A") -> str:
    return dns.rcode.to_text(ask(server, name, kind).rcode())


def records(server: Server, name: str, kind: str, tcp: bool = False) -> list[str]:
    answer = ask(server, name, kind, tcp)
    assert answer.rcode() == dns.rcode.NOERROR
    return [record.to_text() for rrset in answer.answer for record in rrset]


@pytest.mark.parametrize("address", ADDRESSES)
def test_bind(address: str) -> None:
    with Bind(FOLDER, ZONES, address) as bind:
        assert records(bind, "example.com", "MX") == ["10 mx.example.com."]
        assert records(bind, "1.2.0.192.in-addr.arpa", "PTR", tcp=True) == ["mx.example.com."]
        assert records(bind, "alias.example.com", "A") == ["mx.example.net.", "192.0.2.2"]
        assert rcode(bind, "garbage.example") == "SERVFAIL"
        assert rcode(bind, "www.example.org") == "NXDOMAIN"
        assert rcode(bind, "www.elsewhere.example.com") == "SERVFAIL"


def test_bind_without_recursion() -> None:
    with Bind(FOLDER, ZONES, recursion=False) as bind:
        assert records(bind, "mx.example.com", "A") == ["192.0.2.1"]
        assert rcode(bind, "www.example.org") == "REFUSED"


@pytest.mark.parametrize("address", ADDRESSES)
def test_unbound(address: str) -> None:
    good, good_anchor = sign_zone(FOLDER, "good.example", "www A 192.0.2.3")
    bad, bad_anchor = sign_zone(FOLDER, "bad.example", "www A 192.0.2.4", expired=True)
    zones = {**ZONES, "good.example": good, "bad.example": bad}
    with Bind(FOLDER, zones, address, recursion=False) as bind:
        stubs = dict.fromkeys(zones, (bind.address, bind.port))
        with Unbound(FOLDER, stubs, [good_anchor, bad_anchor], address) as unbound:
            assert records(unbound, "alias.example.com", "A") == ["mx.example.net.", "192.0.2.2"]
            assert records(unbound, "1.2.0.192.in-addr.arpa", "PTR", True) == ["mx.example.com."]
            assert ask(unbound, "www.good.example", "A").flags & dns.flags.AD
            assert rcode(unbound, "garbage.example") == "SERVFAIL"
            assert rcode(unbound, "www.example.org") == "NXDOMAIN"
            assert rcode(unbound, "www.elsewhere.example.com") == "SERVFAIL"
            bogus = ask(unbound, "www.bad.example", "A")
            assert bogus.rcode() == dns.rcode.SERVFAIL
            codes = [each.code for each in bogus.options if isinstance(each, dns.edns.EDEOption)]
            assert dns.edns.EDECode.SIGNATURE_EXPIRED in codes


@pytest.mark.parametrize("address", ADDRESSES)
def test_nsd(address: str) -> None:
    zones = {name: text for name, text in ZONES.items() if name != "garbage.example"}
    with Nsd(FOLDER, zones, address) as nsd:
        assert records(nsd, "example.com", "MX", tcp=True) == ["10 mx.example.com."]
        assert records(nsd, "1.2.0.192.in-addr.arpa", "PTR") == ["mx.example.com."]
        assert rcode(nsd, "www.example.org") == "REFUSED"


def test_failure_to_start_shows_the_log() -> None:
    with pytest.raises(RuntimeError, match="unknown option 'nonsense'"):
        Bind(FOLDER, {}, options="nonsense yes;").__enter__()


def test_taken_port() -> None:
    with Bind(FOLDER, {}) as bind, pytest.raises(RuntimeError, match="in use"):
        Unbound(FOLDER, {}, port=bind.port).__enter__()


def test_missing_program() -> None:
    with pytest.raises(FileNotFoundError, match="make test"):
        debian.binary(FOLDER, "no-such-program")


def test_second_download_needs_no_network() -> None:
    command = [sys.executable, debian.__file__, str(FOLDER), "bind9", "unbound", "nsd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Path(debian.binary(FOLDER, "named")).is_file()
