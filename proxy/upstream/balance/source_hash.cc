#include "proxy/upstream/balance/source_hash.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "proxy/upstream/balance/hash.h"

namespace sluice::proxy {

class SourceHash::Table final : public PickTable {
 public:
  Table(std::span<const EndpointMember> members, uint64_t seed) {
    const std::vector<uint64_t> hashes = HashMembers(members, seed);
    for (size_t i = 0; i < members.size(); ++i) {
      const uint32_t weight = members[i].weight;
      if (weight == 0) continue;
      entries_.push_back({.hash = hashes[i], .weight = weight, .endpoint = members[i].endpoint});
      equal_weights_ = equal_weights_ && weight == entries_.front().weight;
      sum_of_weights_ += weight;
    }
  }

  uint64_t sum_of_weights() const { return sum_of_weights_; }
  uint64_t SumThatMayBeTried(std::span<Endpoint* const> tried) const {
    uint64_t sum = 0;
    for (const Entry& entry : entries_) {
      if (MayTry(entry.endpoint, tried)) sum += entry.weight;
    }
    return sum;
  }

  // The one with the lowest cost, 1 / score, of those that `allowed` takes.
  template <typename Allowed>
  Endpoint* Best(uint64_t key, Allowed allowed) const {
    Endpoint* best = nullptr;
    double lowest = std::numeric_limits<double>::infinity();
    for (const Entry& entry : entries_) {
      const double cost = Cost(entry, key);
      if (!(cost < lowest) || !allowed(entry.endpoint)) continue;
      best = entry.endpoint;
      lowest = cost;
    }
    return best;
  }

 private:
  struct Entry {
    uint64_t hash;
    uint32_t weight;
    Endpoint* endpoint;
  };

  // Of u without its lowest bits, which a double would round: above 0, below 1. Where all weights
  // are equal the logarithm changes no order.
  double Cost(const Entry& entry, uint64_t key) const {
    const double u = (static_cast<double>(core::Mix(key ^ entry.hash) >> 12) + 0.5) /
                     static_cast<double>(1ull << 52);
    return equal_weights_ ? 1 - u : -std::log(u) / entry.weight;
  }

  std::vector<Entry> entries_;
  uint64_t sum_of_weights_ = 0;
  bool equal_weights_ = true;
};

std::unique_ptr<PickTable> SourceHash::MakeTable(std::span<const EndpointMember> members) const {
  return std::make_unique<Table>(members, seed());
}

Endpoint* SourceHash::Pick(const EndpointSet& set, const PickRequest& request,
                           std::span<Endpoint* const> tried) {
  return PickFrom(static_cast<const Table&>(*set.table()), KeyOf(request), tried);
}

}  // namespace sluice::proxy
