"""The event loop: descriptors with callbacks, and timers."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from typing import Callable, Dict, List, Optional, Tuple

IN, OUT = select.EPOLLIN, select.EPOLLOUT
ERR, HUP = select.EPOLLERR, select.EPOLLHUP


class Timer:
    """A callback at a moment; `cancel` makes it nothing."""

    def __init__(self, call: Callable[[], None]):
        self.call: Optional[Callable[[], None]] = call

    def cancel(self) -> None:
        self.call = None


class Loop:
    """Level-triggered epoll. One thread."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._calls: Dict[int, Callable[[int], None]] = {}
        self._masks: Dict[int, int] = {}
        self._timers: List[Tuple[float, int, Timer]] = []
        self._serial = itertools.count()
        self.running = True
        self.now = time.monotonic()  # when events were last asked for: timers go by it
        self.timers_first = False  # a sin
        self.after_events: Optional[Callable[[], None]] = None

    def watch(self, fd: int, mask: int, call: Callable[[int], None]) -> None:
        """Calls back with the events; mask 0 still reports errors and hang-ups."""
        self._calls[fd] = call
        if fd not in self._masks:
            self._poll.register(fd, mask)
        elif self._masks[fd] != mask:
            self._poll.modify(fd, mask)
        self._masks[fd] = mask

    def forget(self, fd: int) -> None:
        if self._masks.pop(fd, None) is not None:
            self._poll.unregister(fd)
            del self._calls[fd]

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        moment = time.monotonic() + seconds
        heapq.heappush(self._timers, (moment, next(self._serial), timer))
        return timer

    def run(self) -> None:
        while self.running:
            self.now = time.monotonic()
            if self.timers_first:
                self._fire()
            self._dispatch(self._pause())
            # This process may have been stopped for a while: what came before a timer was due is
            # looked at before the timer.
            self.now = time.monotonic()
            if not self.timers_first and self._due():
                self._dispatch(0)
            self._fire()
            if self.after_events:
                self.after_events()

    def _dispatch(self, seconds: float) -> None:
        for fd, events in self._poll.poll(seconds):
            call = self._calls.get(fd)
            if call:
                call(events)

    def _due(self) -> bool:
        return bool(self._timers) and self._timers[0][0] <= self.now

    def _pause(self) -> float:
        while self._timers and not self._timers[0][2].call:
            heapq.heappop(self._timers)
        if not self._timers:
            return -1
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _fire(self) -> None:
        while self._due():
            timer = heapq.heappop(self._timers)[2]
            call, timer.call = timer.call, None
            if call:
                call()
