"""The two ends of many sessions at once: a client and an upstream that play their plans.

Both are peers (processes.Peer) which obey the words of the test, each with an answer:

    "tell"    (reports since the last time, sessions that still run)
    "pause"   the client begins no more sessions             "go" again
    "leave"   the upstream's listener goes away              "return" to the same address
"""

import heapq
import select
import socket
import time

import mixture
import sockets
from soak_end import End
from soak_plan import plan


class Crowd:
    """The event loop of one process full of ends."""

    def __init__(self, link, seed):
        self.link, self.seed = link, seed
        self.epoll = select.epoll()
        self.epoll.register(link, select.EPOLLIN)
        self.ends, self.watched, self.reports, self.alarms = {}, {}, [], []

    def add(self, stream, number, is_client):
        stream.setblocking(False)
        end = End(stream, self.seed, number, is_client)
        place = stream.fileno()
        self.ends[place] = end
        self.watched[place] = end.wants() | (select.EPOLLOUT if is_client else 0)
        self.epoll.register(place, self.watched[place])

    def turn(self):
        pause = max(0, self.alarms[0][0] - time.monotonic()) if self.alarms else -1
        for place, events in self.epoll.poll(pause):
            if place == self.link.fileno():
                self.link.send(self.obey(self.link.receive()))
            elif place in self.ends:
                self.step(place, events)
            else:
                self.other(place)
        while self.alarms and self.alarms[0][0] <= time.monotonic():
            _, place, end = heapq.heappop(self.alarms)
            end.stalled = False
            if self.ends.get(place) is end:
                self.watch(place, end)

    def step(self, place, events):
        end = self.ends[place]
        if end.step(events):
            self.reports.append(end.report())  # its descriptor is closed and so no longer watched
            del self.ends[place], self.watched[place]
            return
        if stall := end.must_stall():
            heapq.heappush(self.alarms, (time.monotonic() + stall, place, end))
        self.watch(place, end)

    def watch(self, place, end):
        if self.watched[place] != end.wants():
            self.watched[place] = end.wants()
            self.epoll.modify(place, self.watched[place])

    def obey(self, word):
        assert word == "tell", word
        told, self.reports = self.reports, []
        return told, len(self.ends)

    def other(self, place):
        raise AssertionError(place)


class Clients(Crowd):
    """Always `count` sessions at once; their numbers are `first`, `first` + `step` ..."""

    def __init__(self, link, seed, address, count, first, step):
        super().__init__(link, seed)
        self.address, self.count, self.next, self.by = address, count, first, step
        self.paused = False

    def serve(self):
        while True:
            while not self.paused and len(self.ends) < self.count:
                self.begin()
            self.turn()

    def begin(self):
        number, self.next = self.next, self.next + self.by
        stream = socket.socket()
        window = plan(self.seed, number)[0].window
        if window:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        stream.bind((mixture.source_of(number), 0))
        stream.setblocking(False)
        stream.connect_ex(self.address)
        self.add(stream, number, True)

    def obey(self, word):
        if word in ("pause", "go"):
            self.paused = word == "pause"
            return word
        return super().obey(word)


class Upstream(Crowd):
    def __init__(self, link, seed):
        super().__init__(link, seed)
        self.listen((sockets.HOST, 0))

    def listen(self, address):
        self.listener = socket.create_server(address, backlog=4096)
        self.address = self.listener.getsockname()
        self.listener.setblocking(False)
        self.epoll.register(self.listener, select.EPOLLIN)

    def serve(self):
        self.link.send(sockets.text_of(self.address))
        while True:
            self.turn()

    def other(self, place):
        """The listener: accepts all connections that wait."""
        try:
            while self.listener and place == self.listener.fileno():
                self.add(self.listener.accept()[0], -1, False)
        except BlockingIOError:
            pass

    def obey(self, word):
        if word == "leave":
            self.listener.close()
            self.listener = None
            return word
        if word == "return":
            self.listen(self.address)
            return word
        return super().obey(word)


def clients(link, *arguments):
    Clients(link, *arguments).serve()


def upstream(link, seed):
    Upstream(link, seed).serve()
