"""Cases 24, 45 to 48 and 50: a configuration takes the place of another while the proxy serves."""

from __future__ import annotations

import time
from typing import Set

from case import case
from cases.operator import run_reload
from drivers.config import Endpoint, Launch
from ends.client import refuses
from ends.load import Churn
from ends.upstream import Acceptor
from kernel import procs
from kernel.net import Address, address_of
from verdict import Failed, NotApplicable, check, check_time, wait_until

RATE = 2000  # connections per second


@case(24, "a server that joins is given its share slowly",
      "its own slow start", needs=("reload", "least_connections", "slow_start"))
def joins(t):
    """A server without sessions joins where the fewest sessions decide: no burst above its ramp.

    Without a ramp the next 40 clients would all be its clients: a server that has just started
    is the slowest. At any time it may have its share of the ramp, and one session more.
    """
    ramp = t.scale(3.0, 10.0)
    old, new = t.keep(Acceptor(t.upstream())), t.keep(Acceptor(t.upstream()))
    first, second = (Endpoint(address_of(each.listener)) for each in (old, new))
    proxy = t.start(first, balance="least_connections", slow_start=ramp, reloads=True)
    held = hold(t, proxy, [old, new], 40)
    proxy.reload(endpoints=[first, second])
    joined = time.monotonic()
    while time.monotonic() - joined < ramp * 0.6:
        hold(t, proxy, [old, new], 1)
        share = max(0.1, min(1.0, (time.monotonic() - joined) / ramp))
        allowed = share * len(old.socks) + 1
        check(len(new.socks) <= allowed, "%.1f s after it has joined (slow start: %.0f s), the new "
              "server has %d sessions, the other %d: %.1f were its share" % (
                  time.monotonic() - joined, ramp, len(new.socks), len(old.socks), allowed))
        time.sleep(ramp / 150)  # clients come all the time
    check(len(new.socks) > 1, "the new server has no sessions")
    t.note("%d and %d sessions at six tenths of the ramp" % (len(old.socks), len(new.socks)))
    while time.monotonic() - joined < ramp * 1.3:
        time.sleep(0.01)
    missing = len(old.socks) - len(new.socks)
    before = len(new.socks)
    held += hold(t, proxy, [old, new], missing)
    check(len(new.socks) - before >= missing - 1, "after its ramp, the server with fewer sessions "
          "was given %d of %d that it was short of" % (len(new.socks) - before, missing))


def hold(t, proxy, got, count: int) -> list:
    """So many more clients, one after the other, each with its server."""
    clients = []
    for _ in range(count):
        before = sum(len(a.socks) for a in got)
        clients.append(t.connect(proxy))
        wait_until(lambda: sum(len(a.socks) for a in got) > before, 5.0,
                   "a client was not given a server")
    return clients


@case(45, "told to reload a broken file, it serves on as before",
      "its own manual: reload", needs=("reload",))
def broken_file(t):
    """The last line of the file is no configuration: the operator is told, nothing else changes.

    The command by which it is told, where there is one, exits with another status than 0. The
    file is mended then, and says something else: that is in force.
    """
    echo, upstream = t.echo(), t.upstream()
    admin = "admin" not in t.driver.lacks
    proxy = t.start(echo, reloads=True, admin=admin)
    client = t.echo_session(proxy)
    with open(proxy.config_path, "a") as file:
        file.write("\nno_word_of_any_configuration\n")
    errors = len(t.driver.error_lines(proxy))
    proxy.signal_reload()
    check(len(t.driver.error_lines(proxy)) > errors,
          "the file was broken and the operator was not told by a line of level error")
    check_goes_on(client)
    told = t.has("reload_command")
    if told:
        check(run_reload(proxy) != 0, "the file was broken, and the command to reload exits with 0")
    if admin and "failed_reloads" in t.driver.counters:
        failed, due = t.driver.counter(proxy, "failed_reloads"), 2 if told else 1
        check(failed == due, "%d reloads have failed, the metrics tell of %d" % (due, failed))
    t.echo_session(proxy)
    proxy.reload(endpoints=[Endpoint(upstream.address)])
    wait_for_server(t, proxy, upstream)
    if told:
        check(run_reload(proxy) == 0, "the file is right, and the command to reload does not exit "
              "with 0")
    check_goes_on(client)


def check_goes_on(client) -> None:
    client.send(b"still here")
    client.expect_same(client.receive(10), b"still here")


def wait_for_server(t, proxy, upstream) -> None:
    """New clients are given this server: at once, or when the process before has let go."""
    deadline = time.monotonic() + 3.0
    while True:
        client = t.connect(proxy)
        try:
            server = t.keep(upstream.accept(within=0.3))
            break
        except Failed:
            check(time.monotonic() < deadline,
                  "3 s after the reload, new clients are not given the server that it has named")
        client.close()
    client.send(b"new")
    server.receive(3)


@case(46, "reloads under load lose no connection and no count, and leave nothing over",
      "its own manual: reload; listen(2)", needs=("reload",))
def under_load(t):
    """Reload after reload while 2,000 connections come each second; five sessions stay for all.

    A connection that the kernel has completed for the proxy (listen(2)) is the proxy's: closing a
    socket that has it in its queue resets it. A proxy that reloads by another process may keep one
    for the sessions that there were; when they have ended it has what it had in the beginning.
    What a session counts for goes on to count: where the fewest sessions decide, a server that has
    eight from before is given none until the other has as many.
    """
    echo = t.echo()
    queue_is_served(t, echo)
    proxy = t.start(echo, reloads=True)
    t.echo_session(proxy).close()
    wait_until(proxy.asleep, 2.0, "the proxy does not sleep though it has no client")
    before = proxy.descriptors(), proxy.threads(), len(proxy.pids())
    held = [t.echo_session(proxy) for _ in range(5)]
    load = t.keep(Churn(proxy.address, RATE))
    count, span = t.scale(10, 100), t.scale(2.0, 50.0)
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + span * number / count - time.monotonic()))
        proxy.reload(idle_timeout=60.0 + (number + 1) % 2)
    found = load.stop()
    t.note("%d reloads, %d sessions" % (count, found.get("served", 0)))
    lost = ["%d %s" % (found[what], what) for what in sorted(found) if what != "served"]
    check(not lost, "of the connections that came during %d reloads, %s"
          % (count, ", ".join(lost)))
    check_time(found["served"] >= 20 * count, "only %d connections came during %d reloads: that is "
               "no load" % (found["served"], count))
    for client in held:
        check_goes_on(client)
    wait_until(lambda: len(proxy.pids()) <= before[2] + 1, 5.0, "after %d reloads, five sessions "
               "keep more than one process more" % count)
    for client in held:
        client.close()
    after = lambda: (proxy.descriptors(), proxy.threads(), len(proxy.pids()))
    wait_until(lambda: all(a <= b for a, b in zip(after(), before)), 5.0,
               "after %d reloads without a session there are more descriptors, threads or "
               "processes than before" % count)
    if t.has("least_connections"):
        counts_go_on(t)


def queue_is_served(t, echo) -> None:
    """Connections that are in the kernel's queue when the proxy is told."""
    proxy = t.start(echo, reloads=True)
    told = proxy.ready_to_reload()
    with proxy.frozen():
        clients = [t.connect(proxy) for _ in range(20)]
        for client in clients:
            client.send(b"!")
        proxy.signal(t.driver.reload_signal)
    proxy.wait_reloaded(told)
    for client in clients:
        client.who = "a client that was in the queue at the reload"
        client.receive(1)


def counts_go_on(t) -> None:
    old, new = t.upstream(), t.upstream()
    got = [t.keep(Acceptor(old)), t.keep(Acceptor(new))]
    proxy = t.start(old, balance="least_connections", reloads=True)
    hold(t, proxy, got, 8)
    proxy.reload(endpoints=[Endpoint(old.address), Endpoint(new.address)])
    hold(t, proxy, got, 8)
    counts = [len(a.socks) for a in got]
    check(counts == [8, 8], "the server with the fewest sessions was to get the next: one had 8 "
          "before the reload, now they have %d and %d" % tuple(counts))


@case(47, "a reload adds and removes listeners, and leaves alone what stays",
      "its own manual: reload; socket(7)", needs=("reload",))
def listeners(t):
    """Of two listeners one is removed, then added again; then only the server changes.

    The port of the removed one is closed, and its session goes on. What stays is the same socket
    (the same inode): connections that wait in its queue are not lost.
    """
    echo, upstream = t.echo(), t.upstream()
    stays, goes = t.listen_address(), t.listen_address()
    proxy = t.start(echo, binds=[goes, stays], reloads=True)
    old = t.echo_session(proxy)
    inodes = inodes_of(proxy, stays)
    proxy.reload(binds=[stays])
    wait_until(lambda: refuses(goes), 3.0, "a listener was removed and its port is still open")
    check_goes_on(old)
    t.echo_session(proxy)
    check(inodes_of(proxy, stays) == inodes, "the listener that stays has another socket")
    proxy.reload(binds=[goes, stays])
    t.echo_session(proxy)
    both = [inodes_of(proxy, bind) for bind in (goes, stays)]
    proxy.reload(endpoints=[Endpoint(upstream.address)])
    wait_for_server(t, proxy, upstream)
    check([inodes_of(proxy, bind) for bind in (goes, stays)] == both,
          "only the server has changed, and a listener has another socket")
    check_goes_on(old)


def inodes_of(proxy, address: Address) -> Set[int]:
    return {sock.inode for sock in proxy.sockets("LISTEN") if sock.local_port == address.port}


@case(48, "a reload whose port is in use changes nothing at all",
      "its own manual: reload; bind(2)", needs=("reload",))
def port_in_use(t):
    """One of two new listeners cannot be bound (EADDRINUSE): as a whole or not at all.

    Half of a configuration is one that nobody has written: neither the other new listener is there,
    nor the new server. When the port is free the same file is in force.
    """
    echo, upstream, taken = t.echo(), t.upstream(), t.upstream()
    first, other = t.listen_address(), t.listen_address()
    proxy = t.start(echo, binds=[first], reloads=True)
    client = t.echo_session(proxy)
    proxy.reload(binds=[first, other, taken.address], endpoints=[Endpoint(upstream.address)])
    check(refuses(other), "one port was in use, and another new one is served")
    check(any(str(taken.address.port) in line for line in t.driver.error_lines(proxy)),
          "the operator was not told by a line of level error which port was in use")
    check_goes_on(client)
    for _ in range(3):
        t.echo_session(proxy)
    upstream.expect_nobody(0.05)
    taken.close()
    proxy.signal_reload()
    wait_until(lambda: procs.listens(proxy.pids()[-1], other), 3.0,
               "the port is free, and the file is not in force")
    wait_for_server(t, proxy, upstream)
    check_goes_on(client)


@case(50, "a port that the proxy may not bind any more changes nothing at all",
      "its own manual: reload; capabilities(7), CAP_NET_BIND_SERVICE", needs=("reload",))
def may_not_bind(t):
    """A reload names a port below 1024, and whoever started the proxy has taken that right away.

    It is served or refused with its cause, and with it all of the new configuration: a proxy that
    serves the other new listener runs a configuration that nobody has written.
    """
    low = privileged_address()
    echo, upstream = t.echo(), t.upstream()
    first, other = t.listen_address(), t.listen_address()
    proxy = t.start(echo, binds=[first], reloads=True, launch=Launch(no_low_ports=True))
    client = t.echo_session(proxy)
    proxy.reload(binds=[first, other, low], endpoints=[Endpoint(upstream.address)])
    check_goes_on(client)
    if not refuses(low):
        wait_until(lambda: procs.listens(proxy.pids()[-1], other), 3.0,
                   "the low port is served, and another new one is not")
        wait_for_server(t, proxy, upstream)
        return
    check(refuses(other), "one port may not be bound, and another new one is served")
    check(any(str(low.port) in line for line in t.driver.error_lines(proxy)),
          "the operator was not told by a line of level error which port may not be bound")
    for _ in range(3):
        t.echo_session(proxy)
    upstream.expect_nobody(0.05)
    proxy.reload(binds=[first, other], endpoints=[Endpoint(upstream.address)])
    wait_for_server(t, proxy, upstream)
    check_goes_on(client)


def privileged_address() -> Address:
    """One that nobody listens at, and that needs the right."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        first_of_all = int(file.read())
    for port in range(min(first_of_all, 1024) - 1, 0, -1):
        address = Address("tcp4", host="127.0.0.1", port=port)
        if refuses(address):
            return address
    raise NotApplicable("every port may be bound by everybody here")
