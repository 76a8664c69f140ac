"""A stalled reader soon stops its own writer, costs no memory, and holds up no other session."""

import time

import sockets
from flow import Flow, finish, flood
from harness import MiB, main, matrix
from processes import scaled


def sysctl_max(name):
    with open(f"/proc/sys/net/ipv4/tcp_{name}") as file:
        return int(file.read().split()[2])


STALLED = 8
# What the sockets on the way may hold at most (the reader's is small), and the proxy itself.
BOUND = sysctl_max("rmem") + 2 * sysctl_max("wmem") + MiB
FLOOD = BOUND + 16 * MiB  # what each writer would send if nothing stopped it
PER_DIRECTION = 64 << 10
ALLOWED_GROWTH = STALLED * 2 * PER_DIRECTION + MiB
REST = scaled(24 * MiB, 8 * MiB)


@matrix(workers=(1, 2))
class Backpressure:
    def setUp(self):
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        self.web = self.proxy([self.listener.text], buffers={"per_direction": "64KiB"},
                              defaults={"timeouts": {"write_stall": "0s", "idle": "0s"}})

    def exchange_for_long(self, session):
        """200 round trips must not take longer than so many stalls of 10 ms."""
        began = time.monotonic()
        for _ in range(200):
            sockets.exchange(*session, b"x" * 1000)
        return time.monotonic() - began

    def check(self, ends):
        """`ends` turns (client, upstream) into (writer, reader)."""
        pattern = self.seed().randbytes(MiB + 1)
        active = self.session()
        self.exchange_for_long(active)
        flows = [Flow(*ends(*self.session()), pattern) for _ in range(STALLED)]
        before = self.web.resident()
        self.web.forget_peak()
        flood(flows, FLOOD)
        for flow in flows:
            self.assertLess(flow.sent, BOUND, "bytes taken from a writer whose reader is stalled")
        self.assert_memory_growth(before, self.web.resident_peak(), ALLOWED_GROWTH, "peak RSS")
        self.assertLess(self.exchange_for_long(active), 2, "seconds beside the stalled sessions")
        for flow in flows:
            finish(flow, flow.sent + REST)
        self.exchange_for_long(active)

    def test_stalled_upstream(self):
        self.check(lambda client, upstream: (client, upstream))

    def test_stalled_client(self):
        self.check(lambda client, upstream: (upstream, client))


if __name__ == "__main__":
    main()
