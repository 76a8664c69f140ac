"""The table of core/bench: what is made of results, and where it is written."""

import unittest

import table


def result(name="notify", workers=1, measure="cpu", tokio=100.0, epoll=50.0, io_uring=60.0,
           control=50.0) -> table.Result:
    values = {table.TOKIO: [tokio] * 5, table.EPOLL: [epoll] * 5, table.IO_URING: [io_uring] * 5,
              table.CONTROL: [control] * 5}
    return table.Result(table.Row(name, workers, measure, 10), values)


class Table(unittest.TestCase):
    def test_a_line_of_the_list(self):
        self.assertEqual(table.parse_list("notify 2 wall 300\n"),
                         [table.Row("notify", 2, "wall", 300)])

    def test_ratios_below_one_are_ours(self):
        self.assertEqual(result().cells()[6:], ["0.50 × [0.50, 0.50]", "0.60 × [0.60, 0.60]",
                                                "1.00 × [1.00, 1.00]"])

    def test_the_control_is_compared_with_its_like(self):
        self.assertEqual(result(control=55.0).cells()[8], "1.10 × [1.10, 1.10]")

    def test_amounts(self):
        for measure, value, text in (("cpu", 12.34, "12.3 ns"), ("cpu", 432.1, "432 ns"),
                                     ("wall", 1234, "1.23 µs"), ("wall", 56_780, "56.8 µs"),
                                     ("wall", 1_500_000, "1.50 ms"), ("bytes", 240.4, "240 B")):
            self.assertEqual(table.amount(measure, value), text)

    def test_rows_that_lose_are_named(self):
        text = table.verdict([result(), result("watch", 2, epoll=101.0, io_uring=40.0)])[0]
        self.assertIn("epoll: 1 of 2 rows take at most half of Tokio's; "
                      "slower: watch with 2 (1.01 ×).", text)
        self.assertIn("io_uring: 1 of 2 rows take at most half of Tokio's; slower: none.", text)

    def test_a_row_whose_interval_has_1_in_it_tells_nothing(self):
        unsure = result()
        unsure.values[table.EPOLL] = [90.0, 102.0, 103.0, 104.0, 99.0]
        self.assertIn("epoll: 0 of 1 rows take at most half of Tokio's; slower: none.",
                      table.verdict([unsure])[0])

    def test_what_is_written_is_read_again(self):
        text = "before\n%s old %s\nafter" % (table.BEGIN, table.END)
        written = table.replaced(text, table.render([result(), result("watch", 2, "wall")], "V"))
        self.assertEqual(table.rows_of(written),
                         [("notify", 1, "cpu"), ("watch", 2, "wall")])
        self.assertTrue(written.startswith("before\n"))
        self.assertTrue(written.endswith("\nafter"))
        self.assertNotIn("old", written)

    def test_a_text_without_its_marks_is_left_alone(self):
        for text in ("", table.BEGIN, table.END + table.BEGIN, (table.BEGIN + table.END) * 2):
            with self.assertRaises(ValueError):
                table.replaced(text, "table")

    def test_a_row_typed_by_hand_is_found(self):
        text = "%s\n| notify | 1 | cpu | 1 | 2 | 3 | about 0.5 | 0.6 | 1 |\n%s" % (
            table.BEGIN, table.END)
        with self.assertRaises(ValueError):
            table.rows_of(text)


if __name__ == "__main__":
    unittest.main()
