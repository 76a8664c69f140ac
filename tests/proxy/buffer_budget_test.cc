#include "proxy/buffer_budget.h"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

uint32_t Fit(uint64_t buffer_memory, uint32_t workers = 1) {
  conf::Config config;
  config.limits.buffer_memory_bytes = buffer_memory;
  return SessionsThatFit(config, workers);
}

TEST(BufferBudget, BothDirectionsOfEachSessionMayStall) {
  EXPECT_EQ(Fit(100 * 2 * kSmallestHolding), 100u);
  EXPECT_EQ(Fit(101 * 2 * kSmallestHolding - 1), 100u);
}

TEST(BufferBudget, NeverLessThanOne) { EXPECT_EQ(Fit(1), 1u); }

TEST(BufferBudget, NoOverflow) { EXPECT_EQ(Fit(UINT64_MAX), UINT32_MAX); }

TEST(BufferBudget, TheDefaultsServeTheirConnections) {
  const conf::Config config;
  EXPECT_GE(SessionsThatFit(config, 256), config.limits.max_connections);
}

}  // namespace
}  // namespace sluice::proxy
