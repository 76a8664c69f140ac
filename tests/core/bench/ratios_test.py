"""The arithmetic of core/bench against figures worked out by hand."""

import unittest

import ratios


class Ratios(unittest.TestCase):
    def test_the_median_of_pairs_is_not_the_pair_of_medians(self):
        # Medians 20 and 20; but in two of three rounds ours took half as long.
        ratio = ratios.of_pairs([10, 20, 30], [20, 40, 10])
        self.assertEqual(ratio.median, 0.5)

    def test_an_even_number_of_rounds_has_its_median_between_two(self):
        self.assertEqual(ratios.of_pairs([1, 2, 3, 4], [1, 1, 1, 1]).median, 2.5)

    def test_runs_that_are_no_pairs(self):
        for ours, theirs in (([1, 2], [1]), ([], [])):
            with self.assertRaises(ValueError):
                ratios.of_pairs(ours, theirs)

    def test_the_interval_of_equal_values_is_their_value(self):
        self.assertEqual(ratios.interval([0.7] * 11), (0.7, 0.7))

    def test_one_wild_round_does_not_widen_the_interval(self):
        values = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0, 1.0, 50.0]
        low, high = ratios.interval(values)
        self.assertGreaterEqual(low, 0.98)
        self.assertLessEqual(high, 1.02)

    def test_the_interval_holds_what_95_of_100_resamples_bring(self):
        # Of two values, each of the medians 0, 1 and 2 comes in a quarter or a half of resamples.
        self.assertEqual(ratios.interval([0.0, 2.0]), (0.0, 2.0))

    def test_the_same_values_bring_the_same_interval(self):
        values = [0.1 * i for i in range(11)]
        self.assertEqual(ratios.interval(values), ratios.interval(list(values)))

    def test_every_other_round_runs_backwards(self):
        self.assertEqual(ratios.in_order(["a", "b", "c"], 0), ["a", "b", "c"])
        self.assertEqual(ratios.in_order(["a", "b", "c"], 1), ["c", "b", "a"])
        self.assertEqual(ratios.in_order(["a", "b", "c"], 2), ["a", "b", "c"])

    def test_how_a_ratio_is_written(self):
        self.assertEqual(str(ratios.Ratio(0.4849, 0.45, 1.235)), "0.48 × [0.45, 1.24]")


if __name__ == "__main__":
    unittest.main()
