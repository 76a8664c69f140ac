// Drain: the end of the server, after it has stopped accepting.
//
//   connections in the kernel's queues become sessions ──► the sockets are closed
//       │
//   FINISHING ── the last session has ended ──────────────────────────────────► DONE
//       │    ▲ │                                                                 ▲
//       │    └─┘ within drain_window: the most idle ones are reset, one by one;  │
//       │        behind it: those that are still to come                         │
//       │ drain_timeout is over, or a second signal                              │
//       └──► ENDING (sessions are reset) ── the last session has ended ──────────┘
#ifndef SLUICE_PROXY_SERVER_DRAIN_H_
#define SLUICE_PROXY_SERVER_DRAIN_H_

#include <functional>

#include "core/base/time.h"
#include "core/runtime/task_group.h"
#include "core/sync/cancellation.h"
#include "core/task/task.h"
#include "proxy/admission/connection_limit.h"
#include "proxy/observe/events.h"
#include "proxy/server/addresses.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/server/stop_signals.h"
#include "proxy/session/session_registry.h"

namespace sluice::proxy {

struct DrainContext {
  Addresses& addresses;  // their accept loops have ended
  core::TaskGroup& sessions;
  core::CancellationSource& end_sessions;  // cancelled to end those that are late
  std::function<void()> end_connected;     // then: for those whose notice is at their endpoint
  const ConnectionLimit& connections;      // how many there are
  StopSignals& signals;
  Events& events;
  SessionRegistry& registry;
  const RunElsewhere& elsewhere;  // it looks at all sessions there
  core::Duration window;          // 0: sessions end by themselves
  core::Duration timeout;
  bool hurries = false;  // a second signal has come already
};

// Returns when the last session has ended. `context` outlives it.
core::Task<void> Drain(const DrainContext& context);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_DRAIN_H_
