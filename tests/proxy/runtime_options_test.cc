#include "proxy/runtime_options.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::proxy {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

RuntimePlan Plan(uint32_t workers, uint64_t memory, uint64_t per_direction) {
  conf::Config config;
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
  EXPECT_EQ(plan.warning,
            "limits.buffer_memory 1MiB is enough for the buffers of 32 workers: there are 32 "
            "instead of 256");
  EXPECT_EQ(Plan(2, kMiB, 256 * kKiB).warning, "");
}

}  // namespace
}  // namespace sluice::proxy
