"""One run: starts upstream and peer, lets the driver load them, reads the kernel's counters."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

import machine
import peers
from scenario import Row

SETTLE_S = 1.5  # before memory is read, so that what is freed late has been freed
PATIENCE_S = 100  # beyond the measured time, before a driver that does not end is killed
CAPACITY = 9500  # connections that every proxy is configured for


class RunError(Exception):
    """A run that gave no figures."""


@dataclass
class Cpus:
    """Where a row's processes run; None: anywhere."""

    generator: set | None
    upstream: set | None
    proxy: set | None


def place(row: Row) -> Cpus:
    available = sorted(os.sched_getaffinity(0))
    first, second = {available[0]}, {available[min(1, len(available) - 1)]}
    return {
        "one_core": Cpus(first, first, first),
        "split": Cpus(first, second, second),
        "proxy_alone": Cpus(first, first, second),
        "free": Cpus(None, None, None),
    }[row.place]


class Upstream:
    """The process that the peers forward to."""

    def __init__(self, row: Row, setting: peers.Setting, cpus: set | None):
        iperf3 = row.driver == "iperf3"
        self.port = peers.free_port() if iperf3 else 0
        program = os.path.join(setting.programs, "upstream")
        command = (["iperf3", "-s", "-p", str(self.port), "--forceflush"] if iperf3 else
                   [program, "--listen", "127.0.0.1:0", "--kind", row.upstream] + _flags(row))
        self.process = peers.spawn(command, cpus, subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   text=True)
        for line in self.process.stdout:
            if iperf3 and "listening" in line:
                return
            if not iperf3:
                self.port = json.loads(line)["port"]
                return
        raise RunError("the upstream did not start: %s" % " ".join(command))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def _flags(row: Row) -> list:
    """The upstream's flags beside its kind."""
    flags = ["--socket-buffer", str(row.socket_buffer)] if row.socket_buffer else []
    return flags + (["--endless-part", str(row.endless_part)] if row.endless_part else [])


def _plan(row: Row, port: int, seconds: float) -> str:
    return json.dumps({
        "target": "127.0.0.1:%d" % port,
        "warmup_s": row.warmup,
        "seconds": 0 if row.figure == "memory" else seconds,
        "spin": row.spin,
        "socket_buffer": row.socket_buffer,
        "groups": row.groups,
    })


def _wrk(row: Row, port: int, seconds: float) -> list:
    return ["wrk", "-t1", "-c%d" % row.connections, "-d%ds" % max(1, round(seconds)), "--latency",
            "http://127.0.0.1:%d/" % port]


def _iperf3(row: Row, port: int, seconds: float) -> list:
    reverse = ["-R"] if row.groups[0]["direction"] == "down" else []
    return ["iperf3", "-c", "127.0.0.1", "-p", str(port), "-J", "-t", str(max(1, round(seconds))),
            "-P", str(row.connections)] + reverse


def _group(row: Row, **values) -> dict:
    """What other drivers report, in the generator's format."""
    errors = {"connect_failed": 0, "broken": 0, "wrong": 0, "unanswered": 0}
    group = {"done": 0, "bytes_up": 0, "bytes_down": 0, "errors": errors, **values}
    return {row.of: group}


def parse_wrk(row: Row, text: str) -> dict:
    done = re.search(r"(\d+) requests in ([\d.]+)s", text)
    if not done:
        raise RunError("the output of wrk cannot be read: %s" % text[-300:])
    units = {"us": 1, "ms": 1e3, "s": 1e6}
    quantiles = [[float(at) / 100, float(value) * units[unit]] for at, value, unit in
                 re.findall(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s)$", text, re.M)]
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       text)
    groups = _group(row, done=int(done.group(1)), latency={"quantiles_us": quantiles})
    if failed:
        groups[row.of]["errors"]["broken"] = sum(int(word) for word in failed.groups())
    return {"seconds": float(done.group(2)), "groups": groups}


def parse_iperf3(row: Row, text: str) -> dict:
    report = json.loads(text)
    if "error" in report:
        raise RunError("iperf3: %s" % report["error"])
    received = report["end"]["sum_received"]
    return {"seconds": received["seconds"],
            "groups": _group(row, bytes_down=int(received["bytes"]))}


class Run:
    """Everything that one run starts, and what it measures."""

    def __init__(self, row: Row, peer: peers.Peer, setting: peers.Setting, seconds: float):
        self.row = row
        self.seconds = row.seconds or seconds
        self.cpus = place(row)
        self.kernel_threads = machine.softirq_threads()  # they do the network's work too
        self.upstream = Upstream(row, setting, self.cpus.upstream)
        try:
            self.peer = peers.start(peer, setting, self.upstream.port, row.workers,
                                    max(CAPACITY, row.connections), self.cpus.proxy)
        except BaseException:  # also for a signal that ends this process
            self.upstream.stop()
            raise
        self.generator = os.path.join(setting.programs, "generator")

    def stop(self) -> None:
        self.peer.stop()
        self.upstream.stop()

    def measure(self) -> dict:
        """The figures. To be called once."""
        before = machine.memory(self.peer.pids)
        if self.row.driver == "generator":
            result = self._generate(before)
        else:
            make, parse = {"wrk": (_wrk, parse_wrk), "iperf3": (_iperf3, parse_iperf3)}[
                self.row.driver]
            result = self._drive(make(self.row, self.peer.port, self.seconds), parse)
        result["connections"] = self.row.connections
        return result

    def _drive(self, command: list, parse) -> dict:
        begin = self._sample([])
        driver = peers.spawn(command, self.cpus.generator, subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
        try:
            text, _ = driver.communicate(timeout=self.seconds + PATIENCE_S)
        except subprocess.TimeoutExpired:
            driver.kill()
            driver.wait()
            raise RunError("%s did not end in time and was killed" % command[0])
        result = parse(self.row, text)
        return {**result, **self._noise(begin, self._sample([]), result["seconds"])}

    def _generate(self, before: machine.Memory) -> dict:
        command = [self.generator, _plan(self.row, self.peer.port, self.seconds)]
        generator = peers.spawn(command, self.cpus.generator, None, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(self.seconds + self.row.warmup + PATIENCE_S, generator.kill)
        watchdog.start()
        try:
            self._expect(generator, "measuring")
            begin = self._sample([generator.pid])
            found = {}
            if self.row.figure == "memory":
                time.sleep(SETTLE_S)
                grown = machine.memory(self.peer.pids).since(before)
                found["memory"] = {"user_kb": grown.user, "kernel_kb": grown.kernel}
                generator.stdin.close()
            self._expect(generator, "measured")
            end = self._sample([generator.pid])
            result = self._expect(generator, "result")
            del result["event"]
            return {**result, **found, **self._noise(begin, end, result["seconds"])}
        finally:
            watchdog.cancel()
            generator.kill()
            generator.wait()
            generator.stdin.close()
            generator.stdout.close()

    def _expect(self, generator: subprocess.Popen, event: str) -> dict:
        line = generator.stdout.readline()
        if not line:
            raise RunError("the generator ended before it wrote %r" % event)
        said = json.loads(line)
        if said["event"] != event:
            raise RunError("the generator wrote %r instead of %r" % (said["event"], event))
        return said

    def _sample(self, generator: list) -> tuple:
        rest = machine.cpu(generator + [self.upstream.process.pid] + self.kernel_threads)
        return machine.cpu(self.peer.pids), rest

    def _noise(self, begin: tuple, end: tuple, seconds: float) -> dict:
        """CPU time, scaled from the time between the samples to the measured time."""
        proxy, rest = (now.since(then) for now, then in zip(end, begin))
        share = seconds / proxy.wall
        found = {"proxy": proxy.ours * share, "proxy_user": proxy.user * share,
                 "proxy_system": proxy.system * share, "rest": rest.ours * share,
                 "busy": proxy.busy * share, "idle": proxy.idle * share,
                 "stolen": proxy.stolen / proxy.wall / (os.cpu_count() or 1)}
        if self.row.driver == "generator":  # others start uncounted processes
            ours = proxy.ours + rest.ours
            strange = (proxy.wall - proxy.idle - ours if self.row.place == "one_core" else
                       proxy.busy - ours)
            found["strange"] = strange / proxy.wall
        return {"cpu": found}


def noise(row: Row, run: dict) -> str:
    """Why a run should not count; empty for an undisturbed run."""
    if run["cpu"]["stolen"] > 0.01:
        return "the host took %.1f %% of the CPUs" % (100 * run["cpu"]["stolen"])
    strange = run["cpu"].get("strange", 0)
    if row.figure != "memory" and strange > (0.05 if row.place == "one_core" else 0.1):
        return "other programs took %.0f %% of a CPU" % (100 * strange)
    return ""


def run_once(row: Row, peer: peers.Peer, setting: peers.Setting, seconds: float) -> dict:
    run = Run(row, peer, setting, seconds)
    try:
        return run.measure()
    finally:
        run.stop()


def stop_on_signal() -> None:
    """Makes SIGTERM end the process in the ordinary way, which stops what it has started."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, leave)
