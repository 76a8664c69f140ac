"""Endpoints from name servers: names as endpoints, `discover.dns`, and servers that fail or lie."""

import socket
import urllib.parse

import name_server
import sockets
from admin import Administered
from echo import Echo
from harness import main, matrix
from name_server import Dnsmasq, NameServer
from processes import wait_for
from reloading import Reloading
from sluice import yaml

KEEPS = "its endpoints stay as they were"
UNKNOWN = "no endpoints of it are known yet"
NAME = "app.internal"


def host(number):
    """Loopback addresses beside HOST, which other tests do not use either."""
    first, second, third, fourth = sockets.HOST.split(".")
    return f"{first}.{second}.{third}.{(int(fourth) + number) % 254 + 1}"


class ListenerAt(sockets.Listener):
    def __init__(self, address):
        self.socket = socket.create_server(address)
        self.address = self.socket.getsockname()
        self.text = sockets.text_of(address)


def echo_at(link, *address):
    with ListenerAt(address) as listener:
        link.send(listener.text)
        Echo(listener, link).serve()


@matrix(workers=(1, 2))
class DiscoverDns(Administered, Reloading):
    def setUp(self):
        self.names = NameServer()
        self.addCleanup(self.names.close)
        self.addresses = [host(number) for number in range(3)]
        self.port = sockets.free_port(self.addresses[0])
        for each in self.addresses:
            self.peer(echo_at, each, self.port).receive()

    def dns(self, *servers, **settings):
        return {"servers": list(servers) or [self.names.text], "min_ttl": "100ms",
                "max_ttl": "150ms", "timeout": "200ms", **settings}

    def start(self, endpoints=None, dns=None, start=None, **upstream):
        endpoints = [f"{NAME}:{self.port}"] if endpoints is None else endpoints
        self.configured = self.config(
            endpoints, dns=dns or self.dns(), upstream={"queue_timeout": "20s", **upstream},
            admin={"bind": f"unix:{self.unix_path()}"})
        self.web = (start or self.started_proxy)(self.configured)
        self.admin = self.found(self.web)

    def endpoints(self):
        return {each["name"]: each for each in self.admin.json("endpoints")}

    def name_of(self, number, name=NAME):
        return f"{name}@{self.addresses[number]}:{self.port}"

    def wait_for_hosts(self, *numbers, name=NAME):
        wanted = {self.name_of(number, name) for number in numbers}
        wait_for(lambda: set(self.endpoints()) == wanted, f"the endpoints {wanted}")

    def client(self):
        client = self.keep(self.web.connect())
        sockets.exchange_echo(client)
        return client

    def asked_again(self, times=3):
        """So often that what the answers change has changed."""
        before = self.names.asked
        wait_for(lambda: self.names.asked >= before + times, "further questions")

    def test_a_name_is_an_endpoint_for_each_address(self):
        self.names.hosts[NAME] = self.addresses[:2]
        self.start([{"address": f"{NAME}:{self.port}", "weight": 5, "max_connections": 50}])
        self.client()
        self.wait_for_hosts(0, 1)
        for each in self.endpoints().values():
            self.assertEqual((each["weight"], each["max_connections"]), (5, 50))
        self.assertIn("libcares", self.maps())

    def maps(self):
        with open(f"/proc/{self.web.pid}/maps") as file:
            return file.read()

    def test_without_names_nothing_is_loaded(self):
        self.start([f"{self.addresses[0]}:{self.port}"])
        self.client()
        self.assertNotIn("libcares", self.maps())

    def test_new_sessions_go_to_new_addresses(self):
        self.names.hosts[NAME] = self.addresses[:1]
        self.start(balance="least_connections")
        old = self.client()
        self.names.hosts[NAME] = self.addresses[1:]
        self.wait_for_hosts(1, 2)
        for _ in range(4):
            self.client()
        self.assertEqual({each["sessions_active"] for each in self.endpoints().values()}, {2})
        sockets.exchange_echo(old)

    def test_an_address_that_stays_keeps_what_is_known_of_it(self):
        self.names.hosts[NAME] = self.addresses[:2]
        self.start(balance="least_connections")
        held = [self.client() for _ in range(4)]
        path = urllib.parse.quote(self.name_of(0), safe="")
        self.admin.post(f"/api/v1/endpoints/app/{path}/drain")
        self.names.hosts[NAME] = self.addresses[::-1]
        self.wait_for_hosts(0, 1, 2)
        first = self.endpoints()[self.name_of(0)]
        self.assertEqual((first["state"], first["sessions_active"]), ("drain", 2))
        self.reload(self.web, self.changed(self.configured, stats={"interval": "77s"}))
        self.assertEqual(self.endpoints()[self.name_of(0)]["state"], "drain")
        for client in held:
            sockets.exchange_echo(client)
        lines = self.web.lines(rf"upstream app: name {NAME}:{self.port}: \d+ endpoints")
        self.assertEqual(len(lines), 2, "answers that are turned round change nothing")

    def test_no_such_name_at_start(self):
        """A client waits for it, and is served."""
        self.start()
        self.web.wait_line(f"there is no name {NAME}")
        self.web.wait_line(UNKNOWN)
        client = self.keep(self.web.connect())
        client.sendall(b"early")
        self.names.hosts[NAME] = self.addresses[:1]
        self.assertEqual(sockets.read_exactly(client, 5), b"early")
        self.web.wait_line("it is known again")

    def test_silence_at_start(self):
        self.names.mood = name_server.SILENT
        self.start()
        self.web.wait_line(UNKNOWN)
        self.names.hosts[NAME] = self.addresses[:1]
        self.names.mood = name_server.OK
        self.client()

    def test_what_fails_later_keeps_the_last_addresses(self):
        self.names.hosts[NAME] = self.addresses[:2]
        self.start()
        self.wait_for_hosts(0, 1)
        for count, mood in enumerate((name_server.SERVFAIL, name_server.NXDOMAIN,
                                      name_server.SILENT, name_server.WRONG_ID, name_server.CUT),
                                     start=1):
            with self.subTest(mood=mood):
                self.names.mood = mood
                self.names.hosts[NAME] = self.addresses[2:]
                self.web.wait_line(KEEPS, count=count)
                self.client()
                self.wait_for_hosts(0, 1)
                self.names.hosts[NAME] = self.addresses[:2]
                self.names.mood = name_server.OK
                self.web.wait_line("it is known again", count=count)

    def test_a_family_that_fails_keeps_its_addresses(self):
        """IPv4 changes while the question for IPv6 fails."""
        self.names.hosts[NAME] = [self.addresses[0], "::1"]
        self.start(dns=self.dns(family="any"))
        ipv6 = f"{NAME}@[::1]:{self.port}"
        wait_for(lambda: set(self.endpoints()) == {self.name_of(0), ipv6}, "both families")
        self.names.failing_kinds.add(name_server.AAAA)
        self.names.hosts[NAME] = [self.addresses[1]]
        wait_for(lambda: set(self.endpoints()) == {self.name_of(1), ipv6}, "the other address")

    def test_only_the_family_of_source_address_is_asked_for(self):
        self.names.hosts[NAME] = [self.addresses[0], "::1"]
        self.start(source_address="127.0.0.1")
        self.client()
        self.wait_for_hosts(0)
        self.reload(self.web, self.changed(self.configured, upstreams=[
            {"name": "app", "endpoints": [f"{NAME}:{self.port}"]}]))
        ipv6 = f"{NAME}@[::1]:{self.port}"
        wait_for(lambda: set(self.endpoints()) == {self.name_of(0), ipv6}, "both families")

    def test_what_is_not_known_is_not_said_to_be_removed(self):
        self.names.mood = name_server.NXDOMAIN
        self.start(queue_timeout="0s")
        self.assertEqual(sockets.ending_of_connect(self.web.address()), "reset")
        self.web.wait_line("upstream app: no endpoint is known: no session can begin")

    def test_truncated_answers(self):
        hosts = [f"127.1.{number // 200}.{number % 200 + 1}" for number in range(400)]
        self.names.hosts[NAME] = hosts
        self.names.mood = name_server.TRUNCATED
        self.start(dns=self.dns(family="ipv4"))
        wait_for(lambda: len(self.endpoints()) == 400, "all addresses")
        self.assertGreater(self.names.over_tcp, 0)

    def test_slow_answers_delay_nobody(self):
        self.names.hosts[NAME] = self.addresses[:1]
        self.start(dns=self.dns(timeout="30s"))
        self.client()
        self.names.mood = name_server.SLOW
        self.asked_again(1)
        self.client()
        self.names.hosts[NAME] = self.addresses[1:2]
        self.names.mood = name_server.OK
        self.names.is_slow.set()
        self.wait_for_hosts(1)

    def test_the_process_ends_while_it_asks(self):
        self.names.mood = name_server.SILENT
        self.start(dns=self.dns(timeout="1m"))
        self.assertEqual(self.web.stop(), 0)

    def test_a_service(self):
        service = f"_app._tcp.{NAME}"
        self.names.services[service] = [(10, 0, self.port, "one.internal"),
                                        (20, 3, self.port, "two.internal"),
                                        (20, 1, self.port, "three.internal")]
        for number, name in enumerate(("one", "two", "three")):
            self.names.hosts[f"{name}.internal"] = [self.addresses[number]]
        self.start([], discover={"dns": {"srv": service}})
        wait_for(lambda: len(self.endpoints()) == 3, "the servers of the service")
        found = {name.split("@")[0]: (each["priority"], each["weight"], each["address"])
                 for name, each in self.endpoints().items()}
        self.assertEqual(found, {
            "one.internal": (10, 1, f"{self.addresses[0]}:{self.port}"),
            "two.internal": (20, 3, f"{self.addresses[1]}:{self.port}"),
            "three.internal": (20, 1, f"{self.addresses[2]}:{self.port}")})
        self.client()
        self.assertEqual(self.endpoints()[self.name_of(0, "one.internal")]["sessions_active"], 1)
        self.names.services[service] = [(0, 1000, self.port, "two.internal"),
                                        (0, 250, self.port, "three.internal")]
        self.wait_for_services({"two.internal": (0, 256), "three.internal": (0, 64)})

    def test_a_family_of_a_server_that_fails_keeps_its_addresses(self):
        service = f"_app._tcp.{NAME}"
        self.names.services[service] = [(0, 1, self.port, NAME)]
        self.names.hosts[NAME] = [self.addresses[0], "::1"]
        self.start([], discover={"dns": {"srv": service}})
        ipv6 = f"{NAME}@[::1]:{self.port}"
        wait_for(lambda: set(self.endpoints()) == {self.name_of(0), ipv6}, "both families")
        self.names.failing_kinds.add(name_server.AAAA)
        self.names.hosts[NAME] = [self.addresses[1]]
        wait_for(lambda: set(self.endpoints()) == {self.name_of(1), ipv6}, "the other address")
        self.names.failing_kinds.clear()
        self.wait_for_hosts(1)

    def test_a_service_that_is_too_large_is_not_kept(self):
        """11 ports of a host with 1000 addresses; then the question for these fails."""
        service = f"_app._tcp.{NAME}"
        self.names.services[service] = [(0, 1, port, NAME) for port in range(1001, 1012)]
        self.names.hosts[NAME] = [f"127.1.{number // 200}.{number % 200 + 1}"
                                  for number in range(1000)]
        self.names.mood = name_server.TRUNCATED  # an answer is longer than a datagram may be
        self.start([], dns=self.dns(timeout="5s"), discover={"dns": {"srv": service}})
        self.web.wait_line("has more than 10000 addresses, which are not kept")
        self.web.wait_line(UNKNOWN)
        self.names.failing_kinds.add(name_server.A)
        self.names.hosts[NAME] = ["::1"]
        wanted = {f"{NAME}@[::1]:{port}" for port in range(1001, 1012)}
        wait_for(lambda: set(self.endpoints()) == wanted, "what was asked for and answered")

    def wait_for_services(self, wanted):
        def found():
            return {name.split("@")[0]: (each["priority"], each["weight"])
                    for name, each in self.endpoints().items()}
        wait_for(lambda: found() == wanted, f"the servers {wanted}")

    def test_a_name_to_discover(self):
        self.names.hosts[NAME] = self.addresses[:2]
        self.start([], discover={"dns": {"name": NAME, "port": self.port}})
        self.wait_for_hosts(0, 1)
        self.client()

    def test_a_name_in_etc_hosts(self):
        """No name server is asked for it."""
        with open("/etc/hosts") as file:
            self.assertIn("localhost", file.read())
        listener = self.keep(ListenerAt(("127.0.0.1", 0)))
        port = listener.address[1]
        self.start([f"localhost:{port}"], dns=self.dns(family="ipv4"))
        wait_for(lambda: list(self.endpoints()) == [f"localhost@127.0.0.1:{port}"], "localhost")
        self.assertEqual(self.names.asked, 0)

    def test_a_reload_asks_other_servers(self):
        self.names.hosts[NAME] = self.addresses[:1]
        self.start()
        self.wait_for_hosts(0)
        others = NameServer()
        self.addCleanup(others.close)
        others.hosts[NAME] = self.addresses[1:]
        self.reload(self.web, self.changed(self.configured, dns=self.dns(others.text)))
        self.wait_for_hosts(1, 2)

    def test_a_reload_that_fails_asks_other_servers_for_nothing(self):
        """What they answer meanwhile is not used; what those before answer still is."""
        self.names.hosts[NAME] = self.addresses[:1]
        self.start(start=self.lone_proxy)
        self.wait_for_hosts(0)
        others = NameServer()
        self.addCleanup(others.close)
        others.hosts[NAME] = self.addresses[1:2]
        taken = self.keep(sockets.Listener())
        another = {"name": "another", "bind": taken.text, "upstream": "app"}
        changed = self.changed(self.configured, dns=self.dns(others.text),
                               listeners=self.configured["listeners"] + [another])
        errors = self.rejected_reload(self.web, yaml(changed))
        self.assertRegex(errors[0], "^listener another: ")
        self.assertGreater(others.asked, 0)
        self.asked_again()
        self.assertEqual(set(self.endpoints()), {self.name_of(0)})
        told = self.web.lines(rf"upstream app: name {NAME}:{self.port}: \d+ endpoints")
        self.assertEqual(len(told), 1)
        self.names.hosts[NAME] = self.addresses[2:]
        self.wait_for_hosts(2)
        taken.close()
        self.reload(self.web, changed)
        self.wait_for_hosts(1)

    def test_dnsmasq_dies_and_returns(self):
        options = [f"--host-record={NAME},{self.addresses[0]}",
                   f"--srv-host=_app._tcp.{NAME},{NAME},{self.port},0,5"]
        server = self.keep(Dnsmasq(*options))
        self.addCleanup(server.output.close)
        self.start([], dns=self.dns(server.endpoint),
                   discover={"dns": {"srv": f"_app._tcp.{NAME}"}})
        self.wait_for_hosts(0)
        server.kill()
        self.web.wait_line(KEEPS)
        self.client()
        other = self.keep(Dnsmasq(f"--host-record={NAME},{self.addresses[1]}", options[1],
                                  port=server.port))
        self.addCleanup(other.output.close)
        self.wait_for_hosts(1)
        self.client()


if __name__ == "__main__":
    main()
