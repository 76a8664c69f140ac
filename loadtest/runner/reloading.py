"""Reloads of a proxy while it is measured: each time its file says another limit of connections."""

from __future__ import annotations

import os
import threading

import peers


class Reloads:
    """So many, evenly over the time that is measured."""

    def __init__(self, running: peers.Running, count: int, seconds: float):
        self._running = running
        self._count = count
        self._pause = seconds / count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for number in range(self._count):
            if self._ended.wait(self._pause):
                return
            ready = self._running.ready
            with open(ready.config + ".new", "w", encoding="utf-8") as file:
                file.write(ready.texts[(number + 1) % 2])
            os.rename(ready.config + ".new", ready.config)
            self._running.process.send_signal(ready.peer.reload_signal)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
