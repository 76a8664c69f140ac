"""FIN is relayed as FIN, after the bytes before it, and the other direction goes on."""

import pathlib
import re
import signal
import socket

import sockets
from flow import Flow, finish
from harness import MiB, main, matrix
from processes import DEADLINE, wait_for

LARGE = 10 * MiB


@matrix(workers=(1, 2))
class HalfClose:
    def setUp(self):
        self.pattern = self.seed().randbytes(MiB + 1)
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        self.web = self.proxy([self.listener.text])
        self.client = self.keep(self.web.connect())
        self.upstream = self.keep(self.listener.accept())

    def assert_ended(self, by, up, down):
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("closed", by))
        self.assertEqual((int(end["up"]), int(end["down"])), (up, down))
        self.assertEqual(end["endpoint"], self.listener.text)
        self.assertEqual(end["listener"], "web")

    def check_one_side_first(self, first, second):
        """`first` sends a word and FIN; then `second` sends a lot and FIN."""
        first.sendall(b"a word")
        first.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.read_to_end(second), (b"a word", "eof"))
        finish(Flow(second, first, self.pattern), LARGE)

    def test_client_first(self):
        self.check_one_side_first(self.client, self.upstream)
        self.assert_ended("client", 6, LARGE)

    def test_upstream_first(self):
        self.check_one_side_first(self.upstream, self.client)
        self.assert_ended("upstream", LARGE, 6)

    def test_both_at_once(self):
        sides = (self.client, self.upstream)
        data = self.pattern[:100_000]
        for side in sides:
            side.sendall(data)
        for side in sides:
            side.shutdown(socket.SHUT_WR)
        for side in sides:
            self.assertEqual(sockets.read_to_end(side), (data, "eof"))
        self.assertEqual(self.web.wait_session_end(seconds=2)["reason"], "closed")

    def check_close_with_bytes_on_the_way(self, writer, reader):
        """`writer` is closed in both directions while its last bytes are still in buffers."""
        data = self.pattern * 3
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MiB)
        writer.sendall(data)
        writer.close()
        self.assertEqual(sockets.read_to_end(reader), (data, "eof"))
        reader.close()
        self.assertEqual(self.web.wait_session_end()["reason"], "closed")

    def test_client_closes_with_bytes_on_the_way(self):
        self.check_close_with_bytes_on_the_way(self.client, self.upstream)

    def test_upstream_closes_with_bytes_on_the_way(self):
        self.check_close_with_bytes_on_the_way(self.upstream, self.client)

    def test_connection_without_a_byte(self):
        self.client.close()
        self.assertEqual(sockets.read_to_end(self.upstream), (b"", "eof"))
        self.upstream.close()
        self.assert_ended("client", 0, 0)

    def test_descriptors_are_closed_at_once(self):
        sessions = [(self.client, self.upstream)]
        for _ in range(9):
            sessions.append((self.keep(self.web.connect()), self.keep(self.listener.accept())))
        for client, upstream in sessions:
            sockets.exchange(client, upstream)
        left = self.web.descriptors() - 2 * len(sessions) + self.workers  # some may be to come
        for client, upstream in sessions:
            client.close()
            upstream.close()
        wait_for(lambda: self.web.descriptors() <= left, "their sockets to be closed", 2)


@matrix(workers=(1, 2))
class CloseAfterFin:
    """half_close: close. The first end of stream ends both sides, after the bytes before it."""

    def setUp(self):
        self.pattern = self.seed().randbytes(MiB + 1)
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        self.web = self.proxy([self.listener.text], listener={"half_close": "close"})
        self.client = self.keep(self.web.connect())
        self.upstream = self.keep(self.listener.accept())
        sockets.exchange(self.client, self.upstream)

    def assert_closed(self, by):
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("closed", by))

    def test_client_first(self):
        self.client.sendall(b"a word")
        self.client.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.read_to_end(self.upstream), (b"a word", "eof"))
        self.assertEqual(sockets.read_to_end(self.client), (b"", "eof"))
        self.assert_closed("client")

    def test_upstream_first(self):
        self.upstream.sendall(self.pattern)
        self.upstream.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.read_to_end(self.client), (self.pattern, "eof"))
        self.assertEqual(sockets.read_to_end(self.upstream), (b"", "eof"))
        self.assert_closed("upstream")

    def test_all_arrives_although_the_reader_still_sends(self):
        """No process reads what the client sends: the kernel answers such bytes with a reset."""
        client, data = self.client, self.pattern * 2
        self.upstream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MiB)
        client.setblocking(False)
        client.send(bytes(4 * MiB))
        self.upstream.sendall(data)
        self.upstream.shutdown(socket.SHUT_WR)
        client.settimeout(DEADLINE)
        self.assertEqual(sockets.read_exactly(client, len(data)), data)
        self.assert_closed("upstream")

    def test_upstream_first_and_the_client_has_reset(self):
        """The proxy finds both at once: the upstream is not shown a clean end."""
        self.web.freeze()
        self.upstream.shutdown(socket.SHUT_WR)
        sockets.reset(self.client)
        self.web.send_signal(signal.SIGCONT)
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("reset", "client"))
        self.assertEqual(sockets.read_to_end(self.upstream), (b"", "reset"))


@matrix(workers=(1, 2))
class CloseAfterFinThatDoesNotArrive:
    """half_close: close. A reader that resets before it has all is no clean end for a client."""

    def setUp(self):
        self.pattern = self.seed().randbytes(MiB // 4)
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        large = {"socket": {"send_buffer": "1MiB"}}
        self.web = self.proxy([self.listener.text], upstream=large,
                              listener={"half_close": "close", **large})
        self.client = self.keep(self.web.connect(prepare=lambda new: new.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)))
        self.upstream = self.keep(self.listener.accept())
        sockets.exchange(self.client, self.upstream)

    def send_and_end(self, writer, reader):
        """Until the end of stream is passed on, behind more than the reader has taken."""
        writer.sendall(self.pattern)
        writer.shutdown(socket.SHUT_WR)
        ports = [f":{reader.getpeername()[1]:04X} ", f":{reader.getsockname()[1]:04X} "]
        fin_wait_1 = re.compile(".*".join(ports) + "04 ")
        wait_for(lambda: fin_wait_1.search(pathlib.Path("/proc/net/tcp").read_text()),
                 "the end of stream to be passed on")

    def test_client_first(self):
        self.send_and_end(self.client, self.upstream)
        sockets.reset(self.upstream)
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("reset", "upstream"))
        self.assertGreater(int(end["undelivered_up"]), 0)
        self.assertEqual(sockets.ending(self.client), "reset")

    def test_upstream_first(self):
        """The upstream's connection is closed by then: it does not wait for the client."""
        self.send_and_end(self.upstream, self.client)
        self.assertEqual(sockets.ending(self.upstream), "eof")
        sockets.reset(self.client)
        end = self.web.wait_session_end()
        self.assertEqual((end["reason"], end["by"]), ("closed", "upstream"))
        self.assertGreater(int(end["undelivered_down"]), 0)


if __name__ == "__main__":
    main()
