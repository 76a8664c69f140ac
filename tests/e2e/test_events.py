"""Events: what happened, by the API and by `sluice ctl events`; readers that wait or stall."""

import os
import select
import signal
import socket
import subprocess
import threading

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import Process, run, wait_for
from reloading import Reloading, put
from sluice import binary, yaml
from sockets import HOST, text_of

MOST = 1024
OFTEN = {"check": "connect", "interval": "50ms", "fast_interval": "20ms", "down_interval": "30ms",
         "fall": 1, "rise": 1}


def readable(sock):
    return bool(select.select([sock], [], [], 0)[0])


def texts(events, kind):
    return [event["text"] for event in events if event["kind"] == kind]


@matrix(workers=(1, 2))
class Kept(Administered, Reloading):
    def events(self, query=""):
        return self.admin.json("events" + query)["events"]

    def wait_text(self, kind, part):
        return wait_for(lambda: [text for text in texts(self.events(), kind) if part in text],
                        f"an event {kind}: {part}")

    def test_what_happens_is_kept(self):
        server = self.peer(echo).receive()
        config = self.config([server, server], limits={"max_connections": 2},
                             admin={"bind": f"unix:{self.unix_path()}"})
        config["upstreams"][0]["endpoints"][1]["name"] = "second"
        self.web = self.lone_proxy(config)
        self.admin = self.found(self.web)
        self.wait_text("server", "the proxy serves")
        who = f"uid {os.geteuid()}, pid {os.getpid()}"
        self.admin.post("/api/v1/endpoints/app/second/drain")
        [drained] = [event for event in self.events() if event["kind"] == "endpoint"]
        self.assertEqual((drained["upstream"], drained["endpoint"], drained["who"]),
                         ("app", "second", who))
        self.assertEqual(drained["text"], f"endpoint app/second: drain (by {who})")
        self.assertEqual(drained["level"], "info")
        self.assertRegex(drained["at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

        put(self.web.config_path, yaml(self.changed(config, shutdown={"drain_timeout": "soon"})))
        self.assertEqual(self.admin.post("/api/v1/reload").status, 409)
        self.wait_text("reload", "error: shutdown.drain_timeout")
        self.wait_text("reload", "the configuration stays as it is")
        put(self.web.config_path, yaml(self.changed(config, shutdown={"drain_timeout": "1m"})))
        self.assertEqual(self.admin.post("/api/v1/reload").status, 200)
        self.wait_text("reload", "shutdown.drain_timeout is 1m, was 200ms")
        self.wait_text("reload", "another configuration is in force")
        self.assertEqual(texts(self.events(), "admin"), [f"admin: {who}: reload"] * 2)

        held = [self.keep(self.web.connect()) for _ in range(2)]
        for client in held:
            sockets.exchange_echo(client)
        for _ in range(3):
            self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        [limit] = self.wait_text("limit", "is rejected: connections (limits.max_connections")
        self.assertRegex(limit, r"^listener web: 127\.0\.0\.1:\d+ is rejected: ")
        self.assertEqual(len(texts(self.events(), "limit")), 1, "at most one in five seconds")
        self.admin.ask("DELETE", "/api/v1/sessions?listener=web")
        self.wait_text("admin", f"2 sessions: killed (by {who})")

        wait_for(lambda: self.admin.json("info")["sessions_active"] == 0, "their ends")
        held = self.keep(self.web.connect())
        sockets.exchange_echo(held)
        self.assertEqual(self.admin.post("/api/v1/shutdown").status, 200)
        self.wait_text("drain", "signal SIGTERM: no new connections; 1 sessions may finish")
        ids = [event["id"] for event in self.events()]
        self.assertEqual(ids, list(range(1, len(ids) + 1)))
        held.close()
        self.assertEqual(self.web.wait(), 0)

    def test_a_limit_at_which_clients_wait(self):
        self.web, self.admin = self.administered(
            [self.peer(echo).receive()], listener={"max_connections": 1, "on_limit": "wait"})
        sockets.exchange_echo(self.keep(self.web.connect()))
        self.keep(self.web.connect())
        [limit] = self.wait_text("limit", "the limit ")
        self.assertEqual(limit, "listener web: the limit listener is reached (0 more times since "
                         "the last event)")

    def test_health_ejection_and_panic(self):
        live, port = self.peer(echo).receive(), sockets.free_port()
        gone = text_of((HOST, port))
        self.web, self.admin = self.administered(
            [{"address": live, "name": "live"}, {"address": gone, "name": "gone"}],
            upstream={"health": OFTEN, "panic": "90%"})
        down = self.wait_text("health", "endpoint gone is down: ")
        self.assertIn("Connection refused", down[0])
        self.wait_text("panic", "upstream app: panic: ")
        with socket.create_server((HOST, port)):
            self.wait_text("health", "endpoint gone is up: ")
            self.wait_text("panic", "the panic is over")
        for event in self.events():
            if event["kind"] == "health":
                self.assertEqual((event["upstream"], event["endpoint"]), ("app", "gone"))

    def test_a_session_that_meets_a_failure_ejects(self):
        gone = text_of((HOST, sockets.free_port()))
        self.web, self.admin = self.administered(
            [{"address": gone, "name": "gone"}],
            upstream={"passive_health": {"failures": 1}, "retry_for": "0s"})
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        self.wait_text("ejection", "endpoint gone is ejected for ")

    def test_a_reader_waits_for_the_next(self):
        self.web, self.admin = self.administered([text_of((HOST, 1))])
        first = self.admin.json("events")
        self.assertEqual(first["lost"], 0)
        after = f"events?after={first['last']}&run={first['run']}"
        self.assertEqual(self.admin.json(after)["events"], [])
        self.assertEqual(self.admin.json(after + "&wait=50ms")["events"], [])
        answers = []
        readers = [threading.Thread(
            target=lambda: answers.append(self.admin.json(after + "&wait=20s"))) for _ in range(4)]
        for reader in readers:
            reader.start()
        # One that waits is none of those that hold a worker or the endpoint.
        self.admin.post("/api/v1/endpoints/app/nobody/drain")
        self.admin.post("/api/v1/log-level?level=debug")
        for reader in readers:
            reader.join()
        for answer in answers:
            self.assertIn("log level debug", answer["events"][0]["text"])
            self.assertEqual(answer["last"], answer["events"][-1]["id"])
        self.assertEqual(self.admin.json(f"events?after={first['last']}&run=1")["events"][0]["id"],
                         1, "the number is another process's")

    def test_what_is_wrong_is_told(self):
        _, admin = self.administered([text_of((HOST, 1))])
        for query, part in (("after=x", "after is x"), ("limit=0", "1 to 1024"),
                            ("limit=1025", "1 to 1024"), ("wait=30s", "needs after"),
                            ("after=1&wait=2h", "up to 1h"), ("afer=1", "no parameter afer")):
            answer = admin.get("/api/v1/events?" + query)
            self.assertEqual(answer.status, 400, query)
            self.assertIn(part, answer.json["error"], query)

    def test_too_many_that_wait(self):
        """Those beyond are told so, and others are answered as before."""
        _, admin = self.administered([text_of((HOST, 1))])
        last = admin.json("events")["last"]
        request = (f"GET /api/v1/events?after={last}&wait=1h HTTP/1.1\r\nHost: localhost\r\n\r\n"
                   .encode())
        held = [self.keep(admin.raw(request)) for _ in range(20)]

        def refused():
            ready = [sock for sock in held if readable(sock)]
            return ready if len(ready) >= 8 else None
        for sock in wait_for(refused, "the eight beyond twelve to be answered"):
            self.assertIn(b" 503 ", sock.makefile("rb").readline())
        self.assertEqual(admin.get("/healthz").status, 200)
        # Those that go give their places back, long before their time is over.
        late = f"/api/v1/events?after={last}&wait=1ms"
        self.assertEqual(admin.get(late).status, 503)
        for sock in held:
            sock.close()
        wait_for(lambda: admin.get(late).status == 200, "a place to be free")
        self.assertEqual(admin.post("/api/v1/reload").status, 200)

    def test_who_stalls_is_told_how_much_it_has_missed(self):
        self.web, self.admin = self.administered([text_of((HOST, 1))])
        first = self.admin.json("events")
        connection = self.keep(self.admin.connection())
        for i in range(MOST + 100):
            connection.request("POST", f"/api/v1/log-level?level={('info', 'debug')[i % 2]}")
            self.assertEqual(connection.getresponse().read()[:1], b"{")
        late = self.admin.json(f"events?after={first['last']}&run={first['run']}")
        self.assertEqual((len(late["events"]), late["lost"]), (MOST, 100))
        self.assertEqual(late["events"][0]["id"], first["last"] + 101)


@matrix(workers=(1,))
class Followed(Administered, Reloading):
    def follow(self, admin, *words):
        return self.program(Process(binary(), "ctl", "--admin", admin, "events", *words))

    def test_ctl_lists_and_follows(self):
        listener = self.keep(sockets.Listener())
        proxy, admin = self.administered([listener.text])
        listed = run(binary(), "ctl", "--admin", admin, "events")
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))
        self.assertRegex(listed.stdout, r"(?m)^20\S+Z  info   server    the proxy serves$")
        last = run(binary(), "ctl", "--admin", admin, "events", "limit=1")
        self.assertEqual(len(last.stdout.splitlines()), 1)
        followed, lines = self.follow(admin, "--follow"), self.follow(admin, "--json", "-f")
        followed.wait_line("the proxy serves")
        lines.wait_line('^{"run":')
        for level in ("debug", "info"):
            admin.post(f"/api/v1/log-level?level={level}")
            followed.wait_line(rf"admin +admin: uid \d+, pid \d+: log level {level}$")
            lines.wait_line(f"log level {level}")
        # With a session the proxy lives on until those who follow have asked again.
        client, upstream = self.keep(proxy.connect()), self.keep(listener.accept())
        sockets.exchange(client, upstream)
        proxy.send_signal(signal.SIGTERM)
        followed.wait_line("signal SIGTERM: no new connections")
        client.close()
        upstream.close()
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual(followed.wait(30), 1)
        followed.wait_line("cannot ask the proxy at ")

    def test_one_that_restarts_is_followed_on(self):
        config = self.config([text_of((HOST, 1))], admin={"bind": f"unix:{self.unix_path()}"})
        first = self.started_proxy(config)
        admin = self.found(first)
        followed = self.follow(admin, "--follow")
        followed.wait_line("the proxy serves")
        self.assertEqual(first.stop(), 0)
        second = self.started_proxy(config)
        followed.wait_line("the proxy serves", count=2)
        self.assertEqual(self.found(second).json("events")["lost"], 0)

    def test_nobody_reads_any_more(self):
        _, admin = self.administered([text_of((HOST, 1))])
        reader, writer = os.pipe()
        child = subprocess.Popen([binary(), "ctl", "--admin", str(admin), "events", "--follow"],
                                 stdin=subprocess.DEVNULL, stdout=writer,
                                 stderr=subprocess.PIPE)
        self.addCleanup(child.kill)
        os.close(writer)
        self.assertIn(b"the proxy serves", os.read(reader, 65536))
        os.close(reader)
        admin.post("/api/v1/log-level?level=info")
        _, error = child.communicate(timeout=20)
        self.assertEqual(error, b"")
        self.assertEqual(child.returncode, 1)


if __name__ == "__main__":
    main()
