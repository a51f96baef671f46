"""The name server does what its zone text says."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.helpers.nameserver import NameServer, Query

LONG = "\n".join(f"long. A 10.0.{i // 250}.{i % 250}" for i in range(1000))
CHAIN = "\n".join(f"chain{i}. CNAME chain{i + 1}." for i in range(30))

ZONE = rf"""
; a comment
example. SOA ns.example. root.example. 7 3600 600 86400 60
example. MX 20 mx2.example.
example. MX 10 mx1.example.
mx1.example. A 192.0.2.1
mx1.example. AAAA 2001:db8::1
*.wild.example. A 192.0.2.2
a\124b\".example. A 192.0.2.3
deep.empty.example. A 192.0.2.4
alias.example. CNAME Alias2.example.
alias2.example. CNAME mx1.example.
dangling.example. CNAME nothing.example.
loop1.example. CNAME loop2.example.
loop2.example. CNAME loop1.example.
tree.example. DNAME example.
chain30. A 192.0.2.5
{CHAIN}
{LONG}
! drop2.example. A drop 2
! once.example. A once rcode SERVFAIL 22 No \"reachable\"\x1b\nauthority
! *.refused.example. * rcode REFUSED
! loop2.example. A rcode NOERROR
! slow.example. A delay 0.3
! slow.example. A nxdomain
"""
FAULTS = (
    "drop noedns badvers dropedns badopt truncate notcp stall wrongid wrongquestion spoof"
    " duplicate garbage short referral norecursion authority otherowner case nxdomain"
)


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    faults = "".join(
        f"{fault}.f. A 192.0.2.9\n! {fault}.f. * {fault}\n" for fault in FAULTS.split()
    )
    faults += "noaa.f. A 192.0.2.9\n! noaa.f. A authority\n! noaa.f. A noaa\n"
    faults += "! delegation.f. A delegation f. ns1.f.=192.0.2.53 ns2.f.=2001:db8::53\n"
    edes = "ede.f. A 192.0.2.9\n! ede.f. A ede 18 two\n! ede.f. A ede 65535 \\udcff"
    with NameServer(ZONE + faults + "c.f. CNAME ede.f.\n! c.f. A norecursion\n" + edes) as server:
        yield server


def ask(
    server: NameServer, name: str, rdtype: str = "A", edns: int = 0, tcp: bool = False
) -> dns.message.Message:
    send = dns.query.tcp if tcp else dns.query.udp
    query = dns.message.make_query(name, rdtype, use_edns=edns, payload=1232 if edns == 0 else 0)
    return send(query, server.address, timeout=0.4, port=server.port)


def summary(response: dns.message.Message) -> str:
    """The rcode, the flags TC and RA, the answer and the types in authority."""
    flags = dns.flags.to_text(response.flags & (dns.flags.TC | dns.flags.RA))
    answer = [f"{rrset.name} {item}" for rrset in response.answer for item in rrset]
    authority = [dns.rdatatype.to_text(rrset.rdtype) for rrset in response.authority]
    rcode = dns.rcode.to_text(response.rcode())
    return " | ".join([rcode, flags, ", ".join(answer), ", ".join(authority)])


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        pytest.param(
            "EXAMPLE.",
            "MX",
            "NOERROR | RA | EXAMPLE. 20 mx2.EXAMPLE., EXAMPLE. 10 mx1.EXAMPLE. | ",
            id="records in their order, without regard to case",
        ),
        pytest.param("mx1.example.", "MX", "NOERROR | RA |  | SOA", id="no data"),
        pytest.param("empty.example.", "A", "NOERROR | RA |  | SOA", id="empty non-terminal"),
        pytest.param("no.example.", "A", "NXDOMAIN | RA |  | SOA", id="no such name"),
        pytest.param("x.wild.example.", "A", "NOERROR | RA | x.wild.example. 192.0.2.2 | ", id="*"),
        pytest.param(
            r"a|b\".example.",
            "A",
            r"NOERROR | RA | a|b\".example. 192.0.2.3 | ",
            id="escapes in an owner name",
        ),
        pytest.param(
            "alias.example.",
            "A",
            "NOERROR | RA | alias.example. Alias2.example., Alias2.example. mx1.example.,"
            " mx1.example. 192.0.2.1 | ",
            id="CNAME chain in order",
        ),
        pytest.param(
            "dangling.example.",
            "A",
            "NXDOMAIN | RA | dangling.example. nothing.example. | SOA",
            id="CNAME to no name",
        ),
        pytest.param("loop1.example.", "A", "SERVFAIL | RA |  | ", id="CNAME loop"),
        pytest.param(
            "loop2.example.",
            "A",
            "NOERROR | RA | loop2.example. loop1.example., loop1.example. loop2.example. | ",
            id="CNAME loop shown",
        ),
        pytest.param("chain0.", "A", "SERVFAIL | RA |  | ", id="too many CNAMEs"),
        pytest.param(
            "mx1.tree.example.",
            "A",
            "NOERROR | RA | tree.example. example., mx1.tree.example. mx1.example.,"
            " mx1.example. 192.0.2.1 | ",
            id="DNAME",
        ),
        pytest.param("x.refused.example.", "TXT", "REFUSED | RA |  | ", id="fault below a name"),
        pytest.param("truncate.f.", "A", "NOERROR | TC RA |  | ", id="truncate"),
        pytest.param("referral.f.", "A", "NOERROR |  |  | NS", id="referral"),
        pytest.param("c.f.", "A", "NOERROR |  | c.f. ede.f. | ", id="norecursion"),
        pytest.param("norecursion.f.", "MX", "NOERROR |  |  | ", id="norecursion without data"),
        pytest.param(
            "otherowner.f.", "A", "NOERROR | RA | other.invalid. 192.0.2.9 | ", id="owner"
        ),
        pytest.param("case.f.", "A", "NOERROR | RA | CASE.F. 192.0.2.9 | ", id="case"),
        pytest.param("nxdomain.f.", "A", "NXDOMAIN | RA |  | SOA", id="nxdomain"),
        pytest.param("authority.f.", "A", "NOERROR |  | authority.f. 192.0.2.9 | ", id="authority"),
        pytest.param("delegation.f.", "A", "NOERROR |  |  | NS", id="delegation"),
        pytest.param("badvers.f.", "A", "BADVERS | RA |  | ", id="badvers"),
        pytest.param("noedns.f.", "A", "FORMERR |  |  | ", id="noedns"),
    ],
)
def test_answer(server: NameServer, name: str, rdtype: str, expected: str) -> None:
    for _ in range(2):  # the second answer may come from the cache
        response = ask(server, name, rdtype)
        assert summary(response) == expected
        assert response.edns == (-1 if name == "noedns.f." else 0)


@pytest.mark.parametrize("name", ["noedns.f.", "badvers.f.", "dropedns.f.", "badopt.f."])
def test_edns_fault_needs_edns(server: NameServer, name: str) -> None:
    response = ask(server, name, edns=-1)
    assert summary(response) == f"NOERROR | RA | {name} 192.0.2.9 | "
    assert response.edns == -1


@pytest.mark.parametrize(
    ("name", "tcp", "error"),
    [
        ("drop.f.", False, dns.exception.Timeout),
        ("drop.f.", True, dns.exception.Timeout),
        ("dropedns.f.", False, dns.exception.Timeout),
        ("stall.f.", True, dns.exception.Timeout),
        ("notcp.f.", True, (EOFError, ConnectionResetError)),
        ("wrongid.f.", False, dns.query.BadResponse),
        ("wrongquestion.f.", False, dns.query.BadResponse),
        ("spoof.f.", False, dns.query.BadResponse),
        ("badopt.f.", False, (dns.exception.DNSException, ValueError)),
        ("garbage.f.", False, (dns.exception.DNSException, ValueError)),
        ("short.f.", False, (dns.exception.DNSException, ValueError)),
    ],
)
def test_no_valid_answer(server: NameServer, name: str, tcp: bool, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(server, name, tcp=tcp)


def datagrams(server: NameServer, name: str, seconds: float) -> list[bytes]:
    wires = []
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        query = dns.message.make_query(name, "A", use_edns=0, id=1)
        sock.sendto(query.to_wire(), (server.address, server.port))
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                wires.append(sock.recv(65535))
            except OSError:
                break
    return wires


@pytest.mark.parametrize(
    ("name", "authoritative"), [("authority.f.", True), ("noaa.f.", False), ("case.f.", False)]
)
def test_authority_is_a_flag(server: NameServer, name: str, authoritative: bool) -> None:
    assert bool(ask(server, name).flags & dns.flags.AA) is authoritative


def test_delegation_has_glue(server: NameServer) -> None:
    glue = [str(rrset) for rrset in ask(server, "delegation.f.").additional]
    assert glue == ["ns1.f. 300 IN A 192.0.2.53", "ns2.f. 300 IN AAAA 2001:db8::53"]


def test_spoof_ends_with_the_true_answer(server: NameServer) -> None:
    messages = [dns.message.from_wire(wire) for wire in datagrams(server, "spoof.f.", 0.3)]
    assert [message.id == 1 for message in messages] == [False, True, True]
    questions = [str(message.question[0].name) for message in messages]
    assert questions == ["spoof.f.", "other.invalid.", "spoof.f."]
    addresses = [str(message.answer[0][0]) for message in messages]
    assert addresses == ["192.0.2.66", "192.0.2.66", "192.0.2.9"]


def test_duplicate(server: NameServer) -> None:
    first, second = datagrams(server, "duplicate.f.", 0.2)
    assert first == second


def test_storm_leaves_other_questions_answered() -> None:
    with NameServer("x. A 192.0.2.1\n! storm. A storm") as server:
        wires = datagrams(server, "storm.", 0.5)
        assert len(wires) > 500
        assert b"\0\1" not in {wire[:2] for wire in wires}
        for _ in range(10):
            datagrams(server, "storm.", 0)
        start = time.monotonic()
        for _ in range(20):
            ask(server, "x.")
        assert time.monotonic() - start < 1


def test_drop_and_once_count_queries(server: NameServer) -> None:
    for _ in range(2):
        with pytest.raises(dns.exception.Timeout):
            ask(server, "drop2.example.")
    assert ask(server, "drop2.example.").rcode() == dns.rcode.NXDOMAIN
    (option,) = ask(server, "once.example.").options
    assert option.to_wire() == b'\0\x16No "reachable"\x1b\nauthority'
    assert ask(server, "once.example.").rcode() == dns.rcode.NXDOMAIN


def test_extended_errors_of_any_octets(server: NameServer) -> None:
    wires = datagrams(server, "ede.f.", 0.2)
    assert wires[0].endswith(b"\0\x0f\0\5\0\x12two\0\x0f\0\3\xff\xff\xff")


def test_delay_holds_up_nothing_else(server: NameServer) -> None:
    start = time.monotonic()
    thread = threading.Thread(target=ask, args=(server, "slow.example."))
    thread.start()
    ask(server, "example.", "MX")
    assert time.monotonic() - start < 0.25
    thread.join()
    assert time.monotonic() - start > 0.3
    assert ask(server, "slow.example.").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("edns", [0, -1], ids=["EDNS", "no EDNS"])
def test_long_answer_is_truncated_over_udp_only(server: NameServer, edns: int) -> None:
    assert summary(ask(server, "long.", edns=edns)) == "NOERROR | TC RA |  | "
    response = ask(server, "long.", edns=edns, tcp=True)
    assert len(response.answer[0]) == 1000
    assert response.edns == edns


def test_two_queries_on_one_connection(server: NameServer) -> None:
    with socket.create_connection((server.address, server.port), timeout=2) as sock:
        for name in "mx1.example.", "long.":
            query = dns.message.make_query(name, "A")
            dns.query.send_tcp(sock, query)
            assert dns.query.receive_tcp(sock)[0].answer[0].name == query.question[0].name


def test_trickle() -> None:
    server = NameServer("x. A 192.0.2.1\n! x. A trickle")
    with server, socket.create_connection((server.address, server.port), timeout=2) as sock:
        dns.query.send_tcp(sock, dns.message.make_query("x.", "A"))
        start = time.monotonic()
        assert [len(sock.recv(100)) for _ in range(2)] == [1, 1]
        assert time.monotonic() - start > 0.9


def test_queries_are_recorded() -> None:
    with NameServer("") as server:
        before = time.monotonic()
        ask(server, "WWW.Example.", "MX")
        ask(server, "example.", "A", edns=-1, tcp=True)
        seen = [query._replace(at=0) for query in server.queries]
        assert seen == [
            Query("www.example.", "MX", "udp", 0, True),
            Query("example.", "A", "tcp", 0, False),
        ]
        assert before <= server.queries[0].at <= server.queries[1].at <= time.monotonic()


def test_servers_share_a_port_and_speak_ipv6() -> None:
    one = NameServer("x. A 192.0.2.1", "127.0.0.1")
    with one, NameServer("x. A 192.0.2.2", "127.0.0.2", one.port) as two:
        answers = [str(ask(server, "x.").answer[0][0]) for server in (one, two)]
        assert answers == ["192.0.2.1", "192.0.2.2"]
    with NameServer("x. A 192.0.2.3", "::1") as server:
        for tcp in False, True:
            assert str(ask(server, "x.", tcp=tcp).answer[0][0]) == "192.0.2.3"


@pytest.mark.parametrize(
    "line",
    [
        "x. A",
        "x A 192.0.2.1",
        "x. A nonsense",
        "x. FOO bar",
        "x. MX 10 mx",
        "! x. A",
        "! x. A explode",
        "! x. A delay",
        "! x. A rcode FOO",
        "! x. A ede 70000",
    ],
)
def test_malformed_line_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"^zone line 2: ") as error:
        NameServer("x. A 192.0.2.1\n" + line)
    assert line in str(error.value)


def test_nothing_stays_after_exit() -> None:
    threads = threading.active_count()
    with NameServer("x. A 192.0.2.1\n! x. A storm") as server:
        client = socket.create_connection((server.address, server.port), timeout=2)
        datagrams(server, "x.", 0.05)
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    with client:
        assert client.recv(1) == b""
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((server.address, server.port))


def test_command(tmp_path: object) -> None:
    zone = f"{tmp_path}/zone"
    with open(zone, "w", encoding="utf-8") as file:
        file.write("x. A 192.0.2.1\n")
    command = [sys.executable, "-m", "tests.helpers.nameserver", zone, "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address, port = process.stdout.readline().split()[-1].split("#")
            query = dns.message.make_query("x.", "A")
            assert dns.query.udp(query, address, timeout=2, port=int(port)).answer
        finally:
            process.terminate()
        assert process.wait(5) == 0
