"""Redis from tasks and from threads, and the cache of two tiers, with a real Redis server."""

import re
import signal

import servers
from harness import main, matrix
from network import Served, program
from processes import Process, run
from sockets import HOST, Listener, free_port, text_of

ORIGIN_MS = 200
REDIS_MS = 50
PATIENT = "--redis-milliseconds=10000"  # where a busy machine must not make a difference


def setUpModule():
    global redis
    redis = servers.module_server(servers.Redis())


def cli(*words):
    done = run("redis-cli", "-h", HOST, "-p", redis.port, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip("\n")


@matrix(workers=(1,))
class RedisClients(Served):
    def each_way(self):
        for where in (redis.endpoint, text_of(self.proxy([redis.endpoint]).address())):
            cli("FLUSHALL")
            yield where

    def threads(self, where, *words):
        done = self.example("redis_threads", where, *words)
        return done.returncode, done.stdout, done.stderr

    def test_many_tasks_share_a_connection(self):
        for where in self.each_way():
            before = int(re.search(r"total_connections_received:(\d+)", cli("INFO", "stats"))[1])
            done = self.example("redis_tasks", where, "--tasks=500")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout.splitlines(),
                             [f"task:{n} = value {n}" for n in range(500)])
            after = int(re.search(r"total_connections_received:(\d+)", cli("INFO", "stats"))[1])
            self.assertEqual(after - before, 2)  # the second one asks here
            self.assertEqual(cli("GET", "task:499"), "value 499")

    def test_threads_set_and_get(self):
        for where in self.each_way():
            self.assertEqual(self.threads(where, "set", "k", "a value"), (0, "OK\n", ""))
            self.assertEqual(cli("TTL", "k"), "-1")
            self.assertEqual(self.threads(where, "set", "short", "", "100"), (0, "OK\n", ""))
            self.assertIn(cli("TTL", "short"), ("99", "100"))
            self.assertEqual(self.threads(where, "get", "k", "none", "short", *["k"] * 50),
                             (0, "a value\n(nothing)\n\n" + "a value\n" * 50, ""))

    def test_publish(self):
        for where in self.each_way():
            listener = self.program(Process("redis-cli", "-h", HOST, "-p", redis.port,
                                            "SUBSCRIBE", "news"))
            listener.wait_line("^subscribe$")
            self.assertEqual(self.threads(where, "publish", "news", "it works"), (0, "1\n", ""))
            listener.wait_line("^it works$")
            listener.kill()

    def test_errors_say_what_failed(self):
        for where in self.each_way():
            cli("LPUSH", "list", "x")
            code, _, error = self.threads(where, "get", "list")
            self.assertEqual(code, 1)
            self.assertTrue(error.startswith("WRONGTYPE "), error)
        nowhere = f"{HOST}:{free_port()}"
        self.assertEqual(self.threads(nowhere, "get", "k"),
                         (1, "", f"connect {nowhere}: Connection refused\n"))
        for words in (("get",), ("set", "k"), ("jump", "a", "b"), ("set", "k", "v", "soon"),
                      ("publish", "a", "b", "c")):
            code, _, error = self.threads(nowhere, *words)
            self.assertEqual(code, 2, words)
            self.assertIn("usage: redis_threads ADDRESS get KEY...", error)

    def test_a_server_that_is_none(self):
        for answer in (b"hello\r\n", b"$5\r\nabcdefg\r\n", b"$99999999999\r\n", b"*1\r\n:1\r\n",
                       b"$5\r\nab", b""):
            with Listener() as listener:
                client = self.program(self.started_threads(listener.text))
                with listener.accept() as server:
                    server.recv(1000)
                    server.sendall(answer)
                    server.shutdown(1)
                    self.assertEqual(client.wait(), 1, answer)
                self.assertRegex(client.text(), f"^ask {listener.text}: [A-Z]")

    def started_threads(self, where):
        return Process(program("redis_threads"), where, "get", "k", f"--backend={self.backend}")

    def cache(self, where, *keys):
        """(key, where it was found, milliseconds) for each."""
        done = self.example("two_tier_cache", where, *keys)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = [re.fullmatch(r"(.*): value of (.*), (\w+), (\d+) ms", line).groups()
                 for line in done.stdout.splitlines()]
        for key, value, _, _ in found:
            self.assertEqual(key, value)
        return [(key, where, int(took)) for key, _, where, took in found]

    def test_two_tiers(self):
        for where in self.each_way():
            first = self.cache(where, "tea", "coffee", "tea", PATIENT)
            self.assertEqual([tier for _, tier, _ in first], ["origin", "origin", "memory"])
            self.assertGreaterEqual(min(took for _, _, took in first[:2]), ORIGIN_MS)
            self.assertEqual(cli("GET", "tea"), "value of tea")
            self.assertIn(int(cli("TTL", "tea")), range(1, 61))
            second = self.cache(where, "tea", "coffee", "tea", PATIENT, "--entries=1")
            self.assertEqual([tier for _, tier, _ in second], ["redis"] * 3)
            third = self.cache(where, "tea", "coffee", "tea", PATIENT, "--entries=2")
            self.assertEqual([tier for _, tier, _ in third], ["redis", "redis", "memory"])

    def test_a_cache_that_is_down_makes_it_slower_and_no_more(self):
        nowhere = f"{HOST}:{free_port()}"
        found = self.cache(nowhere, "tea", "tea")
        self.assertEqual([tier for _, tier, _ in found], ["origin", "memory"])
        redis.send_signal(signal.SIGSTOP)
        try:
            found = self.cache(redis.endpoint, "tea", "milk", "tea")
        finally:
            redis.send_signal(signal.SIGCONT)
        self.assertEqual([tier for _, tier, _ in found], ["origin", "origin", "memory"])
        for _, _, took in found[:2]:  # it has waited for Redis, twice, and not longer
            self.assertGreaterEqual(took, ORIGIN_MS + 2 * REDIS_MS)
            self.assertLess(took, 5000)


if __name__ == "__main__":
    main()
