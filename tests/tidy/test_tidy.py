"""The tree keeps the rules of tests/tidy, but for what exceptions.py excuses."""

import unittest

import tidy
from exceptions import EXCEPTIONS
from tree import Tree


class Tidy(unittest.TestCase):
    def test_the_tree_keeps_the_rules(self):
        tree = Tree(tidy.root())
        self.assertIn("proxy/main.cc", tree.known, f"{tidy.root()} is not the source tree")
        found = [str(violation) for violation in tidy.check(tree)
                 if (violation.rule, violation.path) not in EXCEPTIONS]
        if found:
            self.fail(f"{len(found)} places break a rule:\n" + "\n".join(found))


if __name__ == "__main__":
    unittest.main()
