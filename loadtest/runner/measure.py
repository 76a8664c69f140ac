"""One run: starts upstream and peer, lets the driver load them, reads the kernel's counters."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import choosing
import machine
import peers
import reloading
import starting
from generating import PATIENCE_S, Generator, RunError
from scenario import Row

SETTLE_S = 1.5  # before memory is read, so that what is freed late has been freed
CAPACITY = 9500  # connections that every proxy is configured for
LISTENING = 5000  # the same where it needs descriptors for its listeners


@dataclass
class Cpus:
    """Where a row's processes run; None: anywhere."""

    generator: set | None
    upstream: set | None
    proxy: set | None


# iperf3 does not choose a port itself: a free one may be taken before it listens there.
TRIES = 5


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

    def __init__(self, row: Row, setting: peers.Setting, cpus: set | None, urgent: bool = False):
        program = os.path.join(setting.programs, "upstream")
        own = [program, "--listen", "127.0.0.1:0", "--kind", row.upstream] + _flags(row)
        for _ in range(TRIES):
            iperf3 = peers.free_port() if row.driver == "iperf3" else 0
            command = ["iperf3", "-s", "-p", str(iperf3), "--forceflush"] if iperf3 else own
            self.process = peers.spawn(command, cpus, subprocess.DEVNULL, urgent,
                                       stdout=subprocess.PIPE, text=True)
            for line in self.process.stdout:
                if not iperf3 or "listening" in line:
                    self.port = iperf3 or json.loads(line)["port"]
                    return
            self.stop()
            if not iperf3:
                break
        raise RunError("the upstream did not start: %s" % " ".join(command))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def _flags(row: Row) -> list:
    """The upstream's flags beside its kind."""
    flags = ["--socket-buffer", str(row.socket_buffer)] if row.socket_buffer else []
    return flags + (["--endless-part", str(row.endless_part)] if row.endless_part else [])


def _plan(row: Row, groups: list, port: int, seconds: float) -> dict:
    return {
        "target": "127.0.0.1:%d" % port,
        "warmup_s": row.warmup,
        "seconds": 0 if row.figure == "memory" else seconds,
        "spin": row.spin,
        "socket_buffer": row.socket_buffer,
        "groups": groups,
    }


def _wrk(row: Row, port: int, seconds: float) -> list:
    return ["wrk", "-t%d" % row.threads, "-c%d" % row.connections,
            "-d%ds" % max(1, round(seconds)), "--latency", "http://127.0.0.1:%d/" % port]


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
    longest = re.search(r"^\s+Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\s", text, re.M)
    if longest:
        quantiles.append([1.0, float(longest.group(1)) * units[longest.group(2)]])
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       text)
    groups = _group(row, done=int(done.group(1)), latency={"quantiles_us": quantiles})
    if failed:
        groups[row.of]["errors"]["broken"] = sum(int(word) for word in failed.groups())
    return {"seconds": float(done.group(2)), "groups": groups}


class ServerBusy(RunError):
    """The server serves one client; for a moment that was the look whether the proxy serves."""


def parse_iperf3(row: Row, text: str) -> dict:
    report = json.loads(text)
    if re.search("control socket has closed|server is busy", report.get("error", "")):
        raise ServerBusy("iperf3: %s" % report["error"])
    if "error" in report:
        raise RunError("iperf3: %s" % report["error"])
    received = report["end"]["sum_received"]
    return {"seconds": received["seconds"],
            "groups": _group(row, bytes_down=int(received["bytes"]))}


class Run:
    """Everything that one run starts, and what it measures."""

    def __init__(self, row: Row, peer: peers.Peer, setting: peers.Setting, seconds: float,
                 feature: peers.Feature | None = None):
        self.row = row
        self.setting = setting
        self.seconds = row.seconds or seconds
        self.cpus = place(row)
        self.kernel_threads = machine.softirq_threads()  # they do the network's work too
        self.upstreams: list = []
        try:
            for urgent in [False] + [True] * bool(row.priority):
                self.upstreams.append(Upstream(row, setting, self.cpus.upstream, urgent))
            self.peer = peers.begin(peer, setting, how(row, self.cpus, feature,
                                                       [up.port for up in self.upstreams]))
        except BaseException:  # also for a signal that ends this process
            self._stop_upstreams()
            raise
        self.generators: list = []
        self.chosen: choosing.Chosen | None = None
        self.reloads: reloading.Reloads | None = None

    def stop(self) -> None:
        if self.reloads:
            self.reloads.end()
        for generator in self.generators:
            generator.stop()
        if self.chosen:
            self.chosen.close()
        self.peer.stop()
        self._stop_upstreams()

    def _stop_upstreams(self) -> None:
        for upstream in self.upstreams:
            upstream.stop()

    def measure(self) -> dict:
        """The figures. To be called once."""
        before = machine.memory(self.peer.pids)
        if self.row.driver == "generator":
            result = self._generate(before)
        else:
            make, parse = {"wrk": (_wrk, parse_wrk), "iperf3": (_iperf3, parse_iperf3)}[
                self.row.driver]
            for tries_left in reversed(range(TRIES)):
                try:
                    result = self._drive(make(self.row, self.peer.port, self.seconds), parse)
                    break
                except ServerBusy:
                    if tries_left == 0:
                        raise
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

    def _start_generator(self, urgent: bool) -> Generator:
        """One for the groups that are urgent, or for the others."""
        row = self.row
        groups = [group for group in row.groups if (group["name"] in row.priority) == urgent]
        if row.chosen:
            self.chosen = choosing.Chosen(self.peer.port, self.peer.pids, row.connections,
                                          row.chosen)
            groups = [{**groups[0], "connections": len(self.chosen.descriptors),
                       "descriptors": self.chosen.descriptors}]
        counts = urgent or not row.priority
        port = self.peer.second_port if urgent else self.peer.port
        plan = _plan(row, groups, port, self.seconds if counts else 0)
        self.generators.append(Generator(self.setting, plan, self.cpus.generator, urgent))
        return self.generators[-1]

    def _generate(self, before: machine.Memory) -> dict:
        """The groups with priority are measured while the others, if there are any, go on."""
        background = self._start_generator(False) if self.row.priority else None
        if background:
            background.expect("measuring")
        generator = self._start_generator(bool(self.row.priority))
        generator.expect("measuring")
        begin = self._sample([one.pid for one in self.generators])
        if self.row.reloads:
            self.reloads = reloading.Reloads(self.peer, self.row.reloads, self.seconds,
                                             self.row.burst_us)
        memory = {}
        if self.row.figure == "memory":
            time.sleep(SETTLE_S)
            grown = machine.memory(self.peer.pids).since(before)
            memory = {"user_kb": grown.user, "kernel_kb": grown.kernel}
            generator.tell_to_end()
        generator.expect("measured")
        end = self._sample([one.pid for one in self.generators])
        if "user_mb" in (self.row.shows or []):
            memory["user_mb"] = machine.memory(self.peer.pids).user / 1024
        result = generator.result()
        if background:
            background.tell_to_end()
            background.expect("measured")
            result["groups"].update(background.result()["groups"])
        if "memory_after" in (self.row.shows or []):
            time.sleep(SETTLE_S)
            memory["memory_after"] = machine.memory(self.peer.pids).since(before).user / 1024
        found = {"memory": memory} if memory else {}
        return {**result, **found, **self._noise(begin, end, result["seconds"])}

    def _sample(self, generators: list) -> tuple:
        others = [upstream.process.pid for upstream in self.upstreams] + self.kernel_threads
        rest = machine.cpu(generators + others)
        return machine.cpu(self.peer.pids), rest, machine.threads(self.peer.pids)

    def _noise(self, begin: tuple, end: tuple, seconds: float) -> dict:
        """CPU time, scaled from the time between the samples to the measured time."""
        proxy, rest = (now.since(then) for now, then in zip(end[:2], begin))
        share = seconds / proxy.wall
        worked = [(cpu - begin[2].get(thread, (0, 0))[0],
                   switches - begin[2].get(thread, (0, 0))[1])
                  for thread, (cpu, switches) in end[2].items()]
        found = {"proxy": proxy.ours * share, "proxy_user": proxy.user * share,
                 "proxy_system": proxy.system * share, "rest": rest.ours * share,
                 "busy": proxy.busy * share, "idle": proxy.idle * share,
                 "threads": sorted((round(cpu * share, 4) for cpu, _ in worked), reverse=True)[:8],
                 "switches": sum(switches for _, switches in worked) / proxy.wall,
                 "stolen": proxy.stolen / proxy.wall / (os.cpu_count() or 1)}
        if self.row.driver == "generator" and not self.row.reloads:  # others start processes
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


def how(row: Row, cpus: Cpus, feature: peers.Feature | None, upstream_ports: list) -> peers.Start:
    """How a row's peer is started in front of these upstreams."""
    capacity = LISTENING if row.driver == "start" else max(CAPACITY, row.connections)
    return peers.Start(upstream_ports[0], row.workers, capacity, cpus.proxy,
                       feature, upstream_ports[1] if len(upstream_ports) > 1 else 0)


def run_once(row: Row, peer: peers.Peer, setting: peers.Setting, seconds: float,
             feature: peers.Feature | None = None) -> dict:
    if row.driver == "start":
        upstream = Upstream(row, setting, None)
        try:
            return starting.measure(row, peer, setting, how(row, place(row), feature,
                                                            [upstream.port]))
        finally:
            upstream.stop()
    run = Run(row, peer, setting, seconds, feature)
    try:
        return run.measure()
    finally:
        run.stop()


def stop_on_signal() -> None:
    """Makes SIGTERM end the process in the ordinary way, which stops what it has started."""
    def leave(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, leave)
