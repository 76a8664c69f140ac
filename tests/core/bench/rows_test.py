"""The rows of core/bench and those of their twin on Tokio: the same work, in the same table.

The programs are told to do little; how long it takes is not looked at.
"""

import json
import subprocess
import sys
import unittest

import table

PROGRAM, TWIN, TABLE = sys.argv[1:4]


def ask(*line) -> str:
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout


def some_of(row: table.Row) -> str:
    """Enough things that every task of the row has something to do."""
    return row.name.rsplit("_", 1)[1] if row.name.startswith("fan_out") else "1600"


class Rows(unittest.TestCase):
    def test_both_programs_have_the_same_rows(self):
        self.assertEqual(ask(PROGRAM, "list"), ask(TWIN, "list"))

    def test_both_programs_do_the_same_work_on_both_backends(self):
        for row in table.parse_list(ask(PROGRAM, "list")):
            with self.subTest(row=row.name, workers=row.workers):
                line = ["run", row.name, str(row.workers)]
                wanted = json.loads(ask(TWIN, *line, some_of(row)))
                self.assertGreater(wanted["done"], 0)
                for backend in ("epoll", "io_uring"):
                    result = json.loads(ask(PROGRAM, *line, backend, some_of(row)))
                    self.assertEqual(result.keys(), wanted.keys())
                    for key in ("row", "workers", "done"):
                        self.assertEqual(result[key], wanted[key], key)
                    self.assertGreater(result["value"], 0)

    def test_the_work_grows_with_the_count(self):
        for row in table.parse_list(ask(PROGRAM, "list")):
            if row.workers != 1 or row.name.startswith(("mpsc", "broadcast")):
                continue  # these do whole batches
            with self.subTest(row=row.name):
                line = ["run", row.name, "1", "epoll"]
                once, twice = (json.loads(ask(PROGRAM, *line, count))["done"]
                               for count in ("800", "1600"))
                self.assertGreaterEqual(twice, 2 * once)

    def test_the_table_has_these_rows(self):
        with open(TABLE, encoding="utf-8") as file:
            written = table.rows_of(file.read())
        listed = [(row.name, row.workers, row.measure)
                  for row in table.parse_list(ask(PROGRAM, "list"))]
        self.assertEqual(written, listed)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
