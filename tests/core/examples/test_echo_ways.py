"""The echo servers by hand, by Copy and by two tasks."""

import threading

from harness import main, matrix
from network import Served
from processes import scaled, wait_for
from sockets import read_exactly, read_to_end


@matrix(workers=(1,))
class EchoWays(Served):
    def each_way(self):
        for way in ("manual", "copy", "split"):
            yield from self.served_each_way("echo_ways", before=(way,))

    def test_all_that_is_sent_comes_back_and_then_the_end(self):
        for address in self.each_way():
            sent = self.seed().randbytes(scaled(8 << 20, 1 << 20) + 7)
            client = self.connected(address)

            def send():
                client.sendall(sent)
                client.shutdown(1)
            sender = threading.Thread(target=send)
            sender.start()
            self.assertEqual(read_to_end(client), (sent, "eof"))
            sender.join()

    def test_a_client_that_does_not_read_stops_only_itself(self):
        for address in self.each_way():
            self.connected(address).close()
            before = self.server.descriptors()
            mute, other = self.connected(address), self.connected(address)
            mute.setblocking(False)
            try:
                while mute.send(bytes(1 << 16)):
                    pass
            except BlockingIOError:
                pass
            other.sendall(b"hello")
            self.assertEqual(read_exactly(other, 5), b"hello")
            mute.close()
            other.close()
            wait_for(lambda: self.server.descriptors() <= before, "both to be over")

    def test_an_unknown_way(self):
        done = self.example("echo_ways", "backwards")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.splitlines()[0], "there is no such way")
        self.assertIn("usage: echo_ways manual|copy|split [ADDRESS]", done.stderr)


if __name__ == "__main__":
    main()
