// Watchdog: a plain thread that finds a run that does not end. A task cannot find it: it does not
// run either.
//
//   the thread looks at the list of the tasks each 10 ms: the same task in the same run, 100 times
//   in a row ──► the tasks and one sentence on stdout, and the process ends
//
// It counts its own looks and not the time, so a machine that stands still does not alarm it.
#ifndef SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_
#define SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "core/examples/find_the_bug/print_tasks.h"
#include "core/sluice.h"

class Watchdog {
 public:
  static constexpr int kBlocked = 3;  // the exit code

  // The runtime outlives it, and watches its tasks. It has one worker.
  explicit Watchdog(sluice::core::RuntimeHandle runtime) : runtime_(runtime) {}

 private:
  // A task and which of its runs; no task: none runs.
  using Run = std::pair<uint64_t, uint64_t>;

  void Watch(const std::stop_token& stop) {
    using std::chrono_literals::operator""ms;
    Run seen;
    for (int same = 0; same < 100; ++same) {
      std::this_thread::sleep_for(10ms);
      if (stop.stop_requested()) return;
      const Run now = RunUnderWay();
      if (now != std::exchange(seen, now) || now == Run()) same = 0;
    }
    PrintTasks(runtime_);
    std::printf("task %llu has been running for a second: it blocks the worker\n",
                static_cast<unsigned long long>(seen.first));
    std::fflush(stdout);
    _exit(kBlocked);
  }
  Run RunUnderWay() const {
    const std::optional<sluice::core::TaskList> list = sluice::core::ListTasks(runtime_);
    for (const sluice::core::TaskInfo& task : list->tasks) {
      if (task.state == sluice::core::TaskState::kRunning) return {task.id, task.polls};
    }
    return {};
  }

  const sluice::core::RuntimeHandle runtime_;
  std::jthread thread_{[this](const std::stop_token& stop) { Watch(stop); }};
};

#endif  // SLUICE_CORE_EXAMPLES_FIND_THE_BUG_WATCHDOG_H_
