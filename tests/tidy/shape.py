"""Rules about the shape of files: their length, that of functions and lines, their beginnings."""

import re
from typing import Iterator

import layers
from tree import CPP, Tree, Violation

_CODE = CPP + (".py", ".sh", ".bzl", ".bazel")
_SCOPE = re.compile(r"(?:template\s*<.*>\s*)?(?:typedef\s+)?"
                    r"(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)


def file_lengths(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp():
        count = len(tree.lines(path))
        if count > layers.MOST_LINES:
            yield Violation("file length", path, count,
                            f"{count} lines; at most {layers.MOST_LINES} are allowed")


def columns(tree: Tree) -> Iterator[Violation]:
    for path in tree.named(*_CODE):
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > layers.MOST_COLUMNS and not _is_one_word(line):
                yield Violation("columns", path, number,
                                f"{len(line)} columns; at most {layers.MOST_COLUMNS} are allowed")


def _is_one_word(line: str) -> bool:
    """A comment of one word, such as an address, cannot be broken."""
    return len(line.strip().lstrip("/#").split()) == 1


def functions(code: str) -> Iterator[tuple[int, int]]:
    """First and last line of each function body with its head, in code without comments."""
    code = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m.group()), code,
                  flags=re.MULTILINE)
    stack, head, first = [], 0, 0
    for match in re.finditer(r"[{};]", code):
        at, mark = match.start(), match.group()
        if mark == "{":
            text = code[head:at]
            outer = not stack or stack[-1] == "scope"
            if not outer:
                stack.append("inner")
            elif _SCOPE.match(text.strip()) and not text.strip().endswith(")"):
                stack.append("scope")
            elif text.strip()[:1] in ("", ","):  # goes on behind a member that is made with {}
                stack.append("function")
            elif "(" in text and text.rstrip()[-1] not in "(,=":  # those begin data
                first = head + len(text) - len(text.lstrip())
                stack.append("function")
            else:
                stack.append("inner")
        elif mark == "}" and stack:
            if stack.pop() == "function":
                yield code.count("\n", 0, first) + 1, code.count("\n", 0, at) + 1
        if not stack or stack[-1] == "scope":
            head = at + 1


def function_lengths(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp():
        for first, last in functions(tree.parts(path).code):
            if last - first + 1 > layers.MOST_FUNCTION_LINES:
                yield Violation("function length", path, first,
                                f"a function of {last - first + 1} lines; "
                                f"at most {layers.MOST_FUNCTION_LINES} are allowed")


def headers_begin_with_a_sentence(tree: Tree) -> Iterator[Violation]:
    for path in tree.named(".h"):
        comments = tree.comments(path)
        if not comments or comments[0].line != 1:
            yield Violation("first sentence", path, 1, "a header begins with a sentence about it")
            continue
        paragraph = comments[0].text.split("\n\n")[0].split("\n \n")[0]
        if len(paragraph.split()) < 3 or not re.search(r"[.:;](?=\s|$)", paragraph):
            yield Violation("first sentence", path, 1,
                            f"a header begins with a sentence; this is none: {paragraph[:60]}")


RULES = [file_lengths, columns, function_lengths, headers_begin_with_a_sentence]
