// Shuffled workers: the seed decides the order, every order comes, and nothing is left behind. And
// what workers count.
#include "core/sched/shuffle.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <utility>

#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/sync/semaphore.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/support/backends.h"
#include "tests/core/support/run.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

WorkerOptions Shuffled(uint64_t seed) {
  return {.buffers = 4, .buffer_size = 4096, .shuffle_seed = seed};
}

Task<void> Note(std::string& order, char name) {
  order += name;
  co_await core::Yield();
  order += static_cast<char>(name - 'a' + 'A');
}
Task<void> NoteAll(std::string& order) {
  TaskGroup group(RuntimeHandle::Current());
  for (const char name : {'a', 'b', 'c'}) group.Spawn(Note(order, name));
  co_await group.Join();
}
std::string OrderOf(uint64_t seed) {
  std::string order;
  TestRuntime runtime(1, Shuffled(seed));
  runtime.Run(NoteAll(order));
  EXPECT_EQ(order.size(), 6u);
  return order;
}

TEST(ShuffleTest, ASeedIsAnOrder) {
  for (uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(OrderOf(seed), OrderOf(seed));
}
// Of a, b, c and A, B, C, each capital behind its own: 6! / 2^3 orders.
TEST(ShuffleTest, EveryOrderComes) {
  std::set<std::string> orders;
  for (uint64_t seed = 1; seed <= 3'000; ++seed) orders.insert(OrderOf(seed));
  EXPECT_EQ(orders.size(), 90u);
}
TEST(ShuffleTest, WithoutASeedTheOrderIsThatOfTheScheduler) { EXPECT_EQ(OrderOf(0), "abcABC"); }

// Nothing is lost with several workers either, on real reactors.
class ShuffledWorkersTest : public BackendTest {};
SLUICE_ON_EVERY_BACKEND(ShuffledWorkersTest);

Task<void> TakeTurns(Semaphore& semaphore, int& count) {
  for (int i = 0; i < 50; ++i) {
    const auto permit = co_await semaphore.Acquire();
    EXPECT_TRUE(permit.ok());
    ++count;
    if (i % 7 == 0) co_await core::Yield();
    if (i % 25 == 0) (void)co_await Sleep(1ms);
  }
}
TEST_P(ShuffledWorkersTest, NoTaskIsForgotten) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    RuntimeOptions options = Options();
    options.worker.shuffle_seed = seed;
    Runtime runtime(options);
    int count = 0;
    runtime.BlockOn([&]() -> Task<void> {
      Semaphore semaphore(1);
      TaskGroup group(RuntimeHandle::Current());
      for (int i = 0; i < 40; ++i) group.Spawn(TakeTurns(semaphore, count));
      co_await group.Join();
    }());
    EXPECT_EQ(count, 2'000);
  }
}

uint64_t Value(const Atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

Task<void> UseUpBudgets(int times) {
  for (int i = 0; i < times; ++i) co_await Yield();  // that of the tests: it uses up the budget
}
TEST(WorkerCountersTest, BudgetsThatAreUsedUpAreCounted) {
  TestRuntime runtime(1);
  runtime.Run(UseUpBudgets(7));
  EXPECT_EQ(Value(runtime.handle().worker_counters(0).budget_yields), 7u);
}

Task<void> SleepTimes(int times) {
  for (int i = 0; i < times; ++i) (void)co_await Sleep(10ms);
}
TEST(WorkerCountersTest, TimeInTheKernelIsCounted) {
  VirtualRuntime runtime;
  runtime.Run(SleepTimes(5));
  const WorkerCounters& counters = runtime.handle().worker_counters(0);
  EXPECT_EQ(Value(counters.waited_ns), 50'000'000u);
  EXPECT_LE(Value(counters.idle_wakes), 1u);  // the wake-up of what Run had put there
}

// Where tasks are long the clock is read after each of them, and no longer than that.
Task<void> LongAndThenShort(VirtualClock& clock, Duration& while_long) {
  for (int i = 0; i < 50; ++i) {
    clock.Advance(1ms);
    co_await Yield();
  }
  while_long = Worker::Current()->mean_task_time();
  co_await SleepTimes(100);  // rounds of one task that end asleep
}
TEST(WorkerCountersTest, LongTasksAreForgottenByRoundsThatEndAsleep) {
  VirtualRuntime runtime;
  Duration while_long{};
  runtime.Run(LongAndThenShort(runtime.clock, while_long));
  EXPECT_GT(while_long, 500us);
  EXPECT_LT(runtime.handle().worker(0).mean_task_time(), 75us);
}

Task<void> LookAtQueue(uint64_t& queued, uint64_t& idle_wakes) {
  TaskGroup group(RuntimeHandle::Current());
  for (int i = 0; i < 9; ++i) group.Spawn(Turns(3));
  co_await Turns(1);
  const WorkerCounters& counters = Worker::Current()->counters();
  queued = Value(counters.queued);
  co_await group.Join();
  Worker& worker = *Worker::Current();
  std::thread waker([&worker] {  // it wakes a worker that has nothing to run
    while (Value(worker.counters().idle_wakes) == 0) worker.Wake();
  });
  while (Value(counters.idle_wakes) == 0) (void)co_await Sleep(5ms);
  waker.join();
  idle_wakes = Value(counters.idle_wakes);
}
TEST_P(ShuffledWorkersTest, QueuesAndWakeUpsForNothingAreCounted) {
  if (GetParam().workers > 1) GTEST_SKIP() << "which worker does it is not told";
  uint64_t queued = 0;
  uint64_t idle_wakes = 0;
  Runtime runtime(Options());
  runtime.BlockOn(LookAtQueue(queued, idle_wakes));
  EXPECT_GT(queued, 4u);
  EXPECT_GT(idle_wakes, 0u);
  EXPECT_GT(runtime.handle().worker(0).mean_task_time(), 0ns);
}

}  // namespace
}  // namespace sluice::core::testing
