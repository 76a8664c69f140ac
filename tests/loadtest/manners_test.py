"""How run.py treats the person who runs it: what it builds, and when it does not begin."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import busy
import command_line
import peers
import programs
import record as records
import rounds
import scenario

TABLE = peers.load(os.path.join(programs.LOADTEST, "peers", "peers.toml"))


def needed(*names) -> list:
    return programs.needed([TABLE[name] for name in names])


class Building(unittest.TestCase):
    def test_only_what_the_peers_need(self):
        self.assertEqual(needed("direct", "haproxy"), ["generator", "upstream"])
        self.assertEqual(needed("sluice", "sluice_epoll", "control"),
                         ["generator", "upstream", "sluice"])
        self.assertEqual(needed("tokio", "floor_uring"),
                         ["generator", "upstream", "tokio-relay", "floor_uring"])

    def test_a_target_for_each_program_but_cargos(self):
        for name in programs.needed(list(TABLE.values())):
            self.assertTrue(name in programs.TARGETS or name == programs.TOKIO, name)

    def test_a_program_is_made_again_when_its_source_has_changed(self):
        with tempfile.TemporaryDirectory() as folder:
            program, source = os.path.join(folder, "p"), os.path.join(folder, "s", "a.rs")
            os.mkdir(os.path.dirname(source))
            self.assertTrue(programs._is_old(program, os.path.dirname(source)))
            for path, time in ((program, 100), (source, 50)):
                with open(path, "w", encoding="ascii"):
                    os.utime(path, (time, time))
            self.assertFalse(programs._is_old(program, os.path.dirname(source)))
            os.utime(source, (200, 200))
            self.assertTrue(programs._is_old(program, os.path.dirname(source)))

    def test_where_bazel_leaves_a_program(self):
        self.assertEqual(programs.path_of("//loadtest/upstream"), "loadtest/upstream/upstream")
        self.assertEqual(programs.path_of("//proxy:sluice"), "proxy/sluice")

    def test_peers_that_no_row_asks_for_take_no_part(self):
        class Row:
            name, peers, workers, figure, driver = "r", None, 1, "cpu", "generator"
            feature, priority, reloads, sweep = "", [], 0, None
        names = command_line.taking_part([Row], TABLE, ["direct", "nginx"])["r"]
        self.assertEqual(names, ["direct", "nginx"])
        self.assertNotIn("sluice_busy", rounds.chosen(Row, TABLE, None))


class Configurations(unittest.TestCase):
    FEATURES = peers.load_features(os.path.join(programs.LOADTEST, "peers", "features.toml"), TABLE)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.setting = peers.Setting(folder.name, "/s", "/p")

    def ready(self, name: str, feature: str) -> peers.Ready:
        return peers.Ready(TABLE[name], self.setting, peers.Start(
            1111, 2, 77, feature=self.FEATURES[feature], second_upstream_port=2222))

    def test_everything_is_filled_in(self):
        own = re.compile(r"\$(?!remote_addr|time_|protocol|status|bytes_|session_|upstream_addr|"
                         r"upstream_connect_time)")
        for name, peer in TABLE.items():
            for feature, found in self.FEATURES.items():
                if peer.command and peer.family in found.families:
                    ready = self.ready(name, feature)
                    self.assertNotRegex(ready.text, own, (name, feature))
                    self.assertNotRegex(" ".join(ready.command), r"\$", (name, feature))

    def test_a_feature_changes_the_configuration_or_the_command(self):
        for feature, found in self.FEATURES.items():
            for family in found.families:
                plain, with_it = self.ready(family, "none"), self.ready(family, feature)
                said = [(one.text.replace(str(one.port), ""), len(one.command))
                        for one in (plain, with_it)]
                self.assertEqual(said[0] == said[1], feature == "none", (family, feature))

    def test_what_is_repeated_has_its_number_and_an_address_of_its_own(self):
        text = self.ready("haproxy", "listeners").text
        self.assertEqual(text.count("frontend l"), 999)
        self.assertEqual(len(set(re.findall(r"bind (127\.1\.\S+)", text))), 999)
        self.assertIn("bind 127.1.3.249:", text)  # which is asked whether it listens
        self.assertEqual(self.FEATURES["listeners"].probe, "127.1.3.249")

    def test_a_peer_like_another_has_its_keys_and_its_own(self):
        small = TABLE["sluice_epoll_64k"]
        self.assertEqual((small.fill["backend"], small.column, small.family, small.only),
                         ("epoll", "sluice_epoll", "sluice", True))
        self.assertIn("send_buffer", small.fill["upstream"])
        self.assertEqual((TABLE["control"].column, TABLE["control"].family), ("control", "sluice"))

    def assert_told(self, load, text, message):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            with self.assertRaisesRegex(peers.PeerError, message):
                load(file.name)

    def test_mistakes_in_the_tables_are_told(self):
        for text, message in (('[a]\nkind = "peer"\nlike = "b"\n', "like: there is no .b."),
                              ('[a]\nkind = "peer"\nlike = "a"\n', "like: there is no .a."),
                              ('[a]\nkind = "peer"\ncolumn = "b"\n', "column: there is no .b."),
                              ('[a]\nkind = "pear"\n', "kind: it must be one of")):
            self.assert_told(peers.load, text, message)
        for text, message in (('[f.b]\n', "there is no such peer"),
                              ('[f.haproxy]\nlistener = "x"\n', "listener is no place of it"),
                              ('[f.haproxy]\nmore = { every = "x" }\n', "more is no place")):
            self.assert_told(lambda path: peers.load_features(path, TABLE), text, message)


class InAdvance(unittest.TestCase):
    def test_says_how_much_is_left(self):
        (row,) = scenario.parse("r.toml", 'title = "t"\nfigure = "cpu"\nplace = "one_core"\n'
                                'seconds = 60\nwarmup = 0\nrounds = 2\n[[group]]\nshape = "idle"\n')
        record = records.new({}, {})
        size = {"rounds": 5, "seconds": 1}
        self.assertRegex(command_line.in_advance([row], {"r": ["a", "b"]}, record, size),
                         "^4 runs of 1 rows, about 5 minutes.$")
        records.note(records.entry(record, row), {"peer": "a", "round": 0, "disturbed": ""})
        self.assertRegex(command_line.in_advance([row], {"r": ["a", "b"]}, record, size),
                         "^3 runs of 1 rows, about 4 minutes.$")


class Quiet(unittest.TestCase):
    def found(self, waiting, used) -> busy.Busy:
        return busy.Busy(waiting, used, 3.25, 2, [(0.97, "clang++", 4711), (0.001, "init", 1)])

    def test_a_quiet_machine_is_measured(self):
        self.assertFalse(self.found(0.01, 0.03).too_busy)
        self.assertFalse(self.found(None, 0.03).too_busy)

    def test_waiting_or_use_is_too_busy(self):
        self.assertTrue(self.found(0.2, 0.03).too_busy)
        self.assertTrue(self.found(0.01, 0.5).too_busy)
        self.assertTrue(self.found(None, 0.5).too_busy)

    def test_says_what_uses_it(self):
        self.assertEqual(
            str(self.found(0.2, 0.5)),
            "The machine is too busy: 50 % of its 2 CPUs are in use (load 3.2); something waited "
            "for a CPU 20 % of the time. Of one CPU take: clang++ (pid 4711) 97 %.")

    def test_sees_a_process_that_spins(self):
        spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            found = busy.look(0.5)
        finally:
            spinner.kill()
            spinner.wait()
        self.assertTrue(found.too_busy)
        self.assertIn(spinner.pid, [pid for _, _, pid in found.processes[:4]])


if __name__ == "__main__":
    unittest.main()
