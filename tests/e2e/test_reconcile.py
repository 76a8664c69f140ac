"""Ten thousand sessions of every kind: each has ended in one way, and all counts agree.

What the clients and the upstream saw, the records in the access log and the counters in the last
line of statistics are compared with each other: reasons, initiators, bytes, rejections.
"""

import collections
import itertools
import json
import os
import re
import socket

import mixture
import sockets
from blackhole import Blackhole
from harness import main, matrix
from processes import scaled, wait_for

SHORT = "400ms"
LIMIT = 400   # of all connections together
HELD = 5      # at listeners with a small limit
KEYS = {
    "time", "listener", "client", "upstream", "endpoint", "attempts", "queue_ms", "connect_ms",
    "first_byte_ms", "total_ms", "bytes_up", "bytes_down", "reason", "by", "client_rtt_us",
    "client_retransmits", "upstream_rtt_us", "upstream_retransmits", "id", "local",
    "upstream_local", "failed", "record",
}
OPTIONAL = {"error", "undelivered_up", "undelivered_down"}
# How a session of a kind ends, at the listener `web`.
ENDS = {
    "closed_client": ("closed", "client"),
    "closed_upstream": ("closed", "upstream"),
    "reset_client": ("reset", "client"),
    "reset_upstream": ("reset", "upstream"),
}


class Books:
    """What is to be found: for each session its end and its bytes, for each rejection its cause."""

    def __init__(self):
        self.ends = {}  # identity -> (reason, by)
        self.seen = {}  # identity -> (sent, received, how it ended), by the client
        self.rejected = collections.Counter()
        self._identities = itertools.count(256)             # 127.1.1.0
        self._neighbours = itertools.count(240 << 8)        # 127.1.240.0

    def open(self, reason, by, neighbour=False):
        """A new identity; those of neighbours are in one /24 of their own."""
        identity = next(self._neighbours if neighbour else self._identities)
        self.ends[identity] = (reason, by)
        self.seen[identity] = (0, 0, "reset")
        return identity

    def reject(self, cause, identity):
        """Forgets an identity that has become no session."""
        del self.ends[identity], self.seen[identity]
        self.rejected["rejected_" + cause] += 1


@matrix(workers=(1, 2))
class Reconcile:
    def test_ten_thousand_sessions(self):
        self.books = Books()
        self.random = self.seed()
        self.start()
        crowds = self.play_crowds(scaled(9000, 100))
        self.play_timeouts(scaled(150, 10))
        self.play_unreachable(scaled(150, 10))
        self.play_limits(scaled(100, 10))
        for crowd in crowds:
            self.books.seen.update(crowd.receive())
        wait_for(lambda: len(self.records()) >= len(self.books.ends), "a record of every session")
        self.play_impatient(HELD)
        self.play_full_house(scaled(50, 5))
        self.assertEqual(self.web.stop(), 0)
        for upstream in self.upstreams:
            upstream.send("tell")
        records = self.check_records()
        self.check_bytes(records)
        self.check_counters(records)

    # -- the scene ---------------------------------------------------------------------------

    def start(self):
        self.upstreams = [self.peer(mixture.upstream) for _ in range(2)]
        app, one = (upstream.receive() for upstream in self.upstreams)
        with sockets.Listener() as listener:
            nobody = listener.text  # refuses from now on: the address is this test's own
        self.log_path = os.path.join(self.new_folder(), "access.log")
        listeners = {
            "web": {}, "idle": {"timeouts": {"idle": SHORT}},
            "half": {"timeouts": {"half_close": SHORT}},
            "stall": {"timeouts": {"write_stall": SHORT}},
            "life": {"timeouts": {"max_lifetime": SHORT, "max_lifetime_jitter": "0%"}},
            "nobody": {"upstream": "nobody"}, "hole": {"upstream": "hole"},
            "queue": {"upstream": "one"}, "few": {"max_connections": HELD},
            "source": {"per_source": {"max_connections": HELD, "ipv4_prefix": 24}},
            "rate": {"new_connections": "20/s"},
        }
        endpoints = {"app": {"address": app}, "one": {"address": one, "max_connections": 1},
                     "nobody": {"address": nobody},
                     "hole": {"address": self.keep(Blackhole()).text}}
        config = self.config([], limits={"max_connections": LIMIT}, stats={"interval": "0s"},
                             log={"level": "info"},
                             access_log={"path": self.log_path, "format": "json"})
        config["listeners"] = [{"name": name, "bind": "127.0.0.1:0", "upstream": "app", **rest}
                               for name, rest in listeners.items()]
        config["upstreams"] = [{"name": name, "queue_timeout": SHORT, "retry_for": SHORT,
                                "endpoints": [endpoint]}
                               for name, endpoint in endpoints.items()]
        self.web = self.started_proxy(config)

    def join(self, listener, identity):
        return self.keep(mixture.join(self.web.address(listener), identity))

    def session(self, listener, kind, reason, by, neighbour=False):
        """A session that stands: its answer is here."""
        identity = self.books.open(reason, by, neighbour)
        client = self.join(listener, identity)
        self.request(client, identity, kind)
        return client

    def request(self, client, identity, kind):
        sent, received = mixture.request(client, identity, kind, self.random.randrange(1000),
                                         self.random.randrange(1, 1000))
        self.books.seen[identity] = (sent, received, "reset")

    def close(self, client):
        """By FIN, the client's first."""
        identity = mixture.identity_of(sockets.text_of(client.getsockname()))
        client.shutdown(socket.SHUT_WR)
        self.books.seen[identity] = (*self.books.seen[identity][:2], sockets.ending(client))
        client.close()

    def assert_reset(self, clients):
        self.assertEqual({sockets.ending(client) for client in clients}, {"reset"})

    def assert_rejected(self, listener, cause, neighbour=False):
        """One more is too many: a reset, maybe before connect(2) returns."""
        identity = self.books.open("", "", neighbour)
        try:
            self.assert_reset([self.join(listener, identity)])
        except ConnectionResetError:
            pass
        self.books.reject(cause, identity)

    # -- what happens ------------------------------------------------------------------------

    def play_crowds(self, count):
        """Peers that play most of the sessions while the test goes on with the others."""
        jobs = []
        for _ in range(count):
            kind = self.random.choice(sorted(ENDS))
            least = 0 if kind.startswith("closed") else 1  # a reset only when all has arrived
            jobs.append((self.web.address("web"), self.books.open(*ENDS[kind]), kind,
                         self.random.randrange(20000),
                         self.random.choice((least, 100, self.random.randrange(1, 20000)))))
        return [self.peer(mixture.play_all, jobs[start::4]) for start in range(4)]

    def play_timeouts(self, count):
        for listener, kind, reason in (("idle", "silent", "idle_timeout"),
                                       ("life", "silent", "max_lifetime"),
                                       ("half", "half_closed", "half_close_timeout")):
            clients = [self.session(listener, kind, reason, "proxy") for _ in range(count)]
            for client in clients if kind == "half_closed" else []:
                client.shutdown(socket.SHUT_WR)
            self.assert_reset(clients)
        for _ in range(max(2, count // 20)):  # left alone: a client that reads does not stall
            self.session("stall", "stalled", "write_stall", "proxy")

    def play_unreachable(self, count):
        clients = []
        for _ in range(count):
            identity = self.books.open("no_upstream", "proxy")
            try:
                clients.append(self.join("nobody", identity))
            except ConnectionResetError:  # before connect(2) has returned
                pass
        holder = self.session("queue", "closed_client", "closed", "client")
        clients += [self.join("queue", self.books.open("queue_timeout", "proxy"))
                    for _ in range(HELD * 4)]
        self.assert_reset(clients)
        self.close(holder)

    def play_limits(self, count):
        """Of each limit: those that it lets in, and those beyond it."""
        for cause, listener, neighbour in (("listener", "few", False), ("source", "source", True)):
            guests = [self.session(listener, "closed_client", "closed", "client", neighbour)
                      for _ in range(HELD)]
            for _ in range(count):
                self.assert_rejected(listener, cause, neighbour)
            for guest in guests:
                self.close(guest)
        for _ in range(count):
            identity = self.books.open("closed", "client")
            try:
                client = self.join("rate", identity)
                self.request(client, identity, "closed_client")
            except ConnectionError:  # at connect, at the request, or instead of an answer
                self.books.reject("rate", identity)
            else:
                self.close(client)
        self.assertGreater(self.books.rejected["rejected_rate"], 0)

    def play_impatient(self, count):
        """Clients that reset while their connect is on its way to a server that does not answer."""
        idle = self.web.idle_descriptors()
        clients = [self.join("hole", self.books.open("reset", "client")) for _ in range(count)]
        wait_for(lambda: self.web.descriptors() >= idle + 2 * count, "connects on their way")
        for client in clients:
            sockets.reset(client)
        wait_for(lambda: len(self.records()) >= len(self.books.ends), "their records")

    def play_full_house(self, count):
        """When all others have ended: as many as there may be, some more, and the end of it all."""
        for _ in range(LIMIT):
            self.session("web", "silent", "shutdown", "proxy")
        for _ in range(count):
            self.assert_rejected("web", "connections")

    # -- what is said of it ------------------------------------------------------------------

    def records(self):
        with open(self.log_path) as file:
            return file.read().splitlines()

    def check_records(self):
        """One for each session, with its end; {identity: record}."""
        lines = [json.loads(line) for line in self.records()]
        records = {mixture.identity_of(line["client"]): line for line in lines}
        self.assertEqual(len(lines), len(records), "records of the same session")
        self.assertEqual(records.keys(), self.books.ends.keys())
        for identity, record in records.items():
            self.assertEqual(record.keys() - OPTIONAL, KEYS)
            self.assertEqual((record["reason"], record["by"]), self.books.ends[identity], record)
            steps = [record[key] for key in ("queue_ms", "connect_ms", "first_byte_ms", "total_ms")]
            self.assertGreaterEqual(min(step or 0 for step in steps), 0, record)
            self.assertEqual(max(step or 0 for step in steps), record["total_ms"], record)
            self.assertEqual(record["endpoint"] is None, record["attempts"] == 0, record)
        return records

    def check_bytes(self, records):
        """The same in the record and at both ends, but for what a stalled client has not read."""
        served = {}
        for upstream in self.upstreams:
            served.update(upstream.receive())
        for identity, record in records.items():
            sent, received, end = self.books.seen[identity]
            taken, given = served.get(identity, (0, 0))
            self.assertEqual((sent, taken), (record["bytes_up"],) * 2, record)
            if record["reason"] == "write_stall":
                self.assertLessEqual(record["bytes_down"], given, record)
            else:
                self.assertEqual((received, given), (record["bytes_down"],) * 2, record)
            ends = ("eof",) if record["reason"] == "closed" else ("reset", "own reset")
            self.assertIn(end, ends, record)

    def check_counters(self, records):
        """The last line of statistics: no session is left, and every sum is that of the records."""
        line = self.web.lines(r" stats active=")[-1]
        counters = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        expected = {"active": 0, "total": len(records),
                    "rejected": sum(self.books.rejected.values()), **self.books.rejected}
        for way in ("up", "down"):
            expected[way] = sum(record["bytes_" + way] for record in records.values())
        expected.update(collections.Counter(record["reason"] for record in records.values()))
        self.assertEqual(counters, expected)
        self.assertEqual(self.web.lines("dropped"), [])


if __name__ == "__main__":
    main()
