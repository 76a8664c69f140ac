"""nginx with its stream module; `nginx:half_close` sets `proxy_half_close on`, off by default."""

from __future__ import annotations

import glob
import json
import os
import re
import signal
from typing import List, Optional

from drivers.config import Config
from drivers.driver import (Driver, Record, milliseconds, output_of, program_of,
                            write_config)
from drivers.proxy import Proxy
from kernel import procs

LOG_FORMAT = ('{"addr":"$remote_addr","port":"$remote_port","in":$bytes_received,'
              '"out":$bytes_sent,"s":$session_time,"status":"$status","up":"$upstream_addr"}')


class Nginx(Driver):
    name = "nginx"
    config_name = "nginx.conf"
    lacks = {
        "max_lifetime": "nginx stream has no bound on the lifetime of a session",
        "lifetime_jitter": "nginx stream has no bound on the lifetime of a session",
        "listener_limits": "nginx stream's limit_conn is the same for one server and for all",
        "log_stderr": "nginx stream does not write its access log to standard error",
        "half_close_timeout": "nginx stream has no timeout of its own for half-closed sessions",
        "retry": "nginx stream tries each server of an upstream once",
        "queue": "nginx has no queue for a full upstream in its open source edition",
        "limit_wait": "nginx stream's limit_conn can only close",
        "per_source_prefix": "nginx stream's limit_conn_zone has no prefix length for IPv6",
        "rate": "nginx stream has no limit on the rate of new connections",
        "user_timeout": "nginx has no option for TCP_USER_TIMEOUT",
        "keepalive_upstream_times": "nginx has no keepalive times for the upstream side",
        "backends": "nginx uses epoll",
        "partial_headers": "nginx drops a connection whose header comes in parts",
        "unspecified_headers": "nginx rejects headers of UNIX sockets",
        "send_proxy_v2": "nginx 1.22 sends version 1 alone",
        "not_tls_reject": "nginx stream forwards what is no TLS as if it named no server",
        "watch": "nginx does not watch its files",
        "slow_start": "nginx has slow_start in its commercial edition",
        "health": "nginx has active health checks in its commercial edition",
        "health_exchange": "nginx has active health checks in its commercial edition",
        "health_resets": "nginx has active health checks in its commercial edition",
        "resolver": "nginx asks for the names of an upstream's servers when it starts, and again "
                    "only in its commercial edition and since 1.27.3",
        "admin": "nginx has an interface for its operator in its commercial edition",
        "metrics": "nginx has figures of its stream module in its commercial edition",
        "live_sessions": "nginx has no table of its sessions",
        "drain_window": "nginx ends all sessions together, at worker_shutdown_timeout",
    }
    # Of the worker before; of a file that is wrong; of an address that could not be bound at last.
    reload_told = (r"gracefully shutting down|\[emerg\].*( in \S*nginx\.conf:|"
                   r"still could not bind|bind\(\) to \S+ failed \((?!98:))")
    # control.xml, "Upgrading Executable on the Fly". As a daemon: a child of the process that has
    # started it takes itself for a new binary whose old one is still there.
    daemonizes = True
    drain_signals = (signal.SIGQUIT,)  # control.xml: "graceful shutdown"
    commands = {}
    error_level = re.compile(r"\[(error|crit|alert|emerg)\]")
    reasons = {"no_upstream": "^502"}

    def __init__(self, options, half_close: bool = False):
        self._program = options.nginx
        self._half_close = half_close
        if half_close:
            self.lacks = dict(self.lacks, half_close_policy="proxy_half_close is on here")

    def unavailable(self) -> Optional[str]:
        text = output_of([self._program, "-V"])
        if not text:
            return "no program %s" % self._program
        return None if "--with-stream" in text else "this nginx has no stream module"

    def version(self) -> str:
        found = re.search(r"nginx/(\S+)", output_of([self._program, "-v"]))
        label = "nginx stream " + (found.group(1) if found else "?")
        return label + (" (proxy_half_close on)" if self._half_close else "")

    def command(self, proxy: Proxy) -> List[str]:
        text = self._render(proxy.config, proxy.log_path)
        path = write_config(proxy, text)
        program = program_of(proxy, self._program) if proxy.config.upgrades else self._program
        return [program, "-p", proxy.home, "-e", "error.log", "-c", path]

    def daemon_process(self, proxy: Proxy) -> int:
        try:
            with open(os.path.join(proxy.home, "nginx.pid")) as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return 0

    def upgrade(self, proxy: Proxy) -> int:
        """SIGUSR2; and SIGQUIT for the old one when the new one serves beside it."""
        old, ended = proxy.pid, self._successors_ended(proxy)

        def has_decided() -> bool:
            new = self.daemon_process(proxy)
            serves = new not in (0, old) and len(procs.tree(new)) > 1
            return serves or self._successors_ended(proxy) > ended

        proxy.signal(signal.SIGUSR2)
        proxy.wait_told(has_decided, "told to start another binary, nginx neither has nor says "
                                     "that it has failed")
        if self._successors_ended(proxy) > ended:
            return old
        os.kill(old, signal.SIGQUIT)
        return self.daemon_process(proxy)

    def _successors_ended(self, proxy: Proxy) -> int:
        return len(re.findall(r"new binary process \d+ exited", self.error_text(proxy)))

    def is_ready(self, proxy: Proxy) -> bool:
        return len(proxy.pids()) > 1 and super().is_ready(proxy)  # the master and its worker

    def error_text(self, proxy: Proxy) -> str:
        try:
            with open(os.path.join(proxy.home, "error.log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return proxy.stderr()

    def parse(self, line: str) -> Optional[Record]:
        try:
            row = json.loads(line)
        except ValueError:
            return None
        host = "[%s]" % row["addr"] if ":" in row["addr"] else row["addr"]
        tried = len(row["up"].split(", ")) if row["up"] else 0
        return Record("%s:%s" % (host, row["port"]), row["in"], row["out"], row["s"], tried,
                      row["status"])

    def reload_command(self, proxy: Proxy) -> List[str]:
        return [self._program, "-p", proxy.home, "-e", "error.log", "-c", proxy.config_path,
                "-s", "reload"]

    def _render(self, config: Config, log_path: str) -> str:
        lines = ["daemon %s;" % ("on" if config.upgrades else "off"), "worker_processes 1;",
                 "pid nginx.pid;", "error_log error.log notice;", "worker_shutdown_timeout %dms;"
                 % milliseconds(config.drain_timeout)]
        if os.geteuid() == 0:
            lines.append("user root;")
        lines += _load_module(self._program)
        lines += ["events { worker_connections 16384; }", "stream {",
                  "  log_format json '%s';" % LOG_FORMAT, "  access_log %s json;" % log_path]
        if config.per_source:
            lines.append("  limit_conn_zone $binary_remote_addr zone=source:1m;")
        if config.max_connections:
            lines.append("  limit_conn_zone $protocol zone=all:1m;")
        lines += ["  upstream back {", "    zone back 64k;"]
        if config.balance == "least_connections":
            lines.append("    least_conn;")
        if config.balance == "source_hash":
            lines.append("    hash $remote_addr consistent;")
        for endpoint in config.endpoints:
            # Else a connect that found no free descriptor would exclude the server for 10 s.
            line = "    server %s weight=%d max_fails=0" % (endpoint.address, endpoint.weight)
            if endpoint.max_connections:
                line += " max_conns=%d" % endpoint.max_connections
            lines.append(line + ";")
        lines += ["  }"] + _routes(config) + self._server(config) + ["}"]
        return "\n".join(lines) + "\n"

    def _server(self, config: Config) -> List[str]:
        lines = ["  server {"]
        extra = " proxy_protocol" if config.listener_kind == "proxy_protocol" else ""
        alive = config.keepalive
        for bind in config.binds:
            probes = ""
            if config.dual_stack:
                probes += " ipv6only=off"
            if alive and bind.family != "unix":
                probes += " so_keepalive=%ds:%ds:%d" % (alive.idle, alive.interval, alive.count)
            if config.socket_buffer:  # the upstream's side has no such option
                probes += " sndbuf=%d rcvbuf=%d" % (config.socket_buffer, config.socket_buffer)
            lines.append("    listen %s%s%s;" % (bind, probes, extra))
        # proxy_timeout covers reads and writes of both sides: idle and stalled alike.
        inactivity = milliseconds(min(config.idle_timeout, config.write_stall_timeout))
        lines += ["    proxy_pass %s;" % ("$route" if config.routes else "back"),
                  "    proxy_connect_timeout %dms;" % milliseconds(config.connect_timeout),
                  "    proxy_timeout %dms;" % inactivity]
        if self._half_close:
            lines.append("    proxy_half_close on;")
        if alive:
            lines.append("    proxy_socket_keepalive on;")
        if config.source_address:
            lines.append("    proxy_bind %s;" % config.source_address)
        if config.send_proxy:
            lines.append("    proxy_protocol on;")
        if config.header_timeout:
            lines.append("    proxy_protocol_timeout %dms;" % milliseconds(config.header_timeout))
        if config.trusted:  # where addresses are replaced the rules would be about those
            lines += ["    allow %s;" % network for network in config.trusted] + ["    deny all;"]
        elif config.listener_kind == "proxy_protocol":
            lines += ["    set_real_ip_from %s;" % network
                      for network in ("0.0.0.0/0", "::/0", "unix:")]
        if config.per_source:
            lines.append("    limit_conn source %d;" % config.per_source)
        if config.max_connections:
            lines.append("    limit_conn all %d;" % config.max_connections)
        if config.slow_client_deadline or config.listener_kind == "sni":
            lines += ["    ssl_preread on;", "    preread_buffer_size 72k;",
                      "    preread_timeout %dms;"
                      % milliseconds(config.slow_client_deadline or 1.0)]
        return lines + ["  }"]


def _routes(config: Config) -> List[str]:
    """An upstream for each, and the map that chooses one."""
    lines = []
    for index, (_, endpoint) in enumerate(config.routes):
        lines += ["  upstream route%d { server %s max_fails=0; }" % (index, endpoint.address)]
    if config.routes:
        lines += ["  map $ssl_preread_server_name $route {", "    hostnames;", "    default back;"]
        lines += ["    %s route%d;" % (name, index)
                  for index, (name, _) in enumerate(config.routes)]
        lines += ["  }"]
    return lines


def _load_module(program: str) -> List[str]:
    """Debian builds the stream module as a shared object; others link it in."""
    text = output_of([program, "-V"])
    if "--with-stream=dynamic" not in text:
        return []
    folder = re.search(r"--modules-path=(\S+)", text)
    found = glob.glob(os.path.join(folder.group(1) if folder else "", "ngx_stream_module.so"))
    return ["load_module %s;" % path for path in found]
