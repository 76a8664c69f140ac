"""Merges result files into one comparison: a short table for a README, a full one, a picture."""

from __future__ import annotations

import json
import os
from typing import Dict, List, Tuple

from cases import ALL
from report import table_svg
from report.themes import THEMES, Theme, check_complete

MARKS = {"pass": "✓", "fail": "✗", "na": "–"}
BEGIN = "<!-- written by tests/conformance/run.py --table -->"
END = "<!-- end of what it has written -->"


class Comparison:
    """What several runs of the suite say about the same cases."""

    def __init__(self, reports: List[dict]):
        self.proxies: List[str] = [report["proxy"] for report in reports]
        self.modes: List[str] = [report["mode"] for report in reports]
        self._cells: Dict[Tuple[int, str], dict] = {}
        for report in reports:
            for result in report["cases"]:
                self._cells[result["number"], report["proxy"]] = result
        self.rows: List[Tuple[int, str]] = [(case.number, case.title) for case in ALL]
        self.rules: Dict[int, str] = {case.number: case.rule for case in ALL}
        check_complete([number for number, _ in self.rows])

    def verdict(self, number: int, proxy: str) -> str:
        """pass, fail, na; or nothing where the case was not run."""
        return self._cells.get((number, proxy), {}).get("verdict", "")

    def reason(self, number: int, proxy: str) -> str:
        return self._cells.get((number, proxy), {}).get("reason", "")

    def score(self, proxy: str) -> str:
        verdicts = [self.verdict(number, proxy) for number, _ in self.rows]
        return "%d of %d" % (verdicts.count("pass"),
                             verdicts.count("pass") + verdicts.count("fail"))


def write(folder: str, readme: str, paths: List[str]) -> None:
    """Writes table.md and table.svg for the result files, a column each, in their order.

    With `readme`, puts the short table between the two markers in that file, too.
    """
    reports = []
    for path in paths:
        with open(path) as file:
            reports.append(json.load(file))
    comparison = Comparison(reports)
    os.makedirs(folder, exist_ok=True)
    for name, text in (("table.md", full_table(comparison)),
                       ("table.svg", table_svg.render(comparison))):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    if readme:
        with open(readme) as file:
            before, begin, rest = file.read().partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise SystemExit("%s has no lines %s and %s" % (readme, BEGIN, END))
        with open(readme, "w") as file:
            file.write(before + begin + "\n\n" + short_table(comparison) + "\n" + end + after)


def head_of_table(first: str, comparison: Comparison) -> List[str]:
    return ["| %s | " % first + " | ".join(comparison.proxies) + " |",
            "|---|" + ":-:|" * len(comparison.proxies)]


# -- the short one --------------------------------------------------------------------------------


def short_table(comparison: Comparison) -> str:
    """A row for each promise: how many of its cases pass, and the numbers of those that do not."""
    lines = head_of_table("cases that pass, of those that apply", comparison)
    for theme in THEMES:
        cells = [short_cell(comparison, theme, proxy) for proxy in comparison.proxies]
        lines.append("| %s | %s |" % (theme.promise, " | ".join(cells)))
    scores = ["**%s**" % comparison.score(proxy) for proxy in comparison.proxies]
    lines.append("| | %s |" % " | ".join(scores))
    return "\n".join(lines) + "\n"


def short_cell(comparison: Comparison, theme: Theme, proxy: str) -> str:
    failed = [n for n in theme.numbers if comparison.verdict(n, proxy) == "fail"]
    passed = [n for n in theme.numbers if comparison.verdict(n, proxy) == "pass"]
    if not failed and not passed:
        return "–"
    score = "%d of %d" % (len(passed), len(failed) + len(passed))
    return score + (" ✗ " + ", ".join(map(str, failed)) if failed else "")


def footnotes(comparison: Comparison) -> List[str]:
    """For each case that a proxy fails: its subject, its rule, which proxies fail it and how."""
    lines = []
    for number, title in comparison.rows:
        said: Dict[str, List[str]] = {}
        for proxy in comparison.proxies:
            if comparison.verdict(number, proxy) == "fail":
                words = first_reason(comparison.reason(number, proxy))
                said.setdefault(words, []).append(proxy)
        if said:
            each = "; ".join("%s: “%s”" % (", ".join(map(short_name, proxies)), words)
                             for words, proxies in said.items())
            lines.append("- %d, %s (%s). %s" % (number, title, comparison.rules[number], each))
    return lines


def short_name(proxy: str) -> str:
    """'nginx stream 1.22.1 (proxy_half_close on)' -> 'nginx (proxy_half_close on)'"""
    name, bracket, remark = proxy.partition(" (")
    return name.split()[0] + bracket + remark


def first_reason(reason: str) -> str:
    """Without the families, of which the first speaks for all."""
    text = reason.split("; tcp6: ")[0].split("; unix: ")[0]
    if text.startswith("tcp4: "):  # another one first: it fails there only
        text = text[len("tcp4: "):]
    return text if len(text) <= 160 else text[:157].rstrip() + "…"


# -- the full one ---------------------------------------------------------------------------------


def full_table(comparison: Comparison) -> str:
    lines = ["# How proxies behave: every case", "",
             "Written by `run.py --table`; what the cases do and rest on is in "
             "[cases/](../cases), how they judge in [README.md](../README.md).", "",
             "![Every case and every proxy](table.svg)", ""]
    lines += head_of_table("case", comparison)
    for number, title in comparison.rows:
        marks = [MARKS.get(comparison.verdict(number, proxy), "") for proxy in comparison.proxies]
        lines.append("| %d %s (%s) | %s |"
                     % (number, title, comparison.rules[number], " | ".join(marks)))
    lines.append("| **passed** | %s |" % " | ".join(
        "**%s**" % comparison.score(proxy) for proxy in comparison.proxies))
    lines += ["", "✓ passed, ✗ failed, – not applicable. Sizes: %s."
              % ", ".join(dict.fromkeys(comparison.modes)), ""]
    lines += ["## The cases that a proxy fails", "", *footnotes(comparison), "",
              "## Every reason", ""]
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
