"""Measures Sluice side by side with other TCP proxies on this machine.

    loadtest/run.py --quick                       about ten minutes
    loadtest/run.py --full                        everything, an hour; can be stopped and resumed
    loadtest/run.py --rows 'rr*' --peers direct,sluice,haproxy --rounds 6 --json my.json
    loadtest/run.py --merge a.json b.json --out results
    loadtest/run.py --draw loadtest/results/figures.json --out loadtest/results
    loadtest/run.py --list

Every run is added to the record (--json) at once; what the record has already is not measured
again. The report, its figures and the pictures go to the folder --out.
"""

from __future__ import annotations

import argparse
import fnmatch
import glob
import os
import resource
import subprocess
import sys
import tempfile

import busy
import charts
import explanations
import machine
import measure
import overview
import peers
import plots
import programs
import record as records
import report
import rounds
import scenario
import verdict

HERE = programs.LOADTEST
ROOT = programs.ROOT
QUICK = {"rounds": 4, "seconds": 0.7}
FULL = {"rounds": 3, "seconds": 0.7}
REPORT = "loadtest-report"  # the folder of a measurement's report, where --out names no other


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="the rows marked quick, short")
    which.add_argument("--full", action="store_true", help="all rows, three rounds")
    which.add_argument("--merge", nargs="+", metavar="JSON", help="measure nothing: merge records")
    which.add_argument("--draw", metavar="JSON", help="measure nothing: draw a figures.json again")
    which.add_argument("--list", action="store_true", help="the rows and the peers")
    parser.add_argument("--scenarios", help="files or names in scenarios/, comma between them")
    parser.add_argument("--rows", help="only rows that match, such as 'rr*,cost@100'")
    parser.add_argument("--peers", help="names in the table, comma between them")
    parser.add_argument("--peers-file", default=os.path.join(HERE, "peers", "peers.toml"))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="measured per run")
    parser.add_argument("--json", default="loadtest.json", help="the record")
    parser.add_argument("--out", help="folder of the report and the pictures; else " + REPORT)
    parser.add_argument("--noisy", action="store_true",
                        help="measure although the machine is busy, and keep disturbed runs")
    parser.add_argument("--programs", help="folder of built programs; without it they are built")
    parser.add_argument("--sluice", help="the proxy; else what is built here")
    return parser.parse_args()


def scenario_paths(text: str | None) -> list:
    if not text:
        return sorted(glob.glob(os.path.join(HERE, "scenarios", "*.toml")))
    return [word if os.path.sep in word or word.endswith(".toml")
            else os.path.join(HERE, "scenarios", word + ".toml") for word in text.split(",")]


def select(rows: list, options: argparse.Namespace) -> list:
    if options.rows:
        patterns = options.rows.split(",")
        for pattern in patterns:
            if not any(fnmatch.fnmatch(row.name, pattern) for row in rows):
                raise scenario.ScenarioError("--rows: no row is named %s" % pattern)
        rows = [row for row in rows
                if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
    elif options.quick:
        rows = [row for row in rows if row.quick]
    # Rows that others take their rate from come first.
    return sorted(rows, key=lambda row: any(isinstance(group["rate"], str)
                                            for group in row.groups))


def asked_for(options: argparse.Namespace, every: dict) -> list | None:
    """The peers named by --peers; None without it."""
    asked = options.peers.split(",") if options.peers else None
    for name in asked or []:
        if name not in every:
            raise peers.PeerError("--peers: %s is none of %s" % (name, ", ".join(every)))
    return asked


def taking_part(rows: list, every: dict, asked: list | None, features: dict | None = None) -> dict:
    """{row: names of its peers}."""
    return {row.name: rounds.chosen(row, every, asked, features) for row in rows}


def check_features(rows: list, features: dict) -> None:
    for row in rows:
        if row.feature and row.feature not in features:
            raise scenario.ScenarioError("%s: feature: %r is none of %s" % (
                row.name, row.feature, ", ".join(features)))


def in_advance(rows: list, takes_part: dict, record: dict, defaults: dict) -> str:
    """What is going to be measured, and about how long it takes."""
    runs, seconds = 0, 0.0
    for row in rows:
        left = sum(1 for number in range(rounds.rounds_of(row, defaults["rounds"]))
                   for name in takes_part[row.name]
                   if not records.done(record, row.name, name, number))
        runs += left
        seconds += left * rounds.expected_s(row, defaults["seconds"])
    return "%d runs of %d rows, about %d minutes." % (runs, len(rows), -(-seconds // 60))


def without_missing(every: dict, wanted: list, setting: peers.Setting) -> dict:
    """The wanted peers that can run here; says why the others cannot."""
    found = {}
    for name in wanted:
        why = peers.missing(every[name], setting)
        if why:
            print("run.py: %s is left out, because %s; loadtest/bootstrap.sh installs what is "
                  "needed." % (name, why), file=sys.stderr)
        else:
            found[name] = every[name]
    return found


def check_quiet() -> None:
    found = busy.look()
    if found.too_busy:
        raise SystemExit("run.py: %s\nFigures would be worthless. Wait until the machine is quiet, "
                         "or measure all the same with --noisy." % found)


def built_from() -> str:
    """The commit that is checked out, with a + if files differ from it; empty if git is silent."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def open_record(options: argparse.Namespace) -> dict:
    record = (records.load(options.json) if os.path.exists(options.json) else
              records.new(machine.describe(), {}))
    records.date(record, "" if options.sluice or options.programs else built_from())
    return record


def sizes(options: argparse.Namespace) -> dict:
    """How often each run is made, and for how long it is measured."""
    defaults = FULL if options.full or options.list and not options.quick else QUICK
    return {key: getattr(options, key) or default for key, default in defaults.items()}


def campaign(options: argparse.Namespace, rows: list, setting: peers.Setting, every: dict,
             takes_part: dict, features: dict) -> dict:
    record = open_record(options)
    wanted = [name for name in every if any(name in names for names in takes_part.values())]
    every = without_missing(every, wanted, setting)
    takes_part = {row: [name for name in names if name in every]
                  for row, names in takes_part.items()}
    record["versions"].update({name: peers.version(peer, setting) for name, peer in every.items()
                               if peer.version})
    record["peers"].update({name: {key: getattr(peer, key) for key in records.OF_PEER}
                            for name, peer in every.items()})
    size = sizes(options)
    print("run.py: " + in_advance(rows, takes_part, record, size), file=sys.stderr, flush=True)
    progress = rounds.Progress(sum(rounds.rounds_of(row, size["rounds"]) *
                                   len(takes_part[row.name]) for row in rows))
    work = rounds.Campaign(every, setting, record, options.json, size["seconds"], size["rounds"],
                           progress, options.noisy, features)
    for group in rounds.together(rows):
        work.measure(group, takes_part)
    progress.end()
    return record


def write(record: dict, out: str | None) -> None:
    """Prints the report and the verdict; the folder gets the report, the figures, the pictures."""
    known = explanations.load()
    text = report.text(record, known)
    print(text)
    for one in overview.unused(record, known):
        print("run.py: %s:%d: no cell needs this explanation." % (explanations.PATH, one.line),
              file=sys.stderr)
    if out:
        os.makedirs(out, exist_ok=True)
        with open(os.path.join(out, "report.md"), "w", encoding="utf-8") as file:
            file.write(text)
        found = charts.of(record)
        charts.save(found, os.path.join(out, "figures.json"))
        draw(found, out)
        print("run.py: the report is %s." % os.path.join(out, "report.md"), file=sys.stderr)
    print(verdict.sentence(record))


def draw(found: dict, out: str) -> None:
    os.makedirs(out, exist_ok=True)
    for problem in plots.write(found, out):
        print("run.py: " + problem, file=sys.stderr)


def print_list(rows: list, every: dict) -> None:
    for row in rows:
        print("%-20s %s%s" % (row.name, row.title, "  (quick)" if row.quick else ""))
    for peer in every.values():
        print("%-20s %s, %s" % (peer.name, peer.title, peer.kind))


def measure_all(options: argparse.Namespace) -> None:
    rows = select(scenario.load(scenario_paths(options.scenarios)), options)
    every = peers.load(options.peers_file)
    features = peers.load_features(os.path.join(HERE, "peers", "features.toml"), every)
    check_features(rows, features)
    takes_part = taking_part(rows, every, asked_for(options, every), features)
    if options.list:
        print_list(rows, every)
        print("In all: " + in_advance(rows, takes_part, records.new({}, {}), sizes(options)))
        return
    if not options.noisy:
        check_quiet()
    folder = options.programs
    if folder is None:
        folder = os.path.join(ROOT, ".cache", "loadtest")
        used = {name for names in takes_part.values() for name in names}
        programs.build(folder, [name for name in programs.needed([every[name] for name in used])
                                if name != programs.SLUICE or options.sluice is None])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sluice = options.sluice or os.path.join(folder, programs.SLUICE)
    with tempfile.TemporaryDirectory() as scratch:
        setting = peers.Setting(scratch, os.path.abspath(sluice), os.path.abspath(folder))
        record = campaign(options, rows, setting, every, takes_part, features)
    write(record, options.out or REPORT)


def run() -> None:
    options = arguments()
    measure.stop_on_signal()
    if options.merge:
        record = records.merge([records.load(path) for path in options.merge])
        records.save(record, options.json)
        write(record, options.out)
    elif options.draw:
        draw(charts.load(options.draw), options.out or REPORT)
    else:
        measure_all(options)


def main() -> int:
    try:
        run()
    except (scenario.ScenarioError, explanations.ExplanationError, peers.PeerError,
            records.RecordError, charts.ChartError, measure.RunError) as problem:
        print("run.py: %s" % problem, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as problem:
        print("run.py: Bazel could not build the programs; its message is above.", file=sys.stderr)
        return problem.returncode
    except KeyboardInterrupt:
        return 130
    return 0
