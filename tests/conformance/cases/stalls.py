"""Cases 15 to 17 and 67: peers that stop reading, and connections that say nothing."""

from __future__ import annotations

import statistics
import time

from case import ANY, case
from ends.load import descriptor_room, idle_crowd, percentile, round_trips, transfer_seconds
from ends.stream import Job, Stream
from kernel import procs
from verdict import check, check_time

MIB = 1 << 20
ALLOCATOR = 4 << 20


def path_limit(config) -> int:
    """The most that kernel buffers on both sides of a proxy and its own buffers can hold."""
    largest = [int(procs.read("/proc/sys/net/ipv4/tcp_%s" % name).split()[2])
               for name in ("rmem", "wmem")]
    return sum(largest) + 2 * config.buffer + 2 * MIB


@case(15, "a reader that stops, stops its writer; memory and CPU stay flat",
      "RFC 9293, 3.8.6", ANY)
def zero_window(t):
    """The client stops reading: the proxy stops reading the server, sleeps, and continues later.

    RFC 9293 section 3.8.6 is TCP's promise that a receiver governs its sender; a proxy that
    reads on regardless breaks it and pays with memory: any client can make it grow.
    """
    upstream = t.upstream(sndbuf=65536)
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream, rcvbuf=65536)
    client.send(b"warm")
    server.receive(4)
    before, limit, stream = proxy.rss(), path_limit(proxy.config), Stream(15)
    sent = server.send_until_blocked(stream.read, t.scale(0.3, 2.0), limit + 16 * MIB)
    check(sent <= limit, "a stalled reader's writer got rid of %d MiB, all buffers together "
          "hold %d MiB" % (sent >> 20, limit >> 20))
    grown = proxy.rss() - before
    allowed = 4 * proxy.config.buffer + ALLOCATOR
    check(grown < allowed, "memory grew by %d KiB for a stalled session (%d KiB allowed)"
          % (grown >> 10, allowed >> 10))
    share = proxy.cpu_share(t.scale(0.7, 10.0))
    check_time(share < 0.05, "the proxy uses %.0f %% CPU while a session is stalled"
               % (share * 100))
    t.note("stalled after %d KiB, memory %+d KiB, CPU %.1f %%"
           % (sent >> 10, grown >> 10, share * 100))
    total = sent + t.scale(8 * MIB, 10 << 30)
    writer = Job(stream.send, server, total, sent)
    stream.expect(client, total)
    writer.done()
    if t.family != "unix" and t.has("write_stall"):
        write_stall(t)


def write_stall(t) -> None:
    """The same with a bound: a session whose reader takes nothing ends, with its own reason."""
    limit = t.scale(1.0, 5.0)
    upstream = t.upstream(sndbuf=65536)
    proxy = t.start(upstream, write_stall_timeout=limit)
    client, server = t.session(proxy, upstream, rcvbuf=16384)
    start = time.monotonic()
    server.send_until_blocked(Stream(16).read, limit * 0.3, path_limit(proxy.config),
                              may_end=True)
    end = server.ending(within=limit * 3)
    took = time.monotonic() - start
    check(end.how != "open", "a stalled session outlived write_stall_timeout %.1f s" % limit)
    check_time(took >= limit * 0.98, "write_stall_timeout %.1f s ended the session after %.2f s"
               % (limit, took))
    t.note("write_stall_timeout %.1f s: ended after %.2f s" % (limit, took))
    t.expect_reason(proxy, "write_stall_timeout")


@case(16, "a stalled session does not slow an active one",
      "a bound of this suite")
def neighbours(t):
    """The throughput of one session with and without a stalled neighbour differs by less than 5 %.

    Rounds alternate, in up to three sets: noise of the machine does not last through all of
    them, a loss that is real does.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream)
    size, stream = t.scale(24, 128) * MIB, Stream(17)
    position = 0

    def measure() -> float:
        """One transfer to warm up, one that counts: what came just before must not matter."""
        nonlocal position
        transfer_seconds(server, client, stream, size // 2, position)
        seconds = transfer_seconds(server, client, stream, size, position + size // 2)
        position += size + size // 2
        return seconds

    def measure_beside_stalled() -> float:
        stalled, writer = t.session(proxy, upstream, rcvbuf=16384)
        writer.send_until_blocked(stream.read, 0.05, 64 * MIB)
        seconds = measure()
        stalled.reset()
        writer.close()
        return seconds

    for _ in range(3):
        loss = loss_of_throughput(measure, measure_beside_stalled)
        if loss < 0.05:
            break
    t.note("loss %.1f %%" % (max(loss, 0) * 100))
    check_time(loss < 0.05, "a stalled neighbour costs %.0f %% of the throughput" % (loss * 100))


def loss_of_throughput(measure_free, measure_beside) -> float:
    free, beside = [], []
    for _ in range(10):
        free.append(measure_free())
        beside.append(measure_beside())
        loss = 1 - max(statistics.median(free) / statistics.median(beside),
                       min(free) / min(beside))
        if len(free) >= 5 and loss < 0.05:
            break
    return loss


@case(17, "thousands of idle connections do not delay the active ones",
      "a bound of this suite")
def idle_and_active(t):
    """Median and p99 of round trips stay within twice those of a proxy with nothing else to do,
    and so does the CPU time that they take.

    Work per event must not grow with the number of sessions that have none. Two proxies, one
    with the crowd and one without, are measured in turn, until noise has had its chance. On a
    busy machine all round trips are slow; the CPU time tells the two apart there, too.
    """
    echo = t.echo()
    alone, crowded = t.start(echo), t.start(echo)
    idle = min(t.scale(1000, 10000), descriptor_room() - 200)
    idle_crowd(t, crowded, idle)
    active = t.scale(20, 100)
    peers = [[t.echo_session(proxy) for _ in range(active)] for proxy in (alone, crowded)]
    count = t.scale(1000, 20000)
    best = [[], []]
    for _ in range(10):
        for times, proxy, group in zip(best, (alone, crowded), peers):
            used = procs.cpu_seconds(proxy.pids())
            trips = round_trips(group, count)
            used = procs.cpu_seconds(proxy.pids()) - used
            times.append((statistics.median(trips), percentile(trips, 0.99), used / count))
        free, beside = ([min(column) * 1e6 for column in zip(*times)] for times in best)
        within = all(more < 2 * less for less, more in zip(free, beside))
        if len(best[0]) >= 3 and within:
            break
    figures = ("median %.0f us alone and %.0f us beside %d idle sessions, p99 %.0f and %.0f us, "
               "CPU %.1f and %.1f us" % (free[0], beside[0], idle, free[1], beside[1],
                                         free[2], beside[2]))
    t.note(figures)
    check_time(within, figures)


@case(67, "idle sessions cost no CPU and no wake-ups",
      "a bound of this suite")
def idle_cpu(t):
    """Thousands of open, silent sessions: under 1 % of a core, no periodic work for each."""
    echo = t.echo()
    proxy = t.start(echo)
    count = min(t.scale(1000, 10000), descriptor_room())
    idle_crowd(t, proxy, count)
    seconds = t.scale(2.0, 20.0)
    time.sleep(0.2)  # what the last connects caused is over
    woken = procs.wakeups(proxy.pids())
    share = proxy.cpu_share(seconds)
    rate = (procs.wakeups(proxy.pids()) - woken) / seconds
    t.note("%d idle sessions: CPU %.2f %%, %.0f wake-ups a second" % (count, share * 100, rate))
    check_time(share < 0.01, "%d idle sessions use %.1f %% CPU" % (count, share * 100))
    check_time(rate < max(50, count / 20), "%.0f wake-ups a second for %d idle sessions"
               % (rate, count))
