"""docs/troubleshooting.md: every line of a log that the page shows is one that the proxy writes.

Small proxies get into most of the troubles here, one after the other; what they have logged is
compared with the page. The lines of the few other ones are looked for in the source.
"""

import contextlib
import os
import re
import resource
import shutil
import signal

import sockets
from checking import OFTEN, closed_endpoint
from documents import document, form_of
from echo import echo
from harness import main, matrix
from isolation import refuse_io_uring
from processes import Process, run, wait_for
from reloading import IN_FORCE, STAYS, put
from sluice import Sluice, binary, built_with, yaml

PAGE = "troubleshooting.md"
ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")  # the source tree
LINE = re.compile(r"^    ((?:\d{4}-\d\d-\d\dT\S+ |\S+\.yaml:\d+:|cannot ask ).*)$", re.M)
# Paths are others here.
PATHS = ((r"\S+\.yaml:", "FILE:"), (r"/\S+\.json", "LIST"),
         (r"(?<=\()/\S+/sluice(?=\))", "PROGRAM"))
# Needs a machine that is out of memory, or peers that stall by the hundred: see the source.
NOT_MADE = (
    ("out of memory", "proxy/listener/accept_log.cc"),
    ("buffers are short", "proxy/session/relay.cc"),
)


def words(line):
    """A line as it is compared: without its time, and without what differs."""
    for pattern, word in PATHS:
        line = re.sub(pattern, word, line)
    return re.sub(r"^NUMBER ", "", form_of(line))


@matrix(workers=(2,))
class Troubleshooting:
    def setUp(self):
        if any(map(built_with, (b"__asan_init", b"__tsan_init", b"__ubsan_handle_add_overflow"))):
            self.skipTest("a sanitizer needs descriptors where this test leaves none")
        self.logs = []
        self.echo = self.peer(echo).receive()

    def troubled(self, endpoints=None, prepare=None, **sections):
        """A proxy that may log errors; what it has logged counts when it has ended."""
        proxy = self.program(Sluice(self.config(
            [self.echo] if endpoints is None else endpoints, **sections), prepare))
        self.addCleanup(proxy.kill)
        return proxy

    def end(self, proxy):
        self.assertEqual(proxy.stop(), 0)
        self.logs.append(proxy.text())

    def visited(self, proxy, times=1, line=""):
        """Clients come, and stay until the proxy has logged this."""
        clients = []
        for _ in range(times):
            with contextlib.suppress(ConnectionError):  # it is reset while it connects
                clients.append(self.keep(proxy.connect()))
        proxy.wait_line(line)
        for client in clients:
            client.close()

    def rejections(self):
        for sections in (
                {"limits": {"max_connections": 1}},
                {"listener": {"max_connections": 1}},
                {"listener": {"per_source": {"max_connections": 1}}},
                {"listener": {"new_connections": "1/s"}},
                {"access": {"deny": ["127.0.0.0/8"]}}):
            proxy = self.troubled(**sections)
            self.visited(proxy, 8, "is rejected: ")
            self.end(proxy)
        proxy = self.troubled(limits={"buffer_memory": "1MiB", "max_connections": 1000},
                              stats={"interval": "50ms"})
        self.visited(proxy, 300, "buffer_memory is used up")
        proxy.wait_line("rejected_buffers")
        self.end(proxy)

    def descriptors(self):
        proxy = self.troubled(limits={"max_connections": 10000})
        hard = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (3, hard))
        self.visited(proxy, 1, "cannot accept")
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (hard, hard))
        self.end(proxy)

        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
        self.end(self.troubled(prepare=lower, limits={"max_connections": 10000}))

    def servers(self):
        proxy = self.troubled([closed_endpoint()], upstream={"retry_for": "0s"})
        self.visited(proxy, 1, "session end ")
        self.end(proxy)
        proxy = self.troubled([{"address": closed_endpoint(), "name": "a"}], upstream={
            "retry_for": "0s", "queue_timeout": "50ms", "health": {"check": "connect", **OFTEN}})
        proxy.wait_line("is down: ")
        self.visited(proxy, 1, "no session can begin")
        self.end(proxy)
        proxy = self.troubled(
            [{"address": closed_endpoint(), "name": "a"}, {"address": self.echo, "name": "b"}],
            upstream={"passive_health": {"failures": 1, "ejection": "50ms"}, "panic": "60%"})
        self.visited(proxy, 4, "its ejection is over")
        proxy.wait_line("panic: ")
        self.end(proxy)

    def lists(self):
        path = os.path.join(self.new_folder(), "app.json")
        proxy = self.troubled([], upstream={"discover": {"file": path}})
        proxy.wait_line("no such file yet")
        put(path, "[{]")
        proxy.wait_line("no endpoints of it are known yet", count=2)
        put(path, "[]")
        proxy.wait_line("it is known again")
        put(path, "[{]")
        proxy.wait_line("keeps|stay", count=1)
        self.end(proxy)

    def reloads(self):
        config = self.config([self.echo])
        proxy = self.program(Sluice(config))
        put(proxy.config_path, yaml(config).replace("upstream:", "upstrem:"))
        proxy.send_signal(signal.SIGHUP)
        proxy.wait_line(STAYS)
        put(proxy.config_path, yaml({**config, "limits": {"buffer_memory": "64MiB"}}))
        proxy.send_signal(signal.SIGHUP)
        proxy.wait_line(IN_FORCE)
        self.end(proxy)

    def upgrades(self):
        folder = self.new_folder()
        program = shutil.copy(binary(), os.path.join(folder, "sluice"))
        proxy = self.program(Sluice(self.config([self.echo]), program=program))
        put(program, "#!/bin/sh\nexit 1\n")
        os.chmod(program, 0o755)
        proxy.send_signal(signal.SIGUSR2)
        proxy.wait_line("this process serves on")
        self.end(proxy)

    def starts(self):
        proxy = self.troubled()
        path = os.path.join(self.new_folder(), "web.yaml")
        for config in (self.config([self.echo], bind=f"127.0.0.1:{proxy.port}"),
                       self.config([self.echo], listener={"upstream": "ap"})):
            put(path, yaml(config))
            second = self.program(Process(binary(), "--config", path))
            self.assertIn(second.wait(), (1, 78))
            self.logs.append(second.text())
        self.end(proxy)

        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
        put(path, yaml(self.config([self.echo])))
        second = self.program(Process(binary(), "--config", path, prepare=lower))
        self.assertEqual(second.wait(), 1)
        self.logs.append(second.text())

    def without_io_uring(self):
        self.end(self.troubled(prepare=refuse_io_uring, runtime={"backend": "auto", "workers": 1}))

    def logs_that_drop(self):
        proxy = self.troubled(access_log={"path": "/dev/full"}, stats={"interval": "50ms"})
        with proxy.connect() as client:
            sockets.exchange_echo(client)
        proxy.wait_line("records dropped so far")
        self.end(proxy)

    def drains(self):
        proxy = self.troubled()
        client = self.keep(proxy.connect())
        sockets.exchange_echo(client)
        self.end(proxy)

    def admin(self):
        done = run(binary(), "ctl", "--admin", "unix:/nowhere/admin.sock", "status")
        self.assertEqual(done.returncode, 1)
        self.logs.append(done.stderr)

    def test_the_page(self):
        for trouble in (self.rejections, self.descriptors, self.servers, self.lists, self.reloads,
                        self.upgrades, self.starts, self.without_io_uring, self.logs_that_drop,
                        self.drains, self.admin):
            trouble()
        logged = {words(line) for log in self.logs for line in log.splitlines()}
        if os.environ.get("SLUICE_SHOW"):
            print(*self.logs, sep="\n")
        shown = LINE.findall(document(PAGE))
        self.assertGreater(len(shown), 25)
        for line in shown:
            source = next((path for start, path in NOT_MADE if start in line), None)
            with self.subTest(line=line):
                if source:
                    self.assert_in_source(line, source)
                else:
                    self.assertIn(words(line), logged)

    def assert_in_source(self, line, path):
        """A format of the file makes this line."""
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = re.sub(r'"\s*\n\s*"', "", file.read())
        message = line.split(" warning ", 1)[1]
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text):
            form = re.sub("%[sd]", ".+", re.escape(literal).replace("\\ ", " "))
            if len(literal) > 40 and re.fullmatch(form, message):
                return
        self.fail(f"no format in {path} makes this line")


if __name__ == "__main__":
    main()
