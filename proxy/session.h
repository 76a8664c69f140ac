// Session: one client connection, its upstream connection, and every decision about them.
//
//   CONNECTING ── connected ──► RELAYING ── both flows ended with FIN ──────────► CLOSED (FIN, FIN)
//       │ no endpoint               │ a peer reset ──► drain what it sent before ─► CLOSED (RST)
//       │                           │ idle, half-close, stall, lifetime, shutdown ► CLOSED (RST,
//       RST) └─► CLOSED (RST)            ▼
//                      the first cause wins: it is the EndReason
//
// Closing (behaviour.md, promises 1 to 3): end of stream is passed on with shutdown(2) once all
// bytes before it have been sent, and the other direction goes on. A reset is passed on as a reset,
// after the kernel has got rid of the bytes that came before it, at most kResetLinger later.
// Whatever the proxy ends by itself it ends with a reset: a clean end is only shown to a peer whose
// partner ended cleanly.
//
// A session is one task: its two pumps, its timer and its shutdown notice need no lock.
#ifndef SLUICE_PROXY_SESSION_H_
#define SLUICE_PROXY_SESSION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "conf/config.h"
#include "core/cancellation.h"
#include "core/logger.h"
#include "core/task.h"
#include "core/timer_wheel.h"
#include "proxy/cluster.h"
#include "proxy/connection_limit.h"
#include "proxy/end_reason.h"
#include "proxy/pump.h"
#include "proxy/stats.h"

namespace sluice::proxy {

// Nanoseconds; 0 = none.
struct SessionTimeouts {
  core::Nanos connect = 0;
  core::Nanos idle = 0;
  core::Nanos half_close = 0;
  core::Nanos write_stall = 0;
  core::Nanos max_lifetime = 0;
};

// What all sessions of a listener have in common; outlives them.
struct SessionContext {
  std::string listener;  // name
  SessionTimeouts timeouts;
  uint32_t credit;  // bytes per direction
  Cluster* cluster;
  Stats* stats;
  core::Logger* logger;
  core::CancellationToken end_all;  // shutdown after drain_timeout
};

// Runs a session to its end. Owns `client` (a descriptor) and `slot`.
core::Task<void> RunSession(const SessionContext& context, int client, LimitSlot slot);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SESSION_H_
