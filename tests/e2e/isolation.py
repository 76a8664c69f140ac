"""For a child process: a system call refused, or a network of its own; no privilege needed."""

import ctypes
import fcntl
import os
import socket
import struct

from processes import libc

IO_URING_SETUP = 425  # the same on x86_64 and aarch64
EPERM = 1


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte),
                ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def _must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def refuse_io_uring():
    """From here on io_uring_setup(2) fails with EPERM, as in most containers."""
    instructions = (_Instruction * 4)(
        _Instruction(0x20, 0, 0, 0),  # load the number of the system call
        _Instruction(0x15, 0, 1, IO_URING_SETUP),  # if it is not this, skip one
        _Instruction(0x06, 0, 0, 0x00050000 | EPERM),  # return ERRNO
        _Instruction(0x06, 0, 0, 0x7fff0000))  # return ALLOW
    program = _Program(len(instructions), instructions)
    _must(libc.prctl(38, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    _must(libc.prctl(22, 2, ctypes.byref(program), 0, 0), "PR_SET_SECCOMP")


def own_network():
    """A network namespace of its own, with `lo` up."""
    new_network, new_user = 0x40000000, 0x10000000
    flags = new_network if os.geteuid() == 0 else new_network | new_user
    _must(libc.unshare(flags), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS


def enter_network(pid):
    """Moves this process into the network of another."""
    for kind in ("net",) if os.geteuid() == 0 else ("user", "net"):
        with open(f"/proc/{pid}/ns/{kind}") as namespace:
            _must(libc.setns(namespace.fileno(), 0), "setns")


def set_kernel(name, value):
    """A setting of the network that this process is in: ("net.ipv4.tcp_fastopen", 3)."""
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
        file.write(str(value))
