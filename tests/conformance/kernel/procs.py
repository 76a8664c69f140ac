"""What the kernel reports about the proxy's processes: memory, CPU, descriptors, sockets."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from typing import List

from kernel import sockdiag


def read(path: str) -> str:
    """A file of /proc, or nothing if the process has just gone."""
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def tree(pid: int) -> List[int]:
    """The process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for task in _list("/proc/%d/task" % parent):
            children = read("/proc/%d/task/%s/children" % (parent, task))
            pids.extend(int(child) for child in children.split())
    return pids


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its dead children leave behind."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_orphans() -> None:
    """Ends every descendant: to be called when all that was started has been stopped."""
    for pid in tree(os.getpid())[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def alive(pid: int) -> bool:
    stat = read("/proc/%d/stat" % pid)
    return bool(stat) and stat.rpartition(")")[2].split()[0] not in "ZX"


def asleep(pid: int) -> bool:
    """Whether every thread of a process waits for something."""
    stats = (read("/proc/%d/task/%s/stat" % (pid, task)) for task in _list("/proc/%d/task" % pid))
    return all(stat.rpartition(")")[2].split()[0] == "S" for stat in stats if stat)


def catches(pid: int, number: int) -> bool:
    """Whether a signal would run a handler of the process, now."""
    masks = dict(re.findall(r"^Sig(Cgt|Blk):\s*(\w+)", read("/proc/%d/status" % pid), re.M))
    caught, blocked = (int(masks.get(name, "0"), 16) >> (number - 1) & 1
                       for name in ("Cgt", "Blk"))
    return bool(caught and not blocked)


def stopped(pid: int) -> bool:
    """Whether every thread of a process has been stopped by a signal: it may take a moment."""
    stats = (read("/proc/%d/task/%s/stat" % (pid, task)) for task in _list("/proc/%d/task" % pid))
    return all(stat.rpartition(")")[2].split()[0] in "TZX" for stat in stats if stat)


def rss(pids: List[int]) -> int:
    """Resident memory in bytes."""
    pages = (read("/proc/%d/statm" % pid).split() for pid in pids)
    return sum(int(fields[1]) for fields in pages if fields) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pids: List[int]) -> float:
    """CPU time of all threads, by the scheduler's nanosecond clock where there is one."""
    total = 0.0
    for pid in pids:
        for task in _list("/proc/%d/task" % pid):
            ran = read("/proc/%d/task/%s/schedstat" % (pid, task)).split()
            if ran:
                total += int(ran[0]) / 1e9
            else:
                stat = read("/proc/%d/task/%s/stat" % (pid, task)).rpartition(")")[2].split()
                ticks = int(stat[11]) + int(stat[12]) if stat else 0
                total += ticks / os.sysconf("SC_CLK_TCK")
    return total


def wakeups(pids: List[int]) -> int:
    """How often threads have gone to sleep and come back."""
    total = 0
    for pid in pids:
        for task in _list("/proc/%d/task" % pid):
            status = read("/proc/%d/task/%s/status" % (pid, task))
            found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.M)
            total += int(found.group(1)) if found else 0
    return total


def cpu_share(pids: List[int], seconds: float) -> float:
    """CPU used over a span of time, as a share of one core."""
    before, start = cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pids) - before) / (time.monotonic() - start)


def threads(pid: int) -> int:
    return len(_list("/proc/%d/task" % pid))


def descriptors(pid: int) -> int:
    return len(_list("/proc/%d/fd" % pid))


def tcp_sockets(pid: int, state: str) -> List[sockdiag.Socket]:
    """The TCP sockets of one state a process holds, in whatever network namespace it lives."""
    owned = set()
    for fd in _list("/proc/%d/fd" % pid):
        try:
            owned.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:
            continue
    return [sock for sock in sockdiag.tcp_sockets(pid, state)
            if "socket:[%d]" % sock.inode in owned]


def time_wait_count(pid: int, remote_port: int) -> int:
    """TIME_WAIT sockets in the process's namespace towards a port; the kernel owns these."""
    return sum(1 for sock in sockdiag.tcp_sockets(pid, "TIME_WAIT")
               if sock.remote_port == remote_port)


def listens(pid: int, address) -> bool:
    """Whether a process in the namespace of `pid` listens on an address."""
    if address.family == "unix":
        # HAProxy binds a temporary name and renames it: the kernel remembers the first one.
        rows = [line.split() for line in read("/proc/%d/net/unix" % pid).splitlines()]
        return os.path.exists(address.path) and any(
            row[-1].startswith(address.path) and row[3] == "00010000" for row in rows)
    return any(sock.family == address.af and sock.local_port == address.port
               for sock in sockdiag.tcp_sockets(pid, "LISTEN"))


def _list(path: str) -> List[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
