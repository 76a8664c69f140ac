"""The table of core/bench/README.md: made of results, written between two marks, and read again."""

from __future__ import annotations

import dataclasses
import re
import statistics

import ratios

BEGIN = "<!-- written by core/bench: begin -->"
END = "<!-- written by core/bench: end -->"

# The programs of a round, in the order of the columns.
TOKIO, EPOLL, IO_URING, CONTROL = "Tokio", "epoll", "io_uring", "control"
PROGRAMS = [TOKIO, EPOLL, IO_URING, CONTROL]


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of `rows list`."""

    name: str
    workers: int
    measure: str
    count: int


def parse_list(text: str) -> list:
    rows = []
    for line in text.splitlines():
        name, workers, measure, count = line.split()
        rows.append(Row(name, int(workers), measure, int(count)))
    return rows


@dataclasses.dataclass
class Result:
    """What has been measured of a row: for each program its values, one a round."""

    row: Row
    values: dict

    def ratio(self, program: str, to: str) -> ratios.Ratio:
        return ratios.of_pairs(self.values[program], self.values[to])

    def cells(self) -> list:
        return [self.row.name, str(self.row.workers), self.row.measure,
                *(amount(self.row.measure, statistics.median(self.values[program]))
                  for program in (TOKIO, EPOLL, IO_URING)),
                str(self.ratio(EPOLL, TOKIO)), str(self.ratio(IO_URING, TOKIO)),
                str(self.ratio(CONTROL, EPOLL))]


def amount(measure: str, value: float) -> str:
    """Bytes, or a time of at least three digits."""
    if measure == "bytes":
        return "%d B" % round(value)
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return "%.*f %s" % (2 if value < 10 * size else 1, value / size, unit)
    return "%.*f ns" % (1 if value < 100 else 0, value)


HEAD = ["row", "workers", "measured", "Tokio", "epoll", "io_uring", "epoll to Tokio",
        "io_uring to Tokio", "epoll to itself"]


def render(results: list, versions: str) -> str:
    lines = [versions, "", "| %s |" % " | ".join(HEAD), "|%s" % ("---|" * len(HEAD))]
    lines += ["| %s |" % " | ".join(result.cells()) for result in results]
    return "\n".join([*lines, "", *verdict(results)])


def verdict(results: list) -> list:
    """How many rows are ahead, by the median of epoll's and of io_uring's ratios, and all that are
    behind: whose interval, as the table has it, lies above 1."""
    lines = []
    for backend in (EPOLL, IO_URING):
        found = [(result, result.ratio(backend, TOKIO)) for result in results]
        twice = sum(ratio.median <= 0.5 for _, ratio in found)
        behind = ["%s with %d (%.2f ×)" % (result.row.name, result.row.workers, ratio.median)
                  for result, ratio in found if round(ratio.low, 2) > 1]
        lines.append("%s: %d of %d rows take at most half of Tokio's; slower: %s."
                     % (backend, twice, len(found), ", ".join(behind) or "none"))
    return ["  \n".join(lines)]


def between_marks(text: str) -> tuple:
    """Where what the marks enclose begins and ends."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError("the text needs the marks %r and %r, once, in this order" % (BEGIN, END))
    return text.index(BEGIN) + len(BEGIN), text.index(END)


def replaced(text: str, table: str) -> str:
    begin, end = between_marks(text)
    return text[:begin] + "\n\n" + table + "\n\n" + text[end:]


RATIO = re.compile(r"\d+\.\d\d × \[\d+\.\d\d, \d+\.\d\d\]")


def rows_of(text: str) -> list:
    """Name, workers and measure of each row of the table in a text; its ratios have their form."""
    begin, end = between_marks(text)
    rows = []
    for line in text[begin:end].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells == HEAD:
            continue
        if len(cells) != len(HEAD) or not all(map(RATIO.fullmatch, cells[6:])):
            raise ValueError("no row of the table: %r" % line)
        rows.append((cells[0], int(cells[1]), cells[2]))
    return rows
