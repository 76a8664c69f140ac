"""The source tree as the rules see it: its files, and C++ apart in code, comments and texts."""

import fnmatch
import functools
import os
import re
from typing import Iterator, NamedTuple

CPP = (".h", ".cc", ".c")
SHELL = (".sh", ".bzl", ".bazel", ".toml", ".yaml")


class Violation(NamedTuple):
    """What a rule found, and where."""
    rule: str
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


class Parts(NamedTuple):
    """C++ in three layers of the same lines and columns; what belongs to another one is blank."""
    code: str
    comments: str
    texts: str


class Comment(NamedTuple):
    """Comment lines that follow each other, without their marks."""
    line: int
    text: str


class Tree:
    """All files below a root, but for those that git ignores."""

    def __init__(self, root: str):
        self.root = root
        ignored = [".git"]
        if os.path.exists(os.path.join(root, ".gitignore")):
            with open(os.path.join(root, ".gitignore")) as file:
                lines = [line.strip().strip("/") for line in file]
            ignored += [line for line in lines if line and line[0] not in "#!"]
        self.files = sorted(self._walk("", ignored))
        self.known = set(self.files)
        self.folders = {folder for path in self.files for folder in parents(path)}

    def _walk(self, folder: str, ignored: list[str]) -> Iterator[str]:
        for entry in os.scandir(os.path.join(self.root, folder)):
            path = os.path.join(folder, entry.name)
            if any(fnmatch.fnmatch(entry.name, pattern) or fnmatch.fnmatch(path, pattern)
                   for pattern in ignored) or entry.name == "__pycache__":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path, ignored)
            elif not entry.is_symlink():
                yield path

    @functools.lru_cache(maxsize=None)
    def text(self, path: str) -> str:
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, path: str) -> list[str]:
        return self.text(path).splitlines()

    @functools.lru_cache(maxsize=None)
    def parts(self, path: str) -> Parts:
        return split(self.text(path))

    def cpp(self, *folders: str) -> list[str]:
        return [path for path in self.files
                if path.endswith(CPP) and (not folders or path.split("/")[0] in folders)]

    def named(self, *endings: str) -> list[str]:
        return [path for path in self.files if path.endswith(endings)]

    @functools.lru_cache(maxsize=None)
    def comments(self, path: str) -> list[Comment]:
        """The comments of a file of any language; the whole of a document."""
        if path.endswith(CPP):
            return blocks(self.parts(path).comments.splitlines(), "//")
        if path.endswith(".md"):
            return [Comment(1, self.text(path))]
        if path.endswith(".py"):
            return blocks(self.lines(path), "#") + docstrings(self.text(path))
        if path.endswith(SHELL) or path.startswith(".") or path == ".ci/run":
            return blocks(self.lines(path), "#")
        return []


def parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|R"([^()\s\\]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|"""
                    r"""(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'""", re.DOTALL)


def split(source: str) -> Parts:
    code, comments, texts, end = [], [], [], 0
    for match in _TOKEN.finditer(source):
        plain, token = source[end:match.start()], match.group()
        code.append(plain)
        comments.append(blank(plain))
        texts.append(blank(plain))
        is_comment = token.startswith("/")
        code.append(blank(token) if is_comment else token[0] + blank(token[1:-1]) + token[-1])
        comments.append(token if is_comment else blank(token))
        texts.append(blank(token) if is_comment else token)
        end = match.end()
    rest = source[end:]
    return Parts("".join(code) + rest, "".join(comments) + blank(rest),
                 "".join(texts) + blank(rest))


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def blocks(lines: list[str], mark: str) -> list[Comment]:
    """Runs of comment lines with the same indentation."""
    found, block, column = [], [], -1
    for number, line in enumerate(lines + [""], 1):
        at = line.find(mark)
        while at > 0 and mark == "#" and not line[at - 1].isspace():
            at = line.find(mark, at + 1)
        if at != column and block:
            found.append(Comment(number - len(block), "\n".join(block)))
            block = []
        column = at
        if at >= 0:
            block.append(line[at:].lstrip(mark + "/").removeprefix(" "))
    return found


def docstrings(source: str) -> list[Comment]:
    return [Comment(source.count("\n", 0, match.start()) + 1, match.group(1))
            for match in re.finditer(r'^\s*"""(.*?)"""', source, re.DOTALL | re.MULTILINE)]
