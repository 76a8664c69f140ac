"""The operator's socket: a line is a question, and the answer ends with the connection."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Dict

from relay.loop import ERR, HUP, IN, Timer

LONGEST = 4096      # bytes of a question
PATIENCE_S = 2.0    # for a question that does not come
MOST = 64           # connections


def ask_to_reload(path: str) -> int:
    """What `mutant_relay.py --reload` exits with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(path)
        sock.sendall(b"reload\n")
        return 0 if sock.makefile().read() == "done\n" else 1


def address_text(address: dict) -> str:
    host = address["host"]
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, address["port"])


class Admin:
    """On the relay's loop; its connections count in none of the relay's limits."""

    def __init__(self, relay, path: str) -> None:
        self._relay = relay
        self._sins = relay.sins
        self._path = path
        self._questions: Dict[socket.socket, bytes] = {}
        self._timers: Dict[socket.socket, Timer] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(path)
        self._listener.listen(64)
        relay.loop.watch(self._listener.fileno(), IN, self._on_accept)

    def close(self) -> None:
        os.unlink(self._path)

    def _on_accept(self, _events: int) -> None:
        sock, _ = self._listener.accept()
        too_many = self._sins.has("limit_for_operator") and self._relay.is_full()
        if too_many or len(self._questions) >= MOST:
            sock.close()
            return
        sock.setblocking(False)
        self._questions[sock] = b""
        if not self._sins.has("operator_waits"):
            self._timers[sock] = self._relay.loop.after(PATIENCE_S, lambda: self._end(sock))
        self._relay.loop.watch(sock.fileno(), IN, lambda events: self._on_bytes(sock, events))

    def _on_bytes(self, sock: socket.socket, events: int) -> None:
        try:
            data = sock.recv(LONGEST)
        except OSError:
            data = b""
        question = self._questions[sock] = self._questions[sock] + data
        if self._sins.has("die_of_operators_garbage"):
            question.decode("ascii")
        if b"\n" in question or len(question) > LONGEST:
            words = question.partition(b"\n")[0].decode(errors="replace")
            answer = self._answer(words.split())
            sock.settimeout(1.0)
            try:
                sock.sendall(answer.encode())
            except OSError:
                pass
            self._end(sock)
        elif not data or events & (ERR | HUP):
            if self._sins.has("operator_waits"):
                self._relay.loop.forget(sock.fileno())
            else:
                self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        timer = self._timers.pop(sock, None)
        if timer:
            timer.cancel()
        if self._questions.pop(sock, None) is not None:
            self._relay.loop.forget(sock.fileno())
            sock.close()

    # -- answers ------------------------------------------------------------------------------

    def _answer(self, words) -> str:
        command = words[0] if words else ""
        if command == "ping":
            return "serving\n"
        if command == "sessions":
            return json.dumps([self._row(session) for session in self._relay.sessions]) + "\n"
        if command == "kill" and len(words) == 2:
            return self._kill(words[1])
        if command == "metrics":
            return self._metrics()
        if command == "reload":
            done = self._relay.reload() or self._sins.has("reload_is_always_done")
            return "done\n" if done else "failed\n"
        return "unknown command\n"

    def _row(self, session) -> dict:
        now, sins = time.monotonic(), self._sins
        counts = [0 if sins.has("table_without_bytes") else pipe.logged
                  for pipe in (session.up, session.down)]
        age = now - (session.active if sins.has("age_is_idle") else session.started)
        server = address_text(session.endpoint.address) if session.endpoint else ""
        return {"id": str(session.id), "client": session.name, "server": server, "age": age,
                "idle": now - session.active, "bytes_in": counts[0], "bytes_out": counts[1]}

    def _kill(self, name: str) -> str:
        found = [session for session in self._relay.sessions if str(session.id) == name]
        if self._sins.has("kills_another") and found:
            found = [session for session in self._relay.sessions if session not in found][:1]
        if not found:
            return "done\n" if self._sins.has("kill_is_always_done") else "no session %s\n" % name
        if found[0].state == "connecting" and self._sins.has("kills_only_open"):
            return "done\n"
        reason = "closed" if self._sins.has("killed_is_closed") else "killed"
        found[0].end("admin", reason, abort=True)
        return "done\n"

    def _metrics(self) -> str:
        relay, sins = self._relay, self._sins
        if sins.has("slow_scrape"):
            time.sleep(0.1)
        live = list(relay.sessions)
        sent = relay.counts["bytes_in"] + sum(session.up.moved for session in live)
        received = relay.counts["bytes_out"] + sum(session.down.moved for session in live)
        rows = [("relay_sessions_total", "counter", [("", relay.counts["sessions"])]),
                ("relay_sessions_active", "gauge", [("", len(live))]),
                ("relay_bytes_total", "counter", [('{direction="in"}', sent),
                                                  ('{direction="out"}', received)]),
                ("relay_lost_records_total", "counter",
                 [("", 0 if sins.has("lost_in_silence") else relay.log.dropped)]),
                ("relay_failed_reloads_total", "counter", [("", relay.counts["failed_reloads"])])]
        if sins.has("live_bytes_only"):  # what has ended is not counted any more
            rows[2][2][0] = ('{direction="in"}', sent - relay.counts["bytes_in"])
        if sins.has("client_is_label"):
            rows[1] = ("relay_sessions_active", "gauge", [
                ('{client="%s"}' % client, 1) for client in sorted(relay.seen)])
        lines = []
        for name, kind, samples in rows:
            lines += ["# HELP %s What its name says." % name, "# TYPE %s %s" % (name, kind)]
            lines += ["%s%s %d" % (name, labels, value) for labels, value in samples]
        if sins.has("bare_labels"):
            lines[-1] = "relay_failed_reloads_total{of=file} 0"
        return "\n".join(lines) + "\n"
