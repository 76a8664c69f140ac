"""Limits of bandwidth: a transfer takes the time it must, and a paced session is not stalled."""

import select
import socket
import time

import sockets
from flow import Flow
from harness import main, matrix
from kernel import ss, unread
from processes import DEADLINE, wait_for

KiB = 1 << 10
BURST = 0.05  # seconds' worth of bytes that a bucket holds


def transfer(flows, total):
    """Moves `total` bytes in each flow, all at the same time; the seconds that took."""
    began = time.monotonic()
    while any(flow.received < total for flow in flows):
        readers = {flow.reader: flow for flow in flows if flow.received < total}
        writers = {flow.writer: flow for flow in flows if flow.sent < total}
        readable, writable, _ = select.select(readers, writers, [], DEADLINE)
        assert readable or writable, "the bytes have stopped"
        for writer in writable:
            writers[writer].send_some(total)
        for reader in readable:
            readers[reader].receive_some()
    return time.monotonic() - began


def transfer_until_first(flows, total):
    """Moves bytes in all flows until one of them has received `total` since each has begun; what
    each has received since then. Before that, the first ones have it all, and what the bucket held.
    """
    before = None
    while True:
        if before is None and all(flow.received > 0 for flow in flows):
            before = [flow.received for flow in flows]
        if before is not None:
            since = [flow.received - old for flow, old in zip(flows, before)]
            if max(since) >= total:
                return since
        readers = {flow.reader: flow for flow in flows}
        writers = {flow.writer: flow for flow in flows}
        readable, writable, _ = select.select(readers, writers, [], DEADLINE)
        assert readable or writable, "the bytes have stopped"
        for writer in writable:
            writers[writer].send_some(1 << 40)
        for reader in readable:
            readers[reader].receive_some()


def both_ways(pair, pattern):
    """Two flows; each on descriptors of its own, so that they can be told apart."""
    client, upstream = pair
    return [Flow(client, upstream, pattern), Flow(upstream.dup(), client.dup(), pattern)]


@matrix(workers=(1, 2))
class Bandwidth:
    def start(self, bandwidth, listener=None, **sections):
        self.pattern = self.seed().randbytes(100_003)
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text],
                              listener={"bandwidth": bandwidth, **(listener or {})}, **sections)

    def session(self, prepare=None):
        client = self.keep(self.web.connect(prepare=prepare))
        return client, self.keep(self.listener.accept())

    def stalled_session(self):
        """Its client reads nothing, and neither side of it holds much."""
        client, upstream = self.session(
            lambda new: new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KiB))
        upstream.setblocking(False)
        upstream.send(bytes(512 * KiB))
        return client, upstream

    def flows_of(self, pairs):
        flows = [flow for pair in pairs for flow in both_ways(pair, self.pattern)]
        for flow in flows:
            self.keep(flow.reader)
            self.keep(flow.writer)
        return flows

    def assert_took_a_second(self, seconds, rate):
        """But for what may go at once: a bucket, and the piece that finds a bit left in it."""
        piece = max(rate // 50, 512)
        self.assertGreater(seconds, 1 - BURST - piece / rate)
        self.assertLess(seconds, 1.05 + 1)  # this machine may have been busy

    def test_of_each_connection(self):
        """In each direction, whatever the others do, one of which stalls."""
        rate = 2048 * KiB
        self.start({"per_connection": f"{rate // KiB}KiB/s"})
        self.stalled_session()
        flows = self.flows_of([self.session() for _ in range(2)])
        self.assert_took_a_second(transfer(flows, rate), rate)

    def test_of_all_together(self):
        """Each direction has the whole rate; a client that does not read takes nothing from it."""
        rate = 2048 * KiB
        self.start({"total": f"{rate // KiB}KiB/s"}, {"socket": {"send_buffer": "8KiB"}})
        self.stalled_session()
        sessions = [self.session() for _ in range(4)]
        self.assert_took_a_second(transfer(self.flows_of(sessions), rate // 4), rate)

    def test_small_total_is_shared_in_small_pieces(self):
        rate = 16 * KiB
        self.start({"total": f"{rate // KiB}KiB/s"})
        client, upstream = self.session()
        self.assert_took_a_second(transfer([Flow(client, upstream, self.pattern)], rate), rate)

    def test_pace_is_neither_idleness_nor_a_stall(self):
        """Half a second passes from piece to piece, longer than either timeout."""
        self.start({"per_connection": "1KiB/s"},
                   {"timeouts": {"idle": "300ms", "write_stall": "300ms"}})
        client, upstream = self.session()
        client.sendall(self.pattern[:2 * KiB])
        self.assertEqual(sockets.read_exactly(upstream, 2 * KiB), self.pattern[:2 * KiB])
        self.assertEqual(sockets.ending(client), "reset")
        self.assertEqual(self.web.wait_session_end()["reason"], "idle_timeout")

    def test_what_the_dead_have_reserved_is_free_again(self):
        """Ten wait half a second each when their readers go: the next session waits for none."""
        self.start({"total": "1KiB/s"})
        crowd = [self.session() for _ in range(10)]
        for client, _ in crowd:
            client.sendall(bytes(512))
        wait_for(lambda: unread(self.web.port) == 0, "the proxy to have it all")
        for _, upstream in crowd:
            sockets.reset(upstream)
        self.web.wait_session_end(10)
        client, upstream = self.session()
        began = time.monotonic()
        client.sendall(b"x")
        self.assertEqual(upstream.recv(1), b"x")
        self.assertLess(time.monotonic() - began, 2.5)

    def held_back(self, count):
        """Sessions that all have one piece to send up, more than the line takes in seconds."""
        crowd = [self.session() for _ in range(count)]
        for client, _ in crowd:
            client.sendall(bytes(512))
        wait_for(lambda: unread(self.web.port) == 0, "the proxy to have it all")
        return crowd

    def test_who_stays_goes_on_when_the_crowd_leaves(self):
        """Its turn would have come after 250 others'."""
        self.start({"total": "16KiB/s"})
        crowd = self.held_back(250)
        client, upstream = self.held_back(1)[0]
        began = time.monotonic()
        for _, one in crowd:  # their clients' going would leave what they have sent to be sent on
            sockets.reset(one)
        self.assertEqual(sockets.read_exactly(upstream, 512), bytes(512))
        self.assertLess(time.monotonic() - began, 2.5)  # 250 pieces take 7.8 s
        client.close()

    def test_who_stays_goes_on_when_the_crowd_leaves_down(self):
        self.start({"total": "16KiB/s"})
        crowd = [self.session() for _ in range(250)]
        for _, upstream in crowd:
            upstream.sendall(bytes(512))
        # Another process may have a connection with such a port.
        pairs = {(sockets.text_of(each.getpeername()), sockets.text_of(each.getsockname()))
                 for _, each in crowd}
        wait_for(lambda: not [line for line in ss("-t", "state", "connected")
                              if int(line.split()[1]) > 0 and
                              tuple(line.split()[3:5]) in pairs],
                 "the proxy to have it all")
        client, upstream = self.session()
        upstream.sendall(bytes(512))
        wait_for(lambda: all(int(line.split()[1]) == 0 for line in
                             ss("-t", "state", "connected",
                                f"sport = :{upstream.getpeername()[1]}")), "it to have that too")
        began = time.monotonic()
        for one, _ in crowd:
            sockets.reset(one)
        self.assertEqual(sockets.read_exactly(client, 512), bytes(512))
        self.assertLess(time.monotonic() - began, 2.5)

    def test_each_has_its_share_of_the_total(self):
        """Twenty sessions that always have something to send, in both directions."""
        rate = 1024 * KiB
        self.start({"total": f"{rate // KiB}KiB/s"})
        flows = self.flows_of([self.session() for _ in range(20)])
        share = rate * 3 // 20
        received = transfer_until_first(flows, share)
        self.assertGreater(min(received), share / 2, received)

    def test_idle_timeout_comes_in_time_after_a_wait(self):
        """What it counts from is the last byte, not the end that the wait might have had."""
        self.start({"total": "16KiB/s"},
                   {"timeouts": {"idle": "1500ms", "write_stall": "0s"}})
        crowd = self.held_back(200)
        client, upstream = self.held_back(1)[0]
        for _, one in crowd:
            sockets.reset(one)
        sockets.read_exactly(upstream, 512)
        began = time.monotonic()
        self.assertEqual(sockets.ending(client), "reset")
        self.assertGreater(time.monotonic() - began, 1)
        self.assertLess(time.monotonic() - began, DEADLINE / 4)
        self.assertEqual(self.web.wait_session_end(201)["reason"], "idle_timeout")

    def test_reset_does_not_wait_for_its_turn(self):
        self.start({"per_connection": "1KiB/s"})
        client, upstream = self.session()
        client.sendall(bytes(64 * KiB))
        sockets.read_exactly(upstream, 512)
        began = time.monotonic()
        sockets.reset(upstream)
        self.assertEqual(sockets.ending(client), "reset")
        self.assertLess(time.monotonic() - began, DEADLINE / 4)
        self.assertEqual(self.web.wait_session_end()["by"], "upstream")


if __name__ == "__main__":
    main()
