"""One proxied connection from accept to its record in the log.

    queued ─▶ connecting ─▶ open ─▶ ending ─▶ closed
                 │  ▲ next endpoint    (a reset waits here until the bytes before it are taken)
                 └──┘
    Before all that it is `reading`, where the client is behind a balancer, or names count.
"""

from __future__ import annotations

import errno
import ipaddress
import random
import socket
import struct
import time
from typing import Optional, Tuple

from relay import header
from relay.deadlines import deadlines, shortest, unsent
from relay.dial import dial, meets_itself, tune
from relay.hello import server_name
from relay.loop import ERR, IN, OUT, Timer
from relay.pipe import Pipe

ABORT = struct.pack("ii", 1, 0)
FLUSH_S = 30.0  # how long a reset waits for the bytes before it
AGAIN_S = 0.02  # between two attempts at a server that was away, or whose queue was full


class Session:
    """Owned by the relay; every method runs on its loop."""

    def __init__(self, relay, client: socket.socket, name: str) -> None:
        self.relay = relay
        self.name = name
        self.client = client
        self.server: Optional[socket.socket] = None
        self.endpoint = None
        self.pool = relay.pool
        self.heard = 0.0  # while it reads a hello or a header, if that counts
        self.told = None  # by a balancer: the addresses that servers are told
        self.opening = b""  # the header that is still to be sent
        self.attempts = 0
        self.state = "connecting"
        self.tried: list = []
        self._sins = relay.sins
        room = relay.config["buffer"]
        self.up = Pipe(client, room, relay.memory, self._sins)
        self.down = Pipe(None, room, relay.memory, self._sins)
        self.started = self.active = time.monotonic()
        self._began = relay.clock()
        self.lifetime = self._drawn_lifetime()
        self.first_end: Optional[Tuple[str, float]] = None
        self._timer: Optional[Timer] = None
        self._timer_due = 0.0
        self._left = 0            # bytes in the kernel that the peers have not taken
        self._deadline = 0.0      # of the connect that is under way

    def _drawn_lifetime(self) -> float:
        """Seconds; 0 = no bound. A part may be cut off by chance."""
        config = self.relay.config
        longest = config["max_lifetime"]
        if config["listener_kind"] != "sni":
            longest = config["slow_client_deadline"] or longest
        jitter = 0 if self._sins.has("no_jitter") else config["lifetime_jitter"]
        return longest * (1 - jitter * random.random())

    # -- connecting ---------------------------------------------------------------------------

    def begin(self) -> None:
        if self.lifetime and not self._sins.has("lifetime_from_connect"):
            self.relay.loop.after(self.lifetime, self._end_of_life)
        if self._sins.has("lazy_connect"):
            self.relay.loop.watch(self.client.fileno(), IN, lambda _: self.seek())
            return
        if self.relay.config["listener_kind"] == "proxy_protocol":
            self._read_header()
            return
        if self.relay.config["listener_kind"] == "sni":
            self._read_hello()
            return
        self._watch_client_early()
        self.seek()

    # -- who a balancer says that its client is -----------------------------------------------

    def _read_header(self) -> None:
        trusted = self.relay.config["trusted"]
        source = ipaddress.ip_address(self.client.getpeername()[0]) if trusted else None
        if trusted and not self._sins.has("trusts_all") and not any(
                source in ipaddress.ip_network(network) for network in trusted):
            self.end("client", "proxy_protocol_error", abort=True)
            return
        self.state = "reading"
        seconds = self.relay.config["header_timeout"] or (
            1.0 if self._sins.has("short_of_patience") else 3.0)
        if not self._sins.has("header_for_ever"):
            self.relay.loop.after(seconds, self._header_is_late)
        self.relay.loop.watch(self.client.fileno(), IN, self._on_header)

    def _header_is_late(self) -> None:
        if self.state == "reading" and self.heard > self.relay.loop.now - 0.5:
            self.relay.loop.after(0.5, self._header_is_late)
        elif self.state == "reading":
            self.end("proxy", "proxy_protocol_timeout", abort=True)

    def _on_header(self, _events: int) -> None:
        self.up.fill()
        if self.up.reset:
            self.end("client", "reset", abort=True)
            return
        if self._sins.has("header_per_byte"):
            self.heard = time.monotonic()
        try:
            found = header.read(bytes(self.up.buffer), self._sins)
            if not found and self.up.eof:
                raise header.Wrong("the stream ends within it")
        except header.Wrong:
            if self._sins.has("wrong_is_none"):
                self._identified(0)
            else:
                self.end("client", "proxy_protocol_error", abort=True)
            return
        if found:
            if found.source and not self._sins.has("header_unheard"):
                self.told = found.source, found.target
                self.name = ("[%s]:%d" if ":" in found.source[0] else "%s:%d") % found.source
            self._identified(found.size)

    def _identified(self, size: int) -> None:
        if not self._sins.has("header_stays"):
            del self.up.buffer[:size]
            self.up.logged -= size
        if self._sins.has("eats_behind_header"):
            self.up.buffer.clear()
        self.state = "connecting"
        self._watch_client_early()
        self.seek()

    def _opening(self) -> bytes:
        """What the server is told of the client, before all else."""
        version = self.relay.config["send_proxy"]
        if not version or self._sins.has("header_once") and self.attempts > 1:
            return b""
        source, target = self.client.getpeername()[:2], self.client.getsockname()[:2]
        if self.told and not self._sins.has("tells_of_balancer"):
            source, target = self.told
        return header.make(version, source, target)

    # -- whom a TLS client asks for -----------------------------------------------------------

    def _read_hello(self) -> None:
        self.state = "reading"
        seconds = self.relay.config["slow_client_deadline"] or 1.0
        self.relay.loop.after(seconds, self._hello_is_late)
        self.relay.loop.watch(self.client.fileno(), IN, self._on_hello)

    def _hello_is_late(self) -> None:
        if self.state == "reading" and self.heard > self.relay.loop.now - 0.5:
            self.relay.loop.after(0.5, self._hello_is_late)
        elif self.state == "reading":
            self.end("proxy", "preread_timeout", abort=True)

    def _on_hello(self, _events: int) -> None:
        self.up.fill()
        if self.up.reset:
            self.end("client", "reset", abort=True)
            return
        name = server_name(bytes(self.up.buffer), self._sins)
        if name is None and not self.up.eof:
            if self._sins.has("hello_per_byte"):
                self.heard = time.monotonic()
            return
        is_tls = self.up.buffer[:1] in (b"\x16", b"\x80")
        if not (is_tls or self._sins.has("forwards_anything")) and (
                self.relay.config["not_tls"] == "reject"):
            self.end("proxy", "no_route", abort=True)
            return
        self.pool = self.relay.pool_for(name or "")
        if self._sins.has("eats_the_hello"):
            self.up.buffer.clear()
        self.state = "connecting"
        self._watch_client_early()
        self.seek()

    def _watch_client_early(self) -> None:
        """While connecting: takes what fits, and notices a client that resets."""
        wanted = IN if self.up.wants_input() else 0
        deaf = self._sins.has("deaf_to_client_with_words") and self.up.buffer
        if not self._sins.has("no_connect_cancel") and not deaf:
            self.relay.loop.watch(self.client.fileno(), wanted, self._on_client_early)
        else:
            self.relay.loop.forget(self.client.fileno())

    def _on_client_early(self, events: int) -> None:
        if self.up.wants_input():
            self.up.fill()
        if self.up.reset or events & ERR:
            self.end("client", "reset", abort=True)
            return
        self._watch_client_early()

    def seek(self) -> None:
        """The next endpoint that has not been tried; none left ends the session."""
        if self.state == "closed":
            return
        self.endpoint, full = self.pool.pick(self.tried, self.name.rpartition(":")[0])
        if self.endpoint:
            self.connect()
        elif full:
            self.state = "queued"
            self.pool.queue.append(self)
            if not self._sins.has("wait_for_ever"):
                self._arm(self.relay.config["queue_timeout"], "queue_timeout")
        elif time.monotonic() - self.started < (self.relay.config["retry_for"] or 0):
            self.state = "away"
            self.tried.clear()
            self.relay.loop.after(AGAIN_S, self._again)
        elif not self._sins.has("hang_without_server"):
            self.end("upstream", "no_upstream", abort=True)

    def _again(self) -> None:
        if self.state == "away" and self._sins.has("one_round"):
            self.end("upstream", "no_upstream", abort=True)
        elif self.state == "away":
            self.seek()

    def connect(self) -> None:
        self.state = "connecting"
        self.attempts += 1
        self.tried.append(self.endpoint)
        self._deadline = time.monotonic() + self.relay.config["connect_timeout"]
        self._dial()

    def _dial(self) -> None:
        try:
            self.server = dial(self.endpoint.address, self.relay.config, self._sins)
        except OSError as error:
            self.server = None
            if error.errno == errno.EAGAIN and not self._sins.has("full_queue_is_refusal"):
                self._wait_for_queue()  # connect(2): a UNIX socket's accept queue is full
                return
            self.relay.complaints.say("connect: %s" % error.strerror)
            self._try_next()
            return
        limit = self.relay.config["connect_timeout"]
        self._arm(limit * (2 if self._sins.has("late_connect_timeout") else 1), "connect")
        self.relay.loop.watch(self.server.fileno(), OUT, self._on_connected)

    def _wait_for_queue(self) -> None:
        if time.monotonic() > self._deadline:
            self._try_next()
        else:
            self.relay.loop.after(AGAIN_S, lambda: self._dial() if self.state == "connecting"
                                  and not self.server else None)

    def _on_connected(self, _events: int) -> None:
        if self.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or (
                not self._sins.has("talk_to_itself") and meets_itself(self.server)):
            # By a reset: a connection to itself would keep the server's port in TIME_WAIT.
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            self._try_next()
            return
        self.state = "open"
        self._disarm()  # or it would wake an idle session once, at its connect timeout
        tune(self.server, "server", self.relay.config, self._sins)
        self.up.sink, self.down.source, self.down.sink = self.server, self.server, self.client
        self.active = time.monotonic()
        self.opening = self._opening()
        if self._sins.has("header_in_pieces") and self.opening:
            self.server.send(self.opening[:12])
            self.opening = self.opening[12:]
        self.pump()

    def _try_next(self) -> None:
        self._drop_server()
        if self._sins.has("no_failover") or self._sins.has("two_tries") and self.attempts > 1:
            self.end("upstream", "no_upstream", abort=True)
        elif self._sins.has("slow_failover"):
            self.relay.loop.after(0.2, self.seek)
        else:
            self.seek()

    def _drop_server(self) -> None:
        self._disarm()
        if self.server:
            self.relay.loop.forget(self.server.fileno())
            self.server.close()
            self.server = None
        if self.endpoint:
            endpoint, self.endpoint = self.endpoint, None
            self.pool.release(endpoint)

    # -- moving bytes -------------------------------------------------------------------------

    def _on_event(self, fd: int, events: int) -> None:
        if events & ERR:  # a peer that has sent FIN, or has stalled, and then resets
            for pipe in (self.up, self.down):
                if pipe.source.fileno() == fd and pipe.eof:
                    self._pipe_to(pipe.source).broken = True
        if self._sins.has("drop_around_urgent") and events & 2:  # EPOLLPRI
            self._swallow(fd)
        self.pump()

    def _swallow(self, fd: int) -> None:
        pipe = self.up if fd == self.client.fileno() else self.down
        try:
            pipe.source.recv(65536)
        except OSError:
            pass

    def _pipe_to(self, sink: socket.socket) -> Pipe:
        return self.up if sink is self.server else self.down

    def pump(self) -> None:
        """Moves what can be moved now, then decides what to wait for."""
        if self.state != "open":
            return
        if self.opening and (self.up.buffer or not self._sins.has("header_with_first_byte")):
            self.up.buffer[:0] = self.opening
            self.opening = b""
        for pipe, reverse in ((self.up, self.down), (self.down, self.up)):
            before = pipe.moved
            for _ in range(4):
                more = pipe.wants_input() and pipe.fill()
                pipe.drain()
                if not more:
                    break
            if pipe.moved != before:
                self._moved()
            if pipe.broken and pipe.sink_reset and not reverse.eof:
                reverse.end_is_reset = True
            pipe.pass_end_on()
        if self._retry_elsewhere() or self._over():
            return
        self._watch()
        self._arm_deadlines()

    def _moved(self) -> None:
        self.active = time.monotonic()
        if self._sins.has("deadline_per_byte"):
            self.started = self.active

    def _over(self) -> bool:
        """Ends the session if its streams have ended; notes which side ended first."""
        up, down = self.up, self.down
        for who, pipe in (("client", up), ("upstream", down)):
            if pipe.reset and not pipe.buffer:
                self._flush_then_abort(who, pipe)
                return True
            if pipe.eof and not self.first_end:
                self.first_end = (who, time.monotonic())
        if up.broken or down.broken:
            return self._over_broken()
        half = (self._sins.has("no_half_close") and (up.done or down.done)
                or self._sins.has("no_server_half_close") and down.done)
        if self.relay.config["half_close"] == "close" and not self._sins.has("relay_anyway"):
            half = half or up.done or down.done
        if half or (up.done and down.done):
            late = self._sins.has("cuts_the_tail") and self._look()
            self.end(self.first_end[0], "closed", abort=bool(late))
            return True
        return False

    def _over_broken(self) -> bool:
        """One side takes no more. What it has said itself is still delivered, then all ends."""
        broken, other = (self.up, self.down) if self.up.broken else (self.down, self.up)
        who = "upstream" if broken is self.up else "client"
        if self._sins.has("reset_on_upload_error"):
            self.end(who, "reset", abort=True)
        elif other.done or other.broken or (other.reset and not other.buffer):
            self._flush_then_abort(who, other)
        else:
            return False
        return True

    def _retry_elsewhere(self) -> bool:
        if not self._sins.has("retry_after_bytes") or self.down.moved:
            return False
        if not (self.down.eof or self.down.reset) or len(self.tried) > 1:
            return False
        self.down = Pipe(None, self.relay.config["buffer"], self.relay.memory, self._sins)
        self.up.broken = False
        self._try_next()
        return True

    # -- waiting ------------------------------------------------------------------------------

    def _watch(self) -> None:
        for sock, incoming, outgoing in ((self.client, self.up, self.down),
                                         (self.server, self.down, self.up)):
            mask = (IN if incoming.wants_input() else 0) | (OUT if outgoing.wants_output() else 0)
            if mask and self._sins.has("drop_around_urgent"):
                mask |= 2
            fd = sock.fileno()
            if mask or incoming.eof and not self._sins.has("deaf_after_fin"):  # 0: a reset shows
                self.relay.loop.watch(fd, mask, lambda events, fd=fd: self._on_event(fd, events))
            else:                     # full: level-triggered errors would spin
                self.relay.loop.forget(fd)
        if self._sins.has("spin_stalled") and (self.up.stalled_since or self.down.stalled_since):
            self.relay.loop.after(0, self.pump)
        if self._sins.has("head_of_line"):
            for pipe in (self.up, self.down):
                while pipe.buffer and not pipe.broken:
                    pipe.sink.settimeout(None)
                    pipe.drain()
                    pipe.sink.setblocking(False)

    def next_deadline(self):
        return min(deadlines(self))

    def _arm_deadlines(self) -> None:
        moment, reason = self.next_deadline()
        if self._look():  # what they take is progress, too: look at quarters of the time
            moment = min(moment, time.monotonic() + shortest(self.relay.config) / 4)
        if not self._timer or moment < self._timer_due:
            self._arm(moment - time.monotonic(), reason)

    def _look(self) -> int:
        """Bytes that have been sent and that the peers' kernels have not taken."""
        if self._sins.has("accepted_is_delivered"):
            return 0
        sides = [self.client] if self._sins.has("watches_clients_only") else [self.client,
                                                                            self.server]
        self._left = sum(unsent(sock) for sock in sides)
        return self._left

    def _arm(self, seconds: float, reason: str) -> None:
        self._disarm()
        self._timer_due = time.monotonic() + seconds
        self._timer = self.relay.loop.after(seconds, lambda: self._on_timer(reason))

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self, reason: str) -> None:
        self._timer = None
        if self.state == "connecting":
            self._try_next()
        elif self.state == "queued":
            self.end("proxy", reason, abort=True)
        elif self.state == "open":
            before = self._left
            if self._look() < before:
                self._moved()
                for pipe in (self.up, self.down):
                    pipe.stalled_since = time.monotonic() if pipe.stalled_since else 0.0
            moment, reason = self.next_deadline()
            if moment <= self.relay.loop.now:
                self.end("proxy", reason, abort=True)
            else:
                self._arm_deadlines()

    def _end_of_life(self) -> None:
        if self.state in ("queued", "connecting", "away"):
            self.end("proxy", "max_lifetime", abort=True)

    # -- the end ------------------------------------------------------------------------------

    def _flush_then_abort(self, who: str, pipe: Pipe) -> None:
        """Waits until the kernel has handed over what came before the reset, then resets."""
        self.state = "ending"
        for sock in (self.client, self.server):
            self.relay.loop.forget(sock.fileno())
        give_up = time.monotonic() + FLUSH_S

        def look() -> None:
            if self.state == "ending":
                patient = not self._sins.has("reset_discards")
                if patient and unsent(pipe.sink) and time.monotonic() < give_up:
                    self.relay.loop.after(0.002, look)
                else:
                    self.end(who, "reset", abort=not self._forgets_reset(who, pipe))

        look()

    def _forgets_reset(self, who: str, pipe: Pipe) -> bool:
        late = self._sins.has("fin_for_late_rst") and pipe.ever_stalled
        return self._sins.has("fin_for_client_rst" if who == "client" else "fin_for_server_rst"
                              ) or (late and who == "upstream")

    def end(self, who: str, reason: str, abort: bool) -> None:
        if self.state == "closed":
            return
        if self.state == "queued" and not self._sins.has("dead_in_queue"):
            self.pool.queue.remove(self)
        self.state = "closed"
        self._disarm()
        for sock in (self.client, self.server):
            if sock:
                self.relay.loop.forget(sock.fileno())
                if abort:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        for pipe in (self.up, self.down):
            pipe.give_back()
        self.client.close()
        self._close_server()
        if self.endpoint:
            endpoint, self.endpoint = self.endpoint, None
            self.pool.release(endpoint)
        self.relay.session_ended(self, {
            "client": self.name, "bytes_in": self.up.logged, "bytes_out": self.down.logged,
            "t_total_ms": round((self.relay.clock() - self._began) * 1000, 3),
            "attempts": self.attempts, "reason": reason, "initiator": who})

    def _close_server(self) -> None:
        if not self.server:
            return
        leak = self._sins.has("leak_descriptors") and self.relay.total % 10 == 0
        if leak or self._sins.has("forget_socket"):
            self.server.detach()
        else:
            self.server.close()
