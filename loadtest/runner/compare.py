"""Each of our proxies beside each other one, in every figure of every row: which of them is ahead.

One is ahead of another only where the interval of their quotient excludes 1, and where it lies
beyond the interval of the A/A control, if the row has one, and beyond 1 %. A floor is compared only
with the proxy that it is the ruler of.
"""

from __future__ import annotations

from dataclasses import dataclass

import figures
import measures
import tables

AHEAD, LEVEL, BEHIND = "ahead", "level", "behind"
LEAST = 1.01  # a smaller quotient is no difference, however often it is measured


@dataclass(frozen=True)
class Comparison:
    row: str
    figure: str
    own: str
    peer: str
    quotient: figures.Estimate  # below 1 our proxy is better
    outcome: str  # of our proxy


@dataclass
class Line:
    """One figure of one row."""

    entry: dict
    figure: str
    values: dict  # {peer: {round: value}}
    again: figures.Estimate | None  # the control's quotient

    @property
    def measure(self) -> measures.Measure:
        return measures.measure(self.entry["row"], self.figure)


def lines(rows: tables.Rows) -> list:
    found = []
    for entry in rows.record["rows"].values():
        for figure in measures.shown(entry["row"]):
            values = figures.values(rows.counted(entry), entry["row"], figure)
            line = Line(entry, figure, values, None)
            for name, peer in rows.peers.items():
                if peer["kind"] == "control" and values.get(name):
                    line.again = quotient(line, name, peer["same_as"])
            if values:
                found.append(line)
    return found


def quotient(line: Line, one: str, other: str) -> figures.Estimate | None:
    """Below 1 the first one is better. Values that cannot be told apart are not."""
    least = line.measure.least
    pair = [{number: max(value, least) for number, value in line.values.get(name, {}).items()}
            for name in (one, other)]
    return figures.ratios(*(pair if line.measure.lower else reversed(pair)))


def blur(again: figures.Estimate | None) -> float:
    """How far from 1 a quotient may be without meaning anything."""
    return max(LEAST, again.high, 1 / again.low) if again else LEAST


def outcome(found: figures.Estimate, again: figures.Estimate | None) -> str:
    if found.high < 1 and found.value * blur(again) < 1:
        return AHEAD
    if found.low > 1 and found.value > blur(again):
        return BEHIND
    return LEVEL


def own_of(rows: tables.Rows, entry: dict) -> list:
    """Our proxies of a row, but no variant beside the one that it is a variant of."""
    names = rows.names(entry)
    return [name for name in names if rows.peers[name]["kind"] == "self" and
            (rows.column(name) == name or rows.column(name) not in names)]


def comparisons(rows: tables.Rows, all_lines: list) -> list:
    found = []
    for line in all_lines:
        row = line.entry["row"]
        if not line.measure.judged:
            continue
        for own in own_of(rows, line.entry):
            for name in rows.names(line.entry):
                peer = rows.peers[name]
                if peer["kind"] != "peer" and (
                        peer["kind"] != "floor" or peer.get("ruler_of", own) != own):
                    continue
                estimate = quotient(line, own, name)
                if estimate:
                    found.append(Comparison(row["name"], line.figure, own, name, estimate,
                                            outcome(estimate, line.again)))
    return found
