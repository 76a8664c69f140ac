"""The admin endpoint of a proxy under test: its section, its requests, raw connections to it."""

import http.client
import json
import os
import re
import socket

from processes import DEADLINE, wait_for
from sockets import HOST


def connected(family, address):
    """A full queue of a UNIX socket is waited for, which a socket with a timeout does not do."""
    sock = socket.socket(family)
    sock.settimeout(None)
    sock.connect(address)
    sock.settimeout(DEADLINE)
    return sock


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = connected(socket.AF_UNIX, self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


class Endpoint:
    """`address`: a path, or a host and port."""

    def __init__(self, address):
        self.address = address

    def __str__(self):
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        return f"http://{self.address[0]}:{self.address[1]}"

    def connection(self):
        if isinstance(self.address, str):
            return UnixConnection(self.address)
        return http.client.HTTPConnection(*self.address, timeout=DEADLINE)

    def raw(self, text=b""):
        """A connected socket that has sent `text`."""
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        sock = connected(family, self.address)
        sock.sendall(text)
        return sock

    def ask(self, method, target, body=None, **headers):
        """Keywords are headers, with _ for -."""
        connection = self.connection()
        try:
            connection.request(method, target, body=body,
                               headers={name.replace("_", "-"): text
                                        for name, text in headers.items()})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.ask("GET", target, **headers)

    def post(self, target, **headers):
        return self.ask("POST", target, **headers)

    def json(self, name, **headers):
        answer = self.get(f"/api/v1/{name}", **headers)
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json

    def pid(self):
        """The process that answers, or None: in an upgrade there is none for a moment."""
        try:
            return self.json("info")["pid"]
        except OSError:
            return None

    def metrics(self):
        """{name and labels: value} of all samples."""
        samples = {}
        for line in self.get("/metrics").text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples


class Administered:
    """Beside harness.Case: proxies with an admin endpoint."""

    def unix_path(self):
        return os.path.join(self.new_folder(), "admin.sock")

    def unix_admin(self, proxy):
        return self.found(proxy, "listening")

    def found(self, proxy, what="listening"):
        """The endpoint that the log tells of."""
        line = proxy.wait_line(rf"admin: {what} on ")[-1]
        text = re.search(r" on (\S+)$", line)[1]
        if text.startswith("unix:"):
            return Endpoint(re.sub("^@", "\0", text[len("unix:"):]))
        return Endpoint((HOST, int(text.rsplit(":", 1)[1])))

    def administered(self, endpoints, **sections):
        """A proxy with an admin endpoint at a UNIX socket, and that endpoint."""
        proxy = self.proxy(endpoints, admin={"bind": f"unix:{self.unix_path()}"}, **sections)
        admin = self.found(proxy)
        wait_for(lambda: admin.json("info")["state"] == "serving", "it to serve")
        return proxy, admin
