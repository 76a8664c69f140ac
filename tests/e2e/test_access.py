"""Access lists: which clients may connect, at which listener, and what a reload changes."""

import os
import re
import socket

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import wait_for
from reloading import Reloading, put


def outcome(address, source=None):
    """What becomes of a client: "served" or "reset"."""
    try:
        with sockets.connect(address, source=source) as client:
            client.sendall(b"ping")
            return "served" if client.recv(4) == b"ping" else "closed"
    except ConnectionError:
        return "reset"


@matrix()
class Access(Reloading, Administered):
    """Clients by their networks."""

    def setUp(self):
        self.upstream = self.peer(echo).receive()

    def outcomes(self, proxy, listener="web"):
        """Of clients from 127.0.0.1, 127.0.0.2 and 127.1.0.1."""
        return [outcome(proxy.address(listener), source=host)
                for host in ("127.0.0.1", "127.0.0.2", "127.1.0.1")]

    def test_the_most_specific_network_decides(self):
        proxy, admin = self.administered(
            [self.upstream],
            listener={"access": {"allow": ["127.0.0.0/16", "127.0.0.2"], "deny": ["127.0.0.0/24"]}})
        self.assertEqual(self.outcomes(proxy), ["reset", "served", "reset"])
        name = 'sluice_rejections_total{listener="web",reason="access"}'
        wait_for(lambda: admin.metrics()[name] == 2, "the rejections to be counted")

    def test_both_lists_have_to_let_it_in(self):
        proxy = self.proxy(
            [self.upstream], access={"deny": ["127.0.0.2"]},
            listener={"on_limit": "wait", "access": {"allow": ["127.0.0.0/16"]}})
        self.assertEqual(self.outcomes(proxy), ["served", "reset", "reset"])

    def test_a_listener_inherits_a_list_and_may_have_its_own(self):
        config = self.config([self.upstream],
                             defaults={"access": {"deny": ["127.0.0.1"]}})
        config["listeners"].append({"name": "open", "bind": "127.0.0.1:0", "upstream": "app",
                                    "access": {"deny": []}})
        proxy = self.started_proxy(config)
        self.assertEqual(self.outcomes(proxy), ["reset", "served", "served"])
        self.assertEqual(self.outcomes(proxy, "open"), ["served"] * 3)

    def test_families(self):
        path = os.path.join(self.new_folder(), "web.sock")
        config = self.config([self.upstream], bind=["[::]:0", "unix:" + path],
                             listener={"socket": {"ipv6_only": False},
                                       "access": {"allow": ["127.0.0.2", "::1"]}})
        proxy = self.started_proxy(config)
        port = proxy.address()[1]
        self.assertEqual(outcome(("127.0.0.2", port), source="127.0.0.2"), "served")
        self.assertEqual(outcome(("127.0.0.1", port), source="127.0.0.1"), "reset")
        self.assertEqual(outcome(("::1", port)), "served")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"ping")
            self.assertEqual(client.recv(4), b"ping")

    def test_a_reload_reads_the_files_again(self):
        files = self.new_folder()
        path = os.path.join(files, "list")
        put(path, "deny 127.0.0.1\n")
        config = self.config([self.upstream], access={"files": [path]})
        proxy = self.lone_proxy(config)
        self.assertEqual(self.outcomes(proxy), ["reset", "served", "served"])
        with sockets.connect(proxy.address(), source="127.0.0.2") as old:
            put(path, "deny 127.0.0.2 # now this one\nallow 127.0.0.0/8\n")
            self.reload(proxy, config)
            self.assertEqual(self.outcomes(proxy), ["served", "reset", "served"])
            put(path, "deny 127.0.0.2\ndeny everybody\n")
            with open(proxy.config_path) as file:
                errors = self.rejected_reload(proxy, file.read())
            self.assertEqual(len(errors), 1, errors)
            self.assertRegex(errors[0], re.escape(path) + ":2:6: .*everybody")
            self.assertEqual(self.outcomes(proxy), ["served", "reset", "served"])
            old.sendall(b"ping")
            self.assertEqual(sockets.read_exactly(old, 4), b"ping", "an old session goes on")

    def test_a_file_that_has_lost_its_rules_changes_nothing(self):
        """Empty it would let in every client: the list before stays in force."""
        path = os.path.join(self.new_folder(), "list")
        put(path, "allow 127.0.0.2\n")
        config = self.config([self.upstream], access={"files": [path]})
        proxy = self.lone_proxy(config)
        self.assertEqual(self.outcomes(proxy), ["reset", "served", "reset"])
        with open(proxy.config_path) as file:
            text = file.read()
        for left in ("", "\n"):
            put(path, left)
            errors = self.rejected_reload(proxy, text)
            self.assertEqual(len(errors), 1, errors)
            self.assertRegex(errors[0], re.escape(f'access list "{path}": the file is empty'))
            self.assertEqual(self.outcomes(proxy), ["reset", "served", "reset"])
        put(path, "allow 127.0.0.1\n")
        self.reload(proxy, config)
        self.assertEqual(self.outcomes(proxy), ["served", "reset", "reset"])

    def test_a_watched_file_is_read_again_by_itself(self):
        path = os.path.join(self.new_folder(), "list")
        put(path, "deny 127.0.0.1\n")
        proxy = self.proxy([self.upstream], access={"files": [path]}, reload={"watch": True})
        self.assertEqual(self.outcomes(proxy), ["reset", "served", "served"])
        put(path, "deny 127.0.0.2\n")
        wait_for(lambda: self.outcomes(proxy) == ["served", "reset", "served"],
                 "the list to be read again")


if __name__ == "__main__":
    main()
