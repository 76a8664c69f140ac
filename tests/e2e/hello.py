"""The hello of a TLS client, made by hand, and other first bytes of clients."""

import struct

SSH = b"SSH-2.0-test\r\n"
HTTP = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
POSTGRES = struct.pack(">II", 8, 80877103)  # SSLRequest
MQTT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
RDP = b"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00"
# The hello of SSL 2: version, the lengths of what follows, and that: ciphers and a challenge.
SSL2 = b"\x80\x2e\x01\x03\x01" + struct.pack(">HHH", 21, 0, 16) + bytes(37)


def counted(data, size):
    return len(data).to_bytes(size, "big") + data


def extension(kind, body):
    return struct.pack(">H", kind) + counted(body, 2)


def name_extension(name):
    return extension(0, counted(b"\0" + counted(name.encode("latin-1"), 2), 2))


def message(name=None, alpn=(), padding=0):
    """`padding`: bytes of an extension that comes first, as a large key share does."""
    extensions = extension(0x0A0A, b"")  # GREASE
    if padding:
        extensions += extension(21, bytes(padding))
    if name:
        extensions += name_extension(name)
    if alpn:
        protocols = b"".join(counted(each.encode(), 1) for each in alpn)
        extensions += extension(16, counted(protocols, 2))
    body = (b"\x03\x03" + bytes(32) + counted(bytes(32), 1) + counted(b"\x13\x01\x13\x02", 2) +
            counted(b"\0", 1) + counted(extensions, 2))
    return b"\x01" + counted(body, 3)


def records(data, most=16384):
    return b"".join(b"\x16\x03\x01" + counted(data[at:at + most], 2)
                    for at in range(0, len(data), most))


def hello(name=None, alpn=(), padding=0, most=16384):
    return records(message(name, alpn, padding), most)
