// Stats: what the proxy counts, declared once: one row for each metric. See metric_table.h for what
// a row drives, and how a metric is counted by its name.
#ifndef SLUICE_PROXY_OBSERVE_STATS_H_
#define SLUICE_PROXY_OBSERVE_STATS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "core/base/time.h"
#include "proxy/observe/end_reason.h"
#include "proxy/observe/metric_table.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

enum class Direction : uint8_t { kUp, kDown };  // client to upstream, and back

enum class ReloadResult : uint8_t { kOk, kFailed };

enum class PathSide : uint8_t { kClient, kUpstream };

enum class RouteWay : uint8_t { kTo, kAway };  // to this upstream, or away from the listener's own

namespace metric_labels {

inline constexpr std::array<std::string_view, 2> kDirections = {"up", "down"};
inline constexpr std::array<std::string_view, 2> kReloadResults = {"ok", "failed"};
inline constexpr std::array<std::string_view, 2> kPathSides = {"client", "upstream"};
inline constexpr std::array<std::string_view, 2> kRouteWays = {"to", "away"};
inline constexpr auto kInitiators = NamesOf<Initiator, kInitiatorCount>();
inline constexpr auto kEndCauses = NamesOf<EndCause, kEndCauseCount>();
inline constexpr auto kRejections = [] {
  auto names = NamesOf<Rejection, kRejectionCount>();
  names[static_cast<size_t>(Rejection::kNone)] = {};
  return names;
}();

}  // namespace metric_labels

namespace metric_bounds {

// 1, 2 and 5 of each power of ten: relative errors are alike everywhere, and a bucket is found
// without a logarithm. What is above the last one has a bucket, too.
constexpr auto Steps(core::Duration first) {
  std::array<core::Duration, 19> bounds{};
  core::Duration decade = first;
  for (size_t i = 0; i < bounds.size(); ++i) {
    constexpr int kFactors[] = {1, 2, 5};
    bounds[i] = decade * kFactors[i % 3];
    if (i % 3 == 2) decade *= 10;
  }
  return bounds;
}

inline constexpr auto kWaits = Steps(50us);     // up to 50 s
inline constexpr auto kSessions = Steps(10ms);  // up to 10,000 s

}  // namespace metric_bounds

// clang-format off
inline constexpr MetricRow kMetrics[] = {
    {.name = "sessions_active", .kind = MetricKind::kGauge, .scope = MetricScope::kListener,
     .always = "active", .help = "Sessions that are open."},
    {.name = "session_ends_total", .scope = MetricScope::kListener, .if_any = "*",
     .labels = {{{"initiator", metric_labels::kInitiators}, {"reason", metric_labels::kEndCauses}}},
     .help = "Sessions that have ended."},
    {.name = "accepted_total", .always = "total",
     .help = "Connections that were accepted and became sessions."},
    {.name = "rejections_total", .scope = MetricScope::kListener, .always = "rejected",
     .if_any = "rejected_*", .labels = {{{"reason", metric_labels::kRejections}}},
     .help = "Connections that were closed because of a limit before they became sessions."},
    {.name = "routed_total", .scope = MetricScope::kListenerAndUpstream,
     .labels = {{{"way", metric_labels::kRouteWays}}},
     .help = "Sessions that a route has led to this upstream, or away from the listener's own."},
    {.name = "bytes_total", .scope = MetricScope::kListener, .always = "*",
     .labels = {{{"direction", metric_labels::kDirections}}},
     .help = "Bytes that the kernel has accepted for the receiver."},
    {.name = "connect_failures_total", .scope = MetricScope::kUpstream,
     .help = "Attempts to connect to an endpoint that have failed."},
    {.name = "retries_total", .scope = MetricScope::kUpstream,
     .help = "Attempts to connect to another endpoint after one has failed."},
    {.name = "accept_pauses_total",
     .help = "Pauses in accepting because descriptors or memory had run out."},
    {.name = "short_buffers_total", .if_any = "short_buffers",
     .help = "Receives into a small block because buffers were short."},
    {.name = "reloads_total", .if_any = "reloads_*",
     .labels = {{{"result", metric_labels::kReloadResults}}},
     .help = "Reloads of the configuration, and attempts that have changed nothing."},
    {.name = "config_pending", .kind = MetricKind::kGauge, .if_any = "config_pending",
     .help = "Settings of the configuration's file that wait for a restart."},
    {.name = "queue_duration_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kWaits,
     .help = "Times that sessions waited for a free slot of an endpoint, of those that waited."},
    {.name = "connect_duration_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kWaits,
     .help = "Times that it took to connect to an endpoint, of attempts that succeeded."},
    {.name = "first_byte_duration_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kWaits,
     .help = "Times from the client's last bytes, or the connection, to the first of the answer."},
    {.name = "session_duration_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kSessions,
     .help = "Times that sessions took, of those that have ended."},
    {.name = "client_round_trip_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kWaits,
     .help = "Smoothed TCP round trips to clients, as sessions ended."},
    {.name = "upstream_round_trip_seconds", .kind = MetricKind::kHistogram,
     .scope = MetricScope::kListenerAndUpstream, .bounds = metric_bounds::kWaits,
     .help = "Smoothed TCP round trips to endpoints, as sessions ended."},
    {.name = "retransmits_total", .scope = MetricScope::kListenerAndUpstream,
     .labels = {{{"side", metric_labels::kPathSides}}},
     .help = "TCP segments that were sent again, of sessions that have ended."},
};
// clang-format on

// Metrics whose values are read where they are, and counted in no slot.
// clang-format off
inline constexpr ReadMetric kBuildInfo = {
    .name = "build_info", .kind = MetricKind::kGauge,
    .help = "Always 1; the version and the backend are labels."};
inline constexpr ReadMetric kEndpointUsable = {
    .name = "endpoint_usable", .kind = MetricKind::kGauge,
    .help = "Whether new sessions may be given to the endpoint: 1 or 0."};
inline constexpr ReadMetric kSessionsWaiting = {
    .name = "sessions_waiting", .kind = MetricKind::kGauge,
    .help = "Sessions that wait for a free slot of an endpoint."};
inline constexpr ReadMetric kReady = {
    .name = "ready", .kind = MetricKind::kGauge,
    .help = "Whether /readyz says that the proxy is ready: 1 or 0."};
inline constexpr ReadMetric kConnectionsLimit = {
    .name = "connections_limit", .kind = MetricKind::kGauge,
    .help = "Sessions that may be open at a time."};
inline constexpr ReadMetric kLogDropped = {
    .name = "log_dropped_total", .kind = MetricKind::kCounter,
    .help = "Lines and records that the log and the access log have dropped."};
// clang-format on

// accepted_total = all of session_ends_total + the sessions that are open; and the ends come first,
// so that a sum never has more of them. For one upstream: the accepted ones, those that routes have
// led to it, and without those that routes have led away.
using Stats = Metrics<kMetrics>;
using WorkerStats = MetricSlots<kMetrics>;
using StatsValues = MetricValues<kMetrics>;

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_STATS_H_
