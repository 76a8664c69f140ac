"""Merges result files into one comparison: rows are cases, columns are proxies."""

from __future__ import annotations

import json
import os
from typing import Dict, List, Tuple

import table_svg

MARKS = {"pass": "✓", "fail": "✗", "na": "–"}


class Comparison:
    """What several runs of the suite say about the same cases."""

    def __init__(self, reports: List[dict]):
        self.proxies: List[str] = [report["proxy"] for report in reports]
        self.modes: List[str] = [report["mode"] for report in reports]
        self._cells: Dict[Tuple[int, str], dict] = {}
        titles: Dict[int, str] = {}
        for report in reports:
            for result in report["cases"]:
                self._cells[result["number"], report["proxy"]] = result
                titles[result["number"]] = result["title"]
        self.rows: List[Tuple[int, str]] = sorted(titles.items())

    def verdict(self, number: int, proxy: str) -> str:
        """pass, fail, na; or nothing where the case was not run."""
        return self._cells.get((number, proxy), {}).get("verdict", "")

    def reason(self, number: int, proxy: str) -> str:
        return self._cells.get((number, proxy), {}).get("reason", "")

    def score(self, proxy: str) -> str:
        verdicts = [self.verdict(number, proxy) for number, _ in self.rows]
        return "%d of %d" % (verdicts.count("pass"),
                             verdicts.count("pass") + verdicts.count("fail"))


def write(folder: str, paths: List[str]) -> None:
    """Writes table.md and table.svg for the result files, a column each, in their order."""
    reports = []
    for path in paths:
        with open(path) as file:
            reports.append(json.load(file))
    comparison = Comparison(reports)
    os.makedirs(folder, exist_ok=True)
    for name, text in (("table.md", markdown(comparison)),
                       ("table.svg", table_svg.render(comparison))):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)


def markdown(comparison: Comparison) -> str:
    lines = ["| | case | " + " | ".join(comparison.proxies) + " |",
             "|--:|---|" + ":-:|" * len(comparison.proxies)]
    for number, title in comparison.rows:
        marks = [MARKS.get(comparison.verdict(number, proxy), "") for proxy in comparison.proxies]
        lines.append("| %d | %s | %s |" % (number, title, " | ".join(marks)))
    lines.append("| | **passed** | %s |" % " | ".join(
        "**%s**" % comparison.score(proxy) for proxy in comparison.proxies))
    lines += ["", "✓ passed, ✗ failed, – not applicable. Sizes: %s."
              % ", ".join(dict.fromkeys(comparison.modes)), ""]
    for verdict, heading in (("fail", "Why ✗"), ("na", "Why –")):
        lines += reasons(comparison, verdict, heading)
    return "\n".join(lines)


def reasons(comparison: Comparison, verdict: str, heading: str) -> List[str]:
    """The suite's own words for every cell of one kind."""
    lines = []
    for proxy in comparison.proxies:
        found = [(number, comparison.reason(number, proxy)) for number, _ in comparison.rows
                 if comparison.verdict(number, proxy) == verdict]
        if found:
            lines.append("**%s, %s**" % (heading, proxy))
            lines += ["", *("- %d: %s" % pair for pair in found), ""]
    return lines
