"""What a driver is: the small part of the suite that knows one proxy.

To test another proxy, write a class like this (see command.py beside this file for the smallest
one) and name it in DRIVERS in run.py. A driver never judges: it translates a `Config`, starts the
proxy, reads its log, and says what the proxy has no option for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Optional, Tuple

from drivers import exposition
from drivers.admin import Live
from drivers.config import Config, Launch
from drivers.proxy import Proxy
from kernel import procs


@dataclass
class Record:
    """One line of an access log; None = the proxy does not log that."""

    client: str                      # "127.0.0.1:1234"
    bytes_in: Optional[int] = None   # from the client to the upstream
    bytes_out: Optional[int] = None  # from the upstream to the client
    seconds: Optional[float] = None  # how long the session took
    attempts: Optional[int] = None   # endpoints tried
    reason: str = ""                 # the proxy's own words for why it ended


class Driver:
    """The base of all drivers: everything that most proxies have in common."""

    name = "?"
    config_name = ""  # of its configuration file, in the proxy's folder

    # feature -> why a case that needs it does not apply. What is not named here, the proxy has.
    # Features: ipv6, unix, dual_stack, connect_timeout, half_close_timeout, half_close_policy,
    # write_stall, slow_client, max_lifetime, lifetime_jitter, queue, limit_close, limit_wait,
    # listener_limits, per_source, per_source_prefix, rate, rate_close, rate_wait, weights,
    # failover, retry, source_address, keepalive, keepalive_upstream_times, user_timeout,
    # access_log, least_connections, source_hash, slow_start, reload, watch, upgrade,
    # reopen_log, log_file, log_stderr, drain, drain_timeout, drain_window, sni, not_tls_reject,
    # proxy_protocol, partial_headers, unspecified_headers, proxy_trust, send_proxy, send_proxy_v2,
    # backends, health, health_exchange, health_resets, resolver, admin, metrics, live_sessions,
    # reload_command.
    lacks: Dict[str, str] = {}

    # Stricter things this proxy says of itself, and is held to. Promises: quiet_at_emfile (one
    # line per 5 s), bytes_before_reset, no_upstream_reset, reasons (each end has its own),
    # counts_drops (it reports how many records it could not write, when it ends at the latest),
    # clean_metrics (promtool has nothing to say of their names and units).
    promises: FrozenSet[str] = frozenset()

    drain_signals: Tuple[int, ...] = (signal.SIGTERM,)  # "stop accepting, let sessions finish"
    end_signals: Tuple[int, ...] = (signal.SIGTERM,)    # "end now", while draining
    reopen_signal = signal.SIGUSR1    # "open the log files again"
    reload_signal = signal.SIGHUP     # "read the configuration again", of one that `reloads`
    # What it tells its operator when a reload is over, done or not: once for each.
    reload_told = ""
    # What it tells its operator when the checks of a server take it out, and bring it back.
    down_told = ""
    up_told = ""
    # How a counter of ours is called among its metrics, with its labels, if it has any. Counters:
    # sessions, bytes_in, bytes_out, lost_records, failed_reloads.
    counters: Dict[str, str] = {}
    upgrade_signal = signal.SIGUSR2   # "start the binary at your path in your place"
    upgrade_told = ""                 # as reload_told
    also_survives: Tuple[int, ...] = ()
    # Signals that elsewhere mean nothing, but that this proxy documents as commands.
    commands: Dict[int, str] = {}
    log_formats: Tuple[str, ...] = ("",)  # each is judged where a case is about the log's words
    error_level = re.compile(r"\b(error|critical|fatal)\b", re.I)

    daemonizes = False  # where `upgrades`: the process that is started leaves another one

    # Built with a sanitizer: it keeps freed memory and takes several times the CPU time.
    sanitized = False

    # How a reason of ours reads in this proxy's log: our word -> a regular expression.
    reasons: Dict[str, str] = {}

    def unavailable(self) -> Optional[str]:
        """Why this proxy cannot be run here at all, or None."""
        return None

    def version(self) -> str:
        """Name and version, as the heading of a column."""
        raise NotImplementedError

    def command(self, proxy: Proxy) -> List[str]:
        """Writes the configuration into `proxy.home` and returns the command line."""
        raise NotImplementedError

    def can_be_told(self, proxy: Proxy) -> bool:
        """Whether it has begun to hear signals, after its start or a reload."""
        return True

    def reloads_told(self, proxy: Proxy) -> int:
        return len(re.findall(self.reload_told, self.error_text(proxy), re.M))

    def upgrades_told(self, proxy: Proxy) -> int:
        return len(re.findall(self.upgrade_told, self.error_text(proxy), re.M))

    def upgrade(self, proxy: Proxy) -> int:
        """Tells it to; returns, when it has decided, the process that serves."""
        told = self.upgrades_told(proxy)
        proxy.signal(self.upgrade_signal)
        proxy.wait_told(lambda: self.upgrades_told(proxy) > told,
                        "told to start another binary, the proxy says neither that it has nor "
                        "that it has not")
        return self.serving_process(proxy)

    def serving_process(self, proxy: Proxy) -> int:
        return proxy.pid

    def daemon_process(self, proxy: Proxy) -> int:
        """The process that serves when the one that was started has left it; 0: it serves."""
        return 0

    def health_told(self, proxy: Proxy, told: str) -> int:
        """How often it has told its operator so: one of down_told and up_told."""
        return len(re.findall(told, self.error_text(proxy), re.M))

    # -- the operator, for those that have `admin` --------------------------------------------

    def admin_path(self, proxy: Proxy) -> str:
        """The socket where it is asked, with Config.admin."""
        return os.path.join(proxy.home, "admin.sock")

    def admin_word(self, proxy: Proxy) -> str:
        """Its answer to a simple question; fails without one."""
        raise NotImplementedError

    def sessions(self, proxy: Proxy) -> List[Live]:
        """Its table of the sessions there are."""
        raise NotImplementedError

    def kill_session(self, proxy: Proxy, session: str) -> bool:
        """Has it end a session; whether it says that there is this session."""
        raise NotImplementedError

    def metrics(self, proxy: Proxy) -> str:
        """What a Prometheus would read."""
        raise NotImplementedError

    def counter(self, proxy: Proxy, name: str) -> float:
        return exposition.parse(self.metrics(proxy)).values.get(self.counters[name], 0.0)

    def reload_command(self, proxy: Proxy) -> List[str]:
        """The command line that has it read its configuration, and exits with what came of it."""
        raise NotImplementedError

    def open_stdout(self, proxy: Proxy):
        return open(os.path.join(proxy.home, "stdout"), "ab")

    def open_stderr(self, proxy: Proxy):
        return open(proxy.stderr_path, "ab")

    def is_ready(self, proxy: Proxy) -> bool:
        """Listening on every address; asked of the kernel, so that no probe reaches upstream."""
        pids = proxy.pids()
        return all(procs.listens(pids[-1], bind) for bind in proxy.config.binds)

    def error_text(self, proxy: Proxy) -> str:
        """Everything the proxy has written for its operator."""
        return proxy.stderr()

    def drops(self, proxy: Proxy) -> int:
        """How many records it says it could not write; for those that promise counts_drops."""
        found = re.findall(r"(\d+) records dropped", self.error_text(proxy))
        return int(found[-1]) if found else 0

    def error_lines(self, proxy: Proxy) -> List[str]:
        lines = self.error_text(proxy).splitlines()
        return [line for line in lines if self.error_level.search(line)]

    def log_lines(self, proxy: Proxy) -> List[str]:
        try:
            with open(proxy.log_path, errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def parse(self, line: str) -> Optional[Record]:
        """One line of the access log; None if it is not a record."""
        raise NotImplementedError

    def records(self, proxy: Proxy) -> List[Record]:
        found = (self.parse(line) for line in self.log_lines(proxy))
        return [record for record in found if record]

    def says(self, record: Record, reason: str) -> Optional[bool]:
        """Whether a record gives our reason; None if this proxy has no words for it."""
        pattern = self.reasons.get(reason)
        return None if pattern is None else bool(re.search(pattern, record.reason))

    def start(self, config: Config, launch: Launch, home: str) -> Proxy:
        return Proxy(self, config, launch, home)


def write_config(proxy: Proxy, text: str) -> str:
    """As an installer does it: no program ever reads half of a file."""
    with open(proxy.config_path + ".new", "w") as file:
        file.write(text)
    os.rename(proxy.config_path + ".new", proxy.config_path)
    return proxy.config_path


def program_of(proxy: Proxy, program: str = "") -> str:
    """A name of the program that can be turned to another one: a symbolic link, made once."""
    path = os.path.join(proxy.home, "program")
    if not os.path.lexists(path):
        os.symlink(os.path.abspath(shutil.which(program) or program), path)
    return path


def output_of(command: List[str]) -> str:
    """What a command prints, on either stream; empty if it cannot be run."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def milliseconds(seconds: float) -> int:
    return int(round(seconds * 1000))
