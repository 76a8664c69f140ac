"""Addresses of the three families, and those that accept, refuse or swallow connections."""

from __future__ import annotations

import errno
import itertools
import os
import random
import select
import socket
from dataclasses import dataclass
from typing import List, Sequence

FAMILIES = ("tcp4", "tcp6", "unix")
FAMILY_FEATURE = {"tcp4": "ipv4", "tcp6": "ipv6", "unix": "unix"}  # as drivers call them
LOOPBACK = {"tcp4": "127.0.0.1", "tcp6": "::1"}
# Below Linux's default range of ephemeral ports, so that no outgoing connection takes one of ours.
PORTS = range(20000, 30000)

_AF = {"tcp4": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}
_serial = itertools.count()
_claims: List[socket.socket] = []


@dataclass(frozen=True)
class Address:
    """Where a socket is bound: host and port, or the path of a UNIX socket."""

    family: str
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def af(self) -> int:
        return _AF[self.family]

    @property
    def sockaddr(self):
        return self.path if self.family == "unix" else (self.host, self.port)

    def __str__(self) -> str:
        if self.family == "unix":
            return "unix:" + self.path
        return ("[%s]:%d" if self.family == "tcp6" else "%s:%d") % (self.host, self.port)


def readable(socks: Sequence[socket.socket], seconds: float) -> List[socket.socket]:
    """Those of the sockets that have something to read; poll(2), for descriptors above 1023."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(seconds * 1000)}
    return [sock for sock in socks if sock.fileno() in ready]


def address_of(sock: socket.socket) -> Address:
    """The address a socket of ours is bound to."""
    for family, af in _AF.items():
        if sock.family == af:
            break
    name = sock.getsockname()
    if family == "unix":
        return Address(family, path=name)
    return Address(family, host=name[0], port=name[1])


def free_address(family: str, scratch: str, host: str = "") -> Address:
    """An address that no process has bound: for a proxy's listener."""
    if family == "unix":
        return Address(family, path=os.path.join(scratch, "l%d.sock" % next(_serial)))
    host = host or LOOPBACK[family]
    for _ in range(1000):
        port = random.choice(PORTS)
        if not _claim(port):
            continue
        with socket.socket(_AF[family], socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return Address(family, host=host, port=port)
    raise RuntimeError("no free port on " + host)


def _claim(port: int) -> bool:
    """Ours until this process ends; a suite that runs beside this one takes another."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind("\0conformance-port-%d" % port)
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def bound_socket(family: str, scratch: str, host: str = "") -> socket.socket:
    """A stream socket bound to an address of its own, not listening: connects to it are refused."""
    sock = socket.socket(_AF[family], socket.SOCK_STREAM)
    if family == "unix":
        sock.bind(os.path.join(scratch, "u%d.sock" % next(_serial)))
        return sock
    # None of the ephemeral ports: a busy machine may have no other than those in TIME-WAIT.
    for _ in range(1000):
        port = random.choice(PORTS)
        if not _claim(port):
            continue
        try:
            sock.bind((host or LOOPBACK[family], port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return sock
    raise OSError(errno.EADDRINUSE, "no free port for a socket of " + family)


def usable(family: str) -> bool:
    """Whether this machine has the family at all: many containers have no IPv6."""
    if family == "unix":
        return True
    try:
        bound_socket(family, "").close()
        return True
    except OSError:
        return False


class BlackHole:
    """An endpoint that never answers a SYN: a listener whose accept queue is full.

    Linux drops SYNs to such a listener (tcp_conn_request: "if (sk_acceptq_is_full(sk)) goto
    drop"), which is what a silently dropping firewall looks like, without any privilege.
    """

    def __init__(self, family: str):
        self._listener = bound_socket(family, "")
        self._listener.listen(0)
        self.address = address_of(self._listener)
        self._plugs = []
        while self._plug():
            pass

    def _plug(self) -> bool:
        sock = socket.socket(self.address.af, socket.SOCK_STREAM)
        sock.settimeout(0.1)
        self._plugs.append(sock)
        try:
            sock.connect(self.address.sockaddr)
            return True
        except socket.timeout:
            return False

    def close(self) -> None:
        for sock in self._plugs + [self._listener]:
            sock.close()
