"""Holds a source tree to the rules of tests/tidy; see CONTRIBUTING.md.

    python3 tests/tidy/tidy.py      # prints each place that breaks a rule
"""

import os
import sys

import includes
import references
import shape
import tables
import times
import words
from tree import Tree, Violation

RULES = [*includes.RULES, *shape.RULES, *references.RULES, *tables.RULES, *times.RULES,
         *words.RULES]


def root() -> str:
    """The source tree that this file lies in, also where bazel has linked it somewhere else."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def check(tree: Tree) -> list[Violation]:
    return sorted(violation for rule in RULES for violation in rule(tree))


def main() -> int:
    found = check(Tree(root()))
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
