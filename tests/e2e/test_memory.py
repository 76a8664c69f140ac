"""The formula of docs/sizing.md for the proxy's memory: an upper bound, not far above the truth;
and what a crowd took is given back to the kernel when it has gone."""

import os
import re

import sockets
from documents import document
from flow import Flow, flood
from harness import MiB, main, matrix
from processes import scaled, wait_for
from sluice import built_with

KiB = 1 << 10
UNITS = {"B": 1, "KiB": KiB, "MiB": MiB}
IDLE = scaled(2000, 200)
STALLED = 24
WHOLE_SENDS = 32  # after half of them a direction counts as fast (core/reactor/recv_op.h)
FLOOD = 64 * MiB  # more than the sockets on the way and the proxy hold together


def promised():
    """Bytes of the process, of a connection, of a stalled direction: the formula's own figures."""
    formula = re.search(r"^ +memory = (.*)$", document("sizing.md"), re.M).group(1)
    return [int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+) ([KM]?i?B)", formula)]


@matrix(workers=(1, 2))
class Memory:
    def setUp(self):
        if built_with(b"__asan_init") or built_with(b"__tsan_init"):
            self.skipTest("a sanitizer's memory is not the proxy's")
        self.process, self.connection, self.stalled = promised()
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))

    def begin(self, **options):
        self.web = self.proxy([self.listener.text], log={"level": "info"},
                              defaults={"timeouts": {"write_stall": "0s", "idle": "0s"}}, **options)

    def sessions(self, count):
        """Its memory before, after, and the sessions."""
        for _ in range(20):
            self.session()
        before = self.web.resident()
        sessions = [self.session() for _ in range(count)]
        return before, self.web.resident(), sessions

    def assert_each(self, before, after):
        each = (after - before) / IDLE
        self.assertLess(each, self.connection + 64 * KiB / IDLE)
        self.assertGreater(each, self.connection / 2, "the page promises too little")

    def test_idle(self):
        """Each connection costs what the formula says, and at least half of that."""
        self.begin()
        before, after, _ = self.sessions(IDLE)
        self.assertLess(before, self.process, "the process with a few connections")
        self.assert_each(before, after)
        self.assertLess((after - before) / IDLE, KiB + 256 * KiB / IDLE, "without an access log")

    def test_idle_with_all_that_a_session_may_hold(self):
        """The same with an access log and a bandwidth."""
        self.begin(access_log={"path": os.path.join(self.new_folder(), "access.log")},
                   listener={"bandwidth": {"per_connection": "1GiB/s"}})
        self.assert_each(*self.sessions(IDLE)[:2])

    def check_that_a_crowd_leaves_nothing(self, meanwhile):
        before, after, sessions = self.sessions(IDLE)
        left = before + (after - before) // 4
        for pair in sessions:
            for end in pair:
                end.close()

        def is_given_back():
            meanwhile()
            return self.web.resident() < left
        wait_for(is_given_back, "its memory to be given back")

    def test_a_crowd_leaves_nothing(self):
        """Nobody else has to come for that."""
        self.begin()
        self.check_that_a_crowd_leaves_nothing(lambda: None)

    def test_a_crowd_leaves_nothing_though_others_go_on(self):
        self.begin()
        client, upstream = self.session()

        def talk():
            for _ in range(50):
                sockets.exchange(client, upstream)
        self.check_that_a_crowd_leaves_nothing(talk)

    def stalled_once(self, pattern):
        """What each of STALLED directions holds that were fast, when nothing more goes in."""
        self.begin()
        sessions = [self.session() for _ in range(STALLED)]
        for client, upstream in sessions * WHOLE_SENDS:
            sockets.exchange(client, upstream)
        flows = [Flow(*session, pattern) for session in sessions]
        before = self.web.resident()
        flood(flows, FLOOD)
        return (self.web.resident() - before) / STALLED

    def test_stalled(self):
        """A direction whose reader stands still holds what the formula says at most, and comes near
        it. How near, is the machine's to say: on a busy one the last piece that the proxy read is
        a small one. So the fullest of five crowds counts, and an eighth is enough."""
        pattern = self.seed().randbytes(MiB + 1)
        held = []
        while len(held) < 5 and max(held, default=0) <= self.stalled / 4:
            held.append(self.stalled_once(pattern))
            self.assertLess(held[-1], self.stalled)
        self.assertGreater(max(held), self.stalled / 8, f"the page promises too little: {held}")


if __name__ == "__main__":
    main()
