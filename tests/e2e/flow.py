"""A one-way flow of known bytes between two sockets of the test, moved without blocking."""

import select
import socket

from processes import DEADLINE

PIECE = 1 << 16


class Flow:
    """Sends `pattern` over and over from `writer` to `reader` and checks each byte by its place."""

    def __init__(self, writer, reader, pattern):
        self.writer, self.reader = writer, reader
        self.pattern = memoryview(pattern + pattern[:PIECE])
        self.period = len(pattern)
        self.sent = self.received = 0
        self.ended = False
        writer.setblocking(False)
        reader.setblocking(False)

    def expected(self, place, size):
        start = place % self.period
        return self.pattern[start:start + size]

    def send_some(self, limit):
        piece = self.expected(self.sent, min(PIECE, limit - self.sent))
        try:
            self.sent += self.writer.send(piece)
        except BlockingIOError:
            pass

    def receive_some(self):
        try:
            data = self.reader.recv(PIECE)
        except BlockingIOError:
            return
        self.ended = not data
        assert data == self.expected(self.received, len(data)), f"wrong byte near {self.received}"
        self.received += len(data)


def flood(flows, limit, quiet=0.5):
    """Sends on all until nothing has been taken for `quiet` seconds, at most `limit` on each."""
    writers = {flow.writer: flow for flow in flows}
    while writers:
        ready = select.select([], list(writers), [], quiet)[1]
        if not ready:
            return
        for writer in ready:
            writers[writer].send_some(limit)
            if writers[writer].sent >= limit:
                del writers[writer]


def finish(flow, total):
    """Sends up to `total`, closes the direction, and reads to the end of the stream."""
    closed = False
    while not flow.ended:
        writing = [flow.writer] if flow.sent < total else []
        if not writing and not closed:
            flow.writer.shutdown(socket.SHUT_WR)
            closed = True
        readable, writable, _ = select.select([flow.reader], writing, [], DEADLINE)
        assert readable or writable, f"stuck at {flow.received} of {total} bytes"
        if readable:
            flow.receive_some()
        if writable:
            flow.send_some(total)
    assert flow.received == total, f"{flow.received} of {total} bytes arrived"
