"""Cases 28 to 31: limits hold exactly, and reaching one harms no other session."""

from __future__ import annotations

import collections
import re
import statistics
import time

from case import ANY, INET, TCP4, case
from cases.operator import answers_its_operator
from drivers.config import Launch
from ends.client import Crowd, NotConnected, connect, has_ended, wait_for_end
from ends.load import round_trips
from ends.upstream import Acceptor
from kernel.net import Address, readable, usable
from kernel.netns import Namespace
from verdict import Failed, NotApplicable, check, check_time, holds_for, wait_until


@case(28, "out of descriptors: no spinning, no log storm, recovery in a second",
      "accept(2), EMFILE", ANY)
def out_of_descriptors(t):
    """RLIMIT_NOFILE allows a few sessions; 200 more arrive.

    accept(2): EMFILE leaves the connection in the queue, so that a level-triggered loop that
    just tries again uses a whole core and fills the disk with log lines. Sessions that exist
    must not feel it, and a second after the crowd has gone new ones are served.
    """
    echo = t.echo()
    first = t.start(echo)
    t.echo_session(first).close()
    idle = first.most_descriptors()
    first.kill()
    t.expect_dead(first)
    # A session takes two descriptors: one limit runs out at accept(2), the other at socket(2).
    for room in (idle + 16, idle + 17):
        at_the_limit(t, t.start(echo, launch=Launch(fd_limit=room)))


def at_the_limit(t, proxy) -> None:
    guests = [t.echo_session(proxy) for _ in range(3)]
    quiet = proxy.driver.error_text(proxy)
    crowd = t.keep(Crowd(proxy.address, 200))
    seconds = t.scale(1.0, 10.0)
    share = proxy.cpu_share(seconds)
    said = proxy.driver.error_text(proxy)[len(quiet):].splitlines()
    delay = statistics.median(round_trips(guests, 30))
    crowd.close()
    check_time(share < (0.2 if t.driver.sanitized else 0.05),
               "the proxy uses %.0f %% CPU at its limit of descriptors" % (share * 100))
    check_time(delay < 0.02, "a round trip of an existing session takes %.0f ms" % (delay * 1e3))
    check_log_rate(t, said, seconds)
    t.note("CPU %.1f %%, %d log lines in %.0f s" % (share * 100, len(said), seconds))
    start = time.monotonic()
    while not served_at_once(proxy):
        check_time(time.monotonic() - start < 1.0,
                   "a second after the crowd has gone no new client is served")


def check_log_rate(t, lines, seconds: float) -> None:
    """No storm; from a proxy that promises quiet, one line of each kind per 5 s."""
    kinds = collections.Counter(re.sub(r"[\d:.\[\]]+", "#", line) for line in lines)
    kind, most = (kinds.most_common(1) or [("", 0)])[0]
    words = re.sub(r"[#/*\s]+", " ", kind).strip()[:70]
    check(len(lines) <= 20 * seconds, "a storm of %d log lines in %.0f s for 200 connects, such "
          "as: %s" % (len(lines), seconds, words))
    if t.promises("quiet_at_emfile"):
        check(most <= 1 + seconds / 5, "%d times in %.0f s: %s" % (most, seconds, kind[:100]))


def served_at_once(proxy) -> bool:
    client = None
    try:
        client = connect(proxy.address)
        client.send(b"?")
        return client.receive(1, within=0.2) == b"?"
    except Failed:
        return False
    finally:
        if client:
            client.close()


@case(29, "the connection limit is exact, also in a storm",
      "its own limit", INET)
def global_limit(t):
    """Ten times as many clients as the limit connect at once: the server sees the limit, exactly.

    With `close` the others are rejected within a second; with `wait` they are served one by one as
    sessions end. Both are judged where the proxy has both, for all listeners together and for one.
    Its operator, who has to find out why, is answered at the limit as ever.
    """
    policies = [word for word in ("close", "wait") if "limit_" + word not in t.driver.lacks]
    if not policies:
        raise NotApplicable(t.driver.lacks["limit_close"])
    for scope in scopes(t):
        for policy in policies:
            storm(t, policy, scope, t.scale(20, 100))
    t.has("admin")
    t.note("policies: " + ", ".join(policies))


def scopes(t):
    return ("global", "listener") if t.has("listener_limits") else ("global",)


def storm(t, policy: str, scope: str, limit: int) -> None:
    upstream = t.upstream()
    got = t.keep(Acceptor(upstream))
    admin = "admin" not in t.driver.lacks
    proxy = t.start(upstream, max_connections=limit, on_limit=policy, scope=scope, admin=admin)
    crowd = t.keep(Crowd(proxy.address, limit * 10))
    wait_until(lambda: len(got.socks) >= limit, 5.0, "%s: fewer sessions than the limit of %d "
               "were served" % (policy, limit))
    if policy == "close":
        wait_until(lambda: crowd.ended() >= limit * 9, 2.0,
                   "close: clients above the limit are left hanging")
    holds_for(lambda: len(got.socks) <= limit, 0.3,
              "%s: %d and more sessions where the limit is %d" % (policy, limit + 1, limit))
    if admin:
        answers_its_operator(proxy, "at the limit of connections (%s)" % policy)
    check(crowd.ended() == (limit * 9 if policy == "close" else 0),
          "%s: %d of %d clients were ended" % (policy, crowd.ended(), limit * 10))
    for client, server in pairs(crowd, got)[:3]:
        server.close()
        client.close()
        crowd.socks.remove(client)
    if policy == "close":  # free slots again: for new clients
        wait_until(lambda: admitted_again(crowd, got, limit + 3), 2.0,
                   "close: sessions ended and no new one is admitted")
    else:
        wait_until(lambda: len(got.socks) >= limit + 3, 2.0,
                   "wait: sessions ended and none of those waiting is admitted")
    holds_for(lambda: len(got.socks) <= limit + 3, 0.2,
              policy + ": more clients were admitted than sessions had ended")


def pairs(crowd, got):
    """Which client has which server: each server says its number."""
    servers = list(got.socks)
    for number, server in enumerate(servers):
        server.send(b"%04d" % number)
    found = {}

    def listen_to_all() -> bool:
        for client in crowd.socks:
            word = b"" if has_ended(client) or not readable([client], 0) else client.recv(4)
            if word:
                found[client] = servers[int(word)]
        return len(found) == len(servers)

    wait_until(listen_to_all, 2.0, "the servers' greetings do not reach the clients")
    return list(found.items())


def admitted_again(crowd, got, wanted: int) -> bool:
    crowd.add()
    time.sleep(0.02)
    return len(got.socks) >= wanted


@case(30, "five connections per source, the sixth is refused at once",
      "its own limit; RFC 6177; RFC 4291, 2.5.5.2", TCP4, ("per_source",))
def per_source(t):
    """The sixth of one address ends within 10 ms, another address is served, closing gives back.

    IPv6 sources count by prefix: a host has at least a /64 to itself (RFC 6177), so that a limit
    on single addresses would limit no host. IPv4 clients of a dual-stack listener show up as
    ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), all in one /64: they are IPv4 sources all the same.
    And a limit on sources rejects at once also where the policy is to wait: otherwise the one
    source that has too many would hold up all the others.
    """
    upstream = t.upstream()
    waits = "limit_wait" not in t.driver.lacks
    proxy = t.start(upstream, per_source=5, on_limit="wait" if waits else "close")
    mine = [t.session(proxy, upstream) for _ in range(5)]
    waits = [refusal(t, proxy, ("127.0.0.1", 0)) for _ in range(5)]
    check_time(statistics.median(waits) < 0.01, "the sixth was rejected after %.0f ms"
               % (statistics.median(waits) * 1e3))
    upstream.expect_nobody(0.05)
    for _ in range(3):
        t.session(proxy, upstream, source=("127.0.0.9", 0))
    for end in mine[0]:
        end.close()
    regained(t, proxy, upstream, ("127.0.0.1", 0))
    refusal(t, proxy, ("127.0.0.1", 0))
    if t.has("dual_stack") and usable("tcp6"):
        mapped_sources(t, upstream)
    if t.has("per_source_prefix"):
        ipv4_prefix(t, upstream)
        per_prefix(t)


def mapped_sources(t, upstream) -> None:
    """Three IPv4 hosts, two connections each, at a listener for both families."""
    port = t.listen_address("tcp6").port
    bind = Address("tcp6", host="::", port=port)
    proxy = t.start(upstream, binds=[bind], dual_stack=True, per_source=2, ipv6_prefix=64)
    door = Address("tcp4", host="127.0.0.1", port=port)
    for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        for _ in range(2):
            try:
                t.keep(connect(door, source=(host, 0)))
                t.keep(upstream.accept(within=1.0))
            except Failed:  # or NotConnected: the reset was faster than connect(2)
                raise Failed("IPv4 clients of a dual-stack listener are not distinguished: %s has "
                             "fewer than 2 connections and gets no more" % host)
    refused(door, ("127.0.0.2", 0))


def ipv4_prefix(t, upstream) -> None:
    proxy = t.start(upstream, per_source=5, ipv4_prefix=24)
    for index in range(5):
        t.session(proxy, upstream, source=("127.0.9.%d" % (index + 1), 0))
    refusal(t, proxy, ("127.0.9.77", 0))
    t.session(proxy, upstream, source=("127.0.8.1", 0))


def refusal(t, proxy, source) -> float:
    """Seconds until the first client over the limit is rejected."""
    return refused(proxy.address, source)


def refused(door, source) -> float:
    start, client = time.monotonic(), None
    try:
        client = connect(door, source=source)
        wait_for_end(client.sock, 1.0)
    except NotConnected:
        pass
    except Failed:
        raise Failed("one connection too many from %s was admitted or left hanging" % source[0])
    finally:
        if client:
            client.close()
    return time.monotonic() - start


def regained(t, proxy, upstream, source) -> None:
    """The slot of a closed session is free within a second."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            t.connect(proxy, source=source)
            t.keep(upstream.accept(within=0.2))
            return
        except Failed:
            time.sleep(0.01)
    raise Failed("a session of %s ended and its slot is not freed" % source[0])


def per_prefix(t) -> None:
    try:
        space = t.keep(Namespace("prefix"))
    except NotApplicable as reason:
        t.note("part not judged: IPv6 prefixes: %s" % reason)
        return
    for address in ("2001:db8:1::1", "2001:db8:1::2", "2001:db8:1:1::1"):
        space.add_address("lo", address + "/128")
    with space.inside():
        upstream = t.upstream("tcp6")
        proxy = t.start(upstream, binds=[t.listen_address("tcp6")], per_source=5, ipv6_prefix=64,
                        launch=Launch(netns=space.name))
        for index in range(5):
            t.session(proxy, upstream, source=("2001:db8:1::%d" % (index % 2 + 1), 0))
        refusal(t, proxy, ("2001:db8:1::2", 0))
        t.session(proxy, upstream, source=("2001:db8:1:1::1", 0))


@case(31, "100 new connections per second, of 1000 offered",
      "its own limit", TCP4, ("rate",))
def accept_rate(t):
    """1000 connects spread over a second, limit 100/s: 100 +- 10 reach the server in that second.

    The rest is closed or has to wait, as configured; those that wait come at the same rate.
    """
    policies = [word for word in ("close", "wait") if "rate_" + word not in t.driver.lacks]
    for scope in scopes(t):
        for policy in policies:
            offered_rate(t, policy, scope)


def offered_rate(t, policy: str, scope: str) -> None:
    upstream = t.upstream()
    got = t.keep(Acceptor(upstream))
    proxy = t.start(upstream, connection_rate=100, on_limit=policy, scope=scope)
    crowd = t.keep(Crowd(proxy.address, 0))
    start = time.monotonic()
    for index in range(1000):
        crowd.add()
        time.sleep(max(0.0, start + (index + 1) / 1000 - time.monotonic()))
    time.sleep(max(0.0, start + 1.05 - time.monotonic()))
    check(len(crowd.socks) == 1000, "the crowd could not connect")
    check(bool(got.times), "%s: no connection was admitted" % policy)
    began = got.times[0]
    first = sum(1 for moment in list(got.times) if moment < began + 1.0)
    check_time(90 <= first <= 110, "%s: %d connections were admitted within the first second"
               % (policy, first))
    t.note("%s: %d in the first second" % (policy, first))
    if policy == "close":
        wait_until(lambda: crowd.ended() >= 880, 2.0, "close: the others are left hanging")
        return
    time.sleep(max(0.0, began + 2.05 - time.monotonic()))
    second = sum(1 for moment in list(got.times) if began + 1.0 <= moment < began + 2.0)
    check_time(90 <= second <= 110, "wait: %d connections were admitted within the next second"
               % second)
