#!/usr/bin/env python3
"""Judges the judge: every sin of the relay must fail its case, and the sinless relay none.

    test_mutants.py [--only drop_tail,nagle] [--no-baseline] [--repeat N]

Prints a line for each sin with the reason the suite gave, and last `N passed, M failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import List

from relay.sins import CATALOGUE

HERE = os.path.dirname(os.path.abspath(__file__))


def judge(sins: str, cases: str, families: str) -> List[dict]:
    """Runs the suite against the relay; returns its results."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, os.path.join(HERE, "run.py"), "--driver", "relay",
                   "--json", file.name]
        if sins:
            command += ["--sins", sins]
        if cases:
            command += ["--cases", cases]
        if families:
            command += ["--families", families]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = file.read()
        if not text:
            raise SystemExit("run.py said: " + done.stdout.decode(errors="replace"))
        return json.loads(text)["cases"]


def judge_baseline() -> bool:
    results = judge("", "", "")
    failed = [result for result in results if result["verdict"] == "fail"]
    count = sum(1 for result in results if result["verdict"] == "pass")
    print("%s  without sin: %d cases passed, %d failed"
          % ("FAIL" if failed else "pass", count, len(failed)), flush=True)
    for result in failed:
        print("      case %d: %s" % (result["number"], result["reason"]))
    return not failed


def judge_sin(name: str) -> bool:
    sin = CATALOGUE[name]
    result = judge(name, str(sin.case), sin.family)[0]
    caught = result["verdict"] == "fail"
    if result["verdict"] == "na":
        print("n/a   %-24s case %2d  %s" % (name, sin.case, result["reason"]), flush=True)
        return True
    print("%s  %-24s case %2d  %s" % ("pass" if caught else "FAIL", name, sin.case,
                                      result["reason"] or "NOT CAUGHT"), flush=True)
    return caught


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="sins, separated by commas")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, help="judge each that often")
    options = parser.parse_args()
    outcomes = []
    for _ in range(options.repeat):
        if not options.no_baseline:
            outcomes.append(judge_baseline())
        for name in options.only.split(",") if options.only else CATALOGUE:
            outcomes.append(judge_sin(name))
    print("%d passed, %d failed" % (outcomes.count(True), outcomes.count(False)))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
