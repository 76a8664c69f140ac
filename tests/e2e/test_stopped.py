"""The process stands still (SIGSTOP, a pause of the machine) for longer than a timeout.

What has come in the meantime is seen before any timer: no session is ended for a silence that was
the proxy's own.
"""

import contextlib
import signal
import socket
import time

import sockets
from echo import echo
from harness import MiB, main, matrix
from processes import DEADLINE, scaled, wait_for

TIMEOUT = "2s"
SECONDS = 2


@matrix(workers=(1, 2))
class Stopped:
    @contextlib.contextmanager
    def stopped(self):
        """The body of this block runs early in a pause that is longer than the timeout."""
        self.web.send_signal(signal.SIGSTOP)
        wait_for(self.stands_still, "the process to stand still")
        began = time.monotonic()
        try:
            yield
            time.sleep(max(0, began + 1.3 * SECONDS - time.monotonic()))  # the pause
        finally:
            self.web.send_signal(signal.SIGCONT)

    def stands_still(self):
        with open(f"/proc/{self.web.pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "T"

    def start(self, **timeouts):
        self.listener = self.keep(sockets.Listener(receive_buffer=1 << 16))
        self.web = self.proxy([self.listener.text], listener={"timeouts": timeouts})

    def assert_no_timeouts(self):
        for end in self.web.session_ends():
            self.assertEqual(end["reason"], "closed", end)

    def test_idle(self):
        """More sessions than one look at the kernel tells of."""
        self.web = self.proxy([self.peer(echo).receive()], listener={"timeouts": {"idle": TIMEOUT}})
        clients = []
        for _ in range(scaled(600, least=100)):
            clients.append(self.keep(self.web.connect()))
        for client in clients:
            sockets.exchange_echo(client, b"first")
        with self.stopped():
            for client in clients:
                client.sendall(b"later")
        for client in clients:
            self.assertEqual(sockets.read_exactly(client, 5), b"later")
        self.assert_no_timeouts()

    def test_silence_is_still_ended(self):
        """A pause is no excuse for sessions in which nothing has come."""
        self.start(idle=TIMEOUT)
        sides = self.session()
        with self.stopped():
            pass
        self.assertEqual([sockets.ending(side) for side in sides], ["reset", "reset"])
        self.assertEqual(self.web.wait_session_end()["reason"], "idle_timeout")

    def test_half_close(self):
        """The other end of stream has come, with bytes before it."""
        self.start(half_close=TIMEOUT)
        pairs = [self.session() for _ in range(50)]
        for client, upstream in pairs:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(upstream), "eof")
        with self.stopped():
            for _, upstream in pairs:
                upstream.sendall(b"the answer")
                upstream.shutdown(socket.SHUT_WR)
        for client, _ in pairs:
            self.assertEqual(sockets.read_to_end(client), (b"the answer", "eof"))
        self.web.wait_session_end(len(pairs))
        self.assert_no_timeouts()

    def test_write_stall(self):
        """The reader has read, so that the writer may go on."""
        self.start(write_stall=TIMEOUT)
        client, upstream = self.session()
        upstream.settimeout(0.3)  # without progress for so long: stalled
        sent = 0
        with contextlib.suppress(TimeoutError):
            while True:
                sent += upstream.send(bytes(MiB))
        with self.stopped():
            received = 0
            client.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                while True:  # all that the kernel has
                    received += len(client.recv(MiB))
        for side in (client, upstream):
            side.settimeout(DEADLINE)
        sockets.read_exactly(client, sent - received)
        sockets.exchange(client, upstream)
        self.assertEqual(self.web.session_ends(), [])


if __name__ == "__main__":
    main()
