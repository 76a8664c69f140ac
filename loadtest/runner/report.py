"""The report: a record as Markdown."""

from __future__ import annotations

import statistics

import figures
import measures
import overview
import scenario
from measures import COST_UNIT, RATE_UNIT
from tables import Rows, digits, interval, samples, table

PLACE = scenario.PLACES


def _note(entry: dict, name: str) -> str:
    failed = figures.errors(entry["runs"], name)
    disturbed = sum(1 for run in entry["runs"] if run["peer"] == name and run["disturbed"])
    idle = statistics.median(run["cpu"]["idle"] / run["seconds"] for run in entry["runs"]
                             if run["peer"] == name)
    words = (["%d errors" % failed] if failed else []) + (
        ["%d disturbed" % disturbed] if disturbed else []) + (
        ["%.0f %% idle" % (100 * idle)]
        if entry["row"]["figure"] == "cpu" and idle > 0.02 else [])
    return ", ".join(words)


def cpu_table(rows: Rows, entry: dict) -> list:
    row, runs = entry["row"], rows.counted(entry)
    total = figures.by_round(runs, row, "cost")
    own = figures.by_round(runs, row, "proxy_cost")
    added = figures.added(total)
    champion = figures.best(added, rows.rivals(rows.names(entry)))
    unit = COST_UNIT[row["unit"]]
    lines = []
    for name in rows.names(entry):
        if name == "direct":
            lines.append([rows.title(name), interval(figures.estimate(samples(
                total.get(name, {})))), "", "", "", _note(entry, name)])
            continue
        ratio = figures.ratios(added.get(name, {}), added[champion]) if champion else None
        lines.append([
            rows.title(name), interval(figures.estimate(samples(total.get(name, {})))),
            interval(figures.estimate(samples(added.get(name, {})))), interval(ratio),
            digits(statistics.median(own[name].values())) if own.get(name) else "–",
            _note(entry, name)])
    head = ["", "CPU in all, " + unit, "added, " + unit,
            "added / %s's" % (rows.title(champion) if champion else "best peer"),
            "proxy's threads", ""]
    return table(head, lines)


def latency_table(rows: Rows, entry: dict) -> list:
    row, runs = entry["row"], rows.counted(entry)
    found = {what: figures.by_round(runs, row, what)
             for what in ("p50", "p99", "p99.9", "proxy_cost", "rate")}
    lines = []
    for name in rows.names(entry):
        cells = [interval(figures.estimate(samples(found[what].get(name, {}))))
                 for what in ("p50", "p99", "p99.9")]
        cells += [digits(statistics.median(found[what][name].values()))
                  if found[what].get(name) else "–" for what in ("proxy_cost", "rate")]
        lines.append([rows.title(name)] + cells + [_note(entry, name)])
    return table(["", "p50, µs", "p99, µs", "p99.9, µs", "proxy's CPU, µs/request", "requests/s",
                  ""], lines)


def memory_table(rows: Rows, entry: dict) -> list:
    row, runs = entry["row"], rows.counted(entry)
    user = figures.by_round(runs, row, "user_kb")
    kernel = figures.by_round(runs, row, "kernel_kb")
    over = figures.added(kernel)
    lines = []
    for name in rows.names(entry):
        if name == "direct":
            lines.append([rows.title(name), "", digits(statistics.median(kernel[name].values())),
                          "", _note(entry, name)])
            continue
        lines.append([rows.title(name), interval(figures.estimate(samples(user[name]))),
                      digits(statistics.median(kernel[name].values())),
                      interval(figures.estimate(samples(over.get(name, {})))),
                      _note(entry, name)])
    return table(["kB per connection", "proxy (Pss)", "kernel, all sockets",
                  "kernel, less direct's", ""], lines)


def rate_table(rows: Rows, entry: dict) -> list:
    row, runs = entry["row"], rows.counted(entry)
    rate = figures.by_round(runs, row, "rate")
    machine = figures.by_round(runs, row, "machine_cost")
    champion = figures.best(rate, rows.rivals(rows.names(entry)), highest=True)
    lines = []
    for name in rows.names(entry):
        ratio = figures.ratios(rate.get(name, {}), rate[champion]) if champion else None
        lines.append([rows.title(name), interval(figures.estimate(samples(rate.get(name, {})))),
                      interval(ratio), digits(statistics.median(machine[name].values()))
                      if machine.get(name) else "–", _note(entry, name)])
    return table(["", RATE_UNIT[row["unit"]],
                  "/ %s's" % (rows.title(champion) if champion else "best peer"),
                  "CPU of the machine, " + COST_UNIT[row["unit"]], ""], lines)


def several_table(rows: Rows, entry: dict) -> list:
    """All figures that the row shows; and the CPU of each thread, where there are several."""
    row, runs = entry["row"], rows.counted(entry)
    shown = measures.shown(row)
    found = {name: figures.values(runs, row, name) for name in shown}
    many = row["workers"] > 1 and row["driver"] == "generator"
    lines = []
    for name in rows.names(entry):
        cells = [interval(figures.estimate(samples(found[what].get(name, {})))) for what in shown]
        lines.append([rows.title(name)] + cells + ([_threads(runs, row, name)] if many else []) +
                     [_note(entry, name)])
    head = ["%s, %s" % (name, measures.measure(row, name).unit_of(row)) for name in shown]
    return table([""] + head + (["threads' CPU, %"] if many else []) + [""], lines)


def _threads(runs: list, row: dict, name: str) -> str:
    """The CPU time of the threads that worked most, of the run with the median evenness."""
    mine = sorted((run for run in runs if run["peer"] == name and run["cpu"].get("threads")),
                  key=lambda run: figures.evenness(run, row) or 0)
    if not mine:
        return "–"
    run = mine[len(mine) // 2]
    return " / ".join(digits(100 * time / run["seconds"])
                      for time in run["cpu"]["threads"][:row["workers"]])


TABLES = {"cpu": cpu_table, "latency": latency_table, "memory": memory_table, "rate": rate_table,
          "several": several_table}


def load_of(row: dict) -> str:
    """The load of a row in words."""
    words = []
    for group in row["groups"]:
        text = "%d × %s" % (group["connections"], group["shape"])
        if group["shape"] in ("closed", "open", "churn", "storm"):
            text += " %d → %d B" % (group["request_bytes"], group["answer_bytes"])
        if group.get("pipeline", 1) > 1:
            text += ", %d in flight on each" % group["pipeline"]
        if group.get("lasts"):
            text += " for %g s" % group["lasts"]
        if group.get("write_bytes"):
            text += " in writes of %d B" % group["write_bytes"]
        if group.get("close", "fin") != "fin":
            text += ", closed by a reset"
        if group["rate"]:
            text += " at %s/s" % group["rate"]
        if group["shape"] == "bulk":
            text += " " + group["direction"]
        if group["shape"] == "slow":
            text += " at %d B/s" % group["read_rate"]
        words.append(text)
    return "; ".join(words)


def control(rows: Rows, entry: dict) -> tuple | None:
    """What the same proxy measured twice differs by: the resolution of everything else in the row.

    The name of the figure and the quotient; None where the row has no control.
    """
    row = entry["row"]
    what = {"cpu": "cost", "latency": "p50", "rate": "rate",
            "several": measures.shown(row)[0] if row["figure"] == "several" else None}.get(
                row["figure"])
    for name in rows.names(entry):
        if rows.peers[name]["kind"] != "control" or what is None:
            continue
        what = "added" if what == "cost" else what
        values = figures.values(rows.counted(entry), row, what)
        original = rows.peers[name]["same_as"]
        ratio = figures.ratios(values.get(name, {}), values.get(original, {}))
        return (what, ratio) if ratio else None
    return None


def control_lines(rows: Rows) -> list:
    found = {name: control(rows, entry) for name, entry in rows.record["rows"].items()}
    return [[name, pair[0], interval(pair[1])] for name, pair in found.items() if pair]


def sweeps(record: dict) -> dict:
    """{scenario: [(value, entry), …]} of the rows that belong together, in order of the value."""
    found: dict = {}
    for entry in record["rows"].values():
        if entry["row"]["sweep"]:
            name, _, value = entry["row"]["sweep"]
            found.setdefault(name, []).append((value, entry))
    return {name: sorted(points, key=lambda point: number_of(point[0]))
            for name, points in found.items()}


def number_of(value: object) -> float:
    """Of a swept value, such as "50% of peak"; words have none, and stay in their order."""
    try:
        return float(str(value).split("%", maxsplit=1)[0])
    except ValueError:
        return 0


def in_words(value: object) -> bool:
    """Whether a swept value is none that could be drawn along an axis."""
    return isinstance(value, str) and "%" not in value


def feature_table(rows: Rows, points: list) -> list:
    """What is added with each feature by what is added without, within rounds."""
    by_value = {value: figures.values(rows.counted(entry), entry["row"], "added")
                for value, entry in points}
    first = points[0][0]
    lines = []
    for name in rows.peers:
        if not by_value[first].get(name):
            continue
        cells = [interval(figures.ratios(found.get(name, {}), by_value[first][name]))
                 for value, found in by_value.items() if value != first]
        lines.append([rows.title(name)] + cells)
    return table(["added / %s's" % first] + [value for value in by_value if value != first], lines)


def curve_table(rows: Rows, points: list) -> list:
    """Added CPU per unit over the swept values, one line per peer, and last by first."""
    by_peer: dict = {}
    for value, entry in points:
        total = figures.by_round(rows.counted(entry), entry["row"], "cost")
        for name, found in figures.added(total).items():
            if found:
                by_peer.setdefault(name, {})[value] = statistics.median(found.values())
    values = [value for value, _ in points]
    lines = []
    for name in rows.peers:
        found = by_peer.get(name)
        if not found:
            continue
        growth = (found[values[-1]] / found[values[0]]
                  if values[0] in found and values[-1] in found else None)
        lines.append([rows.title(name)] + [digits(found.get(value)) for value in values] +
                     [digits(growth)])
    return table(["added"] + [str(value) for value in values] + ["last / first"], lines)


def latency_curve(rows: Rows, points: list, what: str) -> list:
    """A quantile over the swept values, one line per peer, and last by first within rounds."""
    found = [(value, figures.by_round(rows.counted(entry), entry["row"], what))
             for value, entry in points]
    lines = []
    for name in rows.peers:
        if not any(by_peer.get(name) for _, by_peer in found):
            continue
        cells = [digits(statistics.median(by_peer[name].values()) if by_peer.get(name) else None)
                 for _, by_peer in found]
        ratio = figures.ratios(found[-1][1].get(name, {}), found[0][1].get(name, {}))
        lines.append([rows.title(name)] + cells + [interval(ratio)])
    return table(["%s, µs" % what] + [str(value) for value, _ in found] + ["last / first"], lines)


def machine_in_short(machine: dict) -> str:
    return "%s, %s CPUs%s, Linux %s" % (
        machine["cpu"], machine["cpus"], " (virtual)" if machine["virtual"] else "",
        machine["kernel"].split("-")[0])


def machine_lines(record: dict) -> list:
    machine = record["machine"]
    lines = ["%s, %s CPUs%s, %s GiB, kernel %s, congestion control %s." % (
        machine["cpu"], machine["cpus"], " (virtual)" if machine["virtual"] else "",
        machine["memory_gib"], machine["kernel"], machine["congestion_control"]), ""]
    if record.get("date"):
        commit = record.get("commit")
        lines += ["Measured on %s%s." % (record["date"], ", commit " + commit if commit else ""),
                  ""]
    lines += ["- %s: %s" % (record["peers"][name]["title"], version)
              for name, version in record["versions"].items()
              if version and name in record["peers"]]
    return lines + [""]


def text(record: dict, explanations: list | None = None) -> str:
    rows = Rows(record)
    lines = ["# Load test", ""] + machine_lines(record)
    lines += ["Medians over rounds; in brackets the interval that holds the median with 95 % "
              "confidence (bootstrap). *Added* is a run's CPU per unit less that of the direct run "
              "of the same round.", ""]
    lines += overview.section(rows, explanations or [])
    controls = control_lines(rows)
    if controls:
        lines += ["## The same proxy twice (A/A)", "",
                  "The quotient should be 1. Differences smaller than its distance from 1 mean "
                  "nothing.", ""]
        lines += table(["row", "of", "second / first"], controls)
    for name, points in sweeps(record).items():
        if points[0][1]["row"]["figure"] == "cpu":
            lines += ["## %s: over %s" % (name, points[0][1]["row"]["sweep"][1]), ""]
            in_order = feature_table if in_words(points[0][0]) else curve_table
            lines += in_order(rows, points)
        if points[0][1]["row"]["figure"] == "latency":
            lines += ["## %s: over %s" % (name, points[0][1]["row"]["sweep"][1]), ""]
            lines += latency_curve(rows, points, "p50") + latency_curve(rows, points, "p99")
    for name, entry in record["rows"].items():
        row = entry["row"]
        if not entry["runs"]:
            continue
        rounds = 1 + max(run["round"] for run in entry["runs"])
        measured = statistics.median(run["seconds"] for run in entry["runs"])
        lines += ["## %s: %s" % (name, row["title"]), "",
                  "%s; %s%s. %d rounds of %.1f s." % (
                      load_of(row), PLACE[row["place"]],
                      "; %d workers" % row["workers"] if row["workers"] > 1 else "",
                      rounds, measured), ""]
        lines += TABLES[row["figure"]](rows, entry)
        if row.get("shows") and row["figure"] != "several":
            lines += several_table(rows, entry)
        lines += ["Not measured: %s: %s" % (rows.title(peer), " ".join(why.split()))
                  for peer, why in entry["failed"].items()]
    return "\n".join(lines)
