#include "proxy/server/topology.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "core/base/time.h"
#include "proxy/memory/buffer_budget.h"
#include "proxy/session/identify.h"
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

// Null: it is empty. One of a hundred thousand networks is not made again for every listener, nor
// by every reload: `others` may be the same, or null.
core::IntrusivePtr<const AccessList> ListOf(const conf::Access& access,
                                            std::initializer_list<const AccessList*> others) {
  if (access.empty()) return {};
  for (const AccessList* other : others) {
    if (other != nullptr && other->access() == access) {
      return core::IntrusivePtr<const AccessList>(other);
    }
  }
  return core::MakeRef<const AccessList>(access);
}

// The part of a header that waits for the rest is no more than what is set aside for its session.
static_assert(kMaxProxyHeaderRead <= 2 * kReserveBlock);

// Null: its clients send no PROXY header.
std::shared_ptr<const IdentifySettings> IdentifyOf(
    const conf::ProxyProtocol& proxy_protocol, const AccessLists& access,
    const core::IntrusivePtr<Admission>& admission,
    const core::IntrusivePtr<RejectionThrottles>& throttles,
    const core::IntrusivePtr<CurrentContext>& current) {
  if (proxy_protocol.is_off()) return nullptr;
  return std::make_shared<IdentifySettings>(
      IdentifySettings{.is_required = proxy_protocol.accept == conf::AcceptProxy::kRequired,
                       .is_late = proxy_protocol.late,
                       .timeout = proxy_protocol.timeout,
                       .trusted = TrustedPeers(proxy_protocol.trusted),
                       .access = access,
                       .admission = admission,
                       .throttles = throttles,
                       .current = current});
}

// Null when `config` has it off. One that cannot change is in use whatever `config` says.
AccessLog* AccessLogOf(const conf::Config& config, AccessLog* log) {
  const bool is_off = log != nullptr && log->can_change() && config.access_log.path == "off";
  return is_off ? nullptr : log;
}

}  // namespace

Topology::Topology(conf::Config config, const SessionServices& services, const Topology* before)
    : config_(std::move(config)),
      process_rate_(ProcessRate(
          config_, services.limits,
          before == nullptr ? core::IntrusivePtr<SharedRate>() : before->process_rate_)),
      access_(ListOf(config_.access, {before == nullptr ? nullptr : before->access_.get()})),
      listener_access_(ListOf(config_.defaults.access,
                              {before == nullptr ? nullptr : before->listener_access_.get()})) {
  for (const conf::Upstream& upstream : config_.upstreams) {
    upstream_index_.emplace(upstream.name, upstreams_.size());
    upstreams_.push_back(MakeUpstream(upstream, services.workers, before));
  }
  for (const conf::Listener& listener : config_.listeners) {
    const core::IntrusivePtr<Upstream>* const upstream = FindUpstream(listener.upstream);
    SLUICE_CHECK(upstream != nullptr);  // validated
    listener_index_.emplace(listener.name, listeners_.size());
    listeners_.push_back(MakeListener(listener, *upstream, services, before));
  }
  if (before == nullptr) SetCurrent();
}

Topology::~Topology() {
  for (const core::IntrusivePtr<ListenerState>& listener : listeners_) {
    listener->current()->Clear(*listener);
  }
}

void Topology::SetCurrent() const {
  for (const core::IntrusivePtr<ListenerState>& listener : listeners_) {
    listener->current()->Set(core::IntrusivePtr<const SessionContext>(listener.get()));
  }
}

// One about which nothing has changed is the same object.
core::IntrusivePtr<Upstream> Topology::MakeUpstream(const conf::Upstream& upstream,
                                                    uint32_t workers,
                                                    const Topology* before) const {
  const auto* const same = before == nullptr ? nullptr : before->FindUpstream(upstream.name);
  if (same == nullptr) return core::MakeRef<Upstream>(upstream, workers);
  const conf::Upstream& was = before->config_.upstreams[same - before->upstreams_.data()];
  if (was == upstream) return *same;
  return core::MakeRef<Upstream>(upstream, workers, same->get());
}

const core::IntrusivePtr<Upstream>* Topology::FindUpstream(std::string_view name) const {
  const auto found = upstream_index_.find(name);
  return found == upstream_index_.end() ? nullptr : &upstreams_[found->second];
}

std::vector<core::IntrusivePtr<EndpointPool>> Topology::PutEndpointsInForce(
    const Topology& before, core::Instant now) const {
  std::vector<core::IntrusivePtr<EndpointPool>> changed;
  for (const core::IntrusivePtr<Upstream>& was : before.upstreams_) {
    const core::IntrusivePtr<Upstream>* const is = FindUpstream(was->name());
    if (is != nullptr && *is == was) continue;
    changed.push_back(was->pool());
    if (is == nullptr) {
      was->Retire(now);
    } else {
      (*is)->PutInForce(*was, now);
      (*is)->Forget();
    }
  }
  return changed;
}

void Topology::RefreshEndpoints(const Topology& before) const {
  for (const core::IntrusivePtr<Upstream>& upstream : upstreams_) {
    const core::IntrusivePtr<Upstream>* const was = before.FindUpstream(upstream->name());
    if (was != nullptr && *was != upstream) upstream->Refresh();
  }
}

conf::Config Topology::GivenConfig() const {
  conf::Config config = config_;
  for (size_t i = 0; i < upstreams_.size(); ++i) {
    config.upstreams[i].endpoints.clear();
    for (GivenEndpoint& each : upstreams_[i]->given()) {
      config.upstreams[i].endpoints.push_back(std::move(each.endpoint));
    }
  }
  return config;
}

void Topology::EndSessions() const {
  for (const core::IntrusivePtr<Upstream>& upstream : upstreams_) upstream->pool()->EndSessions();
}

core::IntrusivePtr<ListenerState> Topology::MakeListener(const conf::Listener& listener,
                                                         core::IntrusivePtr<Upstream> upstream,
                                                         const SessionServices& services,
                                                         const Topology* before) const {
  const AdmissionOptions limits = AdmissionOf(listener);
  const ListenerState* const same =
      before == nullptr ? nullptr : before->FindListener(listener.name);
  const Admission* const counted = same == nullptr ? nullptr : same->admission().get();
  const bool is_same = counted != nullptr && counted->options() == limits &&
                       counted->process_rate() == process_rate_;
  auto admission = is_same
                       ? same->admission()
                       : core::MakeRef<Admission>(limits, services.limits, process_rate_, counted);
  auto bandwidth = same != nullptr && same->shared_bandwidth()->total == listener.bandwidth.total
                       ? same->shared_bandwidth()
                       : core::MakeRef<SharedBandwidth>(listener.bandwidth.total);
  auto throttles = same != nullptr ? same->throttles() : core::MakeRef<RejectionThrottles>();
  auto current = same != nullptr ? same->current() : core::MakeRef<CurrentContext>();
  core::IntrusivePtr<SessionStats> counts = services.stats.Of(listener.name, upstream->name());
  AccessLists access = {
      .process = access_,
      .own = ListOf(listener.access, {listener_access_.get(),
                                      same == nullptr ? nullptr : same->access().own.get()})};
  SessionSettings settings{
      .listener = listener.name,
      .timeouts = TimeoutsOf(listener.timeouts),
      .close_after_fin = listener.half_close == conf::HalfClose::kClose,
      .credit = static_cast<uint32_t>(config_.buffers.per_direction_bytes),
      .bandwidth = {.per_connection = listener.bandwidth.per_connection,
                    .up = &bandwidth->up,
                    .down = &bandwidth->down},
      .upstream = std::move(upstream),
      .stats = &counts->stats,
      .counts = counts,
      .logger = &services.logger,
      .events = &services.events,
      .short_throttle = &services.short_throttle,
      .access_log = AccessLogOf(config_, services.access_log),
      .records_rejected = config_.access_log.rejected,
      .measures_paths = config_.admin.enabled(),
      .registry = services.registry,
      .end_all = services.end_sessions,
      .end_unrouted = services.end_unrouted,
      .identify = IdentifyOf(listener.proxy_protocol, access, admission, throttles, current)};
  settings.routing = MakeRouting(listener, settings, services, current);
  return core::MakeRef<ListenerState>(
      WhenExhaustedOf(listener), std::move(access), std::move(admission), std::move(bandwidth),
      std::move(throttles), std::move(current), std::move(settings));
}

// A route's sessions differ from the listener's own in where they go and in what counts them.
std::shared_ptr<const Routing> Topology::MakeRouting(
    const conf::Listener& listener, const SessionSettings& settings,
    const SessionServices& services, core::IntrusivePtr<const CurrentContext> current) const {
  bool wants_name = settings.upstream->hashes_server();
  std::unordered_map<std::string_view, core::IntrusivePtr<const SessionContext>> by_upstream;
  std::vector<core::IntrusivePtr<const SessionContext>> contexts;
  for (const conf::Route& route : listener.routes) {
    const core::IntrusivePtr<Upstream>* const upstream = FindUpstream(route.upstream);
    SLUICE_CHECK(upstream != nullptr);  // validated
    wants_name |= (*upstream)->hashes_server();
    core::IntrusivePtr<const SessionContext>& context = by_upstream[route.upstream];
    if (!context) {
      SessionSettings own = settings;
      own.upstream = *upstream;
      own.counts = services.stats.Of(listener.name, route.upstream);
      own.stats = &own.counts->stats;
      context = core::MakeRef<const SessionContext>(std::move(own));
    }
    contexts.push_back(context);
  }
  if (listener.routes.empty() && !wants_name) return nullptr;
  return std::make_shared<const Routing>(listener.routes, listener.preread, wants_name,
                                         std::move(contexts), std::move(current));
}

const ListenerState* Topology::FindListener(std::string_view name) const {
  const auto found = listener_index_.find(name);
  return found == listener_index_.end() ? nullptr : listeners_[found->second].get();
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
  SetCurrent();
}

// One limit for both keys: the connections that buffer_memory serves only make the other one lower.
ProcessLimits ProcessLimitsOf(const conf::Config& config, size_t workers, HeapReserve& reserve) {
  const auto count = static_cast<uint32_t>(workers);
  return ProcessLimits(ConnectionsServed(config, count), WhyExhausted(config, count),
                       config.limits.new_connections, workers, reserve);
}

}  // namespace sluice::proxy
