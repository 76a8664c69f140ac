"""Routes: where a client goes by what it sends first, and that all of it arrives unchanged."""

import signal
import socket
import threading
import time

import hello
import sockets
from admin import Administered
from harness import main, matrix
from hello import HTTP, MQTT, POSTGRES, RDP, SSH, SSL2
from processes import wait_for
from records import Records
from reloading import Reloading
from upgrading import Upgrading

NEVER = "1h"


class Routed(Administered, Reloading):
    """A listener with routes, and a server for each of its upstreams, called by a letter."""

    ROUTES = [
        {"sni": ["a.example", "*.a.example"], "upstream": "a"},
        {"sni": "b.example", "alpn": "h2", "upstream": "h"},
        {"sni": "b.example", "upstream": "b"},
        {"protocol": "ssh", "upstream": "s"},
    ]

    def start(self, routes=None, preread=None, **options):
        return self.started_proxy(self.routed_config(routes, preread, **options))

    def routed_config(self, routes=None, preread=None, listener=None, upstreams=None, **sections):
        routes = self.ROUTES if routes is None else routes
        letters = sorted({"d", *(each["upstream"] for each in routes)})
        if not hasattr(self, "servers"):
            self.servers = {}
        for letter in letters:
            if letter not in self.servers:
                self.servers[letter] = self.keep(sockets.Listener())
        config = self.config([self.servers["d"].text],
                             listener={"upstream": "d", "routes": routes,
                                       "preread": {"timeout": NEVER, **(preread or {})},
                                       **(listener or {})}, **sections)
        if not routes:
            del config["listeners"][0]["routes"]
        config["upstreams"] = [{"name": letter, "endpoints": [self.servers[letter].text],
                                **(upstreams or {})} for letter in letters]
        return config

    def arrives(self, letter, data):
        """The server's side of a connection that begins with `data`."""
        server = self.keep(self.servers[letter].accept())
        self.assertEqual(sockets.read_exactly(server, len(data)), data)
        return server

    def goes(self, proxy, data, letter):
        client = self.keep(proxy.connect())
        client.sendall(data)
        server = self.arrives(letter, data)
        sockets.exchange(client, server)
        return client, server

    def visit(self, proxy, data, letter):
        """The same, and both sides end it."""
        for side in self.goes(proxy, data, letter):
            side.close()

    def waiting(self, proxy, data=b""):
        """A client that has sent less than decides."""
        client = self.keep(proxy.connect())
        client.sendall(data)
        return client


@matrix(workers=(2,))
class Routes(Routed):
    def test_each_goes_where_its_route_says(self):
        proxy = self.start()
        for data, letter in ((hello.hello("a.example"), "a"), (hello.hello("X.y.A.example."), "a"),
                             (hello.hello("b.example", ["h2", "http/1.1"]), "h"),
                             (hello.hello("b.example", ["http/1.1"]), "b"),
                             (hello.hello("c.example"), "d"), (hello.hello(), "d"),
                             (hello.hello("192.0.2.1"), "d"), (hello.hello("a.example\0.c"), "d"),
                             (SSL2, "d"), (SSH, "s"), (HTTP, "d"), (b"\0", "d")):
            with self.subTest(letter=letter, data=data[:40]):
                self.goes(proxy, data, letter)

    def test_protocols_share_a_port(self):
        routes = [{"protocol": name, "upstream": name[0]}
                  for name in ("ssh", "http", "postgres", "mqtt", "rdp", "tls")]
        proxy = self.start(routes)
        for data, letter in ((SSH, "s"), (HTTP, "h"), (POSTGRES, "p"), (MQTT, "m"), (RDP, "r"),
                             (hello.hello("a.example"), "t"), (b"EHLO me\r\n", "d")):
            with self.subTest(letter=letter):
                self.goes(proxy, data, letter)

    def test_a_hello_may_be_long(self):
        proxy = self.start()
        for padding, most in ((1700, 16384), (16000, 16384), (65000, 16384), (60000, 600)):
            with self.subTest(padding=padding, most=most):
                data = hello.hello("b.example", padding=padding, most=most)
                self.goes(proxy, data, "b")

    def test_a_hello_may_come_byte_by_byte(self):
        proxy = self.start()
        data = hello.hello("a.example", padding=1700, most=700)
        client = self.keep(proxy.connect())
        for at in range(len(data)):
            client.sendall(data[at:at + 1])
        client.sendall(b"more")
        self.arrives("a", data + b"more")

    def test_a_long_hello_may_come_in_small_pieces(self):
        proxy = self.start(limits={"buffer_memory": "1MiB", "max_connections": 64})
        data = hello.hello("a.example", padding=60000)
        client = self.keep(proxy.connect())
        for at in range(0, len(data), 16):
            client.sendall(data[at:at + 16])
        self.arrives("a", data)

    def test_a_server_may_speak_first_when_the_time_is_over(self):
        proxy = self.start(preread={"timeout": "100ms"})
        client = self.waiting(proxy)
        server = self.keep(self.servers["d"].accept())
        server.sendall(b"220 ready\r\n")
        self.assertEqual(sockets.read_exactly(client, 11), b"220 ready\r\n")
        sockets.exchange(client, server)

    def test_what_came_in_time_goes_on_when_it_is_over(self):
        proxy = self.start(preread={"timeout": "300ms"})
        half = hello.hello("a.example")[:50]
        client = self.waiting(proxy, half)
        sockets.exchange(client, self.arrives("d", half))

    def test_who_is_late_may_be_rejected(self):
        proxy = self.start(preread={"timeout": "100ms", "on_timeout": "reject"})
        client = self.waiting(proxy, b"SS")
        self.assertEqual(sockets.ending(client), "reset")
        end = proxy.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("preread_timeout", "proxy"))

    def test_what_is_no_tls_may_be_rejected(self):
        proxy = self.start(preread={"not_tls": "reject"})
        broken = bytearray(hello.hello("a.example"))
        broken[6] = 9  # it claims to be longer than any is
        for data in (HTTP, b"\0", bytes(broken)):
            client = self.waiting(proxy, data)
            self.assertEqual(sockets.ending(client), "reset", data)
        for end in (proxy.wait_session_end(count) for count in (1, 2, 3)):
            self.assertEqual((end["reason"], end["by"]), ("no_route", "proxy"))
        self.goes(proxy, SSH, "s")
        self.goes(proxy, hello.hello("nobody.example"), "d")

    def test_a_client_that_ends_early_is_decided_by_what_there_is(self):
        proxy = self.start()
        client = self.waiting(proxy, b"SS")
        client.shutdown(socket.SHUT_WR)
        server = self.arrives("d", b"SS")
        self.assertEqual(server.recv(1), b"")
        server.sendall(b"bye")
        server.close()
        self.assertEqual(sockets.read_to_end(client), (b"bye", "eof"))
        self.waiting(proxy).close()
        server = self.keep(self.servers["d"].accept())
        self.assertEqual(server.recv(1), b"")

    def test_a_client_that_resets_early_goes_nowhere(self):
        proxy = self.start()
        for count, data in enumerate((b"", b"SS", hello.hello("a.example")[:60]), 1):
            client = self.waiting(proxy, data)
            time.sleep(0.05)  # it may have been read
            sockets.reset(client)
            end = proxy.wait_session_end(count)
            self.assertEqual((end["reason"], end["by"]), ("reset", "client"))
        self.servers["d"].socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            self.servers["d"].socket.accept()

    def test_all_that_comes_with_the_hello_arrives(self):
        proxy = self.start()
        data = hello.hello("a.example") + bytes(range(256)) * 4096
        client = self.keep(proxy.connect())
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        server = self.keep(self.servers["a"].accept())
        self.assertEqual(sockets.read_exactly(server, len(data)), data)
        sender.join()

    def test_the_header_of_the_proxy_protocol_comes_first(self):
        proxy = self.start(upstreams={"send_proxy": "v1"})
        data = hello.hello("a.example", padding=20000)
        client = self.keep(proxy.connect())
        client.sendall(data)
        server = self.keep(self.servers["a"].accept())
        line = "PROXY TCP4 %s %s %d %d\r\n" % (*client.getsockname()[:1], *client.getpeername()[:1],
                                               client.getsockname()[1], client.getpeername()[1])
        self.assertEqual(sockets.read_exactly(server, len(line)), line.encode())
        self.assertEqual(sockets.read_exactly(server, len(data)), data)
        sockets.exchange(client, server)

    def test_bandwidth_is_limited_for_what_was_read_before(self):
        proxy = self.start(listener={"bandwidth": {"per_connection": "40KiB/s"}})
        began = time.monotonic()
        self.goes(proxy, hello.hello("a.example", padding=30000), "a")
        self.assertGreater(time.monotonic() - began, 0.3)

    def test_sessions_go_by_the_name_of_the_server(self):
        servers = [self.keep(sockets.Listener()) for _ in range(4)]
        config = self.config([each.text for each in servers],
                             upstream={"balance": "source_hash", "hash": {"on": "sni"}})
        proxy = self.started_proxy(config)
        places = {}
        for number in range(24):
            data = hello.hello(f"site-{number % 8}.example")
            client = self.keep(proxy.connect())
            client.sendall(data)
            ready = sockets.ready_of(servers)
            server = self.keep(ready.accept())
            self.assertEqual(sockets.read_exactly(server, len(data)), data)
            places.setdefault(number % 8, set()).add(servers.index(ready))
        self.assertTrue(all(len(place) == 1 for place in places.values()), places)
        self.assertGreater(len(set.union(*places.values())), 1)


@matrix(workers=(2,))
class RoutesSeen(Routed):
    """What operators see and do."""

    def test_the_record_says_where_it_went_and_why(self):
        records = Records(self.new_folder())
        proxy = self.start(access_log=records.section)
        self.visit(proxy, hello.hello("x.A.example", ["h2", "http/1.1"]), "a")
        record = records.wait()[0]
        self.assertEqual({key: record[key] for key in ("upstream", "route", "sni", "alpn")},
                         {"upstream": "a", "route": "a.example", "sni": "x.a.example",
                          "alpn": "h2,http/1.1"})
        self.visit(proxy, HTTP, "d")
        record = records.wait(2)[1]
        self.assertEqual((record["upstream"], record["route"], record["sni"], record["alpn"]),
                         ("d", "default", None, None))

    def test_what_a_client_says_cannot_break_the_record(self):
        folder = self.new_folder()
        path = folder + "/access.log"
        proxy = self.start(access_log={"path": path, "format": "text"})

        def record(number):
            with open(path) as file:
                lines = file.read().split("\n")
            return len(lines) > number and lines[number - 1]
        self.visit(proxy, hello.hello("a.example", ["a,b\n", "\x7f\""]), "a")
        text = wait_for(lambda: record(1), "a record")
        self.assertTrue(text.endswith(
            " record=end route=a.example sni=a.example alpn=a\\x2cb\\x0a,\\x7f\""), text)
        self.visit(proxy, hello.hello("a.example", ["\x01" * 250] * 4), "a")
        text = wait_for(lambda: record(2), "a record")
        self.assertTrue(text.endswith(" alpn=" + "\\x01" * 31 + "..."), text)

    def test_the_admin_endpoint_shows_it(self):
        config = self.routed_config(admin={"bind": f"unix:{self.unix_path()}"})
        proxy = self.started_proxy(config)
        admin = self.found(proxy)
        waiting = self.waiting(proxy, b"SS")
        client, server = self.goes(proxy, hello.hello("a.example"), "a")
        rows = {(row["upstream"], row["state"]) for row in admin.json("sessions")}
        self.assertEqual(rows, {("a", "relay"), ("d", "route")})
        listener = admin.json("listeners")[0]
        self.assertEqual(listener["routes"][1], {"name": "b.example", "upstream": "h"})
        self.assertEqual(listener["sessions_active"], 2)
        active = {each["name"]: each["sessions_active"] for each in admin.json("upstreams")}
        self.assertEqual(active, {"a": 1, "b": 0, "d": 1, "h": 0, "s": 0})
        client.close()
        server.close()
        sockets.reset(waiting)
        wait_for(lambda: admin.json("listeners")[0]["sessions_active"] == 0, "the ends")
        self.assertIn('sluice_routed_total{listener="web",upstream="a",way="to"} 1',
                      admin.get("/metrics").text)

    def test_one_that_waits_is_killed(self):
        config = self.routed_config(admin={"bind": f"unix:{self.unix_path()}"})
        proxy = self.started_proxy(config)
        admin = self.found(proxy)
        client = self.waiting(proxy, b"SS")
        row = wait_for(lambda: [each for each in admin.json("sessions")
                                if each["state"] == "route"], "it to wait")[0]
        admin.ask("DELETE", f"/api/v1/sessions/{row['id']}")
        self.assertEqual(sockets.ending(client), "reset")
        end = proxy.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("killed", "admin"))

    def test_a_drain_resets_who_waits_at_once(self):
        proxy = self.start(shutdown={"drain_timeout": "1h"})
        waiting = self.waiting(proxy, b"SS")
        client, server = self.goes(proxy, SSH, "s")
        proxy.send_signal(signal.SIGTERM)
        self.assertEqual(sockets.ending(waiting), "reset")
        end = proxy.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("shutdown", "proxy"))
        sockets.exchange(client, server)
        client.close()
        server.close()

    def test_a_lifetime_ends_who_waits(self):
        proxy = self.start(listener={"timeouts": {"max_lifetime": "200ms"}})
        self.assertEqual(sockets.ending(self.waiting(proxy, b"SS")), "reset")
        self.assertEqual(proxy.wait_session_end()["reason"], "max_lifetime")

    def test_slow_clients_are_bounded_in_time_and_memory(self):
        """The time counts from the accept, however often a byte comes."""
        crowd = 400
        proxy = self.start(preread={"timeout": "1500ms", "on_timeout": "reject"},
                           limits={"buffer_memory": "8MiB", "max_connections": 1000})
        data = hello.hello("a.example")
        self.goes(proxy, data, "a")  # what one session touches
        before = proxy.resident()
        clients = [self.keep(proxy.connect()) for _ in range(crowd)]
        began = time.monotonic()
        for at in range(10):
            for client in clients:
                try:
                    client.send(data[at:at + 1])
                except ConnectionError:
                    pass
            if at == 5:  # others are served meanwhile, also with a hello in two segments
                other = self.keep(proxy.connect())
                long = hello.hello("b.example", padding=1700)
                other.sendall(long[:1000])
                time.sleep(0.02)
                other.sendall(long[1000:])
                self.arrives("b", long)
                self.assert_memory_growth(before, proxy.resident(), 16 << 20, "400 slow clients")
            time.sleep(0.1)
        self.assertEqual({sockets.ending(client) for client in clients}, {"reset"})
        self.assertLess(time.monotonic() - began, 10)
        proxy.wait_session_end(crowd)
        reasons = [end["reason"] for end in proxy.session_ends()]
        self.assertEqual(reasons.count("preread_timeout"), crowd)


@matrix(workers=(2,))
class RoutesReloaded(Routed):
    """The configuration is taken when a session is routed."""

    def test_who_waits_goes_by_the_new_routes(self):
        proxy = self.start()
        data = hello.hello("a.example")
        client = self.waiting(proxy, data[:70])
        config = self.routed_config([{"sni": "a.example", "upstream": "n"}])
        self.reload(proxy, config)
        client.sendall(data[70:])
        sockets.exchange(client, self.arrives("n", data))

    def test_without_routes_who_waits_goes_on_at_its_next_byte(self):
        proxy = self.start()
        data = hello.hello("a.example")
        client = self.waiting(proxy, data[:70])
        config = self.routed_config([])
        self.reload(proxy, config)
        client.sendall(data[70:])
        sockets.exchange(client, self.arrives("d", data))

    def test_of_a_listener_that_is_gone_the_old_routes_hold(self):
        proxy = self.start()
        data = hello.hello("a.example")
        client = self.waiting(proxy, data[:70])
        config = self.routed_config(self.ROUTES)
        config["listeners"][0].update(name="other", bind="127.0.0.1:0")
        self.reload(proxy, config)
        client.sendall(data[70:])
        sockets.exchange(client, self.arrives("a", data))

    def test_sessions_outlive_the_listeners_that_they_come_from(self):
        """One is admitted by the first configuration and routed by the second."""
        proxy = self.start()
        data = hello.hello("a.example")
        client = self.waiting(proxy, data[:70])
        config = self.routed_config(self.ROUTES, listener={"max_connections": 7})
        self.reload(proxy, config)
        client.sendall(data[70:])
        server = self.arrives("a", data)
        for number in (8, 9, 10):
            config["listeners"][0]["max_connections"] = number
            self.reload(proxy, config)
            sockets.exchange(client, server)
        client.close()
        server.close()
        proxy.wait_session_end()


@matrix(workers=(2,))
class RoutesUpgraded(Routed, Upgrading):
    def test_who_waits_is_served_by_the_old_process(self):
        web = Upgrading.start(self, self.routed_config(shutdown={"drain_timeout": "1h"}))
        data = hello.hello("a.example")
        old = self.waiting(web, data[:70])
        wait_for(lambda: sockets_read(web.port), "it to be accepted")
        self.upgrade(web)
        new = self.waiting(web, data[:70])
        for client in (old, new):
            client.sendall(data[70:])
            server = self.arrives("a", data)
            sockets.exchange(client, server)
            client.close()
            server.close()
        self.end(web)


def sockets_read(port):
    """Whether no connection to this port has bytes that its server has not read."""
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    mine = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return mine and all(row[4].endswith(":00000000") for row in mine)


if __name__ == "__main__":
    main()
