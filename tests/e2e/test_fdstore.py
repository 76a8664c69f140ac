"""Listening sockets that a service manager keeps over a crash, or has opened itself."""

import os
import signal
import socket

import sockets
from harness import main, matrix
from manager import Managed
from reloading import put
from sluice import Sluice, yaml


def name_of(address):
    return "listen-" + address.replace("%", "%25").replace(":", "%3a")


@matrix(workers=(2,))
class FdStore(Managed):
    def stored(self):
        return sorted(self.manager.stored)

    def until_stored(self, addresses):
        """It says that it is ready, and then which sockets are to be kept."""
        self.manager.until("READY")
        wanted = sorted(map(name_of, addresses))
        while self.stored() != wanted:
            self.assertIsNotNone(self.manager.next(), (self.stored(), wanted))

    def crash(self, web):
        web.send_signal(signal.SIGKILL)
        self.assertEqual(web.wait(), -signal.SIGKILL)

    def test_who_connects_after_a_crash_is_served(self):
        """Also at a port that the kernel has chosen, and at a UNIX socket, whose file stays."""
        path = os.path.join(self.new_folder(), "web.sock")
        config = self.config([self.server], bind=["127.0.0.1:0", f"unix:{path}", "[::1]:0"])
        web = self.managed(config)
        binds = config["listeners"][0]["bind"]
        self.until_stored(binds)
        inode = os.stat(path).st_ino
        for _ in range(2):
            places = [web.address(index=index) for index in range(3)]
            self.crash(web)
            clients = [self.keep(sockets.connect(place)) for place in places]
            for client in clients:
                client.sendall(b"who is there")
            web = self.managed(config, self.manager.stored.items())
            self.until_stored(binds)
            for client in clients:
                self.assertEqual(sockets.read_exactly(client, 12), b"who is there")
            self.assertEqual([web.address(index=index) for index in range(3)], places)
            self.assertEqual(os.stat(path).st_ino, inode)
            self.assertEqual(web.lines(" (warning|error) "), [])
        # An orderly end gives them back, before it closes them: who connects is refused.
        self.assertEqual(web.stop(), 0)
        self.manager.until("STOPPING")
        while self.manager.stored:
            self.manager.until("FDSTOREREMOVE")
        for place in places:
            with self.assertRaises((ConnectionRefusedError, FileNotFoundError)):
                sockets.connect(place)
        self.assertFalse(os.path.exists(path), "it was made by a process before")

    def test_more_than_its_queue_takes(self):
        """That it is ready is told first, and what comes then waits for room."""
        with open("/proc/sys/net/unix/max_dgram_qlen", encoding="utf-8") as file:
            count = int(file.read()) + 20
        if count > 600:
            self.skipTest(f"{count} sockets are too many for a test")
        folder = self.new_folder()
        config = self.config([self.server], bind=[f"unix:{folder}/{n}" for n in range(count)])
        web = self.managed(config)
        # The queue is full, or will be, before anything is read.
        self.assertEqual(self.manager.next(), {"READY": "1"})
        # A machine that is slow has lost some by then: they are told again.
        web.send_signal(signal.SIGHUP)
        self.manager.until("RELOADING")
        self.manager.until("READY")
        self.assertEqual(len(self.manager.stored), count)
        self.assertEqual(web.stop(), 0)

    def test_a_reload_changes_what_is_stored(self):
        ports = [sockets.free_port() for _ in range(2)]
        configs = [self.config([self.server], bind=f"127.0.0.1:{port}") for port in ports]
        web = self.managed(configs[0])
        self.until_stored([f"127.0.0.1:{ports[0]}"])
        self.reload(web, configs[1])
        self.manager.until("READY")
        self.assertEqual(self.stored(), [name_of(f"127.0.0.1:{ports[1]}")])
        with self.assertRaises(ConnectionRefusedError):
            sockets.connect(("127.0.0.1", ports[0]))
        # One that was rejected changes nothing.
        self.assertTrue(self.rejected_reload(web, "nonsense"))
        self.manager.until("READY")
        self.assertEqual(len(self.stored()), 1)
        # After a crash with another configuration in the file: what is of no use is given back.
        self.crash(web)
        web = self.managed(configs[0], self.manager.stored.items())
        self.until_stored([f"127.0.0.1:{ports[0]}"])
        with self.assertRaises(ConnectionRefusedError):
            sockets.connect(("127.0.0.1", ports[1]))
        self.echoes(("127.0.0.1", ports[0]))
        self.assertEqual(web.stop(), 0)

    def test_a_successor_has_them_stored(self):
        """The one that is the main process by then: before, the manager does not hear it."""
        ports = [sockets.free_port() for _ in range(3)]
        bind = [f"127.0.0.1:{port}" for port in ports]
        web = self.start(self.config([self.server], bind=bind[:2]), self.manager.prepare())
        self.manager.until("READY")
        put(web.config_path, yaml(self.config([self.server], bind=bind[1:])))
        self.upgrade(web)
        self.wait_ended(web, web.pid)
        self.manager.until("MAINPID")
        self.manager.until("FDSTOREREMOVE")
        self.assertEqual(self.stored(), sorted(map(name_of, bind[1:])))
        self.end(web)

    def test_units_of_sockets(self):
        """They are found by address; their files are the manager's."""
        path = os.path.join(self.new_folder(), "web.sock")
        opened = [socket.create_server(("127.0.0.1", 0)),
                  socket.create_server(path, family=socket.AF_UNIX),
                  socket.create_server(("127.0.0.1", 0)),
                  socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
        for each in opened:
            self.keep(each)
        port = opened[0].getsockname()[1]
        config = self.config([self.server], bind=[f"127.0.0.1:{port}", f"unix:{path}"],
                             listener={"socket": {"backlog": 77, "keepalive": "9s"}})
        with socket.create_connection(("127.0.0.1", port)) as early:
            web = self.managed(config, [(f"a{index}.socket", each.fileno())
                                        for index, each in enumerate(opened)])
            self.manager.until("READY")
            sockets.exchange_echo(early)
        with sockets.connect(path) as client:
            sockets.exchange_echo(client)
        # The options of the listener are theirs.
        self.assertEqual(opened[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 9)
        self.assertEqual(len(web.lines("warning LISTEN_FDS: no listener has the address "
                                       rf"127.0.0.1:{opened[2].getsockname()[1]} ")), 1)
        self.assertEqual(len(web.lines(r"warning LISTEN_FDS: descriptor 6 \(a3.socket\) is not a "
                                       "socket for streams: it is closed")), 1)
        self.assertEqual(web.stop(), 0)
        self.assertTrue(os.path.exists(path), "it is the manager's")

    def test_meant_for_another_process(self):
        with socket.create_server(("127.0.0.1", 0)) as opened:
            address = f"127.0.0.1:{opened.getsockname()[1]}"
            prepare = self.manager.prepare([("a.socket", opened.fileno())])

            def another():
                prepare()
                os.environ["LISTEN_PID"] = "1"
            web = self.program(Sluice(self.config([self.server]), another, close_fds=False))
            self.assertNotIn(address, web.text())
            self.assertEqual(web.stop(), 0)


if __name__ == "__main__":
    main()
