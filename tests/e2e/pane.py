"""A program in a terminal: a pane of tmux, whose screen is read and whose keys are pressed."""

import os
import re
import shlex

from processes import run, wait_for


class Pane:
    """A program in a terminal; `keys` counts those since it was last set to 0."""

    def __init__(self, folder, command, columns=80, rows=24, environment=None):
        self.socket = os.path.join(folder, "tmux")
        self.keys = 0
        settings = " ".join(f"{name}={shlex.quote(value)}"
                            for name, value in (environment or {}).items())
        # The shell outlives the program: what it leaves behind stays to be seen.
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  f"env {settings} {command}; echo EXIT=$?; exec sleep 1000")

    def tmux(self, *words):
        done = run("tmux", "-S", self.socket, *words,
                   env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"})
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def kill(self):
        run("tmux", "-S", self.socket, "kill-server")

    def press(self, *keys):
        self.tmux("send-keys", *keys)
        self.keys += len(keys)

    def text(self, with_escapes=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if with_escapes else []))

    def lines(self):
        return self.text().splitlines()

    def wait(self, pattern):
        """Until the screen has it; returns the line."""
        def found():
            return next((line for line in self.lines() if re.search(pattern, line)), None)
        try:
            return wait_for(found, f"/{pattern}/ on the screen")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; it shows\n{self.text()}") from None

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
