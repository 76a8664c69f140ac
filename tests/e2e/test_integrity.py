"""A GiB each way at once over one connection: the same SHA-256 on both ends, memory bounded."""

import hashlib
import random
import socket
import threading

import sockets
from harness import MiB, main, matrix
from processes import DEADLINE, scaled

SIZE = scaled(1024 * MiB, 16 * MiB)
WARM_UP = 8 * MiB
ALLOWED_GROWTH = 4 * MiB


def pieces(seed, size):
    """`size` pseudo-random bytes in pieces of 1 to 256 KiB."""
    rng = random.Random(seed)
    pool = memoryview(rng.randbytes(4 * MiB))
    while size:
        length = min(size, rng.randint(1, 1 << 18))
        start = rng.randrange(len(pool) - length + 1)
        yield pool[start:start + length]
        size -= length


def send_all(stream, seed, size, digests):
    digest = hashlib.sha256()
    for piece in pieces(seed, size):
        digest.update(piece)
        stream.sendall(piece)
    stream.shutdown(socket.SHUT_WR)
    digests["sent"] = digest.hexdigest()


def both_ways(stream, seed, size):
    """Sends and receives at once until both have ended; the digests and the bytes received."""
    digests = {}
    sender = threading.Thread(target=send_all, args=(stream, seed, size, digests), daemon=True)
    sender.start()
    digest, received = hashlib.sha256(), 0
    buffer = memoryview(bytearray(256 << 10))
    while count := stream.recv_into(buffer):
        digest.update(buffer[:count])
        received += count
    sender.join(DEADLINE)
    return {**digests, "received": digest.hexdigest(), "bytes": received}


def server(link, seed, host, sizes):
    with sockets.Listener(host) as listener:
        link.send(listener.text)
        for size in sizes:
            with listener.accept() as stream:
                link.send(both_ways(stream, seed, size))


def client(link, address, seed, sizes):
    for size in sizes:
        with sockets.connect(address) as stream:
            link.send(both_ways(stream, seed, size))
        link.receive()


class Integrity:
    def check(self, bind, upstream_host, size):
        rng = self.seed()
        seeds = rng.random(), rng.random()
        sizes = (WARM_UP, size)
        there = self.peer(server, seeds[0], upstream_host, sizes)
        proxy = self.proxy([there.receive()], bind=bind)
        here = self.peer(client, proxy.address(), seeds[1], sizes)
        for expected in sizes:
            up, down = there.receive(60 + DEADLINE), here.receive(60 + DEADLINE)
            self.assertEqual((up["bytes"], down["bytes"]), (expected, expected))
            self.assertEqual(up["received"], down["sent"], "client to server")
            self.assertEqual(down["received"], up["sent"], "server to client")
            if expected == WARM_UP:
                before = proxy.resident()
                proxy.forget_peak()
                here.send("go on")
        self.assert_memory_growth(before, proxy.resident_peak(), ALLOWED_GROWTH, "peak RSS")
        end = proxy.wait_session_end(2)
        self.assertEqual((int(end["up"]), int(end["down"])), (size, size))


@matrix(workers=(1, 2))
class Tcp4(Integrity):
    def test_one_gigabyte_each_way(self):
        self.check("127.0.0.1:0", sockets.HOST, SIZE)


@matrix(workers=(2,))
class OtherFamilies(Integrity):
    def test_ipv6_to_ipv6(self):
        self.check("[::1]:0", "::1", SIZE)

    def test_unix_socket_to_ipv4(self):
        self.check(f"unix:{self.new_folder()}/in.sock", sockets.HOST, SIZE)


if __name__ == "__main__":
    main()
