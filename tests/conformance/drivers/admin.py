"""How drivers ask at their proxy's operator's socket, and what a row of its sessions is."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Optional, Tuple

from verdict import Failed

PATIENCE_S = 3.0


@dataclass
class Live:
    """One session that is there; None = the table does not say."""

    id: str
    client: str                      # "127.0.0.1:1234"
    server: str = ""                 # its address
    age: Optional[float] = None      # seconds
    idle: Optional[float] = None     # seconds
    bytes_in: Optional[int] = None   # from the client to the upstream
    bytes_out: Optional[int] = None


def connected(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_S)
    try:
        sock.connect(path)
    except OSError as error:
        sock.close()
        raise Failed("the operator's socket: %s" % error)
    return sock


def line(path: str, words: str) -> str:
    """Sends a line and reads to the end."""
    parts = []
    with connected(path) as sock:
        try:
            sock.sendall(words.encode() + b"\n")
            while True:
                part = sock.recv(65536)
                if not part:
                    break
                parts.append(part)
        except OSError as error:
            raise Failed("the operator's socket, asked %r: %s" % (words, error))
    if not parts:
        raise Failed("the operator's socket has no answer to %r" % words)
    return b"".join(parts).decode()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = connected(self._path)


def request(path: str, method: str, target: str) -> Tuple[int, str]:
    """An HTTP request: status and body."""
    connection = _Connection(path)
    try:
        connection.request(method, target, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise Failed("the operator's socket, asked %s %s: %s"
                     % (method, target, error or "the end"))
    finally:
        connection.close()
