"""admin.state_file: what an administrator has changed holds after a restart."""

import os
import signal

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from name_server import SILENT, NameServer
from processes import wait_for
from reloading import Reloading, put
from sluice import yaml
from upgrading import FAILED, FAKE, SERVES, Upgrading, children, web_line


class Kept(Administered, Reloading):
    """A proxy with a state file, and what is asked of both."""

    def setUp(self):
        self.servers = [self.peer(echo).receive() for _ in range(3)]
        self.state = os.path.join(self.new_folder(), "state")
        self.config_now = self.config(
            [{"address": server, "name": f"s{i}"} for i, server in enumerate(self.servers[:2])],
            admin={"bind": f"unix:{self.unix_path()}", "state_file": self.state})

    def start(self):
        self.web = self.lone_proxy(self.config_now)
        self.admin = self.found(self.web)
        wait_for(lambda: self.admin.json("info")["state"] == "serving", "it to serve")

    def act(self, method, target):
        answer = self.admin.ask(method, "/api/v1/" + target)
        self.assertEqual(answer.status, 200, answer.text)

    def endpoints(self):
        return {each["name"]: (each["state"], each["weight"], each["usable"])
                for each in self.admin.json("endpoints")}

    def wait_saved(self, text):
        def saved():
            try:
                with open(self.state) as file:
                    return text in file.read()
            except FileNotFoundError:
                return False
        wait_for(saved, f"{text} in the file")


@matrix(workers=(1, 2))
class StateFile(Kept):
    def test_it_holds_after_a_restart(self):
        self.start()
        self.assertFalse(os.path.exists(self.state), "nothing has been changed")
        self.act("POST", "endpoints/app/s0/drain")
        self.act("PUT", "endpoints/app/s1/weight?weight=7")
        self.act("POST", f"upstreams/app/endpoints?address={self.servers[2]}&name=late&weight=3")
        before = self.endpoints()
        self.assertEqual(before, {"s0": ("drain", 1, False), "s1": ("ready", 7, True),
                                  "late": ("ready", 3, True)})
        self.assertEqual(self.web.stop(), 0)
        self.start()
        self.assertEqual(self.endpoints(), before)
        self.act("DELETE", "endpoints/app/s1")
        self.wait_saved("/app/s1?removed=true\n")
        self.web.kill()  # SIGKILL
        self.start()
        self.assertEqual(self.endpoints(), {name: before[name] for name in ("s0", "late")})
        with self.web.connect() as client:
            sockets.exchange_echo(client)
        self.assertEqual(self.web.wait_session_end()["endpoint"], "late")
        self.act("POST", "endpoints/app/s0/reset")
        self.act("POST", "endpoints/app/s1/reset")
        self.act("DELETE", "endpoints/app/late")
        self.assertEqual(self.web.stop(), 0)
        self.start()
        self.assertEqual(self.endpoints(), {"s0": ("ready", 1, True), "s1": ("ready", 1, True)})

    def test_what_a_reload_forgets_is_forgotten(self):
        self.start()
        self.act("POST", "endpoints/app/s0/drain")
        self.wait_saved("/app/s0?state=drain\n")
        whole = self.config_now
        fewer = self.changed(whole)
        fewer["upstreams"][0]["endpoints"] = fewer["upstreams"][0]["endpoints"][1:]
        self.reload(self.web, fewer)
        self.wait_saved("sluice administrative state 1\nend\n")

    def test_a_broken_file_is_told_and_ignored(self):
        for text, why in (("sluice administrative state 1\n/app/s0?state=drain\n",
                           ":3: the end is missing"),
                          ("\0\xff garbage", ":1: the first line is not")):
            put(self.state, text)
            self.start()
            self.web.wait_line(f"warning admin.state_file {self.state}{why}")
            self.assertEqual(self.endpoints(), {"s0": ("ready", 1, True), "s1": ("ready", 1, True)})
            self.act("POST", "endpoints/app/s1/drain")
            self.wait_saved("/app/s1?state=drain\nend\n")
            self.act("POST", "endpoints/app/s1/ready")
            self.assertEqual(self.web.stop(), 0)

    def test_a_line_that_says_nothing_is_left_out(self):
        put(self.state, "sluice administrative state 1\n/app/%FF?address=10.0.0.1:80&name=%FF\n"
            "/app/s0?state=drain\nend\n")
        self.start()
        self.web.wait_line(f"warning admin.state_file {self.state}:2: name is .* it is left out")
        self.assertEqual(self.endpoints(), {"s0": ("drain", 1, False), "s1": ("ready", 1, True)})

    def test_a_folder_that_cannot_be_written(self):
        self.state = os.path.join(self.new_folder(), "absent", "state")
        self.config_now["admin"]["state_file"] = self.state
        self.start()
        self.act("POST", "endpoints/app/s0/drain")
        self.web.wait_line("warning admin.state_file: cannot write .*No such file or directory")
        os.mkdir(os.path.dirname(self.state))
        self.act("POST", "endpoints/app/s1/drain")
        self.wait_saved("/app/s0?state=drain\n/app/s1?state=drain\n")

    def test_the_path_waits_for_a_restart(self):
        self.start()
        self.reload(self.web, self.changed(self.config_now, admin={"state_file": "/absent"}))
        self.assertEqual(self.admin.json("info")["config_pending"], ["admin.state_file"])


@matrix(workers=(2,))
class OverAnUpgrade(Kept, Upgrading):
    def setUp(self):
        super().setUp()
        self.names = self.keep(NameServer())
        self.names.hosts["app.internal"] = ["127.0.0.2"]
        self.config_now["dns"] = {"servers": [self.names.text], "family": "ipv4"}
        self.config_now["upstreams"].append({"name": "named", "endpoints": ["app.internal:80"]})

    def start(self):
        self.web = Upgrading.start(self, self.config_now)
        self.admin = self.found(self.web)
        wait_for(lambda: self.admin.json("info")["state"] == "serving", "it to serve")

    def states(self):
        return {name: state for name, (state, _, _) in self.endpoints().items()
                if name.startswith("s")}

    def test_what_is_done_while_the_successor_starts(self):
        """It waits for a name server that says nothing, and the process before answers."""
        self.start()
        self.act("POST", "endpoints/app/s1/maintenance")
        self.names.mood = SILENT
        asked = self.names.asked
        self.install("v2")
        os.kill(self.pid, signal.SIGUSR2)
        wait_for(lambda: self.names.asked > asked, "the successor to ask for names")
        self.act("POST", "endpoints/app/s0/drain")
        self.act("POST", "endpoints/app/s1/ready")
        web_line(self.web, SERVES, 1)
        wait_for(lambda: self.admin.pid() not in (None, self.web.pid), "its admin endpoint")
        self.assertEqual(self.states(), {"s0": "drain", "s1": "ready"})

    def test_a_successor_that_fails_writes_nothing(self):
        """Its configuration has not all of the endpoints, and it never serves."""
        self.start()
        self.act("POST", "endpoints/app/s0/drain")
        self.wait_saved("/app/s0?state=drain\n")
        fewer = self.changed(self.config_now)
        fewer["upstreams"][0]["endpoints"] = fewer["upstreams"][0]["endpoints"][1:]
        put(self.web.config_path, yaml(fewer))
        self.names.mood = SILENT
        asked = self.names.asked
        self.install("v2")
        os.kill(self.pid, signal.SIGUSR2)
        wait_for(lambda: self.names.asked > asked, "the successor to ask for names")
        for child in children(self.web.pid):
            os.kill(child, signal.SIGKILL)
        web_line(self.web, FAILED, 1)
        self.wait_saved("/app/s0?state=drain\n")
        self.assertEqual(self.states(), {"s0": "drain", "s1": "ready"})

    def test_the_file_is_kept_again_after_an_upgrade_that_fails_late(self):
        self.start()
        self.install_script(FAKE + "ready()\n")  # goes instead of serving
        self.failed_upgrade(self.web)
        wait_for(lambda: self.admin.json("info")["state"] == "serving", "the endpoint to return")
        self.act("POST", "endpoints/app/s0/drain")
        self.wait_saved("/app/s0?state=drain\n")

    def serves_on(self):
        wait_for(lambda: self.admin.pid() == self.web.pid, "the endpoint to return")
        with self.web.connect() as client:
            sockets.exchange_echo(client)

    def test_a_disk_that_does_not_answer(self):
        """Clients are served meanwhile; no act is lost, and the next upgrade succeeds."""
        self.start()
        beside = self.state + ".new"
        os.mkfifo(beside)  # an open for writing waits until it is opened for reading
        self.act("POST", "endpoints/app/s0/drain")
        self.install("v2")
        os.kill(self.pid, signal.SIGUSR2)
        failed = web_line(self.web, FAILED, 1)
        self.assertIn(f"admin.state_file {self.state} cannot be written: its disk has not "
                      "answered for 2 s", failed)
        self.serves_on()
        self.assertEqual(children(self.web.pid), [])
        self.act("POST", "endpoints/app/s1/maintenance")
        reader = os.open(beside, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.wait_saved("/app/s0?state=drain\n/app/s1?state=maintenance\n")
        self.upgrade(self.web)
        wait_for(lambda: self.admin.pid() == self.pid, "its admin endpoint")
        self.assertEqual(self.states(), {"s0": "drain", "s1": "maintenance"})

    def test_a_file_that_cannot_be_written(self):
        """A successor would not know what has been changed."""
        self.start()
        os.mkdir(self.state + ".new")
        self.act("POST", "endpoints/app/s0/drain")
        self.assertIn("admin.state_file: cannot write ", self.failed_upgrade(self.web))
        self.serves_on()
        os.rmdir(self.state + ".new")
        self.upgrade(self.web)
        wait_for(lambda: self.admin.pid() == self.pid, "its admin endpoint")
        self.assertEqual(self.states(), {"s0": "drain", "s1": "ready"})

    def test_what_waits_for_a_restart_waits_on(self):
        self.start()
        self.reload(self.web, self.changed(self.config_now, admin={"state_file": "/absent"}))
        self.install_script(FAKE + "ready()\n")  # goes instead of serving
        self.failed_upgrade(self.web)
        self.serves_on()
        self.assertEqual(self.admin.json("info")["config_pending"], ["admin.state_file"])
        self.assertEqual(self.admin.metrics()["sluice_config_pending"], 1)


if __name__ == "__main__":
    main()
