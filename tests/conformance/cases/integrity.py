"""Cases 1 to 3 and 27: bytes arrive, all of them, in order, at once."""

from __future__ import annotations

import random
import socket
import statistics
import time

from case import ANY, case
from ends.client import connect
from ends.load import percentile, round_trips
from ends.stream import Job, Stream, all_done, payload
from kernel.net import FAMILIES, FAMILY_FEATURE, usable
from verdict import check, check_time

MIB = 1 << 20
NAGLE_S = 0.035      # Linux delays an ACK for 40 ms at least: that is how long Nagle waits
ALLOCATOR = 4 << 20  # what an allocator may keep beyond the buffers themselves


@case(1, "one byte there and back: no delay, no Nagle stall",
      "RFC 9293, 3.7.4", ANY)
def one_byte(t):
    """A byte is echoed within 5 ms of the direct way, and two small writes in a row do not wait.

    With Nagle's algorithm (RFC 9293 section 3.7.4) a second small segment waits for the ACK of
    the first, which the receiver may delay (RFC 9293 section 3.8.6.3; 40 ms on Linux). RFC 9293
    MUST-17 demands a way to switch it off; a proxy, which does not know whether more will come,
    has to use it on both sides.
    """
    echo = t.echo()
    proxy = t.start(echo)
    count = t.scale(2000, 10000)
    with_proxy = round_trips([t.echo_session(proxy)], count)
    direct = round_trips([t.keep(connect(echo.address))], count)
    added = statistics.median(with_proxy) - statistics.median(direct)
    check_time(added < 0.005, "the proxy adds %.1f ms to a round trip" % (added * 1e3))
    worst = percentile(with_proxy, 0.99)
    check_time(worst < NAGLE_S, "1 %% of the round trips take %.0f ms and more" % (worst * 1e3))
    t.note("median round trip %+.0f us, p99 %.0f us" % (added * 1e6, worst * 1e6))

    upstream = t.upstream()
    client, server = t.session(t.start(upstream), upstream)
    for sender, receiver in ((client, server), (server, client)):
        check_small_writes(t.family, sender, receiver)


def check_small_writes(family: str, sender, receiver) -> None:
    """Sends pairs of bytes, the second when the first has arrived; no second one may dawdle."""
    if family != "unix":  # an interactive receiver: delay the ACKs from the start
        receiver.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    waits = []
    for _ in range(40):
        sender.send(b"1")
        receiver.receive(1)
        start = time.perf_counter()
        sender.send(b"2")
        receiver.receive(1)
        waits.append(time.perf_counter() - start)
        receiver.send(b".")
        sender.receive(1)
    stalls = sum(1 for wait in waits if wait > NAGLE_S)
    check(stalls <= 2, "%d of 40 second small writes from %s took over %d ms: Nagle's algorithm "
          "is on towards %s" % (stalls, sender.who, NAGLE_S * 1e3, receiver.who))


@case(2, "large random streams both ways at once, memory bounded",
      "RFC 9293, 3.1", ANY)
def both_ways(t):
    """Every byte of two long streams is compared; the proxy's memory stays within its buffers.

    RFC 9293 section 3.1: TCP is "a reliable, in-order, byte-stream service". Two such services
    glued together are to be one.
    """
    size = t.scale(48 << 20, 1 << 30)
    upstream = t.upstream()
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream)
    client.send(b"warm")
    server.receive(4)
    before, peak = proxy.rss(), [0]
    up, down = Stream(1), Stream(2)
    jobs = [Job(up.send, client, size), Job(up.expect, server, size),
            Job(down.send, server, size), Job(down.expect, client, size)]
    jobs.append(Job(watch_memory, proxy, before, peak, jobs[:]))
    all_done(jobs, within=600)
    allowed = 2 * 2 * proxy.config.buffer + ALLOCATOR
    check(peak[0] < allowed, "memory grew by %d KiB for one session (%d KiB allowed)"
          % (peak[0] >> 10, allowed >> 10))
    t.note("memory grew by %d KiB" % (peak[0] >> 10))
    for other in FAMILIES:
        if other != t.family and usable(other) and FAMILY_FEATURE[other] not in t.driver.lacks:
            mixed_families(t, other)


def mixed_families(t, other: str) -> None:
    """A listener of one family in front of a server of another."""
    upstream = t.upstream(other)
    client, server = t.session(t.start(upstream), upstream)
    data = payload(3, MIB)
    for sender, receiver in ((client, server), (server, client)):
        writer = Job(sender.send, data)
        receiver.expect_same(receiver.receive(len(data)), data)
        writer.done()


def watch_memory(proxy, before: int, peak, jobs) -> None:
    while all(job.running() for job in jobs):
        peak[0] = max(peak[0], proxy.rss() - before)
        time.sleep(0.02)


@case(3, "one-byte writes and random chunk sizes keep order",
      "RFC 9293, 3.1", ANY)
def chunks(t):
    """However a stream is cut into writes, the same bytes arrive in the same order."""
    upstream = t.upstream()
    client, server = t.session(t.start(upstream), upstream)
    tiny = payload(3, t.scale(20000, 1000000))
    slicer = Job(lambda: [client.send(tiny[i:i + 1]) for i in range(len(tiny))])
    server.expect_same(server.receive(len(tiny)), tiny)
    slicer.done()

    dice = random.Random(4)
    sizes = [dice.randint(1, 65536) for _ in range(t.scale(400, 16000))]
    stream, total = Stream(5), sum(sizes)
    for sender, receiver in ((client, server), (server, client)):
        all_done([Job(send_pieces, sender, stream, sizes), Job(stream.expect, receiver, total)])


def send_pieces(sender, stream: Stream, sizes) -> None:
    position = 0
    for size in sizes:
        sender.send(stream.read(position, size))
        position += size


@case(27, "a server that speaks first is heard in one round trip",
      "RFC 4253, 4.2; RFC 5321, 3.1", ANY)
def banner(t):
    """The upstream is connected when the client connects, not when it first speaks.

    RFC 4253 section 4.2: "When the connection has been established, both sides MUST send an
    identification string"; SMTP (RFC 5321 section 3.1) and MySQL open with a greeting, too. A
    proxy that waits for the client's first byte deadlocks with a client that waits for it.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    waits = []
    for _ in range(7):
        start = time.perf_counter()
        client, server = t.session(proxy, upstream)
        server.send(b"SSH-2.0-conformance\r\n")
        client.expect_same(client.receive(21), b"SSH-2.0-conformance\r\n")
        waits.append(time.perf_counter() - start)
    middle = statistics.median(waits)
    check_time(middle < 0.05, "the banner takes %.0f ms" % (middle * 1e3))
    t.note("banner after %.1f ms" % (middle * 1e3))
