"""What the log's lines say to machines (the journal of systemd, readers of JSON), and what the
process says of itself: its first line, its threads."""

import json
import os
import re

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from processes import of_threads, wait_for

PRIORITIES = {"error": 3, "warning": 4, "info": 6, "debug": 7}


@matrix(workers=(2,))
class LogLines(Administered):
    def visit(self, proxy):
        with proxy.connect() as client:
            sockets.exchange_echo(client)

    def test_priorities_where_it_is_the_journal(self):
        def under_systemd():
            found = os.fstat(2)
            os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
        for form, level in (("text", r"^<(\d)>\d{4}-\S+ (\w+) "),
                            ("json", r'^<(\d)>{"time":"[^"]+","level":"(\w+)"')):
            proxy = self.proxy([sockets.text_of((sockets.HOST, 1))], prepare=under_systemd,
                               bind=f"unix:{self.unix_path()}", upstream={"retry_for": "0s"},
                               log={"level": "debug", "format": form})
            proxy.connect().close()
            proxy.wait_line("session end ")
            found = {re.search(level, line).groups() for line in proxy.text().splitlines()}
            self.assertEqual({word for _, word in found}, {"warning", "info", "debug"})
            for number, word in found:
                self.assertEqual(int(number), PRIORITIES[word])

    def test_none_where_it_is_not(self):
        """A shell under a service hands the variable on, with another standard error."""
        def elsewhere():
            os.environ["JOURNAL_STREAM"] = "8:1"
        proxy = self.proxy([self.peer(echo).receive()], prepare=elsewhere)
        self.assertEqual(proxy.lines("^<"), [])

    def test_the_first_line(self):
        proxy = self.proxy([self.peer(echo).receive()], limits={"max_connections": 123,
                                                                "buffer_memory": "32MiB"})
        self.assertRegex(
            proxy.wait_line("starting: ")[0],
            rf"starting: backend {self.backend}, 2 workers, version \S+, pid {proxy.pid}, file "
            rf"{proxy.config_path}, limits: 123 connections, 32 MiB of buffers, \d+ descriptors$")

    def test_the_names_of_its_threads(self):
        proxy, _ = self.administered(
            [self.peer(echo).receive()],
            access_log={"path": os.path.join(self.new_folder(), "access.log")})

        def names():
            return [name.strip() for name in of_threads(proxy.pid, "comm").values()]
        for name in ("admin", "log", "access-log"):
            self.assertEqual(names().count(name), 1, names())
        self.assertTrue(any(name.endswith("-1") for name in names()), "the second worker")

    def test_figures_of_each_upstream_in_json(self):
        closed = sockets.text_of((sockets.HOST, 1))
        config = self.config([closed, self.peer(echo).receive()], upstream={"balance": "first"},
                             bind=f"unix:{self.unix_path()}",
                             log={"format": "json"}, stats={"interval": "20ms"})
        config["upstreams"].append({"name": "idle", "endpoints": [{"address": closed}]})
        proxy = self.started_proxy(config)
        self.visit(proxy)
        client = self.keep(proxy.connect())
        sockets.exchange_echo(client)

        def last():
            line = proxy.lines("stats active=1 total=2 ")
            return line and json.loads(line[-1])
        stats = wait_for(last, "the figures")
        self.assertEqual(stats["level"], "info")
        app = stats["upstreams"]["app"]
        self.assertEqual((app["active"], app["total"], app["connect_failures"], app["retries"]),
                         (1, 2, 2, 2))
        self.assertGreaterEqual(app["up"], 8)
        self.assertEqual(stats["upstreams_left_out"], 0)
        for line in proxy.text().splitlines():
            json.loads(line)


if __name__ == "__main__":
    main()
