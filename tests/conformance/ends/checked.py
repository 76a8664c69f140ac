"""A server that is checked: it can be away and come back, and tells checks from sessions.

A session's client speaks at once and hears the server's mark for each of its bytes. A check says
nothing, or PING, which is answered as the script has set it.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from typing import Dict, List, Optional, Sequence, Tuple

from kernel.net import Address, free_address
from verdict import check_time

QUESTION = b"PING\r\n"
PAUSE_S = 0.03  # between the pieces of an answer
CLOSE = b""     # as a piece: the end of the connection


class Checked:
    """Serves in a thread of its own from the beginning."""

    def __init__(self, family: str, scratch: str, mark: bytes = b"s",
                 answer: Sequence[bytes] = (), address: Optional[Address] = None):
        self.address: Address = address or free_address(family, scratch)
        self.mark = mark
        self.answer = answer  # the pieces of an answer to a question
        self._checks: List[float] = []  # when each that connected was over
        self._sessions = 0
        self._listener: Optional[socket.socket] = None
        self._peers: Dict[int, Tuple[socket.socket, bool]] = {}  # whether it is a session's
        self._due: List[Tuple[float, socket.socket, bytes]] = []
        self._stop = False
        self.come_back()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # -- the script ---------------------------------------------------------------------------

    def leave(self) -> None:
        """From now on connects are refused; the connections that there are stay."""
        listener, self._listener = self._listener, None
        listener.shutdown(socket.SHUT_RDWR)  # close alone would wait for a poll(2) to return
        listener.close()
        if self.address.family == "unix":
            os.unlink(self.address.path)

    def come_back(self) -> None:
        listener = socket.socket(self.address.af, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A child that another thread starts has the socket that looked for a free port until its
        # exec(2).
        patience = time.monotonic() + 2.0
        while True:
            try:
                listener.bind(self.address.sockaddr)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > patience:
                    raise
                time.sleep(0.001)
        listener.listen(256)
        listener.setblocking(False)
        self._listener = listener

    def sessions(self) -> int:
        """How many have said something."""
        return self._sessions

    def next_check(self, within: float) -> float:
        """When the next check that connects was over."""
        known, start = len(self._checks), time.monotonic()
        while len(self._checks) == known:
            check_time(time.monotonic() - start < within, "no check came within %.1f s" % within)
            time.sleep(0.001)
        return self._checks[known]

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        if self._listener:
            self.leave()
        for sock, _ in self._peers.values():
            sock.close()

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop:
            poll, listener = select.poll(), self._listener
            for fd in list(self._peers) + ([listener.fileno()] if listener else []):
                if fd >= 0:
                    poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(10):
                if fd in self._peers:
                    self._on_bytes(*self._peers[fd])
                elif listener:
                    self._accept(listener)
            for entry in [entry for entry in self._due if entry[0] <= time.monotonic()]:
                self._due.remove(entry)
                self._say(entry[1], entry[2])

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # it has left meanwhile
            return
        sock.setblocking(False)
        self._peers[sock.fileno()] = sock, False

    def _on_bytes(self, sock: socket.socket, is_session: bool) -> None:
        try:
            data = sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            if not is_session:
                self._checks.append(time.monotonic())
            self._peers.pop(sock.fileno(), None)
            sock.close()
        elif data == QUESTION:
            pieces = enumerate(self.answer)
            self._due += [(time.monotonic() + PAUSE_S * index, sock, piece)
                          for index, piece in pieces]
        else:
            self._sessions += 0 if is_session else 1
            self._peers[sock.fileno()] = sock, True
            self._say(sock, self.mark * len(data))

    def _say(self, sock: socket.socket, data: bytes) -> None:
        if sock.fileno() not in self._peers:  # it has gone meanwhile
            return
        try:
            if data == CLOSE:
                sock.shutdown(socket.SHUT_WR)
            else:
                sock.send(data)
        except OSError:
            pass
