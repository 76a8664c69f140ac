"""A session that can move moves, whatever others hold: stalled peers, tiny messages, low memory."""

import itertools
import re
import socket
import time

import sockets
from harness import main, matrix
from processes import scaled

SMALL = 1 << 16  # socket buffers: so that the proxy's memory is what fills, not the kernel's
SOCKET = {"send_buffer": "64KiB", "receive_buffer": "64KiB"}


@matrix(workers=(1, 2))
class Neighbours:
    def start(self, **sections):
        self.listener = self.keep(sockets.Listener(receive_buffer=SMALL))
        sections.setdefault("stats", {"interval": "200ms"})
        self.web = self.proxy([self.listener.text], listener={"socket": SOCKET},
                              upstream={"socket": SOCKET}, **sections)

    def pair(self):
        """A client and its end at the server."""
        client = self.keep(self.web.connect())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        server = self.keep(self.listener.accept())
        for end in (client, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, server

    def fill(self, *writers):
        """Sends from each (end, piece) until all directions stay full. Returns what each sent."""
        for end, _ in writers:
            end.setblocking(False)
        sent, quiet = [0] * len(writers), 0
        while quiet < 10:
            quiet += 1
            for i, (end, piece) in enumerate(writers):
                try:
                    while count := end.send(piece):
                        sent[i] += count
                        quiet = 0
                except BlockingIOError:
                    pass
            time.sleep(0.01)  # as long as the proxy may need to make room
        return sent

    def stall(self, end):
        """Sends until the proxy has bytes that the receiver cannot take, and no longer. In small
        pieces: large ones would be read one at a time."""
        end.setblocking(True)
        sent, base = 0, self.sent_on()
        while self.sent_on() > base + sent - 8192:
            for _ in range(16):
                end.sendall(b"f" * 1000)
                sent += 1000
                time.sleep(0.0002)  # each a segment of its own
            self.web.wait_line("stats ", count=len(self.web.lines("stats ")) + 2)

    def sent_on(self):
        """By the newest statistics, both ways."""
        up, down = re.search(r"up=(\d+) down=(\d+)", self.web.lines("stats ")[-1]).groups()
        return int(up) + int(down)

    def chatter(self, end, messages):
        """Sends small messages to a peer that does not read. Returns how many are taken."""
        end.setblocking(False)
        for i in range(messages):
            try:
                end.send(b"mm")
            except BlockingIOError:
                return i
            time.sleep(0.0001)  # each a segment of its own
        return messages

    def assert_served(self, pairs):
        """Both ways, at once; a time that only starving would exceed."""
        for client, server in pairs:
            for near, far in ((client, server), (server, client)):
                near.setblocking(True)
                near.sendall(b"question")
                far.settimeout(20)
                self.assertEqual(sockets.read_exactly(far, 8), b"question")

    def buffers_in_use(self):
        """Of all workers, by the newest statistics."""
        lines = [line for line in self.web.text().splitlines() if re.search(r"worker \d+ ", line)]
        newest = {re.search(r"worker (\d+) ", line)[1]: line for line in lines}
        in_use = 0
        for line in newest.values():
            values = dict(re.findall(r"(\w+)=(\d+)", line))
            in_use += int(values["buffers"]) - int(values["stocked"])
        return in_use

    def test_tiny_messages_for_one_that_does_not_read(self):
        messages = scaled(6000, least=1000)
        self.start()
        older = [self.pair() for _ in range(3)]
        self.web.wait_line("stats ")
        for turn in (0, 1):  # the client stalls, then a server does
            writer = self.pair()[1 - turn]
            self.stall(writer)
            self.assertEqual(self.chatter(writer, messages), messages)
        self.assert_served(older + [self.pair()])
        self.web.wait_line("stats ", count=len(self.web.lines("stats ")) + 2)
        self.assertLess(self.buffers_in_use(), 40)

    def crowd(self, size):
        """Stalled sessions of every kind: large pieces and small ones, up, down and both ways."""
        kinds = itertools.cycle(itertools.product((b"b" * 16384, b"s" * 100), ((0,), (1,), (0, 1))))
        writers = []
        for _ in range(size):
            ends, (piece, ways) = self.pair(), next(kinds)
            writers += [(ends[way], piece) for way in ways]
        self.fill(*writers)

    def test_a_crowd_that_holds_all_buffers(self):
        """The smallest memory, and nearly as many sessions as it is promised to serve."""
        sessions = scaled(200, least=120)
        self.start(limits={"max_connections": 230, "buffer_memory": "1MiB"})
        older = [self.pair() for _ in range(4)]
        self.crowd(sessions)
        self.assert_served(older + [self.pair() for _ in range(4)])
        self.web.wait_line("buffers are short")
        self.web.wait_line("stats .* short_buffers=")

    def test_a_reset_is_noticed_though_all_buffers_are_held(self):
        self.start(limits={"max_connections": 230, "buffer_memory": "1MiB"})
        client, server = self.pair()
        self.crowd(scaled(160, least=100))
        sockets.reset(client)
        with self.assertRaises(ConnectionResetError):
            server.settimeout(20)
            server.recv(1)

    def test_all_arrives_though_buffers_are_short(self):
        """What was held goes on, to the byte, when the readers come back."""
        self.start(limits={"max_connections": 230, "buffer_memory": "1MiB"})
        piece = bytes(range(251))  # a length that no buffer has
        pairs = [self.pair() for _ in range(scaled(100, least=100))]
        counts = self.fill(*[(server, piece) for _, server in pairs])
        for (client, server), count in zip(pairs, counts):
            server.setblocking(True)
            server.shutdown(socket.SHUT_WR)
            client.settimeout(20)
            received, how = sockets.read_to_end(client)
            self.assertEqual((len(received), how), (count, "eof"))


if __name__ == "__main__":
    main()
