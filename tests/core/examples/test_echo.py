"""The echo server and its client, as processes, on both backends."""

import os
import signal
import socket
import subprocess
import sys
import unittest

SERVER, CLIENT = (os.path.abspath(path) for path in sys.argv[1:3])
SECONDS = 60  # for what takes a moment


def can_use_io_uring():
    return os.environ.get("SLUICE_ALLOW_NO_IO_URING") is None


class EchoTest:
    BACKEND = ""

    def setUp(self):
        self.server = subprocess.Popen([SERVER, "127.0.0.1:0", self.BACKEND], text=True,
                                       stdout=subprocess.PIPE)
        first = self.server.stdout.readline()
        self.assertTrue(first.startswith("listening on "), first)
        self.address = first.split()[-1]

    def tearDown(self):
        if self.server.poll() is None:
            self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    def client(self, *lines):
        return subprocess.run([CLIENT, self.address, *lines, self.BACKEND], text=True, check=False,
                              capture_output=True, timeout=SECONDS)

    def connect(self):
        host, port = self.address.split(":")
        return socket.create_connection((host, int(port)), timeout=SECONDS)

    def test_lines_come_back(self):
        ended = self.client("hello", "", "how are you")
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr),
                         (0, "hello\n\nhow are you\n", ""))

    def test_many_clients_at_once(self):
        clients = [self.connect() for _ in range(100)]
        for number, client in enumerate(clients):
            client.sendall(f"line {number}\r\n".encode())
        for number, client in enumerate(clients):
            self.assertEqual(client.makefile().readline(), f"line {number}\n")
            client.close()

    def test_more_than_the_buffers_hold(self):
        lines = ["x" * 60000] * 20
        ended = self.client(*lines)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stdout.split("\n")[:-1], lines)

    def test_a_line_that_is_too_long_ends_its_client_only(self):
        with self.connect() as other, self.connect() as client:
            client.sendall(b"x" * 65537)
            try:
                self.assertEqual(client.recv(1), b"")
            except ConnectionResetError:
                pass
            other.sendall(b"still here\n")
            self.assertEqual(other.makefile().readline(), "still here\n")

    def test_a_signal_ends_it_with_clients_connected(self):
        with self.connect() as client:
            client.sendall(b"a\n")
            self.assertEqual(client.recv(2), b"a\n")
            self.server.send_signal(signal.SIGINT)
            self.assertEqual(client.recv(1), b"")
        self.assertEqual(self.server.wait(timeout=SECONDS), 0)

    def test_the_client_says_why_it_cannot(self):
        self.server.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(timeout=SECONDS), 0)
        with socket.socket() as bound:  # nothing listens at a port that is bound
            bound.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % bound.getsockname()[1]
            ended = self.client("x")
        self.assertEqual((ended.returncode, ended.stderr),
                         (1, f"connect {self.address}: Connection refused\n"))


class EpollTest(EchoTest, unittest.TestCase):
    BACKEND = "--backend=epoll"


@unittest.skipUnless(can_use_io_uring(), "SLUICE_ALLOW_NO_IO_URING is set")
class IoUringTest(EchoTest, unittest.TestCase):
    BACKEND = "--backend=io_uring"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
