"""The stage of a soak: ends on both sides of a relay, what they tell, and the judge of it.

    soak = Soak(case, seed, endpoints...)
"""

import os
import re

import soak_ends
from processes import DEADLINE, wait_for

PROCESSES = 2  # of clients, and of upstreams
CROWD = 40     # sessions at once, of each process of clients


def proportional_memory(pid):
    """Pss in bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Soak:
    """`relay(endpoints)` starts what is judged and returns the address for the clients."""

    def __init__(self, case, seed, judge, relay):
        self.judge = judge
        self.upstreams = [case.peer(soak_ends.upstream, seed) for _ in range(PROCESSES)]
        self.endpoints = [peer.receive() for peer in self.upstreams]
        address = relay(self.endpoints)
        self.clients = [case.peer(soak_ends.clients, seed, address, CROWD, 256 + first, PROCESSES)
                        for first in range(PROCESSES)]

    @staticmethod
    def ask(peer, word):
        peer.send(word)
        return peer.receive()

    def collect(self):
        """Reports of ended sessions go to the judge; returns the sessions that still run."""
        running = 0
        for peer in self.clients + self.upstreams:
            reports, left = self.ask(peer, "tell")
            running += left
            for report in reports:
                self.judge.report(report)
        return running

    def serve(self, count):
        """Waits until as many more sessions have ended, and ended well."""
        def done():
            self.collect()
            return self.judge.count["done"]
        goal = done() + count
        wait_for(lambda: done() >= goal, f"{count} sessions to be served")

    def rest(self, seconds=2 * DEADLINE):
        """Begins no new sessions; waits for the end of all."""
        for peer in self.clients:
            self.ask(peer, "pause")
        wait_for(lambda: self.collect() == 0, "every session to end", seconds)

    def go(self):
        for peer in self.clients:
            self.ask(peer, "go")
