"""What -v says to do about each problem, and what that costs."""

from __future__ import annotations

import itertools
import re
import textwrap

import pytest

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import Output, Plugin, zone

# Who is in charge, for every zone that is concerned below.
ZONES = """
    example.com. SOA ns1.example.com. first\\.last.example.com. 7 3600 600 86400 60
    example.com. NS ns1.example.com.
    ns1.example.com. A 192.0.2.53
    ns1.example.com. AAAA 2001:db8::53
    example.net. SOA ns.example.net. dns.example.net. 1 3600 600 86400 60
    example.net. NS ns.example.net.
    ns.example.net. A 198.51.100.53
    2.0.192.in-addr.arpa. SOA ns1.isp.example. noc.isp.example. 3 3600 600 86400 60
    2.0.192.in-addr.arpa. NS ns1.isp.example.
    2.0.192.in-addr.arpa. NS ns2.isp.example.
    113.0.203.in-addr.arpa. SOA ns1.isp.example. noc.isp.example. 3 3600 600 86400 60
    51.198.in-addr.arpa. SOA ns1.isp.example. noc.isp.example. 3 3600 600 86400 60
    51.198.in-addr.arpa. NS ns1.isp.example.
    8.b.d.0.1.0.0.2.ip6.arpa. SOA ns1.isp.example. noc.isp.example. 3 3600 600 86400 60
    8.b.d.0.1.0.0.2.ip6.arpa. NS ns1.isp.example.
    0-63.2.0.192.in-addr.arpa. SOA ns1.example.com. first\\.last.example.com. 7 3600 600 86400 60
    0-63.2.0.192.in-addr.arpa. NS ns1.example.com.
    com. SOA a.nic.example. registry.nic.example. 1 3600 600 86400 60
    com. NS a.nic.example.
    a.nic.example. A 192.0.2.1
    ns1.isp.example. A 192.0.2.101
    ns2.isp.example. A 192.0.2.102
"""
OURS = """\
in: zone example.com, contact first.last@example.com
  name servers: ns1.example.com (192.0.2.53, 2001:db8::53)
"""
THEIRS = """\
in: zone 2.0.192.in-addr.arpa, contact noc@isp.example
  a reverse zone: as a rule the address's provider changes it
  name servers: ns1.isp.example (192.0.2.101), ns2.isp.example (192.0.2.102)
"""
MAIL = """
    example.com. MX 10 mail.example.com.
    mail.example.com. A 192.0.2.25
"""


def advice(output: Output, finding: str) -> str:
    """Return the lines under a problem, without what receivers do."""
    lines = output.long
    start = next(i for i, line in enumerate(lines) if f"] {finding}: " in line)
    under = list(itertools.takewhile(lambda line: line[0] == " ", lines[start + 1 :]))
    told = textwrap.dedent("\n".join(under))
    return told.split("meanwhile: ")[0].rstrip("\n") + "\n"


CASES = [
    pytest.param(
        "missing-ptr",
        MAIL,
        f"fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n{THEIRS}",
        id="missing-ptr",
    ),
    pytest.param(
        "missing-ptr",
        "example.com. MX 10 mx.hoster.example.\nmx.hoster.example. A 192.0.2.25",
        f"fix: 25.2.0.192.in-addr.arpa. PTR mx.hoster.example.\n{THEIRS}",
        id="missing-ptr-of-a-providers-host-is-the-providers-to-add",
    ),
    pytest.param(
        "missing-ptr",
        MAIL + "192.0.2.25 CNAME 25.0-63.2.0.192.in-addr.arpa.",
        "fix: 25.0-63.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "in: zone 0-63.2.0.192.in-addr.arpa, contact first.last@example.com\n"
        "  delegated (RFC 2317): whoever runs its name servers changes it\n"
        "  name servers: ns1.example.com (192.0.2.53, 2001:db8::53)\n",
        id="missing-ptr-behind-rfc2317-alias",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 198.51.100.25
        """,
        "fix: 25.100.51.198.in-addr.arpa. PTR mail.example.com.\n"
        "in: zone 51.198.in-addr.arpa, contact noc@isp.example\n"
        "  nothing below it is delegated: the address's provider changes it\n"
        "  name servers: ns1.isp.example (192.0.2.101)\n",
        id="missing-ptr-in-the-providers-zone",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. AAAA 2001:db8::25
        """,
        "fix: 5.2" + 22 * ".0" + ".8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.example.com.\n"
        "in: zone 8.b.d.0.1.0.0.2.ip6.arpa, contact noc@isp.example\n"
        "  nothing below it is delegated: the address's provider changes it\n"
        "  name servers: ns1.isp.example (192.0.2.101)\n",
        id="missing-ptr-ipv6",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        """,
        f"fix: 25.2.0.192.in-addr.arpa. PTR real.example.net.\n{THEIRS}",
        id="missing-ptr-of-an-alias-names-what-is-behind-it",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL + "192.0.2.25 PTR other.example.net.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR other.example.net.\n{THEIRS}"
        "or fix: other.example.net. A 192.0.2.25\n"
        "in: zone example.net, contact dns@example.net\n"
        "  name servers: ns.example.net (198.51.100.53)\n",
        id="unconfirmed-ptr-has-two-cures",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL
        + """
        192.0.2.25 PTR alias.example.com.
        alias.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.99
        """,
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR alias.example.com.\n{THEIRS}",
        id="unconfirmed-ptr-of-another-host-gets-no-second-address",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL
        + """
        192.0.2.25 PTR alias.example.com.
        alias.example.com. CNAME real.example.net.
        """,
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR alias.example.com.\n{THEIRS}"
        "or fix: real.example.net. A 192.0.2.25\n"
        "in: zone example.net, contact dns@example.net\n"
        "  name servers: ns.example.net (198.51.100.53)\n",
        id="unconfirmed-ptr-that-is-an-alias",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL + "192.0.2.25 PTR isp.example.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR isp.example.\n{THEIRS}"
        "or fix: isp.example. A 192.0.2.25\n",
        id="unconfirmed-ptr-of-two-labels",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL + "192.0.2.25 PTR mail.example.com.2.0.192.in-addr.arpa.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR mail.example.com.2.0.192.in-addr.arpa.\n" + THEIRS,
        id="nobody-is-told-to-give-a-name-in-a-reverse-zone-an-address",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL + "".join(f"\n    192.0.2.25 PTR n{number}.example.net." for number in range(6)),
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR n0.example.net.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR n1.example.net.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR n2.example.net.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR n3.example.net.\n"
        f"remove: 2 more PTR records of 25.2.0.192.in-addr.arpa\n{THEIRS}"
        "or fix: n0.example.net. A 192.0.2.25\n"
        "or fix: n1.example.net. A 192.0.2.25\n"
        "or fix: n2.example.net. A 192.0.2.25\n"
        "or fix: n3.example.net. A 192.0.2.25\n"
        "in: zone example.net, contact dns@example.net\n"
        "  name servers: ns.example.net (198.51.100.53)\n",
        id="four-cures-of-a-kind-are-enough",
    ),
    *(
        pytest.param(
            "missing-ptr",
            f"{MAIL}192.0.2.25 CNAME {target}",
            f"""\
fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.
in place of: 25.2.0.192.in-addr.arpa. CNAME {target}
{THEIRS}""",
            id=f"missing-ptr-of-an-alias-of-{kind}",
        )
        for target, kind in ((".", "the-root"), ("25.mail.invalid.", "what-nobody-can-have"))
    ),
    pytest.param(
        "missing-ptr",
        f"{MAIL}192.0.2.25 CNAME 25.rev.old-firm.com.",
        "old-firm.com is not registered: whoever registers it names the address\n",
        id="missing-ptr-of-an-alias-in-a-domain-that-is-not-registered",
    ),
    pytest.param(
        "missing-ptr",
        f"{MAIL}192.0.2.25 CNAME Mail.example.com.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"in place of: 25.2.0.192.in-addr.arpa. CNAME Mail.example.com.\n{THEIRS}",
        id="missing-ptr-where-an-alias-of-the-host-was-typed-for-it",
    ),
    pytest.param(
        "missing-ptr",
        f"{MAIL}192.0.2.25 CNAME 25.0-63.2.0.192.in-addr.arpa.\n"
        "    25.0-63.2.0.192.in-addr.arpa. CNAME mail.example.com.",
        "fix: 25.0-63.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "in place of: 25.0-63.2.0.192.in-addr.arpa. CNAME mail.example.com.\n"
        "in: zone 0-63.2.0.192.in-addr.arpa, contact first.last@example.com\n"
        "  delegated (RFC 2317): whoever runs its name servers changes it\n"
        "  name servers: ns1.example.com (192.0.2.53, 2001:db8::53)\n",
        id="missing-ptr-where-an-alias-of-the-host-was-typed-behind-rfc2317-alias",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        example.com. MX 20 mx2.example.com.
        mail.example.com. A 192.0.2.25
        mx2.example.com. A 192.0.2.26
        192.0.2.25 CNAME all.rev.example.com.
        192.0.2.26 CNAME all.rev.example.com.
        """,
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"in place of: 25.2.0.192.in-addr.arpa. CNAME all.rev.example.com.\n{THEIRS}",
        id="missing-ptr-of-two-hosts-behind-one-alias",
    ),
    pytest.param(
        "unconfirmed-ptr",
        """
        example.com. MX 10 mail.example.com.
        example.com. MX 20 mx2.example.com.
        mail.example.com. A 192.0.2.25
        mx2.example.com. A 192.0.2.26
        192.0.2.25 CNAME all.rev.example.com.
        192.0.2.26 CNAME all.rev.example.com.
        all.rev.example.com. PTR mail.example.com.
        """,
        "fix: 26.2.0.192.in-addr.arpa. PTR mx2.example.com.\n"
        f"in place of: 26.2.0.192.in-addr.arpa. CNAME all.rev.example.com.\n{THEIRS}",
        id="unconfirmed-ptr-of-another-host-behind-the-same-alias",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 h192-0-2-25.example.com.
        h192-0-2-25.example.com. A 192.0.2.25
        192.0.2.25 CNAME 25.rev.invalid.
        """,
        "first: name the host after its task in its MX, address and PTR records\n"
        "fix: 25.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.\n"
        f"in place of: 25.2.0.192.in-addr.arpa. CNAME 25.rev.invalid.\n{THEIRS}",
        id="missing-ptr-behind-an-alias-of-a-host-with-a-generic-name",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 192.0.2.25
        mail.example.com. A 192.0.2.26
        192.0.2.25 CNAME all.rev.example.com.
        192.0.2.26 CNAME all.rev.example.com.
        """,
        f"fix: all.rev.example.com. PTR mail.example.com.\n{OURS}",
        id="missing-ptr-of-one-host-behind-one-alias",
    ),
    *(
        pytest.param(
            finding,
            """
            example.com. MX 10 mail.example.com.
            mail.example.com. CNAME localhost.
            localhost. A 127.0.0.1
            """,
            said,
            id=f"{finding}-of-an-alias-of-localhost-is-mended-with-its-address",
        )
        for finding, said in (
            (
                "unusable-address",
                "fix: mail.example.com. A ADDRESS-OF-THE-HOST\n"
                f"in place of: mail.example.com. CNAME localhost.\n{OURS}",
            ),
            ("mx-is-alias", "fix: as above\n"),
        )
    ),
    pytest.param(
        "no-such-domain",
        "example.com. CNAME www.example.com.\n    www.example.com. CNAME gone.example.net.",
        f"correct: www.example.com. CNAME gone.example.net.\n{OURS}"
        "or add: gone.example.net. MX 10 NAME-OF-THE-HOST.\n"
        "in: zone example.net, contact dns@example.net\n"
        "  name servers: ns.example.net (198.51.100.53)\n",
        id="no-such-domain-behind-an-alias",
    ),
    pytest.param(
        "no-address",
        "example.com. CNAME shop.example.net.\n    shop.example.net. TXT here",
        """\
fix: shop.example.net. MX 10 NAME-OF-THE-HOST.
in: zone example.net, contact dns@example.net
  name servers: ns.example.net (198.51.100.53)
""",
        id="domain-that-is-an-alias-gets-no-mx-beside-that",
    ),
    pytest.param(
        "no-address",
        "example.com. CNAME .",
        "nobody can add a record to the root zone\n",
        id="domain-that-is-an-alias-of-the-root",
    ),
    pytest.param(
        "unconfirmed-ptr",
        MAIL + "192.0.2.25 PTR localhost.\n    localhost. A 127.0.0.1",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR localhost.\n{THEIRS}",
        id="nobody-is-told-to-give-localhost-an-address",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. A 172.16.0.25
        16.172.in-addr.arpa. SOA ns1.example.com. first\\.last.example.com. 7 60 60 60 60
        """,
        "fix: 25.0.16.172.in-addr.arpa. PTR mail.example.com.\n"
        "in: zone 16.172.in-addr.arpa, contact first.last@example.com\n"
        "  the zone of a private network, so your own\n",
        id="missing-ptr-of-a-private-address-has-no-provider",
    ),
    pytest.param(
        "invalid-ptr",
        MAIL + "192.0.2.25 PTR -x.example.net.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR -x.example.net.\n{THEIRS}",
        id="invalid-ptr",
    ),
    pytest.param(
        "invalid-ptr",
        MAIL + "192.0.2.25 PTR mx\\;reboot.example.net.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR mx\\059reboot.example.net.\n{THEIRS}",
        id="nothing-unsafe-in-what-is-to-be-pasted",
    ),
    pytest.param(
        "mixed-ptr",
        MAIL
        + """
        192.0.2.25 PTR mail.example.com.
        192.0.2.25 PTR gone.example.net.
        192.0.2.25 PTR .
        """,
        "remove: 25.2.0.192.in-addr.arpa. PTR .\n"
        f"remove: 25.2.0.192.in-addr.arpa. PTR gone.example.net.\n{THEIRS}",
        id="mixed-ptr-names-those-to-remove",
    ),
    pytest.param(
        "name-mismatch",
        MAIL + "192.0.2.25 PTR other.example.net.\n    other.example.net. A 192.0.2.25",
        "fix, unless the other name is wanted: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        f"in place of: 25.2.0.192.in-addr.arpa. PTR other.example.net.\n{THEIRS}",
        id="name-mismatch",
    ),
    pytest.param(
        "underscore-ptr",
        """
        example.com. MX 10 mail_1.example.com.
        mail_1.example.com. A 192.0.2.25
        192.0.2.25 PTR mail_1.example.com.
        """,
        "fix: name the host without an underscore in its MX, address and PTR records\n" + THEIRS,
        id="underscore-ptr-that-the-host-has-too",
    ),
    pytest.param(
        "underscore-ptr",
        MAIL + "192.0.2.25 PTR a_b.example.com.\n    a_b.example.com. A 192.0.2.25",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "in place of: 25.2.0.192.in-addr.arpa. PTR a_b.example.com.\n"
        "in: zone 2.0.192.in-addr.arpa, see above\n",
        id="underscore-ptr-beside-a-name-mismatch",
    ),
    pytest.param(
        "generic-ptr",
        """
        example.com. MX 10 h192-0-2-25.example.com.
        h192-0-2-25.example.com. A 192.0.2.25
        192.0.2.25 PTR h192-0-2-25.example.com.
        """,
        "fix: name the host after its task in its MX, address and PTR records\n" + THEIRS,
        id="generic-ptr",
    ),
    pytest.param(
        "generic-ptr",
        """
        example.com. MX 10 mail.pool.example.com.
        mail.pool.example.com. A 192.0.2.25
        192.0.2.25 PTR mail.pool.example.com.
        """,
        "fix: name the host after its task in its MX, address and PTR records\n" + THEIRS,
        id="generic-ptr-by-a-word",
    ),
    pytest.param(
        "missing-ptr",
        """
        example.com. MX 10 mail.pool.example.com.
        mail.pool.example.com. A 192.0.2.25
        """,
        "first: name the host after its task in its MX, address and PTR records\n"
        "fix: 25.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.\n" + THEIRS,
        id="missing-ptr-of-a-host-with-a-generic-name",
    ),
    pytest.param(
        "generic-ptr",
        MAIL
        + """
        192.0.2.25 PTR h192-0-2-25.example.net.
        h192-0-2-25.example.net. A 192.0.2.25
        """,
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "in place of: 25.2.0.192.in-addr.arpa. PTR h192-0-2-25.example.net.\n"
        "in: zone 2.0.192.in-addr.arpa, see above\n",
        id="generic-ptr-beside-a-name-mismatch",
    ),
    pytest.param(
        "unusable-address",
        "example.com. MX 10 mail.example.com.\n    mail.example.com. A 127.0.0.1",
        f"replace by a public address: mail.example.com. A 127.0.0.1\n{OURS}",
        id="unusable-address",
    ),
    pytest.param(
        "unusable-address",
        "example.com. MX 10 mail.example.com.\n    mail.example.com. AAAA ::1",
        f"replace by a public address: mail.example.com. AAAA ::1\n{OURS}",
        id="unusable-address-ipv6",
    ),
    pytest.param(
        "unusable-address",
        "example.com. MX 10 example.com.\n    example.com. A 127.0.0.1",
        f"replace by a public address: example.com. A 127.0.0.1\n{OURS}",
        id="unusable-address-of-the-domain-itself",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.example.com.",
        "fix: mail.example.com. A ADDRESS-OF-THE-HOST\n"
        f"or correct: example.com. MX 10 mail.example.com.\n{OURS}",
        id="no-address",
    ),
    pytest.param(
        "mx-is-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        192.0.2.25 PTR real.example.net.
        """,
        "fix: example.com. MX 10 real.example.net.\n"
        f"in place of: example.com. MX 10 mail.example.com.\n{OURS}",
        id="mx-is-alias",
    ),
    pytest.param(
        "mx-is-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME www.example.com.
        www.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        192.0.2.25 PTR real.example.net.
        """,
        "fix: example.com. MX 10 real.example.net.\n"
        f"in place of: example.com. MX 10 mail.example.com.\n{OURS}",
        id="mx-is-alias-of-an-alias",
    ),
    pytest.param(
        "mx-is-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME real.example.net.
        real.example.net. A 192.0.2.25
        real.example.net. A 192.0.2.26
        192.0.2.25 PTR real.example.net.
        192.0.2.26 PTR mail.example.com.
        """,
        f"""\
fix: example.com. MX 10 real.example.net.
in place of: example.com. MX 10 mail.example.com.
{OURS}add: 26.2.0.192.in-addr.arpa. PTR real.example.net.
{THEIRS}""",
        id="mx-is-alias-and-each-address-has-another-of-its-names",
    ),
    pytest.param(
        "mx-is-alias",
        """
        example.com. MX 10 mail.example.com.
        mail.example.com. CNAME h-192-0-2-25.example.net.
        h-192-0-2-25.example.net. A 192.0.2.25
        h-192-0-2-25.example.net. A 192.0.2.26
        192.0.2.25 PTR mail.example.com.
        192.0.2.26 PTR h-192-0-2-25.example.net.
        """,
        f"""\
fix: mail.example.com. A 192.0.2.25
fix: mail.example.com. A 192.0.2.26
in place of: mail.example.com. CNAME h-192-0-2-25.example.net.
{OURS}add: 26.2.0.192.in-addr.arpa. PTR mail.example.com.
{THEIRS}""",
        id="mx-is-alias-of-a-generic-name-and-each-address-has-another-of-its-names",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.example.com.\n    mail.example.com. CNAME gone.example.net.",
        "fix: mail.example.com. A ADDRESS-OF-THE-HOST\n"
        "in place of: mail.example.com. CNAME gone.example.net.\n"
        f"or correct: example.com. MX 10 mail.example.com.\n{OURS}",
        id="alias-of-nothing-becomes-a-host",
    ),
    pytest.param(
        "mx-is-alias",
        "example.com. MX 10 mail.example.com.\n    mail.example.com. CNAME gone.example.net.",
        "fix: as above\n",
        id="mx-is-alias-of-nothing-is-mended-with-its-address",
    ),
    pytest.param(
        "no-address",
        "example.com. TXT here",
        f"fix: example.com. MX 10 NAME-OF-THE-HOST.\n{OURS}",
        id="domain-without-address-needs-an-mx",
    ),
    pytest.param(
        "implicit-mx",
        "example.com. TXT here",
        "fix: as above\n",
        id="implicit-mx-without-an-address-needs-an-mx",
    ),
    pytest.param(
        "invalid-mx",
        "example.com. MX 10 192.0.2.25.",
        "fix: example.com. MX 10 NAME-OF-THE-HOST.\n"
        f"in place of: example.com. MX 10 192.0.2.25.\n{OURS}",
        id="invalid-mx-address",
    ),
    pytest.param(
        "invalid-mx",
        MAIL + "192.0.2.25 PTR mail.example.com.\n    example.com. MX 0 .",
        f"remove: example.com. MX 0 .\n{OURS}",
        id="invalid-mx-root",
    ),
    pytest.param(
        "implicit-mx",
        "example.com. A 192.0.2.25\n192.0.2.25 PTR example.com.",
        f"fix: example.com. MX 10 example.com.\n{OURS}",
        id="implicit-mx",
    ),
    # What would do harm.
    pytest.param(
        "invalid-mx",
        "example.com. MX 10 mail.example.com\\,.\nmail.example.com. A 192.0.2.25",
        "fix: example.com. MX 10 mail.example.com.\n"
        "in place of: example.com. MX 10 mail.example.com\\044.\n"
        f"{OURS}",
        id="mx-with-a-comma-is-corrected",
    ),
    pytest.param(
        "invalid-mx",
        "example.com. MX 10 relay:25.",
        "fix: example.com. MX 10 NAME-OF-THE-HOST.\nin place of: example.com. MX 10 relay\\05825.\n"
        f"{OURS}",
        id="mx-with-a-port-is-not-guessed-to-be-a-host-that-is-none",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.example.com.example.com.\nmail.example.com. A 192.0.2.25",
        "fix: example.com. MX 10 mail.example.com.\n"
        "in place of: example.com. MX 10 mail.example.com.example.com.\n"
        f"{OURS}",
        id="mx-without-its-final-dot-is-corrected",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.\nmail.example.com. A 192.0.2.25",
        f"fix: example.com. MX 10 mail.example.com.\nin place of: example.com. MX 10 mail.\n{OURS}",
        id="mx-with-a-final-dot-too-many-is-corrected",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.old-firm.com.",
        "correct: example.com. MX 10 mail.old-firm.com.\n"
        f"{OURS}old-firm.com is not registered: whoever registers it gets its mail\n",
        id="mx-in-a-domain-that-is-not-registered",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.old-firm.invalid.",
        "correct: example.com. MX 10 mail.old-firm.invalid.\n"
        f"{OURS}nobody can have a name below invalid (RFC 6761)\n",
        id="mx-below-a-name-that-nobody-can-have",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 com.",
        "correct: example.com. MX 10 com.\n"
        f"{OURS}com is a registry's, which alone adds records to it\n",
        id="mx-that-is-a-top-level-domain",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 co.uk.\n    co.uk. SOA ns1.nic.uk. noc.nic.uk. 1 60 60 60 60",
        "correct: example.com. MX 10 co.uk.\n"
        f"{OURS}co.uk is a registry's, which alone adds records to it\n",
        id="mx-that-is-a-registrys-domain",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mx.web.de.\n    web.de. SOA ns1.web.de. noc.web.de. 1 60 60 60 60",
        """\
fix: mx.web.de. A ADDRESS-OF-THE-HOST
in: zone web.de, contact noc@web.de
or correct: example.com. MX 10 mx.web.de.
"""
        f"{OURS}",
        id="mx-in-a-domain-that-is-called-as-a-registrys-elsewhere",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mx.web.za.\n    web.za. SOA ns1.nic.za. noc.nic.za. 1 60 60 60 60",
        "correct: example.com. MX 10 mx.web.za.\n"
        f"{OURS}mx.web.za is not registered: whoever registers it gets its mail\n",
        id="mx-in-a-domain-of-a-registry-that-is-called-otherwise-elsewhere",
    ),
    pytest.param(
        "unconfirmed-ptr",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.old-firm.com.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR mail.old-firm.com.\n"
        f"{THEIRS}old-firm.com is not registered: whoever registers it gets its mail\n",
        id="unconfirmed-ptr-in-a-domain-that-is-not-registered",
    ),
    pytest.param(
        "unconfirmed-ptr",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR h192-0-2-25.example.net.",
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR h192-0-2-25.example.net.\n"
        f"{THEIRS}",
        id="unconfirmed-ptr-that-a-provider-made-up-gets-no-address",
    ),
    pytest.param(
        "unconfirmed-ptr",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.",
        "hint: a router's resolver, or a split view, gives such names: -s asks another\n"
        "fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n"
        "remove: 25.2.0.192.in-addr.arpa. PTR mail.\n"
        f"{THEIRS}",
        id="ptr-of-one-label-may-be-a-routers",
    ),
    pytest.param(
        "generic-ptr",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.example.com.\n"
        "192.0.2.25 PTR h192-0-2-25.example.net.\n"
        "h192-0-2-25.example.net. A 192.0.2.25",
        f"remove: 25.2.0.192.in-addr.arpa. PTR h192-0-2-25.example.net.\n{THEIRS}",
        id="generic-ptr-beside-the-hosts-own-is-removed",
    ),
    pytest.param(
        "null-mx",
        "example.com. MX 1 .",
        "fix, if it is to take mail: example.com. MX 10 NAME-OF-THE-HOST.\n"
        "in place of: example.com. MX 1 .\n"
        f"{OURS}",
        id="null-mx-of-another-preference",
    ),
    pytest.param(
        "invalid-mx",
        "example.com. MX 0 .\nexample.com. MX 1 .",
        f"remove: example.com. MX 1 .\n{OURS}",
        id="null-mx-twice",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.example.com.\nexample.com. MX 20 mail.example.com.",
        "fix: mail.example.com. A ADDRESS-OF-THE-HOST\n"
        "or correct: example.com. MX 10 mail.example.com.\n"
        "correct: example.com. MX 20 mail.example.com.\n"
        f"{OURS}",
        id="no-address-of-two-preferences",
    ),
    pytest.param(
        "no-address",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.example.com.\n"
        "example.com. MX 20 old.example.com.",
        "correct or remove: example.com. MX 20 old.example.com.\n"
        "or fix: old.example.com. A ADDRESS-OF-THE-HOST\n"
        f"{OURS}",
        id="no-address-beside-a-sound-mx",
    ),
    pytest.param(
        "missing-ptr",
        "example.com. MX 10 m_1.example.com.\nm_1.example.com. A 192.0.2.25",
        "first: name the host without an underscore in its MX, address and PTR records\n"
        "fix: 25.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.\n"
        f"{THEIRS}",
        id="missing-ptr-of-a-host-with-an-underscore",
    ),
    pytest.param(
        "unusable-address",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.example.com.\n"
        "mail.example.com. AAAA fec0::25",
        f"remove: mail.example.com. AAAA fec0::25\n{OURS}",
        id="unusable-address-beside-another-is-removed",
    ),
    pytest.param(
        "mx-is-alias",
        "example.com. MX 10 mail.example.com.\n"
        "mail.example.com. CNAME real.example.net.\n"
        "real.example.net. A 192.0.2.25\n"
        "192.0.2.25 PTR mail.example.com.",
        "fix: mail.example.com. A 192.0.2.25\n"
        "in place of: mail.example.com. CNAME real.example.net.\n"
        f"{OURS}",
        id="alias-that-its-address-is-named-after-becomes-a-host",
    ),
    pytest.param(
        "null-mx",
        "example.com. MX 0 .",
        "fix, if it is to take mail: example.com. MX 10 NAME-OF-THE-HOST.\n"
        f"in place of: example.com. MX 0 .\n{OURS}",
        id="null-mx",
    ),
]


@pytest.mark.parametrize(("finding", "text", "expected"), CASES)
def test_advice(plugin: Plugin, finding: str, text: str, expected: str) -> None:
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert f"[{finding}]" in output.status
    assert advice(output, finding) == expected


PRIVATE = "the zone of a private network, so your own"
CLASSLESS = "delegated (RFC 2317): whoever runs its name servers changes it"
PROVIDERS = "nothing below it is delegated: the address's provider changes it"
REVERSE = "a reverse zone: as a rule the address's provider changes it"


@pytest.mark.parametrize(
    ("address", "apex", "whose"),
    [
        ("10.1.2.3", "10.in-addr.arpa", PRIVATE),
        ("10.1.2.3", "2.1.10.in-addr.arpa", PRIVATE),
        ("172.16.2.3", "16.172.in-addr.arpa", PRIVATE),
        ("172.31.2.3", "2.31.172.in-addr.arpa", PRIVATE),
        ("192.168.2.3", "168.192.in-addr.arpa", PRIVATE),
        ("192.168.2.3", "2.168.192.in-addr.arpa", PRIVATE),
        ("fc00::3", "c.f.ip6.arpa", PRIVATE),
        ("fd00::3", "0.0.d.f.ip6.arpa", PRIVATE),
        ("11.1.2.3", "11.in-addr.arpa", PROVIDERS),
        ("172.15.2.3", "15.172.in-addr.arpa", PROVIDERS),
        ("172.32.2.3", "32.172.in-addr.arpa", PROVIDERS),
        ("192.169.2.3", "169.192.in-addr.arpa", PROVIDERS),
        ("193.168.2.3", "168.193.in-addr.arpa", PROVIDERS),
        ("2001:db8::3", "0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", PROVIDERS),
        ("2001:db8::3", "0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", REVERSE),
        ("198.51.100.3", "100.51.198.in-addr.arpa", REVERSE),
        ("198.51.100.3", "3.100.51.198.in-addr.arpa", REVERSE),
    ],
)
def test_whose_a_reverse_zone_is(plugin: Plugin, address: str, apex: str, whose: str) -> None:
    text = f"""
    example.com. MX 10 mail.example.com.
    mail.example.com. {"AAAA" if ":" in address else "A"} {address}
    {apex}. SOA ns.example.net. noc.isp.example. 1 3600 600 86400 60
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert advice(output, "missing-ptr").splitlines()[1:] == [
        f"in: zone {apex}, contact noc@isp.example",
        f"  {whose}",
    ]


@pytest.mark.parametrize(
    ("rname", "contact"),
    [
        pytest.param(".", "", id="root"),
        pytest.param("noc.", "", id="no-domain"),
        pytest.param("noc.isp.", ", contact noc@isp", id="shortest"),
        pytest.param(
            r"n\226\.c.isp.example.", r", contact n\226.c@isp.example", id="octets-as-they-are"
        ),
        pytest.param(r"hostmaster\@isp.test.", ", contact hostmaster@isp.test", id="with-an-at"),
        pytest.param(r"john.doe\@isp.test.", ", contact john.doe@isp.test", id="dot-and-at"),
        pytest.param(r"noc\@isp\.test.", ", contact noc@isp.test", id="all-in-one-label"),
        pytest.param(r"john\.doe.isp.test.", ", contact john.doe@isp.test", id="escaped-dot"),
        pytest.param(
            r"noc\@isp.test.2.0.192.in-addr.arpa.", ", contact noc@isp.test", id="no-final-dot"
        ),
        pytest.param("noc.2.0.192.in-addr.arpa.", "", id="relative-to-a-reverse-zone"),
        pytest.param("root.localhost.", "", id="localhost"),
        pytest.param("root.localhost.localdomain.", "", id="localdomain"),
        pytest.param("noc.example.invalid.", "", id="invalid"),
        pytest.param(r"\@isp.test.", "", id="no-local-part"),
    ],
)
def test_contact_of_a_zone(plugin: Plugin, rname: str, contact: str) -> None:
    apex = "2.0.192.in-addr.arpa"
    text = f"{MAIL}\n{apex}. SOA ns.example.net. {rname} 1 3600 600 86400 60"
    with NameServer(text) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert advice(output, "missing-ptr").splitlines()[1:] == [
        f"in: zone {apex}{contact}",
        f"  {REVERSE}",
    ]


def test_contact_with_the_zone_twice_lacks_a_dot(plugin: Plugin) -> None:
    soa = "example.com. SOA ns.example.com. noc.example.com.example.com. 1 60 60 60 60"
    with NameServer(f"example.com. MX 10 gone.example.com.\n{soa}") as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert "  in: zone example.com, contact noc@example.com" in output.long


@pytest.mark.parametrize(
    ("apex", "rname"),
    [
        pytest.param("in-addr.arpa", "nstld.iana.org.", id="of-all"),
        pytest.param("203.in-addr.arpa", "dns-admin.apnic.net.", id="apnic"),
        pytest.param("203.in-addr.arpa", "dns-ops.arin.net.", id="arin"),
        pytest.param("0.203.in-addr.arpa", "dns.ripe.net.", id="ripe"),
    ],
)
def test_registry_of_addresses_is_not_whom_to_ask(plugin: Plugin, apex: str, rname: str) -> None:
    text = f"""
    example.com. MX 10 mail.example.com.
    mail.example.com. A 203.0.113.25
    {apex}. SOA ns.example.net. {rname} 1 3600 600 86400 60
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert advice(output, "missing-ptr") == (
        "fix: 25.113.0.203.in-addr.arpa. PTR mail.example.com.\n"
        f"in: zone {apex}, which is a registry's\n"
        "  the address's provider has its part delegated, and changes it\n"
    )


@pytest.mark.parametrize(
    "soa",
    [
        pytest.param("localhost. nobody.invalid.", id="unbound"),
        pytest.param("10.in-addr.arpa. .", id="bind"),
    ],
)
def test_resolvers_empty_zone_is_nobodys_to_edit(plugin: Plugin, soa: str) -> None:
    text = f"""
    example.com. MX 10 mail.example.com.
    mail.example.com. A 10.0.0.25
    10.in-addr.arpa. SOA {soa} 1 3600 1200 604800 10800
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert " ".join(advice(output, "missing-ptr").split()) == (
        "the resolver answers out of its own empty zone 10.in-addr.arpa, which is not the real"
        " one: ask the resolver that knows that, or one outside, with --server"
    )


@pytest.mark.parametrize(
    ("address", "soa"),
    [
        pytest.param(
            "10.0.0.25",
            "10.in-addr.arpa. SOA prisoner.iana.org. hostmaster.root-servers.org.",
            id="delegated",
        ),
        pytest.param(
            "100.64.0.25",
            "64.100.in-addr.arpa. DNAME empty.as112.arpa.\n"
            "    empty.as112.arpa. SOA blackhole.as112.arpa. noc.dns.icann.org.",
            id="redirected",
        ),
    ],
)
def test_sink_of_private_addresses_is_not_whom_to_ask(
    plugin: Plugin, address: str, soa: str
) -> None:
    text = f"""
    example.com. MX 10 mail.example.com.
    mail.example.com. A {address}
    {soa} 1 604800 60 604800 604800
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert " ".join(advice(output, "missing-ptr").split()) == (
        "the answer is that of AS112 (RFC 7534), which knows no private address: ask the resolver"
        " of the private network, with --server"
    )


@pytest.mark.parametrize(
    ("text", "finding", "said"),
    [
        pytest.param(
            "! example.com. MX rcode NXDOMAIN 15 by policy",
            "no-such-domain",
            "15 Blocked: by policy",
            id="no-such-domain",
        ),
        pytest.param(
            "! example.com. MX ede 16\nexample.com. A 192.0.2.25",
            "implicit-mx",
            "16 Censored",
            id="implicit-mx",
        ),
        pytest.param(
            "example.com. MX 10 mail.example.com.\n! mail.example.com. A rcode NXDOMAIN 17",
            "no-address",
            "17 Filtered",
            id="no-address",
        ),
        pytest.param(
            "example.com. MX 10 mail.example.com.\nmail.example.com. A 0.0.0.0\n"
            "! mail.example.com. A ede 4",
            "unusable-address",
            "4 Forged Answer",
            id="unusable-address",
        ),
        pytest.param(
            MAIL + "! 192.0.2.25 PTR rcode NXDOMAIN 15", "missing-ptr", "15 Blocked", id="ptr"
        ),
        pytest.param(
            MAIL + "192.0.2.25 PTR out.example.net.\n! out.example.net. A rcode NXDOMAIN 15",
            "unconfirmed-ptr",
            "15 Blocked",
            id="unconfirmed-ptr",
        ),
        pytest.param(
            MAIL + "192.0.2.25 PTR mail.example.com.\n! example.com. TXT ede 15",
            "spf-error",
            "15 Blocked",
            id="spf-record",
        ),
        pytest.param(
            MAIL
            + "192.0.2.25 PTR mail.example.com.\n"
            + 'example.com. TXT "v=spf1 mx include:example.net -all"\n'
            "! example.net. TXT rcode NXDOMAIN 15",
            "spf-error",
            "15 Blocked",
            id="included-spf-record",
        ),
    ],
)
def test_what_a_resolver_keeps_back_is_not_to_be_mended(
    plugin: Plugin, text: str, finding: str, said: str
) -> None:
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com", "--spf")
    assert " ".join(advice(output, finding).split()) == (
        f"the resolver says so by a list of its own (EDE {said}), and another need not: ask one"
        " with --server"
    )


def test_domain_that_does_not_exist_is_for_the_registry(plugin: Plugin) -> None:
    with NameServer(zone(ZONES)) as server:
        output = plugin.ask(server, "-v", "-d", "example-gone.com")
    assert advice(output, "no-such-domain") == (
        "fix: the name, if it is misspelt\n"
        "example-gone.com is not registered: whoever registers it gets its mail\n"
    )


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        pytest.param("h192-0-2-25.example.net.", "generic-ptr", id="generic-ptr"),
        pytest.param("a_b.example.net.", "underscore-ptr", id="underscore-ptr"),
    ],
)
def test_advice_for_a_bare_address(plugin: Plugin, name: str, finding: str) -> None:
    with NameServer(zone(f"{ZONES}\n192.0.2.25 PTR {name}\n{name} A 192.0.2.25")) as server:
        output = plugin.ask(server, "-v", "--sender", "192.0.2.25")
    assert advice(output, finding) == (
        "fix: 25.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.\n"
        f"in place of: 25.2.0.192.in-addr.arpa. PTR {name}\n{THEIRS}"
    )


def test_host_given_as_a_domain_needs_no_mx(plugin: Plugin) -> None:
    text = "mail.example.com. A 192.0.2.25\n192.0.2.25 PTR mail.example.com."
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "mail.example.com")
    assert advice(output, "implicit-mx") == (
        "fix: it looks like a host and no mail domain; check it with --sender mail.example.com\n"
        f"or fix: mail.example.com. MX 10 mail.example.com.\n{OURS}"
    )


def test_address_of_two_domains_is_given_one_name(plugin: Plugin) -> None:
    text = MAIL + "example.net. MX 10 mail.example.net.\nmail.example.net. A 192.0.2.25"
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com", "example.net")
    told = [line for line in output.long if " PTR mail." in line]
    assert told == ["  fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com."]


@pytest.mark.parametrize(
    ("text", "arguments", "finding", "said"),
    [
        pytest.param(
            """
            192.0.2.40 PTR old.example.net.
            old.example.net. A 192.0.2.40
            """,
            ("--sender", "192.0.2.40=out.example.com"),
            "helo-mismatch",
            f"""\
add: out.example.com. A 192.0.2.40
in: zone example.com, see above
fix: 40.2.0.192.in-addr.arpa. PTR out.example.com.
in place of: 40.2.0.192.in-addr.arpa. PTR old.example.net.
{THEIRS}or fix: have the host say old.example.net in EHLO
""",
            id="helo-without-an-address-gets-one",
        ),
        pytest.param(
            """
            out.example.com. CNAME mx.example.com.
            mx.example.com. A 192.0.2.40
            192.0.2.40 PTR old.example.net.
            old.example.net. A 192.0.2.40
            """,
            ("--sender", "192.0.2.40=out.example.com"),
            "helo-mismatch",
            f"""\
fix: have the host say old.example.net in EHLO
or fix: have the host say mx.example.com in EHLO
fix: 40.2.0.192.in-addr.arpa. PTR mx.example.com.
in place of: 40.2.0.192.in-addr.arpa. PTR old.example.net.
{THEIRS}""",
            id="helo-is-to-be-no-alias",
        ),
        pytest.param(
            """
            mail.example.com. CNAME out.example.com.
            out.example.com. A 192.0.2.40
            192.0.2.40 PTR out.example.com.
            """,
            ("--sender", "out.example.com=mail.example.com"),
            "helo-mismatch",
            "fix: have the host say out.example.com in EHLO\n",
            id="helo-that-is-an-alias-of-the-host-has-one-cure",
        ),
        pytest.param(
            """
            192.0.2.40 PTR out.example.com.
            out.example.com. A 192.0.2.40
            """,
            ("--sender", "192.0.2.40=out.corp.local"),
            "helo-mismatch",
            "fix: have the host say out.example.com in EHLO\n"
            "there is no top-level domain local: is it misspelt?\n",
            id="name-in-ehlo-that-cannot-lead-back-is-no-name-for-an-address",
        ),
        pytest.param(
            """
            192.0.2.40 PTR out.example.com.
            out.example.com. A 192.0.2.41
            """,
            ("--sender", "192.0.2.40=out.old-firm.com"),
            "helo-mismatch",
            "old-firm.com is not registered: whoever registers it gets its mail\n",
            id="name-in-ehlo-that-cannot-lead-back-where-there-is-no-other",
        ),
        pytest.param(
            "",
            ("--sender", "192.0.2.40=out.old-firm.com"),
            "missing-ptr",
            f"fix: 40.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.\n{THEIRS}"
            "old-firm.com is not registered: whoever registers it gets its mail\n",
            id="missing-ptr-where-the-name-in-ehlo-cannot-lead-back",
        ),
        pytest.param(
            """
            192.0.2.40 PTR old.example.net.
            old.example.net. A 192.0.2.40
            """,
            ("-6", "--sender", "192.0.2.40=out.example.com"),
            "helo-mismatch",
            f"""\
add: out.example.com. A 192.0.2.40
in: zone example.com, see above
fix: 40.2.0.192.in-addr.arpa. PTR out.example.com.
in place of: 40.2.0.192.in-addr.arpa. PTR old.example.net.
in: zone 2.0.192.in-addr.arpa, contact noc@isp.example
  {REVERSE}
  name servers: ns1.isp.example (?), ns2.isp.example (?)
or fix: have the host say old.example.net in EHLO
""",
            id="name-in-ehlo-of-the-family-that-is-not-asked-for",
        ),
        pytest.param(
            f"""{MAIL}
            out.example.com. A 192.0.2.25
            192.0.2.25 PTR old.example.com.
            """,
            ("-d", "example.com", "--sender", "192.0.2.25=out.example.com"),
            "helo-mismatch",
            """\
fix: 25.2.0.192.in-addr.arpa. PTR out.example.com.
add: 25.2.0.192.in-addr.arpa. PTR mail.example.com.
in place of: 25.2.0.192.in-addr.arpa. PTR old.example.com.
in: zone 2.0.192.in-addr.arpa, see above
""",
            id="helo-beside-the-name-of-a-mail-host",
        ),
        pytest.param(
            """
            192.0.2.40 PTR mail.example.com.
            192.0.2.40 PTR out.example.com.
            192.0.2.40 PTR old.example.com.
            mail.example.com. A 192.0.2.40
            """,
            ("--sender", "192.0.2.40=out.example.com"),
            "mixed-ptr",
            f"""\
add: out.example.com. A 192.0.2.40
in: zone example.com, see above
remove: 40.2.0.192.in-addr.arpa. PTR old.example.com.
{THEIRS}""",
            id="name-that-is-said-in-ehlo-is-not-removed",
        ),
        pytest.param(
            """
            example.com. MX 10 mail.example.com.
            example.com. MX 20 mx.example.com.
            mx.example.com. A 192.0.2.26
            192.0.2.26 PTR mx.example.com.
            """,
            ("-d", "example.com", "--sender", "mail.example.com"),
            "no-address",
            f"fix: mail.example.com. A ADDRESS-OF-THE-HOST\n{OURS}",
            id="sender-without-address-is-not-only-an-mx-to-remove",
        ),
        pytest.param(
            """
            example.com. MX 10 mail.gone.example.net.
            www.example.net. CNAME example.com.
            """,
            ("-d", "example.com", "www.example.net"),
            "no-address",
            f"""\
fix: mail.gone.example.net. A ADDRESS-OF-THE-HOST
in: zone example.net, contact dns@example.net
  name servers: ns.example.net (198.51.100.53)
or correct: example.com. MX 10 mail.gone.example.net.
{OURS}""",
            id="record-of-two-domains-is-named-once",
        ),
        pytest.param(
            """
            out.example.com. CNAME gone.example.com.
            out.example.net. A 192.0.2.40
            192.0.2.40 PTR out.example.com.
            192.0.2.40 PTR old.example.com.
            old.example.com. A 192.0.2.40
            """,
            ("--sender", "out.example.net", "192.0.2.40=out.example.com"),
            "name-mismatch",
            """\
fix, unless the other name is wanted: 40.2.0.192.in-addr.arpa. PTR out.example.net.
in place of: 40.2.0.192.in-addr.arpa. PTR old.example.com.
in: zone 2.0.192.in-addr.arpa, see above
""",
            id="name-that-is-said-in-ehlo-stays",
        ),
        pytest.param(
            """
            example.com. MX 10 mx.example.com.
            mx.example.com. A 192.0.2.25
            out.example.com. A 192.0.2.25
            192.0.2.25 PTR out.example.com.
            """,
            ("-d", "example.com", "--sender", "mx.example.com", "192.0.2.25=out.example.com"),
            "name-mismatch",
            f"add: 25.2.0.192.in-addr.arpa. PTR mx.example.com.\n{THEIRS}",
            id="host-that-sends-too-needs-its-name",
        ),
        pytest.param(
            """
            out.example.com. CNAME mx.example.com.
            mx.example.com. AAAA 2001:db8::25
            192.0.2.40 PTR out.example.com.
            192.0.2.40 PTR real.example.com.
            real.example.com. A 192.0.2.40
            """,
            ("--sender", "192.0.2.40=out.example.com"),
            "mixed-ptr",
            f"""\
fix: have the host say real.example.com in EHLO
remove: 40.2.0.192.in-addr.arpa. PTR out.example.com.
{THEIRS}""",
            id="another-host-gets-no-address-for-its-alias-in-ehlo",
        ),
        pytest.param(
            """
            192.0.2.40 PTR out.example.com.
            192.0.2.41 PTR old.example.com.
            old.example.com. A 192.0.2.41
            host.example.com. A 192.0.2.40
            host.example.com. A 192.0.2.41
            """,
            ("--sender", "host.example.com=out.example.com"),
            "unconfirmed-ptr",
            f"""\
add: out.example.com. A 192.0.2.40
add: out.example.com. A 192.0.2.41
{OURS}""",
            id="name-in-ehlo-leads-to-all-addresses-of-its-host",
        ),
        pytest.param(
            "",
            ("--sender", "192.0.2.40=out.example.com"),
            "missing-ptr",
            f"""\
add: out.example.com. A 192.0.2.40
{OURS}fix: 40.2.0.192.in-addr.arpa. PTR out.example.com.
{THEIRS}""",
            id="address-is-given-the-name-in-ehlo",
        ),
        pytest.param(
            """
            out.example.com. CNAME mx.example.com.
            mx.example.com. A 198.51.100.1
            """,
            ("--sender", "192.0.2.40=out.example.com"),
            "missing-ptr",
            f"""\
first: give the host a name of its own, in its address and PTR records and in EHLO
fix: 40.2.0.192.in-addr.arpa. PTR NAME-OF-THE-HOST.
{THEIRS}""",
            id="alias-of-another-host-is-no-name-for-an-address",
        ),
        pytest.param(
            """
            192.0.2.40 PTR mx2.example.com.
            192.0.2.40 PTR old.example.com.
            mx2.example.com. A 192.0.2.40
            out.example.com. A 192.0.2.40
            """,
            ("--sender", "mx2.example.com", "192.0.2.40=out.example.com"),
            "helo-mismatch",
            """\
fix: have the host say mx2.example.com in EHLO
or fix: 40.2.0.192.in-addr.arpa. PTR out.example.com.
in place of: 40.2.0.192.in-addr.arpa. PTR old.example.com.
in: zone 2.0.192.in-addr.arpa, see above
""",
            id="name-of-another-sender-stays-beside-that-in-ehlo",
        ),
        pytest.param(
            """
            example.com. MX 10 mail.example.com.
            mail.example.com. A 192.0.2.25
            192.0.2.25 PTR mail.example.com.
            example.com. TXT "v=spf1 mx ip4:127.0.0.1 -all"
            """,
            ("-d", "example.com", "--spf"),
            "unusable-address",
            f"correct: ip4:127.0.0.1 in the TXT record of example.com\n{OURS}",
            id="unusable-address-that-spf-allows",
        ),
        pytest.param(
            f"""
            {MAIL}
            192.0.2.25 PTR mail.example.com.
            {
                "".join(
                    f'''
            192.0.2.25 PTR h{n}.example.com.'''
                    for n in range(6)
                )
            }
            """,
            ("-d", "example.com"),
            "mixed-ptr",
            "".join(f"remove: 25.2.0.192.in-addr.arpa. PTR h{n}.example.com.\n" for n in range(4))
            + "remove: 2 more PTR records of 25.2.0.192.in-addr.arpa, all but mail.example.com\n"
            + THEIRS,
            id="those-that-stay-of-many-names",
        ),
        pytest.param(
            """
            out.example.com. A 198.51.100.25
            host.example.com. A 127.0.0.1
            """,
            ("--sender", "host.example.com=out.example.com"),
            "helo-mismatch",
            "\n",
            id="name-in-ehlo-is-given-no-address-that-is-of-no-use",
        ),
        pytest.param(
            """
            example.com. MX 10 1.0.0.127.in-addr.arpa.
            1.0.0.127.in-addr.arpa. PTR localhost.
            """,
            ("-d", "example.com"),
            "no-address",
            f"correct: example.com. MX 10 1.0.0.127.in-addr.arpa.\n{OURS}",
            id="reverse-name-is-no-mail-host",
        ),
        pytest.param(
            """
            example.com. MX 10 mail.example.com.
            mail.example.com. CNAME real.example.com.
            real.example.com. A 192.0.2.25
            """,
            ("-6", "-d", "example.com"),
            "no-address",
            "fix: real.example.com. AAAA ADDRESS-OF-THE-HOST\n"
            "in: zone example.com, contact first.last@example.com\n"
            "  name servers: ns1.example.com (2001:db8::53)\n",
            id="alias-may-lead-to-addresses-of-the-other-family",
        ),
        pytest.param(
            """
            example.com. MX 0 .
            example.com. TXT "v=spf1 redirect:example.com"
            """,
            ("-d", "example.com", "--spf"),
            "spf-error",
            "fix: redirect:example.com in the TXT record of example.com\n"
            "in: zone example.com, see above\n",
            id="spf-record-that-led-to-itself-is-no-better",
        ),
        pytest.param(
            """
            192.0.2.40 PTR out.example.com.
            192.0.2.41 PTR out.example.com.
            host.example.com. A 192.0.2.40
            host.example.com. A 192.0.2.41
            """,
            ("--sender", "host.example.com=out.example.com"),
            "no-address",
            "fix: out.example.com. A 192.0.2.40\n"
            "fix: out.example.com. A 192.0.2.41\n"
            "in: zone example.com, see above\n",
            id="name-in-ehlo-has-the-addresses-at-which-it-is-said",
        ),
        pytest.param(
            """
            example.com. MX 0 .
            example.com. TXT "v=spf1 ipv4:192.0.2.1 include:example.com -all"
            """,
            ("-d", "example.com", "--spf"),
            "spf-error",
            'fix: example.com. TXT "v=spf1 ip4:192.0.2.1 -all"\nin: zone example.com, see above\n',
            id="spf-record-is-rid-of-what-leads-to-itself",
        ),
        pytest.param(
            """
            example.com. MX 0 .
            example.com. TXT "v=spf1 redirect=example.com redirect=example.net"
            example.net. TXT "v=spf1 -all"
            """,
            ("-d", "example.com", "--spf"),
            "spf-error",
            'fix, if this redirect is meant: example.com. TXT "v=spf1 redirect=example.net"\n'
            "in: zone example.com, see above\n",
            id="redirect-to-itself-is-not-meant",
        ),
        pytest.param(
            """
            192.0.2.40 PTR 192-0-2-40.example.com.
            192.0.2.40 PTR host.example.com.
            host.example.com. A 192.0.2.40
            host.example.com. A 192.0.2.41
            192.0.2.41 PTR other.example.com.
            other.example.com. A 192.0.2.41
            """,
            ("--sender", "host.example.com=192-0-2-40.example.com"),
            "mixed-ptr",
            f"""\
fix: give the host a name of its own, in its address and PTR records and in EHLO
remove: 40.2.0.192.in-addr.arpa. PTR 192-0-2-40.example.com.
{THEIRS}""",
            id="name-said-in-ehlo-that-is-no-good-is-not-only-removed",
        ),
    ],
)
def test_advice_for_senders_and_several_domains(
    plugin: Plugin, text: str, arguments: tuple[str, ...], finding: str, said: str
) -> None:
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", *arguments)
    assert advice(output, finding) == said


def test_name_of_another_domains_host_is_kept(plugin: Plugin) -> None:
    text = (
        MAIL
        + """
    192.0.2.25 PTR mail.example.com.
    example.net. MX 10 mail.example.net.
    mail.example.net. A 192.0.2.25
    """
    )
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com", "example.net")
    assert advice(output, "name-mismatch").splitlines()[:2] == [
        "fix: example.net. MX 10 mail.example.com.",
        "in place of: example.net. MX 10 mail.example.net.",
    ]


@pytest.mark.parametrize(
    ("question", "meanwhile"),
    [
        ("example.com. MX", "deferred by Postfix (450 4.1.8), Exim (451)"),
        ("mail.example.com. A", "deferred by Exim (451)"),
        (
            "192.0.2.25 PTR",
            "deferred by Postfix (450 4.7.25, 450 4.7.1), Exim (451); refused by OpenSMTPD",
        ),
        (
            "www.example.com. A",
            "deferred by Postfix (450 4.7.25), Exim (451); refused by OpenSMTPD",
        ),
    ],
    ids=["mx", "address", "ptr", "confirm"],
)
def test_receivers_of_a_failed_lookup_go_by_its_stage(
    plugin: Plugin, question: str, meanwhile: str
) -> None:
    names = "192.0.2.25 PTR www.example.com.\nwww.example.com. A 192.0.2.25\n"
    with NameServer(zone(f"{MAIL}{names}! {question} rcode SERVFAIL")) as server:
        output = plugin.ask(server, "-d", "example.com", "-v", "-4")
    told = " ".join(" ".join(output.long).split())
    assert re.findall("meanwhile: (.*?) example.com", told) == [meanwhile]


@pytest.mark.parametrize(
    ("names", "meanwhile"),
    [
        pytest.param(
            "h192-0-2-25",
            "meanwhile: accepted by Postfix, Exim, OpenSMTPD; SpamAssassin scores RDNS_DYNAMIC"
            " (0.4 to 2.6)",
            id="generic",
        ),
        pytest.param(
            "static-192-0-2-25",
            "meanwhile: accepted by Postfix, Exim, OpenSMTPD",
            id="spamassassin-static",
        ),
        pytest.param(
            "c0000219", "meanwhile: accepted by Postfix, Exim, OpenSMTPD", id="spamassassin-hex"
        ),
        pytest.param(
            "h192-0-2-25 gone",
            "meanwhile: accepted by Exim; SpamAssassin scores RDNS_DYNAMIC (0.4 to 2.6)",
            id="postfix-may-look-at-the-other-name",
        ),
    ],
)
def test_receivers_of_a_generic_name(plugin: Plugin, names: str, meanwhile: str) -> None:
    first, *others = names.split()
    text = f"192.0.2.25 PTR {first}.example.net.\n{first}.example.net. A 192.0.2.25\n"
    text += "".join(f"192.0.2.25 PTR {other}.example.net.\n" for other in others)
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "--sender", "192.0.2.25")
    start = next(n for n, line in enumerate(output.long) if " generic-ptr: " in line)
    told = " ".join(" ".join(output.long[start:]).split())
    assert re.findall(r"meanwhile: .*?(?= \[| 192\.0\.2\.25 sender)", told)[0] == meanwhile


def test_threshold_needs_no_advice(plugin: Plugin) -> None:
    with NameServer(zone(f"{ZONES}{MAIL}192.0.2.25 PTR mail.example.com.")) as server:
        output = plugin.ask(server, "-v", "-c", "@0:9", "-d", "example.com")
    assert output.status.startswith("REVERSE_MX CRITICAL - example.com: slowest MX lookup took ")
    assert [re.sub(r"[0-9.]+s", "Ns", line) for line in output.long] == [
        *(
            f"[CRITICAL] slowest {stage} took Ns (outside range @0:9)"
            for stage in ("MX lookup", "address lookup", "PTR lookup", "confirming lookup")
        ),
        "example.com",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
    ]


def test_zone_and_receivers_are_told_once(plugin: Plugin) -> None:
    text = MAIL + "mail.example.com. A 192.0.2.26\n    mail.example.com. A 192.0.2.27"
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert sum("noc@isp.example" in line for line in output.long) == 1
    assert sum("meanwhile" in line for line in output.long) == 1
    assert sum("see above" in line for line in output.long) == 2
    assert sum("fix: " in line for line in output.long) == 3


def test_prose_fits_a_terminal(plugin: Plugin) -> None:
    with NameServer(zone(ZONES + MAIL)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert max(len(line) for line in output.long) <= 100
    prose = "\n".join(output.long).partition("meanwhile: ")[2]
    assert prose
    assert max(len(line) for line in prose.splitlines()) <= 79


def test_cause_of_a_failed_lookup_shows_what_the_resolver_held_back(plugin: Plugin) -> None:
    """An SPF record that only a query with checking disabled gets."""
    text = zone(
        ZONES
        + MAIL
        + r"""
        192.0.2.25 PTR mail.example.com.
        example.com. TXT "v=spf1 <-all>"
        ! example.com. TXT once rcode SERVFAIL 6
        """
    )
    with NameServer(text) as server:
        output = plugin.ask(server, "-v", "--spf", "-d", "example.com")
    assert "[dns-failure]" in output.status
    assert output.long[1:] == [
        "  cause: DNSSEC validation fails",
        "  fix: the owner of example.com (first.last@example.com) signs it anew, or has",
        "    the DS in com corrected or removed",
        r"  with checking disabled the resolver answers TXT \034v=spf1 \060-all\062\034",
        "  asked themselves, the servers of example.com:",
        "    ns1.example.com (192.0.2.53) does not answer (connection refused)",
        "    ns1.example.com (2001:db8::53) was not asked",
        "example.com",
        "  SPF",
        "  MX 10 mail.example.com",
        "    [OK] 192.0.2.25 PTR mail.example.com A 192.0.2.25",
    ]


def long_output(output: Output) -> str:
    """The long output as one line."""
    return " ".join(" ".join(output.long).split())


def test_validator_that_ignores_checking_disabled_is_believed_its_reason(plugin: Plugin) -> None:
    text = ZONES + MAIL + "! 192.0.2.25 PTR rcode SERVFAIL 7"
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert (
        "cause: DNSSEC validation fails, says the resolver fix: the owner of 2.0.192.in-addr.arpa"
        " (noc@isp.example) signs it anew, as the signatures have expired asked"
    ) in long_output(output)


@pytest.mark.parametrize("verbosity", ["-v", "-vv"])
def test_resolver_that_answers_nothing_is_the_cause(plugin: Plugin, verbosity: str) -> None:
    with NameServer("! * * drop") as server:
        output = plugin.ask(server, verbosity, "-t", "2", "-d", "example.com", "example.net")
    told = long_output(output)
    cause = "cause: no resolver answers: is it right, running, reachable?"
    assert (told.count(cause), told.count("meanwhile: ")) == (1, 0)


def test_resolver_that_falls_silent_is_the_cause(plugin: Plugin) -> None:
    with NameServer(zone(MAIL + "! 192.0.2.25 PTR drop\n! . NS drop")) as server:
        output = plugin.ask(server, "-v", "-t", "4", "-d", "example.com")
    assert (
        "cause: no resolver answers: is it right, running, reachable? ask: whoever runs the"
        " resolver; or name another with -s example.com MX 10"
    ) in long_output(output)


def test_cause_that_there_was_no_time_for_says_so(plugin: Plugin) -> None:
    slow = "! example.com. MX delay 0.9\n! 192.0.2.25 PTR drop\n"
    with NameServer(zone(MAIL + slow)) as server:
        output = plugin.ask(server, "-v", "-t", "2", "-d", "example.com")
    assert (
        "cause: not looked for, as the time was up; a longer --timeout leaves some meanwhile:"
    ) in long_output(output)


def test_records_of_a_domain_that_is_an_alias_belong_to_its_target(plugin: Plugin) -> None:
    text = """
    example.com. CNAME example.net.
    example.net. MX 10 gone.example.net.
    """
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert advice(output, "no-address").splitlines()[1] == (
        "or correct: example.net. MX 10 gone.example.net."
    )


def test_mail_host_with_the_domain_twice_lacks_a_dot(plugin: Plugin) -> None:
    with NameServer(zone("example.com. MX 10 mail.Example.com.example.com.")) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: mail.Example.com.example.com does not exist (NXDOMAIN)"
        " (is a final dot missing in the zone?) [no-address]"
    )


def test_alias_of_a_ptr_name_is_shown(plugin: Plugin) -> None:
    text = MAIL + "192.0.2.25 PTR rev.example.com.\n    rev.example.com. CNAME old.example.net."
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert output.long[-1] == (
        "    [CRITICAL] 192.0.2.25 PTR rev.example.com CNAME old.example.net (no A, NXDOMAIN)"
    )


def test_host_that_is_localhost_has_no_record_to_replace(plugin: Plugin) -> None:
    with NameServer("example.com. MX 10 localhost.\nlocalhost. A 127.0.0.1") as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    assert "    [CRITICAL] 127.0.0.1" in output.long
    assert advice(output, "unusable-address") == "correct: example.com. MX 10 localhost.\n"


def test_host_may_have_addresses_of_the_family_not_asked_for(plugin: Plugin) -> None:
    text = "example.com. MX 10 mail.example.com.\nmail.example.com. AAAA 2001:db8::25"
    with NameServer(zone(ZONES + text)) as server:
        output = plugin.ask(server, "-v", "-4", "-d", "example.com")
    ours = OURS.replace(", 2001:db8::53", "")
    assert advice(output, "no-address") == f"fix: mail.example.com. A ADDRESS-OF-THE-HOST\n{ours}"


def test_sender_without_address_has_only_that_to_mend(plugin: Plugin) -> None:
    with NameServer(ZONES) as server:
        output = plugin.ask(server, "-v", "--sender", "gone.example.com")
    assert advice(output, "no-address") == f"fix: gone.example.com. A ADDRESS-OF-THE-HOST\n{OURS}"


def test_no_more_servers_are_listed_than_the_root_has(plugin: Plugin) -> None:
    """Of 4 with 4 addresses each; none is asked, as they are this machine's own."""
    text = "".join(
        f"n{server}.example.net. A 127.0.{server}.{address}\n"
        for server in range(4)
        for address in range(1, 5)
    )
    text += "".join(f"2.0.192.in-addr.arpa. NS n{server}.example.net.\n" for server in range(4))
    broken = ZONES.replace("2.0.192.in-addr.arpa. NS", "elsewhere. NS") + MAIL + text
    with NameServer(zone(broken + "! 192.0.2.25 PTR rcode SERVFAIL")) as server:
        output = plugin.ask(server, "-v", "-d", "example.com")
    told = advice(output, "dns-failure").splitlines()
    said = [
        f"  n{server}.example.net (127.0.{server}.{address}) was not asked: a loopback address"
        for server in range(4)
        for address in range(1, 5)
    ]
    head = "asked themselves, the servers of 2.0.192.in-addr.arpa:"
    assert told[told.index(head) :][:15] == [head, *said[:13], "  ..."]


# What the advice costs.


def test_healthy_domain_is_asked_no_more_with_v(plugin: Plugin) -> None:
    healthy = zone(ZONES + MAIL + "192.0.2.25 PTR mail.example.com.")
    asked = []
    for verbosity in ((), ("-v",), ("-vvv",)):
        with NameServer(healthy) as server:
            assert plugin.ask(server, "-d", "example.com", *verbosity).code == 0
            asked.append(sorted((query.name, query.rdtype) for query in server.queries))
    assert asked[0] == asked[1] == asked[2]


def test_broken_domain_is_asked_no_more_without_v(plugin: Plugin) -> None:
    with NameServer(zone(ZONES + MAIL)) as server:
        plugin.ask(server, "-d", "example.com")
        assert {query.rdtype for query in server.queries} == {"MX", "A", "AAAA", "PTR"}


def test_accepted_problem_is_not_inquired_into(plugin: Plugin) -> None:
    with NameServer(zone(ZONES + MAIL)) as server:
        plugin.ask(server, "-v", "-d", "example.com", "--state", "missing-ptr=ok")
        assert "SOA" not in {query.rdtype for query in server.queries}


@pytest.mark.parametrize("silent", ["SOA", "NS"])
def test_verdict_is_the_same_when_time_runs_out_for_advice(plugin: Plugin, silent: str) -> None:
    with NameServer(zone(ZONES + MAIL) + f"\n! * {silent} drop") as server:
        output = plugin.ask(server, "-v", "-t", "1.5", "-d", "example.com")
    assert output.seconds < 1.8
    assert output.status == (
        "REVERSE_MX CRITICAL - example.com: 192.0.2.25 (mail.example.com) has no PTR record"
        " (NXDOMAIN) [missing-ptr]"
    )
    assert output.perfdata["dns_errors"] == "0;;;0"
    told = advice(output, "missing-ptr")
    assert told.startswith("fix: 25.2.0.192.in-addr.arpa. PTR mail.example.com.\n")
    assert "ns1.isp.example" not in told


def test_names_of_a_provider_are_one_line_without_a_record(plugin: Plugin) -> None:
    text = """
    example.com. MX 10 mx.hoster.example.
    mx.hoster.example. A 192.0.2.25
    mx.hoster.example. A 192.0.2.26
    192.0.2.25 PTR a1.hosts.example.
    192.0.2.26 PTR a2.hosts.example.
    a1.hosts.example. A 192.0.2.25
    a2.hosts.example. A 192.0.2.26
    """
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-d", "example.com", "-v")
    assert output.long == [
        "[OK] provider-name: 192.0.2.25 (mx.hoster.example) has PTR a1.hosts.example, not the name"
        " of the mail host, which is its provider's to choose (so too 1 more address);"
        " nothing to do",
        "example.com",
        "  MX 10 mx.hoster.example",
        "    [OK] 192.0.2.25 PTR a1.hosts.example A 192.0.2.25",
        "    [OK] 192.0.2.26 PTR a2.hosts.example A 192.0.2.26",
    ]


@pytest.mark.parametrize(
    ("name", "scored"),
    [
        pytest.param("dsl-192-0-2-25.isp.example", True, id="decimal"),
        pytest.param("25.2.0.192.isp.example", True, id="reversed"),
        pytest.param("static-192-0-2-25.isp.example", False, id="static"),
        pytest.param("192-0-2-25.fixed.isp.example", False, id="fixed"),
        pytest.param("c0000219.isp.example", False, id="hexadecimal"),
    ],
)
def test_rdns_dynamic_is_told_of_names_that_its_rules_do_not_except(
    plugin: Plugin, name: str, scored: bool
) -> None:
    text = f"example.com. MX 10 {name}.\n{name}. A 192.0.2.25\n192.0.2.25 PTR {name}."
    with NameServer(zone(text)) as server:
        output = plugin.ask(server, "-d", "example.com", "-v")
    assert "generic-ptr" in output.status
    assert ("SpamAssassin scores RDNS_DYNAMIC" in long_output(output)) is scored
