// RunBeforeOrAfter: the main of the programs here: `before` runs the code with the mistake, `after`
// the code without it. One worker: that is where such mistakes show at once, and not once a week.
//
// The runtime watches its tasks, which is what finds most of them:
//
//   a run of 200 ms or more    a sentence on stderr names the task that kept the worker
//   a run that does not end    the watchdog names the task, and ends the process
//   all wait                   PrintTasks says for what
//
// In a program of your own a Console shows the same while it runs (core/console/console.h).
#ifndef SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_
#define SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_

#include <cstdio>
#include <string_view>

#include "core/examples/backend_argument.h"
#include "core/examples/find_the_bug/watchdog.h"
#include "core/sluice.h"

using TaskMaker = sluice::core::Task<int> (*)();

inline sluice::core::Task<int> UnderWatch(TaskMaker make) {
  const Watchdog watchdog(sluice::core::RuntimeHandle::Current());
  co_return co_await make();
}

inline int RunBeforeOrAfter(int argc, char** argv, TaskMaker before, TaskMaker after) {
  using std::chrono_literals::operator""ms;
  const sluice::core::Backend backend = BackendArgument(argc, argv);
  const std::string_view which = argc == 2 ? argv[1] : "";
  if (which != "before" && which != "after") {
    std::fprintf(stderr, "usage: %s before|after\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return sluice::core::RunMain(UnderWatch(which == "before" ? before : after),
                               {.backend = backend, .watch = {.tasks = true, .slow_poll = 200ms}});
}

#endif  // SLUICE_CORE_EXAMPLES_FIND_THE_BUG_BEFORE_AFTER_H_
