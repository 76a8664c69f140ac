// Waits: questions of other threads whose answer has to be waited for. Each is a task of the
// runtime; there are few at a time, because each holds a connection of the admin endpoint.
//
//     if (!waits.has_room()) return answer("too many wait already");
//     waits.Start(AnswerOnceDrained(...), request.gone);
//
//   Start ──► the task runs ──► it ends by itself
//                 ├── `gone` is cancelled: its scope is, too, and its place is free
//                 └── Close: the same for all, and each answers what there is then
//
// Threads: Start any; Close once, inside a task.
// Checked by: tests/e2e/test_events.py, tests/e2e/test_admin_acts.py.
#ifndef SLUICE_PROXY_SERVER_WAITS_H_
#define SLUICE_PROXY_SERVER_WAITS_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/runtime/handle.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"

namespace sluice::proxy {

class Waits {
 public:
  static constexpr uint32_t kMost = 12;

  explicit Waits(core::RuntimeHandle runtime) : tasks_(runtime) {}
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // Whether another one may start now. It may until the caller, if it is the only one that starts
  // any, has started one, or Close.
  bool has_room() const;

  // Runs `wait`, until `gone` is cancelled: its client is not there any more. Returns false if as
  // many wait already, or it is closed: then it never begins.
  bool Start(core::Task<void> wait, std::shared_ptr<core::CancellationSource> gone);
  // Ends all of them.
  core::Task<void> Close();

 private:
  core::Task<void> Run(core::Task<void> wait, std::shared_ptr<core::CancellationSource> gone);

  core::CancellationSource stop_;
  core::TaskGroup tasks_;
  mutable absl::Mutex mutex_;
  uint32_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_WAITS_H_
