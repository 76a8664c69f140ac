"""Slow is not dead: what a peer takes is progress, for every timeout and after a session's end.

The readers take a little at a time and never pause for as long as a timeout. The sockets' buffers
are small, so that a reader's kernel tells soon what it has taken.
"""

import fcntl
import os
import socket
import struct
import termios
import threading
import time

import sockets
from harness import main, matrix
from processes import DEADLINE
from records import Records

KiB = 1024
SMALL = 16 * KiB     # a reader's receive buffer
LARGE = 1024 * KiB   # what the proxy's kernel may hold
LIMIT = 1.0          # of the timeouts here
PAUSE = 0.05         # between two reads
PIECE = 4 * KiB
SIZE = 400 * KiB     # five seconds of reading


def read_slowly(reader, piece=PIECE, until=None):
    """(bytes, how it ended), as sockets.read_to_end; `until`: so many are enough."""
    data = bytearray()
    try:
        while until is None or len(data) < until:
            chunk = reader.recv(piece)
            if not chunk:
                return bytes(data), "eof"
            data += chunk
            time.sleep(PAUSE)  # the pace of this reader
    except ConnectionError:
        return bytes(data), "reset"
    return bytes(data), "open"


class Frame:
    """A proxy with small buffers at its peers, and what its sessions carry."""

    def setUp(self):
        self.records = Records(self.new_folder())

    def start(self, unix=False, timeouts=None, **listener):
        """Both receivers have small buffers, the proxy's senders large ones."""
        self.listener = self.keep(sockets.Listener(receive_buffer=SMALL))
        bind = "127.0.0.1:0"
        if unix:
            bind = "unix:" + os.path.join(self.new_folder(), "s")
        section = {} if unix else {"socket": {"send_buffer": "1MiB"}}
        config = self.config([self.listener.text], bind=bind, access_log=self.records.section,
                             listener={"timeouts": timeouts or {}, **section, **listener},
                             upstream={"socket": {"send_buffer": "1MiB"}})
        self.web = self.started_proxy(config)

    def session(self):
        client = self.keep(self.web.connect(prepare=lambda new: new.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)))
        client.settimeout(DEADLINE)
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def sides(self):
        """(writer, reader) of a session, in both directions."""
        client, upstream = self.session()
        yield upstream, client
        client, upstream = self.session()
        yield client, upstream

    def in_both_directions(self, transfer):
        """Runs all at the same time: each is mostly waiting."""
        problems = []

        def run(writer, reader):
            try:
                transfer(writer, reader)
            except BaseException as problem:  # told by the test's own thread
                problems.append(problem)

        threads = [threading.Thread(target=run, args=sides) for sides in self.sides()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]

    def all_of(self, writer, size=SIZE):
        data = bytes(range(256)) * (size // 256)
        writer.sendall(data)
        return data


@matrix(workers=(1,))
class Progress(Frame):
    # The server ends, and its last bytes are with the proxy's kernel.
    def check_tail(self):
        def transfer(writer, reader):
            data = self.all_of(writer)
            writer.shutdown(socket.SHUT_WR)
            self.assertEqual(read_slowly(reader), (data, "eof"))
            reader.shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(writer), "eof")

        self.in_both_directions(transfer)
        for record in self.records.wait(2):
            self.assertEqual(record["reason"], "closed")
            self.assertNotIn("undelivered_down", record)

    def test_tail_after_the_end(self):
        self.start(timeouts={"half_close": "1s"})
        self.check_tail()

    def test_tail_after_the_end_idle(self):
        self.start(timeouts={"idle": "1s"})
        self.check_tail()

    def test_tail_to_a_unix_client(self):
        self.start(unix=True, timeouts={"half_close": "1s", "idle": "1s", "write_stall": "1s"})
        self.check_tail()

    def test_tail_is_idle_for_nobody(self):
        """Neither side ends; then both go on."""
        self.start(timeouts={"idle": "1s", "write_stall": "1s"})

        def transfer(writer, reader):
            data = self.all_of(writer)
            self.assertEqual(read_slowly(reader, until=len(data)), (data, "open"))
            sockets.exchange(reader, writer)

        self.in_both_directions(transfer)
        self.assertEqual(self.web.session_ends(), [])

    def test_more_than_the_kernel_holds(self):
        """The proxy's send waits all the time, for longer than the timeout."""
        self.start(timeouts={"write_stall": "1s", "idle": "1s"})

        def transfer(writer, reader):
            sender = threading.Thread(target=self.all_of, args=(writer, 3 * LARGE), daemon=True)
            sender.start()
            data, ending = read_slowly(reader, until=SIZE)
            self.assertEqual((len(data) >= SIZE, ending), (True, "open"))
            self.assertEqual(self.web.session_ends(), [])
            sockets.read_exactly(reader, 3 * LARGE - len(data))
            sender.join()

        self.in_both_directions(transfer)

    def test_open_direction_goes_on(self):
        """half_close is a pause of the direction that is still open, not all of its time."""
        self.start(timeouts={"half_close": "1s"})

        def transfer(writer, reader):
            reader.shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(writer), "eof")
            end = time.monotonic() + 3 * LIMIT
            while time.monotonic() < end:
                writer.sendall(b"x")
                self.assertEqual(reader.recv(1), b"x")
                time.sleep(LIMIT / 5)  # the pace of this traffic
            self.assertEqual(sockets.ending(reader), "reset")

        self.in_both_directions(transfer)
        self.assertEqual({record["reason"] for record in self.records.wait(2)},
                         {"half_close_timeout"})

    def check_ends_after(self, reason, took):
        """Never early, and at most a quarter late. The kernel told of the last bytes that were
        taken some reads before `took` began."""
        self.assertEqual(self.records.wait(1)[0]["reason"], reason)
        self.assertGreater(took, LIMIT * 0.95 - 8 * PAUSE)
        self.assertLess(took, LIMIT * 1.25 + DEADLINE / 20)

    def test_who_stops_taking_is_stalled(self):
        """Counted from the last byte taken; and the record tells what was not."""
        self.start(timeouts={"write_stall": "1s"})
        client, upstream = self.session()
        sender = threading.Thread(target=self.send_until_reset, args=(upstream,), daemon=True)
        sender.start()
        taken = len(read_slowly(client, until=SIZE)[0])
        stopped = time.monotonic()
        self.web.wait_session_end()
        self.check_ends_after("write_stall", time.monotonic() - stopped)
        sender.join()
        record = self.records.wait(1)[0]
        delivered = record["bytes_down"] - record["undelivered_down"] - 4  # the exchange
        self.assertGreaterEqual(delivered, taken)
        self.assertLess(delivered, taken + 4 * SMALL)
        self.assertEqual(record["undelivered_up"], 0)
        end = self.web.session_ends()[0]
        self.assertEqual(int(end["undelivered_down"]), record["undelivered_down"])

    @staticmethod
    def send_until_reset(writer):
        try:
            while True:
                writer.sendall(bytes(64 * KiB))
        except ConnectionError:
            pass

    def test_who_stops_taking_is_idle(self):
        self.start(timeouts={"idle": "1s"})
        client, upstream = self.session()
        self.all_of(upstream)
        read_slowly(client, until=100 * KiB)
        stopped = time.monotonic()
        self.web.wait_session_end()
        self.check_ends_after("idle_timeout", time.monotonic() - stopped)
        self.assertGreater(self.records.wait(1)[0]["undelivered_down"], 0)


@matrix(workers=(1,))
class Linger(Frame):
    """After the end of a session: `timeouts.linger`."""

    def check_after_reset(self):
        """The writer resets; the reader takes all that the proxy had accepted, then the reset."""
        def transfer(writer, reader):
            data = self.all_of(writer)
            self.wait_until_sent(writer)
            sockets.reset(writer)
            self.assertEqual(read_slowly(reader), (data, "reset"))

        self.in_both_directions(transfer)
        for record in self.records.wait(2):
            self.assertEqual(record["reason"], "reset")
            self.assertNotIn("undelivered_down", record)

    def wait_until_sent(self, writer):
        """Until the proxy has read all: a reset drops the rest on its way."""
        deadline = time.monotonic() + DEADLINE
        while struct.unpack("i", fcntl.ioctl(writer, termios.TIOCOUTQ, b"1234"))[0]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        time.sleep(0.2)  # from the proxy's kernel to the other side's

    def test_after_a_reset(self):
        self.start()
        self.check_after_reset()

    def test_after_a_reset_without_bound(self):
        self.start(timeouts={"linger": "0s"})
        self.check_after_reset()

    def test_bound(self):
        """Although the reader goes on taking; the record tells what is lost."""
        self.start(timeouts={"linger": "1500ms"})
        client, upstream = self.session()
        sent = len(self.all_of(upstream))
        self.wait_until_sent(upstream)
        began = time.monotonic()
        sockets.reset(upstream)
        data, ending = read_slowly(client)
        took = time.monotonic() - began
        self.assertEqual(ending, "reset")
        self.assertGreater(took, 1.4)
        record = self.records.wait(1)[0]
        delivered = record["bytes_down"] - record["undelivered_down"] - 4
        self.assertLess(delivered, sent)
        # What the reader takes between the last look at the socket and the reset is not in it.
        self.assertGreaterEqual(delivered + SMALL, len(data))

    def test_who_takes_nothing_has_a_second(self):
        self.start()
        client, upstream = self.session()
        self.all_of(upstream)
        self.wait_until_sent(upstream)
        began = time.monotonic()
        sockets.reset(upstream)
        self.web.wait_session_end()
        self.assertGreater(time.monotonic() - began, 0.95)
        self.assertLess(time.monotonic() - began, 1.25 + DEADLINE / 20)
        self.assertGreater(self.records.wait(1)[0]["undelivered_down"], 0)
        client.close()

    def test_after_max_lifetime(self):
        """What was accepted before arrives at both sides."""
        self.start(timeouts={"max_lifetime": "700ms", "max_lifetime_jitter": "0%"})

        def transfer(writer, reader):
            data = self.all_of(writer)
            self.assertEqual(read_slowly(reader), (data, "reset"))

        self.in_both_directions(transfer)
        self.assertEqual({record["reason"] for record in self.records.wait(2)}, {"max_lifetime"})

    def test_drain_timeout_waits_for_nobody(self):
        self.start()
        client, upstream = self.session()
        self.all_of(upstream)
        self.wait_until_sent(upstream)
        sockets.reset(upstream)
        reader = threading.Thread(target=read_slowly, args=(client,), daemon=True)
        reader.start()
        began = time.monotonic()
        self.assertEqual(self.web.stop(), 0)
        self.assertLess(time.monotonic() - began, 0.2 + 1 + DEADLINE / 20)
        reader.join()

    def test_after_the_first_end_where_it_closes(self):
        """half_close: close, and the reader still sends: a close at once would reset it."""
        self.start(half_close="close")

        def transfer(writer, reader):
            reader.setblocking(False)
            data = self.all_of(writer)
            reader.send(b"more" * 1000)
            reader.settimeout(DEADLINE)
            writer.shutdown(socket.SHUT_WR)
            got, _ = read_slowly(reader, until=len(data))
            self.assertEqual(got, data)

        self.in_both_directions(transfer)


@matrix(workers=(1, 2))
class PlaceAfterTheEnd:
    """A client that has seen the end of a session finds its slot free."""

    def test_one_client_at_a_time(self):
        count = 200
        listener = self.keep(sockets.Listener())

        def serve():
            try:
                for _ in range(count):
                    with listener.accept() as server:
                        server.recv(4)
                        server.sendall(b"pong")
            except OSError:
                pass

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        self.web = self.proxy([{"address": listener.text, "max_connections": 1}],
                              listener={"half_close": "close", "max_connections": 1})
        refused = 0
        for _ in range(count):
            with self.web.connect() as client:
                client.settimeout(DEADLINE)
                try:
                    client.sendall(b"ping")
                    self.assertEqual(sockets.read_to_end(client), (b"pong", "eof"))
                except (ConnectionError, AssertionError):
                    refused += 1
        # Where the client's kernel has not acknowledged yet what it has received, it is early.
        self.assertLess(refused, count * 0.05)


if __name__ == "__main__":
    main()
