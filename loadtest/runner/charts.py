"""Charts: the figures of a record that are drawn, as one small JSON file.

A record is too large to be kept with the source; its charts are not, and the pictures can be drawn
again from them (run.py --draw).

    {"format": 1, "machine": "...", "date": "2026-11-28", "commit": "1a2b3c4", "charts": [
      {"kind": "bars", "name": "rr64", "title": "...", "axis": "added CPU, µs/request",
       "better": "lower", "again": [1.02, 0.98, 1.05],
       "bars": [{"peer": "sluice", "title": "Sluice", "value": 6.6, "low": 6, "high": 7}]},
      {"kind": "latency" or "sweep", "name", "title", "axis", "better", "again", "over": "quantile",
       "series": [{"peer": "...", "title": "...", "points": [[2, 41.5], [10, 60.1]]}]}]}

`again`: the quotient of the A/A control with its interval, or null. The control is no competitor,
so it is neither a bar nor a line.
"""

from __future__ import annotations

import json
import statistics

import figures
import measures
import report

FORMAT = 1


class ChartError(Exception):
    """A file that is not one of charts."""


def of(record: dict) -> dict:
    """The charts of a record: one for each row, and one for each sweep of a cost."""
    rows = report.Rows(record)
    found = []
    for name, entry in record["rows"].items():
        row = entry["row"]
        if not rows.counted(entry) or row["sweep"] and row["figure"] in ("cpu", "several"):
            continue
        if row["figure"] != "several" or row.get("picture"):
            found.append(_row(rows, name, entry))
    for name, points in report.sweeps(record).items():
        row = points[0][1]["row"]
        drawn = "added" if row["figure"] == "cpu" else row.get("picture")
        if drawn and len(points) > 1 and not report.in_words(points[0][0]) and (
                row["figure"] in ("cpu", "several")):
            found.append(_sweep(rows, name, points, drawn))
    return {"format": FORMAT, "machine": report.machine_in_short(record["machine"]),
            "date": record.get("date", ""), "commit": record.get("commit", ""),
            "charts": [chart for chart in found if chart.get("bars") or chart.get("series")]}


def save(charts: dict, path: str) -> None:
    """One line for each chart: a difference between two files shows which have changed."""
    head = {**charts, "charts": []}
    lines = ",\n".join(json.dumps(chart, ensure_ascii=False) for chart in charts["charts"])
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-2] + "\n" + lines + "\n]}\n")


def load(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            charts = json.load(file)
    except (OSError, ValueError) as error:
        raise ChartError("%s: %s" % (path, error))
    if not isinstance(charts, dict) or charts.get("format") != FORMAT or "charts" not in charts:
        raise ChartError("%s: the file has no charts of format %d" % (path, FORMAT))
    return charts


def _row(rows: report.Rows, name: str, entry: dict) -> dict:
    row = entry["row"]
    chart = {"name": name, "title": row["title"], "better": "lower",
             "again": _again(rows, name, entry)}
    if row["figure"] == "latency":
        return {"kind": "latency", **chart, "axis": "latency from the intended send time, µs",
                "over": "quantile", "series": _quantiles(rows, entry)}
    runs = rows.counted(entry)
    if row["figure"] == "cpu":
        values = figures.added(figures.by_round(runs, row, "cost"))
        axis = "added CPU, " + report.COST_UNIT[row["unit"]]
    elif row["figure"] == "several":
        values = figures.values(runs, row, row["picture"])
        axis, chart["better"] = _axis(row, row["picture"])
    elif row["figure"] == "memory":
        values = figures.by_round(runs, row, "user_kb")
        values.pop("direct", None)
        axis = "kB per connection (Pss)"
    else:
        values = figures.by_round(runs, row, "rate")
        axis = report.RATE_UNIT[row["unit"]]
        chart["better"] = "higher"
    return {"kind": "bars", **chart, "axis": axis, "bars": _bars(rows, entry, values)}


def _bars(rows: report.Rows, entry: dict, values: dict) -> list:
    bars = []
    for name in rows.competitors(entry):
        found = figures.estimate(report.samples(values.get(name, {})))
        if found:
            bars.append({"peer": name, "title": rows.title(name), "value": _short(found.value),
                         "low": _short(found.low), "high": _short(found.high)})
    return bars


def _quantiles(rows: report.Rows, entry: dict) -> list:
    """Quantiles over the inverse of the share of requests beyond them."""
    group, series = entry["row"]["of"], []
    for name in rows.competitors(entry):
        runs = [run for run in rows.counted(entry) if run["peer"] == name]
        if not runs:
            continue
        quantiles = [at for at, _ in runs[0]["groups"][group]["latency"]["quantiles_us"] if at < 1]
        series.append({"peer": name, "title": rows.title(name), "points": [
            [_short(1 / (1 - at)), _short(statistics.median(
                figures.quantile_us(run, group, at) for run in runs))] for at in quantiles]})
    return series


def _axis(row: dict, figure: str) -> tuple:
    """What stands along it, and which way is better."""
    measure = measures.measure(row, figure)
    return "%s, %s" % (measure.title, measure.unit_of(row)), "lower" if measure.lower else "higher"


def _sweep(rows: report.Rows, name: str, points: list, drawn: str) -> dict:
    row = points[0][1]["row"]
    series: dict = {}
    for value, entry in points:
        found = figures.values(rows.counted(entry), entry["row"], drawn)
        for peer in rows.competitors(entry):
            if found.get(peer):
                series.setdefault(peer, []).append(
                    [report.number_of(value), _short(statistics.median(found[peer].values()))])
    axis, better = _axis(row, drawn)
    return {"kind": "sweep", "name": name, "title": row["title"], "better": better,
            "axis": axis, "over": row["sweep"][1],
            "again": None, "series": [{"peer": peer, "title": rows.title(peer), "points": found}
                                      for peer, found in series.items()]}


def _again(rows: report.Rows, name: str, entry: dict) -> list | None:
    found = report.control(rows, entry)
    if found is None:
        return None
    ratio = found[1]
    return [_short(ratio.value), _short(ratio.low), _short(ratio.high)]


def _short(value: float) -> float:
    """Four significant digits: more are noise, and would change with every run."""
    return float("%.4g" % value)
