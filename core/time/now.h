// Now: the time, as the tasks of a runtime see it.
//
//     const Instant begin = Now();
//     ...
//     LogSlow(Now() - begin);
//
// It is that of the clock the runtime was made with, so it stands still where that does
// (core/testing/paused_clock.h). Threads: inside a task. Checked by: tests/core/time.
#ifndef SLUICE_CORE_TIME_NOW_H_
#define SLUICE_CORE_TIME_NOW_H_

#include "core/base/check.h"
#include "core/base/time.h"
#include "core/sched/worker.h"

namespace sluice::core {

inline Instant Now() {
  const Worker* worker = Worker::Current();
  SLUICE_CHECK_USE(worker != nullptr,
                   "this thread runs no task; ask the Clock that the Runtime was made with");
  return worker->clock().Now();
}

}  // namespace sluice::core

#endif  // SLUICE_CORE_TIME_NOW_H_
