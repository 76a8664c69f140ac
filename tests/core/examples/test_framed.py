"""The framed protocol: server, client, and peers that break its rules."""

import struct

from harness import main, matrix
from network import Served, program
from processes import Process, wait_for
from sockets import Listener, read_exactly, read_to_end, text_of

LONGEST = 65536


def frame(number, text):
    return struct.pack(">II", len(text) + 4, number) + text


@matrix(workers=(1,))
class Framed(Served):
    def each_way(self):
        return self.served_each_way("framed_server")

    def client(self, address, *texts):
        return self.example("framed_client", text_of(address), *texts)

    def test_answers_come_back(self):
        for address in self.each_way():
            done = self.client(address, "hello", "", "how are you")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, "hello: HELLO\n: \nhow are you: HOW ARE YOU\n", ""))

    def test_more_than_the_buffers_hold(self):
        for address in self.each_way():
            texts = [f"{number} " + "x" * 20_000 for number in range(80)]
            done = self.client(address, *texts)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout.splitlines(), [f"{t}: {t.upper()}" for t in texts])

    def test_frames_that_come_in_pieces(self):
        for address in self.each_way():
            client = self.connected(address)
            whole = frame(7, b"abc") + frame(8, b"") + frame(9, b"de")
            for at in range(0, len(whole), 5):
                client.sendall(whole[at:at + 5])
            wanted = frame(7, b"ABC") + frame(8, b"") + frame(9, b"DE")
            self.assertEqual(read_exactly(client, len(wanted)), wanted)
            client.shutdown(1)
            self.assertEqual(read_to_end(client), (b"", "eof"))

    def test_the_limit(self):
        for address in self.each_way():
            client = self.connected(address)
            most = b"x" * (LONGEST - 4)
            client.sendall(frame(1, most))
            self.assertEqual(read_exactly(client, LONGEST + 4), frame(1, most.upper()))
            self.server.forget_peak()
            before = self.server.resident_peak()
            client.sendall(struct.pack(">I", LONGEST + 1))  # a length is enough to be sent away
            self.assertEqual(read_to_end(client), (b"", "eof"))
            self.server.wait_line("Message too long")
            self.assert_memory_growth(before, self.server.resident_peak(), 16 << 20, "a length")
            done = self.client(address, "fits", "x" * (LONGEST - 3))
            self.assertEqual((done.returncode, done.stdout), (1, "fits: FITS\n"))
            self.assertEqual(done.stderr, f"write to {text_of(address)}: Message too long\n")

    def test_what_is_no_frame_ends_its_client_only(self):
        for address in self.each_way():
            other = self.connected(address)
            said = len(self.server.lines("No data available"))
            for text in (b"\0\0", b"\0\0\0\x09\0\0\0\1abc", b"\0\0\0\3abc", b"\0\0\0\0",
                         b"\xff\xff\xff\xff"):
                client = self.connected(address)
                client.sendall(text)
                client.shutdown(1)
                self.assertEqual(read_to_end(client), (b"", "eof"), text)
            wait_for(lambda: len(self.server.lines("No data available")) == said + 2, "the reasons")
            other.sendall(frame(1, b"ok"))
            self.assertEqual(read_exactly(other, 10), frame(1, b"OK"))
            other.close()
        self.server.wait_line("a frame without a number", count=4)

    def test_a_server_that_breaks_the_rules(self):
        for answer, why in ((b"", "No data available"), (b"\0\0\0\2xx", "Protocol error"),
                            (frame(5, b"x"), "Protocol error"), (b"\0", "No data available"),
                            (b"\xff\xff\xff\xff", "Message too long")):
            with Listener() as listener:
                client = self.program(Process(program("framed_client"), listener.text, "hello",
                                              f"--backend={self.backend}"))
                with listener.accept() as server:
                    server.sendall(answer)
                    server.shutdown(1)
                    self.assertEqual(client.wait(), 1)
                self.assertEqual(client.text(), f"read from {listener.text}: {why}\n")


if __name__ == "__main__":
    main()
