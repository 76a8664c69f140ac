"""How an endpoint is chosen, by the policies other than round robin."""

import math
import time

import sockets
from crowd import arrive
from echo import echo
from harness import main, matrix
from processes import scaled


def held(link, address, count):
    """A peer: connects `count` times at once, and holds all; says when each has had its echo."""
    def wait(everyone, outcomes):
        link.send(list(outcomes.values()).count("answered"))
        link.receive()
    arrive(address, count, wait)


def late_echo(link):
    """A peer: an echo server that answers each connection once, after 100 ms."""
    with sockets.Listener() as listener:
        link.send(listener.text)
        while True:
            stream = listener.accept()
            data = stream.recv(100)
            time.sleep(0.1)  # what it stands for: a server that is slow
            stream.sendall(data)
            stream.close()


def banner(link, seconds):
    """A peer: a server that speaks first, after some time."""
    with sockets.Listener() as listener:
        link.send(listener.text)
        while True:
            stream = listener.accept()
            time.sleep(seconds)  # what it stands for: a server that is slow
            stream.sendall(b"hello")
            stream.close()


@matrix(workers=(1, 2))
class Balance:
    def servers(self, count, **keys):
        """`count` echo servers, and their endpoints."""
        self.echoes = [self.peer(echo) for _ in range(count)]
        return [{"address": server.receive(), **keys} for server in self.echoes]

    def counts(self):
        """How many connections each server has had."""
        for server in self.echoes:
            server.send("count")
        return [server.receive()[0] for server in self.echoes]

    def echo_session(self, web, source=None):
        client = self.keep(web.connect(source=source))
        sockets.exchange_echo(client)
        return client

    def hold(self, web, count):
        """Many clients that come together and stay; returns them as a peer."""
        clients = self.peer(held, web.address(), count)
        self.assertEqual(clients.receive(), count)
        return clients

    def test_least_connections(self):
        """64 clients at once, held: none has two more than another one; who is left is next."""
        web = self.proxy(self.servers(3), log={"level": "info"},
                         upstream={"balance": "least_connections"}, stats={"interval": "50ms"})
        self.hold(web, 64)
        self.assertEqual(sorted(self.counts()), [21, 21, 22])
        self.hold(web, 64)
        self.assertEqual(sorted(self.counts()), [42, 43, 43])

    def test_least_connections_takes_the_one_that_was_left(self):
        listeners = [self.keep(sockets.Listener()) for _ in range(2)]
        web = self.proxy([each.text for each in listeners],
                         upstream={"balance": "least_connections"})
        pairs = []
        for listener in listeners * 3:
            client = self.keep(web.connect())
            pairs.append((client, self.keep(listener.accept())))
            sockets.exchange(*pairs[-1])
        for index in (1, 3):  # both of the second endpoint
            sockets.reset(pairs[index][0])
            self.assertEqual(sockets.ending(pairs[index][1]), "reset")
        for _ in range(2):
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(listeners[1].accept()))

    def test_random_two(self):
        """Held sessions follow the weights 2:1:1, but for the few picks that draw one alone."""
        endpoints = self.servers(3)
        endpoints[0]["weight"] = 2
        web = self.proxy(endpoints, log={"level": "info"}, upstream={"balance": "random_two"})
        self.hold(web, 200)
        for count, share in zip(self.counts(), (100, 50, 50)):
            self.assertLess(abs(count - share), 12)

    def where(self, web, sources):
        """The endpoint that each source's session was given to."""
        before = len(web.session_ends())
        for source in sources:
            self.echo_session(web, source).close()
        web.wait_session_end(before + len(sources))
        return {end["client"].rpartition(":")[0]: end["endpoint"]
                for end in web.session_ends()[before:]}

    def test_hashed_policies(self):
        """Two proxies agree for each source, whatever the order of the endpoints; all have some."""
        endpoints = self.servers(4)
        sources = [f"127.0.{number}.7" for number in range(1, scaled(60, 30))]
        for balance in ("source_hash", "maglev"):
            upstream = {"balance": balance, "hash": {"seed": 7}}
            one = self.proxy(endpoints, upstream=upstream)
            two = self.proxy(endpoints[::-1], upstream=upstream)
            places = self.where(one, sources)
            self.assertEqual(len(places), len(sources))
            self.assertEqual(self.where(two, sources), places)
            self.assertEqual(self.where(one, sources), places)
            self.assertEqual(len(set(places.values())), 4, places)
            other = self.proxy(endpoints, upstream={"balance": balance, "hash": {"seed": 8}})
            self.assertNotEqual(self.where(other, sources), places)

    def test_sources_of_one_network_stay_together(self):
        for balance in ("source_hash", "maglev"):
            web = self.proxy(self.servers(4), upstream={"balance": balance,
                                                        "hash": {"ipv4_prefix": 24}})
            places = self.where(web, [f"127.0.9.{number}" for number in range(1, 30)])
            self.assertEqual(len(set(places.values())), 1)

    def test_hashed_endpoint_that_fails(self):
        """Its sources go to the others until it is there, and then to it."""
        sources = [f"127.0.{number}.7" for number in range(1, 25)]
        for balance in ("source_hash", "maglev"):
            port = sockets.free_port()
            dead = sockets.text_of((sockets.HOST, port))
            endpoints = [*self.servers(2), dead]
            web = self.proxy(endpoints, upstream={"balance": balance})
            first = self.where(web, sources)
            self.assertNotIn(dead, first.values())
            self.assertEqual(self.where(web, sources), first)
            with sockets.socket.create_server((sockets.HOST, port)) as revived:
                moved = 0
                for source in sources:
                    client = self.keep(web.connect(source=source))
                    client.sendall(b"ping")
                    revived.settimeout(0.2)
                    try:
                        revived.accept()[0].close()
                        moved += 1
                    except TimeoutError:
                        self.assertEqual(sockets.read_exactly(client, 4), b"ping")
                    client.close()
                self.assertGreater(moved, 0)
                self.assertLess(moved, len(sources))

    def test_max_load(self):
        """All clients are of one source; none of four endpoints has more than 1.25 of its share."""
        for balance in ("source_hash", "maglev"):
            web = self.proxy(self.servers(4), log={"level": "info"},
                             upstream={"balance": balance, "hash": {"max_load": "125%"}})
            self.hold(web, 60)
            counts = self.counts()
            self.assertEqual(sum(counts), 60)
            self.assertEqual(max(counts), math.ceil(1.25 * 60 / 4), counts)

    def test_first(self):
        """One after the other is filled; a slot that comes back is taken before a later one."""
        listeners = [self.keep(sockets.Listener()) for _ in range(3)]
        web = self.proxy([{"address": each.text, "max_connections": 2} for each in listeners],
                         upstream={"balance": "first"})
        pairs = []
        for listener in (listeners[0], listeners[0], listeners[1], listeners[1], listeners[2]):
            client = self.keep(web.connect())
            pairs.append((client, self.keep(listener.accept())))
            sockets.exchange(*pairs[-1])
        sockets.reset(pairs[2][0])
        self.assertEqual(sockets.ending(pairs[2][1]), "reset")
        web.wait_session_end()
        client = self.keep(web.connect())
        sockets.exchange(client, self.keep(listeners[1].accept()))

    def test_every_policy_tries_another_one(self):
        """Two of three refuse; each session reaches the third in the first round."""
        live = self.peer(echo).receive()
        dead = [sockets.text_of((sockets.HOST, sockets.free_port())) for _ in range(2)]
        for balance in ("least_connections", "random_two", "source_hash", "maglev", "first",
                        "fastest"):
            web = self.proxy([dead[0], live, dead[1]], upstream={"balance": balance})
            for number in range(1, 13):
                self.echo_session(web).close()
                end = web.wait_session_end(number)
                self.assertEqual((end["endpoint"], end["reason"]), (live, "closed"))
                self.assertLessEqual(int(end["attempts"]), 3)

    def test_fastest(self):
        """Three servers, of which one takes 100 ms to answer: it gets next to nothing."""
        quick = self.servers(2)
        late = self.peer(late_echo)
        web = self.proxy([{"address": late.receive()}, *quick], log={"level": "info"},
                         upstream={"balance": "fastest"})
        for _ in range(60):
            self.echo_session(web).close()
        counts = self.counts()
        self.assertGreaterEqual(sum(counts), 57, "one is tried again after 10 s and more")
        self.assertGreater(min(counts), 0)

    def test_fastest_where_the_server_speaks_first(self):
        """A banner after 100 ms, and one at once."""
        late, quick = self.peer(banner, 0.1), self.peer(banner, 0)
        endpoints = [late.receive(), quick.receive()]
        web = self.proxy(endpoints, upstream={"balance": "fastest"})
        for number in range(1, 31):
            client = self.keep(web.connect())
            self.assertEqual(sockets.read_exactly(client, 5), b"hello")
            client.close()
            web.wait_session_end(number)
        ends = [end["endpoint"] for end in web.session_ends()]
        self.assertGreaterEqual(ends.count(endpoints[1]), 28)

    def test_fastest_does_not_prefer_one_that_refuses(self):
        live = self.peer(echo).receive()
        dead = sockets.text_of((sockets.HOST, sockets.free_port()))
        web = self.proxy([dead, live], upstream={"balance": "fastest"})
        for number in range(1, 21):
            self.echo_session(web).close()
            web.wait_session_end(number)
        attempts = [int(end["attempts"]) for end in web.session_ends()]
        self.assertLessEqual(sum(attempts), 22, attempts)

    def test_priority(self):
        """A spare is for sessions that the better ones refuse, not for those that they let wait."""
        best, spare = (self.keep(sockets.Listener()) for _ in range(2))
        dead = sockets.text_of((sockets.HOST, sockets.free_port()))
        endpoints = [{"address": spare.text, "priority": 1},
                     {"address": best.text, "max_connections": 1}, {"address": dead}]
        web = self.proxy(endpoints, upstream={"queue_timeout": "300ms", "retry_for": "0s"})
        client = self.keep(web.connect())
        upstream = self.keep(best.accept())
        sockets.exchange(client, upstream)
        waiting = self.keep(web.connect())  # has tried the dead one; the best one is taken
        self.assertEqual(sockets.ending(waiting), "reset")
        self.assertEqual(web.wait_session_end()["reason"], "queue_timeout")
        best.close()
        sockets.reset(client)
        self.assertEqual(sockets.ending(upstream), "reset")
        web.wait_session_end(2)
        for _ in range(3):
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(spare.accept()))

    def test_priority_of_one_that_drains(self):
        for balance in ("round_robin", "least_connections", "maglev"):
            spare = self.keep(sockets.Listener())
            drained = {"address": sockets.text_of((sockets.HOST, 1)), "weight": 0}
            web = self.proxy([drained, {"address": spare.text, "priority": 9}],
                             upstream={"balance": balance})
            for _ in range(3):
                client = self.keep(web.connect())
                sockets.exchange(client, self.keep(spare.accept()))

    def test_all_drain(self):
        """The upstream is down: the reason is that there is none, not that the queue was long."""
        for balance in ("round_robin", "least_connections", "random_two", "source_hash", "maglev",
                        "first", "fastest"):
            endpoints = [{"address": sockets.text_of((sockets.HOST, 1)), "weight": 0}] * 2
            web = self.proxy(endpoints, upstream={"balance": balance, "queue_timeout": "50ms"})
            self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
            end = web.wait_session_end()
            self.assertEqual((end["reason"], end["by"], end["attempts"]),
                             ("no_upstream", "proxy", "0"))
            web.wait_line("upstream app: every endpoint has weight 0")


if __name__ == "__main__":
    main()
