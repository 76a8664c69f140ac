#!/usr/bin/env python3
"""Whether checks come on time while thousands of connections are busy.

    loadtest/checks_on_time.py [--sluice PROGRAM] [--backend io_uring|epoll] [--connections 9000]
                               [--seconds 20]

Ten endpoints are checked once a second, each at an address of its own where this program accepts
and notes the time. `late` is a check that begins more than 20 % of the interval before or behind
its time after the one before; the proxy itself varies each pause by up to 5 %. Without connections
(the first row) it says what this machine and this program are good for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ENDPOINTS = 10
INTERVAL = 1.0
ALLOWED = 0.2


def config(backend: str, port: int, upstream: int, checks: int) -> str:
    ends = ", ".join('"127.1.0.%d:%d"' % (i + 1, upstream) for i in range(ENDPOINTS))
    return """runtime: { backend: %s }
limits: { max_connections: 10000 }
log: { level: warn }
listeners: [{ name: busy, bind: "127.0.0.1:%d", upstream: app }]
upstreams:
  - name: app
    health: { check: connect, interval: 1s, fast_interval: 1s, port: %d }
    endpoints: [ %s ]
""" % (backend, port, checks, ends)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Checked:
    """Accepts what comes to each endpoint's address, and knows when."""

    def __init__(self) -> None:
        self.port = free_port()
        self.times: list[list[float]] = [[] for _ in range(ENDPOINTS)]
        self._selector = selectors.DefaultSelector()
        for i in range(ENDPOINTS):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.1.0.%d" % (i + 1), self.port))
            listener.listen()
            self._selector.register(listener, selectors.EVENT_READ, i)

    def watch(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self.times[key.data].append(time.monotonic())
                key.fileobj.accept()[0].close()

    def forget(self) -> None:
        self.times = [[] for _ in range(ENDPOINTS)]

    def pauses(self) -> list[float]:
        return [b - a for times in self.times for a, b in zip(times, times[1:])]


def measure(options, connections: int) -> list[float]:
    checked = Checked()
    port, upstream = free_port(), free_port()
    programs = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.yaml")
        with open(path, "w") as file:
            file.write(config(options.backend, port, upstream, checked.port))
        try:
            serve = [options.upstream, "--listen", "0.0.0.0:%d" % upstream]
            programs.append(subprocess.Popen(serve, stdout=subprocess.DEVNULL))
            programs.append(subprocess.Popen([options.sluice, "--config", path]))
            if connections > 0:
                plan = {"target": "127.0.0.1:%d" % port, "seconds": options.seconds + 8,
                        "groups": [{"shape": "closed", "connections": connections,
                                    "request_bytes": 256, "answer_bytes": 256}]}
                time.sleep(1)
                programs.append(subprocess.Popen([options.generator, json.dumps(plan)],
                                                 stdout=subprocess.DEVNULL))
            checked.watch(6)  # until all are connected
            checked.forget()
            checked.watch(options.seconds)
            for program in programs:
                if program.poll() is not None:
                    sys.exit("%s has ended" % program.args[0])
            return checked.pauses()
        finally:
            for program in programs:
                program.terminate()
            for program in programs:
                program.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", default="bazel-bin/proxy/sluice", help="default: %(default)s")
    parser.add_argument("--generator", default="bazel-bin/loadtest/generator/generator")
    parser.add_argument("--upstream", default="bazel-bin/loadtest/upstream/upstream")
    parser.add_argument("--backend", default="io_uring", help="default: %(default)s")
    parser.add_argument("--connections", type=int, default=9000, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=20, help="default: %(default)s")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print("%11s %7s | %8s %8s %8s | %s" % ("connections", "checks", "least s", "median", "most s",
                                           "late"))
    for connections in (0, options.connections):
        pauses = measure(options, connections)
        late = [each for each in pauses if abs(each - INTERVAL) > ALLOWED * INTERVAL]
        print("%11d %7d | %8.3f %8.3f %8.3f | %d" % (connections, len(pauses), min(pauses),
                                                     statistics.median(pauses), max(pauses),
                                                     len(late)), flush=True)


if __name__ == "__main__":
    main()
