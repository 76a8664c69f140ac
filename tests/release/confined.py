"""Starts a program under what can be applied of a unit without its service manager:

    confined.py UNIT PROGRAM…

The user, capabilities, no new privileges, limits, the umask, memory that is never both writable and
executable, and the filter of system calls. It runs inside the system that the unit belongs to.
"""

import ctypes
import os
import re
import resource
import subprocess
import sys

_ERRNO_EPERM = 0x00050000 | 1
_ALLOW = 0x7fff0000


def settings(path):
    """[(key, value), …] of the section [Service]."""
    with open(path, encoding="utf-8") as file:
        text = file.read().split("[Service]")[1].split("\n[")[0]
    return re.findall(r"(?m)^([A-Za-z]+)=(.*)$", text)


def calls_of(group):
    """The names of system calls in a group, as systemd has it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    names = set()
    for line in text.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            names |= calls_of(word)
        elif word and not word.startswith("#"):
            names.add(word)
    return names


def allowed_calls(unit):
    names = set()
    for key, value in unit:
        if key == "SystemCallFilter":
            words = value.lstrip("~").split()
            group = set().union(*(calls_of(word) if word[0] == "@" else {word} for word in words))
            names = names - group if value.startswith("~") else names | group
    return names


def filter_calls(names):
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                         ctypes.c_uint]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(_ERRNO_EPERM)
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others are of other machines
            assert library.seccomp_rule_add(context, _ALLOW, number, 0) == 0, name
    assert library.seccomp_load(context) == 0


def main():
    unit = settings(sys.argv[1])
    values = dict(unit)
    if os.geteuid() == 0:
        capabilities = ",".join("+" + name[len("CAP_"):].lower()
                                for name in values["AmbientCapabilities"].split())
        limit = int(values["LimitNOFILE"])
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (ValueError, PermissionError):
            pass  # this machine allows less
        os.umask(int(values["UMask"], 8))
        assert values["CapabilityBoundingSet"] == values["AmbientCapabilities"]
        assert values["NoNewPrivileges"] == "yes"
        os.execvp("setpriv", ["setpriv", "--reuid", values["User"], "--regid", values["Group"],
                              "--init-groups", "--no-new-privs", "--bounding-set",
                              "-all," + capabilities, "--inh-caps", "-all," + capabilities,
                              "--ambient-caps", "-all," + capabilities, sys.executable, *sys.argv])
    names = allowed_calls(unit)
    libc = ctypes.CDLL(None, use_errno=True)
    if values["MemoryDenyWriteExecute"] == "yes":
        assert libc.prctl(65, 1, 0, 0, 0) == 0, "PR_SET_MDWE"
    filter_calls(names)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
