#include "proxy/app/runtime_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

constexpr Descriptors kMany = {.limit = 1 << 20, .open = 10};

RuntimePlan Plan(uint32_t workers, uint64_t memory, uint64_t per_direction,
                 uint32_t connections = 1) {
  conf::Config config;
  config.limits.max_connections = connections;
  config.runtime.workers = workers;
  config.limits.buffer_memory_bytes = memory;
  config.buffers.per_direction_bytes = per_direction;
  return PlanRuntime(config, /*cpus=*/4, kMany);
}

TEST(PlanRuntime, AutoIsTheNumberOfCpus) {
  EXPECT_EQ(Plan(0, 256 * kMiB, 256 * kKiB).options.workers, 4u);
  EXPECT_EQ(Plan(7, 256 * kMiB, 256 * kKiB).options.workers, 7u);
}

TEST(PlanRuntime, TooLittleForAllWorkersIsSaid) {
  const RuntimePlan plan = Plan(256, kMiB, 256 * kKiB);
  EXPECT_EQ(plan.options.workers, 32u);
  EXPECT_THAT(plan.warnings,
              ElementsAre("limits.buffer_memory 1MiB is enough for the buffers of 32 workers: "
                          "there are 32 instead of 256"));
  EXPECT_THAT(Plan(2, kMiB, 256 * kKiB).warnings, IsEmpty());
}

// 4 KiB for each connection, 32 KiB for each worker.
TEST(PlanRuntime, TooLittleForAllConnectionsIsSaid) {
  EXPECT_THAT(Plan(2, kMiB, 256 * kKiB, 240).warnings, IsEmpty());
  EXPECT_THAT(
      Plan(2, kMiB, 256 * kKiB, 241).warnings,
      ElementsAre("limits.buffer_memory 1MiB holds for 240 connections (with 2 workers): "
                  "limits.max_connections 241 is beyond that, further ones are rejected (reason "
                  "rejected_buffers)"));
  EXPECT_THAT(Plan(1, kMiB, 256 * kKiB, 249).warnings, ElementsAre(HasSubstr("1 worker)")));
  EXPECT_THAT(Plan(256, kMiB, 256 * kKiB, 1000).warnings, SizeIs(2));
}

TEST(PlanRuntime, DefaultsGiveNoWarning) {
  EXPECT_THAT(PlanRuntime(conf::Config(), /*cpus=*/1, kMany).warnings, IsEmpty());
  EXPECT_THAT(PlanRuntime(conf::Config(), /*cpus=*/64, kMany).warnings, IsEmpty());
  conf::Config small;
  small.limits.buffer_memory_bytes = kMiB;
  EXPECT_THAT(PlanRuntime(small, /*cpus=*/1, kMany).warnings, IsEmpty());
  EXPECT_THAT(PlanRuntime(small, /*cpus=*/1, {.limit = 100, .open = 10}).warnings, IsEmpty());
}

TEST(PlanRuntime, AutoFollowsTheDescriptors) {
  const auto connections = [](uint64_t limit) {
    return PlanRuntime(conf::Config(), /*cpus=*/1, {.limit = limit, .open = 10}).max_connections;
  };
  EXPECT_EQ(connections(1 << 20), 10'000u);
  EXPECT_EQ(connections(1024), (1024u - 10 - 2 - 64) / 2);
  EXPECT_EQ(Plan(1, 256 * kMiB, 256 * kKiB, 20'000).max_connections, 20'000u);
}

}  // namespace
}  // namespace sluice::proxy
