"""Cases 72 and 75: UNIX sockets: a full accept queue, and a file of another process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from typing import List

from case import TCP4, case
from ends.client import NotConnected, connect, has_ended
from ends.peer import Peer
from ends.stream import Job
from ends.upstream import Upstream
from kernel.net import Address
from verdict import Failed, check

FULL_S = 0.4     # how long the queue stays full
CONNECT_S = 3.0  # the proxy's connect timeout


class Plugs:
    """Connections that fill a UNIX listener's accept queue: the next connect(2) says EAGAIN."""

    def __init__(self, address: Address):
        self.socks: List[socket.socket] = []
        while self._add(address):
            pass

    def _add(self, address: Address) -> bool:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        self.socks.append(sock)
        try:
            sock.connect(address.sockaddr)
            return True
        except BlockingIOError:
            return False

    def close(self) -> None:
        for sock in self.socks:
            sock.close()


@case(72, "a UNIX server's accept queue is full for a moment: nobody is refused",
      "connect(2), EAGAIN; unix(7)", TCP4, ("unix",))
def full_queue(t):
    """The server is busy for 0.4 s; its queue is full; then it accepts again.

    On TCP the kernel waits by itself: a SYN that finds a full queue is sent again. A UNIX socket
    says EAGAIN (connect(2)): try again. A proxy that takes that for a refusal rejects clients in
    every burst. All has to be well within the connect timeout; what the client has sent meanwhile
    arrives. Then a crowd at a server with a short queue that accepts one after the other.
    """
    upstream = t.upstream("unix", backlog=1)
    plugs = t.keep(Plugs(upstream.address))
    proxy = t.start(upstream, connect_timeout=CONNECT_S)
    client = patient_client(t, proxy, "while the queue was full")
    client.send(b"hello")
    time.sleep(FULL_S)
    check(not has_ended(client.sock), "the server's queue was full for %.1f s: the client was "
          "rejected" % FULL_S)
    plugs.close()
    try:
        server = accept_talker(t, upstream)
    except Failed as error:
        raise Failed("the server's queue was full for %.1f s, and the client is not served after "
                     "that: %s" % (FULL_S, error))
    server.expect_same(server.receive(5), b"hello")
    server.send(b"welcome")
    client.expect_same(client.receive(7), b"welcome")
    burst(t)


def patient_client(t, proxy, when: str) -> Peer:
    try:
        return t.connect(proxy)
    except NotConnected as error:
        raise Failed("the server's queue was full: a client was rejected %s: %s" % (when, error))


def accept_talker(t, upstream: Upstream) -> Peer:
    """The next connection that does not end at once, as those that only filled the queue do."""
    deadline = time.monotonic() + CONNECT_S
    while time.monotonic() < deadline:
        peer = t.keep(upstream.accept(within=max(0.01, deadline - time.monotonic())))
        if not has_ended(peer.sock):
            return peer
    raise Failed("no connection with a client behind it came")


def burst(t) -> None:
    """40 clients at once, a queue of 5, a server that accepts one every 10 ms."""
    upstream = t.upstream("unix", backlog=4)
    proxy = t.start(upstream, connect_timeout=CONNECT_S)
    count, served = 40, []

    def serve() -> None:
        with contextlib.suppress(Failed):
            while len(served) < count:
                served.append(t.keep(upstream.accept(within=CONNECT_S)))
                served[-1].send(b"!")
                time.sleep(0.01)

    with proxy.frozen():  # so that all of them are there at once
        clients = [t.connect(proxy) for _ in range(count)]
    server = Job(serve)
    answered = 0
    for client in clients:
        with contextlib.suppress(Failed):
            client.receive(1, within=CONNECT_S)
            answered += 1
    server.done()
    check(answered == count, "the server's queue was full, it accepted one every 10 ms: %d of %d "
          "clients were served" % (answered, count))


@case(75, "who stops leaves a successor's socket alone",
      "unlink(2); its own manual", ("unix",), ("drain",))
def successor(t):
    """The name of a stopping proxy's UNIX socket belongs to another process by now.

    A second proxy was started on it, as a deployment does that does not wait; or another program's
    socket is there; or a plain file. unlink(2) removes a name of any owner: after the first
    proxy's end the successor would run, and no client could reach it.
    """
    upstream = t.upstream()
    first = t.start(upstream)
    path = first.address.path
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    second = t.start(upstream, binds=[first.address])
    stop(t, first)
    check(os.path.exists(path), "the successor's socket is gone: the proxy that stopped has "
          "removed it")
    client, server = t.session(second, upstream)
    client.send(b"hello")
    server.expect_same(server.receive(5), b"hello")
    client.close()
    server.close()
    for what, put in (("another program's socket", put_socket), ("a plain file", put_file)):
        first = t.start(upstream)
        path = first.address.path
        os.unlink(path)
        with put(path):
            stop(t, first)
            check(os.path.exists(path), "%s of the same name is gone: the proxy that stopped has "
                  "removed it" % what)


def stop(t, proxy) -> None:
    t.expect_dead(proxy)
    proxy.signal(t.driver.drain_signals[0])
    check(proxy.wait_exit(5.0) is not None, "the proxy does not stop")


@contextlib.contextmanager
def put_socket(path: str):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(path)
        sock.listen(1)
        yield


@contextlib.contextmanager
def put_file(path: str):
    with open(path, "w") as file:
        file.write("precious")
    yield
