"""Endpoints with max_connections: which sessions wait, in which order, and how they end."""

import socket
import time

import sockets
from crowd import arrive
from echo import echo
from harness import main, matrix
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
        """A client whose connection the proxy has accepted and that has no upstream."""
        before = self.web.idle_descriptors()
        client = self.keep(self.web.connect(index=index))
        wait_for(lambda: self.web.descriptors() > before, "the client to be taken")
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


if __name__ == "__main__":
    main()
