"""The programs that a run needs: which they are, and building them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import peers

LOADTEST = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(LOADTEST)
CARGO = "/usr/bin/cargo"
TOKIO = "tokio-relay"
TOKIO_SOURCES = os.path.join(LOADTEST, "peers", "tokio")
SLUICE = "sluice"
# What Bazel builds, by the name of the program.
TARGETS = {
    "generator": "//loadtest/generator",
    "upstream": "//loadtest/upstream",
    "floor_epoll": "//loadtest/floors:floor_epoll",
    "floor_uring": "//loadtest/floors:floor_uring",
    SLUICE: "//proxy:sluice",
}


def needed(table: list) -> list:
    """The names of the programs that these peers, and every run, need."""
    names = ["generator", "upstream"]
    for peer in table:
        command = " ".join(peer.command[:1])
        found = re.fullmatch(r"\$programs/(\S+)", command)
        name = SLUICE if command == "$sluice" else found.group(1) if found else None
        if name and name not in names:
            names.append(name)
    return names


def build(folder: str, names: list) -> None:
    """Builds the programs and gathers them in the folder; says what it is doing."""
    os.makedirs(folder, exist_ok=True)
    by_bazel = [name for name in names if name in TARGETS]
    _say("building %s with Bazel ..." % ", ".join(by_bazel))
    begin = time.monotonic()
    subprocess.run(["bazel", "build", *(TARGETS[name] for name in by_bazel)], cwd=ROOT, check=True)
    for name in by_bazel:
        _replace(os.path.join(ROOT, "bazel-bin", path_of(TARGETS[name])),
                 os.path.join(folder, name))
    _say("built in %d s." % (time.monotonic() - begin))
    if TOKIO in names and _is_old(os.path.join(folder, TOKIO), TOKIO_SOURCES):
        _build_tokio(folder)


def _is_old(program: str, sources: str) -> bool:
    """Whether the program is missing, or older than one of its sources."""
    if not os.path.exists(program):
        return True
    made_at = os.path.getmtime(program)
    return any(os.path.getmtime(os.path.join(folder, name)) > made_at
               for folder, _, names in os.walk(sources) for name in names)


def path_of(target: str) -> str:
    """Where Bazel leaves a program, below bazel-bin."""
    package, _, name = target[2:].partition(":")
    return os.path.join(package, name or os.path.basename(package))


def _build_tokio(folder: str) -> None:
    """Builds the Tokio relay with Debian's cargo; without cargo the peer is left out later."""
    if not os.path.exists(CARGO):
        return
    _say("building the Tokio relay with cargo, which takes about a minute ...")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        source = shutil.copytree(TOKIO_SOURCES, os.path.join(work, "tokio"))
        done = subprocess.run([CARGO, "build", "--release", "--offline", "--quiet"], cwd=source,
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            _replace(os.path.join(source, "target", "release", TOKIO),
                     os.path.join(folder, TOKIO))
            _say("built in %d s." % (time.monotonic() - begin))
        else:
            _say("the Tokio relay cannot be built:\n%s" % done.stderr)


def _replace(source: str, target: str) -> None:
    if os.path.exists(target):
        os.remove(target)  # Bazel's outputs, and so their copies, are read-only
    shutil.copy(source, target)


def _say(text: str) -> None:
    print("run.py: " + text, file=sys.stderr, flush=True)
