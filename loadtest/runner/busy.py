"""Whether the machine is quiet enough to measure, and what uses it when it is not."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field

import machine

MOST_WAITING = 0.05  # the share of the time in which something may wait for a CPU
MOST_USED = 0.10  # the share of all CPUs that may be in use
NAMED = 3  # processes in the message
LEAST_NAMED = 0.02  # of a CPU


@dataclass
class Busy:
    """How busy the machine was for a while, without this process."""

    waiting: float | None  # the share of the time; None: the kernel does not say (no PSI)
    used: float  # the share of all CPUs
    load: float  # the load average of the last minute
    cpus: int
    processes: list = field(default_factory=list)  # (share of one CPU, name, pid), largest first

    @property
    def too_busy(self) -> bool:
        return (self.waiting or 0) > MOST_WAITING or self.used > MOST_USED

    def __str__(self) -> str:
        """Two or three sentences for the person at the terminal."""
        waited = ("" if self.waiting is None else
                  "; something waited for a CPU %.0f %% of the time" % (100 * self.waiting))
        text = "The machine is too busy: %.0f %% of its %d CPUs are in use (load %.1f)%s." % (
            100 * self.used, self.cpus, self.load, waited)
        named = ["%s (pid %d) %.0f %%" % (name, pid, 100 * share)
                 for share, name, pid in self.processes[:NAMED] if share >= LEAST_NAMED]
        return text + (" Of one CPU take: %s." % ", ".join(named) if named else "")


def look(seconds: float = 1.0) -> Busy:
    """Watches the machine for that long."""
    begin, waited, cpu, each = time.monotonic(), _waited(), machine.cpu([]), _processes()
    time.sleep(seconds)
    wall = time.monotonic() - begin
    now = _processes()
    processes = sorted(((ticks - each.get(pid, (0, ""))[0]) / machine.TICKS / wall, name, pid)
                       for pid, (ticks, name) in now.items() if pid != os.getpid())[::-1]
    cpus = os.cpu_count() or 1
    used = machine.cpu([]).since(cpu).busy / wall / cpus
    after = _waited()
    waiting = None if waited is None or after is None else (after - waited) / 1e6 / wall
    return Busy(waiting, used, os.getloadavg()[0], cpus, processes)


def _waited() -> int | None:
    """Microseconds in which something has waited for a CPU, since the machine began."""
    found = re.search(r"^some .*total=(\d+)", machine.read("/proc/pressure/cpu"), re.M)
    return int(found.group(1)) if found else None


def _processes() -> dict:
    """{pid: (ticks of CPU time, name)} of all processes."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        head, _, tail = machine.read("/proc/%s/stat" % pid).rpartition(")")
        words = tail.split()
        if len(words) > 12:
            found[int(pid)] = (int(words[11]) + int(words[12]), head.partition("(")[2])
    return found
