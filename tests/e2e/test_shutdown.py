"""SIGTERM under load: sessions in progress finish, no new one begins, the exit code is 0."""

import contextlib
import signal
import socket
import socketserver
import struct
import threading
import time

import sockets
from echo import echo
from harness import main, matrix
from processes import DEADLINE, wait_for

ANSWER = bytes(range(256)) * 1024  # 256 KiB
THINKING = 0.02  # seconds before an answer: so that some request is always in progress
CLIENTS = 16


class Thinker(socketserver.BaseRequestHandler):
    """Reads a number of ten digits, notes it, thinks, answers, closes."""

    def handle(self):
        if number := self.request.recv(10):
            self.server.seen.append(int(number))
            time.sleep(THINKING)
            self.request.sendall(ANSWER)


def server(link):
    """Serves until it is asked, then tells the numbers that it has read."""
    with socketserver.ThreadingTCPServer((sockets.HOST, 0), Thinker, False) as thinkers:
        thinkers.seen = []
        thinkers.request_queue_size = 1024
        thinkers.server_bind()
        thinkers.server_activate()
        threading.Thread(target=thinkers.serve_forever, daemon=True).start()
        link.send(sockets.text_of(thinkers.server_address))
        link.receive()
        return thinkers.seen


def clients(link, address):
    """Each client asks in a loop until refused; (answered numbers, numbers cut short)."""
    answered, cut = [], []
    one_at_a_time = threading.Lock()  # two threads must not both find the same length

    def loop(first):
        for number in range(first, 10**9, CLIENTS):
            try:
                with sockets.connect(address) as stream:
                    stream.sendall(str(number).zfill(10).encode())
                    done = sockets.read_to_end(stream) == (ANSWER, "eof")
            except ConnectionRefusedError:
                return
            except ConnectionError:
                done = False
            with one_at_a_time:
                (answered if done else cut).append(number)
                if done and len(answered) == 10 * CLIENTS:
                    link.send("going")

    threads = [threading.Thread(target=loop, args=(first,)) for first in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answered, cut


def storm(link, address):
    """Connects as fast as it can and resets, until it is told to stop."""
    link.send("going")
    while not link.pending():
        several = []
        for _ in range(100):
            one = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
            one.setblocking(False)
            with contextlib.suppress(OSError):
                one.connect(address)
            several.append(one)
        for one in several:
            if not isinstance(address, str):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()


class Sessions:
    """Sessions of a proxy whose both ends the test holds."""

    def open(self, count, **options):
        listener = self.keep(sockets.Listener())
        self.draining = self.proxy([listener.text], **options)
        self.ends = []
        for _ in range(count):
            client = self.keep(self.draining.connect())
            upstream = self.keep(listener.accept())
            sockets.exchange(client, upstream)
            self.ends.append((client, upstream))

    def ask_to_end(self, number=signal.SIGTERM):
        """Returns when new connects are refused."""
        self.draining.send_signal(number)
        address = self.draining.address()
        wait_for(lambda: sockets.refused(address), "new connects to be refused", 5)

    def assert_all_reset(self):
        for client, upstream in self.ends:
            self.assertEqual((sockets.ending(client), sockets.ending(upstream)),
                             ("reset", "reset"))


@matrix(workers=(1, 2))
class Shutdown(Sessions):
    def test_no_request_in_progress_is_cut_short(self):
        """A client in the accept queue may be reset; one whose request was read may not."""
        there = self.peer(server)
        proxy = self.proxy([there.receive()], shutdown={"drain_timeout": "30s"})
        here = self.peer(clients, proxy.address())
        self.assertEqual(here.receive(), "going")
        proxy.send_signal(signal.SIGTERM)
        answered, cut = here.receive()
        self.assertEqual(proxy.wait(), 0)
        there.send("finish")
        seen = set(there.receive())
        self.assertEqual(seen.intersection(cut), set(), "cut short")
        self.assertLessEqual(set(answered), seen)
        self.assertLessEqual(len(cut), CLIENTS)

    def test_long_transfers_go_on_while_draining(self):
        self.open(4, shutdown={"drain_timeout": "30s"})
        self.ask_to_end()
        piece = ANSWER[:65536]
        for _ in range(50):
            for client, upstream in self.ends:
                upstream.sendall(piece)
                client.sendall(piece)
                self.assertEqual(sockets.read_exactly(client, len(piece)), piece)
                self.assertEqual(sockets.read_exactly(upstream, len(piece)), piece)
        self.assertIsNone(self.draining.child.poll(), "it must wait for its sessions")
        for client, upstream in self.ends:
            upstream.shutdown(socket.SHUT_WR)
            self.assertEqual(sockets.ending(client), "eof")
            client.close()
            self.assertEqual(sockets.ending(upstream), "eof")
        self.assertEqual(self.draining.wait(5), 0)

    def test_second_signal_ends_at_once(self):
        self.open(3, shutdown={"drain_timeout": "1h"})
        self.ask_to_end()
        self.draining.send_signal(signal.SIGTERM)
        self.assertEqual(self.draining.wait(5), 0)
        self.assert_all_reset()

    def test_drain_timeout_resets_what_is_left(self):
        self.open(3, shutdown={"drain_timeout": "500ms"})
        asked = time.monotonic()
        self.ask_to_end()
        self.assertEqual(self.draining.wait(), 0)
        self.assertGreater(time.monotonic() - asked, 0.45)
        self.assertLess(time.monotonic() - asked, DEADLINE / 4)
        self.assert_all_reset()
        reasons = [end["reason"] for end in self.draining.session_ends()]
        self.assertEqual(reasons.count("shutdown"), 3, reasons)

    def test_ends_are_spread_over_the_window(self):
        self.open(60, shutdown={"drain_window": "2s", "drain_timeout": "1h"})
        asked = time.monotonic()
        self.ask_to_end()
        ends = []
        for client, _ in self.ends:
            self.assertEqual(sockets.ending(client), "reset")
            ends.append(time.monotonic() - asked)
        self.assertEqual(self.draining.wait(), 0)
        self.assertGreater(max(ends), 1.5)
        self.assertLess(max(ends), DEADLINE / 4)
        reasons = [(end["by"], end["reason"]) for end in self.draining.session_ends()]
        self.assertEqual(reasons.count(("proxy", "shutdown")), 60, reasons)
        self.assertEqual(self.draining.lines("drain timeout"), [])

    def test_a_lame_duck_serves_new_clients(self):
        self.open(1, shutdown={"lame_duck": "700ms", "drain_timeout": "0s"})
        asked = time.monotonic()
        self.draining.send_signal(signal.SIGTERM)
        self.draining.wait_line("not ready any more")
        self.keep(self.draining.connect())  # accepted as before
        self.assertEqual(self.draining.wait(), 0)
        self.assertGreater(time.monotonic() - asked, 0.65)
        self.assert_all_reset()

    def stop_in_a_storm(self, signals, bind="127.0.0.1:0", **shutdown):
        """The proxy ends although new connections never cease to arrive."""
        # It is rejected at once: nothing of it is left to wait for.
        self.open(1, bind=bind, limits={"max_connections": 1}, log={"level": "info"},
                  stats={"interval": "50ms"}, listener={"socket": {"backlog": 65535}},
                  shutdown=shutdown)
        storms = [self.peer(storm, self.draining.address()) for _ in range(2)]
        for each in storms:
            self.assertEqual(each.receive(), "going")
        self.draining.wait_line("rejected=[0-9]{4}")
        for number in signals:
            self.draining.send_signal(number)
        self.assertEqual(self.draining.wait(DEADLINE / 3), 0)
        if bind.startswith("127"):
            self.assert_all_reset()
        for each in storms:
            each.send("stop")

    def test_drain_timeout_holds_in_a_storm(self):
        self.stop_in_a_storm([signal.SIGTERM], drain_timeout="500ms")

    def test_drain_timeout_holds_in_a_storm_of_unix_clients(self):
        self.stop_in_a_storm([signal.SIGTERM], "unix:" + self.new_folder() + "/web.sock",
                             drain_timeout="500ms")

    def test_second_signal_is_heard_in_a_storm(self):
        self.stop_in_a_storm([signal.SIGTERM, signal.SIGINT], drain_timeout="1h")

    def test_who_waits_in_the_queue_is_served(self):
        """All connections from before the signal, far more than are accepted at a time."""
        proxy = self.proxy([self.peer(echo).receive()], shutdown={"drain_timeout": "30s"})
        proxy.freeze()
        queued = [self.keep(proxy.connect()) for _ in range(400)]
        for client in queued:
            client.sendall(b"ping")
        proxy.send_signal(signal.SIGTERM)
        proxy.send_signal(signal.SIGCONT)
        for client in queued:
            self.assertEqual(sockets.ending_after_echo(client), "answered")
        self.assertEqual(proxy.wait(), 0)

    def test_each_signal_drains(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            with self.subTest(number.name):
                self.open(1, shutdown={"drain_timeout": "30s"})
                self.ask_to_end(number)
                sockets.exchange(*self.ends[0])
                for end in self.ends[0]:
                    end.close()
                self.assertEqual(self.draining.wait(5), 0)


if __name__ == "__main__":
    main()
