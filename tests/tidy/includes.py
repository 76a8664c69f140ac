"""Rules about includes: the table of layers.py, and who may include a library."""

import os
import re
from typing import Iterator

import layers
from tree import Tree, Violation

_INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(tree: Tree, path: str) -> Iterator[tuple[int, bool, str]]:
    """Line, whether in quotes, and name of each include."""
    for number, line in enumerate(tree.lines(path), 1):
        match = _INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def row_of(path: str) -> str:
    return path if path in layers.MAY_INCLUDE else os.path.dirname(path)


def folder_table(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(*layers.PRODUCT):
        folder = row_of(path)
        row = layers.MAY_INCLUDE.get(folder)
        if row is None:
            yield Violation("includes", path, 1, f"the folder {folder} has no row in layers.py")
            continue
        allowed = {folder, *row, *layers.ONE_FILE.get(path, [])}
        for line, quoted, name in includes(tree, path):
            target = row_of(name)
            if quoted and target.split("/")[0] != "absl" and target not in allowed:
                yield Violation("includes", path, line,
                                f"{folder} may not include {target or name}")


def cycles(tree: Tree) -> Iterator[Violation]:
    """The table itself: arrows run down."""
    for folder in layers.MAY_INCLUDE:
        reached, todo = set(), list(layers.MAY_INCLUDE[folder])
        while todo:
            target = todo.pop()
            if target not in reached:
                reached.add(target)
                todo += layers.MAY_INCLUDE.get(target, [])
        if folder in reached:
            yield Violation("includes", "tests/tidy/layers.py", 1, f"{folder} can include itself")


def libraries(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(*layers.PRODUCT):
        for line, quoted, name in includes(tree, path):
            owner = next((owner for library, owner in layers.LIBRARIES.items()
                          if name == library or (library[-1] == "/" and name.startswith(library))),
                         None)
            if owner is not None:
                owners = [owner] if isinstance(owner, str) else owner
                if not any(path == each or (each[-1] == "/" and path.startswith(each))
                           for each in owners):
                    yield Violation("libraries", path, line,
                                    f"only {' and '.join(owners)} includes <{name}>")
            elif not quoted and (name.endswith(".hpp") or "/" in name
                                 and name.split("/")[0] not in layers.SYSTEM):
                yield Violation("libraries", path, line,
                                f"<{name}> is of no library in layers.py; one file may include it")


_ROW = re.compile(r"^\| `([\w/.]+)` \|.*\| ([^|]+) \|$", re.MULTILINE)
DOCUMENT = "ARCHITECTURE.md"


def documented(tree: Tree) -> Iterator[Violation]:
    """The tables of ARCHITECTURE.md have a row for each folder, and say what layers.py says."""
    if DOCUMENT not in tree.known:
        return
    text, rows = tree.text(DOCUMENT), {}
    for match in _ROW.finditer(text):
        name = "proxy" if match[1] == "proxy/main.cc" else match[1].rstrip("/")
        if name in layers.MAY_INCLUDE and name not in rows:
            rows[name] = (text.count("\n", 0, match.start()) + 1, match[2])
    for name, row in {**layers.CORE, **layers.CONF, **layers.PROXY}.items():
        if name not in tree.folders and name not in tree.known:
            continue
        line, said = rows.get(name, (1, ""))
        names = {full_name(word.strip(" `")) for word in said.split(",")} - {""}
        meant = {folder for folder in row if folder in tree.folders or folder in tree.known}
        if name in layers.CONF:
            meant -= set(layers.CONF_BASE)
        if names != meant:
            yield Violation("includes", DOCUMENT, line,
                            f"the row of {name} names {sorted(names)}, layers.py {sorted(meant)}")


def full_name(name: str) -> str:
    """'access_log' -> 'proxy/observe/access_log', 'base' -> 'core/base', '–' -> nothing"""
    folders = list(layers.MAY_INCLUDE)
    ends = [folder for folder in folders if ("/" + folder).endswith("/" + name)]
    return "" if name == "–" else next(iter(sorted(ends, key=len)), name)


def loadtest_apart(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(layers.APART):
        for line, quoted, name in includes(tree, path):
            if quoted and name.split("/")[0] in layers.PRODUCT:
                yield Violation("includes", path, line,
                                f"{layers.APART} shares no code with {name}")
    for path in tree.cpp(*layers.PRODUCT):
        for line, quoted, name in includes(tree, path):
            if quoted and name.split("/")[0] == layers.APART:
                yield Violation("includes", path, line, f"the product includes nothing of {name}")


def flat(tree: Tree) -> Iterator[Violation]:
    for path in tree.files:
        folder, name = os.path.split(path)
        if folder in layers.FLAT and name not in layers.FLAT[folder]:
            yield Violation("flat", path, 1, f"a file may not lie directly in {folder}/")


RULES = [folder_table, cycles, documented, libraries, loadtest_apart, flat]
