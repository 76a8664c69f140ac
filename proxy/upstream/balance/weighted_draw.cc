#include "proxy/upstream/balance/weighted_draw.h"

#include <algorithm>
#include <cstddef>

#include "core/base/random.h"

namespace sluice::proxy {
namespace {

constexpr int kDraws = 8;

// Of `count` numbers one by chance (Lemire, "Fast Random Integer Generation in an Interval").
size_t Below(size_t count, uint32_t random) {
  return static_cast<size_t>((uint64_t{random} * count) >> 32);
}

}  // namespace

WeightedDraw::WeightedDraw(std::span<const EndpointMember> members) {
  uint64_t sum = 0;
  for (const EndpointMember& member : members) {
    if (member.shared_weight() == 0) continue;
    columns_.push_back({.lower = member.endpoint, .upper = member.endpoint, .lower_share = 0});
    sum += member.weight;
  }
  // What a member has is counted in units of which a column holds `sum`.
  const uint64_t count = columns_.size();
  std::vector<uint64_t> left;
  std::vector<size_t> small;
  std::vector<size_t> large;
  for (const EndpointMember& member : members) {
    if (member.shared_weight() == 0) continue;
    left.push_back(member.weight * count);
    (left.back() < sum ? small : large).push_back(left.size() - 1);
  }
  while (!small.empty() && !large.empty()) {
    const size_t less = small.back();
    const size_t more = large.back();
    small.pop_back();
    columns_[less].upper = columns_[more].lower;
    columns_[less].lower_share = static_cast<uint32_t>((left[less] << 32) / sum);
    left[more] -= sum - left[less];
    if (left[more] >= sum) continue;
    large.pop_back();
    small.push_back(more);
  }
}

Endpoint* WeightedDraw::Draw(uint64_t random) const {
  const Column& column = columns_[Below(columns_.size(), static_cast<uint32_t>(random >> 32))];
  return static_cast<uint32_t>(random) < column.lower_share ? column.lower : column.upper;
}

WeightedDraw::Two WeightedDraw::DrawTwo(const PickRequest& request,
                                        std::span<Endpoint* const> tried) const {
  Two two;
  if (columns_.empty()) return two;
  uint64_t random = request.random + tried.size();  // a retry draws others
  for (int i = 0; i < kDraws && two.second == nullptr; ++i) {
    random = core::Mix(random);
    Endpoint* const drawn = Draw(random);
    if (drawn == two.first || !Balancer::MayTry(drawn, tried)) continue;
    (two.first == nullptr ? two.first : two.second) = drawn;
  }
  if (two.first == nullptr) two.first = FirstThatMayBeTried(random, tried);
  return two;
}

Endpoint* WeightedDraw::FirstThatMayBeTried(uint64_t random,
                                            std::span<Endpoint* const> tried) const {
  const size_t begin = Below(columns_.size(), static_cast<uint32_t>(random));
  for (size_t i = 0; i < columns_.size(); ++i) {
    Endpoint* const endpoint = columns_[(begin + i) % columns_.size()].lower;
    if (Balancer::MayTry(endpoint, tried)) return endpoint;
  }
  return nullptr;
}

}  // namespace sluice::proxy
