"""Cases 52, 53, 55 and 66: the end of a proxy, poor surroundings, and its next start."""

from __future__ import annotations

import collections
import os
import re
import select
import shutil
import signal
import time

from case import ANY, TCP4, case
from drivers import launch as launcher
from drivers.config import Launch
from drivers.proxy import DidNotStart
from ends.client import refuses
from ends.load import idle_crowd
from kernel import procs
from verdict import Failed, NotApplicable, check, check_time, wait_until


@case(52, "a graceful stop drains, a second signal ends at once",
      "its own manual; RFC 9293, 3.6", ANY, ("drain",))
def drain(t):
    """No new client, no harmed session; drain_timeout bounds it; a second signal shortens it.

    Sessions that drain_timeout cuts must end by a reset: FIN would claim that the other side
    has said all it had to say (RFC 9293 section 3.6: "I have no more data to send"), and the
    stream that was cut would look complete.
    """
    upstream = t.upstream()
    for number in t.driver.drain_signals:
        try:
            one_drain(t, upstream, number)
        except Failed as error:
            raise Failed("%s: %s" % (signal.Signals(number).name, error))
    for number in t.driver.end_signals:
        proxy = t.start(upstream)
        t.session(proxy, upstream)
        stop_accepting(t, proxy, t.driver.drain_signals[0])
        proxy.signal(number)
        t.expect_dead(proxy)
        check(proxy.wait_exit(0.7) is not None, "a second signal, %s, does not end the proxy at "
              "once" % signal.Signals(number).name)
    if t.has("drain_timeout"):
        drain_timeout(t, upstream)


def one_drain(t, upstream, number: int) -> None:
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream)
    stop_accepting(t, proxy, number)
    time.sleep(t.scale(0.3, 3.0))  # draining lasts as long as the session
    for sender, receiver in ((client, server), (server, client)):
        sender.send(b"still here")
        receiver.expect_same(receiver.receive(10), b"still here")
    client.close()
    server.expect_eof()
    server.close()
    t.expect_dead(proxy)
    status = proxy.wait_exit(2.0)
    check(status is not None, "the last session has ended and the proxy has not")
    check(status == 0, "a graceful stop exits with status %s" % status)


def stop_accepting(t, proxy, number: int) -> None:
    """Signals a graceful stop; asks the kernel first, so that no probe becomes a session."""
    proxy.signal(number)
    wait_until(lambda: not procs.listens(proxy.pids()[-1], proxy.address), 1.0,
               "the proxy still listens while it drains")
    check(refuses(proxy.address), "the proxy still accepts while it drains")


def drain_timeout(t, upstream) -> None:
    """What is still there after it is cut: open sessions, and one that is still connecting."""
    limit = t.scale(1.0, 5.0)
    if t.family != "unix" and "connect_timeout" not in t.driver.lacks:
        proxy = t.start(t.black_hole(), drain_timeout=limit, connect_timeout=30.0)
        client = t.connect(proxy)
        wait_until(lambda: bool(proxy.sockets("SYN_SENT")), 2.0, "the proxy did not try to connect")
        proxy.signal(t.driver.drain_signals[0])
        t.expect_dead(proxy)
        check(proxy.wait_exit(limit * 1.1 + 1) is not None, "drain_timeout %.1f s has passed and "
              "the proxy still waits for a connect" % limit)
        check(client.ending(1.0).how != "open", "a client that waited for a connect was forgotten")
    proxy = t.start(upstream, drain_timeout=limit)
    client, server = t.session(proxy, upstream)
    client.send(b"half a mess")
    server.receive(11)
    start = time.monotonic()
    proxy.signal(t.driver.drain_signals[0])
    ends = [client.ending(limit * 3), server.ending(limit * 3)]
    took = time.monotonic() - start
    t.expect_dead(proxy)
    status = proxy.wait_exit(1.0)
    check(status is not None, "drain_timeout %.1f s has passed and the proxy still runs" % limit)
    check_time(limit * 0.95 <= took <= limit * 1.1 + 0.3,
               "drain_timeout %.1f s: the session was cut after %.2f s" % (limit, took))
    for end, peer in zip(ends, (client, server)):
        check(t.family == "unix" or end.how == "reset", "at drain_timeout %s saw %s where a reset "
              "was due: the session had not ended" % (peer.who, end))
    check(status == 0, "at drain_timeout the proxy exits with status %s" % status)
    t.expect_reason(proxy, "shutdown")
    t.expect_reason(proxy, "shutdown")


@case(53, "a gradual drain spreads the ends of sessions over its window",
      "its own drain window", needs=("drain_window",))
def gradual_drain(t):
    """Idle sessions by the hundred, and a graceful stop with a window: no tenth of them at once.

    Clients whose sessions end come back, elsewhere: all together they would be a storm. Of 20
    parts of the window, none may see more than a tenth of the ends; the last ones come late in the
    window, and none after it. No new client is taken meanwhile.
    """
    window, count = t.scale(2.0, 10.0), t.scale(500, 1000)
    proxy = t.start(t.echo(), drain_window=window, drain_timeout=window + 10)
    crowd = {client.sock.fileno(): client.sock for client in idle_crowd(t, proxy, count)}
    poll = select.poll()
    for fd in crowd:
        poll.register(fd, select.POLLIN)
    start, ends = time.monotonic(), []
    stop_accepting(t, proxy, t.driver.drain_signals[0])
    while crowd and time.monotonic() - start < window * 1.1 + 1:
        for fd, _ in poll.poll(100):
            ends.append(time.monotonic() - start)
            poll.unregister(fd)
            del crowd[fd]
    check(not crowd, "the window of the drain, %.0f s, has passed, and %d of %d sessions go on"
          % (window, len(crowd), count))
    parts = collections.Counter(int(end / window * 20) for end in ends)
    most = max(parts.values())
    check_time(most <= count / 10, "%d of %d sessions ended together: within %.1f s of %.0f s"
               % (most, count, window / 20, window))
    check_time(window * 0.85 <= max(ends) <= window * 1.1, "the window is %.0f s, the last session "
               "ended after %.1f s" % (window, max(ends)))
    t.note("at most %.1f %% of the ends in a twentieth of the window" % (100.0 * most / count))
    t.expect_dead(proxy)
    status = proxy.wait_exit(2.0)
    check(status == 0, "the last session has ended, and the proxy exits with status %s" % status)


@case(55, "a container: no io_uring, little lockable memory, PID 1",
      "pid_namespaces(7); seccomp(2)", TCP4)
def container(t):
    """Where container engines forbid io_uring (seccomp: EPERM) the proxy works all the same.

    One that has several backends falls back by itself with one line that says so, and refuses
    to start when the forbidden one was asked for. As PID 1 (pid_namespaces(7)) a signal without
    a handler is ignored: a proxy that relies on the default action of SIGTERM never ends.
    """
    if not launcher.can_forbid_io_uring():
        raise NotApplicable("no seccomp filter has been written for this kind of machine")
    echo = t.echo()
    choice = {} if "backends" in t.driver.lacks else {"backend": "auto"}
    proxy = t.start(echo, launch=Launch(no_io_uring=True), **choice)
    t.echo_session(proxy)
    if choice:
        lines = [line for line in proxy.stderr().splitlines()
                 if "io_uring" in line and re.search("warn", line, re.I)]
        check(len(lines) == 1, "%d warnings about the missing io_uring, 1 was due: %s"
              % (len(lines), lines[:2]))
        try:
            t.start(echo, launch=Launch(no_io_uring=True), backend="io_uring")
        except DidNotStart as error:
            check(bool(error.status), "backend io_uring is forbidden: status %s" % error.status)
            check("io_uring" in str(error), "it does not say why: %s" % error)
        else:
            raise Failed("backend io_uring is forbidden by seccomp and the proxy starts with it")
    t.echo_session(t.start(echo, launch=Launch(memlock=0), **choice))
    if os.geteuid() != 0 or not shutil.which("unshare"):
        t.note("part not judged: PID 1 needs root and unshare(1)")
        return
    proxy = t.start(echo, launch=Launch(pid1=True, no_io_uring=True), **choice)
    t.echo_session(proxy).close()
    proxy.signal(t.driver.end_signals[0])
    t.expect_dead(proxy)
    check(proxy.wait_exit(3.0) is not None, "as PID 1 the proxy does not end on %s"
          % signal.Signals(t.driver.end_signals[0]).name)


@case(66, "killed, it starts again at once on the same addresses",
      "socket(7), SO_REUSEADDR; unix(7)", ANY)
def killed(t):
    """SIGKILL with sessions open, then the same command: it must listen within two seconds.

    On TCP the old connections linger in the kernel, which SO_REUSEADDR (socket(7)) tells bind to
    accept. A UNIX socket leaves its file behind (unix(7): "must be deleted by the caller when it
    is no longer needed"), and no process was left to do so.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream)
    client.send(b"before the crash")
    server.receive(16)
    proxy.kill()
    ends = [peer.ending(within=2.0).how for peer in (client, server)]
    check("open" not in ends, "a session survived its proxy")
    start = time.monotonic()
    try:
        again = t.restart(proxy)
    except DidNotStart as error:
        t.note(str(error))
        raise Failed("killed and started again, it does not: exit status %s" % error.status)
    took = time.monotonic() - start
    check_time(took < 2.0, "the second start took %.1f s" % took)
    client, server = t.session(again, upstream)
    client.send(b"and after it")
    server.expect_same(server.receive(12), b"and after it")
