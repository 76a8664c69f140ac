// EndpointActions: what an administrator does to endpoints while the process runs, and what there
// is to see of them.
//
//   EndpointActions& actions = server.endpoint_actions();
//   const EndpointId id = {.upstream = "app", .name = "10.0.0.1:3000"};
//   const auto drained = actions.SetState(id, AdminState::kDrain, "uid 0, pid 12");
//   if (!drained.ok()) ...                      // a sentence: what was found, what is allowed
//   co_await actions.UntilDrained(id, 5min);
//
// An act holds when it returns: no session begins any more with an endpoint that has been taken
// out, and those that wait for one that is usable now have been given it. It is kept apart from the
// configuration (administrative.h), and a reload undoes none of it.
//
//   ready        new sessions, also after drain and maintenance
//   drain        no new sessions; those that it has go on for as long as they want, as with
//                weight 0
//   maintenance  the same, and those that it has end as on_removed says: at once, or when
//                drain_timeout is over (reason endpoint_removed)
//   reset        as the configuration says; one that was removed is back, one that was added stays
//   remove       as one that a reload removes; it stays away until the configuration drops it and
//                names it again, or until it is added or reset
//
// Errors are: INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, and UNAVAILABLE once the process ends or
// while acts are rejected.
// Each act is an event, with `who` asked for it.
// Threads: any; an act and the exchange of topologies exclude each other, for moments.
// Checked by: tests/proxy/server/endpoint_actions_test.cc.
#ifndef SLUICE_PROXY_SERVER_ENDPOINT_ACTIONS_H_
#define SLUICE_PROXY_SERVER_ENDPOINT_ACTIONS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/net/address.h"
#include "core/runtime/handle.h"
#include "core/task/task.h"
#include "proxy/observe/events.h"
#include "proxy/server/draining_endpoints.h"
#include "proxy/server/topology.h"
#include "proxy/upstream/administrative.h"

namespace sluice::proxy {

struct EndpointId {
  std::string upstream;
  std::string name;  // its name, else its address
};

struct EndpointView {
  std::string upstream;
  std::string name;
  core::Address address;
  AdminState state = AdminState::kReady;
  uint32_t weight = 0;                        // in force
  std::optional<uint32_t> configured_weight;  // none: the configuration does not name it
  uint32_t max_connections = 0;               // 0: no limit
  uint32_t priority = 0;                      // 0: the best
  bool is_usable = false;                     // takes a session now
  bool is_removed = false;                    // by hand; it may still have sessions
  uint32_t sessions = 0;                      // all that have it, also on their way to it
};

class EndpointActions {
 public:
  EndpointActions(core::RuntimeHandle runtime, DrainingEndpoints& draining, Events& events)
      : runtime_(runtime), draining_(draining), events_(events) {}
  EndpointActions(const EndpointActions&) = delete;
  EndpointActions& operator=(const EndpointActions&) = delete;

  using Answer = absl::StatusOr<EndpointView>;

  Answer SetState(const EndpointId& id, AdminState state, std::string_view who);
  // 0 to 256; 0: as drain.
  Answer SetWeight(const EndpointId& id, uint32_t weight, std::string_view who);
  Answer Reset(const EndpointId& id, std::string_view who);
  // It inherits all of the upstream.
  Answer Add(std::string_view upstream, const conf::Endpoint& endpoint, std::string_view who);
  Answer Remove(const EndpointId& id, std::string_view who);

  // The monitors': agents have said other weights or limits of the upstream of this name.
  void Reweigh(const Upstream& upstream);
  // What a source of an upstream has found (upstream/discovery/source.h) holds when this returns,
  // in the topology that serves or in the one that is made ready. False: nothing is different, or
  // there is no such upstream any more. It may take long with many endpoints.
  bool Discover(std::string_view upstream, std::string_view source, Snapshot snapshot,
                Joiners joiners);
  // This topology is made ready: what its sources find is taken. Null: none is.
  void Announce(core::IntrusivePtr<const Topology> next);

  Answer Find(const EndpointId& id) const;
  // In the order of the configuration; those that were removed by hand last, while they have
  // sessions.
  std::vector<EndpointView> List() const;

  // Returns true once the endpoint has no session, false when `timeout` is over or the scope is
  // cancelled. In a task of any runtime; an endpoint that is not known has none.
  core::Task<bool> UntilDrained(EndpointId id, core::Duration timeout) const;

  // What has been changed, by upstream: to be kept over a restart. After Close: what had been.
  using Changes = std::map<std::string, Administrative::Changes, std::less<>>;
  Changes changes() const;
  // In place of what has been changed so far: before the server serves, or while acts are rejected.
  // Upstreams that are not configured are left out.
  void Restore(Changes changes);
  // No act is carried out, because of `why`, a sentence; "": acts are.
  void set_rejects(std::string why) {
    absl::MutexLock lock(&mutex_);
    rejects_ = std::move(why);
  }
  // As Restore: called, by any thread, when changes() may say something else.
  void set_on_change(std::function<void()> on_change) {
    absl::MutexLock lock(&mutex_);
    on_change_ = std::move(on_change);
  }

  // The server's: what is in force from now on, and where its listeners listen. No act comes
  // between `exchange`'s steps.
  void Exchange(const std::function<void()>& exchange, const core::IntrusivePtr<const Topology>& is,
                std::vector<std::vector<core::Address>> bound);
  // No act is carried out any more.
  void Close();

 private:
  using Act = std::function<absl::Status(Upstream&, core::Instant now)>;

  Answer Do(const EndpointId& id, std::string_view what, std::string_view who, const Act& act);
  // For endpoints that join an upstream of the topology that serves; under the lock.
  Upstream::Prepare Locating(std::string_view upstream) const;
  static Changes ChangesOf(const Topology& topology);
  absl::StatusOr<core::IntrusivePtr<Upstream>> FindUpstream(std::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const core::RuntimeHandle runtime_;
  DrainingEndpoints& draining_;
  Events& events_;
  std::function<void()> on_change_ ABSL_GUARDED_BY(mutex_) = [] {};
  mutable absl::Mutex mutex_;
  core::IntrusivePtr<const Topology> topology_ ABSL_GUARDED_BY(mutex_);  // null: nothing is served
  core::IntrusivePtr<const Topology> next_ ABSL_GUARDED_BY(mutex_);      // or null
  Changes last_changes_ ABSL_GUARDED_BY(mutex_);                         // until Close
  std::string rejects_ ABSL_GUARDED_BY(mutex_);                          // why, or ""
  std::vector<std::vector<core::Address>> bound_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_ENDPOINT_ACTIONS_H_
