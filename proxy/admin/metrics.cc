#include "proxy/admin/metrics.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

// An upstream may name one endpoint several times: they are one series, which is 1 if one of them
// is usable.
std::vector<ReadValue> EndpointsOf(const ServerView& view) {
  std::vector<ReadValue> values;
  if (!view.topology) return values;
  for (const core::IntrusivePtr<Upstream>& upstream : view.topology->upstreams()) {
    std::map<std::string, bool> usable;
    const std::shared_ptr<const EndpointSet> set = upstream->queue().ShareSet();
    for (const EndpointMember& member : set->members()) {
      usable[member.endpoint->name()] |= member.endpoint->takes_sessions();
    }
    for (const auto& [name, is_usable] : usable) {
      values.push_back({.labels = {{"upstream", upstream->name()}, {"endpoint", name}},
                        .value = is_usable ? uint64_t{1} : 0});
    }
  }
  return values;
}

std::vector<ReadValue> WaitingOf(const ServerView& view) {
  std::vector<ReadValue> values;
  if (!view.topology) return values;
  for (const core::IntrusivePtr<Upstream>& upstream : view.topology->upstreams()) {
    values.push_back(
        {.labels = {{"upstream", upstream->name()}}, .value = upstream->queue().waiting()});
  }
  return values;
}

}  // namespace

std::string MetricsText(const AdminSubject& subject, ExpositionFormat format) {
  const ServerView view = subject.server.control().View();
  std::vector<SessionCounts> counts = subject.server.stats().Read();
  counts.front().values.at("config_pending") = view.pending.size();
  std::vector<MetricSeries> series;
  series.reserve(counts.size());
  for (const SessionCounts& each : counts) {
    series.push_back(
        {.listener = each.listener, .upstream = each.upstream, .values = each.values.all()});
  }
  const ReadValue build = {.labels = {{"version", subject.version}, {"backend", subject.backend}},
                           .value = 1};
  const ReadValue dropped = {.labels = {}, .value = subject.log_dropped()};
  const ReadValue ready = {.labels = {}, .value = WhyNotReady(view).empty() ? uint64_t{1} : 0};
  const ReadValue limit = {.labels = {}, .value = subject.server.connections().max()};
  Exposition exposition(format);
  exposition.Add(kBuildInfo, std::span(&build, 1));
  exposition.Add(kMetrics, series);
  exposition.Add(kEndpointUsable, EndpointsOf(view));
  exposition.Add(kSessionsWaiting, WaitingOf(view));
  exposition.Add(kReady, std::span(&ready, 1));
  exposition.Add(kConnectionsLimit, std::span(&limit, 1));
  exposition.Add(kLogDropped, std::span(&dropped, 1));
  return std::move(exposition).Finish();
}

}  // namespace sluice::proxy
