"""A rule about time: points in time and spans of it are types, never numbers (core/base/time.h)."""

import re
from typing import Iterator, NamedTuple

from tree import Tree, Violation

_FOLDERS = ("core", "iouring", "epoll", "conf", "proxy", "tests")


class Number(NamedTuple):
    """A way to write a time as a number, and what to write instead."""
    pattern: re.Pattern
    instead: str


_INTEGER = r"u?int(?:8|16|32|64)?(?:_t)?|unsigned|long|double|float|auto"
NUMBERS = [
    Number(re.compile(r"\b\w*Nanos(?:Of)?\b"), "Duration, Instant"),
    Number(re.compile(r"\bk(?:Nano|Micro|Milli)?[sS]econds?\b(?!\s*\()"), "1s, 5ms, 10us"),
    # Counts of ticks and figures of the kernel, all of them unsigned, may name their unit.
    Number(re.compile(rf"\b(?:{_INTEGER})\s*&?\s+\w+_(?:ns|nanos)_?\b"), "Duration, Instant"),
    Number(re.compile(r"\b(?:int64_t|long)\s*&?\s+\w+_(?:us|micros|ms|millis)_?\b"),
           "Duration, Instant"),
    Number(re.compile(r"\b(?:u?int(?:32|64)_t|long|double)\s*&?\s+\w+_at_?\b"),
           "Instant, OptionalInstant"),
]


def times(tree: Tree) -> Iterator[Violation]:
    for path in tree.cpp(*_FOLDERS):
        for number, line in enumerate(tree.parts(path).code.splitlines(), 1):
            for pattern, instead in NUMBERS:
                match = pattern.search(line)
                if match:
                    yield Violation("times", path, number,
                                    f'"{match.group()}": write {instead}')


RULES = [times]
