#!/usr/bin/env python3
"""How a big configuration is borne: what --check, the start and a reload take, and how much memory.

    loadtest/scale.py [--sluice PROGRAM] [--rounds N] [--only endpoints,listeners]

Each row has twice the size of the one before: what is linear doubles. CPU is that of the process,
so a busy machine disturbs it less than the time; medians of the rounds. A reload changes one
endpoint (or, `all endpoints`, every one) and a limit.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

DONE = re.compile(rb"another configuration is in force|configuration stays as it is")
HEADER = "%-24s %6s | %8s %8s | %8s %8s %8s | %8s %8s %8s | %6s" % (
    "what", "size", "check ms", "cpu", "start ms", "cpu", "RSS kB", "reload", "cpu", "RSS kB",
    "fds")


def endpoints(count: int, balance: str, network: int = 10, changed: int = 0) -> str:
    """One upstream; of `changed` endpoints the address is another one."""
    lines = ["limits: { max_connections: %d }" % (999 if changed else 1000),
             'listeners: [{ name: web, bind: "127.0.0.1:0", upstream: app }]',
             "upstreams:", "  - name: app", "    balance: " + balance, "    endpoints:"]
    for i in range(count):
        net = network + 1 if i < changed else network
        lines.append('      - { address: "%d.%d.%d.%d:80", weight: %d }'
                     % (net, i >> 16, i >> 8 & 255, i & 255, i % 7 + 1))
    return "\n".join(lines) + "\n"


def listeners(count: int, port: int, changed: int = 0) -> str:
    """Each with an address and an upstream of its own, of ten endpoints."""
    lines = ["limits: { max_connections: %d }" % (999 if changed else 1000), "listeners:"]
    lines += ['  - { name: l%d, bind: "127.%d.%d.1:%d", upstream: u%d }'
              % (i, 10 + (i >> 8), i & 255, port, i) for i in range(count)]
    lines.append("upstreams:")
    for i in range(count):
        ends = ", ".join('"10.%d.%d.%d:80"' % (j + (i < changed) * 100, i >> 8, i & 255)
                         for j in range(10))
        lines.append("  - { name: u%d, endpoints: [%s] }" % (i, ends))
    return "\n".join(lines) + "\n"


def cpu_ms(pid: int) -> float:
    """Of all its threads, in the kernel's ticks of 10 ms."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def resident_kb(pid: int) -> int:
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


class Run:
    """One start with a configuration, and a reload of another one."""

    def __init__(self, program: str, folder: str, before: str, after: str, count: int):
        self._path = os.path.join(folder, "config.yaml")
        self._log = os.path.join(folder, "log")
        self._put(before)
        spent = -self._children_ms()
        began = time.monotonic()
        subprocess.run([program, "--check", "--config", self._path], check=True)
        self.figures = [(time.monotonic() - began) * 1000, spent + self._children_ms()]
        began = time.monotonic()
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen([program, "--config", self._path], stderr=log)
        try:
            self._wait(re.compile(rb"listening on"), count)
            self._note(began, 0)
            self._put(after)
            before_cpu, began = cpu_ms(self._process.pid), time.monotonic()
            self._process.send_signal(signal.SIGHUP)
            self._wait(DONE, 1)
            self._note(began, before_cpu)
            self.figures.append(len(os.listdir("/proc/%d/fd" % self._process.pid)))
        finally:
            self._process.terminate()
            self._process.wait()

    def _put(self, text: str) -> None:
        with open(self._path, "w") as file:
            file.write(text)

    @staticmethod
    def _children_ms() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (used.ru_utime + used.ru_stime) * 1000

    def _note(self, began: float, cpu: float) -> None:
        pid = self._process.pid
        self.figures += [(time.monotonic() - began) * 1000, cpu_ms(pid) - cpu, resident_kb(pid)]

    def _wait(self, pattern, count: int) -> None:
        while True:
            with open(self._log, "rb") as file:
                text = file.read()
            if len(pattern.findall(text)) >= count:
                return
            if self._process.poll() is not None:
                sys.exit("the proxy has ended: " + text[-500:].decode(errors="replace"))
            time.sleep(0.002)


def rows():
    """What it is, its size, the configuration before and after, how many listen."""
    for balance in ("round_robin", "least_connections", "maglev", "source_hash"):
        for count in (1250, 2500, 5000, 10000):
            yield ("endpoints " + balance, count, endpoints(count, balance),
                   endpoints(count, balance, changed=1), 1)
    for count in (1250, 2500, 5000, 10000):
        yield ("all endpoints", count, endpoints(count, "round_robin"),
               endpoints(count, "round_robin", changed=count), 1)
    for count in (125, 250, 500, 1000):
        yield "listeners", count, listeners(count, 28555), listeners(count, 28555, 1), count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", default="bazel-bin/proxy/sluice", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--only", default="", help="rows whose names begin with one of these words")
    options = parser.parse_args()
    print(HEADER)
    only = tuple(options.only.split(","))
    for what, size, before, after, count in rows():
        if not what.startswith(only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = [Run(options.sluice, folder, before, after, count).figures
                     for _ in range(options.rounds)]
        middle = [statistics.median(values) for values in zip(*found)]
        print("%-24s %6d | %8.0f %8.0f | %8.0f %8.0f %8.0f | %8.0f %8.0f %8.0f | %6.0f"
              % (what, size, *middle), flush=True)


if __name__ == "__main__":
    main()
