"""An address that never answers a connect: its accept queue is full, so SYNs are dropped."""

import contextlib
import select
import socket

import sockets


class Blackhole:
    def __init__(self):
        self.listener = sockets.Listener(backlog=0)
        self.text = self.listener.text
        self.fillers = []
        while not self.fillers or self.connected(self.fillers[-1]):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.listener.address)
            self.fillers.append(filler)

    @staticmethod
    def connected(filler):
        """A connect on loopback that does not succeed at once never succeeds here."""
        return bool(select.select([], [filler], [], 0.2)[1])

    def close(self):
        for filler in self.fillers:
            filler.close()
        self.listener.close()
