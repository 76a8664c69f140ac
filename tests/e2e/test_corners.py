"""Every corner of every range, and every small limit of the environment.

Whatever the configuration accepts: the process serves, or it ends with 1 or 78 and a sentence. It
never ends by a signal, never silently, and never hangs.
"""

import os
import re
import resource
import shutil
import socket

import sockets
from harness import main, matrix
from processes import Process, wait_for
from sluice import binary, yaml

LONG = "SLUICE_CORNERS" in os.environ  # all pairs of the process's own keys, not some

# Keys with a range: path, least, most. `L`, `U` and `E` are the listener, the upstream, the endpoint.
DAY, YEAR = "1d", "365d"
RANGES = [
    ("runtime.workers", 1, 256), ("runtime.busy_poll", "0us", "1s"),
    ("limits.max_connections", 1, 10_000_000), ("limits.buffer_memory", "1MiB", "1024GiB"),
    ("limits.new_connections", "1/s", "10000000/s"),
    ("buffers.per_direction", "4KiB", "16MiB"), ("shutdown.drain_timeout", "0s", DAY),
    ("stats.interval", "10ms", DAY),
    ("L.timeouts.connect", "1ms", YEAR), ("L.timeouts.idle", "1ms", YEAR),
    ("L.timeouts.half_close", "1ms", YEAR), ("L.timeouts.write_stall", "1ms", YEAR),
    ("L.timeouts.max_lifetime", "1ms", YEAR), ("L.timeouts.max_lifetime_jitter", "0%", "50%"),
    ("L.timeouts.linger", "0s", DAY),
    ("L.new_connections", "1/s", "10000000/s"), ("L.max_connections", 1, 10_000_000),
    ("L.per_source.max_connections", 1, 10_000_000), ("L.per_source.ipv4_prefix", 1, 32),
    ("L.per_source.ipv6_prefix", 1, 128),
    ("L.bandwidth.per_connection", "1KiB/s", "1024GiB/s"),
    ("L.bandwidth.total", "1KiB/s", "1024GiB/s"),
    ("L.socket.receive_buffer", "4KiB", "1GiB"), ("L.socket.send_buffer", "4KiB", "1GiB"),
    ("L.socket.notsent_lowat", "4KiB", "1GiB"), ("L.socket.keepalive", "1s", "9h"),
    ("L.socket.keepalive_interval", "1s", "9h"), ("L.socket.keepalive_probes", 1, 127),
    ("L.socket.user_timeout", "1ms", DAY), ("L.socket.backlog", 1, 65535),
    ("L.socket.defer_accept", "1s", "1h"), ("L.socket.fast_open", 1, 65535),
    ("U.socket.receive_buffer", "4KiB", "1GiB"), ("U.socket.send_buffer", "4KiB", "1GiB"),
    ("U.socket.notsent_lowat", "4KiB", "1GiB"), ("U.socket.keepalive", "1s", "9h"),
    ("U.socket.keepalive_interval", "1s", "9h"), ("U.socket.keepalive_probes", 1, 127),
    ("U.socket.user_timeout", "1ms", DAY),
    ("U.queue_timeout", "1ms", DAY), ("U.connect_attempts", 1, 100),
    ("U.connect_backoff", "1ms", "10s"), ("U.retry_for", "1ms", "1h"),
    ("E.weight", 1, 256), ("E.max_connections", 1, 10_000_000),
]
PROCESS = [each for each in RANGES if each[0] in (
    "runtime.workers", "limits.max_connections", "limits.buffer_memory", "buffers.per_direction")]
# A session of so short a life may end before its echo.
BRIEF = {("L.timeouts." + key, "1ms") for key in (
    "connect", "idle", "half_close", "write_stall", "max_lifetime")}
KIB, MIB = 1 << 10, 1 << 20
LIMITS = {
    "RLIMIT_AS": [48 * MIB, 96 * MIB, 192 * MIB, 384 * MIB, 768 * MIB, 1536 * MIB],
    "RLIMIT_DATA": [32 * MIB, 64 * MIB, 256 * MIB],
    "RLIMIT_NOFILE": [6, 12, 16, 24, 32, 64],
    "RLIMIT_MEMLOCK": [0, 64 * KIB],
    "RLIMIT_STACK": [64 * KIB, 256 * KIB, MIB],
    "RLIMIT_NPROC": [1, 3],
}


def put(config, path, value):
    """Sets the key of a configuration that `path` names."""
    first, *rest = path.split(".")
    place = {"L": config["listeners"][0], "U": config["upstreams"][0],
             "E": config["upstreams"][0]["endpoints"][0]}.get(first)
    if place is None:
        place = config.setdefault(first, {})
    for step in rest[:-1]:
        place = place.setdefault(step, {})
    place[rest[-1]] = value


@matrix(workers=(1,))
class Corners:
    def setUp(self):
        self.listener = self.keep(sockets.Listener())
        self.folder = self.new_folder()
        self.binary = binary()

    def outcome(self, values, prepare=None, brief=False):
        """Starts it; what became of that: served, or how it ended."""
        config = self.config([self.listener.text], log={"level": "info"})
        config["limits"] = {"max_connections": 1000}
        for path, value in values:
            put(config, path, value)
        path = os.path.join(self.folder, "sluice.yaml")
        with open(path, "w") as file:
            file.write(yaml(config))
        sluice = self.program(Process(self.binary, "--config", path, prepare=prepare))
        self.assertTrue(wait_for(
            lambda: sluice.child.poll() is not None or sluice.lines(r"listening on|Sanitizer"),
            f"{values} to serve or to end"))
        said = re.search(r"listening on (\S+):(\d+)", sluice.text())
        if said is None:
            code = sluice.wait()
            self.assertIn(code, (1, 78), f"{values}:\n{sluice.text()}")
            self.assertRegex(sluice.text(), r"\w+ \w+ \w+", f"{values}: no sentence")
            return code
        if not brief:
            self.exchange(int(said[2]), values)
        self.assertEqual(sluice.stop(), 0, f"{values}:\n{sluice.text()}")
        return 0

    def exchange(self, port, values):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"question")  # defer_accept waits for it
            server = self.listener.accept()
            with server:
                server.settimeout(20)
                self.assertEqual(sockets.read_exactly(server, 8), b"question", values)
                server.sendall(b"answer")
                self.assertEqual(sockets.read_exactly(client, 6), b"answer", values)

    def test_every_key(self):
        for path, *ends in RANGES:
            for value in ends:
                with self.subTest(key=path, value=value):
                    brief = (path, value) in BRIEF
                    self.assertEqual(self.outcome([(path, value)], brief=brief), 0)

    def test_pairs_of_the_process(self):
        pairs = [[(a[0], x), (b[0], y)] for i, a in enumerate(PROCESS) for b in PROCESS[:i]
                 for x in a[1:] for y in b[1:]]
        for pair in pairs if LONG else pairs[::2]:
            with self.subTest(pair=pair):
                self.outcome(pair)  # workers or memory may be more than this host grants

    def test_limits_of_the_environment(self):
        served = 0
        os.chmod(self.folder, 0o755)
        self.binary = shutil.copy(self.binary, self.folder)  # where another user may run it
        for name, values in LIMITS.items():
            for value in values:
                def prepare(name=name, value=value):
                    if name == "RLIMIT_NPROC" and os.getuid() == 0:  # root has no such limit
                        os.setgroups([])
                        os.setgid(65534)
                        os.setuid(65534)
                    resource.setrlimit(getattr(resource, name), (value, value))
                with self.subTest(limit=name, value=value):
                    served += self.outcome([("runtime.workers", 4)], prepare) == 0
        self.assertGreater(served, 0)


if __name__ == "__main__":
    main()
