"""Connecting upstream, the options of sockets, and which endpoint is next."""

from __future__ import annotations

import collections
import errno
import hashlib
import os
import socket
import time
import zlib
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
        self.joined = 0.0  # when; 0: with the process
        self.down = False  # by its checks
        self.streak = 0    # checks in a row that speak against that

    def full(self) -> bool:
        return bool(self.limit) and self.active >= self.limit


class Pool:
    """Which server is next, and the queue of sessions that wait for a free slot."""

    def __init__(self, config: dict, sins) -> None:
        self._sins = sins
        self.endpoints: List[Endpoint] = []
        self.queue: Deque = collections.deque()
        self.configure(config)
        for endpoint in self.endpoints:
            endpoint.joined = 0.0

    def configure(self, config: dict) -> None:
        """Other servers; those that stay keep what they count."""
        self._balance = config["balance"]
        self._ramp = 0.0 if self._sins.has("no_ramp") else config["slow_start"]
        before = list(self.endpoints)
        self.endpoints = []
        for entry in config["endpoints"]:
            fresh = Endpoint(entry, self._sins)
            fresh.joined = time.monotonic()
            for old in before:
                if old.address == fresh.address and not self._sins.has("reload_forgets"):
                    before.remove(old)
                    old.weight, old.limit = fresh.weight, fresh.limit
                    fresh = old
                    break
            self.endpoints.append(fresh)

    def pick(self, tried: list, source: str) -> Tuple[Optional[Endpoint], bool]:
        """An endpoint with a free slot, or (None, whether one is merely full)."""
        left = [each for each in self.endpoints if each not in tried and not each.down]
        free = [endpoint for endpoint in left if not endpoint.full()]
        if not free or (self.queue and any(endpoint.full() for endpoint in left)):
            return None, bool(left)
        if self._balance == "least_connections" and not self._sins.has("turns_for_fewest"):
            best = min(free, key=lambda each: (each.active + 1) / (each.weight * self._share(each)))
        elif self._balance == "source_hash":
            best = self._hashed(free, source)
        else:
            best = self._next_in_turn(free)
        best.active += 1
        return best, False

    @staticmethod
    def _next_in_turn(free: List[Endpoint]) -> Endpoint:
        for endpoint in free:
            endpoint.credit += endpoint.weight
        best = max(free, key=lambda endpoint: endpoint.credit)
        best.credit -= sum(endpoint.weight for endpoint in free)
        return best

    def _share(self, endpoint: Endpoint) -> float:
        """How much of its weight counts: it grows while the endpoint is new."""
        if not endpoint.joined or not self._ramp:
            return 1.0
        return min(1.0, max(0.1, (time.monotonic() - endpoint.joined) / self._ramp))

    def _hashed(self, free: List[Endpoint], source: str) -> Endpoint:
        """Rendezvous (Thaler and Ravishankar): each source has an order of its own of all."""
        if self._sins.has("hash_by_number"):
            return free[zlib.crc32(source.encode()) % len(free)]
        return max(free, key=lambda each: hashlib.sha256(
            ("%s %s" % (source, each.address)).encode()).digest())

    def release(self, endpoint: Endpoint) -> None:
        """Frees a slot: the session that has waited longest gets it."""
        endpoint.active -= 1
        if self.queue and not endpoint.full():
            session = self.queue.pop() if self._sins.has("lifo_queue") else self.queue.popleft()
            endpoint.active += 1
            session.endpoint = endpoint
            session.connect()
