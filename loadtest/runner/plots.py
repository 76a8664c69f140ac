"""Plots of a record as SVG, drawn by gnuplot."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess

import figures
import report

PROGRAM = "gnuplot"
HEAD = """set terminal svg noenhanced size %d,%d font "sans-serif,13" background rgb "white"
set output %s
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set title %s
"""
COLOURS = {"self": ("#0b6e4f", "#5fb49c", "#1b998b"), "peer": ("#c44536", "#e09f3e", "#9e2a2b",
           "#7b506f"), "floor": ("#777777", "#bbbbbb"), "direct": ("#000000",),
           "control": ("#a7c957",)}


def quote(text: str) -> str:
    return "'%s'" % text.replace("'", "’")


def colours(peers: dict) -> dict:
    counts: dict = {}
    found = {}
    for name, peer in peers.items():
        palette = COLOURS[peer["kind"]]
        number = counts.get(peer["kind"], 0)
        counts[peer["kind"]] = number + 1
        found[name] = palette[number % len(palette)]
    return found


def block(name: str, lines: list) -> str:
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(lines))


def bars(rows: report.Rows, entry: dict, values: dict, label: str) -> str:
    """One bar for each peer, with its interval."""
    shade = colours(rows.peers)
    lines = []
    present = [name for name in rows.names(entry) if values.get(name)]
    if not present:
        return ""
    for number, name in enumerate(present):
        found = figures.estimate(report.samples(values[name]))
        lines.append('%d %g %g %g "%s" %s' % (number, found.value, found.low, found.high,
                                              rows.title(name), int(shade[name][1:], 16)))
    return block("data", lines) + """set ylabel %s
set yrange [0:*]
set xrange [-0.6:%g]
set boxwidth 0.7
set style fill solid
set xtics rotate by -25
unset key
plot $data using 1:2:6:xtic(5) with boxes lc rgb variable, \\
     $data using 1:2:3:4 with yerrorbars lc rgb "black" pt 0
""" % (quote(label), len(lines) - 0.4)


def curves(rows: report.Rows, series: dict, axes: str) -> str:
    """Lines over a common abscissa: {peer: [(x, y), …]}."""
    shade = colours(rows.peers)
    text, plots = "", []
    for number, (name, points) in enumerate(series.items()):
        text += block("data%d" % number, ["%g %g" % point for point in points])
        plots.append("$data%d with linespoints pt 7 ps 0.5 lw 2 lc rgb '%s' title %s" %
                     (number, shade[name], quote(rows.title(name))))
    return text + axes + "set key outside right\nplot " + ", ".join(plots) + "\n"


LATENCY_AXES = """set logscale x
set logscale y
set xlabel 'quantile'
set ylabel 'latency from the intended send time, µs'
set xtics ('50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000)
"""


def latency(rows: report.Rows, entry: dict) -> str:
    """Quantiles against the share of requests beyond them."""
    row = entry["row"]
    series: dict = {}
    for name in rows.names(entry):
        runs = [run for run in rows.counted(entry) if run["peer"] == name]
        if not runs:
            continue
        quantiles = [at for at, _ in runs[0]["groups"][row["of"]]["latency"]["quantiles_us"]
                     if at < 1]
        series[name] = [(1 / (1 - at), statistics.median(
            figures.quantile_us(run, row["of"], at) for run in runs)) for at in quantiles]
    return curves(rows, series, LATENCY_AXES)


def sweep(rows: report.Rows, points: list) -> str:
    unit = report.COST_UNIT[points[0][1]["row"]["unit"]]
    series: dict = {}
    for value, entry in points:
        total = figures.by_round(rows.counted(entry), entry["row"], "cost")
        for name, found in figures.added(total).items():
            if found and rows.peers[name]["kind"] != "control":
                series.setdefault(name, []).append(
                    (float(value), statistics.median(found.values())))
    return curves(rows, series, "set logscale x\nset yrange [0:*]\nset xlabel %s\nset ylabel %s\n"
                  % (quote(points[0][1]["row"]["sweep"][1]), quote("added CPU, " + unit)))


def draw(out: str, name: str, title: str, body: str, size: tuple = (760, 420)) -> str:
    path = os.path.join(out, name + ".svg")
    script = HEAD % (size[0], size[1], quote(path), quote(title)) + body
    done = subprocess.run([PROGRAM], input=script, text=True, capture_output=True, check=False)
    return path if done.returncode == 0 else "%s: gnuplot: %s" % (name, done.stderr.strip())


def write(record: dict, out: str) -> list:
    """Draws what the record has figures for; says what was written."""
    if not shutil.which(PROGRAM):
        return ["no plots: there is no %s (loadtest/bootstrap.sh installs it)" % PROGRAM]
    rows = report.Rows(record)
    written = []
    for name, entry in record["rows"].items():
        row, runs = entry["row"], rows.counted(entry)
        if not runs or row["sweep"] and row["figure"] == "cpu":
            continue
        title = "%s: %s" % (name, row["title"])
        if row["figure"] == "cpu":
            values = figures.added(figures.by_round(runs, row, "cost"))
            body = bars(rows, entry, values, "added CPU, " + report.COST_UNIT[row["unit"]])
        elif row["figure"] == "memory":
            values = figures.by_round(runs, row, "user_kb")
            values.pop("direct", None)
            body = bars(rows, entry, values, "kB per connection (Pss)")
        elif row["figure"] == "rate":
            unit = "GB/s" if row["unit"] == "GB" else row["unit"] + "s/s"
            body = bars(rows, entry, figures.by_round(runs, row, "rate"), unit)
        else:
            body = latency(rows, entry)
        if body:
            written.append(draw(out, name.replace("@", "-"), title, body))
    for name, points in report.sweeps(record).items():
        if points[0][1]["row"]["figure"] == "cpu" and len(points) > 1:
            written.append(draw(out, name, points[0][1]["row"]["title"], sweep(rows, points)))
    return written
