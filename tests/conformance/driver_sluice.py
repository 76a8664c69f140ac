"""Sluice, on either of its backends: `sluice:io_uring`, `sluice:epoll`."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import List, Optional

from config import Config
from driver import Driver, Record, milliseconds, output_of, write_file
from proxy import Proxy


class Sluice(Driver):
    name = "sluice"
    lacks = {
        "queue": "Sluice has no per-endpoint limit with a wait queue yet",
        "per_source": "Sluice has no per-source limit yet",
        "per_source_prefix": "Sluice has no per-source limit yet",
        "rate": "Sluice has no limit of new connections per second yet",
        "source_address": "Sluice has no source address option yet",
        "keepalive": "Sluice has no keepalive option yet",
        "user_timeout": "Sluice has no TCP_USER_TIMEOUT option yet",
        "reopen_log": "Sluice writes its log to standard error only",
        "log_file": "Sluice writes its log to standard error only",
        "json_log": "Sluice's records are text yet",
        "sni": "Sluice does not route by SNI yet",
        "proxy_protocol": "Sluice does not speak the PROXY protocol yet",
    }
    promises = frozenset(["quiet_at_emfile", "bytes_before_reset", "no_upstream_reset",
                          "reasons"])
    # `initiator/reason` of a record.
    reasons = {
        "client_reset": "^client/reset$",
        "upstream_reset": "^upstream/reset$",
        "half_close_timeout": "^proxy/half_close_timeout$",
        "write_stall_timeout": "^proxy/write_stall$",
        "slow_client": "^proxy/max_lifetime$",
        "no_upstream": "^(proxy|upstream)/no_upstream$",
        "queue_timeout": "^proxy/queue_timeout$",
        "shutdown": "^(proxy|admin)/shutdown$",
    }
    lifetime_jitter = 0.1  # so that a thousand sessions do not end together
    also_survives = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    # A level in brackets or as a JSON value, never the word "error" inside a message.
    error_level = re.compile(r'^\S+ (error|critical) ')

    def __init__(self, options, backend: str):
        program = options.sluice or os.environ.get("SLUICE") or "sluice"
        self._program = os.path.abspath(program) if os.sep in program else program
        self._backend = backend

    def unavailable(self) -> Optional[str]:
        return None if output_of([self._program, "--version"]) else (
            "no program %s (name it by --sluice or the environment's SLUICE)" % self._program)

    def version(self) -> str:
        found = re.search(r"\d+\.\d+(\.\d+)?", output_of([self._program, "--version"]))
        return "Sluice %s, %s" % (found.group(0) if found else "?", self._backend)

    def command(self, proxy: Proxy) -> List[str]:
        text = to_yaml(self._tree(proxy.config))
        return [self._program, "--config", write_file(proxy, "sluice.yaml", text)]

    def open_stderr(self, proxy: Proxy):
        # The records go where all its lines go; a log that is a device or a FIFO is meant to hurt.
        special = os.path.exists(proxy.log_path) and not os.path.isfile(proxy.log_path)
        path, flags = ((proxy.log_path, os.O_RDWR) if special else
                       (proxy.stderr_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
        return os.fdopen(os.open(path, flags, 0o644), "wb", buffering=0)

    def error_text(self, proxy: Proxy) -> str:
        lines = proxy.stderr().splitlines(True)
        return "".join(line for line in lines if " session end " not in line)

    def log_lines(self, proxy: Proxy) -> List[str]:
        return proxy.stderr().splitlines()

    def parse(self, line: str) -> Optional[Record]:
        found = re.search(r"session end (.*)", line)
        if not found:
            return None
        row = dict(field.split("=", 1) for field in found.group(1).split())
        return Record(row["client"], int(row["up"]), int(row["down"]), int(row["ms"]) / 1000.0,
                      int(row["attempts"]), "%s/%s" % (row["by"], row["reason"]))

    def _tree(self, config: Config) -> dict:
        limits = {"on_limit": config.on_limit}
        if config.max_connections:
            limits["max_connections"] = config.max_connections
        if config.buffer_memory:
            limits["buffer_memory"] = "%dB" % config.buffer_memory
        return {
            "runtime": {"backend": config.backend or self._backend, "workers": 2},
            "limits": limits,
            "buffers": {"per_direction": "%dB" % config.buffer},
            "shutdown": {"drain_timeout": _ms(config.drain_timeout)},
            "stats": {"interval": "0s"},
            "log": {"level": "debug", "format": "text"},  # one record at every session's end
            "listeners": [_listener(config)],
            "upstreams": [_upstream(config)],
        }


def _listener(config: Config) -> dict:
    timeouts = {"connect": _ms(config.connect_timeout), "idle": _ms(config.idle_timeout),
                "half_close": _ms(config.half_close_timeout),
                "write_stall": _ms(config.write_stall_timeout)}
    if config.slow_client_deadline:
        timeouts["max_lifetime"] = _ms(config.slow_client_deadline)
    tree = {"name": "front", "bind": [str(bind) for bind in config.binds], "upstream": "back",
            "timeouts": timeouts}
    return tree


def _upstream(config: Config) -> dict:
    endpoints = []
    for endpoint in config.endpoints:
        endpoints.append({"address": str(endpoint.address), "weight": endpoint.weight})
    return {"name": "back", "balance": "round_robin", "endpoints": endpoints}


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
