"""SIGUSR2: a new binary takes over the listening sockets, or nothing changes."""

import os
import re
import signal

import servers
import sockets
from admin import Endpoint
from echo import echo
from harness import main, matrix
from manager import Manager
from processes import Process, fifo_writer, run, scaled, wait_for
from reloading import put, visit
from sluice import yaml
from upgrading import FAKE, SERVES, Upgrading, children, ended, open_sockets, web_line


def setUpModule():
    global redis, postgres
    redis = servers.module_server(servers.Redis())
    postgres = servers.module_server(servers.Postgres())


PSQL = (servers.Postgres.tool("psql"), "-U", "sluice", "-d", "postgres", "-X", "-t")
WAIT = """DO $$ BEGIN
  WHILE NOT EXISTS (SELECT 1 FROM go) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$"""


def psql(port, *commands):
    words = [word for each in commands for word in ("-c", each)]
    done = run(*PSQL, "-h", sockets.HOST, "-p", port, *words)
    if done.returncode:
        raise AssertionError(done.stderr)


@matrix(workers=(2,))
class Upgrades(Upgrading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.config_now = self.config([self.server], shutdown={"drain_timeout": "1h"})

    def other_backend(self, config):
        backend = config["runtime"]["backend"]
        other = "epoll" if backend == "io_uring" else "io_uring"
        return {**config, "runtime": {**config["runtime"], "backend": other}}

    def test_twenty_under_new_connections(self):
        """Two of three change the backend: 0 refused, 0 reset; sessions live in their process."""
        web = self.start(self.config_now)
        visitors = [self.peer(visit, web.address()) for _ in range(3)]
        held, config = [], self.config_now
        for number in range(scaled(20, 4)):
            held.append(self.keep(web.connect()))
            sockets.exchange_echo(held[-1])
            if number % 3:
                config = self.other_backend(config)
                put(web.config_path, yaml(config))
            self.upgrade(web)
            held.pop(0).close() if number % 2 else None
        total = 0
        for visitor in visitors:
            visitor.send("enough")
            visits, mistakes = visitor.receive()
            self.assertEqual(mistakes, [])
            total += visits
        self.assertGreater(total, len(self.generations))
        for client in held:
            sockets.exchange_echo(client, b"all of them live")
            client.close()
        for pid in self.generations[:-1]:
            self.wait_ended(web, pid)
        self.echoes(web.address())
        self.end(web)

    def test_sessions_of_programs(self):
        """redis and PostgreSQL sessions go on in the process before."""
        listeners = [{"name": "web", "bind": "127.0.0.1:0", "upstream": "app"},
                     {"name": "sql", "bind": "127.0.0.1:0", "upstream": "sql"}]
        upstreams = [{"name": "app", "endpoints": [redis.endpoint]},
                     {"name": "sql", "endpoints": [postgres.endpoint]}]
        web = self.start({**self.config_now, "listeners": listeners, "upstreams": upstreams})
        host, port = web.address("sql")
        psql(postgres.port, "CREATE TABLE IF NOT EXISTS go (x int)", "TRUNCATE go")
        sql = self.program(Process(*PSQL, "-h", host, "-p", port, "-c", "SELECT 'begun'",
                                   "-c", WAIT, "-c", "SELECT 'still here'"))
        sql.wait_line("begun")
        with sockets.connect(web.address()) as old:
            old.sendall(b"SET upgraded one\r\n")
            self.assertEqual(sockets.read_exactly(old, 5), b"+OK\r\n")
            subscriber = self.program(Process("redis-cli", "-h", host, "-p", web.port,
                                              "SUBSCRIBE", "upgrade"))
            subscriber.wait_line("^subscribe$")
            self.upgrade(web)
            self.upgrade(web)
            run("redis-cli", "-h", host, "-p", web.port, "PUBLISH", "upgrade", "still-here")
            subscriber.wait_line("^still-here$")
            subscriber.kill()
            old.sendall(b"GET upgraded\r\n")
            self.assertEqual(sockets.read_exactly(old, 9), b"$3\r\none\r\n")
        self.assertEqual(sql.lines("still here"), [])
        psql(postgres.port, "INSERT INTO go VALUES (1)")
        sql.wait_line("still here")
        self.assertEqual(sql.wait(), 0)
        for pid in self.generations[:-1]:
            self.wait_ended(web, pid)
        self.end(web)

    def test_nothing_else_is_inherited(self):
        web = self.start(self.config_now)
        held = [self.keep(web.connect()) for _ in range(3)]
        for client in held:
            sockets.exchange_echo(client)
        before = open_sockets(web.pid)
        niceness = os.getpriority(os.PRIO_PROCESS, web.pid)
        self.upgrade(web)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, self.pid), niceness)
        wait_for(lambda: len(before & open_sockets(self.pid)) <= 1, "the channel to be closed")
        with open(f"/proc/{self.pid}/environ") as file:
            self.assertIn("SLUICE_UPGRADE_CHANNEL=3", file.read())
        shared = before & open_sockets(self.pid)
        self.assertEqual(len(shared), 1, "only the socket that listens")
        wait_for(lambda: not shared & open_sockets(web.pid), "the old process to close it")
        for client in held:
            sockets.exchange_echo(client)
            client.close()
        self.wait_ended(web, web.pid)
        self.end(web)

    def test_a_rotation_of_logs_does_not_end_the_successor(self):
        """SIGUSR1 may go to all processes of a service: a new one has it when it serves."""
        web = self.start(self.config_now)
        self.install_script(f'#!/bin/sh\nkill -s USR1 $$\nexec {self.folder}/v2 "$@"\n')
        os.kill(web.pid, signal.SIGUSR2)
        self.generations.append(int(re.search(SERVES, web_line(web, SERVES, 1))[1]))
        web_line(web, "signal SIGUSR1: ", 1)
        self.echoes(web.address())
        self.end(web)

    def test_the_admin_endpoint_goes_along(self):
        """It has one address: at first the one process answers there, then the other."""
        path = os.path.join(self.new_folder(), "admin.sock")
        web = self.start({**self.config_now, "admin": {"bind": "unix:" + path}})
        held = self.keep(web.connect())
        sockets.exchange_echo(held)
        self.assertEqual(Endpoint(path).pid(), web.pid)
        self.install_script(FAKE + "ready(); sys.exit(5)\n")
        self.failed_upgrade(web)
        wait_for(lambda: Endpoint(path).pid() == web.pid, "the one that serves on to answer again")
        self.upgrade(web)
        wait_for(lambda: Endpoint(path).pid() == self.pid, "the successor to answer")
        sockets.exchange_echo(held)
        held.close()
        self.wait_ended(web, web.pid)
        self.assertEqual(Endpoint(path).pid(), self.pid, "whose socket file stays")
        self.end(web, errors=1)
        self.assertFalse(os.path.exists(path))

    def test_another_configuration(self):
        """What the file does not name any more is closed, what is new is bound."""
        ports = [sockets.free_port() for _ in range(3)]
        each = [{"name": f"n{port}", "bind": f"{sockets.HOST}:{port}", "upstream": "app"}
                for port in ports]
        path = os.path.join(self.new_folder(), "admin.sock")
        config = {**self.config_now, "admin": {"bind": "unix:" + path}}
        web = self.start({**config, "listeners": each[:2]})
        put(web.config_path, yaml({**config, "listeners": [
            {**each[1], "name": "renamed", "socket": {"keepalive": "7s"}}, each[2]]}))
        self.upgrade(web)
        web.wait_line("upgrade: 1 of 2 listening sockets are taken over")
        web.wait_line(rf"that keep their value until a restart: listeners.socket .renamed, "
                      rf"{each[1]['bind']}.$")
        wait_for(lambda: Endpoint(path).pid() == self.pid, "the successor to answer")
        self.assertEqual(Endpoint(path).json("info")["config_pending"],
                         [f"listeners.socket (renamed, {each[1]['bind']})"])
        wait_for(lambda: sockets.refused((sockets.HOST, ports[0])), "the first to be closed")
        self.wait_ended(web, web.pid)
        for port in ports[1:]:
            self.echoes((sockets.HOST, port))
        self.end(web)

    def test_the_file_of_a_unix_socket(self):
        paths = [os.path.join(self.new_folder(), name) for name in "abc"]
        each = [{"name": path[-1], "bind": "unix:" + path, "upstream": "app"} for path in paths]
        web = self.start({**self.config_now, "listeners": each[:2]})
        inode = os.stat(paths[0]).st_ino
        put(web.config_path, yaml({**self.config_now, "listeners": [each[0], each[2]]}))
        self.upgrade(web)
        self.wait_ended(web, web.pid)
        self.assertEqual(os.stat(paths[0]).st_ino, inode)
        self.assertFalse(os.path.exists(paths[1]), "no process serves it")
        self.echoes(paths[0])
        self.echoes(paths[2])
        self.end(web)
        self.assertEqual([path for path in paths if os.path.exists(path)], [])

    def test_many_sockets(self):
        """More than one packet takes."""
        folder = self.new_folder()
        binds = [f"unix:{folder}/{number}" for number in range(600)]
        web = self.start({**self.config_now, "listeners": [
            {"name": "web", "bind": binds, "upstream": "app"}]})
        self.upgrade(web)
        web.wait_line("upgrade: 600 of 600 listening sockets")
        self.wait_ended(web, web.pid)
        for bind in (binds[0], binds[251], binds[252], binds[599]):
            self.echoes(bind[len("unix:"):])
        self.end(web)

    def test_the_service_manager_is_told(self):
        manager = self.keep(Manager(self.new_folder()))
        web = self.start(self.config_now, manager.prepare())
        manager.until("READY", "1")
        for _ in range(2):
            self.upgrade(web)
            self.assertEqual(manager.until("MAINPID")["MAINPID"], str(self.pid))
        self.end(web)
        # drain_timeout, and 10 s for the rest.
        self.assertEqual(manager.until("STOPPING")["EXTEND_TIMEOUT_USEC"], "3610000000")
        # Only the first one was ready, and only the last one has stopped.
        told = [key for message in manager.told for key in message]
        self.assertEqual((told.count("READY"), told.count("STOPPING")), (1, 1))


# What comes of programs that are none, or that fail at some point.
BROKEN = {
    "exits at once": ("#!/bin/sh\nexit 3\n", "ended with exit code 3 before it served"),
    "is killed": ("#!/bin/sh\nkill -SEGV $$\n", "was ended by SIGSEGV before it served"),
    "hangs": ("#!/bin/sh\nexec sleep 1000\n", r"was not ready within 0.5 s \(upgrade.timeout\)"),
    "is no program": ("nothing\n", "cannot start .*: Exec format error"),
    "another version": (FAKE + "send(0, 7, 9); time.sleep(1000)\n",
                        "speaks the versions 7 to 9 of the hand-over, and this process version 1"),
    "garbage": (FAKE + "channel.send(b'hello'); time.sleep(1000)\n",
                r"does not keep to the protocol of the hand-over \(a message .* begin as one\)"),
    "dies with the sockets": (FAKE + "sockets(); sys.exit(4)\n",
                              "ended with exit code 4 before it served"),
    "loses sockets": (FAKE + "sockets(); send(2, 0); time.sleep(1000)\n", "has lost a socket"),
    "hangs with the sockets": (FAKE + "sockets(); time.sleep(1000)\n", "was not ready within"),
    "dies when it is ready": (FAKE + "ready(); sys.exit(5)\n",
                              "ended with exit code 5 before it served"),
}


@matrix(workers=(2,))
class Broken(Upgrading):
    """Whatever the successor does before it serves: the process goes on as it was."""

    def setUp(self):
        self.server = self.peer(echo).receive()
        self.unix = os.path.join(self.new_folder(), "unix")
        self.config_now = self.config(
            [self.server], bind=["127.0.0.1:0", "unix:" + self.unix],
            shutdown={"drain_timeout": "1h"}, upgrade={"timeout": "500ms"})
        self.web = self.start(self.config_now)
        self.reloads = 0
        self.held = self.keep(self.web.connect())
        sockets.exchange_echo(self.held)

    def serves_on(self):
        sockets.exchange_echo(self.held)
        for address in (*self.web.addresses["web"], self.web.address()):
            self.echoes(address)
        self.assertEqual(children(self.web.pid), [])

    def set_timeout(self, timeout):
        if self.config_now["upgrade"]["timeout"] == timeout:
            return
        self.config_now = {**self.config_now, "upgrade": {"timeout": timeout}}
        put(self.web.config_path, yaml(self.config_now))
        self.web.send_signal(signal.SIGHUP)
        self.reloads += 1
        self.web.wait_line("another configuration is in force", count=self.reloads)

    def test_each_changes_nothing(self):
        descriptors = None
        for count, (what, (script, wanted)) in enumerate(BROKEN.items(), 1):
            with self.subTest(what):
                # An interpreter takes its time to start on a busy machine.
                self.set_timeout("500ms" if "not ready" in wanted else "20s")
                self.install_script(script)
                self.assertRegex(self.failed_upgrade(self.web, count), wanted)
                self.serves_on()
                descriptors = descriptors or self.web.descriptors()
        wait_for(lambda: self.web.descriptors() <= descriptors, "no descriptor to be left behind")
        os.unlink(self.path)
        self.assertRegex(self.failed_upgrade(self.web, len(BROKEN) + 1), "cannot start .*No such")
        self.serves_on()
        self.set_timeout("20s")
        os.symlink("v1", self.path)
        self.upgrade(self.web)
        self.echoes(self.unix)
        self.held.close()
        self.wait_ended(self.web, self.web.pid)
        self.end(self.web, errors=len(BROKEN) + 1)

    def test_a_bad_configuration(self):
        """The error is in the log; so is that of a port in use."""
        put(self.web.config_path, yaml({**self.config_now, "upgrade": {"timeout": "20s"}}))
        self.web.send_signal(signal.SIGHUP)
        self.web.wait_line("another configuration is in force")
        put(self.web.config_path, "listeners: 7\n")
        self.assertRegex(self.failed_upgrade(self.web), "exit code 78")
        self.assertTrue(self.web.lines(r":1:12: error: "))
        taken = self.keep(sockets.Listener())
        put(self.web.config_path, yaml({**self.config_now, "listeners": [
            *self.config_now["listeners"],
            {"name": "more", "bind": taken.text, "upstream": "app"}]}))
        self.assertRegex(self.failed_upgrade(self.web, 2), "exit code 1 ")
        self.assertTrue(self.web.lines("error listener more: .*in use"))
        self.serves_on()
        self.held.close()
        self.end(self.web, errors=3)

    def test_signals_in_the_middle(self):
        """SIGHUP and a second SIGUSR2 are rejected, SIGTERM ends both."""
        put(self.web.config_path, yaml({**self.config_now, "upgrade": {"timeout": "1h"}}))
        self.web.send_signal(signal.SIGHUP)
        self.web.wait_line("another configuration is in force")
        self.install_script("#!/bin/sh\nexec sleep 1000\n")
        self.web.send_signal(signal.SIGUSR2)
        child, = wait_for(lambda: children(self.web.pid), "the successor")
        for number in (signal.SIGHUP, signal.SIGUSR2):
            self.web.send_signal(number)
            self.web.wait_line(f"signal {number.name}: rejected, an upgrade is under way")
        sockets.exchange_echo(self.held)
        self.web.send_signal(signal.SIGTERM)
        self.web.wait_line("signal SIGTERM: no new connections; 1 sessions may finish")
        wait_for(lambda: ended(child), "the successor to end")
        sockets.exchange_echo(self.held)
        self.held.close()
        self.end(self.web)
        self.assertFalse(os.path.exists(self.unix))

    def test_it_ends_by_itself_when_its_predecessor_is_gone(self):
        """A fifo as its file holds the successor up, before it has the sockets."""
        put(self.web.config_path, yaml({**self.config_now, "upgrade": {"timeout": "1h"}}))
        self.web.send_signal(signal.SIGHUP)
        self.web.wait_line("another configuration is in force")
        os.unlink(self.web.config_path)
        os.mkfifo(self.web.config_path)
        self.web.send_signal(signal.SIGUSR2)
        child, = wait_for(lambda: children(self.web.pid), "the successor")
        os.kill(self.web.pid, signal.SIGKILL)
        with open(fifo_writer(self.web.config_path, "the successor"), "w") as fifo:
            fifo.write(yaml(self.config_now))
        web_line(self.web, "upgrade: the process that hands over has gone", 1)
        wait_for(lambda: ended(child), "the successor to end")


if __name__ == "__main__":
    main()
