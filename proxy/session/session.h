// Session: one client connection, its upstream connection, and every decision about them.
//
//   CONNECTING ── connected ──► RELAYING ── both flows ended with FIN ──────► CLOSED (FIN, FIN)
//       │                          ├── a peer reset ──► drain what it sent ──► CLOSED (RST)
//       │                          └── idle, half-close, stall ─────────────► CLOSED (RST, RST)
//       ├── no endpoint, no room, client's reset ───────────────────────────► CLOSED (RST)
//       └── lifetime, shutdown (also while RELAYING) ───────────────────────► CLOSED (RST, RST)
//
// The first cause wins: it is the EndReason.
//
// Closing (behaviour.md, promises 1 to 3): end of stream is passed on with shutdown(2) once all
// bytes before it have been sent, and the other direction goes on. A reset is passed on as a reset,
// after the kernel has got rid of the bytes that came before it, as long as their reader takes some
// (timeouts.linger). Whatever the proxy ends by itself it ends with a reset: a clean end is only
// shown to a peer whose partner ended cleanly. With half_close: close the first end of stream ends
// both directions, once it has been passed on and has arrived, within the same bounds; a client is
// not shown that end before its places are free.
//
// Timeouts (idle, half_close, write_stall) are times without progress. A peer makes progress when
// it sends, when the kernel accepts bytes for it, and when it takes some that the kernel holds. The
// last is looked at when the timer fires, which it does at quarters of the timeout while the kernel
// holds anything: so an end comes between 1 and 1.25 times the timeout after the last progress.
//
//   bytes accepted ──► looking, every quarter ── the kernel holds nothing ──► one timer, at the
//                          │        ▲                                          earliest deadline
//                          └────────┘ something was taken: that is progress
//
// A session is one task: its two pumps, its timer and its shutdown notice need no lock. It is the
// root of that task, so that all it holds while it waits for data is three frames.
#ifndef SLUICE_PROXY_SESSION_SESSION_H_
#define SLUICE_PROXY_SESSION_SESSION_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "conf/config.h"
#include "core/log/logger.h"
#include "core/runtime/spawn.h"
#include "core/sched/timer_wheel.h"
#include "core/task/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/stats.h"
#include "proxy/session/pump.h"
#include "proxy/session/shared_pace.h"
#include "proxy/upstream/cluster.h"

namespace sluice::proxy {

// Nanoseconds; 0 = none.
struct SessionTimeouts {
  core::Nanos connect = 0;
  core::Nanos idle = 0;
  core::Nanos half_close = 0;
  core::Nanos write_stall = 0;
  core::Nanos max_lifetime = 0;
  core::Nanos max_lifetime_jitter = 0;  // a session may end earlier by up to this
  core::Nanos linger = 0;
  core::Nanos look_every = 0;  // while a peer has yet to take something; of idle and write_stall
};

// How often to look for progress that a timeout waits for.
constexpr core::Nanos QuarterOf(core::Nanos timeout) {
  return std::max(core::kMillisecond, timeout / 4);
}

// Bytes per second; 0 = no limit. What sessions share is the listener's.
struct SessionBandwidth {
  uint64_t per_connection = 0;  // each direction
  SharedPace* up = nullptr;
  SharedPace* down = nullptr;

  bool limited() const { return per_connection != 0 || up->limited() || down->limited(); }
};

// What all sessions of a listener have in common; outlives them.
struct SessionContext {
  std::string listener;  // name
  SessionTimeouts timeouts;
  bool close_after_fin = false;  // half_close: close
  uint32_t credit;               // bytes per direction
  SessionBandwidth bandwidth;
  Cluster* cluster;
  Stats* stats;
  core::Logger* logger;
  core::LogThrottle* short_throttle;  // of the line that says that buffers are short
  AccessLog* access_log = nullptr;    // or null
  core::CancellationToken end_all;    // shutdown after drain_timeout
};

// Runs a session to its end. Owns `client` (a descriptor) and `ticket`.
core::Root<void> RunSession(const SessionContext& context, int client, Ticket ticket);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_SESSION_H_
