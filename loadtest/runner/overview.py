"""The table of all rows and all peers, with a mark on each cell in which a peer is ahead of one of
our proxies, and what explains it; and which rows we are ahead in."""

from __future__ import annotations

import statistics

import compare
import explanations
import measures
import tables

EXPLAINED, UNEXPLAINED = "†", "‡"
MOST_NAMED = 20  # cells of one explanation
HEAD = """One line for each figure, medians over rounds. {0} and {1} mark a cell in which a peer is
ahead of one of our proxies by more than the A/A interval, which the last column has: the smallest
and the largest quotient of the same proxy measured twice; and by more than 1 %. {0} is explained
below by its number, {1} is unexplained. A floor, a relay without features, is compared only with
the proxy on the same kernel interface."""


def section(rows: tables.Rows, known: list) -> list:
    lines = compare.lines(rows)
    if not lines:
        return []
    found = compare.comparisons(rows, lines)
    notes = Notes(rows, known, found)
    columns = [name for name in rows.peers if rows.column(name) == name and
               rows.peers[name]["kind"] != "control" and
               any(_in_column(rows, line, name) for line in lines)]
    body = [_line(rows, line, columns, notes) for line in lines]
    head = ["row", "figure", "better"] + [rows.title(name) for name in columns] + ["A/A"]
    return (["## All rows and all peers", "", " ".join(HEAD.format(EXPLAINED, UNEXPLAINED).split()),
             ""] + tables.table(head, body) + notes.lines() + _standing(rows, found))


def unused(record: dict, known: list) -> list:
    """Explanations of measured rows that no cell needs."""
    rows = tables.Rows(record)
    behind = [(record["rows"][one.row]["row"], one.figure, one.peer)
              for one in compare.comparisons(rows, compare.lines(rows))
              if one.outcome == compare.BEHIND]
    used = {explanations.find(known, *cell) for cell in behind}
    measured = [entry["row"] for entry in record["rows"].values() if entry["runs"]]
    return [one for one in known if one not in used and "*" not in one.row and
            any(one.fits({**row}, one.figure, one.peer) for row in measured)]


class Notes:
    """The marks of the cells, numbered as they come; cells with the same explanation share one."""

    def __init__(self, rows: tables.Rows, known: list, found: list):
        self.rows = rows
        self.marks: dict = {}  # {(row, figure, peer): mark}
        self.cells: dict = {}  # {(mark, text): [words for each cell]}
        numbers: dict = {}
        for one in found:
            if one.outcome != compare.BEHIND:
                continue
            row = rows.record["rows"][one.row]["row"]
            why = explanations.find(known, row, one.figure, one.peer)
            cell = one.row, one.figure, one.peer
            key = why if why else cell
            number = numbers.setdefault(key, len(numbers) + 1)
            mark = "%s%d" % (EXPLAINED if why else UNEXPLAINED, number)
            self.marks[cell] = mark
            self.cells.setdefault((mark, why.text if why else "unexplained"), []).append(
                "%s %s, %s before %s by %s ×" % (one.row, one.figure, rows.title(one.peer),
                                                rows.title(one.own),
                                                tables.digits(one.quotient.value)))

    def lines(self) -> list:
        if not self.cells:
            return ["No peer is ahead in any cell.", ""]
        return ["Where a peer is ahead:", ""] + [
            "- %s %s (%s)" % (mark, text, "; ".join(cells) if len(cells) <= MOST_NAMED else
                              "%d cells" % len(cells))
            for (mark, text), cells in self.cells.items()] + [""]


def _in_column(rows: tables.Rows, line: compare.Line, column: str) -> list:
    return [name for name in rows.names(line.entry)
            if rows.column(name) == column and line.values.get(name)]


def _line(rows: tables.Rows, line: compare.Line, columns: list, notes: Notes) -> list:
    row, measure = line.entry["row"], line.measure
    group = measures.split(row, line.figure)[0]
    group = "" if group == row["of"] else group
    cells = [row["name"], "%s%s, %s" % (group + ": " if group else "", measure.title,
                                        measure.unit_of(row)),
             "–" if not measure.judged else "less" if measure.lower else "more"]
    for column in columns:
        parts = []
        for name in _in_column(rows, line, column):
            value = tables.digits(statistics.median(line.values[name].values()))
            mark = notes.marks.get((row["name"], line.figure, name), "")
            variant = rows.peers[name].get("variant", "")
            parts.append(" ".join(word for word in (value, mark, variant and "(%s)" % variant)
                                  if word))
        cells.append("; ".join(parts) or "–")
    again = line.again
    return cells + ["%s to %s" % (tables.digits(again.low), tables.digits(again.high))
                    if again else "–"]


def _standing(rows: tables.Rows, found: list) -> list:
    """For each of our proxies: the figures in which it is ahead of, level with or behind the best
    of the others. Floors do not count here."""
    lines = []
    for own in [name for name, peer in rows.peers.items() if peer["kind"] == "self"]:
        outcomes: dict = {}
        for one in found:
            if one.own == own and rows.peers[one.peer]["kind"] == "peer":
                outcomes.setdefault((one.row, one.figure), []).append(one.outcome)
        if not outcomes:
            continue
        sorts: dict = {compare.AHEAD: [], compare.LEVEL: [], compare.BEHIND: []}
        for (row, figure), several in outcomes.items():
            worst = (compare.BEHIND if compare.BEHIND in several else
                     compare.LEVEL if compare.LEVEL in several else compare.AHEAD)
            sorts[worst].append("%s %s" % (row, figure))
        lines += ["**%s**, %d figures." % (rows.title(own), len(outcomes)), ""]
        lines += ["- %s (%d): %s." % (words, len(sorts[sort]), ", ".join(sorts[sort]) or "none")
                  for sort, words in ((compare.AHEAD, "Ahead of every other proxy"),
                                      (compare.LEVEL, "Not told apart from at least one"),
                                      (compare.BEHIND, "Behind at least one"))] + [""]
    return lines
