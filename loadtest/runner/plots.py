"""Pictures: charts as SVG, drawn by gnuplot.

A bar has its value above it and its interval on it; what is better, the machine, the date and the
commit stand in each picture, so that one that is passed around alone still says what it shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import report

PROGRAM = "gnuplot"
BARS, CURVES = (860, 440), (900, 460)
# A peer has the same colour in every picture; colours that the colour-blind can tell apart.
COLOURS = {"sluice": "#009e73", "sluice_epoll": "#56b4e9", "haproxy": "#d55e00",
           "nginx": "#e69f00", "tokio": "#cc79a7", "floor_epoll": "#777777",
           "floor_uring": "#bbbbbb", "direct": "#6b7fa3"}
OTHERS = ("#0072b2", "#882255", "#b3a100", "#44aa99", "#332288", "#aa4499", "#661100")
# Intervals far above every value would make the bars flat: they are cut at this many times the
# largest value, and end in an arrow there.
MOST_ABOVE = 1.6
WIDE = 20  # times the smallest value of a sweep
HEAD = """set terminal svg noenhanced size %d,%d font "sans-serif,13" background rgb "white"
set output %s
set label 1 %s at screen 0.015,0.95 left font "sans-serif,16"
set label 2 %s at screen 0.015,0.885 left font "sans-serif,11" textcolor rgb "#555555"
set tmargin 5
set grid ytics lt 1 lc rgb "#dddddd"
set border 3
set tics nomirror
set ylabel %s
"""
LATENCY_AXES = """set logscale xy
set xlabel 'quantile'
set xtics ('50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000)
"""


def quote(text: str) -> str:
    """A string of gnuplot's; a line break stays one."""
    return '"%s"' % text.replace("\\", "\\\\").replace('"', "”").replace("\n", "\\n")


def colours(peers: list) -> dict:
    others = iter(OTHERS * len(peers))
    return {peer: COLOURS.get(peer) or next(others) for peer in peers}


def block(name: str, lines: list) -> str:
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(lines))


def subtitle(charts: dict, chart: dict) -> str:
    """Where, when and of what; and what the picture cannot tell apart."""
    words = [charts["machine"], charts["date"],
             "commit " + charts["commit"] if charts["commit"] else ""]
    if chart["again"]:
        words.append("the same proxy twice (A/A): %s [%s, %s]" %
                     tuple(report.digits(value) for value in chart["again"]))
    return " · ".join(word for word in words if word)


def vertical(bars: list) -> tuple:
    """The lower and the upper end of the axis, and where intervals are cut."""
    largest = max(0, *(bar["value"] for bar in bars))
    most = min(max(bar["high"] for bar in bars), MOST_ABOVE * largest) if largest > 0 else 0
    least = min(0, *(bar["low"] for bar in bars))
    least = max(least, -MOST_ABOVE * max(abs(bar["value"]) for bar in bars))
    room = 0.12 * (max(most, largest) - least or 1)
    return (least - room if least < 0 else 0), max(most, largest) + room, (least, most)


def bars(chart: dict) -> str:
    """One bar for each peer, with its value and its interval."""
    shade = colours([bar["peer"] for bar in chart["bars"]])
    low, high, (least, most) = vertical(chart["bars"])
    boxes, whole, cut, above, below = [], [], [], [], []
    for number, bar in enumerate(chart["bars"]):
        boxes.append("%d %g %d" % (number, bar["value"], int(shade[bar["peer"]][1:], 16)))
        begin, end = max(bar["low"], least), min(bar["high"], most)
        (cut if end < bar["high"] else whole).append("%d %g %g" % (number, begin, end - begin))
        negative = bar["value"] < 0
        (below if negative else above).append('%d %g "%s"' % (
            number, begin if negative else max(end, bar["value"]), report.digits(bar["value"])))
    tics = ", ".join("%s %d" % (quote(two_lines(bar["title"])), number)
                     for number, bar in enumerate(chart["bars"]))
    text = "".join(block(name, lines) for name, lines in (
        ("boxes", boxes), ("whole", whole), ("cut", cut), ("above", above), ("below", below))
        if lines)
    parts = ["$boxes using 1:2:3 with boxes lc rgb variable"]
    parts += ["$whole using 1:2:(0):3 with vectors heads size graph 0.008,90 fixed lw 1.3 "
              "lc rgb 'black'"] if whole else []
    parts += ["$cut using 1:2:(0):3 with vectors head filled size graph 0.012,25 lw 1.3 "
              "lc rgb 'black'"] if cut else []
    parts += ["$above using 1:2:3 with labels offset 0,0.8"] if above else []
    parts += ["$below using 1:2:3 with labels offset 0,-0.8"] if below else []
    return text + """set yrange [%g:%g]
set xrange [-0.6:%g]
set boxwidth 0.65
set style fill solid
set xzeroaxis lt 1 lw 1 lc rgb "black"
set xtics (%s) scale 0
set bmargin 3.5
unset key
plot %s
""" % (low, high, len(boxes) - 0.4, tics, ", \\\n     ".join(parts))


def two_lines(title: str) -> str:
    """'nginx stream' -> 'nginx', 'stream': a name under its bar is no wider than that."""
    return title.replace(" (", "\n(", 1) if " (" in title else title.replace(" ", "\n", 1)


def vertical_axis(chart: dict) -> str:
    """From 0; logarithmic where the small values would lie on the axis."""
    values = [value for series in chart["series"] for _, value in series["points"]]
    wide = min(values) > 0 and max(values) > WIDE * min(values)
    return "set logscale y" if wide else "set yrange [0:*]"


def curves(chart: dict) -> str:
    """One line for each peer."""
    shade = colours([series["peer"] for series in chart["series"]])
    text, parts = "", []
    for number, series in enumerate(chart["series"]):
        text += block("data%d" % number, ["%g %g" % tuple(point) for point in series["points"]])
        parts.append("$data%d with linespoints pt %d ps 0.7 lw 2 lc rgb '%s' title %s" % (
            number, (7, 5, 9, 11, 13, 6, 4, 8)[number % 8], shade[series["peer"]],
            quote(series["title"])))
    axes = LATENCY_AXES if chart["kind"] == "latency" else (
        "set logscale x\n%s\nset xlabel %s\n" % (vertical_axis(chart), quote(chart["over"])))
    return text + axes + "set key outside right\nplot " + ", \\\n     ".join(parts) + "\n"


def script(charts: dict, chart: dict, path: str) -> str:
    """What gnuplot is told to draw one chart."""
    is_bars = chart["kind"] == "bars"
    head = HEAD % ((BARS if is_bars else CURVES) + (
        quote(path), quote("%s: %s" % (chart["name"], chart["title"])),
        quote(subtitle(charts, chart)),
        quote("%s\n(%s is better)" % (chart["axis"], chart["better"]))))
    return head + (bars if is_bars else curves)(chart)


def write(charts: dict, out: str) -> list:
    """Draws every chart; says what could not be drawn."""
    if not shutil.which(PROGRAM):
        return ["there are no pictures: %s is not installed; loadtest/bootstrap.sh installs it." %
                PROGRAM]
    problems = []
    for chart in charts["charts"]:
        path = os.path.join(out, chart["name"].replace("@", "-") + ".svg")
        done = subprocess.run([PROGRAM], input=script(charts, chart, path), text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            problems.append("%s is not drawn: gnuplot: %s" % (chart["name"], done.stderr.strip()))
    return problems
