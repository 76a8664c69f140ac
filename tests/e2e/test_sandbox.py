"""`sandbox: on`: with few system calls everything works that works without.

SLUICE_TEST_SANDBOX=on runs any other test here in it (harness.py).
"""

import json
import os
import re
import signal
import unittest

import sockets
from admin import Administered
from echo import echo
from harness import MiB, main, matrix
from kernel import threads
from name_server import NameServer
from processes import run, wait_for
from reloading import Reloading, put
from sluice import binary, built_with, yaml
from upgrading import Upgrading

FILTERED = "2"  # of the line Seccomp in /proc/PID/status


def setUpModule():
    if built_with(b"__asan_init") or built_with(b"__tsan_init"):
        raise unittest.SkipTest("sanitizers look into the process with calls of their own")


@matrix(workers=(2,))
class Sandbox(Administered, Reloading, Upgrading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.folder = self.new_folder()

    def file(self, name):
        return os.path.join(self.folder, name)

    def confined(self, endpoints=None, **sections):
        return self.config(endpoints or [self.server], sandbox="on", **sections)

    def check_is_confined(self, pid):
        for each in threads(pid):
            self.assertEqual(each["Seccomp"], FILTERED, each["Name"])
            self.assertEqual(each.get("Seccomp_filters", "1"), "1", each["Name"])
            self.assertEqual(each["NoNewPrivs"], "1", each["Name"])

    def test_relay(self):
        path = self.file("web")
        web = self.started_proxy(self.confined(
            bind=["127.0.0.1:0", "[::1]:0", f"unix:{path}"],
            listener={"socket": {"unix_mode": "0600", "keepalive": "9s", "user_timeout": "5s"}}))
        for index in range(3):
            with web.connect(index=index) as client:
                sockets.exchange_echo(client, os.urandom(MiB // 8))
        self.check_is_confined(web.pid)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_reload(self):
        config = self.confined()
        web = self.started_proxy(config)
        port = sockets.free_port()
        more = self.changed(config, listeners=config["listeners"] + [
            {"name": "more", "bind": [f"127.0.0.1:{port}", f"unix:{self.file('more')}"],
             "upstream": "app"}])
        for _ in range(2):
            self.reload(web, more)
            self.echoes(("127.0.0.1", port))
            self.echoes(self.file("more"))
            self.reload(web, config)
        # Whoever turns it off waits for the next start, and is told.
        self.reload(web, self.changed(config, sandbox="off"))
        self.assertRegex(web.text(), "settings that keep their value.*sandbox")
        self.check_is_confined(web.pid)

    def test_upgrade(self):
        """The successor starts in it, and has no second filter over the first."""
        web = self.start(self.confined(bind=["127.0.0.1:0", f"unix:{self.file('web')}"]))
        with web.connect() as session:
            sockets.exchange_echo(session)
            for _ in range(2):
                self.upgrade(web)
                self.check_is_confined(self.pid)
                for index in range(2):
                    self.echoes(web.address(index=index))
            sockets.exchange_echo(session)
        self.end(web)

    def test_an_upgrade_that_fails(self):
        web = self.start(self.confined())
        self.install_script("#!/bin/sh\nexit 3\n")
        self.assertRegex(self.failed_upgrade(web), "ended with exit code 3 before it served")
        self.echoes(web.address())
        self.end(web, errors=1)

    def test_administrators(self):
        admin, state = self.file("admin"), self.file("state")
        web = self.started_proxy(self.confined(
            admin={"bind": f"unix:{admin}", "state_file": state, "probe_bind": "127.0.0.1:0"}))

        def ctl(*words):
            done = run(binary(), "ctl", "--admin", f"unix:{admin}", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        with web.connect() as session:
            sockets.exchange_echo(session)
            self.assertIn(self.backend, ctl("status"))
            self.assertIn(self.server, ctl("sessions"))
        ctl("drain", f"app/{self.server}")
        wait_for(lambda: os.path.exists(state), "the state")
        ctl("ready", f"app/{self.server}")
        ctl("reload")
        self.assertIn("sluice_build_info", self.found(web).get("/metrics").text)

    def test_logs(self):
        log = self.file("access.log")
        web = self.started_proxy(self.confined(
            access_log={"path": log, "format": "json", "interim": "100ms"}))
        for number in range(3):
            with web.connect() as client:
                sockets.exchange_echo(client)
                wait_for(lambda: os.path.exists(log) and os.path.getsize(log), "a record")
            os.rename(log, f"{log}.{number}")
            web.send_signal(signal.SIGUSR1)
            wait_for(lambda: os.path.exists(log), "another log")

    def test_discovery_and_checks(self):
        names = NameServer()
        self.addCleanup(names.close)
        host, port = self.server.rsplit(":", 1)
        names.hosts["app.internal"] = [host]
        put(self.file("list"), json.dumps([{"address": self.server}]))
        config = self.confined(
            reload={"watch": True}, dns={"servers": [names.text]},
            upstream={"discover": {"file": self.file("list")}, "queue_timeout": "20s",
                      "health": {"check": "connect", "interval": "50ms"}})
        config["upstreams"][0].pop("endpoints")
        config["upstreams"].append({"name": "named", "endpoints": [f"app.internal:{port}"]})
        config["listeners"].append({"name": "other", "bind": "127.0.0.1:0", "upstream": "named"})
        web = self.started_proxy(config)
        with web.connect() as client:
            sockets.exchange_echo(client)
        other = self.peer(echo).receive()
        put(self.file("list"), json.dumps([{"address": other}]))
        web.wait_line("endpoint " + re.escape(other))
        with web.connect() as client:
            sockets.exchange_echo(client)
        # The file is watched.
        put(web.config_path, yaml(self.changed(config, log={"level": "info"})))
        web.wait_line("reload.watch: another configuration is in force")


if __name__ == "__main__":
    main()
