#!/usr/bin/env python3
"""How much CPU time a reload takes, of Sluice and of every other proxy that can be told to reload.

    loadtest/reload_cost.py [--sluice PROGRAM ...] [--rounds N] [--reloads N] [--peers a,b]

Each proxy is started, told to reload so many times, each time with another limit of connections,
and ended; the same without reloads is subtracted. What counts is the CPU time of all its processes
and threads, also of those that a reload starts and ends, so a busy machine disturbs it less than
the time. Of several programs each has lines of its own, and all take turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner"))
import peers  # noqa: E402  pylint: disable=wrong-import-position
import programs  # noqa: E402  pylint: disable=wrong-import-position

PAUSE_S = 0.2  # between reloads; HAProxy and nginx start processes meanwhile
PATIENCE_S = 10


def used_ms() -> float:
    """By all programs that have been started here and have ended, with those that they started."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (found.ru_utime + found.ru_stime) * 1e3


def life_ms(peer: peers.Peer, setting: peers.Setting, reloads: int) -> float:
    """The CPU time of one life of a proxy."""
    before = used_ms()
    running = peers.begin(peer, setting, peers.Start(peers.free_port(), 2, 9500))
    try:
        for number in range(reloads):
            ready = running.ready
            with open(ready.config + ".new", "w", encoding="utf-8") as file:
                file.write(ready.texts[(number + 1) % 2])
            os.rename(ready.config + ".new", ready.config)
            running.process.send_signal(peer.reload_signal)
            time.sleep(PAUSE_S)
        time.sleep(1)  # a process that has been replaced ends
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(PATIENCE_S)
    finally:
        running.stop()
    return used_ms() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sluice", nargs="+", default=["bazel-bin/proxy/sluice"],
                        help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--reloads", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--peers", default="sluice,sluice_epoll,haproxy_master,nginx",
                        help="default: %(default)s")
    options = parser.parse_args()
    table = peers.load(os.path.join(programs.LOADTEST, "peers", "peers.toml"))
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name in options.peers.split(","):
            for program in options.sluice if table[name].kind == "self" else options.sluice[:1]:
                setting = peers.Setting(folder, os.path.abspath(program), "")
                why = peers.missing(table[name], setting)
                if why:
                    sys.exit("%s: %s" % (name, why))
                title = table[name].title
                if len(options.sluice) > 1 and table[name].kind == "self":
                    title += ", " + program
                cases.append((title, table[name], setting, []))
        for _ in range(options.rounds):
            for _, peer, setting, found in cases:
                idle = life_ms(peer, setting, 0)
                found.append((life_ms(peer, setting, options.reloads) - idle) / options.reloads)
    for title, _, _, found in cases:
        print("%-40s %6.2f ms CPU for a reload (%.2f to %.2f)"
              % (title, statistics.median(found), min(found), max(found)))


if __name__ == "__main__":
    main()
