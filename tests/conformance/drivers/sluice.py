"""Sluice, on either of its backends: `sluice:io_uring`, `sluice:epoll`."""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
import signal
import tempfile
from typing import List, Optional

from drivers import admin
from drivers.admin import Live
from drivers.config import Config, Health
from drivers.driver import (Driver, Record, milliseconds, output_of, program_of,
                             write_config)
from drivers.proxy import Proxy
from kernel.net import Address
from verdict import Failed

RETRY_FOR = 5.0  # the default of `retry_for`


class Sluice(Driver):
    name = "sluice"
    config_name = "sluice.yaml"
    promises = frozenset(["quiet_at_emfile", "bytes_before_reset", "no_upstream_reset",
                          "reasons", "counts_drops", "clean_metrics"])
    # `initiator/reason` of a record.
    reasons = {
        "client_reset": "^client/reset$",
        "upstream_reset": "^upstream/reset$",
        "half_close_timeout": "^proxy/half_close_timeout$",
        "write_stall_timeout": "^proxy/write_stall$",
        "slow_client": "^proxy/(max_lifetime|preread_timeout)$",
        "no_upstream": "^(proxy|upstream)/no_upstream$",
        "queue_timeout": "^proxy/queue_timeout$",
        "shutdown": "^(proxy|admin)/shutdown$",
        "killed": "^admin/killed$",
        "endpoint_down": "^proxy/endpoint_down$",
        "proxy_header": "^client/proxy_protocol_error$",
        "proxy_header_timeout": "^proxy/proxy_protocol_timeout$",
    }
    drain_signals = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
    end_signals = (signal.SIGTERM, signal.SIGINT)
    also_survives = (signal.SIGHUP, signal.SIGUSR1)
    reload_told = (r"(signal SIGHUP|reload\.watch): "
                   "(another configuration is in force|the configuration stays)")
    upgrade_told = r"upgrade: (process \d+ serves now|.*; this process serves on$)"
    down_told = "upstream back: endpoint .* is down: "
    up_told = "upstream back: endpoint .* is up: "
    counters = {
        "sessions": "sluice_accepted_total",
        "bytes_in": 'sluice_bytes_total{listener="front",direction="up"}',
        "bytes_out": 'sluice_bytes_total{listener="front",direction="down"}',
        "lost_records": "sluice_log_dropped_total",
        "failed_reloads": 'sluice_reloads_total{result="failed"}',
    }
    log_formats = ("json", "text")
    # A level in brackets or as a JSON value, never the word "error" inside a message.
    error_level = re.compile(r'^\S+ (error|critical) ')

    def __init__(self, options, backend: str):
        program = options.sluice or os.environ.get("SLUICE") or "sluice"
        self._program = os.path.abspath(program) if os.sep in program else program
        self._backend = backend
        young = {
            "health_exchange": Config([], [], health=Health(exchange=("a", "b"))),
            "health_resets": Config([], [], health=Health(on_down="reset")),
            "resolver": Config([], [], resolver=Address("tcp4", host="127.0.0.1", port=53)),
            "sni": Config([], [], listener_kind="sni"),
            "proxy_protocol": Config([], [], listener_kind="proxy_protocol"),
            "send_proxy": Config([], [], send_proxy="v1"),
        }
        self.lacks = dict(self.lacks, **{
            feature: "this Sluice does not know the key: " + error for feature, error in
            ((name, self._objection(config)) for name, config in young.items()) if error})

    def _objection(self, config: Config) -> str:
        """What --check has to say against a configuration."""
        tree = self._tree(config, "off")
        tree["listeners"][0]["bind"] = ["127.0.0.1:20000"]
        host = "conformance.example" if config.resolver else "127.0.0.1"
        tree["upstreams"][0]["endpoints"] = [{"address": host + ":20001"}]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(to_yaml(tree))
            file.flush()
            said = output_of([self._program, "--check", "--config", file.name])
        found = re.search(r":\d+:\d+: error: (.*)", said)
        return found[1] if found else ""

    def unavailable(self) -> Optional[str]:
        return None if output_of([self._program, "--version"]) else (
            "no program %s (name it by --sluice or the environment's SLUICE)" % self._program)

    @property
    def sanitized(self) -> bool:
        with open(shutil.which(self._program), "rb") as file:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(name) >= 0 for name in (b"__asan_init", b"__tsan_init"))

    def version(self) -> str:
        found = re.search(r"\d+\.\d+(\.\d+)?", output_of([self._program, "--version"]))
        return "Sluice %s, %s" % (found.group(0) if found else "?", self._backend)

    def command(self, proxy: Proxy) -> List[str]:
        text = to_yaml(self._tree(proxy.config, proxy.log_path, self.admin_path(proxy)))
        program = program_of(proxy, self._program) if proxy.config.upgrades else self._program
        return [program, "--config", write_config(proxy, text)]

    def serving_process(self, proxy: Proxy) -> int:
        found = re.findall(r"upgrade: process (\d+) serves now", self.error_text(proxy))
        return int(found[-1]) if found else proxy.pid

    def open_stderr(self, proxy: Proxy):
        if not proxy.config.log_to_stderr:
            return super().open_stderr(proxy)
        # Opened for reading as well: opening a FIFO without a reader would block.
        return os.fdopen(os.open(proxy.log_path, os.O_RDWR), "wb", buffering=0)

    def parse(self, line: str) -> Optional[Record]:
        return _parse_json(line) if line.startswith("{") else _parse_text(line)

    def _ask(self, proxy: Proxy, method: str, target: str) -> str:
        status, text = admin.request(self.admin_path(proxy), method, target)
        if status != 200:
            raise Failed("%s answers %d: %s" % (target, status, text[:200]))
        return text

    def admin_word(self, proxy: Proxy) -> str:
        return self._ask(proxy, "GET", "/healthz")

    def sessions(self, proxy: Proxy) -> List[Live]:
        rows = json.loads(self._ask(proxy, "GET", "/api/v1/sessions"))
        return [Live(str(row["id"]), row["client"], row["endpoint"], row["age_s"], row["idle_s"],
                     row["bytes_up"], row["bytes_down"]) for row in rows]

    def kill_session(self, proxy: Proxy, session: str) -> bool:
        status, _ = admin.request(self.admin_path(proxy), "DELETE", "/api/v1/sessions/" + session)
        return status == 200

    def metrics(self, proxy: Proxy) -> str:
        return self._ask(proxy, "GET", "/metrics")

    def reload_command(self, proxy: Proxy) -> List[str]:
        return [self._program, "ctl", "--admin", "unix:" + self.admin_path(proxy), "reload"]

    def _tree(self, config: Config, log_path: str, admin_path: str = "") -> dict:
        limits = {}
        if config.buffer_memory:
            limits["buffer_memory"] = "%dB" % config.buffer_memory
        if config.scope == "global":
            limits.update(_limits(config))
        else:  # so that it is the listener's policy that decides
            limits["on_limit"] = "wait" if config.on_limit == "close" else "close"
        tree = {
            "runtime": {"backend": config.backend or self._backend, "workers": 2},
            "limits": limits,
            "buffers": {"per_direction": "%dB" % config.buffer},
            "shutdown": {"drain_timeout": _ms(config.drain_timeout)},
            "stats": {"interval": "0s"},
            "reload": {"watch": config.watch},
            "access_log": {"path": "stderr" if config.log_to_stderr else log_path,
                           "format": config.log_format or self.log_formats[0]},
            "listeners": [_listener(config)],
            "upstreams": [_upstream(config)] + [
                {"name": "route%d" % index, "endpoints": [{"address": str(endpoint.address)}]}
                for index, (_, endpoint) in enumerate(config.routes)],
        }
        if config.admin:
            tree["admin"] = {"bind": "unix:" + admin_path}
        if config.resolver:
            tree["dns"] = {"servers": [str(config.resolver)], "timeout": "200ms"}
        if config.drain_window:
            tree["shutdown"]["drain_window"] = _ms(config.drain_window)
        return tree


def _parse_json(line: str) -> Optional[Record]:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return Record(row["client"], row["bytes_up"], row["bytes_down"], row["total_ms"] / 1000.0,
                  row["attempts"], "%s/%s" % (row["by"], row["reason"]))


TEXT_LINE = re.compile(
    r"(?P<client>\S+) \[\S+\] \S+ \S+/\S+ (?P<attempts>\d+) "
    r"[\d.-]+/[\d.-]+/[\d.-]+/(?P<total>[\d.]+) (?P<up>\d+)/(?P<down>\d+) "
    r"(?P<reason>\w+/\w+) [\d-]+/[\d-]+ [\d-]+/[\d-]+( [\w/]+)?( \w+=\S+)*$")


def _parse_text(line: str) -> Optional[Record]:
    found = TEXT_LINE.match(line)
    if not found:
        return None
    return Record(found["client"], int(found["up"]), int(found["down"]),
                  float(found["total"]) / 1000.0, int(found["attempts"]), found["reason"])


def _limits(config: Config) -> dict:
    tree = {"on_limit": config.on_limit}
    if config.max_connections:
        tree["max_connections"] = config.max_connections
    if config.connection_rate:
        tree["new_connections"] = "%d/s" % config.connection_rate
    return tree


def _listener(config: Config) -> dict:
    timeouts = {"connect": _ms(config.connect_timeout), "idle": _ms(config.idle_timeout),
                "half_close": _ms(config.half_close_timeout),
                "write_stall": _ms(config.write_stall_timeout)}
    lifetime = config.max_lifetime
    if config.slow_client_deadline and config.listener_kind != "sni":
        lifetime = config.slow_client_deadline
    if lifetime:
        timeouts["max_lifetime"] = _ms(lifetime)
        timeouts["max_lifetime_jitter"] = "%d%%" % round(config.lifetime_jitter * 100)
    tree = {"name": "front", "bind": [str(bind) for bind in config.binds], "upstream": "back",
            "timeouts": timeouts, "half_close": config.half_close, "socket": _socket(config)}
    if config.listener_kind == "sni":
        tree["routes"] = [{"sni": [name], "upstream": "route%d" % index}
                          for index, (name, _) in enumerate(config.routes)] or [
                              {"protocol": "tls", "upstream": "back"}]
        tree["preread"] = {"timeout": _ms(config.slow_client_deadline or 1.0),
                           "on_timeout": "reject", "not_tls": config.not_tls}
    if config.listener_kind == "proxy_protocol":
        tree["proxy_protocol"] = {"accept": "required",
                                  "trusted": config.trusted or ["0.0.0.0/0", "::/0", "unix"]}
        if config.header_timeout:
            tree["proxy_protocol"]["timeout"] = _ms(config.header_timeout)
    if config.dual_stack:
        tree["socket"]["ipv6_only"] = False
    if config.scope == "listener":
        tree.update(_limits(config))
    if config.per_source:
        tree["per_source"] = {"max_connections": config.per_source,
                              "ipv4_prefix": config.ipv4_prefix, "ipv6_prefix": config.ipv6_prefix}
    return tree


def _upstream(config: Config) -> dict:
    endpoints = []
    for endpoint in config.endpoints:
        endpoints.append({"address": str(endpoint.address), "weight": endpoint.weight,
                          "max_connections": endpoint.max_connections})
    tree = {"name": "back", "balance": config.balance, "endpoints": endpoints,
            "slow_start": _ms(config.slow_start),
            "queue_timeout": _ms(config.queue_timeout), "source_address": config.source_address,
            "socket": _socket(config)}
    if config.retry_for not in (None, RETRY_FOR):
        tree["retry_for"] = _ms(config.retry_for)
    if config.send_proxy:
        tree["send_proxy"] = config.send_proxy
    if config.health:
        tree["health"] = _health(config.health)
    return tree


def _health(health: Health) -> dict:
    pause = _ms(health.interval)
    tree = {"check": "connect", "interval": pause, "fast_interval": pause, "down_interval": pause,
            "timeout": _ms(health.timeout), "rise": health.rise, "fall": health.fall}
    if health.exchange:
        send, expect = health.exchange
        tree.update({"check": "exchange", "exchange": [{"send": send, "expect": expect}]})
    if health.on_down != "keep":
        tree["on_down"] = health.on_down
    return tree


def _socket(config: Config) -> dict:
    """What both sides have."""
    tree = {"user_timeout": _ms(config.user_timeout)}
    if config.keepalive:
        tree.update({"keepalive": "%ds" % config.keepalive.idle,
                     "keepalive_interval": "%ds" % config.keepalive.interval,
                     "keepalive_probes": config.keepalive.count})
    if config.socket_buffer:
        tree.update({"send_buffer": "%dB" % config.socket_buffer,
                     "receive_buffer": "%dB" % config.socket_buffer})
    return tree


def _ms(seconds: float) -> str:
    return "%dms" % milliseconds(seconds)


def to_yaml(value, indent: int = 0) -> str:
    """Block YAML for dicts, lists and scalars; strings are quoted so that none is misread."""
    pad = "  " * indent
    lines = []
    entries = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in entries:
        head = pad + ("%s:" % key if key is not None else "-")
        if isinstance(item, (dict, list)):
            lines += [head, to_yaml(item, indent + 1)]
        else:
            lines.append("%s %s" % (head, json.dumps(item)))
    return "\n".join(lines)
