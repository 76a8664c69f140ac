"""`sluice ctl`: what it prints and its exit codes, against proxies that run."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios

from admin import Administered
from harness import main, matrix
from processes import Process, run, wait_for
from reloading import Reloading, put
from sluice import binary, yaml
from sockets import HOST, Listener, exchange, free_port, text_of


@matrix(workers=(2,))
class Ctl(Administered, Reloading):
    def ctl(self, *words, admin=None, **environment):
        environment = {"PATH": os.environ["PATH"],
                       **({"SLUICE_ADMIN": str(admin)} if admin else {}), **environment}
        return run(binary(), "ctl", *words, env=environment)

    def printed(self, admin, *words):
        done = self.ctl(*words, admin=admin)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def test_what_it_prints(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([{"address": server.text, "max_connections": 3}],
                                         listener={"max_connections": 7})
        client = self.keep(proxy.connect())
        exchange(client, self.keep(server.accept()))
        status = self.printed(admin, "status")
        self.assertRegex(status, rf"(?m)^process +{proxy.pid}, for \d+s$")
        self.assertRegex(status, r"(?m)^state +serving, ready$")
        self.assertRegex(status, r"(?m)^sessions +1 of at most \d+, 1 since the start$")
        for command, line in (
                ("listeners", rf"web +app +1 +7 +1 +0 .* {text_of(proxy.address())}"),
                ("upstreams", r"app +round_robin +1/1 +1 +0 +1 +0 +0 "),
                ("endpoints", rf"app/{server.text} +ready +up +yes +1 +0 +1 +3"),
                ("workers", r"1 +\d+ ")):
            self.assertRegex(self.printed(admin, command), rf"(?m)^{line}", command)
        self.assertIn("sluice_accepted_total 1\n", self.printed(admin, "metrics"))
        self.assertIn("\n    max_connections: 7\n", self.printed(admin, "config"))
        self.assertEqual(self.printed(admin, "diff"), "the file is what is in force\n")
        self.assertEqual(self.printed(admin, "config", "diff"), "the file is what is in force\n")
        listeners = json.loads(self.printed(admin, "listeners", "--json"))
        self.assertEqual(listeners[0]["sessions_active"], 1)
        self.assertEqual(self.printed(admin, "ready"), "ready\n")

    def test_it_finds_the_process(self):
        _, admin = self.administered([text_of((HOST, 1))])
        for done in (self.ctl("ready", "--admin", str(admin)),
                     self.ctl(f"--admin={admin}", "ready"),
                     self.ctl("ready", "--admin", str(admin), admin="unix:/absent"),
                     self.ctl("ready", admin=admin)):
            self.assertEqual((done.returncode, done.stdout), (0, "ready\n"), done.stderr)
        absent = self.ctl("ready", admin="unix:/absent")
        self.assertEqual((absent.returncode, absent.stdout), (1, ""))
        self.assertIn("does the proxy run", absent.stderr)

    def test_over_tcp_with_a_token(self):
        token_file = os.path.join(self.new_folder(), "token")
        put(token_file, "secret\n")
        proxy = self.proxy([text_of((HOST, 1))], admin={"bind": f"{HOST}:0", "token": "secret"})
        admin = self.found(proxy)
        refused = self.ctl("status", admin=admin)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("SLUICE_ADMIN_TOKEN", refused.stderr)
        self.assertEqual(self.ctl("ready", admin=admin).returncode, 0)
        self.assertEqual(self.ctl("status", admin=admin, SLUICE_ADMIN_TOKEN="secret").returncode, 0)
        for words in (("--token-file", token_file), (f"--token-file={token_file}",)):
            self.assertEqual(self.ctl("reload", *words, admin=admin).returncode, 0)

    def test_the_file_of_the_process_tells_how_to_ask_it(self):
        """As a unit of systemd does, which knows no more."""
        tokens = {"token": {"token": "secret"},
                  "token_file": {"token_file": os.path.join(self.new_folder(), "token")}}
        put(tokens["token_file"]["token_file"], "secret\n")
        for token in tokens.values():
            for bind in (f"unix:{self.unix_path()}", f"{HOST}:{free_port()}"):
                config = self.config([text_of((HOST, 1))], admin={"bind": bind, **token})
                proxy = self.lone_proxy(config)
                self.found(proxy)
                of_file = ("--config", proxy.config_path)
                done = self.ctl(*of_file, "reload", admin="unix:/absent", SLUICE_ADMIN_TOKEN="no")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                other = self.ctl(*of_file, "--admin", "unix:/absent", "reload")
                self.assertIn("/absent", other.stderr)
                self.assertEqual(proxy.stop(), 0)

    def test_a_file_that_does_not_tell_how(self):
        config = self.config([text_of((HOST, 1))])
        path = os.path.join(self.new_folder(), "sluice.yaml")
        for admin, why in (({}, r"admin\.bind is not set, .*; SIGHUP reloads, SIGUSR2 upgrades"),
                           ({"bind": f"{HOST}:0"}, r"admin\.bind has port 0: .* --admin takes it"),
                           ({"bind": "nonsense"}, r":\d+:\d+: error: admin\.bind: .*")):
            put(path, yaml({**config, "admin": admin} if admin else config))
            done = self.ctl("--config", path, "reload")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^{path}(: )?{why}\n$")
        absent = self.ctl("--config", "/absent", "reload")
        self.assertEqual(absent.returncode, 1)
        self.assertEqual(absent.stderr, "/absent: no such file\n")

    def test_a_reload_that_fails_fails(self):
        config = self.config([text_of((HOST, 1))], admin={"bind": f"unix:{self.unix_path()}"})
        proxy = self.lone_proxy(config)
        admin = self.found(proxy)
        self.assertEqual(self.printed(admin, "reload"), "the file is in force\n")
        put(proxy.config_path, yaml(self.changed(config, shutdown={"drain_timeout": "soon"})))
        failed = self.ctl("reload", admin=admin)
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        self.assertRegex(failed.stderr, r"^/.*\.yaml:\d+:\d+: error: shutdown.drain_timeout: .*\n$")
        self.assertEqual(self.ctl("diff", admin=admin).returncode, 1)
        with Listener() as taken:
            config["listeners"][0]["bind"] = ["127.0.0.1:0", taken.text]
            put(proxy.config_path, yaml(config))
            failed = self.ctl("reload", admin=admin)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("Address already in use", failed.stderr)
        self.assertEqual(proxy.stop(), 0)

    def test_a_wait_that_was_in_vain(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text])
        client = self.keep(proxy.connect())
        exchange(client, self.keep(server.accept()))
        late = self.ctl("drain", f"app/{server.text}", "wait=drained", "timeout=50ms", admin=admin)
        self.assertEqual((late.returncode, late.stdout), (1, ""))
        self.assertEqual(late.stderr, f"app/{server.text} still has 1 sessions at the end of the "
                                      "wait; its state is drain\n")

    def test_a_path_with_an_equals_sign(self):
        _, admin = self.administered([text_of((HOST, 1))])
        name = f"app/unix:{self.new_folder()}/a=1"
        self.assertRegex(self.printed(admin, "add", *name.split("/", 1), "weight=3"), "weight 3")
        for act, state in (("drain", "drain"), ("ready", "ready")):
            self.assertIn(f"{name}: {state}, ", self.printed(admin, act, name))

    def test_ready_is_for_scripts(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text], shutdown={"drain_timeout": "1m"})
        client = self.keep(proxy.connect())
        upstream = self.keep(server.accept())
        exchange(client, upstream)
        proxy.send_signal(signal.SIGTERM)
        wait_for(lambda: self.ctl("ready", admin=admin).returncode == 1, "it to drain")
        self.assertEqual(self.ctl("ready", admin=admin).stdout,
                         "not ready: the proxy is draining\n")
        client.close()
        upstream.close()
        self.assertEqual(proxy.wait(), 0)
        self.assertEqual(self.ctl("ready", admin=admin).returncode, 1)

    def test_the_log_level(self):
        _, admin = self.administered([text_of((HOST, 1))])
        self.assertEqual(self.printed(admin, "log-level", "warn"), "the log has level warn\n")
        self.assertEqual(self.printed(admin, "log-level", "info"), "the log has level info\n")
        wrong = self.ctl("log-level", "loud", admin=admin)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("level is one of trace, debug", wrong.stderr)

    def test_json_everywhere(self):
        _, admin = self.administered([text_of((HOST, 1))])
        for command in ("status", "listeners", "upstreams", "endpoints", "sessions", "workers",
                        "events", "metrics", "config", "diff", "ready"):
            json.loads(self.printed(admin, "--json", command))
        self.assertEqual(json.loads(self.printed(admin, "ready", "--json")),
                         {"ready": True, "text": "ready\n"})
        metrics = json.loads(self.printed(admin, "--json", "metrics"))
        self.assertIn("sluice_build_info", metrics["text"])
        wrong = self.ctl("--json", "log-level", "loud", admin=admin)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("level is one of", json.loads(wrong.stdout)["error"])


@matrix(workers=(1,))
class Watch(Administered, Reloading):
    def watch(self, admin, *words):
        return self.program(Process(binary(), "ctl", "--admin", admin, *words))

    def test_without_a_terminal_answers_follow_each_other(self):
        server = self.keep(Listener())
        proxy, admin = self.administered([server.text])
        watched = self.watch(admin, "--watch=100ms", "status")
        watched.wait_line("^sessions +0 of at most", count=2)
        rows = self.watch(admin, "--json", "--watch=100ms", "listeners")
        client = self.keep(proxy.connect())
        exchange(client, self.keep(server.accept()))
        watched.wait_line("^sessions +1 of at most")
        rows.wait_line('"sessions_active":1')
        self.assertNotIn("\x1b", watched.text())
        self.assertIn("\n\nversion ", watched.text(), "an empty line between tables")
        for line in rows.text().splitlines()[:-1]:
            json.loads(line)
        client.close()
        self.assertEqual(proxy.stop(), 0)
        self.assertEqual(watched.wait(), 1, "there is nothing more to watch")
        watched.wait_line("cannot ask the proxy at ")

    def test_a_rotation_of_logs_does_not_end_it(self):
        """SIGUSR1 may go to all processes of a service, and it may be one of them."""
        _, admin = self.administered([text_of((HOST, 1))])
        followed = self.watch(admin, "events", "--follow")
        followed.wait_line("the proxy serves")
        followed.send_signal(signal.SIGUSR1)
        admin.post("/api/v1/log-level?level=info")
        followed.wait_line("log level info$")

    def read(self, master, wanted, count=1):
        shown = b""
        while shown.count(wanted) < count:
            shown += os.read(master, 4096)
        return shown

    def test_on_a_terminal_it_is_redrawn(self):
        config = self.config([text_of((HOST, 1))], admin={"bind": f"unix:{self.unix_path()}"})
        proxy = self.lone_proxy(config)
        admin = self.found(proxy)
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 30, 0, 0))
        child = subprocess.Popen(
            [binary(), "ctl", "--admin", str(admin), "--watch=100ms", "status"],
            stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
        self.addCleanup(child.wait)
        self.keep(child)
        os.close(slave)
        shown = self.read(master, b"\x1b[H", 3)
        screen = shown.split(b"\x1b[H")[1].decode()
        lines = screen.replace("\r\n", "\n").split("\x1b[K\n")
        self.assertEqual(lines[0], "sluice ctl status, every 0.1 s")
        self.assertEqual(len(lines) - 1, 7, "a row is left for the cursor")
        self.assertRegex(lines[6], r"^and \d+ lines more$")
        self.assertLessEqual(max(map(len, lines[:-1])), 30)
        self.assertNotIn(b"\x1b[2J", shown, "it does not flicker")
        self.assertEqual(proxy.stop(), 0)
        self.read(master, b"cannot ask the proxy")
        self.lone_proxy(config)
        self.read(master, b"version")
        self.assertIsNone(child.poll())


if __name__ == "__main__":
    main()
