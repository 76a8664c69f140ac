"""Thousands of connections at once, and a connection limit that holds exactly.

Clients and echo server are processes of their own: a process has 20,000 descriptors at most.
"""

import selectors

import sockets
from crowd import arrive, crowd
from echo import echo
from harness import main, matrix
from processes import DEADLINE, scaled

CROWD = scaled(4000, 200)


def waves(link, address, count, rounds):
    """Arrives again and again; returns the number of answered clients of each round."""
    return [list(arrive(address, count, lambda *_: None).values()).count("answered")
            for _ in range(rounds)]


@matrix(workers=(1, 2))
class Crowd:
    def server(self):
        server = self.peer(echo)
        return server, server.receive()

    def test_all_of_a_crowd_are_answered_at_once(self):
        server, endpoint = self.server()
        proxy = self.proxy([endpoint], log={"level": "info"},
                           limits={"max_connections": CROWD})
        clients = self.peer(crowd, proxy.address(), CROWD)
        self.assertEqual(clients.receive(60), CROWD)
        server.send("count")
        self.assertEqual(server.receive(), (CROWD, CROWD))

    def test_limit_serves_exactly_as_many_as_allowed(self):
        limit, arrivals = scaled(300, 30), scaled(1500, 150)
        server, endpoint = self.server()
        proxy = self.proxy([endpoint], log={"level": "info"}, stats={"interval": "200ms"},
                           limits={"max_connections": limit})
        clients = self.peer(crowd, proxy.address(), arrivals)
        self.assertEqual(clients.receive(60), limit)
        proxy.wait_line(f"stats active=0 total={limit} rejected={arrivals - limit} ")
        server.send("count")
        self.assertEqual(server.receive(), (limit, limit))

    def test_limit_of_a_listener(self):
        limit, arrivals = 20, 100
        server, endpoint = self.server()
        proxy = self.proxy([endpoint], log={"level": "info"},
                           listener={"max_connections": limit})
        clients = self.peer(crowd, proxy.address(), arrivals)
        self.assertEqual(clients.receive(60), limit)
        server.send("count")
        self.assertEqual(server.receive(), (limit, limit))

    def test_limit_holds_while_sessions_come_and_go(self):
        """Fresh crowds while sessions of the last one end; then, all gone, exactly `limit`."""
        limit, arrivals, rounds = 50, 100, scaled(20, 4)
        server, endpoint = self.server()
        proxy = self.proxy([endpoint], log={"level": "info"}, stats={"interval": "50ms"},
                           limits={"max_connections": limit})
        clients = self.peer(waves, proxy.address(), arrivals, rounds)
        answered = clients.receive(60)
        self.assertEqual(answered[0], limit)
        self.assertLessEqual(max(answered), limit)
        proxy.wait_line(f"stats active=0 total={sum(answered)} ")
        answered += self.peer(waves, proxy.address(), arrivals, 1).receive(60)
        self.assertEqual(answered[-1], limit)
        server.send("count")
        self.assertEqual(server.receive(), (sum(answered), limit))

    def test_waiting_at_the_limit(self):
        """on_limit: wait accepts a client when one has gone; all are served, few at a time."""
        limit, arrivals = 10, 100
        server, endpoint = self.server()
        proxy = self.proxy([endpoint], log={"level": "info"},
                           limits={"max_connections": limit, "on_limit": "wait"})
        clients = [self.peer(one_by_one, proxy.address(), arrivals // 4) for _ in range(4)]
        for each in clients:
            self.assertEqual(each.receive(60), arrivals // 4)
        server.send("count")
        total, most = server.receive()
        self.assertEqual(total, arrivals)
        self.assertLessEqual(most, limit)


def one_by_one(link, address, count):
    """Connects `count` at once, and closes each as soon as it has been answered."""
    poller = selectors.DefaultSelector()
    for number in range(count):
        one = sockets.connect(address)
        one.sendall(b"hello")
        poller.register(one, selectors.EVENT_READ)
    answered = 0
    while poller.get_map():
        ready = poller.select(DEADLINE)
        assert ready, f"only {answered} of {count} were answered"
        for key, _ in ready:
            answered += key.fileobj.recv(5) == b"hello"
            poller.unregister(key.fileobj)
            key.fileobj.close()
    return answered


if __name__ == "__main__":
    main()
