"""Places for a log that can fail: a disk that fills up, a FIFO, standard error through a pipe."""

import ctypes
import fcntl
import os
import signal

from processes import die_with_parent, libc, wait_for

NEW_MOUNTS = 0x20000       # CLONE_NEWNS
PRIVATE = 0x4000 | 1 << 18  # MS_REC, MS_PRIVATE
DETACH = 2                 # MNT_DETACH
PIPE_PAGE = 4096           # the smallest that F_SETPIPE_SZ makes
DISK = 64 << 10


def _mount(source, target, kind, flags, data=b""):
    if libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), data):
        raise OSError(ctypes.get_errno(), "mount")


class SmallDisk:
    """A tmpfs of a few pages at `folder`, seen by this process and its children alone; for root."""

    def __init__(self, folder):
        self.folder = folder
        if libc.unshare(NEW_MOUNTS):
            raise OSError(ctypes.get_errno(), "unshare")
        _mount(b"none", "/", None, PRIVATE)
        _mount(b"none", folder, b"tmpfs", 0, b"size=%d" % DISK)
        self.ballast = os.path.join(folder, "ballast")

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def make_room(self):
        os.unlink(self.ballast)

    def close(self):
        libc.umount2(os.fsencode(self.folder), DETACH)


class Reader:
    """The reading end of a FIFO of one page; what it has read is `text`."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, PIPE_PAGE)
        self.text = b""

    def read(self):
        """Takes what is there; the whole lines so far."""
        try:
            while piece := os.read(self.fd, 1 << 16):
                self.text += piece
        except BlockingIOError:
            pass
        return self.text.decode().split("\n")[:-1]

    def wait(self, count):
        return wait_for(lambda: len(lines := self.read()) >= count and lines, f"{count} lines")

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Piped:
    """Standard error of a program through a pipe, as under a supervisor: `cat` is its reader.

        piped = Piped()
        proxy = self.proxy([...], prepare=piped.prepare)

    What the reader has read is in the program's output as ever.
    """

    def __init__(self):
        self.asking, self.telling = os.pipe()
        self._reader = 0

    def prepare(self):
        """For Process: called in the child between fork and exec."""
        source, sink = os.pipe()
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_PAGE)
        reader = os.fork()
        if reader == 0:
            die_with_parent()
            os.dup2(source, 0)
            os.closerange(3, 256)
            os.execvp("cat", ["cat"])
        os.dup2(sink, 2)
        os.write(self.telling, b"%d\n" % reader)

    def reader(self):
        if not self._reader:
            self._reader = int(os.read(self.asking, 16))
        return self._reader

    def stop_reading(self):
        os.kill(self.reader(), signal.SIGSTOP)

    def read_on(self):
        os.kill(self.reader(), signal.SIGCONT)

    def vanish(self):
        os.kill(self.reader(), signal.SIGKILL)

    def close(self):
        os.close(self.asking)
        os.close(self.telling)
