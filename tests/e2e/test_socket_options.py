"""Every socket option, asked of the kernel where it should be in force."""

import os
import socket
import stat

import isolation
import kernel
import sockets
from echo import echo
from harness import main, matrix
from sluice import Sluice

KiB = 1 << 10
TCP_NOTSENT_LOWAT = 25

OPTIONS = {"receive_buffer": "48KiB", "send_buffer": "40KiB", "notsent_lowat": "12KiB",
           "congestion": "reno", "keepalive": "70s", "keepalive_interval": "7s",
           "keepalive_probes": 5, "user_timeout": "1500ms"}
# The kernel doubles what it is told about buffers, for its own records (socket(7)).
IN_FORCE = {"receive_buffer": 96 * KiB, "send_buffer": 80 * KiB, "notsent_lowat": 12 * KiB,
            "congestion": "reno", "keepalive_on": 1, "keepalive": 70, "keepalive_interval": 7,
            "keepalive_probes": 5, "user_timeout": 1500, "no_delay": 1}


def options_of(one):
    tcp, every = socket.IPPROTO_TCP, socket.SOL_SOCKET
    congestion = one.getsockopt(tcp, socket.TCP_CONGESTION, 16)
    return {"receive_buffer": one.getsockopt(every, socket.SO_RCVBUF),
            "send_buffer": one.getsockopt(every, socket.SO_SNDBUF),
            "notsent_lowat": one.getsockopt(tcp, TCP_NOTSENT_LOWAT),
            "congestion": congestion.rstrip(b"\0").decode(),
            "keepalive_on": one.getsockopt(every, socket.SO_KEEPALIVE),
            "keepalive": one.getsockopt(tcp, socket.TCP_KEEPIDLE),
            "keepalive_interval": one.getsockopt(tcp, socket.TCP_KEEPINTVL),
            "keepalive_probes": one.getsockopt(tcp, socket.TCP_KEEPCNT),
            "user_timeout": one.getsockopt(tcp, socket.TCP_USER_TIMEOUT),
            "no_delay": one.getsockopt(tcp, socket.TCP_NODELAY)}


def peer_of(address):
    """Whether a socket is connected to `address`."""
    def matches(one):
        try:
            return one.family != socket.AF_UNIX and one.getpeername()[:2] == address[:2]
        except OSError:
            return False
    return matches


def fast_open(link, pid, address):
    """A peer: connects twice with data in the SYN; the second time it has the cookie."""
    isolation.enter_network(pid)
    with socket.create_server(("127.0.0.1", 7001)) as server:
        for _ in range(2):
            with socket.socket() as client:
                client.settimeout(None)  # or it would not wait for the connect
                client.sendto(b"in the SYN", socket.MSG_FASTOPEN, address)
                with server.accept()[0] as upstream:
                    sockets.read_exactly(upstream, 10)
    return kernel.counter("self", "TCPFastOpenPassive")


@matrix(workers=(1, 2))
class SocketOptions:
    def start(self, socket_of_listener=None, bind="127.0.0.1:0", **upstream):
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text], bind=bind, upstream=upstream,
                              listener={"socket": socket_of_listener or {}})

    def session(self):
        client = self.keep(self.web.connect())
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def in_force(self, far_end):
        """The options of the proxy's socket that is connected to `far_end`."""
        return kernel.ask(self.web.pid, peer_of(far_end.getsockname()), options_of)

    def test_of_the_clients_side(self):
        self.start(OPTIONS)
        client, upstream = self.session()
        self.assertEqual(self.in_force(client), [IN_FORCE])
        self.assertNotEqual(self.in_force(upstream)[0]["keepalive_on"], 1)
        timers = kernel.ss("-to", "state", "established", f"sport = :{self.web.port}")
        self.assertIn("timer:(keepalive,", timers[0])

    def test_of_the_upstreams_side(self):
        self.start(socket=OPTIONS)
        client, upstream = self.session()
        self.assertEqual(self.in_force(upstream), [IN_FORCE])
        self.assertNotEqual(self.in_force(client)[0]["keepalive_on"], 1)

    def test_what_is_not_set_is_the_kernels(self):
        self.start()
        client, upstream = self.session()
        with socket.socket() as fresh:
            kernels = options_of(fresh)
        for end in (client, upstream):
            options = self.in_force(end)[0]
            for key in ("notsent_lowat", "congestion", "keepalive_on", "user_timeout"):
                self.assertEqual(options[key], kernels[key], key)

    def check_not_started(self, message, **sections):
        config = self.config(["127.0.0.1:9"], **sections)
        with self.assertRaises(AssertionError) as raised:  # the proxy listened nowhere
            self.program(Sluice(config))
        self.assertIn("ended with 1,", str(raised.exception))
        self.assertRegex(str(raised.exception), message)

    def test_unknown_congestion_control(self):
        unknown = {"socket": {"congestion": "never"}}
        self.check_not_started("listener web: cannot use the congestion control never on 127",
                               listener=unknown)
        self.check_not_started("upstream app: no congestion control named never",
                               upstream=unknown)

    def test_missing_folder_is_not_a_missing_congestion_control(self):
        self.check_not_started("listener web: cannot listen on unix:.*No such file",
                               bind="unix:" + self.new_folder() + "/none/web.sock",
                               listener={"socket": {"congestion": "reno"}})

    def test_backlog(self):
        self.start({"backlog": 7})
        line, = kernel.ss("-tl", f"sport = :{self.web.port}")
        self.assertEqual(line.split()[2], "7")

    def test_defer_accept(self):
        """A silent client is not accepted: it neither gets an upstream nor delays other clients."""
        self.start({"defer_accept": "1h"})
        silent, talking = (self.keep(self.web.connect()) for _ in range(2))
        talking.sendall(b"ping")
        self.assertEqual(sockets.read_exactly(self.keep(self.listener.accept()), 4), b"ping")
        taken = kernel.ask(self.web.pid, peer_of(silent.getsockname()), options_of)
        self.assertEqual(taken, [])
        silent.sendall(b"at last")
        self.assertEqual(sockets.read_exactly(self.keep(self.listener.accept()), 7), b"at last")

    def test_fast_open(self):
        def prepare():
            isolation.own_network()
            isolation.set_kernel("net.ipv4.tcp_fastopen", 3)

        web = self.proxy(["127.0.0.1:7001"], prepare, bind="127.0.0.1:7000",
                         listener={"socket": {"fast_open": 16}})
        self.assertEqual(self.peer(fast_open, web.pid, web.address()).receive(), 1)

    def test_dual_stack(self):
        """[::] takes IPv4 too only if told so."""
        for ipv6_only in (True, False):
            self.start({"ipv6_only": ipv6_only}, bind="[::]:0")
            for host, there in (("::1", True), ("127.0.0.1", not ipv6_only)):
                if there:
                    client = self.keep(sockets.connect((host, self.web.port)))
                    sockets.exchange(client, self.keep(self.listener.accept()))
                else:
                    self.assertTrue(sockets.refused((host, self.web.port)))

    def test_unix_mode(self):
        for mode, umask, expected in (("0660", 0o077, 0o660), ("0606", 0, 0o606),
                                      ("", 0o027, 0o750)):
            path = self.new_folder() + "/web.sock"
            web = self.proxy(["127.0.0.1:9"], lambda: os.umask(umask), bind="unix:" + path,
                             listener={"socket": {"unix_mode": mode}})
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), expected)
            self.assertEqual(web.stop(), 0)
            self.assertFalse(os.path.exists(path), "its file goes with it")

    def test_stale_unix_file_is_replaced_but_nothing_else(self):
        path = self.new_folder() + "/web.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        web = self.proxy([self.peer(echo).receive()], bind="unix:" + path)
        sockets.exchange_echo(self.keep(web.connect()))
        self.check_not_started("listener web: cannot listen on .*Address already in use",
                               bind="unix:" + path)
        sockets.exchange_echo(self.keep(web.connect()))
        plain = self.new_folder() + "/notes.txt"
        with open(plain, "w") as file:
            file.write("mine")
        self.check_not_started("Address already in use", bind="unix:" + plain)
        with open(plain) as file:
            self.assertEqual(file.read(), "mine")


if __name__ == "__main__":
    main()
