"""Descriptors are exhausted: no spinning, no flood of log lines; sessions go on; it recovers."""

import resource
import signal
import time

import sockets
from echo import echo
from harness import main, matrix
from processes import wait_for
from sluice import built_with

WAITING = 200
WATCHED = 1.0  # seconds over which CPU time is measured
OUT = "Too many open files"


def late(client):
    """What becomes of a client that had to wait: anything but silence or a clean end."""
    try:
        sockets.exchange_echo(client)
    except ConnectionError:
        return "reset"
    return "answered"


@matrix(workers=(1, 2))
class Descriptors:
    def setUp(self):
        if built_with(b"__ubsan_handle_dynamic_type_cache_miss"):
            self.skipTest("this check of UBSan opens a pipe, and fails without a descriptor")

    def start(self, limit=None):
        """With the limit as it is, or lowered for the process from its beginning."""
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        self.web = self.proxy([self.peer(echo).receive()], prepare=lower if limit else None,
                              log={"level": "info"}, limits={"max_connections": 10000})

    def session(self):
        client = self.keep(self.web.connect())
        sockets.exchange_echo(client)
        return client

    def served(self):
        try:
            self.session().close()
        except ConnectionError:
            return False
        return True

    def arrive(self):
        """Makes many connects; returns those that are not reset at once."""
        arrived = []
        for _ in range(WAITING):
            try:
                arrived.append(self.keep(self.web.connect()))
            except ConnectionResetError:
                pass
        return arrived

    def assert_calm(self):
        """Little CPU time and few log lines in a while."""
        cpu, lines = self.web.cpu_seconds(), len(self.web.text().splitlines())
        time.sleep(WATCHED)
        self.assertLess(self.web.cpu_seconds() - cpu, 0.2 * WATCHED)
        self.assertLess(len(self.web.text().splitlines()) - lines, 5)
        for what in ("cannot accept", "cannot connect"):  # which of them hits the limit is chance
            self.assertLessEqual(len(self.web.lines(f"{what}.*{OUT}")), 1, "lines in 5 s")

    def test_limit_that_falls_and_rises(self):
        """What arrives when nothing can be opened waits, or is reset; after that all are served."""
        self.start()
        living = [self.session() for _ in range(10)]
        before = self.web.descriptors()
        soft, hard = resource.prlimit(self.web.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.web.pid, resource.RLIMIT_NOFILE, (3, hard))
        arrived = self.arrive()
        self.assert_calm()
        # One per worker: an accept(2) that was waiting may have had its descriptor already.
        self.assertLessEqual(self.web.descriptors(), before + self.workers)
        for client in living:
            sockets.exchange_echo(client)
        resource.prlimit(self.web.pid, resource.RLIMIT_NOFILE, (soft, hard))
        wait_for(self.served, "new connects to be served again", 5)
        for client in arrived:
            self.assertIn(late(client), ("answered", "reset"))
        for _ in range(10):
            self.session()

    def test_a_burst_beyond_a_limit_takes_nothing_from_others(self):
        """Hundreds come to a listener that takes two; all of the other listener are served."""
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (250, 250))

        config = self.config([self.peer(echo).receive()], log={"level": "info"})
        config["listeners"] = [
            {"name": "web", "bind": "127.0.0.1:0", "upstream": "app"},
            {"name": "small", "bind": "127.0.0.1:0", "upstream": "app", "max_connections": 2}]
        self.web = self.started_proxy(config, lower)
        two = [self.keep(self.web.connect("small")) for _ in range(2)]
        for client in two:
            sockets.exchange_echo(client)
        for _ in range(3):
            self.web.freeze()
            burst = [self.web.connect("small") for _ in range(600)]
            others = [self.web.connect() for _ in range(20)]
            for client in others:
                client.sendall(b"ping")
            self.web.send_signal(signal.SIGCONT)
            for client in others:
                self.assertEqual(sockets.ending_after_echo(client), "answered")
            for client in burst:
                self.assertEqual(sockets.ending(client), "reset")
                client.close()
        for client in two:
            sockets.exchange_echo(client)
        self.assertEqual(self.web.lines(OUT), [])

    def test_small_limit(self):
        """More clients than it can serve: some are, the others wait or are reset."""
        self.start(100)
        living = [self.session() for _ in range(10)]
        idle = self.web.descriptors() - 2 * len(living) + self.workers  # some may be still to come
        arrived = self.arrive()
        self.assert_calm()
        for client in living:
            sockets.exchange_echo(client)
        for client in arrived + living:
            client.close()
        wait_for(self.served, "new connects to be served again", 5)
        wait_for(lambda: self.web.descriptors() <= idle, "all the others to be closed", 5)


if __name__ == "__main__":
    main()
