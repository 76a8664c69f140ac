"""Admission: limits by source, rate and listener, each with its policy and its counter."""

import os
import signal
import socket
import time

import isolation
import sockets
from crowd import arrive
from echo import echo
from harness import main, matrix
from kernel import ss
from processes import DEADLINE, run, wait_for

LEVELS = ("listener", "limits")


def neighbour(number, network=7):
    """One of our own addresses of 127.0.0.0/8, as the source of a client."""
    return ".".join(sockets.HOST.split(".")[:2] + [str(network), str(number)])


def wired_network():
    """A network of its own: on two wires, w0 and w1, hosts have the same link-local addresses."""
    isolation.own_network()
    for wire in ("0", "1"):
        run("ip", "link", "add", "w" + wire, "type", "veth", "peer", "name", "v" + wire)
        for end in ("w" + wire, "v" + wire):
            run("ip", "link", "set", end, "addrgenmode", "none")
            run("ip", "link", "set", end, "up")
        for address in ("fe80::1/64", "fe80::2/64"):
            run("ip", "address", "add", address, "dev", "w" + wire, "nodad")


def unix_echo(link, path):
    """A peer, reached from any network: echoes what each client says first."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        link.send("unix:" + path)
        held = []
        while True:
            held.append(listener.accept()[0])
            held[-1].sendall(held[-1].recv(4))


def link_local(link, pid, port):
    """A peer: what becomes of clients on both wires; each stays."""
    isolation.enter_network(pid)
    outcomes, held = [], []
    for source, wire in (("fe80::1", "w0"), ("fe80::1", "w1"), ("fe80::1", "w0"),
                         ("fe80::2", "w0")):
        index = socket.if_nametoindex(wire)
        client = socket.socket(socket.AF_INET6)
        client.bind((source, 0, 0, index))
        try:
            client.connect((source, port, 0, index))
            client.sendall(b"ping")
            outcomes.append("answered" if client.recv(4) == b"ping" else "eof")
        except ConnectionError:
            outcomes.append("reset")
        held.append(client)
    return outcomes


def arrivals(link, address, count):
    """A peer: (how many of a crowd had an answer, the seconds until all had one or an end)."""
    began = time.monotonic()
    outcomes = arrive(address, count, lambda *_: None)
    return list(outcomes.values()).count("answered"), time.monotonic() - began


@matrix(workers=(1, 2))
class Admission:
    def start(self, listener, bind="127.0.0.1:0", **sections):
        self.listener = self.keep(sockets.Listener())
        self.web = self.proxy([self.listener.text], bind=bind, listener=listener,
                              stats={"interval": "50ms"}, **sections)

    def session(self, source=None, listener="web", index=0):
        client = self.keep(self.web.connect(listener, index, source=source))
        upstream = self.keep(self.listener.accept())
        sockets.exchange(client, upstream)
        return client, upstream

    def rejected(self, source=None, listener="web", index=0):
        """The connection is reset at once, perhaps before connect returns."""
        began = time.monotonic()
        try:
            with self.web.connect(listener, index, source=source) as client:
                ending = sockets.ending(client)
        except ConnectionResetError:
            ending = "reset"
        return ending == "reset" and time.monotonic() - began < DEADLINE / 4

    def waits(self, listener, index=0, source=None):
        """A client whose connection the listener has accepted and holds back."""
        client = self.keep(self.web.connect(listener, index, source=source))
        port = self.web.address(listener, index)[1]
        wait_for(lambda: all(line.split()[1] == "0" for line in ss("-tl", f"sport = :{port}")),
                 "the client to be taken")
        return client

    def check_per_source(self, **policy):
        self.start({"per_source": {"max_connections": 2}, **policy})
        held = [self.session(neighbour(1)) for _ in range(2)]
        self.assertTrue(self.rejected(neighbour(1)))
        self.session(neighbour(2))
        self.assertTrue(self.rejected(neighbour(1)))
        sockets.reset(held[0][0])
        self.assertEqual(sockets.ending(held[0][1]), "reset")
        self.web.wait_session_end()
        self.session(neighbour(1))
        self.web.wait_stats(rejected=2, rejected_source=2, total=4, active=3)

    def test_per_source(self):
        self.check_per_source(on_limit="close")

    def test_per_source_never_waits(self):
        self.check_per_source(on_limit="wait")

    def test_source_is_a_network_of_the_prefix(self):
        self.start({"per_source": {"max_connections": 1, "ipv4_prefix": 24}})
        self.session(neighbour(1, network=1))
        self.assertTrue(self.rejected(neighbour(200, network=1)))
        self.session(neighbour(1, network=2))

    def test_dual_stack_counts_ipv4_as_ipv4(self):
        """Its prefix applies, not that of IPv6, which all IPv4 clients would share."""
        self.start({"per_source": {"max_connections": 1, "ipv6_prefix": 64},
                    "socket": {"ipv6_only": False}}, bind="[::]:0")
        self.web.addresses["web"] += [("127.0.0.1", self.web.port), ("::1", self.web.port)]
        self.session(neighbour(1), index=1)
        self.assertTrue(self.rejected(neighbour(1), index=1))
        self.session(neighbour(2), index=1)
        self.session(index=2)
        self.assertTrue(self.rejected(index=2))

    def test_unix_clients_have_no_source(self):
        self.start({"per_source": {"max_connections": 1}},
                   bind="unix:" + self.new_folder() + "/web.sock")
        for _ in range(3):
            self.session()

    def gone(self, count, source=None, index=0):
        """Clients that have sent something and reset before the proxy can accept them."""
        self.web.freeze()
        names = []
        for _ in range(count):
            client = self.web.connect(index=index, source=source)
            names.append(client.getsockname())
            client.sendall(b"gone")
            sockets.reset(client)
        self.web.send_signal(signal.SIGCONT)
        return names

    def check_gone(self, bind, source=None, text=sockets.text_of):
        """They have their address in the log and nothing of them goes upstream."""
        self.start({"socket": {"ipv6_only": False}}, bind=bind)
        self.web.addresses["web"].append(("127.0.0.1", self.web.port))
        names = self.gone(30, source, index=1 if source else 0)
        self.web.wait_session_end(30)
        ends = self.web.session_ends()
        self.assertEqual({end["client"] for end in ends}, {text(name) for name in names})
        self.assertEqual({(end["reason"], end["by"], end["attempts"], end["up"]) for end in ends},
                         {("reset", "client", "0", "0")})
        self.listener.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.listener.socket.accept)
        self.listener.socket.settimeout(DEADLINE)
        self.session()

    def test_gone_before_it_is_accepted(self):
        self.check_gone("127.0.0.1:0", neighbour(1))

    def test_gone_before_it_is_accepted_6(self):
        self.check_gone("[::1]:0")

    def test_gone_before_it_is_accepted_dual(self):
        self.check_gone("[::]:0", neighbour(1), lambda name: f"[::ffff:{name[0]}]:{name[1]}")

    def test_gone_unix_client_has_had_its_say(self):
        """A UNIX client has no reset: what it has sent is relayed."""
        self.start({"per_source": {"max_connections": 1}},
                   bind="unix:" + self.new_folder() + "/web.sock")
        self.web.freeze()
        for _ in range(3):
            client = self.web.connect()
            client.sendall(b"last words")
            client.close()
        self.web.send_signal(signal.SIGCONT)
        for _ in range(3):
            upstream = self.keep(self.listener.accept())
            self.assertEqual(sockets.read_exactly(upstream, 10), b"last words")

    def test_gone_clients_count_for_their_source(self):
        """Clients that have reset before they are accepted are rejected over the limit, too."""
        self.start({"per_source": {"max_connections": 1}})
        held = self.session(neighbour(1))
        self.gone(20, neighbour(1))
        self.gone(1, neighbour(2))
        self.session(neighbour(3))
        self.web.wait_stats(rejected=20, rejected_source=20, total=3, active=2)
        sockets.exchange(*held)

    def test_gone_while_it_waits_to_be_let_in(self):
        self.start({"max_connections": 1, "on_limit": "wait"})
        first = self.session()
        client = self.waits("web")
        client.sendall(b"gone")
        sockets.reset(client)
        sockets.reset(first[0])
        self.web.wait_session_end(2)
        self.assertEqual(self.web.session_ends()[1]["attempts"], "0")
        self.session()

    def test_link_local_sources_have_an_interface(self):
        """The same address on two wires is two hosts; a prefix is one of its wire."""
        if os.geteuid() != 0:
            self.skipTest("makes interfaces, which needs root")
        for prefix, last in ((64, "reset"), (128, "answered")):
            with self.subTest(prefix=prefix):
                web = self.proxy([self.peer(unix_echo, self.new_folder() + "/echo").receive()],
                                 bind="[::]:0", prepare=wired_network,
                                 listener={"per_source": {"max_connections": 1,
                                                          "ipv6_prefix": prefix}})
                peer = self.peer(link_local, web.pid, web.port)
                self.assertEqual(peer.receive(), ["answered", "answered", "reset", last])

    def test_buffer_memory_serves_so_many(self):
        """4 KiB for each session, beside two buffers of 16 KiB for each worker."""
        fit = (1024 - 32 * self.workers) // 4
        for policy in ("close", "wait"):
            with self.subTest(policy=policy):
                self.start({"on_limit": policy}, limits={"buffer_memory": "1MiB",
                                                             "max_connections": 10000})
                held = [self.session() for _ in range(fit)]
                if policy == "close":
                    self.assertTrue(self.rejected())
                    self.assertTrue(self.rejected())
                    self.web.wait_stats(rejected=2, rejected_buffers=2, active=fit)
                    sockets.reset(held[0][0])
                    self.assertEqual(sockets.ending(held[0][1]), "reset")
                    self.web.wait_session_end()
                    self.session()
                else:
                    waiting = self.waits("web")
                    sockets.reset(held[0][0])
                    sockets.exchange(waiting, self.keep(self.listener.accept()))
                    self.web.wait_stats(rejected=0, active=fit, total=fit + 1)
                lines = self.web.lines("listener web: buffer_memory is used up")
                self.assertEqual(len(lines), 1, "one line in 5 s")
                self.assertIn(f"{fit} connections", lines[0])

    def rate_of(self, level, rate, policy):
        config = {"log": {"level": "info"}, "stats": {"interval": "50ms"}}
        if level == "listener":
            config.update(listener={"new_connections": rate, "on_limit": policy})
        else:
            config.update(limits={"new_connections": rate, "on_limit": policy})
        return self.proxy([self.peer(echo).receive()], **config)

    def test_rate_with_close(self):
        """No more than the burst and what flows in; the rest is rejected, and counted."""
        for level in LEVELS:
            with self.subTest(level=level):
                web = self.rate_of(level, "60/s", "close")
                answered, seconds = self.peer(arrivals, web.address(), 100).receive()
                self.assertGreaterEqual(answered, 3)  # the burst
                self.assertLessEqual(answered, 3 + 60 * seconds)
                web.wait_stats(total=answered, rejected=100 - answered,
                               rejected_rate=100 - answered, active=0)

    def test_rate_with_wait(self):
        """All are served, at the rate."""
        for level in LEVELS:
            with self.subTest(level=level):
                web = self.rate_of(level, "100/s", "wait")
                answered, seconds = self.peer(arrivals, web.address(), 45).receive()
                self.assertEqual(answered, 45)
                self.assertGreaterEqual(seconds, (45 - 5) / 100)  # a burst of 5
                self.assertLess(seconds, 45 / 100 + DEADLINE / 4)
                web.wait_stats(total=45, rejected=0, active=0)

    def test_policy_of_a_listener(self):
        """`waiting` differs from what all others inherit."""
        self.listener = self.keep(sockets.Listener())
        config = self.config([self.listener.text], stats={"interval": "50ms"},
                             limits={"on_limit": "close"})
        config["listeners"] = [
            {"name": name, "bind": "127.0.0.1:0", "upstream": "app", "max_connections": 1, **own}
            for name, own in (("closing", {}), ("waiting", {"on_limit": "wait"}))]
        self.web = self.started_proxy(config)
        self.session(listener="closing")
        first = self.session(listener="waiting")
        self.assertTrue(self.rejected(listener="closing"))
        second = self.waits("waiting")
        sockets.reset(first[0])
        sockets.exchange(second, self.keep(self.listener.accept()))
        self.web.wait_stats(total=3, rejected=1, rejected_listener=1)

    def test_a_rejected_one_passes_the_slot_on(self):
        """Three wait for two places; the second to be woken is over its source's limit by then."""
        self.listener = self.keep(sockets.Listener())
        config = self.config([self.listener.text], stats={"interval": "50ms"},
                             limits={"max_connections": 2, "on_limit": "wait"})
        config["listeners"] = [
            {"name": "web", "bind": ["127.0.0.1:0", "127.0.0.1:0"], "upstream": "app",
             "per_source": {"max_connections": 1}},
            {"name": "other", "bind": "127.0.0.1:0", "upstream": "app"}]
        self.web = self.started_proxy(config)
        holders = [self.session(neighbour(number)) for number in (1, 2)]
        twins = [self.waits("web", index, neighbour(3)) for index in (0, 1)]
        other = self.waits("other")
        sockets.reset(holders[0][0])
        served = self.keep(self.listener.accept())
        served.sendall(b"you")
        sockets.reset(holders[1][0])
        sockets.exchange(other, self.keep(self.listener.accept()))
        self.assertEqual(sorted(self.word(twin) for twin in twins), [b"", b"you"])
        self.web.wait_stats(rejected=1, rejected_source=1)

    @staticmethod
    def word(client):
        try:
            return client.recv(3)
        except ConnectionResetError:
            return b""

    def test_shutdown_does_not_wait_for_the_rate(self):
        self.start({"new_connections": "1/s", "on_limit": "wait"})
        self.session()
        client = self.waits("web")
        began = time.monotonic()
        self.assertEqual(self.web.stop(), 0)
        self.assertLess(time.monotonic() - began, 0.9)
        self.assertEqual(sockets.ending(client), "reset")


if __name__ == "__main__":
    main()
