"""Cases 56 to 59, and 18 to 20 with checks: servers that fail their checks are spared."""

from __future__ import annotations

import time
from typing import Set

from case import case
from drivers.config import Health
from ends.checked import CLOSE, Checked
from ends.client import NotConnected
from ends.names import TROUBLE, NameServer
from ends.peer import Peer
from kernel.net import Address, free_address
from verdict import Failed, check, check_time, wait_until

SOON_S = 3.0       # a server that fails all checks is known long before
NO_QUEUE_S = 0.05  # who cannot be served is told so


def checked(t, mark: bytes = b"s", **options) -> Checked:
    return t.keep(Checked(t.family, t.scratch, mark, **options))


def mark_of(client: Peer) -> bytes:
    """Of the server that this client has."""
    client.send(b"?")
    return client.receive(1, within=SOON_S)


def visit(t, proxy) -> bytes:
    """A short session; the mark of the server that it had, b"" if it had none."""
    try:
        client = t.connect(proxy)
        client.sock.send(b"?")
    except (NotConnected, OSError):  # the reset was faster
        return b""
    end = client.sock
    end.settimeout(SOON_S)
    try:
        return end.recv(1)
    except ConnectionError:
        return b""
    except OSError:
        raise Failed("a client was neither served nor rejected")
    finally:
        client.close()


# -- cases 18 to 20: what checks add ----------------------------------------------------------


def refusing_is_spared(t) -> None:
    """It is not tried first any more; when it listens again it has its share again."""
    dead, alive = checked(t, b"d"), checked(t, b"a")
    dead.leave()
    proxy = t.start(dead, alive, health=Health())
    start, seen = time.monotonic(), 0
    while True:
        for _ in range(4):
            check(visit(t, proxy) == b"a", "with checks a client is not served by the server that "
                  "there is")
        records = proxy.wait_records(seen + 4)
        if all(record.attempts == 1 for record in records[seen:]):
            break
        seen = len(records)
        check(time.monotonic() - start < SOON_S, "a server has refused all its checks for %.0f s, "
              "and clients still meet it" % SOON_S)
    t.note("with checks clients were spared after %.2f s" % (time.monotonic() - start))
    dead.come_back()
    wait_until(lambda: visit(t, proxy) == b"d", SOON_S, "a server listens again, and has passed "
               "its checks, and no client is given it")


def hole_is_spared(t, connect_timeout: float) -> None:
    proxy = t.start(t.black_hole(), checked(t), connect_timeout=connect_timeout,
                    health=Health(timeout=0.2))
    start = time.monotonic()
    while True:
        begun = time.monotonic()
        served = [visit(t, proxy) for _ in range(4)]
        check(b"" not in served, "with checks a client is not served by the server that there is")
        if time.monotonic() - begun < connect_timeout / 2:
            break
        check(time.monotonic() - start < SOON_S + connect_timeout, "a server has answered no check "
              "for %.0f s, and clients still wait for it" % SOON_S)
    t.note("with checks clients were spared after %.2f s" % (begun - start))


def all_are_down(t, told_soon) -> None:
    """At once, without a queue; with one, when its time is over."""
    for wait in (NO_QUEUE_S, 0.4):
        proxy = t.start(t.refusing_address(), t.refusing_address(), retry_for=0.0,
                        queue_timeout=wait, health=Health())
        down = lambda: t.driver.health_told(proxy, t.driver.down_told) >= 2
        wait_until(down, SOON_S, "two servers refuse all checks, and nothing is told of it")
        told_soon(t, proxy, retry_for=wait)


# -- case 56 ------------------------------------------------------------------------------------


class Flapping:
    """One server whose checks fail as the script wants it, one by one.

    A check that is refused cannot be seen: it comes one interval after the one before. The server
    comes back half an interval after the last that was to fail; until the next check it is open.
    """

    def __init__(self, t, proxy, server: Checked, interval: float):
        self._t = t
        self._proxy = proxy
        self._server = server
        self._interval = interval

    def passes(self) -> None:
        self._at = self._server.next_check(self._interval * 3)

    def fails(self, count: int) -> None:
        """After one that has passed. The server is back then, and has not been checked since."""
        self._server.leave()
        due = self._at + (count + 0.5) * self._interval
        time.sleep(max(0.0, due - time.monotonic()))
        self._server.come_back()
        late = time.monotonic() - due
        check_time(late < self._interval / 4, "the suite was %.0f ms late" % (late * 1e3))

    def serves(self) -> bool:
        return visit(self._t, self._proxy) == self._server.mark


@case(56, "a server that flaps is out and in by `fall` and `rise`, and told of once",
      "its own health checks: fall, rise", needs=("health",))
def flapping(t):
    """Every other check fails: nothing changes. Three in a row take the server out (fall 3).

    Of the checks that follow every other one passes: it stays out, until two in a row bring it
    back (rise 2). The operator is told of each change, once, and of nothing else.
    """
    interval = t.scale(0.2, 1.0)
    server = checked(t)
    proxy = t.start(server, retry_for=0.0, queue_timeout=NO_QUEUE_S,
                    health=Health(interval=interval, timeout=interval, rise=2, fall=3))
    flap = Flapping(t, proxy, server, interval)
    flap.passes()
    for count in (1, 1, 1, 2):
        flap.fails(count)
        check(flap.serves(), "a server whose checks flap is taken out before 3 in a row have "
              "failed")
        flap.passes()
    flap.fails(3)
    check(not flap.serves(), "3 checks in a row have failed, and clients are still given the "
          "server")
    flap.passes()
    check(not flap.serves(), "one check has passed since, of 2 that are needed, and clients are "
          "given the server")
    flap.fails(1)
    check(not flap.serves(), "a server that is out is brought back before 2 checks in a row have "
          "passed")
    flap.passes()
    check(not flap.serves(), "two checks have passed, not in a row, and clients are given the "
          "server")
    flap.passes()
    wait_until(flap.serves, interval / 2 + 0.2, "2 checks in a row have passed, and clients are "
               "not given the server")
    for told, what in ((t.driver.down_told, "out"), (t.driver.up_told, "back")):
        count = t.driver.health_told(proxy, told)
        check(count == 1, "the server was taken %s once, the operator was told so %d times"
              % (what, count))


# -- case 57 ------------------------------------------------------------------------------------


RIGHT = (b"+PONG\r\n",)
WRONG = (b"-ERR loading\r\n",)
ANSWERS = {b"r": ("the right answer", RIGHT),
           b"p": ("the right answer in pieces", (b"+P", b"ON", b"G\r\n")),
           b"w": ("a wrong answer", WRONG),
           b"b": ("the beginning of an answer", (b"+PO",)),
           b"e": ("the beginning of an answer and the end", (b"+PO", CLOSE)),
           b"s": ("no answer", ())}


@case(57, "a check that sends and expects goes by the answer, not by its pieces",
      "RFC 9293, 3.8; its own health checks", needs=("health",))
def exchange(t):
    """Of six servers that all accept, two answer rightly, one of these in three pieces.

    TCP has no messages (RFC 9293 section 3.8): what was sent at once may come in pieces. A wrong
    answer, the beginning of the right one, its beginning and the end, and silence take a server
    out: of an answer that does not come the check's timeout is the end. Then one that was right
    answers wrongly and the silent one rightly.
    """
    t.need("health_exchange")
    servers = {mark: checked(t, mark, answer=answer) for mark, (_, answer) in ANSWERS.items()}
    proxy = t.start(*servers.values(), health=Health(
        interval=0.15, timeout=0.3, rise=2, fall=2, exchange=("PING\r\n", "+PONG")))
    settles(t, proxy, {b"r", b"p"})
    servers[b"r"].answer, servers[b"s"].answer = WRONG, RIGHT
    settles(t, proxy, {b"p", b"s"}, "when answers have changed: ")


def settles(t, proxy, due: Set[bytes], when: str = "") -> None:
    """Two rounds of sessions go to these servers and to no other."""
    start, got = time.monotonic(), set()
    while got != due:
        if time.monotonic() - start > SOON_S + 1:
            for mark in sorted(got ^ due):
                raise Failed("%sclients are %s a server that gave %s to its checks" % (
                    when, "given" if mark in got else "not given", now_gives(mark, when)))
        got = {visit(t, proxy) for _ in range(2 * len(ANSWERS))}


def now_gives(mark: bytes, when: str) -> str:
    changed = {b"r": "a wrong answer", b"s": "the right answer"} if when else {}
    return changed.get(mark) or ANSWERS.get(mark, ("nothing", ()))[0]


# -- case 58 ------------------------------------------------------------------------------------


@case(58, "sessions of a server that is down end if that is asked for, and only those",
      "its own health checks; RFC 9293, 3.5.3", needs=("health",))
def on_down(t):
    """Two servers with six sessions each; one refuses its checks, and its sessions would go on.

    Where that is asked for they are ended within a second, by a reset: they have not finished. The
    other server's go on. Where it is not asked for, all go on.
    """
    t.need("health_resets")
    kept, cut = [taken_down(t, rule) for rule in ("keep", "reset")]
    for proxy, dead, alive in (kept, cut):
        down = lambda: t.driver.health_told(proxy, t.driver.down_told) >= 1
        wait_until(down, SOON_S, "a server refuses all checks, and nothing is told of it")
    start = time.monotonic()
    for client in cut[1]:
        end = client.ending(within=max(0.1, start + 1.5 - time.monotonic()))
        check(end.how != "open", "a server is down, and a session of it goes on where its end was "
              "asked for")
        check(end.how == "reset", "a server is down: its client saw %s where a reset was due: the "
              "session had not finished" % end)
    took = time.monotonic() - start
    check_time(took < 1.1, "sessions of a server that is down were ended after %.1f s" % took)
    for clients, which in ((cut[2], "of the other server"),
                           (kept[1], "of a server that is down, whose end was not asked for,"),
                           (kept[2], "of the other server")):
        for client in clients:
            client.who = "the client of a session " + which
            mark_of(client)
    if t.has("access_log"):
        for record in cut[0].wait_records(len(cut[1])):
            says = t.driver.says(record, "endpoint_down")
            check(says is not False, "the log's reason for endpoint_down is %s" % record.reason)


def taken_down(t, rule: str):
    """A proxy, the clients of a server that has just left, and those of the other one."""
    dead, alive = checked(t, b"d"), checked(t, b"a")
    proxy = t.start(dead, alive, health=Health(on_down=rule))
    clients = {b"d": [], b"a": []}
    for _ in range(12):
        client = t.connect(proxy)
        clients[mark_of(client)].append(client)
    dead.leave()
    return proxy, clients[b"d"], clients[b"a"]


# -- case 59 ------------------------------------------------------------------------------------


NAME = "app.conformance.test"  # RFC 6761: "test" is in no name server
LEARNS_S = 10.0  # a proxy may ask less and less often while there is no answer


@case(59, "a server's name is followed: missing, in trouble, moved",
      "RFC 2308, 7.1; RFC 8767; its own name resolution")
def names(t):
    """At the start the name does not exist: the proxy starts, and its clients are told.

    Then it has an address: clients are served. The name server has trouble (SERVFAIL), then it is
    silent: the last address goes on to be used, since trouble says nothing about it (RFC 2308
    section 7.1; RFC 8767 on stale data). Then the name has another address: new sessions go
    there, the old one lives.
    """
    t.need("resolver")
    resolver = t.keep(NameServer(NAME))
    port = free_address("tcp4", t.scratch).port
    old, new = (t.keep(Checked("tcp4", t.scratch, mark, address=Address("tcp4", host, port)))
                for mark, host in ((b"o", "127.0.0.2"), (b"n", "127.0.0.3")))
    try:
        proxy = t.start(Address("tcp4", NAME, port), resolver=resolver.address, retry_for=0.0,
                        queue_timeout=NO_QUEUE_S)
    except Failed as error:
        raise Failed("its server's name does not exist, and so the proxy does not start: %s"
                     % error)
    wait_until(lambda: resolver.asked.get(1, 0) > 0, LEARNS_S, "the name server is not asked")
    check(visit(t, proxy) == b"", "a client is served though its server's name does not exist")
    resolver.hosts = ["127.0.0.2"]
    wait_until(lambda: proxy.check_alive() or visit(t, proxy) == b"o", LEARNS_S, "the server's "
               "name has an address now, and its clients are not served")
    client = t.connect(proxy)
    mark_of(client)
    resolver.code = TROUBLE
    stays(t, proxy, resolver, "the name server has trouble")
    resolver.silent = True
    stays(t, proxy, resolver, "the name server is silent")
    resolver.hosts, resolver.code, resolver.silent = ["127.0.0.3"], None, False
    wait_until(lambda: visit(t, proxy) == b"n", LEARNS_S, "the name has another address, and new "
               "clients are not served there")
    client.who = "the client of a session with the address before"
    check(mark_of(client) == b"o", "the session has another server")


def stays(t, proxy, resolver: NameServer, what: str) -> None:
    """It is asked again, and until a second after that: the clients are served where they were."""
    known = resolver.asked.get(1, 0)
    wait_until(lambda: resolver.asked.get(1, 0) > known, LEARNS_S, "the name server is not asked "
               "again")
    end = time.monotonic() + 1.0  # a proxy's patience with a silent one
    while time.monotonic() < end:
        check(visit(t, proxy) == b"o", "%s, and new clients are not served by the address that "
              "there was" % what)
        time.sleep(0.05)
