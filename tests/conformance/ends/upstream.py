"""The scripted upstream: a listener whose connections the case itself drives."""

from __future__ import annotations

import socket
import threading
import time
from typing import List

from ends.peer import PATIENCE_S, Peer
from kernel.net import Address, address_of, bound_socket, readable
from verdict import Failed, check


class Upstream:
    """Listens on an address of its own; `accept` hands the case one connection at a time."""

    def __init__(self, family: str, scratch: str, host: str = "", backlog: int = 4096,
                 sndbuf: int = 0, rcvbuf: int = 0, name: str = "the server"):
        self.name = name
        self.listener = bound_socket(family, scratch, host)
        if sndbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        if rcvbuf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.listener.listen(backlog)
        self.address: Address = address_of(self.listener)

    def accept(self, within: float = PATIENCE_S) -> Peer:
        self.listener.settimeout(within)
        try:
            sock, _ = self.listener.accept()
        except socket.timeout:
            raise Failed("no connection reached %s within %.1f s" % (self.name, within))
        if self.address.family != "unix":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Peer(sock, self.name)

    def accept_all(self) -> List[Peer]:
        """Everything that waits in the accept queue right now."""
        peers = []
        while readable([self.listener], 0):
            peers.append(self.accept())
        return peers

    def expect_nobody(self, seconds: float) -> None:
        """Nothing may arrive for a span of time."""
        check(not readable([self.listener], seconds),
              "a connection reached %s where none was due" % self.name)

    def close(self) -> None:
        self.listener.close()


class Acceptor:
    """Accepts on an upstream in the background, keeps every connection and when it came."""

    def __init__(self, upstream: Upstream):
        self.listener = upstream.listener
        self.listener.setblocking(False)
        self.socks: List[socket.socket] = []
        self.times: List[float] = []
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            if not readable([self.listener], 0.02):
                continue
            try:
                sock, _ = self.listener.accept()
            except OSError:
                continue
            self.times.append(time.monotonic())
            self.socks.append(sock)

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        for sock in self.socks:
            sock.close()
