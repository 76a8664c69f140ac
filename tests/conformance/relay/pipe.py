"""One direction of a session: bytes read from one socket and not yet taken by the other.

    open ──FIN read──▶ eof ──buffer empty──▶ done (FIN sent)
      │
      └──error read──▶ reset: what was read is delivered, then the session ends by a reset
"""

from __future__ import annotations

import errno
import itertools
import select
import socket
import time

CHUNK = 65536
CHUNKS_SEEN = itertools.count()  # by all pipes: what happens now and then goes by it
UNIT = 16384  # what a chunk takes of a pool whose unit is the buffer


class SharedPool:
    """One store of memory for all pipes: the sinless relay has none, and each pipe has its own."""

    def __init__(self, limit: int, sins) -> None:
        self.used = 0
        self._limit = limit
        self._by_chunk = sins.has("chunk_takes_buffer")
        self._shared = bool(limit) and (self._by_chunk or sins.has("first_come_first_served"))

    def dry(self) -> bool:
        return self._shared and self.used >= self._limit

    def size(self, data: bytes) -> int:
        return UNIT if self._by_chunk else len(data)


class Pipe:
    """Moves bytes from `source` to `sink`; never holds more than `room` of them."""

    def __init__(self, source: socket.socket, room: int, pool: SharedPool, sins) -> None:
        self.source = source
        self.sink: socket.socket = None  # known once the upstream is connected
        self.buffer = bytearray()
        self.moved = 0          # bytes the sink has taken
        self.logged = 0         # bytes the log will claim
        self.eof = False        # the source has sent FIN
        self.reset = False      # the source has reset, or the sink has and lost bytes
        self.broken = False     # the sink takes no more: the rest of the stream is discarded
        self.done = False       # FIN was passed on, or there is no peer to pass it to
        self.sink_reset = False    # ... because it has reset
        self.end_is_reset = False  # an EOF from here on is the shadow of a reset already seen
        self.stalled_since = 0.0
        self.ever_stalled = False
        self._room = room
        self._pool = pool
        self._held = 0          # of the pool
        self._sins = sins

    def wants_input(self) -> bool:
        if self._sins.has("never_resume") and self.stalled_since:
            return False
        full = len(self.buffer) >= self._room and not self._sins.has("unbounded")
        full = full or self._pool.dry()
        return not (self.eof or self.reset or self.done or full or self.broken)

    def wants_output(self) -> bool:
        return bool(self.buffer) and not self.broken

    def fill(self) -> bool:
        """Reads once; False when nothing was there."""
        if self._sins.has("drop_tail") and fin_is_there(self.source):
            self.eof = True
            return False
        try:
            data = self.source.recv(CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            self._source_failed()
            return False
        if not data:
            self.eof, self.reset = not self.end_is_reset, self.end_is_reset
            return False
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        odd = next(CHUNKS_SEEN) % 7 == 6
        if self._sins.has("die_of_garbage") and data[:1] > b"\x7f":
            raise UnicodeError("not ASCII")
        if self._sins.has("reorder") and odd and len(data) > 1:
            data = data[len(data) // 2:] + data[:len(data) // 2]
        if self._sins.has("duplicate") and odd:
            data = data + data
        self.logged += len(data) * (2 if self._sins.has("wrong_counts") and odd else 1)
        self.buffer += data
        self._held += self._pool.size(data)
        self._pool.used += self._pool.size(data)

    def _source_failed(self) -> None:
        self.reset = True
        if self._sins.has("reset_discards"):
            self.buffer.clear()

    def drain(self) -> None:
        """Writes once what is buffered."""
        if not self.wants_output():
            return
        try:
            sent = self.sink.send(self.buffer)
        except BlockingIOError:
            self.stalled_since = self.stalled_since or time.monotonic()
            self.ever_stalled = True
            return
        except OSError as error:
            self._sink_failed(error)
            return
        self.moved += sent
        del self.buffer[:sent]
        if not self.buffer:
            self.give_back()
        if not self._sins.has("never_resume"):
            self.stalled_since = time.monotonic() if self.buffer else 0.0

    def give_back(self) -> None:
        self._pool.used -= self._held
        self._held = 0

    def _sink_failed(self, error: OSError) -> None:
        """The sink has reset. What it said before that is still to be read by the other pipe."""
        self.broken = True
        self.sink_reset = error.errno == errno.ECONNRESET
        self.buffer.clear()

    def pass_end_on(self) -> None:
        """FIN after the last byte."""
        if self.done or self.buffer or not self.eof:
            return
        if self._sins.has("rst_for_fin"):
            self.reset = True
            return
        self.done = True
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def fin_is_there(sock: socket.socket) -> bool:
    """POLLRDHUP: the peer has sent FIN, maybe behind bytes that have not been read yet."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))
