"""When a session has to end although neither of its ends says so, and what its peers have taken."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from typing import Iterator, Tuple


def deadlines(session) -> Iterator[Tuple[float, str]]:
    """Moments and reasons. All but the lifetime are times without progress."""
    config, sins = session.relay.config, session.relay.sins
    yield session.active + config["idle_timeout"], "idle_timeout"
    if session.lifetime:
        yield session.started + session.lifetime, "max_lifetime"
    if session.first_end and not sins.has("no_half_close_timeout"):
        since = session.first_end[1]
        if not sins.has("half_close_in_all"):
            since = max(since, session.active)
        yield since + config["half_close_timeout"], "half_close_timeout"
    for pipe in (session.up, session.down):
        if pipe.stalled_since and not sins.has("no_write_stall"):
            yield pipe.stalled_since + config["write_stall_timeout"], "write_stall_timeout"


def shortest(config: dict) -> float:
    return min(config[name] for name in ("idle_timeout", "half_close_timeout",
                                         "write_stall_timeout"))


def unsent(sock: socket.socket) -> int:
    """Bytes the peer's kernel has not acknowledged; 0 on a socket that cannot say."""
    try:
        return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
    except OSError:
        return 0
