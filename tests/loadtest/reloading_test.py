"""Reloads while a proxy is measured, and the control of such a row."""

import os
import resource
import signal
import tempfile
import types
import unittest

import reloading


class Reloading(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = os.path.join(folder.name, "c")
        self.told = []
        self.running = types.SimpleNamespace(
            ready=types.SimpleNamespace(
                config=self.config, texts=["a", "b"],
                peer=types.SimpleNamespace(reload_signal=signal.SIGHUP)),
            process=types.SimpleNamespace(send_signal=self.told.append))

    def run_all(self, count: int, burst_us: int) -> float:
        """The CPU time of programs that it has started."""
        def used():
            found = resource.getrusage(resource.RUSAGE_CHILDREN)
            return found.ru_utime + found.ru_stime
        before = used()
        reloads = reloading.Reloads(self.running, count, 0.05, burst_us)
        reloads._thread.join()
        reloads.end()
        with open(self.config, encoding="utf-8") as file:
            self.assertEqual(file.read(), "a" if count % 2 == 0 else "b")
        return used() - before

    def test_each_changes_the_file_and_tells_the_proxy(self):
        self.assertEqual(self.run_all(5, 0), 0)
        self.assertEqual(self.told, [signal.SIGHUP] * 5)

    def test_the_control_uses_cpu_time_and_tells_nobody(self):
        self.assertGreaterEqual(self.run_all(4, 50_000), 0.2)
        self.assertEqual(self.told, [])


if __name__ == "__main__":
    unittest.main()
