"""The programs of core/examples/find_the_bug: the code with the mistake shows it, the other does
not; on both backends."""

import os
import re
import subprocess
import sys
import unittest

PROGRAMS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[1:]}
SECONDS = 60  # for what takes a moment


def can_use_io_uring():
    return os.environ.get("SLUICE_ALLOW_NO_IO_URING") is None


class FindTheBugTest:
    BACKEND = ""

    def outcome(self, name, which):
        """The exit code, and what was printed."""
        ended = subprocess.run([PROGRAMS[name], which, self.BACKEND], text=True, check=False,
                               capture_output=True, timeout=SECONDS)
        self.assertEqual(ended.stderr, "")
        return ended.returncode, ended.stdout

    def test_lock_across_await(self):
        self.assertEqual(self.outcome("lock_across_await", "before"),
                         (3, "the worker is blocked: no task has run for a second\n"))
        self.assertEqual(self.outcome("lock_across_await", "after"), (0, "balance 70\n"))

    def test_blocking_call(self):
        self.assertEqual(self.outcome("blocking_call", "before"),
                         (0, "report 7\n0 ticks meanwhile\n"))
        self.assertEqual(self.outcome("blocking_call", "after"),
                         (0, "report 7\nthe clock has ticked meanwhile\n"))

    def test_forgotten_handle(self):
        self.assertEqual(self.outcome("forgotten_handle", "before"),
                         (0, "saved: the first half\ndone\n"
                             "cancelled: the second half is not saved\n"))
        self.assertEqual(self.outcome("forgotten_handle", "after"),
                         (0, "announced\nsaved: the first half\nsaved: the second half\ndone\n"))

    def test_hung_service(self):
        code, text = self.outcome("hung_service", "before")
        self.assertEqual(code, 1)
        self.assertRegex(text, re.compile(r"^the service has not answered 'total' in 500 ms; "
                                          r"\d+ tasks are alive$", re.MULTILINE))
        self.assertIn("'apples': Operation canceled\n", text)
        self.assertEqual(self.outcome("hung_service", "after"), (0, "total 7\n"))


class EpollTest(FindTheBugTest, unittest.TestCase):
    BACKEND = "--backend=epoll"


@unittest.skipUnless(can_use_io_uring(), "SLUICE_ALLOW_NO_IO_URING is set")
class IoUringTest(FindTheBugTest, unittest.TestCase):
    BACKEND = "--backend=io_uring"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
