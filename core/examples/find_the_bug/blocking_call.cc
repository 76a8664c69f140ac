// Find the bug: a call that blocks, inside a task.
//
//     bazel run //core/examples/find_the_bug:blocking_call -- before
//
// While the call lasts nothing else of its worker runs: no other task, no timer, no socket. Here a
// clock is to tick each 10 ms, and a report takes 300 ms to compute.
// What shows it: latency that comes in steps of the length of the call, and where the runtime
// watches its tasks with a `slow_poll` (core/runtime/watch_options.h) a sentence on stderr, which
// names the task and the line that has spawned it.
#include <cstdio>
#include <thread>
#include <utility>

#include "core/examples/find_the_bug/before_after.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

int ComputeReport() {  // of a library that knows nothing of tasks
  std::this_thread::sleep_for(300ms);
  return 7;
}

core::Task<void> Tick(int& ticks) {
  while (co_await core::Sleep(10ms)) ++ticks;
}

// How often the clock has ticked while the report was made.
template <typename Make>
core::Task<int> TicksDuring(Make make) {
  int ticks = 0;
  core::JoinHandle<void> clock = core::Spawn(Tick(ticks), {"clock"});
  co_await core::Yield();  // the clock begins
  const int report = co_await make();
  const int during = ticks;
  clock.Abort();
  (void)co_await std::move(clock);  // it uses `ticks`: it has ended before that goes
  std::printf("report %d\n", report);
  co_return during;
}

core::Task<int> ReportBefore() { co_return ComputeReport(); }

core::Task<int> Before() {
  core::JoinHandle<int> ticks = core::Spawn(TicksDuring(&ReportBefore), {"report"});
  std::printf("%d ticks meanwhile\n", (co_await std::move(ticks)).value());
  co_return 0;
}

// On a thread of the pool for that. What is computed piece by piece may stay a task, with a
// `co_await Yield()` every hundred pieces or so.
core::Task<int> ReportAfter() { co_return (co_await core::RunBlocking(&ComputeReport)).value(); }

core::Task<int> After() {
  core::JoinHandle<int> ticks = core::Spawn(TicksDuring(&ReportAfter), {"report"});
  std::printf("%s\n", (co_await std::move(ticks)).value() > 0 ? "the clock has ticked meanwhile"
                                                              : "0 ticks meanwhile");
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) { return RunBeforeOrAfter(argc, argv, &Before, &After); }
