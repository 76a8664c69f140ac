"""A host vanishes without a packet: this is noticed in time, and the peer that is left is reset.

Of each kind of session there are two here: one whose client vanishes and one whose upstream does.
"""

import fcntl
import os
import random
import select
import socket
import struct
import termios
import time

import sockets
from flow import Flow, finish, flood
from harness import MiB, main, matrix
from hosts import Wire
from kernel import ss
from processes import DEADLINE, wait_for
from records import Records

PATTERN = random.Random(0).randbytes(200_003)
KEEPALIVE = {"keepalive": "1s", "keepalive_interval": "1s", "keepalive_probes": 2}  # 3 s in all
BUDGET = 3.0
SOON = 5.0  # seconds after which it is late
LOST = ("client", "upstream")


class Sides:
    """A session one of whose hosts can be cut off; the other is the survivor."""

    def __init__(self, client, upstream, lost):
        self.client, self.upstream, self.lost = client, upstream, lost
        self.gone, self.survivor = (client, upstream)[::1 if lost == "client" else -1]


def unacknowledged(sender):
    """Bytes that it has sent and its peer's kernel has not confirmed."""
    return struct.unpack("i", fcntl.ioctl(sender, termios.TIOCOUTQ, bytes(4)))[0]


def end_of(record):
    return record["reason"], record["by"], record["error"]


@matrix(workers=(2,))
class Vanished:
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("network namespaces with a wire need root")
        self.wire = self.keep(Wire())
        with self.wire.far.inside():
            self.far_listener = self.keep(sockets.Listener(Wire.FAR))
        with self.wire.near.inside():
            self.near_listener = self.keep(sockets.Listener("127.0.0.1"))

    def start(self, socket=None, far=None, **options):
        """`outward`: clients here, upstream far away; `inward`: the other way round."""
        self.records = Records(self.new_folder())
        config = self.config([], access_log=self.records.section, **options)
        config["listeners"] = [
            {"name": "outward", "bind": "127.0.0.1:0", "upstream": "far"},
            {"name": "inward", "bind": Wire.NEAR + ":0", "upstream": "near",
             "socket": socket or {}}]
        config["upstreams"] = [
            {"name": "far", "endpoints": [{"address": self.far_listener.text}],
             "socket": socket or {}, **(far or {})},
            {"name": "near", "endpoints": [{"address": self.near_listener.text}]}]
        self.web = self.started_proxy(config, prepare=self.wire.near.enter)

    def session(self, lost):
        """The session is established: one message has gone in each direction."""
        inward = lost == "client"
        with (self.wire.far if inward else self.wire.near).inside():
            client = self.keep(self.web.connect("inward" if inward else "outward"))
        upstream = self.keep((self.near_listener if inward else self.far_listener).accept())
        sockets.exchange(client, upstream)
        return Sides(client, upstream, lost)

    def assert_broken(self, sessions, began, least):
        """All peers that are left are reset, neither early nor late; and the records say why."""
        waiting = {sides.survivor: sides for sides in sessions}
        for one in waiting:
            one.settimeout(DEADLINE)
        while waiting:
            for one in select.select(list(waiting), [], [], DEADLINE)[0]:
                self.assertEqual(sockets.ending(one), "reset", waiting.pop(one).lost)
                passed = time.monotonic() - began
                self.assertGreater(passed, 0.8 * least)
                self.assertLess(passed, least + SOON)
        ends = map(end_of, self.records.wait(len(sessions)))
        self.assertEqual(sorted(ends), sorted(("reset", sides.lost, "ETIMEDOUT")
                                              for sides in sessions))

    def each_cut(self, scene):
        """`scene` with each way to vanish, on hosts and a proxy of its own."""
        for number, way in enumerate(Wire.CUTS):
            with self.subTest(cut=way):
                if number:
                    self.doCleanups()
                    self.setUp()
                scene(way)

    def test_idle(self):
        """Keepalive asks, and gives up."""
        def scene(way):
            self.start(KEEPALIVE)
            sessions = [self.session(lost) for lost in LOST]
            began = time.monotonic()
            self.wire.cut(way)
            self.assert_broken(sessions, began, BUDGET)
        self.each_cut(scene)

    def test_idle_after_its_end_of_stream(self):
        """Nothing is read any more from the host that vanishes: a watch finds what has happened."""
        def cannot_send(side):
            try:
                side.send(b"x")
            except ConnectionError:
                return True
            return False

        def scene(way):
            self.start(KEEPALIVE)
            sessions = [self.session(lost) for lost in LOST]
            for sides in sessions:
                sides.gone.shutdown(socket.SHUT_WR)
                self.assertEqual(sockets.ending(sides.survivor), "eof")
            began = time.monotonic()
            self.wire.cut(way)
            records = self.records.wait(len(sessions))
            self.assertGreater(time.monotonic() - began, 0.8 * BUDGET)
            self.assertEqual(sorted(map(end_of, records)),
                             sorted(("reset", lost, "ETIMEDOUT") for lost in LOST))
            for sides in sessions:
                wait_for(lambda side=sides.survivor: cannot_send(side), "its reset")
        self.each_cut(scene)

    def test_what_it_sent_before_arrives(self):
        """Its reader is late, and first to find out is a send to the host that has vanished."""
        def scene(way):
            self.start({"user_timeout": "2s"})
            sessions = [self.session(lost) for lost in LOST]
            answers = [Flow(sides.gone, sides.survivor, PATTERN) for sides in sessions]
            flood(answers, 64 * MiB)
            self.wire.cut(way)
            arrived = [flow.sent - unacknowledged(flow.writer) for flow in answers]
            flood([Flow(sides.survivor, sides.gone, PATTERN) for sides in sessions], 64 * MiB, 0.2)
            with self.wire.near.inside():
                wait_for(lambda: not ss("-t", "dst", Wire.FAR), "the kernel to give them up")
            for flow, count in zip(answers, arrived):
                while flow.received < count:
                    self.assertTrue(select.select([flow.reader], [], [], DEADLINE)[0])
                    flow.receive_some()
                    self.assertFalse(flow.ended)
                flow.reader.settimeout(DEADLINE)
                self.assertEqual(sockets.read_to_end(flow.reader), (b"", "reset"))
            self.assertEqual(sorted(map(end_of, self.records.wait(len(sessions)))),
                             sorted(("reset", lost, "ETIMEDOUT") for lost in LOST))
        self.each_cut(scene)

    def test_unacknowledged_data(self):
        """What keepalive does not see: bytes are on their way, few or as many as buffers hold."""
        def scene(way):
            self.start({"user_timeout": "2s"})
            few, many = ([self.session(lost) for lost in LOST] for _ in range(2))
            began = time.monotonic()
            self.wire.cut(way)
            for sides in few:
                sides.survivor.sendall(b"into the void")
            flood([Flow(sides.survivor, sides.gone, PATTERN) for sides in many], 64 * MiB, 0.2)
            self.assert_broken(few + many, began, 2.0)
        self.each_cut(scene)

    def test_connect(self):
        """The next endpoint has its turn after timeouts.connect."""
        def scene(way):
            spare = {"endpoints": [{"address": self.far_listener.text, "weight": 256},
                                   {"address": self.near_listener.text}]}
            self.start(far=spare, defaults={"timeouts": {"connect": "400ms"}})
            self.wire.cut(way)
            with self.wire.near.inside():
                clients = [self.keep(self.web.connect("outward")) for _ in range(8)]
            for client in clients:
                client.sendall(b"anybody?")
            for _ in clients:
                upstream = self.keep(self.near_listener.accept())
                self.assertEqual(sockets.read_exactly(upstream, 8), b"anybody?")
                upstream.close()
            for client in clients:
                self.assertEqual(sockets.ending(client), "eof")
                client.close()
            records = self.records.wait(len(clients))
            late = [record for record in records if record["attempts"] == 2]
            self.assertGreaterEqual(len(late), len(clients) - 1)
            for record in late:
                self.assertEqual(record["endpoint"], self.near_listener.text)
                self.assertGreater(record["connect_ms"], 400)
            self.assertEqual({record["reason"] for record in records}, {"closed"})
        self.each_cut(scene)

    def test_connect_without_another_endpoint(self):
        def scene(way):
            self.start(defaults={"timeouts": {"connect": "400ms"}}, far={"retry_for": "0s"})
            self.wire.cut(way)
            with self.wire.near.inside():
                client = self.keep(self.web.connect("outward"))
            self.assertEqual(sockets.ending(client), "reset")
            record = self.records.wait()[0]
            self.assertEqual((record["reason"], record["by"]), ("no_upstream", "proxy"))
            self.assertGreater(record["total_ms"], 399)
        self.each_cut(scene)

    def test_back_in_time(self):
        """Within the budget no session is affected: every byte arrives, idle sessions live."""
        def scene(way):
            self.start({**KEEPALIVE, "keepalive_probes": 20, "user_timeout": "20s"})
            idle = [self.session(lost) for lost in LOST]
            flows = []
            for lost in LOST:
                sides = self.session(lost)
                flows += [Flow(sides.client, sides.upstream, PATTERN),
                          Flow(sides.upstream, sides.client, PATTERN)]
            flood(flows, MiB // 2, quiet=0.1)
            self.wire.cut(way)
            for flow in flows:
                flow.receive_some()
            flood(flows, 32 * MiB, quiet=1.5)  # longer than a probe
            self.wire.mend(way)
            for flow in flows:
                finish(flow, 34 * MiB)
            for sides in idle:
                sockets.exchange(sides.client, sides.upstream, b"still here")
        self.each_cut(scene)

    def test_back_without_memory(self):
        """The host has been switched off and on: its kernel knows nothing of the sessions."""
        def scene(way):
            self.start(KEEPALIVE)
            idle, talking = ([self.session(lost) for lost in LOST] for _ in range(2))
            self.wire.cut(way)
            for sides in idle + talking:
                sockets.reset(sides.gone)  # what it sends is lost
            for sides in talking:
                sides.survivor.sendall(b"hello?")
            self.wire.mend(way)
            for sides in idle + talking:
                self.assertEqual(sockets.ending(sides.survivor), "reset")
            ends = [(record["reason"], record["by"]) for record in self.records.wait(4)]
            self.assertEqual(sorted(ends), sorted(("reset", lost) for lost in LOST * 2))
        self.each_cut(scene)


if __name__ == "__main__":
    main()
