"""Rounds: every peer once, in turn; the next round goes backwards (A B C C B A …)."""

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

ATTEMPTS = 3  # at a run that something disturbed


@dataclass
class Progress:
    """One line that says how far it is; on a terminal it stays one line."""

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
    """ABBA: what drifts slowly meets everybody alike."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def chosen(row: Row, table: dict, asked: list | None) -> list:
    """Who takes part in a row."""
    names = asked or row.peers or [name for name, peer in table.items() if not peer.only]
    fitting = [name for name in names if row.workers <= table[name].most_workers]
    if row.figure == "memory" or row.driver == "iperf3":
        fitting = [name for name in fitting if table[name].kind != "control"]
    return fitting


def together(rows: list) -> list:
    """Lists of rows that are measured in the same rounds: what a sweep made, else a row alone.

    A sweep of workers does not fit: not every peer takes part in each of its rows.
    """
    found: dict = {}
    for row in rows:
        swept = row.sweep and row.sweep[1] != "workers"
        found.setdefault(row.sweep[0] if swept else row.name, []).append(row)
    return list(found.values())


def resolve_rates(row: Row, record: dict, table: dict) -> Row:
    """Puts a number in the place of "50% of peak": that share of the slowest peer's rate there."""
    for group in row.groups:
        if not isinstance(group["rate"], str):
            continue
        share, name = RATE_OF_ROW.match(group["rate"]).groups()
        source = record["rows"].get(name)
        if source is None:
            raise ScenarioError("%s: its rate needs the row %s: measure that first, or give the "
                                "record that has it (--json)" % (row.name, name))
        rates = figures.by_round(source["runs"], source["row"], "rate")
        medians = [statistics.median(rounds.values()) for peer, rounds in rates.items()
                   if table[peer].kind in ("self", "peer")]
        group["rate"] = round(float(share) / 100 * min(medians))
    return row


@dataclass
class Campaign:
    """Measures rows for peers and notes every run at once, so that it can be resumed."""

    table: dict
    setting: peers.Setting
    record: dict
    path: str  # of the record
    seconds: float
    rounds: int
    progress: Progress
    noisy: bool = False  # takes disturbed runs as they are

    def measure(self, rows: list, names: list) -> None:
        """Rows that are compared with each other: each round goes through all of them."""
        entries = []
        for row in rows:
            if row.name in self.record["rows"]:  # goes on at the rates that it began with
                row.groups = self.record["rows"][row.name]["row"]["groups"]
            row = resolve_rates(row, self.record, self.table)
            entries.append((row, records.entry(self.record, row)))
        for number in range(self.rounds):
            for row, entry in order(entries, number):
                for name in order(names, number):
                    if not records.done(self.record, row.name, name, number):
                        self._note(entry, row, name, number)
                        records.save(self.record, self.path)
                    self.progress.done += 1

    def _note(self, entry: dict, row: Row, name: str, number: int) -> None:
        """One run's figures into the record, or why there are none."""
        try:
            records.note(entry, self._run(row, name, number))
        except (peers.PeerError, measure.RunError) as problem:
            self.progress.show("%s %s: %s" % (row.name, name, problem))
            entry["failed"][name] = str(problem)

    def _run(self, row: Row, name: str, number: int) -> dict:
        self.progress.show("%s round %d/%d %s" % (row.name, number + 1, self.rounds, name))
        for attempt in range(1, ATTEMPTS + 1):
            run = measure.run_once(row, self.table[name], self.setting, self.seconds)
            disturbed = "" if self.noisy else measure.noise(row, run)
            if not disturbed:
                break
            self.progress.show("%s %s: disturbed, %s (attempt %d)" %
                               (row.name, name, disturbed, attempt))
        return {"peer": name, "round": number, "attempts": attempt, "disturbed": disturbed, **run}
