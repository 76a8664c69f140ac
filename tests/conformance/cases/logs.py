"""Cases 54 (second half), 60 and 61: the access log is true and delays no session."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import statistics
import time

from case import INET, TCP4, case
from drivers.config import Launch
from ends.stream import Job, all_done, payload
from kernel.clockstep import SteppedClock
from kernel.disk import SmallDisk
from verdict import Failed, NotApplicable, check, check_time, wait_until

F_SETPIPE_SZ = 1031


@case(60, "a log that cannot be written does not disturb traffic",
      "write(2), ENOSPC and EAGAIN", TCP4, ("access_log",))
def broken_log(t):
    """A full disk, a pipe that is not read, a FIFO without a reader: sessions continue as before.

    write(2) to such a file fails or blocks; a proxy that waits for its log stops every
    session because of a record of one. When the reader reads again, records come again. Records
    that could not be written are counted, where the operator can read how many.
    """
    upstream = t.upstream()
    full_and_stalled(t, upstream)
    if t.has("log_stderr"):
        full_and_stalled(t, upstream, log_to_stderr=True)
    small_disk(t, upstream)
    if t.has("log_file"):
        path = os.path.join(t.scratch, "nobody")
        os.mkfifo(path)
        try:
            proxy = t.start(upstream, log_path=path)
        except Failed as error:
            raise Failed("with a FIFO without a reader as its log: %s" % error)
        check_traffic(t, proxy, upstream, t.scale(60, 1000),
                      "with its log in a FIFO without a reader")


def full_and_stalled(t, upstream, **way) -> None:
    counts = "metrics" not in t.driver.lacks and "lost_records" in t.driver.counters
    proxy = t.start(upstream, log_path="/dev/full", admin=counts, **way)
    count = t.scale(60, 1000)
    check_traffic(t, proxy, upstream, count, "with its log on a full disk")
    if counts and not way:
        lost = lambda: t.driver.counter(proxy, "lost_records")
        wait_until(lambda: lost() >= count, 2.0, "%d records could not be written, and the metrics "
                   "tell of less" % count)
    if t.promises("counts_drops") and not way:
        proxy.signal(t.driver.drain_signals[0])
        t.expect_dead(proxy)
        check(proxy.wait_exit(3.0) is not None, "the proxy does not end while its log is broken")
        dropped = t.driver.drops(proxy)
        check(dropped == count, "%d records could not be written, it tells of %d"
              % (count, dropped))

    path = os.path.join(t.scratch, "stalled%d" % len(way))
    reader = stalled_fifo(path)
    proxy = t.start(upstream, log_path=path, **way)
    check_traffic(t, proxy, upstream, t.scale(200, 2000), "with its log in a full pipe")
    drain(reader)
    try:
        wait_until(lambda: record_comes(t, proxy, upstream, reader), 3.0,
                   "the pipe is being read again and no record comes")
    finally:
        os.close(reader)


def small_disk(t, upstream) -> None:
    """A file system that fills up while records are written, and has free space again later."""
    try:
        disk = t.keep(SmallDisk(t.scratch))
    except NotApplicable as reason:
        t.note("part not judged: %s" % reason)
        return
    proxy = t.start(upstream, log_path=os.path.join(disk.path, "access.log"))
    one_session(t, proxy, upstream)
    proxy.wait_records(1)
    disk.fill()
    check_traffic(t, proxy, upstream, t.scale(60, 1000), "while its disk fills up")
    before = len(proxy.records())
    disk.make_room()
    wait_until(lambda: one_session(t, proxy, upstream) or len(proxy.records()) > before + 1, 3.0,
               "the disk has room again and no record comes")
    torn = [line for line in t.driver.log_lines(proxy) if line and not t.driver.parse(line)]
    check(len(torn) <= 1, "a disk that was full once has left %d torn lines, such as %r"
          % (len(torn), torn[:1]))


def stalled_fifo(path: str) -> int:
    """A FIFO of one page whose reader, the returned descriptor, does not read."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 4096)
    return reader


def drain(reader: int) -> bytes:
    parts = []
    while True:
        try:
            parts.append(os.read(reader, 65536))
        except BlockingIOError:
            return b"".join(parts)


def record_comes(t, proxy, upstream, reader: int) -> bool:
    one_session(t, proxy, upstream)
    time.sleep(0.02)
    return bool(drain(reader).strip())


def one_session(t, proxy, upstream) -> None:
    client, server = t.session(proxy, upstream)
    client.send(b"to the log")
    server.receive(10)
    client.close()
    server.close()


def check_traffic(t, proxy, upstream, count: int, where: str) -> None:
    waits = []
    for _ in range(count):
        start = time.monotonic()
        try:
            one_session(t, proxy, upstream)
        except Failed as error:
            raise Failed("%s: %s" % (where, error))
        waits.append(time.monotonic() - start)
    check_time(statistics.median(waits) < 0.02 and max(waits) < 1.0,
               "%s a session takes %.0f ms, at worst %.0f ms"
               % (where, statistics.median(waits) * 1e3, max(waits) * 1e3))


@case(61, "the log's byte counts and durations are right, whatever the clock",
      "clock_gettime(2)", INET, ("access_log",))
def truthful_log(t):
    """Bytes in and out of every record equal those on the wire; durations survive a clock step.

    Sizes are random, every third session ends by a half-close, and in the second part the
    proxy's wall clock is stepped by an hour, back and forth (only its own: a preloaded
    library). A step must neither show in a duration nor fire a timeout.
    """
    for log_format in t.driver.log_formats:
        try:
            counts_and_durations(t, log_format)
        except Failed as error:
            if not log_format:
                raise
            raise type(error)("format %s: %s" % (log_format, error))
    stepped_clock(t)


def counts_and_durations(t, log_format: str) -> None:
    upstream = t.upstream()
    proxy = t.start(upstream, log_format=log_format)
    dice = random.Random(61)
    expected = {}
    for index in range(t.scale(120, 1000)):
        sizes = dice.choice((0, 1, 100, 65536)), dice.randint(0, 200000)
        client, server = t.session(proxy, upstream)
        name = client.name
        expected[name] = (*sizes, *exchange(client, server, sizes, index))
    records = {record.client: record for record in proxy.wait_records(len(expected))}
    for name, (sent, answered, at_least, at_most) in expected.items():
        record = records.get(name)
        check(record is not None, "no record of the session of %s" % name)
        check((record.bytes_in, record.bytes_out) == (sent, answered),
              "%d bytes in and %d out are logged as %s and %s"
              % (sent, answered, record.bytes_in, record.bytes_out))
        check_time(at_least - 0.1 <= record.seconds <= at_most + 0.1,
                   "a session of %.3f to %.3f s is logged as %.3f s"
                   % (at_least, at_most, record.seconds))


def exchange(client, server, sizes, index: int):
    """One session of known sizes; returns what its duration is at least and at most."""
    start = time.monotonic()
    upload, answer = (payload(index, size) for size in sizes)
    jobs = [Job(client.send, upload), Job(server.send, answer)]
    server.expect_same(server.receive(len(upload)), upload)
    client.expect_same(client.receive(len(answer)), answer)
    all_done(jobs)
    at_least = time.monotonic() - start
    if index % 3 == 0:
        client.half_close()
        server.expect_eof()
        server.close()
        client.expect_eof()
    client.close()
    if index % 3:
        server.expect_eof()
        server.close()
    return at_least, time.monotonic() - start


def stepped_clock(t) -> None:
    try:
        clock = t.keep(SteppedClock(t.scratch))
    except NotApplicable as reason:
        t.note("part not judged: %s" % reason)
        return
    upstream = t.upstream()
    proxy = t.start(upstream, idle_timeout=20.0, launch=Launch(env=clock.env))
    if not clock.works_in(proxy):
        t.note("part not judged: nothing can be preloaded into this proxy")
        return
    spans = []
    for step in (3600, -3600, 0):
        client, server = t.session(proxy, upstream)
        client.send(b"before")
        server.receive(6)
        start = time.monotonic()
        clock.step_to(step)
        time.sleep(0.15)  # the duration that the log must show
        client.send(b"after")
        server.receive(5)
        client.close()
        server.expect_eof()
        server.close()
        spans.append(time.monotonic() - start)
    for span, record in zip(spans, proxy.wait_records(3)):
        # HAProxy notices the step and leaves the wait it happened in out: close enough.
        check_time(0 <= record.seconds < span + 0.2, "the clock was stepped during a session of "
                   "%.2f s, logged as %.2f s" % (span, record.seconds))


@case(54, "SIGPIPE, SIGCHLD, SIGWINCH, SIGTTOU are ignored; SIGUSR1 reopens the log",
      "signal(7); its own manual", TCP4)
def signals(t):
    """A stray signal ends nothing; after logrotate's rename and SIGUSR1 no line is lost or torn."""
    upstream = t.upstream()
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream)
    harmless = (signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGTTOU)
    for number in harmless + t.driver.also_survives:
        if number in t.driver.commands:
            t.note("part not judged: " + t.driver.commands[number])
            continue
        proxy.signal(number)
        try:
            for _ in range(3):
                client.send(b"alive")
                server.expect_same(server.receive(5, within=3.0), b"alive")
                one_session(t, proxy, upstream)
            proxy.check_alive()
        except Failed as error:
            raise Failed("after %s: %s" % (signal.Signals(number).name, error))
    if t.has("reopen_log"):
        rotate(t, upstream)


def rotate(t, upstream) -> None:
    proxy = t.start(upstream)
    total = t.scale(300, 3000)
    traffic = Job(lambda: [one_session(t, proxy, upstream) for _ in range(total)])
    olds = []
    for number in range(3):
        count = len(proxy.records())
        wait_until(lambda: len(proxy.records()) > count + 5 or not traffic.running(), 10.0,
                   "the log does not grow")
        olds.append("%s.%d" % (proxy.log_path, number))
        os.rename(proxy.log_path, olds[-1])
        proxy.signal(t.driver.reopen_signal)
        wait_until(lambda: os.path.exists(proxy.log_path), 2.0, "the log is not reopened")
    traffic.done()

    def all_lines():
        lines = t.driver.log_lines(proxy)
        for path in olds:
            with open(path, errors="replace") as file:
                lines += file.read().splitlines()
        return lines

    wait_until(lambda: len(all_lines()) >= total, 3.0, "lines were lost while the log was "
               "rotated: fewer than %d sessions" % total)
    torn = [line for line in all_lines() if not t.driver.parse(line)]
    check(not torn, "torn or foreign lines in the log: %r" % torn[:1])
    check(len(all_lines()) == total, "%d lines for %d sessions" % (len(all_lines()), total))
