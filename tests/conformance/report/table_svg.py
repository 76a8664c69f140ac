"""The comparison as a picture that needs no fonts, scripts or styles of the page around it.

A row for each proxy, a square for each case, in the order of the themes.
"""

from __future__ import annotations

from typing import List, Tuple
from xml.sax.saxutils import escape

from report.themes import THEMES

SQUARE = 18
GAP = 8        # between themes
LEFT = 262     # the names of the proxies
SCORE = 74     # how many they pass
HEAD = 50
ROW = 26
FOOT = 30
FILL = {"pass": "#2f9e56", "fail": "#d33c2e", "na": "#d5d8dc", "": "#ffffff"}
WORD = {"pass": "passed", "fail": "failed", "na": "does not apply"}
FONT = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12"'


def render(comparison) -> str:
    places = columns()
    width = places[-1][1] + SQUARE + SCORE
    height = HEAD + ROW * len(comparison.proxies) + FOOT
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
             'viewBox="0 0 %d %d" %s>' % (width, height, width, height, FONT),
             '<rect width="%d" height="%d" fill="#ffffff"/>' % (width, height)]
    parts += heading(places)
    for index, proxy in enumerate(comparison.proxies):
        parts += row(comparison, proxy, places, HEAD + ROW * index)
    parts += legend(HEAD + ROW * len(comparison.proxies) + 18)
    return "\n".join(parts + ["</svg>", ""])


def columns() -> List[Tuple[int, int]]:
    """The number of each case and where its squares are."""
    places, x = [], LEFT
    for theme in THEMES:
        for number in theme.numbers:
            places.append((number, x))
            x += SQUARE
        x += GAP
    return places


def text(x: float, y: float, words: str, ink: str = "#222222", anchor: str = "start",
         size: int = 12, weight: str = "normal") -> str:
    return ('<text x="%d" y="%d" fill="%s" text-anchor="%s" font-size="%d" font-weight="%s">%s'
            '</text>' % (x, y, ink, anchor, size, weight, escape(words)))


def heading(places: List[Tuple[int, int]]) -> List[str]:
    parts = [text(8, 22, "TCP proxy conformance", weight="bold")]
    where = dict(places)
    for theme in THEMES:
        first, last = where[theme.numbers[0]], where[theme.numbers[-1]] + SQUARE
        parts.append(text((first + last) / 2, 22, theme.word, anchor="middle", size=11))
        parts.append('<path d="M%d 28H%d" stroke="#999999"/>' % (first + 2, last - 2))
    for number, x in places:
        parts.append(text(x + SQUARE / 2, 42, str(number), "#777777", "middle", 9))
    return parts


def row(comparison, proxy: str, places: List[Tuple[int, int]], y: int) -> List[str]:
    parts = [text(8, y + 15, proxy)]
    for number, x in places:
        verdict = comparison.verdict(number, proxy)
        said = "%d: %s" % (number, comparison.reason(number, proxy) or WORD.get(verdict, ""))
        parts.append('<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s"><title>%s'
                     '</title></rect>' % (x + 1, y + 2, SQUARE - 2, SQUARE - 2, FILL[verdict],
                                          escape(said)))
        if verdict == "fail":  # not by colour alone
            parts.append('<path d="M%d %dl8 8m0-8l-8 8" stroke="#ffffff" stroke-width="2"/>'
                         % (x + 5, y + 6))
    parts.append(text(places[-1][1] + SQUARE + 10, y + 15, comparison.score(proxy), weight="bold"))
    return parts


def legend(y: int) -> List[str]:
    parts, x = [], LEFT
    for verdict, word in WORD.items():
        parts.append('<rect x="%d" y="%d" width="11" height="11" rx="2" fill="%s"/>'
                     % (x, y - 10, FILL[verdict]))
        parts.append(text(x + 16, y, word, "#555555", size=11))
        x += 30 + 8 * len(word)
    return parts
