"""The key-value server under redis-cli, redis-benchmark and clients that know no protocol."""

import csv

from harness import main, matrix
from network import Served
from processes import run, scaled, wait_for
from sockets import read_exactly, read_to_end


@matrix(workers=(1,))
class KeyValue(Served):
    def each_way(self, *options):
        for address in self.serve("key_value_server", *options):
            self.address = address
            yield address
            self.cli("FLUSHALL")
        self.end_server()

    def cli(self, *words, **options):
        host, port = self.address
        done = run("redis-cli", "-h", host, "-p", port, *words, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.rstrip("\n") if isinstance(done.stdout, str) else done.stdout

    def expect(self, table):
        for line, wanted in table:
            self.assertEqual(self.cli(*line.split()), wanted, line)

    def test_commands(self):
        for _ in self.each_way():
            self.expect([
                ("PING", "PONG"), ("PING hello", "hello"), ("GET k", ""), ("SET k v", "OK"),
                ("GET k", "v"), ("set k w NX", ""), ("GET k", "v"), ("SET k w XX", "OK"),
                ("GET k", "w"), ("SET other 1 XX", ""), ("EXISTS k other k", "2"),
                ("DBSIZE", "1"), ("TTL k", "-1"), ("TTL none", "-2"), ("EXPIRE k 100", "1"),
                ("TTL k", "100"), ("EXPIRE none 100", "0"), ("INCR n", "1"), ("INCR n", "2"),
                ("INCRBY n 40", "42"), ("DECR n", "41"), ("DEL k n none", "2"), ("DBSIZE", "0"),
                ("SET t v EX 100 NX", "OK"), ("TTL t", "100"), ("SET t v", "OK"), ("TTL t", "-1"),
            ])

    def test_mistakes_are_told(self):
        number = "ERR value is not an integer or out of range"
        for _ in self.each_way():
            self.expect([
                ("NONSENSE", "ERR unknown command"),
                ("get", "ERR wrong number of arguments for 'GET'"),
                ("GET a b", "ERR wrong number of arguments for 'GET'"),
                ("SET k v", "OK"), ("INCR k", number), ("INCRBY n x", number),
                ("SET k 9223372036854775807", "OK"), ("INCR k", number),
                ("SET k v EX", "ERR syntax error"), ("SET k v EX 0", number),
                ("SET k v EX 99999999999", number), ("SET k v KEEP", "ERR syntax error"),
                ("EXPIRE k -1", number),
            ])

    def test_keys_expire(self):
        for _ in self.each_way():
            self.assertEqual(self.cli("SET", "k", "v", "PX", "200"), "OK")
            wait_for(lambda: self.cli("GET", "k") == "", "the key to expire")
            self.expect([("TTL k", "-2"), ("DBSIZE", "0"), ("SET k w NX", "OK")])

    def test_any_bytes(self):
        for _ in self.each_way():
            value = self.seed().randbytes(scaled(2 << 20, 1 << 20))
            self.assertEqual(self.cli("-x", "SET", "k", input=value, text=False), b"OK\n")
            self.assertEqual(self.cli("GET", "k", text=False), value + b"\n")

    def test_benchmark(self):
        whole_pipelines = 32 * scaled(50, 7)  # it does not send a part of one
        runs = [(whole_pipelines, ()), (whole_pipelines, ("-P", 32)), (scaled(200), ("-k", 0))]
        for host, port in self.each_way():
            for count, options in runs:
                done = run("redis-benchmark", "-h", host, "-p", port, "-c", 50, "-n", count,
                           "-t", "ping,set,get,incr", "--csv", *options)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertNotIn("rror", done.stdout + done.stderr)
                rows = list(csv.DictReader(done.stdout.splitlines()))
                self.assertEqual(len(rows), 5, done.stdout)  # ping is two tests
            # No command was lost, and none counted twice.
            self.assertEqual(self.cli("GET", "counter:__rand_int__"),
                             str(sum(count for count, _ in runs)))

    def test_what_came_in_pieces_is_answered_at_once(self):
        for address in self.each_way():
            client = self.connected(address)
            client.sendall(b"PING\r\n\r\n*2\r\n$4\r\nping\r\n$2\r\nab\r\n*2\r\n$3\r\nGE")
            self.assertEqual(read_exactly(client, 15), b"+PONG\r\n$2\r\nab\r\n")
            client.sendall(b"T\r\n$1\r\nk\r\n")
            self.assertEqual(read_exactly(client, 5), b"$-1\r\n")
            client.close()

    def test_what_is_no_command_ends_its_client_only(self):
        bad = [b"*1000000000\r\n", b"*-1\r\n", b"*1\r\n$99999999999\r\n", b"*1\r\n+x\r\n",
               b"*2\r\n$3\r\nGETx\r\n", b"*1\r\n$1\r\n\x00\x00\x00", b"*x\r\n", b"x" * 5000]
        for address in self.each_way():
            other = self.connected(address)
            for text in bad:
                client = self.connected(address)
                client.sendall(text)
                answer, how = read_to_end(client)
                self.assertIn((answer, how), [(b"-ERR Protocol error\r\n", "eof"),
                                              (b"-ERR Protocol error\r\n", "reset"),
                                              (b"", "reset")], text[:40])
                client.close()
            other.sendall(b"PING\r\n")
            self.assertEqual(read_exactly(other, 7), b"+PONG\r\n")
            other.close()

    def test_memory_has_a_limit(self):
        full = "OOM the memory of this server is used up"
        for _ in self.each_way("--megabytes=1"):
            value = "x" * 100_000
            answers = [self.cli("SET", f"k{number}", value) for number in range(11)]
            self.assertEqual(answers, ["OK"] * 10 + [full])
            self.expect([("SET k0 small", "OK"), ("SET more small", "OK"), ("DBSIZE", "11")])
            self.assertEqual(self.cli("SET", "last", value, "PX", "1"), "OK")
            # What has expired makes room, though nobody asks for it.
            wait_for(lambda: self.cli("SET", "new", value) == "OK", "the expired key to go")

    def test_a_signal_ends_it_with_clients_connected(self):
        direct, proxied = self.serve("key_value_server")
        clients = [self.connected(address) for address in (direct, proxied)]
        for client in clients:
            client.sendall(b"PING\r\n")
            self.assertEqual(read_exactly(client, 7), b"+PONG\r\n")
        self.end_server()
        for client in clients:
            self.assertEqual(read_to_end(client), (b"", "eof"))


if __name__ == "__main__":
    main()
