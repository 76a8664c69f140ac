"""What goes wrong around a proxy in the soak, for a moment each time."""

import contextlib
import errno
import os
import resource
import signal
import time

from processes import wait_for
from sluice import built_with

# Calls that may fail at any time, with errors that they may give (or a sandbox may).
REFUSED = {
    "accept4": (errno.EMFILE, errno.ENOBUFS, errno.EPERM),
    "socket": (errno.EMFILE, errno.ENOBUFS, errno.EPERM),
    "connect": (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EPERM),
    "epoll_ctl": (errno.ENOSPC, errno.ENOMEM),
    "getpeername": (errno.ENOBUFS,),
    "setsockopt": (errno.ENOPROTOOPT, errno.ENOMEM),
    "getsockopt": (errno.ENOBUFS, errno.EPERM),
    "ioctl": (errno.EPERM,),
    "shutdown": (errno.ENOBUFS, errno.EPERM),
    "recvfrom": (errno.ENOMEM, errno.EPERM),
    "sendto": (errno.ENOBUFS, errno.ENOMEM),
    "madvise": (errno.ENOMEM,),
    "mmap": (errno.ENOMEM,),
}
if built_with(b"__asan_init") or built_with(b"__tsan_init"):
    del REFUSED["mmap"]  # a sanitizer ends the process then


class Faults:
    def __init__(self, rng, web, soak, refuser, log):
        self.rng, self.web, self.soak, self.refuser, self.log = rng, web, soak, refuser, log
        # Whether sessions may break of it.
        self.kinds = {
            self.proxy_stopped: False, self.upstream_stopped: False, self.upstream_away: True,
            self.call_refused: True, self.no_descriptors: True, self.log_full: False,
            self.log_rotated: False,
        }

    def one_of_each(self):
        kinds = list(self.kinds)
        self.rng.shuffle(kinds)
        for kind in kinds:
            self.play(kind)

    def any(self):
        self.play(self.rng.choice(list(self.kinds)))

    def play(self, kind):
        """Makes a fault for a moment. Then sessions are served as ever; all is judged."""
        begin = time.monotonic()
        with kind() as detail:
            time.sleep(self.rng.uniform(0.02, 1.0))  # how long the fault lasts
        name = f"{kind.__name__} {detail or ''}"
        self.soak.judge.fault(begin, time.monotonic(), name, self.kinds[kind])
        self.soak.serve(self.rng.randrange(20, 200))
        self.log.read()

    @contextlib.contextmanager
    def proxy_stopped(self):
        self.web.send_signal(signal.SIGSTOP)
        yield
        self.web.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def upstream_stopped(self):
        peer = self.rng.choice(self.soak.upstreams)
        os.kill(peer.pid, signal.SIGSTOP)
        yield
        os.kill(peer.pid, signal.SIGCONT)

    @contextlib.contextmanager
    def upstream_away(self):
        peer = self.rng.choice(self.soak.upstreams)
        self.soak.ask(peer, "leave")
        yield
        self.soak.ask(peer, "return")

    @contextlib.contextmanager
    def call_refused(self):
        name = self.rng.choice(sorted(REFUSED))
        error = self.rng.choice(REFUSED[name])
        self.refuser.refuse(name, error)
        yield f"{name} {errno.errorcode[error]}"
        self.refuser.allow()

    @contextlib.contextmanager
    def limited(self, kind, value):
        soft, hard = resource.prlimit(self.web.pid, kind)
        resource.prlimit(self.web.pid, kind, (value, hard))
        yield
        resource.prlimit(self.web.pid, kind, (soft, hard))

    def no_descriptors(self):
        return self.limited(resource.RLIMIT_NOFILE, 3)

    def log_full(self):
        """No file may grow beyond a few records more: the last one is torn."""
        size = os.path.getsize(self.log.path)
        return self.limited(resource.RLIMIT_FSIZE, size + self.rng.randrange(2000))

    @contextlib.contextmanager
    def log_rotated(self):
        self.log.rotate(self.web)
        yield


class Log:
    """The access log, read as it grows; files of the past are deleted."""

    def __init__(self, folder, judge):
        self.path = os.path.join(folder, "access.log")
        self.judge = judge
        self.place, self.torn = 0, b""

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.place)
            text = self.torn + file.read()
            self.place = file.tell()
        *lines, self.torn = text.split(b"\n")
        for line in lines:
            self.judge.record(line)

    def rotate(self, web):
        old = self.path + ".1"
        os.rename(self.path, old)
        web.send_signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(self.path), "the new file")
        new, self.path = self.path, old
        self.read()
        self.path, self.place, self.torn = new, 0, b""
        os.unlink(old)
