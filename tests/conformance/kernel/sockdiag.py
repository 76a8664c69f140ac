"""Asks the kernel for TCP sockets by their state: sock_diag(7), INET_DIAG.

/proc/net/tcp has the same, but as text and of all states: behind a load that left 100,000
connections in TIME_WAIT one look takes half a second, longer than a proxy may for what is looked
at. Here the kernel picks, and the answer takes ten milliseconds.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import Iterator, List

from kernel import netns
from verdict import NotApplicable

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3

# The kernel's own numbers (include/net/tcp_states.h); a request names states as bits.
STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2",
          6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING",
          12: "NEW_SYN_RECV"}
_NUMBERS = {name: number for number, name in STATES.items()}

_HEADER = struct.Struct("=IHHII")        # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI48x")    # inet_diag_req_v2: family, protocol, extensions, states
# inet_diag_msg: family, state, ports, addresses, ..., bytes in the send queue, ..., inode.
_MESSAGE = struct.Struct("=BBxx2s2s16s16s12x8xI4xI")


@dataclass
class Socket:
    """One TCP socket. Ports are numbers; no process holds a socket of inode 0 any more."""

    family: int  # AF_INET or AF_INET6
    state: str
    local_port: int
    remote_port: int
    inode: int
    send_queue: int  # bytes that the peer has not acknowledged


def tcp_sockets(pid: int, *states: str) -> List[Socket]:
    """The TCP sockets in these states, in the network namespace that a process lives in.

    Nothing is found if the process has gone; a kernel that cannot say makes a case not applicable.
    """
    mask = sum(1 << _NUMBERS[state] for state in states)
    try:
        # A socket belongs to the namespace in which it was made.
        with netns.entered("/proc/%d/ns/net" % pid):
            asked = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)
    except (FileNotFoundError, ProcessLookupError):
        return []
    with asked:
        try:
            return [sock for family in (socket.AF_INET, socket.AF_INET6)
                    for sock in _dump(asked, family, mask)]
        except OSError as error:
            raise NotApplicable("the kernel does not report sockets: %s" % error)


def _dump(asked: socket.socket, family: int, mask: int) -> Iterator[Socket]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, mask)
    asked.send(_HEADER.pack(_HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP,
                            1, 0) + request)
    while True:
        answer, start = asked.recv(1 << 18), 0
        while start < len(answer):
            length, kind, _, _, _ = _HEADER.unpack_from(answer, start)
            body = start + _HEADER.size
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                number = -struct.unpack_from("=i", answer, body)[0]
                raise OSError(number, "sock_diag: " + os.strerror(number))
            _, state, local, remote, _, _, queued, inode = _MESSAGE.unpack_from(answer, body)
            yield Socket(family, STATES[state], int.from_bytes(local, "big"),
                         int.from_bytes(remote, "big"), inode, queued)
            start += (length + 3) & ~3
