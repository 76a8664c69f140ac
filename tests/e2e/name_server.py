"""Name servers for the proxy under test: one that is rude on demand, and dnsmasq.

    with NameServer() as names:
        names.hosts["app.internal"] = ["127.0.0.2"]        # A and AAAA
        names.services["_app._tcp.internal"] = [(0, 1, 3000, "app.internal")]
        names.mood = SERVFAIL
"""

import contextlib
import ipaddress
import os
import socket
import struct
import threading

from processes import Process, wait_for
from sockets import HOST, free_port, text_of

A, AAAA, SRV, CNAME = 1, 28, 33, 5
OK, SERVFAIL, NXDOMAIN = "ok", "servfail", "nxdomain"
SILENT, WRONG_ID, TRUNCATED, CUT, SLOW = "silent", "wrong id", "truncated", "cut", "slow"


def name_on_wire(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class NameServer:
    """Answers over UDP and TCP on one port of HOST; what it says may change at any time."""

    def __init__(self):
        self.hosts = {}
        self.services = {}
        self.ttl = 0
        self.mood = OK
        self.failing_kinds = set()  # questions for these fail in every mood
        self.asked = 0
        self.over_tcp = 0
        self.tcp = socket.create_server((HOST, 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        for each in (self.tcp, self.udp):
            each.settimeout(None)
        self.text = text_of(self.tcp.getsockname())
        self.is_slow = threading.Event()  # set: slow answers may go
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def close(self):
        for each in (self.tcp, self.udp):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def serve_udp(self):
        while True:
            try:
                message, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if not message:  # closed
                return
            self.asked += 1
            if self.mood == SLOW:
                threading.Thread(target=self.answer_slowly, args=(message, peer),
                                 daemon=True).start()
                continue
            answer = self.answer(message)
            if answer:
                self.send(answer, peer)

    def answer_slowly(self, message, peer):
        self.is_slow.wait()
        self.send(self.answer(message, mood=OK), peer)

    def send(self, answer, peer):
        with contextlib.suppress(OSError):
            self.udp.sendto(answer, peer)

    def serve_tcp(self):
        while True:
            try:
                stream, _ = self.tcp.accept()
            except OSError:
                return
            with stream:
                try:
                    head = stream.recv(2, socket.MSG_WAITALL)
                    message = stream.recv(*struct.unpack("!H", head), socket.MSG_WAITALL)
                    self.asked += 1
                    self.over_tcp += 1
                    answer = self.answer(message, is_tcp=True)
                    if answer:
                        stream.sendall(struct.pack("!H", len(answer)) + answer)
                except (OSError, struct.error):
                    pass

    def answer(self, message, is_tcp=False, mood=None):
        mood = mood or self.mood
        number, flags = struct.unpack("!HH", message[:4])
        end = message.index(b"\0", 12) + 1
        name, at = [], 12
        while message[at]:
            name.append(message[at + 1:at + 1 + message[at]].decode().lower())
            at += 1 + message[at]
        name = ".".join(name)
        kind, = struct.unpack("!H", message[end:end + 2])
        question = message[12:end + 4]
        if mood == SILENT:
            return b""
        if mood == WRONG_ID:
            number ^= 0x5555
        records = self.records(name, kind)
        code = {SERVFAIL: 2, NXDOMAIN: 3}.get(mood, 0 if records is not None else 3)
        if kind in self.failing_kinds:
            code = 2
        records = [] if code or records is None else records
        flags = 0x8180 | code
        if mood == TRUNCATED and not is_tcp:
            flags, records = flags | 0x0200, []
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(data)) + data
                        for data in records)
        answer = struct.pack("!HHHHHH", number, flags, 1, len(records), 0, 0) + question + body
        return answer[:-3] if mood == CUT else answer

    def records(self, name, kind):
        """None: there is no such name."""
        if kind == SRV:
            if name not in self.services:
                return None
            return [struct.pack("!HHH", *numbers) + name_on_wire(host)
                    for *numbers, host in self.services[name]]
        if name not in self.hosts:
            return None
        addresses = [ipaddress.ip_address(text) for text in self.hosts[name]]
        return [each.packed for each in addresses
                if each.version == (4 if kind == A else 6 if kind == AAAA else 0)]


class Dnsmasq(Process):
    """dnsmasq, with what `options` say of names; `endpoint` is where it answers."""

    def __init__(self, *options, port=None):
        self.port = port or free_port()
        self.endpoint = text_of((HOST, self.port))
        super().__init__("/usr/sbin/dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv",
                         "--no-hosts", "--user=" + ("root" if os.geteuid() == 0 else ""),
                         f"--listen-address={HOST}", f"--port={self.port}", "--bind-interfaces",
                         "--local-ttl=1", *options)
        wait_for(self.answers, "dnsmasq to answer")

    def answers(self):
        if self.child.poll() is not None:
            raise AssertionError(f"dnsmasq ended:\n{self.text()}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
            ask.settimeout(0.1)
            try:
                ask.connect((HOST, self.port))
                ask.send(struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + name_on_wire("x.invalid")
                         + struct.pack("!HH", A, 1))
                return ask.recv(512)
            except OSError:
                return False
