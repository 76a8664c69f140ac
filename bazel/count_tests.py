#!/usr/bin/python3
"""Counts the test cases of one `bazel test` and prints "N passed, M failed".

    bazel/count_tests.py [--exit-code N] [events]

`events` is what Bazel wrote of that run (--build_event_json_file, bazel-events.json by default). It
names the test.xml of every target, so results of earlier runs are never counted, and results that
Bazel took from its cache are. The rules:

  - a target whose test.xml has cases counts as its cases, over all shards; cases that were skipped
    or not run count neither way;
  - a target without cases counts as one (Bazel writes a test.xml with one case for it);
  - a failed target counts as at least one failure: a test that timed out, crashed before it wrote
    its cases, or passed them all and then exited with an error (a leak, say);
  - a target that could not be built, test or not, is a failure;
  - a run that failed in another way (--exit-code is Bazel's), or that ran nothing, is a failure.

Exits with 0 when something ran and nothing failed, else with 1.
"""

import argparse
import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def read_events(path):
    """Yields Bazel's build events; none without the file, nor after an incomplete line."""
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, ValueError) as error:
        print(f"count_tests: {path}: {error}", file=sys.stderr)


def count_cases(path):
    """(passed, failed) of one test.xml; (0, 0) when it cannot be read."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return 0, 0
    passed = failed = 0
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.get("status") != "notrun" and case.find("skipped") is None:
            passed += 1
    return passed, failed


def count_result(result):
    """(passed, failed) of one shard of one target, from its testResult event."""
    passed = failed = 0
    for output in result.get("testActionOutput", []):
        if output["name"] == "test.xml" and "uri" in output:
            path = urllib.parse.urlparse(output["uri"]).path
            passed, failed = count_cases(urllib.parse.unquote(path))
    if result.get("status") in ("PASSED", "FLAKY"):
        return passed, failed
    # Of a test that failed only the failed cases mean something.
    return passed, max(failed, 1)


def count_run(events):
    """(passed, failed, labels that failed) of a whole run."""
    tests = set()  # labels of test targets
    broken = set()  # labels that could not be analysed or built
    results = {}  # (label, run, shard) -> its last attempt
    for event in events:
        (kind, id_), = event["id"].items()
        if kind == "targetConfigured" and "testSize" in event.get("configured", {}):
            tests.add(id_["label"])
        elif kind in ("targetConfigured", "targetCompleted") and "aborted" in event:
            broken.add(id_["label"])
        elif kind == "targetCompleted" and not event.get("completed", {}).get("success"):
            broken.add(id_["label"])
        elif kind == "testResult":
            key = (id_["label"], id_.get("run", 1), id_.get("shard", 1))
            attempt = id_.get("attempt", 1)
            if key not in results or attempt >= results[key][0]:
                results[key] = (attempt, event.get("testResult", {}))

    passed = 0
    failures = {}
    for (label, _, _), (_, result) in results.items():
        if result.get("status") == "NO_STATUS":
            continue  # built, but not run
        good, bad = count_result(result)
        passed += good
        if bad:
            failures[label] = failures.get(label, 0) + bad
    ran = {label for label, _, _ in results}
    for label in broken | (tests - ran):
        failures.setdefault(label, 1)
    return passed, sum(failures.values()), sorted(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", nargs="?", default="bazel-events.json")
    parser.add_argument("--exit-code", type=int, default=0, help="what bazel exited with")
    options = parser.parse_args()
    passed, failed, labels = count_run(read_events(options.events))
    for label in labels:
        print(f"failed: {label}")
    if failed == 0 and (options.exit_code != 0 or passed == 0):
        print(f"failed: the run itself (bazel exited with {options.exit_code})")
        failed = 1
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
