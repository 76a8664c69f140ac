"""The package in a system of its own: installed, run as its unit says, upgraded, purged."""

import os
import re
import shutil
import signal
import socket
import unittest

from package import System, deb, enter_own_system

from manager import Manager
from processes import Process, wait_for

UNIT = "/lib/systemd/system/sluice.service"
CONFINED = "/run/confined.py"
FOLDERS = ("/run/sluice", "/var/log/sluice", "/var/lib/sluice")
MANAGED = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow")
# Beside the process it makes what the unit has made: /run/sluice and the others.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/tmp/systemctl
case "$*" in
*is-active*) exit 0 ;;
esac
"""


def exchange(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer


def echo_server(port):
    """A program that answers with what it gets."""
    return ("import socket, socketserver\n"
            "class Echo(socketserver.BaseRequestHandler):\n"
            "    def handle(self):\n"
            "        while data := self.request.recv(65536): self.request.sendall(data)\n"
            "socketserver.ThreadingTCPServer.allow_reuse_address = True\n"
            f"s = socketserver.ThreadingTCPServer(('127.0.0.1', {port}), Echo)\n"
            "print('ready', flush=True); s.serve_forever()\n")


class Install(unittest.TestCase):
    def setUp(self):
        self.system = System()
        shutil.copy(deb(), self.system.path("/tmp/sluice.deb"))
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "confined.py"),
                    self.system.path(CONFINED))
        os.chmod(self.system.path(CONFINED), 0o644)
        self.before = {name: self.system.read(name) for name in MANAGED}
        self.running = []
        self.addCleanup(lambda: [each.kill() for each in self.running])

    def must(self, *words):
        done = self.system.run(*words, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                            "DEBIAN_FRONTEND": "noninteractive"})
        self.assertEqual(done.returncode, 0, (words, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def install(self):
        return self.must("dpkg", "-i", "/tmp/sluice.deb")

    def folders_of_the_unit(self):
        """What a service manager makes before it starts the program."""
        for folder, keyword in (("run", "Runtime"), ("var/lib", "State"), ("var/log", "Logs")):
            unit = self.system.read(UNIT)
            name = re.search(rf"(?m)^{keyword}Directory=(.*)", unit).group(1)
            mode = re.search(rf"(?m)^{keyword}DirectoryMode=(.*)", unit).group(1)
            self.must("install", "-d", "-o", "sluice", "-g", "sluice", "-m", mode,
                      f"/{folder}/{name}")

    def serve(self):
        """Starts ExecStart; returns the process when it has told the service manager."""
        words = re.search(r"(?m)^ExecStart=(.*)", self.system.read(UNIT)).group(1).split()
        self.folders_of_the_unit()
        self.manager = Manager(self.system.path("/run"))
        self.addCleanup(self.manager.close)
        process = Process("chroot", self.system.root, "/usr/bin/python3", CONFINED, UNIT,
                          *words, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                               "NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"})
        self.running.append(process)
        try:
            self.manager.until("READY")
            self.manager.until("FDSTORE")
        except AssertionError as error:
            self.fail(f"{error}: {process.text()}")
        self.assertTrue(self.manager.stored, "its sockets are kept")
        return process

    def serve_echo(self, port):
        server = Process("/usr/bin/python3", "-c", echo_server(port))
        self.running.append(server)
        wait_for(lambda: "ready" in server.text(), "the server")

    def edit(self, *pairs):
        text = self.system.read("/etc/sluice/sluice.yaml")
        for before, after in pairs:
            self.assertIn(before, text)
            text = text.replace(before, after)
        with open(self.system.path("/etc/sluice/sluice.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_what_is_installed(self):
        self.install()
        self.assertIn("sluice", self.must("getent", "passwd", "sluice"))
        for path, mode, owner in (("/etc/sluice/sluice.yaml", "640", "root:sluice"),
                                  ("/etc/sluice", "750", "root:sluice"),
                                  ("/etc/sluice/conf.d", "750", "root:sluice"),
                                  ("/usr/bin/sluice", "755", "root:root")):
            self.assertEqual(self.must("stat", "-c", "%a %U:%G", path).strip(), f"{mode} {owner}")
        self.assertEqual(self.must("sluice", "--check", "-c", "/etc/sluice/sluice.yaml"), "")
        # Also by the user that the service has.
        self.must("setpriv", "--reuid", "sluice", "--regid", "sluice", "--clear-groups", "sluice",
                  "--check", "-c", "/etc/sluice/sluice.yaml")
        said = self.must("systemd-analyze", "verify", "--man=no", UNIT)
        self.assertEqual([line for line in said.splitlines() if "sluice" in line], [])
        self.assertIn("\nStartLimitIntervalSec=0\n",
                      self.system.read(UNIT).split("[Service]")[0])
        self.must("logrotate", "--debug", "/etc/logrotate.d/sluice")
        self.assertIn("--kill-who=all", self.system.read("/etc/logrotate.d/sluice"))
        self.folders_are_there()
        for page in ("sluice", "sluice.yaml", "sluice-ctl"):
            self.assertRegex(self.must("man", "-w", page), "/usr/share/man/man")

    def folders_are_there(self):
        for path in FOLDERS:
            self.assertEqual(self.must("stat", "-c", "%a %U:%G", path).strip(),
                             "750 sluice:sluice", path)

    def test_without_systemd_tmpfiles(self):
        os.unlink(self.system.path("/usr/bin/systemd-tmpfiles"))
        self.install()
        self.folders_are_there()

    def test_exposure(self):
        """What systemd itself says of the unit's restrictions: 10 is none at all."""
        self.install()
        said = self.must("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
        level = float(re.search(r"exposure level for .*: ([0-9.]+)", said).group(1))
        self.assertLess(level, 2.5, said)

    def serves(self, backend):
        self.install()
        self.serve_echo(3000)
        self.edit(("include:", f"runtime: {{ backend: {backend}, workers: 2 }}\ninclude:"))
        process = self.serve()
        text = os.urandom(1 << 20)
        self.assertEqual(exchange(8080, text), text)
        status = self.must("sluice", "ctl", "status")
        self.assertIn(backend, status)
        # A listener in conf.d, on a port that only the capability allows.
        self.serve_echo(3001)
        with open(self.system.path("/etc/sluice/conf.d/more.yaml"), "w") as file:
            file.write("listeners: [{ name: low, bind: '127.0.0.1:80', upstream: more }]\n"
                       "upstreams: [{ name: more, endpoints: '127.0.0.1:3001' }]\n")
        os.chmod(self.system.path("/etc/sluice/conf.d/more.yaml"), 0o644)
        reload_words = re.search(r"(?m)^ExecReload=(.*)", self.system.read(UNIT)).group(1).split()
        self.must(*reload_words)
        self.assertEqual(exchange(80, text), text)
        os.kill(self.pid_of(process), signal.SIGTERM)
        self.manager.until("STOPPING")
        self.assertEqual(process.wait(), 0, process.text())
        self.assertNotIn("warn", process.text())
        self.must("dpkg", "--purge", "sluice")
        self.nothing_is_left()

    def pid_of(self, process):
        """Everything in between has become the program by execve(2)."""
        with open(f"/proc/{process.pid}/comm", encoding="ascii") as file:
            self.assertEqual(file.read().strip(), "sluice")
        return process.pid

    def nothing_is_left(self):
        self.assertEqual(self.system.written(), [])
        for name, text in self.before.items():
            self.assertEqual(self.system.read(name), text, name)
        for path in FOLDERS:
            self.assertFalse(os.path.exists(self.system.path(path)), path)

    def test_on_io_uring(self):
        self.serves("io_uring")

    def test_on_epoll(self):
        self.serves("epoll")

    def there_is_a_service(self):
        """By a systemctl that says so, and keeps what it is told."""
        os.makedirs(self.system.path("/run/systemd/system"))
        with open(self.system.path("/usr/local/bin/systemctl"), "w") as file:
            file.write(SYSTEMCTL)
        os.chmod(self.system.path("/usr/local/bin/systemctl"), 0o755)

    def installed_again(self):
        return self.system.run("dpkg", "-i", "/tmp/sluice.deb", env={
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})

    def test_an_upgrade_of_one_that_cannot_be_asked(self):
        self.install()
        self.edit(("bind: unix:/run/sluice/admin.sock", "bind: unix:/run/sluice/other.sock"))
        self.there_is_a_service()
        done = self.installed_again()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is asked to hand over", done.stderr)
        self.assertIn("kill --kill-who=main --signal=SIGUSR2 sluice.service\n",
                      self.system.read("/tmp/systemctl"))

    def test_an_upgrade_hands_over(self):
        """With a service, an address and a token of its own; sessions and listeners stay."""
        self.install()
        self.edit(("bind: unix:/run/sluice/admin.sock",
                   "bind: unix:/run/sluice/other.sock\n  token: secret"))
        self.serve_echo(3000)
        process = self.serve()
        self.there_is_a_service()
        with socket.create_connection(("127.0.0.1", 8080), timeout=20) as session:
            session.sendall(b"before")
            self.assertEqual(session.recv(100), b"before")
            done = self.installed_again()
            self.assertEqual(done.returncode, 0, done.stderr + process.text())
            self.assertNotIn("old binary", done.stderr)
            pid = int(self.manager.until("MAINPID")["MAINPID"])
            self.assertNotEqual(pid, process.pid)
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                self.assertEqual(file.read().strip(), "sluice")
            self.assertEqual(exchange(8080, b"after"), b"after")
            session.sendall(b"still")
            self.assertEqual(session.recv(100), b"still")
        self.assertEqual(process.wait(), 0, process.text())
        self.assertNotIn("start", self.system.read("/tmp/systemctl").replace("daemon-reload", ""))
        os.kill(pid, signal.SIGTERM)
        # This process is the first one of its namespace, whose child every orphan becomes.
        _, status = wait_for(lambda: (end := os.waitpid(pid, os.WNOHANG))[0] and end, "its end")
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)

    def test_a_removal_keeps_the_configuration(self):
        self.install()
        self.edit(("127.0.0.1:3000", "127.0.0.1:3009"))
        self.must("dpkg", "--remove", "sluice")
        self.assertIn("3009", self.system.read("/etc/sluice/sluice.yaml"))
        self.assertFalse(os.path.exists(self.system.path("/usr/bin/sluice")))
        self.assertEqual(self.masked(), "/dev/null")
        self.install()
        self.assertIsNone(self.masked())
        self.assertEqual(self.must("systemctl", "is-enabled", "sluice.service").strip(), "enabled")
        self.assertIn("3009", self.system.read("/etc/sluice/sluice.yaml"))
        self.assertEqual(self.must("stat", "-c", "%a %U:%G", "/etc/sluice/sluice.yaml").strip(),
                         "640 root:sluice")

    def masked(self):
        """What the link leads to that masks the unit; None: there is no link."""
        link = self.system.path("/etc/systemd/system/sluice.service")
        return os.readlink(link) if os.path.lexists(link) else None

    def test_what_an_administrator_has_masked_stays_so(self):
        self.install()
        self.must("systemctl", "mask", "sluice.service")
        self.must("dpkg", "--remove", "sluice")
        self.install()
        self.assertEqual(self.masked(), "/dev/null")

    def test_a_group_may_have_a_socket(self):
        """Under the unit's filter and without CAP_CHOWN: the process is in that group."""
        self.install()
        self.must("groupadd", "applications")
        self.must("usermod", "--append", "--groups", "applications", "sluice")
        self.edit(("bind: 127.0.0.1:8080 ", 'bind: "unix:/run/sluice/web.sock"\n'
                   '    socket: { unix_group: applications, unix_mode: "0660" } '))
        self.serve()
        self.assertEqual(self.must("stat", "-c", "%a %U:%G", "/run/sluice/web.sock").strip(),
                         "660 sluice:applications")


if __name__ == "__main__":
    enter_own_system()
    unittest.main()
