"""One side of one session of the soak: it plays its role, without waiting, and tells of it."""

import collections
import select
import socket
import time

import sockets
from soak_plan import HEAD, expected, plan

Report = collections.namedtuple("Report", "number side began ended sent fin received eof end error")
# end: "done" (both directions ended well), "reset", "own reset", "wrong" (a byte out of place)
PIECE = 1 << 16


class End:
    """One side of one session."""

    def __init__(self, stream, seed, number, is_client):
        self.stream, self.seed, self.is_client = stream, seed, is_client
        self.began = time.monotonic()
        self.sent = self.received = 0
        self.fin = self.eof = self.stalled = self.has_stalled = False
        self.end = self.error = ""
        self.number = -1
        self.mine = self.theirs = None
        self.head = b""
        if is_client:
            self.learn(number)

    def learn(self, number):
        self.number = number
        roles = plan(self.seed, number)
        self.mine, self.theirs = roles if self.is_client else roles[::-1]

    def wants(self):
        if self.mine is None:
            return select.EPOLLIN
        reading = 0 if self.eof or self.stalled else select.EPOLLIN
        return reading | (select.EPOLLOUT if self.sent < self.limit() else 0)

    def limit(self):
        """How much it may have sent by now."""
        if self.eof or not self.mine.answers:
            return self.mine.total
        return HEAD.size if self.is_client else 0

    def step(self, events):
        """Does what it can; True when it is over."""
        try:
            if events & select.EPOLLIN or (events & ~select.EPOLLOUT and not self.eof):
                self.read()
            if not self.end and events & select.EPOLLOUT:
                self.write()
            if not self.end and self.eof and events & (select.EPOLLERR | select.EPOLLHUP):
                self.check_error()
        except BlockingIOError:
            pass
        except OSError as problem:
            self.finish("reset", problem)
        if not self.end:
            self.decide()
        return bool(self.end)

    def read(self):
        if self.stalled:  # both directions have ended, or it is broken: no use in waiting
            self.check_error()
            self.stalled = False
            return
        data = self.stream.recv(PIECE)
        if not data:
            self.eof = True
        elif self.mine is None:
            self.head += data[:HEAD.size - len(self.head)]
            if len(self.head) == HEAD.size:
                self.learn(HEAD.unpack(self.head)[0])
                if self.mine.window:
                    self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.mine.window)
                self.take(self.head + data[HEAD.size - self.received:])
                return
            self.received += len(data)
        else:
            self.take(data)

    def take(self, data):
        """What has been received is at its place."""
        if self.received < HEAD.size and not self.is_client:
            self.received = 0  # the head comes again, whole
        at = 0
        while at < len(data):
            due = expected(self.theirs, self.number, not self.is_client, self.received,
                           len(data) - at)
            if self.received + len(due) > self.theirs.total or data[at:at + len(due)] != due:
                self.finish("wrong", f"near byte {self.received}")
                return
            at += len(due)
            self.received += len(due)

    def write(self):
        room = min(PIECE, self.limit() - self.sent)
        if room > 0:
            piece = expected(self.mine, self.number, self.is_client, self.sent, room)
            self.sent += self.stream.send(piece)

    def check_error(self):
        problem = self.stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            self.finish("reset", OSError(problem, "SO_ERROR"))

    def decide(self):
        """Ends a direction, or the session, when its time has come."""
        if self.mine is None:
            if self.eof:
                self.finish("done", "no head")
            return
        if self.sent == self.mine.total and not self.fin:
            if not self.mine.resets:
                try:
                    self.stream.shutdown(socket.SHUT_WR)
                    self.fin = True
                except OSError as problem:
                    self.finish("reset", problem)
                    return
            elif self.eof or self.received >= self.mine.reset_after:
                self.finish("own reset")
                return
        if self.fin and self.eof:
            self.finish("done")

    def must_stall(self):
        """Returns, once, for how long it does not read from now on."""
        if self.has_stalled or not self.mine or not 0 <= self.mine.stalls_after <= self.received:
            return 0
        self.has_stalled = self.stalled = True
        return self.mine.stall

    def finish(self, end, error=""):
        self.end, self.error = end, str(error)
        if end == "own reset":
            sockets.reset(self.stream)
        else:
            self.stream.close()

    def report(self):
        return Report(self.number, "client" if self.is_client else "upstream", self.began,
                      time.monotonic(), self.sent, self.fin, self.received, self.eof, self.end,
                      self.error)
