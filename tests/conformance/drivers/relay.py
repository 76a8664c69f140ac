"""The suite's own relay, sinless or with `--sins`."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import sys
from typing import List, Optional

from drivers import admin
from drivers.admin import Live
from drivers.driver import Driver, Record, program_of, write_config
from drivers.proxy import Proxy

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mutant_relay.py")


class Relay(Driver):
    name = "relay"
    config_name = "relay.json"
    lacks = {
        "listener_limits": "the relay has one listener",
        "log_stderr": "the relay logs to files",
        "backends": "the relay uses epoll",
    }
    promises = frozenset(["quiet_at_emfile", "bytes_before_reset", "no_upstream_reset",
                          "reasons", "counts_drops", "clean_metrics"])
    drain_signals = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
    end_signals = (signal.SIGTERM, signal.SIGINT)
    also_survives = (signal.SIGHUP, signal.SIGUSR1)
    reload_told = "reload: (done|failed)"
    upgrade_told = r"upgrade: (process \d+ serves|failed)"
    down_told = "endpoint .* is down"
    up_told = "endpoint .* is up"
    counters = {
        "sessions": "relay_sessions_total",
        "bytes_in": 'relay_bytes_total{direction="in"}',
        "bytes_out": 'relay_bytes_total{direction="out"}',
        "lost_records": "relay_lost_records_total",
        "failed_reloads": "relay_failed_reloads_total",
    }
    reasons = {
        "client_reset": "^client/reset$",
        "upstream_reset": "^upstream/reset$",
        "half_close_timeout": "^proxy/half_close_timeout$",
        "write_stall_timeout": "^proxy/write_stall_timeout$",
        "slow_client": "^proxy/(max_lifetime|preread_timeout)$",
        "queue_timeout": "^proxy/queue_timeout$",
        "no_upstream": "^upstream/no_upstream$",
        "shutdown": "^admin/shutdown$",
        "killed": "^admin/killed$",
        "endpoint_down": "^proxy/endpoint_down$",
        "proxy_header": "^client/proxy_protocol_error$",
        "proxy_header_timeout": "^proxy/proxy_protocol_timeout$",
    }

    def __init__(self, options):
        self._sins = options.sins

    def version(self) -> str:
        return "relay" + (" with " + self._sins if self._sins else "")

    def command(self, proxy: Proxy) -> List[str]:
        path = write_config(proxy, json.dumps(dataclasses.asdict(proxy.config)))
        program = program_of(proxy, sys.executable) if proxy.config.upgrades else sys.executable
        return [program, PROGRAM, "--config", path, "--log", proxy.log_path,
                "--admin", self.admin_path(proxy) if proxy.config.admin else "",
                "--sins", self._sins]

    def serving_process(self, proxy: Proxy) -> int:
        found = re.findall(r"upgrade: process (\d+) serves", self.error_text(proxy))
        return int(found[-1]) if found else proxy.pid

    def _answer(self, proxy: Proxy, words: str) -> str:
        return admin.line(self.admin_path(proxy), words)

    def admin_word(self, proxy: Proxy) -> str:
        return self._answer(proxy, "ping")

    def sessions(self, proxy: Proxy) -> List[Live]:
        return [Live(**row) for row in json.loads(self._answer(proxy, "sessions"))]

    def kill_session(self, proxy: Proxy, session: str) -> bool:
        return self._answer(proxy, "kill " + session) == "done\n"

    def metrics(self, proxy: Proxy) -> str:
        return self._answer(proxy, "metrics")

    def reload_command(self, proxy: Proxy) -> List[str]:
        return [sys.executable, PROGRAM, "--reload", self.admin_path(proxy)]

    def parse(self, line: str) -> Optional[Record]:
        try:
            row = json.loads(line)
        except ValueError:
            return None
        return Record(row["client"], row["bytes_in"], row["bytes_out"],
                      row["t_total_ms"] / 1000.0, row["attempts"],
                      "%s/%s" % (row["initiator"], row["reason"]))
