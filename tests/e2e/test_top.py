"""`sluice top` in terminals of several kinds and sizes: panes of tmux, with a live proxy."""

import os
import pty
import shlex
import signal
import subprocess

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from pane import Pane
from processes import DEADLINE, die_with_parent, run, wait_for
from sluice import binary

MOST_KEYS = 2


@matrix(workers=(2,))
class Top(Administered):
    def start(self, **options):
        self.servers = {name: self.peer(echo) for name in ("a", "b")}
        self.web, self.admin = self.administered(
            [{"name": name, "address": server.receive()} for name, server in self.servers.items()],
            upstream={"health": {"check": "connect", "interval": "200ms", "fast_interval": "100ms",
                                 "fall": 2}})
        self.clients = []
        for _ in range(4):
            self.clients.append(self.keep(self.web.connect()))
            sockets.exchange_echo(self.clients[-1])
        return self.pane(**options)

    def pane(self, **options):
        command = f"{shlex.quote(binary())} top --admin {shlex.quote(str(self.admin))}"
        pane = self.keep(Pane(self.new_folder(), command, **options))
        pane.wait("serving, ready")
        return pane

    def assert_answered(self, pane, question):
        self.assertLessEqual(pane.keys, MOST_KEYS, question)
        pane.keys = 0

    def test_the_six_questions(self):
        pane = self.start()
        pane.wait(rf"^sluice \S+  serving, ready  up \S+.* as of \d\d:\d\d:\d\d$")
        pane.wait(r"^sessions 4 of \d+ ")
        pane.wait(r"^> web +app +4 ")
        self.assert_answered(pane, "is it up?")

        pane.press("4")
        names = {"%s:%d" % client.getsockname(): client for client in self.clients}
        for name in names:
            pane.wait(rf" {name} +app/[ab] ")
        self.assert_answered(pane, "who is connected?")

        victim = names[pane.wait("^> ").split()[2]]
        pane.press("x")
        pane.wait(r"^Kill session \d+ of 127\.0\.0\.1:\d+\? .*\[y/N\]")
        self.assertEqual(len(self.admin.json("sessions")), 4)
        pane.press("y")
        self.assertEqual(sockets.ending(victim), "reset")
        pane.wait("was killed")
        pane.wait("^sessions 3 of")
        self.assert_answered(pane, "can I get rid of this one connection?")

        pane.press("<")
        pane.wait("TRIPSv")
        pane.wait(r"\d+/\d+ us$")
        self.assert_answered(pane, "what is slow?")

        self.servers["b"].kill()
        pane.press("3", "Down")
        pane.wait(r"^> app/b +down +ready ")
        pane.wait(r"^  app/a +up +ready ")
        self.assert_answered(pane, "which server is bad?")

        pane.press("d")
        pane.wait(r"^Drain app/b\? .*\[y/N\]")
        pane.press("y")
        pane.wait(r"^> app/b +down +drain ")
        self.assertEqual([each["state"] for each in self.admin.json("endpoints")],
                         ["ready", "drain"])
        self.assert_answered(pane, "can I take it out?")

        pane.press("q")
        pane.wait("^EXIT=0$")
        self.assertNotIn("serving", pane.text(), "the screen is as it was before")

    def test_from_listeners_to_sessions_and_back(self):
        pane = self.start()
        for path in ("upstreams", "endpoints of app", "sessions of app/a"):
            pane.press("Enter")
            pane.wait(rf"^listeners .*> {path} ")
        pane.wait(r"^listeners > upstreams > endpoints of app > sessions of app/a   2$")
        pane.press("Escape")
        pane.wait("^> app/a ")
        pane.press("w")
        pane.wait("^weight, 0 to 256: _")
        pane.press("7", "Enter", "y")
        pane.wait("has the weight 7")
        self.assertEqual(self.admin.json("endpoints")[0]["weight"], 7)
        pane.press("m", "n")
        pane.wait("nothing was done")
        pane.press("?")
        pane.wait("Keys of sluice top")
        pane.press("Escape")
        pane.wait("^> app/a ")

    def test_terminals(self):
        """Narrow, wide, of another size in the middle, and without colours."""
        pane = self.start()
        self.assertNotIn("ADDRESSES", pane.text())
        pane.resize(140, 40)
        self.assertIn("web", pane.wait("^> web .* 127.0.0.1:"))
        self.assertTrue(pane.wait("LISTENER .* ADDRESSES"))
        self.assertIn("q quit", pane.lines()[39])
        pane.resize(46, 10)
        wait_for(lambda: len(pane.lines()) == 10 and "Enter" in pane.lines()[9], "a small screen")
        pane.wait("^> web ")
        pane.resize(80, 24)
        wait_for(lambda: "q quit" in (pane.lines() + [""] * 24)[23], "a larger one")
        coloured = r"\x1b\[[0-9;]*3[0-7]m"
        self.assertRegex(pane.text(with_escapes=True), coloured)
        for environment in ({"TERM": "vt100"}, {"NO_COLOR": "1"}):
            with self.subTest(environment=environment):
                plain = self.pane(environment=environment)
                self.assertNotRegex(plain.text(with_escapes=True), coloured)
                plain.press("Enter")
                plain.wait("^> app +2/2 ")

    def test_old_figures_are_told(self):
        pane = self.start()
        self.web.freeze()
        pane.wait(r"NO ANSWER since \d\d:\d\d:\d\d")
        pane.wait("^> web ")
        self.web.send_signal(signal.SIGCONT)
        pane.wait("serving, ready")


@matrix(workers=(1,), backends=("auto",))
class Alone(Administered):
    def top(self, *words, **environment):
        return run(binary(), "top", *words, env={"PATH": os.environ["PATH"], **environment})

    def test_what_is_wrong_is_told_on_the_terminal_as_it_is(self):
        nobody = self.top("--admin", "unix:/nowhere/at/all")
        self.assertEqual((nobody.returncode, nobody.stdout), (1, ""))
        self.assertIn("does the proxy run", nobody.stderr)
        for words in (["sessions"], ["--json"], ["--wide"]):
            wrong = self.top(*words)
            self.assertEqual(wrong.returncode, 2, words)
            self.assertIn("See sluice top --help.", wrong.stderr)
        self.assertIn("usage: sluice top", self.top("--help").stdout)
        _, admin = self.administered([self.peer(echo).receive()])
        piped = self.top("--admin", admin)
        self.assertEqual(piped.returncode, 1)
        self.assertIn("sluice top needs a terminal", piped.stderr)
        strange = self.keep(Pane(self.new_folder(), f"{binary()} top --admin {admin}",
                                 environment={"TERM": "no-such-kind"}))
        strange.wait("TERM=no-such-kind, is not known here")
        strange.wait("^EXIT=1$")

    def test_it_ends_with_its_terminal(self):
        """Where no signal says that the terminal has gone, as under nohup."""
        _, admin = self.administered([self.peer(echo).receive()])
        master, slave = pty.openpty()
        top = subprocess.Popen(
            [binary(), "top", "--admin", str(admin)], stdin=slave, stdout=slave, stderr=slave,
            env={"PATH": os.environ["PATH"], "TERM": "vt100"}, start_new_session=True,
            preexec_fn=die_with_parent)
        self.addCleanup(top.wait)
        self.keep(top)
        os.close(slave)
        shown = b""
        while b"serving" not in shown:
            shown += os.read(master, 4096)
        os.close(master)
        self.assertEqual(top.wait(DEADLINE), 0)


if __name__ == "__main__":
    main()
