"""The record: everything that was measured, as one JSON file; several can be merged."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import asdict

from scenario import Row

FORMAT = 1
# What a record says about a peer.
OF_PEER = ("title", "kind", "same_as", "column", "variant", "ruler_of", "only")


class RecordError(Exception):
    """A file that is not a record, or a record that does not fit to another."""


def new(machine: dict, versions: dict) -> dict:
    return {"format": FORMAT, "machine": machine, "versions": versions, "peers": {},
            "rows": {}}


def date(record: dict, commit: str) -> None:
    """Notes that the record is measured today, with a Sluice of this commit if that is known."""
    record["date"] = time.strftime("%Y-%m-%d")
    if commit:
        record["commit"] = commit


def load(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError) as error:
        raise RecordError("%s: %s" % (path, error))
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RecordError("%s: the file is not a record of format %d" % (path, FORMAT))
    return record


def save(record: dict, path: str) -> None:
    """Replaces the file as a whole: a record is never incomplete."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
        json.dump(record, file, indent=1)
        file.write("\n")
    os.replace(file.name, path)


def entry(record: dict, row: Row) -> dict:
    """The entry of a row's runs; a new one when the record has none yet."""
    return record["rows"].setdefault(row.name, {"row": asdict(row), "runs": [], "failed": {}})


def done(record: dict, row: str, peer: str, number: int) -> bool:
    """False also for a disturbed run, which is made again."""
    runs = record["rows"].get(row, {"runs": []})["runs"]
    return any(run["peer"] == peer and run["round"] == number and not run["disturbed"]
               for run in runs)


def note(entry_: dict, run: dict) -> None:
    """Adds a run; it replaces an earlier one of the same peer and round."""
    entry_["runs"] = [other for other in entry_["runs"]
                      if (other["peer"], other["round"]) != (run["peer"], run["round"])] + [run]
    entry_["failed"].pop(run["peer"], None)


def merge(records: list) -> dict:
    """One record of several. The rounds of a row are numbered on over the records, because only
    runs of the same record are compared within a round."""
    merged = new(records[0]["machine"], {})
    for record in records:
        if record["machine"] != merged["machine"]:
            raise RecordError("these records are of different machines: %s and %s" %
                              (merged["machine"], record["machine"]))
        merged["versions"].update(record["versions"])
        for key in ("date", "commit"):
            if record.get(key):
                merged[key] = record[key]  # the last one's
        merged["peers"].update(record["peers"])
        for name, added in record["rows"].items():
            entry_ = merged["rows"].setdefault(name, {"row": added["row"], "runs": [],
                                                       "failed": {}})
            if entry_["row"]["groups"] != added["row"]["groups"]:
                raise RecordError("the row %s has different loads in these records" % name)
            entry_["failed"].update(added["failed"])
            first = 1 + max((run["round"] for run in entry_["runs"]), default=-1)
            entry_["runs"] += [{**run, "round": first + run["round"]} for run in added["runs"]]
    return merged
