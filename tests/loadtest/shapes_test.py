"""Every load shape for a fraction of a second, directly and through both floors: what was sent,
answered and moved adds up. No time is judged."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import measure
import peers
import programs
import scenario

PROGRAMS = tempfile.mkdtemp()
SECONDS = 0.2
NO_ERRORS = {"connect_failed": 0, "broken": 0, "wrong": 0, "unanswered": 0}


def peer(name: str) -> peers.Peer:
    if name == "direct":
        return peers.Peer(name, name, "direct")
    return peers.Peer(name, name, "floor",
                      command=("$programs/" + name, "$port", "$upstream_port"))


def through_each(test):
    """Runs a test without a proxy and through both floors."""
    def run(self):
        for name in ("direct", "floor_epoll", "floor_uring"):
            with self.subTest(through=name):
                test(self, name)
    return run


def setUpModule():
    """Gathers the programs as run.py does."""
    for name, target in programs.TARGETS.items():
        path = os.path.abspath(programs.path_of(target))
        if os.path.exists(path):
            os.symlink(path, os.path.join(PROGRAMS, name))


def tearDownModule():
    shutil.rmtree(PROGRAMS)


def generate_to_silence(shape, connections):
    """Its group, sent to a listener that never accepts: connecting works, nothing comes back."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        plan = {"target": "127.0.0.1:%d" % silent.getsockname()[1], "seconds": 0.1,
                "warmup_s": 0, "groups": [{"shape": shape, "connections": connections}]}
        done = subprocess.run([os.path.join(PROGRAMS, "generator"), json.dumps(plan)],
                              capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1])["groups"][shape]


class Shapes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.setting = peers.Setting(folder.name, "", PROGRAMS)
        upstream = subprocess.Popen([os.path.join(PROGRAMS, "upstream")], stdout=subprocess.PIPE,
                                    text=True)
        self.addCleanup(upstream.stdout.close)
        self.addCleanup(upstream.wait)
        self.addCleanup(upstream.kill)
        self.upstream_port = json.loads(upstream.stdout.readline())["port"]

    def generate(self, name: str, *groups, **more) -> dict:
        """What the generator reports, group by group."""
        running = peers.start(peer(name), self.setting, self.upstream_port, 1, 1000, None)
        plan = {"target": "127.0.0.1:%d" % running.port, "seconds": SECONDS, "warmup_s": 0.05,
                "verify": True, "groups": list(groups), **more}
        try:
            done = subprocess.run([os.path.join(PROGRAMS, "generator"), json.dumps(plan)],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=120, check=True)
        finally:
            running.stop()
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([event["event"] for event in events], ["measuring", "measured", "result"])
        return events[-1]["groups"]

    def all_answered(self, group: dict) -> None:
        self.assertEqual(group["errors"], NO_ERRORS)
        self.assertGreater(group["answered"], 0)
        self.assertEqual(group["answered"], group["sent"])

    @through_each
    def test_closed_loop(self, name):
        group = self.generate(name, {"shape": "closed", "connections": 20,
                                     "request_bytes": 300, "answer_bytes": 5000})["closed"]
        self.all_answered(group)
        self.assertEqual(group["ready"], 20)
        self.assertEqual(group["bytes_down"], group["done"] * 5000)
        # One request is sent for each answer: those in flight at both ends make the difference.
        self.assertLessEqual(abs(group["bytes_up"] // 300 - group["done"]), 20)

    @through_each
    def test_pipelined_requests_are_answered_in_their_order(self, name):
        # The generator checks the id of each answer, and every byte of it.
        for answer in (8, 256, 5000, 70_000):
            group = self.generate(name, {"shape": "closed", "connections": 3, "pipeline": 16,
                                         "request_bytes": 100, "answer_bytes": answer})["closed"]
            self.all_answered(group)
            self.assertEqual(group["bytes_down"], group["done"] * answer)
            self.assertLessEqual(abs(group["bytes_up"] // 100 - group["done"]), 3 * 16)

    @through_each
    def test_connections_of_a_burst_close_when_it_is_over(self, name):
        groups = self.generate(name, {"shape": "closed", "connections": 30, "lasts": 0.01},
                               {"shape": "idle", "connections": 2})
        self.all_answered(groups["closed"])
        # It was over before measuring began: each connection has closed after its answer.
        self.assertEqual(groups["closed"]["done"], 0)
        self.assertEqual(groups["idle"]["answered"], 2)

    @through_each
    def test_large_requests_and_answers(self, name):
        group = self.generate(name, {"shape": "closed", "connections": 3,
                                     "request_bytes": 3_000_000,
                                     "answer_bytes": 2_500_001})["closed"]
        self.all_answered(group)

    @through_each
    def test_open_loop_sends_what_is_due(self, name):
        group = self.generate(name, {"shape": "open", "connections": 16, "rate": 1000,
                                     "request_bytes": 100, "answer_bytes": 200})["open"]
        self.all_answered(group)
        # All that became due was sent, or is told as overdue: 0.2 s, and what lies around.
        self.assertGreaterEqual(group["sent"] + group["overdue"], 1000 * SECONDS)

    @through_each
    def test_churn(self, name):
        group = self.generate(name, {"shape": "churn", "connections": 8, "request_bytes": 64,
                                     "answer_bytes": 256})["churn"]
        self.all_answered(group)
        self.assertGreaterEqual(group["ready"], group["answered"])
        self.assertEqual(group["bytes_down"], group["done"] * 256)

    @through_each
    def test_churn_that_is_scheduled(self, name):
        for close in ("fin", "reset"):
            group = self.generate(name, {"shape": "churn", "connections": 500, "rate": 400,
                                         "close": close})["churn"]
            self.all_answered(group)
            self.assertEqual(group["ready"], group["sent"])
            self.assertGreaterEqual(group["sent"] + group["overdue"], 400 * SECONDS)

    def test_connections_that_are_due_wait_for_a_free_one(self):
        # One at a time cannot keep such a schedule: the rest is told, and nothing is lost.
        group = self.generate("direct", {"shape": "churn", "connections": 1,
                                         "rate": 10_000_000})["churn"]
        self.all_answered(group)
        self.assertGreater(group["overdue"], 0)

    def test_resets_arrive_as_such(self):
        # Without the reset the same upstream sees an end.
        for close, expected in (("fin", b""), ("reset", ConnectionResetError)):
            with socket.create_server(("127.0.0.1", 0)) as server:
                server.settimeout(60)
                plan = {"target": "127.0.0.1:%d" % server.getsockname()[1], "seconds": 20,
                        "warmup_s": 0, "groups": [{"shape": "storm", "close": close}]}
                generator = subprocess.Popen(
                    [os.path.join(PROGRAMS, "generator"), json.dumps(plan)],
                    stdout=subprocess.DEVNULL)
                try:
                    client, _ = server.accept()
                    with client:
                        client.settimeout(60)
                        request = client.recv(24, socket.MSG_WAITALL)
                        client.sendall(request[:8])  # the smallest answer is the id
                        try:
                            found = client.recv(1)
                        except ConnectionResetError:
                            found = ConnectionResetError
                finally:
                    generator.wait()
            self.assertEqual(found, expected)

    @through_each
    def test_storm(self, name):
        # It ends when all have been answered, long before its time.
        group = self.generate(name, {"shape": "storm", "connections": 700}, seconds=100)["storm"]
        self.all_answered(group)
        self.assertEqual((group["ready"], group["done"]), (700, 700))

    def test_a_storm_that_is_not_answered_is_told(self):
        group = generate_to_silence("storm", connections=40)
        self.assertEqual((group["answered"], group["errors"]["unanswered"]), (0, 40))

    @through_each
    def test_small_writes(self, name):
        for rate in (0, 500):
            group = self.generate(name, {"shape": "bulk", "direction": "up", "connections": 3,
                                         "write_bytes": 100, "rate": rate})["bulk"]
            self.assertEqual((group["errors"], group["confirmed"]), (NO_ERRORS, 3))
            self.assertGreater(group["done"], 0)
            # A write may be cut where the pattern or the socket's free space ends.
            self.assertLessEqual(group["bytes_up"], group["done"] * 100)
            self.assertGreater(group["bytes_up"], (group["done"] - 1) * 100 * 0.9)

    @through_each
    def test_inherited_connections(self, name):
        running = peers.start(peer(name), self.setting, self.upstream_port, 1, 1000, None)
        self.addCleanup(running.stop)
        clients = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(5)]
        for client in clients:
            self.addCleanup(client.close)
            client.setblocking(False)
        descriptors = [client.fileno() for client in clients[1:4]]
        plan = {"target": "127.0.0.1:1", "seconds": SECONDS, "warmup_s": 0, "verify": True,
                "groups": [{"shape": "closed", "connections": 3, "descriptors": descriptors}]}
        done = subprocess.run([os.path.join(PROGRAMS, "generator"), json.dumps(plan)],
                              pass_fds=descriptors, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, check=True)
        group = json.loads(done.stdout.splitlines()[-1])["groups"]["closed"]
        self.all_answered(group)
        self.assertEqual(group["ready"], 3)

    @through_each
    def test_bulk(self, name):
        for direction in ("down", "up", "both"):
            group = self.generate(name, {"shape": "bulk", "connections": 3,
                                         "direction": direction})["bulk"]
            self.assertEqual(group["errors"], NO_ERRORS, direction)
            # Both ends agree about the number of bytes in each direction.
            self.assertEqual(group["confirmed"], 3, direction)
            self.assertEqual(group["bytes_up"] > 0, direction != "down")
            self.assertEqual(group["bytes_down"] > 0, direction != "up")

    @through_each
    def test_idle_connections_still_work_at_the_end(self, name):
        group = self.generate(name, {"shape": "idle", "connections": 150})["idle"]
        self.all_answered(group)
        self.assertEqual(group["answered"], 150)

    @through_each
    def test_slow_readers(self, name):
        groups = self.generate(
            name, {"shape": "slow", "name": "some", "connections": 5, "read_rate": 50_000},
            {"shape": "slow", "name": "none", "connections": 5}, seconds=0.5)
        for group in groups.values():
            self.assertEqual(group["errors"], NO_ERRORS)
        self.assertGreater(groups["some"]["bytes_down"], 0)
        # At most ten turns' worth each, however late the machine is.
        self.assertLessEqual(groups["some"]["bytes_down"], 5 * 10 * 5000)
        self.assertEqual(groups["none"]["bytes_down"], 0)

    @through_each
    def test_a_mix(self, name):
        groups = self.generate(
            name, {"shape": "closed", "connections": 5}, {"shape": "bulk", "connections": 2},
            {"shape": "churn", "connections": 2}, {"shape": "idle", "connections": 10})
        self.assertEqual({group: found["errors"] for group, found in groups.items()},
                         dict.fromkeys(("closed", "bulk", "churn", "idle"), NO_ERRORS))
        self.assertEqual(groups["idle"]["answered"], 10)
        self.assertEqual(groups["bulk"]["confirmed"], 2)

    def test_a_broken_proxy_is_told(self):
        group = generate_to_silence("churn", connections=1)
        self.assertEqual((group["answered"], group["errors"]["unanswered"]), (0, 1))

    def test_wrong_answers_are_told(self):
        # An echo is not the answer to a request: its id is right, the rest is not.
        upstream = subprocess.Popen([os.path.join(PROGRAMS, "upstream"), "--kind", "echo"],
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(upstream.stdout.close)
        self.addCleanup(upstream.wait)
        self.addCleanup(upstream.kill)
        self.upstream_port = json.loads(upstream.stdout.readline())["port"]
        group = self.generate("direct", {"shape": "churn", "connections": 2, "request_bytes": 64,
                                         "answer_bytes": 32})["churn"]
        self.assertEqual(group["answered"], 0)
        self.assertGreater(group["errors"]["wrong"], 0)


class Runs(unittest.TestCase):
    """One run as run.py makes it."""

    def measure(self, text: str, name: str) -> dict:
        (row,) = scenario.parse("row.toml", text)
        with tempfile.TemporaryDirectory() as folder:
            return measure.run_once(row, peer(name), peers.Setting(folder, "", PROGRAMS), SECONDS)

    def test_counts_cpu_of_all_that_take_part(self):
        found = self.measure('title = "t"\nfigure = "cpu"\nplace = "one_core"\nwarmup = 0.1\n'
                             '[[group]]\nshape = "closed"\nconnections = 4\n', "floor_epoll")
        self.assertEqual(found["groups"]["closed"]["errors"], NO_ERRORS)
        self.assertGreater(found["cpu"]["proxy"], 0)
        self.assertGreater(found["cpu"]["rest"], 0)
        self.assertEqual(found["connections"], 4)

    def test_reads_memory_while_connections_are_open(self):
        found = self.measure('title = "t"\nfigure = "memory"\nplace = "free"\nwarmup = 0\n'
                             '[[group]]\nshape = "idle"\nconnections = 500\n', "floor_epoll")
        self.assertEqual(found["groups"]["idle"]["answered"], 500)
        self.assertGreater(found["memory"]["user_kb"], 0)

    def test_groups_with_priority_have_a_way_of_their_own(self):
        found = self.measure('title = "t"\nfigure = "several"\nplace = "free"\nwarmup = 0.1\n'
                             'shows = ["p99", "b.mb_s", "user_mb", "memory_after"]\n'
                             'priority = ["closed"]\n[[group]]\nshape = "closed"\n'
                             '[[group]]\nname = "b"\nshape = "bulk"\nconnections = 2\n', "direct")
        groups = found["groups"]
        self.assertEqual([group["errors"] for group in groups.values()], [NO_ERRORS] * 2)
        self.assertEqual((groups["closed"]["confirmed"], groups["b"]["confirmed"]), (0, 2))
        # The streams went on for longer than the requests were measured.
        self.assertGreater(groups["b"]["seconds"], groups["closed"]["seconds"])
        self.assertGreater(groups["b"]["bytes_down"], 0)
        self.assertEqual(set(found["memory"]), {"user_mb", "memory_after"})

    def test_counts_the_threads(self):
        found = self.measure('title = "t"\nfigure = "several"\nplace = "free"\nwarmup = 0\n'
                             'shows = ["switches", "evenness"]\n[[group]]\nshape = "closed"\n',
                             "floor_epoll")
        self.assertEqual(len(found["cpu"]["threads"]), 1)
        self.assertGreater(found["cpu"]["threads"][0], 0)
        self.assertGreater(found["cpu"]["switches"], 0)

    def test_uses_chosen_connections(self):
        for which in ("spread", "one_worker"):
            found = self.measure('title = "t"\nfigure = "several"\nplace = "free"\nwarmup = 0\n'
                                 'shows = ["rate"]\nchosen = "%s"\n[[group]]\nshape = "closed"\n'
                                 'connections = 7\n' % which, "floor_epoll")
            self.assertEqual(found["groups"]["closed"]["errors"], NO_ERRORS)
            self.assertEqual(found["groups"]["closed"]["ready"], 7)
            self.assertGreater(found["groups"]["closed"]["answered"], 0)

    def test_starts_and_stops(self):
        found = self.measure('title = "t"\nfigure = "several"\nplace = "free"\ndriver = "start"\n'
                             'shows = ["start_ms", "stop_ms", "user_mb"]\n[[group]]\n'
                             'shape = "idle"\n', "floor_epoll")
        self.assertGreater(found["times"]["start_ms"], 0)
        self.assertGreater(found["times"]["stop_ms"], 0)
        self.assertGreater(found["memory"]["user_mb"], 0)

    def test_drives_wrk(self):
        found = self.measure('title = "t"\nfigure = "cpu"\nplace = "free"\ndriver = "wrk"\n'
                             'upstream = "http"\n[[group]]\nshape = "closed"\nconnections = 4\n',
                             "floor_epoll")
        group = found["groups"]["closed"]
        self.assertGreater(group["done"], 0)
        self.assertEqual(group["errors"], NO_ERRORS)
        quantiles = dict(map(tuple, group["latency"]["quantiles_us"]))
        self.assertGreaterEqual(quantiles[1.0], quantiles[0.99])

    def test_drives_iperf3(self):
        found = self.measure('title = "t"\nfigure = "cpu"\nunit = "GB"\nplace = "free"\n'
                             'driver = "iperf3"\n[[group]]\nshape = "bulk"\ndirection = "up"\n',
                             "floor_epoll")
        self.assertGreater(found["groups"]["bulk"]["bytes_down"], 0)

    def test_a_peer_that_does_not_start_is_told(self):
        row, = scenario.parse("row.toml", 'title = "t"\nfigure = "cpu"\nplace = "free"\n'
                              '[[group]]\nshape = "closed"\n')
        with tempfile.TemporaryDirectory() as folder:
            setting = peers.Setting(folder, "", PROGRAMS)
            bad = peers.Peer("bad", "bad", "peer", command=("false",))
            with self.assertRaisesRegex(peers.PeerError, "bad does not listen"):
                measure.run_once(row, bad, setting, SECONDS)


if __name__ == "__main__":
    signal.alarm(280)
    unittest.main()
