// What name servers say, as endpoints: names, weights, priorities.
#include "proxy/upstream/discovery/named_endpoints.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::proxy {
namespace {

core::ServiceTarget Target(const char* host, uint16_t priority, uint16_t weight,
                           const char* address = nullptr) {
  const std::string text =
      address == nullptr ? std::string("10.0.0.1:") + std::to_string(priority * 1000 + weight % 997)
                         : address;
  return {.host = host,
          .addresses = {*core::Address::Parse(text)},
          .priority = priority,
          .weight = weight};
}

using Numbers = std::vector<std::pair<uint32_t, uint32_t>>;

// Priority and weight.
Numbers NumbersOf(const std::vector<core::ServiceTarget>& targets) {
  Numbers numbers;
  for (const conf::Endpoint& each : EndpointsOfService(targets)) {
    numbers.emplace_back(each.priority, each.weight);
  }
  return numbers;
}

TEST(NamedEndpointsTest, AreCalledAfterNameAndAddress) {
  const std::vector<core::Address> addresses = {*core::Address::ParseHost("10.0.0.1"),
                                                *core::Address::ParseHost("fd00::1")};
  const Snapshot endpoints = EndpointsOfHost("app.internal", 3000, addresses);
  ASSERT_EQ(endpoints.size(), 2u);
  EXPECT_EQ(endpoints[0].name, "app.internal@10.0.0.1:3000");
  EXPECT_EQ(endpoints[1].name, "app.internal@[fd00::1]:3000");
  EXPECT_EQ(endpoints[1].address.ToString(), "[fd00::1]:3000");
  EXPECT_EQ(endpoints[0].weight, 1u);
}

TEST(NamedEndpointsTest, WeightsAreTaken) {
  EXPECT_EQ(NumbersOf({Target("a", 0, 0), Target("b", 0, 1), Target("c", 0, 256)}),
            (Numbers{{0, 1}, {0, 1}, {0, 256}}));
}

TEST(NamedEndpointsTest, LargeWeightsAreScaledWithinTheirPriority) {
  EXPECT_EQ(NumbersOf({Target("a", 0, 65535), Target("b", 0, 32768), Target("c", 0, 1),
                       Target("d", 1, 200)}),
            (Numbers{{0, 256}, {0, 128}, {0, 1}, {1, 200}}));
}

TEST(NamedEndpointsTest, PrioritiesStayOrAreNumbered) {
  EXPECT_EQ(NumbersOf({Target("a", 10, 1, "10.0.0.1:1"), Target("b", 255, 1, "10.0.0.1:2")}),
            (Numbers{{10, 1}, {255, 1}}));
  EXPECT_EQ(NumbersOf({Target("a", 10, 1, "10.0.0.1:1"), Target("b", 10, 1, "10.0.0.1:2"),
                       Target("c", 256, 1, "10.0.0.1:3"), Target("d", 65535, 1, "10.0.0.1:4")}),
            (Numbers{{0, 1}, {0, 1}, {1, 1}, {2, 1}}));
}

TEST(NamedEndpointsTest, AnAddressIsOneEndpoint) {
  const std::vector<core::ServiceTarget> targets = {Target("a", 0, 1, "10.0.0.1:1"),
                                                    Target("b", 0, 1, "10.0.0.1:1")};
  const Snapshot endpoints = EndpointsOfService(targets);
  ASSERT_EQ(endpoints.size(), 1u);
  EXPECT_EQ(endpoints[0].name, "a@10.0.0.1:1");
}

}  // namespace
}  // namespace sluice::proxy
