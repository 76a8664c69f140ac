"""The linter, as .clang-tidy sets it up, finds a task that is named and never awaited."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import tidy

LINTER = shutil.which("clang-tidy-19")
SOURCE = """\
#include <utility>

#include "core/task/task.h"

namespace core = sluice::core;

static core::Task<void> Save() { co_return; }
static core::Task<int> Count() { co_return 1; }

core::Task<int> Work() {
  auto forgotten = Save();
  const core::Task<int> lost = Count();
  [[maybe_unused]] auto meant = Save();
  auto later = Save();
  co_await std::move(later);
  co_return co_await Count();
}
"""


@unittest.skipUnless(LINTER, "clang-tidy-19 is not installed")
class Lint(unittest.TestCase):
    def test_a_task_that_is_never_awaited(self):
        root = tidy.root()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "forgotten.cc")
            with open(path, "w", encoding="utf-8") as file:
                file.write(SOURCE)
            done = subprocess.run(
                [LINTER, "--quiet", f"--config-file={root}/.clang-tidy", path, "--", "-std=c++20",
                 f"-I{root}"], capture_output=True, text=True, check=False)
        self.assertEqual(re.findall(r"error: .*", done.stdout), [])
        found = re.findall(r"unused local variable '(\w+)' of type .*Task<", done.stdout)
        self.assertEqual(found, ["forgotten", "lost"], done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
