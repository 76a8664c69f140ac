"""Connecting to upstreams: how many are tried and when, where from, and what ends the attempt."""

import contextlib
import os
import select
import signal
import socket
import time

import isolation
import sockets
from blackhole import Blackhole
from harness import main, matrix
from processes import DEADLINE, wait_for
from records import Records

OURS = "127.9.8.7"


def use_up_ports(link, pid, endpoints):
    """A peer: how many sessions there are through the proxy of `pid` before one is reset."""
    isolation.enter_network(pid)
    with contextlib.ExitStack() as kept:
        return sessions_until_reset(endpoints, kept.enter_context)


def sessions_until_reset(endpoints, keep):
    servers = []
    for endpoint in endpoints:
        host, port = endpoint.split(":")
        servers.append(keep(socket.create_server((host, int(port)))))
    pairs = []
    for number in range(100):
        client = keep(socket.socket())
        client.bind(("127.0.0.1", 60000 + number))  # not one of the few
        try:
            client.connect(("127.0.0.1", 7000))
            client.sendall(b"x")
        except ConnectionResetError:
            break
        ready = select.select(servers + [client], [], [], DEADLINE)[0]
        if ready[0] is client:
            break
        pairs.append((client, keep(ready[0].accept()[0])))
        sockets.read_exactly(pairs[-1][1], 1)
    for pair in pairs:
        sockets.exchange(*pair)
    return len(pairs)


@matrix(workers=(1, 2))
class Connect:
    def start(self, endpoints, timeouts=None, **upstream):
        upstream.setdefault("retry_for", "0s")  # one round: test_retry.py has the others
        self.records = Records(self.new_folder())
        self.web = self.proxy(endpoints, upstream=upstream, access_log=self.records.section,
                              listener={"timeouts": timeouts or {}})

    def dead(self, count):
        """Endpoints that refuse connects: no other test uses this host."""
        return [sockets.text_of((sockets.HOST, sockets.free_port())) for _ in range(count)]

    def record_of_failure(self):
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        return self.records.wait()[0]

    def test_attempts(self):
        """As many distinct endpoints as allowed, though the next would have answered."""
        live = self.keep(sockets.Listener())
        for attempts in (1, 2, 3):
            with self.subTest(attempts=attempts):
                endpoints = self.dead(attempts) + [live.text]
                self.start(endpoints, connect_attempts=attempts, connect_backoff="1ms",
                           balance="first")
                record = self.record_of_failure()
                self.assertEqual((record["attempts"], record["reason"], record["error"]),
                                 (attempts, "no_upstream", "ECONNREFUSED"))
                self.assertEqual(record["endpoint"], endpoints[attempts - 1])
                self.assertEqual((record["connect_ms"], record["upstream_rtt_us"]), (None, None))
                self.assertGreaterEqual(record["client_rtt_us"], 0)

    def test_attempts_until_one_answers(self):
        live = self.keep(sockets.Listener())
        self.start(self.dead(2) + [live.text], connect_backoff="1ms", balance="first")
        client = self.keep(self.web.connect())
        upstream = self.keep(live.accept())
        sockets.exchange(client, upstream)
        sockets.reset(upstream)
        record = self.records.wait()[0]
        self.assertEqual((record["attempts"], record["endpoint"]), (3, live.text))

    def test_backoff(self):
        """None before the second endpoint, then 200 ms, then 400 ms, give or take a half."""
        for attempts, least, most in ((2, 0, 0), (3, 100, 300), (4, 300, 900)):
            with self.subTest(attempts=attempts):
                self.start(self.dead(4), connect_attempts=attempts, connect_backoff="200ms")
                record = self.record_of_failure()
                self.assertEqual(record["attempts"], attempts)
                self.assertGreaterEqual(record["total_ms"], least)
                self.assertLess(record["total_ms"], most + 1000 * DEADLINE / 20)

    def test_those_who_fail_together_try_again_apart(self):
        """All clients arrive in the same turn of the proxy's loop."""
        count, backoff = 60, 0.6  # seconds
        self.start(self.dead(3), connect_backoff="600ms")
        os.kill(self.web.pid, signal.SIGSTOP)
        for _ in range(count):
            self.keep(self.web.connect())
        os.kill(self.web.pid, signal.SIGCONT)
        spent = [each["total_ms"] / 1000 for each in self.records.wait(count)]
        self.assertGreaterEqual(min(spent), backoff / 2)
        slots = [int(each / (backoff / 12)) for each in spent]
        self.assertLess(max(map(slots.count, slots)), count / 3)

    def check_client_ends_it(self):
        client = self.keep(self.web.connect())
        wait_for(lambda: self.web.descriptors() > self.before, "the client to be taken")
        began = time.monotonic()
        sockets.reset(client)
        record = self.records.wait()[0]
        self.assertLess(time.monotonic() - began, DEADLINE / 4)
        self.assertEqual((record["reason"], record["by"]), ("reset", "client"))
        wait_for(lambda: self.web.descriptors() <= self.before, "its sockets to go")

    def test_client_resets_between_attempts(self):
        self.start(self.dead(3), connect_backoff="10s")
        self.before = self.web.idle_descriptors()
        self.check_client_ends_it()

    def test_client_resets_while_connecting(self):
        self.start([self.keep(Blackhole()).text], {"connect": "1m"})
        self.before = self.web.idle_descriptors()
        self.check_client_ends_it()

    def test_shutdown_between_attempts_and_while_connecting(self):
        for endpoints in (self.dead(3), [self.keep(Blackhole()).text]):
            self.start(endpoints, {"connect": "1m"}, connect_backoff="10s")
            before = self.web.idle_descriptors()
            client = self.keep(self.web.connect())
            wait_for(lambda: self.web.descriptors() > before, "the client to be taken")
            self.assertEqual(self.web.stop(), 0)
            self.assertEqual(sockets.ending(client), "reset")
            record = self.records.wait()[0]
            self.assertEqual((record["reason"], record["by"]), ("shutdown", "proxy"))

    def test_lifetime_ends_a_connect(self):
        """Also one without a time-out of its own."""
        hole = self.keep(Blackhole()).text
        for timeout in ("5s", "0s"):
            with self.subTest(connect=timeout):
                self.start([hole], {"connect": timeout, "max_lifetime": "300ms",
                                    "max_lifetime_jitter": "0%"})
                record = self.record_of_failure()
                self.assertEqual((record["reason"], record["by"], record["attempts"]),
                                 ("max_lifetime", "proxy", 1))
                self.assertGreaterEqual(record["total_ms"], 300)
                self.assertLess(record["total_ms"], 300 + 1000 * DEADLINE / 10)

    def test_source_address(self):
        """Of both families; every connection has a port of its own."""
        for host, source in ((sockets.HOST, OURS), ("::1", "::1")):
            upstream = self.keep(sockets.Listener(host))
            self.start([upstream.text], source_address=source)
            peers = set()
            for _ in range(3):
                client, server = self.keep(self.web.connect()), self.keep(upstream.accept())
                sockets.exchange(client, server)
                peers.add(server.getpeername()[:2])
            self.assertEqual({peer[0] for peer in peers}, {source})
            self.assertEqual(len(peers), 3)

    def test_ports_of_a_source_serve_every_destination(self):
        """Ten ports and two upstreams allow twenty sessions; the next one fails alone."""
        endpoints = ["127.0.0.1:7001", "127.0.0.2:7001"]

        def prepare():
            isolation.own_network()
            isolation.set_kernel("net.ipv4.ip_local_port_range", "50000 50009")

        self.records = Records(self.new_folder())
        web = self.proxy(endpoints, prepare, bind="127.0.0.1:7000",
                         upstream={"source_address": OURS, "retry_for": "0s"},
                         access_log=self.records.section)
        self.assertEqual(self.peer(use_up_ports, web.pid, endpoints).receive(), 20)
        last = self.records.wait()[0]
        self.assertEqual((last["reason"], last["error"], last["attempts"]),
                         ("no_upstream", "EADDRNOTAVAIL", 2))


if __name__ == "__main__":
    main()
