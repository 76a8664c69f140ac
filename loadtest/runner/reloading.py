"""Reloads of a proxy while it is measured: each time its file says another limit of connections."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import peers

# Uses CPU time, for each line that it reads as many µs as that says. It is as nice as the thread in
# which Sluice loads its configuration.
BURN = """
import os, sys, time
os.nice(10)
print(flush=True)
for line in sys.stdin:
    end = time.thread_time_ns() + int(line) * 1000
    while time.thread_time_ns() < end:
        pass
"""


class Reloads:
    """So many, evenly over the time that is measured.

    With `burst_us` the file is written as always, but the proxy is not told: another program uses
    so much CPU time instead. What requests wait for then is the machine, not the proxy.
    """

    def __init__(self, running: peers.Running, count: int, seconds: float, burst_us: int = 0):
        self._running = running
        self._count = count
        self._pause = seconds / count
        self._burst_us = burst_us
        self._burner: subprocess.Popen | None = None
        if burst_us:
            self._burner = subprocess.Popen([sys.executable, "-c", BURN], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._burner.stdout.readline()  # it is ready
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
            self._tell(ready)

    def _tell(self, ready: peers.Ready) -> None:
        if self._burner:
            self._burner.stdin.write("%d\n" % self._burst_us)
            self._burner.stdin.flush()
        else:
            self._running.process.send_signal(ready.peer.reload_signal)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        if self._burner:
            self._burner.stdin.close()
            self._burner.wait()
            self._burner.stdout.close()
