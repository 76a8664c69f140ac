"""Choice of the upstream: exact shares, the next one when one fails, a quick end when all do."""

import time

import sockets
from blackhole import Blackhole
from crowd import crowd
from echo import echo
from harness import main, matrix
from processes import DEADLINE


def closed_port():
    """An endpoint that refuses connects: no other test uses this host."""
    return sockets.text_of((sockets.HOST, sockets.free_port()))


@matrix(workers=(1, 2))
class Failover:
    def echo_session(self, web):
        client = self.keep(web.connect())
        sockets.exchange_echo(client)
        return client

    def test_next_endpoint_when_one_refuses(self):
        live = self.peer(echo).receive()
        web = self.proxy([closed_port(), live, closed_port()])
        for _ in range(12):
            began = time.monotonic()
            self.echo_session(web).close()
            self.assertLess(time.monotonic() - began, DEADLINE / 40)
        self.assertEqual({end["endpoint"] for end in self.ends(web, 12)}, {live})

    def ends(self, web, count):
        web.wait_session_end(count)
        return web.session_ends()

    def test_next_endpoint_when_one_never_answers(self):
        live = self.peer(echo).receive()
        web = self.proxy([self.keep(Blackhole()).text, live],
                         defaults={"timeouts": {"connect": "200ms"}})
        began = time.monotonic()
        for _ in range(2):
            self.echo_session(web)
        self.assertGreater(time.monotonic() - began, 0.19)
        self.assertLess(time.monotonic() - began, DEADLINE / 10)

    def test_all_endpoints_down(self):
        web = self.proxy([closed_port(), closed_port()], upstream={"retry_for": "0s"})
        for number in range(1, 11):
            began = time.monotonic()
            self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
            self.assertLess(time.monotonic() - began, DEADLINE / 40)
            end = web.wait_session_end(number)
            self.assertEqual((end["reason"], end["by"]), ("no_upstream", "proxy"))

    def test_endpoint_that_comes_back(self):
        endpoint = sockets.free_port()
        web = self.proxy([sockets.text_of((sockets.HOST, endpoint))],
                         upstream={"retry_for": "0s"})
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        with sockets.socket.create_server((sockets.HOST, endpoint)) as revived:
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(revived.accept()[0]))

    def test_an_accepted_connection_is_not_tried_again(self):
        """An upstream that closes at once has been reached: no other gets this client."""
        both = [self.keep(sockets.Listener()) for _ in range(2)]
        web = self.proxy([each.text for each in both])
        client = self.keep(web.connect())
        first = sockets.ready_of(both)
        first.accept().close()
        self.assertEqual(sockets.read_to_end(client), (b"", "eof"))
        client.close()
        self.assertEqual(web.wait_session_end()["endpoint"], first.text)

    def test_weights_are_exact(self):
        """3:1 over 400 connections, one after the other and all at once."""
        servers = [self.peer(echo) for _ in range(2)]
        endpoints = [{"address": server.receive(), "weight": weight}
                     for server, weight in zip(servers, (3, 1))]
        web = self.proxy(endpoints, log={"level": "info"})
        for _ in range(200):
            self.echo_session(web).close()
        self.assertEqual(self.peer(crowd, web.address(), 200).receive(), 200)
        totals = []
        for server in servers:
            server.send("count")
            totals.append(server.receive()[0])
        self.assertEqual(totals, [300, 100])

    def test_equal_weights_take_turns(self):
        listeners = [self.keep(sockets.Listener()) for _ in range(3)]
        web = self.proxy([listener.text for listener in listeners])
        client = self.keep(web.connect())
        first = listeners.index(sockets.ready_of(listeners))  # any; from there on it is known
        turns = listeners[first:] + listeners[:first]
        sockets.exchange(client, self.keep(turns[0].accept()))
        for listener in (turns * 3)[1:]:
            client = self.keep(web.connect())
            sockets.exchange(client, self.keep(listener.accept()))

    def test_processes_begin_with_different_endpoints(self):
        """Else the first of the list had the first session of every process."""
        listeners = [self.keep(sockets.Listener()) for _ in range(2)]
        begun = set()
        for _ in range(20):  # one in a million would all begin with the same
            web = self.proxy([listener.text for listener in listeners])
            client = self.keep(web.connect())
            listener = sockets.ready_of(listeners)
            sockets.exchange(client, self.keep(listener.accept()))
            begun.add(listener.text)
            if len(begun) == 2:
                break
        self.assertEqual(len(begun), 2)


if __name__ == "__main__":
    main()
