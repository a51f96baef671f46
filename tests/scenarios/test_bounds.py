"""What an outsider chooses is bounded, and what failed or was forged is no answer."""

from __future__ import annotations

import collections
import importlib
import ipaddress
import math
import re
import struct
import time

import pytest
from dns.rdatatype import PTR, RdataType

import reverse_mx.message as message_module
from reverse_mx.exchange import (
    MOST_FORGERIES,
    MOST_MISFITS,
    MOST_READ,
    MOST_WAITING,
    Exchange,
)
from reverse_mx.lines import Budget, Lines
from reverse_mx.loop import Loop, Promise, side_by_side
from reverse_mx.message import (
    MOST_REMARK_OCTETS,
    MOST_REMARKS,
    OPT_RECORD,
    Defect,
    Malformed,
    compose,
    read,
)
from reverse_mx.names import name_of
from reverse_mx.smtp import MOST_CONNECTIONS, MOST_OF_A_DOMAIN, Conversation, Smtp
from tests import ROOT
from tests.helpers.nameserver import Connection, Datagram, NameServer, formerr, respond, wrong_id
from tests.helpers.plugin import Plugin, zone

ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
OK = "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches"
QUERY = compose(1, 0, name_of("x.example"), PTR, edns=False)


def message(answer: list[bytes], additional: list[bytes], rest: bytes = b"") -> bytes:
    header = struct.pack("!6H", 1, 0x8180, 1, len(answer), 0, len(additional))
    return header + QUERY.question + b"".join(answer) + b"".join(additional) + rest


def record(rdtype: int, rdata: bytes, owner: bytes = b"\xc0\x0c") -> bytes:
    return owner + struct.pack("!HHIH", rdtype, 1, 60, len(rdata)) + rdata


def long_names() -> list[bytes]:
    """Records of which each has a name of 127 labels, or as many as there is room for."""
    first = record(PTR, b"\1a" * 126 + b"\0")
    at = 12 + len(QUERY.question) + 12
    return [first, *(record(PTR, b"\1b" + struct.pack("!H", 0xC002 + at)) for _ in range(4300))]


@pytest.mark.parametrize(
    ("wire", "records"),
    [
        pytest.param(
            message([record(PTR, b"\1%c\0" % (97 + n % 26)) for n in range(4200)], []),
            4200,
            id="records",
        ),
        pytest.param(message([record(5, b"\xc0\x0c")] * 4600, []), 4600, id="aliases"),
        pytest.param(message([record(55, b"\1\1\0\1hk" + b"\xc0\x0c" * 32000)], []), 0, id="hip"),
        pytest.param(message([record(64, b"\0\1\xc0\x0c" + b"\0\1" * 32000)], []), 0, id="svcb"),
        pytest.param(message([], [record(45, b"\xff" * 60000)]), 0, id="ipseckey"),
        pytest.param(message([], [record(50, b"\xff" * 60000)]), 0, id="nsec3"),
        pytest.param(message([], [OPT_RECORD[:-2] + b"\xea\x60" + bytes(60000)]), 0, id="options"),
        pytest.param(message([], [], b"\0" * 65000), 0, id="trailing-octets"),
    ],
)
def test_longest_message_is_read_quickly(wire: bytes, records: int) -> None:
    started = time.process_time()
    assert len(read(wire, QUERY).answer) == records
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("wire", "defect"),
    [
        pytest.param(message(long_names(), []), "COSTLY", id="labels"),
        pytest.param(message([record(PTR, b"\xc0\xff")], []), "NAME", id="pointer-forward"),
        pytest.param(message([record(PTR, b"\1a" * 200 + b"\0")], []), "NAME", id="name"),
        pytest.param(message([record(PTR, b"\1a\0x")], []), "RECORD", id="octet-too-many"),
        pytest.param(message([record(PTR, b"\1a\0")[:-1]], []), "SHORT", id="cut-off"),
        pytest.param(message([], [OPT_RECORD] * 2), "OPTIONS", id="two-opt-records"),
    ],
)
def test_what_makes_no_sense_is_malformed(wire: bytes, defect: str) -> None:
    started = time.process_time()
    with pytest.raises(Malformed) as raised:
        read(wire, QUERY)
    assert raised.value.defect is Defect[defect]
    assert time.process_time() - started < 0.5


def test_extended_errors_and_their_texts_are_bounded() -> None:
    options = struct.pack("!HHH", 15, 1002, 22) + b"x" * 1000
    opt = OPT_RECORD[:-2] + struct.pack("!H", 20 * len(options)) + options * 20
    remarks = read(message([], [opt]), QUERY).remarks
    assert [len(remark.text) for remark in remarks] == [MOST_REMARK_OCTETS] * MOST_REMARKS


@pytest.mark.parametrize(
    ("octets", "kept"),
    [
        pytest.param(MOST_REMARK_OCTETS, MOST_REMARK_OCTETS, id="at-it"),
        pytest.param(MOST_REMARK_OCTETS + 1, MOST_REMARK_OCTETS, id="one-over"),
    ],
)
def test_text_of_an_extended_error_is_kept_up_to_its_bound(octets: int, kept: int) -> None:
    option = struct.pack("!HHH", 15, octets + 2, 22) + b"x" * octets
    opt = OPT_RECORD[:-2] + struct.pack("!H", len(option)) + option
    (remark,) = read(message([], [opt]), QUERY).remarks
    assert remark.text == b"x" * kept


def test_labels_are_read_up_to_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    # A pointer to a name that is known, and three.
    wire = message([record(PTR, b"\1a\1b\0")], [])
    monkeypatch.setattr(message_module, "MOST_LABELS", 4)
    assert len(read(wire, QUERY).answer) == 1
    monkeypatch.setattr(message_module, "MOST_LABELS", 3)
    with pytest.raises(Malformed) as raised:
        read(wire, QUERY)
    assert raised.value.defect is Defect.COSTLY


def test_names_are_equal_whatever_their_case_and_sorted_from_the_last_label() -> None:
    names = [name_of("b.A.example"), name_of("B.a.EXAMPLE"), name_of("a.b.example")]
    assert len(set(names)) == 2
    assert sorted(names)[-1] == name_of("a.b.example")


class Forger(NameServer):
    """Sends so many answers with wrong ids at once, and the true one a moment later."""

    forgeries = 12

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        for number in range(self.forgeries):
            asker.send(wrong_id(wire, number))
        self._after(0.2, super().handle, wire, asker)


@pytest.mark.parametrize(
    ("forgeries", "transports", "ports"),
    [
        pytest.param(MOST_MISFITS - 1, ["udp", "udp"], 1, id="one-below-those-that-lead-to-tcp"),
        pytest.param(MOST_MISFITS, ["udp", "tcp", "udp"], 1, id="as-many-as-lead-to-tcp"),
        pytest.param(MOST_FORGERIES - 1, ["udp", "tcp", "udp"], 1, id="one-below-another-port"),
        pytest.param(MOST_FORGERIES, ["udp", "tcp", "udp"], 2, id="as-many-as-lead-to-another"),
    ],
)
def test_forged_answers_are_borne_up_to_their_bounds(
    plugin: Plugin, forgeries: int, transports: list[str], ports: int
) -> None:
    class Counting(NameServer):
        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            asked.append(asker.transport)
            if isinstance(asker, Datagram):
                senders.append(asker.sender[1])
                for number in range(forgeries if len(senders) == 1 else 0):
                    asker.send(wrong_id(wire, number))
                if len(senders) == 2:
                    super().handle(wire, asker)

    asked: list[str] = []
    senders: list[int] = []
    with Counting("example.com. MX 0 .") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert "[null-mx]" in output.status
    assert (asked, len(set(senders))) == (transports, ports)


@pytest.mark.parametrize(
    ("others", "finding"),
    [
        pytest.param(MOST_READ - 1, "null-mx", id="at-it"),
        pytest.param(MOST_READ, "dns-timeout", id="one-over"),
    ],
)
def test_messages_of_one_server_are_read_up_to_their_bound(
    plugin: Plugin, others: int, finding: str
) -> None:
    class Doubting(NameServer):
        """Says so many times that it knows no EDNS, and then what it is asked without."""

        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            if wire[11]:
                for _ in range(others):
                    asker.send(formerr(wire))
            else:
                super().handle(wire, asker)

    with Doubting("example.com. MX 0 .") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert output.status.endswith(f" [{finding}]")


@pytest.mark.parametrize("tcp", [False, True], ids=["tcp-is-refused", "tcp-is-there"])
def test_right_answer_counts_after_forged_ones(plugin: Plugin, tcp: bool) -> None:
    with Forger(ONE_HOST, listens_on_tcp=tcp) as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert (output.code, output.status) == (0, OK)


def test_forged_answers_and_refused_tcp_prove_nothing(plugin: Plugin) -> None:
    with NameServer(ONE_HOST + "! * * wrongquestion", listens_on_tcp=False) as server:
        output = plugin.ask(server, "-t", "9", "-d", "example.com")
    assert output.code == 3
    assert "[dns-timeout]" in output.status


@pytest.mark.parametrize(
    ("fault", "code", "asked"),
    [
        pytest.param("once rcode SERVFAIL", 0, 2, id="by-chance"),
        pytest.param("rcode SERVFAIL 22", 2, 2, id="again-and-again"),
        pytest.param("rcode SERVFAIL 6", 2, 1, id="dnssec"),
        pytest.param("rcode REFUSED", 2, 1, id="refused"),
    ],
)
def test_servfail_of_a_single_resolver_is_asked_once_more(
    plugin: Plugin, fault: str, code: int, asked: int
) -> None:
    with NameServer(ONE_HOST + f"! example.com. MX {fault}") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
        queries = [query.at for query in server.queries if query.rdtype == "MX"]
    assert (output.code, len(queries)) == (code, asked)


@pytest.mark.parametrize(
    ("seconds", "ptr_time", "cause"),
    [
        pytest.param(
            1.7,
            0.2,
            "not found; excluded: the resolver, which answers for the root",
            id="no-time-to-ask-again",
        ),
        pytest.param(
            1.3,
            1.4,
            "not looked for, as the time was up; a longer --timeout leaves some",
            id="no-time-to-answer-again",
        ),
    ],
)
def test_servfail_is_a_failure_though_the_time_is_up_before_another_answer(
    plugin: Plugin, seconds: float, ptr_time: float, cause: str
) -> None:
    slow = f"! * MX delay {seconds}\n! 192.0.2.25 PTR delay 0.2\n"
    text = ONE_HOST + zone(f"{slow}! 192.0.2.25 PTR once rcode SERVFAIL")
    with NameServer(text) as server:
        output = plugin.ask(server, "-4", "-d", "example.com", "-t", "3", "-v")
    said = "PTR lookup of 192.0.2.25 (mail.example.com) failed: SERVFAIL from"
    assert (output.code, output.status) == (
        2,
        f"REVERSE_MX CRITICAL - example.com: {said} 127.0.0.1#{server.port} [dns-failure]",
    )
    assert [line for line in output.long if "cause" in line] == [f"  cause: {cause}"]
    assert float(output.perfdata["ptr_time"].partition("s")[0]) == pytest.approx(ptr_time, abs=0.05)


class FormErrOverTcp(NameServer):
    """Truncates, and over TCP understands no EDNS."""

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        flags = 0x8380 if isinstance(asker, Datagram) else 0x8181
        end = wire.index(b"\0", 12) + 5
        asker.send(wire[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + wire[12:end])


def test_formerr_over_tcp_is_a_failure(plugin: Plugin) -> None:
    with FormErrOverTcp("") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: MX lookup failed: FORMERR from"
        f" 127.0.0.1#{server.port} [dns-failure]"
    )


def test_frames_of_length_0_and_frames_in_one_segment_are_all_read(plugin: Plugin) -> None:
    class Framing(NameServer):
        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            if isinstance(asker, Connection):
                asker.write(b"\0\0" + b"\0\1x" * 5)
            super().handle(wire, asker)

    with Framing(ONE_HOST + "! * * truncate") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert (output.code, output.status) == (0, OK)


def test_octets_wait_on_a_connection_up_to_the_longest_message(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine messages that do not fit, as long as can be, come at once, and then the right one."""

    class Flood(NameServer):
        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            if isinstance(asker, Connection):
                asker.write((b"\xff\xff" + bytes(65535)) * (MOST_MISFITS - 1))
            super().handle(wire, asker)

    class LongAnswer(NameServer):
        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            asked = self._parse(wire)
            if isinstance(asker, Datagram) or asked is None:
                super().handle(wire, asker)
            else:
                answer = wire[:2] + respond(self._zone, asked, [], "tcp")[2:]
                asker.write(b"\xff\xff" + answer.ljust(65535, b"\0"))

    waiting = [0]
    readable = Exchange._tcp_readable

    def watched(exchange: Exchange) -> None:
        readable(exchange)
        waiting.append(len(exchange._stream))

    monkeypatch.setattr(Exchange, "_tcp_readable", watched)
    for kind in Flood, LongAnswer:
        with kind(ONE_HOST + "! * * truncate") as server:
            output = plugin.ask(server, "-4", "-d", "example.com")
        assert (output.code, output.status) == (0, OK)
    assert 2 < max(waiting) < MOST_WAITING


@pytest.mark.parametrize(
    ("domains", "each"),
    [
        pytest.param(1, MOST_OF_A_DOMAIN, id="of-one-domain"),
        pytest.param(4, MOST_CONNECTIONS // 4, id="of-as-many-as-there-is-room-for"),
        pytest.param(5, MOST_CONNECTIONS // 5, id="of-one-more"),
    ],
)
def test_smtp_connections_are_open_up_to_their_bounds(
    monkeypatch: pytest.MonkeyPatch, domains: int, each: int
) -> None:
    """Nobody greets: what has a place keeps it."""

    async def greet(domain: int) -> None:
        for host in range(each + 10):
            smtp.greet(ipaddress.ip_address(f"192.0.{domain}.{host}"))
        await over

    started: list[str] = []
    monkeypatch.setattr(
        Conversation, "start", lambda conversation, _: started.append(conversation._endpoint[0])
    )
    over: Promise[None] = Promise()
    with Loop() as loop:
        lines = Lines(loop)
        smtp = Smtp(lines, 25, math.inf)
        loop.at(loop.now() + 0.2, lambda: over.settle(None))
        chains = [lines.queue(greet(domain), Budget(0, 0)) for domain in range(domains)]
        loop.run(side_by_side(chains), math.inf)
    counts = collections.Counter(endpoint.split(".")[2] for endpoint in started)
    assert counts == {str(domain): each for domain in range(domains)}


def test_answers_of_another_type_deny_nothing(plugin: Plugin) -> None:
    class Beside(NameServer):
        def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
            end = wire.index(b"\0", 12) + 5
            header = struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
            asker.send(wire[:2] + header + wire[12:end] + record(RdataType.LOC, bytes(16)))

    with Beside("") as server:
        output = plugin.ask(server, "-4", "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: MX lookup failed: records of other names from"
        f" 127.0.0.1#{server.port} [dns-failure]"
    )


def test_security_md_has_the_bounds_of_the_code() -> None:
    rows = [row for row in (ROOT / "SECURITY.md").read_text("utf-8").splitlines() if "`" in row]
    named = [(row, *found) for row in rows for found in re.findall(r"`(\w+)\.([A-Z_]{4,})`", row)]
    rooms = (ROOT / "reverse_mx").glob("*.py")
    bounds = {
        (room.stem, name)
        for room in rooms
        for name in re.findall(
            r"(?m)^(MOST_\w+|SECONDS_\w+|\w+_BUDGET|\w+_LOOKUPS) =", room.read_text("utf-8")
        )
    }
    assert bounds <= {(room, name) for _, room, name in named}
    for row, room, name in named:
        bound = getattr(importlib.import_module(f"reverse_mx.{room}"), name)
        for number in bound if isinstance(bound, tuple) else (bound,):
            assert f"{number:,}".removesuffix(".0") in re.findall(r"[0-9][0-9,.]*(?<![,.])", row)
