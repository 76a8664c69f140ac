"""What a balancer says of its clients: headers of the PROXY protocol, written and read.

The document is HAProxy's doc/proxy-protocol.txt; its sections are named where they are used.
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple, Optional

from crc32c import crc32c
from ends.peer import Peer
from verdict import Failed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNIX = 0x11, 0x21, 0x31
ALPN, AUTHORITY, CRC32C, UNIQUE_ID, NETNS, OWN = 1, 2, 3, 5, 0x30, 0xE0

CLIENT = "203.0.113.7", 51514       # whom the headers of the cases tell of
CLIENT_6 = "2001:db8::7", 51514
SERVER, SERVER_6 = ("192.0.2.1", 443), ("2001:db8::1", 443)


class Header(NamedTuple):
    """One that has been received."""

    version: int
    is_local: bool             # it tells of nobody: LOCAL, UNKNOWN or no family
    source: Optional[tuple]    # host and port
    target: Optional[tuple]


def line(source=CLIENT, target=SERVER, word: str = "TCP4") -> bytes:
    """Version 1 (2.1)."""
    return ("PROXY %s %s %s %d %d\r\n" % (word, source[0], target[0], source[1],
                                          target[1])).encode()


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def block(rest: bytes, kind: int = TCP4, command: int = PROXY) -> bytes:
    """Version 2 (2.2)."""
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


def addresses(source=CLIENT, target=SERVER) -> bytes:
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    return (socket.inet_pton(family, source[0]) + socket.inet_pton(family, target[0]) +
            struct.pack("!HH", source[1], target[1]))


def unix_addresses() -> bytes:
    return b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")


def checked(rest: bytes, kind: int = TCP4) -> bytes:
    """A block with its checksum (2.2.4), which counts as 0 in itself."""
    header = block(rest + tlv(CRC32C, bytes(4)), kind)
    return header[:-4] + struct.pack("!I", crc32c(header))


def receive(server: Peer, within: float) -> Header:
    """The header at the beginning of what a server is sent."""
    start = server.receive(6, within)
    if start == b"PROXY ":
        while not start.endswith(b"\r\n"):
            if len(start) >= 107:
                raise Failed("the server received a line without an end: %r" % start[:60])
            start += server.receive(1, within)
        words = start.decode("ascii", "replace").split()
        known = words[1] in ("TCP4", "TCP6") and len(words) == 6
        return Header(1, not known, (words[2], int(words[4])) if known else None,
                      (words[3], int(words[5])) if known else None)
    start += server.receive(10, within)
    if start[:12] != SIGNATURE:
        raise Failed("the server received %r where a header was due" % start)
    command, kind, size = struct.unpack("!BBH", start[12:])
    rest = server.receive(size, within)
    width, family = {TCP4: (4, socket.AF_INET), TCP6: (16, socket.AF_INET6)}.get(kind, (0, 0))
    if command != PROXY or not width:
        return Header(2, command == LOCAL or kind == 0, None, None)
    hosts = [socket.inet_ntop(family, rest[at:at + width]) for at in (0, width)]
    ports = struct.unpack_from("!HH", rest, 2 * width)
    return Header(2, False, (hosts[0], ports[0]), (hosts[1], ports[1]))
