"""Connecting to a proxy: patiently, from a chosen source, or in crowds."""

from __future__ import annotations

import errno
import socket
import time
from typing import List, Optional

from ends.peer import PATIENCE_S, Peer
from kernel.net import Address, readable
from verdict import Failed


class NotConnected(Failed):
    """The handshake failed, or the connection was reset before connect(2) returned."""


def connect(address: Address, source: Optional[tuple] = None, rcvbuf: int = 0,
            who: str = "the client", within: float = PATIENCE_S) -> Peer:
    """A connected client. A small receive buffer must be asked for before the handshake."""
    sock = socket.socket(address.af, socket.SOCK_STREAM)
    sock.settimeout(within)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if address.family != "unix":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if source:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(source)
        sock.connect(address.sockaddr)
    except OSError as error:
        sock.close()
        raise NotConnected("%s could not connect to %s: %s" % (who, address, error))
    return Peer(sock, who)


def refuses(address: Address) -> bool:
    """Returns true if a connect to the address is refused: there is no listener any more."""
    sock = socket.socket(address.af, socket.SOCK_STREAM)
    sock.settimeout(1.0)
    try:
        sock.connect(address.sockaddr)
        return False
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False
    finally:
        sock.close()


class Crowd:
    """Many clients that connect at the same time and never block the script."""

    def __init__(self, address: Address, count: int, source: Optional[tuple] = None):
        self.address = address
        self.socks: List[socket.socket] = []
        for _ in range(count):
            self.add(source)

    def add(self, source: Optional[tuple] = None) -> socket.socket:
        sock = socket.socket(self.address.af, socket.SOCK_STREAM)
        sock.setblocking(False)
        if source:
            sock.bind(source)
        error = sock.connect_ex(self.address.sockaddr)
        if error not in (0, errno.EINPROGRESS, errno.EAGAIN):
            sock.close()
            raise Failed("connect to %s: %s" % (self.address, errno.errorcode[error]))
        self.socks.append(sock)
        return sock

    def ended(self) -> int:
        """How many have been closed or reset by the proxy; the rest is open or still waiting."""
        return sum(1 for sock in self.socks if has_ended(sock))

    def close(self) -> None:
        for sock in self.socks:
            sock.close()
        self.socks = []


def has_ended(sock: socket.socket) -> bool:
    """Whether the peer has ended the connection; looks without consuming data.

    Asks poll first: a Python socket with a timeout waits even where MSG_DONTWAIT is given.
    """
    if not readable([sock], 0):
        return False
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def wait_for_end(sock: socket.socket, within: float) -> float:
    """Seconds until the peer ended the connection; fails the case after `within`."""
    start = time.monotonic()
    while not has_ended(sock):
        left = within - (time.monotonic() - start)
        if left <= 0:
            raise Failed("the connection was still open after %.1f s" % within)
        readable([sock], min(left, 0.1))
    return time.monotonic() - start
