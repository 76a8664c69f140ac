// How much memory a task takes that waits. Counted in what malloc gives, not in what is asked for.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "core/runtime/runtime.h"
#include "core/runtime/spawn.h"
#include "core/runtime/task_cell.h"
#include "core/task/task.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"

namespace {

std::atomic<int64_t> bytes{0};
std::atomic<int64_t> pieces{0};

}  // namespace

// glibc keeps the size of each piece before it.
void* operator new(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  bytes += static_cast<int64_t>(malloc_usable_size(memory) + sizeof(size_t));
  ++pieces;
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  bytes -= static_cast<int64_t>(malloc_usable_size(memory) + sizeof(size_t));
  --pieces;
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace sluice::core {
namespace {

constexpr int kTasks = 1000;

int asleep = 0;

// Nothing in its frame but the sleep.
Task<void> SleepLong() {
  ++asleep;
  (void)co_await Sleep(1h);
}

Task<void> CountThem() {
  const int64_t bytes_before = bytes;
  const int64_t pieces_before = pieces;
  for (int i = 0; i < kTasks; ++i) Spawn(SleepLong()).Detach();
  while (asleep < kTasks) co_await Yield();
  EXPECT_LE(pieces - pieces_before, 2 * kTasks);  // a frame and a cell
  EXPECT_GT(bytes - bytes_before, 100 * kTasks);
  EXPECT_LE(bytes - bytes_before, 240 * kTasks);
}

TEST(TaskMemoryTest, ATaskThatSleepsTakesAtMost240Bytes) {
  Runtime runtime({.workers = 1, .backend = Backend::kEpoll});
  runtime.BlockOn(CountThem());
}

}  // namespace
}  // namespace sluice::core
