#!/usr/bin/env python3
"""What looking at a proxy with many sessions costs: a scrape, a walk of all of them, its workers.

    loadtest/admin.py [--sluice PROGRAM] [--sessions N] [--rounds N] [--backends io_uring,epoll]

Columns: how long an answer takes (median and the longest), how long /healthz takes meanwhile, at
most (another client asks), and how long a small request through the proxy takes meanwhile: median,
99.9 % and the longest; first while nobody asks for more. The worker, the
clients and the upstream have one CPU and the admin endpoint's thread and its client the other one,
so that what a request waits for is what the walk keeps from the worker, and no turn on a CPU.
Two CPUs are needed, and a quiet machine. Exit code 1: a scrape takes more than 50 ms (median), a
walk adds more than 1 ms to 99.9 % of the requests, or /healthz waits for longer than 100 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MOST_SCRAPE_MS = 50.0
MOST_ADDED_MS = 1.0
MOST_HEALTH_MS = 100.0
PAUSE = 0.05  # between two questions

CONFIG = """
runtime: {{ backend: {backend}, workers: 1 }}
limits: {{ max_connections: {limit} }}
admin: {{ bind: "unix:{folder}/admin.sock" }}
defaults: {{ timeouts: {{ idle: 1h }} }}
listeners: [{{ name: web, bind: "127.0.0.1:0", upstream: app }}]
upstreams: [{{ name: app, endpoints: ["127.0.0.1:{port}"] }}]
"""


def serve(listener: socket.socket, cpu: int) -> None:
    """Echoes whatever comes on however many connections."""
    os.sched_setaffinity(0, {cpu})
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    streams = {}
    while True:
        for number, _ in poller.poll():
            if number == listener.fileno():
                stream = listener.accept()[0]
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                streams[stream.fileno()] = stream
                poller.register(stream, select.EPOLLIN)
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = streams[number].recv(4096)
            if data:
                streams[number].sendall(data)
            else:
                poller.unregister(number)
                streams.pop(number).close()


def ask(path: str, target: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                       % target.encode())
        parts = []
        while part := client.recv(1 << 20):
            parts.append(part)
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit("%s: %r" % (target, head[:100]))
    return body


def asker(link, path: str, cpu: int) -> None:
    """Asks for targets, each for some time; sends how many ms each answer took, and its size."""
    os.sched_setaffinity(0, {cpu})
    while True:
        target, seconds = link.recv()
        end, took, size = time.monotonic() + seconds, [], 0
        while target and time.monotonic() < end:
            began = time.monotonic()
            size = len(ask(path, target))
            took.append((time.monotonic() - began) * 1000)
            time.sleep(PAUSE)
        if not target:
            time.sleep(seconds)
        link.send((took, size))


def pings(client: socket.socket, until) -> list[float]:
    """How many ms each small request took, until `until()` says so."""
    took = []
    while not until():
        for _ in range(50):
            began = time.monotonic()
            client.sendall(b"ping")
            if client.recv(4) != b"ping":
                sys.exit("another answer than ping")
            took.append((time.monotonic() - began) * 1000)
    return took


def place_threads(pid: int, worker: int, others: int) -> None:
    """The worker on one CPU, all other threads on another one."""
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, thread)) as file:
            name = file.read().strip()
        is_other = name in ("admin", "log", "state_file")
        os.sched_setaffinity(int(thread), {others if is_other else worker})


class Proxy:
    def __init__(self, program: str, folder: str, backend: str, port: int, sessions: int):
        config = os.path.join(folder, "config.yaml")
        with open(config, "w") as file:
            file.write(CONFIG.format(backend=backend, limit=sessions + 100, folder=folder,
                                     port=port))
        self.path = os.path.join(folder, "admin.sock")
        log = os.path.join(folder, "log")
        with open(log, "wb") as file:
            self.process = subprocess.Popen([program, "--config", config], stderr=file)
        while True:
            with open(log) as file:
                found = re.search(r"listening on 127\.0\.0\.1:(\d+)", file.read())
            if found:
                self.address = ("127.0.0.1", int(found[1]))
                return
            if self.process.poll() is not None:
                with open(log) as file:
                    sys.exit("the proxy has ended: " + file.read()[-1000:])
            time.sleep(0.01)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(options, backend: str, folder: str, cpus: list[int]) -> bool:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    context = multiprocessing.get_context("fork")
    helpers = [context.Process(target=serve, args=(listener, cpus[0]), daemon=True)]
    proxy = Proxy(options.sluice, folder, backend, listener.getsockname()[1], options.sessions)
    askers = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        askers.append(ours)
        helpers.append(context.Process(target=asker, args=(theirs, proxy.path, cpus[1]),
                                       daemon=True))
    for helper in helpers:
        helper.start()
    listener.close()
    clients = []
    try:
        place_threads(proxy.process.pid, *cpus)
        for _ in range(options.sessions):
            clients.append(socket.create_connection(proxy.address))
            if len(clients) % 500 == 0:  # the queues are not that long
                clients[-1].sendall(b"x")
                clients[-1].recv(1)
        pinger = clients[-1]
        pinger.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(100):
            active = json.loads(ask(proxy.path, "/api/v1/info"))["sessions_active"]
            if active == options.sessions:
                break
            time.sleep(0.05)
        else:
            sys.exit("%d of %d sessions" % (active, options.sessions))
        rows = []
        for what, target in (("nothing", ""), ("scrape", "/metrics"),
                             ("sessions, 20 of all", "/api/v1/sessions?order=idle&limit=20"),
                             ("sessions, all", "/api/v1/sessions?limit=%d" % options.sessions),
                             ("sessions, with paths",
                              "/api/v1/sessions?paths=true&limit=%d" % options.sessions)):
            took, waited, healthy, size = [], [], [], 0
            for _ in range(options.rounds):
                for link, wanted in zip(askers, (target, "/healthz")):
                    link.send((wanted, options.seconds))
                waited += pings(pinger, lambda: all(link.poll(0) for link in askers))
                some, size = askers[0].recv()
                took += some
                healthy += askers[1].recv()[0]
            rows.append((what, took, waited, healthy))
            print("%-9s %-21s | %8s %8s %9s | %7.1f | %8.3f %8.3f %8.3f | %7d" % (
                backend, what,
                "%.1f" % statistics.median(took) if took else "",
                "%.1f" % max(took) if took else "", size or "",
                max(healthy), statistics.median(waited), percentile(waited, 0.999),
                max(waited), len(waited)), flush=True)
        quiet = percentile(rows[0][2], 0.999)
        added = max(percentile(waited, 0.999) for _, _, waited, _ in rows[1:]) - quiet
        scrape, health = statistics.median(rows[1][1]), max(max(row[3]) for row in rows)
        is_good = (scrape <= MOST_SCRAPE_MS and added <= MOST_ADDED_MS and
                   health <= MOST_HEALTH_MS)
        print("%-9s a scrape: %.1f ms (at most %.0f); a walk adds %.3f ms to 99.9 %% (at most "
              "%.0f); /healthz: at most %.1f ms (%.0f): %s"
              % (backend, scrape, MOST_SCRAPE_MS, max(added, 0), MOST_ADDED_MS, health,
                 MOST_HEALTH_MS, "good" if is_good else "TOO MUCH"), flush=True)
        return is_good
    finally:
        for client in clients:
            client.close()
        for helper in helpers:
            helper.kill()
        proxy.process.send_signal(signal.SIGINT)
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", default="bazel-bin/proxy/sluice", help="default: %(default)s")
    parser.add_argument("--sessions", type=int, default=9500, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.0,
                        help="of each round of a row; default: %(default)s")
    parser.add_argument("--backends", default="io_uring,epoll", help="default: %(default)s")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        sys.exit("two CPUs are needed")
    os.sched_setaffinity(0, {cpus[0]})
    print("%-9s %-21s | %8s %8s %9s | %7s | %8s %8s %8s | %7s" % (
        "backend", "asked meanwhile", "ms", "longest", "bytes", "healthz", "ping ms", "99.9 %",
        "longest", "pings"))
    results = []
    for backend in options.backends.split(","):
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            results.append(measure(options, backend, folder, cpus[:2]))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
