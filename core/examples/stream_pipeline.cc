// Stream pipeline: of the numbers from 1 to 100 the even ones, each squared by something that takes
// a moment, ten at a time; results as they come.
//
//     bazel run //core/examples:stream_pipeline
//
//   1, 2, 3 ... 100 ─ Filter ─► 2, 4 ... 100 ─ BufferUnordered: ten run ─► 16, 4, 64 ... ─ Fold
//
// Nothing is taken ahead: the next number comes when one of the ten has ended. All of it is one
// task, so `running` below needs no lock.
#include <algorithm>
#include <cstdio>
#include <ranges>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

struct Running {
  int now = 0;
  int most = 0;
};

core::Task<int> Square(int number, Running& running) {
  running.most = std::max(running.most, ++running.now);
  co_await core::Sleep(number % 7 * 1ms);  // as a server that answers sooner or later
  --running.now;
  co_return number* number;
}

struct Sum {
  int results = 0;
  int sum = 0;
};

core::Task<int> Main() {
  Running running;
  const Sum sum = co_await (core::ToStream(std::views::iota(1, 101)) |
                            core::Filter([](int n) { return n % 2 == 0; }) |
                            core::BufferUnordered(10, [&](int n) { return Square(n, running); }) |
                            core::Fold(Sum(), [](Sum so_far, int square) {
                              return Sum{so_far.results + 1, so_far.sum + square};
                            }));
  std::printf("%d results, sum %d, %d at once\n", sum.results, sum.sum, running.most);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  return core::RunMain(Main(), {.backend = backend});
}
