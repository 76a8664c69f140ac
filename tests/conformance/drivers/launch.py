"""Becomes another program after putting this process into the surroundings a case asked for.

    python3 launch.py '{"fd_limit": 64, "no_io_uring": true}' command argument...

A program of its own rather than a preexec_fn: the suite runs threads, and code between fork and
exec in a threaded Python is asking for trouble.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import struct
import sys

PR_CAPBSET_DROP = 24
CAP_NET_BIND_SERVICE = 10
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
EPERM = 1
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# io_uring_setup, io_uring_enter, io_uring_register have the same numbers on every architecture.
IO_URING_CALLS = (425, 426, 427)

BPF_LD_ABS = 0x20
BPF_JEQ = 0x15
BPF_RET = 0x06


def forbid_io_uring() -> None:
    """What the default seccomp profile of container engines does: io_uring_* answer EPERM."""
    deny_at = 3 + len(IO_URING_CALLS) + 1
    program = [(BPF_LD_ABS, 0, 0, 4),                                     # 0: the architecture
               (BPF_JEQ, 0, deny_at - 3, AUDIT_ARCH[platform.machine()]),  # 1: another: allow
               (BPF_LD_ABS, 0, 0, 0)]                                     # 2: the call's number
    for index, call in enumerate(IO_URING_CALLS):
        program.append((BPF_JEQ, deny_at - (3 + index) - 1, 0, call))
    program.append((BPF_RET, 0, 0, SECCOMP_RET_ALLOW))
    program.append((BPF_RET, 0, 0, SECCOMP_RET_ERRNO | EPERM))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in program))

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    table = Filter(len(program), ctypes.cast(code, ctypes.c_void_p))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(table), 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_SECCOMP")


def forbid_low_ports() -> None:
    """Also root's programs have only the capabilities of the bounding set: capabilities(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0 and libc.prctl(PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")


def can_forbid_io_uring() -> bool:
    return platform.machine() in AUDIT_ARCH


def main() -> None:
    wanted = json.loads(sys.argv[1])
    command = sys.argv[2:]
    if wanted.get("cgroup"):
        with open(os.path.join(wanted["cgroup"], "cgroup.procs"), "w") as file:
            file.write(str(os.getpid()))
    if wanted.get("memlock") is not None:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (wanted["memlock"], wanted["memlock"]))
    if wanted.get("fd_limit"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted["fd_limit"], wanted["fd_limit"]))
    if wanted.get("no_low_ports"):
        forbid_low_ports()
    if wanted.get("no_io_uring"):
        forbid_io_uring()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
