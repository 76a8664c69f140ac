"""Cases 4 to 8 and 12 to 14: how connections end, each direction for itself."""

from __future__ import annotations

import contextlib
import socket
import time

from case import ANY, INET, case
from ends.load import settled_descriptors
from ends.stream import Job, all_done, payload
from verdict import Failed, check, check_time, wait_until

MIB = 1 << 20


@case(4, "the client half-closes; the answer still arrives",
      "RFC 9293, 3.6", ANY)
def client_half_closes(t):
    """The client sends its request and FIN; the server, having seen EOF, answers much later.

    RFC 9293 section 3.6: "CLOSE" means "I have no more data to send", and "the user who CLOSEs
    may continue to RECEIVE until the TCP receiver is told that the remote peer has CLOSED
    also". A proxy that ends the session at the first FIN takes the answer away.
    """
    upstream = t.upstream()
    client, server = t.session(t.start(upstream), upstream)
    answer = payload(4, 10 * MIB)
    client.send(b"request")
    client.half_close()
    server.expect_eof(b"request")
    time.sleep(t.scale(0.5, 5.0))
    sender = Job(send_and_close, server, answer)
    client.expect_eof(answer)
    sender.done()


def send_and_close(peer, data: bytes) -> None:
    peer.send(data, within=200)
    peer.close()


@case(5, "the server half-closes at once; the upload still arrives",
      "RFC 9293, 3.6", ANY)
def server_half_closes(t):
    """The other way round: greeting and FIN from the server, then the client's upload.

    RFC 9293 section 3.6, as in case 4: closing is per direction whichever side begins.
    """
    upstream = t.upstream()
    client, server = t.session(t.start(upstream), upstream)
    server.send(b"greeting")
    server.half_close()
    client.expect_eof(b"greeting")
    upload = payload(5, 10 * MIB)
    pieces = [upload[i:i + MIB] for i in range(0, len(upload), MIB)]
    pause = t.scale(0.5, 5.0) / len(pieces)

    def trickle():
        for piece in pieces:
            client.send(piece)
            time.sleep(pause)
        client.close()

    sender = Job(trickle)
    server.expect_eof(upload)
    sender.done()


@case(6, "both sides close at once with data in flight",
      "RFC 9293, 3.6, case 3", ANY)
def simultaneous_close(t):
    """All that was sent before the two FINs arrives; then nothing is left of the session.

    RFC 9293 section 3.6, case 3: "Both users close simultaneously". A socket left in CLOSE_WAIT
    is a connection whose FIN the proxy has never answered.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    idle = settled_descriptors(t, proxy, upstream)
    client, server = t.session(proxy, upstream)
    request, answer = payload(6, MIB), payload(7, MIB)

    def finish(peer, data):
        peer.send(data)
        peer.half_close()

    writers = [Job(finish, client, request), Job(finish, server, answer)]
    reader = Job(client.expect_eof, answer)
    server.expect_eof(request)
    all_done(writers + [reader])
    client.close()
    server.close()
    wait_until(lambda: proxy.descriptors() <= idle, 1.0,
               "the proxy still holds sockets of a session that both sides have closed")
    left = proxy.sockets("CLOSE_WAIT")
    check(not left, "%d sockets are left in CLOSE_WAIT" % len(left))


@case(7, "the client sends and closes; a slow server gets it all",
      "RFC 9293, 3.6", ANY)
def send_and_run(t):
    """close(2) right after send(2) is an orderly end: the bytes come first, then EOF.

    RFC 9293 section 3.6: "the TCP endpoint will reliably deliver all buffers SENT before the
    connection was CLOSED".
    """
    upstream = t.upstream(rcvbuf=65536)
    client, server = t.session(t.start(upstream), upstream)
    data = payload(8, 4 * MIB)
    sender = Job(send_and_close, client, data)
    end = server.ending(within=30, pace=t.scale(0.008, 0.08))
    sender.done()
    check(end.how == "eof", "the server saw %s where EOF after %d bytes was due"
          % (end, len(data)))
    server.expect_same(end.data, data)


@case(8, "the server's last words reach a slow or a talking client",
      "RFC 9293, 3.6; RFC 9112, 9.6", ANY)
def lingering(t):
    """An answer followed by close is delivered, however slowly it is read, whatever is unread.

    First a client that reads slowly. Then one that is still uploading when the server has
    answered, closed its side and gone. RFC 9112 section 9.6 describes the trap: closing a
    connection with unread data makes the kernel send a reset, which can "erase the client's
    unacknowledged input buffers before they can be read".
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    client, server = t.session(proxy, upstream, rcvbuf=16384)
    data = payload(9, 8 * MIB)  # more than the kernel buffers on the way: a part waits inside
    sender = Job(send_and_close, server, data)
    end = client.ending(within=200, pace=t.scale(0.008, 1.0))
    sender.done()
    check(end.how == "eof", "a slow client saw %s where EOF after %d bytes was due"
          % (end, len(data)))
    client.expect_same(end.data, data)

    for busy in (False,) * 3 + (True,) * 10:
        answer_beside_upload(t, proxy, upstream, busy)


def answer_beside_upload(t, proxy, upstream, busy: bool) -> None:
    """The server answers and leaves in the middle of an upload; a busy proxy sees all at once."""
    client, server = t.session(proxy, upstream, rcvbuf=4096)
    answer = payload(10, 32768)
    client.send(payload(11, 32768))
    server.receive(1024)
    with proxy.frozen() if busy else contextlib.nullcontext():
        client.send(payload(12, 4096))
        server.send(answer)
        server.half_close()
        wait_until(lambda: t.family == "unix" or server.unacknowledged() == 0, 2.0,
                   "the proxy's kernel did not take the answer")
        server.close()  # with most of the upload unread: its kernel answers with a reset
    time.sleep(0.05)  # the client is slow to look
    got = client.ending(within=5.0).data
    check(got == answer, "a client that was still sending received %d of the %d bytes that the "
          "server had answered before it closed" % (len(got), len(answer)))


@case(12, "a connection without a byte: clean on the other side, one record",
      "RFC 9293, 3.6; RFC 867", ANY)
def empty_session(t):
    """Port checks come all day: they are sessions, not errors.

    The server sees a connection that ends cleanly (or none, from a proxy that connects late);
    the log has one record for it and no line of level error. And a client that sends nothing may
    still listen: a client of daytime (RFC 867) that half-closes before the proxy has even
    connected is owed the server's answer like any other (RFC 9293 section 3.6).
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    count = t.scale(200, 2000)
    for index in range(count):
        client = t.connect(proxy)
        (client.close if index % 2 else client.half_close)()  # may overtake the proxy's connect
        server = t.keep(upstream.accept())
        server.expect_eof(within=2.0)
        server.close()
        client.close()
    if t.has("access_log"):
        proxy.wait_records(count)
        client, server = t.session(proxy, upstream)  # its record comes after all the others
        client.send(b"x")
        server.receive(1)
        client.close()
        server.expect_eof()
        server.close()
        found = len(proxy.wait_records(count + 1))
        check(found == count + 1, "%d records for %d sessions" % (found, count + 1))
    with proxy.frozen():  # so that FIN is there before the proxy connects
        client = t.connect(proxy)
        client.half_close()
    server = t.keep(upstream.accept(within=2.0))
    server.expect_eof(within=2.0)
    send_and_close(server, b"Tue Nov 10 11:12:13 2026")
    client.expect_eof(b"Tue Nov 10 11:12:13 2026")
    lines = proxy.driver.error_lines(proxy)
    check(not lines, "an empty connection is logged as an error: %s" % (lines or [""])[0][:160])


@case(13, "a half-closed session ends after half_close_timeout",
      "RFC 9293, 3.6.1", INET, ("half_close_timeout",))
def half_close_timeout(t):
    """One side has sent FIN and the other never does: the wait is bounded, for this one only.

    RFC 9293 section 3.6.1 knows half-closed connections without any bound; a server that
    forgets to close would hold the proxy's memory for ever. The bound may be sampled: up to a
    quarter late. That a peer which makes progress is not cut off is for cases 68 and 69 to say.
    """
    limit = t.scale(1.0, 5.0)
    upstream = t.upstream()
    proxy = t.start(upstream, half_close_timeout=limit)
    other, other_server = t.session(proxy, upstream)
    both = [t.session(proxy, upstream) for _ in range(2)]
    waits = [Job(one_half_closed, limit, *pair) for pair in (both[0], both[1][::-1])]
    all_done(waits)
    other.send(b"still here")
    other_server.expect_same(other_server.receive(10), b"still here")
    t.expect_reason(proxy, "half_close_timeout", count=2)
    if t.has("half_close_policy"):
        half_close_policy(t, upstream)


def one_half_closed(limit: float, first, last) -> None:
    first.send(b"request")
    last.receive(7)
    start = time.monotonic()
    first.half_close()
    last.expect_eof()
    end = first.ending(within=limit * 3 + 1)
    took = time.monotonic() - start
    check(end.how != "open", "%s had closed its half: the session outlived half_close_timeout "
          "%.1f s" % (first.who, limit))
    check_time(limit * 0.98 <= took <= limit * 1.25 + 0.15,
               "half_close_timeout %.1f s ended the session after %.2f s" % (limit, took))


def half_close_policy(t, upstream) -> None:
    """Where it is asked for, the first FIN, once passed on with all before it, ends the session."""
    proxy = t.start(upstream, half_close="close")
    for client_first in (True, False):
        first, last = t.session(proxy, upstream)[::1 if client_first else -1]
        data = payload(13, MIB)
        writer = Job(first.send, data)
        last.expect_same(last.receive(len(data)), data)
        writer.done()
        first.half_close()
        last.expect_eof()
        end = first.ending(within=1.0)
        check(end.how != "open", "half_close: close was asked for; %s has closed its half and "
              "nothing happens" % first.who)


@case(14, "urgent data: the proxy survives, in-band bytes arrive",
      "RFC 6093, 3.4", INET)
def urgent(t):
    """An urgent byte among ordinary ones neither kills the proxy nor stops the stream.

    RFC 6093 section 3.4 says that middleboxes clear or ignore the urgent pointer and section 6
    that new applications should not use it: relaying urgency is not asked for. The urgent byte
    itself may arrive in band or not at all. Linux ends a recv(2) at the urgent mark; a relay
    that takes the short read for "nothing more is there" leaves the rest lying.

    Everything comes in three segments or in one, with the mark in the middle. Not while the proxy
    is stopped by a signal: what recv(2) answers at the mark then is the kernel's affair.
    """
    upstream = t.upstream()
    proxy = t.start(upstream)
    for corked in (0, 1) * 10:
        client, server = t.session(proxy, upstream)
        client.send(b"?")
        server.receive(1)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not corked)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, corked)
        client.send(b"before ")
        client.sock.send(b"!", socket.MSG_OOB)
        client.send(b"after")
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        expect_around_urgent(server)
        server.send(b"answer")
        client.expect_same(client.receive(6), b"answer")
        client.close()
        server.close()


def expect_around_urgent(server) -> None:
    got = b""
    while len(got) < 12 or got == b"before !afte":
        try:
            got += server.receive(1, within=2.0)
        except Failed as stop:
            raise Failed("of 'before ', urgent '!', 'after' came %r: %s" % (got, stop))
    check(got in (b"before after", b"before !after"), "the server received %r" % got)
