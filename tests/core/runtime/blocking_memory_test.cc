// The pool for blocking calls when memory is short: a call that no thread can be started for fails,
// and a thread ends without a byte more.
#include <gtest/gtest.h>

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

#include "core/runtime/blocking_pool.h"
#include "core/runtime/runtime.h"
#include "core/task/yield.h"
#include "tests/core/support/null_reactor.h"

namespace {

// How many allocations of this thread succeed before all fail; negative: none fails.
thread_local int allocations_left = -1;

[[maybe_unused]] void* Allocate(size_t size) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left > 0) --allocations_left;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#if !defined(__has_feature) || !__has_feature(thread_sanitizer)  // its operators stay
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace sluice::core {
namespace {

void RunIt(Task<void> main, const BlockingOptions& blocking = {}) {
  MonotonicClock clock;
  Runtime runtime({.worker = {.buffers = 4, .buffer_size = 4096}, .blocking = blocking}, clock,
                  testing::NullReactor::Factory());
  ASSERT_TRUE(runtime.Run(std::move(main)).ok());
}

// Memory is short while the call is being queued.
template <typename F>
class Starved {
 public:
  Starved(F function, int allocations)
      : call_(RuntimeHandle::Current().blocking_pool(), std::move(function)),
        allocations_(allocations) {}
  bool await_ready() const { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> handle) {
    allocations_left = allocations_;
    const bool suspended = call_.await_suspend(handle);
    allocations_left = -1;
    return suspended;
  }
  auto await_resume() { return call_.await_resume(); }

 private:
  RunBlockingAwaiter<F> call_;
  const int allocations_;
};

Task<void> QueueMain(int allocations, bool& made) {
  Outcome<int> outcome = co_await Starved([] { return 7; }, allocations);
  made = outcome.has_value();
  if (made) EXPECT_EQ(outcome.value(), 7);
  EXPECT_EQ(RuntimeHandle::Current().blocking_pool().threads(), made ? 1u : 0u);
  EXPECT_EQ((co_await RunBlocking([] { return 8; })).value(), 8);  // it goes on
}
TEST(BlockingMemoryTest, ACallThatNoThreadCanBeStartedForFails) {
  int failed = 0;
  for (bool made = false; !made; ++failed) RunIt(QueueMain(failed, made));
  EXPECT_LT(failed, 10);
}

Task<void> EndMain() {
  EXPECT_TRUE((co_await RunBlocking([] { allocations_left = 0; })).has_value());
  while (RuntimeHandle::Current().blocking_pool().threads() > 0) co_await Yield();
}
TEST(BlockingMemoryTest, AThreadEndsWithoutMemory) { RunIt(EndMain(), {.idle = 1ms}); }

}  // namespace
}  // namespace sluice::core
