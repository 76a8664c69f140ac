"""A hundred thousand sessions of four kinds: afterwards descriptors and memory are as before."""

import random

import sockets
from echo import echo
from harness import MiB, main, matrix
from processes import scaled, wait_for

CLIENTS = 4
WARM_UP = scaled(8000, 400)
SESSIONS = scaled(100_000, 1000)


def churn(link, address, seed, count):
    """Connects and closes `count` times; exchanges a byte in half of them, resets a quarter."""
    rng = random.Random(seed)
    for _ in range(count):
        stream = sockets.connect(address)
        if rng.random() < 0.5:
            stream.send(b"x")
            assert stream.recv(1) == b"x"
        if rng.random() < 0.25:
            sockets.reset(stream)
        else:
            stream.close()
    return count


@matrix(workers=(2,))
class Churn:
    def run_clients(self, count):
        """`count` sessions by all clients together; returns when all are over in the proxy."""
        rng = self.seed()
        each = count // CLIENTS
        clients = [self.peer(churn, self.web.address(), rng.random(), each)
                   for _ in range(CLIENTS)]
        for client in clients:
            self.assertEqual(client.receive(120), each)
        self.done += each * CLIENTS
        self.web.wait_line(f"stats active=0 total={self.done} rejected=0 ")

    def test_everything_is_given_back(self):
        servers = [self.peer(echo) for _ in range(2)]
        self.web = self.proxy([server.receive() for server in servers],
                              log={"level": "info"}, stats={"interval": "200ms"})
        self.done = 0
        self.run_clients(WARM_UP)
        descriptors, memory = self.web.idle_descriptors(), self.web.resident()
        self.run_clients(SESSIONS)
        wait_for(lambda: self.web.descriptors() <= descriptors, "its descriptors to be closed")
        self.assert_memory_growth(memory, self.web.resident(), max(memory // 20, 2 * MiB), "RSS")


if __name__ == "__main__":
    main()
