"""health.on_down: what becomes of the sessions of an endpoint that goes down by its check."""

import time

import sockets
from checking import Checking, OFTEN
from harness import main, matrix

SESSIONS = 60


@matrix(workers=(1, 2))
class OnDown(Checking):
    def one_of_two(self, on_down):
        """Sessions at two upstreams, of which the endpoint of the first goes down; the clients."""
        door = self.keep(sockets.Listener())  # where it is checked
        host, port = door.address
        health = {"check": "connect", "fall": 2, **OFTEN, "on_down": on_down}
        self.sick, self.well = self.live(), self.live()
        config = self.config([self.sick], upstream={
            "health": {**health, "address": host, "port": port}, "queue_timeout": "0s"})
        config["listeners"].append({"name": "other", "bind": "127.0.0.1:0", "upstream": "other"})
        config["upstreams"].append({"name": "other", "endpoints": [{"address": self.well}],
                                    "health": health})
        self.web = self.started_proxy(config)
        clients = {"web": [], "other": []}
        for listener, count in (("web", SESSIONS), ("other", 5)):
            for _ in range(count):
                client = self.keep(self.web.connect(listener))
                sockets.exchange_echo(client)
                clients[listener].append(client)
        door.close()
        self.wait_is(self.web, self.sick, "down")
        return clients

    def test_reset(self):
        clients = self.one_of_two("reset")
        began = time.monotonic()
        ends = []
        for client in clients["web"]:
            with self.assertRaises(ConnectionResetError):
                client.recv(1)
            ends.append(time.monotonic() - began)
        self.assertLess(max(ends), 1.5)
        self.assertGreater(max(ends) - min(ends), 0.3, ends)  # they are spread
        for client in clients["other"]:
            sockets.exchange_echo(client)
        self.web.wait_session_end(SESSIONS)
        self.assertEqual({(end["reason"], end["by"], end["endpoint"])
                          for end in self.web.session_ends()},
                         {("endpoint_down", "proxy", self.sick)})
        line, = self.web.wait_line("sessions were reset")
        self.assertIn(f"upstream app: endpoint {self.sick} is down: {SESSIONS} sessions", line)

    def test_keep(self):
        clients = self.one_of_two("keep")
        for client in clients["web"] + clients["other"]:
            sockets.exchange_echo(client)
        self.assertEqual(self.web.session_ends(), [])

    def test_one_that_is_up_again_keeps_its_new_sessions(self):
        door = sockets.Listener()
        host, port = door.address
        live = self.live()
        web = self.checked_proxy([live], {"check": "connect", "address": host, "port": port,
                                          "on_down": "reset", "rise": 1},
                                 {"queue_timeout": "10s"})
        old = self.keep(web.connect())
        sockets.exchange_echo(old)
        door.socket.close()
        self.wait_is(web, live, "down")
        new = self.keep(web.connect())  # it waits for it
        again = self.keep(sockets.socket.socket())
        again.setsockopt(sockets.socket.SOL_SOCKET, sockets.socket.SO_REUSEADDR, 1)
        again.bind((host, port))
        again.listen(4096)
        self.wait_is(web, live, "up")
        with self.assertRaises(ConnectionResetError):
            old.recv(1)
        sockets.exchange_echo(new)
        web.wait_line("1 sessions were reset")
        sockets.exchange_echo(new)


if __name__ == "__main__":
    main()
