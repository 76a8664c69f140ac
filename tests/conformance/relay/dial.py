"""Connecting upstream, the options of sockets, and which endpoint comes next."""

from __future__ import annotations

import collections
import errno
import os
import socket
from typing import Deque, List, Optional, Tuple

IP_BIND_ADDRESS_NO_PORT = 24
FAMILY = {"tcp4": socket.AF_INET, "tcp6": socket.AF_INET6, "unix": socket.AF_UNIX}


def sockaddr(address: dict):
    if address["family"] == "unix":
        return address["path"]
    return address["host"], address["port"]


def dial(address: dict, config: dict, sins) -> socket.socket:
    """A socket whose connect is under way; OSError if it failed at once."""
    sock = socket.socket(FAMILY[address["family"]], socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        if config["source_address"] and address["family"] != "unix":
            if not sins.has("bind_reserves_port"):
                sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((config["source_address"], 0))
        error = sock.connect_ex(sockaddr(address))
        if error not in (0, errno.EINPROGRESS):
            if error == errno.EADDRNOTAVAIL and sins.has("die_without_port"):
                raise SystemExit("no port left")
            raise OSError(error, os.strerror(error))
    except OSError:
        sock.close()
        raise
    return sock


def meets_itself(sock: socket.socket) -> bool:
    """Whether the port that the kernel chose is the one that was to be reached: where there is no
    listener, TCP then connects the socket to itself (RFC 9293, 3.5, simultaneous open)."""
    try:
        return sock.family != socket.AF_UNIX and sock.getsockname() == sock.getpeername()
    except OSError:  # it has been reset meanwhile
        return False


def tune(sock: socket.socket, side: str, config: dict, sins) -> None:
    """Options for either side of a session, "client" or "server"."""
    if config["socket_buffer"]:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, config["socket_buffer"])
    if sock.family == socket.AF_UNIX:
        return
    if not sins.has("nagle"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    alive = config["keepalive"]
    if alive and not sins.has("no_keepalive_to_" + side):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, alive["idle"])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, alive["interval"])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, alive["count"])
    if config["user_timeout"] and not sins.has("no_user_timeout_to_" + side):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT,
                        int(config["user_timeout"] * 1000))


class Endpoint:
    """One upstream server and how many sessions it has."""

    def __init__(self, entry: dict, sins) -> None:
        self.address = entry["address"]
        self.weight = 1 if sins.has("no_weights") else entry["weight"]
        self.limit = entry["max_connections"]
        self.active = 0
        self.credit = 0

    def full(self) -> bool:
        return bool(self.limit) and self.active >= self.limit


class Pool:
    """Smooth weighted round robin, and the queue of sessions that wait for a free slot."""

    def __init__(self, entries: List[dict], sins) -> None:
        self._endpoints = [Endpoint(entry, sins) for entry in entries]
        self._sins = sins
        self.queue: Deque = collections.deque()

    def pick(self, tried: list) -> Tuple[Optional[Endpoint], bool]:
        """An endpoint with a free slot, or (None, whether one is merely full)."""
        left = [endpoint for endpoint in self._endpoints if endpoint not in tried]
        free = [endpoint for endpoint in left if not endpoint.full()]
        if not free or (self.queue and any(endpoint.full() for endpoint in left)):
            return None, bool(left)
        for endpoint in free:
            endpoint.credit += endpoint.weight
        best = max(free, key=lambda endpoint: endpoint.credit)
        best.credit -= sum(endpoint.weight for endpoint in free)
        best.active += 1
        return best, False

    def release(self, endpoint: Endpoint) -> None:
        """Frees a slot: the session that has waited longest gets it."""
        endpoint.active -= 1
        if self.queue and not endpoint.full():
            session = self.queue.pop() if self._sins.has("lifo_queue") else self.queue.popleft()
            endpoint.active += 1
            session.endpoint = endpoint
            session.connect()
