#include "proxy/upstream/balance/first.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/proxy/upstream/balance/policy.h"

namespace sluice::proxy {
namespace {

using testing::Endpoints;
using testing::Policy;

TEST(First, FillsInTheOrderOfTheConfiguration) {
  Policy policy(std::make_unique<First>(), {1, 5, 1});
  policy.Use(policy.MembersOf({1, 5, 1}, {2, 3, 1}));
  std::vector<EndpointSlot> held;
  std::vector<uint32_t> order;
  for (int i = 0; i < 6; ++i) {
    held.push_back(policy.Take());
    order.push_back(Endpoints::IndexOf(held.back().endpoint()));
  }
  EXPECT_EQ(order, (std::vector<uint32_t>{0, 0, 1, 1, 1, 2}));
  EXPECT_EQ(policy.Pick(), Policy::kNone);
  held[3] = EndpointSlot();
  EXPECT_EQ(policy.Pick(), 1u);
  held[0] = EndpointSlot();
  EXPECT_EQ(policy.Pick(), 0u);
}

TEST(First, ARetryGoesToTheNext) {
  Policy policy(std::make_unique<First>(), {1, 0, 1});
  EXPECT_EQ(policy.Pick(), 0u);
  EXPECT_EQ(policy.Pick({}, {0}), 2u) << "the second drains";
  EXPECT_EQ(policy.Pick({}, {0, 2}), Policy::kNone);
}

}  // namespace
}  // namespace sluice::proxy
