"""Starts a program under what can be applied of a unit without its service manager:

    confined.py UNIT PROGRAM…

The user, capabilities, no new privileges, limits, the umask, files that are read only but for the
unit's own, no homes, a /tmp of its own, memory that is never both writable and executable, families
of sockets, and the filter of system calls. It runs inside the system that the unit belongs to.
"""

import ctypes
import os
import re
import resource
import socket
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


def own_files(values):
    """What ProtectSystem=strict, ProtectHome and PrivateTmp make of the mounts; as root."""
    assert values["ProtectSystem"] == "strict" and values["ProtectHome"] == "yes"
    assert values["PrivateTmp"] == "yes"
    own = [f"/{folder}/{values[keyword + 'Directory']}" for folder, keyword in
           (("run", "Runtime"), ("var/lib", "State"), ("var/log", "Logs"))]
    for folder in own:
        mount("--bind", folder, folder)
    for folder in ("/", "/run"):
        mount("-o", "remount,bind,ro", folder)
    mount("-t", "tmpfs", "tmpfs", "/tmp")
    for folder in ("/home", "/root"):
        mount("-t", "tmpfs", "-o", "mode=000", "tmpfs", folder)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


class Compare(ctypes.Structure):
    """What libseccomp calls scmp_arg_cmp."""

    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int),
                ("first", ctypes.c_uint64), ("second", ctypes.c_uint64)]


EQUAL = 4


def filter_calls(names, families):
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                         ctypes.c_uint]
    library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                               ctypes.c_uint, ctypes.POINTER(Compare)]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(_ERRNO_EPERM)
    for family in families:
        rule = Compare(0, EQUAL, getattr(socket, family), 0)
        number = library.seccomp_syscall_resolve_name(b"socket")
        assert library.seccomp_rule_add_array(context, _ALLOW, number, 1,
                                              ctypes.byref(rule)) == 0, family
    for name in names - {"socket"}:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # others are of other machines
            assert library.seccomp_rule_add(context, _ALLOW, number, 0) == 0, name
    assert library.seccomp_load(context) == 0


def main():
    unit = settings(sys.argv[1])
    values = dict(unit)
    if os.geteuid() == 0 and "SLUICE_OWN_FILES" not in os.environ:
        os.environ["SLUICE_OWN_FILES"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    if os.geteuid() == 0:
        own_files(values)
        del os.environ["SLUICE_OWN_FILES"]
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
    filter_calls(names, values["RestrictAddressFamilies"].split())
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
