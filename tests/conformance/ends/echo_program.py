"""The process of an EchoServer: it sends back whatever arrives, until it is killed.

    python3 echo_program.py FD      # FD: a bound, listening socket
"""

from __future__ import annotations

import select
import socket
import sys


def serve(listener: socket.socket) -> None:
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    peers = {}
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                _accept(listener, poll, peers)
            elif not _echo(peers[fd]):
                poll.unregister(fd)
                peers.pop(fd).close()


def _accept(listener: socket.socket, poll, peers: dict) -> None:
    try:
        sock, _ = listener.accept()
    except OSError:
        return
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(30)
    poll.register(sock, select.EPOLLIN)
    peers[sock.fileno()] = sock


def _echo(sock: socket.socket) -> bool:
    """One read and its answer; False at the end of the stream."""
    try:
        data = sock.recv(65536)
        sock.sendall(data)
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
