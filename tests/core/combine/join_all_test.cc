// JoinAll: a number of awaitables that is known only at run time.

#include "core/combine/join_all.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/virtual_time.h"

namespace sluice::core::testing {
namespace {

Task<std::unique_ptr<size_t>> Number(size_t number, Duration after) {
  (void)co_await Sleep(after);
  co_return std::make_unique<size_t>(number);
}
Task<void> OrderMain() {
  const Instant begin = Now();
  std::vector<Task<std::unique_ptr<size_t>>> parts;
  for (size_t i = 0; i < 100; ++i) parts.push_back(Number(i, (100 - i) * 10ms));
  const auto values = co_await JoinAll(std::move(parts));
  EXPECT_EQ(values.size(), 100u);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(*values[i], i);
  EXPECT_LE(Now() - begin, 1100ms);  // side by side
}
TEST(JoinAllTest, BringsAllValuesInTheOrderOfTheParts) { VirtualRuntime().Run(OrderMain()); }

Task<int> Ready(int value) { co_return value; }
Task<void> ReadyMain() {
  EXPECT_TRUE((co_await JoinAll(std::vector<Task<int>>())).empty());
  std::vector<Task<int>> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(Ready(i));
  const std::vector<int> values = co_await JoinAll(std::move(parts));
  EXPECT_EQ(values, (std::vector<int>{0, 1, 2}));
}
TEST(JoinAllTest, OfNothingAndOfWhatIsReady) { VirtualRuntime().Run(ReadyMain()); }

Task<void> AwaitersMain() {
  CancellableGate first, second;
  std::vector<CancellableGate::Wait> waits;
  waits.emplace_back(first);
  waits.emplace_back(second);
  first.Open();
  auto outcome = co_await Select(JoinAll(std::move(waits)), Sleep(1s));
  EXPECT_EQ(outcome.Get<0>(), (std::vector<bool>{true, false}));
}
TEST(JoinAllTest, OfAwaitersThatAreNoTasks) { VirtualRuntime().Run(AwaitersMain()); }

Task<int> Fail(Duration after) {
  (void)co_await Sleep(after);
  throw std::runtime_error("broken");
}
Task<int> Note(int& ended) {
  (void)co_await Sleep(1s);
  co_return ++ended;
}
Task<void> ThrowMain() {
  int ended = 0;
  std::vector<Task<int>> parts;
  parts.push_back(Note(ended));
  parts.push_back(Fail(1ms));
  parts.push_back(Note(ended));
  EXPECT_THROW((void)co_await JoinAll(std::move(parts)), std::runtime_error);
  EXPECT_EQ(ended, 2);  // it waited for all
}
TEST(JoinAllTest, AnExceptionGoesOnWhenAllHaveEnded) { VirtualRuntime().Run(ThrowMain()); }

Task<bool> SleepTask(Duration span) { co_return co_await Sleep(span); }
Task<std::vector<bool>> SleepAll(size_t count) {
  std::vector<Task<bool>> parts;
  for (size_t i = 0; i < count; ++i) parts.push_back(SleepTask((i + 1) * 1s));
  co_return co_await JoinAll(std::move(parts));
}
Task<void> CancelMain() {
  constexpr size_t kParts = 6;
  for (size_t whole = 0; whole <= kParts; ++whole) {
    const Instant begin = Now();
    auto outcome = co_await Select(SleepAll(kParts), Sleep(whole * 1s + 500ms));
    const std::vector<bool>& slept = outcome.Get<0>();
    EXPECT_EQ(slept.size(), kParts);
    for (size_t i = 0; i < kParts; ++i) EXPECT_EQ(slept[i], i < whole) << whole << " " << i;
    EXPECT_LE(Now() - begin, whole * 1s + 510ms);
  }
}
TEST(JoinAllTest, CancelledAtAnyPointItHandsOnWhatHadEnded) { VirtualRuntime().Run(CancelMain()); }

}  // namespace
}  // namespace sluice::core::testing
