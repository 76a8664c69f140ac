"""One end of a connection, as a script drives it.

Every wait is bounded and every surprise is a `Failed` that says what was seen, so that a case
reads like its scenario: send, half-close, expect the answer, expect the end.
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import termios
import time
from dataclasses import dataclass

from verdict import Failed, check

PATIENCE_S = 10.0
CHUNK = 65536
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST


@dataclass
class Ending:
    """How a stream ended, and what came before the end."""

    how: str  # "eof" | "reset" | "open": still open when patience ran out
    data: bytes = b""

    def __str__(self) -> str:
        words = {"eof": "a clean EOF", "reset": "a reset", "open": "no end"}
        return "%s after %d bytes" % (words[self.how], len(self.data))


class Peer:
    """A connected stream socket under the control of a script."""

    def __init__(self, sock: socket.socket, who: str):
        sock.settimeout(PATIENCE_S)
        self.sock = sock
        self.who = who

    # -- sending ------------------------------------------------------------------------------

    def send(self, data: bytes, within: float = PATIENCE_S) -> None:
        self.sock.settimeout(within)
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Failed("%s could not send %d bytes: %s" % (self.who, len(data), error))

    def send_until_blocked(self, take, quiet_s: float, at_most: int,
                           may_end: bool = False) -> int:
        """Sends what `take(position, n)` yields until nothing is accepted for `quiet_s`.

        Returns the bytes the kernel took: what the path to a stalled reader swallows. With
        `may_end` the connection may also be ended meanwhile.
        """
        sent = 0
        self.sock.setblocking(False)
        try:
            while sent < at_most:
                try:
                    sent += self.sock.send(take(sent, CHUNK))
                except BlockingIOError:
                    if not self._writable(quiet_s):
                        break
                except OSError as error:
                    if may_end:
                        break
                    raise Failed("%s, sending to a stalled reader: %s" % (self.who, error))
        finally:
            self.sock.settimeout(PATIENCE_S)
        return sent

    def _writable(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.sock, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def unacknowledged(self) -> int:
        """Bytes sent and not yet acknowledged by the other kernel (SIOCOUTQ)."""
        raw = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        return struct.unpack("i", raw)[0]

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, count: int, within: float = PATIENCE_S) -> bytes:
        """Exactly `count` bytes, or the case fails."""
        parts = []
        missing = count
        self.sock.settimeout(within)
        while missing:
            try:
                part = self.sock.recv(min(missing, CHUNK))
            except socket.timeout:
                raise self._short(count - missing, count, "nothing more for %.1f s" % within)
            except OSError as error:
                raise self._short(count - missing, count, _word(error))
            if not part:
                raise self._short(count - missing, count, "a clean EOF")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _short(self, got: int, due: int, why: str) -> Failed:
        return Failed("%s received %d of %d bytes, then %s" % (self.who, got, due, why))

    def ending(self, within: float = PATIENCE_S, pace: float = 0.0) -> Ending:
        """Reads to the end of the stream; `pace` is the pause in seconds per 64 KiB read."""
        parts = []
        deadline = time.monotonic() + within
        while True:
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                part = self.sock.recv(CHUNK)
            except socket.timeout:
                return Ending("open", b"".join(parts))
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.ETIMEDOUT, errno.EPIPE):
                    raise
                return Ending("reset", b"".join(parts))
            if not part:
                return Ending("eof", b"".join(parts))
            parts.append(part)
            if pace:
                time.sleep(pace * len(part) / CHUNK)

    def expect_eof(self, data: bytes = b"", within: float = PATIENCE_S) -> None:
        """The stream must yield exactly `data` and then end cleanly."""
        end = self.ending(within)
        check(end.how == "eof", "%s saw %s where EOF after %d bytes was due"
              % (self.who, end, len(data)))
        self.expect_same(end.data, data)

    def expect_reset(self, within: float = PATIENCE_S) -> bytes:
        """The stream must end by a reset; returns what came before it."""
        end = self.ending(within)
        check(end.how == "reset", "%s saw %s where a reset was due" % (self.who, end))
        return end.data

    def wait_broken(self, within: float) -> float:
        """Seconds until a reset is there, unread bytes and a FIN before it or not."""
        start, poll = time.monotonic(), select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        while time.monotonic() < start + within:
            events = dict(poll.poll((start + within - time.monotonic()) * 1000))
            if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return time.monotonic() - start
            if events.get(self.sock.fileno(), 0) & select.POLLHUP:
                raise Failed("%s saw a clean end where a reset was due" % self.who)
            poll.modify(self.sock, 0)  # the FIN is no news any more
        raise Failed("%s has heard of no reset within %.1f s" % (self.who, within))

    def expect_same(self, got: bytes, due: bytes) -> None:
        if got == due:
            return
        check(len(got) == len(due), "%s received %d bytes, %d were sent"
              % (self.who, len(got), len(due)))
        at = next(i for i in range(len(due)) if got[i] != due[i])
        raise Failed("%s received a wrong byte at position %d" % (self.who, at))

    # -- ending -------------------------------------------------------------------------------

    def half_close(self) -> None:
        """Sends FIN and continues to receive."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Failed("%s could not half-close: %s" % (self.who, error))

    def reset(self) -> None:
        """Sends RST (SO_LINGER 0) and forgets the connection."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        finally:
            self.sock.close()

    def close(self) -> None:
        self.sock.close()

    @property
    def name(self) -> str:
        """The local address as logs print it: `127.0.0.1:1234`, `[::1]:1234`."""
        host, port = self.sock.getsockname()[:2]
        return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def _word(error: OSError) -> str:
    return "a reset" if error.errno == errno.ECONNRESET else str(error)
