// EndpointPool: the endpoints of an upstream under all of its configurations, and the queue for
// them: what counts goes on when another configuration takes the place of one.
//
//   MakeSet ── joins ──► NEXT ── Publish ──► CURRENT ── a set without it is published ──► FORMER
//                         └── the set is let go of ───────────────────────────────────────► │
//                            `late_at` has come: its sessions are told to end               │
//                            no session and no set knows it any more: freed  ◄──────────────┘
//
// An endpoint that is in the set before and in the new one is the same object: its sessions count
// on. One that leaves drains: it gets no new session. One that joins again is another object, which
// has not been tried.
//
// Threads: MakeSet and Publish one at a time; the rest any.
// Checked by: tests/proxy/upstream/upstream_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "core/sync/cancellation.h"
#include "proxy/upstream/balance/balancer.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_queue.h"

namespace sluice::proxy {

class EndpointPool final : public core::RefCounted {
 public:
  // `workers`: how many there are. The endpoints are published.
  EndpointPool(const conf::Upstream& config, uint32_t workers);

  EndpointQueue& queue() { return *queue_; }
  core::LogThrottle& failure_throttle() { return failure_throttle_; }

  // A set of these endpoints, in this order; publish it, or let go of it.
  std::shared_ptr<const EndpointSet> MakeSet(std::span<const conf::Endpoint> endpoints);
  // Those that leave have until `late_at`; none: as long as they want.
  void Publish(std::shared_ptr<const EndpointSet> set, std::optional<core::Instant> late_at);
  // Its upstream has been removed: no new sessions come, those that wait for an endpoint go without
  // one, and those that there are have as long. None: another pool takes its place, and they go on.
  void Retire(std::optional<core::Instant> late_at);

  // Ends the sessions of former endpoints that are late, and frees endpoints that have none any
  // more. Returns when to look again: at the latest when the next is late.
  core::Instant EndLate(core::Instant now);
  // Whether there are former endpoints, or sessions of an upstream that is removed.
  bool is_draining() const;
  // Of all endpoints.
  void EndSessions();

  size_t former() const;  // how many have not been freed

 private:
  struct Known {
    Known(const core::Address& address, std::string name) : endpoint(address, std::move(name)) {
      endpoint.set_end_of_sessions(end_of_sessions);
    }
    core::CancellationSource end_of_sessions;
    Endpoint endpoint;
    std::optional<core::Instant> late_at;
  };
  using AllKnown = std::vector<std::unique_ptr<Known>>;

  void Free() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<Balancer> balancer_;
  mutable absl::Mutex mutex_;
  AllKnown next_ ABSL_GUARDED_BY(mutex_);
  AllKnown current_ ABSL_GUARDED_BY(mutex_);
  AllKnown former_ ABSL_GUARDED_BY(mutex_);
  bool is_retired_ ABSL_GUARDED_BY(mutex_) = false;
  // All that may still be in use.
  std::vector<std::weak_ptr<const EndpointSet>> sets_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<EndpointQueue> queue_;  // goes before the endpoints
  core::LogThrottle failure_throttle_{5s};
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_
