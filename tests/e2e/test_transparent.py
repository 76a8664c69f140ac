"""source_address: client: servers see their clients' own addresses, over real routes.

    client 10.1.0.2 ── proxy 10.1.0.1, 10.2.0.1 ── server 10.2.0.2, whose answers go by the proxy
"""

import contextlib
import itertools
import os
import re
import shlex
import socket
import struct
import subprocess
import unittest

import sockets
from harness import main, matrix
from processes import DEADLINE, libc, run
from records import Records
from reloading import Reloading
from sluice import Sluice, binary, yaml

CAP_NET_ADMIN, CAP_NET_RAW, PR_CAPBSET_DROP = 12, 13, 24
CLIENT, SERVER = ("10.1.0.2", "fd01::2"), ("10.2.0.2", "fd02::2")
PROXY = ("10.1.0.1", "fd01::1")
DEVICE = "srv0"  # of the proxy, to the server
_numbers = itertools.count()


class Network:
    """Three hosts; the rule and the route that answers need are not there yet."""

    def __init__(self):
        prefix = f"sluice-{os.getpid()}-{next(_numbers)}-"
        self.names = []
        self.client, self.proxy, self.server = (prefix + each for each in "cps")
        for name in (self.client, self.proxy, self.server):
            done = run("ip", "netns", "add", name)
            if done.returncode:
                self.close()
                raise unittest.SkipTest("no network namespaces here: " + done.stderr.strip())
            self.names.append(name)
            self.ip(name, "link set lo up")
        self.join(self.client, "cli0", CLIENT, "cli1", PROXY)
        self.join(self.server, "srv1", SERVER, DEVICE, ("10.2.0.1", "fd02::1"))
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            with self.inside(self.proxy), open("/proc/sys/" + key.replace(".", "/"), "w") as file:
                file.write("1")

    def join(self, host, device, addresses, other, others):
        self.ip(host, f"link add {device} type veth peer name {other} netns {self.proxy}")
        for name, each, of_it in ((host, device, addresses), (self.proxy, other, others)):
            self.ip(name, f"addr add {of_it[0]}/24 dev {each}")
            self.ip(name, f"-6 addr add {of_it[1]}/64 dev {each} nodad")
            self.ip(name, f"link set {each} up")
        self.ip(host, f"route add default via {others[0]}")
        self.ip(host, f"-6 route add default via {others[1]}")

    def ip(self, name, words):
        done = run("ip", "-n", name, *words.split())
        if done.returncode:
            raise AssertionError(f"ip {words}: {done.stderr}")

    def lead_answers_here(self):
        for family in ("", "-6 "):
            self.ip(self.proxy, f"{family}rule add iif {DEVICE} lookup 100")
            self.ip(self.proxy, f"{family}route add local default dev lo table 100")

    @contextlib.contextmanager
    def inside(self, name):
        """This thread is in the namespace."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self.enter(name)
            yield
        finally:
            libc.setns(home, 0)
            os.close(home)

    def enter(self, name):
        there = os.open("/run/netns/" + name, os.O_RDONLY)
        if libc.setns(there, 0):
            raise OSError("setns")
        os.close(there)

    def listener(self, host):
        with self.inside(self.server):
            return sockets.Listener(host)

    def connect(self, address):
        with self.inside(self.client):
            return sockets.connect(address)

    def close(self):
        for name in self.names:
            run("ip", "netns", "del", name)


class Transparent(Reloading):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("network namespaces need root")
        self.network = self.keep(Network())
        self.records = Records(self.new_folder())

    def in_proxy(self):
        self.network.enter(self.network.proxy)

    def without_capability(self):
        self.in_proxy()
        for capability in (CAP_NET_ADMIN, CAP_NET_RAW):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)

    def config_for(self, host, bind=None, **options):
        self.listener = self.keep(self.network.listener(host))
        return self.config([self.listener.text], bind=bind or [f"{PROXY[0]}:0", f"[{PROXY[1]}]:0"],
                           upstream={"source_address": "client", "retry_for": "0s"},
                           access_log=self.records.section, **options)

    def start(self, host, **options):
        self.web = self.started_proxy(self.config_for(host, **options), self.in_proxy)


@matrix(workers=(2,))
class Sessions(Transparent):
    def setUp(self):
        super().setUp()
        self.network.lead_answers_here()

    def test_servers_see_their_clients(self):
        for index in (0, 1):
            self.start(SERVER[index])
            client = self.keep(self.network.connect(self.web.address(index=index)))
            server = self.keep(self.listener.accept())
            self.assertEqual(server.getpeername()[0], CLIENT[index])
            self.assertNotEqual(server.getpeername()[1], client.getsockname()[1])
            sockets.exchange(client, server, b"x" * 300_000)
            client.close()
            self.assertEqual(sockets.read_to_end(server), (b"", "eof"))
            server.close()
            record = self.records.wait(index + 1)[-1]
            self.assertEqual(sockets.text_of((CLIENT[index], 0))[:-1],
                             re.sub(r"\d+$", "", record["upstream_local"]))

    def test_an_ipv4_client_of_a_listener_for_both(self):
        self.start(SERVER[0], bind="[::]:0", listener={"socket": {"ipv6_only": False}})
        client = self.keep(self.network.connect((PROXY[0], self.web.port)))
        server = self.keep(self.listener.accept())
        self.assertEqual(server.getpeername()[0], CLIENT[0])
        sockets.exchange(client, server)

    def test_the_client_of_a_header(self):
        self.start(SERVER[0], listener={"proxy_protocol": {"accept": "required",
                                                           "trusted": ["10.1.0.0/24"]}})
        client = self.keep(self.network.connect(self.web.address()))
        client.sendall(b"PROXY TCP4 10.1.0.77 10.1.0.1 51514 443\r\nhello")
        server = self.keep(self.listener.accept())
        self.assertEqual(server.getpeername()[0], "10.1.0.77")
        self.assertEqual(sockets.read_exactly(server, 5), b"hello")
        server.sendall(b"bye")
        self.assertEqual(sockets.read_exactly(client, 3), b"bye")

    def test_the_client_of_a_header_from_a_unix_socket_is_rejected(self):
        """Family 0x31 of version 2: two names of 108 bytes each. Its own address is an IPv4 one."""
        self.start(SERVER[0], listener={"proxy_protocol": {"accept": "required",
                                                           "trusted": ["10.1.0.0/24"]}})
        client = self.keep(self.network.connect(self.web.address()))
        names = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
        client.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x31" + struct.pack(">H", len(names)) + names)
        self.rejected(client)

    def rejected(self, client, ending="reset"):
        if client is not None:
            self.assertEqual(sockets.ending(client), ending)
        record = self.records.wait()[-1]
        self.assertEqual((record["reason"], record["by"], record["bytes_up"]),
                         ("no_source", "proxy", 0))
        self.web.wait_line("its client has no address of this family")

    def test_a_client_of_the_other_family_is_rejected(self):
        self.start(SERVER[0])
        try:
            client = self.keep(self.network.connect(self.web.address(index=1)))
        except ConnectionResetError:  # it was faster
            client = None
        self.rejected(client)

    def test_a_client_of_a_unix_socket_is_rejected(self):
        path = os.path.join(self.new_folder(), "web.sock")
        self.start(SERVER[0], bind="unix:" + path)
        self.rejected(self.keep(sockets.connect(path)), "eof")  # such a socket has no reset


@matrix(workers=(2,))
class SetUp(Transparent):
    def run_in(self, prepare, *arguments):
        return subprocess.run([binary(), *arguments], capture_output=True, text=True,
                              timeout=DEADLINE, preexec_fn=prepare, stdin=subprocess.DEVNULL)

    def written(self, config):
        path = os.path.join(self.new_folder(), "sluice.yaml")
        with open(path, "w") as file:
            file.write(yaml(config))
        return path

    def test_what_lacks_is_told_as_a_command(self):
        """The commands are run as they are told, one after the other; then it serves."""
        for index, host in enumerate(SERVER):
            path = self.written(self.config_for(host))
            for lacking in (2, 1):
                for arguments in (("--check", "--config", path), ("--config", path)):
                    done = self.run_in(self.in_proxy, *arguments)
                    self.assertEqual(done.returncode, 1, done.stderr)
                    told = re.findall(r"upstream app: source_address: client: no .*: (ip .*)",
                                      done.stderr)
                    self.assertEqual(len(told), lacking, done.stderr)
                with self.network.inside(self.network.proxy):
                    done = run(*shlex.split(told[0]))
                self.assertEqual((done.returncode, done.stderr), (0, ""), told)
            done = self.run_in(self.in_proxy, "--check", "--config", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.start(host)
            client = self.keep(self.network.connect(self.web.address(index=index)))
            server = self.keep(self.listener.accept())
            self.assertEqual(server.getpeername()[0], CLIENT[index])
            sockets.exchange(client, server)

    def test_the_capability(self):
        self.network.lead_answers_here()
        path = self.written(self.config_for(SERVER[0]))
        for arguments in (("--check", "--config", path), ("--config", path)):
            done = self.run_in(self.without_capability, *arguments)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("setcap cap_net_raw+ep " + os.path.realpath(binary()), done.stderr)
            self.assertNotIn(" ip r", done.stderr)

    def test_a_reload_that_asks_for_more_changes_nothing(self):
        config = self.config_for(SERVER[0])
        plain = {**config, "upstreams": [{**config["upstreams"][0], "source_address": ""}]}
        self.web = self.program(Sluice(plain, self.in_proxy))
        told = self.rejected_reload(self.web, yaml(config))
        self.assertIn(f"ip rule add iif {DEVICE} lookup 100", "\n".join(told))
        client = self.keep(self.network.connect(self.web.address()))
        server = self.keep(self.listener.accept())
        self.assertEqual(server.getpeername()[0], "10.2.0.1")
        sockets.exchange(client, server)


if __name__ == "__main__":
    main()
