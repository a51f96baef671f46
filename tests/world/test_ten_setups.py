"""Broken set-ups that an operator meets, on real BIND and Unbound: what the first five lines say.

Icinga Web shows no more of an output until it is unfolded. They say what is wrong, where, who
mends it, and with which record.

A namespace is the Internet here: a registry for the root and what is below it, a domain with two
name servers, an address's provider with two, and a resolver that follows the delegations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.helpers.namespace import Namespace
from tests.helpers.plugin import Program
from tests.helpers.realservers import FOLDER, Bind, Unbound, sign_zone, with_soa

REGISTRY = "192.0.2.1"
OWN = ("192.0.2.11", "192.0.2.12")
ISP = ("192.0.2.21", "192.0.2.22")
# Local as well, where no server is.
GONE = "192.0.2.99"
# The resolver's second address, from which it lets nobody ask.
RESOLVER = "192.0.2.53"

REVERSE = "100.51.198.in-addr.arpa"
DOMAIN = "example.com"
SERVERS = "@ NS ns1\n@ NS ns2\n" + "".join(f"ns{n} A {a}\n" for n, a in enumerate(OWN, 1))
SOA = "@ SOA ns1.example.com. it.example.com. {} 3600 600 86400 60\n"
ISP_SOA = "@ SOA ns1.isp.example. noc.isp.example. {} 3600 600 86400 60\n"
ISP_NS = "@ NS ns1.isp.example.\n@ NS ns2.isp.example.\n"
ISP_ZONE = f"{ISP_SOA.format(1)}{ISP_NS}ns1 A {ISP[0]}\nns2 A {ISP[1]}\n"
MAIL = "@ MX 10 mail\nmail A 198.51.100.25\n"
PTR = "25 PTR mail.example.com.\n"


def own(records: str = MAIL, serial: int = 3) -> str:
    """Return the text of the domain's zone."""
    return f"{SOA.format(serial)}{SERVERS}{records}"


def reverse(records: str = PTR, serial: int = 7) -> str:
    """Return the text of the reverse zone."""
    return f"{ISP_SOA.format(serial)}{ISP_NS}{records}"


def delegation(zone: str, *servers: str, **glue: str) -> str:
    """Return how a registry delegates a zone."""
    records = [f"{zone}. NS {server}." for server in servers]
    return "\n".join([*records, *(f"{name}.{zone}. A {a}" for name, a in glue.items()), ""])


TO_OWN = delegation(DOMAIN, "ns1.example.com", "ns2.example.com", ns1=OWN[0], ns2=OWN[1])
TO_ISP = delegation(REVERSE, "ns1.isp.example", "ns2.isp.example")
REGISTRYS = "@ SOA ns.registry. hostmaster.registry. 1 3600 600 86400 60\n@ NS ns.registry.\n"


def registry(to_own: str, to_isp: str) -> Mapping[str, str]:
    """Return the zones above all others, which delegate the domain and the reverse zone."""
    isp = delegation("isp.example", "ns1.isp.example", "ns2.isp.example", ns1=ISP[0], ns2=ISP[1])
    below = {
        "com": to_own,
        "example": isp,
        "registry": f"ns A {REGISTRY}\n",
        "in-addr.arpa": to_isp,
    }
    above = [".", "arpa", *below]
    root = "".join(f"{name}. NS ns.registry.\n" for name in above[1:] if "." not in name)
    zones = {
        ".": f"{root}ns.registry. A {REGISTRY}\n",
        "arpa": "in-addr NS ns.registry.\n",
        **below,
    }
    return {name: REGISTRYS + text for name, text in zones.items()}


class Internet(ExitStack):
    """The servers of a set-up, while the context lasts."""

    def __init__(self, to_own: str = TO_OWN, to_isp: str = TO_ISP) -> None:
        super().__init__()
        self.namespace = Namespace(REGISTRY, RESOLVER, GONE, *OWN, *ISP)
        self.enter_context(self.namespace)
        self.bind(registry(to_own, to_isp), REGISTRY)

    def bind(
        self, zones: Mapping[str, str], *addresses: str, kind: type[Bind] = Bind, options: str = ""
    ) -> None:
        """Have BIND serve the zones at addresses."""
        for address in addresses:
            self.enter_context(
                kind(FOLDER, zones, address, 53, False, options, within=self.namespace)
            )

    def own(self, zone: str = "") -> None:
        self.bind({DOMAIN: zone or own()}, *OWN)

    def isp(self, zone: str = "", options: str = "") -> None:
        self.bind({"isp.example": ISP_ZONE, REVERSE: zone or reverse()}, *ISP, options=options)

    def first_lines(
        self,
        program: Program,
        *arguments: str,
        anchors: Sequence[str] = (),
        extra: str = "",
        kind: type[Unbound] = Unbound,
        stubs: Mapping[str, tuple[str, int]] | None = None,
        server: str = "127.0.0.1",
    ) -> list[str]:
        """Return what is seen of an output until it is unfolded."""
        extra += f'\n    local-zone: "{REVERSE}" transparent\n'
        stubs = stubs or {".": (REGISTRY, 53)}
        resolver = kind(FOLDER, stubs, anchors, port=53, extra=extra, within=self.namespace)
        with resolver:
            where = ("-s", server, "-d", DOMAIN, "-v")
            output = program(*where, *arguments, within=self.namespace.command)
        return [output.status, *output.long][:5]


@pytest.fixture
def net() -> Iterator[Internet]:
    with Internet() as net:
        yield net


def test_sound(program: Program, net: Internet) -> None:
    net.own()
    net.isp()
    assert net.first_lines(program) == [
        "REVERSE_MX OK - example.com: 1 mail host, 1 address, reverse DNS matches",
        "example.com",
        "  MX 10 mail.example.com",
        "    [OK] 198.51.100.25 PTR mail.example.com A 198.51.100.25",
    ]


MX_FAILS = [
    "REVERSE_MX CRITICAL - example.com: MX lookup failed: SERVFAIL from 127.0.0.1 [dns-failure]",
    "[CRITICAL] dns-failure: MX lookup failed: SERVFAIL from 127.0.0.1",
]
FAILS = "PTR lookup of 198.51.100.25 (mail.example.com) failed"
PTR_FAILS = [
    f"REVERSE_MX CRITICAL - example.com: {FAILS}: SERVFAIL from 127.0.0.1 [dns-failure]",
    f"[CRITICAL] dns-failure: {FAILS}: SERVFAIL from 127.0.0.1",
]


def test_registry_still_delegates_to_servers_that_refuse(program: Program, net: Internet) -> None:
    net.bind({"other.example": ""}, *OWN)
    net.isp()
    assert net.first_lines(program) == [
        *MX_FAILS,
        "  cause: all its name servers answer REFUSED for example.com",
        "  fix: whoever runs ns1.example.com and ns2.example.com serves it again, or the",
        "    registrar changes example.com. NS and glue in com",
    ]


def test_glue_leads_nowhere(program: Program) -> None:
    with Internet(delegation(DOMAIN, "ns1.example.com", ns1=GONE)) as net:
        net.own()
        net.isp()
        assert net.first_lines(program) == [
            *MX_FAILS,
            "  cause: other name servers answer, but none of example.com",
            "  fix: whoever runs ns1.example.com (192.0.2.99) has it answer, or the",
            "    registrar changes example.com. NS and glue in com",
        ]


def test_no_glue(program: Program) -> None:
    with Internet(delegation(DOMAIN, "ns1.example.com")) as net:
        net.own()
        net.isp()
        assert net.first_lines(program) == [
            *MX_FAILS,
            "  cause: no address is known of any name server of example.com",
            "  fix: the registrar adds ns1.example.com. A ADDRESS-OF-THE-HOST to com (glue),",
            "    or names other servers there",
        ]


class Secondary(Bind):
    """BIND as a secondary that lost its primary long ago."""

    def configure(self) -> Sequence[str | Path]:
        command = super().configure()
        copy = self.directory / "copy"
        copy.write_text(with_soa(REVERSE, reverse()))
        os.utime(copy, (1, 1))
        with open(self.directory / "named.conf", "a") as config:
            config.write(
                f'zone "{REVERSE}" {{ type secondary; file "{copy}"; masterfile-format text;'
                f" primaries {{ {GONE}; }}; }};\n"
            )
        return command

    def loaded(self) -> bool:
        return f"zone {REVERSE}/IN: expired" in self.log()


def test_copies_have_expired(program: Program, net: Internet) -> None:
    net.own()
    net.bind({"isp.example": ISP_ZONE}, *ISP, kind=Secondary)
    assert net.first_lines(program) == [
        *PTR_FAILS,
        "  cause: all its name servers answer SERVFAIL for 100.51.198.in-addr.arpa",
        "  fix: whoever runs ns1.isp.example and ns2.isp.example (noc@isp.example) has",
        "    an expired copy transferred again, or mends the zone file",
    ]


def test_signatures_have_expired(program: Program, net: Internet) -> None:
    signed, anchor = sign_zone(FOLDER, DOMAIN, own(), expired=True)
    net.own(signed)
    net.isp()
    fails = "MX lookup failed: SERVFAIL (EDE 7 Signature Expired) from 127.0.0.1"
    assert net.first_lines(program, anchors=[anchor]) == [
        f"REVERSE_MX CRITICAL - example.com: {fails} [dns-failure]",
        f"[CRITICAL] dns-failure: {fails}",
        "  cause: DNSSEC validation fails",
        "  fix: the owner of example.com (it@example.com) signs it anew, as the",
        "    signatures have expired",
    ]


class UdpOnly(Unbound):
    """Unbound behind a firewall that lets no TCP through."""

    def _answers(self) -> bool:
        return "start of service" in self.log()


def test_truncated_and_no_tcp(program: Program, net: Internet) -> None:
    net.own()
    names = "".join(f"25 PTR host{number}.customers.isp.example.\n" for number in range(80))
    net.isp(reverse(names), "max-udp-size 4096;")
    extra = "    do-tcp: no\n    edns-buffer-size: 4096\n"
    fails = f"{FAILS}: truncated answer, and over TCP connection refused from 127.0.0.1"
    assert net.first_lines(program, extra=extra, kind=UdpOnly) == [
        f"REVERSE_MX CRITICAL - example.com: {fails} [dns-failure]",
        f"[CRITICAL] dns-failure: {fails}",
        "  cause: the answer does not fit into a datagram, and the resolver refuses TCP",
        "  fix: whoever runs the resolver has it answer over TCP, too",
        "example.com",
    ]


def test_resolver_refuses_this_host(program: Program, net: Internet) -> None:
    net.own()
    net.isp()
    extra = f"    interface: {RESOLVER}\n    access-control: 192.0.2.0/24 refuse\n"
    fails = f"MX lookup failed: REFUSED (EDE 18 Prohibited) from {RESOLVER}"
    assert net.first_lines(program, extra=extra, server=RESOLVER) == [
        f"REVERSE_MX CRITICAL - example.com: {fails} [dns-failure]",
        f"[CRITICAL] dns-failure: {fails}",
        "  cause: the resolver refuses this monitoring host",
        "  fix: whoever runs the resolver lets this host ask (access list); or name",
        "    another with -s",
    ]


def test_authoritative_server_is_asked_as_resolver(program: Program, net: Internet) -> None:
    net.own()
    net.isp()
    fails = f"{FAILS}: REFUSED from 192.0.2.11"
    assert net.first_lines(program, server=OWN[0]) == [
        f"REVERSE_MX CRITICAL - example.com: {fails} [dns-failure]",
        f"[CRITICAL] dns-failure: {fails}",
        "  cause: the server asked is no resolver: it serves its own zones only",
        "  fix: name a resolver with -s",
        "example.com",
    ]


@pytest.mark.parametrize("silent", [False, True], ids=["closed", "silent"])
def test_only_server_of_the_reverse_zone_is_dead(program: Program, silent: bool) -> None:
    with Internet(to_isp=delegation(REVERSE, "ns1.isp.example")) as net:
        net.own()
        for address in ISP if silent else ():
            net.namespace.name_server("! * * drop", address)
        # Unbound gives up sooner, so that it does so in time on a busy machine too.
        assert net.first_lines(program, extra="    infra-cache-max-rtt: 300\n") == [
            *PTR_FAILS,
            "  cause: other name servers answer, but none of 100.51.198.in-addr.arpa",
            "  fix: whoever runs ns1.isp.example (192.0.2.21) has it answer, or the zone's",
            "    owner changes 100.51.198.in-addr.arpa. NS in in-addr.arpa",
        ]


def test_ptr_is_missing_behind_rfc2317(program: Program, net: Internet) -> None:
    child = f"16/28.{REVERSE}"
    servers = "NS ns1.example.com.\n{0} NS ns2.example.com.\n"
    text = SOA.format(1) + "@ " + servers.format("@") + "24 PTR gw.example.com.\n"
    net.bind({DOMAIN: own(), child: text}, *OWN)
    net.isp(reverse("25 CNAME 25.16/28\n16/28 " + servers.format("16/28")))
    said = "198.51.100.25 (mail.example.com) has no PTR record (NXDOMAIN)"
    assert net.first_lines(program) == [
        f"REVERSE_MX CRITICAL - example.com: {said} [missing-ptr]",
        f"[CRITICAL] missing-ptr: {said}",
        "  fix: 25.16/28.100.51.198.in-addr.arpa. PTR mail.example.com.",
        "  in: zone 16/28.100.51.198.in-addr.arpa, contact it@example.com",
        "    delegated (RFC 2317): whoever runs its name servers changes it",
    ]


def test_mx_target_lacks_its_final_dot(program: Program, net: Internet) -> None:
    net.own(own("@ MX 10 mail.example.com\nmail A 198.51.100.25\n"))
    net.isp()
    said = "mail.example.com.example.com does not exist (NXDOMAIN) (is a final dot missing in the"
    assert net.first_lines(program) == [
        f"REVERSE_MX CRITICAL - example.com: {said} zone?) [no-address]",
        f"[CRITICAL] no-address: {said} zone?)",
        "  fix: example.com. MX 10 mail.example.com.",
        "  in place of: example.com. MX 10 mail.example.com.example.com.",
        "  in: zone example.com, contact it@example.com",
    ]


def test_port_53_is_blocked_outward(program: Program) -> None:
    """The resolver has other ways, but the reverse zone's servers are dead."""
    with Namespace(REGISTRY, *OWN, *ISP) as namespace, ExitStack() as stack:
        for address in (REGISTRY, *OWN, *ISP):
            namespace.name_server("! * * drop", address)
        zones = {**registry(TO_OWN, TO_ISP), DOMAIN: own(), "isp.example": ISP_ZONE}
        bind = Bind(FOLDER, zones, "127.0.0.1", 5300, False, within=namespace)
        stack.enter_context(bind)
        stubs = {**dict.fromkeys(zones, ("127.0.0.1", 5300)), REVERSE: ("127.0.0.1", 5301)}
        stack.enter_context(Unbound(FOLDER, stubs, port=53, within=namespace))
        output = program("-s", "127.0.0.1", "-d", DOMAIN, "-v", within=namespace.command)
    assert [output.status, *output.long][:5] == [
        *PTR_FAILS,
        "  cause: not found; port 53 does not get out from this monitoring host, so no",
        "    name server can be asked itself",
        "  ask: whoever runs the resolver, whose log may tell more",
    ]


@pytest.mark.parametrize("arguments", [(), ("--authoritative",)], ids=["", "authoritative"])
def test_one_secondary_is_stale(
    program: Program, net: Internet, arguments: tuple[str, ...]
) -> None:
    """The resolver heard that one."""
    net.own()
    net.bind({"isp.example": ISP_ZONE, REVERSE: reverse()}, ISP[0])
    net.bind({"isp.example": ISP_ZONE, REVERSE: reverse("", 6)}, ISP[1])
    stubs = {".": (REGISTRY, 53), REVERSE: (ISP[1], 53)}
    said = "198.51.100.25 (mail.example.com) has no PTR record (NXDOMAIN)"
    status, *long = net.first_lines(program, *arguments, stubs=stubs)
    assert status.startswith(f"REVERSE_MX CRITICAL - example.com: {said} [missing-ptr]")
    assert long == [
        f"[CRITICAL] missing-ptr: {said}",
        "  fix: have the zone 100.51.198.in-addr.arpa loaded anew on ns2.isp.example",
        "    transferred by whoever runs it: ns1.isp.example (serial 7) is right",
        "  in: zone 100.51.198.in-addr.arpa, contact noc@isp.example",
    ]


def test_glue_differs_from_the_zone(program: Program) -> None:
    servers = ("ns1.example.com", "ns2.example.com")
    with Internet(delegation(DOMAIN, *servers, ns1=OWN[0], ns2=GONE)) as net:
        net.own()
        net.isp()
        said = "zone example.com is delegated otherwise than it lists: ns.registry (192.0.2.1) of"
        said += " com has 192.0.2.99 for ns2.example.com, not 192.0.2.12"
        assert net.first_lines(program, "--authoritative") == [
            f"REVERSE_MX WARNING - example.com: {said} [inconsistent-ns]",
            f"[WARNING] inconsistent-ns: {said}",
            "  fix: the registrar changes the glue in com: ns2.example.com. A 192.0.2.12 in place"
            " of 192.0.2.99",
            "example.com",
            "  zone example.com, 2 name server addresses asked",
        ]
