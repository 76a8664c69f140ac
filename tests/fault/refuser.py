"""Makes system calls of a running program fail, one by one, for as long as a test wants.

    refuser = Refuser("accept4", "socket")
    proxy = self.proxy([...], prepare=refuser.prepare)      # Process(..., prepare=)
    refuser.refuse("accept4", errno.ENOBUFS)                 # from now on
    refuser.allow()                                          # as before

The child installs a seccomp filter that asks this process about the named calls (seccomp_unotify(2)
of Linux 5.5); a thread here answers: "go on", or an error number. Nothing else is slowed down. What
io_uring does behind its ring is no system call and not asked about.
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import socket
import struct
import threading

from isolation import _Instruction, _Program, _must
from processes import libc, wait_for

# x86_64, aarch64 (-1: it has no such call).
NUMBERS = {
    "accept4": (288, 242), "bind": (49, 200), "close": (3, 57), "connect": (42, 203),
    "epoll_ctl": (233, 21), "epoll_pwait": (281, 22), "epoll_wait": (232, -1), "fcntl": (72, 25),
    "futex": (202, 98), "getpeername": (52, 205), "getsockname": (51, 204),
    "getsockopt": (55, 209), "io_uring_enter": (426, 426), "ioctl": (16, 29),
    "madvise": (28, 233), "mmap": (9, 222), "munmap": (11, 215), "poll": (7, -1),
    "ppoll": (271, 73), "read": (0, 63), "recvfrom": (45, 207), "sendto": (44, 206),
    "setsockopt": (54, 208), "shutdown": (48, 210), "socket": (41, 198), "write": (1, 64),
}
COLUMN = {"x86_64": 0, "aarch64": 1}.get(platform.machine(), 0)
SECCOMP = {0: 317, 1: 277}[COLUMN]
SET_MODE_FILTER, NEW_LISTENER = 1, 8
PIDFD_GETFD = 438
RECEIVE, ANSWER = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
NOTIFY, ALLOW = 0x7FC00000, 0x7FFF0000
GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE


def number_of(name):
    return NUMBERS[name][COLUMN]


def _install(numbers):
    """In the child: the filter, whose asking descriptor gets the lowest free number."""
    code = [_Instruction(0x20, 0, 0, 0)]  # load the number of the system call
    for place, number in enumerate(numbers):
        code.append(_Instruction(0x15, len(numbers) - place, 0, number))  # if it is this: notify
    code += [_Instruction(0x06, 0, 0, ALLOW), _Instruction(0x06, 0, 0, NOTIFY)]
    array = (_Instruction * len(code))(*code)
    program = _Program(len(code), array)
    _must(libc.prctl(38, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    if libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(program)) < 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def _fetch(pid, number):
    """A descriptor of another process, as soon as it has one of that number."""
    pidfd = os.pidfd_open(pid)
    try:
        return wait_for(lambda: max(libc.syscall(PIDFD_GETFD, pidfd, number, 0), 0),
                        "the filter's descriptor")
    finally:
        os.close(pidfd)


class Refuser:
    def __init__(self, *names):
        self.numbers = {number_of(name): name for name in names if number_of(name) >= 0}
        self.rules = {}  # name: (error, accepts(arguments))
        self.refused = dict.fromkeys(names, 0)
        self.ours, self.childs = socket.socketpair()
        self.stopping, self.stop = os.pipe()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def prepare(self):
        """For Process: called in the child between fork and exec."""
        number = os.dup(0)
        os.close(number)
        self.childs.send(struct.pack("ii", os.getpid(), number))
        _install(list(self.numbers))  # from here on any call may wait for the thread
        self.childs.recv(1)

    def refuse(self, name, error, only=lambda arguments: True):
        """From now on `name` fails with `error`, where `only` holds for its six arguments."""
        self.refused[name] = 0
        self.rules[name] = (error, only)

    def allow(self):
        self.rules.clear()

    def close(self):
        os.close(self.stop)
        self.thread.join()
        os.close(self.stopping)
        self.ours.close()
        self.childs.close()

    def _serve(self):
        if not self._wait(self.ours):
            return
        listener = _fetch(*struct.unpack("ii", self.ours.recv(8)))
        self.ours.send(b"!")
        try:
            while self._wait(listener):
                self._answer(listener)
        finally:
            os.close(listener)

    def _wait(self, source):
        """True: there is something to read; False: it is over."""
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(self.stopping, select.POLLIN)
        ready = dict(poll.poll())
        return self.stopping not in ready and not any(
            events & select.POLLHUP for events in ready.values())

    def _answer(self, listener):
        notice = bytearray(80)
        try:
            fcntl.ioctl(listener, RECEIVE, notice)
        except (InterruptedError, FileNotFoundError):  # a signal, also SIGSTOP, took the call back
            return
        ident, = struct.unpack_from("Q", notice)
        number, = struct.unpack_from("i", notice, 16)
        name = self.numbers[number]
        error, only = self.rules.get(name, (0, None))
        flags = GO_ON
        if error and only(struct.unpack_from("6Q", notice, 32)):
            self.refused[name] += 1
            flags = 0
        answer = bytearray(struct.pack("QqiI", ident, 0, 0 if flags else -error, flags))
        try:
            fcntl.ioctl(listener, ANSWER, answer)
        except OSError as problem:
            if problem.errno != errno.ENOENT:  # the caller was interrupted, or is gone
                raise
