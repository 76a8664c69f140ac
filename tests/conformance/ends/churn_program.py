"""The process of a Churn: short sessions with an echo server, one after the other.

    python3 churn_program.py HOST PORT SESSIONS_PER_SECOND

Prints a line when the first has been served, and at the end of standard input the counts as JSON.
"""

from __future__ import annotations

import collections
import json
import select
import socket
import sys
import time

PATIENCE_S = 5.0


def session(place) -> str:
    """What became of one."""
    with socket.socket() as sock:
        sock.settimeout(PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(place)
            sock.sendall(b"!")
            if sock.recv(1) != b"!":
                return "ended"
            sock.shutdown(socket.SHUT_WR)  # the other end closes first: no port waits here
            return "served" if sock.recv(1) == b"" else "wrong"
        except ConnectionRefusedError:
            return "refused"
        except socket.timeout:
            return "silent"
        except OSError:  # with a send or a shutdown it has other names
            return "reset"


def main() -> None:
    place, per_second = (sys.argv[1], int(sys.argv[2])), float(sys.argv[3])
    counts = collections.Counter()
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN | select.POLLHUP)
    due = time.monotonic()
    while True:
        counts[session(place)] += 1
        if sum(counts.values()) == 1:
            print("begun", flush=True)
        due = max(due + 1 / per_second, time.monotonic() - 0.1)  # it does not catch up for long
        if poll.poll(max(0.0, due - time.monotonic()) * 1000):
            break
    print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()
