"""The PROXY protocol: what a balancer says of a client, and what servers are told of it."""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import NamedTuple, Optional

from crc32c import crc32c

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_LINE = 107
PROXY, LOCAL = 0x21, 0x20
CRC32C = 3


class Wrong(Exception):
    """The header is malformed, or there is none."""


class Header(NamedTuple):
    size: int
    source: Optional[tuple]  # None: it tells of nobody
    target: Optional[tuple] = None


def read(data: bytes, sins) -> Optional[Header]:
    """None: more bytes are needed."""
    for start, rest in ((b"PROXY ", _line), (SIGNATURE, _block)):
        if data[:len(start)] == start[:len(data)]:
            return rest(data, sins) if len(data) >= len(start) else _part(data, sins)
    if sins.has("header_optional"):
        return Header(0, None)
    raise Wrong("there is none")


def _part(_data: bytes, sins) -> Optional[Header]:
    if sins.has("header_in_one_read"):
        raise Wrong("it is not whole")
    return None


def _line(data: bytes, sins) -> Optional[Header]:
    longest = 1 << 20 if sins.has("endless_line") else LONGEST_LINE
    end = data.find(b"\r\n", 0, longest)
    if sins.has("bare_newline") and end < 0:
        end = data.find(b"\n", 0, longest) - 1
    if end < 0:
        if len(data) >= longest or b"\n" in data[:longest]:
            raise Wrong("its line does not end")
        return _part(data, sins)
    size = data.find(b"\n", end) + 1
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        if sins.has("unknown_is_wrong"):
            raise Wrong("it tells of nobody")
        return Header(size, None)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise Wrong("it has other words")
    family = 4 if words[1] == "TCP4" else 6
    if sins.has("any_family"):
        family = ipaddress.ip_address(words[2]).version
    return Header(size, (_host(words[2], family), _port(words[4], sins)),
                  (_host(words[3], family), _port(words[5], sins)))


def _host(word: str, family: int) -> str:
    try:
        address = ipaddress.ip_address(word)  # of digits without leading zeros
    except ValueError:
        raise Wrong("an address is none")
    if address.version != family:
        raise Wrong("an address is of the other family")
    return str(address)


def _port(word: str, sins) -> int:
    strict = not sins.has("lenient_numbers")
    if not word.isdigit() or strict and str(int(word)) != word or int(word) > 65535:
        raise Wrong("a port is none")
    return int(word)


def _block(data: bytes, sins) -> Optional[Header]:
    if len(data) < 16:
        return _part(data, sins)
    command, kind, length = struct.unpack_from("!BBH", data, 12)
    size = 16 + length
    if command not in (PROXY, LOCAL):
        raise Wrong("the version or the command is none")
    if len(data) < size:
        return _part(data, sins)
    if command == LOCAL or kind == 0:
        return Header(size, None)
    width = {0x11: 4, 0x21: 16, 0x31: 108}.get(kind)
    if not width:
        raise Wrong("the family is none")
    named = 2 * width + (0 if width == 108 else 4)
    if length < named and not sins.has("short_block"):
        raise Wrong("it is shorter than its addresses")
    _check_tlvs(data[:size], 16 + named, sins)
    if sins.has("tlvs_stay"):
        size = 16 + named
    if width == 108:
        return Header(size, None)
    family = socket.AF_INET if width == 4 else socket.AF_INET6
    body = data[16:size].ljust(named, b"\0")
    ports = struct.unpack_from("!HH", body, 2 * width)
    return Header(size, (socket.inet_ntop(family, body[:width]), ports[0]),
                  (socket.inet_ntop(family, body[width:2 * width]), ports[1]))


def _check_tlvs(header: bytes, at: int, sins) -> None:
    while at < len(header):
        if len(header) < at + 3:
            raise Wrong("a TLV is cut short")
        kind, length = struct.unpack_from("!BH", header, at)
        at += 3
        if len(header) < at + length and not sins.has("long_tlv"):
            raise Wrong("a TLV is longer than its header")
        if kind == CRC32C and not sins.has("any_checksum"):
            plain = header[:at] + bytes(4) + header[at + 4:]
            if struct.unpack_from("!I", header, at)[0] != crc32c(plain):
                raise Wrong("the checksum is wrong")
        at += length


def make(version: str, source: Optional[tuple], target: Optional[tuple],
         command: int = PROXY) -> bytes:
    """What a server is sent; without addresses it tells of nobody."""
    if version == "v1":
        if not source or not target:
            return b"PROXY UNKNOWN\r\n"
        return ("PROXY %s %s %s %d %d\r\n" % ("TCP6" if ":" in source[0] else "TCP4", source[0],
                                              target[0], source[1], target[1])).encode()
    if not source or not target:
        return SIGNATURE + struct.pack("!BBH", command, 0, 0)
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    body = (socket.inet_pton(family, source[0]) + socket.inet_pton(family, target[0]) +
            struct.pack("!HH", source[1], target[1]))
    kind = 0x21 if ":" in source[0] else 0x11
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body)) + body
