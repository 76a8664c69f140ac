"""A generator process: starts it, follows what it says, and ends it."""

from __future__ import annotations

import json
import os
import subprocess
import threading

import peers

PATIENCE_S = 100  # beyond the measured time, before a driver that does not end is killed


class RunError(Exception):
    """A run that gave no figures."""


class Generator:
    """One process with one plan, which runs from here until stop()."""

    def __init__(self, setting: peers.Setting, plan: dict, cpus: set | None, urgent: bool = False):
        command = [os.path.join(setting.programs, "generator"), json.dumps(plan)]
        descriptors = [fd for group in plan["groups"] for fd in group.get("descriptors", [])]
        self.process = peers.spawn(command, cpus, None, urgent, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, pass_fds=descriptors)
        self.watchdog = threading.Timer(plan["seconds"] + plan["warmup_s"] + PATIENCE_S,
                                        self.process.kill)
        self.watchdog.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def expect(self, event: str) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RunError("the generator ended before it wrote %r" % event)
        said = json.loads(line)
        if said["event"] != event:
            raise RunError("the generator wrote %r instead of %r" % (said["event"], event))
        return said

    def tell_to_end(self) -> None:
        """For a plan of 0 seconds."""
        self.process.stdin.close()

    def result(self) -> dict:
        """The figures of each group, with the seconds for which it was measured."""
        found = self.expect("result")
        del found["event"]
        for group in found["groups"].values():
            group["seconds"] = found["seconds"]
        return found

    def stop(self) -> None:
        self.watchdog.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
