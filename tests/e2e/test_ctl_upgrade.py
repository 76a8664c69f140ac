"""`sluice ctl upgrade` and `sluice ctl shutdown`: what they tell by their exit codes."""

import http.client
import os
import re

import sockets
from admin import Endpoint
from echo import echo
from harness import main, matrix
from processes import Process, run, wait_for
from reloading import put
from sluice import binary, yaml
from upgrading import FAKE, Upgrading, web_line


@matrix(workers=(2,))
class Upgrade(Upgrading):
    def setUp(self):
        self.unix = os.path.join(self.new_folder(), "admin.sock")
        self.admin = Endpoint(self.unix)
        self.config_now = self.config([self.peer(echo).receive()],
                                      admin={"bind": "unix:" + self.unix},
                                      shutdown={"drain_timeout": "1h"},
                                      upgrade={"timeout": "2s"})
        self.web = self.start(self.config_now)

    def ctl(self, *words, seconds=60):
        return run(binary(), "ctl", "--admin", self.admin, *words, seconds=seconds)

    def now_serves(self, count):
        line = web_line(self.web, r"upgrade: process (\d+) serves now", count)
        self.generations.append(int(re.search(r"process (\d+) serves", line)[1]))

    def test_it_is_told_when_the_successor_serves(self):
        held = self.keep(self.web.connect())
        sockets.exchange_echo(held)
        for count in (1, 2):
            done = self.ctl("upgrade")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("a successor serves now", done.stdout)
            self.now_serves(count)
            wait_for(lambda: self.admin.pid() == self.generations[-1], "the successor to answer")
        self.web.wait_line(r"admin: uid \d+, pid \d+: upgrade$")
        self.web.wait_line("^.* info admin: starting a successor$")
        self.web.wait_line("info upgrade: no new connections; 1 sessions may finish for 3600 s$")
        sockets.exchange_echo(held)
        self.echoes(self.web.address())
        held.close()
        self.end(self.web)

    def test_connections_that_idle_go_to_the_successor(self):
        """A scraper that keeps its connection does not stay with the process before."""
        connection = self.keep(self.admin.connection())
        connection.request("GET", "/healthz")
        self.assertEqual(connection.getresponse().read(), b"ok\n")
        held = self.keep(self.web.connect())
        sockets.exchange_echo(held)
        self.assertEqual(self.ctl("upgrade").returncode, 0)
        self.now_serves(1)
        with self.assertRaises((ConnectionError, http.client.BadStatusLine)):
            connection.request("GET", "/healthz")
            connection.getresponse()
        held.close()
        self.end(self.web)

    def test_it_tells_why_it_has_failed(self):
        errors = 0
        for script, why in (("#!/bin/sh\nexit 3\n", "ended with exit code 3 before it served"),
                            ("#!/bin/sh\nexec sleep 1000\n", "was not ready within 2 s"),
                            (FAKE + "ready(); sys.exit(5)\n", "exit code 5 before it served")):
            self.install_script(script)
            uptime = self.admin.json("info")["uptime_s"]
            failed = self.ctl("upgrade")
            self.assertEqual((failed.returncode, failed.stdout), (1, ""), failed.stderr)
            self.assertIn(why, failed.stderr)
            errors += 1
            wait_for(lambda: self.admin.pid() == self.web.pid, "it to answer again")
            self.assertGreaterEqual(self.admin.json("info")["uptime_s"], uptime)
        self.echoes(self.web.address())
        told = [event["text"] for event in self.admin.json("events")["events"]
                if event["kind"] == "upgrade" and event["level"] == "error"]
        self.assertEqual(len(told), errors)
        self.assertTrue(told[0].endswith("; this process serves on"), told)
        # And with a configuration that is none:
        self.install("v2")
        put(self.web.config_path, yaml({**self.config_now, "nothing": 1}))
        failed = self.ctl("upgrade")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("exit code 78", failed.stderr)
        put(self.web.config_path, yaml(self.config_now))
        self.assertEqual(self.ctl("upgrade").returncode, 0)
        self.now_serves(1)
        self.end(self.web, errors=errors + 1)

    def test_one_at_a_time(self):
        self.install_script("#!/bin/sh\nexec sleep 1000\n")
        first = self.program(Process(binary(), "ctl", "--admin", self.admin, "upgrade"))
        self.web.wait_line("admin: starting a successor")
        second = self.ctl("upgrade")
        self.assertEqual((second.returncode, second.stderr),
                         (1, "an upgrade is under way already\n"))
        self.assertEqual(first.wait(), 1)
        self.end(self.web, errors=1)

    def test_what_waits_meanwhile_is_answered(self):
        """Also where the successor answers at the same address already."""
        held = self.keep(self.web.connect())
        sockets.exchange_echo(held)
        name = self.admin.json("endpoints")[0]["name"]
        waits = self.program(Process(binary(), "ctl", "--admin", self.admin, "drain",
                                     "app/" + name, "wait=drained"))
        self.web.wait_line(f"endpoint app/{name}: drain")
        self.assertEqual(self.ctl("upgrade").returncode, 0)
        self.now_serves(1)
        held.close()
        self.assertEqual(waits.wait(), 0, waits.text())
        self.assertIn("0 sessions", waits.text())
        self.end(self.web)


@matrix(workers=(1,))
class Shutdown(Upgrading):
    def setUp(self):
        self.unix = os.path.join(self.new_folder(), "admin.sock")
        self.admin = Endpoint(self.unix)
        self.web = self.start(self.config([self.peer(echo).receive()],
                                          admin={"bind": "unix:" + self.unix},
                                          shutdown={"drain_timeout": "1h"}))
        self.held = self.keep(self.web.connect())
        sockets.exchange_echo(self.held)

    def shutdown(self):
        done = run(binary(), "ctl", "--admin", self.admin, "shutdown")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_lets_sessions_finish(self):
        self.shutdown()
        self.web.wait_line("signal SIGTERM: no new connections; 1 sessions may finish")
        self.web.wait_line(r"admin: uid \d+, pid \d+: shutdown$")
        sockets.exchange_echo(self.held)
        refused = run(binary(), "ctl", "--admin", self.admin, "upgrade")
        self.assertEqual((refused.returncode, refused.stderr),
                         (1, "the proxy does not serve now: nothing is upgraded\n"))
        self.held.close()
        self.assertEqual(self.web.wait(), 0)

    def test_twice_ends_at_once(self):
        self.shutdown()
        self.web.wait_line("signal SIGTERM: no new connections")
        self.shutdown()
        self.assertEqual(sockets.ending(self.held), "reset")
        self.assertEqual(self.web.wait(), 0)
        self.web.wait_line("second signal: ending 1 sessions")


if __name__ == "__main__":
    main()
