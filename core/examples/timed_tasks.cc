// Ten timed tasks on a runtime in the background, while main does what it likes; here it sleeps, as
// a thread. For programs that have a main loop of their own and want a part that is asynchronous.
//
//     bazel run //core/examples:timed_tasks
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

// Points in time, not spans, so that the order does not depend on when each task begins.
core::Task<int> Timed(int number, core::Instant begin) {
  std::printf("task %d begins\n", number);
  co_await core::SleepUntil(begin + 1000ms - number * 50ms);
  co_return number;
}

core::Task<int> TenTasks() {
  const core::Instant begin = core::Now();
  core::JoinSet<int> tasks;
  for (int number = 0; number < 10; ++number) tasks.Spawn(Timed(number, begin));
  int ended = 0;
  while (std::optional<core::Outcome<int>> task = co_await tasks.Next()) {
    std::printf("task %d has ended\n", task->value());
    ++ended;
  }
  co_return ended;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  core::Runtime runtime({.workers = 1, .backend = BackendArgument(argc, argv)});
  if (absl::Status status = runtime.StartInBackground(); !status.ok()) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  core::JoinHandle<int> tasks = runtime.handle().Spawn(TenTasks());
  std::this_thread::sleep_for(750ms);
  std::puts("main has slept");
  std::printf("%d tasks have ended\n", runtime.BlockOn(std::move(tasks)).value());
}
