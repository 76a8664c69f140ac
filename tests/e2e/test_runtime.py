"""The section `runtime`: how many workers there are, on which processors, and how they wait."""

import os
import re
import time

import sockets
from echo import echo
from harness import main, matrix
from processes import of_threads


def threads(pid):
    """The processors that each worker may run on, by its number; the first is the main thread."""
    found = {}
    for thread, text in of_threads(pid, "comm").items():
        name = re.fullmatch(r"sluice-(\d+)", text.strip())
        if thread == pid or name:
            found[int(name[1]) if name else 0] = os.sched_getaffinity(thread)
    return found


@matrix(workers=(1, 2))
class Runtime:
    def start(self, **runtime):
        config = self.config([self.peer(echo).receive()])
        config["runtime"].update(runtime)
        return self.started_proxy(config)

    def check_echo(self, proxy):
        with proxy.connect() as client:
            for _ in range(20):
                client.sendall(b"ping")
                self.assertEqual(sockets.read_exactly(client, 4), b"ping")
                time.sleep(0.005)

    def test_pinned_workers(self):
        usable = sorted(os.sched_getaffinity(0))
        proxy = self.start(pin_workers=True)
        self.check_echo(proxy)
        expected = {each: {usable[each % len(usable)]} for each in range(self.workers)}
        self.assertEqual(threads(proxy.pid), expected)

    def test_workers_that_nobody_pins(self):
        proxy = self.start()
        self.check_echo(proxy)
        usable = os.sched_getaffinity(0)
        self.assertEqual(threads(proxy.pid), {each: usable for each in range(self.workers)})

    def test_as_many_workers_as_processors(self):
        proxy = self.start(workers="auto")
        self.check_echo(proxy)
        self.assertEqual(sorted(threads(proxy.pid)), list(range(len(os.sched_getaffinity(0)))))

    def test_buffers_of_the_smallest_size(self):
        """Less than a small one: then there are no large ones."""
        listener = self.keep(sockets.Listener())
        proxy = self.proxy([listener.text], buffers={"per_direction": "4KiB"})
        client = self.keep(proxy.connect())
        upstream = self.keep(listener.accept())
        for _ in range(50):
            sockets.exchange(client, upstream, os.urandom(30_000))

    def test_busy_poll(self):
        """It looks for work before it sleeps, for messages within that time and beyond it."""
        for span in ("100us", "50ms"):
            with self.subTest(span):
                self.check_echo(self.start(busy_poll=span))


if __name__ == "__main__":
    main()
