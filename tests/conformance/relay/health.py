"""Checks of endpoints: a connection, or an exchange, at the same interval whatever comes of it.

    up   ── `fall` checks in a row that fail ──▶ down: it is given no session
    down ── `rise` checks in a row that pass ──▶ up
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Callable, Optional, Set

from relay import header
from relay.dial import Endpoint, dial
from relay.loop import ERR, HUP, IN, OUT


class Checks:
    """Of all endpoints that there are, also of those that a reload brings."""

    def __init__(self, relay) -> None:
        self._relay = relay
        self._sins = relay.sins
        self._checked: Set[Endpoint] = set()

    def follow(self) -> None:
        """Begins to check the endpoints that are not checked yet."""
        if not self._relay.config["health"] or self._sins.has("no_checks"):
            return
        for endpoint in self._relay.pool.endpoints:
            if endpoint not in self._checked:
                self._checked.add(endpoint)
                self._check(endpoint)

    def _check(self, endpoint: Endpoint) -> None:
        health = self._relay.config["health"]
        if not health or endpoint not in self._relay.pool.endpoints:
            self._checked.discard(endpoint)
            return
        self._relay.loop.after(health["interval"], lambda: self._check(endpoint))
        Check(self._relay, endpoint, lambda passed: self._note(endpoint, passed))

    def _note(self, endpoint: Endpoint, passed: bool) -> None:
        if passed != endpoint.down:
            if not self._sins.has("counts_in_all"):
                endpoint.streak = 0
            return
        health = self._relay.config["health"]
        endpoint.streak += 1
        needed = health["rise" if endpoint.down else "fall"]
        if self._sins.has("one_check_out") and not endpoint.down:
            needed = 1
        if self._sins.has("one_check_in") and endpoint.down:
            needed = 1
        if endpoint.streak >= needed and not (endpoint.down and self._sins.has("never_up")):
            endpoint.streak = 0
            endpoint.down = not endpoint.down
            self._changed(endpoint)
        elif self._sins.has("tells_of_checks"):
            self._tell(endpoint, not passed)

    def _tell(self, endpoint: Endpoint, down: bool) -> None:
        sys.stderr.write("[warning] endpoint %s is %s\n" % (endpoint.address,
                                                           "down" if down else "up"))
        sys.stderr.flush()

    def _changed(self, endpoint: Endpoint) -> None:
        self._tell(endpoint, endpoint.down)
        rule = self._relay.config["health"]["on_down"]
        if self._sins.has("down_cuts_always"):
            rule = "reset"
        if endpoint.down and rule == "reset" and not self._sins.has("down_cuts_none"):
            for session in list(self._relay.sessions):
                if session.endpoint is endpoint or self._sins.has("down_cuts_all"):
                    session.end("proxy", "endpoint_down",
                                abort=not self._sins.has("down_cuts_by_fin"))


class Check:
    """One, from the connect to what came of it: `tell` is called once."""

    def __init__(self, relay, endpoint: Endpoint, tell: Callable[[bool], None]) -> None:
        self._loop = relay.loop
        self._sins = relay.sins
        self._health = relay.config["health"]
        self._version = relay.config["send_proxy"]
        self._tell: Optional[Callable[[bool], None]] = tell
        self._heard = b""
        self._began = time.monotonic()
        try:
            self._sock = dial(endpoint.address, relay.config, relay.sins)
        except OSError:
            tell(False)
            return
        self._timer = self._loop.after(self._health["timeout"], self._too_late)
        self._loop.watch(self._sock.fileno(), OUT, self._on_connected)

    def _too_late(self) -> None:
        silent = self._sins.has("silence_passes") and not self._heard
        self._over(silent)

    def _on_connected(self, _events: int) -> None:
        if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._over(False)
        elif not self._health["exchange"]:
            self._over(True)
        else:
            self._sock.send(self._opening() + self._health["exchange"][0].encode())
            self._loop.watch(self._sock.fileno(), IN, self._on_answer)

    def _opening(self) -> bytes:
        """What tells the server that this is nobody's connection."""
        if not self._version or self._sins.has("check_without_header"):
            return b""
        if self._sins.has("check_is_a_client"):
            return header.make(self._version, self._sock.getsockname()[:2],
                               self._sock.getpeername()[:2])
        return header.make(self._version, None, None, header.LOCAL)

    def _on_answer(self, events: int) -> None:
        try:
            data = self._sock.recv(4096)
        except OSError:
            data = b""
        self._heard += data
        due = self._health["exchange"][1].encode()
        if due in self._heard or self._sins.has("any_answer_passes") and data:
            self._over(True)
        elif not data or events & (ERR | HUP) or self._sins.has("answer_in_one_piece"):
            self._over(False)

    def _over(self, passed: bool) -> None:
        self._timer.cancel()
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        if self._tell:
            tell, self._tell = self._tell, None
            tell(passed)
