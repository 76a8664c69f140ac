"""--demo: the small HTTP server behind the proxy, as curl, wrk and rude clients meet it."""

import http.client
import re
import socket
import time

import sockets
from harness import Case, main
from isolation import own_network
from processes import DEADLINE, Process, run, wait_for
from sluice import binary

ADDRESS = ("127.0.0.1", 8080)
URL = "http://127.0.0.1:8080"
GET = b"GET /%d HTTP/1.1\r\nHost: demo\r\n\r\n"
LARGEST_HEAD = 8192


def demo(link, program, talk, *arguments):
    """In a network of its own, where port 8080 is free: what `talk` brings, and the exit code."""
    own_network()
    proxy = Process(program, "--demo")
    try:
        wait_for(lambda: not sockets.refused(ADDRESS), "the demo to listen")
        return talk(*arguments), proxy.stop(), proxy.text()
    finally:
        proxy.kill()
        proxy.output.close()


def connect():
    client = sockets.connect(ADDRESS)
    client.settimeout(DEADLINE)
    return client


def read_to_end(client):
    """All bytes up to the end of the stream; b"reset" behind them if that was none."""
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        received += b"reset"
    return received


def said_to(request, finish=False):
    """What comes back for these bytes until the demo ends the connection."""
    with connect() as client:
        client.sendall(request)
        if finish:
            client.shutdown(socket.SHUT_WR)
        return read_to_end(client)


def by_curl(*arguments):
    answer = run("curl", "--fail", "--silent", "--show-error", "--noproxy", "*", *arguments)
    return answer.returncode, answer.stdout, answer.stderr


def three_on_one_connection():
    """(status, body, local port) of GET, HEAD and GET by Python's client."""
    client = http.client.HTTPConnection(*ADDRESS, timeout=DEADLINE)
    found = []
    for method, path in (("GET", "/a"), ("HEAD", "/b"), ("GET", "/c?d")):
        client.request(method, path)
        answer = client.getresponse()
        length = int(answer.headers["Content-Length"])
        body = answer.read().decode()
        found.append((answer.status, length, body, client.sock.getsockname()[1]))
    client.close()
    return found


def pipelined(count):
    """The numbers of the requests that are answered, in their order, when all are sent at once."""
    said = said_to(b"".join(GET % number for number in range(count)), finish=True)
    return [int(number) for number in re.findall(rb"You asked for /(\d+)\n", said)]


def in_pieces():
    """A request byte by byte: nothing is lost between the pieces."""
    with connect() as client:
        for byte in GET % 7 + GET % 8:
            client.sendall(bytes([byte]))
        client.shutdown(socket.SHUT_WR)
        return read_to_end(client)


def beside_slow_clients():
    """A fast client's answer and time while a slow one sends its head, and the slow one's."""
    with connect() as slow:
        begin = time.monotonic()
        slow.sendall(b"GET /slow HTTP/1.1\r\nHost: ")
        fast = said_to(b"GET /fast HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
        fast_seconds = time.monotonic() - begin
        said = b""
        slow.settimeout(0.5)
        while not said:  # a byte at a time does not win it any time
            try:
                slow.sendall(b"a")
                said = slow.recv(65536)
            except socket.timeout:
                pass
        return fast, fast_seconds, said, time.monotonic() - begin


def by_wrk():
    answer = run("wrk", "-t1", "-c50", "-d1s", URL + "/")
    return answer.returncode, answer.stdout


class Demo(Case):
    def talk(self, talk, *arguments):
        found, ended, log = self.peer(demo, binary(), talk, *arguments).receive(60)
        self.assertEqual(ended, 0, log)
        self.assertNotRegex(log, r"(?m)^\S+ (warning|error|critical) |Sanitizer|CHECK failed")
        return found

    def status(self, request):
        """The status of the only answer, after which the connection has ended in good order."""
        said = self.talk(said_to, request)
        self.assertEqual(said.count(b"HTTP/1.1 "), 1, said)
        self.assertNotIn(b"reset", said)
        self.assertIn(b"\r\nConnection: close\r\n", said)
        return int(said.split()[1])

    def test_answers_curl(self):
        code, page, problem = self.talk(by_curl, URL + "/some/path")
        self.assertEqual((code, problem), (0, ""))
        self.assertEqual(page, "Hello from behind Sluice.\nYou asked for /some/path\n")

    def test_tells_curl_the_size_of_what_head_leaves_out(self):
        code, page, problem = self.talk(by_curl, "--head", URL + "/")
        self.assertEqual((code, problem), (0, ""))
        self.assertRegex(page, r"(?s)^HTTP/1.1 200 OK\r?\n.*Content-Length: 42\r?\n.*\n$")
        self.assertRegex(page, r"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r?\n")

    def test_sends_no_body_after_head(self):
        request = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
        said = self.talk(said_to, request + request, True)
        self.assertRegex(said, rb"(?s)^(HTTP/1.1 200 OK\r\n[^\n]+\r\n.*?\r\n\r\n){2}$")
        self.assertNotIn(b"You asked for", said)

    def test_keeps_a_connection_alive(self):
        found = self.talk(three_on_one_connection)
        greeting = "Hello from behind Sluice.\nYou asked for "
        self.assertEqual([answer[:3] for answer in found], [
            (200, len(greeting) + 3, greeting + "/a\n"), (200, len(greeting) + 3, ""),
            (200, len(greeting) + 5, greeting + "/c?d\n")])
        self.assertEqual(len({port for *_, port in found}), 1, "one connection for all three")

    def test_answers_pipelined_requests_in_order(self):
        self.assertEqual(self.talk(pipelined, 3000), list(range(3000)))

    def test_takes_a_request_in_pieces(self):
        said = self.talk(in_pieces)
        self.assertEqual(re.findall(rb"You asked for (\S+)\n", said), [b"/7", b"/8"])

    def test_closes_when_asked_to(self):
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.status(request), 200)

    def test_a_head_that_is_too_large(self):
        head = b"GET / HTTP/1.1\r\nHost: x\r\nLong: "
        self.assertEqual(self.status(head + b"a" * LARGEST_HEAD + b"\r\n\r\n"), 431)

    def test_a_head_without_end_loses_neither_answer_nor_patience(self):
        head = b"GET / HTTP/1.1\r\nHost: x\r\nLong: "
        self.assertEqual(self.status(head + b"a" * (20 * LARGEST_HEAD)), 431)

    def test_garbage(self):
        self.assertEqual(self.status(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400)

    def test_a_request_without_host(self):
        self.assertEqual(self.status(b"GET / HTTP/1.1\r\n\r\n"), 400)

    def test_a_method_that_it_has_not(self):
        request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        self.assertEqual(self.status(request), 405)

    def test_a_slow_client_delays_no_other_and_is_ended(self):
        fast, fast_seconds, said, seconds = self.talk(beside_slow_clients)
        self.assertIn(b"You asked for /fast\n", fast)
        self.assertTrue(said.startswith(b"HTTP/1.1 408 "), said)
        self.assertLess(fast_seconds, seconds)
        self.assertGreater(seconds, 4)

    def test_serves_wrk(self):
        code, said = self.talk(by_wrk)
        self.assertEqual(code, 0, said)
        self.assertNotRegex(said, "Socket errors|Non-2xx")
        self.assertGreater(int(re.search(r"(\d+) requests in", said).group(1)), 100)


if __name__ == "__main__":
    main()
