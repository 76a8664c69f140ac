"""What a case asks of a proxy, in words that every driver translates into its own file format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from kernel.net import Address


@dataclass
class Endpoint:
    """One server to connect to."""

    address: Address
    weight: int = 1
    max_connections: int = 0  # 0 = no limit; more wait in a FIFO queue for `queue_timeout`


@dataclass
class Keepalive:
    """Probes on an idle connection, in seconds and probes."""

    idle: int
    interval: int
    count: int

    @property
    def budget(self) -> int:
        return self.idle + self.interval * self.count


@dataclass
class Health:
    """Checks of every server, whatever its state at the same interval, from start to start."""

    interval: float = 0.1
    timeout: float = 0.3
    rise: int = 2  # checks in a row that bring a server back
    fall: int = 3  # and that take it out
    exchange: Optional[Tuple[str, str]] = None  # what to send, what to expect; None: it connects
    on_down: str = "keep"                       # | "reset": its sessions


@dataclass
class Config:
    """One listener (on one or more addresses) in front of one upstream. Times in seconds."""

    binds: List[Address]
    endpoints: List[Endpoint]

    balance: str = "round_robin"       # | "least_connections" | "source_hash"
    slow_start: float = 0.0            # what a server that joins gets grows to its share; 0 = off
    reloads: bool = False              # another configuration is going to take this one's place
    watch: bool = False                # ... without a signal, when its file is another one
    upgrades: bool = False             # another binary is going to take this one's place
    connect_timeout: float = 2.0
    idle_timeout: float = 60.0
    half_close_timeout: float = 30.0
    half_close: str = "relay"          # | "close": both sides, once a FIN has been passed on
    write_stall_timeout: float = 30.0
    queue_timeout: float = 5.0
    retry_for: Optional[float] = None  # failed connects go round again; None = the proxy's default
    drain_timeout: float = 30.0
    drain_window: float = 0.0          # a graceful stop spreads ends of sessions over it; 0 = off
    health: Optional[Health] = None
    resolver: Optional[Address] = None  # the name server for hosts of endpoints that are names
    admin: bool = False                # it has a socket for its operator
    slow_client_deadline: float = 0.0  # counted from accept, never per byte; 0 = none
    max_lifetime: float = 0.0          # of a session, from accept to its end; 0 = none
    lifetime_jitter: float = 0.0       # the share of it that a session may be short of, by chance

    scope: str = "global"              # | "listener": what the next three lines are about
    max_connections: int = 0
    on_limit: str = "close"            # | "wait"
    connection_rate: int = 0           # new connections per second
    per_source: int = 0                # connections per client address
    ipv4_prefix: int = 32              # how many bits of an IPv4 address make a source
    ipv6_prefix: int = 128
    dual_stack: bool = False           # a listener on [::] takes IPv4 clients, too
    buffer: int = 65536                # bytes per direction
    buffer_memory: int = 0             # bytes for all buffers together
    socket_buffer: int = 0             # the kernel's buffers of each socket; 0 = its own

    keepalive: Optional[Keepalive] = None  # both sides
    user_timeout: float = 0.0              # both sides
    source_address: str = ""               # where connections to the upstream come from
    listener_kind: str = "plain"           # "plain" | "sni" | "proxy_protocol"
    # Of kind "sni": the server that a client of TLS asks for, by its name or as "*.name", and where
    # its clients go. All others go to `endpoints`.
    routes: List[Tuple[str, Endpoint]] = field(default_factory=list)
    not_tls: str = "default"               # | "reject"
    # Of kind "proxy_protocol": whose headers are believed, as networks; none of them: everybody's.
    trusted: List[str] = field(default_factory=list)
    header_timeout: float = 0.0            # from accept to the header's end; 0 = the proxy's own
    send_proxy: str = ""                   # | "v1" | "v2": the header that servers are sent
    log_path: str = ""                     # where the access log goes; "" = a plain file
    log_to_stderr: bool = False            # by way of standard error, opened on log_path
    log_format: str = ""                   # one of the driver's log_formats; "" = the first
    backend: str = ""                      # for proxies that have several I/O backends


@dataclass
class Launch:
    """The surroundings a proxy is started in."""

    netns: str = ""              # name of a network namespace
    fd_limit: int = 0            # RLIMIT_NOFILE, soft and hard
    memlock: Optional[int] = None
    cgroup: str = ""             # directory of a memory cgroup
    no_io_uring: bool = False    # seccomp: io_uring_* answer EPERM
    no_low_ports: bool = False   # without the right to bind ports below 1024
    pid1: bool = False           # first process of a PID namespace of its own
    env: dict = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        return not (self.fd_limit or self.memlock is not None or self.cgroup or
                    self.no_io_uring or self.no_low_ports)
