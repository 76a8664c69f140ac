"""Several listeners of all families at the same time; addresses are free again after a kill."""

import os
import socket

import sockets
from harness import main, matrix
from processes import wait_for
from sluice import Sluice


@matrix(workers=(1, 2))
class Listeners:
    def setUp(self):
        self.folder = self.new_folder()

    def path(self, name):
        return f"unix:{self.folder}/{name}.sock"

    def abstract(self):
        return f"unix:@sluice-{os.path.basename(self.folder)}"

    def check(self, web, listener, index, upstream):
        client = self.keep(web.connect(listener, index))
        server = self.keep(upstream.accept())
        sockets.exchange(client, server)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(sockets.ending(server), "eof")
        server.close()
        self.assertEqual(sockets.ending(client), "eof")

    def test_all_families_together(self):
        """One listener each with its own upstream, and one with a list of addresses."""
        upstreams = {name: self.keep(sockets.Listener()) for name in ("four", "six", "path", "at")}
        upstreams["list"] = self.keep(sockets.Listener("::1"))
        families = ["127.0.0.1:0", "[::1]:0", self.path("a"), self.abstract()]
        binds = dict(zip(upstreams, families))
        binds["list"] = ["127.0.0.1:0", "[::1]:0", self.path("b"), self.abstract() + "-2"]
        config = self.config([])
        config["listeners"] = [{"name": name, "bind": bind, "upstream": name}
                               for name, bind in binds.items()]
        config["upstreams"] = [{"name": name, "endpoints": [{"address": upstream.text}]}
                               for name, upstream in upstreams.items()]
        web = self.started_proxy(config)
        for _ in range(3):
            for name, upstream in upstreams.items():
                for index in range(len(web.addresses[name])):
                    self.check(web, name, index, upstream)
        ends = [end["listener"] for end in web.wait_line("session end", count=24) and
                web.session_ends()]
        self.assertEqual({name: ends.count(name) for name in upstreams},
                         {"four": 3, "six": 3, "path": 3, "at": 3, "list": 12})

    def test_upstream_on_a_unix_socket(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.folder + "/upstream.sock")
            server.listen()
            web = self.proxy([self.path("upstream")])
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(server.accept()[0]))

    def test_an_urgent_byte_on_unix_sockets(self):
        """It is a byte of the stream, in both directions, as on TCP."""
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.folder + "/upstream.sock")
            server.listen()
            web = self.proxy([self.path("upstream")], bind=self.path("web"))
            client = self.keep(web.connect())
            ends = client, self.keep(server.accept()[0])
            for writer, reader in (ends, ends[::-1]):
                writer.send(b"!", socket.MSG_OOB)
                self.assertEqual(sockets.read_exactly(reader, 1), b"!")
                writer.sendall(b"before")
                writer.send(b"!", socket.MSG_OOB)
                writer.sendall(b"after")
                self.assertEqual(sockets.read_exactly(reader, 12), b"before!after")

    def start_again(self, config):
        """Restarts at once, as a supervisor does: a killed process's ring ends a little later."""
        try:
            return self.started_proxy(config)
        except AssertionError as error:
            self.assertIn("Address already in use", str(error))
        return None

    def test_addresses_are_free_again_after_a_kill(self):
        """A port with connections in TIME_WAIT, and a UNIX socket's file that was left behind."""
        upstream = self.keep(sockets.Listener())
        bind = [f"{sockets.HOST}:{sockets.free_port()}", self.path("left"), self.abstract()]
        config = self.config([upstream.text], bind)
        first = self.program(Sluice(config))
        for index in range(3):
            sockets.exchange(self.keep(first.connect(index=index)), self.keep(upstream.accept()))
        first.kill()
        second = wait_for(lambda: self.start_again(config), "the addresses to be free", 2)
        for index in range(3):
            self.check(second, "web", index, upstream)


if __name__ == "__main__":
    main()
