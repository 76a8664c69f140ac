"""A running proxy: its processes, its logs, and how to stop it."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from typing import Callable, Iterator, List, Optional

from drivers.config import Config, Launch
from kernel import procs, sockdiag
from kernel.net import Address
from verdict import Failed, wait_until

LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
START_PATIENCE_S = 8.0


class DidNotStart(Failed):
    """The proxy exited, or did not listen, at the start; `status` is its exit code, if any."""

    def __init__(self, message: str, status: Optional[int]):
        super().__init__(message)
        self.status = status


class Proxy:
    """One start of a proxy under test. Ended by its process id, never by name."""

    def __init__(self, driver, config: Config, launch: Launch, home: str):
        self.driver = driver
        self.config = config
        self.launch = launch
        self.home = home
        self.stderr_path = os.path.join(home, "stderr")
        self.log_path = config.log_path or os.path.join(home, "access.log")
        command = driver.command(self)
        with driver.open_stderr(self) as err, driver.open_stdout(self) as out:
            self._process = subprocess.Popen(
                self._surround(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                cwd=home, env=dict(os.environ, **launch.env))
        self.pid = self._process.pid
        self._followed = False
        try:
            if config.upgrades:
                self._follow_daemon()
            self._wait_ready()
        except BaseException:
            self.kill()
            raise

    def _surround(self, command: List[str]) -> List[str]:
        launch = self.launch
        if not launch.plain:
            wanted = {"fd_limit": launch.fd_limit, "memlock": launch.memlock,
                      "cgroup": launch.cgroup, "no_io_uring": launch.no_io_uring,
                      "no_low_ports": launch.no_low_ports}
            command = [sys.executable, LAUNCHER, json.dumps(wanted)] + command
        if launch.pid1:
            command = ["unshare", "--pid", "--fork", "--kill-child"] + command
        if launch.netns:
            command = ["ip", "netns", "exec", launch.netns] + command
        return command

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while not self.driver.is_ready(self):
            status = None if self._followed else self._process.poll()
            if status is not None:
                raise DidNotStart("the proxy ended at start with status %d: %s"
                                  % (status, self.last_words()), status)
            if time.monotonic() > deadline:
                raise DidNotStart("the proxy did not listen within %.0f s: %s"
                                  % (START_PATIENCE_S, self.last_words()), None)
            time.sleep(0.005)
        if self.launch.pid1:  # unshare stays as the parent; the proxy is its only child
            self.pid = procs.tree(self._process.pid)[1]
        # It may listen before all its threads and processes stand: what a case counts while
        # measures idleness begins after that. A proxy that polls never sleeps, and may.
        settled = time.monotonic() + 1.0
        while not self.asleep() and time.monotonic() < settled:
            time.sleep(0.001)

    def _follow_daemon(self) -> None:
        pid = 0
        if self.driver.daemonizes:
            self._process.wait(START_PATIENCE_S)
            pid = self.driver.daemon_process(self)
        self._follow(pid or self.pid)

    def _follow(self, pid: int) -> None:
        """Another process has taken its place."""
        self._followed = self._followed or pid != self.pid
        self.pid = pid

    @property
    def config_path(self) -> str:
        return os.path.join(self.home, self.driver.config_name)

    @property
    def address(self) -> Address:
        return self.config.binds[0]

    # -- processes ----------------------------------------------------------------------------

    def pids(self) -> List[int]:
        return procs.tree(self.pid)

    def rss(self) -> int:
        return procs.rss(self.pids())

    def descriptors(self) -> int:
        """Open descriptors of all its processes."""
        return sum(procs.descriptors(pid) for pid in self.pids())

    def threads(self) -> int:
        return sum(procs.threads(pid) for pid in self.pids())

    def most_descriptors(self) -> int:
        """Open descriptors of the process that has most: what RLIMIT_NOFILE speaks about."""
        return max(procs.descriptors(pid) for pid in self.pids())

    def cpu_share(self, seconds: float) -> float:
        return procs.cpu_share(self.pids(), seconds)

    def asleep(self) -> bool:
        """No thread has anything to do."""
        return all(procs.asleep(pid) for pid in self.pids())

    def sockets(self, state: str) -> List[sockdiag.Socket]:
        return [sock for pid in self.pids() for sock in procs.tcp_sockets(pid, state)]

    def check_alive(self) -> None:
        ended = not self._followed and self._process.poll() is not None
        if ended or not procs.alive(self.pid):
            raise Failed("the proxy died: %s" % self.last_words())

    # -- signals and the end ------------------------------------------------------------------

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def reload(self, **changes) -> None:
        """Tells it of a configuration that differs in these fields; waits until it has decided.

        Whether it has taken the configuration is for the case to find out.
        """
        self.config = dataclasses.replace(self.config, **changes)
        self.driver.command(self)  # writes it
        self.signal_reload()

    def signal_reload(self) -> None:
        told = self.ready_to_reload()
        self.signal(self.driver.reload_signal)
        self.wait_reloaded(told)

    def ready_to_reload(self) -> int:
        """Waits until it would hear the signal; returns how many reloads it has told of."""
        wait_until(lambda: self.driver.can_be_told(self), START_PATIENCE_S,
                   "the proxy does not hear the signal by which it is told to reload")
        return self.driver.reloads_told(self)

    def wait_reloaded(self, told: int, otherwise: str = "told to reload, the proxy says neither "
                      "that it has nor that it has not", within: float = START_PATIENCE_S) -> None:
        """Until it has told of one more."""
        self.wait_told(lambda: self.driver.reloads_told(self) > told, otherwise, within)

    def wait_told(self, told: Callable[[], bool], otherwise: str,
                  within: float = START_PATIENCE_S) -> None:
        def has_decided() -> bool:
            self.check_alive()
            return told()
        wait_until(has_decided, within, otherwise)

    def rendered(self, **changes) -> str:
        """The file of a configuration that differs in these fields, which is nowhere yet."""
        self.config = dataclasses.replace(self.config, **changes)
        draft = copy.copy(self)
        draft.home = self.home + ".draft"
        os.makedirs(draft.home, exist_ok=True)
        self.driver.command(draft)
        with open(draft.config_path) as file:
            return file.read()

    def upgrade(self) -> None:
        """Tells it to start the binary at its path; waits until it has decided."""
        self._follow(self.driver.upgrade(self))

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for the length of a block: what happens meanwhile meets a busy proxy."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            # A thread that has yet to run to be stopped would still take what comes first.
            wait_until(lambda: all(procs.stopped(pid) for pid in pids), 5.0,
                       "the proxy cannot be stopped by SIGSTOP")
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def wait_exit(self, within: float) -> Optional[int]:
        """The exit status, or None if it still runs after `within` seconds."""
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """SIGKILL, the parent first: one that sees its workers die starts new ones."""
        pids = self.pids() if self._followed or self._process.poll() is None else []
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.kill()
        self._process.wait()

    # -- logs ---------------------------------------------------------------------------------

    def stderr(self) -> str:
        with open(self.stderr_path, errors="replace") as file:
            return file.read()

    def last_words(self) -> str:
        lines = [line for line in self.driver.error_text(self).splitlines() if line.strip()]
        return " | ".join(lines[-2:])[:300] or "(no message)"

    def records(self) -> list:
        return self.driver.records(self)

    def wait_records(self, count: int, within: float = 3.0) -> list:
        """The access log once it has at least `count` records."""
        wait_until(lambda: len(self.records()) >= count, within,
                   "the access log did not reach %d records" % count)
        return self.records()
