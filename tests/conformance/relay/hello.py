"""What a TLS client says first: the name of the server that it asks for."""

from __future__ import annotations

import struct
from typing import Optional

LONGEST = 65536 + 4096  # bytes of a hello with its records


def server_name(data: bytes, sins) -> Optional[str]:
    """None: more bytes are needed. "": no name, or no TLS."""
    if not data or data[0] >= 0x80:
        return "" if data else None  # the hello of SSL 2 has no names
    if data[0] != 0x16:
        return None if sins.has("waits_for_tls") else ""
    if sins.has("one_segment"):
        return _name_in(data[9:])
    message, at = b"", 0
    while len(data) - at >= 5:
        size = struct.unpack_from("!H", data, at + 3)[0]
        if data[at] != 0x16 or not size:
            return ""
        message += data[at + 5:at + 5 + size]
        at += 5 + size
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return _name_in(message[4:])
        if sins.has("one_record") and at <= len(data):
            return _name_in(message[4:])
    longest = 16384 if sins.has("hello_limit") else LONGEST
    return None if len(data) < longest else ""


def _name_in(body: bytes) -> str:
    """The name in the body of a hello; "" in one that is cut short or wrong."""
    try:
        at = 34
        at += 1 + body[at]
        at += 2 + struct.unpack_from("!H", body, at)[0]
        at += 1 + body[at]
        at += 2
        while at < len(body):
            kind, size = struct.unpack_from("!HH", body, at)
            if kind == 0:
                length = struct.unpack_from("!H", body, at + 7)[0]
                return body[at + 9:at + 9 + length].decode("latin-1")
            at += 4 + size
    except (IndexError, struct.error):
        pass
    return ""
