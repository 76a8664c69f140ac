"""Charts and pictures: what is drawn, and that the pictures that are kept show their figures."""

import os
import shutil
import tempfile
import unittest

import charts
import figures
import plots
import record as records
import report
import scenario
import verdict
from record_test import make, run

LOADTEST = os.path.dirname(os.path.dirname(os.path.abspath(charts.__file__)))
RESULTS = os.path.join(LOADTEST, "results")
SWEPT = '''title = "t"
figure = "cpu"
place = "one_core"
[[group]]
shape = "closed"
[sweep]
key = "connections"
values = [1, 10]
'''


def measured() -> dict:
    """Ours adds 5 µs, theirs 10; ours a second time 6."""
    record = make([run(peer, number, done) for number in range(4) for peer, done in
                   (("direct", 200_000), ("ours", 100_000), ("theirs", 66_667), ("again", 90_909))])
    record.update(date="2026-11-28", commit="1a2b3c4")
    return record


def bars(*values) -> dict:
    return {"kind": "bars", "name": "n", "title": "t", "axis": "µs", "better": "lower",
            "again": None, "bars": [{"peer": "p%d" % number, "title": "P (%d)" % number,
                                     "value": value, "low": low, "high": high}
                                    for number, (value, low, high) in enumerate(values)]}


def around(chart: dict) -> dict:
    return {"format": charts.FORMAT, "machine": "a machine", "date": "2026-11-28",
            "commit": "1a2b3c4", "charts": [chart]}


class Charts(unittest.TestCase):
    def test_a_bar_for_each_competitor_and_the_control_beside_them(self):
        found = charts.of(measured())
        (chart,) = found["charts"]
        self.assertEqual([(bar["peer"], round(bar["value"], 1)) for bar in chart["bars"]],
                         [("ours", 5.0), ("theirs", 10.0)])
        self.assertAlmostEqual(chart["again"][0], 1.2, places=2)
        self.assertEqual((chart["better"], found["commit"]), ("lower", "1a2b3c4"))

    def test_a_sweep_is_one_chart(self):
        record = make([])
        for row in scenario.parse("cost.toml", SWEPT):
            records.entry(record, row)["runs"] += [run("direct", 0, 200_000),
                                                   run("ours", 0, 100_000)]
        (chart,) = charts.of(record)["charts"]
        self.assertEqual((chart["name"], chart["over"]), ("cost", "connections"))
        self.assertEqual(chart["series"][0]["points"], [[1.0, 5.0], [10.0, 5.0]])

    def test_a_row_with_several_figures_is_drawn_only_where_it_says_so(self):
        text = SWEPT.replace('"cpu"', '"several"\nshows = ["added", "rate"]')
        for picture, expected in (("", []), ('picture = "rate"\n', [("cost", "rate, requests/s",
                                                                     "higher")])):
            record = make([])
            for row in scenario.parse("cost.toml", picture + text):
                records.entry(record, row)["runs"] += [run("ours", 0, 100_000)]
            found = charts.of(record)["charts"]
            self.assertEqual([(one["name"], one["axis"], one["better"]) for one in found], expected)
        (row,) = scenario.parse("one.toml", 'picture = "rate"\n' + text.split("[sweep]")[0])
        record = make([])
        records.entry(record, row)["runs"] += [run("ours", 0, 100_000)]
        (chart,) = charts.of(record)["charts"]
        self.assertEqual((chart["kind"], chart["bars"][0]["value"]), ("bars", 100_000))

    def test_a_sweep_over_words_is_no_chart(self):
        record = make([])
        text = SWEPT.replace('"connections"', '"feature"').replace("[1, 10]", '["none", "b"]')
        for row in scenario.parse("cost.toml", text):
            records.entry(record, row)["runs"] += [run("direct", 0, 200_000),
                                                   run("ours", 0, 100_000)]
        self.assertEqual(charts.of(record)["charts"], [])
        self.assertIn("| OURS | 1.00 [1.00, 1.00] |", report.text(record))

    def test_what_is_saved_is_loaded(self):
        found = charts.of(measured())
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.json")
            charts.save(found, path)
            self.assertEqual(charts.load(path), found)

    def test_other_files_are_rejected_by_name(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{}")
            file.flush()
            with self.assertRaisesRegex(charts.ChartError, file.name):
                charts.load(file.name)


class Pictures(unittest.TestCase):
    def script(self, chart: dict) -> str:
        return plots.script(around(chart), chart, "n.svg")

    def test_say_where_when_and_of_what(self):
        text = self.script({**bars((5, 4, 6)), "again": [1.02, 0.98, 1.1]})
        self.assertIn("a machine · 2026-11-28 · commit 1a2b3c4 · the same proxy twice (A/A): "
                      "1.02 [0.98, 1.10]", text)
        self.assertIn("(lower is better)", text)
        self.assertIn("(higher is better)", self.script({**bars((5, 4, 6)), "better": "higher"}))

    def test_have_a_value_and_an_interval_on_each_bar(self):
        text = self.script(bars((5, 4, 6), (7, 6.5, 7.5)))
        self.assertIn('0 6 "5.00"\n1 7.5 "7.00"', text)  # above the interval
        self.assertIn("0 4 2\n1 6.5 1", text)  # from where, and how far

    def test_have_room_for_what_is_negative(self):
        text = self.script(bars((-3, -4, 1), (7, 6, 8)))
        low = float(text.split("set yrange [")[1].split(":")[0])
        self.assertLess(low, -4)
        self.assertIn('0 -4 "-3.00"', text.split("$below")[1])

    def test_cut_an_interval_that_would_make_the_bars_flat(self):
        text = self.script(bars((10, 9, 500), (8, 7, 9)))
        self.assertLess(float(text.split("set yrange [0:")[1].split("]")[0]), 20)
        self.assertIn("with vectors head filled", text)

    def test_a_wide_sweep_has_a_logarithmic_axis(self):
        def script(*values) -> str:
            series = [{"peer": "p", "title": "P", "points": list(enumerate(values, 1))}]
            return self.script({"kind": "sweep", "name": "n", "title": "t", "axis": "a",
                                "better": "lower", "again": None, "over": "o", "series": series})
        self.assertIn("set yrange [0:*]", script(5, 90))
        self.assertIn("set logscale y", script(5, 110))
        self.assertIn("set yrange [0:*]", script(0, 110))

    def test_give_every_peer_a_colour_of_its_own(self):
        peers = list(plots.COLOURS) + ["one", "another"]
        self.assertEqual(len(set(plots.colours(peers).values())), len(peers))
        self.assertEqual(plots.colours(["haproxy"]), {"haproxy": plots.COLOURS["haproxy"]})

    @unittest.skipUnless(shutil.which(plots.PROGRAM), "gnuplot is not installed")
    def test_are_drawn(self):
        chart = bars((-3, -4, 1), (7, 6, 8), (8, 7, 500))
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(plots.write(around(chart), folder), [])
            with open(os.path.join(folder, "n.svg"), encoding="utf-8") as file:
                drawn = file.read()
        for text in ("n: t", "-3.00", "7.00", "8.00", "1a2b3c4"):
            self.assertIn(text, drawn)

    def test_that_are_kept_are_those_of_the_figures(self):
        kept = charts.load(os.path.join(RESULTS, "figures.json"))
        names = {chart["name"].replace("@", "-") + ".svg" for chart in kept["charts"]}
        self.assertEqual({name for name in os.listdir(RESULTS) if name.endswith(".svg")}, names)
        for chart in kept["charts"]:
            path = os.path.join(RESULTS, chart["name"].replace("@", "-") + ".svg")
            with open(path, encoding="utf-8") as file:
                drawn = file.read()
            self.assertIn("commit " + kept["commit"], drawn)
            for bar in chart.get("bars", []):
                self.assertIn("<text>%s</text>" % report.digits(bar["value"]), drawn, path)


class Verdicts(unittest.TestCase):
    def test_better_only_beyond_the_interval_and_the_control(self):
        same = figures.Estimate(1.0, 0.98, 1.02, 4)
        blurred = figures.Estimate(0.7, 0.6, 1.1, 4)
        better = figures.Estimate(0.8, 0.7, 0.9, 4)
        worse = figures.Estimate(1.3, 1.2, 1.5, 4)
        self.assertEqual(verdict.judge(better, same), verdict.BETTER)
        self.assertEqual(verdict.judge(worse, None), verdict.WORSE)
        self.assertEqual(verdict.judge(better, blurred), verdict.LEVEL)
        self.assertEqual(verdict.judge(worse, blurred), verdict.LEVEL)
        self.assertEqual(verdict.judge(figures.Estimate(0.8, 0.5, 1.2, 4), same), verdict.LEVEL)

    def test_is_a_sentence(self):
        self.assertEqual(verdict.sentence(measured()),
                         "Verdict: OURS is better than the best other proxy in 1 of 1 rows; in the "
                         "median row it needs 0.50 times as much.")

    def test_says_what_does_not_count(self):
        record = measured()
        record["rows"]["peak"]["runs"][1]["disturbed"] = "steal"
        self.assertIn("1 of 16 runs were disturbed and do not count.", verdict.sentence(record))

    def test_needs_another_proxy(self):
        record = make([run("direct", 0, 200_000), run("ours", 0, 100_000)])
        self.assertIn("there is nothing to compare", verdict.sentence(record))


if __name__ == "__main__":
    unittest.main()
