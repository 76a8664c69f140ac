// InterimRecords: has the access log tell of sessions that live long, while they do
// (access_log.interim).
//
//   OFF ── Follow(every) ──► WAITING ── a step later ──► WALKING, on a thread of its own ──┐
//    ▲                         ▲  └── Follow(another time), Stop ──► OFF                   │
//    │                         └───────────────────────────────────────────────────────────┘
//    └── Follow(0s), Stop: a walk that is under way is waited for
//
// A session has a record whenever its age has become a multiple of `every`, late by one step at
// most. Nothing is kept for that in a session, and no worker does it: a walk looks at the ages, and
// takes the lock of one worker's sessions for a few of them at a time (session_registry.h).
//
// Threads: the server's task.
// Checked by: tests/e2e/test_access_log.py, tests/proxy/session/session_registry_test.cc.
#ifndef SLUICE_PROXY_SERVER_INTERIM_RECORDS_H_
#define SLUICE_PROXY_SERVER_INTERIM_RECORDS_H_

#include <memory>
#include <optional>

#include "core/base/time.h"
#include "core/runtime/handle.h"
#include "core/runtime/spawn.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/session/session_registry.h"

namespace sluice::proxy {

class InterimRecords {
 public:
  // All of it outlives the records; `elsewhere` is read when a walk begins.
  InterimRecords(core::RuntimeHandle runtime, const SessionRegistry& registry,
                 const RunElsewhere& elsewhere)
      : runtime_(runtime), registry_(registry), elsewhere_(elsewhere) {}

  // From now on; 0s: off.
  core::Task<void> Follow(core::Duration every);
  core::Task<void> Stop() { return Follow(0s); }

 private:
  core::Task<void> Run(core::Duration every, core::CancellationToken stop);

  const core::RuntimeHandle runtime_;
  const SessionRegistry& registry_;
  const RunElsewhere& elsewhere_;
  core::Duration every_{0};
  std::unique_ptr<core::CancellationSource> stop_;
  std::optional<core::JoinHandle<void>> running_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_INTERIM_RECORDS_H_
