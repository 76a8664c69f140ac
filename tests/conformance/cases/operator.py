"""Cases 62 and 63, and what 29, 36 and 45 ask of the operator's socket."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from typing import Dict

from case import INET, case
from drivers import exposition
from ends import hostile
from ends.client import NotConnected, connect
from ends.load import descriptor_room, idle_crowd, percentile
from ends.peer import Peer
from ends.stream import payload
from kernel.net import Address
from verdict import Failed, check, check_time, wait_until

SCRAPE_S = 0.05


def answers_its_operator(proxy, where: str) -> None:
    start = time.monotonic()
    try:
        proxy.driver.admin_word(proxy)
    except Failed as error:
        raise Failed("%s the operator gets no answer: %s" % (where, error))
    took = time.monotonic() - start
    check_time(took < 0.5, "%s the operator waits %.1f s for an answer" % (where, took))


def garbage_for_operator(t, upstream, dice: random.Random) -> None:
    """From 200 connections, each half-closed, every other one behind a single byte: as many as are
    left of them do not keep the operator out, and the data path does not notice."""
    proxy = t.start(upstream, admin=True)
    client, server = t.session(proxy, upstream)
    place = Address("unix", path=proxy.driver.admin_path(proxy))
    guests = []
    for index in range(t.scale(200, 1000)):
        try:
            guests.append(t.keep(connect(place)))
        except NotConnected:  # there are too many: they may be rejected, the operator may not
            continue
        send_garbage(guests[-1], b"" if index % 2 else hostile.garbage(dice))
    time.sleep(0.1)  # those that are dismissed, are
    answers_its_operator(proxy, "behind garbage")
    t.note("of %d connections with garbage for the operator's socket %d were dismissed at once"
           % (len(guests), sum(map(dismissed, guests))))
    for sender, receiver in ((client, server), (server, client)):
        sender.send(b"unaffected")
        receiver.expect_same(receiver.receive(10), b"unaffected")


def send_garbage(peer: Peer, data: bytes) -> None:
    """Being cut off in the middle is fine."""
    try:
        peer.send(b"\xff" + data, within=2.0)
        peer.half_close()
    except Failed:
        pass
    peer.sock.setblocking(False)


def dismissed(peer: Peer) -> bool:
    """Whether its connection has ended, behind whatever it was told."""
    try:
        while peer.sock.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def run_reload(proxy) -> int:
    """The exit status of the command by which the operator has it reload."""
    done = subprocess.run(proxy.driver.reload_command(proxy), cwd=proxy.home,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
    return done.returncode


# -- case 62 ------------------------------------------------------------------------------------


@case(62, "metrics: readable, exact, never less; of bounded number; soon there",
      "Prometheus, “Exposition formats” and “Metric types”", needs=("metrics",))
def metrics(t):
    """Read strictly by their format, and by promtool where there is one.

    They count the sessions and bytes that there were, also across a reload: what only grows must
    not fall ("Metric types": a counter is reset by a restart, which a reload is not). A label with
    the client's address would be a series for each of them: sixty clients from sixty addresses
    bring no new one. A scrape with hundreds of sessions takes at most 50 ms.
    """
    echo = t.echo()
    reloads = "reload" not in t.driver.lacks
    proxy = t.start(echo, admin=True, reloads=reloads)
    sizes = [visit_of(t, proxy, size, "127.0.0.1") for size in (1, 1000, 70000)]
    before = wait_counts(t, proxy, len(sizes), sum(sizes))
    promtool(t, t.driver.metrics(proxy))
    for number in range(60):
        sizes.append(visit_of(t, proxy, 10, "127.3.0.%d" % (number + 1)))
    after = wait_counts(t, proxy, len(sizes), sum(sizes))
    never_less(before, after, "while sessions came and went")
    fresh = sorted(set(after.values) - set(before.values))
    check(len(fresh) < 10, "60 clients from as many addresses made %d new series, such as %s"
          % (len(fresh), fresh[:1]))
    if t.has("reload"):
        proxy.reload(idle_timeout=61.0)
        never_less(after, exposition.parse(t.driver.metrics(proxy)), "across a reload")
    scrape_in_time(t, proxy)


def visit_of(t, proxy, size: int, source: str) -> int:
    """A session in which so many bytes go each way."""
    client, data = connect(proxy.address, source=(source, 0)), payload(size, size)
    client.send(data)
    client.expect_same(client.receive(size), data)
    client.half_close()
    client.expect_eof()
    client.close()
    return size


def wait_counts(t, proxy, sessions: int, size: int) -> exposition.Samples:
    """The metrics when they count these: the end of a session may take a moment."""
    due = {"sessions": sessions, "bytes_in": size, "bytes_out": size}
    start = time.monotonic()
    while True:
        found = exposition.parse(t.driver.metrics(proxy))
        said = {name: found.values.get(t.driver.counters[name], 0) for name in due}
        if said == due:
            return found
        check(time.monotonic() - start < 2.0, "%s are counted as %s" % (words(due), words(said)))
        time.sleep(0.01)


def words(counts: Dict[str, float]) -> str:
    return "%d sessions, %d bytes in and %d out" % (counts["sessions"], counts["bytes_in"],
                                                    counts["bytes_out"])


def never_less(before: exposition.Samples, after: exposition.Samples, when: str) -> None:
    now = after.counters()
    for key, value in before.counters().items():
        check(not now.get(key, 0) < value, "a counter has fallen %s: %s from %g to %g"
              % (when, key, value, now.get(key, 0)))


def promtool(t, text: str) -> None:
    """Status 1: it cannot read them; 3: it can, and has remarks."""
    if not shutil.which("promtool"):
        t.note("part not judged: there is no promtool")
        return
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.decode(errors="replace").splitlines()
    check(done.returncode in (0, 3), "promtool cannot read the metrics: %s" % " ".join(lines[:2]))
    if t.promises("clean_metrics"):
        check(done.returncode == 0, "promtool: %s" % " ".join(lines[:2]))
    elif lines:
        t.note("promtool has %d remarks, such as: %s" % (len(lines), lines[0]))


def scrape_in_time(t, proxy) -> None:
    count = min(t.scale(400, 9500), descriptor_room() // 2)
    crowd = idle_crowd(t, proxy, count)
    times = []
    for _ in range(9):
        start = time.monotonic()
        text = t.driver.metrics(proxy)
        times.append(time.monotonic() - start)
    took = percentile(times, 0.5)
    t.note("a scrape of %d KiB with %d sessions takes %.1f ms"
           % (len(text) >> 10, count, took * 1e3))
    check_time(took < SCRAPE_S, "a scrape with %d sessions takes %.0f ms" % (count, took * 1e3))
    for client in crowd:
        client.close()


# -- case 63 ------------------------------------------------------------------------------------


@case(63, "the operator sees each session, and ends one and no other",
      "its own manual: live sessions; RFC 9293, 3.5.3", INET, ("live_sessions",))
def live_sessions(t):
    """Three sessions and one that still connects: who, where to, since when, how much each way.

    One is killed: both its ends see that within a second, as a reset, since it had not finished;
    the log says that the operator has done it; the others go on. Also the one that has no server
    yet can be killed. A session that does not exist (any more) cannot: the operator is told so.
    """
    upstream = t.upstream()
    proxy = t.start(upstream, admin=True)
    began = time.monotonic()
    pairs = [t.session(proxy, upstream) for _ in range(3)]
    client, server = pairs[1]
    time.sleep(1.3)  # ages are told in seconds
    for sender, receiver, size in ((client, server, 1234), (server, client, 56789)):
        sender.send(b"x" * size)
        receiver.receive(size)
    rows = table_of(t, proxy, began, upstream, [client for client, _ in pairs])
    check_row(rows[client.name], rows[pairs[0][0].name])
    check(t.driver.kill_session(proxy, rows[client.name].id), "a session is killed, and the "
          "operator is told that there is none")
    for peer in (client, server):
        end = peer.ending(within=1.0)
        check(end.how != "open", "a session was killed a second ago, and %s knows nothing of it"
              % peer.who)
        check(end.how == "reset", "a session was killed: %s saw %s where a reset was due: it had "
              "not finished" % (peer.who, end))
    t.expect_reason(proxy, "killed")
    wait_until(lambda: client.name not in {row.client for row in t.driver.sessions(proxy)}, 1.0,
               "a session that was killed is still in the table")
    check(not t.driver.kill_session(proxy, rows[client.name].id), "the operator is told that a "
          "session was killed which there is no more")
    for client, server in (pairs[0], pairs[2]):
        client.send(b"still here")
        server.expect_same(server.receive(10), b"still here")
    kill_before_its_server(t)


def table_of(t, proxy, began: float, upstream, clients) -> dict:
    rows = {row.client: row for row in t.driver.sessions(proxy)}
    names = sorted(client.name for client in clients)
    check(sorted(rows) == names, "the sessions of %s are told as those of %s"
          % (" ".join(names), " ".join(sorted(rows))))
    check(len({row.id for row in rows.values()}) == len(rows), "two sessions have one name")
    for row in rows.values():
        check(row.server == str(upstream.address), "a session with %s is told as one with %s"
              % (upstream.address, row.server or "none"))
        age = time.monotonic() - began
        if row.age is not None:
            check_time(age - 1.05 <= row.age <= age + 1, "a session of %.1f s is told to be %.1f "
                       "s old" % (age, row.age))
    return rows


def check_row(row, silent) -> None:
    """One that has just spoken, beside one that never has."""
    check((row.bytes_in, row.bytes_out) == (1234, 56789), "1234 bytes in and 56789 out are told "
          "as %s and %s" % (row.bytes_in, row.bytes_out))
    if row.idle is not None:
        check_time(row.idle < 1.0 <= silent.idle, "a session that has just spoken is told to be "
                   "idle for %.1f s, one that has not for 1.3 s for %.1f s"
                   % (row.idle, silent.idle))


def kill_before_its_server(t) -> None:
    proxy = t.start(t.black_hole(), admin=True, connect_timeout=20.0)
    client = t.connect(proxy)
    wait_until(lambda: bool(proxy.sockets("SYN_SENT")), 2.0, "the proxy did not try to connect")
    rows = [row for row in t.driver.sessions(proxy) if row.client == client.name]
    check(len(rows) == 1, "a session that still connects is not in the table")
    t.driver.kill_session(proxy, rows[0].id)
    check(client.ending(within=1.0).how != "open", "a session that still connects was killed, and "
          "its client is left hanging")
    wait_until(lambda: not proxy.sockets("SYN_SENT"), 1.0, "a session was killed, and the proxy "
               "still connects for it")
