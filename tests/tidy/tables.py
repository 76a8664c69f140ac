"""Rules about lists that have to agree: an enum and the names of its values; BUILD files."""

import re
from typing import Iterator

import layers
from tree import Tree, Violation

_ENUM = re.compile(r"enum class (\w+)(?:\s*:\s*\w+)?\s*\{([^}]*)\}")
_NAMES = re.compile(r"\bk\w*Names(?:\[\w*\])?\s*=\s*\{", re.DOTALL)
_OF = re.compile(r"\(\s*(?:const\s+)?(?:\w+::)*(\w+)\s+\w+\)")
_ONE_OF = re.compile(r"\bOneOf\(")
_PAIR = re.compile(r'\{\s*"[^"]*"\s*,\s*((?:\w+::)*)(\w+)::(k\w+)\s*\}')


def enums(tree: Tree) -> dict[str, list[tuple[str, int]]]:
    """Name of an enum: where it is, and how many values it has; kCount is none."""
    found = {}
    for path in tree.cpp():
        for match in _ENUM.finditer(tree.parts(path).code):
            values = [value.split("=")[0].strip() for value in match[2].split(",")]
            count = len([value for value in values if value and value != "kCount"])
            found.setdefault(match[1], []).append((path, count))
    return found


def names_of_enums(tree: Tree) -> Iterator[Violation]:
    known = enums(tree)
    for path in tree.cpp():
        code, texts = tree.parts(path).code, tree.parts(path).texts
        for match in _NAMES.finditer(code):
            owner = _OF.findall(code[max(0, match.start() - 200):match.start()])
            end = code.index("}", match.end())
            count = len(re.findall(r'"(?:\\.|[^"\\])*"', texts[match.end():end]))
            if not owner or owner[-1] not in known:
                continue
            counts = _nearest(known[owner[-1]], path)
            if count not in counts:
                yield Violation("enum names", path, code.count("\n", 0, match.start()) + 1,
                                f"{count} names for the values of {owner[-1]}, which are "
                                f"{' or '.join(map(str, sorted(counts)))}")


def words_of_enums(tree: Tree) -> Iterator[Violation]:
    """The words of a key, as OneOf(field, {{"word", Enum::kValue}, ...}), are all of the enum."""
    known = enums(tree)
    for path in tree.cpp("conf"):
        source = tree.text(path)
        for match in _ONE_OF.finditer(source):
            pairs = _PAIR.findall(source[match.end():].partition(";")[0])
            if not pairs or pairs[0][1] not in known:
                continue
            counts = _nearest(known[pairs[0][1]], path)
            if len({value for _, _, value in pairs}) not in counts:
                yield Violation("enum names", path, source.count("\n", 0, match.start()) + 1,
                                f"{len(pairs)} words for the values of {pairs[0][1]}, which are "
                                f"{' or '.join(map(str, sorted(counts)))}")


def _nearest(places: list[tuple[str, int]], path: str) -> set[int]:
    """Of several enums of one name, those in the file, else in its folder, else all."""
    folder = path.rpartition("/")[0] + "/"
    for near in (lambda other: other == path, lambda other: other.startswith(folder),
                 lambda other: True):
        counts = {count for other, count in places if near(other)}
        if counts:
            return counts
    return set()


def visibility(tree: Tree) -> Iterator[Violation]:
    for path in tree.named("BUILD.bazel"):
        text = tree.text(path)
        if not re.search(r"package\([^)]*default_visibility\s*=", text):
            yield Violation("visibility", path, 1, "package(default_visibility = ...) is missing")
        folder = path.rpartition("/")[0]
        if (folder.startswith("core/") and folder not in layers.PUBLIC_CORE
                and folder != layers.TEST_KIT and "//visibility:public" in text):
            yield Violation("visibility", path, 1, f"{folder} is not for everyone")


RULES = [names_of_enums, words_of_enums, visibility]
