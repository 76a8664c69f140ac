#!/usr/bin/env python3
"""Measures Sluice side by side with other TCP proxies on this machine.

    loadtest/run.py --quick                       about ten minutes
    loadtest/run.py --full                        everything, some hours; may be stopped and resumed
    loadtest/run.py --rows 'rr*' --peers direct,sluice,haproxy --rounds 6 --json my.json
    loadtest/run.py --merge a.json b.json --out results
    loadtest/run.py --list

Every run is added to the record (--json) at once; what the record has already is not measured
again. --out gets the report and the plots.
"""

from __future__ import annotations

import argparse
import fnmatch
import glob
import os
import resource
import shutil
import subprocess
import sys
import tempfile

import machine
import measure
import peers
import plots
import record as records
import report
import rounds
import scenario

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
QUICK = {"rounds": 4, "seconds": 0.7}
FULL = {"rounds": 10, "seconds": 3.0}
LOUD = 0.05  # the share of a second in which somebody may wait for a CPU before we begin


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="the rows marked quick, short")
    which.add_argument("--full", action="store_true", help="all rows, ten rounds of three seconds")
    which.add_argument("--merge", nargs="+", metavar="JSON", help="measure nothing: merge records")
    which.add_argument("--list", action="store_true", help="the rows and the peers")
    parser.add_argument("--scenarios", help="files or names in scenarios/, comma between them")
    parser.add_argument("--rows", help="only rows that match, such as 'rr*,cost@100'")
    parser.add_argument("--peers", help="names in the table, comma between them")
    parser.add_argument("--peers-file", default=os.path.join(HERE, "peers.toml"))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="measured per run")
    parser.add_argument("--json", default="loadtest.json", help="the record")
    parser.add_argument("--out", help="folder for report.md and the plots")
    parser.add_argument("--noisy", action="store_true", help="measure although others are busy")
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
                raise scenario.ScenarioError("--rows: nothing is named %s" % pattern)
        rows = [row for row in rows
                if any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
    elif options.quick:
        rows = [row for row in rows if row.quick]
    # Rows that others take their rate from come first.
    return sorted(rows, key=lambda row: any(isinstance(group["rate"], str)
                                            for group in row.groups))


def build(folder: str) -> str:
    """Builds the bench's programs and the proxy, and gathers them in the folder."""
    targets = {"//loadtest:programs": [os.path.join("loadtest", name) for name in
                                       ("generator", "upstream", "floor_epoll", "floor_uring")],
               "//proxy:sluice": [os.path.join("proxy", "sluice")]}
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["bazel", "build", *targets], cwd=ROOT, check=True)
    for paths in targets.values():
        for path in paths:
            target = os.path.join(folder, os.path.basename(path))
            if os.path.exists(target):
                os.remove(target)  # Bazel's outputs, and so their copies, are read-only
            shutil.copy(os.path.join(ROOT, "bazel-bin", path), target)
    return folder


def build_tokio(folder: str) -> None:
    """Builds the Tokio relay with Debian's cargo, if that is installed."""
    cargo = "/usr/bin/cargo"
    if os.path.exists(os.path.join(folder, "tokio-relay")) or not os.path.exists(cargo):
        return
    with tempfile.TemporaryDirectory() as work:
        source = shutil.copytree(os.path.join(HERE, "tokio"), os.path.join(work, "tokio"))
        done = subprocess.run([cargo, "build", "--release", "--offline", "--quiet"], cwd=source,
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            shutil.copy(os.path.join(source, "target", "release", "tokio-relay"), folder)
        else:
            print("the Tokio relay cannot be built:\n%s" % done.stderr, file=sys.stderr)


def table(options: argparse.Namespace, setting: peers.Setting) -> tuple:
    """The peers that can run here, and the names that were asked for."""
    every = peers.load(options.peers_file)
    asked = options.peers.split(",") if options.peers else None
    for name in asked or []:
        if name not in every:
            raise peers.PeerError("--peers: %s is none of %s" % (name, ", ".join(every)))
    for name, peer in list(every.items()):
        why = peers.missing(peer, setting)
        if why:
            print("%s is left out: %s (loadtest/bootstrap.sh installs what is needed)" %
                  (name, why), file=sys.stderr)
            del every[name]
    return every, [name for name in asked if name in every] if asked else None


def check_quiet(options: argparse.Namespace) -> None:
    waiting = machine.pressure()
    if waiting > LOUD and not options.noisy:
        raise SystemExit("run.py: this machine is busy: somebody waits for a CPU %.0f %% of the "
                         "time. Figures would be worthless; --noisy measures all the same." %
                         (100 * waiting))


def campaign(options: argparse.Namespace, rows: list, setting: peers.Setting) -> dict:
    every, asked = table(options, setting)
    check_quiet(options)
    if os.path.exists(options.json):
        record = records.load(options.json)
    else:
        record = records.new(machine.describe(), {})
    record["versions"].update({name: peers.version(peer, setting) for name, peer in every.items()
                               if peer.version})
    defaults = FULL if options.full else QUICK
    takes_part = {row.name: [name for name in rounds.chosen(row, every, asked) if name in every]
                  for row in rows}
    count = options.rounds or defaults["rounds"]
    progress = rounds.Progress(count * sum(len(names) for names in takes_part.values()))
    work = rounds.Campaign(every, setting, record, options.json,
                           options.seconds or defaults["seconds"], count, progress, options.noisy)
    record["peers"].update({name: {"title": peer.title, "kind": peer.kind, "same_as": peer.same_as}
                            for name, peer in every.items()})
    for group in rounds.together(rows):
        work.measure(group, takes_part[group[0].name])
    progress.end()
    return record


def write(record: dict, out: str | None) -> None:
    text = report.text(record)
    print(text)
    if out is None:
        return
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "report.md"), "w", encoding="utf-8") as file:
        file.write(text)
    for line in plots.write(record, out):
        print(line, file=sys.stderr)


def main() -> int:
    options = arguments()
    measure.stop_on_signal()
    if options.merge:
        record = records.merge([records.load(path) for path in options.merge])
        records.save(record, options.json)
        write(record, options.out)
        return 0
    rows = select(scenario.load(scenario_paths(options.scenarios)), options)
    if options.list:
        for row in rows:
            print("%-20s %s%s" % (row.name, row.title, "  (quick)" if row.quick else ""))
        for peer in peers.load(options.peers_file).values():
            print("%-20s %s, %s" % (peer.name, peer.title, peer.kind))
        return 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        programs = options.programs or build(os.path.join(ROOT, ".cache", "loadtest"))
        build_tokio(programs)
        sluice = options.sluice or os.path.join(programs, "sluice")
        record = campaign(options, rows, peers.Setting(folder, os.path.abspath(sluice),
                                                       os.path.abspath(programs)))
    write(record, options.out)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (scenario.ScenarioError, peers.PeerError, records.RecordError,
            measure.RunError) as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
