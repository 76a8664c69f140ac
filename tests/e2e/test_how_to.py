"""docs/how-to/: the configurations of these pages, each with the servers that it is for, or with
ends that speak their protocol."""

import errno
import json
import os
import re

import hello
import servers
import sockets
import yaml
from admin import Administered
from checking import OFTEN, Talker, closed_endpoint
from documents import configurations, document
from harness import main, matrix
from processes import run, wait_for
from shell import Shell, play
from sluice import binary

TLS_NAMES = ("mail.example.org", "shop.example.com")


def setUpModule():
    global postgres, redis, tls
    postgres = servers.module_server(servers.Postgres())
    redis = [servers.module_server(servers.Redis()) for _ in range(2)]
    tls = {name: servers.module_server(servers.Tls(name)) for name in TLS_NAMES}


def smtp(stream):
    """Expects a header of version 2; says who the client is, "-" if there is none (LOCAL)."""
    head = sockets.read_exactly(stream, 16)
    rest = sockets.read_exactly(stream, int.from_bytes(head[14:], "big"))
    client = "-" if head[12] == 0x20 else ".".join(map(str, rest[:4]))
    stream.sendall(f"220 hello {client}\r\n".encode())
    assert sockets.read_exactly(stream, 6) == b"QUIT\r\n"
    stream.sendall(b"221 bye\r\n")


def broker(stream):
    assert sockets.read_exactly(stream, 14)[4:8] == b"MQTT"
    stream.sendall(bytes.fromhex("20020000"))
    assert sockets.read_exactly(stream, 2) == bytes.fromhex("e000")


class Pages(Administered):
    def page(self, name, endpoints, number=0, adapt=lambda config: None):
        """A proxy with a configuration of a page: each endpoint by its name or address is one of
        `endpoints`, or else one that takes no connection. Checks come often."""
        config = yaml.safe_load(configurations(f"how-to/{name}.md")[number])
        config = json.loads(json.dumps(config))  # no anchors: each mapping is one of its own
        config.update({"runtime": {"backend": self.backend, "workers": self.workers},
                       "shutdown": {"drain_timeout": "200ms"}, "access_log": {"path": "off"}})
        config.pop("x-servers", None)
        for group in [config.get("defaults", {}).get("upstream", {}), *config["upstreams"]]:
            if "health" in group:
                group["health"].update(OFTEN | {"timeout": group["health"].get("timeout", "1s")})
        for listener in config["listeners"]:
            listener["bind"] = "127.0.0.1:0"
            listener.pop("access", None)
        used = set()
        for upstream in config["upstreams"]:
            each = [{"address": end} if isinstance(end, str) else end
                    for end in upstream.get("endpoints", [])]
            for end in each:
                key = end.get("name", end["address"])
                used |= {key} & set(endpoints)
                end["address"] = endpoints.get(key) or closed_endpoint()
            if each:
                upstream["endpoints"] = each
        self.assertEqual(used, set(endpoints), "the page has not these endpoints any more")
        adapt(config)
        path = f"unix:{self.unix_path()}"
        proxy = self.started_proxy({**config, "admin": {"bind": path}})
        self.admin = self.found(proxy)
        return proxy

    def wait_health(self, **wanted):
        def found():
            health = {each["name"]: each["health"] for each in self.admin.json("endpoints")}
            return all(health.get(name) == state for name, state in wanted.items())
        wait_for(found, f"checks to say {wanted}")


@matrix(workers=(2,))
class HowTo(Pages):
    def psql(self, proxy, statement):
        done = run(*servers.Postgres.psql(proxy.address("postgres")), "-c", statement, "postgres")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_postgres(self):
        def without_tls(config):
            step = config["upstreams"][0]["health"]["exchange"][0]
            self.assertEqual(step["expect"], "S")
            step["expect"] = "N"  # as the page says of a server without it
        proxy = self.page("postgres", {"db2": postgres.endpoint}, adapt=without_tls)
        self.wait_health(db1="down", db2="up")
        self.assertEqual(self.psql(proxy, "SELECT 6 * 7"), "42\n")

    def test_postgres_with_patroni(self):
        primary = {0}
        hosts = [sockets.HOST, re.sub(r"\d+$", lambda end: str(int(end[0]) % 250 + 2),
                                      sockets.HOST)]

        def patroni(number):
            def answer(stream):
                path = stream.recv(4096).split()[1]
                fits = (path == b"/primary") == (number in primary)
                stream.sendall(b"HTTP/1.0 %d -\r\n\r\n" % (200 if fits else 503))
            return answer
        port = self.on_one_port([(patroni(number), host) for number, host in enumerate(hosts)])
        ends = [self.keep(sockets.Listener(host)) for host in hosts]

        def at_that_port(config):
            for upstream in config["upstreams"]:
                self.assertEqual(upstream["health"].pop("port"), 8008)
                upstream["health"]["port"] = port
        proxy = self.page("postgres", {"db1": ends[0].text, "db2": ends[1].text}, number=1,
                          adapt=at_that_port)
        for number in (0, 1):
            primary.clear()
            primary.add(number)

            def is_known():
                health = {(each["upstream"], each["name"]): each["health"]
                          for each in self.admin.json("endpoints")}
                return all((health.get((upstream, f"db{i + 1}")) == "up") ==
                           ((i == number) == (upstream == "primary"))
                           for i in (0, 1) for upstream in ("primary", "replicas"))
            wait_for(is_known, "the roles to be known")
            for listener, end in (("postgres", ends[number]), ("replicas", ends[1 - number])):
                client = self.keep(proxy.connect(listener))
                sockets.exchange(client, self.keep(end.accept()))

    def on_one_port(self, talks):
        """Runs each of them at its host; returns the port, which is the same for all."""
        while True:
            first = self.keep(Talker(*talks[0]))
            port = first.listener.address[1]
            try:
                for talk, host in talks[1:]:
                    self.keep(Talker(talk, host, port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                first.close()

    def cli(self, port, *words):
        done = run("redis-cli", "-h", "127.0.0.1", "-p", port, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def replicate(self, replica, master):
        for port, words in ((master.port, ("NO", "ONE")),
                            (replica.port, (servers.HOST, master.port))):
            done = run("redis-cli", "-h", servers.HOST, "-p", port, "REPLICAOF", *words)
            self.assertTrue(done.stdout.startswith("OK"), done.stdout)

    def test_redis(self):
        self.replicate(redis[1], redis[0])
        proxy = self.page("redis", {"r1": redis[0].endpoint, "r2": redis[1].endpoint})
        key = self.id()
        for master in (0, 1):
            self.replicate(redis[1 - master], redis[master])
            self.wait_roles(f"r{master + 1}", f"r{2 - master}")
            self.assertEqual(self.cli(proxy.address("redis")[1], "SET", key, str(master)), "OK\n")
            self.assertIn("role:slave",
                          self.cli(proxy.address("redis-replicas")[1], "INFO", "replication"))

    def wait_roles(self, master, replica):
        def found():
            health = {(each["upstream"], each["name"]): each["health"]
                      for each in self.admin.json("endpoints")}
            return all(health.get((upstream, name)) == ("up" if name == wanted else "down")
                       for upstream, wanted in (("master", master), ("replicas", replica))
                       for name in ("r1", "r2", "r3"))
        wait_for(found, "the roles to be known")

    def test_mail(self):
        server = self.keep(Talker(smtp))
        proxy = self.page("mail", {"10.0.0.41:10025": server.text})
        wait_for(lambda: server.talks > 0, "a check that has passed")
        client = self.keep(proxy.connect("smtp", source="127.0.0.9"))
        self.assertEqual(sockets.read_exactly(client, 21), b"220 hello 127.0.0.9\r\n")
        client.sendall(b"QUIT\r\n")
        self.assertEqual(sockets.read_exactly(client, 9), b"221 bye\r\n")

    def test_mqtt(self):
        server = self.keep(Talker(broker))

        def of_this_size(config):
            config["limits"]["max_connections"] = 100
        proxy = self.page("mqtt", {"broker2": server.text}, adapt=of_this_size)
        wait_for(lambda: server.talks > 0, "a check that has passed")
        self.wait_health(broker1="down", broker2="up")
        client = self.keep(proxy.connect("mqtt"))
        client.sendall(bytes.fromhex("100c00044d5154540402003c0000"))
        self.assertEqual(sockets.read_exactly(client, 4).hex(), "20020000")
        client.sendall(bytes.fromhex("e000"))
        self.assertEqual(client.recv(1), b"")

    def test_sni(self):
        """Each client reaches the server of its route; who speaks neither TLS nor SSH, none."""
        web, fast, bastion = (self.keep(sockets.Listener()) for _ in range(3))
        proxy = self.page("sni", {"10.0.0.61:443": web.text, "10.0.0.63:443": fast.text,
                                  "10.0.0.62:443": tls["mail.example.org"].endpoint,
                                  "10.0.0.65:443": tls["shop.example.com"].endpoint,
                                  "10.0.0.66:22": bastion.text})
        port = proxy.address("tls")[1]
        for name in TLS_NAMES:
            done = run("curl", "-sS", "--cacert", tls[name].certificate, "--http1.1",
                       "--resolve", f"{name}:{port}:127.0.0.1", f"https://{name}:{port}/")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("s_server", done.stdout)
        for first, server in ((hello.hello("other.example.net"), web),
                              (hello.hello("shop.example.com", ["h2"]), fast),
                              (hello.SSH, bastion)):
            with proxy.connect("tls") as client:
                client.sendall(first)
                self.assertEqual(sockets.read_exactly(self.keep(server.accept()), len(first)),
                                 first)
        with proxy.connect("tls") as client:
            client.sendall(hello.HTTP)
            self.assertRaises(ConnectionResetError, client.recv, 1)
        web.socket.setblocking(False)
        self.assertRaises(BlockingIOError, web.socket.accept)

    def test_several_nodes(self):
        """The page's list, and that two nodes agree about where a client goes."""
        page = document("how-to/several-nodes.md")
        listed = json.loads(re.search(r'^    (\[ \{ "name".*?\} \])$', page, re.M | re.S)[1])
        ends = {each["name"]: self.keep(sockets.Listener()) for each in listed}
        path = os.path.join(self.new_folder(), "app.json")

        def write():
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump([{**each, "address": ends[each["name"]].text} for each in listed], file)
            os.rename(path + ".new", path)

        def with_that_list(config):
            self.assertEqual(config["upstreams"][0]["discover"]["file"], "/etc/sluice/app.json")
            config["upstreams"][0].update(discover={"file": path}, health={"check": "off"})
        write()
        nodes = [self.page("several-nodes", {}, adapt=with_that_list) for _ in range(2)]
        clients = [f"127.0.0.{number}" for number in range(1, 21)]
        self.assertEqual({self.endpoint_of(node, client, ends) for node in nodes
                          for client in clients}, {"a"}, "b drains, as the page has it")
        listed[1]["state"] = "ready"
        write()
        for node in nodes:
            node.wait_line(r"endpoint b|app\.json", count=2)
        chosen = [[self.endpoint_of(node, client, ends) for client in clients] for node in nodes]
        self.assertEqual(chosen[0], chosen[1])
        self.assertEqual(set(chosen[0]), {"a", "b"})

    def endpoint_of(self, node, source, ends):
        with node.connect(source=source):
            end = sockets.ready_of(ends.values())
            end.accept().close()
        return next(name for name, each in ends.items() if each is end)

    def test_kubernetes(self):
        """The manifest as far as it can be judged without a cluster of theirs."""
        blocks = re.findall(r"^```yml\n(.*?)^```", document("how-to/kubernetes.md"), re.M | re.S)
        config_map, deployment = yaml.safe_load_all(blocks[0])
        text = config_map["data"]["sluice.yaml"]
        path = os.path.join(self.new_folder(), "sluice.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = run(binary(), "--check", "--config", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        config = yaml.safe_load(text)
        pod = deployment["spec"]["template"]["spec"]
        sidecar, app = pod["initContainers"][0], pod["containers"][0]
        port = sidecar["ports"][0]
        self.assertEqual(config["admin"]["probe_bind"], f"0.0.0.0:{port['containerPort']}")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertEqual(sidecar[probe]["httpGet"]["port"], port["name"])
        mounts = {mount["mountPath"]: mount["name"] for mount in sidecar["volumeMounts"]}
        self.assertEqual(set(mounts.values()), {volume["name"] for volume in pod["volumes"]})
        self.assertIn(os.path.dirname(sidecar["args"][1]), mounts)
        self.assertIn(os.path.dirname(config["admin"]["bind"][len("unix:"):]), mounts)
        self.assertIn(config["listeners"][0]["bind"], app["env"][0]["value"])
        version = run(binary(), "--version").stdout.split()[1]
        self.assertTrue(sidecar["image"].endswith(":" + version), sidecar["image"])

    def test_blue_green(self):
        shell = self.keep(Shell(self.new_folder(), self.backend))
        self.assertGreater(play(self, "how-to/blue-green.md", shell), 15)


if __name__ == "__main__":
    main()
