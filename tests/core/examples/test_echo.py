"""The echo server for lines, and its client."""

import signal
import socket

from harness import main, matrix
from network import Served
from sockets import HOST, read_exactly, read_to_end, text_of

LONGEST = 65536


@matrix(workers=(1,))
class Echo(Served):
    def each_way(self):
        return self.served_each_way("echo_server")

    def client(self, address, *lines):
        done = self.example("echo_client", text_of(address), *lines)
        return done.returncode, done.stdout, done.stderr

    def test_lines_come_back(self):
        for address in self.each_way():
            self.assertEqual(self.client(address, "hello", "", "how are you"),
                             (0, "hello\n\nhow are you\n", ""))

    def test_many_clients_at_once(self):
        for address in self.each_way():
            clients = [self.connected(address) for _ in range(100)]
            for number, client in enumerate(clients):
                client.sendall(f"line {number}\r\n".encode())
            for number, client in enumerate(clients):
                line = f"line {number}\n".encode()
                self.assertEqual(read_exactly(client, len(line)), line)
                client.close()

    def test_more_than_the_buffers_hold(self):
        for address in self.each_way():
            lines = ["x" * 60000] * 20
            code, text, error = self.client(address, *lines)
            self.assertEqual((code, error), (0, ""))
            self.assertEqual(text.split("\n")[:-1], lines)

    def test_a_line_that_is_too_long_ends_its_client_only(self):
        for address in self.each_way():
            other, client = self.connected(address), self.connected(address)
            client.sendall(b"x" * (LONGEST + 1))
            self.assertEqual(read_to_end(client)[0], b"")  # an end, or a reset: it was not read
            other.sendall(b"still here\n")
            self.assertEqual(read_exactly(other, 11), b"still here\n")

    def test_a_signal_ends_it_with_clients_connected(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            clients = []
            for address in self.serve("echo_server"):
                clients.append(self.connected(address))
                clients[-1].sendall(b"a\n")
                self.assertEqual(read_exactly(clients[-1], 2), b"a\n")
            self.end_server(number=number)
            for client in clients:
                self.assertEqual(read_to_end(client), (b"", "eof"))

    def test_what_is_called_wrongly(self):
        done = self.example("echo_server", "here", "there")
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: echo_server [ADDRESS]", done.stderr)

    def test_the_client_says_why_it_cannot(self):
        with socket.socket() as bound:  # nothing listens at a port that is bound
            bound.bind((HOST, 0))
            address = bound.getsockname()
            self.assertEqual(self.client(address, "x"),
                             (1, "", f"connect {text_of(address)}: Connection refused\n"))


if __name__ == "__main__":
    main()
