"""Network namespaces of the suite's own: a wire that can be cut, ports that can run out.

Needs root and the `ip` program; where either is missing the case is not applicable. A host
vanishes by losing its addresses: it neither answers nor refuses connects, and because the other
end keeps a permanent neighbour entry, ARP does not report it either.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
from typing import Iterator, List

from verdict import NotApplicable

CLONE_NEWNET = 0x40000000
_serial = itertools.count()


def require() -> None:
    if os.geteuid() != 0:
        raise NotApplicable("needs root for a network namespace")
    if not shutil.which("ip"):
        raise NotApplicable("needs the ip program of iproute2 for a network namespace")


def ip(*words: str) -> str:
    done = subprocess.run(["ip"] + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise NotApplicable("ip %s: %s" % (" ".join(words), done.stderr.decode().strip()))
    return done.stdout.decode()


class Namespace:
    """A network namespace with its loopback up. `with inside():` makes sockets in it."""

    def __init__(self, name: str):
        require()
        self.name = "conf-%d-%d-%s" % (os.getpid(), next(_serial), name)
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> str:
        return ip("-n", self.name, *words)

    def add_address(self, device: str, address: str) -> None:
        extra = ["nodad"] if ":" in address else []
        self.ip("address", "add", address, "dev", device, *extra)

    def sysctl(self, key: str, value: str) -> None:
        with self.inside(), open("/proc/sys/net/" + key, "w") as file:
            file.write(value)

    def inside(self) -> contextlib.AbstractContextManager:
        """This thread's new sockets belong to the namespace until the block ends."""
        return entered("/run/netns/" + self.name)

    def close(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def entered(path: str) -> Iterator[None]:
    """This thread is in the namespace of that file until the block ends."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(path, os.O_RDONLY)
    except OSError:
        os.close(home)
        raise
    moves = not os.path.sameopenfile(home, there)  # to enter where one is needs privileges, too
    try:
        if moves:
            _setns(there)
        yield
    finally:
        if moves:
            _setns(home)
        os.close(there)
        os.close(home)


def _setns(fd: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    """Two namespaces joined by a veth pair: `near`, where the proxy lives, and `far`."""

    NEAR, FAR = "10.77.0.1", "10.77.0.2"

    def __init__(self):
        self.near = Namespace("near")
        self.far = Namespace("far")
        self.near.ip("link", "add", "name", "wire0", "type", "veth", "peer", "name", "wire1",
                     "netns", self.far.name)
        ends = ((self.near, "wire0", self.NEAR), (self.far, "wire1", self.FAR))
        for space, device, address in ends:
            space.add_address(device, address + "/16")
            space.ip("link", "set", device, "up")
        hardware = self.far.ip("-o", "link", "show", "wire1").split("link/ether ")[1].split()[0]
        self.near.ip("neighbour", "replace", self.FAR, "lladdr", hardware, "dev", "wire0",
                     "nud", "permanent")

    def cut(self) -> None:
        """The far host vanishes: no FIN, no RST, no ICMP, no ARP answer."""
        self.far.ip("address", "flush", "dev", "wire1")

    def spaces(self) -> List[Namespace]:
        return [self.near, self.far]

    def close(self) -> None:
        for space in self.spaces():
            space.close()
