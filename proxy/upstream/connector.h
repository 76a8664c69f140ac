// Connecting to an upstream: one endpoint after the other until one takes the connection, and round
// again if none does.
//
//   PICK ── an endpoint ────► CONNECTING ── done ──► CONNECTED
//    ▲ └─ none is usable ─► QUEUED ─┘  │ failed
//    │                        └─ queue_timeout, or the upstream is removed ──► NOT CONNECTED
//    ├── after a pause ◄── more to try ─┤
//    │                                  │ round is over
//    └── after a pause, all may be ◄────┴── retry_for is over ──► NOT CONNECTED
//        tried again
//
// A round tries `attempts` endpoints, each once; the next round prefers others to those that the
// last one has tried. A session that waits for a slot of one endpoint does not overlook that
// another one, which it has tried, is back: after the pause that is before the next round it takes
// that, too (slot_wait.h), and when it is given it the next round has begun. If it fails again the
// session waits again at the place that it had, with a queue_timeout like one that comes then; but
// after retry_for only for what it has not tried, until all its waiting has taken queue_timeout.
// Where queue_timeout is shorter than the pause, or 0, the round is over with it.
//
// A UNIX endpoint whose accept queue is full is not one that has failed: it is asked again for as
// long as a connect may take. No round follows when all that was found are listeners of this
// process that lead back to it, which nothing but another configuration changes, or endpoints that
// take a connection and reset it at once: they are there, and that is their answer. (Whether such a
// reset is found by the connect or by the relay is up to the clock; the client is reset in either
// case.)
//
// Nothing has been sent yet, so that a failed attempt is never seen by the client.
#ifndef SLUICE_PROXY_UPSTREAM_CONNECTOR_H_
#define SLUICE_PROXY_UPSTREAM_CONNECTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/time.h"
#include "core/task/task.h"
#include "proxy/observe/events.h"
#include "proxy/observe/stats.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

// What connecting needs to know besides the upstream's own policy.
struct ConnectContext {
  Upstream& upstream;
  core::Duration timeout;  // of one attempt; 0: none but the kernel's
  uint64_t key = 0;        // what sticks to an endpoint, if the policy uses it
  Stats& stats;
  Events& events;
  // Where the connection is to come from, with port 0; null: the policy says it. Outlives it.
  const core::Address* source = nullptr;
};

struct Connected {
  static constexpr size_t kMostFailed = 16;

  int fd = -1;           // the caller's; -1: none could be reached
  int error = 0;         // why the last attempt failed (errno)
  EndpointRef endpoint;  // the last one tried
  // Those that were tried in vain, in order: the last kMostFailed of them. Null: there were none.
  std::unique_ptr<std::vector<EndpointRef>> failed;
  EndpointSlot slot;                     // held while the connection is open
  int attempts = 0;                      // of all rounds
  bool queue_timeout = false;            // no endpoint had a free slot in time
  bool no_source = false;                // the source is of another family than all of these
  std::optional<core::Duration> queued;  // waited for a free slot; none: there was one
};

// Tries every endpoint at most once in each round, in the order of the upstream's policy, each for
// at most the connect timeout. Gives up early when the scope is cancelled, or when this process has
// run out of something that no other endpoint could help with. The pauses depend on `seed`, which
// differs for sessions that begin together: else they would try again together.
core::Task<Connected> ConnectUpstream(ConnectContext context, uint64_t seed);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_CONNECTOR_H_
