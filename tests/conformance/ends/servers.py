"""An echo server in a process of its own, so that a crowd costs the script no time."""

from __future__ import annotations

import os
import subprocess
import sys

from kernel.net import Address, address_of, bound_socket

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo_program.py")


class EchoServer:
    """Sends back whatever arrives; echoes the end of a stream, too."""

    def __init__(self, family: str, scratch: str, host: str = ""):
        listener = bound_socket(family, scratch, host)
        listener.listen(4096)
        self.address: Address = address_of(listener)
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, str(listener.fileno())],
            pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL)
        listener.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
