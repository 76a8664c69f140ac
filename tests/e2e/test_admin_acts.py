"""What an administrator does to endpoints and sessions, through the API and `sluice ctl`."""

import os
import urllib.parse

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import fifo_writer, run, wait_for
from reloading import put
from sluice import binary


RELOAD = b"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


def path_of(endpoint):
    return "endpoints/app/" + urllib.parse.quote(endpoint, safe="")


@matrix(workers=(1, 2))
class Acts(Administered):
    def start(self, count=2, **upstream):
        self.servers = [self.peer(echo).receive() for _ in range(count)]
        self.web, self.admin = self.administered(
            self.servers, upstream={"balance": "least_connections", **upstream})

    def client(self):
        client = self.keep(self.web.connect())
        sockets.exchange_echo(client)
        return client

    def act(self, method, target, status=200):
        answer = self.admin.ask(method, "/api/v1/" + target)
        self.assertEqual(answer.status, status, answer.text)
        return answer.json

    def sessions(self, query=""):
        return self.act("GET", "sessions" + query)

    def endpoint(self, name):
        return next(each for each in self.admin.json("endpoints") if each["name"] == name)

    def ctl(self, *words):
        return run(binary(), "ctl", *words,
                   env={"PATH": os.environ["PATH"], "SLUICE_ADMIN": str(self.admin)})

    def test_an_endpoint_is_drained_and_ready_again(self):
        self.start()
        first, second = self.servers
        held = [self.client() for _ in range(4)]
        drained = self.act("POST", path_of(first) + "/drain")
        self.assertEqual((drained["state"], drained["usable"], drained["sessions_active"]),
                         ("drain", False, 2))
        for _ in range(4):
            self.client()
        self.assertEqual(self.endpoint(first)["sessions_active"], 2)
        self.assertEqual(self.endpoint(second)["sessions_active"], 6)
        late = self.act("POST", path_of(first) + "/drain?wait=drained&timeout=50ms", status=504)
        self.assertEqual(late["sessions_active"], 2)
        theirs = {row["client"] for row in self.sessions(f"?endpoint={first}")}
        for client in held:
            if "%s:%d" % client.getsockname() in theirs:
                client.close()
        done = self.act("POST", path_of(first) + "/drain?wait=drained&timeout=20s")
        self.assertEqual(done["sessions_active"], 0)
        self.act("POST", path_of(first) + "/ready")
        self.client()
        self.assertEqual(self.endpoint(first)["sessions_active"], 1)
        self.web.wait_line(r"uid \d+, pid \d+", count=4)  # each act and its asker

    def test_weight_reset_add_and_remove(self):
        self.start()
        first = self.servers[0]
        changed = self.act("PUT", path_of(first) + "/weight?weight=7")
        self.assertEqual((changed["weight"], changed["configured_weight"]), (7, 1))
        self.assertEqual(self.act("POST", path_of(first) + "/reset")["weight"], 1)
        late = self.peer(echo).receive()
        added = self.act("POST", f"upstreams/app/endpoints?address={late}&weight=2&name=late")
        self.assertEqual((added["name"], added["weight"], added["configured_weight"]),
                         ("late", 2, None))
        self.act("POST", f"upstreams/app/endpoints?address={late}&name=late", status=409)
        for server in self.servers:
            self.act("DELETE", path_of(server))
        self.client()
        self.assertEqual(self.endpoint("late")["sessions_active"], 1)
        self.assertEqual([each["name"] for each in self.admin.json("endpoints")], ["late"])

    def test_what_is_wrong_changes_nothing(self):
        self.start()
        first = self.servers[0]
        client = self.client()
        before = self.admin.json("endpoints")
        for method, target, status, sentence in (
                ("POST", "endpoints/app/nobody/drain", 404, "nobody"),
                ("POST", "endpoints/nothing/nobody/drain", 404, "nothing"),
                ("POST", path_of(first) + "/dry", 404, "maintenance"),
                ("GET", path_of(first) + "/drain", 405, "POST"),
                ("PUT", path_of(first) + "/weight?weight=257", 400, "256"),
                ("PUT", path_of(first) + "/weight", 400, "weight"),
                ("POST", "upstreams/app/endpoints?address=10.0.0.1", 400, "address"),
                ("POST", "upstreams/app/endpoints?adress=10.0.0.1:1", 400, "adress"),
                ("POST", "upstreams/app/endpoints?address=10.0.0.1:1&name=%ff", 400, "name is"),
                ("POST", "upstreams/app/endpoints?address=unix:/%ff", 400, "UTF-8"),
                ("GET", "sessions?cilent=1", 400, "cilent"),
                ("DELETE", "sessions", 400, "which"),
                ("DELETE", "sessions?min_idle=0s", 400, "which"),
                ("DELETE", "sessions/0", 404, "session"),
                ("DELETE", "sessions/one", 400, "number"),
                ("POST", path_of(first) + "/drain?wiat=drained", 400, "wiat"),
                ("POST", path_of(first) + "/drain?wait=soon", 400, "drained"),
                ("POST", path_of(first) + "/drain?wait=drained&timeout=5", 400, "timeout"),
                ("POST", path_of(first) + "/drain?timeout=5m", 400, "timeout needs wait"),
                ("POST", path_of(first) + "/maintenance?weight=1", 400, "weight"),
                ("POST", path_of(first) + "/reset?wait=drained", 400, "none is allowed"),
                ("PUT", path_of(first) + "/weight?weight=2&wieght=3", 400, "wieght"),
                ("DELETE", path_of(first) + "?wait=gone", 400, "drained"),
                ("DELETE", "sessions?client=127.0.0.1&limit=1", 400, "limit"),
                ("DELETE", "sessions?client=&upstream=app", 400, "client"),
                ("DELETE", "sessions/1?force=true", 400, "force"),
                ("POST", "reload?dry=true", 400, "dry"),
                ("POST", "log-level?level=debug&for=5m", 400, "for"),
                ("POST", "shed?percent=10&over=5m&upstream=app", 400, "upstream"),
                ("DELETE", "shed?upstream=app", 400, "upstream"),
                ("POST", "shed?percent=101&over=5m", 400, ""),
                ("POST", "shed?percent=10", 400, "over")):
            with self.subTest(method=method, target=target):
                self.assertIn(sentence, self.act(method, target, status)["error"])
        self.assertEqual(self.admin.json("endpoints"), before)
        sockets.exchange_echo(client)

    def test_what_may_not_wait_is_not_done(self):
        """While as many wait as may, what would have to wait is 503 and not done."""
        self.start()
        first, path = self.servers[0], self.web.config_path
        client = self.client()
        [row] = self.sessions()
        with open(path) as file:
            text = file.read()
        os.unlink(path)
        os.mkfifo(path)  # reading it takes until it is written and closed
        held = [self.keep(self.admin.raw(RELOAD)) for _ in range(24)]
        fifo = self.keep(os.fdopen(fifo_writer(path, "the first reload"), "w"))
        wait_for(lambda: sum(event["kind"] == "admin" for event in
                             self.admin.json("events")["events"]) == 24, "all to be asked for")
        for method, target in (("DELETE", f"sessions/{row['id']}"),
                               ("DELETE", "sessions?client=127.0.0.1"),
                               ("POST", "shed?percent=100&over=0s"),
                               ("POST", path_of(first) + "/drain?wait=drained"),
                               ("POST", "reload"), ("POST", "upgrade")):
            self.assertIn("too many", self.act(method, target, 503)["error"], target)
        self.assertEqual(self.endpoint(first)["state"], "ready")
        sockets.exchange_echo(client)
        self.assertEqual(self.act("POST", path_of(first) + "/drain")["state"], "drain")
        put(path, text)
        fifo.write(text)  # what the first reload reads, and not in the file's place any more
        fifo.close()
        for connection in held:
            self.assertRegex(connection.makefile("rb").readline(), b" (200|409) ")
        self.assertEqual(self.act("DELETE", f"sessions/{row['id']}"), {"killed": 1})

    def test_a_drain_that_may_not_wait_is_not_done(self):
        self.start()
        first, second = self.servers
        clients = [self.client() for _ in range(2)]  # one at each
        request = (f"POST /api/v1/{path_of(second)}/drain?wait=drained&timeout=1h HTTP/1.1\r\n"
                   "Host: localhost\r\nContent-Length: 0\r\n\r\n").encode()
        held = [self.keep(self.admin.raw(request)) for _ in range(12)]
        wait_for(lambda: sum(event["kind"] == "endpoint" for event in
                             self.admin.json("events")["events"]) == 12, "all to be asked for")
        self.act("POST", path_of(first) + "/drain?wait=drained", 503)
        self.assertEqual(self.endpoint(first)["state"], "ready")
        self.act("DELETE", path_of(first) + "?wait=drained", 503)
        self.assertEqual(self.endpoint(first)["state"], "ready")
        for client in clients:
            client.close()
        for connection in held:
            self.assertIn(b" 200 ", connection.makefile("rb").readline())

    def test_sessions_are_listed(self):
        self.start(count=1)
        clients = [self.client() for _ in range(5)]
        sockets.exchange_echo(clients[3], b"x" * 1000)
        rows = self.sessions()
        self.assertEqual({row["client"] for row in rows},
                         {"%s:%d" % client.getsockname() for client in clients})
        self.assertEqual(len({row["id"] for row in rows}), 5)
        for row in rows:
            self.assertEqual((row["listener"], row["upstream"], row["endpoint"], row["state"]),
                             ("web", "app", self.servers[0], "relay"))
            self.assertEqual(row["bytes_up"], row["bytes_down"])
        most = self.sessions("?order=bytes&limit=1&paths=true")
        self.assertEqual([row["bytes_up"] for row in most], [1004])
        self.assertGreater(most[0]["client_rtt_us"], 0)
        self.assertEqual(len(self.sessions("?min_bytes=1000")), 1)
        self.assertEqual(len(self.sessions("?offset=3")), 2)
        self.assertEqual(self.sessions("?client=10.9.9.9"), [])
        text = self.ctl("sessions", "order=bytes", "limit=1").stdout
        client, server = most[0]["client"], self.servers[0]
        self.assertRegex(text, rf"(?m)^\d+ +{client} +web +app/{server} +relay ")

    def test_sessions_are_killed(self):
        self.start(count=1)
        clients = [self.client() for _ in range(4)]
        names = ["%s:%d" % client.getsockname() for client in clients]
        rows = {row["client"]: row["id"] for row in self.sessions()}
        self.assertEqual(self.act("DELETE", f"sessions/{rows[names[0]]}"), {"killed": 1})
        self.assertEqual(sockets.ending(clients[0]), "reset")
        self.assertEqual(self.act("DELETE", f"sessions?client={names[1]}"), {"killed": 1})
        self.assertEqual(sockets.ending(clients[1]), "reset")
        killed = self.ctl("kill", f"endpoint={self.servers[0]}")
        self.assertEqual((killed.returncode, killed.stdout), (0, "sessions that end: 2\n"))
        for client in clients[2:]:
            self.assertEqual(sockets.ending(client), "reset")
        self.web.wait_session_end(4)
        self.assertEqual({(end["reason"], end["by"]) for end in self.web.session_ends()},
                         {("killed", "admin")})

    def test_a_share_is_shed(self):
        self.start(count=1)
        clients = [self.client() for _ in range(10)]
        shed = self.ctl("shed", "50%", "over", "100ms")
        self.assertEqual((shed.returncode, shed.stdout), (0, "sessions that will end: 5\n"))
        self.web.wait_session_end(5)
        self.assertEqual({(end["reason"], end["by"]) for end in self.web.session_ends()},
                         {("shed", "admin")})
        wait_for(lambda: len(self.sessions()) == 5, "half of them to be left")
        self.assertEqual(self.ctl("shed", "stop").returncode, 0)
        del clients


if __name__ == "__main__":
    main()
