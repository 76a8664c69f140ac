"""The comparison as a picture that needs no fonts, scripts or styles of the page around it."""

from __future__ import annotations

from typing import List
from xml.sax.saxutils import escape

ROW = 22
HEAD = 30
LEFT = 490
COLUMN = 150
FILL = {"pass": "#d7f0dd", "fail": "#f8d4d0", "na": "#ececec", "": "#ffffff"}
INK = {"pass": "#14622b", "fail": "#9b1c10", "na": "#777777", "": "#777777"}
WORD = {"pass": "pass", "fail": "FAIL", "na": "n/a", "": ""}
FONT = 'font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12"'


def render(comparison) -> str:
    width = LEFT + COLUMN * len(comparison.proxies)
    height = HEAD * 2 + ROW * (len(comparison.rows) + 1)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
             'viewBox="0 0 %d %d" %s>' % (width, height, width, height, FONT),
             '<rect width="%d" height="%d" fill="#ffffff"/>' % (width, height)]
    parts += heading(comparison)
    y = HEAD * 2
    for number, title in comparison.rows:
        parts += row(comparison, number, title, y)
        y += ROW
    parts += footer(comparison, y)
    return "\n".join(parts + ["</svg>", ""])


def text(x: float, y: float, words: str, ink: str = "#222222", anchor: str = "start",
         weight: str = "normal") -> str:
    return '<text x="%d" y="%d" fill="%s" text-anchor="%s" font-weight="%s">%s</text>' % (
        x, y, ink, anchor, weight, escape(words))


def heading(comparison) -> List[str]:
    """Names of proxies, on two lines where they have a remark in brackets or after a comma."""
    parts = [text(8, HEAD + 16, "TCP proxy conformance", weight="bold")]
    for index, proxy in enumerate(comparison.proxies):
        middle = LEFT + COLUMN * index + COLUMN // 2
        name, _, remark = proxy.replace(" (", ", ").rstrip(")").partition(", ")
        parts.append(text(middle, HEAD, name, anchor="middle", weight="bold"))
        parts.append(text(middle, HEAD + 17, remark, "#555555", "middle"))
    return parts


def row(comparison, number: int, title: str, y: int) -> List[str]:
    parts = [text(30, y + 15, str(number), "#777777", "end"), text(38, y + 15, title)]
    for index, proxy in enumerate(comparison.proxies):
        verdict = comparison.verdict(number, proxy)
        x = LEFT + COLUMN * index
        parts.append('<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>'
                     % (x + 1, y + 1, COLUMN - 2, ROW - 2, FILL[verdict]))
        parts.append(text(x + COLUMN // 2, y + 15, WORD[verdict], INK[verdict], "middle"))
    return parts


def footer(comparison, y: int) -> List[str]:
    parts = [text(38, y + 16, "passed, of the cases that apply", weight="bold")]
    for index, proxy in enumerate(comparison.proxies):
        parts.append(text(LEFT + COLUMN * index + COLUMN // 2, y + 16, comparison.score(proxy),
                          anchor="middle", weight="bold"))
    return parts
