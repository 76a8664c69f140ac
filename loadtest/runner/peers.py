"""Peers: what stands between generator and upstream, started from one table (peers.toml)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import string
import subprocess
import time
import tomllib
from dataclasses import dataclass, field

KINDS = ("direct", "self", "peer", "floor", "control")
KEYS = ("title", "kind", "command", "version", "config", "fill", "like", "only", "same_as",
        "column", "variant", "family", "ruler_of", "most_workers", "reload")
OWN = ("title", "same_as", "column", "variant")  # what is not that of another peer
REPEAT = ("before", "each", "count", "after")
START_PATIENCE_S = 10
POLL_S = 0.01
URGENCY = 10  # of SCHED_FIFO


class PeerError(Exception):
    """A peer with an invalid description, or one that does not start."""


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    kind: str
    command: tuple = ()
    version: tuple = ()
    config: str = ""
    only: bool = False  # not measured unless asked for
    same_as: str = ""
    most_workers: int = 256
    fill: dict = field(default_factory=dict)  # {place in the configuration: its text}
    column: str = ""  # in the table of all rows; its own name
    variant: str = ""  # what it is called there beside the peer that the column belongs to
    family: str = ""  # whose features it has
    ruler_of: str = ""
    reload: str = ""  # the signal that tells it to read its configuration again

    @property
    def reload_signal(self) -> int:
        return getattr(signal, "SIG" + self.reload)


def load(path: str) -> dict:
    """The table, by name. A control has everything that its original has."""
    table = _toml(path)
    peers = {}
    for name, values in table.items():
        unknown = sorted(set(values) - set(KEYS))
        if unknown:
            raise PeerError("%s: [%s]: there is no key %s" % (path, name, unknown[0]))
        merged = _inherit(path, table, name, (name,))
        if merged.get("kind") not in KINDS:
            raise PeerError("%s: [%s]: kind: it must be one of %s" %
                            (path, name, ", ".join(KINDS)))
        for key in ("column", "ruler_of"):
            if merged.get(key, name) not in table:
                raise PeerError("%s: [%s]: %s: there is no [%s]" % (path, name, key, merged[key]))
        merged["command"] = tuple(merged.get("command", ()))
        merged["version"] = tuple(merged.get("version", ()))
        merged = {"title": name, "column": name, "family": name, **merged}
        peers[name] = Peer(name=name, **merged)
    return peers


def _toml(path: str) -> dict:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PeerError("%s: %s" % (path, error))


def _inherit(path: str, table: dict, name: str, seen: tuple) -> dict:
    """A peer's keys with those of the peers that it is like."""
    values = dict(table[name])
    key = "like" if "like" in values else "same_as"
    if key not in values:
        return {"family": name, **values}
    other = values[key]
    if other not in table or other in seen:
        raise PeerError("%s: [%s]: %s: there is no [%s]" % (path, name, key, other))
    base = _inherit(path, table, other, seen + (other,))
    fill = {**base.get("fill", {}), **values.get("fill", {})}
    values.pop("like", None)
    return {**{key: value for key, value in base.items() if key not in OWN},
            **values, "fill": fill}


@dataclass(frozen=True)
class Feature:
    """What a row can switch on."""

    name: str
    title: str
    probe: str  # the host that has to answer; 127.0.0.1 for the first listener
    families: dict  # {family: {place: text or table}}

    def arguments(self, family: str) -> list:
        return self.families[family].get("arguments", [])

    def fill(self, family: str) -> dict:
        return {key: value for key, value in self.families[family].items() if key != "arguments"}


def load_features(path: str, table: dict) -> dict:
    """The features, by name. Each may fill only places that its peers have."""
    features = {}
    for name, values in _toml(path).items():
        families = {key: value for key, value in values.items() if isinstance(value, dict)}
        feature = Feature(name, values.get("title", name), values.get("probe", "127.0.0.1"),
                          families)
        for family in families:
            if family not in table:
                raise PeerError("%s: [%s.%s]: there is no such peer" % (path, name, family))
            for place, text in feature.fill(family).items():
                if place not in table[family].fill or (
                        isinstance(text, dict) and set(text) - set(REPEAT)):
                    raise PeerError("%s: [%s.%s]: %s is no place of it" %
                                    (path, name, family, place))
        features[name] = feature
    return features


def _expand(text: object, values: dict) -> str:
    """A text of `fill` with everything put in; a table is repeated."""
    if isinstance(text, str):
        return string.Template(text).safe_substitute(values)
    each = string.Template(text["each"])
    parts = [each.safe_substitute(values, number=number, high=(number - 1) // 250,
                                  low=(number - 1) % 250 + 1)
             for number in range(1, text["count"] + 1)]
    before, after = (string.Template(text.get(key, "")).safe_substitute(values)
                     for key in ("before", "after"))
    return before + "".join(parts) + after


@dataclass
class Setting:
    """Where the files and programs of this run are."""

    folder: str  # for configurations and logs
    sluice: str
    programs: str

    def fill(self, text: str, **more) -> str:
        values = {"sluice": self.sluice, "programs": self.programs, **more}
        return string.Template(text).safe_substitute(values)


def missing(peer: Peer, setting: Setting) -> str:
    """Why the peer cannot be started here; empty when it can."""
    if not peer.command:
        return ""
    program = setting.fill(peer.command[0])
    return "" if shutil.which(program) else "there is no program %s" % program


def version(peer: Peer, setting: Setting) -> str:
    """The first line that the peer prints about its version."""
    if not peer.version:
        return ""
    command = [setting.fill(word) for word in peer.version]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid: int) -> list:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir("/proc/%d/task" % parent):
                with open("/proc/%d/task/%s/children" % (parent, task), encoding="ascii") as file:
                    found += [int(word) for word in file.read().split()]
        except OSError:
            continue
    return found


def spawn(command: list, cpus: set | None, log, urgent: bool = False,
          **options) -> subprocess.Popen:
    """Starts a process on these CPUs (None: on any CPU); an urgent one goes before all others
    there, if we may say so."""
    def pin():
        if cpus:
            os.sched_setaffinity(0, cpus)
        if urgent:
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(URGENCY))
            except PermissionError:
                pass
    return subprocess.Popen(command, stderr=log, preexec_fn=pin, start_new_session=True, **options)


@dataclass
class Running:
    """A started peer; no process for `direct`."""

    port: int
    process: subprocess.Popen | None = None
    second_port: int = 0  # of rows with two listeners
    pids: list = field(default_factory=list)
    ready: Ready | None = None

    def stop(self) -> None:
        if self.process is None:
            return
        for pid in reversed(family(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


@dataclass
class Start:
    """How a peer is started in one run."""

    upstream_port: int
    workers: int
    max_connections: int
    cpus: set | None = None
    feature: Feature | None = None
    second_upstream_port: int = 0  # 0: it has one listener


class Ready:
    """A peer with its configuration written, not started."""

    def __init__(self, peer: Peer, setting: Setting, start: Start):
        self.peer = peer
        self.cpus = start.cpus
        self.port = free_port()
        self.second_port = free_port() if start.second_upstream_port else 0
        self.probe = start.feature.probe if start.feature else "127.0.0.1"
        self.config = config = os.path.join(setting.folder, "%s.conf" % peer.name)
        self.log_path = config + ".log"
        ports = {"port": self.port, "upstream_port": start.upstream_port,
                 "second_port": self.second_port,
                 "second_upstream_port": start.second_upstream_port,
                 "workers": start.workers, "max_connections": start.max_connections,
                 "config": config}
        fill, arguments = dict(peer.fill), []
        if start.feature:
            # What a peer says itself stays, such as the buffers of its sockets.
            for place, text in start.feature.fill(peer.family).items():
                fill[place] = text if not fill.get(place) or isinstance(text, dict) or (
                    place == "target") else fill[place] + "\n" + text
            arguments = start.feature.arguments(peer.family)
        values = {**ports, **{place: _expand(text, ports) for place, text in fill.items()}}
        # The second is for a reload.
        self.texts = [setting.fill(peer.config, **{**values, "max_connections": limit})
                      for limit in (start.max_connections, start.max_connections - 1)]
        self.text = self.texts[0]
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.text)
        self.command = [setting.fill(word, **values) for word in [*peer.command, *arguments]]

    def launch(self, poll_s: float = POLL_S) -> Running:
        """Starts it and waits until it listens."""
        with open(self.log_path, "w", encoding="utf-8") as log:
            process = spawn(self.command, self.cpus, log, stdout=subprocess.DEVNULL)
        running = Running(self.port, process, self.second_port)
        try:
            self._wait(process, poll_s)
        except BaseException:  # also for a signal that ends this process
            running.stop()
            raise
        running.pids = family(process.pid)
        running.ready = self
        return running

    def _wait(self, process: subprocess.Popen, poll_s: float) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                socket.create_connection((self.probe, self.port), 1).close()
                return
            except OSError:
                time.sleep(poll_s)
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            said = file.read().strip()[-400:]
        raise PeerError("%s does not listen on port %d: %s" %
                        (self.peer.name, self.port, said or "no message"))


def start(peer: Peer, setting: Setting, upstream_port: int, workers: int, max_connections: int,
          cpus: set | None) -> Running:
    """Starts a peer in front of the upstream and waits until it listens."""
    return begin(peer, setting, Start(upstream_port, workers, max_connections, cpus))


def begin(peer: Peer, setting: Setting, how: Start) -> Running:
    """The same, in any way."""
    if not peer.command:
        return Running(how.upstream_port, second_port=how.second_upstream_port)
    return Ready(peer, setting, how).launch()
