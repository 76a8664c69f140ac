"""redis-benchmark, and a redis-cli session, through the proxy to Redis."""

import csv

import servers
from harness import main, matrix
from processes import Process, run, scaled


def setUpModule():
    global redis
    redis = servers.module_server(servers.Redis())


@matrix(workers=(1, 2))
class Redis:
    def setUp(self):
        self.port = self.proxy([redis.endpoint], log={"level": "info"}).port

    def cli(self, *arguments, **options):
        done = run("redis-cli", "-h", "127.0.0.1", "-p", self.port, *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def check_benchmark(self, requests, *options):
        done = run("redis-benchmark", "-h", "127.0.0.1", "-p", self.port, "-c", 50,
                   "-n", requests, "-t", "ping,set,get,incr,lpush,mset", "--csv", *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("rror", done.stdout + done.stderr)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual(len(rows), 7, done.stdout)  # ping is two tests
        for row in rows:
            self.assertGreater(float(row["rps"]), 0, row)

    def test_benchmark(self):
        self.check_benchmark(scaled(4000, 200))

    def test_benchmark_pipelined(self):
        self.check_benchmark(scaled(40000, 2000), "-P", 32, "-d", 100)

    def test_benchmark_new_connections(self):
        self.check_benchmark(scaled(1000, 100), "-k", 0)

    def test_large_binary_value(self):
        value = self.seed().randbytes(scaled(9 << 20, 1 << 20) + 13)
        key = self.id()
        self.assertEqual(self.cli("-x", "SET", key, input=value, text=False), b"OK\n")
        self.assertEqual(self.cli("STRLEN", key), f"{len(value)}\n")
        self.assertEqual(self.cli("GET", key, text=False), value + b"\n")
        self.assertEqual(self.cli("DEL", key), "1\n")

    def test_subscribe_and_publish(self):
        channel = self.id()
        subscriber = self.program(Process("redis-cli", "-h", "127.0.0.1", "-p", self.port,
                                          "SUBSCRIBE", channel))
        subscriber.wait_line("^subscribe$")
        messages = [f"message-{number}" for number in range(20)]
        for message in messages:
            self.assertEqual(self.cli("PUBLISH", channel, message), "1\n")
        subscriber.wait_line("^message-19$")
        self.assertEqual(subscriber.lines("^message-"), messages)


if __name__ == "__main__":
    main()
