"""Scenario files: what they give, and that every mistake is told with its line."""

import glob
import os
import unittest

import command_line
import measure
import measures
import peers
import record as records
import report
import rounds
import scenario

LOADTEST = os.path.dirname(os.path.dirname(os.path.abspath(scenario.__file__)))
GOOD = '''title = "t"
figure = "cpu"
place = "one_core"

[[group]]
shape = "closed"
connections = 3

[[group]]
name = "b"
shape = "bulk"
'''


class Good(unittest.TestCase):
    def test_a_row_and_its_defaults(self):
        (row,) = scenario.parse("x/some.toml", GOOD)
        self.assertEqual((row.name, row.of, row.unit), ("some", "closed", "request"))
        self.assertEqual(row.connections, 4)
        self.assertEqual(row.groups[1]["direction"], "down")

    def test_a_sweep_makes_a_row_for_each_value(self):
        text = GOOD + '[sweep]\nkey = "connections"\nvalues = [1, 10]\n'
        rows = scenario.parse("some.toml", text)
        self.assertEqual([row.name for row in rows], ["some@1", "some@10"])
        self.assertEqual([row.groups[0]["connections"] for row in rows], [1, 10])
        self.assertEqual([row.groups[1]["connections"] for row in rows], [1, 1])

    def test_a_sweep_over_another_group_shares_its_rounds(self):
        text = GOOD + '[sweep]\nkey = "connections"\ngroup = "b"\nvalues = [1, 10]\n'
        rows = scenario.parse("some.toml", text)
        self.assertEqual([row.groups[0]["connections"] for row in rows], [3, 3])
        self.assertEqual([row.groups[1]["connections"] for row in rows], [1, 10])
        alone = scenario.parse("other.toml", GOOD)
        workers = scenario.parse("more.toml", GOOD + '[sweep]\nkey = "workers"\nvalues = [1, 2]\n')
        self.assertEqual(rounds.together(rows + alone + workers),
                         [rows, alone, workers[:1], workers[1:]])

    def test_what_the_upstream_is_told(self):
        top = "socket_buffer = 65536\nendless_part = 2\n"
        (row,) = scenario.parse("some.toml", top + GOOD)
        self.assertEqual(measure._flags(row), ["--socket-buffer", "65536", "--endless-part", "2"])
        (row,) = scenario.parse("some.toml", GOOD)
        self.assertEqual(measure._flags(row), [])

    def test_all_that_come_along_are_well_and_can_be_put_in_words(self):
        paths = glob.glob(os.path.join(LOADTEST, "scenarios", "*.toml"))
        table = peers.load(os.path.join(LOADTEST, "peers", "peers.toml"))
        features = peers.load_features(os.path.join(LOADTEST, "peers", "features.toml"), table)
        rows = scenario.load(sorted(paths))
        self.assertGreater(len(rows), len(paths))
        command_line.check_features(rows, features)
        names = [row.name for row in rows]
        self.assertEqual(len(set(names)), len(names))
        for row in rows:
            self.assertIn(row.figure, report.TABLES)
            for name in row.peers or []:
                self.assertIn(name, table)
            taking_part = rounds.chosen(row, table, None, features)
            needs_direct = "added" in measures.shown(vars(row)) or row.figure == "memory"
            self.assertTrue("direct" in taking_part or not needs_direct, row.name)
            # Each of our backends, in every row; they are compared with others.
            own = {table[name].fill["backend"] for name in taking_part
                   if table[name].kind == "self"}
            self.assertEqual(own, {"io_uring", "epoll"}, row.name)

    def test_one_whole_run_takes_about_an_hour(self):
        paths = glob.glob(os.path.join(LOADTEST, "scenarios", "*.toml"))
        table = peers.load(os.path.join(LOADTEST, "peers", "peers.toml"))
        features = peers.load_features(os.path.join(LOADTEST, "peers", "features.toml"), table)
        rows = scenario.load(sorted(paths))
        taking_part = command_line.taking_part(rows, table, None, features)
        text = command_line.in_advance(rows, taking_part, records.new({}, {}), command_line.FULL)
        minutes = int(text.split("about ")[1].split()[0])
        self.assertLessEqual(minutes, 66, text)


class Sweeps(unittest.TestCase):
    def test_of_what_is_switched_on(self):
        text = GOOD + '[sweep]\nkey = "feature"\nvalues = ["none", "access_log"]\n'
        rows = scenario.parse("f.toml", text)
        self.assertEqual([(row.name, row.feature) for row in rows],
                         [("f@none", "none"), ("f@access_log", "access_log")])
        self.assertEqual(rounds.together(rows), [rows])

    def test_of_a_group(self):
        text = GOOD + '[sweep]\nkey = "answer_bytes"\nvalues = [8, 100]\n'
        self.assertEqual([row.groups[0]["answer_bytes"] for row in scenario.parse("f.toml", text)],
                         [8, 100])

    def test_only_peers_that_have_the_feature_take_part(self):
        table = {name: peers.Peer(name, name, kind, family=name) for name, kind in
                 (("direct", "direct"), ("ours", "self"), ("theirs", "peer"))}
        features = {"f": peers.Feature("f", "", "", {"ours": {}}),
                    "second_listener": peers.Feature("second_listener", "", "", {"theirs": {}})}
        (row,) = scenario.parse("r.toml", 'feature = "f"\n' + GOOD)
        self.assertEqual(rounds.chosen(row, table, None, features), ["direct", "ours"])
        (row,) = scenario.parse("r.toml", 'priority = ["closed"]\n' + GOOD)
        self.assertEqual(rounds.chosen(row, table, None, features), ["direct", "theirs"])
        (row,) = scenario.parse("r.toml", 'feature = "g"\n' + GOOD)
        with self.assertRaisesRegex(scenario.ScenarioError, "r: feature: 'g' is none of f, sec"):
            command_line.check_features([row], features)

    def test_only_peers_that_can_reload_take_part_in_rows_with_reloads(self):
        table = {"direct": peers.Peer("direct", "d", "direct"),
                 "ours": peers.Peer("ours", "o", "self", reload="HUP"),
                 "theirs": peers.Peer("theirs", "t", "peer")}
        rows = scenario.parse("r.toml", GOOD + '[sweep]\nkey = "reloads"\nvalues = [0, 10]\n')
        self.assertEqual([row.reloads for row in rows], [0, 10])
        for row in rows:
            self.assertEqual(rounds.chosen(row, table, None), ["ours"])
        self.assertEqual(rounds.together(rows), [rows])
        rows = scenario.parse("r.toml", "reloads = 9\n" + GOOD +
                              '[sweep]\nkey = "burst_us"\nvalues = [0, 500]\n')
        self.assertEqual([(row.reloads, row.burst_us) for row in rows], [(9, 0), (9, 500)])


class Bad(unittest.TestCase):
    def complain(self, text: str, message: str) -> None:
        with self.assertRaises(scenario.ScenarioError) as raised:
            scenario.parse("f.toml", text)
        self.assertEqual(str(raised.exception), message)

    def replace(self, old: str, new: str, message: str) -> None:
        self.assertIn(old, GOOD)
        self.complain(GOOD.replace(old, new), message)

    def test_syntax(self):
        with self.assertRaisesRegex(scenario.ScenarioError, r"^f\.toml:2:\d+: "):
            scenario.parse("f.toml", 'title = "t"\nfigure = = 3\n')

    def test_words(self):
        self.replace('"one_core"', '"here"',
                     "f.toml:3: place: 'here' is none of one_core, split, proxy_alone, free")
        self.replace('"bulk"', '"wave"', "f.toml:11: shape: 'wave' is none of closed, open, churn, "
                                         "storm, bulk, idle, slow")

    def test_missing(self):
        self.replace('title = "t"\n', "", "f.toml:1: title: is missing")
        self.replace('shape = "bulk"\n', "", "f.toml:9: shape: is missing")
        self.complain(GOOD.split("[[")[0], "f.toml:1: there is no [[group]]")

    def test_types_and_ranges(self):
        self.replace("connections = 3", 'connections = "3"',
                     "f.toml:7: connections: '3' is no int")
        self.replace("connections = 3", "connections = 0",
                     "f.toml:7: connections: 0 is not from 1 to 1000000")
        self.replace("connections = 3", "connections = true",
                     "f.toml:7: connections: True is no int")

    def test_unknown_keys(self):
        self.replace("connections = 3", "conections = 3",
                     "f.toml:7: conections: is not a known key")
        self.complain('size = 3\n' + GOOD, "f.toml:1: size: is not a known key")

    def test_rates(self):
        self.replace('"closed"', '"open"', "f.toml:5: rate: an open loop needs one above 0")
        self.replace('shape = "closed"', 'shape = "open"\nrate = "half"',
                     'f.toml:7: rate: \'half\' is neither a number nor such as "50% of peak"')

    def test_figures(self):
        self.complain('shows = ["p98"]\n' + GOOD, "f.toml:1: shows: 'p98' is none of " +
                      ", ".join(measures.MEASURES))
        self.complain('shows = ["b.user_mb"]\n' + GOOD,
                      "f.toml:1: shows: 'user_mb' is no figure of the group b")
        self.replace('"cpu"', '"several"',
                     "f.toml:1: shows: a row with several figures names them")
        self.complain('shows = ["b.mb_s"]\npicture = "p99"\n' + GOOD,
                      "f.toml:2: picture: 'p99' is not among the figures that it shows")

    def test_groups_with_priority(self):
        self.complain('priority = ["c"]\n' + GOOD,
                      "f.toml:1: priority: 'c' is none of closed, b")
        for names in ('["b"]', '["closed", "b"]'):
            self.complain("priority = %s\n" % names + GOOD,
                          "f.toml:1: priority: it is for the group that counts, beside others")

    def test_small_writes_go_up(self):
        self.replace('shape = "bulk"', 'shape = "bulk"\nwrite_bytes = 100',
                     "f.toml:12: write_bytes: it is for streams that go up")

    def test_two_groups_of_one_name(self):
        self.replace('name = "b"', 'name = "closed"',
                     "f.toml:10: name: two groups are named 'closed'")

    def test_no_such_file(self):
        with self.assertRaisesRegex(scenario.ScenarioError, "^/no/such.toml: No such file"):
            scenario.load(["/no/such.toml"])


if __name__ == "__main__":
    unittest.main()
