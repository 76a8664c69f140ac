"""Endpoints that fail their checks, or the sessions that they get, are spared, and come back."""

import contextlib
import os
import select
import signal
import socket
import threading
import time

import servers
import sockets
from blackhole import Blackhole
from checking import Checking, OFTEN, closed_endpoint
from flow import Flow, flood
from harness import MiB, main, matrix
from kernel import unread
from processes import DEADLINE, wait_for


class HttpServer:
    """Answers each connection with the next of `statuses`, and counts them."""

    def __init__(self, statuses):
        self.statuses = statuses
        self.listener = sockets.Listener()
        self.text = self.listener.text
        self.answered = 0
        self.requests = set()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                stream = self.listener.accept()
                with stream, contextlib.suppress(OSError):
                    request = b""
                    while b"\r\n\r\n" not in request:
                        more = stream.recv(4096)
                        if not more:
                            break
                        request += more
                    self.requests.add(request)
                    status = self.statuses[self.answered % len(self.statuses)]
                    self.answered += 1
                    for piece in (b"HTTP/1.1 ", b"%d" % status, b" X\r\nContent-Length: 0\r\n\r\n"):
                        stream.sendall(piece)

    def close(self):
        self.listener.socket.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@matrix(workers=(1, 2))
class Health(Checking):
    def get(self, web):
        with contextlib.closing(web.connect()) as client:
            client.sendall(b"GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer, _ = sockets.read_to_end(client)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)

    def nginx(self, port=None):
        server = self.server(servers.Nginx(port))
        with open(os.path.join(server.files, "ok"), "w") as file:
            file.write("fine")
        return server

    def test_nginx_killed_and_started(self):
        first, second = self.nginx(), self.nginx()
        web = self.checked_proxy([first.endpoint, second.endpoint],
                                 {"check": "http", "http": {"path": "/ok", "status": "200"}})
        for _ in range(4):
            self.get(web)
        first.send_signal(signal.SIGKILL)
        line = self.wait_is(web, first.endpoint, "down")
        self.assertIn("3 checks in a row failed, the last: Connection refused", line)
        web.wait_session_end(4)
        for _ in range(6):
            self.get(web)
        web.wait_session_end(10)
        self.assertEqual({end["endpoint"] for end in web.session_ends()[4:]}, {second.endpoint})
        self.nginx(first.port)
        line = self.wait_is(web, first.endpoint, "up")
        self.assertIn("2 checks in a row passed, the last: HTTP status 200", line)
        for _ in range(4):
            self.get(web)
        web.wait_session_end(14)
        self.assertEqual({end["endpoint"] for end in web.session_ends()[10:]},
                         {first.endpoint, second.endpoint})

    def test_redis_killed_and_started(self):
        redis = self.server(servers.Redis())
        web = self.checked_proxy([redis.endpoint], upstream={"queue_timeout": "10s"})

        def ping():
            client = self.keep(web.connect())
            client.sendall(b"PING\r\n")
            self.assertEqual(sockets.read_exactly(client, 7), b"+PONG\r\n")
            served.append(client)
        served = []
        ping()
        redis.send_signal(signal.SIGKILL)
        self.wait_is(web, redis.endpoint, "down")
        waiting = threading.Thread(target=ping)
        waiting.start()  # it is in the queue until the endpoint is up
        self.server(servers.Redis(redis.port))
        self.wait_is(web, redis.endpoint, "up")
        waiting.join(DEADLINE)
        ping()
        self.assertEqual(len(served), 3)

    def test_one_that_accepts_and_never_answers(self):
        silent, live = self.keep(sockets.Listener()), self.live()
        answering = self.keep(HttpServer([200]))
        web = self.checked_proxy([silent.text, live],
                                 {"check": "http", "timeout": "300ms", "fall": 2})
        line = self.wait_is(web, silent.text, "down")
        self.assertIn("2 checks in a row failed, the last: no answer within 0.3 s", line)
        self.wait_is(web, live, "down")  # it echoes
        web = self.checked_proxy([silent.text], {"check": "connect"})
        other = self.checked_proxy([answering.text], {"check": "http", "http": {"host": "a.b"}})
        wait_for(lambda: answering.answered > 5, "checks")
        for each in (web, other):
            self.assertEqual(each.lines("is down"), [])
        request, = answering.requests
        self.assertTrue(request.startswith(b"GET / HTTP/1.1\r\nHost: a.b\r\n"), request)

    def test_one_that_flaps_stays_as_it_is(self):
        flapping = self.keep(HttpServer([200, 503]))
        web = self.checked_proxy([flapping.text], {"check": "http"})
        wait_for(lambda: flapping.answered >= 20, "checks")
        self.assertEqual(web.lines("upstream app: endpoint"), [])
        flapping.statuses = [503]
        line = self.wait_is(web, flapping.text, "down")
        self.assertIn("the last: HTTP status 503", line)
        flapping.statuses = [503, 200]
        seen = flapping.answered
        wait_for(lambda: flapping.answered >= seen + 20, "checks")
        flapping.statuses = [302]
        self.wait_is(web, flapping.text, "up")
        self.assertEqual(len(web.lines("upstream app: endpoint")), 2)

    def test_an_endpoint_is_checked_once_at_a_time(self):
        """A late check delays the next, and no other worker makes one."""
        listener = self.keep(sockets.Listener())
        self.checked_proxy([listener.text], {"check": "http", "timeout": "1h", "fall": 100})
        for _ in range(3):
            check = self.keep(listener.accept())
            self.assertTrue(check.recv(1000).startswith(b"GET / "))
            listener.socket.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                listener.socket.accept()
            listener.socket.settimeout(DEADLINE)
            check.close()

    def test_checks_go_where_they_are_told(self):
        health = self.keep(HttpServer([200]))
        host, port = health.listener.address
        refusing = closed_endpoint()
        web = self.checked_proxy(["unix:/nowhere", refusing],
                                 {"check": "http", "address": host, "port": port})
        wait_for(lambda: health.answered >= 8, "checks")
        self.assertEqual(web.lines("is down"), [])

    def test_nothing_usable(self):
        refusing = closed_endpoint()
        web = self.checked_proxy([refusing], upstream={"queue_timeout": "0s"})
        self.wait_is(web, refusing, "down")
        began = time.monotonic()
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.assertLess(time.monotonic() - began, DEADLINE / 20)
        end = web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("no_upstream", "proxy"))

    def test_a_reload_keeps_what_is_known(self):
        refusing, live = closed_endpoint(), self.live()
        upstream = {"health": OFTEN, "retry_for": "0s"}
        config = self.config([refusing, live], upstream=upstream)
        web = self.started_proxy(config)
        self.wait_is(web, refusing, "down")
        never = closed_endpoint()
        for number in range(5):
            config["upstreams"][0]["health"] = {**OFTEN, "fall": 3 + number % 2}
            config["upstreams"][0]["endpoints"] = [{"address": each} for each in
                                                   [refusing, live, never][:2 + number % 2]]
            self.reload(web, config)
            self.assertEqual(self.sessions(web, 3), {live})
        self.assertEqual(len(web.lines(f"endpoint {refusing} is")), 1)
        self.assertEqual(web.lines("cannot connect"), [])
        joiner = self.live()
        config["upstreams"][0]["endpoints"].append({"address": joiner})
        self.reload(web, config)
        self.assertIn("its first check passed: connected", self.wait_is(web, joiner, "up"))
        self.assertEqual(self.sessions(web, 4), {live, joiner})

    def test_failures_in_a_row_eject(self):
        refusing, live = closed_endpoint(), self.live()
        web = self.proxy([refusing, live],
                         upstream={"passive_health": {"failures": 2, "ejection": "1500ms"}})
        self.assertEqual(self.sessions(web, 8), {live})
        line = web.lines(f"endpoint {refusing} is ejected")[0]
        self.assertIn("2 failures in a row, the last: Connection refused", line)
        web.wait_line(f"endpoint {refusing}: its ejection is over")
        self.assertEqual(self.sessions(web, 8), {live})
        self.assertGreaterEqual(len(web.lines("is ejected for")), 2)

    def test_resets_before_an_answer_eject(self):
        resetting, live = self.keep(sockets.Listener()), self.live()
        web = self.proxy([resetting.text, live], upstream={"passive_health": {"failures": 3}})
        failures = ended = 0
        while failures < 3:  # either of them may be the first
            client = self.keep(web.connect())
            client.sendall(b"question")
            if resetting.socket in select.select([client, resetting.socket], [], [], DEADLINE)[0]:
                victim = resetting.accept()
                victim.recv(8)
                sockets.reset(victim)
                self.assertEqual(sockets.read_to_end(client), (b"", "reset"))
                failures += 1
            else:
                self.assertEqual(sockets.read_exactly(client, 8), b"question")
                client.close()
            ended += 1
            web.wait_session_end(ended)
        line, = web.wait_line(f"endpoint {resetting.text} is ejected")
        self.assertIn("it reset a connection before the first byte of an answer", line)
        self.assertEqual(self.sessions(web, 6), {live})

    def test_an_answer_that_its_client_no_longer_takes_is_one(self):
        """The server answers early and closes; its client has reset its connection before."""
        early = self.keep(sockets.Listener())
        web = self.proxy([early.text], upstream={"passive_health": {"failures": 1}})
        for count in range(1, 11):  # the proxy may find out about the server first
            client = self.keep(web.connect())
            server = self.keep(early.accept())
            flood([Flow(client, server, bytes(1000))], 64 * MiB)
            sockets.reset(client)
            server.sendall(b"HTTP/1.1 413 Content Too Large\r\n\r\n")
            port = server.getpeername()[1]
            wait_for(lambda port=port: unread(port) == 0, "the answer to be read")
            server.close()  # with unread bytes: a reset
            if web.wait_session_end(count)["by"] == "upstream":
                break
        else:
            self.fail("in none of ten sessions has the client's end been found first")
        self.assertEqual(web.lines("is ejected"), [])

    def test_a_black_hole_among_three_is_waited_for_twice(self):
        hole = self.keep(Blackhole())
        web = self.proxy([self.live(), hole.text, self.live()],
                         defaults={"timeouts": {"connect": "300ms"}},
                         upstream={"passive_health": {"failures": 2}})
        waits = 0
        for _ in range(40):
            began = time.monotonic()
            self.sessions(web, 1)
            waits += time.monotonic() - began > 0.29
        self.assertLessEqual(waits, 2)
        self.assertEqual(len(web.lines(f"endpoint {hole.text} is ejected")), 1)

    def test_a_black_hole_is_found_by_checks(self):
        hole, live = self.keep(Blackhole()), self.live()
        web = self.checked_proxy([hole.text, live], {"timeout": "100ms"})
        line = self.wait_is(web, hole.text, "down")
        self.assertIn("the last: no connection within 0.1 s", line)
        self.assertEqual(self.sessions(web, 4), {live})


if __name__ == "__main__":
    main()
