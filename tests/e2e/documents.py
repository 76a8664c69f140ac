"""The documents under docs/, as tests read them."""

import os

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")


def path_of(name):
    return os.path.join(DOCS, name)


def document(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def examples(name):
    """What a page shows of its commands: [(the command, the lines that it prints), …].

    In a block of code a line that begins with `$ ` is a command; those below are its output.
    """
    shown = []
    for line in document(name).splitlines():
        if line.startswith("    $ "):
            shown.append((line[len("    $ "):], []))
        elif line.startswith("    ") and shown:
            shown[-1][1].append(line[4:])
    return shown
