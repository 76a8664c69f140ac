"""docs/monitoring/: every expression of the board and of the alerts, asked of a real Prometheus
that scrapes a proxy with all the problems at once, which the alerts have to find."""

import contextlib
import json
import math
import os
import re

import sockets
from admin import Administered
from documents import document, path_of
from echo import echo
from harness import Case, main, matrix
from processes import run, wait_for
from prometheus import Prometheus
from reloading import Reloading, put
from sluice import yaml

CLOSED = f"{sockets.HOST}:1"
# Those that this proxy has no trouble with: their expressions have data, below what they warn of.
QUIET = {"SluiceConnectsSlowly", "SluiceNetworkLoses", "SluiceCannotAccept"}


def without_comparison(expression):
    bare = re.sub(r"\s+(?:>|==)\s+[\d.]+$", "", expression)
    assert bare != expression, f"{expression} compares with nothing"
    return bare


class Files(Case):
    def test_promtool_has_nothing_to_say(self):
        for kind, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
            checked = run("promtool", "check", kind, path_of(f"monitoring/{name}"))
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_each_alert_says_what_to_ask(self):
        """With a command of the page, or one of the system's."""
        page = document("three-in-the-morning.md")
        asks = re.findall(r"(?m)^ +ask: (.*)$", document("monitoring/alerts.yml"))
        self.assertGreater(len(asks), 10)
        for ask in asks:
            command = re.match(r"sluice ctl \w+|systemctl status", ask)[0]
            self.assertIn(command, page)


@matrix(workers=(2,))
class Monitoring(Administered, Reloading):
    def test_every_expression(self):
        proxy, admin = self.sick_proxy()
        config = document("monitoring/prometheus.yml")
        for old, new in (('"10.0.0.11:9902", "10.0.0.12:9902"', sockets.text_of(admin.address)),
                         ("scrape_interval: 15s", "scrape_interval: 500ms"),
                         ("evaluation_interval: 15s", "evaluation_interval: 500ms")):
            self.assertIn(old, config)
            config = config.replace(old, new)
        folder = self.new_folder()
        # The same rules, without the patience that a person needs.
        rules = re.sub(r"\[5m\]", "[10s]", document("monitoring/alerts.yml"))
        rules = re.sub(r"(?m)^ +for: .*\n", "", rules)
        put(os.path.join(folder, "alerts.yml"), rules)
        self.prometheus = self.program(Prometheus(folder, config))
        wait_for(lambda: self.prometheus.ask("sluice_connections_limit"), "the first scrape")
        self.make_trouble(proxy)
        self.assert_board()
        self.assert_alerts()
        proxy.kill()
        wait_for(lambda: self.firing() >= {"SluiceDown"}, "the alert of a proxy that is gone")

    def sick_proxy(self):
        server = self.peer(echo).receive()
        fifo = os.path.join(self.new_folder(), "fifo")
        os.mkfifo(fifo)  # without a reader
        upstreams = {
            "app": {"endpoints": [server]},
            "flaky": {"endpoints": [CLOSED, server], "balance": "first"},
            "busy": {"endpoints": [{"address": server, "max_connections": 1}],
                     "queue_timeout": "100ms"},
            "dead": {"endpoints": [CLOSED], "queue_timeout": "10ms", "retry_for": "0s",
                     "health": {"check": "connect", "interval": "100ms", "timeout": "100ms",
                                "fall": 1}},
        }
        self.file = self.config(
            [], admin={"bind": f"{sockets.HOST}:0"}, limits={"max_connections": 30},
            access_log={"path": fifo}, ready_when=[{"upstream": "dead", "usable": 1}])
        self.file["upstreams"] = [
            {"name": name, **keys,
             "endpoints": [end if isinstance(end, dict) else {"address": end}
                           for end in keys["endpoints"]]} for name, keys in upstreams.items()]
        self.file["listeners"] = [
            {"name": name, "bind": f"{sockets.HOST}:0", "upstream": upstream, **more}
            for name, upstream, more in (
                ("web", "app", {}), ("small", "app", {"max_connections": 1}),
                ("flaky", "flaky", {}), ("busy", "busy", {}), ("dead", "dead", {}))]
        proxy = self.lone_proxy(self.file)  # its log has errors on purpose
        for name in ["web"] * 24 + ["small", "busy"]:
            client = self.keep(proxy.connect(name))
            sockets.exchange_echo(client)
        return proxy, self.found(proxy)

    def make_trouble(self, proxy):
        self.proxy_now = proxy
        self.rejected_reload(proxy, "listeners: none\n")
        self.file["buffers"] = {"per_direction": "64KiB"}
        put(proxy.config_path, yaml(self.file))
        self.hup(proxy)

    def traffic(self):
        for name in ("web", "small", "flaky", "busy") + ("dead",) * 3:
            with contextlib.suppress(ConnectionError), self.proxy_now.connect(name) as client:
                client.sendall(b"x")
                client.recv(1)

    def answers(self, expression):
        """Whether there is a figure; there is traffic meanwhile."""
        def found():
            self.traffic()
            return [value for value in self.prometheus.ask(expression).values()
                    if not math.isnan(value)]
        wait_for(found, f"an answer to {expression}")

    def assert_board(self):
        board = json.loads(document("monitoring/dashboard.json"))
        expressions = [target["expr"] for panel in board["panels"]
                       for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 25)
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))
        for expression in expressions:
            asked = expression.replace("$instance", ".+").replace("$__rate_interval", "10s")
            self.assertNotIn("$", asked)
            self.answers(asked)

    def firing(self):
        return {rule["name"] for rule in self.prometheus.rules() if rule["state"] == "firing"}

    def assert_alerts(self):
        rules = wait_for(self.prometheus.rules, "the rules")
        names = {rule["name"] for rule in rules}
        for rule in rules:
            self.answers(without_comparison(rule["query"]))

        def all_fire():
            self.traffic()
            return self.firing() >= names - QUIET - {"SluiceDown"}
        try:
            wait_for(all_fire, "the alerts")
        except AssertionError:
            self.fail(f"silent: {names - QUIET - {'SluiceDown'} - self.firing()}")
        self.assertEqual(self.firing() & (QUIET | {"SluiceDown"}), set())


if __name__ == "__main__":
    main()
