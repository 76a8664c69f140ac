#!/usr/bin/python3
"""Measures the runtime beside Tokio, and writes the table of core/bench/README.md.

    bazel run //core/bench                              # all rows; half an hour
    bazel run //core/bench -- --rows 'mpsc*,notify'     # some, on the terminal only

Both programs are built, and then run in turn: each round runs Tokio, Sluice on epoll, Sluice on
io_uring, and Sluice on epoll once more, the next round in the opposite order. A ratio is the median
of those of the rounds, with its 95 % interval; below 1 Sluice is ahead. That of epoll to itself
shows what of it is the machine. A row with one worker runs on one CPU and counts CPU time; where
threads run side by side it is elapsed time, and the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time

import ratios
import table

ROOT = os.environ.get("BUILD_WORKSPACE_DIRECTORY") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TABLE = os.path.join(ROOT, "core", "bench", "README.md")
SUMMARY = os.path.join(ROOT, "core", "README.md")
LEAST_ROUNDS = 5


def main() -> int:
    options = parse_options()
    if not options.program:
        build()
    program = options.program or output("rows")
    twin = options.twin or output("twin_program")
    listed = subprocess.run([program, "list"], check=True, capture_output=True, text=True).stdout
    rows = chosen(table.parse_list(listed), options.rows)
    if not rows:
        print("run.py: no row is called %s; there are:\n%s" % (options.rows, listed),
              file=sys.stderr)
        return 2
    results = []
    for row in rows:
        results.append(measure(row, program, twin, options))
        print("| %s |" % " | ".join(results[-1].cells()), flush=True)
    text = table.render(results, versions(options.twin))
    print("\n" + "\n".join(table.verdict(results)))
    if options.rows is None:
        write(TABLE, text)
        write(SUMMARY, "\n".join(table.verdict(results)))
        print("run.py: the table is in core/bench/README.md, what to make of it in core/README.md")
    return 0


def write(path: str, text: str) -> None:
    """Puts the text between the marks of a file."""
    with open(path, encoding="utf-8") as file:
        before = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(table.replaced(before, text))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows",
                        help="only these, by patterns with commas between; writes nothing")
    parser.add_argument("--rounds", type=int, default=11, help="of each row (default: 11)")
    parser.add_argument("--seconds", type=float, default=20,
                        help="of a row, after which no round begins once there are %d "
                        "(default: 20)" % LEAST_ROUNDS)
    parser.add_argument("--program", help="rows, which has been built, instead of building it")
    parser.add_argument("--twin", help="the same of the twin")
    return parser.parse_args()


def build() -> None:
    """Builds both; cargo takes about a minute, once."""
    subprocess.run(["bazel", "build", "//core/bench:rows", "//core/bench:twin"], cwd=ROOT,
                   check=True)


def output(name: str) -> str:
    return os.path.join(ROOT, "bazel-bin", "core", "bench", name)


def chosen(rows: list, patterns: str | None) -> list:
    if patterns is None:
        return rows
    return [row for row in rows
            if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns.split(","))]


def command(name: str, row: table.Row, program: str, twin: str) -> list:
    """What runs a row once: on one CPU if it counts CPU time."""
    pinned = []
    if row.measure == "cpu":
        pinned = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
    if name == table.TOKIO:
        return [*pinned, twin, "run", row.name, str(row.workers)]
    backend = "io_uring" if name == table.IO_URING else "epoll"
    return [*pinned, program, "run", row.name, str(row.workers), backend]


def run_once(line: list) -> dict:
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s has failed: %s" % (" ".join(line), done.stderr.strip()))
    return json.loads(done.stdout)


def measure(row: table.Row, program: str, twin: str, options) -> table.Result:
    """Runs the rounds of a row. All programs must have done the same."""
    values = {name: [] for name in table.PROGRAMS}
    end = time.monotonic() + options.seconds
    for number in range(options.rounds):
        if number >= LEAST_ROUNDS and time.monotonic() > end:
            break
        done = {}
        for name in ratios.in_order(table.PROGRAMS, number):
            result = run_once(command(name, row, program, twin))
            values[name].append(result["value"])
            done[name] = result["done"]
        if len(set(done.values())) != 1:
            raise RuntimeError("%s: the programs have not done the same: %s" % (row.name, done))
    return table.Result(row, values)


def versions(twin: str | None) -> str:
    clang = subprocess.run(["clang-19", "--version"], check=True, capture_output=True, text=True)
    path = (os.path.dirname(twin) + "/twin_versions") if twin else output("twin_versions")
    with open(path, encoding="utf-8") as file:
        tokio, rustc = file.read().splitlines()
    return "%s (%s, LTO) and Sluice (%s) on %s, Linux %s, %d CPUs." % (
        tokio, rustc.split("(")[0].strip(), clang.stdout.splitlines()[0].split("(")[0].strip(),
        time.strftime("%d %B %Y"), os.uname().release.split("-")[0], os.cpu_count())


if __name__ == "__main__":
    sys.exit(main())
