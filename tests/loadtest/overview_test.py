"""The table of all rows: a peer that is ahead has its mark, and the mark its explanation."""

import glob
import os
import unittest

import compare
import explanations
import figures
import measures
import overview
import peers
import record as records
import report
import scenario
import tables
from record_test import make, run

LOADTEST = os.path.dirname(os.path.dirname(os.path.abspath(report.__file__)))
SEVERAL = '''title = "t"
figure = "several"
place = "split"
shows = ["p99", "rate", "other.mb_s", "other.p99.9", "memory_after", "evenness"]
workers = 2
[[group]]
shape = "closed"
[[group]]
name = "other"
shape = "bulk"
'''


def measured(**p99) -> dict:
    """Four rounds of a row with several figures; the p99 of each peer, else 100 µs."""
    record = make([])
    del record["rows"]["peak"]
    (row,) = scenario.parse("some.toml", SEVERAL)
    entry = records.entry(record, row)
    for number in range(4):
        for peer in ("direct", "ours", "theirs", "again"):
            one = run(peer, number, 1000)
            one["groups"]["closed"]["latency"]["quantiles_us"] = [
                [0.5, 10.0], [0.99, p99.get(peer, 100.0)], [0.999, 300.0]]
            one["groups"]["other"] = {"done": 0, "bytes_up": 0, "bytes_down": 8_000_000,
                                      "seconds": 4.0, "errors": {"broken": 0},
                                      "latency": {"quantiles_us": [[0.999, 7.0]]}}
            one["memory"] = {"memory_after": 2.0}
            one["cpu"]["threads"] = [0.6, 0.2, 0.1]
            entry["runs"].append(one)
    return record


def cell(text: str, line: str, column: str) -> str:
    """A cell of the table of all rows."""
    rows = [[one.strip() for one in words.split("|")] for words in text.splitlines()
            if words.startswith("|")]
    head = next(words for words in rows if words[1] == "row")
    return next(words for words in rows if "%s, %s" % (words[1], words[2]) == line)[
        head.index(column)]


class Marks(unittest.TestCase):
    def test_every_figure_of_every_peer_is_a_cell(self):
        text = report.text(measured())
        self.assertEqual(cell(text, "some, p99, µs", "THEIRS"), "100")
        self.assertEqual(cell(text, "some, rate, requests/s", "OURS"), "1000")
        self.assertEqual(cell(text, "some, other: throughput, MB/s", "OURS"), "2.00")
        self.assertEqual(cell(text, "some, other: p99.9, µs", "OURS"), "7.00")
        self.assertEqual(cell(text, "some, memory kept afterwards (Pss), MB", "direct".upper()),
                         "–")
        self.assertEqual(cell(text, "some, p99, µs", "A/A"), "1.00 to 1.00")
        self.assertIn("No peer is ahead in any cell.", text)

    def test_a_peer_that_is_ahead_is_unexplained_without_a_line(self):
        text = report.text(measured(theirs=50.0))
        self.assertEqual(cell(text, "some, p99, µs", "THEIRS"), "50.0 ‡1")
        self.assertIn("- ‡1 unexplained (some p99, THEIRS before OURS by 2.00 ×)", text)

    def test_and_has_its_explanation_with_one(self):
        known = explanations.parse("f", "other | p99 | theirs | no\nsome | p9* | theirs | so it is")
        text = report.text(measured(theirs=50.0), known)
        self.assertEqual(cell(text, "some, p99, µs", "THEIRS"), "50.0 †1")
        self.assertIn("- †1 so it is (some p99, THEIRS before OURS by 2.00 ×)", text)
        self.assertNotIn("unexplained (", text)

    def test_an_explanation_that_no_cell_needs_is_told(self):
        known = explanations.parse("f", "some | p99 | theirs | a\nsome | rate | theirs | b\n"
                                        "other | rate | theirs | not measured\n* | * | * | any")
        self.assertEqual([one.line for one in overview.unused(measured(theirs=50.0), known)], [2])

    def test_within_the_control_nothing_is_marked(self):
        # The same proxy was 2.5 times apart from itself: twice as fast means nothing.
        text = report.text(measured(theirs=50.0, again=250.0))
        self.assertEqual(cell(text, "some, p99, µs", "THEIRS"), "50.0")
        self.assertEqual(cell(text, "some, p99, µs", "A/A"), "2.50 to 2.50")

    def test_tells_where_we_are_ahead(self):
        text = report.text(measured(theirs=200.0))
        self.assertIn("- Ahead of every other proxy (1): some p99.", text)
        self.assertIn("- Behind at least one (0): none.", text)
        self.assertIn("- Behind at least one (1): some p99.", report.text(measured(theirs=50.0)))

    def test_what_only_explains_is_not_judged(self):
        record = measured()
        for one in record["rows"]["some"]["runs"]:
            if one["peer"] == "theirs":
                one["cpu"]["threads"] = [0.4, 0.4, 0.1]
        text = report.text(record)
        self.assertEqual(cell(text, "some, evenness of the workers' CPU, 1 = the same", "THEIRS"),
                         "1.00")
        self.assertNotIn("Where a peer is ahead", text)
        self.assertIn("| 60.0 / 20.0 |", text)  # each worker's, in the row's own table

    def test_a_variant_stands_in_the_column_of_its_peer(self):
        record = measured()
        record["peers"]["small"] = {"title": "SMALL", "kind": "peer", "same_as": "",
                                    "column": "theirs", "variant": "64 KiB"}
        runs = record["rows"]["some"]["runs"]
        runs += [{**one, "peer": "small"} for one in runs if one["peer"] == "theirs"]
        text = report.text(record)
        self.assertEqual(cell(text, "some, p99, µs", "THEIRS"), "100; 100 (64 KiB)")
        self.assertNotIn("| SMALL |", text.split("Where")[0].split("## The same")[0])

    def test_a_floor_is_the_ruler_of_one(self):
        record = measured(theirs=50.0)
        record["peers"]["theirs"].update(kind="floor", ruler_of="nobody")
        self.assertIn("No peer is ahead", report.text(record))
        record["peers"]["theirs"].update(ruler_of="ours")
        self.assertIn("unexplained (some p99, THEIRS before OURS", report.text(record))


class Comparisons(unittest.TestCase):
    def line(self, figure: str, ours: list, theirs: list) -> compare.Line:
        values = {"ours": dict(enumerate(ours)), "theirs": dict(enumerate(theirs))}
        return compare.Line(measured()["rows"]["some"], figure, values, None)

    def test_more_is_better_where_the_figure_says_so(self):
        self.assertEqual(compare.quotient(self.line("rate", [10], [20]), "ours", "theirs").value, 2)
        self.assertEqual(compare.quotient(self.line("p99", [10], [20]), "ours", "theirs").value,
                         0.5)

    def test_values_too_small_to_tell_apart_are_level(self):
        # 0.05 MB and nothing at all, and 0.1 MB beside more.
        self.assertEqual(compare.quotient(self.line("memory_after", [0.05], [0.0]), "ours",
                                          "theirs").value, 1)
        self.assertEqual(compare.quotient(self.line("memory_after", [0.0], [1.0]), "ours",
                                          "theirs").value, 0.1)

    def test_needs_the_interval_the_control_and_one_percent(self):
        estimate = figures.Estimate
        wide, none = estimate(1.3, 0.9, 1.6, 4), None
        self.assertEqual(compare.outcome(wide, none), compare.LEVEL)
        self.assertEqual(compare.outcome(estimate(1.3, 1.2, 1.6, 4), none), compare.BEHIND)
        self.assertEqual(compare.outcome(estimate(1.3, 1.2, 1.6, 4), estimate(1, 0.7, 1.1, 4)),
                         compare.LEVEL)
        self.assertEqual(compare.outcome(estimate(0.7, 0.6, 0.8, 4), none), compare.AHEAD)
        self.assertEqual(compare.outcome(estimate(1.005, 1.002, 1.007, 4), none), compare.LEVEL)

    def test_a_variant_of_ours_beside_its_original_is_not_judged(self):
        record = measured()
        record["peers"]["busy"] = {"title": "B", "kind": "self", "same_as": "", "column": "ours"}
        record["rows"]["some"]["runs"].append({**run("busy", 0, 1)})
        rows = tables.Rows(record)
        self.assertEqual(compare.own_of(rows, record["rows"]["some"]), ["ours"])
        alone = {**record["rows"]["some"], "runs": record["rows"]["some"]["runs"][-1:]}
        self.assertEqual(compare.own_of(rows, alone), ["busy"])


class Explanations(unittest.TestCase):
    def test_a_line_that_is_none_is_told_with_its_number(self):
        for text in ("# a\n\nrow | p99 | peer\n", "# a\n\nrow | | peer | why\n"):
            with self.assertRaisesRegex(explanations.ExplanationError, "^f:3: an explanation is"):
                explanations.parse("f", text)

    def test_the_scenario_of_a_sweep_is_a_name_of_its_rows(self):
        (one,) = explanations.parse("f", "cost | p99 | haproxy | why | so")
        self.assertEqual(one.text, "why | so")
        self.assertTrue(one.fits({"name": "cost@10", "sweep": ["cost", "connections", 10]}, "p99",
                                 "haproxy"))
        self.assertFalse(one.fits({"name": "cost@10", "sweep": None}, "p99", "haproxy"))

    def test_those_that_are_kept_name_what_there_is(self):
        table = peers.load(os.path.join(LOADTEST, "peers", "peers.toml"))
        paths = glob.glob(os.path.join(LOADTEST, "scenarios", "*.toml"))
        rows = [vars(row) for row in scenario.load(sorted(paths))]
        for one in explanations.load():
            self.assertTrue(any(one.fits(row, figure, peer) for row in rows
                                for figure in measures.shown(row) for peer in table),
                            "%s:%d" % (explanations.PATH, one.line))


if __name__ == "__main__":
    unittest.main()
