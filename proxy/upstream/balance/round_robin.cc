#include "proxy/upstream/balance/round_robin.h"

#include <functional>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace sluice::proxy {

class RoundRobin::Table final : public PickTable {
 public:
  struct Class {
    std::vector<Endpoint*> endpoints;  // in the order of the configuration
    int64_t share;                     // of the round: their weights together
    int64_t credit = 0;
    size_t next = 0;
    bool sits_out = false;  // in this pick
  };

  explicit Table(std::span<const EndpointMember> members) {
    uint32_t divisor = 0;
    std::map<uint32_t, std::vector<Endpoint*>, std::greater<>> by_weight;
    for (const EndpointMember& member : members) {
      const uint32_t weight = member.shared_weight();
      if (weight == 0) continue;
      divisor = std::gcd(divisor, weight);
      by_weight[weight].push_back(member.endpoint);
    }
    for (auto& [weight, endpoints] : by_weight) {
      const auto share = static_cast<int64_t>(endpoints.size()) * (weight / divisor);
      classes_.push_back({.endpoints = std::move(endpoints), .share = share});
      round_size_ += share;
    }
  }

  const std::vector<Class>& classes() const { return classes_; }
  int64_t round_size() const { return round_size_; }

  Endpoint* PickMixed(std::span<Endpoint* const> tried) {
    absl::MutexLock lock(&mutex_);
    for (Class& each : classes_) {
      each.credit += each.share;
      each.sits_out = false;
    }
    int64_t raised = round_size_;
    while (Class* best = Best()) {
      if (Endpoint* endpoint = Next(*best, tried)) {
        best->credit -= raised;
        return endpoint;
      }
      best->sits_out = true;
      best->credit -= best->share;
      raised -= best->share;
    }
    return nullptr;
  }

 private:
  // The first of those with the highest credit; null: all sit out.
  Class* Best() {
    Class* best = nullptr;
    for (Class& each : classes_) {
      if (each.sits_out) continue;
      if (best == nullptr || each.credit > best->credit) best = &each;
    }
    return best;
  }

  static Endpoint* Next(Class& from, std::span<Endpoint* const> tried) {
    const size_t size = from.endpoints.size();
    for (size_t i = 0; i < size; ++i) {
      Endpoint* const endpoint = from.endpoints[from.next];
      if (++from.next == size) from.next = 0;
      if (MayTry(endpoint, tried)) return endpoint;
    }
    return nullptr;
  }

  std::vector<Class> classes_;  // the heaviest first; what changes is guarded by the mutex
  int64_t round_size_ = 0;
  absl::Mutex mutex_;
};

std::unique_ptr<PickTable> RoundRobin::MakeTable(std::span<const EndpointMember> members) const {
  return std::make_unique<Table>(members);
}

Endpoint* RoundRobin::Pick(const EndpointSet& set, const PickRequest&,
                           std::span<Endpoint* const> tried) {
  auto& table = static_cast<Table&>(*set.table());
  if (table.classes().empty()) return nullptr;  // all drain
  if (table.classes().size() > 1) return table.PickMixed(tried);
  return PickInTurn(table.classes().front().endpoints, tried);
}

// Those that are passed over have had their turns; else the one behind them would get two.
Endpoint* RoundRobin::PickInTurn(std::span<Endpoint* const> endpoints,
                                 std::span<Endpoint* const> tried) {
  const uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < endpoints.size(); ++i) {
    Endpoint* const endpoint = endpoints[(turn + i) % endpoints.size()];
    if (!MayTry(endpoint, tried)) continue;
    if (i > 0) turn_.fetch_add(i, std::memory_order_relaxed);
    return endpoint;
  }
  // Another set, of a priority that is not as good, is picked from next: no turn is lost in that.
  turn_.fetch_sub(1, std::memory_order_relaxed);
  return nullptr;
}

uint64_t RoundRobin::RoundSize(const EndpointSet& set) {
  return static_cast<uint64_t>(static_cast<Table&>(*set.table()).round_size());
}

}  // namespace sluice::proxy
