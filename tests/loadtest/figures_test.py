"""Medians, bootstrap intervals, ratios within rounds, and what is subtracted from what."""

import random
import unittest

import figures

ROW = {"figure": "cpu", "unit": "request", "of": "closed"}


def run(peer: str, number: int, done: int, idle: float = 0.0, broken: int = 0) -> dict:
    """A second in which `done` requests were answered."""
    group = {"done": done, "bytes_up": 0, "bytes_down": done * 1000,
             "errors": {"broken": broken, "wrong": 0},
             "latency": {"quantiles_us": [[0.5, 10.0], [0.99, 20.0], [0.999, 30.0]]}}
    return {"peer": peer, "round": number, "seconds": 1.0, "groups": {"closed": group},
            "connections": 4, "cpu": {"idle": idle, "proxy": 0.5, "busy": 1.5}}


class Estimates(unittest.TestCase):
    def test_nothing_gives_nothing(self):
        self.assertIsNone(figures.estimate([]))

    def test_of_one_sample_it_is_that(self):
        self.assertEqual(figures.estimate([3.0]), figures.Estimate(3.0, 3.0, 3.0, 1))

    def test_the_median_lies_in_its_interval(self):
        found = figures.estimate([5.0, 1.0, 4.0, 2.0, 3.0])
        self.assertEqual(found.value, 3.0)
        self.assertLessEqual(found.low, 3.0)
        self.assertGreaterEqual(found.high, 3.0)

    def test_is_the_same_every_time(self):
        samples = [random.Random(1).gauss(10, 1) for _ in range(9)]
        self.assertEqual(figures.estimate(samples), figures.estimate(samples))

    def test_more_samples_make_it_narrower(self):
        source = random.Random(2)
        samples = [source.gauss(10, 1) for _ in range(200)]
        few, many = figures.estimate(samples[:10]), figures.estimate(samples)
        self.assertLess(many.high - many.low, few.high - few.low)

    def test_holds_the_true_median_about_as_often_as_it_says(self):
        source = random.Random(3)
        hits = 0
        for _ in range(100):
            found = figures.estimate([source.gauss(0, 1) for _ in range(15)])
            hits += found.low <= 0 <= found.high
        self.assertGreaterEqual(hits, 85)


class Costs(unittest.TestCase):
    def test_a_saturated_cpu_costs_its_time(self):
        self.assertAlmostEqual(figures.cost(run("a", 0, 100_000), ROW), 10.0)

    def test_idle_time_costs_nothing(self):
        self.assertAlmostEqual(figures.cost(run("a", 0, 100_000, idle=0.5), ROW), 5.0)

    def test_bytes_cost_seconds_per_gigabyte(self):
        row = {**ROW, "unit": "GB"}
        self.assertAlmostEqual(figures.cost(run("a", 0, 2_000_000), row), 0.5)

    def test_nothing_done_has_no_cost(self):
        self.assertIsNone(figures.cost(run("a", 0, 0), ROW))

    def test_added_is_less_the_direct_run_of_the_same_round(self):
        runs = [run("direct", 0, 200_000), run("a", 0, 100_000),
                run("direct", 1, 250_000), run("a", 1, 50_000), run("a", 2, 10_000)]
        found = figures.added(figures.by_round(runs, ROW, "cost"))
        self.assertEqual(set(found), {"a"})
        self.assertEqual(set(found["a"]), {0, 1})  # the third round has no direct run
        self.assertAlmostEqual(found["a"][0], 5.0)
        self.assertAlmostEqual(found["a"][1], 16.0)

    def test_quantiles_by_name(self):
        row = {**ROW, "figure": "latency"}
        self.assertEqual(figures.metric(run("a", 0, 1), row, "p99.9"), 30.0)
        self.assertEqual(figures.metric(run("a", 0, 1), row, "p50"), 10.0)


class Several(unittest.TestCase):
    ROW = {"figure": "several", "unit": "request", "of": "closed", "workers": 2,
           "groups": [{"name": "closed"}, {"name": "b"}]}

    def run_(self, **cpu) -> dict:
        one = run("a", 0, 1000)
        one["groups"]["b"] = {"done": 30, "bytes_up": 1_000_000, "bytes_down": 3_000_000,
                              "seconds": 2.0, "fairness": 0.5,
                              "latency": {"quantiles_us": [[0.99, 7.0], [1, 9.0]]}}
        one["cpu"].update(cpu)
        return one

    def test_the_memory_of_a_proxy_is_none_of_a_direct_run(self):
        runs = [{**run(peer, 0, 1), "memory": {"user_kb": 8.0}} for peer in ("direct", "a")]
        self.assertEqual(figures.values(runs, {**ROW, "figure": "memory"}, "user_kb"),
                         {"a": {0: 2.0}})

    def test_a_group_has_its_own_time(self):
        for name, value in (("b.mb_s", 2.0), ("b.rate", 15.0), ("b.fairness", 0.5), ("b.p99", 7.0),
                            ("b.max", 9.0), ("p99", 20.0), ("rate", 1000.0), ("p99.9", 30.0)):
            self.assertEqual(figures.metric(self.run_(), self.ROW, name), value, name)

    def test_evenness_is_that_of_the_workers(self):
        even = figures.metric(self.run_(threads=[0.5, 0.5, 0.0]), self.ROW, "evenness")
        self.assertAlmostEqual(even, 1.0)
        one = figures.metric(self.run_(threads=[0.5]), self.ROW, "evenness")
        self.assertAlmostEqual(one, 0.5)
        self.assertIsNone(figures.metric(self.run_(threads=[]), self.ROW, "evenness"))

    def test_without_a_proxy_there_is_none_of_its_figures(self):
        direct = {**self.run_(switches=5.0), "peer": "direct"}
        self.assertIsNone(figures.metric(direct, self.ROW, "switches"))
        self.assertEqual(figures.metric(self.run_(switches=5.0), self.ROW, "switches"), 5.0)
        self.assertEqual(figures.metric(self.run_(), self.ROW, "proxy_cpu"), 50.0)


class Comparisons(unittest.TestCase):
    def test_ratios_are_taken_within_rounds(self):
        # A machine that got twice as slow in the second round does not matter.
        found = figures.ratios({0: 1.0, 1: 2.0}, {0: 2.0, 1: 4.0, 2: 100.0})
        self.assertEqual((found.value, found.low, found.high, found.count), (0.5, 0.5, 0.5, 2))

    def test_the_best_has_the_smallest_median(self):
        values = {"a": {0: 3.0}, "b": {0: 2.0}, "c": {0: 1.0}}
        self.assertEqual(figures.best(values, ["a", "b"]), "b")
        self.assertEqual(figures.best(values, ["a", "b"], highest=True), "a")
        self.assertIsNone(figures.best(values, ["d"]))

    def test_errors_are_added_up(self):
        runs = [run("a", 0, 1, broken=2), run("a", 1, 1, broken=3), run("b", 0, 1, broken=9)]
        self.assertEqual(figures.errors(runs, "a"), 5)


if __name__ == "__main__":
    unittest.main()
