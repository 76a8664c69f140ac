"""Cases 9 to 11: a reset is passed on as a reset, never as a clean end.

RFC 9293 section 3.5.3: a reset tells the user that the connection was aborted. Section 3.6.1,
SHLD-3: a host that gives data up "SHOULD send a RST to show that data was lost". A proxy that
turns a reset into FIN says instead that the stream is complete: a truncated download looks
whole to any protocol that ends its messages by closing (HTTP/1.0, FTP data, syslog ...).
"""

from __future__ import annotations

import statistics
import time

from case import INET, case
from ends.stream import payload
from verdict import check, check_time, wait_until

MIB = 1 << 20


def reset_rounds(t, proxy, upstream, from_client: bool) -> float:
    """Resets sessions mid-stream from one side; returns the median delay until the other knows."""
    delays = []
    for seed in range(t.scale(7, 50)):
        client, server = t.session(proxy, upstream)
        sender, receiver = (client, server) if from_client else (server, client)
        data = payload(seed, 65536)
        sender.send(data)
        receiver.expect_same(receiver.receive(len(data)), data)
        sender.reset()
        start = time.monotonic()
        receiver.expect_reset()
        delays.append(time.monotonic() - start)
    return statistics.median(delays)


def greet(client, server) -> None:
    """A byte each way: the session stands, and no reset can be taken for a failed connect."""
    for one, other in ((client, server), (server, client)):
        one.send(b"!")
        other.receive(1)


def reset_at_busy_proxy(t, proxy, upstream, from_client: bool) -> None:
    """Bytes and the reset behind them are both there when the proxy next looks."""
    for size in (1, 1000, 10000, 20000, 65536, 100000) * 5:
        client, server = t.session(proxy, upstream)
        greet(client, server)
        sender, receiver = (client, server) if from_client else (server, client)
        data = payload(size, size)
        with proxy.frozen():
            sent = sender.send_until_blocked(lambda at, n: data[at:at + n], 0.02, len(data))
            sender.reset()
        end = receiver.ending()
        check(end.how == "reset", "a proxy that was busy when %s sent bytes and reset showed %s "
              "where a reset was due" % (sender.who, end))
        check(data[:sent].startswith(end.data),
              "%s received bytes that were never sent" % receiver.who)


def bytes_before_reset(t, proxy, upstream, from_client: bool) -> None:
    """What the proxy's kernel has acknowledged before the reset is passed on before the reset.

    The receiver looks late and through a small window, so that a part still waits inside. A
    proxy may lose it and be honest, as long as the reset shows; only one that promises more is
    held to it.
    """
    for seed in range(5):
        client, server = t.session(proxy, upstream, rcvbuf=4096)
        greet(client, server)
        sender, receiver = (client, server) if from_client else (server, client)
        data = payload(seed, 32768)
        sender.send(data)
        wait_until(lambda: sender.unacknowledged() == 0, 2.0, "the proxy's kernel took nothing")
        sender.reset()
        time.sleep(0.05)  # the receiver is busy elsewhere
        got = receiver.expect_reset()
        check(data.startswith(got), "%s received bytes that were never sent" % receiver.who)
        if t.promises("bytes_before_reset"):
            check(got == data, "%s received %d of %d bytes that came before the reset"
                  % (receiver.who, len(got), len(data)))


def reset_behind_fin(t, proxy, upstream, from_client: bool) -> None:
    """A half-closed session: whichever side has sent FIN, a reset now counts as one before.

    RFC 9293 section 3.10.7.4, for ESTABLISHED, FIN-WAIT and CLOSE-WAIT alike: a RST gives "any
    outstanding RECEIVEs and SEND [...] 'reset' responses". A proxy that does not look at a peer
    whose FIN it has read keeps a session alive of which no peer is left.
    """
    for own, busy in ((True, False), (False, False), (True, True)):
        delays = []
        for _ in range(t.scale(5, 30)):
            client, server = t.session(proxy, upstream)
            greet(client, server)
            sender, receiver = (client, server) if from_client else (server, client)
            if busy:  # FIN and RST are both there when the proxy next looks
                with proxy.frozen():
                    sender.half_close()
                    sender.reset()
            else:
                closer, other = (sender, receiver) if own else (receiver, sender)
                closer.half_close()
                other.expect_eof()
                sender.reset()
            delays.append(receiver.wait_broken(1.0))
            receiver.close()
        delay = statistics.median(delays)
        check_time(delay < 0.1, "after %s FIN, a reset of %s took %.0f ms"
                   % ("its own" if own else "the other's", sender.who, delay * 1e3))


def check_reason(t, proxy, reason: str) -> None:
    """The log names the side that reset, where it can tell."""
    if not t.has("access_log"):
        return
    says = proxy.driver.says(proxy.wait_records(1)[0], reason)
    if says is None:
        t.note("part not judged: the log has no reasons")
    else:
        check(says, "the log does not say %s but %s" % (reason, proxy.records()[0].reason))


@case(9, "the client's reset reaches the server as a reset",
      "RFC 9293, 3.5.3 and 3.10.7.4", INET)
def client_resets(t):
    """RST in mid-stream: ECONNRESET at the server within 100 ms, never EOF; also if it stalls."""
    upstream = t.upstream()
    proxy = t.start(upstream)
    delay = reset_rounds(t, proxy, upstream, from_client=True)
    check_time(delay < 0.1, "the reset took %.0f ms" % (delay * 1e3))
    t.note("reset passed on in %.1f ms" % (delay * 1e3))
    check_reason(t, proxy, "client_reset")
    reset_behind_fin(t, proxy, upstream, from_client=True)
    reset_at_busy_proxy(t, proxy, upstream, from_client=True)
    narrow = t.upstream(rcvbuf=4096)
    bytes_before_reset(t, t.start(narrow), narrow, from_client=True)

    stalled = t.upstream(rcvbuf=16384)
    proxy = t.start(stalled)
    data = payload(12, 16 * MIB)
    for _ in range(6):
        client, server = t.session(proxy, stalled)
        sent = client.send_until_blocked(lambda at, n: data[at:at + n], 0.05, len(data))
        client.reset()
        end = server.ending()
        check(end.how == "reset", "a stalled server saw %s where a reset was due" % end)
        check(data[:sent].startswith(end.data), "the server received bytes that were never sent")


@case(10, "the server's reset reaches the client as a reset",
      "RFC 9293, 3.5.3 and 3.10.7.4", INET)
def server_resets(t):
    """The same in the other direction: ECONNRESET at the client, and the log blames the server."""
    upstream = t.upstream()
    proxy = t.start(upstream)
    delay = reset_rounds(t, proxy, upstream, from_client=False)
    check_time(delay < 0.1, "the reset took %.0f ms" % (delay * 1e3))
    t.note("reset passed on in %.1f ms" % (delay * 1e3))
    check_reason(t, proxy, "upstream_reset")
    reset_behind_fin(t, proxy, upstream, from_client=False)
    reset_at_busy_proxy(t, proxy, upstream, from_client=False)
    bytes_before_reset(t, proxy, upstream, from_client=False)


@case(11, "the server resets while the client is stalled",
      "RFC 9293, 3.6.1, SHLD-3", INET)
def reset_behind_data(t):
    """1 MiB, or as much as the way takes, then RST: the client may lose bytes, not the reset.

    The client looks only after a while, so that the proxy has every chance to forget why the
    server left. How much of what came before arrives is noted.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    for size in (MIB, 16 * MIB):
        client, server = t.session(proxy, upstream, rcvbuf=16384)
        data = payload(13, size)
        sent = server.send_until_blocked(lambda at, n: data[at:at + n], 0.1, size)
        server.reset()
        time.sleep(0.3)  # the stall
        got = client.expect_reset()
        check(data[:sent].startswith(got), "the client received bytes that were never sent")
        t.note("the client received %d of %d KiB before the reset" % (len(got) >> 10, sent >> 10))
