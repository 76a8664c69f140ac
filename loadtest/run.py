#!/usr/bin/env python3
"""Measures Sluice side by side with other TCP proxies on this machine: `run.py --help` says how."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner"))

import command_line  # it is in runner/

if __name__ == "__main__":
    sys.exit(command_line.main())
