"""Why a peer is ahead: scenarios/explanations.txt, which is written by hand.

    ROW | FIGURE | PEER | why

A row is the name of one or of its scenario; all three may be patterns such as "cost@*". The first
line that fits counts. Lines that begin with # are none.
"""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass

import programs

PATH = os.path.join(programs.LOADTEST, "scenarios", "explanations.txt")


class ExplanationError(Exception):
    """A line that is no explanation."""


@dataclass(frozen=True)
class Explanation:
    line: int
    row: str
    figure: str
    peer: str
    text: str

    def fits(self, row: dict, figure: str, peer: str) -> bool:
        names = [row["name"]] + list(row["sweep"][:1] if row["sweep"] else [])
        return (any(fnmatch.fnmatchcase(name, self.row) for name in names) and
                fnmatch.fnmatchcase(figure, self.figure) and fnmatch.fnmatchcase(peer, self.peer))


def parse(path: str, text: str) -> list:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("|", 3)]
        if len(words) < 4 or not all(words):
            raise ExplanationError("%s:%d: an explanation is ROW | FIGURE | PEER | why" %
                                   (path, number))
        found.append(Explanation(number, *words))
    return found


def load(path: str = PATH) -> list:
    try:
        with open(path, encoding="utf-8") as file:
            return parse(path, file.read())
    except OSError as error:
        raise ExplanationError("%s: %s" % (path, error.strerror))


def find(explanations: list, row: dict, figure: str, peer: str) -> Explanation | None:
    return next((one for one in explanations if one.fits(row, figure, peer)), None)
