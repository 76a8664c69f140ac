"""Cases 32 to 36: crowds and bytes of ill will."""

from __future__ import annotations

import random
import statistics
import time

from case import ANY, INET, TCP4, case
from cases.operator import garbage_for_operator
from drivers.config import Endpoint, Launch
from ends import hostile
from ends.client import Crowd, connect, has_ended, wait_for_end
from ends.load import round_trips
from ends.peer import Peer
from ends.stream import Job, Stream
from kernel import netns, procs
from kernel.cgroups import MemoryGroup
from verdict import Failed, NotApplicable, check, check_time, wait_until

MIB = 1 << 20


@case(32, "slow-loris: the deadline counts from accept, not from the last byte",
      "its own timeout", INET, ("slow_client",))
def slow_loris(t):
    """Hundreds of clients send a byte now and then: each is closed at its deadline.

    The proxy's bound on such clients (time to a complete ClientHello, or the lifetime of a
    session) must not start again with every byte, or one byte per timeout holds a connection
    for ever.
    """
    slow_hellos(t, "plain")
    if t.has("sni"):
        slow_hellos(t, "sni")
    if t.has("max_lifetime"):
        lifetime_before_connect(t)
    if t.has("lifetime_jitter"):
        lifetime_jitter(t)


def slow_hellos(t, kind: str) -> None:
    limit = t.scale(1.0, 10.0)
    upstream = t.upstream()
    proxy = t.start(upstream, slow_client_deadline=limit, listener_kind=kind)
    hello = hostile.client_hello()
    count = t.scale(200, 5000)
    began, lives = {}, []
    for _ in range(count):
        sock = t.connect(proxy).sock
        began[sock] = time.monotonic()
    last, tick, sent = time.monotonic() + limit * 1.5 + 0.5, time.monotonic(), 0
    while began and time.monotonic() < last:
        if time.monotonic() >= tick and sent < len(hello) - 1:
            trickle(began, hello[sent:sent + 1])
            sent, tick = sent + 1, tick + limit / 8
        for sock in [sock for sock in began if has_ended(sock)]:
            lives.append(time.monotonic() - began.pop(sock))
        time.sleep(0.01)
    check(not began, "%d of %d slow clients outlived their deadline of %.1f s"
          % (len(began), count, limit))
    check_time(min(lives) >= limit * 0.95 and max(lives) <= limit * 1.1 + 0.2,
               "deadline %.1f s, clients were closed after %.2f to %.2f s"
               % (limit, min(lives), max(lives)))
    t.note("%s: closed after %.2f to %.2f s" % (kind, min(lives), max(lives)))
    t.expect_reason(proxy, "slow_client", count)


def lifetime_before_connect(t) -> None:
    """A lifetime begins at accept: with a silent server, and behind the queue of a full one."""
    limit = t.scale(0.7, 5.0)
    proxy = t.start(t.black_hole(), connect_timeout=20.0, max_lifetime=limit)
    waits_its_life(t, proxy, limit, "while it connects")
    if t.has("queue"):
        upstream = t.upstream()
        proxy = t.start(Endpoint(upstream.address, max_connections=1), queue_timeout=20.0,
                        max_lifetime=limit)
        t.session(proxy, upstream)
        time.sleep(limit / 2)  # so long will the next one have the server for itself
        waits_its_life(t, proxy, limit, "of which it has waited the first half in a queue")


def waits_its_life(t, proxy, limit: float, where: str) -> None:
    client, start = t.connect(proxy), time.monotonic()
    try:
        wait_for_end(client.sock, limit * 3)
    except Failed:
        raise Failed("a session outlives its lifetime of %.1f s %s" % (limit, where))
    took = time.monotonic() - start
    check_time(limit * 0.95 <= took <= limit * 1.1 + 0.2,
               "a lifetime of %.1f s ended after %.2f s %s" % (limit, took, where))
    t.expect_reason(proxy, "slow_client")


def lifetime_jitter(t) -> None:
    """Sessions that began together end apart, earlier than their lifetime and never later."""
    limit, jitter, count = t.scale(1.0, 5.0), 0.5, 40
    proxy = t.start(t.echo(), max_lifetime=limit, lifetime_jitter=jitter)
    began = {t.echo_session(proxy).sock: time.monotonic() for _ in range(count)}
    lives = []
    while began and time.monotonic() < max(began.values()) + limit * 2:
        for sock in [sock for sock in began if has_ended(sock)]:
            lives.append(time.monotonic() - began.pop(sock))
        time.sleep(0.005)
    check(not began, "%d sessions outlived their lifetime" % len(began))
    check_time(min(lives) >= limit * (1 - jitter) * 0.95 and max(lives) <= limit * 1.1 + 0.1,
               "lifetime %.1f s, up to %.0f %% less: sessions ended after %.2f to %.2f s"
               % (limit, jitter * 100, min(lives), max(lives)))
    spread = statistics.pstdev(lives) / (limit * jitter)  # 0.29 where all moments are as likely
    check(0.15 < spread < 0.45, "lifetimes are spread by %.2f of the jitter, not at random"
          % spread)
    t.note("with a jitter of 50 %% sessions lived %.2f to %.2f s" % (min(lives), max(lives)))


def trickle(socks, byte: bytes) -> None:
    for sock in socks:
        try:
            sock.send(byte)
        except OSError:
            pass  # ended meanwhile; the next look counts it


@case(33, "SYN flood, and connections that are dead when accepted",
      "RFC 4987; accept(2)")
def syn_flood(t):
    """A crowd that never completes its handshakes disturbs neither sessions nor newcomers.

    First, without privileges: clients that reset before they are accepted; accept(2) hands
    them over all the same, and what is then asked of the socket fails (getpeername(2):
    ENOTCONN). Errors of one connection are not errors of the listener. Then, with a network
    namespace, SYNs from addresses that do not exist (RFC 4987), more than any backlog holds.
    """
    echo = t.echo()
    proxy = t.start(echo)
    guest = t.echo_session(proxy)
    dead_on_arrival(proxy, 100)
    round_trips([guest], 10)
    t.echo_session(proxy)
    try:
        wire = t.keep(netns.Wire())
    except NotApplicable as reason:
        t.note("part not judged: SYN flood: %s" % reason)
        return
    with wire.near.inside():
        echo = t.echo(host="127.0.0.1")
        listen = t.listen_address(host=wire.NEAR)
    proxy = t.start(echo, binds=[listen], launch=Launch(netns=wire.near.name))
    with wire.far.inside():
        guest = t.echo_session(proxy)
        flood = Job(flood_inside, wire.far, listen, t.scale(20000, 1000000))
        waits = []
        while flood.running():
            waits += round_trips([guest], 20)
        flood.done()
        start = time.monotonic()
        t.echo_session(proxy)
        newcomer = time.monotonic() - start
    check_time(statistics.median(waits) < 0.02, "a round trip takes %.0f ms during the flood"
               % (statistics.median(waits) * 1e3))
    check_time(newcomer < 3.5, "after the flood a new client waits %.1f s" % newcomer)
    t.note("round trip %.0f us during the flood, then a new client in %.0f ms"
           % (statistics.median(waits) * 1e6, newcomer * 1e3))


def flood_inside(space, listen, count: int) -> None:
    with space.inside():
        hostile.syn_flood(listen.host, listen.port, count)


def dead_on_arrival(proxy, count: int) -> None:
    """While the proxy is stopped, clients connect and reset; then it continues."""
    with proxy.frozen():
        for _ in range(count):
            connect(proxy.address).reset()


@case(34, "64 MiB of memory and many stalled sessions: nobody is killed",
      "a bound of this suite", TCP4)
def memory_budget(t):
    """In a memory cgroup, with dozens of readers that never read: the proxy lives and recovers.

    What the proxy does with new clients at the limit (serve, reject, make wait) is noted, not
    judged; being killed by the kernel is the one wrong answer, because it ends every session.
    """
    group = t.keep(MemoryGroup(64 * MIB))
    upstream = t.upstream(sndbuf=16384)
    proxy = t.start(upstream, buffer_memory=16 * MIB, launch=Launch(cgroup=group.path))
    stream, pairs, pushed = Stream(34), [], 0
    for _ in range(t.scale(40, 400)):
        pairs.append(t.session(proxy, upstream, rcvbuf=4096))
        pushed += pairs[-1][1].send_until_blocked(stream.read, 0.02, 12 * MIB)
        check(group.kills() == 0, "the kernel killed the proxy for want of memory after %d "
              "stalled sessions" % len(pairs))
    t.note("%d MiB were pushed at %d stalled readers, memory %d MiB, a newcomer is %s"
           % (pushed >> 20, len(pairs), proxy.rss() >> 20, newcomer_is(proxy, upstream)))
    for client, server in pairs:
        client.reset()
        server.close()
    start = time.monotonic()
    while newcomer_is(proxy, upstream) != "served":
        check_time(time.monotonic() - start < 2.0,
                   "the readers have gone and no new client is served")
    check(group.kills() == 0, "the kernel killed the proxy for want of memory")


def newcomer_is(proxy, upstream) -> str:
    """What happens to one more client: served, rejected or kept waiting."""
    client = None
    try:
        client = connect(proxy.address)
        client.send(b"new")
        server = upstream.accept(within=0.5)
        got = server.receive(3, within=0.5)
        server.close()
        return "served" if got == b"new" else "served wrongly"
    except Failed:
        return "rejected" if client is None or has_ended(client.sock) else "kept waiting"
    finally:
        if client:
            client.close()


@case(35, "thousands of connects and closes leave nothing behind",
      "a bound of this suite", ANY)
def churn(t):
    """Silent ones, talking ones, resets: descriptors and memory return to where they were."""
    echo = t.echo()
    proxy = t.start(echo)
    cycles = t.scale(2000, 1000000)
    for cycle in range(cycles // 4):
        one_cycle(proxy, cycle)
    idle, before = settled(proxy), proxy.rss()
    for cycle in range(cycles):
        one_cycle(proxy, cycle)
    left = settled(proxy) - idle
    check(left <= 0, "%d descriptors are left after %d sessions" % (left, cycles))
    grown = proxy.rss() - before
    check(t.driver.sanitized or grown < 2 * MIB + before // 100,
          "memory grew by %d KiB over %d sessions" % (grown >> 10, cycles))
    t.note("memory %+d KiB over %d sessions, %d sockets in TIME_WAIT towards the server"
           % (grown >> 10, cycles, 0 if t.family == "unix" else
              procs.time_wait_count(proxy.pid, echo.address.port)))


def one_cycle(proxy, cycle: int) -> None:
    client: Peer = connect(proxy.address)
    kind = cycle % 4
    if kind:
        client.send(b"cycle")
        client.receive(5)
    if kind == 1:
        client.half_close()
        wait_for_end(client.sock, 5.0)
    if kind == 2:
        client.reset()
    client.close()


def settled(proxy) -> int:
    """Descriptors once they have stopped falling."""
    lowest, since = proxy.descriptors(), time.monotonic()
    while time.monotonic() - since < 0.3:
        now = proxy.descriptors()
        if now < lowest:
            lowest, since = now, time.monotonic()
        time.sleep(0.01)
    return lowest


@case(36, "garbage on every kind of listener",
      "RFC 9293, 3.1", INET)
def garbage(t):
    """Random bytes, some dressed as TLS, HTTP or PROXY: a plain listener relays them unchanged.

    Listeners that parse (PROXY protocol, SNI), where the proxy has them, close; afterwards
    they still serve clients that speak properly. So it is with the operator's socket.
    """
    upstream = t.upstream()
    dice = random.Random(36)
    proxy = t.start(upstream)
    for index in range(t.scale(40, 2000)):
        data = hostile.garbage(dice)
        client, server = t.session(proxy, upstream)
        client.send(data)
        server.expect_same(server.receive(len(data)), data)
        (client.reset if index % 2 else client.close)()
        server.close()
    for kind, opening in (("sni", b""), ("proxy_protocol", b"PROXY UNKNOWN\r\n")):
        if not t.has(kind):
            continue
        proxy = t.start(upstream, listener_kind=kind)
        crowd = t.keep(Crowd(proxy.address, 0))
        for _ in range(t.scale(40, 2000)):
            send_garbage(crowd.add(), dice)
        wait_until(lambda: all_dismissed(crowd, upstream), 5.0,
                   "garbage holds connections open on a listener of kind " + kind)
        client = t.connect(proxy)
        greeting = hostile.client_hello()
        client.send(opening + greeting)
        server = upstream.accept()
        server.expect_same(server.receive(len(greeting)), greeting)
    if t.has("admin"):
        garbage_for_operator(t, upstream, dice)


def all_dismissed(crowd, upstream) -> bool:
    """Closed by the proxy, or relayed somewhere by default and closed there."""
    for peer in upstream.accept_all():
        peer.close()
    return crowd.ended() == len(crowd.socks)


def send_garbage(sock, dice) -> None:
    """A blocking send on a fresh connection; being cut off in the middle is fine."""
    sock.settimeout(2.0)
    peer = Peer(sock, "a client of garbage")
    try:
        peer.send(b"\xff" + hostile.garbage(dice))
        peer.half_close()
    except Failed:
        pass
