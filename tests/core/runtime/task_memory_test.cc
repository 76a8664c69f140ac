// How much memory a task takes that waits. Counted in what malloc gives, not in what is asked for.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_cell.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/counted_new.h"

namespace sluice::core::testing {
namespace {

constexpr int kTasks = 1000;

int asleep = 0;

// Nothing in its frame but the sleep.
Task<void> SleepLong() {
  ++asleep;
  (void)co_await Sleep(1h);
}

Task<void> CountThem() {
  const int64_t bytes_before = allocations.bytes;
  const int64_t made_before = allocations.made;
  for (int i = 0; i < kTasks; ++i) Spawn(SleepLong()).Detach();
  while (asleep < kTasks) co_await Yield();
  EXPECT_LE(allocations.made - made_before, 2 * kTasks);  // a frame and a cell
  EXPECT_GT(allocations.bytes - bytes_before, 100 * kTasks);
  EXPECT_LE(allocations.bytes - bytes_before, 240 * kTasks);
}

TEST(TaskMemoryTest, ATaskThatSleepsTakesAtMost240Bytes) {
  if (!kCountsAllocations) GTEST_SKIP();
  Runtime runtime({.workers = 1, .backend = Backend::kEpoll});
  runtime.BlockOn(CountThem());
}

}  // namespace
}  // namespace sluice::core::testing
