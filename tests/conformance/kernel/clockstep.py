"""Steps the wall clock of one proxy, and of no other process, by preloading clockstep.c."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess

from kernel import procs
from verdict import NotApplicable

HERE = os.path.dirname(os.path.abspath(__file__))


class SteppedClock:
    """The environment to start a proxy in, and the step that its wall clock makes."""

    def __init__(self, scratch: str):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            raise NotApplicable("stepping the clock needs a C compiler")
        self._library = os.path.join(scratch, "clockstep.so")
        done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._library,
                               os.path.join(HERE, "clockstep.c")], stderr=subprocess.PIPE)
        if done.returncode:
            raise NotApplicable("clockstep.c does not compile: " + done.stderr.decode()[:200])
        path = os.path.join(scratch, "clockstep")
        with open(path, "wb") as file:
            file.write(struct.pack("q", 0))
        self._file = open(path, "r+b")
        self._page = mmap.mmap(self._file.fileno(), 8)
        self.env = {"LD_PRELOAD": self._library, "CLOCKSTEP_FILE": path}

    def works_in(self, proxy) -> bool:
        """A statically linked proxy takes no notice of LD_PRELOAD."""
        return all("clockstep.so" in procs.read("/proc/%d/maps" % pid) for pid in proxy.pids())

    def step_to(self, seconds: int) -> None:
        self._page[:8] = struct.pack("q", seconds)

    def close(self) -> None:
        self._page.close()
        self._file.close()
