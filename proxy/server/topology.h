// Topology: the listeners and upstreams of one configuration, ready to serve; the one place where a
// configuration's words become what sessions work with.
//
// A topology does not change: another configuration makes another one, which takes its place while
// sessions of the one before go on (Server::Exchange). What a session uses it holds by reference:
//
//   Server ──► Topology ──► ListenerState ──► Admission, SharedBandwidth    (its ticket is theirs)
//                 │           ▲   ▲   └─────► Upstream
//                 │   accept loop session        ▲
//                 └──────────────────────────────┘
//
// What counts something is carried over from one topology to the next, so that the counts go on:
// what a listener's connections hold of its limits, by the listener's name; its rates and shared
// bandwidth while they are the same; and the endpoints of an upstream with all that they count, by
// the upstream's name, also when its policy of balancing is another one (endpoint_pool.h).
//
// Built by one task; then any thread may read it.
#ifndef SLUICE_PROXY_SERVER_TOPOLOGY_H_
#define SLUICE_PROXY_SERVER_TOPOLOGY_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/base/time.h"
#include "core/log/logger.h"
#include "core/sync/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/listener/listener_state.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/events.h"
#include "proxy/observe/stats_registry.h"
#include "proxy/upstream/endpoint_pool.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

// What sessions use of the process. All of it lives as long as the server, which waits for its
// sessions before it ends.
struct SessionServices {
  ProcessLimits& limits;
  StatsRegistry& stats;
  core::Logger& logger;
  Events& events;
  core::LogThrottle& short_throttle;
  AccessLog* access_log;  // or null
  core::CancellationToken end_sessions;
  core::CancellationToken end_unrouted;  // a drain begins
  uint32_t workers;                      // how many there are
  SessionRegistry* registry = nullptr;   // or null
};

class Topology final : public core::RefCounted {
 public:
  // `config` has been validated. `before`: the topology whose place this one takes, or null.
  Topology(conf::Config config, const SessionServices& services, const Topology* before);
  ~Topology() override;

  const conf::Config& config() const { return config_; }

  // In the order of the configuration.
  const std::vector<core::IntrusivePtr<ListenerState>>& listeners() const { return listeners_; }
  const std::vector<core::IntrusivePtr<Upstream>>& upstreams() const { return upstreams_; }
  // Its limits hold from now on, also those of the process, and sessions that wait for their route
  // are routed by it. `workers`: how many there are.
  void PutLimitsInForce(ProcessLimits& limits, uint32_t workers) const;

  // Its endpoints are the current ones from now on. Returns the pools that have some that are not
  // any more. `before`: the topology whose place this one takes.
  std::vector<core::IntrusivePtr<EndpointPool>> PutEndpointsInForce(const Topology& before,
                                                                    core::Instant now) const;

  // Before that: what an administrator has changed since it was made holds for it, too.
  void RefreshEndpoints(const Topology& before) const;
  // Its configuration, with the endpoints that there are: also what an administrator has changed.
  conf::Config GivenConfig() const;
  // Null: there is none of this name.
  const core::IntrusivePtr<Upstream>* FindUpstream(std::string_view name) const;

  // Of all endpoints.
  void EndSessions() const;

  // Accept loops look for the next topology's listeners.
  void EndTerm() const;

 private:
  core::IntrusivePtr<ListenerState> MakeListener(const conf::Listener& listener,
                                                 core::IntrusivePtr<Upstream> upstream,
                                                 const SessionServices& services,
                                                 const Topology* before) const;
  // Null: none of its clients has to say where it goes. `settings`: of the listener.
  std::shared_ptr<const Routing> MakeRouting(
      const conf::Listener& listener, const SessionSettings& settings,
      const SessionServices& services, core::IntrusivePtr<const CurrentContext> current) const;
  const ListenerState* FindListener(std::string_view name) const;
  void SetCurrent() const;
  core::IntrusivePtr<Upstream> MakeUpstream(const conf::Upstream& upstream, uint32_t workers,
                                            const Topology* before) const;
  const conf::Config config_;
  const core::IntrusivePtr<SharedRate> process_rate_;
  std::vector<core::IntrusivePtr<Upstream>> upstreams_;
  std::unordered_map<std::string_view, size_t> upstream_index_;  // by name
  // What all listeners have, and those that have no other list of their own. Null: empty.
  const core::IntrusivePtr<const AccessList> access_;
  const core::IntrusivePtr<const AccessList> listener_access_;
  std::vector<core::IntrusivePtr<ListenerState>> listeners_;
  std::unordered_map<std::string_view, size_t> listener_index_;  // by name
};

// The limits of the process that `config` asks for. `workers`: how many there are.
ProcessLimits ProcessLimitsOf(const conf::Config& config, size_t workers, HeapReserve& reserve);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_TOPOLOGY_H_
