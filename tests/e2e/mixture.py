"""Sessions of every kind, played by scripts at both ends that know how each session ended.

A session's client binds a source address of its own, by which the access log tells it from the
others. Its first bytes tell the upstream what to do:

    closed_client      request, answer, the client's FIN, then the upstream's
    closed_upstream    the same the other way round
    reset_client       request, answer, a reset by the client
    reset_upstream     request, answer, a last word from the client, a reset by the upstream
    silent             request, answer, then nothing: ended by the proxy
    half_closed        request, answer, the client's FIN, then nothing: ended by the proxy
    stalled            request, then an answer without end that the client does not read
"""

import select
import socket
import struct

import sockets
from processes import DEADLINE

HEAD = struct.Struct("!IHII")  # identity, index in KINDS, bytes of the request, of the answer
KINDS = ("closed_client", "closed_upstream", "reset_client", "reset_upstream", "silent",
         "half_closed", "stalled")
LAST_WORD = b"."


def source_of(identity):
    return f"127.{1 + (identity >> 16)}.{identity >> 8 & 255}.{identity & 255}"


def identity_of(client):
    """'127.1.2.3:4567' -> what source_of was asked for."""
    _, high, middle, low = (int(part) for part in client.split(":")[0].split("."))
    return (high - 1) << 16 | middle << 8 | low


def join(address, identity):
    """A connection from the source address of this session."""
    new = socket.socket()
    new.settimeout(DEADLINE)
    try:
        new.bind((source_of(identity), 0))
        new.connect(address)
    except BaseException:
        new.close()
        raise
    return new


def request(client, identity, kind, up, down):
    """Sends the request and takes the answer; returns (sent, received) so far."""
    size = max(up, HEAD.size)
    client.sendall(HEAD.pack(identity, KINDS.index(kind), size, down).ljust(size, b"u"))
    if kind == "stalled":
        return size, 0
    assert sockets.read_exactly(client, down) == b"d" * down
    return size, down


def play(address, identity, kind, up, down):
    """One whole session; returns (sent, received, how it ended as the client saw it)."""
    with join(address, identity) as client:
        sent, received = request(client, identity, kind, up, down)
        if kind == "reset_client":
            sockets.reset(client)
            return sent, received, "own reset"
        if kind == "reset_upstream":
            client.sendall(LAST_WORD)
            sent += 1
        elif kind in ("closed_client", "half_closed"):
            client.shutdown(socket.SHUT_WR)
        return sent, received, sockets.ending(client)


def play_all(_, jobs):
    """A peer: plays a list of (address, identity, kind, up, down), one after the other."""
    return {job[1]: play(*job) for job in jobs}


def upstream(link):
    """A peer: sends its endpoint, serves; asked, tells {identity: (received, sent)} and ends."""
    with sockets.Listener() as listener:
        link.send(listener.text)
        server = Upstream(listener, link)
        server.serve()
        for stream in server.streams.values():
            stream.socket.close()
        return server.sessions


class Upstream:
    def __init__(self, listener, link):
        self.listener = listener
        self.link = link
        self.streams = {}
        self.sessions = {}
        self.epoll = select.epoll()
        self.epoll.register(listener.socket, select.EPOLLIN)
        self.epoll.register(link, select.EPOLLIN)

    def serve(self):
        """Runs until the test asks; what has come before that is handled first."""
        while True:
            for number, events in self.epoll.poll():
                if number == self.listener.socket.fileno():
                    stream = Stream(self.listener.accept())
                    self.streams[stream.number] = stream
                    self.epoll.register(stream.number, select.EPOLLIN)
                elif number == self.link.fileno():
                    return
                else:
                    self.serve_one(self.streams[number], events)

    def serve_one(self, stream, events):
        going_on = stream.read() if events & ~select.EPOLLOUT else stream.pour()
        self.sessions[stream.identity] = (stream.received, stream.sent)
        if not going_on:
            self.epoll.unregister(stream.number)
            del self.streams[stream.number]
            stream.socket.close()
        elif stream.wants != stream.watched:
            self.epoll.modify(stream.number, stream.wants)
            stream.watched = stream.wants


class Stream:
    """The upstream's end of one session."""

    def __init__(self, accepted):
        accepted.setblocking(False)
        self.socket = accepted
        self.number = accepted.fileno()
        self.wants = self.watched = select.EPOLLIN
        self.identity, self.kind, self.due, self.answer = -1, "", HEAD.size, 0
        self.head = b""
        self.received = self.sent = 0

    def read(self):
        """Takes what is there and does what the kind says; False when that is to close."""
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            self.wants = 0  # a reset still shows
            return self.kind == "half_closed"
        self.received += len(data)
        if not self.kind:
            self.head += data[:HEAD.size - len(self.head)]
            if len(self.head) < HEAD.size:
                return True
            self.identity, kind, self.due, self.answer = HEAD.unpack(self.head)
            self.kind = KINDS[kind]
        return self.received < self.due or self.reply()

    def reply(self):
        if self.kind == "stalled":
            self.wants = select.EPOLLOUT
            return True
        if self.received == self.due + len(LAST_WORD):  # reset_upstream
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        self.sent = self.socket.send(b"d" * self.answer)
        assert self.sent == self.answer  # it is small and the socket is new
        if self.kind == "closed_upstream":
            self.socket.shutdown(socket.SHUT_WR)
        return True

    def pour(self):
        try:
            self.sent += self.socket.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True
