"""Every corner of every range, and every small limit of the environment.

Whatever the configuration accepts: the process serves, or it ends with 1 or 78 and a sentence. It
never ends by a signal, never silently, and never hangs.
"""

import os
import re
import resource
import shutil
import signal

import sockets
from harness import main, matrix
from processes import Process, wait_for
from sluice import binary, built_with, yaml

LONG = "SLUICE_CORNERS" in os.environ  # small limits in small steps

# Keys with a range: path, least, most, as conf/reference.yaml tells them. `L`, `U`, `E` and `R` are
# the listener, the upstream, the endpoint, the condition of readiness. A third value has a meaning
# of its own: off, none, no limit.
DAY, YEAR, KERNEL = "1d", "365d", "9h6m7s"
SOCKET = [
    ("receive_buffer", "1KiB", "1GiB", "0B"), ("send_buffer", "1KiB", "1GiB", "0B"),
    ("notsent_lowat", "1KiB", "1GiB", "0B"), ("keepalive", "1s", KERNEL, "0s"),
    ("keepalive_interval", "1s", KERNEL, "0s"), ("keepalive_probes", 0, 127),
    ("user_timeout", "1ms", DAY, "0s"),
]
RANGES = [
    ("runtime.workers", 1, 256), ("runtime.busy_poll", "0s", "1s"),
    ("limits.max_connections", 1, 10_000_000), ("limits.buffer_memory", "1MiB", "1024GiB"),
    ("limits.new_connections", "1/s", "10000000/s", "0/s"),
    ("buffers.per_direction", "4KiB", "16MiB"), ("shutdown.drain_timeout", "0s", DAY),
    ("shutdown.lame_duck", "0s", DAY), ("shutdown.drain_window", "10ms", DAY, "0s"),
    ("dns.min_ttl", "100ms", DAY), ("dns.max_ttl", "100ms", "7d"), ("dns.timeout", "10ms", "1m"),
    ("upgrade.timeout", "100ms", "1h"),
    ("stats.interval", "10ms", DAY, "0s"), ("access_log.interim", "100ms", YEAR, "0s"),
    ("L.timeouts.connect", "1ms", YEAR, "0s"), ("L.timeouts.idle", "1ms", YEAR, "0s"),
    ("L.timeouts.half_close", "1ms", YEAR, "0s"), ("L.timeouts.write_stall", "1ms", YEAR, "0s"),
    ("L.timeouts.max_lifetime", "1ms", YEAR, "0s"),
    ("L.timeouts.max_lifetime_jitter", "0%", "50%"), ("L.timeouts.linger", "1ms", YEAR, "0s"),
    ("L.new_connections", "1/s", "10000000/s", "0/s"), ("L.max_connections", 0, 10_000_000),
    ("L.per_source.max_connections", 0, 10_000_000), ("L.per_source.ipv4_prefix", 1, 32),
    ("L.per_source.ipv6_prefix", 1, 128),
    ("L.bandwidth.per_connection", "1KiB/s", "1024GiB/s", "0B/s"),
    ("L.bandwidth.total", "1KiB/s", "1024GiB/s", "0B/s"), ("L.preread.timeout", "10ms", "1h"),
    ("L.proxy_protocol.timeout", "10ms", "1h"),
    ("L.socket.backlog", 1, 65535), ("L.socket.defer_accept", "1s", "1h", "0s"),
    ("L.socket.fast_open", 0, 65535),
    *((f"{place}.socket.{key}", *ends) for place in "LU" for key, *ends in SOCKET),
    ("U.queue_timeout", "1ms", DAY, "0s"), ("U.connect_attempts", 1, 100),
    ("U.connect_backoff", "1ms", "10s", "0s"), ("U.retry_for", "1ms", "1h", "0s"),
    ("U.hash.ipv4_prefix", 1, 32), ("U.hash.ipv6_prefix", 1, 128),
    ("U.hash.seed", 0, 4294967295), ("U.hash.max_load", "101%", "1000%", "0%"),
    ("U.slow_start", "100ms", DAY, "0s"), ("U.on_removed.drain_timeout", "0s", YEAR),
    ("R.usable", 1, 10_000),
    *(("U.health." + key, "10ms", DAY) for key in ("interval", "fast_interval", "down_interval")),
    ("U.health.timeout", "1ms", "1h"), ("U.health.rise", 1, 100), ("U.health.fall", 1, 100),
    ("U.health.port", 0, 65535), ("U.health.http.status", "100", "599"),
    *((f"U.health.exchange.{side}.text", "x", "x" * 1024) for side in ("send", "expect")),
    *((f"U.health.exchange.{side}.hex", "00", "ff" * 1024) for side in ("send", "expect")),
    ("U.agent.port", 0, 65535), ("U.agent.interval", "10ms", DAY),
    ("U.passive_health.failures", 0, 1000), ("U.passive_health.ejection", "10ms", DAY),
    ("U.passive_health.max_ejection", "10ms", DAY),
    ("U.passive_health.max_ejected", "0%", "100%"), ("U.panic", "1%", "100%", "0%"),
    ("U.discover.dns.port", 0, 65535),
    ("E.priority", 0, 255),
    ("E.weight", 1, 256), ("E.max_connections", 0, 10_000_000),
]
PROCESS = [each for each in RANGES if each[0] in (
    "runtime.workers", "limits.max_connections", "limits.buffer_memory", "buffers.per_direction")]
# A session of so short a life may end before its echo.
BRIEF = {("L.timeouts." + key, "1ms") for key in (
    "connect", "idle", "half_close", "write_stall", "max_lifetime")}
KIB, MIB = 1 << 10, 1 << 20
# Up to about 24 MiB the dynamic linker fails, or the constructor of a library, before main().
STEPS = [mib * MIB for mib in (*range(28, 200, 2 if LONG else 8),
                               *range(200, 1000, 10 if LONG else 50))]
LIMITS = {
    "RLIMIT_AS": STEPS + [1536 * MIB],
    "RLIMIT_DATA": STEPS,
    "RLIMIT_NOFILE": [*range(4, 40, 1 if LONG else 4), 64, 600],
    "RLIMIT_MEMLOCK": [0, 64 * KIB, MIB],
    "RLIMIT_STACK": [64 * KIB, 128 * KIB, 256 * KIB, MIB, 1 << 40],
    "RLIMIT_NPROC": [1, 2, 3, 5, 20],
}


def ranges_of_reference():
    """The paths of conf/reference.yaml, as RANGES has them, whose comment allows a range."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           "../../conf/reference.yaml")) as file:
        lines = file.read().splitlines()
    open_keys, allowed, found = [], "", set()
    for line in lines:
        if line.lstrip().startswith("#"):
            allowed += " " + line.lstrip("# ")
            continue
        key = re.match(r"( *(?:- )?)(\w+):", line)
        if key is None:
            allowed = ""
            continue
        indent = len(key[1])
        open_keys = [each for each in open_keys if each[0] < indent] + [(indent, key[2])]
        path = ".".join(name for _, name in open_keys)
        for long, short in (("listeners.", "L."), ("upstreams.endpoints.", "E."),
                            ("upstreams.", "U."), ("ready_when.", "R.")):
            path = re.sub("^" + re.escape(long), short, path)
        if re.search(r"Allowed:[^.]*(?<!\()\b\d[\w%/]* to \d", allowed) and "(port" not in allowed:
            found.add(path)
        allowed = ""
    return found


def put(config, path, value):
    """Sets the key of a configuration that `path` names."""
    first, *rest = path.split(".")
    if first == "R":
        config.setdefault("ready_when", [{"upstream": "app"}])
    place = {"R": config.get("ready_when", [None])[0],
             "L": config["listeners"][0], "U": config["upstreams"][0],
             "E": config["upstreams"][0]["endpoints"][0]}.get(first)
    if place is None:
        place = config.setdefault(first, {})
    for step in rest[:-1]:
        if step == "exchange":  # its first step
            place["check"] = "exchange"
            place = place.setdefault(step, [{}])[0]
            continue
        place = place.setdefault(step, {})
    place[rest[-1]] = value
    if path == "shutdown.drain_window":  # at most the time for all of the drain
        place["drain_timeout"] = DAY
    if path == "dns.min_ttl":  # at most max_ttl
        place["max_ttl"] = "7d"
    if path == "dns.max_ttl":
        place["min_ttl"] = "100ms"
    if path == "U.discover.dns.port" and value != 0:  # a name has one; the listener is tried first
        place["name"] = "localhost"
        config["upstreams"][0]["balance"] = "first"


@matrix(workers=(1,))
class Corners:
    def setUp(self):
        self.listener = self.keep(sockets.Listener())
        self.folder = self.new_folder()
        self.binary = binary()

    def outcome(self, values, prepare=None, brief=False):
        """Starts the proxy; returns whether it served, or how it ended."""
        config = self.config([self.listener.text], log={"level": "info"})
        config["limits"] = {"max_connections": 1000}
        for path, value in values:
            put(config, path, value)
        if "health" in config["upstreams"][0]:  # the listener takes this session alone
            config["upstreams"][0]["health"]["check"] = "off"
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
            self.exchange(("127.0.0.1", int(said[2])), values)
        if config["shutdown"].get("lame_duck", "0s") != "0s":  # the second signal ends it at once
            sluice.send_signal(signal.SIGTERM)
            sluice.wait_line("not ready any more")
        self.assertEqual(sluice.stop(), 0, f"{values}:\n{sluice.text()}")
        return 0

    def exchange(self, address, values):
        with sockets.connect(address) as client:
            client.sendall(b"question")  # defer_accept waits for it
            server = self.listener.accept()
            with server:
                server.settimeout(20)
                self.assertEqual(sockets.read_exactly(server, 8), b"question", values)
                server.sendall(b"answer")
                self.assertEqual(sockets.read_exactly(client, 6), b"answer", values)

    def test_the_table_has_all(self):
        """A new key with a range is tried too: `defaults` has the listener's and the upstream's."""
        wanted = {re.sub(r"^defaults\.(upstream\.)?", lambda m: "U." if m[1] else "L.", path)
                  for path in ranges_of_reference()}
        self.assertGreater(len(wanted), 40)
        self.assertEqual(wanted, {path for path, *_ in RANGES})

    def test_every_key(self):
        for path, *ends in RANGES:
            for value in ends:
                with self.subTest(key=path, value=value):
                    brief = (path, value) in BRIEF
                    self.assertEqual(self.outcome([(path, value)], brief=brief), 0)

    def test_pairs_of_the_process(self):
        pairs = [[(a[0], x), (b[0], y)] for i, a in enumerate(PROCESS) for b in PROCESS[:i]
                 for x in a[1:] for y in b[1:]]
        for pair in pairs:
            with self.subTest(pair=pair):
                self.outcome(pair)  # workers or memory may be more than this host grants

    def test_limits_of_the_environment(self):
        served = 0
        os.chmod(self.folder, 0o755)
        self.log = os.path.join(self.folder, "access.log")
        open(self.log, "w").close()
        os.chmod(self.log, 0o666)  # for that user too
        self.binary = shutil.copy(self.binary, self.folder)  # where another user may run it
        for name, values in LIMITS.items():
            if name in ("RLIMIT_AS", "RLIMIT_DATA") and any(
                    built_with(each) for each in (b"__asan_init", b"__tsan_init")):
                continue  # a sanitizer maps more than any of these
            for value in values:
                def prepare(name=name, value=value):
                    if name == "RLIMIT_NPROC" and os.getuid() == 0:  # root has no such limit
                        os.setgroups([])
                        os.setgid(65534)
                        os.setuid(65534)
                    resource.setrlimit(getattr(resource, name), (value, value))
                for workers in (1, 4, 64, 256) if LONG else (4, 64):
                    with self.subTest(limit=name, value=value, workers=workers):
                        served += self.outcome(
                            [("runtime.workers", workers), ("access_log.path", self.log)],
                            prepare) == 0
        self.assertGreater(served, 0)

    def test_files_that_may_not_grow(self):
        """The log and the access log are such files: the proxy logs nothing and serves."""
        path = os.path.join(self.folder, "sluice.yaml")
        sock = os.path.join(self.folder, "socket")
        config = self.config([self.listener.text], bind=f"unix:{sock}")
        put(config, "access_log.path", os.path.join(self.folder, "access.log"))
        with open(path, "w") as file:
            file.write(yaml(config))
        for value in (0, 1, 100):
            sluice = self.program(Process(self.binary, "--config", path, prepare=lambda: (
                resource.setrlimit(resource.RLIMIT_FSIZE, (value, value)))))
            wait_for(lambda: sluice.child.poll() is not None or os.path.exists(sock), "its socket")
            for _ in range(3):
                self.exchange(sock, f"RLIMIT_FSIZE {value}")
            self.assertEqual(sluice.stop(), 0, f"RLIMIT_FSIZE {value}")


if __name__ == "__main__":
    main()
