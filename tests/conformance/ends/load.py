"""Measurements that several cases share: round trips, crowds, throughput."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import List, Sequence

from ends.client import connect
from ends.peer import Peer
from kernel.net import Address
from ends.stream import Job, Stream, all_done
from verdict import wait_until


def round_trips(peers: Sequence[Peer], count: int, message: bytes = b"x") -> List[float]:
    """Seconds of `count` ping-pongs, going around the peers."""
    times = []
    for i in range(count):
        peer = peers[i % len(peers)]
        start = time.perf_counter()
        peer.send(message)
        peer.receive(len(message))
        times.append(time.perf_counter() - start)
    return times


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def idle_crowd(trial, proxy, count: int) -> List[Peer]:
    """Connected clients of an echo server, each known to reach it, that then say nothing."""
    peers = []
    for start in range(0, count, 100):
        batch = [trial.keep(connect(proxy.address)) for _ in range(min(100, count - start))]
        for peer in batch:
            peer.send(b"!")
        for peer in batch:
            peer.receive(1)
        peers += batch
    return peers


class Churn:
    """Short sessions with an echo server, up to so many in a second, in a process of their own."""

    PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "churn_program.py")

    def __init__(self, address: Address, per_second: int):
        self._process = subprocess.Popen(
            [sys.executable, self.PROGRAM, address.host, str(address.port), str(per_second)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdout.readline()  # the first session has been served

    def stop(self) -> dict:
        """How many sessions were `served`, and what became of the others."""
        text, _ = self._process.communicate()
        return json.loads(text)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def transfer_seconds(sender: Peer, receiver: Peer, stream: Stream, size: int, start: int) -> float:
    """How long `size` bytes from position `start` take from one end to the other, verified."""
    began = time.perf_counter()
    jobs = [Job(stream.send, sender, start + size, start),
            Job(stream.expect, receiver, start + size, start)]
    all_done(jobs)
    return time.perf_counter() - began


def descriptor_room() -> int:
    """Sessions that fit under this machine's descriptor limit: a proxy needs two for each."""
    import resource
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // 2


def settled_descriptors(trial, proxy, upstream) -> int:
    """Descriptors of a proxy that has served a session and is idle again."""
    client, server = trial.session(proxy, upstream)
    open_now = proxy.descriptors()
    for one, other in ((client, server), (server, client)):
        one.send(b"warm")
        other.receive(4)
    client.close()
    server.expect_eof()
    server.close()
    wait_until(lambda: proxy.descriptors() < open_now, 3.0,
               "the proxy still holds the sockets of a session both sides have closed")
    return proxy.descriptors()


def tune(sock: socket.socket, rcvbuf: int) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
