"""The program under test: its configuration, its log, its listeners."""

import contextlib
import functools
import json
import mmap
import os
import re
import tempfile

from processes import DEADLINE, Process, wait_for
from sockets import connect


def binary():
    """$SLUICE, else the runfiles of the test, else the last build of this repository."""
    here = os.path.dirname(os.path.abspath(__file__))
    candidates = [os.environ.get("SLUICE", ""),
                  os.path.join(os.environ.get("TEST_SRCDIR", ""),
                               os.environ.get("TEST_WORKSPACE", ""), "proxy/sluice"),
                  os.path.join(here, "../../proxy/sluice"),
                  os.path.join(here, "../../bazel-bin/proxy/sluice")]
    for path in candidates:
        if path and os.path.isfile(path):
            return os.path.abspath(path)
    raise AssertionError("no sluice: build //proxy:sluice or set SLUICE to its path")


@functools.cache
def built_with(symbol):
    """Whether the binary holds a symbol, for example one of a sanitizer."""
    with open(binary(), "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(symbol) >= 0


def yaml(value, indent=0):
    """Block style YAML of dicts, lists and scalars."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{key}:{_below(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_below(item, indent)}" for item in value)
    return f"{pad}{_scalar(value)}\n"


def _below(item, indent):
    if isinstance(item, (dict, list)) and item:
        return "\n" + yaml(item, indent + 1)
    return f" {_scalar(item)}\n"


def _scalar(value):
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][\w./:-]*", value):
        return value
    return json.dumps(value)


def binds(listener):
    return listener["bind"] if isinstance(listener["bind"], list) else [listener["bind"]]


class Sluice(Process):
    """A running proxy; the constructor returns when every listener is bound."""

    def __init__(self, config, prepare=None, arguments=(), program=None, **options):
        with tempfile.NamedTemporaryFile("w", prefix="sluice-", suffix=".yaml",
                                         delete=False) as file:
            file.write(yaml(config))
        self.config_path = file.name
        self.workers = config.get("runtime", {}).get("workers")
        super().__init__(program or binary(), "--config", file.name, *arguments, prepare=prepare,
                         **options)
        try:
            self.addresses = {each["name"]: self._bound(each) for each in config["listeners"]}
        except BaseException:
            self.kill()
            self.output.close()
            raise

    def kill(self):
        super().kill()
        if os.path.exists(self.config_path):
            os.unlink(self.config_path)

    def _bound(self, listener):
        """The address of each `bind` of a listener; the port from the log where it was 0."""
        wanted = binds(listener)
        said = re.escape(f"listener {listener['name']}: listening on ")
        lines = self.wait_line(said, count=len(wanted))
        bound = []
        for bind, line in zip(wanted, lines):
            if bind.startswith("unix:"):
                bound.append(re.sub("^@", "\0", bind[len("unix:"):]))
            else:
                host, port = re.search(said + r"\[?([0-9a-f.:]+?)\]?:(\d+)$", line).groups()
                bound.append((host, int(port)))
        return bound

    def address(self, listener="web", index=0):
        return self.addresses[listener][index]

    @property
    def port(self):
        return self.address()[1]

    def connect(self, listener="web", index=0, **options):
        return connect(self.address(listener, index), **options)

    def idle_descriptors(self):
        """How many descriptors it has when each worker has its copy of each listening socket.

        The workers make their copies when they begin to accept, after the addresses are logged.
        """
        wanted = self.workers * sum(map(len, self.addresses.values()))
        wait_for(lambda: self._copies() == wanted, "every worker to accept")
        return self.descriptors()

    def _copies(self):
        """How many of its descriptors are copies of another one."""
        links = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
        sockets = [link for link in links if link.startswith("socket:")]
        return len(sockets) - len(set(sockets))

    def session_ends(self):
        """The `session end` lines as dictionaries."""
        return [dict(field.split("=", 1) for field in line.split("session end ", 1)[1].split())
                for line in self.lines("session end ")]

    def wait_session_end(self, count=1, seconds=DEADLINE):
        """Waits for the `count`-th session to end and returns its record."""
        self.wait_line("session end ", seconds, count)
        return self.session_ends()[count - 1]

    def wait_stats(self, **wanted):
        """Waits for a `stats` line with these figures; what is not in a line is 0 in it."""
        def found():
            for line in self.lines("stats active="):
                figures = dict(re.findall(r"(\w+)=(\d+)", line))
                if all(int(figures.get(key, 0)) == value for key, value in wanted.items()):
                    return True
            return False
        wait_for(found, f"a stats line with {wanted}")
