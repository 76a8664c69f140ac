"""The heap is exhausted: new clients are rejected, sessions go on; no spinning, no flood of lines.

The address space of the running proxy is limited to what it has, or to less, or the kernel maps
nothing any more. When that is over, new clients are served within a second.
"""

import errno
import os
import resource
import signal
import time

import sockets
from echo import echo
from harness import MiB, main, matrix
from processes import all_descriptors, wait_for
from refuser import Refuser
from sluice import built_with

LIVING = 10  # sessions from before
REFUSED = 100  # clients in a row of which none can be served: then it is short
ARRIVALS = 9500  # by then it has to be short, whatever malloc has in store
CROWD = 2000  # clients that are there at once
WATCHED = 1.0  # seconds over which CPU time is measured
SOON = 2  # seconds in which it has to serve again, with some allowance
PATTERN = bytes(range(251)) * 800
LINE = "out of memory"


@matrix(workers=(1, 2))
class Memory:
    def setUp(self):
        if built_with(b"__asan_init") or built_with(b"__tsan_init"):
            self.skipTest("a sanitizer needs the address space and has an operator new of its own")
        all_descriptors()

    def start(self, prepare=None, listener=None, **options):
        # Sessions that hold all they may: small ones might fit into what malloc has in store.
        listener = {"bandwidth": {"per_connection": "1GiB/s"}, **(listener or {})}
        self.web = self.proxy([self.peer(echo).receive()], prepare, log={"level": "info"},
                              listener=listener, **options)
        self.living = [self.session() for _ in range(LIVING)]
        self.arrived, self.reset = [], 0
        self.begin = time.monotonic()

    def session(self):
        client = self.keep(self.web.connect())
        sockets.exchange_echo(client)
        return client

    def limit(self, size):
        """Of the proxy's address space, in bytes; None: no limit."""
        hard = resource.RLIM_INFINITY
        soft = hard if size is None else size
        resource.prlimit(self.web.pid, resource.RLIMIT_AS, (soft, hard))

    def arrives(self, seconds=None):
        """Whether one more client is served; False: it is reset. It may time out."""
        try:
            client = self.keep(self.web.connect())
            if seconds:
                client.settimeout(seconds)
            sockets.exchange_echo(client)
        except ConnectionError:
            self.reset += 1
            return False
        self.arrived.append(client)
        return True

    def arrive_until_short(self):
        """Clients come one by one and stay, until no more are admitted."""
        in_a_row = 0
        while in_a_row < REFUSED:
            in_a_row = 0 if self.arrives() else in_a_row + 1
            self.assertLess(len(self.arrived), ARRIVALS, "memory is never short")

    def assert_calm(self):
        """Little CPU time, few lines in the log, and the sessions from before are served."""
        cpu = self.web.cpu_seconds()
        time.sleep(WATCHED)
        self.assertLess(self.web.cpu_seconds() - cpu, 0.2 * WATCHED)
        self.assertIsNone(self.web.child.poll(), "it has ended")
        told = len(self.web.lines(LINE))
        self.assertGreater(told, 0)
        self.assertLessEqual(told, 1 + (time.monotonic() - self.begin) / 5)
        for client in self.living:
            sockets.exchange_echo(client, PATTERN[:32768])

    def assert_serves(self):
        """New clients, those from before, and those from between."""
        wait_for(self.arrives, "new clients to be served again", SOON)
        for _ in range(LIVING):
            self.assertTrue(self.arrives())
        for client in self.living + self.arrived:
            sockets.exchange_echo(client)

    def assert_counted(self):
        """The proxy ends well, and its last statistics agree."""
        for client in self.living + self.arrived:
            client.close()
        self.assertEqual(self.web.stop(), 0, "exit code of the proxy")
        self.web.wait_stats(active=0, total=LIVING + len(self.arrived), rejected=self.reset,
                            rejected_memory=self.reset)

    def test_limit_that_falls_and_rises(self):
        self.start(access_log={"path": os.path.join(self.new_folder(), "access.log")})
        for size in (self.web.status("VmSize") + MiB, MiB):  # the second is less than it has
            self.limit(size)
            self.arrive_until_short()
            self.assert_calm()
            self.limit(None)
            self.assert_serves()
        self.assert_counted()

    def test_room_that_others_leave(self):
        """The limit stays, and sessions that end release memory for others."""
        self.start()
        self.limit(self.web.status("VmSize"))
        self.arrive_until_short()
        self.assert_calm()
        for client in self.arrived:
            client.close()
        gone, self.arrived = len(self.arrived), []
        for _ in range(gone // 4):
            wait_for(self.arrives, "new clients to be served again", SOON)
        for client in self.living + self.arrived:
            sockets.exchange_echo(client)

    def test_mapping_refused(self):
        """As when there are too many mappings."""
        refuser = self.keep(Refuser("mmap"))

        def prepare():
            # Nothing in store, and nothing from brk(2), which has some left on some runs only.
            os.environ["MALLOC_CONF"] = "retain:false,dss:disabled"
            refuser.prepare()

        self.start(prepare)
        refuser.refuse("mmap", errno.ENOMEM)
        self.arrive_until_short()
        self.assert_calm()
        refuser.allow()
        self.assert_serves()
        self.assert_counted()

    def test_crowd(self):
        """Many at once, when there is memory for a few: all of them are served or reset."""
        self.start(access_log={"path": "stderr"})
        self.limit(MiB)
        self.web.send_signal(signal.SIGSTOP)
        crowd = [self.keep(self.web.connect()) for _ in range(CROWD)]
        for client in crowd:
            client.sendall(b"ping")
        self.web.send_signal(signal.SIGCONT)
        fates = [sockets.ending_after_echo(client) for client in crowd]
        self.assertLessEqual(set(fates), {"answered", "reset"})
        self.reset += fates.count("reset")
        self.arrive_until_short()
        self.assert_calm()
        self.limit(None)
        self.assert_serves()

    def test_listener_that_waits(self):
        """on_limit: wait: a client that comes while memory is short is served afterwards."""
        self.start(listener={"on_limit": "wait"})
        self.limit(MiB)
        waiting = None
        while waiting is None:
            client = self.keep(self.web.connect())
            client.sendall(b"ping")
            client.settimeout(0.5)
            try:
                self.assertEqual(sockets.read_exactly(client, 4), b"ping")
                self.arrived.append(client)
            except TimeoutError:
                waiting = client
            self.assertLess(len(self.arrived), ARRIVALS, "memory is never short")
        self.assert_calm()
        self.limit(None)
        waiting.settimeout(SOON)
        self.assertEqual(sockets.read_exactly(waiting, 4), b"ping")
        self.arrived.append(waiting)
        self.assert_serves()
        self.assert_counted()


if __name__ == "__main__":
    main()
