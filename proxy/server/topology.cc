#include "proxy/server/topology.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "proxy/memory/buffer_budget.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

// How often a session looks for progress that one of its timeouts waits for; 0: none does.
core::Nanos LookEvery(const conf::Timeouts& timeouts) {
  core::Nanos every = 0;
  for (const core::Nanos timeout : {ToNanos(timeouts.idle), ToNanos(timeouts.write_stall)}) {
    if (timeout != 0 && (every == 0 || QuarterOf(timeout) < every)) every = QuarterOf(timeout);
  }
  return every;
}

SessionTimeouts TimeoutsOf(const conf::Timeouts& timeouts) {
  return SessionTimeouts{
      .connect = ToNanos(timeouts.connect),
      .idle = ToNanos(timeouts.idle),
      .half_close = ToNanos(timeouts.half_close),
      .write_stall = ToNanos(timeouts.write_stall),
      .max_lifetime = ToNanos(timeouts.max_lifetime),
      .max_lifetime_jitter = ToNanos(timeouts.max_lifetime) / 100 * timeouts.max_lifetime_jitter,
      .linger = ToNanos(timeouts.linger),
      .look_every = LookEvery(timeouts)};
}

AdmissionOptions AdmissionOf(const conf::Listener& listener) {
  return {.max_connections = listener.max_connections,
          .new_connections = listener.new_connections,
          .per_source = {.max_connections = listener.per_source.max_connections,
                         .ipv4_prefix = listener.per_source.ipv4_prefix,
                         .ipv6_prefix = listener.per_source.ipv6_prefix}};
}

WhenExhausted WhenExhaustedOf(const conf::Listener& listener) {
  return listener.on_limit == conf::OnLimit::kWait ? WhenExhausted::kWait : WhenExhausted::kReject;
}

}  // namespace

Topology::Topology(const conf::Config& config, const SessionServices& services,
                   const Topology* before) {
  std::unordered_map<std::string_view, Upstream*> by_name;
  for (const conf::Upstream& upstream : config.upstreams) {
    upstreams_.push_back(std::make_unique<Upstream>(upstream, services.stats.workers()));
    by_name.emplace(upstreams_.back()->name(), upstreams_.back().get());
  }
  for (const conf::Listener& listener : config.listeners) {
    const auto upstream = by_name.find(listener.upstream);
    SLUICE_CHECK(upstream != by_name.end());  // validated
    listeners_.push_back(MakeListener(config, listener, *upstream->second, services, before));
  }
}

core::IntrusivePtr<ListenerState> Topology::MakeListener(const conf::Config& config,
                                                         const conf::Listener& listener,
                                                         Upstream& upstream,
                                                         const SessionServices& services,
                                                         const Topology* before) const {
  const AdmissionOptions limits = AdmissionOf(listener);
  const ListenerState* const same = before == nullptr ? nullptr : before->Find(listener.name);
  auto admission = same != nullptr && same->admission()->options() == limits
                       ? same->admission()
                       : core::MakeRef<Admission>(limits, services.limits);
  auto bandwidth = same != nullptr && same->bandwidth()->total == listener.bandwidth.total
                       ? same->bandwidth()
                       : core::MakeRef<SharedBandwidth>(listener.bandwidth.total);
  return core::MakeRef<ListenerState>(
      WhenExhaustedOf(listener), std::move(admission), std::move(bandwidth),
      SessionContext{.listener = listener.name,
                     .timeouts = TimeoutsOf(listener.timeouts),
                     .close_after_fin = listener.half_close == conf::HalfClose::kClose,
                     .credit = static_cast<uint32_t>(config.buffers.per_direction_bytes),
                     .bandwidth = {.per_connection = listener.bandwidth.per_connection},
                     .upstream = &upstream,
                     .stats = &services.stats,
                     .logger = &services.logger,
                     .short_throttle = &services.short_throttle,
                     .access_log = services.access_log,
                     .end_all = services.end_sessions});
}

const ListenerState* Topology::Find(std::string_view listener) const {
  const auto found =
      std::ranges::find_if(listeners_, [&](const auto& each) { return each->name() == listener; });
  return found == listeners_.end() ? nullptr : found->get();
}

void Topology::EndTerm() const {
  for (const core::IntrusivePtr<ListenerState>& listener : listeners_) listener->EndTerm();
}

// One limit for both keys: the connections that buffer_memory serves only make the other one lower.
ProcessLimits ProcessLimitsOf(const conf::Config& config, size_t workers, HeapReserve& reserve) {
  const uint32_t served = SessionsThatFit(config, static_cast<uint32_t>(workers));
  const uint32_t asked_for = config.limits.max_connections;
  return ProcessLimits(std::min(asked_for, served),
                       served < asked_for ? Rejection::kBuffers : Rejection::kConnections,
                       config.limits.new_connections, workers, reserve);
}

}  // namespace sluice::proxy
