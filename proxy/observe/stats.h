// Stats: what the proxy counts, declared once: one row for each metric. See metric_table.h for what
// a row drives, and how a metric is counted by its name.
#ifndef SLUICE_PROXY_OBSERVE_STATS_H_
#define SLUICE_PROXY_OBSERVE_STATS_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/observe/end_reason.h"
#include "proxy/observe/metric_table.h"
#include "proxy/observe/rejection.h"

namespace sluice::proxy {

enum class Direction : uint8_t { kUp, kDown };  // client to upstream, and back

enum class ReloadResult : uint8_t { kOk, kFailed };

namespace metric_labels {

inline constexpr std::array<std::string_view, 2> kDirections = {"up", "down"};
inline constexpr std::array<std::string_view, 2> kReloadResults = {"ok", "failed"};
inline constexpr auto kInitiators = NamesOf<Initiator, kInitiatorCount>();
inline constexpr auto kEndCauses = NamesOf<EndCause, kEndCauseCount>();
inline constexpr auto kRejections = [] {
  auto names = NamesOf<Rejection, kRejectionCount>();
  names[static_cast<size_t>(Rejection::kNone)] = {};
  return names;
}();

}  // namespace metric_labels

// clang-format off
inline constexpr MetricRow kMetrics[] = {
    {.name = "sessions_active", .kind = MetricKind::kGauge, .always = "active",
     .help = "Sessions that are open."},
    {.name = "accepted_total", .always = "total",
     .help = "Connections that were accepted and became sessions."},
    {.name = "session_ends_total", .if_any = "*",
     .labels = {{{"initiator", metric_labels::kInitiators}, {"reason", metric_labels::kEndCauses}}},
     .help = "Sessions that have ended."},
    {.name = "rejections_total", .always = "rejected", .if_any = "rejected_*",
     .labels = {{{"reason", metric_labels::kRejections}}},
     .help = "Connections that were closed because of a limit before they became sessions."},
    {.name = "bytes_total", .always = "*",
     .labels = {{{"direction", metric_labels::kDirections}}},
     .help = "Bytes that the kernel has accepted for the receiver."},
    {.name = "retries_total",
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
};
// clang-format on

// accepted_total = all of session_ends_total + the sessions that are open.
using Stats = Metrics<kMetrics>;
using WorkerStats = MetricSlots<kMetrics>;
using StatsValues = MetricValues<kMetrics>;

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_STATS_H_
