"""Upstreams that are away for a moment, busy, or the proxy itself."""

import contextlib
import os
import socket
import subprocess
import time

import isolation
import sockets
from harness import main, matrix
from processes import DEADLINE, run, wait_for
from records import Records
from sluice import binary, yaml

OURS = "127.9.8.7"
NOT_OURS = "192.0.2.1"  # TEST-NET-1
LEAD_BACK = "leads back to this upstream"


class FullQueue:
    """A UNIX listener whose accept queue is full: a connect that may not wait gets EAGAIN."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(0)
        self.text = "unix:" + path
        self.fillers = []
        with contextlib.suppress(BlockingIOError):
            while True:
                filler = socket.socket(socket.AF_UNIX)
                self.fillers.append(filler)
                filler.setblocking(False)
                filler.connect(path)

    def drain(self):
        """Takes what has filled the queue out of it."""
        for _ in self.fillers[1:]:  # the last one got EAGAIN
            self.socket.accept()[0].close()

    def accept(self):
        self.socket.settimeout(DEADLINE)
        return self.socket.accept()[0]

    def close(self):
        for each in self.fillers + [self.socket]:
            each.close()


def talk_to_nobody(link, pid, address, count):
    """A peer in the network of `pid`: how each of `count` clients ends, and what it has heard."""
    isolation.enter_network(pid)
    endings = []
    for number in range(count):
        with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as client:
            client.settimeout(DEADLINE)
            client.bind((address[0], 60000 + number))  # not one of the few
            try:
                client.connect(tuple(address))
                client.sendall(b"anybody?")
                endings.append(client.recv(100).decode() or "eof")
            except ConnectionResetError:
                endings.append("reset")
    return endings


def add_address(link, pid, address):
    isolation.enter_network(pid)
    return subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=False).returncode


class Common:
    def start(self, endpoints, prepare=None, bind="127.0.0.1:0", timeouts=None, socket_options=None,
              **upstream):
        self.records = Records(self.new_folder())
        self.web = self.proxy(endpoints, prepare, bind=bind, upstream=upstream,
                              access_log=self.records.section,
                              listener={"timeouts": timeouts or {}, "socket": socket_options or {}})

    def dead(self):
        return sockets.text_of((sockets.HOST, sockets.free_port()))

    def record_of_failure(self):
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["by"]), ("no_upstream", "proxy"))
        return record


@matrix(workers=(1, 2))
class Rounds(Common):
    def test_the_only_endpoint_is_away_for_a_moment(self):
        port = sockets.free_port()
        self.start([sockets.text_of((sockets.HOST, port))])
        client = self.keep(self.web.connect())
        client.sendall(b"early")
        self.web.wait_line("cannot connect to .*Connection refused")
        time.sleep(0.3)
        with socket.create_server((sockets.HOST, port)) as server:
            server.settimeout(DEADLINE)
            upstream = self.keep(server.accept()[0])
            self.assertEqual(sockets.read_exactly(upstream, 5), b"early")
            sockets.exchange(client, upstream)
            sockets.reset(upstream)
        record = self.records.wait()[0]
        self.assertGreater(record["attempts"], 2)
        self.assertGreater(record["connect_ms"], 300)

    def test_an_endpoint_that_takes_and_resets_is_not_asked_again(self):
        """Connect or receive finds the reset, as timing has it: the client is told anyway."""
        with socket.create_server((sockets.HOST, 0)) as server:
            server.settimeout(DEADLINE)
            self.start([sockets.text_of(server.getsockname())])
            for _ in range(50):
                client = self.keep(self.web.connect())
                upstream = server.accept()[0]
                upstream.sendall(b"x" * 1000)
                sockets.reset(upstream)
                self.assertEqual(sockets.ending(client), "reset")
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.accept()

    def test_a_unix_endpoint_whose_file_comes_back(self):
        path = self.new_folder() + "/app.sock"
        self.start(["unix:" + path])
        client = self.keep(self.web.connect())
        self.web.wait_line("cannot connect to .*No such file")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            server.settimeout(DEADLINE)
            sockets.exchange(client, self.keep(server.accept()[0]))

    def test_given_up_after_retry_for(self):
        """20, 40, 80, 160, 250 ms, less up to a half: 4 to 9 rounds of two in half a second."""
        self.start([self.dead(), self.dead()], retry_for="500ms")
        record = self.record_of_failure()
        self.assertGreaterEqual(record["total_ms"], 500)
        self.assertLess(record["total_ms"], 500 + 1000 * DEADLINE / 10)
        self.assertGreaterEqual(record["attempts"], 5)
        self.assertLessEqual(record["attempts"], 20)

    def test_one_round(self):
        self.start([self.dead(), self.dead()], retry_for="0s")
        self.assertEqual(self.record_of_failure()["attempts"], 2)

    def test_without_backoff_nothing_spins(self):
        self.start([self.dead()], retry_for="500ms", connect_backoff="0s")
        self.assertLessEqual(self.record_of_failure()["attempts"], 15)

    def test_a_long_backoff_is_cut_between_rounds(self):
        port = sockets.free_port()
        self.start([sockets.text_of((sockets.HOST, port))], connect_backoff="10s", retry_for="1m")
        client = self.keep(self.web.connect())
        self.web.wait_line("cannot connect to ")
        with socket.create_server((sockets.HOST, port)) as server:
            server.settimeout(DEADLINE)
            sockets.exchange(client, self.keep(server.accept()[0]))

    def test_a_round_goes_on_where_the_last_one_ended(self):
        """One attempt a round, and the third endpoint lives."""
        live = self.keep(sockets.Listener())
        self.start([self.dead(), self.dead(), live.text], connect_attempts=1)
        for _ in range(2):  # the first may begin with any of them, the next with a dead one
            client, upstream = self.keep(self.web.connect()), self.keep(live.accept())
            sockets.exchange(client, upstream)
            sockets.reset(upstream)
        record = self.records.wait(2)[1]
        self.assertEqual((record["attempts"], record["endpoint"]), (3, live.text))

    def test_a_client_that_leaves_between_rounds(self):
        self.start([self.dead()], retry_for="1m", connect_backoff="10s")
        before = self.web.idle_descriptors()
        client = self.keep(self.web.connect())
        self.web.wait_line("cannot connect to ")
        sockets.reset(client)
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["by"]), ("reset", "client"))
        wait_for(lambda: self.web.descriptors() <= before, "its sockets to go")

    def test_shutdown_between_rounds(self):
        self.start([self.dead()], retry_for="1m")
        client = self.keep(self.web.connect())
        self.web.wait_line("cannot connect to ")
        self.assertEqual(self.web.stop(), 0)
        self.assertEqual(sockets.ending(client), "reset")
        self.assertEqual(self.records.wait()[0]["reason"], "shutdown")


@matrix(workers=(1, 2))
class AcceptQueue(Common):
    def full(self):
        self.queue = self.keep(FullQueue(self.new_folder() + "/app.sock"))
        return self.queue.text

    def waiting_client(self):
        self.before = self.web.idle_descriptors()
        client = self.keep(self.web.connect())
        wait_for(lambda: self.web.descriptors() >= self.before + 2, "the connect to begin")
        time.sleep(0.1)  # some attempts
        self.assertEqual(self.records.all(), [])
        return client

    def test_a_full_queue_is_waited_for(self):
        self.start([self.full()], retry_for="0s")
        client = self.waiting_client()
        client.sendall(b"early")
        self.queue.drain()
        upstream = self.keep(self.queue.accept())
        self.assertEqual(sockets.read_exactly(upstream, 5), b"early")
        sockets.exchange(client, upstream)
        sockets.reset(client)
        record = self.records.wait()[0]
        self.assertEqual(record["attempts"], 1)

    def test_a_queue_that_stays_full(self):
        self.start([self.full()], timeouts={"connect": "300ms"}, retry_for="0s")
        record = self.record_of_failure()
        self.assertEqual((record["error"], record["attempts"]), ("ETIMEDOUT", 1))
        self.assertGreaterEqual(record["total_ms"], 300)
        self.assertLess(record["total_ms"], 300 + 1000 * DEADLINE / 10)
        self.web.wait_line("cannot connect to .*accept queue is full")

    def test_another_endpoint_serves_meanwhile(self):
        live = self.keep(sockets.Listener())
        self.start([self.full(), live.text], timeouts={"connect": "200ms"})
        client = self.keep(self.web.connect())
        sockets.exchange(client, self.keep(live.accept()))

    def test_a_client_that_leaves(self):
        self.start([self.full()], timeouts={"connect": "1m"})
        client = self.waiting_client()
        sockets.reset(client)
        self.assertEqual(self.records.wait()[0]["by"], "client")
        wait_for(lambda: self.web.descriptors() <= self.before, "its sockets to go")


@matrix(workers=(1,))
class Itself(Common):
    """A connect whose ephemeral port is the endpoint's succeeds by meeting itself."""

    def start_where_every_port_is(self, port, endpoint, bind="127.0.0.1:7000", **upstream):
        def prepare():
            isolation.own_network()
            isolation.set_kernel("net.ipv4.ip_local_port_range", f"{port} {port}")

        self.start([endpoint], prepare, bind=bind, retry_for="100ms", **upstream)

    def check_refused(self, address=("127.0.0.1", 7000)):
        endings = self.peer(talk_to_nobody, self.web.pid, address, 3).receive()
        self.assertEqual(endings, ["reset"] * 3)
        for record in self.records.wait(3):
            self.assertEqual((record["reason"], record["error"]), ("no_upstream", "ECONNREFUSED"))
        self.web.wait_line("cannot connect to .*no program listens there")

    def test_ipv4(self):
        self.start_where_every_port_is(31000, "127.0.0.1:31000")
        self.check_refused()

    def test_ipv6(self):
        self.start_where_every_port_is(31000, "[::1]:31000", bind="[::1]:7000")
        self.check_refused(("::1", 7000))

    def test_ipv4_written_as_ipv6(self):
        self.start_where_every_port_is(31000, "[::ffff:127.0.0.1]:31000")
        self.check_refused()

    def test_unspecified(self):
        self.start_where_every_port_is(31000, "0.0.0.0:31000")
        self.check_refused()

    def test_with_a_source_address(self):
        self.start_where_every_port_is(31000, OURS + ":31000", source_address=OURS)
        self.check_refused()


@matrix(workers=(1, 2))
class OwnListener(Common):
    def start_loop(self, bind, endpoint, **options):
        self.start([endpoint], isolation.own_network, bind=bind, **options)
        self.web.wait_line(LEAD_BACK)
        self.check_loop()

    def check_loop(self, address=("127.0.0.1", 7000)):
        """Reported at once, by one record: nothing has gone round or is tried again."""
        self.assertEqual(self.peer(talk_to_nobody, self.web.pid, address, 1).receive(), ["reset"])
        record = self.records.wait()[0]
        self.assertEqual((record["reason"], record["error"], record["attempts"]),
                         ("no_upstream", "ELOOP", 1))
        self.assertLess(record["total_ms"], 1000 * DEADLINE / 10)
        self.assertEqual(len(self.records.all()), 1)

    def test_the_same_address(self):
        self.start_loop("127.0.0.1:7000", "127.0.0.1:7000")

    def test_a_listener_on_all_addresses(self):
        self.start_loop("0.0.0.0:7000", "127.3.2.1:7000")

    def test_unspecified(self):
        self.start_loop("127.0.0.1:7000", "0.0.0.0:7000")

    def test_ipv4_written_as_ipv6(self):
        self.start_loop("127.0.0.1:7000", "[::ffff:127.0.0.1]:7000")

    def test_a_listener_of_both_families(self):
        self.start_loop("[::]:7000", "127.0.0.1:7000", socket_options={"ipv6_only": False})

    def test_a_link_to_the_socket(self):
        folder = self.new_folder()
        os.symlink("web.sock", folder + "/link.sock")
        self.start([f"unix:{folder}/link.sock"], bind=f"unix:{folder}/web.sock")
        self.web.wait_line(LEAD_BACK)
        self.assertEqual(sockets.read_to_end(self.keep(self.web.connect()))[0], b"")
        self.assertEqual(self.records.wait()[0]["error"], "ELOOP")

    def test_an_address_that_comes_later(self):
        self.start(["10.9.8.7:7000"], isolation.own_network, bind="0.0.0.0:7000", retry_for="0s")
        self.assertEqual(self.web.lines(LEAD_BACK), [])
        self.assertEqual(self.peer(add_address, self.web.pid, "10.9.8.7/32").receive(), 0)
        self.check_loop()

    def two(self, second_endpoints):
        """Listener a leads to listener b, and b to `second_endpoints`."""
        config = self.config(["127.0.0.1:7001"], bind="127.0.0.1:7000")
        config["listeners"].append({"name": "b", "bind": "127.0.0.1:7001", "upstream": "second"})
        config["upstreams"].append({"name": "second", "endpoints": second_endpoints})
        self.records = Records(self.new_folder())
        config["access_log"] = self.records.section
        self.web = self.started_proxy(config, isolation.own_network)

    def test_a_way_round_over_two_listeners(self):
        self.two([{"address": "127.0.0.1:7000"}])
        self.web.wait_line(LEAD_BACK, count=2)
        self.check_loop()

    def test_a_chain_goes_on_working(self):
        path = self.new_folder() + "/app.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            config = self.config(["127.0.0.1:7001"], bind=f"unix:{path}.web")
            config["listeners"].append({"name": "b", "bind": "127.0.0.1:7001", "upstream": "c"})
            config["upstreams"].append({"name": "c", "endpoints": [{"address": "unix:" + path}]})
            web = self.started_proxy(config, isolation.own_network)
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(server.accept()[0]))
            self.assertEqual(web.lines(LEAD_BACK), [])


@matrix(workers=(1,))
class ToldAtStart(Common):
    def refused(self, config):
        path = self.new_folder() + "/sluice.yaml"
        with open(path, "w") as file:
            file.write(yaml(config))
        result = run(binary(), "--config", path)
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_a_source_address_that_is_not_ours(self):
        """Every upstream that has one is named."""
        config = self.config([self.dead()], upstream={"source_address": NOT_OURS})
        config["upstreams"].append({"name": "other", "endpoints": [{"address": "[::1]:1"}],
                                    "source_address": "2001:db8::1"})
        said = self.refused(config)
        self.assertRegex(said, f"upstream app: source_address {NOT_OURS} is not an address of this")
        self.assertRegex(said, r"upstream other: source_address \[2001:db8::1\] is not an address")
        self.assertNotIn("listening", said)

    def test_a_source_address_that_may_come_later(self):
        def prepare():
            isolation.own_network()
            isolation.set_kernel("net.ipv4.ip_nonlocal_bind", 1)

        self.start(["127.0.0.1:1"], prepare, source_address=NOT_OURS)


if __name__ == "__main__":
    main()
