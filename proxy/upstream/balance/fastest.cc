#include "proxy/upstream/balance/fastest.h"

#include "proxy/upstream/balance/weighted_draw.h"

namespace sluice::proxy {
namespace {

// More than any time that a session could wait: an hour, in nanoseconds.
constexpr double kUnknown = 3600e9;

double ExpectedWait(const Endpoint& endpoint, core::Instant now) {
  const double sessions = endpoint.active();
  const auto weight = static_cast<double>(endpoint.ramped_weight());
  if (!endpoint.latency().is_known()) return kUnknown * sessions / weight;
  return endpoint.latency().At(now) * (sessions + 1) / weight;
}

}  // namespace

std::unique_ptr<PickTable> Fastest::MakeTable(std::span<const EndpointMember> members) const {
  if (members.size() <= kMostForFullScan) return nullptr;
  return std::make_unique<WeightedDraw>(members);
}

Endpoint* Fastest::Pick(const EndpointSet& set, const PickRequest& request,
                        std::span<Endpoint* const> tried) {
  if (set.table() != nullptr) {
    const auto is_better = [now = request.now](const Endpoint& a, const Endpoint& b) {
      return ExpectedWait(a, now) < ExpectedWait(b, now);
    };
    return static_cast<const WeightedDraw&>(*set.table()).BetterOfTwo(request, tried, is_better);
  }
  Endpoint* best = nullptr;
  double shortest = 0;
  size_t behind = begin_;
  size_t index = begin_;
  for (size_t i = 0; i < set.size(); ++i, ++index) {
    if (index >= set.size()) index = 0;
    Endpoint* const endpoint = &set.endpoint(index);
    if (!MayTry(endpoint, tried)) continue;
    const double wait = ExpectedWait(*endpoint, request.now);
    if (best != nullptr && wait >= shortest) continue;
    best = endpoint;
    shortest = wait;
    behind = index + 1;
  }
  begin_ = behind;
  return best;
}

void Fastest::OnLatency(Endpoint& endpoint, core::Duration latency, core::Instant now) {
  endpoint.AddLatency(latency, now);
}

}  // namespace sluice::proxy
