"""Rounds: each measures every peer once; the next one goes backwards (A B C C B A …)."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, field

import figures
import measure
import peers
import record as records
from scenario import RATE_OF_ROW, Row, ScenarioError

ATTEMPTS = 3  # at a disturbed run


@dataclass
class Progress:
    """A line of progress for each run; on a terminal they overwrite each other."""

    total: int
    out: object = sys.stderr
    done: int = 0
    begin: float = field(default_factory=time.monotonic)

    def show(self, text: str) -> None:
        spent = time.monotonic() - self.begin
        left = spent / self.done * (self.total - self.done) if self.done else 0
        line = "[%d/%d, %d:%02d left] %s" % (self.done, self.total, left // 60, left % 60, text)
        if self.out.isatty():
            self.out.write("\r\033[K" + line)
        else:
            self.out.write(line + "\n")
        self.out.flush()

    def end(self) -> None:
        if self.out.isatty():
            self.out.write("\r\033[K")


def order(names: list, number: int) -> list:
    """ABBA: a slow drift of the machine affects all peers alike."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def feature_of(row: Row) -> str:
    """What a row switches on; groups with priority need a second listener."""
    return row.feature or ("second_listener" if row.priority else "")


def chosen(row: Row, table: dict, asked: list | None, features: dict | None = None) -> list:
    """The names of the peers that take part in a row."""
    names = asked or row.peers or [name for name, peer in table.items() if not peer.only]
    fitting = [name for name in names if row.workers <= table[name].most_workers]
    wanted = feature_of(row)
    if wanted and features is not None:
        families = features[wanted].families
        fitting = [name for name in fitting
                   if table[name].kind == "direct" or table[name].family in families]
    if row.driver == "start":
        fitting = [name for name in fitting if table[name].kind != "direct"]
    if row.reloads or row.sweep and row.sweep[1] == "reloads":
        fitting = [name for name in fitting if table[name].reload]
    if row.figure == "memory" or row.driver == "iperf3":
        fitting = [name for name in fitting if table[name].kind != "control"]
    return fitting


def rounds_of(row: Row, asked: int) -> int:
    return min(asked, row.rounds or asked)


def expected_s(row: Row, seconds: float) -> float:
    """About how long a run takes: what is measured, and what is done around it."""
    if row.driver == "start":
        return 1.2
    around = 0.2 + row.connections / 20000
    settling = row.figure == "memory" or "memory_after" in (row.shows or [])
    measured = row.seconds or seconds
    if all(group["shape"] == "storm" for group in row.groups):  # which ends when it is over
        measured = min(measured, 0.2 + row.connections / 9000)
    return (measured * (row.figure != "memory") + row.warmup * (
        row.driver == "generator") + around + 0.5 * bool(row.priority) + 0.3 * bool(row.chosen) +
        (measure.SETTLE_S if settling else 0))


def together(rows: list) -> list:
    """Lists of rows that are measured in the same rounds: those of a sweep, else each row alone.

    A sweep of workers is no such list: its rows are not compared.
    """
    found: dict = {}
    for row in rows:
        swept = row.sweep and row.sweep[1] != "workers"
        found.setdefault(row.sweep[0] if swept else row.name, []).append(row)
    return list(found.values())


def resolve_rates(row: Row, record: dict, table: dict) -> Row:
    """Replaces "50% of peak" by a number: that share of the slowest peer's rate in the row peak."""
    for group in row.groups:
        if not isinstance(group["rate"], str):
            continue
        share, name = RATE_OF_ROW.match(group["rate"]).groups()
        source = record["rows"].get(name)
        if source is None:
            raise ScenarioError("%s: its rate needs the row %s: measure that row first, or name a "
                                "record that has it with --json" % (row.name, name))
        rates = figures.by_round(source["runs"], source["row"], "rate")
        medians = [statistics.median(rounds.values()) for peer, rounds in rates.items()
                   if table[peer].kind in ("self", "peer")]
        group["rate"] = round(float(share) / 100 * min(medians))
    return row


@dataclass
class Campaign:
    """Measures rows for peers and records every run at once, so that it can be resumed."""

    table: dict
    setting: peers.Setting
    record: dict
    path: str  # of the record
    seconds: float
    rounds: int
    progress: Progress
    noisy: bool = False  # counts disturbed runs, too
    features: dict = field(default_factory=dict)

    def measure(self, rows: list, taking_part: dict) -> None:
        """Measures rows that are compared with each other: each round goes through all of them."""
        entries = []
        for row in rows:
            if row.name in self.record["rows"]:  # a resumed row keeps its rates
                row.groups = self.record["rows"][row.name]["row"]["groups"]
            row = resolve_rates(row, self.record, self.table)
            entries.append((row, records.entry(self.record, row)))
        for number in range(self.rounds):
            for row, entry in order(entries, number):
                if number >= rounds_of(row, self.rounds):
                    continue
                for name in order(taking_part[row.name], number):
                    if not records.done(self.record, row.name, name, number):
                        self._note(entry, row, name, number)
                        records.save(self.record, self.path)
                    self.progress.done += 1

    def _note(self, entry: dict, row: Row, name: str, number: int) -> None:
        """Records the figures of a run, or why there are none."""
        try:
            records.note(entry, self._run(row, name, number))
        except (peers.PeerError, measure.RunError) as problem:
            self.progress.show("%s %s: %s" % (row.name, name, problem))
            entry["failed"][name] = str(problem)

    def _run(self, row: Row, name: str, number: int) -> dict:
        self.progress.show("%s round %d/%d %s" % (row.name, number + 1, self.rounds, name))
        for attempt in range(1, ATTEMPTS + 1):
            run = measure.run_once(row, self.table[name], self.setting, self.seconds,
                                   self.features.get(feature_of(row)))
            disturbed = "" if self.noisy else measure.noise(row, run)
            if not disturbed:
                break
            self.progress.show("%s %s: disturbed, %s (attempt %d)" %
                               (row.name, name, disturbed, attempt))
        return {"peer": name, "round": number, "attempts": attempt, "disturbed": disturbed, **run}
