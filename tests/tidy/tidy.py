"""Holds a source tree to the rules of tests/tidy; see CONTRIBUTING.md.

    python3 tests/tidy/tidy.py             # all that is wrong
    python3 tests/tidy/tidy.py --all       # and what exceptions.py excuses
"""

import os
import sys

import includes
import references
import shape
import tables
import words
from exceptions import EXCEPTIONS
from tree import Tree, Violation

RULES = [*includes.RULES, *shape.RULES, *references.RULES, *tables.RULES, *words.RULES]


def root() -> str:
    """The source tree that this file lies in, also where bazel has linked it somewhere else."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def check(tree: Tree) -> list[Violation]:
    return sorted(violation for rule in RULES for violation in rule(tree))


def main() -> int:
    found = [violation for violation in check(Tree(root()))
             if "--all" in sys.argv or (violation.rule, violation.path) not in EXCEPTIONS]
    print("\n".join(map(str, found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
