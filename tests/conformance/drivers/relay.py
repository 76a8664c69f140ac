"""The suite's own relay, sinless or with `--sins`."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import sys
from typing import List, Optional

from drivers.driver import Driver, Record, program_of, write_config
from drivers.proxy import Proxy

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mutant_relay.py")


class Relay(Driver):
    name = "relay"
    config_name = "relay.json"
    lacks = {
        "sni": "the relay does not parse TLS",
        "proxy_protocol": "the relay does not speak the PROXY protocol",
        "listener_limits": "the relay has one listener",
        "log_stderr": "the relay logs to files",
        "backends": "the relay uses epoll",
    }
    promises = frozenset(["quiet_at_emfile", "bytes_before_reset", "no_upstream_reset",
                          "reasons", "counts_drops"])
    drain_signals = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
    end_signals = (signal.SIGTERM, signal.SIGINT)
    also_survives = (signal.SIGHUP, signal.SIGUSR1)
    reload_told = "reload: (done|failed)"
    upgrade_told = r"upgrade: (process \d+ serves|failed)"
    reasons = {
        "client_reset": "^client/reset$",
        "upstream_reset": "^upstream/reset$",
        "half_close_timeout": "^proxy/half_close_timeout$",
        "write_stall_timeout": "^proxy/write_stall_timeout$",
        "slow_client": "^proxy/max_lifetime$",
        "queue_timeout": "^proxy/queue_timeout$",
        "no_upstream": "^upstream/no_upstream$",
        "shutdown": "^admin/shutdown$",
    }

    def __init__(self, options):
        self._sins = options.sins

    def version(self) -> str:
        return "relay" + (" with " + self._sins if self._sins else "")

    def command(self, proxy: Proxy) -> List[str]:
        path = write_config(proxy, json.dumps(dataclasses.asdict(proxy.config)))
        program = program_of(proxy, sys.executable) if proxy.config.upgrades else sys.executable
        return [program, PROGRAM, "--config", path, "--log", proxy.log_path, "--sins", self._sins]

    def serving_process(self, proxy: Proxy) -> int:
        found = re.findall(r"upgrade: process (\d+) serves", self.error_text(proxy))
        return int(found[-1]) if found else proxy.pid

    def parse(self, line: str) -> Optional[Record]:
        try:
            row = json.loads(line)
        except ValueError:
            return None
        return Record(row["client"], row["bytes_in"], row["bytes_out"],
                      row["t_total_ms"] / 1000.0, row["attempts"],
                      "%s/%s" % (row["initiator"], row["reason"]))
