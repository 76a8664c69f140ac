#!/usr/bin/env python3
"""A small relay that behaves well, or sins on demand: what the suite itself is tested against.

    mutant_relay.py --config FILE --log FILE [--sins drop_tail,nagle]
    mutant_relay.py --list
"""

from __future__ import annotations

import argparse
import json
import sys

from relay.admin import ask_to_reload
from relay.server import Relay, needs_io_uring
from relay.sins import CATALOGUE, Sins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", help="a JSON file with the fields of config.Config")
    parser.add_argument("--log", help="where the access log goes")
    parser.add_argument("--admin", default="", help="where its operator's socket is; none without")
    parser.add_argument("--reload", metavar="SOCKET", help="have a relay reload; exit as it did")
    parser.add_argument("--sins", default="", help="names from --list, separated by commas")
    parser.add_argument("--list", action="store_true", help="print the sins")
    options = parser.parse_args()
    if options.list:
        for name, sin in CATALOGUE.items():
            print("%-24s case %2d  %s" % (name, sin.case, sin.wrong))
        return
    if options.reload:
        sys.exit(ask_to_reload(options.reload))
    sins = Sins(options.sins)
    if sins.has("need_io_uring"):
        needs_io_uring()
    with open(options.config) as file:
        config = json.load(file)
    Relay(config, options.config, options.log, options.admin, sins).loop.run()


if __name__ == "__main__":
    main()
