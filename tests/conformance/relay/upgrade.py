"""Another binary in the relay's place: it gets the listening sockets, and tells when it serves."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Callable, Dict, Optional

from relay.loop import IN, Loop

SOCKETS = "RELAY_SOCKETS"  # in the successor's environment: descriptors by the binds' names
READY = "RELAY_READY"      # the descriptor to tell by


class Inheritance:
    """What a predecessor has left to this process, if there is one."""

    def __init__(self) -> None:
        self._sockets: Dict[str, int] = json.loads(os.environ.pop(SOCKETS, "{}"))
        self._ready = int(os.environ.pop(READY, "-1"))

    def take(self, name: str, family: int) -> Optional[socket.socket]:
        fd = self._sockets.pop(name, None)
        if fd is None:
            return None
        sock = socket.socket(family, socket.SOCK_STREAM, fileno=fd)
        sock.set_inheritable(False)
        return sock

    def tell_ready(self) -> None:
        if self._ready >= 0:
            os.write(self._ready, b"!")
            os.close(self._ready)


class Successor:
    """A process that is to take over; `done` is told whether it has, and its number."""

    def __init__(self, loop: Loop, sockets: Dict[str, socket.socket],
                 done: Callable[[bool, int], None]):
        self._loop = loop
        self._done = done
        self._pipe, told = os.pipe()
        fds = {name: sock.fileno() for name, sock in sockets.items()}
        environment = dict(os.environ, **{SOCKETS: json.dumps(fds), READY: str(told)})
        self._process = subprocess.Popen(sys.orig_argv, env=environment,
                                         pass_fds=[*fds.values(), told])
        os.close(told)
        loop.watch(self._pipe, IN, self._on_ready)

    def _on_ready(self, _events: int) -> None:
        serves = os.read(self._pipe, 1) == b"!"
        self._loop.forget(self._pipe)
        os.close(self._pipe)
        if not serves:
            self._process.wait()
        self._done(serves, self._process.pid)
