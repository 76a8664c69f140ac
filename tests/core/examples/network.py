"""The network programs of core/examples as processes: alone, and behind the proxy.

    @matrix(workers=(1,))
    class Chat(Served):
        def test_words(self):
            for address in self.serve("chat_server", "--idle=5"): ...

Each case runs on both backends, of the program and of the proxy. By hand, when the programs and
//proxy:sluice are built: `PYTHONPATH=tests/e2e python3 tests/core/examples/test_X.py`
"""

import os
import re

from processes import Process, run
from sockets import HOST, connect, text_of


def program(name):
    """The path of a program: in the runfiles of the test, or the last build."""
    here = os.path.dirname(os.path.abspath(__file__))
    candidates = [os.path.join(os.environ.get("TEST_SRCDIR", ""),
                               os.environ.get("TEST_WORKSPACE", ""), "core/examples", name),
                  os.path.join(here, "../../../bazel-bin/core/examples", name)]
    for path in candidates:
        if os.path.isfile(path):
            return os.path.abspath(path)
    raise AssertionError(f"no {name}: build //core/examples:{name}")


class Server(Process):
    """A server of the examples; the constructor returns when it listens."""

    def __init__(self, name, *arguments):
        super().__init__(program(name), *arguments)
        try:
            line = self.wait_line("^listening on ")[0]
        except BaseException:
            self.kill()
            self.output.close()
            raise
        host, port = re.fullmatch(r"listening on (.*):(\d+)", line).groups()
        self.address = (host, int(port))
        self.endpoint = text_of(self.address)


class Served:
    """What cases with a server have in common; for classes with @matrix."""

    def serve(self, name, *arguments, before=()):
        """Starts it, and a proxy in front of it; the address of each. `before`: words before its
        address."""
        self.server = self.program(Server(name, *before, f"{HOST}:0", *arguments,
                                          f"--backend={self.backend}", "--workers=2"))
        self.front = self.proxy([self.server.endpoint])
        return [self.server.address, self.front.address()]

    def served_each_way(self, name, *arguments, before=()):
        """The address of one, then that of the proxy in front of it; then it is ended."""
        yield from self.serve(name, *arguments, before=before)
        self.end_server()

    def end_server(self, code=0, **how):
        """It ends when it is asked to, and nothing has gone wrong in it."""
        self.assertEqual(self.server.stop(**how), code, self.server.text())
        self.assertEqual(self.server.lines("Sanitizer|runtime error:|CHECK failed"), [])

    def connected(self, address, **options):
        return self.keep(connect(address, **options))

    def example(self, name, *arguments):
        """Runs one that ends by itself."""
        return run(program(name), *arguments, f"--backend={self.backend}")
