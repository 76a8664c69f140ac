"""The driver `start`: how long a proxy takes from exec to its first connection, and from SIGTERM to
its end; and what it holds in between."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time

import machine
import peers
from generating import RunError
from scenario import Row

TIMES = 3  # in each run; the median counts
POLL_S = 0.0005
REST_S = 0.2  # before memory is read
PATIENCE_S = 20


def measure(row: Row, peer: peers.Peer, setting: peers.Setting, how: peers.Start) -> dict:
    begin = machine.cpu([])
    found = [_once(peer, setting, how) for _ in range(TIMES)]
    used = machine.cpu([]).since(begin)
    middle = {key: statistics.median(one[key] for one in found) for key in found[0]}
    errors = {"connect_failed": 0, "broken": 0, "wrong": 0, "unanswered": 0}
    group = {"done": TIMES, "bytes_up": 0, "bytes_down": 0, "errors": errors}
    return {"seconds": used.wall, "connections": 1, "groups": {row.of: group},
            "times": {key: middle[key] for key in ("start_ms", "stop_ms")},
            "memory": {"user_mb": middle["user_mb"]},
            "cpu": {"proxy": 0, "rest": 0, "busy": used.busy, "idle": used.idle,
                    "stolen": used.stolen / used.wall / (os.cpu_count() or 1)}}


def _once(peer: peers.Peer, setting: peers.Setting, how: peers.Start) -> dict:
    ready = peers.Ready(peer, setting, how)
    begin = time.monotonic()
    running = ready.launch(POLL_S)
    started = time.monotonic()
    try:
        time.sleep(REST_S)
        held = machine.memory(running.pids).user / 1024
        told = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        try:
            running.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise RunError("it did not end %d s after SIGTERM" % PATIENCE_S)
        ended = time.monotonic()
    finally:
        running.stop()
    return {"start_ms": 1e3 * (started - begin), "stop_ms": 1e3 * (ended - told), "user_mb": held}
