"""What the linter, as .clang-tidy sets it up, and the compiler find: a task that is named and never
awaited, and one that outlives what it is to await."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import tidy

LINTER = shutil.which("clang-tidy-19")
COMPILER = shutil.which("clang++-19")
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
# The read of a socket cannot be moved, so it is gone at the end of the expression.
OUTLIVES = """\
#include <chrono>
#include <stop_token>
#include <utility>

#include "core/combine/stop_token.h"
#include "core/io/tcp.h"
#include "core/time/timeout.h"

namespace core = sluice::core;
using namespace std::chrono_literals;

using Read = core::Task<core::IoResult<size_t>>;

template <typename Make>
auto Call(Make make) { return make(); }

Read Returned(core::TcpStream& stream, std::span<std::byte> bytes) {
  return core::WithTimeout(1s, stream.Read(bytes));  // gone
}
Read Made(core::TcpStream& stream, std::span<std::byte> bytes) {
  return Call([&] { return core::WithTimeout(1s, stream.Read(bytes)); });  // gone
}
core::Task<void> Work(core::TcpStream& stream, std::span<std::byte> bytes, std::stop_token stop) {
  auto named = core::WithTimeout(1s, stream.Read(bytes));  // gone
  (void)co_await std::move(named);
  auto until = core::UntilStopped(stop, stream.Read(bytes));  // gone
  (void)co_await std::move(until);
  (void)co_await core::WithTimeout(1s, stream.Read(bytes));
  (void)co_await core::UntilStopped(stop, core::WithTimeout(1s, stream.Read(bytes)));
  auto read = stream.Read(bytes);
  auto lives = core::WithTimeout(1s, read);
  (void)co_await std::move(lives);
  auto moved = core::WithTimeout(1s, Made(stream, bytes));
  (void)co_await std::move(moved);
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


@unittest.skipUnless(COMPILER, "clang++-19 is not installed")
class Compile(unittest.TestCase):
    def test_a_task_that_outlives_what_it_awaits(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "outlives.cc")
            with open(path, "w", encoding="utf-8") as file:
                file.write(OUTLIVES)
            done = subprocess.run(
                [COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", f"-I{tidy.root()}",
                 path], capture_output=True, text=True, check=False)
        lines = OUTLIVES.splitlines()
        wrong = [number for number, line in enumerate(lines, 1) if line.endswith("// gone")]
        self.assertEqual(len(wrong), 4)
        found = re.findall(r"outlives\.cc:(\d+):\d+: (?:error|warning): ", done.stderr)
        self.assertEqual(sorted(map(int, found)), wrong, done.stderr)


if __name__ == "__main__":
    unittest.main()
