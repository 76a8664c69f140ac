"""What the kernel reports about the sockets of another process."""

import ctypes
import os
import re
import socket

from processes import libc, of_threads, run, wait_for

PIDFD_GETFD = 438  # the same on all architectures


def ss(*arguments):
    """The lines of ss(8) without its header."""
    done = run("ss", "-H", "-n", *arguments)
    if done.returncode:
        raise AssertionError(f"ss {arguments}: {done.stderr}")
    return done.stdout.splitlines()


def unread(port):
    """Bytes that the sockets connected to the local `port` have not read yet."""
    return sum(int(line.split()[1]) for line in ss("-t", "state", "connected", f"sport = :{port}"))


def borrowed(pid):
    """Duplicates of all sockets of a process: close them soon, they keep connections open."""
    pidfd = os.pidfd_open(pid)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
        except FileNotFoundError:
            continue
        number = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        if number < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        found.append(socket.socket(fileno=number))
    os.close(pidfd)
    return found


def ask(pid, matches, question):
    """`question` put to each socket of the process that `matches`."""
    sockets = borrowed(pid)
    try:
        return [question(each) for each in sockets if matches(each)]
    finally:
        for each in sockets:
            each.close()


def counter(pid, name):
    """A counter of /proc/net/netstat in the network namespace of the process."""
    with open(f"/proc/{pid}/net/netstat") as file:
        lines = file.read().splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        figures = dict(zip(re.split(r"\s+", names), re.split(r"\s+", values)))
        if name in figures:
            return int(figures[name])
    raise AssertionError(f"no counter {name}")


def threads(pid):
    """What /proc tells of each thread: a dictionary."""
    return [dict(re.findall(r"(?m)^(\w+):[ \t]*(.*?)[ \t]*$", text))
            for text in of_threads(pid, "status").values()]


def wait_until_asleep(pid):
    """Until all its threads sleep: they have done what there was to do."""
    wait_for(lambda: all(each["State"].startswith("S") for each in threads(pid)),
             "all threads to sleep")
