"""A page's commands, run as its reader would: in one shell, in a network of its own."""

import os
import re
import selectors
import subprocess
import time

from documents import form_of, steps
from isolation import own_network
from processes import DEADLINE, die_with_parent
from sluice import binary

# What a reader does again when the answer is not there yet.
ASKS = re.compile(r"^(?:sluice ctl (?:endpoints|upstreams|sessions|status|ready|events|listeners)"
                  r"(?! app/)|cat|grep|tail) ?")
# Where a program in the background says that it listens, or a port at which it then does.
SAYS = re.compile(r"sluice .*2>(\S+)")
KILLS = re.compile(r"^kill %\?(3\d\d\d)$")
PORT = re.compile(r"\b(3\d\d\d)\b")


class Shell:
    """A bash whose commands find this build's `sluice`; `folder` is where it begins."""

    def __init__(self, folder, backend):
        os.symlink(binary(), os.path.join(folder, "sluice"))
        self.folder, self.backend = folder, backend
        self.where = os.path.join(folder, "work")
        os.mkdir(self.where)

        def prepare():
            die_with_parent()
            own_network()

        environment = {**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"],
                       "LC_ALL": "C.UTF-8"}
        environment.pop("SLUICE_ADMIN", None)
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=self.where, env=environment, start_new_session=True, preexec_fn=prepare)
        self.commands = 0

    def kill(self):
        try:
            os.killpg(self.bash.pid, 9)
        except ProcessLookupError:
            pass
        self.bash.stdin.close()
        self.bash.wait()
        self.bash.stdout.close()

    def run(self, command):
        """What it prints, in lines, and its exit code."""
        self.commands += 1
        mark = f"-- end of command {self.commands}:"
        # In the folder of the test, so that pages that run at the same time do not meet.
        command = command.replace("/tmp/", self.folder + "/")
        self.bash.stdin.write(f"{{ {command}\n}} 2>&1; echo '{mark}' $?\n".encode())
        self.bash.stdin.flush()
        text, end = b"", time.monotonic() + DEADLINE
        with selectors.DefaultSelector() as selector:
            selector.register(self.bash.stdout, selectors.EVENT_READ)
            while not (found := re.search(rf"(?m)^{mark} (\d+)\n".encode(), text)):
                assert selector.select(end - time.monotonic()), f"{command} does not end: {text}"
                piece = os.read(self.bash.stdout.fileno(), 65536)
                assert piece, f"the shell has ended with: {text}"
                text += piece
        return text[:found.start()].decode().splitlines(), int(found[1])

    def write(self, name, text):
        """A configuration as the page shows it, on this test's backend."""
        text += f"runtime: {{ backend: {self.backend} }}\n"
        lines, _ = self.run("pwd")
        with open(os.path.join(lines[0], name), "w", encoding="utf-8") as file:
            file.write(text.replace("/tmp/", self.folder + "/"))

    def settle(self, command):
        """Waits until what runs in the background can be asked, or cannot any more."""
        if killed := KILLS.match(command):
            self.run(f"while (exec 3<>/dev/tcp/127.0.0.1/{killed[1]}) 2>&-; do sleep 0.02; done")
        elif says := SAYS.search(command):
            self.run(f"until grep -q 'listening on' {says[1]}; do sleep 0.02; done")
        elif port := PORT.search(command):
            self.run(f"until (exec 3<>/dev/tcp/127.0.0.1/{port[1]}) 2>&-; do sleep 0.02; done")


def play(case, page, shell, chance=()):
    """Does what the page says and compares what is printed; returns how many commands ran."""
    ran = 0
    for kind, what, lines in steps(page):
        if kind == "write":
            shell.write(what, lines)
            continue
        with case.subTest(command=what):
            check(case, shell, what, [form_of(line, chance) for line in lines], chance)
        ran += 1
    return ran


def check(case, shell, command, wanted, chance):
    end = time.monotonic() + DEADLINE
    while True:
        lines, code = shell.run(command)
        printed = [form_of(line, chance) for line in lines]
        is_there = set(wanted) <= set(printed) and bool(wanted) == bool(printed)
        if is_there or not ASKS.match(command) or time.monotonic() > end:
            break
        time.sleep(0.05)
    case.assertTrue(is_there, f"the page has {wanted}, but {printed} was printed")
    fails = any(" error: " in line for line in wanted)
    case.assertEqual(code, 1 if fails else 0, printed)
    if command.endswith("&") or KILLS.match(command):
        shell.settle(command)
