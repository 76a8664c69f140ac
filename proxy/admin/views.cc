#include "proxy/admin/views.h"

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "proxy/admin/json_writer.h"
#include "proxy/route/route_table.h"

namespace sluice::proxy {
namespace {

constexpr std::string_view kBalances[] = {
    "round_robin", "least_connections", "random_two", "source_hash", "maglev", "first", "fastest"};
static_assert(std::size(kBalances) == static_cast<size_t>(conf::Balance::kFastest) + 1);

void ListOf(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  json.Key(key);
  json.BeginArray();
  for (const std::string& value : values) json.Value(value);
  json.EndArray();
}

// The sums over the upstreams that a listener's sessions go to, or over the listeners whose
// sessions go to an upstream.
enum class Of { kListener, kUpstream };
std::map<std::string, StatsValues> SumsOf(const StatsRegistry& stats, Of of) {
  std::map<std::string, StatsValues> sums;
  for (const SessionCounts& each : stats.Read()) {
    sums[of == Of::kListener ? each.listener : each.upstream] += each.values;
  }
  return sums;
}

uint64_t EndsOf(StatsValues& values) {
  uint64_t ends = 0;
  for (size_t initiator = 0; initiator < kInitiatorCount; ++initiator) {
    for (size_t cause = 0; cause < kEndCauseCount; ++cause) {
      ends += values.at("session_ends_total", initiator, cause);
    }
  }
  return ends;
}

void Sessions(JsonWriter& json, StatsValues& values) {
  const uint64_t active = values.at("sessions_active");
  json.Field("sessions_active", active);
  json.Field("sessions_total", active + EndsOf(values));
  json.Field("bytes_up", values.at("bytes_total", Direction::kUp));
  json.Field("bytes_down", values.at("bytes_total", Direction::kDown));
}

void Rejections(JsonWriter& json, StatsValues& values) {
  json.Key("rejections");
  json.BeginObject();
  for (size_t i = 1; i < kRejectionCount; ++i) {
    const auto rejection = static_cast<Rejection>(i);
    json.Field(Name(rejection), values.at("rejections_total", rejection));
  }
  json.EndObject();
}

// Without a weight it drains, too.
std::string_view StateOf(AdminState state, uint32_t weight) {
  return Name(state == AdminState::kReady && weight == 0 ? AdminState::kDrain : state);
}

// What checks, agents and sessions say of it.
std::string_view HealthOf(const Endpoint& endpoint) {
  if ((endpoint.out() & (Endpoint::kFailedCheck | Endpoint::kAgentDown)) != 0) return "down";
  if ((endpoint.out() & Endpoint::kAgentUnused) != 0) return "unused";
  return (endpoint.out() & Endpoint::kEjected) != 0 ? "ejected" : "up";
}

}  // namespace

std::string InfoJson(const AdminSubject& subject, core::Duration uptime, bool may_act) {
  using std::chrono::duration_cast;
  const ServerView view = subject.server.control().View();
  const std::string why = WhyNotReady(view);
  JsonWriter json;
  json.BeginObject();
  json.Field("version", subject.version);
  json.Field("pid", getpid());
  json.Field("state", Name(view.state));
  json.Field("ready", why.empty());
  json.Field("not_ready_because", why);
  json.Field("uptime_s", duration_cast<std::chrono::seconds>(uptime).count());
  json.Field("backend", subject.backend);
  json.Field("workers", subject.runtime.workers());
  json.Field("config", subject.config_path);
  json.Field("log_level", kLogLevels[static_cast<size_t>(subject.logger.level())]);
  json.Field("max_connections", subject.server.connections().max());
  json.Field("sessions_active", subject.server.connections().count());
  StatsValues sum = subject.server.stats().Sum();
  json.Field("sessions_total", sum.at("accepted_total"));
  json.Field("bytes_up", sum.at("bytes_total", Direction::kUp));
  json.Field("bytes_down", sum.at("bytes_total", Direction::kDown));
  Rejections(json, sum);
  json.Field("reloads_ok", sum.at("reloads_total", ReloadResult::kOk));
  json.Field("reloads_failed", sum.at("reloads_total", ReloadResult::kFailed));
  ListOf(json, "config_pending", view.pending);
  json.Field("may_act", may_act);
  json.EndObject();
  return std::move(json).Finish();
}

std::string ListenersJson(const AdminSubject& subject) {
  const ServerView view = subject.server.control().View();
  const std::map<std::string, StatsValues> sums = SumsOf(subject.server.stats(), Of::kListener);
  JsonWriter json;
  json.BeginArray();
  const size_t count = view.topology ? view.topology->listeners().size() : 0;
  for (size_t i = 0; i < count; ++i) {
    const ListenerState& listener = *view.topology->listeners()[i];
    const conf::Listener& config = view.topology->config().listeners[i];
    const auto sum = sums.find(listener.name());
    json.BeginObject();
    json.Field("name", listener.name());
    json.Key("addresses");
    json.BeginArray();
    for (const core::Address& address : view.bound[i]) json.Value(address.ToString());
    json.EndArray();
    json.Field("upstream", config.upstream);
    json.Field("max_connections", config.max_connections);
    StatsValues values = sum == sums.end() ? StatsValues() : sum->second;
    Sessions(json, values);
    Rejections(json, values);
    json.Key("routes");
    json.BeginArray();
    for (const conf::Route& route : config.routes) {
      json.BeginObject();
      json.Field("name", NameOf(route));
      json.Field("upstream", route.upstream);
      json.EndObject();
    }
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  return std::move(json).Finish();
}

std::string UpstreamsJson(const AdminSubject& subject) {
  const ServerView view = subject.server.control().View();
  const std::map<std::string, StatsValues> sums = SumsOf(subject.server.stats(), Of::kUpstream);
  JsonWriter json;
  json.BeginArray();
  const size_t count = view.topology ? view.topology->upstreams().size() : 0;
  for (size_t i = 0; i < count; ++i) {
    Upstream& upstream = *view.topology->upstreams()[i];
    const auto sum = sums.find(upstream.name());
    StatsValues values = sum == sums.end() ? StatsValues() : sum->second;
    json.BeginObject();
    json.Field("name", upstream.name());
    json.Field("balance",
               kBalances[static_cast<size_t>(view.topology->config().upstreams[i].balance)]);
    json.Field("endpoints", upstream.queue().ShareSet()->size());
    json.Field("usable", UsableEndpoints(upstream));
    Sessions(json, values);
    json.Field("connect_failures", values.at("connect_failures_total"));
    json.Field("retries", values.at("retries_total"));
    json.Field("sessions_waiting", upstream.queue().waiting());
    json.EndObject();
  }
  json.EndArray();
  return std::move(json).Finish();
}

std::string EndpointJson(const EndpointView& endpoint) {
  JsonWriter json;
  json.BeginObject();
  json.Field("upstream", endpoint.upstream);
  json.Field("name", endpoint.name);
  json.Field("address", endpoint.address.ToString());
  json.Field("state", endpoint.is_removed ? "removed" : StateOf(endpoint.state, endpoint.weight));
  json.Field("usable", endpoint.is_usable);
  json.Field("weight", endpoint.weight);
  json.Key("configured_weight");
  if (endpoint.configured_weight) {
    json.Value(*endpoint.configured_weight);
  } else {
    json.Null();
  }
  json.Field("priority", endpoint.priority);
  json.Field("max_connections", endpoint.max_connections);
  json.Field("sessions_active", endpoint.sessions);
  json.EndObject();
  return std::move(json).Finish();
}

std::string SessionsJson(const SessionPage& page) {
  using std::chrono::duration_cast;
  using Seconds = std::chrono::seconds;
  JsonWriter json;
  json.BeginArray();
  for (const SessionRow& row : page.rows) {
    json.BeginObject();
    json.Field("id", row.id);
    json.Field("listener", row.listener);
    json.Field("client", row.client.is_empty() ? std::string() : row.client.ToString());
    json.Field("upstream", row.upstream);
    json.Field("endpoint", row.endpoint);
    json.Field("state", Name(row.stage));
    json.Field("age_s", duration_cast<Seconds>(row.age).count());
    json.Field("idle_s", duration_cast<Seconds>(row.idle).count());
    json.Field("bytes_up", row.bytes_up);
    json.Field("bytes_down", row.bytes_down);
    if (row.paths) {
      json.Field("client_rtt_us", row.paths->client.rtt_us);
      json.Field("client_retransmits", row.paths->client.retransmits);
      json.Field("upstream_rtt_us", row.paths->upstream.rtt_us);
      json.Field("upstream_retransmits", row.paths->upstream.retransmits);
      json.Field("buffered_up", row.paths->buffered_up);
      json.Field("buffered_down", row.paths->buffered_down);
    }
    json.Field("rate_up", row.rate_up);
    json.Field("rate_down", row.rate_down);
    json.Field("peer", row.peer.is_empty() ? std::string() : row.peer.ToString());
    json.EndObject();
  }
  json.EndArray();
  return std::move(json).Finish();
}

std::string EndpointsJson(const AdminSubject& subject) {
  const ServerView view = subject.server.control().View();
  JsonWriter json;
  json.BeginArray();
  const size_t count = view.topology ? view.topology->upstreams().size() : 0;
  for (size_t i = 0; i < count; ++i) {
    Upstream& upstream = *view.topology->upstreams()[i];
    const std::shared_ptr<const EndpointSet> set = upstream.queue().ShareSet();
    for (const EndpointMember& member : set->members()) {
      const Endpoint& endpoint = *member.endpoint;
      json.BeginObject();
      json.Field("upstream", upstream.name());
      json.Field("name", endpoint.name());
      json.Field("address", endpoint.address().ToString());
      json.Field("state", StateOf(endpoint.admin_state(), member.weight));
      json.Field("health", HealthOf(endpoint));
      json.Field("usable", endpoint.takes_sessions());
      json.Field("weight", member.shown_weight);
      json.Field("priority", member.priority);
      json.Field("max_connections", endpoint.max_connections());
      json.Field("ramp", endpoint.ramp());
      json.Field("sessions_active", endpoint.sessions());
      json.EndObject();
    }
  }
  json.EndArray();
  return std::move(json).Finish();
}

std::string WorkersJson(const AdminSubject& subject) {
  const auto value = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  JsonWriter json;
  json.BeginArray();
  for (uint32_t i = 0; i < subject.runtime.workers(); ++i) {
    const core::WorkerCounters& worker = subject.runtime.worker_counters(i);
    const core::ReactorCounters& reactor = subject.runtime.reactor_counters(i);
    json.BeginObject();
    json.Field("worker", i);
    json.Field("tasks", value(worker.tasks));
    json.Field("stolen", value(worker.stolen));
    json.Field("parks", value(worker.parks));
    json.Field("enters", value(reactor.enters));
    json.Field("completions", value(reactor.completions));
    json.Field("received_bytes", value(reactor.received));
    json.Field("starved", value(reactor.starved));
    json.Field("in_flight", value(worker.in_flight));
    json.Field("buffers", value(worker.buffers));
    json.EndObject();
  }
  json.EndArray();
  return std::move(json).Finish();
}

}  // namespace sluice::proxy
