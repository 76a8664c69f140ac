"""What a service manager is told: start, reload, end, and that every worker is alive."""

import ctypes
import os
import signal
import time

import sockets
from harness import main, matrix
from manager import Managed
from processes import libc, of_threads
from reloading import put
from sluice import yaml
from upgrading import ended

ATTACH, DETACH, ALL_THREADS = 16, 17, 0x40000000


class Held:
    """Stops one thread of a program, as a debugger does it, and lets it go on."""

    def __init__(self, thread):
        self.thread = thread

    def __enter__(self):
        assert libc.ptrace(ATTACH, self.thread, 0, 0) == 0, os.strerror(ctypes.get_errno())
        os.waitpid(self.thread, ALL_THREADS)

    def __exit__(self, *_):
        libc.ptrace(DETACH, self.thread, 0, 0)


@matrix(workers=(2,))
class ServiceManager(Managed):
    def test_a_reload(self):
        web = self.managed()
        self.manager.until("READY")
        for text, said in ((None, "in force"), ("nonsense", "stays as it is")):
            if text:
                put(web.config_path, text)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.assertIn(said, self.hup(web))
            message = self.manager.until("RELOADING")
            self.assertEqual(message["RELOADING"], "1")
            self.assertTrue(before <= int(message["MONOTONIC_USEC"]) <=
                            time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            self.manager.until("READY", "1")
        web.stop()
        self.assertEqual(self.manager.until("STOPPING")["EXTEND_TIMEOUT_USEC"], "10200000")

    def test_it_is_told_of_every_turn(self):
        """A ping at least each half of the time, until the last session has ended."""
        web = self.managed(self.config([self.server], shutdown={"drain_timeout": "1m"}),
                           WATCHDOG_USEC="1000000")
        self.manager.until("READY")
        with web.connect() as client:
            sockets.exchange_echo(client)
            for begins in (False, True):
                if begins:
                    web.send_signal(signal.SIGTERM)
                    self.manager.until("STOPPING")
                for _ in range(4):
                    self.manager.until("WATCHDOG", "1")
        self.assertEqual(web.wait(), 0)

    def test_a_worker_that_hangs(self):
        """Each of them: while it stands still there is no ping, though all others turn."""
        web = self.managed(WATCHDOG_USEC="300000")
        self.manager.until("WATCHDOG")
        held = 0
        for thread, name in of_threads(web.pid, "comm").items():
            if thread != web.pid and not name.startswith("sluice-"):  # of a log, say
                continue
            with Held(thread):
                while self.manager.next(0.3) is not None:
                    self.assertLess(len(self.manager.told), 100)  # those on their way
                self.assertIsNone(self.manager.next(0.6), name)
            self.manager.until("WATCHDOG")
            held += 1
        self.assertEqual(held, self.workers)
        self.assertEqual(web.stop(), 0)

    def test_whose_watchdog_it_is(self):
        web = self.managed(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        self.manager.until("READY")
        self.manager.until("FDSTORE")
        self.assertIsNone(self.manager.next(0.5), "it is another process's")
        self.assertEqual(web.stop(), 0)

    def test_a_successor_goes_on_with_it(self):
        web = self.start(self.config([self.server]), self.manager.prepare(
            WATCHDOG_USEC="200000"))
        self.manager.until("WATCHDOG")
        self.upgrade(web)
        self.wait_ended(web, web.pid)
        self.assertEqual(int(self.manager.until("MAINPID")["MAINPID"]), self.pid)
        while self.manager.next(0.001) is not None:
            pass  # what has come until now
        self.manager.until("WATCHDOG")
        self.end(web)

    def stopped_after_an_upgrade(self, drain_timeout="1h"):
        """A session of the process before, and the main process, which has so long, is to end."""
        config = self.config([self.server], shutdown={"drain_timeout": "1h"})
        web = self.start(config, self.manager.prepare())
        self.manager.until("READY")
        held = self.keep(web.connect())
        sockets.exchange_echo(held)
        put(web.config_path, yaml(self.changed(config, shutdown={"drain_timeout": drain_timeout})))
        self.upgrade(web)
        self.manager.until("MAINPID")
        os.kill(self.pid, signal.SIGTERM)
        web.wait_line(f"upgrade: process {web.pid} before this one still serves sessions")
        return web, held

    def both_end(self, web):
        for pid in (web.pid, self.pid):
            self.wait_ended(web, pid)
        self.end(web)

    def test_it_ends_behind_its_predecessor(self):
        """What the main process leaves when it ends is killed by systemd."""
        web, held = self.stopped_after_an_upgrade()
        sockets.exchange_echo(held)
        self.assertFalse(ended(self.pid))
        held.close()
        self.both_end(web)

    def test_a_second_signal_is_for_both(self):
        web, held = self.stopped_after_an_upgrade()
        os.kill(self.pid, signal.SIGTERM)
        self.assertEqual(sockets.read_to_end(held), (b"", "reset"))
        self.both_end(web)

    def test_both_end_when_the_time_of_the_main_process_is_over(self):
        web, held = self.stopped_after_an_upgrade(drain_timeout="300ms")
        self.assertEqual(sockets.read_to_end(held), (b"", "reset"))
        self.both_end(web)


if __name__ == "__main__":
    main()
