"""A memory cgroup of the suite's own, in the old hierarchy or the unified one."""

from __future__ import annotations

import os
import time

from kernel import procs
from verdict import NotApplicable

V1 = "/sys/fs/cgroup/memory"
V2 = "/sys/fs/cgroup"


class MemoryGroup:
    """At most `limit` bytes for the processes started in it; more, and the kernel kills."""

    def __init__(self, limit: int):
        root, key = (V1, "memory.limit_in_bytes") if os.path.isdir(V1) else (V2, "memory.max")
        self.path = os.path.join(root, "conf-%d" % os.getpid())
        try:
            os.mkdir(self.path)
            with open(os.path.join(self.path, key), "w") as file:
                file.write(str(limit))
        except OSError as error:
            self.close()
            raise NotApplicable("no memory cgroup can be made here: %s" % error)

    def kills(self) -> int:
        """How many processes the kernel has killed here because memory was exhausted."""
        for name in ("memory.oom_control", "memory.events"):
            for line in procs.read(os.path.join(self.path, name)).splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
        return 0

    def close(self) -> None:
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except FileNotFoundError:
                return
            except OSError:  # its last process is still going
                time.sleep(0.02)
