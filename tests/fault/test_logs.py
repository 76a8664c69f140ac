"""Logs that cannot be written: traffic goes on, drops are counted and told, and it recovers."""

import json
import os
import re
import resource
import signal

import sockets
from crowd import arrive
from echo import echo
from harness import MiB, main, matrix
from places import Piped, Reader, SmallDisk
from processes import wait_for

CROWD = 200
# More records, or lines, than the queues behind the logs hold.
BEYOND_RECORDS = 16_000
BEYOND_LINES = 9_000


def lines_of(path):
    with open(path) as file:
        return file.read().split("\n")[:-1]


def limit_files(pid, size):
    """How large a file that the process writes may become."""
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@matrix(workers=(2,))
class Logs:
    def start(self, path, prepare=None, level="info"):
        self.sessions = 0
        self.web = self.proxy([self.peer(echo).receive()], prepare=prepare, log={"level": level},
                              stats={"interval": "50ms"}, limits={"buffer_memory": "8MiB"},
                              access_log={"path": path, "format": "json"})
        self.bystander = self.keep(self.web.connect())
        sockets.exchange_echo(self.bystander)

    def visit(self, count=CROWD):
        """Makes that many sessions, all of which are served, while others go on."""
        for first in range(0, count, CROWD):
            size = min(CROWD, count - first)
            outcomes = arrive(self.web.address(), size, lambda *_: None)
            self.assertEqual(set(outcomes.values()), {"answered"})
            self.sessions += size
        sockets.exchange_echo(self.bystander)

    def told(self):
        """Records dropped, as the statistics have it so far."""
        lines = self.web.lines("access log: .* records dropped so far")
        return int(re.search(r"log: (\d+) ", lines[-1])[1]) if lines else 0

    def wait_told(self, count):
        wait_for(lambda: self.told() >= count, f"{count} records dropped to be told")

    def stop(self):
        """The last report of dropped records: with the written ones they are all sessions."""
        self.bystander.close()
        self.sessions += 1
        self.assertEqual(self.web.stop(), 0)
        said = re.search(r"access log: (\d+) records dropped in all", self.web.text())
        return int(said[1]) if said else 0

    def assert_whole(self, lines):
        """Every line is one record, and of a session that has no other."""
        self.assertEqual(len({(record["client"], record["time"])
                              for record in map(json.loads, lines)}), len(lines))

    def test_full_device(self):
        self.start("/dev/full")
        self.visit()
        self.wait_told(CROWD)
        self.web.wait_line("access log /dev/full: No space left on device; lines dropped so far")
        self.assertEqual(self.stop(), self.sessions)

    def on_small_disk(self):
        if os.geteuid() != 0:
            self.skipTest("a disk of its own needs root")
        self.disk = self.keep(SmallDisk(self.new_folder()))
        self.start(self.disk.folder + "/access.log")

    def test_disk_that_fills_up(self):
        self.on_small_disk()
        path = self.disk.folder + "/access.log"
        self.visit(10)
        wait_for(lambda: len(lines_of(path)) == 10, "the first records")
        self.disk.fill()
        self.visit()
        self.wait_told(1)
        wait_for(lambda: self.told() + len(lines_of(path)) >= self.sessions - 1, "all to be told")
        before = len(lines_of(path))
        self.disk.make_room()
        self.visit(10)
        wait_for(lambda: len(lines_of(path)) >= before + 10, "new records")
        dropped = self.stop()
        self.assertGreater(dropped, 0)
        self.assertEqual(len(lines_of(path)) + dropped, self.sessions)
        self.assert_whole(lines_of(path))

    def test_reopened_elsewhere_while_the_disk_is_full(self):
        self.on_small_disk()
        path = self.disk.folder + "/access.log"
        elsewhere = self.new_folder() + "/access.log"
        self.disk.fill()
        self.visit()
        self.wait_told(1)
        os.rename(path, path + ".1")
        os.symlink(elsewhere, path)
        self.web.send_signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(elsewhere), "the new file")
        self.visit(10)
        dropped = self.stop()
        lines = lines_of(path + ".1") + lines_of(elsewhere)
        self.assertGreaterEqual(len(lines_of(elsewhere)), 11)
        self.assertEqual(len(lines) + dropped, self.sessions)
        self.assert_whole(lines)

    def with_fifo(self):
        path = self.new_folder() + "/fifo"
        os.mkfifo(path)
        self.start(path)
        return path

    def test_fifo_whose_reader_comes_and_goes(self):
        path = self.with_fifo()
        self.visit()
        self.web.wait_line("access log .*: it has no reader; lines dropped so far")
        read = 0
        for _ in range(2):
            self.wait_told(self.sessions - read)
            reader = self.keep(Reader(path))
            self.visit(50)
            lines = reader.wait(50)
            self.assert_whole(lines)
            read += len(lines)
            reader.close()
            self.visit(50)
        self.assertEqual(self.stop() + read, self.sessions)

    def test_fifo_that_nobody_reads_for_long(self):
        """Beyond the queue records are dropped; what is queued comes when the reader reads."""
        path = self.with_fifo()
        reader = self.keep(Reader(path))
        self.visit(10 * CROWD)
        reader.wait(10 * CROWD)
        memory = self.web.resident()
        self.visit(BEYOND_RECORDS)
        self.wait_told(1)
        self.web.wait_line("access log .*: it is too slow; lines dropped so far")
        # The queue, of which there are two in turn, and the buffers of the sessions.
        self.assert_memory_growth(memory, self.web.resident(), 20 * MiB, "RSS")
        wait_for(lambda: len(reader.read()) + self.told() >= self.sessions, "all of the queue")
        before = len(reader.read())
        self.visit(10)
        lines = reader.wait(before + 10)
        self.assert_whole(lines)
        dropped = self.stop()
        self.assertEqual(dropped + len(reader.read()), self.sessions)

    def test_stop_while_nobody_reads(self):
        """The log's reader is given a second, not more; the rest is counted and reported."""
        reader = self.keep(Reader(self.with_fifo()))
        self.visit()
        self.bystander.close()
        self.assertEqual(self.web.stop(seconds=5), 0)
        self.web.wait_line("access log: .*those that still wait to be written")
        self.assert_whole(reader.read())

    def test_reopened_while_the_pipe_is_full(self):
        """What came before goes to the old reader, when it reads; what comes after to the new."""
        path = self.with_fifo()
        reader = self.keep(Reader(path))
        self.visit()
        self.web.wait_stats(active=1, total=self.sessions + 1)  # their records are on their way
        os.unlink(path)
        self.web.send_signal(signal.SIGUSR1)
        self.web.wait_line("access log reopened")
        self.visit()
        wait_for(lambda: reader.read() and os.path.exists(path), "the new file")
        self.assertEqual(self.stop(), 0)
        old, new = reader.read(), lines_of(path)
        self.assertEqual((len(old), len(new)), (CROWD, self.sessions - CROWD))
        self.assert_whole(old + new)

    def with_piped_errors(self, path="off", level="info"):
        self.piped = self.keep(Piped())
        self.start(path, self.piped.prepare, level)

    def test_log_that_nobody_reads_for_long(self):
        """The oldest lines are dropped, and when the reader reads again that is told."""
        self.with_piped_errors(level="debug")
        self.visit(10)
        self.piped.stop_reading()
        self.visit(BEYOND_LINES)
        self.piped.read_on()
        self.web.wait_line(r"log: [1-9]\d* lines dropped so far")
        ends = len(self.web.session_ends())
        self.visit(10)
        wait_for(lambda: len(self.web.session_ends()) >= ends + 10, "new lines")

    def test_log_whose_reader_has_gone(self):
        self.with_piped_errors(level="debug")
        self.visit(10)
        self.piped.vanish()
        self.visit()
        self.bystander.close()
        self.assertEqual(self.web.stop(), 0)

    def test_records_on_standard_error(self):
        """First there is no reader for a while, then the reader goes for ever."""
        self.with_piped_errors("stderr")
        self.piped.stop_reading()
        self.visit()
        self.piped.read_on()
        self.assert_whole(self.web.wait_line('^{"time":', count=CROWD))
        self.piped.vanish()
        self.visit()
        self.bystander.close()
        self.assertEqual(self.web.stop(), 0)

    def test_log_file_that_may_not_grow(self):
        """A limit of the size of files (setrlimit(2)) is an error of write(2), not a death."""
        folder = self.new_folder()
        self.start(folder + "/access.log", level="debug")
        self.visit(10)
        limit_files(self.web.pid, 1)
        self.visit()
        self.assertIsNone(self.web.child.poll(), "it has ended")
        limit_files(self.web.pid, resource.RLIM_INFINITY)
        ends = len(self.web.session_ends())
        self.visit(10)
        wait_for(lambda: len(self.web.session_ends()) >= ends + 10, "new lines")
        dropped = self.stop()
        self.assertGreater(dropped, 0)
        lines = lines_of(folder + "/access.log")
        self.assertEqual(len(lines) + dropped, self.sessions)
        self.assert_whole(lines)


if __name__ == "__main__":
    main()
