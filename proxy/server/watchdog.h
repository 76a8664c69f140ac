// Watchdog: tells the service manager that this process is alive, as long as every worker is.
//
//   RESTING ── a third of the manager's time ──► ASKING: one task for each worker, on that worker
//      ▲                                            │ the last one has run
//      └────────────────── alive() ◄────────────────┘
//
// A worker that does not come to its run queue any more keeps its task waiting, and with it the
// word: the manager ends the process then. The time between two words is at most that third and
// what the slowest worker takes to turn.
//
// Threads: a task of the runtime; Start and Stop in one task.
// Checked by: tests/proxy/server/watchdog_test.cc, tests/e2e/test_service_manager.py.
#ifndef SLUICE_PROXY_SERVER_WATCHDOG_H_
#define SLUICE_PROXY_SERVER_WATCHDOG_H_

#include <functional>
#include <optional>
#include <utility>

#include "core/base/time.h"
#include "core/runtime/handle.h"
#include "core/runtime/join_handle.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"

namespace sluice::proxy {

class Watchdog {
 public:
  // `alive` is called inside a task.
  Watchdog(core::RuntimeHandle runtime, std::function<void()> alive)
      : runtime_(runtime), alive_(std::move(alive)) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // `patience`: after so long without a word the manager acts. Once.
  void Start(core::Duration patience);

  // Nothing happens if it has not been started, or has been stopped.
  core::Task<void> Stop();

 private:
  core::Task<void> Run(core::Duration rest);
  core::Task<void> TurnAll();

  const core::RuntimeHandle runtime_;
  const std::function<void()> alive_;
  core::CancellationSource stop_;
  std::optional<core::JoinHandle<void>> running_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_WATCHDOG_H_
