"""The figures that a row may show: their names, units, and which way is better.

A scenario's `shows` lists them, such as "p99" of the group that counts or "bulk.mb_s" of another
one; figures.py computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

COST_UNIT = {"request": "µs/request", "connection": "µs/connection", "GB": "s/GB",
             "write": "µs/write"}
RATE_UNIT = {"request": "requests/s", "connection": "connections/s", "GB": "GB/s",
             "write": "writes/s"}


@dataclass(frozen=True)
class Measure:
    """One figure. Values below `least` are not told apart from it."""

    title: str
    unit: str  # "cost" and "rate": by the row's unit
    least: float
    lower: bool = True  # is better
    of_machine: bool = False  # of the proxy or the whole machine, not of a group
    judged: bool = True  # False: it tells why another figure is as it is

    def unit_of(self, row: dict) -> str:
        return {"cost": COST_UNIT, "rate": RATE_UNIT}[self.unit][row["unit"]] if (
            self.unit in ("cost", "rate")) else self.unit


MEASURES = {
    "added": Measure("added CPU", "cost", 0.001, of_machine=True),
    "proxy_cost": Measure("proxy's CPU", "cost", 0.001),
    "proxy_cpu": Measure("proxy's CPU", "% of one", 0.05, of_machine=True),
    "machine_cost": Measure("machine's CPU", "cost", 0.001, of_machine=True),
    "switches": Measure("the proxy's threads woken or switched", "1/s", 1, of_machine=True),
    "evenness": Measure("evenness of the workers' CPU", "1 = the same", 0.01, lower=False,
                        of_machine=True, judged=False),
    "p50": Measure("p50", "µs", 1),
    "p99": Measure("p99", "µs", 1),
    "p99.9": Measure("p99.9", "µs", 1),
    "max": Measure("max", "µs", 1),
    "rate": Measure("rate", "rate", 0.001, lower=False),
    "mb_s": Measure("throughput", "MB/s", 0.01, lower=False),
    "fairness": Measure("fairness (Jain)", "1 = the same", 0.01, lower=False),
    "user_kb": Measure("memory (Pss)", "kB per connection", 0.01, of_machine=True),
    "user_mb": Measure("memory (Pss)", "MB", 0.1, of_machine=True),
    "memory_after": Measure("memory kept afterwards (Pss)", "MB", 0.1, of_machine=True),
    "start_ms": Measure("start to first connection", "ms", 0.5, of_machine=True),
    "stop_ms": Measure("SIGTERM to exit", "ms", 0.5, of_machine=True),
}

# What a row shows that does not say it.
SHOWN = {"cpu": ["added"], "latency": ["p50", "p99", "p99.9"], "memory": ["user_kb"],
         "rate": ["rate"], "several": []}


def shown(row: dict) -> list:
    """The names of a row's figures, the one that it is judged by first."""
    return row.get("shows") or SHOWN[row["figure"]]


def split(row: dict, name: str) -> tuple:
    """The group and the figure's own name."""
    head, dot, tail = name.partition(".")
    if dot and head in [group["name"] for group in row.get("groups", [])]:
        return head, tail
    return row["of"], name


def measure(row: dict, name: str) -> Measure:
    return MEASURES[split(row, name)[1]]
