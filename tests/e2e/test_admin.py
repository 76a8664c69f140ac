"""The admin endpoint: what it shows, which clients it obeys, how little clients can do to it."""

import contextlib
import os
import signal
import socket
import stat
import struct
import time

from admin import Administered
from echo import echo
from harness import main, matrix
from processes import wait_for
from reloading import Reloading, put
from sluice import yaml
from sockets import HOST, Listener, exchange, text_of

CONNECTIONS = 64


@matrix()
class Reading(Administered):
    def test_what_it_shows(self):
        server = self.keep(Listener())
        proxy, admin = self.administered(
            [{"address": server.text, "max_connections": 5},
             {"address": text_of((HOST, 1)), "weight": 0}],
            upstream={"balance": "least_connections"}, listener={"max_connections": 7})
        client = self.keep(proxy.connect())
        upstream = self.keep(server.accept())
        exchange(client, upstream)

        self.assertEqual(admin.get("/healthz").text, "ok\n")
        self.assertEqual((admin.get("/readyz").status, admin.get("/readyz").text), (200, "ready\n"))
        info = admin.json("info")
        self.assertEqual((info["pid"], info["state"], info["ready"]), (proxy.pid, "serving", True))
        self.assertEqual((info["backend"], info["workers"]), (self.backend, self.workers))
        self.assertEqual((info["sessions_active"], info["sessions_total"]), (1, 1))
        self.assertEqual(info["config"], proxy.config_path)
        [listener] = admin.json("listeners")
        self.assertEqual(listener["name"], "web")
        self.assertEqual(listener["addresses"], [text_of(proxy.address())])
        self.assertEqual((listener["upstream"], listener["max_connections"]), ("app", 7))
        self.assertEqual((listener["sessions_active"], listener["sessions_total"]), (1, 1))
        self.assertGreater(listener["bytes_up"], 0)
        [app] = admin.json("upstreams")
        self.assertEqual((app["name"], app["balance"]), ("app", "least_connections"))
        self.assertEqual((app["endpoints"], app["usable"]), (2, 1))
        self.assertEqual((app["sessions_active"], app["sessions_total"]), (1, 1))
        ready, drained = admin.json("endpoints")
        self.assertEqual((ready["upstream"], ready["name"]), ("app", server.text))
        self.assertEqual((ready["state"], ready["usable"]), ("ready", True))
        self.assertEqual((ready["sessions_active"], ready["max_connections"]), (1, 5))
        self.assertEqual((drained["state"], drained["usable"], drained["weight"]),
                         ("drain", False, 0))
        workers = admin.json("workers")
        self.assertEqual([worker["worker"] for worker in workers], list(range(self.workers)))
        self.assertGreater(sum(worker["tasks"] for worker in workers), 0)
        config = admin.get("/api/v1/config")
        self.assertEqual(config.headers["Content-Type"], "application/yaml")
        self.assertIn("\n    max_connections: 7\n", config.text)

        client.close()
        upstream.close()
        wait_for(lambda: admin.json("listeners")[0]["sessions_active"] == 0, "its end")
        self.assertEqual(admin.json("info")["sessions_total"], 1)

    def test_what_is_not_there(self):
        _, admin = self.administered([text_of((HOST, 1))])
        for method, target, status in (
                ("POST", "/", 405), ("GET", "/api/v1/nothing", 404), ("POST", "/healthz", 405),
                ("GET", "/api/v1/reload", 405), ("DELETE", "/metrics", 405), ("GET", "/%zz", 400),
                ("BREW", "/healthz", 405), ("POST", "/api/v1/log-level?level=loud", 400)):
            answer = admin.ask(method, target)
            self.assertEqual(answer.status, status, (method, target))
            self.assertTrue(answer.json["error"], (method, target))
        self.assertEqual(admin.post("/healthz").headers["Allow"], "GET, HEAD")
        head = admin.ask("HEAD", "/healthz")
        self.assertEqual((head.status, head.text, head.headers["Content-Length"]), (200, "", "3"))

    def test_the_difference_between_the_file_and_what_is_in_force(self):
        _, admin = self.administered([text_of((HOST, 1))])
        proxy = self.started[0]
        self.assertEqual(admin.json("config/diff"), {"differences": []})
        with open(proxy.config_path) as file:
            text = file.read()
        put(proxy.config_path, text.replace("workers: ", "pin_workers: true\n  workers: ")
            .replace("drain_timeout: 200ms", "drain_timeout: 201ms"))
        self.assertEqual(admin.json("config/diff")["differences"],
                         ["runtime.pin_workers is true, was false (only from the next start on)",
                          "shutdown.drain_timeout is 201ms, was 200ms"])
        put(proxy.config_path, text.replace("200ms", "soon"))
        answer = admin.get("/api/v1/config/diff")
        self.assertEqual(answer.status, 409)
        self.assertRegex(answer.json["error"], r"^/.*:\d+:\d+: error: shutdown.drain_timeout: ")


@matrix(workers=(1,))
class Acting(Administered, Reloading):
    def test_a_reload_answers_when_it_is_in_force(self):
        server = self.keep(Listener())
        config = self.config([server.text], admin={"bind": f"unix:{self.unix_path()}"})
        proxy = self.lone_proxy(config)
        self.web, self.listener = proxy, server
        client, upstream = self.session()
        admin = self.found(proxy)
        config["listeners"][0]["max_connections"] = 9
        put(proxy.config_path, yaml(config))
        answer = admin.post("/api/v1/reload")
        self.assertEqual((answer.status, answer.json), (200, {"result": "ok"}))
        self.assertEqual(admin.json("listeners")[0]["max_connections"], 9)
        proxy.wait_line(rf"admin: uid {os.geteuid()}, pid {os.getpid()}: reload$")
        proxy.wait_line("admin: another configuration is in force")

        put(proxy.config_path, yaml(self.changed(config, shutdown={"drain_timeout": "soon"})))
        answer = admin.post("/api/v1/reload")
        self.assertEqual(answer.status, 409)
        [error] = answer.json["errors"]
        self.assertEqual(answer.json["error"], error)
        self.assertRegex(error, r"yaml:\d+:\d+: error: shutdown.drain_timeout: ")
        proxy.wait_line("admin: the configuration stays as it is")
        info = admin.json("info")
        self.assertEqual((info["reloads_ok"], info["reloads_failed"]), (1, 1))
        exchange(client, upstream)
        self.assertEqual(proxy.stop(), 0)

    def test_settings_that_wait_for_a_restart(self):
        proxy, admin = self.administered([text_of((HOST, 1))])
        with open(proxy.config_path) as file:
            text = file.read()
        put(proxy.config_path, text.replace("admin.sock", "other.sock"))
        self.assertEqual(admin.post("/api/v1/reload").status, 200)
        self.assertEqual(admin.json("info")["config_pending"], ["admin.bind"])
        self.assertEqual(admin.metrics()["sluice_config_pending"], 1)
        self.assertIn("admin.sock", admin.get("/api/v1/config").text)

    def test_reloads_that_are_asked_for_together_are_all_answered(self):
        proxy, admin = self.administered([text_of((HOST, 1))])
        request = (b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                   b"Connection: close\r\n\r\n")
        asked = [self.keep(admin.raw(request)) for _ in range(10)]
        for connection in asked:
            self.assertIn(b" 200 OK\r\n", connection.makefile("rb").read())

    def test_a_signal_and_the_api_reload_the_same(self):
        proxy, admin = self.administered([text_of((HOST, 1))])
        self.assertIn("signal SIGHUP", self.hup(proxy))
        self.assertEqual(admin.post("/api/v1/reload").status, 200)
        self.assertIn("signal SIGHUP", self.hup(proxy))
        self.assertEqual(admin.json("info")["reloads_ok"], 3)

    def test_the_log_level(self):
        proxy, admin = self.administered([text_of((HOST, 1))], log={"level": "info"})
        self.assertEqual(admin.json("info")["log_level"], "info")
        self.assertEqual(admin.post("/api/v1/log-level?level=debug").json, {"log_level": "debug"})
        self.assertEqual(admin.json("info")["log_level"], "debug")
        proxy.wait_line(r"admin: uid \d+, pid \d+: log level debug$")
        proxy.connect().close()
        proxy.wait_line("session end ")


@matrix(workers=(1,))
class Ready(Administered, Reloading):
    def test_it_is_not_while_it_drains_and_answers_until_the_end(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text], shutdown={"drain_timeout": "1m"})
        client = self.keep(proxy.connect())
        upstream = self.keep(server.accept())
        exchange(client, upstream)
        proxy.send_signal(signal.SIGTERM)
        wait_for(lambda: admin.get("/readyz").status == 503, "the proxy to say that it drains")
        self.assertEqual(admin.get("/readyz").text, "not ready: the proxy is draining\n")
        self.assertEqual(admin.get("/healthz").status, 200)
        self.assertEqual(admin.json("info")["state"], "draining")
        self.assertEqual(admin.metrics()['sluice_sessions_active{listener="web"}'], 1)
        answer = admin.post("/api/v1/reload")
        self.assertEqual(answer.status, 409)
        self.assertIn("does not serve now", answer.json["error"])
        exchange(client, upstream)
        client.close()
        upstream.close()
        self.assertEqual(proxy.wait(), 0)
        self.assertFalse(os.path.exists(admin.address), "the file goes with the process")

    def test_it_is_while_the_upstreams_have_enough_endpoints(self):
        config = self.config([text_of((HOST, 1)), text_of((HOST, 2))],
                             admin={"bind": f"unix:{self.unix_path()}"},
                             ready_when=[{"upstream": "app", "usable": 2}])
        proxy = self.started_proxy(config)
        admin = self.found(proxy)
        self.assertEqual(admin.get("/readyz").status, 200)
        config["upstreams"][0]["endpoints"][1]["weight"] = 0
        self.reload(proxy, config)
        self.assertEqual(admin.get("/readyz").status, 503)
        self.assertEqual(admin.get("/readyz").text,
                         "not ready: upstream app has 1 usable endpoints and needs 2\n")
        info = admin.json("info")
        self.assertEqual((info["ready"], info["not_ready_because"]),
                         (False, "upstream app has 1 usable endpoints and needs 2"))


@matrix(workers=(1,), backends=("epoll",))
class Access(Administered, Reloading):
    def test_the_socket_is_for_the_proxys_own_user(self):
        _, admin = self.administered([text_of((HOST, 1))])
        self.assertEqual(stat.S_IMODE(os.stat(admin.address).st_mode), 0o600)

    def test_loopback_may_read_and_with_the_token_do_all(self):
        proxy = self.proxy([text_of((HOST, 1))], admin={"bind": f"{HOST}:0"})
        admin = self.found(proxy)
        self.assertEqual(admin.get("/api/v1/info").status, 200)
        refused = admin.post("/api/v1/reload")
        self.assertEqual(refused.status, 403)
        self.assertIn("admin.token", refused.json["error"])
        self.assertEqual(proxy.lines("reading the configuration"), [])

    def test_the_token(self):
        token = "a-token-of-the-test"
        proxy = self.proxy([text_of((HOST, 1))], admin={"bind": f"{HOST}:0", "token": token})
        admin = self.found(proxy)
        right = {"Authorization": f"Bearer {token}"}
        self.assertEqual(admin.get("/healthz").status, 200)
        self.assertEqual(admin.get("/readyz").status, 200)
        for target in ("/metrics", "/api/v1/info"):
            refused = admin.get(target)
            self.assertEqual(refused.status, 401, target)
            self.assertEqual(refused.headers["WWW-Authenticate"], 'Bearer realm="sluice"')
            self.assertEqual(admin.get(target, Authorization=f"Bearer {token}x").status, 401)
            self.assertEqual(admin.get(target, **right).status, 200)
        self.assertEqual(admin.post("/api/v1/reload").status, 401)
        self.assertEqual(admin.post("/api/v1/reload", **right).status, 200)
        config = admin.get("/api/v1/config", **right).text
        self.assertIn('\n  token: "***"\n', config)
        self.assertNotIn(token, config + proxy.text())

    def test_the_token_in_a_file_may_change(self):
        path = os.path.join(self.new_folder(), "token")
        put(path, "one\n")
        proxy = self.proxy([text_of((HOST, 1))], admin={"bind": f"{HOST}:0", "token_file": path})
        admin = self.found(proxy)
        self.assertEqual(admin.get("/metrics", Authorization="Bearer one").status, 200)
        put(path, "two\n")
        self.assertEqual(admin.get("/metrics", Authorization="Bearer one").status, 401)
        self.assertEqual(admin.get("/metrics", Authorization="Bearer two").status, 200)
        os.unlink(path)
        lost = admin.get("/metrics", Authorization="Bearer two")
        self.assertEqual(lost.status, 500)
        self.assertIn(path, lost.json["error"])

    def test_a_reload_may_exchange_the_token(self):
        config = self.config([text_of((HOST, 1))], admin={"bind": f"{HOST}:0", "token": "one"})
        proxy = self.started_proxy(config)
        admin = self.found(proxy)
        config["admin"]["token"] = "two"
        self.reload(proxy, config)
        proxy.wait_line("reload: admin.token is another one$")
        self.assertEqual(admin.get("/metrics", Authorization="Bearer one").status, 401)
        self.assertEqual(admin.get("/metrics", Authorization="Bearer two").status, 200)

    def test_pages_of_other_sites(self):
        proxy = self.proxy([text_of((HOST, 1))], admin={"bind": f"{HOST}:0"})
        admin = self.found(proxy)
        self.assertEqual(admin.get("/metrics", Origin="https://example.org").status, 403)
        self.assertEqual(admin.get("/metrics", Host="example.org").status, 403)
        self.assertEqual(admin.get("/metrics", Sec_Fetch_Site="cross-site").status, 403)
        self.assertEqual(admin.get("/metrics", Content_Type="text/plain").status, 415)
        self.assertEqual(admin.get("/metrics", Host="localhost:1").status, 200)

    def test_probes_have_an_address_of_their_own(self):
        proxy = self.proxy([text_of((HOST, 1))],
                           admin={"bind": f"unix:{self.unix_path()}", "token": "secret",
                                  "probe_bind": f"{HOST}:0"})
        probes = self.found(proxy, "answering probes")
        for target in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(probes.get(target).status, 200, target)
        for target in ("/api/v1/info", "/api/v1/config"):
            self.assertEqual(probes.get(target, Authorization="Bearer secret").status, 404, target)
        self.assertEqual(probes.post("/api/v1/reload", Authorization="Bearer secret").status, 404)

    def test_an_address_in_use(self):
        with Listener() as taken:
            config = self.config([text_of((HOST, 1))], admin={"bind": taken.text})
            with self.assertRaisesRegex(AssertionError, "ended with 1"):
                self.lone_proxy(config)
            self.assertRegex(self.started_text(),
                             f"error admin.bind: cannot listen on {taken.text}")

    def started_text(self):
        return self.last_text

    def lone_proxy(self, config):
        try:
            return super().lone_proxy(config)
        except AssertionError as error:
            self.last_text = str(error)
            raise


@matrix(workers=(1,))
class IllWill(Administered):
    """Whatever its clients do, others are answered, and sessions do not notice."""

    def crowd(self, admin, text, count=CONNECTIONS):
        return [self.keep(admin.raw(text)) for _ in range(count)]

    def assert_healthy(self, admin):
        """At most 100 ms, the best of five: the machine may be busy."""
        def one():
            begin = time.monotonic()
            self.assertEqual(admin.get("/healthz").status, 200)
            return time.monotonic() - begin
        self.assertLess(min(one() for _ in range(5)), 0.1)

    def test_connections_that_are_held(self):
        proxy, admin = self.administered([self.peer(echo).receive()])
        for text in (b"", b"GET /healthz HTTP/1.1\r\nHost: local", b"GET /metrics HTTP/1.1\r\n",
                     b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Length: 9\r\n\r\n1"):
            self.crowd(admin, text)
            self.assert_healthy(admin)
        # As many requests as may wait for their answer, and others that hold the rest.
        last = admin.json("events")["last"]
        waiting = self.crowd(admin, b"GET /api/v1/events?after=%d&wait=1h HTTP/1.1\r\n"
                             b"Host: localhost\r\n\r\n" % last, 16)
        self.crowd(admin, b"")
        self.assert_healthy(admin)
        for connection in waiting:
            connection.close()
        # More lists of sessions than are made one after the other.
        self.crowd(admin, b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        self.assert_healthy(admin)
        # Readers that do not read.
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.crowd(admin, request * 40)
        self.assert_healthy(admin)
        self.assertLessEqual(proxy.descriptors(), 40 + CONNECTIONS)

    def test_bodies_and_heads_that_are_too_large(self):
        _, admin = self.administered([text_of((HOST, 1))])
        with admin.raw(b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Length: 100000000\r\n\r\n") as connection:
            self.assertIn(b" 413 ", connection.makefile("rb").readline())
        with admin.raw() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            self.fail("a body without an end was taken")
        with admin.raw() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            for _ in range(1000):
                connection.sendall(b"X-Header: " + b"x" * 1000 + b"\r\n")
            self.fail("a head without an end was taken")
        self.assertEqual(admin.get("/healthz").status, 200)

    def test_garbage(self):
        proxy, admin = self.administered([self.peer(echo).receive()])
        random = self.seed()
        for _ in range(200):
            with admin.raw() as connection, contextlib.suppress(ConnectionError):
                connection.sendall(random.randbytes(random.randrange(1, 4000)))
        for text in (b"GET / HTTP/9.9\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST /healthz HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"):
            with admin.raw(text) as connection, contextlib.suppress(ConnectionError):
                connection.shutdown(socket.SHUT_WR)
                self.assertNotEqual(connection.recv(4096), b"", text)
        self.assertEqual(admin.get("/healthz").status, 200)
        with proxy.connect() as client:
            client.sendall(b"still")
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"still")

    def test_clients_that_go_in_the_middle(self):
        proxy, admin = self.administered([text_of((HOST, 1))])
        before = proxy.descriptors()
        for i in range(100):
            with admin.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                           b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: 0\r\n\r\n"[:40 + 2 * i]) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(lambda: proxy.descriptors() <= before, "their descriptors to be closed")
        self.assertEqual(admin.get("/healthz").status, 200)

    def test_it_answers_when_the_proxy_is_full(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text], limits={"max_connections": 2})
        clients = [self.keep(proxy.connect()) for _ in range(2)]
        for client in clients:
            exchange(client, self.keep(server.accept()))
        for _ in range(5):
            with contextlib.suppress(ConnectionError):  # a reset, perhaps before it is told
                proxy.connect().close()
        wait_for(lambda: admin.json("info")["rejections"]["connections"] == 5, "rejections")
        self.assertEqual(admin.get("/readyz").status, 200)


if __name__ == "__main__":
    main()
