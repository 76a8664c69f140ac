"""The programs of core/examples that need no network, as processes, on both backends."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAMS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[1:]}
SECONDS = 60  # for what takes a moment


def can_use_io_uring():
    return os.environ.get("SLUICE_ALLOW_NO_IO_URING") is None


class LocalTest:
    BACKEND = ""

    def run_program(self, name, *words):
        return subprocess.run([PROGRAMS[name], *words, self.BACKEND], text=True, check=False,
                              capture_output=True, timeout=SECONDS)

    def lines(self, name, *words):
        ended = self.run_program(name, *words)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout.splitlines()

    def test_worker_pool_does_every_item_once(self):
        lines = self.lines("worker_pool", "20", "5")
        done = [re.fullmatch(r"worker ([1-4]) has done item (\d+)", line) for line in lines]
        done = [match for match in done if match]
        self.assertEqual(sorted(int(match[2]) for match in done), list(range(1, 21)))
        self.assertEqual(lines[-1], "20 done, 0 not begun")

    def test_worker_pool_finishes_at_a_signal_what_was_begun(self):
        with subprocess.Popen([PROGRAMS["worker_pool"], "20", "1000", self.BACKEND], text=True,
                              stdout=subprocess.PIPE) as pool:
            lines = [pool.stdout.readline() for _ in range(4)]
            self.assertEqual({line.split()[1] for line in lines}, set("1234"))
            pool.send_signal(signal.SIGINT)
            rest, _ = pool.communicate(timeout=SECONDS)
        self.assertEqual(pool.returncode, 0)
        lines = "".join(lines + [rest]).splitlines()
        begun = {line.split()[-1] for line in lines if "begins" in line}
        done = {line.split()[-1] for line in lines if "has done" in line}
        self.assertEqual(begun, done)
        self.assertLess(len(done), 20)
        self.assertIn("stopping: what was begun is finished", lines)
        self.assertEqual(lines[-1], f"{len(done)} done, {20 - len(done)} not begun")

    def test_ten_timed_tasks_while_main_sleeps(self):
        lines = self.lines("timed_tasks")
        self.assertEqual([line for line in lines if "begins" in line],
                         [f"task {number} begins" for number in range(10)])
        self.assertEqual([line for line in lines if "has ended" in line],
                         [f"task {number} has ended" for number in range(9, -1, -1)])
        self.assertEqual(lines[-1], "10 tasks have ended")
        self.assertIn("main has slept", lines)

    def test_race_against_a_deadline(self):
        first, second, third = self.lines("race")
        self.assertEqual(first, "the quick one: forty-two")
        self.assertEqual(second, "the slow one: no answer in time")  # not after an hour
        match = re.fullmatch(r"the deadline came first, with (\d+) parts", third)
        self.assertTrue(match, third)
        self.assertLessEqual(int(match[1]), 20)  # 200 ms, 10 ms each

    def test_statistics_by_fold(self):
        self.assertEqual(self.lines("statistics"), ["5 readings from 22.5 to 25.0, mean 23.86"])

    def test_stream_pipeline_ten_at_once(self):
        self.assertEqual(self.lines("stream_pipeline"), ["50 results, sum 171700, 10 at once"])

    def test_notifications_by_four_kinds_of_channels(self):
        lines = self.lines("notifications")
        for name in ("anna", "ben"):
            self.assertEqual([line for line in lines if line.startswith(name)],
                             [f"{name}: good morning", f"{name}: good night"])
        self.assertEqual([line for line in lines if "reached" in line],
                         ['"good morning" has reached 2', '"psst" has reached 0',
                          '"good night" has reached 2'])
        self.assertEqual(lines[-1], "4 notifications were seen")

    def test_line_counter_over_file_tcp_and_memory(self):
        text = "".join(f"line {number}\n" for number in range(10000)) + "a last one without an end"
        self.assertEqual(self.lines("line_counter", "memory", "one\ntwo\n\nfour"), ["4 lines"])
        self.assertEqual(self.lines("line_counter", "memory", ""), ["0 lines"])
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            self.assertEqual(self.lines("line_counter", "file", file.name), ["10001 lines"])
        with socket.create_server(("127.0.0.1", 0)) as server:
            def serve():
                with server.accept()[0] as client:
                    client.sendall(text.encode())
            thread = threading.Thread(target=serve)
            thread.start()
            address = "127.0.0.1:%d" % server.getsockname()[1]
            self.assertEqual(self.lines("line_counter", "tcp", address), ["10001 lines"])
            thread.join()

    def test_line_counter_says_why_it_cannot(self):
        ended = self.run_program("line_counter", "file", "/no/such/file")
        self.assertEqual((ended.returncode, ended.stderr),
                         (1, "/no/such/file: No such file or directory\n"))
        ended = self.run_program("line_counter", "file", "/")
        self.assertEqual((ended.returncode, ended.stderr), (1, "/: Is a directory\n"))
        ended = self.run_program("line_counter", "memory", "x" * 100, "more")
        self.assertEqual(ended.returncode, 2)


class EpollTest(LocalTest, unittest.TestCase):
    BACKEND = "--backend=epoll"


@unittest.skipUnless(can_use_io_uring(), "SLUICE_ALLOW_NO_IO_URING is set")
class IoUringTest(LocalTest, unittest.TestCase):
    BACKEND = "--backend=io_uring"


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
