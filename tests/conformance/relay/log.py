"""The access log: one JSON line per session, written without ever waiting."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Dict


class AccessLog:
    """Appends lines to a file or FIFO; a line that cannot be written is counted and dropped."""

    def __init__(self, path: str, sins) -> None:
        self._path = path
        self._sins = sins
        self._fd = -1
        self._tail = b""  # the rest of a line that a full pipe took only in part
        self.dropped = 0
        self.reopen()

    def reopen(self) -> None:
        if self._fd >= 0:
            if self._sins.has("truncate_at_reopen"):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        if not self._sins.has("log_blocks"):
            flags |= os.O_NONBLOCK
        try:
            self._fd = os.open(self._path, flags, 0o644)
        except OSError:  # a FIFO that has no reader yet
            self._fd = -1

    def write(self, record: Dict) -> None:
        line = json.dumps(record).encode() + b"\n"
        if self._fd < 0 and not self._sins.has("log_gives_up"):
            self.reopen()
        try:
            if self._tail:
                self._tail = self._tail[os.write(self._fd, self._tail):]
            if not self._tail:
                self._tail = line[os.write(self._fd, line):]
                return
        except OSError:
            if self._sins.has("log_kills"):
                raise
            if self._fd >= 0 and self._sins.has("log_gives_up"):
                os.close(self._fd)
                self._fd = -1
        self.dropped += 1


class Complaints:
    """Error lines on stderr: at most one of a kind in 5 s."""

    def __init__(self, sins) -> None:
        self._last: Dict[str, float] = {}
        self._sins = sins

    def say(self, kind: str) -> None:
        now = time.monotonic()
        if now - self._last.get(kind, -5.0) < 5.0 and not self._sins.has("log_storm"):
            return
        self._last[kind] = now
        sys.stderr.write("[warning] %s\n" % kind)
        sys.stderr.flush()
