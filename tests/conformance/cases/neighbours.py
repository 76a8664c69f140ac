"""Cases 70 and 71: peers that stop reading, one or hundreds, and their neighbours."""

from __future__ import annotations

import itertools
import socket
import time
from typing import Callable, List, Tuple

from case import TCP4, case
from ends.load import transfer_seconds
from ends.peer import CHUNK, Peer
from ends.stream import Stream
from verdict import Failed, check, check_time, wait_until

KIB, MIB = 1 << 10, 1 << 20
SOON_S = 0.5          # for an answer of a session that nothing is the matter with
PATIENCE_S = 4.0
PER_DIRECTION = 256 * KIB
# The configured memory is enough for this much in each direction of every session that the
# limit admits, stalled or not.
HOLDING = 64 * KIB

Pair = Tuple[Peer, Peer]


@case(70, "a stalled peer and tiny messages for it cost nobody else",
      "RFC 9293, 3.8.6; a bound of this suite", TCP4)
def tiny_messages(t):
    """One peer stops reading, its partner sends thousands of messages of 1 and 2 bytes.

    That is a chat, a game, a price feed, and a telephone that has lost its network. A few ten
    kilobytes are all there is to hold: a proxy that takes a buffer for each message runs out of
    buffers, and all sessions stand still because of one. Sessions that were there before and new
    ones have to be answered; then the stalled peer reads on and finds every byte.
    """
    for down in (True, False):
        direction = "client" if down else "server"
        upstream = t.upstream(rcvbuf=0 if down else 4096)
        sessions = 12
        proxy = t.start(upstream, buffer=PER_DIRECTION, buffer_memory=16 * MIB,
                        socket_buffer=64 * KIB,
                        max_connections=16 * MIB // (2 * HOLDING))
        old = [t.session(proxy, upstream) for _ in range(sessions // 2)]
        expect_answers(old, "before any had stalled")
        client, server = t.session(proxy, upstream, rcvbuf=4096 if down else 0)
        sender, reader = (server, client) if down else (client, server)
        stream = Stream(70)
        sent = fill_kernel(sender, stream, lambda: queued_for(proxy, reader))
        small = send_tiny(sender, stream, sent, t.scale(8000, 40000))
        t.note("%s stalled: %d bytes in the kernel, then %d bytes in small messages"
               % (direction, sent, small))
        when = "beside a %s that does not read, after %d tiny messages for it" % (
            direction, small * 2 // 3)
        expect_answers(old, when + ", an older session")
        expect_answers([t.session(proxy, upstream) for _ in range(sessions // 2)],
                       when + ", a new session")
        stream.expect(reader, sent + small)


def queued_for(proxy, reader: Peer) -> int:
    """Bytes that the proxy's kernel holds for a peer."""
    port = reader.sock.getsockname()[1], reader.sock.getpeername()[1]
    return sum(sock.send_queue for sock in proxy.sockets("ESTABLISHED")
               if (sock.remote_port, sock.local_port) == port)


def fill_kernel(sender: Peer, stream: Stream, queue: Callable[[], int]) -> int:
    """Sends until the proxy's kernel takes no more for the reader; what comes then, the proxy
    has to hold itself. Returns the bytes sent."""
    sent = unchanged = 0
    last = -1
    while unchanged < 3 and sent < 16 * MIB:
        for _ in range(10):
            sender.send(stream.read(sent, 1000))
            sent += 1000
        time.sleep(0.01)  # lets the proxy pass it on; a proxy that is late is filled less
        now = queue()
        unchanged = unchanged + 1 if now == last and now > 0 else 0
        last = now
    return sent


def send_tiny(sender: Peer, stream: Stream, start: int, count: int) -> int:
    """Sends `count` messages of 1 and 2 bytes in turn, each by itself; returns their bytes."""
    sent = 0
    sender.sock.setblocking(False)
    try:
        for size in itertools.islice(itertools.cycle((1, 2)), count):
            sent += sender.sock.send(stream.read(start + sent, size))
            time.sleep(0.0001)  # or the kernel would hand several over as one
    except BlockingIOError:  # a proxy may take less: it has stopped reading from this sender
        pass
    finally:
        sender.sock.settimeout(PATIENCE_S)
    return sent


def expect_answers(pairs: List[Pair], which: str) -> None:
    """A question and an answer through each session, soon."""
    waits = []
    for client, server in pairs:
        start = time.monotonic()
        try:
            client.send(b"ping", within=PATIENCE_S)
            server.expect_same(server.receive(4, within=PATIENCE_S), b"ping")
            server.send(b"pong", within=PATIENCE_S)
            client.expect_same(client.receive(4, within=PATIENCE_S), b"pong")
        except Failed as error:
            raise Failed("%s was not answered: %s" % (which, error))
        waits.append(time.monotonic() - start)
    check_time(max(waits) < SOON_S, "%s was answered after %.0f ms" % (which, max(waits) * 1e3))


@case(71, "hundreds of stalled peers: whoever can move, moves",
      "its own limits on connections and memory", TCP4)
def many_stalled(t):
    """Half of the sessions that the limits allow for have stalled, in both directions.

    The proxy is told how much memory it may use, and how many connections it is for: with 64 KiB
    for each direction of each of them the memory suffices. What the stalled ones hold beyond that
    must not be missing where a peer reads: older sessions and new ones are answered, and one of
    them moves a megabyte. A few of the stalled ones then read on and find every byte.
    """
    stalled, active = t.scale(160, 2000), 20
    limit = 2 * stalled
    upstream = t.upstream(sndbuf=64 * KIB, rcvbuf=64 * KIB)
    proxy = t.start(upstream, max_connections=limit, buffer=PER_DIRECTION,
                    buffer_memory=limit * 2 * HOLDING, socket_buffer=64 * KIB)
    old = [t.session(proxy, upstream) for _ in range(active)]
    expect_answers(old, "before any had stalled, a session")
    pairs = [t.session(proxy, upstream, rcvbuf=64 * KIB) for _ in range(stalled)]
    pairs = [pair[::-1] if index % 2 else pair for index, pair in enumerate(pairs)]
    for _, sender in pairs:
        sender.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
    stream = Stream(71)
    sent = stall(pairs, stream)
    t.note("%d stalled sessions hold %d KiB on their way" % (stalled, sum(sent) // KIB))
    when = "beside %d stalled sessions, " % stalled
    expect_answers(old, when + "an older session")
    new = [t.session(proxy, upstream) for _ in range(active)]
    expect_answers(new, when + "a new session")
    for sender, receiver in (new[0], new[1][::-1]):
        try:
            transfer_seconds(sender, receiver, stream, MIB, 0)
        except Failed as error:
            raise Failed(when + "a transfer of 1 MiB was not answered: %s" % error)
    for (reader, _), count in list(zip(pairs, sent))[:6]:
        stream.expect(reader, count)


def stall(pairs: List[Pair], stream: Stream) -> List[int]:
    """The second of each pair sends until no socket takes more; no peer reads.

    Some send as much as goes, others a small message in each round, which arrives by itself.
    """
    sent = [0] * len(pairs)

    def step() -> bool:
        """Whether no peer could send."""
        idle = True
        for index, (_, sender) in enumerate(pairs):
            try:
                size = CHUNK if index % 4 < 2 else 1000
                for _ in range(32 if size == CHUNK else 1):
                    if sent[index] >= MIB:
                        break
                    sent[index] += sender.sock.send(stream.read(sent[index], size))
                    idle = False
            except BlockingIOError:
                pass
            except OSError as error:
                raise Failed("session %d of %d, before its reader had stalled for a second: %s"
                             % (index + 1, len(pairs), error))
        return idle

    for _, sender in pairs:
        sender.sock.setblocking(False)
    quiet = 0
    for _ in range(4000):
        quiet = quiet + 1 if step() else 0
        if quiet == 3:
            break
        time.sleep(0.05 if quiet else 0.001)
    for _, sender in pairs:
        sender.sock.settimeout(PATIENCE_S)
    return sent
