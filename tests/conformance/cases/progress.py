"""Cases 68, 69 and 76: slow is not dead. A timeout ends only sessions without progress."""

from __future__ import annotations

import time

from case import INET, case
from ends.stream import Job, all_done, payload
from verdict import Failed, Late, check, wait_until

KIB = 1024
FAMILIES = ("tcp4", "unix")
PIECE_S = 0.05      # between two reads of a steady reader
LIMIT_S = 1.0       # of everything that bounds inactivity
SIZE = 512 * KIB    # most of it fits into the kernel's buffers: the proxy has nothing left to do


@case(68, "a slow steady reader keeps its download",
      "RFC 9293, 3.6; a bound of this suite", FAMILIES)
def slow_download(t):
    """The server has said all it had to say; the client takes it slowly and never pauses.

    What waits is in the kernel's buffers: the proxy has nothing left to read or write, and
    timeouts that look at its own reads and writes take the session for dead. RFC 9293 section 3.6:
    all that was sent before a close is reliably delivered. The peer's acknowledgements are the
    progress: a connection in which bytes are taken is neither idle nor stalled. The reader needs
    several times as long as each of the proxy's timeouts.

    Sessions of one proxy, all at once: the server closes; the client had closed its half before;
    the server waits in silence for the client's thanks. Then a proxy that ends a session at the
    first FIN, where there is such an option: what it has accepted before is owed all the same.
    """
    slow_transfer(t, down=True)


@case(69, "a slow steady server gets the whole upload",
      "RFC 9293, 3.6; a bound of this suite", FAMILIES)
def slow_upload(t):
    """Case 68 in the other direction: a client that has sent all, a slow server."""
    slow_transfer(t, down=False)


def slow_transfer(t, down: bool) -> None:
    limit = t.scale(LIMIT_S, 5.0)
    timeouts = {"idle_timeout": limit, "half_close_timeout": limit, "write_stall_timeout": limit}
    upstream = t.upstream(rcvbuf=0 if down else 65536)
    proxy = t.start(upstream, **timeouts)
    scenes = [sender_closes, reader_has_closed, sender_waits]
    jobs = [scene_job(t, proxy, upstream, down, scene, limit) for scene in scenes]
    if t.has("half_close_policy"):
        closing = t.start(upstream, half_close="close", **timeouts)
        jobs.append(scene_job(t, closing, upstream, down, sender_closes, limit))
    all_done(jobs)
    if t.has("access_log"):
        counts = {record.bytes_out if down else record.bytes_in for record in proxy.wait_records(3)}
        check(counts <= {SIZE, None}, "%d bytes were delivered to each of the slow readers, the "
              "log says %s" % (SIZE, sorted(counts - {None})))


def scene_job(t, proxy, upstream, down: bool, scene, limit: float) -> Job:
    client, server = t.session(proxy, upstream, rcvbuf=65536 if down else 0)
    sender, reader = (server, client) if down else (client, server)
    data = payload(68, SIZE)
    return Job(scene, sender, reader, data, SteadyReader(reader, data, limit))


def sender_closes(sender, _reader, data: bytes, steady: SteadyReader) -> None:
    writer = Job(send_and_close, sender, data)
    steady.expect_all("whose peer has sent all and closed")
    steady.expect_eof()
    writer.done()


def reader_has_closed(sender, reader, data: bytes, steady: SteadyReader) -> None:
    reader.half_close()
    sender.expect_eof()
    writer = Job(send_and_close, sender, data)
    steady.expect_all("that had closed its own half")
    steady.expect_eof()
    writer.done()


def sender_waits(sender, reader, data: bytes, steady: SteadyReader) -> None:
    writer = Job(sender.send, data)
    steady.expect_all("whose peer waits in silence")
    writer.done()
    try:
        reader.send(b"thanks")
        sender.expect_same(sender.receive(6), b"thanks")
    except Failed as error:
        steady.fail("%s took all, a piece every %.0f ms, and answered at once: the session had "
                    "been ended meanwhile: %s" % (reader.who, PIECE_S * 1e3, error))
    reader.close()
    sender.expect_eof()
    sender.close()


def send_and_close(peer, data: bytes) -> None:
    peer.send(data, within=60)
    peer.close()


class SteadyReader:
    """Takes the same piece again and again, without a pause that a timeout could mean.

    The machine may keep it from reading; where that, and not the proxy, made a pause, the case is
    judged again.
    """

    def __init__(self, peer, data: bytes, limit: float):
        self._peer, self._data, self._limit = peer, data, limit
        self._piece = int(len(data) * PIECE_S / (4 * limit))
        self._longest = 0.0  # pause between two reads

    def expect_all(self, which: str) -> None:
        got, begun = 0, time.monotonic()
        last = begun
        while got < len(self._data):
            time.sleep(PIECE_S)
            asked = time.monotonic()
            self._longest = max(self._longest, asked - last)
            try:
                part = self._peer.sock.recv(min(self._piece, len(self._data) - got))
                why = "a clean EOF"
            except OSError as error:
                part, why = b"", str(error)
            if not part:
                self.fail("%s, %s, received %d of %d bytes in %.1f s, a piece every %.0f ms, then "
                           "%s (timeouts %.1f s)" % (
                               self._peer.who, which, got, len(self._data),
                               time.monotonic() - begun, PIECE_S * 1e3, why, self._limit))
            self._peer.expect_same(part, self._data[got:got + len(part)])
            got += len(part)
            last = time.monotonic()

    def expect_eof(self) -> None:
        self._peer.expect_eof()
        self._peer.close()

    def fail(self, words: str) -> None:
        raise (Late if self._longest > self._limit / 2 else Failed)(words)


@case(76, "stopped for longer than idle while bytes came: sessions live",
      "its own idle timeout", INET)
def stopped(t):
    """The proxy is stopped by SIGSTOP for longer than its idle timeout, then continued.

    So does a suspended machine, a debugger, a full host. Bytes came meanwhile: none of these
    sessions was idle, whatever a timer says that has run out in the same moment. Half of the
    sessions hear from their clients, half from their servers; some had half-closed before.
    """
    limit = t.scale(0.8, 3.0)
    upstream = t.upstream()
    proxy = t.start(upstream, idle_timeout=limit, half_close_timeout=limit)
    count = t.scale(60, 600)
    pairs = []
    for index in range(count):
        pairs.append(t.session(proxy, upstream)[::-1 if index % 2 else 1])
    for first, last in pairs:
        first.send(b"a")
        last.receive(1)
    half = pairs[-10:] if t.has("half_close_timeout") else []
    for first, last in half:
        last.half_close()
        first.expect_eof()
    wait_until(proxy.asleep, 2.0, "the proxy does not sleep while no peer sends")
    with proxy.frozen():
        for first, _ in pairs:
            first.send(b"b")
        time.sleep(limit * 1.5)
    for index, (first, last) in enumerate(pairs):
        try:
            last.expect_same(last.receive(1), b"b")
            if index < count - len(half):
                last.send(b"c")
                first.receive(1)
        except Failed as error:
            raise Failed("the proxy was stopped for %.1f s, its idle timeout is %.1f s; session %d "
                         "of %d, whose bytes came in the first moment of that: %s"
                         % (limit * 1.5, limit, index + 1, count, error))
