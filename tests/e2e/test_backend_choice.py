"""Which backend runs, where io_uring is available and where it is forbidden."""

import os
import tempfile

import sockets
from harness import Case, main
from isolation import refuse_io_uring
from processes import Process
from sluice import binary, yaml

WARNING = " warning .*io_uring"


class BackendChoice(Case):
    def serve(self, backend, prepare=None):
        """A proxy with this backend that has served one session."""
        self.backend = backend
        upstream = self.keep(sockets.Listener())
        web = self.proxy([upstream.text], prepare)
        sockets.exchange(self.keep(web.connect()), self.keep(upstream.accept()))
        return web

    def rings(self, web):
        """How many io_uring instances it holds."""
        folder = f"/proc/{web.pid}/fd"
        targets = [os.readlink(os.path.join(folder, number)) for number in os.listdir(folder)]
        return targets.count("anon_inode:[io_uring]")

    def test_as_configured(self):
        self.assertGreater(self.rings(self.serve("io_uring")), 0)
        self.assertEqual(self.rings(self.serve("epoll")), 0)

    def test_auto_takes_io_uring(self):
        web = self.serve("auto")
        self.assertGreater(self.rings(web), 0)
        self.assertEqual(web.lines(WARNING), [])

    def test_auto_falls_back_with_one_warning(self):
        web = self.serve("auto", refuse_io_uring)
        self.assertEqual(self.rings(web), 0)
        warnings = web.lines(WARNING)
        self.assertEqual(len(warnings), 1, warnings)
        self.assertRegex(warnings[0], "io_uring.*epoll")

    def test_epoll_needs_no_io_uring(self):
        self.assertEqual(self.serve("epoll", refuse_io_uring).lines(WARNING), [])

    def test_forced_io_uring_says_why_not(self):
        self.backend = "io_uring"
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(yaml(self.config(["127.0.0.1:1"])))
            file.flush()
            refused = self.program(Process(binary(), "--config", file.name,
                                           prepare=refuse_io_uring))
            self.assertEqual(refused.wait(), 1)
        self.assertRegex(refused.text(), "io_uring.*(not permitted|EPERM)")
        self.assertEqual(refused.lines("listening on"), [])


if __name__ == "__main__":
    main()
