"""HAProxy in TCP mode."""

from __future__ import annotations

import os
import re
import signal
from typing import List, Optional

from drivers import admin
from drivers.admin import Live
from drivers.config import Config, Launch
from drivers.driver import (Driver, Record, milliseconds, output_of, program_of,
                            write_config)
from drivers.proxy import Proxy
from kernel import procs
from kernel.net import Address
from verdict import Failed, wait_until

LOG_FORMAT = "session %ci %cp in=%U out=%B ms=%Tt retries=%rc state=%ts"
BUFFER = 16384  # configuration.txt: the default of tune.bufsize
LOG_LINE = re.compile(r"session (\S+) (\d+) in=(\d+) out=(\d+) ms=(-?\d+) retries=\+?(\d+) "
                      r"state=(..)")
# `show sess all`: management.txt documents the command, not its format.
SESSION = re.compile(
    r"(0x[0-9a-f]+): .* source=(\S+):(\d+)\n(?:.*\n)*?  frontend=front .*\n(?:.*\n)*?"
    r"  server=\S+ \(id=\d+\)(?: addr=(\S+):(\d+))?\n  task=.* age=(\w+)\)\n(?:.*\n)*?"
    r"  req=.* total=(\d+)\)\n(?:.*\n)*?  res=.* total=(\d+)\)\n")
AGE = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class HAProxy(Driver):
    name = "haproxy"
    config_name = "haproxy.cfg"
    lacks = {
        "half_close_policy": "HAProxy has no option to end a session at the first FIN",
        "max_lifetime": "HAProxy has no bound on the lifetime of a session",
        "lifetime_jitter": "HAProxy has no bound on the lifetime of a session",
        "log_stderr": "HAProxy's standard output is what the other parts are about",
        "rate_close": "HAProxy's rate-limit sessions leaves the excess in the kernel's queue",
        "backends": "HAProxy has one I/O backend",
        "reopen_log": "HAProxy logs to a socket or a stream and has no log file to reopen",
        "log_file": "HAProxy does not open log files",
        "watch": "HAProxy does not watch its files",
        "slow_start": "HAProxy's slowstart is for a server that comes back, not for one that a "
                      "reload adds",
        "drain_window": "HAProxy's close-spread-time is about HTTP connections",
        "partial_headers": "HAProxy drops a connection whose header comes in parts",
        "unspecified_headers": "HAProxy rejects headers of a family that is not specified",
        "reload_command": "HAProxy 2.6 is told to reload by a signal, which has no exit status",
    }
    reload_signal = signal.SIGUSR2  # management.txt, "Stopping and restarting": of the master
    reload_told = "Loading (success|failure)"
    # The master runs the binary at its path in its own place, and then a worker.
    upgrade_signal = signal.SIGUSR2
    upgrade_told = reload_told
    down_told = r"Server back/s\d+ is DOWN"
    up_told = r"Server back/s\d+ is UP"
    counters = {
        "sessions": 'haproxy_frontend_sessions_total{proxy="front"}',
        "bytes_in": 'haproxy_frontend_bytes_in_total{proxy="front"}',
        "bytes_out": 'haproxy_frontend_bytes_out_total{proxy="front"}',
    }
    drain_signals = (signal.SIGUSR1,)  # management.txt, "Stopping and restarting": soft stop
    commands = {signal.SIGTTOU: "management.txt: SIGTTOU pauses the listeners"}
    error_level = re.compile(r"\[(ALERT|EMERG|ERROR)\]|\b(ALERT|EMERG)\b")
    # configuration.txt, "Session state at disconnection".
    reasons = {
        "client_reset": "^C",
        "upstream_reset": "^S",
        "half_close_timeout": "^[cs]",
        "write_stall_timeout": "^[cs]",
        "no_upstream": "^SC",
        "shutdown": "^K",
        "killed": "^K",
    }

    def __init__(self, options):
        self._program = options.haproxy

    def unavailable(self) -> Optional[str]:
        return None if output_of([self._program, "-v"]) else "no program %s" % self._program

    def version(self) -> str:
        found = re.search(r"version (\d+\.\d+(\.\d+|-dev\d+)?)", output_of([self._program, "-v"]))
        return "HAProxy " + (found.group(1) if found else "?")

    def command(self, proxy: Proxy) -> List[str]:
        path = write_config(proxy, render(proxy.config, proxy.launch, proxy.home))
        # As PID 1 in its documented container mode: a master forwards signals to the worker.
        mode = ["-W", "-db"] if proxy.launch.pid1 or proxy.config.reloads else ["-db"]
        program = program_of(proxy, self._program) if proxy.config.upgrades else self._program
        return [program] + mode + ["-f", path]

    def is_ready(self, proxy: Proxy) -> bool:
        told = not proxy.config.reloads or self.reloads_told(proxy) > 0
        return told and super().is_ready(proxy)

    def can_be_told(self, proxy: Proxy) -> bool:
        # The master runs itself again at each reload, and is deaf meanwhile.
        return procs.catches(proxy.pid, self.reload_signal) and procs.asleep(proxy.pid)

    def upgrade(self, proxy: Proxy) -> int:
        wait_until(lambda: self.can_be_told(proxy), 8.0,
                   "the master does not hear the signal by which it is told to run again")
        return super().upgrade(proxy)

    def open_stdout(self, proxy: Proxy):
        # `log stdout` writes to descriptor 1, which we point at whatever the case asks for.
        return open(proxy.log_path, "ab", buffering=0)

    def parse(self, line: str) -> Optional[Record]:
        found = LOG_LINE.search(line)
        if not found:
            return None
        host, port, sent, received, ms, retries, state = found.groups()
        return Record(_host_and_port(host, port), int(sent), int(received), int(ms) / 1000.0,
                      int(retries) + 1, state)

    def admin_word(self, proxy: Proxy) -> str:
        return self._answer(proxy, "show info")

    def _answer(self, proxy: Proxy, words: str) -> str:
        return admin.line(self.admin_path(proxy), words)

    def sessions(self, proxy: Proxy) -> List[Live]:
        rows = []
        for text in re.split(r"\n(?=0x)", self._answer(proxy, "show sess all")):
            found = SESSION.match(text)
            if found:
                key, host, port, server, server_port, age, sent, received = found.groups()
                rows.append(Live(key, _host_and_port(host, port), _host_and_port(
                    server, server_port) if server else "", _age(age), None, int(sent),
                                 int(received)))
        return rows

    def kill_session(self, proxy: Proxy, session: str) -> bool:
        return not self._answer(proxy, "shutdown session " + session).strip()

    def metrics(self, proxy: Proxy) -> str:
        status, text = admin.request(_metrics_path(proxy.home), "GET", "/metrics")
        if status != 200:
            raise Failed("/metrics answers %d" % status)
        return text


def _host_and_port(host: str, port: str) -> str:
    return "%s:%s" % ("[%s]" % host if ":" in host else host, port)


def _age(text: str) -> float:
    """`1m5s` -> 65"""
    return float(sum(int(count) * AGE[unit] for count, unit in re.findall(r"(\d+)([dhms])", text)))


def _metrics_path(home: str) -> str:
    return os.path.join(home, "metrics.sock")


def render(config: Config, launch: Launch, home: str) -> str:
    lines = ["global", "  nbthread 2", "  log stdout format raw local0 info",
             "  hard-stop-after %dms" % milliseconds(config.drain_timeout)]
    # With reloads by management.txt, 4: the new worker takes the sockets of the old one.
    if config.reloads or config.admin:
        lines.append("  stats socket %s/admin.sock mode 600 level admin expose-fd listeners" % home)
    if launch.fd_limit:
        lines.append("  no strict-limits")  # without it HAProxy does not start with so few
    if config.scope == "global" and config.connection_rate:
        lines.append("  maxconnrate %d" % config.connection_rate)
    if config.scope == "global" and config.max_connections and config.on_limit == "wait":
        lines.append("  maxconn %d" % config.max_connections)
    if config.buffer_memory:  # configuration.txt, tune.buffers.limit: "a hard limit on the number"
        lines.append("  tune.buffers.limit %d" % (config.buffer_memory // BUFFER))
    if config.socket_buffer:
        lines += ["  tune.%sbuf.%s %d" % (name, side, config.socket_buffer)
                  for name in ("snd", "rcv") for side in ("client", "server")]
    if config.routes:  # "-- the buffer size": the longest hello has to fit
        lines.append("  tune.bufsize 81920")
    lines += _defaults(config) + _frontend(config) + _backend(config) + _routes(config)
    if config.admin:
        lines += ["frontend metrics", "  mode http", "  bind unix@" + _metrics_path(home),
                  "  no log", "  http-request use-service prometheus-exporter"]
    if config.resolver:
        lines += _resolvers(config.resolver)
    return "\n".join(lines) + "\n"


def _defaults(config: Config) -> List[str]:
    # HAProxy's inactivity timeouts also watch a side that ought to take data and does not; that of
    # clients bounds the wait for a header, too (session_accept_fd).
    inactivity = milliseconds(min(config.idle_timeout, config.write_stall_timeout))
    client = milliseconds(config.header_timeout) or inactivity
    half_close = milliseconds(config.half_close_timeout)
    lines = ["defaults", "  mode tcp", "  log global", '  log-format "%s"' % LOG_FORMAT,
             "  retries 3", "  option redispatch 1",
             "  timeout connect %dms" % milliseconds(config.connect_timeout),
             "  timeout client %dms" % client, "  timeout server %dms" % inactivity,
             "  timeout client-fin %dms" % half_close, "  timeout server-fin %dms" % half_close,
             "  timeout queue %dms" % milliseconds(config.queue_timeout)]
    if config.keepalive:
        alive = config.keepalive
        lines += ["  option clitcpka", "  option srvtcpka"]
        for side in ("clitcpka", "srvtcpka"):
            lines += ["  %s-idle %ds" % (side, alive.idle), "  %s-intvl %ds"
                      % (side, alive.interval), "  %s-cnt %d" % (side, alive.count)]
    return lines


def _frontend(config: Config) -> List[str]:
    lines = ["frontend front"]
    if config.scope == "listener" and config.max_connections and config.on_limit == "wait":
        lines.append("  maxconn %d" % config.max_connections)
    for bind in config.binds:
        expects = config.listener_kind == "proxy_protocol" and not config.trusted
        extra = " accept-proxy" if expects else ""
        if config.user_timeout and bind.family != "unix":
            extra += " tcp-ut %dms" % milliseconds(config.user_timeout)
        if config.dual_stack:
            extra += " v4v6"
        lines.append("  bind %s%s" % (_text(bind), extra))
    if config.max_connections and config.on_limit == "close":
        lines.append("  tcp-request connection reject if { fe_conn gt %d }"
                     % config.max_connections)
    if config.trusted:
        sources = " ".join(config.trusted)
        lines += ["  tcp-request connection reject if !{ src %s }" % sources,
                  "  tcp-request connection expect-proxy layer4 if { src %s }" % sources]
    if config.per_source:
        lines += ["  stick-table type ipv6 size 10k store conn_cur",
                  "  tcp-request connection track-sc0 src,ipmask(%d,%d)"
                  % (config.ipv4_prefix, config.ipv6_prefix),
                  "  tcp-request connection reject if { sc0_conn_cur gt %d }" % config.per_source]
    if config.scope == "listener" and config.connection_rate:
        lines.append("  rate-limit sessions %d" % config.connection_rate)
    if config.slow_client_deadline or config.listener_kind == "sni":
        lines += ["  tcp-request inspect-delay %dms"
                  % milliseconds(config.slow_client_deadline or 1.0),
                  "  tcp-request content accept if { req.ssl_hello_type 1 }"]
        if not config.routes or config.not_tls == "reject":
            lines.append("  tcp-request content reject")
    for index, (name, _) in enumerate(config.routes):
        how = "-m end -i %s" % name[1:] if name.startswith("*") else "-i %s" % name
        lines.append("  use_backend route%d if { req.ssl_sni %s }" % (index, how))
    return lines + ["  default_backend back"]


def _routes(config: Config) -> List[str]:
    lines = []
    for index, (_, endpoint) in enumerate(config.routes):
        lines += ["backend route%d" % index, "  server s %s" % _text(endpoint.address)]
    return lines


def _backend(config: Config) -> List[str]:
    lines = ["backend back", "  balance " + {"least_connections": "leastconn",
                                             "source_hash": "source"}.get(config.balance,
                                                                          "roundrobin")]
    points = 1
    if config.balance == "source_hash":
        lines.append("  hash-type consistent")
        points = 16  # configuration.txt, hash-type: a higher weight spreads a server more evenly
    if config.source_address:
        lines.append("  source %s" % config.source_address)
    health, extra = config.health, ""
    if health:
        pause = milliseconds(health.interval)
        lines += ["  option tcp-check", "  timeout check %dms" % milliseconds(health.timeout)]
        if health.exchange:
            send, expect = (text.replace("\r", "\\r").replace("\n", "\\n").replace(" ", "\\ ")
                            for text in health.exchange)
            header = " send-proxy" if config.send_proxy else ""
            lines += ["  tcp-check connect" + header, "  tcp-check send " + send,
                      "  tcp-check expect string " + expect]
        else:  # "linger": else the check is a reset in the handshake, of which no server hears
            lines.append("  tcp-check connect linger")
        extra = " check inter %dms fastinter %dms downinter %dms rise %d fall %d" % (
            pause, pause, pause, health.rise, health.fall)
        if health.on_down == "reset":
            extra += " on-marked-down shutdown-sessions"
    if config.resolver:
        extra += " resolvers names resolve-prefer ipv4 init-addr none"
    for index, endpoint in enumerate(config.endpoints):
        address = endpoint.address
        line = "  server s%d %s weight %d" % (index, str(address) if config.resolver else
                                              _text(address), endpoint.weight * points)
        if endpoint.max_connections:
            line += " maxconn %d" % endpoint.max_connections
        line += extra + {"v1": " send-proxy", "v2": " send-proxy-v2"}.get(config.send_proxy, "")
        if config.user_timeout and endpoint.address.family != "unix":
            line += " tcp-ut %dms" % milliseconds(config.user_timeout)
        lines.append(line)
    return lines


def _resolvers(server: Address) -> List[str]:
    """Asks often; what it has heard it keeps while the name server does not say otherwise."""
    return ["resolvers names", "  nameserver local %s" % server, "  resolve_retries 2",
            "  timeout resolve 300ms", "  timeout retry 200ms", "  hold valid 300ms",
            "  hold nx 300ms", "  hold other 30s", "  hold refused 30s", "  hold timeout 30s"]


def _text(address: Address) -> str:
    if address.family == "unix":
        return "unix@" + address.path
    return ("ipv6@%s:%d" if address.family == "tcp6" else "ipv4@%s:%d") % (
        address.host, address.port)
