"""A small relay that is honest, or makes one mistake now and then: the soak has to notice it.

    honest   none
    drop     a byte is left out
    swap     two neighbours change places
    double   a piece is sent twice
    clean    a reset is passed on as an end of stream
    cut      the first end of stream ends both directions
    break    an end of stream is passed on as a reset
    hold     an end of stream is not passed on
    leak     a descriptor of a session that has ended well is not closed
    hoard    memory is not given back
"""

import errno
import itertools
import os
import random
import select
import socket

import sockets

MISTAKES = ("drop", "swap", "double", "clean", "cut", "break", "hold", "leak", "hoard")
BUFFER = 1 << 17
OFTEN = 0.05
IN, OUT, BROKEN = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR | select.EPOLLHUP


class Side:
    """A socket, what is to be sent to it, and what has been heard from it."""

    def __init__(self, stream):
        stream.setblocking(False)
        self.socket = stream
        self.pending = b""
        self.ended = False   # its end of stream has been read
        self.told = False    # that of the other side has been passed on to it


class BadRelay:
    def __init__(self, link, endpoints, mistake):
        self.link, self.mistake = link, mistake
        self.rng = random.Random(mistake)
        self.endpoints = itertools.cycle([(host, int(port)) for host, port in
                                          (end.split(":") for end in endpoints)])
        self.listener = socket.create_server((sockets.HOST, 0), backlog=4096)
        self.listener.setblocking(False)
        self.others = {}  # side: the other one
        self.sides = {}   # descriptor: side
        self.kept = []
        self.epoll = select.epoll()
        self.epoll.register(self.listener, IN)

    def errs(self, mistake):
        return self.mistake == mistake and self.rng.random() < OFTEN

    def serve(self):
        self.link.send(self.listener.getsockname())
        while True:
            for place, events in self.epoll.poll():
                if place == self.listener.fileno():
                    self.accept()
                elif place in self.sides:
                    self.step(self.sides[place], events)

    def accept(self):
        try:
            client = Side(self.listener.accept()[0])
        except OSError:
            return
        upstream = Side(socket.socket())
        upstream.socket.connect_ex(next(self.endpoints))
        self.others[client], self.others[upstream] = upstream, client
        for side in (client, upstream):
            self.sides[side.socket.fileno()] = side
            self.epoll.register(side.socket, IN | OUT)

    def step(self, side, events):
        other = self.others[side]
        try:
            if events & OUT:
                self.send(side)
            if events & (IN | BROKEN) and not side.ended and len(other.pending) < BUFFER:
                self.receive(side, other)
            elif events & BROKEN:
                self.check(side)
            self.pass_on_end(side, other)
            self.pass_on_end(other, side)
        except OSError as problem:
            if problem.errno not in (errno.EAGAIN, errno.ENOTCONN):
                self.end(side, clean=self.errs("clean"))
                return
        if side.told and other.told:
            self.end(side, clean=True)
            return
        for one, mate in ((side, other), (other, side)):
            reading = IN if not one.ended and len(mate.pending) < BUFFER else 0
            self.epoll.modify(one.socket, reading | (OUT if one.pending else 0))

    @staticmethod
    def check(side):
        """Both ends of stream make EPOLLHUP too."""
        problem = side.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, "SO_ERROR")

    def receive(self, side, other):
        data = side.socket.recv(1 << 16)
        if not data:
            side.ended = True
            return
        if self.mistake == "hoard":
            self.kept.append(bytearray(data))
        at = self.rng.randrange(len(data))
        if self.errs("drop"):
            data = data[:at] + data[at + 1:]
        elif self.errs("swap"):
            data = data[:at] + data[at:at + 2][::-1] + data[at + 2:]
        elif self.errs("double"):
            data += data
        other.pending += data
        self.send(other)

    @staticmethod
    def send(side):
        if not side.pending:
            return
        try:
            side.pending = side.pending[side.socket.send(side.pending):]
        except BlockingIOError:
            pass

    def pass_on_end(self, source, side):
        """Once all that came before it has been sent."""
        if not source.ended or side.told or side.pending or self.errs("hold"):
            return
        if self.errs("break"):
            raise ConnectionResetError
        side.socket.shutdown(socket.SHUT_WR)
        side.told = True
        if self.errs("cut"):
            source.socket.shutdown(socket.SHUT_WR)
            source.told = True

    def end(self, side, clean):
        for one in (side, self.others[side]):
            del self.others[one], self.sides[one.socket.fileno()]
            if clean and self.errs("leak"):  # a reset would not be sent
                self.kept.append(os.dup(one.socket.fileno()))
                self.epoll.unregister(one.socket)
            if clean:
                one.socket.close()
            else:
                sockets.reset(one.socket)


def bad_relay(link, endpoints, mistake):
    BadRelay(link, endpoints, mistake).serve()
