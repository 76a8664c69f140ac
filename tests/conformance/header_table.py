#!/usr/bin/env python3
"""What proxies make of headers of the PROXY protocol, side by side: results/headers.md.

    header_table.py --sluice PROGRAM            # prints the table, compares it with the stored one
    header_table.py --sluice PROGRAM --write    # and stores it

Each header goes to each proxy, with five bytes of a client behind it, in one segment; a server
behind the proxy records what it is told. Then the other way: what HAProxy and nginx send is given
to Sluice, which has to find the client in it. The exit status is 1 when the table is not the stored
one; a column of another version than the stored one's is not compared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from typing import Dict, List, Tuple

from case import Trial
from cases.balancer import BAD, GOOD, UNIX, UNSPECIFIED
from drivers.haproxy import HAProxy
from drivers.nginx import Nginx
from drivers.sluice import Sluice
from ends import balancer as says
from ends.client import NotConnected, has_ended
from kernel.net import readable
from verdict import Failed, wait_until

STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", "headers.md")
WAIT_S = 3.0
SSL = says.tlv(0x20, b"\x07\0\0\0\0" + says.tlv(0x21, b"TLSv1.3") + says.tlv(0x22, b"alice"))

MORE = (
    ("version 1, two spaces", says.line().replace(b" 192", b"  192")),
    ("version 1, small letters", says.line().replace(b"TCP4", b"tcp4")),
    ("version 1, a port of 0", says.line(says.CLIENT, ("192.0.2.1", 0))),
    ("version 1, a word too many", says.line().replace(b"\r\n", b" x\r\n")),
    ("version 1, an IPv4 address as IPv6",
     says.line(("::ffff:203.0.113.7", 51514), says.SERVER_6, "TCP6")),
    ("version 1, of 107 bytes", b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"),
    ("version 1, of 108 bytes", b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n"),
    ("version 2, UNIX sockets", UNIX),
    ("version 2, datagrams", says.block(says.addresses(), 0x12)),
    ("version 2, LOCAL with addresses", says.block(says.addresses(), command=says.LOCAL)),
    ("version 2, a family that there is not", says.block(says.addresses(), 0x41)),
    ("version 2, two bytes behind the addresses", says.block(says.addresses() + b"\x04\0")),
    ("version 2, an empty TLV", says.block(says.addresses() + says.tlv(says.OWN, b""))),
    ("version 2, 100 bytes of padding", says.block(says.addresses() + says.tlv(4, bytes(97)))),
    ("version 2, 4000 bytes of padding", says.block(says.addresses() + says.tlv(4, bytes(3997)))),
    ("version 2, 8000 bytes of padding", says.block(says.addresses() + says.tlv(4, bytes(7997)))),
    ("version 2, a right checksum", says.checked(says.addresses())),
    ("version 2, a checksum of two bytes", says.block(says.addresses() + says.tlv(3, b"ab"))),
    ("version 2, a unique id of 129 bytes", says.block(says.addresses() + says.tlv(5, bytes(129)))),
    ("version 2, SSL", says.block(says.addresses() + SSL)),
    ("version 2, the VPC endpoint of AWS",
     says.block(says.addresses() + says.tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9"))),
    ("version 2, the link of Azure", says.block(says.addresses() + says.tlv(0xEE, b"\1\7\0\0\0"))),
)

INPUTS: List[Tuple[str, bytes]] = (
    [(what, header) for what, header, _ in GOOD + UNSPECIFIED] + list(MORE) + list(BAD))


def outcome(t: Trial, proxy, upstream, header: bytes) -> str:
    """In the words of the table."""
    try:
        client = t.connect(proxy)
        client.sock.sendall(header + b"hello")
    except (NotConnected, OSError):
        return "rejected"
    own = client.sock.getsockname()[:2]
    with contextlib.ExitStack() as stack:
        stack.callback(client.close)
        wait_until(lambda: readable([upstream.listener], 0) or has_ended(client.sock), WAIT_S,
                   "neither served nor rejected")
        if not readable([upstream.listener], 0):
            return "rejected"
        server = upstream.accept()
        stack.callback(server.close)
        told = says.receive(server, WAIT_S)
        try:
            rest = server.receive(5, within=WAIT_S)
        except Failed:
            return "reaches the server, without what is behind it"
        if rest != b"hello":
            return "reaches the server, as bytes of the client"
        if told.source is None:
            return "tells of nobody"
        if told.source == own:
            return "the connection's own"
        given = told.target in (says.SERVER, says.SERVER_6)
        return "%s%s" % (told.source[0], "" if given else ", not where to")


def column(driver, version: str, scratch: str) -> List[str]:
    with contextlib.closing(Trial(driver, "tcp4", False, scratch)) as t:
        upstream = t.upstream()
        proxy = t.start(upstream, listener_kind="proxy_protocol", send_proxy=version,
                        header_timeout=1.0)
        return [outcome(t, proxy, upstream, header) for _, header in INPUTS]


def emitted(sender, version: str, sluice, scratch: str) -> str:
    """What the server is told when `sluice` stands behind `sender`."""
    with contextlib.closing(Trial(sluice, "tcp4", False, os.path.join(scratch, "s"))) as behind:
        os.makedirs(behind.scratch)
        with contextlib.closing(Trial(sender, "tcp4", False, scratch)) as front:
            upstream = behind.upstream()
            proxy = behind.start(upstream, listener_kind="proxy_protocol", send_proxy="v2")
            first = front.start(proxy.address, send_proxy=version)
            client = front.connect(first)
            server = upstream.accept()
            told = says.receive(server, WAIT_S)
            right = (told.source, told.target) == (client.sock.getsockname()[:2],
                                                   client.sock.getpeername()[:2])
            return "understood" if right else "taken for %s" % (told,)


def rows(programs) -> Tuple[List[str], Dict[str, List[str]]]:
    """The headings and the cells below each."""
    sluice = Sluice(programs, programs.backend)
    drivers = [(sluice, "v2"), (HAProxy(programs), "v2"), (Nginx(programs), "v1")]
    headings, cells = [], {}
    with tempfile.TemporaryDirectory(prefix="headers.") as scratch:
        for index, (driver, version) in enumerate(drivers):
            if driver.unavailable():
                raise SystemExit(driver.unavailable())
            heading = "Sluice" if driver is sluice else driver.version()
            home = os.path.join(scratch, str(index))
            os.makedirs(home)
            headings.append(heading)
            cells[heading] = column(driver, version, home)
        for driver, heading in zip((driver for driver, _ in drivers), headings):
            for version in ("v1", "v2"):
                home = os.path.join(scratch, heading.replace(" ", "") + version)
                os.makedirs(home)
                lacks = version == "v2" and driver.lacks.get("send_proxy_v2")
                cells[heading].append("does not send it" if lacks else
                                      emitted(driver, version, sluice, home))
    return headings, cells


def table(headings: List[str], cells: Dict[str, List[str]]) -> str:
    names = [what for what, _ in INPUTS] + [
        "version %d that it sends, as Sluice reads it" % version for version in (1, 2)]
    lines = ["| what a balancer sends | " + " | ".join(headings) + " |",
             "|---|" + "---|" * len(headings)]
    for index, name in enumerate(names):
        lines.append("| %s | %s |" % (name, " | ".join(cells[each][index] for each in headings)))
    return "\n".join(lines) + "\n"


ABOVE = """# What proxies make of headers of the PROXY protocol

Written by `tests/conformance/header_table.py --write`; a test compares it. A cell is whom the
server behind the proxy is told of: the client of the header (`not where to`: and not of the address
that it has connected to), the connection's own addresses, or nobody (LOCAL, UNKNOWN); or
`rejected`: the connection is ended and nothing reaches the server.

"""


def differences(old: str, new: str) -> List[str]:
    """Cells that are not as stored, in columns that both have."""
    parsed = []
    for text in (old, new):
        lines = [line.strip("| \n").split(" | ") for line in text.splitlines()
                 if line.startswith("| ")]
        parsed.append({(row[0], heading): cell for row in lines[1:]
                       for heading, cell in zip(lines[0][1:], row[1:])})
    before, now = parsed
    headings = {heading for _, heading in before} & {heading for _, heading in now}
    return ["%s, %s: %s, stored is %s" % (key[1], key[0], now.get(key), before.get(key))
            for key in sorted(set(before) | set(now))
            if key[1] in headings and before.get(key) != now.get(key)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", required=True)
    parser.add_argument("--backend", default="io_uring")
    parser.add_argument("--haproxy", default="haproxy")
    parser.add_argument("--nginx", default="nginx")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = ABOVE + table(*rows(options))
    print(text)
    if options.write:
        with open(STORED, "w") as file:
            file.write(text)
    with open(STORED) as file:
        found = differences(file.read(), text)
    print("\n".join(found) or "as stored")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
