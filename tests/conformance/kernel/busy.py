"""Whether other programs take so much of the machine that verdicts about time mean nothing.

Two measurements. Before the cases: one process for each CPU computes for a moment, and what each
got of the time that it wanted is known exactly; the rest was denied. While cases run, the suite
itself keeps the machine busy: then it counts the CPU time of all processes, less its own and that
of everything it has started.
"""

from __future__ import annotations

import os
import resource
import time
from typing import List

from kernel import procs

PROBE_S = 0.4
# Shares of the machine's CPUs. A proxy is not a tenth slower than its bound allows for.
MOST_DENIED = 0.10
MOST_TAKEN = 0.10
TICKS = os.sysconf("SC_CLK_TCK")


def denied(seconds: float = PROBE_S) -> float:
    """The share of the CPUs that processes which want to compute do not get now."""
    shares = [_share_of(read) for read in [_start_probe(seconds) for _ in range(_cpus())]]
    return sum(shares) / len(shares)


def too_busy_to_begin(share: float) -> str:
    """A sentence, or nothing on a quiet machine."""
    if share <= MOST_DENIED:
        return ""
    return ("The machine is too busy to judge a proxy by time: other programs take %.0f %% of its "
            "%d CPUs (load %.1f)." % (100 * share, _cpus(), os.getloadavg()[0]))


def was_too_busy(share: float, late: List[int]) -> str:
    """A sentence about a run; `late`: the cases that failed because bounds of time were missed."""
    if share <= MOST_TAKEN:
        return ""
    text = ("The machine was too busy to judge a proxy by time: other programs took %.0f %% of its "
            "%d CPUs while the cases ran." % (100 * share, _cpus()))
    if late:
        text += " Judge these again on a quiet machine: %s." % ",".join(map(str, late))
    return text


class Watch:
    """Counts from its making what other programs take of the machine."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._all = _all_seconds()
        self._own = _own_seconds()

    def share(self) -> float:
        """Of all CPUs. To be called when all that the suite has started has ended."""
        wall = time.monotonic() - self._begin
        others = (_all_seconds() - self._all) - (_own_seconds() - self._own)
        return max(0.0, others / wall / _cpus())


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _all_seconds() -> float:
    """CPU time of all processes; that of interrupts is not part of it."""
    user, nice, system = procs.read("/proc/stat").split()[1:4]
    return (int(user) + int(nice) + int(system)) / TICKS


def _own_seconds() -> float:
    """CPU time of this process and of those that it, or one of them, has waited for."""
    return sum(usage.ru_utime + usage.ru_stime for usage in
               map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def _start_probe(seconds: float) -> int:
    """A process that computes; its answer can be read from the descriptor."""
    read, write = os.pipe()
    if os.fork() == 0:
        end = time.monotonic() + seconds
        begin, used = time.monotonic(), time.process_time()
        while time.monotonic() < end:
            pass
        share = (time.process_time() - used) / (time.monotonic() - begin)
        os.write(write, b"%.6f" % share)
        os._exit(0)
    os.close(write)
    return read


def _share_of(read: int) -> float:
    """What a probe did not get."""
    with os.fdopen(read) as file:
        text = file.read()
    os.wait()
    return 1 - float(text)
