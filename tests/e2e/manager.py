"""A service manager, as systemd is one: it is told, keeps descriptors, and starts programs."""

import array
import os
import re
import socket
import struct

from echo import echo
from processes import DEADLINE, wait_for
from reloading import Reloading
from sluice import Sluice
from upgrading import Upgrading

FIRST = 3  # of the descriptors that it passes


class Manager:
    """Its socket is NOTIFY_SOCKET of the programs that it starts (`prepare`).

    It hears the main process only, as with NotifyAccess=main: the one that it has started last, and
    then the one that this has named.
    """

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.main = None
        self.stored = {}  # descriptors by their names
        self.told = []  # everything that it has heard, each message as a dictionary
        self.unheard = []  # likewise

    def close(self):
        self.socket.close()
        for number in self.stored.values():
            os.close(number)

    def next(self, seconds=DEADLINE):
        """The next message; None if there is none for so long."""
        self.socket.settimeout(seconds)
        while True:
            try:
                text, descriptors, sender = self._receive()
            except TimeoutError:
                return None
            message = dict(line.split("=", 1) for line in text.decode().splitlines())
            self.main = self.main or sender
            if sender == self.main:
                self.main = int(message.get("MAINPID", self.main))
                self.told.append(message)
                self._keep(message, descriptors)
                return message
            self.unheard.append(message)
            for number in descriptors:
                os.close(number)

    def _receive(self):
        numbers, credentials = array.array("i"), struct.Struct("3i")
        text, others, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(numbers.itemsize) +
                                                 socket.CMSG_SPACE(credentials.size))
        sender = None
        for _, kind, content in others:
            if kind == socket.SCM_RIGHTS:
                numbers.frombytes(content)
            elif kind == socket.SCM_CREDENTIALS:
                sender = credentials.unpack(content)[0]
        return text, list(numbers), sender

    def _keep(self, message, descriptors):
        name = message.get("FDNAME")
        if message.get("FDSTORE") == "1":
            assert re.fullmatch(r"[!-9;-~]{1,255}", name), name
            (self.stored[name],) = descriptors
        else:
            assert descriptors == [], message
        if message.get("FDSTOREREMOVE") == "1":
            os.close(self.stored.pop(name))

    def until(self, key, value=None):
        """Reads on until a message has `key`, with this value if one is given, and returns it."""
        def found():
            message = self.next()
            assert message is not None, f"nothing with {key}: {self.told}"
            return message if key in message and value in (None, message[key]) else None
        return wait_for(found, key)

    def prepare(self, passed=(), **variables):
        """For the child, between fork and exec: `passed` are names and descriptors for it.

        The numbers are the program's from 3 on; what is there goes.
        """
        passed = list(passed)
        self.main = None

        def in_child():
            os.environ["NOTIFY_SOCKET"] = self.path
            os.environ.update(variables)
            if not passed:
                return
            copies = [os.dup(number) for _, number in passed]
            safe = [os.dup2(copy, 500 + index) for index, copy in enumerate(copies)]
            for index, number in enumerate(safe):
                os.dup2(number, FIRST + index)  # inheritable
            os.closerange(FIRST + len(safe), 600)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = str(len(safe))
            os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
        return in_child


class Managed(Reloading, Upgrading):
    """Beside harness.Case: proxies that a service manager has started."""

    def setUp(self):
        self.server = self.peer(echo).receive()
        self.manager = self.keep(Manager(self.new_folder()))

    def managed(self, config=None, passed=(), **variables):
        config = config or self.config([self.server])
        prepare = self.manager.prepare(passed, **variables)
        return self.program(Sluice(config, prepare, close_fds=False))
