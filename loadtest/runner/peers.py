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
KEYS = ("title", "kind", "command", "version", "config", "only", "same_as", "most_workers")
START_PATIENCE_S = 10
POLL_S = 0.01


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


def load(path: str) -> dict:
    """The table, by name. A control has everything that its original has."""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PeerError("%s: %s" % (path, error))
    peers = {}
    for name, values in table.items():
        unknown = sorted(set(values) - set(KEYS))
        if unknown:
            raise PeerError("%s: [%s]: there is no key %s" % (path, name, unknown[0]))
        original = table.get(values.get("same_as", name))
        if original is None:
            raise PeerError("%s: [%s]: same_as: there is no [%s]" % (path, name, values["same_as"]))
        merged = {**original, **values}
        if merged.get("kind") not in KINDS:
            raise PeerError("%s: [%s]: kind: it must be one of %s" %
                            (path, name, ", ".join(KINDS)))
        merged["command"] = tuple(merged.get("command", ()))
        merged["version"] = tuple(merged.get("version", ()))
        peers[name] = Peer(name=name, title=merged.pop("title", name), **merged)
    return peers


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


def spawn(command: list, cpus: set | None, log, **options) -> subprocess.Popen:
    """Starts a process on these CPUs (None: on any CPU)."""
    def pin():
        if cpus:
            os.sched_setaffinity(0, cpus)
    return subprocess.Popen(command, stderr=log, preexec_fn=pin, start_new_session=True, **options)


@dataclass
class Running:
    """A started peer; no process for `direct`."""

    port: int
    process: subprocess.Popen | None = None
    pids: list = field(default_factory=list)

    def stop(self) -> None:
        if self.process is None:
            return
        for pid in reversed(family(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def _wait(peer: Peer, process: subprocess.Popen, port: int, log_path: str) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(POLL_S)
    with open(log_path, encoding="utf-8", errors="replace") as file:
        said = file.read().strip()[-400:]
    raise PeerError("%s does not listen on port %d: %s" % (peer.name, port, said or "no message"))


def start(peer: Peer, setting: Setting, upstream_port: int, workers: int, max_connections: int,
          cpus: set | None) -> Running:
    """Starts a peer in front of the upstream and waits until it listens."""
    if not peer.command:
        return Running(upstream_port)
    port = free_port()
    config = os.path.join(setting.folder, "%s.conf" % peer.name)
    values = {"port": port, "upstream_port": upstream_port, "workers": workers,
              "max_connections": max_connections, "config": config}
    with open(config, "w", encoding="utf-8") as file:
        file.write(setting.fill(peer.config, **values))
    log_path = config + ".log"
    with open(log_path, "w", encoding="utf-8") as log:
        process = spawn([setting.fill(word, **values) for word in peer.command], cpus, log,
                        stdout=subprocess.DEVNULL)
    running = Running(port, process)
    try:
        _wait(peer, process, port, log_path)
    except BaseException:  # also for a signal that ends this process
        running.stop()
        raise
    running.pids = family(process.pid)
    return running
