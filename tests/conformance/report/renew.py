"""The comparison that is kept in results/: judges its columns again and writes tables and picture.

A proxy's file is named after its driver. Cases that are judged again replace what the file has;
everything else stays, so that new cases, or one proxy, can be added to what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import List

from kernel import busy
from report import table

SUITE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(SUITE, "results")
README = os.path.join(SUITE, "..", "..", "README.md")
REJECTED = (" The results stay as they were; wait until the machine is quiet, or keep them all the "
            "same with --although-busy.")
# In the order of the table.
COLUMNS = ("sluice:io_uring", "sluice:epoll", "haproxy", "nginx", "nginx:half_close")


def renew(options: argparse.Namespace) -> int:
    """Judges the columns asked for; 1 if a proxy could not be judged."""
    columns = options.columns.split(",") if options.columns else list(COLUMNS)
    unknown = sorted(set(columns) - set(COLUMNS))
    if unknown:
        sys.exit("--columns: %s is none of %s" % (unknown[0], ", ".join(COLUMNS)))
    problem = busy.too_busy_to_begin(busy.denied())
    if problem and not options.although_busy:
        sys.exit(problem + REJECTED)
    for column in columns:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            subprocess.run(command(options, column, file.name), check=False)
            text = file.read()
        if not text:
            print("%s could not be judged: its results stay as they were" % column)
            return 1
        found = json.loads(text)
        problem = busy.was_too_busy(found.pop("taken"), [])
        if problem and not options.although_busy:
            sys.exit("%s: %s%s" % (column, problem, REJECTED))
        save(path_of(column), found)
    table.write(FOLDER, README, [path_of(column) for column in COLUMNS])
    return 0


def command(options: argparse.Namespace, column: str, path: str) -> List[str]:
    words = [sys.executable, os.path.join(SUITE, "run.py"), "--driver", column, "--json", path,
             "--haproxy", options.haproxy, "--nginx", options.nginx]
    for name in ("cases", "sluice"):
        if getattr(options, name):
            words += ["--" + name, getattr(options, name)]
    return words + (["--full"] if options.full else [])


def path_of(column: str) -> str:
    return os.path.join(FOLDER, column.replace(":", "-") + ".json")


def save(path: str, found: dict) -> None:
    """Writes what was found, and of what was there the cases that were not judged again."""
    try:
        with open(path) as file:
            kept = json.load(file)["cases"]
    except FileNotFoundError:
        kept = []
    cases = {case["number"]: case for case in kept + found["cases"]}
    found["cases"] = [cases[number] for number in sorted(cases)]
    with open(path, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
