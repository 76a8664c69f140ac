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

RuntimePlan Plan(uint32_t workers, uint64_t memory, uint64_t per_direction,
                 uint32_t connections = 1) {
  conf::Config config;
  config.limits.max_connections = connections;
  config.runtime.workers = workers;
  config.limits.buffer_memory_bytes = memory;
  config.buffers.per_direction_bytes = per_direction;
  return PlanRuntime(config, /*cpus=*/4);
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
                  "limits.max_connections 241 is beyond that, further ones are not let in (reason "
                  "rejected_buffers)"));
  EXPECT_THAT(Plan(1, kMiB, 256 * kKiB, 249).warnings, ElementsAre(HasSubstr("1 worker)")));
  EXPECT_THAT(Plan(256, kMiB, 256 * kKiB, 1000).warnings, SizeIs(2));
}

TEST(PlanRuntime, DefaultsGiveNoWarning) {
  EXPECT_THAT(PlanRuntime(conf::Config(), /*cpus=*/1).warnings, IsEmpty());
  EXPECT_THAT(PlanRuntime(conf::Config(), /*cpus=*/64).warnings, IsEmpty());
}

}  // namespace
}  // namespace sluice::proxy
