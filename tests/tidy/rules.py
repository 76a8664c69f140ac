"""The rules of the house that a script can judge. Each takes a Tree and yields findings: sentences
that begin with a place."""

import re

from tests.tidy import layers

CODE = ("core", "proxy", "conf", "iouring", "epoll", "loadtest", "tests")
OURS = ("core", "proxy", "conf", "iouring", "epoll")
FOLDERS = CODE + ("bazel",)

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 70
MOST_COLUMNS = 100


def folder_of(path):
    return path.rpartition("/")[0]


def includes(text):
    """(line, file) of each include."""
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'#include\s+["<]([^">]+)[">]', line)
        if found:
            yield number, found.group(1)


def layering(tree):
    """A folder includes only the folders of its row."""
    rows = layers.all_rows()
    for path, text in tree.cpp(*OURS, "loadtest"):
        row = layers.row_of(folder_of(path), rows)
        if row is None:
            yield f"{path}: its folder has no row in tests/tidy/layers.py"
            continue
        allowed = rows[row] + layers.EXTRA.get(path, [])
        for number, file in includes(text):
            if file.split("/")[0] not in FOLDERS:
                continue
            target = layers.row_of(folder_of(file), rows) or folder_of(file)
            if target != row and target not in allowed:
                yield f"{path}:{number}: {row} may not include {target} ({file})"


def foreign(tree):
    """Each library is included in one place."""
    for path, text in tree.cpp(*OURS, "loadtest"):
        for number, file in includes(text):
            for prefix, places in layers.FOREIGN.items():
                if not file.startswith(prefix):
                    continue
                if not any(path == place or path.startswith(place + "/") for place in places):
                    yield f"{path}:{number}: only {', '.join(places)} may include {file}"


def flat(tree):
    """core/ and proxy/ have rooms: nothing lies in the hall but main.cc."""
    for path, _ in tree.cpp("core", "proxy"):
        if path.count("/") == 1 and path != "proxy/main.cc":
            yield f"{path}: lies flat in {folder_of(path)}/; it belongs into one of its folders"


def sizes(tree):
    """A file of C++ holds one idea and fits into a head."""
    for path, text in tree.cpp(*CODE):
        lines = text.count("\n")
        if lines > MOST_LINES:
            yield f"{path}: has {lines} lines, {MOST_LINES} are allowed"


def columns(tree):
    for path, text in tree.cpp(*CODE):
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > MOST_COLUMNS and "NOLINT" not in line and not line.startswith("#include"):
                yield f"{path}:{number}: has {len(line)} columns, {MOST_COLUMNS} are allowed"


def functions(tree):
    """No function is longer than a screen or two. A body is what lies between a line that ends with
    `{` and the `}` of the same indentation."""
    not_a_function = re.compile(
        r"\s*(?:namespace|class|struct|union|enum|extern|template|using)\b|.*(?:=|\[\]|return)\s*\{$")
    for path, text in tree.cpp(*CODE):
        begin = None
        indent = ""
        for number, line in enumerate(text.split("\n"), 1):
            if begin is None:
                found = re.match(r"( {0,2})\S.*\)[^;]*\{$", line)
                if found and not not_a_function.match(line):
                    begin, indent = number, found.group(1)
            elif line.startswith(indent + "}"):
                if number - begin - 1 > MOST_LINES_OF_A_FUNCTION:
                    yield (f"{path}:{begin}: a function of {number - begin - 1} lines, "
                           f"{MOST_LINES_OF_A_FUNCTION} are allowed")
                begin = None


def first_sentence(tree):
    """Every header says what it is before anything else."""
    for path, text in tree.select(".h"):
        if path.split("/")[0] not in CODE:
            continue
        head = []
        for line in text.split("\n"):
            if not line.startswith("//"):
                break
            head.append(line[2:].strip())
        said = " ".join(head)
        if not re.match(r"\w.*?\w[.:]( |$)", said):
            yield f"{path}:1: a header begins with a sentence that says what it is"


def comments(path, text):
    """(line, text) of the comments; of documents, all of it."""
    if path.endswith(".md"):
        yield from enumerate(text.split("\n"), 1)
        return
    mark = "//" if path.endswith((".h", ".cc", ".c")) else "#"
    for number, line in enumerate(text.split("\n"), 1):
        found = re.search(r"(?:^|\s)" + mark + r"(.*)", line)
        if found:
            yield number, found.group(1)


def references(tree):
    """Every path that a comment or a document names exists."""
    path_pattern = re.compile(
        r"(?<![\w/.~$@{-])((?:" + "|".join(FOLDERS) + r")/[\w./+-]*\w)(?:\.\*)?(?![\w*<{])")
    for path, text in sorted(tree.texts.items()):
        if path.startswith(("tests/tidy/", "loadtest/results/")) or path.endswith((".yaml", ".toml")):
            continue
        for number, line in comments(path, text):
            if "//" in line and path.endswith(".md"):
                line = re.sub(r"//\S+", "", line)  # labels: their own rule is the build
            for name in path_pattern.findall(line):
                if tree.exists(name) or any(tree.exists(name + s) for s in (".h", ".cc", ".py")):
                    continue
                if any(p.startswith(name) for p in tree.paths) and name[-1] in "_-":
                    continue
                if name.startswith("loadtest/results") or "bazel-" in line:
                    continue
                yield f"{path}:{number}: names {name}, which does not exist"


def outside(tree):
    """Nothing refers to a file outside of the repository, or to a place on somebody's machine."""
    pattern = re.compile(r"\.\./shared|\bshared/\w+\.md|\b(?:behaviour|house|design)\.md|/work/|/home/\w")
    for path, text in sorted(tree.texts.items()):
        if path.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            found = pattern.search(line)
            if found:
                yield f"{path}:{number}: refers to {found.group(0)}, which is not in the repository"


def enums(tree):
    """An enum and the table of its names have the same length."""
    enum = re.compile(r"enum (?:class )?(\w+)[^{;]*\{(.*?)\};", re.S)
    table = re.compile(r"ToString\((\w+) \w+\).*?kNames\[\] = \{(.*?)\};", re.S)
    for path, text in tree.cpp(*OURS):
        bare = re.sub(r"//.*", "", text)
        lengths = {}
        for name, body in enum.findall(bare):
            lengths[name] = len([e for e in body.split(",") if e.strip()])
        for name, body in table.findall(bare):
            if name in lengths and len(re.findall(r'"[^"]*"', body)) != lengths[name]:
                yield f"{path}: {name} has {lengths[name]} values, the table of its names another number"


def visibility(tree):
    """Each package of ours says who may use it."""
    for path, text in tree.select("BUILD.bazel"):
        if path.split("/")[0] in OURS and "visibility" not in text:
            yield f"{path}: says nothing about visibility"


# Words that are not used, and what is said instead: one word for one concept (CONTRIBUTING.md).
WORDS = [
    (r"\bopened anew\b", "reopened"),
    (r"\bturn(?:s|ed) away\b", "reject"),
    (r"\bequal second\b", "io_uring or epoll; both offer the same features"),
    (r"\bMustLinger\b", "NeedsFlush"),
    (r"\bUnlisten\b", "Unregister"),
    (r"\bHeard\(\)", "Delivered()"),
    (r"\bRefusal\b", "Rejection"),
    (r"\bJudge\(|\bVerdict\b(?=[ &({])", "Admit, Admission::Result"),
    (r"\bCluster\b", "Upstream"),
    (r"\bWhat::k", "EndCause::k"),
    (r"\bBy::k", "Initiator::k"),
    (r"\bWaitForRoom\b|\bRoomAwaiter\b", "WaitForSlot"),
]


def words(tree):
    for path, text in tree.cpp(*OURS, "tests"):
        if path.startswith("tests/conformance/"):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, instead in WORDS:
                if re.search(pattern, line):
                    yield f"{path}:{number}: say {instead!r} instead of {re.search(pattern, line).group(0)!r}"


RULES = [layering, foreign, flat, sizes, columns, functions, first_sentence, references, outside, enums,
         visibility, words]
