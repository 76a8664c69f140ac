"""core/README.md says of the table what the table says of itself: both are of one run."""

import sys
import unittest

import table

TABLE, SUMMARY = sys.argv[1:3]


def written(path: str) -> list:
    """The lines between the marks."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    begin, end = table.between_marks(text)
    return text[begin:end].strip().splitlines()


class Written(unittest.TestCase):
    def test_the_summary_is_the_end_of_the_table(self):
        summary = written(SUMMARY)
        self.assertTrue(summary)
        self.assertEqual(summary, written(TABLE)[-len(summary):])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
