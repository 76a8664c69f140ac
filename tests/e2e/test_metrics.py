"""/metrics: what promtool and a real Prometheus make of it, and that no counter ever falls."""

import contextlib
import re
import signal
import socket
import time

from admin import Administered
from documents import document
from echo import echo
from harness import main, matrix
from processes import run, scaled, wait_for
from prometheus import Prometheus, scraping
from reloading import Reloading
from sockets import HOST, Listener, connect, exchange, free_port, reset, text_of

NAMES = """build_info sessions_active accepted_total rejections_total session_ends_total bytes_total
    connect_failures_total retries_total endpoint_usable reloads_total config_pending
    log_dropped_total connect_duration_seconds queue_duration_seconds first_byte_duration_seconds
    session_duration_seconds client_round_trip_seconds upstream_round_trip_seconds
    retransmits_total ready connections_limit sessions_waiting""".split()


def counters(samples):
    """Those that may not fall: totals, and all of a histogram."""
    return {name: value for name, value in samples.items()
            if re.match(r"\w+_(total|bucket|sum|count)\b", name)}


@matrix()
class Metrics(Administered, Reloading):
    def visit(self, proxy, listener="web"):
        """A session that is over, with a byte each way."""
        with proxy.connect(listener) as client:
            client.sendall(b"x")
            client.recv(1)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)

    def test_promtool_has_nothing_to_say(self):
        proxy, admin = self.administered([self.peer(echo).receive()])
        self.visit(proxy)
        text = admin.get("/metrics").text
        checked = run("promtool", "check", "metrics", input=text)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""), text)
        for name in NAMES:
            self.assertIn(f"# TYPE sluice_{name} ", text)
            self.assertIn(f"# HELP sluice_{name} ", text)
        buckets = re.findall(r'sluice_connect_duration_seconds_bucket{(.*),le="(.*)"}', text)
        self.assertLessEqual(len(buckets), 20)
        self.assertEqual(buckets[-1][1], "+Inf")

    def test_the_page_has_them_all(self):
        """docs/metrics.md: names, types and labels, no more and no less."""
        proxy, admin = self.administered([self.peer(echo).receive()])
        self.visit(proxy)
        wait_for(lambda: "sluice_session_ends_total{" in admin.get("/metrics").text, "its end")
        rows = re.findall(r"^\| `(sluice_\w+)` \| (\w+) \|([^|]*)\|", document("metrics.md"), re.M)
        text = admin.get("/metrics").text
        self.assertEqual({name: kind for name, kind, _ in rows},
                         dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M)))
        for name, kind, labels in rows:
            suffix = "_count" if kind == "histogram" else ""
            [sample, *_] = re.findall(rf"^{name}{suffix}(?:{{(.*)}})? \d", text, re.M)
            self.assertEqual(re.findall(r"`(\w+)`", labels),
                             re.findall(r'(?:^|,)(\w+)="', sample), name)

    def test_what_they_count(self):
        server = self.keep(Listener())
        proxy, admin = self.administered(
            [text_of((HOST, free_port())), server.text], limits={"max_connections": 2},
            upstream={"balance": "first", "retry_for": "0s"})
        client = self.keep(proxy.connect())
        upstream = self.keep(server.accept())
        client.sendall(b"123")
        self.assertEqual(upstream.recv(3, socket.MSG_WAITALL), b"123")
        upstream.sendall(b"12345")
        self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"12345")
        other = self.keep(proxy.connect())
        other_upstream = self.keep(server.accept())
        exchange(other, other_upstream)
        with contextlib.suppress(ConnectionError):  # rejected by a reset, perhaps before it is told
            proxy.connect().close()
        wait_for(lambda: admin.metrics()[
            'sluice_rejections_total{listener="web",reason="connections"}'] == 1, "a rejection")
        samples = admin.metrics()
        both = '{listener="web",upstream="app"}'
        self.assertEqual(samples['sluice_sessions_active{listener="web"}'], 2)
        self.assertEqual(samples["sluice_accepted_total"], 2)
        self.assertGreaterEqual(samples['sluice_bytes_total{listener="web",direction="up"}'], 3)
        self.assertEqual(samples['sluice_connect_failures_total{upstream="app"}'], 2)
        self.assertEqual(samples['sluice_retries_total{upstream="app"}'], 2)
        self.assertEqual(
            samples[f'sluice_endpoint_usable{{upstream="app",endpoint="{server.text}"}}'], 1)
        self.assertEqual(samples[f"sluice_connect_duration_seconds_count{both}"], 2)
        self.assertEqual(samples[f"sluice_first_byte_duration_seconds_count{both}"], 2)
        self.assertEqual(samples[f"sluice_session_duration_seconds_count{both}"], 0)
        self.assertIn(f'backend="{self.backend}"', " ".join(samples))
        reset(client)
        name = 'sluice_session_ends_total{listener="web",initiator="client",reason="reset"}'
        wait_for(lambda: admin.metrics().get(name) == 1, "the end of a session")
        samples = admin.metrics()
        self.assertEqual(samples[f"sluice_session_duration_seconds_count{both}"], 1)
        self.assertLess(samples[f"sluice_session_duration_seconds_sum{both}"], 20)
        for side in ("client", "upstream"):
            self.assertEqual(samples[f"sluice_{side}_round_trip_seconds_count{both}"], 1)
            self.assertGreater(samples[f"sluice_{side}_round_trip_seconds_sum{both}"], 0)
            self.assertIn(f'sluice_retransmits_total{both[:-1]},side="{side}"}}', samples)
        self.assertEqual(samples["sluice_connections_limit"], 2)
        self.assertEqual(samples["sluice_ready"], 1)
        self.assertEqual(samples['sluice_sessions_active{listener="web"}'], 1)

    def test_the_time_in_the_queue_and_to_the_first_byte(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([{"address": server.text, "max_connections": 1}],
                                         upstream={"queue_timeout": "1m"})
        first = self.keep(proxy.connect())
        served = self.keep(server.accept())
        exchange(first, served)
        second = self.keep(proxy.connect())
        # So old that it is in the queue.
        wait_for(lambda: admin.json("sessions?stage=connect&min_age=300ms"), "it to wait")
        waiting = 'sluice_sessions_waiting{upstream="app"}'
        self.assertEqual(admin.metrics()[waiting], 1)
        self.assertEqual(admin.json("upstreams")[0]["sessions_waiting"], 1)
        begin = time.monotonic()
        first.close()
        served.close()
        upstream = self.keep(server.accept())
        both = '{listener="web",upstream="app"}'
        second.sendall(b"?")
        upstream.recv(1)
        asked = time.monotonic()
        wait_for(lambda: time.monotonic() - asked > 0.06, "some time to pass")
        upstream.sendall(b"!")
        second.recv(1)
        took = time.monotonic() - asked
        samples = admin.metrics()
        self.assertEqual(samples[waiting], 0)
        self.assertEqual(samples[f"sluice_queue_duration_seconds_count{both}"], 1)
        self.assertGreater(samples[f"sluice_queue_duration_seconds_sum{both}"], 0)
        self.assertLess(samples[f"sluice_queue_duration_seconds_sum{both}"],
                        time.monotonic() - begin + 20)
        slow = samples[f'sluice_first_byte_duration_seconds_count{both}'] - samples[
            'sluice_first_byte_duration_seconds_bucket{listener="web",upstream="app",le="0.05"}']
        self.assertEqual(slow, 1, "the other one was answered at once")
        self.assertLess(samples[f"sluice_first_byte_duration_seconds_sum{both}"], took + 20)

    def test_an_answer_before_the_question_is_sent(self):
        """What still waits for bandwidth is not what is answered: no time is told."""
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text],
                                         listener={"bandwidth": {"per_connection": "1KiB/s"}})
        client = self.keep(proxy.connect())
        client.sendall(bytes(10_000))
        upstream = self.keep(server.accept())
        wait_for(lambda: admin.json("sessions")[0]["bytes_up"], "the beginning of it")
        upstream.sendall(b"413")
        self.assertEqual(client.recv(3, socket.MSG_WAITALL), b"413")
        both = '{listener="web",upstream="app"}'
        self.assertEqual(admin.metrics()[f"sluice_first_byte_duration_seconds_count{both}"], 0)

    def test_no_counter_falls(self):
        endpoints = [self.peer(echo).receive() for _ in range(3)]
        config = self.config(endpoints[:1], admin={"bind": f"unix:{self.unix_path()}"})
        other = {"name": "other", "bind": f"{HOST}:{free_port()}", "upstream": "app"}
        config["listeners"].append(other)
        proxy = self.started_proxy(config)
        admin = self.found(proxy)
        before = {}
        for i in range(12):
            self.visit(proxy)
            if len(config["listeners"]) == 2:
                with connect((HOST, int(other["bind"].rsplit(":", 1)[1]))) as client:
                    client.sendall(b"x")
                    client.recv(1)
            config["upstreams"][0]["endpoints"] = [
                {"address": end} for end in endpoints[i % 3:][:1 + i % 2]]
            config["upstreams"][0]["balance"] = ("round_robin", "random_two")[i // 3 % 2]
            config["listeners"] = config["listeners"][:1] + [other] * (i % 2)
            self.reload(proxy, config)
            after = counters(admin.metrics())
            for name, value in before.items():
                self.assertGreaterEqual(after.get(name, -1), value, name)
            before = after
        self.assertEqual(admin.metrics()['sluice_reloads_total{result="ok"}'], 12)

    def test_no_counter_falls_when_an_administrator_changes_endpoints(self):
        """Series of an endpoint end with it; totals go on."""
        servers = [self.peer(echo).receive() for _ in range(3)]
        proxy, admin = self.administered(servers[:1])
        before = {}
        for i in range(9):
            self.visit(proxy)
            come, go = servers[(i + 1) % 3], servers[i % 3]
            added = admin.post(f"/api/v1/upstreams/app/endpoints?address={come}")
            self.assertEqual(added.status, 200, added.text)
            removed = admin.ask("DELETE", f"/api/v1/endpoints/app/{go}")
            self.assertEqual(removed.status, 200, removed.text)
            after = counters(admin.metrics())
            for name, value in before.items():
                self.assertGreaterEqual(after.get(name, -1), value, name)
            before = after
        self.assertEqual(before["sluice_accepted_total"], 9)

    def test_a_scrape_while_it_drains(self):
        """Until the last session has ended, and nothing of it falls."""
        proxy, admin = self.administered([self.peer(echo).receive()],
                                         shutdown={"drain_timeout": "1m"})
        self.visit(proxy)
        client = self.keep(proxy.connect())
        client.sendall(b"x")
        client.recv(1)
        before = counters(admin.metrics())
        proxy.send_signal(signal.SIGTERM)
        proxy.wait_line("no new connections; 1 sessions may finish")
        samples = admin.metrics()
        self.assertEqual(samples["sluice_ready"], 0)
        self.assertEqual(samples['sluice_sessions_active{listener="web"}'], 1)
        client.sendall(b"y")
        self.assertEqual(client.recv(1), b"y")
        for name, value in before.items():
            self.assertGreaterEqual(counters(admin.metrics()).get(name, -1), value, name)
        client.close()
        self.assertEqual(proxy.wait(), 0)

    def test_both_formats(self):
        proxy, admin = self.administered([self.peer(echo).receive()])
        self.visit(proxy)
        plain = admin.get("/metrics", Accept="text/plain")
        self.assertTrue(plain.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        openmetrics = admin.get(
            "/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertEqual(openmetrics.headers["Content-Type"],
                         "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(openmetrics.text.endswith("\n# EOF\n"))
        self.assertIn("# TYPE sluice_accepted counter\nsluice_accepted_total 1\n", openmetrics.text)


@matrix(workers=(2,))
class Scraped(Administered):
    def test_prometheus_scrapes_it(self):
        proxy = self.proxy([self.peer(echo).receive()], admin={"bind": f"{HOST}:0"})
        admin = self.found(proxy)
        clients = [self.keep(proxy.connect()) for _ in range(scaled(20, 2))]
        for client in clients:
            client.sendall(b"x")
            client.recv(1)
        prometheus = self.program(Prometheus(self.new_folder(), scraping(admin.address)))
        active = (("listener", "web"),)
        wait_for(lambda: prometheus.ask("sluice_sessions_active") == {active: len(clients)},
                 "Prometheus to know of the sessions")
        self.assertEqual(prometheus.ask("up"), {(): 1})
        median = prometheus.ask("histogram_quantile(0.5, sluice_connect_duration_seconds_bucket)")
        self.assertEqual(len(median), 1)
        self.assertLess(*median.values(), 20)
        self.assertEqual(prometheus.ask("sum(sluice_accepted_total)"), {(): len(clients)})

    def test_a_scrape_of_many_sessions_stops_nothing(self):
        """The best of five in 50 ms, while a session goes on."""
        count = scaled(4000, 100)
        proxy, admin = self.administered([self.peer(echo).receive()],
                                         limits={"max_connections": count})
        clients = [self.keep(proxy.connect()) for _ in range(count)]
        for client in clients:
            client.sendall(b"x")
        for client in clients:
            client.recv(1)

        def one():
            begin = time.monotonic()
            self.assertEqual(admin.metrics()['sluice_sessions_active{listener="web"}'], count)
            return time.monotonic() - begin
        self.assertLess(min(one() for _ in range(5)), 0.05)
        clients[0].sendall(b"y")
        self.assertEqual(clients[0].recv(1), b"y")


if __name__ == "__main__":
    main()
