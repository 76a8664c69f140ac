"""Two hosts, network namespaces without a name, and a wire between them that can be cut.

They belong to this process alone and end with it, however it ends. Needs root.
"""

import contextlib
import os

import isolation
from processes import libc, run

NEW_NETWORK = 0x40000000  # CLONE_NEWNET


@contextlib.contextmanager
def _back_home():
    """What this thread does to its network inside is undone."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        libc.setns(home, NEW_NETWORK)
        os.close(home)


class Host:
    def __init__(self):
        with _back_home():
            isolation.own_network()
            self.network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def enter(self):
        """For good: for a child between fork and exec."""
        if libc.setns(self.network, NEW_NETWORK):
            raise OSError("setns")

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are made in this block, by this thread, are the host's."""
        with _back_home():
            self.enter()
            yield

    def ip(self, *words):
        with self.inside():
            done = run("ip", *words)
        if done.returncode:
            raise AssertionError(f"ip {' '.join(words)}: {done.stderr}")
        return done.stdout

    def close(self):
        os.close(self.network)


class Wire:
    """`near`, where the proxy lives, and `far`, which vanishes and comes back."""

    NEAR, FAR = "10.77.0.1", "10.77.0.2"
    # The far end's link goes down; or it stays up, and the host has moved away.
    CUTS = {"link": (("link", "set", "wire1", "down"), ("link", "set", "wire1", "up")),
            "silence": (("address", "flush", "dev", "wire1"),
                        ("address", "add", FAR + "/16", "dev", "wire1"))}

    def __init__(self):
        self.near, self.far = Host(), Host()
        self.near.ip("link", "add", "name", "wire0", "type", "veth", "peer", "name", "wire1",
                     "netns", f"/proc/{os.getpid()}/fd/{self.far.network}")
        ends = ((self.near, "wire0", self.NEAR), (self.far, "wire1", self.FAR))
        for host, device, address in ends:
            host.ip("address", "add", address + "/16", "dev", device)
            host.ip("link", "set", device, "up")
        # ARP must not report that the other host is away.
        for (host, device, _), (other, link, address) in (ends, ends[::-1]):
            hardware = other.ip("-o", "link", "show", link).split("link/ether ")[1].split()[0]
            host.ip("neighbour", "replace", address, "lladdr", hardware, "dev", device,
                    "nud", "permanent")

    def cut(self, way):
        """The far host is gone: no FIN, no RST, no ICMP, no answer to ARP."""
        self.far.ip(*self.CUTS[way][0])

    def mend(self, way):
        self.far.ip(*self.CUTS[way][1])

    def close(self):
        self.far.close()
        self.near.close()
