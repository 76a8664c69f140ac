"""Cases 73 and 74: a server that is away for a moment, and a port that is one's own."""

from __future__ import annotations

import contextlib
import os
import socket
import time

from case import ANY, INET, case
from drivers.config import Launch
from ends.client import NotConnected, has_ended
from ends.peer import Peer
from kernel.net import Address, address_of, bound_socket
from kernel.netns import Namespace
from verdict import Failed, check

AWAY_S = 0.3
RETRY_FOR_S = 5.0


class Absent:
    """A server's address without a listener yet; no other process can take it meanwhile."""

    def __init__(self, family: str, scratch: str):
        self._sock = bound_socket(family, scratch)
        self.address = address_of(self._sock)

    def appear(self) -> None:
        self._sock.listen(64)

    def vanish_file(self) -> None:
        """The file of a UNIX socket goes; `appear` brings it back."""
        os.unlink(self.address.path)
        self._sock.close()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.appear = self._bind_and_listen

    def _bind_and_listen(self) -> None:
        self._sock.bind(self.address.path)
        self._sock.listen(64)

    def accept(self) -> Peer:
        self._sock.settimeout(RETRY_FOR_S + 3)
        try:
            return Peer(self._sock.accept()[0], "the server")
        except socket.timeout:
            raise Failed("no connection came")

    def close(self) -> None:
        self._sock.close()


@case(73, "the only server is away for a moment: tried again",
      "RFC 1122, 4.2.3.5; its own retries", ANY, ("retry",))
def away(t):
    """A server restarts: for 0.3 s its connects are refused, then it listens again.

    No byte has been sent: trying again is safe (RFC 9110 section 9.2.2 forbids it only after
    that), and RFC 1122 section 4.2.3.5 asks TCP itself to try for minutes where a connect is not
    answered. With a single server there is no other to fail over to. What the client has sent
    meanwhile arrives. A UNIX server's file may be missing altogether.
    """
    scenes = [False] + ([True] if t.family == "unix" else [])
    for missing in scenes:
        server = t.keep(Absent(t.family, t.scratch))
        if missing:
            server.vanish_file()
        proxy = t.start(server, retry_for=RETRY_FOR_S)
        clients = []
        for index in range(3):
            with contextlib.suppress(NotConnected):
                clients.append(t.connect(proxy))
                clients[-1].sock.send(b"%d" % index)
        time.sleep(AWAY_S)
        for client in clients:
            check(not has_ended(client.sock), "the only server was away for %.1f s: the client was "
                  "rejected" % AWAY_S)
        check(len(clients) == 3, "the only server was away for %.1f s: a client was rejected at "
              "once" % AWAY_S)
        server.appear()
        start = time.monotonic()
        found = set()
        for _ in clients:
            try:
                peer = t.keep(server.accept())
                found.add(peer.receive(1))
            except Failed as error:
                raise Failed("the only server was away for %.1f s, and is not tried again: %s"
                             % (AWAY_S, error))
            peer.send(b"here")
        for client in clients:
            client.expect_same(client.receive(4), b"here")
        check(found == {b"0", b"1", b"2"}, "the clients' first bytes came as %r" % sorted(found))
        t.note("served %.0f ms after the server had come back"
               % ((time.monotonic() - start) * 1e3))


@case(74, "a connection to itself is not the server",
      "RFC 9293, 3.5", INET, ("ipv4",))
def itself(t):
    """The server does not listen, and the kernel gives the proxy's connect the server's own port.

    TCP lets a socket connect to itself: both ends "open" simultaneously (RFC 9293 section 3.5).
    Wherever a server's port is in the range of ephemeral ports, one connect in some ten thousand
    ends like that while it is away: the client hears its own words, and the server cannot come
    back, since its port is taken. Here that port is the only one of the range.
    """
    space = t.keep(Namespace("itself"))
    host = {"tcp4": "127.0.0.1", "tcp6": "::1"}[t.family]
    with space.inside():
        listen = t.listen_address(host=host)
    server = Address(t.family, host=host, port=31000)
    space.sysctl("ipv4/ip_local_port_range", "%d %d" % (server.port, server.port))
    proxy = t.start(server, binds=[listen], retry_for=0.5, launch=Launch(netns=space.name))
    with space.inside():
        for index in range(3):
            told_by_itself(t, proxy, (host, 11000 + index))
    space.sysctl("ipv4/ip_local_port_range", "30000 30100")
    with space.inside(), socket.socket(server.af, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(server.sockaddr)
        except OSError as error:
            raise Failed("connections to itself hold the server's port: %s" % error)
        listener.listen(8)
        listener.settimeout(5.0)
        client = t.connect(proxy, source=(host, 11010))
        client.send(b"hello")
        peer = t.keep(Peer(listener.accept()[0], "the server"))
        peer.expect_same(peer.receive(5), b"hello")


def told_by_itself(t, proxy, source) -> None:
    """The client must receive nothing but the end: there is no server to answer."""
    try:
        client = t.connect(proxy, source=source)
        client.sock.send(b"echo?")
    except (NotConnected, OSError):  # the reset was faster
        return
    end = client.ending(within=4.0)
    client.close()
    check(not end.data, "the proxy has connected to itself: the client heard its own %r" % end.data)
    check(end.how != "open", "a client whose server is away was left hanging; the proxy may have "
          "connected to itself")
