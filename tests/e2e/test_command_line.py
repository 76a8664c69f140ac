"""The command line: exit codes, what --check says of bad files, --print-config, --version."""

import os
import re
import resource

import sockets
from harness import Case, main
from processes import Process, run
from sluice import binary, built_with, yaml

GOOD = """\
listeners:
  - name: web
    bind: 127.0.0.1:8080
    upstream: app
upstreams:
  - name: app
    endpoints:
      - { address: "127.0.0.1:3000", weight: 1 }
"""

# What is done to GOOD, and where and about what the message must be.
BAD = {
    "unknown key": (("bind:", "bimd:"), "3:5", "bimd.*bind"),
    "wrong type": (("upstream: app", "upstream: [a, b]"), "4:15", "upstream"),
    "unknown upstream": (("upstream: app", "upstream: ap"), "4:15", "ap.*app"),
    "duplicate key": (("bind: 127.0.0.1:8080", "name: other"), "3:5", "name"),
    "missing key": (("    bind: 127.0.0.1:8080\n", ""), r"\d+:\d+", "bind"),
    "bad address": (("127.0.0.1:8080", "127.0.0.1"), "3:11", "127.0.0.1"),
    "port out of range": (("127.0.0.1:8080", "127.0.0.1:65536"), "3:11", "65536"),
    "weight out of range": (("weight: 1", "weight: 257"), r"8:\d+", "weight|257"),
    "tab": (("    bind", "\tbind"), r"3:\d+", "[Tt]ab|\\\\t"),
    "no list": (("  - name: app\n    endpoints", "  endpoints"), r"[67]:\d+", "upstreams|list"),
    "section unknown": (("upstreams:", "upstream:"), r"5:1", "upstream.*upstreams"),
    "missing variable": (("127.0.0.1:8080", "${SLUICE_E2E_NO_SUCH}"), r"3:\d+",
                         "SLUICE_E2E_NO_SUCH"),
    "no unit": (("listeners:", "stats: { interval: 10 }\nlisteners:"), "1:20", "10"),
    "two on one address": (
        ("upstreams:", "  - { name: b, bind: '127.0.0.1:8080', upstream: app }\nupstreams:"),
        r"5:\d+", "127.0.0.1:8080"),
    "a part of another address": (
        ("upstreams:", "  - { name: b, bind: '0.0.0.0:8080', upstream: app }\nupstreams:"),
        "3:11", "127.0.0.1:8080.*0.0.0.0:8080"),
    "a check that asks nothing": (
        ("    endpoints:", "    health: { http: { path: /healthz } }\n    endpoints:"),
        r"7:\d+", "check: http"),
    "name twice": (("upstreams:", "  - { name: web, bind: '[::1]:80', upstream: app }\nupstreams:"),
                   r"5:\d+", "web"),
    "bad YAML": (("listeners:", "listeners: ["), r"\d+:\d+", "."),
}


class CommandLine(Case):
    def setUp(self):
        self.path = os.path.join(self.new_folder(), "sluice.yaml")

    def sluice(self, *arguments, **options):
        return run(binary(), *arguments, **options)

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def check(self, text, **options):
        self.write(text)
        return self.sluice("--config", self.path, "--check", **options)

    def test_good_file(self):
        done = self.check(GOOD)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_short_options(self):
        self.write(GOOD)
        self.assertEqual(self.sluice("-c", self.path, "-t").returncode, 0)
        self.assertEqual(self.sluice("-V").returncode, 0)
        self.assertEqual(self.sluice("-h").returncode, 0)

    def test_bad_files(self):
        for name, ((old, new), place, about) in BAD.items():
            with self.subTest(name):
                self.assertIn(old, GOOD)
                done = self.check(GOOD.replace(old, new, 1))
                self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
                self.assertRegex(done.stderr, rf"(?m)^{re.escape(self.path)}:{place}: error: .+")
                self.assertRegex(done.stderr, about)

    def test_all_errors_in_one_go(self):
        bad = GOOD.replace("bind:", "bimd:").replace("weight: 1", "weight: x")
        done = self.check("nonsense: 1\n" + bad)
        errors = re.findall(r"(?m)^\S+:(\d+):\d+: error: ", done.stderr)
        self.assertLessEqual({"1", "4", "9"}, set(errors), done.stderr)

    def test_warnings(self):
        """What is surely not meant is reported with its place, and is no error."""
        result = self.check(GOOD.replace("127.0.0.1:3000", "127.0.0.1:8080"))
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertRegex(result.stderr, "^" + re.escape(self.path) +
                         r":8:\d+: warning: .*127\.0\.0\.1:8080.*listener .*web")
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_more_connections_than_buffers(self):
        """4 KiB of buffer_memory for each connection, beside 32 KiB for each worker."""
        def check(connections, workers):
            text = GOOD + ("limits: {buffer_memory: 1MiB, max_connections: %d}\n"
                           "runtime: {workers: %d}\n" % (connections, workers))
            done = self.check(text)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            return done.stderr

        for workers, fit in ((1, 248), (2, 240)):
            self.assertEqual(check(fit, workers), "")
            self.assertRegex(check(fit + 1, workers),
                             rf"^{re.escape(self.path)}:1:1: warning: limits.buffer_memory 1MiB "
                             rf"holds for {fit} connections .*limits.max_connections {fit + 1} "
                               r".*\n$")
        text = check(1000, 256)
        self.assertIn("are 32 instead of 256\n", text)
        self.assertEqual(text.count(": warning: "), 2)

    def test_names_in_warnings_are_escaped(self):
        path = self.path + "\x1b[31m"
        with open(path, "w") as file:
            file.write(GOOD + "limits: {buffer_memory: 1MiB, max_connections: 1000}\n")
        done = self.sluice("--config", path, "--check")
        self.assertEqual(done.returncode, 0)
        self.assertIn(r"\x1b[31m:1:1: warning: ", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_bad_file_is_not_run(self):
        self.write(GOOD.replace("bind:", "bimd:"))
        self.assertEqual(self.sluice("--config", self.path).returncode, 78)

    def test_missing_file(self):
        done = self.sluice("--config", self.path)
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertEqual(done.stderr, f"{self.path}: no such file\n")

    def test_environment(self):
        text = GOOD.replace("127.0.0.1:8080", "${SLUICE_E2E_BIND}")
        text = text.replace("weight: 1", 'weight: "${SLUICE_E2E_WEIGHT:-7}"')
        environment = {**os.environ, "SLUICE_E2E_BIND": "127.0.0.1:8081"}
        self.assertEqual(self.check(text, env=environment).returncode, 0)
        shown = self.sluice("--config", self.path, "--print-config", env=environment)
        self.assertIn("127.0.0.1:8081", shown.stdout)
        self.assertRegex(shown.stdout, "weight: 7")

    def test_a_secret_with_a_newline_is_not_shown(self):
        text = GOOD + "admin: { bind: 127.0.0.1:9901, token: '${SLUICE_E2E_TOKEN}' }\n"
        done = self.check(text, env={**os.environ, "SLUICE_E2E_TOKEN": "hidden\n"})
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertIn("SLUICE_E2E_TOKEN\" ends with a newline", done.stderr)
        self.assertNotIn("hidden", done.stderr)

    def test_unused_upstreams_are_warned_of(self):
        done = self.check(GOOD + "  - { name: old, endpoints: '127.0.0.1:3001' }\n")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertRegex(done.stderr, f"^{re.escape(self.path)}:9:13: warning: .*old.*\n$")

    def test_printed_configuration_is_a_configuration(self):
        self.write(GOOD)
        shown = self.sluice("--config", self.path, "--print-config")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("max_connections: auto", shown.stdout)
        checked = self.check(shown.stdout)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        again = self.sluice("--config", self.path, "--print-config")
        self.assertEqual(again.stdout, shown.stdout)

    def test_diff_of_two_files(self):
        other = self.path + ".other"
        self.addCleanup(os.unlink, other)
        with open(other, "w") as file:
            file.write(GOOD)
        self.write(GOOD.replace("weight: 1", "weight: 5"))
        done = self.sluice("--config", self.path, "--diff", other)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^upstream \S+: endpoint \S+: weight is 5, was 1\n$")
        self.write(GOOD)
        done = self.sluice("--config", self.path, "--diff", other)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with open(other, "w") as file:
            file.write(GOOD.replace("bind:", "bimd:"))
        for files in ((self.path, other), (other, self.path), (self.path, "")):
            done = self.sluice("--config", files[0], "--diff", files[1])
            self.assertEqual((done.returncode, done.stdout), (78, ""))
            self.assertTrue(done.stderr)

    def test_diff_of_access_lists(self):
        """Two folders with one configuration, and with lists that differ."""
        folders = [self.new_folder(), self.new_folder()]
        for folder, rules in zip(folders, ("deny 10.0.0.0/8\n", "deny 10.0.0.0/9\n# all\n")):
            with open(os.path.join(folder, "list.txt"), "w") as file:
                file.write(rules)
            with open(os.path.join(folder, "sluice.yaml"), "w") as file:
                file.write("access: { files: [list.txt] }\n" + GOOD)
        new, old = (os.path.join(folder, "sluice.yaml") for folder in folders)
        done = self.sluice("--config", new, "--diff", old)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout,
                         "access.files: list.txt says something else (1 rule, was 1 rule)\n")
        done = self.sluice("--config", new, "--diff", new)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_version(self):
        done = self.sluice("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^sluice \S+\n$")
        verbose = self.sluice("--version", "--verbose")
        self.assertEqual(verbose.returncode, 0)
        self.assertTrue(verbose.stdout.startswith(done.stdout))
        self.assertRegex(verbose.stdout, "io_uring|epoll")
        if not built_with(b"__asan_init") and not built_with(b"__tsan_init"):
            self.assertIn("\nallocator: jemalloc ", verbose.stdout)

    def test_help(self):
        done = self.sluice("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for flag in ("--config", "--check", "--print-config", "--diff", "--demo", "--version",
                     "--help"):
            self.assertIn(flag, done.stdout)

    def test_usage_errors(self):
        for arguments in (["--no-such-flag"], ["--config"], [], ["surplus"]):
            with self.subTest(arguments):
                done = self.sluice(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn((arguments or ["--config"])[0], done.stderr)
                self.assertTrue(done.stderr.endswith(" See sluice --help.\n"), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_near_misses(self):
        for word in ("--chek", "--chekc", "--Check", "check"):
            done = self.sluice("--config", self.path, word)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"{word}: did you mean --check\? See sluice --help\.\n$")

    def test_defaults_do_not_warn(self):
        """Neither in the answer of --check nor in the log, however few descriptors there are."""
        for limit in (100, 1024, 4096):
            def few():
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            self.write(GOOD.replace("127.0.0.1:8080", "127.0.0.1:0"))
            done = run("prlimit", f"--nofile={limit}:{limit}", binary(), "--config", self.path,
                       "--check")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            sluice = self.program(Process(binary(), "--config", self.path, prepare=few))
            sluice.wait_line("listening on")
            self.assertEqual(sluice.lines(" warning .*(descriptors|connections)"), [])
            told = sluice.lines(r"limits\.max_connections: auto is \d+$")
            self.assertEqual(len(told), 1, sluice.text())
            number = int(told[0].rsplit(" ", 1)[1])
            self.assertGreater(number, limit // 8)
            self.assertLess(number, limit / 2)
            self.assertEqual(sluice.stop(), 0)

    def test_port_in_use(self):
        holder = self.keep(sockets.Listener())
        self.write(yaml(self.config(["127.0.0.1:1"], bind=holder.text)))
        done = self.sluice("--config", self.path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, re.escape(holder.text))
        self.assertRegex(done.stderr, "(?i)address already in use")


if __name__ == "__main__":
    main()
