// WeightedDraw: draws members of a set by chance, each in proportion to its weight, in constant
// time; and from two of them takes the one with less load ("the power of two choices").
//
//   alias table (Walker 1977, built as Vose does, 1991): as many columns as members, all of one
//   height, each with at most two members
//
//          b b │ a a │ a a        one number chooses the column, another one the height in it
//          b b │ a a │ c c
//
// Two choices: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
// Threads: any. Checked by: tests/proxy/upstream/balance/random_two_test.cc.
#ifndef SLUICE_PROXY_UPSTREAM_BALANCE_WEIGHTED_DRAW_H_
#define SLUICE_PROXY_UPSTREAM_BALANCE_WEIGHTED_DRAW_H_

#include <cstdint>
#include <span>
#include <vector>

#include "proxy/upstream/balance/balancer.h"

namespace sluice::proxy {

class WeightedDraw final : public PickTable {
 public:
  // Linear. Members of weight 0 are never drawn.
  explicit WeightedDraw(std::span<const EndpointMember> members);

  bool empty() const { return columns_.empty(); }
  // Of one that is not empty.
  Endpoint* Draw(uint64_t random) const;

  // Of two different members that may be tried: the better one. If but one is found, that one;
  // null: there is none. After a few draws without any it looks at all members.
  template <typename IsBetter>
  Endpoint* BetterOfTwo(const PickRequest& request, std::span<Endpoint* const> tried,
                        IsBetter is_better) const {
    const Two two = DrawTwo(request, tried);
    return two.second != nullptr && is_better(*two.second, *two.first) ? two.second : two.first;
  }
  Endpoint* LessLoadedOfTwo(const PickRequest& request, std::span<Endpoint* const> tried) const {
    return BetterOfTwo(request, tried, Balancer::HasLessLoad);
  }

 private:
  struct Column {
    Endpoint* lower;
    Endpoint* upper;
    uint32_t lower_share;  // of 2^32
  };

  struct Two {
    Endpoint* first = nullptr;
    Endpoint* second = nullptr;  // null: only the first was found
  };

  Two DrawTwo(const PickRequest& request, std::span<Endpoint* const> tried) const;
  Endpoint* FirstThatMayBeTried(uint64_t random, std::span<Endpoint* const> tried) const;

  std::vector<Column> columns_;  // one for each member; each member is `lower` once
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_UPSTREAM_BALANCE_WEIGHTED_DRAW_H_
