"""What all tables of a report need: the rows of a record, cells, lines."""

from __future__ import annotations

import figures


def digits(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return "–"
    size = abs(value)
    return "%.0f" % value if size >= 100 else "%.1f" % value if size >= 10 else "%.2f" % value


def interval(found: figures.Estimate | None) -> str:
    if found is None:
        return "–"
    return "%s [%s, %s]" % (digits(found.value), digits(found.low), digits(found.high))


def table(head: list, lines: list) -> list:
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return ["| %s |" % " | ".join(cells) for cells in [head, rule] + lines] + [""]


class Rows:
    """What all tables of a record need."""

    def __init__(self, record: dict):
        self.record = record
        self.peers = record["peers"]

    def title(self, name: str) -> str:
        return self.peers[name]["title"]

    def column(self, name: str) -> str:
        """The peer in whose column of the table of all rows it stands."""
        return self.peers[name].get("column") or name

    def names(self, entry: dict) -> list:
        present = {run["peer"] for run in entry["runs"]}
        return [name for name in self.peers if name in present]

    def competitors(self, entry: dict) -> list:
        """The peers that a reader compares: all but our own proxy measured a second time."""
        return [name for name in self.names(entry) if self.peers[name]["kind"] != "control"]

    def rivals(self, names: list) -> list:
        return [name for name in names if self.peers[name]["kind"] == "peer"]

    def counted(self, entry: dict) -> list:
        return [run for run in entry["runs"] if not run["disturbed"]]


def samples(rounds: dict) -> list:
    return [rounds[number] for number in sorted(rounds)]
