"""The record: resuming, merging, the order of rounds, rates that depend on other rows, and the
report that is made of it all."""

import io
import os
import tempfile
import unittest

import peers
import record as records
import report
import rounds
import scenario

ROW = '''title = "t"
figure = "cpu"
place = "one_core"
[[group]]
shape = "closed"
'''
OPEN = '''title = "t"
figure = "latency"
place = "split"
[[group]]
shape = "open"
rate = "50% of peak"
'''


def run(peer: str, number: int, done: int) -> dict:
    group = {"done": done, "bytes_up": 0, "bytes_down": 0, "errors": {"broken": 0},
             "latency": {"quantiles_us": [[0.5, 10.0], [0.99, 20.0], [0.999, 30.0]]}}
    return {"peer": peer, "round": number, "seconds": 1.0, "groups": {"closed": group},
            "connections": 1, "disturbed": "", "attempts": 1,
            "cpu": {"idle": 0.0, "proxy": 0.5, "busy": 1.5}}


def table() -> dict:
    kinds = {"direct": "direct", "ours": "self", "theirs": "peer", "again": "control"}
    return {name: peers.Peer(name, name.upper(), kind, same_as="ours" if name == "again" else "")
            for name, kind in kinds.items()}


def make(runs: list, name: str = "peak", machine: str = "m") -> dict:
    record = records.new({"cpu": machine, "cpus": 2, "virtual": False, "memory_gib": 1,
                          "kernel": "k", "congestion_control": "c"}, {"ours": "1.0"})
    record["peers"] = {name: {"title": peer.title, "kind": peer.kind, "same_as": peer.same_as}
                       for name, peer in table().items()}
    (row,) = scenario.parse(name + ".toml", ROW)
    records.entry(record, row)["runs"] += runs
    return record


class Files(unittest.TestCase):
    def test_what_is_saved_is_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            record = make([run("ours", 0, 5)])
            records.save(record, path)
            self.assertEqual(records.load(path)["rows"]["peak"]["runs"],
                             record["rows"]["peak"]["runs"])
            self.assertEqual(os.listdir(folder), ["r.json"])

    def test_other_files_are_rejected_by_name(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("[]")
            file.flush()
            with self.assertRaisesRegex(records.RecordError, file.name):
                records.load(file.name)

    def test_done(self):
        record = make([run("ours", 0, 5)])
        self.assertTrue(records.done(record, "peak", "ours", 0))
        self.assertFalse(records.done(record, "peak", "ours", 1))
        self.assertFalse(records.done(record, "other", "ours", 0))

    def test_a_disturbed_run_is_made_again_and_replaced(self):
        record = make([{**run("ours", 0, 5), "disturbed": "steal"}, run("ours", 1, 6)])
        self.assertFalse(records.done(record, "peak", "ours", 0))
        entry = record["rows"]["peak"]
        entry["failed"]["ours"] = "no port"
        records.note(entry, run("ours", 0, 7))
        self.assertEqual(sorted(found["groups"]["closed"]["done"] for found in entry["runs"]),
                         [6, 7])
        self.assertEqual(entry["failed"], {})


class Merging(unittest.TestCase):
    def test_rounds_are_numbered_on(self):
        one = make([run("ours", 0, 1), run("ours", 1, 2)])
        merged = records.merge([one, make([run("ours", 0, 3)])])
        self.assertEqual([(found["round"], found["groups"]["closed"]["done"])
                          for found in merged["rows"]["peak"]["runs"]], [(0, 1), (1, 2), (2, 3)])

    def test_other_rows_are_added(self):
        merged = records.merge([make([], "a"), make([run("ours", 0, 1)], "b")])
        self.assertEqual(list(merged["rows"]), ["a", "b"])

    def test_keeps_the_last_date_and_the_last_known_commit(self):
        one, two = make([]), make([])
        records.date(one, "1a2b3c4")
        records.date(two, "")
        two["date"] = "2027-01-02"
        merged = records.merge([one, two])
        self.assertEqual((merged["date"], merged["commit"]), ("2027-01-02", "1a2b3c4"))

    def test_other_machines_and_other_loads_are_rejected(self):
        with self.assertRaisesRegex(records.RecordError, "different machines"):
            records.merge([make([]), make([], machine="other")])
        changed = make([])
        changed["rows"]["peak"]["row"]["groups"][0]["connections"] = 7
        with self.assertRaisesRegex(records.RecordError, "the row peak has different loads"):
            records.merge([make([]), changed])


class Rounds(unittest.TestCase):
    def test_every_other_round_goes_backwards(self):
        self.assertEqual([rounds.order(["a", "b", "c"], number) for number in range(3)],
                         [["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"]])

    def test_a_relative_rate_is_the_slowest_proxys(self):
        record = make([run("direct", 0, 10), run("ours", 0, 800), run("theirs", 0, 600),
                       run("theirs", 1, 400)])
        (row,) = scenario.parse("latency.toml", OPEN)
        rounds.resolve_rates(row, record, table())
        self.assertEqual(row.groups[0]["rate"], 250)  # half of 500, the median of 600 and 400

    def test_a_relative_rate_needs_its_row(self):
        (row,) = scenario.parse("latency.toml", OPEN)
        with self.assertRaisesRegex(scenario.ScenarioError, "needs the row peak"):
            rounds.resolve_rates(row, records.new({}, {}), table())

    def test_progress_says_how_far_it_is(self):
        out = io.StringIO()
        progress = rounds.Progress(4, out)
        progress.done = 1
        progress.show("rr64 nginx")
        self.assertRegex(out.getvalue(), r"^\[1/4, \d+:\d\d left\] rr64 nginx\n$")


class Reports(unittest.TestCase):
    def test_has_the_figures(self):
        text = report.text(make([run("direct", 0, 200_000), run("ours", 0, 100_000),
                                 run("theirs", 0, 66_667), run("again", 0, 100_000)]))
        self.assertIn("| OURS | 10.0 [10.0, 10.0] | 5.00 [5.00, 5.00] | 0.50 [0.50, 0.50] |", text)
        self.assertIn("added / THEIRS's", text)
        self.assertIn("| peak | added | 1.00 [1.00, 1.00] |", text)  # the A/A control
        self.assertIn("- OURS: 1.0", text)

    def test_leaves_disturbed_runs_out_and_says_so(self):
        bad = {**run("ours", 1, 1), "disturbed": "steal"}
        text = report.text(make([run("direct", 0, 200_000), run("ours", 0, 100_000), bad]))
        self.assertIn("| OURS | 10.0 [10.0, 10.0] | 5.00 [5.00, 5.00] |", text)
        self.assertIn("1 disturbed", text)

    def test_says_what_could_not_be_measured(self):
        record = make([run("direct", 0, 1)])
        record["rows"]["peak"]["failed"]["theirs"] = "no port"
        self.assertIn("Not measured: THEIRS: no port", report.text(record))


if __name__ == "__main__":
    unittest.main()
