"""The relay itself: listeners, admission, signals and the end."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import random
import signal
import socket
import sys
import time
from typing import Dict, List, Set

from relay.admin import Admin
from relay.dial import FAMILY, Pool, sockaddr, tune
from relay.health import Checks
from relay.log import AccessLog, Complaints
from relay.loop import IN, Loop
from relay.names import Names
from relay.pipe import SharedPool
from relay.session import ABORT, Session
from relay.upgrade import Inheritance, Successor
from relay.watch import Watch

SOMAXCONN = 4096
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
HEARD = ENDS + (signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2)


class Relay:
    """Everything at one address, one thread, one process."""

    def __init__(self, config: dict, config_path: str, log_path: str, admin_path: str,
                 sins) -> None:
        self.config = config
        self._config_path = config_path
        self.sins = sins
        self.loop = Loop()
        self.loop.timers_first = sins.has("timers_first")
        self.names = Names(self)
        self.pool = Pool(self.names.expand(config), sins)
        self.routes = {name: Pool(dict(config, endpoints=[endpoint]), sins)
                       for name, endpoint in config["routes"]}
        self.checks = Checks(self)
        self.memory = SharedPool(config["buffer_memory"], sins)
        self.log = AccessLog(log_path, sins)
        self.complaints = Complaints(sins)
        self.clock = time.time if sins.has("wall_clock") else time.monotonic
        self.sessions: Set[Session] = set()
        self.total = 0
        # For metrics: of what is over, and of all that has been.
        self.counts = {"sessions": 0, "bytes_in": 0, "bytes_out": 0, "failed_reloads": 0}
        self.seen: Set[str] = set()
        self._active = 0
        self._sources: Dict[str, int] = {}
        self._rate = config["connection_rate"] * (2 if sins.has("rate_double") else 1)
        self._tokens, self._tokens_at = 1.0, time.monotonic()
        self._paused = False
        self._draining = False
        self._hoard: List[bytearray] = []
        self._paths: Dict[str, int] = {}  # of UNIX sockets, with their inodes
        inherited = Inheritance()
        self._by_bind = {
            str(bind): inherited.take(str(bind), FAMILY[bind["family"]]) or self._listen(bind)
            for bind in config["binds"]}
        self._catch_signals()
        self._watch_listeners()
        self._admin = Admin(self, admin_path) if admin_path else None
        self.checks.follow()
        self.names.follow()
        if config["watch"]:
            Watch(self.loop, config_path, sins, self.reload)
        inherited.tell_ready()
        if sins.has("scan_all"):
            self.loop.after_events = lambda: [session.next_deadline() for session in self.sessions]

    # -- listening ----------------------------------------------------------------------------

    @property
    def _listeners(self) -> List[socket.socket]:
        return list(self._by_bind.values())

    def _listen(self, bind: dict) -> socket.socket:
        sock = socket.socket(FAMILY[bind["family"]], socket.SOCK_STREAM)
        sock.setblocking(False)
        if bind["family"] == "unix":
            if os.path.exists(bind["path"]) and not self.sins.has("stale_socket"):
                os.unlink(bind["path"])
        elif not self.sins.has("no_reuseaddr"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if bind["family"] == "tcp6":
            alone = 0 if self.config["dual_stack"] else 1
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        sock.bind(sockaddr(bind))
        sock.listen(SOMAXCONN)
        if bind["family"] == "unix":
            self._paths[bind["path"]] = os.stat(bind["path"]).st_ino
        return sock

    def _watch_listeners(self) -> None:
        for listener in self._listeners:
            self.loop.watch(listener.fileno(), IN, lambda _, it=listener: self._on_accept(it))

    def _pause(self) -> None:
        """Leaves newcomers in the kernel's queue."""
        self._paused = True
        for listener in self._listeners:
            self.loop.forget(listener.fileno())

    def _resume(self) -> None:
        if self._paused and not self._draining:
            self._paused = False
            self._watch_listeners()

    def _on_accept(self, listener: socket.socket) -> None:
        for _ in range(16):
            if self._draining and not self.sins.has("accept_while_draining"):
                return
            if self._must_wait():
                return
            try:
                client, name = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._accept_failed(error)
                return
            self._admit(client, name)

    def _accept_failed(self, error: OSError) -> None:
        self.complaints.say("accept: %s" % error.strerror)
        if not self.sins.has("spin_emfile"):
            self._pause()
            self.loop.after(0.1, self._resume)

    def pool_for(self, name: str) -> Pool:
        """The servers for clients of TLS that ask for `name`."""
        plain = name if self.sins.has("minds_the_case") else name.lower()
        if plain in self.routes:
            return self.routes[plain]
        below = [route for route in self.routes
                 if route.startswith("*") and plain.endswith(route[1:])]
        return self.routes[below[0]] if below else self.pool

    # -- admission ----------------------------------------------------------------------------

    def _limit(self) -> int:
        limit = self.config["max_connections"]
        return limit + 1 if limit and self.sins.has("limit_off_by_one") else limit

    def is_full(self) -> bool:
        return bool(self._limit()) and self._active >= self._limit()

    def _must_wait(self) -> bool:
        """Policy `wait`: stops accepting while there is no free slot or no token."""
        if self.config["on_limit"] != "wait":
            return False
        if self.is_full():
            self._pause()
            return True
        if self._rate and not self._token_left():
            self._pause()
            self.loop.after((1 - self._tokens) / self._rate, self._resume)
            return True
        return False

    def _token_left(self) -> bool:
        """A bucket of five tokens that fills at the configured rate."""
        now = time.monotonic()
        self._tokens = min(5.0, self._tokens + (now - self._tokens_at) * self._rate)
        self._tokens_at = now
        return self._tokens >= 1

    def _source(self, name) -> str:
        host = name[0] if isinstance(name, tuple) else "local"
        if host.startswith("::ffff:") and not self.sins.has("mapped_source"):
            host = host[len("::ffff:"):]  # an IPv4 client of a dual-stack listener
        if host == "local" or ":" in host and self.sins.has("source_no_prefix"):
            return host
        prefix = self.config["ipv6_prefix" if ":" in host else "ipv4_prefix"]
        return str(ipaddress.ip_network("%s/%d" % (host, prefix), strict=False))

    def _admit(self, client: socket.socket, name) -> None:
        if self.sins.has("die_on_dead_client"):
            client.getpeername()
        client.setblocking(False)
        source, allowed = self._source(name), self.config["per_source"]
        allowed += 1 if allowed and self.sins.has("source_off_by_one") else 0
        refused = (self._rate and not self._token_left()
                   or self.is_full()
                   or allowed and self._sources.get(source, 0) >= allowed)
        if refused:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            client.close()
            return
        self._tokens -= 1 if self._rate else 0
        self._active += 1
        self.total += 1
        self._sources[source] = self._sources.get(source, 0) + 1
        tune(client, "client", self.config, self.sins)
        session = Session(self, client, print_name(name))
        session.source = source
        session.id = self.total
        self.counts["sessions"] += 1
        self.seen.add(source)
        self.sessions.add(session)
        session.begin()
        if self.sins.has("tick_sessions"):
            self._tick(session)

    def _tick(self, session: Session) -> None:
        session.pump()
        if session.state != "closed":
            self.loop.after(0.1, lambda: self._tick(session))

    def session_ended(self, session: Session, record: dict) -> None:
        self.sessions.discard(session)
        self.counts["bytes_in"] += session.up.moved
        self.counts["bytes_out"] += session.down.moved
        self._active -= 0 if self.sins.has("limit_leaks") else 1
        self._sources[session.source] -= 0 if self.sins.has("source_leaks") else 1
        if not self._sources[session.source]:
            del self._sources[session.source]
        empty = not record["bytes_in"] and not record["bytes_out"]
        for _ in range(2 if empty and self.sins.has("two_records") else 1):
            self.log.write(record)
        if self.sins.has("leak_memory"):
            self._hoard.append(bytearray(b"x" * 4096))
        self._resume()  # there is a free slot again, or descriptors
        if self._draining and not self.sessions:
            self._stop()

    # -- signals ------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        self._signals, wakeup = socket.socketpair()
        self._signals.setblocking(False)
        wakeup.setblocking(False)
        self._wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno())
        for number in HEARD:
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)
        if self.sins.has("ignore_sigterm"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.sins.has("die_of_sigpipe"):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        self.loop.watch(self._signals.fileno(), IN, self._on_signal)

    def _on_signal(self, _events: int) -> None:
        for number in self._signals.recv(64):
            if number == signal.SIGUSR1:
                self.log.reopen()
            elif number == signal.SIGHUP:
                self.reload()
            elif number == signal.SIGUSR2:
                self._upgrade()
            elif number in ENDS and not (number == signal.SIGQUIT and
                                         self.sins.has("ignore_sigquit")):
                self._drain()

    # -- another configuration ------------------------------------------------------------------

    def reload(self) -> bool:
        """All that can fail comes first: reading, then binding. Then nothing can."""
        fresh: Dict[str, socket.socket] = {}
        try:
            with open(self._config_path) as file:
                config = json.load(file)
            for bind in config["binds"]:
                if self.sins.has("reload_rebinds") or str(bind) not in self._by_bind:
                    self._bind_another(str(bind), bind, fresh)
        except (OSError, ValueError) as error:
            if self.sins.has("die_of_broken_file") and isinstance(error, ValueError):
                raise
            for listener in fresh.values():
                listener.close()
            self.counts["failed_reloads"] += 0 if self.sins.has("failure_uncounted") else 1
            sys.stderr.write("[error] reload: failed: %s\n" % error)
            sys.stderr.flush()
            return False
        self._put_in_force(config, fresh)
        sys.stderr.write("[notice] reload: done\n")
        sys.stderr.flush()
        return True

    def _bind_another(self, name: str, bind: dict, fresh: Dict[str, socket.socket]) -> None:
        if name in self._by_bind:  # only a sinner binds it again
            self.loop.forget(self._by_bind[name].fileno())
            self._by_bind.pop(name).close()
        try:
            fresh[name] = self._listen(bind)
        except OSError as error:
            is_forbidden = error.errno in (errno.EACCES, errno.EPERM)
            if not (self.sins.has("half_a_reload") or
                    is_forbidden and self.sins.has("half_without_right")):
                raise OSError(error.errno, "%s: %s" % (bind, error.strerror))

    def _put_in_force(self, config: dict, fresh: Dict[str, socket.socket]) -> None:
        for listener in self._listeners:
            self.loop.forget(listener.fileno())
        named = {str(bind) for bind in config["binds"]}
        for name in list(self._by_bind):
            if name not in named and not self.sins.has("keep_removed_listener"):
                self._serve_queue(self._by_bind[name])
                self._by_bind.pop(name).close()
        self._by_bind.update(fresh)
        if not self._paused:
            self._watch_listeners()
        self.config = config
        self.pool.configure(self.names.expand(config))
        self.checks.follow()
        if self.sins.has("reload_counts_again"):
            self.counts = dict.fromkeys(self.counts, 0)
        if self.sins.has("reload_cuts"):
            for session in list(self.sessions):
                session.end("admin", "reload", abort=True)
        if self.sins.has("reload_leaks"):
            self._hoard.append(os.dup(0))

    def _serve_queue(self, listener: socket.socket) -> None:
        """Those whom the kernel has connected already are ours."""
        while True:
            try:
                client, name = listener.accept()
            except OSError:
                return
            self._admit(client, name)

    # -- another binary -------------------------------------------------------------------------

    def _upgrade(self) -> None:
        sockets = self._by_bind
        if self.sins.has("upgrade_rebinds"):
            for listener in self._listeners:
                self.loop.forget(listener.fileno())
                listener.close()
            sockets = {}
        Successor(self.loop, sockets, self._successor_has_decided)

    def _successor_has_decided(self, serves: bool, pid: int) -> None:
        if not serves and not self.sins.has("upgrade_trusts"):
            sys.stderr.write("[error] upgrade: failed: process %d has ended\n" % pid)
            sys.stderr.flush()
            return
        sys.stderr.write("[notice] upgrade: process %d serves\n" % pid)
        sys.stderr.flush()
        self._paths = {}  # they are the successor's
        self._drain()
        if self.sins.has("upgrade_cuts"):
            self._cut()

    def _drain(self) -> None:
        if self._draining:
            if not self.sins.has("one_signal_only"):
                os._exit(1)
            return
        self._draining = True
        self._unlink_paths()
        if not self.sins.has("accept_while_draining"):
            for listener in self._listeners:
                self.loop.forget(listener.fileno())
                listener.close()
        limit = 0 if self.sins.has("cut_at_sigterm") else self.config["drain_timeout"]
        self.loop.after(limit, self._cut)
        self._spread_ends(self.config["drain_window"])
        if not self.sessions:
            self._stop()

    def _spread_ends(self, window: float) -> None:
        """The most idle ones first; by chance within the part of the window that is their own."""
        order = sorted(self.sessions, key=lambda session: session.active) if window else []
        for index, session in enumerate(order):
            share = (index + random.random()) / len(order)
            if self.sins.has("ends_in_steps"):
                share = (index * 5 // len(order) + 1) / 5
            if self.sins.has("ends_early"):
                share /= 2
            if not self.sins.has("no_drain_window"):
                self.loop.after(window * share, lambda it=session: it.end("admin", "shutdown",
                                                                        abort=True))

    def _unlink_paths(self) -> None:
        """Removes our sockets' files, while the listeners are open: an inode that is in use cannot
        be another file's."""
        for path, inode in self._paths.items():
            try:
                if self.sins.has("unlink_by_name") or os.lstat(path).st_ino == inode:
                    os.unlink(path)
            except FileNotFoundError:
                pass

    def _stop(self) -> None:
        if self._admin:
            self._admin.close()
        if self.log.dropped and not self.sins.has("hide_drops"):
            sys.stderr.write("%d records dropped\n" % self.log.dropped)
        self.loop.running = self.sins.has("upgrade_lingers")

    def _cut(self) -> None:
        for session in list(self.sessions):
            reason = "closed" if self.sins.has("no_shutdown_reason") else "shutdown"
            session.end("admin", reason, abort=not self.sins.has("fin_at_drain_timeout"))
        self._stop()


def print_name(name) -> str:
    if not isinstance(name, tuple):
        return "local"
    return ("[%s]:%d" if ":" in name[0] else "%s:%d") % (name[0], name[1])


def needs_io_uring() -> None:
    """The sin of depending on it: io_uring_setup(2) must not answer EPERM."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    params = ctypes.create_string_buffer(120)
    fd = libc.syscall(425, 1, params)
    if fd < 0:
        sys.exit("io_uring: " + os.strerror(ctypes.get_errno()))
    os.close(fd)
