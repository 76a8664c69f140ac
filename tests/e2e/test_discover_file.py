"""Endpoints from a list in a file, which changes while the proxy serves."""

import json
import os
import urllib.parse

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import wait_for
from reloading import Reloading, put
from sluice import Sluice

KEEPS = "its endpoints stay as they were"


@matrix(workers=(1, 2))
class DiscoverFile(Administered, Reloading):
    def setUp(self):
        self.path = os.path.join(self.new_folder(), "app.json")
        self.servers = [self.peer(echo).receive() for _ in range(2)]

    def write(self, *endpoints):
        put(self.path, json.dumps([{"address": each} if isinstance(each, str) else each
                                   for each in endpoints]))

    def sections(self, **upstream):
        return {"admin": {"bind": f"unix:{self.unix_path()}"},
                "upstream": {"discover": {"file": self.path}, "queue_timeout": "20s", **upstream}}

    def start(self, endpoints=(), **upstream):
        """Errors in its log are a part of some tests."""
        self.web = self.program(Sluice(self.config(endpoints, **self.sections(**upstream))))
        self.admin = self.found(self.web)

    def endpoints(self):
        return {each["name"]: each for each in self.admin.json("endpoints")}

    def wait_for_names(self, *names):
        wait_for(lambda: set(self.endpoints()) == set(names), f"the endpoints {names}")

    def client(self):
        client = self.keep(self.web.connect())
        sockets.exchange_echo(client)
        return client

    def act(self, method, name, what):
        path = f"/api/v1/endpoints/app/{urllib.parse.quote(name, safe='')}/{what}"
        answer = self.admin.ask(method, path)
        self.assertEqual(answer.status, 200, answer.text)

    def changes(self):
        return len(self.web.lines(rf"upstream app: file {self.path}: \d+ endpoints"))

    def test_it_serves_what_the_list_has(self):
        first, second = self.servers
        self.write({"address": first, "name": "one", "weight": 7, "priority": 1,
                    "max_connections": 9}, second)
        self.start()
        self.client()
        one = self.endpoints()["one"]
        self.assertEqual((one["address"], one["weight"], one["priority"], one["max_connections"]),
                         (first, 7, 1, 9))
        self.assertEqual(self.endpoints()[second]["sessions_active"], 1, "priority 0 is better")

    def test_changes_are_picked_up_once(self):
        first, second = self.servers
        self.write(first)
        self.start()
        self.wait_for_names(first)
        self.write(first, second)  # renamed over
        self.wait_for_names(first, second)
        with open(self.path, "w") as file:  # in place, in two parts
            file.write("[{")
            file.flush()
            file.write(f'"address": "{second}"}}]')
        self.wait_for_names(second)
        put(self.path, json.dumps([{"address": second}]) + "\n")  # another text, the same list
        os.utime(self.path)
        self.write(first)
        self.wait_for_names(first)
        wait_for(lambda: self.changes() >= 4, "the last one to be counted")
        self.assertEqual(self.changes(), 4)

    def test_an_address_that_source_address_cannot_reach(self):
        first, second = self.servers
        self.write(first)
        self.start(source_address="127.0.0.1")
        self.wait_for_names(first)
        self.write(second, "[::1]:80")
        self.web.wait_line("source_address 127.0.0.1 cannot reach the endpoint .::1.:80: "
                           "both have to be IPv4, or both IPv6")
        self.web.wait_line(KEEPS)
        self.wait_for_names(first)
        self.write(second)
        self.wait_for_names(second)

    def test_a_symbolic_link_that_is_turned(self):
        folder = self.new_folder()
        self.path = os.path.join(folder, "app.json")

        def publish(number, *endpoints):
            os.mkdir(os.path.join(folder, f"..{number}"))
            with open(os.path.join(folder, f"..{number}", "app.json"), "w") as file:
                json.dump([{"address": each} for each in endpoints], file)
            os.symlink(f"..{number}", os.path.join(folder, "..new"))
            os.rename(os.path.join(folder, "..new"), os.path.join(folder, "..data"))

        publish(1, self.servers[0])
        os.symlink("..data/app.json", self.path)
        self.start()
        self.wait_for_names(self.servers[0])
        publish(2, *self.servers)
        self.wait_for_names(*self.servers)
        publish(3, self.servers[1])
        self.wait_for_names(self.servers[1])
        self.assertEqual(self.changes(), 3)

    def test_sessions_of_what_stays_go_on_and_of_what_goes_end(self):
        first, second = self.servers
        self.write(first)
        self.start(on_removed={"sessions": "keep", "drain_timeout": "300ms"})
        stays = self.client()
        self.write(first, second)
        self.wait_for_names(first, second)
        self.assertEqual(self.endpoints()[first]["sessions_active"], 1, "its count goes on")
        sockets.exchange_echo(stays)
        self.write(second)
        self.wait_for_names(second)
        sockets.exchange_echo(stays)
        self.assertEqual(self.web.wait_session_end()["reason"], "endpoint_removed")
        self.client()
        self.assertEqual(self.endpoints()[second]["sessions_active"], 1)

    def test_what_is_no_list_changes_nothing(self):
        first, second = self.servers
        self.write(first)
        self.start()
        self.wait_for_names(first)
        put(self.path, '[{"address": "10.0.0.1:80"},\n {"address": "10.0.0"}]')
        self.web.wait_line(KEEPS)
        self.assertIn(f'{self.path}:2:14: error: address: "10.0.0" has no port',
                      self.web.lines(" error ")[0])
        put(self.path, "  \n")
        self.write(first, second)
        self.wait_for_names(first, second)
        put(self.path, '[{"address": ')
        self.web.wait_line(r"this is not JSON")
        os.unlink(self.path)
        self.web.wait_line("no such file yet")
        self.client()
        self.assertEqual(set(self.endpoints()), {first, second})
        put(self.path, "")
        self.write(second)
        self.wait_for_names(second)
        self.assertEqual(self.changes(), 3)

    def test_a_file_without_text_keeps_the_list(self):
        first, second = self.servers
        self.write(first)
        self.start()
        self.wait_for_names(first)
        put(self.path, "")
        put(os.path.join(os.path.dirname(self.path), "other"), "")
        # The next change is seen behind the empty one.
        self.write(first, second)
        self.wait_for_names(first, second)
        self.assertEqual(self.changes(), 2, "the empty file was no change")

    def test_an_empty_list_has_no_endpoints(self):
        self.write(self.servers[0])
        self.start(queue_timeout="0s")
        self.client()
        put(self.path, "[]")
        self.wait_for_names()
        self.assertEqual(self.ending(), "no_upstream")
        self.write(self.servers[1])
        self.wait_for_names(self.servers[1])
        self.client()

    def ending(self):
        count = len(self.web.session_ends()) + 1
        sockets.ending_of_connect(self.web.address())
        return self.web.wait_session_end(count)["reason"]

    def test_a_file_that_is_not_there_yet(self):
        """A client that comes before it waits, and is served."""
        self.start()
        warning = self.web.wait_line("no such file yet")[0]
        self.assertIn(" warn", warning)
        self.web.wait_line("no endpoints of it are known yet")
        client = self.keep(self.web.connect())
        client.sendall(b"early")
        self.write(self.servers[0])
        self.assertEqual(sockets.read_exactly(client, 5), b"early")

    def test_a_folder_that_is_not_there_yet(self):
        self.path = os.path.join(os.path.dirname(self.path), "later", "app.json")
        self.start()
        self.web.wait_line("no such file yet")
        os.mkdir(os.path.dirname(self.path))
        self.write(self.servers[0])
        self.client()

    def test_beside_endpoints_of_the_configuration(self):
        first, second = self.servers
        self.write(second)
        self.start([first])
        self.wait_for_names(first, second)
        put(self.path, "[]")
        self.wait_for_names(first)

    def test_states(self):
        first, second = self.servers
        self.write({"address": first, "state": "drain"}, second)
        self.start(on_removed={"sessions": "reset"})
        held = [self.client() for _ in range(3)]
        self.assertEqual(self.endpoints()[second]["sessions_active"], 3)
        self.assertEqual(self.endpoints()[first]["state"], "drain")
        self.write(first, {"address": second, "state": "maintenance"})
        for client in held:
            sockets.ending(client)
        self.client()
        self.assertEqual(self.endpoints()[first]["sessions_active"], 1)
        self.assertEqual(self.endpoints()[second]["state"], "maintenance")
        self.act("POST", second, "ready")
        self.assertEqual(self.endpoints()[second]["state"], "ready", "by hand comes first")
        self.act("POST", second, "reset")
        self.assertEqual(self.endpoints()[second]["state"], "maintenance")

    def test_what_was_set_by_hand_stays(self):
        first, second = self.servers
        self.write(first, second)
        self.start()
        self.wait_for_names(first, second)
        self.act("POST", first, "drain")
        self.act("PUT", second, "weight?weight=9")
        third = self.peer(echo).receive()
        self.write(first, second, third)
        self.wait_for_names(first, second, third)
        self.assertEqual(self.endpoints()[first]["state"], "drain")
        self.assertEqual(self.endpoints()[second]["weight"], 9)
        self.write(second, third)
        self.wait_for_names(second, third)
        self.write(first, second, third)
        self.wait_for_names(first, second, third)
        self.assertEqual(self.endpoints()[first]["state"], "ready", "it had gone")

    def test_a_reload_keeps_what_was_found(self):
        first, second = self.servers
        self.write(first)
        config = self.config([], **self.sections())
        self.web = self.program(Sluice(config))
        self.admin = self.found(self.web)
        client = self.client()
        config["upstreams"][0]["connect_attempts"] = 7
        self.reload(self.web, config)
        self.assertEqual(self.endpoints()[first]["sessions_active"], 1)
        sockets.exchange_echo(client)
        self.write(first, second)
        self.wait_for_names(first, second)
        config["upstreams"][0].update(endpoints=[{"address": second}], discover={"file": ""})
        self.reload(self.web, config)
        self.assertEqual(set(self.endpoints()), {second})
        put(self.path, "[]")
        self.client()

    def test_a_reload_that_adds_a_list_has_its_endpoints_at_once(self):
        first, second = self.servers
        self.write(second)
        config = self.config([first], **{**self.sections(), "upstream": {"queue_timeout": "0s"}})
        self.web = self.program(Sluice(config))
        self.admin = self.found(self.web)
        self.client()
        config["upstreams"][0].update(endpoints=[], discover={"file": self.path})
        config["upstreams"].append({"name": "other", "queue_timeout": "0s",
                                    "discover": {"file": self.path}})
        config["listeners"].append({"name": "two", "bind": "127.0.0.1:0", "upstream": "other"})
        self.reload(self.web, config)
        self.assertEqual([each["name"] for each in self.admin.json("endpoints")], [second, second])
        self.client()


if __name__ == "__main__":
    main()
