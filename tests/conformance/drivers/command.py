"""Any proxy that a command line can start: the quickest way to point the suite at your own.

    run.py --driver command --command 'socat TCP-LISTEN:{port},fork TCP:{upstream}'

`{listen}` is the listener (host:port or unix:/path), `{host}` and `{port}` its parts,
`{upstream}` the upstream's address. Everything that needs an option is not applicable.
"""

from __future__ import annotations

import shlex
from typing import List, Optional

from drivers.driver import Driver, Record
from drivers.proxy import Proxy

NO_OPTION = "a proxy started by a bare command has no option for it"


class Command(Driver):
    name = "command"
    lacks = {feature: NO_OPTION for feature in (
        "ipv6", "unix", "dual_stack", "connect_timeout", "half_close_timeout", "half_close_policy",
        "write_stall", "slow_client", "max_lifetime", "lifetime_jitter", "queue", "limit_close",
        "limit_wait", "listener_limits", "per_source", "per_source_prefix", "rate", "weights",
        "failover", "retry", "source_address", "keepalive", "user_timeout", "access_log",
        "least_connections", "source_hash", "slow_start", "reload", "watch", "upgrade",
        "reopen_log", "log_file", "log_stderr", "drain", "drain_timeout", "drain_window",
        "sni", "not_tls_reject", "proxy_protocol", "partial_headers",
        "unspecified_headers", "proxy_trust", "send_proxy", "send_proxy_v2", "backends", "health",
        "health_exchange", "health_resets", "resolver", "admin", "metrics", "live_sessions",
        "reload_command")}

    def __init__(self, options):
        self._template = options.command or ""

    def unavailable(self) -> Optional[str]:
        return None if self._template else "--driver command needs --command"

    def version(self) -> str:
        return shlex.split(self._template)[0]

    def command(self, proxy: Proxy) -> List[str]:
        listen, upstream = proxy.config.binds[0], proxy.config.endpoints[0].address
        words = {"listen": str(listen), "host": listen.host, "port": listen.port,
                 "upstream": str(upstream)}
        return [word.format(**words) for word in shlex.split(self._template)]

    def records(self, proxy: Proxy) -> List[Record]:
        return []
