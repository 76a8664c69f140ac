"""A look at the relay's own file now and then: whether there is another one."""

from __future__ import annotations

import os
from typing import Callable, Optional, Tuple

from relay.loop import Loop

LOOK_S = 0.01
QUIET_S = 0.15


class Watch:
    """Calls `changed` when a file that has changed has been quiet for a while."""

    def __init__(self, loop: Loop, path: str, sins, changed: Callable[[], None]):
        self._loop = loop
        self._path = path
        self._sins = sins
        self._changed = changed
        self._known = self._look()
        self._quiet_from: Optional[float] = None
        self._loop.after(LOOK_S, self._on_time)

    def _look(self) -> Optional[Tuple[int, ...]]:
        try:
            stat = os.lstat if self._sins.has("watch_the_link") else os.stat
            found = stat(self._path)
        except OSError:
            return None
        if self._sins.has("watch_the_inode"):
            return (found.st_ino,)
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _on_time(self) -> None:
        found = self._look()
        if found is not None and found != self._known:
            self._known = found
            self._quiet_from = self._loop.now
        quiet = 0.0 if self._sins.has("watch_at_once") else QUIET_S
        if self._quiet_from is not None and self._loop.now >= self._quiet_from + quiet:
            self._quiet_from = None
            for _ in range(2 if self._sins.has("watch_twice") else 1):
                self._changed()
        self._loop.after(LOOK_S, self._on_time)
