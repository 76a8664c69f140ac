"""Cases 42 and 43: where clients of TLS go, by the server that they ask for."""

from __future__ import annotations

import struct
import time

from case import INET, case
from drivers.config import Endpoint
from ends import hostile
from ends.client import has_ended
from verdict import Failed, check, check_time, wait_until

NAME = "one.example"
# Version, the lengths of ciphers, session and challenge, and these (RFC 6101, E.2).
SSL2 = b"\x80\x2e\x01\x03\x01" + struct.pack("!HHH", 21, 0, 16) + bytes(37)
LONG_S = 8.0  # no scene may take so long: what is decided by time alone is late


def starts(t, **settings):
    """A proxy with two routes and a default, and the three servers by what leads there."""
    servers = {name: t.upstream() for name in (NAME, "*.two.example", "")}
    routes = [(name, Endpoint(server.address)) for name, server in servers.items() if name]
    proxy = t.start(servers[""], listener_kind="sni", routes=routes, slow_client_deadline=LONG_S,
                    **settings)
    return proxy, servers


def arrives(t, proxy, servers, pieces, name: str, what: str) -> None:
    """The pieces, each a segment of its own, arrive unchanged at the server of `name`."""
    client = t.connect(proxy)
    for piece in pieces[:-1]:
        client.send(piece)
        if len(pieces) < 10:
            time.sleep(0.03)  # so that it is read by itself
    client.send(pieces[-1])
    data = b"".join(pieces)
    try:
        server = servers[name].accept(within=3.0)
    except Failed:
        found = [other for other, upstream in servers.items() if upstream.accept_all()]
        raise Failed("%s of %d bytes arrived at %s, due at %s" % (
            what, len(data), found[0] or "the default" if found else "no server",
            name or "the default"))
    server.expect_same(server.receive(len(data), within=3.0), data)
    server.send(b"answer")
    check(client.receive(6) == b"answer", "%s: the answer is wrong" % what)
    client.close()
    server.close()


def halves(data: bytes):
    return [data[:len(data) // 2], data[len(data) // 2:]]


@case(42, "a TLS client reaches the server it names, however its hello comes",
      "RFC 8446, 5.1; RFC 6066, 3", INET, ("sni",))
def hello(t):
    """In segments, in records, long, short, without a name: it is routed, and arrives unchanged.

    A ClientHello may be split over records anywhere (RFC 8446, 5.1), and over segments as TCP
    likes: with the key shares of today it does not fit into one. Names are compared without case
    (RFC 6066, 3; RFC 4343), and a client without one goes where the default says.
    """
    proxy, servers = starts(t)
    real = hostile.client_hello(NAME)
    arrives(t, proxy, servers, [real], NAME, "a hello")
    modern = hostile.made_hello(NAME, 1800)
    arrives(t, proxy, servers, halves(modern), NAME, "a hello in two segments")
    for size in (500, 100):
        arrives(t, proxy, servers, [hostile.made_hello(NAME, 1800, record=size)], NAME,
                "a hello in records of %d bytes" % size)
    arrives(t, proxy, servers, [modern[at:at + 1] for at in range(len(modern))], NAME,
            "a hello byte by byte")
    for size in (16000, 64000):
        arrives(t, proxy, servers, halves(hostile.made_hello(NAME, size)), NAME, "a hello")
    arrives(t, proxy, servers, [hostile.made_hello("One.Example", 200)], NAME,
            "a hello with a name in upper case")
    arrives(t, proxy, servers, [hostile.made_hello("a.b.two.example", 200)], "*.two.example",
            "a hello for a name below another")
    for data, what in ((hostile.made_hello("", 200), "a hello without a name"),
                       (hostile.made_hello("two.example", 200), "a hello with a name of no route"),
                       (SSL2, "a hello of SSL 2")):
        arrives(t, proxy, servers, [data], "", what)


@case(43, "what is no TLS is decided at once where names are looked at",
      "its own option", INET, ("sni",))
def no_tls(t):
    """The first byte tells that no hello will come: to wait for one would stall its client.

    By default such bytes go where clients without a name go; where the proxy can reject them, it
    does, and what is TLS goes on.
    """
    proxy, servers = starts(t)
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"\n"):
        began = time.monotonic()
        arrives(t, proxy, servers, [data], "", "what is no TLS")
        check_time(time.monotonic() - began < 1.0,
                   "what is no TLS was not forwarded at once, but after %.1f s"
                   % (time.monotonic() - began))
    if not t.has("not_tls_reject"):
        return
    proxy, servers = starts(t, not_tls="reject")
    client = t.connect(proxy)
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    wait_until(lambda: has_ended(client.sock), 2.0, "what is no TLS is not rejected at once")
    for upstream in servers.values():
        check(not upstream.accept_all(), "what is no TLS reached a server where it is rejected")
    arrives(t, proxy, servers, [hostile.client_hello(NAME)], NAME, "a hello")
