"""Big configurations: 10,000 endpoints, 1,000 listeners. What counts here are counts; what it all
takes is told by loadtest/scale.py."""

import sockets
from echo import Echo, echo
from harness import MiB, main, matrix
from processes import scaled, wait_for
from reloading import Reloading

ENDPOINTS = 10_000
LISTENERS = 1_000


def echo_everywhere(link):
    """A peer: as `echo`, on one port of all addresses of this host; sends the port."""
    with sockets.Listener("0.0.0.0") as listener:
        link.send(listener.address[1])
        Echo(listener, link).serve()


def host(number):
    return f"127.100.{number // 250}.{number % 250 + 1}"


@matrix(workers=(2,))
class Scale(Reloading):
    def test_ten_thousand_endpoints(self):
        """None has a second turn before all have had one; a reload tells what it changes, once."""
        port = self.peer(echo_everywhere).receive()
        endpoints = [{"name": f"e{number}", "address": f"{host(number)}:{port}"}
                     for number in range(ENDPOINTS)]
        web = self.started_proxy(self.config(endpoints))
        held = self.keep(web.connect())
        sockets.exchange_echo(held)
        sessions = scaled(300, 100)
        for _ in range(sessions):
            with web.connect() as client:
                sockets.exchange_echo(client)
        web.wait_session_end(sessions)
        served = {end["endpoint"] for end in web.session_ends()}
        self.assertEqual(len(served), sessions)
        before = web.resident()
        endpoints[0]["weight"] = 2
        endpoints[1]["address"] = f"{host(ENDPOINTS)}:{port}"
        self.reload(web, self.config(endpoints[:-1]))
        told = [line.partition(" reload: ")[2] for line in web.lines(" reload: ")]
        self.assertEqual(sorted(told), sorted([
            "upstream app: endpoint e0: weight is 2, was 1",
            f"upstream app: endpoint e1: address is {host(ENDPOINTS)}:{port}, was {host(1)}:{port}",
            f"upstream app: endpoint e{ENDPOINTS - 1} is removed"]))
        sockets.exchange_echo(held)
        for shown in (endpoints, endpoints[:-1]):
            self.reload(web, self.config(shown))
        self.assert_memory_growth(before, web.resident(), 100 * MiB, "RSS over three reloads")

    def test_a_thousand_listeners(self):
        """Each is served, and has its socket, a copy for each worker and no more; also when a
        reload has put other ones in the place of half of them."""
        server = self.peer(echo).receive()

        def config(numbers):
            listeners = [{"name": f"l{number}", "bind": f"{host(number)}:0", "upstream": "app"}
                         for number in numbers]
            return self.changed(self.config([server]), listeners=listeners)
        one = self.started_proxy(config(range(1))).idle_descriptors()
        web = self.started_proxy(config(range(LISTENERS)))
        descriptors = web.idle_descriptors()
        self.assertEqual(descriptors - one, (self.workers + 1) * (LISTENERS - 1))
        held = self.keep(web.connect("l0"))
        for number in range(LISTENERS):
            with web.connect(f"l{number}") as client:
                sockets.exchange_echo(client)
        half = LISTENERS // 2
        self.reload(web, config(range(half, LISTENERS + half)))
        for number in range(half):
            wait_for(lambda: sockets.refused(web.address(f"l{number}")), "its port to be closed")
        self.assertEqual(len(web.lines("listening on")), LISTENERS + half)
        self.assertEqual(len(web.lines(r"reload: listener l\d+ is removed")), half)
        self.assertEqual(len(web.lines(r"reload: listener l\d+ is added")), half)
        for number in range(half, LISTENERS):
            with web.connect(f"l{number}") as client:
                sockets.exchange_echo(client)
        sockets.exchange_echo(held)
        held.close()
        wait_for(lambda: web.descriptors() == descriptors, "as few descriptors as before")


if __name__ == "__main__":
    main()
