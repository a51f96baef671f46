"""What is drawn by hypothesis for a run of the fuzz: arguments, answers, greetings, the process."""

from __future__ import annotations

import random
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import hypothesis.strategies as st

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, OPT, DNAME, ANY = 1, 2, 5, 6, 12, 15, 16, 28, 41, 39, 255
IN = 1
TC, RA, AA, QR = 0x200, 0x80, 0x400, 0x8000
SELF = b"\xc0\x0c"  # a compression pointer to the question


@dataclass(frozen=True)
class Record:
    """A record: of the type that is asked for if ``rdtype`` is 0. ``rdata`` overrides the rest."""

    owner: bytes
    rdtype: int
    rdclass: int
    number: int
    name: bytes
    address: bytes
    text: bytes
    rdata: bytes | None
    misstated: int

    def to_wire(self, asked: int) -> bytes:
        rdtype = self.rdtype or asked
        rdata = self.rdata if self.rdata is not None else self._rdata(rdtype)
        length = (len(rdata) + self.misstated) % 65536
        return self.owner + struct.pack("!HHIH", rdtype, self.rdclass, 60, length) + rdata

    def _rdata(self, rdtype: int) -> bytes:
        if rdtype == A:
            return self.address[-4:]
        if rdtype == AAAA:
            return self.address.rjust(16, b"\x20")
        if rdtype == MX:
            return struct.pack("!H", self.number) + self.name
        if rdtype == SOA:
            return self.name + self.name + struct.pack("!5I", self.number, 1, 1, 1, 1)
        if rdtype in (PTR, NS, CNAME, DNAME):
            return self.name
        pieces = [self.text[i : i + 255] for i in range(0, len(self.text), 255)] or [b""]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces)


@dataclass(frozen=True)
class Reply:
    """How questions are answered whose turn it is.

    ``damage`` octets are then mutated at places that depend on ``salt`` and the question, in
    ``before`` datagrams that come before the answer, and in the answer itself if it is ``broken``.
    """

    flags: int
    sections: tuple[tuple[Record, ...], ...]
    options: tuple[tuple[int, bytes], ...] | None
    counts: tuple[int, int, int, int]
    damage: int
    salt: int
    before: int
    broken: bool
    delivery: str


@dataclass(frozen=True)
class Greeting:
    """What an SMTP server sends, piece by piece, and what it does ``then``."""

    pieces: tuple[bytes, ...]
    then: str


@dataclass(frozen=True)
class Setting:
    """What the process of a run inherits, and which ``signal`` it gets ``after`` how many seconds.

    ``limit`` is how many descriptors it may have, of which so many are ``taken``.
    """

    stdout: str = "file"
    stderr: str = "file"
    blocked: bool = False
    ignored: bool = False
    timer: int | None = None
    taken: int = 0
    limit: int = 0
    signal: int = 0
    after: float = 0.0


@dataclass(frozen=True)
class File:
    """A file of arguments: octets so many ``times``, or None for a pipe that nobody writes to."""

    octets: bytes | None = b""
    times: int = 1


@dataclass(frozen=True)
class Run:
    """The arguments of a run, what is answered in it, and its surroundings."""

    arguments: tuple[str, ...]
    encoding: str
    replies: tuple[Reply, ...]
    greetings: tuple[Greeting, ...]
    file: File
    setting: Setting

    @property
    def timeout(self) -> float:
        return float(self.arguments[self.arguments.index("-t") + 1])

    @property
    def verbose(self) -> bool:
        return any(argument.startswith("-v") for argument in self.arguments)

    @property
    def is_odd(self) -> bool:
        """Whether it has arguments that may well be refused."""
        return FILE in self.arguments or any(odd in self.arguments for odd in ODD_ARGUMENTS)


def wire(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


HOSTILE_LABELS = [
    *(b"|", b"a|b=1;2", b"<script>", b'"', b"'", b"`id`", b"$(reboot)", b"$HOSTADDRESS$", b"&lt;"),
    *(b"\n", b"\r\nREVERSE_MX OK - x", b"\x1b[31m", b"\0", b"\x7f", b"\xff" * 63, b"%s%n{0}"),
    *(
        "\u202ebücher\U0001f4a9".encode(),
        b"xn--bcher-kva",
        b"xn--zzzzzz-999999",
        b"xn--",
        b"a" * 63,
    ),
    *(b"_mail", b"-a-", b"*", b"192", b"0", b"a.b", b"\\", b" ", b"[127", b"2001:db8::1"),
]
ORDINARY_NAMES = [
    *(wire(b"mail", b"example", b"com"), wire(b"example", b"com"), wire(b"a", b"example", b"net")),
    *(wire(b"host-192-0-2-1", b"example", b"net"), wire(b"com"), wire(), SELF),
    *(wire(b"192", b"0", b"2", b"1"), wire(b"1", b"2", b"0", b"192", b"in-addr", b"arpa")),
    *(wire(b"1", b"0/25", b"2", b"0", b"192", b"in-addr", b"arpa"), wire(b"in-addr", b"arpa")),
]
LONG_NAMES = [
    wire(*[b"\xff" * 63] * 3, b"\xff" * 61),
    wire(*[b"|" * 63] * 3, b"'" * 61),
    wire(*[b"1"] * 127),
    wire(*[b"xn--a"] * 42),
]
BROKEN_NAMES = [
    *(b"\xc0\x0d", b"\xc0\xff", b"\xff\xff", b"\xc0", b"\x01a\xc0\x0c", b"\x40a", b"\x80", b""),
    *(b"\x3fa", b"\x01a", wire(*[b"a" * 63] * 5), wire(*[b"1"] * 200), b"\xc0\x00"),
]
ADDRESSES = [
    *(
        "192.0.2.1",
        "2001:db8::1",
        "192.0.2.2",
        "198.51.100.7",
        "10.0.0.1",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
    ),
    *("255.255.255.255", "169.254.1.1", "2001:db8::2", "::1", "::", "fe80::1"),
    *("ff02::1", "::ffff:127.0.0.1", "fd00::1", "64:ff9b::c000:201"),
]
SPF_TERMS = [
    *("ip4:192.0.2.0/28", "ip4:10.0.0.0/8", "ip6:2001:db8::/124", "ip6:::ffff:1.2.3.4", "a", "mx"),
    *("a:%{d}", "mx:example.net/24//64", "include:example.net", "redirect=example.com", "-all"),
    *("+all", "exists:%{i}._spf.%{d}", "ptr", "ip4:999", "ip6:::::", "exp=a|b", "a:" + "x" * 300),
    *("include:|<&'.example.com", "?mx:\x1b[31m.com", "a:..", "a:a..b", "include:" + "a." * 130),
    *("\u0661p4:1", "a=b", "include:com", "ip4:1.2.3.4/", "a//129", "redirect=redirect=x.com"),
]
GREETINGS = [
    *(b"", b"220 mail.example.com ESMTP\r\n", b"220-a\r\n220 b\r\n", b"554 no\r\n", b"421-x\r\n"),
    *(b"220 a..b\r\n", b"220 " + b"a" * 300 + b"\r\n", b"\xff\0\x1b[31m|<'\r\n", b"22", b"\n"),
    *(b"220 |x;'=1\r\n", b"220-a\r\n" * 9000, b"x" * 70000, b"220 .\r\n", b"220 -\r\n"),
]
PIECES = [
    *(
        b"220",
        b"220-",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        b"2200 x\r\n",
        b"220 mail.example.com",
        b"521 no\r\n",
    ),
    *(
        b"220-teaser\r\n",
        b"*****\r\n",
        b"\xff\xfd\x18",
        b"220 \x1b[2J\r\n",
        b"HTTP/1.1 400\r\n\r\n",
        b"\0",
    ),
]

# What stands for the name of the file of arguments.
FILE = "@FILE"
ODD_ARGUMENTS = [
    *("--foo|x=1", "|", "a|b=1;2", "`id`.example", "$(reboot)", "<b>.example", "x\ny", "\x1b[31m"),
    *("\udcff\udcfe", "\u202eb\u00fccher.example", "xn--zzzzzz-999999.example", "a" * 300, "", "."),
    *("1.2.3", "0x7f.1", "[192.0.2.25]", "::1%<b>$(id)", "a..b", "user@example.com", "--", "-"),
    *("--timeout=nan", "--timeout=1e9", "--timeout=-1", "--state=x=|", "--state=missing-ptr=<b>"),
    *("--warning=@|", "--critical=5:1", "--spf=a|b", "-p|", "--port=70000", "--server=::1%<b>"),
    *("--server=|", "--sender=192.0.2.1=a|b", "--sender=2001:db8::1%eth0", "--sender=[::1]=."),
    *("--sender=x.example=" + "a" * 70, "--ignore=*[", "--ignore=192.0.2.0/99", "--ignore=|"),
    *("@/nonexistent|<b>", "@/", "@/dev/null", "@/dev/zero", "@/dev/stdin", "@\udcff", "@@FILE"),
]
LINES = [
    *("d0.example.com", "d1.example.com", "# |<b>", "", "  ", "--spf", "--authoritative", "-d"),
    *(
        "-d d2.example.com",
        "--sender 192.0.2.1",
        "\tx.example\t",
        "-w 5:1",
        "-",
        "--",
        "@/dev/zero",
    ),
]

hostile_names = st.lists(
    st.sampled_from(HOSTILE_LABELS) | st.binary(min_size=1, max_size=12), min_size=1, max_size=3
).map(lambda labels: wire(*labels, b"example", b"com"))
names = st.one_of(
    st.sampled_from(ORDINARY_NAMES),
    st.sampled_from(ORDINARY_NAMES),
    hostile_names,
    hostile_names,
    st.sampled_from(LONG_NAMES),
)
any_names = st.one_of(names, names, names, st.sampled_from(BROKEN_NAMES))
addresses = st.one_of(
    st.sampled_from([ip_address(address).packed for address in ADDRESSES[:2]]),
    st.sampled_from([ip_address(address).packed for address in ADDRESSES]),
    st.binary(min_size=16, max_size=16),
)
spf = st.lists(st.sampled_from(SPF_TERMS), max_size=12).map(
    lambda terms: " ".join(["v=spf1", *terms]).encode()
)
greetings = st.builds(
    Greeting,
    st.lists(
        st.one_of(st.sampled_from(GREETINGS), st.sampled_from(PIECES), st.binary(max_size=40)),
        min_size=1,
        max_size=4,
    ).map(tuple),
    st.sampled_from(["wait", "wait", "close", "reset", "flood"]),
)
files = st.one_of(
    st.lists(
        st.sampled_from([line.encode("utf-8", "surrogateescape") for line in LINES])
        | st.sampled_from([odd.encode("utf-8", "surrogateescape") for odd in ODD_ARGUMENTS])
        | st.binary(max_size=12),
        max_size=8,
    ).map(lambda lines: File(b"\n".join(lines))),
    st.sampled_from([File(b"x.example\n", 250_000), File(b"a", 1 << 25), File(None)]),
)
INTERRUPTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU)
HARMLESS = (signal.SIGALRM, signal.SIGWINCH, signal.SIGCONT, signal.SIGURG, signal.SIGTTOU)
TERMINALS = ("terminal", "terminal-stopped", "terminal-gone")
settings = st.one_of(
    st.builds(Setting, stdout=st.sampled_from(["pipe", "pipe-nonblocking", "pipe-unread"])),
    st.builds(Setting, stderr=st.sampled_from([*TERMINALS, "full", "closed"])),
    st.builds(
        Setting,
        blocked=st.booleans(),
        ignored=st.booleans(),
        timer=st.sampled_from(
            [None, signal.ITIMER_REAL, signal.ITIMER_PROF, signal.ITIMER_VIRTUAL]
        ),
        signal=st.sampled_from([0, *INTERRUPTS, *HARMLESS]),
        after=st.floats(0.0, 0.4),
    ),
    st.sampled_from([Setting(taken=1000, limit=1024), *(Setting(limit=n) for n in (9, 16, 40))]),
)
texts = st.one_of(spf, spf, st.binary(max_size=40), st.just(b"v=spf1 " + b"a " * 2000))
types = st.sampled_from(
    [*(A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, OPT, DNAME, ANY, 0, 33, 46, 47, 50, 64, 65280, 65535)]
)
numbers = st.sampled_from([0, 10, 65535]) | st.integers(0, 65535)


def records(of: st.SearchStrategy[int], sound: bool) -> st.SearchStrategy[Record]:
    wild = st.nothing() if sound else st.binary(max_size=30)
    return st.builds(
        Record,
        owner=st.just(SELF) if sound else any_names,
        rdtype=of,
        rdclass=st.just(IN) if sound else st.sampled_from([IN, IN, 3, 4, 254, 255, 0, 65535]),
        number=numbers,
        name=names if sound else any_names,
        address=addresses,
        text=texts,
        rdata=st.none() | wild,
        misstated=st.just(0) if sound else st.sampled_from([0, 0, 0, 0, 1, -1, 7, 60000]),
    )


def some(of: st.SearchStrategy[Record], most: int) -> st.SearchStrategy[tuple[Record, ...]]:
    return st.lists(of, max_size=most).map(tuple)


NOTHING = st.just(())
asked_for = records(st.just(0), sound=True)


def herds(
    of: Sequence[int], least: int, most: int, owners: Sequence[bytes] = (SELF,)
) -> st.SearchStrategy[tuple[Record, ...]]:
    """Many sound records, of which hypothesis draws the number and no more: it would take long."""

    def herd(count: int, salt: int) -> tuple[Record, ...]:
        chance = random.Random(salt)
        hostile = [wire(label, b"example", b"com") for label in HOSTILE_LABELS if len(label) < 64]
        return tuple(
            Record(
                *(chance.choice(owners), chance.choice(of), IN, chance.randrange(65536)),
                chance.choice([*ORDINARY_NAMES, *hostile]),
                ip_address(chance.choice(ADDRESSES)).packed,
                *(b"v=spf1 a -all", None, 0),
            )
            for _ in range(count)
        )

    return st.builds(herd, st.integers(least, most), st.integers(0, 65535))


# More mail hosts or PTR names than are followed, each different.
crowds = st.integers(101, 150).map(
    lambda count: tuple(
        Record(
            *(SELF, 0, IN, number, wire(b"m%d" % number, b"example", b"com")),
            *(b"\0" * 10 + b"\x01\x02" + struct.pack("!H", number), b"", None, 0),
        )
        for number in range(count)
    )
)
SECTIONS = {
    "crowd": st.tuples(crowds, NOTHING, NOTHING),
    "answer": st.tuples(st.lists(asked_for, min_size=1, max_size=4).map(tuple), NOTHING, NOTHING),
    "alias": st.tuples(
        some(records(st.sampled_from([CNAME, DNAME, 0]), True), 3), NOTHING, NOTHING
    ),
    "herd": st.tuples(herds([0], 14, 40), NOTHING, herds([A, AAAA], 0, 20, ORDINARY_NAMES)),
    "denial": st.tuples(NOTHING, some(records(st.just(SOA), sound=True), 1), NOTHING),
    # Upwards, aside, and downwards, with the servers' addresses.
    "referral": st.tuples(
        NOTHING,
        herds([NS], 0, 20, [SELF, SELF, *ORDINARY_NAMES]),
        herds([A, AAAA], 0, 20, ORDINARY_NAMES),
    ),
    "wild": st.tuples(*[some(records(types, sound=False), 3)] * 3),
}
DELIVERIES = [*["datagram"] * 12, *["tcp"] * 3, "tcp-length", "tcp-split", "tcp-cut", "drop"]
DELIVERIES += ["tcp-empty", "tcp-small", "tcp-flood", "tcp-trickle", "tcp-other", "tcp-reset"]
options = st.lists(
    st.tuples(
        st.sampled_from([15, 15, 15, 3, 8, 10, 65001]),
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(HOSTILE_LABELS).map(lambda text: b"\0\x06" + text),
            st.just(b"\xff\xff" + b"|x\n" * 200),
        ),
    ),
    max_size=3,
).map(tuple)


@st.composite
def replies(draw: st.DrawFn, tame: bool, crowded: bool = False) -> Reply:
    """``tame`` answers can be read, so that what they hold is gone into."""
    kinds = ["answer"] * 12 + ["alias", "alias", "denial", "denial", "herd"]
    kinds += [] if tame else ["denial", "herd", "referral", "referral", "referral", "wild", "wild"]
    kinds = ["crowd"] if crowded else kinds
    # Authoritative servers that all answer may differ.
    flags = draw(st.sampled_from([QR | RA, QR | AA | RA] * 3 + ([] if tame else [QR, 0, 0xFFFF])))
    rcodes = [0] * 12 + [3, *([] if tame else [1, 2, 3, 4, 5, 6, 11, 15])]
    odd = not tame and draw(st.integers(0, 9)) == 0
    return Reply(
        flags & ~0xF | draw(st.sampled_from(rcodes)),
        draw(SECTIONS[draw(st.sampled_from(kinds))]),
        draw(st.none() | options),
        draw(st.tuples(*[st.sampled_from([0, 0, 1, -1, 65535])] * 4)) if odd else (0, 0, 0, 0),
        draw(st.integers(1, 8)),
        draw(st.integers(0, 65535)),
        draw(st.sampled_from([0, 0, 0, 0, 1, 3, 12])),
        draw(st.integers(0, 19 if tame else 3)) == 0,
        draw(st.sampled_from(DELIVERIES[:15] if tame else DELIVERIES)),
    )


odd_arguments = st.one_of(
    st.lists(st.sampled_from(ODD_ARGUMENTS), min_size=1, max_size=3).map(tuple),
    st.just((FILE,)),
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    count = draw(st.sampled_from([1, 1, 3, 8]))
    crowded = count == 1 and draw(st.integers(0, 5)) == 0
    setting = draw(settings) if draw(st.integers(0, 4)) == 0 else Setting()
    timeout = "1" if crowded else draw(st.sampled_from(["0.3", "0.5", "1"]))
    # A terminal is written to after a second.
    timeout = "1.5" if setting.stderr in TERMINALS else timeout
    odd = draw(odd_arguments) if draw(st.integers(0, 9)) == 0 else ()
    return Run(
        (
            *("-d", *(f"d{number}.example.com" for number in range(count)), "-t", timeout),
            *draw(options_of_runs()),
            *odd,
        ),
        draw(st.sampled_from(["utf-8", "utf-8", "ascii"])),
        (
            *draw(st.lists(replies(draw(st.booleans())), min_size=1, max_size=10)),
            *([draw(replies(True, crowded=True))] if crowded else []),
        ),
        tuple(draw(st.lists(greetings, min_size=1, max_size=3))),
        draw(files) if FILE in odd else File(),
        setting,
    )


@st.composite
def options_of_runs(draw: st.DrawFn) -> tuple[str, ...]:
    arguments = [*draw(st.sampled_from([[], ["--authoritative"]]))]
    flags = ["--spf", "--smtp", "--no-reverse", "-v", "-v", "-vv", "-vvv", "--json"]
    arguments += draw(st.lists(st.sampled_from(flags), max_size=3, unique=True))
    arguments += draw(st.sampled_from([[], [], ["-4"], ["-6"], ["--state", "missing-ptr=ok"]]))
    senders = ["192.0.2.1", "out.example.com", "2001:db8::1", "192.0.2.2=mail.example.com"]
    arguments += draw(st.sampled_from([[], [], ["--sender", *senders]]))
    arguments += draw(st.sampled_from([[], [], [], ["-s", "192.0.2.53"]]))
    arguments += draw(st.sampled_from([[], [], [], ["-w", "0.1", "-c", "@0.2:0.3"]]))
    return tuple(arguments)


def mutate(octets: bytes, times: int, chance: random.Random) -> bytes:
    """Flip, cut, double, swap and overwrite octets behind the id."""
    mutated = bytearray(octets)
    for _ in range(times):
        at, length = chance.randrange(2, max(3, len(mutated))), chance.randrange(1, 9)
        how = chance.randrange(7)
        if how <= 1:
            mutated[at : at + 1] = bytes([chance.randrange(256)])
        elif how == 2 and at < len(mutated):
            mutated[at] ^= 1 << chance.randrange(8)
        elif how == 3:
            mutated[at : at + 2] = bytes([0xC0, chance.randrange(len(mutated) + 1) % 256])
        elif how == 4:
            mutated[at:at] = mutated[at : at + 20 * length]
        elif how == 5:
            del mutated[at : at + length]
        elif chance.randrange(3) == 0:
            del mutated[at:]
    return bytes(mutated)
