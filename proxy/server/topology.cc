#include "proxy/server/topology.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/check.h"
#include "core/base/time.h"
#include "proxy/memory/buffer_budget.h"
#include "proxy/upstream/to_core.h"

namespace sluice::proxy {
namespace {

// How often a session looks for progress that one of its timeouts waits for; 0: none does.
core::Duration LookEvery(const conf::Timeouts& timeouts) {
  core::Duration every{0};
  for (const core::Duration timeout : {timeouts.idle, timeouts.write_stall}) {
    if (timeout != 0s && (every == 0s || QuarterOf(timeout) < every)) every = QuarterOf(timeout);
  }
  return every;
}

SessionTimeouts TimeoutsOf(const conf::Timeouts& timeouts) {
  return SessionTimeouts{
      .connect = timeouts.connect,
      .idle = timeouts.idle,
      .half_close = timeouts.half_close,
      .write_stall = timeouts.write_stall,
      .max_lifetime = timeouts.max_lifetime,
      .max_lifetime_jitter = timeouts.max_lifetime / 100 * timeouts.max_lifetime_jitter,
      .linger = timeouts.linger,
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

core::IntrusivePtr<SharedRate> ProcessRate(const conf::Config& config, ProcessLimits& limits,
                                           const core::IntrusivePtr<SharedRate>& before) {
  const core::IntrusivePtr<SharedRate>& same = before ? before : limits.rate;
  if (same->bucket.per_second() == config.limits.new_connections) return same;
  return core::MakeRef<SharedRate>(config.limits.new_connections);
}

uint32_t ConnectionsServed(const conf::Config& config, uint32_t workers) {
  return std::min(config.limits.max_connections, SessionsThatFit(config, workers));
}

Rejection WhyExhausted(const conf::Config& config, uint32_t workers) {
  return ConnectionsServed(config, workers) < config.limits.max_connections
             ? Rejection::kBuffers
             : Rejection::kConnections;
}

// Which upstreams a loop leads through depends on all of this (upstream_sockets.h).
bool MayCarryUpstreams(const conf::Config& before, const conf::Config& now) {
  const auto leads_to_the_same = [](const conf::Listener& a, const conf::Listener& b) {
    return a.bind == b.bind && a.upstream == b.upstream;
  };
  return before.upstreams == now.upstreams &&
         std::ranges::equal(before.listeners, now.listeners, leads_to_the_same);
}

}  // namespace

Topology::Topology(conf::Config config, const SessionServices& services, const Topology* before)
    : config_(std::move(config)),
      carries_upstreams_(before != nullptr && MayCarryUpstreams(before->config_, config_)),
      process_rate_(ProcessRate(
          config_, services.limits,
          before == nullptr ? core::IntrusivePtr<SharedRate>() : before->process_rate_)) {
  std::unordered_map<std::string_view, core::IntrusivePtr<Upstream>> by_name;
  if (carries_upstreams_) upstreams_ = before->upstreams_;
  for (size_t i = 0; i < config_.upstreams.size(); ++i) {
    if (!carries_upstreams_) {
      upstreams_.push_back(core::MakeRef<Upstream>(config_.upstreams[i], services.workers));
    }
    by_name.emplace(upstreams_[i]->name(), upstreams_[i]);
  }
  for (const conf::Listener& listener : config_.listeners) {
    const auto upstream = by_name.find(listener.upstream);
    SLUICE_CHECK(upstream != by_name.end());  // validated
    listeners_.push_back(MakeListener(listener, upstream->second, services, before));
  }
}

core::IntrusivePtr<ListenerState> Topology::MakeListener(const conf::Listener& listener,
                                                         core::IntrusivePtr<Upstream> upstream,
                                                         const SessionServices& services,
                                                         const Topology* before) const {
  const AdmissionOptions limits = AdmissionOf(listener);
  const ListenerState* const same = before == nullptr ? nullptr : before->Find(listener.name);
  const Admission* const counted = same == nullptr ? nullptr : same->admission().get();
  const bool is_same = counted != nullptr && counted->options() == limits &&
                       counted->process_rate() == process_rate_;
  auto admission = is_same
                       ? same->admission()
                       : core::MakeRef<Admission>(limits, services.limits, process_rate_, counted);
  auto bandwidth = same != nullptr && same->shared_bandwidth()->total == listener.bandwidth.total
                       ? same->shared_bandwidth()
                       : core::MakeRef<SharedBandwidth>(listener.bandwidth.total);
  return core::MakeRef<ListenerState>(
      WhenExhaustedOf(listener), std::move(admission), std::move(bandwidth),
      SessionSettings{.listener = listener.name,
                      .timeouts = TimeoutsOf(listener.timeouts),
                      .close_after_fin = listener.half_close == conf::HalfClose::kClose,
                      .credit = static_cast<uint32_t>(config_.buffers.per_direction_bytes),
                      .bandwidth = {.per_connection = listener.bandwidth.per_connection},
                      .upstream = std::move(upstream),
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

void Topology::PutLimitsInForce(ProcessLimits& limits, uint32_t workers) const {
  limits.when_exhausted.store(WhyExhausted(config_, workers), std::memory_order_relaxed);
  limits.connections.set_max(ConnectionsServed(config_, workers));
  for (const core::IntrusivePtr<ListenerState>& listener : listeners_) {
    listener->admission()->PutInForce();
  }
}

// One limit for both keys: the connections that buffer_memory serves only make the other one lower.
ProcessLimits ProcessLimitsOf(const conf::Config& config, size_t workers, HeapReserve& reserve) {
  const auto count = static_cast<uint32_t>(workers);
  return ProcessLimits(ConnectionsServed(config, count), WhyExhausted(config, count),
                       config.limits.new_connections, workers, reserve);
}

}  // namespace sluice::proxy
