#!/usr/bin/env python3
"""How often clients wait behind three endpoints when one of them turns into a black hole.

    loadtest/black_hole.py [--sluice PROGRAM] [--seconds 60] [--clients 8]

All proxies run at once, each with three echo servers of its own and the same number of clients; a
client connects, sends a byte, reads it back, closes, and begins again 50 ms later. A tenth of the
time into the run one server of each turns:

    dark   it does not take connections any more: segments to it vanish, as behind a dead host
    mute   it takes connections and never answers

A wait is an exchange that takes longer than 500 ms; a client gives up after 10 s. Times are the
ones that each proxy is set to by default, where it has a default: Sluice and HAProxy check every
2 s, three failures are needed, a connection attempt may take 5 s; nginx knows no checks.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from typing import Callable, Optional

WAIT = 0.5
PAUSE = 0.05
PATIENCE = 10.0
KINDS = ("dark", "mute")
SO_ATTACH_FILTER = 26


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class DropAll:
    """A filter of one instruction for a listening socket (socket(7)): segments to it vanish."""

    def __init__(self) -> None:
        self._code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # return 0 bytes

    def program(self) -> bytes:
        return struct.pack("HP", 1, ctypes.addressof(self._code))


DROP_ALL = DropAll()


class Server:
    """Echoes the first byte of each connection, until it turns."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.turned: Optional[str] = None
        self.kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            stream, _ = self.listener.accept()
            if self.turned == "mute":
                self.kept.append(stream)
                continue
            threading.Thread(target=self._echo, args=(stream,), daemon=True).start()

    @staticmethod
    def _echo(stream: socket.socket) -> None:
        with stream:
            try:
                while data := stream.recv(64):
                    stream.sendall(data)
            except OSError:
                pass

    def turn(self, kind: str) -> None:
        self.turned = kind
        if kind == "dark":
            self.listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, DROP_ALL.program())


class Client:
    def __init__(self, port: int, until: float) -> None:
        self.waits: list[float] = []
        self.failures = 0
        self.exchanges = 0
        self._port = port
        self._until = until
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while (begin := time.monotonic()) < self._until:
            try:
                with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as stream:
                    stream.sendall(b"x")
                    if stream.recv(1) != b"x":
                        self.failures += 1
            except OSError:
                self.failures += 1
            self.exchanges += 1
            took = time.monotonic() - begin
            if took > WAIT:
                self.waits.append(took)
            time.sleep(PAUSE)


def sluice(backend: str, passive: bool = True) -> Callable[[str, list[str], int, str], str]:
    def config(kind: str, servers: list[str], port: int, _: str) -> str:
        check = 'exchange, exchange: [{ send: "x", expect: "x" }]' if kind == "mute" else "connect"
        extra = "passive_health: {}\n    " if passive else ""
        return """runtime: { backend: %s, workers: 1 }
log: { level: warn }
listeners: [{ name: web, bind: "127.0.0.1:%d", upstream: app }]
upstreams:
  - name: app
    %shealth: { check: %s }
    endpoints: [ %s ]
""" % (backend, port, extra, check, ", ".join('"%s"' % each for each in servers))
    return config


def haproxy(kind: str, servers: list[str], port: int, _: str) -> str:
    check = "  option tcp-check\n  tcp-check send x\n  tcp-check expect string x\n"
    lines = "".join("  server s%d %s check\n" % (i, each) for i, each in enumerate(servers))
    return """global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  option redispatch
listen web
  bind 127.0.0.1:%d
  balance roundrobin
%s%s""" % (port, check if kind == "mute" else "", lines)


def nginx(_: str, servers: list[str], port: int, folder: str) -> str:
    return """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; worker_processes 1; pid %s/nginx.pid; error_log /dev/null;
events {}
stream {
  upstream app { %s }
  server { listen 127.0.0.1:%d; proxy_connect_timeout 5s; proxy_pass app; }
}
""" % (folder, " ".join("server %s;" % each for each in servers), port)


class Behind:
    """One proxy, its servers and its clients."""

    def __init__(self, command: list[str], config: Callable, kind: str, folder: str) -> None:
        self.servers = [Server() for _ in range(3)]
        self.port = free_port()
        path = os.path.join(folder, "config")
        with open(path, "w") as file:
            file.write(config(kind, [each.address for each in self.servers], self.port, folder))
        self.process = subprocess.Popen([*command, path], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.clients: list[Client] = []

    def wait_until_it_serves(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if self.process.poll() is not None:
                sys.exit("%s has ended" % self.process.args[0])
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as stream:
                    stream.sendall(b"x")
                    if stream.recv(1) == b"x":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit("%s does not serve" % self.process.args[0])


def measure(options: argparse.Namespace, kind: str) -> None:
    peers = {"sluice io_uring": ([options.sluice, "--config"], sluice("io_uring")),
             "sluice epoll": ([options.sluice, "--config"], sluice("epoll")),
             "sluice, checks only": ([options.sluice, "--config"], sluice("auto", passive=False)),
             "HAProxy": ([options.haproxy, "-q", "-f"], haproxy),
             "nginx": ([options.nginx, "-c"], nginx)}
    running: dict[str, Behind] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, (command, config) in peers.items():
                if shutil.which(command[0]) is None:
                    print("%-20s is not installed" % name)
                    continue
                own = tempfile.mkdtemp(dir=folder)
                running[name] = Behind(command, config, kind, own)
            for each in running.values():
                each.wait_until_it_serves()
            until = time.monotonic() + options.seconds
            for each in running.values():
                each.clients = [Client(each.port, until) for _ in range(options.clients)]
            time.sleep(options.seconds / 10)
            for each in running.values():
                each.servers[1].turn(kind)
            for each in running.values():
                for client in each.clients:
                    client.thread.join()
        finally:
            for each in running.values():
                each.process.terminate()
            for each in running.values():
                each.process.wait()
    for name, each in running.items():
        waits = [client.waits for client in each.clients]
        every = sorted(took for one in waits for took in one)
        print("%-5s %-20s %9d %13s %10.2f %8.2f %9d" % (
            kind, name, sum(client.exchanges for client in each.clients),
            "%d to %d" % (min(map(len, waits)), max(map(len, waits))), sum(every) / options.clients,
            every[-1] if every else 0, sum(client.failures for client in each.clients)),
              flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", default="bazel-bin/proxy/sluice", help="default: %(default)s")
    parser.add_argument("--haproxy", default="haproxy", help="default: %(default)s")
    parser.add_argument("--nginx", default="nginx", help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=8, help="default: %(default)s")
    options = parser.parse_args()
    print("%-5s %-20s %9s %13s %10s %8s %9s" % ("", "", "exchanges", "waits of each", "s of each",
                                                "longest", "failures"))
    for kind in KINDS:
        measure(options, kind)


if __name__ == "__main__":
    main()
