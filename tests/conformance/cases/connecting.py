"""Cases 18 to 23, 25 and 26: which upstream, how soon, and what if there is none."""

from __future__ import annotations

import time
from typing import List

from case import ANY, INET, case
from cases import health
from drivers.config import Endpoint, Launch
from ends.client import Crowd, NotConnected, connect, wait_for_end
from ends.load import percentile
from ends.peer import Ending
from ends.stream import Job, all_done
from ends.upstream import Acceptor
from kernel.net import address_of, readable
from kernel.netns import Namespace
from verdict import Failed, check, check_time, wait_until


@case(18, "a refused connect goes to the next server within 50 ms",
      "RFC 9293, 3.10.7.3", ANY, ("failover",))
def next_server(t):
    """One of two servers refuses connects, then two of three: every client is served.

    A refused connect is known at once (RFC 9293 section 3.10.7.3), no byte has been sent yet: a
    second attempt elsewhere is safe and invisible. Where servers are checked, soon no client meets
    the closed port first; the server is given clients again when it listens again.
    """
    beside = [Job(health.refusing_is_spared, t)] if t.has("health") else []
    echo = t.echo()
    proxy = t.start(t.refusing_address(), echo)
    waits = []
    for _ in range(20):
        start = time.monotonic()
        t.echo_session(proxy).close()
        waits.append(time.monotonic() - start)
    slow = percentile(waits, 0.9)
    check_time(slow < 0.05, "clients that met the closed port waited %.0f ms" % (slow * 1e3))
    if t.has("access_log"):
        tried = [record.attempts for record in proxy.wait_records(20)]
        check(max(tried) >= 2, "no record shows a second attempt")
    proxy = t.start(t.refusing_address(), t.refusing_address(), echo)
    waits = []
    for _ in range(9):
        start = time.monotonic()
        t.echo_session(proxy).close()
        waits.append(time.monotonic() - start)
    check_time(max(waits) < 0.1, "a client that met two closed ports waited %.0f ms"
               % (max(waits) * 1e3))
    all_done(beside)


@case(19, "a silent server costs connect_timeout, then the next is tried",
      "its own connect timeout", INET, ("failover", "connect_timeout"))
def black_hole(t):
    """A server that never answers a SYN: after connect_timeout (+-10 %) the other one serves.

    Where servers are checked, soon no client meets the silent one.
    """
    limit = t.scale(0.6, 3.0)
    beside = [Job(health.hole_is_spared, t, limit)] if t.has("health") else []
    proxy = t.start(t.black_hole(), t.echo(), connect_timeout=limit)
    waits = []
    for _ in range(2):  # whichever comes first in turn, one of the two meets the hole
        start = time.monotonic()
        t.echo_session(proxy)
        waits.append(time.monotonic() - start)
    check_time(limit * 0.9 <= max(waits) <= limit * 1.1 + 0.05,
               "connect_timeout %.1f s: the client was served after %.2f s" % (limit, max(waits)))
    t.note("served after %.3f s" % max(waits))
    all_done(beside)


@case(20, "no server at all: the client is told, at once or when retrying is over",
      "a bound of this suite", ANY)
def nobody(t):
    """Every server refuses: the client's connection ends within a second, and the log says why.

    A client left hanging cannot tell a dead service from a slow one. A proxy that goes round
    again for a server that may be back soon is asked not to; then, for half a second, to do so.
    Where all servers have failed their checks, the client is told at once, or at the end of its
    time in the queue.
    """
    beside = [Job(health.all_are_down, t, told_soon)] if t.has("health") else []
    told_soon(t, t.start(t.refusing_address(), t.refusing_address(), retry_for=0.0))
    if t.has("retry"):
        limit = t.scale(0.5, 2.0)
        proxy = t.start(t.refusing_address(), t.refusing_address(), retry_for=limit)
        told_soon(t, proxy, retry_for=limit)
    all_done(beside)


def told_soon(t, proxy, retry_for: float = 0.0) -> None:
    start = time.monotonic()
    try:
        end = t.connect(proxy).ending(within=1.0 + retry_for)
    except NotConnected:  # the reset was faster than connect(2)
        end = Ending("reset")
    took = time.monotonic() - start
    check(end.how != "open", "a client without a server was left hanging for %.1f s"
          % (1.0 + retry_for))
    t.note("ended by %s after %.0f ms" % (end, took * 1e3))
    if t.promises("no_upstream_reset") and t.family != "unix":
        check(end.how == "reset", "the client saw %s where a reset was due" % end)
    if t.has("access_log"):
        record = proxy.wait_records(1)[0]
        says = proxy.driver.says(record, "no_upstream")
        check(says is not False, "the log's reason is %s" % record.reason)


@case(21, "a server that accepts and closes is not retried elsewhere",
      "RFC 9110, 9.2.2", ANY, ("failover",))
def no_second_server(t):
    """Once a connection stood, its end is the session's end: bytes must not be sent twice.

    A proxy cannot know what the first server has done with the bytes; RFC 9110 section 9.2.2
    forbids automatic retries of non-idempotent requests for the same reason.
    """
    first, second = t.upstream(name="the closing server"), t.upstream(name="the other server")
    proxy = t.start(first, second)
    met = 0
    for talk in (False, True) * 5:
        client = t.connect(proxy)
        if talk:
            client.send(b"pay 100")
        server = t.keep(accept_either(first, second))
        if server.who == second.name:
            client.close()
            server.close()
            continue
        met += 1
        if talk:
            server.receive(7)
            server.reset()
        else:
            server.close()
        wait_for_end(client.sock, 1.0)
        second.expect_nobody(0.05)
        client.close()
    check(3 <= met <= 7, "the closing server was given %d of 10 sessions: closing at once was "
          "taken for a failed connect" % met)


def accept_either(first, second):
    ready = readable([first.listener, second.listener], 5.0)
    if not ready:
        raise Failed("the session reached neither server")
    return (first if first.listener in ready else second).accept()


@case(22, "a client that leaves while the connect is pending cancels it",
      "RFC 9293, 3.10.7.4", INET)
def abandoned(t):
    """The client resets while the proxy waits for a silent server: nothing of it may stay.

    Otherwise a scan with a dead server behind it collects sockets for connect_timeout each. What
    the client has sent before, and whether it has half-closed, makes no difference.
    """
    proxy = t.start(t.black_hole(), connect_timeout=20.0)
    idle = proxy.descriptors()
    for opening in ("", "a request", "a request and FIN"):
        client = t.connect(proxy)
        wait_until(lambda: bool(proxy.sockets("SYN_SENT")), 2.0, "the proxy did not try to connect")
        client.send(opening.encode())
        if "FIN" in opening:
            client.half_close()
        wait_until(proxy.asleep, 1.0, "the proxy does not sleep while it connects")
        client.reset()
        wait_until(lambda: not proxy.sockets("SYN_SENT"), 1.0,
                   "the proxy still connects for a client that has reset after " +
                   (opening or "nothing"))
        wait_until(lambda: proxy.descriptors() <= idle, 1.0, "a descriptor is left over")
    t.expect_reason(proxy, "client_reset", count=3)


@case(23, "weights 3:1 are kept to the connection; counts and hashes do what they say",
      "its own words for how servers are chosen", ANY, ("weights",))
def weights(t):
    """Weighted round robin is exact: of every 4 sessions 3 go to the heavier server.

    Where the fewest sessions decide, 64 clients that come together and stay leave no server two
    ahead of another. Where the client's address decides by a consistent hash, a fifth server of
    equal weight takes its share of the clients, 1/5, and the others stay where they were.
    """
    by_turns(t)
    if t.has("least_connections"):
        by_fewest(t)
    if t.family == "tcp4" and t.has("source_hash"):  # the others have one source on this machine
        by_source(t)


def by_turns(t) -> None:
    count = t.scale(400, 4000)
    heavy, light = t.upstream(), t.upstream()
    got = [t.keep(Acceptor(heavy)), t.keep(Acceptor(light))]
    proxy = t.start(Endpoint(heavy.address, weight=3), Endpoint(light.address, weight=1))
    for begun in range(0, count, 100):
        for _ in range(100):
            t.connect(proxy)
        wait_until(lambda: sum(len(a.socks) for a in got) >= begun + 100, 5.0,
                   "not every client was given a server")
    share = len(got[0].socks)
    check(abs(share - count * 3 // 4) <= 1,
          "%d of %d sessions went to the server of weight 3 (of 4)" % (share, count))


def by_fewest(t) -> None:
    servers = [t.upstream() for _ in range(3)]
    got = [t.keep(Acceptor(server)) for server in servers]
    proxy = t.start(*servers, balance="least_connections")
    t.keep(Crowd(proxy.address, 64))
    wait_until(lambda: sum(len(a.socks) for a in got) >= 64, 5.0,
               "not every client was given a server")
    counts = [len(a.socks) for a in got]
    check(max(counts) - min(counts) <= 1, "the fewest sessions were to decide: of 64 clients that "
          "came together the servers have %s" % " ".join(map(str, counts)))


def by_source(t) -> None:
    count = t.scale(1000, 10000)
    got = [t.keep(Acceptor(t.upstream())) for _ in range(5)]
    places = [places_of(t, got[:size], count) for size in (4, 5)]
    moved = sum(1 for before, after in zip(*places) if before != after)
    t.note("a fifth server took %.1f %% of the sources" % (100.0 * moved / count))
    check(moved <= count * (1 / 5 + 0.05), "a fifth server moved %d of %d sources (%d were to)"
          % (moved, count, count // 5))
    check(places[1].count(4) >= count * (1 / 5 - 0.1),
          "the fifth server was given %d of %d sources" % (places[1].count(4), count))


def places_of(t, got, count: int) -> List[int]:
    """To which of the servers each source was given."""
    proxy = t.start(*[Endpoint(address_of(a.listener)) for a in got], balance="source_hash")
    places = []
    for number in range(count):
        counts = [len(a.socks) for a in got]
        source = "127.1.%d.%d" % (number // 250, number % 250 + 1)
        client = connect(proxy.address, source=(source, 0))
        wait_until(lambda: sum(len(a.socks) for a in got) > sum(counts), 5.0,
                   "a client was not given a server")
        client.reset()
        places.append(next(i for i, a in enumerate(got) if len(a.socks) > counts[i]))
    return places


@case(25, "a full server: the rest waits in order, up to queue_timeout",
      "its own queue", ANY, ("queue",))
def queue(t):
    """10 of 15 clients are served, 5 wait; each close admits the one that has waited longest.

    Then a queue that does not move: its clients are ended after queue_timeout. And a client that
    leaves the queue no longer counts in it.
    """
    upstream = t.upstream()
    proxy = t.start(Endpoint(upstream.address, max_connections=10), queue_timeout=20.0)
    base, clients, servers = proxy.descriptors(), [], []
    for index in range(15):
        clients.append(t.connect(proxy))
        clients[-1].send(b"%2d" % index)
        if index < 10:
            servers.append(t.keep(upstream.accept()))
            servers[-1].expect_same(servers[-1].receive(2), b"%2d" % index)
        # The order of the queue is only defined once the proxy has taken each of them.
        expected = base + (2 * (index + 1) if index < 10 else 20 + index - 9)
        wait_until(lambda: proxy.descriptors() >= expected and proxy.asleep(), 2.0,
                   "the proxy does not accept, or does not sleep while clients wait")
    upstream.expect_nobody(0.1)
    for index in range(10, 15):
        servers[index - 10].close()
        clients[index - 10].close()
        servers.append(t.keep(upstream.accept()))
        servers[-1].expect_same(servers[-1].receive(2), b"%2d" % index)

    limit = t.scale(0.8, 5.0)
    proxy = t.start(Endpoint(upstream.address, max_connections=1), queue_timeout=limit)
    t.session(proxy, upstream)
    waiting = t.connect(proxy)
    took = wait_for_end(waiting.sock, limit * 2)
    check_time(took >= limit * 0.95, "queue_timeout %.1f s ended the wait after %.2f s"
               % (limit, took))
    t.expect_reason(proxy, "queue_timeout")
    t.note("queue_timeout %.1f s: ended after %.2f s" % (limit, took))
    leave_queue(t, upstream)


def leave_queue(t, upstream) -> None:
    """The first of two waiting clients resets: its descriptor is closed, the second moves up."""
    proxy = t.start(Endpoint(upstream.address, max_connections=1), queue_timeout=20.0)
    client, server = t.session(proxy, upstream)
    waiting, full = [], proxy.descriptors()
    for index in range(2):
        waiting.append(t.connect(proxy))
        wait_until(lambda: proxy.descriptors() > full + index and proxy.asleep(), 2.0,
                   "the proxy does not accept, or does not sleep while clients wait")
    waiting[1].send(b"second")
    if t.family != "unix":  # where there is no reset, leaving looks like having no more to say
        waiting[0].reset()
        wait_until(lambda: proxy.descriptors() <= full + 1, 1.0,
                   "a client that has reset in the queue is kept there")
        client.close()
        server.close()
        server = t.keep(upstream.accept())
        server.expect_same(server.receive(6), b"second")
        upstream.expect_nobody(0.05)


@case(26, "running out of ports is an ordinary failure",
      "ip(7), IP_BIND_ADDRESS_NO_PORT")
def ports(t):
    """100 ephemeral ports and two servers carry 200 sessions; the 201st fails, nothing else.

    A source address bound without IP_BIND_ADDRESS_NO_PORT (ip(7)) reserves a port for all
    destinations: only 100 sessions. EADDRNOTAVAIL must not kill, spin or hang.
    """
    space = t.keep(Namespace("ports"))
    with space.inside():
        servers = [t.upstream(host=host) for host in ("127.0.0.1", "127.0.0.2")]
        listen = t.listen_address(host="127.0.0.1")
    # Below the range that the listeners' own ports came from: one of them would be one too few.
    space.sysctl("ipv4/ip_local_port_range", "19000 19099")
    source = "127.0.0.1" if t.has("source_address") else ""
    proxy = t.start(*servers, binds=[listen], source_address=source, retry_for=0.0,
                    launch=Launch(netns=space.name))
    numbers = iter(range(11000, 12000))
    with space.inside():
        pairs = [pair_of(t, proxy, servers, next(numbers), "before any was full")
                 for _ in range(200)]
        one_too_many(t, proxy, next(numbers))
        proxy.check_alive()
        share = proxy.cpu_share(0.3)
        check_time(share < 0.2, "out of ports, the proxy uses %.0f %% CPU" % (share * 100))
        for client, server in pairs[:50]:
            server.reset()  # leaves no TIME_WAIT that would keep the port
            client.close()
        for _ in range(5):
            pair_of(t, proxy, servers, next(numbers), "when ports were free again")


def one_too_many(t, proxy, port: int) -> None:
    """The client has to learn of the end soon, in whatever way."""
    try:
        wait_for_end(t.connect(proxy, source=("127.0.0.1", port)).sock, 5.0)
    except NotConnected:  # the reset was faster than connect(2)
        pass


def pair_of(t, proxy, servers, port: int, when: str):
    """A session; the client brings a port of its own, outside the narrow range."""
    try:
        client = t.connect(proxy, source=("127.0.0.1", port))
    except NotConnected:  # the reset was faster than connect(2)
        client = None
    ready = client and readable([server.listener for server in servers], 3.0)
    if not ready:
        raise Failed("session %d was not served, %s (two servers, 100 ports for each)"
                     % (port - 11000 + 1, when))
    server = next(server for server in servers if server.listener in ready)
    return client, t.keep(server.accept())
