"""A name server that a script can have say anything: A records by UDP (RFC 1035, 4)."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Dict, List, Optional

from kernel.net import Address, address_of, readable

TTL_S = 1
NO_ERROR, TROUBLE, NO_NAME = 0, 2, 3  # RFC 1035, 4.1.1: no error, server failure, name error


class NameServer:
    """Knows one name; every other one does not exist."""

    def __init__(self, name: str):
        self.name = name
        self.hosts: List[str] = []   # none: the name does not exist
        self.code: Optional[int] = None  # what it answers to everything, if set
        self.silent = False
        self.asked: Dict[int, int] = {}  # by type of record: how often
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self.address: Address = address_of(self._sock)
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._sock.close()

    def _run(self) -> None:
        while not self._stop:
            if not readable([self._sock], 0.02):
                continue
            message, client = self._sock.recvfrom(4096)
            answer = self._answer(message)
            if answer and not self.silent:
                self._sock.sendto(answer, client)

    def _answer(self, message: bytes) -> bytes:
        """The question is repeated as it is, also in its capitals."""
        at, labels = 12, []
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
            at += 1 + message[at]
        kind, _ = struct.unpack_from("!2H", message, at + 1)
        self.asked[kind] = self.asked.get(kind, 0) + 1
        code = self.code
        if code is None:
            known = ".".join(labels) == self.name and self.hosts
            code = NO_ERROR if known else NO_NAME
        hosts = self.hosts if code == NO_ERROR and kind == 1 else []
        records = b"".join(struct.pack("!HHHIH", 0xC00C, 1, 1, TTL_S, 4) + socket.inet_aton(host)
                           for host in hosts)
        serial, flags = struct.unpack_from("!2H", message)
        head = struct.pack("!6H", serial, 0x8080 | (flags & 0x0100) | code, 1, len(hosts), 0, 0)
        return head + message[12:at + 5] + records
