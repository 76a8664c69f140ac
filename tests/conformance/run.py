#!/usr/bin/env python3
"""Runs the conformance suite against one TCP proxy, or merges results into a table.

    run.py --driver haproxy [--cases 1-22,26] [--families tcp4,unix] [--json FILE] [--full]
    run.py --list
    run.py --table DIR [--readme FILE] result.json result.json ...
    run.py --renew --sluice PROGRAM [--columns haproxy,nginx] [--cases 68-76]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from typing import List, Optional

from case import Case, Trial
from cases import ALL
from drivers.command import Command
from drivers.driver import Driver
from drivers.haproxy import HAProxy
from drivers.nginx import Nginx
from drivers.relay import Relay
from drivers.sluice import Sluice
from kernel import busy, procs
from kernel.net import FAMILIES, FAMILY_FEATURE, usable
from report import junit, renew, table
from verdict import Failed, Late, NotApplicable

DRIVERS = {
    "sluice": lambda options: Sluice(options, "io_uring"),
    "sluice:io_uring": lambda options: Sluice(options, "io_uring"),
    "sluice:epoll": lambda options: Sluice(options, "epoll"),
    "haproxy": HAProxy,
    "nginx": Nginx,
    "nginx:half_close": lambda options: Nginx(options, half_close=True),
    "relay": Relay,
    "command": Command,
}
WORDS = {"pass": "pass", "fail": "FAIL", "na": "n/a "}


@dataclass
class Result:
    """The verdict on one case, over all the families it ran on."""

    number: int
    title: str
    verdict: str  # "pass" | "fail" | "na"
    reason: str
    notes: List[str]
    seconds: float
    late: bool = False  # it failed because bounds of time were missed, and is saved without this


def run_case(case: Case, driver: Driver, options: argparse.Namespace) -> Result:
    start = time.monotonic()
    outcomes, notes, late = [], [], False
    families = options.families.split(",")
    for family in [name for name in case.families if name in families]:
        verdict, reason, said, missed = run_trial(case, driver, family, options)
        late |= missed
        prefix = family + ": " if len(case.families) > 1 and verdict != "na" else ""
        outcomes.append((verdict, prefix + reason))
        notes += [prefix + text for text in said]
    seconds = round(time.monotonic() - start, 1)
    for verdict in ("fail", "pass", "na"):
        reasons = [reason for found, reason in outcomes if found == verdict]
        if reasons:
            text = "; ".join(dict.fromkeys(reasons)) if verdict != "pass" else ""
            return Result(case.number, case.title, verdict, text, list(dict.fromkeys(notes)),
                          seconds, late)
    return Result(case.number, case.title, "na", "none of its families was asked for", [], seconds)


def run_trial(case: Case, driver: Driver, family: str, options: argparse.Namespace):
    """One case on one family: verdict, reason, notes, and whether it failed by time alone."""
    for feature in case.needs + (FAMILY_FEATURE[family],):
        if feature in driver.lacks:
            return "fail" if options.demand else "na", driver.lacks[feature], [], False
    if not usable(family):
        return "na", "this machine has no " + family, [], False
    missed = False
    for attempt in range(1, options.attempts + 1):
        try:
            verdict, reason, notes = attempt_trial(case, driver, family, options)
            missed = False
        except Late as late:
            verdict, reason, notes, missed = "fail", str(late), [], True
            continue
        break
    if attempt > 1:
        notes.append("judged %d times: bounds of time were missed" % attempt)
    return verdict, reason, notes, missed


def attempt_trial(case: Case, driver: Driver, family: str, options: argparse.Namespace):
    scratch = tempfile.mkdtemp(prefix="conf-")
    trial = Trial(driver, family, options.full, scratch)
    try:
        case.run(trial)
        trial.check_survivors()
        return "pass", "", trial.notes
    except NotApplicable as reason:
        return "na", str(reason), trial.notes
    except Late:
        raise
    except Failed as reason:
        return "fail", str(reason), trial.notes
    except Exception as error:  # a script that stumbles has not shown that the proxy is right
        if options.verbose:
            traceback.print_exc()
        return "fail", "%s: %s" % (type(error).__name__, error), trial.notes
    finally:
        trial.close()
        procs.end_orphans()
        shutil.rmtree(scratch, ignore_errors=True)


def chosen_cases(text: Optional[str]) -> List[Case]:
    """The cases named by a list like `1-22,26`; all of them without one."""
    if not text:
        return ALL
    numbers = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return [case for case in ALL if case.number in numbers]


def print_result(result: Result, show_notes: bool) -> None:
    line = "%s %3d  %-62s %5.1f s" % (WORDS[result.verdict], result.number, result.title,
                                     result.seconds)
    print(line + ("\n          " + result.reason if result.reason else ""), flush=True)
    for note in result.notes if show_notes else []:
        print("          (%s)" % note, flush=True)


def say(sentence: str) -> None:
    if sentence:
        print(sentence, flush=True)


def raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def save(path: str, options, driver: Driver, results: List[Result], taken: float) -> None:
    report = {"proxy": driver.version(), "driver": options.driver,
              "mode": "full" if options.full else "quick", "date": time.strftime("%Y-%m-%d"),
              "kernel": platform.release().split("-")[0], "taken": round(taken, 3),
              "cases": [asdict(result) for result in results]}
    for case in report["cases"]:
        del case["late"]
    with open(path, "w") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--driver", choices=sorted(DRIVERS), help="the proxy to judge")
    parser.add_argument("--cases", help="such as 1-22,26; default: all")
    parser.add_argument("--families", default=",".join(FAMILIES), help="default: %(default)s")
    parser.add_argument("--demand", action="store_true",
                        help="a case that the proxy has no option for fails")
    parser.add_argument("--attempts", type=int, default=3,
                        help="at a case that misses bounds of time; default: %(default)s")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="sizes for CI (the default)")
    size.add_argument("--full", action="store_true", help="the original sizes and spans")
    parser.add_argument("--json", metavar="FILE", help="write the results there, too")
    parser.add_argument("--list", action="store_true", help="print the cases and what they say")
    parser.add_argument("--verbose", action="store_true", help="notes with figures; tracebacks")
    parser.add_argument("--table", metavar="DIR", help="merge result files into DIR/table.*")
    parser.add_argument("--readme", metavar="FILE", default="",
                        help="with --table: put the short table there, between its two markers")
    parser.add_argument("--renew", action="store_true",
                        help="judge the proxies of results/ again, write its tables and README's")
    parser.add_argument("--columns", help="with --renew: only these drivers")
    parser.add_argument("--although-busy", action="store_true",
                        help="with --renew: keep results of a busy machine, too")
    parser.add_argument("results", nargs="*", help="result files for --table")
    parser.add_argument("--sluice", metavar="PROGRAM", help="default: $SLUICE, then sluice")
    parser.add_argument("--haproxy", metavar="PROGRAM", default="haproxy")
    parser.add_argument("--nginx", metavar="PROGRAM", default="nginx")
    parser.add_argument("--command", metavar="LINE", help="for --driver command")
    parser.add_argument("--sins", default="", help="for --driver relay: mutant_relay.py's flags")
    return parser.parse_args()


def list_cases(cases: List[Case], verbose: bool) -> None:
    for case in cases:
        print("%3d  %s  [%s]" % (case.number, case.title, ", ".join(case.families)))
        if verbose:
            print("     " + (case.run.__doc__ or "").strip() + "\n")


def main() -> int:
    options = parse_options()
    cases = chosen_cases(options.cases)
    if options.list:
        list_cases(cases, options.verbose)
        return 0
    if options.table:
        table.write(options.table, options.readme, options.results)
        return 0
    if options.renew:
        return renew.renew(options)
    if not options.driver:
        sys.exit("one of --driver, --list, --table, --renew is needed")
    driver = DRIVERS[options.driver](options)
    problem = driver.unavailable()
    if problem:
        sys.exit("cannot run %s: %s" % (options.driver, problem))
    raise_descriptor_limit()
    procs.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: no proxy is left behind
    print("%s, %s sizes, Linux %s" % (driver.version(), "full" if options.full else "quick",
                                      platform.release()))
    if options.driver != "relay":  # it is run some eighty times in a row, and no peer
        say(busy.too_busy_to_begin(busy.denied()))
    watch = busy.Watch()
    results = []
    for case in cases:
        results.append(run_case(case, driver, options))
        print_result(results[-1], options.verbose)
    taken = watch.share()
    say(busy.was_too_busy(taken, [result.number for result in results if result.late]))
    if options.json:
        save(options.json, options, driver, results, taken)
    if "XML_OUTPUT_FILE" in os.environ:  # Bazel's
        junit.write(os.environ["XML_OUTPUT_FILE"], options.driver,
                    [("case %d: %s" % (r.number, r.title), r.verdict, r.reason, r.seconds)
                     for r in results])
    count = {word: sum(1 for r in results if r.verdict == word) for word in WORDS}
    print("%d not applicable" % count["na"])
    print("%d passed, %d failed" % (count["pass"], count["fail"]))
    return 1 if count["fail"] else 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main())
