#!/usr/bin/env python3
"""Whether a busy machine is noticed, and whether results are kept away from it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest
from typing import List
from unittest import mock

from kernel import busy
from report import renew

SPIN = "while True: pass"


def spinners(count: int) -> List[subprocess.Popen]:
    return [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]


def end(processes: List[subprocess.Popen]) -> None:
    for process in processes:
        process.kill()
        process.wait()


class Measurements(unittest.TestCase):
    def test_what_is_denied(self):
        others = spinners(2 * busy._cpus())
        try:
            self.assertGreater(busy.denied(), busy.MOST_DENIED)
        finally:
            end(others)

    def test_what_others_take(self):
        watch = busy.Watch()
        others = spinners(busy._cpus())
        try:
            busy.denied(1.0)  # our own computing is not what others take
            self.assertGreater(watch.share(), 0.2)
        finally:
            end(others)

    def test_what_is_our_own(self):
        watch = busy.Watch()
        before = busy._own_seconds()
        busy.denied(0.5)
        self.assertGreater(busy._own_seconds() - before, 0.05)
        self.assertLessEqual(watch.share(), 1.0)


class Sentences(unittest.TestCase):
    def test_a_quiet_machine_needs_none(self):
        self.assertEqual(busy.too_busy_to_begin(0.02), "")
        self.assertEqual(busy.was_too_busy(0.02, [1]), "")

    def test_name_what_is_to_be_judged_again(self):
        self.assertRegex(busy.too_busy_to_begin(0.5), r"^The machine is too busy .* 50 % of")
        self.assertRegex(busy.was_too_busy(0.25, [16, 27]),
                         r"took 25 % .* Judge these again on a quiet machine: 16,27\.$")


class Renewing(unittest.TestCase):
    """A column's run is replaced by one that writes a result file; results/ is a folder here."""

    def renew(self, denied: float, taken: float, although_busy: bool) -> bool:
        """Whether the result was kept."""
        options = argparse.Namespace(columns="haproxy", although_busy=although_busy)
        found = {"proxy": "p", "taken": taken, "cases": [{"number": 2, "verdict": "pass"}]}
        program = "import sys; open(sys.argv[1], 'w').write(%r)" % json.dumps(found)
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(renew, "FOLDER", folder), \
                mock.patch.object(renew.table, "write"), \
                mock.patch.object(busy, "denied", lambda: denied), \
                mock.patch.object(renew, "command", lambda _, column, path:
                                  [sys.executable, "-c", program, path]):
            try:
                self.assertEqual(renew.renew(options), 0)
            except SystemExit as ended:
                self.assertIn("The results stay as they were", str(ended))
            if not os.path.exists(os.path.join(folder, "haproxy.json")):
                return False
            with open(os.path.join(folder, "haproxy.json")) as file:
                self.assertEqual(set(json.load(file)), {"proxy", "cases"})
            return True

    def test_on_a_quiet_machine(self):
        self.assertTrue(self.renew(0.01, 0.01, False))

    def test_not_on_one_that_is_or_becomes_busy(self):
        self.assertFalse(self.renew(0.5, 0.01, False))
        self.assertFalse(self.renew(0.01, 0.5, False))

    def test_unless_told(self):
        self.assertTrue(self.renew(0.5, 0.5, True))


if __name__ == "__main__":
    unittest.main()
