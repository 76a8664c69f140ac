"""What the kernel reports: CPU time, memory, noise, and the kind of machine."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

NS = 1e9
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
# Kernel objects that exist for connections, of all processes together.
CONNECTION_CACHES = re.compile(
    r"^(TCP|TCPv6|sock_inode_cache|filp|dentry|eventpoll_\w+|ep_head|io_kiocb|skbuff_\w+|"
    r"tcp_bind_\w+|lsm_\w+|kmalloc-.*)$")
SWITCHES = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", re.M)


def read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


@dataclass
class Cpu:
    """CPU time since a fixed moment, in seconds."""

    ours: float = 0  # of the processes asked for, exact
    waited: float = 0  # of these, the time ready to run and not running
    user: float = 0  # of these, in ticks
    system: float = 0
    busy: float = 0  # of the whole machine, in ticks
    stolen: float = 0
    idle: float = 0  # of the first CPU that we may use, in ticks
    wall: float = 0

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(*(getattr(self, name) - getattr(before, name) for name in vars(self)))


def softirq_threads() -> list:
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and
            read("/proc/%s/comm" % pid).startswith("ksoftirqd/")]


def scheduled(pid: int) -> Iterator[tuple]:
    """(thread, seconds that it ran, seconds that it waited for a CPU); none once it has ended."""
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return
    for task in tasks:
        words = read("/proc/%d/task/%s/schedstat" % (pid, task)).split()
        if len(words) >= 2:
            yield int(task), int(words[0]) / NS, int(words[1]) / NS


def cpu(pids: list) -> Cpu:
    now = Cpu(wall=time.monotonic())
    for pid in pids:
        for _, ran, waited in scheduled(pid):
            now.ours += ran
            now.waited += waited
        words = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
        if len(words) > 12:
            now.user += int(words[11]) / TICKS
            now.system += int(words[12]) / TICKS
    lines = {words[0]: [int(word) for word in words[1:]] for words in
             (line.split() for line in read("/proc/stat").splitlines()) if words[0][:3] == "cpu"}
    ticks = lines["cpu"]
    now.busy = (sum(ticks[:3]) + ticks[5] + ticks[6]) / TICKS
    now.stolen = ticks[7] / TICKS
    first = lines["cpu%d" % min(os.sched_getaffinity(0))]
    now.idle = (first[3] + first[4]) / TICKS
    return now


def threads(pids: list) -> dict:
    """{(process, thread): (CPU seconds, how often it was switched away)}."""
    found = {}
    for pid in pids:
        for task, ran, _ in scheduled(pid):
            status = read("/proc/%d/task/%d/status" % (pid, task))
            found[pid, task] = ran, sum(map(int, SWITCHES.findall(status)))
    return found


@dataclass
class Memory:
    """In kB."""

    user: int = 0  # proportional share of the processes asked for
    kernel: int = 0  # of the whole machine: objects of connections, and what sockets hold

    def since(self, before: "Memory") -> "Memory":
        return Memory(self.user - before.user, self.kernel - before.kernel)


def memory(pids: list) -> Memory:
    now = Memory()
    for pid in pids:
        found = re.search(r"^Pss:\s+(\d+)", read("/proc/%d/smaps_rollup" % pid), re.M)
        now.user += int(found.group(1)) if found else 0
    for line in read("/proc/slabinfo").splitlines()[2:]:
        words = line.split()
        if CONNECTION_CACHES.match(words[0]):
            now.kernel += int(words[1]) * int(words[3]) // 1024
    found = re.search(r"^TCP:.* mem (\d+)", read("/proc/net/sockstat"), re.M)
    now.kernel += int(found.group(1)) * PAGE_KB if found else 0
    return now


def describe() -> dict:
    info = read("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.*)$", info, re.M)
    total = re.search(r"^MemTotal:\s+(\d+)", read("/proc/meminfo"), re.M)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cpus": os.cpu_count(),
        "memory_gib": round(int(total.group(1)) / (1 << 20), 1) if total else None,
        "kernel": platform.release(),
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control").strip(),
        "virtual": " hypervisor" in info,
    }
