"""A reload that changes the policy of balancing: what the endpoints have and who waits stays."""

import sockets
from harness import main, matrix
from processes import wait_for
from reloading import Reloading


@matrix(workers=(1, 2))
class Policy(Reloading):
    def setUp(self):
        self.ends = [self.keep(sockets.Listener()) for _ in range(2)]

    def with_policy(self, balance, limit=0, **upstream):
        endpoints = [{"address": end.text, "max_connections": limit} for end in self.ends]
        return self.config(endpoints, upstream={"balance": balance, "queue_timeout": "1m",
                                                 **upstream})

    def session_at(self, web, end):
        """A new client, which is given that endpoint."""
        client = self.keep(web.connect())
        pair = (client, self.keep(self.ends[end].accept()))
        sockets.exchange(*pair)
        return pair

    def test_sessions_count_for_the_policy_that_comes(self):
        """They began under one that needs no number; the next one gives the others as many."""
        web = self.started_proxy(self.with_policy("first"))
        held = [self.session_at(web, 0) for _ in range(5)]
        self.reload(web, self.with_policy("least_connections"))
        held += [self.session_at(web, 1) for _ in range(4)]
        for pair in held[:2]:  # they go as they would have under the policy before
            sockets.reset(pair[0])
            self.assertEqual(sockets.ending(pair[1]), "reset")
        web.wait_session_end(2)
        held += [self.session_at(web, 0)]
        self.reload(web, self.with_policy("fastest", slow_start="10s"))
        self.reload(web, self.with_policy("least_connections"))
        for pair in held[5:7]:
            sockets.reset(pair[0])
        web.wait_session_end(4)
        held += [self.session_at(web, 1) for _ in range(2)]
        for pair in held[2:5] + held[7:]:
            sockets.exchange(*pair)

    def test_a_limit_that_comes_with_it(self):
        """It counts the sessions that there are, and one that ends makes room."""
        web = self.started_proxy(self.with_policy("first"))
        held = [self.session_at(web, 0) for _ in range(2)]
        self.reload(web, self.with_policy("source_hash", limit=1))
        self.session_at(web, 1)
        before = web.idle_descriptors()
        waits = self.keep(web.connect())
        wait_for(lambda: web.descriptors() > before, "the client to be taken")
        waits.sendall(b"waits")
        sockets.reset(held[0][0])
        web.wait_session_end(1)
        self.reload(web, self.with_policy("maglev", limit=1))
        self.ends[0].socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            self.ends[0].accept()
        sockets.reset(held[1][0])
        self.ends[0].socket.settimeout(None)
        server = self.keep(self.ends[0].accept())
        self.assertEqual(sockets.read_exactly(server, 5), b"waits")


if __name__ == "__main__":
    main()
