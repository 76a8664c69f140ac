"""Long byte streams whose every position is checkable without keeping them in memory."""

from __future__ import annotations

import random
import socket
import threading
import time
from typing import List, Optional

from ends.peer import CHUNK, Peer
from verdict import Failed


class Stream:
    """An endless byte sequence; every 64 KiB block carries its number, so no two are alike."""

    def __init__(self, seed: int):
        self._body = random.Random(seed).getrandbits(8 * (CHUNK - 8)).to_bytes(CHUNK - 8, "big")

    def read(self, position: int, count: int) -> bytes:
        parts = []
        while count:
            block, offset = divmod(position, CHUNK)
            part = (block.to_bytes(8, "big") + self._body)[offset:offset + count]
            parts.append(part)
            position += len(part)
            count -= len(part)
        return b"".join(parts)

    def send(self, peer: Peer, total: int, start: int = 0) -> None:
        position = start
        while position < total:
            peer.send(self.read(position, min(4 * CHUNK, total - position)))
            position += min(4 * CHUNK, total - position)

    def expect(self, peer: Peer, total: int, start: int = 0) -> None:
        """Receives up to position `total`, comparing every byte."""
        position = start
        while position < total:
            try:
                part = peer.sock.recv(min(4 * CHUNK, total - position))
            except socket.timeout:
                raise Failed("%s: nothing more after %d of %d bytes" % (peer.who, position, total))
            except OSError as error:
                raise Failed("%s, after %d of %d bytes: %s" % (peer.who, position, total, error))
            if not part:
                raise Failed("%s saw EOF after %d of %d bytes" % (peer.who, position, total))
            if part != self.read(position, len(part)):
                raise Failed("%s received wrong bytes between %d and %d"
                             % (peer.who, position, position + len(part)))
            position += len(part)


def payload(seed: int, count: int) -> bytes:
    """`count` bytes that look random and are the same for the same seed."""
    return random.Random(seed).getrandbits(8 * count).to_bytes(count, "big") if count else b""


class Job:
    """A piece of a script that runs beside the others; its failure is the case's failure."""

    def __init__(self, work, *args):
        self._error: Optional[BaseException] = None
        self._work = work
        self._args = args
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work(*self._args)
        except BaseException as error:
            self._error = error

    def running(self) -> bool:
        return self._thread.is_alive()

    def done(self, within: float = 60.0) -> None:
        """Waits for the end and raises what the job raised."""
        all_done([self], within)


def all_done(jobs: List[Job], within: float = 60.0) -> None:
    """Waits for all; raises the first error there is, while others may still wait for its cause."""
    deadline = time.monotonic() + within
    while True:
        running = [job for job in jobs if job.running()]
        for job in jobs:
            if job._error:
                raise job._error
        if not running:
            return
        if time.monotonic() > deadline:
            raise Failed("%s did not end within %.0f s" % (running[0]._work.__name__, within))
        running[0]._thread.join(0.01)
