// RuntimeOptions: how many workers a runtime has, and how it behaves.
//
//     Runtime runtime({.workers = 2, .backend = Backend::kEpoll});
//
// Every field has a default that a program can live with.
#ifndef SLUICE_CORE_RUNTIME_OPTIONS_H_
#define SLUICE_CORE_RUNTIME_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "core/runtime/backend.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/watch_options.h"
#include "core/sched/shared.h"
#include "core/sched/worker_options.h"

namespace sluice::core {

struct RuntimeOptions {
  uint32_t workers = 1;      // 0: as many as there are CPUs that the process may run on
  bool pin_workers = false;  // worker i to the i-th CPU that the process may run on
  WorkerOptions worker = {};
  BlockingOptions blocking = {};
  // Is told the exceptions of tasks whose outcome nothing has asked for; empty: they are written to
  // stderr. Any worker.
  Shared::LostException lost_exception = {};
  Backend backend = Backend::kAuto;    // unless the runtime is made with reactors
  std::string thread_name = "sluice";  // of each thread, with the number of its worker
  // Is told in one sentence why Backend::kAuto did not take io_uring; empty: it is written to
  // stderr. The thread that starts the runtime.
  std::function<void(const std::string&)> warn = {};
  // Shutdown and ~Runtime cancel the tasks that are left: for that the runtime lists its tasks,
  // which takes two short locks for each that waits. Without it they wait for their tasks only.
  bool cancels_tasks = true;
  // What the runtime's tasks do, for those who look at it: task_list.h.
  WatchOptions watch = {};
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_RUNTIME_OPTIONS_H_
