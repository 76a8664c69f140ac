"""Reloads at bad moments: while buffers are short, while endpoints or the process drain."""

import signal
import socket
import time

import sockets
from flow import Flow, finish
from harness import MiB, main, matrix
from processes import DEADLINE, scaled, wait_for
from reloading import Reloading, put
from sluice import yaml

SMALL = 1 << 16  # socket buffers: so that the proxy's memory is what fills, not the kernel's
SOCKET = {"send_buffer": "64KiB", "receive_buffer": "64KiB"}
PIECE = bytes(range(251))  # a length that no buffer has
FOR_EVER = {"drain_timeout": "1h"}
AT_ONCE = {"sessions": "reset"}


@matrix(workers=(2,))
class Short(Reloading):
    """Stalled sessions hold all of buffer_memory."""

    def setUp(self):
        self.ends = [self.keep(sockets.Listener(receive_buffer=SMALL)) for _ in range(2)]

    def between(self, *ends, on_removed=FOR_EVER):
        return self.config([self.ends[end].text for end in ends], listener={"socket": SOCKET},
                           upstream={"socket": SOCKET, "on_removed": on_removed},
                           limits={"max_connections": 230, "buffer_memory": "1MiB"})

    def session(self, web, end):
        client = self.keep(web.connect())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        server = self.keep(self.ends[end].accept())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        return client, server

    def fill(self, writers):
        """Sends until nothing more is taken of any; returns how many bytes each has sent."""
        counts, quiet = [0] * len(writers), 0
        for writer in writers:
            writer.setblocking(False)
        while quiet < 10:
            quiet += 1
            for i, writer in enumerate(writers):
                try:
                    while True:
                        # What is sent goes on where the last piece was cut.
                        counts[i] += writer.send(PIECE[counts[i] % len(PIECE):])
                        quiet = 0
                except BlockingIOError:
                    pass
            time.sleep(0.01)  # as long as the proxy may need for what it has taken
        return counts

    def crowd(self, web):
        """Sessions whose clients read nothing, and how many bytes their servers have sent."""
        pairs = [self.session(web, 0) for _ in range(scaled(100, least=100))]
        counts = self.fill([server for _, server in pairs])
        web.wait_line("buffers are short")
        return pairs, counts

    def assert_served(self, web, end):
        client, server = self.session(web, end)
        for near, far in ((client, server), (server, client)):
            for _ in range(20):
                near.sendall(b"question")
                self.assertEqual(sockets.read_exactly(far, 8), b"question")

    def test_sessions_go_on_to_the_byte(self):
        web = self.started_proxy(self.between(0))
        pairs, counts = self.crowd(web)
        for ends in ((1,), (0, 1), (1,)):
            self.reload(web, self.between(*ends))
        self.assert_served(web, 1)
        for (client, server), count in zip(pairs, counts):
            server.setblocking(True)
            server.shutdown(socket.SHUT_WR)
            client.settimeout(20)
            received, how = sockets.read_to_end(client)
            self.assertEqual((len(received), how), (count, "eof"))
            self.assertEqual(received, (PIECE * (count // len(PIECE) + 1))[:count])

    def test_sessions_that_are_reset_give_all_back(self):
        web = self.started_proxy(self.between(0, on_removed=AT_ONCE))
        pairs, _ = self.crowd(web)
        self.reload(web, self.between(1))
        for client, server in pairs:
            server.setblocking(True)
            self.assertEqual(sockets.ending(server), "reset")
            self.assertEqual(sockets.ending(client), "reset")
        web.wait_line("reason=endpoint_removed by=proxy", count=len(pairs))
        short = len(web.lines("buffers are short"))
        self.assert_served(web, 1)
        finish(Flow(*self.session(web, 1), PIECE * 300), 4 * MiB)
        self.assertEqual(len(web.lines("buffers are short")), short, "none is held any more")


@matrix(workers=(2,))
class Draining(Reloading):
    """A reload, while what an earlier one has removed drains."""

    def setUp(self):
        self.ends = [self.keep(sockets.Listener()) for _ in range(2)]

    def between(self, *ends, name="app", drain="200ms", **upstream):
        config = self.config([self.ends[end].text for end in ends], upstream=upstream,
                             shutdown={"drain_timeout": drain})
        config["upstreams"][0]["name"] = config["listeners"][0]["upstream"] = name
        return config

    def session_with(self, web, end):
        client = self.keep(web.connect())
        server = self.keep(self.ends[end].accept())
        sockets.exchange(client, server)
        return client, server

    def assert_reset(self, web, pair, count):
        for side in pair:
            self.assertEqual(sockets.ending(side), "reset")
        web.wait_line("reason=endpoint_removed by=proxy", count=count)

    def test_an_endpoint_that_joins_again(self):
        """The sessions that it had follow the rule of their removal, those it has now the next."""
        web = self.started_proxy(self.between(0, on_removed=FOR_EVER))
        old = self.session_with(web, 0)
        self.reload(web, self.between(1, on_removed=AT_ONCE))
        self.reload(web, self.between(0, on_removed=AT_ONCE))
        new = self.session_with(web, 0)
        sockets.exchange(*old)
        self.reload(web, self.between(1))
        self.assert_reset(web, new, 1)
        sockets.exchange(*old)
        sockets.exchange(*self.session_with(web, 1))

    def test_an_upstream_that_comes_back(self):
        web = self.started_proxy(self.between(0, on_removed=FOR_EVER))
        old = self.session_with(web, 0)
        self.reload(web, self.between(1, name="other", on_removed=AT_ONCE))
        other = self.session_with(web, 1)
        self.reload(web, self.between(0, on_removed=AT_ONCE))
        self.assert_reset(web, other, 1)
        new = self.session_with(web, 0)
        self.reload(web, self.between(1, name="other"))
        self.assert_reset(web, new, 2)
        sockets.exchange(*old)

    def test_the_first_to_be_late_is_not_the_first_to_be_removed(self):
        """While one drains for hours, another one has no longer than it was told."""
        web = self.started_proxy(self.between(0, 1, on_removed=FOR_EVER))
        pairs = sorted((self.session_with_either(web) for _ in range(2)), key=lambda each: each[0])
        self.reload(web, self.between(1, on_removed={"drain_timeout": "100ms"}))
        third = self.keep(sockets.Listener())
        self.ends.append(third)
        began = time.monotonic()
        self.reload(web, self.between(2))
        self.assert_reset(web, pairs[1][1:], 1)
        self.assertGreaterEqual(time.monotonic() - began, 0.1)
        sockets.exchange(*pairs[0][1:])

    def session_with_either(self, web):
        """Of round robin: the number of its end, and both sides."""
        client = self.keep(web.connect())
        ready = []
        for end in self.ends[:2]:
            end.socket.setblocking(False)

        def accepted():
            for number, end in enumerate(self.ends[:2]):
                try:
                    ready.append((number, end.socket.accept()[0]))
                    return True
                except BlockingIOError:
                    continue
            return False
        wait_for(accepted, "a connection to one of both")
        for end in self.ends[:2]:
            end.socket.settimeout(10)
        number, server = ready[0]
        self.keep(server).settimeout(10)
        sockets.exchange(client, server)
        return number, client, server

    def test_a_session_that_lingers(self):
        """It has ended, and its server still takes what it had sent, which is more than it gets."""
        slow = self.keep(sockets.Listener(receive_buffer=SMALL))
        self.ends.append(slow)
        config = self.between(2, on_removed=AT_ONCE)
        config["listeners"][0]["timeouts"] = {"max_lifetime": "1s"}
        web = self.started_proxy(config)
        client, server = self.session_with(web, 2)
        client.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            while True:
                client.sendall(PIECE * 100)
        began = time.monotonic()
        self.take_until(server, lambda: time.monotonic() > began + 2.2)
        self.assertEqual(web.lines("session end "), [], "it lingers for more than a second")
        put(web.config_path, yaml(self.between(1)))
        web.send_signal(signal.SIGHUP)
        self.take_until(server, lambda: web.lines("session end "))
        web.wait_line("session end .*reason=max_lifetime by=proxy .*undelivered_up=[1-9]")

    def take_until(self, server, is_over):
        """Reads a little now and then."""
        until = time.monotonic() + DEADLINE
        while not is_over():
            self.assertLess(time.monotonic(), until)
            try:
                server.recv(16384)
            except ConnectionResetError:
                return
            time.sleep(0.02)

    def test_the_process_drains(self):
        """A reload comes too late, and changes nothing for the sessions that may finish."""
        web = self.started_proxy(self.between(0, drain="1h", on_removed=AT_ONCE))
        session = self.session_with(web, 0)
        web.send_signal(signal.SIGTERM)
        web.wait_line("signal SIGTERM: no new connections")
        put(web.config_path, yaml(self.between(1)))
        web.send_signal(signal.SIGHUP)
        web.wait_line("signal SIGHUP: ignored, this process is draining, and ends with the "
                      "configuration and the binary that it has")
        sockets.exchange(*session)
        for side in session:
            side.close()
        self.assertEqual(web.wait(), 0)
        self.assertEqual(web.lines("endpoint_removed"), [])

    def test_what_was_removed_ends_with_the_process(self):
        web = self.started_proxy(self.between(0, on_removed=FOR_EVER))
        gone = self.session_with(web, 0)
        self.reload(web, self.between(1, drain="200ms"))
        stays = self.session_with(web, 1)
        web.send_signal(signal.SIGTERM)
        for side in gone + stays:
            self.assertEqual(sockets.ending(side), "reset")
        self.assertEqual(web.wait(), 0)
        self.assertEqual(sorted(end["reason"] for end in web.session_ends()), ["shutdown"] * 2)


if __name__ == "__main__":
    main()
