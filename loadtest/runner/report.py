"""The report: a record as Markdown."""

from __future__ import annotations

import statistics

import figures
import scenario

PLACE = scenario.PLACES
COST_UNIT = {"request": "µs/request", "connection": "µs/connection", "GB": "s/GB"}
RATE_UNIT = {"request": "requests/s", "connection": "connections/s", "GB": "GB/s"}


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


TABLES = {"cpu": cpu_table, "latency": latency_table, "memory": memory_table, "rate": rate_table}


def load_of(row: dict) -> str:
    """The load of a row in words."""
    words = []
    for group in row["groups"]:
        text = "%d × %s" % (group["connections"], group["shape"])
        if group["shape"] in ("closed", "open", "churn"):
            text += " %d → %d B" % (group["request_bytes"], group["answer_bytes"])
        if group["shape"] == "open":
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
    what = {"cpu": "cost", "latency": "p50", "rate": "rate"}.get(row["figure"])
    for name in rows.names(entry):
        if rows.peers[name]["kind"] != "control" or what is None:
            continue
        values = figures.by_round(rows.counted(entry), row, what)
        if row["figure"] == "cpu":
            values, what = figures.added(values), "added"
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
    return {name: sorted(points, key=lambda point: float(str(point[0]).split("%")[0]))
            for name, points in found.items()}


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


def text(record: dict) -> str:
    rows = Rows(record)
    lines = ["# Load test", ""] + machine_lines(record)
    lines += ["Medians over rounds; in brackets the interval that holds the median with 95 % "
              "confidence (bootstrap). *Added* is a run's CPU per unit less that of the direct run "
              "of the same round.", ""]
    controls = control_lines(rows)
    if controls:
        lines += ["## The same proxy twice (A/A)", "",
                  "The quotient should be 1. Differences smaller than its distance from 1 mean "
                  "nothing.", ""]
        lines += table(["row", "of", "second / first"], controls)
    for name, points in sweeps(record).items():
        if points[0][1]["row"]["figure"] == "cpu":
            lines += ["## %s: over %s" % (name, points[0][1]["row"]["sweep"][1]), ""]
            lines += curve_table(rows, points)
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
        lines += ["Not measured: %s: %s" % (rows.title(peer), " ".join(why.split()))
                  for peer, why in entry["failed"].items()]
    return "\n".join(lines)
