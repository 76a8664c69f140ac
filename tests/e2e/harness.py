"""The frame of every test here: a case with its proxy, once for each backend and worker count.

    @matrix(workers=(1, 2))
    class Echo:
        def test_echo(self):
            proxy = self.proxy([server.text])
            ...

    if __name__ == "__main__":
        main()

Run one by hand: `SLUICE=path/to/sluice python3 tests/e2e/test_redis.py [-v] [Echo_epoll_2]`.
"""

import os
import random
import signal
import sys
import tempfile
import unittest

from processes import Peer
from sluice import Sluice, built_with
from sockets import exchange

BACKENDS = ("io_uring", "epoll")
MiB = 1 << 20
# SLUICE_TEST_SANDBOX=on: whatever is tested works with few system calls too.
SANDBOX = {"sandbox": "on"} if os.environ.get("SLUICE_TEST_SANDBOX") == "on" else {}


class Case(unittest.TestCase):
    """Starts proxies and peers that end with the test; a failure shows their logs."""

    backend = "auto"
    workers = 1

    def run(self, result=None):
        self.started = []
        result = super().run(result) or result
        problems = result.failures + result.errors if result else []
        failed = any(getattr(case, "test_case", case) is self for case, _ in problems)
        for program in self.started:
            if failed:
                print(f"--- {self.id()}: {' '.join(program.argv)}\n{program.text()[-6000:]}",
                      file=sys.stderr)
            program.output.close()
        return result

    def keep(self, thing):
        """Ends `thing` (by kill or close) after the test."""
        self.addCleanup(thing.kill if hasattr(thing, "kill") else thing.close)
        return thing

    def new_folder(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-", dir="/tmp")  # short: for sockets
        self.addCleanup(folder.cleanup)
        return folder.name

    def peer(self, body, *arguments):
        return self.keep(Peer(body, *arguments))

    def program(self, process):
        self.started.append(process)
        return self.keep(process)

    def config(self, endpoints, bind="127.0.0.1:0", listener=None, upstream=None, **sections):
        """One listener `web` and one upstream `app`; keywords replace or add sections."""
        each = [{"address": end} if isinstance(end, str) else end for end in endpoints]
        return {
            "runtime": {"backend": self.backend, "workers": self.workers},
            "log": {"level": "debug"},
            "shutdown": {"drain_timeout": "200ms"},
            "listeners": [{"name": "web", "bind": bind, "upstream": "app", **(listener or {})}],
            "upstreams": [{"name": "app", "endpoints": each, **(upstream or {})}],
            **SANDBOX,
            **sections,
        }

    def proxy(self, endpoints, prepare=None, **options):
        """A proxy in front of `endpoints`; its end is checked after the test."""
        return self.started_proxy(self.config(endpoints, **options), prepare)

    def started_proxy(self, config, prepare=None):
        proxy = self.program(Sluice(config, prepare))
        self.addCleanup(self.end_proxy, proxy)
        return proxy

    def end_proxy(self, proxy):
        """It ends well when asked to and has logged nothing alarming."""
        self.assertEqual(proxy.stop(), 0, "exit code of the proxy")
        alarming = proxy.lines(r"^\S+ (error|critical) |Sanitizer|runtime error:|CHECK failed")
        self.assertEqual(alarming, [], "alarming lines in its log")

    def session(self):
        """Both ends of a new session through `self.web` to `self.listener`."""
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        exchange(client, upstream)
        return client, upstream

    def seed(self):
        """A generator whose seed is printed; SLUICE_TEST_SEED repeats a run."""
        number = int(os.environ.get("SLUICE_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"{self.id()}: SLUICE_TEST_SEED={number}", flush=True)
        return random.Random(number)

    def assert_memory_growth(self, before, after, allowed, what):
        """Sanitizers keep freed memory, so this is checked in ordinary builds only."""
        if not built_with(b"__asan_init") and not built_with(b"__tsan_init"):
            self.assertLess(after - before, allowed,
                            f"{what}: from {before / MiB:.1f} to {after / MiB:.1f} MiB")


def matrix(workers=(1, 2), backends=BACKENDS):
    """Makes a test case of a plain class for each backend and number of workers."""
    def expand(plain):
        module = sys.modules[plain.__module__]
        for backend in backends:
            for count in workers:
                name = f"{plain.__name__}_{backend}_{count}"
                case = type(name, (plain, Case), {"backend": backend, "workers": count,
                                                  "__module__": plain.__module__})
                setattr(module, name, case)
        return plain
    return expand


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main(module="__main__", verbosity=2 if sys.stdout.isatty() else 1)
