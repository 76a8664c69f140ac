"""core/examples/README.md has each program, with the one command that runs it."""

import os
import re
import sys
import unittest

README = next(path for path in sys.argv[1:] if path.endswith("README.md"))
SOURCES = [path for path in sys.argv[1:] if path.endswith(".cc")]


class ReadmeTest(unittest.TestCase):
    def test_each_program_has_a_row_with_its_command(self):
        with open(README, encoding="utf-8") as file:
            rows = [line for line in file if line.startswith("| [")]
        self.assertGreater(len(SOURCES), 10)
        for path in SOURCES:
            source = path[path.index("core/examples/"):]
            folder, name = os.path.split(source)
            link = f"]({os.path.relpath(source, 'core/examples')})"
            command = f"`bazel run //{folder}:{os.path.splitext(name)[0]}"
            row = [row for row in rows if link in row]
            self.assertTrue(row, f"no row for {source}")
            self.assertTrue(re.search(re.escape(command) + r"\b", row[0]), row[0])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
