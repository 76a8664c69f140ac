"""Takes the pictures of docs/pictures from a live run: the page, light and dark and on a phone, and
`sluice top` in a terminal.

    /usr/bin/python3 tests/e2e/pictures.py [SECONDS]     # how long it runs before; 150

Two upstreams, three servers of which one fails meanwhile, clients of several addresses, a reload.
"""

import html
import os
import re
import sys
import time
import unittest

import sockets
from admin import Administered
from browser import PHONE, WIDE, browser
from echo import Echo
from harness import Case
from processes import wait_for
from reloading import put
from sluice import binary, yaml
from pane import Pane

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/pictures")
SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 150
ANSWER = 3
COLOURS = {1: "#e06c75", 2: "#98c379", 3: "#e5c07b"}


def chatter(link, address, source, size, pause):
    """A peer: a client that sends `size` bytes and waits for the answer, again and again; every so
    often it connects again."""
    client, left = None, 0
    while not link.pending():
        if left == 0:
            if client:
                client.close()
            client, left = sockets.connect(address, source=source), 40
        try:
            client.sendall(b"x" * size)
            sockets.read_exactly(client, ANSWER * size)
        except (OSError, AssertionError):
            left = 1
        left -= 1
        time.sleep(pause)


class Generous(Echo):
    def answer(self, stream):
        """More than was sent."""
        try:
            if data := stream.recv(65536):
                stream.sendall(data * ANSWER)
                return
        except OSError:
            pass
        del self.streams[stream.fileno()]
        stream.close()


def serve(link):
    """A peer: as `echo`, with larger answers."""
    with sockets.Listener() as listener:
        link.send(listener.text)
        Generous(listener, link).serve()


class Pictures(Administered, Case):
    backend, workers = "io_uring", 2

    def settings(self, folder):
        self.servers = {name: self.peer(serve) for name in ("a", "b", "c", "primary")}
        ends = [{"name": name, "address": server.receive()}
                for name, server in self.servers.items()]
        health = {"check": "connect", "interval": "1s", "fast_interval": "500ms"}
        return {
            "admin": {"bind": f"unix:{folder}/admin.sock"},
            "runtime": {"backend": self.backend, "workers": self.workers},
            "shutdown": {"drain_timeout": "200ms"},
            "listeners": [{"name": "web", "bind": "127.0.0.1:0", "upstream": "app"},
                          {"name": "db", "bind": "127.0.0.1:0", "upstream": "db",
                           "max_connections": 3}],
            "upstreams": [{"name": "app", "endpoints": ends[:3], "health": health},
                          {"name": "db", "endpoints": ends[3:], "health": health}]}

    def begin(self):
        config = self.settings(self.new_folder())
        self.web = self.started_proxy(config)
        self.admin = self.found(self.web)
        way = self.started_proxy({**self.config([str(self.admin)])})
        for index in range(14):
            listener = "db" if index % 5 == 0 else "web"
            self.peer(chatter, self.web.address(listener), f"127.0.0.{10 + index % 6}",
                      500 * (1 + index % 7), 0.004 * (1 + index % 3))
        self.tab = browser()
        self.tab.open("http://%s:%d/" % way.address(), size=WIDE)
        self.tab.wait_text("#state", "serving, ready")
        return config

    def test_pictures(self):
        config = self.begin()
        time.sleep(SECONDS * 0.4)
        self.servers["c"].kill()
        time.sleep(SECONDS * 0.3)
        config["listeners"][0]["max_connections"] = 4000
        put(self.web.config_path, yaml(config))
        self.assertEqual(self.admin.post("/api/v1/reload").status, 200)
        time.sleep(SECONDS * 0.3)
        self.admin.post("/api/v1/endpoints/app/c/drain")
        time.sleep(3)
        os.makedirs(FOLDER, exist_ok=True)
        self.shoot("page")
        self.tab.js("document.getElementById('theme').click()")
        self.shoot("page-dark")
        self.tab.js("document.getElementById('theme').click()")
        self.tab.resize(PHONE)
        self.shoot("page-phone")
        self.tab.leave()
        self.shoot_top()

    def shoot(self, name):
        self.tab.js("scrollTo(0, 0)")
        time.sleep(3)
        self.tab.picture(f"{FOLDER}/{name}.png")

    def shoot_top(self):
        pane = self.keep(Pane(self.new_folder(), f"{binary()} top --admin {self.admin}",
                              columns=96, rows=16))
        pane.press("3")
        pane.wait("ENDPOINT")
        time.sleep(5)
        pane.press("End", "k")
        wait_for(lambda: "> app/c" in pane.text(), "the one that is down")
        time.sleep(0.3)
        with open(f"{self.new_folder()}/top.html", "w", encoding="utf-8") as file:
            file.write(page_of(pane.text(with_escapes=True)))
        self.tab.open(f"file://{file.name}", size=(800, 320))
        width, height = self.tab.js("const box = document.body.firstChild.getBoundingClientRect();"
                                    "return [Math.ceil(box.width), Math.ceil(box.height)]")
        self.tab.resize((width, height))
        self.tab.picture(f"{FOLDER}/top.png")


def page_of(text):
    """What a terminal shows, as HTML."""
    parts, style = [], {}
    for piece in re.split(r"(\x1b\[[0-9;]*m|\x1b\([0B]|\x0e|\x0f)", text.rstrip("\n")):
        match = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if match:
            for code in map(int, (match[1] or "0").split(";")):
                gone = {0: range(100), 22: (1, 2), 27: (7,), 39: range(30, 38)}.get(code, ())
                style = {each: True for each in (*style, code) if each not in gone}
        elif not piece.startswith(("\x1b", "\x0e", "\x0f")):
            parts.append(f'<span style="{css(style)}">{html.escape(piece)}</span>')
    return ("<!doctype html><meta charset=utf-8><body style='margin:0'>"
            "<pre style='display:inline-block;margin:0;padding:10px 14px;background:#16191d;"
            "color:#d6dbe0;font:13px/1.3 \"DejaVu Sans Mono\",monospace'>" + "".join(parts))


def css(style):
    rules = [f"color:{COLOURS[code - 30]}" for code in style if code - 30 in COLOURS]
    if 1 in style:
        rules.append("font-weight:bold")
    if 2 in style:
        rules.append("opacity:.65")
    if 7 in style:
        rules.append("background:#d6dbe0;color:#16191d")
    return ";".join(rules)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
