"""The HTTP server that stops gracefully."""

import http.client
import re
import signal

from harness import main, matrix
from network import Served
from processes import run, wait_for
from sockets import read_exactly, read_to_end, refused

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
WAITED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwaited\n"


def waiting(milliseconds):
    return b"GET /wait/%d HTTP/1.1\r\nHost: x\r\n\r\n" % milliseconds


@matrix(workers=(1,))
class HttpServer(Served):
    def each_way(self):
        return self.served_each_way("http_server")

    def test_requests_one_after_the_other(self):
        for address in self.each_way():
            connection = http.client.HTTPConnection(*address)
            for path, status, body in (("/", 200, b"hello\n"), ("/none", 404, b""),
                                       ("/wait/1", 200, b"waited\n"), ("/wait/x", 404, b""),
                                       ("/wait/60001", 404, b""), ("/", 200, b"hello\n")):
                connection.request("GET", path)
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (status, body), path)
            connection.close()

    def test_requests_that_come_together(self):
        for address in self.each_way():
            client = self.connected(address)
            client.sendall(GET * 3 + GET[:10])
            self.assertEqual(read_exactly(client, 3 * len(HELLO)), HELLO * 3)
            client.sendall(GET[10:].replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"))
            self.assertEqual(read_to_end(client),
                             (HELLO.replace(b"6\r\n", b"6\r\nConnection: close\r\n"), "eof"))

    def test_requests_that_are_none(self):
        for address in self.each_way():
            for text, status in ((b"hello\r\n\r\n", b"505"), (b"\r\n", b"400"),
                                 (b"GET / HTTP/1.0\r\n\r\n", b"505"),
                                 (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
                                 (b"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd", b"413"),
                                 (b"GET / HTTP/1.1\r\nx: " + b"x" * 9000, b"400")):
                client = self.connected(address)
                client.sendall(text)
                answer, how = read_to_end(client)
                if how == "eof" or answer:  # what it has not read resets the connection
                    self.assertTrue(answer.startswith(b"HTTP/1.1 " + status), (text[:40], answer))
                client.close()
            post = self.connected(address)
            post.sendall(GET.replace(b"GET", b"POST") + GET)
            wanted = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n" + HELLO
            self.assertEqual(read_exactly(post, len(wanted)), wanted)
            post.close()

    def test_the_end(self):
        direct, proxied = self.serve("http_server")
        # One that waits for its answer, one between two requests, one that has asked for nothing.
        busy = [self.connected(address) for address in (direct, proxied)]
        idle = [self.connected(address) for address in (direct, proxied)]
        fresh = self.connected(direct)
        for client in idle + busy:
            client.sendall(GET)
            self.assertEqual(read_exactly(client, len(HELLO)), HELLO)
        for client in busy:
            client.sendall(waiting(1500))
        self.wait_until_read(direct, len(busy), len(GET) + len(waiting(1500)))
        self.server.send_signal(signal.SIGINT)
        for client in idle + [fresh]:
            self.assertEqual(read_to_end(client), (b"", "eof"))
        self.assertTrue(refused(direct))
        for client in busy:
            self.assertEqual(read_to_end(client), (WAITED, "eof"))
        self.assertEqual(self.server.wait(), 0)

    def wait_until_read(self, address, clients, size):
        """Until the server has read so many bytes from each of so many clients."""
        host, port = address

        def all_read():
            done = run("ss", "-tinHO", "state", "established", f"src {host}:{port}")
            received = [re.search(rf"^0 .*bytes_received:{size}\b", line)
                        for line in done.stdout.splitlines()]
            return sum(map(bool, received)) == clients
        wait_for(all_read, "the server to read all requests")

    def test_the_end_has_a_limit(self):
        direct, _ = self.serve("http_server", "--patience=1")
        client = self.connected(direct)
        client.sendall(waiting(60_000))
        self.wait_until_read(direct, 1, len(waiting(60_000)))
        self.server.send_signal(signal.SIGTERM)
        read_to_end(client)
        self.assertEqual(self.server.wait(), 1)
        self.assertEqual(self.server.lines("cut off"), ["1 clients are cut off"])


if __name__ == "__main__":
    main()
