"""Rules about what comments and documents name: paths, targets, tests. All of it exists."""

import os
import re
from typing import Iterator

from tree import Comment, Tree, Violation

_ENDINGS = r"(?:h|cc|c|py|md|sh|bzl|bazel|yaml|toml|rs)"
# A path, or the name of one file with an ending of ours.
_PATH = re.compile(r"(?<![\w./@:$<>{}*~-])(?:[\w.+-]+/)+[\w.+*-]*|"
                   rf"(?<![\w./@:$<>{{}}*~-])[\w+-]+\.{_ENDINGS}\b(?![\w/-])")
# Files of the reader's own that documents use as examples.
EXAMPLES = {"web.yaml", "sluice.yaml", "conf.d/*.yaml", "conf.d/a.yaml", "conf.d/b.yaml",
            "my.toml", "my/own.toml", "report.md"}
# A word in capitals stands for a name; these are names.
_STANDS_FOR = re.compile(r"(?!README|BUILD|LICENSE|RESULTS|EXPERIMENTS|ARCHITECTURE|CONTRIBUTING)"
                         r"(?<![A-Za-z])[A-Z]+(?![A-Za-z])")
_LABEL = re.compile(r"(?<![\w@:/])//([\w/.-]*)(?::([\w.-]+))?")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_OUTSIDE = re.compile(r"(?<![\w.])(?:\.\./)+[\w./-]*|/work\b[\w./-]*|/tmp/w\b[\w./-]*|"
                      r"(?<![\w$}])/home/[\w./-]+|(?<![\w./])shared/[\w./-]+")
_CHECKED_BY = re.compile(r"Checked by:\s*(.*?)(?:\.(?=\s|$)|\n\s*\n|$)", re.DOTALL)


class Names:
    """Every way to call a file or a folder of the tree: its path and each end of it."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.ends = set()
        for path in [*tree.files, *tree.folders]:
            parts = path.split("/")
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                self.ends.add(end)
                self.ends.add(os.path.splitext(end)[0])
        self.tops = {path.split("/")[0] for path in tree.folders}

    def exists(self, name: str) -> bool:
        name = re.sub(r"/\.\.\.$", "", name).rstrip("/.,")
        if "*" in name:
            middle = re.escape(name).replace(r"\*", "[^/]*")
            pattern = re.compile(rf"(?:.*/)?{middle}(\.\w+)?$")
            return any(map(pattern.match, [*self.tree.files, *self.tree.folders]))
        return name in self.ends


def paths(tree: Tree) -> Iterator[Violation]:
    names = Names(tree)
    for path in tree.files:
        for comment in tree.comments(path):
            for match in _PATH.finditer(comment.text):
                name = match.group().rstrip(".-")
                if _is_ours(names, name) and not names.exists(name):
                    yield _at(path, comment, match.start(), "paths", f"{name} does not exist")


def _is_ours(names: Names, name: str) -> bool:
    """Whether a word is meant to be a path of the tree."""
    if name.startswith((".", "bazel-", "include/")) or name in EXAMPLES or _STANDS_FOR.search(name):
        return False
    if "/" not in name:
        return True
    return name.split("/")[0] in names.tops or bool(re.search(rf"\.{_ENDINGS}$", name))


def links(tree: Tree) -> Iterator[Violation]:
    for path in tree.named(".md"):
        for match in _LINK.finditer(tree.text(path)):
            if "://" in match[1]:
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(path), match[1]))
            if target not in tree.known and target not in tree.folders:
                yield _at(path, Comment(1, tree.text(path)), match.start(), "paths",
                          f"the link's target {match[1]} does not exist")


def labels(tree: Tree) -> Iterator[Violation]:
    """Targets that documents and comments name are in the BUILD file of their package."""
    for path in tree.files:
        if path.endswith((".bazel", ".bzl")):
            continue
        for comment in tree.comments(path):
            for match in _LABEL.finditer(comment.text):
                package, target = match[1].rstrip("."), (match[2] or "").rstrip(".-")
                if package.endswith("/..") or match[1].endswith("..."):
                    folder = re.sub(r"/?\.\.\.?$", "", match[1])
                    known = folder == "" or folder in tree.folders
                elif package:
                    known = has_target(tree, package, target or package.split("/")[-1])
                else:
                    continue
                if not known:
                    yield _at(path, comment, match.start(), "paths",
                              f"there is no target {match.group()}")


def has_target(tree: Tree, package: str, target: str) -> bool:
    build = os.path.join(package, "BUILD.bazel")
    if build not in tree.known:
        return False
    stem = re.sub(r"_(?:test|bench|epoll|io_uring)$", "", target)
    return bool(re.search(rf'"(?:{re.escape(target)}|{re.escape(stem)})(?:\.\w+)?"',
                          tree.text(build)))


def outside(tree: Tree) -> Iterator[Violation]:
    """Nothing refers to a file outside of the repository."""
    for path in tree.files:
        if path.startswith("tests/tidy/"):
            continue
        for comment in tree.comments(path):
            for match in _OUTSIDE.finditer(comment.text):
                name = match.group()
                target = os.path.normpath(os.path.join(os.path.dirname(path), name))
                if name.startswith("..") and (target in tree.known or target in tree.folders
                                              or target == "."):
                    continue
                yield _at(path, comment, match.start(), "outside",
                          f"{name} is not in this repository")


def checked_by(tree: Tree) -> Iterator[Violation]:
    names = Names(tree)
    for path in tree.cpp():
        for comment in tree.comments(path):
            for match in _CHECKED_BY.finditer(comment.text):
                named = re.sub(r"\([^)]*\)", "", match[1])
                words = [word.strip(".;") for word in re.split(r"[,;\s]+", named)]
                words = [word for word in words if word and word not in ("and", "the")]
                if not words:
                    yield _at(path, comment, match.start(), "checked by", "names nothing")
                for word in words:
                    label = _LABEL.fullmatch(word)
                    if label and has_target(tree, label[1], label[2] or label[1].split("/")[-1]):
                        continue
                    if "/" not in word or not names.exists(word):
                        yield _at(path, comment, match.start(), "checked by",
                                  f"{word} is no file, folder or target")


def _at(path: str, comment: Comment, offset: int, rule: str, message: str) -> Violation:
    return Violation(rule, path, comment.line + comment.text.count("\n", 0, offset), message)


RULES = [paths, links, labels, outside, checked_by]
