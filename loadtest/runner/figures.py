"""From runs to figures: medians over rounds with bootstrap intervals, ratios within rounds."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass

import measures

RESAMPLES = 2000
CONFIDENCE = 0.95
GB = 1e9


@dataclass(frozen=True)
class Estimate:
    """A median and the interval in which it lies with 95 % confidence."""

    value: float
    low: float
    high: float
    count: int


def estimate(samples: list) -> Estimate | None:
    """The median with its percentile-bootstrap interval. Deterministic."""
    if not samples:
        return None
    chance = random.Random(len(samples))
    medians = sorted(statistics.median(chance.choices(samples, k=len(samples)))
                     for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    low = medians[int(tail * RESAMPLES)]
    high = medians[min(RESAMPLES - 1, int((1 - tail) * RESAMPLES))]
    return Estimate(statistics.median(samples), low, high, len(samples))


def units(run: dict, row: dict) -> float:
    """How many requests, connections or GB a run has moved: those of the group that counts, or
    of all groups together where the figure is CPU time."""
    groups = run["groups"]
    chosen = groups.values() if row["figure"] == "cpu" else [groups[row["of"]]]
    if row["unit"] == "GB":
        return sum(group["bytes_up"] + group["bytes_down"] for group in chosen) / GB
    return sum(group["done"] for group in chosen)


def quantile_us(run: dict, group: str, quantile: float) -> float:
    pairs = run["groups"][group]["latency"]["quantiles_us"]
    return next(value for at, value in pairs if abs(at - quantile) < 1e-9)


def cost(run: dict, row: dict) -> float | None:
    """CPU per unit of everything on the one CPU that was not idle: µs, or seconds per GB."""
    moved = units(run, row)
    if moved == 0:
        return None
    busy = run["seconds"] - run["cpu"]["idle"]
    return busy / moved * (1 if row["unit"] == "GB" else 1e6)


def proxy_cost(run: dict, row: dict) -> float | None:
    """CPU of the proxy's own threads per unit."""
    moved = units(run, row)
    if moved == 0 or not run["cpu"]["proxy"]:
        return None
    return run["cpu"]["proxy"] / moved * (1 if row["unit"] == "GB" else 1e6)


def evenness(run: dict, row: dict) -> float | None:
    """Jain's index of the CPU time of the threads that worked most, one for each worker."""
    times = run["cpu"].get("threads", [])[:row["workers"]]
    times += [0.0] * (row["workers"] - len(times))
    squares = sum(time * time for time in times)
    return sum(times) ** 2 / (len(times) * squares) if squares else None


def _of_group(run: dict, group: str, what: str) -> float | None:
    """A figure of one group."""
    found = run["groups"].get(group, {})
    seconds = found.get("seconds", run["seconds"])
    if what == "mb_s":
        return (found["bytes_up"] + found["bytes_down"]) / seconds / 1e6
    if what == "fairness":
        return found.get("fairness")
    return quantile_us(run, group, 1 if what == "max" else float(what[1:]) / 100)


def _of_proxy(run: dict, row: dict, what: str) -> float | None:
    """A figure of the proxy's process, where this run has it."""
    if what == "evenness":
        return evenness(run, row)
    if what == "proxy_cpu":
        return 100 * run["cpu"]["proxy"] / run["seconds"]
    if what == "switches":
        return run["cpu"].get("switches")
    if what in ("user_mb", "memory_after"):
        return run.get("memory", {}).get(what)
    return run.get("times", {}).get(what)


def metric(run: dict, row: dict, name: str) -> float | None:
    """One number of one run by name; a proxy's own figures are none of a run without one."""
    group, what = measures.split(row, name)
    if what in ("evenness", "proxy_cpu", "switches", "user_mb", "memory_after", "start_ms",
                "stop_ms"):
        return None if run["peer"] == "direct" else _of_proxy(run, row, what)
    if what in ("mb_s", "fairness", "p50", "p99", "p99.9", "max"):
        return _of_group(run, group, what)
    if group != row["of"]:
        row = {**row, "of": group}
    return _of_work(run, row, what)


def _of_work(run: dict, row: dict, what: str) -> float | None:
    """A figure by the work that was done."""
    if what == "cost":
        return cost(run, row)
    if what == "proxy_cost":
        return proxy_cost(run, row)
    if what == "rate":
        return units(run, row) / run["groups"][row["of"]].get("seconds", run["seconds"])
    if what == "machine_cost":
        moved = units(run, row)
        return run["cpu"]["busy"] / moved * (1 if row["unit"] == "GB" else 1e6) if moved else None
    return run["memory"][what] / run["connections"]


def by_round(runs: list, row: dict, what: str) -> dict:
    """{peer: {round: value}}."""
    found: dict = {}
    for run in runs:
        value = metric(run, row, what)
        if value is not None:
            found.setdefault(run["peer"], {})[run["round"]] = value
    return found


def added(values: dict, direct: str = "direct") -> dict:
    """The same, each value less what the direct run of its round took."""
    base = values.get(direct, {})
    return {peer: {number: value - base[number] for number, value in rounds.items()
                   if number in base}
            for peer, rounds in values.items() if peer != direct}


def values(runs: list, row: dict, what: str) -> dict:
    """{peer: {round: value}} of a figure that a row shows."""
    if what == "added":
        return added(by_round(runs, row, "cost"))
    found = by_round(runs, row, what)
    if what == "user_kb":
        found.pop("direct", None)  # there is no proxy
    return found


def ratios(one: dict, other: dict) -> Estimate | None:
    """The median of the quotients within rounds."""
    return estimate([one[number] / other[number] for number in sorted(one)
                     if other.get(number)])


def best(values: dict, names: list, highest: bool = False) -> str | None:
    """The name with the smallest (or largest) median among these."""
    medians = {name: statistics.median(values[name].values())
               for name in names if values.get(name)}
    if not medians:
        return None
    return (max if highest else min)(medians, key=medians.get)


def errors(runs: list, peer: str) -> int:
    """Failed connections, wrong and missing answers of a peer's runs, together."""
    return sum(sum(group["errors"].values())
               for run in runs if run["peer"] == peer for group in run["groups"].values())
