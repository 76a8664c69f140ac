// Unordered: values in the order in which they come, inside one task.

#include "core/combine/unordered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "core/task/select.h"
#include "core/time/now.h"
#include "core/time/sleep.h"
#include "tests/core/support/cancellable_gate.h"
#include "tests/core/support/run.h"
#include "tests/core/support/virtual_time.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

Task<int> After(Duration after, int value) { co_return co_await Sleep(after) ? value : -value; }
template <typename T>
Task<std::vector<int>> TakeAll(Unordered<T>& set) {
  std::vector<int> values;
  while (std::optional<T> value = co_await set.Next()) values.push_back(*value);
  co_return values;
}

Task<void> OrderMain() {
  Unordered<int> set;
  EXPECT_FALSE((co_await set.Next()).has_value());
  for (int i = 1; i <= 50; ++i) set.Add(After((i * 37 % 50 + 1) * 10ms, i * 37 % 50 + 1));
  EXPECT_EQ(set.size(), 50u);
  const std::vector<int> values = co_await TakeAll(set);
  EXPECT_EQ(values.size(), 50u);
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  EXPECT_TRUE(set.empty());
}
TEST(UnorderedTest, ValuesComeAsTheyEnd) { VirtualRuntime().Run(OrderMain()); }

Task<int> Ready(int value) { co_return value; }
Task<void> ReadyMain() {
  Unordered<int> set;
  for (int i = 0; i < 4; ++i) set.Add(Ready(i));
  const std::vector<int> values = co_await TakeAll(set);
  EXPECT_EQ(values, (std::vector<int>{0, 1, 2, 3}));
}
TEST(UnorderedTest, WhatIsReadyComesInOrder) { VirtualRuntime().Run(ReadyMain()); }

Task<int> Note(int& begun, CancellableGate& gate) {
  const int number = ++begun;
  (void)co_await gate;
  co_return number;
}
Task<void> LazyMain() {
  int begun = 0;
  CancellableGate gate;
  Unordered<int> set;
  set.Add(Note(begun, gate));
  co_await Yield();
  EXPECT_EQ(begun, 0);
  set.Add(Ready(9));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(9));
  EXPECT_EQ(begun, 1);
  gate.Open();  // while the owner waits for something else
  co_await Turns(2);
  EXPECT_EQ(co_await set.Next(), std::optional<int>(1));
}
TEST(UnorderedTest, BeginsWithNextAndGoesOnBetween) { TestRuntime(1).Run(LazyMain()); }

// Each number below 100 finds two more.
Task<int> Crawl(Unordered<int>& set, int page) {
  if (page % 3 == 0) (void)co_await Sleep(page * 1ms);
  for (const int found : {2 * page, 2 * page + 1}) {
    if (found < 100) set.Add(Crawl(set, found));
  }
  co_return page;
}
Task<void> CrawlMain() {
  Unordered<int> set;
  set.Add(Crawl(set, 1));
  std::vector<int> pages = co_await TakeAll(set);
  std::sort(pages.begin(), pages.end());
  EXPECT_EQ(pages.size(), 99u);
  for (size_t i = 0; i < pages.size(); ++i) EXPECT_EQ(pages[i], static_cast<int>(i) + 1);
}
TEST(UnorderedTest, WhatRunsInItMayAddMore) { VirtualRuntime().Run(CrawlMain()); }

// What is added while Next waits begins at once, also when it ends at once.
Task<int> AddsThenWaits(Unordered<int>& set, CancellableGate& gate) {
  (void)co_await Sleep(1ms);
  set.Add(Ready(1));
  set.Add(Ready(2));
  (void)co_await gate;
  co_return 3;
}
Task<void> AddMain() {
  CancellableGate gate;
  Unordered<int> set;
  set.Add(AddsThenWaits(set, gate));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(1));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(2));
  gate.Open();
  EXPECT_EQ(co_await set.Next(), std::optional<int>(3));
  EXPECT_TRUE(set.empty());
}
TEST(UnorderedTest, WhatIsAddedWhileNextWaitsBeginsAtOnce) { VirtualRuntime().Run(AddMain()); }

Task<void> VoidMain() {
  Unordered<> set;
  CancellableGate gate;
  set.Add([](CancellableGate& gate) -> Task<void> { (void)co_await gate; }(gate));
  gate.Open();
  EXPECT_TRUE((co_await set.Next()).has_value());
  EXPECT_FALSE((co_await set.Next()).has_value());
  Unordered<bool> sleeps;
  CancellableGate open;
  open.Open();
  sleeps.Add(open);  // an lvalue that is no Task
  EXPECT_EQ(co_await sleeps.Next(), std::optional<bool>(true));
}
TEST(UnorderedTest, OfNothingAndOfWhatIsNoTask) { VirtualRuntime().Run(VoidMain()); }

Task<int> Fail(Duration after) {
  (void)co_await Sleep(after);
  throw std::runtime_error("broken");
}
Task<void> ThrowMain() {
  Unordered<int> set;
  set.Add(After(3ms, 3));
  set.Add(Fail(2ms));
  set.Add(After(1ms, 1));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(1));
  EXPECT_THROW((void)co_await set.Next(), std::runtime_error);
  EXPECT_EQ(co_await set.Next(), std::optional<int>(3));
  EXPECT_TRUE(set.empty());
}
TEST(UnorderedTest, AnExceptionComesInItsTurnAndTheOthersGoOn) {
  VirtualRuntime().Run(ThrowMain());
}

Task<std::vector<int>> Loop(int parts) {
  Unordered<int> set;
  for (int i = 1; i <= parts; ++i) set.Add(After(i * 1s, i));
  co_return co_await TakeAll(set);
}
Task<void> CancelMain() {
  constexpr int kParts = 5;
  for (int whole = 0; whole <= kParts; ++whole) {
    const Instant begin = Now();
    auto outcome = co_await Select(Loop(kParts), Sleep(whole * 1s + 500ms));
    std::vector<int> values = outcome.Get<0>();
    // All of them came, each once: those that had ended with their value.
    EXPECT_EQ(values.size(), static_cast<size_t>(kParts));
    for (int i = 1; i <= kParts; ++i) {
      EXPECT_EQ(std::count(values.begin(), values.end(), i <= whole ? i : -i), 1) << whole << i;
    }
    EXPECT_LE(Now() - begin, whole * 1s + 520ms);
  }
}
TEST(UnorderedTest, CancelledAtAnyPointThePlainLoopStillTakesAll) {
  VirtualRuntime().Run(CancelMain());
}

// The scope is cancelled while the owner is away, and before anything has begun.
Task<std::vector<int>> LateLoop() {
  Unordered<int> set;
  set.Add(After(1h, 1));
  set.Add(Ready(2));
  std::vector<int> values = {*co_await set.Next()};
  (void)co_await Sleep(1h);  // cut short
  set.Add(After(1h, 3));
  for (const int value : co_await TakeAll(set)) values.push_back(value);
  co_return values;
}
Task<void> LateMain() {
  auto outcome = co_await Select(LateLoop(), Sleep(1s));
  EXPECT_EQ(outcome.Get<0>(), (std::vector<int>{2, -3, -1}));
}
TEST(UnorderedTest, ACancellationThatCameBetweenReachesAllWithNext) {
  VirtualRuntime().Run(LateMain());
}

Task<void> DrainMain() {
  const Instant begin = Now();
  Unordered<int> set;
  for (int i = 0; i < 4; ++i) set.Add(After(1h, i));
  set.Add(Fail(1h));
  set.Add(After(1ms, 7));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(7));
  set.Add(After(1h, 9));
  co_await set.Drain();
  EXPECT_TRUE(set.empty());
  EXPECT_LE(Now() - begin, 10ms);
  set.Add(After(1ms, 8));
  EXPECT_EQ(co_await set.Next(), std::optional<int>(8));
}
TEST(UnorderedTest, DrainEndsAllAndItCanBeUsedAgain) { VirtualRuntime().Run(DrainMain()); }

Task<void> DropMain() {
  CancellableGate gate;
  int begun = 0;
  Unordered<int> set;
  set.Add(Note(begun, gate));
  set.Add(Ready(1));
  (void)co_await set.Next();
}
TEST(UnorderedTest, DroppedWhileSomethingRunsIsAMistakeThatSaysWhatToDo) {
  EXPECT_DEATH(VirtualRuntime().Run(DropMain()), "await Next\\(\\) until it brings nothing");
}

Task<void> FreshMain() {
  int begun = 0;
  CancellableGate gate;
  {
    Unordered<int> set;
    set.Add(Note(begun, gate));
  }
  EXPECT_EQ(begun, 0);
  co_return;
}
TEST(UnorderedTest, WhatHasNotBegunMayBeDropped) { VirtualRuntime().Run(FreshMain()); }

}  // namespace
}  // namespace sluice::core::testing
