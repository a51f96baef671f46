"""Whatever happens, the check has ended by -t, and says what it had learnt by then."""

from __future__ import annotations

import re

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Program, at_most_cpu, in_time, zone

ONE_HOST = zone(
    """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
    192.0.2.25 PTR mail.example.com.
    """
)
GRACE = 0.3


@pytest.mark.parametrize(
    ("fault", "stages", "timeout"),
    [
        pytest.param("! * * drop", "mx", 1.0, id="silence"),
        pytest.param("! * * drop", "mx", 0.6, id="silence-and-a-fraction-of-a-second"),
        pytest.param("! * PTR drop", "mx address ptr", 2.0, id="silence-at-the-last-stage"),
        pytest.param("! * * trickle", "mx", 2.0, id="an-octet-a-second-over-tcp"),
        pytest.param("! * * stall", "mx", 1.5, id="silence-over-tcp"),
        pytest.param("! * * storm", "mx", 2.0, id="storm-of-wrong-ids"),
        pytest.param("! * PTR storm", "mx address ptr", 2.0, id="storm-at-the-last-stage"),
        pytest.param("! * * wrongquestion", "mx", 1.0, id="answers-to-another-question"),
        pytest.param("! * * delay 3", "mx", 1.0, id="answer-after-the-deadline"),
    ],
)
def test_ended_within_the_timeout_whatever_happens(
    program: Program, fault: str, stages: str, timeout: float
) -> None:
    with NameServer(ONE_HOST + fault) as server:
        arguments = ("-t", str(timeout), "-d", "example.com")
        output = in_time(lambda: program.ask(server, *arguments), timeout + GRACE)
    assert output.code == 3
    lookup = "PTR lookup of 192.0.2.25 (mail.example.com)" if "ptr" in stages else "MX lookup"
    over_tcp = " over TCP, after a truncated one" if fault.endswith(("trickle", "stall")) else ""
    assert re.fullmatch(
        rf"REVERSE_MX UNKNOWN - example\.com: {re.escape(lookup)} timed out: no answer from"
        rf" 127\.0\.0\.1#{server.port} in \d\.\d s{over_tcp}(; \d+ answers that did not fit the"
        r" question were ignored)? \[dns-timeout\]",
        output.status,
    )
    counts = "mail_hosts=1 addresses=1" if "ptr" in stages else "mail_hosts=0 addresses=0"
    times = " ".join(f"{stage}_time" for stage in stages.split())
    assert output.counts == (
        f"time {times} {counts} missing_ptr=0 unconfirmed_ptr=0 name_mismatch=0 dns_errors=1"
    )


def test_answer_that_takes_seconds_to_parse_is_malformed(program: Program) -> None:
    with NameServer(ONE_HOST + "! * PTR heavy") as server, at_most_cpu(2 + GRACE):
        output = program.ask(server, "-t", "8", "-d", "example.com")
    assert output.seconds < 8 + GRACE
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: PTR lookup of 192.0.2.25 (mail.example.com) failed:"
        f" malformed answer (takes too long to read) from 127.0.0.1#{server.port} [dns-failure]"
    )


def test_what_was_learnt_by_the_deadline_is_told(program: Program) -> None:
    text = """
    example.com. MX 10 mail.example.com.
    example.com. MX 20 mx2.example.com.
    mail.example.com. A 192.0.2.25
    ! mx2.example.com. * drop
    """
    with NameServer(zone(text)) as server:
        arguments = ("-t", "4", "-4", "-d", "example.com")
        output = in_time(lambda: program.ask(server, *arguments), 4 + GRACE)
    assert re.fullmatch(
        r"REVERSE_MX CRITICAL - example\.com: 192\.0\.2\.25 \(mail\.example\.com\) has no PTR"
        r" record \(NXDOMAIN\) \[missing-ptr\]; A lookup of mx2\.example\.com timed out: no answer"
        rf" from 127\.0\.0\.1#{server.port} in 2\.4 s \[dns-timeout\]",
        output.status,
    )
    assert output.counts == (
        "time mx_time address_time ptr_time mail_hosts=2 addresses=1 missing_ptr=1"
        " unconfirmed_ptr=0 name_mismatch=0 dns_errors=1"
    )
