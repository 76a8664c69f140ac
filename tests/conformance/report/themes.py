"""The promises that cases belong to: rows of the short table, columns of the picture."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple


class Theme(NamedTuple):
    """Every case is in exactly one theme."""

    promise: str
    word: str  # over the columns of the picture
    numbers: Tuple[int, ...]


THEMES: List[Theme] = [
    Theme("bytes arrive, all of them, in order, at once", "bytes", (1, 2, 3, 14, 27)),
    Theme("FIN ends one direction; the other goes on", "ends", (4, 5, 6, 7, 8, 12, 13)),
    Theme("what broke does not look finished", "breaks", (9, 10, 11, 64)),
    Theme("a slow or silent peer costs the others nothing", "stalls", (15, 16, 17, 67, 70, 71)),
    Theme("slow is not dead", "slow", (68, 69, 76)),
    Theme("a server that is away, full or far costs little", "connecting",
          (18, 19, 20, 21, 22, 23, 25, 26, 72, 73, 74)),
    Theme("a sick server is spared, and comes back", "health", (56, 57, 58, 59)),
    Theme("limits hold exactly", "limits", (28, 29, 30, 31)),
    Theme("crowds and bytes of ill will", "ill will", (32, 33, 34, 35, 36)),
    Theme("behind a balancer the client is known", "balancers", (37, 38, 39, 40, 41)),
    Theme("TLS clients reach the server they name", "names", (42, 43)),
    Theme("a change harms nothing that stays", "changes", (24, 45, 46, 47, 48, 49, 50, 51)),
    Theme("stopping, starting, signals", "life", (52, 53, 54, 55, 66, 75)),
    Theme("the log is true and delays no session", "logs", (60, 61)),
    Theme("its operator sees what is there, and is obeyed", "operator", (62, 63)),
]


def check_complete(numbers: List[int]) -> None:
    """Every case has its theme, and no theme has another."""
    themed = sorted(number for theme in THEMES for number in theme.numbers)
    assert themed == sorted(numbers), set(themed) ^ set(numbers)
