"""Chooses connections by the worker of the proxy that they sit on: opens many, exchanges something
on each of them alone, and looks which thread has used its CPU for it."""

from __future__ import annotations

import socket
import struct

import machine

OPENED = 120
EXCHANGES = 6  # on each, so that the thread that serves it stands out
PATIENCE_S = 20
REQUEST = struct.pack("<QQQ", 1, 24, 8)  # upstream/wire.h, the smallest


def _exchange(client: socket.socket) -> None:
    client.sendall(REQUEST)
    left = 8
    while left:
        got = len(client.recv(left))
        if not got:
            raise OSError("the connection ended")
        left -= got


def _busiest(pids: list, work) -> tuple:
    """The thread that used most CPU time while `work` ran."""
    before = machine.threads(pids)
    work()
    after = machine.threads(pids)
    return max(after, key=lambda thread: after[thread][0] - before.get(thread, (0, 0))[0])


class Chosen:
    """The open connections, and the descriptors of those that are to be used."""

    def __init__(self, port: int, pids: list, count: int, which: str):
        self.clients = []
        try:
            self.by_thread = self._find(port, pids)
            self.used = self._choose(count, which)
        except OSError:
            self.close()
            raise
        for client in self.used:
            client.setblocking(False)

    def _find(self, port: int, pids: list) -> list:
        """Lists of connections, one for each thread, the longest first."""
        for _ in range(OPENED):
            client = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
            self.clients.append(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _exchange(client)
        found: dict = {}
        for client in self.clients:
            thread = _busiest(pids, lambda one=client: [_exchange(one) for _ in range(EXCHANGES)]
                              ) if pids else None
            found.setdefault(thread, []).append(client)
        return sorted(found.values(), key=len, reverse=True)

    def _choose(self, count: int, which: str) -> list:
        first = self.by_thread[0]
        if which == "one_worker" or len(self.by_thread) == 1:
            return first[:count]
        second = self.by_thread[1]
        share = min(count // 2, len(second))
        return second[:share] + first[:count - share]

    @property
    def descriptors(self) -> list:
        return [client.fileno() for client in self.used]

    def close(self) -> None:
        for client in self.clients:
            client.close()
