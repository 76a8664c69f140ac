#include "proxy/upstream/balance/maglev.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "proxy/upstream/balance/hash.h"

namespace sluice::proxy {
namespace {

constexpr size_t kFewestSlots = 65537;
constexpr size_t kSlotsForEach = 100;
constexpr size_t kProbesBeforeLook = 64;

bool IsPrime(size_t number) {
  for (size_t divisor = 3; divisor * divisor <= number; divisor += 2) {
    if (number % divisor == 0) return false;
  }
  return number % 2 != 0;
}

}  // namespace

size_t Maglev::SlotsFor(size_t endpoints) {
  size_t slots = kFewestSlots;
  while (slots < kSlotsForEach * endpoints) slots *= 2;
  while (!IsPrime(slots)) ++slots;
  return slots;
}

class Maglev::Table final : public PickTable {
 public:
  Table(std::span<const EndpointMember> members, uint64_t seed) {
    std::vector<Walk> walks = WalksOf(members, seed);
    for (const Walk& walk : walks) {
      endpoints_.push_back(walk.endpoint);
      sum_of_weights_ += walk.weight;
    }
    if (!walks.empty()) Fill(walks);
  }

  uint64_t sum_of_weights() const { return sum_of_weights_; }
  uint64_t SumThatMayBeTried(std::span<Endpoint* const> tried) const {
    uint64_t sum = 0;
    for (const Endpoint* endpoint : endpoints_) {
      if (MayTry(endpoint, tried)) sum += endpoint->weight();
    }
    return sum;
  }

  // The first one in probe order that `allowed` takes. Each has a slot, so one is found if there is
  // one; before it walks far it looks whether there is.
  template <typename Allowed>
  Endpoint* Best(uint64_t key, Allowed allowed) const {
    if (endpoints_.empty()) return nullptr;
    size_t slot = key % slots_.size();
    for (size_t i = 0; i < slots_.size(); ++i) {
      Endpoint* const endpoint = endpoints_[slots_[slot]];
      if (allowed(endpoint)) return endpoint;
      if (++slot == slots_.size()) slot = 0;
      if (i == kProbesBeforeLook && std::ranges::none_of(endpoints_, allowed)) return nullptr;
    }
    return nullptr;
  }

 private:
  // The order in which an endpoint walks the slots: offset, offset + skip, ...
  struct Walk {
    Endpoint* endpoint;
    uint64_t hash;
    uint64_t weight;
    uint64_t slot;
    uint64_t skip;
    uint64_t due = 0;  // it has had its share of the rounds up to this one, in units of weight
  };

  static std::vector<Walk> WalksOf(std::span<const EndpointMember> members, uint64_t seed) {
    const std::vector<uint64_t> hashes = HashMembers(members, seed);
    std::vector<Walk> walks;
    for (size_t i = 0; i < members.size(); ++i) {
      if (members[i].weight == 0) continue;
      walks.push_back({.endpoint = members[i].endpoint,
                       .hash = hashes[i],
                       .weight = members[i].weight,
                       .slot = 0,
                       .skip = 0});
    }
    const size_t slots = SlotsFor(walks.size());
    for (Walk& walk : walks) {
      walk.slot = walk.hash % slots;
      walk.skip = core::Mix(walk.hash) % (slots - 1) + 1;
    }
    std::ranges::sort(walks, [](const Walk& a, const Walk& b) {
      return std::pair(std::string_view(a.endpoint->name()), a.hash) <
             std::pair(std::string_view(b.endpoint->name()), b.hash);
    });
    return walks;
  }

  // The heaviest takes one slot in each round, others in as many rounds as their weights say; all
  // take one in the first, so that each has one.
  void Fill(std::vector<Walk>& walks) {
    constexpr uint32_t kFree = std::numeric_limits<uint32_t>::max();
    slots_.assign(SlotsFor(walks.size()), kFree);
    const uint64_t heaviest = std::ranges::max(walks, {}, &Walk::weight).weight;
    size_t free = slots_.size();
    for (uint64_t round = 0;; ++round) {
      for (size_t i = 0; i < walks.size(); ++i) {
        Walk& walk = walks[i];
        if (round * walk.weight < walk.due) continue;
        walk.due += heaviest;
        while (slots_[walk.slot] != kFree) Step(walk);
        slots_[walk.slot] = static_cast<uint32_t>(i);
        if (--free == 0) return;
      }
    }
  }
  void Step(Walk& walk) const {
    walk.slot += walk.skip;
    if (walk.slot >= slots_.size()) walk.slot -= slots_.size();
  }

  std::vector<Endpoint*> endpoints_;  // sorted by their names; none of weight 0
  std::vector<uint32_t> slots_;       // positions in endpoints_
  uint64_t sum_of_weights_ = 0;
};

std::unique_ptr<PickTable> Maglev::MakeTable(std::span<const EndpointMember> members) const {
  return std::make_unique<Table>(members, seed());
}

Endpoint* Maglev::Pick(const EndpointSet& set, const PickRequest& request,
                       std::span<Endpoint* const> tried) {
  return PickFrom(static_cast<const Table&>(*set.table()), KeyOf(request), tried);
}

}  // namespace sluice::proxy
