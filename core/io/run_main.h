// RunMain: a main that is one task.
//
//     Task<int> Main() {
//       while (co_await Sleep(1s)) Tick();
//       co_return 0;                         // SIGTERM or SIGINT (Ctrl-C) has cancelled the sleep
//     }
//     int main() { return core::RunMain(Main()); }
//
//                        the task ends by itself
//   RUNNING ──────────────────────────────────────────────────────► ENDED: the exit code
//      │ SIGINT, SIGTERM: its scope is cancelled (a program that       ▲
//      │ waits for CtrlC() has SIGINT for itself: ctrl_c.h)            │
//      └────────────────────► CANCELLED ── it has cleaned up, ends ────┘
//                                 └── a second signal ends the process, by its default action
//
// At the end the tasks that are left are cancelled, and RunMain returns when they have ended. The
// answer is
//
//   what the task returned    0 for a Task<void>; also after a signal, which need not be a failure
//   128 + the signal          it was cancelled: it did not begin, or threw Cancelled
//   1                         it threw something else, or the runtime could not start; one line on
//                             stderr says what
//
// The locals of the main task go when it returns, before those tasks have ended. What they borrow
// is the caller's of RunMain, or main waits for them before it returns (JoinSet::Shutdown,
// TaskGroup::Join).
//
// SIGPIPE is ignored. The two signals are blocked in this thread and in those it starts: call
// RunMain before there are others. Other signals: core/io/signals.h.
//
// The workers are as many as there are CPUs unless `options` says otherwise; the calling thread is
// one of them. Threads: that of main. Checked by: tests/core/io/run_main_test.cc (both backends).
#ifndef SLUICE_CORE_IO_RUN_MAIN_H_
#define SLUICE_CORE_IO_RUN_MAIN_H_

#include "core/runtime/options.h"
#include "core/task/task.h"

namespace sluice::core {

int RunMain(Task<int> main, const RuntimeOptions& options = {.workers = 0});
int RunMain(Task<void> main, const RuntimeOptions& options = {.workers = 0});

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RUN_MAIN_H_
