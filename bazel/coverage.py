#!/usr/bin/python3
"""Reads what llvm-cov exports and prints what the tests reached, for bazel/coverage.sh.

    bazel/coverage.py LCOV JSON FOLDER...

A template counts once, however many types instantiate it: a line is reached if one instance
reaches it. A branch is one outcome, true or false, of one condition. Of what llvm-cov counts,
these are left out: a line with nothing but brackets, which is reached only at the end of its
block, and the outcome "no case" of a `switch` that names all values.
"""

import collections
import functools
import json
import os
import subprocess
import sys


def own_path(path, folders):
    """The path in this repository, or None when it is in none of the folders."""
    path = os.path.relpath(path)
    return path if path.split("/")[0] in folders else None


@functools.cache
def source(path):
    with open(path) as file:
        return file.read().split("\n")


def only_brackets(path, line):
    return not source(path)[line - 1].strip(" })];,")


def switched_on(path, line, column):
    return source(path)[line - 1][:column - 1].endswith("switch (")


def read_lines(path, folders):
    """{file: {line: count}}"""
    files = collections.defaultdict(collections.Counter)
    lines = None
    with open(path) as records:
        for record in records:
            kind, _, rest = record.strip().partition(":")
            if kind == "SF":
                name = own_path(rest, folders)
                lines = files[name] if name else None
            elif kind == "DA" and lines is not None:
                line, count = map(int, rest.split(",")[:2])
                if not only_brackets(name, line):
                    lines[line] += count
    return files


def read_branches_and_functions(path, folders):
    """{file: {(place, outcome): count}} and {file: {place: (count, name)}}"""
    branches = collections.defaultdict(collections.Counter)
    functions = collections.defaultdict(dict)
    with open(path) as file:
        data = json.load(file)["data"][0]
    for function in data["functions"]:
        names = [own_path(each, folders) for each in function["filenames"]]
        for branch in function["branches"]:
            where = names[branch[6]]
            if where:
                place = tuple(branch[:4])
                if not switched_on(where, *place[:2]):
                    branches[where][place, True] += branch[4]
                branches[where][place, False] += branch[5]
        region = function["regions"][0]
        where, place = names[region[5]], tuple(region[:2])
        if where:
            count = function["count"] + functions[where].get(place, (0, ""))[0]
            functions[where][place] = count, function["name"].rpartition(":")[2]
    return branches, functions


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3 7"."""
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def demangled(name):
    return subprocess.run(["llvm-cxxfilt-19", name], capture_output=True, text=True,
                          check=True).stdout.strip()


def share(reached, total):
    return f"{reached} of {total} | {100 * reached / total:.1f} %" if total else "– | –"


def main():
    lcov, exported, *folders = sys.argv[1:]
    lines = read_lines(lcov, folders)
    branches, functions = read_branches_and_functions(exported, folders)

    print("Functions never called:")
    for file in sorted(functions):
        for (line, _), (count, name) in sorted(functions[file].items()):
            if count == 0:
                print(f"  {file}:{line} {demangled(name)}")
    print("\nLines never run, and outcomes of conditions that never came:")
    for file in sorted(lines):
        missed = {line for line, count in lines[file].items() if count == 0}
        if missed:
            print(f"  {file}: {ranges(missed)}")
        outcomes = sorted((place[0], place[1], str(outcome).lower())
                          for (place, outcome), count in branches[file].items() if count == 0)
        for line, column, outcome in outcomes:
            if line not in missed:
                print(f"  {file}:{line}:{column} never {outcome}")

    print("\n| | lines | | branches | |\n|---|--:|--:|--:|--:|")
    totals = collections.Counter()
    for group in [*sorted(lines), *(folder + "/" for folder in folders), "all"]:
        figures = totals
        if group in lines:
            figures = collections.Counter({
                "lines": len(lines[group]), "run": sum(map(bool, lines[group].values())),
                "branches": len(branches[group]),
                "taken": sum(map(bool, branches[group].values()))})
            totals.update({(group.split("/")[0] + "/", key): n for key, n in figures.items()})
            totals.update({("all", key): n for key, n in figures.items()})
        else:
            figures = {key: n for (name, key), n in totals.items() if name == group}
        if figures:
            print(f"| `{group}` | {share(figures['run'], figures['lines'])} "
                  f"| {share(figures['taken'], figures['branches'])} |")


main()
