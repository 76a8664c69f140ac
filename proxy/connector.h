// Connecting to an upstream: one endpoint after the other until one takes the connection.
//
//   PICK ── room ──► CONNECTING ── done ──► CONNECTED
//    ▲ └─ all full ─► QUEUED ── room ─┘ │ failed
//    │                 └─ queue_timeout │
//    └── after a pause ◄── more to try ─┴── none left ──► NOT CONNECTED
//
// Nothing has been sent yet, so that a failed attempt is never seen by the client.
#ifndef SLUICE_PROXY_CONNECTOR_H_
#define SLUICE_PROXY_CONNECTOR_H_

#include <cstdint>

#include "core/task.h"
#include "proxy/session.h"

namespace sluice::proxy {

struct Connected {
  int fd = -1;                         // the caller's; -1: none could be reached
  const Endpoint* endpoint = nullptr;  // the last one tried
  EndpointSlot slot;                   // held while the connection is open
  int error = 0;                       // why the last attempt failed (errno)
  int attempts = 0;                    // endpoints tried
  core::Nanos queued = -1;             // waited for room; -1: there was room
  bool queue_timeout = false;          // there was no room in time
};

// Begins with the balancer's choice and tries every endpoint at most once, each for at most the
// connect timeout. Gives up early when the scope is cancelled, or when this process has run out of
// something that no other endpoint could help with. The pauses depend on `seed`: sessions that
// begin together try again together unless theirs differ.
core::Task<Connected> ConnectUpstream(const SessionContext& context, uint64_t seed);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_CONNECTOR_H_
