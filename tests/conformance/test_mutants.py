#!/usr/bin/env python3
"""Judges the judge: every sin of the relay must fail its case, and the reason must name it.

    test_mutants.py [--only drop_tail,nagle] [--jobs N] [--repeat N]

Prints a line for each sin with the reason the suite gave, and last `N passed, M failed`. That the
relay without sin passes every case is for `run.py --driver relay` to show.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import Tuple

from relay.sins import CATALOGUE
from report import junit

HERE = os.path.dirname(os.path.abspath(__file__))


def judge(sins: str, case: int, family: str) -> dict:
    """Runs one case against the relay; returns the result."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "run.py"), "--driver", "relay", "--json", file.name,
             "--sins", sins, "--cases", str(case), "--families", family],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = file.read()
        if not text:
            raise SystemExit("run.py said: " + done.stdout.decode(errors="replace"))
        return json.loads(text)["cases"][0]


def judge_sin(name: str) -> Tuple[str, str, str, float]:
    """The name, "pass" if the sin is caught and rightly named, what was said, seconds."""
    sin = CATALOGUE[name]
    start = time.monotonic()
    result = judge(name, sin.case, sin.family)
    reason = result["reason"] or "NOT CAUGHT"
    caught = result["verdict"] == "fail" and re.search(sin.says, reason)
    verdict = "na" if result["verdict"] == "na" else "pass" if caught else "fail"
    return name, verdict, reason, time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="sins, separated by commas")
    parser.add_argument("--jobs", type=int, default=6, help="how many at a time; most only wait")
    parser.add_argument("--repeat", type=int, default=1, help="judge each that often")
    options = parser.parse_args()
    names = (options.only.split(",") if options.only else list(CATALOGUE)) * options.repeat
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(judge_sin, names):
            name, verdict, reason, seconds = outcome
            print("%-4s %-24s case %2d %5.1f s  %s" % (
                {"pass": "pass", "fail": "FAIL", "na": "n/a"}[verdict], name, CATALOGUE[name].case,
                seconds, reason), flush=True)
            outcomes.append(outcome)
    if "XML_OUTPUT_FILE" in os.environ:  # Bazel's
        junit.write(os.environ["XML_OUTPUT_FILE"], "mutants", outcomes)
    count = {word: sum(1 for outcome in outcomes if outcome[1] == word) for word in
             ("pass", "fail")}
    print("%d passed, %d failed" % (count["pass"], count["fail"]))
    return 1 if count["fail"] else 0


if __name__ == "__main__":
    sys.exit(main())
