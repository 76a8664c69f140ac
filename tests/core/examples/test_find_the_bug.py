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


# What the runtime says of a run that keeps the worker: a machine that stands still makes one, too.
LONG_RUN = re.compile(r"task \d+ \(.*\) kept worker 0 for [\d.]+ ms.*\n")


class FindTheBugTest:
    BACKEND = ""

    def run_program(self, name, which):
        """The exit code, and what was printed; and the sentences about long runs."""
        ended = subprocess.run([PROGRAMS[name], which, self.BACKEND], text=True, check=False,
                               capture_output=True, timeout=SECONDS)
        self.assertEqual(LONG_RUN.sub("", ended.stderr), "")
        return (ended.returncode, ended.stdout), LONG_RUN.findall(ended.stderr)

    def outcome(self, name, which):
        return self.run_program(name, which)[0]

    def without_tasks(self, text):
        """The lines that are not of PrintTasks."""
        return "".join(line for line in text.splitlines(keepends=True)
                       if not re.match(r"task \d+ \(|\w+: held by ", line))

    def assert_line(self, pattern, text):
        self.assertRegex(text, re.compile(f"^{pattern}$", re.MULTILINE))

    def test_lock_across_await(self):
        code, text = self.outcome("lock_across_await", "before")
        self.assertEqual(code, 3)
        # One has the lock and waits for the bank; the other waits for the lock, and that is a run.
        self.assert_line(r"task \d+ \(withdraw [12]0, lock_across_await.cc:\d+\): "
                         r"waiting for \d+ ms, for Event", text)
        other = re.search(r"^task (\d+) \(withdraw [12]0, lock_across_await.cc:\d+\): "
                          r"running for \d+ ms$", text, re.MULTILINE)
        self.assertTrue(other, text)
        self.assertEqual(text.splitlines()[-1], f"task {other[1]} has been running for a second: "
                                                "it blocks the worker")

        code, text = self.outcome("lock_across_await", "after")
        self.assertEqual((code, self.without_tasks(text)), (0, "balance 70\n"))
        holder = re.search(r"^task (\d+) \((withdraw [12]0), lock_across_await.cc:\d+\): "
                           r"waiting for \d+ ms, for Event$", text, re.MULTILINE)
        self.assertTrue(holder, text)
        self.assert_line(r"task \d+ \(withdraw [12]0, lock_across_await.cc:\d+\): "
                         r"waiting for \d+ ms, for LockAwaiter<int>", text)
        self.assert_line(rf"balance: held by task {holder[1]} \({holder[2]}\), 1 waiting", text)

    def test_blocking_call(self):
        for _ in range(10):
            outcome, long_runs = self.run_program("blocking_call", "before")
            self.assertEqual(outcome, (0, "report 7\n0 ticks meanwhile\n"))
            # One a second is told: a machine that stands still may have been before it.
            found = [run for run in long_runs if "(report, blocking_call.cc:" in run]
            if found:
                break
        self.assertEqual(len(found), 1, long_runs)
        self.assertGreaterEqual(float(re.search(r"for ([\d.]+) ms", found[0])[1]), 300)
        self.assertEqual(self.outcome("blocking_call", "after"),
                         (0, "report 7\nthe clock has ticked meanwhile\n"))

    def test_forgotten_handle(self):
        code, text = self.outcome("forgotten_handle", "before")
        self.assertEqual((code, self.without_tasks(text)),
                         (0, "saved: the first half\ndone\n"
                             "cancelled: the second half is not saved\n"))
        self.assert_line(r"task \d+ \(save, forgotten_handle.cc:\d+\): "
                         r"waiting for \d+ ms, for Sleep", text)
        self.assertEqual(text.count("forgotten_handle.cc"), 1)  # there is no task that announces
        self.assertEqual(self.outcome("forgotten_handle", "after"),
                         (0, "announced\nsaved: the first half\nsaved: the second half\ndone\n"))

    def test_hung_service(self):
        code, text = self.outcome("hung_service", "before")
        self.assertEqual(code, 1)
        self.assert_line("the service has not answered 'total' in 500 ms", text)
        self.assert_line(r"task \d+ \(service, hung_service.cc:\d+\): "
                         r"waiting for \d+ ms, for Oneshot<int>::Receiver", text)
        self.assertIn("'apples': Operation canceled\n", text)
        self.assertEqual(self.outcome("hung_service", "after"), (0, "total 7\n"))


class EpollTest(FindTheBugTest, unittest.TestCase):
    BACKEND = "--backend=epoll"


@unittest.skipUnless(can_use_io_uring(), "SLUICE_ALLOW_NO_IO_URING is set")
class IoUringTest(FindTheBugTest, unittest.TestCase):
    BACKEND = "--backend=io_uring"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
