"""A name server behind a network that loses, doubles, holds or forges datagrams."""

from __future__ import annotations

import collections
import random
import socket
from dataclasses import dataclass

from tests.helpers.nameserver import OTHER, Connection, Datagram, NameServer, forge, wrong_id


@dataclass(frozen=True)
class Manners:
    """What a network does to datagrams: it may lose, double, hold or forge them."""

    loss: float = 0
    doubles: bool = False
    holds: tuple[float, float] = (0, 0)
    forges: tuple[str, ...] = ()


class Network(NameServer):
    """A name server behind a network with such manners.

    What becomes of a datagram depends on the seed, the question, and how often that was asked,
    not on what else is under way. ``sent`` and ``lost`` count the datagrams of both directions.
    """

    def __init__(self, text: str, manners: Manners, seed: object) -> None:
        self.manners = manners
        self.sent = self.lost = 0
        self._seed = seed
        self._times_asked: collections.Counter[bytes] = collections.Counter()
        self._other_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        super().__init__(text)

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._other_port.close()

    def handle(self, wire: bytes, asker: Datagram | Connection) -> None:
        if isinstance(asker, Datagram):
            self._times_asked[wire[2:]] += 1
            fate = random.Random(f"{self._seed} {self._times_asked[wire[2:]]} {wire[2:].hex()}")
            if self.loses(fate):
                return
            asker = Way(self, fate, wire, asker)
        super().handle(wire, asker)

    def loses(self, fate: random.Random) -> bool:
        self.sent += 1
        lost = fate.random() < self.manners.loss
        self.lost += lost
        return lost

    def hold(self, seconds: float, datagram: bytes, asker: Datagram) -> None:
        self._after(seconds, asker.send, datagram)

    def forge(self, query: bytes, asker: Datagram) -> None:
        """Send false answers of which each has one thing wrong, that it is known by."""
        asked = self._asked[query[2:]]
        of_the_name = query[:2] + forge(asked, asked.name)[2:]
        for thing in self.manners.forges:
            if thing == "id":
                asker.send(wrong_id(of_the_name))
            elif thing == "question":
                asker.send(query[:2] + forge(asked, OTHER)[2:])
            else:
                assert thing == "port"
                self._other_port.sendto(of_the_name, asker.sender)


class Way(Datagram):
    """The way back to who sent a query, through the network."""

    def __init__(
        self, network: Network, fate: random.Random, query: bytes, asker: Datagram
    ) -> None:
        super().__init__(asker.sock, asker.sender)
        self._network, self._fate, self._query, self._asker = network, fate, query, asker

    def send(self, wire: bytes) -> None:
        manners = self._network.manners
        self._network.forge(self._query, self._asker)
        for _ in range(2 if manners.doubles else 1):
            if not self._network.loses(self._fate):
                self._network.hold(self._fate.uniform(*manners.holds), wire, self._asker)
