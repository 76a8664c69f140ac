"""Rules about includes: the table of layout.py, and who may include a library."""

import os
import re
from typing import Iterator

import layout
from tree import Tree, Violation

_INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(tree: Tree, path: str) -> Iterator[tuple[int, bool, str]]:
    """Line, whether in quotes, and name of each include."""
    for number, line in enumerate(tree.lines(path), 1):
        match = _INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def folder_table(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(*layout.PRODUCT):
        folder = os.path.dirname(path)
        row = layout.MAY_INCLUDE.get(folder)
        if row is None:
            yield Violation("includes", path, 1, f"the folder {folder} has no row in layout.py")
            continue
        allowed = {folder, *row, *layout.ONE_FILE.get(path, [])}
        for line, quoted, name in includes(tree, path):
            target = os.path.dirname(name)
            if quoted and target.split("/")[0] != "absl" and target not in allowed:
                yield Violation("includes", path, line,
                                f"{folder} may not include {target or name}")


def cycles(tree: Tree) -> Iterator[Violation]:
    """The table itself: arrows run down."""
    for folder in layout.MAY_INCLUDE:
        reached, todo = set(), list(layout.MAY_INCLUDE[folder])
        while todo:
            target = todo.pop()
            if target not in reached:
                reached.add(target)
                todo += layout.MAY_INCLUDE.get(target, [])
        if folder in reached:
            yield Violation("includes", "tests/tidy/layout.py", 1, f"{folder} can include itself")


def libraries(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(*layout.PRODUCT):
        for line, quoted, name in includes(tree, path):
            owner = next((owner for library, owner in layout.LIBRARIES.items()
                          if name == library or (library[-1] == "/" and name.startswith(library))),
                         None)
            if owner is not None:
                if path != owner and not (owner[-1] == "/" and path.startswith(owner)):
                    yield Violation("libraries", path, line, f"only {owner} includes <{name}>")
            elif not quoted and (name.endswith(".hpp") or "/" in name
                                 and name.split("/")[0] not in layout.SYSTEM):
                yield Violation("libraries", path, line,
                                f"<{name}> is of no library in layout.py; one file may include it")


def loadtest_apart(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(layout.APART):
        for line, quoted, name in includes(tree, path):
            if quoted and name.split("/")[0] in layout.PRODUCT:
                yield Violation("includes", path, line,
                                f"{layout.APART} shares no code with {name}")
    for path in tree.cpp(*layout.PRODUCT):
        for line, quoted, name in includes(tree, path):
            if quoted and name.split("/")[0] == layout.APART:
                yield Violation("includes", path, line, f"the product includes nothing of {name}")


def flat(tree: Tree) -> Iterator[Violation]:
    for path in tree.files:
        folder, name = os.path.split(path)
        if folder in layout.FLAT and name not in layout.FLAT[folder]:
            yield Violation("flat", path, 1, f"a file may not lie directly in {folder}/")


RULES = [folder_table, cycles, libraries, loadtest_apart, flat]
