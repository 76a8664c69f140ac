#include "proxy/runtime_options.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::proxy {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;

RuntimePlan Plan(uint32_t workers, uint64_t memory, uint64_t per_direction) {
  conf::Config config;
  config.runtime.workers = workers;
  config.limits.buffer_memory_bytes = memory;
  config.buffers.per_direction_bytes = per_direction;
  return PlanRuntime(config, /*cpus=*/4);
}

uint64_t BytesOf(const core::RuntimeOptions& options) {
  const core::WorkerOptions& worker = options.worker;
  return options.workers *
         (worker.buffers * worker.buffer_size + worker.large_buffers * worker.large_buffer_size);
}

TEST(PlanRuntime, AutoIsTheNumberOfCpus) {
  EXPECT_EQ(Plan(0, 256 * kMiB, 256 * kKiB).options.workers, 4u);
  EXPECT_EQ(Plan(7, 256 * kMiB, 256 * kKiB).options.workers, 7u);
}

TEST(PlanRuntime, DefaultsAreCutAsEver) {
  const RuntimePlan plan = Plan(2, 256 * kMiB, 256 * kKiB);
  EXPECT_EQ(plan.options.worker.buffer_size, 16 * kKiB);
  EXPECT_EQ(plan.options.worker.large_buffer_size, 256 * kKiB);
  EXPECT_EQ(plan.options.worker.large_buffers, 128u);
  EXPECT_EQ(plan.options.worker.buffers, 6144u);
  EXPECT_EQ(plan.warning, "");
}

// In every corner: whole pages, no more than is allowed, and two buffers for each worker.
TEST(PlanRuntime, TheMemoryIsNeverExceeded) {
  for (const uint32_t workers : {1u, 2u, 3u, 63u, 128u, 129u, 256u}) {
    for (const uint64_t memory :
         {kMiB, kMiB + 1, 2 * kMiB, 3 * kMiB, 256 * kMiB, 65 * kGiB, 1024 * kGiB}) {
      for (const uint64_t per_direction :
           {4 * kKiB, 4 * kKiB + 1, 16 * kKiB, 17 * kKiB, 256 * kKiB, 16 * kMiB}) {
        const RuntimePlan plan = Plan(workers, memory, per_direction);
        const core::WorkerOptions& worker = plan.options.worker;
        const std::string where = std::to_string(workers) + " workers, " + std::to_string(memory) +
                                  " bytes, " + std::to_string(per_direction) + " each direction";
        EXPECT_LE(BytesOf(plan.options), memory) << where;
        EXPECT_GE(worker.buffers, 2u) << where;
        EXPECT_EQ(worker.buffer_size % 4096, 0u) << where;
        EXPECT_LE(worker.buffer_size, per_direction) << where;
        if (worker.large_buffers > 0) {
          EXPECT_EQ(worker.large_buffer_size % 4096, 0u) << where;
          EXPECT_LE(worker.large_buffer_size, per_direction) << where;
        }
        EXPECT_EQ(plan.warning.empty(), plan.options.workers == workers) << where;
      }
    }
  }
}

TEST(PlanRuntime, TooLittleForAllWorkersIsSaid) {
  const RuntimePlan plan = Plan(256, kMiB, 256 * kKiB);
  EXPECT_EQ(plan.options.workers, 128u);
  EXPECT_EQ(plan.warning,
            "limits.buffer_memory 1MiB is enough for 128 workers, each with 2 buffers of 4KiB: "
            "there are 128 instead of 256");
}

}  // namespace
}  // namespace sluice::proxy
