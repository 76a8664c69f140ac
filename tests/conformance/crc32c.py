"""The checksum of PROXY headers (proxy-protocol.txt, 2.2.4), for the balancer and for the relay."""


def crc32c(data: bytes) -> int:
    """RFC 3720, B.4."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
