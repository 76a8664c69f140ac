"""The tree keeps the rules of tests/tidy."""

import unittest

import tidy
from tree import Tree


class Tidy(unittest.TestCase):
    def test_the_tree_keeps_the_rules(self):
        tree = Tree(tidy.root())
        self.assertIn("proxy/main.cc", tree.known, f"{tidy.root()} is not the source tree")
        found = tidy.check(tree)
        if found:
            self.fail(f"{len(found)} places break a rule:\n" + "\n".join(map(str, found)))


if __name__ == "__main__":
    unittest.main()
