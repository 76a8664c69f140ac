// PlanBuffers: whatever the configuration and the workers, the parts fit into buffer_memory, and
// every admitted session has two blocks of the reserve.

#include "proxy/memory/buffer_budget.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::proxy::testing {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;

conf::Config ConfigOf(uint64_t memory, uint64_t per_direction, uint32_t connections) {
  conf::Config config;
  config.limits.buffer_memory_bytes = memory;
  config.buffers.per_direction_bytes = per_direction;
  config.limits.max_connections = connections;
  return config;
}

TEST(BufferBudgetTest, ThePartsFitInto) {
  for (const uint64_t memory : {kMiB, 2 * kMiB, 3 * kMiB + 1, 256 * kMiB, 65 * kGiB, 1024 * kGiB}) {
    for (const uint64_t per_direction :
         {4 * kKiB, uint64_t{5000}, 16 * kKiB, 256 * kKiB, 16 * kMiB}) {
      for (const uint32_t connections : {1u, 100u, 10'000u, 1'000'000u}) {
        for (const uint32_t wanted : {1u, 2u, 3u, 16u, 32u, 256u}) {
          const conf::Config config = ConfigOf(memory, per_direction, connections);
          const uint32_t workers = std::min(wanted, MostWorkers(config));
          SCOPED_TRACE(::testing::Message()
                       << memory << " " << per_direction << " " << connections << " " << workers);
          const BufferPlan plan = PlanBuffers(config, workers);
          EXPECT_GE(plan.sessions, 1u);
          EXPECT_LE(plan.sessions, connections);
          EXPECT_EQ(plan.reserve_blocks, 2 * size_t{plan.sessions});
          EXPECT_GE(plan.buffers, 2u);
          EXPECT_GE(plan.buffer_size, 4096u);
          EXPECT_EQ(plan.buffer_size % 4096, 0u);
          EXPECT_EQ(plan.large_buffer_size % 4096, 0u);
          EXPECT_LE(plan.buffer_size, per_direction);
          EXPECT_LE(plan.large_buffer_size, per_direction);
          EXPECT_LE(plan.reserve_blocks * kReserveBlock +
                        workers * (plan.buffers * plan.buffer_size +
                                   plan.large_buffers * plan.large_buffer_size),
                    memory);
        }
      }
    }
  }
}

TEST(BufferBudgetTest, WhatTheMemoryServes) {
  // 4 KiB for a session, and the fewest buffers of the worker.
  EXPECT_EQ(SessionsThatFit(ConfigOf(kMiB, 256 * kKiB, 10'000), 1),
            (kMiB - 32 * kKiB) / (4 * kKiB));
  EXPECT_EQ(SessionsThatFit(ConfigOf(256 * kMiB, 256 * kKiB, 10'000), 2), 10'000u);
  EXPECT_EQ(SessionsThatFit(ConfigOf(256 * kMiB, 256 * kKiB, 1'000'000), 1), 65'528u);
}

TEST(BufferBudgetTest, TheDefaultLeavesMostForSpeed) {
  conf::Config config;
  config.limits.max_connections = 10'000;  // what `auto` comes to where descriptors are plenty
  const BufferPlan plan = PlanBuffers(config, 2);
  EXPECT_EQ(plan.sessions, 10'000u);
  EXPECT_EQ(plan.buffer_size, 16 * kKiB);
  EXPECT_GT(plan.buffers, 4'000u);
  EXPECT_EQ(plan.large_buffer_size, 256 * kKiB);
  EXPECT_GT(plan.large_buffers, 100u);
}

}  // namespace
}  // namespace sluice::proxy::testing
