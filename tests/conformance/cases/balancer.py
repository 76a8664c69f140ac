"""Cases 37 to 41: the PROXY protocol, by which a balancer and a server hear of the client."""

from __future__ import annotations

import random
import socket
import struct
import time

from case import INET, TCP4, case
from drivers.config import Endpoint, Health
from ends import balancer as says
from ends.client import NotConnected, has_ended
from kernel.net import readable
from verdict import Failed, check, check_time, wait_until

SOON_S = 3.0
PATIENT = 30.0          # a time for a header that no scene waits for
DATA_SEGMENTS_IN = 152  # the offset of tcpi_data_segs_in in struct tcp_info

# A name for the failure, the header, and whose address it says.
GOOD = (
    ("version 1, TCP4", says.line(), says.CLIENT),
    ("version 1, TCP6", says.line(says.CLIENT_6, says.SERVER_6, "TCP6"), says.CLIENT_6),
    ("version 1, UNKNOWN", b"PROXY UNKNOWN\r\n", None),
    ("version 1, UNKNOWN with words", b"PROXY UNKNOWN " + b"x" * 80 + b"\r\n", None),
    ("version 2, TCP4", says.block(says.addresses()), says.CLIENT),
    ("version 2, TCP6", says.block(says.addresses(says.CLIENT_6, says.SERVER_6), says.TCP6),
     says.CLIENT_6),
    ("version 2, LOCAL", says.block(b"", 0, says.LOCAL), None),
    ("version 2, TLVs", says.checked(
        says.addresses() + says.tlv(says.ALPN, b"h2") + says.tlv(says.AUTHORITY, b"a.example") +
        says.tlv(says.UNIQUE_ID, b"id") + says.tlv(says.NETNS, b"blue") +
        says.tlv(says.OWN, bytes(400))), says.CLIENT),
)
UNSPECIFIED = (
    ("version 2, AF_UNSPEC", says.block(b"", 0), None),
    ("version 2, AF_UNSPEC with TLVs", says.block(says.tlv(says.OWN, b"abc"), 0), None),
)
UNIX = says.block(says.unix_addresses(), says.UNIX)

BAD = (
    ("no CRLF in 107 bytes", b"PROXY UNKNOWN " + b"x" * 120 + b"\r\n"),
    ("a line that ends by LF alone", says.line().replace(b"\r\n", b"\n")),
    ("a port with a leading zero", says.line().replace(b" 443", b" 0443")),
    ("an address with a leading zero", says.line().replace(b"192.0.2.1", b"192.00.2.1")),
    ("IPv4 addresses that are called TCP6", says.line().replace(b"TCP4", b"TCP6")),
    ("IPv6 addresses that are called TCP4", says.line(says.CLIENT_6, says.SERVER_6)),
    ("a family that there is not", says.line().replace(b"TCP4", b"UDP9")),
    ("a port above 65535", says.line().replace(b" 443", b" 65536")),
    ("a block shorter than its addresses", says.block(says.addresses()[:8])),
    ("IPv4 addresses that are called IPv6", says.block(says.addresses(), says.TCP6)),
    ("a version that there is not", says.block(says.addresses(), command=0x31)),
    ("a command that there is not", says.block(says.addresses(), command=0x22)),
    ("a TLV that is longer than its block", says.block(says.addresses() + b"\x04\0\x09abc")),
    ("a wrong checksum", says.checked(says.addresses())[:-1] + b"!"),
    ("no header, but a request", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ("half of a signature, and then a request", says.SIGNATURE[:7] + b"GET / HTTP/1.1\r\n\r\n"),
)


def behind(t, upstream, **settings):
    settings.setdefault("header_timeout", PATIENT)
    return t.start(upstream, listener_kind="proxy_protocol", **settings)


def text(address) -> str:
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address[:2]


def arrives(t, proxy, upstream, what: str, pieces, due: bytes, source, passes_on: bool,
            count: int) -> None:
    """The header is taken off; who it says is told to the server and to the log."""
    client = t.connect(proxy)
    own = text(client.sock.getsockname())
    try:
        for piece in pieces:
            client.send(piece)
    except Failed:  # it has been reset, and no server will hear of it
        pass
    wait_until(lambda: readable([upstream.listener], 0), SOON_S,
               what + ": no connection reached the server")
    server = t.keep(upstream.accept())
    if passes_on:
        told = says.receive(server, SOON_S)
        if source:
            check(told.source == source, "%s: the server is told of %s, the header says %s"
                  % (what, told.source and text(told.source), text(source)))
    got = server.receive(len(due), within=SOON_S)
    check(got == due, "%s: the server received other bytes than those behind it" % what)
    server.send(b"answer")
    check(client.receive(6) == b"answer", "%s: the answer is wrong" % what)
    client.close()
    server.close()
    if t.has("access_log"):
        record = proxy.wait_records(count)[count - 1]
        expected = text(source) if source else own
        check(record.client == expected, "%s: the log tells of %s, due is %s"
              % (what, record.client, expected))
        check(record.bytes_in in (None, len(due)), "%s: the log counts %s bytes, %d came behind it"
              % (what, record.bytes_in, len(due)))


@case(37, "a balancer's header says who the client is, however it comes",
      "proxy-protocol.txt, 2", INET, ("proxy_protocol",))
def good_headers(t):
    """Both versions, with and without addresses and TLVs, in one piece with data, byte by byte.

    What follows the header is the client's, and a header of version 2 is as long as it says (2.2).
    Its sender sends it in one piece, and a receiver "may simply drop the connection when receiving
    a partial header. Recommendation is to be tolerant" (2). Likewise it is "free to accept the
    connection" of a family that is not specified (2.2). Those that do are judged by it.
    """
    upstream = t.upstream()
    version = "v2" if t.driver.lacks.get("send_proxy_v2") is None else "v1"
    sends = t.has("send_proxy")
    proxy = behind(t, upstream, send_proxy=version if sends else "")
    count = 0
    any_family = t.has("unspecified_headers")
    for what, header, source in GOOD + (UNSPECIFIED if any_family else ()):
        count += 1
        arrives(t, proxy, upstream, what, [header + b"hello"], b"hello", source, sends, count)
    payload = random.Random(37).randbytes(1 << 20)
    for what, header, source in (GOOD[0], GOOD[4]):
        count += 1
        arrives(t, proxy, upstream, what + " before a mebibyte", [header + payload], payload,
                source, sends, count)
    for what, header, source in (GOOD[0], GOOD[4], GOOD[7]) if t.has("partial_headers") else ():
        count += 1
        pieces = [header[at:at + 1] for at in range(len(header))] + [b"hello"]
        arrives(t, proxy, upstream, what + ", byte by byte", pieces, b"hello", source, sends,
                count)
    if not any_family:
        return
    client = t.connect(proxy)
    client.send(UNIX + b"hello")
    server = t.keep(upstream.accept(within=SOON_S))
    if sends:
        says.receive(server, SOON_S)
    check(server.receive(5, within=SOON_S) == b"hello",
          "version 2, AF_UNIX: the server received other bytes than those behind it")


def is_aborted(t, proxy, upstream, what: str, data: bytes, source=None) -> None:
    """The connection ends, and the server hears nothing of it."""
    try:
        client = t.connect(proxy, source=source)
    except NotConnected:  # the reset was faster
        return
    try:
        client.sock.sendall(data)
    except OSError:  # it has ended already
        pass
    reached = []

    def is_over() -> bool:
        reached.extend(upstream.accept_all())
        return has_ended(client.sock) or bool(reached)

    wait_until(is_over, SOON_S, "%s: the connection stays open" % what)
    for server in reached + upstream.accept_all():
        check(server.ending(within=0.5).data == b"", "%s: it reached the server" % what)
        server.close()
    client.close()


@case(38, "a header that is wrong or missing ends the connection",
      "proxy-protocol.txt, 2.1", INET, ("proxy_protocol",))
def bad_headers(t):
    """Each is malformed by one rule; what is behind it has come already, and reaches no server.

    "Any sequence which does not exactly match the protocol must be discarded and cause the
    receiver to abort the connection" (2.1): also zeroes in front of numbers, and a line of more
    than 107 characters. A receiver that guesses lets a client choose its address (2: it "MUST not
    try to guess whether the protocol header is present or not").
    """
    upstream = t.upstream()
    proxy = behind(t, upstream)
    for what, header in BAD:
        is_aborted(t, proxy, upstream, what, header + b"hello" * 40)
    t.expect_reason(proxy, "proxy_header", len(BAD))
    client = t.connect(proxy)
    client.send(GOOD[0][1] + b"hello")
    check(t.keep(upstream.accept(within=SOON_S)).receive(5) == b"hello", "a good one afterwards")


@case(39, "only those that are trusted may say who a client is",
      "proxy-protocol.txt, 2 and 5", TCP4, ("proxy_protocol", "proxy_trust"))
def trust(t):
    """A header of another source is rejected, and so is a trusted source without one."""
    upstream = t.upstream()
    proxy = behind(t, upstream, trusted=["127.0.0.1/32"])
    for what, header, _ in (GOOD[0], GOOD[4]):
        is_aborted(t, proxy, upstream, "%s, from 127.0.0.2, which is not trusted" % what,
                   header + b"hello", source=("127.0.0.2", 0))
    is_aborted(t, proxy, upstream, "no header from 127.0.0.1, which is trusted",
               b"hello, this is no header at all")
    client = t.connect(proxy, source=("127.0.0.1", 0))
    client.send(GOOD[0][1] + b"hello")
    check(t.keep(upstream.accept(within=SOON_S)).receive(5) == b"hello",
          "a header of 127.0.0.1, which is trusted: the data is wrong")


@case(40, "a header that does not come ends the connection in its time",
      "proxy-protocol.txt, 2: \"at least 3 seconds\"", INET, ("proxy_protocol",))
def silence(t):
    """The time counts from accept, not from the last byte; and by default it is not too short."""
    limit = 1.0
    upstream = t.upstream()
    proxy = behind(t, upstream, header_timeout=limit)
    usual = behind(t, upstream, header_timeout=0.0)
    patient = t.connect(usual)
    silent, slow = t.connect(proxy), t.connect(proxy)
    began = time.monotonic()
    ends = {}
    scenes = [("one that says nothing", silent)]
    if t.has("partial_headers"):
        scenes.append(("a byte now and then", slow))
    for byte in says.line() * 2:
        for name, client in scenes:
            if name not in ends and has_ended(client.sock):
                ends[name] = time.monotonic() - began
        if len(ends) == len(scenes) or time.monotonic() - began > 2.5 * limit:
            break
        try:
            slow.sock.sendall(bytes([byte]))
        except OSError:
            pass
        time.sleep(0.05)
    for name, _ in scenes:
        check(name in ends, "a client has outlived the time for its header: %s" % name)
        check(ends[name] > 0.9 * limit, "%s: ended after %.2f s, the time is %.1f s"
              % (name, ends[name], limit))
        check_time(ends[name] < 2 * limit, "%s: ended after %.2f s, the time is %.1f s"
                   % (name, ends[name], limit))
    t.expect_reason(proxy, "proxy_header_timeout", len(scenes))
    wait_until(lambda: time.monotonic() - began > t.scale(1.5, 2.9), 4.0, "")
    check(not has_ended(patient.sock), "by default a header has less than three seconds")
    check(not upstream.accept_all(), "a client without a header reached the server")


def data_segments(sock) -> int:
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256),
                              DATA_SEGMENTS_IN)[0]


def is_told(t, proxy, upstream, what: str) -> None:
    """The server hears of the client at once, in one segment, and then the client's bytes."""
    client = t.connect(proxy)
    server = t.keep(upstream.accept(within=SOON_S))
    told = says.receive(server, SOON_S)
    own = client.sock.getsockname()[:2]
    check(told.source == own, "%s: the server is told of %s, the client is %s"
          % (what, told.source and text(told.source), text(own)))
    check(data_segments(server.sock) == 1, "%s: the header came in %d segments"
          % (what, data_segments(server.sock)))
    server.send(b"220 ready\r\n")
    check(client.receive(11) == b"220 ready\r\n", "%s: the greeting is wrong" % what)
    client.send(b"QUIT\r\n")
    check(server.receive(6) == b"QUIT\r\n", "%s: the client's bytes are wrong" % what)
    client.close()
    server.close()


@case(41, "the server is told who the client is, first and at once",
      "proxy-protocol.txt, 2", INET, ("send_proxy",))
def sent(t):
    """Before any byte, in one segment, also at the next server; and checks say that they are local.

    "The sender must always ensure that the header is sent at once" (2): receivers may rely on it. A
    server that speaks first would wait for ever for one that comes with the client's first byte.
    Version 2 has LOCAL for the proxy's own connections (2.2); with version 1 a check may say what
    it likes (2.1).
    """
    upstream = t.upstream()
    versions = ["v1"] + (["v2"] if t.has("send_proxy_v2") else [])
    for version in versions:
        proxy = t.start(upstream, send_proxy=version)
        is_told(t, proxy, upstream, version)
        proxy = t.start(t.refusing_address(), upstream, send_proxy=version)
        for _ in range(2):
            is_told(t, proxy, upstream, version + " at the next server")
    if not (t.has("health") and t.has("send_proxy_v2")):
        return
    checked = t.upstream()
    t.start(Endpoint(checked.address), send_proxy="v2",
            health=Health(interval=0.2, exchange=("PING", "PONG")))
    server = t.keep(checked.accept(within=SOON_S))
    told = says.receive(server, SOON_S)
    check(told.is_local, "a check is sent as if it were of %s" % (told.source,))
    check(server.receive(4) == b"PING", "behind its header a check is wrong")
