"""The repository keeps the rules of its house; one test for each rule of rules.py."""

import os
import unittest

from tests.tidy import rules
from tests.tidy import tree

MARKER = "WORKSPACE"


def root():
    """The source tree: the marker that the test is given is a link into it."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.dirname(os.path.realpath(os.path.join(here, "../..", MARKER)))


class Tidy(unittest.TestCase):
    tree = None

    @classmethod
    def setUpClass(cls):
        cls.tree = tree.read(root())
        if "proxy/main.cc" not in cls.tree.paths:
            raise AssertionError(f"{root()} is not the source tree")


def add(rule):
    def test(self):
        findings = list(rule(self.tree))
        if findings:
            self.fail(f"{rule.__doc__ or rule.__name__}\n  " + "\n  ".join(findings))
    setattr(Tidy, f"test_{rule.__name__}", test)


for each in rules.RULES:
    add(each)

if __name__ == "__main__":
    unittest.main(verbosity=2)
