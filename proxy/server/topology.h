// Topology: the listeners and upstreams of one configuration, ready to serve; the one place where a
// configuration's words become what sessions work with.
//
// A topology does not change: another configuration makes another one, which takes its place while
// sessions of the one before go on (Server::Exchange). What the two have in common and what counts
// something is carried over: a listener of the same name keeps the counts of its limits and its
// shared bandwidth, as long as the limits are the same.
//
// Built by one task; then any thread may read it.
#ifndef SLUICE_PROXY_SERVER_TOPOLOGY_H_
#define SLUICE_PROXY_SERVER_TOPOLOGY_H_

#include <memory>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "core/base/intrusive_ptr.h"
#include "core/log/logger.h"
#include "core/sync/cancellation.h"
#include "proxy/admission/admission.h"
#include "proxy/listener/listener_state.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/stats.h"
#include "proxy/upstream/upstream.h"

namespace sluice::proxy {

// What sessions use of the process. All of it lives as long as the server, which waits for its
// sessions before it ends.
struct SessionServices {
  ProcessLimits& limits;
  Stats& stats;
  core::Logger& logger;
  core::LogThrottle& short_throttle;
  AccessLog* access_log;  // or null
  core::CancellationToken end_sessions;
};

class Topology final : public core::RefCounted {
 public:
  // `config` has been validated; it is not needed any more afterwards. `before`: the topology whose
  // place this one takes, or null.
  Topology(const conf::Config& config, const SessionServices& services, const Topology* before);

  // In the order of the configuration.
  const std::vector<core::IntrusivePtr<ListenerState>>& listeners() const { return listeners_; }
  const std::vector<std::unique_ptr<Upstream>>& upstreams() const { return upstreams_; }

  // Accept loops look for the next topology's listeners.
  void EndTerm() const;

 private:
  core::IntrusivePtr<ListenerState> MakeListener(const conf::Config& config,
                                                 const conf::Listener& listener, Upstream& upstream,
                                                 const SessionServices& services,
                                                 const Topology* before) const;
  const ListenerState* Find(std::string_view listener) const;

  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<core::IntrusivePtr<ListenerState>> listeners_;
};

// The limits of the process that `config` asks for. `workers`: how many there are.
ProcessLimits ProcessLimitsOf(const conf::Config& config, size_t workers, HeapReserve& reserve);

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_SERVER_TOPOLOGY_H_
