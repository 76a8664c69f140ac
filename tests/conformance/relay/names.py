"""Endpoints whose host is a name: asked for again and again, by UDP (RFC 1035, 4).

What a name has stays when the name server is silent or has trouble; a name that it says does not
exist has nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Dict, List, Optional

from relay.dial import sockaddr
from relay.loop import IN

EVERY_S = 0.3
NO_ERROR, NO_NAME = 0, 3


def is_name(address: dict) -> bool:
    try:
        return address["family"] != "unix" and not ipaddress.ip_address(address["host"])
    except ValueError:
        return True


class Names:
    """The addresses of all names in a configuration."""

    def __init__(self, relay) -> None:
        self._relay = relay
        self._sins = relay.sins
        self._addresses: Dict[str, List[str]] = {}
        self._serial = 0
        self._sock: Optional[socket.socket] = None

    def expand(self, config: dict) -> dict:
        """The configuration with an endpoint for each address of a name."""
        endpoints = []
        for entry in config["endpoints"]:
            if not is_name(entry["address"]):
                endpoints.append(entry)
                continue
            for host in self._addresses.get(entry["address"]["host"], []):
                endpoints.append({**entry, "address": {**entry["address"], "host": host}})
        return {**config, "endpoints": endpoints}

    def follow(self) -> None:
        if not self._relay.config["resolver"]:
            return
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.connect(sockaddr(self._relay.config["resolver"]))
        self._relay.loop.watch(self._sock.fileno(), IN, self._on_answer)
        self._ask()

    def _ask(self) -> None:
        for entry in self._relay.config["endpoints"]:
            if is_name(entry["address"]):
                self._serial = (self._serial + 1) % 65536
                try:
                    self._sock.send(query(self._serial, entry["address"]["host"]))
                except OSError:  # of the one before: its port is closed
                    pass
        self._relay.loop.after(EVERY_S, self._ask)

    def _on_answer(self, _events: int) -> None:
        try:
            message = self._sock.recv(4096)
        except OSError:
            return
        name, code, hosts = read(message)
        if code == NO_NAME and self._sins.has("die_of_missing_name"):
            raise SystemExit("no such name: " + name)
        good = code == NO_ERROR and hosts
        if not good and code != NO_NAME and not self._sins.has("trouble_is_no_name"):
            return
        if self._addresses.get(name) and good and self._sins.has("asks_once"):
            return
        self._take(name, hosts if good else [])

    def _take(self, name: str, hosts: List[str]) -> None:
        gone = set(self._addresses.get(name, [])) - set(hosts)
        self._addresses[name] = hosts
        self._relay.pool.configure(self.expand(self._relay.config))
        self._relay.checks.follow()
        if self._sins.has("new_address_cuts"):
            for session in list(self._relay.sessions):
                if session.endpoint and session.endpoint.address["host"] in gone:
                    session.end("proxy", "endpoint_removed", abort=True)


def query(serial: int, name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    head = struct.pack("!6H", serial, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!2H", 1, 1)


def read(message: bytes):
    """Name, code, IPv4 addresses of an answer whose records point at the question's name."""
    _, flags, _, count, _, _ = struct.unpack_from("!6H", message)
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    at += 5
    hosts = []
    for _ in range(count):
        _, kind, _, _, size = struct.unpack_from("!HHHIH", message, at)
        at += 12
        if kind == 1:
            hosts.append(socket.inet_ntoa(message[at:at + size]))
        at += size
    return ".".join(labels), flags & 15, hosts
