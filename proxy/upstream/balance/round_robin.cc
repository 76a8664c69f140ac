#include "proxy/upstream/balance/round_robin.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/random.h"

namespace sluice::proxy {
namespace {

// Where to begin, from a request's `random`; 0 begins with the first.
uint64_t StartOf(uint64_t random) { return random == 0 ? 0 : core::Mix(random) >> 16; }

}  // namespace

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

  Endpoint* PickMixed(std::span<Endpoint* const> tried, uint64_t random) {
    absl::MutexLock lock(&mutex_);
    if (!has_begun_) Begin(StartOf(random));
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
  // Goes on to some point of the round, as picks would, but not for long: not everywhere in a round
  // of millions.
  void Begin(uint64_t start) {
    has_begun_ = true;
    if (start == 0) return;
    uint64_t random = start;  // another one for each class, and for where in the round
    for (Class& each : classes_) each.next = core::Mix(++random) % each.endpoints.size();
    const auto farthest = static_cast<uint64_t>(round_size_);
    for (uint64_t left = start % std::min(farthest, kStepsAtStart / classes_.size()); left > 0;
         --left) {
      for (Class& each : classes_) each.credit += each.share;
      Best()->credit -= round_size_;
    }
  }

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

  static constexpr uint64_t kStepsAtStart = 32768;  // of one class: some 50 us

  std::vector<Class> classes_;  // the heaviest first; what changes is guarded by the mutex
  int64_t round_size_ = 0;
  bool has_begun_ = false;
  absl::Mutex mutex_;
};

std::unique_ptr<PickTable> RoundRobin::MakeTable(std::span<const EndpointMember> members) const {
  return std::make_unique<Table>(members);
}

Endpoint* RoundRobin::Pick(const EndpointSet& set, const PickRequest& request,
                           std::span<Endpoint* const> tried) {
  auto& table = static_cast<Table&>(*set.table());
  if (table.classes().empty()) return nullptr;  // all drain
  if (table.classes().size() > 1) return table.PickMixed(tried, request.random);
  return PickInTurn(table.classes().front().endpoints, tried, request.random);
}

// Those that are passed over have had their turns; else the one behind them would get two.
Endpoint* RoundRobin::PickInTurn(std::span<Endpoint* const> endpoints,
                                 std::span<Endpoint* const> tried, uint64_t random) {
  const uint64_t turn = Start(random) + turn_.fetch_add(1, std::memory_order_relaxed);
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

// The same for all threads, whichever of them comes first.
uint64_t RoundRobin::Start(uint64_t random) {
  uint64_t start = start_.load(std::memory_order_relaxed);
  if (start != kNotBegun) return start;
  const uint64_t mine = StartOf(random);
  return start_.compare_exchange_strong(start, mine, std::memory_order_relaxed) ? mine : start;
}

uint64_t RoundRobin::RoundSize(const EndpointSet& set) {
  return static_cast<uint64_t>(static_cast<Table&>(*set.table()).round_size());
}

}  // namespace sluice::proxy
