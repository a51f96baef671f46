"""The loopback interface of a new network namespace, which is down and has no address."""

from __future__ import annotations

import fcntl
import socket
import struct
from ipaddress import IPv4Address

# From linux/sockios.h
SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1


def bring_up(*addresses: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for number, address in enumerate(addresses):
            name = b"lo" + (b":%d" % number if number else b"")
            packed = IPv4Address(address).packed
            fcntl.ioctl(
                control, SIOCSIFADDR, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, packed)
            )
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name, IFF_UP))
