"""Small messages: none is delayed and none is lost, however they are split or merged."""

import socket
import time

import sockets
from flow import Flow, finish
from harness import MiB, main, matrix
from processes import scaled

NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
PATTERN = bytes(range(251)) * 1000


@matrix(workers=(1, 2))
class Relay:
    def setUp(self):
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text])

    def session(self):
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        client.setsockopt(*NO_DELAY)
        upstream.setsockopt(*NO_DELAY)
        return client, upstream

    def test_small_writes_are_not_held_back(self):
        """Three small writes, then an answer: without TCP_NODELAY a round takes some 40 ms."""
        rounds = 50
        for writer, reader in (self.session(), reversed(self.session())):
            began = time.monotonic()
            for _ in range(rounds):
                for letter in (b"a", b"b", b"c"):
                    writer.sendall(letter)
                    self.assertEqual(reader.recv(1), letter)
                reader.sendall(b"d")
                self.assertEqual(writer.recv(1), b"d")
            self.assertLess(time.monotonic() - began, rounds * 0.020)

    def test_server_first(self):
        """A banner arrives though the client says nothing."""
        for _ in range(20):
            client, upstream = self.session()
            upstream.sendall(b"SSH-2.0-here\r\n")
            self.assertEqual(sockets.read_exactly(client, 14), b"SSH-2.0-here\r\n")

    def test_pieces_of_any_size(self):
        """From 1 byte to 64 KiB, in both directions in turn."""
        rng = self.seed()
        sides = self.session()
        for number in range(scaled(2000, 100)):
            writer, reader = sides if number % 2 else reversed(sides)
            piece = rng.randbytes(rng.choice((1, 2, 100, 1460, 16384, 65535, 65536)))
            writer.sendall(piece)
            self.assertEqual(sockets.read_exactly(reader, len(piece)), piece)

    def test_byte_by_byte(self):
        rng = self.seed()
        client, upstream = self.session()
        data = rng.randbytes(scaled(50_000, 2000))
        for place in range(0, len(data), 500):
            for letter in data[place:place + 500]:
                client.sendall(bytes((letter,)))
            self.assertEqual(sockets.read_exactly(upstream, 500), data[place:place + 500])

    def test_urgent_data_does_no_harm(self):
        """Urgency is not relayed; the bytes around it are."""
        client, upstream = self.session()
        client.sendall(b"before")
        client.send(b"!", socket.MSG_OOB)
        client.sendall(b"after")
        client.shutdown(socket.SHUT_WR)
        data, end = sockets.read_to_end(upstream)
        self.assertEqual((data.replace(b"!", b""), end), (b"beforeafter", "eof"))
        finish(Flow(upstream, client, PATTERN), MiB)


if __name__ == "__main__":
    main()
