"""The page at `/` of the admin endpoint, in a browser, with a live proxy behind it."""

import itertools
import signal

import sockets
from admin import Administered
from browser import ESCAPE, PHONE, TAB, barriers, browser
from echo import echo
from harness import MiB, main, matrix
from processes import scaled, wait_for
from reloading import Reloading, put
from sluice import yaml

MOST_CLICKS = 2
CROWD = 9_500
YES = "#dialog-yes"


def talk(link, address, count, size):
    """A peer: `count` clients that send and wait for the echo, in turn, until it is told to end."""
    clients = [sockets.connect(address) for _ in range(count)]
    for client in clients:
        sockets.exchange_echo(client)
    link.send(["%s:%d" % client.getsockname() for client in clients])
    while not link.pending():
        for client in list(clients):
            try:
                sockets.exchange_echo(client, b"x" * size)
            except (OSError, AssertionError):  # it was killed
                clients.remove(client)
        if not clients:
            return len(clients)
    return len(clients)


def hold(link, address, count):
    """A peer: `count` clients that have had an answer and are idle."""
    clients = []
    for _ in range(count):
        clients.append(sockets.connect(address))
        sockets.exchange_echo(clients[-1])
    link.send(count)
    link.receive()


class Watched(Administered, Reloading):
    """A proxy in front of the servers `a` and `b`, and the page of its admin endpoint."""

    def watched(self, start=None, bind=None, token=None, **sections):
        """`start`: instead of started_proxy, for one whose log has errors on purpose."""
        self.servers = {name: self.peer(echo) for name in ("a", "b")}
        endpoints = [{"name": name, "address": server.receive()}
                     for name, server in self.servers.items()]
        bind = bind or f"unix:{self.unix_path()}"
        sections = {"upstream": {"health": {"check": "connect", "interval": "200ms",
                                            "fast_interval": "100ms", "fall": 2}}, **sections}
        admin = {"bind": bind, "token": token} if token else {"bind": bind}
        self.settings = self.config(endpoints, admin=admin, **sections)
        self.web = (start or self.started_proxy)(self.settings)
        self.admin = self.found(self.web)
        wait_for(lambda: self.admin.get("/readyz").status == 200, "it to be ready")
        self.tab = browser()
        self.addCleanup(self.tab.leave)
        self.open()

    def open(self, **options):
        address = self.admin.address
        if isinstance(address, str):  # what `ssh -L` does: a port that leads to the socket
            if not hasattr(self, "way"):
                self.way = self.program_to(f"unix:{address}")
            address = self.way.address()
        self.tab.open(f"http://{address[0]}:{address[1]}/", **options)

    def program_to(self, address):
        return self.started_proxy({
            **self.config([address]), "shutdown": {"drain_timeout": "0s"}})

    def shown(self):
        self.tab.wait_text("#state", "serving, ready")

    def talking(self, count=4, size=4096):
        talker = self.peer(talk, self.web.address(), count, size)
        return talker.receive()

    def health(self, name):
        return next(row[2] for row in self.tab.rows("#upstreams table") if row[0] == name)

    def end(self, name):
        return next((row for row in self.tab.rows("#end-reasons") if row[1] == name), None)

    def assert_answered(self, question):
        """Within so many clicks since the last answer."""
        self.assertLessEqual(self.tab.clicks, MOST_CLICKS, question)
        self.tab.clicks = 0


@matrix(workers=(2,))
class Page(Watched):
    def test_the_six_questions(self):
        self.watched()
        clients = self.talking()
        tab = self.tab

        self.shown()
        self.assertIn(f"process\n{self.web.pid}", tab.text("#facts"))
        self.assertIn(self.backend, tab.text("#facts"))
        tab.wait_text("#legend-bytes", "/s")
        self.assert_answered("is it up?")

        def column(table, index):
            return {row[index] for row in tab.rows(table)}
        tab.wait(lambda: column("#talker-table", 0) == set(clients), "the talkers")
        tab.click("nav a[href='#sessions']")
        tab.wait(lambda: column("#session-table", 1) == set(clients), "sessions")
        tab.wait_text("#sessions-note", "4 match")
        self.assert_answered("who is connected?")

        tab.wait(lambda: [row for row in tab.rows("#percentiles")
                          if row[0] == "web → app" and row[4].endswith("s")], "percentiles")
        tab.click("th[data-order=round_trip] button")
        tab.wait(lambda: "µs" in tab.rows("#session-table")[0][10], "round trips")
        self.assertEqual(tab.js("return document.querySelector('[aria-sort]').dataset.order"),
                         "round_trip")
        self.assert_answered("what is slow?")

        tab.wait(lambda: (self.health("a"), self.health("b")) == ("up", "up"), "both to be up")
        self.servers["b"].kill()
        tab.wait(lambda: self.health("b") == "down", "the outage to be seen")
        tab.wait_text("#events", "endpoint b is down")
        tab.wait_text(".upstream .title", "1 of 2 usable")
        tab.wait(lambda: tab.find("#upstreams .strip i.down"), "its history")
        self.assert_answered("which server is bad?")

        tab.click("button[aria-label='Drain app/b']")
        self.assertIn("Drain app/b?", tab.text("#dialog"))
        tab.click(YES)
        tab.wait(lambda: "drain" in column("#upstreams table", 3), "it to drain")
        self.assertEqual([each["state"] for each in self.admin.json("endpoints")],
                         ["ready", "drain"])
        self.assert_answered("can I take it out?")

        victim = tab.rows("#talker-table")[0][0]
        row = next(each for each in self.admin.json("sessions") if each["client"] == victim)
        tab.click(f"#talker-table button[data-kill='{row['id']}']")
        tab.click(YES)
        tab.wait(lambda: self.end("killed"), "its end")
        self.assertNotIn(row["id"], [each["id"] for each in self.admin.json("sessions")])
        self.assertEqual(self.end("killed")[0], "admin")
        self.assert_answered("can I get rid of this one connection?")
        self.assertEqual(tab.complaints(), [])

    def test_what_the_file_has_that_is_not_in_force(self):
        self.watched(start=self.lone_proxy)
        tab = self.tab
        tab.wait_text("#file", "is what is in force")
        self.settings["listeners"][0]["max_connections"] = 77
        put(self.web.config_path, yaml(self.settings))
        tab.driver.refresh()
        tab.wait_text("#differences", "max_connections is 77")
        tab.click("#reload")
        tab.click(YES)
        tab.wait_text("#file", "is what is in force")
        tab.wait(lambda: tab.rows("#listeners")[0][4] == "77", "the limit")
        tab.wait_text("#events", "reload")
        put(self.web.config_path, "listeners: 1\n")
        tab.click("#reload")
        tab.click(YES)
        tab.wait_text("#dialog-error", ":1:")
        tab.click("#dialog-no")
        tab.wait_text("#events", "stays as it is")

    def test_many_sessions(self):
        """The document has the rows that are seen; an update takes a moment, however many."""
        count = scaled(CROWD, 300)
        self.watched(limits={"max_connections": count + 100}, log={"level": "info"})
        crowd = self.peer(hold, self.web.address(), count)
        crowd.receive()
        tab = self.tab
        tab.js("window.slow = []; new PerformanceObserver((list) => slow.push(...list.getEntries()"
               ".map((each) => each.duration))).observe({type: 'longtask'})")
        tab.click("nav a[href='#sessions']")
        tab.wait_text("#sessions-note", f"{count:,} match")
        seen = set()
        for share in (0.3, 0.6, 1):
            tab.js("const rows = document.getElementById('session-rows');"
                   "rows.scrollTop = rows.scrollHeight * arguments[0]", share)
            tab.wait(lambda: self.is_shown(int((count - 60) * share)), "those rows")
            rows = tab.rows("#session-table")
            self.assertLess(len(rows), 60)
            seen |= {row[0] for row in rows}
        self.assertGreater(len(seen), 60)
        self.assertEqual(int(tab.js("return document.getElementById('session-table')"
                                    ".getAttribute('aria-rowcount')")), count + 1)
        tab.click("th[data-order=idle] button")
        tab.click("th[data-order=idle] button")
        tab.wait(lambda: tab.find("th[data-order=idle][aria-sort=ascending]"), "another order")
        client = self.admin.json("sessions?limit=1")[0]["client"]
        tab.type("#filter input", client)
        tab.wait(lambda: [row[1] for row in tab.rows("#session-table")] == [client], "that one")
        tab.click("#filter button[type=reset]")
        tab.wait_text("#sessions-note", f"{count:,} match")
        begin = tab.text("#updated")
        tab.wait(lambda: tab.text("#updated") != begin, "an update")
        self.assertLess(max(tab.js("return slow"), default=0), 100, "ms that an update takes")
        self.assertLess(tab.memory(), 16 * MiB)
        self.assertEqual(tab.complaints(), [])

    def is_shown(self, index):
        """Whether the rows from this one on are in the document, with what is in them."""
        return self.tab.js(
            "const rows = [...document.querySelectorAll('#session-table tbody tr:not(.space)')];"
            "return rows.every((row) => Number(row.getAttribute('aria-rowindex')) >= arguments[0]"
            " && row.cells[0].innerText !== '…')", index)


@matrix(workers=(2,), backends=("auto",))
class Manners(Watched):
    """What does not depend on the backend."""

    def test_what_is_done_is_asked_for_first(self):
        self.watched()
        held = self.keep(self.web.connect())
        sockets.exchange_echo(held)
        tab = self.tab
        self.shown()
        tab.click("button[aria-label='Weight app/a']")
        tab.press(ESCAPE)
        tab.wait(lambda: not tab.find("dialog[open]"), "the question to be gone")
        self.assertEqual(self.admin.json("endpoints")[0]["weight"], 1)
        tab.click("button[aria-label='Weight app/a']")
        tab.type("#dialog-input", "7")
        tab.click(YES)
        tab.wait(lambda: tab.rows("#upstreams table")[0][6] == "7", "the weight")
        self.assertEqual(self.admin.json("endpoints")[0]["weight"], 7)
        tab.click("button[aria-label='Maintenance app/b']")
        tab.click(YES)
        tab.click("button[aria-label='Ready app/b']")
        tab.click(YES)
        tab.wait(lambda: {row[3] for row in tab.rows("#upstreams table")} == {"ready"}, "it back")
        self.assertIn("maintenance", tab.text("#events"))
        tab.wait(lambda: len(tab.rows("#session-table")) == 1, "the session")
        tab.click("#session-table button[data-kill]")
        self.assertEqual(len(self.admin.json("sessions")), 1)
        tab.click(YES)
        self.assertEqual(sockets.ending(held), "reset")
        tab.wait_text("#sessions-note", "0 match")
        self.assertEqual(tab.complaints(), [])

    def test_old_figures_and_a_drain_are_told(self):
        self.watched(shutdown={"lame_duck": "1m", "drain_timeout": "0s"})
        tab = self.tab
        self.shown()
        self.web.freeze()
        tab.wait_text("#notes", "The figures are those of")
        self.assertIn("no answer", tab.text("#state"))
        self.web.send_signal(signal.SIGCONT)
        self.shown()
        self.assertEqual(tab.text("#notes"), "")
        self.web.send_signal(signal.SIGTERM)
        tab.wait_text("#notes", "Not ready")
        self.assertIn("not ready", tab.text("#state"))

    def test_everyone_can_use_it(self):
        """Light and dark, wide and on a phone; by the keyboard; told to a screen reader."""
        self.watched()
        self.talking()
        tab = self.tab
        for size, scheme in itertools.product(((1400, 1000), PHONE), ("light", "dark")):
            with self.subTest(size=size, scheme=scheme):
                self.open(size=size, scheme=scheme)
                self.shown()
                tab.wait(lambda: tab.rows("#talker-table") and tab.rows("#percentiles"), "figures")
                self.assertEqual(barriers(tab), [])
                self.assertLessEqual(tab.js("return document.scrollingElement.scrollWidth"),
                                     size[0], "no part of it is beside the screen")
        self.open()
        self.shown()
        tab.press(TAB)
        self.assertEqual(tab.driver.switch_to.active_element.text, "Skip to the figures")
        reached = []
        for _ in range(120):
            tab.press(TAB)
            reached.append(tab.js("return document.activeElement.getAttribute('aria-label') ?? "
                                  "document.activeElement.innerText"))
        for name in ("Traffic", "15 min", "Drain app/a", "Weight app/b", "Age", "Round trips"):
            self.assertIn(name, reached)
        self.assertTrue([name for name in reached if name and name.startswith("Kill session")])
        tab.click("button[aria-label='Drain app/a']")
        self.assertEqual(barriers(tab), [])
        for _ in range(5):  # the question keeps the focus
            tab.press(TAB)
            self.assertIn(tab.js("return document.activeElement.closest('dialog, body').tagName"),
                          ("DIALOG", "BODY"))
            self.assertNotEqual(tab.js("return document.activeElement.ariaLabel"), "Weight app/a")
        tab.press(ESCAPE)
        self.assertEqual(tab.js("return document.activeElement.ariaLabel"), "Drain app/a")


@matrix(workers=(1,), backends=("auto",))
class Rights(Watched):
    def test_the_token_is_asked_for_once(self):
        self.watched(bind=f"{sockets.HOST}:0", token="s3cret")
        tab = self.tab
        tab.wait_text("#dialog", "A token is needed")
        tab.type("#dialog-input", "wrong")
        tab.click(YES)
        tab.wait_text("#dialog-error", "the token is wrong")
        self.assertEqual(tab.rows("#listeners"), [])
        tab.type("#dialog-input", "s3cret")
        tab.click(YES)
        self.shown()
        tab.driver.refresh()
        self.shown()
        tab.click("button[aria-label='Drain app/a']")
        tab.click(YES)
        tab.wait(lambda: tab.rows("#upstreams table")[0][3] == "drain", "it to drain")
        self.assertNotIn("s3cret", tab.js("return document.documentElement.outerHTML"))
        tab.click("#token-button")
        tab.wait_text("#dialog", "A token is needed")
        self.assertEqual(tab.complaints(), [])

    def test_without_a_token_loopback_may_only_read(self):
        self.watched(bind=f"{sockets.HOST}:0")
        tab = self.tab
        tab.wait_text("#notes", "This page may only read")
        self.shown()
        self.assertFalse(tab.find("button[aria-label='Drain app/a']")[0].is_enabled())
        self.assertFalse(tab.find("#reload")[0].is_enabled())

    def test_the_files(self):
        """Known ones are not sent again; another site's page reads nothing of it."""
        self.watched(bind=f"{sockets.HOST}:0", token="s3cret")
        page = self.admin.get("/")
        self.assertEqual(page.status, 200)
        self.assertEqual(page.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(page.headers["Cache-Control"], "no-cache")
        self.assertIn("default-src 'none'", page.headers["Content-Security-Policy"])
        known = self.admin.get("/", If_None_Match=page.headers["ETag"])
        self.assertEqual((known.status, known.text), (304, ""))
        self.assertEqual(self.admin.ask("HEAD", "/app.js").status, 200)
        self.assertEqual(self.admin.post("/").status, 405)
        self.assertEqual(self.admin.get("/index.html", Authorization="Bearer s3cret").status, 404)


if __name__ == "__main__":
    main()
