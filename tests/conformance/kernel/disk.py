"""A file system of the suite's own that can be filled up: tmpfs of a few pages."""

from __future__ import annotations

import os
import shutil
import subprocess

from verdict import NotApplicable

SIZE = 64 << 10


class SmallDisk:
    """Needs root. Nothing else uses it, so that filling it affects only the proxy's log."""

    def __init__(self, scratch: str):
        if os.geteuid() != 0 or not shutil.which("mount"):
            raise NotApplicable("a file system that fills up needs root and mount(8)")
        self.path = os.path.join(scratch, "disk")
        os.mkdir(self.path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % SIZE, "conf", self.path],
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise NotApplicable("mount: " + done.stderr.decode().strip())
        self._ballast = os.path.join(self.path, "ballast")

    def fill(self) -> None:
        """Leaves less than a page free."""
        with open(self._ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self) -> None:
        os.unlink(self._ballast)

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", self.path], stderr=subprocess.DEVNULL)
