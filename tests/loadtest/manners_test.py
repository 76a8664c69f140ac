"""How run.py treats the person who runs it: what it builds, and when it does not begin."""

import os
import subprocess
import sys
import unittest

import busy
import command_line
import peers
import programs
import rounds

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

    def test_where_bazel_leaves_a_program(self):
        self.assertEqual(programs.path_of("//loadtest/upstream"), "loadtest/upstream/upstream")
        self.assertEqual(programs.path_of("//proxy:sluice"), "proxy/sluice")

    def test_peers_that_no_row_asks_for_take_no_part(self):
        class Row:
            name, peers, workers, figure, driver = "r", None, 1, "cpu", "generator"
        names = command_line.taking_part([Row], TABLE, ["direct", "nginx"])["r"]
        self.assertEqual(names, ["direct", "nginx"])
        self.assertNotIn("sluice_busy", rounds.chosen(Row, TABLE, None))


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
