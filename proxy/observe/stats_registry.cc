#include "proxy/observe/stats_registry.h"

#include <algorithm>
#include <cstdint>

namespace sluice::proxy {
namespace {

// Accepted and not ended. A session that ends meanwhile may have been counted as ended alone.
StatsValues ReadOne(const Stats& stats) {
  StatsValues values = stats.Sum();
  uint64_t ended = 0;
  for (size_t initiator = 0; initiator < kInitiatorCount; ++initiator) {
    for (size_t cause = 0; cause < kEndCauseCount; ++cause) {
      ended += values.at("session_ends_total", initiator, cause);
    }
  }
  ended += values.at("routed_total", RouteWay::kAway);
  const uint64_t accepted = values.at("accepted_total") + values.at("routed_total", RouteWay::kTo);
  values.at("sessions_active") = accepted > ended ? accepted - ended : 0;
  return values;
}

}  // namespace

core::IntrusivePtr<SessionStats> StatsRegistry::Of(std::string_view listener,
                                                   std::string_view upstream) {
  absl::MutexLock lock(&mutex_);
  core::IntrusivePtr<SessionStats>& known = known_[Key(listener, upstream)];
  if (known) return known;
  known = core::MakeRef<SessionStats>(listener, upstream, workers_);
  core::IntrusivePtr<SessionStats> made = known;
  DropUnused();
  return made;
}

// What only this registry refers to counts nothing any more.
void StatsRegistry::DropUnused() {
  size_t unused = 0;
  for (auto each = known_.begin(); each != known_.end();) {
    const bool is_used = each->second->refs() > 1;
    if (is_used || ++unused <= kMostUnused) {
      ++each;
      continue;
    }
    gone_ += each->second->stats.Sum();
    each = known_.erase(each);
  }
}

std::vector<SessionCounts> StatsRegistry::Read() const {
  std::vector<SessionCounts> counts;
  absl::MutexLock lock(&mutex_);
  counts.push_back({.listener = "", .upstream = "", .values = process_.Sum()});
  counts.back().values += gone_;
  for (const auto& [key, known] : known_) {
    StatsValues values = ReadOne(known->stats);
    const bool is_used = known->refs() > 1;
    // A configuration that never came into force leaves no trace.
    if (!is_used && std::ranges::all_of(values.all(), [](uint64_t v) { return v == 0; })) continue;
    counts.push_back({.listener = known->listener, .upstream = known->upstream, .values = values});
  }
  return counts;
}

StatsValues StatsRegistry::Sum() const {
  const std::vector<SessionCounts> counts = Read();
  StatsValues sum;
  for (const SessionCounts& each : counts) sum += each.values;
  return sum;
}

}  // namespace sluice::proxy
