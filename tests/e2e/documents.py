"""The documents under docs/, as tests read them."""

import os
import re

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
# What differs from run to run, and how that is written when outputs are compared.
VARYING = (
    (r"\d+\.\d+\.\d+\.\d+:\d+", "ADDRESS"),
    (r"unix:/\S+", "ADDRESS"),
    (r"/\S+\.yaml", "FILE"),
    (r"(?:\d+d )?(?:\d+h )?(?:\d+m )?\d+s", "TIME"),
    (r"(?:\d+\.)?\d+ (?:[KMGT]i)?B\b", "SIZE"),
    (r"io_uring|epoll", "BACKEND"),
    (r"\d+(?:\.\d+)*\S*", "NUMBER"),
    (r"  +", " "),
)


def path_of(name):
    return os.path.join(DOCS, name)


def document(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def pages():
    """The names of all pages."""
    found = []
    for folder, _, names in os.walk(DOCS):
        found += [os.path.relpath(os.path.join(folder, name), DOCS)
                  for name in names if name.endswith(".md")]
    return sorted(found)


def configurations(name):
    """The configurations of a page: its blocks of `yaml`. (One for another program is `yml`.)"""
    return re.findall(r"^```yaml\n(.*?)^```", document(name), re.MULTILINE | re.DOTALL)


def keys_of_records():
    """The keys of access records: the first columns of the tables of docs/operating.md."""
    section = re.search(r"^## The access log\n(.*?)^## ", document("operating.md"),
                        re.MULTILINE | re.DOTALL)[1]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def steps(name):
    """What a reader of a page does, in its order: ("write", file, text) for a configuration whose
    first line is a comment with a file's name, ("run", command, the lines that it prints) else.

    In a block of code a line that begins with `$ ` is a command; those below are its output.
    """
    taken, block = [], None
    for line in document(name).splitlines():
        if block is not None:
            if line != "```":
                block.append(line)
                continue
            if block and (file := re.fullmatch(r"# ([\w.-]+\.yaml)", block[0])):
                taken.append(("write", file[1], "\n".join(block) + "\n"))
            block = None
        elif line.startswith("```"):
            block = [] if line == "```yaml" else [""]
        elif line.startswith("    $ "):
            taken.append(("run", line[len("    $ "):], []))
        elif line.startswith("    ") and taken and taken[-1][0] == "run":
            taken[-1][2].append(line[4:])
        elif not line.startswith("    ") and line.strip() and taken and taken[-1][0] == "run":
            taken.append(("text", line, None))  # a later block without a command is no output
    return [step for step in taken if step[0] != "text"]


def examples(name):
    """What a page shows of its commands: [(the command, the lines that it prints), …]."""
    return [step[1:] for step in steps(name) if step[0] == "run"]


def form_of(line, more=()):
    """A line of output without what varies; `more` are further (pattern, word)."""
    for pattern, word in (*VARYING[:-1], *more, VARYING[-1]):
        line = re.sub(pattern, word, line)
    return line.rstrip()
