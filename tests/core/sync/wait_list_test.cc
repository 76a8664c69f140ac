// WaitList: order and removal against a vector; what is granted or cancelled reaches its task once.
#include "core/sync/wait_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/runtime/spawn.h"
#include "core/runtime/task_group.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "tests/core/support/run.h"
#include "tests/core/support/seed.h"
#include "tests/core/support/slots.h"
#include "tests/core/support/yield.h"

namespace sluice::core::testing {
namespace {

struct Item final : WaitEntry {
  explicit Item(int number) : number(number) {}
  void OnReady() override {}
  const int number;
};

using List = WaitList<Item>;

class WaitListTest : public ::testing::Test {
 protected:
  WaitListTest() {
    for (int i = 0; i < 12; ++i) items_.emplace_back(i);
  }
  ~WaitListTest() override {
    while (!list_.empty()) list_.Pop();
  }

  std::vector<int> Numbers() const {
    std::vector<int> numbers;
    for (const Item* item = list_.first(); item != nullptr; item = List::Next(*item)) {
      numbers.push_back(item->number);
    }
    return numbers;
  }

  absl::Mutex mutex_;
  List list_{mutex_};
  std::deque<Item> items_;
};

TEST_F(WaitListTest, FirstInFirstOut) {
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(list_.first(), nullptr);
  for (int i = 0; i < 3; ++i) list_.Push(items_[i]);
  EXPECT_EQ(list_.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(list_.Pop(), &items_[i]);
  EXPECT_TRUE(list_.empty());
  EXPECT_EQ(list_.size(), 0u);
}

TEST_F(WaitListTest, RemovesTheFirstTheLastOneBetweenAndTheOnlyOne) {
  for (int i = 0; i < 4; ++i) list_.Push(items_[i]);
  EXPECT_TRUE(list_.Remove(items_[3]));
  EXPECT_TRUE(list_.Remove(items_[0]));
  list_.Push(items_[0]);
  EXPECT_TRUE(list_.Remove(items_[2]));
  EXPECT_EQ(Numbers(), (std::vector<int>{1, 0}));
  EXPECT_TRUE(list_.Remove(items_[1]));
  EXPECT_TRUE(list_.Remove(items_[0]));
  EXPECT_TRUE(list_.empty());
}

TEST_F(WaitListTest, KnowsWhatIsInIt) {
  list_.Push(items_[0]);  // the only one points at itself
  EXPECT_TRUE(List::Contains(items_[0]));
  EXPECT_FALSE(List::Contains(items_[1]));
  list_.Pop();
  items_[0].next = &items_[1];  // the link of another list by now: a Post's
  EXPECT_FALSE(List::Contains(items_[0]));
  EXPECT_FALSE(list_.Remove(items_[0]));
}

TEST_F(WaitListTest, PopsTheFirstThatAccepts) {
  for (int i = 0; i < 4; ++i) list_.Push(items_[i]);
  const auto odd = [](const Item& item) { return item.number % 2 == 1; };
  EXPECT_EQ(list_.PopFirst(odd), &items_[1]);
  EXPECT_EQ(list_.PopFirst(odd), &items_[3]);
  EXPECT_EQ(list_.PopFirst(odd), nullptr);
  EXPECT_EQ(Numbers(), (std::vector<int>{0, 2}));
}

// Against a vector that does the same.
TEST_F(WaitListTest, DoesWhatAVectorDoes) {
  std::mt19937_64 random(Seed());
  std::vector<int> expected;
  for (int step = 0; step < 20'000; ++step) {
    Item& item = items_[random() % items_.size()];
    const auto place = std::ranges::find(expected, item.number);
    const bool is_in = place != expected.end();
    ASSERT_EQ(List::Contains(item), is_in);
    if (is_in) {
      ASSERT_TRUE(list_.Remove(item));
      expected.erase(place);
    } else if (!expected.empty() && random() % 2 == 0) {
      const auto before = static_cast<ptrdiff_t>(random() % expected.size());
      list_.InsertBefore(items_[expected[static_cast<size_t>(before)]], item);
      expected.insert(expected.begin() + before, item.number);
    } else {
      list_.Push(item);
      expected.push_back(item.number);
    }
    ASSERT_EQ(Numbers(), expected) << "step " << step;
    ASSERT_EQ(list_.size(), expected.size());
  }
}

struct Counts {
  std::string order;
  std::atomic<int> granted{0};
  std::atomic<int> cancelled{0};
};

Task<void> TakeAs(Slots& slots, int name, Counts& counts) {
  const bool granted = co_await slots.Take(name);
  ++(granted ? counts.granted : counts.cancelled);
  counts.order += static_cast<char>((granted ? 'a' : 'A') + name);
}
Task<void> Then(int yields, auto act) {
  for (; yields > 0; --yields) co_await Yield();
  act();
}

Task<void> OrderMain() {
  Slots slots(1);
  Counts counts;
  EXPECT_TRUE(co_await slots.Take());  // at once
  co_await Join(TakeAs(slots, 0, counts), TakeAs(slots, 1, counts), TakeAs(slots, 2, counts),
                TakeAs(slots, 3, counts), Then(1, [&slots] {
                  EXPECT_EQ(slots.waiting(), 4u);
                  EXPECT_TRUE(slots.GiveTo(2));
                  EXPECT_FALSE(slots.GiveTo(2));
                  slots.Give();
                  slots.GiveAll();
                  EXPECT_EQ(slots.waiting(), 0u);
                }));
  EXPECT_EQ(counts.order, "cabd");
  EXPECT_FALSE(slots.TryTake());
}
TEST(WaitAwaiterTest, GrantsInOrderAndToTheChosenOne) { TestRuntime(1).Run(OrderMain()); }

Task<void> CancelMain() {
  Slots slots(0);
  Counts counts;
  // The second gives up; the others keep their order.
  auto second = [](Slots& from, Counts& told) -> Task<void> {
    (void)co_await Select(TakeAs(from, 1, told), Then(1, [] {}));
  };
  co_await Join(TakeAs(slots, 0, counts), second(slots, counts), TakeAs(slots, 2, counts),
                Then(3, [&slots] {
                  EXPECT_EQ(slots.waiting(), 2u);
                  slots.Give();
                  slots.Give();
                  slots.Give();
                }));
  EXPECT_EQ(counts.order, "Bac");
  EXPECT_TRUE(slots.TryTake());
  EXPECT_FALSE(slots.TryTake());
  // In a scope that is cancelled already nothing waits, and nothing is taken.
  slots.Give();
  (void)co_await Select(Then(0, [] {}), TakeAs(slots, 3, counts));
  EXPECT_EQ(counts.order, "BacD");
  EXPECT_TRUE(slots.TryTake());
}
TEST(WaitAwaiterTest, OneThatGivesUpTakesNothing) { TestRuntime(1).Run(CancelMain()); }

// A grant that is on its way when the scope is cancelled is handed on.
Task<void> LateMain() {
  Slots slots(0);
  Counts counts;
  (void)co_await Select(TakeAs(slots, 0, counts), Then(1, [&slots] { slots.Give(); }));
  EXPECT_EQ(counts.order, "a");
}
TEST(WaitAwaiterTest, AGrantThatWonIsKept) { TestRuntime(1).Run(LateMain()); }

// Slots go round among tasks on three workers, most of which give up at some moment.
Task<void> Hurry(Slots& slots, int patience, Counts& counts) {
  auto take = [](Slots& from) -> Task<bool> { co_return co_await from.Take(); };
  auto outcome = co_await Select(take(slots), Then(patience, [] {}));
  const bool granted = outcome.Get<0>();
  ++(granted ? counts.granted : counts.cancelled);
  if (!granted) co_return;
  co_await Yield();
  slots.Give();
}
Task<void> StormMain(TestRuntime& runtime, Slots& slots, Counts& counts, int tasks) {
  TaskGroup group(runtime.handle());
  for (int i = 0; i < tasks; ++i) {
    group.Spawn(Hurry(slots, i % 5, counts), runtime.worker(static_cast<uint32_t>(i) % 3));
  }
  co_await group.Join();
}
TEST(WaitAwaiterTest, NothingIsLostInAStorm) {
  constexpr int kTasks = 20'000;
  TestRuntime runtime(3);
  Slots slots(2);
  Counts counts;
  runtime.Run(StormMain(runtime, slots, counts, kTasks));
  EXPECT_EQ(counts.granted + counts.cancelled, kTasks);
  EXPECT_GT(counts.granted, 0);
  EXPECT_GT(counts.cancelled, 0);
  EXPECT_EQ(slots.waiting(), 0u);
  EXPECT_TRUE(slots.TryTake());
  EXPECT_TRUE(slots.TryTake());
  EXPECT_FALSE(slots.TryTake());
}

}  // namespace
}  // namespace sluice::core::testing
