"""Rules about language: one word for each thing, as CONTRIBUTING.md lists them."""

import re
from typing import Iterator, NamedTuple

from tree import CPP, Tree, Violation


class Word(NamedTuple):
    """A word that may not appear, what to write instead, and in which folders."""
    pattern: str
    instead: str
    folders: tuple[str, ...]


_PRODUCT = ("core", "iouring", "epoll", "conf", "proxy")
_ALL = ("",)
# Documents are held to the rules for prose as well.
_PROSE = _PRODUCT + (".md",)

WORDS = [
    Word(r"\b[Tt]urn(?:s|ed|ing) (?:it |them |clients? )?away", "reject", _ALL),
    Word(r"\brefusals?\b|\w*Refusal\w*|\bREFUSAL", "rejection", _PROSE),
    Word(r"(?i)(?<!connection )(?<!ECONN)\brefus(?:e|es|ed|ing)\b", "reject (connections), "
         "fail (system calls)", ("proxy", "conf")),
    Word(r"\bCluster\w*|\bcluster\w*", "Upstream, upstream", _PROSE),
    Word(r"(?i)\bopen(?:s|ed|ing)?(?: \w+)? anew\b|\banew\b", "reopen, again", _PROSE),
    Word(r"\bBy::k|\bWhat::k|\bkWhatCount\b|enum class (?:By|What)\b", "Initiator, EndCause", _ALL),
    Word(r"\b(?:Unlisten|Heard)\b", "Unregister, Delivered", _PRODUCT),
    Word(r"\b(?:Judge|Settle|Verdict)\b", "Admit, StartOrReject, Result", ("proxy",)),
    Word(r"\b(?:Quiet|Survivor|MustLinger)\b", "CallbacksStopped, SideToFlush, NeedsFlush",
         ("proxy",)),
    Word(r"\bequal second\b", "both backends offer the same features", _ALL),
    Word(r"\b(?:WaitForRoom|RoomAwaiter)\b", "WaitForSlot", _ALL),
    Word(r"\blast_byte_?\b(?!\()", "last_byte_at", ("proxy",)),
    Word(r"(?i)\b(?:nobody|everybody|somebody|whoever)\b", "thread, connection, caller, task",
         _PROSE),
]
# They say what other programs call things.
_FOREIGN_WORDS = {"conf/reader/vocabulary.cc", "conf/text/guess.cc", "docs/comparison.md",
                  "docs/how-to/kubernetes.md", "docs/how-to/redis.md"}


def applies(folder: str, path: str) -> bool:
    """Whether a word is judged in a file: of that folder, of that ending, or any."""
    return path.startswith(folder + "/") or path.endswith(folder)


def words(tree: Tree) -> Iterator[Violation]:
    patterns = [(re.compile(word.pattern), word) for word in WORDS]
    for path in tree.files:
        if (path.startswith(("tests/tidy/", "tests/conformance/results/"))
                or path in _FOREIGN_WORDS
                or not path.endswith(CPP + (".py", ".md", ".yaml", ".bazel", ".sh", ".toml"))):
            continue
        mine = [(pattern, word) for pattern, word in patterns
                if any(applies(folder, path) for folder in word.folders)]
        for number, line in enumerate(tree.lines(path) if mine else [], 1):
            if path == "CONTRIBUTING.md" and line.startswith("|"):
                continue  # the glossary, which names them
            for pattern, word in mine:
                match = pattern.search(line)
                if match:
                    yield Violation("words", path, number,
                                    f'"{match.group()}": write {word.instead}')


RULES = [words]
