#include "proxy/observe/upstream_figures.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/text/json_escape.h"

namespace sluice::proxy {
namespace {

struct Figures {
  std::string_view name;
  StatsValues* values;
  uint64_t active;
};

uint64_t EndsOf(StatsValues& values) {
  uint64_t ends = 0;
  for (size_t initiator = 0; initiator < kInitiatorCount; ++initiator) {
    for (size_t cause = 0; cause < kEndCauseCount; ++cause) {
      ends += values.at("session_ends_total", initiator, cause);
    }
  }
  return ends;
}

void Append(const Figures& upstream, std::string& out) {
  StatsValues& values = *upstream.values;
  out += '"';
  core::AppendJsonEscaped(upstream.name, out);
  absl::StrAppend(
      &out, R"(":{"active":)", upstream.active, R"(,"total":)", upstream.active + EndsOf(values),
      R"(,"up":)", values.at("bytes_total", Direction::kUp), R"(,"down":)",
      values.at("bytes_total", Direction::kDown), R"(,"connect_failures":)",
      values.at("connect_failures_total"), R"(,"retries":)", values.at("retries_total"), "}");
}

}  // namespace

std::string UpstreamFigures(std::span<const SessionCounts> counts) {
  std::map<std::string_view, StatsValues> sums;
  for (const SessionCounts& each : counts) {
    if (!each.upstream.empty()) sums[each.upstream] += each.values;
  }
  std::vector<Figures> upstreams;
  for (auto& [name, values] : sums) {
    upstreams.push_back({.name = name, .values = &values, .active = values.at("sessions_active")});
  }
  if (upstreams.size() > kMostUpstreamFigures) {
    std::ranges::sort(upstreams, [](const Figures& a, const Figures& b) {
      return a.active != b.active ? a.active > b.active : a.name < b.name;
    });
    upstreams.resize(kMostUpstreamFigures);
  }
  std::string out = R"("upstreams":{)";
  for (size_t i = 0; i < upstreams.size(); ++i) {
    if (i > 0) out += ',';
    Append(upstreams[i], out);
  }
  absl::StrAppend(&out, R"(},"upstreams_left_out":)", sums.size() - upstreams.size());
  return out;
}

}  // namespace sluice::proxy
