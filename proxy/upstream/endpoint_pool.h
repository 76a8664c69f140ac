// EndpointPool: the endpoints of an upstream under all of its configurations and policies, and the
// queue for them: what counts goes on when another configuration takes the place of one.
//
//   MakeSet ── joins ──► NEXT ── Publish ──► CURRENT ── a set without it is published ──► FORMER
//                         └── the set is let go of ───────────────────────────────────────► │
//                            `late_at` has come: its sessions are told to end               │
//                            no session and no set knows it any more: freed  ◄──────────────┘
//
// An endpoint that is in the set before and in the new one is the same object: its sessions count
// on. It is the same if it has the same name and the same address:
//
//   in the set before   in the new one       what happens
//   a = 10.0.0.1:80     a = 10.0.0.1:80      it stays
//   a = 10.0.0.1:80     a = 10.0.0.2:80      another server: one joins, and the one before drains
//   a = 10.0.0.1:80     b = 10.0.0.1:80      likewise: what is renamed is another one
//   10.0.0.1:80         10.0.0.1:80          it stays: its name is its address
//
// One that leaves drains: it gets no new session. One that joins again is another object, which
// has not been tried; so is one whose sessions have been told to end, as maintenance does, but for
// what its agent has said and for where it is (upstream_sockets.h).
//
// Threads: Publish one at a time; the rest any.
// Checked by: tests/proxy/upstream/upstream_test.cc, tests/proxy/upstream/endpoint_pool_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_
#define SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/net/socket_api.h"
#include "core/sync/cancellation.h"
#include "proxy/upstream/administrative.h"
#include "proxy/upstream/endpoint/endpoint_set.h"
#include "proxy/upstream/endpoint_queue.h"
#include "proxy/upstream/upstream_health.h"

namespace sluice::proxy {

class EndpointPool final : public core::RefCounted {
 public:
  // `workers`: how many there are. The endpoints are published.
  EndpointPool(std::string upstream, const SetPolicy& policy,
               std::span<const GivenEndpoint> endpoints, uint32_t workers);

  const std::string& upstream() const { return upstream_; }  // its name
  EndpointQueue& queue() { return *queue_; }
  core::LogThrottle& failure_throttle() { return failure_throttle_; }

  // What checks and sessions have found out about its endpoints.
  UpstreamHealth& health() { return *health_; }

  // A set of these endpoints, in this order; publish it, or let go of it. (Of two that are made at
  // a time each may be published.) `joiners`: those that are not current.
  std::shared_ptr<const EndpointSet> MakeSet(const SetPolicy& policy,
                                             std::span<const GivenEndpoint> endpoints,
                                             Joiners joiners = Joiners::kUsable);
  // Those that leave have until `late_at`; none: as long as they want. None has longer than before.
  void Publish(std::shared_ptr<const EndpointSet> set, std::optional<core::Instant> late_at);
  // Of the current endpoints with this name: until when their sessions have; none: as long as they
  // want. What has been told to end, ends.
  void SetLateAt(std::string_view name, std::optional<core::Instant> late_at);
  // How many sessions the endpoints of this name have, also those that have left.
  uint32_t SessionsOf(std::string_view name) const;
  // Its upstream has been removed: no new sessions come, those that wait for an endpoint go without
  // one, and those that there are have as long.
  void Retire(core::Instant late_at);

  // Ends the sessions of former endpoints that are late, and frees endpoints that have none any
  // more. Returns when to look again: at the latest when the next is late.
  core::Instant EndLate(core::Instant now);
  // Whether there are former endpoints, sessions of an upstream that is removed, or some of current
  // endpoints that are to end.
  bool is_draining() const;
  // Of all endpoints.
  void EndSessions();

  size_t former() const;  // how many have not been freed
  size_t sets() const;    // of how many it keeps account: those in use, and a few that have gone

 private:
  struct Known {
    Known(const core::Address& address, std::string name, Joiners joins)
        : health(joins), endpoint(address, std::move(name)) {
      endpoint.set_end_of_sessions(end_of_sessions);
      endpoint.set_health(health, health.out());
    }
    core::CancellationSource end_of_sessions;
    EndpointHealth health;
    Endpoint endpoint;
    std::optional<core::Instant> late_at;
  };
  using AllKnown = std::vector<std::unique_ptr<Known>>;

  // Endpoints that a set does not take, by name: the same ones join as other objects.
  using ByName = std::unordered_map<std::string_view, const Endpoint*>;
  // Objects that a new one takes the place of: told to end, and of a set that was let go.
  struct PassedOver {
    ByName ended;
    ByName let_go;
  };
  Endpoint& Join(const core::Address& address, std::string name, Joiners joiners,
                 const PassedOver& passed_over) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Free() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  using Members = absl::flat_hash_set<const Endpoint*>;
  // Puts those of `from` that are `members` behind `current`; the rest stays.
  static void MoveMembers(AllKnown& from, const Members& members, AllKnown& current);

  const std::string upstream_;
  mutable absl::Mutex mutex_;
  AllKnown next_ ABSL_GUARDED_BY(mutex_);
  AllKnown current_ ABSL_GUARDED_BY(mutex_);
  AllKnown former_ ABSL_GUARDED_BY(mutex_);
  bool is_retired_ ABSL_GUARDED_BY(mutex_) = false;
  // All that may still be in use.
  std::vector<std::weak_ptr<const EndpointSet>> sets_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<EndpointQueue> queue_;  // goes before the endpoints
  std::unique_ptr<UpstreamHealth> health_;
  core::LogThrottle failure_throttle_{5s};
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_ENDPOINT_POOL_H_
