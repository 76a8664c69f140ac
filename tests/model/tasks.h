// Tasks: real tasks without workers. The threads of a model run them; what they wake lands in the
// inject queue, from where they or Finally take it.
#ifndef SLUICE_TESTS_MODEL_TASKS_H_
#define SLUICE_TESTS_MODEL_TASKS_H_

#include "core/base/check.h"
#include "core/runtime/spawn.h"
#include "core/sched/worker.h"

namespace sluice::model {

struct Tasks {
  // Makes a task without putting it anywhere; the first Run starts it.
  template <typename T>
  core::Joinable<T>& Make(core::Task<T> task) {
    auto* const cell = new core::TaskCell<T>(std::move(task));
    cell->Launch(shared);
    return *cell;
  }

  static void Run(core::Runnable& task) {
    const core::Runnable::Outcome outcome = task.Run();
    SLUICE_CHECK(outcome == core::Runnable::Outcome::kIdle ||
                 outcome == core::Runnable::Outcome::kDone);
  }
  // Runs what is in the inject queue.
  void RunWoken() {
    while (core::Runnable* task = shared.PopInjected()) Run(*task);
  }

  core::Shared shared{1};
};

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_TASKS_H_
