"""The files of the repository, as the rules see them."""

import os
import subprocess

TEXT = (".bazel", ".bzl", ".cc", ".c", ".h", ".md", ".py", ".sh", ".toml", ".yaml")


class Tree:
    """Paths, relative to the root with forward slashes, and texts. `paths` also has what is no text."""

    def __init__(self, texts, paths=()):
        self.texts = texts
        self.paths = set(paths) | set(texts)
        self.folders = set()
        for path in self.paths:
            while "/" in path:
                path = path.rpartition("/")[0]
                self.folders.add(path)

    def select(self, *suffixes):
        """(path, text) of all files whose names end so, sorted."""
        return [(p, t) for p, t in sorted(self.texts.items()) if p.endswith(suffixes)]

    def cpp(self, *roots):
        return [(p, t) for p, t in self.select(".h", ".cc")
                if not roots or p.split("/")[0] in roots]

    def exists(self, path):
        return path in self.paths or path.rstrip("/") in self.folders


def read(root):
    """What is tracked and what would be: files that git ignores are not read."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    paths = [p for p in listed.stdout.split("\n") if p and os.path.isfile(os.path.join(root, p))]
    texts = {}
    for path in paths:
        if not path.endswith(TEXT) or path.startswith(("tests/conf/bad/", "tests/fuzz/corpus/")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            texts[path] = file.read()
    return Tree(texts, paths)
