"""The lines of jq in docs/usage.md, and what they make of the results."""

from __future__ import annotations

import re
import textwrap

import jq
import pytest

from tests.helpers.figures import DOCS
from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess, zone

PROGRAMS = re.findall(r"(?s)--json \| jq -r '([^']*)'", (DOCS / "usage.md").read_text("utf-8"))
ZONE = zone(
    """
    example.com. MX 10 mail.example.com.
    example.com. MX 20 mx2.example.com.
    example.com. TXT "v=spf1 ipv4:192.0.2.25 -all"
    mail.example.com. A 192.0.2.25
    mx2.example.com. CNAME mail.example.com.
    2.0.192.in-addr.arpa. SOA ns.isp.example. noc.isp.example. 3 3600 600 86400 60
    2.0.192.in-addr.arpa. NS ns.isp.example.
    example.com. SOA ns.example.com. noc.example.com. 3 3600 600 86400 60
    example.com. NS ns.example.com.
    example.net. MX 10 mx.example.net.
    example.net. TXT "v=spf1 mx -all"
    mx.example.net. A 192.0.2.26
    192.0.2.26 PTR mx.example.net.
    192.0.2.26 PTR old.net.
    192.0.2.27 PTR out.example.net.
    out.example.net. A 192.0.2.27
    example.org. MX 0 .
    example.org. SOA ns.example.org. noc.example.org. 3 3600 600 86400 60
    example.org. NS ns.example.org.
    """
)
DOMAINS = ("-d", "example.com", "example.net", "example.org", "--sender", "192.0.2.27")
OUTPUTS = [
    pytest.param(
        0,
        """
        CRITICAL\texample.com\tmissing-ptr mx-is-alias spf-error
        WARNING\texample.net\tmixed-ptr
        WARNING\texample.org\tnull-mx spf-error
        """,
        id="domains-with-problems",
    ),
    pytest.param(
        1,
        """
        + 25.2.0.192.in-addr.arpa. PTR mail.example.com. ; zone 2.0.192.in-addr.arpa
        + example.com. MX 20 mail.example.com. ; zone example.com
        + example.org. MX 10 NAME-OF-THE-HOST. ; zone example.org
        - 26.2.0.192.in-addr.arpa. PTR old.net. ; zone 2.0.192.in-addr.arpa
        - example.com. MX 20 mx2.example.com. ; zone example.com
        - example.org. MX 0 . ; zone example.org
        = example.com. TXT "v=spf1 ip4:192.0.2.25 -all" ; zone example.com
        = example.org. TXT "v=spf1 ?all" ; zone example.org
        """,
        id="cures-as-a-patch",
    ),
    pytest.param(
        2,
        """
        "example.com","mail.example.com","192.0.2.25","CRITICAL","missing",""
        "example.net","mx.example.net","192.0.2.26","WARNING","confirmed","mx.example.net old.net"
        "192.0.2.27",,"192.0.2.27","OK","confirmed","out.example.net"
        """,
        id="addresses-as-csv",
    ),
]


@pytest.fixture(scope="module")
def written() -> str:
    with NameServer(ZONE) as server:
        return InProcess().ask(server, "--json", "--spf", *DOMAINS).stdout


@pytest.mark.parametrize(("number", "output"), OUTPUTS)
def test_line_of_jq(written: str, number: int, output: str) -> None:
    lines = jq.compile(PROGRAMS[number]).input_text(written).all()
    assert lines == textwrap.dedent(output).strip().split("\n")


def test_every_line_of_jq_is_tried() -> None:
    assert len(PROGRAMS) == len(OUTPUTS)
