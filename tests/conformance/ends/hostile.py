"""Raw material for hostile clients: SYNs from nowhere, TLS hellos, bytes without a meaning."""

from __future__ import annotations

import random
import socket
import ssl
import struct


def client_hello(name: str = "conformance.example") -> bytes:
    """The first flight of a TLS client, as this Python's OpenSSL would send it."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    handshake = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def made_hello(name: str, size: int, record: int = 16384) -> bytes:
    """A hello of at least `size` bytes, in records of at most `record`; the name comes last."""
    def counted(data: bytes, width: int) -> bytes:
        return len(data).to_bytes(width, "big") + data

    extensions = b"\x0a\x0a\0\0" + b"\0\x15" + counted(bytes(size), 2)  # GREASE, padding
    if name:
        extensions += b"\0\0" + counted(counted(b"\0" + counted(name.encode(), 2), 2), 2)
    body = (b"\x03\x03" + bytes(32) + counted(bytes(32), 1) + counted(b"\x13\x01", 2) +
            counted(b"\0", 1) + counted(extensions, 2))
    message = b"\x01" + counted(body, 3)
    return b"".join(b"\x16\x03\x01" + counted(message[at:at + record], 2)
                    for at in range(0, len(message), record))


def garbage(dice: random.Random) -> bytes:
    """Random bytes of a random length, some behind the opening of a known protocol."""
    openings = (b"", b"\x16\x03\x01\xff\xff\x01", b"\x16\x03\x01\x00\x00", b"PROXY TCP4 1.2.3.4 ",
                b"\r\n\r\n\x00\r\nQUIT\n", b"GET / HTTP/1.1\r\n", b"\x80\x2e\x01\x03\x01",
                b"\0" * 64)
    size = dice.choice((0, 1, 5, 107, 536, 4096, 65536))
    return dice.choice(openings) + bytes(dice.getrandbits(8) for _ in range(size))


def syn_packet(source: str, target: str, port: int, dice: random.Random) -> bytes:
    """An IPv4 packet with a TCP SYN (RFC 9293 section 3.1); the kernel fills the IP checksum."""
    tcp = struct.pack("!HHIIBBHHH", dice.randint(1024, 65535), port, dice.getrandbits(32), 0,
                      5 << 4, 0x02, 64240, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, 20)
    total = sum(struct.unpack("!%dH" % ((len(pseudo) + 20) // 2), pseudo + tcp))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    tcp = tcp[:16] + struct.pack("!H", ~total & 0xFFFF) + tcp[18:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(source),
                       socket.inet_aton(target))
    return head + tcp


def syn_flood(target: str, port: int, count: int, network: str = "10.77") -> None:
    """SYNs from addresses that do not exist. Needs CAP_NET_RAW: a namespace of the suite's own."""
    dice = random.Random(33)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(count):
            source = "%s.%d.%d" % (network, dice.randint(1, 254), dice.randint(1, 254))
            raw.sendto(syn_packet(source, target, port, dice), (target, 0))
