"""From the command line to the first connection: signals, listeners, limits, lost output."""

import ctypes
import math
import os
import re
import resource
import signal
import socket
import subprocess
import time
import unittest

import sockets
from echo import echo
from harness import Case, main, matrix
from isolation import _Instruction, _Program, _must, own_network
from processes import DEADLINE, Process, fifo_writer, libc, run, wait_for
from sluice import binary, built_with, yaml

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
ENOMEM = 12


def refuse_large_rings():
    """io_uring_setup(2) with more than 64 entries fails: the probe's ring works, no worker's."""
    code = (_Instruction * 6)(
        _Instruction(0x20, 0, 0, 0),  # load the number of the system call
        _Instruction(0x15, 0, 3, 425),  # io_uring_setup? else allow
        _Instruction(0x20, 0, 0, 16),  # load the first argument
        _Instruction(0x25, 0, 1, 64),  # greater? else allow
        _Instruction(0x06, 0, 0, 0x00050000 | ENOMEM),
        _Instruction(0x06, 0, 0, 0x7fff0000))
    program = _Program(len(code), code)
    _must(libc.prctl(38, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    _must(libc.prctl(22, 2, ctypes.byref(program), 0, 0), "PR_SET_SECCOMP")


def without_bind_service():
    """In a network of its own, where ports below 1024 need a privilege that this process lacks."""
    own_network()
    _must(libc.prctl(24, 10, 0, 0, 0), "PR_CAPBSET_DROP")


class Files(Case):
    """A configuration in a file, and the program run on it."""

    def setUp(self):
        self.path = os.path.join(self.new_folder(), "sluice.yaml")

    def write(self, config):
        with open(self.path, "w") as file:
            file.write(config if isinstance(config, str) else yaml(config))
        return self.path

    def launch(self, *arguments, **options):
        return self.program(Process(binary(), "--config", self.path, *arguments, **options))


class SignalsWhileReading(Files):
    """The configuration comes from a pipe without a writer's bytes."""

    def setUp(self):
        super().setUp()
        os.mkfifo(self.path)

    def stopped(self, number, *arguments, prepare=None):
        sluice = self.launch(*arguments, prepare=prepare)
        with open(fifo_writer(self.path, "the proxy"), "w"):
            return sluice, sluice.stop(number)

    def test_it_was_to_serve(self):
        for number in STOP:
            sluice, code = self.stopped(number)
            self.assertEqual(code, 0)
            self.assertEqual(sluice.text(),
                             f"sluice: signal {number.name}: stopped before serving\n")

    def test_it_was_to_answer(self):
        """No answer, so no exit code that could be taken for one."""
        for number in STOP:
            for question in ("--check", "--print-config"):
                self.assertEqual(self.stopped(number, question)[1], -number)

    def test_signals_that_were_blocked_or_ignored(self):
        def inherit():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP)

        for number in STOP:
            self.assertEqual(self.stopped(number, prepare=inherit)[1], 0)

    def test_others_wait_until_it_serves(self):
        """SIGUSR1 or SIGHUP while it starts is no reason to die."""
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
            sluice = self.launch()
            pipe = fifo_writer(self.path, "the proxy")
            wait_for(lambda: self.blocks(sluice, number), "it to hold the signal back")
            sluice.send_signal(number)
            with open(pipe, "w") as pipe:
                pipe.write(yaml(self.config(["127.0.0.1:1"], access_log={"path": "stderr"})))
            sluice.wait_line("listening on")
            sluice.wait_line(f"signal {number.name}")
            self.assertEqual(sluice.stop(), 0)

    def blocks(self, sluice, number):
        with open(f"/proc/{sluice.pid}/status") as file:
            mask = int(re.search(r"SigBlk:\s+(\w+)", file.read())[1], 16)
        return mask >> (number - 1) & 1


class WhatIsNoFile(Files):
    def test_each_is_a_sentence(self):
        folder = os.path.dirname(self.path)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(folder + "/socket")
            with open(folder + "/large", "w") as file:
                file.truncate(10 << 30)
            with open(folder + "/binary", "wb") as file:
                file.write(bytes(range(256)))
            for path in (folder, folder + "/socket", folder + "/large", folder + "/binary",
                         "/dev/zero", "/dev/null", folder + "/none", self.path + "/none"):
                done = run(binary(), "--check", "--config", path)
                self.assertEqual((done.returncode, done.stdout), (78, ""), path)
                self.assertRegex(done.stderr, rf"^{re.escape(path)}(:\d+:\d+: error)?: .+\n$")

    def test_names_are_escaped(self):
        done = run(binary(), "--check", "--config", self.path + "\x1b[31m\n")
        self.assertEqual(done.returncode, 78)
        self.assertIn(r"\x1b[31m\n: no such file", done.stderr)
        self.assertNotIn("\x1b", done.stderr)
        done = run(binary(), "--no\x1b]0;x\x07")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("\x1b", done.stderr)


class WhatCannotBePrinted(Files):
    def test_full_disk_closed_and_limited(self):
        self.write(self.config(["127.0.0.1:1"]))
        def no_growth():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        for words in (["--config", self.path, "--print-config"], ["--version"], ["--help"],
                      ["--version", "--verbose"]):
            for output, prepare in (("/dev/full", None), (self.path + ".out", no_growth)):
                with open(output, "w") as file:
                    done = subprocess.run([binary(), *words], stdout=file, stderr=subprocess.PIPE,
                                          preexec_fn=prepare, timeout=DEADLINE, text=True)
                self.assertEqual(done.returncode, 1, (words, output))
                self.assertRegex(done.stderr, "^sluice: cannot write to standard output: .+\n$")


class ManyThings(Files):
    """--check looks at n things, and at 2 n: the time is to be linear."""

    def seconds(self, text):
        """The least of a few: CPU time of a process that does nothing else."""
        self.write(text)
        def once():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(binary(), "--check", "--config", self.path)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime - before.ru_utime
        return min(once() for _ in range(3))

    def listeners(self, count, upstream="u{}"):
        binds = "".join(f"- {{name: l{i}, bind: 'unix:/x/{i}', upstream: {upstream.format(i)}}}\n"
                        for i in range(count))
        ups = "".join(f"- {{name: u{i}, endpoints: ['unix:/y']}}\n" for i in range(count))
        return f"listeners:\n{binds}upstreams:\n{ups}"

    def endpoints(self, count):
        each = "".join(
            f"  - {{address: '10.{i >> 8 & 255}.{i & 255}.1:80', weight: {i % 256 + 1}}}\n"
            for i in range(count))
        return ("listeners: [{name: l, bind: '127.0.0.1:1', upstream: u}]\n"
                f"upstreams:\n- name: u\n  endpoints:\n{each}")

    def names(self, count):
        return "".join(f"wrong_name_of_a_key_{i}: 1\n" for i in range(count))

    def test_twice_as_many_take_twice_as_long(self):
        if built_with(b"__asan_init") or built_with(b"__tsan_init"):
            self.skipTest("times of an ordinary build")
        for make, count in ((self.listeners, 3000), (self.endpoints, 8000), (self.names, 20000),
                            (lambda n: self.listeners(n, "wrong{}-name"), 3000),
                            (lambda n: self.listeners(n, "u"), 3000)):
            half = whole = math.inf
            for _ in range(5):  # a CPU may be slower for a while: then both once more
                half = min(half, self.seconds(make(count)))
                whole = min(whole, self.seconds(make(2 * count)))
                if whole < 3.2 * half + 0.05:
                    break
            self.assertLess(whole, 3.2 * half + 0.05,
                            f"{count} of {make}: {half} s, then {whole} s")
            self.assertLess(whole, 10)


@matrix(workers=(1, 2))
class Listening(Files):
    def busy(self, count):
        holders = [self.keep(sockets.Listener()) for _ in range(count)]
        config = self.config(["127.0.0.1:1"])
        config["listeners"] = [{"name": f"l{i}", "bind": [each.text, f"unix:{self.path}.{i}"],
                                "upstream": "app"} for i, each in enumerate(holders)]
        self.write(config)
        return holders

    def test_all_busy_addresses_are_named(self):
        """All addresses that are tried again share one window of half a second, not one each."""
        holders = self.busy(20)
        sluice = self.launch()
        began = time.monotonic()
        self.assertEqual(sluice.wait(), 1)
        self.assertLess(time.monotonic() - began, 5)
        for i, holder in enumerate(holders):
            found = sluice.lines(
                rf" error listener l{i}: cannot listen on {re.escape(holder.text)}: "
                rf"Address already in use \(.*: ss -ltnp 'sport = :{holder.address[1]}'\)$")
            self.assertEqual(len(found), 1, sluice.text())
        self.assertEqual(sluice.lines("listening on"), [])

    def test_busy_addresses_are_named_before_they_are_tried_again(self):
        """One line names all busy addresses and how to find their owners; no totals follow."""
        holders = self.busy(3)
        sluice = self.launch()
        self.assertEqual(sluice.wait(), 1)
        lines = sluice.text().splitlines()
        named = [i for i, line in enumerate(lines) if " warning 3 addresses are in use" in line]
        errors = [i for i, line in enumerate(lines) if " error " in line]
        self.assertEqual((len(named), len(errors)), (1, 3), sluice.text())
        self.assertLess(named[0], errors[0])
        for i, holder in enumerate(holders):
            self.assertIn(f"{holder.text} (listener l{i})", lines[named[0]])
        self.assertIn(f"ss -ltnp 'sport = :{holders[0].address[1]}'", lines[named[0]])
        self.assertEqual(sluice.lines(" stats "), [])

    def test_a_port_that_needs_a_privilege(self):
        """The sentence names it; trying again would not help."""
        self.write(self.config(["127.0.0.1:1"], bind=["127.0.0.1:80", "[::1]:81"]))
        sluice = self.launch(prepare=without_bind_service)
        self.assertEqual(sluice.wait(), 1)
        for address, port in (("127.0.0.1:80", 80), ("[::1]:81", 81)):
            self.assertEqual(len(sluice.lines(
                rf" error listener web: cannot listen on {re.escape(address)}: Permission denied "
                r"\(ports below 1024 need the capability CAP_NET_BIND_SERVICE; or set "
                rf"net\.ipv4\.ip_unprivileged_port_start to at most {port}\)$")), 1, sluice.text())
        self.assertEqual(sluice.lines("tried again| stats "), [])

    def test_different_reasons_in_one_go(self):
        config = self.config(["127.0.0.1:1"])
        holder = self.keep(sockets.Listener())
        config["listeners"] = [
            {"name": name, "bind": bind, "upstream": "app"} for name, bind in
            (("busy", holder.text), ("elsewhere", "192.0.2.77:80"), ("good", "127.0.0.1:0"),
             ("nowhere", "unix:/no/such/folder/sock"))]
        self.write(config)
        sluice = self.launch()
        self.assertEqual(sluice.wait(), 1)
        for name in ("busy", "elsewhere", "nowhere"):
            self.assertEqual(len(sluice.lines(f" error listener {name}: cannot listen")), 1)
        self.assertEqual(sluice.lines("listener good: cannot"), [])

    def test_a_signal_while_it_tries(self):
        """The window is half a second from this line on; on a slow machine it may have closed."""
        self.busy(3)
        for number in STOP:
            sluice = self.launch()
            sluice.wait_line("starting:")
            sluice.send_signal(number)
            self.assertEqual(sluice.wait(), 0, sluice.text())
            self.assertEqual(len(sluice.lines("stopped before serving")), 1)
            self.assertEqual(sluice.lines(" error "), [])

    def test_an_address_that_becomes_free_in_time(self):
        holders = self.busy(3)
        sluice = self.launch()
        sluice.wait_line("starting:")
        for holder in holders:
            holder.close()
        sluice.wait_line("listening on", count=6)
        self.assertEqual(sluice.stop(), 0)

    def test_descriptors_for_every_address_and_worker(self):
        """The proxy serves at every address, or reports at once that it cannot."""
        addresses = 30
        needed = addresses * (1 + self.workers)
        for limit in (needed - 10, needed + 3, needed + 40):
            upstream = self.keep(sockets.Listener())
            config = self.config([upstream.text], bind=[f"unix:{self.path}.{i}.{limit}"
                                                        for i in range(addresses)])
            self.write(config)
            sluice = self.launch(
                prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
            if limit < needed + 10:
                self.assertEqual(sluice.wait(), 1)
                self.assertRegex(sluice.text(), f"{addresses} addresses.*RLIMIT_NOFILE")
                self.assertEqual(sluice.lines("listening on"), [])
                continue
            sluice.wait_line("listening on", count=addresses)
            for i in range(addresses):
                with sockets.connect(f"{self.path}.{i}.{limit}") as client:
                    with upstream.accept() as accepted:
                        sockets.exchange(client, accepted)
            self.assertEqual(sluice.stop(), 0)


@matrix(workers=(1, 3), backends=("auto", "io_uring"))
class RingsThatAreRefused(Files):
    def test_all_workers_fall_back_or_say_why(self):
        upstream = self.keep(sockets.Listener())
        if self.backend == "auto":
            web = self.proxy([upstream.text], refuse_large_rings)
            for _ in range(6):
                sockets.exchange(self.keep(web.connect()), self.keep(upstream.accept()))
            warnings = web.lines(" warning .*io_uring")
            self.assertEqual(len(warnings), 1, warnings)
            self.assertRegex(warnings[0], "RLIMIT_MEMLOCK.*; using epoll$")
            self.assertEqual(len(web.lines(f"starting: backend epoll, {self.workers} workers")), 1)
            return
        self.write(self.config([upstream.text]))
        sluice = self.launch(prepare=refuse_large_rings)
        self.assertEqual(sluice.wait(), 1)
        self.assertRegex(sluice.text(), " error io_uring is not available: .*RLIMIT_MEMLOCK")


class Containers(Files):
    def test_pid_1_reaps_orphans_and_hears_signals(self):
        """In a PID namespace of its own; children that are handed to it leave no zombies."""
        if os.geteuid() != 0:
            self.skipTest("a PID namespace needs root")
        self.write(self.config(["127.0.0.1:1"]))
        outer = self.program(Process("unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
                                     binary(), "--config", self.path))
        outer.wait_line("listening on")
        with open(f"/proc/{outer.pid}/task/{outer.pid}/children") as file:
            inside = int(file.read())
        for _ in range(5):
            run("nsenter", "-t", inside, "-p", "-m", "sh", "-c", "(sleep 0.05 &); exit 0")

        def children():
            with open(f"/proc/{inside}/task/{inside}/children") as file:
                return file.read().split()
        wait_for(lambda: children() == [], "the orphans to be gone")
        os.kill(inside, signal.SIGTERM)
        self.assertEqual(outer.wait(), 0)

    def test_children_of_the_shell_that_became_it(self):
        """`exec` in a shell with children that have ended, or will."""
        self.write(self.config(["127.0.0.1:1"]))
        script = "sleep 0 & sleep 0.1 & sleep 0.05; exec \"$0\" --config \"$1\""
        sluice = self.program(Process("sh", "-c", script, binary(), self.path))
        sluice.wait_line("listening on")

        def children():
            with open(f"/proc/{sluice.pid}/task/{sluice.pid}/children") as file:
                return file.read().split()
        wait_for(lambda: children() == [], "the children to be gone")
        self.assertEqual(sluice.stop(), 0)

    def test_workers_follow_a_quota(self):
        """A cgroup of version 1 or 2 with half a CPU: one worker, however many CPUs there are."""
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one CPU is one worker anyway")
        name = f"sluice-test-{os.getpid()}"
        for parent, file, value in (("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "50000"),
                                    ("/sys/fs/cgroup", "cpu.max", "50000 100000")):
            group = os.path.join(parent, name)
            try:
                os.mkdir(group)
            except OSError:
                continue
            self.addCleanup(os.rmdir, group)
            if os.path.exists(os.path.join(group, file)):
                break
        else:
            self.skipTest("no cgroup that could be given a quota")
        with open(os.path.join(group, file), "w") as quota:
            quota.write(value)

        def join():
            with open(os.path.join(group, "cgroup.procs"), "w") as members:
                members.write(str(os.getpid()))
        config = self.config(["127.0.0.1:1"])
        config["runtime"]["workers"] = "auto"
        self.write(config)
        sluice = self.launch(prepare=join)
        self.assertRegex(sluice.wait_line("starting:")[0], ", 1 workers, version")
        self.assertEqual(sluice.stop(), 0)


class Leaks(Case):
    @unittest.skipUnless(built_with(b"__asan_init"), "LeakSanitizer is in builds with asan")
    def test_are_looked_for_at_the_end(self):
        before = os.environ.get("LSAN_OPTIONS")
        os.environ["LSAN_OPTIONS"] = "log_threads=1"
        try:
            web = self.proxy([self.peer(echo).receive()])
        finally:
            os.environ.pop("LSAN_OPTIONS")
            if before is not None:
                os.environ["LSAN_OPTIONS"] = before
        self.assertEqual(web.stop(), 0)
        self.assertTrue(web.lines("Processing thread"), web.text())


if __name__ == "__main__":
    main()
