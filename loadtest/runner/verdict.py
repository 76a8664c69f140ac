"""The verdict: one sentence for each proxy of our own about all rows of a record."""

from __future__ import annotations

import statistics

import figures
import measures
import report

# The figure that a row is judged by, and whether less of it is better.
JUDGED_BY = {"cpu": ("cost", True), "latency": ("p50", True), "memory": ("user_kb", True),
             "rate": ("rate", False)}
BETTER, LEVEL, WORSE = "better", "level", "worse"


def quotient(rows: report.Rows, entry: dict, own: str) -> figures.Estimate | None:
    """A proxy's figure by that of the best other proxy of the row; below 1 is better."""
    row = entry["row"]
    if row["figure"] == "several":
        what = measures.shown(row)[0]
        lower = measures.measure(row, what).lower
    else:
        what, lower = JUDGED_BY[row["figure"]]
    values = figures.values(rows.counted(entry), row, "added" if what == "cost" else what)
    champion = figures.best(values, rows.rivals(rows.names(entry)), highest=not lower)
    if champion is None or not values.get(own):
        return None
    pair = values[own], values[champion]
    return figures.ratios(*(pair if lower else pair[::-1]))


def judge(found: figures.Estimate, again: figures.Estimate | None) -> str:
    """Better or worse only when the interval is on one side of 1, and the difference larger than
    that between the same proxy and itself."""
    blur = max(again.value, 1 / again.value) if again and again.value > 0 else 1
    if found.high < 1 and found.value * blur < 1:
        return BETTER
    if found.low > 1 and found.value > blur:
        return WORSE
    return LEVEL


def sentence(record: dict) -> str:
    rows = report.Rows(record)
    lines = []
    for own, peer in record["peers"].items():
        if peer["kind"] != "self":
            continue
        outcomes: dict = {BETTER: [], LEVEL: [], WORSE: []}
        quotients = []
        for name, entry in record["rows"].items():
            found = quotient(rows, entry, own)
            if found:
                control = report.control(rows, entry)
                outcomes[judge(found, control and control[1])].append(name)
                quotients.append(found.value)
        if quotients:
            lines.append(_words(peer["title"], outcomes, statistics.median(quotients)))
    runs = [run for entry in record["rows"].values() for run in entry["runs"]]
    disturbed = sum(1 for run in runs if run["disturbed"])
    if disturbed:
        lines.append("%d of %d runs were disturbed and do not count." % (disturbed, len(runs)))
    if not lines:
        lines = ["no other proxy was measured beside Sluice, so there is nothing to compare."]
    return "Verdict: " + "\n         ".join(lines)


def _words(title: str, outcomes: dict, middle: float) -> str:
    count = sum(map(len, outcomes.values()))
    text = "%s is better than the best other proxy in %d of %d rows" % (
        title, len(outcomes[BETTER]), count)
    if outcomes[LEVEL]:
        text += ", cannot be told apart from it in %d (%s)" % (
            len(outcomes[LEVEL]), ", ".join(outcomes[LEVEL]))
    if outcomes[WORSE]:
        text += ", is worse in %d (%s)" % (len(outcomes[WORSE]), ", ".join(outcomes[WORSE]))
    return text + "; in the median row it needs %s times as much." % report.digits(middle)
