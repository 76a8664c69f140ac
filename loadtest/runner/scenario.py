"""Scenarios: TOML files that say what is measured; README.md lists their keys.

A file is one row, or several when it has a [sweep]. Mistakes are reported as FILE:LINE: message.
"""

from __future__ import annotations

import copy
import os
import re
import tomllib
from dataclasses import dataclass, field

import measures

PLACES = {
    "one_core": "all on one CPU, saturated",
    "split": "the generator on one CPU, upstream and proxy on another",
    "proxy_alone": "generator and upstream on one CPU, the proxy on another",
    "free": "nothing is pinned",
}
FIGURES = ("cpu", "latency", "memory", "rate", "several")
UNITS = ("request", "connection", "GB", "write")
SHAPES = ("closed", "open", "churn", "storm", "bulk", "idle", "slow")
CLOSES = ("fin", "reset")
DIRECTIONS = ("down", "up", "both")
UPSTREAMS = ("framed", "echo", "sink", "source", "http")
DRIVERS = ("generator", "wrk", "iperf3", "start")
CHOSEN = ("spread", "one_worker")
SWEPT_OF_ROW = ("workers", "feature", "chosen", "reloads", "burst_us")
SWEPT = ("connections", "rate", "answer_bytes", "pipeline") + SWEPT_OF_ROW

RATE_OF_ROW = re.compile(r"^(\d{1,3})% of (\S+)$")


class ScenarioError(Exception):
    """A mistake in a scenario file; the message names the file and the line."""


@dataclass
class Row:
    """One load, measured for every peer."""

    name: str
    title: str
    figure: str
    place: str
    unit: str
    groups: list
    of: str  # the group whose figures count
    driver: str = "generator"
    upstream: str = "framed"
    workers: int = 1
    seconds: float | None = None
    warmup: float = 0.4
    spin: bool = False
    quick: bool = False
    socket_buffer: int = 0  # bytes, of generator's and upstream's sockets; 0 = the kernel's
    endless_part: int = 0   # bytes of an answer without end that are written at once; 0 = all
    peers: list | None = None
    shows: list | None = None  # figures by name; those of `figure`
    picture: str = ""   # the figure that is drawn of a row with several
    feature: str = ""   # of features.toml; what is switched on
    priority: list = field(default_factory=list)  # groups with a generator and an upstream apart
    chosen: str = ""    # which of many connections are used: of one worker, or of all
    threads: int = 1    # of wrk
    reloads: int = 0    # of the proxy, while it is measured
    burst_us: int = 0   # instead of each: so much CPU time that another program uses
    rounds: int | None = None  # at most
    sweep: tuple | None = None  # (name of the scenario, key, value)

    @property
    def connections(self) -> int:
        return sum(group["connections"] for group in self.groups)


@dataclass
class _Source:
    """The text of a file, in which the line of a key can be found."""

    path: str
    text: str
    lines: dict = field(default_factory=dict)

    def __post_init__(self):
        table, counts = (), {}
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*(\[\[?)\s*([\w.]+)\s*\]", line)
            key = re.match(r"\s*([\w-]+)\s*=", line)
            if header:
                name = header.group(2)
                counts[name] = counts.get(name, 0) + 1
                table = (name, counts[name])
                self.lines[table] = number
            elif key:
                self.lines[table + (key.group(1),)] = number

    def error(self, where: tuple, message: str) -> ScenarioError:
        """`where` is a path such as ("group", 2, "shape"); the nearest known line is named."""
        while where and where not in self.lines:
            where = where[:-1]
        return ScenarioError("%s:%d: %s" % (self.path, self.lines.get(where, 1), message))


class _Table:
    """Takes checked values out of one table; a key that is left at the end is unknown."""

    def __init__(self, source: _Source, values: dict, where: tuple = ()):
        self.source = source
        self.values = dict(values)
        self.where = where

    def fail(self, key: str, message: str) -> ScenarioError:
        return self.source.error(self.where + (key,), "%s: %s" % (key, message))

    def take(self, key: str, kind, default=None, required: bool = False):
        if key not in self.values:
            if required:
                raise self.fail(key, "is missing")
            return default
        value = self.values.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if isinstance(value, bool) and bool not in kinds or not isinstance(value, kinds):
            names = " or ".join(one.__name__ for one in kinds)
            raise self.fail(key, "%r is no %s" % (value, names))
        return value

    def word(self, key: str, allowed, default=None, required: bool = False):
        value = self.take(key, str, default, required)
        if value is not None and value not in allowed:
            raise self.fail(key, "%r is none of %s" % (value, ", ".join(allowed)))
        return value

    def number(self, key: str, default, least, most, kind=int):
        value = self.take(key, (int, float) if kind is float else int, default)
        if value is not None and not least <= value <= most:
            raise self.fail(key, "%s is not from %s to %s" % (value, least, most))
        return value

    def end(self) -> None:
        for key in self.values:
            raise self.fail(key, "is not a known key")


def _rate(table: _Table, shape: str):
    rate = table.take("rate", (int, float, str), 0)
    if isinstance(rate, str) and not RATE_OF_ROW.match(rate):
        raise table.fail("rate", '%r is neither a number nor such as "50%% of peak"' % rate)
    if shape == "open" and (rate == 0 or not isinstance(rate, str) and rate < 0):
        raise table.fail("rate", "an open loop needs one above 0")
    return rate


def _group(source: _Source, values: dict, number: int) -> dict:
    table = _Table(source, values, ("group", number))
    shape = table.word("shape", SHAPES, required=True)
    group = {
        "shape": shape,
        "name": table.take("name", str, shape),
        "connections": table.number("connections", 1, 1, 1_000_000),
        "request_bytes": table.number("request_bytes", 64, 24, 1 << 30),
        "answer_bytes": table.number("answer_bytes", 64, 8, 1 << 30),
        "rate": _rate(table, shape),
        "direction": table.word("direction", DIRECTIONS, "down"),
        "read_rate": table.number("read_rate", 0, 0, 1 << 30),
        "pipeline": table.number("pipeline", 1, 1, 1024),
        "write_bytes": table.number("write_bytes", 0, 0, 1 << 30),
        "close": table.word("close", CLOSES, "fin"),
        "lasts": table.number("lasts", 0, 0, 600, float),
    }
    if group["write_bytes"] and group["direction"] != "up":
        raise table.fail("write_bytes", "it is for streams that go up")
    table.end()
    return group


def _groups(source: _Source, top: _Table) -> list:
    raw = top.take("group", list, [])
    if not raw:
        raise source.error((), "there is no [[group]]")
    groups = [_group(source, values, number) for number, values in enumerate(raw, 1)]
    names = [group["name"] for group in groups]
    for number, name in enumerate(names, 1):
        if name in names[:number - 1]:
            raise source.error(("group", number, "name"), "name: two groups are named %r" % name)
    return groups


def _expand(source: _Source, row: Row, sweep: dict | None) -> list:
    if sweep is None:
        return [row]
    table = _Table(source, sweep, ("sweep", 1))
    key = table.word("key", SWEPT, required=True)
    values = table.take("values", list, required=True)
    swept = table.word("group", [group["name"] for group in row.groups], row.of)
    table.end()
    rows = []
    for value in values:
        one = copy.deepcopy(row)
        one.name = "%s@%s" % (row.name, str(value).split("%", maxsplit=1)[0])
        one.sweep = (row.name, key, value)
        if key in SWEPT_OF_ROW:
            setattr(one, key, value)
        else:
            next(group for group in one.groups if group["name"] == swept)[key] = value
        rows.append(one)
    return rows


def parse(path: str, text: str) -> list:
    """The rows of a scenario."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = ":%s:%s" % place.groups() if place else ""
        raise ScenarioError("%s%s: %s" % (path, line, str(error).split(" (at ")[0]))
    source = _Source(path, text)
    top = _Table(source, values)
    groups = _groups(source, top)
    names = [group["name"] for group in groups]
    row = Row(
        name=os.path.splitext(os.path.basename(path))[0],
        title=top.take("title", str, required=True),
        figure=top.word("figure", FIGURES, required=True),
        place=top.word("place", PLACES, required=True),
        unit=top.word("unit", UNITS, "request"),
        groups=groups,
        of=top.word("of", names, names[0]),
        driver=top.word("driver", DRIVERS, "generator"),
        upstream=top.word("upstream", UPSTREAMS, "framed"),
        workers=top.number("workers", 1, 1, 256),
        seconds=top.number("seconds", None, 0.05, 3600, float),
        warmup=top.number("warmup", 0.4, 0, 600, float),
        spin=top.take("spin", bool, False),
        quick=top.take("quick", bool, False),
        socket_buffer=top.number("socket_buffer", 0, 0, 1 << 30),
        endless_part=top.number("endless_part", 0, 0, 1 << 30),
        peers=top.take("peers", list),
        shows=top.take("shows", list),
        picture=top.take("picture", str, ""),
        feature=top.take("feature", str, ""),
        priority=top.take("priority", list, []),
        chosen=top.word("chosen", CHOSEN) or "",
        threads=top.number("threads", 1, 1, 64),
        reloads=top.number("reloads", 0, 0, 10_000),
        burst_us=top.number("burst_us", 0, 0, 1_000_000),
        rounds=top.number("rounds", None, 1, 1000),
    )
    sweep = top.take("sweep", dict)
    top.end()
    _check(top, row)
    return _expand(source, row, sweep)


def _check(top: _Table, row: Row) -> None:
    """What the keys of a scenario do not allow each other."""
    as_dict = {"groups": row.groups, "of": row.of}
    for name in row.shows or []:
        group, what = measures.split(as_dict, name)
        if what not in measures.MEASURES:
            raise top.fail("shows", "%r is none of %s" % (name, ", ".join(measures.MEASURES)))
        if measures.MEASURES[what].of_machine and what != name:
            raise top.fail("shows", "%r is no figure of the group %s" % (what, group))
    if row.figure == "several" and not row.shows:
        raise top.fail("shows", "a row with several figures names them")
    if row.picture and row.picture not in (row.shows or []):
        raise top.fail("picture", "%r is not among the figures that it shows" % row.picture)
    names = [group["name"] for group in row.groups]
    for name in row.priority:
        if name not in names:
            raise top.fail("priority", "%r is none of %s" % (name, ", ".join(names)))
    if row.priority and (row.of not in row.priority or row.figure == "memory" or
                         len(row.priority) == len(names)):
        raise top.fail("priority", "it is for the group that counts, beside others")
    if row.driver == "wrk" and row.upstream != "http":
        raise top.fail("driver", "wrk needs upstream = \"http\"")


def load(paths: list) -> list:
    """The rows of several files, in order."""
    rows = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            raise ScenarioError("%s: %s" % (path, error.strerror))
        rows += parse(path, text)
    return rows
