"""Endpoints with max_connections: which sessions wait, in which order, and how they end."""

import socket
import time

import sockets
from crowd import arrive
from echo import echo
from harness import main, matrix
from kernel import wait_until_asleep
from processes import DEADLINE, scaled, wait_for
from records import Records

SHORT = "300ms"
SECONDS = 0.3


def come_and_go(link, address, count):
    """A peer: a crowd of which each has an answer or an end; how many had an answer."""
    return list(arrive(address, count, lambda *_: None).values()).count("answered")


@matrix(workers=(1, 2))
class Queue:
    def start(self, room=1, bind="127.0.0.1:0", timeouts=None, **upstream):
        self.records = Records(self.new_folder())
        self.listener = self.keep(sockets.Listener())
        endpoint = {"address": self.listener.text, "max_connections": room}
        self.web = self.proxy([endpoint], bind=bind, listener={"timeouts": timeouts or {}},
                              upstream=upstream, access_log=self.records.section)

    def queued(self, index=0):
        """A client that waits: accepted, and its worker has gone to sleep with it."""
        before = self.web.idle_descriptors()
        client = self.keep(self.web.connect(index=index))
        wait_for(lambda: self.web.descriptors() > before, "the client to be taken")
        wait_until_asleep(self.web.pid)
        return client

    def assert_record(self, client, **fields):
        """The record of the session of `client`."""
        host, port = client.getsockname()
        found = [each for each in self.records.all() if each["client"] == f"{host}:{port}"]
        self.assertEqual(len(found), 1)
        self.assertEqual({key: found[0][key] for key in fields}, fields)
        return found[0]

    def test_first_come_first_served(self):
        self.start(room=2)
        holders = [self.session() for _ in range(2)]
        waiting = []
        for number in range(4):
            waiting.append(self.queued())
            waiting[-1].sendall(b"%d" % number)
        order = []
        for pair in holders:
            sockets.reset(pair[0])
        for _ in waiting:
            upstream = self.listener.accept()
            order.append(upstream.recv(1))
            sockets.reset(upstream)
        if self.workers == 1:  # two accept side by side
            self.assertEqual(order, [b"0", b"1", b"2", b"3"])
        self.assertEqual(sorted(order), [b"0", b"1", b"2", b"3"])
        for record in self.records.wait(6):
            self.assertEqual((record["endpoint"], record["attempts"]), (self.listener.text, 1))
        waits = [each["queue_ms"] for each in self.records.all()]
        self.assertEqual(waits.count(None), 2)

    def test_never_more_than_its_limit(self):
        """A crowd through five slots; the proxy ends each session that has been served."""
        count = scaled(100, 20)
        server = self.peer(echo)
        web = self.proxy([{"address": server.receive(), "max_connections": 5}],
                         log={"level": "info"}, upstream={"queue_timeout": "1m"},
                         listener={"timeouts": {"idle": "30ms"}}, stats={"interval": "50ms"})
        self.assertGreater(self.peer(come_and_go, web.address(), count).receive(60), 0)
        web.wait_stats(active=0, total=count)
        server.send("count")
        total, most = server.receive()
        self.assertEqual((total, most), (count, 5))

    def test_queue_timeout(self):
        self.start(queue_timeout=SHORT)
        pair = self.session()
        began = time.monotonic()
        client = self.queued()
        self.assertEqual(sockets.ending(client), "reset")
        passed = time.monotonic() - began
        self.assertGreaterEqual(passed, SECONDS)
        self.assertLess(passed, SECONDS + DEADLINE / 10)
        self.records.wait()
        record = self.assert_record(client, reason="queue_timeout", by="proxy", attempts=0,
                                    endpoint=None, connect_ms=None, first_byte_ms=None,
                                    upstream_rtt_us=None)
        self.assertGreaterEqual(record["queue_ms"], 1000 * SECONDS)
        self.assertGreaterEqual(record["total_ms"], record["queue_ms"])
        sockets.exchange(*pair)

    def test_no_waiting_at_all(self):
        self.start(queue_timeout="0s")
        pair = self.session()
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["queue_ms"]), ("queue_timeout", None))
        sockets.exchange(*pair)

    def test_who_goes_gets_no_place(self):
        """The session behind gets the slot instead; then all slots are free again."""
        self.start()
        client, upstream = self.session()
        gone, next_one = self.queued(), self.queued()
        name = gone.getsockname()
        sockets.reset(gone)
        record = self.records.wait()[0]
        self.assertEqual(record["client"], "%s:%d" % name)
        self.assertEqual((record["reason"], record["by"], record["attempts"]),
                         ("reset", "client", 0))
        self.assertIsNotNone(record["queue_ms"])
        sockets.reset(client)
        self.assertEqual(sockets.ending(upstream), "reset")
        sockets.exchange(next_one, self.keep(self.listener.accept()))
        sockets.reset(next_one)
        self.session()

    def test_bytes_and_end_of_a_waiting_client_arrive(self):
        self.start(queue_timeout="1m")
        client, upstream = self.session()
        waiting = self.queued()
        waiting.sendall(b"a last word")
        waiting.shutdown(socket.SHUT_WR)
        self.stays_queued()
        sockets.reset(client)
        upstream = self.keep(self.listener.accept())
        self.assertEqual(sockets.read_to_end(upstream), (b"a last word", "eof"))
        upstream.sendall(b"the answer")
        upstream.close()
        self.assertEqual(sockets.read_to_end(waiting), (b"the answer", "eof"))

    def stays_queued(self):
        """Waits until the proxy watches its waiting clients; none has ended by then."""
        time.sleep(0.05)  # kWatchClientAfter twice over; a late proxy finds the same
        self.assertEqual(self.records.all(), [])

    def test_bytes_of_a_waiting_unix_client_that_has_closed_arrive(self):
        path = self.new_folder() + "/web.sock"
        self.start(bind=["127.0.0.1:0", "unix:" + path], queue_timeout="1m")
        client, upstream = self.session()
        waiting = self.queued(index=1)
        waiting.sendall(b"a last word")
        waiting.close()
        self.stays_queued()
        sockets.reset(client)
        upstream = self.keep(self.listener.accept())
        self.assertEqual(sockets.read_to_end(upstream)[0], b"a last word")

    def test_lifetime_includes_the_queue(self):
        self.start(timeouts={"max_lifetime": SHORT, "max_lifetime_jitter": "0%"})
        pair = self.session()
        client = self.queued()
        self.assertEqual((sockets.ending(pair[0]), sockets.ending(client)), ("reset", "reset"))
        self.records.wait(2)
        record = self.assert_record(client, reason="max_lifetime", by="proxy")
        self.assertGreaterEqual(record["total_ms"], 1000 * SECONDS)

    def test_shutdown_while_waiting(self):
        self.start(queue_timeout="1m")
        pair = self.session()
        client = self.queued()
        self.assertEqual(self.web.stop(), 0)
        self.assertEqual((sockets.ending(pair[0]), sockets.ending(client)), ("reset", "reset"))
        self.records.wait(2)
        self.assert_record(client, reason="shutdown", by="proxy")

    def test_place_of_a_failed_connect_is_free(self):
        """An endpoint of two slots refuses five connects, then accepts."""
        port = sockets.free_port()
        text = sockets.text_of((sockets.HOST, port))
        web = self.proxy([{"address": text, "max_connections": 2}],
                         upstream={"queue_timeout": "0s", "retry_for": "0s"})
        for number in range(5):
            self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
            self.assertEqual(web.wait_session_end(number + 1)["reason"], "no_upstream")
        with socket.create_server((sockets.HOST, port)) as revived:
            for _ in range(2):
                sockets.exchange(self.keep(web.connect()), self.keep(revived.accept()[0]))
            self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.assertEqual(web.wait_session_end(6)["reason"], "queue_timeout")

    def test_waits_for_an_endpoint_it_has_not_tried(self):
        """The first refuses, the second has no free slot until one is released."""
        live = self.keep(sockets.Listener())
        dead = sockets.text_of((sockets.HOST, sockets.free_port()))
        web = self.proxy([dead, {"address": live.text, "max_connections": 1}])
        first = self.keep(web.connect())
        sockets.exchange(first, self.keep(live.accept()))
        second = self.keep(web.connect())
        sockets.reset(first)
        sockets.exchange(second, self.keep(live.accept()))


@matrix(workers=(1, 2))
class ComesBack:
    """Of two endpoints the first has nothing that listens, the second one slot, which is taken."""

    def start(self, **upstream):
        self.records = Records(self.new_folder())
        self.listener = self.keep(sockets.Listener())
        self.port = sockets.free_port()
        self.text = sockets.text_of((sockets.HOST, self.port))
        self.web = self.proxy([self.text, {"address": self.listener.text, "max_connections": 1}],
                              upstream={"balance": "first", **upstream},
                              access_log=self.records.section)
        self.holder, _ = self.session()

    def assert_served_by_the_first(self):
        """A client that comes is served when something listens there, though a little later."""
        client = self.keep(self.web.connect())
        time.sleep(SECONDS)  # it is refused meanwhile; one that comes late finds the same
        with socket.create_server((sockets.HOST, self.port)) as back:
            back.settimeout(DEADLINE)
            upstream = self.keep(back.accept()[0])
            sockets.exchange(client, upstream)
            sockets.reset(upstream)
        record = self.records.wait()[0]
        self.assertEqual(record["endpoint"], self.text)
        self.assertGreater(record["attempts"], 1)
        return record

    def test_while_the_other_one_is_waited_for(self):
        self.start(queue_timeout="1m", retry_for="1m")
        self.assertGreater(self.assert_served_by_the_first()["queue_ms"], 0)

    def test_with_slow_start(self):
        self.start(queue_timeout="1m", retry_for="1m", slow_start="1m")
        self.assert_served_by_the_first()

    def test_while_nothing_is_waited_for(self):
        self.start(queue_timeout="0s", retry_for="1m")
        self.assertIsNone(self.assert_served_by_the_first()["queue_ms"])

    def test_it_does_not_and_nothing_is_waited_for(self):
        self.start(queue_timeout="0s", retry_for=SHORT)
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["queue_ms"]), ("no_upstream", None))
        self.assertGreaterEqual(record["total_ms"], 1000 * SECONDS)

    def test_it_does_not_and_retry_for_ends_soon_after_the_wait(self):
        """The wait is shorter than the pause before the next round, but not than what is left of
        it: that round comes all the same."""
        self.start(queue_timeout="120ms", retry_for="230ms", connect_backoff="1s")
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        self.assertGreaterEqual(self.records.wait()[0]["total_ms"], 230)

    def test_it_does_not_and_the_other_one_is_waited_for(self):
        """When retry_for is over it waits on: for queue_timeout, but for the connects."""
        self.start(queue_timeout="1s", retry_for=SHORT)
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        record = self.records.wait()[0]
        self.assertEqual(record["reason"], "queue_timeout")
        self.assertGreaterEqual(record["queue_ms"], 1000)
        self.assertLess(record["queue_ms"], 1000 + 1000 * DEADLINE / 10)
        self.assertGreater(record["attempts"], 1)

    def test_it_does_not_and_each_has_its_turn(self):
        """What they have tried again, each when it could, has cost none its place."""
        self.start(queue_timeout="1m", retry_for=SHORT)
        for number in range(4):
            self.keep(self.web.connect()).send(b"%d" % number)
        time.sleep(2 * SECONDS)  # retry_for is over: none is away any more
        wait_until_asleep(self.web.pid)
        sockets.reset(self.holder)
        order = []
        for _ in range(4):
            upstream = self.keep(self.listener.accept())
            order.append(upstream.recv(1))
            sockets.reset(upstream)
        if self.workers == 1:  # two accept side by side
            self.assertEqual(order, [b"0", b"1", b"2", b"3"])
        self.assertEqual(sorted(order), [b"0", b"1", b"2", b"3"])

    def test_it_does_not_and_the_other_one_has_a_slot_later(self):
        self.start(queue_timeout="1m", retry_for=SHORT)
        client = self.keep(self.web.connect())
        time.sleep(2 * SECONDS)  # retry_for is over; one that comes late finds the same
        sockets.reset(self.holder)
        sockets.exchange(client, self.keep(self.listener.accept()))


if __name__ == "__main__":
    main()
