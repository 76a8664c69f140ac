"""admin.state_file: what an administrator has changed holds after a restart."""

import os

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import wait_for
from reloading import Reloading, put


@matrix(workers=(1, 2))
class StateFile(Administered, Reloading):
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


if __name__ == "__main__":
    main()
