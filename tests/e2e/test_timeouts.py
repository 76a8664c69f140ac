"""Each timeout ends its session, at its time, with its reason; and ends no other."""

import signal
import socket
import time

import sockets
from blackhole import Blackhole
from echo import echo
from harness import MiB, main, matrix
from processes import DEADLINE, wait_for
from records import Records

SHORT = "300ms"
SECONDS = 0.3


@matrix(workers=(1, 2))
class Timeouts:
    def start(self, **timeouts):
        """Two listeners with the same upstream: `web` with these timeouts, `other` without."""
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        config = self.config([self.listener.text])
        config["listeners"][0]["timeouts"] = timeouts
        config["listeners"].append({"name": "other", "bind": "127.0.0.1:0", "upstream": "app"})
        self.web = self.started_proxy(config)
        self.bystander = self.session("other")
        self.began = time.monotonic()

    def session(self, listener="web"):
        client = self.keep(self.web.connect(listener))
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def assert_ended(self, reason, least=SECONDS):
        """The proxy ends the session, not before its time nor long after; the bystander lives."""
        end = self.web.wait_session_end()
        passed = time.monotonic() - self.began
        self.assertEqual((end["listener"], end["reason"], end["by"]), ("web", reason, "proxy"))
        self.assertGreater(passed, least * 0.95)
        self.assertLess(passed, least + DEADLINE / 10)
        sockets.exchange(*self.bystander)
        self.assertEqual(len(self.web.session_ends()), 1)

    def test_idle(self):
        self.start(idle=SHORT)
        client, upstream = self.session()
        self.assertEqual((sockets.ending(client), sockets.ending(upstream)), ("reset", "reset"))
        self.assert_ended("idle_timeout")

    def test_a_byte_now_and_then_is_not_idle(self):
        self.start(idle=SHORT)
        sides = self.session()
        while time.monotonic() < self.began + 3 * SECONDS:
            writer, reader = sides = sides[::-1]
            writer.sendall(b"x")
            self.assertEqual(reader.recv(1), b"x")
            time.sleep(SECONDS / 6)  # the pace of this traffic
        sockets.ending(sides[0])
        self.assert_ended("idle_timeout", 4 * SECONDS)

    def test_half_close(self):
        self.start(half_close=SHORT)
        client, upstream = self.session()
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.ending(upstream), "eof")
        self.assertEqual(sockets.ending(client), "reset")
        self.assert_ended("half_close_timeout")

    def test_half_close_of_the_upstream(self):
        self.start(half_close=SHORT)
        client, upstream = self.session()
        upstream.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.ending(client), "eof")
        self.assertEqual(sockets.ending(upstream), "reset")
        self.assert_ended("half_close_timeout")

    def test_write_stall(self):
        self.start(write_stall=SHORT)
        writer, _ = self.session()
        with self.assertRaises(ConnectionError):
            writer.sendall(bytes(64 * MiB))
        self.assert_ended("write_stall")

    def test_slow_is_not_stalled(self):
        self.start(write_stall=SHORT)
        client, upstream = self.session()
        upstream.setblocking(False)
        sent = upstream.send(bytes(4 * MiB))
        upstream.settimeout(DEADLINE)
        received = 0
        while received < sent:
            received += len(client.recv(sent // 10))
            time.sleep(SECONDS / 6)  # the pace of this reader
        sockets.exchange(client, upstream)
        self.assertEqual(self.web.session_ends(), [])

    def test_max_lifetime(self):
        self.start(max_lifetime=SHORT, max_lifetime_jitter="0%")
        client, upstream = self.session()
        with self.assertRaises((ConnectionError, AssertionError)):
            while time.monotonic() < self.began + DEADLINE:
                sockets.exchange(client, upstream)
        self.assert_ended("max_lifetime")

    def test_both_ends_come_with_the_timer(self):
        """The proxy stands still meanwhile and finds all three at once: one is the reason."""
        self.start(idle=SHORT)
        client, upstream = self.session()
        self.web.send_signal(signal.SIGSTOP)
        client.shutdown(socket.SHUT_WR)
        upstream.shutdown(socket.SHUT_WR)
        time.sleep(2 * SECONDS)  # the session's time is over when the proxy goes on
        self.web.send_signal(signal.SIGCONT)
        self.assertIn(self.web.wait_session_end()["reason"], ("closed", "idle_timeout"))
        sockets.exchange(*self.bystander)
        self.assertEqual(len(self.web.session_ends()), 1)

    def test_lifetimes_are_spread(self):
        """Sessions that began together: none outlives max_lifetime, none lives less than half."""
        records = Records(self.new_folder())
        self.web = self.proxy([self.peer(echo).receive()], access_log=records.section,
                              defaults={"timeouts": {"max_lifetime": "600ms",
                                                     "max_lifetime_jitter": "50%"}})
        clients = [self.keep(self.web.connect()) for _ in range(30)]
        for client in clients:
            self.assertEqual(sockets.ending(client), "reset")
        ended = records.wait(len(clients))
        self.assertEqual({record["reason"] for record in ended}, {"max_lifetime"})
        lived = sorted(record["total_ms"] for record in ended)
        self.assertGreaterEqual(lived[0], 300)
        self.assertLess(lived[-1], 600 + 1000 * DEADLINE / 10)
        self.assertGreater(lived[-1] - lived[0], 100)

    def test_connect(self):
        hole = self.keep(Blackhole())
        self.web = self.proxy([hole.text], upstream={"retry_for": "0s"},
                              defaults={"timeouts": {"connect": SHORT}})
        began = time.monotonic()
        client = self.keep(self.web.connect())
        self.assertEqual(sockets.ending(client), "reset")
        self.assertGreater(time.monotonic() - began, SECONDS * 0.95)
        self.assertLess(time.monotonic() - began, SECONDS + DEADLINE / 10)
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("no_upstream", "proxy"))

    def test_client_gives_up_while_connecting(self):
        """Its upstream socket goes with it, at the latest when the connect times out."""
        hole = self.keep(Blackhole())
        self.web = self.proxy([hole.text], defaults={"timeouts": {"connect": "1s"}})
        before = self.web.idle_descriptors()
        for _ in range(10):
            sockets.reset(self.web.connect())
        self.web.wait_session_end(10)
        wait_for(lambda: self.web.descriptors() <= before + self.workers, "its sockets to go")


if __name__ == "__main__":
    main()
