"""SIGHUP: another configuration takes the place of the one in force, or nothing changes."""

import os
import re
import signal

import servers
import sockets
from echo import echo
from harness import MiB, main, matrix
from processes import Process, of_threads, run, scaled, wait_for
from reloading import DONE, IN_FORCE, STAYS, Reloading, put, visit
from sluice import yaml


def setUpModule():
    global redis, other_redis, nginx
    redis = servers.module_server(servers.Redis())
    other_redis = servers.module_server(servers.Redis())
    nginx = servers.module_server(servers.Nginx())
    with open(os.path.join(nginx.files, "big"), "wb") as file:
        file.truncate(64 << 20)


def redis_port(address):
    """Which server answers behind `address`."""
    with sockets.connect(address) as client:
        client.sendall(b"CONFIG GET port\r\n")
        return int(sockets.read_exactly(client, 25).split(b"\r\n")[4])


@matrix(workers=(2,))
class Sessions(Reloading):
    """Sessions with real servers live through reloads that take their endpoints away."""

    def test_redis_goes_on_with_its_server(self):
        config = self.config([redis.endpoint])
        web = self.started_proxy(config)
        with sockets.connect(web.address()) as old:
            old.sendall(b"SET key-%d one\r\n" % web.port)
            self.assertEqual(sockets.read_exactly(old, 5), b"+OK\r\n")
            subscriber = self.program(Process("redis-cli", "-h", "127.0.0.1", "-p", web.port,
                                              "SUBSCRIBE", "channel"))
            subscriber.wait_line("^subscribe$")
            self.assertEqual(redis_port(web.address()), redis.port)
            self.reload(web, self.config([other_redis.endpoint]))
            self.assertEqual(redis_port(web.address()), other_redis.port)
            for _ in range(3):
                self.reload(web, self.config([redis.endpoint, other_redis.endpoint]))
                self.reload(web, self.config([other_redis.endpoint]))
            old.sendall(b"GET key-%d\r\n" % web.port)
            self.assertEqual(sockets.read_exactly(old, 9), b"$3\r\none\r\n")
            done = run("redis-cli", "-h", sockets.HOST, "-p", redis.port, "PUBLISH", "channel",
                       "still-here")
            self.assertEqual(done.stdout, "1\n")
            subscriber.wait_line("^still-here$")

    def test_a_download_goes_on(self):
        web = self.started_proxy(self.config([nginx.endpoint]))
        with sockets.connect(web.address()) as client:
            client.sendall(b"GET /big HTTP/1.0\r\n\r\n")
            received = len(sockets.read_exactly(client, 1 << 20))
            self.reload(web, self.config([redis.endpoint]))
            body, end = sockets.read_to_end(client)
        self.assertEqual(end, "eof")
        self.assertGreater(received + len(body), 64 << 20)


@matrix(workers=(2,))
class Listeners(Reloading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.port = sockets.free_port()
        self.second = {"name": "second", "bind": f"{sockets.HOST}:{self.port}", "upstream": "app"}
        self.config_now = self.config([self.server])
        self.both = self.changed(self.config_now,
                                 listeners=self.config_now["listeners"] + [self.second])

    def echoes(self, address):
        with sockets.connect(address) as client:
            sockets.exchange_echo(client)

    def test_one_is_added_and_removed(self):
        web = self.started_proxy(self.config_now)
        address = (sockets.HOST, self.port)
        self.assertTrue(sockets.refused(address))
        self.reload(web, self.both)
        web.wait_line(f"reload: listener second is added .bind {sockets.HOST}:{self.port}")
        self.assertEqual(len(web.lines("listener web: listening on")), 1, "it keeps its socket")
        with sockets.connect(address) as old:
            sockets.exchange_echo(old)
            self.reload(web, self.config_now)
            web.wait_line("reload: listener second is removed")
            wait_for(lambda: sockets.refused(address), "its port to be closed")
            sockets.exchange_echo(old, b"its sessions go on")
        self.echoes(web.address())
        self.reload(web, self.both)
        self.echoes(address)

    def test_names_swap_their_addresses(self):
        first = f"{sockets.HOST}:{sockets.free_port()}"
        listeners = [{"name": "web", "bind": first, "upstream": "app"}, self.second]
        web = self.started_proxy(self.changed(self.config_now, listeners=listeners))
        bound = len(web.lines("listening on"))
        swapped = [{**listeners[0], "bind": self.second["bind"]},
                   {**self.second, "bind": first, "name": "renamed"}]
        self.reload(web, self.changed(self.config_now, listeners=swapped))
        self.assertEqual(len(web.lines("listening on")), bound, "nothing is bound")
        self.echoes((sockets.HOST, self.port))
        host, port = first.rsplit(":", 1)
        self.echoes((host, int(port)))

    def test_socket_options_of_an_address_that_is_kept(self):
        """They stay, and are told; another address gets those of the file."""
        listener = {**self.second, "name": "web"}
        web = self.started_proxy(self.changed(self.config_now, listeners=[listener]))
        listener["socket"] = {"keepalive": "7s"}
        self.reload(web, self.changed(self.config_now, listeners=[listener]))
        web.wait_line("settings that keep their value until a restart: "
                      rf"listeners.socket .web, {self.second['bind']}.$")
        del listener["socket"]
        self.reload(web, self.changed(self.config_now, listeners=[listener]))
        self.assertEqual(len(web.lines("settings that keep")), 1)

    def test_another_prefix_of_sources_forgets_who_is_connected(self):
        """What counted as one source may be two now, or half of one: the log says so, once."""
        def config(**per_source):
            listener = {**self.second, "name": "web", "per_source": per_source}
            return self.changed(self.config_now, listeners=[listener])
        web = self.started_proxy(config(max_connections=1))
        told = "per_source has another prefix: .* count for no source any more .listener web.$"
        with sockets.connect((sockets.HOST, self.port)) as first:
            sockets.exchange_echo(first)
            self.reload(web, config(max_connections=1, ipv6_prefix=56))
            web.wait_line(told)
            with sockets.connect((sockets.HOST, self.port)) as second:
                sockets.exchange_echo(second)
                self.reload(web, config(max_connections=2, ipv6_prefix=56))
                with sockets.connect((sockets.HOST, self.port)) as third:
                    sockets.exchange_echo(third)
            sockets.exchange_echo(first)
        self.reload(web, config(max_connections=0, ipv6_prefix=64))
        self.assertEqual(len(web.lines(told)), 1)

    def test_a_port_in_use_changes_nothing(self):
        web = self.lone_proxy(self.config_now)
        taken = self.keep(sockets.Listener())
        text = yaml(self.changed(self.both, upstreams=[
            {"name": "app", "endpoints": ["127.0.0.1:1"]}],
            listeners=self.both["listeners"] + [
                {"name": "third", "bind": taken.text, "upstream": "app"}]))
        errors = self.rejected_reload(web, text)
        self.assertEqual(len(errors), 1, errors)
        self.assertRegex(errors[0], rf"^listener third: .*{re.escape(taken.text)}.*in use")
        self.assertTrue(sockets.refused((sockets.HOST, self.port)), "the other is not served")
        self.echoes(web.address())
        taken.close()
        self.reload(web, self.both)
        self.echoes((sockets.HOST, self.port))
        self.assertEqual(web.stop(), 0)


@matrix(workers=(2,))
class Removed(Reloading):
    """What becomes of the sessions of an endpoint that is removed, and of those that wait."""

    def setUp(self):
        self.ends = [self.keep(sockets.Listener()) for _ in range(2)]

    def between(self, *ends, endpoint=None, **upstream):
        each = [{"address": self.ends[end].text, **(endpoint or {})} for end in ends]
        return self.config(each, upstream=upstream)

    def session_with(self, web, end):
        """Those that come to another one before are kept, too: the first turn is any one's."""
        for _ in range(len(self.ends)):
            client = self.keep(web.connect())
            served = sockets.ready_of(self.ends)
            server = self.keep(served.accept())
            sockets.exchange(client, server)
            if served is self.ends[end]:
                return client, server
        raise AssertionError(f"no session came to endpoint {end}")

    def check_removed(self, web, config):
        """Its sessions are reset on both sides, and those of the other one are not."""
        gone, stays = self.session_with(web, 0), self.session_with(web, 1)
        self.reload(web, config)
        for side in gone:
            self.assertEqual(sockets.ending(side), "reset")
        web.wait_line("reason=endpoint_removed by=proxy")
        sockets.exchange(*stays)
        sockets.exchange(*self.session_with(web, 1))

    def test_reset_at_once_by_the_rule_of_before(self):
        web = self.started_proxy(self.between(0, 1, on_removed={"sessions": "reset"}))
        self.check_removed(web, self.between(1))

    def test_reset_when_they_are_late(self):
        web = self.started_proxy(self.between(0, 1, on_removed={"drain_timeout": "300ms"}))
        self.check_removed(web, self.between(1, on_removed={"drain_timeout": "1h"}))

    def test_kept_as_long_as_they_want(self):
        web = self.started_proxy(self.between(0, 1, on_removed={"drain_timeout": "1h"}))
        gone = self.session_with(web, 0)
        self.session_with(web, 1)
        self.reload(web, self.between(1, on_removed={"sessions": "reset"}))
        for _ in range(4):
            sockets.exchange(*self.session_with(web, 1))
        sockets.exchange(*gone)
        self.reload(web, self.between(0, 1))
        sockets.exchange(*gone)

    def test_of_an_upstream_that_is_removed(self):
        web = self.started_proxy(self.between(0, on_removed={"sessions": "reset"}))
        client, server = self.session_with(web, 0)
        other = self.between(1)
        other["upstreams"][0]["name"] = other["listeners"][0]["upstream"] = "other"
        self.reload(web, other)
        for side in (client, server):
            self.assertEqual(sockets.ending(side), "reset")
        sockets.exchange(*self.session_with(web, 1))

    def test_who_waits_for_an_upstream_that_is_removed_is_rejected(self):
        """At once, though queue_timeout is long; what has an endpoint goes on."""
        full = self.between(0, endpoint={"max_connections": 1}, queue_timeout="1h")
        web = self.started_proxy(full)
        served = self.session_with(web, 0)
        usual = web.descriptors()
        waiting = [self.keep(web.connect()) for _ in range(20)]
        wait_for(lambda: web.descriptors() >= usual + len(waiting), "them to be taken")
        other = self.between(1)
        other["upstreams"][0]["name"] = other["listeners"][0]["upstream"] = "other"
        self.reload(web, other)
        for client in waiting:
            self.assertEqual(sockets.ending(client), "reset")
        web.wait_line("reason=no_upstream by=proxy", count=len(waiting))
        sockets.exchange(*served)
        sockets.exchange(*self.session_with(web, 1))

    def test_counts_and_the_queue_go_on(self):
        """A limit holds for what began before; who waits is served by what joins or is raised."""
        one = {"max_connections": 1}
        web = self.started_proxy(self.between(0, endpoint=one, queue_timeout="1h"))
        first = self.session_with(web, 0)
        waiting = [self.keep(web.connect()) for _ in range(2)]
        self.reload(web, self.between(0, endpoint=one, queue_timeout="2h", connect_attempts=1))
        self.ends[0].socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.ends[0].socket.accept)
        self.ends[0].socket.settimeout(10)
        self.reload(web, self.between(0, 1, endpoint=one, queue_timeout="1h"))
        servers_now = [self.keep(self.ends[1].accept())]
        self.reload(web, self.between(0, 1, endpoint={"max_connections": 2}, queue_timeout="1h"))
        servers_now.append(self.keep(sockets.ready_of(self.ends).accept()))
        for client in waiting:
            client.sendall(b"ping")
        for server in servers_now:
            self.assertEqual(sockets.read_exactly(server, 4), b"ping")
        sockets.exchange(*first)

    def named(self, **ends):
        return self.config([{"name": name, "address": self.ends[end].text}
                            for name, end in ends.items()],
                           upstream={"on_removed": {"sessions": "reset"}})

    def test_a_name_that_gets_another_address(self):
        """Another server: its sessions are new ones, and those of the one before drain."""
        web = self.started_proxy(self.named(a=0))
        client, server = self.session_with(web, 0)
        self.reload(web, self.named(a=1))
        web.wait_line(f"reload: upstream app: endpoint a: address is {self.ends[1].text}, "
                      f"was {self.ends[0].text}$")
        for side in (client, server):
            self.assertEqual(sockets.ending(side), "reset")
        end = web.wait_session_end()
        self.assertEqual((end["endpoint"], end["reason"]), ("a", "endpoint_removed"))
        sockets.exchange(*self.session_with(web, 1))

    def test_names_in_another_order_stay(self):
        web = self.started_proxy(self.named(a=0, b=1))
        sessions = [self.session_with(web, end) for end in range(2)]
        self.reload(web, self.named(b=1, a=0))
        for session in sessions:
            sockets.exchange(*session)

    def test_where_names_are_read(self):
        """In the record of a session it stands for the endpoint; a failure tells both."""
        dead = sockets.text_of((sockets.HOST, sockets.free_port()))
        config = self.config([{"name": "gone.1", "address": dead}],
                             upstream={"retry_for": "0s"})
        web = self.started_proxy(config)
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.assertEqual(web.wait_session_end()["endpoint"], "gone.1")
        web.wait_line(rf"upstream app: cannot connect to gone\.1 \({re.escape(dead)}\): "
                      "Connection refused")


BAD = {
    "no YAML": ("listeners: [\n", r":\d+:\d+: error: "),
    "an unknown key": ("{base}listner: 1\n", r":\d+:1: error: .*\"listner\""),
    "a wrong value": ("{base}log: {{ level: loud }}\n", r":\d+:\d+: error: log.level: "),
    "an unset variable": ("{base}log: {{ level: \"${{SLUICE_NOT_SET}}\" }}\n",
                          r":\d+:\d+: error: .*SLUICE_NOT_SET"),
    "nothing": ("", r": "),
}


@matrix(workers=(1,))
class Mistakes(Reloading):
    """Whatever the file says: an error with its place, and what serves goes on to serve."""

    def setUp(self):
        server = self.peer(echo).receive()
        self.config_now = self.config([server], stats={"interval": "100ms"})
        del self.config_now["log"]
        self.web = self.lone_proxy(self.config_now)
        self.held = self.keep(self.web.connect())
        sockets.exchange_echo(self.held)

    def still_serves(self):
        sockets.exchange_echo(self.held)
        with self.web.connect() as client:
            sockets.exchange_echo(client)

    def test_in_the_text(self):
        base = yaml(self.config_now)
        for what, (text, wanted) in BAD.items():
            with self.subTest(what):
                errors = self.rejected_reload(self.web, text.format(base=base))
                self.assertTrue(errors)
                for error in errors:
                    self.assertRegex(error, "^" + re.escape(self.web.config_path) + wanted)
                self.still_serves()
        self.web.wait_stats(reloads_failed=len(BAD))
        self.reload(self.web, self.config_now)
        self.web.wait_stats(reloads_failed=len(BAD), reloads_ok=1)
        self.assertEqual(self.web.stop(), 0)

    def test_of_the_file(self):
        path = self.web.config_path
        os.unlink(path)
        self.assertIn(STAYS, self.hup(self.web))
        self.web.wait_line(re.escape(path) + ": no such file")
        os.mkdir(path)
        self.assertIn(STAYS, self.hup(self.web))
        self.web.wait_line(re.escape(path) + ": this is a directory")
        os.rmdir(path)
        self.still_serves()
        put(path, yaml(self.config_now))
        self.assertIn(IN_FORCE, self.hup(self.web))
        self.assertEqual(self.web.stop(), 0)

    def test_that_the_kernel_finds(self):
        def with_upstream(**keys):
            upstream = {**self.config_now["upstreams"][0], **keys}
            return yaml(self.changed(self.config_now, upstreams=[upstream]))
        errors = self.rejected_reload(self.web, with_upstream(source_address="192.0.2.1"))
        self.assertRegex(errors[0], "^upstream app: source_address 192.0.2.1 is not an address")
        errors = self.rejected_reload(self.web, with_upstream(socket={"congestion": "warp"}))
        self.assertRegex(errors[0], "^upstream app: no congestion control named warp")
        self.still_serves()
        self.assertEqual(self.web.stop(), 0)

    def test_a_file_that_never_ends(self):
        """It is waited for, sessions are served meanwhile, and a signal ends it all the same."""
        os.unlink(self.web.config_path)
        os.mkfifo(self.web.config_path)
        self.web.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(f"/proc/{self.web.pid}/task") and self.waits_for_fifo(),
                 "a thread that opens the file")
        for _ in range(5):
            self.web.send_signal(signal.SIGHUP)
            self.still_serves()
        self.assertEqual(self.web.lines(DONE), [])
        self.held.close()
        self.assertEqual(self.web.stop(), 0)

    def waits_for_fifo(self):
        return not {"wait_for_partner", "fifo_open"}.isdisjoint(
            of_threads(self.web.pid, "wchan").values())


@matrix(workers=(2,))
class Settings(Reloading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.config_now = self.config([self.server], stats={"interval": "100ms"})

    def test_those_that_stay_are_named_and_the_rest_is_applied(self):
        web = self.started_proxy(self.config_now)
        self.reload(web, self.changed(
            self.config_now, runtime={"workers": 5, "busy_poll": "1us"},
            buffers={"per_direction": "64KiB"}, limits={"buffer_memory": "512MiB"},
            upstreams=[{"name": "app", "endpoints": ["127.0.0.1:1"], "retry_for": "0s"}]))
        web.wait_line("settings that keep their value until a restart: runtime.workers, "
                      "runtime.busy_poll, limits.buffer_memory, buffers.per_direction$")
        web.wait_line("reload: upstream app: endpoint 127.0.0.1:1 is added")
        web.wait_stats(config_pending=4, reloads_ok=1)
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.reload(web, self.config_now)
        self.assertEqual(sockets.ending_after_echo(self.sent(web)), "answered")
        web.wait_stats(reloads_ok=2)
        self.assertNotIn("config_pending", web.lines("stats active=")[-1])

    def sent(self, web):
        client = web.connect()
        client.sendall(b"ping")
        return client

    def test_the_stats_line_and_the_drain_follow(self):
        web = self.started_proxy(self.changed(self.config_now, stats={"interval": "1h"}))
        self.reload(web, self.config_now)
        web.wait_stats(reloads_ok=1)
        self.reload(web, self.changed(self.config_now, stats={"interval": "0s"},
                                      shutdown={"drain_timeout": "1h"}))
        with web.connect() as client:
            sockets.exchange_echo(client)
            web.send_signal(signal.SIGTERM)
            web.wait_line("1 sessions may finish for 3600 s")
        self.assertEqual(web.wait(), 0)

    def test_the_log_follows(self):
        web = self.started_proxy(self.changed(self.config_now, log={"level": "info"}))
        self.reload(web, self.changed(self.config_now,
                                      log={"level": "debug", "format": "json"}))
        web.wait_line('^{"time":.*"message":"signal SIGHUP: another configuration is in force')
        with web.connect() as client:
            sockets.exchange_echo(client)
        web.wait_line('"level":"debug","message":"session end listener=web')
        self.reload(web, self.changed(self.config_now, log={"level": "info"}))
        web.wait_line("info signal SIGHUP: another configuration is in force")
        ended = len(web.lines("session end"))
        with web.connect() as client:
            sockets.exchange_echo(client)
        web.wait_stats(active=0, total=2)
        self.assertEqual(len(web.lines("session end")), ended)

    def test_the_access_log_follows(self):
        """Path and format, off and on; what cannot be opened changes nothing."""
        folder = self.new_folder()
        first, second = (os.path.join(folder, name) for name in ("first", "second"))
        counts = {first: 0, second: 0}

        def records(path):
            with open(path) as file:
                return file.read().splitlines()

        def one_more(path, begin):
            with web.connect() as client:
                sockets.exchange_echo(client)
            counts[path] += 1
            wait_for(lambda: len(records(path)) == counts[path], f"a record in {path}")
            self.assertEqual(records(path)[-1][0] == "{", begin == "{")
            self.assertEqual({each: len(records(each)) for each in counts
                              if os.path.exists(each)},
                             {each: count for each, count in counts.items()
                              if os.path.exists(each)})

        def logging(**section):
            return self.changed(self.config_now, access_log=section)

        web = self.lone_proxy(self.config_now)
        self.reload(web, logging(path=first, format="json"))
        one_more(first, "{")
        with web.connect() as held:
            sockets.exchange_echo(held)
            self.reload(web, logging(path=second, format="json"))
            one_more(second, "{")
        counts[second] += 1  # of a session that began before
        wait_for(lambda: len(records(second)) == counts[second], "its record")
        self.reload(web, logging(path=second, format="text"))
        one_more(second, "1")
        errors = self.rejected_reload(web, yaml(logging(path=folder)))
        self.assertRegex(errors[0], f"^access log {folder}: it is a directory, allowed: ")
        one_more(second, "1")
        ended = web.lines("session end ")
        self.reload(web, self.config_now)
        with web.connect() as client:
            sockets.exchange_echo(client)
        web.wait_line("session end ", count=len(ended) + 1)
        self.reload(web, logging(path=first))
        one_more(first, "1")
        self.assertEqual(len(records(second)), counts[second])
        self.assertEqual(web.lines("settings that keep"), [])
        self.assertEqual(web.stop(), 0)

    def test_limits_hold_across_reloads(self):
        """Lower ones end nobody; what began under the ones before counts under the next."""
        def limited(count, **keys):
            return self.changed(self.config_now, limits={"max_connections": 20}, listeners=[
                {**self.config_now["listeners"][0], "max_connections": count, **keys}])
        web = self.started_proxy(limited(5))
        held = [self.keep(web.connect()) for _ in range(4)]
        for client in held:
            sockets.exchange_echo(client)
        self.reload(web, limited(3))
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        for client in held:
            sockets.exchange_echo(client)
        self.reload(web, limited(5))
        self.keep(fifth := web.connect())
        sockets.exchange_echo(fifth)
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.reload(web, self.changed(limited(0), limits={"max_connections": 4}))
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.reload(web, self.changed(limited(0), limits={"max_connections": 6}))
        self.keep(sixth := web.connect())
        sockets.exchange_echo(sixth)
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")
        self.reload(web, self.changed(limited(0), limits={"max_connections": 21}))
        web.wait_line("keep their value until a restart: limits.max_connections$")
        self.assertEqual(sockets.ending_of_connect(web.address()), "reset")

    def test_a_client_that_waits_is_served_by_a_higher_limit(self):
        listener = {**self.config_now["listeners"][0], "on_limit": "wait", "max_connections": 1}
        web = self.started_proxy(self.changed(self.config_now, listeners=[listener]))
        first = self.keep(web.connect())
        sockets.exchange_echo(first)
        second = self.keep(web.connect())
        second.sendall(b"ping")
        self.reload(web, self.changed(self.config_now,
                                      listeners=[{**listener, "max_connections": 2}]))
        self.assertEqual(sockets.read_exactly(second, 4), b"ping")
        sockets.exchange_echo(first)

    def test_the_effective_change_only(self):
        web = self.started_proxy(self.config_now)
        self.assertIn(IN_FORCE, self.hup(web))
        web.wait_line("reload: nothing else is different")
        self.reload(web, self.changed(self.config_now, defaults={"timeouts": {"idle": "7m"}}))
        web.wait_line("reload: defaults.timeouts.idle is 7m, was 10m")
        web.wait_line("reload: listener web: timeouts.idle is 7m, was 10m")


@matrix(workers=(2,))
class Hundred(Reloading):
    """A hundred reloads under new connections: nothing is lost and nothing grows."""

    def test_nothing_is_lost_and_nothing_grows(self):
        ends = [self.peer(echo).receive() for _ in range(2)]
        extra = f"{sockets.HOST}:{sockets.free_port()}"
        configs = [self.config([end], log={"level": "info"}) for end in ends]
        configs[1]["listeners"].append({"name": "extra", "bind": extra, "upstream": "app"})
        configs[1]["limits"] = {"on_limit": "wait", "max_connections": 500}
        web = self.started_proxy(configs[0])
        held = [self.keep(web.connect()) for _ in range(10)]
        visitors = [self.peer(visit, web.address()) for _ in range(3)]
        count = scaled(100, 20)
        for number in range(1, count + 1):
            self.reload(web, configs[number % 2])
            held.append(self.keep(web.connect()))
            if number == count // 5:
                before = self.state(web)
        for client in held:
            sockets.exchange_echo(client, b"all of them live")
        after = self.state(web)
        total = 0
        for visitor in visitors:
            visitor.send("enough")
            visits, mistakes = visitor.receive()
            self.assertEqual(mistakes, [])
            total += visits
        self.assertGreater(total, count)
        sessions = 2 * (count - count // 5 + 4)  # those held since, and the visitors' of the moment
        self.assertLessEqual(after["descriptors"] - before["descriptors"], sessions + 8)
        self.assert_memory_growth(before["memory"], after["memory"], 2 * MiB, "RSS")

    def state(self, web):
        def at_rest():
            """Two workers and the log's thread; what the backend adds in the kernel is not ours."""
            names = of_threads(web.pid, "comm").values()
            return len([name for name in names if not name.startswith("iou-")]) == 3
        wait_for(at_rest, "the loading thread to end")
        return {"descriptors": web.descriptors(), "memory": web.resident()}

    def test_many_signals_are_one_more(self):
        ends = [self.peer(echo).receive() for _ in range(2)]
        web = self.started_proxy(self.config([ends[0]]))
        put(web.config_path, yaml(self.config([ends[1]])))
        for _ in range(50):
            web.send_signal(signal.SIGHUP)
        web.wait_line(IN_FORCE)
        web.wait_line(f"reload: upstream app: endpoint {ends[1]} is added")
        put(web.config_path, yaml(self.config([ends[0]])))
        web.send_signal(signal.SIGHUP)
        web.wait_line(f"reload: upstream app: endpoint {ends[0]} is added")
        self.assertLessEqual(len(web.lines(IN_FORCE)), 52)


if __name__ == "__main__":
    main()
