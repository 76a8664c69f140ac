"""The fetch pool and the page load, against nginx and a server that misbehaves."""

import os
import re
import threading
import time

import servers
from harness import main, matrix
from network import Served, program
from pages import Pages
from processes import DEADLINE, Process
from sockets import HOST, free_port, text_of


def setUpModule():
    global nginx
    nginx = servers.module_server(servers.Nginx())
    for name, size in (("small", 10), ("large", 3_000_000), ("empty", 0)):
        with open(os.path.join(nginx.files, name), "wb") as file:
            file.write(bytes(size))


@matrix(workers=(1,))
class Fetch(Served):
    def pages(self, answer):
        return self.keep(Pages(answer))

    def pool(self, *words):
        """Exit code, the pages that came, what was said about the others."""
        done = self.example("fetch_pool", *words)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    def test_pages_of_a_real_server(self):
        for where in (nginx.endpoint, text_of(self.proxy([nginx.endpoint]).address())):
            code, came, failed = self.pool(f"http://{where}/small", f"http://{where}/large",
                                           f"http://{where}/empty", f"http://{where}/none")
            self.assertEqual((code, failed), (1, []))
            self.assertRegex(came.pop(next(i for i, line in enumerate(came) if "/none" in line)),
                             r"/none: 404, \d+ bytes$")
            self.assertEqual(sorted(came), [f"http://{where}/empty: 200, 0 bytes",
                                            f"http://{where}/large: 200, 3000000 bytes",
                                            f"http://{where}/small: 200, 10 bytes"])

    def test_five_at_a_time_and_as_they_come(self):
        # Once all five are there a sixth would have begun, too: it gets a moment to be seen.
        five = threading.Barrier(5, action=lambda: time.sleep(0.2))
        first_goes = threading.Event()

        def answer(request, number):
            if number < 5:
                five.wait(DEADLINE)
            if request.path == "/0":
                first_goes.wait(DEADLINE)
            request.reply(b"x")
        pages = self.pages(answer)
        urls = [f"{pages.url}/{number}" for number in range(20)]
        pool = self.program(Process(program("fetch_pool"), *urls, f"--backend={self.backend}"))
        slow = re.escape(f"{pages.url}/0:")
        pool.wait_line("200, 1 bytes", count=19)  # all others, while the first is waited for
        self.assertEqual(pool.lines(slow), [])
        first_goes.set()
        self.assertEqual(pool.wait(), 0)
        self.assertTrue(pool.text().splitlines()[-1].startswith(f"{pages.url}/0:"), pool.text())
        self.assertEqual(pages.most_at_once, 5)
        self.assertEqual(sorted(pages.paths), sorted(f"/{number}" for number in range(20)))

    def test_what_may_pass_is_tried_again(self):
        pages = self.pages(lambda request, number: request.reply(b"ok", (503, 500, 200)[number]))
        self.assertEqual(self.pool(pages.url), (0, [f"{pages.url}: 200, 2 bytes"], []))
        # Pauses of 100 and 200 ms, of which at most half is left out.
        pauses = [after - before for before, after in zip(pages.times, pages.times[1:])]
        self.assertGreaterEqual(pauses[0], 0.05)
        self.assertGreaterEqual(pauses[1], 0.1)

    def test_after_three_attempts_it_is_told(self):
        pages = self.pages(lambda request, _: request.reply(b"", 503))
        self.assertEqual(self.pool(pages.url), (1, [f"{pages.url}: 503, 0 bytes"], []))
        self.assertEqual(len(pages.paths), 3)
        nowhere = f"{HOST}:{free_port()}"
        self.assertEqual(
            self.pool(f"http://{nowhere}/"),
            (1, [], [f"http://{nowhere}/: connect {nowhere}: Connection refused"]))
        for url in ("ftp://x/", "http://", "http://a:0/", "http://a:x/", "http://a/b c", "a"):
            self.assertEqual(self.pool(url),
                             (1, [], [f"{url}: '{url}' is no http://HOST[:PORT][/...]"]))

    def test_bodies_of_all_kinds(self):
        kinds = {
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
            b"5\r\nhello\r\n1A;x=y\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n": "200, 31 bytes",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab":
                "200, 2 bytes",
            b"HTTP/1.0 200 OK\n\nuntil the end": "200, 13 bytes",
            b"HTTP/1.1 204 No Content\r\n\r\n": "204, 0 bytes",
        }
        for text, wanted in kinds.items():
            pages = self.pages(lambda request, _, text=text: request.reply_raw(text))
            self.assertEqual(self.pool(pages.url), (0, [f"{pages.url}: {wanted}"], []), text)

    def test_answers_that_are_none(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        bad = {
            b"": "No data available", b"\r\n": "Protocol error", b"hello\r\n\r\n": "Protocol error",
            b"HTTP/1.1 2x0 OK\r\n\r\n": "Protocol error", ok: "No data available",
            ok + b"no colon\r\n\r\n": "Protocol error",
            ok + b"Content-Length: 5\r\n\r\nabc": "No data available",
            ok + b"Content-Length: -5\r\n\r\nabc": "Protocol error",
            ok + b"Content-Length: 99999999999\r\n\r\n": "Message too long",
            ok + b"x: " + b"x" * 9000 + b"\r\n\r\n": "Message too long",
            ok + b"x: y\r\n" * 20_000: "Message too long",
            ok + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n": "Protocol error",
            ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n": "Protocol error",
            ok + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n": "Message too long",
        }
        found = {}
        by_path = {f"/{number}": text for number, text in enumerate(bad)}
        pages = self.pages(lambda request, _: request.reply_raw(by_path[request.path]))
        code, came, failed = self.pool(*(pages.url + path for path in by_path), "--at-once=20")
        self.assertEqual((code, came), (1, []))
        for line in failed:
            url, _, _, why = re.fullmatch(r"(\S+): (read from) (\S+): (.*)", line).groups()
            found[by_path[url[len(pages.url):]]] = why
        # Of a server that closes with more to read the kernel may tell only that.
        for text, why in bad.items():
            self.assertIn(found[text], (why, "Connection reset by peer"), text[:60])

    def test_a_page_in_turn_and_at_once(self):
        urls = ["/page", "/style", "/picture", "/font"]
        together, in_turn = threading.Barrier(len(urls)), []

        def answer(request, number):
            # The second time all must be there before one is answered.
            if len(urls) <= number < 2 * len(urls):
                together.wait(DEADLINE)
            elif number == len(urls) - 1:
                in_turn.append(request.server.most_at_once)
            request.reply(b"12345")
        pages = self.pages(answer)
        done = self.example("page_load", *(pages.url + path for path in urls))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^one after the other: 4 parts, 20 bytes, \d+ ms\n"
                                      r"all at once: 4 parts, 20 bytes, \d+ ms\n$")
        self.assertEqual(in_turn, [1])
        self.assertEqual(pages.paths[:4], urls)
        self.assertEqual(sorted(pages.paths[4:]), sorted(urls))
        nowhere = f"{HOST}:{free_port()}"
        done = self.example("page_load", f"http://{nowhere}/", pages.url)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"connect {nowhere}: Connection refused\n", done.stderr)


if __name__ == "__main__":
    main()
