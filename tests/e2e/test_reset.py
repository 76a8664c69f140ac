"""RST is relayed as RST, both ways: a peer that was cut off never sees a clean end of stream."""

import socket
import time

import sockets
from admin import Administered
from harness import MiB, main, matrix
from kernel import unread
from processes import scaled, wait_for


@matrix(workers=(1, 2))
class Reset:
    def setUp(self):
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text])

    def session(self):
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def assert_reset(self, by, count=1):
        end = self.web.wait_session_end(count)
        self.assertEqual((end["reason"], end["by"]), ("reset", by))

    def test_client_resets(self):
        client, upstream = self.session()
        sockets.reset(client)
        self.assertEqual(sockets.read_to_end(upstream), (b"", "reset"))
        self.assert_reset("client")

    def test_upstream_resets(self):
        client, upstream = self.session()
        sockets.reset(upstream)
        self.assertEqual(sockets.read_to_end(client), (b"", "reset"))
        self.assert_reset("upstream")

    def test_close_with_unread_bytes(self):
        """The kernel makes a reset of this close."""
        client, upstream = self.session()
        upstream.sendall(b"never read")
        self.assertEqual(client.recv(1), b"n")
        client.close()
        self.assertEqual(sockets.ending(upstream), "reset")
        self.assert_reset("client")

    def test_bytes_before_the_reset_arrive(self):
        """The proxy has had time to relay them: the reader is not late."""
        for by, index in (("client", 0), ("upstream", 1)):
            sides = self.session()
            sides[index].sendall(b"famous last words")
            self.assertEqual(sockets.read_exactly(sides[1 - index], 17), b"famous last words")
            sockets.reset(sides[index])
            self.assertEqual(sockets.ending(sides[1 - index]), "reset")
            self.assert_reset(by, index + 1)

    def test_reset_while_the_reader_stalls(self):
        for index in (0, 1):
            sides = self.session()
            sides[index].setblocking(False)
            sides[index].send(bytes(4 * MiB))
            sockets.reset(sides[index])
            self.assertEqual(sockets.ending(sides[1 - index]), "reset")

    def test_reset_after_half_close_of_the_other(self):
        for index in (0, 1):
            sides = self.session()
            sides[1 - index].shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(sides[index]), "eof")
            sockets.reset(sides[index])
            self.assertEqual(sockets.ending(sides[1 - index]), "reset")

    def test_reset_after_own_half_close(self):
        """Its FIN was relayed already: now the other side must not be able to go on sending."""
        def cannot_send():
            try:
                other.send(b"x")
            except ConnectionError:
                return True
            return False

        for index in (0, 1):
            sides = self.session()
            other = sides[1 - index]
            sides[index].shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(other), "eof")
            sockets.reset(sides[index])
            wait_for(cannot_send, "the other side to notice", 5)

    def test_any_reset_at_any_moment(self):
        rng = self.seed()
        for number in range(scaled(150, 20)):
            client, upstream = self.session()
            victim, other = rng.choice(((client, upstream), (upstream, client)))
            for side in rng.sample((victim, other), rng.randrange(3)):
                side.setblocking(False)
                side.send(rng.randbytes(rng.choice((1, 1000, 70_000, 300_000))))
                side.settimeout(10)
            sockets.reset(victim)
            self.assertEqual(sockets.ending(other), "reset", f"session {number}")
            other.close()


@matrix(workers=(2,))
class Flushed(Administered):
    """After a reset, while what was sent before it waits for its reader."""

    ENOUGH = 0.5  # seconds; a reader that takes nothing has one

    def session(self):
        def takes_little(new):
            new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        client = self.keep(self.web.connect(prepare=takes_little))
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def seconds_after_the_readers_reset(self, writer, reader):
        """None: the session has ended before."""
        ended = len(self.web.session_ends())
        writer.sendall(bytes(64 << 10))
        wait_for(lambda: unread(writer.getpeername()[1]) == 0, "the proxy to have it")
        sockets.reset(writer)
        waits = wait_for(lambda: len(self.web.session_ends()) > ended or
                         self.admin.json("sessions?stage=flush"), "the reader to be waited for")
        began = time.monotonic()
        sockets.reset(reader)
        self.web.wait_session_end(ended + 1)
        return None if waits is True else time.monotonic() - began

    def test_a_reader_that_is_gone_is_not_waited_for(self):
        self.listener = self.keep(sockets.Listener(receive_buffer=4096))
        self.web, self.admin = self.administered([self.listener.text])
        for index in (0, 1):
            for _ in range(10):  # the machine may be busy
                sides = self.session()
                seconds = self.seconds_after_the_readers_reset(sides[index], sides[1 - index])
                if seconds is not None and seconds < self.ENOUGH:
                    break
            else:
                self.fail(f"at last {seconds} s, in each of ten sessions")


if __name__ == "__main__":
    main()
