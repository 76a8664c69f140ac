// FirstFew: what it keeps of many things in any order, and how many it has at a time.
#include "core/runtime/first_few.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

namespace sluice::core {
namespace {

TEST(FirstFewTest, KeepsThoseThatComeFirst) {
  std::vector<int> things(3000);
  std::iota(things.begin(), things.end(), 0);
  std::shuffle(things.begin(), things.end(), std::mt19937(29));
  for (const size_t most : {size_t{0}, size_t{1}, size_t{2}, size_t{63}, size_t{1000}, size_t{2999},
                            size_t{3000}, size_t{5000}, SIZE_MAX}) {
    FirstFew<int, std::less<>> first(most, {});
    for (const int thing : things) {
      first.Add(thing);
      if (most < 1000) EXPECT_LE(first.size(), 2 * most + first.kSlack);
    }
    const std::vector<int> kept = first.Take();
    ASSERT_EQ(kept.size(), std::min(most, things.size()));
    for (size_t i = 0; i < kept.size(); ++i) ASSERT_EQ(kept[i], static_cast<int>(i)) << most;
  }
}

}  // namespace
}  // namespace sluice::core
