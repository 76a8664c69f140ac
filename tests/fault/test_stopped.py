"""The proxy or its upstream stopped by SIGSTOP for a while: nothing is lost, all goes on."""

import os
import signal
import time

import sockets
from echo import echo
from flow import Flow, finish, flood
from harness import MiB, main, matrix

STOPPED = 0.5  # seconds: the subject of these tests
PATTERN = bytes(range(251)) * 1000


@matrix(workers=(1, 2))
class Stopped:
    def test_proxy(self):
        """What was sent meanwhile arrives, and clients that came meanwhile are served."""
        listener = self.keep(sockets.Listener())
        web = self.proxy([listener.text])
        client = self.keep(web.connect())
        upstream = self.keep(listener.accept())
        sockets.exchange(client, upstream)
        flows = [Flow(client, upstream, PATTERN), Flow(upstream, client, PATTERN)]
        web.send_signal(signal.SIGSTOP)
        newcomer = self.keep(web.connect())
        newcomer.sendall(b"early")
        flood(flows, MiB // 4, quiet=STOPPED)
        web.send_signal(signal.SIGCONT)
        for flow in flows:
            finish(flow, MiB)
        self.assertEqual(sockets.read_exactly(self.keep(listener.accept()), 5), b"early")

    def test_upstream(self):
        peer = self.peer(echo)
        web = self.proxy([peer.receive()])
        old = self.keep(web.connect())
        sockets.exchange_echo(old)
        os.kill(peer.pid, signal.SIGSTOP)
        clients = [self.keep(web.connect()) for _ in range(20)]
        for client in [old, *clients]:
            client.sendall(b"patience")
        before = web.cpu_seconds()
        time.sleep(STOPPED)
        self.assertLess(web.cpu_seconds() - before, 0.2 * STOPPED)
        os.kill(peer.pid, signal.SIGCONT)
        for client in [old, *clients]:
            self.assertEqual(sockets.read_exactly(client, 8), b"patience")


if __name__ == "__main__":
    main()
