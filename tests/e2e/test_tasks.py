"""`sluice tasks`, `ctl tasks` and /api/v1/tasks: of a live proxy, and of a program that hangs."""

import json
import os
import re
import shlex
import subprocess

import sockets
from admin import Administered
from echo import echo
from harness import main, matrix
from kernel import wait_until_asleep
from pane import Pane
from processes import run, wait_for
from sluice import binary

SECONDS = 60  # for what takes a moment
COLOURED = r"\x1b\[[0-9;]*3[0-7]m"


def stuck_program():
    """The runfiles of the test, else the last build of this repository."""
    here = os.path.dirname(os.path.abspath(__file__))
    name = "tests/core/console/stuck_program"
    for folder in (os.path.join(os.environ.get("TEST_SRCDIR", ""),
                                os.environ.get("TEST_WORKSPACE", "")),
                   os.path.join(here, "../../bazel-bin")):
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.abspath(os.path.join(folder, name))
    raise AssertionError(f"build //{os.path.dirname(name)}:stuck_program")


@matrix(workers=(2,))
class OfAProxy(Administered):
    def start(self):
        self.web, self.admin = self.administered(
            [self.peer(echo).receive()],
            runtime={"backend": self.backend, "workers": self.workers, "watch_tasks": True})
        self.clients = [self.keep(self.web.connect()) for _ in range(5)]
        for client in self.clients:
            sockets.exchange_echo(client)

    def tasks(self, name=""):
        return self.admin.json(f"tasks?name={name}")["tasks"]

    def test_what_its_tasks_do(self):
        self.start()
        sessions = wait_for(lambda: (lambda all: len(all) == 5 and all)(
            [each for each in self.tasks("session") if each["state"] == "waiting"]),
            "five sessions that wait")
        for each in sessions:
            self.assertEqual(each["name"], "session")
            self.assertTrue(each["file"].endswith("proxy/listener/accept_loop.cc"), each["file"])
            self.assertGreaterEqual(each["polls"], 2)
            self.assertGreater(each["longest_poll_us"], 0)
            # Two pumps, side by side.
            self.assertEqual(each["waits_for"][0], "Join")
            self.assertEqual(len(each["waits_for"]), 3, each)
        wait_until_asleep(self.web.pid)  # they have heard of all that they have sent
        before = {each["id"]: each["polls"] for each in self.tasks("session")}
        sockets.exchange_echo(self.clients[0])
        after = wait_for(lambda: (lambda all: all != before and all)(
            {each["id"]: each["polls"] for each in self.tasks("session")}), "more runs of a task")
        self.assertEqual(sum(after[key] != before[key] for key in before), 1)
        for name, count in (("accept loop", 2), ("main", 1)):
            self.assertEqual(len([each for each in self.tasks() if each["name"] == name]), count)
        self.clients.pop().close()
        wait_for(lambda: len(self.tasks("session")) == 4, "a session less")

    def test_for_scripts_and_people(self):
        self.start()
        told = run(binary(), "ctl", "--admin", str(self.admin), "tasks", "name=session",
                   "order=age", "limit=2")
        self.assertEqual(told.returncode, 0, told.stderr)
        lines = told.stdout.splitlines()
        self.assertRegex(lines[0], "^TASK +NAME +STATE +FOR +WAITS FOR +BUSY ")
        self.assertRegex(lines[1], r"^\d+ +session +\w+ ")
        self.assertEqual(lines[3:], ["and 3 more (limit=)"])
        answer = self.admin.get("/api/v1/tasks?order=size")
        self.assertEqual(answer.status, 400)
        self.assertIn("order is one of id, age, busy", answer.text)

    def test_on_a_terminal(self):
        self.start()
        command = f"{shlex.quote(binary())} tasks --admin {shlex.quote(str(self.admin))}"
        pane = self.keep(Pane(self.new_folder(), command))
        pane.wait(r"^sluice tasks of process \d+  watched for \S+.* as of \d\d:\d\d:\d\d$")
        pane.wait(r"^  waiting +\S+ +\d+ +session .* Join, ")
        pane.press("/")
        pane.press(*"session", "Enter")
        pane.wait("^tasks with session   5$")
        pane.press("Enter")
        pane.wait(r"^spawned at +\S*proxy/listener/accept_loop.cc:\d+$")
        pane.press("Escape", "3")
        pane.wait("A RUN TOOK")
        pane.wait(r"^  < \d+us +\d+  #+")
        pane.press("q")
        pane.wait("^EXIT=0$")


@matrix(workers=(1,), backends=("auto",))
class NotWatched(Administered):
    def test_what_is_missing_is_said(self):
        web, admin = self.administered([self.peer(echo).receive()])
        answer = admin.get("/api/v1/tasks")
        self.assertEqual(answer.status, 409)
        self.assertIn("set runtime.watch_tasks to true and restart it", answer.text)
        for words in (["tasks"], ["ctl", "tasks"]):
            told = run(binary(), *words, "--admin", str(admin))
            self.assertEqual(told.returncode, 1, told.stdout)
            self.assertIn("runtime.watch_tasks", told.stderr)
        # A reload names it, and goes on without.
        with open(web.config_path, encoding="utf-8") as file:
            text = file.read()
        with open(web.config_path, "w", encoding="utf-8") as file:
            file.write(text.replace("workers: ", "watch_tasks: true\n  workers: "))
        self.assertEqual(admin.post("/api/v1/reload").status, 200)
        self.assertEqual(admin.json("info")["config_pending"], ["runtime.watch_tasks"])

    def test_words(self):
        for words in (["sessions"], ["--json"], ["--wide"]):
            wrong = run(binary(), "tasks", *words)
            self.assertEqual(wrong.returncode, 2, words)
            self.assertIn("See sluice tasks --help.", wrong.stderr)
        self.assertIn("usage: sluice tasks", run(binary(), "tasks", "--help").stdout)
        nobody = run(binary(), "tasks", "--admin", "unix:/nowhere/at/all")
        self.assertEqual((nobody.returncode, nobody.stdout), (1, ""))


@matrix(workers=(2,))
class OfAProgram(Administered):
    """One worker of two is kept by a task, and 200 tasks wait for a mutex."""

    def start(self):
        folder = self.new_folder()
        path = os.path.join(folder, "console")
        program = subprocess.Popen([stuck_program(), path, self.backend], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, program)
        self.assertEqual(program.stdout.readline(), "ready\n")
        command = f"{shlex.quote(binary())} tasks --admin unix:{path}"
        return program, path, lambda **more: self.keep(Pane(self.new_folder(), command, **more))

    def end(self, program):
        if program.poll() is None:
            program.kill()
        program.communicate()

    def test_which_task_hangs(self):
        program, path, pane_of = self.start()
        pane = pane_of()
        pane.wait(r"^tasks 202 .* worker [01] runs task \d+ statistics for \d+\.\ds$")
        pane.wait(r"^> running +\S+ +\d+ +statistics ")
        pane.press("Enter")
        pane.wait(r"^spawned at +\S*stuck_program\.cc:\d+$")
        pane.wait(r"^state +running for ")
        # Which mutex do 200 wait for, and who holds it?
        pane.press("2")
        pane.wait(r"^> +200 +accounts +LockAwaiter<Accounts> +task \d+ audit for ")
        pane.press("Enter")
        pane.wait("^resources > tasks that wait for 0x[0-9a-f]+   200$")
        pane.wait(r"^> waiting .* deposit ")
        pane.press("1", "/")
        pane.press(*"audit", "Enter")
        pane.wait("^tasks with audit   1$")
        pane.press("Enter")
        pane.wait(r"^in span +audit for \S+  of=all year=2026$")
        pane.press("q")
        pane.wait("^EXIT=0$")
        # For scripts the same, without the tool.
        asked = run("curl", "-s", "--unix-socket", path,
                    "http://localhost/api/v1/tasks?order=busy&limit=1")
        answer = json.loads(asked.stdout)
        self.assertEqual(answer["tasks"][0]["name"], "statistics")
        # The lock that most wait for, whose holder is named though it is not among the tasks.
        self.assertEqual((len(answer["resources"]), answer["resources_total"]), (1, 2))
        self.assertEqual(answer["resources"][0]["waiting"], 200)
        self.assertEqual(answer["resources"][0]["holders"][0]["name"], "audit")
        # When it gives way the program names it by itself.
        _, told = program.communicate(timeout=SECONDS)
        self.assertEqual(program.returncode, 0, told)
        self.assertRegex(told, r"(?m)^task \d+ \(statistics, stuck_program\.cc:\d+\) kept worker "
                               r"[01] for \d+\.\d ms")

    def test_terminals(self):
        """Narrow, wide, of another size in the middle, and without colours."""
        _, _, pane_of = self.start()
        pane = pane_of()
        pane.wait("^> running")
        self.assertNotIn("SPAWNED AT", pane.text())
        pane.resize(160, 40)
        pane.wait("STATE.* SPAWNED AT")
        self.assertIn("q quit", pane.lines()[39])
        pane.resize(46, 10)
        wait_for(lambda: len(pane.lines()) == 10 and "Enter" in pane.lines()[9], "a small screen")
        pane.wait("^> running ")
        pane.resize(80, 24)
        wait_for(lambda: "q quit" in (pane.lines() + [""] * 24)[23], "a larger one")
        self.assertRegex(pane.text(with_escapes=True), COLOURED)
        for environment in ({"TERM": "vt100"}, {"NO_COLOR": "1"}):
            with self.subTest(environment=environment):
                plain = pane_of(environment=environment)
                plain.wait("^> running")
                self.assertNotRegex(plain.text(with_escapes=True), COLOURED)

    def test_keys(self):
        _, _, pane_of = self.start()
        pane = pane_of(columns=160)
        pane.wait("STATEv")
        pane.press("Right", ">")
        pane.wait("TASKv")
        first = int(pane.wait("^> ").split()[3])
        pane.press("r")
        pane.wait(r"TASK\^")
        wait_for(lambda: int(pane.wait("^> ").split()[3]) > first, "another order")
        pane.press("?")
        pane.wait("Keys of sluice tasks")
        pane.press("x")
        pane.wait(r"^> waiting|^> running")
        ids = [int(match) for match in re.findall(r"(?m)^. \w+ +\S+ +(?:\d+s +)?(\d+) +\w",
                                                  pane.text())]
        self.assertEqual(ids, sorted(ids, reverse=True))
        self.assertGreater(len(ids), 10)


if __name__ == "__main__":
    main()
