"""What the tests of upgrades have in common: a program that can be replaced, and its generations.

The log of all generations is that of the first: they share its standard error.
"""

import os
import re
import shutil
import signal

import sockets
from processes import of_threads, wait_for
from sluice import Sluice, binary

SERVES = r"upgrade: process (\d+) serves now"
FAILED = r"^\S+ error upgrade: .*; this process serves on$"

# Speaks the protocol of the hand-over as a successor does, up to a point.
FAKE = """#!/usr/bin/python3
import array, os, socket, struct, sys, time
channel = socket.socket(fileno=int(os.environ["SLUICE_UPGRADE_CHANNEL"]))
def send(kind, *numbers, tail=b""):
    channel.send(b"SLHO" + bytes([kind]) + struct.pack(f"<{len(numbers)}Q", *numbers) + tail)
def sockets():
    send(0, 1, 1)
    return socket.recv_fds(channel, 65536, 253)[1]
def ready():
    count = len(sockets())
    send(2, count)
    send(3, count, tail=bytes([(1 << count) - 1]))
    return channel.recv(100)
"""


def ended(pid):
    """Whether a process that need not be a child of ours has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the latter: it ends while we read
        return True


def children(pid):
    return [int(child) for text in of_threads(pid, "children").values() for child in text.split()]


def open_sockets(pid):
    links = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    return {link for link in links if link.startswith("socket:")}


class Upgrading:
    """Beside harness.Case."""

    def start(self, config, prepare=None):
        """A proxy whose program is a symbolic link to one of two copies of it."""
        self.folder = self.new_folder()
        for name in ("v1", "v2"):
            shutil.copy(binary(), os.path.join(self.folder, name))
        self.path = os.path.join(self.folder, "sluice")
        self.install("v1")
        web = self.program(Sluice(config, prepare, program=self.path))
        self.generations = [web.pid]
        return web

    def install(self, name):
        os.symlink(name, self.path + ".new")
        os.rename(self.path + ".new", self.path)

    def install_script(self, text):
        with open(os.path.join(self.folder, "script"), "w") as file:
            file.write(text)
        os.chmod(file.name, 0o755)
        self.install("script")

    @property
    def pid(self):
        """The process that serves."""
        return self.generations[-1]

    def upgrade(self, web):
        """To the other copy, which serves then."""
        number = len(self.generations)
        name = "v1" if os.readlink(self.path) == "v2" else "v2"
        self.install(name)
        os.kill(self.pid, signal.SIGUSR2)
        line = web_line(web, SERVES, number)
        self.generations.append(int(re.search(SERVES, line)[1]))
        self.assertTrue(os.path.samefile(f"/proc/{self.pid}/exe", os.path.join(self.folder, name)))

    def failed_upgrade(self, web, count=1):
        """Returns what is said about it."""
        os.kill(self.pid, signal.SIGUSR2)
        return web_line(web, FAILED, count)

    def wait_ended(self, web, pid):
        if pid == web.pid:
            self.assertEqual(web.wait(), 0)
        else:
            wait_for(lambda: ended(pid), f"process {pid} to end")

    def end(self, web, errors=0):
        """All generations end well."""
        for pid in reversed(self.generations):
            if not ended(pid):
                os.kill(pid, signal.SIGTERM)
        for pid in self.generations:
            self.wait_ended(web, pid)
        self.assertEqual(len(web.lines(r"^\S+ info stopped$")), len(self.generations))
        alarming = web.lines(r"^\S+ (error|critical) |Sanitizer|runtime error:|CHECK failed")
        self.assertEqual(len(alarming), errors, alarming)

    def echoes(self, address):
        with sockets.connect(address) as client:
            sockets.exchange_echo(client)


def web_line(web, pattern, count):
    """Also when the first generation has ended."""
    return wait_for(lambda: (web.lines(pattern) + [None] * count)[count - 1],
                    f"{count} × /{pattern}/:\n{web.text()[-3000:]}")
